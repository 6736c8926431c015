//! Backups made by hand: small objects, true names, and the protocol of a run that writes.

use crate::common::random::Random;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use zoovault::repository::{
    BackupName, COMMIT_WITHIN, FORMAT_VERSION, Listing, Manifest, Mark, Origin, Origins,
    Repository, Storage, StoredLog, StoredSnapshot, StoredTrailer, StoredWindow, Tombstone, name,
};
use zoovault::zxid::Zxid;

/// An hour, in ms.
pub const HOUR: i64 = 3_600_000;
/// A day, in ms.
pub const DAY: i64 = 24 * HOUR;
/// When the tests begin: 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000;

/// A repository in memory.
pub fn repository(salt: &str) -> (Arc<InMemory>, Repository) {
    let store = Arc::new(InMemory::new());
    let storage = Storage::of(store.clone(), &format!("memory-{salt}"));
    // Repositories that are made at one time are told apart by chance: here, by their times too.
    let made_ms = START - i64::try_from(salt.len()).unwrap();
    let repository = Repository::create(storage, made_ms).unwrap();
    (store, repository)
}

/// The same repository, through another store.
pub fn through(store: Arc<dyn ObjectStore>) -> Repository {
    Repository::open(Storage::of(store, "memory")).unwrap()
}

/// A clock that is set.
#[derive(Clone, Debug)]
pub struct Watch(Arc<AtomicI64>);

impl Watch {
    /// A clock that shows `ms`.
    pub fn at(ms: i64) -> Watch {
        Watch(Arc::new(AtomicI64::new(ms)))
    }

    /// What it shows.
    pub fn ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Puts it forward.
    pub fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// What a lineage's log of this number holds: always the same, so that equal bytes are stored again
/// and again.
fn content(lineage: &str, what: &str, number: u32) -> Vec<u8> {
    format!("{what} {number} of {lineage}")
        .repeat(3)
        .into_bytes()
}

/// A run that backs up, in steps between which anything may happen.
#[derive(Debug)]
pub struct Writer {
    lineage: String,
    /// Which logs it needs.
    first: u32,
    last: u32,
    /// Whether it stores all of them, though they are there.
    is_full: bool,
    has_window: bool,
    begun_ms: i64,
    listing: Listing,
    logs: BTreeMap<u32, StoredLog>,
    base: Option<StoredSnapshot>,
}

impl Writer {
    /// Begins a backup of the logs up to `last`.
    pub fn begin(
        repository: &Repository,
        lineage: &str,
        last: u32,
        random: &mut Random,
        now_ms: i64,
    ) -> Writer {
        let mut writer = Writer {
            lineage: lineage.to_owned(),
            first: last - last % 10,
            last,
            is_full: random.once_in(4),
            has_window: !random.once_in(6),
            begun_ms: now_ms,
            listing: Listing::default(),
            logs: BTreeMap::new(),
            base: None,
        };
        writer.read(repository, now_ms);
        writer
    }

    /// Begins a backup that stores everything, and has a window.
    pub fn whole(
        repository: &Repository,
        lineage: &str,
        last: u32,
        random: &mut Random,
        now_ms: i64,
    ) -> Writer {
        let writer = Writer::begin(repository, lineage, last, random, now_ms);
        writer.with_window(true, repository)
    }

    /// Begins a backup that stores nothing that the newest one lists, and has a window.
    pub fn resting(
        repository: &Repository,
        lineage: &str,
        last: u32,
        random: &mut Random,
        now_ms: i64,
    ) -> Writer {
        let writer = Writer::begin(repository, lineage, last, random, now_ms);
        writer.with_window(false, repository)
    }

    /// Gives it a window, and has it store everything or rest on others.
    fn with_window(mut self, is_full: bool, repository: &Repository) -> Writer {
        (self.has_window, self.is_full) = (true, is_full);
        self.read(repository, self.begun_ms);
        self
    }

    /// Reads the repository, and rests on what the newest backup that counts lists.
    fn read(&mut self, repository: &Repository, now_ms: i64) {
        self.begun_ms = now_ms;
        self.listing = repository.listing().unwrap();
        self.logs.clear();
        self.base = None;
        let newest = self.listing.of_lineage(&self.lineage).next_back().cloned();
        if let (Some(newest), false) = (newest, self.is_full) {
            let manifest = repository.manifest(&newest).unwrap();
            for log in manifest.logs {
                self.logs.insert(log.first_zxid.counter(), log);
            }
            let first = Zxid::new(1, self.first);
            self.base = manifest.snapshots.into_iter().find(|it| it.zxid == first);
        }
        self.logs
            .retain(|number, _| (self.first..=self.last).contains(number));
    }

    /// Stores one object, or commits: gives the backup then.
    pub fn step(&mut self, repository: &Repository, now_ms: i64) -> Option<BackupName> {
        let missing = (self.first..=self.last).find(|number| !self.logs.contains_key(number));
        if let Some(number) = missing {
            let zxid = Zxid::new(1, number);
            let bytes = content(&self.lineage, "log", number);
            let name = |sha256: &str| name::log(&self.lineage, zxid, zxid, sha256);
            let object = repository
                .store(&bytes, &self.listing.marked, name)
                .unwrap();
            let log = StoredLog {
                object,
                first_zxid: zxid,
                last_zxid: zxid,
                first_time_ms: 0,
                last_time_ms: 0,
                max_time_ms: 0,
                txns: 1,
                digests: 0,
                clock_steps: 0,
                log_bytes: bytes.len() as u64,
            };
            self.logs.insert(number, log);
            return None;
        }
        if self.base.is_none() && self.has_window {
            self.store_base(repository);
            return None;
        }
        if now_ms - self.begun_ms >= i64::try_from(COMMIT_WITHIN.as_millis()).unwrap() {
            self.read(repository, now_ms);
            return None;
        }
        let manifest = self.manifest(now_ms);
        let seen_ms = self.listing.seen_ms();
        Some(repository.commit(&manifest, seen_ms).unwrap())
    }

    fn store_base(&mut self, repository: &Repository) {
        let zxid = Zxid::new(1, self.first);
        let part = |part: usize| {
            let bytes = content(&self.lineage, &format!("part {part}"), self.first);
            let name = |sha256: &str| name::snapshot(&self.lineage, zxid, part, sha256);
            repository
                .store(&bytes, &self.listing.marked, name)
                .unwrap()
        };
        self.base = Some(StoredSnapshot {
            zxid,
            exact_from: zxid,
            is_inferred: false,
            shows_zxid: None,
            origin: Origin::Server,
            trailer: StoredTrailer::default(),
            created_ms: self.begun_ms,
            newest_zxids: Vec::new(),
            snapshot_bytes: 0,
            parts: vec![part(0), part(1)],
        });
    }

    fn manifest(&self, now_ms: i64) -> Manifest {
        let last = Zxid::new(1, self.last);
        let window = StoredWindow {
            from_zxid: Zxid::new(1, self.first),
            to_zxid: last,
            from_time_ms: None,
            to_time_ms: None,
        };
        Manifest {
            format: FORMAT_VERSION,
            tool: "a test".to_owned(),
            lineage: self.lineage.clone(),
            created_ms: now_ms,
            source: Origins {
                path: "/data".to_owned(),
                host: "host".to_owned(),
                member: None,
                position: None,
            },
            last: Some(Mark {
                zxid: last,
                time_ms: 0,
                sha256: String::new(),
            }),
            windows: self.has_window.then_some(window).into_iter().collect(),
            follows: Vec::new(),
            max_epoch: 1,
            added_txns: 0,
            added_bytes: 0,
            warnings: Vec::new(),
            snapshots: self.base.iter().cloned().collect(),
            logs: self.logs.values().cloned().collect(),
            evidence: Default::default(),
        }
    }

    /// Does all that is left. Gives the backup.
    pub fn finish(mut self, repository: &Repository, now_ms: i64) -> BackupName {
        loop {
            if let Some(name) = self.step(repository, now_ms) {
                return name;
            }
        }
    }
}

/// Backs up logs up to `last`, with a window, all at once.
pub fn backup(repository: &Repository, lineage: &str, last: u32, now_ms: i64) -> BackupName {
    let writer = Writer::resting(repository, lineage, last, &mut Random::new(1), now_ms);
    writer.finish(repository, now_ms)
}

/// Names of the objects in a repository, but for backups and marks.
pub fn objects(repository: &Repository) -> BTreeSet<String> {
    let list = |folder: &str| repository.storage().list(folder).unwrap();
    let listed = [list(name::LOGS), list(name::SNAPSHOTS)].concat();
    listed.into_iter().map(|listed| listed.name).collect()
}

/// What is checked of a repository after each step, and what has to be remembered for that.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    /// Manifests by id: they never change.
    manifests: HashMap<String, Manifest>,
    /// Of each lineage, the newest backup with a window that was ever seen.
    newest: HashMap<String, BackupName>,
    /// Objects that were there, and since when the earliest mark says to delete them.
    before: BTreeMap<String, Option<i64>>,
    /// How often it was asked.
    pub asked: usize,
}

impl Judge {
    /// Checks all that has to be true at any time.
    pub fn judge(&mut self, repository: &Repository, now_ms: i64, context: &dyn std::fmt::Debug) {
        self.asked += 1;
        let listing = repository.listing().unwrap();
        let there = objects(repository);
        for backup in &listing.backups {
            let manifest = self
                .manifests
                .entry(backup.id.clone())
                .or_insert_with(|| repository.manifest(backup).unwrap());
            for object in manifest.objects() {
                assert!(
                    there.contains(&object.name),
                    "{context:?}: {} is gone, and {backup:?} needs it",
                    object.name
                );
            }
            if manifest.newest_window().is_some() {
                let newest = self
                    .newest
                    .entry(backup.lineage.clone())
                    .or_insert_with(|| backup.clone());
                if *backup > *newest {
                    newest.clone_from(backup);
                }
            }
        }
        for newest in self.newest.values() {
            assert!(
                listing.backups.contains(newest),
                "{context:?}: {newest:?} is the newest window, and is forgotten"
            );
        }
        for (gone, marked_ms) in self
            .before
            .iter()
            .filter(|(name, _)| !there.contains(*name))
        {
            assert!(
                marked_ms.is_some_and(|marked_ms| marked_ms + DAY <= now_ms),
                "{context:?}: {gone} was marked at {marked_ms:?}, and is gone at {now_ms}"
            );
        }
        let mut before: BTreeMap<String, Option<i64>> =
            there.into_iter().map(|name| (name, None)).collect();
        for (name, tomb) in &listing.tombs {
            let made_ms = name::parse_tomb(name);
            for object in &tomb.objects {
                if let Some(marked_ms) = before.get_mut(object) {
                    *marked_ms = marked_ms.iter().copied().chain(made_ms).min();
                }
            }
        }
        self.before = before;
    }

    /// A lineage may be forgotten as a whole.
    pub fn abandon(&mut self, lineage: &str) {
        self.newest.remove(lineage);
    }

    /// Checks that each object that counts holds what it did, that nothing else is there, and no
    /// mark.
    pub fn settled(&self, repository: &Repository) {
        let listing = repository.listing().unwrap();
        let mut needed = BTreeSet::new();
        for backup in &listing.backups {
            for object in repository.manifest(backup).unwrap().objects() {
                if needed.insert(object.name.clone()) {
                    repository.object(object).unwrap();
                }
            }
        }
        assert_eq!(objects(repository), needed);
        assert_eq!(listing.forgotten, []);
        let tombs: Vec<&Tombstone> = listing.tombs.iter().map(|(_, tomb)| tomb).collect();
        assert!(tombs.is_empty(), "{tombs:?}");
    }
}
