//! What `init`, `backup`, `backups`, `pin` and `unpin` write.

use super::TimedRange;
use schemars::JsonSchema;
use serde::Serialize;

/// `zoovault init --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Init {
    /// The repository.
    pub repository: String,
    /// Its id.
    pub id: String,
    /// The exit status.
    pub exit_status: u8,
}

/// `zoovault backup --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Backup {
    /// The repository.
    pub repository: String,
    /// The exit status.
    pub exit_status: u8,
    /// A backup for each source.
    pub backups: Vec<Backed>,
    /// Sources that could not be backed up, and why.
    pub failures: Vec<String>,
}

/// The backup of one source.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Backed {
    /// The source, as it was named.
    pub source: String,
    /// The backup's id; `null` if nothing was new.
    pub backup: Option<String>,
    /// The object that holds its manifest.
    pub object: Option<String>,
    /// The lineage.
    pub lineage: String,
    /// When it was made.
    pub created_ms: i64,
    /// The last zxid that is stored.
    pub last_zxid: Option<String>,
    /// Its time.
    pub last_time_ms: Option<i64>,
    /// The newest range that can be restored.
    pub window: Option<TimedRange>,
    /// All ranges that can be restored.
    pub windows: Vec<TimedRange>,
    /// How many transactions are new.
    pub added_txns: u64,
    /// How many bytes those are, uncompressed.
    pub added_bytes: u64,
    /// How many bytes were stored, compressed.
    pub stored_bytes: u64,
    /// Whether the source is damaged.
    pub is_damaged: bool,
    /// What needs attention.
    pub warnings: Vec<String>,
    /// What is good to know.
    pub notes: Vec<String>,
}

/// `zoovault backups --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Backups {
    /// The repository.
    pub repository: String,
    /// The exit status.
    pub exit_status: u8,
    /// How many backups there are.
    pub backups: u64,
    /// How many of those are forgotten.
    pub forgotten: u64,
    /// How many manifests are damaged.
    pub damaged: usize,
    /// How many objects there are.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong, for monitoring.
    pub alarms: Vec<String>,
    /// The newest backup from which something can be restored.
    pub newest: Option<Newest>,
    /// The lineages.
    pub lineages: Vec<BackupsLineage>,
}

/// The newest backup.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Newest {
    /// Its id.
    pub id: String,
    /// Its lineage.
    pub lineage: String,
    /// When it was made.
    pub created_ms: i64,
    /// How long ago that is.
    pub age_ms: Option<i64>,
    /// The newest range that it can restore.
    pub window: TimedRange,
}

/// A lineage.
#[derive(Debug, JsonSchema, Serialize)]
pub struct BackupsLineage {
    /// Its id.
    pub lineage: String,
    /// How many objects it has.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The ranges that can be restored.
    pub windows: Vec<TimedRange>,
    /// Its backups.
    pub backups: Vec<BackupsEntry>,
}

/// `zoovault pin --json` and `zoovault unpin --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Pin {
    /// The repository.
    pub repository: String,
    /// The backups.
    pub backups: Vec<Pinned>,
    /// The exit status.
    pub exit_status: u8,
}

/// A backup that is pinned or not.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Pinned {
    /// Its id.
    pub id: String,
    /// Whether it is pinned now.
    pub pinned: bool,
    /// Whether it was otherwise before.
    pub changed: bool,
}

/// A backup in a list.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(untagged)]
pub enum BackupsEntry {
    /// Its manifest is damaged.
    Damaged(DamagedEntry),
    /// Its manifest can be read.
    Readable(Box<ReadableEntry>),
}

/// A backup whose manifest is damaged.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DamagedEntry {
    /// Its id.
    pub id: String,
    /// The object that holds its manifest.
    pub object: String,
    /// When it was made, by its name.
    pub named_ms: i64,
    /// The last zxid that it stores, by its name.
    pub last_zxid: String,
    /// `true`.
    pub is_damaged: bool,
    /// What is wrong.
    pub error: String,
    /// Whether it is pinned.
    pub is_pinned: bool,
}

/// A backup whose manifest can be read.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ReadableEntry {
    /// Its id.
    pub id: String,
    /// The object that holds its manifest.
    pub object: String,
    /// When it was made, by its name.
    pub named_ms: i64,
    /// When it was made, by the clock of the machine that made it.
    pub created_ms: i64,
    /// How long ago that is.
    pub age_ms: i64,
    /// `false`.
    pub is_damaged: bool,
    /// `null`.
    pub error: Option<String>,
    /// Whether it is pinned.
    pub is_pinned: bool,
    /// The machine that made it.
    pub host: String,
    /// The source, as it was named there.
    pub path: String,
    /// The member's id.
    pub member: Option<u64>,
    /// The last zxid that it stores.
    pub last_zxid: Option<String>,
    /// Its time.
    pub last_time_ms: Option<i64>,
    /// The newest range that it can restore.
    pub window: Option<TimedRange>,
    /// All ranges that it can restore.
    pub windows: Vec<TimedRange>,
    /// How many transactions were new.
    pub added_txns: u64,
    /// Their bytes, uncompressed.
    pub added_bytes: u64,
    /// How many objects it needs.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The backups of the lineage that it was compared with.
    pub follows: Vec<String>,
    /// What needed attention.
    pub warnings: Vec<String>,
    /// The version of zoovault that made it.
    pub tool: String,
}
