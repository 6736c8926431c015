//! What members say of each other and of their clients.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign};
use super::super::pattern::Captures;
use crate::analysis::finding::Code;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "truncate-failed",
        family: "truncate",
        signs: &[
            sign("No log files found to truncate!"),
            sign("Not able to truncate the log 0x{zxid}"),
            sign("Not able to truncate the log {zxid}"),
            sign("Unable to truncate Txn log"),
        ],
        cause: "the leader told this member to drop transactions that were never committed, but its logs do not have the transaction to truncate after: they were deleted, or its snapshot is from another history",
        risk: Risk::Maybe,
        at_risk: "nothing that a quorum has; but this member's last transactions are in no other member's history",
        next: "copy this member's directory, empty its version-2 directories, and let it sync from the leader",
        findings: &[Code::TxnsMissing, Code::LogFork],
        facts: about_zxid,
        ..BLANK
    },
    // FileTxnLog.truncate: a later log could not be deleted, and the server goes on.
    Entry {
        id: "truncate-left-log",
        family: "truncate",
        signs: &[sign("Unable to truncate {file}")],
        since: "3.4.6, 3.5.0",
        weight: Weight::Loses,
        cause: "the leader told this member to drop transactions, but it could not delete a log that has only such ones, and went on",
        risk: Risk::Maybe,
        at_risk: "at its next start this member reads that log too, and has transactions that no other member has",
        next: "copy this member's directory, then move its version-2 aside and let it take the tree from the leader; find out who owns the file",
        findings: &[Code::LogFork],
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "truncated",
        signs: &[
            sign("Truncating log to get in sync with the leader 0x{zxid}"),
            sign("Sending TRUNC zxid=0x{zxid} for peer"),
        ],
        weight: Weight::Note,
        cause: "a member had transactions that were never committed, and drops them as instructed by the leader",
        risk: Risk::No,
        at_risk: "no client was ever told that those transactions succeeded, unless the other members were restored to an older state in the meantime",
        next: "if members were restored, copy that one's directory before it starts: what it drops may be what you want to keep",
        facts: about_zxid,
        ..BLANK
    },
    Entry {
        id: "client-ahead",
        signs: &[
            sign(
                "as it has seen zxid 0x{seen} our last zxid is 0x{last} client must try another server",
            ),
            sign("as it has seen zxid"),
        ],
        weight: Weight::Warning,
        cause: "a client has seen a later transaction than this member has: the member lags, or was restored to an older state in the old epoch",
        risk: Risk::Maybe,
        at_risk: "nothing if the member only lags; if all members were restored, what the client saw is lost",
        next: "if this persists, compare the members' last zxids. After a restore, restore again without --keep-zxid: zxids then begin above all that were seen",
        facts: about_seen,
        ..BLANK
    },
];

fn about_file(captures: &Captures) -> Vec<String> {
    let file = captures.get("file");
    file.map(|file| format!("the log is {file}"))
        .into_iter()
        .collect()
}

fn about_zxid(captures: &Captures) -> Vec<String> {
    let zxid = captures.hex_zxid("zxid");
    zxid.map(|zxid| format!("the transaction to truncate after is {zxid}"))
        .into_iter()
        .collect()
}

fn about_seen(captures: &Captures) -> Vec<String> {
    let (Some(seen), Some(last)) = (captures.hex_zxid("seen"), captures.hex_zxid("last")) else {
        return Vec::new();
    };
    let distance = if seen.epoch() == last.epoch() {
        let txns = i64::from(seen.counter()) - i64::from(last.counter());
        format!("{txns} transactions behind")
    } else {
        format!("epoch {} behind epoch {}", last.epoch(), seen.epoch())
    };
    vec![format!(
        "the client saw {seen}, but the server is at {last}: {distance}"
    )]
}
