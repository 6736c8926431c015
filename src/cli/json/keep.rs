//! What `check`, `drill`, `forget`, `prune` and `copy` write.

use super::ZxidRange;
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;

/// `zoovault check --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Check {
    /// The repository.
    pub repository: String,
    /// `whole` or what is wrong, in the words of the text output.
    pub verdict: &'static str,
    /// The exit status.
    pub exit_status: u8,
    /// How many lineages there are.
    pub lineages: u64,
    /// How many backups.
    pub backups: u64,
    /// How many forgotten backups.
    pub forgotten: u64,
    /// How many pinned backups.
    pub pinned: u64,
    /// How many marks for deletion.
    pub marks_for_deletion: u64,
    /// How many objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was read, by `--read-data`.
    pub read: Option<CheckRead>,
    /// Everything that was found.
    pub findings: Vec<CheckFinding>,
    /// What can no longer be restored.
    pub losses: Vec<CheckLoss>,
}

/// What was read.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CheckRead {
    /// Which part, by `--read-data-subset`.
    pub part: Option<u64>,
    /// Of how many parts.
    pub of_parts: Option<u64>,
    /// How many objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many transactions they hold.
    pub txns: u64,
    /// How many znodes they hold.
    pub znodes: u64,
}

/// One finding.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CheckFinding {
    /// Its code, listed in zoovault-check-findings(7). Codes never change.
    pub code: &'static str,
    /// `info`, `warning` or `damage`.
    pub severity: &'static str,
    /// The object.
    pub object: Option<String>,
    /// The byte offset in it.
    pub offset: Option<u64>,
    /// The zxid of the record that it is about.
    pub zxid: Option<String>,
    /// Where the record's own zxid is not known: the last good zxid before it.
    pub after_zxid: Option<String>,
    /// What was found.
    pub message: String,
    /// The backups concerned.
    pub backups: Vec<String>,
    /// The ranges that can no longer be restored.
    pub lost: Vec<ZxidRange>,
    /// What to do next.
    pub next_step: Cow<'static, str>,
}

/// What a lineage lost.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CheckLoss {
    /// The lineage.
    pub lineage: String,
    /// The backups that are damaged.
    pub damaged_backups: Vec<String>,
    /// The backups that are whole.
    pub whole_backups: Vec<String>,
    /// The ranges that can no longer be restored.
    pub lost: Vec<ZxidRange>,
    /// The ranges that can still be restored.
    pub left: Vec<ZxidRange>,
}

/// `zoovault drill --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Drill {
    /// The repository.
    pub repository: String,
    /// The backup that was tried.
    pub backup: String,
    /// Its lineage.
    pub lineage: String,
    /// What the random point was chosen by: `--seed` chooses it again.
    pub seed: String,
    /// The exit status.
    pub exit_status: u8,
    /// The points that were restored.
    pub restored: Vec<Drilled>,
    /// The points that could not be restored.
    pub failed: Vec<DrillFailure>,
}

/// A point that was restored and read back.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Drilled {
    /// The point.
    pub zxid: String,
    /// Its time.
    pub time_ms: Option<i64>,
    /// Whether it is the newest.
    pub is_newest: bool,
    /// The snapshot that the replay started from.
    pub base: String,
    /// How many transactions were replayed.
    pub txns: u64,
    /// How many recorded digests were compared.
    pub digests: u64,
    /// How many znodes there are.
    pub znodes: u64,
    /// How many bytes were written.
    pub bytes: u64,
    /// `proven`, `consistent` or `unproven`.
    pub proof: &'static str,
    /// What needs attention.
    pub warnings: Vec<String>,
    /// How long it took.
    pub took_ms: u64,
}

/// A point that could not be restored.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DrillFailure {
    /// The point.
    pub zxid: String,
    /// What failed, and why.
    pub error: String,
    /// The exit status of that failure.
    pub exit_status: u8,
    /// What to do next.
    pub next_step: Option<String>,
}

/// `zoovault forget --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Forget {
    /// The repository.
    pub repository: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The exit status.
    pub exit_status: u8,
    /// How many backups are kept.
    pub kept_backups: u64,
    /// How many are forgotten.
    pub forgotten_backups: u64,
    /// The lineages.
    pub lineages: Vec<ForgetLineage>,
    /// Manifests that are damaged.
    pub damage: Vec<String>,
    /// The tombstone that was written.
    pub mark: Option<String>,
}

/// What happens to a lineage's backups.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ForgetLineage {
    /// The lineage.
    pub lineage: String,
    /// Its backups.
    pub backups: Vec<ForgetBackup>,
}

/// What happens to a backup.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ForgetBackup {
    /// Its id.
    pub id: String,
    /// Its time, which the policy counts by.
    pub time_ms: i64,
    /// When it was made, by the clock of the machine that made it.
    pub created_ms: Option<i64>,
    /// The source.
    pub source: Option<String>,
    /// The last zxid that it stores.
    pub last_zxid: String,
    /// The first zxid of its newest window.
    pub window_from_zxid: Option<String>,
    /// The last zxid of its newest window.
    pub window_to_zxid: Option<String>,
    /// Whether it is kept.
    pub kept: bool,
    /// Why.
    pub reasons: Vec<String>,
}

/// `zoovault prune --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Prune {
    /// The repository.
    pub repository: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The exit status.
    pub exit_status: u8,
    /// How many manifests were deleted.
    pub deleted_backups: usize,
    /// How many objects were deleted.
    pub deleted_objects: usize,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Their names.
    pub deleted: Vec<String>,
    /// How many files of killed runs were removed.
    pub deleted_leftovers: usize,
    /// Their bytes.
    pub deleted_leftover_bytes: u64,
    /// How many finished tombstones were removed.
    pub removed_marks: usize,
    /// How many objects were marked for deletion.
    pub marked_objects: usize,
    /// Their bytes.
    pub marked_bytes: u64,
    /// The tombstone that was written.
    pub mark: Option<String>,
    /// How many objects were marked before and wait for their day to pass.
    pub waiting_objects: usize,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// When the first of them can be deleted.
    pub waiting_until_ms: Option<i64>,
    /// What could not be deleted.
    pub retained: Option<Vec<String>>,
    /// Why not.
    pub refusals: Option<Vec<String>>,
    /// Backups that are kept only because they are pinned.
    pub pinned: Vec<String>,
    /// Files that are not zoovault's.
    pub foreign: Vec<String>,
}

/// `zoovault copy --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Copy {
    /// The repository that is copied.
    pub source: String,
    /// The repository that is copied to.
    pub target: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The exit status.
    pub exit_status: u8,
    /// The ids of the backups that were copied.
    pub backups: Vec<String>,
    /// How many objects were copied.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
    /// How many pins were copied.
    pub pins: usize,
    /// How many backups were there already.
    pub present: usize,
    /// Backups that are forgotten in the target.
    pub forgotten: Vec<String>,
    /// Backups that vanished from the source meanwhile.
    pub gone: Vec<String>,
    /// Backups that cannot be copied yet.
    pub held_back: Vec<HeldBack>,
    /// Backups that are damaged.
    pub damage: Vec<DamagedBackup>,
}

/// A backup that cannot be copied yet.
#[derive(Debug, JsonSchema, Serialize)]
pub struct HeldBack {
    /// Its id.
    pub id: String,
    /// The object that is marked for deletion in the target.
    pub object: String,
}

/// A backup that is damaged.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DamagedBackup {
    /// Its id.
    pub id: String,
    /// What is wrong.
    pub error: String,
}
