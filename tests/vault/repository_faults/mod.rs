//! A repository under faults: whatever is killed, fails, fills up, loses power or rots, what was
//! backed up before is there, and the next run goes well.
//!
//! Every campaign prints how many points it tried. `ZOOVAULT_FAULT_STEP=1` tries each point;
//! without it, a share of them, and another share for each kind of fault.

mod at_once;
mod calls;
mod clock;
mod days;
mod disk;
mod judge;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod kept;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod kills;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod model;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod power;

/// Which points of a campaign are tried: one of so many.
fn step(default: usize) -> usize {
    match std::env::var("ZOOVAULT_FAULT_STEP") {
        Ok(step) => step.parse().unwrap(),
        Err(_) => default,
    }
}
