//! The sums in ZooKeeper's files: Adler-32 (RFC 1950) guards log records and snapshots, CRC-32
//! makes digests; and SHA-256 for what this program writes.
//!
//! Java's `Adler32` and `CRC32` return an unsigned 32-bit value in a long; files store it
//! zero-extended.

use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};

/// A running Adler-32.
#[derive(Clone, Default)]
pub struct Adler32(simd_adler32::Adler32);

impl Adler32 {
    /// The sum of nothing, which is 1.
    pub fn new() -> Adler32 {
        Adler32::default()
    }

    /// Adds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// The sum so far, as a file stores it.
    pub fn value(&self) -> i64 {
        i64::from(self.0.finish())
    }
}

/// The Adler-32 of `bytes`, as a file stores it.
pub fn adler32(bytes: &[u8]) -> i64 {
    let mut sum = Adler32::new();
    sum.update(bytes);
    sum.value()
}

/// A reader or writer that hashes what passes through it.
pub struct Hashed<T> {
    inner: T,
    hash: Sha256,
    len: u64,
}

impl<T> Hashed<T> {
    /// Hashes what passes through `inner`.
    pub fn new(inner: T) -> Hashed<T> {
        Hashed {
            inner,
            hash: Sha256::new(),
            len: 0,
        }
    }

    /// How many bytes passed.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing passed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The SHA-256 of all that passed, in hexadecimal.
    pub fn sha256(self) -> String {
        hex(&self.hash.finalize())
    }
}

/// The SHA-256 of `bytes`, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..len).unwrap_or_default());
        self.len += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(room)?;
        self.hash.update(room.get(..len).unwrap_or_default());
        self.len += len as u64;
        Ok(len)
    }
}
