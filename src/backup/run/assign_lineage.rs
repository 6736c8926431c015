//! Where the txns of a source belong.

use super::Run;
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
use crate::repository::{LineageContents, Mark, StoredSnapshot};
use crate::tree::DataTree;
use crate::zxid::Zxid;
use std::io;

/// How far a source's last txn may be behind that of the lineage, by their times, before it is
/// called stale: members of one ensemble never are all alike.
const STALE_MS: i64 = 15 * 60 * 1000;

/// Where the txns of a source belong.
pub(super) enum Place {
    /// In this lineage, by its index.
    Lineage(usize),
    /// In a new one, and where it parted from the newest.
    New(Option<Zxid>),
    /// In a new one, since nobody can tell whether txns are missing at the end of an epoch: the
    /// lineage's last txn, and the first behind it.
    Behind(Zxid, Zxid),
    /// Nowhere: what the source holds beyond a lineage, that lineage went on without.
    Abandoned(usize, Zxid),
}

impl Run<'_> {
    /// Finds where the source belongs.
    pub(super) fn place(&mut self, scan: &Scan<'_>, lineages: &[Lineage]) -> Result<Place> {
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
        if apart.is_some() {
            return Ok(Place::New(apart));
        }
        for (index, lineage) in unknown {
            if let Some(place) = self.place_without_common(scan, index, lineage)? {
                return Ok(place);
            }
        }
        let id = new_id(&scan.history, None)?;
        let index = lineages.iter().position(|lineage| lineage.id == id);
        Ok(index.map_or(Place::New(None), Place::Lineage))
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
        let is_later = lineage.knows(&path, &self.options.host) && !self.was_restored_since(last);
        if !is_later {
            return Ok(None);
        }
        // Were these txns of one lineage, they would look like one stretch.
        let last = last.zxid;
        Ok(Some(match timeline.next_after(last) {
            Some(first) if last.ends_its_epoch_before(first) && last.is_followed_by(first) => {
                Place::Behind(last, first)
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
        let stored = Source::of_history(self.repository, &history, &self.source_options())?;
        let (theirs, ours) = (tree_at(&stored, point)?, tree_at(self.source, point)?);
        Ok(theirs.is_some() && theirs == ours)
    }

    /// Whether a snapshot of the source is one of `history`: of the same zxid, with the same znodes
    /// and sessions. One that shows no txn is every ensemble's.
    fn has_snapshot_of(&self, history: &LineageContents) -> Result<bool> {
        let has_txns = |base: &&StoredSnapshot| base.shows_zxid > Some(Zxid::ZERO);
        let stored = Source::of_history(self.repository, history, &self.source_options())?;
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

    /// Begins a lineage, and tells why.
    pub(super) fn begin(
        &mut self,
        scan: &Scan<'_>,
        apart: Option<Zxid>,
        gap: Option<(Zxid, Zxid)>,
    ) -> Result<Lineage> {
        let id = self.fresh_id(scan, apart)?;
        if let Some(other) = self.listing.lineages().first() {
            self.warnings.push(match (gap, apart) {
                (Some((last, first)), _) => format!(
                    "gap: transactions after {last}, the last of lineage {other}, up to {first}, the start of an epoch, have been purged; it is not known how many there were, so lineage {id} begins"
                ),
                (None, Some(zxid)) => format!(
                    "the source's history has diverged from lineage {other}, at {zxid} at the latest (an uncommitted tail was truncated, or the ensemble was rebuilt or restored): lineage {id} begins"
                ),
                (None, None) => format!(
                    "the source's history does not appear to be that of lineage {other}: they have no transaction in common (another ensemble, one that was rebuilt, or a member that is far behind): lineage {id} begins"
                ),
            });
        }
        Ok(Lineage::new(id))
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
    fn fresh_id(&self, scan: &Scan<'_>, apart: Option<Zxid>) -> Result<String> {
        let id = new_id(&scan.history, apart)?;
        let is_taken = self.listing.lineages().contains(&id.as_str());
        Ok(match is_taken {
            true => sha256(format!("{id} {}", self.options.now_ms).as_bytes())
                .get(..12)
                .unwrap_or_default()
                .to_owned(),
            false => id,
        })
    }

    /// Tells how the source stands to its lineage.
    pub(super) fn judge_place(&mut self, scan: &Scan<'_>, lineage: &Lineage) {
        let newest = self.listing.backups.last();
        if let (Some(newest), Some(own)) = (newest, lineage.newest_name())
            && newest.lineage != own.lineage
        {
            self.warnings.push(format!(
                "the source belongs to lineage {}, but the last backup was of lineage {}: the repository's newest history has changed (use @{} to reach the previous one)",
                own.lineage, newest.lineage, newest.lineage
            ));
        }
        let Some(last) = lineage.last() else {
            return;
        };
        let Some(own) = scan
            .history
            .timeline
            .segments
            .last()
            .filter(|own| own.last() < last.zxid)
        else {
            return;
        };
        let lag = last.time_ms.saturating_sub(own.last_time());
        let message = format!(
            "the source ends with {}, but the repository has transactions up to {}: the source is behind by {} s",
            own.last(),
            last.zxid,
            lag / 1000
        );
        match lag > STALE_MS {
            true => self.warnings.push(format!("stale: {message}")),
            false => self.notes.push(message),
        }
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
