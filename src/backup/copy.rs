//! Copies backups into a second repository, as they are: objects, manifests and pins have the same
//! names and bytes there.
//!
//! This is a run that writes, like a backup: the target is read; of each backup what is missing is
//! stored and read back, then the pin, and the manifest last. So it can be killed anywhere, and
//! what was copied is not copied again. What is forgotten in the source, or was forgotten in the
//! target and is not pruned there yet, is left out.
//!
//! **Which objects count as there.** One that a live manifest of the target lists, and that has the
//! right length, was read back when it was stored; it is not read again (`check` does that). Any
//! other that is there is read and compared first.
//!
//! **Objects that the target is about to delete** are a difficulty: a manifest that is copied names
//! its objects, so equal bytes cannot have another name, as a backup would give them. Three cases:
//!
//! - A live manifest of the target lists it: prune keeps it for a day after that one is forgotten.
//!   It can be rested on.
//! - It was marked less than [`RESCUE_WITHIN`] ago: a run that had begun right before the mark
//!   could rest on it, if it committed within [`COMMIT_WITHIN`] of the mark. So can this one, under
//!   the same limit. This is what a copy leaves that was killed, with a prune behind it.
//! - It was marked longer ago: the backup is held back, and told. Prune deletes the object and
//!   takes the mark away in due course, and a copy then takes the backup.

use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::repository::{
    BackupName, COMMIT_WITHIN, Listing, Manifest, Needs, Object, Repository, name,
};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// How old a mark may be for a copy to rest on what it marks: that leaves half of [`COMMIT_WITHIN`]
/// to commit in.
pub const RESCUE_WITHIN: Duration = Duration::from_secs(6 * 3600);
/// How often the target is read while backups are copied.
const READ_EVERY: Duration = Duration::from_secs(3600);
/// How often a backup is begun anew that could not be committed in time.
const ATTEMPTS: usize = 3;

/// Which backups to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// All of them.
    All,
    /// Those whose ids begin so.
    Ids(Vec<String>),
    /// So many of the newest.
    Last(usize),
}

/// What is to be copied, and what is not.
#[derive(Debug, Default)]
pub struct Plan {
    /// The backups to copy, in the order in which they were made.
    pub backups: Vec<BackupName>,
    /// Objects that are missing in the target, for all of them together.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
    /// How many backups are there already.
    pub present: usize,
    /// Backups that were forgotten in the target, and not pruned there yet.
    pub forgotten: Vec<BackupName>,
    /// Backups that cannot be copied, and why.
    pub damage: Vec<(BackupName, Error)>,
    /// Pins, by the backup's id: of backups to copy, and of those that are there without them.
    pub pins: Vec<(String, String)>,
}

/// What was copied.
#[derive(Debug, Default)]
pub struct Copied {
    /// The backups.
    pub backups: Vec<BackupName>,
    /// How many objects.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
    /// How many pins.
    pub pins: usize,
    /// Backups that need an object which the target is about to delete, and its name.
    pub held_back: Vec<(BackupName, String)>,
    /// Backups that were forgotten in the source meanwhile.
    pub gone: Vec<BackupName>,
    /// Backups that could not be copied, and why.
    pub damage: Vec<(BackupName, Error)>,
}

/// Finds out what is to be copied from `source` to `target`.
///
/// # Errors
/// [`ErrorKind::BadArgument`] when both are one repository, or a backup is not there; failures to
/// read.
pub fn plan(source: &Repository, target: &Repository, what: &What) -> Result<Plan> {
    if source.identity().id == target.identity().id {
        let message = "is the repository to be copied, or a copy of its files";
        return Err(
            Error::about(target.shown(), ErrorKind::BadArgument, message)
                .hint("create a second repository with 'zoovault init'"),
        );
    }
    let listing = source.listing()?;
    let mut wanted: Vec<&BackupName> = match what {
        What::All => listing.backups.iter().collect(),
        What::Ids(ids) => ids
            .iter()
            .map(|id| listing.find(id))
            .collect::<Result<_>>()?,
        What::Last(count) => listing.backups.iter().rev().take(*count).collect(),
    };
    wanted.sort();
    wanted.dedup();
    let there = There::read(target, &mut Needs::default(), 0)?;
    let mut plan = Plan::default();
    let mut missing: HashSet<String> = HashSet::new();
    for backup in wanted {
        if there.listing.backups.binary_search(backup).is_ok() {
            plan.present += 1;
        } else if there.is_forgotten(backup) {
            plan.forgotten.push(backup.clone());
            continue;
        } else {
            match read(source, backup) {
                Ok((manifest, _)) => {
                    for object in manifest.objects().filter(|object| !there.has(object)) {
                        if missing.insert(object.name.clone()) {
                            plan.objects += 1;
                            plan.bytes += object.bytes;
                        }
                    }
                    plan.backups.push(backup.clone());
                }
                Err(err) if err.kind() == ErrorKind::Damage => {
                    plan.damage.push((backup.clone(), err));
                    continue;
                }
                Err(err) => return Err(err),
            }
        }
        let is_pin = |pin: &&String| name::parse_pin(pin) == Some(backup.id.as_str());
        let pins = listing.pins.iter().filter(is_pin);
        let pins = pins.filter(|_| !there.listing.pinned.contains(&backup.id));
        plan.pins
            .extend(pins.map(|pin| (backup.id.clone(), pin.clone())));
    }
    Ok(plan)
}

/// Copies what `plan` says.
///
/// # Errors
/// Failures to read or write. What is damaged in the source is no failure: other backups are
/// copied.
pub fn execute(
    source: &Repository,
    target: &Repository,
    plan: &Plan,
    clock: &dyn Fn() -> i64,
    progress: &dyn Progress,
) -> Result<Copied> {
    if let Some(free) = target
        .storage()
        .free_space()
        .filter(|free| *free < plan.bytes)
    {
        let message = format!(
            "{} bytes are to be copied, but only {free} are free",
            plan.bytes
        );
        return Err(Error::about(target.shown(), ErrorKind::Failed, message)
            .hint("free up space there, or choose another location"));
    }
    progress.start("copy", Some(plan.bytes));
    let mut needs = Needs::default();
    let mut run = Run {
        source,
        target,
        clock,
        progress,
        there: There::read_and_sync(target, &mut needs, clock())?,
        needs,
        stored: HashSet::new(),
        copied: Copied::default(),
    };
    for backup in &plan.backups {
        run.backup(backup, plan)?;
    }
    // Those of backups that were there already.
    for (id, pin) in &plan.pins {
        if !plan.backups.iter().any(|backup| backup.id == *id) {
            run.pin(pin)?;
        }
    }
    Ok(run.copied)
}

/// A manifest, whose objects have names that go with what they hold: nothing else is put into
/// another repository.
fn read(source: &Repository, backup: &BackupName) -> Result<(Manifest, Vec<u8>)> {
    let (manifest, bytes) = source.manifest_as_stored(backup)?;
    for object in manifest.objects() {
        let end = format!("-{}.zst", name::short(&object.sha256));
        if !name::is_stored(&object.name) || !object.name.ends_with(&end) {
            let message = format!("lists an object with an unexpected name: {}", object.name);
            let shown = source.storage().shown_object(&backup.object());
            return Err(Error::about(&shown, ErrorKind::Damage, message));
        }
    }
    Ok((manifest, bytes))
}

/// What is in the target.
struct There {
    /// When reading began, in ms.
    read_ms: i64,
    listing: Listing,
    objects: HashMap<String, u64>,
    /// Objects that are there and that a live manifest lists.
    live: HashSet<String>,
    /// Objects that are marked, and since when.
    marked: HashMap<String, i64>,
}

impl There {
    fn read(target: &Repository, needs: &mut Needs, read_ms: i64) -> Result<There> {
        let listing = target.listing()?;
        for backup in &listing.backups {
            match needs.read(target, backup) {
                // One that is damaged holds nothing, then: its objects are looked at one by one.
                Err(err) if err.kind() == ErrorKind::Damage => {}
                read => read?,
            }
        }
        let mut objects = HashMap::new();
        for folder in [name::LOGS, name::SNAPSHOTS] {
            let listed = target.storage().list(folder)?.into_iter();
            objects.extend(listed.map(|listed| (listed.name, listed.size)));
        }
        let needed = needs.of(&listing.backups);
        let live = objects.keys().filter(|name| needed.contains(name));
        let live = live.cloned().collect();
        let mut marked: HashMap<String, i64> = HashMap::new();
        for (tomb, marks) in &listing.tombs {
            let made_ms = name::parse_tomb(tomb).unwrap_or(i64::MIN);
            for object in &marks.objects {
                let since = marked.entry(object.clone()).or_insert(made_ms);
                *since = made_ms.min(*since);
            }
        }
        Ok(There {
            read_ms,
            listing,
            objects,
            live,
            marked,
        })
    }

    /// Reads what is there, and makes it last: a copy that was killed may have stored what this one
    /// rests on, or says is there.
    fn read_and_sync(target: &Repository, needs: &mut Needs, read_ms: i64) -> Result<There> {
        let there = There::read(target, needs, read_ms)?;
        target.storage().sync_names()?;
        Ok(there)
    }

    fn is_forgotten(&self, backup: &BackupName) -> bool {
        let mut tombs = self.listing.tombs.iter();
        tombs.any(|(_, tomb)| tomb.backups.contains(&backup.id))
    }

    /// Whether an object of the right length is there.
    fn has(&self, object: &Object) -> bool {
        self.objects.get(&object.name) == Some(&object.bytes)
    }

    /// Until when a manifest that lists all of `objects` may be written; or an object that it may
    /// not list.
    fn deadline(&self, manifest: &Manifest) -> std::result::Result<i64, String> {
        let commit_within = millis(COMMIT_WITHIN);
        let mut deadline = self.read_ms.saturating_add(commit_within);
        for object in manifest.objects() {
            let Some(since) = self.marked.get(&object.name) else {
                continue;
            };
            if self.live.contains(&object.name) {
                continue;
            }
            if self.read_ms.saturating_sub(*since) > millis(RESCUE_WITHIN) {
                return Err(object.name.clone());
            }
            deadline = deadline.min(since.saturating_add(commit_within));
        }
        Ok(deadline)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

struct Run<'a> {
    source: &'a Repository,
    target: &'a Repository,
    clock: &'a dyn Fn() -> i64,
    progress: &'a dyn Progress,
    needs: Needs,
    there: There,
    /// Objects that were stored or compared since the target was read: none of them can be deleted
    /// before it has to be read again.
    stored: HashSet<String>,
    copied: Copied,
}

impl Run<'_> {
    fn read_target(&mut self) -> Result<()> {
        self.there = There::read_and_sync(self.target, &mut self.needs, (self.clock)())?;
        self.stored.clear();
        Ok(())
    }

    /// Copies one backup, or tells why not.
    fn backup(&mut self, backup: &BackupName, plan: &Plan) -> Result<()> {
        let (manifest, bytes) = match read(self.source, backup) {
            Err(err) => return self.tell(backup, err),
            Ok(read) => read,
        };
        for _ in 0..ATTEMPTS {
            // Also where the clock was set back.
            let age = (self.clock)() - self.there.read_ms;
            if !(0..millis(READ_EVERY)).contains(&age) {
                self.read_target()?;
            }
            let there = &self.there;
            if there.listing.backups.binary_search(backup).is_ok() || there.is_forgotten(backup) {
                return Ok(());
            }
            let deadline = match there.deadline(&manifest) {
                Ok(deadline) => deadline,
                Err(object) => {
                    self.copied.held_back.push((backup.clone(), object));
                    return Ok(());
                }
            };
            for object in manifest.objects() {
                if let Err(damage) = self.object(object)? {
                    return self.tell(backup, damage);
                }
            }
            let of = |(id, _): &&(String, String)| *id == backup.id;
            for (_, pin) in plan.pins.iter().filter(of) {
                self.pin(pin)?;
            }
            if (self.there.read_ms..deadline).contains(&(self.clock)()) {
                self.target.put_read_back(&backup.object(), bytes)?;
                self.copied.backups.push(backup.clone());
                return Ok(());
            }
            // What was stored may have been marked since.
            self.read_target()?;
        }
        let message = format!(
            "{} took too long to copy: a prune running there may delete what it needs",
            backup.id
        );
        Err(Error::about(self.target.shown(), ErrorKind::Failed, message).hint("copy it again"))
    }

    /// Tells that a backup cannot be read; other failures end the run.
    fn tell(&mut self, backup: &BackupName, err: Error) -> Result<()> {
        if err.kind() != ErrorKind::Damage {
            return Err(err);
        }
        let is_live = self.source.listing()?.backups.binary_search(backup).is_ok();
        match is_live {
            true => self.copied.damage.push((backup.clone(), err)),
            false => self.copied.gone.push(backup.clone()),
        }
        Ok(())
    }

    /// Copies an object that is not there. The inner error is damage in the source.
    fn object(&mut self, object: &Object) -> Result<std::result::Result<(), Error>> {
        let has = self.there.has(object);
        if (has && self.there.live.contains(&object.name)) || self.stored.contains(&object.name) {
            return Ok(Ok(()));
        }
        // One that is damaged is stored again.
        if !has || self.target.object(object).is_err() {
            let bytes = match self.source.object(object) {
                Err(err) if err.kind() == ErrorKind::Damage => return Ok(Err(err)),
                read => read?,
            };
            self.target.store_stored(object, bytes)?;
            self.copied.objects += 1;
            self.copied.bytes += object.bytes;
            self.progress.advance(object.bytes);
        }
        self.stored.insert(object.name.clone());
        Ok(Ok(()))
    }

    fn pin(&mut self, pin: &str) -> Result<()> {
        let (_, bytes) = self.source.pin_as_stored(pin)?;
        self.target.put_read_back(pin, bytes)?;
        self.copied.pins += 1;
        Ok(())
    }
}
