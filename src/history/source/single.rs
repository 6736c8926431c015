//! One file as a source, whatever it is called: the AdminServer's
//! `commands/snapshot?streaming=true` is saved under any name, and compressed by anybody. What it
//! is shows in its first bytes.
//!
//! The zxid of a snapshot is in its name, where that is one that servers give. Otherwise what
//! stands behind the znodes tells when the file was finished. Txns may have been applied meanwhile,
//! and without a log only the digest there can tell that the znodes are those of that moment.

use super::dated::{Dated, Inside};
use super::file::source_file;
use super::loose::{Loose, compression, misnamed};
use super::{Options, Source, SourceFile};
use crate::archive::{self, Content};
use crate::error::{Error, ErrorKind, Result};
use crate::format::datadir::{FileName, snapshot_name, zxid_within};
use crate::format::record::txn::DIGEST_VERSION;
use crate::format::snapshot::codec::Codec;
use crate::format::snapshot::{self, SnapshotSummary};
use crate::format::stream::RegularFile;
use crate::zxid::Zxid;
use std::fs;
use std::path::Path;

/// How many files of a directory are looked at for a snapshot under a free name.
const LOOKED_AT_MAX: usize = 1000;

/// What one file is, as a source.
pub(super) enum Single {
    /// A log or a snapshot.
    Source(Box<Source>),
    /// A tar or a zip.
    Archive(RegularFile, Content),
    /// Neither.
    Foreign,
}

fn recognise(path: &Path) -> Result<(RegularFile, Content)> {
    let failed = |err| Error::io(path, "read", err);
    let file = RegularFile::open(path, path).map_err(failed)?;
    let content = Content::of(&file).map_err(failed)?;
    Ok((file, content))
}

impl Source {
    /// Opens the log or snapshot at `path`, unless it is something else.
    pub(super) fn open_single(path: &Path, options: &Options) -> Result<Single> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let named = FileName::parse(&name);
        let (file, content) = match recognise(path) {
            Ok((file, content)) => (Some(file), content),
            // As every file of a directory is, one that is there and cannot be read is one all the
            // same, unless that is for want of permission.
            Err(error) => match error.kind() {
                ErrorKind::Damage if is_named(named) && !error.is_denied() => {
                    (None, Content::Foreign)
                }
                ErrorKind::Damage => return Err(error.failed()),
                _ => return Err(error),
            },
        };
        let mut source = Source::new(path);
        match (content, named, file) {
            (Content::PackedLog(packing) | Content::PackedSnapshot(packing), named, Some(file)) => {
                if is_named(named) {
                    source.remarks.push(misnamed(path, Some(packing.name())));
                }
                source.add_loose(vec![Loose::new(path, file, content, options)])?;
            }
            (Content::Tar(_) | Content::Zip, _, Some(file)) => {
                return Ok(Single::Archive(file, content));
            }
            (Content::Snapshot(codec), FileName::Snapshot(zxid, named), _) => {
                if codec != named {
                    source.remarks.push(misnamed(path, compression(codec)));
                }
                source.add_snapshot(path, zxid, codec)?;
            }
            (Content::Snapshot(codec), _, _) => {
                let file = source_file(path, path.into(), Zxid::UNKNOWN, codec)?;
                source.add_free_snapshot(file)?;
            }
            (Content::Log, FileName::Log(zxid), _) => source.add_log(path, zxid)?,
            (Content::Log, _, _) => source.add_log(path, Zxid::ZERO)?,
            // Damaged: then the name alone tells what it was.
            (_, FileName::Snapshot(zxid, codec), _) => source.add_snapshot(path, zxid, codec)?,
            (_, FileName::Log(zxid), _) => source.add_log(path, zxid)?,
            (Content::Packed(packing), _, Some(file)) => {
                return Err(archive::not_ours(path, &file, packing).into_error());
            }
            _ => return Ok(Single::Foreign),
        }
        Ok(Single::Source(Box::new(source)))
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

    /// Adds a snapshot whose name tells no zxid: it is read for it.
    pub(super) fn add_free_snapshot(&mut self, mut file: SourceFile) -> Result<()> {
        let told = zxid_within(&file.name(), "snapshot");
        let inside = match snapshot::check(&file.shown, &|| self.open_snapshot(&file), &|_| {}) {
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
        let is_it = matches!(recognise(&path), Ok((_, Content::Snapshot(_))));
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
