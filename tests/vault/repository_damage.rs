//! What whoever reads a damaged repository is told: what is wrong, with which object, and what to
//! do; and what can be had all the same.

use crate::common;
use crate::common::logs;
use crate::common::repository;

use common::zoovault;
use logs::{create, set_data, txn};
use repository::{BEGIN_MS, LINEAGE, Small, fill, forget, in_memory, manifest, store_log};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use zoovault::backup::check::{self, check};
use zoovault::backup::drill::{self, drill};
use zoovault::error::ErrorKind;
use zoovault::format::record::TxnKind;
use zoovault::format::txnlog::{encode_header, encode_record};
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::repository::{
    BackupName, Manifest, Object, Repository, Storage, StoredLog, Which, name,
};
use zoovault::zxid::{Zxid, ZxidRange};

/// What is said to be done about a damaged object.
const CHECK: &str = "'zoovault check' shows what is damaged, and what is lost";

fn local() -> (tempfile::TempDir, PathBuf, Repository, Small) {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("repository");
    fs::create_dir(&place).unwrap();
    let repository = Repository::create(Storage::local(&place).unwrap(), 1).unwrap();
    let small = fill(&repository);
    (dir, place, repository, small)
}

/// Runs the program, and gives its status, what it printed and what it complained of.
fn run(command: &str, place: &OsStr, args: &[&str]) -> (i32, String, String) {
    let output = zoovault().arg(command).arg(place).args(args).output();
    let output = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    (status, text(output.stdout), text(output.stderr))
}

/// Restores, for show.
fn restore(place: &Path, point: &str) -> (i32, String) {
    let args = ["--to", point, "--dry-run"];
    let (status, stdout, stderr) = run("restore", place.as_os_str(), &args);
    (status, stdout + &stderr)
}

fn flip(place: &Path, object: &str) {
    let path = place.join(object);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn shown(zxid: Zxid) -> String {
    zxid.to_string()
}

#[test]
fn what_needs_a_damaged_object_says_which_and_what_is_wrong_with_it() {
    for is_gone in [true, false] {
        let (_dir, place, _, small) = local();
        let log = small.logs.last().unwrap();
        let object = &log.object.name;
        let wrong = match is_gone {
            true => "is missing, but is needed",
            false => "is damaged: its SHA-256 is ",
        };
        match is_gone {
            true => fs::remove_file(place.join(object)).unwrap(),
            false => flip(&place, object),
        }
        let tells = |told: &str| {
            assert!(told.contains(object), "{told}");
            assert!(told.contains(wrong), "{told}");
            assert!(told.contains(CHECK), "{told}");
        };
        for point in ["latest", &shown(log.first_zxid), "2099-01-01T00:00:00Z"] {
            let (status, told) = restore(&place, point);
            assert_eq!(status, 4, "{point}: {told}");
            tells(&told);
        }
        let (status, _, told) = run("ls", place.as_os_str(), &["/"]);
        assert_eq!(status, 4, "{told}");
        tells(&told);
        // What does not need it is had.
        let before = shown(log.first_zxid.prev());
        assert_eq!(restore(&place, &before).0, 0);
    }
}

#[test]
fn a_log_in_the_middle_is_not_stepped_over() {
    let (_dir, place, repository, small) = local();
    // Without the second base nothing goes on behind the damage.
    let name = small.backups[1].0.object();
    repository.storage().delete(&[name]).unwrap();
    let made = manifest(
        &repository,
        LINEAGE,
        BEGIN_MS + 1,
        &small.bases[..1],
        &small.logs,
        &[],
    );
    repository.commit(&made, None).unwrap();
    let object = &small.logs[2].object.name;
    fs::remove_file(place.join(object)).unwrap();
    let time = jiff::Timestamp::from_millisecond(small.logs[2].last_time_ms).unwrap();
    for point in [
        "latest",
        &shown(small.logs[3].last_zxid),
        &shown(small.logs[2].last_zxid),
        &time.to_string(),
    ] {
        let (status, told) = restore(&place, point);
        assert!(
            status == 4 && told.contains(object),
            "{point}: {status}: {told}"
        );
    }
}

/// A log of these txns, of `/a`, stored.
fn stored(repository: &Repository, zxids: &[Zxid], bodies: &dyn Fn(Zxid) -> Vec<u8>) -> StoredLog {
    let mut bytes = encode_header();
    for zxid in zxids {
        encode_record(&bodies(*zxid), &mut bytes);
    }
    store_log(repository, LINEAGE, &bytes).unwrap()
}

/// What a txn of this zxid does: the first makes a znode, and the others change it.
fn plain(zxid: Zxid) -> Vec<u8> {
    let number = zxid.to_i64();
    match zxid == Zxid::new(1, 1) {
        true => txn(
            number,
            TxnKind::Create.code(),
            &create(b"/a", b"", false, 1),
        ),
        false => {
            let version = i32::try_from(zxid.epoch() * 100 + zxid.counter()).unwrap();
            txn(
                number,
                TxnKind::SetData.code(),
                &set_data(b"/a", b"x", version),
            )
        }
    }
}

fn zxids(epoch: u32, from: u32, to: u32) -> Vec<Zxid> {
    (from..=to)
        .map(|counter| Zxid::new(epoch, counter))
        .collect()
}

#[test]
fn the_end_of_an_epoch_that_is_damaged_is_not_taken_for_one_that_was_never_there() {
    let (_dir, place, repository, small) = local();
    for (name, _) in &small.backups {
        repository.storage().delete(&[name.object()]).unwrap();
    }
    let logs = [
        stored(&repository, &zxids(1, 1, 40), &plain),
        stored(&repository, &zxids(1, 41, 60), &plain),
        stored(&repository, &zxids(2, 1, 20), &plain),
    ];
    let made = manifest(&repository, LINEAGE, BEGIN_MS, &[], &logs, &[]);
    repository.commit(&made, None).unwrap();
    assert_eq!(restore(&place, "latest").0, 3, "nothing proves an end");
    let object = &logs[1].object.name;
    fs::remove_file(place.join(object)).unwrap();
    let (status, told) = restore(&place, "latest");
    assert!(status == 4 && told.contains(object), "{status}: {told}");
    assert!(told.contains(CHECK), "{told}");
    assert_eq!(restore(&place, "0x100000028").0, 0);
    let report = check(&repository, &check::Options::default(), &NoProgress).unwrap();
    let [loss] = report.losses.as_slice() else {
        panic!("{:?}", report.losses);
    };
    assert_eq!(loss.left, [ZxidRange::new(Zxid::ZERO, Zxid::new(1, 40))]);
    assert_eq!(
        loss.lost,
        [ZxidRange::new(Zxid::new(1, 41), Zxid::new(2, 20))]
    );
    let (status, stdout, _) = run("verify", place.as_os_str(), &["--json"]);
    let told: Value = serde_json::from_str(&stdout).unwrap();
    let windows = told["windows"].as_array().unwrap();
    assert_eq!((status, windows.len()), (4, 1), "{stdout}");
    assert_eq!(windows[0]["to_zxid"], "0x100000028");
}

#[test]
fn a_verdict_on_a_repository_tells_damage_of_objects_as_such() {
    let (_dir, place, _, small) = local();
    let log = &small.logs[3].object.name;
    let part = &small.bases[1].parts[1].name;
    flip(&place, log);
    fs::remove_file(place.join(part)).unwrap();
    let (status, stdout, _) = run("verify", place.as_os_str(), &["--json"]);
    let told: Value = serde_json::from_str(&stdout).unwrap();
    let findings = told["findings"].as_array().unwrap();
    let of_objects = findings.iter().filter(|it| it["code"] == "object-damaged");
    let of_objects: Vec<&str> = of_objects
        .map(|it| it["message"].as_str().unwrap())
        .collect();
    assert_eq!((status, of_objects.len()), (4, 2), "{stdout}");
    assert!(of_objects[0].starts_with("is damaged: its SHA-256 is "));
    // It is a part of what the file is made of.
    assert!(of_objects[1].ends_with("is missing, but is needed") && of_objects[1].contains(part));
    assert!(!stdout.contains("ZKLG"));
    let (_, _, stderr) = run("history", place.as_os_str(), &["/"]);
    assert!(stderr.contains(log), "{stderr}");
}

/// The second backup, with another object in place of one of its logs.
fn replaced(repository: &Repository, small: &Small, object: &str, other: Object) -> BackupName {
    let (name, mut made): (_, Manifest) = small.backups[1].clone();
    repository.storage().delete(&[name.object()]).unwrap();
    let log = made.logs.iter_mut().find(|log| log.object.name == object);
    log.unwrap().object = other;
    repository.commit(&made, None).unwrap()
}

#[test]
fn no_object_becomes_longer_than_was_noted() {
    let (_, repository) = in_memory();
    let small = fill(&repository);
    let log = &small.logs[1];
    let bomb = vec![0; 64 << 20];
    let named = |sha256: &str| name::log(LINEAGE, log.first_zxid, log.last_zxid, sha256);
    let bomb = repository.store(&bomb, &Default::default(), named).unwrap();
    assert!(bomb.bytes < 16 << 10);
    let expected = format!(
        "{}: decompresses to more than {} bytes",
        bomb.name, log.log_bytes
    );
    replaced(&repository, &small, &log.object.name, bomb);
    let scratch = tempfile::tempdir().unwrap();
    let options = Options {
        data_log_dir: None,
        scratch_dir: Some(scratch.path().to_owned()),
    };
    let source = Source::open_repository(&repository, &Which::Latest, &options).unwrap();
    let error = source.logs()[0].open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damage);
    assert!(error.to_string().ends_with(&expected), "{error}");
    let mut written = 0;
    for dir in fs::read_dir(scratch.path()).unwrap() {
        for file in fs::read_dir(dir.unwrap().path()).unwrap() {
            written += file.unwrap().metadata().unwrap().len();
        }
    }
    assert!(written <= log.log_bytes, "{written} bytes");
}

#[test]
fn a_name_that_no_object_has_is_not_looked_for() {
    for bad in ["", ".", "..", "log/x\0y", "../../etc/passwd", "/etc/passwd"] {
        let (_dir, place, repository, small) = local();
        let object = &small.logs.last().unwrap().object;
        let other = Object {
            name: bad.to_owned(),
            ..object.clone()
        };
        let id = replaced(&repository, &small, &object.name, other).id;
        let (status, told) = restore(
            &PathBuf::from(format!("{}@{id}", place.display())),
            "latest",
        );
        assert!(status == 4, "{bad:?}: {status}: {told}");
        assert!(
            told.contains("is not a valid object name"),
            "{bad:?}: {told}"
        );
    }
}

#[test]
fn a_damaged_mark_for_deletion_keeps_nobody_from_reading() {
    let (_dir, place, repository, small) = local();
    let id = &small.backups[0].0.id;
    let tomb = forget(&repository, id);
    let part = PathBuf::from(format!("{}@{id}", place.display()));
    assert_eq!(restore(&part, "latest").0, 2, "it is forgotten");
    flip(&place, &tomb);
    for place in [&place, &part] {
        let (status, told) = restore(place, "latest");
        assert!(status == 3 && told.contains(&tomb), "{status}: {told}");
        assert!(told.contains("so they are included here"), "{told}");
    }
    // Who writes does not go on, and is told what to do.
    let zk = common::testdata().join("datadirs/small-3.8");
    let repo = ["--repo", place.to_str().unwrap()];
    for args in [
        &["backup", zk.to_str().unwrap()][..],
        &["forget", "--keep-last", "1"],
        &["prune", "--yes"],
    ] {
        let output = zoovault().args(args).args(repo).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{args:?}: {told}");
        assert!(
            told.contains(&tomb) && told.contains("that deletes nothing"),
            "{told}"
        );
    }
    assert_eq!(fs::read_dir(place.join("tomb")).unwrap().count(), 1);
}

#[test]
fn a_part_of_a_repository_is_named_alike_everywhere_and_whatever_bytes_its_path_has() {
    let (dir, place, _, small) = local();
    let id = &small.backups[0].0.id;
    let odd = dir.path().join(OsStr::from_bytes(b"a\xff@b"));
    fs::rename(&place, &odd).unwrap();
    let mut part = odd.clone().into_os_string();
    part.push(format!("@{id}"));
    let (status, told) = restore(Path::new(&part), "latest");
    assert_eq!(status, 0, "{told}");
    fs::rename(&odd, &place).unwrap();
    let place = place.to_str().unwrap();
    for part in ["latest", id] {
        let part = format!("{place}@{part}");
        let (status, stdout, _) = run("explain", part.as_ref(), &[]);
        assert!(
            stdout.contains("Can be restored exactly"),
            "{status}: {stdout}"
        );
    }
    let (status, told) = restore(Path::new(&format!("{place}@")), "latest");
    assert_eq!(status, 2);
    assert!(told.contains("the id of a backup is required"), "{told}");
}

#[test]
fn a_drill_draws_txns_that_there_are() {
    let (_, repository) = in_memory();
    // A server gives the zxid of an error again.
    let mut first = zxids(1, 1, 5);
    first.extend([Zxid::new(1, 5); 5]);
    let mut count = 0;
    let mut bytes = encode_header();
    for zxid in first {
        count += 1;
        let payload = match count > 5 {
            true => txn(zxid.to_i64(), TxnKind::Error.code(), b"\xff\xff\xff\x92"),
            false => plain(zxid),
        };
        encode_record(&payload, &mut bytes);
    }
    let logs = [
        store_log(&repository, LINEAGE, &bytes).unwrap(),
        stored(&repository, &zxids(2, 1, 3), &plain),
    ];
    assert_eq!((logs[0].txns, logs[0].last_zxid), (10, Zxid::new(1, 5)));
    let made = manifest(&repository, LINEAGE, BEGIN_MS, &[], &logs, &[]);
    repository.commit(&made, None).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    for seed in 0..8 {
        let options = drill::Options {
            which: Which::Newest,
            random: 3,
            seed,
            scratch_dir: scratch.path().to_owned(),
        };
        let report = drill(&repository, &options, &NoProgress).unwrap();
        assert!(report.failed.is_empty(), "{:?}", report.failed);
        assert_eq!(report.restored.len(), 4);
    }
}
