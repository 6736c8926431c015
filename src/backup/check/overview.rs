//! What a repository holds, and how fresh it is: from names and manifests alone, so that monitoring
//! can ask every minute.

use super::claimed_windows::{Promises, claims_empty};
use super::manifest::CLOCK_SKEW_MS;
use crate::error::{Error, ErrorKind, Result};
use crate::history::source;
use crate::history::timeline::side_by_side;
use crate::progress::Progress;
use crate::repository::{BackupName, LineageContents, Manifest, Repository, StoredWindow};
use crate::zxid::Zxid;
use std::collections::HashMap;

/// A backup.
#[derive(Debug)]
pub struct Backup {
    /// Its name.
    pub name: BackupName,
    /// What it says; `Err` where it is damaged.
    pub manifest: std::result::Result<Manifest, Error>,
    /// How many objects it lists.
    pub objects: u64,
    /// Their bytes, as stored: what it would take to keep it alone.
    pub bytes: u64,
    /// Whether it is marked to be kept.
    pub is_pinned: bool,
}

/// The backups of one history.
#[derive(Debug)]
pub struct Lineage {
    /// Its id.
    pub id: String,
    /// In the order in which they were made.
    pub backups: Vec<Backup>,
    /// What they give together.
    pub windows: Vec<StoredWindow>,
    /// How many objects they list.
    pub objects: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
}

/// What a repository holds.
#[derive(Debug)]
pub struct Overview {
    /// That of the newest backup first.
    pub lineages: Vec<Lineage>,
    /// How many backups count.
    pub backups: u64,
    /// How many are forgotten, and not deleted yet.
    pub forgotten: u64,
    /// How many objects the backups that count list.
    pub objects: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
}

/// How old the newest backup is that can be restored to its last txn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// There is none.
    None,
    /// So many ms.
    Ms(i64),
    /// It says that it was made after now: a clock is wrong, and nobody knows.
    Unknown,
}

impl Overview {
    /// The newest backup that can be restored to its last txn, by the clocks of those that made
    /// them.
    pub fn newest(&self) -> Option<(&Backup, &Manifest, &StoredWindow)> {
        let backups = self.lineages.iter().flat_map(|lineage| &lineage.backups);
        let whole = backups.filter_map(|backup| {
            let manifest = backup.manifest.as_ref().ok()?;
            Some((backup, manifest, manifest.newest_window()?))
        });
        whole.max_by_key(|(backup, manifest, _)| (manifest.created_ms, backup.name.created_ms))
    }

    /// How old that is.
    pub fn age(&self, now_ms: i64) -> Age {
        match self.newest() {
            None => Age::None,
            Some((_, manifest, _)) => match now_ms.saturating_sub(manifest.created_ms) {
                age if age < -CLOCK_SKEW_MS => Age::Unknown,
                age => Age::Ms(age.max(0)),
            },
        }
    }

    /// The backups that are damaged.
    pub fn damaged(&self) -> impl Iterator<Item = (&Backup, &Error)> {
        let backups = self.lineages.iter().flat_map(|lineage| &lineage.backups);
        backups.filter_map(|backup| Some((backup, backup.manifest.as_ref().err()?)))
    }
}

/// Looks at `repository`. No object but manifests and marks is read, and a damaged manifest does
/// not keep the rest from being seen.
///
/// # Errors
/// Failures to read; damage of a mark for deletion, without which nobody knows what counts.
pub fn overview(
    repository: &Repository,
    options: &source::Options,
    progress: &dyn Progress,
) -> Result<Overview> {
    let listing = repository.listing()?;
    progress.start("reading manifests", None);
    let manifests = side_by_side(&listing.backups, |name| match repository.manifest(name) {
        Err(error) if error.kind() != ErrorKind::Damage => Err(error),
        manifest => Ok(manifest),
    })?;
    let mut lineages: Vec<Lineage> = listing
        .lineages()
        .into_iter()
        .map(|id| Lineage {
            id: id.to_owned(),
            backups: Vec::new(),
            windows: Vec::new(),
            objects: 0,
            bytes: 0,
        })
        .collect();
    for (name, manifest) in listing.backups.iter().zip(manifests) {
        let sizes = manifest.iter().flat_map(distinct).map(|(_, bytes)| bytes);
        let sizes: Vec<u64> = sizes.collect();
        let lineage = lineages
            .iter_mut()
            .find(|lineage| lineage.id == name.lineage);
        if let Some(lineage) = lineage {
            lineage.backups.push(Backup {
                name: name.clone(),
                manifest,
                objects: sizes.len() as u64,
                bytes: sizes.iter().sum(),
                is_pinned: listing.pinned.contains(&name.id),
            });
        }
    }
    let promises = Promises {
        repository,
        options,
        beginnings: None,
    };
    for lineage in &mut lineages {
        lineage.windows = windows(&promises, lineage)?;
        let whole = lineage
            .backups
            .iter()
            .filter_map(|backup| backup.manifest.as_ref().ok());
        let objects: HashMap<&str, u64> = whole.flat_map(distinct).collect();
        lineage.objects = objects.len() as u64;
        lineage.bytes = objects.values().sum();
    }
    Ok(Overview {
        backups: listing.backups.len() as u64,
        forgotten: listing.forgotten.len() as u64,
        // No two lineages share an object: its name begins with the lineage.
        objects: lineages.iter().map(|lineage| lineage.objects).sum(),
        bytes: lineages.iter().map(|lineage| lineage.bytes).sum(),
        lineages,
    })
}

/// The objects of a manifest and their bytes, each once.
fn distinct(manifest: &Manifest) -> HashMap<&str, u64> {
    let objects = manifest.objects();
    objects
        .map(|object| (object.name.as_str(), object.bytes))
        .collect()
}

/// What the backups of a lineage give together.
fn windows(promises: &Promises<'_>, lineage: &Lineage) -> Result<Vec<StoredWindow>> {
    let whole = lineage.backups.iter().filter_map(|backup| {
        let manifest = backup.manifest.as_ref().ok()?;
        Some((backup.name.clone(), manifest.clone()))
    });
    let whole: Vec<(BackupName, Manifest)> = whole.collect();
    let is_empty = whole.iter().any(|(_, manifest)| claims_empty(manifest));
    let mut times: HashMap<Zxid, i64> = HashMap::new();
    for window in whole.iter().flat_map(|(_, manifest)| &manifest.windows) {
        let ends = [
            (window.from_zxid, window.from_time_ms),
            (window.to_zxid, window.to_time_ms),
        ];
        times.extend(
            ends.into_iter()
                .filter_map(|(zxid, time)| Some((zxid, time?))),
        );
    }
    let history = LineageContents::of(whole);
    for log in &history.logs {
        times.insert(log.last_zxid, log.last_time_ms);
        times.insert(log.first_zxid, log.first_time_ms);
    }
    let ranges = promises.ranges(&history, is_empty)?;
    let time_at = |zxid| times.get(&zxid).copied();
    let windows = ranges.iter().map(|range| StoredWindow::of(range, time_at));
    Ok(windows.collect())
}
