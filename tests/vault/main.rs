//! Repositories: backups, lineages, checks, retention, copies, and faults at every operation.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it did"
)]

#[path = "../common/mod.rs"]
mod common;

mod backup;
mod epochs;
mod follow;
mod keep;
mod lineages;
mod repository_check;
mod repository_damage;
mod repository_faults;
mod repository_look;
mod retention;
