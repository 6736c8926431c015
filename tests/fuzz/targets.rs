//! What a fuzzer does with bytes: no input may make a decoder panic, hang, or break its word.

use std::path::Path;
use zoovault::error::{Error, ErrorKind};
use zoovault::format::record::{Txn, TxnBody, TxnKind};
use zoovault::format::snapshot::codec::Codec;
use zoovault::format::snapshot::{SnapshotReader, SnapshotWriter, check, peek_trailer};
use zoovault::format::txnlog::{Level, LogReader, scan};
use zoovault::tree::DataTree;

/// Reads a log to its end, and all that is behind damage.
pub fn txnlog(data: &[u8]) {
    let path = Path::new("log.1");
    for level in [Level::Frames, Level::Everything] {
        let reader = match LogReader::new(path, data) {
            Ok(reader) => reader,
            Err(error) => return assert_is_damage(&error),
        };
        let summary = scan(reader, level, &|_| {}).expect("a slice can be read");
        assert!(summary.end_offset <= data.len() as u64);
        let in_runs: u64 = summary.runs.iter().map(|run| run.count).sum();
        assert_eq!(in_runs, summary.count);
        assert!(summary.end.is_some() || !summary.faults.is_empty());
    }
    let mut reader = LogReader::new(path, data).expect("it was opened before");
    while let Ok(Some(entry)) = reader.next_entry() {
        txn(entry.payload);
    }
}

/// Reads a snapshot, plain and decompressed; one that is sound is written as it was read.
pub fn snapshot(data: &[u8]) {
    let path = Path::new("snapshot.1");
    let _ = peek_trailer(&data).expect("a slice can be read");
    for codec in [Codec::Plain, Codec::Gzip, Codec::Snappy] {
        let open = || SnapshotReader::new(path, codec, codec.reader(data));
        match check(path, &open, &|_| {}) {
            Err(error) => assert_is_damage(&error),
            Ok(summary) => {
                let mut reader = open().expect("it was opened before");
                let acls = reader.acls.iter().map(|(id, list)| (*id, &**list));
                let mut writer = SnapshotWriter::new(Vec::new(), &reader.sessions, acls)
                    .expect("a Vec takes everything");
                while let Some(node) = reader.next_node().expect("it was read before") {
                    writer.node(&node).expect("a Vec takes everything");
                }
                let (again, _) = writer
                    .finish(&summary.trailer)
                    .expect("a Vec takes everything");
                assert_eq!(again.len() as u64, summary.size);
                // Counts below zero read as none and are written so, and so is the header: its sum
                // differs then.
                if codec == Codec::Plain
                    && summary.odd_header.is_none()
                    && again.get(..24) == data.get(..24)
                {
                    assert!(again == data);
                }
            }
        }
    }
}

/// Decodes a payload, encodes it to the same bytes, and applies it.
pub fn txn(data: &[u8]) {
    let Ok(txn) = Txn::decode(data, 0) else {
        return;
    };
    let mut again = Vec::new();
    txn.encode(&mut again);
    if again != data {
        // A flag is true for any byte but 0, and written as 1.
        let is_flag = matches!(txn.header.kind(), Some(TxnKind::Create | TxnKind::Create2));
        let differ = again.iter().zip(data).filter(|(a, b)| a != b).count();
        assert!(is_flag && again.len() == data.len() && differ == 1);
    }
    if let TxnBody::Multi(multi) = &txn.body {
        for part in multi.parts() {
            let _ = part.body();
        }
    }
    let mut tree = DataTree::fresh(true);
    let _ = tree.apply(&txn.header, &txn.body);
    assert!(tree.in_order().count() == tree.len());
}

fn assert_is_damage(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Damage, "{error}");
    assert!(error.offset().is_some(), "{error}");
}
