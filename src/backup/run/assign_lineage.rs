//! Where the txns of a source belong.

use super::Context;
use super::lineage::{Lineage, new_id};
use super::relation::{Comparison, Relation};
use super::scan::Scan;
use crate::error::{ErrorKind, Result};
use crate::format::checksum::{Hashed, sha256};
use crate::history::point::Point;
use crate::history::replay::{load_snapshot, rebuild};
use crate::history::source::{Source, SourceFile};
use crate::history::timeline::Timeline;
use crate::progress::NoProgress;
use crate::recovery::restore::write_snapshot;
use crate::repository::{LineageContents, Listing, Mark, StoredSnapshot};
use crate::tree::DataTree;
use crate::zxid::Zxid;
use std::io;

/// Where the txns of a source belong.
pub(super) enum Place {
    /// In this lineage, by its index.
    Lineage(usize),
    /// In a new one.
    New(Parting),
    /// Nowhere: what the source holds from this zxid on, a lineage went on without.
    Abandoned(usize, Zxid),
}

/// Why the source's txns are of a new lineage.
#[derive(Clone, Copy)]
pub(super) enum Parting {
    /// They have no txn in common with another.
    Unknown,
    /// They are others from this zxid on.
    Apart(Zxid),
    /// Nobody can tell whether txns are missing at the end of an epoch: the other lineage's last
    /// txn, and the first behind it.
    Behind(Zxid, Zxid),
}

impl Context<'_> {
    /// Finds where the source belongs.
    pub(super) fn place(&self, scan: &Scan<'_>, lineages: &[Lineage]) -> Result<Place> {
        let timeline = &scan.history.timeline;
        let (mut same, mut unknown, mut apart) = (None, Vec::new(), None);
        for (index, lineage) in lineages.iter().enumerate() {
            let mut known = scan.known.iter();
            let is_known = known.any(|(id, _)| *id == lineage.id);
            // How far it and the source can go together.
            let reach = lineage.last().map(|mark| mark.zxid).min(timeline.last());
            if same.is_some_and(|(_, best)| !is_known || reach < best) {
                continue;
            }
            let comparison = Comparison {
                scanned: &scan.history,
                repository: self.repository,
                lineage,
            };
            match comparison.relation()? {
                // Of two that part before its last txns, both may be the same to it: it goes on
                // where it was.
                Relation::Same | Relation::Unknown if is_known => {
                    return Ok(Place::Lineage(index));
                }
                Relation::Same => same = same.or(Some((index, reach))),
                _ if same.is_some() => {}
                Relation::Unknown => unknown.push((index, lineage)),
                // Also where an older lineage has what this one went on without: that one was left
                // for good.
                Relation::Apart(zxid) if is_older(timeline, lineage) => {
                    return Ok(Place::Abandoned(index, zxid));
                }
                Relation::Apart(zxid) => apart = apart.or(Some(zxid)),
            }
        }
        if let Some((index, _)) = same {
            return Ok(Place::Lineage(index));
        }
        if let Some(zxid) = apart {
            return Ok(Place::New(Parting::Apart(zxid)));
        }
        for (index, lineage) in unknown {
            if let Some(place) = self.place_without_common(scan, index, lineage)? {
                return Ok(place);
            }
        }
        let id = new_id(&scan.history, None)?;
        let index = lineages.iter().position(|lineage| lineage.id == id);
        Ok(index.map_or(Place::New(Parting::Unknown), Place::Lineage))
    }

    /// Whether, and how, a source is of a lineage with which it has no txn in common: zxids alone
    /// say nothing.
    fn place_without_common(
        &self,
        scan: &Scan<'_>,
        index: usize,
        lineage: &Lineage,
    ) -> Result<Option<Place>> {
        let timeline = &scan.history.timeline;
        let Some(last) = lineage.last() else {
            let is_it = self.begins_on_base(timeline, lineage)?;
            return Ok(is_it.then_some(Place::Lineage(index)));
        };
        let Some(own_last) = timeline.last() else {
            return Ok(None);
        };
        if own_last < last.zxid {
            let fits = fits_a_hole(timeline, lineage);
            return Ok(fits.then_some(Place::Lineage(index)));
        }
        let path = self.source.shown().display().to_string();
        let is_known = lineage.origins(&path, &self.options.host).next().is_some();
        let is_later = is_known && !self.was_restored_since(last);
        if !is_later {
            return Ok(None);
        }
        // Were these txns of one lineage, they would look like one stretch.
        let last = last.zxid;
        Ok(Some(match timeline.next_after(last) {
            Some(first) if last.ends_its_epoch_before(first) && last.is_followed_by(first) => {
                Place::New(Parting::Behind(last, first))
            }
            _ => Place::Lineage(index),
        }))
    }

    /// Whether the source's txns begin on the very tree that is all that the lineage holds: it was
    /// backed up before anything was written. Or whether the source still has one of the snapshots
    /// that are all that the lineage holds: it was backed up without its logs.
    fn begins_on_base(&self, timeline: &Timeline, lineage: &Lineage) -> Result<bool> {
        let history = lineage.history();
        let Some(base) = history.snapshots.last() else {
            return Ok(false);
        };
        if self.has_snapshot_of(&history)? {
            return Ok(true);
        }
        let point = Point::Zxid(base.zxid);
        let begins = match timeline.segments.first() {
            Some(first) => first.continues(base.zxid),
            None => self
                .source
                .snapshots()
                .iter()
                .any(|file| file.zxid() == base.zxid),
        };
        if !begins {
            return Ok(false);
        }
        let stored = self.stored(&history)?;
        let (theirs, ours) = (tree_at(&stored, point)?, tree_at(self.source, point)?);
        Ok(theirs.is_some() && theirs == ours)
    }

    /// Whether a snapshot of the source is one of `history`: of the same zxid, with the same znodes
    /// and sessions. One that shows no txn is every ensemble's.
    fn has_snapshot_of(&self, history: &LineageContents) -> Result<bool> {
        let has_txns = |base: &&StoredSnapshot| base.shows_zxid > Some(Zxid::ZERO);
        let stored = self.stored(history)?;
        for base in history.snapshots.iter().rev().filter(has_txns) {
            let is_named = |file: &&SourceFile| file.zxid() == base.zxid;
            let ours = self.source.snapshots().iter().find(is_named);
            let theirs = stored.snapshots().iter().find(is_named);
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                let (ours, theirs) = (content(self.source, ours)?, content(&stored, theirs)?);
                return Ok(ours.is_some() && ours == theirs);
            }
        }
        Ok(false)
    }

    /// Begins a lineage; and what is to be told of that, where there are others.
    pub(super) fn begin(
        &self,
        listing: &Listing,
        scan: &Scan<'_>,
        parting: Parting,
    ) -> Result<(Lineage, Option<String>)> {
        let apart = match parting {
            Parting::Apart(zxid) => Some(zxid),
            Parting::Unknown | Parting::Behind(..) => None,
        };
        let id = self.fresh_id(listing, scan, apart)?;
        let warning = listing.lineages().first().map(|other| match parting {
            Parting::Behind(last, first) => format!(
                "gap: transactions after {last}, the last of lineage {other}, up to {first}, the start of an epoch, have been purged; it is not known how many there were, so lineage {id} begins"
            ),
            Parting::Apart(zxid) => format!(
                "the source's history has diverged from lineage {other}, at {zxid} at the latest (an uncommitted tail was truncated, or the ensemble was rebuilt or restored): lineage {id} begins"
            ),
            Parting::Unknown => format!(
                "the source's history does not appear to be that of lineage {other}: they have no transaction in common (another ensemble, one that was rebuilt, or a member that is far behind): lineage {id} begins"
            ),
        });
        Ok((Lineage::new(id), warning))
    }

    /// Whether the source is what a restore of this program made after the lineage's last txn.
    fn was_restored_since(&self, last: &Mark) -> bool {
        let restored = self.source.receipt().and_then(|receipt| {
            let mut snapshots = self.source.snapshots().iter();
            snapshots.find(|file| file.name() == receipt.snapshot)
        });
        restored.is_some_and(|file| file.zxid() > last.zxid)
    }

    /// An id that no lineage has that is not this one.
    fn fresh_id(&self, listing: &Listing, scan: &Scan<'_>, apart: Option<Zxid>) -> Result<String> {
        let id = new_id(&scan.history, apart)?;
        let is_taken = listing.lineages().contains(&id.as_str());
        Ok(match is_taken {
            true => sha256(format!("{id} {}", self.options.now_ms).as_bytes())
                .get(..12)
                .unwrap_or_default()
                .to_owned(),
            false => id,
        })
    }
}

/// Whether txns that a lineage has not one of lie in a gap that it has, by zxids and by times.
fn fits_a_hole(timeline: &Timeline, lineage: &Lineage) -> bool {
    let (Some(first), Some(last)) = (timeline.segments.first(), timeline.segments.last()) else {
        return false;
    };
    let logs = lineage.history().logs;
    let before = logs.iter().rev().find(|log| log.last_zxid < first.first());
    let behind = logs.iter().find(|log| log.first_zxid > last.last());
    match (before, behind) {
        (Some(before), Some(behind)) => {
            !before.last_zxid.is_followed_by(behind.first_zxid)
                && before.last_time_ms <= first.first_time()
                && last.last_time() <= behind.first_time_ms
        }
        _ => false,
    }
}

/// The SHA-256 of the tree at a point, where it can be had.
fn tree_at(source: &Source, point: Point) -> Result<Option<String>> {
    let tree = match rebuild(source, point, false, &NoProgress) {
        Ok(rebuilt) => rebuilt.replayed.tree,
        Err(error) if matches!(error.kind(), ErrorKind::Damage | ErrorKind::NotReachable) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(sha256_of(&tree))
}

/// The SHA-256 of what a snapshot holds, fuzzy as it may be; `None` when it is damaged.
fn content(source: &Source, file: &SourceFile) -> Result<Option<String>> {
    match load_snapshot(source, file, &NoProgress) {
        Ok((tree, _)) => Ok(sha256_of(&tree)),
        Err(error) if error.kind() == ErrorKind::Damage => Ok(None),
        Err(error) => Err(error),
    }
}

fn sha256_of(tree: &DataTree) -> Option<String> {
    let mut hashed = Hashed::new(io::sink());
    // A tree that cannot be written, since an ACL is unknown, is like no other.
    let written = write_snapshot(tree, &mut hashed);
    written.ok().map(|_| hashed.sha256())
}

/// Whether a source ends before a lineage does, by zxid and by time.
fn is_older(timeline: &Timeline, lineage: &Lineage) -> bool {
    match (timeline.segments.last(), lineage.last()) {
        (Some(own), Some(last)) => own.last() < last.zxid && own.last_time() <= last.time_ms,
        _ => false,
    }
}
