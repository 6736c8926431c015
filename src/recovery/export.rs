//! Export: the files of one window, proven, in a portable archive.

use crate::archive::{self, ArchiveWriter, ArchivedFile, FORMAT_VERSION, Manifest, Verdict};
use crate::durable::StagedFile;
use crate::error::{Error, ErrorKind, Result};
use crate::format::datadir::{ACCEPTED_EPOCH, CURRENT_EPOCH, VERSION_DIR, log_name, snapshot_name};
use crate::format::stream::Span;
use crate::format::txnlog::encode_header;
use crate::history::point::Point;
use crate::history::replay::{
    BaseFile, ExactFrom, Proof, Purpose, Rebuilt, Replayed, Trust, Wish, rebuild, rebuild_as,
};
use crate::history::source::{EpochFile, Source, SourceFile};
use crate::history::timeline::Piece;
use crate::progress::{Counted, Progress};
use crate::recovery::restore::{uncertainties, write_snapshot};
use crate::tree::DataTree;
use crate::zxid::{Zxid, ZxidRange};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::SystemTime;

/// What to export.
#[derive(Clone, Debug)]
pub struct Options {
    /// The last point that the archive is to restore.
    pub to: Point,
    /// The first; by default the archive begins with the newest base that is exact at `to`.
    pub from: Option<Point>,
    /// What is taken where nothing proves it.
    pub trust: Trust,
    /// The host's name, for the manifest.
    pub host: String,
    /// The program's name and version, for the manifest.
    pub tool: String,
}

/// What is to go into an archive.
#[derive(Debug)]
pub struct Plan {
    /// The first and the last zxid that it will restore exactly.
    pub window: ZxidRange,
    /// The time of the last.
    pub to_time: Option<i64>,
    /// On what that rests.
    pub proof: Proof,
    /// What is uncertain.
    pub warnings: Vec<String>,
    replayed: Replayed,
    max_epoch: u32,
}

/// Works out what the window needs, and replays it.
///
/// # Errors
/// As [`rebuild`].
pub fn plan(source: &Source, options: &Options, progress: &dyn Progress) -> Result<Plan> {
    let wish = Wish {
        purpose: Purpose::Restoring,
        trust: options.trust.min(Trust::Alone),
    };
    let Rebuilt {
        history,
        target,
        replayed,
        ..
    } = rebuild_as(wish, source, options.to, false, progress)?;
    let replayed = match options.from {
        None => replayed,
        Some(from) => {
            let earlier = rebuild(source, from, false, progress)?;
            if earlier.target.zxid > target.zxid {
                return Err(Error::new(
                    ErrorKind::BadArgument,
                    "the range begins later than it ends",
                ));
            }
            let base = &earlier.replayed.base;
            let replayed = history.replay(base, target.zxid, progress)?;
            history.ensure_unambiguous(&replayed, target.zxid)?;
            replayed
        }
    };
    if let Some(mismatch) = replayed.digests.open_mismatch {
        return Err(mismatch.error(&replayed.base.name(source)));
    }
    let from = match replayed.base.exact_from {
        ExactFrom::Known(zxid) | ExactFrom::Bounded(zxid) => {
            zxid.max(replayed.base.zxid).min(target.zxid)
        }
        ExactFrom::Open => target.zxid,
    };
    Ok(Plan {
        window: ZxidRange::new(from, target.zxid),
        to_time: target.time,
        proof: replayed.proof,
        warnings: uncertainties(&replayed)
            .into_iter()
            .chain(target.warnings)
            .collect(),
        max_epoch: source
            .max_epoch()
            .max(history.timeline.last().map_or(0, Zxid::epoch)),
        replayed,
    })
}

/// Writes the archive to a new file, which appears whole: synced, and read back against its hashes.
///
/// # Errors
/// [`ErrorKind::TargetExists`]; [`ErrorKind::SourceChanged`]; failures to read or write. No file is
/// left then.
pub fn write_file(
    source: &Source,
    plan: &Plan,
    options: &Options,
    target: &Path,
    progress: &dyn Progress,
) -> Result<Manifest> {
    source.ensure_outside(target)?;
    let staged = StagedFile::new(target)?;
    let manifest = write(source, plan, options, staged.file(), target, progress)?;
    progress.start(
        "reading back",
        staged.file().metadata().map(|metadata| metadata.len()).ok(),
    );
    if archive::check(staged.path(), progress)? != manifest {
        return Err(Error::about(
            target,
            ErrorKind::Failed,
            "was written, but reads back differently",
        )
        .hint("check the disk"));
    }
    staged.commit()?;
    Ok(manifest)
}

/// Writes the archive to `out`, called `shown` in errors.
///
/// # Errors
/// [`ErrorKind::SourceChanged`]; failures to read or write.
pub fn write(
    source: &Source,
    plan: &Plan,
    options: &Options,
    out: impl Write,
    shown: &Path,
    progress: &dyn Progress,
) -> Result<Manifest> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    let folder = format!("zookeeper-{}", plan.window.last);
    let mut writer = ArchiveWriter::new(out, threads, &folder, now.as_secs());
    let manifest = Manifest {
        format: FORMAT_VERSION,
        tool: options.tool.clone(),
        created: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
        source: source.shown().display().to_string(),
        host: options.host.clone(),
        window: plan.window,
        times: (None, plan.to_time),
        max_epoch: plan.max_epoch,
        verdict: Verdict {
            proof: plan.proof.name().to_owned(),
            notes: plan.warnings.clone(),
        },
        files: Vec::new(),
    };
    progress.start("compressing", None);
    let wrong = |err: io::Error| Error::io(shown, "write", err);
    add_base(source, plan, &mut writer, progress, shown)?;
    for piece in &plan.replayed.pieces {
        add_log(source, plan, piece, &mut writer, progress, shown)?;
    }
    for (name, epoch) in [
        (CURRENT_EPOCH, source.current_epoch()),
        (ACCEPTED_EPOCH, source.accepted_epoch()),
    ] {
        if let EpochFile::Epoch(epoch) = epoch {
            let text = epoch.to_string();
            writer
                .add(file(name, text.len() as u64), text.as_bytes())
                .map_err(wrong)?;
        }
    }
    let (mut out, manifest) = writer.finish(manifest).map_err(wrong)?;
    out.flush().map_err(wrong)?;
    Ok(manifest)
}

fn file(name: &str, size: u64) -> ArchivedFile {
    ArchivedFile {
        name: format!("{VERSION_DIR}/{name}"),
        size,
        sha256: String::new(),
        zxids: None,
        times: None,
    }
}

fn add_base<W: Write>(
    source: &Source,
    plan: &Plan,
    writer: &mut ArchiveWriter<W>,
    progress: &dyn Progress,
    shown: &Path,
) -> Result<()> {
    let wrong = |err: io::Error| Error::io(shown, "write", err);
    let BaseFile::Snapshot(index) = plan.replayed.base.file else {
        // Nothing but logs since the first txn. Servers of 3.5.3 and later refuse that without a
        // snapshot.
        let with_config = plan.replayed.tree.get(b"/zookeeper/config").is_some();
        let mut bytes = Vec::new();
        write_snapshot(&DataTree::fresh(with_config), &mut bytes).map_err(wrong)?;
        return writer
            .add(
                file(&snapshot_name(Zxid::ZERO), bytes.len() as u64),
                bytes.as_slice(),
            )
            .map_err(wrong);
    };
    let snapshot = source
        .snapshots()
        .get(index)
        .ok_or_else(|| Error::new(ErrorKind::Failed, "a base of another source"))?;
    let bytes = Counted::new(Span::new(snapshot.open()?, 0), progress);
    copy(
        writer,
        file(&snapshot.server_name(), snapshot.size()),
        bytes,
        snapshot,
        shown,
    )
}

fn add_log<W: Write>(
    source: &Source,
    plan: &Plan,
    piece: &Piece,
    writer: &mut ArchiveWriter<W>,
    progress: &dyn Progress,
    shown: &Path,
) -> Result<()> {
    let base = &plan.replayed.base;
    let from = piece.from.max(if base.reapplies_its_own {
        base.zxid
    } else {
        base.zxid.next()
    });
    let to = piece.run.last.min(plan.window.last);
    let log = piece.log(source)?;
    let mut reader = piece.reader(source, from)?;
    let (mut range, mut times, mut first) = (None, None, from);
    while let Some(entry) = reader
        .next_entry()?
        .filter(|entry| entry.header.zxid <= to && entry.offset < piece.run.end_offset)
    {
        let (header, end) = (entry.header, entry.end_offset());
        if header.zxid >= from {
            first = if range.is_none() { header.zxid } else { first };
            range = Some((range.map_or(entry.offset, |(start, _)| start), end));
            times = Some((times.map_or(header.time, |(first, _)| first), header.time));
        }
        // What is behind is not exported, and may be damaged.
        if header.zxid >= to {
            break;
        }
    }
    let Some((start, end)) = range else {
        return Err(Error::about(
            log.shown(),
            ErrorKind::SourceChanged,
            format!("no longer contains {from}"),
        ));
    };
    let header = encode_header();
    let mut entry = file(&log_name(first), header.len() as u64 + (end - start));
    entry.zxids = Some(ZxidRange::new(first, to));
    entry.times = times;
    let bytes = Counted::new(
        header
            .as_slice()
            .chain(Span::range(log.open()?, start, end)),
        progress,
    );
    copy(writer, entry, bytes, log, shown)
}

fn copy<W: Write>(
    writer: &mut ArchiveWriter<W>,
    entry: ArchivedFile,
    bytes: impl Read,
    from: &SourceFile,
    shown: &Path,
) -> Result<()> {
    writer.add(entry, bytes).map_err(|err| match err.kind() {
        io::ErrorKind::UnexpectedEof => Error::about(
            from.shown(),
            ErrorKind::SourceChanged,
            "was cut while being read",
        ),
        _ => Error::io(shown, "write", err),
    })
}
