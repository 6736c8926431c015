//! What `top` writes.

use super::NullablePathField;
use schemars::JsonSchema;
use serde::Serialize;

/// `zoovault top --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Top<'a> {
    /// The source, as it was named.
    pub source: String,
    /// `path`, `session` or `op`.
    pub by: &'static str,
    /// How many names of a path count.
    pub depth: Option<usize>,
    /// How many transactions were counted.
    pub txns: u64,
    /// How many changes they made; each part of a multi is one.
    pub changes: u64,
    /// The bytes of their records.
    pub bytes: u64,
    /// The time of the first transaction.
    pub first_time_ms: Option<i64>,
    /// The time of the last.
    pub last_time_ms: Option<i64>,
    /// The rows that were asked for, the most changes first.
    pub rows: Vec<TopRow<'a>>,
    /// How many rows there are in all.
    pub rows_total: usize,
    /// Whether there were more keys than are told apart.
    pub is_capped: bool,
    /// The length of a step in time.
    pub every_ms: Option<i64>,
    /// The changes of each step.
    pub over_time: Option<Vec<TopBucket>>,
}

/// Changes within a step of time.
#[derive(Debug, JsonSchema, Serialize)]
pub struct TopBucket {
    /// When the step begins.
    pub time_ms: i64,
    /// How many changes there were.
    pub changes: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What was counted under one key.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct TopRow<'a> {
    /// The path.
    #[serde(flatten)]
    pub path: Option<NullablePathField<'a>>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The id of the server that the session began on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_id: Option<u8>,
    /// The operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<&'static str>,
    /// `true` for all keys that are not told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_others: Option<bool>,
    /// How many changes there were.
    pub changes: u64,
    /// Their bytes.
    pub bytes: u64,
}
