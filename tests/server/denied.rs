//! Files that zoovault may not read, and servers may: what servers would do is not told then.

use crate::common;

use common::{copy, zoovault};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs `args` with the directory behind them, as a user whom modes keep out.
fn run(dir: &Path, args: &[&str]) -> Option<Output> {
    let mut command = zoovault();
    command.args(args).arg(dir);
    common::run_unprivileged(command)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_servers_do_is_not_told_by_whom_a_file_that_they_read_is_kept_from() {
    let (dir, version_dir) = copy("small-member-3.9");
    for path in [dir.path(), &version_dir] {
        chmod(path, 0o755);
    }
    for entry in fs::read_dir(&version_dir).unwrap() {
        chmod(&entry.unwrap().path(), 0o644);
    }
    let explain = &["explain", "--json"][..];
    let verify = &["verify", "--server", "3.9.4,3.4.14", "--json"][..];
    let run = |args: &[&str]| run(dir.path(), args);
    for name in [
        "log.20000000e",
        "snapshot.20000000d",
        "currentEpoch",
        "acceptedEpoch",
    ] {
        let file = version_dir.join(name);
        chmod(&file, 0);
        for args in [explain, verify] {
            let Some(output) = run(args) else {
                return;
            };
            let told: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(4), "{name}: {told:#}");
            let denied = &told["not_forecast"];
            assert_eq!(denied["file"], file.to_str().unwrap(), "{name}: {told:#}");
            let next = "run as the user that owns it, or as root";
            assert_eq!(denied["next_step"], next, "{name}");
            assert_eq!(told["servers"], Value::Array(Vec::new()), "{name}");
            assert_eq!(told["start"], Value::Null, "{name}");
        }
        let words = format!("not known: zoovault may not read {}, which", file.display());
        let shown = text(&run(&["explain"]).unwrap().stdout);
        assert!(
            shown.contains(&format!("Would a server start? {words}")),
            "{shown}"
        );
        assert!(!shown.contains("A server of"), "{shown}");
        let shown = text(&run(&["verify", "--server", "3.9.4"]).unwrap().stdout);
        assert!(
            shown.contains(&format!("What servers would do is {words}")),
            "{shown}"
        );
        // Nor is it told as what such a file does to them.
        assert!(!shown.contains("ensemble refuses"), "{shown}");
        assert!(!shown.contains("No server"), "{shown}");
        let page = text(
            &run(&["verify", "--server", "3.9.4", "--report", "-"])
                .unwrap()
                .stdout,
        );
        assert!(page.contains("What servers would do"), "{page}");
        assert!(page.contains("may not read"), "{page}");
        chmod(&file, 0o644);
    }
    // What a server may say of it alone is not known.
    fs::write(dir.path().join("myid"), "1").unwrap();
    chmod(&dir.path().join("myid"), 0);
    let told: Value = serde_json::from_slice(&run(explain).unwrap().stdout).unwrap();
    assert_eq!(told["start"], "some-refuse", "{told:#}");
    assert_eq!(told["surroundings"][0]["id"], "myid-not-read", "{told:#}");
    // What no server reads keeps nothing from being told.
    chmod(&version_dir.join("log.100000001"), 0);
    let told: Value = serde_json::from_slice(&run(explain).unwrap().stdout).unwrap();
    assert_eq!(told["start"], "some-refuse", "{told:#}");
    assert_eq!(told["not_forecast"], Value::Null);
}
