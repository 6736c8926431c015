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
use crate::archive::{self, Content, NotOurs, Packing};
use crate::error::Result;
use crate::format::datadir::{FileName, zxid_within};
use crate::format::snapshot::codec::Codec;
use crate::format::stream::{ReadAt, RegularFile};
use crate::format::txnlog::LogReader;
use crate::zxid::Zxid;
use std::collections::BTreeSet;
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
    /// Whether it breaks off, since the archive is damaged that it is in.
    pub(super) is_cut: bool,
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
            Some(packing) => packed(path, packing, options),
        };
        Loose {
            shown: path.into(),
            content,
            was_packed: packing.is_some(),
            is_cut: false,
            place,
            size,
            modified: fs::metadata(path).and_then(|found| found.modified()).ok(),
        }
    }
}

fn packed(path: &Path, packing: Packing, options: &Options) -> Place {
    Place::Packed(Packed {
        path: path.into(),
        packing,
        scratch: options.scratch_dir().into(),
        plain: OnceLock::new(),
    })
}

/// The zxids that logs and snapshots are there for.
pub(super) struct Known {
    logs: BTreeSet<Zxid>,
    snapshots: BTreeSet<Zxid>,
}

impl Known {
    pub(super) fn of(source: &Source) -> Known {
        let zxids = |files: &[SourceFile]| files.iter().map(|file| file.zxid).collect();
        Known {
            logs: zxids(&source.logs),
            snapshots: zxids(&source.snapshots),
        }
    }

    fn has_log(&self, path: &Path) -> bool {
        named(path, "log").is_some_and(|zxid| self.logs.contains(&zxid))
    }

    fn has_snapshot(&self, path: &Path) -> bool {
        named(path, "snapshot").is_some_and(|zxid| self.snapshots.contains(&zxid))
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
        self.take_as_they_are(options);
        let is_bare = self.logs.is_empty() && self.snapshots.is_empty();
        let known = Known::of(self);
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
                self.note_broken(&known, &path, &file, packing);
            }
            let is_wanted = match content {
                Content::PackedLog(_) => !known.has_log(&path),
                Content::PackedSnapshot(_) => !known.has_snapshot(&path),
                _ => is_bare || is_kept_by_exhibitor(&path),
            };
            if is_wanted {
                found.push(Loose::new(&path, file, content, options));
            }
        }
        self.add_loose(found)
    }

    /// Finds the files that are compressed otherwise than their names say.
    fn take_as_they_are(&mut self, options: &Options) {
        let mut remarks = Vec::new();
        let content_of = |file: &SourceFile| {
            let Place::Dir(path, _) = &file.place else {
                return None;
            };
            let open = RegularFile::open(path, &file.shown).ok()?;
            Some((path.clone(), Content::of(&open).ok()?))
        };
        for log in &mut self.logs {
            if let Some((path, Content::PackedLog(packing))) = content_of(log) {
                log.place = packed(&path, packing, options);
                remarks.push(misnamed(&log.shown, Some(packing.name())));
            }
        }
        for snapshot in &mut self.snapshots {
            match content_of(snapshot) {
                Some((path, Content::PackedSnapshot(packing))) => {
                    snapshot.place = packed(&path, packing, options);
                    snapshot.codec = Codec::Plain;
                    remarks.push(misnamed(&snapshot.shown, Some(packing.name())));
                }
                Some((_, Content::Snapshot(codec))) if codec != snapshot.codec => {
                    snapshot.codec = codec;
                    remarks.push(misnamed(&snapshot.shown, compression(codec)));
                }
                _ => {}
            }
        }
        self.remarks.extend(remarks);
    }

    /// Notes that the compressed file at `path`, which may be a log or a snapshot by its name,
    /// cannot be decompressed.
    pub(super) fn note_broken(
        &mut self,
        known: &Known,
        path: &Path,
        file: &RegularFile,
        packing: Packing,
    ) {
        if known.has_log(path) || known.has_snapshot(path) {
            return;
        }
        match archive::not_ours(path, file, packing) {
            NotOurs::Broken(error) | NotOurs::TooLarge(error) => self.unread.push(error),
            NotOurs::Foreign(_) => {}
        }
    }

    /// Takes in what is none of the files that are there under their own names.
    pub(super) fn add_loose(&mut self, found: Vec<Loose>) -> Result<()> {
        let is_bare = self.logs.is_empty() && self.snapshots.is_empty();
        let has_logs = !self.logs.is_empty();
        let mut known = Known::of(self);
        let mut taken = BTreeSet::new();
        for loose in found {
            let is_known = match loose.content {
                Content::Log => known.has_log(&loose.shown),
                _ => known.has_snapshot(&loose.shown),
            };
            let is_needed = loose.was_packed || is_bare || is_kept_by_exhibitor(&loose.shown);
            if is_needed && !is_known {
                let shown = loose.shown.clone();
                // Servers of 3.6 and later do read a copy.
                let is_copy = !loose.was_packed && !is_kept_by_exhibitor(&shown);
                let is_log = loose.content == Content::Log;
                if !self.add_one(loose)? {
                    continue;
                }
                match is_log {
                    true => known.logs.extend(self.logs.last().map(|log| log.zxid)),
                    false => (known.snapshots).extend(self.snapshots.last().map(|it| it.zxid)),
                }
                if !is_copy {
                    taken.insert(shown);
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
            is_cut: loose.is_cut,
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

/// How a snapshot is compressed, if it is.
pub(super) fn compression(codec: Codec) -> Option<&'static str> {
    (codec != Codec::Plain).then_some(codec.name())
}

/// What to say of a file that is compressed otherwise than its name says: with `packing`, or not.
pub(super) fn misnamed(shown: &Path, packing: Option<&str>) -> String {
    let is = match packing {
        Some(packing) => format!("is compressed with {packing}"),
        None => "is not compressed".to_owned(),
    };
    let shown = shown.display();
    format!("{shown}: {is}, which its name does not say: it is read, but servers cannot read it")
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
