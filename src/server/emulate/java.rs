//! What Java does with bytes: `BinaryInputArchive` over `DataInputStream`, its limits, and what it
//! throws.

use super::limits::Limits;
use super::thrown::{Result, Thrown, thrown};
use crate::format::checksum::Adler32;
use crate::format::stream::Stream;
use std::io::Read;

/// Bytes that are read forward, by `BinaryInputArchive`'s rules.
pub trait InputArchive {
    /// The next `len` bytes (`readFully`).
    ///
    /// # Errors
    /// [`Thrown::Eof`] when there are fewer.
    fn take(&mut self, len: usize) -> Result<&[u8]>;

    /// How long buffers and strings may be.
    fn limits(&self) -> Limits<'_>;

    /// A byte.
    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    /// An int.
    fn int(&mut self) -> Result<i32> {
        let bytes = self.take(4)?.try_into().unwrap_or_default();
        Ok(i32::from_be_bytes(bytes))
    }

    /// A long.
    fn long(&mut self) -> Result<i64> {
        let bytes = self.take(8)?.try_into().unwrap_or_default();
        Ok(i64::from_be_bytes(bytes))
    }

    /// A buffer; `None` is null.
    fn buffer(&mut self) -> Result<Option<Box<[u8]>>> {
        let length = self.int()?;
        if length == -1 {
            return Ok(None);
        }
        let len = self.limits().buffer(length)?;
        Ok(Some(self.take(len)?.into()))
    }

    /// A string, as Java then holds it; `None` is null.
    fn string(&mut self) -> Result<Option<Box<[u8]>>> {
        let length = self.int()?;
        if length == -1 {
            return Ok(None);
        }
        let len = self.limits().string(length)?;
        let bytes = self.take(len)?;
        Ok(Some(match std::str::from_utf8(bytes) {
            Ok(_) => bytes.into(),
            Err(_) => decoded(bytes).into(),
        }))
    }

    /// The length of a vector; `None` is null, and a negative one is empty.
    fn vector(&mut self) -> Result<Option<u32>> {
        let length = self.int()?;
        Ok((length != -1).then(|| u32::try_from(length).unwrap_or(0)))
    }
}

/// Bytes in memory: the payload of a record.
pub struct SliceInput<'a> {
    rest: &'a [u8],
    limits: Limits<'a>,
}

impl<'a> SliceInput<'a> {
    /// Reads `bytes`.
    pub fn new(bytes: &'a [u8], limits: Limits<'a>) -> SliceInput<'a> {
        SliceInput {
            rest: bytes,
            limits,
        }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl InputArchive for SliceInput<'_> {
    fn take(&mut self, len: usize) -> Result<&[u8]> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => {
                self.rest = &[];
                Err(Thrown::Eof)
            }
        }
    }

    fn limits(&self) -> Limits<'_> {
        self.limits
    }
}

/// Bytes of a file, summed as they are read (`CheckedInputStream`).
pub struct FileInput<'a, R> {
    stream: Stream<R>,
    taken: usize,
    sum: Adler32,
    limits: Limits<'a>,
}

impl<'a, R: Read> FileInput<'a, R> {
    /// Reads `source` from its beginning.
    pub fn new(source: R, limits: Limits<'a>) -> FileInput<'a, R> {
        FileInput {
            stream: Stream::new(source, 0),
            taken: 0,
            sum: Adler32::new(),
            limits,
        }
    }

    /// Where the next byte is, decompressed.
    pub fn offset(&self) -> u64 {
        self.stream.offset() + self.taken as u64
    }

    /// The Adler-32 of everything before.
    pub fn sum(&mut self) -> i64 {
        self.settle();
        self.sum.value()
    }

    /// Takes in what was handed out last.
    fn settle(&mut self) {
        let len = std::mem::take(&mut self.taken);
        self.sum
            .update(self.stream.available().get(..len).unwrap_or_default());
        self.stream.consume(len);
    }
}

impl<R: Read> InputArchive for FileInput<'_, R> {
    fn take(&mut self, len: usize) -> Result<&[u8]> {
        self.settle();
        match self.stream.fill(len) {
            Ok(bytes) if bytes.len() < len => return Err(Thrown::Eof),
            Ok(_) => {}
            Err(err) => return Err(thrown(&err)),
        }
        self.taken = len;
        Ok(self.stream.available().get(..len).unwrap_or_default())
    }

    fn limits(&self) -> Limits<'_> {
        self.limits
    }
}

/// `bytes`, which are not UTF-8, as a `String` of Java holds them and would write them again:
/// U+FFFD for what is malformed, and one for each half of a surrogate pair.
fn decoded(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (valid, bad) = match std::str::from_utf8(rest) {
            Ok(_) => (rest.len(), 0),
            Err(err) => {
                let at = err.valid_up_to();
                let is_surrogate =
                    matches!(rest.get(at..at + 3), Some([0xed, 0xa0..=0xbf, 0x80..=0xbf]));
                let bad = if is_surrogate {
                    Some(3)
                } else {
                    err.error_len()
                };
                (at, bad.unwrap_or(rest.len() - at))
            }
        };
        text.extend_from_slice(rest.get(..valid).unwrap_or_default());
        if bad > 0 {
            text.extend_from_slice("\u{fffd}".as_bytes());
        }
        rest = rest.get(valid + bad..).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_in_two_surrogates_becomes_two_replacements() {
        let cesu = b"/\xed\xa0\xbd\xed\xb8\x80x\xff";
        assert_eq!(decoded(cesu), "/\u{fffd}\u{fffd}x\u{fffd}".as_bytes());
    }

    #[test]
    fn a_sum_covers_what_was_read_and_no_more() {
        let mut input = FileInput::new(&b"Wikipedia!"[..], Limits::None);
        assert_eq!(input.take(9), Ok(&b"Wikipedia"[..]));
        assert_eq!((input.offset(), input.sum()), (9, 0x11e6_0398));
        assert_eq!(input.take(2), Err(Thrown::Eof));
    }
}
