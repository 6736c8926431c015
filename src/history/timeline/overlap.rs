//! Zxids that two logs hold: they have to agree.

use super::{Piece, Segment};
use crate::error::{ErrorKind, Result};
use crate::format::record::is_same_txn;
use crate::format::stream::ReadAt;
use crate::format::txnlog::{Entry, LogReader};
use crate::history::History;
use crate::history::source::Source;
use crate::zxid::{Zxid, ZxidRange};

/// How many differences of one pair of logs are told.
const FORKS_MAX: usize = 100;

/// Zxids that two logs hold.
#[derive(Clone, Debug)]
pub struct Overlap {
    /// The log that has them too, and its run.
    pub other: Piece,
    /// The last zxid of the other log that may be in the segment.
    pub to: Zxid,
    /// The segment's index.
    pub segment: usize,
}

/// Two logs that say different things about one zxid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The zxid.
    pub zxid: Zxid,
    /// The log whose bytes are in the segment.
    pub log: usize,
    /// The log that differs, or lacks the txn between two that it has.
    pub other: usize,
    /// Where, in the other log.
    pub offset: u64,
}

impl History<'_> {
    /// Compares what two logs hold.
    ///
    /// # Errors
    /// Failures to read, damage.
    pub fn compare_overlaps(&self, within: Option<ZxidRange>) -> Result<Vec<Fork>> {
        let mut forks = Vec::new();
        let timeline = &self.timeline;
        for overlap in &timeline.overlaps {
            let is_wanted =
                within.is_none_or(|it| overlap.other.from <= it.last && overlap.to >= it.first);
            if let Some(segment) = timeline.segments.get(overlap.segment).filter(|_| is_wanted) {
                let from = within.map_or(overlap.other.from, |it| it.first.max(overlap.other.from));
                forks.extend(compare(self.source, segment, overlap, from)?);
            }
        }
        Ok(forks)
    }
}

/// Walks over the txns of `overlap` in both logs, from `from` on: those that differ, to the first
/// that one of them lacks. Where either is damaged there is nothing to compare: that is told of the
/// log itself.
fn compare(source: &Source, segment: &Segment, overlap: &Overlap, from: Zxid) -> Result<Vec<Fork>> {
    let mut forks = Vec::new();
    let mut other = overlap.other.reader(source, from)?;
    let mut last = from.prev();
    for piece in &segment.pieces {
        let is_same = piece.log == overlap.other.log
            && piece.run.start_offset == overlap.other.run.start_offset;
        if is_same || piece.from > overlap.to || piece.run.last < from {
            continue;
        }
        let mut mine = piece.reader(source, last.next().max(piece.from))?;
        while let Some(entry) = next_above(&mut mine, last.max(piece.from.prev()))? {
            let zxid = entry.header.zxid;
            if zxid > overlap.to {
                break;
            }
            let Some(theirs) = next_above(&mut other, last)? else {
                return Ok(forks);
            };
            if !is_same_txn(theirs.payload, entry.payload) {
                forks.push(Fork {
                    zxid,
                    log: piece.log,
                    other: overlap.other.log,
                    offset: theirs.offset,
                });
                // One lacks the txn, or there is no end to it: that is enough.
                if theirs.header.zxid != zxid || forks.len() >= FORKS_MAX {
                    return Ok(forks);
                }
            }
            last = zxid;
        }
    }
    Ok(forks)
}

/// The next record above `zxid`; damage is an end.
fn next_above<S: ReadAt + Clone>(
    reader: &mut LogReader<S>,
    zxid: Zxid,
) -> Result<Option<Entry<'_>>> {
    match reader.next_above(zxid) {
        Err(error) if error.kind() == ErrorKind::Damage => Ok(None),
        result => result,
    }
}
