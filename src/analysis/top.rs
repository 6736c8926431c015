//! Who writes: txns by what they touch, who sent them, or what they do, by count and bytes, and
//! over time.
//!
//! Counted are changes: each part of a multi for its own path, each path that a closeSession lists,
//! and every other txn as one. A multi that failed is one error. Bytes are those of the record in
//! the log; of a multi or a closeSession, those of the part.

use crate::error::Result;
use crate::format::record::effects::Step;
use crate::format::record::{Effect, TxnBody, TxnKind};
use crate::format::txnlog::Entry;
use crate::history::query::{Filter, Query, Remark, Seen, visit};
use crate::history::source::Source;
use crate::progress::Progress;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

/// How many keys are told apart.
const KEYS_MAX: usize = 100_000;
/// How many stretches of time are told apart; where there are more, they are made longer.
const BUCKETS_MAX: usize = 4096;
/// How long a stretch of time is at first.
const BUCKET_MS: i64 = 1000;
/// What it grows to, each a multiple of the one before; then it doubles.
const STEPS_MS: [i64; 6] = [1000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000];

/// What changes are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The first so many names of the path.
    Path {
        /// How many.
        depth: usize,
    },
    /// The session.
    Session,
    /// The type, of multis that of their parts.
    Op,
}

/// How much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Changes.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

/// Of what a row is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A path, or what paths begin with.
    Path(Vec<u8>),
    /// Changes without a path: sessions opened, sessions closed that list none, errors.
    NoPath,
    /// A session's id.
    Session(i64),
    /// A type.
    Op(&'static str),
    /// What came after there were too many.
    Others,
}

/// What was counted.
#[derive(Debug)]
pub struct Report {
    /// By key, the most first.
    pub rows: Vec<(Key, Tally)>,
    /// All of it.
    pub total: Tally,
    /// How many txns that is.
    pub txns: u64,
    /// The first and the last time.
    pub times: Option<(i64, i64)>,
    /// By time: when a stretch begins, and what is in it; without those that are empty.
    pub buckets: Vec<(i64, Tally)>,
    /// How long a stretch is, in ms.
    pub bucket_ms: i64,
    /// Whether there were more keys than are told apart.
    pub is_capped: bool,
}

/// Counts.
struct Counter {
    by: By,
    paths: HashMap<Vec<u8>, Tally>,
    sessions: HashMap<i64, Tally>,
    ops: HashMap<&'static str, Tally>,
    no_path: Tally,
    others: Tally,
    total: Tally,
    txns: u64,
    times: Option<(i64, i64)>,
    buckets: Buckets,
}

/// Tallies by time, no more than so many.
struct Buckets {
    width: i64,
    tallies: BTreeMap<i64, Tally>,
    /// The one that was added to last, beside the map: most txns are of one time.
    current: Option<(i64, Tally)>,
}

/// Counts the changes of `source` that `query` asks for. `every_ms` is how long a stretch of time
/// is; without it, whatever gives no more than `buckets` of them. `see` is given what there is to
/// be told of the logs.
///
/// # Errors
/// Failures to read.
pub fn top(
    source: &Source,
    query: &Query,
    by: By,
    every_ms: Option<i64>,
    buckets: usize,
    progress: &dyn Progress,
    see: &mut dyn FnMut(Remark),
) -> Result<Report> {
    let mut counter = Counter::new(by, every_ms);
    let filter = query.filter.clone();
    let mut take = |seen: Seen<'_>| {
        match seen {
            Seen::Remark(remark) => see(remark),
            Seen::Txn(txn) => counter.take(&txn.entry, &filter),
        }
        ControlFlow::Continue(())
    };
    visit(source, query, progress, &mut take)?;
    Ok(counter.finish(every_ms, buckets))
}

/// The first `depth` names of `path`.
fn prefix(path: &[u8], depth: usize) -> &[u8] {
    let mut slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let end = slashes.nth(depth).map_or(path.len(), |(at, _)| at);
    match path.get(..end) {
        None | Some(b"") => b"/",
        Some(prefix) => prefix,
    }
}

/// The paths that a session that ends takes with it, where the txn lists them.
fn closed_paths<'a>(body: &TxnBody<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    body.own_effects().filter_map(|effect| match effect {
        Effect::Deletes {
            path,
            is_by_close: true,
        } => Some(path),
        Effect::Deletes { .. }
        | Effect::OpensSession { .. }
        | Effect::ClosesSession { .. }
        | Effect::Creates(_)
        | Effect::SetsData { .. }
        | Effect::SetsAcl { .. } => None,
    })
}

impl Counter {
    fn new(by: By, every_ms: Option<i64>) -> Counter {
        Counter {
            by,
            paths: HashMap::new(),
            sessions: HashMap::new(),
            ops: HashMap::new(),
            no_path: Tally::default(),
            others: Tally::default(),
            total: Tally::default(),
            txns: 0,
            times: None,
            buckets: Buckets {
                width: every_ms.unwrap_or(BUCKET_MS).max(1),
                tallies: BTreeMap::new(),
                current: None,
            },
        }
    }

    fn take(&mut self, entry: &Entry<'_>, filter: &Filter) {
        self.txns += 1;
        let time = entry.header.time;
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
        let bytes = entry.end_offset() - entry.offset;
        match entry.txn() {
            Ok(txn) if txn.body.is_failed() => {
                self.count(entry, Some(TxnKind::Error), None, bytes);
            }
            Ok(txn) => {
                for step in txn.steps() {
                    self.take_step(entry, &step, bytes, filter);
                }
            }
            Err(_) => self.count(entry, entry.header.kind(), None, bytes),
        }
    }

    /// Takes a part of a multi, or a txn that takes `bytes` of the log.
    fn take_step(&mut self, entry: &Entry<'_>, step: &Step<'_>, bytes: u64, filter: &Filter) {
        let body = step.body.as_ref().ok();
        let mut has_listed = false;
        for path in body.into_iter().flat_map(closed_paths) {
            has_listed = true;
            if filter.wants_path(path) {
                self.count(entry, step.kind, Some(path), path.len() as u64);
            }
        }
        let path = body.and_then(TxnBody::path);
        // Of a multi that is wanted, not every part is.
        let is_wanted =
            |path: Option<&[u8]>| path.map_or(!filter.has_paths(), |path| filter.wants_path(path));
        match step.part {
            _ if has_listed => {}
            None => self.count(entry, step.kind, path, bytes),
            Some(part) if is_wanted(path) => self.count(entry, step.kind, path, part.size_bytes),
            Some(_) => {}
        }
    }

    fn count(&mut self, entry: &Entry<'_>, kind: Option<TxnKind>, path: Option<&[u8]>, bytes: u64) {
        let one = Tally { count: 1, bytes };
        self.total.add(one);
        self.buckets.add(entry.header.time, one);
        match (self.by, path) {
            (By::Op, _) => {
                let name = kind.map_or("unknown", TxnKind::name);
                self.ops.entry(name).or_default().add(one);
            }
            (By::Session, _) => {
                let session = entry.header.client_id.0;
                let has_room = self.sessions.len() < KEYS_MAX;
                match self.sessions.get_mut(&session) {
                    Some(tally) => tally.add(one),
                    None if has_room => self.sessions.entry(session).or_default().add(one),
                    None => self.others.add(one),
                }
            }
            (By::Path { .. }, None) => self.no_path.add(one),
            (By::Path { depth }, Some(path)) => {
                let path = prefix(path, depth);
                let has_room = self.paths.len() < KEYS_MAX;
                match self.paths.get_mut(path) {
                    Some(tally) => tally.add(one),
                    None if has_room => self.paths.entry(path.into()).or_default().add(one),
                    None => self.others.add(one),
                }
            }
        }
    }

    fn finish(mut self, every_ms: Option<i64>, buckets: usize) -> Report {
        let paths = self.paths.into_iter().map(|(k, t)| (Key::Path(k), t));
        let sessions = self.sessions.into_iter().map(|(k, t)| (Key::Session(k), t));
        let ops = self.ops.into_iter().map(|(k, t)| (Key::Op(k), t));
        let rest = [(Key::NoPath, self.no_path), (Key::Others, self.others)];
        let mut rows: Vec<(Key, Tally)> = paths
            .chain(sessions)
            .chain(ops)
            .chain(rest)
            .filter(|(_, tally)| tally.count > 0)
            .collect();
        rows.sort_by(|(a, x), (b, y)| (y.count, y.bytes, a).cmp(&(x.count, x.bytes, b)));
        self.buckets.settle();
        if every_ms.is_none() {
            self.buckets.coarsen_to(buckets);
        }
        Report {
            rows,
            total: self.total,
            txns: self.txns,
            times: self.times,
            bucket_ms: self.buckets.width,
            buckets: self.buckets.tallies.into_iter().collect(),
            is_capped: self.others.count > 0,
        }
    }
}

impl Buckets {
    fn add(&mut self, time: i64, one: Tally) {
        let start = time.div_euclid(self.width).saturating_mul(self.width);
        match &mut self.current {
            Some((at, tally)) if *at == start => tally.add(one),
            _ => {
                self.settle();
                self.current = Some((start, one));
            }
        }
    }

    fn settle(&mut self) {
        if let Some((start, tally)) = self.current.take() {
            self.tallies.entry(start).or_default().add(tally);
            while self.tallies.len() > BUCKETS_MAX {
                let next = STEPS_MS.into_iter().find(|step| *step > self.width);
                let next = next.filter(|step| step % self.width == 0);
                self.widen(next.unwrap_or(self.width.saturating_mul(2)));
            }
        }
    }

    /// Makes stretches so long that no more than `count` cover all: a length that people use.
    fn coarsen_to(&mut self, count: usize) {
        const SECOND: i64 = 1000;
        const MINUTE: i64 = 60 * SECOND;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        let lengths = [1, 2, 5, 10, 15, 30]
            .map(|n| n * SECOND)
            .into_iter()
            .chain([1, 2, 5, 10, 15, 30].map(|n| n * MINUTE))
            .chain([1, 2, 3, 6, 12].map(|n| n * HOUR))
            .chain((0..20).map(|n| DAY << n));
        let first = self.tallies.keys().next().copied().unwrap_or(0);
        let last = self.tallies.keys().next_back().copied().unwrap_or(0);
        for length in lengths.filter(|length| length % self.width == 0) {
            let needed = last
                .div_euclid(length)
                .saturating_sub(first.div_euclid(length));
            if usize::try_from(needed).is_ok_and(|needed| needed < count) {
                return self.widen(length);
            }
        }
    }

    fn widen(&mut self, width: i64) {
        self.width = width;
        for (start, tally) in std::mem::take(&mut self.tallies) {
            let start = start.div_euclid(width).saturating_mul(width);
            self.tallies.entry(start).or_default().add(tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_whole_names() {
        assert_eq!(prefix(b"/a/b/c", 2), b"/a/b");
        assert_eq!(prefix(b"/a/b", 2), b"/a/b");
        assert_eq!(prefix(b"/a", 2), b"/a");
        assert_eq!(prefix(b"/", 2), b"/");
        assert_eq!(prefix(b"/a/b", 0), b"/");
    }

    #[test]
    fn stretches_of_time_grow_until_they_are_few() {
        let mut buckets = Buckets {
            width: 1,
            tallies: BTreeMap::new(),
            current: None,
        };
        for time in 0..100_000 {
            buckets.add(time, Tally { count: 1, bytes: 2 });
        }
        buckets.settle();
        assert!(buckets.tallies.len() <= BUCKETS_MAX);
        buckets.coarsen_to(20);
        assert_eq!(buckets.width, 5000);
        let sum: u64 = buckets.tallies.values().map(|tally| tally.count).sum();
        assert_eq!((buckets.tallies.len(), sum), (20, 100_000));
    }
}
