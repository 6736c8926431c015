//! How long servers let a record be.

use super::cohort::Cohort;
use super::thrown::{Result, Thrown};

/// How long a buffer or a string may be.
#[derive(Clone, Copy, Debug)]
pub enum Limits<'a> {
    /// Any length.
    None,
    /// What these servers read.
    Of(&'a Cohort),
}

impl Limits<'_> {
    /// The length of a buffer.
    pub fn buffer(self, length: i32) -> Result<usize> {
        match self {
            Limits::None => usize::try_from(length).map_err(|_| Thrown::unreasonable(length)),
            Limits::Of(cohort) => cohort.buffer(length),
        }
    }

    /// The length of a string.
    pub fn string(self, length: i32) -> Result<usize> {
        match self {
            Limits::None => usize::try_from(length).map_err(|_| Thrown::unreasonable(length)),
            Limits::Of(cohort) => cohort.string(length),
        }
    }
}
