//! Where history is read from: a data directory, a single log or snapshot, an archive, or a
//! repository. Opened for reading only.
//!
//! A live directory changes while it is read: its server appends, rolls, purges, and a follower may
//! be told to truncate. Files that were opened stay readable when they are purged, so a plan opens
//! what it needs; a file that vanished before, or shrank, is [`ErrorKind::SourceChanged`], and the
//! caller begins anew.
//!
//! A file that is there and cannot be read, or not to its end, is damage of that file and of
//! nothing else ([`crate::error::Unread`]): whoever can do without goes on. Only a directory that
//! cannot be listed, or of which nothing may be read, ends all.

mod beside;
mod dated;
mod dirs;
mod file;
mod loose;
mod named;
mod other;
mod packed;
mod single;
mod stored;

pub use beside::EpochFile;
pub use dated::Dated;
pub use file::SourceFile;

use crate::archive::{self, Content, Manifest};
use crate::durable::{self, ScratchDir};
use crate::error::{Error, ErrorKind, Hint, Result};
use crate::format::datadir::{self, FileName, VERSION_DIR, ZXID_LAYOUT};
use crate::format::snapshot::SnapshotReader;
use crate::format::snapshot::codec::Codec;
use crate::format::stream::{RegularFile, Span};
use crate::format::txnlog::LogReader;
use crate::format::zoo_cfg::ZooCfg;
use crate::history::receipt::Receipt;
use crate::repository::{Repository, StoredEvidence, Which};
use file::{Place, listed_file};
use single::{Single, free_snapshot_in};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use stored::{BackedUp, which_of};

/// A log that was written to within this time may be being written to now.
const LIVE_WITHIN: Duration = Duration::from_secs(120);

/// How to open a source.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The dataLogDir, where it is not the dataDir.
    pub data_log_dir: Option<PathBuf>,
    /// Where an archive is unpacked for as long as it is read; `/tmp` if not said.
    pub scratch_dir: Option<PathBuf>,
}

/// How often work begins anew because a live directory changed under it.
const TRIES: u32 = 5;

/// One history, in files.
#[derive(Debug)]
pub struct Source {
    shown: PathBuf,
    dirs: Vec<PathBuf>,
    logs: Vec<SourceFile>,
    snapshots: Vec<SourceFile>,
    accepted_epoch: EpochFile,
    current_epoch: EpochFile,
    half_written_epoch: EpochFile,
    member: Option<u64>,
    data_dir: Option<PathBuf>,
    zoo_cfg: Option<(PathBuf, ZooCfg)>,
    odd_files: Vec<(PathBuf, FileName)>,
    misplaced: Vec<PathBuf>,
    unread: Vec<Error>,
    manifest: Option<Manifest>,
    receipt: Option<Receipt>,
    /// What a repository's manifests tell, where this is one.
    backed_up: Option<BackedUp>,
    /// Whether its files are members of somebody's tar or zip.
    is_in_archive: bool,
    /// What was taken as what, where that is not told by the names in a directory.
    remarks: Vec<String>,
    /// What the operator has to know of how it was opened.
    warnings: Vec<String>,
    /// What an archive or a repository is unpacked into; removed with the source.
    _unpacked: Option<Arc<ScratchDir>>,
}

impl Source {
    /// Opens what is at `path`.
    ///
    /// # Errors
    /// When nothing is there, or nothing that ZooKeeper or this program wrote.
    pub fn open(path: &Path, options: &Options) -> Result<Source> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(err) => match which_of(path) {
                Some((dir, which)) => {
                    let repository = Repository::open_local(&dir)?;
                    return Source::open_repository(&repository, &which, options);
                }
                None => {
                    if let Some((archive, inside)) = packed::place_of(path) {
                        return Source::open_inside(path, &archive, &inside, options);
                    }
                    return Err(Error::io(path, "read", err).or_hint(|| {
                        "give a dataDir, its version-2 folder, a zoo.cfg, a log or snapshot, an archive, or a repository"
                    }));
                }
            },
        };
        if metadata.is_dir() && Repository::is_at(path) {
            let repository = Repository::open_local(path)?;
            return Source::open_repository(&repository, &Which::Newest, options);
        }
        if metadata.is_dir() {
            let log_dir = options.data_log_dir.as_deref();
            return Source::open_dirs(path, path, log_dir, options);
        }
        if !metadata.is_file() {
            return Err(Error::about(
                path,
                ErrorKind::Failed,
                "is neither a file nor a directory",
            ));
        }
        match Source::open_single(path, options)? {
            Single::Source(source) => Ok(*source),
            Single::Archive(file, content) => {
                if let Content::Tar(packing) = content
                    && archive::may_be_own(path, packing)
                    && let Some(source) = Source::open_export(path, packing, options)?
                {
                    return Ok(source);
                }
                Source::open_packed(path, path, (&file, content), None, options)
            }
            Single::Foreign => Source::open_zoo_cfg(path, options),
        }
    }

    /// Whether `path` is that of a source, for all that names tell: of something that is there, or
    /// of a part of a repository, `REPOSITORY@PART`, or of an archive, `ARCHIVE:PATH`.
    pub fn is_at(path: &Path) -> bool {
        path.exists() || which_of(path).is_some() || packed::place_of(path).is_some()
    }

    /// Opens what is at `path` and does `work` with it; anew when a live directory changed in a way
    /// that `work` cannot bear.
    ///
    /// # Errors
    /// Those of opening and of `work`.
    pub fn with<T>(
        path: &Path,
        options: &Options,
        mut work: impl FnMut(&Source) -> Result<T>,
    ) -> Result<T> {
        Source::with_all(&[(path, options)], |sources| {
            sources.first().map_or_else(
                || Err(Error::new(ErrorKind::Failed, "no source was opened")),
                &mut work,
            )
        })
    }

    /// As [`Source::with`], with several sources at once.
    ///
    /// # Errors
    /// Those of opening and of `work`.
    pub fn with_all<T>(
        places: &[(&Path, &Options)],
        mut work: impl FnMut(&[Source]) -> Result<T>,
    ) -> Result<T> {
        let mut tries = 1;
        loop {
            let opened: Result<Vec<Source>> = places
                .iter()
                .map(|(path, options)| Source::open(path, options))
                .collect();
            match opened.and_then(|sources| work(&sources)) {
                Err(error) if error.kind() == ErrorKind::SourceChanged && tries < TRIES => {
                    tries += 1
                }
                done => return done,
            }
        }
    }

    fn open_dirs(
        dir: &Path,
        shown: &Path,
        log_dir: Option<&Path>,
        options: &Options,
    ) -> Result<Source> {
        let mut source = Source::new(dir);
        let snap_dir = datadir::version_dir(dir);
        let log_dir = log_dir.map_or_else(|| snap_dir.clone(), datadir::version_dir);
        refuse_other_layout(&[dir, &snap_dir, &log_dir])?;
        source.list(&snap_dir, shown, dir, &snap_dir, &log_dir)?;
        if is_same_dir(&snap_dir, &log_dir) {
            // A live server makes a log before the snapshot that follows it: with logs listed last,
            // none is missed.
            let mut again = Source::new(dir);
            again.list(&snap_dir, shown, dir, &snap_dir, &log_dir)?;
            source.logs = again.logs;
        } else {
            source.list(&log_dir, &log_dir, &log_dir, &snap_dir, &log_dir)?;
        }
        source.take_loose(options)?;
        if source.logs.is_empty() && source.snapshots.is_empty() {
            if let Some(error) = other::refusal_of_dir(dir) {
                return Err(error);
            }
            let message = "contains no ZooKeeper logs or snapshots (log.HEX, snapshot.HEX), and neither does a version-2 folder in it";
            let hint = match free_snapshot_in(&snap_dir) {
                Some(file) => Hint::from(format!(
                    "{file} is a snapshot under another name: give that file itself"
                )),
                None => beside::parts_below(dir).unwrap_or_else(|| {
                    Hint::plain("give the dataDir from zoo.cfg; if there is a separate dataLogDir, give that too")
                }),
            };
            return Err(Error::about(dir, ErrorKind::Failed, message).hint(hint));
        }
        source.sort();
        let data_dir = if snap_dir == dir {
            dir.parent()
        } else {
            Some(dir)
        };
        source.data_dir = data_dir
            .filter(|dir| dir.join(VERSION_DIR) == snap_dir)
            .map(Path::to_path_buf);
        source.ensure_allowed()?;
        let open = |path: &Path| RegularFile::open(path, path).map(Arc::new);
        source.read_beside(&open, &snap_dir, data_dir);
        Ok(source)
    }

    fn sort(&mut self) {
        let by_zxid = |a: &SourceFile, b: &SourceFile| (a.zxid, &a.shown).cmp(&(b.zxid, &b.shown));
        self.logs.sort_by(by_zxid);
        self.snapshots.sort_by(by_zxid);
    }

    fn new(shown: &Path) -> Source {
        Source {
            shown: shown.into(),
            dirs: Vec::new(),
            logs: Vec::new(),
            snapshots: Vec::new(),
            accepted_epoch: EpochFile::Absent,
            current_epoch: EpochFile::Absent,
            half_written_epoch: EpochFile::Absent,
            member: None,
            data_dir: None,
            zoo_cfg: None,
            odd_files: Vec::new(),
            misplaced: Vec::new(),
            unread: Vec::new(),
            manifest: None,
            receipt: None,
            backed_up: None,
            is_in_archive: false,
            remarks: Vec::new(),
            warnings: Vec::new(),
            _unpacked: None,
        }
    }

    /// Takes in the names in `dir`, which are shown below `shown` instead of `root`.
    fn list(
        &mut self,
        dir: &Path,
        shown: &Path,
        root: &Path,
        snap_dir: &Path,
        log_dir: &Path,
    ) -> Result<()> {
        let entries = fs::read_dir(dir).map_err(|err| {
            // One that may not be read is there: another would not do.
            Error::io(dir, "read", err).or_hint(|| Hint::NameLogDir)
        })?;
        self.dirs.push(dir.into());
        let is_split = !is_same_dir(snap_dir, log_dir);
        for entry in entries {
            let entry = entry.map_err(|err| Error::io(dir, "read", err))?;
            let path = entry.path();
            let below = path.strip_prefix(root).unwrap_or(&path);
            let shown_path = shown.join(below);
            let name = FileName::parse(&entry.file_name().to_string_lossy());
            let file = |zxid, codec| listed_file(&path, shown_path.clone(), zxid, codec);
            match name {
                FileName::Log(_) if !loose::versions_in(&path).is_empty() => {
                    let versions = loose::versions_in(&path).into_iter();
                    let shown = versions.map(|version| (version, FileName::Lookalike));
                    self.odd_files.extend(shown);
                }
                FileName::Log(zxid) => {
                    self.logs.extend(file(zxid, Codec::Plain));
                    if is_split && is_same_dir(dir, snap_dir) {
                        self.misplaced.push(shown_path);
                    }
                }
                FileName::Snapshot(zxid, codec) => {
                    self.snapshots.extend(file(zxid, codec));
                    if is_split && is_same_dir(dir, log_dir) {
                        self.misplaced.push(shown_path);
                    }
                }
                FileName::Lookalike | FileName::Leftover => self.odd_files.push((shown_path, name)),
                FileName::Foreign if loose::may_be(&entry.file_name()) => {
                    self.odd_files.push((shown_path, FileName::Lookalike));
                }
                FileName::Epoch | FileName::Foreign => {}
            }
        }
        self.odd_files.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(())
    }

    /// What the user named.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// The folders that are read.
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    /// The dataDir, where the snapshots are in a `version-2` below it, as servers want them. Of an
    /// archive, it is where that was unpacked.
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// The logs, by the zxid in their names.
    pub fn logs(&self) -> &[SourceFile] {
        &self.logs
    }

    /// The snapshots, by the zxid in their names.
    pub fn snapshots(&self) -> &[SourceFile] {
        &self.snapshots
    }

    /// `acceptedEpoch`.
    pub fn accepted_epoch(&self) -> &EpochFile {
        &self.accepted_epoch
    }

    /// `currentEpoch`.
    pub fn current_epoch(&self) -> &EpochFile {
        &self.current_epoch
    }

    /// `currentEpoch.tmp`, which some releases take up where `currentEpoch` is behind.
    pub fn half_written_epoch(&self) -> &EpochFile {
        &self.half_written_epoch
    }

    /// Files that are not read here, though servers may stumble over them.
    pub fn odd_files(&self) -> &[(PathBuf, FileName)] {
        &self.odd_files
    }

    /// Logs in the snapshots' directory and the other way round, where the two differ: no server
    /// starts on that.
    pub fn misplaced(&self) -> &[PathBuf] {
        &self.misplaced
    }

    /// Files beside logs and snapshots that are there and cannot be read: `myid`, the epoch files,
    /// the receipt of a restore. What is wrong with an archive, or with files that somebody
    /// compressed, as far as they were read.
    pub fn unread(&self) -> Vec<Error> {
        let files = self.logs.iter().chain(&self.snapshots);
        let packed = files.filter_map(SourceFile::packing_damage);
        self.unread.iter().cloned().chain(packed).collect()
    }

    /// Refuses a source of which nothing at all may be read: that is no damage of it.
    fn ensure_allowed(&self) -> Result<()> {
        let is_denied = |file: &SourceFile| {
            let error = file.unopened();
            error.is_some_and(|error| error.is_denied())
        };
        match self.logs.iter().chain(&self.snapshots).all(is_denied) {
            true => {
                let message = "none of its logs and snapshots can be read";
                Err(Error::about(&self.shown, ErrorKind::Failed, message).hint(Hint::RunAsOwner))
            }
            false => Ok(()),
        }
    }

    /// Refuses to write below the folders that are read: a server may take what appears there for
    /// its own.
    ///
    /// # Errors
    /// [`ErrorKind::BadArgument`] when `target` lies in one of them.
    pub fn ensure_outside(&self, target: &Path) -> Result<()> {
        let target = durable::resolved(target);
        let root = self.backed_up.iter().filter_map(|told| told.root.as_ref());
        let mut kept = self.dirs.iter().chain(root);
        if kept.any(|dir| target.starts_with(durable::resolved(dir))) {
            let message = "is inside the source, which is only read";
            return Err(Error::about(&target, ErrorKind::BadArgument, message)
                .hint("choose a location outside it"));
        }
        Ok(())
    }

    /// What the archive says of itself, if this is one.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// Whether this is a repository, or a part of one.
    pub fn is_repository(&self) -> bool {
        self.backed_up.is_some()
    }

    /// What the operator has to know of how it was opened.
    pub fn warnings(&self) -> Vec<String> {
        let unread = self.unread();
        // What is beside logs and snapshots is of no matter here.
        let damage = unread.iter().filter(|error| error.fault().is_none());
        let damage = damage.map(Error::to_string);
        self.warnings.iter().cloned().chain(damage).collect()
    }

    /// What was taken as what, where the names in a directory do not tell, what of an archive was
    /// left out, and what is unusual about a file that somebody compressed, as far as it was read.
    pub fn remarks(&self) -> Vec<String> {
        let files = self.logs.iter().chain(&self.snapshots);
        let packed = files.filter_map(SourceFile::packing_remark);
        self.remarks.iter().cloned().chain(packed).collect()
    }

    /// Whether this is what a server could have in its directories, wherever that lies now.
    pub fn is_data_dir(&self) -> bool {
        !self.dirs.is_empty() || self.is_in_archive
    }

    /// Whether this is in an archive, or is one file that somebody compressed: it does not grow.
    pub fn is_packed(&self) -> bool {
        let mut files = self.logs.iter().chain(&self.snapshots);
        self.manifest.is_some()
            || self.is_in_archive
            || self.dirs.is_empty()
                && files.any(|file| matches!(file.place, Place::Held(_) | Place::Packed(_)))
    }

    /// What a repository noted of the ends of epochs.
    pub fn stored_evidence(&self) -> Option<&StoredEvidence> {
        self.backed_up.as_ref().map(|told| &told.evidence)
    }

    /// The member's number, where `myid` tells.
    pub fn member(&self) -> Option<u64> {
        self.member
    }

    /// What a restore left beside what it wrote.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }

    /// Whether `snapshot` is, byte for byte, what a restore wrote: then it is exact.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_as_restored(&self, snapshot: &SourceFile) -> Result<bool> {
        match &self.receipt {
            None => Ok(false),
            Some(receipt) => receipt.is_of(
                &snapshot.name(),
                &snapshot.shown,
                Span::new(snapshot.open()?, 0),
            ),
        }
    }

    /// Whether this is a directory, which a server may be writing to.
    pub fn is_directory(&self) -> bool {
        self.manifest.is_none() && !self.dirs.is_empty()
    }

    /// Opens a log and reads its header.
    ///
    /// # Errors
    /// Damage of the header; [`ErrorKind::SourceChanged`] when it is gone; failures to read.
    pub fn open_log(&self, log: &SourceFile) -> Result<LogReader<Arc<RegularFile>>> {
        let is_newest = self.logs.last().is_some_and(|last| last.shown == log.shown);
        let reader = LogReader::new(&log.shown, log.open()?)?;
        Ok(reader.live(is_newest && self.is_live()))
    }

    /// Whether a server may be writing to it now: its newest log was written to a moment ago.
    pub fn is_live(&self) -> bool {
        let modified = self.logs.iter().rev().find_map(|log| log.modified);
        let is_recent = modified
            .and_then(|at| at.elapsed().ok())
            .is_none_or(|age| age < LIVE_WITHIN);
        self.is_directory() && is_recent
    }

    /// Opens a snapshot and reads what stands before its znodes.
    ///
    /// # Errors
    /// Damage; [`ErrorKind::SourceChanged`] when it is gone; failures to read.
    pub fn open_snapshot(
        &self,
        snapshot: &SourceFile,
    ) -> Result<SnapshotReader<Box<dyn Read + Send>>> {
        let file = Span::new(snapshot.open()?, 0);
        SnapshotReader::new(&snapshot.shown, snapshot.codec, snapshot.codec.reader(file))
    }

    /// The highest epoch that anything but the logs' contents tells of: names, epoch files, the
    /// archive's manifest.
    pub fn max_epoch(&self) -> u32 {
        let names = self
            .logs
            .iter()
            .chain(&self.snapshots)
            .map(SourceFile::max_epoch);
        let files = [&self.accepted_epoch, &self.current_epoch]
            .into_iter()
            .filter_map(|file| match file {
                EpochFile::Epoch(epoch) => u32::try_from(*epoch).ok(),
                EpochFile::Absent
                | EpochFile::Empty
                | EpochFile::Unparsable(_)
                | EpochFile::Unread => None,
            });
        names
            .chain(files)
            .chain(self.manifest.as_ref().map(|manifest| manifest.max_epoch))
            .chain(self.backed_up.as_ref().map(|told| told.max_epoch))
            .max()
            .unwrap_or(0)
    }
}

/// Refuses what was written with zxids of another layout: every epoch and counter in it would be
/// read wrongly.
fn refuse_other_layout(dirs: &[&Path]) -> Result<()> {
    let marks = dirs.iter().map(|dir| dir.join(ZXID_LAYOUT));
    let Some(mark) = marks
        .into_iter()
        .find(|mark| mark.symlink_metadata().is_ok())
    else {
        return Ok(());
    };
    Err(refusal_of_layout(&mark))
}

fn refusal_of_layout(mark: &Path) -> Error {
    let message = "says that zxids here have a different layout, with more bits for the counter: they would be misread, so nothing is read";
    Error::about(mark, ErrorKind::Failed, message)
        .hint("no release of ZooKeeper writes this file; use the tools of the build that did")
}

fn is_same_dir(a: &Path, b: &Path) -> bool {
    a == b
        || fs::canonicalize(a)
            .ok()
            .is_some_and(|a| fs::canonicalize(b).is_ok_and(|b| a == b))
}

/// A place for what is decompressed.
fn scratch(options: &Options) -> Result<ScratchDir> {
    ScratchDir::new(options.scratch_dir())
}

impl Options {
    fn scratch_dir(&self) -> &Path {
        self.scratch_dir.as_deref().unwrap_or(Path::new("/tmp"))
    }
}
