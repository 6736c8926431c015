//! What is known of sessions when they are closed: when they were opened, and which ephemerals went
//! with them.
//!
//! A closeSession of 3.6 and later lists what it deletes. Before that, ephemerals are followed from
//! txn to txn: those of the newest snapshot before the first txn, then what creates and deletes
//! make of them. No tree is needed for it, only the paths of ephemerals. Where txns are missing it
//! begins anew, with a snapshot from within the gap if there is one.

use crate::error::Result;
use crate::format::jute::Reader;
use crate::format::record::txn::TXN_HEADER_LEN;
use crate::format::record::{AclVector, AppliesTo, TxnBody, TxnHeader, TxnKind};
use crate::format::txnlog::Entry;
use crate::history::source::Source;
use crate::tree::{DataTree, Owner};
use crate::zxid::{SessionId, Zxid};
use std::collections::{BTreeSet, HashMap, HashSet};

/// How many open sessions are kept in mind. More are in no ensemble that works.
const SESSIONS_MAX: usize = 1 << 20;

/// How a session began, where the logs have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The createSession.
    pub zxid: Zxid,
    /// Its time, ms since 1970.
    pub time: i64,
    /// The timeout that was agreed on.
    pub timeout_ms: i32,
}

/// How it is known what a closeSession deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// The txn lists it.
    List,
    /// Ephemerals were followed since before the session was opened, or from a snapshot on.
    Replay,
    /// The same, but the session is older than what there is: there may have been more.
    PartialReplay,
}

/// What is known of a session that a txn closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// How it began.
    pub opened: Option<Opened>,
    /// The ephemerals that went with it, in the order of the list, or by path.
    pub removed: Vec<Box<[u8]>>,
    /// How that is known.
    pub known_by: KnownBy,
}

/// Follows sessions and their ephemerals.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    opened: HashMap<SessionId, Opened>,
    owned: HashMap<SessionId, BTreeSet<Box<[u8]>>>,
    owners: HashMap<Box<[u8]>, SessionId>,
    /// Opened in the logs since the last gap.
    whole: HashSet<SessionId>,
    /// Whether what was owned before is known too.
    has_base: bool,
}

impl Sessions {
    /// Begins before the txn in `entry`, which nothing is known of before; behind a gap, `after` is
    /// the last txn before it.
    pub fn restart(&mut self, source: &Source, entry: &Entry<'_>, after: Option<Zxid>) {
        self.owned.clear();
        self.owners.clear();
        self.whole.clear();
        // A txn with a digest is of a release that lists what it deletes. Snapshots are only read
        // where that does not help.
        let is_listing = entry.txn().is_ok_and(|txn| txn.digest.is_some());
        let first = entry.header.zxid;
        self.has_base = !is_listing && self.load(source, after, first).unwrap_or(false);
        self.has_base |= after.is_none() && first.counter() == 1 && first.epoch() <= 1;
    }

    /// Takes the ephemerals of the newest snapshot from `after` on and before `first`. One that is
    /// damaged is passed over, and nothing of it is taken: `verify` is there to judge.
    fn load(&mut self, source: &Source, after: Option<Zxid>, first: Zxid) -> Result<bool> {
        let mut fitting = source.snapshots().iter().rev().filter(|snapshot| {
            snapshot.zxid() < first && after.is_none_or(|after| snapshot.zxid() >= after)
        });
        let Some(snapshot) = fitting.next() else {
            return Ok(false);
        };
        let mut reader = source.open_snapshot(snapshot)?;
        let mut judge = DataTree::empty();
        for (session, timeout_ms) in &reader.sessions {
            judge.load_session(*session, *timeout_ms);
        }
        let mut owned: Vec<(SessionId, Box<[u8]>)> = Vec::new();
        while let Some(node) = reader.next_node()? {
            if let Owner::Session(session) = judge.owner_of(&node.stat) {
                owned.push((session, node.path.into()));
            }
        }
        // Its checksum stands behind all of them.
        reader.finish()?;
        for (session, path) in owned {
            self.own(session, &path);
        }
        Ok(true)
    }

    /// Takes in the txn in `entry`; tells what is known of the session that it closes, if it closes
    /// one.
    pub fn see(&mut self, entry: &Entry<'_>) -> Option<Closed> {
        let header = &entry.header;
        let kind = header.kind()?;
        match kind.applies_to() {
            AppliesTo::NewSession => {
                if let Ok(TxnBody::CreateSession { timeout_ms }) = entry.txn().map(|txn| txn.body)
                    && self.opened.len() < SESSIONS_MAX
                {
                    let (zxid, time) = (header.zxid, header.time);
                    self.whole.insert(header.client_id);
                    self.opened.insert(
                        header.client_id,
                        Opened {
                            zxid,
                            time,
                            timeout_ms,
                        },
                    );
                }
                None
            }
            AppliesTo::EndedSession => Some(self.close(entry)),
            AppliesTo::Parts => {
                self.see_multi(entry);
                None
            }
            AppliesTo::Znode => {
                let body = entry.payload.get(TXN_HEADER_LEN..).unwrap_or_default();
                self.see_part(header, kind, body);
                None
            }
            AppliesTo::Nothing => None,
        }
    }

    fn see_multi(&mut self, entry: &Entry<'_>) {
        let Ok(TxnBody::Multi(multi)) = entry.txn().map(|txn| txn.body) else {
            return;
        };
        if multi.is_failed() {
            return;
        }
        for part in multi.parts() {
            if let Some(kind) = part.kind() {
                self.see_part(&entry.header, kind, part.data.unwrap_or_default());
            }
        }
    }

    /// Sees a change of a znode. Whether it is of an ephemeral is told from its first fields.
    fn see_part(&mut self, header: &TxnHeader, kind: TxnKind, body: &[u8]) {
        match kind {
            TxnKind::Create | TxnKind::Create2 => {
                if let Some(path) = ephemeral_path(body) {
                    self.own(header.client_id, path);
                }
            }
            TxnKind::Delete => {
                if !self.owners.is_empty()
                    && let Ok(path) = Reader::new(body, 0).string("path")
                {
                    self.disown(path);
                }
            }
            // A container is no ephemeral, nor is a znode with a time to live.
            TxnKind::CreateContainer | TxnKind::CreateTtl | TxnKind::DeleteContainer => {}
            TxnKind::CreateSession
            | TxnKind::CloseSession
            | TxnKind::SetData
            | TxnKind::SetAcl
            | TxnKind::Check
            | TxnKind::Multi
            | TxnKind::Reconfig
            | TxnKind::Error => {}
        }
    }

    fn own(&mut self, session: SessionId, path: &[u8]) {
        self.disown(path);
        self.owners.insert(path.into(), session);
        self.owned.entry(session).or_default().insert(path.into());
    }

    fn disown(&mut self, path: &[u8]) {
        if let Some(session) = self.owners.remove(path)
            && let Some(owned) = self.owned.get_mut(&session)
        {
            owned.remove(path);
        }
    }

    fn close(&mut self, entry: &Entry<'_>) -> Closed {
        let session = entry.header.client_id;
        let owned = self.owned.remove(&session).unwrap_or_default();
        for path in &owned {
            self.owners.remove(path);
        }
        let opened = self.opened.remove(&session);
        let is_whole = self.whole.remove(&session) || self.has_base;
        let listed = match entry.txn().map(|txn| txn.body) {
            Ok(TxnBody::CloseSession { paths_to_delete }) => paths_to_delete,
            Ok(_) | Err(_) => None,
        };
        let (removed, known_by) = match listed {
            Some(paths) => {
                let removed: Vec<Box<[u8]>> = paths.iter().map(Into::into).collect();
                for path in &removed {
                    self.disown(path);
                }
                (removed, KnownBy::List)
            }
            None if is_whole => (owned.into_iter().collect(), KnownBy::Replay),
            None => (owned.into_iter().collect(), KnownBy::PartialReplay),
        };
        Closed {
            opened,
            removed,
            known_by,
        }
    }
}

/// The path of a create's body, if it makes an ephemeral.
fn ephemeral_path(body: &[u8]) -> Option<&[u8]> {
    let mut input = Reader::new(body, 0);
    let path = input.string("path").ok()?;
    input.buffer("data").ok()?;
    AclVector::decode(&mut input).ok()?;
    input.boolean("ephemeral").ok()?.then_some(path)
}
