//! What lies beside logs and snapshots: `myid`, the epoch files, the receipt of a restore.

use super::Source;
use crate::error::Error;
use crate::error::is_vanished;
use crate::format::datadir::{ACCEPTED_EPOCH, CURRENT_EPOCH, MYID};
use crate::format::stream::{RegularFile, Span};
use crate::history::receipt::{RECEIPT_NAME, Receipt};
use std::io::{self, Read};
use std::path::Path;
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
    /// Something that no server reads as a number.
    Unparsable(String),
    /// It is there and cannot be read: see [`Source::unread`].
    Unread,
}

/// How such a file is opened: in a directory, or in an archive.
pub(super) type Open<'a> = &'a dyn Fn(&Path) -> io::Result<Arc<RegularFile>>;

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
            Small::Text(text) => text,
        };
        let line = text.split(['\n', '\r']).next().unwrap_or_default();
        match line.parse() {
            Ok(epoch) => EpochFile::Epoch(epoch),
            Err(_) => EpochFile::Unparsable(line.to_owned()),
        }
    }
}
