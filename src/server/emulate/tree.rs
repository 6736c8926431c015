//! The tree as a server holds it: a table of znodes by path, each with the names of its children.
//!
//! Unlike [`crate::tree`], nothing keeps table and children in agreement: a replay over a hole can
//! leave znodes that no parent lists, and names that lead nowhere, and they have effects.

use super::acls::{AclCache, OPEN_ID};
use super::cohort::Cohort;
use super::rules::{OwnerKind, Rules};
use super::thrown::{Result, Thrown};
use crate::format::record::Stat;
use crate::format::record::acl::READ_ACL_UNSAFE;
use crate::format::record::digest::{Charset, node_digest};
use crate::tree::{LIMITS_NODE, QUOTA_ROOT, root_as_empty};
use crate::zxid::{SessionId, Zxid};
use hashbrown::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// One znode (`DataNode`).
#[derive(Clone, Debug, Default)]
pub struct ServerNode {
    /// The data; null and empty differ.
    pub data: Option<Box<[u8]>>,
    /// The id of its ACL, which may be in no map.
    pub acl: i64,
    /// Everything else that is persisted.
    pub stat: Stat,
    pub(super) children: Children,
}

/// The names of a znode's children. Most have none.
#[derive(Clone, Debug, Default)]
pub(super) struct Children(Option<Box<HashSet<Box<[u8]>>>>);

impl Children {
    pub fn contains(&self, name: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|names| names.contains(name))
    }

    pub fn insert(&mut self, name: &[u8]) {
        self.0.get_or_insert_default().insert(name.into());
    }

    pub fn remove(&mut self, name: &[u8]) {
        if let Some(names) = &mut self.0 {
            names.remove(name);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|names| names.is_empty())
    }

    fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .flat_map(|names| names.iter())
            .map(|name| &**name)
    }
}

/// A whole tree (`DataTree`), with the sessions beside it (`ZKDatabase`).
#[derive(Debug)]
pub struct ServerTree {
    /// Boxed, since the table grows by doubling.
    pub(super) nodes: HashMap<Box<[u8]>, Box<ServerNode>>,
    pub(super) acls: AclCache,
    pub(super) sessions: BTreeMap<SessionId, i32>,
    /// By owner. An owner stays when its last znode has gone.
    pub(super) ephemerals: BTreeMap<i64, BTreeSet<Box<[u8]>>>,
    pub(super) last_zxid: Zxid,
    pub(super) cohort: Rc<Cohort>,
    /// The sum of all znodes' digests, where a server keeps it.
    digest: Option<u64>,
}

impl ServerTree {
    /// A tree as the leader of these servers makes it before it loads anything. A snapshot takes
    /// the place of all of it.
    pub(super) fn new(cohort: Rc<Cohort>) -> ServerTree {
        let keeps_digest = cohort.any(Rules::reads_digests);
        let mut tree = ServerTree {
            nodes: HashMap::new(),
            acls: AclCache::new(Rc::clone(&cohort)),
            sessions: BTreeMap::new(),
            ephemerals: BTreeMap::new(),
            last_zxid: Zxid::ZERO,
            digest: keeps_digest.then_some(0),
            cohort,
        };
        let node = |names: &[&[u8]]| {
            let mut children = Children::default();
            names.iter().for_each(|name| children.insert(name));
            ServerNode {
                data: Some(Box::default()),
                acl: OPEN_ID,
                stat: Stat::default(),
                children,
            }
        };
        let (has_config, has_config_acl) = Self::config_node(tree.cohort.leader());
        let below: &[&[u8]] = if has_config {
            &[b"quota", b"config"]
        } else {
            &[b"quota"]
        };
        tree.put(b"", node(&[b"zookeeper"]));
        tree.put(b"/zookeeper", node(below));
        tree.put(QUOTA_ROOT, node(&[]));
        if has_config {
            let mut config = node(&[]);
            if has_config_acl {
                config.acl = tree.acls.convert(Some(READ_ACL_UNSAFE.bytes().into()));
                config.stat.aversion = -1;
            }
            tree.put(b"/zookeeper/config", config);
        }
        tree
    }

    /// What a fresh tree has at `/zookeeper/config`: a znode, an ACL of its own.
    pub(super) fn config_node(rules: &Rules) -> (bool, bool) {
        (rules.has_config_node(), rules.has_config_acl())
    }

    /// Begins to load a snapshot. What an earlier one left that did not load stays where the server
    /// leaves it.
    pub(super) fn clear(&mut self, acls: Vec<(i64, Box<[u8]>)>) {
        self.acls.load(acls);
        self.nodes.clear();
        self.digest = self.digest.map(|_| 0);
    }

    /// Takes up a znode of a snapshot.
    pub(super) fn load(&mut self, path: &[u8], node: ServerNode) -> Result<()> {
        let (acl, owner) = (node.acl, node.stat.ephemeral_owner);
        self.put(path, node);
        self.acls.add_loaded(acl);
        let Some((parent, name)) = split(path) else {
            return Ok(());
        };
        let Some(above) = self.get_mut(parent) else {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            return Err(Thrown::io(format!(
                "Invalid Datatree, unable to find parent {} of path {}",
                text(parent),
                text(path)
            )));
        };
        above.children.insert(name);
        self.index(path, owner)
    }

    /// Ends the loading of a snapshot.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.check_quotas()?;
        self.acls.purge_unused();
        Ok(())
    }

    /// Notes an ephemeral under its owner.
    pub(super) fn index(&mut self, path: &[u8], owner: i64) -> Result<()> {
        if self.kind_of(owner)? == OwnerKind::Session {
            self.ephemerals
                .entry(owner)
                .or_default()
                .insert(path.into());
        }
        Ok(())
    }

    /// What kind of znode `owner` makes.
    pub(super) fn kind_of(&self, owner: i64) -> Result<OwnerKind> {
        match owner {
            // To all releases.
            0 => Ok(OwnerKind::Persistent),
            1.. => Ok(OwnerKind::Session),
            _ => self.cohort.ask(|rules| rules.kind_of(owner)),
        }
    }

    /// A quota on "/" is more than the trie of quotas bears (`DataTree.setupQuota`,
    /// `PathTrie.addPath`).
    fn check_quotas(&self) -> Result<()> {
        let is_leaf = |path: &[u8]| self.get(path).is_some_and(|node| node.children.is_empty());
        let has_limits = self
            .get(QUOTA_ROOT)
            .is_some_and(|quota| quota.children.contains(LIMITS_NODE));
        if has_limits && is_leaf(&[QUOTA_ROOT, b"/", LIMITS_NODE].concat()) {
            return Err(self.cohort.ask(Rules::root_quota));
        }
        Ok(())
    }

    /// The znode at `path`; `/` is the root too.
    pub fn get(&self, path: &[u8]) -> Option<&ServerNode> {
        self.nodes.get(root_as_empty(path)).map(|node| &**node)
    }

    pub(super) fn get_mut(&mut self, path: &[u8]) -> Option<&mut ServerNode> {
        self.nodes
            .get_mut(root_as_empty(path))
            .map(|node| &mut **node)
    }

    /// Changes a znode, and the digest with it; `None` where there is none.
    pub(super) fn change<T>(
        &mut self,
        path: &[u8],
        change: impl FnOnce(&mut ServerNode) -> T,
    ) -> Option<T> {
        let path = root_as_empty(path);
        let node = self.nodes.get_mut(path)?;
        let Some(digest) = &mut self.digest else {
            return Some(change(node));
        };
        *digest = digest.wrapping_sub(digest_of(path, node));
        let changed = change(node);
        *digest = digest.wrapping_add(digest_of(path, node));
        Some(changed)
    }

    pub(super) fn put(&mut self, path: &[u8], node: ServerNode) {
        if let Some(digest) = &mut self.digest {
            *digest = digest.wrapping_add(digest_of(path, &node));
        }
        let old = self.nodes.insert(path.into(), Box::new(node));
        if let (Some(digest), Some(old)) = (&mut self.digest, old) {
            *digest = digest.wrapping_sub(digest_of(path, &old));
        }
    }

    pub(super) fn remove(&mut self, path: &[u8]) -> Option<ServerNode> {
        let node = *self.nodes.remove(path)?;
        if let Some(digest) = &mut self.digest {
            *digest = digest.wrapping_sub(digest_of(path, &node));
        }
        Some(node)
    }

    /// How many znodes there are. `srvr` and `mntr` count the root twice.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The last zxid that was applied.
    pub fn last_zxid(&self) -> Zxid {
        self.last_zxid
    }

    /// The digest of the tree, where the server keeps it.
    pub fn digest(&self) -> Option<i64> {
        self.digest.map(u64::cast_signed)
    }

    /// Sessions and their timeouts in ms, by id.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, i32)> {
        self.sessions
            .iter()
            .map(|(session, timeout)| (*session, *timeout))
    }

    /// The owners of ephemerals, and their paths. An owner stays when its last ephemeral has gone.
    pub fn ephemerals(&self) -> impl Iterator<Item = (i64, &BTreeSet<Box<[u8]>>)> {
        self.ephemerals.iter().map(|(owner, paths)| (*owner, paths))
    }

    /// All znodes, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = (&[u8], &ServerNode)> {
        self.nodes.iter().map(|(path, node)| (&**path, &**node))
    }

    /// The jute bytes of a znode's ACL; `None` where clients get an error instead.
    pub fn acl(&self, node: &ServerNode) -> Option<&[u8]> {
        self.acls.find(node.acl)
    }

    /// Whether the parent of `path` lists it: clients then see it among its children.
    pub fn is_listed(&self, path: &[u8]) -> bool {
        split(path).is_none_or(|(parent, name)| {
            self.get(parent)
                .is_some_and(|above| above.children.contains(name))
        })
    }

    /// The names of a znode's children.
    pub fn children(&self, node: &ServerNode) -> BTreeSet<Box<[u8]>> {
        node.children.names().map(Into::into).collect()
    }

    /// Sessions that own ephemerals and are not known: a standalone server or a leader ends them
    /// before it serves.
    pub fn dead_sessions(&self) -> Vec<SessionId> {
        let owners = self.ephemerals.keys().map(|owner| SessionId(*owner));
        owners
            .filter(|session| !self.sessions.contains_key(session))
            .collect()
    }
}

fn digest_of(path: &[u8], node: &ServerNode) -> u64 {
    node_digest(path, node.data.as_deref(), &node.stat, Charset::Utf8).into()
}

/// Parent and name: around the last slash. `None` without one.
pub(super) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    Some((path.get(..slash)?, path.get(slash + 1..)?))
}
