//! Which snapshots of the source may have to be stored. Whether one is sound shows only when all of
//! it is read.

use super::Context;
use super::lineage::Lineage;
use super::scan::Scan;
use crate::error::{Error, Result};
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::replay::{Base, BaseFile, ExactFrom};
use crate::history::source::SourceFile;
use crate::repository::{LineageContents, StoredSnapshot};
use crate::zxid::{Zxid, ZxidRange};
use std::time::{SystemTime, UNIX_EPOCH};

/// A snapshot of the server, or the empty tree, that txns of the source go with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedBase {
    /// The base.
    pub base: Base,
    /// The points that it gives.
    pub reach: ZxidRange,
}

impl PlannedBase {
    /// No further than to the first txn that is left out.
    pub(super) fn of(base: Base, scan: &Scan<'_>) -> Option<PlannedBase> {
        let mut reach = base.reach(&scan.history.timeline)?;
        let end = scan.left_out_behind(base.zxid).map(Zxid::prev);
        reach.last = end.map_or(reach.last, |end| end.min(reach.last));
        (!reach.is_empty()).then_some(PlannedBase { base, reach })
    }
}

/// The bases of a source, by zxid; a snapshot before the empty tree that the logs may begin on. And
/// why other snapshots are none.
pub(super) fn bases_in_order(history: &History<'_>) -> Result<(Vec<Base>, Vec<Error>)> {
    let (mut all, damage) = history.bases_and_damage()?.clone();
    all.sort_by_key(|base| (base.zxid, base.file == BaseFile::Empty));
    Ok((all, damage))
}

/// A snapshot of the source that is to be looked at by itself.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Among the snapshots of the source.
    pub index: usize,
    /// Whether it is stored where no log goes with it.
    pub may_be_lone: bool,
    /// Whether it is read in any case.
    pub is_read: bool,
}

/// Of a source that is read whole, each snapshot that no log may go with; else those behind the
/// last txn. And the newest, where it may have been written since the last backup: a server starts
/// from it.
pub(super) fn candidates(scan: &Scan<'_>, lineage: &Lineage) -> Vec<Candidate> {
    let last = scan.history.timeline.last();
    let is_new = !scan.goes_on(lineage);
    let snapshots = scan.history.source.snapshots();
    let newest = snapshots.last().map(SourceFile::shown);
    let files = snapshots.iter().enumerate();
    let candidates = files.map(|(index, file)| Candidate {
        index,
        may_be_lone: is_new || last.is_none_or(|last| file.zxid() > last),
        is_read: newest == Some(file.shown()) && (is_new || was_written_since(file, lineage)),
    });
    candidates
        .filter(|candidate| candidate.may_be_lone || candidate.is_read)
        .collect()
}

/// Whether a file may have been written to since the newest backup of `lineage`.
fn was_written_since(file: &SourceFile, lineage: &Lineage) -> bool {
    let modified = file.modified().and_then(ms);
    let seen = lineage.newest().map(|newest| newest.created_ms);
    match (modified, seen) {
        (Some(modified), Some(seen)) => modified >= seen,
        _ => true,
    }
}

fn ms(at: SystemTime) -> Option<i64> {
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// A new base that is due, no later than the last txn of the backup before.
#[derive(Debug)]
pub(super) struct Due<'a> {
    /// That txn.
    pub zxid: Zxid,
    pub source: History<'a>,
    /// Snapshots of the server that say when they were finished.
    pub known: Vec<Base>,
    /// Those of which that is inferred.
    pub inferred: Vec<Base>,
}

impl<'a> Context<'a> {
    /// The new base that is due, where one is.
    pub(super) fn due_base(
        &self,
        lineage: &Lineage,
        held: &LineageContents,
    ) -> Result<Option<Due<'a>>> {
        let Some(last) = lineage.last() else {
            return Ok(None);
        };
        // Not one that no log goes with.
        let mut usable = held.snapshots.iter().rev();
        let Some(newest) = usable.find(|base| base.exact_from <= last.zxid) else {
            return Ok(None);
        };
        if !self.is_due(newest, held) || newest.zxid >= last.zxid {
            return Ok(None);
        }
        let source = History::read_with_snapshots(self.source, Level::Frames, self.progress)?;
        let timeline = &source.timeline;
        let is_usable = |base: &&Base| {
            let is_wanted = base.zxid > newest.zxid && base.zxid <= last.zxid;
            let reach = base.reach(timeline);
            is_wanted && reach.is_some_and(|it| Some(it.last) == timeline.last())
        };
        let servers = source.bases()?.iter().filter(is_usable).cloned();
        let (known, inferred) =
            servers.partition(|base| matches!(base.exact_from, ExactFrom::Known(_)));
        Ok(Some(Due {
            zxid: last.zxid,
            source,
            known,
            inferred,
        }))
    }

    fn is_due(&self, newest: &StoredSnapshot, held: &LineageContents) -> bool {
        let logs = held.logs.iter().filter(|log| log.last_zxid > newest.zxid);
        let log_bytes: u64 = logs.map(|log| log.log_bytes).sum();
        let every = &self.options.base_every;
        let age = self.options.now_ms.saturating_sub(newest.created_ms);
        every.age_ms.is_some_and(|max| age >= max)
            || every.log_bytes.is_some_and(|max| log_bytes >= max)
    }
}
