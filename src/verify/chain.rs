//! The files together: gaps, forks, epochs, and how far one gets.

use super::lone::{LoneSnapshot, newest_restorable};
use super::windows::Window;
use super::{Finding, Severity, limits};
use crate::replay::SnapshotVerdict;
use crate::source::{EpochFile, Source, SourceFile};
use crate::timeline::{Fork, Gap, ScannedLog, Timeline};
use crate::zxid::Zxid;

/// The number in an epoch file.
pub(super) fn epoch_of(file: &EpochFile) -> Option<i64> {
    match file {
        EpochFile::Epoch(epoch) => Some(*epoch),
        EpochFile::Absent | EpochFile::Unparsable(_) => None,
    }
}

pub(super) fn judge(
    source: &Source,
    timeline: &Timeline,
    forks: &[Fork],
    snapshots: &[SnapshotVerdict],
    findings: &mut Vec<Finding>,
) {
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
            Finding::new("log-fork", Severity::Damage, message)
                .file(file)
                .offset(fork.offset)
                .zxid(fork.zxid)
                .next("one of the two is of another history: move it away"),
        );
    }
    judge_joints(source, timeline, snapshots, findings);
    judge_epochs(source, timeline, findings);
    limits::judge_counter(timeline, findings);
}

/// Txns at the end of an epoch that a snapshot knows of, where the logs go on to the next.
pub(super) struct LostAtJoint<'a> {
    /// The snapshot.
    pub file: &'a SourceFile,
    /// The last txn of the epoch that the logs have.
    pub after: Zxid,
    /// The last that the snapshot knows of.
    pub known_to: Zxid,
    /// The first of the next epoch that the logs have.
    pub before: Zxid,
}

pub(super) fn lost_at_joints<'a>(
    source: &'a Source,
    timeline: &Timeline,
    snapshots: &[SnapshotVerdict],
) -> Vec<LostAtJoint<'a>> {
    let joints = timeline.segments.iter().flat_map(|segment| &segment.joints);
    let lost = joints.filter_map(|(last, first)| {
        let seen = source
            .snapshots()
            .iter()
            .zip(snapshots)
            .filter_map(|(file, verdict)| {
                let summary = verdict.as_ref().ok()?;
                // A znode has the zxid of a txn; a name may be that of an epoch.
                let named = Some(file.zxid()).filter(|zxid| zxid.counter() > 0);
                let zxid = named.max(Some(summary.shows))?;
                (zxid > *last && zxid < *first).then_some((file, zxid))
            });
        let (file, known_to) = seen.max_by_key(|(_, zxid)| *zxid)?;
        Some(LostAtJoint {
            file,
            after: *last,
            known_to,
            before: *first,
        })
    });
    lost.collect()
}

fn judge_joints(
    source: &Source,
    timeline: &Timeline,
    snapshots: &[SnapshotVerdict],
    findings: &mut Vec<Finding>,
) {
    for lost in lost_at_joints(source, timeline, snapshots) {
        let (last, first, zxid) = (lost.after, lost.before, lost.known_to);
        let message = format!(
            "has effects of {zxid}, and the logs go from {last} straight to {first}: txns {} to {zxid} are missing",
            last.next()
        );
        findings.push(
            Finding::new("txns-missing", Severity::Missing, message)
                .file(lost.file.shown())
                .zxid(zxid),
        );
    }
}

fn judge_epochs(source: &Source, timeline: &Timeline, findings: &mut Vec<Finding>) {
    let about = |severity, message: String| {
        Finding::new("epoch-files", severity, message).next("a restore writes both")
    };
    for (name, file) in [
        ("acceptedEpoch", source.accepted_epoch()),
        ("currentEpoch", source.current_epoch()),
    ] {
        if let EpochFile::Unparsable(text) = file {
            let message = format!(
                "{name} holds \"{}\", which is no number: a member of an ensemble refuses to start",
                text.escape_default()
            );
            findings.push(about(Severity::Damage, message));
        }
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
}

/// Gaps, and whether the last txn can be had. A follower that was sent the whole tree has a gap by nature, with the snapshot of it at
/// its end: such a one is a warning.
pub(super) fn judge_reach(
    source: &Source,
    timeline: &Timeline,
    windows: &[Window],
    lone: &[LoneSnapshot],
    findings: &mut Vec<Finding>,
) {
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
    for gap in gaps(source, timeline) {
        let severity = if is_bridged(source, windows, &gap) {
            Severity::Warning
        } else {
            Severity::Missing
        };
        findings.push(told(&gap, severity));
    }
    findings.extend(behind_the_logs(source, timeline));
    findings.extend(without_snapshots(source, timeline));
    let reached = windows.iter().map(|window| window.to).max();
    match reached {
        Some(reached) if reached >= timeline.last().unwrap_or(last) => {}
        // What there is last can be had where that is wished, as is told of it.
        Some(_) if newest_restorable(lone, last).is_some() => {}
        None if newest_restorable(lone, last).is_some() => {
            let message =
                "nothing can be restored exactly: there are only snapshots that no log goes with";
            let finding = Finding::new("nothing-exact", Severity::Warning, message);
            findings.push(finding.next(
                "look for the logs; 'zoovault restore --accept-unproven' takes a snapshot as it stands",
            ));
        }
        Some(reached) => {
            let message = format!(
                "nothing after {reached} can be restored, though there are txns up to {last}"
            );
            findings
                .push(Finding::new("last-unreachable", Severity::Missing, message).zxid(reached));
        }
        None => {
            let message = "nothing can be restored: there is no sound snapshot with the txns behind it, and no log begins with the first txn";
            let message = match lone.iter().any(LoneSnapshot::is_restorable) {
                true => {
                    "nothing can be restored exactly, and what is there last not at all; an older snapshot can as it stands, by --accept-unproven"
                }
                false => message,
            };
            let finding = Finding::new("nothing-restorable", Severity::Missing, message);
            findings.push(finding.next("look for older snapshots, another member, or a backup"));
        }
    }
}

/// Where txns are missing, the one before the first txn included.
pub(super) fn gaps(source: &Source, timeline: &Timeline) -> Vec<Gap> {
    let before = before_the_logs(source, timeline);
    before.into_iter().chain(timeline.gaps()).collect()
}

/// Txns before the first that is there, of which a snapshot is from before, or a log has nothing but the name.
fn before_the_logs(source: &Source, timeline: &Timeline) -> Option<Gap> {
    let segment = timeline.segments.first()?;
    let is_without_txns = |log: &&ScannedLog| {
        let summary = log.summary.as_ref().ok();
        summary.is_none_or(|summary| summary.runs.is_empty())
    };
    let logs = timeline.logs.iter().filter(is_without_txns);
    let named = logs.filter_map(|log| Some(source.logs().get(log.log)?.zxid().prev()));
    let snapshots = source.snapshots().iter().map(|file| file.zxid());
    let after = snapshots.chain(named).min()?;
    let is_gap = after < segment.first() && !after.is_followed_by(segment.first());
    is_gap.then(|| Gap {
        after,
        after_time: segment.first_time(),
        before: segment.first(),
        before_time: segment.first_time(),
    })
}

/// Whether a snapshot takes up right where a gap ends, and something can be restored from it.
pub(super) fn is_bridged(source: &Source, windows: &[Window], gap: &Gap) -> bool {
    source
        .snapshots()
        .iter()
        .any(|snapshot| snapshot.zxid().is_followed_by(gap.before))
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

pub(super) fn ahead_of_logs(source: &Source, timeline: &Timeline) -> Option<Ahead> {
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

/// Snapshots behind the last txn of the logs. One may be what a follower was just sent, or a server wrote when it began an epoch;
/// with more of them, the logs between are missing.
fn behind_the_logs(source: &Source, timeline: &Timeline) -> Option<Finding> {
    if timeline.last().is_none() {
        let is_restored = source
            .snapshots()
            .iter()
            .any(|file| source.is_as_restored(file).unwrap_or(false));
        let message =
            "there are snapshots and no logs at all: only the moments of snapshots can be restored";
        let finding = Finding::new("logs-missing", Severity::Warning, message)
            .next("if there is a dataLogDir of its own, name it with --data-log-dir");
        return (!is_restored && !source.dirs().is_empty()).then_some(finding);
    }
    let ahead = ahead_of_logs(source, timeline)?;
    let severity = if ahead.snapshots > 1 {
        Severity::Missing
    } else {
        Severity::Warning
    };
    let first = ahead.last.next();
    let message = format!(
        "txns from {first} to {} are missing: the logs end, and {} snapshots are later",
        ahead.newest, ahead.snapshots
    );
    let finding = Finding::new("txns-missing", severity, message).zxid(first);
    Some(finding.next("another member's log or a backup may have them; a follower that was just sent the whole tree has none by nature"))
}

/// Logs and no snapshot: what servers of up to 3.5.2 leave until they take the first, and what later ones refuse. Those that log digests
/// are of the later ones.
fn without_snapshots(source: &Source, timeline: &Timeline) -> Option<Finding> {
    let is_own_dir = !source.dirs().is_empty() && source.manifest().is_none();
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
    let message = "there are logs and no snapshot: servers from 3.5.3 on refuse to start (\"No snapshot found, but there are log entries\")";
    let finding =
        Finding::new("snapshots-missing", severity, message).next("restore: it writes one");
    (is_own_dir && source.snapshots().is_empty()).then_some(finding)
}

/// What an archive's manifest promises and its files do not give.
pub(super) fn judge_promise(
    source: &Source,
    windows: &[Window],
    lone: &[LoneSnapshot],
    findings: &mut Vec<Finding>,
) {
    let Some((from, to)) = source.manifest().map(|manifest| manifest.window) else {
        return;
    };
    // A snapshot that was exported by itself promises no more than it is.
    let is_lone = |lone: &LoneSnapshot| lone.alone.zxid == from && from == to;
    let mut kept = windows.iter();
    if !kept.any(|window| window.from <= from && to <= window.to) && !lone.iter().any(is_lone) {
        let message = format!(
            "its manifest promises every point from {from} to {to}, and its files do not give that"
        );
        findings.push(
            Finding::new("archive-window", Severity::Damage, message)
                .next("take another copy, or export it again"),
        );
    }
}

fn told(gap: &Gap, severity: Severity) -> Finding {
    let mut message = format!(
        "txns {} to {} are missing",
        gap.first_missing(),
        gap.last_missing()
    );
    if gap.first_missing() == gap.last_missing() {
        message = format!("txn {} is missing", gap.first_missing());
    }
    // Before the first txn of all there was no epoch that may have gone on.
    // A txn of counter 0 has behind it a counter that ended: what is missing of that is certain.
    let is_counted_over = gap.before.counter() == 0;
    let last_epoch = match is_counted_over {
        true => gap.before.prev().epoch(),
        false => gap.before.epoch(),
    };
    if gap.after.epoch() != last_epoch && gap.after != Zxid::ZERO {
        message.push_str(&format!(
            ", and perhaps more of the epochs {} to {}",
            gap.after.epoch(),
            last_epoch.saturating_sub(1)
        ));
    }
    message.push_str(&format!(
        " (between {} and {}); servers up to 3.9.3 load over the hole in silence, and all do where it is right behind the snapshot that they load",
        gap.after, gap.before
    ));
    Finding::new("txns-missing", severity, message)
        .zxid(gap.first_missing())
        .next("another member's log or a backup may have them; a follower that was sent the whole tree has such a gap by nature")
}
