//! How long servers let a record be.

use super::thrown::{Result, Thrown};

/// How long a buffer or a string may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub(super) max: usize,
    /// Up to 3.4.6 and in 3.5.0, strings were read whatever their length.
    pub(super) checks_strings: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max: usize::MAX,
            checks_strings: true,
        }
    }
}

impl Limits {
    /// The length of a buffer.
    pub fn buffer(self, length: i32) -> Result<usize> {
        let len = usize::try_from(length).ok().filter(|len| *len <= self.max);
        len.ok_or_else(|| Thrown::io(format!("Unreasonable length = {length}")))
    }

    /// The length of a string.
    pub fn string(self, length: i32) -> Result<usize> {
        if self.checks_strings {
            return self.buffer(length);
        }
        let negative = "java.lang.NegativeArraySizeException";
        usize::try_from(length).map_err(|_| Thrown::Unchecked(negative, length.to_string()))
    }
}
