//! One pass over a snapshot: whether it is whole, and what it says.

use super::{DBID, NodeRecord, OPEN_ACL_ID, SnapshotReader, Trailer, VERSION};
use crate::error::{Error, Fault, Result};
use crate::format::record::Stat;
use crate::format::record::digest::{Charset, node_digest};
use crate::zxid::Zxid;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::Path;

/// What one pass over a whole snapshot found.
#[derive(Clone, Debug)]
pub struct SnapshotSummary {
    /// How many znodes.
    pub nodes: u64,
    /// How many sessions.
    pub sessions: u64,
    /// How many access control lists.
    pub acls: u64,
    /// Znodes whose ACL id is not in the map, and the first of their paths: legal while the
    /// snapshot is fuzzy.
    pub dangling_acls: u64,
    /// The first path of them.
    pub dangling_path: Option<Vec<u8>>,
    /// The largest zxid in any znode.
    pub max_zxid: Zxid,
    /// The largest zxid in any znode of each epoch, by epoch: only txns that were applied leave
    /// theirs.
    pub newest_zxids: NewestZxids,
    /// The largest zxid of a txn that any znode shows: [`Stat::shows`].
    pub shows: Zxid,
    /// The largest data and its path.
    pub largest_data: (usize, Vec<u8>),
    /// What stands behind the first seal.
    pub trailer: Trailer,
    /// The sum of the znodes' digests, by charset of [`Charset::ALL`].
    pub tree_digests: [u64; 3],
    /// Bytes, decompressed.
    pub size: u64,
    /// The header's version and dbid, where they are not what servers write.
    pub odd_header: Option<(i32, i64)>,
}

impl SnapshotSummary {
    /// Whether the digest in the file is of the tree at `zxid`, the file's own, and not of the tree
    /// in the file. The server may have been applying a txn that it had not counted yet, and parts
    /// of it are in the file: only with the txns behind it can that be told from damage.
    pub fn contradicts_itself(&self, zxid: Zxid) -> bool {
        let own = self.trailer.digest.as_ref();
        let own = own.filter(|(of, digest)| *of == zxid && digest.tree_digest != 0);
        own.is_some_and(|(_, digest)| !self.has_digest(digest.tree_digest))
    }

    /// Whether `digest` is that of the tree in the file, under any charset.
    pub fn has_digest(&self, digest: i64) -> bool {
        self.tree_digests
            .iter()
            .any(|sum| sum.cast_signed() == digest)
    }
}

/// The largest zxid of each epoch that znodes hold, by epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewestZxids(Vec<Zxid>);

impl NewestZxids {
    /// Takes in those of the znode at `path`.
    pub fn add(&mut self, path: &[u8], stat: &Stat) {
        for zxid in stat.zxids_shown(path) {
            // There are few epochs, and most znodes are of the last ones.
            let at = self.0.partition_point(|held| held.epoch() < zxid.epoch());
            match self.0.get_mut(at) {
                Some(held) if held.epoch() == zxid.epoch() => *held = (*held).max(zxid),
                _ if zxid > Zxid::ZERO => self.0.insert(at, zxid),
                _ => {}
            }
        }
    }

    /// By epoch.
    pub fn as_slice(&self) -> &[Zxid] {
        &self.0
    }
}

/// How the parents of znodes are looked for.
enum Parents {
    /// Depth first, as servers write: a parent is among the znodes on the way to the one before.
    /// Constant memory.
    Path(Vec<u8>),
    /// In any other order: the hashes of all paths.
    Set(HashSet<u64>, RandomState),
}

/// Reads a snapshot to its end, `open` giving a reader at its beginning (twice, if its order is
/// unusual).
///
/// # Errors
/// The first damage; failures to read.
pub fn check<R: Read>(
    path: &Path,
    open: &dyn Fn() -> Result<SnapshotReader<R>>,
    advance: &dyn Fn(u64),
) -> Result<SnapshotSummary> {
    match check_with(path, open()?, Parents::Path(Vec::new()), advance) {
        Err(error) if matches!(error.fault(), Some(Fault::MissingParent { .. })) => check_with(
            path,
            open()?,
            Parents::Set(HashSet::new(), RandomState::new()),
            &|_| {},
        ),
        result => result,
    }
}

fn check_with<R: Read>(
    path: &Path,
    mut reader: SnapshotReader<R>,
    mut parents: Parents,
    advance: &dyn Fn(u64),
) -> Result<SnapshotSummary> {
    let known: HashSet<i64> = reader
        .acls
        .iter()
        .map(|(id, _)| *id)
        .chain([OPEN_ACL_ID])
        .collect();
    let (version, dbid) = reader.header;
    let mut summary = SnapshotSummary {
        nodes: 0,
        sessions: reader.sessions.len() as u64,
        acls: reader.acls.len() as u64,
        dangling_acls: 0,
        dangling_path: None,
        max_zxid: Zxid::ZERO,
        newest_zxids: NewestZxids::default(),
        shows: Zxid::ZERO,
        largest_data: (0, Vec::new()),
        trailer: Trailer::default(),
        tree_digests: [0; 3],
        size: 0,
        odd_header: (version != VERSION || dbid != DBID).then_some((version, dbid)),
    };
    let mut told = 0;
    let mut has_root = false;
    while let Some(node) = reader.next_node()? {
        if node.path.is_empty() && has_root {
            let error = Fault::DuplicatePath { path: Vec::new() }.at(node.offset);
            return Err(Error::damage(path, error));
        }
        has_root |= node.path.is_empty();
        if !has_root || !parents.admit(node.path) {
            let error = Fault::MissingParent {
                path: node.path.into(),
            }
            .at(node.offset);
            return Err(Error::damage(path, error));
        }
        summary.take_in(&node, &known);
        if node.offset - told > 1 << 20 {
            advance(node.offset - told);
            told = node.offset;
        }
    }
    (summary.trailer, summary.size) = reader.finish()?;
    if !has_root {
        return Err(Error::damage(path, Fault::NoRoot.at(0)));
    }
    advance(summary.size.saturating_sub(told));
    Ok(summary)
}

impl SnapshotSummary {
    fn take_in(&mut self, node: &NodeRecord<'_>, known_acls: &HashSet<i64>) {
        self.nodes += 1;
        self.max_zxid = self.max_zxid.max(node.stat.max_zxid());
        self.newest_zxids.add(node.path, &node.stat);
        self.shows = self.shows.max(node.stat.shows(node.path));
        let len = node.data.map_or(0, <[u8]>::len);
        if len > self.largest_data.0 {
            self.largest_data = (len, node.path.into());
        }
        if !known_acls.contains(&node.acl_id) {
            self.dangling_acls += 1;
            self.dangling_path.get_or_insert_with(|| node.path.into());
        }
        self.add_digests(node.path, node.data, &node.stat);
    }

    fn add_digests(&mut self, path: &[u8], data: Option<&[u8]>, stat: &Stat) {
        let utf8 = node_digest(path, data, stat, Charset::Utf8);
        for (sum, charset) in self.tree_digests.iter_mut().zip(Charset::ALL) {
            let digest = if path.is_ascii() {
                utf8
            } else {
                node_digest(path, data, stat, charset)
            };
            *sum = sum.wrapping_add(digest.into());
        }
    }
}

impl Parents {
    /// Whether `path` may stand here; if so it may be a parent from now on.
    fn admit(&mut self, path: &[u8]) -> bool {
        let parent = path
            .iter()
            .rposition(|byte| *byte == b'/')
            .and_then(|slash| path.get(..slash));
        match self {
            Parents::Path(last) => {
                let is_known = parent.is_none_or(|parent| {
                    last.starts_with(parent) && matches!(last.get(parent.len()), None | Some(b'/'))
                });
                path.clone_into(last);
                is_known
            }
            Parents::Set(seen, hasher) => {
                let is_known = parent.is_none_or(|parent| seen.contains(&hasher.hash_one(parent)));
                seen.insert(hasher.hash_one(path));
                is_known
            }
        }
    }
}
