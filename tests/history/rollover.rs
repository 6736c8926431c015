//! Counters that end: a standalone server goes on from 0xffffffff to 0x100000000, and counter 0 is
//! a txn there. Where a leader only named its snapshot for the beginning of an epoch, it is none.

use crate::common;
use crate::common::logs;
use crate::common::shipping;

use common::testdata;
use serde_json::{Value, json};
use shipping::{backup, init, run, write, write_first_snapshot};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Both fixtures, and their last txns.
const FIXTURES: [(&str, &str); 2] = [
    ("small-counter-3.4", "0x10000000b"),
    ("small-counter-3.9", "0x10000000c"),
];

/// The points around the border.
const AROUND: [&str; 4] = ["0xfffffffe", "0xffffffff", "0x100000000", "0x100000001"];

/// The end of the counter, and what is behind it.
const LAST: i64 = 0xffff_ffff;

fn fixture(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("copy");
    common::copy_old(&testdata().join("datadirs").join(name), &dir);
    (folder, dir)
}

fn json_of(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|err| panic!("{err}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn verified(dir: &Path) -> Value {
    json_of(&run(&["verify", "--json"], &[dir]))
}

fn codes(report: &Value) -> BTreeSet<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

fn exported(source: &Path, more: &[&str]) -> Vec<u8> {
    let output = run(
        &[&["export", "--format", "jsonl"], more].concat(),
        &[source],
    );
    let status = output.status.code().unwrap();
    assert!(
        matches!(status, 0 | 3),
        "{more:?}: {status}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    // The first line says what was read.
    let lines = output.stdout.split_inclusive(|byte| *byte == b'\n');
    lines.skip(1).flatten().copied().collect()
}

#[test]
fn the_end_of_a_counter_is_neither_a_hole_nor_the_end_of_an_epoch() {
    for (name, last) in FIXTURES {
        let (_folder, dir) = fixture(name);
        let report = verified(&dir);
        assert_eq!(report["missing"], json!([]), "{name}");
        assert_eq!(report["windows"].as_array().unwrap().len(), 1, "{name}");
        assert_eq!(report["windows"][0]["to_zxid"], last, "{name}");
        let is_dated = name.ends_with("3.9");
        let wanted = match is_dated {
            true => (BTreeSet::new(), json!(0)),
            false => (BTreeSet::from(["base-unproven"]), json!(3)),
        };
        assert_eq!((codes(&report), report["exit_status"].clone()), wanted);
    }
}

#[test]
fn each_point_around_the_border_is_restored_as_the_one_before_its_successor() {
    for (name, _) in FIXTURES {
        let (folder, dir) = fixture(name);
        for (zxid, next) in AROUND.iter().zip(AROUND.iter().skip(1)) {
            let tree = exported(&dir, &["--to", zxid]);
            let before = exported(&dir, &["--to", next, "--exclusive"]);
            assert!(tree == before, "{name}: {zxid}");
            let target = folder.path().join(zxid);
            let paths = [dir.as_path(), target.as_path()];
            let output = run(
                &["restore", "--to", zxid, "--keep-zxid"],
                &[paths[0], Path::new("--target"), paths[1]],
            );
            assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
            // What was restored stands by itself, counter 0 or not.
            let restored = exported(&target, &[]);
            assert!(tree == restored, "{name}: {zxid}");
        }
    }
}

#[test]
fn a_repository_holds_both_sides_of_the_border_as_one() {
    for (name, last) in FIXTURES {
        let (folder, dir) = fixture(name);
        let repo = init(folder.path());
        // Up to the border first: the log that goes over it is cut right behind its last txn of
        // epoch 0.
        let early = folder.path().join("early");
        common::copy_old(&dir, &early);
        let over = early.join("version-2/log.fffffff1");
        let bytes = std::fs::read(&over).unwrap();
        common::write_old(&over, &bytes[..end_of(&bytes, LAST)]);
        for later in ["log.100000004", "snapshot.100000003"] {
            let _ = std::fs::remove_file(early.join("version-2").join(later));
        }
        let first = backup(&early, &repo).1;
        assert_eq!(first["window"]["to_zxid"], "0xffffffff", "{first}");
        let (status, told) = backup(&dir, &repo);
        assert_eq!(told["lineage"], first["lineage"], "{told}");
        assert_eq!(told["window"]["to_zxid"], last, "{told}");
        assert_eq!(told["window"]["from_zxid"], first["window"]["from_zxid"]);
        assert_eq!((status, &told["warnings"]), (0, &json!([])), "{told}");
        assert_eq!(verified(&repo)["missing"], json!([]));
        for zxid in AROUND {
            let (ours, theirs) = (
                exported(&dir, &["--to", zxid]),
                exported(&repo, &["--to", zxid]),
            );
            assert!(ours == theirs, "{name}: {zxid}");
        }
        let checked = run(&["check", "--read-data", "--repo"], &[&repo]);
        assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    }
}

/// Where the record of `zxid` ends in a log.
fn end_of(log: &[u8], zxid: i64) -> usize {
    let mut offset = 16;
    loop {
        let len = u32::from_be_bytes(log[offset + 8..offset + 12].try_into().unwrap()) as usize;
        let found = i64::from_be_bytes(log[offset + 24..offset + 32].try_into().unwrap());
        offset += 13 + len;
        if found == zxid {
            return offset;
        }
    }
}

#[test]
fn members_over_the_border_are_one_history() {
    let (_folder, dir) = fixture("small-counter-3.9");
    let (_other_folder, other) = fixture("small-counter-3.9");
    std::fs::remove_file(other.join("version-2/log.100000004")).unwrap();
    let told = json_of(&run(&["compare", "--json"], &[&dir, &other]));
    assert_eq!(told["forks"], json!([]), "{told:#}");
    assert_eq!(told["holes"], json!([]), "{told:#}");
}

#[test]
fn what_is_missing_before_a_txn_of_counter_0_is_certain() {
    let folder = tempfile::tempdir().unwrap();
    write_first_snapshot(folder.path());
    write(folder.path(), LAST - 3, LAST - 2, "a");
    write(folder.path(), LAST + 1, LAST + 3, "a");
    let report = verified(folder.path());
    let missing = report["missing"].as_array().unwrap();
    let behind = missing
        .iter()
        .find(|missing| missing["after_zxid"] == "0xfffffffd");
    let behind = behind.unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!(behind["first_missing_zxid"], "0xfffffffe");
    assert_eq!(behind["last_missing_zxid"], "0xffffffff");
    let messages = report["findings"].to_string();
    assert!(
        messages.contains("transactions 0xfffffffe to 0xffffffff are missing (between"),
        "{messages}"
    );
}

#[test]
fn a_counter_near_its_end_is_told_with_the_months_that_are_left() {
    const DAY_MS: i64 = 86_400_000;
    let message = |last: i64, days: i64| {
        let folder = tempfile::tempdir().unwrap();
        write_first_snapshot(folder.path());
        let payloads: Vec<Vec<u8>> = (last - 100..=last)
            .map(|zxid| {
                let path = format!("/{zxid:x}");
                let body = logs::create(path.as_bytes(), b"", false, -1);
                let mut payload = logs::txn(
                    zxid,
                    zoovault::format::record::TxnKind::Create.code(),
                    &body,
                );
                let time = 1_795_215_000_000 + (zxid - last + 100) * days * DAY_MS / 100;
                payload[20..28].copy_from_slice(&time.to_be_bytes());
                payload
            })
            .collect();
        let name = format!("log.{:x}", last - 100);
        logs::write_log(folder.path(), &name, payloads.iter().map(Vec::as_slice));
        let report = verified(folder.path());
        let findings = report["findings"].as_array().unwrap().iter();
        let mut near = findings.filter(|finding| finding["code"] == "counter-near-end");
        near.next().map(|finding| {
            assert_eq!(finding["severity"], "warning");
            assert_eq!(finding["zxid"], format!("{last:#x}"));
            finding["message"].as_str().unwrap().to_owned()
        })
    };
    assert_eq!(message(0xf000_0000, 10), None);
    // 100 txns in 2 days: 50 a day, and 268435454 are left, for 5368709 days.
    let told = message(0xf000_0001, 2).unwrap();
    assert!(
        told.contains("268435454 numbers left, about 176370 months at 50 transactions a day"),
        "{told}"
    );
    let told = message(0x3_ffff_ff00, 1).unwrap();
    assert!(
        told.contains("255 numbers left, less than a month"),
        "{told}"
    );
    assert!(told.contains("continues with 0x400000000"), "{told}");
}

#[test]
fn an_epoch_that_begins_with_counter_1_is_one_that_began() {
    let folder = tempfile::tempdir().unwrap();
    write_first_snapshot(folder.path());
    write(folder.path(), 1, 4, "a");
    // A server of an ensemble: its first snapshot of the epoch has a name that no txn has.
    write(folder.path(), LAST + 2, LAST + 5, "a");
    let report = verified(folder.path());
    assert!(codes(&report).contains("epoch-end-unproven"), "{report:#}");
    let refused = run(
        &["restore", "--dry-run", "--to", "0x100000000"],
        &[folder.path()],
    );
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");
}
