//! Power losses at each operation: only what was synced is sure to be there.

use crate::growing::Growing;
use crate::judge::{Place, ids, judge};
use crate::kills::can_trace;
use crate::model::{Disk, Loss, Tree, read, write};
use crate::step;
use crate::trace::{self, Deed, Op, Plan, Traced};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use zoovault::receipt::RECEIPT_NAME;
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

/// A place whose disk is followed through several runs. The source and temporary files are on another one, which is not looked at.
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
            ..self.clone()
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

    /// Runs the program, which has to go well, and judges what could be found if the power went meanwhile.
    fn step(&mut self, args: &[&str], step: usize) -> Traced {
        let (traced, found) = self.run(args, None, step);
        assert_eq!(traced.code, Some(0), "{args:?}: {}", traced.stderr);
        self.judge(found, &format!("{args:?}, meanwhile"));
        if args[0] == "backup" {
            let told = serde_json::from_str(&traced.stdout).unwrap();
            self.reported.extend(ids(&told));
        }
        self.is_made = true;
        self.judge_end(&format!("after {args:?}"));
        traced
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

/// A run that is killed leaves names that it did not sync. Whoever rests on them has to.
#[test]
fn after_a_power_loss_a_backup_is_there_that_was_made_after_another_was_killed() {
    if !can_trace() {
        return;
    }
    let mut points = 0;
    let mut judged = 0;
    let mut empty = Scene::new();
    empty.step(&INIT, 1);
    empty.grow(12);
    for first in [INIT.as_slice(), &BACKUP] {
        for at in (0..).step_by(step(3)) {
            let mut scene = match first[0] {
                "init" => Scene::new(),
                _ => empty.copy(),
            };
            scene.grow(12);
            let (killed, _) = scene.run(first, Some(at), usize::MAX);
            if killed.code.is_some() {
                break;
            }
            points += 1;
            if !scene.is_made
                && !scene
                    .root()
                    .join("repository")
                    .join(REPOSITORY_NAME)
                    .exists()
            {
                scene.step(&INIT, usize::MAX);
            }
            let (done, _) = scene.run(&BACKUP, None, usize::MAX);
            assert_eq!(done.code, Some(0), "{}", done.stderr);
            scene.is_made = true;
            scene.reported = ids(&serde_json::from_str(&done.stdout).unwrap());
            scene.judge_end(&format!(
                "{first:?} was killed at {at}, and a backup was made"
            ));
            judged += scene.judged;
        }
    }
    eprintln!("power losses behind kills: {points} kills, {judged} states");
}
