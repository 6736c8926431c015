//! What is in a repository at one moment, and what of it is due.

use super::Clock;
use crate::error::Result;
use crate::repository::{BackupName, Listing, Needs, Repository, TOMB_AGE, Tombstone, name};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How long what is marked stays, in ms.
pub const TOMB_AGE_MS: i64 = TOMB_AGE.as_secs().cast_signed() * 1000;

/// What is in a repository, and when that was read.
pub struct State {
    /// When reading began, in ms.
    pub read_ms: i64,
    /// Backups and marks.
    pub listing: Listing,
    /// Logs and parts of snapshots, with their bytes.
    pub objects: BTreeMap<String, u64>,
    /// What else is in their folders.
    pub foreign: Vec<String>,
    /// Objects that a backup needs that counts.
    live: HashSet<String>,
    /// Objects that any manifest lists that will be there when objects are deleted.
    held: HashSet<String>,
}

/// Which manifests are taken to be there when objects are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manifests {
    /// Those that are due are still to be deleted.
    BeforeDeletion,
    /// Those that are due could not be deleted: they hold what they list.
    AfterDeletion,
}

impl State {
    /// Reads all names and marks, and those manifests that `needs` does not hold yet.
    ///
    /// # Errors
    /// Failures to read, and damage: where one mark or manifest cannot be read, nobody knows what
    /// is needed.
    pub fn read(
        repository: &Repository,
        needs: &mut Needs,
        clock: Clock<'_>,
        manifests: Manifests,
    ) -> Result<State> {
        let read_ms = clock();
        let listing = repository.listing()?;
        let mut state = State {
            read_ms,
            listing,
            objects: BTreeMap::new(),
            foreign: Vec::new(),
            live: HashSet::new(),
            held: HashSet::new(),
        };
        for folder in [name::LOGS, name::SNAPSHOTS] {
            for listed in repository.storage().list(folder)? {
                if name::is_stored(&listed.name) {
                    state.objects.insert(listed.name, listed.size);
                } else {
                    state.foreign.push(listed.name);
                }
            }
        }
        let due: HashSet<String> = state
            .due_manifests()
            .into_iter()
            .map(|backup| backup.id)
            .collect();
        let stays = |backup: &&BackupName| {
            manifests == Manifests::AfterDeletion || !due.contains(&backup.id)
        };
        let forgotten: Vec<&BackupName> = state.listing.forgotten.iter().filter(stays).collect();
        for backup in &state.listing.backups {
            needs.read(repository, backup)?;
        }
        for backup in &forgotten {
            match needs.read(repository, backup) {
                // Another prune deleted it a moment ago.
                Err(_) if repository.storage().get(&backup.object())?.is_none() => {}
                read => read?,
            }
        }
        let all = state.listing.backups.iter().chain(forgotten);
        let (live, held) = (needs.of(&state.listing.backups), needs.of(all));
        let of = |needed: &crate::repository::Needed<'_>| {
            let names = state.objects.keys().filter(|name| needed.contains(name));
            names.cloned().collect()
        };
        let (live, held) = (of(&live), of(&held));
        (state.live, state.held) = (live, held);
        Ok(state)
    }

    /// The marks that are old enough to be carried out.
    fn due_tombs(&self) -> impl Iterator<Item = &Tombstone> {
        let is_due = |name: &str| self.age_of(name) >= TOMB_AGE_MS;
        let due = self.listing.tombs.iter();
        due.filter(move |(name, _)| is_due(name))
            .map(|(_, tomb)| tomb)
    }

    /// How old a mark is: by its name, which nothing can change.
    fn age_of(&self, tomb: &str) -> i64 {
        name::parse_tomb(tomb).map_or(i64::MIN, |made_ms| self.read_ms.saturating_sub(made_ms))
    }

    /// Whether a mark is dated so far in the future that it is no help: a clock was wrong. It still
    /// marks; what it marks is marked again.
    fn is_of_the_future(&self, tomb: &str) -> bool {
        self.age_of(tomb) < -TOMB_AGE_MS
    }

    /// Forgotten backups whose manifests can be deleted. Pinned ones stay: they were pinned while
    /// they were being forgotten.
    pub fn due_manifests(&self) -> Vec<BackupName> {
        let due: HashSet<&String> = self.due_tombs().flat_map(|tomb| &tomb.backups).collect();
        let forgotten = self.listing.forgotten.iter();
        forgotten
            .filter(|backup| due.contains(&backup.id) && !self.listing.pinned.contains(&backup.id))
            .cloned()
            .collect()
    }

    /// Objects that can be deleted: marked long enough, and listed by no manifest that is there,
    /// not even by one that is forgotten.
    pub fn due_objects(&self) -> BTreeMap<String, u64> {
        self.due_tombs()
            .flat_map(|tomb| &tomb.objects)
            .filter(|name| !self.held.contains(*name))
            .filter_map(|name| Some((name.clone(), *self.objects.get(name)?)))
            .collect()
    }

    /// Objects that are marked and cannot be deleted yet, although no backup that counts needs
    /// them; and when the first of them can be.
    pub fn waiting(&self) -> (BTreeMap<String, u64>, Option<i64>) {
        let due = self.due_objects();
        let (mut waiting, mut first) = (BTreeMap::new(), None);
        for (tomb, made_ms) in self.listing.tombs.iter().filter_map(|(name, tomb)| {
            let made_ms = name::parse_tomb(name)?;
            (!self.is_of_the_future(name)).then_some((tomb, made_ms))
        }) {
            let objects = tomb.objects.iter().filter_map(|name| {
                let size = self.objects.get(name)?;
                (!due.contains_key(name) && !self.live.contains(name)).then_some((name, size))
            });
            let before = waiting.len();
            waiting.extend(objects.map(|(name, size)| (name.clone(), *size)));
            let due_ms = made_ms.saturating_add(TOMB_AGE_MS);
            if waiting.len() > before && due_ms > self.read_ms {
                first = Some(first.map_or(due_ms, |first: i64| first.min(due_ms)));
            }
        }
        (waiting, first)
    }

    /// Objects that no backup that counts needs, and that are not marked yet.
    pub fn unmarked_objects(&self) -> BTreeMap<String, u64> {
        let marked: HashSet<&String> = self
            .present_tombs()
            .flat_map(|(_, tomb)| &tomb.objects)
            .collect();
        let objects = self.objects.iter();
        objects
            .filter(|(name, _)| !self.live.contains(*name) && !marked.contains(name))
            .map(|(name, size)| (name.clone(), *size))
            .collect()
    }

    /// Backups that only marks of the future forget: no such mark is carried out in time.
    pub fn unmarked_backups(&self) -> Vec<String> {
        let marked: HashSet<&String> = self
            .present_tombs()
            .flat_map(|(_, tomb)| &tomb.backups)
            .collect();
        let forgotten = self.listing.forgotten.iter();
        forgotten
            .filter(|backup| !marked.contains(&backup.id))
            .map(|backup| backup.id.clone())
            .collect()
    }

    fn present_tombs(&self) -> impl Iterator<Item = &(String, Tombstone)> {
        let tombs = self.listing.tombs.iter();
        tombs.filter(|(name, _)| !self.is_of_the_future(name))
    }

    /// Whether all that a mark says is done: its backups are gone; its objects are gone, or needed
    /// again by a backup that was being made.
    fn is_carried_out(&self, tomb: &Tombstone, there: &HashSet<&str>) -> bool {
        let is_done = |object: &String| {
            let is_there = self.objects.contains_key(object) || there.contains(object.as_str());
            !is_there || self.live.contains(object)
        };
        let mut backups = tomb.backups.iter();
        backups.all(|id| !there.contains(id.as_str())) && tomb.objects.iter().all(is_done)
    }

    /// Marks that are carried out and are not marked themselves; and those that can be removed:
    /// they were marked long enough, or mark nothing but marks.
    pub fn finished_tombs(&self) -> (Vec<String>, Vec<String>) {
        let tombs = self.listing.tombs.iter();
        let backups = self.listing.backups.iter().chain(&self.listing.forgotten);
        let there: HashSet<&str> = tombs
            .clone()
            .map(|(name, _)| name.as_str())
            .chain(backups.map(|backup| backup.id.as_str()))
            .collect();
        let marked: BTreeSet<&String> = self
            .present_tombs()
            .flat_map(|(_, tomb)| &tomb.objects)
            .collect();
        let due: BTreeSet<&String> = self.due_tombs().flat_map(|tomb| &tomb.objects).collect();
        let (mut to_mark, mut to_remove) = (Vec::new(), Vec::new());
        for (name, tomb) in tombs {
            let is_of_age = self.age_of(name) >= TOMB_AGE_MS || self.is_of_the_future(name);
            if !is_of_age || !self.is_carried_out(tomb, &there) {
                continue;
            }
            let marks_marks_only = tomb.backups.is_empty()
                && tomb
                    .objects
                    .iter()
                    .all(|object| name::parse_tomb(object).is_some());
            if marks_marks_only || due.contains(name) {
                to_remove.push(name.clone());
            } else if !marked.contains(name) {
                to_mark.push(name.clone());
            }
        }
        (to_mark, to_remove)
    }
}
