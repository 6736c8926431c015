//! What servers notice while they apply txns to a snapshot.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::pattern::Captures;
use crate::analysis::finding::Code;

/// Frames of the code that applies transactions to the tree.
const REPLAYING: &[&str] = &[
    "FileTxnSnapLog.processTransaction",
    "FileTxnSnapLog.fastForwardFromEdits",
    "DataTree.processTxn",
    "DataTree.createNode",
    "DataTree.deleteNode",
    "DataTree.setData",
    "DataTree.killSession",
];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "txns-missing",
        signs: &[
            sign(
                "Committed proposal cached out of order: 0x{next} is not the next proposal of 0x{last}",
            ),
            sign("Committed proposal cached out of order"),
            sign("cached out of order"),
        ],
        since: "3.9.4",
        cause: "transactions are missing between two that the logs have: a log was lost, deleted or cut, or there was a SNAP sync from the leader, after which such a gap is normal",
        risk: Risk::Yes,
        at_risk: "what the missing transactions wrote, unless a snapshot after the gap has it. Releases up to 3.9.3 would have silently started and served the rest",
        next: "do not start an older release with it. Run `zoovault verify DIR`: it names the gap and the windows around it; another member's log or a backup may have those transactions",
        findings: &[Code::TxnsMissing],
        facts: about_gap,
        ..BLANK
    },
    Entry {
        id: "digest-mismatch",
        signs: &[
            sign("Digests are not matching. Value is Zxid. Last value:{zxid}"),
            sign("Digests are not matching. Value is Zxid. Value:{zxid}"),
            sign("First digest mismatch on txn: {session},{cxid},{zxid},"),
            sign("Digests are not matching"),
            sign("First digest mismatch on txn"),
        ],
        since: "3.6.0",
        weight: Weight::Loses,
        cause: "this member's tree is not the one that the leader had after that transaction: a transaction was lost, or applied differently (members of different releases do that), or file paths are not ASCII and the servers run with different default charsets. The server only logs it",
        risk: Risk::Yes,
        at_risk: "this member serves different data from the leader, from that transaction on",
        next: "copy the directories of all members, run `zoovault verify DIR` on each: one that is sound has the correct data. Then let the wrong member sync from it",
        findings: &[Code::DigestMismatch],
        facts: about_zxid,
        ..BLANK
    },
    Entry {
        id: "snapshot-not-covered",
        signs: &[
            sign(
                "Highest txn zxid 0x{highest} is not covering the snapshot digest zxid 0x{digest}",
            ),
            sign("is not covering the snapshot digest zxid"),
        ],
        since: "3.6.0",
        weight: Weight::Loses,
        cause: "the snapshot was written while transactions were applied, but the logs end before the last of those: logs are missing, or were not copied",
        risk: Risk::Yes,
        at_risk: "the tree is a mixture of before and after, and the server serves it",
        next: "stop the server. Run `zoovault verify DIR`: find the logs that are missing, or restore from an older snapshot",
        findings: &[Code::LastUnreachable, Code::TxnsMissing],
        facts: about_cover,
        ..BLANK
    },
    Entry {
        id: "acl-missing",
        signs: &[
            sign("Failed to fetch acls for {id}"),
            sign("ACL not available for long {id}"),
        ],
        cause: "a znode refers to an ACL list that the snapshot lacks. A snapshot that is written while clients set new ACLs can be so, and a later transaction gives the list; 3.8.4 and later of 3.8, and 3.9.2 and later, look before that transaction was applied, and refuse data that they wrote themselves",
        risk: Risk::No,
        at_risk: "the bytes are intact; it is the server that cannot load them. Older releases load them and can give such znodes the wrong list",
        next: "`zoovault verify DIR`, then `zoovault restore DIR --to latest --target NEW`: the replay keeps lists by value, and every release can load what it writes",
        findings: &[Code::SnapshotDanglingAcl, Code::AclUnresolved],
        facts: about_acl,
        ..BLANK
    },
    Entry {
        id: "acl-ignored",
        signs: &[sign("Ignoring acl {id} as it does not exist in the cache")],
        since: "3.4.9, 3.5.2",
        weight: Weight::Warning,
        cause: "a znode refers to an ACL list that the snapshot lacks, because clients set new ACLs while it was written",
        risk: Risk::Maybe,
        at_risk: "data is intact, but up to 3.9.1 the znode may end up with the ACL of another",
        next: "run `zoovault verify DIR`; where it shows snapshot-dangling-acl, compare ACLs that matter with those that `zoovault restore` gives",
        findings: &[Code::SnapshotDanglingAcl],
        facts: about_acl,
        ..BLANK
    },
    Entry {
        id: "quota-on-root",
        signs: &[
            sign_with(
                "Invalid path",
                &["PathTrie.addPath", "setupQuota", "traverseNode"],
            ),
            sign_with(
                "IllegalArgumentException",
                &["PathTrie.addPath", "setupQuota"],
            ),
        ],
        cause: "a quota was set on \"/\": no release starts with such a tree",
        risk: Risk::No,
        at_risk: "the files are intact, but no member starts with them",
        next: "restore to the point right before it was set: `zoovault restore DIR --to ZXID --exclusive --target NEW`; `zoovault explain DIR` names its zxid",
        findings: &[],
        ..BLANK
    },
    Entry {
        id: "ttl-out-of-range",
        signs: &[
            sign("ttl must be positive and cannot be larger than: {max}"),
            sign("Invalid ephemeralOwner. [{owner}]"),
        ],
        since: "3.5.3",
        cause: "a TTL znode has a TTL that this release does not accept (3.5.3 wrote others than later releases), or a session id looks like one (3.4.0 to 3.4.5 made such ids), with zookeeper.extendedTypesEnabled on",
        risk: Risk::No,
        at_risk: "the files are intact; this release or setting does not load them",
        next: "for data of 3.5.3 set zookeeper.emulate353TTLNodes too; otherwise `zoovault restore DIR --to latest --for-version RELEASE` warns about anything that release cannot load",
        ..BLANK
    },
    Entry {
        id: "parent-cversion",
        family: "keeper-error",
        signs: &[
            sign("Failed to set parent cversion for: {path}"),
            sign_with(
                "NoNodeException",
                &["processTransaction", "FileTxnSnapLog.restore"],
            ),
        ],
        weight: Weight::Warning,
        cause: "a transaction created a znode whose parent is missing: the snapshot does not belong to the logs, or transactions are missing",
        risk: Risk::Maybe,
        at_risk: "znodes may be missing",
        next: "run `zoovault verify DIR`: look for gaps and digest mismatches",
        findings: &[Code::TxnsMissing, Code::DigestMismatch],
        facts: about_path,
        ..BLANK
    },
    // Which value is missing, the frames do not show; FileTxnIterator.next is told apart in logs.
    Entry {
        id: "replay-null",
        family: "null",
        signs: &[sign_with("NullPointerException", REPLAYING)],
        cause: "the server met a transaction that does not fit its tree, or a record without its header, while it applied logs or requests. The message does not show which, nor whether the reason is damage, files of two histories, or a bug of this release",
        risk: Risk::Maybe,
        at_risk: "not known from the message; the files may be sound",
        next: "copy the directory, then run `zoovault verify DIR`: if it is sound, a later release of the same branch may load it; if not, it names file and zxid",
        findings: &[Code::TxnsMissing, Code::LogFork],
        ..BLANK
    },
    // DataTree.deleteNodes, on a snapshot that was written while sessions were closed.
    Entry {
        id: "ephemeral-gone",
        signs: &[sign(
            "Ignoring NoNodeException for path {path} while removing ephemeral",
        )],
        weight: Weight::Note,
        cause: "an ephemeral znode of a closed session was not there any more. That is usual while a server loads, because snapshots are written while transactions are applied",
        risk: Risk::No,
        at_risk: "the znode was to be deleted anyway",
        next: "nothing to do",
        ..BLANK
    },
    Entry {
        id: "quota-node-missing",
        signs: &[
            sign("Missing count node for"),
            sign("Missing stat node for bytes"),
            sign("Missing quota node for bytes"),
            sign("Missing node for stat {path}"),
            sign("Missing limit node for quota {path}"),
            sign("Missing quota stat node {path}"),
        ],
        weight: Weight::Warning,
        cause: "a quota is set, but one of its two znodes below /zookeeper/quota is not there",
        risk: Risk::No,
        at_risk: "only the counting of that quota is wrong",
        next: "delete the quota and set it again with the command-line client",
        ..BLANK
    },
    // DataTree.compareSnapshotDigests, through RateLogger, which prints the braces as they are.
    Entry {
        id: "snapshot-digest-missing",
        signs: &[
            sign("The txn 0x{braces} of snapshot digest does not exist. Value:{zxid}"),
            sign("The txn 0x{braces} of snapshot digest does not exist. Last value:{zxid}"),
            sign("of snapshot digest does not exist"),
        ],
        since: "3.6.0",
        weight: Weight::Warning,
        cause: "the snapshot has a digest of the tree as of one transaction, but the logs do not have that transaction, so the tree was never compared with it: logs are missing, or were not copied",
        risk: Risk::Maybe,
        at_risk: "what the missing transactions wrote; the server does not look whether any are missing",
        next: "run `zoovault verify DIR`: it names gaps, and the windows that can be restored exactly",
        findings: &[Code::TxnsMissing],
        facts: about_hex_zxid,
        ..BLANK
    },
    Entry {
        id: "txn-failed",
        family: "keeper-error",
        signs: &[sign("Failed to process transaction type: {type} error: ")],
        weight: Weight::Frame,
        cause: "a transaction in a log could not be applied; the text after \"error:\" gives the reason",
        risk: Risk::Maybe,
        at_risk: "the server does not start",
        next: "run `zoovault verify DIR`",
        ..BLANK
    },
];

fn about_gap(captures: &Captures) -> Vec<String> {
    let (Some(next), Some(last)) = (captures.hex_zxid("next"), captures.hex_zxid("last")) else {
        return Vec::new();
    };
    let missing = next
        .to_i64()
        .saturating_sub(last.to_i64())
        .saturating_sub(1);
    if missing == 1 {
        return vec![format!("transaction {} is missing", last.next())];
    }
    vec![format!(
        "transactions {} to {} are missing: {missing}",
        last.next(),
        next.prev()
    )]
}

fn about_zxid(captures: &Captures) -> Vec<String> {
    let zxid = captures.decimal_zxid("zxid");
    zxid.map(|zxid| format!("the transaction is {zxid}"))
        .into_iter()
        .collect()
}

fn about_hex_zxid(captures: &Captures) -> Vec<String> {
    let zxid = captures.hex_zxid("zxid");
    zxid.map(|zxid| format!("the transaction is {zxid}"))
        .into_iter()
        .collect()
}

fn about_cover(captures: &Captures) -> Vec<String> {
    match (captures.hex_zxid("highest"), captures.hex_zxid("digest")) {
        (Some(highest), Some(digest)) => vec![format!(
            "the logs end with {highest}, but the snapshot needs them up to {digest}"
        )],
        _ => Vec::new(),
    }
}

fn about_acl(captures: &Captures) -> Vec<String> {
    let id = captures.decimal("id");
    id.map(|id| format!("the missing list has id {id}"))
        .into_iter()
        .collect()
}

fn about_path(captures: &Captures) -> Vec<String> {
    let path = captures.get("path");
    path.map(|path| format!("the parent is {path}"))
        .into_iter()
        .collect()
}
