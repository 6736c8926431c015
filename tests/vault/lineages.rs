//! Which lineage a source is of, what is told of holes and damage, and that what was lost is stored
//! again.

use crate::common;
use crate::common::shipping;

use common::{remove_named, testdata};
use serde_json::{Value, json};
use shipping::{backup, init, run, write, write_first_snapshot, write_with_errors, zxid};
use std::fs;
use std::path::{Path, PathBuf};

/// Asserts that `restore` can have a point, or not.
fn assert_restores(repo: &Path, point: &str, status: i32) {
    let output = run(&["restore", "--dry-run", "--to", point], &[repo]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{point}: {told}");
}

fn assert_whole(repo: &Path) {
    let output = run(&["check", "--read-data", "--repo"], &[repo]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
}

fn has_warning(told: &Value, of: &str) -> bool {
    let warnings = told["warnings"].as_array().unwrap().iter();
    warnings
        .map(|it| it.as_str().unwrap())
        .any(|it| it.starts_with(of))
}

/// The znodes of a tree.
fn paths(source: &Path) -> String {
    let output = run(&["ls", "-r"], &[source]);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn requests_that_failed_do_not_make_two_histories_one() {
    let folder = tempfile::tempdir().unwrap();
    let (repo, dir) = (init(folder.path()), folder.path().join("member"));
    write_first_snapshot(&dir);
    write(&dir, zxid(1, 1), zxid(1, 9), "a");
    let failed = |counters: &'static [i64]| move |at: i64| counters.contains(&(at - zxid(2, 0)));
    write_with_errors(&dir, zxid(2, 1), zxid(2, 20), "old", &failed(&[12]));
    let (status, before) = backup(&dir, &repo);
    assert_eq!(status, 0, "{before}");
    // All disks are rolled back, and the epoch is written anew: the txns at which both are compared
    // are requests that failed.
    for last in [12, 30] {
        remove_named(&dir.join("version-2"), "log.2");
        write_with_errors(&dir, zxid(2, 1), zxid(2, last), "newer", &failed(&[12, 20]));
        let (status, after) = backup(&dir, &repo);
        assert_eq!(status, 3, "{after}");
        // By its times the first could be of a member that is behind.
        assert_eq!(after["backup"].is_null(), last == 12, "{after}");
        assert_eq!(after["lineage"] == before["lineage"], last == 12, "{after}");
    }
    assert_eq!(paths(&repo), paths(&dir));
    let old = format!("{}@{}", repo.display(), before["lineage"].as_str().unwrap());
    assert!(paths(Path::new(&old)).contains("/old2"));
}

#[test]
fn another_ensemble_begins_a_lineage_of_its_own_and_harms_none() {
    let datadirs = testdata().join("datadirs");
    let (three, one) = (
        datadirs.join("ensemble-3.9/s1"),
        datadirs.join("standalone-3.8"),
    );
    // Its zxids are below, or above.
    for (first, second) in [(&three, &one), (&one, &three)] {
        let folder = tempfile::tempdir().unwrap();
        let repo = init(folder.path());
        let (_, before) = backup(first, &repo);
        let (status, other) = backup(second, &repo);
        assert_eq!(status, 3, "{other}");
        assert_ne!(before["lineage"], other["lineage"]);
        assert!(has_warning(&other, "the source's history "));
        let (status, again) = backup(first, &repo);
        assert_eq!(status, 3, "{again}");
        assert!(
            has_warning(&again, "the source belongs to lineage"),
            "{again}"
        );
        assert_eq!(again["lineage"], before["lineage"]);
        assert_eq!(again["added_txns"], 0, "{again}");
        assert_restores(&repo, "latest", 0);
        assert_restores(&repo, "0x20", if first == &one { 0 } else { 5 });
        assert_whole(&repo);
        assert_eq!(backup(first, &repo).0, 0);
    }
}

#[test]
fn a_member_known_in_one_lineage_brings_all_that_another_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let repo = init(folder.path());
    let (a, b, c) = (
        folder.path().join("a"),
        folder.path().join("b"),
        folder.path().join("c"),
    );
    write_first_snapshot(&c);
    write(&c, zxid(1, 1), zxid(1, 90), "a");
    write_first_snapshot(&a);
    write(&a, zxid(1, 1), zxid(1, 103), "a");
    // The end of its first epoch is not committed: the others truncated it.
    for dir in [&c, &a] {
        assert_eq!(backup(dir, &repo).0, 0);
    }
    write(&b, zxid(1, 80), zxid(1, 100), "a");
    write(&b, zxid(2, 1), zxid(2, 20), "a");
    let (status, begun) = backup(&b, &repo);
    assert_eq!(status, 3, "{begun}");
    assert_eq!(begun["windows"], json!([]), "{begun}");
    write(&c, zxid(1, 91), zxid(1, 100), "a");
    write(&c, zxid(2, 1), zxid(2, 30), "a");
    let (status, told) = backup(&c, &repo);
    assert_eq!(status, 0, "{told}");
    assert_eq!(told["lineage"], begun["lineage"]);
    assert_eq!(told["window"]["from_zxid"], "0x0", "{told}");
    assert_eq!(told["window"]["to_zxid"], "0x20000001e", "{told}");
    assert_eq!(paths(&repo), paths(&c));
}

#[test]
fn holes_are_told_wherever_they_are() {
    let told_of = |fault: &str| {
        let folder = tempfile::tempdir().unwrap();
        let repo = init(folder.path());
        backup(&testdata().join("faults").join(fault), &repo)
    };
    for fault in [
        "log-missing-middle",
        "log-missing-first",
        "log-cut-middle",
        "log-txn-cut-out",
    ] {
        let (status, told) = told_of(fault);
        assert_eq!(status, 3, "{fault}: {told}");
        assert!(has_warning(&told, "gap: "), "{fault}: {told}");
    }
    let (status, told) = told_of("logs-missing");
    assert_eq!(status, 3, "{told}");
    assert!(has_warning(&told, "the source has snapshots but no logs"));
    assert_eq!(
        told["windows"].as_array().unwrap().last(),
        Some(&told["window"])
    );
    // What a server that was killed leaves is nothing wrong.
    for fault in ["log-empty-newest", "log-cut-header-newest"] {
        assert_eq!(told_of(fault).0, 0, "{fault}");
    }
}

#[test]
fn what_the_source_restores_the_repository_restores() {
    for fault in [
        "epoch-tail-abandoned",
        "epoch-end-lost",
        "log-bad-record",
        "log-unknown-type",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let repo = init(folder.path());
        let source = testdata().join("faults").join(fault);
        assert_restores(&source, "latest", 0);
        let (status, told) = backup(&source, &repo);
        assert_eq!(
            status,
            if fault.starts_with("log") { 4 } else { 3 },
            "{told}"
        );
        assert_restores(&repo, "latest", 0);
        let from = told["window"]["from_zxid"].as_str().unwrap();
        assert_restores(&repo, from, 0);
        assert_whole(&repo);
    }
}

/// A repository with three backups of a member, and the member.
fn three_backups(folder: &Path) -> (PathBuf, PathBuf) {
    let (repo, dir) = (init(folder), folder.join("member"));
    write_first_snapshot(&dir);
    for last in [10, 20, 30] {
        write(&dir, zxid(1, 1), zxid(1, last), "a");
        assert_eq!(backup(&dir, &repo).0, 0);
    }
    (repo, dir)
}

/// The objects in a folder of a repository, by name.
fn objects(repo: &Path, folder: &str) -> Vec<PathBuf> {
    let lineage = fs::read_dir(repo.join(folder)).unwrap().next().unwrap();
    let entries = fs::read_dir(lineage.unwrap().path()).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn objects_that_are_gone_are_stored_again() {
    let cut = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[1..]).unwrap();
    };
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let damages: [&dyn Fn(&Path); 2] = [&remove, &cut];
    for folder in ["log", "snapshot"] {
        for damage in damages {
            let place = tempfile::tempdir().unwrap();
            let (repo, dir) = three_backups(place.path());
            damage(&objects(&repo, folder)[0]);
            let (status, told) = backup(&dir, &repo);
            assert_eq!(status, 4, "{told}");
            assert!(has_warning(&told, "damaged: "), "{told}");
            assert_eq!(told["window"]["to_zxid"], "0x10000001e", "{told}");
            assert_eq!(told["window"]["from_zxid"], "0x0", "{told}");
            let (status, again) = backup(&dir, &repo);
            let id = again["backup"].as_str().unwrap();
            assert_restores(Path::new(&format!("{}@{id}", repo.display())), "latest", 0);
            assert_restores(
                Path::new(&format!("{}@{id}", repo.display())),
                "0x100000005",
                0,
            );
            assert_eq!(status, 0, "{again}");
        }
    }
}

#[test]
fn a_damaged_manifest_or_a_damaged_log_stops_no_backup() {
    let place = tempfile::tempdir().unwrap();
    let (repo, dir) = three_backups(place.path());
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.len() - 5;
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    flip(&objects(&repo, "backup")[1]);
    write(&dir, zxid(1, 1), zxid(1, 40), "a");
    let (status, told) = backup(&dir, &repo);
    assert_eq!(status, 4, "{told}");
    assert!(
        told["warnings"].to_string().contains("'zoovault forget "),
        "{told}"
    );
    let latest = format!("{}@latest", repo.display());
    assert_restores(Path::new(&latest), "0x100000019", 0);
    // Enough logs for them to be laid together, which has to read all of them.
    flip(&objects(&repo, "log")[2]);
    let mut statuses = Vec::new();
    for last in 41..=70 {
        write(&dir, zxid(1, 1), zxid(1, last), "a");
        let (status, told) = backup(&dir, &repo);
        statuses.push(status);
        assert_eq!(told["last_zxid"], format!("0x1000000{last:02x}"), "{told}");
    }
    // In between, neither of the two is read.
    assert_eq!(
        (statuses[0], statuses[16], statuses[29]),
        (4, 0, 4),
        "{statuses:?}"
    );
}

#[test]
fn a_lineage_of_a_tree_alone_goes_on_when_its_server_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (repo, dir) = (init(folder.path()), folder.path().join("member"));
    write_first_snapshot(&dir);
    let (status, empty) = backup(&dir, &repo);
    assert_eq!(status, 0, "{empty}");
    write(&dir, zxid(1, 1), zxid(1, 9), "a");
    let (status, begun) = backup(&dir, &repo);
    assert_eq!(status, 0, "{begun}");
    assert_eq!(empty["lineage"], begun["lineage"]);
    // The same for what was restored.
    let restored = folder.path().join("restored");
    let args = ["restore", "--to", "0x100000007", "--target"];
    assert!(run(&args, &[&restored, &repo]).status.success());
    let (status, before) = backup(&restored, &repo);
    assert_eq!(status, 3, "{before}");
    let snapshots = fs::read_dir(restored.join("version-2")).unwrap();
    let names = snapshots.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let name = names
        .filter(|name| name.starts_with("snapshot"))
        .last()
        .unwrap();
    let epoch = i64::from_str_radix(&name["snapshot.".len()..], 16).unwrap() >> 32;
    write(&restored, zxid(epoch + 1, 1), zxid(epoch + 1, 5), "b");
    let (status, after) = backup(&restored, &repo);
    assert_eq!(status, 0, "{after}");
    assert_eq!(before["lineage"], after["lineage"]);
    assert_eq!(before["window"]["from_zxid"], after["window"]["from_zxid"]);
    assert_eq!(paths(&repo), paths(&restored));
}
