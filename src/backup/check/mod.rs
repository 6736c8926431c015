//! Whether a repository is whole: everything that its manifests promise is there, and what it was
//! when it was stored.
//!
//! Without reading data, names, sizes and manifests are compared with one another: enough to find
//! what is missing, and what a writer got wrong. Bit rot it cannot find. For that, objects are
//! read: their SHA-256, their compression, and what is in them, against what manifests noted of it;
//! and where two logs of a lineage hold the same zxids, those are compared. Reading can be spread
//! over days, see [`Share`].
//!
//! Nothing stops at the first finding. Damage of an object is told with the backups that list it
//! and the points that are lost by it. That a tree can be rebuilt from it all is not tried here:
//! that is what a drill does.

mod claimed_windows;
mod impact;
mod inventory;
mod manifest;
mod overview;
mod read_data;
mod subset;

pub use impact::Loss;
pub use overview::{Age, Backup, Lineage, Overview, overview};
pub use read_data::Reading;
pub use subset::Share;

use crate::analysis::finding::{Code, Finding, Severity};
use crate::error::{ErrorKind, Result, TxnPlace};
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::source::{self, Source};
use crate::history::timeline::side_by_side;
use crate::progress::Progress;
use crate::repository::{BackupName, LineageContents, Manifest, Repository};
use claimed_windows::Promises;
use impact::{lost_objects, name_backups, spared, weigh};
use inventory::{Survey, survey};
use read_data::{Stored, broken, listed};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What of the objects is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadData {
    /// Nothing: their names and sizes are looked at.
    #[default]
    Nothing,
    /// A share of them.
    Share(Share),
    /// All of them.
    All,
}

/// How to check.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What of the objects is read.
    pub read_data: ReadData,
    /// The time now, in ms: what is named for later is told.
    pub now_ms: i64,
    /// How to open parts of the repository: where decompressed files go for as long as they are
    /// needed.
    pub source: source::Options,
}

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as it should be.
    Whole,
    /// The operator should look.
    Warnings,
    /// Something is damaged.
    Damaged,
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was noticed; damage first.
    pub findings: Vec<Finding>,
    /// What damage costs, by lineage.
    pub losses: Vec<Loss>,
    /// How many lineages.
    pub lineages: u64,
    /// How many backups count.
    pub backups: u64,
    /// How many are forgotten, and not deleted yet.
    pub forgotten: u64,
    /// How many backups are marked to be kept.
    pub pinned: u64,
    /// How many marks for deletion there are.
    pub tombs: u64,
    /// How many objects the backups that count list.
    pub objects: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
    /// What was read of them; `None` where nothing was to be.
    pub reading: Option<Reading>,
}

impl Report {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        match self.findings.iter().map(|finding| finding.severity).max() {
            Some(Severity::Damage | Severity::Missing) => Verdict::Damaged,
            Some(Severity::Warning) => Verdict::Warnings,
            Some(Severity::Info) | None => Verdict::Whole,
        }
    }
}

/// Checks `repository`. One whose first object is damaged is to be opened by
/// [`Repository::open_despite`].
///
/// # Errors
/// When it cannot be listed, or no place for decompressed files can be had. All else is in the
/// report.
pub fn check(
    repository: &Repository,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Report> {
    let mut survey = survey(repository, progress)?;
    let mut findings = std::mem::take(&mut survey.findings);
    for (name, manifest) in &survey.live {
        findings.extend(manifest::contradictions(name, manifest));
    }
    findings.extend(manifest::order(&survey.live, options.now_ms));
    let objects = judge_objects(&survey, &mut findings);
    let (all, contradictory) = listed(survey.live.iter().map(|(_, manifest)| manifest));
    findings.extend(contradictory);
    let promises = Promises {
        repository,
        options: &options.source,
        beginnings: (options.read_data == ReadData::All).then(Default::default),
    };
    let judged = side_by_side(&survey.live, |(name, manifest)| {
        promises.judge(name, manifest)
    })?;
    findings.extend(judged.into_iter().flatten());
    let reading = read_data(&promises, &survey, &all, options, &mut findings, progress)?;
    name_backups(&mut findings, &survey.live);
    let losses = weigh(&promises, &survey.live, &survey.broken, &mut findings)?;
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(report(&survey, objects, findings, losses, reading))
}

fn report(
    survey: &Survey,
    (objects, bytes): (u64, u64),
    findings: Vec<Finding>,
    losses: Vec<Loss>,
    reading: Option<Reading>,
) -> Report {
    let names = survey.live.iter().map(|(name, _)| name);
    let names: Vec<&BackupName> = names.chain(&survey.broken).chain(&survey.newer).collect();
    let lineages: HashSet<&str> = names.iter().map(|name| name.lineage.as_str()).collect();
    Report {
        findings,
        losses,
        lineages: lineages.len() as u64,
        backups: names.len() as u64,
        forgotten: survey.forgotten.len() as u64,
        pinned: survey.pinned.len() as u64,
        tombs: survey.tombs,
        objects,
        bytes,
        reading,
    }
}

/// Whether each object that a backup lists is there, with its length. Gives how many there are, and
/// their bytes.
fn judge_objects(survey: &Survey, findings: &mut Vec<Finding>) -> (u64, u64) {
    let mut listed: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, manifest) in &survey.live {
        for object in manifest.objects() {
            listed.insert(&object.name, object.bytes);
        }
    }
    for (name, bytes) in &listed {
        let finding = match survey.sizes.get(*name) {
            Some(size) if size == bytes => continue,
            Some(size) => {
                let message = format!("is {size} bytes long, but was {bytes} when it was stored");
                Finding::new(Code::ObjectSize, message)
            }
            None => {
                let message = format!("is missing: {bytes} bytes");
                Finding::new(Code::ObjectMissing, message)
            }
        };
        findings.push(finding.file(*name));
    }
    (listed.len() as u64, listed.values().sum())
}

/// Reads what is to be read, and compares what lineages hold twice.
fn read_data(
    promises: &Promises<'_>,
    survey: &Survey,
    all: &[Stored<'_>],
    options: &Options,
    findings: &mut Vec<Finding>,
    progress: &dyn Progress,
) -> Result<Option<Reading>> {
    let share = match options.read_data {
        ReadData::Nothing => return Ok(None),
        ReadData::Share(share) => Some(share),
        ReadData::All => None,
    };
    let known = lost_objects(findings);
    let (reading, found) = read_data::read(promises.repository, all, share, &known, progress)?;
    findings.extend(found);
    let lost = lost_objects(findings);
    let mut lineages: HashMap<&str, Vec<(BackupName, Manifest)>> = HashMap::new();
    for (name, manifest) in &survey.live {
        let backup = (name.clone(), manifest.clone());
        lineages.entry(&name.lineage).or_default().push(backup);
    }
    let mut lineages: Vec<_> = lineages.into_iter().collect();
    lineages.sort_by(|a, b| a.0.cmp(b.0));
    for (lineage, backups) in lineages {
        // Once in as many runs as it takes to read everything else.
        if share.is_none_or(|share| share.contains(lineage)) {
            let history = spared(&LineageContents::of(backups), &|name| lost.contains(name));
            findings.extend(forks(promises, &history, progress)?);
        }
    }
    Ok(Some(reading))
}

/// Compares the logs of a lineage where they hold the same zxids.
fn forks(
    promises: &Promises<'_>,
    history: &LineageContents,
    progress: &dyn Progress,
) -> Result<Vec<Finding>> {
    let repository = promises.repository;
    let source = Source::of_history(repository, history, promises.options)?;
    let read = History::read(&source, Level::Frames, progress)?;
    let name = |log: usize| history.logs.get(log).map_or("", |log| &log.object.name);
    match read.compare_overlaps(None) {
        Ok(forks) => Ok(forks
            .iter()
            .map(|fork| {
                let message = format!("disagrees with {}", name(fork.log));
                Finding::new(Code::LineageFork, message)
                    .file(name(fork.other))
                    .offset(Some(fork.offset))
                    .txn(Some(TxnPlace::Of(fork.zxid)))
            })
            .collect()),
        // Only where a share was read: everything else of the kind is known by now.
        Err(error) if error.kind() == ErrorKind::Damage => {
            let path = error.path().map(|path| path.to_string_lossy().into_owned());
            let object = history
                .logs
                .iter()
                .map(|log| &log.object.name)
                .find(|name| path.as_ref().is_some_and(|path| path.ends_with(*name)));
            Ok(vec![broken(object.map_or("", String::as_str), &error)])
        }
        Err(error) => Err(error),
    }
}
