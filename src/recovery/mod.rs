//! What is written out of a history: a data directory that a server starts on, a portable archive,
//! a tree as text.
//!
//! Every target is new, and appears whole or not at all ([`crate::durable`]). Uses
//! [`crate::history`].

pub mod export;
pub mod restore;
