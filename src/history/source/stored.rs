//! A repository, or a part of one, as a source.

use super::file::{Place, Promise, SourceFile};
use super::{Options, Source, scratch};
use crate::durable::ScratchDir;
use crate::error::Result;
use crate::format::snapshot::codec::Codec;
use crate::format::txnlog::{HEADER_LEN, LogEnd, LogSummary, Run};
use crate::repository::{
    LineageContents, Repository, StoredEvidence, StoredLog, StoredSnapshot, Unpacked, Which,
};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is told of a history by the repository that holds it.
#[derive(Debug)]
pub(super) struct BackedUp {
    /// The repository's directory, where it is in one.
    pub(super) root: Option<PathBuf>,
    /// The highest epoch that any of its sources had seen.
    pub(super) max_epoch: u32,
    /// What its sources showed of the ends of epochs.
    pub(super) evidence: StoredEvidence,
}

impl Source {
    /// Opens what backups of `repository` hold together. Nothing is decompressed before it is read.
    ///
    /// # Errors
    /// When there is no such backup; damage of a manifest; failures to read.
    pub fn open_repository(
        repository: &Repository,
        which: &Which,
        options: &Options,
    ) -> Result<Source> {
        Source::of_history(repository, &repository.history(which)?, options)
    }

    /// Opens what is in a part of `repository` that was read before.
    ///
    /// # Errors
    /// When no place for decompressed files can be had.
    pub fn of_history(
        repository: &Repository,
        history: &LineageContents,
        options: &Options,
    ) -> Result<Source> {
        let scratch = Arc::new(scratch(options)?);
        let mut source = Source::new(repository.shown());
        let logs = history.logs.iter();
        source.logs = logs
            .map(|log| stored_log(repository, log, &scratch))
            .collect();
        let snapshots = history.snapshots.iter();
        source.snapshots = snapshots
            .map(|base| stored_snapshot(repository, base, &scratch))
            .collect();
        source.backed_up = Some(BackedUp {
            root: repository.storage().root().map(Path::to_owned),
            max_epoch: history.max_epoch,
            evidence: history.evidence.clone(),
        });
        source.warnings = history.warnings.clone();
        source._unpacked = Some(scratch);
        Ok(source)
    }
}

/// The repository and the part of it that `REPOSITORY@PART` means.
pub(super) fn which_of(path: &Path) -> Option<(PathBuf, Which)> {
    // The directory may have any bytes in its name; an id has none but digits.
    let path = path.as_os_str().as_bytes();
    let at = path.iter().rposition(|byte| *byte == b'@')?;
    let (dir, part) = path.split_at_checked(at)?;
    let part = std::str::from_utf8(part.get(1..)?).ok()?;
    let dir = Path::new(OsStr::from_bytes(dir));
    (!part.contains('/') && dir.is_dir()).then(|| (dir.into(), Which::parse(part)))
}

fn stored_log(repository: &Repository, log: &StoredLog, scratch: &Arc<ScratchDir>) -> SourceFile {
    let object = log.object.clone();
    let shown = repository.storage().shown_object(&object.name);
    let run = Run::promised(
        log.range(),
        (HEADER_LEN as u64, log.log_bytes),
        (log.first_time_ms, log.last_time_ms, log.max_time_ms),
        log.txns,
    );
    let mut summary = LogSummary::of_run(run);
    summary.end = Some(LogEnd::Eof);
    summary.digests = log.digests;
    summary.clock_steps = log.clock_steps;
    SourceFile {
        place: Place::Stored(Unpacked::new(
            repository,
            vec![object],
            log.log_bytes,
            scratch,
        )),
        shown,
        zxid: log.first_zxid,
        codec: Codec::Plain,
        size: log.log_bytes,
        modified: None,
        promise: Some(Promise::Log(Box::new(summary))),
        is_cut: false,
        inside: None,
    }
}

fn stored_snapshot(
    repository: &Repository,
    base: &StoredSnapshot,
    scratch: &Arc<ScratchDir>,
) -> SourceFile {
    let first = base.parts.first().map_or("", |part| part.name.as_str());
    SourceFile {
        shown: repository.storage().shown_object(first),
        place: Place::Stored(Unpacked::new(
            repository,
            base.parts.clone(),
            base.snapshot_bytes,
            scratch,
        )),
        zxid: base.zxid,
        codec: Codec::Plain,
        size: base.snapshot_bytes,
        modified: None,
        promise: Some(Promise::Snapshot(Box::new(base.clone()))),
        is_cut: false,
        inside: None,
    }
}
