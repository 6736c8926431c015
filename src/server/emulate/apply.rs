//! What a server does with one txn (`DataTree.processTxn`), release by release.
//!
//! The data of quota counts (`zookeeper_stats`) is left as the snapshot has it: it is derived, and
//! compared with nothing.

use super::record::{Body, Create, Kind, Part, Record, Text, decode_part};
use super::rules::{OwnerKind, Rules};
use super::thrown::{Result, Thrown};
use super::tree::{ServerNode, ServerTree, split};
use crate::format::record::{Stat, TxnHeader, TxnKind};
use crate::tree::{LIMITS_NODE, QUOTA_ROOT};
use crate::zxid::{SessionId, Zxid};
use std::rc::Rc;

/// The `KeeperException` that a server swallows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NoNode,
    NodeExists,
}

/// What became of one change.
type Applied = std::result::Result<(), Refused>;

impl ServerTree {
    /// Applies a txn, and says what of it a server would swallow without a word: the first change
    /// that failed.
    ///
    /// # Errors
    /// What ends the load.
    pub fn apply(&mut self, record: &Record) -> Result<Applied> {
        let header = &record.header;
        match &record.body {
            Body::CreateSession(timeout_ms) => {
                self.sessions.insert(header.client_id, *timeout_ms);
            }
            Body::CloseSession(_) => {
                self.sessions.remove(&header.client_id);
            }
            Body::Create(_)
            | Body::Delete(_)
            | Body::SetData { .. }
            | Body::SetAcl { .. }
            | Body::Error(_)
            | Body::Check
            | Body::Multi(_) => {}
        }
        let applied = match &record.body {
            Body::Multi(parts) => {
                let parts = parts.as_deref().ok_or_else(Thrown::null_pointer)?;
                self.apply_multi(header, parts)?
            }
            body => self.apply_one(header, record.kind, body)?,
        };
        self.last_zxid = self.last_zxid.max(header.zxid);
        Ok(applied)
    }

    /// A multi with an error among its parts does nothing. A part that cannot be decoded ends it,
    /// and what was done stays.
    fn apply_multi(&mut self, header: &TxnHeader, parts: &[Part]) -> Result<Applied> {
        let failed = parts.iter().any(|part| part.kind() == Some(TxnKind::Error));
        let mut applied = Ok(());
        for part in parts {
            let (kind, body) = match decode_part(part, &self.cohort) {
                Err(Thrown::Eof | Thrown::Io(..)) => break,
                decoded => decoded?,
            };
            if !failed {
                applied = applied.and(self.apply_one(header, kind, &body)?);
            }
        }
        Ok(applied)
    }

    fn apply_one(&mut self, header: &TxnHeader, kind: TxnKind, body: &Body) -> Result<Applied> {
        match body {
            Body::Create(create) => {
                let path = needed(&create.path)?;
                let created = self.create(header, path, create)?;
                if created == Err(Refused::NodeExists) && kind == TxnKind::Create {
                    self.fix_cversion(header, path, create.parent_cversion);
                }
                Ok(created)
            }
            Body::Delete(path) => self.delete(needed(path)?, header.zxid),
            Body::SetData {
                path,
                data,
                version,
            } => self.set_data(header, needed(path)?, data, *version),
            Body::SetAcl { path, acl, version } => {
                let path = needed(path)?;
                let Some(node) = self.get(path) else {
                    return Ok(Err(Refused::NoNode));
                };
                let old = node.acl;
                self.acls.remove_user(old);
                let acl = self.acls.convert(acl.clone());
                self.change(path, |node| {
                    node.acl = acl;
                    node.stat.aversion = *version;
                });
                Ok(Ok(()))
            }
            Body::CloseSession(paths) => {
                self.kill_session(header.client_id, paths.as_deref(), header.zxid)?;
                Ok(Ok(()))
            }
            Body::CreateSession(_) | Body::Error(_) | Body::Check | Body::Multi(_) => Ok(Ok(())),
        }
    }

    fn create(&mut self, header: &TxnHeader, path: &[u8], create: &Create) -> Result<Applied> {
        let owner = match create.kind {
            Kind::Plain { ephemeral: false } => 0,
            Kind::Plain { ephemeral: true } => header.client_id.0,
            Kind::Container => i64::MIN,
            Kind::Ttl(ttl_ms) => self.cohort.ask(|rules| rules.ttl_owner(ttl_ms))?,
        };
        let (parent_path, name) = parted(path)?;
        let Some(parent) = self.get(parent_path) else {
            return Ok(Err(Refused::NoNode));
        };
        let (parent_acl, lists_it) = (parent.acl, parent.children.contains(name));
        self.acls.fetch(parent_acl)?;
        if let Some(exists) = self.found_there(path, lists_it, create) {
            return Ok(exists);
        }
        let acl = self.acls.convert(create.acl.clone());
        self.adopt(parent_path, name, header.zxid, create.parent_cversion);
        let stat = Stat::created(header.zxid, header.time, owner);
        self.put(
            path,
            ServerNode {
                data: create.data.clone(),
                acl,
                stat,
                ..ServerNode::default()
            },
        );
        self.index(path, owner)?;
        if parent_path == QUOTA_ROOT && name == LIMITS_NODE {
            return Err(self.cohort.ask(Rules::root_quota));
        }
        Ok(Ok(()))
    }

    /// What becomes of a create whose znode is there already, in the table of znodes or in its
    /// parent's list; `None` where it is created.
    fn found_there(&mut self, path: &[u8], lists_it: bool, create: &Create) -> Option<Applied> {
        let node = self.get(path);
        let has_acl = |node: &ServerNode| self.acls.is(node.acl, create.acl.as_deref());
        let (is_there, has_acl) = (node.is_some(), node.is_some_and(has_acl));
        let goes_by_table = match (is_there, lists_it) {
            (false, false) => return None,
            (true, true) if has_acl && !self.acls.has_unresolved() => {
                return Some(Err(Refused::NodeExists));
            }
            _ => self.cohort.ask(Rules::creates_by_table),
        };
        let exists = if goes_by_table { is_there } else { lists_it };
        if !exists {
            return None;
        }
        let has_unresolved = self.acls.has_unresolved();
        if goes_by_table || (has_unresolved && self.cohort.ask(Rules::registers_acl_first)) {
            let acl = self.acls.convert(create.acl.clone());
            if let (Some(node), true) = (self.get_mut(path), goes_by_table) {
                node.acl = acl;
            }
        }
        Some(Err(Refused::NodeExists))
    }

    /// Takes up a new child.
    fn adopt(&mut self, parent: &[u8], name: &[u8], zxid: Zxid, cversion: i32) {
        let cohort = Rc::clone(&self.cohort);
        self.change(parent, |parent| {
            let cversion = match cversion {
                -1 => parent.stat.cversion.wrapping_add(1),
                cversion => cversion,
            };
            let is_raised = cversion > parent.stat.cversion;
            if is_raised || !cohort.ask(Rules::only_raises_cversion) {
                parent.stat.cversion = cversion;
                parent.stat.pzxid = zxid;
            }
            parent.children.insert(name);
        });
    }

    /// The parent of a create that found its znode there (`DataTree.setCversionPzxid`).
    fn fix_cversion(&mut self, header: &TxnHeader, path: &[u8], cversion: i32) {
        let parent = split(path).map_or(path, |(parent, _)| parent);
        self.change(parent, |parent| {
            let cversion = match cversion {
                -1 => parent.stat.cversion.wrapping_add(1),
                cversion => cversion,
            };
            if cversion > parent.stat.cversion {
                parent.stat.cversion = cversion;
                parent.stat.pzxid = header.zxid;
            }
        });
    }

    fn delete(&mut self, path: &[u8], zxid: Zxid) -> Result<Applied> {
        let (parent, name) = parted(path)?;
        if self.has_nothing_to_delete(path, zxid)? {
            return Ok(Err(Refused::NoNode));
        }
        let above = self.get(parent).map(|above| above.stat.pzxid);
        let is_same = self.nodes.contains_key(path) && above.is_some_and(|pzxid| pzxid <= zxid);
        let parent_first = is_same || self.cohort.ask(Rules::deletes_from_parent_first);
        if parent_first && !self.orphan(parent, name, |pzxid| pzxid.max(zxid)) {
            return Ok(Err(Refused::NoNode));
        }
        let Some(node) = self.remove(path) else {
            return Ok(Err(Refused::NoNode));
        };
        self.acls.fetch(node.acl)?;
        self.acls.remove_user(node.acl);
        if let (Some(above), true) = (self.get(parent), parent_first) {
            self.acls.fetch(above.acl)?;
        }
        if !parent_first && !self.orphan(parent, name, |_| zxid) {
            return Ok(Err(Refused::NoNode));
        }
        let owner = node.stat.ephemeral_owner;
        if self.kind_of(owner)? == OwnerKind::Session
            && let Some(owned) = self.ephemerals.get_mut(&owner)
        {
            owned.remove(path);
        }
        Ok(Ok(()))
    }

    /// Whether a delete changes nothing, in all releases.
    fn has_nothing_to_delete(&self, path: &[u8], zxid: Zxid) -> Result<bool> {
        let (parent, name) = parted(path)?;
        let is_done =
            |above: &ServerNode| above.stat.pzxid >= zxid && !above.children.contains(name);
        Ok(!self.nodes.contains_key(path) && self.get(parent).is_none_or(is_done))
    }

    /// Takes a child from its parent; false where there is none.
    fn orphan(&mut self, parent: &[u8], name: &[u8], pzxid: impl Fn(Zxid) -> Zxid) -> bool {
        let changed = self.change(parent, |parent| {
            parent.children.remove(name);
            parent.stat.pzxid = pzxid(parent.stat.pzxid);
        });
        changed.is_some()
    }

    fn set_data(
        &mut self,
        header: &TxnHeader,
        path: &[u8],
        data: &Option<Box<[u8]>>,
        version: i32,
    ) -> Result<Applied> {
        let Some(node) = self.get(path) else {
            return Ok(Err(Refused::NoNode));
        };
        self.acls.fetch(node.acl)?;
        self.change(path, |node| {
            node.data = data.clone();
            node.stat.mtime = header.time;
            node.stat.mzxid = header.zxid;
            node.stat.version = version;
        });
        Ok(Ok(()))
    }

    /// Ends a session: what the txn lists, then what is left of its own (`DataTree.killSession`).
    pub(super) fn kill_session(
        &mut self,
        session: SessionId,
        listed: Option<&[Text]>,
        zxid: Zxid,
    ) -> Result<()> {
        let mut owned = self.ephemerals.remove(&session.0).unwrap_or_default();
        let (own, others): (Vec<&Text>, Vec<&Text>) = listed
            .unwrap_or_default()
            .iter()
            .partition(|path| path.as_ref().is_some_and(|path| owned.contains(path)));
        // `NoNode` is logged and passed over.
        for path in own.into_iter().flatten() {
            owned.remove(path);
            let _ = self.delete(path, zxid)?;
        }
        for path in owned {
            let _ = self.delete(&path, zxid)?;
        }
        // What is listed and not the session's own goes where the list is read.
        for path in others {
            let is_gone = match path {
                Some(path) => self.has_nothing_to_delete(path, zxid)?,
                None => false,
            };
            if !is_gone && self.cohort.ask(Rules::reads_close_session) {
                let _ = self.delete(needed(path)?, zxid)?;
            }
        }
        Ok(())
    }
}

fn needed(path: &Text) -> Result<&[u8]> {
    path.as_deref().ok_or_else(Thrown::null_pointer)
}

/// Parent and name; a path without a slash is more than `String.substring` bears.
fn parted(path: &[u8]) -> Result<(&[u8], &[u8])> {
    split(path).ok_or_else(|| {
        let message = format!("begin 0, end -1, length {}", path.len());
        Thrown::Unchecked("java.lang.StringIndexOutOfBoundsException", message)
    })
}
