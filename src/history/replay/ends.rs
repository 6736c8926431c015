//! What snapshots and digests show of the ends of epochs; see [`Evidence`].

use super::Replayed;
use super::base::Base;
use super::checked_bases::{SnapshotVerdict, check_these};
use super::compare::DigestTally;
use crate::error::{ErrorKind, Result};
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::source::{Source, SourceFile};
use crate::history::timeline::{Evidence, Timeline};
use crate::progress::Progress;
use crate::zxid::Zxid;

/// How many zxids behind the first of an epoch digests are compared at most: not every txn has one.
const COMPARED_MAX: i64 = 100;

impl<'a> History<'a> {
    /// As [`History::read`], with what the znodes of snapshots show of the ends of epochs.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn read_with_snapshots(
        source: &'a Source,
        level: Level,
        progress: &dyn Progress,
    ) -> Result<History<'a>> {
        let mut history = History::read(source, level, progress)?;
        history.add_snapshots(progress)?;
        Ok(history)
    }

    /// Adds what the znodes of snapshots show of the ends of epochs. Only those are read that may
    /// hold a txn of an end of an epoch that the logs go over.
    ///
    /// # Errors
    /// [`ErrorKind::SourceChanged`]; failures to read. Who is damaged is no witness.
    pub fn add_snapshots(&mut self, progress: &dyn Progress) -> Result<()> {
        let Some(end) = self.first_end() else {
            return Ok(());
        };
        let is_witness = |file: &SourceFile| file.zxid() > end && file.promised_base().is_none();
        let files = self.source.snapshots().iter();
        let files: Vec<&SourceFile> = files.filter(|file| is_witness(file)).collect();
        let verdicts = check_these(self.source, &files, progress)?;
        self.add_evidence(&shown_by_snapshots(&verdicts));
        Ok(())
    }

    /// The last txn, or the snapshot, behind which the logs go over the end of an epoch for the
    /// first time.
    fn first_end(&self) -> Option<Zxid> {
        let within = self
            .timeline
            .segments
            .iter()
            .flat_map(|segment| &segment.joints);
        let onto = self.timeline.segments.iter().filter_map(|segment| {
            let first = segment.first();
            let is_before = |zxid: &Zxid| *zxid < first && zxid.epoch() != first.epoch();
            let names = self.source.snapshots().iter().map(SourceFile::zxid);
            names.filter(is_before).min()
        });
        within.map(|(last, _)| *last).chain(onto).min()
    }

    /// What the digests behind `first`, the first txn of an epoch, say of the end of the one
    /// before.
    ///
    /// # Errors
    /// Failures to read. Damage tells nothing.
    pub fn judge_end(&self, first: Zxid, progress: &dyn Progress) -> Result<EndOfEpoch> {
        let segments = &self.timeline.segments;
        let Some(segment) = segments.iter().find(|segment| segment.contains(first)) else {
            return Ok(EndOfEpoch::Unknown);
        };
        let mut gaps = self.timeline.gaps().into_iter();
        if gaps.any(|gap| gap.before == first && gap.is_shown()) {
            return Ok(EndOfEpoch::Refuted);
        }
        let limit = Zxid::from_i64(first.to_i64().saturating_add(COMPARED_MAX));
        let to = segment.last_before(limit).unwrap_or(first);
        let crosses = |base: &&Base| base.zxid < first && segment.continues(base.zxid);
        for base in self.bases()?.iter().rev().filter(crosses) {
            match self.replay(base, to, progress) {
                Ok(replayed) => return Ok(said(&replayed, first)),
                Err(error) if error.kind() == ErrorKind::Damage => {}
                Err(error) => return Err(error),
            }
        }
        Ok(EndOfEpoch::Unknown)
    }

    /// Adds the ends of epochs that digests refute: there are gaps from then on.
    ///
    /// # Errors
    /// As [`History::judge_end`].
    pub fn settle_ends(&mut self, progress: &dyn Progress) -> Result<()> {
        let summaries = self.timeline.logs.iter();
        let mut summaries = summaries.filter_map(|log| log.summary.as_ref().ok());
        if !summaries.any(|summary| summary.digests > 0) {
            return Ok(());
        }
        let mut judged = Zxid::ZERO;
        while let Some((last, first)) = next_joint(&self.timeline, judged) {
            judged = first;
            if self.judge_end(first, progress)? == EndOfEpoch::Refuted {
                self.add_evidence(&[Evidence::Difference { last, first }]);
            }
        }
        Ok(())
    }
}

/// What snapshots that were read show.
pub fn shown_by_snapshots(verdicts: &[SnapshotVerdict]) -> Vec<Evidence> {
    let sound = verdicts.iter().filter_map(|verdict| verdict.as_ref().ok());
    let zxids = sound.flat_map(|summary| summary.newest_zxids.as_slice());
    zxids.map(|zxid| Evidence::Txn(*zxid)).collect()
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

/// The next end of an epoch that the logs go over behind `zxid`.
fn next_joint(timeline: &Timeline, zxid: Zxid) -> Option<(Zxid, Zxid)> {
    let mut joints = timeline.segments.iter().flat_map(|segment| &segment.joints);
    joints.find(|(_, first)| *first > zxid).copied()
}

fn said(replayed: &Replayed, first: Zxid) -> EndOfEpoch {
    let digests = &replayed.digests;
    let has_crossed = replayed.applied.is_some_and(|it| it.first <= first);
    let begins_to_differ = digests.first_mismatch.is_some_and(|it| it.zxid >= first)
        && digests.matched_before.is_some_and(|last| last < first);
    match digests.matched {
        _ if begins_to_differ => EndOfEpoch::Refuted,
        Some(matched) if has_crossed && matched.last >= first => EndOfEpoch::Proven,
        _ => EndOfEpoch::Unknown,
    }
}
