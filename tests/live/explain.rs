//! What real servers print on damaged directories is explained, and what `explain` says of such a
//! directory comes true.

use crate::common::release::{Release, releases};
use crate::common::testdata;
use crate::common::zookeeper::Server;
use crate::program::copy_data_dir;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long a server may take to load a fixture or refuse it.
const PATIENCE: Duration = Duration::from_secs(180);

/// A directory at fault.
struct Fault {
    name: &'static str,
    fixture: &'static str,
    /// Whether it shows in an ensemble only.
    is_member: bool,
    make: fn(&Path),
    /// The message that is to be recognised first, and whether `release` starts all the same.
    id: &'static str,
    starts: fn(&Release) -> bool,
}

fn never(_: &Release) -> bool {
    false
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).expect("a log");
    bytes[at] ^= 1;
    fs::write(file, bytes).expect("a damaged log");
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "an empty newest log",
        fixture: "standalone-3.8",
        is_member: false,
        make: |dir| fs::write(dir.join("log.27d"), b"").expect("an empty log"),
        id: "log-eof-in-header",
        starts: |release| release.version >= (3, 9, 3),
    },
    Fault {
        name: "a newest log that is cut in its header",
        fixture: "standalone-3.8",
        is_member: false,
        make: |dir| fs::write(dir.join("log.27d"), b"ZKLG\0\0").expect("a cut log"),
        id: "log-eof-in-header",
        starts: never,
    },
    Fault {
        name: "a newest log of zeros",
        fixture: "standalone-3.8",
        is_member: false,
        make: |dir| fs::write(dir.join("log.27d"), [0; 4096]).expect("a log of zeros"),
        id: "log-magic",
        starts: never,
    },
    Fault {
        name: "a flipped bit",
        fixture: "standalone-3.8",
        is_member: false,
        make: |dir| flip(&dir.join("log.145"), 3000),
        id: "log-checksum",
        starts: never,
    },
    Fault {
        name: "no snapshot",
        fixture: "standalone-3.4",
        is_member: false,
        make: |_| {},
        id: "no-snapshot",
        starts: |release| release.version < (3, 5, 3),
    },
    Fault {
        name: "only damaged snapshots",
        fixture: "standalone-3.8",
        is_member: false,
        make: |dir| {
            for name in ["snapshot.0", "snapshot.144"] {
                let file = dir.join(name);
                let len = fs::metadata(&file).expect("a snapshot").len();
                // Within the first seal; a digest of 20 bytes with a seal of its own is behind it.
                flip(&file, usize::try_from(len).expect("a small one") - 40);
            }
        },
        id: "no-valid-snapshot",
        starts: never,
    },
    Fault {
        name: "an old currentEpoch",
        fixture: "ensemble-3.9/s1",
        is_member: true,
        make: |dir| fs::write(dir.join("currentEpoch"), "1").expect("an epoch"),
        id: "epoch-current-behind",
        starts: never,
    },
    Fault {
        name: "an old acceptedEpoch",
        fixture: "ensemble-3.9/s1",
        is_member: true,
        make: |dir| fs::write(dir.join("acceptedEpoch"), "1").expect("an epoch"),
        id: "epoch-accepted-behind",
        starts: never,
    },
    Fault {
        name: "an empty currentEpoch",
        fixture: "ensemble-3.9/s1",
        is_member: true,
        make: |dir| fs::write(dir.join("currentEpoch"), "").expect("an epoch"),
        id: "epoch-unreadable",
        starts: never,
    },
    Fault {
        name: "an acceptedEpoch whose first line is empty",
        fixture: "ensemble-3.9/s1",
        is_member: true,
        make: |dir| fs::write(dir.join("acceptedEpoch"), "\n1").expect("an epoch"),
        id: "epoch-unreadable",
        starts: never,
    },
];

/// Runs `explain --json` on text.
fn explained(log: &str) -> serde_json::Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_zoovault"))
        .args(["explain", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut input = child.stdin.take().expect("its stdin");
    input.write_all(log.as_bytes()).expect("the log is taken");
    drop(input);
    let output = child.wait_with_output().expect("its end");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Runs `explain --json` on a directory.
fn foretold(dir: &Path, release: &Release) -> serde_json::Value {
    let output = Command::new(env!("CARGO_BIN_EXE_zoovault"))
        .arg("explain")
        .arg(dir)
        .args(["--json", "--server", &release.name])
        .output()
        .expect("the program");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn what_servers_print_on_damaged_directories_is_explained_and_was_foretold() {
    for release in releases() {
        for fault in FAULTS {
            let context = format!("{release}, {}", fault.name);
            // The epoch files of a 3.9 ensemble are those of any; its txns are not for 3.4.
            if fault.is_member && release.version < (3, 6, 0) {
                continue;
            }
            let dir: TempDir = tempfile::tempdir().expect("a folder");
            copy_data_dir(
                &testdata().join("datadirs").join(fault.fixture),
                dir.path(),
                |_| true,
            );
            (fault.make)(&dir.path().join("version-2"));
            let prognosis = foretold(dir.path(), &release);
            let (serves, log) = Server::try_start(&release, dir.path(), fault.is_member, PATIENCE);
            assert_eq!(serves, (fault.starts)(&release), "{context}:\n{log}");
            assert_eq!(
                prognosis["servers"][0]["standalone"]["starts"],
                serves || fault.is_member,
                "{context}"
            );
            if !serves {
                let told = &prognosis["consequences"][0];
                assert_eq!(told["message_id"], fault.id, "{context}: {prognosis:#}");
                assert_eq!(told["effect"], "refuses", "{context}");
                let message = told["message"].as_str().expect("a message");
                let words = message.rsplit_once("Exception: ").map(|(_, words)| words);
                let is_printed = log.contains(words.unwrap_or(message));
                // What it says of logs has their whole paths.
                assert!(
                    !fault.is_member || is_printed,
                    "{context}: {message}\n{log}"
                );
                let report = explained(&log);
                // The first cause is told first, and what stopped the server may follow from it.
                let first = &report["explanations"][0];
                let led_to = first["led_to"].as_array().into_iter().flatten();
                let mut told = [first].into_iter().chain(led_to);
                let is_told = told.any(|told| told["id"] == fault.id);
                assert!(is_told, "{context}: {report:#}\n{log}");
            }
        }
    }
}
