//! What is in a repository, by its names and its small objects: nothing large is read.

use crate::analysis::finding::{Code, Finding, Severity};
use crate::error::{Error, Result};
use crate::format::checksum::sha256;
use crate::history::timeline::side_by_side;
use crate::progress::Progress;
use crate::repository::{
    BackupName, FORMAT_VERSION, Identity, Manifest, Pin, Repository, Tombstone, decode, encode,
    name,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

/// How old a file has to be to be one that no writer will finish.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// What is in a repository.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The backups that count and can be read, in the order in which they were made.
    pub live: Vec<(BackupName, Manifest)>,
    /// The backups that count and cannot be read.
    pub broken: Vec<BackupName>,
    /// The backups that count and are of a later format.
    pub newer: Vec<BackupName>,
    /// Backups that are forgotten.
    pub forgotten: Vec<BackupName>,
    /// Ids of backups that are marked to be kept.
    pub pinned: BTreeSet<String>,
    /// How many marks for deletion there are.
    pub tombs: u64,
    /// The sizes of logs and parts of snapshots, by name.
    pub sizes: HashMap<String, u64>,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// Names of objects that are marked for deletion, or that a forgotten backup lists.
    spared: HashSet<String>,
}

/// Why bytes are not what their name says.
enum Flaw {
    /// They are of a later format.
    Newer(u64),
    /// They are something else.
    Damaged(String),
    /// The storage does not give them.
    Unreadable(Error),
}

/// Takes everything in that is small.
///
/// Marks for deletion come first, backups before what they list: so of what goes on at the same
/// time nothing is taken for damage.
///
/// # Errors
/// Failures to list or read.
pub(super) fn survey(repository: &Repository, progress: &dyn Progress) -> Result<Survey> {
    let mut survey = Survey::default();
    survey.judge_identity(repository)?;
    let forgotten = survey.read_tombs(repository)?;
    survey.read_backups(repository, &forgotten, progress)?;
    survey.read_pins(repository)?;
    for folder in [name::LOGS, name::SNAPSHOTS] {
        for object in repository.storage().list(folder)? {
            match name::is_stored(&object.name) {
                true => {
                    survey.sizes.insert(object.name, object.size);
                }
                false => survey.findings.push(foreign(object.name)),
            }
        }
    }
    survey.count_strays(repository)?;
    Ok(survey)
}

impl Survey {
    fn judge_identity(&mut self, repository: &Repository) -> Result<()> {
        let message = match repository.storage().get(name::REPOSITORY)? {
            None => "is missing".to_owned(),
            Some(bytes) => match decode::<Identity>(&bytes) {
                Err(message) => message,
                Ok(identity) if !identity.is_whole() => "its id does not match its contents".into(),
                Ok(identity) if encode(&identity).0 != bytes => {
                    "is not as zoovault writes it".into()
                }
                Ok(_) => return Ok(()),
            },
        };
        let finding = Finding::new(Code::RepositoryDamaged, message);
        self.findings.push(finding.file(name::REPOSITORY));
        Ok(())
    }

    /// Reads the marks for deletion, and gives the ids of forgotten backups.
    fn read_tombs(&mut self, repository: &Repository) -> Result<HashSet<String>> {
        let mut forgotten = HashSet::new();
        for tomb in repository.storage().list(name::TOMBS)? {
            if name::parse_tomb(&tomb.name).is_none() {
                self.findings.push(foreign(tomb.name));
                continue;
            }
            // One that is gone was carried out.
            let is_named =
                |read: &Tombstone, sha256: &str| name::tomb(read.created_ms, sha256) == tomb.name;
            let Some(read) = judged(repository, &tomb.name, is_named) else {
                continue;
            };
            self.tombs += 1;
            match read {
                Ok(read) => {
                    forgotten.extend(read.backups);
                    self.spared.extend(read.objects);
                }
                Err(flaw) => {
                    let finding = flaw.finding(Code::TombDamaged, Severity::Damage);
                    self.findings.push(finding.file(tomb.name));
                }
            }
        }
        Ok(forgotten)
    }

    fn read_backups(
        &mut self,
        repository: &Repository,
        forgotten: &HashSet<String>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut names = Vec::new();
        let listed = repository.storage().list(name::BACKUPS)?;
        let bytes: u64 = listed.iter().map(|object| object.size).sum();
        for object in listed {
            match BackupName::parse(&object.name) {
                Some(name) => names.push(name),
                None => self.findings.push(foreign(object.name)),
            }
        }
        names.sort();
        progress.start("reading manifests", Some(bytes));
        let read = side_by_side(&names, |name| {
            // What else the name says is compared where manifests are judged.
            let is_named = |_: &Manifest, sha256: &str| sha256.starts_with(&name.id);
            Ok(judged(repository, &name.object(), is_named))
        })?;
        progress.advance(bytes);
        for (name, read) in names.into_iter().zip(read) {
            let is_live = !forgotten.contains(&name.id);
            match read {
                Some(Ok(manifest)) if is_live => self.live.push((name, manifest)),
                Some(Ok(manifest)) => {
                    let objects = manifest.objects().map(|object| object.name.clone());
                    self.spared.extend(objects);
                    self.forgotten.push(name);
                }
                Some(Err(flaw)) => self.tell_broken(name, &flaw, is_live),
                // A forgotten one may be deleted at any time.
                None if !is_live => {}
                None => {
                    let flaw = Flaw::Damaged("was listed, but is missing".to_owned());
                    self.tell_broken(name, &flaw, is_live);
                }
            }
        }
        Ok(())
    }

    fn tell_broken(&mut self, name: BackupName, flaw: &Flaw, is_live: bool) {
        let severity = match is_live {
            true => Severity::Damage,
            false => Severity::Warning,
        };
        let finding = flaw.finding(Code::BackupDamaged, severity);
        let finding = finding.file(name.object()).backups([name.id.clone()]);
        self.findings.push(finding);
        match (is_live, flaw) {
            (true, Flaw::Newer(_)) => self.newer.push(name),
            (true, Flaw::Damaged(_) | Flaw::Unreadable(_)) => self.broken.push(name),
            (false, _) => self.forgotten.push(name),
        }
    }

    fn read_pins(&mut self, repository: &Repository) -> Result<()> {
        let known = self.live.iter().map(|(name, _)| name);
        let known = known.chain(&self.broken).chain(&self.newer);
        let known: HashSet<String> = known.map(|name| name.id.clone()).collect();
        for pin in repository.storage().list(name::PINS)? {
            let Some(id) = name::parse_pin(&pin.name).map(str::to_owned) else {
                self.findings.push(foreign(pin.name));
                continue;
            };
            let is_named = |read: &Pin, sha256: &str| name::pin(&read.backup, sha256) == pin.name;
            let Some(read) = judged(repository, &pin.name, is_named) else {
                continue;
            };
            if let Err(flaw) = read {
                let finding = flaw.finding(Code::PinDamaged, Severity::Damage);
                self.findings.push(finding.file(&pin.name));
            }
            if !known.contains(&id) {
                let message = format!("keeps {id}, but there is no such backup");
                let finding = Finding::new(Code::PinWithoutBackup, message);
                self.findings.push(finding.file(&pin.name));
            }
            self.pinned.insert(id);
        }
        Ok(())
    }

    /// Counts what nothing lists: it does not exist for readers, and takes up room.
    fn count_strays(&mut self, repository: &Repository) -> Result<()> {
        let listed = self
            .live
            .iter()
            .flat_map(|(_, manifest)| manifest.objects());
        let listed: HashSet<&str> = listed.map(|object| object.name.as_str()).collect();
        let is_stray = |name: &str| !listed.contains(name) && !self.spared.contains(name);
        let strays = self.sizes.iter().filter(|(name, _)| is_stray(name));
        let sizes: Vec<u64> = strays.map(|(_, size)| *size).collect();
        if !sizes.is_empty() {
            let (count, bytes) = (sizes.len(), sizes.iter().sum::<u64>());
            let mut message = format!("no backup lists {count} objects of {bytes} bytes");
            if !(self.broken.is_empty() && self.newer.is_empty()) {
                message.push_str(" (including those of backups that cannot be read)");
            }
            let finding = Finding::new(Code::ObjectUnlisted, message);
            self.findings.push(finding);
        }
        let leftovers = repository.storage().leftovers(LEFTOVER_AGE)?;
        if !leftovers.is_empty() {
            let bytes: u64 = leftovers.iter().map(|(_, size)| size).sum();
            let message = format!("{} unfinished files of {bytes} bytes", leftovers.len());
            let finding = Finding::new(Code::WriterLeftover, message);
            self.findings.push(finding);
        }
        Ok(())
    }
}

/// Reads JSON whose name holds a part of its SHA-256; `None` where it is gone. The rest of the name
/// has to be right as `is_named` has it.
fn judged<T: Serialize + for<'a> Deserialize<'a>>(
    repository: &Repository,
    object: &str,
    is_named: impl Fn(&T, &str) -> bool,
) -> Option<std::result::Result<T, Flaw>> {
    match repository.storage().get(object) {
        Ok(bytes) => Some(decoded(object, &bytes?, is_named)),
        Err(error) => Some(Err(Flaw::Unreadable(error))),
    }
}

fn decoded<T: Serialize + for<'a> Deserialize<'a>>(
    object: &str,
    bytes: &[u8],
    is_named: impl Fn(&T, &str) -> bool,
) -> std::result::Result<T, Flaw> {
    let sha256 = sha256(bytes);
    if !object.ends_with(&format!("-{}.json", name::short(&sha256))) {
        let message = format!("its SHA-256 is {sha256}, which does not match its name");
        return Err(Flaw::Damaged(message));
    }
    let read: T = decode(bytes).map_err(|message| match format_of(bytes) {
        Some(format) if format > FORMAT_VERSION => Flaw::Newer(format),
        Some(_) | None => Flaw::Damaged(message),
    })?;
    if encode(&read).0 != bytes {
        let message = "is not as zoovault writes it".to_owned();
        return Err(Flaw::Damaged(message));
    }
    match is_named(&read, &sha256) {
        true => Ok(read),
        false => Err(Flaw::Damaged("does not match its name".into())),
    }
}

fn format_of(bytes: &[u8]) -> Option<u64> {
    let read: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    read.get("format")?.as_u64()
}

impl Flaw {
    fn finding(&self, code: Code, severity: Severity) -> Finding {
        match self {
            Flaw::Newer(format) => {
                let message = format!(
                    "has format {format}, but this release supports up to {FORMAT_VERSION}"
                );
                Finding::new(Code::FormatNewer, message)
            }
            Flaw::Damaged(message) => Finding::new(code, message.clone()).severity(severity),
            Flaw::Unreadable(error) => Finding::new(Code::ObjectUnreadable, error.to_string()),
        }
    }
}

fn foreign(object: String) -> Finding {
    let message = "has a name that zoovault does not use";
    Finding::new(Code::NameForeign, message).file(object)
}
