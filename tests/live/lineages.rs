//! Which history a source is of, as real ensembles make them: members that come and go, a tail that
//! nobody acknowledged, servers that begin anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::backup::assert_serves;
use crate::common::client::{self, Mode, SESSION_TIMEOUT};
use crate::common::release::{Release, releases};
use crate::common::wire::{Change, Wire};
use crate::common::zookeeper::{Ensemble, Options, READY_TIMEOUT, Server};
use crate::program::{judge_refused, restore, verify};
use crate::repository::{Repo, Told, restored_bytes, tree_at};
use crate::runtime;
use crate::writers::Writers;
use zoovault::format::txnlog::Level;
use zoovault::history::History;
use zoovault::history::source::{Options as SourceOptions, Source};
use zoovault::progress::NoProgress;

const IDS: [u8; 3] = [1, 2, 3];

/// How long what was proposed may take to be committed.
const COMMITTED: Duration = Duration::from_millis(300);

fn options() -> Options {
    Options {
        snap_count: 300,
        pre_alloc_size_kb: 64,
        ..Options::default()
    }
}

fn member_dirs(folder: &Path) -> Vec<(u8, PathBuf)> {
    let dir = |id: &u8| (*id, folder.join(id.to_string()));
    IDS.iter().map(dir).collect()
}

/// The releases of which ensembles are made here: the first and the last that members of three run
/// on.
fn ensembles() -> Vec<Release> {
    let mut all = releases();
    all.sort_by_key(|release| release.version);
    all.retain(|release| release.has_reconfig());
    let last = all.pop();
    all.into_iter().take(1).chain(last).collect()
}

/// Waits for a leader that serves, and gives its id.
fn leader(ensemble: &Ensemble) -> u8 {
    let begun = Instant::now();
    loop {
        let mut members = ensemble.members.iter();
        let leads = |server: &Server| {
            let status = server.status();
            status.is_some_and(|status| status.mode == "leader")
        };
        if let Some((id, _)) = members.find(|(_, server)| leads(server)) {
            return *id;
        }
        assert!(begun.elapsed() < READY_TIMEOUT, "no leader");
        thread::sleep(Duration::from_millis(50));
    }
}

fn server_mut(ensemble: &mut Ensemble, id: u8) -> &mut Server {
    let mut members = ensemble.members.iter_mut();
    let member = members.find(|(member, _)| *member == id);
    &mut member.expect("a member").1
}

/// The logs of a directory by their zxids, the first first.
fn logs(dir: &Path) -> Vec<(i64, PathBuf)> {
    let entries = fs::read_dir(dir.join("version-2")).expect("version-2");
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name()?.to_str()?.strip_prefix("log.")?;
            Some((i64::from_str_radix(name, 16).ok()?, path))
        })
        .collect();
    found.sort();
    found
}

/// Backups of a sound ensemble: all of one lineage. What is warned of is right: a member that was
/// killed may have a tail that was never committed; one that was sent a whole tree, where it
/// rejoined, lacks what came before, and has no window before its new snapshot is exact.
fn assert_sound(told: &Told, lineage: &str, has_rejoined: bool, context: &str) {
    assert_eq!(told.lineage(), lineage, "{context}: {}", told.json);
    let warnings = told.warnings();
    let has_gap = warnings.iter().any(|warning| warning.contains("gap:"));
    for warning in &warnings {
        eprintln!("{context}: {warning}");
        let is_right = warning.contains("they were never committed")
            || (has_rejoined && has_gap)
                && ["gap:", "no window", "is stored on its own"]
                    .iter()
                    .any(|told| warning.contains(told));
        assert!(is_right, "{context}: {}", told.json);
    }
}

#[test]
fn members_that_are_killed_in_turn_are_of_one_lineage_and_fill_each_others_holes() {
    for release in ensembles() {
        let folder = tempfile::tempdir().expect("a folder");
        let dirs = member_dirs(folder.path());
        let all: Vec<&Path> = dirs.iter().map(|(_, dir)| dir.as_path()).collect();
        let mut ensemble = Ensemble::start(&release, &dirs, &options());
        let addresses: Vec<String> = ensemble
            .members
            .iter()
            .map(|(_, server)| server.address())
            .collect();
        let mut writers = Writers::start(&addresses, 3);
        while all.iter().any(|dir| logs(dir).len() < 4) {
            thread::sleep(Duration::from_millis(50));
        }
        let repo = Repo::new();
        let hole = make_hole(all[0]);
        let first = repo.backup_one(all[0]);
        // A snapshot from right before the hole is stored, and told of too.
        let told = first.warnings();
        let of_gap = told.iter().filter(|told| told.starts_with("gap: "));
        let of_snapshot = told
            .iter()
            .filter(|told| told.contains("is stored on its own"));
        assert!(
            first.status == 3 && of_gap.count() == 1 && of_snapshot.count() + 1 == told.len(),
            "{release}: with a hole: {told:?}"
        );
        assert!(first.window().0 > hole, "{release}: {}", first.json);
        let lineage = first.lineage();

        let mut victims = IDS.to_vec();
        // The leader twice: once as it is, and once in its turn.
        victims.insert(0, leader(&ensemble));
        for victim in victims {
            let context = format!("{release}: member {victim} killed");
            // What was backed up is committed before anybody is killed: else it may rightly be
            // given up.
            thread::sleep(COMMITTED);
            server_mut(&mut ensemble, victim).kill();
            leader(&ensemble);
            writers.wait_for_more();
            let acknowledged = writers.acknowledged();
            for told in repo.backup(&all) {
                assert_sound(&told, &lineage, false, &context);
            }
            assert!(repo.last() >= acknowledged, "{context}");
            rejoin(
                server_mut(&mut ensemble, victim),
                &dirs[usize::from(victim) - 1].1,
            );
            writers.wait_for_more();
            for (id, dir) in IDS.iter().zip(&all) {
                let context = format!("{context}, it is back, member {id}");
                assert_sound(&repo.backup_one(dir), &lineage, *id == victim, &context);
            }
        }
        writers.stop();
        let last = ensemble.quiesce();
        for told in repo.backup(&all) {
            told.assert_plain(&format!("{release}: at last"));
        }
        assert_eq!(repo.last(), last, "{release}");
        assert_eq!(repo.lineages(), [lineage.as_str()], "{release}");
        verify(&repo.path());
        // The hole was filled by the others.
        for zxid in [hole, hole + 1, first.window().0 - 1] {
            let (stored, whole) = (tree_at(&repo.path(), zxid), tree_at(all[1], zxid));
            let context = format!("{release}: in the hole, at {zxid:#x}");
            client::assert_same_tree(&whole, &stored, Mode::Quorum, &context);
        }
        let server = ensemble.member(2);
        let tree = runtime().block_on(client::dump(&server.address(), &release));
        let kept = writers.kept();
        assert!(kept.iter().all(|(path, _)| tree.contains_key(path)));
        ensemble.stop();
        assert_serves_three(&release, &repo.path(), last, &tree);
    }
}

/// Starts a member again that was killed. Where it refuses what it wrote, as one may that was
/// killed between two epoch files, it begins with nothing and is sent the tree, as administrators
/// have it.
fn rejoin(server: &mut Server, dir: &Path) {
    if let Err(why) = server.try_start_again() {
        server.kill();
        judge_refused(dir, &why);
        fs::remove_dir_all(dir.join("version-2")).expect("the directory is emptied");
        server.start_again();
    }
}

/// Removes a log from the middle of a directory: the zxid that it began with.
fn make_hole(dir: &Path) -> i64 {
    let (first, log) = &logs(dir)[1];
    fs::remove_file(log).expect("a log");
    *first
}

/// Starts an ensemble on what is restored, and compares what clients of each member see.
fn assert_serves_three(release: &Release, source: &Path, zxid: i64, expected: &client::Tree) {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("restored");
    restore(
        source,
        &format!("{zxid:#x}"),
        &target,
        &["--members", "1,2,3"],
    );
    let ensemble = Ensemble::start(release, &member_dirs(&target), &options());
    for (id, server) in &ensemble.members {
        let tree = runtime().block_on(client::dump(&server.address(), release));
        let context = format!("{release}: restored member {id}");
        client::assert_same_tree(expected, &tree, Mode::Quorum, &context);
    }
}

/// Opens a session with a server, which may be busy with an election.
fn session(server: &Server) -> Wire {
    let begun = Instant::now();
    loop {
        match Wire::connect(&server.address(), 0, SESSION_TIMEOUT) {
            Ok(wire) => return wire,
            Err(err) => assert!(begun.elapsed() < READY_TIMEOUT, "no session: {err}"),
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Writes so much that the zxid is known to have gone on.
fn write_some(server: &Server, base: &str, count: usize) -> i64 {
    let mut wire = session(server);
    for number in 0..count {
        let path = format!("{base}{number}");
        let (_, code) = wire
            .write(&Change::Create(&path, path.as_bytes(), 0))
            .expect("an answer");
        assert_eq!(code, 0, "{path}");
    }
    let last = wire.last_zxid;
    wire.close();
    last
}

/// An ensemble that is down, whose leader of late has a tail that nobody else ever got.
struct Tail {
    /// Parent of the members' directories.
    _folder: tempfile::TempDir,
    dirs: Vec<(u8, PathBuf)>,
    ensemble: Ensemble,
    /// The leader of late.
    old: u8,
    followers: Vec<u8>,
    repo: Repo,
    /// The backup before the tail, and the last zxid then.
    before: Told,
    committed: i64,
}

/// How many txns nobody gets.
const TAIL: i64 = 20;

/// How often it is tried to be faster than a leader that looks whether its followers are there.
const TAIL_ATTEMPTS: usize = 20;

fn make_tail(release: &Release) -> Tail {
    for _ in 0..TAIL_ATTEMPTS {
        if let Some(tail) = try_tail(release) {
            return tail;
        }
        eprintln!("{release}: the leader noticed before it logged all; once more");
    }
    panic!("{release}: every leader noticed first");
}

fn try_tail(release: &Release) -> Option<Tail> {
    let folder = tempfile::tempdir().expect("a folder");
    let dirs = member_dirs(folder.path());
    let mut ensemble = Ensemble::start(release, &dirs, &options());
    let old = leader(&ensemble);
    let followers: Vec<u8> = IDS.into_iter().filter(|id| *id != old).collect();
    let dir = dirs[usize::from(old) - 1].1.clone();
    let repo = Repo::new();
    write_some(ensemble.member(old), "/before", 50);
    // The session is there before the quorum is lost.
    let mut wire = session(ensemble.member(old));
    let committed = ensemble.quiesce();
    let before = repo.backup_one(&dir);
    before.assert_plain(&format!("{release}: before"));
    assert_eq!(before.last(), committed);

    // Followers that are gone get nothing; the leader notices only at its next tick, and logs
    // meanwhile what it proposes.
    for id in &followers {
        server_mut(&mut ensemble, *id).kill();
    }
    let posted = (0..TAIL).try_for_each(|number| {
        let path = format!("/never{number}");
        wire.post(&Change::Create(&path, b"never", 0))
    });
    thread::sleep(Duration::from_secs(1));
    server_mut(&mut ensemble, old).kill();
    let logged = last_logged(&dir);
    let is_made = posted.is_ok() && logged == committed + TAIL;
    is_made.then_some(Tail {
        _folder: folder,
        dirs,
        ensemble,
        old,
        followers,
        repo,
        before,
        committed,
    })
}

/// The last txn in the logs of a directory.
fn last_logged(dir: &Path) -> i64 {
    let source = Source::open(dir, &SourceOptions::default()).expect("a source");
    let logged = History::read(&source, Level::Everything, &NoProgress).expect("its logs");
    logged.timeline.last().expect("a transaction").to_i64()
}

#[test]
fn a_tail_that_was_never_committed_is_known_and_kept_apart() {
    for release in ensembles() {
        let Tail {
            _folder,
            dirs,
            mut ensemble,
            old,
            followers,
            repo,
            before,
            committed,
        } = make_tail(&release);
        let dir = |id: u8| dirs[usize::from(id) - 1].1.clone();
        let tail = repo.backup_one(&dir(old));
        tail.assert_plain(&format!("{release}: the tail"));
        assert_eq!(tail.last(), committed + TAIL, "{release}: nobody knows yet");
        assert_eq!(tail.lineage(), before.lineage(), "{release}");
        let tail_bytes = restored_bytes(&repo.at(&tail.id()), tail.last());

        start_together(&mut ensemble, &followers);
        write_some(ensemble.member(followers[0]), "/after", 30);
        for id in &followers {
            thread::sleep(COMMITTED);
            let told = repo.backup_one(&dir(*id));
            let context = format!("{release}: member {id} went on");
            assert_ne!(told.lineage(), tail.lineage(), "{context}");
            match *id == followers[0] {
                true => told.assert_warns("the source's history ", &context),
                false => told.assert_plain(&context),
            }
        }
        let truth = repo.backups().pop().expect("a backup");
        let lineages = repo.lineages();
        assert_eq!(lineages.len(), 2, "{release}");

        // The leader of old still has it: alone, and beside the others.
        for sources in [
            vec![dir(old)],
            vec![dir(old), dir(followers[0]), dir(followers[1])],
        ] {
            let sources: Vec<&Path> = sources.iter().map(PathBuf::as_path).collect();
            let told = repo.backup(&sources);
            let warnings: Vec<String> = told.iter().flat_map(Told::warnings).collect();
            assert!(
                told[0].status == 3
                    && warnings.len() == 1
                    && warnings[0].contains("they were never committed"),
                "{release}: {warnings:?}"
            );
            assert!(told.iter().all(|told| told.lineage() != tail.lineage()));
        }
        assert_eq!(repo.lineages(), lineages, "{release}");
        assert_eq!(repo.last(), truth.1, "{release}");
        let tree = tree_at(&repo.path(), truth.1);
        assert!(tree.contains_key("/after29") && !tree.contains_key("/never0"));
        assert!(tail_bytes == restored_bytes(&repo.at(&tail.id()), tail.last()));
        assert!(tail_bytes == restored_bytes(&repo.at(&tail.lineage()), tail.last()));
        assert!(tree_at(&repo.at(&tail.id()), tail.last()).contains_key("/never19"));

        server_mut(&mut ensemble, old).start_again();
        write_some(ensemble.member(old), "/again", 10);
        let last = ensemble.quiesce();
        let told = repo.backup_one(&dir(old));
        told.assert_plain(&format!("{release}: rejoined"));
        assert_ne!(told.lineage(), tail.lineage(), "{release}");
        assert_eq!(told.last(), last, "{release}");
        assert_eq!(repo.lineages(), lineages, "{release}");
        verify(&repo.path());
        let tree = runtime().block_on(client::dump(
            &ensemble.member(old).address(),
            ensemble.member(old).release(),
        ));
        ensemble.stop();
        assert_serves_three(&release, &repo.path(), last, &tree);
    }
}

/// Starts members that cannot serve without one another.
fn start_together(ensemble: &mut Ensemble, ids: &[u8]) {
    for (id, server) in &mut ensemble.members {
        if ids.contains(id) {
            server.spawn_again();
        }
    }
    for (id, server) in &mut ensemble.members {
        if ids.contains(id) {
            server.wait();
        }
    }
}

#[test]
fn a_server_that_begins_anew_is_of_a_new_lineage() {
    for release in releases() {
        // Less, and more, than there was before.
        for count in [20, 300] {
            let folder = tempfile::tempdir().expect("a folder");
            let dir = folder.path().join("data");
            let repo = Repo::new();
            let mut server = Server::standalone(&release, &dir, None, &options());
            write_some(&server, "/old", 100);
            let tree_before = runtime().block_on(client::dump(&server.address(), &release));
            server.stop();
            let before = repo.backup_one(&dir);
            before.assert_plain(&format!("{release}: before"));

            fs::remove_dir_all(&dir).expect("the directory is wiped");
            let mut server = Server::standalone(&release, &dir, None, &options());
            write_some(&server, "/new", count);
            let tree_after = runtime().block_on(client::dump(&server.address(), &release));
            let after = repo.backup_one(&dir);
            server.stop();
            let context = format!("{release}: anew with {count} znodes");
            after.assert_warns("the source's history ", &context);
            assert_ne!(before.lineage(), after.lineage(), "{context}");
            let again = repo.backup_one(&dir);
            again.assert_plain(&context);
            assert_eq!(again.lineage(), after.lineage(), "{context}");
            let (old, new) = (repo.at(&before.lineage()), repo.path());
            assert_serves(&release, &old, "latest", &tree_before, "the old history");
            assert_serves(&release, &new, "latest", &tree_after, "the new history");
        }
    }
}

#[test]
fn a_server_on_what_was_restored_to_an_earlier_point_is_of_a_new_lineage() {
    for release in releases() {
        let folder = tempfile::tempdir().expect("a folder");
        let (dir, restored) = (folder.path().join("data"), folder.path().join("restored"));
        let repo = Repo::new();
        let mut server = Server::standalone(&release, &dir, None, &options());
        let point = write_some(&server, "/early", 100);
        write_some(&server, "/late", 100);
        let tree_before = runtime().block_on(client::dump(&server.address(), &release));
        server.stop();
        let before = repo.backup_one(&dir);
        before.assert_plain(&format!("{release}: before"));

        restore(&repo.path(), &format!("{point:#x}"), &restored, &[]);
        let mut server = Server::standalone(&release, &restored, None, &options());
        write_some(&server, "/other", 50);
        let tree_after = runtime().block_on(client::dump(&server.address(), &release));
        let after = repo.backup_one(&restored);
        let context = format!("{release}: restored");
        after.assert_warns("the source's history ", &context);
        assert_ne!(before.lineage(), after.lineage(), "{context}");
        write_some(&server, "/more", 5);
        let again = repo.backup_one(&restored);
        again.assert_plain(&context);
        assert_eq!(again.lineage(), after.lineage(), "{context}");
        server.stop();
        assert!(tree_after.contains_key("/other49") && !tree_after.contains_key("/late0"));
        let (old, newest) = (repo.at(&before.lineage()), repo.at(&after.id()));
        assert_serves(&release, &old, "latest", &tree_before, "the old history");
        assert_serves(&release, &newest, "latest", &tree_after, "the new history");
        let last = again.last();
        let tree = tree_at(&repo.path(), last);
        assert!(tree.contains_key("/more4") && !tree.contains_key("/late0"));
    }
}
