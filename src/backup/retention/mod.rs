//! What a repository keeps: which backups are forgotten, and what is deleted then.
//!
//! [`forget`] chooses backups and makes them count no more; it deletes nothing. [`prune`] deletes
//! what nothing needs, a day later at the earliest. [`pins`] are marks that hold backups whatever a
//! policy says. How that can go on beside running backups without a lock is told in [`prune`].

pub mod forget;
pub mod pins;
pub mod policy;
pub mod prune;
mod state;

use crate::error::{Error, ErrorKind, Result};
use crate::history::time::format_ms;
use crate::repository::Repository;
use jiff::tz::TimeZone;

/// Tells the time, in ms. It is asked anew before each mark is written: a mark that says an earlier
/// time than it appears is carried out too early.
pub type Clock<'a> = &'a dyn Fn() -> i64;

/// Refuses to mark anything by a clock that cannot be right: marks that it dates too early would be
/// carried out at once by other hosts.
fn ensure_plausible(repository: &Repository, now_ms: i64) -> Result<()> {
    let made_ms = repository.identity().created_ms;
    if now_ms >= made_ms {
        return Ok(());
    }
    let (now, made) = (
        format_ms(now_ms, &TimeZone::UTC),
        format_ms(made_ms, &TimeZone::UTC),
    );
    let message = format!("was made at {made}, but the clock here says {now}");
    Err(Error::about(repository.shown(), ErrorKind::Failed, message).hint("set the clock"))
}
