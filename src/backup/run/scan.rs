//! What a source holds, from where it was backed up last.

use super::lineage::{Lineage, find_position};
use crate::error::{Error, ErrorKind, Fault, Result, TxnPlace};
use crate::format::checksum::sha256;
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::source::Source;
use crate::history::timeline::{Piece, ScannedLog};
use crate::progress::Progress;
use crate::repository::{Mark, Position};
use crate::zxid::{Zxid, ZxidRange, ZxidSet};

/// A source, read.
pub(super) struct Scan<'a> {
    /// Its txns, from some place on.
    pub history: History<'a>,
    /// The lineage in which it was backed up last, and where it was then: nothing before was read
    /// again.
    pub known: Option<(String, Position)>,
    /// Txns that are not to be stored.
    left_out: ZxidSet,
}

/// A stretch of a log that is to be stored.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Its first and its last txn.
    pub range: ZxidRange,
    /// Where it is.
    pub(super) piece: Piece,
}

impl<'a> Scan<'a> {
    /// Reads the source from where any of `lineages` knows it, or all of it.
    pub fn of(
        source: &'a Source,
        lineages: &[Lineage],
        host: &str,
        progress: &dyn Progress,
    ) -> Result<Scan<'a>> {
        let path = source.shown().display().to_string();
        for lineage in lineages {
            let newest = lineage.origins(&path, host).next();
            let position = newest.and_then(|origins| origins.position.as_ref());
            if let Some(position) = position
                && let Some(index) = find_position(source, position)?
            {
                let start = (index, position.offset);
                let mut history = History::read_from(source, start, Level::Everything, progress)?;
                history.add_snapshots(progress)?;
                let known = (lineage.id.clone(), position.clone());
                return Ok(Scan::new(history, Some(known)));
            }
        }
        Scan::all_of(source, progress)
    }

    fn all_of(source: &'a Source, progress: &dyn Progress) -> Result<Scan<'a>> {
        let history = History::read_with_snapshots(source, Level::Everything, progress)?;
        Ok(Scan::new(history, None))
    }

    /// Records that no server could apply are left out from the beginning: a restore could not go
    /// past them.
    fn new(history: History<'a>, known: Option<(String, Position)>) -> Scan<'a> {
        let mut left_out = ZxidSet::default();
        let summaries = history
            .timeline
            .logs
            .iter()
            .filter_map(|log| log.summary.as_ref().ok());
        for summary in summaries {
            let txns = summary.faults.iter().filter_map(|fault| fault.txn);
            for zxid in txns.filter_map(TxnPlace::of) {
                left_out.add(zxid.into());
            }
        }
        Scan {
            history,
            known,
            left_out,
        }
    }

    /// Whether what it holds is new txns behind those that were backed up last, and nothing else:
    /// then no base is needed, since the newest backup can be restored to its last txn.
    pub fn goes_on(&self, lineage: &Lineage) -> bool {
        let newest = lineage.newest();
        self.known.is_some()
            && self.history.timeline.segments.len() <= 1
            && newest.is_some_and(|newest| newest.newest_window().is_some())
            && lineage.damage.is_empty()
    }

    /// Leaves out txns that are not to be stored.
    pub fn leave_out(&mut self, ranges: Vec<ZxidRange>) {
        ranges
            .into_iter()
            .for_each(|range| self.left_out.add(range));
    }

    /// The first txn behind `zxid` that is left out.
    pub fn left_out_behind(&self, zxid: Zxid) -> Option<Zxid> {
        let mut ranges = self.left_out.iter();
        ranges.find_map(|range| (range.last > zxid).then(|| range.first.max(zxid.next())))
    }

    /// The same source; read from its beginning, where it is known of another lineage than
    /// `lineage`, or of any, if that is none: nothing was stored there yet.
    pub fn of_lineage(self, lineage: Option<&str>, progress: &dyn Progress) -> Result<Scan<'a>> {
        match &self.known {
            Some((known, _)) if Some(known.as_str()) != lineage => {
                Scan::all_of(self.history.source, progress)
            }
            _ => Ok(self),
        }
    }

    /// The same source, read from its beginning, with the ends of epochs that it goes over judged
    /// by the digests behind them.
    pub fn settled(self, progress: &dyn Progress) -> Result<Scan<'a>> {
        let mut whole = self.of_lineage(None, progress)?;
        whole.history.settle_ends(progress)?;
        Ok(whole)
    }

    /// The last txn, and where it is.
    pub fn position(&self) -> Result<Option<Position>> {
        let source = self.history.source;
        let Some(piece) = self.history.timeline.pieces().last() else {
            return Ok(None);
        };
        let zxid = piece.run.last;
        if let Some((_, known)) = self
            .known
            .as_ref()
            .filter(|(_, known)| known.mark.zxid == zxid)
        {
            return Ok(Some(known.clone()));
        }
        let mut reader = piece.reader(source, zxid)?;
        let entry = reader.next_above(zxid.prev())?;
        let Some(entry) = entry.filter(|entry| entry.header.zxid == zxid) else {
            let log = piece.log(source)?;
            let message = format!("changed while it was being read: {zxid} is gone");
            return Err(Error::about(log.shown(), ErrorKind::SourceChanged, message));
        };
        Ok(Some(Position {
            log: piece.log(source)?.name(),
            offset: entry.offset,
            mark: Mark {
                zxid,
                time_ms: entry.header.time,
                sha256: sha256(entry.payload),
            },
        }))
    }

    /// What of it is not among `held`, from the txn of `from` on.
    ///
    /// A member that is sent a whole tree keeps its logs, also a tail that was never committed: so
    /// of what stands before a gap nothing is taken that others are known to have gone on without.
    pub fn stretches(&self, held: &ZxidSet, from: Zxid) -> Vec<Stretch> {
        let mut held = held.clone();
        self.left_out.iter().for_each(|range| held.add(range));
        let settled = held.with_ends_of_epochs();
        let segments = &self.history.timeline.segments;
        let pieces = segments.iter().enumerate().flat_map(|(index, segment)| {
            let is_last = index + 1 == segments.len();
            let held = if is_last { &held } else { &settled };
            segment.pieces.iter().map(move |piece| (piece, held))
        });
        let pieces = pieces.filter(|(piece, _)| piece.run.last >= from);
        let stretches = pieces.flat_map(|(piece, held)| {
            let missing = held.missing(ZxidRange::new(piece.from.max(from), piece.run.last));
            let missing = missing.into_iter();
            missing.map(move |range| Stretch {
                range,
                piece: piece.clone(),
            })
        });
        stretches.collect()
    }

    /// What is wrong with the logs, a line a file. A newest log that was just begun is nothing
    /// wrong: a server that is killed then leaves it so.
    pub fn damage(&self) -> Vec<String> {
        let source = self.history.source;
        let newest = source.logs().len().saturating_sub(1);
        let told = |log: &ScannedLog| {
            let name = source.logs().get(log.log)?.name();
            let is_begun = |fault: &Fault| log.log == newest && fault.is_cut_header();
            match &log.summary {
                Err(error) if error.fault().is_some_and(is_begun) => None,
                Err(error) => Some(error.to_string()),
                Ok(summary) => summary.faults.first().map(|fault| {
                    let more = summary.faults.len() as u64 - 1 + summary.faults_untold;
                    let more = match more {
                        0 => String::new(),
                        more => format!(" (and {more} more)"),
                    };
                    let txn = fault.txn.map(|txn| format!("{txn}: "));
                    let txn = txn.unwrap_or_default();
                    format!(
                        "{name}: offset {}: {txn}{}{more}",
                        fault.offset, fault.fault
                    )
                }),
            }
        };
        self.history.timeline.logs.iter().filter_map(told).collect()
    }
}

impl Stretch {
    /// About how many bytes it takes in its log.
    pub(super) fn size_bytes(&self) -> u64 {
        let run = &self.piece.run;
        let begin = run
            .mark_for(self.range.first)
            .map_or(run.start_offset, |mark| mark.offset);
        run.end_offset.saturating_sub(begin)
    }
}
