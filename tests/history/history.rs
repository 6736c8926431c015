//! The history of znodes against a full replay, over fixtures, random histories and fuzzy
//! snapshots.

use crate::common;
use crate::common::historian;
use crate::common::logs;

use common::{testdata, zoovault};
use historian::{Historian, Step, acl_ids, fuzzy_snapshot};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Output;
use zoovault::analysis::znode_history::{
    Cause, Change, Event, Item, Known, Options, State, Summary, history,
};
use zoovault::error::Result;
use zoovault::format::record::{TxnBody, TxnKind};
use zoovault::format::txnlog::Level;
use zoovault::history::History;
use zoovault::history::replay::Observer;
use zoovault::history::source::{self, Source};
use zoovault::progress::NoProgress;
use zoovault::tree::diff;
use zoovault::tree::{AclValue, DataTree, NodeView, STATS_NODE};
use zoovault::zxid::{SessionId, Zxid};

fn options(path: &str, recursive: bool, children: bool) -> Options {
    Options {
        path: path.parse().unwrap(),
        recursive,
        children,
        from: None,
        to: None,
    }
}

fn open(path: &Path) -> Source {
    Source::open(path, &source::Options::default()).unwrap()
}

fn told(source: &Source, options: &Options) -> (Vec<Event>, Summary) {
    let mut events = Vec::new();
    let summary = history(source, options, &NoProgress, &mut |item| {
        if let Item::Event(event) = item {
            events.push(*event);
        }
        Ok(())
    })
    .unwrap();
    (events, summary)
}

fn is_same(state: &State, node: Option<NodeView<'_>>) -> bool {
    match (state, node) {
        (State::Absent { .. }, None) => true,
        (State::Present(znode), Some(node)) => {
            let AclValue::List(acl) = node.acl else {
                return false;
            };
            znode.known == Known::ALL
                && znode.stat == *node.stat
                && znode.data.as_deref() == node.data
                && znode.acl.as_deref() == Some(acl.bytes())
        }
        _ => false,
    }
}

/// Goes through the replay beside the events, which are those of all paths with their children's.
struct Oracle {
    events: BTreeMap<Zxid, Vec<Event>>,
    last: Option<(Zxid, DataTree)>,
    states: BTreeMap<Vec<u8>, State>,
}

impl Oracle {
    /// Compares what the txn `zxid` made of `before` with its events.
    fn compare(&mut self, zxid: Zxid, before: &DataTree, after: &DataTree) {
        let events = self.events.remove(&zxid).unwrap_or_default();
        let mut ends: BTreeMap<&[u8], &State> = BTreeMap::new();
        for event in &events {
            match ends.insert(&event.path, &event.after) {
                None => assert!(
                    is_same(&event.before, before.get(&event.path)),
                    "before {event:?}"
                ),
                Some(earlier) => assert_eq!(earlier, &event.before, "{event:?}"),
            }
        }
        for (path, end) in &ends {
            assert!(is_same(end, after.get(path)), "after {zxid}: {end:?}");
            self.states.insert(path.to_vec(), (*end).clone());
        }
        let everything = diff::Options {
            derived: true,
            ..diff::Options::default()
        };
        for difference in diff::between(before, after, &everything) {
            let path = difference.path();
            assert!(
                ends.contains_key(path),
                "untold at {zxid}: {}",
                path.escape_ascii()
            );
        }
    }
}

impl Observer for Oracle {
    fn before(&mut self, tree: &DataTree, next: Zxid) -> Result<()> {
        if let Some((zxid, before)) = self.last.take() {
            self.compare(zxid, &before, tree);
        }
        self.last = Some((next, tree.clone()));
        Ok(())
    }

    fn after_part(&mut self, _: &DataTree, _: SessionId, _: &TxnBody<'_>) {}
}

/// Compares the whole history of an exact base with a replay on it, txn by txn.
fn assert_as_replayed(source: &Source) {
    let (events, summary) = told(source, &options("/", true, true));
    assert_eq!(summary.damage.len() as u64 + summary.gaps, 0);
    let history = History::read(source, Level::Everything, &NoProgress).unwrap();
    let base = &history.bases().unwrap()[0];
    let mut oracle = Oracle {
        events: BTreeMap::new(),
        last: None,
        states: BTreeMap::new(),
    };
    for event in events {
        oracle.events.entry(event.zxid).or_default().push(event);
    }
    let end = history.timeline.last().unwrap();
    let replayed = history
        .replay_observed(base, end, &mut oracle, &NoProgress)
        .unwrap();
    // The last tree has its quota counts worked out again, and no txn did that.
    let (zxid, before) = oracle.last.take().unwrap();
    let told_last: Vec<Event> = oracle.events.remove(&zxid).unwrap_or_default();
    assert!(oracle.events.is_empty(), "events of no transaction");
    for event in &told_last {
        oracle
            .states
            .insert(event.path.to_vec(), event.after.clone());
    }
    drop(before);
    let ends: BTreeMap<&[u8], &State> = summary
        .end
        .iter()
        .map(|(path, end)| (&**path, end))
        .collect();
    for (path, state) in &oracle.states {
        assert_eq!(ends[path.as_slice()], state);
    }
    for node in replayed.tree.nodes() {
        let is_derived = node.path.ends_with(STATS_NODE);
        assert!(
            is_derived || is_same(ends[node.path], Some(node)),
            "{}: {:?}",
            node.path.escape_ascii(),
            ends[node.path]
        );
    }
    let present = ends.values().filter(|state| state.znode().is_some());
    assert_eq!(present.count(), replayed.tree.len());
}

fn write_steps(dir: &Path, steps: &[Step]) {
    // Logs of unequal lengths, so that history goes over their ends.
    for (index, chunk) in steps.chunks(37).enumerate() {
        let payloads = chunk.iter().map(|step| step.payload.as_slice());
        // Names are not what is trusted, but there are no two of one name.
        let name = format!(
            "log.{:x}",
            chunk[0].world.zxid.to_i64() + i64::from(index == 0) - 1
        );
        logs::write_log(dir, &name.replace("log.0", "log.1"), payloads);
    }
}

#[test]
fn every_txn_of_random_histories_is_told_as_a_replay_makes_it() {
    for seed in 0..40 {
        let mut historian = Historian::new(6_000_000_000 + seed, seed % 2 == 0);
        let steps: Vec<Step> = (0..120).map(|_| historian.step()).collect();
        let dir = tempfile::tempdir().unwrap();
        let payloads = steps.iter().map(|step| step.payload.as_slice());
        logs::write_log(dir.path(), "log.1", payloads);
        assert_as_replayed(&open(dir.path()));
    }
}

#[test]
fn every_txn_of_real_servers_is_told_as_a_replay_makes_it() {
    for name in [
        "small-3.4",
        "small-3.8",
        "small-3.9",
        "standalone-3.4",
        "standalone-3.9",
    ] {
        assert_as_replayed(&open(&testdata().join("datadirs").join(name)));
    }
}

#[test]
fn the_history_of_one_path_is_that_of_all_without_the_others() {
    let source = open(&testdata().join("datadirs/standalone-3.6"));
    let (all, _) = told(&source, &options("/", true, true));
    let paths: BTreeSet<&[u8]> = all.iter().map(|event| &*event.path).collect();
    for path in paths.iter().step_by(23) {
        let Ok(text) = std::str::from_utf8(path) else {
            continue;
        };
        let text = if text.is_empty() { "/" } else { text };
        let (one, summary) = told(&source, &options(text, false, true));
        let expected: Vec<String> = all
            .iter()
            .filter(|event| *event.path == **path)
            .map(|event| format!("{event:?}"))
            .collect();
        let found: Vec<String> = one.iter().map(|event| format!("{event:?}")).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(summary.events, found.len() as u64);
    }
}

/// Whether what is known in `state` is so in `truth`.
fn is_part_of(state: &State, truth: &State) -> bool {
    match (state, truth) {
        (State::Unknown, _) => true,
        (State::Absent { .. }, State::Absent { .. }) => true,
        (State::Present(znode), State::Present(truth)) => {
            let (known, a, b) = (znode.known, &znode.stat, &truth.stat);
            let life =
                (a.czxid, a.ctime, a.ephemeral_owner) == (b.czxid, b.ctime, b.ephemeral_owner);
            let data = (a.mzxid, a.mtime, a.version) == (b.mzxid, b.mtime, b.version)
                && znode.data == truth.data;
            (!known.life || life)
                && (!known.data || data)
                && (!known.acl || (a.aversion == b.aversion && znode.acl == truth.acl))
                && (!known.children || (a.cversion, a.pzxid) == (b.cversion, b.pzxid))
        }
        _ => false,
    }
}

#[test]
fn on_a_fuzzy_snapshot_what_is_told_is_true_and_behind_it_nothing_is_unknown() {
    for seed in 0..60 {
        let mut historian = Historian::new(7_000_000_000 + seed, true);
        let steps: Vec<Step> = (0..120).map(|_| historian.step()).collect();
        let whole = tempfile::tempdir().unwrap();
        logs::write_log(
            whole.path(),
            "log.1",
            steps.iter().map(|step| step.payload.as_slice()),
        );
        let (all, truth) = told(&open(whole.path()), &options("/", true, true));
        let n = 20 + historian.random.below(40);
        let e = n + historian.random.below(40);
        let ids = acl_ids(&steps);
        let tells = seed % 2 == 0;
        let (bytes, ahead) = fuzzy_snapshot(&steps[n..=e], &ids, &historian.random, tells);
        let name = steps[n].world.zxid;
        let dir = tempfile::tempdir().unwrap();
        logs::write(dir.path(), &format!("snapshot.{:x}", name.to_i64()), &bytes);
        let behind = steps[n + 1..].iter().filter(|step| step.world.zxid > name);
        logs::write_log(
            dir.path(),
            &format!("log.{:x}", name.to_i64() + 1),
            behind.map(|step| step.payload.as_slice()),
        );
        let (events, summary) = told(&open(dir.path()), &options("/", true, true));
        // Whether a fresh server had this one, only the first txn's digest tells.
        let is_meant = |path: &[u8]| path != b"/zookeeper/config";
        let events: Vec<Event> = events.into_iter().filter(|it| is_meant(&it.path)).collect();
        let expected: Vec<&Event> = all
            .iter()
            .filter(|event| event.zxid > name && is_meant(&event.path))
            .collect();
        let key = |event: &Event| (event.zxid, event.part, event.op, event.path.clone());
        let keys: Vec<_> = events.iter().map(key).collect();
        assert_eq!(
            keys,
            expected.iter().map(|event| key(event)).collect::<Vec<_>>(),
            "seed {seed}"
        );
        // Of the multi behind the last txn that it says it has, it may have some parts. Without a
        // digest that is allowed for twice.
        let next = steps
            .iter()
            .map(|step| step.world.zxid)
            .filter(|zxid| *zxid > ahead)
            .nth(1);
        let exact_from = next.filter(|_| tells).unwrap_or(Zxid::MAX);
        for (event, truth) in events.iter().zip(expected) {
            for (state, truth) in [(&event.before, &truth.before), (&event.after, &truth.after)] {
                assert!(
                    is_part_of(state, truth),
                    "seed {seed}: {event:?}\n{truth:?}"
                );
                let is_known = match state {
                    State::Unknown => false,
                    State::Absent { .. } => true,
                    State::Present(znode) => znode.known == Known::ALL,
                };
                assert!(
                    event.zxid <= exact_from || is_known,
                    "seed {seed}: {event:?}"
                );
            }
        }
        let present = |summary: &Summary| -> Vec<(Box<[u8]>, State)> {
            let states = summary
                .end
                .iter()
                .filter(|(path, state)| is_meant(path) && !matches!(state, State::Absent { .. }));
            states.cloned().collect()
        };
        // An ACL that the snapshot's map lacks is not guessed.
        let (found, wanted) = (present(&summary), present(&truth));
        assert_eq!(found.len(), wanted.len(), "seed {seed}");
        for (found, wanted) in found.iter().zip(&wanted) {
            let mut known = Known::ALL;
            if let State::Present(znode) = &found.1 {
                known.acl = znode.known.acl;
                assert_eq!(znode.known, known, "seed {seed}: {found:?}");
            }
            assert!(
                found.0 == wanted.0 && is_part_of(&found.1, &wanted.1),
                "seed {seed}: {found:?}\n{wanted:?}"
            );
        }
    }
}

#[test]
fn history_goes_over_the_ends_of_logs() {
    let mut historian = Historian::new(8_000_000_000, true);
    let steps: Vec<Step> = (0..150).map(|_| historian.step()).collect();
    let (one, many) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    logs::write_log(
        one.path(),
        "log.1",
        steps.iter().map(|step| step.payload.as_slice()),
    );
    write_steps(many.path(), &steps);
    let events = |dir: &Path| format!("{:?}", told(&open(dir), &options("/", true, false)).0);
    assert_eq!(events(one.path()), events(many.path()));
}

#[test]
fn a_session_that_ended_took_its_ephemerals_whether_listed_or_not() {
    for (name, listed) in [("standalone-3.4", false), ("standalone-3.9", true)] {
        let source = open(&testdata().join("datadirs").join(name));
        let (events, _) = told(&source, &options("/", true, false));
        let cause = Change::Deleted(Cause::SessionClosed { listed });
        let closed: Vec<&Event> = events
            .iter()
            .filter(|event| event.change == cause)
            .collect();
        assert!(closed.len() > 3, "{name}");
        for event in closed {
            let owner = event.before.znode().unwrap().stat.ephemeral_owner;
            assert_eq!((event.op, owner), (TxnKind::CloseSession, event.session.0));
        }
    }
}

fn run(dir: &Path, args: &[&str]) -> Output {
    zoovault()
        .current_dir(dir)
        .arg("history")
        .args(args)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_subtree_deleted_in_a_multi_can_be_had_back() {
    let dir = tempfile::tempdir().unwrap();
    let paths: [&[u8]; 3] = [b"/p/b", b"/p/a", b"/p"];
    let payloads = [
        logs::txn(
            1,
            TxnKind::Create.code(),
            &logs::create(b"/p", b"old", false, 1),
        ),
        logs::txn(
            2,
            TxnKind::Create.code(),
            &logs::create(b"/p/a", b"one", false, 1),
        ),
        logs::txn(
            3,
            TxnKind::Create.code(),
            &logs::create(b"/p/b", b"two", false, 2),
        ),
        logs::txn(
            4,
            TxnKind::SetData.code(),
            &logs::set_data(b"/p", b"new", 1),
        ),
        logs::txn(5, TxnKind::Multi.code(), &logs::deletes(&paths)),
        logs::txn(
            6,
            TxnKind::Create.code(),
            &logs::create(b"/q", b"", true, 2),
        ),
    ];
    logs::write_log(dir.path(), "log.1", payloads.iter().map(Vec::as_slice));
    let source = dir.path();
    for (name, args) in [
        ("deleted.txt", &[".", "/p", "--values", "-v"][..]),
        ("deleted-subtree.txt", &[".", "/p", "-r"]),
        (
            "deleted.json",
            &[".", "/p", "--values", "--json", "--children"],
        ),
    ] {
        common::golden(
            &format!("history/{name}"),
            &format!("history {}", args.join(" ")),
            &run(source, args),
        );
    }
    let shown = text(&run(source, &[".", "/p"]));
    assert!(
        shown.contains("zoovault cat . /p --at 0x5 --exclusive\n"),
        "{shown}"
    );
    let shown = text(&run(source, &[".", "/p", "-r"]));
    let wanted = "zoovault export . /p --format zkcli --to 0x5 --exclusive\n";
    assert!(shown.contains(wanted), "{shown}");
    // What is printed works as it is printed.
    let call = |args: &str| {
        let output = common::zoovault()
            .current_dir(source)
            .args(args.split(' '))
            .output()
            .unwrap();
        text(&output)
    };
    assert_eq!(call("cat . /p --at 0x5 --exclusive"), "new");
    let script = call("export . /p --format zkcli --to 0x5 --exclusive");
    assert!(
        script.contains("/p/a") && script.contains("/p/b"),
        "{script}"
    );
    let near = run(source, &[".", "/p/c"]);
    assert_eq!(near.status.code(), Some(1));
    let told = String::from_utf8(near.stderr).unwrap();
    assert!(told.contains("similar paths: /p/a, /p/b"), "{told}");
    let count = |args: &[&str]| {
        text(&run(source, args))
            .lines()
            .filter(|line| line.starts_with("0x"))
            .count()
    };
    assert_eq!(count(&[".", "/p", "--tail", "1"]), 1);
    assert_eq!(count(&[".", "/p", "--from", "0x1"]), 2);
    assert_eq!(count(&[".", "/p", "--from", "0x1", "--to", "0x4"]), 1);
    assert_eq!(count(&[".", "/p*/**", "--reverse"]), 4);
    assert_eq!(count(&[".", "/p", "--children"]), 7);
    let reversed = text(&run(source, &[".", "/p", "--reverse"]));
    assert!(reversed.starts_with("0x5 "), "{reversed}");
}

#[test]
fn hostile_names_and_data_never_reach_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let hostile = "/a\x1bm\n\u{202e}\r\t\u{9b}x".as_bytes();
    let payloads = [
        logs::txn(
            1,
            TxnKind::Create.code(),
            &logs::create(hostile, hostile, false, 1),
        ),
        logs::txn(
            2,
            TxnKind::Create.code(),
            &logs::create(b"/\xff\x1b\n", b"\xff\x1b", false, 2),
        ),
        logs::txn(
            3,
            TxnKind::SetData.code(),
            &logs::set_data(hostile, b"\x1b]0;x\x07\n\x1b", 1),
        ),
        logs::txn(4, TxnKind::Delete.code(), &logs::delete(hostile)),
        logs::txn(5, TxnKind::Delete.code(), &logs::delete(b"/\xff\x1b\n")),
    ];
    logs::write_log(dir.path(), "log.1", payloads.iter().map(Vec::as_slice));
    let hostile = std::str::from_utf8(hostile).unwrap();
    for args in [
        &[".", "/", "-r", "--values", "--children", "-v"][..],
        &[".", hostile, "--values"],
        &[".", "/*\u{202e}\x1b"],
    ] {
        let output = run(dir.path(), args);
        let shown = text(&output) + &String::from_utf8(output.stderr).unwrap();
        let is_hostile =
            |c: char| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c);
        assert!(!shown.contains(is_hostile), "{shown:?}");
    }
}

#[test]
fn gaps_and_damage_are_told_and_have_their_status() {
    let (_dir, gap) = common::copy("standalone-3.6");
    fs::remove_file(gap.join("log.1db")).unwrap();
    let output = run(&gap, &[".", "/app", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let lines: Vec<Value> = text(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let gaps: Vec<&Value> = lines.iter().filter(|line| line["line"] == "gap").collect();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0]["first_missing_zxid"], "0x1db");

    let (_dir, flipped) = common::copy("standalone-3.8");
    let log = flipped.join("log.145");
    let mut bytes = fs::read(&log).unwrap();
    bytes[3000] ^= 1;
    fs::write(&log, bytes).unwrap();
    let output = run(&flipped, &[".", "/app"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output).lines().count() > 3, "what is there is told");
    let status = |args: &[&str]| run(&flipped, args).status.code().unwrap();
    assert_eq!(
        status(&[".", "/app", "--to", "0x100"]),
        0,
        "the damage is behind"
    );
    assert_eq!(status(&[".", "/app", "--to", "0xffff"]), 5);
    assert_eq!(status(&[".", "app"]), 2);
    let sound = testdata().join("datadirs/small-3.9");
    assert_eq!(
        run(&sound, &[".", "/", "--to", "0xffff"]).status.code(),
        Some(5)
    );
    assert_eq!(run(&sound, &[".", "/"]).status.code(), Some(0));
}

#[test]
fn reports_are_as_they_were() {
    let datadirs = testdata().join("datadirs");
    for (name, args) in [
        ("root.txt", &["small-3.9", "/", "--children"][..]),
        ("subtree.txt", &["small-3.4", "/", "-r", "--values"]),
        (
            "subtree.json",
            &["small-3.9", "/", "-r", "--json", "--tail", "8"],
        ),
        ("no-such-path.txt", &["small-3.9", "/zookeeper/quotas"]),
    ] {
        common::golden(
            &format!("history/{name}"),
            &format!("history {}", args.join(" ")),
            &run(&datadirs, args),
        );
    }
}
