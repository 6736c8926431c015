//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz snapshot`
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../targets.rs"]
#[allow(dead_code, reason = "each program runs one target")]
mod targets;

fuzz_target!(|data: &[u8]| targets::snapshot(data));
