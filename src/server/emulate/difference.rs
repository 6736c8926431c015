//! What a server would serve against the truth.

use super::java::{InputArchive, SliceInput};
use super::limits::Limits;
use super::tree::{ServerNode, ServerTree};
use crate::format::record::Stat;
use crate::tree::{AclValue, DataTree, NodeView, QUOTA_ROOT, STATS_NODE};
use crate::zxid::SessionId;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

/// How many paths of a kind are told.
const TOLD_MAX: usize = 50;
/// What every server writes anew from its configuration.
const CONFIG_NODE: &[u8] = b"/zookeeper/config";

/// Paths of one kind: how many, and the first of them by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// How many there are.
    pub count: u64,
    /// The first, no more than 50.
    pub first: Vec<Vec<u8>>,
}

/// A znode that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its path.
    pub path: Vec<u8>,
    /// The fields that differ, by ZooKeeper's names; `listed` where its parent does not list it.
    pub fields: Vec<&'static str>,
}

/// How a server's tree differs from the true one at the same zxid. Quota counts and
/// `/zookeeper/config` are derived, and left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Znodes that the server lacks.
    pub missing: Paths,
    /// Znodes that there should not be.
    pub surplus: Paths,
    /// How many znodes differ, and the first 50 of them by path.
    pub changed: (u64, Vec<Changed>),
    /// How many sessions are missing, too many, or have another timeout.
    pub sessions: u64,
}

impl Difference {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Difference::default()
    }

    /// Between what `server` holds and `truth`.
    pub fn between(server: &ServerTree, truth: &DataTree) -> Difference {
        let mut difference = Difference::default();
        let mut missing = Vec::new();
        for node in truth.nodes().filter(|node| node.path != CONFIG_NODE) {
            let path = as_java_has_it(node.path);
            match server.get(&path) {
                None => missing.push(path.into_owned()),
                Some(served) => {
                    let fields = fields(server, served, &path, &node);
                    if !fields.is_empty() {
                        difference.changed.0 += 1;
                        let path = path.into_owned();
                        difference.changed.1.push(Changed { path, fields });
                    }
                }
            }
        }
        let surplus = server
            .nodes()
            .map(|(path, _)| path)
            .filter(|path| *path != CONFIG_NODE && !has(truth, path));
        difference.surplus = told(surplus.map(<[u8]>::to_vec).collect());
        difference.missing = told(missing);
        difference.changed.1.sort_by(|a, b| a.path.cmp(&b.path));
        difference.changed.1.truncate(TOLD_MAX);
        let served: BTreeMap<_, _> = server.sessions().collect();
        let known: BTreeMap<_, _> = truth.sessions().collect();
        let lost = known
            .iter()
            .filter(|(id, timeout)| served.get(id) != Some(timeout));
        let surplus = served.keys().filter(|id| !known.contains_key(id));
        difference.sessions = (lost.count() + surplus.count()) as u64;
        difference
    }
}

/// What a tree hashes to, as far as [`Difference`] looks at it: two that are alike have the same,
/// and two that differ do not, but once in 2^64 times. So both need not be in memory at once.
#[derive(Debug, PartialEq, Eq)]
pub struct Fingerprint {
    znodes: u64,
    sum: u64,
    sessions: BTreeMap<SessionId, i32>,
}

/// Makes fingerprints that can be compared with one another.
#[derive(Debug, Default)]
pub struct Fingerprints(RandomState);

impl Fingerprints {
    /// Of what a server holds.
    pub fn of_server(&self, server: &ServerTree) -> Fingerprint {
        let znodes = server.nodes().filter(|(path, _)| *path != CONFIG_NODE);
        let hashes = znodes.map(|(path, node)| {
            let acl = server.acl(node);
            let fields = (server.is_listed(path), acl, node.data.as_deref());
            self.hash(path, fields, &node.stat)
        });
        Fingerprint::sum(hashes, server.sessions().collect())
    }

    /// Of a true tree; `None` where what an ACL was is not known.
    pub fn of_truth(&self, truth: &DataTree) -> Option<Fingerprint> {
        let mut is_known = true;
        let znodes = truth.nodes().filter(|node| node.path != CONFIG_NODE);
        let hashes = znodes.map(|node| {
            let acl = match node.acl {
                AclValue::List(list) => Some(list.bytes()),
                AclValue::Unresolved(_) => None,
            };
            is_known &= acl.is_some();
            self.hash(
                &as_java_has_it(node.path),
                (true, acl, node.data),
                node.stat,
            )
        });
        let print = Fingerprint::sum(hashes, truth.sessions().collect());
        is_known.then_some(print)
    }

    fn hash(
        &self,
        path: &[u8],
        (is_listed, acl, data): (bool, Option<&[u8]>, Option<&[u8]>),
        stat: &Stat,
    ) -> u64 {
        let data = data.filter(|_| !is_quota_count(path));
        self.0.hash_one((path, is_listed, acl, data, stat))
    }
}

impl Fingerprint {
    fn sum(hashes: impl Iterator<Item = u64>, sessions: BTreeMap<SessionId, i32>) -> Fingerprint {
        let (znodes, sum) = hashes.fold((0, 0_u64), |(znodes, sum), hash| {
            (znodes + 1, sum.wrapping_add(hash))
        });
        Fingerprint {
            znodes,
            sum,
            sessions,
        }
    }
}

fn is_quota_count(path: &[u8]) -> bool {
    path.starts_with(QUOTA_ROOT) && path.ends_with(STATS_NODE)
}

fn has(truth: &DataTree, path: &[u8]) -> bool {
    // What Java cannot hold is another path to it, and is looked for among all.
    truth.get(path).is_some()
        || (path.windows(3).any(|bytes| bytes == "\u{fffd}".as_bytes())
            && truth.nodes().any(|node| as_java_has_it(node.path) == path))
}

fn told(mut paths: Vec<Vec<u8>>) -> Paths {
    let count = paths.len() as u64;
    paths.sort_unstable();
    paths.truncate(TOLD_MAX);
    Paths {
        count,
        first: paths,
    }
}

/// A path as a server has it in memory.
fn as_java_has_it(path: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(path).is_ok() {
        return path.into();
    }
    let mut framed = Vec::new();
    crate::format::jute::Put::put_buffer(&mut framed, Some(path));
    let read = SliceInput::new(&framed, Limits::None).string();
    read.ok().flatten().unwrap_or_default().into_vec().into()
}

fn fields(
    server: &ServerTree,
    served: &ServerNode,
    path: &[u8],
    node: &NodeView<'_>,
) -> Vec<&'static str> {
    let (a, b) = (&served.stat, node.stat);
    let acl = match node.acl {
        AclValue::List(list) => server.acl(served) == Some(list.bytes()),
        AclValue::Unresolved(_) => true,
    };
    [
        (
            "data",
            is_quota_count(path) || served.data.as_deref() == node.data,
        ),
        ("acl", acl),
        ("czxid", a.czxid == b.czxid),
        ("mzxid", a.mzxid == b.mzxid),
        ("pzxid", a.pzxid == b.pzxid),
        ("ctime", a.ctime == b.ctime),
        ("mtime", a.mtime == b.mtime),
        ("version", a.version == b.version),
        ("cversion", a.cversion == b.cversion),
        ("aversion", a.aversion == b.aversion),
        ("ephemeralOwner", a.ephemeral_owner == b.ephemeral_owner),
        ("listed", server.is_listed(path)),
    ]
    .into_iter()
    .filter_map(|(name, is_same)| (!is_same).then_some(name))
    .collect()
}
