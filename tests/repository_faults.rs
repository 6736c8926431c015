//! A repository under faults: whatever is killed, fails, fills up, loses power or rots, what was
//! backed up before is there, and the next run goes well.
//!
//! Every campaign prints how many points it tried. `ZOOVAULT_FAULT_STEP=1` tries each point;
//! without it, a share of them, and another share for each kind of fault.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and tells how many points it tried"
)]

mod common;
#[path = "common/growing.rs"]
mod growing;
#[path = "common/random.rs"]
mod random;
#[path = "common/store.rs"]
mod store;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "common/trace.rs"]
mod trace;

#[path = "repository_faults/at_once.rs"]
mod at_once;
#[path = "repository_faults/calls.rs"]
mod calls;
#[path = "repository_faults/clock.rs"]
mod clock;
#[path = "repository_faults/days.rs"]
mod days;
#[path = "repository_faults/disk.rs"]
mod disk;
#[path = "repository_faults/judge.rs"]
mod judge;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "repository_faults/kept.rs"]
mod kept;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "repository_faults/kills.rs"]
mod kills;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "repository_faults/model.rs"]
mod model;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "repository_faults/power.rs"]
mod power;

/// Which points of a campaign are tried: one of so many.
fn step(default: usize) -> usize {
    match std::env::var("ZOOVAULT_FAULT_STEP") {
        Ok(step) => step.parse().unwrap(),
        Err(_) => default,
    }
}
