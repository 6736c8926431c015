//! Snapshots that no log goes with: stored and named, restored where that is wished, shown as they
//! are.

use crate::common;
use crate::common::shipping;

use common::{testdata, write_old};
use serde_json::{Value, json};
use shipping::{backup, init, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// A copy of files of a fixture, as if written an hour ago.
fn files(fixture: &str, names: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("source");
    add_files(&dir, fixture, names);
    (folder, dir)
}

fn add_files(dir: &Path, fixture: &str, names: &[&str]) {
    let from = testdata().join("datadirs").join(fixture).join("version-2");
    fs::create_dir_all(dir.join("version-2")).unwrap();
    for name in names {
        write_old(
            &dir.join("version-2").join(name),
            &fs::read(from.join(name)).unwrap(),
        );
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn restore(source: &Path, target: &Path, more: &[&str]) -> Output {
    let args = [&["restore", "--to", "latest"], more].concat();
    run(&args, &[source, Path::new("--target"), target])
}

/// The znodes, without the line that says where they are from.
fn znodes(source: &Path, more: &[&str]) -> Vec<u8> {
    let output = run(
        &[&["export", "--format", "jsonl"], more].concat(),
        &[source],
    );
    assert!(matches!(code(&output), 0 | 3), "{}", told(&output));
    let lines = output.stdout.split_inclusive(|byte| *byte == b'\n');
    lines.skip(1).flatten().copied().collect()
}

/// Snapshots of real servers of 3.4 that show no later txn, and the zxids in their names.
const PLAUSIBLE: [(&str, &str, &str); 2] = [
    ("small-3.4", "snapshot.12", "0x12"),
    ("small-idle-3.4", "snapshot.100000000", "0x100000000"),
];

/// One that shows 0x1d.
const FUZZY: (&str, &str) = ("small-3.4", "snapshot.1c");

#[test]
fn a_snapshot_alone_is_restored_where_that_is_wished_and_the_refusal_says_how() {
    for (fixture, name, zxid) in PLAUSIBLE {
        let (folder, dir) = files(fixture, &[name]);
        let target = folder.path().join("restored");
        let refused = restore(&dir, &target, &[]);
        assert_eq!(code(&refused), 5, "{name}: {}", told(&refused));
        assert!(
            told(&refused).contains("--accept-unproven"),
            "{}",
            told(&refused)
        );
        assert!(!target.exists());
        let restored = restore(&dir, &target, &["--accept-unproven"]);
        assert_eq!(code(&restored), 3, "{name}: {}", told(&restored));
        let text = String::from_utf8_lossy(&restored.stdout).into_owned();
        assert!(
            text.contains(&format!("unproven: {name} has no logs")),
            "{text}"
        );
        assert_eq!(znodes(&target, &[]), znodes(&dir, &["--accept-unproven"]));
        assert_eq!(znodes(&target, &[]), znodes(&dir, &["--as-is"]));
        let report: Value =
            serde_json::from_slice(&run(&["verify", "--json"], &[&dir]).stdout).unwrap();
        assert_eq!(report["exit_status"], 3, "{report:#}");
        assert_eq!(report["snapshots_alone"][0]["zxid"], zxid);
        assert_eq!(report["snapshots_alone"][0]["is_restorable"], true);
    }
}

#[test]
fn a_snapshot_alone_goes_into_an_archive_where_that_is_wished() {
    let (folder, dir) = files("small-3.4", &["snapshot.12"]);
    let archive = folder.path().join("zk.tar.gz");
    let refused = run(&["export"], &[&dir, Path::new("-o"), &archive]);
    assert_eq!(code(&refused), 5, "{}", told(&refused));
    let made = run(
        &["export", "--accept-unproven"],
        &[&dir, Path::new("-o"), &archive],
    );
    assert_eq!(code(&made), 3, "{}", told(&made));
    let verified = run(&["verify"], &[&archive]);
    assert_eq!(code(&verified), 3, "{verified:?}");
    let (ours, theirs) = (
        znodes(&dir, &["--as-is"]),
        znodes(&archive, &["--accept-unproven"]),
    );
    assert_eq!(ours, theirs);
}

#[test]
fn a_snapshot_that_shows_later_txns_is_never_restored_and_can_be_looked_at() {
    let (folder, dir) = files(FUZZY.0, &[FUZZY.1]);
    let target = folder.path().join("restored");
    for more in [&[][..], &["--accept-unproven"]] {
        let refused = restore(&dir, &target, more);
        assert_eq!(code(&refused), 5, "{}", told(&refused));
        assert!(told(&refused).contains("--as-is"), "{}", told(&refused));
    }
    let archived = run(&["export", "--accept-unproven", "-o"], &[&target, &dir]);
    assert_eq!(code(&archived), 5, "{}", told(&archived));
    let other = folder.path().join("other");
    add_files(&other, "small-3.4", &["snapshot.12"]);
    let (path, app) = (dir.as_path(), Path::new("/app"));
    let looks: [(&[&str], Vec<&Path>); 6] = [
        (&["ls", "-r"], vec![path]),
        (&["cat"], vec![path, app]),
        (&["stat"], vec![path, app]),
        (&["du"], vec![path]),
        (&["export", "--format", "json"], vec![path]),
        (&["diff"], vec![&other, path]),
    ];
    for (command, paths) in looks {
        let refused = run(command, &paths);
        assert_eq!(code(&refused), 5, "{command:?}: {}", told(&refused));
        let shown = run(&[command, &["--as-is"]].concat(), &paths);
        assert_eq!(code(&shown), 3, "{command:?}: {}", told(&shown));
        assert!(
            told(&shown).contains(
                "as it is in the file: snapshot.1c contains parts of later transactions, up to at least 0x1d"
            ),
            "{command:?}: {}",
            told(&shown)
        );
        assert!(!shown.stdout.is_empty(), "{command:?}");
    }
}

#[test]
fn two_snapshots_of_one_directory_are_compared_as_they_are() {
    let (_folder, dir) = files("small-3.4", &["snapshot.12", "snapshot.1c"]);
    let shown = run(&["diff", "--as-is"], &[&dir]);
    assert_eq!(code(&shown), 3, "{}", told(&shown));
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("0x12") && text.contains("0x1c"), "{text}");
}

#[test]
fn where_logs_go_with_it_the_exact_tree_is_taken_and_not_the_file() {
    let source = testdata().join("datadirs/small-3.4");
    let (exact, as_is) = (
        znodes(&source, &["--to", "0x1c"]),
        znodes(&source, &["--to", "0x1c", "--as-is"]),
    );
    assert_eq!(exact, as_is);
    let (_folder, dir) = files(FUZZY.0, &[FUZZY.1]);
    assert_ne!(exact, znodes(&dir, &["--as-is"]));
}

#[test]
fn each_snapshot_without_logs_is_stored_once_and_named() {
    let (folder, dir) = files("small-3.4", &["snapshot.12", "snapshot.1c"]);
    let repo = init(folder.path());
    let (status, first) = backup(&dir, &repo);
    assert_eq!(status, 3, "{first:#}");
    let warnings = first["warnings"].to_string();
    for said in [
        "no logs: if its server has a separate dataLogDir",
        "snapshot.12 is stored on its own",
        "it can be restored as it is, unproven",
        "snapshot.1c is stored on its own",
        "up to at least 0x1d",
    ] {
        assert!(warnings.contains(said), "{said}: {first:#}");
    }
    let (_, again) = backup(&dir, &repo);
    assert_eq!(again["lineage"], first["lineage"]);
    assert_eq!(again["added_bytes"], 0, "{again:#}");
    // As from the directory: by its own name, and by no other.
    let target = folder.path().join("restored");
    let refused = run(
        &["restore", "--to", "0x12"],
        &[&repo, Path::new("--target"), &target],
    );
    assert_eq!(code(&refused), 5, "{}", told(&refused));
    assert!(
        told(&refused).contains("--accept-unproven"),
        "{}",
        told(&refused)
    );
    let restored = run(
        &["restore", "--to", "0x12", "--accept-unproven"],
        &[&repo, Path::new("--target"), &target],
    );
    assert_eq!(code(&restored), 3, "{}", told(&restored));
    assert_eq!(
        znodes(&target, &[]),
        znodes(&dir, &["--to", "0x12", "--as-is"])
    );
    assert_eq!(znodes(&repo, &["--as-is"]), znodes(&dir, &["--as-is"]));
    let checked = run(&["check", "--read-data", "--repo"], &[&repo]);
    assert!(matches!(code(&checked), 0 | 3), "{checked:?}");
}

#[test]
fn a_log_directory_that_is_named_at_last_goes_on_in_the_same_lineage() {
    let (folder, dir) = files("small-3.4", &["snapshot.12", "snapshot.1c"]);
    let repo = init(folder.path());
    let (_, without) = backup(&dir, &repo);
    add_files(
        &dir,
        "small-3.4",
        &["log.1", "log.a", "log.13", "log.1d", "log.21", "log.26"],
    );
    let (status, with) = backup(&dir, &repo);
    assert_eq!(with["lineage"], without["lineage"], "{with:#}");
    assert_eq!(with["window"]["from_zxid"], "0x0", "{with:#}");
    assert_eq!(with["window"]["to_zxid"], "0x2a", "{with:#}");
    assert_eq!(status, 0, "{with:#}");
    let source = testdata().join("datadirs/small-3.4");
    assert_eq!(
        znodes(&repo, &["--to", "0x1c"]),
        znodes(&source, &["--to", "0x1c"])
    );
}

#[test]
fn a_snapshot_ahead_of_the_logs_is_stored_too() {
    let (folder, dir) = files(
        "small-3.4",
        &["log.1", "log.a", "snapshot.9", "snapshot.1c"],
    );
    let repo = init(folder.path());
    let (status, first) = backup(&dir, &repo);
    assert_eq!(status, 3, "{first:#}");
    assert!(
        first["warnings"]
            .to_string()
            .contains("snapshot.1c is stored on its own")
    );
    assert_eq!(first["window"]["to_zxid"], "0x12", "{first:#}");
    assert_eq!(
        znodes(&repo, &["--to", "0x1c", "--as-is"]),
        znodes(&dir, &["--to", "0x1c", "--as-is"])
    );
    // A run with nothing new says nothing new of it.
    let (_, again) = backup(&dir, &repo);
    assert_eq!(again["added_bytes"], 0, "{again:#}");
}

#[test]
fn the_name_of_an_epoch_that_tells_nothing_new_is_no_warning() {
    let dir = testdata().join("faults/snapshot-of-an-epoch-behind-the-logs");
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("source");
    common::copy_old(&dir, &copy);
    let repo = init(folder.path());
    let (status, backup) = backup(&copy, &repo);
    assert_eq!((status, &backup["warnings"]), (0, &json!([])), "{backup:#}");
}

#[test]
fn a_damaged_newest_snapshot_ends_a_backup_with_4() {
    let names = [
        "log.1",
        "log.b",
        "log.15",
        "snapshot.0",
        "snapshot.9",
        "snapshot.1b",
    ];
    let (folder, dir) = files("small-3.8", &names);
    let repo = init(folder.path());
    let newest = dir.join("version-2/snapshot.1b");
    let whole = fs::read(&newest).unwrap();
    let mut flipped = whole.clone();
    flipped[200] ^= 1;
    write_old(&newest, &flipped);
    let (status, first) = backup(&dir, &repo);
    assert_eq!(status, 4, "{first:#}");
    assert!(
        first["warnings"].to_string().contains("snapshot.1b"),
        "{first:#}"
    );
    assert_eq!(first["window"]["to_zxid"], "0x1c", "{first:#}");
    // Cut, as by a server that was killed while it wrote: nothing needs it, which is a warning as
    // from verify.
    let (other_folder, other) = files("small-3.8", &names);
    let repo = init(other_folder.path());
    write_old(
        &other.join("version-2/snapshot.1b"),
        &whole[..whole.len() / 2],
    );
    let (status, cut) = backup(&other, &repo);
    assert_eq!(status, 3, "{cut:#}");
    // Where no log gives its point, something is lost.
    let (alone_folder, alone) = files("small-3.8", &["snapshot.14", "snapshot.1b"]);
    let repo = init(alone_folder.path());
    write_old(
        &alone.join("version-2/snapshot.1b"),
        &whole[..whole.len() / 2],
    );
    let (status, lost) = backup(&alone, &repo);
    assert_eq!(status, 4, "{lost:#}");
    assert_eq!(lost["window"]["to_zxid"], "0x14", "{lost:#}");
}
