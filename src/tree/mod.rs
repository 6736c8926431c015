//! The data tree: znodes, sessions, and the digest over them (`DataTree`, `DataNode`).
//!
//! Znodes lie in one vector and refer to each other by index; a table finds them by path.
//! [`DataTree::apply`] does what a txn says. The tree knows records, not files.

mod acls;
mod apply;
pub mod diff;
pub mod glob;
mod owner;
mod quota;
pub mod select;
mod walk;
pub mod zkcli;

pub use acls::{AclRef, AclValue};
pub use owner::{CONTAINER_OWNER, Owner, ttl_owner};
pub use quota::{LIMITS_NODE, QUOTA_ROOT, STATS_NODE};
pub use walk::{depth, is_at_or_below};

use crate::error::Fault;
use crate::format::record::acl::{OPEN_ACL_UNSAFE, READ_ACL_UNSAFE};
use crate::format::record::digest::{Charset, digest_with_prefix, prefix_crc};
use crate::format::record::{AclVector, Stat};
use crate::zxid::{SessionId, Zxid};
use acls::AclTable;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;

/// The index of a znode in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

/// No znode.
const NONE: NodeId = NodeId(u32::MAX);
/// The parent of a place in the vector that no znode has.
const FREE: NodeId = NodeId(u32::MAX - 1);

/// One znode. Siblings are a doubly linked list, in no order.
#[derive(Clone, Debug)]
struct Node {
    path: Box<[u8]>,
    data: Option<Box<[u8]>>,
    stat: Stat,
    acl: AclRef,
    parent: NodeId,
    first_child: NodeId,
    next: NodeId,
    previous: NodeId,
    children: u32,
    prefix_crc: u32,
    digest: u32,
}

/// A znode as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct NodeView<'a> {
    /// The path; empty for the root.
    pub path: &'a [u8],
    /// The data; null and empty differ.
    pub data: Option<&'a [u8]>,
    /// Everything else that is persisted.
    pub stat: &'a Stat,
    /// The access control list.
    pub acl: AclValue<'a>,
    /// How many children it has.
    pub children: u32,
}

/// A whole tree at one point of history.
#[derive(Clone, Debug)]
pub struct DataTree {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    table: HashTable<NodeId>,
    hasher: DefaultHashBuilder,
    acls: AclTable,
    sessions: BTreeMap<SessionId, i32>,
    ephemerals: HashMap<i64, HashSet<NodeId>>,
    charset: Option<Charset>,
    digest: u64,
    last_zxid: Zxid,
    last_loaded: NodeId,
}

impl DataTree {
    /// A tree without even a root: what a snapshot is loaded into.
    pub fn empty() -> DataTree {
        DataTree {
            nodes: Vec::new(),
            free: Vec::new(),
            table: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            acls: AclTable::default(),
            sessions: BTreeMap::new(),
            ephemerals: HashMap::new(),
            charset: None,
            digest: 0,
            last_zxid: Zxid::ZERO,
            last_loaded: NONE,
        }
    }

    /// The tree of a server that never had a client. Servers of 3.5 and later have
    /// `/zookeeper/config` in it.
    pub fn fresh(with_config: bool) -> DataTree {
        let mut tree = DataTree::empty();
        let open = tree.acls.add(OPEN_ACL_UNSAFE);
        for path in [&b""[..], b"/zookeeper", b"/zookeeper/quota"] {
            tree.load_node(path, Some(b""), open, Stat::default())
                .expect("parents come first");
        }
        if with_config {
            let read = tree.acls.add(READ_ACL_UNSAFE);
            let stat = Stat {
                aversion: -1,
                ..Stat::default()
            };
            tree.load_node(b"/zookeeper/config", Some(b""), read, stat)
                .expect("parents come first");
        }
        tree
    }

    /// Adds a session of a snapshot.
    pub fn load_session(&mut self, session: SessionId, timeout_ms: i32) {
        self.sessions.insert(session, timeout_ms);
    }

    /// Adds a list of a snapshot's ACL map, for znodes to refer to.
    pub fn load_acl(&mut self, list: AclVector<'_>) -> AclRef {
        self.acls.add(list)
    }

    /// Adds an ACL id that a snapshot's map lacks.
    pub fn load_unresolved_acl(&mut self, id: i64) -> AclRef {
        self.acls.add_unresolved(id)
    }

    /// Adds a znode of a snapshot: the root first, parents before children.
    ///
    /// # Errors
    /// When the parent is not there, or the path is.
    pub fn load_node(
        &mut self,
        path: &[u8],
        data: Option<&[u8]>,
        acl: AclRef,
        stat: Stat,
    ) -> Result<(), Fault> {
        let path = root_as_empty(path);
        let parent = match parent_path(path) {
            None => NONE,
            Some(parent) => self
                .find_near(self.last_loaded, parent)
                .ok_or_else(|| Fault::MissingParent { path: path.into() })?,
        };
        let hash = self.hasher.hash_one(path);
        if self.find_hashed(hash, path).is_some() {
            return Err(Fault::DuplicatePath { path: path.into() });
        }
        self.last_loaded = self.insert(parent, hash, path, data, acl, stat);
        Ok(())
    }

    /// The last zxid applied, or that of the snapshot.
    pub fn last_zxid(&self) -> Zxid {
        self.last_zxid
    }

    /// Says which zxid the tree is of.
    pub fn set_last_zxid(&mut self, zxid: Zxid) {
        self.last_zxid = zxid;
    }

    /// How many znodes there are, the root included.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is not even a root.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Sessions and their timeouts in ms, by id.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = (SessionId, i32)> {
        self.sessions
            .iter()
            .map(|(session, timeout)| (*session, *timeout))
    }

    /// The znode at `path`. The root's path is empty, or `/`.
    pub fn get(&self, path: &[u8]) -> Option<NodeView<'_>> {
        self.find(path).map(|id| self.view(self.node(id)))
    }

    /// The lists that znodes have, each once.
    pub fn acls_in_use(&self) -> impl Iterator<Item = AclValue<'_>> {
        let live = self.nodes.iter().filter(|node| node.parent != FREE);
        let used: HashSet<AclRef> = live.map(|node| node.acl).collect();
        used.into_iter().map(|acl| self.acls.value(acl))
    }

    /// All znodes in no order, which is faster than [`DataTree::in_order`].
    pub fn nodes(&self) -> impl Iterator<Item = NodeView<'_>> {
        let live = self.nodes.iter().filter(|node| node.parent != FREE);
        live.map(|node| self.view(node))
    }

    /// Keeps the digest of the tree from now on, paths seen in `charset`.
    pub fn keep_digest(&mut self, charset: Charset) {
        self.charset = Some(charset);
        self.digest = 0;
        for node in self.nodes.iter_mut().filter(|node| node.parent != FREE) {
            node.prefix_crc = prefix_crc(&node.path, node.data.as_deref(), charset);
            node.digest = digest_with_prefix(&node.path, node.prefix_crc, &node.stat);
            self.digest = self.digest.wrapping_add(node.digest.into());
        }
    }

    /// The digest of the tree, if it is kept.
    pub fn digest(&self) -> Option<i64> {
        self.charset.map(|_| self.digest.cast_signed())
    }

    /// Whether any path is not ASCII, so that digests depend on the charset.
    pub fn has_foreign_paths(&self) -> bool {
        self.nodes.iter().any(|node| !node.path.is_ascii())
    }

    fn view<'a>(&'a self, node: &'a Node) -> NodeView<'a> {
        NodeView {
            path: &node.path,
            data: node.data.as_deref(),
            stat: &node.stat,
            acl: self.acls.value(node.acl),
            children: node.children,
        }
    }

    fn node(&self, id: NodeId) -> &Node {
        node_of(&self.nodes, id)
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes
            .get_mut(id.0 as usize)
            .expect("ids come from this tree")
    }

    fn find(&self, path: &[u8]) -> Option<NodeId> {
        let path = root_as_empty(path);
        self.find_hashed(self.hasher.hash_one(path), path)
    }

    fn find_hashed(&self, hash: u64, path: &[u8]) -> Option<NodeId> {
        self.table
            .find(hash, |id| *self.node(*id).path == *path)
            .copied()
    }

    /// As [`DataTree::find`], but looks at the znode `near` and its parent first: snapshots stand
    /// depth first.
    fn find_near(&self, near: NodeId, path: &[u8]) -> Option<NodeId> {
        let is_at = |id: NodeId| id != NONE && *self.node(id).path == *path;
        if near == NONE {
            return self.find(path);
        }
        let parent = self.node(near).parent;
        if is_at(parent) {
            Some(parent)
        } else if is_at(near) {
            Some(near)
        } else {
            self.find(path)
        }
    }

    fn children_of(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let first = self.node(id).first_child;
        std::iter::successors((first != NONE).then_some(first), move |id| {
            let next = self.node(*id).next;
            (next != NONE).then_some(next)
        })
    }

    fn insert(
        &mut self,
        parent: NodeId,
        hash: u64,
        path: &[u8],
        data: Option<&[u8]>,
        acl: AclRef,
        stat: Stat,
    ) -> NodeId {
        let first = if parent == NONE {
            NONE
        } else {
            self.node(parent).first_child
        };
        let node = Node {
            path: path.into(),
            data: data.map(Into::into),
            stat,
            acl,
            parent,
            first_child: NONE,
            next: first,
            previous: NONE,
            children: 0,
            prefix_crc: self
                .charset
                .map_or(0, |charset| prefix_crc(path, data, charset)),
            digest: 0,
        };
        let id = match self.free.pop() {
            Some(id) => {
                *self.node_mut(id) = node;
                id
            }
            None => {
                self.nodes.push(node);
                NodeId(u32::try_from(self.nodes.len() - 1).expect("fewer znodes than 4 billion"))
            }
        };
        if first != NONE {
            self.node_mut(first).previous = id;
        }
        if parent != NONE {
            let parent = self.node_mut(parent);
            parent.first_child = id;
            parent.children += 1;
        }
        if let Owner::Session(session) = self.owner_of(&stat) {
            self.ephemerals.entry(session.0).or_default().insert(id);
        }
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.table
            .insert_unique(hash, id, |id| hasher.hash_one(&*node_of(nodes, *id).path));
        self.refresh_digest(id);
        id
    }

    /// Takes a znode out, and all below it. Real history deletes children first: below a deleted
    /// znode there can only be what a fuzzy snapshot has from a later life of the same path, and
    /// its creation follows.
    fn remove(&mut self, id: NodeId) {
        let (parent, next, previous) = {
            let node = self.node(id);
            (node.parent, node.next, node.previous)
        };
        if next != NONE {
            self.node_mut(next).previous = previous;
        }
        if previous != NONE {
            self.node_mut(previous).next = next;
        } else if parent != NONE {
            self.node_mut(parent).first_child = next;
        }
        if parent != NONE {
            self.node_mut(parent).children -= 1;
        }
        let mut doomed = vec![id];
        while let Some(id) = doomed.pop() {
            doomed.extend(self.children_of(id));
            self.forget(id);
        }
    }

    /// Takes one znode out of every index. Links to it are the caller's.
    fn forget(&mut self, id: NodeId) {
        let path = std::mem::take(&mut self.node_mut(id).path);
        let hash = self.hasher.hash_one(&*path);
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
        let (stat, digest) = (self.node(id).stat, self.node(id).digest);
        if let Some(owned) = self.ephemerals.get_mut(&stat.ephemeral_owner) {
            owned.remove(&id);
        }
        self.digest = self.digest.wrapping_sub(digest.into());
        let node = self.node_mut(id);
        node.data = None;
        node.parent = FREE;
        self.free.push(id);
    }

    /// Brings the digest up to date with the stat of a znode, whose prefix is.
    fn refresh_digest(&mut self, id: NodeId) {
        if self.charset.is_none() {
            return;
        }
        let node = self.node_mut(id);
        let fresh = digest_with_prefix(&node.path, node.prefix_crc, &node.stat);
        let stale = std::mem::replace(&mut node.digest, fresh);
        self.digest = self
            .digest
            .wrapping_sub(stale.into())
            .wrapping_add(fresh.into());
    }
}

fn node_of(nodes: &[Node], id: NodeId) -> &Node {
    nodes.get(id.0 as usize).expect("ids come from this tree")
}

/// A path as snapshots have it: the root's is empty there, and `/` in txns.
pub fn root_as_empty(path: &[u8]) -> &[u8] {
    if path == b"/" { b"" } else { path }
}

/// The path of the parent; `None` for the root. The parent of `/a` is the root, whose path is
/// empty.
pub fn parent_path(path: &[u8]) -> Option<&[u8]> {
    path.iter()
        .rposition(|byte| *byte == b'/')
        .and_then(|slash| path.get(..slash))
        .filter(|_| path != b"/")
}
