//! Jute, ZooKeeper's serialization (`BinaryInputArchive`, `BinaryOutputArchive`): the primitives,
//! both ways.
//!
//! | type | bytes |
//! |---|---|
//! | boolean | 1; written 0 or 1, any other value reads as true |
//! | int, long | 4, 8, big-endian, two's complement |
//! | buffer, ustring | int length, then the bytes; length −1 is null |
//! | vector | int count, then the elements; −1 is null, other negative counts read as empty |
//!
//! There are no tags, no framing and no alignment. Strings are CESU-8 rather than UTF-8 and may be
//! neither, so they stay bytes here: never judged, compared bytewise, written back as they were.
//! Servers refuse a buffer longer than `jute.maxbuffer` allows; this reader's only limit is the
//! input.

use crate::error::{DecodeError, Fault};
use byteorder::{BigEndian, ByteOrder};

type Result<T> = std::result::Result<T, DecodeError>;

/// Takes primitives off the front of a slice. Every method names the field for the error.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    input: &'a [u8],
    position: usize,
    base: u64,
}

impl<'a> Reader<'a> {
    /// Reads `input`, whose first byte is at `base` in its file.
    pub fn new(input: &'a [u8], base: u64) -> Reader<'a> {
        Reader {
            input,
            position: 0,
            base,
        }
    }

    /// The offset, in the file, of the next byte.
    pub fn offset(&self) -> u64 {
        self.base + self.position as u64
    }

    /// How many bytes were taken.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The bytes not yet taken.
    pub fn rest(&self) -> &'a [u8] {
        self.input.get(self.position..).unwrap_or_default()
    }

    /// The bytes taken since the reader stood at `position`.
    pub fn since(&self, position: usize) -> &'a [u8] {
        self.input.get(position..self.position).unwrap_or_default()
    }

    /// `len` raw bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8]> {
        let left = self.rest().len();
        let taken = self
            .position
            .checked_add(len)
            .and_then(|end| self.input.get(self.position..end))
            .ok_or_else(|| {
                Fault::ShortInput {
                    field,
                    needed: len as u64,
                    left: left as u64,
                }
                .at(self.offset())
            })?;
        self.position += len;
        Ok(taken)
    }

    /// A boolean.
    ///
    /// # Errors
    /// When the input ends.
    pub fn boolean(&mut self, field: &'static str) -> Result<bool> {
        self.take(1, field).map(|bytes| bytes != [0])
    }

    /// An int.
    ///
    /// # Errors
    /// When the input ends.
    pub fn int(&mut self, field: &'static str) -> Result<i32> {
        self.take(4, field).map(BigEndian::read_i32)
    }

    /// A long.
    ///
    /// # Errors
    /// When the input ends.
    pub fn long(&mut self, field: &'static str) -> Result<i64> {
        self.take(8, field).map(BigEndian::read_i64)
    }

    /// A buffer; null is `None`.
    ///
    /// # Errors
    /// When the input ends, or the length is negative and not −1.
    pub fn buffer(&mut self, field: &'static str) -> Result<Option<&'a [u8]>> {
        let at = self.offset();
        match self.int(field)? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => self.take(length, field).map(Some),
                Err(_) => Err(Fault::BadLength {
                    field,
                    length: length.into(),
                }
                .at(at)),
            },
        }
    }

    /// A string that may not be null.
    ///
    /// # Errors
    /// As [`Reader::buffer`], and for null.
    pub fn string(&mut self, field: &'static str) -> Result<&'a [u8]> {
        let at = self.offset();
        self.buffer(field)?
            .ok_or_else(|| Fault::BadLength { field, length: -1 }.at(at))
    }

    /// A vector's count; null is `None`. Each element takes at least `element_len_min` bytes,
    /// so a count that the input cannot hold is refused before anything is reserved for it.
    ///
    /// # Errors
    /// When the input ends, or cannot hold so many.
    pub fn count(&mut self, element_len_min: usize, field: &'static str) -> Result<Option<usize>> {
        let at = self.offset();
        let count = self.int(field)?;
        if count == -1 {
            return Ok(None);
        }
        let count_or_empty = usize::try_from(count).unwrap_or(0);
        if count_or_empty.saturating_mul(element_len_min) > self.rest().len() {
            return Err(Fault::BadLength {
                field,
                length: count.into(),
            }
            .at(at));
        }
        Ok(Some(count_or_empty))
    }
}

/// Puts primitives at the end of a `Vec`: the mirror of [`Reader`].
pub trait Put {
    /// A boolean.
    fn put_boolean(&mut self, value: bool);
    /// An int.
    fn put_int(&mut self, value: i32);
    /// A long.
    fn put_long(&mut self, value: i64);
    /// A buffer or string; `None` is null.
    fn put_buffer(&mut self, value: Option<&[u8]>);
}

impl Put for Vec<u8> {
    fn put_boolean(&mut self, value: bool) {
        self.push(value.into());
    }

    fn put_int(&mut self, value: i32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_long(&mut self, value: i64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_buffer(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.put_int(-1),
            Some(bytes) => {
                self.put_int(length(bytes.len()));
                self.extend_from_slice(bytes);
            }
        }
    }
}

/// A length as jute writes it. Nothing longer than an `i32` says was ever read, so nothing longer
/// is written.
pub fn length(len: usize) -> i32 {
    i32::try_from(len).expect("every buffer came from a jute length or is checked by its maker")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read_back() {
        let mut bytes = Vec::new();
        bytes.put_boolean(true);
        bytes.put_int(-5);
        bytes.put_long(i64::MIN);
        bytes.put_buffer(None);
        bytes.put_buffer(Some(b""));
        bytes.put_buffer(Some(b"/a"));
        let mut reader = Reader::new(&bytes, 100);
        assert_eq!(reader.boolean("b"), Ok(true));
        assert_eq!(reader.int("i"), Ok(-5));
        assert_eq!(reader.long("l"), Ok(i64::MIN));
        assert_eq!(reader.buffer("n"), Ok(None));
        assert_eq!(reader.buffer("e"), Ok(Some(&b""[..])));
        assert_eq!(reader.string("s"), Ok(&b"/a"[..]));
        assert!(reader.rest().is_empty());
        assert_eq!(reader.offset(), 100 + bytes.len() as u64);
    }

    #[test]
    fn impossible_lengths_are_refused_at_their_offset() {
        let short = Fault::ShortInput {
            field: "data",
            needed: 5,
            left: 2,
        };
        assert_eq!(
            Reader::new(&[0, 0, 0, 5, 1, 2], 10).buffer("data"),
            Err(short.at(14))
        );
        let negative = Fault::BadLength {
            field: "data",
            length: -2,
        };
        assert_eq!(
            Reader::new(&[255, 255, 255, 254], 10).buffer("data"),
            Err(negative.at(10))
        );
        let count = Fault::BadLength {
            field: "acl",
            length: 1 << 24,
        };
        assert_eq!(
            Reader::new(&[1, 0, 0, 0, 9], 10).count(12, "acl"),
            Err(count.at(10))
        );
    }
}
