//! How long work tells what it is doing. The library calls it; whether anything is drawn is the caller's affair.

/// Told of work in bytes. Called from several threads at once.
pub trait Progress: Sync {
    /// A step named `what` begins, over `total_bytes` where that is known.
    fn start(&self, what: &str, total_bytes: Option<u64>);
    /// `bytes` more of the current step are done.
    fn advance(&self, bytes: u64);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _total_bytes: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
}
