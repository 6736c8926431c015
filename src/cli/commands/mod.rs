//! The commands, a file or folder each: its arguments, what it asks of the library, how it answers,
//! its exit status.
//!
//! A command uses [`super::args`], [`super::views`], [`super::jobs`] and [`super::report`]; never
//! another command.

pub mod backup;
pub mod backups;
pub mod cat;
pub mod check;
pub mod compare;
pub mod completions;
pub mod copy;
pub mod diff;
pub mod drill;
pub mod du;
pub mod explain;
pub mod export;
pub mod forget;
pub mod history;
pub mod init;
pub mod inspect;
pub mod log;
pub mod ls;
pub mod pin;
pub mod point_args;
pub mod prune;
pub mod restore;
pub mod stat;
pub mod top;
pub mod verify;
