//! The verdict on a source: everything read, everything wrong collected, and what can be restored
//! from it.
//!
//! 1. Each log: header, every record's checksum, length and end mark, every body; zeros to the end.
//! 2. Each snapshot: seals, structure, the compressed stream; parents before children, ACL ids that
//!    resolve.
//! 3. The chain: zxids contiguous within an epoch, epochs that begin with counter 1, logs that
//!    agree where they overlap; epoch files.
//! 4. Replay: the tree is rebuilt from the earliest base of each stretch, its digest compared at
//!    every txn that carries one, and the tree with every later snapshot on the way, znode by znode
//!    ([`crate::history::replay::Crosscheck`]).
//!
//! Parts 1 to 3 stream. What can be restored are *windows*: ranges of zxids, with the base and the
//! kind of proof ([`crate::history::replay::Proof`]). A server that starts on a directory proves
//! none of this: it drops what is behind a damaged length or end mark without a word.

mod chain;
mod extent;
mod files;
mod limits;
mod lone;
mod windows;

pub use extent::{EpochExtent, Missing, Stretch};
pub use lone::LoneSnapshot;
pub use windows::Window;

use crate::analysis::finding::{Finding, Severity};
use crate::error::{Result, TxnPlace};
use crate::format::txnlog::{Level, LogSummary};
use crate::history::History;
use crate::history::replay::{
    Base, BaseFile, Proof, SnapshotVerdict, check_snapshots, is_sound, shown_by_snapshots,
};
use crate::history::source::{Source, SourceFile};
use crate::history::timeline::ScannedLog;
use crate::progress::Progress;
use crate::zxid::Zxid;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use windows::Replays;

/// How much to verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All but the replay: no tree is held.
    Quick,
    /// Everything.
    Full,
}

/// The verdict in one word; exit statuses follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Everything is whole, and every txn from the first window on can be restored.
    Sound,
    /// The last txn can be restored; something is to be known.
    Warnings,
    /// Bytes are whole as far as they go, and the last txn cannot be restored: what it needs is
    /// missing.
    Unreachable,
    /// Bytes are damaged.
    Damaged,
}

/// What one log held.
#[derive(Clone, Debug)]
pub struct LogReport {
    /// Its name.
    pub name: String,
    /// Where it is, as findings have it.
    pub file: PathBuf,
    /// Its size in bytes, zeros at its end and all.
    pub size: u64,
    /// The zxid in its name.
    pub zxid: Zxid,
    /// What was read; `None` when even the header is damaged.
    pub summary: Option<LogSummary>,
    /// The whole records behind a header that is not one.
    pub behind_header: Option<LogSummary>,
    /// The worst that a finding says of it.
    pub worst: Option<Severity>,
}

/// What one snapshot held.
#[derive(Clone, Debug)]
pub struct SnapshotReport {
    /// Its name.
    pub name: String,
    /// Where it is, as findings have it.
    pub file: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// The zxid in its name.
    pub zxid: Zxid,
    /// When it was begun, in ms: the time of the txn of its zxid, or of the one right behind it,
    /// where logs hold either.
    pub time: Option<i64>,
    /// Znodes; `None` when it is damaged.
    pub nodes: Option<u64>,
    /// What it is exact from, if it is a base.
    pub base: Option<Base>,
    /// The worst that a finding says of it.
    pub worst: Option<Severity>,
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked for.
    pub depth: Depth,
    /// What was taken as what, where the names in a directory do not tell: in an archive.
    pub remarks: Vec<String>,
    /// The logs, by the zxid in their names.
    pub logs: Vec<LogReport>,
    /// The snapshots, likewise.
    pub snapshots: Vec<SnapshotReport>,
    /// The windows, by zxid.
    pub windows: Vec<Window>,
    /// Txns that are known to be missing, by zxid.
    pub missing: Vec<Missing>,
    /// Txns that are there and in no window, by zxid: no sound snapshot leads to them, or what they
    /// rest on is missing or damaged.
    pub not_restorable: Vec<Stretch>,
    /// What the logs hold, by epoch.
    pub by_epoch: Vec<EpochExtent>,
    /// Whole snapshots that no log goes with, by zxid.
    pub lone: Vec<LoneSnapshot>,
    /// Everything noticed, worst first.
    pub findings: Vec<Finding>,
    /// The first and last txn in the logs, and their times.
    pub txns: Option<((Zxid, i64), (Zxid, i64))>,
    /// How many txns.
    pub txn_count: u64,
    /// How many digests were compared in replay.
    pub digests_compared: u64,
    /// How many snapshots were compared with the tree replayed from earlier ones, and how many
    /// znodes in them.
    pub snapshots_crossed: (u64, u64),
    /// `acceptedEpoch` and `currentEpoch`, where they are numbers.
    pub epochs: (Option<i64>, Option<i64>),
}

impl Report {
    /// The last zxid in the logs.
    pub fn last_zxid(&self) -> Option<Zxid> {
        self.txns.map(|(_, (last, _))| last)
    }

    /// Whether everything is sound, and the tree at `zxid` was rebuilt and found to be exact.
    pub fn is_sound_at(&self, zxid: Zxid) -> bool {
        let is_exact = |window: &Window| {
            let is_proven = window.proof > Some(Proof::Unproven);
            is_proven && window.from <= zxid && zxid <= window.to
        };
        self.verdict() == Verdict::Sound && self.windows.iter().any(is_exact)
    }

    /// The verdict: damage before what is missing before warnings.
    pub fn verdict(&self) -> Verdict {
        let worst = self.findings.iter().map(|finding| finding.severity).max();
        match worst {
            Some(Severity::Damage) => Verdict::Damaged,
            Some(Severity::Missing) => Verdict::Unreachable,
            Some(Severity::Warning) => Verdict::Warnings,
            Some(Severity::Info) | None => Verdict::Sound,
        }
    }
}

/// Verifies `source`.
///
/// # Errors
/// [`crate::error::ErrorKind::SourceChanged`] when files vanish meanwhile; failures to read. Damage
/// is in the report.
pub fn verify(source: &Source, depth: Depth, progress: &dyn Progress) -> Result<Report> {
    let mut history = History::read(source, Level::Everything, progress)?;
    let snapshots = check_snapshots(source, progress)?;
    let mut findings = Vec::new();
    files::judge_logs(&history, &mut findings);
    files::judge_names(source, &mut findings);
    files::judge_beside(source, &mut findings);
    history.add_evidence(&shown_by_snapshots(&snapshots));
    let forks = history.compare_overlaps(None)?;
    chain::judge(&history, &forks, &mut findings);
    let replayed = match depth {
        Depth::Quick => {
            let bases = history.sound_bases(&snapshots)?;
            Replays {
                windows: windows::promised(&history, &forks, &bases),
                ..Replays::default()
            }
        }
        Depth::Full => {
            let is_sound = |base: &Base| is_sound(base, &snapshots);
            let end = (forks.as_slice(), Zxid::MAX);
            let chain = history.judge_chain(&is_sound, end, progress)?;
            windows::replayed(&history, &chain, &mut findings)
        }
    };
    let bases = history.sound_bases(&snapshots)?;
    let windows = replayed.windows;
    files::judge_snapshots(source, &snapshots, &windows, &mut findings);
    let lone = lone::lone(&history, &snapshots, &windows);
    lone::judge(&lone, &mut findings);
    chain::judge_reach(&history, &windows, &lone, &mut findings);
    chain::judge_promise(source, &windows, &lone, &mut findings);
    let mut findings = in_order(findings);
    extent::set_times(&history, &mut findings);
    let timeline = &history.timeline;
    let first = timeline
        .segments
        .first()
        .map(|segment| (segment.first(), segment.first_time()));
    let last = timeline
        .segments
        .last()
        .map(|segment| (segment.last(), segment.last_time()));
    Ok(Report {
        depth,
        remarks: source.remarks(),
        txns: first.zip(last),
        txn_count: timeline
            .logs
            .iter()
            .filter_map(|log| log.summary.as_ref().ok())
            .map(|summary| summary.count)
            .sum(),
        missing: extent::missing(&history, &windows),
        not_restorable: extent::not_restorable(&history, &windows),
        by_epoch: extent::by_epoch(timeline),
        snapshots: snapshot_reports(&history, snapshots, &bases, &findings),
        logs: log_reports(history, &findings),
        windows,
        lone,
        findings,
        digests_compared: replayed.digests,
        snapshots_crossed: replayed.crossed,
        epochs: (
            chain::epoch_of(source.accepted_epoch()),
            chain::epoch_of(source.current_epoch()),
        ),
    })
}

/// The worst first, and each thing once: two bases may show the same.
fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        let zxid = |finding: &Finding| finding.txn.map(TxnPlace::zxid);
        (b.severity, &a.file, a.offset, zxid(a)).cmp(&(a.severity, &b.file, b.offset, zxid(b)))
    });
    findings.dedup_by_key(|finding| {
        (
            finding.code,
            finding.file.clone(),
            finding.offset,
            finding.txn,
        )
    });
    findings
}

/// The worst that each file is said to have.
fn worst_by_file(findings: &[Finding]) -> HashMap<&Path, Severity> {
    let mut worst = HashMap::new();
    for finding in findings {
        if let Some(file) = finding.file.as_deref() {
            // The worst come first.
            worst.entry(file).or_insert(finding.severity);
        }
    }
    worst
}

fn log_reports(history: History<'_>, findings: &[Finding]) -> Vec<LogReport> {
    let worst = worst_by_file(findings);
    let report = |(file, log): (&SourceFile, ScannedLog)| LogReport {
        name: file.name(),
        file: file.shown().into(),
        size: file.size(),
        zxid: file.zxid(),
        summary: log.summary.ok(),
        behind_header: log.behind_header,
        worst: worst.get(file.shown()).copied(),
    };
    let files = history.source.logs().iter();
    files.zip(history.timeline.logs).map(report).collect()
}

fn snapshot_reports(
    history: &History<'_>,
    verdicts: Vec<SnapshotVerdict>,
    bases: &[Base],
    findings: &[Finding],
) -> Vec<SnapshotReport> {
    let worst = worst_by_file(findings);
    let files = history.source.snapshots().iter().zip(verdicts).enumerate();
    files
        .map(|(index, (file, verdict))| SnapshotReport {
            name: file.name(),
            file: file.shown().into(),
            size: file.size(),
            zxid: file.zxid(),
            time: extent::time_of_snapshot(history, file.zxid()),
            nodes: verdict.ok().map(|summary| summary.nodes),
            base: bases
                .iter()
                .find(|base| base.file == BaseFile::Snapshot(index))
                .cloned(),
            worst: worst.get(file.shown()).copied(),
        })
        .collect()
}
