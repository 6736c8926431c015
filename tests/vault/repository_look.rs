//! `check` and `backups` of the built program: statuses, lines and documents. Times and names of
//! objects differ from run to run, so there are no golden files.

use crate::common;
use crate::common::repository;

use common::zoovault;
use repository::{LINEAGE, Small, fill, forget, manifest, pin};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use zoovault::repository::{Repository, Storage};

fn run(command: &str, place: &Path, args: &[&str]) -> Output {
    let place = place.to_str().unwrap();
    let output = zoovault()
        .args([command, "--repo", place])
        .args(args)
        .env_remove("ZOOVAULT_REPOSITORY")
        .output();
    output.unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A repository in a directory, with two old backups.
fn local() -> (tempfile::TempDir, Repository, Small) {
    let dir = tempfile::tempdir().unwrap();
    let repository = Repository::create(Storage::local(dir.path()).unwrap(), 1).unwrap();
    let small = fill(&repository);
    (dir, repository, small)
}

/// Commits a backup of all, so long ago.
fn add(repository: &Repository, small: &Small, age_ms: i64) -> String {
    let follows = [&small.backups[1].0];
    let created_ms = now_ms() - age_ms;
    let made = manifest(
        repository,
        LINEAGE,
        created_ms,
        &small.bases,
        &small.logs,
        &follows,
    );
    repository.commit(&made, None).unwrap().id
}

/// Flips a bit of an object.
fn flip(dir: &Path, object: &str) {
    let mut bytes = fs::read(dir.join(object)).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(dir.join(object), bytes).unwrap();
}

#[test]
fn a_check_says_what_it_did_and_what_it_did_not() {
    let (dir, _, small) = local();
    let output = run("check", dir.path(), &[]);
    let text = stdout(&output);
    assert_eq!(status(&output), 0);
    assert!(
        text.starts_with(&format!("{}: WHOLE\n", dir.path().display())),
        "{text}"
    );
    assert!(text.contains("2 backups of 1 lineage"), "{text}");
    assert!(text.contains("finding bit rot takes --read-data"), "{text}");
    assert!(run("check", dir.path(), &["-q"]).stdout.is_empty());
    let text = stdout(&run("check", dir.path(), &["--read-data"]));
    assert!(text.contains("all data was read: 42 txns"), "{text}");
    let read = json(&run(
        "check",
        dir.path(),
        &["--read-data-subset", "2/3", "--json"],
    ));
    assert_eq!(
        (&read["read"]["part"], &read["read"]["of_parts"]),
        (&2.into(), &3.into())
    );
    assert!(read["read"]["objects"].as_u64().unwrap() < small.logs.len() as u64 + 3);
    let daily = json(&run(
        "check",
        dir.path(),
        &["--read-data-subset", "daily/week", "--json"],
    ));
    assert_eq!(daily["read"]["of_parts"], 7);
    for part in ["0/3", "often"] {
        let output = run("check", dir.path(), &["--read-data-subset", part]);
        assert_eq!(status(&output), 2);
    }
}

#[test]
fn a_check_of_damage_says_what_is_lost_and_what_to_do() {
    let (dir, _, small) = local();
    let object = &small.logs[2].object.name;
    flip(dir.path(), object);
    assert_eq!(status(&run("check", dir.path(), &[])), 0);
    let output = run("check", dir.path(), &["--read-data", "-q"]);
    let text = stdout(&output);
    assert_eq!(status(&output), 4);
    let (id, whole) = (&small.backups[1].0.id, &small.backups[0].0.id);
    let lost = format!(
        "{} to {}",
        small.logs[2].first_zxid, small.logs[5].last_zxid
    );
    for line in [
        format!("{object}: is damaged: its SHA-256 is"),
        "[object-damaged]".to_owned(),
        format!("listed by: {id}\n"),
        format!("lost: {lost}\n"),
        format!("Lineage {LINEAGE}: 1 of 2 backups damaged"),
        format!("can be restored   0x0 to {}\n", small.logs[1].last_zxid),
        format!(
            "zoovault restore {}@{whole} --to latest",
            dir.path().display()
        ),
    ] {
        assert!(text.contains(&line), "{line}\n{text}");
    }
    let told = json(&run("check", dir.path(), &["--read-data", "--json"]));
    assert_eq!(told["exit_status"], 4);
    assert_eq!(told["verdict"], "damaged");
    assert_eq!(told["findings"][0]["backups"][0], id.as_str());
    assert_eq!(told["losses"][0]["whole_backups"][0], whole.as_str());
    // What it says is so.
    let target = dir.path().with_extension("restored");
    let restored = zoovault()
        .args([
            "restore",
            &format!("{}@{whole}", dir.path().display()),
            "--to",
            "latest",
        ])
        .arg("--target")
        .arg(&target)
        .output()
        .unwrap();
    assert_eq!(status(&restored), 0, "{restored:?}");
    fs::remove_dir_all(target).unwrap();
}

#[test]
fn warnings_and_remarks_have_their_statuses() {
    let (dir, repository, _) = local();
    fs::write(dir.path().join("log").join(LINEAGE).join("README"), "x").unwrap();
    let output = run("check", dir.path(), &[]);
    assert_eq!(status(&output), 3);
    assert!(stdout(&output).contains("WHOLE, WITH WARNINGS"));
    fs::remove_file(dir.path().join("log").join(LINEAGE).join("README")).unwrap();
    let named =
        |sha256: &str| zoovault::repository::name::snapshot(LINEAGE, Default::default(), 9, sha256);
    repository
        .store(b"stray", &Default::default(), named)
        .unwrap();
    let output = run("check", dir.path(), &[]);
    assert_eq!(status(&output), 0);
    assert!(stdout(&output).contains("1 remark (-v shows them)"));
    assert!(stdout(&run("check", dir.path(), &["-v"])).contains("[object-unlisted]"));
}

#[test]
fn a_repository_that_does_not_open_is_checked_all_the_same() {
    let (dir, _, _) = local();
    fs::write(dir.path().join("zoovault.json"), "{}").unwrap();
    assert_eq!(status(&run("backups", dir.path(), &[])), 4);
    let output = run("check", dir.path(), &["--read-data"]);
    assert_eq!(status(&output), 4);
    assert!(
        stdout(&output).contains("all data was read: 42 txns"),
        "{output:?}"
    );
    let nothing = tempfile::tempdir().unwrap();
    assert_eq!(status(&run("check", nothing.path(), &[])), 10);
}

#[test]
fn backups_are_listed_with_what_they_give() {
    let (dir, repository, small) = local();
    let newest = add(&repository, &small, 3 * 3_600_000 + 5000);
    pin(&repository, &small.backups[0].0.id);
    let output = run("backups", dir.path(), &[]);
    let text = stdout(&output);
    assert_eq!(status(&output), 0);
    let last = small.logs[5].last_zxid;
    for line in [
        "3 backups of 1 lineage: 9 objects of".to_owned(),
        format!("newest   {newest}, made "),
        format!("restores 0x0 to {last}   "),
        format!("lineage {LINEAGE}  3 backups"),
        format!("0x14..{last}  "),
        "zk1:/var/lib/zookeeper (1)".to_owned(),
        ", 3h old".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}\n{text}");
    }
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.contains("WINDOW"))
        .collect();
    assert_eq!(rows.len(), 4);
    assert!(rows[1].contains(&newest), "the newest is first: {text}");
    assert!(rows[3].ends_with("pinned"), "{text}");
    let text = stdout(&run("backups", dir.path(), &["--last", "1"]));
    assert!(text.contains("3 backups of 1 lineage") && !text.contains(&small.backups[0].0.id));
    for (lineage, expected) in [("f00d", 0), ("abc", 2), ("", 2)] {
        let output = run("backups", dir.path(), &["--lineage", lineage]);
        assert_eq!(status(&output), expected, "{lineage}");
    }
    let told = json(&run("backups", dir.path(), &["--json"]));
    assert_eq!(told["newest"]["id"], newest.as_str());
    assert_eq!(
        told["lineages"][0]["windows"][0]["to_zxid"],
        last.to_string()
    );
    assert_eq!(told["lineages"][0]["backups"][2]["is_pinned"], true);
    assert_eq!(told["lineages"][0]["backups"].as_array().unwrap().len(), 3);
    forget(&repository, &newest);
    let told = json(&run("backups", dir.path(), &["--json"]));
    assert_eq!(
        (&told["backups"], &told["forgotten"]),
        (&2.into(), &1.into())
    );
}

#[test]
fn an_old_backup_is_an_alarm() {
    let (dir, repository, small) = local();
    let output = run("backups", dir.path(), &["--max-age", "25h", "-q"]);
    assert_eq!((status(&output), output.stdout.len()), (3, 0));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("old, more than 25h"), "{told}");
    add(&repository, &small, 24 * 3_600_000);
    let output = run("backups", dir.path(), &["--max-age", "25h", "-q"]);
    assert_eq!(
        (status(&output), output.stdout.len(), output.stderr.len()),
        (0, 0, 0)
    );
    let output = run("backups", dir.path(), &["--max-age", "23h"]);
    assert_eq!(status(&output), 3);
    assert!(stdout(&output).starts_with("ALARM: "));
    // One that says that it is from the future has no age.
    add(&repository, &small, -24 * 3_600_000);
    assert_eq!(
        status(&run("backups", dir.path(), &["--max-age", "23h"])),
        3
    );
    assert_eq!(
        status(&run("backups", dir.path(), &["--max-age", "soon"])),
        2
    );
    let empty = tempfile::tempdir().unwrap();
    Repository::create(Storage::local(empty.path()).unwrap(), 1).unwrap();
    assert_eq!(status(&run("backups", empty.path(), &[])), 0);
    assert_eq!(
        status(&run("backups", empty.path(), &["--max-age", "25h"])),
        3
    );
}

#[test]
fn a_damaged_backup_is_listed_as_such() {
    let (dir, _, small) = local();
    flip(dir.path(), &small.backups[0].0.object());
    let output = run("backups", dir.path(), &[]);
    let text = stdout(&output);
    assert_eq!(status(&output), 4);
    assert!(
        text.contains("DAMAGED") && text.contains(&small.backups[1].0.id),
        "{text}"
    );
    let told = json(&run("backups", dir.path(), &["--json"]));
    assert_eq!(
        (&told["damaged"], &told["exit_status"]),
        (&1.into(), &4.into())
    );
    assert_eq!(told["lineages"][0]["backups"][1]["is_damaged"], true);
    assert_eq!(status(&run("backups", dir.path(), &["-q"])), 4);
}

#[test]
fn monitoring_gets_one_line_and_its_own_statuses() {
    let (dir, repository, small) = local();
    add(&repository, &small, 3 * 3_600_000);
    let missing = dir.path().join("missing");
    let ages = ["--nagios", "--warn-age", "2h", "--max-age", "6h"];
    let told = |place: &Path, args: &[&str]| {
        let output = run("backups", place, args);
        let text = stdout(&output);
        (status(&output), text)
    };
    let (code, text) = told(dir.path(), &["--nagios", "--max-age", "6h"]);
    assert!(code == 0 && text.starts_with("OK - backup "), "{text}");
    let (told_text, perfdata) = text.split_once(" | ").unwrap();
    assert!(told_text.contains(" is 3h"), "{text}");
    assert!(
        perfdata.starts_with("age=108") && perfdata.contains("s;;21600;0 backups=3;;;0 bytes=")
    );
    assert_eq!(text.lines().count(), 1);
    let (code, text) = told(dir.path(), &ages);
    assert!(
        code == 1 && text.starts_with("WARNING - ") && text.contains(";7200;21600;0 "),
        "{text}"
    );
    let (code, text) = told(dir.path(), &["--nagios", "--max-age", "1h"]);
    assert!(code == 2 && text.starts_with("CRITICAL - "), "{text}");
    let (code, text) = told(&missing, &ages);
    assert!(code == 2 && text.starts_with("CRITICAL - "), "{text}");
    let (code, text) = told(dir.path(), &["--nagios", "--max-age", "soon"]);
    assert!(code == 3 && text.starts_with("UNKNOWN - "), "{text}");
    let (code, text) = told(dir.path(), &["--nagios", "--no-such"]);
    let line = "UNKNOWN - unexpected argument '--no-such' found";
    assert!(code == 3 && text.starts_with(line), "{text}");
    assert_eq!(text.lines().count(), 1);
    // A newer backup that cannot be restored.
    let mut hole = small.logs.clone();
    hole.remove(3);
    let made = manifest(
        &repository,
        LINEAGE,
        now_ms(),
        &small.bases[..1],
        &hole,
        &[],
    );
    repository.commit(&made, None).unwrap();
    let (code, text) = told(dir.path(), &["--nagios", "--max-age", "6h"]);
    assert!(code == 1 && text.contains("1 backup newer than"), "{text}");
    flip(dir.path(), &small.backups[0].0.object());
    let (code, text) = told(dir.path(), &["--nagios"]);
    assert!(code == 2 && text.contains("1 backup damaged"), "{text}");
}

#[test]
fn a_large_repository_is_listed_at_once() {
    let (dir, repository, small) = local();
    let logs = small.logs.clone();
    for index in 0..720 {
        let created_ms = now_ms() - (720 - index) * 3_600_000;
        let made = manifest(&repository, LINEAGE, created_ms, &small.bases, &logs, &[]);
        repository.commit(&made, None).unwrap();
    }
    let begun = std::time::Instant::now();
    let output = run("backups", dir.path(), &["--json"]);
    let took = begun.elapsed();
    assert_eq!(json(&output)["backups"], 722);
    // A second is what it is to take; a busy machine is no defect.
    assert!(took.as_secs() < 10, "{took:?}");
}

#[test]
fn a_member_that_cannot_be_read_keeps_no_other_from_being_backed_up() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("repository");
    assert_eq!(status(&run("init", &place, &["-q"])), 0);
    let member = common::testdata().join("datadirs/small-3.9");
    let sources = ["/nowhere", member.to_str().unwrap(), "/elsewhere"];
    let done = run("backup", &place, &[&sources[..], &["--json"]].concat());
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(status(&done), 1, "{stderr}");
    let told = json(&done);
    assert_eq!(told["exit_status"], 1);
    assert_eq!(told["backups"].as_array().unwrap().len(), 1);
    assert_eq!(told["backups"][0]["source"], sources[1]);
    assert!(told["backups"][0]["backup"].is_string());
    for source in ["/nowhere", "/elsewhere"] {
        let is_named = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["file"] == source
        };
        assert_eq!(stderr.lines().filter(|line| is_named(line)).count(), 1);
        assert!(told["failures"].to_string().contains(source));
    }
    // Where none is, there is nothing to show.
    let none = run("backup", &place, &[sources[0], sources[2]]);
    assert_eq!((status(&none), stdout(&none).as_str()), (1, ""));
    let stderr = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(
        stderr.starts_with(
            "zoovault: none of 2 sources was backed up: cannot back up: /nowhere: cannot read: "
        ),
        "{stderr}"
    );
    // An error about something else leaves it to be said which source is meant.
    let config = dir.path().join("zoo.cfg");
    fs::write(&config, "dataDir=/gone\n").unwrap();
    let none = run("backup", &place, &[config.to_str().unwrap()]);
    let stderr = String::from_utf8_lossy(&none.stderr).into_owned();
    let line = format!("zoovault: cannot back up {}: /gone", config.display());
    assert!(stderr.starts_with(&line), "{stderr}");
}

#[test]
fn a_repository_in_the_directory_that_it_backs_up_is_warned_of() {
    let (dir, version_dir) = common::copy("small-3.9");
    let place = dir.path().join("inside");
    assert_eq!(status(&run("init", &place, &["-q"])), 0);
    for source in [dir.path(), &version_dir] {
        let done = run("backup", &place, &[source.to_str().unwrap(), "--json"]);
        assert_eq!(status(&done), 3);
        let told = json(&done);
        assert!(told["backups"][0]["backup"].is_string());
        let warnings = told["backups"][0]["warnings"].as_array().unwrap();
        let lies = |warning: &&Value| warning.as_str().unwrap().contains("loses both");
        assert_eq!(warnings.iter().filter(lies).count(), 1, "{told}");
    }
    // Beside the dataDir all is well, also where one name begins with the other.
    let beside = dir.path().with_extension("beside");
    assert_eq!(status(&run("init", &beside, &["-q"])), 0);
    let done = run("backup", &beside, &[dir.path().to_str().unwrap()]);
    fs::remove_dir_all(&beside).unwrap();
    assert_eq!(status(&done), 0, "{}", stdout(&done));
}

#[test]
fn where_no_repository_can_be_made_it_is_said_what_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let told = |command: &str, place: &Path, args: &[&str]| {
        let output = run(command, place, args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (status(&output), stderr)
    };
    let (code, text) = told("init", &file, &[]);
    assert_eq!(code, 13, "{text}");
    assert!(text.contains("not a directory") && text.contains("name an empty directory"));
    let (code, text) = told("init", &dir.path().join("a/b"), &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the parent must exist"), "{text}");
    let (code, text) = told("backups", &file, &[]);
    assert_eq!(code, 10, "{text}");
    assert!(!text.contains("mounted"), "{text}");
}
