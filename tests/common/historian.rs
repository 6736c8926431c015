//! The naive model of a server, which makes random txns that are valid, one after the other, and
//! fuzzy snapshots of such histories.
#![allow(
    clippy::cast_possible_truncation,
    reason = "numbers of steps and names are small here"
)]

use crate::common::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use zoovault::format::jute::Put;
use zoovault::format::record::acl::OPEN_ACL_UNSAFE;
use zoovault::format::record::{Stat, TxnKind};
use zoovault::format::snapshot::{NodeRecord, SnapshotWriter, Trailer};
use zoovault::tree::CONTAINER_OWNER;
use zoovault::zxid::{SessionId, Zxid};

/// What the model knows of a znode.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub data: Option<Vec<u8>>,
    pub acl: Vec<u8>,
    pub stat: Stat,
}

/// Everything at one moment. The root's path is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    pub nodes: BTreeMap<String, Node>,
    pub sessions: BTreeMap<i64, i32>,
    pub zxid: Zxid,
}

/// An open list of the jute bytes of one entry.
pub fn acl(perms: i32, scheme: &str, id: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.put_int(1);
    bytes.put_int(perms);
    bytes.put_buffer(Some(scheme.as_bytes()));
    bytes.put_buffer(Some(id.as_bytes()));
    bytes
}

pub fn parent_of(path: &str) -> &str {
    &path[..path.rfind('/').unwrap()]
}

impl World {
    pub fn fresh() -> World {
        let open = acl(31, "world", "anyone");
        let node = Node {
            data: Some(Vec::new()),
            acl: open,
            stat: Stat::default(),
        };
        let mut nodes: BTreeMap<String, Node> = ["", "/zookeeper", "/zookeeper/quota"]
            .map(|path| (path.to_owned(), node.clone()))
            .into();
        let stat = Stat {
            aversion: -1,
            ..Stat::default()
        };
        let config = Node {
            data: Some(Vec::new()),
            acl: acl(1, "world", "anyone"),
            stat,
        };
        nodes.insert("/zookeeper/config".to_owned(), config);
        World {
            nodes,
            sessions: BTreeMap::new(),
            zxid: Zxid::ZERO,
        }
    }

    pub fn children(&self, path: &str) -> Vec<String> {
        let below = format!("{path}/");
        let children = self.nodes.range(below.clone()..).map(|(path, _)| path);
        children
            .take_while(|child| child.starts_with(&below))
            .filter(|child| !child[below.len()..].contains('/'))
            .cloned()
            .collect()
    }

    pub fn owned(&self, session: i64) -> Vec<String> {
        let owned = self
            .nodes
            .iter()
            .filter(|(_, node)| node.stat.ephemeral_owner == session);
        owned.map(|(path, _)| path.clone()).collect()
    }

    /// What a delete does: the znode is gone, and its parent remembers when.
    pub fn delete(&mut self, path: &str, zxid: Zxid) {
        self.nodes.remove(path).unwrap();
        self.nodes.get_mut(parent_of(path)).unwrap().stat.pzxid = zxid;
    }

    /// The digest of the tree, by the format's own words.
    pub fn digest(&self) -> i64 {
        let mut sum = 0i64;
        for (path, node) in &self.nodes {
            if path.starts_with("/zookeeper/") {
                continue;
            }
            let stat = &node.stat;
            let mut bytes = path.clone().into_bytes();
            bytes.extend_from_slice(node.data.as_deref().unwrap_or_default());
            for zxid in [stat.czxid, stat.mzxid, stat.pzxid] {
                bytes.put_long(zxid.to_i64());
            }
            bytes.put_long(stat.ctime);
            bytes.put_long(stat.mtime);
            bytes.put_int(stat.version);
            bytes.put_int(stat.cversion);
            bytes.put_int(stat.aversion);
            bytes.put_long(stat.ephemeral_owner);
            sum = sum.wrapping_add(i64::from(crc32fast::hash(&bytes)));
        }
        sum
    }
}

/// One txn of a history.
pub struct Step {
    pub payload: Vec<u8>,
    /// The world after it.
    pub world: World,
    /// The worlds that a reader may have seen while it was applied; the last is `world`.
    pub moments: Vec<World>,
}

/// Makes txns that are valid, one after the other.
pub struct Historian {
    pub random: Random,
    pub world: World,
    pub time: i64,
    pub moments: Vec<World>,
    /// Whether closeSessions always list what they delete, and creates the parent's cversion, as
    /// 3.6 and later do.
    pub is_modern: bool,
}

pub const NAMES: [&str; 9] = ["a", "b", "a-b", "a b", "A", "é", "z", "log", "€uro"];

impl Historian {
    pub fn new(seed: u64, is_modern: bool) -> Historian {
        let (random, world) = (Random::new(seed), World::fresh());
        Historian {
            random,
            world,
            time: 1_700_000_000_000,
            moments: Vec::new(),
            is_modern,
        }
    }

    pub fn acl(&mut self) -> Vec<u8> {
        match self.random.below(8) {
            0 => vec![0xff; 4],
            1 => acl(1, "world", "anyone"),
            2 => acl(31, "digest", "lab:secret"),
            3 => [
                vec![0, 0, 0, 2],
                acl(31, "ip", "::1")[4..].to_vec(),
                acl(1, "auth", "")[4..].to_vec(),
            ]
            .concat(),
            4 => acl(self.random.below(32) as i32, "digest", "someone"),
            _ => OPEN_ACL_UNSAFE.bytes().to_vec(),
        }
    }

    pub fn data(&mut self) -> Option<Vec<u8>> {
        match self.random.below(6) {
            0 => None,
            1 => Some(Vec::new()),
            _ => {
                let len = self.random.below(24);
                Some(self.random.bytes(len))
            }
        }
    }

    /// A znode that clients may change; the root is `/` to them.
    pub fn some_path(&mut self) -> String {
        let paths: Vec<&String> = self
            .world
            .nodes
            .keys()
            .filter(|path| !path.starts_with("/zookeeper"))
            .collect();
        (*self.random.pick(&paths)).clone()
    }

    pub fn as_client(path: &str) -> &[u8] {
        if path.is_empty() {
            b"/"
        } else {
            path.as_bytes()
        }
    }

    /// A path that is free, below a znode that may have children.
    pub fn free_path(&mut self) -> Option<String> {
        let sessions: BTreeSet<i64> = self.world.sessions.keys().copied().collect();
        let parents: Vec<String> = self
            .world
            .nodes
            .iter()
            .filter(|(path, node)| {
                path.matches('/').count() < 4
                    && !sessions.contains(&node.stat.ephemeral_owner)
                    && (!path.starts_with("/zookeeper") || path.starts_with("/zookeeper/quota"))
            })
            .map(|(path, _)| path.clone())
            .collect();
        let parent = self.random.pick(&parents).clone();
        let cversion = self.world.nodes[&parent].stat.cversion;
        let name = if self.random.once_in(8) {
            format!("seq-{cversion:010}")
        } else {
            (*self.random.pick(&NAMES)).to_owned()
        };
        let path = format!("{parent}/{name}");
        (!self.world.nodes.contains_key(&path)).then_some(path)
    }

    /// A create: its type and body.
    pub fn create(&mut self, zxid: Zxid, session: Option<i64>) -> Option<(i32, Vec<u8>)> {
        let path = self.free_path()?;
        let (data, list) = (self.data(), self.acl());
        let parent = &mut self.world.nodes.get_mut(parent_of(&path)).unwrap().stat;
        parent.cversion += 1;
        parent.pzxid = zxid;
        let cversion = parent.cversion;
        let mut body = Vec::new();
        body.put_buffer(Some(path.as_bytes()));
        body.put_buffer(data.as_deref());
        body.extend_from_slice(&list);
        let (txn_type, owner) = match (self.random.below(8), session) {
            (0, _) => {
                body.put_int(cversion);
                (TxnKind::CreateContainer.code(), CONTAINER_OWNER)
            }
            (1, _) => {
                let ttl = 1 + self.random.below(1 << 39) as i64;
                body.put_int(cversion);
                body.put_long(ttl);
                (TxnKind::CreateTtl.code(), (0xff << 56) | ttl)
            }
            (2 | 3, Some(session)) => {
                body.put_boolean(true);
                body.put_int(cversion);
                (
                    if self.random.once_in(2) {
                        TxnKind::Create.code()
                    } else {
                        TxnKind::Create2.code()
                    },
                    session,
                )
            }
            (kind, _) => {
                body.put_boolean(false);
                body.put_int(cversion);
                (
                    if kind == 4 {
                        TxnKind::Create2.code()
                    } else {
                        TxnKind::Create.code()
                    },
                    0,
                )
            }
        };
        let stat = Stat {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: self.time,
            mtime: self.time,
            ephemeral_owner: owner,
            ..Stat::default()
        };
        let is_null = list == [0xff; 4];
        let list = if is_null {
            OPEN_ACL_UNSAFE.bytes().to_vec()
        } else {
            list
        };
        self.world.nodes.insert(
            path,
            Node {
                data,
                acl: list,
                stat,
            },
        );
        Some((txn_type, body))
    }

    /// Any change of znodes but a multi: its type and body.
    pub fn change(&mut self, zxid: Zxid, session: Option<i64>) -> Option<(i32, Vec<u8>)> {
        let mut body = Vec::new();
        let txn_type = match self.random.below(12) {
            0..=4 => return self.create(zxid, session),
            5..=7 => {
                let path = self.some_path();
                if path.is_empty() || !self.world.children(&path).is_empty() {
                    return None;
                }
                self.world.delete(&path, zxid);
                body.put_buffer(Some(path.as_bytes()));
                if self.random.once_in(4) {
                    TxnKind::DeleteContainer.code()
                } else {
                    TxnKind::Delete.code()
                }
            }
            8 | 9 => {
                let (path, data) = (self.some_path(), self.data());
                let node = self.world.nodes.get_mut(&path).unwrap();
                node.stat.version += 1;
                node.stat.mzxid = zxid;
                node.stat.mtime = self.time;
                body.put_buffer(Some(Self::as_client(&path)));
                body.put_buffer(data.as_deref());
                body.put_int(node.stat.version);
                node.data = data;
                TxnKind::SetData.code()
            }
            10 => {
                let (path, list) = (self.some_path(), self.acl());
                let node = self.world.nodes.get_mut(&path).unwrap();
                node.stat.aversion += 1;
                body.put_buffer(Some(Self::as_client(&path)));
                body.extend_from_slice(&list);
                body.put_int(node.stat.aversion);
                let is_null = list == [0xff; 4];
                node.acl = if is_null {
                    OPEN_ACL_UNSAFE.bytes().to_vec()
                } else {
                    list
                };
                TxnKind::SetAcl.code()
            }
            _ => {
                let path = self.some_path();
                body.put_buffer(Some(Self::as_client(&path)));
                body.put_int(self.world.nodes[&path].stat.version + 1);
                TxnKind::Check.code()
            }
        };
        Some((txn_type, body))
    }

    /// A multi, good or failed.
    pub fn multi(&mut self, zxid: Zxid, session: Option<i64>) -> Vec<u8> {
        let before = self.world.clone();
        let mut parts = Vec::new();
        for _ in 0..1 + self.random.below(5) {
            if let Some(part) = self.change(zxid, session) {
                parts.push(part);
                self.moments.push(self.world.clone());
            }
        }
        if self.random.once_in(4) {
            self.world = before;
            self.moments.clear();
            let at = self.random.below(parts.len() + 1);
            for (index, part) in parts.iter_mut().enumerate().skip(at) {
                let err: i32 = if index == at { -103 } else { -2 };
                // Of the part that fails, servers may log more bytes than the error's.
                let excess = if self.random.once_in(3) {
                    &[0xee; 7][..]
                } else {
                    &[]
                };
                *part = (
                    TxnKind::Error.code(),
                    [&err.to_be_bytes()[..], excess].concat(),
                );
            }
            if at == parts.len() {
                parts.push((TxnKind::Error.code(), (-101i32).to_be_bytes().to_vec()));
            }
        }
        let mut body = Vec::new();
        body.put_int(parts.len() as i32);
        for (txn_type, part) in parts {
            body.put_int(txn_type);
            body.put_buffer(Some(&part));
        }
        body
    }

    pub fn create_session(&mut self) -> (i64, Vec<u8>) {
        let server = *self.random.pick(&[0u64, 1, 2, 127, 128, 254, 255]);
        let id = (server << 56 | 0x55 << 48 | (self.random.next() >> 16)).cast_signed();
        let timeout = 4000 + self.random.below(40_000) as i32;
        self.world.sessions.insert(id, timeout);
        (id, timeout.to_be_bytes().to_vec())
    }

    pub fn close_session(&mut self, session: i64, zxid: Zxid) -> Vec<u8> {
        let mut owned = self.world.owned(session);
        self.random.shuffle(&mut owned);
        self.world.sessions.remove(&session);
        for path in &owned {
            self.moments.push(self.world.clone());
            self.world.delete(path, zxid);
        }
        let mut body = Vec::new();
        if self.is_modern || self.random.once_in(2) {
            body.put_int(owned.len() as i32);
            for path in &owned {
                body.put_buffer(Some(path.as_bytes()));
            }
        }
        body
    }

    /// The body of a reconfig: the server's own znode, whose version is always −1.
    pub fn reconfig(&mut self, zxid: Zxid) -> Vec<u8> {
        let data = self.data();
        let node = self.world.nodes.get_mut("/zookeeper/config").unwrap();
        node.stat = Stat {
            version: -1,
            mzxid: zxid,
            mtime: self.time,
            ..node.stat
        };
        let mut body = Vec::new();
        body.put_buffer(Some(b"/zookeeper/config"));
        body.put_buffer(data.as_deref());
        body.put_int(-1);
        node.data = data;
        body
    }

    /// The next txn.
    pub fn step(&mut self) -> Step {
        let last = self.world.zxid;
        let next = if self.random.once_in(60) {
            Zxid::new(last.epoch() + 1, 1)
        } else {
            last.next()
        };
        let step_back = if self.random.once_in(40) { 5000 } else { 0 };
        self.time += self.random.below(100) as i64 - step_back;
        let sessions: Vec<i64> = self.world.sessions.keys().copied().collect();
        let session = (!sessions.is_empty()).then(|| *self.random.pick(&sessions));
        let mut client = session.unwrap_or(0);
        let mut body = Vec::new();
        let mut zxid = next;
        let txn_type = match self.random.below(20) {
            0 => {
                (client, body) = self.create_session();
                TxnKind::CreateSession.code()
            }
            1 if session.is_some() => {
                body = self.close_session(client, zxid);
                TxnKind::CloseSession.code()
            }
            2 | 3 => {
                body.put_int(-110);
                // 3.9 uses the last zxid again for a request that it cannot decode.
                zxid = if self.random.once_in(4) && last != Zxid::ZERO {
                    last
                } else {
                    next
                };
                TxnKind::Error.code()
            }
            4 => {
                body = self.reconfig(zxid);
                TxnKind::Reconfig.code()
            }
            5..=7 => {
                body = self.multi(zxid, session);
                TxnKind::Multi.code()
            }
            _ => {
                let txn_type;
                (txn_type, body) = loop {
                    if let Some(change) = self.change(zxid, session) {
                        break change;
                    }
                };
                txn_type
            }
        };
        self.world.zxid = zxid;
        // The closing of a session that lists nothing cannot be told from a vector by its digest
        // alone, so both occur.
        let has_digest = txn_type != TxnKind::Error.code() && !self.random.once_in(3);
        let mut body_is_old = false;
        if !self.is_modern
            && txn_type == TxnKind::Create.code()
            && !has_digest
            && self.random.once_in(3)
        {
            // A server of 3.3 left the parent's cversion out.
            body.truncate(body.len() - 4);
            body_is_old = true;
        }
        let mut payload = Vec::new();
        payload.put_long(client);
        payload.put_int(self.random.next() as i32);
        payload.put_long(zxid.to_i64());
        payload.put_long(self.time);
        payload.put_int(txn_type);
        payload.extend_from_slice(&body);
        if has_digest && !body_is_old {
            payload.put_int(2);
            payload.put_long(self.world.digest());
        }
        let mut moments = std::mem::take(&mut self.moments);
        moments.push(self.world.clone());
        Step {
            payload,
            world: self.world.clone(),
            moments,
        }
    }
}

/// Numbers for lists, as a server gives them: from 1 up, in the order in which they are first seen.
pub fn acl_ids(steps: &[Step]) -> BTreeMap<&[u8], i64> {
    let mut ids = BTreeMap::new();
    for world in steps.iter().flat_map(|step| &step.moments) {
        for node in world.nodes.values() {
            let next = ids.len() as i64 + 1;
            ids.entry(node.acl.as_slice()).or_insert(next);
        }
    }
    ids
}

/// A server that writes a snapshot while it goes on.
pub struct Photographer<'a> {
    pub random: Random,
    pub moments: Vec<&'a World>,
    pub now: usize,
    /// How slow the writing is.
    pub haste: usize,
    pub ids: &'a BTreeMap<&'a [u8], i64>,
    pub records: Vec<(String, Node, i64)>,
}

impl Photographer<'_> {
    /// Time goes on, perhaps.
    pub fn wait(&mut self) {
        if self.random.once_in(self.haste) {
            let left = self.moments.len() - self.now;
            self.now += self.random.below(left.min(8));
        }
    }

    /// Copies a znode and the names of its children at one moment, and the children at later ones.
    pub fn copy(&mut self, path: &str) {
        self.wait();
        let world = self.moments[self.now];
        let Some(node) = world.nodes.get(path) else {
            return;
        };
        let id = self.ids[node.acl.as_slice()];
        self.records.push((path.to_owned(), node.clone(), id));
        let mut children = world.children(path);
        self.random.shuffle(&mut children);
        for child in children {
            self.copy(&child);
        }
    }
}

/// A snapshot taken over `window`, of which the first world is that of the name. Says up to where
/// it is ahead. It says so itself, as servers of 3.9 let it, if `tells`.
pub fn fuzzy_snapshot(
    window: &[Step],
    ids: &BTreeMap<&[u8], i64>,
    random: &Random,
    tells: bool,
) -> (Vec<u8>, Zxid) {
    let (first, rest) = window.split_first().unwrap();
    let mut moments = vec![&first.world];
    moments.extend(rest.iter().flat_map(|step| &step.moments));
    let mut photographer = Photographer {
        random: random.clone(),
        moments,
        now: 0,
        haste: 1,
        ids,
        records: Vec::new(),
    };
    photographer.haste = 1 + photographer.random.below(6);
    photographer.wait();
    let sessions: Vec<(SessionId, i32)> = photographer.moments[photographer.now]
        .sessions
        .iter()
        .map(|(id, timeout)| (SessionId(*id), *timeout))
        .collect();
    // The map is that of the moment: lists used later only are not in it.
    let known: BTreeSet<&[u8]> = photographer.moments[photographer.now]
        .nodes
        .values()
        .map(|node| node.acl.as_slice())
        .collect();
    let map: Vec<(i64, &[u8])> = known.iter().map(|list| (ids[list], *list)).collect();
    photographer.copy("");
    let mut writer = SnapshotWriter::new(Vec::new(), &sessions, map.into_iter()).unwrap();
    for (path, node, acl_id) in &photographer.records {
        let (path, data) = (path.as_bytes(), node.data.as_deref());
        let record = NodeRecord {
            offset: 0,
            path,
            data,
            acl_id: *acl_id,
            stat: node.stat,
        };
        writer.node(&record).unwrap();
    }
    let last = photographer.moments[photographer.now].zxid;
    let trailer = Trailer {
        digest: None,
        last_zxid: tells.then_some(last),
    };
    (writer.finish(&trailer).unwrap().0, last)
}
