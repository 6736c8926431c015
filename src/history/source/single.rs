//! One file as a source, whatever it is called: the AdminServer's
//! `commands/snapshot?streaming=true` is saved under any name, and compressed by anybody. What it
//! is shows in its first bytes.
//!
//! The zxid of a snapshot is in its name, where that is one that servers give. Otherwise what
//! stands behind the znodes tells when the file was finished. Txns may have been applied meanwhile,
//! and without a log only the digest there can tell that the znodes are those of that moment.

use super::dated::{Dated, Inside};
use super::file::source_file;
use super::{Source, SourceFile};
use crate::error::{Error, ErrorKind, Result};
use crate::format::datadir::{FileName, snapshot_name, zxid_within};
use crate::format::record::txn::DIGEST_VERSION;
use crate::format::snapshot::codec::Codec;
use crate::format::snapshot::{self, SnapshotSummary};
use crate::format::stream::{RegularFile, Span};
use crate::format::txnlog;
use crate::zxid::Zxid;
use std::fs;
use std::io::Read;
use std::path::Path;

/// How many files of a directory are looked at for a snapshot under a free name.
const LOOKED_AT_MAX: usize = 1000;

/// What a file is.
enum Content {
    Log,
    Snapshot(Codec),
    /// Something else in gzip.
    Gzip,
    Foreign,
}

fn recognise(path: &Path) -> Result<Content> {
    let failed = |err| Error::io(path, "read", err);
    let file = RegularFile::open(path, path).map_err(failed)?;
    let mut head = Vec::new();
    Span::range(&file, 0, Codec::TOLD_BY)
        .read_to_end(&mut head)
        .map_err(failed)?;
    if head.starts_with(&txnlog::MAGIC) {
        return Ok(Content::Log);
    }
    Ok(match Codec::of_content(&head) {
        Some(Codec::Gzip) => {
            let mut magic = [0; 4];
            let inner = Codec::Gzip.reader(Span::new(&file, 0));
            match { inner }.read_exact(&mut magic) {
                Ok(()) if magic == snapshot::MAGIC => Content::Snapshot(Codec::Gzip),
                Ok(()) | Err(_) => Content::Gzip,
            }
        }
        Some(codec) => Content::Snapshot(codec),
        None => Content::Foreign,
    })
}

impl Source {
    /// Opens the log or snapshot at `path`; `None` when it is neither, and whether it may be an
    /// archive.
    pub(super) fn open_single(path: &Path) -> Result<std::result::Result<Source, IsGzip>> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let named = FileName::parse(&name);
        let content = recognise(path).or_else(|error| match error.kind() {
            // As every file of a directory is, one that is there and cannot be read is one all the
            // same, unless that is for want of permission.
            ErrorKind::Damage if is_named(named) && !error.is_denied() => Ok(Content::Foreign),
            ErrorKind::Damage => Err(error.failed()),
            _ => Err(error),
        })?;
        let mut source = Source::new(path);
        match (content, named) {
            (Content::Snapshot(codec), FileName::Snapshot(zxid, _)) => {
                source.add_snapshot(path, zxid, codec)?;
            }
            (Content::Snapshot(codec), _) => source.add_free_snapshot(path, &name, codec)?,
            (Content::Log, FileName::Log(zxid)) => source.add_log(path, zxid)?,
            (Content::Log, _) => source.add_log(path, Zxid::ZERO)?,
            // Damaged: then the name alone tells what it was.
            (Content::Gzip | Content::Foreign, FileName::Snapshot(zxid, codec)) => {
                source.add_snapshot(path, zxid, codec)?;
            }
            (Content::Gzip | Content::Foreign, FileName::Log(zxid)) => {
                source.add_log(path, zxid)?;
            }
            (Content::Gzip, _) => return Ok(Err(IsGzip(true))),
            (Content::Foreign, _) => return Ok(Err(IsGzip(false))),
        }
        Ok(Ok(source))
    }

    fn add_log(&mut self, path: &Path, zxid: Zxid) -> Result<()> {
        let file = source_file(path, path.into(), zxid, Codec::Plain)?;
        self.logs.push(file);
        Ok(())
    }

    fn add_snapshot(&mut self, path: &Path, zxid: Zxid, codec: Codec) -> Result<()> {
        let file = source_file(path, path.into(), zxid, codec)?;
        self.snapshots.push(file);
        Ok(())
    }

    fn add_free_snapshot(&mut self, path: &Path, name: &str, codec: Codec) -> Result<()> {
        let mut file = source_file(path, path.into(), Zxid::UNKNOWN, codec)?;
        let told = zxid_within(name);
        let inside = match snapshot::check(path, &|| self.open_snapshot(&file), &|_| {}) {
            Ok(summary) => Inside {
                dated: dated(&summary, told),
                max_zxid: summary.max_zxid,
            },
            // It is told where the file is judged.
            Err(error) if error.kind() == ErrorKind::Damage => Inside {
                dated: Dated::Open(told),
                max_zxid: Zxid::ZERO,
            },
            Err(error) => return Err(error),
        };
        file.zxid = match inside.dated {
            Dated::Exact(zxid) | Dated::Fuzzy(zxid) => zxid,
            Dated::Open(zxid) => zxid.unwrap_or(Zxid::UNKNOWN),
        };
        file.inside = Some(inside);
        self.snapshots.push(file);
        Ok(())
    }
}

/// Whether a file that is no log and no snapshot is compressed, as an archive is.
pub(super) struct IsGzip(pub(super) bool);

fn is_named(name: FileName) -> bool {
    matches!(name, FileName::Log(_) | FileName::Snapshot(..))
}

/// What a whole snapshot says of its zxid; `told` is what its name does.
fn dated(summary: &SnapshotSummary, told: Option<Zxid>) -> Dated {
    let recorded = summary
        .trailer
        .digest
        .filter(|(zxid, digest)| *zxid != Zxid::ZERO || digest.tree_digest != 0);
    if let Some((zxid, digest)) = recorded {
        return match digest.version == DIGEST_VERSION {
            true if summary.has_digest(digest.tree_digest) => Dated::Exact(zxid),
            true => Dated::Fuzzy(zxid),
            false => Dated::Open(Some(zxid)),
        };
    }
    // A follower that was just sent the tree writes a zxid of its own.
    let last = summary.trailer.last_zxid;
    let last = last.filter(|last| *last != Zxid::ZERO && *last >= summary.max_zxid);
    Dated::Open(last.or(told))
}

/// A snapshot in `dir` under a name by which nobody looks for one.
pub(super) fn free_snapshot_in(dir: &Path) -> Option<String> {
    let entries = fs::read_dir(dir).ok()?.take(LOOKED_AT_MAX);
    let mut found = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let is_it = matches!(recognise(&path), Ok(Content::Snapshot(_)));
        is_it.then(|| path.display().to_string())
    });
    found.next()
}

impl SourceFile {
    /// The name by which a server, or who opens a directory with it, takes a snapshot for what it
    /// is.
    pub fn server_name(&self) -> String {
        let name = self.name();
        match FileName::parse(&name) {
            FileName::Snapshot(_, codec) if codec == self.codec => name,
            _ => snapshot_name(self.zxid) + self.codec.suffix(),
        }
    }

    /// What it says of its zxid, where it is a snapshot under a name that does not.
    pub fn dated(&self) -> Option<Dated> {
        self.inside.map(|inside| inside.dated)
    }

    /// The highest epoch that it tells of by its name, or by what was read of it.
    pub(super) fn max_epoch(&self) -> u32 {
        let named = Some(self.zxid).filter(|zxid| *zxid != Zxid::UNKNOWN);
        let inside = self.inside.map(|inside| inside.max_zxid);
        named.max(inside).map_or(0, Zxid::epoch)
    }
}
