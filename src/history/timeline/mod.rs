//! Which zxids a source's logs hold, where, and what is missing between them.
//!
//! Logs are told by what is in them, not by their names. Runs of consecutive zxids are laid end to
//! end into *segments*; between segments there is a *gap*. Within an epoch zxids have no gaps; a
//! new epoch begins with counter 1 (`Leader`). A standalone server counts on over the end of the
//! counter: a record of counter 0 right behind one of counter 0xffffffff is just the next txn.
//! Whether txns are missing at the *end* of an epoch, zxids cannot tell: the places where a segment
//! goes from one epoch to the next are kept as its *joints*. Where [`Evidence`] shows that txns are
//! missing there, or a log that cannot be read may have held the last ones, there is a gap. Where
//! two logs hold the same zxids, they have to agree ([`History::compare_overlaps`]).

mod evidence;
mod gap;
mod overlap;

pub use evidence::Evidence;
pub use gap::Gap;
pub use overlap::{Fork, Overlap};

use crate::error::{Error, ErrorKind, Fault, Result, TxnPlace};
use crate::format::stream::RegularFile;
use crate::format::txnlog::{Level, LogReader, LogSummary, Run, scan, scan_headless};
use crate::history::History;
use crate::history::source::{Source, SourceFile};
use crate::progress::Progress;
use crate::zxid::{Zxid, ZxidRange};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One log, read.
#[derive(Debug)]
pub struct ScannedLog {
    /// Its index among the source's logs.
    pub log: usize,
    /// What is in it; `Err` when even its header is damaged.
    pub summary: std::result::Result<LogSummary, Error>,
    /// The whole records behind a header that is not one. They are counted, and not used.
    pub behind_header: Option<LogSummary>,
}

/// A stretch of one log that is part of a segment.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The log's index among the source's logs.
    pub log: usize,
    /// The run in it.
    pub run: Run,
    /// The first zxid that is taken from here; those before it were had from other logs.
    pub from: Zxid,
}

/// Txns without a gap.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    /// Where they are, in order.
    pub pieces: Vec<Piece>,
    /// The last zxid of an epoch and the first of the next, where the segment goes over.
    pub joints: Vec<(Zxid, Zxid)>,
    /// Up to where txns of earlier epochs are hidden by damage: only a base from behind them is
    /// followed by this segment.
    hidden_to: Option<Zxid>,
    /// What leads to another tree than there was behind its first txn, though that is the next by
    /// its zxid.
    refuted: Vec<Zxid>,
}

/// All txns of a source.
#[derive(Debug, Default)]
pub struct Timeline {
    /// The logs that were read, by index.
    pub logs: Vec<ScannedLog>,
    /// By zxid.
    pub segments: Vec<Segment>,
    /// What two logs hold.
    pub overlaps: Vec<Overlap>,
    /// What shows that txns are missing at the ends of epochs.
    evidence: Vec<Evidence>,
}

impl Segment {
    /// The first zxid.
    pub fn first(&self) -> Zxid {
        self.pieces.first().map_or(Zxid::ZERO, |piece| piece.from)
    }

    /// The last zxid.
    pub fn last(&self) -> Zxid {
        self.pieces
            .last()
            .map_or(Zxid::ZERO, |piece| piece.run.last)
    }

    /// The time of the first txn.
    pub fn first_time(&self) -> i64 {
        self.pieces.first().map_or(0, |piece| piece.run.first_time)
    }

    /// The time of the last txn.
    pub fn last_time(&self) -> i64 {
        self.pieces.last().map_or(0, |piece| piece.run.last_time)
    }

    /// Whether a txn of this zxid is in it.
    pub fn contains(&self, zxid: Zxid) -> bool {
        self.pieces.iter().any(|piece| piece.contains(zxid))
    }

    /// Whether, on a tree after `zxid`, the segment goes on without a gap: `zxid` is in it, or
    /// right before it.
    pub fn continues(&self, zxid: Zxid) -> bool {
        let first = self.first();
        let is_hidden = |to: Zxid| zxid < to && zxid.epoch() < first.epoch();
        self.contains(zxid)
            || (zxid.is_followed_by(first)
                && !self.hidden_to.is_some_and(is_hidden)
                && !self.refuted.contains(&zxid))
            || self
                .joints
                .iter()
                .any(|(last, first)| *last <= zxid && zxid < *first)
    }

    /// The first zxid in it that is higher than `zxid`.
    pub fn next_after(&self, zxid: Zxid) -> Option<Zxid> {
        let piece = self.pieces.iter().find(|piece| piece.run.last > zxid)?;
        Some(if zxid < piece.from {
            piece.from
        } else {
            zxid.next()
        })
    }

    /// The last zxid in it that is lower than `zxid`.
    pub fn last_before(&self, zxid: Zxid) -> Option<Zxid> {
        let piece = self.pieces.iter().rev().find(|piece| piece.from < zxid)?;
        Some(zxid.prev().min(piece.run.last))
    }
}

impl<'a> History<'a> {
    /// Reads the logs of `source`, side by side.
    ///
    /// # Errors
    /// [`ErrorKind::SourceChanged`] when one is gone; failures to read. Damage is in the result.
    pub fn read(source: &'a Source, level: Level, progress: &dyn Progress) -> Result<History<'a>> {
        History::read_from(source, (0, 0), level, progress)
    }

    /// As [`History::read`] takes what a repository noted of its logs, where those that `is_lost`,
    /// by index, cannot be read.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn without(
        source: &'a Source,
        is_lost: &dyn Fn(usize) -> bool,
        progress: &dyn Progress,
    ) -> Result<History<'a>> {
        let History { mut timeline, .. } = History::read(source, Level::Frames, progress)?;
        for scanned in timeline.logs.iter_mut().filter(|it| is_lost(it.log)) {
            scanned.summary = Err(Error::new(ErrorKind::Damage, "is lost"));
        }
        let timeline = Timeline::of(source, timeline.logs, timeline.evidence);
        Ok(History::new(source, timeline))
    }

    /// As [`History::read`], from the record at an offset of a log on: of older logs nothing is
    /// read, and nothing is told.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn read_from(
        source: &'a Source,
        (skipped, offset): (usize, u64),
        level: Level,
        progress: &dyn Progress,
    ) -> Result<History<'a>> {
        let logs: Vec<(usize, &SourceFile)> =
            source.logs().iter().enumerate().skip(skipped).collect();
        let bytes = logs.iter().map(|(_, log)| log.size()).sum::<u64>();
        progress.start("reading logs", Some(bytes.saturating_sub(offset)));
        let logs = side_by_side(&logs, |(index, log)| {
            let told = |summary, behind_header| ScannedLog {
                log: *index,
                summary,
                behind_header,
            };
            // What a repository noted when it read the log is as good as a first look; a closer one
            // is taken again.
            if let (Level::Frames, Some(promised)) = (level, log.promised_log()) {
                return Ok(told(Ok(promised.clone()), None));
            }
            let advance = |bytes| progress.advance(bytes);
            let scanned = source.open_log(log).and_then(|reader| {
                let reader = match *index == skipped && offset > 0 {
                    true => reader.starting_at(offset),
                    false => reader,
                };
                scan(reader, level, &advance)
            });
            match scanned {
                Ok(summary) => Ok(told(Ok(summary), None)),
                Err(error) if error.kind() == ErrorKind::Damage => {
                    let behind =
                        scan_headless(log.shown(), || log.open(), &error, level, &advance)?;
                    Ok(told(Err(error), behind))
                }
                Err(error) => Err(error),
            }
        })?;
        let timeline = Timeline::of(source, logs, evidence::noted(source));
        Ok(History::new(source, timeline))
    }

    /// Adds what shows of the ends of epochs: there may be more gaps from then on.
    pub fn add_evidence(&mut self, evidence: &[Evidence]) {
        if evidence.is_empty() {
            return;
        }
        let before = std::mem::take(&mut self.timeline);
        let evidence = [before.evidence.as_slice(), evidence].concat();
        let timeline = Timeline::of(self.source, before.logs, evidence);
        *self = History::new(self.source, timeline);
    }

    /// The time of the txn `zxid`.
    ///
    /// # Errors
    /// Failures to read, damage.
    pub fn time_of(&self, zxid: Zxid) -> Result<Option<i64>> {
        let pieces = self.timeline.pieces();
        for piece in pieces.filter(|piece| piece.contains(zxid)) {
            let mut reader = piece.reader(self.source, zxid)?;
            while let Some(entry) = reader.next_entry()? {
                if entry.header.zxid >= zxid {
                    return Ok((entry.header.zxid == zxid).then_some(entry.header.time));
                }
            }
        }
        Ok(None)
    }

    /// The first txn, in zxid order, whose time is later than `time`, and its time. Only of use on
    /// logs that were read at [`Level::Everything`], damage and all.
    ///
    /// # Errors
    /// Failures to read, damage.
    pub fn first_later_than(&self, time: i64) -> Result<Option<(Zxid, i64)>> {
        let pieces = self.timeline.pieces();
        for piece in pieces.filter(|piece| piece.run.max_time > time) {
            let from = piece
                .run
                .mark_for_time(time)
                .map_or(piece.from, |mark| mark.zxid);
            let mut reader = piece.reader(self.source, from)?;
            while let Some(entry) = reader.next_entry()? {
                if entry.header.time > time && entry.header.zxid >= piece.from {
                    return Ok(Some((entry.header.zxid, entry.header.time)));
                }
            }
        }
        Ok(None)
    }

    /// How many txns from `zxid` on have a time no later than `time`: none, unless the leader's
    /// clock stepped back.
    ///
    /// # Errors
    /// Failures to read, damage.
    pub fn count_from(&self, zxid: Zxid, time: i64) -> Result<u64> {
        let has_steps = self.timeline.logs.iter().any(|log| {
            log.summary
                .as_ref()
                .is_ok_and(|summary| summary.clock_steps > 0)
        });
        let mut count = 0;
        let pieces = self.timeline.pieces();
        for piece in pieces.filter(|piece| piece.run.last >= zxid) {
            if !has_steps && piece.run.first_time > time {
                continue;
            }
            let mut reader = piece.reader(self.source, zxid.max(piece.from))?;
            while let Some(entry) = reader.next_entry()? {
                let is_behind = entry.header.zxid >= zxid.max(piece.from);
                count += u64::from(is_behind && entry.header.time <= time);
            }
        }
        Ok(count)
    }
}

impl Timeline {
    fn of(source: &Source, logs: Vec<ScannedLog>, evidence: Vec<Evidence>) -> Timeline {
        let damage = logs.iter().flat_map(|log| hidden(source, log));
        let shown = evidence.iter().filter_map(|shown| match shown {
            Evidence::Txn(zxid) => Some(ZxidRange::from(*zxid)),
            Evidence::Difference { .. } => None,
        });
        let hidden: Vec<ZxidRange> = damage.chain(shown).collect();
        let mut runs: Vec<(usize, Run)> =
            logs.iter()
                .flat_map(|scanned| {
                    scanned.summary.iter().flat_map(|summary| {
                        summary.runs.iter().map(|run| (scanned.log, run.clone()))
                    })
                })
                .collect();
        runs.sort_by_key(|(log, run)| (run.first, *log, run.start_offset));
        let mut timeline = Timeline {
            logs,
            segments: Vec::new(),
            overlaps: Vec::new(),
            evidence,
        };
        for (log, run) in runs {
            timeline.lay(log, run, &hidden);
        }
        timeline
    }

    /// Adds a run, none of whose kind begins earlier than those before it.
    fn lay(&mut self, log: usize, run: Run, hidden: &[ZxidRange]) {
        let index = self.segments.len().saturating_sub(1);
        let last = self.segments.last().map(Segment::last);
        // Within an epoch, numbers tell that nothing is missing, whatever is damaged.
        let is_before = |to: &Zxid| to.epoch() < run.first.epoch();
        let hidden = hidden.iter().filter(|it| it.first < run.first);
        let hidden_to = hidden.map(|it| it.last).filter(is_before);
        let hidden_to = hidden_to
            .max()
            .filter(|to| last.is_none_or(|last| *to > last));
        let refuted = self.evidence.iter().filter_map(|shown| match shown {
            Evidence::Difference { last, first } if *first == run.first => Some(*last),
            Evidence::Difference { .. } | Evidence::Txn(_) => None,
        });
        let refuted: Vec<Zxid> = refuted.collect();
        match (self.segments.last_mut(), last) {
            (Some(segment), Some(last)) if run.first <= last => {
                let to = run.last.min(last);
                self.overlaps.push(Overlap {
                    other: Piece {
                        log,
                        from: run.first,
                        run: run.clone(),
                    },
                    to,
                    segment: index,
                });
                if run.last > last {
                    segment.pieces.push(Piece {
                        log,
                        from: last.next(),
                        run,
                    });
                }
            }
            (Some(segment), Some(last))
                if last.is_followed_by(run.first)
                    && hidden_to.is_none()
                    && !refuted.contains(&last) =>
            {
                if last.ends_its_epoch_before(run.first) {
                    segment.joints.push((last, run.first));
                }
                segment.pieces.push(Piece {
                    log,
                    from: run.first,
                    run,
                });
            }
            _ => self.segments.push(Segment {
                pieces: vec![Piece {
                    log,
                    from: run.first,
                    run,
                }],
                joints: Vec::new(),
                hidden_to,
                refuted,
            }),
        }
    }

    /// Where the txns are, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.segments.iter().flat_map(|segment| &segment.pieces)
    }

    /// The last txn of all.
    pub fn last(&self) -> Option<Zxid> {
        self.segments.last().map(Segment::last)
    }

    /// The last txn below `zxid`.
    pub fn last_before(&self, zxid: Zxid) -> Option<Zxid> {
        self.segments
            .iter()
            .rev()
            .find_map(|segment| segment.last_before(zxid))
    }

    /// The first txn above `zxid`.
    pub fn next_after(&self, zxid: Zxid) -> Option<Zxid> {
        self.segments
            .iter()
            .find_map(|segment| segment.next_after(zxid))
    }

    /// The first zxid of an epoch that a txn of it can have: counter 0 where the logs count on to
    /// it from the epoch before, and else counter 1.
    pub fn begin_of_epoch(&self, epoch: u32) -> Zxid {
        let zero = Zxid::new(epoch, 0);
        match self.contains(zero) {
            true => zero,
            false => zero.next(),
        }
    }

    /// Whether the source holds a txn of this zxid.
    pub fn contains(&self, zxid: Zxid) -> bool {
        self.segments.iter().any(|segment| segment.contains(zxid))
    }
}

impl Piece {
    /// Whether the txn of this zxid is taken from here.
    pub fn contains(&self, zxid: Zxid) -> bool {
        self.from <= zxid && zxid <= self.run.last
    }

    /// A reader at or before the record of `zxid`, to the end of the run.
    ///
    /// # Errors
    /// Failures to read.
    pub fn reader(&self, source: &Source, zxid: Zxid) -> Result<LogReader<Arc<RegularFile>>> {
        let log = self.log(source)?;
        let offset = self
            .run
            .mark_for(zxid)
            .map_or(self.run.start_offset, |mark| mark.offset);
        let reader = source.open_log(log)?.live(false).starting_at(offset);
        Ok(reader.ending_at(self.run.end_offset))
    }

    /// The log.
    ///
    /// # Errors
    /// Never for a piece of this source.
    pub fn log<'a>(&self, source: &'a Source) -> Result<&'a SourceFile> {
        source
            .logs()
            .get(self.log)
            .ok_or_else(|| Error::new(ErrorKind::Failed, "a piece of another source's log"))
    }
}

/// The zxids that damage of a log hides, from and to. A log without a header that can be read
/// begins with the zxid in its name, and where a repository noted more of it, that is known.
fn hidden(source: &Source, log: &ScannedLog) -> Vec<ZxidRange> {
    let Some(file) = source.logs().get(log.log) else {
        return Vec::new();
    };
    match &log.summary {
        // A server that was killed when it had just made a log leaves it so, with nothing in it.
        Err(error) if error.fault().is_some_and(Fault::is_cut_header) => Vec::new(),
        Err(_) => {
            let from = file.zxid();
            let seen = file.promised_log().or(log.behind_header.as_ref());
            let noted = seen.and_then(LogSummary::last);
            let to = noted.map_or(from, |last| last.max(from));
            vec![ZxidRange::new(from, to)]
        }
        Ok(summary) => {
            let faults = summary.faults.iter();
            let behind = faults.map(|fault| fault.txn.map_or(file.zxid(), TxnPlace::first));
            behind.map(ZxidRange::from).collect()
        }
    }
}

/// Does `work` on each of `items`, on all cores, and gives the results in order; the first error
/// ends it.
pub fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism()
        .map_or(1, |n| n.get())
        .min(items.len());
    let mut done: Vec<(usize, Result<R>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    while let Some((index, item)) = Some(next.fetch_add(1, Ordering::Relaxed))
                        .and_then(|i| Some((i, items.get(i)?)))
                    {
                        let result = work(item);
                        let failed = result.is_err();
                        mine.push((index, result));
                        if failed {
                            next.store(items.len(), Ordering::Relaxed);
                        }
                    }
                    mine
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| {
                worker
                    .join()
                    .expect("a worker's panic is a defect to be seen")
            })
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
