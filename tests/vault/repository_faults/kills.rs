//! Runs that are killed, or told of a failure, at each operation.

use super::judge::{Place, judge};
use super::step;
use crate::common;
use crate::common::growing::Growing;
use crate::common::trace::{self, Deed, Op, Plan};
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use zoovault::history::receipt::RECEIPT_NAME;
use zoovault::zxid::Zxid;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The program is killed before an operation.
    Kill,
    /// It is killed in the middle of a write.
    Tear,
    /// An operation fails.
    Fail(Errno),
    /// The disk breaks: all operations from one on fail.
    Broken,
    /// The disk is full: nothing can be created or written from an operation on.
    Full,
}

const FAULTS: [Fault; 6] = [
    Fault::Kill,
    Fault::Tear,
    Fault::Fail(Errno::EIO),
    Fault::Fail(Errno::ENOSPC),
    Fault::Broken,
    Fault::Full,
];

/// A fault at an operation.
struct Injected {
    fault: Fault,
    at: usize,
    /// Whether the program came to that operation.
    was_reached: bool,
    /// Whether the fault is one of such an operation.
    is_fit: bool,
}

impl Injected {
    fn deed(&self, op: &Op) -> Option<Deed> {
        let takes_room = matches!(op, Op::Create(..) | Op::Write(_) | Op::MakeDir(_));
        match self.fault {
            Fault::Kill => Some(Deed::Kill),
            Fault::Tear => matches!(op, Op::Write(_)).then_some(Deed::Tear),
            Fault::Fail(errno) => Some(Deed::Fail(errno)),
            Fault::Broken => Some(Deed::Fail(Errno::EIO)),
            Fault::Full => takes_room.then_some(Deed::Fail(Errno::ENOSPC)),
        }
    }
}

impl Plan for Injected {
    fn before(&mut self, index: usize, op: &Op) -> Deed {
        let deed = self.deed(op);
        if index == self.at {
            self.was_reached = true;
            self.is_fit = deed.is_some();
        }
        let goes_on = matches!(self.fault, Fault::Broken | Fault::Full);
        let is_hit = self.is_fit && (index == self.at || (goes_on && index > self.at));
        deed.filter(|_| is_hit).unwrap_or(Deed::Pass)
    }
}

/// A command, and the state in which it is run.
pub struct Scene {
    pub name: &'static str,
    /// What is there before.
    pub place: Place,
    pub args: Vec<String>,
    /// The statuses that it may end with when something fails.
    pub failures: &'static [i32],
    /// The ids of the backups that are there, and have to stay.
    pub promised: Vec<String>,
    /// The last zxid that the source has.
    pub last: Zxid,
    pub truth: Growing,
}

/// What is to be seen of a scene that was played to its end, or as far as it came.
pub type Judge<'a> = &'a dyn Fn(&Scene, &Path, &str);

/// Says loudly that nothing is tried, where it cannot be.
pub fn can_trace() -> bool {
    match trace::is_possible() {
        Ok(()) => true,
        Err(err) => {
            common::missing(&format!("faults at each operation: {err}"), true);
            false
        }
    }
}

/// Plays `scene` again and again, each time with a fault at another operation. After each,
/// `after_fault` judges; then the same command has to go well, and `in_the_end` judges.
pub fn campaign(scene: &Scene, after_fault: Judge<'_>, in_the_end: Judge<'_>) {
    let mut tried = BTreeMap::new();
    for (index, fault) in FAULTS.into_iter().enumerate() {
        // Few operations are writes.
        let step = step(if fault == Fault::Tear { 2 } else { 7 });
        for at in (index * 3 % step..).step_by(step) {
            let what = format!("{}: {fault:?} at {at}", scene.name);
            let place = scene.place.copy();
            let mut plan = Injected {
                fault,
                at,
                was_reached: false,
                is_fit: false,
            };
            let command = place.program(&scene.args());
            let traced = trace::run(&command, place.path(), &mut plan).unwrap();
            if !plan.was_reached {
                assert_eq!(traced.code, Some(0), "{what}: {}", traced.stderr);
                break;
            }
            if !plan.is_fit {
                continue;
            }
            *tried.entry(format!("{fault:?}")).or_insert(0) += 1;
            match traced.code {
                Some(0) => in_the_end(scene, place.path(), &what),
                // A failure that could be told was told.
                Some(code) => {
                    let is_told = !traced.stderr.is_empty() || !traced.stdout.is_empty();
                    let is_fit = scene.failures.contains(&code) && is_told;
                    assert!(is_fit, "{what}: {code}: {}", traced.stderr);
                }
                None => assert!(matches!(fault, Fault::Kill | Fault::Tear), "{what}"),
            }
            after_fault(scene, place.path(), &what);
            let again = place.program(&scene.args()).output().unwrap();
            let told = String::from_utf8_lossy(&again.stderr);
            assert_eq!(again.status.code(), Some(0), "{what}: again: {told}");
            in_the_end(scene, place.path(), &what);
        }
    }
    let points: usize = tried.values().sum();
    eprintln!("{}: {points} points, {tried:?}", scene.name);
    assert!(points >= FAULTS.len(), "{}", scene.name);
}

impl Scene {
    /// The command.
    pub fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    /// A source that was backed up after each of `states`, with `more` arguments, and then went on
    /// to `next`.
    pub fn backup(
        name: &'static str,
        fixture: &str,
        states: &[usize],
        next: usize,
        more: &[&str],
    ) -> Scene {
        let (place, truth) = (Place::new(), Growing::of(fixture));
        place.run(&["init", "--repo", "repository"]);
        let source = Path::new("source");
        let mut promised = Vec::new();
        for state in states {
            truth.write(&place.path().join(source), *state);
            promised.extend(place.back_up(source, more));
        }
        truth.write(&place.path().join(source), next);
        let args = ["backup", "source", "--repo", "repository"];
        let args = args.iter().chain(more).map(|arg| (*arg).to_owned());
        Scene {
            name,
            place,
            args: args.collect(),
            failures: &[1],
            promised,
            last: truth.zxid(next),
            truth,
        }
    }
}

/// A repository is whole, whatever was done to a backup.
pub fn is_whole(scene: &Scene, place: &Path, what: &str) {
    judge(
        &place.join("repository"),
        &scene.promised,
        &scene.truth,
        what,
    );
}

/// The newest backup holds all that the source has.
fn has_all(scene: &Scene, place: &Path, what: &str) {
    let backups = judge(
        &place.join("repository"),
        &scene.promised,
        &scene.truth,
        what,
    );
    assert_eq!(backups.last().unwrap().zxid, scene.last, "{what}");
    assert!(backups.len() > scene.promised.len(), "{what}");
}

#[test]
fn a_first_backup_that_fails_anywhere_leaves_what_the_next_one_takes() {
    if can_trace() {
        let scene = Scene::backup("a first backup", "small-3.8", &[], 42, &[]);
        campaign(&scene, &is_whole, &has_all);
    }
}

#[test]
fn a_backup_that_fails_anywhere_harms_none_before_it() {
    if can_trace() {
        let scene = Scene::backup("a further backup", "small-3.9", &[10, 20], 33, &[]);
        campaign(&scene, &is_whole, &has_all);
    }
}

#[test]
fn a_backup_that_fails_while_a_base_is_due_harms_none_before_it() {
    if can_trace() {
        let every = ["--base-every", "1k"];
        let scene = Scene::backup("a backup with a base", "small-3.8", &[12, 30], 40, &every);
        campaign(&scene, &is_whole, &has_all);
    }
}

#[test]
fn a_backup_that_fails_while_logs_are_laid_together_harms_none_before_it() {
    if can_trace() {
        let states: Vec<usize> = (3..26).collect();
        let scene = Scene::backup("a backup that merges", "small-3.8", &states, 26, &[]);
        campaign(&scene, &is_whole, &has_all);
        let logs = |place: &Place| {
            let folder = place.repository().join("log");
            let lineage = fs::read_dir(folder)
                .unwrap()
                .next()
                .unwrap()
                .unwrap()
                .path();
            fs::read_dir(lineage).unwrap().count()
        };
        let before = logs(&scene.place);
        scene.place.run(&scene.args());
        // The new txn's, and the one that all were laid together in.
        assert_eq!(logs(&scene.place), before + 2);
    }
}

/// The files below a directory, without receipts, which tell where it is.
pub fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if !path.ends_with(RECEIPT_NAME) {
                let bytes = fs::read(&path).unwrap();
                found.insert(path, bytes);
            }
        }
    }
    found
        .into_iter()
        .map(|(path, bytes)| (path.strip_prefix(dir).unwrap().to_owned(), bytes))
        .collect()
}

#[test]
fn a_restore_that_fails_anywhere_leaves_all_or_nothing_and_a_repository_as_it_was() {
    if !can_trace() {
        return;
    }
    let every = ["--base-every", "1k"];
    let mut scene = Scene::backup("a restore", "small-3.8", &[12, 30], 30, &every);
    let args = [
        "restore",
        "repository",
        "--to",
        "latest",
        "--target",
        "target",
    ];
    scene.args = args.map(str::to_owned).to_vec();
    let clean = scene.place.copy();
    clean.run(&scene.args());
    let (target, repository) = (
        files(&clean.path().join("target")),
        files(&clean.repository()),
    );
    assert!(target.len() > 1);
    let has_target = |_: &Scene, place: &Path, what: &str| {
        assert!(files(&place.join("target")) == target, "{what}");
    };
    let all_or_nothing = |scene: &Scene, place: &Path, what: &str| {
        if place.join("target").exists() {
            has_target(scene, place, what);
            fs::remove_dir_all(place.join("target")).unwrap();
        }
        assert!(files(&place.join("repository")) == repository, "{what}");
    };
    campaign(&scene, &all_or_nothing, &has_target);
}
