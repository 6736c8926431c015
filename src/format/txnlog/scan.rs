//! One pass over a log: which zxids and times it holds, where, and everything that is wrong with
//! it.

use super::reader::{Entry, LogReader};
use super::{HEADER_LEN, LogEnd, VERSION};
use crate::error::{Error, ErrorKind, Fault, Result, TxnPlace};
use crate::format::record::TxnKind;
use crate::format::record::txn::{self, DIGEST_VERSION, TxnBody};
use crate::format::stream::ReadAt;
use crate::zxid::{Zxid, ZxidRange};
use std::path::Path;

/// How many faults of one log are told one by one.
const FAULTS_MAX: usize = 1000;

/// How closely a log is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Lengths, end marks, checksums and headers: which records are whole. What a repository noted
    /// of a log when it read all of it will do.
    Frames,
    /// That every body decodes too, and nothing is taken from notes.
    Everything,
}

/// How many records lie between two marks.
const MARK_EVERY: u64 = 4096;

/// A place in a run from which reading can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The zxid of the record there.
    pub zxid: Zxid,
    /// Where it begins.
    pub offset: u64,
    /// The latest time of any record of the run before it.
    pub max_time_before: i64,
}

/// A stretch of a log in which each zxid is the number behind the one before, within an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first zxid.
    pub first: Zxid,
    /// The last zxid.
    pub last: Zxid,
    /// Where the first record begins.
    pub start_offset: u64,
    /// Where the last record ends.
    pub end_offset: u64,
    /// The first record's time.
    pub first_time: i64,
    /// The last record's time.
    pub last_time: i64,
    /// The latest time of any.
    pub max_time: i64,
    /// How many records.
    pub count: u64,
    /// Places within, in order; the first is the run's beginning.
    pub marks: Vec<Mark>,
}

impl Run {
    /// A run that was read before, by what was noted of it: its zxids, its place, its times (first,
    /// last, latest) and how many records.
    pub fn promised(
        ZxidRange { first, last }: ZxidRange,
        (start_offset, end_offset): (u64, u64),
        (first_time, last_time, max_time): (i64, i64, i64),
        count: u64,
    ) -> Run {
        let mark = Mark {
            zxid: first,
            offset: start_offset,
            max_time_before: i64::MIN,
        };
        Run {
            first,
            last,
            start_offset,
            end_offset,
            first_time,
            last_time,
            max_time,
            count,
            marks: vec![mark],
        }
    }

    /// The last mark at or before the record of `zxid`.
    pub fn mark_for(&self, zxid: Zxid) -> Option<&Mark> {
        let behind = self.marks.partition_point(|mark| mark.zxid <= zxid);
        self.marks.get(behind.saturating_sub(1))
    }

    /// The last mark before the first record whose time is later than `time`.
    pub fn mark_for_time(&self, time: i64) -> Option<&Mark> {
        let behind = self
            .marks
            .partition_point(|mark| mark.max_time_before <= time);
        self.marks.get(behind.saturating_sub(1))
    }
}

/// Something wrong with a log, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFault {
    /// In the file.
    pub offset: u64,
    /// The txn, where its record is whole; else the last one before it.
    pub txn: Option<TxnPlace>,
    /// What.
    pub fault: Fault,
    /// The next whole record behind it: its offset and zxid.
    pub next: Option<(u64, Zxid)>,
}

/// What one pass found.
#[derive(Clone, Debug)]
pub struct LogSummary {
    /// The runs, in file order.
    pub runs: Vec<Run>,
    /// How many records.
    pub count: u64,
    /// How many records carry a digest of the tree.
    pub digests: u64,
    /// The length of the largest payload.
    pub largest_record: usize,
    /// The zxid of the largest record.
    pub largest_zxid: Option<Zxid>,
    /// How the log ended; `None` when by damage with nothing behind.
    pub end: Option<LogEnd>,
    /// Where the last whole record ends.
    pub end_offset: u64,
    /// Everything wrong, in file order.
    pub faults: Vec<LogFault>,
    /// How many faults there are beyond those told.
    pub faults_untold: u64,
    /// Records whose time is before that of the record ahead of them, and the first of them.
    pub clock_steps: u64,
    /// The largest step back, in ms, and its zxid.
    pub largest_clock_step: Option<(i64, Zxid)>,
    /// Records whose zxid is not above that of the record ahead of them, and the first such zxid.
    /// Errors may use a zxid again.
    pub back_steps: Option<(u64, Zxid)>,
    /// The header's version and dbid, where they are not what servers write.
    pub odd_header: Option<(i32, i64)>,
    /// Records with bytes behind body and digest, or a digest of another version.
    pub odd_trailers: u64,
}

impl LogSummary {
    /// Nothing yet.
    fn empty() -> LogSummary {
        LogSummary {
            runs: Vec::new(),
            count: 0,
            digests: 0,
            largest_record: 0,
            largest_zxid: None,
            end: None,
            end_offset: HEADER_LEN as u64,
            faults: Vec::new(),
            faults_untold: 0,
            clock_steps: 0,
            largest_clock_step: None,
            back_steps: None,
            odd_header: None,
            odd_trailers: 0,
        }
    }

    /// A log that is one run.
    pub fn of_run(run: Run) -> LogSummary {
        LogSummary {
            count: run.count,
            end_offset: run.end_offset,
            runs: vec![run],
            ..LogSummary::empty()
        }
    }

    /// The first zxid in the log.
    pub fn first(&self) -> Option<Zxid> {
        self.runs.first().map(|run| run.first)
    }

    /// The last zxid in the log, in file order.
    pub fn last(&self) -> Option<Zxid> {
        self.runs.last().map(|run| run.last)
    }

    /// The times of the first and the last record, in ms.
    pub fn times(&self) -> Option<(i64, i64)> {
        let (first, last) = self.runs.first().zip(self.runs.last())?;
        Some((first.first_time, last.last_time))
    }

    fn take_in(&mut self, entry: &Entry<'_>, level: Level) {
        let header = &entry.header;
        self.count += 1;
        self.end_offset = entry.end_offset();
        if entry.payload.len() > self.largest_record {
            self.largest_record = entry.payload.len();
            self.largest_zxid = Some(header.zxid);
        }
        self.extend_runs(entry);
        if level == Level::Everything {
            self.judge_body(entry);
        }
    }

    fn extend_runs(&mut self, entry: &Entry<'_>) {
        let header = &entry.header;
        if let Some(run) = self.runs.last_mut() {
            let step = run.last_time.saturating_sub(header.time);
            if step > 0 {
                self.clock_steps += 1;
                if self
                    .largest_clock_step
                    .is_none_or(|(largest, _)| step > largest)
                {
                    self.largest_clock_step = Some((step, header.zxid));
                }
            }
            // 3.9 logs a request that it cannot decode as an error that uses the zxid before it
            // again (`PrepRequestProcessor`): legal, and without effect.
            let is_reused = header.zxid == run.last && header.kind() == Some(TxnKind::Error);
            let is_next =
                header.zxid.epoch() == run.last.epoch() && run.last.is_right_before(header.zxid);
            if run.end_offset == entry.offset && (is_next || is_reused) {
                if run.count.is_multiple_of(MARK_EVERY) && !is_reused {
                    let mark = Mark {
                        zxid: header.zxid,
                        offset: entry.offset,
                        max_time_before: run.max_time,
                    };
                    run.marks.push(mark);
                }
                run.last = header.zxid;
                run.end_offset = entry.end_offset();
                run.last_time = header.time;
                run.max_time = run.max_time.max(header.time);
                run.count += 1;
                return;
            }
        }
        if self.runs.last().is_some_and(|run| header.zxid <= run.last) {
            let (count, first) = self.back_steps.unwrap_or((0, header.zxid));
            self.back_steps = Some((count + 1, first));
        }
        self.runs.push(Run {
            first: header.zxid,
            last: header.zxid,
            start_offset: entry.offset,
            end_offset: entry.end_offset(),
            first_time: header.time,
            last_time: header.time,
            max_time: header.time,
            count: 1,
            marks: vec![Mark {
                zxid: header.zxid,
                offset: entry.offset,
                max_time_before: i64::MIN,
            }],
        });
    }

    fn judge_body(&mut self, entry: &Entry<'_>) {
        let fault = match entry.txn() {
            Err(error) => Some((error.offset, error.fault)),
            Ok(txn) => {
                self.digests += u64::from(txn.digest.is_some());
                if !txn.excess.is_empty()
                    || txn
                        .digest
                        .is_some_and(|digest| digest.version != DIGEST_VERSION)
                {
                    self.odd_trailers += 1;
                }
                matches!(txn.body, TxnBody::Unknown { .. })
                    .then(|| (entry.payload_offset(), txn::unknown_type(&txn.header)))
            }
        };
        if let Some((offset, fault)) = fault {
            self.tell(LogFault {
                offset,
                txn: Some(TxnPlace::Of(entry.header.zxid)),
                fault,
                next: None,
            });
        }
    }

    /// Whether damage hides what stood at its end, so that nothing tells how far it went.
    pub fn is_end_hidden(&self) -> bool {
        self.end.is_none()
    }

    fn tell(&mut self, fault: LogFault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else {
            self.faults_untold += 1;
        }
    }
}

/// Reads all of `log`. Damage is told in the summary, and what stands behind it is read too.
/// `advance` is told of each megabyte or so.
///
/// # Errors
/// Only when the file cannot be read.
pub fn scan<S: ReadAt + Clone>(
    mut log: LogReader<S>,
    level: Level,
    advance: &dyn Fn(u64),
) -> Result<LogSummary> {
    let mut told = 0;
    let (version, dbid) = log.header();
    let mut summary = LogSummary::empty();
    summary.odd_header = (version != VERSION || dbid != 0).then_some((version, dbid));
    loop {
        match log.next_entry() {
            Ok(Some(entry)) => {
                summary.take_in(&entry, level);
                if summary.end_offset - told > 1 << 20 {
                    advance(summary.end_offset - told);
                    told = summary.end_offset;
                }
            }
            Ok(None) => {
                summary.end = log.end();
                break;
            }
            Err(error) if error.kind() == ErrorKind::Damage => {
                let (offset, txn) = (error.offset().unwrap_or(0), error.txn());
                let fault = error.fault().cloned().unwrap_or(Fault::GarbageAfterPadding);
                let resumed = log.resync()?;
                let mut next = None;
                if resumed.is_some()
                    && let Some(entry) = log.next_entry()?
                {
                    next = Some((entry.offset, entry.header.zxid));
                    summary.take_in(&entry, level);
                }
                summary.tell(LogFault {
                    offset,
                    txn,
                    fault,
                    next,
                });
                if next.is_none() {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    advance(summary.end_offset - told);
    Ok(summary)
}

/// What is behind the header of a log that could not be opened for `error`: its whole records, if
/// it has any. A log that only lacks the first bytes of its header, or has others there, has all of
/// them.
///
/// # Errors
/// Only when the file cannot be read.
pub fn scan_headless<S: ReadAt + Clone>(
    path: &Path,
    open: impl FnOnce() -> Result<S>,
    error: &Error,
    level: Level,
    advance: &dyn Fn(u64),
) -> Result<Option<LogSummary>> {
    if !matches!(error.fault(), Some(Fault::BadMagic { .. })) {
        return Ok(None);
    }
    let summary = scan(LogReader::headless(path, open()?)?, level, advance)?;
    Ok((summary.count > 0).then_some(summary))
}
