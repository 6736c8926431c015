//! Which points bases and logs give, for all that manifests say of them. Nothing is read but, where
//! it is asked for, the beginning of a history.

use crate::analysis::finding::{Code, Finding};
use crate::error::{ErrorKind, Result};
use crate::history::History;
use crate::history::replay::{exact_ranges, seems_to_begin_empty};
use crate::history::source::{self, Source};
use crate::progress::NoProgress;
use crate::repository::{
    BackupName, LineageContents, Manifest, Repository, StoredSnapshot, StoredWindow,
};
use crate::zxid::{Zxid, ZxidRange, ZxidSet};
use std::collections::HashMap;
use std::sync::Mutex;

/// Whether histories begin on an empty tree: by the name of their first log, where that was looked
/// at before.
pub(super) type Beginnings = Mutex<HashMap<String, Option<bool>>>;

/// Tells which points manifests give.
pub(super) struct Promises<'a> {
    pub repository: &'a Repository,
    pub options: &'a source::Options,
    /// Where what logs begin on may be read; `None` when nothing may be.
    pub beginnings: Option<Beginnings>,
}

impl Promises<'_> {
    /// The points that `history` gives. Where only reading tells what it begins on, `claims_empty`
    /// does.
    ///
    /// # Errors
    /// When no place for decompressed files can be had; failures to read.
    pub fn ranges(&self, history: &LineageContents, claims_empty: bool) -> Result<ZxidSet> {
        self.ranges_without(history, &|_| false, claims_empty)
    }

    /// The points that `history` gives without the objects that are lost. Its logs stay known:
    /// where one of them held the end of an epoch, nothing goes over that.
    ///
    /// # Errors
    /// As [`Promises::ranges`].
    pub fn ranges_without(
        &self,
        history: &LineageContents,
        is_lost: &dyn Fn(&str) -> bool,
        claims_empty: bool,
    ) -> Result<ZxidSet> {
        self.ranges_where(history, is_lost, |given| {
            Ok(match seems_to_begin_empty(&given.timeline) {
                Some(known) => known,
                None => self.beginning(given)?.unwrap_or(claims_empty),
            })
        })
    }

    /// The same, where `begins_empty` says whether the history begins on an empty tree.
    fn ranges_where(
        &self,
        history: &LineageContents,
        is_lost: &dyn Fn(&str) -> bool,
        begins_empty: impl Fn(&History<'_>) -> Result<bool>,
    ) -> Result<ZxidSet> {
        let mut history = history.clone();
        let is_whole = |base: &StoredSnapshot| !base.parts.iter().any(|part| is_lost(&part.name));
        history.snapshots.retain(is_whole);
        let source = Source::of_history(self.repository, &history, self.options)?;
        let log = |index: usize| history.logs.get(index).map(|log| log.object.name.as_str());
        let is_lost = |at| log(at).is_some_and(is_lost);
        let given = History::without(&source, &is_lost, &NoProgress)?;
        let bases = given.promised_bases(begins_empty(&given)?);
        Ok(exact_ranges(&given.timeline, &bases))
    }

    /// Reads what a history begins on; `None` where that may not be read, or is damaged, which is
    /// told of the log itself.
    fn beginning(&self, given: &History<'_>) -> Result<Option<bool>> {
        let (Some(beginnings), Some(first)) = (&self.beginnings, given.source.logs().first())
        else {
            return Ok(None);
        };
        let name = first.name();
        if let Some(known) = beginnings
            .lock()
            .ok()
            .and_then(|known| known.get(&name).copied())
        {
            return Ok(known);
        }
        let found = match given.begins_empty() {
            Ok(found) => Some(found),
            Err(error) if error.kind() == ErrorKind::Damage => None,
            Err(error) => return Err(error),
        };
        if let Ok(mut known) = beginnings.lock() {
            known.insert(name, found);
        }
        Ok(found)
    }

    /// Compares what a backup promises with what it gives.
    ///
    /// # Errors
    /// As [`Promises::ranges`].
    pub fn judge(&self, backup: &BackupName, manifest: &Manifest) -> Result<Vec<Finding>> {
        let history = LineageContents::of(vec![(backup.clone(), manifest.clone())]);
        let told: ZxidSet = manifest.windows.iter().map(StoredWindow::range).collect();
        let given = self.ranges(&history, claims_empty(manifest))?;
        // Without a base at the beginning a writer promises nothing there, though its logs may
        // reach down to an empty tree.
        let due = match claims_empty(manifest) {
            true => given.clone(),
            false => self.ranges_where(&history, &|_| false, |_| Ok(false))?,
        };
        let findings = [
            (Code::WindowUnfounded, "promises", without(&told, &given)),
            (Code::WindowUntold, "does not claim", without(&due, &told)),
        ];
        Ok(findings
            .into_iter()
            .filter(|(.., ranges)| !ranges.is_empty())
            .map(|(code, verb, ranges)| {
                let message = format!("{verb} the points {}", shown(&ranges));
                let finding = Finding::new(code, message).file(backup.object());
                finding.backups([backup.id.clone()])
            })
            .collect())
    }
}

/// Whether a backup says that its history begins on an empty tree: its writer has read that.
pub(super) fn claims_empty(manifest: &Manifest) -> bool {
    let mut windows = manifest.windows.iter();
    windows.any(|window| window.from_zxid == Zxid::ZERO)
}

/// What of `zxids` is not in `others`.
pub(super) fn without(zxids: &ZxidSet, others: &ZxidSet) -> Vec<ZxidRange> {
    let missing = zxids.iter().flat_map(|range| others.missing(range));
    missing.collect()
}

/// Ranges in words.
pub(super) fn shown(ranges: &[ZxidRange]) -> String {
    let shown: Vec<String> = ranges
        .iter()
        .map(|ZxidRange { first, last }| match first == last {
            true => first.to_string(),
            false => format!("{first} to {last}"),
        })
        .collect();
    shown.join(", ")
}
