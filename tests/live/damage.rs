//! Damages a data directory at random, as disks, crashes and people do; the seed says how.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use zoovault::format::checksum::adler32;
use zoovault::format::snapshot::codec::write_snappy;
use zoovault::format::txnlog::{HEADER_LEN, LogReader, PREFIX_LEN};

use crate::common::rng::Rng;

/// How many of the zeros behind the last record of a log are kept.
const PADDING_KEPT: usize = 40;

/// Copies the files of `source` into `target/version-2`, logs without most of their zeros.
pub fn copy_trimmed(source: &Path, target: &Path) {
    let version_dir = target.join("version-2");
    fs::create_dir_all(&version_dir).expect("a folder");
    for path in files(source) {
        let name = path.file_name().expect("a name");
        let mut bytes = fs::read(&path).expect("a file");
        if name.to_string_lossy().starts_with("log.") {
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
            bytes.truncate(used + PADDING_KEPT);
        }
        fs::write(version_dir.join(name), bytes).expect("a copy");
    }
}

/// Damages the data directory `dir` in one to three ways, and says how.
pub fn damage(dir: &Path, rng: &mut Rng) -> String {
    let times = 1 + rng.below(4) / 2;
    let done: Vec<String> = (0..times)
        .map(|_| damage_once(&dir.join("version-2"), rng))
        .collect();
    done.join(", then ")
}

fn damage_once(dir: &Path, rng: &mut Rng) -> String {
    let files = files(dir);
    if files.is_empty() {
        return "nothing is left".to_owned();
    }
    let path = rng.pick(&files).clone();
    let name = path
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let mut bytes = fs::read(&path).expect("a file");
    let how = match rng.below(12) {
        0 => {
            fs::remove_file(&path).expect("it is removed");
            return format!("{name} removed");
        }
        1 => {
            let copy = beside(&name, rng);
            fs::copy(&path, dir.join(&copy)).expect("a copy");
            return format!("{name} copied to {copy}");
        }
        2 => {
            let len = *rng.pick(&[0, 6, 16, rng.clone().below(bytes.len() + 1)]);
            bytes.truncate(len);
            format!("{name} cut to {len}")
        }
        3 | 4 => flip(&name, &mut bytes, rng),
        5 if !bytes.is_empty() => {
            let from = rng.below(bytes.len());
            let to = (from + 1 + rng.below(600)).min(bytes.len());
            bytes[from..to].fill(0);
            format!("{name} zeros at {from}..{to}")
        }
        _ if name.starts_with("log.") => return damage_record(&path, &bytes, rng),
        _ if name.starts_with("snapshot.") => return damage_snapshot(&path, &bytes, rng),
        6..9 => {
            bytes = format!("{}", rng.below(5)).into_bytes();
            format!("{name} says {}", String::from_utf8_lossy(&bytes))
        }
        _ => flip(&name, &mut bytes, rng),
    };
    fs::write(&path, bytes).expect("a file");
    how
}

/// A name that some releases take for a log or snapshot, or none does.
fn beside(name: &str, rng: &mut Rng) -> String {
    let (kind, hex) = name.split_once('.').unwrap_or((name, "0"));
    let zxid = i64::from_str_radix(hex, 16).unwrap_or(1);
    match rng.below(6) {
        0 => format!("{name}.bak"),
        1 => format!("{name}."),
        2 => format!("{kind}.{}", hex.to_uppercase()),
        3 => format!("{kind}.{:x}", zxid + *rng.pick(&[1, 2, 50, 300])),
        4 => format!("{kind}.{:x}", (zxid - 7).max(0)),
        _ => format!("{kind}.0{hex}.old"),
    }
}

fn flip(name: &str, bytes: &mut [u8], rng: &mut Rng) -> String {
    if bytes.is_empty() {
        return format!("{name} is empty");
    }
    let bit = rng.below(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    format!("{name} bit {} of byte {}", bit % 8, bit / 8)
}

/// The payloads of a log's records, as far as they are whole.
fn payloads(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    if let Ok(mut log) = LogReader::new(Path::new("log"), bytes) {
        while let Ok(Some(entry)) = log.next_entry() {
            payloads.push(entry.payload.to_vec());
        }
    }
    payloads
}

/// Changes records and mends what guards them.
fn damage_record(path: &Path, bytes: &[u8], rng: &mut Rng) -> String {
    let name = path.file_name().expect("a name").to_string_lossy();
    let mut payloads = payloads(bytes);
    if payloads.is_empty() {
        return format!("{name} has no records");
    }
    let at = rng.below(payloads.len());
    let mut offset = None;
    let how = match rng.below(9) {
        0 => {
            payloads.remove(at);
            "taken out"
        }
        1 => {
            let again = payloads[at].clone();
            payloads.insert(rng.below(payloads.len() + 1), again);
            "doubled"
        }
        2 => {
            let other = rng.below(payloads.len());
            payloads.swap(at, other);
            "swapped"
        }
        3 => {
            let len = rng.below(payloads[at].len() + 1);
            payloads[at].truncate(len);
            "cut, and mended"
        }
        4 => {
            let types = [-11, -10, -1, 1, 2, 5, 7, 13, 14, 15, 16, 19, 20, 21, 99];
            let txn_type: i32 = *rng.pick(&types);
            if let Some(field) = payloads[at].get_mut(28..32) {
                field.copy_from_slice(&txn_type.to_be_bytes());
            }
            "given another type"
        }
        5 | 6 => {
            flip("payload", &mut payloads[at], rng);
            "changed in a bit, and mended"
        }
        7 => {
            offset = Some(8 + rng.below(4));
            "given another length"
        }
        _ => {
            let len = payloads[at].len();
            offset = Some(PREFIX_LEN + len);
            "given another end mark"
        }
    };
    let mut log = bytes[..HEADER_LEN].to_vec();
    for (index, payload) in payloads.iter().enumerate() {
        let start = log.len();
        log.extend_from_slice(&adler32(payload).to_be_bytes());
        log.extend_from_slice(
            &i32::try_from(payload.len())
                .expect("a length")
                .to_be_bytes(),
        );
        log.extend_from_slice(payload);
        log.push(b'B');
        if let Some(offset) = offset.filter(|_| index == at) {
            log[start + offset] = rng.next().to_be_bytes()[0];
        }
    }
    log.extend_from_slice(&[0; PADDING_KEPT]);
    fs::write(path, log).expect("a log");
    format!("{name} record {at} {how}")
}

/// Changes a snapshot and mends its first seal, or compresses it.
fn damage_snapshot(path: &Path, bytes: &[u8], rng: &mut Rng) -> String {
    let name = path.file_name().expect("a name").to_string_lossy();
    match rng.below(5) {
        0 => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).expect("memory");
            compressed(path, encoder.finish().expect("memory"), "gz", rng)
        }
        1 => {
            let mut out = Vec::new();
            write_snappy(bytes, &mut out).expect("memory");
            compressed(path, out, "snappy", rng)
        }
        2 => {
            // Only the tree and its seal are left: what every release loads.
            match first_seal(bytes) {
                Some(at) => {
                    fs::write(path, &bytes[..at + 13]).expect("a snapshot");
                    format!("{name} without trailer")
                }
                None => format!("{name} has no seal"),
            }
        }
        _ => {
            let Some(seal) = first_seal(bytes) else {
                return format!("{name} has no seal");
            };
            let mut bytes = bytes.to_vec();
            let at = 16 + rng.below(seal - 16);
            bytes[at] ^= 1 << rng.below(8);
            bytes.truncate(seal);
            let sum = adler32(&bytes);
            bytes.extend_from_slice(&sum.to_be_bytes());
            bytes.extend_from_slice(b"\0\0\0\x01/");
            fs::write(path, bytes).expect("a snapshot");
            format!("{name} byte {at} changed, and mended")
        }
    }
}

/// Puts a compressed snapshot in place of the plain one, sometimes cut.
fn compressed(path: &Path, mut bytes: Vec<u8>, suffix: &str, rng: &mut Rng) -> String {
    let name = path.file_name().expect("a name").to_string_lossy();
    let how = match rng.below(3) {
        0 => {
            bytes.truncate(rng.below(bytes.len()));
            format!(", cut to {}", bytes.len())
        }
        _ => String::new(),
    };
    fs::remove_file(path).expect("it is removed");
    fs::write(path.with_file_name(format!("{name}.{suffix}")), bytes).expect("a snapshot");
    format!("{name} as {suffix}{how}")
}

/// Where the first seal of a snapshot begins: behind the string that ends the tree, and right by
/// its sum.
fn first_seal(bytes: &[u8]) -> Option<usize> {
    let is_seal = |at: &usize| {
        bytes[..*at].ends_with(b"\0\0\0\x01/")
            && bytes.get(*at..at + 8) == Some(&adler32(&bytes[..*at]).to_be_bytes())
    };
    (21..bytes.len()).find(is_seal)
}

/// The files in a folder, by name.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}
