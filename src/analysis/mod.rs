//! What a history shows: whether it is sound, how two differ, what became of a znode, who wrote the
//! most.
//!
//! Reads only; everything here is a report on a [`crate::history`].

pub mod compare;
pub mod deleted;
pub mod finding;
pub mod inspect;
pub mod top;
pub mod verify;
pub mod znode_history;
