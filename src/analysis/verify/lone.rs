//! Snapshots that no log goes with: what can be made of them, and what is likely to be the cause.

use super::Window;
use crate::analysis::finding::{Code, Finding};
use crate::format::snapshot::SnapshotSummary;
use crate::history::History;
use crate::history::replay::{Alone, SnapshotVerdict};
use crate::history::source::SourceFile;
use crate::history::timeline::Timeline;
use crate::zxid::Zxid;
use std::path::PathBuf;

/// A whole snapshot that stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoneSnapshot {
    /// Where it is, as findings have it.
    pub file: PathBuf,
    /// What is known of it.
    pub alone: Alone,
    /// Whether all of its ACLs are known: what a restore asks for.
    pub is_usable: bool,
}

impl LoneSnapshot {
    /// Whether it can be restored where that is wished.
    pub fn is_restorable(&self) -> bool {
        self.is_usable && self.alone.is_plausible()
    }
}

/// The snapshots of `source` whose name lies in no window, and behind which no logs go on. Where
/// there are logs, those before a window are left out: what is missing there is told as such.
pub(super) fn lone(
    history: &History<'_>,
    snapshots: &[SnapshotVerdict],
    windows: &[Window],
) -> Vec<LoneSnapshot> {
    let files = history.source.snapshots().iter().zip(snapshots);
    // One that nothing dates is told as such.
    let dated = files.filter(|(file, _)| file.zxid() != Zxid::UNKNOWN);
    let whole = dated.filter_map(|(file, verdict)| Some((file, verdict.as_ref().ok()?)));
    whole
        .filter(|(file, summary)| {
            let zxid = file.zxid();
            let is_had = windows
                .iter()
                .any(|window| window.from <= zxid && zxid <= window.to);
            let is_needless = history.timeline.last().is_some()
                && windows.iter().any(|window| window.from > zxid);
            !is_had && !is_needless && is_lone(&history.timeline, file, summary)
        })
        .map(|(file, summary)| LoneSnapshot {
            file: file.shown().into(),
            alone: Alone {
                name: file.name(),
                zxid: file.zxid(),
                shows: summary.shows,
                is_ahead: summary.contradicts_itself(file.zxid()),
            },
            is_usable: summary.dangling_acls == 0,
        })
        .collect()
}

/// Whether no log goes on behind a snapshot. One that an ensemble named for an epoch that has no
/// txn yet, and that shows nothing new, tells nothing more than the logs do.
fn is_lone(timeline: &Timeline, file: &SourceFile, summary: &SnapshotSummary) -> bool {
    let zxid = file.zxid();
    let goes_on = |last: Zxid| last > zxid;
    let mut segments = timeline.segments.iter();
    let has_logs = segments.any(|segment| segment.continues(zxid) && goes_on(segment.last()));
    let is_name_of_epoch = zxid.counter() == 0
        && timeline
            .last()
            .is_some_and(|last| last < zxid && summary.shows <= last);
    !has_logs && !is_name_of_epoch
}

/// The last of them that can be restored, where nothing that is there is later.
pub(super) fn newest_restorable(lone: &[LoneSnapshot], last: Zxid) -> Option<&LoneSnapshot> {
    let mut restorable = lone.iter().rev().filter(|lone| lone.is_restorable());
    restorable.find(|lone| lone.alone.zxid >= last)
}

/// Tells of each.
pub(super) fn judge(lone: &[LoneSnapshot], findings: &mut Vec<Finding>) {
    for LoneSnapshot {
        file,
        alone,
        is_usable,
    } in lone
    {
        let finding = match (alone.is_plausible(), is_usable) {
            (true, true) => Finding::new(
                Code::SnapshotAlone,
                format!(
                    "it has no logs, so it is not known when it was finished; none of its znodes shows a transaction after {}",
                    alone.zxid
                ),
            ),
            (true, false) => Finding::new(
                Code::SnapshotAloneInexact,
                "it has no logs, and it lacks ACLs: nothing can be restored from it".to_owned(),
            ),
            (false, _) => Finding::new(
                Code::SnapshotAloneInexact,
                format!(
                    "it has no logs, and {}: this tree never existed",
                    alone.parts()
                ),
            ),
        };
        findings.push(finding.file(file).zxid(alone.zxid));
    }
}
