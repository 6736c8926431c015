//! Which of a repository's histories a source is of.

use super::payloads::payload_at;
use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum::sha256;
use crate::format::record::txn::TXN_HEADER_LEN;
use crate::format::stream::{ReadAt, Span};
use crate::format::txnlog::LogReader;
use crate::history::History;
use crate::history::source::Source;
use crate::repository::{
    BackupName, LineageContents, Listing, Manifest, Mark, Object, Origins, Position, Repository,
};
use crate::zxid::Zxid;
use std::collections::{HashMap, HashSet};
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
    /// What of it is damaged or gone, as it was found so far. It counts as not stored.
    pub damage: Vec<String>,
}

impl Lineage {
    /// One without backups.
    pub fn new(id: String) -> Lineage {
        Lineage {
            id,
            backups: Vec::new(),
            is_whole: true,
            damage: Vec::new(),
        }
    }

    /// Reads the newest backups of a lineage.
    pub fn recent(repository: &Repository, listing: &Listing, id: &str) -> Result<Lineage> {
        let mut names: Vec<&BackupName> = listing.of_lineage(id).rev().take(RECENT).collect();
        names.reverse();
        let mut lineage = Lineage {
            is_whole: names.len() == listing.of_lineage(id).count(),
            ..Lineage::new(id.to_owned())
        };
        lineage.read(repository, names)?;
        Ok(lineage)
    }

    /// Reads the others too.
    pub fn complete(&mut self, repository: &Repository, listing: &Listing) -> Result<()> {
        if !self.is_whole {
            self.damage.clear();
            let id = self.id.clone();
            let names = listing.of_lineage(&id).collect();
            self.read(repository, names)?;
            self.is_whole = true;
        }
        Ok(())
    }

    /// Reads manifests. One that is damaged is left out: what only it lists is stored anew.
    fn read(&mut self, repository: &Repository, names: Vec<&BackupName>) -> Result<()> {
        self.backups.clear();
        for name in names {
            match repository.manifest(name) {
                Ok(manifest) => self.backups.push((name.clone(), manifest)),
                Err(error) if error.kind() == ErrorKind::Damage => {
                    let id = &name.id;
                    self.damage.push(format!(
                        "{error}; it is ignored until 'zoovault forget {id}' discards it"
                    ));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Leaves out what is not in the repository any more, or is of another size than was stored, of
    /// what the newest backups list: it is to be stored again. Of what only older ones list `check`
    /// tells.
    pub fn leave_out_lost(&mut self, repository: &Repository) -> Result<()> {
        let heads = self.heads().flat_map(|(_, manifest)| manifest.objects());
        let listed: HashMap<String, u64> = heads
            .map(|object| (object.name.clone(), object.bytes))
            .collect();
        let found = repository
            .storage()
            .sizes(listed.keys().map(String::as_str))?;
        let mut lost: Vec<&String> = listed
            .iter()
            .filter(|(name, bytes)| found.get(*name) != Some(bytes))
            .map(|(name, _)| name)
            .collect();
        lost.sort();
        let Some(first) = lost.first() else {
            return Ok(());
        };
        let more = match lost.len() {
            1 => String::new(),
            count => format!(" and {} more objects", count - 1),
        };
        let shown = repository.storage().shown_object(first);
        self.damage.push(format!(
            "{}{more} of the repository: missing, or of a different length; what the source still has of it is stored again",
            shown.display()
        ));
        let is_there = |object: &Object| !lost.contains(&&object.name);
        for (_, manifest) in &mut self.backups {
            manifest.logs.retain(|log| is_there(&log.object));
            manifest
                .snapshots
                .retain(|base| base.parts.iter().all(is_there));
        }
        Ok(())
    }

    /// What its backups hold together.
    pub fn history(&self) -> LineageContents {
        LineageContents::of(self.backups.clone())
    }

    /// The newest backup.
    pub fn newest(&self) -> Option<&Manifest> {
        self.backups.last().map(|(_, manifest)| manifest)
    }

    /// The newest backup's name.
    pub fn newest_name(&self) -> Option<&BackupName> {
        self.backups.last().map(|(name, _)| name)
    }

    /// Whether the backup before one of those that were read was forgotten: then older ones may be
    /// there that none of these follows.
    pub fn is_chain_broken(&self, listing: &Listing) -> bool {
        let mut followed = self
            .backups
            .iter()
            .flat_map(|(_, manifest)| &manifest.follows);
        let is_there = |id: &String| listing.backups.iter().any(|backup| backup.id == *id);
        !self.is_whole && followed.any(|id| !is_there(id))
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

    /// What its backups say of this source, the newest first.
    pub fn origins(&self, path: &str, host: &str) -> impl Iterator<Item = &Origins> {
        let backups = self.backups.iter().rev();
        let sources = backups.map(|(_, manifest)| &manifest.source);
        sources.filter(move |source| source.path == path && source.host == host)
    }
}

/// Where in `source` the txn of a position is that was noted before; `None` when it is not there,
/// or another is.
pub(super) fn find_position(source: &Source, position: &Position) -> Result<Option<usize>> {
    let mut logs = source.logs().iter().enumerate();
    let Some((index, log)) = logs.find(|(_, log)| log.name() == position.log) else {
        return Ok(None);
    };
    let file = match log.open() {
        Err(error) if error.kind() == ErrorKind::Damage => return Ok(None),
        file => file?,
    };
    let Ok(reader) = LogReader::new(log.shown(), file) else {
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

/// The id of a new lineage: of the txn by which all members know their history, the first of the
/// newest epoch that the source holds; and, where it parted from another, of the txn there. So
/// members that begin at once begin the same.
pub(super) fn new_id(history: &History<'_>, apart: Option<Zxid>) -> Result<String> {
    let (source, timeline) = (history.source, &history.timeline);
    let mut identity = Vec::new();
    let newest = timeline.last().map(Zxid::epoch);
    let pieces = timeline.pieces();
    let first = pieces
        .map(|piece| piece.from)
        .find(|from| Some(from.epoch()) == newest);
    for zxid in first.into_iter().chain(apart) {
        if let Some(payload) = payload_at(history, zxid)? {
            // Headers are the same on all members, and bodies need not be.
            let len = payload.len().min(TXN_HEADER_LEN);
            identity.extend_from_slice(payload.get(..len).unwrap_or_default());
        }
    }
    let mut snapshots = source.snapshots().iter().rev();
    while identity.is_empty()
        && let Some(snapshot) = snapshots.next()
    {
        match snapshot
            .open()
            .and_then(|file| head_of(snapshot.shown(), file))
        {
            Ok(head) => identity = head,
            // Which cannot be read: an older one may do.
            Err(error) if error.kind() == ErrorKind::Damage => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sha256(&identity).get(..12).unwrap_or_default().to_owned())
}

/// The first bytes of a snapshot, and how many there are.
fn head_of(shown: &Path, file: impl ReadAt) -> Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    Span::range(file, 0, 1 << 20)
        .read_to_end(&mut bytes)
        .map_err(|err| Error::io(shown, "read", err))?;
    Ok(bytes)
}
