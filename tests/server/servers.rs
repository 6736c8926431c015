//! What servers would do: `--server` of `verify` and `explain`. That it is what they do is seen by
//! the live tests.

use crate::common;

use common::{copy, golden, zoovault};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn json(args: &[&str], dir: &Path) -> (i32, Value) {
    let output = zoovault()
        .args(args)
        .arg(dir)
        .arg("--json")
        .output()
        .unwrap();
    let status = output.status.code().unwrap();
    (status, serde_json::from_slice(&output.stdout).unwrap())
}

/// Where the record `index` of a log begins, and where it ends.
fn record(log: &[u8], index: usize) -> std::ops::Range<usize> {
    let mut start = 16;
    for _ in 0..index {
        start += record_len(log, start);
    }
    start..start + record_len(log, start)
}

fn record_len(log: &[u8], at: usize) -> usize {
    let len = i32::from_be_bytes(log[at + 8..at + 12].try_into().unwrap());
    12 + usize::try_from(len).unwrap() + 1
}

#[test]
fn a_sound_directory_is_served_as_it_was() {
    let args = ["verify", "ensemble-3.9/s1", "--server", "all"];
    let output = zoovault().args(args).output().unwrap();
    golden("servers/sound.txt", &args.join(" "), &output);
}

#[test]
fn logs_without_a_snapshot_are_loaded_by_early_releases_alone() {
    let args = ["explain", "standalone-3.4", "--server", "3.4.14,3.5.10"];
    let output = zoovault().args(args).output().unwrap();
    golden("servers/no-snapshot.txt", &args.join(" "), &output);
}

#[test]
fn a_hole_is_gone_over_in_silence_or_refused() {
    let (_dir, dir) = copy("standalone-3.8");
    fs::remove_file(dir.join("snapshot.144")).unwrap();
    let mut log = fs::read(dir.join("log.1")).unwrap();
    let broken = record(&log, 0x60);
    log[broken.end - 1] = b'X';
    fs::write(dir.join("log.1"), log).unwrap();
    let (status, report) = json(&["verify", "--server", "3.8.0,3.9.5"], &dir);
    assert_eq!(status, 4);
    let [early, late] = report["servers"].as_array().unwrap().as_slice() else {
        panic!("{report}");
    };
    let started = &early["standalone"];
    assert_eq!(started["starts"], true);
    assert_eq!(started["last_zxid"], "0x27c");
    let hole = serde_json::json!([{ "after_zxid": "0x60", "before_zxid": "0x145" }]);
    assert_eq!(started["holes"], hole);
    assert_eq!(started["truth"]["is_known"], false);
    assert_eq!(early["is_right"], false);
    assert_eq!(early["prints"][0]["line"], "Last transaction was partial.");
    let refused = &late["standalone"];
    assert_eq!(refused["starts"], false);
    assert_eq!(refused["exception"], "java.lang.IllegalStateException");
    let message = "Committed proposal cached out of order: 0x145 is not the next proposal of 0x60";
    assert_eq!(refused["message"], message);
    assert_eq!(refused["message_id"], "txns-missing");
}

#[test]
fn a_flipped_bit_ends_the_load_where_it_is() {
    let (_dir, dir) = copy("standalone-3.8");
    let mut log = fs::read(dir.join("log.145")).unwrap();
    let broken = record(&log, 7);
    log[broken.start + 20] ^= 1;
    fs::write(dir.join("log.145"), log).unwrap();
    let (_, report) = json(&["verify", "--server", "3.6.2"], &dir);
    let refused = &report["servers"][0]["standalone"];
    assert_eq!(refused["message"], "CRC check failed");
    assert_eq!(refused["file"], "log.145");
    assert_eq!(refused["offset"], broken.start);
    assert_eq!(refused["after_zxid"], "0x14b");
    assert_eq!(refused["message_id"], "log-checksum");
}

#[test]
fn settings_of_the_server_count() {
    let served = |settings: &[&str]| {
        let mut args = vec!["verify", "--server", "3.9.5"];
        args.extend(settings);
        let dir = common::testdata().join("datadirs/standalone-3.8");
        let (_, report) = json(&args, &dir);
        report["servers"][0]["is_right"].clone()
    };
    assert_eq!(served(&[]), true);
    assert_eq!(
        served(&[
            "-D",
            "jute.maxbuffer=16",
            "-D",
            "zookeeper.jute.maxbuffer.extrasize=16"
        ]),
        false
    );
}

#[test]
fn logs_alone_are_trusted_as_each_release_has_it() {
    let dir = common::testdata().join("datadirs/standalone-3.4");
    let trust = "zookeeper.snapshot.trust.empty=true";
    let (_, report) = json(
        &["verify", "--server", "3.5.5,3.5.6,3.5.7", "-D", trust],
        &dir,
    );
    let served = |index: usize| &report["servers"][index]["standalone"];
    assert_eq!(served(0)["starts"], false);
    let ignored = &report["servers"][0]["ignored_settings"];
    assert_eq!(ignored[0], "zookeeper.snapshot.trust.empty");
    assert_eq!(served(1)["last_zxid"], "0x0");
    assert_eq!(report["servers"][1]["is_right"], false);
    assert_eq!(served(2)["last_zxid"], "0x27c");
    let warning = "No snapshot found, but there are log entries. This should only be allowed during upgrading.";
    assert_eq!(report["servers"][2]["prints"][0]["line"], warning);
}

#[test]
fn epoch_files_stop_members_only() {
    let (_dir, dir) = copy("standalone-3.8");
    fs::write(dir.join("currentEpoch"), "5").unwrap();
    fs::write(dir.join("acceptedEpoch"), "4").unwrap();
    let (_, report) = json(&["explain", "--server", "3.5.10"], &dir);
    let server = &report["servers"][0];
    assert_eq!(server["standalone"]["starts"], true);
    assert_eq!(server["member"]["starts"], false);
    let message = "The accepted epoch, 4 is less than the current epoch, 5";
    assert_eq!(server["member"]["message"], message);
}

#[test]
fn what_cannot_be_foretold_is_a_wrong_argument() {
    for args in [
        &["verify", "standalone-3.8", "--server", "3.4.5"][..],
        &["verify", "standalone-3.8", "--server", "3.10.0"],
        &["verify", "standalone-3.8", "--server", "latest"],
        &[
            "verify",
            "standalone-3.8",
            "--server",
            "3.8.0",
            "-D",
            "zookeeper.snapCount=5",
        ],
        &["verify", "standalone-3.8", "-D", "jute.maxbuffer=5"],
        &[
            "verify",
            "standalone-3.8/version-2/log.1",
            "--server",
            "3.8.0",
        ],
    ] {
        let output = zoovault().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}
