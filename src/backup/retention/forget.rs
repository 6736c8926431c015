//! Makes backups count no more: by a policy, by their ids, or a whole lineage. Nothing is deleted,
//! and no other backup needs them.

use super::policy::{Candidate, Policy, Reason, Summary, judge};
use super::{Clock, ensure_plausible};
use crate::error::{Error, ErrorKind, Hint, Result};
use crate::repository::{
    BackupName, FORMAT_VERSION, Listing, Manifest, Repository, StoredWindow, Tombstone,
};
use crate::zxid::ZxidRange;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// Which backups to forget.
#[derive(Clone, Debug)]
pub enum What {
    /// All that a policy does not keep, of each lineage.
    ByPolicy(Policy),
    /// Those whose ids begin so.
    Ids(Vec<String>),
    /// All of the lineage whose id begins so: a history that is abandoned. The lineage of the
    /// newest backup is none.
    Lineage(String),
}

/// What is to become of one backup.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Its name.
    pub name: BackupName,
    /// What its manifest says; `None` where that cannot be read.
    pub manifest: Option<Told>,
    /// Why it is kept; `None` when it is to be forgotten. By a policy there is one reason at least;
    /// else there may be none.
    pub kept: Option<Vec<Reason>>,
}

/// What a manifest says that people want to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it was made, by the clock of its host, in ms.
    pub clock_ms: i64,
    /// The window that reaches its last txn.
    pub window: Option<ZxidRange>,
    /// What was backed up, as the user named it.
    pub source: String,
}

impl Told {
    fn of(manifest: &Manifest) -> Told {
        let window = manifest.newest_window();
        Told {
            clock_ms: manifest.created_ms,
            window: window.map(StoredWindow::range),
            source: manifest.source.path.clone(),
        }
    }
}

/// The backups of one lineage.
#[derive(Clone, Debug)]
pub struct Lineage {
    /// Its id.
    pub id: String,
    /// Its backups, in the order in which they were made.
    pub backups: Vec<Fate>,
}

/// What is to be forgotten.
#[derive(Debug)]
pub struct Plan {
    /// The lineages, that of the newest backup first.
    pub lineages: Vec<Lineage>,
    /// What is wrong with manifests that cannot be read. They are kept, unless they are named.
    pub damage: Vec<Error>,
}

impl Plan {
    /// The backups that are to be forgotten.
    pub fn forgotten(&self) -> impl Iterator<Item = &BackupName> {
        let fates = self.lineages.iter().flat_map(|lineage| &lineage.backups);
        fates
            .filter(|fate| fate.kept.is_none())
            .map(|fate| &fate.name)
    }
}

/// Finds out what is to be forgotten.
///
/// # Errors
/// [`ErrorKind::BadArgument`] for an empty policy, for a backup that is not there, and for one that
/// has to stay: it is pinned, or its lineage's newest that restores its last txn. Failures to read.
pub fn plan(repository: &Repository, what: &What, now_ms: i64, zone: &TimeZone) -> Result<Plan> {
    if matches!(what, What::ByPolicy(policy) if policy.is_empty()) {
        let message = "a policy without a rule would forget everything";
        return Err(Error::new(ErrorKind::BadArgument, message).hint(Hint::NameWhatToKeep));
    }
    ensure_plausible(repository, now_ms)?;
    let listing = repository.listing()?;
    let mut plan = read(repository, &listing)?;
    match what {
        What::ByPolicy(policy) => {
            for lineage in &mut plan.lineages {
                judge_lineage(lineage, policy, &listing, now_ms, zone);
            }
        }
        What::Ids(ids) => choose(&mut plan, ids, &listing)?,
        What::Lineage(id) => abandon(&mut plan, id, &listing)?,
    }
    Ok(plan)
}

/// All backups, none of them to be forgotten.
fn read(repository: &Repository, listing: &Listing) -> Result<Plan> {
    let mut plan = Plan {
        lineages: Vec::new(),
        damage: Vec::new(),
    };
    for lineage in listing.lineages() {
        let mut backups = Vec::new();
        for name in listing.of_lineage(lineage) {
            let manifest = match repository.manifest(name) {
                Ok(manifest) => Some(Told::of(&manifest)),
                Err(err) if err.kind() == ErrorKind::Damage => {
                    plan.damage.push(err);
                    None
                }
                Err(err) => return Err(err),
            };
            backups.push(Fate {
                name: name.clone(),
                manifest,
                kept: Some(Vec::new()),
            });
        }
        plan.lineages.push(Lineage {
            id: lineage.to_owned(),
            backups,
        });
    }
    Ok(plan)
}

fn judge_lineage(
    lineage: &mut Lineage,
    policy: &Policy,
    listing: &Listing,
    now_ms: i64,
    zone: &TimeZone,
) {
    let candidates = lineage.backups.iter().map(|fate| Candidate {
        name: fate.name.clone(),
        manifest: fate.manifest.as_ref().map(|manifest| Summary {
            clock_ms: manifest.clock_ms,
            has_window: manifest.window.is_some(),
        }),
        is_pinned: listing.pinned.contains(&fate.name.id),
    });
    let candidates: Vec<Candidate> = candidates.collect();
    let judged = judge(policy, &candidates, now_ms, zone);
    // Both are in the order of names, this one backwards.
    for (fate, judged) in lineage.backups.iter_mut().rev().zip(judged) {
        fate.kept = Some(judged.reasons).filter(|reasons| !reasons.is_empty());
    }
}

/// Forgets the backups that `ids` name.
fn choose(plan: &mut Plan, ids: &[String], listing: &Listing) -> Result<()> {
    let named: Result<BTreeSet<&BackupName>> = ids.iter().map(|id| listing.find(id)).collect();
    let named = named?;
    for lineage in &mut plan.lineages {
        let has_window =
            |fate: &&Fate| fate.manifest.as_ref().is_some_and(|it| it.window.is_some());
        let newest = lineage.backups.iter().rev().find(has_window);
        let newest = newest.map(|fate| fate.name.clone());
        for fate in &mut lineage.backups {
            if !named.contains(&fate.name) {
                continue;
            }
            ensure_unpinned(&fate.name, listing)?;
            if newest.as_ref() == Some(&fate.name) {
                let message = format!(
                    "{} is the newest backup of its lineage that restores its last transaction",
                    fate.name.id
                );
                return Err(Error::new(ErrorKind::BadArgument, message).hint(Hint::ForgetLineage));
            }
            fate.kept = None;
        }
    }
    Ok(())
}

/// Forgets all backups of a lineage.
fn abandon(plan: &mut Plan, id: &str, listing: &Listing) -> Result<()> {
    let bad = |message: String| Error::new(ErrorKind::BadArgument, message);
    let mut of = plan.lineages.iter_mut().enumerate();
    let mut of = of
        .by_ref()
        .filter(|(_, lineage)| lineage.id.starts_with(id));
    let (index, lineage) = match (of.next(), of.next()) {
        (Some(found), None) if !id.is_empty() => found,
        (None, _) => return Err(bad(format!("there is no lineage {id}"))),
        _ => return Err(bad(format!("more than one lineage begins with {id}"))),
    };
    if index == 0 {
        let message = format!("{} is the lineage of the newest backup", lineage.id);
        return Err(bad(message)
            .hint("only a history that was replaced by another can be forgotten as a whole"));
    }
    for fate in &mut lineage.backups {
        ensure_unpinned(&fate.name, listing)?;
        fate.kept = None;
    }
    Ok(())
}

fn ensure_unpinned(backup: &BackupName, listing: &Listing) -> Result<()> {
    if !listing.pinned.contains(&backup.id) {
        return Ok(());
    }
    let message = format!("{} is pinned", backup.id);
    let hint = format!("run 'zoovault unpin {}' first", backup.id);
    Err(Error::new(ErrorKind::BadArgument, message).hint(hint))
}

/// Forgets what `plan` says, by one mark: all of it or nothing. Gives the mark's name, where there
/// was something to forget.
///
/// What was pinned or forgotten since is left out.
///
/// # Errors
/// Failures to read or write.
pub fn execute(repository: &Repository, plan: &Plan, clock: Clock<'_>) -> Result<Option<String>> {
    // A run that was killed may have written a mark, and not made it last: what is forgotten
    // already is reported to be.
    repository.storage().sync_names()?;
    let listing = repository.listing()?;
    let still = |name: &&BackupName| {
        listing.backups.binary_search(name).is_ok() && !listing.pinned.contains(&name.id)
    };
    let backups: Vec<String> = plan
        .forgotten()
        .filter(still)
        .map(|name| name.id.clone())
        .collect();
    if backups.is_empty() {
        return Ok(None);
    }
    let created_ms = clock();
    ensure_plausible(repository, created_ms)?;
    repository
        .bury(&Tombstone {
            format: FORMAT_VERSION,
            created_ms,
            backups,
            objects: Vec::new(),
        })
        .map(Some)
}
