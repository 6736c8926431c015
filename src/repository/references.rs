//! Which objects backups need.

use super::Repository;
use super::name::BackupName;
use crate::error::Result;
use std::collections::{HashMap, HashSet};

/// What manifests list, kept small: a manifest never changes, so each is read once, however often
/// the repository is looked at.
#[derive(Debug, Default)]
pub struct Needs {
    numbers: HashMap<String, u32>,
    /// By id: the numbers of the objects' names.
    of: HashMap<String, Vec<u32>>,
}

/// Objects that some backups need.
#[derive(Debug)]
pub struct Needed<'a> {
    numbers: &'a HashMap<String, u32>,
    set: HashSet<u32>,
}

impl Needs {
    /// Reads what `backup` needs, where that was not done yet.
    ///
    /// # Errors
    /// Damage of its manifest; failures to read.
    pub fn read(&mut self, repository: &Repository, backup: &BackupName) -> Result<()> {
        if self.of.contains_key(&backup.id) {
            return Ok(());
        }
        let manifest = repository.manifest(backup)?;
        let mut needs = Vec::new();
        for object in manifest.objects() {
            let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
            let number = match self.numbers.get(&object.name) {
                Some(number) => *number,
                None => *self.numbers.entry(object.name.clone()).or_insert(next),
            };
            needs.push(number);
        }
        self.of.insert(backup.id.clone(), needs);
        Ok(())
    }

    /// What those of `backups` need that were read.
    pub fn of<'a>(&self, backups: impl IntoIterator<Item = &'a BackupName>) -> Needed<'_> {
        let read = backups
            .into_iter()
            .filter_map(|backup| self.of.get(&backup.id));
        Needed {
            set: read.flatten().copied().collect(),
            numbers: &self.numbers,
        }
    }
}

impl Needed<'_> {
    /// Whether an object is needed.
    pub fn contains(&self, object: &str) -> bool {
        self.numbers
            .get(object)
            .is_some_and(|number| self.set.contains(number))
    }
}
