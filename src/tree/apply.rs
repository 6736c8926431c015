//! What each txn does to the tree (`DataTree.processTxn`, `createNode`, `deleteNode`, `setData`,
//! `setACL`, `killSession`).
//!
//! Replay begins on a snapshot that may be ahead of it in places, so a txn may find its work done.
//! Servers swallow the error (`NoNode`, `NodeExists`) and go on, and so does this. Where releases
//! differ in what they make of that, the rule here is the one under which the true tree comes out
//! at the end of the fuzzy range, whichever release wrote the files; over a sound history applied
//! in order all of them agree:
//!
//! - A parent's `cversion` and `pzxid` only rise (3.6.0+; before, a replay could lower them).
//! - A delete raises the parent's `pzxid` also when the znode is gone already (3.5.5+).
//! - A create that finds the znode gives it its ACL (3.8.5+, 3.9.4+), and raises the parent's
//!   `cversion`: servers do so for `create` only, and leave the parent of a container or TTL node
//!   behind.
//! - A delete takes with it what is below: see [`DataTree::remove`].
//! - A multi with an error in it does nothing. In a good one all parts are applied, whichever of
//!   them find their work done.
//! - A `check` at the top, an error, an unknown type: nothing.

use super::{CONTAINER_OWNER, DataTree, NodeId, owner, parent_path};
use crate::error::DecodeError;
use crate::format::record::digest::prefix_crc;
use crate::format::record::{Create, CreateKind, PathVector, Stat, TxnBody, TxnHeader};
use crate::zxid::{SessionId, Zxid};
use std::hash::BuildHasher;

impl DataTree {
    /// Applies one txn.
    ///
    /// # Errors
    /// When a part of a multi does not decode; nothing of the multi is applied then.
    pub fn apply(&mut self, header: &TxnHeader, body: &TxnBody<'_>) -> Result<(), DecodeError> {
        self.apply_in_steps(header, body, &mut |_, _| {})
    }

    /// Applies one txn, and shows the tree to `step` after each part of it: the parts of a multi,
    /// or the one that there is.
    ///
    /// # Errors
    /// As [`DataTree::apply`].
    pub fn apply_in_steps(
        &mut self,
        header: &TxnHeader,
        body: &TxnBody<'_>,
        step: &mut dyn FnMut(&DataTree, &TxnBody<'_>),
    ) -> Result<(), DecodeError> {
        match body {
            TxnBody::Multi(multi) if multi.is_failed() => {}
            TxnBody::Multi(multi) => {
                let parts = multi
                    .parts()
                    .map(|part| part.body())
                    .collect::<Result<Vec<_>, _>>()?;
                for part in &parts {
                    self.apply_one(header, part);
                    step(self, part);
                }
            }
            body => {
                self.apply_one(header, body);
                step(self, body);
            }
        }
        self.last_zxid = self.last_zxid.max(header.zxid);
        Ok(())
    }

    fn apply_one(&mut self, header: &TxnHeader, body: &TxnBody<'_>) {
        match body {
            TxnBody::CreateSession { timeout_ms } => {
                self.sessions.insert(header.client_id, *timeout_ms);
            }
            TxnBody::CloseSession { paths_to_delete } => {
                self.close_session(header.client_id, *paths_to_delete, header.zxid);
            }
            TxnBody::Create(create) => self.create(header, create),
            TxnBody::Delete { path } => self.delete(path, header.zxid),
            TxnBody::SetData {
                path,
                data,
                version,
            } => self.set_data(header, path, *data, *version),
            TxnBody::SetAcl { path, acl, version } => {
                if let Some(id) = self.find(path) {
                    let acl = self.acls.add(*acl);
                    let node = self.node_mut(id);
                    node.acl = acl;
                    node.stat.aversion = *version;
                    self.refresh_digest(id);
                }
            }
            // A multi within a multi cannot be asked for.
            TxnBody::Multi(_)
            | TxnBody::Check { .. }
            | TxnBody::Error { .. }
            | TxnBody::Unknown { .. } => {}
        }
    }

    fn create(&mut self, header: &TxnHeader, create: &Create<'_>) {
        let Some(parent) = parent_path(create.path).and_then(|path| self.find(path)) else {
            return;
        };
        self.raise_cversion(parent, create.parent_cversion, header.zxid);
        let acl = self.acls.add(create.acl);
        let hash = self.hasher.hash_one(create.path);
        if let Some(id) = self.find_hashed(hash, create.path) {
            self.node_mut(id).acl = acl;
            return;
        }
        let owner = match create.kind {
            CreateKind::Plain { ephemeral: false } => 0,
            CreateKind::Plain { ephemeral: true } => header.client_id.0,
            CreateKind::Container => CONTAINER_OWNER,
            CreateKind::Ttl { ttl_ms } => owner::ttl_owner(ttl_ms),
        };
        let stat = Stat::created(header.zxid, header.time, owner);
        self.insert(parent, hash, create.path, create.data, acl, stat);
    }

    fn raise_cversion(&mut self, parent: NodeId, cversion: Option<i32>, zxid: Zxid) {
        let stat = &mut self.node_mut(parent).stat;
        let cversion = cversion
            .filter(|cversion| *cversion != -1)
            .unwrap_or(stat.cversion.wrapping_add(1));
        if cversion > stat.cversion {
            stat.cversion = cversion;
            stat.pzxid = zxid;
            self.refresh_digest(parent);
        }
    }

    fn delete(&mut self, path: &[u8], zxid: Zxid) {
        let Some(parent) = parent_path(path).and_then(|path| self.find(path)) else {
            return;
        };
        let stat = &mut self.node_mut(parent).stat;
        if zxid > stat.pzxid {
            stat.pzxid = zxid;
            self.refresh_digest(parent);
        }
        if let Some(id) = self.find(path) {
            self.remove(id);
        }
    }

    fn set_data(&mut self, header: &TxnHeader, path: &[u8], data: Option<&[u8]>, version: i32) {
        let Some(id) = self.find(path) else {
            return;
        };
        let charset = self.charset;
        let node = self.node_mut(id);
        node.data = data.map(Into::into);
        node.stat.mtime = header.time;
        node.stat.mzxid = header.zxid;
        node.stat.version = version;
        node.prefix_crc = charset.map_or(0, |charset| prefix_crc(&node.path, data, charset));
        self.refresh_digest(id);
    }

    /// Ends a session as the txn at `zxid` did: deletes what it logged, and what the session still
    /// owns.
    pub fn close_session(&mut self, session: SessionId, paths: Option<PathVector<'_>>, zxid: Zxid) {
        self.sessions.remove(&session);
        let owned = self.ephemerals.remove(&session.0).unwrap_or_default();
        let mut owned: Vec<Box<[u8]>> =
            owned.iter().map(|id| self.node(*id).path.clone()).collect();
        owned.sort_unstable();
        for path in paths.iter().flat_map(PathVector::iter) {
            self.delete(path, zxid);
        }
        for path in owned {
            if self.find(&path).is_some() {
                self.delete(&path, zxid);
            }
        }
    }

    /// The sessions that own ephemerals and are not among the tree's sessions, with how many: a
    /// server that leads deletes those at its start, and its followers do not.
    pub fn uncovered_ephemerals(&self) -> Vec<(SessionId, usize)> {
        let mut uncovered: Vec<_> = self
            .ephemerals
            .iter()
            .map(|(owner, owned)| (SessionId(*owner), owned.len()))
            .filter(|(session, count)| *count > 0 && !self.sessions.contains_key(session))
            .collect();
        uncovered.sort_unstable();
        uncovered
    }

    /// How many ephemerals there are.
    pub fn ephemerals(&self) -> usize {
        self.ephemerals.values().map(|owned| owned.len()).sum()
    }

    /// Ends every session, as if each had been closed by a txn at `zxid`.
    pub fn drop_sessions(&mut self, zxid: Zxid) {
        let owners: Vec<i64> = self.ephemerals.keys().copied().collect();
        let known: Vec<i64> = self.sessions.keys().map(|session| session.0).collect();
        for session in owners.into_iter().chain(known) {
            self.close_session(SessionId(session), None, zxid);
        }
    }
}
