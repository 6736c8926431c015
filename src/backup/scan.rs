//! What a source holds, from where it was backed up last.

use super::lineage::{Lineage, find_position};
use crate::checksum::sha256;
use crate::error::Result;
use crate::progress::Progress;
use crate::repository::{Mark, Position, Ranges};
use crate::source::Source;
use crate::timeline::{Piece, Timeline};
use crate::txnlog::{Level, LogSummary};
use crate::zxid::Zxid;

/// A source, read.
pub(super) struct Scan {
    /// Its txns, from some place on.
    pub timeline: Timeline,
    /// The lineage in which it was backed up last, and where it was then: nothing before was read again.
    pub known: Option<(String, Position)>,
}

/// A stretch of a log that is to be stored.
pub(super) struct Stretch<'a> {
    pub piece: &'a Piece,
    pub first: Zxid,
    pub last: Zxid,
}

impl Scan {
    /// Reads the source from where any of `lineages` knows it, or all of it.
    pub fn of(
        source: &Source,
        lineages: &[Lineage],
        host: &str,
        progress: &dyn Progress,
    ) -> Result<Scan> {
        let path = source.shown().display().to_string();
        for lineage in lineages {
            let Some(position) = lineage.position(&path, host) else {
                continue;
            };
            if let Some(index) = find_position(source, position)? {
                let start = (index, position.offset);
                let timeline = Timeline::read_from(source, start, Level::Everything, progress)?;
                return Ok(Scan {
                    timeline,
                    known: Some((lineage.id.clone(), position.clone())),
                });
            }
        }
        Ok(Scan {
            timeline: Timeline::read(source, Level::Everything, progress)?,
            known: None,
        })
    }

    /// The same source, read from its beginning.
    pub fn whole(self, source: &Source, progress: &dyn Progress) -> Result<Scan> {
        if self.known.is_none() {
            return Ok(self);
        }
        Ok(Scan {
            timeline: Timeline::read(source, Level::Everything, progress)?,
            known: None,
        })
    }

    /// The last txn, and where it is.
    pub fn position(&self, source: &Source) -> Result<Option<Position>> {
        let Some(piece) = self
            .timeline
            .segments
            .last()
            .and_then(|last| last.pieces.last())
        else {
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
        let Some(entry) = reader.next_above(zxid.prev())? else {
            return Ok(None);
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
    /// A member that is sent a whole tree keeps its logs, also a tail that was never committed: so of what stands before a gap nothing is taken that
    /// others are known to have gone on without.
    pub fn stretches(&self, held: &Ranges, from: Zxid) -> Vec<Stretch<'_>> {
        let settled = held.with_ends_of_epochs();
        let segments = &self.timeline.segments;
        let pieces = segments.iter().enumerate().flat_map(|(index, segment)| {
            let is_last = index + 1 == segments.len();
            let held = if is_last { held } else { &settled };
            segment.pieces.iter().map(move |piece| (piece, held))
        });
        pieces
            .filter(|(piece, _)| piece.run.last >= from)
            .flat_map(|(piece, held)| {
                let missing = held.missing(piece.from.max(from), piece.run.last);
                missing
                    .into_iter()
                    .map(move |(first, last)| Stretch { piece, first, last })
            })
            .collect()
    }

    /// What is wrong with the logs, a line a file.
    pub fn damage(&self, source: &Source) -> Vec<String> {
        let told = |summary: &std::result::Result<LogSummary, crate::error::Error>,
                    name: String| match summary {
            Err(error) => Some(error.to_string()),
            Ok(summary) => summary.faults.first().map(|fault| {
                let more = summary.faults.len() as u64 - 1 + summary.faults_untold;
                let more = match more {
                    0 => String::new(),
                    more => format!(" (and {more} more)"),
                };
                format!("{name}: offset {}: {}{more}", fault.offset, fault.fault)
            }),
        };
        self.timeline
            .logs
            .iter()
            .filter_map(|log| told(&log.summary, source.logs().get(log.log)?.name()))
            .collect()
    }
}

impl Stretch<'_> {
    /// About how many bytes it takes in its log.
    pub fn len(&self) -> u64 {
        let run = &self.piece.run;
        let begin = run
            .mark_for(self.first)
            .map_or(run.start_offset, |mark| mark.offset);
        run.end_offset.saturating_sub(begin)
    }
}
