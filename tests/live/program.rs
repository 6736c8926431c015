//! Runs the program, and copies data directories for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Exit statuses, as the man page has them.
pub const DONE: i32 = 0;
pub const WARNINGS: i32 = 3;

/// Runs the program to its end.
pub fn zoovault<I, S>(arguments: I) -> Output
where
    I: IntoIterator<Item = S>,
    S: AsRef<std::ffi::OsStr>,
{
    let program = env!("CARGO_BIN_EXE_zoovault");
    Command::new(program)
        .args(arguments)
        .output()
        .expect("the program runs")
}

/// Panics unless the program was done, with warnings at most.
#[track_caller]
pub fn assert_done(output: &Output, context: &str) {
    let status = output.status.code();
    assert!(
        matches!(status, Some(DONE | WARNINGS)),
        "{context}: {}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Restores to a point, with further options; done, with warnings at most.
#[track_caller]
pub fn restore(source: &Path, point: &str, target: &Path, options: &[&str]) {
    let mut command = vec![
        "restore".as_ref(),
        source.as_os_str(),
        "--to".as_ref(),
        point.as_ref(),
    ];
    command.extend(["--target".as_ref(), target.as_os_str()]);
    command.extend(options.iter().map(std::ffi::OsStr::new));
    let output = zoovault(&command);
    assert_done(
        &output,
        &format!("restore {} --to {point} {options:?}", source.display()),
    );
}

/// Verifies a source; sound, with warnings at most.
#[track_caller]
pub fn verify(source: &Path) {
    let output = zoovault(["verify".as_ref(), source.as_os_str()]);
    assert_done(&output, &format!("verify {}", source.display()));
}

/// How often a history is made anew whose own server does not start on it.
pub const OWN_RESTARTS: usize = 5;

/// Judges a directory on which the server that wrote it does not start any more, or starts and
/// serves something else, as releases that fetch ACLs by their ids may with what they wrote under
/// load. It is sound for all that, and is restored.
#[track_caller]
pub fn judge_refused(data_dir: &Path, why: &str) {
    let line = [
        "Failed to fetch acls",
        "Exception",
        "expected",
        "cannot be read",
    ]
    .iter()
    .find_map(|sign| why.lines().find(|line| line.contains(sign)))
    .unwrap_or(why);
    eprintln!("{}: its own server is no judge: {line}", data_dir.display());
    verify(data_dir);
    let folder = tempfile::tempdir().expect("a folder");
    restore(data_dir, "latest", &folder.path().join("restored"), &[]);
}

/// Copies the files of a data directory that `wanted` says, by name.
pub fn copy_data_dir(source: &Path, target: &Path, wanted: impl Fn(&str) -> bool) {
    let (from, to) = (source.join("version-2"), target.join("version-2"));
    fs::create_dir_all(&to).expect("a version-2");
    for entry in fs::read_dir(&from).expect("the source's version-2") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("a plain name");
        if wanted(&name) {
            fs::copy(from.join(&name), to.join(&name))
                .unwrap_or_else(|err| panic!("{name}: {err}"));
        }
    }
}

/// The snapshots of a data directory with the zxids in their names, the oldest first.
pub fn snapshots(data_dir: &Path) -> Vec<(i64, PathBuf)> {
    let entries = fs::read_dir(data_dir.join("version-2")).expect("version-2");
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name()?.to_str()?.strip_prefix("snapshot.")?;
            let zxid = name.split('.').next()?;
            Some((i64::from_str_radix(zxid, 16).ok()?, path))
        })
        .collect();
    found.sort();
    found
}
