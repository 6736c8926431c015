//! What `history` writes.

use super::bytes::{AsText, ChildField, PathField};
use super::znode::ZnodeState;
use schemars::JsonSchema;
use serde::Serialize;
use zoovault::zxid::{SessionId, Zxid};

/// `zoovault history --json`. One line for each of these.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(untagged)]
pub enum HistoryLine<'a> {
    /// Where history begins, or continues after a gap.
    Start(HistoryStart<'a>),
    /// A gap.
    Gap(HistoryGap),
    /// Something that was done.
    Event(Box<HistoryEvent<'a>>),
    /// The last line.
    End(HistoryEnd<'a>),
}

/// Where history begins, or continues after a gap.
#[derive(Debug, JsonSchema, Serialize)]
pub struct HistoryStart<'a> {
    /// The last zxid up to which the base may already show changes.
    pub ahead_to_zxid: Option<AsText<Zxid>>,
    /// The snapshot that it begins with; `null` if it begins with the first transaction.
    pub base: Option<&'a str>,
    /// The last transaction before it.
    pub known_after_zxid: AsText<Zxid>,
    /// `start`.
    pub line: &'static str,
    /// The znode in the base, if a single path was asked for.
    pub znode: Option<ZnodeState<'a>>,
    /// How many of the znodes that were asked for the base has.
    pub znodes: Option<u64>,
}

/// Transactions that are missing.
#[derive(Debug, JsonSchema, Serialize)]
pub struct HistoryGap {
    /// The time of the last transaction before the gap.
    pub after_time_ms: i64,
    /// The time of the first transaction after the gap.
    pub before_time_ms: i64,
    /// The first missing zxid.
    pub first_missing_zxid: AsText<Zxid>,
    /// The last missing zxid.
    pub last_missing_zxid: AsText<Zxid>,
    /// `gap`.
    pub line: &'static str,
}

/// Something that was done.
#[derive(Debug, JsonSchema, Serialize)]
pub struct HistoryEvent<'a> {
    /// The znode afterwards; `null` if there is none.
    pub after: Option<HistoryState<'a>>,
    /// The znode before; `null` if there was none.
    pub before: Option<HistoryState<'a>>,
    /// Why it was deleted: `request`, `expired`, `session-closed` or `session-closed-unlisted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// `created`, `recreated`, `data`, `acl`, `deleted`, `child-created` or `child-deleted`.
    pub change: &'static str,
    /// The path of the child.
    #[serde(flatten)]
    pub child: Option<ChildField<'a>>,
    /// The client's request number.
    pub cxid: i32,
    /// `event`.
    pub line: &'static str,
    /// The type of the part of the multi, or of the transaction.
    pub op: &'static str,
    /// Which part of a multi it is, from 1.
    pub part: Option<usize>,
    /// How many parts the multi has.
    pub parts: Option<usize>,
    /// The path.
    #[serde(flatten)]
    pub path: PathField<'a>,
    /// The id of the server that the session began on.
    pub server: u8,
    /// The session; `0x0` if a server did it.
    pub session: AsText<SessionId>,
    /// Its time.
    pub time_ms: i64,
    /// The type of the transaction.
    pub txn: &'static str,
    /// The transaction.
    pub zxid: AsText<Zxid>,
}

/// What is known of a path.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(untagged)]
pub enum HistoryState<'a> {
    /// Not even whether there is a znode.
    Unknown {
        /// `true`.
        unknown: bool,
    },
    /// There is one.
    Present(ZnodeState<'a>),
}

/// The last line.
#[derive(Debug, JsonSchema, Serialize)]
pub struct HistoryEnd<'a> {
    /// Damage: what it hides is not shown.
    pub damage: Vec<String>,
    /// The transaction that deleted the znode, if it is gone.
    pub deleted_by_zxid: Option<AsText<Zxid>>,
    /// The znode in the end, if a single path was asked for.
    pub end: Option<HistoryState<'a>>,
    /// How many events there were.
    pub events: u64,
    /// Whether there ever was such a znode.
    pub existed: bool,
    /// How many gaps there are.
    pub gaps: u64,
    /// The last transaction that was read.
    pub last_zxid: Option<AsText<Zxid>>,
    /// `end`.
    pub line: &'static str,
    /// The command that brings back what was deleted.
    pub undelete: Option<&'a str>,
    /// What makes it uncertain.
    pub warnings: &'a [String],
}
