//! The built program as a user meets it: text, status, refusals, pages, examples, the README.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it did"
)]

#[path = "../common/mod.rs"]
mod common;

mod cli;
mod examples;
mod man;
mod readme;
mod refusals;
mod report;
mod sources;
mod sources_odd;
