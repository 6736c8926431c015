//! Backups against histories that are known txn by txn: what is in the repository is what was
//! written, whatever the sources went through.
#![allow(
    clippy::single_range_in_vec_init,
    reason = "a source has any number of logs, each a range of steps, and often one"
)]

use crate::common::historian;
use crate::common::logs;
use crate::common::random;

use historian::{Historian, Step, acl_ids, fuzzy_snapshot};
use object_store::memory::InMemory;
use random::Random;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use zoovault::backup::run::{Backup, BaseEvery, Options, Plan, backup, execute, plan};
use zoovault::error::ErrorKind;
use zoovault::history::point::Point;
use zoovault::history::replay::rebuild;
use zoovault::history::source::{self, Source};
use zoovault::progress::NoProgress;
use zoovault::recovery::restore::write_snapshot;
use zoovault::repository::{Repository, Storage, Which};
use zoovault::zxid::Zxid;

/// When the first backup is made, in ms: later than any txn.
const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

/// A repository in memory, and the directories of its sources.
struct Scene {
    repository: Repository,
    now: i64,
    every: BaseEvery,
}

/// A history, and a directory that holds all of it.
struct History {
    steps: Vec<Step>,
    truth: TempDir,
}

impl History {
    fn new(seed: u64, len: usize) -> History {
        let mut historian = Historian::new(seed, true);
        History::grown(&mut historian, Vec::new(), len)
    }

    /// `steps`, and so many more.
    fn grown(historian: &mut Historian, mut steps: Vec<Step>, more: usize) -> History {
        steps.extend((0..more).map(|_| historian.step()));
        let truth = tempfile::tempdir().unwrap();
        logs::write_log(truth.path(), "log.1", payloads(&steps));
        write_first_snapshot(truth.path());
        History { steps, truth }
    }

    fn zxid(&self, step: usize) -> Zxid {
        self.steps[step].world.zxid
    }

    /// Writes the logs `ranges` of steps into `dir`, and snapshots begun at steps, each over a few
    /// more; all else that is there goes.
    fn write(&self, dir: &Path, ranges: &[Range<usize>], snapshots: &[usize]) {
        let _ = std::fs::remove_dir_all(dir.join("version-2"));
        std::fs::create_dir_all(dir.join("version-2")).unwrap();
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            let name = format!("log.{:x}", self.zxid(range.start).to_i64());
            logs::write_log(dir, &name, payloads(&self.steps[range.clone()]));
        }
        if ranges.first().is_some_and(|range| range.start == 0) {
            write_first_snapshot(dir);
        }
        let ids = acl_ids(&self.steps);
        // What is applied was logged before.
        let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
        for at in snapshots {
            let window = &self.steps[*at..(at + 4).min(end)];
            let (bytes, _) = fuzzy_snapshot(window, &ids, &Random::new(*at as u64), true);
            let name = format!("snapshot.{:x}", self.zxid(*at).to_i64());
            logs::write(dir, &name, &bytes);
        }
    }

    /// The tree after a step, as bytes.
    fn tree(&self, step: usize) -> Vec<u8> {
        tree(
            &Source::open(self.truth.path(), &options()).unwrap(),
            self.zxid(step),
        )
        .unwrap()
    }
}

/// Writes what a server writes before its first txn.
fn write_first_snapshot(dir: &Path) {
    let world = Historian::new(0, true).world;
    let fresh = Step {
        payload: Vec::new(),
        moments: vec![world.clone()],
        world,
    };
    let steps = [fresh];
    let (bytes, _) = fuzzy_snapshot(&steps, &acl_ids(&steps), &Random::new(0), false);
    logs::write(dir, "snapshot.0", &bytes);
}

fn payloads(steps: &[Step]) -> impl Iterator<Item = &[u8]> {
    steps.iter().map(|step| step.payload.as_slice())
}

fn options() -> source::Options {
    source::Options::default()
}

/// The tree after a txn, as the bytes of a snapshot: equal trees give equal bytes.
fn tree(source: &Source, zxid: Zxid) -> Result<Vec<u8>, zoovault::error::Error> {
    let rebuilt = rebuild(source, Point::Zxid(zxid), false, &NoProgress)?;
    let mut bytes = Vec::new();
    write_snapshot(&rebuilt.replayed.tree, &mut bytes).unwrap();
    Ok(bytes)
}

impl Scene {
    fn new() -> Scene {
        let storage = Storage::of(Arc::new(InMemory::new()), "memory");
        Scene {
            repository: Repository::create(storage, NOW).unwrap(),
            now: NOW,
            every: BaseEvery::default(),
        }
    }

    /// Of a backup an hour after the last.
    fn next_options(&mut self) -> Options {
        self.now += HOUR;
        Options {
            host: "host".into(),
            tool: "test".into(),
            base_every: self.every,
            even_if_idle: true,
            now_ms: self.now,
            scratch_dir: None,
        }
    }

    /// Backs up an hour after the last time.
    fn back_up(&mut self, dir: &Path) -> Backup {
        let source = Source::open(dir, &options()).unwrap();
        let options = self.next_options();
        backup(&source, &self.repository, &options, &NoProgress).unwrap()
    }

    /// As [`Scene::back_up`], when there is nothing to be told.
    fn back_up_well(&mut self, dir: &Path) -> Backup {
        let done = self.back_up(dir);
        assert_eq!(done.warnings, Vec::<String>::new());
        assert!(!done.is_damaged);
        done
    }

    fn source(&self, which: &Which) -> Source {
        Source::open_repository(&self.repository, which, &options()).unwrap()
    }

    /// Asserts that the trees after `steps` are in the repository.
    fn assert_holds(&self, which: &Which, history: &History, steps: impl Iterator<Item = usize>) {
        let source = self.source(which);
        for step in steps {
            let zxid = history.zxid(step);
            let found = tree(&source, zxid).unwrap_or_else(|err| panic!("{zxid}: {err}"));
            assert!(found == history.tree(step), "{zxid}");
        }
    }

    /// The names of all that is stored.
    fn objects(&self) -> Vec<String> {
        let listed = self.repository.storage().list("").unwrap().into_iter();
        listed.map(|listed| listed.name).collect()
    }

    fn lineages(&self) -> BTreeSet<String> {
        let listing = self.repository.listing().unwrap();
        listing.lineages().into_iter().map(str::to_owned).collect()
    }
}

fn only(lineage: &str) -> Which {
    Which::Id(lineage.to_owned())
}

#[test]
fn every_txn_is_held_whatever_the_server_purges_between_backups() {
    for seed in 0..6 {
        let history = History::new(seed, 420);
        let dir = tempfile::tempdir().unwrap();
        let mut scene = Scene::new();
        scene.every = match seed % 3 {
            0 => BaseEvery::default(),
            1 => BaseEvery {
                age_ms: Some(9 * HOUR),
                log_bytes: None,
            },
            _ => BaseEvery {
                age_ms: None,
                log_bytes: Some(20_000),
            },
        };
        let mut random = Random::new(seed);
        let (mut shipped, mut backups) = (0, 0);
        while shipped < history.steps.len() {
            // Some backups bring a txn or two, some many.
            let most = if random.once_in(4) { 60 } else { 3 };
            let now = (shipped + 1 + random.below(most)).min(history.steps.len());
            // No log begins with an error that uses a zxid again: it would have the name of the log
            // before.
            let begins = |step: usize| {
                let is_new = |at: &usize| *at == 0 || history.zxid(*at) != history.zxid(at - 1);
                (0..=step).rev().find(is_new).unwrap()
            };
            let from = begins(shipped.saturating_sub(random.below(30)));
            let middle = begins(from + random.below(now - from)).max(from);
            let snapshots: Vec<usize> = if from == 0 { Vec::new() } else { vec![from] };
            history.write(dir.path(), &[from..middle, middle..now], &snapshots);
            let done = scene.back_up_well(dir.path());
            assert_eq!(
                done.manifest.newest_window().unwrap().to_zxid,
                history.zxid(now - 1)
            );
            assert!(
                done.manifest.logs.len() < 150,
                "{}",
                done.manifest.logs.len()
            );
            shipped = now;
            backups += 1;
        }
        assert!(backups > 20);
        assert_eq!(scene.lineages().len(), 1);
        scene.assert_holds(
            &Which::Newest,
            &history,
            (0..history.steps.len()).step_by(11),
        );
        scene.assert_holds(
            &Which::Latest,
            &history,
            [history.steps.len() - 1].into_iter(),
        );
        // Each backup gives the window that it recorded, alone.
        let listing = scene.repository.listing().unwrap();
        for name in listing.backups.iter().step_by(7) {
            let manifest = scene.repository.manifest(name).unwrap();
            let source = scene.source(&only(&name.id));
            for window in &manifest.windows {
                for zxid in [window.from_zxid, window.to_zxid] {
                    let truth = Source::open(history.truth.path(), &options()).unwrap();
                    assert_eq!(tree(&source, zxid).ok(), tree(&truth, zxid).ok(), "{zxid}");
                }
            }
        }
        if seed % 3 != 0 {
            let bases = scene
                .repository
                .history(&Which::Newest)
                .unwrap()
                .snapshots
                .len();
            assert!(bases > 1, "a new base is made when one is due");
        }
    }
}

#[test]
fn many_small_logs_are_laid_together() {
    let history = History::new(77, 130);
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::new();
    for now in 1..=history.steps.len() {
        history.write(dir.path(), &[0..now], &[]);
        scene.back_up_well(dir.path());
    }
    let newest = scene.repository.history(&Which::Latest).unwrap();
    assert!(newest.logs.len() < 60, "{}", newest.logs.len());
    scene.assert_holds(&Which::Newest, &history, (0..130).step_by(5));
    scene.assert_holds(&Which::Latest, &history, (0..130).step_by(5));
}

#[test]
fn a_truncated_tail_opens_a_new_lineage_and_leaves_the_old_one_whole() {
    let mut historian = Historian::new(5, true);
    let steps: Vec<Step> = (0..80).map(|_| historian.step()).collect();
    let tail = History::grown(&mut historian, steps, 3);
    // The same history up to step 80, and another from there on, in a later epoch.
    let mut other = Historian::new(5, true);
    let mut steps: Vec<Step> = (0..80).map(|_| other.step()).collect();
    other.world.zxid = Zxid::new(other.world.zxid.epoch() + 3, 0);
    other.random = Random::new(1234);
    steps.extend((0..20).map(|_| other.step()));
    let truth = tempfile::tempdir().unwrap();
    logs::write_log(truth.path(), "log.1", payloads(&steps));
    write_first_snapshot(truth.path());
    let went_on = History { steps, truth };
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::new();
    tail.write(dir.path(), &[0..83], &[]);
    let old = scene.back_up_well(dir.path()).manifest.lineage;
    // It truncated, and nothing new came yet: the lineage is only ahead.
    tail.write(dir.path(), &[0..80], &[]);
    let behind = scene.back_up_well(dir.path());
    assert_eq!(
        (behind.manifest.lineage, behind.notes.len()),
        (old.clone(), 1)
    );
    went_on.write(dir.path(), &[0..80, 80..100], &[]);
    let forked = scene.back_up(dir.path());
    assert_ne!(forked.manifest.lineage, old);
    assert!(
        forked.warnings[0].contains("lineage"),
        "{:?}",
        forked.warnings
    );
    let new = forked.manifest.lineage;
    scene.assert_holds(&only(&old), &tail, (0..83).step_by(9).chain([82]));
    scene.assert_holds(&Which::Newest, &went_on, (0..100).step_by(9).chain([99]));
    // A second member that truncated too is of the new one; one that did not yet is told so, and
    // nothing of it is stored.
    let second = tempfile::tempdir().unwrap();
    went_on.write(second.path(), &[0..100], &[]);
    assert_eq!(scene.back_up_well(second.path()).manifest.lineage, new);
    let third = tempfile::tempdir().unwrap();
    tail.write(third.path(), &[0..83], &[]);
    let source = Source::open(third.path(), &options()).unwrap();
    let options = scene.next_options();
    let planned = plan(&source, &scene.repository, &options, &NoProgress).unwrap();
    assert!(planned.is_abandoned && planned.is_idle());
    let abandoned = execute(&planned).unwrap();
    assert!(abandoned.name.is_none());
    assert!(
        abandoned.warnings[0].contains("never committed"),
        "{:?}",
        abandoned.warnings
    );
    went_on.write(third.path(), &[0..100], &[]);
    assert_eq!(scene.back_up_well(third.path()).manifest.lineage, new);
    assert_eq!(scene.lineages(), BTreeSet::from([old, new]));
}

#[test]
fn an_ensemble_that_was_rebuilt_is_another_lineage() {
    let (first, mut second) = (History::new(1, 90), Historian::new(2, true));
    second.time += 1_000_000_000;
    let rebuilt = History::grown(&mut second, Vec::new(), 40);
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::new();
    first.write(dir.path(), &[0..90], &[]);
    let old = scene.back_up_well(dir.path()).manifest.lineage;
    for now in [30, 40] {
        rebuilt.write(dir.path(), &[0..now], &[]);
        let done = scene.back_up(dir.path());
        assert_ne!(done.manifest.lineage, old);
        assert_eq!(
            done.warnings.len(),
            usize::from(now == 30),
            "{:?}",
            done.warnings
        );
    }
    assert_eq!(scene.lineages().len(), 2);
    scene.assert_holds(&only(&old), &first, [0, 50, 89].into_iter());
    scene.assert_holds(&Which::Newest, &rebuilt, [0, 20, 39].into_iter());
}

#[test]
fn a_gap_is_told_and_another_member_fills_it() {
    let history = History::new(9, 200);
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::new();
    history.write(dir.path(), &[0..60], &[]);
    scene.back_up_well(dir.path());
    // Between the backups the server purged.
    history.write(dir.path(), &[120..160], &[120]);
    let done = scene.back_up(dir.path());
    assert_eq!(done.warnings.len(), 1);
    assert!(done.warnings[0].starts_with("gap: "), "{:?}", done.warnings);
    let window = done.manifest.newest_window().unwrap();
    assert!(window.from_zxid >= history.zxid(120) && window.to_zxid == history.zxid(159));
    assert_eq!(scene.lineages().len(), 1);
    let error = tree(&scene.source(&Which::Newest), history.zxid(90)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReachable);
    // Without news there is nothing more to tell.
    history.write(dir.path(), &[120..170], &[120]);
    scene.back_up_well(dir.path());
    let other = tempfile::tempdir().unwrap();
    history.write(other.path(), &[40..140], &[]);
    let filling = scene.back_up_well(other.path());
    assert!(filling.manifest.added_txns > 0);
    scene.assert_holds(&Which::Newest, &history, (0..170).step_by(7));
}

#[test]
fn a_source_that_is_behind_is_told_of_when_it_is_far_behind() {
    let history = History::new(3, 300);
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::new();
    history.write(dir.path(), &[0..300], &[]);
    scene.back_up_well(dir.path());
    let other = tempfile::tempdir().unwrap();
    history.write(other.path(), &[0..299], &[]);
    let behind = scene.back_up_well(other.path());
    assert!(behind.notes[0].contains("behind"), "{:?}", behind.notes);
    // The lineage's last txn is an hour later than the source's.
    let mut later = logs::txn(history.zxid(299).next().to_i64(), -11, &[]);
    later[20..28].copy_from_slice(&1_700_100_000_000_i64.to_be_bytes());
    let mut bytes: Vec<&[u8]> = payloads(&history.steps).collect();
    bytes.push(&later);
    logs::write_log(dir.path(), "log.1", bytes.into_iter());
    scene.back_up_well(dir.path());
    let stale = scene.back_up(other.path());
    assert!(
        stale.warnings[0].starts_with("stale"),
        "{:?}",
        stale.warnings
    );
}

#[test]
fn without_a_snapshot_that_reaches_the_last_txn_there_is_no_window_and_that_is_told() {
    let history = History::new(4, 100);
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::new();
    history.write(dir.path(), &[30..60], &[]);
    let done = scene.back_up(dir.path());
    assert!(done.manifest.windows.is_empty());
    assert!(
        done.warnings[0].starts_with("no window"),
        "{:?}",
        done.warnings
    );
    // A snapshot makes one, though no txn came.
    history.write(dir.path(), &[30..60], &[40]);
    let done = scene.back_up_well(dir.path());
    assert_eq!(
        done.manifest.newest_window().unwrap().to_zxid,
        history.zxid(59)
    );
    scene.assert_holds(&Which::Newest, &history, [50, 59].into_iter());
}

#[test]
fn what_is_damaged_is_told_and_what_is_sound_is_stored() {
    let history = History::new(6, 100);
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::new();
    history.write(dir.path(), &[0..40, 40..100], &[30, 60]);
    let log = dir
        .path()
        .join(format!("version-2/log.{:x}", history.zxid(40).to_i64()));
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 10;
    bytes[middle] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    let snapshot = dir.path().join(format!(
        "version-2/snapshot.{:x}",
        history.zxid(60).to_i64()
    ));
    let mut bytes = std::fs::read(&snapshot).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&snapshot, &bytes).unwrap();
    let done = scene.back_up(dir.path());
    assert!(done.is_damaged);
    let told = done
        .warnings
        .iter()
        .filter(|warning| warning.starts_with("damaged"));
    assert_eq!(told.count(), 2, "{:?}", done.warnings);
    for of in ["no window", "gap: "] {
        assert!(
            done.warnings.iter().any(|warning| warning.starts_with(of)),
            "{:?}",
            done.warnings
        );
    }
    scene.assert_holds(&Which::Newest, &history, [0, 20, 40].into_iter());
    // Another member has it all.
    let other = tempfile::tempdir().unwrap();
    history.write(other.path(), &[0..100], &[]);
    scene.back_up_well(other.path());
    scene.assert_holds(&Which::Newest, &history, (0..100).step_by(9));
}

#[test]
fn members_that_begin_at_once_begin_one_lineage() {
    let history = History::new(8, 120);
    let dirs: Vec<TempDir> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    history.write(dirs[0].path(), &[0..120], &[]);
    history.write(dirs[1].path(), &[0..50, 50..110], &[]);
    history.write(dirs[2].path(), &[100..115], &[100]);
    let scene = Scene::new();
    let lineages: BTreeSet<String> = std::thread::scope(|scope| {
        let running: Vec<_> = dirs
            .iter()
            .map(|dir| {
                let mut scene = Scene {
                    repository: scene.repository.clone(),
                    now: scene.now,
                    every: scene.every,
                };
                scope.spawn(move || scene.back_up(dir.path()).manifest.lineage)
            })
            .collect();
        running.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(lineages.len() <= 2, "{lineages:?}");
    scene.assert_holds(
        &Which::Id(lineages.iter().next().unwrap().clone()),
        &history,
        [114].into_iter(),
    );
}

/// The first and the last txn that a plan is to store, which leaves out none in between.
fn planned(plan: &Plan<'_>, history: &History) -> Option<(Zxid, Zxid)> {
    let ranges = || plan.logs.iter().map(|stretch| stretch.range);
    let (first, last) = (ranges().next()?.first, ranges().next_back()?.last);
    let steps = history.steps.iter().map(|step| step.world.zxid);
    for zxid in steps.filter(|zxid| (first..=last).contains(zxid)) {
        assert!(
            ranges().any(|range| (range.first..=range.last).contains(&zxid)),
            "{zxid}"
        );
    }
    Some((first, last))
}

#[test]
fn a_plan_says_what_is_to_be_stored_and_only_its_execution_stores_it() {
    let history = History::new(11, 60);
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::new();
    let mut lineages = BTreeSet::new();
    for (from, to) in [(0, 40), (40, 60)] {
        history.write(dir.path(), &[0..to], &[]);
        let (source, options) = (
            Source::open(dir.path(), &options()).unwrap(),
            scene.next_options(),
        );
        let before = scene.objects();
        let plan = plan(&source, &scene.repository, &options, &NoProgress).unwrap();
        assert_eq!(scene.objects(), before);
        let wanted = (history.zxid(from), history.zxid(to - 1));
        assert_eq!(planned(&plan, &history), Some(wanted));
        // Only the first needs a base: the second goes on behind it.
        assert_eq!(plan.bases.is_empty(), from > 0);
        assert!(!plan.is_idle() && !plan.is_abandoned);
        let done = execute(&plan).unwrap();
        assert_eq!(done.manifest.added_txns, (to - from) as u64);
        assert_eq!(done.manifest.lineage, plan.lineage());
        lineages.insert(done.manifest.lineage);
    }
    let (source, options) = (
        Source::open(dir.path(), &options()).unwrap(),
        scene.next_options(),
    );
    let idle = plan(&source, &scene.repository, &options, &NoProgress).unwrap();
    assert!(idle.is_idle());
    assert_eq!(scene.lineages(), lineages);
}

#[test]
fn a_backup_without_news_says_that_the_source_was_seen() {
    let history = History::new(10, 50);
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::new();
    history.write(dir.path(), &[0..50], &[]);
    let first = scene.back_up_well(dir.path());
    let second = scene.back_up_well(dir.path());
    assert_eq!(
        (second.manifest.added_txns, second.manifest.added_bytes),
        (0, 0)
    );
    assert_eq!(second.manifest.logs, first.manifest.logs);
    assert_eq!(second.manifest.follows, [first.name.unwrap().id]);
    assert_eq!(second.stored_bytes, first.stored_bytes);
}
