//! One history out of many files: where it is read from, which zxids it holds, and the tree at any
//! point of it.
//!
//! A [`source`] is a data directory, an archive or a repository; its [`timeline`] is the zxids that
//! its logs hold, with their gaps; [`replay`] makes the tree at a point and says on what that
//! rests; [`query`] reads the txns themselves.
//!
//! Uses the floors below: [`crate::format`], [`crate::tree`], [`crate::archive`],
//! [`crate::repository`].

pub mod point;
pub mod query;
pub mod receipt;
pub mod replay;
pub mod source;
pub mod time;
pub mod timeline;
