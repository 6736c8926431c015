//! What several tests share.
#![allow(dead_code, reason = "each test program uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

pub mod client;
pub mod growing;
pub mod historian;
pub mod logs;
pub mod made;
pub mod random;
pub mod release;
pub mod repository;
pub mod rng;
pub mod shipping;
pub mod store;
pub mod trace;
pub mod trees;
pub mod wire;
pub mod workload;
pub mod zookeeper;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

/// The folder of fixtures.
pub fn testdata() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// `bytes` in base64, as fixtures have them.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (word >> (18 - 6 * digit)) & 63;
            text.push(if digit <= chunk.len() {
                DIGITS[index as usize] as char
            } else {
                '='
            });
        }
    }
    text
}

/// The program, in a fixed time zone, started where the fixtures are, so that paths in its output
/// are the same everywhere.
pub fn zoovault() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoovault"));
    command
        .current_dir(testdata().join("datadirs"))
        .env("TZ", "UTC")
        .env("ZOOVAULT_CONFIG", "/dev/null")
        .env_remove("ZOOVAULT_REPOSITORY")
        .env_remove("ZOOVAULT_PROFILE")
        .env_remove("ZOOVAULT_METRICS_FILE")
        .env_remove("ZOOVAULT_PING_URL")
        .env_remove("ZOOVAULT_COLOR");
    command
}

/// A copy of a fixture's files that may be damaged.
pub fn copy(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let version_dir = dir.path().join("version-2");
    fs::create_dir(&version_dir).unwrap();
    for entry in fs::read_dir(testdata().join("datadirs").join(name).join("version-2")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), version_dir.join(entry.file_name())).unwrap();
    }
    (dir, version_dir)
}

/// Writes a file as if an hour ago: what was written a moment ago may be being written to now, and
/// is judged with patience.
pub fn write_old(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    let file = fs::File::options().append(true).open(path).unwrap();
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    file.set_modified(an_hour_ago).unwrap();
}

/// Copies a folder with all below it, each file as if written an hour ago.
pub fn copy_old(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .unwrap();
        match path.is_dir() {
            true => copy_old(&path, &to.join(name)),
            false => write_old(&to.join(name), &fs::read(&path).unwrap()),
        }
    }
}

/// Compares stdout, stderr and status of a call with the golden file `name`.
pub fn golden(name: &str, call: &str, output: &Output) {
    let shown = format!(
        "$ zoovault {call}\n{}{}-> {}\n",
        String::from_utf8(output.stdout.clone()).unwrap(),
        String::from_utf8(output.stderr.clone()).unwrap(),
        output.status.code().unwrap()
    );
    let path = testdata().join("golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &shown).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(shown == expected, "{}:\n{shown}", path.display());
}

/// Says what is missing where the test runner does not capture it; under `ZOOVAULT_REQUIRE_LIVE=1`
/// what is required panics.
pub fn missing(what: &str, required: bool) {
    if required && std::env::var("ZOOVAULT_REQUIRE_LIVE").is_ok_and(|value| value == "1") {
        panic!("ZOOVAULT_REQUIRE_LIVE=1, but: {what}");
    }
    // The macro `eprintln!` is captured with a passing test's output; a skip must be seen.
    let _ = writeln!(io::stderr(), "SKIPPED: {what}");
}

/// Runs `command` as a user whom modes keep out; `None`, and said, where nobody else may run it.
pub fn run_unprivileged(mut command: Command) -> Option<Output> {
    command.current_dir("/");
    if nix::unistd::Uid::effective().is_root() {
        use std::os::unix::process::CommandExt;
        command.uid(65534).gid(65534);
    }
    match command.output() {
        Err(err) if err.kind() == io::ErrorKind::PermissionDenied => {
            missing("a program that others may run", false);
            None
        }
        output => Some(output.unwrap()),
    }
}

/// Removes the files of a folder whose names begin with `prefix`.
pub fn remove_named(dir: &Path, prefix: &str) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with(prefix) {
            fs::remove_file(path).unwrap();
        }
    }
}

/// All data directories of `testdata`: of real servers, and damaged.
pub fn directories() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![testdata()];
    while let Some(dir) = left.pop() {
        if dir.ends_with("golden") {
            continue;
        }
        let below = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let below: Vec<PathBuf> = below.filter(|path| path.is_dir()).collect();
        if below.iter().any(|path| path.ends_with("version-2")) {
            found.push(dir);
        } else {
            left.extend(below);
        }
    }
    found.sort();
    found
}
