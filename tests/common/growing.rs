//! A source that grows: a fixture as it was after each of its txns.

use crate::common::{testdata, write_old};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use zoovault::format::txnlog::LogReader;
use zoovault::history::point::Point;
use zoovault::history::replay::rebuild;
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::recovery::restore::write_snapshot;
use zoovault::zxid::Zxid;

/// A fixture, and where its txns are.
pub struct Growing {
    place: PathBuf,
    /// The logs, by first zxid: name and bytes.
    logs: Vec<(String, Vec<u8>)>,
    snapshots: Vec<(String, Vec<u8>)>,
    /// Each txn: its zxid, in which log it is, and where it ends.
    txns: Vec<(Zxid, usize, usize)>,
    trees: Mutex<HashMap<Zxid, Vec<u8>>>,
}

impl Growing {
    /// That of a fixture.
    pub fn of(fixture: &str) -> Growing {
        let place = testdata().join("datadirs").join(fixture);
        let (mut logs, mut snapshots) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(place.join("version-2")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let bytes = fs::read(&path).unwrap();
            match name.split_once('.') {
                Some(("log", _)) => logs.push((name, bytes)),
                Some(("snapshot", _)) => snapshots.push((name, bytes)),
                _ => {}
            }
        }
        logs.sort_by_key(|(name, _)| number(name));
        let mut txns = Vec::new();
        for (index, (name, bytes)) in logs.iter().enumerate() {
            let mut reader = LogReader::new(Path::new(name), bytes.as_slice()).unwrap();
            while let Some(entry) = reader.next_entry().unwrap() {
                // Checksum and length, and the mark behind the txn.
                let end = usize::try_from(entry.offset).unwrap() + 12 + entry.payload.len() + 1;
                txns.push((entry.header.zxid, index, end));
            }
        }
        Growing {
            place,
            logs,
            snapshots,
            txns,
            trees: Mutex::default(),
        }
    }

    /// How many txns there are in all.
    pub fn len(&self) -> usize {
        self.txns.len()
    }

    /// The zxid of the txn behind which there are so many, with it.
    pub fn zxid(&self, txns: usize) -> Zxid {
        self.txns[txns - 1].0
    }

    /// Writes the data directory as it was after so many txns, in place of what was there.
    pub fn write(&self, dir: &Path, txns: usize) {
        let version_dir = dir.join("version-2");
        let _ = fs::remove_dir_all(&version_dir);
        fs::create_dir_all(&version_dir).unwrap();
        let (last, newest, end) = self.txns[txns - 1];
        for (index, (name, bytes)) in self.logs.iter().enumerate().take(newest + 1) {
            let end = if index == newest { end } else { bytes.len() };
            write_old(&version_dir.join(name), &bytes[..end]);
        }
        for (name, bytes) in &self.snapshots {
            // What was logged while it was written is in it too.
            if number(name) == 0 || number(name) + 3 < last.to_i64() {
                write_old(&version_dir.join(name), bytes);
            }
        }
    }

    /// The tree after a txn, as the bytes of a snapshot: equal trees give equal bytes.
    pub fn tree(&self, zxid: Zxid) -> Vec<u8> {
        let mut trees = self.trees.lock().unwrap();
        let made = || {
            let source = Source::open(&self.place, &Options::default()).unwrap();
            tree_of(&source, Point::Zxid(zxid)).unwrap()
        };
        trees.entry(zxid).or_insert_with(made).clone()
    }
}

/// The tree at a point of a source, as the bytes of a snapshot.
pub fn tree_of(source: &Source, point: Point) -> zoovault::error::Result<Vec<u8>> {
    let rebuilt = rebuild(source, point, false, &NoProgress)?;
    let mut bytes = Vec::new();
    write_snapshot(&rebuilt.replayed.tree, &mut bytes).unwrap();
    Ok(bytes)
}

fn number(name: &str) -> i64 {
    let digits = name.split('.').nth(1).unwrap();
    i64::from_str_radix(digits, 16).unwrap()
}
