//! What a txn does: which znodes it creates, changes and deletes, which sessions it opens and
//! closes. Who wants to know asks here, and need not know the kinds of txns.
//!
//! A request that failed has no effects: an error, and a multi with an error among its parts. Nor
//! has a check. What is told is what the txn says; whether a replay finds the work done already
//! ([`crate::tree::DataTree::apply`]) is another matter, and so are ephemerals that a closeSession
//! of a release before 3.6 deletes without a list.

use super::acl::AclVector;
use super::txn::{Create, Multi, Txn, TxnBody};
use super::txn_kind::TxnKind;

use crate::error::DecodeError;

/// One thing that a txn does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    /// The txn's session begins.
    OpensSession {
        /// The timeout that was agreed on.
        timeout_ms: i32,
    },
    /// The txn's session ends, and whatever ephemerals it still owns.
    ClosesSession {
        /// Whether the txn lists them; then their deletes come first.
        is_listing: bool,
    },
    /// A znode is created, and its parent has a child more.
    Creates(Create<'a>),
    /// A znode's data is set.
    SetsData {
        /// The znode.
        path: &'a [u8],
        /// Null and empty differ.
        data: Option<&'a [u8]>,
        /// The new version.
        version: i32,
    },
    /// A znode's ACL is set.
    SetsAcl {
        /// The znode.
        path: &'a [u8],
        /// The new list.
        acl: AclVector<'a>,
        /// The new version of it.
        version: i32,
    },
    /// A znode is deleted, and its parent has a child less.
    Deletes {
        /// The znode.
        path: &'a [u8],
        /// Whether it goes with its session, and was not deleted by name.
        is_by_close: bool,
    },
}

impl<'a> Effect<'a> {
    /// The znode that is created, changed or deleted.
    pub fn path(&self) -> Option<&'a [u8]> {
        match self {
            Effect::Creates(create) => Some(create.path),
            Effect::SetsData { path, .. }
            | Effect::SetsAcl { path, .. }
            | Effect::Deletes { path, .. } => Some(path),
            Effect::OpensSession { .. } | Effect::ClosesSession { .. } => None,
        }
    }

    /// Whether the list of children of the znode's parent changes.
    pub fn changes_children(&self) -> bool {
        match self {
            Effect::Creates(_) | Effect::Deletes { .. } => true,
            Effect::OpensSession { .. }
            | Effect::ClosesSession { .. }
            | Effect::SetsData { .. }
            | Effect::SetsAcl { .. } => false,
        }
    }
}

/// Which part of a multi.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 0 on.
    pub index: usize,
    /// How many parts the multi has.
    pub count: usize,
    /// How many bytes its body takes.
    pub size_bytes: u64,
}

/// A txn that did not fail and is no multi, or a part of a multi that did not fail.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// Its kind; `None` for a type that is not known.
    pub kind: Option<TxnKind>,
    /// Which part it is.
    pub part: Option<Part>,
    /// Its body; the error is that of a part that does not decode.
    pub body: Result<TxnBody<'a>, DecodeError>,
}

impl<'a> Txn<'a> {
    /// The kind; `None` for a type that is not known.
    pub fn kind(&self) -> Option<TxnKind> {
        self.header.kind()
    }

    /// The parts of a multi, in order, or the txn itself; none of a request that failed.
    pub fn steps(&self) -> impl Iterator<Item = Step<'a>> + use<'a> {
        let (multi, body) = match split(&self.body) {
            Split::Nothing => (None, None),
            Split::Parts(multi) => (Some(multi), None),
            Split::Whole => (None, Some(self.body.clone())),
        };
        let kind = self.kind();
        let whole = body.map(|body| Step {
            kind,
            part: None,
            body: Ok(body),
        });
        let count = multi.map_or(0, |multi| multi.len());
        let parts = multi.into_iter().flat_map(|multi| multi.parts());
        let parts = parts.enumerate().map(move |(index, part)| Step {
            kind: part.kind(),
            part: Some(Part {
                index,
                count,
                size_bytes: part.data.unwrap_or_default().len() as u64,
            }),
            body: part.body(),
        });
        whole.into_iter().chain(parts)
    }
}

impl<'a> TxnBody<'a> {
    /// Whether it is a request that failed.
    pub fn is_failed(&self) -> bool {
        matches!(split(self), Split::Nothing)
    }

    /// What it does, in order; of a multi, what its parts do. A part that does not decode does
    /// nothing.
    pub fn effects(&self) -> impl Iterator<Item = Effect<'a>> + use<'a> {
        let (multi, own) = match split(self) {
            Split::Nothing => (None, None),
            Split::Parts(multi) => (Some(multi), None),
            Split::Whole => (None, Some(self.own_effects())),
        };
        let parts = multi.into_iter().flat_map(|multi| multi.parts());
        let bodies = parts.filter_map(|part| part.body().ok());
        own.into_iter()
            .flatten()
            .chain(bodies.flat_map(|body| body.own_effects()))
    }

    /// What it does itself. A multi does nothing itself, and one within a multi nothing at all: it
    /// cannot be asked for.
    pub fn own_effects(&self) -> impl Iterator<Item = Effect<'a>> + use<'a> {
        let (listed, own) = match self {
            TxnBody::CreateSession { timeout_ms } => {
                let timeout_ms = *timeout_ms;
                (None, Some(Effect::OpensSession { timeout_ms }))
            }
            TxnBody::CloseSession { paths_to_delete } => {
                let is_listing = paths_to_delete.is_some();
                (*paths_to_delete, Some(Effect::ClosesSession { is_listing }))
            }
            TxnBody::Create(create) => (None, Some(Effect::Creates(*create))),
            TxnBody::Delete { path } => {
                let is_by_close = false;
                (None, Some(Effect::Deletes { path, is_by_close }))
            }
            TxnBody::SetData {
                path,
                data,
                version,
            } => {
                let (data, version) = (*data, *version);
                let set = Effect::SetsData {
                    path,
                    data,
                    version,
                };
                (None, Some(set))
            }
            TxnBody::SetAcl { path, acl, version } => {
                let (acl, version) = (*acl, *version);
                (None, Some(Effect::SetsAcl { path, acl, version }))
            }
            TxnBody::Check { .. }
            | TxnBody::Error { .. }
            | TxnBody::Multi(_)
            | TxnBody::Unknown { .. } => (None, None),
        };
        let listed = listed.into_iter().flat_map(|paths| paths.iter());
        let deletes = listed.map(|path| Effect::Deletes {
            path,
            is_by_close: true,
        });
        deletes.chain(own)
    }
}

/// What of a txn did something.
enum Split<'a> {
    /// It failed.
    Nothing,
    /// The parts of a multi.
    Parts(Multi<'a>),
    /// The txn itself.
    Whole,
}

fn split<'a>(body: &TxnBody<'a>) -> Split<'a> {
    match body {
        TxnBody::Error { .. } => Split::Nothing,
        TxnBody::Multi(multi) if multi.is_failed() => Split::Nothing,
        TxnBody::Multi(multi) => Split::Parts(*multi),
        TxnBody::CreateSession { .. }
        | TxnBody::CloseSession { .. }
        | TxnBody::Create(_)
        | TxnBody::Delete { .. }
        | TxnBody::SetData { .. }
        | TxnBody::SetAcl { .. }
        | TxnBody::Check { .. }
        | TxnBody::Unknown { .. } => Split::Whole,
    }
}
