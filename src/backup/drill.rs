//! A drill: restores of what a repository holds, really made, and proven, in a temporary place.
//!
//! One restore is of the last txn that the newest backup says it holds, not of the last that can be
//! found: a drill that finds out for itself what there is cannot fail. The others are of txns
//! chosen at random among all that can be restored. Each is rebuilt as a restore rebuilds it,
//! written, synced and read back, and what was written is then opened as any other data directory
//! and verified.

use crate::analysis::verify::{self, Depth, Verdict};
use crate::durable::ScratchDir;
use crate::error::{Error, ErrorKind, Result};
use crate::history::point::Point;
use crate::history::replay::{Proof, Trust};
use crate::history::source::{self, Source};
use crate::progress::Progress;
use crate::recovery::restore::{self, Ephemerals, What, Where};
use crate::repository::{BackupName, LineageContents, Repository, StoredLog, Which};
use crate::zxid::Zxid;
use std::path::Path;
use std::time::{Duration, Instant};

/// What to try.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which part of the repository.
    pub which: Which,
    /// How many points are chosen at random, beside the newest.
    pub random: usize,
    /// By what they are chosen: the same number gives the same points of the same repository.
    pub seed: u64,
    /// Where the restores are made.
    pub scratch_dir: std::path::PathBuf,
}

/// One restore.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The point.
    pub zxid: Zxid,
    /// The time of its txn, in ms.
    pub time_ms: Option<i64>,
    /// Whether it is the newest, and not one at random.
    pub is_newest: bool,
    /// The base that it was rebuilt from.
    pub base: String,
    /// How many txns were replayed.
    pub txns: u64,
    /// How many digests of servers the tree agreed with on the way.
    pub digests: u64,
    /// How many znodes it has.
    pub znodes: u64,
    /// How many bytes the snapshot has.
    pub bytes: u64,
    /// On what it rests.
    pub proof: Proof,
    /// What the operator has to know.
    pub warnings: Vec<String>,
    /// How long it took, from the repository to a verified directory.
    pub took: Duration,
}

/// What a drill came to.
#[derive(Debug)]
pub struct Report {
    /// The newest backup of what was tried.
    pub backup: BackupName,
    /// What went well, in the order in which it was tried.
    pub restored: Vec<Restored>,
    /// What failed: the point, and why.
    pub failed: Vec<(Zxid, Error)>,
}

/// Restores the newest point and some at random, and proves what comes out. What fails is in the
/// report.
///
/// # Errors
/// When the repository cannot be read at all, or holds no backup that can be restored.
pub fn drill(
    repository: &Repository,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Report> {
    let history = repository.history(&options.which)?;
    let Some((backup, manifest)) = history.backups.last() else {
        return Err(Error::new(
            ErrorKind::Failed,
            "there is no backup to restore",
        ));
    };
    let last = manifest.last.as_ref().map(|mark| mark.zxid);
    let newest = last.or(manifest.windows.last().map(|window| window.to_zxid));
    let Some(newest) = newest else {
        let message = format!("backup {} has no window", backup.id);
        return Err(Error::about(
            repository.shown(),
            ErrorKind::NotReachable,
            message,
        ));
    };
    let mut report = Report {
        backup: backup.clone(),
        restored: Vec::new(),
        failed: Vec::new(),
    };
    let mut points = vec![newest];
    points.extend(at_random(&history, options));
    for (index, zxid) in points.into_iter().enumerate() {
        match restored(repository, &history, zxid, options, progress) {
            Ok(restored) => report.restored.push(Restored {
                is_newest: index == 0,
                ..restored
            }),
            Err(error) => report.failed.push((zxid, error)),
        }
    }
    Ok(report)
}

/// Txns within the windows that the backups claim, each as likely as another.
fn at_random(history: &LineageContents, options: &Options) -> Vec<Zxid> {
    let windows = || {
        history
            .backups
            .iter()
            .flat_map(|(_, manifest)| &manifest.windows)
    };
    let within =
        |zxid: Zxid| windows().any(|window| window.from_zxid <= zxid && zxid <= window.to_zxid);
    let logs: Vec<&StoredLog> = history
        .logs
        .iter()
        .filter(|log| within(log.first_zxid) || within(log.last_zxid))
        .collect();
    let total: u64 = logs.iter().map(|log| log.txns).sum();
    let mut random = Random(options.seed);
    let mut points = Vec::new();
    // A log at the edge of a window may lie half without: then another is drawn.
    for _ in 0..options.random.saturating_mul(100) {
        let mut drawn = random.below(total);
        let chosen = logs.iter().find_map(|log| match drawn < log.txns {
            // Errors may use a zxid again, so that there are more txns than zxids.
            true => {
                let zxid = log.first_zxid.to_i64().checked_add_unsigned(drawn)?;
                Some(zxid.min(log.last_zxid.to_i64()))
            }
            false => {
                drawn -= log.txns;
                None
            }
        });
        points.extend(chosen.map(Zxid::from_i64).filter(|zxid| within(*zxid)));
        if points.len() >= options.random {
            break;
        }
    }
    points
}

/// Numbers that look random (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(limit).unwrap_or(0)
    }
}

/// Restores one point, and verifies what was written.
fn restored(
    repository: &Repository,
    history: &LineageContents,
    zxid: Zxid,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Restored> {
    let begun = Instant::now();
    let source_options = source::Options {
        data_log_dir: None,
        scratch_dir: Some(options.scratch_dir.clone()),
    };
    let place = ScratchDir::new(&options.scratch_dir)?;
    let target = place.path().join("data");
    let stored = Source::of_history(repository, history, &source_options)?;
    let what = What {
        point: Point::Zxid(zxid),
        exclusive: false,
        ephemerals: Ephemerals::Keep,
        for_version: None,
        trust: Trust::Exact,
    };
    let plan = restore::plan(&stored, &what, progress)?;
    let written = restore::execute(
        &plan,
        &Where {
            target: target.clone(),
            data_log_dir: None,
            members: Vec::new(),
            owner: None,
            keep_zxid: false,
            epoch: None,
        },
        progress,
    )?;
    let znodes = plan.replayed.tree.len() as u64;
    ensure_sound(&target, &source_options, znodes, progress)?;
    Ok(Restored {
        zxid,
        time_ms: plan.target.time,
        is_newest: false,
        base: plan.replayed.base.name(&stored),
        txns: plan.replayed.count,
        digests: plan.replayed.digests.compared,
        znodes,
        bytes: written.size,
        proof: plan.replayed.proof,
        warnings: plan.warnings,
        took: begun.elapsed(),
    })
}

/// Opens what was written as a data directory that nobody knows anything of.
fn ensure_sound(
    target: &Path,
    options: &source::Options,
    znodes: u64,
    progress: &dyn Progress,
) -> Result<()> {
    let source = Source::open(target, options)?;
    let report = verify::verify(&source, Depth::Quick, progress)?;
    let found = report.snapshots.first().and_then(|snapshot| snapshot.nodes);
    if report.verdict() <= Verdict::Warnings && found == Some(znodes) {
        return Ok(());
    }
    let why = report.findings.first().map_or_else(
        || format!("it has {} znodes, not {znodes}", found.unwrap_or(0)),
        |finding| finding.message.clone(),
    );
    let message = format!("was restored, but is not sound: {why}");
    Err(Error::about(target, ErrorKind::Damage, message))
}
