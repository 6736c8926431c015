//! What `log --format zookeeper` prints is what ZooKeeper's own tool prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::release::releases;
use crate::common::{testdata, zoovault};

/// The logs in and below `dir`.
fn logs_below(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_log = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("log."));
        if path.is_dir() {
            logs_below(&path, found);
        } else if is_log {
            found.push(path);
        }
    }
}

#[test]
fn logs_are_printed_byte_for_byte_as_the_tool_of_3_8_does() {
    let releases = releases();
    let Some(release) = releases.iter().find(|r| r.version == (3, 8, 0)) else {
        return;
    };
    let mut logs = Vec::new();
    logs_below(&testdata().join("datadirs"), &mut logs);
    // One record has a wrong checksum: the tool prints it twice, and goes on.
    logs.push(testdata().join("faults/log-flipped-bit/version-2/log.b"));
    logs.sort();
    for log in logs {
        let tool = Command::new("java")
            .args([
                "-Duser.timezone=UTC",
                "-Duser.language=en",
                "-Duser.country=US",
            ])
            .args(["-Dfile.encoding=UTF-8", "-cp", &release.class_path])
            .arg("org.apache.zookeeper.server.persistence.TxnLogToolkit")
            .arg(&log)
            .output()
            .expect("java");
        let ours = zoovault()
            .args(["log", "--format", "zookeeper"])
            .arg(&log)
            .output()
            .expect("the program");
        let at = tool
            .stdout
            .iter()
            .zip(&ours.stdout)
            .position(|(a, b)| a != b);
        assert!(
            tool.stdout == ours.stdout,
            "{}: differs at byte {at:?}; {} and {} bytes",
            log.display(),
            tool.stdout.len(),
            ours.stdout.len()
        );
    }
}
