//! Where the txns of a source belong.

use super::Run;
use super::lineage::{Lineage, Relation, new_id};
use super::scan::Scan;
use crate::checksum::sha256;
use crate::error::Result;
use crate::repository::Mark;
use crate::timeline::Timeline;
use crate::zxid::Zxid;

/// How far a source's last txn may be behind that of the lineage, by their times, before it is called stale: members of one ensemble never are all alike.
const STALE_MS: i64 = 15 * 60 * 1000;

/// Where the txns of a source belong.
pub(super) enum Place {
    /// In this lineage, by its index.
    Lineage(usize),
    /// In a new one, and where it parted from the newest.
    New(Option<Zxid>),
    /// In a new one, since nobody can tell whether txns are missing at the end of an epoch: the lineage's last txn, and the first behind it.
    Behind(Zxid, Zxid),
    /// Nowhere: what the source holds beyond a lineage, that lineage went on without.
    Abandoned(usize, Zxid),
}

impl Run<'_> {
    /// Finds where the source belongs.
    pub(super) fn place(&mut self, scan: &Scan, lineages: &[Lineage]) -> Result<Place> {
        let (source, timeline) = (self.source, &scan.timeline);
        let (mut unknown, mut apart) = (None, None);
        for (index, lineage) in lineages.iter().enumerate() {
            let is_known = scan.known.as_ref().is_some_and(|(id, _)| *id == lineage.id);
            match lineage.relation(source, timeline, self.repository)? {
                Relation::Same => return Ok(Place::Lineage(index)),
                Relation::Unknown if is_known => return Ok(Place::Lineage(index)),
                Relation::Unknown => unknown = unknown.or(Some(index)),
                // Also where an older lineage has what this one went on without: that one was left for good.
                Relation::Apart(zxid) if is_older(timeline, lineage) => {
                    return Ok(Place::Abandoned(index, zxid));
                }
                Relation::Apart(zxid) => apart = apart.or(Some(zxid)),
            }
        }
        let Some(index) = unknown.filter(|_| apart.is_none()) else {
            return Ok(Place::New(apart));
        };
        let last = lineages.get(index).and_then(|lineage| lineage.last());
        let begins_anew = match last {
            // Its zxids begin again from below, at a later time.
            Some(last) => {
                let first = timeline.segments.first();
                let is_later = first.is_some_and(|first| first.first_time() > last.time_ms);
                timeline.last().is_none() || (timeline.last() < Some(last.zxid) && is_later)
            }
            None => true,
        };
        if begins_anew || self.was_restored_since(last) {
            return self.same_id(scan, lineages);
        }
        // Were these txns of one lineage, they would look like one stretch.
        let last = last.map(|last| last.zxid);
        let first = last.and_then(|last| timeline.next_after(last));
        Ok(match (last, first) {
            (Some(last), Some(first)) if last.is_followed_by(first) => Place::Behind(last, first),
            _ => Place::Lineage(index),
        })
    }

    /// Begins a lineage, and tells why.
    pub(super) fn begin(
        &mut self,
        scan: &Scan,
        apart: Option<Zxid>,
        gap: Option<(Zxid, Zxid)>,
    ) -> Result<Lineage> {
        let id = self.fresh_id(scan, apart)?;
        if let Some(other) = self.listing.lineages().first() {
            self.warnings.push(match gap {
                Some((last, first)) => format!(
                    "a gap: the txns behind {last}, the last of lineage {other}, are not there any more up to {first}, where an epoch begins; how many there were cannot be known, so lineage {id} begins"
                ),
                None => format!(
                    "the source's history is not that of lineage {other} any more (a tail that was never committed was truncated, or the ensemble was rebuilt or restored): lineage {id} begins"
                ),
            });
        }
        Ok(Lineage {
            id,
            backups: Vec::new(),
            is_whole: true,
        })
    }

    /// The lineage that a source without any txn in common began when it was backed up before; or a new one.
    fn same_id(&self, scan: &Scan, lineages: &[Lineage]) -> Result<Place> {
        let id = new_id(self.source, &scan.timeline, None)?;
        let index = lineages.iter().position(|lineage| lineage.id == id);
        Ok(index.map_or(Place::New(None), Place::Lineage))
    }

    /// Whether the source is what a restore of this program made after the lineage's last txn.
    fn was_restored_since(&self, last: Option<&Mark>) -> bool {
        let restored = self.source.receipt().and_then(|receipt| {
            let mut snapshots = self.source.snapshots().iter();
            snapshots.find(|file| file.name() == receipt.snapshot)
        });
        restored.is_some_and(|file| last.is_none_or(|last| file.zxid() > last.zxid))
    }

    /// An id that no lineage has that is not this one.
    fn fresh_id(&self, scan: &Scan, apart: Option<Zxid>) -> Result<String> {
        let id = new_id(self.source, &scan.timeline, apart)?;
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
    pub(super) fn judge_place(&mut self, scan: &Scan, lineage: &Lineage) {
        let Some(last) = lineage.last() else {
            return;
        };
        let timeline = &scan.timeline;
        if let Some(first) = timeline.next_after(last.zxid)
            && !last.zxid.is_followed_by(first)
        {
            self.warnings.push(format!(
                "a gap: the txns from {} to {} are not there any more: the server purged them since the last backup, or was sent a whole tree; another member may have them",
                last.zxid.next(),
                first.prev()
            ));
        }
        let Some(own) = timeline
            .segments
            .last()
            .filter(|own| own.last() < last.zxid)
        else {
            return;
        };
        let lag = last.time_ms.saturating_sub(own.last_time());
        let message = format!(
            "the source ends with {}, and the repository holds txns up to {}: it is behind by {} s",
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

/// Whether a source ends before a lineage does, by zxid and by time.
fn is_older(timeline: &Timeline, lineage: &Lineage) -> bool {
    match (timeline.segments.last(), lineage.last()) {
        (Some(own), Some(last)) => own.last() < last.zxid && own.last_time() <= last.time_ms,
        _ => false,
    }
}
