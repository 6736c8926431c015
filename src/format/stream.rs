//! Reading files: at any place, several readers at once, and what cannot be read; and one large
//! reused buffer over a reader, so that records are borrowed from it and not copied.

use crate::error::unread::{PAGE_LEN, Unread};
use nix::fcntl::OFlag;
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that can be read from anywhere, by several readers at once: a file, or a slice in a test.
pub trait ReadAt {
    /// Reads some bytes at `offset`; none at the end.
    ///
    /// # Errors
    /// Those of the file.
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize>;

    /// How many bytes there are now.
    ///
    /// # Errors
    /// Those of the file.
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, room, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }
}

/// What a file of a source lies in: a file, or what was decompressed into memory.
#[derive(Debug)]
pub enum Bytes {
    /// A file, which may have no name any more.
    File(File),
    /// In memory.
    Memory(Vec<u8>),
}

impl ReadAt for Bytes {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Bytes::File(file) => ReadAt::read_at(file, room, offset),
            Bytes::Memory(bytes) => bytes.as_slice().read_at(room, offset),
        }
    }

    fn size(&self) -> io::Result<u64> {
        match self {
            Bytes::File(file) => ReadAt::size(file),
            Bytes::Memory(bytes) => bytes.as_slice().size(),
        }
    }
}

/// A file of a source, opened to be read: a whole file, or a range of one that holds several. What
/// keeps it from being read is told apart from all else that can fail: see [`Unread`].
#[derive(Debug)]
pub struct RegularFile {
    bytes: Arc<Bytes>,
    range: Range<u64>,
    /// What to call it; `None` where a failure is not that of a source.
    shown: Option<PathBuf>,
}

impl RegularFile {
    /// Opens the file at `path`, called `shown` where it cannot be read. Only what is a file is
    /// opened: a named pipe would have one wait for somebody to write to it.
    ///
    /// # Errors
    /// An [`Unread`], where the file is at fault; others where it vanished, or the machine has no
    /// room for one more open file.
    pub fn open(path: &Path, shown: &Path) -> io::Result<RegularFile> {
        let fault = |source| Unread::or_other(shown, 0, source);
        let ensure_regular = |kind: FileType| match kind.is_file() {
            true => Ok(()),
            false => Err(fault(io::Error::other(no_file(kind)))),
        };
        match fs::metadata(path) {
            Ok(found) => ensure_regular(found.file_type())?,
            Err(err)
                if err.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_ok() =>
            {
                return Err(fault(io::Error::other("it is a dangling link")));
            }
            Err(err) => return Err(fault(err)),
        }
        // What was made of it since may be a pipe.
        let options = OFlag::O_NONBLOCK.bits();
        let file = File::options()
            .read(true)
            .custom_flags(options)
            .open(path)
            .map_err(fault)?;
        ensure_regular(file.metadata().map_err(fault)?.file_type())?;
        let bytes = Arc::new(Bytes::File(file));
        Ok(RegularFile::within(&bytes, 0..u64::MAX, shown))
    }

    /// The file called `shown` that is `range` of `bytes`.
    pub fn within(bytes: &Arc<Bytes>, range: Range<u64>, shown: &Path) -> RegularFile {
        RegularFile {
            bytes: bytes.clone(),
            range,
            shown: Some(shown.into()),
        }
    }

    /// What it lies in.
    pub fn bytes(&self) -> &Arc<Bytes> {
        &self.bytes
    }

    /// A file that is no source's: where it cannot be read, the work has failed.
    pub fn of_our_own(file: File) -> RegularFile {
        RegularFile {
            bytes: Arc::new(Bytes::File(file)),
            range: 0..u64::MAX,
            shown: None,
        }
    }
}

impl ReadAt for RegularFile {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        let shown = self.shown.as_deref();
        let at = self.range.start.saturating_add(offset);
        let left = usize::try_from(self.range.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let len = room.len().min(left);
        let room = room.get_mut(..len).unwrap_or_default();
        read_near(&*self.bytes, room, at).map_err(|err| match shown {
            Some(shown) => Unread::or_other(shown, offset, err),
            None => err,
        })
    }

    fn size(&self) -> io::Result<u64> {
        let end = self.bytes.size()?.min(self.range.end);
        Ok(end.saturating_sub(self.range.start))
    }
}

/// Reads some bytes at `offset`: where that fails, as far as the next page at least.
fn read_near(file: &impl ReadAt, room: &mut [u8], offset: u64) -> io::Result<usize> {
    let read = |room: &mut [u8]| loop {
        match file.read_at(room, offset) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    };
    match read(room) {
        Err(err) => {
            let len = usize::try_from(PAGE_LEN - offset % PAGE_LEN).unwrap_or(usize::MAX);
            match room.get_mut(..len) {
                Some(page) if len > 0 => read(page),
                Some(_) | None => Err(err),
            }
        }
        read => read,
    }
}

fn no_file(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "it is a directory"
    } else if kind.is_fifo() {
        "it is a named pipe"
    } else {
        "it is a device or a socket, not a file"
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut rest = usize::try_from(offset)
            .ok()
            .and_then(|at| self.get(at..))
            .unwrap_or_default();
        rest.read(room)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Arc<T> {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(room, offset)
    }

    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(room, offset)
    }

    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }
}

/// Reads a [`ReadAt`] from an offset on, to `end` at most.
pub struct Span<S> {
    source: S,
    offset: u64,
    end: u64,
}

impl<S: ReadAt> Span<S> {
    /// Reads `source` from `offset` on, to its end.
    pub fn new(source: S, offset: u64) -> Span<S> {
        Span {
            source,
            offset,
            end: u64::MAX,
        }
    }

    /// Reads the bytes `offset..end` of `source`.
    pub fn range(source: S, offset: u64, end: u64) -> Span<S> {
        Span {
            source,
            offset,
            end,
        }
    }
}

impl<S: ReadAt> Read for Span<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let len = room.len().min(left);
        let read = self
            .source
            .read_at(room.get_mut(..len).unwrap_or_default(), self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// How much is read at a time.
const CHUNK_LEN: usize = 1 << 20;
/// How much at first: of many small files, or of many of which only the beginning is read, a chunk
/// each would be more work than all that is in them.
const FIRST_LEN: usize = 1 << 16;

/// A window on the bytes of a reader. It holds as much as was asked for and moves forward only.
pub struct Stream<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
}

impl<R: Read> Stream<R> {
    /// A window on `source`, whose first byte is at `offset` of its file.
    pub fn new(source: R, offset: u64) -> Stream<R> {
        Stream {
            source,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset,
        }
    }

    /// The offset, in the file, of the first byte not yet consumed.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads until `want` bytes are at hand or the source ends, and returns all that is at hand.
    ///
    /// The buffer grows only as bytes arrive: a length that the file does not hold costs no memory.
    ///
    /// # Errors
    /// Those of the source.
    pub fn fill(&mut self, want: usize) -> io::Result<&[u8]> {
        while self.end - self.start < want {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            let left = self.buffer.len() - self.end;
            // The first buffer is used to its end: most small files are in it.
            if left == 0 || self.buffer.len() >= CHUNK_LEN && left < CHUNK_LEN / 2 {
                let grown = (self.buffer.len() + CHUNK_LEN).max(
                    self.end
                        .saturating_mul(2)
                        .min(want.saturating_add(CHUNK_LEN)),
                );
                if self.buffer.is_empty() {
                    self.buffer = vec![0; FIRST_LEN];
                } else {
                    self.buffer.resize(grown, 0);
                }
            }
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.source.read(room) {
                Ok(0) => break,
                Ok(n) => self.end += n,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
        }
        Ok(self.available())
    }

    /// The bytes at hand.
    pub fn available(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Moves forward over `len` bytes that are at hand.
    pub fn consume(&mut self, len: usize) {
        let len = len.min(self.end - self.start);
        self.start += len;
        self.offset += len as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::is_vanished;

    /// Bytes of which those at `bad` cannot be read; a reading that touches one fails, as some file
    /// systems have it, or stops before it.
    struct Bad {
        bytes: Vec<u8>,
        bad: std::ops::Range<u64>,
        is_whole: bool,
    }

    impl ReadAt for Bad {
        fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
            let end = offset + room.len() as u64;
            let is_hit = offset < self.bad.end && self.bad.start < end;
            if is_hit && (self.is_whole || self.bad.contains(&offset)) {
                return Err(io::Error::from_raw_os_error(5));
            }
            let len = if is_hit {
                usize::try_from(self.bad.start - offset).unwrap()
            } else {
                room.len()
            };
            self.bytes.read_at(&mut room[..len], offset)
        }

        fn size(&self) -> io::Result<u64> {
            self.bytes.size()
        }
    }

    #[test]
    fn all_before_a_bad_page_is_read_however_a_reading_fails() {
        for is_whole in [false, true] {
            let bad = Bad {
                bytes: (0..40_000u32).map(|i| (i % 251) as u8).collect(),
                bad: 20_480..24_576,
                is_whole,
            };
            let mut read = Vec::new();
            let mut room = vec![0; 1 << 20];
            let err = loop {
                match read_near(&bad, &mut room, read.len() as u64) {
                    Ok(len) => read.extend_from_slice(&room[..len]),
                    Err(err) => break err,
                }
            };
            assert_eq!(err.raw_os_error(), Some(5));
            assert_eq!(read, bad.bytes[..20_480], "{is_whole}");
        }
    }

    #[test]
    fn only_files_are_opened_and_nobody_waits_for_a_pipe() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.1");
        let shown = Path::new("shown");
        let err = RegularFile::open(&path, shown).unwrap_err();
        assert!(Unread::of(&err).is_none() && is_vanished(&err));
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let told = |path: &Path| {
            let err = RegularFile::open(path, shown).unwrap_err();
            Unread::of(&err).unwrap().to_string()
        };
        assert_eq!(told(&path), "it is a named pipe");
        assert_eq!(told(dir.path()), "it is a directory");
        std::os::unix::fs::symlink("/nowhere", dir.path().join("link")).unwrap();
        assert_eq!(told(&dir.path().join("link")), "it is a dangling link");
    }

    #[test]
    fn a_window_moves_over_its_source_and_reads_what_is_asked_for() {
        let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        let mut stream = Stream::new(bytes.as_slice(), 16);
        assert_eq!(stream.fill(10).unwrap().get(..10), bytes.get(..10));
        stream.consume(10);
        assert_eq!(stream.offset(), 26);
        assert_eq!(
            stream.fill(2_500_000).unwrap().get(..2_500_000),
            bytes.get(10..2_500_010)
        );
        stream.consume(2_500_000);
        assert_eq!(
            stream.fill(usize::MAX).unwrap(),
            bytes.get(2_500_010..).unwrap()
        );
    }

    #[test]
    fn an_absurd_length_costs_no_memory() {
        let mut stream = Stream::new([1u8; 100].as_slice(), 0);
        assert_eq!(stream.fill(usize::MAX / 2).unwrap().len(), 100);
        assert!(stream.buffer.len() <= 4 * CHUNK_LEN);
    }
}
