//! Releases of ZooKeeper, as far as their numbers matter: what a file may hold, and what a server
//! makes of it, depends on them.

use std::fmt;
use std::str::FromStr;

/// `jute.maxbuffer` where nobody set it.
pub const MAX_BUFFER: i32 = 0xf_ffff;

/// The releases whose servers are known, branch by branch.
pub const RELEASES: &[&str] = &[
    "3.4.6", "3.4.7", "3.4.8", "3.4.9", "3.4.10", "3.4.11", "3.4.12", "3.4.13", "3.4.14", "3.5.0",
    "3.5.1", "3.5.2", "3.5.3", "3.5.4", "3.5.5", "3.5.6", "3.5.7", "3.5.8", "3.5.9", "3.5.10",
    "3.6.0", "3.6.1", "3.6.2", "3.6.3", "3.6.4", "3.7.0", "3.7.1", "3.7.2", "3.8.0", "3.8.1",
    "3.8.2", "3.8.3", "3.8.4", "3.8.5", "3.8.6", "3.9.0", "3.9.1", "3.9.2", "3.9.3", "3.9.4",
    "3.9.5",
];

/// A release of ZooKeeper, as far as its number matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// 3, so far.
    pub major: u32,
    /// Such as 8.
    pub minor: u32,
    /// Such as 4. A branch without one stands for its last release.
    pub patch: u32,
}

impl Release {
    /// Such as 3, 9, 4.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Release {
        Release {
            major,
            minor,
            patch,
        }
    }

    /// Whether it has what came with `firsts`: one release a branch, in their order, and every
    /// branch behind the last of them.
    pub fn has(self, firsts: &[(u32, u32)]) -> bool {
        let of_branch = firsts.iter().find(|(minor, _)| *minor == self.minor);
        match of_branch {
            Some((_, patch)) => self.patch >= *patch,
            None => firsts.last().is_none_or(|(minor, _)| *minor < self.minor),
        }
    }

    /// How much more than `jute.maxbuffer` one buffer may have, and still be read: the earliest
    /// added nothing, and those since 3.5.7 add as much again (`BinaryInputArchive`).
    pub fn extra_buffer_len(self, max_buffer: i32) -> i32 {
        match self {
            release if release < Release::new(3, 4, 6) => 0,
            release if release < Release::new(3, 5, 7) => 1024,
            _ => max_buffer.max(1024),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patch {
            u32::MAX => write!(f, "{}.{}", self.major, self.minor),
            patch => write!(f, "{}.{}.{patch}", self.major, self.minor),
        }
    }
}

impl FromStr for Release {
    type Err = String;

    fn from_str(text: &str) -> Result<Release, String> {
        let bad = || format!("'{text}' is not a release: write 3.9 or 3.9.4");
        let mut numbers = text
            .split('.')
            .map(|number| number.parse::<u32>().map_err(|_| bad()));
        let release = Release {
            major: numbers.next().ok_or_else(bad)??,
            minor: numbers.next().ok_or_else(bad)??,
            patch: numbers.next().transpose()?.unwrap_or(u32::MAX),
        };
        if numbers.next().is_some() || release < Release::new(3, 4, 0) {
            return Err(format!("{}; releases before 3.4 are not known", bad()));
        }
        Ok(release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_two_or_three_numbers_and_a_branch_is_its_last_release() {
        assert_eq!("3.4.14".parse(), Ok(Release::new(3, 4, 14)));
        assert!("3.5".parse::<Release>().unwrap() > Release::new(3, 5, 10));
        assert_eq!("3.5".parse::<Release>().unwrap().to_string(), "3.5");
        for bad in ["", "3", "three", "3.9.4.1", "3.3.6", "3.x"] {
            assert!(bad.parse::<Release>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_was_added_to_two_branches_is_in_those_behind_them_and_in_none_between() {
        let firsts = [(4, 9), (5, 2)];
        let has = |text: &str| text.parse::<Release>().unwrap().has(&firsts);
        assert!(has("3.4.9") && has("3.4.14") && has("3.5.2") && has("3.6.0") && has("3.9"));
        assert!(!has("3.4.8") && !has("3.5.1"));
        let late: Release = "3.7.2".parse().unwrap();
        assert!(!late.has(&[(8, 4), (9, 2)]));
    }
}
