//! Members of one ensemble compared: sound ones, and ones that were damaged here, each in one way.

use crate::common;

use common::testdata;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use zoovault::error::Error;
use zoovault::format::jute::Put;
use zoovault::format::record::TxnKind;
use zoovault::format::txnlog::{LogReader, encode_header, encode_record};

/// Three members in a directory of their own, called s1, s2 and s3.
struct Ensemble(tempfile::TempDir);

impl Ensemble {
    fn new() -> Ensemble {
        let dir = tempfile::tempdir().unwrap();
        for member in ["s1", "s2", "s3"] {
            copy(
                &testdata().join("datadirs/ensemble-3.9").join(member),
                &dir.path().join(member),
            );
        }
        Ensemble(dir)
    }

    fn file(&self, member: &str, name: &str) -> PathBuf {
        self.0.path().join(member).join("version-2").join(name)
    }

    fn remove(&self, member: &str, names: &[&str]) {
        for name in names {
            fs::remove_file(self.file(member, name)).unwrap();
        }
    }

    /// Writes a log anew with what `change` makes of its payloads, checksums and all.
    fn change(&self, member: &str, log: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let path = self.file(member, log);
        let mut payloads = payloads(&path).unwrap();
        change(&mut payloads);
        let mut bytes = encode_header();
        for payload in &payloads {
            encode_record(payload, &mut bytes);
        }
        fs::write(path, bytes).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_zoovault"))
            .arg("compare")
            .args(args)
            .current_dir(self.0.path())
            .env("TZ", "UTC")
            .env_remove("ZOOVAULT_COLOR")
            .output()
            .unwrap()
    }

    /// The report on all three, which is to end with `status`.
    fn report(&self, status: i32) -> Value {
        self.report_on(&["s1", "s2", "s3"], status)
    }

    fn report_on(&self, args: &[&str], status: i32) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        let shown = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{shown}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["exit_status"], status);
        report
    }

    /// Compares what people see with the golden file `name`.
    fn golden(&self, name: &str, args: &[&str]) {
        let output = self.run(args);
        common::golden(
            &format!("compare/{name}"),
            &format!("compare {}", args.join(" ")),
            &output,
        );
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn payloads(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let mut reader = LogReader::new(path, std::sync::Arc::new(fs::File::open(path).unwrap()))?;
    let mut payloads = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        payloads.push(entry.payload.to_vec());
    }
    Ok(payloads)
}

/// A txn that creates nothing: a session of 4 s.
fn session(zxid: i64) -> Vec<u8> {
    let mut payload = Vec::new();
    payload.put_long(0x1_0000_0000_0001);
    payload.put_int(0);
    payload.put_long(zxid);
    payload.put_long(1_795_215_000_000);
    payload.put_int(TxnKind::CreateSession.code());
    payload.put_int(4000);
    payload
}

fn strings(value: &Value, names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| value[name].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn sound_members_have_the_same_history_though_their_files_differ() {
    let ensemble = Ensemble::new();
    let report = ensemble.report(0);
    assert_eq!(report["verdict"], "same history");
    assert_eq!(report["common_txns"], 1529);
    assert_eq!(
        report["common"],
        json!([{ "first_zxid": "0x100000001", "last_zxid": "0x3000001f6" }])
    );
    // s2 and s3 had to catch up, and then logged failed multis as errors.
    let pairs = report["pairs"].as_array().unwrap().iter();
    let reworded: Vec<&Value> = pairs.map(|pair| &pair["in_other_bytes"]).collect();
    assert_eq!(reworded, [13, 5, 18]);
    for list in ["forks", "holes", "tails", "branches"] {
        assert_eq!(report[list], json!([]), "{list}");
    }
    assert_eq!(report["committed"]["zxid"], "0x3000001f6");
    assert_eq!(report["best"]["reaches_last_committed"], true);
    ensemble.golden("same.txt", &["s1", "s2", "s3"]);
    ensemble.golden("same-verbose.txt", &["s1", "s2", "s3", "-v"]);
    ensemble.golden("same.json", &["s1", "s2", "s3", "--json"]);
}

#[test]
fn a_removed_log_is_a_hole_that_others_fill() {
    let ensemble = Ensemble::new();
    ensemble.remove("s2", &["log.2000000c5"]);
    let report = ensemble.report(3);
    let holes = report["holes"].as_array().unwrap();
    assert_eq!(holes.len(), 1);
    assert_eq!(holes[0]["member"], 2);
    assert_eq!(
        strings(&holes[0], &["first_zxid", "last_zxid"]),
        ["0x2000000c5", "0x2000001a9"]
    );
    assert_eq!(holes[0]["filled_by"], json!([1, 3]));
    assert_eq!(holes[0]["is_committed"], true);
    assert_eq!(report["members"][1]["txns"], 1529 - 229);
    assert_ne!(report["best"]["member"], 2, "others reach further back");
    ensemble.golden("hole.txt", &["s1", "s2", "s3"]);
}

#[test]
fn a_hole_that_all_have_is_filled_by_nobody() {
    let ensemble = Ensemble::new();
    for (member, log) in [("s1", "log.2000000e9"), ("s2", "log.2000000c5")] {
        ensemble.remove(member, &[log]);
    }
    // What s1 and s2 both lack is 0x2000000e9 to 0x2000001a9.
    let report = ensemble.report_on(&["s1", "s2"], 3);
    let holes = report["holes"].as_array().unwrap();
    let told: Vec<_> = holes
        .iter()
        .map(|hole| {
            let range = strings(hole, &["first_zxid", "last_zxid"]);
            (
                hole["member"].clone(),
                range.join(" "),
                hole["filled_by"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!(1), "0x2000000e9 0x2000001a9".into(), json!([])),
            (json!(1), "0x2000001aa 0x2000001d4".into(), json!([2])),
            (json!(2), "0x2000000c5 0x2000000e8".into(), json!([1])),
            (json!(2), "0x2000000e9 0x2000001a9".into(), json!([])),
        ]
    );
}

#[test]
fn a_hole_at_the_end_of_an_epoch_shows_only_by_comparing() {
    let ensemble = Ensemble::new();
    // Behind it s3's logs go straight from 0x2000002f9 to 0x300000001, and no zxid tells that five
    // txns are missing.
    ensemble.change("s3", "log.200000188", |payloads| {
        payloads.retain(|payload| !(0x2_0000_02fa..0x3_0000_0000).contains(&zxid(payload)));
    });
    ensemble.remove("s3", &["snapshot.2000002fe", "snapshot.300000000"]);
    let report = ensemble.report(3);
    let holes = report["holes"].as_array().unwrap();
    assert_eq!(holes.len(), 1);
    assert_eq!(holes[0]["member"], 3);
    assert_eq!(
        strings(&holes[0], &["first_zxid", "last_zxid"]),
        ["0x2000002fa", "0x2000002fe"]
    );
    assert_eq!(holes[0]["filled_by"], json!([1, 2]));
    // The tree that its logs give behind that is wrong; its snapshot behind it is right.
    assert_eq!(report["members"][2]["window"]["base"], "snapshot.300000107");
    assert_eq!(report["best"]["equals"], json!([2, 3]));
}

fn zxid(payload: &[u8]) -> i64 {
    i64::from_be_bytes(payload[12..20].try_into().unwrap())
}

#[test]
fn a_member_whose_tail_is_cut_is_behind_and_a_majority_is_enough() {
    let ensemble = Ensemble::new();
    ensemble.change("s2", "log.30000017e", |payloads| payloads.truncate(100));
    let report = ensemble.report(0);
    assert_eq!(report["verdict"], "same history");
    assert_eq!(report["members"][1]["behind_txns"], 21);
    assert_eq!(report["members"][1]["last_zxid"], "0x3000001e1");
    assert_eq!(report["pairs"][0]["ahead_txns"], json!([21, 0]));
    assert_eq!(report["committed"]["zxid"], "0x3000001f6");
    assert_eq!(report["best"]["equals"], json!([3]));
    ensemble.golden("behind.txt", &["s1", "s2", "s3"]);

    // Of five voters, two hold the last txns: that proves nothing.
    let report = ensemble.report_on(&["s1", "s2", "s3", "--voters", "5"], 3);
    assert_eq!(report["tails"][0]["members"], json!([1, 3]));
    assert_eq!(
        strings(&report["tails"][0], &["first_zxid", "last_zxid"]),
        ["0x3000001e2", "0x3000001f6"]
    );
}

#[test]
fn txns_at_the_tail_of_a_minority_were_perhaps_never_committed() {
    let ensemble = Ensemble::new();
    ensemble.change("s3", "log.3000001db", |payloads| {
        payloads.extend((0x3_0000_01f7..=0x3_0000_01fb).map(session));
    });
    let report = ensemble.report(3);
    assert_eq!(
        report["tails"],
        json!([{
            "members": [3],
            "not_members": [1, 2],
            "first_zxid": "0x3000001f7",
            "last_zxid": "0x3000001fb",
        }])
    );
    assert_eq!(report["committed"]["zxid"], "0x3000001f6");
    assert_eq!(report["best"]["member"], 1);
    assert_eq!(report["best"]["equals"], json!([2, 3]));
    ensemble.golden("tail.txt", &["s1", "s2", "s3"]);

    // A snapshot that a server wrote while it went on proves what it holds, and one of the last txn
    // proves nothing.
    let snapshot = |name: &str| {
        fs::copy(
            ensemble.file("s3", "snapshot.3000001d9"),
            ensemble.file("s3", name),
        )
    };
    snapshot("snapshot.3000001fb").unwrap();
    assert_eq!(ensemble.report(3)["committed"]["zxid"], "0x3000001f6");
    snapshot("snapshot.3000001f9").unwrap();
    let report = ensemble.report(3);
    assert_eq!(report["committed"]["zxid"], "0x3000001f9");
    assert_eq!(report["committed"]["proof"], "snapshot");
    assert_eq!(report["tails"][0]["first_zxid"], "0x3000001fa");
}

#[test]
fn an_epoch_s_tail_that_others_went_on_without_is_a_branch() {
    let ensemble = Ensemble::new();
    // s1 led epoch 2 to its end, and stopped with two txns that nobody else ever saw.
    ensemble.change("s1", "log.2000001d5", |payloads| {
        payloads.retain(|payload| zxid(payload) < 0x3_0000_0000);
        payloads.extend((0x2_0000_02ff..=0x2_0000_0300).map(session));
    });
    ensemble.remove(
        "s1",
        &[
            "log.30000004b",
            "log.3000001a7",
            "snapshot.300000049",
            "snapshot.3000001a5",
        ],
    );
    let report = ensemble.report(3);
    assert_eq!(
        report["branches"],
        json!([{
            "members": [1],
            "not_members": [2, 3],
            "first_zxid": "0x2000002ff",
            "last_zxid": "0x200000300",
        }])
    );
    assert_eq!(
        (&report["tails"], &report["holes"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(report["members"][0]["behind_txns"], 0x1f6);
    // What lies in the branch is not what to restore.
    assert_eq!(report["members"][0]["window"]["to_zxid"], "0x2000002fe");
    assert_eq!(report["best"]["member"], 2);
    ensemble.golden("branch.txt", &["s1", "s2", "s3"]);
}

#[test]
fn one_changed_txn_with_its_checksum_mended_is_a_fork_at_exactly_that_zxid() {
    let ensemble = Ensemble::new();
    let mut place = 0;
    ensemble.change("s3", "log.200000188", |payloads| {
        place = 16;
        for payload in payloads {
            if zxid(payload) == 0x2_0000_0200 {
                // The cxid.
                payload[11] ^= 1;
                return;
            }
            place += 8 + 4 + payload.len() + 1;
        }
        panic!("the log has no such transaction");
    });
    let report = ensemble.report(4);
    assert_eq!(report["verdict"], "forked");
    assert_eq!(
        report["forks"],
        json!([{ "zxid": "0x200000200", "sides": [[1, 2], [3]], "majority": [1, 2] }])
    );
    for (pair, differing) in [(0, 0), (1, 1), (2, 1)] {
        assert_eq!(report["pairs"][pair]["differing_zxids"], differing);
    }
    let difference = &report["pairs"][1]["first_difference"];
    assert_eq!(difference["zxid"], "0x200000200");
    assert_eq!(difference["payload_byte"], 11);
    assert_eq!(difference["fields"][0]["name"], "cxid");
    assert_eq!(difference["fields"].as_array().unwrap().len(), 1);
    let there = &difference["places"][1];
    assert_eq!(there["file"], "s3/version-2/log.200000188");
    assert_eq!(there["offset"], place);
    assert_eq!(report["members"][2]["window"]["to_zxid"], "0x2000001ff");
    assert_eq!(report["best"]["equals"], json!([2]));
    assert_eq!(report["committed"]["zxid"], "0x3000001f6");
    ensemble.golden("fork.txt", &["s1", "s2", "s3"]);
    ensemble.golden("fork.json", &["s1", "s2", "s3", "--json"]);

    // Of two, none can be told to be right.
    let report = ensemble.report_on(&["s1", "s3"], 4);
    assert_eq!(report["forks"][0]["majority"], Value::Null);
    assert_eq!(report["committed"]["zxid"], "0x2000001ff");
}

#[test]
fn a_damaged_record_is_told_with_its_place_and_who_can_fill_it() {
    let ensemble = Ensemble::new();
    let path = ensemble.file("s1", "log.2000000e9");
    let mut bytes = fs::read(&path).unwrap();
    bytes[3000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let report = ensemble.report(4);
    assert_eq!(report["verdict"], "damaged");
    let faults = report["members"][0]["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0]["file"], "s1/version-2/log.2000000e9");
    let hole = &report["holes"][0];
    assert_eq!(
        (&hole["member"], &hole["filled_by"]),
        (&json!(1), &json!([2, 3]))
    );
    assert_eq!(hole["first_zxid"], hole["last_zxid"]);
    assert_ne!(report["best"]["member"], 1);
    ensemble.golden("damage.txt", &["s1", "s2", "s3"]);
}

#[test]
fn directories_of_other_histories_are_told_apart() {
    let ensemble = Ensemble::new();
    for name in ["standalone-3.6", "standalone-3.8"] {
        copy(
            &testdata().join("datadirs").join(name),
            &ensemble.0.path().join(name),
        );
    }
    let report = ensemble.report_on(&["standalone-3.6", "standalone-3.8"], 4);
    assert_eq!(report["forks"][0]["zxid"], "0x1");
    assert_eq!(report["common_txns"], 0);
    assert_eq!(report["best"], Value::Null);
    ensemble.golden("foreign.txt", &["standalone-3.6", "standalone-3.8"]);

    // No zxid stands in both, so nothing contradicts, and nothing agrees.
    let report = ensemble.report_on(&["s1", "s2", "s3", "standalone-3.6"], 3);
    assert_eq!(report["members"][3]["has_txns_in_common"], false);
    assert_eq!(report["members"][3]["behind_txns"], 0);
    assert_eq!(report["committed"]["zxid"], "0x3000001f6");
    assert_eq!(report["best"]["member"], 1);
    ensemble.golden("unrelated.txt", &["s1", "s2", "s3", "standalone-3.6"]);
}

#[test]
fn archives_and_purged_directories_are_members_like_others() {
    let ensemble = Ensemble::new();
    let archive = ensemble.0.path().join("s3.tar.gz");
    let made = Command::new(env!("CARGO_BIN_EXE_zoovault"))
        .args(["export", "s3", "-o"])
        .arg(&archive)
        .current_dir(ensemble.0.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    ensemble.remove("s1", &["log.100000001", "log.20000000b", "log.2000000e9"]);
    ensemble.remove(
        "s1",
        &["snapshot.0", "snapshot.200000009", "snapshot.2000000e8"],
    );
    let report = ensemble.report_on(&["s1", "s2", "s3.tar.gz"], 0);
    assert_eq!(report["verdict"], "same history");
    assert_eq!(report["members"][0]["first_zxid"], "0x2000001d5");
}

#[test]
fn what_cannot_be_compared_is_one_line_with_its_status() {
    let ensemble = Ensemble::new();
    assert_eq!(ensemble.run(&[]).status.code(), Some(2));
    assert_eq!(ensemble.run(&["s1"]).status.code(), Some(2));
    ensemble.golden("no-such-source.txt", &["s1", "no-such-directory"]);
    fs::create_dir(ensemble.0.path().join("empty")).unwrap();
    ensemble.golden("empty.txt", &["s1", "s2", "empty"]);
    ensemble.golden("twice.txt", &["s1", "s2", "s1/version-2"]);
    ensemble.golden("log-dirs.txt", &["s1", "s2", "--data-log-dir", "s1"]);
}
