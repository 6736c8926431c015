//! Deletes what nothing needs, while others go on writing, without a lock.
//!
//! Each run does two things: it carries out marks that are a day old, and marks what nothing needs
//! now. In this order, and each step is on the disk before the next one begins:
//!
//! 1. The manifests of backups that were forgotten a day ago ([`TOMB_AGE`]) are deleted.
//! 2. The repository is read again. Objects that were marked a day ago, and that no manifest lists
//!    that is there, are deleted. *No manifest*: neither of a backup that counts, nor of one that
//!    is forgotten and not deleted yet.
//! 3. Marks that were carried out are removed, if they were themselves marked for that a day ago.
//! 4. A new mark is written: objects that no backup that counts needs, and marks that were carried
//!    out.
//!
//! **Why nothing that is needed is deleted.** A run that writes reads marks and manifests at some
//! time T, and commits before T + 12 h ([`COMMIT_WITHIN`](crate::repository::COMMIT_WITHIN)).
//!
//! - *It did not see the mark of an object that it stores or rests on*: then that mark was written
//!   after T, is carried out after T + 24 h, and by then the run's manifest is seen. What it lists
//!   stays; the mark is void.
//! - *It saw the mark*: it stores equal bytes under another name.
//! - *It rests on an object of a backup that is forgotten meanwhile*: that manifest holds its
//!   objects for a day more.
//! - *The object and its mark are gone at T*: it may store the object again. Another prune, which
//!   read the repository before, must not delete it then. So a mark stays for a day after all of it
//!   was carried out, and a prune reads the repository again before every [`BATCH`] deletions, and
//!   deletes nothing on what it read more than [`STALE_MS`] ago.
//!
//! **Clocks.** Of 24 h, 12 h are for runs that write, and the rest is for clocks that differ and
//! calls that take long. Marks dated in the future are not due, and what they mark is marked again.
//! A clock that is before the repository was made is refused.
//!
//! **Power loss and kills.** A manifest that is live has all its objects, after any prefix of these
//! steps: manifests go before objects, and are held back by marks until after both. A run that
//! finds something gone which another one deleted makes that last first.
//!
//! **What cannot be deleted** (a lock of the bucket holds it, or permissions) is no failure: it is
//! told as retained, and tried again by each run.
//!
//! Damage of any manifest, except of one that is itself about to be deleted, stops it before
//! anything is deleted: nobody knows what that one needs.

use super::state::{Manifests, State};
use super::{Clock, ensure_plausible};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::repository::{BackupName, FORMAT_VERSION, Needs, Repository, TOMB_AGE, Tombstone};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// How many objects are deleted before the repository is read again.
pub const BATCH: usize = 1000;
/// How long after the repository was read something is deleted because of that, in ms.
pub const STALE_MS: i64 = 3600 * 1000;
/// How often a run reads the repository again because of that.
const STALE_MAX: usize = 5;

/// What is to be done.
#[derive(Debug)]
pub struct Plan {
    /// Backups whose manifests are to be deleted.
    pub manifests: Vec<BackupName>,
    /// Objects that are to be deleted, with their bytes.
    pub objects: BTreeMap<String, u64>,
    /// Marks that are to be removed.
    pub tombs: Vec<String>,
    /// Objects that are to be marked, to be deleted a day later.
    pub marks: BTreeMap<String, u64>,
    /// Objects that are marked, and not due.
    pub waiting: BTreeMap<String, u64>,
    /// When the first of them is.
    pub waiting_until_ms: Option<i64>,
    /// Files that killed writers left behind, with their bytes.
    pub leftovers: Vec<(PathBuf, u64)>,
    /// Backups that are forgotten, and stay because they are pinned.
    pub pinned: Vec<BackupName>,
    /// What is not this program's in the folders of objects.
    pub foreign: Vec<String>,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Backups whose manifests were deleted.
    pub manifests: usize,
    /// Objects that were deleted, with their bytes.
    pub objects: BTreeMap<String, u64>,
    /// Marks that were removed.
    pub tombs: usize,
    /// Objects that were marked, with their bytes.
    pub marks: BTreeMap<String, u64>,
    /// The new mark.
    pub tomb: Option<String>,
    /// Files of killed writers that were removed, and their bytes.
    pub leftovers: (usize, u64),
    /// What should be gone, and could not be deleted.
    pub retained: Vec<String>,
    /// What was said of that.
    pub refusals: Vec<String>,
}

/// Finds out what [`execute`] would do.
///
/// # Errors
/// Damage, where it cannot be known what is needed; failures to read.
pub fn plan(repository: &Repository, clock: Clock<'_>) -> Result<Plan> {
    ensure_plausible(repository, clock())?;
    let mut needs = Needs::default();
    let state = State::read(repository, &mut needs, clock, Manifests::BeforeDeletion)?;
    let (waiting, waiting_until_ms) = state.waiting();
    let (_, tombs) = state.finished_tombs();
    let is_pinned = |backup: &&BackupName| state.listing.pinned.contains(&backup.id);
    let forgotten = state.listing.forgotten.iter();
    let pinned = forgotten.filter(is_pinned).cloned().collect();
    Ok(Plan {
        manifests: state.due_manifests(),
        objects: state.due_objects(),
        tombs,
        marks: state.unmarked_objects(),
        waiting,
        waiting_until_ms,
        leftovers: repository.storage().leftovers(TOMB_AGE)?,
        pinned,
        foreign: [state.foreign, state.listing.foreign].concat(),
    })
}

/// Deletes what `plan` names, as far as nothing needs it now, and marks what nothing needs.
///
/// # Errors
/// Damage, where it cannot be known what is needed; failures to read or write. It can be run again
/// whatever happened.
pub fn execute(
    repository: &Repository,
    plan: &Plan,
    clock: Clock<'_>,
    progress: &dyn Progress,
) -> Result<Pruned> {
    ensure_plausible(repository, clock())?;
    repository.storage().sync_names()?;
    let mut run = Run {
        repository,
        clock,
        needs: Needs::default(),
        tried: BTreeSet::new(),
        stale: 0,
        pruned: Pruned::default(),
    };
    run.delete_manifests(plan)?;
    run.delete_objects(plan, progress)?;
    run.remove_tombs()?;
    run.mark()?;
    run.clear(plan);
    Ok(run.pruned)
}

struct Run<'a> {
    repository: &'a Repository,
    clock: Clock<'a>,
    needs: Needs,
    /// What it tried to delete.
    tried: BTreeSet<String>,
    /// How often what it had read was too old.
    stale: usize,
    pruned: Pruned,
}

impl Run<'_> {
    fn read(&mut self, manifests: Manifests) -> Result<State> {
        State::read(self.repository, &mut self.needs, self.clock, manifests)
    }

    /// Whether what was read is recent enough to delete something because of it: this program may
    /// have been stopped since.
    fn is_fresh(&mut self, state: &State) -> Result<bool> {
        // Not where the clock was set back, either.
        if (0..STALE_MS).contains(&((self.clock)() - state.read_ms)) {
            return Ok(true);
        }
        self.stale += 1;
        if self.stale > STALE_MAX {
            let message = "takes more than an hour to read: nothing more is deleted";
            let shown = self.repository.shown();
            return Err(Error::about(shown, ErrorKind::Failed, message));
        }
        Ok(false)
    }

    fn delete(&mut self, names: Vec<String>) -> Result<()> {
        let refusals = self.repository.storage().delete_what_can_be(&names)?;
        self.pruned
            .refusals
            .extend(refusals.iter().map(ToString::to_string));
        self.tried.extend(names);
        Ok(())
    }

    fn delete_manifests(&mut self, plan: &Plan) -> Result<()> {
        let planned: BTreeSet<&BackupName> = plan.manifests.iter().collect();
        loop {
            let state = self.read(Manifests::BeforeDeletion)?;
            let due = state.due_manifests().into_iter();
            let due = due.filter(|backup| planned.contains(backup));
            let names: Vec<String> = due.map(|backup| backup.object()).collect();
            if names.iter().all(|name| self.tried.contains(name)) {
                self.pruned.manifests = self.tried.len() - names.len();
                return Ok(());
            }
            if self.is_fresh(&state)? {
                self.delete(names)?;
            }
        }
    }

    fn delete_objects(&mut self, plan: &Plan, progress: &dyn Progress) -> Result<()> {
        progress.start("delete", Some(plan.objects.values().sum()));
        loop {
            let state = self.read(Manifests::AfterDeletion)?;
            let due = state.due_objects();
            let planned = |name: &&String| plan.objects.contains_key(*name);
            let (retained, batch): (Vec<&String>, Vec<&String>) = due
                .keys()
                .filter(planned)
                .partition(|name| self.tried.contains(*name));
            let batch: Vec<String> = batch.into_iter().take(BATCH).cloned().collect();
            if batch.is_empty() {
                self.report_deleted(plan, &state, &retained);
                return Ok(());
            }
            if self.is_fresh(&state)? {
                let bytes = batch.iter().filter_map(|name| due.get(name)).sum();
                self.delete(batch)?;
                progress.advance(bytes);
            }
        }
    }

    fn report_deleted(&mut self, plan: &Plan, state: &State, retained: &[&String]) {
        let is_gone =
            |name: &&String| self.tried.contains(*name) && !state.objects.contains_key(*name);
        let gone = plan.objects.iter().filter(|(name, _)| is_gone(name));
        self.pruned.objects = gone.map(|(name, size)| (name.clone(), *size)).collect();
        let manifests = state.listing.forgotten.iter().map(BackupName::object);
        let manifests = manifests.filter(|name| self.tried.contains(name));
        self.pruned.retained.extend(manifests);
        self.pruned
            .retained
            .extend(retained.iter().map(|name| (*name).clone()));
    }

    /// Removes marks that were carried out. One that marks only others can go when they are gone:
    /// so there are two rounds, and the third finds nothing.
    fn remove_tombs(&mut self) -> Result<()> {
        loop {
            let state = self.read(Manifests::AfterDeletion)?;
            let (_, mut finished) = state.finished_tombs();
            finished.retain(|name| !self.tried.contains(name));
            if finished.is_empty() {
                let left = state.listing.tombs.iter().map(|(name, _)| name);
                let left: Vec<&String> = left.filter(|name| self.tried.contains(*name)).collect();
                self.pruned.tombs -= left.len();
                self.pruned.retained.extend(left.into_iter().cloned());
                return Ok(());
            }
            if self.is_fresh(&state)? {
                self.pruned.tombs += finished.len();
                self.delete(finished)?;
            }
        }
    }

    fn mark(&mut self) -> Result<()> {
        let state = self.read(Manifests::AfterDeletion)?;
        let marks = state.unmarked_objects();
        let (tombs, _) = state.finished_tombs();
        let tomb = Tombstone {
            format: FORMAT_VERSION,
            created_ms: (self.clock)(),
            backups: state.unmarked_backups(),
            objects: marks.keys().cloned().chain(tombs).collect(),
        };
        if !tomb.backups.is_empty() || !tomb.objects.is_empty() {
            ensure_plausible(self.repository, tomb.created_ms)?;
            self.pruned.tomb = Some(self.repository.bury(&tomb)?);
            self.pruned.marks = marks;
        }
        Ok(())
    }

    fn clear(&mut self, plan: &Plan) {
        let refusals = self.repository.storage().clear(&plan.leftovers);
        let refused = refusals.iter().filter_map(|err| err.path());
        let refused: Vec<PathBuf> = refused.map(Into::into).collect();
        let cleared = plan.leftovers.iter();
        let cleared = cleared.filter(|(path, _)| !refused.contains(path));
        self.pruned.leftovers = cleared.fold((0, 0), |(count, bytes), (_, size)| {
            (count + 1, bytes + size)
        });
        let shown = refused.iter().map(|path| path.display().to_string());
        self.pruned.retained.extend(shown);
        self.pruned
            .refusals
            .extend(refusals.iter().map(ToString::to_string));
    }
}
