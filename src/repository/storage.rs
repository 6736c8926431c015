//! Where a repository's objects are: names and bytes, nothing else.
//!
//! All of it goes through the `object_store` crate, and nothing above this module knows of a file
//! system. An object is whole or absent, and on the disk (its bytes and its name) when
//! [`Storage::put`] returns. Of a local directory this module also knows what a bucket does not
//! have: free space, what killed writers left behind, and that names that were deleted have to be
//! synced too.

use crate::durable::sync_dir;
use crate::error::{Error, ErrorKind, Result};
use futures_executor::block_on;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path as ObjectPath};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// What to do where there is no repository.
pub(super) const NO_REPOSITORY: &str = "is it mounted? create a new one with 'zoovault init'";

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, with `/`.
    pub name: String,
    /// Its bytes.
    pub size: u64,
}

/// How many objects are asked for at once.
const AT_ONCE: usize = 16;

/// A place for objects.
#[derive(Clone)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    shown: PathBuf,
    /// The directory, where it is one.
    root: Option<PathBuf>,
    /// The directories in it whose names are known to last.
    lasting: Arc<Mutex<HashSet<PathBuf>>>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({})", self.shown.display())
    }
}

impl Storage {
    /// A directory that exists.
    ///
    /// # Errors
    /// [`ErrorKind::NoRepository`] when it does not; failures to read.
    pub fn local(dir: &Path) -> Result<Storage> {
        match std::fs::metadata(dir) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                let message = "is not a directory, so not a repository";
                return Err(Error::about(dir, ErrorKind::NoRepository, message)
                    .hint("name the directory created by 'zoovault init'"));
            }
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                let message = "there is no such directory";
                return Err(Error::about(dir, ErrorKind::NoRepository, message).hint(NO_REPOSITORY));
            }
            Err(err) => return Err(Error::io(dir, "read", err)),
        }
        let store =
            LocalFileSystem::new_with_prefix(dir).map_err(|err| failed(dir, "open", err))?;
        Ok(Storage {
            store: Arc::new(store.with_fsync(true)),
            shown: dir.into(),
            root: Some(dir.into()),
            lasting: Arc::default(),
        })
    }

    /// Any store, called `shown` in front of people.
    pub fn of(store: Arc<dyn ObjectStore>, shown: &str) -> Storage {
        Storage {
            store,
            shown: shown.into(),
            root: None,
            lasting: Arc::default(),
        }
    }

    /// What to call it in front of people.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// The directory, where it is one.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// What to call an object in front of people.
    pub fn shown_object(&self, name: &str) -> PathBuf {
        self.shown.join(name)
    }

    /// Stores an object, whole and lasting. One of the same name is replaced: names tell what is in
    /// an object, so by the same bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        block_on(
            self.store
                .put(&ObjectPath::from(name), PutPayload::from(bytes)),
        )
        .map_err(|err| failed(&self.shown_object(name), "write", err))?;
        self.sync_folders(name)
    }

    /// Makes the names of the folders last that an object is in. The crate syncs those that it
    /// makes, and not those that it finds: another run may have made them just now, or was killed
    /// before it could sync them.
    fn sync_folders(&self, name: &str) -> Result<()> {
        let Some(root) = &self.root else {
            return Ok(());
        };
        let object = root.join(name);
        for folder in object.ancestors().skip(1) {
            let Some(above) = folder.parent().filter(|above| above.starts_with(root)) else {
                return Ok(());
            };
            let knows = |lasting: &HashSet<PathBuf>| lasting.contains(folder);
            if !self.lasting.lock().is_ok_and(|lasting| knows(&lasting)) {
                sync_dir(above)?;
                if let Ok(mut lasting) = self.lasting.lock() {
                    lasting.insert(folder.to_owned());
                }
            }
        }
        Ok(())
    }

    /// The bytes of an object; `None` when there is none of this name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let read = async {
            let result = self.store.get(&ObjectPath::from(name)).await?;
            result.bytes().await
        };
        match block_on(read) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(err) => Err(failed(&self.shown_object(name), "read", err)),
        }
    }

    /// How many bytes objects have: those that are there.
    ///
    /// # Errors
    /// When that cannot be asked.
    pub fn sizes<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<HashMap<String, u64>> {
        let sizes = stream::iter(names.map(ObjectPath::from))
            .map(|path| async move {
                match self.store.head(&path).await {
                    Ok(meta) => Ok(Some((path.to_string(), meta.size))),
                    Err(object_store::Error::NotFound { .. }) => Ok(None),
                    Err(err) => Err(failed(&self.shown_object(path.as_ref()), "read", err)),
                }
            })
            .buffered(AT_ONCE)
            .try_filter_map(|found| async move { Ok(found) });
        block_on(sizes.try_collect())
    }

    /// The objects whose names begin with the folder `prefix`, by name.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        let prefix = (!prefix.is_empty()).then(|| ObjectPath::from(prefix));
        let listing = self.store.list(prefix.as_ref()).map_ok(|meta| Listed {
            name: meta.location.to_string(),
            size: meta.size,
        });
        let mut found: Vec<Listed> =
            block_on(listing.try_collect()).map_err(|err| failed(&self.shown, "list", err))?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Removes objects, lastingly. One that is not there is no failure: another run may have
    /// removed it.
    ///
    /// # Errors
    /// When one cannot be removed; others may have been.
    pub fn delete(&self, names: &[String]) -> Result<()> {
        match self.delete_what_can_be(names)?.into_iter().next() {
            Some(refused) => Err(refused),
            None => Ok(()),
        }
    }

    /// Removes objects, lastingly, and goes on past those that are refused: a lock holds them, or
    /// this user may not. Gives what was said of those; a new listing tells which they are, and
    /// which are gone although it was said that they could not be removed.
    ///
    /// # Errors
    /// When it cannot be made lasting.
    pub fn delete_what_can_be(&self, names: &[String]) -> Result<Vec<Error>> {
        let paths = names.iter().map(|name| Ok(ObjectPath::from(name.as_str())));
        let paths: Vec<object_store::Result<ObjectPath>> = paths.collect();
        let deleted: Vec<object_store::Result<ObjectPath>> = block_on(
            self.store
                .delete_stream(stream::iter(paths).boxed())
                .collect(),
        );
        let refused = deleted.into_iter().filter_map(|done| match done {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => None,
            Err(err) => Some(failed(&self.shown, "delete from", err)),
        });
        let refused = refused.collect();
        // The crate syncs what it writes, and not what it deletes.
        let folders: BTreeSet<PathBuf> = self
            .root
            .iter()
            .flat_map(|root| names.iter().map(|name| root.join(name)))
            .filter_map(|path| path.parent().map(Path::to_owned))
            .collect();
        folders
            .iter()
            .filter(|dir| dir.is_dir())
            .try_for_each(|dir| sync_dir(dir))?;
        Ok(refused)
    }

    /// Makes lasting what other runs did to names: one that was killed may have deleted something
    /// and not synced that, and whoever deletes more because it is gone has to be sure that it
    /// stays gone.
    ///
    /// # Errors
    /// When a folder cannot be read or synced.
    pub fn sync_names(&self) -> Result<()> {
        let mut dirs: Vec<PathBuf> = self.root.iter().cloned().collect();
        while let Some(dir) = dirs.pop() {
            let entries = std::fs::read_dir(&dir).map_err(|err| Error::io(&dir, "read", err))?;
            for entry in entries {
                let entry = entry.map_err(|err| Error::io(&dir, "read", err))?;
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    dirs.push(entry.path());
                }
            }
            sync_dir(&dir)?;
        }
        Ok(())
    }

    /// The bytes that can still be stored, where that can be known.
    pub fn free_space(&self) -> Option<u64> {
        let space = nix::sys::statvfs::statvfs(self.root.as_deref()?).ok()?;
        Some(space.blocks_available() * space.fragment_size())
    }

    /// Files that writers which were killed left behind longer than `age` ago: names and sizes.
    /// They are no objects, and no listing has them.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn leftovers(&self, age: Duration) -> Result<Vec<(PathBuf, u64)>> {
        let mut found = Vec::new();
        let mut dirs: Vec<PathBuf> = self.root.iter().cloned().collect();
        while let Some(dir) = dirs.pop() {
            let entries = std::fs::read_dir(&dir).map_err(|err| Error::io(&dir, "read", err))?;
            for entry in entries {
                let entry = entry.map_err(|err| Error::io(&dir, "read", err))?;
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                let path = entry.path();
                if metadata.is_dir() {
                    dirs.push(path);
                    continue;
                }
                let is_old = metadata
                    .modified()
                    .ok()
                    .and_then(|at| SystemTime::now().duration_since(at).ok())
                    .is_some_and(|since| since >= age);
                if is_old && is_leftover(&entry.file_name().to_string_lossy()) {
                    found.push((path, metadata.len()));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Removes such files. Gives what was said of those that cannot be removed.
    pub fn clear(&self, leftovers: &[(PathBuf, u64)]) -> Vec<Error> {
        let removed = leftovers
            .iter()
            .map(|(path, _)| (path, std::fs::remove_file(path)));
        removed
            .filter_map(|(path, done)| match done {
                Err(err) if err.kind() != io::ErrorKind::NotFound => {
                    Some(Error::io(path, "delete", err))
                }
                Ok(()) | Err(_) => None,
            })
            .collect()
    }
}

/// Whether a file is one that `LocalFileSystem` writes before it gives it its name: `NAME#NUMBER`.
fn is_leftover(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The error of a store as one of ours: by its cause, where that is of the system.
fn failed(shown: &Path, doing: &'static str, err: object_store::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&err);
    while let Some(this) = cause {
        if let Some(io) = this.downcast_ref::<io::Error>() {
            let io = match io.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(io.kind(), io.to_string()),
            };
            return Error::io(shown, doing, io);
        }
        cause = this.source();
    }
    Error::io(shown, doing, io::Error::other(err.to_string()))
}
