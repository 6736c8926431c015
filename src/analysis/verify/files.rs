//! Each file for itself: what is wrong with logs, snapshots and names.

use super::windows::Window;
use crate::analysis::finding::{Code, Fact, Finding, Severity};
use crate::error::{Error, ErrorKind, Fault, Hint};
use crate::format::datadir::{ACCEPTED_EPOCH, CURRENT_EPOCH, FileName, MYID};
use crate::format::snapshot::SnapshotSummary;
use crate::format::txnlog::{LogEnd, LogFault, LogSummary};
use crate::history::History;
use crate::history::receipt::RECEIPT_NAME;
use crate::history::replay::SnapshotVerdict;
use crate::history::source::{Dated, Source, SourceFile};
use crate::history::timeline::Timeline;
use crate::zxid::Zxid;
use std::path::Path;

/// What a default server reads at most: twice `jute.maxbuffer` since 3.5.7, little more than once
/// before.
const DEFAULT_BUFFER: usize = 0xf_ffff;

pub(super) fn judge_logs(history: &History<'_>, findings: &mut Vec<Finding>) {
    let (source, timeline) = (history.source, &history.timeline);
    let newest = source.logs().len().saturating_sub(1);
    for log in &timeline.logs {
        let Some(file) = source.logs().get(log.log) else {
            continue;
        };
        match &log.summary {
            // That is told of the archive.
            Err(error) if file.is_cut() && is_cut(error) => {}
            Err(error) => {
                let behind = log.behind_header.as_ref();
                findings.push(damaged_header(file, error, behind, log.log == newest));
            }
            Ok(summary) => judge_log(file, summary, is_followed(timeline, summary), findings),
        }
    }
}

/// A file of a repository that its objects do not give: no byte of it is read.
fn damaged_object(file: &SourceFile, error: &Error) -> Finding {
    // The error is told of the file, but a file of several objects may be lost by any of them.
    let other = error.path().filter(|path| *path != file.shown());
    let object = other.map_or(String::new(), |path| format!("{}: ", path.display()));
    let message = format!("{object}{}", error.what());
    Finding::new(Code::SourceObjectDamaged, message).file(file.shown())
}

/// The whole records behind a header that is not one, for people.
fn behind_words(behind: Option<&LogSummary>) -> String {
    let known = behind.and_then(|behind| Some((behind, behind.runs.first()?, behind.last()?)));
    let Some((behind, first, last)) = known else {
        return "no complete record follows".to_owned();
    };
    let holes = match behind.runs.len() {
        1 => "",
        _ => ", with gaps",
    };
    format!(
        "{} complete records follow, from offset {}: {} to {last}{holes}; they are not used",
        behind.count, first.start_offset, first.first
    )
}

fn damaged_header(
    file: &SourceFile,
    error: &Error,
    behind: Option<&LogSummary>,
    is_newest: bool,
) -> Finding {
    let Some(fault) = error.fault() else {
        return damaged_object(file, error);
    };
    if fault.is_unreadable() {
        let message = format!("{fault}; no server that reads this log starts");
        return unreadable(file.shown(), error, message);
    }
    let (code, message) = match fault {
        Fault::Empty => (
            Code::LogEmpty,
            "zero bytes long: servers up to 3.9.2 that read it do not start (\"EOFException\")"
                .to_owned(),
        ),
        Fault::ShortHeader { .. } => (
            Code::LogCutHeader,
            "cut within its header: a server that reads this log does not start (\"EOFException\")"
                .to_owned(),
        ),
        Fault::AllZeros { .. } => (
            Code::LogAllZeros,
            format!(
                "{fault}: a server that reads this log does not start (\"Invalid magic number\")"
            ),
        ),
        Fault::Version2 { .. } => (
            Code::LogVersionTwo,
            format!(
                "{fault}: no server that reads current logs starts on it (\"Invalid magic number\")"
            ),
        ),
        _ => (
            Code::LogBadMagic,
            format!(
                "does not begin with \"ZKLG\": a server that reads this log does not start (\"Invalid magic number\"); {}",
                behind_words(behind)
            ),
        ),
    };
    // A crash right after a log was made leaves it so, and nothing was in it yet.
    let is_crash = is_newest && fault.is_cut_header();
    let severity = if is_crash {
        Severity::Warning
    } else {
        Severity::Damage
    };
    // So does a disk that lost the blocks of a file it had made room for.
    let is_blank = is_newest && matches!(fault, Fault::AllZeros { .. });
    let finding = Finding::new(code, message)
        .severity(severity)
        .file(file.shown())
        .offset(error.offset().unwrap_or(0));
    if is_crash || is_blank {
        finding.but_next("move the file away: it has no transactions now, and it cannot be known whether it ever did")
    } else if behind.is_some() {
        finding.but_next("keep the file, since its records are intact; get it from another copy, or restore from another member")
    } else {
        finding
    }
}

/// Nothing is known of what cannot be read, and that may be damage of a disk or no more than
/// permissions.
fn unreadable(file: &Path, error: &Error, message: String) -> Finding {
    let os_error = error.fault().and_then(Fault::os_error);
    let finding = Finding::new(Code::FileUnreadable, message)
        .file(file)
        .offset(error.offset().unwrap_or(0))
        .txn(error.txn())
        .fact(os_error.map(Fact::OsError));
    match error.is_denied() {
        true => finding.but_next(Hint::RunAsOwner),
        false => finding,
    }
}

/// What to do about a compressed file that takes too much memory.
const DECOMPRESS: Hint = Hint::plain("decompress it yourself and verify again with what was in it");
/// What to do about an archive, or a compressed file, that is damaged as such.
const RECOPY: Hint =
    Hint::plain("copy it again from where it came from, or use the files that it was made of");

/// What is wrong with the files beside logs and snapshots, or with the archive that all are in:
/// that they cannot be read.
pub(super) fn judge_beside(source: &Source, findings: &mut Vec<Finding>) {
    let unread = source.unread();
    findings.extend(unread.iter().filter_map(|error| {
        let file = error.path()?;
        if error.fault().is_none() && error.kind() == ErrorKind::Failed {
            let message = format!("{}: nothing of it is read", error.what());
            let finding = Finding::new(Code::FileUnreadable, message)
                .severity(Severity::Missing)
                .file(file);
            return Some(finding.but_next(DECOMPRESS));
        }
        if error.fault().is_none() {
            let message = format!("{}; what could be read of it was read", error.what());
            let finding = Finding::new(Code::FileUnreadable, message).file(file);
            return Some(finding.but_next(RECOPY));
        }
        let what = match file.file_name()?.to_str()? {
            // Servers may read it.
            MYID | ACCEPTED_EPOCH | CURRENT_EPOCH if error.is_denied() => "",
            MYID => "; a member of an ensemble does not start without it",
            RECEIPT_NAME => "; without it nothing shows that what was restored is exact",
            _ => "; a member of an ensemble refuses to start, or continues as if it were missing",
        };
        Some(unreadable(file, error, format!("{}{what}", error.what())))
    }));
}

/// Whether txns are known to be missing right behind a log. A torn write loses a txn that nobody
/// was promised, and its server gives that zxid again; where the next is another, more was lost
/// than a torn write.
fn is_followed(timeline: &Timeline, summary: &LogSummary) -> bool {
    summary
        .last()
        .is_some_and(|last| timeline.gaps().iter().any(|gap| gap.after == last))
}

fn judge_log(
    file: &SourceFile,
    summary: &LogSummary,
    is_gap_behind: bool,
    findings: &mut Vec<Finding>,
) {
    let about = |code, message: String| Finding::new(code, message).file(file.shown());
    let last = summary.last();
    findings.extend(
        summary
            .faults
            .iter()
            .map(|fault| log_fault(file, fault, last)),
    );
    if summary.faults_untold > 0 {
        let message = format!("{} more faults in this log", summary.faults_untold);
        findings.push(about(Code::LogMoreFaults, message));
    }
    findings.extend(log_end(file, summary, is_gap_behind));
    findings.extend(log_remarks(file, summary));
}

/// Whether a file is known to break off, and nothing else is wrong with it.
fn is_cut(error: &Error) -> bool {
    error.fault().is_some_and(Fault::is_cut)
}

/// A log that ends in the middle of a write. One that ends where its archive was cut was not
/// written so.
fn log_end(file: &SourceFile, summary: &LogSummary, is_gap_behind: bool) -> Option<Finding> {
    let offset = match summary.end {
        Some(LogEnd::Torn { offset }) if !file.is_cut() => offset,
        _ => return None,
    };
    let finding = if is_gap_behind {
        let message = "the log is cut here, and the transactions after it are missing; servers silently treat this as the end";
        Finding::new(Code::LogCut, message)
    } else {
        let message = "the last write is cut short here; servers treat this as the end. Nothing here shows whether the disk lost more than that write";
        Finding::new(Code::LogTornTail, message)
    };
    Some(
        finding
            .file(file.shown())
            .offset(offset)
            .after(summary.last()),
    )
}

/// What is unusual about a log and no damage.
fn log_remarks(file: &SourceFile, summary: &LogSummary) -> Vec<Finding> {
    let about = |code, message: String| Finding::new(code, message).file(file.shown());
    let mut findings = Vec::new();
    if let Some((version, dbid)) = summary.odd_header {
        let message = format!(
            "header has version {version} and dbid {dbid}; servers write 2 and 0, and check neither"
        );
        findings.push(about(Code::LogOddHeader, message).offset(4));
    }
    if summary.odd_trailers > 0 {
        let message = format!(
            "{} records have bytes after body and digest that servers ignore",
            summary.odd_trailers
        );
        findings.push(about(Code::LogOddTrailer, message));
    }
    if let Some(first) = summary.first().filter(|first| *first != file.zxid()) {
        let message = format!(
            "is named {} but begins with {first}: servers choose logs by name",
            file.zxid()
        );
        findings.push(about(Code::LogNameMismatch, message).zxid(first));
    }
    if let Some((count, zxid)) = summary.back_steps {
        let message = format!(
            "zxids go backwards {count} times within the log: a server writes them in increasing order, and applies all of them in this order"
        );
        findings.push(about(Code::LogZxidOrder, message).zxid(zxid));
    }
    if let Some((step, zxid)) = summary.largest_clock_step {
        let message = format!(
            "the leader's clock stepped back {} times, by at most {step} ms",
            summary.clock_steps
        );
        findings.push(about(Code::LogClockStep, message).zxid(zxid));
    }
    if summary.largest_record > DEFAULT_BUFFER {
        let message = format!(
            "a record has {} bytes: a server needs -Djute.maxbuffer of that size to read it (\"Unreasonable length\")",
            summary.largest_record
        );
        findings.push(
            about(Code::LogLargeRecord, message)
                .zxid(summary.largest_zxid)
                .fact(Fact::Length(summary.largest_record as u64)),
        );
    }
    findings
}

fn log_fault(file: &SourceFile, fault: &LogFault, last: Option<Zxid>) -> Finding {
    let (code, server) = match fault.fault {
        Fault::BadChecksum { .. } => (
            Code::LogBadChecksum,
            "a server that reads this far does not start: \"CRC check failed\"",
        ),
        Fault::BadLength { .. } => (
            Code::LogBadLength,
            "servers refuse it (\"Unreasonable length\") or silently drop the rest of the log",
        ),
        Fault::BadEndOfRecord { .. } => (
            Code::LogBadEndMark,
            "servers silently drop the rest of the log",
        ),
        // What follows is whole, so it is the length that is wrong.
        Fault::CutRecord { .. } if fault.next.is_some() => (
            Code::LogBadLength,
            "servers silently drop the rest of the log",
        ),
        Fault::GarbageAfterPadding => (Code::LogGarbage, "servers never read it"),
        Fault::Unreadable { .. } => (
            Code::FileUnreadable,
            "a server that reads this far does not start",
        ),
        Fault::UnknownTxnType { .. } => (
            Code::LogUnknownType,
            "a server that reads this far does not start: \"Unsupported Txn\"",
        ),
        _ => (
            Code::LogBadRecord,
            "servers silently drop the rest of the log",
        ),
    };
    let behind = match fault.next {
        Some((offset, zxid)) => {
            let last = last.unwrap_or(zxid);
            format!("; complete records continue at offset {offset} with {zxid}, to {last}")
        }
        None => String::new(),
    };
    let os_error = fault.fault.os_error();
    Finding::new(code, format!("{}; {server}{behind}", fault.fault))
        .file(file.shown())
        .offset(fault.offset)
        .txn(fault.txn)
        .fact(os_error.map(Fact::OsError))
}

pub(super) fn judge_snapshots(
    source: &Source,
    verdicts: &[SnapshotVerdict],
    windows: &[Window],
    findings: &mut Vec<Finding>,
) {
    for (file, verdict) in source.snapshots().iter().zip(verdicts) {
        match verdict {
            Err(error) if file.is_cut() && is_cut(error) => {}
            Err(error) => findings.push(damaged_snapshot(file, error, windows)),
            Ok(summary) => judge_snapshot(file, summary, findings),
        }
    }
}

fn damaged_snapshot(file: &SourceFile, error: &Error, windows: &[Window]) -> Finding {
    let Some(fault) = error.fault() else {
        return damaged_object(file, error);
    };
    if fault.is_unreadable() {
        let message = format!("{fault}; servers continue with the next older snapshot");
        return unreadable(file.shown(), error, message);
    }
    // A server that is killed while it writes a snapshot leaves it so. Servers go on to the next
    // older one, and nothing is lost as long as the same points can be had from another base.
    let is_cut = fault.is_cut();
    let is_covered = windows
        .iter()
        .any(|window| window.from <= file.zxid() && file.zxid() <= window.to);
    let code = match fault {
        _ if is_cut => Code::SnapshotCut,
        Fault::BadChecksum { .. } => Code::SnapshotBadChecksum,
        Fault::BadMagic { .. } => Code::SnapshotBadMagic,
        Fault::Version2 { .. } => Code::SnapshotVersionTwo,
        Fault::MissingParent { .. } => Code::SnapshotMissingParent,
        Fault::BadCompression { .. } => Code::SnapshotBadCompression,
        _ => Code::SnapshotDamaged,
    };
    let severity = match is_cut && is_covered {
        true => Severity::Warning,
        false => Severity::Damage,
    };
    let message = format!("{fault}; servers continue with the next older snapshot, if they notice");
    Finding::new(code, message)
        .severity(severity)
        .file(file.shown())
        .offset(error.offset().unwrap_or(0))
        .txn(error.txn())
}

/// What a snapshot under a free name says of its zxid.
fn free_name(file: &SourceFile, dated: Dated) -> Finding {
    let (severity, message) = match dated {
        Dated::Exact(zxid) => (
            Severity::Info,
            format!("its name gives no zxid, but its trailer does: it is the tree after {zxid}"),
        ),
        Dated::Fuzzy(zxid) => (
            Severity::Warning,
            format!(
                "was finished after {zxid}; its znodes were written while transactions were applied, and without the log of those it is not the tree at any one moment"
            ),
        ),
        Dated::Open(Some(zxid)) => (
            Severity::Warning,
            format!(
                "is of {zxid}, and it is not known whether transactions were applied while it was being written"
            ),
        ),
        Dated::Open(None) => (
            Severity::Warning,
            "unknown zxid: neither its name nor its trailer gives it".to_owned(),
        ),
    };
    Finding::new(Code::SnapshotFreeName, message)
        .severity(severity)
        .file(file.shown())
}

fn judge_snapshot(file: &SourceFile, summary: &SnapshotSummary, findings: &mut Vec<Finding>) {
    let about = |code, message: String| Finding::new(code, message).file(file.shown());
    findings.extend(file.dated().map(|dated| free_name(file, dated)));
    if let Some((version, dbid)) = summary.odd_header {
        let message = format!(
            "header has version {version} and dbid {dbid}; servers write 2 and -1, and check neither"
        );
        findings.push(about(Code::SnapshotOddHeader, message).offset(4));
    }
    if summary.dangling_acls > 0 {
        let path = summary
            .dangling_path
            .as_deref()
            .unwrap_or_default()
            .escape_ascii()
            .to_string();
        let message = format!(
            "{} znodes (the first \"{path}\") have ACL ids that its map lacks: legal if transactions were being applied; servers of 3.8.4+ and 3.9.2+ can refuse to start from it (\"Failed to fetch acls\")",
            summary.dangling_acls
        );
        findings.push(about(Code::SnapshotDanglingAcl, message));
    }
    if summary.largest_data.0 > DEFAULT_BUFFER {
        let (len, path) = &summary.largest_data;
        let message = format!(
            "\"{}\" has {len} bytes of data: a server needs -Djute.maxbuffer of that size",
            path.escape_ascii()
        );
        findings.push(about(Code::SnapshotLargeData, message).fact(Fact::Length(*len as u64)));
    }
}

pub(super) fn judge_names(source: &Source, findings: &mut Vec<Finding>) {
    for (path, name) in source.odd_files() {
        let finding = match name {
            FileName::Lookalike => Finding::new(
                Code::FileLookalike,
                "is not a name that servers use, but servers of 3.6 and later read it as a log or snapshot",
            ),
            _ => Finding::new(
                Code::FileLeftover,
                "was left behind by a write that did not finish",
            ),
        };
        findings.push(finding.file(path));
    }
    for path in source.misplaced() {
        let message = "is in the wrong one of dataDir and dataLogDir: servers refuse to start (\"Snapshot directory has log files\" or \"Log directory has snapshot files\")";
        findings.push(Finding::new(Code::FileMisplaced, message).file(path));
    }
}
