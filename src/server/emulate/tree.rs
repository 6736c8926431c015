//! The tree as a server holds it: a table of znodes by path, each with the names of its children.
//!
//! Unlike [`crate::tree`], nothing keeps table and children in agreement: a replay over a hole can
//! leave znodes that no parent lists, and names that lead nowhere, and they have effects.

use super::acls::{AclCache, OPEN_ID};
use super::rules::{OwnerKind, Rules};
use super::thrown::{Result, Thrown};
use crate::format::record::Stat;
use crate::format::record::acl::READ_ACL_UNSAFE;
use crate::format::record::digest::{Charset, node_digest};
use crate::tree::{LIMITS_NODE, QUOTA_ROOT, root_as_empty};
use crate::zxid::{SessionId, Zxid};
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// One znode (`DataNode`).
#[derive(Clone, Debug, Default)]
pub struct ServerNode {
    /// The data; null and empty differ.
    pub data: Option<Box<[u8]>>,
    /// The id of its ACL, which may be in no map.
    pub acl: i64,
    /// Everything else that is persisted.
    pub stat: Stat,
    pub(super) children: HashSet<Box<[u8]>>,
}

/// A whole tree (`DataTree`), with the sessions beside it (`ZKDatabase`).
#[derive(Debug)]
pub struct ServerTree {
    pub(super) nodes: HashMap<Box<[u8]>, ServerNode>,
    pub(super) acls: AclCache,
    pub(super) sessions: BTreeMap<SessionId, i32>,
    /// By owner. An owner stays when its last znode has gone.
    pub(super) ephemerals: BTreeMap<i64, BTreeSet<Box<[u8]>>>,
    pub(super) last_zxid: Zxid,
    pub(super) rules: Rules,
    /// The sum of all znodes' digests, where the server keeps it.
    pub(super) digest: u64,
}

const ILLEGAL_ARGUMENT: &str = "java.lang.IllegalArgumentException";

impl ServerTree {
    /// A tree as a server makes it before it loads anything.
    pub fn new(rules: &Rules) -> ServerTree {
        let mut tree = ServerTree {
            nodes: HashMap::new(),
            acls: AclCache::new(rules),
            sessions: BTreeMap::new(),
            ephemerals: BTreeMap::new(),
            last_zxid: Zxid::ZERO,
            rules: rules.clone(),
            digest: 0,
        };
        let node = |children: &[&[u8]]| ServerNode {
            data: Some(Box::default()),
            acl: OPEN_ID,
            stat: Stat::default(),
            children: children.iter().map(|name| (*name).into()).collect(),
        };
        let has_config = rules.has_config_node();
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
            // A list that every server has made, and whose id is never used again.
            if rules.release().has(&[(5, 3)]) {
                config.acl = tree.acls.convert(Some(READ_ACL_UNSAFE.bytes().into()));
                config.stat.aversion = -1;
            }
            tree.put(b"/zookeeper/config", config);
        }
        tree
    }

    /// Begins to load a snapshot. What an earlier one left that did not load stays where the server
    /// leaves it.
    pub(super) fn clear(&mut self, acls: Vec<(i64, Box<[u8]>)>) {
        self.acls.load(acls);
        self.nodes.clear();
        self.digest = 0;
    }

    /// Takes up a znode of a snapshot.
    pub(super) fn load(&mut self, path: &[u8], node: ServerNode) -> Result<()> {
        let (acl, owner) = (node.acl, node.stat.ephemeral_owner);
        self.put(path, node);
        self.acls.add_user(acl);
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
        above.children.insert(name.into());
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
        if self.rules.kind_of(owner)? == OwnerKind::Session {
            self.ephemerals
                .entry(owner)
                .or_default()
                .insert(path.into());
        }
        Ok(())
    }

    /// A quota on "/" is more than the trie of quotas bears (`DataTree.setupQuota`,
    /// `PathTrie.addPath`).
    fn check_quotas(&self) -> Result<()> {
        let is_leaf = |path: &[u8]| self.get(path).is_some_and(|node| node.children.is_empty());
        let has_limits = self
            .get(QUOTA_ROOT)
            .is_some_and(|quota| quota.children.contains(LIMITS_NODE));
        if has_limits && is_leaf(&[QUOTA_ROOT, b"/", LIMITS_NODE].concat()) {
            return Err(self.root_quota());
        }
        Ok(())
    }

    pub(super) fn root_quota(&self) -> Thrown {
        let colon = if self.rules.release().has(&[(6, 0)]) {
            ":"
        } else {
            ""
        };
        Thrown::Unchecked(ILLEGAL_ARGUMENT, format!("Invalid path{colon} "))
    }

    /// The znode at `path`; `/` is the root too.
    pub fn get(&self, path: &[u8]) -> Option<&ServerNode> {
        self.nodes.get(root_as_empty(path))
    }

    pub(super) fn get_mut(&mut self, path: &[u8]) -> Option<&mut ServerNode> {
        self.nodes.get_mut(root_as_empty(path))
    }

    /// Changes a znode, and the digest with it; `None` where there is none.
    pub(super) fn change<T>(
        &mut self,
        path: &[u8],
        change: impl FnOnce(&mut ServerNode) -> T,
    ) -> Option<T> {
        let path = root_as_empty(path);
        let keeps_digest = self.rules.reads_digests();
        let node = self.nodes.get_mut(path)?;
        let digest = |node: &ServerNode| match keeps_digest {
            true => digest_of(path, node),
            false => 0,
        };
        let before = digest(node);
        let changed = change(node);
        let after = digest(node);
        self.digest = self.digest.wrapping_sub(before).wrapping_add(after);
        Some(changed)
    }

    pub(super) fn put(&mut self, path: &[u8], node: ServerNode) {
        let keeps_digest = self.rules.reads_digests();
        if keeps_digest {
            self.digest = self.digest.wrapping_add(digest_of(path, &node));
        }
        if let Some(old) = self.nodes.insert(path.into(), node)
            && keeps_digest
        {
            self.digest = self.digest.wrapping_sub(digest_of(path, &old));
        }
    }

    pub(super) fn remove(&mut self, path: &[u8]) -> Option<ServerNode> {
        let node = self.nodes.remove(path)?;
        if self.rules.reads_digests() {
            self.digest = self.digest.wrapping_sub(digest_of(path, &node));
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
        self.rules
            .reads_digests()
            .then_some(self.digest.cast_signed())
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
        self.nodes.iter().map(|(path, node)| (&**path, node))
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
        node.children.iter().cloned().collect()
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
