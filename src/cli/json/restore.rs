//! What `restore` and `export` write.

use schemars::JsonSchema;
use serde::Serialize;

use serde_json::Value;

/// `zoovault restore --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Restore {
    /// The source, as it was named.
    pub source: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The exit status.
    pub exit_status: u8,
    /// The point: the last zxid in the restored tree.
    pub zxid: String,
    /// Its time.
    pub time_ms: Option<i64>,
    /// The snapshot that the replay started from.
    pub base: String,
    /// The zxid in that snapshot's name.
    pub base_zxid: String,
    /// The first transaction that was replayed.
    pub first_replayed_zxid: Option<String>,
    /// The last.
    pub last_replayed_zxid: Option<String>,
    /// The time of the first.
    pub first_replayed_time_ms: Option<i64>,
    /// The time of the last.
    pub last_replayed_time_ms: Option<i64>,
    /// How many transactions were replayed.
    pub replayed_txns: u64,
    /// The first transaction after the point.
    pub first_left_out_zxid: Option<String>,
    /// Its time.
    pub first_left_out_time_ms: Option<i64>,
    /// What hides transactions after the point: damage, which was named.
    pub hidden_behind: Option<String>,
    /// `proven`, `consistent` or `unproven`.
    pub proof: &'static str,
    /// How many recorded digests were compared.
    pub digests_compared: u64,
    /// The digest of the restored tree, as servers of 3.6 and later compute it.
    pub tree_digest: Option<String>,
    /// How many znodes there are.
    pub znodes: usize,
    /// How many sessions there are.
    pub sessions: usize,
    /// How many ephemerals there are.
    pub ephemerals: usize,
    /// What needs attention.
    pub warnings: Vec<String>,
    /// What is good to know.
    pub notes: Vec<String>,
    /// Snapshots that were not used, and why.
    pub rejected_bases: Vec<RejectedBase>,
    /// The file name of the snapshot that was written.
    pub snapshot: Option<String>,
    /// Its size.
    pub snapshot_size_bytes: Option<u64>,
    /// The new epoch.
    pub epoch: Option<u32>,
    /// The data directories that were made.
    pub data_dirs: Option<Vec<String>>,
    /// The log directories that were made.
    pub data_log_dirs: Option<Vec<String>>,
}

/// A snapshot that was not used.
#[derive(Debug, JsonSchema, Serialize)]
pub struct RejectedBase {
    /// Its file name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// `zoovault export --json` of an archive
#[derive(Debug, JsonSchema, Serialize)]
pub struct Export {
    /// The archive that was made.
    pub archive: String,
    /// The exit status.
    pub exit_status: u8,
    /// The archive's manifest.json.
    pub manifest: Value,
}
