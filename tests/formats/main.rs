//! The bytes of ZooKeeper's files, whole and damaged: decoders against fixtures, against themselves, and against every flipped bit.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it did"
)]

#[path = "../common/mod.rs"]
mod common;

mod formats;
mod fuzz_regressions;
mod mutation;
mod records;
mod streamed;
