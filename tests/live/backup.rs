//! Backups of a server that writes, rolls, takes snapshots and purges: nothing that was
//! acknowledged is missing, and all of it can be restored.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::client::{self, Mode, Tree};
use crate::common::release::{Release, releases};
use crate::common::rng::Rng;
use crate::common::workload::{Kinds, Workload};
use crate::common::zookeeper::{Options, Server};
use crate::program::{restore, snapshots, verify};
use crate::repository::{Repo, Told, restored_bytes, tree_at};
use crate::runtime;
use crate::writers::Writers;

/// How long a server is under load, unless the environment says otherwise.
const SECONDS: u64 = 15;

/// Clients that write at the same time, beside one that makes all kinds of txns.
const WRITERS: usize = 3;

/// Backups that a real server judges, beside the last.
const JUDGED: usize = 2;

/// Small logs, that are padded a little at a time, and a snapshot every few seconds.
fn options() -> Options {
    Options {
        snap_count: 1000,
        pre_alloc_size_kb: 64,
        ..Options::default()
    }
}

/// Runs the purge of a release, as administrators do: the three newest snapshots stay, and what
/// they need.
pub fn purge(release: &Release, data_dir: &Path) {
    let output = Command::new("java")
        .args(["-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .args(["-Dzookeeper.jmx.log4j.disable=true", "-cp"])
        .arg(&release.class_path)
        .arg("org.apache.zookeeper.server.PurgeTxnLog")
        .args([data_dir, data_dir])
        .args(["-n", "3"])
        .output()
        .expect("java starts");
    assert!(output.status.success(), "{release}: purge: {output:?}");
}

/// Gives all logs, and the first snapshot, a second name that the purge knows nothing of.
fn keep_all(data_dir: &Path, kept: &Path) {
    let (from, to) = (data_dir.join("version-2"), kept.join("version-2"));
    fs::create_dir_all(&to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a plain name");
        if name.starts_with("log.") || name == "snapshot.0" {
            // It may be there already.
            let _ = fs::hard_link(entry.path(), to.join(name));
        }
    }
}

/// A backup, and what was known before it began.
struct Round {
    told: Told,
    acknowledged: i64,
    kept: Vec<(String, i64)>,
}

/// What happened while a server was under load.
struct Campaign {
    rounds: Vec<Round>,
    followed: Vec<Told>,
    purges: usize,
    tree: Tree,
}

/// How long it goes on at most where the machine is so slow that too little happened.
const SLOW_SECONDS: u64 = 240;

/// What tells threads of a campaign to end, also where it panics.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Writes of all kinds, one after another.
fn work(server: &Server, is_over: &AtomicBool) {
    runtime().block_on(async {
        let mut workload = Workload::start(server, Kinds::All, 3).await;
        while !is_over.load(Ordering::SeqCst) {
            workload.run(1).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        workload.disconnect();
    });
}

/// Purges every few seconds, but never what no backup in any repository has seen: then there must
/// be no gap.
fn purge_again_and_again(
    server: &Server,
    (data_dir, kept): (&Path, &Path),
    repos: &[&Repo],
    purges: &AtomicUsize,
    is_over: &AtomicBool,
) {
    let mut purged = Instant::now();
    while !is_over.load(Ordering::SeqCst) {
        keep_all(data_dir, kept);
        let newest = snapshots(data_dir).last().map_or(0, |(zxid, _)| *zxid);
        let is_seen = repos.iter().all(|repo| repo.last() > newest);
        if is_seen && purged.elapsed() > Duration::from_secs(3) {
            purge(server.release(), data_dir);
            purged = Instant::now();
            purges.fetch_add(1, Ordering::SeqCst);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Puts a server under load for a while, and backs it up meanwhile: every second into `by_runs`,
/// and by one process into `by_following`.
fn campaign(
    release: &Release,
    (data_dir, kept): (&Path, &Path),
    by_runs: &Repo,
    by_following: &Repo,
    seconds: u64,
) -> Campaign {
    let server = Server::standalone(release, data_dir, None, &options());
    let mut writers = Writers::start(&[server.address()], WRITERS);
    writers.wait_for_more();
    let (is_over, purges) = (AtomicBool::new(false), AtomicUsize::new(0));
    let is_enough = || purges.load(Ordering::SeqCst) > 0 && writers.kept().len() > 100;
    let following = by_following.follow(data_dir);
    let mut rounds = Vec::new();
    let begun = Instant::now();
    thread::scope(|scope| {
        let ends = Ends(&is_over);
        let worker = scope.spawn(|| work(&server, &is_over));
        let purger = scope.spawn(|| {
            let places = (data_dir, kept);
            purge_again_and_again(&server, places, &[by_runs, by_following], &purges, &is_over);
        });
        let is_slow = || begun.elapsed() < Duration::from_secs(seconds + SLOW_SECONDS);
        while begun.elapsed() < Duration::from_secs(seconds) || (!is_enough() && is_slow()) {
            let round = Instant::now();
            let (acknowledged, kept) = (writers.acknowledged(), writers.kept());
            let told = by_runs.backup_one(data_dir);
            rounds.push(Round {
                told,
                acknowledged,
                kept,
            });
            thread::sleep(Duration::from_secs(1).saturating_sub(round.elapsed()));
        }
        drop(ends);
        worker.join().expect("the worker");
        purger.join().expect("the purger");
    });
    let acknowledged = writers.stop();
    assert!(acknowledged > 500, "{release}: {acknowledged} writes only");
    let tree = runtime().block_on(client::dump(&server.address(), release));
    let (acknowledged, kept_znodes) = (server.srvr_zxid(), writers.kept());
    rounds.push(Round {
        told: by_runs.backup_one(data_dir),
        acknowledged,
        kept: kept_znodes,
    });
    let stopped = Instant::now();
    while by_following.last() < acknowledged {
        assert!(stopped.elapsed() < Duration::from_secs(SLOW_SECONDS));
        thread::sleep(Duration::from_millis(50));
    }
    let (status, followed) = following.stop();
    assert_eq!(status, Some(0), "{release}: after SIGTERM");
    keep_all(data_dir, kept);
    Campaign {
        rounds,
        followed,
        purges: purges.into_inner(),
        tree,
    }
}

/// Restores a backup, starts a server on it, and compares what its clients see.
pub fn assert_serves(release: &Release, source: &Path, point: &str, expected: &Tree, what: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("restored");
    restore(source, point, &target, &[]);
    let server = Server::standalone(release, &target, None, &Options::default());
    let tree = runtime().block_on(client::dump(&server.address(), release));
    let context = format!("{release}: {what}");
    client::assert_same_tree(expected, &tree, Mode::Standalone, &context);
}

/// What is restored from a backup is, byte for byte, what a replay of all logs since the first
/// gives.
fn assert_restores(repo: &Repo, id: &str, zxid: i64, kept: &Path) {
    let stored = restored_bytes(&repo.at(id), zxid);
    let replayed = restored_bytes(kept, zxid);
    assert!(stored == replayed, "backup {id} at {zxid:#x}");
}

fn seconds() -> u64 {
    std::env::var("ZOOVAULT_LIVE_BACKUP_SECONDS").map_or(SECONDS, |text| {
        text.parse()
            .expect("ZOOVAULT_LIVE_BACKUP_SECONDS is a number")
    })
}

#[test]
fn backups_of_a_server_under_load_hold_all_that_was_acknowledged() {
    for release in releases() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data_dir, kept) = (folder.path().join("data"), folder.path().join("kept"));
        let (by_runs, by_following) = (Repo::new(), Repo::new());
        let places = (data_dir.as_path(), kept.as_path());
        let campaign = campaign(&release, places, &by_runs, &by_following, seconds());
        let logs = fs::read_dir(kept.join("version-2")).expect("logs").count();
        let told = format!(
            "{release}: {} backups, {} rounds that followed, {logs} logs, {} purges, {} znodes",
            campaign.rounds.len(),
            campaign.followed.len(),
            campaign.purges,
            campaign.tree.len()
        );
        eprintln!("{told}");
        assert!(logs > 3 && campaign.purges > 0, "too quiet: {told}");
        assert!(!kept_is_whole(&data_dir, &kept), "nothing was purged");
        assert_rounds(&release, &campaign, &by_runs, &kept);
        for told in &campaign.followed {
            told.assert_plain(&format!("{release}: following"));
        }
        for repo in [&by_runs, &by_following] {
            assert_eq!(repo.lineages().len(), 1, "{release}: one history");
            verify(&repo.path());
            let last = format!("{:#x}", repo.last());
            let (id, _) = repo.backups().pop().expect("a backup");
            assert_serves(&release, &repo.at(&id), &last, &campaign.tree, "the last");
        }
        // What another process stored meanwhile, by other steps, is the same history.
        for (id, last) in by_following.backups().iter().step_by(7) {
            assert_restores(&by_following, id, *last, &kept);
        }
    }
}

/// Whether the directory still has all logs that there ever were.
fn kept_is_whole(data_dir: &Path, kept: &Path) -> bool {
    let names = |dir: &Path| -> HashSet<PathBuf> {
        let entries = fs::read_dir(dir.join("version-2")).expect("a folder");
        let names = entries.map(|entry| PathBuf::from(entry.expect("an entry").file_name()));
        names.collect()
    };
    names(kept).is_subset(&names(data_dir))
}

fn assert_rounds(release: &Release, campaign: &Campaign, repo: &Repo, kept: &Path) {
    let mut rng = Rng::new(campaign.rounds.len() as u64);
    let lineage = campaign.rounds[0].told.lineage();
    for (index, round) in campaign.rounds.iter().enumerate() {
        let context = format!("{release}: backup {index}");
        let told = &round.told;
        told.assert_plain(&context);
        assert_eq!(told.lineage(), lineage, "{context}");
        let (from, last) = told.window();
        assert!(
            round.acknowledged <= last,
            "{context}: {:#x} was acknowledged, and {last:#x} is the last",
            round.acknowledged
        );
        assert_restores(repo, &told.id(), last, kept);
        if rng.below(3) == 0 {
            let span = usize::try_from(last - from).expect("a window");
            let any = from + i64::try_from(rng.below(span + 1)).expect("a zxid");
            assert_restores(repo, &told.id(), any, kept);
        }
    }
    for _ in 0..JUDGED {
        let round = rng.pick(&campaign.rounds);
        let last = round.told.last();
        let source = repo.at(&round.told.id());
        let tree = tree_at(&source, last);
        for (path, zxid) in &round.kept {
            assert!(
                tree.contains_key(path),
                "{release}: {path}, acknowledged with {zxid:#x}, is not in a backup of {last:#x}"
            );
        }
        assert_serves(release, &source, &format!("{last:#x}"), &tree, "a backup");
    }
}

#[test]
fn a_server_that_purged_first_leaves_a_gap_that_is_told() {
    for release in releases() {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = folder.path().join("data");
        let options = Options {
            snap_count: 100,
            ..options()
        };
        let server = Server::standalone(&release, &data_dir, None, &options);
        let mut writers = Writers::start(&[server.address()], WRITERS);
        writers.wait_for_more();
        let repo = Repo::new();
        let before = repo.backup_one(&data_dir);
        before.assert_plain(&format!("{release}: before"));
        // The third newest snapshot, and the log that it needs, are from after the backup.
        let is_purgeable = || {
            let snapshots = snapshots(&data_dir);
            let third = snapshots.iter().rev().nth(2).map(|(zxid, _)| *zxid);
            let mut logs = log_names(&data_dir).into_iter();
            third.is_some_and(|third| logs.any(|log| before.last() + 1 < log && log <= third))
        };
        while !is_purgeable() {
            thread::sleep(Duration::from_millis(50));
        }
        purge(&release, &data_dir);
        writers.stop();
        let first = log_names(&data_dir)[0];
        let tree = runtime().block_on(client::dump(&server.address(), &release));
        let after = repo.backup_one(&data_dir);
        let gap = format!(
            "gap: transactions {:#x} to {:#x} are missing",
            before.last() + 1,
            first - 1
        );
        after.assert_warns(&gap, &format!("{release}: after"));
        assert_eq!(before.lineage(), after.lineage(), "{release}");
        let (from, to) = after.window();
        assert!(from > before.last() && to == after.last(), "{release}");
        // Told once.
        repo.backup_one(&data_dir)
            .assert_plain(&format!("{release}: afterwards"));
        for source in [repo.path(), repo.at(&after.id())] {
            assert_serves(&release, &source, "latest", &tree, "behind the gap");
        }
        let (before_id, last) = (before.id(), format!("{:#x}", before.last()));
        let old = repo.at(&before_id);
        let expected = tree_at(&old, before.last());
        assert_serves(&release, &old, &last, &expected, "before the gap");
    }
}

/// The zxids in the names of the logs, the first first.
fn log_names(data_dir: &Path) -> Vec<i64> {
    let entries = fs::read_dir(data_dir.join("version-2")).expect("version-2");
    let mut zxids: Vec<i64> = entries
        .filter_map(|entry| {
            let name = entry.expect("an entry").file_name();
            i64::from_str_radix(name.to_str()?.strip_prefix("log.")?, 16).ok()
        })
        .collect();
    zxids.sort_unstable();
    zxids
}

#[test]
fn a_backup_is_restored_by_hand_with_jq_zstd_and_sha256sum() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/restore-by-hand.sh");
    for release in releases() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data_dir, target) = (folder.path().join("data"), folder.path().join("by hand"));
        let server = Server::standalone(&release, &data_dir, None, &options());
        let mut writers = Writers::start(&[server.address()], WRITERS);
        let repo = Repo::new();
        // Several logs lie behind the base.
        for _ in 0..3 {
            writers.wait_for_more();
            repo.backup_one(&data_dir);
        }
        writers.stop();
        let tree = runtime().block_on(client::dump(&server.address(), &release));
        let told = repo.backup_one(&data_dir);
        told.assert_plain(&format!("{release}: the last"));
        drop(server);
        let by_hand = |target: &Path| {
            let mut command = Command::new("bash");
            command.arg(&script).arg(repo.path()).arg(told.id());
            command.arg(target).output().expect("bash runs")
        };
        let output = by_hand(&target);
        assert!(output.status.success(), "{release}: {output:?}");
        verify(&target);
        assert!(log_names(&target).len() > 3, "{release}");
        let server = Server::standalone(&release, &target, None, &options());
        assert_eq!(server.srvr_zxid(), told.last(), "{release}");
        let restored = runtime().block_on(client::dump(&server.address(), &release));
        let context = format!("{release}: restored by hand");
        client::assert_same_tree(&tree, &restored, Mode::Standalone, &context);

        // Damage stops it.
        let logs = repo.path().join("log").join(told.lineage());
        let mut objects = fs::read_dir(logs).expect("a folder");
        let object = objects.next().expect("an object").expect("an entry").path();
        let mut bytes = fs::read(&object).expect("an object");
        bytes[20] ^= 1;
        fs::write(&object, bytes).expect("it is damaged");
        let output = by_hand(&folder.path().join("damaged"));
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success(), "{release}");
        assert!(told.contains("FAILED"), "{release}: {output:?}");
    }
}
