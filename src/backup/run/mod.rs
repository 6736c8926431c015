//! Backup: ships what a repository does not hold yet.
//!
//! A run reads the repository's names and newest manifests, finds the lineage that the source is
//! of, reads the source from where it was backed up last, stores the txns that are new and a base
//! where one is due, and commits by writing a manifest, last. Every record is checked before it is
//! stored, and everything stored is read back before it counts.
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
mod commit;
mod epoch_boundaries;
mod lineage;
mod lone;
mod merge;
mod payloads;
mod relation;
mod scan;
mod upload;

pub use commit::windows;

use crate::error::{Error, ErrorKind, Result};
use crate::history::source::{self, Source, SourceFile};
use crate::progress::Progress;
use crate::repository::{
    BackupName, LineageContents, Listing, Manifest, Repository, StoredEvidence, StoredLog,
    StoredSnapshot, StoredWindow,
};
use crate::zxid::Zxid;
use assign_lineage::Place;
use base::bases_in_order;
use lineage::Lineage;
use scan::{Scan, Stretch};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};
use upload::{Cutter, Target};

/// By how much logs shrink at best, for the guess whether there is room.
const RATIO_MAX: u64 = 10;

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

/// One run.
struct Run<'a> {
    source: &'a Source,
    repository: &'a Repository,
    options: &'a Options,
    progress: &'a dyn Progress,
    listing: Listing,
    warnings: Vec<String>,
    notes: Vec<String>,
    is_damaged: bool,
}

/// What a run stored.
#[derive(Default)]
struct Stored {
    logs: Vec<StoredLog>,
    snapshots: Vec<StoredSnapshot>,
    /// What the source showed of the ends of epochs.
    evidence: StoredEvidence,
    /// Snapshots that no log goes with, which the source has and the repository had before.
    kept: Vec<StoredSnapshot>,
}

/// Backs up `source`.
///
/// # Errors
/// Damage of the repository; [`ErrorKind::SourceChanged`]; failures to read or to store. Nothing is
/// committed then, and what was stored already is found again by the next run.
pub fn backup(
    source: &Source,
    repository: &Repository,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Backup> {
    let begun = (Instant::now(), SystemTime::now());
    let run = Run {
        source,
        repository,
        options,
        progress,
        listing: repository.listing()?,
        warnings: Vec::new(),
        notes: Vec::new(),
        is_damaged: false,
    };
    run.run(begun)
}

impl<'a> Run<'a> {
    fn run(mut self, begun: (Instant, SystemTime)) -> Result<Backup> {
        let ids = self.listing.lineages();
        let mut lineages = ids
            .into_iter()
            .map(|id| Lineage::recent(self.repository, &self.listing, id))
            .collect::<Result<Vec<Lineage>>>()?;
        let mut scan = Scan::of(self.source, &lineages, &self.options.host, self.progress)?;
        self.judge_source(&scan);
        let place = self.place(&scan, &lineages)?;
        let is_of_another = |index: usize| {
            let known = scan.known.as_ref().map(|(id, _)| id.as_str());
            known.is_some() && known != lineages.get(index).map(|lineage| lineage.id.as_str())
        };
        if match place {
            Place::New(_) | Place::Behind(..) => true,
            Place::Lineage(index) => is_of_another(index),
            Place::Abandoned(..) => false,
        } {
            // What the source is known by is of another history: of this one, nothing was stored
            // yet.
            scan = scan.whole(self.progress)?;
        }
        self.judge_damage(&lineages);
        let lineage = match place {
            Place::Lineage(index) => lineages.swap_remove(index),
            Place::Abandoned(index, zxid) => {
                return self.abandoned(&scan, &lineages.swap_remove(index), zxid);
            }
            Place::New(apart) => self.begin(&scan, apart, None)?,
            Place::Behind(last, first) => self.begin(&scan, None, Some((last, first)))?,
        };
        let (lineage, scan) = self.settle(lineage, scan)?;
        let history = lineage.history();
        self.judge_place(&scan, &lineage);
        let stored = self.store(&scan, &lineage, &history)?;
        let manifest = self.manifest(&scan, &lineage, history, stored)?;
        self.finish(manifest, &scan, &lineage, begun)
    }

    /// Reads what is needed of the lineage and of the source, and parts them where the ends of
    /// epochs say that they are of two histories.
    fn settle(&mut self, mut lineage: Lineage, mut scan: Scan<'a>) -> Result<(Lineage, Scan<'a>)> {
        let repository = self.repository;
        if lineage.is_chain_broken(&self.listing) {
            lineage.complete(repository, &self.listing)?;
        }
        lineage.leave_out_lost(repository)?;
        if !goes_on(&scan, &lineage) {
            lineage.complete(repository, &self.listing)?;
            lineage.leave_out_lost(repository)?;
            scan = scan.whole(self.progress)?;
            scan = scan.settled(self.progress)?;
        }
        if let Some(apart) = self.judge_ends_of_epochs(&mut scan, &lineage)? {
            scan = scan.whole(self.progress)?;
            scan = scan.settled(self.progress)?;
            lineage = self.begin(&scan, Some(apart), None)?;
        }
        self.judge_damage(std::slice::from_ref(&lineage));
        Ok((lineage, scan))
    }

    /// Tells what of lineages was found to be damaged.
    fn judge_damage(&mut self, lineages: &[Lineage]) {
        for damage in lineages.iter().flat_map(|lineage| &lineage.damage) {
            self.damaged(damage.clone());
        }
    }

    /// Tells of damage, once.
    fn damaged(&mut self, what: String) {
        self.is_damaged = true;
        let told = format!("damaged: {what}");
        if !self.warnings.contains(&told) {
            self.warnings.push(told);
        }
    }

    /// Tells what is wrong with the source itself.
    fn judge_source(&mut self, scan: &Scan<'_>) {
        for damage in scan.damage() {
            self.damaged(format!(
                "{damage}; what cannot be read there is not backed up"
            ));
        }
        for error in self.source.unread() {
            self.damaged(format!("{error}; its content is not known"));
        }
        // Of those that were not read again, since they were backed up before.
        let is_read = |index: usize| {
            scan.history
                .timeline
                .logs
                .iter()
                .any(|log| log.log == index)
        };
        let older = self.source.logs().iter().enumerate();
        let older = older.filter(|(index, _)| !is_read(*index));
        for error in older.filter_map(|(_, file)| file.unopened()) {
            self.damaged(format!("{error}; its content was backed up earlier"));
        }
        let unread = self.source.snapshots().iter();
        for error in unread.filter_map(SourceFile::unopened) {
            self.damaged(format!("{error}; it is not used as a base"));
        }
        let mut snapshots = self.source.snapshots().iter();
        let has_txns_elsewhere = self.source.logs().is_empty()
            && self.source.receipt().is_none()
            && snapshots.any(|file| file.zxid() > Zxid::ZERO);
        if has_txns_elsewhere {
            self.warnings.push(
                "the source has snapshots but no logs: if its server has a separate dataLogDir, give that too, or the zoo.cfg".to_owned(),
            );
        }
        let is_ahead = self
            .listing
            .seen_ms()
            .is_some_and(|seen| seen > self.options.now_ms);
        if is_ahead {
            self.warnings.push(
                "some backups are dated in the future: this host's clock is behind, or another's is ahead".to_owned(),
            );
        }
    }

    /// Stores what is missing, and the bases that it needs.
    fn store(
        &mut self,
        scan: &Scan<'_>,
        lineage: &Lineage,
        history: &LineageContents,
    ) -> Result<Stored> {
        let timeline = &scan.history.timeline;
        let (all_bases, damage) = match goes_on(scan, lineage) {
            true => (Vec::new(), Vec::new()),
            false => bases_in_order(&scan.history)?,
        };
        for error in damage {
            self.damaged(format!("{error}; it is not used as a base"));
        }
        let earliest = all_bases
            .iter()
            .map(|base| base.zxid)
            .chain(history.snapshots.iter().map(|base| base.zxid))
            .chain(history.logs.iter().map(|log| log.first_zxid))
            .min();
        let from = earliest.unwrap_or(Zxid::ZERO);
        let stretches = scan.stretches(&history.zxids(), from);
        self.ensure_room(&stretches)?;
        let lineage_id = lineage.id.clone();
        let marked = std::mem::take(&mut self.listing.marked);
        let target = Target {
            repository: self.repository,
            lineage: &lineage_id,
            marked: &marked,
            progress: self.progress,
        };
        let mut stored = Stored {
            logs: self.ship_logs(&target, &stretches)?,
            evidence: timeline.evidence_of_gaps(),
            ..Stored::default()
        };
        self.add_bases(&target, scan, &all_bases, history, &mut stored)?;
        self.add_lone(&target, scan, lineage, history, &mut stored)?;
        if !stored.logs.is_empty() {
            let due = self.due_base(&target, lineage, history)?;
            stored.snapshots.extend(due);
        }
        self.listing.marked = marked;
        Ok(stored)
    }

    fn ship_logs(&self, target: &Target<'_>, stretches: &[Stretch<'_>]) -> Result<Vec<StoredLog>> {
        let bytes = stretches.iter().map(Stretch::len).sum();
        self.progress.start("storing logs", Some(bytes));
        let (logs, objects) = target.ship(|shipper| {
            let mut cutter = Cutter::new(shipper);
            for stretch in stretches {
                let mut reader = stretch.piece.reader(self.source, stretch.range.first)?;
                while let Some(entry) = reader
                    .next_entry()?
                    .filter(|entry| entry.header.zxid <= stretch.range.last)
                {
                    if entry.header.zxid >= stretch.range.first {
                        cutter.push(&entry)?;
                    }
                }
                cutter.cut()?;
            }
            cutter.finish()
        })?;
        let joined = logs.into_iter().zip(objects);
        Ok(joined
            .map(|(log, object)| StoredLog { object, ..log })
            .collect())
    }

    /// Refuses to begin what cannot fit.
    fn ensure_room(&self, stretches: &[Stretch<'_>]) -> Result<()> {
        let needed = stretches.iter().map(Stretch::len).sum::<u64>() / RATIO_MAX;
        match self.repository.storage().free_space() {
            Some(free) if free < needed => {
                let message =
                    format!("has room for {free} bytes, but at least {needed} are needed");
                let error = Error::about(self.repository.shown(), ErrorKind::Failed, message);
                Err(error.hint("free up space there: 'zoovault forget' and 'zoovault prune'"))
            }
            _ => Ok(()),
        }
    }

    fn source_options(&self) -> source::Options {
        source::Options {
            data_log_dir: None,
            scratch_dir: self.options.scratch_dir.clone(),
        }
    }

    /// What `history` promises.
    fn windows(&self, history: &LineageContents) -> Result<Vec<StoredWindow>> {
        windows(self.repository, history, &self.source_options())
    }
}

/// Whether what the source has is new txns behind those that were backed up last, and nothing else:
/// then no base is needed.
fn goes_on(scan: &Scan<'_>, lineage: &Lineage) -> bool {
    scan.known.is_some()
        && scan.history.timeline.segments.len() <= 1
        && has_window(lineage)
        && lineage.damage.is_empty()
}

/// Whether the newest backup can be restored to its last txn.
fn has_window(lineage: &Lineage) -> bool {
    lineage
        .newest()
        .is_some_and(|newest| newest.newest_window().is_some())
}
