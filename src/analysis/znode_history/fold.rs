//! What each txn made of the znodes that are asked for, from those txns alone.
//!
//! A snapshot named N was written while later txns were applied, to some E. Of a znode it tells the
//! state at a moment between the two, each znode's of another. Replaying from N makes the tree
//! right at E, and on the way some znodes are ahead. Here every txn behind N is gone through once,
//! and what a znode was *before* it is told only where it is certain:
//!
//! - What has a zxid no later than N (`czxid`, `mzxid`, `pzxid`) was so at N. What has a later one
//!   is unknown until a txn sets it.
//! - A txn tells what it makes: a create the whole znode, a setData data and version, a setACL list
//!   and version. A create was only logged because there was no znode; a setData, a setACL or a
//!   delete because there was one.
//! - A path without a txn up to E is as the snapshot has it, and so at E is every part of a znode
//!   that no txn up to E touched.
//!
//! E is one txn behind the last that the snapshot says it has: of that one it may have some parts.
//!
//! So knowledge only grows, and behind E nothing is unknown. Behind a gap, everything is forgotten.

use super::initial_state::Beginning;
use super::scope::Scope;
use super::znode::{Known, State, Znode};
use super::{Cause, Change, Event};
use crate::error::{DecodeError, Result};
use crate::format::record::acl::OPEN_ACL_UNSAFE;
use crate::format::record::{AclVector, Create, CreateKind, Effect, Stat, Txn, TxnHeader, TxnKind};
use crate::tree::{CONTAINER_OWNER, parent_path, root_as_empty, ttl_owner};
use crate::zxid::{SessionId, Zxid};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The state of the scope, as txns go by.
pub(super) struct Fold<'a> {
    scope: &'a Scope,
    wants_children: bool,
    beginning: Beginning,
    /// Whether the beginning is a base; without one nothing is known of a path that no txn touched.
    has_base: bool,
    is_settled: bool,
    states: HashMap<Box<[u8]>, State>,
    /// Ephemerals in the scope and right below it: by their owners, and the owner of each.
    owned: HashMap<i64, BTreeSet<Box<[u8]>>>,
    owners: HashMap<Box<[u8]>, i64>,
    opened: HashSet<SessionId>,
    /// CloseSessions within the fuzzy range that do not say what they deleted.
    pub uncertain_closes: Vec<Zxid>,
}

/// Where in a txn something stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    header: &'a TxnHeader,
    /// The index of the part of the multi, and how many there are.
    part: Option<(usize, usize)>,
    /// The kind of the txn, and of the part.
    txn_kind: TxnKind,
    op: TxnKind,
}

type Sink<'s> = &'s mut dyn FnMut(Event) -> Result<()>;

impl<'a> Fold<'a> {
    /// A fold that knows nothing.
    pub fn new(scope: &'a Scope, wants_children: bool) -> Fold<'a> {
        Fold {
            scope,
            wants_children,
            beginning: Beginning::default(),
            has_base: false,
            is_settled: true,
            states: HashMap::new(),
            owned: HashMap::new(),
            owners: HashMap::new(),
            opened: HashSet::new(),
            uncertain_closes: Vec::new(),
        }
    }

    /// Takes in what a base tells; what is known already stays.
    pub fn begin(&mut self, beginning: Beginning) {
        for (path, znode) in &beginning.znodes {
            self.own(znode.stat.ephemeral_owner, path);
        }
        for (owner, path) in &beginning.children_owned {
            self.own(*owner, path);
        }
        self.is_settled = beginning.fuzzy_to <= beginning.floor;
        self.beginning = beginning;
        self.has_base = true;
    }

    /// What is known of `path` now.
    pub fn state(&self, path: &[u8]) -> State {
        if let Some(state) = self.states.get(path) {
            return state.clone();
        }
        match self.beginning.znodes.get(path) {
            _ if !self.has_base => State::Unknown,
            Some(record) if self.is_settled => State::Present(record.clone()),
            Some(record) => record.as_of(self.beginning.floor),
            None if self.is_settled => State::Absent { deleted: None },
            None => State::Unknown,
        }
    }

    /// All paths of which anything is known.
    pub fn paths(&self) -> impl Iterator<Item = &[u8]> {
        let touched = self.states.keys();
        let untouched = self
            .beginning
            .znodes
            .keys()
            .filter(|path| !self.states.contains_key(*path));
        touched.chain(untouched).map(|path| &**path)
    }

    /// Says that every txn up to `zxid` was gone through.
    pub fn pass(&mut self, zxid: Zxid) {
        if self.is_settled || zxid < self.beginning.fuzzy_to {
            return;
        }
        self.is_settled = true;
        for (path, state) in &mut self.states {
            let Some(record) = self.beginning.znodes.get(path) else {
                continue;
            };
            match state {
                State::Present(znode) => znode.settle(record),
                State::Unknown => *state = State::Present(record.clone()),
                State::Absent { .. } => {}
            }
        }
    }

    /// Goes through one txn.
    pub fn apply(
        &mut self,
        txn: &Txn<'_>,
        sink: Sink<'_>,
    ) -> Result<std::result::Result<(), DecodeError>> {
        let header = &txn.header;
        self.pass(header.zxid.prev());
        for step in txn.steps() {
            let body = match step.body {
                Ok(body) => body,
                Err(error) => return Ok(Err(error)),
            };
            // What is not known has no effects.
            let (Some(txn_kind), Some(op)) = (txn.kind(), step.kind) else {
                continue;
            };
            let place = Place {
                header,
                part: step.part.map(|part| (part.index, part.count)),
                txn_kind,
                op,
            };
            for effect in body.own_effects() {
                self.apply_one(place, effect, sink)?;
            }
        }
        Ok(Ok(()))
    }

    fn apply_one(&mut self, place: Place<'_>, effect: Effect<'_>, sink: Sink<'_>) -> Result<()> {
        match effect {
            Effect::Creates(create) => self.create(place, &create, sink),
            Effect::Deletes { path, is_by_close } => {
                let cause = match (is_by_close, place.op.is_by_server()) {
                    (true, _) => Cause::SessionClosed { listed: true },
                    (false, true) => Cause::Expired,
                    (false, false) => Cause::Request,
                };
                self.delete(place, path, cause, sink)
            }
            Effect::SetsData {
                path,
                data,
                version,
            } => self.set(place, path, Change::DataSet, sink, |znode| {
                znode.data = data.map(Into::into);
                znode.stat.version = version;
                znode.stat.mzxid = place.header.zxid;
                znode.stat.mtime = place.header.time;
                znode.known.data = true;
            }),
            Effect::SetsAcl { path, acl, version } => {
                self.set(place, path, Change::AclSet, sink, |znode| {
                    znode.acl = Some(bytes_of(acl).into());
                    znode.stat.aversion = version;
                    znode.known.acl = true;
                })
            }
            Effect::OpensSession { .. } => {
                self.opened.insert(place.header.client_id);
                Ok(())
            }
            Effect::ClosesSession { is_listing } => self.close_session(place, is_listing, sink),
        }
    }

    fn create(&mut self, place: Place<'_>, create: &Create<'_>, sink: Sink<'_>) -> Result<()> {
        let path = root_as_empty(create.path);
        let header = place.header;
        let owner = match create.kind {
            CreateKind::Plain { ephemeral: false } => 0,
            CreateKind::Plain { ephemeral: true } => header.client_id.0,
            CreateKind::Container => CONTAINER_OWNER,
            CreateKind::Ttl { ttl_ms } => ttl_owner(ttl_ms),
        };
        if self.scope.concerns(path) {
            self.own(owner, path);
        }
        if self.scope.is_match(path) {
            // It was logged because there was none, whatever a fuzzy snapshot has of a later life.
            let again = match self.states.get(path) {
                Some(State::Absent { deleted }) => *deleted,
                _ => None,
            };
            let znode = Znode {
                data: create.data.map(Into::into),
                acl: Some(bytes_of(create.acl).into()),
                stat: Stat {
                    czxid: header.zxid,
                    mzxid: header.zxid,
                    pzxid: header.zxid,
                    ctime: header.time,
                    mtime: header.time,
                    ephemeral_owner: owner,
                    ..Stat::default()
                },
                known: Known::ALL,
            };
            let before = State::Absent { deleted: again };
            self.tell(
                place,
                path,
                Change::Created { again },
                before,
                State::Present(znode),
                sink,
            )?;
        }
        let change = self
            .wants_children
            .then(|| Change::ChildCreated { child: path.into() });
        self.touch_parent(place, path, change, sink, |stat, known| {
            let next = known.children.then(|| stat.cversion.wrapping_add(1));
            let told = create.parent_cversion.filter(|cversion| *cversion != -1);
            // A replay on a fuzzy snapshot only raises it; in order it only rises.
            if let Some(cversion) = told.or(next) {
                stat.cversion = cversion;
                known.children = true;
            }
            stat.pzxid = header.zxid;
        })
    }

    fn delete(
        &mut self,
        place: Place<'_>,
        path: &[u8],
        cause: Cause,
        sink: Sink<'_>,
    ) -> Result<()> {
        let path = root_as_empty(path);
        let zxid = place.header.zxid;
        self.disown(path);
        let mut is_gone = false;
        if self.scope.is_match(path) {
            let before = self.state(path);
            // Servers pass over what a closeSession lists and is gone.
            is_gone = matches!(before, State::Absent { .. });
            if !is_gone {
                let after = State::Absent {
                    deleted: Some(zxid),
                };
                self.tell(place, path, Change::Deleted(cause), before, after, sink)?;
            }
        }
        let change = (self.wants_children && !is_gone).then(|| Change::ChildDeleted {
            child: path.into(),
            cause,
        });
        self.touch_parent(place, path, change, sink, |stat, _| {
            stat.pzxid = stat.pzxid.max(zxid);
        })
    }

    fn own(&mut self, owner: i64, path: &[u8]) {
        if owner != 0 {
            self.owned.entry(owner).or_default().insert(path.into());
            self.owners.insert(path.into(), owner);
        }
    }

    fn disown(&mut self, path: &[u8]) {
        if let Some(owner) = self.owners.remove(path)
            && let Some(owned) = self.owned.get_mut(&owner)
        {
            owned.remove(path);
        }
    }

    fn set(
        &mut self,
        place: Place<'_>,
        path: &[u8],
        change: Change,
        sink: Sink<'_>,
        edit: impl FnOnce(&mut Znode),
    ) -> Result<()> {
        let path = root_as_empty(path);
        if !self.scope.is_match(path) {
            return Ok(());
        }
        let before = self.state(path);
        // There is none to set, as far as is known: a server does nothing either.
        if matches!(before, State::Absent { .. }) {
            return Ok(());
        }
        let mut after = before.clone();
        edit(after.znode_mut());
        self.tell(place, path, change, before, after, sink)
    }

    /// Changes the parent of `path`, where it is asked for.
    fn touch_parent(
        &mut self,
        place: Place<'_>,
        path: &[u8],
        change: Option<Change>,
        sink: Sink<'_>,
        edit: impl FnOnce(&mut Stat, &mut Known),
    ) -> Result<()> {
        let Some(parent) = parent_path(path).filter(|parent| self.scope.is_match(parent)) else {
            return Ok(());
        };
        let before = self.state(parent);
        if matches!(before, State::Absent { .. }) {
            return Ok(());
        }
        let mut after = before.clone();
        let znode = after.znode_mut();
        edit(&mut znode.stat, &mut znode.known);
        match change {
            Some(change) => self.tell(place, parent, change, before, after, sink),
            None => {
                self.states.insert(parent.into(), after);
                Ok(())
            }
        }
    }

    /// Ends a session; what the txn lists is deleted already.
    fn close_session(&mut self, place: Place<'_>, is_listing: bool, sink: Sink<'_>) -> Result<()> {
        let session = place.header.client_id;
        if !is_listing && !self.is_settled && !self.opened.contains(&session) {
            self.uncertain_closes.push(place.header.zxid);
        }
        // What the session still owns goes with it, in an order that no txn tells.
        for path in self.owned.remove(&session.0).unwrap_or_default() {
            let cause = Cause::SessionClosed { listed: false };
            self.delete(place, &path, cause, sink)?;
        }
        Ok(())
    }

    fn tell(
        &mut self,
        place: Place<'_>,
        path: &[u8],
        change: Change,
        before: State,
        after: State,
        sink: Sink<'_>,
    ) -> Result<()> {
        self.states.insert(path.into(), after.clone());
        let header = place.header;
        sink(Event {
            zxid: header.zxid,
            time: header.time,
            session: header.client_id,
            cxid: header.cxid,
            txn_kind: place.txn_kind,
            part: place.part,
            op: place.op,
            path: path.into(),
            change,
            before,
            after,
        })
    }
}

/// The list that a txn gives a znode: null is open.
fn bytes_of(acl: AclVector<'_>) -> &[u8] {
    match acl.is_null() {
        true => OPEN_ACL_UNSAFE.bytes(),
        false => acl.bytes(),
    }
}
