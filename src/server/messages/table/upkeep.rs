//! What runs beside the serving of requests: purges, the admin commands, tools, and the machine.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign};
use super::super::pattern::Captures;

pub(super) const ENTRIES: &[Entry] = &[
    // PurgeTxnLog, QuorumPeerConfig.
    Entry {
        id: "purge-count",
        signs: &[
            sign("count should be greater than or equal to 3"),
            sign("Invalid autopurge.snapRetainCount: {count}"),
        ],
        weight: Weight::Note,
        cause: "a purge was told to keep fewer than three snapshots. PurgeTxnLog refuses to run; a server keeps three",
        risk: Risk::No,
        at_risk: "nothing was deleted",
        next: "keep three or more",
        ..BLANK
    },
    Entry {
        id: "purge-failed",
        signs: &[
            sign("Error occurred while purging."),
            sign("Failed to remove {file}"),
        ],
        weight: Weight::Warning,
        cause: "a purge did not finish, or a file could not be deleted: the exception below, or the owner of the directory, gives the reason",
        risk: Risk::No,
        at_risk: "nothing, until the disk is full",
        next: "make the server's user the owner of the directories, and look at the exception; delete no files by hand before `zoovault verify DIR` shows what is needed",
        ..BLANK
    },
    Entry {
        id: "snapshot-busy",
        signs: &[sign("Too busy to snap, skipping")],
        weight: Weight::Note,
        cause: "the server wanted to write a snapshot while it was still writing the last one: the disk is slow, or snapCount is low for the load",
        risk: Risk::No,
        at_risk: "the logs have everything; a start replays more of them",
        next: "nothing, unless it is frequent: then raise snapCount, or use a faster disk",
        ..BLANK
    },
    // admin.Commands.SnapshotCommand.
    Entry {
        id: "snapshot-command-empty",
        signs: &[
            sign("Snapshot file {file} is empty"),
            sign("Exception occurred when taking the snapshot via the snapshot admin command"),
            sign("Snapshot command is disabled"),
            sign("Snapshot command requires serializeLastProcessedZxidEnable"),
            sign("Snapshot request was rate limited"),
        ],
        since: "3.9.0",
        weight: Weight::Warning,
        cause: "the admin command \"snapshot\" wrote no snapshot: it is turned off, was used less than five minutes ago, or the disk is full",
        risk: Risk::No,
        at_risk: "the server's own files are not affected; but whoever asked for it has no backup",
        next: "look at the disk and at the admin.snapshot settings, and ask for it again",
        ..BLANK
    },
    // ZooKeeperServer.restoreFromSnapshot: only the tree in memory is replaced; nothing is written.
    Entry {
        id: "restore-command",
        signs: &[
            sign("Restored to a new database. lastProcessedZxid={zxid}"),
            sign("After restore database. lastProcessedZxid={zxid}"),
            sign("Restore taken in {ms} ms"),
        ],
        since: "3.9.0",
        weight: Weight::Warning,
        cause: "the admin command \"restore\" replaced this server's tree in memory with that of a snapshot. It changes neither the files in the directory nor the other members",
        risk: Risk::Maybe,
        at_risk: "if the old files are still in the directory, a restart loads them, and what was restored is gone. A member that was not restored from the same snapshot has another tree",
        next: "follow ZooKeeper's guide: no clients, the old files moved away, and the same snapshot on every member. Then take a snapshot on each of them, and run `zoovault verify DIR` before a restart",
        facts: about_restored,
        ..BLANK
    },
    Entry {
        id: "restore-command-failed",
        family: "eof",
        signs: &[
            sign("Exception occurred when restore snapshot via the restore command"),
            sign("Restore command is disabled"),
            sign("Restore command requires serializeLastProcessedZxidEnable"),
            sign("Restore request was rate limited"),
            sign("InputStream from restore request is null"),
        ],
        since: "3.9.0",
        weight: Weight::Warning,
        cause: "the admin command \"restore\" was refused or could not read the snapshot that it was sent",
        risk: Risk::No,
        at_risk: "the server keeps the tree that it had",
        next: "look at the exception. `zoovault verify FILE` says whether the snapshot is whole; it must have been written with serializeLastProcessedZxid.enabled",
        ..BLANK
    },
    // persistence.TxnLogToolkit.
    Entry {
        id: "toolkit-refused",
        signs: &[
            sign("Recovery file {file} already exists or not writable"),
            sign("File doesn't exist or not readable: {file}"),
            sign("Recovery aborted."),
        ],
        since: "3.4.13, 3.5.4",
        weight: Weight::Note,
        cause: "TxnLogToolkit did not run: the log cannot be read, or the file that it would write already exists",
        risk: Risk::No,
        at_risk: "nothing was changed. But a record that it repairs keeps its damaged bytes and only gets a new checksum",
        next: "do not start a server on a repaired log; run `zoovault verify DIR` on the directory as it was",
        ..BLANK
    },
    Entry {
        id: "gc-pause",
        signs: &[sign("Detected pause in JVM or host machine (eg GC)")],
        since: "3.5.10, 3.6.0",
        weight: Weight::Note,
        cause: "the server's process was stopped for a while: garbage collection, swapping, or a machine that was paused or overloaded",
        risk: Risk::No,
        at_risk: "sessions may have expired, and a member may have dropped out",
        next: "if it is frequent, look at the size of the heap, swapping, and what else runs on the machine",
        ..BLANK
    },
];

fn about_restored(captures: &Captures) -> Vec<String> {
    let zxid = captures.decimal_zxid("zxid");
    zxid.map(|zxid| format!("its last zxid is {zxid}"))
        .into_iter()
        .collect()
}
