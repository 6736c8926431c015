//! Restore: one clean snapshot of the tree at a point, named so that an ensemble takes it for the
//! newest of histories.
//!
//! No logs are written. Servers of 3.8.4 and later, and 3.9.2 and later, can refuse the fuzzy
//! snapshot and the logs that they wrote themselves (`DataTree.createNode` fetches ACLs by ids that
//! the snapshot's map may lack), and older ones attach wrong ACLs. A snapshot that ends with its
//! first seal is the one shape that every release loads.
//!
//! The file is named with the first zxid of an epoch above all that the source has seen, and
//! `currentEpoch` and `acceptedEpoch` say the same: zxids never repeat, clients that saw more are
//! not refused (`ZooKeeperServer.processConnectRequest`), and a member that was not restored is
//! sent the whole tree (`LearnerHandler.syncFollower`) instead of being taken for one that shares
//! the history.

mod compatibility;
mod write;

use crate::durable::{self, StagedDir, ensure_absent, write_file};
use crate::error::{Error, ErrorKind, Hint, Result};
use crate::format::datadir::{ACCEPTED_EPOCH, CURRENT_EPOCH, MYID, VERSION_DIR, snapshot_name};
use crate::format::release::Release;
use crate::history::point::Point;
use crate::history::receipt::Receipt;
use crate::history::replay::{
    ExactFrom, Proof, Purpose, Rebuilt, Rejected, Replayed, Target, Trust, Wish, rebuild_as,
};
use crate::history::source::{EpochFile, Source};
use crate::progress::Progress;
use crate::tree::DataTree;
use crate::zxid::Zxid;
use std::fs;
use std::path::{Path, PathBuf};

pub use write::write_snapshot;

/// How far above the highest epoch that the source has seen the new one is. Other members may have
/// gone through elections that this source knows nothing of, since the backup was made or while it
/// was cut off; epochs cost nothing.
pub const EPOCH_MARGIN: u32 = 0x1000;
/// `QuorumPeer` keeps an epoch in a long, but a zxid of 0x80000000 and more epochs is negative and
/// its file name does not parse.
const EPOCH_MAX: u32 = 0x7fff_ffff;

/// What becomes of ephemerals and sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ephemerals {
    /// They are kept; the sessions expire, or their clients come back, when the server has started.
    #[default]
    Keep,
    /// They are gone, as if every session had been closed right after the point.
    Drop,
}

/// What to restore.
#[derive(Clone, Debug)]
pub struct What {
    /// To when.
    pub point: Point,
    /// Leave out the txn of the point itself.
    pub exclusive: bool,
    /// What becomes of ephemerals.
    pub ephemerals: Ephemerals,
    /// The release that is to load it.
    pub for_version: Option<Release>,
    /// What is taken where nothing proves it.
    pub trust: Trust,
}

/// Where to, and in which shape.
#[derive(Clone, Debug)]
pub struct Where {
    /// The dataDir to be made; with members, the directory of theirs.
    pub target: PathBuf,
    /// The dataLogDir to be made, where it is to be apart.
    pub data_log_dir: Option<PathBuf>,
    /// The members' numbers; none for one directory without `myid`.
    pub members: Vec<u64>,
    /// Who is to own it: user and group ids.
    pub owner: Option<(Option<u32>, Option<u32>)>,
    /// Name the snapshot with the zxid of the point.
    pub keep_zxid: bool,
    /// The epoch to use instead of one worked out.
    pub epoch: Option<u32>,
}

/// A tree to be restored, and how it came about. Nothing is written yet.
#[derive(Debug)]
pub struct Plan {
    /// What is restored from, as the user named it.
    pub source: String,
    /// The point.
    pub target: Target,
    /// The tree, and what it rests on.
    pub replayed: Replayed,
    /// Bases that were not taken.
    pub rejected: Vec<Rejected>,
    /// The highest epoch that the source has seen.
    pub max_epoch: u32,
    /// Ephemerals in the tree at the point, and sessions.
    pub ephemerals: usize,
    /// How many sessions.
    pub sessions: usize,
    /// What the operator has to know: what the release cannot hold, what is uncertain.
    pub warnings: Vec<String>,
    /// What is good to know.
    pub notes: Vec<String>,
}

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// The snapshot's file name.
    pub name: String,
    /// The epoch in the epoch files.
    pub epoch: u32,
    /// Bytes of the snapshot.
    pub size: u64,
    /// The dataDirs, by member.
    pub data_dirs: Vec<PathBuf>,
    /// The dataLogDirs, by member.
    pub data_log_dirs: Vec<PathBuf>,
}

/// Works out the tree at the point.
///
/// # Errors
/// [`ErrorKind::NotReachable`] and [`ErrorKind::Damage`] as [`rebuild_as`]; also when an ACL is
/// unknown.
pub fn plan(source: &Source, what: &What, progress: &dyn Progress) -> Result<Plan> {
    let wish = Wish {
        purpose: Purpose::Restoring,
        // A server is given the tree of some moment, or none.
        trust: what.trust.min(Trust::Alone),
    };
    let Rebuilt {
        history,
        target,
        mut replayed,
        rejected,
    } = rebuild_as(wish, source, what.point, what.exclusive, progress)?;
    let (ephemerals, sessions) = (replayed.tree.ephemerals(), replayed.tree.sessions().len());
    let mut warnings = uncertainties(&replayed);
    match what.ephemerals {
        Ephemerals::Drop => replayed.tree.drop_sessions(target.zxid),
        Ephemerals::Keep => warnings.extend(uncovered(&replayed.tree)),
    }
    warnings.extend(target.warnings.iter().cloned());
    warnings.extend(epochs_unknown(source));
    let (misfits, mut notes) = compatibility::misfits(&replayed.tree, what.for_version);
    warnings.extend(misfits);
    let damaged = rejected.iter().filter(|other| other.is_damaged);
    notes.extend(damaged.map(|other| format!("{} was rejected: {}", other.name, other.reason)));
    let max_epoch = source
        .max_epoch()
        .max(history.timeline.last().map_or(0, Zxid::epoch));
    Ok(Plan {
        source: source.shown().display().to_string(),
        target,
        replayed,
        rejected,
        max_epoch,
        ephemerals,
        sessions,
        warnings,
        notes,
    })
}

/// Writes what was planned. It appears whole or not at all, synced and read back.
///
/// # Errors
/// [`ErrorKind::TargetExists`]; failures to write. Nothing is left behind then.
pub fn execute(plan: &Plan, place: &Where, progress: &dyn Progress) -> Result<Written> {
    let epoch = new_epoch(plan, place)?;
    if let Some(dir) = &place.data_log_dir {
        ensure_absent(dir)?;
    }
    let staged = StagedDir::new(&place.target)?;
    let staged_logs = place
        .data_log_dir
        .as_deref()
        .map(StagedDir::new)
        .transpose()?;
    let name = snapshot_name(if place.keep_zxid {
        plan.target.zxid
    } else {
        Zxid::new(epoch, 0)
    });
    let mut size = 0;
    for member in members(place) {
        let data_dir = below(staged.path(), member);
        size = write_member(plan, &data_dir, &name, epoch, member, progress)?;
        if let Some(logs) = &staged_logs {
            let version_dir = below(logs.path(), member).join(VERSION_DIR);
            fs::create_dir_all(&version_dir)
                .map_err(|err| Error::io(&version_dir, "create", err))?;
        }
    }
    for root in [
        Some(staged.path()),
        staged_logs.as_ref().map(StagedDir::path),
    ]
    .into_iter()
    .flatten()
    {
        settle(root, place.owner)?;
    }
    if let Some(logs) = staged_logs {
        logs.commit()?;
    }
    staged.commit()?;
    let dirs = |root: &Path| {
        members(place)
            .into_iter()
            .map(|member| below(root, member))
            .collect()
    };
    Ok(Written {
        name,
        epoch,
        size,
        data_dirs: dirs(&place.target),
        data_log_dirs: place.data_log_dir.as_deref().map(dirs).unwrap_or_default(),
    })
}

/// Refuses a place that cannot be written to, before anything is worked out.
///
/// # Errors
/// [`ErrorKind::TargetExists`]; [`ErrorKind::BadArgument`] for a place within another, within the
/// source, or that cannot be replaced.
pub fn ensure_writable(source: &Source, place: &Where) -> Result<()> {
    let places: Vec<&Path> = [Some(&place.target), place.data_log_dir.as_ref()]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    for path in &places {
        durable::ensure_replaceable(path)?;
        source.ensure_outside(path)?;
    }
    if let [target, log_dir] = places.as_slice() {
        let (a, b) = (durable::resolved(target), durable::resolved(log_dir));
        if a.starts_with(&b) || b.starts_with(&a) {
            let message = "and the dataDir must not be inside one another";
            return Err(
                Error::about(log_dir, ErrorKind::BadArgument, message).hint(Hint::OneTargetOrTwo)
            );
        }
    }
    Ok(())
}

/// The epoch of the restored history.
///
/// # Errors
/// When one was asked for that the source has seen, or there is none left.
pub fn new_epoch(plan: &Plan, place: &Where) -> Result<u32> {
    let epoch = place
        .epoch
        .unwrap_or(plan.max_epoch.saturating_add(EPOCH_MARGIN));
    if epoch <= plan.max_epoch || epoch > EPOCH_MAX {
        let message = format!(
            "epoch {epoch} is invalid: must be above {} and at most {EPOCH_MAX}",
            plan.max_epoch
        );
        return Err(Error::new(ErrorKind::BadArgument, message));
    }
    Ok(epoch)
}

fn members(place: &Where) -> Vec<Option<u64>> {
    if place.members.is_empty() {
        vec![None]
    } else {
        place.members.iter().copied().map(Some).collect()
    }
}

fn below(root: &Path, member: Option<u64>) -> PathBuf {
    member.map_or_else(|| root.to_owned(), |member| root.join(member.to_string()))
}

fn write_member(
    plan: &Plan,
    data_dir: &Path,
    name: &str,
    epoch: u32,
    member: Option<u64>,
    progress: &dyn Progress,
) -> Result<u64> {
    let version_dir = data_dir.join(VERSION_DIR);
    fs::create_dir_all(&version_dir).map_err(|err| Error::io(&version_dir, "create", err))?;
    let (size, sha256) =
        write::write_and_read_back(&plan.replayed.tree, &version_dir.join(name), progress)?;
    for file in [CURRENT_EPOCH, ACCEPTED_EPOCH] {
        write_file(&version_dir.join(file), epoch.to_string().as_bytes())?;
    }
    let receipt = Receipt {
        snapshot: name.to_owned(),
        sha256,
        zxid: plan.target.zxid,
        proof: plan.replayed.proof.name().to_owned(),
        source: plan.source.clone(),
    };
    receipt.write(data_dir)?;
    if let Some(member) = member {
        write_file(&data_dir.join(MYID), format!("{member}\n").as_bytes())?;
    }
    Ok(size)
}

/// Gives everything below `root` its owner, and makes every name last.
fn settle(root: &Path, owner: Option<(Option<u32>, Option<u32>)>) -> Result<()> {
    let mut dirs = vec![root.to_owned()];
    let own = |path: &Path| match owner {
        Some((user, group)) => std::os::unix::fs::chown(path, user, group)
            .map_err(|err| Error::io(path, "change the owner", err)),
        None => Ok(()),
    };
    while let Some(dir) = dirs.pop() {
        own(&dir)?;
        for entry in fs::read_dir(&dir).map_err(|err| Error::io(&dir, "read", err))? {
            let path = entry.map_err(|err| Error::io(&dir, "read", err))?.path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                own(&path)?;
            }
        }
        crate::durable::sync_dir(&dir)?;
    }
    Ok(())
}

/// What makes a restore uncertain, in words.
pub fn uncertainties(replayed: &Replayed) -> Vec<String> {
    let mut warnings = Vec::new();
    if replayed.proof == Proof::Proven {
        return warnings;
    }
    if let Some(alone) = &replayed.alone {
        warnings.push(alone.words());
        return warnings;
    }
    if let ExactFrom::Bounded(bound) = replayed.base.exact_from {
        warnings.push(format!(
            "unproven: the snapshot does not record when it was finished; that this was before {bound} is inferred from the next snapshot or the last transaction"
        ));
    }
    if let Some(zxid) = replayed.doubted_by {
        warnings.push(format!(
            "unproven: the snapshot of {zxid} and the transactions around it lead to different trees; cannot determine which is right"
        ));
    }
    if let Some((last, first)) = replayed.joints.first() {
        warnings.push(format!(
            "unproven: {} epochs end on the way, the first with {last}, before {first}; nothing proves that no transaction is missing or was abandoned there",
            replayed.joints.len()
        ));
    }
    if let Some(zxid) = replayed.uncertain_closes.first() {
        warnings.push(format!(
            "unproven: {} sessions (the first at {zxid}) were closed while the snapshot may have been written; the pzxid of the parents of \
             their ephemerals may be too low",
            replayed.uncertain_closes.len()
        ));
    }
    warnings
}

/// An epoch file that cannot be read may name one that nothing else tells of.
fn epochs_unknown(source: &Source) -> Option<String> {
    let files = [
        (CURRENT_EPOCH, source.current_epoch()),
        (ACCEPTED_EPOCH, source.accepted_epoch()),
    ];
    let (name, _) = files
        .into_iter()
        .find(|(_, file)| **file == EpochFile::Unread)?;
    Some(format!(
        "{name} cannot be read, so later epochs than known may have been used: make sure that the new epoch is above those of the other members"
    ))
}

fn uncovered(tree: &DataTree) -> Vec<String> {
    let uncovered = tree.uncovered_ephemerals();
    let nodes: usize = uncovered.iter().map(|(_, count)| count).sum();
    uncovered
        .first()
        .map(|(session, _)| {
            format!(
                "{nodes} ephemerals belong to {} unknown sessions (the first is {session}): a leader deletes them on start but its followers do not; a restore can leave them out",
                uncovered.len()
            )
        })
        .into_iter()
        .collect()
}
