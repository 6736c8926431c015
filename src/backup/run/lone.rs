//! Snapshots that no log goes with: a dataLogDir that nobody named, copies, a member that was just
//! sent a whole tree. Nothing proves that one is exact, and it may be all that there is: each is
//! stored as it is, with the highest zxid that its znodes show, and told by name.

use super::base::store;
use super::upload::Target;
use super::{Run, Stored, goes_on};
use crate::backup::run::base::together;
use crate::backup::run::lineage::Lineage;
use crate::backup::run::scan::Scan;
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::format::snapshot;
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::replay::{Alone, Base, BaseFile};
use crate::history::source::{Source, SourceFile};
use crate::history::timeline::Timeline;
use crate::progress::NoProgress;
use crate::repository::{LineageContents, StoredSnapshot, StoredWindow};
use crate::zxid::Zxid;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A snapshot that was written to within this time, and is cut, may be being written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(120);

/// What the repository holds, with what was stored now.
struct Held {
    history: LineageContents,
    windows: Vec<StoredWindow>,
    timeline: Timeline,
}

impl Held {
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

impl Run<'_> {
    /// Stores the snapshots of the source that no log goes with, and tells of each that is new. The
    /// newest snapshot is read in any case, where it may have been written since the last backup: a
    /// server starts from it.
    pub(super) fn add_lone(
        &mut self,
        target: &Target<'_>,
        scan: &Scan<'_>,
        lineage: &Lineage,
        history: &LineageContents,
        stored: &mut Stored,
    ) -> Result<()> {
        let (source, last) = (self.source, scan.history.timeline.last());
        let is_new = !goes_on(scan, lineage);
        let is_possible = |file: &&SourceFile| is_new || last.is_none_or(|last| file.zxid() > last);
        let newest = source.snapshots().last();
        let is_newest = |file: &SourceFile| newest.is_some_and(|it| it.shown() == file.shown());
        let is_changed = newest.is_some_and(|file| is_new || was_written_since(file, lineage));
        let files: Vec<(usize, &SourceFile)> = source.snapshots().iter().enumerate().collect();
        if !is_changed && !files.iter().any(|(_, file)| is_possible(file)) {
            return Ok(());
        }
        let held = self.held(history, stored)?;
        let all = scan.history.bases()?;
        for (index, file) in files {
            let is_lone = is_possible(&file) && held.is_lone(file.zxid());
            let is_to_be_read = is_lone || (is_newest(file) && is_changed);
            if !is_to_be_read {
                continue;
            }
            let checked = snapshot::check(file.shown(), &|| source.open_snapshot(file), &|_| {});
            let summary = match checked {
                Err(error) if error.kind() == ErrorKind::Damage => {
                    self.judge_damaged(file, &error, held.has_window(file.zxid()));
                    continue;
                }
                checked => checked?,
            };
            let is_name_of_epoch = file.zxid().counter() == 0
                && last.is_some_and(|last| last < file.zxid() && summary.shows <= last);
            let is_base = |base: &&Base| base.file == BaseFile::Snapshot(index);
            let Some(base) = all.iter().find(is_base).filter(|_| is_lone) else {
                continue;
            };
            if is_name_of_epoch {
                continue;
            }
            let made = store(target, &scan.history, base, self.options.now_ms)?;
            let is_of_this_run = stored.snapshots.iter().any(|it| it.parts == made.parts);
            if let Some(same) = held.find(&made).filter(|_| !is_of_this_run) {
                stored.kept.push(same.clone());
                continue;
            }
            self.tell_lone(&Alone {
                name: file.name(),
                zxid: file.zxid(),
                shows: summary.shows,
                is_ahead: summary.contradicts_itself(file.zxid()),
            });
            stored.snapshots.extend((!is_of_this_run).then_some(made));
        }
        stored.snapshots.sort_by_key(|base| base.zxid);
        Ok(())
    }

    fn held(&self, history: &LineageContents, stored: &Stored) -> Result<Held> {
        let history = together(history, stored);
        let source = Source::of_history(self.repository, &history, &self.source_options())?;
        let History { timeline, .. } = History::read(&source, Level::Frames, &NoProgress)?;
        Ok(Held {
            windows: self.windows(&history)?,
            timeline,
            history,
        })
    }

    fn tell_lone(&mut self, alone: &Alone) {
        let (name, parts) = (&alone.name, alone.parts());
        self.warnings.push(match alone.is_plausible() {
            true => format!(
                "{name} is stored on its own: it has no logs, so it appears to be exact, but nothing proves that; it can be restored as it is, unproven"
            ),
            false => format!(
                "{name} is stored on its own: it has no logs, and {parts}, so nothing can be restored from it; it can only be inspected, as it is"
            ),
        });
    }

    /// Tells of a snapshot that is damaged. Of one that is only cut nothing is lost where others
    /// give the same points, as after a server that was killed while it wrote; and one that was
    /// written to a moment ago may be whole a moment later.
    fn judge_damaged(&mut self, file: &SourceFile, error: &Error, is_covered: bool) {
        let is_cut = error.fault().is_some_and(Fault::is_cut);
        let age = file.modified().and_then(|at| at.elapsed().ok());
        match (is_cut, is_covered) {
            (true, _) if age.is_some_and(|age| age < WRITTEN_WITHIN) => self.notes.push(format!(
                "{error}: it was written to a moment ago, and may not be finished yet"
            )),
            (true, true) => self.warnings.push(format!(
                "{error}; it is not used as a base, and nothing needs it"
            )),
            (true, false) | (false, _) => {
                self.damaged(format!("{error}; it is not used as a base"))
            }
        }
    }
}

/// Whether a file may have been written to since the newest backup of `lineage`.
fn was_written_since(file: &SourceFile, lineage: &Lineage) -> bool {
    let modified = file.modified().and_then(ms);
    let seen = lineage.newest().map(|newest| newest.created_ms);
    match (modified, seen) {
        (Some(modified), Some(seen)) => modified >= seen,
        _ => true,
    }
}

fn ms(at: SystemTime) -> Option<i64> {
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}
