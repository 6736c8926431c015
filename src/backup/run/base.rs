//! Bases: snapshots of the server that are sound, or rebuilt from what the repository holds.

use super::Judgement;
use super::candidates::{Due, PlannedBase};
use super::plan::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::format::snapshot::{self, NewestZxids, Trailer};
use crate::format::stream::Span;
use crate::history::History;
use crate::history::point::Point;
use crate::history::replay::{Base, BaseFile, ExactFrom, Proof, Purpose, Rebuilt, rebuild_for};
use crate::history::timeline::{Segment, Timeline};
use crate::progress::NoProgress;
use crate::recovery::restore::write_snapshot;
use crate::repository::{
    EXACT_NOWHERE, LineageContents, Origin, StoredEvidence, StoredLog, StoredSnapshot,
    StoredTrailer, StoredWindow,
};
use crate::tree::DataTree;
use crate::zxid::Zxid;
use std::io;

/// Stores a snapshot of the server, once all of it was found to be sound. Where the logs begin on
/// an empty tree, and there is no snapshot of it, one is made: no server of 3.5.3 or later starts
/// on logs alone.
///
/// # Errors
/// [`ErrorKind::Damage`] when it is not; failures to read or to store.
pub(super) fn store(plan: &Plan<'_>, history: &History<'_>, base: &Base) -> Result<StoredSnapshot> {
    let source = history.source;
    let BaseFile::Snapshot(index) = base.file else {
        return store_tree(plan, &history.fresh_tree()?, Zxid::ZERO);
    };
    let exact_from = match base.exact_from {
        ExactFrom::Known(zxid) | ExactFrom::Bounded(zxid) => zxid,
        ExactFrom::Open => EXACT_NOWHERE,
    };
    let file = source
        .snapshots()
        .get(index)
        .ok_or_else(|| Error::new(ErrorKind::Failed, "a base of another source"))?;
    let open = || source.open_snapshot(file);
    let summary = snapshot::check(file.shown(), &open, &|_| {})?;
    // Parts of the txn that was being applied are in it: it is exact behind that one.
    let is_ahead = summary.contradicts_itself(base.zxid);
    let exact_from = match is_ahead {
        true => exact_from.max(base.zxid.next()),
        false => exact_from,
    };
    let (size, parts) = plan
        .target(plan.context.progress)
        .ship_parts(base.zxid, |parts| {
            let mut reader = file.codec().reader(Span::new(file.open()?, 0));
            let copied = io::copy(&mut reader, parts);
            copied.map_err(|err| Error::io(file.shown(), "read", err))
        })?;
    if size != summary.size {
        let (shown, message) = (file.shown(), "changed while it was being read");
        return Err(Error::about(shown, ErrorKind::SourceChanged, message));
    }
    let is_fresh = base.zxid == Zxid::ZERO && summary.max_zxid == Zxid::ZERO;
    Ok(StoredSnapshot {
        zxid: base.zxid,
        exact_from,
        is_inferred: is_ahead || !matches!(base.exact_from, ExactFrom::Known(_)),
        shows_zxid: Some(summary.shows),
        origin: match (is_fresh, source.is_as_restored(file)?) {
            (true, _) => Origin::Fresh,
            (false, true) => Origin::Rebuilt,
            (false, false) => Origin::Server,
        },
        trailer: trailer(&summary.trailer),
        created_ms: plan.context.options.now_ms,
        newest_zxids: summary.newest_zxids.as_slice().to_vec(),
        snapshot_bytes: size,
        parts,
    })
}

fn trailer(trailer: &Trailer) -> StoredTrailer {
    let digest = trailer.digest.as_ref();
    StoredTrailer {
        digest_zxid: digest.map(|(zxid, _)| *zxid),
        digest: digest.map(|(_, digest)| Zxid::from_i64(digest.tree_digest)),
        digest_version: digest.map(|(_, digest)| digest.version),
        last_zxid: trailer.last_zxid,
    }
}

/// Rebuilds the tree at `zxid` from what the repository holds, and stores it: an exact base. `None`
/// where nothing more than inference says that it is exact: a base would make that look like
/// knowledge.
///
/// # Errors
/// [`ErrorKind::Damage`] and [`ErrorKind::NotReachable`] as a restore; failures to read or to
/// store.
fn rebuild(plan: &Plan<'_>, zxid: Zxid) -> Result<Option<StoredSnapshot>> {
    let stored = plan.context.stored(&plan.held)?;
    let Rebuilt { replayed, .. } = rebuild_for(
        Purpose::Restoring,
        &stored,
        Point::Zxid(zxid),
        false,
        plan.context.progress,
    )?;
    if replayed.proof < Proof::Consistent {
        return Ok(None);
    }
    store_tree(plan, &replayed.tree, zxid).map(Some)
}

/// Stores a tree that is exact at `zxid`.
fn store_tree(plan: &Plan<'_>, tree: &DataTree, zxid: Zxid) -> Result<StoredSnapshot> {
    let shown = plan.context.repository.shown();
    let (size, parts) = plan.target(&NoProgress).ship_parts(zxid, |parts| {
        let written = write_snapshot(tree, parts);
        written.map_err(|err| Error::io(shown, "rebuild a base for", err))
    })?;
    let mut newest_zxids = NewestZxids::default();
    tree.nodes()
        .for_each(|node| newest_zxids.add(node.path, node.stat));
    Ok(StoredSnapshot {
        zxid,
        exact_from: zxid,
        is_inferred: false,
        shows_zxid: None,
        origin: Origin::Rebuilt,
        trailer: StoredTrailer::default(),
        created_ms: plan.context.options.now_ms,
        newest_zxids: newest_zxids.as_slice().to_vec(),
        snapshot_bytes: size,
        parts,
    })
}

/// What a run stored, and what there is to say.
#[derive(Default)]
pub(super) struct Stored {
    pub logs: Vec<StoredLog>,
    pub snapshots: Vec<StoredSnapshot>,
    /// What the source showed of the ends of epochs.
    pub evidence: StoredEvidence,
    /// Snapshots that no log goes with, which the source has and the repository had before.
    pub kept: Vec<StoredSnapshot>,
    pub judgement: Judgement,
}

impl Stored {
    /// This, with what the repository `held` before.
    pub fn with(&self, held: &LineageContents) -> LineageContents {
        let mut together = held.clone();
        together.logs.extend(self.logs.iter().cloned());
        together.snapshots.extend(self.snapshots.iter().cloned());
        together.evidence.extend(&self.evidence);
        together
    }
}

/// Stores snapshots of the server for all that can be restored from the source, and not from the
/// repository. Where the way to the last txn goes over the end of an epoch, the newest one too:
/// whether txns are missing there shows only in a replay.
pub(super) fn store_bases(plan: &Plan<'_>, stored: &mut Stored) -> Result<()> {
    let source = &plan.scan.history;
    for PlannedBase { base, reach } in &plan.bases {
        let windows = plan.context.windows(&stored.with(&plan.held))?;
        let gives =
            |window: &StoredWindow| window.from_zxid <= reach.first && reach.last <= window.to_zxid;
        if !windows.iter().any(gives) {
            store_sound(plan, source, base, stored)?;
        }
    }
    let last = source.timeline.last();
    let is_last =
        |base: &&PlannedBase| Some(base.reach.last) == last && base.base.file != BaseFile::Empty;
    for PlannedBase { base, .. } in plan.bases.iter().rev().filter(is_last) {
        let held = plan.held.snapshots.iter().chain(&stored.snapshots);
        let held = held.map(|held| held.zxid).filter(|held| *held <= base.zxid);
        let newest = held.max().unwrap_or(Zxid::ZERO);
        let is_between = |first: &Zxid| newest < *first && *first <= base.zxid;
        let has_begin = begins(&source.timeline).any(|first| is_between(&first));
        if !has_begin || store_sound(plan, source, base, stored)? {
            break;
        }
    }
    stored.snapshots.sort_by_key(|base| base.zxid);
    Ok(())
}

/// The first txns behind the ends of epochs, and behind gaps.
fn begins(timeline: &Timeline) -> impl Iterator<Item = Zxid> {
    let segments = &timeline.segments;
    let joints = segments.iter().flat_map(|segment| &segment.joints);
    let begins = joints.map(|(_, first)| *first);
    begins.chain(segments.iter().map(Segment::first).skip(1))
}

/// Stores a snapshot of the server, and says whether it is sound: one that is not is no base, and
/// that is told.
fn store_sound(
    plan: &Plan<'_>,
    source: &History<'_>,
    base: &Base,
    stored: &mut Stored,
) -> Result<bool> {
    match store(plan, source, base) {
        Err(error) if error.kind() == ErrorKind::Damage => {
            let told = format!("{error}; it is not used as a base");
            stored.judgement.damaged(told);
            Ok(false)
        }
        made => {
            stored.snapshots.push(made?);
            Ok(true)
        }
    }
}

/// Stores the base that is due: the newest snapshot that is sound and says when it was finished; or
/// one that is rebuilt; or a snapshot of which that is inferred.
pub(super) fn store_due(plan: &Plan<'_>, due: &Due<'_>, stored: &mut Stored) -> Result<()> {
    if store_newest(plan, &due.source, &due.known, stored)? {
        return Ok(());
    }
    plan.context.progress.start("rebuilding a base", None);
    match rebuild(plan, due.zxid) {
        Ok(Some(base)) => {
            stored.snapshots.push(base);
            return Ok(());
        }
        Ok(None) => stored.judgement.notes.push(
            "a new base is due, but was not rebuilt: its evidence would only be inferred".into(),
        ),
        Err(error) if matches!(error.kind(), ErrorKind::Damage | ErrorKind::NotReachable) => {
            let told = format!("a new base is due, but cannot be rebuilt: {error}");
            stored.judgement.warnings.push(told);
        }
        Err(error) => return Err(error),
    }
    store_newest(plan, &due.source, &due.inferred, stored)?;
    Ok(())
}

/// Stores the newest of the server's snapshots that is sound, and says whether there is one.
fn store_newest(
    plan: &Plan<'_>,
    source: &History<'_>,
    bases: &[Base],
    stored: &mut Stored,
) -> Result<bool> {
    for base in bases.iter().rev() {
        if store_sound(plan, source, base, stored)? {
            return Ok(true);
        }
    }
    Ok(false)
}
