//! Snapshots that are damaged, cut or not there.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::file_name;
use super::super::pattern::Captures;
use crate::analysis::finding::Code;

const KEEP: &str = "do not run PurgeTxnLog: it judges a snapshot by its last bytes and may delete the older ones that still work. Copy the directory, then run `zoovault verify DIR`: it shows which points can be restored from which base";
const OLDER: &str = "nothing, as long as an older snapshot and every log after it exist: the server continues with that one. If there is none, it does not start";

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "snapshot-checksum",
        signs: &[
            sign("CRC corruption in snapshot : {file}"),
            sign("CRC corruption"),
        ],
        weight: Weight::Warning,
        cause: "the seal of a snapshot does not match its bytes: they were damaged, or a 3.9 server wrote it with other digest.enabled or serializeLastProcessedZxid.enabled settings than this one has",
        risk: Risk::Maybe,
        at_risk: OLDER,
        next: KEEP,
        findings: &[Code::SnapshotBadChecksum],
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "snapshot-magic",
        signs: &[
            sign("mismatching magic headers {magic} != {want}"),
            sign("mismatching magic headers"),
        ],
        weight: Weight::Warning,
        cause: "a file named like a snapshot does not begin with \"ZKSN\": it is damaged, compressed under a plain name, or something else",
        risk: Risk::Maybe,
        at_risk: OLDER,
        next: KEEP,
        findings: &[Code::SnapshotBadMagic],
        facts: about_magic,
        ..BLANK
    },
    Entry {
        id: "snapshot-orphan",
        signs: &[
            sign("Invalid Datatree, unable to find parent {parent} of path {path}"),
            sign("Invalid Datatree"),
        ],
        weight: Weight::Warning,
        cause: "a znode in a snapshot has no parent there: the snapshot is damaged",
        risk: Risk::Maybe,
        at_risk: OLDER,
        next: KEEP,
        findings: &[Code::SnapshotMissingParent],
        facts: about_orphan,
        ..BLANK
    },
    Entry {
        id: "snapshot-compression",
        family: "eof",
        signs: &[
            sign("FAILED_TO_UNCOMPRESS"),
            sign_with("ZipException", &["GZIPInputStream"]),
            sign_with("EOFException", &["GZIPInputStream"]),
            sign_with("Exception", &["SnappyInputStream"]),
        ],
        since: "3.6.0",
        weight: Weight::Warning,
        cause: "the compressed stream of a snapshot is broken or cut",
        risk: Risk::Maybe,
        at_risk: OLDER,
        next: KEEP,
        findings: &[Code::SnapshotBadCompression, Code::SnapshotCut],
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "snapshot-null-acl",
        signs: &[sign(
            "format of InputArchive when deserialize DataTree - missing acls",
        )],
        cause: "an ACL list in a snapshot is damaged, in a way that keeps the server from continuing with the next older snapshot",
        risk: Risk::Maybe,
        at_risk: "nothing, as long as an older snapshot and every log after it exist; but the server does not look for them",
        next: "copy the directory, then run `zoovault verify DIR`: where its windows reach the last transaction without this snapshot, move the file out of the directory and start again",
        findings: &[
            Code::SnapshotCut,
            Code::SnapshotDamaged,
            Code::SnapshotBadChecksum,
        ],
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "snapshot-skipped",
        signs: &[sign("Invalid snapshot {file} len = {length}")],
        weight: Weight::Warning,
        cause: "a snapshot is incomplete: its server was killed, or its disk was full, while it was being written. The server skips it",
        risk: Risk::Maybe,
        at_risk: OLDER,
        next: KEEP,
        findings: &[Code::SnapshotCut],
        facts: about_skipped,
        ..BLANK
    },
    // SnapStream.isValidGZipStream and isValidSnappyStream.
    Entry {
        id: "snapshot-unopened",
        family: "eof",
        signs: &[
            sign("Unable to open file {file}"),
            sign("Read incorrect number of bytes from {file}"),
        ],
        since: "3.6.0",
        weight: Weight::Warning,
        cause: "a compressed snapshot cannot be opened: it is cut, damaged, not compressed in spite of its name, or the server's user may not read it. The server, or the purge, skips it",
        risk: Risk::Maybe,
        at_risk: OLDER,
        next: KEEP,
        findings: &[Code::SnapshotBadCompression, Code::SnapshotCut],
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "no-valid-snapshot",
        signs: &[
            sign("Not able to find valid snapshots in {dir}"),
            sign("Not able to find valid snapshots"),
        ],
        cause: "there are snapshots, but none of the newest hundred can be loaded",
        risk: Risk::Yes,
        at_risk: "everything that only this directory has: without a snapshot, the logs are history without a beginning, unless they begin with the first transaction",
        next: "delete nothing and do not set snapshot.trust.empty. Copy the directory, then run `zoovault verify DIR`; look for an older snapshot, another member, or a backup",
        findings: &[
            Code::NothingRestorable,
            Code::SnapshotDamaged,
            Code::SnapshotBadChecksum,
        ],
        facts: about_dir,
        ..BLANK
    },
    Entry {
        id: "no-snapshot-trusted",
        family: "no-snapshot",
        signs: &[sign_with(
            "No snapshot found, but there are log entries",
            &["This should only be allowed during upgrading"],
        )],
        since: "3.5.6",
        weight: Weight::Loses,
        cause: "there are logs but no snapshot, and zookeeper.snapshot.trust.empty lets the server start anyway, from an empty tree",
        risk: Risk::Yes,
        at_risk: "everything before the first log, if the logs do not begin with the first transaction; a standalone 3.5.6 does not even replay the logs",
        next: "stop the server, turn the property off, and run `zoovault verify DIR`: if the logs begin with the first transaction, `zoovault restore DIR --to latest` makes the snapshot",
        findings: &[Code::NothingRestorable],
        ..BLANK
    },
    Entry {
        id: "no-snapshot",
        family: "no-snapshot",
        signs: &[sign("No snapshot found, but there are log entries")],
        since: "3.5.3",
        cause: "there are logs but no usable snapshot. Releases up to 3.5.2 left a new directory in this state; after an upgrade from 3.4 it is common. Otherwise the snapshots were deleted, are elsewhere (dataDir and dataLogDir), are all cut, or are compressed and the release is older than 3.6",
        risk: Risk::Maybe,
        at_risk: "nothing if the logs begin with the first transaction; otherwise everything before the first log present",
        next: "do not set snapshot.trust.empty, and copy no blank snapshot into the directory: both can lose everything. Run `zoovault verify DIR`; where it shows a window from the empty tree, \
               `zoovault restore DIR --to latest` makes the snapshot that is missing",
        findings: &[Code::NothingRestorable],
        ..BLANK
    },
    Entry {
        id: "snapshot-unread",
        signs: &[
            sign("problem reading snap file {file}"),
            sign("invalid snapshot {file}"),
        ],
        weight: Weight::Frame,
        cause: "a snapshot could not be loaded; the exception below the message gives the reason",
        risk: Risk::Maybe,
        at_risk: OLDER,
        next: KEEP,
        findings: &[Code::SnapshotDamaged],
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "snapshot-empty-deleted",
        signs: &[
            sign("Deleted empty snapshot file: {file}"),
            sign("Could not delete empty snapshot file: {file}"),
        ],
        since: "3.6.0",
        weight: Weight::Warning,
        cause: "writing a snapshot failed before its first byte, most often because the disk is full",
        risk: Risk::No,
        at_risk: "older snapshots and the logs still have everything",
        next: "free up space on the disk; delete no snapshot or log by hand before `zoovault verify DIR` shows what is needed",
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "snapshot-without-digest",
        family: "eof",
        signs: &[
            sign("Got EOF exception while reading the digest"),
            sign("Got EOFException while reading the last processed zxid"),
        ],
        since: "3.6.0",
        weight: Weight::Note,
        cause: "the snapshot ends where an older release, or zoovault, ends one",
        risk: Risk::No,
        at_risk: "it is intact",
        next: "nothing to do",
        ..BLANK
    },
];

fn about_file(captures: &Captures) -> Vec<String> {
    let file = captures.get("file").map(file_name);
    file.map(|file| format!("the snapshot is {file}"))
        .into_iter()
        .collect()
}

fn about_magic(captures: &Captures) -> Vec<String> {
    let mut facts = about_file(captures);
    let bytes = captures
        .decimal("magic")
        .and_then(|magic| i32::try_from(magic).ok())
        .map(i32::to_be_bytes);
    facts.extend(bytes.map(|bytes| match bytes {
        [0, 0, 0, 0] => "it begins with zeros: blocks that never reached the disk".to_owned(),
        [0x1f, 0x8b, ..] => "it begins as gzip does: give it a name that ends in .gz".to_owned(),
        _ => format!("it begins with \"{}\"", bytes.escape_ascii()),
    }));
    facts
}

fn about_orphan(captures: &Captures) -> Vec<String> {
    let mut facts = about_file(captures);
    facts.extend(
        captures
            .get("path")
            .map(|path| format!("the znode is {path}")),
    );
    facts
}

fn about_skipped(captures: &Captures) -> Vec<String> {
    let file = captures
        .get("file")
        .map(|file| file.split(' ').next().unwrap_or(file));
    let file = file.map(|file| file_name(file.trim_end_matches('.')));
    match (file, captures.decimal("length")) {
        (Some(file), Some(length)) => vec![format!("{file} has {length} bytes")],
        (Some(file), None) => vec![format!("the snapshot is {file}")],
        (None, _) => Vec::new(),
    }
}

fn about_dir(captures: &Captures) -> Vec<String> {
    let dir = captures.get("dir");
    dir.map(|dir| format!("the server looked in {dir}"))
        .into_iter()
        .collect()
}
