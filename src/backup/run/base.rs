//! Bases: snapshots of the server that are sound, or rebuilt from what the repository holds.

use super::lineage::Lineage;
use super::scan::Scan;
use super::upload::{Parts, Target};
use super::{Run, Stored};
use crate::error::{Error, ErrorKind, Result};
use crate::format::snapshot::{self, NewestZxids, Trailer};
use crate::format::stream::Span;
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::point::Point;
use crate::history::replay::{Base, BaseFile, ExactFrom, Proof, Purpose, Rebuilt, rebuild_for};
use crate::history::source::{self, Source, SourceFile};
use crate::history::timeline::Segment;
use crate::progress::{NoProgress, Progress};
use crate::recovery::restore::write_snapshot;
use crate::repository::{EXACT_NOWHERE, LineageContents, Origin, StoredSnapshot, StoredTrailer};
use crate::tree::DataTree;
use crate::zxid::{Zxid, ZxidRange};
use std::io;

/// Stores a snapshot of the server, once all of it was found to be sound. Where the logs begin on
/// an empty tree, and there is no snapshot of it, one is made: no server of 3.5.3 or later starts
/// on logs alone.
///
/// # Errors
/// [`ErrorKind::Damage`] when it is not; failures to read or to store.
pub(super) fn store(
    target: &Target<'_>,
    history: &History<'_>,
    base: &Base,
    created_ms: i64,
) -> Result<StoredSnapshot> {
    let source = history.source;
    let BaseFile::Snapshot(index) = base.file else {
        return store_tree(target, &history.fresh_tree()?, Zxid::ZERO, created_ms);
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
    let (size, parts) = target.ship(|shipper| copy(file, Parts::new(shipper, base.zxid)))?;
    if size != summary.size {
        let message = "changed while it was being read";
        return Err(Error::about(
            file.shown(),
            ErrorKind::SourceChanged,
            message,
        ));
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
        created_ms,
        newest_zxids: summary.newest_zxids.as_slice().to_vec(),
        snapshot_bytes: size,
        parts,
    })
}

/// Copies a snapshot, decompressed.
fn copy(file: &SourceFile, mut parts: Parts<'_>) -> Result<u64> {
    let mut reader = file.codec().reader(Span::new(file.open()?, 0));
    match io::copy(&mut reader, &mut parts) {
        Ok(_) => parts.finish(),
        Err(err) => parts
            .finish()
            .and(Err(Error::io(file.shown(), "read", err))),
    }
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
fn rebuild(
    target: &Target<'_>,
    history: &LineageContents,
    zxid: Zxid,
    options: &source::Options,
    created_ms: i64,
    progress: &dyn Progress,
) -> Result<Option<StoredSnapshot>> {
    let stored = Source::of_history(target.repository, history, options)?;
    let Rebuilt { replayed, .. } = rebuild_for(
        Purpose::Restoring,
        &stored,
        Point::Zxid(zxid),
        false,
        progress,
    )?;
    if replayed.proof < Proof::Consistent {
        return Ok(None);
    }
    store_tree(target, &replayed.tree, zxid, created_ms).map(Some)
}

/// Stores a tree that is exact at `zxid`.
fn store_tree(
    target: &Target<'_>,
    tree: &DataTree,
    zxid: Zxid,
    created_ms: i64,
) -> Result<StoredSnapshot> {
    let silent = Target {
        progress: &NoProgress,
        ..*target
    };
    let shown = target.repository.shown();
    let (size, parts) = silent.ship(|shipper| {
        let mut parts = Parts::new(shipper, zxid);
        match write_snapshot(tree, &mut parts) {
            Ok(_) => parts.finish(),
            Err(err) => parts
                .finish()
                .and(Err(Error::io(shown, "rebuild a base for", err))),
        }
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
        created_ms,
        newest_zxids: newest_zxids.as_slice().to_vec(),
        snapshot_bytes: size,
        parts,
    })
}

impl Run<'_> {
    /// Stores snapshots of the server for all that can be restored from the source, and not from
    /// the repository. Where the way to the last txn goes over the end of an epoch, the newest one
    /// too: whether txns are missing there shows only in a replay.
    pub(super) fn add_bases(
        &mut self,
        target: &Target<'_>,
        scan: &Scan<'_>,
        all_bases: &[Base],
        history: &LineageContents,
        stored: &mut Stored,
    ) -> Result<()> {
        let (source, timeline) = (&scan.history, &scan.history.timeline);
        for base in all_bases {
            let Some(range) = reach(base, scan) else {
                continue;
            };
            let together = together(history, stored);
            let mut windows = self.windows(&together)?.into_iter();
            if !windows
                .any(|window| window.from_zxid <= range.first && range.last <= window.to_zxid)
            {
                let made = self.store_sound(target, source, base)?;
                stored.snapshots.extend(made);
            }
        }
        for base in all_bases.iter().rev() {
            let reaches = reach(base, scan).is_some_and(|it| Some(it.last) == timeline.last());
            if !reaches || base.file == BaseFile::Empty {
                continue;
            }
            let newest = together(history, stored).snapshots.into_iter();
            let newest = newest
                .map(|held| held.zxid)
                .filter(|held| *held <= base.zxid);
            let newest = newest.max().unwrap_or(Zxid::ZERO);
            let segments = &timeline.segments;
            let joints = segments.iter().flat_map(|segment| &segment.joints);
            let begins = joints.map(|(_, first)| *first);
            let begins = begins.chain(segments.iter().map(Segment::first).skip(1));
            let mut between = begins.filter(|first| newest < *first && *first <= base.zxid);
            if between.next().is_none() {
                break;
            }
            let made = self.store_sound(target, source, base)?;
            if made.is_some() {
                stored.snapshots.extend(made);
                break;
            }
        }
        stored.snapshots.sort_by_key(|base| base.zxid);
        Ok(())
    }

    /// Stores a snapshot of the server; `None` where it is no base, and that is told where it is
    /// damaged.
    fn store_sound(
        &mut self,
        target: &Target<'_>,
        source: &History<'_>,
        base: &Base,
    ) -> Result<Option<StoredSnapshot>> {
        match store(target, source, base, self.options.now_ms) {
            Err(error) if error.kind() == ErrorKind::Damage => {
                self.damaged(format!("{error}; it is not used as a base"));
                Ok(None)
            }
            made => made.map(Some),
        }
    }

    /// Stores a new base where one is due, no later than the last txn of the backup before: a
    /// snapshot of the server that says when it was finished; or one that is rebuilt; or a snapshot
    /// of which that is inferred.
    pub(super) fn due_base(
        &mut self,
        target: &Target<'_>,
        lineage: &Lineage,
        history: &LineageContents,
    ) -> Result<Option<StoredSnapshot>> {
        let Some(last) = lineage.last() else {
            return Ok(None);
        };
        // Not one that no log goes with.
        let mut usable = history.snapshots.iter().rev();
        let Some(newest) = usable.find(|base| base.exact_from <= last.zxid) else {
            return Ok(None);
        };
        if !self.is_due(newest, history) || newest.zxid >= last.zxid {
            return Ok(None);
        }
        let source = History::read_with_snapshots(self.source, Level::Frames, self.progress)?;
        let timeline = &source.timeline;
        let is_usable = |base: &&Base| {
            let is_wanted = base.zxid > newest.zxid && base.zxid <= last.zxid;
            let reach = base.reach(timeline);
            is_wanted && reach.is_some_and(|it| Some(it.last) == timeline.last())
        };
        let servers = source.bases()?.iter().filter(is_usable);
        let (known, inferred): (Vec<&Base>, Vec<&Base>) =
            servers.partition(|base| matches!(base.exact_from, ExactFrom::Known(_)));
        if let Some(base) = self.first_sound(target, &source, &known)? {
            return Ok(Some(base));
        }
        if let Some(base) = self.rebuilt(target, history, last.zxid)? {
            return Ok(Some(base));
        }
        self.first_sound(target, &source, &inferred)
    }

    fn is_due(&self, newest: &StoredSnapshot, history: &LineageContents) -> bool {
        let logs = history
            .logs
            .iter()
            .filter(|log| log.last_zxid > newest.zxid);
        let log_bytes: u64 = logs.map(|log| log.log_bytes).sum();
        let every = &self.options.base_every;
        let age = self.options.now_ms.saturating_sub(newest.created_ms);
        every.age_ms.is_some_and(|max| age >= max)
            || every.log_bytes.is_some_and(|max| log_bytes >= max)
    }

    /// Stores the newest of the server's snapshots that is sound.
    fn first_sound(
        &mut self,
        target: &Target<'_>,
        source: &History<'_>,
        servers: &[&Base],
    ) -> Result<Option<StoredSnapshot>> {
        for base in servers.iter().rev() {
            let made = self.store_sound(target, source, base)?;
            if made.is_some() {
                return Ok(made);
            }
        }
        Ok(None)
    }

    /// Rebuilds a base; where that cannot be done, says why.
    fn rebuilt(
        &mut self,
        target: &Target<'_>,
        history: &LineageContents,
        zxid: Zxid,
    ) -> Result<Option<StoredSnapshot>> {
        self.progress.start("rebuilding a base", None);
        let (options, now) = (self.source_options(), self.options.now_ms);
        match rebuild(target, history, zxid, &options, now, self.progress) {
            Ok(Some(base)) => Ok(Some(base)),
            Ok(None) => {
                self.notes.push(
                    "a new base is due, but was not rebuilt: its evidence would only be inferred"
                        .to_owned(),
                );
                Ok(None)
            }
            Err(error) if matches!(error.kind(), ErrorKind::Damage | ErrorKind::NotReachable) => {
                self.warnings
                    .push(format!("a new base is due, but cannot be rebuilt: {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// From where to where a base reaches: no further than the first txn that is left out.
fn reach(base: &Base, scan: &Scan<'_>) -> Option<ZxidRange> {
    let mut range = base.reach(&scan.history.timeline)?;
    let end = scan.left_out_behind(base.zxid).map(Zxid::prev);
    range.last = end.map_or(range.last, |end| end.min(range.last));
    (!range.is_empty()).then_some(range)
}

/// What the repository holds, with what was stored now.
pub(super) fn together(history: &LineageContents, stored: &Stored) -> LineageContents {
    let mut together = history.clone();
    together.logs.extend(stored.logs.iter().cloned());
    together.snapshots.extend(stored.snapshots.iter().cloned());
    together.evidence.extend(&stored.evidence);
    together
}

/// The bases of a source, by zxid; a snapshot before the empty tree that the logs may begin on. And
/// why other snapshots are none.
pub(super) fn bases_in_order(history: &History<'_>) -> Result<(Vec<Base>, Vec<Error>)> {
    let (mut all, damage) = history.bases_and_damage()?.clone();
    all.sort_by_key(|base| (base.zxid, base.file == BaseFile::Empty));
    Ok((all, damage))
}

/// The bases that are stored: not the empty tree, which no server starts from.
pub(super) fn stored_bases(history: &History<'_>) -> Result<Vec<Base>> {
    let all = history.bases()?.iter();
    let stored = all.filter(|base| base.file != BaseFile::Empty);
    Ok(stored.cloned().collect())
}
