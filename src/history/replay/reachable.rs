//! Which points can be had, and why others cannot.

use super::Rejected;
use super::base::Base;
use crate::error::Error;
use crate::format::txnlog::LogFault;
use crate::history::History;
use crate::history::source::{Dated, Source, SourceFile};
use crate::history::timeline::Timeline;
use crate::zxid::{Zxid, ZxidSet};

impl History<'_> {
    /// Why `target` cannot be had, and which points around it can.
    pub(super) fn unreachable(&self, bases: &[Base], target: Zxid, rejected: &[Rejected]) -> Error {
        let mut message = format!("{target} cannot be rebuilt exactly");
        if let Some(damage) = self.damage_before(target) {
            return damage.or_hint(|| nearest(&self.timeline, bases, target));
        }
        match rejected.first() {
            Some(first) => {
                let more = if rejected.len() > 1 {
                    format!(" (and {} older)", rejected.len() - 1)
                } else {
                    String::new()
                };
                message.push_str(&format!(": {} {}{more}", first.name, first.reason));
            }
            None if has_fuzzy_snapshot(self.source) => message.push_str(
                ": its znodes were written while transactions were applied, and without the log of those it is not the tree at any one moment",
            ),
            None => message.push_str(": there is no earlier sound snapshot"),
        }
        let error = self.not_reachable(message);
        match rejected.iter().any(|other| other.is_damaged) {
            true => error.hint("'zoovault verify' shows which points can be restored"),
            false => error.hint(nearest(&self.timeline, bases, target)),
        }
    }

    /// The last damage of a log that may hide txns up to `target`.
    pub(super) fn damage_before(&self, target: Zxid) -> Option<Error> {
        self.timeline.logs.iter().rev().find_map(|log| {
            let file = self.source.logs().get(log.log)?;
            match &log.summary {
                // As it is: an object of a repository is at fault in more ways than bytes can be.
                Err(error) => (file.zxid() <= target).then(|| error.clone()),
                Ok(summary) => {
                    let is_before =
                        |fault: &&LogFault| fault.txn.is_none_or(|txn| txn.first() <= target);
                    let fault = summary.faults.iter().rev().find(is_before)?;
                    let error = fault.fault.clone().at(fault.offset);
                    Some(Error::damage(file.shown(), error).at_txn(fault.txn))
                }
            }
        })
    }
}

/// Which points around `target` can be had.
pub(super) fn nearest(timeline: &Timeline, bases: &[Base], target: Zxid) -> String {
    let ranges = exact_ranges(timeline, bases);
    let txn_below = timeline.last_before(target).unwrap_or(Zxid::ZERO);
    let txn_above = timeline.next_after(target).unwrap_or(Zxid::MAX);
    // Within a range in numbers, a zxid that no txn has still has txns on both sides.
    let below = ranges.iter().filter(|range| range.first < target);
    let below = below.map(|range| match range.last < target {
        true => range.last,
        false => txn_below.max(range.first),
    });
    let above = ranges.iter().filter(|range| range.last > target);
    let above = above.map(|range| match range.first > target {
        true => range.first,
        false => txn_above.min(range.last),
    });
    match (below.max(), above.min()) {
        (Some(below), Some(above)) => {
            format!("the nearest points that can be: {below} and {above}")
        }
        (Some(below), None) => format!("the nearest point that can be: {below}"),
        (None, Some(above)) => format!("the first point that can be: {above}"),
        (None, None) => "no point of this source can be: try another member or a backup".to_owned(),
    }
}

/// The ranges of zxids for which some base promises to be exact.
pub fn exact_ranges(timeline: &Timeline, bases: &[Base]) -> ZxidSet {
    let ranges = bases.iter().filter_map(|base| base.reach(timeline));
    ranges.collect()
}

/// Whether there is nothing but a snapshot under a free name that is known to be fuzzy.
fn has_fuzzy_snapshot(source: &Source) -> bool {
    let mut dated = source.snapshots().iter().map(SourceFile::dated);
    dated.any(|dated| matches!(dated, Some(Dated::Fuzzy(_))))
}
