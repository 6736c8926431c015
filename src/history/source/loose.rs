//! Logs and snapshots under names that no server gives, told by what is in them: those that
//! somebody compressed (`log.5.gz`), copies (`log.5.bak`, `log.5~`), and the backups of Exhibitor.
//!
//! Exhibitor (`FileSystemBackupProvider`) copies a log as `log.5/1325376000000`: the time that it
//! was written to, in ms. Its first releases had `exhibitor-HOST-SESSION-NUMBER`, those in a bucket
//! have `exhibitor…|log.5|1325376000000`, in gzip.
//!
//! Beside files under their own names, a copy is not read: most are of one of them.

use super::file::{Packed, Place, SourceFile};
use super::{Options, Source};
use crate::archive::{self, Content, Packing};
use crate::error::{ErrorKind, Result};
use crate::format::datadir::{FileName, zxid_within};
use crate::format::snapshot::codec::Codec;
use crate::format::stream::{ReadAt, RegularFile};
use crate::format::txnlog::LogReader;
use crate::zxid::Zxid;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// How much of a log is decompressed for its first txn.
const HEAD_LEN: usize = 2 << 20;

/// A log or a snapshot under such a name.
pub(super) struct Loose {
    pub(super) shown: PathBuf,
    pub(super) content: Content,
    /// Whether it was compressed, which nobody does to a copy that is to be at hand.
    pub(super) was_packed: bool,
    pub(super) place: Place,
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
}

impl Loose {
    /// The file at `path`, which may be compressed.
    pub(super) fn new(
        path: &Path,
        file: RegularFile,
        content: Content,
        options: &Options,
    ) -> Loose {
        let (packing, content) = match content {
            Content::PackedLog(packing) => (Some(packing), Content::Log),
            Content::PackedSnapshot(packing) => (Some(packing), Content::Snapshot(Codec::Plain)),
            content => (None, content),
        };
        let size = file.size().unwrap_or_default();
        let place = match packing {
            None => Place::Dir(path.into(), Arc::new(file).into()),
            Some(packing) => Place::Packed(Packed {
                path: path.into(),
                packing,
                scratch: options.scratch_dir().into(),
                plain: OnceLock::new(),
            }),
        };
        Loose {
            shown: path.into(),
            content,
            was_packed: packing.is_some(),
            place,
            size,
            modified: fs::metadata(path).and_then(|found| found.modified()).ok(),
        }
    }
}

/// Whether a file of that name is one that Exhibitor wrote.
pub(super) fn is_exhibitors(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"exhibitor")
}

/// Whether a file of that name, at which no server looks, may be a log or a snapshot.
pub(super) fn may_be(name: &OsStr) -> bool {
    let text = name.to_string_lossy();
    is_exhibitors(name)
        || ["log", "snapshot"]
            .iter()
            .any(|kind| zxid_within(&text, kind).is_some())
}

/// Whether `name` is that of a version of a log, in a folder that has the name of the log.
pub(super) fn is_version(name: &OsStr, folder: Option<&OsStr>) -> bool {
    let name = name.as_encoded_bytes();
    let folder = folder.map(|it| FileName::parse(&it.to_string_lossy()));
    matches!(folder, Some(FileName::Log(_)))
        && !name.is_empty()
        && name.iter().all(u8::is_ascii_digit)
}

/// The versions of a log that Exhibitor kept in the folder at `path`, if it is one.
pub(super) fn versions_in(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return Vec::new();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let named = entries.filter(|entry| is_version(&entry.file_name(), path.file_name()));
    let mut versions: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
    versions.sort();
    versions
}

/// Whether Exhibitor keeps its backups so.
fn is_kept_by_exhibitor(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name);
    is_exhibitors(name) || is_version(name, folder)
}

impl Source {
    /// Reads those of the odd files that are logs and snapshots of this directory.
    pub(super) fn take_loose(&mut self, options: &Options) -> Result<()> {
        let is_bare = self.logs.is_empty() && self.snapshots.is_empty();
        let mut found = Vec::new();
        for (path, name) in self.odd_files.clone() {
            if name != FileName::Lookalike {
                continue;
            }
            let Ok(file) = RegularFile::open(&path, &path) else {
                continue;
            };
            let content = Content::of(&file).unwrap_or(Content::Foreign);
            if let Content::Packed(packing) = content
                && may_be(path.file_name().unwrap_or_default())
            {
                self.note_broken(&path, &file, packing);
            }
            let is_wanted = match content {
                Content::PackedLog(_) => !self.has_log_named(&path),
                Content::PackedSnapshot(_) => !self.has_snapshot_named(&path),
                _ => is_bare || is_kept_by_exhibitor(&path),
            };
            if is_wanted {
                found.push(Loose::new(&path, file, content, options));
            }
        }
        self.add_loose(found)
    }

    /// Notes that the compressed file at `path`, which may be a log or a snapshot by its name,
    /// cannot be decompressed.
    pub(super) fn note_broken(&mut self, path: &Path, file: &RegularFile, packing: Packing) {
        let error = archive::not_ours(path, file, packing);
        let is_known = self.has_log_named(path) || self.has_snapshot_named(path);
        if error.kind() == ErrorKind::Damage && !is_known {
            self.unread.push(error);
        }
    }

    fn has_log_named(&self, path: &Path) -> bool {
        let zxid = named(path, "log");
        self.logs.iter().any(|log| Some(log.zxid) == zxid)
    }

    fn has_snapshot_named(&self, path: &Path) -> bool {
        let zxid = named(path, "snapshot");
        self.snapshots.iter().any(|file| Some(file.zxid) == zxid)
    }

    /// Takes in what is none of the files that are there under their own names.
    pub(super) fn add_loose(&mut self, found: Vec<Loose>) -> Result<()> {
        let is_bare = self.logs.is_empty() && self.snapshots.is_empty();
        let has_logs = !self.logs.is_empty();
        let mut taken = Vec::new();
        for loose in found {
            let is_known = match loose.content {
                Content::Log => self.has_log_named(&loose.shown),
                _ => self.has_snapshot_named(&loose.shown),
            };
            let is_needed = loose.was_packed || is_bare || is_kept_by_exhibitor(&loose.shown);
            if is_needed && !is_known {
                let shown = loose.shown.clone();
                // Servers of 3.6 and later do read a copy.
                let is_copy = !loose.was_packed && !is_kept_by_exhibitor(&shown);
                if self.add_one(loose)? && !is_copy {
                    taken.push(shown);
                }
            }
        }
        // What servers do with such a file matters in a directory that is one of theirs.
        self.odd_files.retain(|(path, name)| {
            let its_name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_lookalike = FileName::parse(&its_name) == FileName::Lookalike;
            match name {
                FileName::Lookalike => is_lookalike && (has_logs || !taken.contains(path)),
                _ => true,
            }
        });
        Ok(())
    }

    /// Takes in one, if it is a log or a snapshot.
    fn add_one(&mut self, loose: Loose) -> Result<bool> {
        let codec = match loose.content {
            Content::Snapshot(codec) => codec,
            Content::Log => Codec::Plain,
            _ => return Ok(false),
        };
        let mut file = SourceFile {
            size: loose.size,
            place: loose.place,
            zxid: Zxid::UNKNOWN,
            codec,
            modified: loose.modified,
            promise: None,
            inside: None,
            shown: loose.shown,
        };
        if loose.content == Content::Log {
            file.zxid = first_zxid(&file);
            self.logs.push(file);
            return Ok(true);
        }
        // One that somebody compressed, and named as its server did.
        let name = file.name();
        let inner = name.rsplit_once('.').map_or("", |(inner, _)| inner);
        match FileName::parse(inner) {
            FileName::Snapshot(zxid, _) if loose.was_packed => {
                file.zxid = zxid;
                self.snapshots.push(file);
            }
            _ => self.add_free_snapshot(file)?,
        }
        Ok(true)
    }
}

/// The zxid in the name of a log or snapshot, whatever else is in it.
fn named(path: &Path, kind: &str) -> Option<Zxid> {
    zxid_within(&path.file_name()?.to_string_lossy(), kind)
}

/// That of the first txn in a log; where there is none, what its name tells.
fn first_zxid(log: &SourceFile) -> Zxid {
    let first = || match &log.place {
        // It is not decompressed for that.
        Place::Packed(packed) => {
            let file = RegularFile::open(&packed.path, &log.shown).ok()?;
            let head = archive::unpack_head(&file, packed.packing, HEAD_LEN).ok()?;
            zxid_in(log, Arc::<[u8]>::from(head))
        }
        Place::Dir(..) | Place::Held(_) | Place::Stored(_) => zxid_in(log, log.open().ok()?),
    };
    let named = || named(&log.shown, "log").or_else(|| named(log.shown.parent()?, "log"));
    first().or_else(named).unwrap_or(Zxid::ZERO)
}

fn zxid_in(log: &SourceFile, bytes: impl ReadAt + Clone) -> Option<Zxid> {
    let mut reader = LogReader::new(&log.shown, bytes).ok()?;
    Some(reader.next_entry().ok()??.header.zxid)
}
