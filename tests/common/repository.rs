//! Small repositories, made of fixtures by hand: what a writer is to leave behind, without one.

use crate::common::testdata;
use object_store::memory::InMemory;
use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;
use zoovault::format::snapshot::{self, codec::Codec};
use zoovault::format::txnlog::{self, Level, encode_header, encode_record};
use zoovault::history::History;
use zoovault::history::replay::exact_ranges;
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::repository::{
    BackupName, FORMAT_VERSION, LineageContents, Manifest, Mark, Origin, Origins, Pin, Repository,
    Storage, StoredLog, StoredSnapshot, StoredTrailer, StoredWindow, Tombstone, encode, name,
};
use zoovault::zxid::Zxid;

/// The lineage of all that is made here.
pub const LINEAGE: &str = "f00dfeed";
/// When the repository was made.
pub const BEGIN_MS: i64 = 1_763_640_000_000;

/// An empty repository in memory, and the store that it is in.
pub fn in_memory() -> (Arc<InMemory>, Repository) {
    let store = Arc::new(InMemory::new());
    let storage = Storage::of(store.clone(), "memory");
    (store, Repository::create(storage, BEGIN_MS).unwrap())
}

/// A fixture as a source.
pub fn fixture(name: &str) -> Source {
    let path = testdata().join("datadirs").join(name);
    Source::open(&path, &Options::default()).unwrap()
}

/// Stores each log of a source as one object of `lineage`, as `change` makes it.
pub fn store_logs(
    repository: &Repository,
    lineage: &str,
    source: &Source,
    change: &dyn Fn(&mut Vec<u8>),
) -> Vec<StoredLog> {
    let mut stored = Vec::new();
    for log in source.logs() {
        let mut bytes = encode_header();
        let mut reader = source.open_log(log).unwrap();
        while let Some(entry) = reader.next_entry().unwrap() {
            encode_record(entry.payload, &mut bytes);
        }
        change(&mut bytes);
        stored.extend(store_log(repository, lineage, &bytes));
    }
    stored
}

/// Stores the bytes of a log; `None` where it holds no txn.
pub fn store_log(repository: &Repository, lineage: &str, bytes: &[u8]) -> Option<StoredLog> {
    let reader = txnlog::LogReader::new("made".as_ref(), bytes).unwrap();
    let summary = txnlog::scan(reader, Level::Everything, &|_| {}).unwrap();
    let run = summary.runs.first()?;
    let object = repository
        .store(bytes, &HashSet::new(), |sha256| {
            name::log(lineage, run.first, run.last, sha256)
        })
        .unwrap();
    Some(StoredLog {
        object,
        first_zxid: run.first,
        last_zxid: run.last,
        first_time_ms: run.first_time,
        last_time_ms: run.last_time,
        max_time_ms: run.max_time,
        txns: summary.count,
        digests: summary.digests,
        clock_steps: summary.clock_steps,
        log_bytes: bytes.len() as u64,
    })
}

/// Stores a snapshot of a source, in parts of `len` bytes.
pub fn store_base(
    repository: &Repository,
    lineage: &str,
    source: &Source,
    zxid: Zxid,
    len: usize,
) -> StoredSnapshot {
    let file = source
        .snapshots()
        .iter()
        .find(|file| file.zxid() == zxid)
        .unwrap();
    let mut bytes = Vec::new();
    let mut plain = file
        .codec()
        .reader(std::fs::File::open(file.shown()).unwrap());
    plain.read_to_end(&mut bytes).unwrap();
    let open = || snapshot::SnapshotReader::new(file.shown(), Codec::Plain, bytes.as_slice());
    let summary = snapshot::check(file.shown(), &open, &|_| {}).unwrap();
    let parts = bytes.chunks(len).enumerate().map(|(part, bytes)| {
        let named = |sha256: &str| name::snapshot(lineage, zxid, part, sha256);
        repository.store(bytes, &HashSet::new(), named).unwrap()
    });
    let is_fresh = zxid == Zxid::ZERO;
    let digest = summary.trailer.digest;
    StoredSnapshot {
        zxid,
        exact_from: match (is_fresh, digest) {
            (false, Some((last, _))) => summary.trailer.last_zxid.map_or(last, |z| z.max(last)),
            _ => zxid,
        },
        is_inferred: false,
        shows_zxid: None,
        origin: if is_fresh {
            Origin::Fresh
        } else {
            Origin::Server
        },
        trailer: StoredTrailer {
            digest_zxid: digest.map(|(zxid, _)| zxid),
            digest: digest.map(|(_, digest)| Zxid::from_i64(digest.tree_digest)),
            digest_version: digest.map(|(_, digest)| digest.version),
            last_zxid: summary.trailer.last_zxid,
        },
        created_ms: BEGIN_MS,
        newest_zxids: summary.newest_zxids.as_slice().to_vec(),
        snapshot_bytes: bytes.len() as u64,
        parts: parts.collect(),
    }
}

/// A manifest of these, with the windows that they give.
pub fn manifest(
    repository: &Repository,
    lineage: &str,
    created_ms: i64,
    snapshots: &[StoredSnapshot],
    logs: &[StoredLog],
    follows: &[&BackupName],
) -> Manifest {
    let last = logs.iter().max_by_key(|log| log.last_zxid).map(|log| Mark {
        zxid: log.last_zxid,
        time_ms: log.last_time_ms,
        sha256: "0".repeat(64),
    });
    let mut made = Manifest {
        format: FORMAT_VERSION,
        tool: "zoovault 0.1.0".to_owned(),
        lineage: lineage.to_owned(),
        created_ms,
        source: Origins {
            path: "/var/lib/zookeeper".to_owned(),
            host: "zk1".to_owned(),
            member: Some(1),
            position: None,
        },
        max_epoch: last.as_ref().map_or(0, |mark| mark.zxid.epoch()),
        last,
        windows: Vec::new(),
        follows: follows.iter().map(|name| name.id.clone()).collect(),
        added_txns: logs.last().map_or(0, |log| log.txns),
        added_bytes: logs.last().map_or(0, |log| log.object.bytes),
        warnings: Vec::new(),
        snapshots: snapshots.to_vec(),
        logs: logs.to_vec(),
        evidence: Default::default(),
    };
    made.windows = windows(repository, &made);
    made
}

/// What a manifest gives.
pub fn windows(repository: &Repository, manifest: &Manifest) -> Vec<StoredWindow> {
    let name = BackupName::new(&manifest.lineage, 0, Zxid::ZERO, "");
    let history = LineageContents::of(vec![(name, manifest.clone())]);
    let source = Source::of_history(repository, &history, &Options::default()).unwrap();
    let stored = History::read(&source, Level::Frames, &NoProgress).unwrap();
    let time_at = |zxid: Zxid| {
        let at_begin = manifest.logs.iter().find(|log| log.first_zxid == zxid);
        let at_end = manifest.logs.iter().find(|log| log.last_zxid == zxid);
        let begin = at_begin.map(|log| log.first_time_ms);
        begin.or(at_end.map(|log| log.last_time_ms))
    };
    let ranges = exact_ranges(&stored.timeline, stored.bases().unwrap());
    let windows = ranges.iter().map(|range| StoredWindow::of(range, time_at));
    windows.collect()
}

/// Marks a backup to be kept.
pub fn pin(repository: &Repository, id: &str) -> String {
    let pin = Pin {
        format: FORMAT_VERSION,
        created_ms: BEGIN_MS,
        backup: id.to_owned(),
    };
    let (bytes, sha256) = encode(&pin);
    let name = name::pin(id, &sha256);
    repository.put_read_back(&name, bytes).unwrap();
    name
}

/// Makes a backup count no more.
pub fn forget(repository: &Repository, id: &str) -> String {
    let tomb = Tombstone {
        format: FORMAT_VERSION,
        created_ms: BEGIN_MS,
        backups: vec![id.to_owned()],
        objects: Vec::new(),
    };
    repository.bury(&tomb).unwrap()
}

/// Two backups of `small-3.8`, a minute apart: one of its beginning, and one of all that follows
/// that one. The second stands on a base of two parts.
pub struct Small {
    /// The logs, all of them.
    pub logs: Vec<StoredLog>,
    /// The bases: a fresh one, and one in two parts.
    pub bases: Vec<StoredSnapshot>,
    /// The backups.
    pub backups: Vec<(BackupName, Manifest)>,
}

/// Fills a repository.
pub fn fill(repository: &Repository) -> Small {
    let source = fixture("small-3.8");
    let logs = store_logs(repository, LINEAGE, &source, &|_| {});
    let base = |zxid, len| store_base(repository, LINEAGE, &source, Zxid::from_i64(zxid), len);
    let bases = vec![base(0, usize::MAX), base(0x14, 600)];
    let made =
        |created_ms, bases: &[StoredSnapshot], logs: &[StoredLog], follows: &[&BackupName]| {
            let made = manifest(repository, LINEAGE, created_ms, bases, logs, follows);
            let name = repository.commit(&made, None).unwrap();
            (name, made)
        };
    let first = made(BEGIN_MS, &bases[..1], &logs[..2], &[]);
    let second = made(BEGIN_MS + 60_000, &bases[1..], &logs[1..], &[&first.0]);
    Small {
        logs,
        bases,
        backups: vec![first, second],
    }
}
