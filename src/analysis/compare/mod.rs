//! Members of one ensemble compared: which txns all of them hold, where two of them hold different
//! ones, and what each lacks.
//!
//! Every log is read and checked, then all members are walked side by side in zxid order and what
//! they hold of equal zxids compared ([`is_same_txn`](crate::format::record::is_same_txn)). Memory
//! is bounded by one txn of each member and the number of places where a member begins, ends or has
//! a hole. Where files begin and end, padding, and when snapshots were taken differ between sound
//! members, and are not told.
//!
//! **What was committed.** A log holds proposals: the last txns of one member may never have been
//! committed, and its ensemble may have gone on without them. A txn that a majority of the voters
//! holds is committed, and so is all before it in its epoch. A snapshot holds what was applied, so
//! it proves the txns of its epoch up to the last that it knows of; but a server that starts writes
//! one of all that it has, committed or not: a snapshot named with the last txn that its member has
//! of the epoch proves nothing ([`Commitment`]). No snapshot proves anything of the epochs before
//! its own: an abandoned branch may lie between.
//!
//! Txns of which that is not known are a *tail*, where nobody went on without them, or a *branch*,
//! where another member goes straight from the txn before them to a later epoch.

mod difference;
mod judge;
mod walk;

pub use difference::FieldDifference;
pub use walk::{Difference, Pair, Place, Stretch};

use crate::error::{Error, ErrorKind, Result, TxnPlace};
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::replay::{Base, SnapshotVerdict, check_snapshots, shown_by_snapshots};
use crate::history::source::Source;
use crate::progress::Progress;
use crate::zxid::{Zxid, ZxidRange};
use std::path::{Path, PathBuf};

/// How to compare.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How many voters the ensemble has, where not all of them are compared or observers are.
    pub voters: Option<usize>,
}

/// The result in one word; exit statuses follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// One history. Some members may begin later or end earlier.
    Same,
    /// One history as far as can be seen, with holes, or txns of which it is not known whether they
    /// were committed.
    Differs,
    /// Bytes are damaged.
    Damaged,
    /// Two members hold different txns of one zxid.
    Forked,
}

/// Something wrong with a file of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub offset: Option<u64>,
    /// The txn, or where only that is known, the last one before it.
    pub txn: Option<TxnPlace>,
    /// One line.
    pub message: String,
    /// Whether it is damage, and not what a crash leaves behind.
    pub is_damage: bool,
}

/// A range that one member can restore exactly, for all that its files tell: nothing was replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first zxid.
    pub from: Zxid,
    /// The last, no later than the last txn that is known to be committed.
    pub to: Zxid,
    /// The name of the base.
    pub base: String,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What the user named.
    pub shown: PathBuf,
    /// How many logs.
    pub logs: usize,
    /// How many snapshots.
    pub snapshots: usize,
    /// How many txns, each counted once.
    pub txns: u64,
    /// Whether it holds a txn that another holds too. Otherwise nothing shows that they are of one
    /// ensemble.
    pub is_related: bool,
    /// The first and last txn, with their times in ms.
    pub range: Option<[(Zxid, i64); 2]>,
    /// How many txns of its history others have beyond its last.
    pub behind: u64,
    /// The window that reaches highest.
    pub window: Option<Window>,
    /// What is wrong with its files.
    pub faults: Vec<FileFault>,
}

/// Txns that a member lacks between two that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Who lacks them.
    pub member: usize,
    /// The first.
    pub first: Zxid,
    /// The last.
    pub last: Zxid,
    /// Who has them; nobody, if it is empty.
    pub fillers: Vec<usize>,
    /// Whether they are known to have been committed.
    pub is_committed: bool,
    /// The member's own snapshot that stands at the end of the hole: a follower that was sent the
    /// whole tree has that by nature.
    pub bridge: Option<String>,
}

/// Txns that only a minority holds, and of which nothing proves that they were committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncommitted {
    /// Who has them.
    pub holders: Vec<usize>,
    /// Who does not: of a tail, those that end before; of a branch, those that went on without
    /// them.
    pub others: Vec<usize>,
    /// The first.
    pub first: Zxid,
    /// The last.
    pub last: Zxid,
}

/// A place where histories part: from this zxid on, each side has its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The first txn that differs.
    pub zxid: Zxid,
    /// Who is on which side.
    pub sides: Vec<Vec<usize>>,
    /// The index of the side that a majority is on.
    pub majority: Option<usize>,
}

/// How a txn is known to have been committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A majority of the voters holds it.
    Majority,
    /// A snapshot of a member was written when it had been applied.
    Snapshot {
        /// The member.
        member: usize,
        /// The snapshot's name.
        name: String,
    },
}

/// A txn that is known to have been committed, and with it all before it in its epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// The txn.
    pub zxid: Zxid,
    /// A member on whose side it is.
    pub member: usize,
    /// How that is known.
    pub proof: Proof,
}

/// The source to restore all members from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Best {
    /// The member; its window says from where to where.
    pub member: usize,
    /// Whether the window reaches the last txn that is known to be committed.
    pub reaches_last: bool,
    /// Whether the member holds more behind that, so that `latest` would be too much.
    pub has_more: bool,
    /// Others whose windows reach as far.
    pub equals: Vec<usize>,
}

/// What comparing shows. Members are told by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The members, as they were given.
    pub members: Vec<Member>,
    /// How many voters were reckoned with.
    pub voters: usize,
    /// Ranges of txns that all members hold; each ends where some member lacks the next.
    pub common: Vec<ZxidRange>,
    /// How many txns those are.
    pub common_txns: u64,
    /// Every two members.
    pub pairs: Vec<Pair>,
    /// Where histories part.
    pub forks: Vec<Fork>,
    /// What members lack in the middle.
    pub holes: Vec<Hole>,
    /// Txns at the end that only a minority has: proposals that may never have been committed.
    pub tails: Vec<Uncommitted>,
    /// Txns at the end of an epoch, without which others went on to a later one.
    pub branches: Vec<Uncommitted>,
    /// The last txn that is known to be committed.
    pub committed: Option<Commitment>,
    /// What to restore all from.
    pub best: Option<Best>,
}

impl Report {
    /// The verdict: forks before damage before differences.
    pub fn verdict(&self) -> Verdict {
        let mut faults = self.members.iter().flat_map(|member| &member.faults);
        let is_unrelated = |member: &Member| !member.is_related;
        if !self.forks.is_empty() {
            Verdict::Forked
        } else if faults.clone().any(|fault| fault.is_damage) {
            Verdict::Damaged
        } else if faults.next().is_some()
            || self.members.iter().any(is_unrelated)
            || !(self.holes.is_empty() && self.tails.is_empty() && self.branches.is_empty())
        {
            Verdict::Differs
        } else {
            Verdict::Same
        }
    }
}

/// A member, read.
struct Read<'a> {
    history: History<'a>,
    bases: Vec<Base>,
    faults: Vec<FileFault>,
}

/// Compares `sources`, two or more.
///
/// # Errors
/// [`ErrorKind::BadArgument`] when there are fewer, or one is given twice;
/// [`ErrorKind::SourceChanged`] when files vanish or are cut meanwhile; failures to read. Damage is
/// in the report.
pub fn compare(sources: &[Source], options: &Options, progress: &dyn Progress) -> Result<Report> {
    if sources.len() < 2 {
        let message = "fewer than two sources: nothing to compare";
        return Err(Error::new(ErrorKind::BadArgument, message));
    }
    refuse_repeated(sources)?;
    let mut read = Vec::new();
    for source in sources {
        read.push(read_member(source, progress)?);
    }
    let members: Vec<&History<'_>> = read.iter().map(|member| &member.history).collect();
    let walked = walk::walk(&members, progress)?;
    Ok(judge::judge(
        &read,
        walked,
        options.voters.unwrap_or(sources.len()),
    ))
}

/// A directory that counts twice would make a majority of itself.
fn refuse_repeated(sources: &[Source]) -> Result<()> {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let mut seen: Vec<PathBuf> = Vec::new();
    for source in sources {
        let is_directory = source.manifest().is_none() && !source.dirs().is_empty();
        let places: Vec<PathBuf> = if is_directory {
            source.dirs().iter().map(|dir| real(dir)).collect()
        } else {
            vec![real(source.shown())]
        };
        if places.iter().any(|place| seen.contains(place)) {
            let message = "is given twice: give each member once";
            return Err(Error::about(
                source.shown(),
                ErrorKind::BadArgument,
                message,
            ));
        }
        seen.extend(places);
    }
    Ok(())
}

fn read_member<'a>(source: &'a Source, progress: &dyn Progress) -> Result<Read<'a>> {
    let mut history = History::read(source, Level::Everything, progress)?;
    let snapshots = check_snapshots(source, progress)?;
    history.add_evidence(&shown_by_snapshots(&snapshots));
    history.settle_ends(progress)?;
    let mut faults = log_faults(&history);
    faults.extend(snapshot_faults(source, &snapshots));
    for fork in history.compare_overlaps(None)? {
        let logs = source.logs();
        let other = logs.get(fork.log).map(|log| log.name());
        faults.push(FileFault {
            file: logs
                .get(fork.other)
                .map_or_else(PathBuf::new, |log| log.shown().into()),
            offset: Some(fork.offset),
            txn: Some(TxnPlace::Of(fork.zxid)),
            message: format!(
                "says something else about {} than {}",
                fork.zxid,
                other.unwrap_or_default()
            ),
            is_damage: true,
        });
    }
    Ok(Read {
        bases: history.sound_bases(&snapshots)?,
        history,
        faults,
    })
}

fn log_faults(history: &History<'_>) -> Vec<FileFault> {
    let (source, timeline) = (history.source, &history.timeline);
    let newest = source.logs().len().saturating_sub(1);
    let mut faults = Vec::new();
    for log in &timeline.logs {
        let Some(file) = source.logs().get(log.log) else {
            continue;
        };
        match &log.summary {
            Err(error) => {
                let is_crash =
                    log.log == newest && error.fault().is_some_and(|fault| fault.is_cut_header());
                faults.push(FileFault {
                    is_damage: !is_crash,
                    ..of_error(file.shown(), error)
                });
            }
            Ok(summary) => faults.extend(summary.faults.iter().map(|fault| FileFault {
                file: file.shown().into(),
                offset: Some(fault.offset),
                txn: fault.txn,
                message: fault.fault.to_string(),
                is_damage: true,
            })),
        }
    }
    faults
}

fn snapshot_faults<'a>(
    source: &'a Source,
    snapshots: &'a [SnapshotVerdict],
) -> impl Iterator<Item = FileFault> + 'a {
    let files = source.snapshots().iter().zip(snapshots);
    files.filter_map(|(file, verdict)| {
        let error = verdict.as_ref().err()?;
        Some(FileFault {
            is_damage: !error.fault().is_some_and(|fault| fault.is_cut()),
            ..of_error(file.shown(), error)
        })
    })
}

fn of_error(file: &Path, error: &Error) -> FileFault {
    FileFault {
        file: file.into(),
        offset: error.offset(),
        txn: error.txn(),
        message: error.what(),
        is_damage: true,
    }
}
