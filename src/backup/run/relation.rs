//! How a source stands to a lineage: of one history, or of two.
//!
//! The last txn that both hold tells: a member that logged a txn has all that its leader had logged
//! before (Zab), so one txn stands for the history behind it. Requests that failed tell nothing
//! where they differ, since 3.9 may log one under the zxid of the txn before it, and either side
//! may hold one of the two only: then the txn before them is asked.

use super::lineage::Lineage;
use super::payloads::{Payloads, collect};
use crate::error::{ErrorKind, Result};
use crate::format::checksum::sha256;
use crate::format::jute::Reader;
use crate::format::record::{TxnHeader, TxnKind, is_same_txn};
use crate::format::txnlog::LogReader;
use crate::history::History;
use crate::history::source::Source;
use crate::repository::{Manifest, Mark, Repository, StoredLog};
use crate::zxid::Zxid;

/// How a source stands to a lineage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// They hold the same txn, the last that both have.
    Same,
    /// They have no txn in common.
    Unknown,
    /// They part: the first zxid that is known to be another txn, or none, in the source.
    Apart(Zxid),
}

/// A source beside a repository's lineage.
pub(super) struct Comparison<'a> {
    /// The source's txns from some place on.
    pub scanned: &'a History<'a>,
    pub repository: &'a Repository,
    pub lineage: &'a Lineage,
}

impl Comparison<'_> {
    /// How they stand to one another.
    pub fn relation(&self) -> Result<Relation> {
        let mut relation = Relation::Unknown;
        for (_, head) in self.lineage.heads() {
            let Some(mark) = &head.last else {
                continue;
            };
            match self.to_head(head, mark)? {
                Relation::Apart(zxid) => return Ok(Relation::Apart(zxid)),
                Relation::Same => relation = Relation::Same,
                Relation::Unknown => {}
            }
        }
        Ok(relation)
    }

    /// Compares with the backup whose last txn is `mark`.
    fn to_head(&self, head: &Manifest, mark: &Mark) -> Result<Relation> {
        let Some(last) = self.scanned.timeline.last() else {
            return Ok(Relation::Unknown);
        };
        let own = self.own(mark.zxid, mark.zxid)?;
        let is_mark = |payload: &Vec<u8>| sha256(payload) == mark.sha256;
        if own.values().flatten().any(is_mark) {
            return Ok(Relation::Same);
        }
        let history = self.lineage.history();
        let logs = if last < mark.zxid {
            &history.logs
        } else {
            &head.logs
        };
        let common = self.last_in_common(logs)?;
        if let Some((zxid, false)) = common {
            return Ok(Relation::Apart(zxid));
        }
        let common = common.map(|(zxid, _)| zxid);
        Ok(match last > mark.zxid {
            true if own.is_empty() => self.beyond(mark.zxid, common),
            _ => self.behind(&history.logs, last, common),
        })
    }

    /// The source goes on beyond the lineage's last txn, and does not hold it.
    fn beyond(&self, last: Zxid, common: Option<Zxid>) -> Relation {
        let segments = &self.scanned.timeline.segments;
        let Some(after) = self.scanned.timeline.next_after(last) else {
            return Relation::Unknown;
        };
        // Within a segment nothing is missing but what its history does not have; unless the source
        // was sent the tree of that time.
        let lacks = segments
            .iter()
            .any(|segment| segment.first() < last && last < segment.last());
        if lacks && !was_sent_a_tree(self.scanned.source, last, after) {
            return Relation::Apart(after);
        }
        match last.is_right_before(after) || common.is_some() {
            true => Relation::Same,
            false => Relation::Unknown,
        }
    }

    /// The source ends before the lineage does, or where only requests failed: `common` is the last
    /// txn of which it is known that both hold it.
    fn behind(&self, logs: &[StoredLog], last: Zxid, common: Option<Zxid>) -> Relation {
        let is_held = |zxid: Zxid| {
            logs.iter()
                .any(|log| log.first_zxid <= zxid && zxid <= log.last_zxid)
        };
        if is_held(last) {
            return common.map_or(Relation::Unknown, |_| Relation::Same);
        }
        // The lineage went from one epoch to the next without it.
        let before = logs.iter().rev().find(|log| log.last_zxid < last);
        let behind = logs.iter().find(|log| log.first_zxid > last);
        match (before, behind) {
            (Some(before), Some(behind)) if before.last_zxid.is_followed_by(behind.first_zxid) => {
                // What came before it in its epoch is in the same tail.
                let first = self.scanned.timeline.begin_of_epoch(last.epoch());
                Relation::Apart(before.last_zxid.next().max(first))
            }
            _ => common.map_or(Relation::Unknown, |_| Relation::Same),
        }
    }

    /// The highest zxid that both hold and that tells something: whether both hold the same there.
    /// An object that is damaged tells nothing.
    fn last_in_common(&self, logs: &[StoredLog]) -> Result<Option<(Zxid, bool)>> {
        for log in logs.iter().rev() {
            let own = self.own(log.first_zxid, log.last_zxid)?;
            if own.is_empty() {
                continue;
            }
            let stored = match stored(self.repository, log) {
                Ok(stored) => stored,
                Err(error) if error.kind() == ErrorKind::Damage => continue,
                Err(error) => return Err(error),
            };
            let told = own.iter().rev().find_map(|(zxid, own)| {
                let stored = stored.get(zxid)?;
                Some((*zxid, are_same(own, stored)?))
            });
            if told.is_some() {
                return Ok(told);
            }
        }
        Ok(None)
    }

    /// The source's records from `first` to `last`.
    fn own(&self, first: Zxid, last: Zxid) -> Result<Payloads> {
        let mut found = Payloads::new();
        for piece in self.scanned.timeline.pieces() {
            let (first, last) = (first.max(piece.from), last.min(piece.run.last));
            if first <= last {
                collect(
                    piece.reader(self.scanned.source, first)?,
                    first,
                    last,
                    &mut found,
                )?;
            }
        }
        Ok(found)
    }
}

/// Whether a source holds a snapshot of `from` or later, and before `before`: then it was sent that
/// tree, and lacks the txns before it without having gone on without them.
pub(super) fn was_sent_a_tree(source: &Source, from: Zxid, before: Zxid) -> bool {
    let mut snapshots = source.snapshots().iter();
    snapshots.any(|file| from <= file.zxid() && file.zxid() < before)
}

/// The records of a stored log.
fn stored(repository: &Repository, log: &StoredLog) -> Result<Payloads> {
    let shown = repository.storage().shown_object(&log.object.name);
    let (mut bytes, mut found) = (Vec::new(), Payloads::new());
    repository.decompress(&log.object, &mut bytes, &shown)?;
    let reader = LogReader::new(&shown, bytes.as_slice())?;
    collect(reader, log.first_zxid, log.last_zxid, &mut found)?;
    Ok(found)
}

/// Whether records of one zxid are of one history; `None` where that cannot be told, since one side
/// holds an error only.
fn are_same(own: &[Vec<u8>], stored: &[Vec<u8>]) -> Option<bool> {
    let is_same = own
        .iter()
        .any(|own| stored.iter().any(|stored| is_same_txn(own, stored)));
    let is_error = |payload: &Vec<u8>| {
        TxnHeader::decode(&mut Reader::new(payload, 0))
            .is_ok_and(|header| header.kind() == Some(TxnKind::Error))
    };
    match is_same {
        true => Some(true),
        false if own.iter().all(is_error) || stored.iter().all(is_error) => None,
        false => Some(false),
    }
}
