//! Compression around a snapshot, told by the file's name as servers tell it (`SnapStream`,
//! 3.6.0+).
//!
//! `.snappy` is snappy-java's stream:
//!
//! | offset | size | content |
//! |---|---|---|
//! | 0 | 8 | magic `82 53 4E 41 50 50 59 00` |
//! | 8 | 4 | int version 1 |
//! | 12 | 4 | int lowest compatible version 1 |
//! | 16 | | chunks: int compressed length, then one raw snappy block of 32 KiB or less |
//!
//! There is no checksum and no end: the stream ends where a chunk would begin. A new header may
//! stand there.

use super::MAGIC;
use crate::format::jute::{Put, Reader};
use crate::format::stream::{ReadAt, Span};
use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read, Write};

/// How a snapshot is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not.
    Plain,
    /// gzip.
    Gzip,
    /// snappy-java.
    Snappy,
}

impl Codec {
    /// The codec that a file's name stands for; anything unknown is plain.
    pub fn of_name(name: &str) -> Codec {
        let name = name.to_ascii_lowercase();
        if name.ends_with(".gz") {
            Codec::Gzip
        } else if name.ends_with(".snappy") {
            Codec::Snappy
        } else {
            Codec::Plain
        }
    }

    /// How many bytes of a file tell its codec.
    pub const TOLD_BY: usize = SNAPPY_MAGIC.len();

    /// The codec of the snapshot that begins with `head`, whatever it is called; `None` where that
    /// is no snapshot. What is in gzip may be anything.
    pub fn of_content(head: &[u8]) -> Option<Codec> {
        if head.starts_with(&MAGIC) {
            Some(Codec::Plain)
        } else if head.starts_with(&[0x1f, 0x8b]) {
            Some(Codec::Gzip)
        } else {
            head.starts_with(&SNAPPY_MAGIC).then_some(Codec::Snappy)
        }
    }

    /// What a server puts behind the name of a snapshot that is compressed so.
    pub fn suffix(self) -> &'static str {
        match self {
            Codec::Plain => "",
            Codec::Gzip => ".gz",
            Codec::Snappy => ".snappy",
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Plain => "plain",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
        }
    }

    /// Whether servers try to load `file` at all: they look at a few bytes first, and pass over a
    /// snapshot that does not have them (`SnapStream.isValidSnapshot`).
    ///
    /// # Errors
    /// Those of the file.
    pub fn is_tried(self, file: &impl ReadAt) -> io::Result<bool> {
        let size = file.size()?;
        let (from, want): (u64, &[u8]) = match self {
            Codec::Plain if size < TRIED_LEN_MIN => return Ok(false),
            Codec::Plain => (size - 5, &[0, 0, 0, 1, b'/']),
            Codec::Gzip => (0, &[0x1f, 0x8b]),
            Codec::Snappy => (0, &SNAPPY_MAGIC),
        };
        let mut found = Vec::new();
        Span::range(file, from, from + want.len() as u64).read_to_end(&mut found)?;
        Ok(found == want)
    }

    /// Reads `source` decompressed.
    pub fn reader<'a, R: Read + Send + 'a>(self, source: R) -> Box<dyn Read + Send + 'a> {
        match self {
            Codec::Plain => Box::new(source),
            Codec::Gzip => {
                let source = io::BufReader::with_capacity(1 << 18, source);
                Box::new(GzipReader {
                    member: Some(GzDecoder::new(source)),
                    is_first: true,
                })
            }
            Codec::Snappy => Box::new(SnappyReader::new(io::BufReader::with_capacity(
                1 << 18,
                source,
            ))),
        }
    }
}

/// gzip as a server reads it (`java.util.zip.GZIPInputStream`): members one after the other, until
/// what follows begins like none. The snapshot itself tells whether it is whole.
struct GzipReader<R: BufRead> {
    member: Option<GzDecoder<R>>,
    is_first: bool,
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            match member.read(room) {
                Ok(0) => {}
                Err(err)
                    if !self.is_first
                        && member.header().is_none()
                        && matches!(
                            err.kind(),
                            io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
                        ) =>
                {
                    self.member = None;
                    break;
                }
                read => return read,
            }
            self.is_first = false;
            let mut source = self.member.take().map(GzDecoder::into_inner);
            let is_more = match &mut source {
                Some(source) => !source.fill_buf()?.is_empty(),
                None => false,
            };
            self.member = source.filter(|_| is_more).map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// The shortest plain snapshot that servers look into.
const TRIED_LEN_MIN: u64 = 10;
/// snappy-java's magic.
const SNAPPY_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Magic and two versions.
const SNAPPY_HEADER_LEN: usize = 8 + 4 + 4;
/// What snappy-java puts in a chunk.
const SNAPPY_CHUNK_LEN: usize = 32 << 10;
/// A snappy element of 3 bytes gives 64 at most: a block that claims more lies, and is given no
/// memory.
const SNAPPY_RATIO_MAX: usize = 64;

struct SnappyReader<R> {
    source: R,
    began: bool,
    compressed: Vec<u8>,
    chunk: Vec<u8>,
    position: usize,
}

fn cut() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

fn broken(detail: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail.to_owned())
}

impl<R: Read> SnappyReader<R> {
    fn new(source: R) -> SnappyReader<R> {
        SnappyReader {
            source,
            began: false,
            compressed: Vec::new(),
            chunk: Vec::new(),
            position: 0,
        }
    }

    /// Reads the next chunk; false at the end.
    fn next_chunk(&mut self) -> io::Result<bool> {
        if !self.began {
            self.read_header(&[])?;
            self.began = true;
        }
        let mut word = Vec::new();
        loop {
            word.clear();
            (&mut self.source).take(4).read_to_end(&mut word)?;
            if word.len() < 4 {
                return if word.is_empty() {
                    Ok(false)
                } else {
                    Err(cut())
                };
            }
            if SNAPPY_MAGIC.starts_with(&word) {
                self.read_header(&word)?;
                continue;
            }
            break;
        }
        let length = Reader::new(&word, 0).int("chunk").unwrap_or(-1);
        let length = u64::try_from(length).map_err(|_| broken("impossible length of a chunk"))?;
        self.compressed.clear();
        (&mut self.source)
            .take(length)
            .read_to_end(&mut self.compressed)?;
        if (self.compressed.len() as u64) < length {
            return Err(cut());
        }
        let plain_len =
            snap::raw::decompress_len(&self.compressed).map_err(|err| broken(&err.to_string()))?;
        if plain_len > self.compressed.len().saturating_mul(SNAPPY_RATIO_MAX) {
            return Err(broken("a block claims more than it can hold"));
        }
        self.chunk.resize(plain_len, 0);
        self.position = 0;
        snap::raw::Decoder::new()
            .decompress(&self.compressed, &mut self.chunk)
            .map_err(|err| broken(&err.to_string()))?;
        Ok(true)
    }

    fn read_header(&mut self, seen: &[u8]) -> io::Result<()> {
        let mut header = seen.to_vec();
        (&mut self.source)
            .take((SNAPPY_HEADER_LEN - seen.len()) as u64)
            .read_to_end(&mut header)?;
        if header.len() < SNAPPY_HEADER_LEN {
            return Err(cut());
        }
        if !header.starts_with(&SNAPPY_MAGIC) {
            return Err(broken("not the magic of snappy-java"));
        }
        let version = Reader::new(header.get(8..).unwrap_or_default(), 0)
            .int("version")
            .unwrap_or(0);
        if version < 1 {
            Err(broken("unknown version"))
        } else {
            Ok(())
        }
    }
}

impl<R: Read> Read for SnappyReader<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while self.position >= self.chunk.len() {
            if !self.next_chunk()? {
                return Ok(0);
            }
        }
        let mut rest = self.chunk.get(self.position..).unwrap_or_default();
        let len = rest.read(room)?;
        self.position += len;
        Ok(len)
    }
}

/// `plain` as snappy-java writes it.
///
/// # Errors
/// Those of `out`.
pub fn write_snappy(plain: &[u8], mut out: impl Write) -> io::Result<()> {
    let mut header = SNAPPY_MAGIC.to_vec();
    header.put_int(1);
    header.put_int(1);
    out.write_all(&header)?;
    for chunk in plain.chunks(SNAPPY_CHUNK_LEN) {
        let block = snap::raw::Encoder::new()
            .compress_vec(chunk)
            .map_err(|err| broken(&err.to_string()))?;
        let mut framed = Vec::new();
        framed.put_buffer(Some(&block));
        out.write_all(&framed)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snappy(plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_snappy(plain, &mut out).unwrap();
        out
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        Codec::Snappy
            .reader(bytes)
            .read_to_end(&mut plain)
            .map(|_| plain)
    }

    #[test]
    fn a_snappy_stream_reads_back_also_when_two_are_joined() {
        let plain: Vec<u8> = (0..100_000u32)
            .flat_map(|i| (i / 7).to_be_bytes())
            .collect();
        let joined = [snappy(&plain), snappy(b"tail")].concat();
        assert_eq!(read(&joined).unwrap(), [plain.as_slice(), b"tail"].concat());
    }

    #[test]
    fn no_cut_snappy_stream_reads_as_whole_unless_between_chunks() {
        let plain: Vec<u8> = (0..40_000u32).map(|i| (i % 253) as u8).collect();
        let whole = snappy(&plain);
        for len in 0..whole.len() {
            if let Ok(read) = read(&whole[..len]) {
                assert!(read.is_empty() || read.len() == SNAPPY_CHUNK_LEN, "{len}");
            }
        }
    }

    #[test]
    fn a_block_that_claims_gigabytes_is_given_no_memory() {
        let mut bytes = snappy(b"");
        bytes.put_buffer(Some(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]));
        assert!(read(&bytes).is_err());
    }
}
