//! What servers make of a directory, and the messages that they print.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it did"
)]

#[path = "../common/mod.rs"]
mod common;

mod corpus;
mod denied;
mod explain;
mod outlook;
mod pasted;
mod servers;
mod surroundings;
mod together;
mod zoo_cfg;
