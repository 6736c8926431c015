//! One log or snapshot of a source.

use super::dated::Inside;
use crate::archive::{self, Packing};
use crate::error::is_vanished;
use crate::error::{Error, ErrorKind, Result};
use crate::format::snapshot::codec::Codec;
use crate::format::stream::{ReadAt, RegularFile};
use crate::format::txnlog::LogSummary;
use crate::repository::{StoredSnapshot, Unpacked};
use crate::zxid::Zxid;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// One log or snapshot of a source.
#[derive(Debug)]
pub struct SourceFile {
    pub(super) place: Place,
    pub(super) shown: PathBuf,
    pub(super) zxid: Zxid,
    pub(super) codec: Codec,
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
    pub(super) promise: Option<Promise>,
    /// Whether it breaks off, since the archive is damaged that it is in.
    pub(super) is_cut: bool,
    /// What was read of a snapshot whose name tells nothing.
    pub(super) inside: Option<Inside>,
}

/// Where the bytes of a file are.
#[derive(Debug)]
pub(super) enum Place {
    /// In a directory; held open from the first reading on, since a server may purge it.
    Dir(PathBuf, OnceLock<Arc<RegularFile>>),
    /// In an archive.
    Held(Arc<RegularFile>),
    /// In a directory, compressed by somebody: it is decompressed when it is first read.
    Packed(Packed),
    /// In a repository.
    Stored(Unpacked),
}

/// A log or snapshot that somebody compressed.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) path: PathBuf,
    pub(super) packing: Packing,
    pub(super) scratch: PathBuf,
    /// What was in it.
    pub(super) plain: OnceLock<archive::Unpacked>,
}

/// What a repository says of a file that it holds.
#[derive(Debug)]
pub(super) enum Promise {
    Log(Box<LogSummary>),
    Snapshot(Box<StoredSnapshot>),
}

impl SourceFile {
    /// What to call it in front of people: its path, or its place in the archive.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// Its name without directories.
    pub fn name(&self) -> String {
        self.shown
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// The zxid in its name. Where a snapshot has a name that no server gives, what it says itself;
    /// [`Zxid::UNKNOWN`] where that is nothing.
    pub fn zxid(&self) -> Zxid {
        self.zxid
    }

    /// How it is compressed.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Its size in bytes when the source was opened. Until it is first read, that of one which
    /// somebody compressed is how long it is compressed.
    pub fn size(&self) -> u64 {
        let plain = match &self.place {
            Place::Packed(packed) => packed.plain.get(),
            Place::Dir(..) | Place::Held(_) | Place::Stored(_) => None,
        };
        plain
            .and_then(|plain| plain.file.size().ok())
            .unwrap_or(self.size)
    }

    /// What was found when what somebody compressed was read.
    fn unpacked(&self) -> Option<&archive::Unpacked> {
        match &self.place {
            Place::Packed(packed) => packed.plain.get(),
            Place::Dir(..) | Place::Held(_) | Place::Stored(_) => None,
        }
    }

    /// What is wrong with the compression that somebody added, as far as it was read.
    pub(super) fn packing_damage(&self) -> Option<Error> {
        let message = self.unpacked()?.damage.clone()?;
        Some(Error::about(&self.shown, ErrorKind::Damage, message))
    }

    /// What is unusual about that, and no damage.
    pub(super) fn packing_remark(&self) -> Option<String> {
        let remark = self.unpacked()?.remark.as_ref()?;
        Some(format!("{}: {remark}", self.shown.display()))
    }

    /// Whether it breaks off because the archive is damaged that it is in, or what somebody
    /// compressed it into, as far as that was read: [`Source::unread`](super::Source::unread) has
    /// that. Then its end is none that a server left.
    pub fn is_cut(&self) -> bool {
        self.is_cut || self.packing_damage().is_some()
    }

    /// When it was last written to.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// What the repository that holds this log says of it. Whoever reads the log finds out whether
    /// that is so.
    pub fn promised_log(&self) -> Option<&LogSummary> {
        match &self.promise {
            Some(Promise::Log(summary)) => Some(summary),
            Some(Promise::Snapshot(_)) | None => None,
        }
    }

    /// What the repository that holds this snapshot says of it.
    pub fn promised_base(&self) -> Option<&StoredSnapshot> {
        match &self.promise {
            Some(Promise::Snapshot(base)) => Some(base),
            Some(Promise::Log(_)) | None => None,
        }
    }

    /// Opens it, or gives what was opened before.
    ///
    /// # Errors
    /// [`ErrorKind::SourceChanged`] when it is gone; damage where it cannot be read, or is no file.
    pub fn open(&self) -> Result<Arc<RegularFile>> {
        match &self.place {
            Place::Stored(unpacked) => unpacked.open().map(RegularFile::of_our_own).map(Arc::new),
            Place::Held(file) => Ok(file.clone()),
            Place::Packed(packed) => {
                if let Some(plain) = packed.plain.get() {
                    return Ok(plain.file.clone());
                }
                let file = RegularFile::open(&packed.path, &self.shown)
                    .map_err(|err| self.open_error(err))?;
                let plain =
                    archive::unpack_one(&self.shown, &file, packed.packing, &packed.scratch)?;
                Ok(packed.plain.get_or_init(|| plain).file.clone())
            }
            Place::Dir(path, handle) => {
                if let Some(file) = handle.get() {
                    return Ok(file.clone());
                }
                let file =
                    RegularFile::open(path, &self.shown).map_err(|err| self.open_error(err))?;
                Ok(handle.get_or_init(|| Arc::new(file)).clone())
            }
        }
    }

    /// Why it cannot even be opened, where that is its own fault. It is not kept open.
    pub fn unopened(&self) -> Option<Error> {
        let path = match &self.place {
            Place::Dir(path, _) => path,
            Place::Packed(packed) => &packed.path,
            Place::Held(_) | Place::Stored(_) => return None,
        };
        let err = RegularFile::open(path, &self.shown).err()?;
        Some(self.open_error(err)).filter(|error| error.kind() == ErrorKind::Damage)
    }

    fn open_error(&self, err: std::io::Error) -> Error {
        if is_vanished(&err) {
            return Error::about(
                &self.shown,
                ErrorKind::SourceChanged,
                "vanished while the directory was being read",
            );
        }
        Error::io(&self.shown, "read", err)
    }
}

/// A file that was just listed; `None` when it was purged since. One that cannot be read, or is no
/// file, is one all the same: whoever opens it is told. A name that leads nowhere is no file that
/// was purged: a volume may not be mounted.
pub(super) fn listed_file(
    path: &Path,
    shown: PathBuf,
    zxid: Zxid,
    codec: Codec,
) -> Option<SourceFile> {
    let found = fs::metadata(path);
    if found.is_err() && path.symlink_metadata().is_err_and(|err| is_vanished(&err)) {
        return None;
    }
    let found = found.ok();
    let regular = found.as_ref().filter(|found| found.is_file());
    Some(SourceFile {
        place: Place::Dir(path.into(), OnceLock::new()),
        shown,
        zxid,
        codec,
        size: regular.map_or(0, fs::Metadata::len),
        modified: regular.and_then(|found| found.modified().ok()),
        promise: None,
        is_cut: false,
        inside: None,
    })
}

pub(super) fn source_file(
    path: &Path,
    shown: PathBuf,
    zxid: Zxid,
    codec: Codec,
) -> Result<SourceFile> {
    listed_file(path, shown, zxid, codec).ok_or_else(|| {
        let message = "vanished while it was being opened";
        Error::about(path, ErrorKind::SourceChanged, message)
    })
}
