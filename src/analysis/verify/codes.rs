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

const OTHER_COPY: &str =
    "take this log from another member or a backup; restore up to the txn before the damage";
const KEEP_OLDER: &str = "keep the older snapshots and the logs behind them, and do not run PurgeTxnLog: it may count this file as valid and delete those";

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
        "The ACL of a znode is unknown: the snapshot lacks the list that the znode refers to, and no later txn gives it.",
        "3.8.4 and later of 3.8, and 3.9.2 and later, can refuse to start (\"Failed to fetch acls for\"); others start and may give the znode another's list.",
        "restore from another base, another member or a backup; nothing is guessed here",
    ),
    code(
        "archive-window",
        DAMAGE,
        "The manifest of an archive promises points that its files do not give.",
        "They never see an archive.",
        "take another copy, or export it again",
    ),
    code(
        "base-unproven",
        WARNING,
        "A snapshot does not say when it was finished; that is inferred from the next one, or from the last txn.",
        "They start.",
        "restore to points that later snapshots or digests prove, where that matters",
    ),
    code(
        "close-uncertain",
        WARNING,
        "Sessions were closed while the only base was being written, and releases up to 3.5 do not log what that deleted.",
        "They start. The pzxid of a parent may differ between members.",
        "restore from a later snapshot if that pzxid matters",
    ),
    code(
        "counter-near-end",
        WARNING,
        "The counter of the last zxid is above 0xf0000000: less than a sixteenth of its numbers is left.",
        "From 3.4.3 on a leader gives up before the counter ends, and an election begins a new epoch. A standalone server, and a leader before that, goes on with counter 0 of the next epoch, which is a txn like any other.",
        "have the election in a quiet hour: restart the leader",
    ),
    code(
        "cversion-near-end",
        WARNING,
        "A parent's cversion is near 2147483647, where it ends. The names of sequential znodes are made of it.",
        "Behind the end, sequential names are negative, or ones that are there already; which of them depends on the release.",
        "have its clients go on below a new parent",
    ),
    code(
        "digest-mismatch",
        DAMAGE,
        "The tree that was rebuilt is not the one whose digest the leader recorded: a txn is missing or was changed.",
        "3.6 and later start all the same and log \"Digests are not matching\"; earlier ones notice nothing.",
        "restore to a point before it, or from another member or a backup",
    ),
    code(
        "ephemerals-uncovered",
        WARNING,
        "The last tree holds ephemerals of sessions that are not known.",
        "A standalone server or a leader deletes them when it starts; followers with the same files keep them, and the members differ from then on.",
        "restore with --ephemerals drop",
    ),
    code(
        "epoch-end-unproven",
        WARNING,
        "An epoch ends within the window, and nothing proves that none of its last txns is missing or was abandoned.",
        "They start; zxids cannot tell them either.",
        "another member that has the same txns there is a witness",
    ),
    code(
        "epoch-file-missing",
        WARNING,
        "acceptedEpoch or currentEpoch is not there, in the directory of a member whose history is past epoch 0.",
        "They make it from the last zxid (\"not found! Creating with a reasonable default\"). A member that had promised a later epoch, or was in one without txns, forgets that; where the other file holds a later one, it may refuse to start. A standalone server never looks.",
        "restore: it writes both; or take both files from the same member's backup of the directory",
    ),
    code(
        "epoch-files",
        WARNING_OR_DAMAGE,
        "acceptedEpoch or currentEpoch is no number, or the two and the last zxid contradict each other.",
        "A member of an ensemble refuses to start (\"The current epoch, X, is older than the last zxid\", \"The accepted epoch, X is less than the current epoch\", \"Found X in\"); a standalone server never looks.",
        "restore: it writes both. Do not edit them while other members run: an epoch that was used must not be used again",
    ),
    code(
        "file-leftover",
        INFO,
        "A file was left by a write that did not end (*.tmp, updatingEpoch).",
        "Mostly ignored. currentEpoch.tmp (3.5.10, 3.6.3, 3.7.1, 3.8.0 and later) and updatingEpoch (3.4.6 to 3.4.14) are taken up where currentEpoch is behind.",
        "leave it until the server runs again; then it can go",
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
        "Logs lie in the dataDir or snapshots in the dataLogDir, where the two differ.",
        "3.4.12, 3.5.4, 3.6 and later refuse to start (\"Snapshot directory has log files\", \"Log directory has snapshot files\"); earlier ones do not see the files.",
        "move each file to where it belongs: version-2 of dataDir has snapshots, version-2 of dataLogDir logs",
    ),
    code(
        "file-unreadable",
        DAMAGE,
        "A file cannot be read, or not to its end: a bad sector, permissions, a link that leads nowhere, a directory or a pipe in its place. Where the first bytes of a log can be read, what is whole in it counts.",
        "No server starts that reads such a log (\"FileNotFoundException\", \"Input/output error\"). From such a snapshot they go on to the next older one.",
        "if the disk is failing, copy all that can be read to another one first; then take the file from another copy, or restore from another member",
    ),
    code(
        "last-unreachable",
        MISSING,
        "The last txns cannot be restored: something before them is missing or damaged.",
        "They may start and report the last zxid, with znodes missing or wrong.",
        "restore up to the point named, or find what is missing on another member or in a backup",
    ),
    code(
        "log-all-zeros",
        DAMAGE,
        "A log holds nothing but zeros: its blocks never got to the disk, or were wiped.",
        "No server starts that reads this log: \"has invalid magic number\".",
        "take the file from another copy, or restore from another member",
    ),
    code(
        "log-bad-checksum",
        DAMAGE,
        "The checksum of a record is not that of its bytes.",
        "No server starts that reads this log: \"CRC check failed\".",
        OTHER_COPY,
    ),
    code(
        "log-bad-end-mark",
        DAMAGE,
        "A record does not end with its mark, and more follows.",
        "All servers drop the rest of the log (\"Last transaction was partial.\") and go on with the next: up to 3.9.3 in silence, while 3.9.4 and later then refuse the gap (\"cached out of order\").",
        OTHER_COPY,
    ),
    code(
        "log-bad-length",
        DAMAGE,
        "The length of a record cannot be.",
        "They refuse to start (\"Unreasonable length\"; a NullPointerException for -1), or drop the rest of the log where the length points past its end: up to 3.9.3 in silence, while 3.9.4 and later then refuse the gap (\"cached out of order\").",
        OTHER_COPY,
    ),
    code(
        "log-bad-magic",
        DAMAGE,
        "A log does not begin with \"ZKLG\". Whole records behind that are counted, and not used.",
        "No server starts that reads this log: \"has invalid magic number\".",
        "take the file from another copy, or restore from another member",
    ),
    code(
        "log-bad-record",
        DAMAGE,
        "The body of a record is not what its type wants.",
        "All servers take it for the end of the log and drop the rest: up to 3.9.3 in silence, while 3.9.4 and later then refuse the gap (\"cached out of order\").",
        OTHER_COPY,
    ),
    code(
        "log-clock-step",
        INFO,
        "The leader's clock stepped back, so times do not rise with zxids.",
        "They never look.",
        "name points by zxid around that moment",
    ),
    code(
        "log-cut",
        DAMAGE,
        "A log ends in the middle of a record, and the txns that follow are not in the next log.",
        "All servers take it for the end and go on with the next log; 3.9.4 and later may refuse (\"cached out of order\").",
        "take this log from another member or a backup",
    ),
    code(
        "log-cut-header",
        WARNING_OR_DAMAGE,
        "A log ends within its first 16 bytes. As the newest one it is what a crash leaves right after a log was made.",
        "No server starts that reads this log: \"EOFException\" in FileHeader.deserialize.",
        "the newest one can be moved away; any other is to be taken from another copy",
    ),
    code(
        "log-empty",
        WARNING_OR_DAMAGE,
        "A log has zero bytes. As the newest one it is what a crash or a full disk leaves.",
        "Up to 3.9.2 no server starts that reads this log (\"EOFException\" in FileHeader.deserialize); 3.9.3 and later delete it if it is the newest.",
        "the newest one can be moved away; any other is to be taken from another copy",
    ),
    code(
        "log-fork",
        DAMAGE,
        "Two logs say different things about the same zxid.",
        "They apply both, in the order of names.",
        "one of the two is of another history: find out which, and move it away",
    ),
    code(
        "log-garbage",
        DAMAGE,
        "Something other than zeros follows the end of a log.",
        "They never look at it.",
        OTHER_COPY,
    ),
    code(
        "log-large-record",
        INFO,
        "A record is larger than a server reads with default settings.",
        "Without -Djute.maxbuffer of that size they refuse to start: \"Unreasonable length\". 3.5.7, 3.6 and later allow twice jute.maxbuffer, earlier ones about once.",
        "start every member with -Djute.maxbuffer of that size",
    ),
    code(
        "log-more-faults",
        DAMAGE,
        "A log has more faults than are told one by one.",
        "As for the faults before.",
        "take this log from another member or a backup",
    ),
    code(
        "log-name-mismatch",
        WARNING,
        "A log begins with another zxid than its name says.",
        "They choose logs by name, and may leave this one out or read it too soon.",
        "restore: what it writes has the right names",
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
        "Records have bytes behind body and digest.",
        "They ignore them.",
        "find out which program wrote it",
    ),
    code(
        "log-torn-tail",
        WARNING,
        "A write was cut short at the end of a log. The txn was never acknowledged.",
        "They take it for the end of the log.",
        "none is needed",
    ),
    code(
        "log-unknown-type",
        DAMAGE,
        "A record has a type that no release writes.",
        "No server starts that reads it: \"Unsupported Txn with type\".",
        OTHER_COPY,
    ),
    code(
        "log-version-two",
        DAMAGE,
        "A log of ZooKeeper 2, which had no header and no checksums. It is not read.",
        "No server from 3.4 on starts that reads this log: \"has invalid magic number\".",
        "move it away if the history was taken over by ZooKeeper 3; else take it over with 3.4's org.apache.zookeeper.server.upgrade.UpgradeMain",
    ),
    code(
        "log-zxid-order",
        WARNING,
        "Zxids step back within a log, which no server writes.",
        "They apply all records in the order of the file (\"(highestZxid) > N(next log)\").",
        "find out which program wrote it, and compare with another member",
    ),
    code(
        "logs-missing",
        WARNING,
        "There are snapshots and no logs at all.",
        "They start from the newest snapshot.",
        "if there is a dataLogDir of its own, name it with --data-log-dir; otherwise the logs were lost or not copied",
    ),
    code(
        "nothing-exact",
        WARNING,
        "There are only snapshots that no log goes with: none is known to have been finished before later txns were applied.",
        "A server starts on the newest of them, and has no way to know either.",
        "look for the logs (a dataLogDir of its own?); `restore --accept-unproven` takes a snapshot as it stands",
    ),
    code(
        "nothing-restorable",
        MISSING,
        "There is no sound snapshot with the txns behind it, and no log begins with the first txn.",
        "3.5.3 and later refuse to start without any snapshot (\"No snapshot found, but there are log entries\"); others start with what they find.",
        "look for older snapshots, another member, or a backup",
    ),
    code(
        "object-damaged",
        DAMAGE,
        "An object of a repository is missing or not what was stored, and with it the log or snapshot that it is a part of.",
        "They never see a repository.",
        "zoovault check tells what is damaged, and what it costs; points that do not need the object can be restored",
    ),
    code(
        "snapshot-alone",
        WARNING,
        "No log goes with a snapshot, so nothing tells when it was finished. None of its znodes shows a later txn; deletes, ACLs and sessions of later txns may be in it all the same.",
        "Servers start from it as it is.",
        "find its logs (a dataLogDir of its own?); `restore --accept-unproven` takes it as it stands",
    ),
    code(
        "snapshot-alone-inexact",
        WARNING,
        "No log goes with a snapshot, and it shows later txns, contradicts its own digest, or lacks ACLs: it is the tree of no moment.",
        "Servers start from it, and serve a tree that no client ever saw.",
        "find its logs (a dataLogDir of its own?); `ls --as-is` and others show what is in it",
    ),
    code(
        "snapshot-bad-checksum",
        DAMAGE,
        "The seal of a snapshot is not that of its bytes.",
        "They notice (\"CRC corruption\") and go on to the next older snapshot; where there is none: \"Not able to find valid snapshots\".",
        KEEP_OLDER,
    ),
    code(
        "snapshot-bad-compression",
        DAMAGE,
        "The compressed stream of a snapshot is broken.",
        "They go on to the next older snapshot.",
        KEEP_OLDER,
    ),
    code(
        "snapshot-bad-magic",
        DAMAGE,
        "A snapshot does not begin with \"ZKSN\".",
        "They go on to the next older snapshot: \"mismatching magic headers\".",
        KEEP_OLDER,
    ),
    code(
        "snapshot-cut",
        WARNING_OR_DAMAGE,
        "A snapshot ends too soon: its server was killed, or its disk full, while it was written. A warning where nothing is lost by it.",
        "They go on to the next older snapshot.",
        KEEP_OLDER,
    ),
    code(
        "snapshot-damaged",
        DAMAGE,
        "A snapshot contradicts itself.",
        "They go on to the next older snapshot, if they notice.",
        KEEP_OLDER,
    ),
    code(
        "snapshot-dangling-acl",
        INFO,
        "Znodes of a snapshot refer to ACL lists that it lacks. That is legal while txns are applied beside its writing.",
        "3.8.4 and later of 3.8, and 3.9.2 and later, can refuse to start from it (\"Failed to fetch acls for\"); 3.6 to 3.9.1 may give znodes the wrong list.",
        "restore: what it writes has every list",
    ),
    code(
        "snapshot-differs",
        DAMAGE,
        "A snapshot is not what the txns before it can have led to: a txn is missing or was changed, or the snapshot is of another history.",
        "They never compare, and serve what the snapshot that they load says.",
        "trust neither without another witness: compare with another member or a backup",
    ),
    code(
        "snapshot-differs-sessions",
        WARNING,
        "A snapshot and the txns before it do not agree on a session.",
        "They take the sessions of the snapshot that they load.",
        "none is needed unless ephemerals matter; then restore with --ephemerals drop",
    ),
    code(
        "snapshot-free-name",
        INFO_OR_WARNING,
        "A single snapshot has a name that no server gives, as the AdminServer's streamed snapshots have. A warning where nothing says that its znodes are of one moment.",
        "They look for snapshot.HEX, and never see it; POST /commands/restore of 3.9 loads it as it is.",
        "restore from it, or where nothing proves it, from the dataDir of a member, which has the logs",
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
        "A znode of a snapshot stands before its parent, or has none.",
        "They go on to the next older snapshot: \"Invalid Datatree, unable to find parent\".",
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
        "They go on to the next older snapshot: \"mismatching magic headers\".",
        "move it away if the history was taken over by ZooKeeper 3; else take it over with 3.4's org.apache.zookeeper.server.upgrade.UpgradeMain",
    ),
    code(
        "snapshots-missing",
        INFO_OR_WARNING,
        "There are logs and no snapshot. A warning where the logs are of 3.6 or later.",
        "3.5.3 and later refuse to start (\"No snapshot found, but there are log entries. Something is broken!\"); earlier ones replay the logs on an empty tree.",
        "restore: it writes a snapshot. If there is a dataDir apart from the dataLogDir, name both",
    ),
    code(
        "txns-differ",
        DAMAGE,
        "The txns before a snapshot lead to another tree than it has, and later snapshots or digests agree with it: a txn is missing or was changed.",
        "They never compare, and serve what the snapshot that they load says.",
        "restore to a point behind it, or from another member or a backup",
    ),
    code(
        "txns-missing",
        WARNING_OR_MISSING,
        "Txns are missing: between two that are there, before the first, or behind the last. A warning where a snapshot bridges the gap, as in a follower that was sent the whole tree.",
        "Up to 3.9.3 they load over the hole in silence; 3.9.4 and later refuse one in the middle of an epoch (\"cached out of order\"), unless it is right behind the snapshot that they load.",
        "another member's log or a backup may have them",
    ),
];
