//! A first look: the files, what they are named and seem to hold, and the windows that they
//! promise. Nothing is proven by it.

use crate::error::{Error, ErrorKind, Result};
use crate::format::datadir::FileName;
use crate::format::txnlog::{Level, LogEnd, LogSummary};
use crate::history::History;
use crate::history::replay::{Base, BaseFile, ExactFrom, exact_ranges};
use crate::history::source::{EpochFile, Source, SourceFile};
use crate::history::timeline::Gap;
use crate::progress::Progress;
use crate::zxid::Zxid;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// One log.
#[derive(Clone, Debug)]
pub struct Log {
    /// Its name.
    pub name: String,
    /// Its size in bytes; zeros at its end count.
    pub size: u64,
    /// Bytes that hold records.
    pub used: u64,
    /// The first and last zxid.
    pub zxids: Option<(Zxid, Zxid)>,
    /// Their times in ms.
    pub times: Option<(i64, i64)>,
    /// How many txns.
    pub txns: u64,
    /// The whole records behind a header that is not one.
    pub behind_header: Option<LogSummary>,
    /// What is amiss, in a few words.
    pub remark: Option<String>,
}

/// One snapshot.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The zxid in the name.
    pub zxid: Zxid,
    /// When it was last written to.
    pub modified: Option<SystemTime>,
    /// From where on it is exact, for all that its last bytes say.
    pub exact_from: Option<ExactFrom>,
    /// What is amiss, in a few words.
    pub remark: Option<String>,
}

/// What is said of a file in a damaged archive.
const CUT: &str = "breaks off: its archive, or its compression, is damaged";

/// What a first look shows.
#[derive(Clone, Debug)]
pub struct Overview {
    /// [`Source::remarks`], files under odd names, and what is damaged or cannot be read beside
    /// logs and snapshots.
    pub remarks: Vec<String>,
    /// The folders that were read.
    pub dirs: Vec<PathBuf>,
    /// By zxid.
    pub logs: Vec<Log>,
    /// By zxid.
    pub snapshots: Vec<Snapshot>,
    /// Which releases may have written it.
    pub written_by: &'static str,
    /// `acceptedEpoch` and `currentEpoch`.
    pub epochs: (EpochFile, EpochFile),
    /// Ranges of zxids that the bases promise, with the times of their ends.
    pub windows: Vec<[(Zxid, Option<i64>); 2]>,
    /// Missing txns.
    pub gaps: Vec<Gap>,
    /// The first and last txn, with their times.
    pub txns: Option<[(Zxid, i64); 2]>,
}

/// Looks at `source`.
///
/// # Errors
/// [`crate::error::ErrorKind::SourceChanged`]; failures to read.
pub fn inspect(source: &Source, progress: &dyn Progress) -> Result<Overview> {
    let history = History::read_with_snapshots(source, Level::Frames, progress)?;
    let timeline = &history.timeline;
    let (bases, damage) = history.bases_and_damage()?;
    let with_time = |zxid| (zxid, history.time_of(zxid).ok().flatten());
    let windows = exact_ranges(timeline, bases)
        .iter()
        .map(|range| [with_time(range.first), with_time(range.last)])
        .collect();
    let first = timeline
        .segments
        .first()
        .map(|segment| (segment.first(), segment.first_time()));
    let last = timeline
        .segments
        .last()
        .map(|segment| (segment.last(), segment.last_time()));
    let logs = logs(&history);
    let written_by = written_by(&history)?;
    Ok(Overview {
        // Only now is known what was decompressed.
        remarks: remarks(source),
        dirs: source.dirs().to_vec(),
        logs,
        snapshots: snapshots(source, bases, damage),
        written_by,
        epochs: (
            source.accepted_epoch().clone(),
            source.current_epoch().clone(),
        ),
        windows,
        gaps: timeline.gaps(),
        txns: first.zip(last).map(|(first, last)| [first, last]),
    })
}

fn remarks(source: &Source) -> Vec<String> {
    let files = source.logs().iter().chain(source.snapshots());
    let read: BTreeSet<&Path> = files.map(SourceFile::shown).collect();
    let odd = source.odd_files().iter().map(|(path, name)| {
        let what = match (name, read.contains(path.as_path())) {
            (FileName::Leftover, _) => "was left behind by a write that did not finish",
            (_, true) => "is not a name that servers use; it is read here",
            (_, false) => "is not a name that servers use; it is not read here",
        };
        format!("{}: {what}", path.display())
    });
    let unread = source.unread();
    let unread = unread.iter().map(Error::to_string);
    source
        .remarks()
        .into_iter()
        .chain(odd)
        .chain(unread)
        .collect()
}

fn logs(history: &History<'_>) -> Vec<Log> {
    let files = history.source.logs().iter().zip(&history.timeline.logs);
    files
        .map(|(file, scanned)| {
            let empty = Log {
                name: file.name(),
                size: file.size(),
                used: 0,
                zxids: None,
                times: None,
                txns: 0,
                behind_header: scanned.behind_header.clone(),
                remark: None,
            };
            let summary = match &scanned.summary {
                Ok(summary) => summary,
                Err(error) => {
                    return Log {
                        remark: Some(match &scanned.behind_header {
                            Some(behind) => behind_words(error, behind),
                            None => error.what(),
                        }),
                        ..empty
                    };
                }
            };
            let remark = match (summary.faults.first(), summary.end) {
                (Some(fault), _) => {
                    let txn = fault.txn.map(|txn| format!("{txn}: "));
                    let txn = txn.unwrap_or_default();
                    Some(format!("offset {}: {txn}{}", fault.offset, fault.fault))
                }
                (None, _) if file.is_cut() => Some(CUT.to_owned()),
                (None, Some(LogEnd::Torn { offset })) => Some(format!("torn write at {offset}")),
                (None, _) => None,
            };
            Log {
                used: summary.end_offset,
                zxids: summary.first().zip(summary.last()),
                times: summary.times(),
                txns: summary.count,
                remark,
                ..empty
            }
        })
        .collect()
}

fn behind_words(error: &Error, behind: &LogSummary) -> String {
    let zxids = behind.first().zip(behind.last());
    let zxids = zxids.map_or_else(String::new, |(first, last)| format!(", {first} to {last}"));
    let count = behind.count;
    format!("{}; {count} complete records after it{zxids}", error.what())
}

fn snapshots(source: &Source, bases: &[Base], damage: &[Error]) -> Vec<Snapshot> {
    let files = source.snapshots().iter().enumerate();
    files
        .map(|(index, file)| Snapshot {
            name: file.name(),
            size: file.size(),
            zxid: file.zxid(),
            modified: file.modified(),
            exact_from: bases
                .iter()
                .find(|base| base.file == BaseFile::Snapshot(index))
                .map(|base| base.exact_from),
            remark: match file.is_cut() {
                true => Some(CUT.to_owned()),
                false => damage
                    .iter()
                    .find(|error| error.path() == Some(file.shown()))
                    .map(Error::what),
            },
        })
        .collect()
}

/// Which releases write files of this shape.
fn written_by(history: &History<'_>) -> Result<&'static str> {
    let mut has_digest = false;
    for file in history.source.snapshots().iter().rev().take(1) {
        let opened = match file.open() {
            Err(error) if error.kind() == ErrorKind::Damage => continue,
            opened => opened?,
        };
        if let Ok(trailer) = crate::format::snapshot::peek_trailer(&opened) {
            if trailer.last_zxid.is_some() {
                return Ok("3.9 or later");
            }
            has_digest |= trailer.digest.is_some();
        }
    }
    if let Some(piece) = history.timeline.pieces().last() {
        let mut reader = piece.reader(history.source, piece.run.last)?;
        while let Ok(Some(entry)) = reader.next_entry() {
            has_digest |= entry.txn().is_ok_and(|txn| txn.digest.is_some());
        }
    }
    Ok(if has_digest {
        "3.6 to 3.8, or later"
    } else {
        "3.4 or 3.5, or later with digests turned off"
    })
}
