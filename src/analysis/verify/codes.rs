//! Every code that a finding can have, with what it means: the one table behind
//! `man/zoovault-findings.7`.

use super::Severity;

/// What a code means, whatever the file.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// As findings have it.
    pub name: &'static str,
    /// How bad it can be; which of them depends on what else is there.
    pub severities: &'static [Severity],
    /// What was found.
    pub meaning: &'static str,
    /// What servers make of it.
    pub server: &'static str,
    /// The next safe step.
    pub next: &'static str,
}

/// What is known of the code `name`.
pub fn find(name: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.name == name)
}

const INFO: &[Severity] = &[Severity::Info];
const INFO_OR_WARNING: &[Severity] = &[Severity::Info, Severity::Warning];
const WARNING: &[Severity] = &[Severity::Warning];
const MISSING: &[Severity] = &[Severity::Missing];
const DAMAGE: &[Severity] = &[Severity::Damage];
const WARNING_OR_MISSING: &[Severity] = &[Severity::Warning, Severity::Missing];
const WARNING_OR_DAMAGE: &[Severity] = &[Severity::Warning, Severity::Damage];

const OTHER_COPY: &str = "get this log from another member or a backup; or restore up to the transaction before the damage";
const KEEP_OLDER: &str = "keep the older snapshots and the logs after them, and do not run PurgeTxnLog: it may count this file as valid and delete those";

const fn code(
    name: &'static str,
    severities: &'static [Severity],
    meaning: &'static str,
    server: &'static str,
    next: &'static str,
) -> Code {
    Code {
        name,
        severities,
        meaning,
        server,
        next,
    }
}

/// The codes, by name.
pub const ALL: &[Code] = &[
    code(
        "acl-unresolved",
        DAMAGE,
        "The ACL of a znode is unknown: the snapshot lacks the list that the znode refers to, and no later transaction provides it.",
        "3.8.4 and later of 3.8, and 3.9.2 and later, can refuse to start (\"Failed to fetch acls for\"); others start, but may give the znode another znode's list.",
        "restore from another base, another member or a backup; zoovault does not guess",
    ),
    code(
        "archive-window",
        DAMAGE,
        "The manifest of an archive claims points that its files do not support.",
        "Servers never read an archive.",
        "use another copy, or export it again",
    ),
    code(
        "base-unproven",
        WARNING,
        "A snapshot does not record when it was finished; this is inferred from the next snapshot or from the last transaction.",
        "They start.",
        "if that matters, restore to points that later snapshots or digests prove",
    ),
    code(
        "close-uncertain",
        WARNING,
        "Sessions were closed while the only base was being written, and releases up to 3.5 do not log what this deleted.",
        "They start. The pzxid of a parent may differ between members.",
        "restore from a later snapshot if that pzxid matters",
    ),
    code(
        "counter-near-end",
        WARNING,
        "The counter of the last zxid is above 0xf0000000: less than a sixteenth of its range is left.",
        "From 3.4.3 on, a leader steps down before the counter runs out, and an election begins a new epoch. A standalone server, or an earlier leader, continues with counter 0 of the next epoch, which is a transaction like any other.",
        "restart the leader at a quiet time, to force an election",
    ),
    code(
        "cversion-near-end",
        WARNING,
        "A parent's cversion is near its maximum, 2147483647. The names of sequential znodes are made from it.",
        "Past the maximum, sequential names are negative, or already exist, depending on the release.",
        "move its clients to a new parent",
    ),
    code(
        "digest-mismatch",
        DAMAGE,
        "The digest of the rebuilt tree does not match the one that the leader recorded: a transaction is missing or was changed.",
        "3.6 and later start anyway and log \"Digests are not matching\"; earlier ones notice nothing.",
        "restore to an earlier point, or from another member or a backup",
    ),
    code(
        "ephemerals-uncovered",
        WARNING,
        "The last tree has ephemerals of unknown sessions.",
        "A standalone server or a leader deletes them when it starts; followers with the same files keep them, and the members differ from then on.",
        "restore with --ephemerals drop",
    ),
    code(
        "epoch-end-unproven",
        WARNING,
        "An epoch ends within the window, and nothing proves that no transaction is missing or was abandoned at its end.",
        "They start: servers cannot detect this.",
        "servers cannot detect this; confirm with a member that has these transactions",
    ),
    code(
        "epoch-file-missing",
        WARNING,
        "acceptedEpoch or currentEpoch is missing from the directory of a member whose history is past epoch 0.",
        "They create it from the last zxid (\"not found! Creating with a reasonable default\"). A member that had promised a later epoch, or was in one without transactions, forgets that; if the other file has a later one, it may refuse to start. A standalone server never checks.",
        "restore: it writes both; or use both files from a backup of this member's directory",
    ),
    code(
        "epoch-files",
        WARNING_OR_DAMAGE,
        "acceptedEpoch or currentEpoch is not a number, or the two and the last zxid contradict each other.",
        "A member of an ensemble refuses to start (\"The current epoch, X, is older than the last zxid\", \"The accepted epoch, X is less than the current epoch\", \"Found X in\"); a standalone server never checks.",
        "restore: it writes both. Do not edit them while other members run: an epoch that was used must not be reused",
    ),
    code(
        "file-leftover",
        INFO,
        "A file was left behind by a write that did not finish (*.tmp, updatingEpoch).",
        "Mostly ignored. currentEpoch.tmp (3.5.10, 3.6.3, 3.7.1, 3.8.0 and later) and updatingEpoch (3.4.6 to 3.4.14) are used if currentEpoch is behind.",
        "leave it until the server runs again; then it can be deleted",
    ),
    code(
        "file-lookalike",
        WARNING,
        "A file has a name that no server writes, such as log.5.bak or snapshot.5.old.",
        "3.6 and later read it as a log or snapshot; earlier ones do not.",
        "move it out of the directory",
    ),
    code(
        "file-misplaced",
        WARNING,
        "There are logs in the dataDir or snapshots in the dataLogDir, although the two differ.",
        "3.4.12, 3.5.4, 3.6 and later refuse to start (\"Snapshot directory has log files\", \"Log directory has snapshot files\"); earlier ones do not see the files.",
        "move each file to where it belongs: version-2 of dataDir has snapshots, version-2 of dataLogDir logs",
    ),
    code(
        "file-unreadable",
        DAMAGE,
        "A file cannot be read, or not to its end: a bad sector, permissions, a dangling link, a directory or a pipe in its place. If the beginning of a log can be read, its complete records are used.",
        "No server that reads such a log starts (\"FileNotFoundException\", \"Input/output error\"). They skip such a snapshot and continue with the next older one.",
        "if the disk is failing, first copy everything readable to another one; then get the file from another copy, or restore from another member",
    ),
    code(
        "last-unreachable",
        MISSING,
        "The last transactions cannot be restored: something before them is missing or damaged.",
        "They may start and report the last zxid, with znodes missing or wrong.",
        "restore up to the point named, or find what is missing on another member or in a backup",
    ),
    code(
        "log-all-zeros",
        DAMAGE,
        "A log contains only zeros: its blocks never reached the disk, or were wiped.",
        "No server that reads this log starts: \"has invalid magic number\".",
        "get the file from another copy, or restore from another member",
    ),
    code(
        "log-bad-checksum",
        DAMAGE,
        "The checksum of a record does not match its bytes.",
        "No server that reads this log starts: \"CRC check failed\".",
        OTHER_COPY,
    ),
    code(
        "log-bad-end-mark",
        DAMAGE,
        "A record does not end with its mark, and more follows.",
        "All servers drop the rest of the log (\"Last transaction was partial.\") and continue with the next: silently up to 3.9.3, while 3.9.4 and later then refuse the gap (\"cached out of order\").",
        OTHER_COPY,
    ),
    code(
        "log-bad-length",
        DAMAGE,
        "A record has an impossible length.",
        "They refuse to start (\"Unreasonable length\"; a NullPointerException for -1), or drop the rest of the log if the length points past its end: silently up to 3.9.3, while 3.9.4 and later then refuse the gap (\"cached out of order\").",
        OTHER_COPY,
    ),
    code(
        "log-bad-magic",
        DAMAGE,
        "A log does not begin with \"ZKLG\". Complete records after that are counted, but not used.",
        "No server that reads this log starts: \"has invalid magic number\".",
        "get the file from another copy, or restore from another member",
    ),
    code(
        "log-bad-record",
        DAMAGE,
        "The body of a record does not match its type.",
        "All servers treat it as the end of the log and drop the rest: silently up to 3.9.3, while 3.9.4 and later then refuse the gap (\"cached out of order\").",
        OTHER_COPY,
    ),
    code(
        "log-clock-step",
        INFO,
        "The leader's clock stepped back, so times do not increase with zxids.",
        "They never check.",
        "use zxids, not times, for points around that moment",
    ),
    code(
        "log-cut",
        DAMAGE,
        "A log ends in the middle of a record, and the transactions that follow are not in the next log.",
        "All servers treat it as the end and continue with the next log; 3.9.4 and later may refuse (\"cached out of order\").",
        "get this log from another member or a backup",
    ),
    code(
        "log-cut-header",
        WARNING_OR_DAMAGE,
        "A log ends within its first 16 bytes. If it is the newest log, a crash right after it was created leaves it so.",
        "No server that reads this log starts: \"EOFException\" in FileHeader.deserialize.",
        "the newest one can be moved away; get any other from another copy",
    ),
    code(
        "log-empty",
        WARNING_OR_DAMAGE,
        "A log has zero bytes. If it is the newest log, a crash or a full disk leaves it so.",
        "Up to 3.9.2, no server that reads this log starts (\"EOFException\" in FileHeader.deserialize); 3.9.3 and later delete it if it is the newest.",
        "the newest one can be moved away; get any other from another copy",
    ),
    code(
        "log-fork",
        DAMAGE,
        "Two logs have different transactions for the same zxid.",
        "They apply both, in the order of file names.",
        "one of the two belongs to another history: find out which, and move it away",
    ),
    code(
        "log-garbage",
        DAMAGE,
        "Nonzero bytes follow the end of a log.",
        "They never read it.",
        OTHER_COPY,
    ),
    code(
        "log-large-record",
        INFO,
        "A record is larger than a server reads with default settings.",
        "Without -Djute.maxbuffer of that size they refuse to start: \"Unreasonable length\". 3.5.7, 3.6 and later allow twice jute.maxbuffer, earlier ones about one times.",
        "start every member with -Djute.maxbuffer of that size",
    ),
    code(
        "log-more-faults",
        DAMAGE,
        "A log has more faults than are listed individually.",
        "As for the faults listed.",
        "get this log from another member or a backup",
    ),
    code(
        "log-name-mismatch",
        WARNING,
        "A log begins with a different zxid from the one in its name.",
        "They choose logs by name, and may skip this one or read it too early.",
        "restore: it writes files with the right names",
    ),
    code(
        "log-odd-header",
        WARNING,
        "A log's header has a version or a dbid that servers do not write.",
        "They check neither.",
        "find out which program wrote it",
    ),
    code(
        "log-odd-trailer",
        WARNING,
        "Records have bytes after body and digest.",
        "They ignore them.",
        "find out which program wrote it",
    ),
    code(
        "log-torn-tail",
        WARNING,
        "A write was cut short at the end of a log. The transaction was never acknowledged.",
        "They treat it as the end of the log.",
        "nothing to do",
    ),
    code(
        "log-unknown-type",
        DAMAGE,
        "A record has a type that no release writes.",
        "No server that reads it starts: \"Unsupported Txn with type\".",
        OTHER_COPY,
    ),
    code(
        "log-version-two",
        DAMAGE,
        "A log of ZooKeeper 2, which had no header and no checksums. It is not read.",
        "No server from 3.4 on that reads this log starts: \"has invalid magic number\".",
        "move it away if the history was migrated to ZooKeeper 3; otherwise migrate it with 3.4's org.apache.zookeeper.server.upgrade.UpgradeMain",
    ),
    code(
        "log-zxid-order",
        WARNING,
        "Zxids go backwards within a log, which no server writes.",
        "They apply all records in the order of the file (\"(highestZxid) > N(next log)\").",
        "find out which program wrote it, and compare with another member",
    ),
    code(
        "logs-missing",
        WARNING,
        "There are snapshots but no logs.",
        "They start from the newest snapshot.",
        "if there is a separate dataLogDir, give it with --data-log-dir; otherwise the logs were lost or not copied",
    ),
    code(
        "nothing-exact",
        WARNING,
        "There are only snapshots without logs: none is known to have been finished before later transactions were applied.",
        "A server starts from the newest of them; it cannot detect this.",
        "look for the logs (a separate dataLogDir?); `restore --accept-unproven` uses a snapshot as it is",
    ),
    code(
        "nothing-restorable",
        MISSING,
        "There is no sound snapshot with the transactions after it, and no log begins with the first transaction.",
        "3.5.3 and later refuse to start without any snapshot (\"No snapshot found, but there are log entries\"); others start with whatever they find.",
        "look for older snapshots, another member, or a backup",
    ),
    code(
        "object-damaged",
        DAMAGE,
        "An object of a repository is missing or differs from what was stored, and so is the log or snapshot that it is part of.",
        "Servers never read a repository.",
        "zoovault check shows what is damaged, and what is lost; points that do not need the object can be restored",
    ),
    code(
        "snapshot-alone",
        WARNING,
        "A snapshot has no logs, so it is not known when it was finished. None of its znodes shows a later transaction, but it may still contain deletes, ACLs and sessions of later transactions.",
        "Servers start from it as it is.",
        "find its logs (a separate dataLogDir?); `restore --accept-unproven` uses it as it is",
    ),
    code(
        "snapshot-alone-inexact",
        WARNING,
        "A snapshot has no logs, and it shows later transactions, contradicts its own digest, or lacks ACLs: its tree never existed.",
        "Servers start from it, and serve a tree that no client ever saw.",
        "find its logs (a separate dataLogDir?); `ls --as-is` and others show what is in it",
    ),
    code(
        "snapshot-bad-checksum",
        DAMAGE,
        "The seal of a snapshot does not match its bytes.",
        "They notice (\"CRC corruption\") and continue with the next older snapshot; if there is none: \"Not able to find valid snapshots\".",
        KEEP_OLDER,
    ),
    code(
        "snapshot-bad-compression",
        DAMAGE,
        "The compressed stream of a snapshot is broken.",
        "They continue with the next older snapshot.",
        KEEP_OLDER,
    ),
    code(
        "snapshot-bad-magic",
        DAMAGE,
        "A snapshot does not begin with \"ZKSN\".",
        "They continue with the next older snapshot: \"mismatching magic headers\".",
        KEEP_OLDER,
    ),
    code(
        "snapshot-cut",
        WARNING_OR_DAMAGE,
        "A snapshot ends too early: its server was killed, or its disk was full, while it was being written. A warning if nothing is lost.",
        "They continue with the next older snapshot.",
        KEEP_OLDER,
    ),
    code(
        "snapshot-damaged",
        DAMAGE,
        "A snapshot contradicts itself.",
        "They continue with the next older snapshot, if they notice.",
        KEEP_OLDER,
    ),
    code(
        "snapshot-dangling-acl",
        INFO,
        "Znodes of a snapshot refer to ACL lists that it lacks. That is legal if transactions are applied while it is being written.",
        "3.8.4 and later of 3.8, and 3.9.2 and later, can refuse to start from it (\"Failed to fetch acls for\"); 3.6 to 3.9.1 may give znodes the wrong list.",
        "restore: it writes every list",
    ),
    code(
        "snapshot-differs",
        DAMAGE,
        "A snapshot is not what the transactions before it can have led to: a transaction is missing or was changed, or the snapshot belongs to another history.",
        "They never compare, and serve what is in the snapshot that they load.",
        "trust neither without more evidence: compare with another member or a backup",
    ),
    code(
        "snapshot-differs-sessions",
        WARNING,
        "A snapshot and the transactions before it disagree about a session.",
        "They use the sessions of the snapshot that they load.",
        "nothing to do unless ephemerals matter; then restore with --ephemerals drop",
    ),
    code(
        "snapshot-free-name",
        INFO_OR_WARNING,
        "A single snapshot has a name that no server uses, as with snapshots streamed by the AdminServer. A warning if nothing shows that its znodes are from one moment.",
        "They look for snapshot.HEX, and never find it; POST /commands/restore of 3.9 loads it as it is.",
        "restore from it or, if nothing proves it, from the dataDir of a member, which has the logs",
    ),
    code(
        "snapshot-large-data",
        INFO,
        "A znode's data is larger than a server reads with default settings.",
        "Without -Djute.maxbuffer of that size they refuse this snapshot: \"Unreasonable length\".",
        "start every member with -Djute.maxbuffer of that size",
    ),
    code(
        "snapshot-missing-parent",
        DAMAGE,
        "A znode of a snapshot comes before its parent, or has none.",
        "They continue with the next older snapshot: \"Invalid Datatree, unable to find parent\".",
        KEEP_OLDER,
    ),
    code(
        "snapshot-odd-header",
        WARNING,
        "A snapshot's header has a version or a dbid that servers do not write.",
        "They check neither.",
        "find out which program wrote it",
    ),
    code(
        "snapshot-version-two",
        DAMAGE,
        "A snapshot of ZooKeeper 2, which had no header and no checksums. It is not read.",
        "They continue with the next older snapshot: \"mismatching magic headers\".",
        "move it away if the history was migrated to ZooKeeper 3; otherwise migrate it with 3.4's org.apache.zookeeper.server.upgrade.UpgradeMain",
    ),
    code(
        "snapshots-missing",
        INFO_OR_WARNING,
        "There are logs but no snapshot. A warning if the logs are from 3.6 or later.",
        "3.5.3 and later refuse to start (\"No snapshot found, but there are log entries. Something is broken!\"); earlier ones replay the logs onto an empty tree.",
        "restore: it writes a snapshot. If the dataDir is separate from the dataLogDir, give both",
    ),
    code(
        "txns-differ",
        DAMAGE,
        "The transactions before a snapshot lead to a different tree, and later snapshots or digests agree with the snapshot: a transaction is missing or was changed.",
        "They never compare, and serve what is in the snapshot that they load.",
        "restore to a later point, or from another member or a backup",
    ),
    code(
        "txns-missing",
        WARNING_OR_MISSING,
        "Transactions are missing: between two others, before the first, or after the last. A warning if a snapshot bridges the gap, as after a SNAP sync from the leader.",
        "Up to 3.9.3 they silently load past the gap; 3.9.4 and later refuse one in the middle of an epoch (\"cached out of order\"), unless it is right after the snapshot that they load.",
        "another member's log or a backup may have them",
    ),
];
