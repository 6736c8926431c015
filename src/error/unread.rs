//! A file of a source that could not be read, or not to its end.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Disks and file systems fail by the page: where a long reading fails, what lies before the bad
/// page can be read all the same.
pub(crate) const PAGE_LEN: u64 = 4096;

/// Why a file of a source could not be read on. [`RegularFile`](crate::format::stream::RegularFile)
/// fails with it, within an [`io::Error`] that keeps it through all layers of decompressing and
/// copying: so what fails is known to be that file, and not what is being written meanwhile.
#[derive(Debug)]
pub struct Unread {
    /// What the file is called.
    pub shown: PathBuf,
    /// How far it was read: bytes of the file itself, compressed or not.
    pub offset: u64,
    /// What failed.
    pub source: io::Error,
}

impl Unread {
    /// `source` as the fault of the file called `shown`; as it is, where the file vanished, or the
    /// machine is at its limits.
    pub(crate) fn or_other(shown: &Path, offset: u64, source: io::Error) -> io::Error {
        let is_of_machine = source.raw_os_error().is_some_and(|code| {
            use nix::errno::Errno::{self, EMFILE, ENFILE, ENOMEM};
            matches!(Errno::from_raw(code), EMFILE | ENFILE | ENOMEM)
        });
        if is_of_machine || is_vanished(&source) {
            return source;
        }
        io::Error::other(Unread {
            shown: shown.into(),
            offset,
            source,
        })
    }

    /// What `err` tells of a file of a source, if it does.
    pub fn of(err: &io::Error) -> Option<&Unread> {
        err.get_ref()?.downcast_ref()
    }

    /// Whether this program may not read the file: whether others may, that does not say.
    pub fn is_denied(&self) -> bool {
        self.source.kind() == io::ErrorKind::PermissionDenied
    }

    /// The file past the place that cannot be read, as far as one may hope.
    pub fn next_offset(&self) -> u64 {
        (self.offset / PAGE_LEN + 1) * PAGE_LEN
    }
}

/// Whether `err` says that a file is not there any more.
pub fn is_vanished(err: &io::Error) -> bool {
    err.kind() == io::ErrorKind::NotFound || is_stale(err)
}

/// Whether `err` says that an open file was deleted on the server that it is on.
pub fn is_stale(err: &io::Error) -> bool {
    err.kind() == io::ErrorKind::StaleNetworkFileHandle
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for Unread {}
