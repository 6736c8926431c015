//! What else stops a server than its data: `myid`, `zoo.cfg`, epoch files, permissions. What is
//! expected here was seen on real servers.

use crate::common;

use common::{copy, zoovault};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use zoovault::error::Hint;
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::server::emulate::{Rules, starts};
use zoovault::server::messages::Risk;
use zoovault::server::outlook::names_in_words;
use zoovault::server::surroundings::{Impact, Remark, Role, look, look_at_zoo_cfg};

pub const ALL: &str = "3.4.6 to 3.9.5";

fn remarks_with(path: &Path, options: &Options) -> Vec<Remark> {
    let source = Source::open(path, options).unwrap();
    let rules = Rules::all();
    let starts = starts(&source, &rules, None, &NoProgress).unwrap();
    look(&source, &rules, &starts)
}

fn remarks(path: &Path) -> Vec<Remark> {
    remarks_with(path, &Options::default())
}

/// The releases of the remarks with this id, each with its message.
pub fn of_id(remarks: &[Remark], id: &str) -> Vec<(String, String)> {
    let of_id = remarks.iter().filter(|remark| remark.id == id);
    let told = of_id.map(|remark| {
        let releases = names_in_words(remark.releases.iter().map(String::as_str));
        (releases, remark.message.clone().unwrap_or_default())
    });
    told.collect()
}

fn one<'a>(remarks: &'a [Remark], id: &str) -> &'a Remark {
    let mut of_id = remarks.iter().filter(|remark| remark.id == id);
    of_id.next().unwrap_or_else(|| panic!("{id}: {remarks:#?}"))
}

fn has(remarks: &[Remark], id: &str) -> bool {
    remarks.iter().any(|remark| remark.id == id)
}

pub fn pairs(told: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = told.iter().map(|(a, b)| (a.as_str(), b.as_str()));
    pairs.collect()
}

fn member() -> (TempDir, PathBuf) {
    let (dir, version_dir) = copy("small-member-3.9");
    fs::write(dir.path().join("myid"), "1\n").unwrap();
    (dir, version_dir)
}

const MEMBERS: &str = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nsslQuorum=true\n";
pub const USUAL: &str = "tickTime=2000\ninitLimit=5\nsyncLimit=2\nclientPort=2181\n";

/// A `zoo.cfg` beside `dir` that names it.
fn config(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("zoo.cfg");
    fs::write(&path, format!("dataDir={}\n{USUAL}{text}", dir.display())).unwrap();
    path
}

#[test]
fn a_directory_as_it_should_be_has_nothing_to_say() {
    let (dir, _) = member();
    assert!(remarks(dir.path()).is_empty());
    assert!(remarks(&config(dir.path(), MEMBERS)).is_empty());
    let (dir, version_dir) = copy("small-3.9");
    assert!(remarks(dir.path()).is_empty());
    assert!(remarks(&version_dir).is_empty());
    assert!(remarks(&config(dir.path(), "")).is_empty());
}

#[test]
fn a_member_without_myid_does_not_start() {
    let (dir, _) = member();
    let myid = dir.path().join("myid");
    fs::remove_file(&myid).unwrap();
    let all = remarks(dir.path());
    let early = format!("{} file is missing", myid.display());
    let expected = [
        ("3.4.6 to 3.5.0", early.as_str()),
        ("3.5.1 to 3.9.5", "myid file is missing"),
    ];
    assert_eq!(pairs(&of_id(&all, "myid-missing")), expected);
    assert!(all.iter().all(|remark| !remark.is_certain()));
    assert_eq!(all[0].entry().map(|entry| entry.id), Some("server-id"));
    assert_eq!(all[1].entry().map(|entry| entry.risk), Some(Risk::No));
    let certain = remarks(&config(dir.path(), MEMBERS));
    assert!(certain.iter().all(Remark::is_certain));
    assert_eq!(pairs(&of_id(&certain, "myid-missing")), expected);
    // A standalone server does without.
    assert!(!has(&remarks(&config(dir.path(), "")), "myid-missing"));

    fs::create_dir(&myid).unwrap();
    let told = of_id(&remarks(dir.path()), "myid-missing");
    assert!(told[0].1.ends_with("/myid (Is a directory)"));
    assert_eq!(told[1].1, "myid file is missing");
}

#[test]
fn myid_is_a_number_and_nothing_else() {
    let (dir, _) = member();
    let myid = dir.path().join("myid");
    for (text, shown) in [("1 \n", "1 "), ("", "null"), ("abc", "abc"), ("\n1", "")] {
        fs::write(&myid, text).unwrap();
        let message = format!("serverid {shown} is not a number");
        // Members of all releases, and standalone servers from 3.5.1 on.
        let all = remarks(dir.path());
        let told = of_id(&all, "myid-not-a-number");
        let expected = [("3.5.1 to 3.9.5", false), ("3.4.6 to 3.5.0", true)];
        assert_eq!(told.len(), 2, "{text:?}");
        for (releases, is_conditional) in expected {
            let found = all.iter().find(|remark| {
                names_in_words(remark.releases.iter().map(String::as_str)) == releases
            });
            let found = found.unwrap();
            assert_eq!(found.given.is_some(), is_conditional, "{text:?} {releases}");
            assert_eq!(found.message.as_ref(), Some(&message));
        }
        let certain = remarks(&config(dir.path(), MEMBERS));
        assert_eq!(
            pairs(&of_id(&certain, "myid-not-a-number")),
            [(ALL, message.as_str())]
        );
    }
    fs::write(&myid, "-1").unwrap();
    let told = of_id(&remarks(dir.path()), "myid-missing");
    assert_eq!(pairs(&told), [("3.5.1 to 3.9.5", "myid file is missing")]);
    let all = remarks(&config(dir.path(), MEMBERS));
    let early = [("3.4.6 to 3.5.0", "My id -1 not in the peer list")];
    assert_eq!(pairs(&of_id(&all, "myid-not-listed")), early);
}

#[test]
fn a_member_whose_number_is_not_listed_does_not_start() {
    let (dir, _) = member();
    fs::write(dir.path().join("myid"), "9").unwrap();
    let listed = |text: &str| of_id(&remarks(&config(dir.path(), text)), "myid-not-listed");
    let message = "My id 9 not in the peer list";
    assert_eq!(pairs(&listed(MEMBERS)), [(ALL, message)]);
    assert!(listed("server.1=a:1:2\nserver.09=b:1:2\n").is_empty());
    // One line is a standalone server, unless 3.5 and later are told otherwise.
    assert!(listed("server.1=a:1:2\n").is_empty());
    let quorum_of_one = listed("server.1=a:1:2\nstandaloneEnabled=false\n");
    assert_eq!(pairs(&quorum_of_one), [("3.5.0 to 3.9.5", message)]);
    assert!(!has(&remarks(dir.path()), "myid-not-listed"));
    // The members are in a file of their own.
    let members = dir.path().join("members");
    fs::write(&members, "server.1=a:1:2\nserver.2=b:1:2;2181\n").unwrap();
    let of_file = listed(&format!("dynamicConfigFile={}\n", members.display()));
    assert_eq!(pairs(&of_file), [("3.5.0 to 3.9.5", message)]);
    fs::write(&members, "server.9=a:1:2\nserver.2=b:1:2;2181\n").unwrap();
    let of_file = listed(&format!("dynamicConfigFile={}\n", members.display()));
    assert!(of_file.is_empty());
}

/// The remarks on a `zoo.cfg` of this text alone.
pub fn of_text(text: &[u8]) -> Vec<Remark> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("zoo.cfg");
    fs::write(&path, text).unwrap();
    look_at_zoo_cfg(&path, &Source::read_zoo_cfg(&path).unwrap(), &Rules::all())
}

pub fn of_usual(text: &str) -> Vec<Remark> {
    of_text(format!("{text}\n{USUAL}").as_bytes())
}

#[test]
fn a_data_dir_that_is_missing_or_not_what_it_seems_is_told() {
    for text in ["", "\u{feff}dataDir=/x", "# dataDir=/x"] {
        let told = of_id(&of_usual(text), "zoo-cfg-no-data-dir");
        assert_eq!(pairs(&told), [(ALL, "dataDir is not set")], "{text}");
    }
    for path in ["${HOME}/d", "~/d", "\"/a/b\"", "data"] {
        let all = of_usual(&format!("dataDir={path}"));
        let warning = format!("{path} is relative. Prepend ./ to indicate that you're sure!");
        let told = of_id(&all, "zoo-cfg-path-relative");
        assert_eq!(
            pairs(&told),
            [
                ("3.4.6 to 3.4.14", ""),
                ("3.5.0 to 3.9.5", warning.as_str())
            ]
        );
        assert_eq!(all[0].impact, Impact::StartsEmpty);
    }
    let told = of_id(&of_usual("dataDir=./d"), "zoo-cfg-path-relative");
    assert_eq!(pairs(&told), [(ALL, "")]);
    let crash =
        |len| format!("java.lang.StringIndexOutOfBoundsException: begin 0, end 2, length {len}");
    for (text, id, len) in [
        ("dataDir=d", "zoo-cfg-path-relative", 1),
        ("dataDir=", "zoo-cfg-path-empty", 0),
        ("dataDir=/x\ndataLogDir=", "zoo-cfg-path-empty", 0),
    ] {
        let told = of_id(&of_usual(text), id);
        let expected = [
            ("3.5.0 to 3.9.5", crash(len)),
            ("3.4.6 to 3.4.14", String::new()),
        ];
        let expected = expected.map(|(releases, message)| (releases.to_owned(), message));
        assert_eq!(told, expected, "{text}");
    }
    let told = of_usual("dataDir=/srv/zö");
    assert!(
        one(&told, "zoo-cfg-path-not-ascii")
            .found
            .contains("/srv/zÃ¶;")
    );
    assert!(of_usual("dataDir /x").is_empty());
}

#[test]
fn values_that_servers_refuse_are_told() {
    let x = "dataDir=/x\n";
    for (text, id, releases, message) in [
        (
            "tickTime=2000 # c\ninitLimit=1\nsyncLimit=1\nclientPort=1",
            "zoo-cfg-not-a-number",
            ALL,
            "java.lang.NumberFormatException: For input string: \"2000 # c\"",
        ),
        (
            "tickTime=1",
            "zoo-cfg-value-missing",
            "3.4.6 to 3.4.14",
            "clientPort is not set",
        ),
        (
            "clientPort=1\nserver.1=a:1:2\nserver.2=b:1:2",
            "zoo-cfg-value-missing",
            ALL,
            "initLimit is not set",
        ),
        (
            "clientPort=1\nserver.x=a:1:2",
            "zoo-cfg-bad-server",
            ALL,
            "java.lang.NumberFormatException: For input string: \"x\"",
        ),
        (
            "dynamicConfigFile=/nowhere/at/all",
            "zoo-cfg-dynamic-file",
            "3.5.0 to 3.9.5",
            "Error processing /nowhere/at/all: /nowhere/at/all (No such file or directory)",
        ),
        (
            "dynamicConfigFile=/dev/null\nserver.2=a:1:2",
            "zoo-cfg-dynamic-file",
            "3.5.0 to 3.9.5",
            "parameter: server.2 must be in a separate dynamic config file",
        ),
    ] {
        let all = of_text(format!("{x}{text}\n").as_bytes());
        assert_eq!(pairs(&of_id(&all, id)), [(releases, message)], "{text}");
        assert!(all.iter().any(|remark| remark.impact == Impact::Refuses));
    }
    let told = of_id(
        &of_usual("dataDir=/x\nreconfigEnabled=yes"),
        "zoo-cfg-not-a-flag",
    );
    assert_eq!(told[0].0, "3.5.3 to 3.6.4");
    assert!(
        told[0]
            .1
            .starts_with("Invalid option yes for reconfigEnabled flag.")
    );
    assert!(
        told[1]
            .1
            .starts_with("Invalid option yes for reconfigEnabled. ")
    );
    let told = of_id(
        &of_usual("dataDir=/x\nserver.1=a:1:2\nserver.3=host"),
        "zoo-cfg-bad-server",
    );
    assert_eq!((told.len(), told[0].0.as_str()), (2, "3.5.0 to 3.9.5"));
}

#[test]
fn keys_that_do_nothing_and_an_open_quorum_are_told() {
    let all = of_usual("dataDir=/x\nzookeeper.snapshot.trust.empty=true\njute.maxbuffer=1\nfoo=1");
    assert_eq!(of_id(&all, "zoo-cfg-key-without-effect").len(), 2);
    let is_open = |text: &str| {
        has(
            &of_usual(&format!("dataDir=/x\n{text}")),
            "zoo-cfg-quorum-open",
        )
    };
    let members = "server.1=a:1:2\nserver.2=b:1:2\n";
    assert!(is_open(members) && !is_open(""));
    assert!(!is_open(MEMBERS));
    assert!(is_open(&format!("{MEMBERS}portUnification=true")));
    let sasl = format!("{members}quorum.auth.enableSasl=true\n");
    assert!(is_open(&sasl));
    assert!(!is_open(&format!(
        "{sasl}quorum.auth.serverRequireSasl=true\n"
    )));
}

#[test]
fn settings_of_a_zoo_cfg_count() {
    let (dir, _) = copy("standalone-3.4");
    let start = |text: &str| {
        let path = config(dir.path(), text);
        let output = zoovault()
            .arg("explain")
            .arg(&path)
            .args(["--json", "--server", "3.5.7"])
            .output();
        let report: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        report["start"].as_str().unwrap().to_owned()
    };
    assert_eq!(start(""), "all-refuse");
    assert_eq!(start("zookeeper.snapshot.trust.empty=true\n"), "all-refuse");
    assert_eq!(start("snapshot.trust.empty = True\n"), "starts");
    // To `verify` too.
    let path = dir.path().join("zoo.cfg");
    let output = zoovault()
        .arg("verify")
        .arg(&path)
        .args(["--json", "--server", "3.5.7"])
        .output();
    let report: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    assert_eq!(report["servers"][0]["standalone"]["starts"], true);
}

#[test]
fn one_directory_by_two_names_is_refused() {
    let (dir, _) = copy("small-3.9");
    let text = |log_dir: &str| format!("dataLogDir={}{log_dir}\n", dir.path().display());
    let told = |log_dir: &str| {
        of_id(
            &remarks(&config(dir.path(), &text(log_dir))),
            "zoo-cfg-two-spellings",
        )
    };
    let two = told("/.");
    let releases = "3.4.12 to 3.4.14, 3.5.4 to 3.9.5";
    let message = "Log directory has snapshot files. Check if dataLogDir and dataDir configuration is correct.";
    assert_eq!(pairs(&two), [(releases, message)]);
    // Java takes these for one.
    assert!(told("").is_empty() && told("/").is_empty());
}

#[test]
fn what_a_member_writes_for_a_missing_epoch_is_told() {
    let (dir, version_dir) = member();
    fs::remove_file(version_dir.join("currentEpoch")).unwrap();
    let all = remarks(dir.path());
    let told = one(&all, "epoch-file-missing");
    assert_eq!((told.impact, all.len()), (Impact::Note, 1));
    let message = told.message.as_deref().unwrap();
    assert!(
        message.starts_with("currentEpoch not found! Creating with a reasonable default of 2.")
    );
    // A standalone server has none, and a directory of that name is none.
    fs::create_dir(version_dir.join("currentEpoch")).unwrap();
    let all = remarks(dir.path());
    assert_eq!(one(&all, "epoch-file-replaced").impact, Impact::Loses);
    fs::write(version_dir.join("currentEpoch.tmp"), "2").unwrap();
    let told = of_id(&remarks(dir.path()), "epoch-file-half-written");
    assert_eq!(told[0].0, "3.5.10, 3.6.3, 3.6.4, 3.7.1 to 3.9.5");
}

#[test]
fn the_file_initialize_matters_only_in_the_data_log_dir() {
    let (dir, version_dir) = copy("small-3.9");
    fs::write(dir.path().join("initialize"), "").unwrap();
    let told = of_id(&remarks(dir.path()), "initialize-left");
    assert_eq!(pairs(&told), [("3.6.0 to 3.9.5", "")]);
    let logs = tempfile::tempdir().unwrap();
    let log_dir = logs.path().join("version-2");
    fs::create_dir(&log_dir).unwrap();
    for entry in fs::read_dir(&version_dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if name.to_str().unwrap().starts_with("log.") {
            fs::copy(&path, log_dir.join(name)).unwrap();
            fs::remove_file(&path).unwrap();
        }
    }
    let data_log_dir = Some(logs.path().to_path_buf());
    let options = Options {
        data_log_dir,
        ..Options::default()
    };
    let all = remarks_with(dir.path(), &options);
    assert_eq!((all.len(), all[0].id), (1, "initialize-misplaced"));
}

/// Some other user than root.
const OTHER: u32 = 12345;

/// Gives everything to another user; `None` where this test may not.
fn given_away(fixture: &str) -> Option<(TempDir, PathBuf)> {
    let (dir, version_dir) = copy(fixture);
    let chown = |path: &Path| std::os::unix::fs::chown(path, Some(OTHER), Some(OTHER));
    if chown(dir.path()).is_err() {
        common::missing("permissions of another user: not root", false);
        return None;
    }
    for entry in fs::read_dir(&version_dir).unwrap() {
        chown(&entry.unwrap().path()).unwrap();
    }
    chown(&version_dir).unwrap();
    Some((dir, version_dir))
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Makes it root's, and no other's to write.
fn take(path: &Path, mode: u32) {
    std::os::unix::fs::chown(path, Some(0), Some(0)).unwrap();
    chmod(path, mode);
}

#[test]
fn a_directory_that_the_user_may_not_write_to_or_list_is_told() {
    let Some((dir, version_dir)) = given_away("small-3.9") else {
        return;
    };
    assert!(remarks(dir.path()).is_empty());
    take(&version_dir, 0o755);
    let all = remarks(dir.path());
    let told = of_id(&all, "dir-unwritable");
    assert_eq!(told[0].0, "3.4.10 to 3.4.14, 3.5.3 to 3.9.5");
    let message = format!("Cannot write to data directory {}", version_dir.display());
    assert_eq!(told[0].1, message);
    // These take a snapshot at a start.
    let first = format!("{}/snapshot.2a (Permission denied)", version_dir.display());
    assert_eq!(told[1], ("3.5.0 to 3.5.2".to_owned(), first));
    assert_eq!(
        (all[1].impact, all[1].role),
        (Impact::Refuses, Role::StandaloneOrLeader)
    );
    let late = format!("{}/log.N (Permission denied)", version_dir.display());
    assert_eq!(told[2], ("3.4.6 to 3.4.9".to_owned(), late.clone()));
    assert_eq!(told[3], ("3.5.0 to 3.5.2".to_owned(), late));
    assert_eq!(
        (all[3].impact, all[3].role),
        (Impact::FailsLater, Role::Member)
    );
    assert_eq!(
        all[0].given.as_deref(),
        Some("as user 12345, who owns most of the files")
    );
    assert_eq!(all[0].entry().map(|entry| entry.id), Some("dir-unwritable"));
    // It may write, and not list.
    std::os::unix::fs::chown(&version_dir, Some(OTHER), None).unwrap();
    chmod(&version_dir, 0o300);
    let all = remarks(dir.path());
    assert_eq!(
        (all.len(), all[0].id, all[0].impact),
        (1, "dir-unlistable", Impact::StartsEmpty)
    );
    assert_eq!(all[0].releases.len(), Rules::all().len());
}

#[test]
fn files_that_the_user_may_not_read_are_told() {
    let Some((dir, version_dir)) = given_away("small-member-3.9") else {
        return;
    };
    let myid = dir.path().join("myid");
    fs::write(&myid, "1").unwrap();
    let ids = || {
        let all = remarks(dir.path());
        let ids: Vec<(&str, Impact)> = all
            .iter()
            .map(|remark| (remark.id, remark.impact))
            .collect();
        ids.into_iter()
            .filter(|(id, _)| *id != "owners-mixed")
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(), []);
    for (name, id, impact) in [
        ("log.20000000e", "log-unreadable", Impact::Refuses),
        ("snapshot.20000000d", "snapshot-unreadable", Impact::Note),
        ("currentEpoch", "epoch-file-unreadable", Impact::Loses),
    ] {
        chmod(&version_dir.join(name), 0o000);
        assert_eq!(ids(), [(id, impact)], "{name}");
        chmod(&version_dir.join(name), 0o644);
    }
    // No server opens it.
    chmod(&version_dir.join("log.100000001"), 0o000);
    assert_eq!(ids(), []);
    fs::write(version_dir.join("currentEpoch.tmp"), "2").unwrap();
    chmod(&version_dir.join("currentEpoch.tmp"), 0o644);
    let unwritable = ("epoch-file-unwritable", Impact::FailsLater);
    assert_eq!(
        ids(),
        [unwritable, ("epoch-file-half-written", Impact::Note)]
    );
    fs::remove_file(version_dir.join("currentEpoch.tmp")).unwrap();
    take(&myid, 0o600);
    assert_eq!(ids(), [("myid-unreadable", Impact::Refuses); 2]);
}

#[test]
fn without_a_snapshot_that_the_user_may_read_the_logs_are_alone() {
    let Some((dir, version_dir)) = given_away("small-member-3.9") else {
        return;
    };
    for entry in fs::read_dir(&version_dir).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("snapshot.")
        {
            chmod(&path, 0o200);
        }
    }
    let all = remarks(dir.path());
    let told = of_id(&all, "snapshot-unreadable");
    let message = "No snapshot found, but there are log entries. Something is broken!";
    assert_eq!(
        pairs(&told),
        [("3.5.3 to 3.9.5", message), ("3.4.6 to 3.5.2", "")]
    );
}

#[test]
fn a_snapshot_of_the_last_zxid_that_a_start_as_root_left_is_told() {
    let Some((dir, version_dir)) = given_away("small-3.9") else {
        return;
    };
    let last = version_dir.join("snapshot.2a");
    fs::copy(version_dir.join("snapshot.1f"), &last).unwrap();
    fs::remove_file(version_dir.join("log.26")).unwrap();
    take(&last, 0o644);
    let all = remarks(dir.path());
    let told = one(&all, "snapshot-unwritable");
    assert!(
        told.releases
            .iter()
            .all(|release| !release.starts_with("3.4."))
    );
    assert!(
        told.message
            .as_ref()
            .unwrap()
            .ends_with("snapshot.2a (Permission denied)")
    );
    assert_eq!(one(&all, "owners-mixed").impact, Impact::Note);
    // Where a server gets further, the file is another.
    fs::rename(&last, version_dir.join("snapshot.20")).unwrap();
    fs::copy(
        common::testdata().join("datadirs/small-3.9/version-2/log.26"),
        version_dir.join("log.26"),
    )
    .unwrap();
    assert!(!has(&remarks(dir.path()), "snapshot-unwritable"));
}

#[test]
fn an_initialize_that_cannot_be_deleted_stops_servers_from_3_6_on() {
    let Some((dir, _)) = given_away("small-3.9") else {
        return;
    };
    fs::write(dir.path().join("initialize"), "").unwrap();
    take(dir.path(), 0o755);
    let told = of_id(&remarks(dir.path()), "initialize-undeletable");
    let path = dir.path().join("initialize");
    let message = format!("java.nio.file.AccessDeniedException: {}", path.display());
    assert_eq!(pairs(&told), [("3.6.0 to 3.9.5", message.as_str())]);
}

/// Runs `explain`, with the folder out of what it says.
fn golden(name: &str, dir: &Path, args: &[&str]) {
    let mut output = zoovault()
        .current_dir(dir)
        .arg("explain")
        .args(args)
        .output()
        .unwrap();
    let plain = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.replace(&dir.display().to_string(), "/DIR")
            .into_bytes()
    };
    output = Output {
        stdout: plain(&output.stdout),
        stderr: plain(&output.stderr),
        ..output
    };
    common::golden(
        &format!("explain/{name}"),
        &["explain"]
            .iter()
            .chain(args)
            .copied()
            .collect::<Vec<_>>()
            .join(" "),
        &output,
    );
}

#[test]
fn what_is_around_the_data_is_told_as_it_was() {
    let (dir, _) = member();
    fs::remove_file(dir.path().join("myid")).unwrap();
    golden("myid.txt", dir.path(), &["."]);
    fs::write(dir.path().join("myid"), "1 \n").unwrap();
    config(
        dir.path(),
        "server.1=a:1:2\nserver.2=b:1:2\nsnapshot.trust.empty=true\n",
    );
    golden("zoo-cfg.txt", dir.path(), &["zoo.cfg"]);
    golden(
        "zoo-cfg.json",
        dir.path(),
        &["zoo.cfg", "--json", "--server", "3.9.4"],
    );
    fs::write(
        dir.path().join("bad.cfg"),
        "dataDir=${HOME}/zookeeper\nclientPort=2181\n",
    )
    .unwrap();
    golden("zoo-cfg-variable.txt", dir.path(), &["bad.cfg"]);
}

#[test]
fn the_parent_of_two_directories_names_both() {
    let (data, version_dir) = copy("small-3.9");
    let parent = tempfile::tempdir().unwrap();
    let (data_dir, log_dir) = (parent.path().join("data"), parent.path().join("log"));
    fs::create_dir_all(log_dir.join("version-2")).unwrap();
    fs::create_dir_all(data_dir.join("version-2")).unwrap();
    for entry in fs::read_dir(&version_dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let to = if name.starts_with("log.") {
            &log_dir
        } else {
            &data_dir
        };
        fs::copy(&path, to.join("version-2").join(name)).unwrap();
    }
    golden("parent.txt", parent.path(), &["."]);
    // With both in one of them there is no question of two.
    for entry in fs::read_dir(log_dir.join("version-2")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(
            &path,
            data_dir.join("version-2").join(path.file_name().unwrap()),
        )
        .unwrap();
    }
    let error = Source::open(parent.path(), &Options::default()).unwrap_err();
    let is_two = |hint: &Hint| matches!(hint, Hint::GiveBoth { .. });
    assert!(!error.hints().iter().any(is_two), "{error}");
    drop(data);
}
