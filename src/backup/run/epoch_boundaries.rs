//! Ends of epochs. A member may hold txns at the end of an epoch that others went on without, and
//! keep them when it is sent a whole tree right as the next epoch begins; or it may lack some
//! there, since it was sent the tree behind them. Zxids look the same in both cases: digests tell.

use super::Run;
use super::lineage::Lineage;
use super::relation::was_sent_a_tree;
use super::scan::Scan;
use crate::error::Result;
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::replay::EndOfEpoch;
use crate::history::source::Source;
use crate::repository::LineageContents;
use crate::zxid::{Zxid, ZxidRange};

impl Run<'_> {
    /// Judges the ends of epochs that the source and the lineage see differently. Txns that nobody
    /// but the source goes on with are taken out of `scan`; the zxid from which on they are of two
    /// histories, where they are.
    pub(super) fn judge_ends_of_epochs(
        &mut self,
        scan: &mut Scan<'_>,
        lineage: &Lineage,
    ) -> Result<Option<Zxid>> {
        let history = lineage.history();
        let held = history.zxids();
        let segments = &scan.history.timeline.segments;
        let joints = segments.iter().flat_map(|segment| segment.joints.clone());
        // Where digests refute it, the source's own txns may be those that are too many.
        let gaps = scan.history.timeline.gaps().into_iter();
        let refuted = gaps.filter(|gap| gap.is_end_of_epoch() && gap.is_by_difference);
        let joints = joints.chain(refuted.map(|gap| (gap.after, gap.before)));
        let joints: Vec<(Zxid, Zxid)> = joints
            .filter(|(_, first)| held.covers((*first).into()))
            .collect();
        for (own, first) in joints {
            let mut lasts = held.iter().rev().map(|range| range.last);
            let before = lasts.find(|last| *last < first);
            let Some(theirs) = before.filter(|theirs| *theirs != own) else {
                continue;
            };
            if own > theirs {
                let from = theirs
                    .next()
                    .max(scan.history.timeline.begin_of_epoch(own.epoch()));
                match self.prove(&history, first)? {
                    EndOfEpoch::Proven => {
                        scan.leave_out(ZxidRange::new(from, own));
                        self.warnings.push(format!(
                            "transactions {from} to {own} of the source are not stored: later digests are those of a history without them, so they were never committed"
                        ));
                    }
                    EndOfEpoch::Refuted => {}
                    EndOfEpoch::Unknown => return Ok(Some(from)),
                }
            } else if !was_sent_a_tree(self.source, own.next(), first) {
                match self.prove(&history, first)? {
                    EndOfEpoch::Proven => {}
                    EndOfEpoch::Refuted => return Ok(Some(first)),
                    EndOfEpoch::Unknown => self.warnings.push(format!(
                        "the source continues from {own} to {first}, and lacks what the repository has up to {theirs}: there was a SNAP sync, or those were never committed; nothing recorded shows which"
                    )),
                }
            }
        }
        Ok(None)
    }

    /// What the digests behind the end of an epoch say, of which `first` is the first txn of the
    /// next.
    fn prove(&self, history: &LineageContents, first: Zxid) -> Result<EndOfEpoch> {
        let stored = Source::of_history(self.repository, history, &self.source_options())?;
        let stored = History::read(&stored, Level::Frames, self.progress)?;
        stored.judge_end(first, self.progress)
    }
}
