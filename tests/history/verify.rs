//! What the verifier finds in histories that are whole byte for byte and wrong all the same.

use crate::common;

use common::testdata;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use zoovault::analysis::finding::Code;
use zoovault::analysis::verify::{Depth, Report, Verdict, verify};
use zoovault::error::TxnPlace;
use zoovault::format::record::{Txn, TxnBody, TxnKind};
use zoovault::format::snapshot::codec::Codec;
use zoovault::format::snapshot::{SnapshotReader, SnapshotWriter, Trailer};
use zoovault::format::txnlog::{Level, LogReader, LogWriter};
use zoovault::history::History;
use zoovault::history::replay::Proof;
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::recovery::restore::write_snapshot;
use zoovault::zxid::Zxid;

/// What is done to each txn on the way.
type Change<'a> = &'a dyn Fn(&mut Txn<'_>);

fn rewrite_log(from: &Path, to: &Path, change: Change<'_>) {
    let mut reader = LogReader::new(from, Arc::new(File::open(from).unwrap())).unwrap();
    let mut writer = LogWriter::new(Vec::new()).unwrap();
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut txn = entry.txn().unwrap();
        change(&mut txn);
        writer.write(&txn).unwrap();
    }
    fs::write(to, writer.finish().unwrap()).unwrap();
}

/// Writes a snapshot again as servers of 3.4 and 3.5 write it: with nothing behind the first seal.
fn rewrite_snapshot(from: &Path, to: &Path) {
    let mut reader = SnapshotReader::new(from, Codec::Plain, File::open(from).unwrap()).unwrap();
    let acls: Vec<(i64, Box<[u8]>)> = reader.acls.clone();
    let acls = acls.iter().map(|(id, list)| (*id, &**list));
    let mut writer = SnapshotWriter::new(Vec::new(), &reader.sessions.clone(), acls).unwrap();
    while let Some(node) = reader.next_node().unwrap() {
        writer.node(&node).unwrap();
    }
    fs::write(to, writer.finish(&Trailer::default()).unwrap().0).unwrap();
}

/// Copies the directory of a 3.6 server, each txn changed; without digests if so wanted.
fn copy(with_digests: bool, change: Change<'_>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let from: PathBuf = testdata().join("datadirs/standalone-3.6/version-2");
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = dir.path().join(path.file_name().unwrap());
        let is_log = path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("log.");
        match (is_log, with_digests) {
            (true, _) => rewrite_log(&path, &to, &|txn| {
                change(txn);
                txn.digest = txn.digest.filter(|_| with_digests);
            }),
            (false, true) => drop(fs::copy(&path, &to).unwrap()),
            (false, false) => rewrite_snapshot(&path, &to),
        }
        // Else the directory is taken for one that is being written to, whose newest snapshot is
        // not judged yet.
        let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
        File::options()
            .append(true)
            .open(&to)
            .unwrap()
            .set_modified(an_hour_ago)
            .unwrap();
    }
    dir
}

fn report(dir: &tempfile::TempDir) -> Report {
    let source = Source::open(dir.path(), &Options::default()).unwrap();
    verify(&source, Depth::Full, &NoProgress).unwrap()
}

fn codes(report: &Report) -> Vec<&'static str> {
    report
        .findings
        .iter()
        .map(|finding| finding.code.name())
        .collect()
}

/// Makes the txn of `zxid` one that does nothing.
fn undo(zxid: Zxid) -> impl Fn(&mut Txn<'_>) {
    move |txn| {
        if txn.header.zxid == zxid {
            txn.header.txn_type = TxnKind::Error.code();
            txn.body = TxnBody::Error { err: -101 };
            txn.digest = None;
        }
    }
}

/// The tree at the next snapshot behind log.145, as bytes.
fn tree_at_next(dir: &tempfile::TempDir) -> Vec<u8> {
    let source = Source::open(dir.path(), &Options::default()).unwrap();
    let history = History::read(&source, Level::Everything, &NoProgress).unwrap();
    let base = &history.bases().unwrap()[0];
    let target = Zxid::from_i64(0x1d9);
    let replayed = history.replay(base, target, &NoProgress).unwrap();
    let mut bytes = Vec::new();
    write_snapshot(&replayed.tree, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_sound_history_without_digests_agrees_with_all_its_snapshots() {
    let report = report(&copy(false, &|_| {}));
    assert_eq!(report.verdict(), Verdict::Sound, "{:?}", report.findings);
    assert_eq!(
        (report.digests_compared, report.snapshots_crossed.0),
        (0, 5)
    );
    assert_eq!(report.windows.len(), 1);
    assert_eq!(report.windows[0].proof, Some(Proof::Consistent));
}

#[test]
fn a_txn_that_was_changed_shows_in_the_digest_and_without_digests_in_the_next_snapshot() {
    let source = testdata().join("datadirs/standalone-3.6/version-2/log.145");
    let mut reader = LogReader::new(&source, Arc::new(File::open(&source).unwrap())).unwrap();
    let sound = tree_at_next(&copy(false, &|_| {}));
    let (mut tried, mut told) = (0, 0);
    while let Some(entry) = reader.next_entry().unwrap() {
        let zxid = entry.header.zxid;
        let is_wanted = [
            TxnKind::Create.code(),
            TxnKind::Delete.code(),
            TxnKind::SetData.code(),
            TxnKind::SetAcl.code(),
        ]
        .contains(&entry.header.txn_type);
        if !is_wanted || zxid.counter() % 9 != 0 {
            continue;
        }
        tried += 1;
        let found = report(&copy(true, &undo(zxid)));
        assert_eq!(found.verdict(), Verdict::Damaged, "{zxid}");
        let mismatch = found
            .findings
            .iter()
            .find(|finding| finding.code == Code::DigestMismatch)
            .unwrap();
        assert!(
            mismatch.txn.unwrap().zxid() > zxid
                && mismatch.txn.unwrap().zxid() <= Zxid::from_i64(zxid.to_i64() + 8)
        );

        // What was overwritten before the next snapshot leaves no trace in it, and nothing else
        // witnesses it.
        let changed = copy(false, &undo(zxid));
        let found = report(&changed);
        let told_of = codes(&found);
        // Where later snapshots agree with the one that differs, the txns are at fault.
        let is_told = told_of.contains(&"snapshot-differs") || told_of.contains(&"txns-differ");
        assert_eq!(
            is_told,
            found.verdict() == Verdict::Damaged,
            "{zxid}: {:?}",
            found.findings
        );
        told += u32::from(is_told);
        assert!(is_told || tree_at_next(&changed) == sound, "{zxid}");
    }
    assert!(tried >= 10 && told * 2 > tried, "{told} of {tried}");
}

#[test]
fn a_snapshot_of_another_history_is_no_witness() {
    let dir = copy(false, &|_| {});
    let foreign = testdata().join("datadirs/standalone-3.8/version-2/snapshot.144");
    rewrite_snapshot(&foreign, &dir.path().join("snapshot.1d9"));
    let report = report(&dir);
    assert_eq!(report.verdict(), Verdict::Damaged);
    let finding = report
        .findings
        .iter()
        .find(|finding| finding.code == Code::SnapshotDiffers)
        .unwrap();
    assert_eq!(finding.txn, Some(TxnPlace::Of(Zxid::from_i64(0x1d9))));
    assert!(finding.file.as_ref().unwrap().ends_with("snapshot.1d9"));
}
