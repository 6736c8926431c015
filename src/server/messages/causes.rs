//! What follows from what: of everything in a log, the first causes, and their consequences.

use super::Explanation;
use super::entry::{Entry, Weight};
use std::cmp::Reverse;

/// What is known of an entry in a log.
#[derive(Debug)]
pub(super) struct Found {
    pub explanation: Explanation,
    /// Where it was first.
    pub server: String,
    /// The number of that message, from 1.
    pub event: u64,
    /// How many exceptions it was below that message.
    pub depth: usize,
    /// How many facts that message had.
    pub facts: usize,
    /// The start in which it was last.
    pub start: u64,
    /// What the rest of that message follows from, if it is something else.
    pub cause: Option<&'static Entry>,
}

/// Why a server could not write a file to its end.
const DISK: &[&str] = &[
    "disk-failing",
    "disk-full",
    "file-too-large",
    "file-vanished",
    "files-exhausted",
    "read-only",
];
/// Files of a server that are damaged or cut; the server goes on with what is left, or refuses.
const BROKEN_FILES: &[&str] = &[
    "eof",
    "epoch-accepted-behind",
    "epoch-current-behind",
    "epoch-unreadable",
    "epoch-unwritten",
    "log-checksum",
    "log-empty-deleted",
    "log-empty-not-deleted",
    "log-eof-in-header",
    "log-magic",
    "log-null-length",
    "log-partial",
    "no-valid-snapshot",
    "snapshot-checksum",
    "snapshot-compression",
    "snapshot-empty-deleted",
    "snapshot-eof",
    "snapshot-magic",
    "snapshot-skipped",
    "snapshot-unread",
];
/// A snapshot that a server passed over.
const BROKEN_SNAPSHOTS: &[&str] = &[
    "length-in-snapshot",
    "snapshot-checksum",
    "snapshot-compression",
    "snapshot-eof",
    "snapshot-magic",
    "snapshot-orphan",
    "snapshot-skipped",
];
/// Transactions that a server does not have.
const LOST_TXNS: &[&str] = &[
    "commit-without-proposal",
    "log-partial",
    "no-snapshot-trusted",
    "snapshot-not-covered",
    "txns-missing",
];

/// Causes, and what can follow from them in a later message of the same server.
const LEADS_TO: &[(&[&str], &[&str])] = &[
    (DISK, BROKEN_FILES),
    (
        BROKEN_SNAPSHOTS,
        &[
            "no-snapshot",
            "no-snapshot-trusted",
            "no-valid-snapshot",
            "txns-missing",
        ],
    ),
    (
        LOST_TXNS,
        &[
            "client-ahead",
            "digest-mismatch",
            "parent-cversion",
            "truncate-failed",
            "txn-failed",
            "txns-missing",
        ],
    ),
    (&["peer-unreachable"], &["leader-timeout", "quorum-lost"]),
    (
        &["leader-timeout", "peer-unreachable", "quorum-lost"],
        &["not-serving", "client-connection-lost"],
    ),
];

/// The first causes, in the order in which they appeared; first those because of which a server
/// stopped or lacks data, then warnings, then the rest.
pub(super) fn fold(mut found: Vec<Found>) -> Vec<Explanation> {
    found.sort_by_key(|found| (found.event, Reverse(found.depth)));
    let parents: Vec<Option<usize>> = found.iter().map(|one| parent(one, &found)).collect();
    let mut roots: Vec<(usize, Explanation)> = Vec::new();
    let mut consequences = Vec::new();
    for (index, one) in found.into_iter().enumerate() {
        match root(index, &parents) {
            root if root == index => roots.push((index, one.explanation)),
            root => consequences.push((root, one.explanation)),
        }
    }
    for (cause, consequence) in consequences {
        let root = roots.iter_mut().find(|(index, _)| *index == cause);
        if let Some((_, root)) = root {
            root.led_to.push(consequence);
        }
    }
    let mut explanations: Vec<Explanation> = roots.into_iter().map(|(_, root)| root).collect();
    explanations.sort_by_key(|root| (Reverse(rank(root.worst())), root.line_number));
    explanations
}

/// How many messages are known, and how many facts, where each was first.
pub(super) fn known(found: &[Found]) -> (usize, usize) {
    found.iter().fold((0, 0), |(messages, facts), found| {
        (messages + 1, facts + found.facts)
    })
}

/// What is told first. A server that stopped and one that lacks data matter alike.
fn rank(weight: Weight) -> u8 {
    match weight {
        Weight::Refuses | Weight::Loses => 2,
        Weight::Warning | Weight::Frame => 1,
        Weight::Note => 0,
    }
}

/// The index of what `one` directly follows from.
fn parent(one: &Found, all: &[Found]) -> Option<usize> {
    let id = one.explanation.entry.id;
    let of_message = |cause: &&'static Entry| {
        let is_it = |other: &Found| other.explanation.entry.id == cause.id;
        all.iter().position(is_it)
    };
    let earlier = |other: &Found| {
        other.event < one.event
            && other.server == one.server
            && leads_to(other.explanation.entry.id, id)
    };
    one.cause
        .as_ref()
        .and_then(of_message)
        .or_else(|| all.iter().position(earlier))
        .or_else(|| near(one, all))
}

/// What only says that something went wrong belongs to the last thing before it that did, or to the
/// next.
fn near(one: &Found, all: &[Found]) -> Option<usize> {
    if one.explanation.entry.weight != Weight::Frame {
        return None;
    }
    let is_cause =
        |other: &Found| other.explanation.entry.weight > Weight::Note && other.server == one.server;
    let before = all
        .iter()
        .rposition(|other| is_cause(other) && other.event <= one.event);
    before.or_else(|| all.iter().position(is_cause))
}

fn leads_to(cause: &str, consequence: &str) -> bool {
    LEADS_TO.iter().any(|(causes, consequences)| {
        causes.contains(&cause) && consequences.contains(&consequence)
    })
}

/// The first of those from which `index` follows.
fn root(index: usize, parents: &[Option<usize>]) -> usize {
    let mut at = index;
    for _ in 0..parents.len() {
        match parents.get(at).copied().flatten() {
            Some(parent) => at = parent,
            None => break,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::entries;
    use super::*;

    #[test]
    fn causes_and_consequences_are_entries() {
        for (causes, consequences) in LEADS_TO {
            for id in causes.iter().chain(*consequences) {
                assert!(entries().any(|entry| entry.id == *id), "{id}");
            }
        }
    }
}
