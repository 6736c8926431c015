//! Histories that are made by hand, and the program that backs them up.

use crate::common;
use crate::common::logs::{self, create, txn, write_log};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use zoovault::format::record::TxnKind;
use zoovault::recovery::restore::write_snapshot;
use zoovault::tree::DataTree;

/// The snapshot that a server writes before it ever had a client.
pub fn write_first_snapshot(dir: &Path) {
    let mut bytes = Vec::new();
    write_snapshot(&DataTree::fresh(true), &mut bytes).unwrap();
    logs::write(dir, "snapshot.0", &bytes);
}

/// Counter `counter` of epoch `epoch`.
pub fn zxid(epoch: i64, counter: i64) -> i64 {
    epoch << 32 | counter
}

/// A log of creates, named for the first; znodes are named for their zxids, and `mark`.
pub fn write(dir: &Path, first: i64, last: i64, mark: &str) {
    write_with_errors(dir, first, last, mark, &|_| false);
}

/// As [`write`]; of some, only that the request failed, with a code of its own for each `mark`.
pub fn write_with_errors(
    dir: &Path,
    first: i64,
    last: i64,
    mark: &str,
    is_error: &dyn Fn(i64) -> bool,
) {
    let payload = |zxid: i64| match is_error(zxid) {
        true => {
            let code = -100 - i32::try_from(mark.len()).unwrap();
            txn(zxid, TxnKind::Error.code(), &code.to_be_bytes())
        }
        false => {
            let path = format!("/{mark}{zxid:x}");
            let body = create(path.as_bytes(), b"x", false, -1);
            txn(zxid, TxnKind::Create.code(), &body)
        }
    };
    let payloads: Vec<Vec<u8>> = (first..=last).map(payload).collect();
    let payloads = payloads.iter().map(Vec::as_slice);
    write_log(dir, &format!("log.{first:x}"), payloads);
}

/// Runs the program.
pub fn run(args: &[&str], paths: &[&Path]) -> Output {
    let mut program = common::zoovault();
    program.args(args).args(paths).output().unwrap()
}

/// Runs `backup`, and gives its status and what it told of the source.
pub fn backup(dir: &Path, repo: &Path) -> (i32, Value) {
    let output = run(&["backup", "--json", "--repo"], &[repo, dir]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let backup = told.pointer("/backups/0").unwrap();
    (output.status.code().unwrap(), backup.clone())
}

/// Makes a repository in `folder`.
pub fn init(folder: &Path) -> PathBuf {
    let repo = folder.join("repository");
    assert!(run(&["init", "--repo"], &[&repo]).status.success());
    repo
}
