//! How long work tells what it is doing. The library calls it; whether anything is drawn is the
//! caller's affair.

use std::io::{self, Read, Write};

/// Told of work in bytes. Called from several threads at once.
pub trait Progress: Sync {
    /// A step named `what` begins, over `total_bytes` where that is known.
    fn start(&self, what: &str, total_bytes: Option<u64>);
    /// `bytes` more of the current step are done.
    fn advance(&self, bytes: u64);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn start(&self, _what: &str, _total_bytes: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
}

/// A reader or writer that tells of the bytes that pass through it.
pub struct Counted<'a, T> {
    inner: T,
    progress: &'a dyn Progress,
}

impl<'a, T> Counted<'a, T> {
    /// Tells `progress` of what passes through `inner`.
    pub fn new(inner: T, progress: &'a dyn Progress) -> Counted<'a, T> {
        Counted { inner, progress }
    }
}

impl<T: Read> Read for Counted<'_, T> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(room)?;
        self.progress.advance(len as u64);
        Ok(len)
    }
}

impl<T: Write> Write for Counted<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.inner.write(bytes)?;
        self.progress.advance(len as u64);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
