//! Records as a server decodes them (`SerializeUtils.deserializeTxn`, the classes that jute
//! generates).
//!
//! [`crate::format::record`] reads what is there; this reads what a given release makes of it,
//! nulls and all.

use super::cohort::Cohort;
use super::java::{InputArchive, SliceInput};
use super::limits::Limits;
use super::rules::Rules;
use super::thrown::{Result, Thrown};
use crate::format::jute::{Put, Reader, length};
use crate::format::record::{TxnDigest, TxnHeader, TxnKind};

/// A string, which may be null.
pub type Text = Option<Box<[u8]>>;

/// What a record asks for.
#[derive(Debug)]
pub enum Body {
    CreateSession(i32),
    /// With the paths that it lists.
    CloseSession(Option<Vec<Text>>),
    Create(Create),
    Delete(Text),
    SetData {
        path: Text,
        data: Option<Box<[u8]>>,
        version: i32,
    },
    SetAcl {
        path: Text,
        acl: Option<Box<[u8]>>,
        version: i32,
    },
    Error(i32),
    Check,
    Multi(Option<Vec<Part>>),
}

/// A create of any kind.
#[derive(Debug)]
pub struct Create {
    pub path: Text,
    pub data: Option<Box<[u8]>>,
    pub acl: Option<Box<[u8]>>,
    pub kind: Kind,
    pub parent_cversion: i32,
}

/// What kind of znode a create makes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Plain { ephemeral: bool },
    Container,
    Ttl(i64),
}

/// A part of a multi, not decoded yet.
#[derive(Debug)]
pub struct Part {
    pub txn_type: i32,
    pub data: Option<Box<[u8]>>,
}

impl Part {
    /// The kind of the part; `None` for a type that is not known.
    pub fn kind(&self) -> Option<TxnKind> {
        TxnKind::from_code(self.txn_type)
    }
}

/// A record's payload.
pub struct Record {
    pub header: TxnHeader,
    pub kind: TxnKind,
    pub body: Body,
    /// The digest behind the body, for those that read it.
    pub digest: Option<TxnDigest>,
}

/// Decodes the payload of a record.
///
/// # Errors
/// [`Thrown::Eof`] when it is too short, which ends the file; others end the load.
pub fn decode(payload: &[u8], cohort: &Cohort) -> Result<Record> {
    let header = TxnHeader::decode(&mut Reader::new(payload, 0)).map_err(|_| Thrown::Eof)?;
    let mut input = SliceInput::new(payload, Limits::Of(cohort));
    input.take(crate::format::record::txn::TXN_HEADER_LEN)?;
    let Some(kind) = header.kind().filter(|kind| cohort.knows(*kind)) else {
        return Err(cohort.ask(|rules| rules.unsupported(header.txn_type)));
    };
    let start = input.rest();
    let body = match body(kind, &mut input, cohort) {
        Err(Thrown::Eof) if kind == TxnKind::Create => {
            input = SliceInput::new(start, Limits::Of(cohort));
            create_v0(&mut input)?
        }
        Err(Thrown::Eof) if kind == TxnKind::CloseSession => Body::CloseSession(None),
        other => other?,
    };
    let digest = digest(&mut input).ok();
    Ok(Record {
        header,
        kind,
        body,
        digest,
    })
}

fn digest(input: &mut SliceInput<'_>) -> Result<TxnDigest> {
    Ok(TxnDigest {
        version: input.int()?,
        tree_digest: input.long()?,
    })
}

/// Decodes a part of a multi.
///
/// # Errors
/// As [`decode`].
pub fn decode_part(part: &Part, cohort: &Cohort) -> Result<(TxnKind, Body)> {
    let data = part.data.as_deref().ok_or_else(Thrown::null_pointer)?;
    let Some(kind) = part.kind().filter(|kind| cohort.knows_in_multi(*kind)) else {
        let message = format!("Invalid type of op: {}", part.txn_type);
        return Err(Thrown::io(message));
    };
    let mut input = SliceInput::new(data, Limits::Of(cohort));
    Ok((kind, body(kind, &mut input, cohort)?))
}

fn body(kind: TxnKind, input: &mut SliceInput<'_>, cohort: &Cohort) -> Result<Body> {
    Ok(match kind {
        TxnKind::CreateSession => Body::CreateSession(input.int()?),
        TxnKind::CloseSession => Body::CloseSession(closed_paths(input, cohort)?),
        TxnKind::Create | TxnKind::Create2 => Body::Create(Create {
            path: input.string()?,
            data: input.buffer()?,
            acl: acl(input)?,
            kind: Kind::Plain {
                ephemeral: input.byte()? != 0,
            },
            parent_cversion: input.int()?,
        }),
        TxnKind::CreateContainer => Body::Create(Create {
            path: input.string()?,
            data: input.buffer()?,
            acl: acl(input)?,
            kind: Kind::Container,
            parent_cversion: input.int()?,
        }),
        TxnKind::CreateTtl => {
            let (path, data, acl) = (input.string()?, input.buffer()?, acl(input)?);
            let parent_cversion = input.int()?;
            let kind = Kind::Ttl(input.long()?);
            Body::Create(Create {
                path,
                data,
                acl,
                kind,
                parent_cversion,
            })
        }
        TxnKind::Delete | TxnKind::DeleteContainer => Body::Delete(input.string()?),
        TxnKind::SetData | TxnKind::Reconfig => Body::SetData {
            path: input.string()?,
            data: input.buffer()?,
            version: input.int()?,
        },
        TxnKind::SetAcl => Body::SetAcl {
            path: input.string()?,
            acl: acl(input)?,
            version: input.int()?,
        },
        TxnKind::Error => Body::Error(input.int()?),
        TxnKind::Multi => {
            let count = input.vector()?;
            let parts = count.map(|count| (0..count).map(|_| part(input)).collect());
            Body::Multi(parts.transpose()?)
        }
        TxnKind::Check => {
            input.string()?;
            input.int()?;
            Body::Check
        }
    })
}

/// What a closeSession lists; `None` where it lists nothing, or is not asked to.
fn closed_paths(input: &mut SliceInput<'_>, cohort: &Cohort) -> Result<Option<Vec<Text>>> {
    // By its settings, a server may take the list for a digest.
    if !input.rest().is_empty() && cohort.ask(Rules::takes_closed_paths_for_digest) {
        return Ok(None);
    }
    let paths = match input.vector() {
        Ok(count) => count.map(|count| (0..count).map(|_| input.string()).collect()),
        Err(thrown) => Some(Err(thrown)),
    };
    match paths.transpose() {
        Err(thrown) if thrown != Thrown::Eof && !cohort.ask(Rules::reads_close_session) => Ok(None),
        paths => paths,
    }
}

fn part(input: &mut SliceInput<'_>) -> Result<Part> {
    Ok(Part {
        txn_type: input.int()?,
        data: input.buffer()?,
    })
}

/// A create as 3.3 wrote it.
fn create_v0(input: &mut SliceInput<'_>) -> Result<Body> {
    Ok(Body::Create(Create {
        path: input.string()?,
        data: input.buffer()?,
        acl: acl(input)?,
        kind: Kind::Plain {
            ephemeral: input.byte()? != 0,
        },
        parent_cversion: -1,
    }))
}

/// A list of ACLs, put into jute bytes again; `None` is null.
///
/// # Errors
/// As [`decode`].
pub fn acl(input: &mut impl InputArchive) -> Result<Option<Box<[u8]>>> {
    let Some(count) = input.vector()? else {
        return Ok(None);
    };
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.put_int(input.int()?);
        entries.put_buffer(input.string()?.as_deref());
        entries.put_buffer(input.string()?.as_deref());
    }
    let mut list = Vec::with_capacity(4 + entries.len());
    list.put_int(length(usize::try_from(count).unwrap_or(0)));
    list.extend_from_slice(&entries);
    Ok(Some(list.into()))
}
