//! The txns of a source, one after another: those within a range that a filter wants, with what is
//! known of each.
//!
//! One reading, in memory bounded by the records that are looked at (and by what sessions there
//! are). A source need not be sound, nor a point restorable: what is behind damage or a gap is
//! given too, and both are told where they are, as [`Remark`]s. Only the logs are read, and where
//! servers did not log what a closeSession deleted, a snapshot ([`sessions`]).

mod filter;
mod follow;
mod merge;
mod positions;
pub mod range;
pub mod sessions;

pub use filter::{Filter, is_failed};
pub use follow::Follower;
pub use positions::{Found, find};
pub use range::Range;

use crate::error::{Error, Result};
use crate::format::record::TxnHeader;
use crate::format::txnlog::Entry;
use crate::history::source::Source;
use crate::history::timeline::Gap;
use crate::progress::Progress;
use crate::zxid::Zxid;
use merge::Merge;
use range::Place;
use sessions::{Closed, Sessions};
use std::ops::ControlFlow;

/// How many bytes are read between two reports of progress.
const PROGRESS_LEN: u64 = 4 << 20;

/// A txn that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    /// The name of its log.
    pub file: &'a str,
    /// Its log's index among the source's logs.
    pub log: usize,
    /// Its record.
    pub entry: Entry<'a>,
    /// What is known of the session that it closes.
    pub closed: Option<&'a Closed>,
}

/// Something about the logs that has to be told beside the txns.
#[derive(Debug)]
pub enum Remark {
    /// Bytes are damaged; `next` is the offset and the zxid of the record behind, where reading
    /// went on.
    Damage {
        /// What, in which log, where.
        error: Error,
        /// Where reading went on.
        next: Option<(u64, Zxid)>,
    },
    /// The newest log ends within its header: a server made it and wrote no txn to it.
    Unwritten {
        /// Which.
        error: Error,
    },
    /// Txns are missing.
    Gap(Gap),
    /// Two logs hold different txns of one zxid.
    Fork {
        /// The zxid.
        zxid: Zxid,
        /// The logs' names.
        logs: [String; 2],
    },
    /// The log goes back to a lower zxid.
    StepBack {
        /// The log's name.
        file: String,
        /// The highest zxid before.
        after: Zxid,
        /// The one that follows.
        zxid: Zxid,
    },
    /// A log that is followed was cut: what was behind `last` is taken back.
    Truncated {
        /// The log's name.
        file: String,
        /// The last txn that is left, if any.
        last: Option<Zxid>,
    },
}

/// What is given out.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A txn that is wanted.
    Txn(Selected<'a>),
    /// Something to be told.
    Remark(Remark),
}

/// Takes what is given out; breaks when it has seen enough.
pub type See<'a> = dyn FnMut(Seen<'_>) -> ControlFlow<()> + 'a;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which zxids or times.
    pub range: Range,
    /// Which txns.
    pub filter: Filter,
    /// Whether it is to be found out what is known of sessions that are closed.
    pub with_sessions: bool,
}

/// Judges txn after txn, in order.
#[derive(Debug)]
pub(crate) struct Selector {
    query: Query,
    sessions: Sessions,
    /// The highest zxid so far, and its time.
    last: Option<(Zxid, i64)>,
    has_begun: bool,
}

impl Selector {
    fn new(query: &Query) -> Selector {
        Selector {
            query: query.clone(),
            sessions: Sessions::default(),
            last: None,
            has_begun: false,
        }
    }

    /// Takes the next txn. `remarks` are told before it, unless they are about what nobody asked
    /// for.
    fn take(
        &mut self,
        source: &Source,
        (log, file): (usize, &str),
        entry: &Entry<'_>,
        mut remarks: Vec<Remark>,
        see: &mut See<'_>,
    ) -> ControlFlow<()> {
        let header = &entry.header;
        let place = self.query.range.judge(header);
        let gap = self.gap_before(header, file);
        if self.query.with_sessions && (self.last.is_none() || matches!(gap, Some(Remark::Gap(_))))
        {
            let after = self.last.map(|(zxid, _)| zxid);
            self.sessions.restart(source, entry, after);
        }
        remarks.extend(gap);
        let last = self.last.map(|(zxid, _)| zxid);
        if last.is_none_or(|last| header.zxid >= last) {
            self.last = Some((header.zxid, header.time));
        }
        let closed = match self.query.with_sessions {
            true => self.sessions.see(entry),
            false => None,
        };
        match place {
            Place::Before => return ControlFlow::Continue(()),
            Place::Behind => {
                // What is missing or damaged up to the end that was asked for is told; what is
                // behind is not.
                if self.has_begun && self.query.range.reaches_beyond(last) {
                    tell(remarks, see)?;
                }
                return ControlFlow::Break(());
            }
            Place::Within => {}
        }
        self.has_begun = true;
        tell(remarks, see)?;
        if self.query.filter.wants(entry, closed.as_ref()) {
            see(Seen::Txn(Selected {
                file,
                log,
                entry: *entry,
                closed: closed.as_ref(),
            }))?;
        }
        ControlFlow::Continue(())
    }

    fn gap_before(&self, header: &TxnHeader, file: &str) -> Option<Remark> {
        let (last, last_time) = self.last?;
        let (zxid, time) = (header.zxid, header.time);
        if zxid == last || last.is_followed_by(zxid) {
            return None;
        }
        Some(if zxid < last {
            Remark::StepBack {
                file: file.to_owned(),
                after: last,
                zxid,
            }
        } else {
            Remark::Gap(Gap::between((last, last_time), (zxid, time)))
        })
    }

    /// Tells what was found behind the last txn.
    fn finish(&self, remarks: Vec<Remark>, see: &mut See<'_>) -> ControlFlow<()> {
        let last = self.last.map(|(zxid, _)| zxid);
        if self.has_begun || last.is_none() || self.query.range.reaches_beyond(last) {
            tell(remarks, see)?;
        }
        ControlFlow::Continue(())
    }
}

fn tell(remarks: Vec<Remark>, see: &mut See<'_>) -> ControlFlow<()> {
    for remark in remarks {
        see(Seen::Remark(remark))?;
    }
    ControlFlow::Continue(())
}

/// Where the txn that was read last stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    log: usize,
    offset: u64,
    end_offset: u64,
}

/// Gives `see` the txns of `source` that are asked for, in the order of their zxids, and whatever
/// is to be told of the logs.
///
/// # Errors
/// Failures to read. Damage is a [`Remark`].
pub fn visit(
    source: &Source,
    query: &Query,
    progress: &dyn Progress,
    see: &mut See<'_>,
) -> Result<()> {
    let mut selector = Selector::new(query);
    visit_with(source, &mut selector, progress, see).map(|_| ())
}

/// As [`visit`], with a selector that outlives it, and the place that was reached.
fn visit_with(
    source: &Source,
    selector: &mut Selector,
    progress: &dyn Progress,
    see: &mut See<'_>,
) -> Result<Option<Reached>> {
    let mut merge = Merge::open(source)?;
    let total = source.logs().iter().map(|log| log.size()).sum();
    progress.start("reading logs", Some(total));
    let names: Vec<String> = source.logs().iter().map(|log| log.name()).collect();
    let mut reached: Option<Reached> = None;
    let mut untold = 0;
    while merge.advance()? {
        let remarks = merge.take_remarks();
        let Some((log, entry)) = merge.current() else {
            break;
        };
        untold += entry.end_offset() - entry.offset;
        if untold > PROGRESS_LEN {
            progress.advance(std::mem::take(&mut untold));
        }
        let file = names.get(log).map(String::as_str).unwrap_or_default();
        // Of logs that overlap, the one that goes on is the one that is named later.
        if reached.is_none_or(|reached| log >= reached.log) {
            reached = Some(Reached {
                log,
                offset: entry.offset,
                end_offset: entry.end_offset(),
            });
        }
        if selector
            .take(source, (log, file), &entry, remarks, see)
            .is_break()
        {
            return Ok(reached);
        }
    }
    // Whoever breaks here has nothing more to see.
    let _ = selector.finish(merge.take_remarks(), see);
    Ok(reached)
}
