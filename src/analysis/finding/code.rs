//! Every code that a finding can have, with what it means: the one table behind the pages
//! zoovault-findings(7) and zoovault-check-findings(7).

use super::Severity;
use crate::error::Hint;

/// Declares the codes, so that no list of them can lack one.
macro_rules! codes {
    ($($code:ident = $name:literal, [$($severity:ident),+],
       $meaning:literal, $server:expr, $next:expr;)*) => {
        /// What a finding is about. Names never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $code,)*
        }

        impl Code {
            /// All of them, by name: those of a source, then those of a repository.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            /// As programs have it: `log-bad-checksum`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Code::$code => $name,)*
                }
            }

            /// How bad it can be. Which of them it is depends on what else is there; the first
            /// where nothing else is said.
            pub const fn severities(self) -> &'static [Severity] {
                match self {
                    $(Code::$code => &[$(Severity::$severity),+],)*
                }
            }

            /// What was found.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Code::$code => $meaning,)*
                }
            }

            /// What servers make of it. `None` for what is about a repository: servers never read
            /// one.
            pub const fn server(self) -> Option<&'static str> {
                match self {
                    $(Code::$code => $server,)*
                }
            }

            /// The next safe step.
            pub const fn next(self) -> Hint {
                match self {
                    $(Code::$code => $next,)*
                }
            }
        }
    };
}

const fn plain(text: &'static str) -> Hint {
    Hint::plain(text)
}

const OTHER_COPY: Hint = plain(
    "get this log from another member or a backup; or restore up to the transaction before the damage",
);
const KEEP_OLDER: Hint = plain(
    "keep the older snapshots and the logs after them, and do not run PurgeTxnLog: it may count this file as valid and delete those",
);
const OBJECT: Hint = plain(
    "put the object back from a copy of the repository, under the same name; backups that do not list it can be restored: zoovault restore REPOSITORY@ID",
);
const WRITER: Hint = plain(
    "keep the repository as it is and report this: a writer misbehaved, or an object was made by hand",
);

codes! {
    // What `verify` finds in a source.
    AclUnresolved = "acl-unresolved", [Damage],
        "The ACL of a znode is unknown: the snapshot lacks the list that the znode refers to, and no later transaction provides it.",
        Some("3.8.4 and later of 3.8, and 3.9.2 and later, can refuse to start (\"Failed to fetch acls for\"); others start, but may give the znode another znode's list."),
        plain("restore from another base, another member or a backup; zoovault does not guess");
    ArchiveWindow = "archive-window", [Damage],
        "The manifest of an archive claims points that its files do not support.",
        Some("Servers never read an archive."),
        plain("use another copy, or export it again");
    BaseUnproven = "base-unproven", [Warning],
        "A snapshot does not record when it was finished; this is inferred from the next snapshot or from the last transaction.",
        Some("They start."),
        plain("if that matters, restore to points that later snapshots or digests prove");
    CloseUncertain = "close-uncertain", [Warning],
        "Sessions were closed while the only base was being written, and releases up to 3.5 do not log what this deleted.",
        Some("They start. The pzxid of a parent may differ between members."),
        plain("restore from a later snapshot if that pzxid matters");
    CounterNearEnd = "counter-near-end", [Warning],
        "The counter of the last zxid is above 0xf0000000: less than a sixteenth of its range is left.",
        Some("From 3.4.3 on, a leader steps down before the counter runs out, and an election begins a new epoch. A standalone server, or an earlier leader, continues with counter 0 of the next epoch, which is a transaction like any other."),
        plain("restart the leader at a quiet time, to force an election");
    CversionNearEnd = "cversion-near-end", [Warning],
        "A parent's cversion is near its maximum, 2147483647. The names of sequential znodes are made from it.",
        Some("Past the maximum, sequential names are negative, or already exist, depending on the release."),
        plain("move its clients to a new parent");
    DigestMismatch = "digest-mismatch", [Damage],
        "The digest of the rebuilt tree does not match the one that the leader recorded: a transaction is missing or was changed.",
        Some("3.6 and later start anyway and log \"Digests are not matching\"; earlier ones notice nothing."),
        plain("restore to an earlier point, or from another member or a backup");
    EphemeralsUncovered = "ephemerals-uncovered", [Warning],
        "The last tree has ephemerals of unknown sessions.",
        Some("A standalone server or a leader deletes them when it starts; followers with the same files keep them, and the members differ from then on."),
        Hint::DropEphemerals;
    EpochEndUnproven = "epoch-end-unproven", [Warning],
        "An epoch ends within the window, and nothing proves that no transaction is missing or was abandoned at its end.",
        Some("They start: servers cannot detect this."),
        plain("servers cannot detect this; confirm with a member that has these transactions");
    EpochFileMissing = "epoch-file-missing", [Warning],
        "acceptedEpoch or currentEpoch is missing from the directory of a member whose history is past epoch 0.",
        Some("They create it from the last zxid (\"not found! Creating with a reasonable default\"). A member that had promised a later epoch, or was in one without transactions, forgets that; if the other file has a later one, it may refuse to start. A standalone server never checks."),
        plain("restore: it writes both; or use both files from a backup of this member's directory");
    EpochFiles = "epoch-files", [Warning, Damage],
        "acceptedEpoch or currentEpoch is not a number, or the two and the last zxid contradict each other.",
        Some("A member of an ensemble refuses to start (\"The current epoch, X, is older than the last zxid\", \"The accepted epoch, X is less than the current epoch\", \"Found X in\"); a standalone server never checks."),
        plain("restore: it writes both. Do not edit them while other members run: an epoch that was used must not be reused");
    FileLeftover = "file-leftover", [Info],
        "A file was left behind by a write that did not finish (*.tmp, updatingEpoch).",
        Some("Mostly ignored. currentEpoch.tmp (3.5.10, 3.6.3, 3.7.1, 3.8.0 and later) and updatingEpoch (3.4.6 to 3.4.14) are used if currentEpoch is behind."),
        plain("leave it until the server runs again; then it can be deleted");
    FileLookalike = "file-lookalike", [Warning],
        "A file has a name that no server writes, such as log.5.bak or snapshot.5.old.",
        Some("3.6 and later read it as a log or snapshot; earlier ones do not."),
        plain("move it out of the directory");
    FileMisplaced = "file-misplaced", [Warning],
        "There are logs in the dataDir or snapshots in the dataLogDir, although the two differ.",
        Some("3.4.12, 3.5.4, 3.6 and later refuse to start (\"Snapshot directory has log files\", \"Log directory has snapshot files\"); earlier ones do not see the files."),
        plain("move each file to where it belongs: version-2 of dataDir has snapshots, version-2 of dataLogDir logs");
    FileUnreadable = "file-unreadable", [Damage],
        "A file cannot be read, or not to its end: a bad sector, permissions, a dangling link, a directory or a pipe in its place. If the beginning of a log can be read, its complete records are used.",
        Some("No server that reads such a log starts (\"FileNotFoundException\", \"Input/output error\"). They skip such a snapshot and continue with the next older one."),
        plain("if the disk is failing, first copy everything readable to another one; then get the file from another copy, or restore from another member");
    LastUnreachable = "last-unreachable", [Missing],
        "The last transactions cannot be restored: something before them is missing or damaged.",
        Some("They may start and report the last zxid, with znodes missing or wrong."),
        plain("restore up to the point named, or find what is missing on another member or in a backup");
    LogAllZeros = "log-all-zeros", [Damage],
        "A log contains only zeros: its blocks never reached the disk, or were wiped.",
        Some("No server that reads this log starts: \"has invalid magic number\"."),
        plain("get the file from another copy, or restore from another member");
    LogBadChecksum = "log-bad-checksum", [Damage],
        "The checksum of a record does not match its bytes.",
        Some("No server that reads this log starts: \"CRC check failed\"."),
        OTHER_COPY;
    LogBadEndMark = "log-bad-end-mark", [Damage],
        "A record does not end with its mark, and more follows.",
        Some("All servers drop the rest of the log (\"Last transaction was partial.\") and continue with the next: silently up to 3.9.3, while 3.9.4 and later then refuse the gap (\"cached out of order\")."),
        OTHER_COPY;
    LogBadLength = "log-bad-length", [Damage],
        "A record has an impossible length.",
        Some("They refuse to start (\"Unreasonable length\"; a NullPointerException for -1), or drop the rest of the log if the length points past its end: silently up to 3.9.3, while 3.9.4 and later then refuse the gap (\"cached out of order\")."),
        OTHER_COPY;
    LogBadMagic = "log-bad-magic", [Damage],
        "A log does not begin with \"ZKLG\". Complete records after that are counted, but not used.",
        Some("No server that reads this log starts: \"has invalid magic number\"."),
        plain("get the file from another copy, or restore from another member");
    LogBadRecord = "log-bad-record", [Damage],
        "The body of a record does not match its type.",
        Some("All servers treat it as the end of the log and drop the rest: silently up to 3.9.3, while 3.9.4 and later then refuse the gap (\"cached out of order\")."),
        OTHER_COPY;
    LogClockStep = "log-clock-step", [Info],
        "The leader's clock stepped back, so times do not increase with zxids.",
        Some("They never check."),
        plain("use zxids, not times, for points around that moment");
    LogCut = "log-cut", [Damage],
        "A log ends in the middle of a record, and the transactions that follow are not in the next log.",
        Some("All servers treat it as the end and continue with the next log; 3.9.4 and later may refuse (\"cached out of order\")."),
        plain("get this log from another member or a backup");
    LogCutHeader = "log-cut-header", [Warning, Damage],
        "A log ends within its first 16 bytes. If it is the newest log, a crash right after it was created leaves it so.",
        Some("No server that reads this log starts: \"EOFException\" in FileHeader.deserialize."),
        plain("the newest one can be moved away; get any other from another copy");
    LogEmpty = "log-empty", [Warning, Damage],
        "A log has zero bytes. If it is the newest log, a crash or a full disk leaves it so.",
        Some("Up to 3.9.2, no server that reads this log starts (\"EOFException\" in FileHeader.deserialize); 3.9.3 and later delete it if it is the newest."),
        plain("the newest one can be moved away; get any other from another copy");
    LogFork = "log-fork", [Damage],
        "Two logs have different transactions for the same zxid.",
        Some("They apply both, in the order of file names."),
        plain("one of the two belongs to another history: find out which, and move it away");
    LogGarbage = "log-garbage", [Damage],
        "Nonzero bytes follow the end of a log.",
        Some("They never read it."),
        OTHER_COPY;
    LogLargeRecord = "log-large-record", [Info],
        "A record is larger than a server reads with default settings.",
        Some("Without -Djute.maxbuffer of that size they refuse to start: \"Unreasonable length\". 3.5.7, 3.6 and later allow twice jute.maxbuffer, earlier ones about one times."),
        plain("start every member with -Djute.maxbuffer of that size");
    LogMoreFaults = "log-more-faults", [Damage],
        "A log has more faults than are listed individually.",
        Some("As for the faults listed."),
        plain("get this log from another member or a backup");
    LogNameMismatch = "log-name-mismatch", [Warning],
        "A log begins with a different zxid from the one in its name.",
        Some("They choose logs by name, and may skip this one or read it too early."),
        plain("restore: it writes files with the right names");
    LogOddHeader = "log-odd-header", [Warning],
        "A log's header has a version or a dbid that servers do not write.",
        Some("They check neither."),
        plain("find out which program wrote it");
    LogOddTrailer = "log-odd-trailer", [Warning],
        "Records have bytes after body and digest.",
        Some("They ignore them."),
        plain("find out which program wrote it");
    LogTornTail = "log-torn-tail", [Warning],
        "A write was cut short at the end of a log. The transaction was never acknowledged.",
        Some("They treat it as the end of the log."),
        plain("nothing to do");
    LogUnknownType = "log-unknown-type", [Damage],
        "A record has a type that no release writes.",
        Some("No server that reads it starts: \"Unsupported Txn with type\"."),
        OTHER_COPY;
    LogVersionTwo = "log-version-two", [Damage],
        "A log of ZooKeeper 2, which had no header and no checksums. It is not read.",
        Some("No server from 3.4 on that reads this log starts: \"has invalid magic number\"."),
        plain("move it away if the history was migrated to ZooKeeper 3; otherwise migrate it with 3.4's org.apache.zookeeper.server.upgrade.UpgradeMain");
    LogZxidOrder = "log-zxid-order", [Warning],
        "Zxids go backwards within a log, which no server writes.",
        Some("They apply all records in the order of the file (\"(highestZxid) > N(next log)\")."),
        plain("find out which program wrote it, and compare with another member");
    LogsMissing = "logs-missing", [Warning],
        "There are snapshots but no logs.",
        Some("They start from the newest snapshot."),
        Hint::FindLogs;
    NothingExact = "nothing-exact", [Warning],
        "There are only snapshots without logs: none is known to have been finished before later transactions were applied.",
        Some("A server starts from the newest of them; it cannot detect this."),
        Hint::FindLogsOrAcceptUnproven;
    NothingRestorable = "nothing-restorable", [Missing],
        "There is no sound snapshot with the transactions after it, and no log begins with the first transaction.",
        Some("3.5.3 and later refuse to start without any snapshot (\"No snapshot found, but there are log entries\"); others start with whatever they find."),
        plain("look for older snapshots, another member, or a backup");
    SourceObjectDamaged = "object-damaged", [Damage],
        "An object of a repository is missing or differs from what was stored, and so is the log or snapshot that it is part of.",
        Some("Servers never read a repository."),
        plain("zoovault check shows what is damaged, and what is lost; points that do not need the object can be restored");
    SnapshotAlone = "snapshot-alone", [Warning],
        "A snapshot has no logs, so it is not known when it was finished. None of its znodes shows a later transaction, but it may still contain deletes, ACLs and sessions of later transactions.",
        Some("Servers start from it as it is."),
        Hint::FindLogsOrAcceptUnproven;
    SnapshotAloneInexact = "snapshot-alone-inexact", [Warning],
        "A snapshot has no logs, and it shows later transactions, contradicts its own digest, or lacks ACLs: its tree never existed.",
        Some("Servers start from it, and serve a tree that no client ever saw."),
        Hint::FindLogsOrInspect;
    SnapshotBadChecksum = "snapshot-bad-checksum", [Damage],
        "The seal of a snapshot does not match its bytes.",
        Some("They notice (\"CRC corruption\") and continue with the next older snapshot; if there is none: \"Not able to find valid snapshots\"."),
        KEEP_OLDER;
    SnapshotBadCompression = "snapshot-bad-compression", [Damage],
        "The compressed stream of a snapshot is broken.",
        Some("They continue with the next older snapshot."),
        KEEP_OLDER;
    SnapshotBadMagic = "snapshot-bad-magic", [Damage],
        "A snapshot does not begin with \"ZKSN\".",
        Some("They continue with the next older snapshot: \"mismatching magic headers\"."),
        KEEP_OLDER;
    SnapshotCut = "snapshot-cut", [Warning, Damage],
        "A snapshot ends too early: its server was killed, or its disk was full, while it was being written. A warning if nothing is lost.",
        Some("They continue with the next older snapshot."),
        KEEP_OLDER;
    SnapshotDamaged = "snapshot-damaged", [Damage],
        "A snapshot contradicts itself.",
        Some("They continue with the next older snapshot, if they notice."),
        KEEP_OLDER;
    SnapshotDanglingAcl = "snapshot-dangling-acl", [Info],
        "Znodes of a snapshot refer to ACL lists that it lacks. That is legal if transactions are applied while it is being written.",
        Some("3.8.4 and later of 3.8, and 3.9.2 and later, can refuse to start from it (\"Failed to fetch acls for\"); 3.6 to 3.9.1 may give znodes the wrong list."),
        plain("restore: it writes every list");
    SnapshotDiffers = "snapshot-differs", [Damage],
        "A snapshot is not what the transactions before it can have led to: a transaction is missing or was changed, or the snapshot belongs to another history.",
        Some("They never compare, and serve what is in the snapshot that they load."),
        plain("trust neither without more evidence: compare with another member or a backup");
    SnapshotDiffersSessions = "snapshot-differs-sessions", [Warning],
        "A snapshot and the transactions before it disagree about a session.",
        Some("They use the sessions of the snapshot that they load."),
        Hint::DropEphemeralsIfTheyMatter;
    SnapshotFreeName = "snapshot-free-name", [Info, Warning],
        "A single snapshot has a name that no server uses, as with snapshots streamed by the AdminServer. A warning if nothing shows that its znodes are from one moment.",
        Some("They look for snapshot.HEX, and never find it; POST /commands/restore of 3.9 loads it as it is."),
        plain("restore from it or, if nothing proves it, from the dataDir of a member, which has the logs");
    SnapshotLargeData = "snapshot-large-data", [Info],
        "A znode's data is larger than a server reads with default settings.",
        Some("Without -Djute.maxbuffer of that size they refuse this snapshot: \"Unreasonable length\"."),
        plain("start every member with -Djute.maxbuffer of that size");
    SnapshotMissingParent = "snapshot-missing-parent", [Damage],
        "A znode of a snapshot comes before its parent, or has none.",
        Some("They continue with the next older snapshot: \"Invalid Datatree, unable to find parent\"."),
        KEEP_OLDER;
    SnapshotOddHeader = "snapshot-odd-header", [Warning],
        "A snapshot's header has a version or a dbid that servers do not write.",
        Some("They check neither."),
        plain("find out which program wrote it");
    SnapshotVersionTwo = "snapshot-version-two", [Damage],
        "A snapshot of ZooKeeper 2, which had no header and no checksums. It is not read.",
        Some("They continue with the next older snapshot: \"mismatching magic headers\"."),
        plain("move it away if the history was migrated to ZooKeeper 3; otherwise migrate it with 3.4's org.apache.zookeeper.server.upgrade.UpgradeMain");
    SnapshotsMissing = "snapshots-missing", [Info, Warning],
        "There are logs but no snapshot. A warning if the logs are from 3.6 or later.",
        Some("3.5.3 and later refuse to start (\"No snapshot found, but there are log entries. Something is broken!\"); earlier ones replay the logs onto an empty tree."),
        plain("restore: it writes a snapshot. If the dataDir is separate from the dataLogDir, give both");
    TxnsDiffer = "txns-differ", [Damage],
        "The transactions before a snapshot lead to a different tree, and later snapshots or digests agree with the snapshot: a transaction is missing or was changed.",
        Some("They never compare, and serve what is in the snapshot that they load."),
        plain("restore to a later point, or from another member or a backup");
    TxnsMissing = "txns-missing", [Warning, Missing],
        "Transactions are missing: between two others, before the first, or after the last. A warning if a snapshot bridges the gap, as after a SNAP sync from the leader.",
        Some("Up to 3.9.3 they silently load past the gap; 3.9.4 and later refuse one in the middle of an epoch (\"cached out of order\"), unless it is right after the snapshot that they load."),
        plain("another member's log or a backup may have them; normal after a SNAP sync from the leader");
    // What `check` finds in a repository.
    BackupContradictory = "backup-contradictory", [Damage],
        "What a backup says about its logs and bases is contradictory: their order, epochs, counts, times, or the last transaction.",
        None,
        WRITER;
    BackupDamaged = "backup-damaged", [Warning, Damage],
        "A backup's manifest does not match its name, or is not as zoovault writes it. A warning if the backup is forgotten anyway.",
        None,
        plain("put it back from a copy of the repository; no other backup depends on it");
    BackupFollows = "backup-follows", [Warning],
        "A backup claims to follow one that cannot have existed: itself, a later one, or something that is not an id.",
        None,
        WRITER;
    BackupInFuture = "backup-in-future", [Warning],
        "A backup is dated in the future: a clock was or is wrong. Later backups get even later names, and ages are not what they seem.",
        None,
        plain("correct the clocks of the hosts that back up; names are right again once that time has passed");
    BackupMisnamed = "backup-misnamed", [Damage],
        "A backup's name disagrees with its manifest about the lineage, time or zxid.",
        None,
        plain("if the object was renamed or moved, give it its original name back");
    FormatNewer = "format-newer", [Warning],
        "An object is intact, but has a format that this release does not support.",
        None,
        plain("check with the release that writes to this repository");
    LineageFork = "lineage-fork", [Damage],
        "Two logs of one lineage disagree about one zxid: they are not from one history.",
        None,
        plain("restore from one backup, by its id, and compare the members that were backed up: zoovault compare");
    LineageHeads = "lineage-heads", [Info],
        "A lineage has backups, older than its newest, that no other follows: backups ran at the same time, or a member was away.",
        None,
        plain("nothing: the next backup follows them all, if they are from one history");
    LogContents = "log-contents", [Damage],
        "A stored log is intact, but differs from what was recorded about it, or is faulty in itself.",
        None,
        WRITER;
    LogsOverlap = "logs-overlap", [Info],
        "Logs of one backup have some zxids twice: several members were backed up at the same time.",
        None,
        plain("nothing: a check that reads data compares them");
    NameForeign = "name-foreign", [Warning],
        "An object in a folder of the repository has a name that zoovault does not use.",
        None,
        plain("find out who put it there, and move it away");
    ObjectContradictory = "object-contradictory", [Damage],
        "Two backups disagree about one object.",
        None,
        WRITER;
    ObjectDamaged = "object-damaged", [Damage],
        "The bytes of an object differ from those that were stored.",
        None,
        OBJECT;
    ObjectMisnamed = "object-misnamed", [Damage],
        "An object's name disagrees with the backup that lists it about the lineage, zxid, part or SHA-256.",
        None,
        WRITER;
    ObjectMissing = "object-missing", [Damage],
        "An object that a backup lists is missing.",
        None,
        OBJECT;
    ObjectSize = "object-size", [Damage],
        "An object's length differs from when it was stored.",
        None,
        OBJECT;
    ObjectUnlisted = "object-unlisted", [Info],
        "No backup lists some objects: they were stored by a run that was killed, or by one that is in progress.",
        None,
        plain("nothing: zoovault prune removes them in due time");
    ObjectUnreadable = "object-unreadable", [Damage],
        "The storage fails to read an object.",
        None,
        plain("examine the storage (kernel log, SMART), copy the repository elsewhere while that is possible, and check the copy");
    PinDamaged = "pin-damaged", [Damage],
        "A pin does not match its name. It still counts, by its name.",
        None,
        plain("remove it and pin the backup again");
    PinWithoutBackup = "pin-without-backup", [Warning],
        "A pin is for a backup that is missing or forgotten.",
        None,
        plain("unpin it, if that is intended");
    RepositoryDamaged = "repository-damaged", [Damage],
        "zoovault.json is missing or not as zoovault wrote it. No backup depends on its content, but the repository cannot be opened without it.",
        None,
        plain("put it back from a copy of the repository; or create an empty repository elsewhere with 'zoovault init', and use its zoovault.json");
    SnapshotContents = "snapshot-contents", [Damage],
        "A stored base is intact, but differs from what was recorded about it, or is faulty in itself.",
        None,
        WRITER;
    TombDamaged = "tomb-damaged", [Damage],
        "A tombstone does not match its name: it is not known which backups are forgotten, and no other operation can continue.",
        None,
        plain("remove it while no prune is running: backups that only it marked as forgotten are no longer forgotten, and can be forgotten again");
    WindowUnfounded = "window-unfounded", [Damage],
        "A backup claims points that its bases and logs do not support.",
        None,
        WRITER;
    WindowUntold = "window-untold", [Warning],
        "The bases and logs of a backup support points that it does not claim.",
        None,
        plain("nothing: they can be restored");
    WriterLeftover = "writer-leftover", [Info],
        "Writers that were killed left unfinished files behind.",
        None,
        plain("nothing: zoovault prune removes them");
}

impl Code {
    /// What `verify` finds in a source.
    pub fn of_source() -> impl Iterator<Item = Code> {
        let codes = Code::ALL.iter().copied();
        codes.filter(|code| code.server().is_some())
    }

    /// What `check` finds in a repository.
    pub fn of_repository() -> impl Iterator<Item = Code> {
        let codes = Code::ALL.iter().copied();
        codes.filter(|code| code.server().is_none())
    }
}
