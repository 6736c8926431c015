//! The repository: immutable objects, and commit points that are written last.
//!
//! ```text
//! zoovault.json                                         format, id; written once
//! log/LINEAGE/FIRST-LAST-SHA.zst                        txns FIRST to LAST of one epoch: a log.N
//! snapshot/LINEAGE/ZXID-PART-SHA.zst                    a part of a base: laid end to end, a snapshot.N
//! backup/LINEAGE/TIME-ZXID-ID.json                      a commit point: a manifest of all that a backup needs
//! tomb/TIME-SHA.json                                    marks for deletion
//! pin/ID-SHA.json                                       a mark against deletion
//! ```
//!
//! Zxids are 16 hexadecimal digits, SHA the first 12 of the SHA-256 of the object's bytes, ID the
//! same of a manifest, TIME is in UTC. `.zst` is one zstd frame with a checksum.
//!
//! **Nothing is overwritten.** A name tells what is in an object, so writing one again writes the
//! same bytes. An object that no manifest lists does not exist for readers. So a run can be killed
//! anywhere, any number of runs can go on at once, and no lock is needed.
//!
//! **A lineage is one history.** Members of one ensemble feed the same; a history that went on
//! otherwise (an uncommitted tail that was truncated, an ensemble that was rebuilt) is another. How
//! they are told apart is described in [`crate::backup::run`].
//!
//! **Deletion** takes two steps. A [`Tombstone`] makes backups count no more, or marks objects that
//! nothing needs; what it marks is deleted a day later at the earliest, and only if no manifest
//! lists it that is there, not even a forgotten one. Whoever writes reads the tombs first, rests
//! only on what a backup lists that counts, gives bytes that are equal to marked ones another name
//! (by a salt in the compressed stream), and commits within [`COMMIT_WITHIN`] or begins anew: so
//! nothing that is deleted is needed. The reasons are told in [`crate::backup::retention::prune`].
//!
//! **Order of names.** A manifest's name is later than those of all manifests that its writer saw,
//! also where a clock went back.

mod codec;
mod history;
mod manifest;
pub mod name;
mod references;
mod storage;
mod unpacked;

pub use history::{LineageContents, Which};
pub use manifest::{
    EXACT_NOWHERE, FORMAT_VERSION, Identity, Manifest, Mark, Object, Origin, Origins, Pin,
    Position, StoredEvidence, StoredLog, StoredSnapshot, StoredTrailer, StoredWindow, Tombstone,
    decode, encode,
};
pub use name::BackupName;
pub use references::{Needed, Needs};
pub use storage::{Listed, Storage};
pub use unpacked::Unpacked;

use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum::sha256;
use serde::Deserialize;
use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::time::Duration;

/// How many bytes of a log or snapshot become one object, before compression. More only where a
/// single txn is longer.
pub const OBJECT_LEN: usize = 16 << 20;
/// How many bytes an object can decompress to, whatever a manifest says: the txn that went over
/// [`OBJECT_LEN`] had a length of 31 bits.
const UNPACKED_LEN_MAX: u64 = OBJECT_LEN as u64 + (1 << 31);
/// How long what is marked for deletion stays, at least.
pub const TOMB_AGE: Duration = Duration::from_secs(24 * 3600);
/// How long after it read the repository a run may commit: well before what it rests on could be
/// marked and deleted.
pub const COMMIT_WITHIN: Duration = Duration::from_secs(12 * 3600);

/// What to do about a damaged mark for deletion.
const TOMB: &str = "'zoovault check' shows more; put the file back from a copy of the repository, or remove it while no prune is running: that deletes nothing, and backups that only this file marked as forgotten are no longer forgotten";
/// What to do about a damaged object.
const CHECK: &str = "'zoovault check' shows what is damaged, and what is lost";

/// A repository.
#[derive(Clone, Debug)]
pub struct Repository {
    storage: Storage,
    identity: Identity,
}

/// The names in a repository, but for logs and snapshots.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The backups that count, by name: in the order in which they were made.
    pub backups: Vec<BackupName>,
    /// The backups that are forgotten, and not deleted yet.
    pub forgotten: Vec<BackupName>,
    /// Names of objects that are marked for deletion.
    pub marked: HashSet<String>,
    /// The marks for deletion: names, and what they say.
    pub tombs: Vec<(String, Tombstone)>,
    /// Ids of backups that are marked to be kept.
    pub pinned: BTreeSet<String>,
    /// The names of those marks.
    pub pins: Vec<String>,
    /// Names in these folders that nothing of this format has.
    pub foreign: Vec<String>,
}

impl Repository {
    /// Makes a repository. Nothing else may be at the place, unless it is a repository already.
    ///
    /// # Errors
    /// [`ErrorKind::TargetExists`] for a place that is not empty; failures to write.
    pub fn create(storage: Storage, now_ms: i64) -> Result<Repository> {
        let shown = storage.shown().to_owned();
        if storage.get(name::REPOSITORY)?.is_some() {
            let message = "is already a repository";
            return Err(Error::about(&shown, ErrorKind::TargetExists, message));
        }
        if let Some(other) = storage.list("")?.first() {
            let message = format!("is not empty: it contains {}", other.name);
            return Err(Error::about(&shown, ErrorKind::TargetExists, message)
                .hint("choose an empty directory, or a new one"));
        }
        let mut random = RandomState::new().build_hasher();
        random.write_i64(now_ms);
        let salt = format!("{:016x}{:08x}", random.finish(), std::process::id());
        let identity = Identity::new(now_ms, salt);
        storage.put(name::REPOSITORY, encode(&identity).0)?;
        Repository::open(storage)
    }

    /// Opens a repository.
    ///
    /// # Errors
    /// [`ErrorKind::NoRepository`] when there is none; [`ErrorKind::Damage`] when its first object
    /// is damaged; failures to read.
    pub fn open(storage: Storage) -> Result<Repository> {
        let Some(bytes) = storage.get(name::REPOSITORY)? else {
            let message = format!("is not a repository: it has no {}", name::REPOSITORY);
            return Err(
                Error::about(storage.shown(), ErrorKind::NoRepository, message)
                    .hint(storage::NO_REPOSITORY),
            );
        };
        let shown = storage.shown_object(name::REPOSITORY);
        let damaged = |message: String| Error::about(&shown, ErrorKind::Damage, message);
        let identity: Identity = manifest::decode(&bytes).map_err(damaged)?;
        if !identity.is_whole() || encode(&identity).0 != bytes {
            return Err(damaged(
                "is damaged: its id does not match its contents".to_owned(),
            ));
        }
        Ok(Repository { storage, identity })
    }

    /// Opens a repository whose first object is damaged or lost, for whoever tells what else of it
    /// is whole. No backup depends on what that object says.
    ///
    /// # Errors
    /// [`ErrorKind::NoRepository`] when there is no backup either; failures to read.
    pub fn open_despite(storage: Storage) -> Result<Repository> {
        match Repository::open(storage.clone()) {
            Err(error) if error.kind() == ErrorKind::Damage => {}
            Err(error)
                if error.kind() == ErrorKind::NoRepository
                    && !storage.list(name::BACKUPS)?.is_empty() => {}
            opened => return opened,
        }
        let identity = Identity {
            format: FORMAT_VERSION,
            created_ms: 0,
            salt: String::new(),
            id: String::new(),
        };
        Ok(Repository { storage, identity })
    }

    /// Opens the repository in a directory.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn open_local(dir: &Path) -> Result<Repository> {
        Repository::open(Storage::local(dir)?)
    }

    /// Whether the directory `dir` holds a repository, for all that a name tells.
    pub fn is_at(dir: &Path) -> bool {
        dir.join(name::REPOSITORY).is_file()
    }

    /// Where its objects are.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// What it says of itself.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What to call it in front of people.
    pub fn shown(&self) -> &Path {
        self.storage.shown()
    }

    /// Lists backups and marks.
    ///
    /// # Errors
    /// Failures to read; damage of a mark for deletion, without which nobody knows what counts.
    pub fn listing(&self) -> Result<Listing> {
        let (listing, damaged) = self.listing_despite()?;
        match damaged.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(listing),
        }
    }

    /// Lists backups and marks, as if damaged marks for deletion were not there: what they made
    /// forgotten counts, and is whole, since nothing is deleted that a manifest lists. Enough for
    /// whoever only reads. Gives what is wrong with those marks, too.
    fn listing_despite(&self) -> Result<(Listing, Vec<Error>)> {
        let mut damaged = Vec::new();
        let mut listing = Listing::default();
        // Marks are read before backups: a backup that is seen was not forgotten before, or its
        // mark is seen too.
        for tomb in self.storage.list(name::TOMBS)? {
            if name::parse_tomb(&tomb.name).is_none() {
                listing.foreign.push(tomb.name);
                continue;
            }
            // One that is gone was carried out.
            let Some(bytes) = self.storage.get(&tomb.name)? else {
                continue;
            };
            match self.judged::<Tombstone>(&tomb.name, &bytes) {
                Ok(read) => {
                    listing.marked.extend(read.objects.iter().cloned());
                    listing.tombs.push((tomb.name, read));
                }
                Err(error) => damaged.push(error.hint(TOMB)),
            }
        }
        let forgotten: HashSet<&String> = listing
            .tombs
            .iter()
            .flat_map(|(_, tomb)| &tomb.backups)
            .collect();
        for backup in self.storage.list(name::BACKUPS)? {
            match BackupName::parse(&backup.name) {
                Some(backup) if forgotten.contains(&backup.id) => listing.forgotten.push(backup),
                Some(backup) => listing.backups.push(backup),
                None => listing.foreign.push(backup.name),
            }
        }
        listing.backups.sort();
        listing.forgotten.sort();
        for pin in self.storage.list(name::PINS)? {
            match name::parse_pin(&pin.name) {
                Some(id) => {
                    listing.pinned.insert(id.to_owned());
                    listing.pins.push(pin.name);
                }
                None => listing.foreign.push(pin.name),
            }
        }
        Ok((listing, damaged))
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ErrorKind::Damage`] when it is not there or not what its name says; failures to read.
    pub fn manifest(&self, backup: &BackupName) -> Result<Manifest> {
        Ok(self.manifest_as_stored(backup)?.0)
    }

    /// Reads a manifest, and its bytes as they were stored: those that a copy has to have, also
    /// where a newer program wrote more into them.
    ///
    /// # Errors
    /// As [`Repository::manifest`].
    pub fn manifest_as_stored(&self, backup: &BackupName) -> Result<(Manifest, Vec<u8>)> {
        let object = backup.object();
        let bytes = self.existing(&object)?;
        let manifest: Manifest = self.judged(&object, &bytes)?;
        if manifest.lineage != backup.lineage {
            let message = format!("belongs to lineage {}", manifest.lineage);
            return Err(self.damaged(&object, message));
        }
        Ok((manifest, bytes))
    }

    /// Reads a mark against deletion, and its bytes as they were stored.
    ///
    /// # Errors
    /// [`ErrorKind::Damage`] when it is not there or not what its name says; failures to read.
    pub fn pin_as_stored(&self, name: &str) -> Result<(Pin, Vec<u8>)> {
        let bytes = self.existing(name)?;
        Ok((self.judged(name, &bytes)?, bytes))
    }

    /// Reads JSON whose name holds a part of its SHA-256.
    fn judged<T: for<'a> Deserialize<'a>>(&self, object: &str, bytes: &[u8]) -> Result<T> {
        let sha256 = sha256(bytes);
        if !object.ends_with(&format!("-{}.json", name::short(&sha256))) {
            let message =
                format!("is damaged: its SHA-256 is {sha256}, which does not match its name");
            return Err(self.damaged(object, message));
        }
        manifest::decode(bytes).map_err(|message| self.damaged(object, message))
    }

    /// The bytes of an object that a manifest lists, as they were stored.
    ///
    /// # Errors
    /// [`ErrorKind::Damage`] when it is not there, or other bytes are.
    pub fn object(&self, object: &Object) -> Result<Vec<u8>> {
        self.ensure_named(object)?;
        let bytes = self.existing(&object.name)?;
        let found = sha256(&bytes);
        if found != object.sha256 {
            let message = format!(
                "is damaged: its SHA-256 is {found}, but was {} when it was stored",
                object.sha256
            );
            return Err(self.damaged(&object.name, message));
        }
        Ok(bytes)
    }

    /// Refuses to look for an object under a name that none has: it could be that of any file.
    fn ensure_named(&self, object: &Object) -> Result<()> {
        match name::is_stored(&object.name) {
            true => Ok(()),
            false => Err(self.damaged(&object.name, "is needed, but is not a valid object name")),
        }
    }

    fn existing(&self, object: &str) -> Result<Vec<u8>> {
        let missing = || self.damaged(object, "is missing, but is needed");
        self.storage.get(object)?.ok_or_else(missing)
    }

    /// The error that an object is damaged.
    fn damaged(&self, object: &str, message: impl Into<String>) -> Error {
        let shown = self.storage.shown_object(object);
        Error::about(&shown, ErrorKind::Damage, message).hint(CHECK)
    }

    /// Compresses `bytes` and stores them under the name that `name` makes of the SHA-256, never
    /// one that is `marked`. They were read back, decompressed and compared when this returns.
    ///
    /// # Errors
    /// When they cannot be stored, or do not read back.
    pub fn store(
        &self,
        bytes: &[u8],
        marked: &HashSet<String>,
        name: impl Fn(&str) -> String,
    ) -> Result<Object> {
        let failed = |err| Error::io(self.shown(), "compress an object for", err);
        let mut salt = None;
        let (object, stored) = loop {
            let stored = codec::compress(bytes, salt).map_err(failed)?;
            let sha256 = sha256(&stored);
            let object = Object {
                name: name(&sha256),
                bytes: stored.len() as u64,
                sha256,
            };
            if !marked.contains(&object.name) {
                break (object, stored);
            }
            salt = Some(salt.map_or(1, |salt: u64| salt + 1));
        };
        self.storage.put(&object.name, stored)?;
        let stored = self.object(&object)?;
        let shown = self.storage.shown_object(&object.name);
        let mut compared = codec::Compared::new(bytes);
        codec::decompress(&shown, &stored, bytes.len() as u64, &mut compared, &shown)?;
        if !compared.is_complete() {
            let message = "was written, but decompresses to less than was compressed";
            return Err(Error::about(&shown, ErrorKind::Failed, message));
        }
        Ok(object)
    }

    /// Stores bytes that are compressed already, under the name that they have in another
    /// repository, and reads them back.
    ///
    /// # Errors
    /// When they cannot be written, or do not read back.
    pub fn store_stored(&self, object: &Object, stored: Vec<u8>) -> Result<()> {
        let found = sha256(&stored);
        if found != object.sha256 {
            let message = format!("should have SHA-256 {}, not {found}", object.sha256);
            let shown = self.storage.shown_object(&object.name);
            return Err(Error::about(&shown, ErrorKind::Failed, message));
        }
        self.put_read_back(&object.name, stored)
    }

    /// Decompresses an object into `out`, called `target`, after its SHA-256 was compared. Gives
    /// how many bytes that were.
    ///
    /// # Errors
    /// Damage; failures to read or write.
    pub fn decompress(
        &self,
        object: &Object,
        out: &mut impl std::io::Write,
        target: &Path,
    ) -> Result<u64> {
        self.decompress_within(object, u64::MAX, out, target)
    }

    /// As [`Repository::decompress`]; more than `len_max` bytes are damage, told before they are
    /// written.
    ///
    /// # Errors
    /// As [`Repository::decompress`].
    pub fn decompress_within(
        &self,
        object: &Object,
        len_max: u64,
        out: &mut impl std::io::Write,
        target: &Path,
    ) -> Result<u64> {
        let stored = self.object(object)?;
        let len_max = len_max.min(UNPACKED_LEN_MAX);
        let shown = self.storage.shown_object(&object.name);
        codec::decompress(&shown, &stored, len_max, out, target).map_err(|error| {
            match error.kind() {
                ErrorKind::Damage => error.hint(CHECK),
                _ => error,
            }
        })
    }

    /// Decompresses an object as it is read, after its SHA-256 was compared. What zstd finds broken
    /// is an error of the reader.
    ///
    /// # Errors
    /// Damage; failures to read.
    pub fn reader(&self, object: &Object) -> Result<impl std::io::Read + Send + 'static> {
        let stored = self.object(object)?;
        codec::reader(stored, UNPACKED_LEN_MAX)
            .map_err(|err| self.damaged(&object.name, err.to_string()))
    }

    /// Writes a commit point, and reads it back. `seen_ms` is the latest time in the names that the
    /// writer saw. All that the manifest lists has to be stored.
    ///
    /// # Errors
    /// When it cannot be written, or does not read back.
    pub fn commit(&self, manifest: &Manifest, seen_ms: Option<i64>) -> Result<BackupName> {
        let (bytes, sha256) = manifest.encode();
        let created_ms = seen_ms.map_or(manifest.created_ms, |seen| {
            manifest.created_ms.max(seen + 1)
        });
        let zxid = manifest
            .last
            .as_ref()
            .map_or_else(Default::default, |mark| mark.zxid);
        let backup = BackupName::new(&manifest.lineage, created_ms, zxid, &sha256);
        self.put_read_back(&backup.object(), bytes)?;
        Ok(backup)
    }

    /// Writes a mark for deletion. Gives its name.
    ///
    /// # Errors
    /// When it cannot be written, or does not read back.
    pub fn bury(&self, tomb: &Tombstone) -> Result<String> {
        let (bytes, sha256) = encode(tomb);
        let name = name::tomb(tomb.created_ms, &sha256);
        self.put_read_back(&name, bytes)?;
        Ok(name)
    }

    /// Stores bytes as they are, and reads them back.
    ///
    /// # Errors
    /// When they cannot be written, or do not read back.
    pub fn put_read_back(&self, object: &str, bytes: Vec<u8>) -> Result<()> {
        self.storage.put(object, bytes.clone())?;
        match self.storage.get(object)? {
            Some(found) if found == bytes => Ok(()),
            _ => {
                let shown = self.storage.shown_object(object);
                let message = "was written, but reads back differently";
                Err(Error::about(&shown, ErrorKind::Failed, message))
            }
        }
    }
}

impl Listing {
    /// The lineages, that of the newest backup first.
    pub fn lineages(&self) -> Vec<&str> {
        let mut lineages: Vec<&str> = Vec::new();
        for backup in self.backups.iter().rev() {
            if !lineages.contains(&backup.lineage.as_str()) {
                lineages.push(&backup.lineage);
            }
        }
        lineages
    }

    /// The backups of a lineage, in the order in which they were made.
    pub fn of_lineage<'a>(
        &'a self,
        lineage: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a BackupName> {
        self.backups
            .iter()
            .filter(move |backup| backup.lineage == lineage)
    }

    /// The latest time in any name that was seen, in ms.
    pub fn seen_ms(&self) -> Option<i64> {
        let backups = self.backups.iter().chain(&self.forgotten);
        backups.map(|backup| backup.created_ms).max()
    }

    /// The backup whose id begins with `id`, which has to be the only one.
    ///
    /// # Errors
    /// [`ErrorKind::BadArgument`] when there is none or more than one.
    pub fn find(&self, id: &str) -> Result<&BackupName> {
        let mut found = self
            .backups
            .iter()
            .filter(|backup| backup.id.starts_with(id));
        if id.is_empty() {
            let message = "the id of a backup is required";
            let error = Error::new(ErrorKind::BadArgument, message);
            return Err(error.hint("'zoovault backups' lists them"));
        }
        match (found.next(), found.next()) {
            (Some(backup), None) => Ok(backup),
            (None, _) => Err(Error::new(
                ErrorKind::BadArgument,
                format!("there is no backup {id}"),
            )
            .hint("'zoovault backups' lists them")),
            _ => Err(Error::new(
                ErrorKind::BadArgument,
                format!("more than one backup begins with {id}"),
            )
            .hint("give more of its digits")),
        }
    }
}
