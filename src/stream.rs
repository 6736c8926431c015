//! One large reused buffer over a reader, so that records are borrowed from it and not copied.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
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
            if self.buffer.len() - self.end < CHUNK_LEN / 2 {
                let grown = (self.buffer.len() + CHUNK_LEN).max(
                    self.end
                        .saturating_mul(2)
                        .min(want.saturating_add(CHUNK_LEN)),
                );
                if self.buffer.is_empty() {
                    // Zeroed by the system, page by page as it is used: many streams read a few bytes.
                    self.buffer = vec![0; grown];
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
