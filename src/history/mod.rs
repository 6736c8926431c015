//! One history out of many files: where it is read from, which zxids it holds, and the tree at any
//! point of it.
//!
//! A [`source`] is a data directory, an archive or a repository; its [`timeline`] is the zxids that
//! its logs hold, with their gaps; together they are a [`History`]. [`replay`] makes the tree at a
//! point of it and says on what that rests; [`query`] reads the txns themselves.
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

use crate::error::Error;
use replay::Base;
use source::Source;
use std::sync::OnceLock;
use timeline::Timeline;

/// The history that a source holds. [`timeline`] and [`replay`] say what can be asked of it.
#[derive(Debug)]
pub struct History<'a> {
    /// Where it is read from.
    pub source: &'a Source,
    /// Its txns.
    pub timeline: Timeline,
    /// Its bases, and why other snapshots are none; looked for when they are first asked for.
    bases: OnceLock<(Vec<Base>, Vec<Error>)>,
}

impl<'a> History<'a> {
    /// The txns of `timeline`, which are those of `source`.
    fn new(source: &'a Source, timeline: Timeline) -> History<'a> {
        History {
            source,
            timeline,
            bases: OnceLock::new(),
        }
    }
}
