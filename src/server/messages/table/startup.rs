//! Directories, configuration, and what is around a server; and the messages that only say that it
//! did not start.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::pattern::Captures;
use crate::analysis::finding::Code;

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
        cause: "dataLogDir is separate from dataDir, but dataDir/version-2 has logs: the setting was changed, or a copy of a combined directory was put there",
        risk: Risk::No,
        at_risk: "the files are not read or changed; a server that started without those logs would lack their transactions",
        next: "move log.* from dataDir/version-2 to dataLogDir/version-2, or set dataLogDir as it was; then `zoovault verify DATADIR --data-log-dir DIR`",
        findings: &[Code::FileMisplaced],
        ..BLANK
    },
    Entry {
        id: "snapshots-in-log-dir",
        signs: &[sign("Log directory has snapshot files")],
        since: "3.4.12, 3.5.4",
        cause: "dataLogDir is separate from dataDir, but dataLogDir/version-2 has snapshots: the setting was changed, or a copy of a combined directory was put there",
        risk: Risk::No,
        at_risk: "the files are not read or changed; a server that started without those snapshots would lack what is in them",
        next: "move snapshot.* from dataLogDir/version-2 to dataDir/version-2, or set dataLogDir as it was; then `zoovault verify DATADIR --data-log-dir DIR`",
        findings: &[Code::FileMisplaced],
        ..BLANK
    },
    Entry {
        id: "dir-unwritable",
        signs: &[
            sign("Cannot write to data directory {dir}"),
            sign("Cannot write to snap directory {dir}"),
            sign("Unable to create data directory {dir}"),
            sign("Unable to create snap directory {dir}"),
            sign_with("cannot create directory {dir}", &["Permission denied"]),
            sign("EACCES: permission denied"),
            sign("AccessDeniedException: {dir}"),
            sign("myid: Permission denied"),
            sign_with(
                "(Permission denied)",
                &[
                    "version-2",
                    "/myid",
                    "FileTxnLog",
                    "FileSnap",
                    "currentEpoch",
                    "acceptedEpoch",
                ],
            ),
        ],
        cause: "the server's user has no access to the directory or a file in it; often right after a restore or copy as root, or because the file system became read-only",
        risk: Risk::No,
        at_risk: "nothing was read or written",
        next: "make that user the owner (`chown -R`; `zoovault restore --chown USER` does so), and check the kernel log for disk failures",
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
        cause: "dataDir or dataLogDir does not exist, and zookeeper.datadir.autocreate is off: the disk is not mounted, or the path is wrong",
        risk: Risk::No,
        at_risk: "nothing was read or written. If the directory were created, the server would start empty",
        next: "mount the disk or correct the path; do not create an empty directory in place of one that had data",
        facts: about_dir,
        ..BLANK
    },
    Entry {
        id: "empty-database",
        signs: &[sign("Unexpected empty data tree, setting zxid to -1")],
        since: "3.6.0",
        cause: "there is neither a snapshot nor a log, and zookeeper.db.autocreate is off: the member does not vote until it has synced from another",
        risk: Risk::Maybe,
        at_risk: "nothing if the member is new; if its directory was lost, the others have the data",
        next: "make sure that dataDir is the right one and mounted. Create a file `initialize` only for the first start of a whole new ensemble: beside version-2 in the dataLogDir, or in the dataDir if there is no other, since that is where the server looks",
        ..BLANK
    },
    Entry {
        id: "disk-full",
        signs: &[sign("No space left on device"), sign("Disk quota exceeded")],
        cause: "the disk is full; the server cannot write a log or snapshot, and stops",
        risk: Risk::Maybe,
        at_risk: "acknowledged transactions are safe; the newest log may be left with zero bytes and the newest snapshot cut, either of which can stop the next start",
        next: "free up space by removing files that are not ZooKeeper's. Then run `zoovault verify DIR` before the start, and before anything in version-2 is deleted",
        findings: &[Code::LogEmpty, Code::LogCutHeader, Code::SnapshotCut],
        ..BLANK
    },
    Entry {
        id: "disk-failing",
        signs: &[
            sign("Input/output error"),
            sign("Stale file handle"),
            sign("Stale NFS file handle"),
            sign("Structure needs cleaning"),
        ],
        cause: "the disk or its file system is failing, or a network file system lost the file that the server had open",
        risk: Risk::Yes,
        at_risk: "what only this disk has",
        next: "copy the directory to another disk now, and run `zoovault verify` on the copy",
        ..BLANK
    },
    Entry {
        id: "read-only",
        signs: &[sign("Read-only file system"), sign("EROFS")],
        cause: "the file system is read-only. Either it was mounted so, as the root of many containers and a mounted configuration are; or the kernel made it so after errors of the disk",
        risk: Risk::Maybe,
        at_risk: "nothing if it was mounted so; if the kernel did it, what only this disk has",
        next: "look at /proc/mounts and the kernel's log. Where the disk had errors, copy the directory to another disk now and run `zoovault verify` on the copy; otherwise mount a writable volume at dataDir and dataLogDir",
        ..BLANK
    },
    Entry {
        id: "file-vanished",
        signs: &[sign_with("(No such file or directory)", &["version-2"])],
        cause: "a file or the directory version-2 is not there where the server wants to write or read: it was deleted, moved or unmounted while the server ran, as happens to a dataDir below /tmp",
        risk: Risk::Yes,
        at_risk: "what only this directory had. The other members of an ensemble have everything that was acknowledged",
        next: "do not restart the other members until their directories are seen to be whole. Find out what removed the files, mount or copy them back, and run `zoovault verify DIR` before this member starts: it would start empty",
        findings: &[],
        ..BLANK
    },
    Entry {
        id: "file-too-large",
        signs: &[sign("File too large")],
        cause: "a limit on the size of a file stops the server from reserving space for its log: ulimit -f, a limit of systemd, or the file system's own. The log may be left with zero bytes",
        risk: Risk::No,
        at_risk: "acknowledged transactions are safe; the newest log may be empty, which stops 3.4.0 to 3.9.2 at the next start",
        next: "raise the limit above zookeeper.preAllocSize (64 MB by default) and the size of a snapshot; run `zoovault verify DIR` before the start",
        findings: &[Code::LogEmpty, Code::LogCutHeader],
        ..BLANK
    },
    Entry {
        id: "files-exhausted",
        signs: &[sign("Too many open files")],
        weight: Weight::Warning,
        cause: "the server's process has reached its limit of open files and connections: too many clients for that limit, or a program that does not close its connections",
        risk: Risk::No,
        at_risk: "acknowledged transactions are safe. It refuses connections; when it cannot open its next log, it stops",
        next: "raise the limit of open files (ulimit -n, LimitNOFILE of systemd), and look which clients have the connections (`ss -tnp`)",
        ..BLANK
    },
    // ZooKeeperServerMain and QuorumPeerMain exit; QuorumPeer.start goes on.
    Entry {
        id: "admin-port",
        family: "port",
        signs: &[sign("Unable to start AdminServer, exiting abnormally")],
        since: "3.5.0",
        cause: "a standalone server stops because its AdminServer did not start: most often another program has its port, 8080 by default",
        risk: Risk::No,
        at_risk: "data was not read yet",
        next: "give it another port with admin.serverPort in zoo.cfg, or turn it off with admin.enableServer=false. If the port belongs to another ZooKeeper server, make sure that each has its own directory",
        ..BLANK
    },
    Entry {
        id: "admin-off",
        family: "port",
        signs: &[
            sign("Problem starting AdminServer"),
            sign("Unable to start JettyAdminServer"),
        ],
        since: "3.5.0",
        weight: Weight::Warning,
        cause: "the AdminServer did not start, most often because another program has its port, 8080 by default. A member goes on without it; a standalone server stops",
        risk: Risk::No,
        at_risk: "the AdminServer only answers commands and metrics over HTTP",
        next: "give it another port with admin.serverPort in zoo.cfg, or turn it off with admin.enableServer=false",
        ..BLANK
    },
    Entry {
        id: "metrics-provider",
        family: "port",
        signs: &[sign("Cannot boot MetricsProvider")],
        since: "3.6.0",
        cause: "the provider of metrics did not start, and the server stops because of it: most often another program has its port (metricsProvider.httpPort)",
        risk: Risk::No,
        at_risk: "data was not read",
        next: "give it another port; the exception below gives the reason",
        ..BLANK
    },
    Entry {
        id: "not-a-directory",
        signs: &[
            sign_with(
                "(Is a directory)",
                &[
                    "version-2",
                    "/myid",
                    ".cfg",
                    "currentEpoch",
                    "acceptedEpoch",
                ],
            ),
            sign_with("(Not a directory)", &["version-2"]),
        ],
        cause: "there is a directory where a file should be, or the other way round. Containers make an empty directory where a file that is to be mounted does not exist",
        risk: Risk::No,
        at_risk: "data was not read",
        next: "look with `ls -ld` at the path in the message; correct the mount, and remove only a directory that is empty",
        ..BLANK
    },
    // The JVM says the same of memory and of threads.
    Entry {
        id: "threads-exhausted",
        family: "memory",
        signs: &[
            sign("unable to create new native thread"),
            sign("unable to create native thread"),
        ],
        cause: "the operating system allows the server no more threads: a limit of processes (ulimit -u, the pids limit of a container), or memory outside the heap",
        risk: Risk::No,
        at_risk: "nothing in the files",
        next: "raise the limit; a larger heap makes it worse",
        ..BLANK
    },
    Entry {
        id: "killed-for-memory",
        family: "memory",
        signs: &[
            sign("OOMKilled"),
            sign_with("Out of memory: Kill", &["java", "zookeeper"]),
        ],
        cause: "the kernel killed the server because the machine or the container had no memory left: -Xmx and what the JVM needs beside the heap are more than the limit",
        risk: Risk::No,
        at_risk: "acknowledged transactions are safe; the last record of the newest log and the newest snapshot may be cut, which a start gets over in most cases",
        next: "set -Xmx well below the container's limit, or raise the limit; run `zoovault verify DIR` if the server does not start again",
        findings: &[Code::LogTornTail, Code::SnapshotCut],
        ..BLANK
    },
    Entry {
        id: "out-of-memory",
        family: "memory",
        signs: &[
            sign_with("OutOfMemoryError", LOADING),
            sign("OutOfMemoryError"),
        ],
        cause: "the tree does not fit into the server's heap, or a damaged length made it ask for too much",
        risk: Risk::Maybe,
        at_risk: "nothing in the files, unless a length is damaged",
        next: "raise -Xmx; run `zoovault verify DIR` to make sure that no length is damaged",
        findings: &[Code::LogBadLength],
        ..BLANK
    },
    Entry {
        id: "port-in-use",
        family: "port",
        signs: &[sign("Address already in use"), sign("BindException")],
        cause: "another program has the port: perhaps another ZooKeeper server, perhaps on the same directory",
        risk: Risk::Maybe,
        at_risk: "nothing as long as only one server writes to a directory; two that do destroy each other's logs",
        next: "find the other (`ss -ltnp`), and make sure that each has its own directory",
        ..BLANK
    },
    Entry {
        id: "server-id",
        family: "config",
        signs: &[
            sign("myid file is missing"),
            sign("serverid {id} is not a number"),
            sign("Server ID is too large. Cannot be larger than {max}"),
        ],
        cause: "dataDir/myid is missing, contains more than the number (a trailing space is enough), or a number that extendedTypesEnabled does not allow",
        risk: Risk::No,
        at_risk: "data was not read. But a member whose myid vanished may have lost the rest of dataDir too",
        next: "make sure that dataDir is mounted and has its version-2; then write the number of this member's server.N line into myid",
        facts: about_id,
        ..BLANK
    },
    Entry {
        id: "config-invalid",
        signs: &[
            sign("Invalid config, exiting abnormally"),
            sign("Error processing {file}"),
            sign("Invalid arguments, exiting abnormally"),
        ],
        weight: Weight::Frame,
        cause: "zoo.cfg or the dynamic configuration cannot be read; the exception below gives the reason",
        risk: Risk::No,
        at_risk: "data was not read",
        next: "correct the configuration named in the exception",
        ..BLANK
    },
    Entry {
        id: "dir-unusable",
        signs: &[sign("Unable to access datadir, exiting abnormally")],
        since: "3.5.0",
        weight: Weight::Frame,
        cause: "dataDir or dataLogDir cannot be used; the exception below gives the reason",
        risk: Risk::No,
        at_risk: "data was not read",
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
        cause: "the server could not load its directory; the exception below the message (\"Caused by:\") gives the reason",
        risk: Risk::Maybe,
        at_risk: "that depends on the cause: an empty newest log left by a crash is harmless, a damaged one is not",
        next: "delete nothing. Give zoovault the stack trace too, or the directory: `zoovault explain DIR`",
        ..BLANK
    },
    // ZooKeeperServer.shutdown: the tree is dropped, and loaded again.
    Entry {
        id: "db-not-updated",
        signs: &[sign("Error updating DB")],
        since: "3.4.12, 3.5.4",
        weight: Weight::Frame,
        cause: "when it stopped serving, the server could not read its own logs up to their end; the exception below gives the reason. It loads everything again",
        risk: Risk::Maybe,
        at_risk: "that depends on the cause",
        next: "delete nothing. Give zoovault the stack trace too, or a copy of the directory: `zoovault explain DIR`",
        ..BLANK
    },
    Entry {
        id: "start-failed",
        signs: &[sign("Unexpected exception, exiting abnormally")],
        weight: Weight::Frame,
        cause: "the server stopped; the exception below the message gives the reason",
        risk: Risk::Maybe,
        at_risk: "that depends on the cause",
        next: "delete nothing. Give zoovault the stack trace too, or the directory: `zoovault explain DIR`",
        ..BLANK
    },
    // ZooKeeperCriticalThread, ZooKeeperServer.takeSnapshot, ZooKeeperServerListenerImpl,
    // CommitProcessor; up to 3.4.6 SyncRequestProcessor.
    Entry {
        id: "thread-failed",
        signs: &[
            sign("Severe unrecoverable error"),
            sign("exits, error code {code}"),
            sign("Exception thrown by downstream processor, unable to continue"),
        ],
        weight: Weight::Frame,
        cause: "a thread of the server failed and stopped it, at a start or while it was running; the exception below the message gives the reason",
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
    id.map(|id| format!("it contains \"{id}\""))
        .into_iter()
        .collect()
}
