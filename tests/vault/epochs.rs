//! Backups of members whose logs do not go on as the lineage does: at the end of an epoch, and
//! where they were sent a whole tree.

use crate::common;
use crate::common::shipping;

use common::testdata;
use shipping::{backup, init, run, write, write_first_snapshot, zxid};
use std::path::Path;

#[test]
fn what_was_purged_at_the_end_of_an_epoch_is_a_gap_though_zxids_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (repo, dir) = (init(folder.path()), folder.path().join("member"));
    write_first_snapshot(&dir);
    write(&dir, zxid(1, 1), zxid(1, 5), "a");
    let (status, before) = backup(&dir, &repo);
    assert_eq!(status, 0, "{before}");
    // Up to 1:9 the epoch went on; what is left begins with the next.
    common::remove_named(&dir.join("version-2"), "");
    write(&dir, zxid(2, 1), zxid(2, 4), "a");
    let (status, after) = backup(&dir, &repo);
    assert_eq!(status, 3, "{after}");
    let warning = after["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("gap: transactions after 0x100000005"),
        "{after}"
    );
    assert_ne!(before["lineage"], after["lineage"]);
    assert_eq!(after["windows"], serde_json::json!([]), "{after}");
    // Who has both, knows.
    let other = folder.path().join("other");
    write_first_snapshot(&other);
    write(&other, zxid(1, 1), zxid(1, 9), "a");
    write(&other, zxid(2, 1), zxid(2, 6), "a");
    let (status, filled) = backup(&other, &repo);
    assert_eq!(status, 0, "{filled}");
    assert_eq!(filled["lineage"], after["lineage"]);
    assert_eq!(filled["window"]["from_zxid"], "0x0", "{filled}");
    assert_eq!(filled["window"]["to_zxid"], "0x200000006", "{filled}");
}

#[test]
fn a_tail_that_was_never_committed_stays_out_also_where_its_member_got_the_whole_tree() {
    let folder = tempfile::tempdir().unwrap();
    let repo = init(folder.path());
    let (truth, late) = (folder.path().join("truth"), folder.path().join("late"));
    write_first_snapshot(&truth);
    write_first_snapshot(&late);
    write(&truth, zxid(1, 1), zxid(1, 5), "a");
    write(&truth, zxid(2, 1), zxid(2, 4), "a");
    assert_eq!(backup(&truth, &repo).0, 0);
    // It was sent a tree of 2:2, and goes on from there; 1:6 to 1:9 are still in its log.
    write(&late, zxid(1, 1), zxid(1, 5), "a");
    write(&late, zxid(1, 6), zxid(1, 9), "b");
    write(&late, zxid(2, 3), zxid(2, 8), "a");
    let (status, told) = backup(&late, &repo);
    assert_eq!(status, 0, "{told}");
    assert_eq!(told["added_txns"], 4, "{told}");
    assert_eq!(told["window"]["from_zxid"], "0x0", "{told}");
    assert_eq!(told["window"]["to_zxid"], "0x200000008", "{told}");
    let output = common::zoovault()
        .arg("verify")
        .arg(&repo)
        .output()
        .unwrap();
    // Without digests nothing proves how an epoch ended; all else is sound.
    let report = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{report}");
    assert!(report.contains("[epoch-end-unproven]"), "{report}");
    assert_eq!(report.matches("  warning  ").count(), 1, "{report}");
}

#[test]
fn a_known_member_that_was_sent_a_whole_tree_tells_the_gap_and_has_a_window_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let repo = init(folder.path());
    let (truth, late) = (folder.path().join("truth"), folder.path().join("late"));
    for dir in [&truth, &late] {
        write_first_snapshot(dir);
        write(dir, zxid(1, 1), zxid(1, 5), "a");
    }
    let (status, before) = backup(&late, &repo);
    assert_eq!(status, 0, "{before}");
    write(&truth, zxid(1, 6), zxid(1, 20), "a");
    let sent = folder.path().join("sent");
    let output = common::zoovault()
        .args(["restore", "--to", "0x100000009", "--keep-zxid"])
        .arg(&truth)
        .arg("--target")
        .arg(&sent)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let name = "version-2/snapshot.100000009";
    std::fs::copy(sent.join(name), late.join(name)).unwrap();
    write(&late, zxid(1, 10), zxid(1, 15), "a");
    let (status, after) = backup(&late, &repo);
    assert_eq!(status, 3, "{after}");
    let warnings = after["warnings"].as_array().unwrap();
    let gap = "gap: transactions 0x100000006 to 0x100000009";
    assert!(warnings[0].as_str().unwrap().starts_with(gap), "{after}");
    assert_eq!(warnings.len(), 1, "{after}");
    assert_eq!(before["lineage"], after["lineage"]);
    assert_eq!(after["window"]["to_zxid"], "0x10000000f", "{after}");
    let (status, filled) = backup(&truth, &repo);
    assert_eq!(status, 0, "{filled}");
    assert_eq!(filled["window"]["to_zxid"], "0x100000014", "{filled}");
    let output = common::zoovault()
        .args(["restore", "--to", "0x100000007", "--dry-run"])
        .arg(&repo)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The statuses of restores to points around the end of an epoch.
fn restores(repo: &Path) -> Vec<i32> {
    let at = |point: &str| {
        let args = ["restore", "--dry-run", "--to", point];
        run(&args, &[repo]).status.code().unwrap()
    };
    ["0x200000001", "0x200000003", "latest"].map(at).to_vec()
}

#[test]
fn digests_tell_who_is_right_about_the_end_of_an_epoch() {
    let faults = testdata().join("faults");
    let (sound, abandoned, lost) = ("sound-member", "epoch-tail-abandoned", "epoch-end-lost");
    let of_another = "the source's history ";
    // The order in which they are backed up, how the second run ends, and what it tells.
    for (first, second, status, warning) in [
        (
            sound,
            abandoned,
            3,
            "transactions 0x100000016 to 0x100000016 of the source are not stored",
        ),
        (abandoned, sound, 3, of_another),
        (sound, lost, 0, ""),
        (lost, sound, 0, ""),
    ] {
        let what = format!("{first}, then {second}");
        let folder = tempfile::tempdir().unwrap();
        let repo = init(folder.path());
        // What was lost or abandoned at the end of an epoch is told.
        let begun = if first == sound { 0 } else { 3 };
        assert_eq!(backup(&faults.join(first), &repo).0, begun, "{what}");
        // The newest point can be had whatever is wrong with the end of the epoch before.
        assert_eq!(restores(&repo)[2], 0, "{what}");
        let (found, told) = backup(&faults.join(second), &repo);
        assert_eq!(found, status, "{what}: {told}");
        let warnings = told["warnings"].as_array().unwrap();
        let is_told = |it: &serde_json::Value| it.as_str().unwrap().starts_with(warning);
        assert_eq!(warnings.len(), usize::from(status == 3), "{what}: {told}");
        assert!(warnings.iter().all(is_told), "{what}: {told}");
        assert_eq!(restores(&repo), [0, 0, 0], "{what}");
    }
}

#[test]
fn without_digests_the_end_of_an_epoch_parts_histories_or_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (without, with) = (folder.path().join("without"), folder.path().join("with"));
    for (dir, last) in [(&without, 5), (&with, 7)] {
        write_first_snapshot(dir);
        write(dir, zxid(1, 1), zxid(1, last), "a");
        write(dir, zxid(2, 1), zxid(2, 4), "a");
    }
    let repo = init(folder.path());
    let (_, before) = backup(&without, &repo);
    // Were its tail taken in, znodes that were never committed would be restored.
    let (status, told) = backup(&with, &repo);
    assert_eq!(status, 3, "{told}");
    assert_ne!(before["lineage"], told["lineage"]);
    let (_, again) = backup(&without, &repo);
    assert_eq!(before["lineage"], again["lineage"]);
    let folder = tempfile::tempdir().unwrap();
    let repo = init(folder.path());
    let (_, before) = backup(&with, &repo);
    let (status, told) = backup(&without, &repo);
    assert_eq!(status, 3, "{told}");
    assert_eq!(before["lineage"], told["lineage"]);
    let warning = told["warnings"][0].as_str().unwrap();
    let lacks = "the source continues from 0x100000005 to 0x200000001, and lacks";
    assert!(warning.starts_with(lacks), "{told}");
}
