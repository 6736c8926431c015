//! Who may read and write what a server has to, by owners, modes and mounts. The user is taken to
//! be the one who owns most of the files; root may do everything but write to a read-only mount.

use super::access::{Owned, ServerUser, Want, owner_of_most};
use super::myid::is_strict;
use super::paths::{INITIALIZE, log_parent, since_3_6};
use super::{Impact, Remark, Remarks, Role};
use crate::format::datadir::{ACCEPTED_EPOCH, CURRENT_EPOCH, FileName, MYID, snapshot_name};
use crate::history::source::Source;
use crate::server::emulate::{LogsAlone, Rules, Start};
use nix::sys::statvfs::{FsFlags, statvfs};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

const CHOWN: &str = "make the server's user the owner of dataDir and dataLogDir with all below them (`chown -R`), before a start";
const REMOUNT: &str = "mount it writable before a start; if the kernel made it read-only, copy everything to another disk first";

/// A directory that a server lists and writes to.
struct Folder {
    path: PathBuf,
    /// What the server calls it.
    kind: &'static str,
    owned: Owned,
    is_read_only: bool,
    files: BTreeMap<OsString, Owned>,
}

impl Folder {
    fn open(path: &Path, kind: &'static str) -> Option<Folder> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let files = entries.filter_map(|entry| {
            let metadata = fs::metadata(entry.path()).ok()?;
            metadata
                .is_file()
                .then(|| (entry.file_name(), Owned::from(&metadata)))
        });
        Some(Folder {
            owned: Owned::from(&fs::metadata(path).ok()?),
            is_read_only: statvfs(path).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_RDONLY)),
            kind,
            files: files.collect(),
            path: path.to_path_buf(),
        })
    }

    fn get(&self, name: &str) -> Option<Owned> {
        self.files.get(std::ffi::OsStr::new(name)).copied()
    }

    /// The logs and snapshots.
    fn histories(&self) -> impl Iterator<Item = (&OsString, Owned)> {
        let files = self.files.iter().map(|(name, owned)| (name, *owned));
        files.filter(|(name, _)| {
            let name = FileName::parse(&name.to_string_lossy());
            matches!(name, FileName::Log(_) | FileName::Snapshot(..))
        })
    }
}

pub(super) fn look(remarks: &mut Remarks<'_>, source: &Source, starts: &[Start]) {
    let Some(folders) = folders(source) else {
        return;
    };
    for folder in folders.iter().filter(|folder| folder.is_read_only) {
        let unwritable = Unwritable {
            folder,
            found: "its file system is mounted read-only",
            reason: "Read-only file system",
            given: "mounted as it is here",
            next: REMOUNT,
            has_snapshots: has_snapshots(folder, &folders),
            has_logs: folder.kind == "data",
        };
        unwritable.look(remarks, starts);
    }
    let owners = folders.iter().flat_map(Folder::histories);
    let Some(uid) = owner_of_most(owners.map(|(_, owned)| owned.uid)) else {
        return;
    };
    let eyes = Eyes {
        user: ServerUser::of_uid(uid),
        folders: &folders,
        starts,
    };
    eyes.folders(remarks);
    eyes.histories(remarks);
    eyes.epochs(remarks);
    eyes.last_snapshot(remarks);
    eyes.beside(remarks, source);
    eyes.owners(remarks);
}

/// The folders of logs and of snapshots, or the one for both.
fn folders(source: &Source) -> Option<Vec<Folder>> {
    match source.dirs() {
        [both] => Some(vec![Folder::open(both, "data")?]),
        [snap_dir, log_dir, ..] => Some(vec![
            Folder::open(snap_dir, "snap")?,
            Folder::open(log_dir, "data")?,
        ]),
        [] => None,
    }
}

/// Whether `folder` is the one with the snapshots.
fn has_snapshots(folder: &Folder, folders: &[Folder]) -> bool {
    folder.kind != "data" || folders.len() == 1
}

/// Whether a server asks if it may write before it reads anything.
fn checks_writable(rules: &Rules) -> bool {
    rules.release().has(&[(4, 10), (5, 3)])
}

/// Why a folder cannot be written to.
struct Unwritable<'a> {
    folder: &'a Folder,
    found: &'a str,
    /// The system's words.
    reason: &'a str,
    given: &'a str,
    next: &'static str,
    has_snapshots: bool,
    has_logs: bool,
}

impl Unwritable<'_> {
    fn told(&self, impact: Impact, found: impl Into<String>) -> Remark {
        let remark = Remark::new("dir-unwritable", impact, &self.folder.path, self.next);
        remark.given(self.given).found(found)
    }

    /// What a server prints where it cannot make the file `name`.
    fn cannot_make(&self, name: &str) -> String {
        format!("{}/{name} ({})", self.folder.path.display(), self.reason)
    }

    fn look(&self, remarks: &mut Remarks<'_>, starts: &[Start]) {
        let Folder { path, kind, .. } = self.folder;
        let refusal = self.told(Impact::Refuses, self.found);
        let message = format!("Cannot write to {kind} directory {}", path.display());
        remarks.tell(refusal.prints(message), checks_writable);
        let first = |rules: &Rules| self.first_snapshot(rules, starts);
        let mut names: Vec<String> = remarks.rules.iter().filter_map(first).collect();
        names.sort();
        names.dedup();
        for name in names {
            let found = format!("{}: a start writes a snapshot into it", self.found);
            let mut refusal = self.told(Impact::Refuses, found);
            refusal.role = Role::StandaloneOrLeader;
            let refusal = refusal.prints(self.cannot_make(&name));
            remarks.tell(refusal, |rules| first(rules).as_ref() == Some(&name));
        }
        let found = format!(
            "{}, and the server does not ask: it stops at the first file that it writes",
            self.found
        );
        let file = if self.has_logs { "log.N" } else { "snapshot.N" };
        let late = self
            .told(Impact::FailsLater, found)
            .prints(self.cannot_make(file));
        let is_late = |rules: &Rules| !checks_writable(rules);
        remarks.tell(late.clone(), |rules| {
            is_late(rules) && first(rules).is_none()
        });
        remarks.tell_member(late, |rules| is_late(rules) && first(rules).is_some());
    }

    /// The snapshot that a standalone server or a leader of 3.5.0 to 3.5.2, which does not ask
    /// before, makes at the start and exits over (`ZooKeeperServer.takeSnapshot`).
    fn first_snapshot(&self, rules: &Rules, starts: &[Start]) -> Option<String> {
        if !self.has_snapshots || checks_writable(rules) || rules.release().minor < 5 {
            return None;
        }
        let start = starts.iter().find(|start| start.release == rules.name())?;
        let name = snapshot_name(start.standalone.as_ref().ok()?.zxid);
        // One that is there is written over.
        self.folder.get(&name).is_none().then_some(name)
    }
}

/// What one user may do.
struct Eyes<'a> {
    user: ServerUser,
    folders: &'a [Folder],
    starts: &'a [Start],
}

impl Eyes<'_> {
    fn given(&self) -> String {
        format!("as user {}, who owns most of the files", self.user.name)
    }

    fn remark(&self, id: &'static str, impact: Impact, file: &Path) -> Remark {
        Remark::new(id, impact, file, CHOWN).given(self.given())
    }

    fn is_denied(&self, file: Option<Owned>, want: Want) -> bool {
        file.is_some_and(|file| self.user.is_denied(file, want))
    }

    fn snap_folder(&self) -> Option<&Folder> {
        self.folders.first()
    }

    fn log_folder(&self) -> Option<&Folder> {
        self.folders.last()
    }

    fn folders(&self, remarks: &mut Remarks<'_>) {
        for folder in self.folders {
            let is_denied = |want| self.user.is_denied(folder.owned, want);
            if is_denied(Want::Write) && !folder.is_read_only {
                let unwritable = Unwritable {
                    folder,
                    found: "the user may not write to it",
                    reason: "Permission denied",
                    given: &self.given(),
                    next: CHOWN,
                    has_snapshots: has_snapshots(folder, self.folders),
                    has_logs: folder.kind == "data",
                };
                unwritable.look(remarks, self.starts);
            }
            if is_denied(Want::Read) {
                let (impact, found) = match has_snapshots(folder, self.folders) {
                    true => (
                        Impact::StartsEmpty,
                        "the user may not list it, so that the server sees no file in it and starts at zxid 0x0. What it then writes can replace what there is",
                    ),
                    false => (
                        Impact::Loses,
                        "the user may not list it, so that the server sees no logs in it and serves the snapshot alone",
                    ),
                };
                let remark = self
                    .remark("dir-unlistable", impact, &folder.path)
                    .found(found);
                let is_stopped = is_denied(Want::Write) || folder.is_read_only;
                remarks.tell(remark, |rules| !(is_stopped && checks_writable(rules)));
            }
        }
    }

    /// Logs and snapshots that the user may not read, where a server reads them.
    fn histories(&self, remarks: &mut Remarks<'_>) {
        let Some((snap, log)) = self.snap_folder().zip(self.log_folder()) else {
            return;
        };
        let unreadable = |folder: &Folder, name: &str| self.is_denied(folder.get(name), Want::Read);
        let mut bases: Vec<&String> = self
            .starts
            .iter()
            .filter_map(|start| start.base.as_ref())
            .collect();
        bases.sort();
        bases.dedup();
        for base in bases.into_iter().filter(|base| unreadable(snap, base)) {
            self.unreadable_snapshot(remarks, snap, base);
        }
        let mut logs: Vec<&String> = self.starts.iter().flat_map(|start| &start.logs).collect();
        logs.sort();
        logs.dedup();
        for name in logs.into_iter().filter(|name| unreadable(log, name)) {
            let path = log.path.join(name);
            let remark = self
                .remark("log-unreadable", Impact::Refuses, &path)
                .found("the user may not read it")
                .prints(format!("{} (Permission denied)", path.display()));
            remarks.tell(remark, |rules| {
                self.start(rules)
                    .is_some_and(|start| start.logs.contains(name))
            });
        }
    }

    fn start(&self, rules: &Rules) -> Option<&Start> {
        self.starts
            .iter()
            .find(|start| start.release == rules.name())
    }

    fn unreadable_snapshot(&self, remarks: &mut Remarks<'_>, snap: &Folder, base: &String) {
        let path = snap.path.join(base);
        let is_base =
            |rules: &Rules| self.start(rules).and_then(|start| start.base.as_ref()) == Some(base);
        let snapshots = snap.histories().filter(|(name, _)| {
            matches!(
                FileName::parse(&name.to_string_lossy()),
                FileName::Snapshot(..)
            )
        });
        let has_other = snapshots
            .into_iter()
            .any(|(_, owned)| !self.user.is_denied(owned, Want::Read));
        if has_other {
            let remark = self.remark("snapshot-unreadable", Impact::Note, &path).found(
                "the user may not read it: the server takes an older one, which comes to the same where the logs reach back to it",
            );
            return remarks.tell(remark, is_base);
        }
        let told = |impact| self.remark("snapshot-unreadable", impact, &path);
        let none = "the user may not read any snapshot";
        if self.log_folder().is_some_and(|log| {
            log.histories()
                .any(|(name, _)| name.to_string_lossy().starts_with("log."))
        }) {
            let refusal = told(Impact::Refuses)
                .found(none)
                .prints("No snapshot found, but there are log entries. Something is broken!");
            let does = |wanted: &[LogsAlone], rules: &Rules| {
                wanted.contains(&rules.with_logs_alone()) && is_base(rules)
            };
            remarks.tell(refusal, |rules| does(&[LogsAlone::Refuse], rules));
            let dropped = told(Impact::StartsEmpty).found(format!("{none}, and an empty tree is trusted: the first transaction is written over the logs"));
            remarks.tell(dropped, |rules| does(&[LogsAlone::Drop], rules));
            let lost = told(Impact::Loses).found(format!("{none}: the logs are replayed from the beginning, which is right only if they begin with the first transaction"));
            let replaying = [LogsAlone::Replay, LogsAlone::ReplayTrusting];
            remarks.tell(lost, |rules| does(&replaying, rules));
        } else {
            let empty = told(Impact::StartsEmpty).found(format!("{none}, and there are no logs"));
            remarks.tell(empty, is_base);
        }
    }

    /// What a member may not read of its epochs it replaces, and what it may not write stops it at
    /// the next one.
    fn epochs(&self, remarks: &mut Remarks<'_>) {
        let Some(snap) = self.snap_folder() else {
            return;
        };
        for name in [CURRENT_EPOCH, ACCEPTED_EPOCH] {
            if self.is_denied(snap.get(name), Want::Read) {
                let remark = self.remark("epoch-file-unreadable", Impact::Loses, &snap.path.join(name)).found(
                    "the user may not read it, which a member takes for missing: it is replaced by the epoch of the last zxid, and what the member had promised is forgotten",
                );
                remarks.tell_member(remark, |_| true);
            }
            let temporary = format!("{name}.tmp");
            if self.is_denied(snap.get(&temporary), Want::Write) {
                let path = snap.path.join(&temporary);
                let remark = self
                    .remark("epoch-file-unwritable", Impact::FailsLater, &path)
                    .found("the user may not write to it: the member fails at each new epoch, and does not start where the epoch file itself is missing")
                    .prints(format!("{} (Permission denied)", path.display()));
                remarks.tell_member(remark, |_| true);
            }
        }
    }

    /// From 3.5 on, a standalone server and a leader write a snapshot of the last zxid at each
    /// start, right into the file of that name.
    fn last_snapshot(&self, remarks: &mut Remarks<'_>) {
        let Some(snap) = self.snap_folder() else {
            return;
        };
        for (name, owned) in snap.histories() {
            let name = name.to_string_lossy();
            if !self.user.is_denied(owned, Want::Write) {
                continue;
            }
            let path = snap.path.join(&*name);
            let mut remark = self
                .remark("snapshot-unwritable", Impact::Refuses, &path)
                .found("a start writes a snapshot of the last zxid into this very file, to which the user may not write")
                .prints(format!("{} (Permission denied)", path.display()));
            remark.role = Role::StandaloneOrLeader;
            remarks.tell(remark, |rules| {
                let started = self
                    .start(rules)
                    .and_then(|start| start.standalone.as_ref().ok());
                let is_last = started.is_some_and(|started| snapshot_name(started.zxid) == name);
                rules.release().minor >= 5 && is_last
            });
        }
    }

    /// `myid` and `initialize`.
    fn beside(&self, remarks: &mut Remarks<'_>, source: &Source) {
        let owned = |path: &Path| {
            fs::metadata(path)
                .ok()
                .map(|metadata| Owned::from(&metadata))
        };
        if let Some(path) = source.data_dir().map(|dir| dir.join(MYID))
            && self.is_denied(owned(&path), Want::Read)
        {
            let remark = self
                .remark("myid-unreadable", Impact::Refuses, &path)
                .found("the user may not read it")
                .prints(format!("{} (Permission denied)", path.display()));
            remarks.tell_member(remark.clone(), |rules| !is_strict(rules));
            remarks.tell(remark, is_strict);
        }
        let Some(dir) = log_parent(source) else {
            return;
        };
        let path = dir.join(INITIALIZE);
        if path.symlink_metadata().is_ok() && self.is_denied(owned(&dir), Want::Write) {
            let remark = self
                .remark("initialize-undeletable", Impact::Refuses, &path)
                .found("a start deletes it, and the user may not write to the dataLogDir")
                .prints(format!(
                    "java.nio.file.AccessDeniedException: {}",
                    path.display()
                ));
            remarks.tell(remark, since_3_6);
        }
    }

    /// Files of other owners: something was run as another user.
    fn owners(&self, remarks: &mut Remarks<'_>) {
        for folder in self.folders {
            let foreign = folder
                .histories()
                .filter(|(_, owned)| owned.uid != self.user.uid);
            let mut names: Vec<u32> = foreign.map(|(_, owned)| owned.uid).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            let names: Vec<String> = names
                .into_iter()
                .map(|uid| ServerUser::of_uid(uid).name)
                .collect();
            if count > 0 {
                let remark = Remark::new("owners-mixed", Impact::Note, &folder.path, CHOWN).found(format!(
                    "most logs and snapshots belong to {}, but {count} to {}: a server or a copy was run as another user",
                    self.user.name,
                    names.join(", ")
                ));
                remarks.tell(remark, |_| true);
            }
        }
    }
}
