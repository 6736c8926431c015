//! A plan is carried out, and committed.

use super::base::{Stored, store_bases, store_due};
use super::lone::store_lone;
use super::merge::merge;
use super::plan::Plan;
use super::scan::Stretch;
use super::{Backup, Judgement, stored_bases};
use crate::error::{Error, ErrorKind, Result};
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::timeline::Gap;
use crate::repository::{
    BackupName, COMMIT_WITHIN, FORMAT_VERSION, LineageContents, Manifest, Origins, StoredLog,
    StoredSnapshot,
};
use crate::zxid::Zxid;

/// By how much logs shrink at best, for the guess whether there is room.
const RATIO_MAX: u64 = 10;

/// Stores what `plan` says, and commits it.
///
/// # Errors
/// [`ErrorKind::SourceChanged`]; failures to read or to store. Nothing is committed then, and what
/// was stored already is found again by the next run.
pub fn execute(plan: &Plan<'_>) -> Result<Backup> {
    if plan.is_abandoned {
        return abandoned(plan);
    }
    let bytes = plan.logs.iter().map(Stretch::size_bytes).sum();
    ensure_room(plan, bytes)?;
    let mut stored = Stored {
        logs: ship_logs(plan, bytes)?,
        evidence: plan.scan.history.timeline.evidence_of_gaps(),
        judgement: plan.judgement.clone(),
        ..Stored::default()
    };
    store_bases(plan, &mut stored)?;
    store_lone(plan, &mut stored)?;
    if let Some(due) = plan.due.as_ref().filter(|_| !stored.logs.is_empty()) {
        store_due(plan, due, &mut stored)?;
    }
    let manifest = manifest(plan, &mut stored)?;
    commit(plan, manifest, stored.judgement)
}

/// What there is to say where nothing is stored.
fn abandoned(plan: &Plan<'_>) -> Result<Backup> {
    let Some(newest) = plan.lineage.newest() else {
        return Err(Error::new(ErrorKind::Failed, "a lineage without backups"));
    };
    Ok(Backup::of(None, newest.clone(), plan.judgement.clone()))
}

/// Refuses to begin what cannot fit.
fn ensure_room(plan: &Plan<'_>, bytes: u64) -> Result<()> {
    let repository = plan.context.repository;
    let needed = bytes / RATIO_MAX;
    match repository.storage().free_space() {
        Some(free) if free < needed => {
            let message = format!("has room for {free} bytes, but at least {needed} are needed");
            let error = Error::about(repository.shown(), ErrorKind::Failed, message);
            Err(error.hint("free up space there: 'zoovault forget' and 'zoovault prune'"))
        }
        _ => Ok(()),
    }
}

fn ship_logs(plan: &Plan<'_>, bytes: u64) -> Result<Vec<StoredLog>> {
    let context = &plan.context;
    context.progress.start("storing logs", Some(bytes));
    plan.target(context.progress).ship_logs(|cutter| {
        for Stretch { range, piece } in &plan.logs {
            let mut reader = piece.reader(context.source, range.first)?;
            while let Some(entry) = reader
                .next_entry()?
                .filter(|entry| entry.header.zxid <= range.last)
            {
                if entry.header.zxid >= range.first {
                    cutter.push(&entry)?;
                }
            }
            cutter.cut()?;
        }
        Ok(())
    })
}

/// What is to be committed.
fn manifest(plan: &Plan<'_>, stored: &mut Stored) -> Result<Manifest> {
    let (context, lineage) = (&plan.context, &plan.lineage);
    // Looked for only now: that it is still there says that the source was not changed meanwhile.
    let position = plan.scan.position()?;
    let own = position.as_ref().map(|position| &position.mark);
    let lasts = own.into_iter().chain(lineage.last());
    let last = lasts.max_by_key(|mark| mark.zxid).cloned();
    let heads: Vec<&(BackupName, Manifest)> = lineage.heads().collect();
    let mut history = plan.held.clone();
    history.evidence.extend(&stored.evidence);
    let mut manifest = Manifest {
        format: FORMAT_VERSION,
        tool: context.options.tool.clone(),
        lineage: lineage.id.clone(),
        created_ms: context.options.now_ms,
        source: Origins {
            path: context.source.shown().display().to_string(),
            host: context.options.host.clone(),
            member: context.source.member(),
            position,
        },
        windows: Vec::new(),
        follows: heads.iter().map(|(name, _)| name.id.clone()).collect(),
        max_epoch: context
            .source
            .max_epoch()
            .max(history.max_epoch)
            .max(last.as_ref().map_or(0, |mark| mark.zxid.epoch())),
        last,
        added_txns: stored.logs.iter().map(|log| log.txns).sum(),
        added_bytes: 0,
        warnings: Vec::new(),
        snapshots: Vec::new(),
        logs: Vec::new(),
        evidence: history.evidence.clone(),
    };
    let is_idle = stored.logs.is_empty() && stored.snapshots.is_empty();
    judge_gaps(plan, stored)?;
    if let (true, true, [(_, head)]) = (is_idle, lineage.damage.is_empty(), heads.as_slice()) {
        manifest.snapshots.clone_from(&head.snapshots);
        manifest.logs.clone_from(&head.logs);
        manifest.windows.clone_from(&head.windows);
        return Ok(manifest);
    }
    let merged = merge(plan, &mut history, stored)?;
    manifest.added_bytes = added_bytes(stored, &merged);
    choose(plan, &mut manifest, history, stored, merged)?;
    manifest.windows = context.windows(&only(&manifest))?;
    Ok(manifest)
}

/// Tells which txns are missing around those that were stored now.
fn judge_gaps(plan: &Plan<'_>, stored: &mut Stored) -> Result<()> {
    let all = plan.context.stored(&stored.with(&plan.held))?;
    let History { timeline, .. } = History::read(&all, Level::Frames, plan.context.progress)?;
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
    for gap in gaps.filter(is_new).collect::<Vec<Gap>>() {
        let txns = match (
            gap.is_end_of_epoch(),
            gap.first_missing(),
            gap.last_missing(),
        ) {
            (true, ..) => format!("{gap}, are"),
            (false, first, last) if first == last => format!("transaction {first} is"),
            (false, first, last) => format!("transactions {first} to {last} are"),
        };
        let why = match stored.judgement.is_damaged {
            true => "damaged, or purged before being backed up",
            false => "purged before being backed up, or skipped by a SNAP sync from the leader",
        };
        stored.judgement.warnings.push(format!(
            "gap: {txns} missing: {why}; another member may have them"
        ));
    }
    Ok(())
}

/// Lists what the newest window needs, and what the run stored.
fn choose(
    plan: &Plan<'_>,
    manifest: &mut Manifest,
    mut history: LineageContents,
    stored: &Stored,
    merged: Vec<StoredLog>,
) -> Result<()> {
    let new_logs = stored.logs.iter().cloned();
    history.logs.extend(new_logs.chain(merged));
    history.snapshots.extend(stored.snapshots.iter().cloned());
    history
        .logs
        .sort_by_key(|log| (log.first_zxid, log.last_zxid));
    history.snapshots.sort_by_key(|base| base.zxid);
    let source = plan.context.stored(&history)?;
    let read = History::read(&source, Level::Frames, plan.context.progress)?;
    let timeline = &read.timeline;
    let last = timeline.last().unwrap_or(Zxid::ZERO);
    let all = stored_bases(&read)?;
    let mut reaching = all
        .iter()
        .filter(|base| base.reach(timeline).is_some_and(|it| it.last >= last));
    let newest = reaching.next_back().map(|base| base.zxid);
    let segment = timeline.segments.last().map(|segment| segment.first());
    let from = newest.or(segment).unwrap_or(Zxid::ZERO);
    let is_new_log = |log: &StoredLog| stored.logs.iter().any(|new| new.object == log.object);
    let logs = history.logs.into_iter();
    manifest.logs = logs
        .filter(|log| log.last_zxid >= from || is_new_log(log))
        .collect();
    let is_new = |base: &StoredSnapshot| {
        let mut new = stored.snapshots.iter().chain(&stored.kept);
        new.any(|new| new == base)
    };
    let snapshots = history.snapshots.into_iter();
    manifest.snapshots = snapshots
        .filter(|base| Some(base.zxid) == newest || is_new(base))
        .collect();
    manifest
        .snapshots
        .dedup_by(|a, b| a.zxid == b.zxid && a.parts == b.parts);
    Ok(())
}

/// Commits, where there is something to commit.
fn commit(plan: &Plan<'_>, mut manifest: Manifest, mut judgement: Judgement) -> Result<Backup> {
    let (context, lineage) = (&plan.context, &plan.lineage);
    if manifest.newest_window().is_none() {
        let last = manifest.last.as_ref();
        let is_restorable = |base: &StoredSnapshot| {
            base.shows_zxid.is_some_and(|shows| shows <= base.zxid)
                && last.is_none_or(|last| base.zxid >= last.zxid)
        };
        judgement.warnings.push(match manifest.snapshots.iter().any(is_restorable) {
            true => "no window: nothing that is stored can be restored exactly; the newest snapshot can be restored as it is, unproven".to_owned(),
            false => "no window: no sound snapshot leads to the last transaction, so nothing up to it can be restored; have a server take a snapshot, then back up again".to_owned(),
        });
    }
    let is_idle = lineage.heads().count() == 1
        && lineage.newest().is_some_and(|newest| {
            newest.logs == manifest.logs && newest.snapshots == manifest.snapshots
        });
    manifest.warnings.clone_from(&judgement.warnings);
    // By the wall's clock too, since the other one stands still while a machine sleeps.
    let (by_clock, by_wall) = plan.begun;
    let elapsed = by_wall.elapsed().unwrap_or_default();
    if elapsed.max(by_clock.elapsed()) > COMMIT_WITHIN {
        let message = "took so long to read that what was stored may already be deleted";
        let shown = context.source.shown();
        return Err(Error::about(shown, ErrorKind::SourceChanged, message));
    }
    let seen_ms = plan.listing.seen_ms();
    let name = match !is_idle || context.options.even_if_idle {
        true => Some(context.repository.commit(&manifest, seen_ms)?),
        false => None,
    };
    Ok(Backup::of(name, manifest, judgement))
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
