//! Backup: ships what a repository does not hold yet.
//!
//! **The plan** ([`plan()`]) only reads: the repository's names and newest manifests, and the
//! source from where it was backed up last. It finds the lineage that the source is of, the
//! stretches of its logs that the repository lacks, the snapshots that may be needed as bases,
//! whether a new base is due, and what the operator has to know of all that. A [`Plan`] can be
//! looked at, and dropped.
//!
//! **[`execute()`]** stores the logs, then bases, and commits by writing a manifest, last. Every
//! record is checked before it is stored, and everything stored is read back before it counts. What
//! cannot be known before is decided only here: whether a snapshot is sound, which shows when all
//! of it is read, and so which bases are needed beside those that were stored before them; which
//! snapshots no log goes with, of all that is held then; whether a base can be rebuilt; and which
//! txns are missing around those that were stored.
//!
//! **Lineages.** A source is of a lineage when the last txn that both hold is the same: a member
//! that logged a txn has all that its leader had logged before (Zab), so one txn stands for the
//! history behind it. It is of another when that txn differs, or when one of them went on without
//! it. Requests that failed tell nothing where they differ; then the txn before is asked.
//!
//! - The source went on without the lineage's last txns: they were an uncommitted tail, which it
//!   was told to truncate, or its history was rebuilt. A new lineage begins; the old one stays as
//!   it is. A source that holds a snapshot from between was sent that tree, and has a gap.
//! - The lineage went on without the source's last txns, and those are older: the source was cut
//!   off and has yet to truncate them. They are not stored.
//! - They have no txn in common: zxids alone say nothing, so a new lineage begins. It is the
//!   lineage's where the same source was backed up into it before and its server purged what came
//!   between (no window crosses the gap); where it fits a gap of the lineage, by zxids and times;
//!   and where the lineage is a tree alone, and the source's txns begin on that very tree. Where a
//!   restore of this program lies between, its receipt tells, and a new lineage begins; so it does
//!   where the gap ends right where an epoch begins, since zxids do not tell such a gap from none.
//! - They differ in how an epoch ended: digests behind it say whose end is right, and only that is
//!   stored. Where there are none, what the lineage does not have begins another, and what the
//!   source does not have is told.
//!
//! A member that was sent a whole tree keeps its old logs, a tail that was never committed too. Of
//! logs before a gap nothing is stored that the lineage is known to have gone on without.
//!
//! **Damage.** Manifests that are damaged, and objects that are gone or of another size, count as
//! not stored: what the source still has of them is stored again. Records that no server could
//! apply are not stored. That bytes are those that were stored is for `check` to see.
//!
//! A server of 3.9 may log an error under the zxid of the txn before it. Where a run ended right
//! between the two, the error is not stored: it has no effect, and its zxid is held already.
//!
//! **What a manifest lists** is the newest base that reaches the last txn, all logs behind it, and
//! whatever else the run stored. Of a source that is read whole, that is each base that gives
//! points which no other does, and the newest, where the way from the others goes over the end of
//! an epoch. A base is never later than the last txn of the backup before it: so the windows of
//! backups of one lineage meet, and keeping two of them keeps what is between, as far as either
//! reaches.
//!
//! A snapshot that no log goes with gives no point, and is stored all the same, with what its
//! znodes show: it may be all that there is.
//!
//! **Small logs** are laid together as they become many, so that a manifest stays short however
//! often it is made. What they replace is pruned when no backup lists it any more.

mod assign_lineage;
mod base;
mod candidates;
mod epoch_boundaries;
mod execute;
mod lineage;
mod lone;
mod merge;
mod payloads;
mod plan;
mod relation;
mod scan;
mod upload;

pub use candidates::PlannedBase;
pub use execute::execute;
pub use plan::{Plan, plan};
pub use scan::Stretch;

use crate::error::Result;
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::replay::{Base, BaseFile, exact_ranges};
use crate::history::source::{self, Source};
use crate::progress::{NoProgress, Progress};
use crate::repository::{BackupName, LineageContents, Manifest, Repository, StoredWindow};
use crate::zxid::Zxid;
use std::fmt::Display;
use std::path::PathBuf;

/// When a new base is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BaseEvery {
    /// So long after the one before, in ms.
    pub age_ms: Option<i64>,
    /// When so many bytes of logs lie behind the one before.
    pub log_bytes: Option<u64>,
}

/// How to back up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The host's name, for the manifest.
    pub host: String,
    /// The program's name and version, for the manifest.
    pub tool: String,
    /// When a new base is due.
    pub base_every: BaseEvery,
    /// Commit also where nothing is new: that the source was seen is worth knowing.
    pub even_if_idle: bool,
    /// The time now, in ms.
    pub now_ms: i64,
    /// Where files are decompressed that a new base is rebuilt from.
    pub scratch_dir: Option<PathBuf>,
}

/// What a run did.
#[derive(Debug)]
pub struct Backup {
    /// The commit point; `None` where nothing was committed.
    pub name: Option<BackupName>,
    /// What it says, or would have said.
    pub manifest: Manifest,
    /// What the operator has to know; also in the manifest.
    pub warnings: Vec<String>,
    /// What is good to know.
    pub notes: Vec<String>,
    /// Whether files of the source are damaged, or objects of the repository.
    pub is_damaged: bool,
    /// Bytes of all objects that the backup lists.
    pub stored_bytes: u64,
}

/// What a run says, beside what it stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What the operator has to know; also in the manifest.
    pub warnings: Vec<String>,
    /// What is good to know.
    pub notes: Vec<String>,
    /// Whether files of the source are damaged, or objects of the repository.
    pub is_damaged: bool,
}

impl Judgement {
    /// What is damaged.
    fn of_damage<T: Display>(found: impl IntoIterator<Item = T>) -> Judgement {
        let mut judgement = Judgement::default();
        found.into_iter().for_each(|what| judgement.damaged(what));
        judgement
    }

    /// This, and what else there is to say. What is said already is not said again.
    fn and(mut self, other: Judgement) -> Judgement {
        let warnings = other.warnings.into_iter();
        let new: Vec<String> = warnings
            .filter(|warning| !self.warnings.contains(warning))
            .collect();
        self.warnings.extend(new);
        self.notes.extend(other.notes);
        self.is_damaged |= other.is_damaged;
        self
    }

    /// Adds damage: once, however often it is found.
    fn damaged(&mut self, what: impl Display) {
        self.is_damaged = true;
        let warning = format!("damaged: {what}");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl Backup {
    fn of(name: Option<BackupName>, manifest: Manifest, judgement: Judgement) -> Backup {
        Backup {
            name,
            stored_bytes: manifest.objects().map(|object| object.bytes).sum(),
            manifest,
            warnings: judgement.warnings,
            notes: judgement.notes,
            is_damaged: judgement.is_damaged,
        }
    }
}

/// Backs up `source`: plans and executes.
///
/// # Errors
/// Those of [`plan()`] and [`execute()`].
pub fn backup(
    source: &Source,
    repository: &Repository,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Backup> {
    execute(&plan(source, repository, options, progress)?)
}

/// What a run is given.
#[derive(Clone, Copy)]
struct Context<'a> {
    source: &'a Source,
    repository: &'a Repository,
    options: &'a Options,
    progress: &'a dyn Progress,
}

impl Context<'_> {
    /// What the repository holds of `history`, to be read.
    fn stored(&self, history: &LineageContents) -> Result<Source> {
        Source::of_history(self.repository, history, &self.source_options())
    }

    /// What `history` promises.
    fn windows(&self, history: &LineageContents) -> Result<Vec<StoredWindow>> {
        windows(self.repository, history, &self.source_options())
    }

    fn source_options(&self) -> source::Options {
        source::Options {
            data_log_dir: None,
            scratch_dir: self.options.scratch_dir.clone(),
        }
    }
}

/// What can be restored from the bases and logs of `history`, for all that is noted of them.
///
/// # Errors
/// Damage of a log, where its beginning has to be looked at; failures to read.
pub fn windows(
    repository: &Repository,
    history: &LineageContents,
    options: &source::Options,
) -> Result<Vec<StoredWindow>> {
    let source = Source::of_history(repository, history, options)?;
    let stored = History::read(&source, Level::Frames, &NoProgress)?;
    let time_at = |zxid: Zxid| {
        let at_begin = history.logs.iter().find(|log| log.first_zxid == zxid);
        let at_end = history.logs.iter().find(|log| log.last_zxid == zxid);
        at_begin
            .map(|log| log.first_time_ms)
            .or(at_end.map(|log| log.last_time_ms))
    };
    let ranges = exact_ranges(&stored.timeline, &stored_bases(&stored)?);
    let windows = ranges.iter().map(|range| StoredWindow::of(range, time_at));
    Ok(windows.collect())
}

/// The bases that are stored: not the empty tree, which no server starts from.
fn stored_bases(history: &History<'_>) -> Result<Vec<Base>> {
    let all = history.bases()?.iter();
    let stored = all.filter(|base| base.file != BaseFile::Empty);
    Ok(stored.cloned().collect())
}
