//! Bases whose files were read whole first: nothing is replayed, and nothing taken on trust.

use super::{Base, BaseFile};
use crate::error::{Error, ErrorKind, Result};
use crate::format::snapshot::{self, SnapshotSummary};
use crate::history::History;
use crate::history::source::{Source, SourceFile};
use crate::history::timeline::side_by_side;
use crate::progress::Progress;

/// A snapshot, read whole.
pub type SnapshotVerdict = std::result::Result<SnapshotSummary, Error>;

/// Reads every snapshot, side by side.
///
/// # Errors
/// [`ErrorKind::SourceChanged`] when one is gone; failures to read. Damage is in the result.
pub fn check_snapshots(source: &Source, progress: &dyn Progress) -> Result<Vec<SnapshotVerdict>> {
    let all: Vec<&SourceFile> = source.snapshots().iter().collect();
    check_these(source, &all, progress)
}

/// Reads some of the snapshots, as [`check_snapshots`] does all.
pub(super) fn check_these(
    source: &Source,
    files: &[&SourceFile],
    progress: &dyn Progress,
) -> Result<Vec<SnapshotVerdict>> {
    let bytes = files.iter().map(|file| file.size()).sum();
    progress.start("reading snapshots", Some(bytes));
    side_by_side(files, |file| {
        match snapshot::check(file.shown(), &|| source.open_snapshot(file), &|bytes| {
            progress.advance(bytes)
        }) {
            Ok(summary) => Ok(Ok(summary)),
            Err(error) if error.kind() == ErrorKind::Damage => Ok(Err(error)),
            Err(error) => Err(error),
        }
    })
}

impl History<'_> {
    /// The bases whose files were read whole without a fault.
    ///
    /// # Errors
    /// As [`History::bases`].
    pub fn sound_bases(&self, snapshots: &[SnapshotVerdict]) -> Result<Vec<Base>> {
        let bases = self.bases()?.iter();
        let sound = bases.filter(|base| is_sound(base, snapshots));
        Ok(sound.cloned().collect())
    }
}

/// Whether the file of a base was read whole without a fault.
pub fn is_sound(base: &Base, snapshots: &[SnapshotVerdict]) -> bool {
    match base.file {
        BaseFile::Empty => true,
        BaseFile::Snapshot(index) => snapshots.get(index).is_some_and(|verdict| verdict.is_ok()),
    }
}
