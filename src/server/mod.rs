//! What ZooKeeper's servers make of a data directory: their loading code, followed release by
//! release, and the messages that they print.
//!
//! Uses [`crate::history`] and [`crate::analysis`].

pub mod answer;
pub mod emulate;
pub mod forecast;
pub mod messages;
pub mod outlook;
pub mod surroundings;
