//! Bases whose files were read whole first: nothing is replayed, and nothing taken on trust.

use super::{Base, BaseFile, bases};
use crate::error::{Error, ErrorKind, Result};
use crate::format::snapshot::{self, SnapshotSummary};
use crate::history::source::{Source, SourceFile};
use crate::history::timeline::{Timeline, side_by_side};
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

/// The bases whose files were read whole without a fault.
///
/// # Errors
/// As [`bases`].
pub fn sound_bases(
    source: &Source,
    timeline: &Timeline,
    snapshots: &[SnapshotVerdict],
) -> Result<Vec<Base>> {
    let mut all = bases(source, timeline)?;
    all.retain(|base| is_sound(base, snapshots));
    Ok(all)
}

/// Whether the file of a base was read whole without a fault.
pub fn is_sound(base: &Base, snapshots: &[SnapshotVerdict]) -> bool {
    match base.file {
        BaseFile::Empty => true,
        BaseFile::Snapshot(index) => snapshots.get(index).is_some_and(|verdict| verdict.is_ok()),
    }
}
