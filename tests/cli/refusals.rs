//! What must not be claimed: each of these was once restored, or called sound, on less than proof,
//! or refused though it was there.

use crate::common;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use crate::common::trace;

use common::{copy, remove_named, testdata};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use zoovault::format::snapshot::codec::Codec;
use zoovault::format::snapshot::{SnapshotReader, SnapshotWriter, Trailer};
use zoovault::format::txnlog::{LogReader, LogWriter};
use zoovault::zxid::Zxid;

/// Runs the program on `dir`, which stands for `{}`, and gives its status and what it printed.
fn run(dir: &Path, args: &[&str]) -> (i32, String) {
    let dir = dir.to_str().unwrap();
    let args = args.iter().map(|arg| arg.replace("{}", dir));
    let output = Command::new(env!("CARGO_BIN_EXE_zoovault"))
        .args(args)
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(printed).unwrap(),
    )
}

fn status(dir: &Path, args: &[&str]) -> i32 {
    run(dir, args).0
}

fn restore(dir: &Path, point: &str) -> i32 {
    status(dir, &["restore", "{}", "--to", point, "--dry-run"])
}

/// Takes the txns `from` to `to` out of a log, which is whole otherwise.
fn cut_out(log: &Path, from: i64, to: i64) {
    let mut reader = LogReader::new(log, Arc::new(File::open(log).unwrap())).unwrap();
    let mut writer = LogWriter::new(Vec::new()).unwrap();
    while let Some(entry) = reader.next_entry().unwrap() {
        if !(Zxid::from_i64(from)..=Zxid::from_i64(to)).contains(&entry.header.zxid) {
            writer.write(&entry.txn().unwrap()).unwrap();
        }
    }
    fs::write(log, writer.finish().unwrap()).unwrap();
}

#[test]
fn nothing_steps_over_a_gap() {
    let (_dir, gap) = copy("standalone-3.8");
    cut_out(&gap.join("log.1"), 0x65, 0x6e);
    assert_eq!(status(&gap, &["verify", "{}"]), 5);
    for point in ["0x65", "0x6e", "0x6f", "0x143"] {
        assert_eq!(restore(&gap, point), 5, "{point}");
        assert_eq!(
            status(
                &gap,
                &["restore", "{}", "--to", point, "--exclusive", "--dry-run"]
            ),
            5,
            "{point}"
        );
    }
    assert_eq!(
        status(
            &gap,
            &["restore", "{}", "--to", "0x64", "--exclusive", "--dry-run"]
        ),
        0
    );
    let archive = gap.with_extension("tar.gz");
    let archive = archive.to_str().unwrap();
    assert_eq!(
        status(
            &gap,
            &[
                "export", "{}", "--from", "0x10", "--to", "0x150", "-o", archive
            ]
        ),
        5
    );
    assert!(!Path::new(archive).exists());
    // A time right before the first txn behind the gap.
    let (_, shown) = run(&gap, &["inspect", "{}", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let time = report["gaps"][0]["before_time_ms"].as_i64().unwrap() - 1;
    assert_eq!(
        restore(&gap, &format!("@{}.{:03}", time / 1000, time % 1000)),
        5
    );
}

#[test]
fn a_fork_anywhere_in_an_exported_window_is_refused() {
    let (_dir, forked) = copy("standalone-3.6");
    let log = forked.join("log.145");
    let mut reader = LogReader::new(&log, Arc::new(File::open(&log).unwrap())).unwrap();
    let mut writer = LogWriter::new(Vec::new()).unwrap();
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut txn = entry.txn().unwrap();
        txn.header.time += i64::from(entry.header.zxid == Zxid::from_i64(0x180));
        writer.write(&txn).unwrap();
    }
    fs::write(forked.join("log.146"), writer.finish().unwrap()).unwrap();
    let export = |from: &str, name: &str| {
        let archive = forked.with_file_name(name);
        status(
            &forked,
            &[
                "export",
                "{}",
                "--from",
                from,
                "-o",
                archive.to_str().unwrap(),
            ],
        )
    };
    // The newest base is behind the fork; what leads to it from the wanted beginning is not.
    assert_eq!(export("0x150", "forked.tar.gz"), 4);
    assert_eq!(export("0x1d9", "behind.tar.gz"), 0);
}

#[test]
fn what_hides_the_last_txn_is_no_end() {
    let (_dir, zeros) = copy("standalone-3.8");
    let log = zeros.join("log.145");
    let len = fs::metadata(&log).unwrap().len();
    fs::write(&log, vec![0; usize::try_from(len).unwrap()]).unwrap();
    for point in ["latest", "0x200"] {
        let (status, printed) = run(&zeros, &["restore", "{}", "--to", point, "--dry-run"]);
        assert_eq!(status, 4, "{point}");
        assert!(
            printed.contains("log.145") && printed.contains("0x144"),
            "{printed}"
        );
    }
    assert_eq!(restore(&zeros, "0x144"), 0);

    let (_dir, torn) = copy("standalone-3.8");
    File::options()
        .write(true)
        .open(torn.join("log.145"))
        .unwrap()
        .set_len(3000)
        .unwrap();
    assert_eq!(restore(&torn, "latest"), 3);
}

#[test]
fn a_directory_that_may_not_be_read_is_not_said_to_be_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("version-2");
    fs::create_dir(&folder).unwrap();
    for (path, mode) in [(dir.path(), 0o755), (&folder, 0o000)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoovault"));
    command.arg("verify").arg(dir.path());
    let Some(output) = common::run_unprivileged(command) else {
        return;
    };
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("run as the user that owns it"), "{told}");
    assert!(!told.contains("data-log-dir"), "{told}");
}

#[test]
fn a_log_that_cannot_be_reached_is_not_overlooked() {
    let (_dir, dangling) = copy("standalone-3.8");
    fs::remove_file(dangling.join("log.145")).unwrap();
    symlink("/nowhere/log.145", dangling.join("log.145")).unwrap();
    assert_eq!(status(&dangling, &["verify", "{}"]), 4);
    assert_eq!(restore(&dangling, "latest"), 4);
    // What does not need it is had all the same.
    assert_eq!(restore(&dangling, "0x144"), 0);
}

#[test]
fn missing_logs_behind_the_last_one_are_seen_by_the_snapshots() {
    let (_dir, ended) = copy("ensemble-3.9/s3");
    for name in [
        "log.200000188",
        "log.300000002",
        "log.300000109",
        "log.3000001db",
    ] {
        fs::remove_file(ended.join(name)).unwrap();
    }
    let (found, printed) = run(&ended, &["verify", "{}"]);
    assert_eq!(found, 5);
    assert!(printed.contains("txns-missing"), "{printed}");
    let (_dir, snapshots_only) = copy("standalone-3.6");
    remove_named(&snapshots_only, "log.");
    assert_eq!(status(&snapshots_only, &["verify", "{}"]), 3);
    assert_eq!(restore(&snapshots_only, "latest"), 3);
}

#[test]
fn every_base_can_be_restored_as_it_is() {
    for (name, point) in [
        ("standalone-3.6", "0x1d9"),
        ("standalone-3.6", "0x279"),
        ("ensemble-3.9/s1", "0x200000009"),
    ] {
        assert_eq!(
            restore(&testdata().join("datadirs").join(name), point),
            0,
            "{name} {point}"
        );
    }
}

#[test]
fn damage_outside_of_what_a_point_needs_is_no_hindrance() {
    let (_dir, flipped) = copy("standalone-3.6");
    let log = flipped.join("log.145");
    let mut bytes = fs::read(&log).unwrap();
    bytes[8000] ^= 1;
    fs::write(&log, bytes).unwrap();
    assert_eq!(status(&flipped, &["verify", "{}"]), 4);
    for point in ["0x1d9", "0x1da", "0x1dc", "0x1f0", "latest"] {
        assert_eq!(restore(&flipped, point), 0, "{point}");
    }
    assert_eq!(restore(&flipped, "0x1d0"), 4);
}

#[test]
fn a_target_that_cannot_be_right_is_refused_before_anything_is_done() {
    let (dir, source) = copy("standalone-3.8");
    let target = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (a, inner, link) = (target("a"), target("a/logs"), target("link"));
    let restore = |args: &[&str]| {
        status(
            &source,
            &[&["restore", "{}", "--to", "0x100"], args].concat(),
        )
    };
    assert_eq!(restore(&["--target", &a, "--data-log-dir", &inner]), 2);
    assert_eq!(
        restore(&["--target", &a, "--data-log-dir", &format!("{a}/.")]),
        2
    );
    assert_eq!(restore(&["--target", &target("version-2/snapshot.5.x")]), 2);
    fs::create_dir(target("empty")).unwrap();
    symlink("empty", &link).unwrap();
    assert_eq!(restore(&["--target", &link]), 2);
    assert_eq!(
        status(
            &source,
            &["export", "{}", "-o", &target("version-2/log.5.tgz")]
        ),
        2
    );
    assert_eq!(
        status(
            &source,
            &[
                "restore",
                "{}",
                "--to",
                "2026-11-20T22:48:53Z",
                "--exclusive",
                "--dry-run"
            ]
        ),
        2
    );
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["empty", "link", "version-2"]);
    assert_eq!(restore(&["--target", &target("empty")]), 0);
}

/// A snapshot that says when it was finished, and has no digest, may hold a part of the txn behind
/// that: a multi is counted when it is whole.
#[test]
fn without_a_digest_a_snapshot_is_exact_from_the_txn_behind_the_last_that_it_counted() {
    let (_dir, dir) = copy("standalone-3.9");
    fs::remove_file(dir.join("log.1")).unwrap();
    fs::remove_file(dir.join("snapshot.0")).unwrap();
    let path = dir.join("snapshot.144");
    let bytes = fs::read(&path).unwrap();
    let mut reader = SnapshotReader::new(&path, Codec::Plain, bytes.as_slice()).unwrap();
    let acls = reader.acls.iter().map(|(id, list)| (*id, &**list));
    let mut writer = SnapshotWriter::new(Vec::new(), &reader.sessions, acls).unwrap();
    while let Some(node) = reader.next_node().unwrap() {
        writer.node(&node).unwrap();
    }
    let trailer = Trailer {
        digest: None,
        last_zxid: Some(Zxid::from_i64(0x144)),
    };
    fs::write(&path, writer.finish(&trailer).unwrap().0).unwrap();
    assert_eq!(restore(&dir, "0x144"), 5);
    assert_eq!(restore(&dir, "0x145"), 0);
}

/// Somebody else makes the target, right before the program gives its work that name.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn a_target_that_somebody_else_makes_at_the_last_moment_is_theirs() {
    use trace::{Deed, Op};
    struct Faster(std::path::PathBuf);
    impl trace::Plan for Faster {
        fn before(&mut self, _: usize, op: &Op) -> Deed {
            if matches!(op, Op::Rename(_, to) if *to == self.0) {
                fs::create_dir(&self.0).unwrap();
            }
            Deed::Pass
        }
    }
    if let Err(why) = trace::is_possible() {
        return common::missing(&format!("a race for the target: {why}"), false);
    }
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("restored");
    let mut command = common::zoovault();
    command.args(["restore", "small-3.8", "--to", "latest", "--target"]);
    command.arg(&target);
    let traced = trace::run(&command, dir.path(), &mut Faster(target.clone())).unwrap();
    assert_eq!(traced.code, Some(13), "{}", traced.stderr);
    assert!(
        traced
            .stderr
            .contains("appeared while it was being written"),
        "{}",
        traced.stderr
    );
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
