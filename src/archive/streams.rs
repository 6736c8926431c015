//! Compressed streams, one after the other, and what stands behind the last.
//!
//! gzip, xz and zstd all take several streams in one file for one. Behind the last there may be
//! zeros, where the file was on a tape or was written in whole blocks, or bytes that are no stream:
//! `gzip` ignores both, and warns of the latter. So does this reader. Where those bytes hide
//! another stream, its content is missing, and that is an error.

use super::packing::Packing;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

/// How much memory xz may take, in KiB: what `xz -9` needs, and half as much again.
const XZ_MEMORY_KIB: u32 = 96 << 10;
/// The largest window of zstd: what its own program takes if nothing else is said.
const ZSTD_WINDOW_LOG: u32 = 27;
/// How much of a stream tells what it needs.
const HEAD_LEN: usize = 64;
/// How much is searched at a time.
const BLOCK: usize = 1 << 16;

/// What stands behind the last stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailing {
    /// How many bytes.
    pub len: u64,
    /// Whether they are all zero.
    pub is_zero: bool,
}

impl Trailing {
    /// What to say of a file that has it behind streams of `packing`.
    pub fn told(self, packing: Packing) -> String {
        let name = packing.name();
        let what = match self.is_zero {
            true => "bytes of padding, which are ignored".to_owned(),
            false => format!("bytes that are not {name}: they are ignored, as gzip does"),
        };
        format!(
            "its {name} stream is sound, and followed by {} {what}",
            self.len
        )
    }
}

/// A stream that takes more memory to decompress than is allowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooLarge {
    packing: Packing,
    /// How much it takes, if it says so, in bytes.
    needed: Option<u64>,
    limit: u64,
}

impl TooLarge {
    /// Whether `err` is that.
    pub(super) fn of(err: &io::Error) -> Option<TooLarge> {
        err.get_ref()?.downcast_ref().copied()
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.packing.name();
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let limit = mib(self.limit);
        match self.needed {
            Some(needed) => write!(f, "{name} needs {} MiB", mib(needed))?,
            None => write!(f, "{name} needs more")?,
        }
        write!(
            f,
            " of memory to decompress it; zoovault takes at most {limit} MiB"
        )
    }
}

impl std::error::Error for TooLarge {}

/// A reader that can be looked into.
struct Source<R: Read> {
    /// Looked at, and not read yet.
    ahead: Vec<u8>,
    inner: BufReader<R>,
}

impl<R: Read> Source<R> {
    /// The next bytes, as many as there are up to `len`.
    fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        let missing = len.saturating_sub(self.ahead.len()) as u64;
        (&mut self.inner)
            .take(missing)
            .read_to_end(&mut self.ahead)?;
        Ok(self.ahead.get(..len).unwrap_or(&self.ahead))
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            return self.inner.read(room);
        }
        let len = self.ahead.as_slice().read(room)?;
        self.consume(len);
        Ok(len)
    }
}

impl<R: Read> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.ahead.is_empty() {
            true => self.inner.fill_buf(),
            false => Ok(&self.ahead),
        }
    }

    fn consume(&mut self, len: usize) {
        match self.ahead.is_empty() {
            true => self.inner.consume(len),
            false => drop(self.ahead.drain(..len.min(self.ahead.len()))),
        }
    }
}

/// Where the reader is.
enum State<R: Read> {
    /// Before the first stream, or behind one.
    Between(Source<R>),
    Gzip(Box<GzDecoder<Source<R>>>),
    Xz(Box<XzReader<Source<R>>>),
    Zstd(Box<zstd::Decoder<'static, Source<R>>>),
    Ended,
}

/// Reads what was compressed, in bounded memory.
pub struct Streams<R: Read> {
    packing: Packing,
    state: State<R>,
    is_first: bool,
    /// How the stream that is being read begins.
    head: Vec<u8>,
    trailing: Option<Trailing>,
}

impl<R: Read> Streams<R> {
    pub(super) fn new(packing: Packing, source: R) -> Streams<R> {
        let inner = BufReader::with_capacity(1 << 18, source);
        Streams {
            packing,
            state: State::Between(Source {
                ahead: Vec::new(),
                inner,
            }),
            is_first: true,
            head: Vec::new(),
            trailing: None,
        }
    }

    /// What stands behind the last stream; known once all was read.
    pub(super) fn trailing(&self) -> Option<Trailing> {
        self.trailing
    }

    /// Begins the next stream, or finds that there is none.
    fn begin(&mut self, mut source: Source<R>) -> io::Result<()> {
        // Zeros may stand between two streams of xz, and of no other.
        let padding = match (self.packing, self.is_first) {
            (Packing::Xz, false) => skip_zeros(&mut source)?,
            _ => 0,
        };
        self.head = source.peek(HEAD_LEN)?.to_vec();
        let is_next = self.is_first || Packing::of_content(&self.head) == Some(self.packing);
        if self.head.is_empty() && !self.is_first && padding % 4 == 0 {
            return Ok(());
        }
        if !is_next {
            if self.packing.is_nearly(&self.head) {
                return Err(invalid("the head of another stream in it is damaged"));
            }
            let found = self.packing.look_behind(source)?;
            self.trailing = Some(Trailing {
                len: found.len + padding,
                ..found
            });
            return Ok(());
        }
        self.is_first = false;
        self.state = match self.packing {
            Packing::Gzip => State::Gzip(Box::new(GzDecoder::new(source))),
            Packing::Xz => {
                let reader = XzReader::new_mem_limit(source, false, XZ_MEMORY_KIB);
                State::Xz(Box::new(reader))
            }
            Packing::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(source)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                State::Zstd(Box::new(decoder))
            }
        };
        Ok(())
    }

    /// Tells a stream that is too large from one that is broken.
    fn judged(&self, err: io::Error) -> io::Error {
        let too_large = |needed, limit| {
            io::Error::other(TooLarge {
                packing: self.packing,
                needed,
                limit,
            })
        };
        match self.packing {
            Packing::Gzip => err,
            Packing::Xz if err.kind() == io::ErrorKind::OutOfMemory => {
                too_large(xz_dictionary(&self.head), u64::from(XZ_MEMORY_KIB) << 10)
            }
            Packing::Xz => err,
            Packing::Zstd => match zstd_window(&self.head) {
                Some(window) if window > 1 << ZSTD_WINDOW_LOG => {
                    too_large(Some(window), 1 << ZSTD_WINDOW_LOG)
                }
                _ => err,
            },
        }
    }
}

impl<R: Read> Read for Streams<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.state {
                State::Between(_) => Ok(0),
                State::Gzip(decoder) => decoder.read(room),
                State::Xz(decoder) => decoder.read(room),
                State::Zstd(decoder) => decoder.read(room),
                State::Ended => return Ok(0),
            };
            match read {
                Ok(0) => {}
                Ok(read) => return Ok(read),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => return Err(err),
                Err(err) => {
                    self.state = State::Ended;
                    return Err(self.judged(err));
                }
            }
            let source = match std::mem::replace(&mut self.state, State::Ended) {
                State::Between(source) => source,
                State::Gzip(decoder) => decoder.into_inner(),
                State::Xz(decoder) => decoder.into_inner(),
                State::Zstd(decoder) => decoder.finish(),
                State::Ended => return Ok(0),
            };
            self.begin(source)?;
        }
    }
}

/// Passes over zeros, and gives how many there were.
fn skip_zeros(source: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let ahead = source.fill_buf()?;
        let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
        let is_end = zeros < ahead.len() || ahead.is_empty();
        source.consume(zeros);
        skipped += zeros as u64;
        if is_end {
            return Ok(skipped);
        }
    }
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

impl Packing {
    /// Reads `source` decompressed, in bounded memory.
    pub fn reader<R: Read>(self, source: R) -> Streams<R> {
        Streams::new(self, source)
    }

    /// What `rest` is, which is behind the last stream.
    fn look_behind(self, mut rest: impl Read) -> io::Result<Trailing> {
        /// How much [`Packing::begins`] looks at.
        const HEAD: usize = 10;
        let mut found = Trailing {
            len: 0,
            is_zero: true,
        };
        let mut block = Vec::with_capacity(BLOCK + HEAD);
        loop {
            let kept = block.len();
            let read = (&mut rest).take(BLOCK as u64).read_to_end(&mut block)?;
            let fresh = block.get(kept..).unwrap_or_default();
            found.is_zero &= fresh.iter().all(|byte| *byte == 0);
            if !found.is_zero
                && let Some(at) = block.windows(HEAD).position(|head| self.begins(head))
            {
                let before = (found.len + at as u64).saturating_sub(kept as u64);
                return Err(invalid(format!(
                    "another stream follows {before} bytes that are none: it is not read"
                )));
            }
            found.len += read as u64;
            if read == 0 {
                return Ok(found);
            }
            block.drain(..block.len().saturating_sub(HEAD - 1));
        }
    }
}

/// How much memory the first block of an xz stream that begins with `head` takes, in bytes.
fn xz_dictionary(head: &[u8]) -> Option<u64> {
    let block = head.get(12..)?;
    let flags = *block.get(1)?;
    let mut at = 2;
    let mut number = || -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = *block.get(at)?;
            at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    for size in [0x40, 0x80] {
        if flags & size != 0 {
            number()?;
        }
    }
    for _ in 0..=flags & 3 {
        let (id, len) = (number()?, number()?);
        let first = number()?;
        if id == 0x21 && len == 1 {
            return match first {
                40 => Some(u64::from(u32::MAX)),
                bits @ 0..40 => Some((2 | (bits & 1)) << (bits / 2 + 11)),
                _ => None,
            };
        }
        for _ in 1..len {
            number()?;
        }
    }
    None
}

/// The window of a zstd frame that begins with `head`, in bytes.
fn zstd_window(head: &[u8]) -> Option<u64> {
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, window, ..] = head else {
        return None;
    };
    let is_single_segment = descriptor & 0x20 != 0;
    let base = 1u64 << (10 + (window >> 3));
    (!is_single_segment).then(|| base + base / 8 * u64::from(window & 7))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn zstd_of(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    type Pack = fn(&[u8]) -> Vec<u8>;
    const PACKINGS: [(Packing, Pack); 3] = [
        (Packing::Gzip, gzip),
        (Packing::Xz, xz),
        (Packing::Zstd, zstd_of),
    ];

    fn read(packing: Packing, bytes: &[u8]) -> (Vec<u8>, io::Result<Option<Trailing>>) {
        let mut plain = Vec::new();
        let mut streams = Streams::new(packing, bytes);
        let read = streams.read_to_end(&mut plain);
        (plain, read.map(|_| streams.trailing()))
    }

    #[test]
    fn streams_one_after_the_other_are_one() {
        for (packing, pack) in PACKINGS {
            let (a, b) = (vec![b'a'; 300_000], vec![b'b'; 7]);
            let packed = [pack(&a), pack(&[]), pack(&b)].concat();
            let (plain, behind) = read(packing, &packed);
            assert!(plain == [a, b].concat(), "{packing:?}");
            assert_eq!(behind.unwrap(), None, "{packing:?}");
        }
        // What pzstd writes, and who appends what others are to skip.
        let skipped = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
        let packed = [
            &skipped[..],
            &zstd_of(b"one"),
            &skipped[..],
            &zstd_of(b"two"),
            &skipped[..],
        ];
        let (plain, behind) = read(Packing::Zstd, &packed.concat());
        assert_eq!(plain, b"onetwo");
        assert_eq!(behind.unwrap(), None);
    }

    #[test]
    fn padding_and_what_is_no_stream_are_told_and_no_damage() {
        for (packing, pack) in PACKINGS {
            for (rest, is_zero) in [
                (vec![0; 1], true),
                (vec![0; 700_001], true),
                (b"some text".to_vec(), false),
                ([vec![0; 70_000], b"x".to_vec()].concat(), false),
            ] {
                let (plain, behind) = read(packing, &[pack(b"content"), rest.clone()].concat());
                assert_eq!(plain, b"content");
                let len = rest.len() as u64;
                let expected = Some(Trailing { len, is_zero });
                assert_eq!(behind.unwrap(), expected, "{packing:?}");
            }
        }
    }

    #[test]
    fn a_stream_that_is_hidden_or_damaged_is_not_passed_over() {
        for (packing, pack) in PACKINGS {
            let second = pack(&[b'b'; 100]);
            for between in [1, 511, BLOCK - 12, BLOCK - 3, BLOCK + 5] {
                let packed = [pack(b"a"), vec![0; between], second.clone()].concat();
                let (plain, behind) = read(packing, &packed);
                if packing == Packing::Xz {
                    assert_eq!(plain.len(), 101);
                    assert_eq!(behind.unwrap(), None);
                    continue;
                }
                assert_eq!(plain, b"a");
                let message = behind.unwrap_err().to_string();
                let told = format!("another stream follows {between} bytes");
                assert!(message.contains(&told), "{packing:?}: {message}");
            }
            for at in 0..packing.magic().len() {
                for flip in [1, 0x80] {
                    let mut packed = [pack(b"a"), second.clone()].concat();
                    packed[pack(b"a").len() + at] ^= flip;
                    let (plain, behind) = read(packing, &packed);
                    assert_eq!(plain, b"a");
                    assert!(behind.is_err(), "{packing:?}: byte {at}");
                }
            }
            let whole = [pack(b"a"), second].concat();
            for len in pack(b"a").len() + packing.magic().len()..whole.len() {
                let (_, behind) = read(packing, &whole[..len]);
                assert!(behind.is_err(), "{packing:?}: {len} of {}", whole.len());
            }
        }
    }

    #[test]
    fn what_takes_too_much_memory_says_how_much() {
        let mut options = lzma_rust2::XzOptions::with_preset(1);
        options.lzma_options.dict_size = 256 << 20;
        let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        out.write_all(b"content").unwrap();
        let (_, read_xz) = read(Packing::Xz, &out.finish().unwrap());
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(28).unwrap();
        encoder.write_all(b"content").unwrap();
        let (_, read_zstd) = read(Packing::Zstd, &encoder.finish().unwrap());
        for (read, told) in [
            (
                read_xz,
                "xz needs 256 MiB of memory to decompress it; zoovault takes at most 96 MiB",
            ),
            (
                read_zstd,
                "zstd needs 256 MiB of memory to decompress it; zoovault takes at most 128 MiB",
            ),
        ] {
            let err = read.unwrap_err();
            assert_eq!(TooLarge::of(&err).unwrap().to_string(), told);
        }
    }
}
