//! The life of a [`crate::repository`]: backups into it, checks and drills of what it holds,
//! retention, copies of it.
//!
//! Uses [`crate::history`], and [`crate::recovery`] and [`crate::analysis`] for drills.

pub mod check;
pub mod copy;
pub mod drill;
pub mod retention;
pub mod run;
