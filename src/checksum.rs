//! The sums in ZooKeeper's files: Adler-32 (RFC 1950) guards log records and snapshots, CRC-32 makes digests.
//!
//! Java's `Adler32` and `CRC32` return an unsigned 32-bit value in a long; files store it zero-extended.

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
