//! The commands that keep, forget, delete and copy backups, as the built program runs them.

use crate::common;
use crate::common::made;

use common::zoovault;
use made::{DAY, HOUR};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use zoovault::repository::{BackupName, Repository, Storage};

/// An empty repository.
fn empty() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("repository");
    let made = zoovault().arg("init").arg("--repo").arg(&place).output();
    assert_eq!(made.unwrap().status.code(), Some(0));
    (dir, place)
}

/// A repository of five backups, one a day, the last of them an hour ago.
fn five() -> (TempDir, PathBuf, Vec<BackupName>) {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("repository");
    std::fs::create_dir(&place).unwrap();
    let storage = Storage::local(&place).unwrap();
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let repository = Repository::create(storage, now_ms - 9 * DAY).unwrap();
    let made = |ago: u32| {
        let ms = now_ms - HOUR - i64::from(ago) * DAY;
        made::backup(&repository, "a", (5 - ago) * 4, ms)
    };
    let backups = (0..5).rev().map(made).collect();
    (dir, place, backups)
}

fn run(place: &Path, arguments: &[&str]) -> Output {
    let mut command = zoovault();
    command.arg(arguments[0]).arg("--repo").arg(place);
    command.args(&arguments[1..]).output().unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn without_a_repository_the_status_is_10() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().to_str().unwrap();
    for arguments in [
        vec!["forget", "--keep-last", "1"],
        vec!["prune", "--yes"],
        vec!["prune"],
        vec!["pin", "abc"],
        vec!["unpin", "abc"],
        vec!["copy", "--target", target],
    ] {
        let output = run(dir.path(), &arguments);
        assert_eq!(status(&output), 10, "{arguments:?}");
        let output = run(&dir.path().join("nonesuch"), &arguments);
        assert_eq!(status(&output), 10, "{arguments:?}");
    }
    let (_dir, place) = empty();
    assert_eq!(status(&run(&place, &["copy", "--target", target])), 10);
}

#[test]
fn wrong_arguments_are_told_apart() {
    let (_dir, place) = empty();
    let itself = place.to_str().unwrap();
    for arguments in [
        vec!["forget"],
        vec!["forget", "--keep-last", "0"],
        vec!["forget", "--keep-within", "soon"],
        vec!["forget", "--keep-within", "-7d"],
        vec!["forget", "--keep-last", "1", "abc"],
        vec!["forget", "--keep-last", "1", "--lineage", "abc"],
        vec!["forget", "abc", "--lineage", "abc"],
        vec!["forget", "nonesuch"],
        vec!["forget", "--lineage", "nonesuch"],
        vec!["pin"],
        vec!["pin", "nonesuch"],
        vec!["unpin", "nonesuch"],
        vec!["copy"],
        vec!["copy", "--target", itself],
        vec!["copy", "--target", itself, "--last", "0"],
        vec!["copy", "--target", itself, "--last", "1", "abc"],
    ] {
        let output = run(&place, &arguments);
        assert_eq!(status(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
    for (arguments, why) in [
        (["forget", "--keep-within", "0d"], "greater than zero"),
        (["forget", "--keep-within", "-7d"], "greater than zero"),
        (["backups", "--max-age", "-5h"], "must not be negative"),
    ] {
        let told = stderr(&run(&place, &arguments));
        assert!(told.contains(why), "{told}");
    }
    let output = run(&place, &["forget"]);
    assert!(
        stderr(&output).contains("--keep-last"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_empty_repository_has_nothing_to_forget_prune_or_copy() {
    let (_dir, place) = empty();
    let (_other, target) = empty();
    for arguments in [
        vec!["forget", "--keep-last", "1", "-q"],
        vec!["prune", "--yes", "-q"],
        vec!["copy", "--target", target.to_str().unwrap(), "-q"],
    ] {
        let output = run(&place, &arguments);
        assert_eq!((status(&output), stdout(&output)), (0, String::new()));
    }
    let output = json(&run(&place, &["prune", "--json"]));
    assert_eq!(output["dry_run"], true);
    assert_eq!(output["deleted_objects"], 0);
}

#[test]
fn forget_tells_reasons_and_changes_nothing_in_a_rehearsal() {
    let (_dir, place, backups) = five();
    let rehearsed = run(&place, &["forget", "--keep-last", "2", "--dry-run"]);
    assert_eq!(status(&rehearsed), 0);
    let text = stdout(&rehearsed);
    assert!(
        text.contains("would keep 2 backups, and forget 3"),
        "{text}"
    );
    let newest = text
        .lines()
        .find(|line| line.contains(&backups[4].id))
        .unwrap();
    assert!(
        newest.ends_with("keep    newest window, newest, last"),
        "{newest}"
    );
    let oldest = text
        .lines()
        .find(|line| line.contains(&backups[0].id))
        .unwrap();
    assert!(oldest.ends_with("forget"), "{oldest}");
    let done = json(&run(&place, &["forget", "--keep-last", "2", "--json"]));
    assert_eq!(
        (&done["kept_backups"], &done["forgotten_backups"]),
        (&2.into(), &3.into())
    );
    let told = &done["lineages"][0]["backups"][4];
    assert_eq!(told["id"], backups[4].id);
    assert_eq!(
        told["reasons"],
        serde_json::json!(["newest window", "newest", "last"])
    );
    assert_eq!(told["window_to_zxid"], "0x100000014");
    let again = run(&place, &["forget", "--keep-last", "2"]);
    assert!(stdout(&again).contains("2 backups kept, 0 forgotten"));
    assert!(!stdout(&again).contains("prune"));
}

#[test]
fn prune_shows_a_plan_until_it_is_told_to_go_on() {
    let (_dir, place, _) = five();
    assert_eq!(
        status(&run(&place, &["forget", "--keep-last", "1", "-q"])),
        0
    );
    for _ in 0..2 {
        let plan = run(&place, &["prune"]);
        assert_eq!(status(&plan), 0);
        assert!(
            stdout(&plan).contains("run again with --yes to apply"),
            "{}",
            stdout(&plan)
        );
        assert!(json(&run(&place, &["prune", "--json"]))["marked_objects"].as_u64() > Some(3));
    }
    let done = json(&run(&place, &["prune", "--yes", "--json"]));
    assert_eq!(
        (&done["deleted_objects"], &done["dry_run"]),
        (&0.into(), &false.into())
    );
    let waiting = json(&run(&place, &["prune", "--json"]));
    assert_eq!(waiting["waiting_objects"], done["marked_objects"]);
    assert!(waiting["waiting_until_ms"].is_i64());
    // A manifest that nobody can read: nobody knows what it needs.
    let repository = Repository::open_local(&place).unwrap();
    let backup = place.join(repository.listing().unwrap().backups[0].object());
    std::fs::write(&backup, b"{}").unwrap();
    let refused = run(&place, &["prune", "--yes"]);
    assert_eq!((status(&refused), stdout(&refused)), (4, String::new()));
    let kept = run(&place, &["forget", "--keep-last", "1", "-q"]);
    assert_eq!(status(&kept), 4);
    assert!(stdout(&kept).contains("damage"), "{}", stdout(&kept));
}

#[test]
fn pins_hold_backups_and_are_told() {
    let (_dir, place, backups) = five();
    let id = &backups[0].id;
    assert!(stdout(&run(&place, &["pin", &id[..8]])).ends_with(&format!("{id}: pinned\n")));
    assert!(stdout(&run(&place, &["pin", id])).contains("already pinned"));
    let refused = run(&place, &["forget", id]);
    assert_eq!(status(&refused), 2);
    assert!(stderr(&refused).contains("unpin"), "{}", stderr(&refused));
    let kept = json(&run(
        &place,
        &["forget", "--keep-last", "1", "--json", "--dry-run"],
    ));
    assert_eq!(
        kept["lineages"][0]["backups"][0]["reasons"],
        serde_json::json!(["pinned"])
    );
    let done = json(&run(&place, &["unpin", id, "--json"]));
    assert_eq!(done["backups"][0]["changed"], true);
    assert_eq!(status(&run(&place, &["forget", id])), 0);
    assert_eq!(status(&run(&place, &["forget", &backups[4].id])), 2);
}

#[test]
fn the_newest_can_be_pinned_by_the_name_that_it_has_everywhere() {
    let (_dir, place, backups) = five();
    let id = &backups[4].id;
    let pinned = run(&place, &["pin", "latest"]);
    assert!(stdout(&pinned).ends_with(&format!("{id}: pinned\n")));
    let unpinned = run(&place, &["unpin", "latest"]);
    assert!(stdout(&unpinned).ends_with(&format!("{id}: unpinned\n")));
    assert_eq!(status(&run(&place, &["forget", "latest"])), 2);
    let (_dir, place) = empty();
    assert_eq!(status(&run(&place, &["pin", "latest"])), 2);
}

#[test]
fn each_reason_is_one_string() {
    let (_dir, place, _) = five();
    let arguments = ["forget", "--keep-yearly", "9", "--json", "--dry-run"];
    let told = json(&run(&place, &arguments));
    let oldest = &told["lineages"][0]["backups"][0]["reasons"];
    // It is "yearly oldest", but within five days of a new year, when it is that of the old one.
    let is_one = |reason: &Value| !reason.as_str().unwrap().contains(',');
    assert_eq!(oldest.as_array().unwrap().len(), 1, "{oldest}");
    assert!(is_one(&oldest[0]), "{oldest}");
}

#[test]
fn the_configuration_says_what_to_keep_rule_by_rule() {
    let (dir, place, _) = five();
    let config = dir.path().join("zoovault.toml");
    let text = format!("repository = {place:?}\n[keep]\nlast = 3\ndaily = 1\n");
    std::fs::write(&config, text).unwrap();
    let forget = |arguments: &[&str]| {
        let mut command = zoovault();
        command
            .args(["forget", "--dry-run", "--json", "--config"])
            .arg(&config);
        json(&command.args(arguments).output().unwrap())
    };
    assert_eq!(forget(&[])["kept_backups"], 3);
    // What the command line says of one rule leaves the others as they are.
    assert_eq!(forget(&["--keep-daily", "4"])["kept_backups"], 4);
    assert_eq!(forget(&["--keep-last", "0"])["kept_backups"], 1);
}

#[test]
fn a_copy_holds_the_same_and_can_be_rehearsed() {
    let (_dir, place, backups) = five();
    let (_other, target) = empty();
    let target_text = target.to_str().unwrap();
    run(&place, &["pin", &backups[0].id]);
    let rehearsed = json(&run(
        &place,
        &["copy", "--target", target_text, "--dry-run", "--json"],
    ));
    assert_eq!(rehearsed["dry_run"], true);
    assert_eq!(rehearsed["backups"].as_array().unwrap().len(), 5);
    let done = json(&run(&place, &["copy", "--target", target_text, "--json"]));
    for same in ["backups", "objects", "bytes", "pins"] {
        assert_eq!(done[same], rehearsed[same], "{same}");
    }
    let again = run(&place, &["copy", "--target", target_text]);
    assert!(
        stdout(&again).contains("5 backups already"),
        "{}",
        stdout(&again)
    );
    let (from, to) = (
        Repository::open_local(&place).unwrap(),
        Repository::open_local(&target).unwrap(),
    );
    assert_eq!(made::objects(&from), made::objects(&to));
    assert_eq!(
        from.listing().unwrap().backups,
        to.listing().unwrap().backups
    );
    assert_eq!(from.listing().unwrap().pins, to.listing().unwrap().pins);
}
