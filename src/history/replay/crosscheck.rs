//! The tree that was replayed against each later snapshot of the chain, znode by znode.
//!
//! A snapshot named N was written while txns N+1 to E were applied, one znode after the other, each
//! whole under its lock. So each znode in it stands as it was at *some* moment from N to E, and a
//! znode that was there at N and is not in the file was gone at some moment. When the replay stands
//! at N, the file is read and compared; what differs is kept, and struck out as soon as one of the
//! txns up to E brings the tree's znode to the very state in the file. What is left at E no txn
//! explains: the logs and the snapshot are not of one history. This is the only proof that the data
//! of 3.4 and 3.5 can have, and it covers what digests do not: ACLs, null data.
//!
//! Allowed for: a txn that was being applied and not yet counted (E+1); the parts of a multi, one
//! by one; on releases without digests also txn N itself, whose parts may not all have been
//! applied, and the last session. An ACL id that the file's map lacks says nothing. Quota counts
//! and `/zookeeper/config` are derived.

use super::Observer;
use super::base::{Base, BaseFile, ExactFrom};
use crate::error::{ErrorKind, Result};
use crate::format::record::acl::OPEN_ACL_UNSAFE;
use crate::format::record::{Effect, Stat, TxnBody};
use crate::format::snapshot::{NodeRecord, OPEN_ACL_ID};
use crate::history::source::{Source, SourceFile};
use crate::tree::{AclValue, DataTree, NodeView, QUOTA_ROOT, STATS_NODE, parent_path};
use crate::zxid::{SessionId, Zxid};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// How many znodes of one snapshot are told.
const TOLD_MAX: usize = 3;

/// A znode as a snapshot has it.
#[derive(Debug)]
struct Recorded {
    data: Option<Box<[u8]>>,
    stat: Stat,
    /// `None` where the map lacks the id.
    acl: Option<Box<[u8]>>,
    /// Whether it differs from the tree in nothing that digests cover.
    is_beyond_digests: bool,
}

/// What a snapshot has of a path.
#[derive(Debug)]
enum Expected {
    Node(Recorded),
    Gone,
}

/// One snapshot that is being compared.
#[derive(Debug)]
struct Check {
    snapshot: usize,
    /// The last txn that may show in the file.
    until: Zxid,
    /// Whether the file itself says so.
    is_known: bool,
    open: HashMap<Box<[u8]>, Expected>,
    /// Sessions in the file that are not known, or the other way round.
    sessions: HashSet<SessionId>,
}

/// Where a snapshot and a replay say different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The snapshot.
    pub snapshot: PathBuf,
    /// Its index among the source's.
    pub index: usize,
    /// The zxid in its name.
    pub zxid: Zxid,
    /// On what they do not agree, and how many znodes those are.
    pub about: Disagreement,
    /// Whether it is, in part, on what no digest covers: ACLs, null data, what is below
    /// `/zookeeper`.
    pub is_beyond_digests: bool,
}

/// On what a snapshot and a replay do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// So many znodes, and the first of their paths, escaped.
    Nodes(usize, String),
    /// Whether this session is open.
    Session(SessionId),
}

/// How the snapshots of a chain compared.
#[derive(Debug, Default)]
pub struct Crossed {
    /// The zxids of those that were compared to the end.
    pub judged: Vec<Zxid>,
    /// How many znodes were compared.
    pub nodes: u64,
    /// What no txn explains.
    pub contradictions: Vec<Contradiction>,
}

/// Compares the snapshots behind a base as a replay comes by.
pub struct Crosscheck<'a> {
    source: &'a Source,
    /// Snapshots to come, the next one last: from before which txn on, until which, whether that is
    /// known, and the snapshot's index.
    ahead: Vec<(Zxid, Zxid, bool, usize)>,
    running: Vec<Check>,
    crossed: Crossed,
}

impl<'a> Crosscheck<'a> {
    /// Compares those of `bases` that are later than `first`, and not later than `to`.
    pub fn new(source: &'a Source, bases: &[Base], first: &Base, to: Zxid) -> Crosscheck<'a> {
        let mut ahead: Vec<(Zxid, Zxid, bool, usize)> = bases
            .iter()
            .filter(|base| base.zxid > first.zxid && base.zxid <= to)
            .filter_map(|base| {
                let BaseFile::Snapshot(index) = base.file else {
                    return None;
                };
                let until = match base.exact_from {
                    ExactFrom::Known(zxid) | ExactFrom::Bounded(zxid) => zxid.next(),
                    ExactFrom::Open => Zxid::MAX,
                };
                let from = if base.reapplies_its_own {
                    base.zxid
                } else {
                    base.zxid.next()
                };
                let is_known = matches!(base.exact_from, ExactFrom::Known(_));
                Some((from, until, is_known, index))
            })
            .collect();
        ahead.sort_by(|a, b| b.cmp(a));
        Crosscheck {
            source,
            ahead,
            running: Vec::new(),
            crossed: Crossed::default(),
        }
    }

    /// Ends every comparison: the replay came to its end with `tree`.
    ///
    /// # Errors
    /// Failures to read.
    pub fn finish(mut self, tree: &DataTree) -> Result<Crossed> {
        self.begin(tree, tree.last_zxid().next())?;
        // A snapshot that may have been finished behind the last txn read is not to be judged: what
        // is in it may be of txns that are missing, or on a live directory of those to come.
        let (last, is_live) = (tree.last_zxid(), self.source.is_live());
        let is_over = |check: &Check| check.until.prev() <= last && (check.is_known || !is_live);
        for check in std::mem::take(&mut self.running)
            .into_iter()
            .filter(is_over)
        {
            self.end(check);
        }
        Ok(self.crossed)
    }

    /// Begins with the snapshots that stand before the txn `next`.
    fn begin(&mut self, tree: &DataTree, next: Zxid) -> Result<()> {
        while let Some((_, until, is_known, snapshot)) =
            self.ahead.pop_if(|(from, ..)| *from <= next)
        {
            let Some(file) = self.source.snapshots().get(snapshot) else {
                continue;
            };
            match self.compare(tree, file, snapshot) {
                Ok(check) => self.running.push(Check {
                    until,
                    is_known,
                    ..check
                }),
                // A damaged snapshot is told where the files are judged.
                Err(error) if error.kind() == ErrorKind::Damage => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads a snapshot beside the tree, and keeps what differs.
    fn compare(&mut self, tree: &DataTree, file: &SourceFile, snapshot: usize) -> Result<Check> {
        let mut reader = self.source.open_snapshot(file)?;
        let sessions: HashSet<SessionId> = reader
            .sessions
            .iter()
            .map(|(session, _)| *session)
            .collect();
        let known: HashSet<SessionId> = tree.sessions().map(|(session, _)| session).collect();
        let mut check = Check {
            snapshot,
            until: Zxid::MAX,
            is_known: false,
            open: HashMap::new(),
            sessions: sessions.symmetric_difference(&known).copied().collect(),
        };
        let acls: HashMap<i64, Box<[u8]>> = reader.acls.drain(..).collect();
        let mut in_tree = 0;
        while let Some(node) = reader.next_node()? {
            self.crossed.nodes += 1;
            let view = tree.get(node.path);
            in_tree += usize::from(view.is_some());
            let acl = match node.acl_id {
                OPEN_ACL_ID => Some(OPEN_ACL_UNSAFE.bytes()),
                id => acls.get(&id).map(|list| &**list),
            };
            if !is_derived(node.path)
                && !view.is_some_and(|view| is_same(&view, node.data, &node.stat, acl))
            {
                check
                    .open
                    .insert(node.path.into(), Expected::Node(recorded(&node, acl, view)));
            }
        }
        reader.finish()?;
        if in_tree < tree.len() {
            check.add_gone(tree, self.source, file)?;
        }
        Ok(check)
    }

    fn end(&mut self, check: Check) {
        let Some(file) = self.source.snapshots().get(check.snapshot) else {
            return;
        };
        self.crossed.judged.push(file.zxid());
        let mut paths: Vec<&[u8]> = check.open.keys().map(|path| &**path).collect();
        paths.sort_unstable();
        let told = paths
            .iter()
            .take(TOLD_MAX)
            .map(|path| format!("\"{}\"", path.escape_ascii()));
        let told = told.collect::<Vec<_>>().join(", ");
        let nodes = (!paths.is_empty()).then_some(Disagreement::Nodes(paths.len(), told));
        let is_beyond = |expected: &Expected| matches!(expected, Expected::Node(recorded) if recorded.is_beyond_digests);
        let is_beyond_digests = check.open.values().any(is_beyond);
        let sessions = check
            .sessions
            .iter()
            .map(|session| Disagreement::Session(*session));
        for about in nodes.into_iter().chain(sessions) {
            let snapshot = file.shown().to_owned();
            self.crossed.contradictions.push(Contradiction {
                snapshot,
                index: check.snapshot,
                zxid: file.zxid(),
                about,
                is_beyond_digests,
            });
        }
    }
}

impl Observer for Crosscheck<'_> {
    fn before(&mut self, tree: &DataTree, next: Zxid) -> Result<()> {
        let over: Vec<Check> = self
            .running
            .extract_if(.., |check| check.until < next)
            .collect();
        for check in over {
            self.end(check);
        }
        self.begin(tree, next)
    }

    fn after_part(&mut self, tree: &DataTree, session: SessionId, part: &TxnBody<'_>) {
        for check in &mut self.running {
            check.strike_out(tree, session, part);
        }
    }
}

impl Check {
    /// Keeps the tree's znodes that the file lacks.
    fn add_gone(&mut self, tree: &DataTree, source: &Source, file: &SourceFile) -> Result<()> {
        let mut missing: HashSet<&[u8]> = tree.nodes().map(|node| node.path).collect();
        let mut reader = source.open_snapshot(file)?;
        while let Some(node) = reader.next_node()? {
            missing.remove(node.path);
        }
        let gone = missing.into_iter().filter(|path| !is_derived(path));
        self.open
            .extend(gone.map(|path| (path.into(), Expected::Gone)));
        Ok(())
    }

    /// Strikes out what `part` of a txn has explained.
    fn strike_out(&mut self, tree: &DataTree, session: SessionId, part: &TxnBody<'_>) {
        for effect in part.own_effects() {
            match effect {
                Effect::OpensSession { .. } => {
                    self.sessions.remove(&session);
                }
                Effect::ClosesSession { .. } => {
                    self.sessions.remove(&session);
                    // It may have deleted anything.
                    self.open
                        .retain(|path, expected| !is_reached(tree, path, expected));
                }
                Effect::Creates(create) => self.strike_out_around(tree, create.path),
                Effect::SetsData { path, .. } | Effect::SetsAcl { path, .. } => {
                    self.strike_out_path(tree, path);
                }
                Effect::Deletes { path, .. } => self.strike_out_around(tree, path),
            }
        }
    }

    fn strike_out_around(&mut self, tree: &DataTree, path: &[u8]) {
        self.strike_out_path(tree, path);
        if let Some(parent) = parent_path(path) {
            self.strike_out_path(tree, parent);
        }
    }

    fn strike_out_path(&mut self, tree: &DataTree, path: &[u8]) {
        let path = if path == b"/" { b"" } else { path };
        if self
            .open
            .get(path)
            .is_some_and(|expected| is_reached(tree, path, expected))
        {
            self.open.remove(path);
        }
    }
}

fn recorded(node: &NodeRecord<'_>, acl: Option<&[u8]>, view: Option<NodeView<'_>>) -> Recorded {
    let is_covered_same = view.is_some_and(|view| {
        view.stat == &node.stat && view.data.unwrap_or_default() == node.data.unwrap_or_default()
    });
    Recorded {
        is_beyond_digests: is_covered_same || node.path.starts_with(b"/zookeeper/"),
        data: node.data.map(Into::into),
        stat: node.stat,
        acl: acl.map(Into::into),
    }
}

/// Whether the tree has `path` as the file does.
fn is_reached(tree: &DataTree, path: &[u8], expected: &Expected) -> bool {
    match (expected, tree.get(path)) {
        (Expected::Gone, view) => view.is_none(),
        (Expected::Node(_), None) => false,
        (Expected::Node(recorded), Some(view)) => is_same(
            &view,
            recorded.data.as_deref(),
            &recorded.stat,
            recorded.acl.as_deref(),
        ),
    }
}

/// Whether a znode of the tree is as recorded. An ACL that either side does not know says nothing.
fn is_same(view: &NodeView<'_>, data: Option<&[u8]>, stat: &Stat, acl: Option<&[u8]>) -> bool {
    let has_acl = match (view.acl, acl) {
        (AclValue::List(list), Some(acl)) => list.bytes() == acl,
        (AclValue::Unresolved(_), _) | (_, None) => true,
    };
    has_acl && view.data == data && view.stat == stat
}

/// Whether servers change a znode without a txn.
fn is_derived(path: &[u8]) -> bool {
    path == b"/zookeeper/config" || (path.starts_with(QUOTA_ROOT) && path.ends_with(STATS_NODE))
}
