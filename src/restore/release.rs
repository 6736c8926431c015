//! What a given release cannot hold, and what would become of it.
//!
//! | what | since | before, or without |
//! |---|---|---|
//! | containers | 3.5.1 | an ephemeral of a session that does not exist: a leader deletes it at its start, its followers do not |
//! | TTL nodes | 3.5.4 with `extendedTypesEnabled` | the same |
//! | data above `jute.maxbuffer` | never | "Unreasonable length": the snapshot is refused |
//! | a quota on `/` | never | no start at all (`DataTree.setupQuota`) |
//!
//! The limit is `jute.maxbuffer` (1,048,575 unless set), to which 3.4.6 to 3.5.6 add 1,024, and 3.5.7 and later as much again.

use crate::tree::{DataTree, Owner};
use std::fmt;
use std::str::FromStr;

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
    const fn new(major: u32, minor: u32, patch: u32) -> Release {
        Release {
            major,
            minor,
            patch,
        }
    }

    /// The longest buffer that it reads, as configured by default.
    fn buffer_len_max(self) -> usize {
        const MAX_BUFFER: usize = 0xf_ffff;
        match self {
            release if release < Release::new(3, 4, 6) => MAX_BUFFER,
            release if release < Release::new(3, 5, 7) => MAX_BUFFER + 1024,
            _ => 2 * MAX_BUFFER,
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

/// What `release` cannot hold of `tree`; and what any release needs for it. Without a release, only what none can hold is in the first.
pub(super) fn misfits(tree: &DataTree, release: Option<Release>) -> (Vec<String>, Vec<String>) {
    let (mut containers, mut ttls) = (0u64, 0u64);
    let mut largest = (0, Vec::new());
    for node in tree.nodes() {
        match tree.owner_of(node.stat) {
            Owner::Container => containers += 1,
            Owner::Ttl(_) => ttls += 1,
            Owner::Persistent | Owner::Session(_) => {}
        }
        let len = node.data.map_or(0, <[u8]>::len);
        if len > largest.0 {
            largest = (len, node.path.to_vec());
        }
    }
    let (mut warnings, mut notes) = (Vec::new(), Vec::new());
    let lost = "a leader of it deletes them at its start and its followers do not: the members would differ for good";
    if tree.quota_paths().iter().any(|path| path.is_empty()) {
        warnings.push("a quota is set on \"/\": no server starts on that; delete /zookeeper/quota/zookeeper_limits before the point".to_owned());
    }
    if containers > 0 && release.is_some_and(|release| release < Release::new(3, 5, 1)) {
        warnings.push(format!(
            "{containers} containers: {} has none (3.5.1 and later do); {lost}",
            shown(release)
        ));
    }
    if ttls > 0 && release.is_some_and(|release| release < Release::new(3, 5, 4)) {
        warnings.push(format!(
            "{ttls} TTL nodes: {} has none (3.5.4 and later do); {lost}",
            shown(release)
        ));
    } else if ttls > 0 {
        notes.push(format!("{ttls} TTL nodes: every member needs -Dzookeeper.extendedTypesEnabled=true, or its leader deletes them"));
    }
    let limit = release.map_or(0xf_ffff, Release::buffer_len_max);
    if largest.0 > limit {
        let text = format!(
            "\"{}\" has {} bytes of data: every member needs -Djute.maxbuffer={} or more, or refuses the snapshot (\"Unreasonable length\")",
            largest.1.escape_ascii(),
            largest.0,
            largest.0
        );
        if release.is_some() {
            warnings.push(text)
        } else {
            notes.push(text)
        }
    }
    (warnings, notes)
}

fn shown(release: Option<Release>) -> String {
    release
        .map(|release| release.to_string())
        .unwrap_or_default()
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
}
