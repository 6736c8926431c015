//! Snapshots that no log goes with: a dataLogDir that nobody named, copies, a member that was just
//! sent a whole tree. Nothing proves that one is exact, and it may be all that there is: each is
//! stored as it is, with the highest zxid that its znodes show, and told by name.

use super::Judgement;
use super::base::{Stored, store};
use super::plan::Plan;
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::format::snapshot;
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::replay::{Alone, Base, BaseFile};
use crate::history::source::SourceFile;
use crate::history::timeline::Timeline;
use crate::progress::NoProgress;
use crate::repository::{LineageContents, StoredSnapshot, StoredWindow};
use crate::zxid::Zxid;
use std::time::Duration;

/// A snapshot that was written to within this time, and is cut, may be being written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(120);

/// What the repository holds, with what was stored now.
struct Held {
    history: LineageContents,
    windows: Vec<StoredWindow>,
    timeline: Timeline,
}

impl Held {
    fn of(plan: &Plan<'_>, stored: &Stored) -> Result<Held> {
        let history = stored.with(&plan.held);
        let source = plan.context.stored(&history)?;
        let History { timeline, .. } = History::read(&source, Level::Frames, &NoProgress)?;
        Ok(Held {
            windows: plan.context.windows(&history)?,
            timeline,
            history,
        })
    }

    fn has_window(&self, zxid: Zxid) -> bool {
        let mut windows = self.windows.iter();
        windows.any(|window| window.from_zxid <= zxid && zxid <= window.to_zxid)
    }

    /// Whether the snapshot named `zxid` is in no window, and no log that is held goes on behind
    /// it.
    fn is_lone(&self, zxid: Zxid) -> bool {
        let mut segments = self.timeline.segments.iter();
        let goes_on = segments.any(|segment| segment.continues(zxid) && segment.last() > zxid);
        !goes_on && !self.has_window(zxid)
    }

    /// The same snapshot, where it is held.
    fn find(&self, made: &StoredSnapshot) -> Option<&StoredSnapshot> {
        let mut held = self.history.snapshots.iter();
        held.find(|held| held.zxid == made.zxid && held.parts == made.parts)
    }
}

/// Stores the snapshots of the source that no log goes with, and tells of each that is new. Which
/// these are is known only now: what was stored before is held, too.
pub(super) fn store_lone(plan: &Plan<'_>, stored: &mut Stored) -> Result<()> {
    if plan.candidates.is_empty() {
        return Ok(());
    }
    let source = plan.context.source;
    let last = plan.scan.history.timeline.last();
    let held = Held::of(plan, stored)?;
    let all = plan.scan.history.bases()?;
    for candidate in &plan.candidates {
        let Some(file) = source.snapshots().get(candidate.index) else {
            continue;
        };
        let is_lone = candidate.may_be_lone && held.is_lone(file.zxid());
        if !is_lone && !candidate.is_read {
            continue;
        }
        let checked = snapshot::check(file.shown(), &|| source.open_snapshot(file), &|_| {});
        let summary = match checked {
            Err(error) if error.kind() == ErrorKind::Damage => {
                let is_covered = held.has_window(file.zxid());
                judge_damaged(&mut stored.judgement, file, &error, is_covered);
                continue;
            }
            checked => checked?,
        };
        let is_name_of_epoch = file.zxid().counter() == 0
            && last.is_some_and(|last| last < file.zxid() && summary.shows <= last);
        let is_base = |base: &&Base| base.file == BaseFile::Snapshot(candidate.index);
        let base = all.iter().find(is_base);
        let Some(base) = base.filter(|_| is_lone && !is_name_of_epoch) else {
            continue;
        };
        let made = store(plan, &plan.scan.history, base)?;
        let is_of_this_run = stored.snapshots.iter().any(|it| it.parts == made.parts);
        if let Some(same) = held.find(&made).filter(|_| !is_of_this_run) {
            stored.kept.push(same.clone());
            continue;
        }
        stored.judgement.warnings.push(told(&Alone {
            name: file.name(),
            zxid: file.zxid(),
            shows: summary.shows,
            is_ahead: summary.contradicts_itself(file.zxid()),
        }));
        stored.snapshots.extend((!is_of_this_run).then_some(made));
    }
    stored.snapshots.sort_by_key(|base| base.zxid);
    Ok(())
}

fn told(alone: &Alone) -> String {
    let (name, parts) = (&alone.name, alone.parts());
    match alone.is_plausible() {
        true => format!(
            "{name} is stored on its own: it has no logs, so it appears to be exact, but nothing proves that; it can be restored as it is, unproven"
        ),
        false => format!(
            "{name} is stored on its own: it has no logs, and {parts}, so nothing can be restored from it; it can only be inspected, as it is"
        ),
    }
}

/// Tells of a snapshot that is damaged. Of one that is only cut nothing is lost where others give
/// the same points, as after a server that was killed while it wrote; and one that was written to a
/// moment ago may be whole a moment later.
fn judge_damaged(judgement: &mut Judgement, file: &SourceFile, error: &Error, is_covered: bool) {
    let is_cut = error.fault().is_some_and(Fault::is_cut);
    let age = file.modified().and_then(|at| at.elapsed().ok());
    match (is_cut, is_covered) {
        (true, _) if age.is_some_and(|age| age < WRITTEN_WITHIN) => judgement.notes.push(format!(
            "{error}: it was written to a moment ago, and may not be finished yet"
        )),
        (true, true) => judgement.warnings.push(format!(
            "{error}; it is not used as a base, and nothing needs it"
        )),
        (true, false) | (false, _) => {
            judgement.damaged(format!("{error}; it is not used as a base"));
        }
    }
}
