//! Whether servers start on a directory, as `explain` answers: the answer of the emulation, and no
//! other.

use crate::common;

use common::{copy, testdata, zoovault};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use zoovault::format::release::RELEASES;
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::server::emulate::{Rules, starts};
use zoovault::server::messages::explain;
use zoovault::server::outlook;

fn run(dir: &Path, args: &[&str]) -> Output {
    let output = zoovault().arg("explain").arg(dir).args(args).output();
    output.unwrap()
}

fn explained(dir: &Path, args: &[&str]) -> Value {
    let output = run(dir, &[&["--json"], args].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The first consequence: effect, message, releases.
fn first(report: &Value) -> (&str, &str, &str) {
    let told = &report["consequences"][0];
    let text = |field: &str| told[field].as_str().unwrap_or_default();
    (text("effect"), text("message_id"), text("releases"))
}

#[test]
fn an_epoch_file_is_named_as_servers_name_it_and_null_only_without_a_byte() {
    let (dir, version_dir) = copy("small-member-3.9");
    for (text, found) in [("", "null"), ("\n2\n", ""), ("2 ", "2 ")] {
        for name in ["currentEpoch", "acceptedEpoch"] {
            let path = version_dir.join(name);
            let whole = fs::read(&path).unwrap();
            fs::write(&path, text).unwrap();
            let source = Source::open(dir.path(), &Options::default()).unwrap();
            for start in starts(&source, &Rules::all(), None, &NoProgress).unwrap() {
                if start.standalone.is_err() {
                    continue;
                }
                let refusal = start.member.unwrap_err();
                let message = format!("Found {found} in {}", path.display());
                assert_eq!(refusal.thrown.message(), message, "{}", start.release);
                let id = outlook::entry_of(&refusal).map(|entry| entry.id);
                assert_eq!(id, Some("epoch-unreadable"), "{message}");
            }
            fs::write(&path, whole).unwrap();
        }
    }
}

#[test]
fn explain_says_what_the_emulation_does_of_every_directory() {
    let mut compared = 0;
    for dir in common::directories() {
        let Ok(source) = Source::open(&dir, &Options::default()) else {
            continue;
        };
        let alone = starts(&source, &Rules::all(), None, &NoProgress).unwrap();
        let report = explained(&dir, &["--server", "all"]);
        let servers = report["servers"].as_array().unwrap();
        assert_eq!(servers.len(), RELEASES.len());
        for (start, told) in alone.iter().zip(servers) {
            let (context, release) = (dir.display(), &start.release);
            assert_eq!(told["release"], release.as_str(), "{context}");
            let does_start = start.standalone.is_ok();
            assert_eq!(
                told["standalone"]["starts"], does_start,
                "{context} {release}"
            );
            compared += 1;
        }
        let refusing = alone
            .iter()
            .filter(|start| start.standalone.is_err())
            .count();
        let answer = report["start"].as_str().unwrap();
        assert_eq!(
            answer == "all-refuse",
            refusing == alone.len(),
            "{}",
            dir.display()
        );
        if (1..alone.len()).contains(&refusing) {
            assert_eq!(answer, "some-refuse", "{}", dir.display());
        }
        let words = String::from_utf8(run(&dir, &[]).stdout).unwrap();
        for word in ["perhaps", "possibly", "may start"] {
            assert!(!words.contains(word), "{}: {words}", dir.display());
        }
    }
    assert!(compared > 3000, "only {compared} forecasts");
}

#[test]
fn damage_is_told_as_what_it_does_to_a_start() {
    let (_dir, empty) = copy("standalone-3.8");
    fs::write(empty.join("log.27d"), b"").unwrap();
    let report = explained(&empty, &[]);
    let refused = ("refuses", "log-eof-in-header", "3.4.6 to 3.9.2");
    assert_eq!(
        (first(&report), &report["start"]),
        (refused, &"some-refuse".into())
    );

    let (_dir, flipped) = copy("standalone-3.8");
    let mut bytes = fs::read(flipped.join("log.145")).unwrap();
    bytes[3000] ^= 1;
    fs::write(flipped.join("log.145"), bytes).unwrap();
    let report = explained(&flipped, &[]);
    let refused = ("refuses", "log-checksum", "3.4.6 to 3.9.5");
    assert_eq!(
        (first(&report), &report["start"]),
        (refused, &"all-refuse".into())
    );
    assert_eq!(report["consequences"][0]["finding"], "log-bad-checksum");

    let (_dir, gap) = copy("standalone-3.8");
    let bytes = fs::read(gap.join("log.145")).unwrap();
    fs::write(gap.join("log.145"), &bytes[..3000]).unwrap();
    let later = testdata().join("datadirs/standalone-3.6/version-2/log.27b");
    fs::write(gap.join("log.27d"), fs::read(later).unwrap()).unwrap();
    let report = explained(&gap, &[]);
    assert_eq!(first(&report).1, "txns-missing");
    assert_eq!(first(&report).2, "3.9.4, 3.9.5");
    assert_eq!(report["consequences"][1]["effect"], "loses");

    let (_dir, whole) = copy("standalone-3.8");
    let report = explained(&whole, &[]);
    assert_eq!(report["start"], "starts");
    assert_eq!(report["consequences"].as_array().unwrap().len(), 0);
    assert_eq!(report["servers"].as_array().unwrap().len(), 1);
    assert_eq!(report["servers"][0]["release"], "3.4.6 to 3.9.5");
}

#[test]
fn damage_that_no_server_reads_does_no_harm_to_a_start() {
    let (_dir, old) = copy("standalone-3.6");
    let mut bytes = fs::read(old.join("log.1")).unwrap();
    bytes[3000] ^= 1;
    fs::write(old.join("log.1"), bytes).unwrap();
    let report = explained(&old, &[]);
    assert_eq!(report["start"], "starts", "{report}");
    assert_eq!(report["base"], "snapshot.279");
    assert_eq!(report["logs"], serde_json::json!(["log.212", "log.27b"]));
    assert_eq!(run(&old, &[]).status.code(), Some(4));
}

#[test]
fn epoch_files_and_misplaced_files_are_told_with_the_servers_own_words() {
    let (_dir, old) = copy("ensemble-3.9/s1");
    let epoch = |name: &str, epoch: &str| fs::write(old.join(name), epoch).unwrap();
    let says = |report: &Value| {
        let message = report["consequences"][0]["message"].as_str();
        message.unwrap().to_owned()
    };
    epoch("currentEpoch", "1");
    let report = explained(&old, &["--server", "3.9.5"]);
    let message = "The current epoch, 1, is older than the last zxid, 128849";
    assert!(says(&report).contains(message), "{report}");
    let known = explain(&says(&report)).explanations[0].entry.id;
    assert_eq!(known, "epoch-current-behind");
    assert_eq!(first(&report).2, "3.9.5, as a member of an ensemble");

    epoch("currentEpoch", "3");
    fs::remove_file(old.join("acceptedEpoch")).unwrap();
    assert_eq!(explained(&old, &["--server", "3.9.5"])["start"], "starts");
    epoch("currentEpoch", "20");
    let report = explained(&old, &["--server", "3.9.5"]);
    assert_eq!(first(&report).1, "epoch-accepted-behind");
    let message = "The accepted epoch, 3 is less than the current epoch, 14";
    assert!(says(&report).contains(message), "{report}");

    let (_dir, both) = copy("standalone-3.8");
    let logs = tempfile::tempdir().unwrap();
    fs::create_dir(logs.path().join("version-2")).unwrap();
    fs::rename(both.join("log.145"), logs.path().join("version-2/log.145")).unwrap();
    let report = explained(&both, &["--data-log-dir", logs.path().to_str().unwrap()]);
    assert_eq!(first(&report).1, "logs-in-data-dir");
}

#[test]
fn a_server_that_stops_before_a_lost_snapshot_is_not_called_right() {
    let dir = testdata().join("faults/snapshot-cut-beyond-logs");
    let report = explained(&dir, &[]);
    assert_eq!(report["start"], "loses", "{report}");
    assert_eq!(report["servers"][0]["is_right"], false);
    assert_eq!(
        report["servers"][0]["standalone"]["not_loaded_to_zxid"],
        "0x20"
    );
}

#[test]
fn what_one_release_notices_is_so_for_all_that_load_the_same() {
    let dir = testdata().join("faults/snapshot-node-changed-alone");
    let report = explained(&dir, &[]);
    let releases = report["consequences"].as_array().unwrap().iter();
    let releases: Vec<&str> = releases
        .map(|told| told["releases"].as_str().unwrap())
        .collect();
    assert!(
        releases.join(", ").contains("3.4.6 to 3.5.10"),
        "{releases:?}"
    );
}

#[test]
fn a_zoo_cfg_says_whether_epoch_files_count() {
    let dir = tempfile::tempdir().unwrap();
    let (_copy, version) = copy("ensemble-3.9/s1");
    fs::write(version.join("currentEpoch"), "1").unwrap();
    let data = version.parent().unwrap();
    fs::write(data.join("myid"), "1\n").unwrap();
    let usual = "tickTime=2000\ninitLimit=5\nsyncLimit=2\nclientPort=2181\n";
    let members = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n";
    for (rest, start, words) in [
        (members, "all-refuse", "no: 3.4.6 to 3.9.5"),
        ("", "starts", "yes: 3.4.6 to 3.9.5"),
    ] {
        let zoo_cfg = dir.path().join("zoo.cfg");
        let text = format!("dataDir={}\n{usual}{rest}", data.display());
        fs::write(&zoo_cfg, text).unwrap();
        let report = explained(&zoo_cfg, &[]);
        assert_eq!(report["start"], start, "{report}");
        let text = String::from_utf8(run(&zoo_cfg, &[]).stdout).unwrap();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn one_file_is_no_directory_that_a_server_starts_on() {
    let log = testdata().join("datadirs/standalone-3.8/version-2/log.1");
    let report = explained(&log, &[]);
    assert_eq!(report["start"], Value::Null);
    assert_eq!(report["servers"].as_array().unwrap().len(), 0);
}
