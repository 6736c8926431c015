//! Bases whose files were read whole first: nothing is replayed, and nothing taken on trust.

use super::{Base, BaseFile, bases};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::snapshot::{self, SnapshotSummary};
use crate::source::{Source, SourceFile};
use crate::timeline::{Timeline, side_by_side};

/// A snapshot, read whole.
pub type SnapshotVerdict = std::result::Result<SnapshotSummary, Error>;

/// Reads every snapshot, side by side.
///
/// # Errors
/// [`ErrorKind::SourceChanged`] when one is gone; failures to read. Damage is in the result.
pub fn check_snapshots(source: &Source, progress: &dyn Progress) -> Result<Vec<SnapshotVerdict>> {
    progress.start(
        "reading snapshots",
        Some(source.snapshots().iter().map(SourceFile::size).sum()),
    );
    side_by_side(source.snapshots(), |file| {
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
    let is_sound = |base: &Base| match base.file {
        BaseFile::Empty => true,
        BaseFile::Snapshot(index) => snapshots.get(index).is_some_and(|verdict| verdict.is_ok()),
    };
    Ok(bases(source, timeline)?
        .into_iter()
        .filter(is_sound)
        .collect())
}
