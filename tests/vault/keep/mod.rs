//! Retention and copies: nothing that a backup needs is ever deleted, whatever fails, and whoever
//! writes meanwhile.

mod copies;
use crate::common::made;
mod months;
mod points;
mod rules;

use made::{HOUR, Watch};
use zoovault::backup::retention::forget::{self, What};
use zoovault::backup::retention::policy::Policy;
use zoovault::backup::retention::prune::{self, Pruned};
use zoovault::error::Result;
use zoovault::progress::NoProgress;
use zoovault::repository::Repository;

/// Plans and prunes.
fn prune(repository: &Repository, watch: &Watch) -> Result<Pruned> {
    let clock = || watch.ms();
    let plan = prune::plan(repository, &clock)?;
    prune::execute(repository, &plan, &clock, &NoProgress)
}

/// Plans and forgets. Gives how many.
fn forget(repository: &Repository, what: &What, watch: &Watch) -> Result<usize> {
    let zone = jiff::tz::TimeZone::UTC;
    let plan = forget::plan(repository, what, watch.ms(), &zone)?;
    forget::execute(repository, &plan, &|| watch.ms())?;
    Ok(plan.forgotten().count())
}

/// Keeps the newest so many.
fn last(count: usize) -> What {
    What::ByPolicy(Policy {
        last: count,
        ..Policy::default()
    })
}

/// Prunes until nothing is left to do.
fn settle(repository: &Repository, watch: &Watch) {
    for _ in 0..5 {
        watch.pass(25 * HOUR);
        prune(repository, watch).unwrap();
    }
}
