//! A whole load (`FileTxnSnapLog.restore`, `fastForwardFromEdits`), and what comes behind it at a
//! start (`ZooKeeperServer.loadData`, `QuorumPeer.loadDataBase`).

use super::apply::Refused;
use super::cohort::Cohort;
use super::files::{self, ServerFile};
use super::log::ServerLogs;
use super::placement::Misplaced;
use super::record::Record;
use super::rules::{LogsAlone, Rules};
use super::snapshot::{self, Promised};
use super::thrown::Thrown;
use super::tree::ServerTree;
use crate::error::{Error, ErrorKind, Result};
use crate::format::datadir::{ACCEPTED_EPOCH, CURRENT_EPOCH};
use crate::format::record::txn::DIGEST_VERSION;
use crate::history::source::{EpochFile, Source};
use crate::progress::Progress;
use crate::zxid::Zxid;
use std::path::Path;
use std::rc::Rc;

/// How many places are told where a server stepped over something in silence.
const TOLD_MAX: usize = 100;

/// Why a server does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was thrown.
    pub thrown: Thrown,
    /// By which file, where it was one.
    pub file: Option<String>,
    /// Where in it.
    pub offset: Option<u64>,
    /// Behind which txn.
    pub behind: Option<Zxid>,
}

impl Refusal {
    fn new(thrown: Thrown) -> Refusal {
        Refusal {
            thrown,
            file: None,
            offset: None,
            behind: None,
        }
    }

    /// What the server prints, with the frames of the stack trace that tell one cause from another.
    pub fn lines(&self) -> Vec<String> {
        let frame = match (&self.thrown, self.offset) {
            (Thrown::Eof, Some(_)) => {
                Some("persistence.FileTxnLog$FileTxnIterator.inStreamCreated(FileTxnLog.java)")
            }
            (Thrown::Unchecked(class, _), Some(_)) if class.ends_with("NullPointerException") => {
                Some("persistence.Util.readTxnBytes(Util.java)")
            }
            _ => None,
        };
        let frame = frame.map(|frame| format!("\tat org.apache.zookeeper.server.{frame}"));
        [self.thrown.line()].into_iter().chain(frame).collect()
    }
}

/// A line that a server prints while it loads, though it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The file that it is about.
    pub file: String,
    /// The line.
    pub line: String,
}

/// A tree that a server loaded.
#[derive(Debug)]
pub struct Loaded {
    /// The tree, as every member has it after loading.
    pub tree: ServerTree,
    /// How many txns were replayed.
    pub txns: u64,
    /// Where txns behind a hole were replayed as if there were none: the last before it and the
    /// first behind it.
    pub holes: Vec<(Zxid, Zxid)>,
    /// How many changes behind a hole found no znode to change, or one where there should be none,
    /// and the first txn of them: what that hole took away. Without one it is normal, while txns
    /// are applied again that a fuzzy snapshot has.
    pub swallowed: (u64, Option<Zxid>),
    /// How many digests differed, and at which txn first ("Digests are not matching").
    pub digest_mismatches: (u64, Option<Zxid>),
    /// The zxid at which the snapshot was finished, where the txns up to it did not come: the tree
    /// may hold parts of txns that are missing.
    pub awaited: Option<Zxid>,
}

impl Loaded {
    /// The zxid that the server goes on from.
    pub fn zxid(&self) -> Zxid {
        self.tree.last_zxid()
    }

    /// What a standalone server or a leader does before it serves, and followers do not: it ends
    /// the sessions that own ephemerals and that nothing tells of.
    ///
    /// # Errors
    /// What ends the start.
    pub fn serve(&mut self) -> std::result::Result<(), Refusal> {
        let last = self.zxid();
        for session in self.tree.dead_sessions() {
            self.tree
                .kill_session(session, None, last)
                .map_err(Refusal::new)?;
        }
        Ok(())
    }
}

/// What came of a load.
#[derive(Debug)]
pub struct Load {
    /// The snapshot that was loaded.
    pub base: Option<String>,
    /// The logs that are read behind it, in order.
    pub logs: Vec<String>,
    /// What the server prints of what it steps over.
    pub said: Vec<Said>,
    /// The tree, or why there is none.
    pub end: std::result::Result<Loaded, Refusal>,
    /// Whether a member of an ensemble goes on from there, by its epoch files.
    pub member: std::result::Result<(), Refusal>,
}

/// Loads the directories of `source`.
///
/// # Errors
/// [`ErrorKind::BadArgument`] when it is a single file; failures to read. What a server would not
/// read is in the result.
pub fn load(source: &Source, rules: &Rules, progress: &dyn Progress) -> Result<Load> {
    let cohort = Cohort::new(rules.clone(), Vec::new());
    load_together(source, &Rc::new(cohort), progress)
}

/// Loads the directories of `source` as the leader of these servers does, and all that do not part
/// from it.
///
/// # Errors
/// As [`load()`].
pub(super) fn load_together(
    source: &Source,
    cohort: &Rc<Cohort>,
    progress: &dyn Progress,
) -> Result<Load> {
    let (Some(snap_dir), Some(log_dir)) = (source.dirs().first(), source.dirs().last()) else {
        let message = "is one file, and a server starts on a directory";
        return Err(Error::about(
            source.shown(),
            ErrorKind::BadArgument,
            message,
        ));
    };
    progress.start(&format!("loading as {} does", cohort.leader().name()), None);
    let mut loader = Loader {
        cohort,
        base: None,
        logs: Vec::new(),
        said: Vec::new(),
    };
    let end = match misplaced(snap_dir, log_dir, cohort)? {
        Some(refusal) => Err(refusal),
        None => loader.restore(snap_dir, log_dir, progress)?,
    };
    let member = match &end {
        Ok(loaded) => member(source, cohort, loaded.zxid())?,
        Err(refusal) => Err(refusal.clone()),
    };
    Ok(Load {
        base: loader.base,
        logs: loader.logs,
        said: loader.said,
        end,
        member,
    })
}

/// Logs among snapshots, or the other way round, where each has a directory (`FileTxnSnapLog`).
fn misplaced(snap_dir: &Path, log_dir: &Path, cohort: &Cohort) -> Result<Option<Refusal>> {
    if snap_dir == log_dir {
        return Ok(None);
    }
    let found = Misplaced::find(snap_dir, log_dir)?;
    let refused = found.filter(|_| cohort.ask(Rules::checks_placement));
    Ok(refused.map(|misplaced| Refusal::new(misplaced.thrown())))
}

type End = std::result::Result<Loaded, Refusal>;

struct Loader<'a> {
    cohort: &'a Rc<Cohort>,
    base: Option<String>,
    logs: Vec<String>,
    said: Vec<Said>,
}

impl Loader<'_> {
    fn restore(&mut self, snap_dir: &Path, log_dir: &Path, progress: &dyn Progress) -> Result<End> {
        let mut tree = ServerTree::new(Rc::clone(self.cohort));
        let tried = files::snapshots(snap_dir, self.cohort)?;
        let mut promised = None;
        if tried.is_empty() {
            self.cohort.ask(ServerTree::config_node);
            let logs = files::logs(log_dir, 0, self.cohort)?;
            let found = "No snapshot found, but there are log entries.";
            let ask = || self.cohort.ask(Rules::with_logs_alone);
            match (!logs.is_empty()).then(ask) {
                None | Some(LogsAlone::Replay) => {}
                Some(LogsAlone::Refuse) => {
                    let message = format!("{found} Something is broken!");
                    return Ok(Err(Refusal::new(Thrown::io(message))));
                }
                Some(LogsAlone::Drop) => {
                    self.warn_of_trust(found);
                    return Ok(Ok(Replay::new(tree, None).loaded));
                }
                Some(LogsAlone::ReplayTrusting) => self.warn_of_trust(found),
            }
        } else {
            match self.load_snapshot(&mut tree, &tried)? {
                Ok(Some(digest)) => promised = digest,
                Ok(None) => {
                    let message =
                        format!("Not able to find valid snapshots in {}", snap_dir.display());
                    return Ok(Err(Refusal::new(Thrown::io(message))));
                }
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        let files = files::logs(log_dir, tree.last_zxid.to_i64() + 1, self.cohort)?;
        self.logs = files.iter().map(|file| file.name.clone()).collect();
        let mut logs = ServerLogs::new(files, self.cohort);
        let mut replay = Replay::new(tree, promised);
        let ended = replay.run(&mut logs, progress)?;
        for (file, line) in logs.said.drain(..) {
            self.said.push(Said { file, line });
        }
        if let Err(refusal) = ended {
            return Ok(Err(refusal));
        }
        if let Some((zxid, _)) = replay.promised
            && self.cohort.ask(Rules::reads_digests)
        {
            replay.loaded.awaited = Some(zxid);
            self.said.push(Said {
                file: self.base.clone().unwrap_or_default(),
                line: format!(
                    "Highest txn zxid 0x{:x} is not covering the snapshot digest zxid 0x{:x}, which might lead to inconsistent state",
                    replay.highest.to_i64(),
                    zxid.to_i64()
                ),
            });
        }
        Ok(Ok(replay.loaded))
    }

    fn warn_of_trust(&mut self, found: &str) {
        let line = format!("{found} This should only be allowed during upgrading.");
        let file = String::new();
        self.said.push(Said { file, line });
    }

    /// Tries one snapshot after the other; the inner `None` when none can be loaded.
    fn load_snapshot(
        &mut self,
        tree: &mut ServerTree,
        tried: &[ServerFile],
    ) -> Result<std::result::Result<Option<Promised>, Refusal>> {
        for file in tried {
            let reader = file.reader()?;
            let loaded = reader.and_then(|reader| snapshot::load(file, tree, reader));
            let thrown = match loaded {
                Ok(promised) => {
                    tree.last_zxid = Zxid::from_i64(file.zxid);
                    self.base = Some(file.name.clone());
                    return Ok(Ok(Some(promised)));
                }
                Err(thrown) => unread(thrown, file)?,
            };
            if matches!(thrown, Thrown::Unchecked(..)) {
                return Ok(Err(Refusal {
                    file: Some(file.name.clone()),
                    ..Refusal::new(thrown)
                }));
            }
            self.said.push(Said {
                file: file.name.clone(),
                line: format!("problem reading snap file {}: {}", file.name, thrown.line()),
            });
        }
        Ok(Ok(None))
    }
}

/// A failure of this program's own to read is an error; what a server threw is not.
fn unread(thrown: Thrown, file: &ServerFile) -> Result<Thrown> {
    match thrown {
        Thrown::Unread(kind, message) => Err(Error::io(
            Path::new(&file.name),
            "read",
            std::io::Error::new(kind, message),
        )),
        thrown => Ok(thrown),
    }
}

/// The replay of the logs.
struct Replay {
    loaded: Loaded,
    promised: Promised,
    highest: Zxid,
    /// The highest zxid among the txns replayed (`ZKDatabase.maxCommittedLog`).
    committed: Option<Zxid>,
}

impl Replay {
    fn new(tree: ServerTree, promised: Promised) -> Replay {
        let mut replay = Replay {
            highest: tree.last_zxid,
            loaded: Loaded {
                tree,
                txns: 0,
                holes: Vec::new(),
                swallowed: (0, None),
                digest_mismatches: (0, None),
                awaited: None,
            },
            promised,
            committed: None,
        };
        replay.compare_promised(replay.highest);
        replay
    }

    /// Replays everything from the first record on that the tree does not have by its zxid. From
    /// there, every record is applied.
    fn run(
        &mut self,
        logs: &mut ServerLogs<'_>,
        progress: &dyn Progress,
    ) -> Result<std::result::Result<(), Refusal>> {
        let start = self.highest.next();
        let mut has_begun = false;
        loop {
            let record = match logs.next()? {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(Ok(())),
                Err(Thrown::Unread(kind, message)) => {
                    let place = logs.place().map_or("", |(file, _)| file).to_owned();
                    let err = std::io::Error::new(kind, message);
                    return Err(Error::io(Path::new(&place), "read", err));
                }
                Err(thrown) => return Ok(Err(self.refusal(thrown, logs))),
            };
            has_begun |= record.header.zxid >= start;
            if !has_begun {
                continue;
            }
            self.note_hole(record.header.zxid);
            if let Err(thrown) = self.replay(&record) {
                return Ok(Err(self.refusal(thrown, logs)));
            }
            progress.advance(1);
        }
    }

    fn refusal(&self, thrown: Thrown, logs: &ServerLogs<'_>) -> Refusal {
        Refusal {
            file: logs.place().map(|(file, _)| file.to_owned()),
            offset: logs.place().map(|(_, offset)| offset),
            behind: Some(self.loaded.tree.last_zxid),
            thrown,
        }
    }

    fn note_hole(&mut self, zxid: Zxid) {
        let last = self.loaded.tree.last_zxid;
        // A snapshot of a new epoch has counter 0, and counter 1 follows.
        if zxid > last && !last.is_followed_by(zxid) && self.loaded.holes.len() < TOLD_MAX {
            self.loaded.holes.push((last, zxid));
        }
    }

    fn replay(&mut self, record: &Record) -> super::thrown::Result<()> {
        let zxid = record.header.zxid;
        if zxid >= self.highest || self.highest == Zxid::ZERO {
            self.highest = zxid;
        }
        let applied = self.loaded.tree.apply(record)?;
        let is_behind_hole = !self.loaded.holes.is_empty();
        if let (Err(Refused::NoNode | Refused::NodeExists), true) = (applied, is_behind_hole) {
            self.loaded.swallowed.0 += 1;
            self.loaded.swallowed.1.get_or_insert(zxid);
        }
        self.loaded.txns += 1;
        if self.promised.is_some() {
            self.compare_promised(zxid);
        }
        self.compare_logged(record);
        self.ensure_no_gap(zxid)
    }

    /// Compares the digest that the snapshot promised, at its own zxid
    /// (`DataTree.compareSnapshotDigests`).
    fn compare_promised(&mut self, zxid: Zxid) {
        let Some((at, digest)) = self.promised.filter(|(at, _)| *at == zxid) else {
            return;
        };
        self.promised = None;
        if digest.version == DIGEST_VERSION && self.loaded.tree.digest() != Some(digest.tree_digest)
        {
            self.mismatch(at);
        }
    }

    /// Compares the digest that the leader logged, unless one of the snapshot's is still awaited
    /// (`DataTree.compareDigest`).
    fn compare_logged(&mut self, record: &Record) {
        let digest = record
            .digest
            .filter(|digest| digest.version == DIGEST_VERSION);
        let (Some(digest), None) = (digest, self.promised) else {
            return;
        };
        if self.loaded.tree.digest() != Some(digest.tree_digest) {
            self.mismatch(record.header.zxid);
        }
    }

    fn mismatch(&mut self, zxid: Zxid) {
        if !self.loaded.tree.cohort.ask(Rules::reads_digests) {
            return;
        }
        self.loaded.digest_mismatches.0 += 1;
        self.loaded.digest_mismatches.1.get_or_insert(zxid);
    }

    /// What is replayed is kept for followers too, and that wants an unbroken row
    /// (`ZKDatabase.addCommittedProposal`).
    fn ensure_no_gap(&mut self, zxid: Zxid) -> super::thrown::Result<()> {
        let Some(last) = self.committed else {
            self.committed = Some(zxid);
            return Ok(());
        };
        if zxid <= last {
            return Ok(());
        }
        let is_gap = zxid != last.next() && zxid.epoch() <= last.epoch();
        if is_gap && self.loaded.tree.cohort.ask(Rules::refuses_gaps) {
            let message = format!(
                "Committed proposal cached out of order: {zxid} is not the next proposal of {last}"
            );
            return Err(Thrown::Unchecked(
                "java.lang.IllegalStateException",
                message,
            ));
        }
        self.committed = Some(zxid);
        Ok(())
    }
}

/// The epoch files of a member against the last zxid.
fn member(
    source: &Source,
    cohort: &Cohort,
    last: Zxid,
) -> Result<std::result::Result<(), Refusal>> {
    let dir = source.dirs().first().cloned().unwrap_or_default();
    let current = epoch(source, source.current_epoch(), &dir.join(CURRENT_EPOCH))?;
    let accepted = epoch(source, source.accepted_epoch(), &dir.join(ACCEPTED_EPOCH));
    let half_written = || {
        let path = dir.join(format!("{CURRENT_EPOCH}.tmp"));
        epoch(source, source.half_written_epoch(), &path)
    };
    let of_last = last.to_i64() >> 32;
    let mut current = match current {
        Ok(current) => current.unwrap_or(of_last),
        Err(refusal) => return Ok(Err(refusal)),
    };
    if of_last > current {
        let leftovers = source.odd_files();
        let is_updating = leftovers
            .iter()
            .any(|(path, _)| path.ends_with("updatingEpoch"));
        let half_written = match cohort.ask(Rules::reads_half_written_epoch) {
            true => half_written()?,
            false => Ok(None),
        };
        match half_written {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(Some(epoch)) => current = epoch,
            Ok(None) if is_updating && cohort.ask(Rules::reads_updating_epoch) => {
                current = of_last;
            }
            Ok(None) => {
                let (epoch, zxid) = (format!("{current:x}"), last.to_i64());
                let message =
                    format!("The current epoch, {epoch}, is older than the last zxid, {zxid}");
                return Ok(Err(Refusal::new(Thrown::io(message))));
            }
        }
    }
    let accepted = match accepted? {
        Ok(accepted) => accepted.unwrap_or(of_last),
        Err(refusal) => return Ok(Err(refusal)),
    };
    if accepted < current {
        let thrown = cohort.ask(|rules| rules.accepted_behind(accepted, current));
        return Ok(Err(Refusal::new(thrown)));
    }
    Ok(Ok(()))
}

/// What a member reads of an epoch file (`QuorumPeer.readLongFromFile`); `None` where it writes a
/// new one.
fn epoch(
    source: &Source,
    file: &EpochFile,
    path: &Path,
) -> Result<std::result::Result<Option<i64>, Refusal>> {
    let found = |line: &str| {
        let message = format!("Found {line} in {}", path.display());
        Ok(Err(Refusal::new(Thrown::io(message))))
    };
    match file {
        EpochFile::Absent => Ok(Ok(None)),
        EpochFile::Epoch(epoch) => Ok(Ok(Some(*epoch))),
        EpochFile::Empty => found("null"),
        EpochFile::Unparsable(line) => found(line),
        // What it cannot open, a server takes for missing. What only this program may not read it
        // may read.
        EpochFile::Unread => {
            let is_it = |error: &Error| error.is_denied() && error.path() == Some(path);
            match source.unread().into_iter().find(is_it) {
                Some(error) => Err(error),
                None => Ok(Ok(None)),
            }
        }
    }
}
