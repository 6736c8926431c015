//! What backups hold together: bases and logs of one lineage.

use super::manifest::{Manifest, StoredEvidence, StoredLog, StoredSnapshot};
use super::name::BackupName;
use super::{Listing, Repository};
use crate::error::{Error, ErrorKind, Result};
use crate::zxid::ZxidSet;
use std::collections::HashSet;

/// Which part of a repository is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All backups of the lineage that the newest backup is of.
    Newest,
    /// The newest backup alone.
    Latest,
    /// The backup, or all backups of the lineage, whose id begins so.
    Id(String),
}

/// What backups hold together.
#[derive(Clone, Debug)]
pub struct LineageContents {
    /// The lineage.
    pub lineage: String,
    /// The backups, in the order in which they were made.
    pub backups: Vec<(BackupName, Manifest)>,
    /// Bases, by zxid.
    pub snapshots: Vec<StoredSnapshot>,
    /// Logs, by first zxid. Where they overlap, they may be of runs that knew nothing of one
    /// another, and may differ.
    pub logs: Vec<StoredLog>,
    /// What sources showed of the ends of epochs.
    pub evidence: StoredEvidence,
    /// The highest epoch that was seen.
    pub max_epoch: u32,
    /// What the operator has to know of how it was read.
    pub warnings: Vec<String>,
}

impl Which {
    /// Reads what stands behind the `@` of a repository.
    pub fn parse(text: &str) -> Which {
        match text {
            "latest" => Which::Latest,
            id => Which::Id(id.to_owned()),
        }
    }
}

impl Repository {
    /// What the backups that are meant hold together.
    ///
    /// # Errors
    /// [`ErrorKind::BadArgument`] when there is no such backup; [`ErrorKind::Damage`] when a
    /// manifest is damaged; failures to read. A damaged mark for deletion is a warning.
    pub fn history(&self, which: &Which) -> Result<LineageContents> {
        let (listing, damaged) = self.listing_despite()?;
        let meant = self.meant(&listing, which)?;
        let read = |name: &BackupName| Ok((name.clone(), self.manifest(name)?));
        let backups: Result<Vec<(BackupName, Manifest)>> = meant.into_iter().map(read).collect();
        let backups = backups.map_err(|error| match error.kind() {
            ErrorKind::Damage => error.hint(
                "'zoovault check' shows what is damaged; a sound backup can be read on its own: REPOSITORY@ID",
            ),
            _ => error,
        })?;
        let warning = |error: &Error| {
            format!(
                "{error}: it is not known which backups it marks as forgotten, so they are included here"
            )
        };
        Ok(LineageContents {
            warnings: damaged.iter().map(warning).collect(),
            ..LineageContents::of(backups)
        })
    }

    fn meant<'a>(&self, listing: &'a Listing, which: &'a Which) -> Result<Vec<&'a BackupName>> {
        let empty = || {
            Error::about(self.shown(), ErrorKind::Failed, "has no backup yet")
                .hint("'zoovault backup' creates one")
        };
        let newest = listing.backups.last().ok_or_else(empty)?;
        Ok(match which {
            Which::Newest => listing.of_lineage(&newest.lineage).collect(),
            Which::Latest => vec![newest],
            Which::Id(id) => {
                let lineages = listing.lineages();
                let mut of = lineages
                    .into_iter()
                    .filter(|lineage| lineage.starts_with(id.as_str()));
                match (of.next(), of.next()) {
                    (Some(lineage), None) if !id.is_empty() => {
                        listing.of_lineage(lineage).collect()
                    }
                    _ => vec![listing.find(id)?],
                }
            }
        })
    }
}

impl LineageContents {
    /// What `backups` of one lineage, in the order in which they were made, hold together.
    ///
    /// A log that others cover is left out where they are of a backup that was compared with it,
    /// step by step: then they are known to say the same.
    pub fn of(backups: Vec<(BackupName, Manifest)>) -> LineageContents {
        let mut history = LineageContents {
            lineage: String::new(),
            backups: Vec::new(),
            snapshots: Vec::new(),
            logs: Vec::new(),
            evidence: StoredEvidence::default(),
            max_epoch: 0,
            warnings: Vec::new(),
        };
        let mut taken: HashSet<&str> = HashSet::new();
        let mut covered = ZxidSet::default();
        let mut followed: HashSet<&str> = backups
            .last()
            .iter()
            .map(|(name, _)| name.id.as_str())
            .collect();
        for (name, manifest) in backups.iter().rev() {
            let is_followed = followed.contains(name.id.as_str());
            if is_followed {
                followed.extend(manifest.follows.iter().map(String::as_str));
            }
            history.max_epoch = history.max_epoch.max(manifest.max_epoch);
            history.evidence.extend(&manifest.evidence);
            for base in &manifest.snapshots {
                if base
                    .parts
                    .first()
                    .is_some_and(|part| taken.insert(&part.name))
                {
                    history.snapshots.push(base.clone());
                }
            }
            for log in &manifest.logs {
                let is_covered = is_followed && covered.covers(log.range());
                if !is_covered && taken.insert(&log.object.name) {
                    history.logs.push(log.clone());
                }
            }
            // Only now: logs of one backup are never left out for one another.
            for log in manifest.logs.iter().filter(|_| is_followed) {
                covered.add(log.range());
            }
        }
        history.snapshots.sort_by_key(|base| base.zxid);
        history
            .logs
            .sort_by_key(|log| (log.first_zxid, log.last_zxid));
        if let Some((name, _)) = backups.last() {
            history.lineage.clone_from(&name.lineage);
        }
        history.backups = backups;
        history
    }

    /// All zxids that its logs hold.
    pub fn zxids(&self) -> ZxidSet {
        self.logs.iter().map(StoredLog::range).collect()
    }
}
