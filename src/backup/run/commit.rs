//! What a backup lists, and that it is committed.

use super::base::{stored_bases, together};
use super::lineage::Lineage;
use super::scan::Scan;
use super::{Backup, Run, Stored};
use crate::error::{Error, ErrorKind, Result};
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::replay::exact_ranges;
use crate::history::source::{self, Source};
use crate::history::timeline::Gap;
use crate::progress::NoProgress;
use crate::repository::{
    BackupName, COMMIT_WITHIN, FORMAT_VERSION, LineageContents, Manifest, Origins, Position,
    Repository, StoredEvidence, StoredLog, StoredSnapshot, StoredWindow,
};
use crate::zxid::Zxid;
use std::time::{Instant, SystemTime};

impl Run<'_> {
    /// What is to be committed.
    pub(super) fn manifest(
        &mut self,
        scan: &Scan<'_>,
        lineage: &Lineage,
        mut history: LineageContents,
        mut stored: Stored,
    ) -> Result<Manifest> {
        let position = scan.position()?;
        let own = position.as_ref().map(|position| &position.mark);
        let last = own
            .into_iter()
            .chain(lineage.last())
            .max_by_key(|mark| mark.zxid);
        let heads: Vec<&(BackupName, Manifest)> = lineage.heads().collect();
        let max_epoch = self
            .source
            .max_epoch()
            .max(history.max_epoch)
            .max(last.map_or(0, |mark| mark.zxid.epoch()));
        let mut manifest = Manifest {
            format: FORMAT_VERSION,
            tool: self.options.tool.clone(),
            lineage: lineage.id.clone(),
            created_ms: self.options.now_ms,
            source: self.origins(position.clone()),
            last: last.cloned(),
            windows: Vec::new(),
            follows: heads.iter().map(|(name, _)| name.id.clone()).collect(),
            max_epoch,
            added_txns: stored.logs.iter().map(|log| log.txns).sum(),
            added_bytes: 0,
            warnings: Vec::new(),
            snapshots: Vec::new(),
            logs: Vec::new(),
            evidence: StoredEvidence::default(),
        };
        history.evidence.extend(&stored.evidence);
        manifest.evidence.clone_from(&history.evidence);
        let is_idle = stored.logs.is_empty() && stored.snapshots.is_empty();
        self.judge_gaps(&history, &stored)?;
        if let (true, true, [(_, head)]) = (is_idle, lineage.damage.is_empty(), heads.as_slice()) {
            manifest.snapshots.clone_from(&head.snapshots);
            manifest.logs.clone_from(&head.logs);
            manifest.windows.clone_from(&head.windows);
            return Ok(manifest);
        }
        let merged = self.merge(lineage, &mut history, &mut stored)?;
        manifest.added_bytes = added_bytes(&stored, &merged);
        self.choose(&mut manifest, history, stored, merged)?;
        manifest.windows = self.windows(&only(&manifest))?;
        Ok(manifest)
    }

    /// Tells which txns are missing around those that were stored now.
    fn judge_gaps(&mut self, history: &LineageContents, stored: &Stored) -> Result<()> {
        let all = together(history, stored);
        let all = Source::of_history(self.repository, &all, &self.source_options())?;
        let History { timeline, .. } = History::read(&all, Level::Frames, self.progress)?;
        // A tree with nothing behind it.
        let earliest = timeline.segments.first().map(|segment| segment.first());
        let mut bases = stored.snapshots.iter().map(|base| base.zxid);
        let before = earliest.and_then(|first| Some((bases.find(|base| *base < first)?, first)));
        let continues = |base: Zxid| timeline.segments.iter().any(|it| it.continues(base));
        let before = before.filter(|(base, _)| !continues(*base));
        let before = before.map(|(base, first)| timeline.gap_between((base, 0), (first, 0)));
        let is_new = |gap: &Gap| {
            let mut logs = stored.logs.iter();
            logs.any(|log| log.last_zxid == gap.after || log.first_zxid == gap.before)
        };
        let gaps = before.into_iter().chain(timeline.gaps());
        for gap in gaps.filter(is_new) {
            let txns = match (
                gap.is_end_of_epoch(),
                gap.first_missing(),
                gap.last_missing(),
            ) {
                (true, ..) => format!("{gap}, are"),
                (false, first, last) if first == last => format!("transaction {first} is"),
                (false, first, last) => format!("transactions {first} to {last} are"),
            };
            let why = match self.is_damaged {
                true => "damaged, or purged before being backed up",
                false => "purged before being backed up, or skipped by a SNAP sync from the leader",
            };
            self.warnings.push(format!(
                "gap: {txns} missing: {why}; another member may have them"
            ));
        }
        Ok(())
    }

    fn origins(&self, position: Option<Position>) -> Origins {
        Origins {
            path: self.source.shown().display().to_string(),
            host: self.options.host.clone(),
            member: self.source.member(),
            position,
        }
    }

    /// Lists what the newest window needs, and what the run stored.
    fn choose(
        &self,
        manifest: &mut Manifest,
        mut history: LineageContents,
        stored: Stored,
        merged: Vec<StoredLog>,
    ) -> Result<()> {
        let new_logs = stored.logs.clone();
        let new_snapshots: Vec<StoredSnapshot> = stored
            .snapshots
            .iter()
            .chain(&stored.kept)
            .cloned()
            .collect();
        history.logs.extend(stored.logs);
        history.logs.extend(merged);
        history.snapshots.extend(stored.snapshots);
        history
            .logs
            .sort_by_key(|log| (log.first_zxid, log.last_zxid));
        history.snapshots.sort_by_key(|base| base.zxid);
        let stored = Source::of_history(self.repository, &history, &self.source_options())?;
        let stored = History::read(&stored, Level::Frames, self.progress)?;
        let timeline = &stored.timeline;
        let last = timeline.last().unwrap_or(Zxid::ZERO);
        let all = stored_bases(&stored)?;
        let mut reaching = all
            .iter()
            .filter(|base| base.reach(timeline).is_some_and(|it| it.last >= last));
        let newest = reaching.next_back().map(|base| base.zxid);
        let segment = timeline.segments.last().map(|segment| segment.first());
        let from = newest.or(segment).unwrap_or(Zxid::ZERO);
        let is_new_log = |log: &StoredLog| new_logs.iter().any(|new| new.object == log.object);
        let logs = history.logs.into_iter();
        manifest.logs = logs
            .filter(|log| log.last_zxid >= from || is_new_log(log))
            .collect();
        let snapshots = history.snapshots.into_iter();
        manifest.snapshots = snapshots
            .filter(|base| Some(base.zxid) == newest || new_snapshots.contains(base))
            .collect();
        manifest
            .snapshots
            .dedup_by(|a, b| a.zxid == b.zxid && a.parts == b.parts);
        Ok(())
    }

    /// Ends a run that has nothing to store.
    pub(super) fn abandoned(
        mut self,
        scan: &Scan<'_>,
        lineage: &Lineage,
        zxid: Zxid,
    ) -> Result<Backup> {
        let ends = scan.history.timeline.last().unwrap_or(zxid);
        self.warnings.push(format!(
            "transactions {zxid} to {ends} are not stored: other members continued without them, so they were never committed; the server truncates them when it joins"
        ));
        let Some(newest) = lineage.newest().cloned() else {
            return Err(Error::new(ErrorKind::Failed, "a lineage without backups"));
        };
        Ok(Backup {
            name: None,
            stored_bytes: newest.objects().map(|object| object.bytes).sum(),
            manifest: newest,
            warnings: self.warnings,
            notes: self.notes,
            is_damaged: self.is_damaged,
        })
    }

    /// Commits, where there is something to commit.
    pub(super) fn finish(
        mut self,
        mut manifest: Manifest,
        scan: &Scan<'_>,
        lineage: &Lineage,
        begun: (Instant, SystemTime),
    ) -> Result<Backup> {
        if manifest.newest_window().is_none() {
            let is_restorable = |base: &StoredSnapshot| {
                base.shows_zxid.is_some_and(|shows| shows <= base.zxid)
                    && manifest
                        .last
                        .as_ref()
                        .is_none_or(|last| base.zxid >= last.zxid)
            };
            self.warnings.push(match manifest.snapshots.iter().any(is_restorable) {
                true => "no window: nothing that is stored can be restored exactly; the newest snapshot can be restored as it is, unproven".to_owned(),
                false => "no window: no sound snapshot leads to the last transaction, so nothing up to it can be restored; have a server take a snapshot, then back up again".to_owned(),
            });
        }
        let is_idle = lineage.heads().count() == 1
            && lineage.newest().is_some_and(|newest| {
                newest.logs == manifest.logs && newest.snapshots == manifest.snapshots
            });
        let is_wanted = !is_idle || self.options.even_if_idle;
        manifest.warnings.clone_from(&self.warnings);
        if scan.history.timeline.last().is_none() && self.source.snapshots().is_empty() {
            return Err(Error::about(
                self.source.shown(),
                ErrorKind::Failed,
                "has nothing that can be backed up",
            ));
        }
        // By the wall's clock too, since the other one stands still while a machine sleeps.
        let elapsed = begun.1.elapsed().unwrap_or_default().max(begun.0.elapsed());
        if elapsed > COMMIT_WITHIN {
            let message = "took so long to read that what was stored may already be deleted";
            return Err(Error::about(
                self.source.shown(),
                ErrorKind::SourceChanged,
                message,
            ));
        }
        let name = match is_wanted {
            true => Some(self.repository.commit(&manifest, self.listing.seen_ms())?),
            false => None,
        };
        Ok(Backup {
            name,
            stored_bytes: manifest.objects().map(|object| object.bytes).sum(),
            manifest,
            warnings: self.warnings,
            notes: self.notes,
            is_damaged: self.is_damaged,
        })
    }
}

/// What one manifest lists.
fn only(manifest: &Manifest) -> LineageContents {
    let mut history = LineageContents::of(Vec::new());
    history.lineage.clone_from(&manifest.lineage);
    history.logs.clone_from(&manifest.logs);
    history.snapshots.clone_from(&manifest.snapshots);
    history.evidence.extend(&manifest.evidence);
    history.max_epoch = manifest.max_epoch;
    history
}

fn added_bytes(stored: &Stored, merged: &[StoredLog]) -> u64 {
    let logs = stored.logs.iter().chain(merged).map(|log| log.object.bytes);
    let parts = stored.snapshots.iter().flat_map(|base| &base.parts);
    logs.sum::<u64>() + parts.map(|part| part.bytes).sum::<u64>()
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
