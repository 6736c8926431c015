//! What is written of a backup: its commit point.
//!
//! A manifest stands alone: it lists every object that its window needs, those of earlier backups
//! too. So a backup can be forgotten without harm to another, and one that is there can be restored
//! whatever became of the rest. It is JSON, for `jq`.

use crate::format::checksum::sha256;
use crate::zxid::{Zxid, ZxidRange};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of the format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u64 = 1;

/// From where on a snapshot is exact of which nothing tells when it was finished: no txn comes so
/// late, so no window begins on it.
pub const EXACT_NOWHERE: Zxid = Zxid::MAX;

/// One stored object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its name in the repository.
    pub name: String,
    /// Its bytes, as stored.
    pub bytes: u64,
    /// The SHA-256 of those, in hexadecimal.
    pub sha256: String,
}

/// A stretch of consecutive txns of one epoch. Decompressed, its object is a `log.N` that a server
/// reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLog {
    /// Where they are.
    #[serde(flatten)]
    pub object: Object,
    /// The first zxid.
    pub first_zxid: Zxid,
    /// The last zxid.
    pub last_zxid: Zxid,
    /// The time of the first txn, in ms.
    pub first_time_ms: i64,
    /// The time of the last txn.
    pub last_time_ms: i64,
    /// The latest time of any.
    pub max_time_ms: i64,
    /// How many txns.
    pub txns: u64,
    /// How many of them carry a digest of the tree.
    pub digests: u64,
    /// How many have a time before that of the one ahead of them.
    pub clock_steps: u64,
    /// Bytes, decompressed.
    pub log_bytes: u64,
}

impl StoredLog {
    /// The zxids of its txns.
    pub fn range(&self) -> ZxidRange {
        ZxidRange::new(self.first_zxid, self.last_zxid)
    }
}

/// Where a base comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A server wrote it, fuzzy as it may be.
    Server,
    /// A server wrote it before it ever had a client.
    Fresh,
    /// It was rebuilt from txns and an earlier base: exact.
    Rebuilt,
}

/// What stands behind the znodes of a snapshot that a server wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTrailer {
    /// The last zxid applied when the znodes were all written.
    pub digest_zxid: Option<Zxid>,
    /// The tree's digest then.
    pub digest: Option<Zxid>,
    /// The digest's version.
    pub digest_version: Option<i32>,
    /// The last zxid applied when the file was all written.
    pub last_zxid: Option<Zxid>,
}

/// A base. Its parts, decompressed and laid end to end, are a `snapshot.N` that a server reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSnapshot {
    /// The zxid in the snapshot's name.
    pub zxid: Zxid,
    /// From which zxid on it is exact, with the txns behind it; [`EXACT_NOWHERE`] where nothing
    /// tells.
    pub exact_from: Zxid,
    /// Whether that is inferred (from the next snapshot, or the last txn), and not said by the
    /// snapshot.
    pub is_inferred: bool,
    /// The highest zxid that any of its znodes shows, where a server wrote it: no higher than its
    /// name in one that may be taken as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shows_zxid: Option<Zxid>,
    /// Where it comes from.
    pub origin: Origin,
    /// What stands behind its znodes.
    pub trailer: StoredTrailer,
    /// When it was stored, in ms.
    pub created_ms: i64,
    /// The highest zxid that any znode holds, for each epoch of which there is one: the txns that a
    /// tree like this one shows.
    #[serde(default)]
    pub newest_zxids: Vec<Zxid>,
    /// Bytes, decompressed.
    pub snapshot_bytes: u64,
    /// Where it is.
    pub parts: Vec<Object>,
}

/// A range of zxids, all of which can be restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredWindow {
    /// The first.
    pub from_zxid: Zxid,
    /// The last.
    pub to_zxid: Zxid,
    /// The time of the first, in ms, where its txn is there.
    pub from_time_ms: Option<i64>,
    /// The time of the last.
    pub to_time_ms: Option<i64>,
}

impl StoredWindow {
    /// The points of `range`, with the times at its ends.
    pub fn of(range: ZxidRange, time_at: impl Fn(Zxid) -> Option<i64>) -> StoredWindow {
        StoredWindow {
            from_zxid: range.first,
            to_zxid: range.last,
            from_time_ms: time_at(range.first),
            to_time_ms: time_at(range.last),
        }
    }

    /// The zxids of its points.
    pub fn range(&self) -> ZxidRange {
        ZxidRange::new(self.from_zxid, self.to_zxid)
    }
}

/// A txn by which a history is known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its zxid.
    pub zxid: Zxid,
    /// Its time, in ms.
    pub time_ms: i64,
    /// The SHA-256 of its record's payload. Members of one ensemble may log other bytes for it,
    /// without effect.
    pub sha256: String,
}

/// The last txn of a source, and where it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The log's file name.
    pub log: String,
    /// Where the record begins in it.
    pub offset: u64,
    /// The txn.
    #[serde(flatten)]
    pub mark: Mark,
}

/// What was backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origins {
    /// As the user named it.
    pub path: String,
    /// On which host.
    pub host: String,
    /// The member's number, where `myid` tells.
    pub member: Option<u64>,
    /// Its last txn; `None` where it had no logs.
    pub position: Option<Position>,
}

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format: u64,
    /// The program that wrote it.
    pub tool: String,
    /// The history that it is of.
    pub lineage: String,
    /// When it was made, in ms, by the clock of the host.
    pub created_ms: i64,
    /// What was backed up.
    pub source: Origins,
    /// The last txn that the lineage held then.
    pub last: Option<Mark>,
    /// What can be restored from its objects alone.
    pub windows: Vec<StoredWindow>,
    /// Backups of the lineage that this one was compared with, and found to be of one history.
    pub follows: Vec<String>,
    /// The highest epoch that the source or the lineage had seen: what is restored begins above it.
    pub max_epoch: u32,
    /// How many txns it added, and bytes as stored.
    pub added_txns: u64,
    /// How many bytes it stored.
    pub added_bytes: u64,
    /// What was told to the operator.
    pub warnings: Vec<String>,
    /// Bases, by zxid.
    pub snapshots: Vec<StoredSnapshot>,
    /// Logs, by zxid.
    pub logs: Vec<StoredLog>,
    /// What sources showed of the ends of epochs that their logs go over.
    #[serde(default, skip_serializing_if = "StoredEvidence::is_empty")]
    pub evidence: StoredEvidence,
}

/// What sources showed of the ends of epochs that their logs go over: where txns are missing, or
/// were abandoned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvidence {
    /// Zxids of txns that are known from snapshots.
    pub txns: BTreeSet<Zxid>,
    /// The last txn of an epoch that was there and the first of the next, where the trees on both
    /// sides differ.
    pub refuted_ends: BTreeSet<(Zxid, Zxid)>,
}

impl StoredEvidence {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.txns.is_empty() && self.refuted_ends.is_empty()
    }

    /// Takes in what another run noted.
    pub fn extend(&mut self, other: &StoredEvidence) {
        self.txns.extend(&other.txns);
        self.refuted_ends.extend(&other.refuted_ends);
    }
}

impl Manifest {
    /// The bytes that are stored, and their SHA-256.
    pub fn encode(&self) -> (Vec<u8>, String) {
        encode(self)
    }

    /// Reads them back; `Err` says what is wrong.
    ///
    /// # Errors
    /// When the bytes are not those of a manifest, or of a newer format.
    pub fn decode(bytes: &[u8]) -> std::result::Result<Manifest, String> {
        decode(bytes)
    }

    /// All its objects.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        let parts = self.snapshots.iter().flat_map(|base| &base.parts);
        parts.chain(self.logs.iter().map(|log| &log.object))
    }

    /// The window that reaches the last txn, if there is one; where there are no txns, the last.
    pub fn newest_window(&self) -> Option<&StoredWindow> {
        let last = self.last.as_ref().map(|mark| mark.zxid);
        let mut windows = self.windows.iter().rev();
        windows.find(|window| last.is_none_or(|last| window.to_zxid >= last))
    }

    /// The txn from which on a replay may prove the newest window, where that is before its
    /// beginning: when its base was finished is only inferred, and digests were logged before that.
    pub fn may_begin_at(&self) -> Option<Zxid> {
        let from = self.newest_window()?.from_zxid;
        let mut bases = self.snapshots.iter();
        let base = bases.find(|base| base.is_inferred && base.exact_from == from)?;
        let logs = self.logs.iter();
        let behind = logs.filter(|log| log.digests > 0 && log.last_zxid > base.zxid);
        let first = behind.map(|log| log.first_zxid.max(base.zxid.next())).min();
        first.filter(|first| *first < from)
    }
}

/// A mark that objects and backups are to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format: u64,
    /// When it was made, in ms.
    pub created_ms: i64,
    /// Ids of backups that are forgotten: they count no more.
    pub backups: Vec<String>,
    /// Names of objects that nothing needed then. Nothing new may rest on them.
    pub objects: Vec<String>,
}

/// A mark that a backup is to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format: u64,
    /// When it was made, in ms.
    pub created_ms: i64,
    /// The backup's id.
    pub backup: String,
}

/// What makes a place a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format: u64,
    /// When it was made, in ms.
    pub created_ms: i64,
    /// Something that no other repository has.
    pub salt: String,
    /// The SHA-256 of format, time and salt, in decimal and with spaces between.
    pub id: String,
}

impl Identity {
    /// That of a new repository.
    pub fn new(created_ms: i64, salt: String) -> Identity {
        let id = Identity::id_of(FORMAT_VERSION, created_ms, &salt);
        Identity {
            format: FORMAT_VERSION,
            created_ms,
            salt,
            id,
        }
    }

    /// Whether its id is its own.
    pub fn is_whole(&self) -> bool {
        self.id == Identity::id_of(self.format, self.created_ms, &self.salt)
    }

    fn id_of(format: u64, created_ms: i64, salt: &str) -> String {
        sha256(format!("{format} {created_ms} {salt}").as_bytes())
    }
}

/// The bytes of any of these that are stored, and their SHA-256.
pub fn encode(value: &impl Serialize) -> (Vec<u8>, String) {
    let mut bytes = serde_json::to_vec(value).expect("plain structs with string keys become JSON");
    bytes.push(b'\n');
    let sha256 = sha256(&bytes);
    (bytes, sha256)
}

/// Reads any of these back.
///
/// # Errors
/// When the bytes are something else, of a newer format, or not as this program writes it.
pub fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> std::result::Result<T, String> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u64,
    }
    let wrong = |err: serde_json::Error| format!("is not what it should be: {err}");
    let versioned: Versioned = serde_json::from_slice(bytes).map_err(wrong)?;
    if versioned.format > FORMAT_VERSION {
        return Err(format!(
            "has format {}, but this release supports up to {FORMAT_VERSION}: use a newer release",
            versioned.format
        ));
    }
    serde_json::from_slice(bytes).map_err(wrong)
}
