//! What damage costs: which points are lost by it, and which are left.

use super::claimed_windows::{Promises, claims_empty, without};
use crate::analysis::finding::{Code, Finding};
use crate::error::Result;
use crate::repository::{BackupName, LineageContents, Manifest};
use crate::zxid::ZxidRange;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Of how many damaged objects it is told which points each of them costs. More than that is not
/// one object's affair.
const LOST_TOLD_MAX: usize = 100;

/// What damage costs a lineage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The lineage.
    pub lineage: String,
    /// Ids of the backups that damage concerns, in the order in which they were made.
    pub hurt: Vec<String>,
    /// Ids of the backups that it does not.
    pub whole: Vec<String>,
    /// Points that the lineage cannot give any more.
    pub lost: Vec<ZxidRange>,
    /// Points that it can.
    pub left: Vec<ZxidRange>,
}

/// The findings whose object cannot be used any more.
fn is_of_lost_object(finding: &Finding) -> bool {
    matches!(
        finding.code,
        Code::ObjectDamaged
            | Code::ObjectMissing
            | Code::ObjectSize
            | Code::ObjectUnreadable
            | Code::LogContents
            | Code::SnapshotContents
    )
}

/// The names of objects that cannot be used any more.
pub(super) fn lost_objects(findings: &[Finding]) -> HashSet<String> {
    let lost = findings.iter().filter(|finding| is_of_lost_object(finding));
    lost.filter_map(|finding| finding.object().map(str::to_owned))
        .collect()
}

/// Notes in each finding about an object which backups list it.
pub(super) fn name_backups(findings: &mut [Finding], live: &[(BackupName, Manifest)]) {
    let wanted = findings.iter().filter(|finding| finding.backups.is_empty());
    let wanted: HashSet<String> = wanted
        .filter_map(|finding| finding.object().map(str::to_owned))
        .collect();
    let mut by_object: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (index, (_, manifest)) in live.iter().enumerate() {
        for object in manifest
            .objects()
            .filter(|object| wanted.contains(&object.name))
        {
            by_object.entry(&object.name).or_default().insert(index);
        }
    }
    for finding in findings
        .iter_mut()
        .filter(|finding| finding.backups.is_empty())
    {
        let listing = finding.object().and_then(|name| by_object.get(name));
        let indices = listing.into_iter().flatten();
        let ids = indices.filter_map(|index| live.get(*index));
        finding.backups = ids.map(|(name, _)| name.id.clone()).collect();
    }
}

/// Weighs what damage costs: each finding about a lost object is told its own part of it.
///
/// # Errors
/// When no place for decompressed files can be had; failures to read.
pub(super) fn weigh(
    promises: &Promises<'_>,
    live: &[(BackupName, Manifest)],
    broken: &[BackupName],
    findings: &mut [Finding],
) -> Result<Vec<Loss>> {
    let lost = lost_objects(findings);
    let mut losses = Vec::new();
    let lineages: BTreeSet<&str> = live
        .iter()
        .map(|(name, _)| name)
        .chain(broken)
        .map(|name| name.lineage.as_str())
        .collect();
    for lineage in lineages {
        let of_lineage = |name: &BackupName| name.lineage == lineage;
        let mut hurt: Vec<&BackupName> = broken.iter().filter(|name| of_lineage(name)).collect();
        let mut whole = Vec::new();
        let backups: Vec<&(BackupName, Manifest)> =
            live.iter().filter(|(name, _)| of_lineage(name)).collect();
        for (name, manifest) in &backups {
            let mut objects = manifest.objects();
            match objects.any(|object| lost.contains(&object.name)) {
                true => hurt.push(name),
                false => whole.push(name.id.clone()),
            }
        }
        if hurt.is_empty() {
            continue;
        }
        hurt.sort();
        let history = LineageContents::of(backups.iter().map(|&backup| backup.clone()).collect());
        let is_empty = backups.iter().any(|(_, manifest)| claims_empty(manifest));
        let given = promises.ranges(&history, is_empty)?;
        let left = promises.ranges_without(&history, &|name| lost.contains(name), is_empty)?;
        let prefix = format!("/{lineage}/");
        let own = findings.iter_mut().filter(|finding| {
            let object = finding.object().unwrap_or_default();
            is_of_lost_object(finding) && object.contains(&prefix)
        });
        for finding in own.take(LOST_TOLD_MAX) {
            let object = finding.object().map(str::to_owned).unwrap_or_default();
            let alone = promises.ranges_without(&history, &|name| name == object, is_empty)?;
            finding.lost = without(&given, &alone);
        }
        losses.push(Loss {
            lineage: lineage.to_owned(),
            hurt: hurt.iter().map(|name| name.id.clone()).collect(),
            whole,
            lost: without(&given, &left),
            left: left.iter().collect(),
        });
    }
    Ok(losses)
}

/// `history` without what `is_lost`.
pub(super) fn spared(history: &LineageContents, is_lost: &dyn Fn(&str) -> bool) -> LineageContents {
    let mut spared = history.clone();
    spared.logs.retain(|log| !is_lost(&log.object.name));
    spared
        .snapshots
        .retain(|base| !base.parts.iter().any(|part| is_lost(&part.name)));
    spared
}
