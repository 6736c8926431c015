//! Ends of epochs. A member may hold txns at the end of an epoch that others went on without, and
//! keep them when it is sent a whole tree right as the next epoch begins; or it may lack some
//! there, since it was sent the tree behind them. Zxids look the same in both cases: digests tell.

use super::Context;
use super::lineage::Lineage;
use super::relation::was_sent_a_tree;
use super::scan::Scan;
use crate::error::Result;
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::replay::EndOfEpoch;
use crate::history::timeline::Timeline;
use crate::repository::LineageContents;
use crate::zxid::{Zxid, ZxidRange};

/// What the ends of epochs say that the source and the lineage see differently.
#[derive(Default)]
pub(super) struct Ends {
    /// Txns that nobody but the source goes on with: not to be stored.
    pub left_out: Vec<ZxidRange>,
    /// The zxid from which on they are of two histories, where they are.
    pub apart: Option<Zxid>,
    pub warnings: Vec<String>,
}

impl Context<'_> {
    /// Judges the ends of epochs that the source and the lineage see differently.
    pub(super) fn judge_ends_of_epochs(&self, scan: &Scan<'_>, lineage: &Lineage) -> Result<Ends> {
        let history = lineage.history();
        let held = history.zxids();
        let timeline = &scan.history.timeline;
        let mut ends = Ends::default();
        for (own, first) in joints(timeline).filter(|(_, first)| held.covers((*first).into())) {
            let mut lasts = held.iter().rev().map(|range| range.last);
            let before = lasts.find(|last| *last < first);
            let Some(theirs) = before.filter(|theirs| *theirs != own) else {
                continue;
            };
            let has_more = own > theirs;
            if !has_more && was_sent_a_tree(self.source, own.next(), first) {
                continue;
            }
            let from = theirs.next().max(timeline.begin_of_epoch(own.epoch()));
            match (has_more, self.prove(&history, first)?) {
                (true, EndOfEpoch::Proven) => {
                    ends.left_out.push(ZxidRange::new(from, own));
                    ends.warnings.push(format!(
                        "transactions {from} to {own} of the source are not stored: later digests are those of a history without them, so they were never committed"
                    ));
                }
                (true, EndOfEpoch::Refuted) | (false, EndOfEpoch::Proven) => {}
                (true, EndOfEpoch::Unknown) => ends.apart = Some(from),
                (false, EndOfEpoch::Refuted) => ends.apart = Some(first),
                (false, EndOfEpoch::Unknown) => ends.warnings.push(format!(
                    "the source continues from {own} to {first}, and lacks what the repository has up to {theirs}: there was a SNAP sync, or those were never committed; nothing recorded shows which"
                )),
            }
            if ends.apart.is_some() {
                break;
            }
        }
        Ok(ends)
    }

    /// What the digests behind the end of an epoch say, of which `first` is the first txn of the
    /// next.
    fn prove(&self, history: &LineageContents, first: Zxid) -> Result<EndOfEpoch> {
        let stored = self.stored(history)?;
        let stored = History::read(&stored, Level::Frames, self.progress)?;
        stored.judge_end(first, self.progress)
    }
}

/// The last txns of epochs and the first of the next, as the source has them. Where digests refute
/// that, its own txns may be those that are too many.
fn joints(timeline: &Timeline) -> impl Iterator<Item = (Zxid, Zxid)> {
    let segments = timeline.segments.iter();
    let joints = segments.flat_map(|segment| segment.joints.clone());
    let gaps = timeline.gaps().into_iter();
    let refuted = gaps.filter(|gap| gap.is_end_of_epoch() && gap.is_by_difference);
    joints.chain(refuted.map(|gap| (gap.after, gap.before)))
}
