//! What `verify` writes, and the parts of it that other commands write too.

use super::{Forecast, NotForecast, TimedRange};
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;

/// `zoovault verify --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Verify {
    /// The source, as it was named.
    pub source: String,
    /// Where the HTML report was written, if one was asked for.
    pub report: Option<String>,
    /// `sound`, `sound, with warnings`, `incomplete` or `damaged`.
    pub verdict: &'static str,
    /// The exit status.
    pub exit_status: u8,
    /// Whether transactions were replayed: `false` with `--quick`.
    pub replayed: bool,
    /// From which folder of an archive it was read, what in it was not, and what is unusual about
    /// compressed files.
    pub remarks: Vec<String>,
    /// How many recorded digests were compared with that of the rebuilt tree.
    pub digests_compared: u64,
    /// How many snapshots were compared, znode by znode, with the rebuilt tree.
    pub snapshots_compared: u64,
    /// How many znodes those hold.
    pub znodes_compared: u64,
    /// How many transactions the logs hold.
    pub txns: u64,
    /// The first of them.
    pub first_zxid: Option<String>,
    /// The last of them.
    pub last_zxid: Option<String>,
    /// The time of the first.
    pub first_time_ms: Option<i64>,
    /// The time of the last.
    pub last_time_ms: Option<i64>,
    /// What servers would do, by `--server`.
    pub servers: Vec<Forecast>,
    /// Why `servers` is empty, although releases were given.
    pub not_forecast: Option<NotForecast>,
    /// The content of `acceptedEpoch`.
    pub accepted_epoch: Option<i64>,
    /// The content of `currentEpoch`.
    pub current_epoch: Option<i64>,
    /// The ranges that can be restored exactly.
    pub windows: Vec<Window>,
    /// Snapshots that no log goes with.
    pub snapshots_alone: Vec<LoneSnapshot>,
    /// Ranges of transactions that are missing.
    pub missing: Vec<Missing>,
    /// Ranges that the logs hold and that cannot be restored.
    pub not_restorable: Vec<TimedRange>,
    /// Everything that was found.
    pub findings: Vec<Finding>,
    /// The logs.
    pub logs: Vec<VerifyLog>,
    /// The snapshots.
    pub snapshots: Vec<VerifySnapshot>,
}

/// A range of zxids, each of which can be restored exactly.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Window {
    /// Its first zxid.
    pub from_zxid: String,
    /// Its last zxid.
    pub to_zxid: String,
    /// The time of the first.
    pub from_time_ms: Option<i64>,
    /// The time of the last.
    pub to_time_ms: Option<i64>,
    /// The snapshot that a restore of its first zxid starts from.
    pub base: String,
    /// `proven`, `consistent` or `unproven`; `null` if nothing was replayed.
    pub proof: Option<&'static str>,
}

/// A snapshot that no log goes with.
#[derive(Debug, JsonSchema, Serialize)]
pub struct LoneSnapshot {
    /// Its file name.
    pub name: String,
    /// The zxid in its name.
    pub zxid: String,
    /// The highest zxid that its znodes show.
    pub shows_zxid: String,
    /// Whether `--accept-unproven` restores it.
    pub is_restorable: bool,
}

/// Transactions that are missing.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Missing {
    /// The first missing zxid.
    pub first_missing_zxid: String,
    /// The last missing zxid.
    pub last_missing_zxid: String,
    /// The last zxid before the gap.
    pub after_zxid: String,
    /// The first zxid after the gap.
    pub before_zxid: Option<String>,
    /// The time of the last transaction before the gap.
    pub after_time_ms: Option<i64>,
    /// The time of the first transaction after the gap.
    pub before_time_ms: Option<i64>,
    /// Whether a snapshot continues after the gap, so that later points can be restored.
    pub is_bridged: bool,
}

/// One finding.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Finding {
    /// Its code, listed in zoovault-findings(7). Codes never change.
    pub code: &'static str,
    /// `info`, `warning`, `missing` or `damage`.
    pub severity: &'static str,
    /// The file.
    pub file: Option<String>,
    /// The byte offset in that file.
    pub offset: Option<u64>,
    /// The zxid of the record that it is about.
    pub zxid: Option<String>,
    /// Where the record's own zxid is not known: the last good zxid before it.
    pub after_zxid: Option<String>,
    /// A time near that record.
    pub time_ms: Option<i64>,
    /// What was found.
    pub message: String,
    /// What servers make of it.
    pub server: Option<&'static str>,
    /// What to do next.
    pub next_step: Cow<'static, str>,
}

/// A log.
#[derive(Debug, JsonSchema, Serialize)]
pub struct VerifyLog {
    /// Its file name.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// How many transactions it holds; `null` if it cannot be read.
    pub txns: Option<u64>,
    /// How many of them carry a digest.
    pub digests: Option<u64>,
    /// The first zxid.
    pub first_zxid: Option<String>,
    /// The last zxid.
    pub last_zxid: Option<String>,
    /// Whole records in a log whose header is destroyed.
    pub behind_header: Option<AfterHeader>,
    /// The length of the largest record.
    pub largest_record_bytes: Option<usize>,
}

/// The whole records of a log whose header is destroyed.
#[derive(Debug, JsonSchema, Serialize)]
pub struct AfterHeader {
    /// How many there are.
    pub txns: u64,
    /// The first zxid.
    pub first_zxid: Option<String>,
    /// The last zxid.
    pub last_zxid: Option<String>,
    /// Where the first record begins.
    pub offset: Option<u64>,
    /// How many uninterrupted runs of records there are.
    pub runs: usize,
}

/// A snapshot.
#[derive(Debug, JsonSchema, Serialize)]
pub struct VerifySnapshot {
    /// Its file name.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// The zxid in its name, or found in it.
    pub zxid: Option<String>,
    /// How many znodes it holds.
    pub znodes: Option<u64>,
    /// The first point that it is a sound base for.
    pub exact_from_zxid: Option<String>,
    /// Whether the file itself says so; otherwise that zxid is a bound.
    pub exact_from_is_known: bool,
}
