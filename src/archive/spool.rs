//! What was decompressed: in memory while it is little, then in a file that nobody else can open.

use super::packing::Packing;
use super::streams::Streams;
use crate::durable::ScratchDir;
use crate::error::{Error, ErrorKind, Result};
use crate::format::stream::Bytes;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How much of an archive is kept in memory.
const MEMORY_MAX: usize = 64 << 20;
/// How much of one file among many.
const MEMORY_MAX_OF_ONE: usize = 1 << 20;
/// How much is left free on the file system.
const RESERVE: u64 = 64 << 20;
/// What any archive may become.
const UNPACKED_MAX: u64 = 4 << 30;
/// A larger one may become so many times its own size. gzip makes a thousandth of nothing but
/// zeros, which logs mostly are: but few archives hold more than [`UNPACKED_MAX`] of those.
const RATIO_MAX: u64 = 300;
/// How much of an archive may be passed over: that takes time, and nothing else.
const PASSED_MAX: u64 = 1 << 40;
/// How much is copied at a time: zeros of that length are a hole in the file.
const BLOCK: usize = 1 << 16;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// How much may be read of one archive that is compressed.
#[derive(Clone)]
pub(super) struct Budget {
    /// Of what is wanted.
    taken: Share,
    /// Of all that stands in the archive.
    all: Share,
}

/// A part of a budget.
#[derive(Clone)]
struct Share {
    limit: u64,
    used: Rc<Cell<u64>>,
}

impl Share {
    fn new(limit: u64) -> Share {
        Share {
            limit,
            used: Rc::default(),
        }
    }

    fn is_kept(&self) -> bool {
        self.used.get() <= self.limit
    }

    /// Counts what is read of `source`.
    fn bound<R: Read>(&self, source: R) -> Bounded<R> {
        Bounded {
            source,
            share: self.clone(),
        }
    }
}

impl Budget {
    /// That of an archive of `size` bytes.
    pub(super) fn new(size: u64) -> Budget {
        Budget {
            taken: Share::new(UNPACKED_MAX.max(size.saturating_mul(RATIO_MAX))),
            all: Share::new(PASSED_MAX.max(size.saturating_mul(RATIO_MAX))),
        }
    }

    /// Decompresses `source`, which is wanted, and fails where that gives too much.
    pub(super) fn unpack<R: Read>(&self, packing: Packing, source: R) -> Bounded<Streams<R>> {
        self.bound(packing.reader(source))
    }

    /// Decompresses `source`, of which some is wanted: that is still to be counted.
    pub(super) fn pass<R: Read>(&self, packing: Packing, source: R) -> Bounded<Streams<R>> {
        self.all.bound(packing.reader(source))
    }

    /// Counts what is read of `source`, which decompresses and is wanted.
    pub(super) fn bound<R: Read>(&self, source: R) -> Bounded<R> {
        self.taken.bound(source)
    }

    /// Refuses the archive at `path` where it went beyond.
    pub(super) fn ensure_kept(&self, path: &Path) -> Result<()> {
        let message = if !self.taken.is_kept() {
            format!(
                "decompresses to more than {} bytes, which is the limit for a file of its size ({RATIO_MAX} times the size, or {UNPACKED_MAX} bytes): nothing of it is read",
                self.taken.limit
            )
        } else if !self.all.is_kept() {
            format!(
                "decompresses to more than {} bytes, most of which are no logs or snapshots: nothing of it is read",
                self.all.limit
            )
        } else {
            return Ok(());
        };
        Err(Error::about(path, ErrorKind::Failed, message)
            .hint("if it is what you expect, unpack it yourself and give the directory"))
    }
}

/// A reader that counts.
pub(super) struct Bounded<R> {
    source: R,
    share: Share,
}

impl<R> Bounded<R> {
    /// What is read.
    pub(super) fn source(&self) -> &R {
        &self.source
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(room)?;
        let used = self.share.used.get().saturating_add(read as u64);
        self.share.used.set(used);
        match self.share.is_kept() {
            true => Ok(read),
            false => Err(io::Error::other("the limit is exceeded")),
        }
    }
}

/// What was decompressed of one archive, or of one directory.
pub(super) struct Spool {
    /// Where the file is made.
    dir: PathBuf,
    bytes: Bytes,
    memory_max: usize,
    len: u64,
    /// How much may still be written.
    room: u64,
}

impl Spool {
    /// One whose file is made in `dir`.
    pub(super) fn new(dir: &Path) -> Spool {
        Spool {
            dir: dir.into(),
            bytes: Bytes::Memory(Vec::new()),
            memory_max: MEMORY_MAX,
            len: 0,
            room: 0,
        }
    }

    /// One for a file among many of a directory.
    pub(super) fn of_one(dir: &Path) -> Spool {
        Spool {
            memory_max: MEMORY_MAX_OF_ONE,
            ..Spool::new(dir)
        }
    }

    /// Copies `from` as far as it can be read: where that is, and why no further.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(super) fn copy(&mut self, mut from: impl Read) -> Result<(Range<u64>, Option<io::Error>)> {
        let start = self.len;
        let mut block = Vec::with_capacity(BLOCK);
        loop {
            block.clear();
            let read = (&mut from).take(BLOCK as u64).read_to_end(&mut block);
            self.append(&block)?;
            match read {
                Ok(0) => return Ok((start..self.len, None)),
                Ok(_) => {}
                Err(err) => return Ok((start..self.len, Some(err))),
            }
        }
    }

    fn append(&mut self, block: &[u8]) -> Result<()> {
        let is_full = |bytes: &Vec<u8>| bytes.len() + block.len() > self.memory_max;
        if matches!(&self.bytes, Bytes::Memory(bytes) if is_full(bytes)) {
            self.leave_memory()?;
        }
        match &mut self.bytes {
            Bytes::Memory(bytes) => bytes.extend_from_slice(block),
            Bytes::File(_) => self.write(block, self.len)?,
        }
        self.len += block.len() as u64;
        Ok(())
    }

    /// Goes on in a file, which has no name from here on.
    fn leave_memory(&mut self) -> Result<()> {
        let scratch = ScratchDir::new(&self.dir)?;
        let path = scratch.path().join("unpacked");
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options
            .open(&path)
            .map_err(|err| Error::io(&path, "create", err))?;
        std::fs::remove_file(&path).map_err(|err| Error::io(&path, "remove", err))?;
        let space = nix::sys::statvfs::statvfs(&self.dir);
        let free = space.map(|space| space.blocks_available() * space.fragment_size());
        self.room = free.unwrap_or(u64::MAX).saturating_sub(RESERVE);
        let Bytes::Memory(bytes) = std::mem::replace(&mut self.bytes, Bytes::File(file)) else {
            return Ok(());
        };
        let mut at = 0;
        for block in bytes.chunks(BLOCK) {
            self.write(block, at)?;
            at += block.len() as u64;
        }
        Ok(())
    }

    fn write(&mut self, block: &[u8], at: u64) -> Result<()> {
        let Bytes::File(file) = &self.bytes else {
            return Ok(());
        };
        let failed = |err| Error::io(&self.dir, "decompress into", err);
        let end = at + block.len() as u64;
        if ZEROS.starts_with(block) {
            return file.set_len(end).map_err(failed);
        }
        let Some(room) = self.room.checked_sub(block.len() as u64) else {
            let message = "has too little free space to decompress it";
            return Err(Error::about(&self.dir, ErrorKind::Failed, message)
                .hint("set TMPDIR to a location with enough space"));
        };
        self.room = room;
        file.write_all_at(block, at).map_err(failed)
    }

    /// All that was copied.
    pub(super) fn finish(self) -> Bytes {
        self.bytes
    }
}
