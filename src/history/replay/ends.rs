//! What snapshots and digests show of the ends of epochs; see [`Evidence`].

use super::base::{Base, bases};
use super::checked_bases::{SnapshotVerdict, check_these};
use super::compare::DigestTally;
use super::{Replayed, replay};
use crate::error::{ErrorKind, Result};
use crate::format::txnlog::Level;
use crate::history::source::{Source, SourceFile};
use crate::history::timeline::{Evidence, Timeline};
use crate::progress::Progress;
use crate::zxid::Zxid;

/// How many zxids behind the first of an epoch digests are compared at most: not every txn has one.
const COMPARED_MAX: i64 = 100;

/// As [`Timeline::read`], with what the znodes of snapshots show of the ends of epochs.
///
/// # Errors
/// As [`Timeline::read`].
pub fn read_timeline(source: &Source, level: Level, progress: &dyn Progress) -> Result<Timeline> {
    let timeline = Timeline::read(source, level, progress)?;
    with_snapshots(source, timeline, progress)
}

/// `timeline`, with what the znodes of snapshots show. Only those are read that may hold a txn of
/// an end of an epoch that the logs go over.
///
/// # Errors
/// [`ErrorKind::SourceChanged`]; failures to read. Who is damaged is no witness.
pub fn with_snapshots(
    source: &Source,
    timeline: Timeline,
    progress: &dyn Progress,
) -> Result<Timeline> {
    let Some(end) = first_end(source, &timeline) else {
        return Ok(timeline);
    };
    let is_witness = |file: &SourceFile| file.zxid() > end && file.promised_base().is_none();
    let files = source.snapshots().iter();
    let files: Vec<&SourceFile> = files.filter(|file| is_witness(file)).collect();
    let verdicts = check_these(source, &files, progress)?;
    Ok(timeline.given(source, shown_by_snapshots(&verdicts)))
}

/// What snapshots that were read show.
pub fn shown_by_snapshots(verdicts: &[SnapshotVerdict]) -> Vec<Evidence> {
    let sound = verdicts.iter().filter_map(|verdict| verdict.as_ref().ok());
    let zxids = sound.flat_map(|summary| summary.newest_zxids.as_slice());
    zxids.map(|zxid| Evidence::Txn(*zxid)).collect()
}

/// The last txn, or the snapshot, behind which the logs go over the end of an epoch for the first
/// time.
fn first_end(source: &Source, timeline: &Timeline) -> Option<Zxid> {
    let within = timeline.segments.iter().flat_map(|segment| &segment.joints);
    let onto = timeline.segments.iter().filter_map(|segment| {
        let first = segment.first();
        let is_before = |zxid: &Zxid| *zxid < first && zxid.epoch() != first.epoch();
        let names = source.snapshots().iter().map(SourceFile::zxid);
        names.filter(is_before).min()
    });
    within.map(|(last, _)| *last).chain(onto).min()
}

/// The last txn of an epoch before the end that digests refute: all of them agreed up to it, and
/// behind it they differ.
pub(super) fn refuted_by_digests(
    digests: &DigestTally,
    joints: &[(Zxid, Zxid)],
) -> Option<Evidence> {
    let mismatch = digests.first_mismatch?;
    let agreed = digests.agreed_before?;
    let is_between = |(last, first): &&(Zxid, Zxid)| agreed == *last && *first <= mismatch.zxid;
    let &(last, first) = joints.iter().rfind(is_between)?;
    Some(Evidence::Difference { last, first })
}

/// What digests say of the end of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndOfEpoch {
    /// Nothing is missing there, and nothing was abandoned.
    Proven,
    /// Something is.
    Refuted,
    /// They say nothing.
    Unknown,
}

/// What the digests behind `first`, the first txn of an epoch, say of the end of the one before.
///
/// # Errors
/// Failures to read. Damage tells nothing.
pub fn judge_end(
    source: &Source,
    timeline: &Timeline,
    first: Zxid,
    progress: &dyn Progress,
) -> Result<EndOfEpoch> {
    let segments = &timeline.segments;
    let Some(segment) = segments.iter().find(|segment| segment.contains(first)) else {
        return Ok(EndOfEpoch::Unknown);
    };
    let mut gaps = timeline.gaps().into_iter();
    if gaps.any(|gap| gap.before == first && gap.is_shown()) {
        return Ok(EndOfEpoch::Refuted);
    }
    let limit = Zxid::from_i64(first.to_i64().saturating_add(COMPARED_MAX));
    let to = segment.last_before(limit).unwrap_or(first);
    let crosses = |base: &&Base| base.zxid < first && segment.continues(base.zxid);
    let bases = bases(source, timeline)?;
    for base in bases.iter().rev().filter(crosses) {
        match replay(source, timeline, base, to, progress) {
            Ok(replayed) => return Ok(said(&replayed, first)),
            Err(error) if error.kind() == ErrorKind::Damage => {}
            Err(error) => return Err(error),
        }
    }
    Ok(EndOfEpoch::Unknown)
}

/// `timeline`, with gaps where digests refute the ends of epochs.
///
/// # Errors
/// As [`judge_end`].
pub fn settle_ends(
    source: &Source,
    mut timeline: Timeline,
    progress: &dyn Progress,
) -> Result<Timeline> {
    let summaries = timeline.logs.iter();
    let mut summaries = summaries.filter_map(|log| log.summary.as_ref().ok());
    if !summaries.any(|summary| summary.digests > 0) {
        return Ok(timeline);
    }
    let mut judged = Zxid::ZERO;
    while let Some((last, first)) = next_joint(&timeline, judged) {
        judged = first;
        if judge_end(source, &timeline, first, progress)? == EndOfEpoch::Refuted {
            timeline = timeline.given(source, [Evidence::Difference { last, first }]);
        }
    }
    Ok(timeline)
}

/// The next end of an epoch that the logs go over behind `zxid`.
fn next_joint(timeline: &Timeline, zxid: Zxid) -> Option<(Zxid, Zxid)> {
    let mut joints = timeline.segments.iter().flat_map(|segment| &segment.joints);
    joints.find(|(_, first)| *first > zxid).copied()
}

fn said(replayed: &Replayed, first: Zxid) -> EndOfEpoch {
    let digests = &replayed.digests;
    let has_crossed = replayed.applied.is_some_and(|(from, _)| from <= first);
    let begins_to_differ = digests.first_mismatch.is_some_and(|it| it.zxid >= first)
        && digests.matched_before.is_some_and(|last| last < first);
    match digests.matched {
        _ if begins_to_differ => EndOfEpoch::Refuted,
        Some((_, last)) if has_crossed && last >= first => EndOfEpoch::Proven,
        _ => EndOfEpoch::Unknown,
    }
}
