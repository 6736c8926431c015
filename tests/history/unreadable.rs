//! Each file of a directory made unreadable in turn: it is named, with how far it was read, and all
//! that does not need it works.

use crate::common;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use crate::common::trace;

use common::{copy_old, testdata, zoovault};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A member's directory of few bytes, with all files that there can be.
const SMALL: &str = "small-member-3.9";

/// What is in the place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instead {
    Directory,
    Pipe,
    DanglingLink,
    /// The file, of which no byte from here on can be read, as where a sector of a disk is bad.
    BadFrom(u64),
    /// The file, of which only the bytes from here to there cannot be read.
    BadWithin(u64, u64),
}

/// What came of a call.
struct Called {
    status: i32,
    stdout: String,
    stderr: String,
}

/// A directory of which one file cannot be read.
struct Case {
    folder: tempfile::TempDir,
    file: PathBuf,
    instead: Instead,
}

impl Case {
    fn new(name: &str, instead: Instead) -> Case {
        Case::of(SMALL, name, instead)
    }

    fn of(fixture: &str, name: &str, instead: Instead) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("zk");
        copy_old(&testdata().join("datadirs").join(fixture), &dir);
        let file = dir.join(name);
        match instead {
            Instead::BadFrom(_) | Instead::BadWithin(..) => {}
            Instead::Directory | Instead::Pipe | Instead::DanglingLink => {
                fs::remove_file(&file).unwrap();
            }
        }
        match instead {
            Instead::Directory => fs::create_dir(&file).unwrap(),
            Instead::Pipe => {
                nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
            }
            Instead::DanglingLink => symlink("/nowhere/at/all", &file).unwrap(),
            Instead::BadFrom(_) | Instead::BadWithin(..) => {}
        }
        Case {
            folder,
            file,
            instead,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn call(&self, args: &[&str]) -> Called {
        let mut command = zoovault();
        let args = args.iter().map(|arg| match *arg {
            "ZK" => self.path("zk"),
            "REPO" => self.path("repo"),
            arg => arg.to_owned(),
        });
        command.args(args).current_dir(self.folder.path());
        let called = match self.instead {
            Instead::BadFrom(from) => run_with_bad(&command, &self.file, from..u64::MAX),
            Instead::BadWithin(from, to) => run_with_bad(&command, &self.file, from..to),
            Instead::Directory | Instead::Pipe | Instead::DanglingLink => run(command),
        };
        let here = format!("{}/", self.folder.path().display());
        Called {
            stdout: called.stdout.replace(&here, ""),
            stderr: called.stderr.replace(&here, ""),
            ..called
        }
    }
}

fn run(mut command: Command) -> Called {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Called {
        status: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn run_with_bad(command: &Command, file: &Path, bad: std::ops::Range<u64>) -> Called {
    use trace::{Deed, Op};
    struct BadSector<'a>(&'a Path, std::ops::Range<u64>);
    impl trace::Plan for BadSector<'_> {
        fn sees_reads(&self) -> bool {
            true
        }

        fn before(&mut self, _: usize, op: &Op) -> Deed {
            match op {
                Op::Read(path, offset, len) if path == self.0 => {
                    let bad = &self.1;
                    if bad.contains(offset) {
                        Deed::Fail(nix::errno::Errno::EIO)
                    } else if *offset < bad.start && bad.start < offset + len {
                        Deed::Shorten(bad.start - offset)
                    } else {
                        Deed::Pass
                    }
                }
                _ => Deed::Pass,
            }
        }
    }
    let watched = file.parent().unwrap();
    let traced = trace::run(command, watched, &mut BadSector(file, bad)).unwrap();
    Called {
        status: traced.code.unwrap(),
        stdout: traced.stdout,
        stderr: traced.stderr,
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn run_with_bad(_: &Command, _: &Path, _: std::ops::Range<u64>) -> Called {
    unreachable!("only where programs can be traced")
}

/// Whether reads can be made to fail here; said aloud where not.
fn can_trace() -> bool {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    match trace::is_possible() {
        Ok(()) => return true,
        Err(why) => common::missing(&format!("reads that fail: {why}"), false),
    }
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
    common::missing("reads that fail: only on x86_64 Linux", false);
    false
}

/// The files of the fixture, by name.
fn files() -> Vec<String> {
    let dir = testdata().join("datadirs").join(SMALL);
    let mut files = vec!["myid".to_owned()];
    for entry in fs::read_dir(dir.join("version-2")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        files.push(format!("version-2/{name}"));
    }
    files.sort();
    files
}

/// The tree of the sound fixture at each point that is asked for.
#[derive(Default)]
struct Truth(BTreeMap<String, String>);

impl Truth {
    fn at(&mut self, point: &str) -> &str {
        let tree = || {
            let mut command = zoovault();
            command.args(["export", SMALL, "--format", "jsonl", "--to", point]);
            let called = run(command);
            assert!(matches!(called.status, 0 | 3), "{point}: {}", called.stderr);
            znodes(&called)
        };
        self.0.entry(point.to_owned()).or_insert_with(tree)
    }
}

/// The znodes that were printed: not the line before them, which says where they are from, nor what
/// members write from their configuration.
fn znodes(called: &Called) -> String {
    let lines = called.stdout.lines().skip(1);
    let lines = lines.filter(|line| !line.contains("\"path\":\"/zookeeper/config\""));
    lines.map(|line| format!("{line}\n")).collect()
}

fn windows(report: &Value) -> Vec<[String; 2]> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let windows = report["windows"].as_array().unwrap().iter();
    windows
        .map(|window| [text(&window["from_zxid"]), text(&window["to_zxid"])])
        .collect()
}

fn told(windows: &[[String; 2]]) -> String {
    let told: Vec<String> = windows.iter().map(|[a, b]| format!("{a} to {b}")).collect();
    told.join(", ")
}

/// What is said on stderr, without what it ends on.
fn first_line(called: &Called) -> String {
    called.stderr.lines().next().unwrap_or_default().to_owned()
}

/// Everything that is to work with the directory of `case`, in a few lines.
fn judge(case: &Case, truth: &mut Truth) -> String {
    let mut table = String::new();
    let name = case.file.strip_prefix(case.folder.path()).unwrap();
    let verified = case.call(&["verify", "ZK", "--json"]);
    assert_eq!(verified.status, 4, "{name:?}: {}", verified.stderr);
    let report: Value = serde_json::from_str(&verified.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let about: Vec<&Value> = findings
        .iter()
        .filter(|finding| finding["code"] == "file-unreadable")
        .collect();
    assert_eq!(about.len(), 1, "{findings:#?}");
    assert_eq!(about[0]["file"], name.to_str().unwrap());
    let offset = match case.instead {
        Instead::BadFrom(from) | Instead::BadWithin(from, _) => from,
        Instead::Directory | Instead::Pipe | Instead::DanglingLink => 0,
    };
    assert_eq!(about[0]["offset"], offset, "{name:?}");
    // Of all that is damaged, that one file is.
    for finding in findings {
        let is_it = finding["code"] == "file-unreadable";
        assert!(is_it || finding["severity"] != "damage", "{finding:#}");
    }
    let message = about[0]["message"].as_str().unwrap();
    let own = windows(&report);
    writeln!(table, "  verify 4: offset {offset}: {message}").unwrap();
    writeln!(table, "    windows: {}", told(&own)).unwrap();
    for [_, end] in &own {
        let tree = case.call(&["export", "ZK", "--format", "jsonl", "--to", end]);
        assert!(
            matches!(tree.status, 0 | 3),
            "{name:?} {end}: {}",
            tree.stderr
        );
        assert!(znodes(&tree) == truth.at(end), "{name:?} {end}");
    }
    for (shown, args) in [
        ("inspect", &["inspect", "ZK"][..]),
        ("ls", &["ls", "ZK", "-r"]),
        ("log", &["log", "ZK"]),
        ("history", &["history", "ZK", "/app"]),
        ("restore", &["restore", "ZK", "--to", "latest", "--dry-run"]),
    ] {
        let called = case.call(args);
        assert!(
            matches!(called.status, 0 | 3 | 4),
            "{name:?} {args:?}: {}",
            called.stderr
        );
        let said = match called.status {
            0 => String::new(),
            _ => format!(": {}", first_line(&called)),
        };
        writeln!(table, "  {shown} {}{said}", called.status).unwrap();
    }
    assert_eq!(case.call(&["init", "--repo", "REPO"]).status, 0);
    let backed_up = case.call(&["backup", "ZK", "--repo", "REPO"]);
    assert_eq!(backed_up.status, 4, "{name:?}: {}", backed_up.stderr);
    let is_named = |text: &str| text.contains(name.file_name().unwrap().to_str().unwrap());
    assert!(
        is_named(&backed_up.stdout) || is_named(&backed_up.stderr),
        "{}",
        backed_up.stdout
    );
    let stored = case.call(&["verify", "REPO", "--json"]);
    let stored: Value = serde_json::from_str(&stored.stdout).unwrap();
    let stored = windows(&stored);
    writeln!(table, "  backup 4: windows {}", told(&stored)).unwrap();
    for [_, end] in &stored {
        let tree = case.call(&["export", "REPO", "--format", "jsonl", "--to", end]);
        assert!(
            matches!(tree.status, 0 | 3),
            "{name:?} {end}: {}",
            tree.stderr
        );
        assert!(znodes(&tree) == truth.at(end), "{name:?} {end}");
    }
    table
}

/// Compares a table with what it was found to be.
fn compare(name: &str, table: &str) {
    let path = testdata().join("golden/unreadable").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, table).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(table == expected, "{}:\n{table}", path.display());
}

#[test]
fn what_is_no_file_hides_nothing_but_itself() {
    let (mut table, mut truth) = (String::new(), Truth::default());
    for file in files() {
        for instead in [Instead::Directory, Instead::Pipe, Instead::DanglingLink] {
            writeln!(table, "{file}: {instead:?}").unwrap();
            table.push_str(&judge(&Case::new(&file, instead), &mut truth));
        }
    }
    compare("no-file.txt", &table);
}

#[test]
fn a_bad_sector_hides_nothing_but_what_is_behind_it_in_its_file() {
    if !can_trace() {
        return;
    }
    let (mut table, mut truth) = (String::new(), Truth::default());
    for file in files() {
        let is_log = file.contains("log.");
        let is_snapshot = file.contains("snapshot.");
        let from: &[u64] = match (is_log, is_snapshot) {
            (true, _) => &[0, 200, 2000],
            (false, true) => &[0, 200],
            (false, false) => &[0],
        };
        let cases = from.iter().map(|from| Instead::BadFrom(*from));
        let within = is_log.then_some(Instead::BadWithin(150, 160));
        for instead in cases.chain(within) {
            writeln!(table, "{file}: {instead:?}").unwrap();
            table.push_str(&judge(&Case::new(&file, instead), &mut truth));
        }
    }
    compare("bad-sector.txt", &table);
}

#[test]
fn txns_behind_a_bad_page_are_named_and_used_by_what_does_not_need_it() {
    if !can_trace() {
        return;
    }
    let page = Instead::BadWithin(8192, 12_288);
    let case = Case::of("standalone-3.6", "version-2/log.145", page);
    let verified = case.call(&["verify", "ZK", "--json"]);
    assert_eq!(verified.status, 4);
    let report: Value = serde_json::from_str(&verified.stdout).unwrap();
    let mut findings = report["findings"].as_array().unwrap().iter();
    let about = findings
        .find(|finding| finding["code"] == "file-unreadable")
        .unwrap();
    assert_eq!(about["offset"], 8192);
    let message = about["message"].as_str().unwrap();
    assert!(
        message.contains("; complete records continue at offset 12"),
        "{message}"
    );
    assert!(message.ends_with(", to 0x1da"), "{message}");
    for (point, expected) in [
        ("0x144", 0),
        ("0x150", 0),
        ("0x172", 4),
        ("0x1d9", 0),
        ("0x1da", 0),
        ("latest", 0),
    ] {
        let restored = case.call(&["restore", "ZK", "--to", point, "--dry-run"]);
        assert_eq!(restored.status, expected, "{point}: {}", restored.stderr);
    }
}

#[test]
fn a_file_that_became_unreadable_does_not_stop_the_next_backup() {
    for name in ["log.20000000e", "log.200000007", "snapshot.20000000d"] {
        let dir = tempfile::tempdir().unwrap();
        copy_old(
            &testdata().join("datadirs").join(SMALL),
            &dir.path().join("zk"),
        );
        let call = |args: &[&str]| {
            let mut command = zoovault();
            command.args(args).current_dir(dir.path());
            run(command)
        };
        assert_eq!(call(&["init", "--repo", "repo"]).status, 0);
        assert_eq!(call(&["backup", "zk", "--repo", "repo"]).status, 0);
        let file = dir.path().join("zk/version-2").join(name);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let second = call(&["backup", "zk", "--repo", "repo"]);
        assert_eq!(
            second.status, 4,
            "{name}: {}{}",
            second.stdout, second.stderr
        );
        let told = second.stdout + &second.stderr;
        assert!(
            told.contains(&format!("{name}: offset 0: cannot be read")),
            "{told}"
        );
        // What was stored before is had as before.
        let restored = call(&["restore", "repo", "--to", "0x200000013", "--dry-run"]);
        assert_eq!(restored.status, 0, "{name}: {}", restored.stderr);
    }
}

#[test]
fn a_file_that_only_others_may_read_stops_nothing_and_none_at_all_is_no_damage() {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let zk = dir.path().join("zk");
    copy_old(&testdata().join("datadirs").join(SMALL), &zk);
    let mode = |path: &Path, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for path in [dir.path(), &zk, &zk.join("version-2")] {
        mode(path, 0o755);
    }
    let files = files();
    for file in &files {
        mode(&zk.join(file), 0o644);
    }
    let verify = || {
        let mut command = zoovault();
        command.arg("verify").arg(&zk);
        common::run_unprivileged(command)
    };
    let told = |output: &std::process::Output| {
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap())
    };
    mode(&zk.join("version-2/log.100000009"), 0);
    let Some(one) = verify() else {
        return;
    };
    let [out, _] = told(&one);
    assert_eq!(one.status.code(), Some(4), "{out}");
    assert!(
        out.contains("log.100000009: offset 0: cannot be read: Permission denied"),
        "{out}"
    );
    assert!(
        out.contains("next: run as the user that owns it, or as root"),
        "{out}"
    );
    assert!(out.contains("0x100000011 to 0x200000013"), "{out}");
    for file in &files {
        mode(&zk.join(file), 0);
    }
    let none = verify().unwrap();
    let [_, err] = told(&none);
    assert_eq!(none.status.code(), Some(1), "{err}");
    assert!(
        err.contains("run as the user that owns it, or as root"),
        "{err}"
    );
}
