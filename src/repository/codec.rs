//! Compression of objects: one zstd frame, with its own checksum, that plain `zstd -d` reads.

use crate::error::{Error, ErrorKind, Result};
use std::io::{self, BufRead, Cursor, Read, Write};
use std::path::Path;

/// The level. Higher ones are several times slower on logs, for a few percent.
const LEVEL: i32 = 3;
/// How a frame begins that decoders skip (RFC 8878, section 3.1.2): its number, then its length.
const SKIPPABLE: u32 = 0x184D_2A50;

/// `bytes`, compressed; with a `salt`, other bytes that decompress to the same.
///
/// # Errors
/// Those of zstd: none on bytes in memory, for all that is known.
pub fn compress(bytes: &[u8], salt: Option<u64>) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len() / 6 + 64);
    if let Some(salt) = salt {
        out.extend_from_slice(&SKIPPABLE.to_le_bytes());
        out.extend_from_slice(&8u32.to_le_bytes());
        out.extend_from_slice(&salt.to_le_bytes());
    }
    let mut encoder = zstd::Encoder::new(out, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Writes what `bytes` decompress to: `len_max` bytes at most.
///
/// # Errors
/// Damage of the object `shown`; failures to write to `out`, called `target`.
pub fn decompress(
    shown: &Path,
    bytes: &[u8],
    len_max: u64,
    out: &mut impl Write,
    target: &Path,
) -> Result<u64> {
    let broken = |err: io::Error| Error::about(shown, ErrorKind::Damage, err.to_string());
    let mut decoder = Plain::new(bytes, len_max).map_err(broken)?;
    let mut buffer = vec![0; 1 << 18];
    let mut written = 0;
    loop {
        let len = decoder.read(&mut buffer).map_err(broken)?;
        let Some(read) = buffer.get(..len).filter(|read| !read.is_empty()) else {
            return Ok(written);
        };
        out.write_all(read)
            .map_err(|err| Error::io(target, "write", err))?;
        written += len as u64;
    }
}

/// Decompresses `bytes` as they are read: `len_max` bytes at most.
///
/// # Errors
/// Those of zstd.
pub fn reader(bytes: Vec<u8>, len_max: u64) -> io::Result<impl Read + Send + 'static> {
    Plain::new(Cursor::new(bytes), len_max)
}

/// What a stream decompresses to. A few hundred bytes can become any number, so there has to be an
/// end to it.
struct Plain<R: BufRead> {
    decoder: zstd::Decoder<'static, R>,
    len_max: u64,
    left: u64,
}

impl<R: BufRead> Plain<R> {
    fn new(bytes: R, len_max: u64) -> io::Result<Plain<R>> {
        Ok(Plain {
            decoder: zstd::Decoder::with_buffer(bytes).map_err(broken)?,
            len_max,
            left: len_max,
        })
    }
}

impl<R: BufRead> Read for Plain<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let len = self.decoder.read(room).map_err(broken)?;
        self.left = self.left.checked_sub(len as u64).ok_or_else(|| {
            io::Error::other(format!("decompresses to more than {} bytes", self.len_max))
        })?;
        Ok(len)
    }
}

fn broken(err: io::Error) -> io::Error {
    io::Error::other(format!("broken zstd stream: {err}"))
}

/// Compares what it is given with what it is to be.
pub struct Compared<'a> {
    left: &'a [u8],
}

impl<'a> Compared<'a> {
    /// What is written is to be `expected`.
    pub fn new(expected: &'a [u8]) -> Compared<'a> {
        Compared { left: expected }
    }

    /// Whether all of it was written.
    pub fn is_complete(&self) -> bool {
        self.left.is_empty()
    }
}

impl Write for Compared<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.left.split_at_checked(bytes.len()) {
            Some((same, left)) if same == bytes => {
                self.left = left;
                Ok(bytes.len())
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "does not decompress to what was compressed",
            )),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back_and_a_salt_changes_the_bytes_only() {
        let plain = b"abcabcabc".repeat(1000);
        let (a, b) = (
            compress(&plain, None).unwrap(),
            compress(&plain, Some(7)).unwrap(),
        );
        assert_ne!(a, b);
        let path = Path::new("x");
        for stored in [&a, &b] {
            let mut out = Vec::new();
            decompress(path, stored, 9000, &mut out, path).unwrap();
            assert_eq!(out, plain);
            let mut compared = Compared::new(&plain);
            decompress(path, stored, 9000, &mut compared, path).unwrap();
            assert!(compared.is_complete());
            assert!(decompress(path, stored, 9000, &mut Compared::new(&plain[1..]), path).is_err());
        }
        let mut out = Vec::new();
        let error = decompress(path, &a, 8999, &mut out, path).unwrap_err();
        let message = "x: decompresses to more than 8999 bytes";
        assert_eq!(
            (error.kind(), &*error.to_string()),
            (ErrorKind::Damage, message)
        );
        assert!(out.len() < 9000);
        for at in 0..a.len() {
            let mut flipped = a.clone();
            flipped[at] ^= 1;
            let mut out = Vec::new();
            let is_told = decompress(path, &flipped, 9000, &mut out, path).is_err() || out != plain;
            assert!(is_told || at < 6, "byte {at}");
        }
    }
}
