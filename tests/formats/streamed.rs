//! Snapshots under names that no server gives, as `commands/snapshot?streaming=true` of the
//! AdminServer is saved under any. It sends the bytes of the snapshot that the server writes, so a
//! copy of one is what it gives.

use crate::common;

use common::{testdata, zoovault};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Output;
use zoovault::format::snapshot::codec::{Codec, write_snappy};
use zoovault::format::snapshot::{SnapshotReader, SnapshotWriter, Trailer};
use zoovault::zxid::Zxid;

fn datadir(name: &str) -> PathBuf {
    testdata().join("datadirs").join(name)
}

/// The bytes of a fixture's snapshot, decompressed.
fn snapshot(fixture: &str, name: &str) -> Vec<u8> {
    let file = fs::File::open(datadir(fixture).join("version-2").join(name)).unwrap();
    let mut bytes = Vec::new();
    Codec::of_name(name)
        .reader(file)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn compressed(bytes: &[u8], codec: Codec) -> Vec<u8> {
    match codec {
        Codec::Plain => bytes.to_vec(),
        Codec::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        Codec::Snappy => {
            let mut out = Vec::new();
            write_snappy(bytes, &mut out).unwrap();
            out
        }
    }
}

fn run(dir: &Path, args: &[&str]) -> Output {
    zoovault().args(args).current_dir(dir).output().unwrap()
}

fn status(dir: &Path, args: &[&str]) -> i32 {
    run(dir, args).status.code().unwrap()
}

fn text(output: &Output) -> String {
    let both = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(both).unwrap()
}

fn verified(dir: &Path, name: &str) -> (i32, Value) {
    let output = run(dir, &["verify", name, "--json"]);
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), report)
}

fn codes(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| format!("{} {}", finding["severity"], finding["code"]).replace('"', ""))
        .collect()
}

#[test]
fn a_streamed_snapshot_is_told_by_its_content_and_dated_by_its_digest() {
    for (fixture, name, zxid, epoch) in [
        ("small-3.9", "snapshot.e", "0xe", "100000000000"),
        ("small-3.9", "snapshot.20.gz", "0x20", "100000000000"),
        ("small-3.9", "snapshot.25.snappy", "0x25", "100000000000"),
        ("small-3.8", "snapshot.9", "0xa", "100000000000"),
        (
            "ensemble-3.9/s2",
            "snapshot.2000000c3",
            "0x2000000c5",
            "100200000000",
        ),
    ] {
        let plain = snapshot(fixture, name);
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path();
        for codec in [Codec::Plain, Codec::Gzip, Codec::Snappy] {
            // A name says nothing, neither of what the file is nor of how it is compressed.
            for own in ["backup-2026-11-20", "backup.gz", "zk1.snappy", "log.bin"] {
                let case = format!("{fixture}/{name} as {own}, {}", codec.name());
                fs::write(here.join(own), compressed(&plain, codec)).unwrap();
                let (status, report) = verified(here, own);
                assert_eq!(status, 0, "{case}: {report:#}");
                assert_eq!(report["snapshots"][0]["zxid"], zxid, "{case}");
                assert_eq!(report["windows"][0]["from_zxid"], zxid, "{case}");
                assert_eq!(report["windows"][0]["to_zxid"], zxid, "{case}");
                assert_eq!(report["windows"][0]["proof"], "proven", "{case}");
                assert_eq!(codes(&report), ["info snapshot-free-name"], "{case}");
            }
            let own = "backup.gz";
            for args in [
                &["ls", own, "-r"][..],
                &["stat", own, "/app"],
                &["cat", own, "/app"],
                &["du", own],
                &["export", own, "--format", "jsonl"],
                &["restore", own, "--to", "latest", "--target", "restored"],
                &["verify", "restored"],
                &["export", own, "-o", "archive.tar.gz"],
                &["restore", "archive.tar.gz", "--to", zxid, "--dry-run"],
                &["inspect", own],
            ] {
                let output = run(here, args);
                assert_eq!(
                    output.status.code(),
                    Some(0),
                    "{name} {args:?}: {}",
                    text(&output)
                );
            }
            let made = here
                .join("restored/version-2")
                .join(format!("snapshot.{epoch}"));
            assert!(made.exists(), "{}", made.display());
            fs::remove_dir_all(here.join("restored")).unwrap();
            fs::remove_file(here.join("archive.tar.gz")).unwrap();
            let whole = datadir(fixture);
            let whole = whole.to_str().unwrap();
            let differ = run(here, &["diff", own, whole, "--to", zxid]);
            assert_eq!(differ.status.code(), Some(0), "{name}: {}", text(&differ));
        }
    }
}

#[test]
fn znodes_of_no_one_moment_are_no_damage_and_no_point() {
    // While it was written, a part of the txn behind the last one counted was applied.
    let dir = tempfile::tempdir().unwrap();
    let plain = snapshot("small-3.9", "snapshot.18");
    fs::write(dir.path().join("backup"), &plain).unwrap();
    let (found, report) = verified(dir.path(), "backup");
    assert_eq!(found, 5, "{report:#}");
    assert_eq!(report["snapshots"][0]["zxid"], "0x18");
    assert_eq!(
        codes(&report),
        [
            "missing nothing-restorable",
            "warning snapshot-free-name",
            "warning snapshot-alone-inexact"
        ]
    );
    for point in ["latest", "0x18"] {
        let output = run(
            dir.path(),
            &["restore", "backup", "--to", point, "--dry-run"],
        );
        assert_eq!(output.status.code(), Some(5), "{point}");
        let told = text(&output);
        assert!(told.contains("not the tree at any one moment"), "{told}");
    }
}

/// The snapshot with nothing behind its znodes but, perhaps, the last zxid.
fn undated(bytes: &[u8], last_zxid: Option<Zxid>) -> Vec<u8> {
    let shown = Path::new("fixture");
    let mut reader = SnapshotReader::new(shown, Codec::Plain, bytes).unwrap();
    let acls = reader.acls.clone();
    let acls = acls.iter().map(|(id, list)| (*id, &**list));
    let mut out = Vec::new();
    let mut writer = SnapshotWriter::new(&mut out, &reader.sessions.clone(), acls).unwrap();
    while let Some(node) = reader.next_node().unwrap() {
        writer.node(&node).unwrap();
    }
    let trailer = Trailer {
        digest: None,
        last_zxid,
    };
    writer.finish(&trailer).unwrap();
    out
}

#[test]
fn a_zxid_that_nothing_tells_is_unknown_and_never_a_number() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    let fresh = snapshot("small-3.9", "snapshot.0");
    let of_3_4 = snapshot("small-3.4", "snapshot.1c");
    // A follower that was just sent the tree writes a zxid of its own, before those in the znodes.
    let sent = undated(&of_3_4, Some(Zxid::from_i64(3)));
    for (name, bytes) in [("fresh", fresh), ("early", of_3_4), ("sent", sent)] {
        fs::write(here.join(name), bytes).unwrap();
        let (found, report) = verified(here, name);
        assert_eq!(found, 5, "{name}: {report:#}");
        assert_eq!(report["snapshots"][0]["zxid"], Value::Null, "{name}");
        let page = format!("{name}.html");
        for args in [
            &["verify", name, "-v"][..],
            &["verify", name, "--json"],
            &["inspect", name],
            &["inspect", name, "--json"],
            &["verify", name, "--report", &page],
            &["restore", name, "--to", "latest", "--dry-run"],
            &["ls", name],
        ] {
            let mut told = text(&run(here, args));
            told += &fs::read_to_string(here.join(&page)).unwrap_or_default();
            let is_number =
                told.contains("0x0\"") || told.contains("0x7f") || told.contains("0x0 ");
            assert!(!is_number, "{args:?}: {told}");
        }
        assert!(
            text(&run(here, &["verify", name])).contains("unknown zxid"),
            "{name}"
        );
        let refused = run(here, &["restore", name, "--to", "latest", "--dry-run"]);
        assert_eq!(refused.status.code(), Some(5), "{name}");
        assert!(
            text(&refused).contains("gives its zxid"),
            "{}",
            text(&refused)
        );
    }
}

#[test]
fn without_a_digest_the_last_zxid_or_the_name_dates_it_and_proves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let plain = snapshot("small-3.4", "snapshot.1c");
    let last = Some(Zxid::from_i64(0x30));
    for (name, bytes, zxid) in [
        ("backup", undated(&plain, last), "0x30"),
        ("zk1-snapshot.2a.old", plain.clone(), "0x2a"),
        ("zk1-snapshot.2a.older", undated(&plain, last), "0x30"),
    ] {
        fs::write(dir.path().join(name), bytes).unwrap();
        let (found, report) = verified(dir.path(), name);
        // Its znodes show nothing later: it can be had where that is wished.
        assert_eq!(found, 3, "{name}: {report:#}");
        assert_eq!(report["snapshots"][0]["zxid"], zxid, "{name}");
        for code in ["snapshot-free-name", "snapshot-alone", "nothing-exact"] {
            assert!(
                codes(&report).contains(&format!("warning {code}")),
                "{name}: {report:#}"
            );
        }
        let args = ["restore", name, "--to", "latest", "--dry-run"];
        assert_eq!(status(dir.path(), &args), 5, "{name}");
        let args = [
            "restore",
            name,
            "--to",
            "latest",
            "--dry-run",
            "--accept-unproven",
        ];
        assert_eq!(status(dir.path(), &args), 3, "{name}");
    }
}

#[test]
fn a_damaged_one_is_damaged_and_a_directory_says_what_to_name() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    let mut bytes = snapshot("small-3.9", "snapshot.e");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(here.join("backup"), &bytes).unwrap();
    let (found, report) = verified(here, "backup");
    assert_eq!(found, 4);
    assert_eq!(report["snapshots"][0]["zxid"], Value::Null);
    assert!(
        codes(&report)
            .iter()
            .any(|code| code.starts_with("damage snapshot-"))
    );
    let told = run(here, &["verify", "."]);
    assert_eq!(told.status.code(), Some(1));
    assert!(
        text(&told).contains("backup is a snapshot under another name: give that file itself"),
        "{}",
        text(&told)
    );
}

#[test]
fn the_name_that_a_server_gives_counts_whatever_the_compression() {
    let dir = tempfile::tempdir().unwrap();
    let plain = snapshot("small-3.8", "snapshot.9");
    for codec in [Codec::Plain, Codec::Gzip, Codec::Snappy] {
        fs::write(dir.path().join("snapshot.9"), compressed(&plain, codec)).unwrap();
        let (_, report) = verified(dir.path(), "snapshot.9");
        assert_eq!(report["snapshots"][0]["zxid"], "0x9", "{}", codec.name());
        assert!(report["snapshots"][0]["znodes"].is_number(), "{report:#}");
    }
}
