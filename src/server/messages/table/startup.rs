//! Directories, configuration, and what is around a server; and the messages that only say that it
//! did not start.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::pattern::Captures;

const LOADING: &[&str] = &[
    "ZKDatabase.loadDataBase",
    "FileTxnSnapLog",
    "FileSnap",
    "FileTxnLog",
];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "logs-in-data-dir",
        signs: &[sign("Snapshot directory has log files")],
        since: "3.4.12, 3.5.4",
        cause: "dataLogDir is apart from dataDir, and dataDir/version-2 has logs: the setting was changed, or a copy of a combined directory was put there",
        risk: Risk::No,
        at_risk: "the files are not read, and not touched; a server that started without those logs would lack their txns",
        next: "move log.* from dataDir/version-2 to dataLogDir/version-2, or set dataLogDir as it was; then `zoovault verify DATADIR --data-log-dir DIR`",
        findings: &["file-misplaced"],
        ..BLANK
    },
    Entry {
        id: "snapshots-in-log-dir",
        signs: &[sign("Log directory has snapshot files")],
        since: "3.4.12, 3.5.4",
        cause: "dataLogDir is apart from dataDir, and dataLogDir/version-2 has snapshots: the setting was changed, or a copy of a combined directory was put there",
        risk: Risk::No,
        at_risk: "the files are not read, and not touched; a server that started without those snapshots would lack what is in them",
        next: "move snapshot.* from dataLogDir/version-2 to dataDir/version-2, or set dataLogDir as it was; then `zoovault verify DATADIR --data-log-dir DIR`",
        findings: &["file-misplaced"],
        ..BLANK
    },
    Entry {
        id: "dir-unwritable",
        signs: &[
            sign("Cannot write to data directory {dir}"),
            sign("Cannot write to snap directory {dir}"),
            sign("Unable to create data directory {dir}"),
            sign("Unable to create snap directory {dir}"),
            sign_with(
                "(Permission denied)",
                &[
                    "version-2",
                    "FileTxnLog",
                    "FileSnap",
                    "currentEpoch",
                    "acceptedEpoch",
                ],
            ),
        ],
        cause: "the user that the server runs as may not use the directory or a file in it; often right after a restore or copy as root, or because the file system became read-only",
        risk: Risk::No,
        at_risk: "nothing was read or written",
        next: "give it to that user (`chown -R`; `zoovault restore --chown USER` does so), and see in the kernel's log whether the disk failed",
        facts: about_dir,
        ..BLANK
    },
    Entry {
        id: "dir-missing",
        signs: &[
            sign("Missing data directory {dir}, automatic"),
            sign("Missing snap directory {dir}, automatic"),
        ],
        since: "3.5.0",
        cause: "dataDir or dataLogDir is not there, and zookeeper.datadir.autocreate is off: the disk is not mounted, or the path is wrong",
        risk: Risk::No,
        at_risk: "nothing was read or written. Were it made anew, the server would start empty",
        next: "mount the disk or mend the path; do not make an empty directory in place of one that had data",
        facts: about_dir,
        ..BLANK
    },
    Entry {
        id: "empty-database",
        signs: &[sign("Unexpected empty data tree, setting zxid to -1")],
        since: "3.6.0",
        cause: "there is neither a snapshot nor a log, and zookeeper.db.autocreate is off: the member does not vote until another gives it the tree",
        risk: Risk::Maybe,
        at_risk: "nothing if the member is new; if its directory was lost, the others have the data",
        next: "see that dataDir is the right one and mounted. Make `initialize` in it only for the first start of a whole new ensemble",
        ..BLANK
    },
    Entry {
        id: "disk-full",
        signs: &[sign("No space left on device"), sign("Disk quota exceeded")],
        cause: "the disk is full; the server cannot write a log or snapshot, and stops",
        risk: Risk::Maybe,
        at_risk: "acknowledged txns are safe; the newest log may be left with zero bytes and the newest snapshot cut, either of which can stop the next start",
        next: "make room with files that are not ZooKeeper's. Then run `zoovault verify DIR` before the start, and before anything in version-2 is deleted",
        findings: &["log-empty", "log-cut-header", "snapshot-cut"],
        ..BLANK
    },
    Entry {
        id: "disk-failing",
        signs: &[sign("Input/output error"), sign("Read-only file system")],
        cause: "the disk or its file system fails",
        risk: Risk::Yes,
        at_risk: "what only this disk has",
        next: "copy the directory to another disk now, and run `zoovault verify` on the copy",
        ..BLANK
    },
    Entry {
        id: "out-of-memory",
        signs: &[
            sign_with("OutOfMemoryError", LOADING),
            sign("OutOfMemoryError"),
        ],
        cause: "the tree does not fit into the memory that the server was given, or a damaged length made it ask for too much",
        risk: Risk::Maybe,
        at_risk: "nothing in the files, unless a length is damaged",
        next: "raise -Xmx; run `zoovault verify DIR` to see that no length is damaged",
        findings: &["log-bad-length"],
        ..BLANK
    },
    Entry {
        id: "port-in-use",
        signs: &[sign("Address already in use"), sign("BindException")],
        cause: "another program has the port: perhaps another ZooKeeper server, perhaps on the same directory",
        risk: Risk::Maybe,
        at_risk: "nothing as long as only one server writes to a directory; two that do destroy each other's logs",
        next: "find the other (`ss -ltnp`), and make sure that both have directories of their own",
        ..BLANK
    },
    Entry {
        id: "server-id",
        signs: &[
            sign("myid file is missing"),
            sign("serverid {id} is not a number"),
            sign("Server ID is too large. Cannot be larger than {max}"),
        ],
        cause: "dataDir/myid is not there, holds more than the number (a blank behind it is enough), or holds one that extendedTypesEnabled does not allow",
        risk: Risk::No,
        at_risk: "data was not looked at. But a member whose myid vanished may have lost the rest of dataDir too",
        next: "see that dataDir is mounted and has its version-2; then write the number of this member's server.N line into myid",
        facts: about_id,
        ..BLANK
    },
    Entry {
        id: "config-invalid",
        signs: &[
            sign("Invalid config, exiting abnormally"),
            sign("Error processing {file}"),
        ],
        weight: Weight::Frame,
        cause: "zoo.cfg or the dynamic configuration cannot be read; the exception below says why",
        risk: Risk::No,
        at_risk: "data was not looked at",
        next: "mend the configuration that the exception names",
        ..BLANK
    },
    Entry {
        id: "dir-unusable",
        signs: &[sign("Unable to access datadir, exiting abnormally")],
        since: "3.5.0",
        weight: Weight::Frame,
        cause: "dataDir or dataLogDir cannot be used; the exception below says why",
        risk: Risk::No,
        at_risk: "data was not looked at",
        next: "give zoovault the lines below too: they name the directory and the reason",
        ..BLANK
    },
    Entry {
        id: "load-failed",
        signs: &[
            sign("Unable to load database on disk"),
            sign("Unable to run quorum server"),
        ],
        weight: Weight::Frame,
        cause: "the server could not load its directory; the exception below the message (\"Caused by:\") says why",
        risk: Risk::Maybe,
        at_risk: "that depends on the cause: a crash's empty newest log is harmless, a damaged one is not",
        next: "delete nothing. Give zoovault the stack trace too, or the directory: `zoovault explain DIR`",
        ..BLANK
    },
    Entry {
        id: "start-failed",
        signs: &[
            sign("Unexpected exception, exiting abnormally"),
            sign("Severe unrecoverable error"),
        ],
        weight: Weight::Frame,
        cause: "the server stopped; the exception below the message says why",
        risk: Risk::Maybe,
        at_risk: "that depends on the cause",
        next: "delete nothing. Give zoovault the stack trace too, or the directory: `zoovault explain DIR`",
        ..BLANK
    },
];

fn about_dir(captures: &Captures) -> Vec<String> {
    let dir = captures.get("dir");
    dir.map(|dir| format!("the directory is {dir}"))
        .into_iter()
        .collect()
}

fn about_id(captures: &Captures) -> Vec<String> {
    let id = captures.get("id");
    id.map(|id| format!("it holds \"{id}\""))
        .into_iter()
        .collect()
}
