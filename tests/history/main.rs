//! A history and what it shows: truth that clients recorded, a model of the server, verdicts, differences, gaps, files that cannot be read.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it did"
)]

#[path = "../common/mod.rs"]
mod common;

mod alone;
mod boundaries;
mod campaign;
mod compare;
mod diff;
mod faults;
mod history;
mod log;
mod model;
mod rollover;
mod see;
mod truth;
mod unreadable;
mod verify;
