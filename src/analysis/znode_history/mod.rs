//! What was done to a znode, or to those of a subtree, and by whom: every txn that touched it, with
//! its value before and after.
//!
//! Nothing is replayed. The base's znodes of the scope are had by reading the base once; the logs
//! are searched for txns whose paths are in the scope, by their bytes, on all cores; the state of
//! the scope follows from those txns alone (`fold.rs` says why, and what is known while a fuzzy
//! snapshot may be ahead). A closeSession of 3.4 and 3.5 does not list what it deleted: the owners
//! of the scope's ephemerals tell.
//!
//! It rests on the checksum of every record of the logs, on the seals of the base, and on zxids
//! without a gap from the base on. Digests are not compared: `verify` does. Over a gap history says
//! so and knows nothing of what was before, until a snapshot or a txn tells again. Attempts that
//! failed are not there: servers log them without a path.

mod fold;
mod initial_state;
mod scan;
mod scope;
mod suggest;
mod znode;

pub use scope::Scope;
pub use suggest::near;
pub use znode::{Known, State, Znode};

use crate::error::{Error, ErrorKind, Result, TxnPlace};
use crate::format::jute::Reader;
use crate::format::record::txn::unknown_type;
use crate::format::record::{Txn, TxnBody, TxnHeader, TxnKind};
use crate::format::txnlog::{Level, LogEnd};
use crate::history::History;
use crate::history::point::Point;
use crate::history::replay::{Base, ExactFrom};
use crate::history::source::Source;
use crate::history::timeline::{Gap, Segment};
use crate::progress::Progress;
use crate::tree::glob::PathGlob;
use crate::zxid::{SessionId, Zxid, ZxidRange};
use fold::Fold;
use initial_state::{Beginning, floor};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The znodes.
    pub path: PathGlob,
    /// Whether those below them are meant too.
    pub recursive: bool,
    /// Whether creations and deletions of children are told of their parents, whose `cversion` and
    /// `pzxid` they change.
    pub children: bool,
    /// Only what was done after this point.
    pub from: Option<Point>,
    /// Only what was done up to this point.
    pub to: Option<Point>,
}

/// Why a znode was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody asked for it.
    Request,
    /// A server did: a container without children, or a TTL node whose time was up.
    Expired,
    /// The session that owned it ended.
    SessionClosed {
        /// Whether the txn lists it; those of 3.4 and 3.5 do not.
        listed: bool,
    },
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The znode was created.
    Created {
        /// The txn that had deleted the one before it, where that is known.
        again: Option<Zxid>,
    },
    /// Its data was set.
    DataSet,
    /// Its ACL was set.
    AclSet,
    /// It was deleted.
    Deleted(Cause),
    /// A child was created.
    ChildCreated {
        /// Its path.
        child: Box<[u8]>,
    },
    /// A child was deleted.
    ChildDeleted {
        /// Its path.
        child: Box<[u8]>,
        /// Why.
        cause: Cause,
    },
}

/// A txn, or a part of one, that touched a znode.
#[derive(Clone, Debug)]
pub struct Event {
    /// The txn.
    pub zxid: Zxid,
    /// Its time, by the leader's clock, in ms.
    pub time: i64,
    /// Whose it was; 0 is a server's own.
    pub session: SessionId,
    /// The client's request counter.
    pub cxid: i32,
    /// The kind of the txn.
    pub txn_kind: TxnKind,
    /// Which part of a multi it is, from 0 on, and how many there are.
    pub part: Option<(usize, usize)>,
    /// The kind of the part, or of the txn where it has no parts.
    pub op: TxnKind,
    /// The znode; empty for the root.
    pub path: Box<[u8]>,
    /// What was done.
    pub change: Change,
    /// What was there before.
    pub before: State,
    /// What was there afterwards.
    pub after: State,
}

/// Where history begins, or goes on behind a gap.
#[derive(Clone, Debug)]
pub struct Start {
    /// The base; `None` where txns are the first that is known.
    pub base: Option<String>,
    /// History is known behind this txn.
    pub after: Zxid,
    /// Up to where the base may be ahead of that.
    pub fuzzy_to: Zxid,
    /// How many znodes of the scope the base has.
    pub znodes: u64,
    /// The znode as the base has it, where one path was asked for.
    pub znode: Option<Znode>,
}

/// A line of history.
#[derive(Clone, Debug)]
pub enum Item {
    /// History begins, or goes on.
    Start(Start),
    /// Txns are missing.
    Gap(Gap),
    /// Something was done.
    Event(Box<Event>),
}

/// What there is to say at the end.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many events there were.
    pub events: u64,
    /// Whether anything in the scope ever existed, for all that is there.
    pub existed: bool,
    /// How many gaps history goes over.
    pub gaps: u64,
    /// Damage of logs and snapshots: what it hides may be of the scope.
    pub damage: Vec<Error>,
    /// What else makes it less than certain.
    pub warnings: Vec<String>,
    /// What is known of each path in the end.
    pub end: Vec<(Box<[u8]>, State)>,
    /// The first of the deletions with which the scope came to its end, and the last, if that is
    /// how it ended.
    pub last_deletions: Option<ZxidRange>,
    /// The last txn that was gone through.
    pub last: Option<Zxid>,
}

/// Goes through history, oldest first.
///
/// # Errors
/// [`ErrorKind::NotReachable`] when a point is not there; [`ErrorKind::SourceChanged`]; failures to
/// read; those of `sink`. Damage is in the summary.
pub fn history(
    source: &Source,
    options: &Options,
    progress: &dyn Progress,
    sink: &mut dyn FnMut(Item) -> Result<()>,
) -> Result<Summary> {
    let history = History::read_with_snapshots(source, Level::Everything, progress)?;
    let mut summary = Summary::default();
    let point = |point: Option<Point>| -> Result<Option<Zxid>> {
        let Some(point) = point else { return Ok(None) };
        Ok(Some(history.resolve(point, false)?.zxid))
    };
    let from = point(options.from)?.unwrap_or(Zxid::from_i64(-1));
    let to = point(options.to)?.unwrap_or(Zxid::MAX);
    let mut telling = Telling {
        history: &history,
        bases: history.bases()?,
        scope: Scope::new(&options.path, options.recursive),
        wants_children: options.children,
        range: (from, to),
        progress,
        summary: &mut summary,
        sink,
    };
    telling.run()?;
    doubts(&history, (from, to), &mut summary)?;
    Ok(summary)
}

/// One telling of history.
struct Telling<'a> {
    history: &'a History<'a>,
    bases: &'a [Base],
    scope: Scope,
    wants_children: bool,
    /// Told is what was done behind the first and up to the second.
    range: (Zxid, Zxid),
    progress: &'a dyn Progress,
    summary: &'a mut Summary,
    sink: &'a mut dyn FnMut(Item) -> Result<()>,
}

impl<'a> Telling<'a> {
    fn run(&mut self) -> Result<()> {
        let (from, to) = self.range;
        let mut last: Option<&Segment> = None;
        let timeline = &self.history.timeline;
        for segment in &timeline.segments {
            // What ends before the range is of no use: behind a gap nothing of it is known.
            if segment.last() <= from && timeline.last() != Some(segment.last()) {
                continue;
            }
            if segment.first() > to {
                break;
            }
            if let Some(last) = last {
                self.gap(timeline.gap(last, segment))?;
            }
            self.segment(segment)?;
            last = Some(segment);
        }
        self.last_base(last)
    }

    fn gap(&mut self, gap: Gap) -> Result<()> {
        self.summary.gaps += 1;
        (self.sink)(Item::Gap(gap))
    }

    /// A snapshot behind all logs: the only thing there is, or what tells how it ended behind a
    /// gap.
    fn last_base(&mut self, last: Option<&Segment>) -> Result<()> {
        let to = self.range.1;
        let is_behind = |base: &&Base| {
            base.zxid <= to
                && last.is_none_or(|last| base.zxid > last.last() && !last.continues(base.zxid))
        };
        // An epoch's artificial zxid has no txn: nothing is missing before it.
        let is_real = |base: &&Base| last.is_none() || base.zxid.counter() > 0;
        let mut bases = self.bases.iter().rev().filter(is_behind);
        let Some(base) = bases.find(is_real) else {
            return Ok(());
        };
        let scope = self.scope.clone();
        let mut fold = Fold::new(&scope, self.wants_children);
        let Some(beginning) = self.read_base(base)? else {
            return Ok(());
        };
        let start = self.start(base, &beginning);
        if let Some(last) = last {
            let (end, time) = (last.last(), last.last_time());
            self.gap(Gap::between((end, time), (base.zxid.next(), time)))?;
        }
        self.summary.last = Some(base.zxid);
        (self.sink)(Item::Start(start))?;
        fold.begin(beginning);
        fold.pass(Zxid::MAX);
        self.take_end(&fold);
        Ok(())
    }

    fn segment(&mut self, segment: &Segment) -> Result<()> {
        let (from, to) = self.range;
        let mut beginning = None;
        for base in self.bases_of(segment) {
            beginning = self.read_base(base)?.map(|beginning| (base, beginning));
            if beginning.is_some() {
                break;
            }
        }
        let scope = self.scope.clone();
        let mut fold = Fold::new(&scope, self.wants_children);
        let first = segment.first();
        let mut begin_at = first;
        if let Some((base, beginning)) = beginning {
            let floor = beginning.floor;
            if floor < first || floor <= from {
                let start = self.start(base, &beginning);
                (self.sink)(Item::Start(start))?;
            } else {
                // Txns before the first base are told too, though nothing is known of what they
                // found.
                self.start_without_base(first)?;
                self.search(segment, ZxidRange::new(first, floor.min(to)), &mut fold)?;
            }
            begin_at = begin_at.max(floor.next());
            self.summary.existed |= !beginning.znodes.is_empty();
            fold.begin(beginning);
        } else {
            self.start_without_base(first)?;
        }
        let last = segment.last().min(to);
        self.search(segment, ZxidRange::new(begin_at, last), &mut fold)?;
        fold.pass(last);
        self.summary.last = Some(last);
        for zxid in &fold.uncertain_closes {
            self.summary.warnings.push(format!("the closeSession {zxid} does not list what it deleted, and the snapshot was written while it was applied: an ephemeral of its session may be missing here"));
        }
        self.take_end(&fold);
        Ok(())
    }

    fn start_without_base(&mut self, first: Zxid) -> Result<()> {
        let after = first.prev();
        (self.sink)(Item::Start(Start {
            base: None,
            after,
            fuzzy_to: after,
            znodes: 0,
            znode: None,
        }))
    }

    /// The bases of `segment` to begin on, best first: the last one that is exact where history is
    /// asked for, else the first there is.
    fn bases_of(&self, segment: &Segment) -> Vec<&'a Base> {
        let from = self.range.0;
        let joined = self
            .bases
            .iter()
            .filter(|base| segment.continues(base.zxid) && base.zxid <= self.range.1);
        let is_early = |base: &&Base| match base.exact_from {
            ExactFrom::Known(zxid) | ExactFrom::Bounded(zxid) => zxid.max(base.zxid) <= from,
            ExactFrom::Open => false,
        };
        let (early, late): (Vec<&Base>, Vec<&Base>) = joined.partition(is_early);
        early.into_iter().rev().chain(late).collect()
    }

    /// `None` when it is damaged, which is then told at the end.
    fn read_base(&mut self, base: &Base) -> Result<Option<Beginning>> {
        match Beginning::read(self.history, base, &self.scope, self.progress) {
            Ok(beginning) => {
                self.summary.existed |= !beginning.znodes.is_empty();
                Ok(Some(beginning))
            }
            Err(error) if error.kind() == ErrorKind::Damage => {
                self.summary.damage.push(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn start(&self, base: &Base, beginning: &Beginning) -> Start {
        let literal = self.scope.literal();
        Start {
            base: Some(base.name(self.history.source)),
            after: floor(base),
            fuzzy_to: match base.exact_from {
                ExactFrom::Known(zxid) | ExactFrom::Bounded(zxid) => zxid.max(floor(base)),
                ExactFrom::Open => Zxid::MAX,
            },
            znodes: beginning.znodes.len() as u64,
            znode: literal.and_then(|path| beginning.znodes.get(path).cloned()),
        }
    }

    fn search(&mut self, segment: &Segment, range: ZxidRange, fold: &mut Fold<'_>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let scope = self.scope.clone();
        let (from, source) = (self.range.0, self.history.source);
        let (summary, sink) = (&mut *self.summary, &mut *self.sink);
        let mut tell = |event: Event| {
            summary.existed = true;
            note_deletions(summary, &scope, &event);
            if event.zxid <= from {
                return Ok(());
            }
            summary.events += 1;
            sink(Item::Event(Box::new(event)))
        };
        let mut take = |piece: &crate::history::timeline::Piece, payload: &[u8], offset: u64| {
            let damage = |fault, zxid: Option<Zxid>| -> Result<()> {
                Err(Error::damage(piece.log(source)?.shown(), fault).at_txn(zxid.map(TxnPlace::Of)))
            };
            let txn = match Txn::decode(payload, offset) {
                Ok(txn) => txn,
                Err(fault) => {
                    let header = TxnHeader::decode(&mut Reader::new(payload, offset)).ok();
                    return damage(fault, header.map(|header| header.zxid));
                }
            };
            let zxid = Some(txn.header.zxid);
            if matches!(txn.body, TxnBody::Unknown { .. }) {
                return damage(unknown_type(&txn.header).at(offset), zxid);
            }
            match fold.apply(&txn, &mut tell)? {
                Ok(()) => Ok(()),
                Err(fault) => damage(fault, zxid),
            }
        };
        scan::scan(
            source,
            segment,
            range,
            &self.scope,
            self.progress,
            &mut take,
        )
    }

    fn take_end(&mut self, fold: &Fold<'_>) {
        let mut end: Vec<(Box<[u8]>, State)> = fold
            .paths()
            .map(|path| (path.into(), fold.state(path)))
            .collect();
        end.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.summary.end = end;
    }
}

/// Keeps the run of deletions with which the one path's history ends, as far as it goes.
fn note_deletions(summary: &mut Summary, scope: &Scope, event: &Event) {
    summary.last_deletions = match (&event.change, summary.last_deletions) {
        (Change::ChildCreated { .. } | Change::ChildDeleted { .. }, run) => run,
        (Change::Deleted(_), Some(run)) => {
            // What ended in an earlier deletion of the whole is another story.
            let was_whole = scope.literal().is_some()
                && matches!(&event.before, State::Present(znode) if znode.known.life && znode.stat.czxid > run.last);
            let first = if was_whole { event.zxid } else { run.first };
            Some(ZxidRange::new(first, event.zxid))
        }
        (Change::Deleted(_), None) => Some(event.zxid.into()),
        _ => None,
    };
}

/// Damage, torn ends, and logs that contradict each other, within the range.
fn doubts(history: &History<'_>, (from, to): (Zxid, Zxid), summary: &mut Summary) -> Result<()> {
    let (source, timeline) = (history.source, &history.timeline);
    for log in &timeline.logs {
        let Some(file) = source.logs().get(log.log) else {
            continue;
        };
        match &log.summary {
            Err(error) => {
                if file.zxid() <= to {
                    summary.damage.push(error.clone());
                }
            }
            Ok(read) => {
                for fault in &read.faults {
                    let is_later = fault.txn.is_some_and(|txn| txn.first() > to);
                    let is_earlier = fault.next.is_some_and(|(_, zxid)| zxid <= from);
                    if !is_later && !is_earlier {
                        let error = fault.fault.clone().at(fault.offset);
                        let error = Error::damage(file.shown(), error).at_txn(fault.txn);
                        summary.damage.push(error);
                    }
                }
                if let Some(LogEnd::Torn { offset }) = read.end
                    && read.last() == timeline.last()
                    && read.last().is_none_or(|last| last < to)
                {
                    let name = file.name();
                    summary.warnings.push(match file.is_cut() {
                        false => format!(
                            "{name} ends in the middle of a write (offset {offset}): that txn is left out"
                        ),
                        true => format!(
                            "{name} breaks off (offset {offset}) where its archive is damaged: what followed is missing"
                        ),
                    });
                }
            }
        }
    }
    for fork in history.compare_overlaps(Some(ZxidRange::new(from.next(), to)))? {
        let name = |index: usize| source.logs().get(index).map(|log| log.name());
        let message = format!(
            "says something else about {} than {}: which is right cannot be told",
            fork.zxid,
            name(fork.log).unwrap_or_default()
        );
        let path = source.logs().get(fork.other).map(|log| log.shown());
        let error = Error::about(path.unwrap_or(source.shown()), ErrorKind::Damage, message);
        summary.damage.push(error.at_offset(fork.offset));
    }
    Ok(())
}
