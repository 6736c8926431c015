//! Each prefix and each flipped bit of a small log and a small snapshot: no panic, bounded memory,
//! nothing unnoticed.
//!
//! What may go unnoticed is listed by class, each with the reason why it is without effect, and
//! counted.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use zoovault::error::{Error, ErrorKind, Fault, TxnPlace};
use zoovault::format::checksum::adler32;
use zoovault::format::record::TxnDigest;
use zoovault::format::record::digest::Charset;
use zoovault::format::snapshot::codec::{Codec, write_snappy};
use zoovault::format::snapshot::{SnapshotReader, SnapshotSummary, Trailer, check};
use zoovault::format::txnlog::{Level, LogEnd, LogFault, LogReader, LogSummary, PREFIX_LEN, scan};
use zoovault::tree::DataTree;
use zoovault::zxid::Zxid;

use crate::common;
use crate::common::trees;

/// How many cases there were, by class.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn count(&mut self, class: &'static str) {
        *self.0.entry(class).or_default() += 1;
    }

    fn print(&self, what: &str) {
        eprintln!("{what}: {} tried", self.0.values().sum::<usize>());
        for (class, count) in &self.0 {
            eprintln!("    {count:6} {class}");
        }
    }
}

/// All that this program ever had of memory stays far below what a wrong length could ask for.
fn assert_memory_is_bounded() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let peak_kb: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak_kb < 256 << 10, "{peak_kb} kB");
}

/// `bytes` with one bit flipped.
fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

// Logs.

/// A record of the sound log.
struct Frame {
    offset: usize,
    len: usize,
    zxid: Zxid,
}

impl Frame {
    fn mark(&self) -> usize {
        self.offset + PREFIX_LEN + self.len
    }

    fn end(&self) -> usize {
        self.mark() + 1
    }
}

/// How many zeros follow the last record.
const PADDING_LEN: usize = 100;

/// Twelve records in a row of a real server's log, where they are shortest, and some padding.
fn small_log(server: &str) -> (Vec<u8>, Vec<Frame>) {
    let path = common::testdata()
        .join("datadirs")
        .join(server)
        .join("version-2/log.1");
    let bytes = std::fs::read(&path).unwrap();
    let mut frames = Vec::new();
    let mut reader = LogReader::new(&path, bytes.as_slice()).unwrap();
    while let Some(entry) = reader.next_entry().unwrap() {
        let offset = usize::try_from(entry.offset).unwrap();
        frames.push(Frame {
            offset,
            len: entry.payload.len(),
            zxid: entry.header.zxid,
        });
    }
    let span = |frames: &[Frame]| frames[11].end() - frames[0].offset;
    let stretch = frames
        .windows(12)
        .min_by_key(|frames| span(frames))
        .unwrap();
    let start = stretch[0].offset;
    let mut small = [&bytes[..16], &bytes[start..start + span(stretch)]].concat();
    small.resize(small.len() + PADDING_LEN, 0);
    let moved = |frame: &Frame| Frame {
        offset: frame.offset - start + 16,
        ..*frame
    };
    (small, stretch.iter().map(moved).collect())
}

fn scan_all(bytes: &[u8]) -> Result<LogSummary, Error> {
    let bytes: Arc<[u8]> = bytes.into();
    scan(
        LogReader::new(Path::new("log.1"), bytes)?,
        Level::Everything,
        &|_| {},
    )
}

/// Checks that the log is sound and holds just the first `count` of `frames`.
fn assert_holds(summary: &LogSummary, frames: &[Frame], count: usize, end: LogEnd, what: &str) {
    let frames = &frames[..count];
    assert_eq!(summary.faults, [], "{what}");
    assert_eq!(summary.count, count as u64, "{what}");
    assert_eq!(summary.end, Some(end), "{what}");
    assert_eq!(
        summary.first(),
        frames.first().map(|frame| frame.zxid),
        "{what}"
    );
    assert_eq!(
        summary.last(),
        frames.last().map(|frame| frame.zxid),
        "{what}"
    );
    let end_offset = frames.last().map_or(16, Frame::end);
    assert_eq!(summary.end_offset, end_offset as u64, "{what}");
    assert!(summary.runs.len() <= 1, "{what}");
}

const SERVERS: [&str; 2] = ["standalone-3.4", "standalone-3.8"];

#[test]
fn a_prefix_of_a_log_holds_just_the_records_before_its_end() {
    let mut tally = Tally::default();
    for server in SERVERS {
        let (bytes, frames) = small_log(server);
        let last_end = frames.last().unwrap().end();
        for len in 0..=bytes.len() {
            let what = format!("{server} cut at {len}");
            let result = scan_all(&bytes[..len]);
            if len < 16 {
                let error = result.unwrap_err();
                let needed = Fault::ShortHeader {
                    needed: 16,
                    found: len as u64,
                };
                let fault = if len == 0 { Fault::Empty } else { needed };
                assert_eq!(
                    (error.offset(), error.fault()),
                    (Some(0), Some(&fault)),
                    "{what}"
                );
                tally.count("noticed: cut within the header");
                continue;
            }
            let summary = result.unwrap();
            let whole = frames.iter().take_while(|frame| frame.end() <= len).count();
            let end = frames[..whole].last().map_or(16, Frame::end);
            let (end, class) = match len - end {
                0 => (
                    LogEnd::Eof,
                    "harmless: at the end of a record, a shorter log",
                ),
                _ if end == last_end => (LogEnd::Padding, "harmless: within the padding"),
                // An Adler-32 is the lower half of a long.
                1..=4 => (
                    LogEnd::Padding,
                    "harmless: within the zeros before a checksum, as padding",
                ),
                _ => (LogEnd::Torn { offset: end as u64 }, "noticed: torn"),
            };
            assert_holds(&summary, &frames, whole, end, &what);
            assert_eq!(summary.odd_header, None, "{what}");
            tally.count(class);
        }
    }
    tally.print("prefixes of logs");
    assert_memory_is_bounded();
}

#[test]
fn a_write_cut_short_in_preallocated_space_is_torn() {
    let mut tally = Tally::default();
    for server in SERVERS {
        let (bytes, frames) = small_log(server);
        for len in 16..frames.last().unwrap().end() {
            let what = format!("{server} zeros from {len}");
            let mut cut = bytes.clone();
            cut[len..].fill(0);
            let summary = scan_all(&cut).unwrap();
            let whole = frames.iter().take_while(|frame| frame.end() <= len).count();
            let offset = frames[whole].offset;
            let is_blank = cut[offset..].iter().all(|byte| *byte == 0);
            let torn = LogEnd::Torn {
                offset: offset as u64,
            };
            let end = if is_blank { LogEnd::Padding } else { torn };
            assert_holds(&summary, &frames, whole, end, &what);
            tally.count(if is_blank {
                "harmless: nothing of the record there"
            } else {
                "noticed: torn"
            });
        }
    }
    tally.print("logs that turn to zeros");
    assert_memory_is_bounded();
}

#[test]
fn zeros_within_a_record_that_others_follow_are_damage() {
    let mut tally = Tally::default();
    for server in SERVERS {
        let (bytes, frames) = small_log(server);
        for (frame, next) in frames.iter().zip(&frames[1..]) {
            for from in frame.offset + 4..frame.end() {
                let what = format!("{server} zeros at {from}..{}", frame.end());
                let mut lost = bytes.clone();
                lost[from..frame.end()].fill(0);
                let summary = scan_all(&lost).unwrap();
                let [fault] = summary.faults.as_slice() else {
                    panic!("{what}: {summary:?}")
                };
                assert_eq!(fault.next, Some((next.offset as u64, next.zxid)), "{what}");
                assert_eq!(summary.count, 11, "{what}");
                if from >= frame.offset + PREFIX_LEN {
                    let expected = (frame.mark() as u64, Fault::BadEndOfRecord { found: 0 });
                    assert_eq!((fault.offset, fault.fault.clone()), expected, "{what}");
                    tally.count("noticed: end mark");
                } else {
                    assert_eq!(fault.offset, frame.offset as u64, "{what}");
                    tally.count("noticed: length");
                }
            }
        }
    }
    tally.print("lost pages");
    assert_memory_is_bounded();
}

/// What a wrong length of the record `frames[index]` has to lead to.
fn fault_of_length(bytes: &[u8], frames: &[Frame], index: usize) -> (u64, Fault) {
    let frame = &frames[index];
    let length = &bytes[frame.offset + 8..frame.offset + 12];
    let length = i32::from_be_bytes(length.try_into().unwrap());
    let at_length = (frame.offset + 8) as u64;
    let impossible = (
        at_length,
        Fault::BadLength {
            field: "record",
            length: length.into(),
        },
    );
    let is_last = index + 1 == frames.len();
    let Ok(len) = usize::try_from(length) else {
        return impossible;
    };
    if len == 0 {
        return (frame.offset as u64, Fault::GarbageAfterPadding);
    }
    let mark = frame.offset + PREFIX_LEN + len;
    match bytes.get(mark) {
        // The record stands there whole but for its length.
        None | Some(0) if is_last && len > frame.len => impossible,
        None => (frame.offset as u64, Fault::CutRecord { length: len }),
        Some(b'B') => {
            let stored = &bytes[frame.offset..frame.offset + 8];
            let stored = i64::from_be_bytes(stored.try_into().unwrap());
            let computed = adler32(&bytes[frame.offset + PREFIX_LEN..mark]);
            (frame.offset as u64, Fault::BadChecksum { stored, computed })
        }
        Some(found) => (mark as u64, Fault::BadEndOfRecord { found: *found }),
    }
}

/// What a flipped bit in the record `frames[index]` has to lead to, and its class.
fn fault_of_record(
    bytes: &[u8],
    frames: &[Frame],
    index: usize,
    position: usize,
) -> (u64, Fault, &'static str) {
    let frame = &frames[index];
    if position == frame.mark() {
        let fault = Fault::BadEndOfRecord {
            found: bytes[position],
        };
        return (position as u64, fault, "noticed: end mark");
    }
    if (frame.offset + 8..frame.offset + PREFIX_LEN).contains(&position) {
        let (offset, fault) = fault_of_length(bytes, frames, index);
        return (offset, fault, "noticed: length");
    }
    let stored = &bytes[frame.offset..frame.offset + 8];
    let stored = i64::from_be_bytes(stored.try_into().unwrap());
    let computed = adler32(&bytes[frame.offset + PREFIX_LEN..frame.mark()]);
    let is_sum = position < frame.offset + PREFIX_LEN;
    let class = if is_sum {
        "noticed: checksum"
    } else {
        "noticed: payload"
    };
    (
        frame.offset as u64,
        Fault::BadChecksum { stored, computed },
        class,
    )
}

#[test]
fn a_flipped_bit_of_a_log_is_told_with_its_kind_its_place_and_its_zxids() {
    let mut tally = Tally::default();
    for server in SERVERS {
        let (sound, frames) = small_log(server);
        let end = frames.last().unwrap().end();
        for bit in 0..sound.len() * 8 {
            let (bytes, position) = (flipped(&sound, bit), bit / 8);
            let what = format!("{server} bit {bit} at {position}");
            let result = scan_all(&bytes);
            if position < 4 {
                let error = result.unwrap_err();
                let found = bytes[..4].try_into().unwrap();
                let fault = Fault::BadMagic {
                    expected: "ZKLG",
                    found,
                };
                assert_eq!(
                    (error.offset(), error.fault()),
                    (Some(0), Some(&fault)),
                    "{what}"
                );
                tally.count("noticed: magic");
                continue;
            }
            let summary = result.unwrap();
            let Some(index) = frames
                .iter()
                .position(|frame| (frame.offset..frame.end()).contains(&position))
            else {
                if position < 16 {
                    let version = i32::from_be_bytes(bytes[4..8].try_into().unwrap());
                    let dbid = i64::from_be_bytes(bytes[8..16].try_into().unwrap());
                    assert_eq!(summary.odd_header, Some((version, dbid)), "{what}");
                    assert_holds(&summary, &frames, 12, LogEnd::Padding, &what);
                    tally.count("told, harmless: version and dbid, which nothing checks");
                } else {
                    check_padding(&summary, &frames, &bytes, position, &what, &mut tally);
                }
                continue;
            };
            let (offset, fault, class) = fault_of_record(&bytes, &frames, index, position);
            let zxid = index.checked_sub(1).map(|before| frames[before].zxid);
            let next = frames
                .get(index + 1)
                .map(|next| (next.offset as u64, next.zxid));
            assert_eq!(
                summary.faults,
                [LogFault {
                    offset,
                    txn: zxid.map(TxnPlace::After),
                    fault,
                    next
                }],
                "{what}"
            );
            assert_eq!(summary.count, 11, "{what}");
            let is_last = next.is_none();
            assert_eq!(summary.end, (!is_last).then_some(LogEnd::Padding), "{what}");
            let end_offset = if is_last { frames[index].offset } else { end };
            assert_eq!(summary.end_offset, end_offset as u64, "{what}");
            let is_inner = index > 0 && !is_last;
            assert_eq!(summary.runs.len(), if is_inner { 2 } else { 1 }, "{what}");
            tally.count(class);
        }
    }
    tally.print("flipped bits of logs");
    assert_memory_is_bounded();
}

/// Where a bit of the padding is set: a record that is not there, or the beginning of one.
fn check_padding(
    summary: &LogSummary,
    frames: &[Frame],
    bytes: &[u8],
    position: usize,
    what: &str,
    tally: &mut Tally,
) {
    let end = frames.last().unwrap().end();
    let distance = position - end;
    let length = i32::from_be_bytes(bytes[end + 8..end + 12].try_into().unwrap());
    let fault = match distance {
        0..8 => None,
        8..12 if length >= 0 => None,
        8..12 => Some((
            end + 8,
            Fault::BadLength {
                field: "record",
                length: length.into(),
            },
        )),
        _ => Some((end, Fault::GarbageAfterPadding)),
    };
    match fault {
        None => {
            let torn = LogEnd::Torn { offset: end as u64 };
            assert_holds(summary, frames, frames.len(), torn, what);
            tally.count("noticed: padding, as a torn record");
        }
        Some((offset, fault)) => {
            let zxid = Some(frames.last().unwrap().zxid);
            let fault = LogFault {
                offset: offset as u64,
                txn: zxid.map(TxnPlace::After),
                fault,
                next: None,
            };
            assert_eq!(summary.faults, [fault], "{what}");
            assert_eq!((summary.count, summary.end), (12, None), "{what}");
            tally.count("noticed: padding");
        }
    }
}

#[test]
fn a_byte_that_is_missing_or_stands_twice_in_a_log_is_noticed() {
    let mut tally = Tally::default();
    for server in SERVERS {
        let (sound, frames) = small_log(server);
        let end = frames.last().unwrap().end();
        for position in 0..end {
            let mut shorter = sound.clone();
            shorter.remove(position);
            let mut longer = sound.clone();
            longer.insert(position, sound[position]);
            for bytes in [shorter, longer] {
                let noticed = match scan_all(&bytes) {
                    Err(error) => error.kind() == ErrorKind::Damage,
                    Ok(summary) => {
                        let is_torn = matches!(summary.end, Some(LogEnd::Torn { .. }));
                        !summary.faults.is_empty() || is_torn || summary.count < 12
                    }
                };
                assert!(noticed, "{server} at {position}");
                tally.count("noticed");
            }
        }
    }
    tally.print("bytes missing or twice in logs");
    assert_memory_is_bounded();
}

// Snapshots.

/// A snapshot of the tree that the small log makes, with all that 3.9 puts behind the znodes.
fn small_snapshot() -> Vec<u8> {
    let (bytes, _) = small_log("standalone-3.8");
    let mut tree = DataTree::fresh(true);
    tree.keep_digest(Charset::Utf8);
    let mut reader = LogReader::new(Path::new("log.1"), bytes.as_slice()).unwrap();
    while let Some(entry) = reader.next_entry().unwrap() {
        let txn = entry.txn().unwrap();
        tree.apply(&txn.header, &txn.body).unwrap();
    }
    let zxid = tree.last_zxid();
    let digest = TxnDigest {
        version: 2,
        tree_digest: tree.digest().unwrap(),
    };
    trees::snapshot_of(
        &tree,
        &Trailer {
            digest: Some((zxid, digest)),
            last_zxid: Some(zxid),
        },
    )
}

/// What the bytes of a snapshot are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Magic,
    /// A count, or the length of a string or a buffer.
    Length,
    Path,
    /// Anything whose value does not tell where the next field is.
    Value,
    /// A checksum.
    Sum,
    /// The text behind a checksum.
    Seal,
}

/// What each byte of a sound snapshot is, and where its seals begin.
fn fields(bytes: &[u8]) -> (Vec<Field>, Vec<usize>) {
    struct Walk<'a>(&'a [u8], Vec<Field>);
    impl Walk<'_> {
        fn put(&mut self, field: Field, len: usize) {
            self.1.resize(self.1.len() + len, field);
        }
        fn number(&mut self) -> usize {
            let at = self.1.len();
            self.put(Field::Length, 4);
            let number = i32::from_be_bytes(self.0[at..at + 4].try_into().unwrap());
            usize::try_from(number).unwrap_or(0)
        }
        fn bytes(&mut self, field: Field) {
            let len = self.number();
            self.put(field, len);
        }
    }
    let mut walk = Walk(bytes, Vec::new());
    walk.put(Field::Magic, 4);
    walk.put(Field::Value, 12);
    let sessions = walk.number();
    walk.put(Field::Value, 12 * sessions);
    for _ in 0..walk.number() {
        walk.put(Field::Value, 8);
        for _ in 0..walk.number() {
            walk.put(Field::Value, 4);
            walk.bytes(Field::Value);
            walk.bytes(Field::Value);
        }
    }
    while !bytes[walk.1.len()..].starts_with(b"\0\0\0\x01/") {
        walk.bytes(Field::Path);
        walk.bytes(Field::Value);
        walk.put(Field::Value, 8 + 60);
    }
    walk.bytes(Field::Path);
    let mut seals = Vec::new();
    for len in [20, 8, 0] {
        seals.push(walk.1.len());
        walk.put(Field::Sum, 8);
        walk.put(Field::Seal, 5);
        walk.put(Field::Value, len);
    }
    assert_eq!(walk.1.len(), bytes.len());
    (walk.1, seals)
}

fn check_all(codec: Codec, bytes: &[u8]) -> Result<SnapshotSummary, Error> {
    let path = Path::new("snapshot.c");
    check(
        path,
        &|| SnapshotReader::new(path, codec, codec.reader(bytes)),
        &|_| {},
    )
}

/// The small snapshot, and that of a fresh server of 3.9.
fn snapshots() -> Vec<(&'static str, Vec<u8>)> {
    let fresh = common::testdata().join("datadirs/standalone-3.9/version-2/snapshot.0");
    vec![
        ("small", small_snapshot()),
        ("fresh", std::fs::read(fresh).unwrap()),
    ]
}

#[test]
fn a_prefix_of_a_snapshot_is_damaged_unless_it_ends_with_a_seal() {
    let mut tally = Tally::default();
    for (name, bytes) in snapshots() {
        let (_, seals) = fields(&bytes);
        let whole = check_all(Codec::Plain, &bytes).unwrap();
        assert_eq!((whole.size, whole.odd_header), (bytes.len() as u64, None));
        for len in 0..bytes.len() {
            let what = format!("{name} cut at {len}");
            let result = check_all(Codec::Plain, &bytes[..len]);
            if let Some(seal) = seals.iter().position(|seal| seal + 13 == len) {
                // This is what a server without digests writes, or one before 3.9.
                let trailer = result.unwrap().trailer;
                assert_eq!(
                    trailer.digest,
                    whole.trailer.digest.filter(|_| seal == 1),
                    "{what}"
                );
                assert_eq!(trailer.last_zxid, None, "{what}");
                tally.count("told, harmless: at a seal, a snapshot with less behind its znodes");
                continue;
            }
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damage, "{what}");
            let (offset, fault) = (error.offset().unwrap(), error.fault().unwrap());
            match fault {
                Fault::Empty => assert_eq!(len, 0, "{what}"),
                Fault::ShortHeader { found, .. } => {
                    assert!(len < 16 && *found == len as u64, "{what}")
                }
                Fault::ShortInput { left, .. } => {
                    assert!(len < seals[0] + 13, "{what}");
                    assert_eq!(offset + left, len as u64, "{what}");
                }
                Fault::TrailingGarbage { .. } | Fault::BadChecksum { .. } => {
                    assert!(len > seals[0] + 13, "{what}: {error}");
                }
                fault => panic!("{what}: {fault}"),
            }
            tally.count("noticed");
        }
    }
    tally.print("prefixes of snapshots");
    assert_memory_is_bounded();
}

#[test]
fn a_flipped_bit_of_a_snapshot_is_told_with_its_kind_and_its_place() {
    let mut tally = Tally::default();
    for (name, sound) in snapshots() {
        let (fields, seals) = fields(&sound);
        for bit in 0..sound.len() * 8 {
            let (bytes, position) = (flipped(&sound, bit), bit / 8);
            let what = format!("{name} bit {bit} at {position}, {:?}", fields[position]);
            let error = check_all(Codec::Plain, &bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damage, "{what}");
            let (offset, fault) = (error.offset().unwrap(), error.fault().unwrap());
            let next_seal = *seals.iter().find(|seal| **seal + 13 > position).unwrap();
            match fields[position] {
                Field::Magic => {
                    let found = bytes[..4].try_into().unwrap();
                    assert_eq!(
                        *fault,
                        Fault::BadMagic {
                            expected: "ZKSN",
                            found
                        },
                        "{what}"
                    );
                    tally.count("noticed: magic");
                }
                Field::Value | Field::Sum => {
                    let stored =
                        i64::from_be_bytes(bytes[next_seal..next_seal + 8].try_into().unwrap());
                    let computed = adler32(&bytes[..next_seal]);
                    assert_eq!(*fault, Fault::BadChecksum { stored, computed }, "{what}");
                    assert_eq!(offset, next_seal as u64, "{what}");
                    tally.count("noticed: checksum");
                }
                Field::Seal => {
                    assert_eq!(
                        (offset, fault),
                        (next_seal as u64 + 8, &Fault::BadSeal),
                        "{what}"
                    );
                    tally.count("noticed: seal");
                }
                Field::Path | Field::Length => {
                    assert!(offset >= 16, "{what}: {error}");
                    tally.count(match fault {
                        Fault::BadChecksum { .. } => "noticed: path or length, by the checksum",
                        _ => "noticed: path or length, where they are",
                    });
                }
            }
        }
    }
    tally.print("flipped bits of snapshots");
    assert_memory_is_bounded();
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut writer = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::default());
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn snappy(plain: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_snappy(plain, &mut bytes).unwrap();
    bytes
}

/// Checks that `mutated` is either refused or, decompressed, the same bytes.
fn check_compressed(codec: Codec, mutated: &[u8], plain: &[u8], what: &str) -> bool {
    match check_all(codec, mutated) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Damage, "{what}");
            assert!(error.fault().is_some(), "{what}");
            true
        }
        Ok(summary) => {
            let mut again = Vec::new();
            codec.reader(mutated).read_to_end(&mut again).unwrap();
            assert!(again == plain, "{what}: {summary:?}");
            false
        }
    }
}

#[test]
fn a_mutated_gzip_snapshot_is_refused_or_the_same_bytes() {
    let mut tally = Tally::default();
    for (name, plain) in snapshots() {
        let sound = gzip(&plain);
        assert!(!check_compressed(Codec::Gzip, &sound, &plain, name));
        for len in 0..sound.len() {
            let what = format!("{name} cut at {len}");
            assert!(
                check_compressed(Codec::Gzip, &sound[..len], &plain, &what),
                "{what}"
            );
            tally.count("noticed: prefix");
        }
        for bit in 0..sound.len() * 8 {
            let what = format!("{name} bit {bit} at {}", bit / 8);
            let is_noticed = check_compressed(Codec::Gzip, &flipped(&sound, bit), &plain, &what);
            tally.count(match (bit / 8, is_noticed) {
                (_, true) => "noticed: flipped bit",
                (3, false) => "harmless: a flag of the header that changes no data",
                (4..8, false) => "harmless: the time in the header",
                (8 | 9, false) => "harmless: the level and the system in the header",
                (_, false) => "harmless: bits of the deflate stream that no symbol uses",
            });
        }
    }
    tally.print("gzip snapshots");
    assert_memory_is_bounded();
}

#[test]
fn a_mutated_snappy_snapshot_is_refused_or_the_same_bytes() {
    let mut tally = Tally::default();
    for (name, plain) in snapshots() {
        let sound = snappy(&plain);
        assert!(!check_compressed(Codec::Snappy, &sound, &plain, name));
        for len in 0..sound.len() {
            let what = format!("{name} cut at {len}");
            assert!(
                check_compressed(Codec::Snappy, &sound[..len], &plain, &what),
                "{what}"
            );
            tally.count("noticed: prefix");
        }
        for bit in 0..sound.len() * 8 {
            let what = format!("{name} bit {bit} at {}", bit / 8);
            let is_noticed = check_compressed(Codec::Snappy, &flipped(&sound, bit), &plain, &what);
            tally.count(match (bit / 8, is_noticed) {
                (_, true) => "noticed: flipped bit",
                (8..16, false) => "harmless: versions in the header, any above 0",
                (_, false) => "harmless: a copy from elsewhere of the same bytes",
            });
        }
    }
    tally.print("snappy snapshots");
    assert_memory_is_bounded();
}
