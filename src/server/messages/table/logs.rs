//! Logs that are damaged, cut or of another kind.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::file_name;
use super::super::pattern::Captures;
use super::{IN_LOG, IN_NETWORK, IN_SNAPSHOT, REPLACE};
use crate::analysis::finding::Code;
use crate::format::record::TxnKind;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "log-checksum",
        signs: &[
            sign("CRC check failed"),
            sign("CRC doesn't match {stored} vs {computed}"),
            sign("CRC ERROR - "),
        ],
        cause: "the bytes of a record in a log are not those that were written: a failing disk, a bad copy, pages that were not on the disk when the power went, or (up to \
                3.4.11 and 3.5.3) a record larger than preAllocSize, one byte of which the server itself overwrote",
        risk: Risk::Yes,
        at_risk: "the transaction in that record, and every later transaction of this member that no other member and no snapshot has; no release starts with this",
        next: REPLACE,
        findings: &[Code::LogBadChecksum],
        ..BLANK
    },
    Entry {
        id: "log-empty-deleted",
        signs: &[sign(
            "Delete empty tail log file to recover from corruption file: {file}",
        )],
        since: "3.9.3",
        weight: Weight::Warning,
        cause: "the newest log had zero bytes, as left by a crash or a full disk right after it was created; the server deleted it and continued",
        risk: Risk::Maybe,
        at_risk: "nothing if the file never had a transaction; the file does not show whether it did",
        next: "make sure that the disk has room; run `zoovault verify DIR` on the directory, and compare the last zxid with the other members'",
        findings: &[Code::LogEmpty],
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "log-empty-not-deleted",
        signs: &[sign("Failed to delete empty tail log file: {file}")],
        since: "3.9.3",
        cause: "the newest log has zero bytes, but the server is not allowed to delete it",
        risk: Risk::No,
        at_risk: "the file contains nothing",
        next: "make the server's user the owner of the directory, or move the empty file away",
        findings: &[Code::LogEmpty],
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "log-eof-in-header",
        family: "eof",
        signs: &[sign_with(
            "EOFException",
            &["inStreamCreated", "FileTxnIterator.createInputArchive"],
        )],
        cause: "a log ends within its first 16 bytes. A crash or a full disk leaves the newest log so, often with zero bytes",
        risk: Risk::Maybe,
        at_risk: "nothing if it is the newest log, which had no transactions yet; otherwise, all its transactions",
        next: "look for the smallest log.* file; run `zoovault verify DIR`. Only if it is the newest one and 0 to 15 bytes long, move it out of the directory and start again; 3.9.3 and \
               later do that themselves for 0 bytes",
        findings: &[Code::LogEmpty, Code::LogCutHeader],
        ..BLANK
    },
    Entry {
        id: "snapshot-eof",
        family: "eof",
        signs: &[sign_with("EOFException", IN_SNAPSHOT)],
        weight: Weight::Warning,
        cause: "a snapshot ends too early: its server was killed or its disk was full while it was being written. The server continues with the next older one",
        risk: Risk::Maybe,
        at_risk: "nothing, as long as an older snapshot and every log after it exist",
        next: "do not run PurgeTxnLog now: it may count this file as valid. Run `zoovault verify DIR`; when it shows a window up to the last transaction, move the file away",
        findings: &[Code::SnapshotCut],
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "eof-connection",
        family: "eof",
        signs: &[
            sign_with("EOFException", IN_NETWORK),
            sign("EndOfStreamException"),
            sign("Unable to read additional data from"),
            sign("Connection reset by peer"),
            sign("CancelledKeyException causing close of session"),
        ],
        weight: Weight::Note,
        cause: "the other end of a connection, a member or a client, closed it",
        risk: Risk::No,
        at_risk: "this is about a connection, not about files",
        next: "look at the log of the other end",
        ..BLANK
    },
    Entry {
        id: "eof",
        family: "eof",
        signs: &[sign("EOFException")],
        cause: "a file or a connection ended too early. While the server loads, it is most often a log of 0 to 15 bytes, as left by a crash or a full disk if it is the newest; the stack trace below the message shows which (FileHeader.deserialize is such a log, FileSnap a snapshot, QuorumPacket a connection)",
        risk: Risk::Maybe,
        at_risk: "nothing if it is the newest log and it is empty",
        next: "give zoovault the stack trace too, or run `zoovault verify DIR`: it names the file",
        findings: &[Code::LogEmpty, Code::LogCutHeader, Code::SnapshotCut],
        ..BLANK
    },
    Entry {
        id: "log-partial",
        signs: &[sign("Last transaction was partial.")],
        weight: Weight::Loses,
        cause: "a record in a log does not end with its mark, so the server silently treated it as the end of that log and continued with the next",
        risk: Risk::Maybe,
        at_risk: "nothing at the end of the newest log: that transaction was never acknowledged. In the middle of a log, or in an older one, everything after it in that file is dropped, and the server runs with znodes missing",
        next: "run `zoovault verify DIR`: log-torn-tail is harmless, log-bad-end-mark or log-cut is not. Then stop the server before it writes and purges more, and restore",
        findings: &[Code::LogTornTail, Code::LogBadEndMark, Code::LogCut],
        ..BLANK
    },
    Entry {
        id: "log-magic",
        signs: &[
            sign("Transaction log: {file} has invalid magic number {magic} != {want}"),
            sign("has invalid magic number"),
            sign("Invalid magic number for {file}"),
        ],
        cause: "a file named like a log does not begin with \"ZKLG\": it is zeros (blocks that never reached the disk, as after a power cut or when a pod was moved to another node and its volume is on a network file system), damaged, compressed, or something else",
        risk: Risk::Maybe,
        at_risk: "every transaction of that log, if it was one",
        next: "run `zoovault verify DIR`. If the file is all zeros and the newest, move it away; if it was never a log (a copy, an archive), move it away; otherwise get it from another member or a backup",
        findings: &[
            Code::LogBadMagic,
            Code::LogAllZeros,
            Code::LogVersionTwo,
            Code::FileLookalike,
        ],
        facts: about_magic,
        ..BLANK
    },
    Entry {
        id: "log-unknown-type",
        signs: &[sign("Unsupported Txn with type={type}")],
        cause: "a log has a record of a type that this release does not load: a newer release wrote it, or a client sent a bare check request, which servers up to 3.8.4 and 3.9.2 log and \
                can never load again",
        risk: Risk::Maybe,
        at_risk: "the files are intact; this release cannot start with them",
        next: "run `zoovault verify DIR`. If a newer release wrote the directory, start that release again; if it is a check (type 13), `zoovault restore DIR --to latest`: it knows that such a transaction changes nothing",
        findings: &[Code::LogUnknownType],
        facts: about_type,
        ..BLANK
    },
    Entry {
        id: "log-null-length",
        family: "null",
        signs: &[
            sign_with("NullPointerException", &["FileTxnIterator.next"]),
            sign_with("NegativeArraySizeException", IN_LOG),
        ],
        cause: "the length of a record in a log is damaged",
        risk: Risk::Yes,
        at_risk: "that record and everything after it in the log",
        next: REPLACE,
        findings: &[Code::LogBadLength],
        ..BLANK
    },
    Entry {
        id: "log-zxid-repeated",
        signs: &[
            sign("Current zxid {zxid} is <= {last} for"),
            sign("(highestZxid) > {zxid}(next log) for type"),
            sign("(higestZxid) > {zxid}(next log) for type"),
        ],
        weight: Weight::Warning,
        cause: "zxids do not increase: a transaction has a zxid that was already used. Logs of two histories may be mixed in one directory, or a member was restored with its old epoch",
        risk: Risk::Maybe,
        at_risk: "nothing if both transactions are the same; otherwise two histories are mixed",
        next: "run `zoovault verify DIR`: log-fork names logs that contradict each other",
        findings: &[Code::LogFork],
        facts: about_decimal_zxid,
        ..BLANK
    },
    // FileTxnLog.append: nothing is known to cause it.
    Entry {
        id: "log-unserializable",
        signs: &[sign("Faulty serialization for header and txn")],
        cause: "the server could not turn a transaction into bytes for its log, and stops. What causes it is not known",
        risk: Risk::Maybe,
        at_risk: "that transaction was not acknowledged; everything before it is in the logs",
        next: "copy the directory, then run `zoovault verify DIR` on the copy; start the server again if it is sound",
        ..BLANK
    },
    Entry {
        id: "fsync-slow",
        signs: &[sign(
            "fsync-ing the write ahead log in {thread} took {ms}ms",
        )],
        weight: Weight::Warning,
        cause: "the disk was slow to sync a transaction",
        risk: Risk::No,
        at_risk: "the transaction was synced in the end",
        next: "put the dataLogDir on a separate disk",
        facts: about_fsync,
        ..BLANK
    },
];

fn about_file(captures: &Captures) -> Vec<String> {
    let file = captures.get("file").map(file_name);
    file.map(|file| format!("the file is {file}"))
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
        [0, 0, 0, 0] => "it begins with zeros: space that was reserved and never written, or blocks that were lost".to_owned(),
        [0x1f, 0x8b, ..] => "it begins as gzip does: it was compressed".to_owned(),
        _ if &bytes == b"ZKSN" => "it begins with \"ZKSN\": it is a snapshot".to_owned(),
        _ => format!("it begins with \"{}\"", bytes.escape_ascii()),
    }));
    facts
}

fn about_type(captures: &Captures) -> Vec<String> {
    // Servers of 3.4 forgot to format the number: "type=%d13".
    let number = captures
        .get("type")
        .map(|text| text.trim_start_matches("%d"));
    let Some(txn_type) = number.and_then(|text| text.parse().ok()) else {
        return Vec::new();
    };
    let fact = match TxnKind::from_code(txn_type) {
        Some(kind) => format!("type {txn_type} is {}", kind.name()),
        None => {
            format!("no release up to 3.9 writes type {txn_type}: the record may be damaged")
        }
    };
    vec![fact]
}

fn about_decimal_zxid(captures: &Captures) -> Vec<String> {
    let zxid = captures.decimal_zxid("zxid");
    zxid.map(|zxid| format!("the transaction is {zxid}"))
        .into_iter()
        .collect()
}

fn about_fsync(captures: &Captures) -> Vec<String> {
    let ms = captures.decimal("ms");
    ms.map(|ms| format!("it took {ms} ms"))
        .into_iter()
        .collect()
}
