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

#[path = "common/client.rs"]
mod client;
mod common;
#[path = "common/release.rs"]
mod release;
#[path = "common/rng.rs"]
mod rng;
#[path = "common/wire.rs"]
mod wire;
#[path = "common/workload.rs"]
mod workload;
#[path = "common/zookeeper.rs"]
mod zookeeper;

#[path = "live/alone.rs"]
mod alone;
#[path = "live/backup.rs"]
mod backup;
#[path = "live/boundaries.rs"]
mod boundaries;
#[path = "live/damage.rs"]
mod damage;
#[path = "live/ensembles.rs"]
mod ensembles;
#[path = "live/explain.rs"]
mod explain;
#[path = "live/fixtures.rs"]
mod fixtures;
#[path = "live/fuzzy.rs"]
mod fuzzy;
#[path = "live/harness.rs"]
mod harness;
#[path = "live/lineages.rs"]
mod lineages;
#[path = "live/loads.rs"]
mod loads;
#[path = "live/program.rs"]
mod program;
#[path = "live/repository.rs"]
mod repository;
#[path = "live/rollover.rs"]
mod rollover;
#[path = "live/see.rs"]
mod see;
#[path = "live/small.rs"]
mod small;
#[path = "live/standalone.rs"]
mod standalone;
#[path = "live/table.rs"]
mod table;
#[path = "live/toolkit.rs"]
mod toolkit;
#[path = "live/writers.rs"]
mod writers;

/// What runs the clients. Servers and the program are waited for in the test's own thread.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}
