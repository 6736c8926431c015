//! What a given release cannot hold, and what would become of it.
//!
//! | what | since | before, or without |
//! |---|---|---|
//! | containers | 3.5.1 | an ephemeral of a session that does not exist: a leader deletes it at its start, its followers do not |
//! | TTL nodes | 3.5.4 with `extendedTypesEnabled` | the same |
//! | data above `jute.maxbuffer` | never | "Unreasonable length": the snapshot is refused |
//! | a quota on `/` | never | no start at all (`DataTree.setupQuota`) |
//!
//! The limit is `jute.maxbuffer` (1,048,575 unless set), to which 3.4.6 to 3.5.6 add 1,024, and
//! 3.5.7 and later as much again.

use crate::format::release::{MAX_BUFFER, Release};
use crate::tree::{DataTree, Owner};

/// What `release` cannot hold of `tree`; and what any release needs for it. Without a release, only
/// what none can hold is in the first.
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
    let lost = "its leaders delete them on start but its followers do not: the members would differ permanently";
    if tree.quota_paths().iter().any(|path| path.is_empty()) {
        warnings.push("a quota is set on \"/\": no server starts with that; delete /zookeeper/quota/zookeeper_limits before the point".to_owned());
    }
    if containers > 0 && release.is_some_and(|release| release < Release::new(3, 5, 1)) {
        warnings.push(format!(
            "{containers} containers: {} does not support them (3.5.1 and later do); {lost}",
            shown(release)
        ));
    }
    if ttls > 0 && release.is_some_and(|release| release < Release::new(3, 5, 4)) {
        warnings.push(format!(
            "{ttls} TTL nodes: {} does not support them (3.5.4 and later do); {lost}",
            shown(release)
        ));
    } else if ttls > 0 {
        notes.push(format!("{ttls} TTL nodes: every member needs -Dzookeeper.extendedTypesEnabled=true, or its leader deletes them"));
    }
    let extra = release.map_or(0, |release| release.extra_buffer_len(MAX_BUFFER));
    let limit = usize::try_from(MAX_BUFFER + extra).unwrap_or_default();
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
