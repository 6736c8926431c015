//! What `inspect` writes.

use super::{AfterHeader, TimedRange};
use schemars::JsonSchema;
use serde::Serialize;

/// `zoovault inspect --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Inspect {
    /// The source, as it was named.
    pub source: String,
    /// From which folder of an archive it was read, what in it was not, files under odd names, and
    /// what is damaged beside logs and snapshots.
    pub remarks: Vec<String>,
    /// Which releases may have written the files.
    pub written_by: &'static str,
    /// The content of `acceptedEpoch`: a number, or the text if it is no number.
    pub accepted_epoch: Option<InspectEpoch>,
    /// The content of `currentEpoch`, likewise.
    pub current_epoch: Option<InspectEpoch>,
    /// The logs.
    pub logs: Vec<InspectLog>,
    /// The snapshots.
    pub snapshots: Vec<InspectSnapshot>,
    /// Ranges that could be restored, by names, headers and last bytes alone: nothing was verified.
    pub windows: Vec<TimedRange>,
    /// Ranges of transactions that are missing.
    pub gaps: Vec<InspectGap>,
}

/// What is in a file that holds an epoch.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(untagged)]
pub enum InspectEpoch {
    /// A number.
    Number(i64),
    /// Text that is no number.
    Text(String),
}

/// A log.
#[derive(Debug, JsonSchema, Serialize)]
pub struct InspectLog {
    /// Its file name.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// Up to where it holds records.
    pub used_bytes: u64,
    /// How many transactions it holds.
    pub txns: u64,
    /// The first zxid.
    pub first_zxid: Option<String>,
    /// The last zxid.
    pub last_zxid: Option<String>,
    /// The time of the first.
    pub first_time_ms: Option<i64>,
    /// The time of the last.
    pub last_time_ms: Option<i64>,
    /// Whole records in a log whose header is destroyed.
    pub behind_header: Option<AfterHeader>,
    /// What is unusual about it.
    pub remark: Option<String>,
}

/// A snapshot.
#[derive(Debug, JsonSchema, Serialize)]
pub struct InspectSnapshot {
    /// Its file name.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// The zxid in its name, or found in it.
    pub zxid: Option<String>,
    /// The first point that it is a sound base for.
    pub exact_from_zxid: Option<String>,
    /// Whether the file itself says so; otherwise that zxid is a bound.
    pub exact_from_is_known: bool,
    /// What is unusual about it.
    pub remark: Option<String>,
}

/// Transactions that are missing.
#[derive(Debug, JsonSchema, Serialize)]
pub struct InspectGap {
    /// The first missing zxid.
    pub first_missing_zxid: String,
    /// The last missing zxid.
    pub last_missing_zxid: String,
    /// The last zxid before the gap.
    pub after_zxid: String,
    /// The first zxid after the gap.
    pub before_zxid: String,
    /// The time of the last transaction before the gap.
    pub after_time_ms: i64,
    /// The time of the first transaction after the gap.
    pub before_time_ms: i64,
}
