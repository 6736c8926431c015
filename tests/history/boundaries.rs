//! A healthy member that was down while an epoch ended, and was then sent the whole tree: a real
//! one of 3.9.4, whose server serves 715 znodes at 0x400000007.

use crate::common;

use common::{copy_old, testdata, zoovault};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;

/// The root counts once here; a server counts it twice, and says 716.
const ZNODES: usize = 715;
const LAST: &str = "0x400000007";

/// A copy of the member's directory that nobody seems to write to.
fn member() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("member");
    copy_old(&testdata().join("datadirs/member-sent-the-tree"), &dir);
    (folder, dir)
}

fn run(args: &[&str], paths: &[&Path]) -> Output {
    zoovault().args(args).args(paths).output().unwrap()
}

fn json(args: &[&str], paths: &[&Path]) -> (Option<i32>, Value) {
    let output = run(args, paths);
    let json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|err| panic!("{args:?}: {err}: {output:?}"));
    (output.status.code(), json)
}

fn count(source: &Path) -> usize {
    let output = run(&["ls", "-r"], &[source]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().count()
}

/// The one gap, named from the last txn before it to the last that is known of.
fn assert_told(report: &Value) {
    let findings = report["findings"].as_array().unwrap();
    let severities: Vec<&Value> = findings.iter().map(|it| &it["severity"]).collect();
    assert_eq!(severities, ["warning"], "{report}");
    let told = "transactions after 0x100000007 up to 0x2000002bf, the end of epoch 2, are missing";
    assert!(findings[0]["message"].as_str().unwrap().starts_with(told));
    assert_eq!(findings[0]["code"], "txns-missing");
    assert_eq!(findings[0]["zxid"], "0x100000008");
    let windows = report["windows"].as_array().unwrap().iter();
    let windows: Vec<[&str; 3]> = windows
        .map(|it| ["from_zxid", "to_zxid", "proof"].map(|name| it[name].as_str().unwrap()))
        .collect();
    let wanted = [
        ["0x0", "0x100000007", "proven"],
        ["0x400000001", LAST, "proven"],
    ];
    assert_eq!(windows, wanted);
}

#[test]
fn verify_names_the_gap_and_calls_nothing_damaged() {
    let (_folder, dir) = member();
    let (status, report) = json(&["verify", "--json"], &[&dir]);
    assert_eq!(status, Some(3), "{report}");
    assert_told(&report);
}

#[test]
fn its_tree_is_restored_and_no_point_in_the_gap() {
    let (folder, dir) = member();
    let target = folder.path().join("restored");
    let (status, told) = json(
        &["restore", "--json", "--to", "latest", "--target"],
        &[&target, &dir],
    );
    assert_eq!(status, Some(0), "{told}");
    assert_eq!(told["znodes"], ZNODES, "{told}");
    assert_eq!(told["zxid"], LAST, "{told}");
    assert_eq!(told["proof"], "proven", "{told}");
    assert_eq!(count(&dir), ZNODES);
    assert_eq!(count(&target), ZNODES);
    for missing in ["0x100000008", "0x200000001", "0x2000002be", "0x300000001"] {
        let output = run(&["restore", "--dry-run", "--to", missing], &[&dir]);
        assert_eq!(output.status.code(), Some(5), "{missing}: {output:?}");
    }
}

#[test]
fn a_repository_of_it_has_the_same_windows_and_is_drilled() {
    let (folder, dir) = member();
    let repo = folder.path().join("repository");
    assert!(run(&["init", "--repo"], &[&repo]).status.success());
    let (status, told) = json(&["backup", "--json", "--repo"], &[&repo, &dir]);
    assert_eq!(status, Some(3), "{told}");
    assert_eq!(told["backups"][0]["window"]["from_zxid"], LAST, "{told}");
    let warnings = told["backups"][0]["warnings"].as_array().unwrap();
    let gap =
        "gap: transactions after 0x100000007 up to 0x2000002bf, the end of epoch 2, are missing";
    assert_eq!(warnings.len(), 1, "{told}");
    assert!(warnings[0].as_str().unwrap().starts_with(gap), "{told}");

    let (status, report) = json(&["verify", "--json"], &[&repo]);
    assert_eq!(status, Some(3), "{report}");
    assert_told(&report);
    assert_eq!(count(&repo), ZNODES);
    let target = folder.path().join("restored");
    let (status, told) = json(
        &["restore", "--json", "--to", "latest", "--target"],
        &[&target, &repo],
    );
    assert_eq!((status, &told["znodes"]), (Some(0), &Value::from(ZNODES)));
    let (status, told) = json(&["drill", "--json", "--repo"], &[&repo]);
    assert_eq!(status, Some(0), "{told}");
    let (status, told) = json(&["check", "--json", "--read-data", "--repo"], &[&repo]);
    assert_eq!(status, Some(0), "{told}");
    // Nothing new: nothing is told again but what stays so.
    let (status, told) = json(&["backup", "--json", "--repo"], &[&repo, &dir]);
    assert_eq!(status, Some(0), "{told}");
    assert_eq!(told["backups"][0]["added_txns"], 0, "{told}");
}

#[test]
fn backup_says_from_where_on_verify_may_prove_more_and_verify_does() {
    let cases = [
        ("member-sent-the-tree", Some("0x400000001")),
        ("small-counter-3.9", Some("0xffffffe1")),
        // When its snapshot was finished is not known either, but no digest can prove more.
        ("small-counter-3.4", None),
        ("small-3.9", None),
    ];
    for (name, first) in cases {
        let (dir, folder) = (
            testdata().join("datadirs").join(name),
            tempfile::tempdir().unwrap(),
        );
        let repo = folder.path().join("repository");
        assert!(run(&["init", "--repo"], &[&repo]).status.success());
        let output = run(&["backup", "--repo"], &[&repo, &dir]);
        let text = String::from_utf8(output.stdout).unwrap();
        let told = text
            .split("'zoovault verify' replays the logs from ")
            .nth(1);
        let told = told.and_then(|rest| rest.split(' ').next());
        assert_eq!(told, first, "{name}: {text}");
        let (_, backups) = json(&["backup", "--json", "--repo"], &[&repo, &dir]);
        let (_, report) = json(&["verify", "--json"], &[&repo]);
        let window = &backups["backups"][0]["window"]["from_zxid"];
        let proven = &report["windows"].as_array().unwrap().last().unwrap()["from_zxid"];
        assert_eq!(proven, first.unwrap_or(window.as_str().unwrap()), "{name}");
        assert_eq!(proven != window, first.is_some(), "{name}");
    }
}

#[test]
fn inspect_and_history_name_the_gap() {
    let (_folder, dir) = member();
    let output = run(&["inspect"], &[&dir]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains(
            "missing: transactions after 0x100000007 up to 0x2000002bf, the end of epoch 2\n"
        ),
        "{text}"
    );
    let output = run(&["history"], &[&dir, Path::new("/")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("gap: transactions 0x100000008 to 0x2000002bf are missing"),
        "{text}"
    );
}
