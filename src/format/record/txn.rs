//! Txns: what a log record's payload holds (`TxnHeader`, a body by type, perhaps a `TxnDigest`).
//!
//! | offset | size | field of the header |
//! |---|---|---|
//! | 0 | 8 | clientId: the session; 0 for the server's own deletes of containers |
//! | 8 | 4 | cxid: the client's request counter |
//! | 12 | 8 | zxid |
//! | 20 | 8 | time: the leader's clock, ms since 1970 |
//! | 28 | 4 | type, the code of a [`TxnKind`] |
//!
//! | type | body |
//! |---|---|
//! | −10 createSession | int timeout |
//! | −11 closeSession | vector of ustring paths2Delete (3.6.0+, absent if `closeSessionTxn.enabled=false`); nothing before |
//! | −1 error | int err |
//! | 1 create, 15 create2 (3.5.0+) | ustring path, buffer data, vector of ACL, boolean ephemeral, int parentCVersion (a create of 3.3 has none) |
//! | 2 delete, 20 deleteContainer (3.5.1+) | ustring path |
//! | 5 setData, 16 reconfig (3.5.0+) | ustring path, buffer data, int version: the new one |
//! | 7 setACL | ustring path, vector of ACL, int version: the new one |
//! | 13 check | ustring path, int version |
//! | 14 multi | vector of (int type, buffer body) |
//! | 19 createContainer (3.5.1+) | ustring path, buffer data, vector of ACL, int parentCVersion |
//! | 21 createTTL (3.5.3+) | as createContainer, then long ttl |
//!
//! Nothing announces the digest (int version 2, long tree digest; 3.6.0+): it is the 12 bytes left
//! after the body. `SerializeUtils.deserializeTxn` (3.6+) reads them if there are 12 and ignores
//! anything else.
//!
//! A closeSession is ambiguous: no bytes is no body; 12 bytes that begin with an int 2 are a digest
//! (a vector of two paths takes more); else there is a body.

use crate::error::{DecodeError, Fault};
use crate::format::jute::{Put, Reader};
use crate::format::record::acl::AclVector;
use crate::format::record::txn_kind::TxnKind;
use crate::zxid::{SessionId, Zxid};

type Result<T> = std::result::Result<T, DecodeError>;

/// The size of an encoded [`TxnHeader`].
pub const TXN_HEADER_LEN: usize = 8 + 4 + 8 + 8 + 4;
/// The size of an encoded [`TxnDigest`].
const TXN_DIGEST_LEN: usize = 4 + 8;
/// The only version of digests that any server writes.
pub const DIGEST_VERSION: i32 = 2;

/// Who did it, when, and what kind of thing it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxnHeader {
    /// The session.
    pub client_id: SessionId,
    /// The client's request counter.
    pub cxid: i32,
    /// The txn's own id.
    pub zxid: Zxid,
    /// The leader's clock, ms since 1970. It may step back.
    pub time: i64,
    /// The code of a [`TxnKind`], or something newer.
    pub txn_type: i32,
}

impl TxnHeader {
    /// Takes a header off `input`.
    ///
    /// # Errors
    /// When the input ends.
    pub fn decode(input: &mut Reader<'_>) -> Result<TxnHeader> {
        Ok(TxnHeader {
            client_id: SessionId(input.long("clientId")?),
            cxid: input.int("cxid")?,
            zxid: Zxid::from_i64(input.long("zxid")?),
            time: input.long("time")?,
            txn_type: input.int("type")?,
        })
    }

    /// Puts the header at the end of `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_long(self.client_id.0);
        out.put_int(self.cxid);
        out.put_long(self.zxid.to_i64());
        out.put_long(self.time);
        out.put_int(self.txn_type);
    }

    /// The kind of the txn; `None` for a type that is not known.
    pub fn kind(&self) -> Option<TxnKind> {
        TxnKind::from_code(self.txn_type)
    }
}

/// The digest of the whole tree after a txn, as the leader computed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxnDigest {
    /// 2, so far.
    pub version: i32,
    /// The sum over all znodes; see [`crate::format::record::digest`].
    pub tree_digest: i64,
}

/// One logged change. It borrows from the payload that it was decoded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn<'a> {
    /// Who, when, what kind.
    pub header: TxnHeader,
    /// What.
    pub body: TxnBody<'a>,
    /// The tree's digest afterwards, where the server wrote one.
    pub digest: Option<TxnDigest>,
    /// Bytes that servers ignore. None that was released writes any.
    pub excess: &'a [u8],
}

/// What a txn did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "fields have ZooKeeper's names, explained in the module's table"
)]
pub enum TxnBody<'a> {
    CreateSession {
        timeout_ms: i32,
    },
    /// `paths_to_delete` is the session's ephemerals; `None` where the server did not log them.
    CloseSession {
        paths_to_delete: Option<PathVector<'a>>,
    },
    Error {
        err: i32,
    },
    Create(Create<'a>),
    /// A delete or deleteContainer.
    Delete {
        path: &'a [u8],
    },
    /// A setData or reconfig. `version` is the new one.
    SetData {
        path: &'a [u8],
        data: Option<&'a [u8]>,
        version: i32,
    },
    /// `version` is the new one.
    SetAcl {
        path: &'a [u8],
        acl: AclVector<'a>,
        version: i32,
    },
    Check {
        path: &'a [u8],
        version: i32,
    },
    Multi(Multi<'a>),
    /// A type that this program does not know; all bytes after the header.
    Unknown {
        bytes: &'a [u8],
    },
}

/// The four kinds of create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateKind {
    /// `create` or `create2`, which differ in nothing but their number.
    Plain {
        /// Whether it is bound to the session.
        ephemeral: bool,
    },
    /// Deleted by the server when its last child is gone.
    Container,
    /// Deleted by the server when it was not changed for so long and has no children.
    Ttl {
        /// Milliseconds.
        ttl_ms: i64,
    },
}

/// The body of a create, create2, createContainer or createTTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Create<'a> {
    /// The new znode.
    pub path: &'a [u8],
    /// Its data; null and empty differ.
    pub data: Option<&'a [u8]>,
    /// Its ACL; null is open.
    pub acl: AclVector<'a>,
    /// What kind of znode.
    pub kind: CreateKind,
    /// The parent's cversion afterwards; `None` in records of 3.3, which lack the field.
    pub parent_cversion: Option<i32>,
}

/// A vector of paths, checked and still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathVector<'a>(&'a [u8]);

impl<'a> PathVector<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<PathVector<'a>> {
        let start = input.position();
        for _ in 0..input.count(4, "paths2Delete")?.unwrap_or(0) {
            input.string("path")?;
        }
        Ok(PathVector(input.since(start)))
    }

    /// The paths, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut input = Reader::new(self.0, 0);
        let count = input.count(4, "paths2Delete").ok().flatten().unwrap_or(0);
        (0..count).map_while(move |_| input.string("path").ok())
    }
}

/// The body of a multi, its parts framed and still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multi<'a> {
    bytes: &'a [u8],
    base: u64,
}

/// One part of a multi.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubTxn<'a> {
    /// The code of a [`TxnKind`], or something newer.
    pub txn_type: i32,
    /// The body, by type: no header, no digest.
    pub data: Option<&'a [u8]>,
    base: u64,
}

impl<'a> Multi<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Multi<'a>> {
        let (start, base) = (input.position(), input.offset());
        for _ in 0..input.count(8, "txns")?.unwrap_or(0) {
            input.int("type")?;
            input.buffer("data")?;
        }
        Ok(Multi {
            bytes: input.since(start),
            base,
        })
    }

    /// The parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = SubTxn<'a>> + use<'a> {
        let mut input = Reader::new(self.bytes, self.base);
        let count = input.count(8, "txns").ok().flatten().unwrap_or(0);
        (0..count).map_while(move |_| {
            let txn_type = input.int("type").ok()?;
            let base = input.offset() + 4;
            let data = input.buffer("data").ok()?;
            Some(SubTxn {
                txn_type,
                data,
                base,
            })
        })
    }

    /// How many parts there are.
    pub fn len(&self) -> usize {
        let count = Reader::new(self.bytes, self.base).count(8, "txns");
        count.ok().flatten().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the multi failed as a whole: one error among the parts undoes all of them.
    pub fn is_failed(&self) -> bool {
        self.parts().any(|part| part.kind() == Some(TxnKind::Error))
    }
}

impl<'a> SubTxn<'a> {
    /// The kind of the part; `None` for a type that is not known.
    pub fn kind(&self) -> Option<TxnKind> {
        TxnKind::from_code(self.txn_type)
    }

    /// Decodes the part's body. An error's may be longer than its int: the rest is meaningless and
    /// left alone.
    ///
    /// # Errors
    /// When the body is shorter than its type needs.
    pub fn body(&self) -> Result<TxnBody<'a>> {
        let mut input = Reader::new(self.data.unwrap_or_default(), self.base);
        decode_body(self.txn_type, &mut input)
    }
}

impl<'a> TxnBody<'a> {
    /// The path that it names, where it names one.
    pub fn path(&self) -> Option<&'a [u8]> {
        match self {
            TxnBody::Create(create) => Some(create.path),
            TxnBody::Delete { path }
            | TxnBody::SetData { path, .. }
            | TxnBody::SetAcl { path, .. }
            | TxnBody::Check { path, .. } => Some(path),
            TxnBody::CreateSession { .. }
            | TxnBody::CloseSession { .. }
            | TxnBody::Error { .. }
            | TxnBody::Multi(_)
            | TxnBody::Unknown { .. } => None,
        }
    }
}

impl<'a> Txn<'a> {
    /// Decodes a record's payload, whose first byte is at `base` of its file.
    ///
    /// # Errors
    /// When the payload is shorter than its type needs, or a length in it is impossible.
    pub fn decode(payload: &'a [u8], base: u64) -> Result<Txn<'a>> {
        let mut input = Reader::new(payload, base);
        let header = TxnHeader::decode(&mut input)?;
        let kind = header.kind();
        let body = if kind == Some(TxnKind::CloseSession) && lacks_list(input.rest()) {
            TxnBody::CloseSession {
                paths_to_delete: None,
            }
        } else {
            let start = input.clone();
            match decode_body(header.txn_type, &mut input) {
                Err(_) if kind == Some(TxnKind::Create) => {
                    input = start;
                    decode_create_v0(&mut input)?
                }
                body => body?,
            }
        };
        let digest = if input.rest().len() >= TXN_DIGEST_LEN {
            Some(TxnDigest {
                version: input.int("digest version")?,
                tree_digest: input.long("tree digest")?,
            })
        } else {
            None
        };
        Ok(Txn {
            header,
            body,
            digest,
            excess: input.rest(),
        })
    }

    /// Puts the payload at the end of `out`: the very bytes that [`Txn::decode`] was given, but
    /// that a boolean is written as 0 or 1, as every server writes it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.header.encode(out);
        encode_body(self.header.txn_type, &self.body, out);
        if let Some(digest) = self.digest {
            out.put_int(digest.version);
            out.put_long(digest.tree_digest);
        }
        out.extend_from_slice(self.excess);
    }
}

/// The bodies that stand the same at the top and within a multi.
fn decode_body<'a>(txn_type: i32, input: &mut Reader<'a>) -> Result<TxnBody<'a>> {
    let Some(kind) = TxnKind::from_code(txn_type) else {
        return Ok(TxnBody::Unknown {
            bytes: input.take(input.rest().len(), "body")?,
        });
    };
    Ok(match kind {
        TxnKind::CreateSession => TxnBody::CreateSession {
            timeout_ms: input.int("timeout")?,
        },
        TxnKind::CloseSession => TxnBody::CloseSession {
            paths_to_delete: Some(PathVector::decode(input)?),
        },
        TxnKind::Error => TxnBody::Error {
            err: input.int("err")?,
        },
        TxnKind::Create | TxnKind::Create2 => TxnBody::Create(Create {
            path: input.string("path")?,
            data: input.buffer("data")?,
            acl: AclVector::decode(input)?,
            kind: CreateKind::Plain {
                ephemeral: input.boolean("ephemeral")?,
            },
            parent_cversion: Some(input.int("parentCVersion")?),
        }),
        TxnKind::CreateContainer => TxnBody::Create(Create {
            path: input.string("path")?,
            data: input.buffer("data")?,
            acl: AclVector::decode(input)?,
            kind: CreateKind::Container,
            parent_cversion: Some(input.int("parentCVersion")?),
        }),
        TxnKind::CreateTtl => {
            let path = input.string("path")?;
            let data = input.buffer("data")?;
            let acl = AclVector::decode(input)?;
            let parent_cversion = Some(input.int("parentCVersion")?);
            let kind = CreateKind::Ttl {
                ttl_ms: input.long("ttl")?,
            };
            TxnBody::Create(Create {
                path,
                data,
                acl,
                kind,
                parent_cversion,
            })
        }
        TxnKind::Delete | TxnKind::DeleteContainer => TxnBody::Delete {
            path: input.string("path")?,
        },
        TxnKind::SetData | TxnKind::Reconfig => TxnBody::SetData {
            path: input.string("path")?,
            data: input.buffer("data")?,
            version: input.int("version")?,
        },
        TxnKind::SetAcl => TxnBody::SetAcl {
            path: input.string("path")?,
            acl: AclVector::decode(input)?,
            version: input.int("version")?,
        },
        TxnKind::Check => TxnBody::Check {
            path: input.string("path")?,
            version: input.int("version")?,
        },
        TxnKind::Multi => TxnBody::Multi(Multi::decode(input)?),
    })
}

/// Whether what follows the header of a closeSession is no list: it is nothing, or a digest.
fn lacks_list(rest: &[u8]) -> bool {
    rest.is_empty()
        || (rest.len() == TXN_DIGEST_LEN && rest.starts_with(&DIGEST_VERSION.to_be_bytes()))
}

/// A create as 3.3 wrote it. `SerializeUtils` tries this shape when the newer one does not fit.
fn decode_create_v0<'a>(input: &mut Reader<'a>) -> Result<TxnBody<'a>> {
    Ok(TxnBody::Create(Create {
        path: input.string("path")?,
        data: input.buffer("data")?,
        acl: AclVector::decode(input)?,
        kind: CreateKind::Plain {
            ephemeral: input.boolean("ephemeral")?,
        },
        parent_cversion: None,
    }))
}

/// Puts `body` at the end of `out`, in the shape of its type.
pub fn encode_body(txn_type: i32, body: &TxnBody<'_>, out: &mut Vec<u8>) {
    match body {
        TxnBody::CreateSession { timeout_ms } => out.put_int(*timeout_ms),
        TxnBody::CloseSession { paths_to_delete } => {
            out.extend_from_slice(paths_to_delete.map(|paths| paths.0).unwrap_or_default());
        }
        TxnBody::Error { err } => out.put_int(*err),
        TxnBody::Create(create) => {
            out.put_buffer(Some(create.path));
            out.put_buffer(create.data);
            out.extend_from_slice(create.acl.bytes());
            if let CreateKind::Plain { ephemeral } = create.kind {
                out.put_boolean(ephemeral);
            }
            if let Some(cversion) = create.parent_cversion {
                out.put_int(cversion);
            }
            if let CreateKind::Ttl { ttl_ms } = create.kind {
                out.put_long(ttl_ms);
            }
        }
        TxnBody::Delete { path } => out.put_buffer(Some(path)),
        TxnBody::SetData {
            path,
            data,
            version,
        } => {
            out.put_buffer(Some(path));
            out.put_buffer(*data);
            out.put_int(*version);
        }
        TxnBody::SetAcl { path, acl, version } => {
            out.put_buffer(Some(path));
            out.extend_from_slice(acl.bytes());
            out.put_int(*version);
        }
        TxnBody::Check { path, version } => {
            out.put_buffer(Some(path));
            out.put_int(*version);
        }
        TxnBody::Multi(multi) => out.extend_from_slice(multi.bytes),
        TxnBody::Unknown { bytes } => out.extend_from_slice(bytes),
    }
    let is_known = TxnKind::from_code(txn_type).is_some();
    debug_assert!(is_known || matches!(body, TxnBody::Unknown { .. }));
}

/// The fault of a type that no release knows.
pub fn unknown_type(header: &TxnHeader) -> Fault {
    Fault::UnknownTxnType {
        txn_type: header.txn_type,
    }
}

#[cfg(test)]
#[path = "txn_tests.rs"]
mod tests;
