//! What differs between two trees: nothing if they are equal, and enough to make one of the other.

use crate::common;
use crate::common::historian;
use crate::common::logs;

use common::{testdata, zoovault};
use historian::Historian;
use std::collections::BTreeMap;
use std::fs;
use std::process::Output;
use zoovault::format::record::{Stat, Txn, TxnKind};
use zoovault::history::point::Point;
use zoovault::history::replay::{rebuild, rebuild_two};
use zoovault::history::source::{self, Source};
use zoovault::progress::NoProgress;
use zoovault::tree::diff::{Aspect, Kind, Options, between, sessions_between};
use zoovault::tree::{AclValue, DataTree, NodeView};
use zoovault::zxid::Zxid;

type Plain = BTreeMap<Vec<u8>, (Option<Vec<u8>>, Vec<u8>, Stat)>;

fn plain_node(node: &NodeView<'_>) -> (Option<Vec<u8>>, Vec<u8>, Stat) {
    let AclValue::List(acl) = node.acl else {
        panic!("a list is unknown")
    };
    (
        node.data.map(<[u8]>::to_vec),
        acl.bytes().to_vec(),
        *node.stat,
    )
}

fn plain(tree: &DataTree) -> Plain {
    tree.nodes()
        .map(|node| (node.path.to_vec(), plain_node(&node)))
        .collect()
}

fn everything() -> Options {
    Options {
        derived: true,
        ..Options::default()
    }
}

/// Makes `b` of `a` with what differs; whether anything did.
fn patched(a: &DataTree, b: &DataTree) -> bool {
    let options = everything();
    let mut tree = plain(a);
    let mut sessions: BTreeMap<_, _> = a.sessions().collect();
    let mut is_equal = true;
    for difference in between(a, b, &options) {
        is_equal = false;
        let path = difference.path().to_vec();
        let was = tree.remove(&path);
        assert_eq!(was, difference.before.as_ref().map(plain_node));
        if let Some(after) = &difference.after {
            tree.insert(path, plain_node(after));
        }
        let is_pair = matches!(difference.kind, Kind::Changed | Kind::Recreated);
        assert_eq!(is_pair, !difference.fields.is_empty());
    }
    for difference in sessions_between(a, b, &options) {
        is_equal = false;
        assert_eq!(sessions.remove(&difference.session), difference.before);
        if let Some(timeout) = difference.after {
            sessions.insert(difference.session, timeout);
        }
    }
    assert_eq!(tree, plain(b));
    assert_eq!(sessions, b.sessions().collect());
    !is_equal
}

#[test]
fn what_differs_makes_one_random_tree_of_another() {
    for seed in 0..60 {
        let mut historian = Historian::new(5_000_000_000 + seed, false);
        let mut tree = DataTree::fresh(true);
        let mut trees = Vec::new();
        for count in 0..120 {
            let step = historian.step();
            let txn = Txn::decode(&step.payload, 0).unwrap();
            tree.apply(&txn.header, &txn.body).unwrap();
            if count % 20 == 0 {
                trees.push(tree.clone());
            }
        }
        for a in &trees {
            for b in &trees {
                let differs = patched(a, b);
                let is_same = plain(a) == plain(b) && a.sessions().eq(b.sessions());
                assert_eq!(differs, !is_same);
            }
        }
    }
}

#[test]
fn paths_come_parents_first_and_a_name_that_goes_on_behind_what_is_below() {
    let tree = |paths: &[&str]| {
        let mut tree = DataTree::fresh(false);
        for (zxid, path) in (1..).zip(paths) {
            let body = logs::create(path.as_bytes(), b"", false, -1);
            let payload = logs::txn(zxid, TxnKind::Create.code(), &body);
            let txn = Txn::decode(&payload, 0).unwrap();
            tree.apply(&txn.header, &txn.body).unwrap();
        }
        tree
    };
    let (a, b) = (tree(&["/z", "/a"]), tree(&["/a-b", "/a", "/a/b", "/b"]));
    let options = Options {
        ignore: vec![Aspect::Stat],
        ..Options::default()
    };
    let found: Vec<(Kind, &[u8])> = between(&a, &b, &options)
        .map(|it| (it.kind, it.path()))
        .collect();
    assert_eq!(
        found,
        [
            (Kind::Created, b"/a/b".as_slice()),
            (Kind::Created, b"/a-b"),
            (Kind::Created, b"/b"),
            (Kind::Deleted, b"/z"),
        ]
    );
}

#[test]
fn going_on_from_the_earlier_tree_makes_the_tree_that_is_had_alone() {
    for name in ["standalone-3.4", "standalone-3.6", "standalone-3.9"] {
        let path = testdata().join("datadirs").join(name);
        let source = Source::open(&path, &source::Options::default()).unwrap();
        let point = |zxid| Point::Zxid(Zxid::from_i64(zxid));
        for (from, to) in [(0x20, 0x100), (0x100, 0x20), (0x80, 0x80), (0x51, 0x140)] {
            let Ok(two) = rebuild_two(&source, point(from), point(to), &NoProgress) else {
                assert!(rebuild(&source, point(from.max(to)), false, &NoProgress).is_err());
                continue;
            };
            for (zxid, tree) in [(from, &two.from), (to, &two.to)] {
                let alone = rebuild(&source, point(zxid), false, &NoProgress).unwrap();
                assert_eq!(tree.0, alone.target);
                assert!(
                    !patched(&tree.1.tree, &alone.replayed.tree),
                    "{name} {zxid:x}"
                );
                assert!(tree.1.proof >= alone.replayed.proof, "{name} {zxid:x}");
            }
        }
    }
}

fn run(args: &[&str]) -> Output {
    zoovault().arg("diff").args(args).output().unwrap()
}

fn golden(name: &str, args: &[&str]) {
    let call = format!("diff {}", args.join(" "));
    common::golden(&format!("diff/{name}"), &call, &run(args));
}

#[test]
fn reports_are_as_they_were() {
    let small = ["small-3.9", "--from", "0x5", "--to", "0x1a"];
    let with = |more: &[&'static str]| [small.as_slice(), more].concat();
    golden("points.txt", &with(&["-v"]));
    golden("unified.txt", &with(&["-u", "--ignore", "stat"]));
    golden("points.json", &with(&["--json", "--values"]));
    golden("path.txt", &with(&["--path", "/a*/**", "--values"]));
    golden("stat.txt", &["standalone-3.6", "--from", "0x1f0", "--stat"]);
    golden(
        "stat.json",
        &["standalone-3.6", "--from", "0x1f0", "--stat", "--json"],
    );
    golden("equal.txt", &["ensemble-3.9/s1", "ensemble-3.9/s2"]);
    golden(
        "sources.txt",
        &["small-3.4", "small-3.8", "--ignore", "stat,sessions"],
    );
}

#[test]
fn each_end_has_its_status() {
    let status = |args: &[&str]| run(args).status.code().unwrap();
    assert_eq!(status(&["small-3.9", "small-3.9"]), 0);
    assert_eq!(status(&["small-3.9"]), 3);
    assert_eq!(status(&["small-3.9", "--from", "latest"]), 0);
    assert_eq!(status(&["small-3.9", "--from", "0xfffff"]), 5);
    assert_eq!(status(&["small-3.9", "--path", "no-slash"]), 2);
    assert_eq!(status(&["small-3.9", "--ignore", "luck"]), 2);
    let (_dir, flipped) = common::copy("standalone-3.8");
    let log = flipped.join("log.145");
    let mut bytes = fs::read(&log).unwrap();
    bytes[3000] ^= 1;
    fs::write(&log, bytes).unwrap();
    let flipped = flipped.to_str().unwrap();
    assert_eq!(status(&[flipped]), 4);
    assert_eq!(status(&[flipped, "--from", "0x50", "--to", "0x100"]), 3);
    let quiet = run(&["small-3.9", "--quiet"]);
    assert_eq!((quiet.status.code(), quiet.stdout.len()), (Some(3), 0));
}

#[test]
fn an_edit_of_the_same_length_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let payloads = [
        logs::txn(
            1,
            TxnKind::Create.code(),
            &logs::create(b"/a", b"one\ntwo\n", false, 1),
        ),
        logs::txn(
            2,
            TxnKind::SetData.code(),
            &logs::set_data(b"/a", b"one\ntoo\n", 1),
        ),
    ];
    logs::write_log(dir.path(), "log.1", payloads.iter().map(Vec::as_slice));
    let path = dir.path().to_str().unwrap();
    let output = run(&[path, "--from", "0x1", "--ignore", "stat", "-u"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains("M /a  data (8 bytes)\n"),
        "contents are compared, not sizes: {shown}"
    );
    assert!(
        shown.contains("@@ -1,2 +1,2 @@\n one\n-two\n+too\n"),
        "{shown}"
    );
}

#[test]
fn a_znode_created_anew_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let payloads = [
        logs::txn(
            1,
            TxnKind::Create.code(),
            &logs::create(b"/a", b"x", false, 1),
        ),
        logs::txn(2, TxnKind::Delete.code(), &logs::delete(b"/a")),
        logs::txn(
            3,
            TxnKind::Create.code(),
            &logs::create(b"/a", b"x", false, 2),
        ),
    ];
    logs::write_log(dir.path(), "log.1", payloads.iter().map(Vec::as_slice));
    let path = dir.path().to_str().unwrap();
    let shown = |args: &[&str]| {
        let output = run(&[&[path, "--from", "0x1", "--path", "/a"], args].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(shown(&[]).contains("R /a  recreated by 0x3"));
    assert!(shown(&["--ignore", "stat"]).ends_with("\nequal\n"));
}

#[test]
fn hostile_names_and_data_never_reach_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let hostile = "/a\x1b[31m\n\u{202e}\r\t\u{9b}x".as_bytes();
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
        logs::txn(
            4,
            TxnKind::SetData.code(),
            &logs::set_data(b"/\xff\x1b\n", b"\x1b", 1),
        ),
    ];
    logs::write_log(dir.path(), "log.1", payloads.iter().map(Vec::as_slice));
    let path = dir.path().to_str().unwrap();
    for from in ["0x1", "0x2"] {
        for more in [
            &["-u", "-v", "--values"][..],
            &["--stat"],
            &["--json", "--values"],
        ] {
            let output = run(&[&[path, "--from", from], more].concat());
            assert_eq!(output.status.code(), Some(3));
            let shown = String::from_utf8(output.stdout).unwrap();
            // The names of a unified diff are followed by a tab.
            let is_hostile = |c: char| {
                (c.is_control() && c != '\n' && c != '\t') || ('\u{2028}'..='\u{202e}').contains(&c)
            };
            assert!(
                more.contains(&"--json") || !shown.contains(is_hostile),
                "{shown:?}"
            );
            assert!(!shown.contains(['\x1b', '\r', '\u{7}']), "{shown:?}");
        }
    }
}
