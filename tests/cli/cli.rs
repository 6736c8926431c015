//! The built program: stdout, stderr and status. `UPDATE_GOLDEN=1 cargo test --test cli` rewrites
//! `testdata/golden/`.

use crate::common;

use common::{copy, zoovault};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(args: &[&str]) -> Output {
    zoovault().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn golden(name: &str, args: &[&str]) {
    common::golden(name, &args.join(" "), &run(args));
}

fn status(args: &[&str], path: &Path) -> i32 {
    let path = path.to_str().unwrap();
    let args: Vec<&str> = args
        .iter()
        .map(|arg| if *arg == "{}" { path } else { *arg })
        .collect();
    run(&args).status.code().unwrap()
}

#[test]
fn reports_are_as_they_were() {
    for name in [
        "standalone-3.4",
        "standalone-3.6",
        "standalone-3.9",
        "ensemble-3.9/s3",
    ] {
        let file = name.replace('/', "-");
        golden(&format!("inspect/{file}.txt"), &["inspect", name]);
        golden(&format!("verify/{file}.txt"), &["verify", name, "-v"]);
    }
    golden(
        "inspect/standalone-3.6.json",
        &["inspect", "standalone-3.6", "--json"],
    );
    golden(
        "verify/standalone-3.6.json",
        &["verify", "standalone-3.6", "--json"],
    );
    golden("verify/quick.txt", &["verify", "standalone-3.8", "--quick"]);
    golden(
        "restore/dry-run.txt",
        &[
            "restore",
            "standalone-3.6",
            "--to",
            "0x1f0",
            "--dry-run",
            "-v",
        ],
    );
    golden(
        "restore/dry-run.json",
        &[
            "restore",
            "standalone-3.6",
            "--to",
            "0x1f0",
            "--dry-run",
            "--json",
        ],
    );
    golden(
        "restore/time.txt",
        &[
            "restore",
            "standalone-3.8",
            "--to",
            "2026-11-20T22:48:53Z",
            "--dry-run",
        ],
    );
}

#[test]
fn what_cannot_be_done_is_one_line_with_its_status() {
    golden(
        "errors/no-such-source.txt",
        &["verify", "no-such-directory"],
    );
    golden("errors/foreign.txt", &["inspect", "../golden"]);
    golden(
        "errors/not-a-point.txt",
        &[
            "restore",
            "standalone-3.8",
            "--to",
            "yesterday",
            "--dry-run",
        ],
    );
    golden(
        "errors/bare-number.txt",
        &["restore", "standalone-3.8", "--to", "144", "--dry-run"],
    );
    golden(
        "errors/after-the-last.txt",
        &["restore", "standalone-3.8", "--to", "0xfff", "--dry-run"],
    );
    golden(
        "errors/after-the-last.json",
        &[
            "restore",
            "standalone-3.8",
            "--to",
            "0xfff",
            "--dry-run",
            "--json",
        ],
    );
    golden(
        "errors/before-the-first.txt",
        &[
            "restore",
            "standalone-3.8",
            "--to",
            "2001-01-01",
            "--dry-run",
        ],
    );
    golden(
        "errors/later-than-all.txt",
        &[
            "restore",
            "standalone-3.8",
            "--to",
            "2999-01-01",
            "--dry-run",
        ],
    );
    golden(
        "errors/target-exists.txt",
        &[
            "restore",
            "standalone-3.8",
            "--to",
            "latest",
            "--target",
            "standalone-3.9",
        ],
    );
    golden(
        "errors/archive-exists.txt",
        &[
            "export",
            "standalone-3.8",
            "-o",
            "standalone-3.8/truth.json.gz",
        ],
    );
    golden(
        "errors/not-an-archive.txt",
        &["verify", "standalone-3.8/truth.json.gz"],
    );
    golden(
        "errors/old-epoch.txt",
        &[
            "restore",
            "ensemble-3.9/s1",
            "--to",
            "latest",
            "--epoch",
            "3",
            "--dry-run",
        ],
    );
    golden(
        "errors/same-member-twice.txt",
        &[
            "restore",
            "standalone-3.8",
            "--to",
            "latest",
            "--members",
            "1,1",
            "--dry-run",
        ],
    );
    golden(
        "errors/no-such-user.txt",
        &[
            "restore",
            "standalone-3.8",
            "--to",
            "latest",
            "--chown",
            "no-such-user",
            "--dry-run",
        ],
    );
    assert_eq!(run(&["restore", "standalone-3.8"]).status.code(), Some(2));
    assert_eq!(run(&["no-such-command"]).status.code(), Some(2));
    assert_eq!(run(&["--version"]).status.code(), Some(0));
}

#[test]
fn wrong_arguments_are_told_as_the_arguments_ask_for() {
    for args in [
        &["backup", "--no-such", "--json"][..],
        &["--json", "restore", "standalone-3.8"],
        &["--json", "no-such-command"],
        &["ls", "--json"],
    ] {
        let refused = run(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(refused.stdout.is_empty());
        let line: Value = serde_json::from_slice(&refused.stderr).unwrap();
        assert_eq!(line["exit_status"], 2);
        let error = line["error"].as_str().unwrap();
        assert!(!error.is_empty() && !error.contains("Usage"), "{error}");
        assert!(line["next_step"].is_string());
    }
    let refused = run(&["ls", "--jsn", "--json"]);
    let line: Value = serde_json::from_slice(&refused.stderr).unwrap();
    let told = "unexpected argument '--jsn' found; tip: a similar argument exists: '--json'";
    assert_eq!(line["error"], told);
    let refused = text(&run(&["backup", "--no-such"]).stderr);
    // The environment names a configuration, which nobody has to do.
    let usage = "Usage: zoovault backup [OPTIONS] [SOURCE]...";
    assert!(refused.lines().any(|line| line == usage), "{refused}");
}

#[test]
fn each_kind_of_damage_has_its_status() {
    let (_dir, log_cut) = copy("standalone-3.8");
    fs::OpenOptions::new()
        .write(true)
        .open(log_cut.join("log.145"))
        .unwrap()
        .set_len(3000)
        .unwrap();
    assert_eq!(status(&["verify", "{}"], &log_cut), 3, "a torn tail");

    let (_dir, flipped) = copy("standalone-3.8");
    let log = flipped.join("log.145");
    let mut bytes = fs::read(&log).unwrap();
    bytes[3000] ^= 1;
    fs::write(&log, bytes).unwrap();
    assert_eq!(status(&["verify", "{}"], &flipped), 4);
    assert_eq!(
        status(&["restore", "{}", "--to", "latest", "--dry-run"], &flipped),
        4
    );
    assert_eq!(
        status(&["restore", "{}", "--to", "0x100", "--dry-run"], &flipped),
        0,
        "the damage is behind"
    );

    let (_dir, gap) = copy("standalone-3.6");
    fs::remove_file(gap.join("log.1db")).unwrap();
    assert_eq!(status(&["verify", "{}"], &gap), 5);
    assert_eq!(
        status(&["restore", "{}", "--to", "0x200", "--dry-run"], &gap),
        5
    );
    assert_eq!(
        status(&["restore", "{}", "--to", "0x27c", "--dry-run"], &gap),
        0,
        "a snapshot is behind the gap"
    );

    let (_dir, fuzzy_only) = copy("ensemble-3.9/s1");
    for name in [
        "snapshot.0",
        "snapshot.200000009",
        "snapshot.2000000e8",
        "snapshot.2000001d3",
        "snapshot.300000049",
    ] {
        fs::remove_file(fuzzy_only.join(name)).unwrap();
    }
    fs::remove_file(fuzzy_only.join("log.100000001")).unwrap();
    // snapshot.3000001a5 was still being written when 0x3000001a6 was applied.
    assert_eq!(
        status(
            &["restore", "{}", "--to", "0x3000001a5", "--dry-run"],
            &fuzzy_only
        ),
        5
    );
    assert_eq!(
        status(
            &["restore", "{}", "--to", "0x3000001a6", "--dry-run"],
            &fuzzy_only
        ),
        0
    );
}

#[test]
fn a_restore_appears_whole_with_epochs_and_members_and_leaves_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (target, logs) = (dir.path().join("out"), dir.path().join("logs"));
    let output = run(&[
        "restore",
        "ensemble-3.9/s2",
        "--to",
        "latest",
        "--exclusive",
        "--target",
        target.to_str().unwrap(),
        "--data-log-dir",
        logs.to_str().unwrap(),
        "--members",
        "1,2,30",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (report["zxid"].as_str(), report["epoch"].as_u64()),
        (Some("0x3000001f5"), Some(0x1003))
    );
    for member in ["1", "2", "30"] {
        let version_dir = target.join(member).join("version-2");
        assert_eq!(
            fs::read_to_string(target.join(member).join("myid")).unwrap(),
            format!("{member}\n")
        );
        assert_eq!(
            fs::read_to_string(version_dir.join("currentEpoch")).unwrap(),
            "4099"
        );
        assert_eq!(
            fs::read_to_string(version_dir.join("acceptedEpoch")).unwrap(),
            "4099"
        );
        assert!(version_dir.join("snapshot.100300000000").is_file());
        assert_eq!(
            fs::read_dir(logs.join(member).join("version-2"))
                .unwrap()
                .count(),
            0
        );
    }
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["logs", "out"]);
    assert_eq!(status(&["verify", "{}"], &target.join("30")), 0);
}

#[test]
fn an_archive_is_what_tar_and_sha256sum_say_and_every_flipped_byte_of_it_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("a.tar.gz");
    let shown = archive.to_str().unwrap();
    let made = run(&[
        "export",
        "standalone-3.6",
        "--from",
        "0x150",
        "--to",
        "0x200",
        "-o",
        shown,
    ]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let tar = Command::new("tar")
        .args(["-xzf", shown, "-C"])
        .arg(dir.path())
        .status()
        .unwrap();
    assert!(tar.success());
    let folder = dir.path().join("zookeeper-0x200");
    let sums = Command::new("sha256sum")
        .args(["--strict", "-c", "SHA256SUMS"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(sums.status.success(), "{}", text(&sums.stdout));
    assert_eq!(status(&["verify", "{}"], &folder), 0);
    assert_eq!(status(&["verify", "{}"], &archive), 0);
    assert_eq!(
        status(&["restore", "{}", "--to", "0x150", "--dry-run"], &archive),
        0
    );
    assert_eq!(
        status(&["restore", "{}", "--to", "0x201", "--dry-run"], &archive),
        5
    );

    let streamed = run(&[
        "export",
        "standalone-3.6",
        "--from",
        "0x150",
        "--to",
        "0x200",
        "-o",
        "-",
        "-q",
    ]);
    assert_eq!(streamed.status.code(), Some(0));
    assert!(streamed.stdout.starts_with(&[0x1f, 0x8b]));

    let whole = fs::read(&archive).unwrap();
    let step = (whole.len() / 60).max(1);
    for at in (0..whole.len()).step_by(step) {
        let damaged = dir.path().join("damaged.tar.gz");
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&damaged, &bytes).unwrap();
        let same = plain(&bytes).is_some_and(|bytes| Some(bytes) == plain(&whole));
        let found = status(&["verify", "{}"], &damaged);
        assert!(found != 0 || same, "byte {at}: status {found}");
        fs::write(&damaged, &whole[..at]).unwrap();
        assert_ne!(status(&["verify", "{}"], &damaged), 0, "cut at {at}");
    }
}

/// What a gzip stream holds, if it is whole.
fn plain(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .read_to_end(&mut plain)
        .ok()
        .map(|_| plain)
}

#[test]
fn a_closed_pipe_is_no_failure_and_a_full_device_is() {
    let mut child = zoovault()
        .args(["verify", "ensemble-3.9/s1", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let full = || {
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    for args in [
        &["inspect", "standalone-3.8"][..],
        &["export", "standalone-3.8", "-o", "-"],
    ] {
        let output = zoovault().args(args).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(
            text(&output.stderr).contains("No space left"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_signal_ends_it_with_128_and_its_number_and_nothing_half_made() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("a.tar.gz");
    let made = run(&[
        "export",
        "ensemble-3.9/s3",
        "--from",
        "first",
        "-o",
        archive.to_str().unwrap(),
    ]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let scratch = dir.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    // Nobody reads the pipe, so the program waits in the middle of its work, the archive unpacked.
    let mut child = zoovault()
        .args([
            "export",
            archive.to_str().unwrap(),
            "--from",
            "first",
            "-o",
            "-",
        ])
        .env("TMPDIR", &scratch)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while fs::read_dir(&scratch).unwrap().count() == 0 && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "the pipe did not fill");
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
}

#[test]
fn completions_are_shell_code() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(
            output.status.success() && text(&output.stdout).contains("restore"),
            "{shell}"
        );
    }
    let mut bash = Command::new("bash")
        .arg("-n")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    bash.stdin
        .take()
        .unwrap()
        .write_all(&run(&["completions", "bash"]).stdout)
        .unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn the_quickstart_of_the_readme_is_what_the_readme_says() {
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for command in ["tests/quickstart.sh", "tests/run.sh"] {
        assert!(readme.contains(command), "{command}");
    }
}
