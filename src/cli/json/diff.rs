//! What `diff` writes.

use super::bytes::{AsText, PathField};
use super::znode::ZnodeState;
use schemars::JsonSchema;
use serde::Serialize;
use zoovault::zxid::{SessionId, Zxid};

/// `zoovault diff --json`. One line for each znode that differs (with `--stat`, for each subtree
/// instead) and for each session, and a summary.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(untagged)]
pub enum DiffLine<'a> {
    /// A znode that differs.
    Znode(Box<DiffZnode<'a>>),
    /// The sum of a subtree.
    Top(DiffTop<'a>),
    /// A session that differs.
    Session(DiffSession),
    /// The last line.
    Summary(DiffSummary<'a>),
}

/// A znode that differs.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DiffZnode<'a> {
    /// The znode in the second tree; `null` if there is none.
    pub after: Option<ZnodeState<'a>>,
    /// The znode in the first tree; `null` if there is none.
    pub before: Option<ZnodeState<'a>>,
    /// `created`, `deleted`, `recreated` or `changed`.
    pub change: &'static str,
    /// What differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<&'static str>,
    /// `znode`.
    pub line: &'static str,
    /// The path.
    #[serde(flatten)]
    pub path: PathField<'a>,
}

/// The sum of a subtree.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DiffTop<'a> {
    /// Bytes of data, in the second tree, of znodes that differ.
    pub bytes_after: u64,
    /// Bytes of data, in the first tree, of znodes that differ.
    pub bytes_before: u64,
    /// How many znodes changed.
    pub changed: u64,
    /// How many znodes were created.
    pub created: u64,
    /// How many znodes were deleted.
    pub deleted: u64,
    /// `top`.
    pub line: &'static str,
    /// The znode at the top.
    #[serde(flatten)]
    pub path: PathField<'a>,
    /// How many znodes were deleted and created again.
    pub recreated: u64,
}

/// A session that differs.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DiffSession {
    /// `session`.
    pub line: &'static str,
    /// Its id.
    pub session: AsText<SessionId>,
    /// Its timeout in the second tree.
    pub timeout_after_ms: Option<i32>,
    /// Its timeout in the first tree.
    pub timeout_before_ms: Option<i32>,
}

/// The last line.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DiffSummary<'a> {
    /// The second tree.
    pub after: DiffSide<'a>,
    /// The first tree.
    pub before: DiffSide<'a>,
    /// Bytes of data, in the second tree, of znodes that differ.
    pub bytes_after: u64,
    /// Bytes of data, in the first tree, of znodes that differ.
    pub bytes_before: u64,
    /// How many znodes changed.
    pub changed: u64,
    /// How many znodes were created.
    pub created: u64,
    /// How many znodes were deleted.
    pub deleted: u64,
    /// Whether the trees are equal.
    pub equal: bool,
    /// The exit status.
    pub exit_status: u8,
    /// `summary`.
    pub line: &'static str,
    /// How many znodes were deleted and created again.
    pub recreated: u64,
    /// How many sessions differ.
    pub sessions: usize,
}

/// A tree.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DiffSide<'a> {
    /// `proven`, `consistent` or `unproven`.
    pub proof: &'static str,
    /// The source, as it was named.
    pub source: &'a str,
    /// The time of its last transaction.
    pub time_ms: Option<i64>,
    /// What makes it uncertain.
    pub warnings: Vec<String>,
    /// Its last transaction.
    pub zxid: AsText<Zxid>,
}
