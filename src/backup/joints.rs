//! Ends of epochs. A member may hold txns at the end of an epoch that others went on without, and keep them when it is sent a whole tree right as the next
//! epoch begins; or it may lack some there, since it was sent the tree behind them. Zxids look the same in both cases: digests tell.

use super::Run;
use super::lineage::Lineage;
use super::relation::was_sent_a_tree;
use super::scan::Scan;
use crate::error::{ErrorKind, Result};
use crate::point::Point;
use crate::replay::rebuild;
use crate::repository::History;
use crate::source::Source;
use crate::zxid::Zxid;

/// How many txns behind the first of an epoch digests are compared at most: not every txn has one.
const COMPARED: i64 = 100;

/// What the txns behind the end of an epoch say of the lineage's history up to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Proven,
    Refuted,
    Unknown,
}

impl Run<'_> {
    /// Judges the ends of epochs that the source and the lineage see differently. Txns that nobody but the source goes on with are taken out of `scan`; the
    /// zxid from which on they are of two histories, where they are.
    pub(super) fn judge_ends_of_epochs(
        &mut self,
        scan: &mut Scan,
        lineage: &Lineage,
    ) -> Result<Option<Zxid>> {
        let history = lineage.history();
        let held = history.ranges();
        let segments = &scan.timeline.segments;
        let joints: Vec<(Zxid, Zxid)> = segments
            .iter()
            .flat_map(|segment| segment.joints.iter().copied())
            .filter(|(_, first)| held.covers(*first, *first))
            .collect();
        for (own, first) in joints {
            let before = held.iter().rev().find(|(_, last)| *last < first);
            let Some((_, theirs)) = before.filter(|(_, theirs)| *theirs != own) else {
                continue;
            };
            if own > theirs {
                let from = theirs.next().max(scan.timeline.begin_of_epoch(own.epoch()));
                match self.prove(&history, first)? {
                    Verdict::Proven => {
                        scan.leave_out(from, own);
                        self.warnings.push(format!(
                            "the txns from {from} to {own} of the source are not stored: the digests behind them are those of a history without them, so they were never committed"
                        ));
                    }
                    Verdict::Refuted => {}
                    Verdict::Unknown => return Ok(Some(from)),
                }
            } else if !was_sent_a_tree(self.source, own.next(), first) {
                match self.prove(&history, first)? {
                    Verdict::Proven => {}
                    Verdict::Refuted => return Ok(Some(first)),
                    Verdict::Unknown => self.warnings.push(format!(
                        "the source goes on from {own} to {first}, and lacks what the repository has up to {theirs}: it was sent a whole tree, or those were never committed; nothing that was recorded tells"
                    )),
                }
            }
        }
        Ok(None)
    }

    /// What the digests behind the end of an epoch say, of which `first` is the first txn of the next.
    fn prove(&self, history: &History, first: Zxid) -> Result<Verdict> {
        let range = history
            .ranges()
            .iter()
            .find(|(begin, end)| *begin <= first && first <= *end);
        let to = range.map_or(first, |(_, end)| {
            end.min(Zxid::from_i64(first.to_i64().saturating_add(COMPARED)))
        });
        // A base from behind it proves nothing of it.
        let mut history = history.clone();
        history.snapshots.retain(|base| base.zxid < first);
        let stored = Source::of_history(self.repository, &history, &self.source_options())?;
        match rebuild(&stored, Point::Zxid(to), false, self.progress) {
            Ok(rebuilt) => {
                let is_reached = |(_, last): (Zxid, Zxid)| last >= first;
                let matched = rebuilt.replayed.digests.matched;
                let has_crossed = rebuilt
                    .replayed
                    .applied
                    .is_some_and(|(from, _)| from < first);
                Ok(match has_crossed && matched.is_some_and(is_reached) {
                    true => Verdict::Proven,
                    false => Verdict::Unknown,
                })
            }
            Err(error) if error.kind() == ErrorKind::Damage => Ok(Verdict::Refuted),
            Err(error) if error.kind() == ErrorKind::NotReachable => Ok(Verdict::Unknown),
            Err(error) => Err(error),
        }
    }
}
