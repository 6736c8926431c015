//! What this program writes: whole or absent, and on the disk before it is said to be there.
//!
//! A directory or file is built under a temporary name beside its place, synced, renamed, and the
//! directory above synced. What is not committed is removed, also when a signal ends the program
//! ([`abandon_all`]). Temporary names begin with a dot, so that no server takes one for a log or a
//! snapshot.

use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What is being built now.
static STAGED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes all that is being built. For the moment before a signal ends the program.
pub fn abandon_all() {
    let staged = STAGED
        .lock()
        .map(|mut staged| std::mem::take(&mut *staged))
        .unwrap_or_default();
    for path in staged {
        remove(&path);
    }
}

fn remove(path: &Path) {
    // Nothing can be done about a failure, and an error is being told already.
    if path.is_dir() {
        let _ = fs::remove_dir_all(path);
    } else {
        let _ = fs::remove_file(path);
    }
}

/// A place that is being built under a temporary name.
#[derive(Debug)]
struct Staged {
    temporary: PathBuf,
    target: PathBuf,
}

impl Staged {
    fn new(target: &Path) -> Result<Staged> {
        let bad = || {
            Error::about(
                target,
                ErrorKind::BadArgument,
                "is not a name that can be created",
            )
        };
        let name = target
            .file_name()
            .ok_or_else(bad)?
            .to_string_lossy()
            .into_owned();
        let mut parent = parent_of(target);
        if parent.as_os_str().is_empty() {
            parent = PathBuf::from(".");
        }
        fs::create_dir_all(&parent).map_err(|err| Error::io(&parent, "create", err))?;
        let temporary = parent.join(format!(".{name}.zoovault-{}", std::process::id()));
        if let Ok(mut staged) = STAGED.lock() {
            staged.push(temporary.clone());
        }
        Ok(Staged {
            temporary,
            target: target.into(),
        })
    }

    /// Takes the place's name, which nothing may have got meanwhile, and makes that last.
    fn commit(self) -> Result<()> {
        rename_new(&self.temporary, &self.target, &rename_unless_there)?;
        sync_dir(&parent_of(&self.target))
    }

    /// Takes the place of an empty directory, and makes that last.
    fn commit_onto_empty(self) -> Result<()> {
        // The system replaces a directory only where it is empty, and nothing else by a directory.
        fs::rename(&self.temporary, &self.target).map_err(|err| match err.kind() {
            io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory => exists(&self.target, APPEARED),
            _ => Error::io(&self.target, "create", err),
        })?;
        sync_dir(&parent_of(&self.target))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Ok(mut staged) = STAGED.lock() {
            staged.retain(|path| *path != self.temporary);
        }
        remove(&self.temporary);
    }
}

/// A directory for what is needed while the program runs, readable by its user alone, and removed
/// in the end.
#[derive(Debug)]
pub struct ScratchDir(PathBuf);

impl ScratchDir {
    /// Makes one in `parent`.
    ///
    /// # Errors
    /// When none can be made there.
    pub fn new(parent: &Path) -> Result<ScratchDir> {
        use std::os::unix::fs::DirBuilderExt;
        for number in 0..1000 {
            let path = parent.join(format!("zoovault-{}-{number}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    if let Ok(mut staged) = STAGED.lock() {
                        staged.push(path.clone());
                    }
                    return Ok(ScratchDir(path));
                }
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
                Err(err) => {
                    return Err(
                        Error::io(parent, "make a directory for temporary files", err)
                            .hint("TMPDIR sets the location"),
                    );
                }
            }
        }
        Err(Error::about(
            parent,
            ErrorKind::Failed,
            "is full of leftover directories named zoovault-*",
        )
        .hint("remove them"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if let Ok(mut staged) = STAGED.lock() {
            staged.retain(|path| *path != self.0);
        }
        remove(&self.0);
    }
}

/// What is said where somebody else was faster.
const APPEARED: &str = "appeared while it was being written";

/// Gives what is at `from` the name `to`, by `rename`, which does so only where nothing has that
/// name. Where the system or the file system cannot do both in one step, it is looked first.
fn rename_new(
    from: &Path,
    to: &Path,
    rename: &dyn Fn(&Path, &Path) -> nix::Result<()>,
) -> Result<()> {
    match rename(from, to) {
        Ok(()) => Ok(()),
        Err(Errno::EEXIST) => Err(exists(to, APPEARED)),
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
            if to.symlink_metadata().is_ok() {
                return Err(exists(to, APPEARED));
            }
            fs::rename(from, to).map_err(|err| Error::io(to, "create", err))
        }
        Err(errno) => Err(Error::io(to, "create", errno.into())),
    }
}

/// Renames in one step, unless something has the name.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn rename_unless_there(from: &Path, to: &Path) -> nix::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE)
}

/// There is no such call here.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn rename_unless_there(_: &Path, _: &Path) -> nix::Result<()> {
    Err(Errno::ENOSYS)
}

fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.into(),
        _ => PathBuf::from("."),
    }
}

/// A directory that appears whole.
#[derive(Debug)]
pub struct StagedDir {
    staged: Staged,
    /// Whether an empty directory has its name.
    onto_empty: bool,
}

impl StagedDir {
    /// Begins to build what will be at `target`.
    ///
    /// # Errors
    /// When something is there that is not an empty directory.
    pub fn new(target: &Path) -> Result<StagedDir> {
        ensure_absent(target)?;
        let onto_empty = target.symlink_metadata().is_ok();
        let staged = Staged::new(target)?;
        fs::create_dir(&staged.temporary).map_err(|err| Error::io(target, "create", err))?;
        Ok(StagedDir { staged, onto_empty })
    }

    /// Where it is being built.
    pub fn path(&self) -> &Path {
        &self.staged.temporary
    }

    /// Gives it its name. Everything in it has to be synced.
    ///
    /// # Errors
    /// [`ErrorKind::TargetExists`] where something got the name meanwhile; when it cannot be
    /// renamed or synced. Then it is gone.
    pub fn commit(self) -> Result<()> {
        match self.onto_empty {
            true => self.staged.commit_onto_empty(),
            false => self.staged.commit(),
        }
    }
}

/// A file that appears whole.
#[derive(Debug)]
pub struct StagedFile {
    staged: Staged,
    file: File,
}

impl StagedFile {
    /// Begins to write what will be at `target`.
    ///
    /// # Errors
    /// When something is there.
    pub fn new(target: &Path) -> Result<StagedFile> {
        ensure_free(target)?;
        let staged = Staged::new(target)?;
        let file = File::options()
            .write(true)
            .read(true)
            .create_new(true)
            .open(&staged.temporary)
            .map_err(|err| Error::io(target, "create", err))?;
        Ok(StagedFile { staged, file })
    }

    /// What is being written.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where it is being written.
    pub fn path(&self) -> &Path {
        &self.staged.temporary
    }

    /// Syncs it and gives it its name.
    ///
    /// # Errors
    /// [`ErrorKind::TargetExists`] where something got the name meanwhile; when it cannot be synced
    /// or renamed. Then it is gone.
    pub fn commit(self) -> Result<()> {
        self.file
            .sync_all()
            .map_err(|err| Error::io(&self.staged.target, "sync", err))?;
        self.staged.commit()
    }
}

/// Refuses a `target` at which there is anything at all.
///
/// # Errors
/// [`ErrorKind::TargetExists`].
pub fn ensure_free(target: &Path) -> Result<()> {
    match target.symlink_metadata() {
        Ok(_) => Err(exists(target, "exists already")),
        Err(_) => Ok(()),
    }
}

fn exists(path: &Path, message: &str) -> Error {
    Error::about(path, ErrorKind::TargetExists, message)
        .hint("choose another location, or move it away: nothing is overwritten")
}

/// Refuses a `target` at which there is something else than an empty directory.
///
/// # Errors
/// When there is, or when it cannot be told.
pub fn ensure_absent(target: &Path) -> Result<()> {
    match fs::read_dir(target) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(exists(target, "exists and is not empty")),
        },
        Err(err) if err.kind() == io::ErrorKind::NotFound && target.symlink_metadata().is_err() => {
            Ok(())
        }
        Err(err) if err.kind() == io::ErrorKind::PermissionDenied => {
            Err(Error::io(target, "read", err))
        }
        Err(_) => Err(exists(target, "exists and is not a directory")),
    }
}

/// Refuses a `target` that exists in a way that a rename cannot replace, or holds something.
///
/// # Errors
/// [`ErrorKind::TargetExists`], [`ErrorKind::BadArgument`]; when it cannot be told.
pub fn ensure_replaceable(target: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    ensure_absent(target)?;
    let Ok(found) = target.symlink_metadata() else {
        return Ok(());
    };
    let refused = |message| Error::about(target, ErrorKind::BadArgument, message);
    if found.file_type().is_symlink() {
        return Err(refused("is a symbolic link").hint("name the directory itself, or a new one"));
    }
    let above =
        fs::metadata(parent_of(&resolved(target))).map_err(|err| Error::io(target, "read", err))?;
    if above.dev() != found.dev() {
        return Err(refused("is a mount point; it cannot be created atomically")
            .hint("name a new directory below it"));
    }
    Ok(())
}

/// `path` without links and dots, as far as it exists.
pub fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let mut missing = Vec::new();
    let mut existing = absolute.as_path();
    loop {
        if let Ok(found) = fs::canonicalize(existing) {
            return missing
                .iter()
                .rev()
                .fold(found, |path, name| path.join(name));
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name.to_owned());
                existing = parent;
            }
            _ => return absolute,
        }
    }
}

/// Writes a small file and syncs it. Its directory is the caller's to sync.
///
/// # Errors
/// When it exists, or cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = File::options().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|err| Error::io(path, "write", err))
}

/// Puts a small file in the place of `target`, whose mode it keeps; a new one can be read by all.
///
/// # Errors
/// When it cannot be written. What was there is then unchanged.
pub fn replace_file(target: &Path, bytes: &[u8]) -> Result<()> {
    let staged = Staged::new(target)?;
    let write = || {
        let mode = fs::metadata(target).map_or(0o644, |found| found.permissions().mode() & 0o7777);
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&staged.temporary)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&staged.temporary, target)
    };
    write().map_err(|err| Error::io(target, "write", err))?;
    sync_dir(&parent_of(target))
}

/// Makes the names in a directory last.
///
/// # Errors
/// When it cannot be opened or synced.
pub fn sync_dir(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|err| Error::io(path, "sync", err))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_directory_appears_when_it_is_committed_and_otherwise_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("new");
        let staged = StagedDir::new(&target).unwrap();
        write_file(&staged.path().join("a"), b"x").unwrap();
        assert!(!target.exists());
        drop(staged);
        assert!(names(dir.path()).is_empty());
        let staged = StagedDir::new(&target).unwrap();
        write_file(&staged.path().join("a"), b"x").unwrap();
        staged.commit().unwrap();
        assert_eq!(
            (names(dir.path()), names(&target)),
            (vec!["new".into()], vec!["a".into()])
        );
        assert_eq!(
            StagedDir::new(&target).unwrap_err().kind(),
            ErrorKind::TargetExists
        );
    }

    #[test]
    fn a_directory_that_somebody_else_made_meanwhile_stays_theirs() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("new");
        for holds_something in [false, true] {
            let staged = StagedDir::new(&target).unwrap();
            fs::create_dir(&target).unwrap();
            if holds_something {
                write_file(&target.join("theirs"), b"x").unwrap();
            }
            let theirs = fs::metadata(&target).unwrap().ino();
            let error = staged.commit().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TargetExists, "{error}");
            assert_eq!(fs::metadata(&target).unwrap().ino(), theirs);
            assert_eq!(names(dir.path()), ["new"]);
            fs::remove_dir_all(&target).unwrap();
        }
    }

    #[test]
    fn an_empty_directory_is_replaced_for_as_long_as_it_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("new");
        fs::create_dir(&target).unwrap();
        let staged = StagedDir::new(&target).unwrap();
        write_file(&target.join("theirs"), b"x").unwrap();
        assert_eq!(staged.commit().unwrap_err().kind(), ErrorKind::TargetExists);
        assert_eq!(names(&target), ["theirs"]);
        fs::remove_file(target.join("theirs")).unwrap();
        let staged = StagedDir::new(&target).unwrap();
        write_file(&staged.path().join("ours"), b"x").unwrap();
        staged.commit().unwrap();
        assert_eq!(names(&target), ["ours"]);
    }

    #[test]
    fn where_a_rename_cannot_ask_whether_the_name_is_free_it_is_looked_first() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for errno in [Errno::EINVAL, Errno::ENOSYS, Errno::EOPNOTSUPP] {
            let cannot = |_: &Path, _: &Path| Err(errno);
            write_file(&from, b"ours").unwrap();
            write_file(&to, b"theirs").unwrap();
            let error = rename_new(&from, &to, &cannot).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TargetExists, "{errno}");
            assert_eq!(fs::read(&to).unwrap(), b"theirs");
            fs::remove_file(&to).unwrap();
            rename_new(&from, &to, &cannot).unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"ours");
            fs::remove_file(&to).unwrap();
        }
        write_file(&from, b"ours").unwrap();
        let fails = |_: &Path, _: &Path| Err(Errno::EIO);
        let error = rename_new(&from, &to, &fails).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
    }

    #[test]
    fn an_existing_file_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("f");
        let staged = StagedFile::new(&target).unwrap();
        write_file(&target, b"somebody else's").unwrap();
        assert_eq!(staged.commit().unwrap_err().kind(), ErrorKind::TargetExists);
        assert_eq!(fs::read(&target).unwrap(), b"somebody else's");
        assert_eq!(names(dir.path()), ["f"]);
        assert_eq!(
            StagedFile::new(&target).unwrap_err().kind(),
            ErrorKind::TargetExists
        );
    }
}
