//! Round trips over every real file: decoded and encoded it is the same bytes, whatever server
//! wrote it.

use random::Random;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use zoovault::error::{Error, ErrorKind, Fault};
use zoovault::format::checksum::{Adler32, adler32};
use zoovault::format::jute::Put;
use zoovault::format::record::{Txn, TxnBody, TxnKind};
use zoovault::format::snapshot::codec::{Codec, write_snappy};
use zoovault::format::snapshot::{SnapshotReader, SnapshotWriter, Trailer, check};
use zoovault::format::txnlog::{LogReader, LogWriter, encode_header, encode_record};

use crate::common;
use crate::common::random;

/// The files of all fixtures whose names begin with `prefix`.
fn files(prefix: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, prefix: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, prefix, found);
            } else if path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(prefix)
            {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&common::testdata().join("datadirs"), prefix, &mut found);
    found.sort();
    assert!(found.len() > 5, "{prefix}");
    found
}

#[test]
fn every_log_of_every_release_is_encoded_as_it_was_read() {
    let (mut count, mut parts, mut digests) = (0, 0, 0);
    let logs = files("log.");
    for path in &logs {
        let bytes = std::fs::read(path).unwrap();
        let mut reader = LogReader::new(path, bytes.as_slice()).unwrap();
        let mut writer = LogWriter::new(Vec::new()).unwrap();
        while let Some(entry) = reader.next_entry().unwrap() {
            let at = format!("{}: {}", path.display(), entry.offset);
            let txn = entry.txn().unwrap();
            let mut payload = Vec::new();
            txn.encode(&mut payload);
            assert_eq!(payload, entry.payload, "{at}");
            assert_eq!(txn.excess, b"", "{at}");
            assert!(!matches!(txn.body, TxnBody::Unknown { .. }), "{at}");
            if let TxnBody::Multi(multi) = &txn.body {
                for part in multi.parts() {
                    part.body().unwrap();
                    parts += 1;
                }
            }
            digests += usize::from(txn.digest.is_some());
            writer.write(&txn).unwrap();
            count += 1;
        }
        let end = usize::try_from(reader.offset()).unwrap();
        assert!(
            writer.finish().unwrap() == bytes[..end],
            "{}",
            path.display()
        );
        assert!(
            bytes[end..].iter().all(|byte| *byte == 0),
            "{}",
            path.display()
        );
    }
    eprintln!(
        "{} logs, {count} txns, {parts} parts of multis, {digests} digests",
        logs.len()
    );
}

/// The bytes of a snapshot without the compression that its server gave it.
fn plain(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let codec = Codec::of_name(path.to_str().unwrap());
    let mut plain = Vec::new();
    codec
        .reader(bytes.as_slice())
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

/// Reads a snapshot and writes all of it again, in its own order.
fn rewritten(path: &Path, codec: Codec, bytes: &[u8]) -> Vec<u8> {
    let mut reader = SnapshotReader::new(path, codec, codec.reader(bytes)).unwrap();
    let acls = reader.acls.iter().map(|(id, list)| (*id, &**list));
    let mut writer = SnapshotWriter::new(Vec::new(), &reader.sessions, acls).unwrap();
    while let Some(node) = reader.next_node().unwrap() {
        writer.node(&node).unwrap();
    }
    let (trailer, size) = reader.finish().unwrap();
    let (again, written) = writer.finish(&trailer).unwrap();
    assert_eq!((written, written), (size, again.len() as u64));
    again
}

#[test]
fn every_snapshot_of_every_release_is_written_as_it_was_read() {
    let snapshots = files("snapshot.");
    for path in &snapshots {
        let bytes = plain(path);
        assert!(
            rewritten(path, Codec::Plain, &bytes) == bytes,
            "{}",
            path.display()
        );
        let open = || SnapshotReader::new(path, Codec::Plain, bytes.as_slice());
        let summary = check(path, &open, &|_| {}).unwrap();
        assert_eq!(
            (summary.size, summary.odd_header),
            (bytes.len() as u64, None)
        );
    }
    eprintln!("{} snapshots", snapshots.len());
}

#[test]
fn a_compressed_snapshot_is_read_as_the_plain_one() {
    for path in files("snapshot.") {
        let plain = plain(&path);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut snappy = Vec::new();
        write_snappy(&plain, &mut snappy).unwrap();
        for (codec, bytes) in [(Codec::Gzip, gzip), (Codec::Snappy, snappy)] {
            assert!(bytes.len() < plain.len(), "{}", path.display());
            let mut again = Vec::new();
            codec
                .reader(bytes.as_slice())
                .read_to_end(&mut again)
                .unwrap();
            assert!(again == plain, "{} {}", codec.name(), path.display());
            assert!(
                rewritten(&path, codec, &bytes) == plain,
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn each_shape_of_trailer_is_read_back() {
    let path = common::testdata().join("datadirs/standalone-3.9/version-2/snapshot.144");
    let bytes = std::fs::read(&path).unwrap();
    let full = check(
        &path,
        &|| SnapshotReader::new(&path, Codec::Plain, bytes.as_slice()),
        &|_| {},
    )
    .unwrap()
    .trailer;
    assert!(full.digest.is_some() && full.last_zxid.is_some());
    for (digest, last_zxid) in [
        (None, None),
        (full.digest, None),
        (None, full.last_zxid),
        (full.digest, full.last_zxid),
    ] {
        let trailer = Trailer { digest, last_zxid };
        let writer = SnapshotWriter::new(Vec::new(), &[], std::iter::empty()).unwrap();
        let (bytes, _) = writer.finish(&trailer).unwrap();
        let mut reader = SnapshotReader::new(&path, Codec::Plain, bytes.as_slice()).unwrap();
        assert!(reader.next_node().unwrap().is_none());
        assert_eq!(reader.finish().unwrap(), (trailer, bytes.len() as u64));
        assert_eq!(
            zoovault::format::snapshot::peek_trailer(&bytes.as_slice()).unwrap(),
            trailer
        );
    }
}

#[test]
fn checksums_agree_with_another_implementation_however_the_bytes_come() {
    let mut random = Random::new(7);
    let all = random.bytes(200_000);
    for _ in 0..2000 {
        let limit = if random.once_in(10) { all.len() } else { 6000 };
        let len = random.below(limit);
        let start = random.below(all.len() - len);
        let bytes = &all[start..start + len];
        let expected = i64::from(adler32::RollingAdler32::from_buffer(bytes).hash());
        assert_eq!(adler32(bytes), expected, "{start} {len}");
        let mut sum = Adler32::new();
        let (first, second) = bytes.split_at(random.below(len + 1));
        sum.update(first);
        sum.update(second);
        assert_eq!(sum.value(), expected, "{start} {len}");
    }
    let worst = vec![0xff; 100_000];
    let expected = i64::from(adler32::RollingAdler32::from_buffer(&worst).hash());
    assert_eq!(adler32(&worst), expected);
    assert_eq!(Adler32::new().value(), 1);
}

/// The largest memory that this program had so far.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const ABSURD: [i32; 4] = [i32::MAX, i32::MAX - 1, 1 << 30, 1 << 24];

#[test]
fn absurd_lengths_in_a_payload_are_refused_and_reserve_nothing() {
    let header = |txn_type: i32| {
        let mut bytes = vec![0; 28];
        bytes.put_int(txn_type);
        bytes
    };
    for absurd in ABSURD {
        // The length of a path, of data, of a list, of a string in it; the count of a multi, the
        // length of a part; of paths.
        let path = [&[0, 0, 0, 2][..], b"/a"].concat();
        let data = [0, 0, 0, 0];
        let cases: [(i32, Vec<u8>); 7] = [
            (TxnKind::Create.code(), Vec::new()),
            (TxnKind::SetData.code(), path.clone()),
            (TxnKind::Create2.code(), [&path[..], &data].concat()),
            (
                TxnKind::CreateTtl.code(),
                [&path[..], &data, &[0, 0, 0, 1, 0, 0, 0, 31]].concat(),
            ),
            (TxnKind::Multi.code(), Vec::new()),
            (TxnKind::Multi.code(), [0, 0, 0, 1, 0, 0, 0, 2].to_vec()),
            (TxnKind::CloseSession.code(), Vec::new()),
        ];
        for (txn_type, before) in cases {
            let mut payload = [header(txn_type), before].concat();
            payload.put_int(absurd);
            payload.extend_from_slice(&[0; 40]);
            let error = Txn::decode(&payload, 0).unwrap_err();
            assert!(
                matches!(
                    error.fault,
                    Fault::BadLength { .. } | Fault::ShortInput { .. }
                ),
                "{txn_type}: {error:?}"
            );
        }
    }
    assert!(peak_kb() < 256 << 10);
}

#[test]
fn absurd_lengths_in_a_snapshot_are_refused_and_reserve_nothing() {
    let header = b"ZKSN\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
    let none = [0; 4];
    for absurd in ABSURD {
        // The count of sessions, of lists, of a list's entries, the lengths of their strings; of a
        // path, of data.
        let list = [&none[..], &[0, 0, 0, 1], &[0; 8]].concat();
        let cases: [Vec<u8>; 7] = [
            Vec::new(),
            none.to_vec(),
            list.clone(),
            [&list[..], &[0, 0, 0, 1, 0, 0, 0, 31]].concat(),
            [&list[..], &[0, 0, 0, 1, 0, 0, 0, 31, 0, 0, 0, 1, b'x']].concat(),
            [none, none].concat(),
            [none, none, none].concat(),
        ];
        for (index, before) in cases.into_iter().enumerate() {
            let mut bytes = [header.clone(), before].concat();
            bytes.put_int(absurd);
            bytes.resize(bytes.len() + 50, 0);
            let read = || -> Result<(), Error> {
                let path = Path::new("snapshot.0");
                let mut reader = SnapshotReader::new(path, Codec::Plain, bytes.as_slice())?;
                while reader.next_node()?.is_some() {}
                reader.finish().map(|_| ())
            };
            let error = read().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damage, "{index}");
            assert!(
                matches!(error.fault(), Some(Fault::ShortInput { .. })),
                "{index}: {error}"
            );
        }
    }
    assert!(peak_kb() < 256 << 10);
}

#[test]
fn absurd_lengths_of_records_are_refused_and_reserve_nothing() {
    let mut sound = Vec::new();
    let mut payload = vec![0; 19];
    payload.extend_from_slice(&[
        7, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xf6, 0, 0, 0, 9,
    ]);
    encode_record(&payload, &mut sound);
    for absurd in ABSURD {
        let mut bytes = encode_header();
        bytes.put_long(12345);
        bytes.put_int(absurd);
        bytes.extend_from_slice(&[1; 100]);
        // Nothing that a server writes begins so, whether or not a record follows.
        let error = LogReader::new(Path::new("log.1"), bytes.as_slice())
            .unwrap()
            .next_entry()
            .unwrap_err();
        assert_eq!(error.offset(), Some(16));
        bytes.extend_from_slice(&sound);
        let error = LogReader::new(Path::new("log.1"), bytes.as_slice())
            .unwrap()
            .next_entry()
            .unwrap_err();
        let length = usize::try_from(absurd).unwrap();
        assert_eq!(error.fault(), Some(&Fault::CutRecord { length }));
        assert_eq!(error.offset(), Some(16));
    }
    assert!(peak_kb() < 256 << 10);
}
