//! Real servers judge what the program writes, and what it reads while they write.
//!
//! Every scenario runs for every release found: Debian's package, and each folder named in
//! `ZOOVAULT_TEST_ZOOKEEPERS` (colon-separated; each has `lib/*.jar`, and a name such as
//! `zookeeper-3.9.4`). A release or a Java that is missing is announced on stderr and its scenarios
//! are skipped; `ZOOVAULT_REQUIRE_LIVE=1` makes that a failure. `ZOOVAULT_LIVE_ZXIDS=50` compares
//! that many points per release in the fuzzy scenario, in place of five.
//! `ZOOVAULT_LIVE_BACKUP_SECONDS=300` backs up that long under load, per release, in place of
//! fifteen.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it did"
)]

#[path = "../common/mod.rs"]
mod common;

mod alone;
mod backup;
mod boundaries;
mod damage;
mod ensembles;
mod explain;
mod fixtures;
mod fuzzy;
mod harness;
mod lineages;
mod loads;
mod program;
mod repository;
mod rollover;
mod see;
mod small;
mod standalone;
mod surroundings;
mod table;
mod toolkit;
mod writers;

/// What runs the clients. Servers and the program are waited for in the test's own thread.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}
