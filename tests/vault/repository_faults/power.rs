//! Power losses at each operation: only what was synced is sure to be there.

use super::days::{let_days_pass, old_repository};
use super::judge::{Place, ids, judge};
use super::kills::can_trace;
use super::model::{Disk, Loss, Tree, read, write};
use super::step;
use crate::common::growing::Growing;
use crate::common::trace::{self, Deed, Op, Plan, Traced};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use zoovault::history::receipt::RECEIPT_NAME;
use zoovault::repository::name::REPOSITORY as REPOSITORY_NAME;

/// Follows a run on the model of the disk, and keeps what could be found after each operation.
struct Followed<'a> {
    disk: &'a mut Disk,
    /// Where the program is killed, if it is.
    kill_at: Option<usize>,
    step: usize,
    count: usize,
    found: BTreeSet<Tree>,
}

impl Plan for Followed<'_> {
    fn before(&mut self, index: usize, _: &Op) -> Deed {
        match self.kill_at == Some(index) {
            true => Deed::Kill,
            false => Deed::Pass,
        }
    }

    fn after(&mut self, op: &Op, contents: Option<Vec<u8>>) {
        self.disk.apply(op, contents);
        self.count += 1;
        if self.count.is_multiple_of(self.step) {
            let seed = self.count as u64;
            self.found.extend(losses(self.disk, seed));
        }
    }
}

/// What could be found after a power loss.
fn losses(disk: &Disk, seed: u64) -> impl Iterator<Item = Tree> {
    let some = (0..3).map(move |more| Loss::Some(seed * 3 + more));
    let losses = [Loss::Unsynced, Loss::Bytes].into_iter().chain(some);
    losses.map(|loss| disk.after(loss))
}

/// A place whose disk is followed through several runs. The source and temporary files are on
/// another one, which is not looked at.
#[derive(Clone)]
struct Scene {
    place: Rc<Place>,
    disk: Disk,
    truth: Rc<Growing>,
    /// Whether it was reported that there is a repository.
    is_made: bool,
    /// The backups that were reported, and not to be forgotten since.
    reported: Vec<String>,
    /// The backups that were reported to be forgotten.
    forgotten: Vec<String>,
    /// The backups that were reported to be in the second repository.
    copied: Vec<String>,
    /// What a restore makes, and whether it was reported.
    restored: Option<(Tree, bool)>,
    /// How many states were judged.
    judged: usize,
}

const REPOSITORY: &str = "disk/repository";
const INIT: [&str; 3] = ["init", "--repo", REPOSITORY];
const BACKUP: [&str; 4] = ["backup", "source", "--repo", REPOSITORY];

impl Scene {
    /// An empty disk.
    fn new() -> Scene {
        let place = Place::new();
        std::fs::create_dir(place.path().join("disk")).unwrap();
        Scene {
            disk: Disk::of(&place.path().join("disk")),
            place: Rc::new(place),
            truth: Rc::new(Growing::of("small-3.8")),
            is_made: false,
            reported: Vec::new(),
            forgotten: Vec::new(),
            copied: Vec::new(),
            restored: None,
            judged: 0,
        }
    }

    fn root(&self) -> PathBuf {
        self.place.path().join("disk")
    }

    /// The same, elsewhere.
    fn copy(&self) -> Scene {
        let place = self.place.copy();
        let disk = self.disk.at(&place.path().join("disk"));
        Scene {
            disk,
            place: Rc::new(place),
            judged: 0,
            ..self.clone()
        }
    }

    /// A repository that was made ten days ago, and a source that was backed up after each of
    /// `states`. What comes `then` lasts.
    fn old(states: &[usize], then: &dyn Fn(&Path, &[String])) -> Scene {
        let (place, truth, reported) = old_repository(states);
        let root = place.path().join("disk");
        std::fs::create_dir(&root).unwrap();
        let repository = place.path().join(REPOSITORY);
        std::fs::rename(place.repository(), &repository).unwrap();
        then(&repository, &reported);
        Scene {
            disk: Disk::of(&root),
            place: Rc::new(place),
            truth: Rc::new(truth),
            is_made: true,
            reported,
            forgotten: Vec::new(),
            copied: Vec::new(),
            restored: None,
            judged: 0,
        }
    }

    /// Runs the program, and gives all that could be found if the power went meanwhile.
    fn run(
        &mut self,
        args: &[&str],
        kill_at: Option<usize>,
        step: usize,
    ) -> (Traced, BTreeSet<Tree>) {
        let command = self.place.program(&[args, &["--json"]].concat());
        let root = self.root();
        let mut plan = Followed {
            disk: &mut self.disk,
            kill_at,
            step,
            count: 0,
            found: BTreeSet::new(),
        };
        let traced = trace::run(&command, &root, &mut plan).unwrap();
        let found = plan.found;
        // The model has seen all that was done.
        assert!(self.disk.seen() == read(&root), "{args:?}");
        (traced, found)
    }

    /// Runs the program, which has to go well. Gives what it says.
    fn run_well(&mut self, args: &[&str]) -> Value {
        let (done, _) = self.run(args, None, usize::MAX);
        assert_eq!(done.code, Some(0), "{args:?}: {}", done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// Runs the program, which has to go well, and judges what could be found if the power went
    /// meanwhile, or then.
    fn step(&mut self, args: &[&str], step: usize) {
        let (traced, found) = self.run(args, None, step);
        assert_eq!(traced.code, Some(0), "{args:?}: {}", traced.stderr);
        self.judge(found, &format!("{args:?}, meanwhile"));
        if args[0] == "backup" {
            let told = serde_json::from_str(&traced.stdout).unwrap();
            self.reported.extend(ids(&told));
        }
        self.is_made = true;
        self.judge_end(&format!("after {args:?}"));
    }

    /// Judges what could be found if the power went now.
    fn judge_end(&mut self, what: &str) {
        let seed = 1000 * self.judged as u64;
        let found = losses(&self.disk, seed).collect();
        self.judge(found, what);
    }

    fn grow(&self, txns: usize) {
        self.truth.write(&self.place.path().join("source"), txns);
    }

    fn judge(&mut self, found: BTreeSet<Tree>, what: &str) {
        let lost = tempfile::tempdir().unwrap();
        for tree in found {
            write(&tree, lost.path());
            let repository = lost.path().join("repository");
            if self.is_made || repository.join(REPOSITORY_NAME).exists() {
                let there = judge(&repository, &self.reported, &self.truth, what);
                let has_come_back = there.iter().any(|it| self.forgotten.contains(&it.id));
                assert!(!has_come_back, "{what}: a forgotten backup has come back");
                self.judged += 1;
            }
            let other = lost.path().join("other");
            if other.exists() {
                judge(
                    &other,
                    &self.copied,
                    &self.truth,
                    &format!("{what}: the copy"),
                );
            }
            if let Some((expected, is_reported)) = &self.restored {
                let found = below(&tree, "target");
                let is_there = tree.contains_key(Path::new("target"));
                assert!(is_there || !is_reported, "{what}: the target is gone");
                let names: Vec<&PathBuf> = found.keys().collect();
                let is_whole = !is_there || found == *expected;
                assert!(is_whole, "{what}: another target: {names:?}");
            }
        }
    }
}

/// What is below a folder of a tree, without receipts, which tell where it is.
fn below(tree: &Tree, folder: &str) -> Tree {
    let below = tree.iter().filter_map(|(path, contents)| {
        let path = path.strip_prefix(folder).ok()?;
        Some((path.to_owned(), contents.clone()))
    });
    below
        .filter(|(path, _)| path != Path::new("") && !path.ends_with(RECEIPT_NAME))
        .collect()
}

#[test]
fn after_a_power_loss_all_backups_are_there_that_were_reported() {
    if !can_trace() {
        return;
    }
    let step = step(5);
    let mut scene = Scene::new();
    scene.step(&INIT, step);
    for txns in [5, 17, 18, 30] {
        scene.grow(txns);
        scene.step(&BACKUP, step);
    }
    scene.grow(40);
    let every = [BACKUP.as_slice(), &["--base-every", "1k"]].concat();
    scene.step(&every, step);
    assert_eq!(scene.reported.len(), 5);
    let restore = ["restore", REPOSITORY, "--to", "latest", "--target"];
    scene.place.run(&[restore.as_slice(), &["target"]].concat());
    let made = read(&scene.place.path().join("target"));
    let made = below(&made, "");
    assert!(made.len() > 1);
    scene.restored = Some((made, false));
    scene.step(&[restore.as_slice(), &["disk/target"]].concat(), step);
    scene.restored = scene.restored.map(|(tree, _)| (tree, true));
    scene.judge_end("after a restore");
    eprintln!("power losses: {} states", scene.judged);
}

/// Kills `args` at each operation, each time on a copy of `scene`; does what comes `next`, and then
/// the power goes.
fn behind_kills(scene: &Scene, args: &[&str], step: usize, next: &dyn Fn(&mut Scene)) {
    let (clean, _) = scene.copy().run(args, None, usize::MAX);
    let (mut points, mut judged) = (0, 0);
    // From the last one on: there is what was committed, and not synced.
    for at in (0..clean.ops.len()).rev().step_by(step) {
        let mut scene = scene.copy();
        scene.run(args, Some(at), usize::MAX);
        points += 1;
        next(&mut scene);
        scene.judge_end(&format!("{args:?} was killed at {at}, and then others ran"));
        judged += scene.judged;
    }
    assert!(points > 1, "{args:?}");
    let what = args[0];
    eprintln!("power losses behind kills of {what}: {points} kills, {judged} states");
}

/// A run that is killed leaves names that it did not sync. Whoever rests on them has to.
#[test]
fn after_a_power_loss_a_backup_is_there_that_was_made_after_another_run_was_killed() {
    if !can_trace() {
        return;
    }
    let mut scene = Scene::new();
    scene.grow(12);
    let next = |scene: &mut Scene| {
        if !scene
            .root()
            .join("repository")
            .join(REPOSITORY_NAME)
            .exists()
        {
            scene.run_well(&INIT);
        }
        scene.reported = ids(&scene.run_well(&BACKUP));
        scene.is_made = true;
    };
    behind_kills(&scene, &INIT, step(1), &next);
    scene.step(&INIT, usize::MAX);
    behind_kills(&scene, &BACKUP, step(3), &next);
}

const FORGET: [&str; 5] = ["forget", "--repo", REPOSITORY, "--keep-last", "1"];
const PRUNE: [&str; 4] = ["prune", "--repo", REPOSITORY, "--yes"];
const COPY: [&str; 5] = ["copy", "--repo", REPOSITORY, "--target", "disk/other"];

#[test]
fn after_a_power_loss_in_a_forget_all_or_nothing_is_forgotten() {
    if !can_trace() {
        return;
    }
    let mut scene = Scene::old(&[8, 16, 24], &|_, _| {});
    let all = scene.reported.clone();
    scene.reported.drain(..2);
    let next = |scene: &mut Scene| {
        scene.run_well(&FORGET);
        scene.forgotten = all[..2].to_vec();
    };
    behind_kills(&scene, &FORGET, step(1), &next);
    scene.step(&FORGET, 1);
    scene.forgotten = all[..2].to_vec();
    scene.judge_end("after a forget");
    eprintln!("power losses in a forget: {} states", scene.judged);
}

#[test]
fn after_a_power_loss_in_a_prune_all_is_there_that_is_needed_and_nothing_comes_back() {
    if !can_trace() {
        return;
    }
    let mut scene = Scene::old(&[7, 14, 21, 28, 35, 42], &let_days_pass);
    scene.forgotten = scene.reported.drain(..3).collect();
    behind_kills(&scene, &PRUNE, step(3), &|scene| {
        scene.run_well(&PRUNE);
    });
    scene.step(&PRUNE, step(3));
    eprintln!("power losses in a prune: {} states", scene.judged);
}

#[test]
fn after_a_power_loss_in_a_copy_all_is_there_that_was_reported() {
    if !can_trace() {
        return;
    }
    let mut scene = Scene::old(&[8, 16, 24, 32], &|_, _| {});
    scene.place.run(&["init", "--repo", "disk/other"]);
    let first = [COPY.as_slice(), &[&scene.reported[0]]].concat();
    scene.place.run(&first);
    scene.disk = Disk::of(&scene.root());
    scene.copied = scene.reported[..1].to_vec();
    behind_kills(&scene, &COPY, step(3), &|scene| {
        scene.run_well(&COPY);
        scene.copied.clone_from(&scene.reported);
    });
    scene.step(&COPY, step(3));
    scene.copied.clone_from(&scene.reported);
    scene.judge_end("after a copy");
    eprintln!("power losses in a copy: {} states", scene.judged);
}
