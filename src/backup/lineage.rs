//! Which of a repository's histories a source is of.

use crate::checksum::sha256;
use crate::error::Result;
use crate::jute::Reader;
use crate::record::txn::TXN_HEADER_LEN;
use crate::record::{TxnHeader, is_same_txn, op};
use crate::repository::{
    BackupName, History, Listing, Manifest, Mark, Position, Repository, StoredLog,
};
use crate::source::Source;
use crate::stream::{ReadAt, Span};
use crate::timeline::Timeline;
use crate::txnlog::LogReader;
use crate::zxid::Zxid;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::path::Path;

/// How many of a lineage's newest backups are read at first. Where they do not suffice, all are.
const RECENT: usize = 16;

/// A lineage, as its newest backups tell.
pub(super) struct Lineage {
    pub id: String,
    /// In the order in which they were made.
    pub backups: Vec<(BackupName, Manifest)>,
    /// Whether these are all.
    pub is_whole: bool,
}

/// How a source stands to a lineage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// They hold the same txn, the last that both have.
    Same,
    /// They have no txn in common, and nothing says that they are of two histories.
    Unknown,
    /// They part: the first zxid that is known to be another txn, or none, in the source.
    Apart(Zxid),
}

impl Lineage {
    /// Reads the newest backups of a lineage.
    pub fn recent(repository: &Repository, listing: &Listing, id: &str) -> Result<Lineage> {
        let mut names: Vec<&BackupName> = listing.of_lineage(id).rev().take(RECENT).collect();
        names.reverse();
        Ok(Lineage {
            id: id.to_owned(),
            is_whole: names.len() == listing.of_lineage(id).count(),
            backups: read(repository, names)?,
        })
    }

    /// Reads the others too.
    pub fn complete(&mut self, repository: &Repository, listing: &Listing) -> Result<()> {
        if !self.is_whole {
            self.backups = read(repository, listing.of_lineage(&self.id).collect())?;
            self.is_whole = true;
        }
        Ok(())
    }

    /// What its backups hold together.
    pub fn history(&self) -> History {
        History::of(self.backups.clone())
    }

    /// The newest backup.
    pub fn newest(&self) -> Option<&Manifest> {
        self.backups.last().map(|(_, manifest)| manifest)
    }

    /// The last txn that any of its backups holds.
    pub fn last(&self) -> Option<&Mark> {
        let lasts = self
            .backups
            .iter()
            .filter_map(|(_, manifest)| manifest.last.as_ref());
        lasts.max_by_key(|mark| mark.zxid)
    }

    /// The backups that no other was compared with yet.
    pub fn heads(&self) -> impl Iterator<Item = &(BackupName, Manifest)> {
        let followed: HashSet<&String> = self
            .backups
            .iter()
            .flat_map(|(_, manifest)| &manifest.follows)
            .collect();
        self.backups
            .iter()
            .filter(move |(name, _)| !followed.contains(&name.id))
    }

    /// Where the source was when it was backed up last.
    pub fn position(&self, path: &str, host: &str) -> Option<&Position> {
        let mut newest = self
            .backups
            .iter()
            .rev()
            .map(|(_, manifest)| &manifest.source);
        newest
            .find(|source| source.path == path && source.host == host)
            .and_then(|source| source.position.as_ref())
    }

    /// How the source stands to it, whose txns from some place on are `timeline`.
    pub fn relation(
        &self,
        source: &Source,
        timeline: &Timeline,
        repository: &Repository,
    ) -> Result<Relation> {
        let mut relation = Relation::Unknown;
        for (_, head) in self.heads() {
            let Some(mark) = &head.last else {
                continue;
            };
            match self.compare(source, timeline, repository, head, mark)? {
                Relation::Apart(zxid) => return Ok(Relation::Apart(zxid)),
                Relation::Same => relation = Relation::Same,
                Relation::Unknown => {}
            }
        }
        Ok(relation)
    }

    /// Compares the last txn that both hold. One txn is enough: whoever logs a txn holds all that its leader had before it, so the same txn of the same
    /// zxid has the same history behind it.
    fn compare(
        &self,
        source: &Source,
        timeline: &Timeline,
        repository: &Repository,
        head: &Manifest,
        mark: &Mark,
    ) -> Result<Relation> {
        let Some(last) = timeline.last() else {
            return Ok(Relation::Unknown);
        };
        let own = payloads_at(source, timeline, mark.zxid)?;
        if !own.is_empty() {
            if own.iter().any(|payload| sha256(payload) == mark.sha256) {
                return Ok(Relation::Same);
            }
            let stored = stored_payloads(repository, &head.logs, mark.zxid)?;
            return Ok(relation(&own, &stored, mark.zxid));
        }
        if last > mark.zxid {
            // Within a segment nothing is missing but what its history does not have.
            let lacks = timeline
                .segments
                .iter()
                .any(|segment| segment.first() < mark.zxid && mark.zxid < segment.last());
            let after = timeline.next_after(mark.zxid).unwrap_or(last);
            return Ok(match lacks {
                true => Relation::Apart(after),
                false if mark.zxid.is_followed_by(after) && mark.zxid.epoch() == after.epoch() => {
                    Relation::Same
                }
                false => Relation::Unknown,
            });
        }
        self.compare_behind(source, timeline, repository, last)
    }

    /// The source ends before the lineage does: is its last txn the lineage's?
    fn compare_behind(
        &self,
        source: &Source,
        timeline: &Timeline,
        repository: &Repository,
        last: Zxid,
    ) -> Result<Relation> {
        let history = self.history();
        let stored = stored_payloads(repository, &history.logs, last)?;
        if !stored.is_empty() {
            let own = payloads_at(source, timeline, last)?;
            return Ok(relation(&own, &stored, last));
        }
        // The lineage went from one epoch to the next without it.
        let before = history.logs.iter().rev().find(|log| log.last_zxid < last);
        let behind = history.logs.iter().find(|log| log.first_zxid > last);
        Ok(match (before, behind) {
            (Some(before), Some(behind)) if before.last_zxid.is_followed_by(behind.first_zxid) => {
                // What came before it in its epoch is in the same tail.
                let first = Zxid::new(last.epoch(), 1);
                Relation::Apart(before.last_zxid.next().max(first))
            }
            _ => Relation::Unknown,
        })
    }
}

fn read(repository: &Repository, names: Vec<&BackupName>) -> Result<Vec<(BackupName, Manifest)>> {
    names
        .into_iter()
        .map(|name| Ok((name.clone(), repository.manifest(name)?)))
        .collect()
}

/// Whether records of one zxid are of one history: an error may have used the zxid of the txn before it again, and either side may hold one of the two only.
fn relation(own: &[Vec<u8>], stored: &[Vec<u8>], zxid: Zxid) -> Relation {
    let is_same = own
        .iter()
        .any(|own| stored.iter().any(|stored| is_same_txn(own, stored)));
    let is_error = |payload: &Vec<u8>| {
        TxnHeader::decode(&mut Reader::new(payload, 0))
            .is_ok_and(|header| header.txn_type == op::ERROR)
    };
    match is_same {
        true => Relation::Same,
        false if own.iter().all(is_error) || stored.iter().all(is_error) => Relation::Unknown,
        false => Relation::Apart(zxid),
    }
}

/// The payloads of the records of `zxid` in a source: one, but where an error used it again.
fn payloads_at(source: &Source, timeline: &Timeline, zxid: Zxid) -> Result<Vec<Vec<u8>>> {
    let pieces = timeline.segments.iter().flat_map(|segment| &segment.pieces);
    for piece in pieces.filter(|piece| piece.from <= zxid && zxid <= piece.run.last) {
        let found = of_zxid(piece.reader(source, zxid)?, zxid)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The same in stored logs.
fn stored_payloads(
    repository: &Repository,
    logs: &[StoredLog],
    zxid: Zxid,
) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for log in logs
        .iter()
        .filter(|log| log.first_zxid <= zxid && zxid <= log.last_zxid)
    {
        let shown = repository.storage().shown_object(&log.object.name);
        let mut bytes = Vec::new();
        repository.decompress(&log.object, &mut bytes, &shown)?;
        found.extend(of_zxid(LogReader::new(&shown, bytes.as_slice())?, zxid)?);
    }
    Ok(found)
}

fn of_zxid<S: ReadAt + Clone>(mut reader: LogReader<S>, zxid: Zxid) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        match entry.header.zxid.cmp(&zxid) {
            Ordering::Less => {}
            Ordering::Equal => found.push(entry.payload.to_vec()),
            Ordering::Greater => break,
        }
    }
    Ok(found)
}

/// Where in `source` the txn of a position is that was noted before; `None` when it is not there, or another is.
pub(super) fn find_position(source: &Source, position: &Position) -> Result<Option<usize>> {
    let mut logs = source.logs().iter().enumerate();
    let Some((index, log)) = logs.find(|(_, log)| log.name() == position.log) else {
        return Ok(None);
    };
    let Ok(reader) = LogReader::new(log.shown(), log.open()?) else {
        return Ok(None);
    };
    let mut reader = reader.starting_at(position.offset);
    let Ok(Some(entry)) = reader.next_entry() else {
        return Ok(None);
    };
    let is_it =
        entry.header.zxid == position.mark.zxid && sha256(entry.payload) == position.mark.sha256;
    Ok(is_it.then_some(index))
}

/// The id of a new lineage: of the txn by which all members know their history, the first of the newest epoch that the source holds; and, where it
/// parted from another, of the txn there. So members that begin at once begin the same.
pub(super) fn new_id(source: &Source, timeline: &Timeline, apart: Option<Zxid>) -> Result<String> {
    let mut identity = Vec::new();
    let newest = timeline.last().map(Zxid::epoch);
    let pieces = timeline.segments.iter().flat_map(|segment| &segment.pieces);
    let first = pieces
        .map(|piece| piece.from)
        .find(|from| Some(from.epoch()) == newest);
    for zxid in first.into_iter().chain(apart) {
        if let Some(payload) = payloads_at(source, timeline, zxid)?.first() {
            // Headers are the same on all members, and bodies need not be.
            let len = payload.len().min(TXN_HEADER_LEN);
            identity.extend_from_slice(payload.get(..len).unwrap_or_default());
        }
    }
    if let (true, Some(snapshot)) = (identity.is_empty(), source.snapshots().last()) {
        identity = head_of(snapshot.shown(), snapshot.open()?)?;
    }
    Ok(sha256(&identity).get(..12).unwrap_or_default().to_owned())
}

/// The first bytes of a snapshot, and how many there are.
fn head_of(shown: &Path, file: std::sync::Arc<std::fs::File>) -> Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    Span::range(file, 0, 1 << 20)
        .read_to_end(&mut bytes)
        .map_err(|err| crate::error::Error::io(shown, "read", err))?;
    Ok(bytes)
}
