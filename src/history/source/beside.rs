//! What lies beside logs and snapshots: `myid`, the epoch files, the receipt of a restore.

use super::Source;
use crate::error::is_vanished;
use crate::error::{Error, Hint};
use crate::format::datadir::{ACCEPTED_EPOCH, CURRENT_EPOCH, FileName, MYID, version_dir};
use crate::format::stream::{RegularFile, Span};
use crate::history::receipt::{RECEIPT_NAME, Receipt};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much is read of such a file.
const LEN_MAX: u64 = 1 << 16;

/// The content of an epoch file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EpochFile {
    /// Not there.
    Absent,
    /// A number.
    Epoch(i64),
    /// It has no bytes, which no server reads as a number.
    Empty,
    /// Nor its first line, which may be empty.
    Unparsable(String),
    /// It is there and cannot be read: see [`Source::unread`].
    Unread,
}

/// How such a file is opened: in a directory, or in an archive.
pub(super) type Open<'a> = &'a dyn Fn(&Path) -> io::Result<Arc<RegularFile>>;

/// The dataDir and the dataLogDir of which `dir` is only the parent, each with its files in a
/// `version-2` or right in it.
pub(super) fn parts_below(dir: &Path) -> Option<Hint> {
    let has = |dir: &Path, is_meant: fn(&FileName) -> bool| {
        let entries = std::fs::read_dir(version_dir(dir)).into_iter().flatten();
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        let mut names = names.map(|name| FileName::parse(&name.to_string_lossy()));
        names.any(|name| is_meant(&name))
    };
    let mut below: Vec<PathBuf> = std::fs::read_dir(dir)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    below.sort();
    let with_logs = below
        .iter()
        .filter(|dir| has(dir, |name| matches!(name, FileName::Log(_))));
    let with_snapshots = below
        .iter()
        .filter(|dir| has(dir, |name| matches!(name, FileName::Snapshot(..))));
    let (snapshots, logs): (Vec<_>, Vec<_>) = (with_snapshots.collect(), with_logs.collect());
    match (snapshots.as_slice(), logs.as_slice()) {
        ([data_dir], [log_dir]) if data_dir != log_dir => Some(Hint::GiveBoth {
            data_dir: data_dir.display().to_string(),
            log_dir: log_dir.display().to_string(),
        }),
        _ => None,
    }
}

/// A small file.
enum Small {
    Absent,
    Unread,
    Text(String),
}

impl Small {
    fn text(&self) -> Option<&str> {
        match self {
            Small::Text(text) => Some(text),
            Small::Absent | Small::Unread => None,
        }
    }
}

impl Source {
    /// Reads what lies beside the snapshots in `snap_dir`, and in the dataDir. What cannot be read
    /// is noted.
    pub(super) fn read_beside(&mut self, open: Open<'_>, snap_dir: &Path, data_dir: Option<&Path>) {
        if let Some(dir) = data_dir {
            let receipt = self.small(open, &dir.join(RECEIPT_NAME));
            self.receipt = receipt.text().and_then(Receipt::parse);
            let member = self.small(open, &dir.join(MYID));
            self.member = member.text().and_then(|text| text.trim().parse().ok());
        }
        self.accepted_epoch = self.epoch(open, &snap_dir.join(ACCEPTED_EPOCH));
        self.current_epoch = self.epoch(open, &snap_dir.join(CURRENT_EPOCH));
        let half_written = snap_dir.join(format!("{CURRENT_EPOCH}.tmp"));
        self.half_written_epoch = self.epoch(open, &half_written);
    }

    fn small(&mut self, open: Open<'_>, path: &Path) -> Small {
        let mut bytes = Vec::new();
        let read =
            open(path).and_then(|file| Span::range(file, 0, LEN_MAX).read_to_end(&mut bytes));
        match read {
            Ok(_) => Small::Text(String::from_utf8_lossy(&bytes).into_owned()),
            Err(err) if is_vanished(&err) => Small::Absent,
            Err(err) => {
                self.unread.push(Error::io(path, "read", err));
                Small::Unread
            }
        }
    }

    /// Reads an epoch file as `QuorumPeer` does: its first line, strictly a number.
    fn epoch(&mut self, open: Open<'_>, path: &Path) -> EpochFile {
        let text = match self.small(open, path) {
            Small::Absent => return EpochFile::Absent,
            Small::Unread => return EpochFile::Unread,
            Small::Text(text) if text.is_empty() => return EpochFile::Empty,
            Small::Text(text) => text,
        };
        let line = text.split(['\n', '\r']).next().unwrap_or_default();
        match line.parse() {
            Ok(epoch) => EpochFile::Epoch(epoch),
            Err(_) => EpochFile::Unparsable(line.to_owned()),
        }
    }
}
