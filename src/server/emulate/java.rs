//! What Java does with bytes: `BinaryInputArchive` over `DataInputStream`, its limits, and what it throws.
//!
//! A server's decisions hang on the *class* of what was thrown: `EOFException` mostly means "the end of this file", any other
//! `IOException` means "refuse" (logs) or "try the next" (snapshots), and everything unchecked ends the load.

use super::rules::Limits;
use crate::format::checksum::Adler32;
use crate::format::stream::Stream;
use crate::error::{Unread};
use std::io::{self, Read};

/// What was thrown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thrown {
    /// `java.io.EOFException`.
    Eof,
    /// Another `java.io.IOException` (the class is told where it is not that one), with its message.
    Io(&'static str, String),
    /// Anything unchecked: its class and message.
    Unchecked(&'static str, String),
    /// This program could not read the file: nothing that a server threw.
    Unread(io::ErrorKind, String),
}

/// `java.io.IOException`.
pub const IO_EXCEPTION: &str = "java.io.IOException";

impl Thrown {
    /// An `IOException` with `message`.
    pub fn io(message: impl Into<String>) -> Thrown {
        Thrown::Io(IO_EXCEPTION, message.into())
    }

    /// A `NullPointerException`. What its message is depends on the JVM, so it has none here.
    pub fn null_pointer() -> Thrown {
        Thrown::Unchecked("java.lang.NullPointerException", String::new())
    }

    /// What Java throws where a file cannot be opened (`FileInputStream`).
    pub fn unopened(name: &str, unread: &Unread) -> Thrown {
        let why = match unread.source.raw_os_error() {
            Some(_) => of_system(unread),
            None if unread.source.to_string().contains("link") => {
                "No such file or directory".to_owned()
            }
            None if unread.source.to_string().contains("directory") => "Is a directory".to_owned(),
            None => unread.to_string(),
        };
        Thrown::Io("java.io.FileNotFoundException", format!("{name} ({why})"))
    }

    /// The class.
    pub fn class(&self) -> &str {
        match self {
            Thrown::Eof => "java.io.EOFException",
            Thrown::Io(class, _) | Thrown::Unchecked(class, _) => class,
            Thrown::Unread(..) => "",
        }
    }

    /// The message; empty where there is none.
    pub fn message(&self) -> &str {
        match self {
            Thrown::Eof => "",
            Thrown::Io(_, message) | Thrown::Unchecked(_, message) | Thrown::Unread(_, message) => {
                message
            }
        }
    }

    /// Class and message, as a stack trace begins.
    pub fn line(&self) -> String {
        match self.message() {
            "" => self.class().to_owned(),
            message => format!("{}: {message}", self.class()),
        }
    }
}

/// What reading gives.
pub type Result<T> = std::result::Result<T, Thrown>;

/// Bytes that are read forward, by `BinaryInputArchive`'s rules.
pub trait InputArchive {
    /// The next `len` bytes (`readFully`).
    ///
    /// # Errors
    /// [`Thrown::Eof`] when there are fewer.
    fn take(&mut self, len: usize) -> Result<&[u8]>;

    /// How long buffers and strings may be.
    fn limits(&self) -> Limits;

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
    limits: Limits,
}

impl<'a> SliceInput<'a> {
    /// Reads `bytes`.
    pub fn new(bytes: &'a [u8], limits: Limits) -> SliceInput<'a> {
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

    fn limits(&self) -> Limits {
        self.limits
    }
}

/// Bytes of a file, summed as they are read (`CheckedInputStream`).
pub struct FileInput<R> {
    stream: Stream<R>,
    taken: usize,
    sum: Adler32,
    limits: Limits,
}

impl<R: Read> FileInput<R> {
    /// Reads `source` from its beginning.
    pub fn new(source: R, limits: Limits) -> FileInput<R> {
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

impl<R: Read> InputArchive for FileInput<R> {
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

    fn limits(&self) -> Limits {
        self.limits
    }
}

/// What Java throws where decompressing fails so (`GZIPInputStream`, `SnappyInputStream`).
fn thrown(err: &io::Error) -> Thrown {
    if let Some(unread) = Unread::of(err) {
        return Thrown::io(of_system(unread));
    }
    match err.kind() {
        io::ErrorKind::UnexpectedEof => Thrown::Eof,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Thrown::Io("java.util.zip.ZipException", String::new())
        }
        kind => Thrown::Unread(kind, err.to_string()),
    }
}

/// The system's words for what failed, without the number behind them.
fn of_system(unread: &Unread) -> String {
    let told = unread.to_string();
    let end = told.find(" (os error").unwrap_or(told.len());
    told.get(..end).unwrap_or_default().to_owned()
}

/// `bytes`, which are not UTF-8, as a `String` of Java holds them and would write them again: U+FFFD for what is malformed, and
/// one for each half of a surrogate pair.
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
        let mut input = FileInput::new(&b"Wikipedia!"[..], Limits::default());
        assert_eq!(input.take(9), Ok(&b"Wikipedia"[..]));
        assert_eq!((input.offset(), input.sum()), (9, 0x11e6_0398));
        assert_eq!(input.take(2), Err(Thrown::Eof));
    }
}
