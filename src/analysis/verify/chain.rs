//! The files together: gaps, forks, epochs, and how far one gets.

use super::limits;
use super::lone::{LoneSnapshot, newest_restorable};
use super::windows::Window;
use crate::analysis::finding::{Code, Finding, Severity};
use crate::history::History;
use crate::history::source::{EpochFile, Source};
use crate::history::timeline::{Fork, Gap, ScannedLog};
use crate::zxid::Zxid;

/// The number in an epoch file.
pub(super) fn epoch_of(file: &EpochFile) -> Option<i64> {
    match file {
        EpochFile::Epoch(epoch) => Some(*epoch),
        EpochFile::Absent | EpochFile::Empty | EpochFile::Unparsable(_) | EpochFile::Unread => None,
    }
}

pub(super) fn judge(history: &History<'_>, forks: &[Fork], findings: &mut Vec<Finding>) {
    let source = history.source;
    let name = |index: usize| {
        source
            .logs()
            .get(index)
            .map(|log| log.name())
            .unwrap_or_default()
    };
    for fork in forks {
        let file = source
            .logs()
            .get(fork.other)
            .map(|log| log.shown().to_owned())
            .unwrap_or_default();
        let message = format!(
            "says something else about {} than {}",
            fork.zxid,
            name(fork.log)
        );
        findings.push(
            Finding::new(Code::LogFork, message)
                .file(file)
                .offset(fork.offset)
                .zxid(fork.zxid),
        );
    }
    judge_epochs(history, findings);
    limits::judge_counter(&history.timeline, findings);
}

fn judge_epochs(history: &History<'_>, findings: &mut Vec<Finding>) {
    let (source, timeline) = (history.source, &history.timeline);
    let about =
        |severity, message: String| Finding::new(Code::EpochFiles, message).severity(severity);
    for (name, file) in [
        ("acceptedEpoch", source.accepted_epoch()),
        ("currentEpoch", source.current_epoch()),
    ] {
        let text = match file {
            EpochFile::Unparsable(text) => text.as_str(),
            EpochFile::Empty => "",
            EpochFile::Absent | EpochFile::Epoch(_) | EpochFile::Unread => continue,
        };
        let message = format!(
            "{name} contains \"{}\", which is not a number: a member of an ensemble refuses to start",
            text.escape_default()
        );
        findings.push(about(Severity::Damage, message));
    }
    let newest = source
        .snapshots()
        .iter()
        .map(|snapshot| snapshot.zxid())
        .chain(timeline.last())
        .max();
    let (accepted, current) = (
        epoch_of(source.accepted_epoch()),
        epoch_of(source.current_epoch()),
    );
    if let (Some(current), Some(newest)) = (current, newest)
        && current < i64::from(newest.epoch())
    {
        let message = format!(
            "currentEpoch is {current} and the last zxid {newest}: a member refuses to start (\"The current epoch, {current:x}, is older than the last zxid\")"
        );
        findings.push(about(Severity::Warning, message).zxid(newest));
    }
    if let (Some(accepted), Some(current)) = (accepted, current)
        && accepted < current
    {
        let message = format!(
            "acceptedEpoch is {accepted} and currentEpoch {current}: a member refuses to start (\"The accepted epoch, {accepted:x} is less than the current epoch\")"
        );
        findings.push(about(Severity::Warning, message));
    }
    if source.manifest().is_none() {
        judge_missing_epochs(source, newest, findings);
    }
}

/// What a member lacks that a standalone server never has: one of the two epoch files where the
/// other is there, or both beside `myid`.
fn judge_missing_epochs(source: &Source, newest: Option<Zxid>, findings: &mut Vec<Finding>) {
    let is_absent = |file: &EpochFile| *file == EpochFile::Absent;
    let (accepted, current) = (
        is_absent(source.accepted_epoch()),
        is_absent(source.current_epoch()),
    );
    let is_member = !(accepted && current) || source.member().is_some();
    let Some(newest) = newest.filter(|newest| newest.epoch() > 0 && is_member) else {
        return;
    };
    for (name, is_missing, risk) in [
        (
            "acceptedEpoch",
            accepted,
            "may follow a leader of an epoch that it had promised not to follow",
        ),
        (
            "currentEpoch",
            current,
            "may be treated as having an older history than it does",
        ),
    ] {
        if is_missing {
            let epoch = newest.epoch();
            let message = format!(
                "{name} is missing, and the last zxid is {newest}: a member sets it to {epoch}, and if it was higher, it {risk}"
            );
            let finding = Finding::new(Code::EpochFileMissing, message);
            findings.push(finding.zxid(newest));
        }
    }
}

/// Gaps, and whether the last txn can be had. A follower that was sent the whole tree has a gap by
/// nature, with the snapshot of it at its end: such a one is a warning.
pub(super) fn judge_reach(
    history: &History<'_>,
    windows: &[Window],
    lone: &[LoneSnapshot],
    findings: &mut Vec<Finding>,
) {
    let (source, timeline) = (history.source, &history.timeline);
    let newest = source
        .snapshots()
        .iter()
        .map(|snapshot| snapshot.zxid())
        .max();
    let last = timeline
        .last()
        .into_iter()
        .chain(newest)
        .max()
        .unwrap_or(Zxid::ZERO);
    for gap in gaps(history) {
        let severity = if is_bridged(source, windows, &gap) {
            Severity::Warning
        } else {
            Severity::Missing
        };
        findings.push(told(&gap, severity));
    }
    findings.extend(behind_the_logs(history));
    findings.extend(without_snapshots(history));
    let reached = windows.iter().map(|window| window.to).max();
    match reached {
        Some(reached) if reached >= timeline.last().unwrap_or(last) => {}
        // What there is last can be had where that is wished, as is told of it.
        Some(_) if newest_restorable(lone, last).is_some() => {}
        None if newest_restorable(lone, last).is_some() => {
            let message = "nothing can be restored exactly: there are only snapshots without logs";
            findings.push(Finding::new(Code::NothingExact, message));
        }
        Some(reached) => {
            let message = format!(
                "nothing after {reached} can be restored, although there are transactions up to {last}"
            );
            findings.push(Finding::new(Code::LastUnreachable, message).zxid(reached));
        }
        None => {
            let message = "nothing can be restored: there is no sound snapshot with the transactions after it, and no log begins with the first transaction";
            let message = match lone.iter().any(LoneSnapshot::is_restorable) {
                true => {
                    "nothing can be restored exactly, and the newest state not at all; an older snapshot can be restored as it is, unproven"
                }
                false => message,
            };
            findings.push(Finding::new(Code::NothingRestorable, message));
        }
    }
}

/// Where txns are missing, the one before the first txn included.
pub(super) fn gaps(history: &History<'_>) -> Vec<Gap> {
    let before = before_the_logs(history);
    before.into_iter().chain(history.timeline.gaps()).collect()
}

/// Txns before the first that is there, of which a snapshot is from before, or a log has nothing
/// but the name.
fn before_the_logs(history: &History<'_>) -> Option<Gap> {
    let (source, timeline) = (history.source, &history.timeline);
    let segment = timeline.segments.first()?;
    let is_without_txns = |log: &&ScannedLog| {
        let summary = log.summary.as_ref().ok();
        summary.is_none_or(|summary| summary.runs.is_empty())
    };
    let logs = timeline.logs.iter().filter(is_without_txns);
    let named = logs.filter_map(|log| Some(source.logs().get(log.log)?.zxid().prev()));
    let snapshots = source.snapshots().iter().map(|file| file.zxid());
    let after = snapshots.chain(named).min()?;
    let is_gap = after < segment.first() && !segment.continues(after);
    let time = segment.first_time();
    is_gap.then(|| timeline.gap_between((after, time), (segment.first(), time)))
}

/// Whether a snapshot takes up right where a gap ends, and something can be restored from it.
pub(super) fn is_bridged(source: &Source, windows: &[Window], gap: &Gap) -> bool {
    source
        .snapshots()
        .iter()
        .any(|file| file.zxid() > gap.after && file.zxid().is_followed_by(gap.before))
        && windows
            .iter()
            .any(|window| window.from >= gap.after && window.to >= gap.before)
}

/// Snapshots that are later than the logs.
pub(super) struct Ahead {
    /// The last txn of the logs.
    pub last: Zxid,
    /// The newest snapshot.
    pub newest: Zxid,
    /// How many snapshots there are behind the last txn.
    pub snapshots: usize,
}

pub(super) fn ahead_of_logs(history: &History<'_>) -> Option<Ahead> {
    let (source, timeline) = (history.source, &history.timeline);
    let last = timeline.last()?;
    let behind: Vec<Zxid> = source
        .snapshots()
        .iter()
        .map(|file| file.zxid())
        .filter(|zxid| *zxid > last && zxid.counter() > 0)
        .collect();
    Some(Ahead {
        last,
        newest: *behind.last()?,
        snapshots: behind.len(),
    })
}

/// Snapshots behind the last txn of the logs. One may be what a follower was just sent, or a server
/// wrote when it began an epoch; with more of them, the logs between are missing.
fn behind_the_logs(history: &History<'_>) -> Option<Finding> {
    let (source, timeline) = (history.source, &history.timeline);
    if timeline.last().is_none() {
        let is_restored = source
            .snapshots()
            .iter()
            .any(|file| source.is_as_restored(file).unwrap_or(false));
        let message =
            "there are snapshots but no logs: only the points of snapshots can be restored";
        let finding = Finding::new(Code::LogsMissing, message);
        return (!is_restored && source.is_data_dir()).then_some(finding);
    }
    let ahead = ahead_of_logs(history)?;
    let severity = if ahead.snapshots > 1 {
        Severity::Missing
    } else {
        Severity::Warning
    };
    let first = ahead.last.next();
    let message = format!(
        "transactions from {first} to {} are missing: the logs end before them, but {} snapshots are later",
        ahead.newest, ahead.snapshots
    );
    let finding = Finding::new(Code::TxnsMissing, message);
    Some(finding.severity(severity).zxid(first))
}

/// Logs and no snapshot: what servers of up to 3.5.2 leave until they take the first, and what
/// later ones refuse. Those that log digests are of the later ones.
fn without_snapshots(history: &History<'_>) -> Option<Finding> {
    let (source, timeline) = (history.source, &history.timeline);
    let is_own_dir = source.is_data_dir() && source.manifest().is_none();
    let summaries = timeline
        .logs
        .iter()
        .filter_map(|log| log.summary.as_ref().ok());
    let has_digests = summaries.map(|summary| summary.digests).sum::<u64>() > 0;
    let severity = if has_digests {
        Severity::Warning
    } else {
        Severity::Info
    };
    let message = "there are logs but no snapshot: servers from 3.5.3 on refuse to start (\"No snapshot found, but there are log entries\")";
    let finding = Finding::new(Code::SnapshotsMissing, message).severity(severity);
    (is_own_dir && source.snapshots().is_empty()).then_some(finding)
}

/// What an archive's manifest promises and its files do not give.
pub(super) fn judge_promise(
    source: &Source,
    windows: &[Window],
    lone: &[LoneSnapshot],
    findings: &mut Vec<Finding>,
) {
    let Some(claimed) = source.manifest().map(|manifest| manifest.window) else {
        return;
    };
    let (from, to) = (claimed.first, claimed.last);
    // A snapshot that was exported by itself promises no more than it is.
    let is_lone = |lone: &LoneSnapshot| lone.alone.zxid == from && from == to;
    let mut kept = windows.iter();
    if !kept.any(|window| window.from <= from && to <= window.to) && !lone.iter().any(is_lone) {
        let message = format!(
            "its manifest claims every point from {from} to {to}, but its files do not support that"
        );
        findings.push(Finding::new(Code::ArchiveWindow, message));
    }
}

fn told(gap: &Gap, severity: Severity) -> Finding {
    let is_one = !gap.is_end_of_epoch() && gap.first_missing() == gap.last_missing();
    let is_hidden = gap.is_end_of_epoch() && !gap.is_shown();
    let mut message = match is_hidden {
        true => format!("{gap}, may be missing: the damaged part may have contained them"),
        false if gap.is_end_of_epoch() => format!("{gap}, are missing"),
        false => format!("{gap} {} missing", if is_one { "is" } else { "are" }),
    };
    // Before the first txn of all there was no epoch that may have gone on.
    // A txn of counter 0 has behind it a counter that ended: what is missing of that is certain.
    let is_counted_over = gap.before.counter() == 0;
    let last_epoch = match is_counted_over {
        true => gap.before.prev().epoch(),
        false => gap.before.epoch(),
    };
    if gap.after.epoch() != last_epoch && gap.after != Zxid::ZERO && !gap.is_end_of_epoch() {
        message.push_str(&format!(
            ", and possibly more of the epochs {} to {}",
            gap.after.epoch(),
            last_epoch.saturating_sub(1)
        ));
    }
    if gap.is_by_difference {
        message.push_str(&format!(
            ", or the last ones up to {} were abandoned: the trees on the two sides differ",
            gap.after
        ));
    }
    message.push_str(&format!(
        " (between {} and {}); servers up to 3.9.3 silently load past the gap, and all do if it is right after the snapshot that they load",
        gap.after, gap.before
    ));
    Finding::new(Code::TxnsMissing, message)
        .severity(severity)
        .zxid(gap.first_missing())
}
