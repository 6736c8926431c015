//! What was in the tree once, and is not at a point: found by a replay of the window up to it.

use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{Effect, Stat, Txn, TxnBody};
use crate::history::point::Point;
use crate::history::replay::{Base, ExactFrom, Observer, Rebuilt};
use crate::progress::Progress;
use crate::tree::DataTree;
use crate::zxid::{SessionId, Zxid, ZxidRange};
use std::collections::BTreeMap;

/// A znode that is not there any more, as it was when it was last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The txn that deleted it.
    pub zxid: Zxid,
    /// When, in ms.
    pub time: i64,
    /// Whose txn it was; the server's own for containers and TTL nodes.
    pub session: SessionId,
    /// Whether it went with its session, and was not deleted by name.
    pub is_by_close: bool,
    /// Its stat.
    pub stat: Stat,
    /// How many bytes of data it had; `None` for null.
    pub data_length: Option<usize>,
}

/// Deleted znodes, and from when on they are known.
#[derive(Debug)]
pub struct Lost {
    /// Deletes up to this are not known of.
    pub since: Zxid,
    /// By path.
    pub znodes: BTreeMap<Box<[u8]>, Deleted>,
}

/// Where a znode is that is not in the tree.
#[derive(Debug)]
pub struct SearchResult {
    /// It was there until this.
    pub deleted: Option<Deleted>,
    /// It is made later, by this txn at this time.
    pub created: Option<(Zxid, i64)>,
    /// From when to when was looked.
    pub searched: ZxidRange,
}

/// The znodes whose paths are `wanted` and that were deleted before the point of `rebuilt`, after
/// `from` or in all of the window, and are not there again.
///
/// # Errors
/// [`ErrorKind::BadArgument`] for a `from` that is later; [`ErrorKind::NotReachable`] for one
/// before the window; failures to read.
pub fn lost(
    rebuilt: &Rebuilt<'_>,
    from: Option<Point>,
    wanted: &dyn Fn(&[u8]) -> bool,
    progress: &dyn Progress,
) -> Result<Lost> {
    let to = rebuilt.target.zxid;
    let from = match from {
        None => None,
        Some(from) => Some(rebuilt.history.resolve(from, false)?.zxid),
    };
    if let Some(from) = from.filter(|from| *from > to) {
        let message = format!("the range begins at {from}, which is later than its end, {to}");
        return Err(Error::new(ErrorKind::BadArgument, message));
    }
    let seen = watch(rebuilt, from, to, progress, |since| Deletes {
        since,
        wanted,
        found: BTreeMap::new(),
    })?;
    let Some(seen) = seen else {
        return match from.filter(|from| *from < to) {
            None => Ok(Lost {
                since: to,
                znodes: BTreeMap::new(),
            }),
            Some(from) => {
                let message = format!(
                    "cannot determine what was deleted since {from}: no window contains both it and {to}"
                );
                Err(Error::about(
                    rebuilt.history.source.shown(),
                    ErrorKind::NotReachable,
                    message,
                )
                .hint("'zoovault verify' shows the windows"))
            }
        };
    };
    let mut znodes = seen.found;
    znodes.retain(|path, _| rebuilt.replayed.tree.get(path).is_none());
    Ok(Lost {
        since: seen.since,
        znodes,
    })
}

/// Where the znode at `path` is, which is not in the tree of `rebuilt`: deleted before, or created
/// later.
///
/// # Errors
/// Failures to read. What is damaged ends the search, and is no error.
pub fn whereabouts(
    rebuilt: &Rebuilt<'_>,
    path: &[u8],
    progress: &dyn Progress,
) -> Result<Option<SearchResult>> {
    let target = rebuilt.target.zxid;
    let segments = &rebuilt.history.timeline.segments;
    let segment = segments.iter().find(|segment| segment.continues(target));
    let last = segment.map_or(target, |segment| segment.last().max(target));
    let make = |since| Search {
        path,
        target,
        since,
        deleted: None,
        created: None,
    };
    // What lies behind the point may be damaged; what lies before it was replayed already.
    let (seen, last) = match watch(rebuilt, None, last, progress, make)? {
        None if last > target => (watch(rebuilt, None, target, progress, make)?, target),
        seen => (seen, last),
    };
    Ok(seen.map(|seen| SearchResult {
        deleted: seen.deleted,
        created: seen.created,
        searched: ZxidRange::new(seen.since, last),
    }))
}

/// Replays the longest way there is to `to`, from `from` at the latest, and shows it to what `make`
/// makes for where it is exact from. `None` where there is no such way.
fn watch<O: Observer>(
    rebuilt: &Rebuilt<'_>,
    from: Option<Zxid>,
    to: Zxid,
    progress: &dyn Progress,
    make: impl Fn(Zxid) -> O,
) -> Result<Option<O>> {
    let history = &rebuilt.history;
    let exact_from = |base: &Base| match base.exact_from {
        ExactFrom::Known(zxid) | ExactFrom::Bounded(zxid) => Some(zxid.max(base.zxid)),
        // The tree at the point was proven on it, whenever it was finished.
        ExactFrom::Open if *base == rebuilt.replayed.base => Some(rebuilt.target.zxid),
        ExactFrom::Open => None,
    };
    let mut bases: Vec<(Zxid, &Base)> = history
        .bases()?
        .iter()
        .filter_map(|base| exact_from(base).map(|since| (since, base)))
        .filter(|(since, base)| {
            let segments = &history.timeline.segments;
            let mut after = segments.iter().filter(|it| it.continues(base.zxid));
            *since < to && *since <= from.unwrap_or(to) && after.any(|it| it.contains(to))
        })
        .collect();
    bases.sort_by_key(|(since, _)| *since);
    if from.is_some() {
        // The shortest way will do.
        bases.reverse();
    }
    for (since, base) in bases {
        let since = from.map_or(since, |from| from.max(since));
        let mut observer = make(since);
        match history.replay_observed(base, to, &mut observer, progress) {
            Err(error) if error.kind() == ErrorKind::Damage => {}
            Err(error) => return Err(error),
            // On a wrong tree, wrong znodes are deleted.
            Ok(replayed) if replayed.digests.open_mismatch.is_some() => {}
            Ok(_) => return Ok(Some(observer)),
        }
    }
    Ok(None)
}

/// Calls `found` with every znode of `tree` that `txn` deletes, as it is before.
fn each_deleted(tree: &DataTree, txn: &Txn<'_>, found: &mut dyn FnMut(&[u8], Deleted)) {
    let header = &txn.header;
    let mut tell = |path: &[u8], is_by_close| {
        // What a multi makes and deletes was never there for anybody to see.
        if let Some(node) = tree.get(path) {
            let deleted = Deleted {
                zxid: header.zxid,
                time: header.time,
                session: header.client_id,
                is_by_close,
                stat: *node.stat,
                data_length: node.data.map(<[u8]>::len),
            };
            found(path, deleted);
        }
    };
    for effect in txn.body.effects() {
        match effect {
            Effect::Deletes { path, is_by_close } => tell(path, is_by_close),
            Effect::ClosesSession { .. } => {
                for node in tree.ephemerals_of(header.client_id) {
                    tell(node.path, true);
                }
            }
            Effect::OpensSession { .. }
            | Effect::Creates(_)
            | Effect::SetsData { .. }
            | Effect::SetsAcl { .. } => {}
        }
    }
}

/// The paths of the znodes that `txn` creates.
fn created<'a>(txn: &Txn<'a>) -> impl Iterator<Item = &'a [u8]> {
    txn.body.effects().filter_map(|effect| match effect {
        Effect::Creates(create) => Some(create.path),
        Effect::OpensSession { .. }
        | Effect::ClosesSession { .. }
        | Effect::SetsData { .. }
        | Effect::SetsAcl { .. }
        | Effect::Deletes { .. } => None,
    })
}

/// Collects what is deleted after `since`.
struct Deletes<'a> {
    since: Zxid,
    wanted: &'a dyn Fn(&[u8]) -> bool,
    found: BTreeMap<Box<[u8]>, Deleted>,
}

impl Observer for Deletes<'_> {
    fn before(&mut self, _: &DataTree, _: Zxid) -> Result<()> {
        Ok(())
    }

    fn before_txn(&mut self, tree: &DataTree, txn: &Txn<'_>) {
        if txn.header.zxid <= self.since {
            return;
        }
        // What is made again need not be kept: names of locks and leaders come and go without end.
        if !self.found.is_empty() {
            for path in created(txn) {
                self.found.remove(path);
            }
        }
        each_deleted(tree, txn, &mut |path, deleted| {
            if (self.wanted)(path) {
                self.found.insert(path.into(), deleted);
            }
        });
    }

    fn after_part(&mut self, _: &DataTree, _: SessionId, _: &TxnBody<'_>) {}
}

/// Looks for the last delete of one path before `target`, and the first create behind it.
struct Search<'a> {
    path: &'a [u8],
    target: Zxid,
    since: Zxid,
    deleted: Option<Deleted>,
    created: Option<(Zxid, i64)>,
}

impl Observer for Search<'_> {
    fn before(&mut self, _: &DataTree, _: Zxid) -> Result<()> {
        Ok(())
    }

    fn before_txn(&mut self, tree: &DataTree, txn: &Txn<'_>) {
        let header = &txn.header;
        if header.zxid <= self.since || self.created.is_some() {
            return;
        }
        if header.zxid <= self.target {
            each_deleted(tree, txn, &mut |path, deleted| {
                if path == self.path {
                    self.deleted = Some(deleted);
                }
            });
        } else if created(txn).any(|path| path == self.path) {
            self.created = Some((header.zxid, header.time));
        }
    }

    fn after_part(&mut self, _: &DataTree, _: SessionId, _: &TxnBody<'_>) {}
}
