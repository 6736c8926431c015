//! What `log` writes.

use super::bytes::{AsText, DataField, PathField};
use super::znode::AclField;
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;
use zoovault::zxid::{Hex, SessionId, Zxid};

/// `zoovault log --json`. One line for each transaction.
#[derive(Debug, JsonSchema, Serialize)]
pub struct LogTxn<'a> {
    /// Its zxid.
    pub zxid: AsText<Zxid>,
    /// Its time.
    pub time_ms: i64,
    /// The session that asked for it; `0x0` if a server did.
    pub client_id: AsText<SessionId>,
    /// The id of the server that the session began on.
    pub server_id: u8,
    /// The client's request number.
    pub cxid: i32,
    /// What it does.
    #[serde(flatten)]
    pub op: LogOp<'a>,
    /// Of a `multi`: whether it failed, and changed nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<bool>,
    /// Of a `multi`: its parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subs: Option<Vec<LogOp<'a>>>,
    /// Of a `closeSession`: the session that ended.
    #[serde(flatten)]
    pub closed: Option<ClosedSession<'a>>,
    /// The digest of the tree after it, where the server logged one.
    #[serde(flatten)]
    pub digest: Option<LogDigest>,
    /// Why it cannot be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecodable: Option<Cow<'a, str>>,
    /// The log that it is in.
    pub file: &'a str,
    /// Where its record begins there.
    pub offset: u64,
    /// How long its record is.
    pub size_bytes: u64,
}

/// What a transaction, or a part of a multi, does. Fields that its type does not have are left out.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct LogOp<'a> {
    /// The type, such as `create`; `unknown` if no release is known to have it.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The number of a type that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_id: Option<i32>,
    /// Of a `createSession`: its timeout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i32>,
    /// Of an `error`, or of a multi that failed: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorCode>,
    /// The path.
    #[serde(flatten)]
    pub path: Option<PathField<'a>>,
    /// The data; of a type that is not known, all that it says.
    #[serde(flatten)]
    pub data: Option<DataField<'a>>,
    /// The ACL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl: Option<AclField>,
    /// Of a create: the parent's `cversion` afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_cversion: Option<i32>,
    /// Of a `create`: whether it makes an ephemeral.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<bool>,
    /// Of a `createTTL`: how long the znode lives without a change and without children.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<i64>,
    /// Of a `setData`, `setACL` or `check`: the version, as the server wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// Of a part of a multi: why it cannot be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecodable: Option<Cow<'a, str>>,
}

/// Why a request failed.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ErrorCode {
    /// The number, as in `KeeperException.Code`.
    pub code: i32,
    /// Its name there; `null` if no release is known to have it.
    pub name: Option<&'static str>,
}

/// The session that a `closeSession` ended.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ClosedSession<'a> {
    /// Where it began, if the logs have that.
    #[serde(flatten)]
    pub opened: Option<OpenedSession>,
    /// How it is known what was removed: `list` if the transaction lists it, `replay`, or
    /// `partial-replay` if there may be more.
    pub removed_known_by: &'static str,
    /// The ephemerals that went with it.
    pub removed: Vec<PathField<'a>>,
}

/// The beginning of a session.
#[derive(Debug, JsonSchema, Serialize)]
pub struct OpenedSession {
    /// The transaction.
    pub opened_zxid: AsText<Zxid>,
    /// Its time.
    pub opened_time_ms: i64,
    /// The session's timeout.
    pub timeout_ms: i32,
}

/// The digest of the tree after a transaction.
#[derive(Debug, JsonSchema, Serialize)]
pub struct LogDigest {
    /// The digest.
    pub digest: AsText<Hex>,
    /// Which way of computing it.
    pub digest_version: i32,
}
