//! Bases: what a replay begins on, and from where on each is exact.

use super::Rejected;
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::format::record::acl::OPEN_ACL_UNSAFE;
use crate::format::record::{AclVector, Effect, TxnBody, TxnDigest};
use crate::format::snapshot::codec::Codec;
use crate::format::snapshot::{self, OPEN_ACL_ID, Trailer, peek_trailer};
use crate::history::History;
use crate::history::source::{Dated, Source, SourceFile};
use crate::history::timeline::{Segment, Timeline};
use crate::progress::Progress;
use crate::repository::{EXACT_NOWHERE, Origin, StoredSnapshot};
use crate::tree::{AclRef, DataTree, parent_path};
use crate::zxid::{Zxid, ZxidRange};
use std::collections::HashMap;

/// A snapshot no larger than this is read whole just to see whether it is that of a fresh server.
const FRESH_LEN_MAX: u64 = 64 << 10;

/// What a base is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseFile {
    /// Nothing: the tree of a fresh server.
    Empty,
    /// The snapshot of this index among the source's.
    Snapshot(usize),
}

/// From where on a base is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactFrom {
    /// The file says so, or it is empty.
    Known(Zxid),
    /// No later than this: circumstance says so.
    Bounded(Zxid),
    /// Nothing bounds it. Only a digest can.
    Open,
}

/// What a replay begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// What it is in.
    pub file: BaseFile,
    /// N, the zxid in its name; 0 for an empty tree.
    pub zxid: Zxid,
    /// E, or what is known of it.
    pub exact_from: ExactFrom,
    /// Whether txn N is applied again, where the log has it.
    pub reapplies_its_own: bool,
}

impl Base {
    /// What to call it.
    pub fn name(&self, source: &Source) -> String {
        match self.file {
            BaseFile::Empty => "the empty tree".to_owned(),
            BaseFile::Snapshot(index) => source
                .snapshots()
                .get(index)
                .map(SourceFile::name)
                .unwrap_or_default(),
        }
    }

    /// From where to where it promises to be exact, with the txns of `timeline` behind it.
    pub fn reach(&self, timeline: &Timeline) -> Option<ZxidRange> {
        let (ExactFrom::Known(from) | ExactFrom::Bounded(from)) = self.exact_from else {
            return None;
        };
        self.reach_from(timeline, from)
    }

    /// From where to where it is exact, if it is so from `from` on.
    pub fn reach_from(&self, timeline: &Timeline, from: Zxid) -> Option<ZxidRange> {
        let segment = timeline
            .segments
            .iter()
            .find(|segment| segment.continues(self.zxid) && segment.last() >= from);
        match segment {
            Some(segment) => Some(ZxidRange::new(from, segment.last().max(from))),
            None if from == self.zxid => Some(from.into()),
            None => None,
        }
    }
}

impl History<'_> {
    /// All bases, by zxid, as far as names and last bytes tell: loading one proves or refutes it.
    ///
    /// # Errors
    /// [`ErrorKind::SourceChanged`]; failures to read.
    pub fn bases(&self) -> Result<&[Base]> {
        Ok(&self.bases_and_damage()?.0)
    }

    /// As [`History::bases`], and why snapshots are none, where a first look shows that.
    ///
    /// # Errors
    /// As [`History::bases`].
    pub fn bases_and_damage(&self) -> Result<&(Vec<Base>, Vec<Error>)> {
        match self.bases.get() {
            Some(known) => Ok(known),
            None => {
                let found = self.find_bases()?;
                Ok(self.bases.get_or_init(|| found))
            }
        }
    }

    fn find_bases(&self) -> Result<(Vec<Base>, Vec<Error>)> {
        let (mut bases, mut damage) = (Vec::new(), Vec::new());
        if self.begins_empty()? {
            bases.push(empty());
        }
        let names: Vec<Zxid> = self
            .source
            .snapshots()
            .iter()
            .map(SourceFile::zxid)
            .collect();
        for (index, file) in self.source.snapshots().iter().enumerate() {
            if let Some(stored) = file.promised_base() {
                bases.push(promised(stored, index, &self.timeline));
                continue;
            }
            if let Some(dated) = file.dated() {
                bases.extend(base_of_dated(dated, index, file.zxid()));
                continue;
            }
            let next = names
                .iter()
                .copied()
                .filter(|zxid| *zxid > file.zxid())
                .min();
            let peeked = match peek(self.source, file) {
                Ok(peeked) => peeked,
                Err(error) if error.kind() == ErrorKind::Damage => {
                    damage.push(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            // What an archive was found to be exact from, when more snapshots were there to tell.
            let of_archive = self.source.manifest().map(|manifest| manifest.window.first);
            let bound = next
                .into_iter()
                .chain(self.timeline.last())
                .chain(of_archive)
                .filter(|bound| *bound >= file.zxid())
                .min();
            bases.push(Base {
                file: BaseFile::Snapshot(index),
                zxid: file.zxid(),
                exact_from: match peeked {
                    Peeked::Fresh => ExactFrom::Known(Zxid::ZERO),
                    Peeked::Restored => ExactFrom::Known(file.zxid()),
                    Peeked::Trailer(trailer) => {
                        exact_from(&self.timeline, file.zxid(), &trailer, bound)
                    }
                },
                reapplies_its_own: self.timeline.contains(file.zxid())
                    && matches!(
                        peeked,
                        Peeked::Trailer(Trailer {
                            digest: None,
                            last_zxid: None
                        })
                    ),
            });
        }
        bases.sort_by_key(|base| base.zxid);
        Ok((bases, damage))
    }

    /// The bases of a part of a repository, as they were judged when they were stored. Nothing is
    /// read: the caller knows whether its logs begin on an empty tree.
    pub fn promised_bases(&self, begins_empty: bool) -> Vec<Base> {
        let files = self.source.snapshots().iter().enumerate();
        let stored = files.filter_map(|(index, file)| Some((index, file.promised_base()?)));
        let stored = stored.map(|(index, stored)| promised(stored, index, &self.timeline));
        let mut bases: Vec<Base> = begins_empty.then(empty).into_iter().chain(stored).collect();
        bases.sort_by_key(|base| base.zxid);
        bases
    }

    /// Whether the logs begin on an empty tree. Where their first zxid does not tell, the first
    /// create below the root does: had the root had children before, its cversion would be above
    /// one.
    ///
    /// # Errors
    /// Failures to read, damage.
    pub fn begins_empty(&self) -> Result<bool> {
        if let Some(known) = seems_to_begin_empty(&self.timeline) {
            return Ok(known);
        }
        let Some(segment) = self.timeline.segments.first() else {
            return Ok(false);
        };
        for piece in &segment.pieces {
            let mut reader = piece.reader(self.source, piece.from)?;
            while let Some(entry) = reader
                .next_entry()?
                .filter(|entry| entry.offset < piece.run.end_offset)
            {
                let Ok(txn) = entry.txn() else {
                    return Ok(false);
                };
                if let Some(cversion) = cversion_given_to_root(&txn.body) {
                    return Ok(cversion == 1);
                }
                if entry.end_offset() >= piece.run.end_offset {
                    break;
                }
            }
        }
        Ok(false)
    }

    /// The bases from which the tree at `target` may be had, best first. Those from which it cannot
    /// are put in `rejected`.
    pub(super) fn candidates(
        &self,
        target: Zxid,
        rejected: &mut Vec<Rejected>,
    ) -> Result<Vec<&Base>> {
        let mut ranked = Vec::new();
        for base in self
            .bases()?
            .iter()
            .rev()
            .filter(|base| base.zxid <= target)
        {
            let mut reject = |reason: String| {
                rejected.push(Rejected {
                    name: base.name(self.source),
                    reason,
                    is_damaged: false,
                })
            };
            let is_connected = base.zxid == target
                || self
                    .timeline
                    .segments
                    .iter()
                    .any(|segment| segment.contains(target) && segment.continues(base.zxid));
            if !is_connected {
                let missing = self
                    .timeline
                    .next_after(base.zxid)
                    .filter(|next| *next <= target);
                reject(match missing {
                    Some(next) if !base.zxid.is_followed_by(next) => format!(
                        "transactions {} to {} after it are missing",
                        base.zxid.next(),
                        next.prev()
                    ),
                    _ => "some transactions between it and the point are missing".to_owned(),
                });
                continue;
            }
            match base.exact_from {
                ExactFrom::Known(zxid) if zxid > target => reject(format!(
                    "was written while transactions up to {zxid} were applied"
                )),
                ExactFrom::Known(_) => ranked.push((0, base)),
                ExactFrom::Bounded(zxid) if zxid <= target => ranked.push((1, base)),
                ExactFrom::Bounded(_) | ExactFrom::Open => ranked.push((2, base)),
            }
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        Ok(ranked.into_iter().map(|(_, base)| base).collect())
    }

    /// Loads a base.
    pub(super) fn load(&self, base: &Base, progress: &dyn Progress) -> Result<Loaded> {
        let BaseFile::Snapshot(index) = base.file else {
            return Ok(Loaded {
                tree: self.fresh_tree()?,
                digest: None,
            });
        };
        let file = self
            .source
            .snapshots()
            .get(index)
            .ok_or_else(|| Error::new(ErrorKind::Failed, "a base of another source"))?;
        let (tree, trailer) = load_snapshot(self.source, file, progress)?;
        // What was peeked at before has to be what was read now, unless the whole file was read for
        // it.
        let is_now = exact_from(&self.timeline, base.zxid, &trailer, None);
        let was_peeked = file.dated().is_none()
            && trailer.digest.is_some()
            && base.zxid != Zxid::ZERO
            && matches!(base.exact_from, ExactFrom::Known(_));
        if was_peeked && is_now != base.exact_from {
            return Err(Error::about(
                file.shown(),
                ErrorKind::SourceChanged,
                "changed while it was being read",
            ));
        }
        let digest = trailer
            .digest
            .filter(|(zxid, digest)| *zxid != Zxid::ZERO || digest.tree_digest != 0);
        Ok(Loaded { tree, digest })
    }

    /// The tree before the first txn. Its only question is whether its server was of 3.5 or later:
    /// one that logs digests was.
    ///
    /// # Errors
    /// Failures to read, damage.
    pub fn fresh_tree(&self) -> Result<DataTree> {
        let pieces = self
            .timeline
            .segments
            .first()
            .map(|segment| &segment.pieces);
        let Some(piece) = pieces.and_then(|pieces| pieces.first()) else {
            return Ok(DataTree::fresh(false));
        };
        let mut reader = piece.reader(self.source, piece.from)?;
        let has_digest = reader
            .next_entry()?
            .and_then(|entry| entry.txn().ok())
            .is_some_and(|txn| txn.digest.is_some());
        Ok(DataTree::fresh(has_digest))
    }
}

/// A base of a repository, as it was judged when it was stored.
fn promised(stored: &StoredSnapshot, index: usize, timeline: &Timeline) -> Base {
    let is_dated = stored.trailer.digest_zxid.is_some() || stored.trailer.last_zxid.is_some();
    Base {
        file: BaseFile::Snapshot(index),
        zxid: stored.zxid,
        exact_from: match stored.is_inferred {
            _ if stored.exact_from == EXACT_NOWHERE => ExactFrom::Open,
            true => ExactFrom::Bounded(stored.exact_from),
            false => ExactFrom::Known(stored.exact_from),
        },
        reapplies_its_own: stored.origin == Origin::Server
            && !is_dated
            && timeline.contains(stored.zxid),
    }
}

/// The tree of a fresh server.
fn empty() -> Base {
    Base {
        file: BaseFile::Empty,
        zxid: Zxid::ZERO,
        exact_from: ExactFrom::Known(Zxid::ZERO),
        reapplies_its_own: false,
    }
}

/// Whether the logs begin on an empty tree, where their first zxid tells that.
///
/// The first txn of a new standalone server is 0x1. A new ensemble's is 0x100000001, but so is the
/// first of one that grew out of a standalone server, whose znodes are in no log any more: then the
/// logs have to be read.
pub fn seems_to_begin_empty(timeline: &Timeline) -> Option<bool> {
    match timeline.segments.first().map(Segment::first) {
        Some(first) if first == Zxid::new(0, 1) => Some(true),
        Some(first) if first == Zxid::new(1, 1) => None,
        Some(_) | None => Some(false),
    }
}

/// What a txn that creates a child of the root makes of the root's cversion.
fn cversion_given_to_root(body: &TxnBody<'_>) -> Option<i32> {
    body.effects().find_map(|effect| match effect {
        Effect::Creates(create) if parent_path(create.path) == Some(b"") => create.parent_cversion,
        Effect::Creates(_)
        | Effect::OpensSession { .. }
        | Effect::ClosesSession { .. }
        | Effect::SetsData { .. }
        | Effect::SetsAcl { .. }
        | Effect::Deletes { .. } => None,
    })
}

/// What a first look at a snapshot gives.
enum Peeked {
    /// It is that of a server that never had a client.
    Fresh,
    /// It is what a restore of this program wrote.
    Restored,
    /// This seems to stand behind its znodes.
    Trailer(Trailer),
}

/// Takes a first look at a snapshot.
fn peek(source: &Source, file: &SourceFile) -> Result<Peeked> {
    if source.is_as_restored(file)? {
        return Ok(Peeked::Restored);
    }
    let must_read_all =
        file.codec() != Codec::Plain || (file.zxid() == Zxid::ZERO && file.size() <= FRESH_LEN_MAX);
    if !must_read_all {
        let trailer =
            peek_trailer(&file.open()?).map_err(|err| Error::io(file.shown(), "read", err))?;
        return Ok(Peeked::Trailer(trailer));
    }
    let summary = snapshot::check(file.shown(), &|| source.open_snapshot(file), &|_| {})?;
    let is_fresh = summary.max_zxid == Zxid::ZERO && file.zxid() == Zxid::ZERO;
    Ok(match is_fresh {
        true => Peeked::Fresh,
        false => Peeked::Trailer(summary.trailer),
    })
}

/// What is known of E, given what stands behind the znodes.
fn exact_from(
    timeline: &Timeline,
    zxid: Zxid,
    trailer: &Trailer,
    bound: Option<Zxid>,
) -> ExactFrom {
    match trailer.digest {
        // An empty tree's digest is not zero, so both zero is "none recorded".
        Some((last, digest)) if (last != Zxid::ZERO || digest.tree_digest != 0) && last >= zxid => {
            ExactFrom::Known(trailer.last_zxid.map_or(last, |written| written.max(last)))
        }
        // An epoch's artificial zxid: the last txn was in the epoch before.
        Some((last, _))
            if last != Zxid::ZERO && zxid.counter() == 0 && !timeline.contains(zxid) =>
        {
            ExactFrom::Known(trailer.last_zxid.map_or(zxid, |written| written.max(zxid)))
        }
        // Digests were off, and still the file says when it was finished. A txn is counted when all
        // of it was applied, so parts of the next one may be in the file too, and no digest would
        // tell.
        None if trailer.last_zxid.is_some_and(|last| last >= zxid) => {
            let last = trailer.last_zxid.unwrap_or(zxid);
            // The next txn may be the first of the next epoch.
            let next = timeline.next_after(last);
            ExactFrom::Known(
                next.filter(|next| last.is_followed_by(*next))
                    .unwrap_or(last),
            )
        }
        Some(_) | None => bound.map_or(ExactFrom::Open, ExactFrom::Bounded),
    }
}

/// A base in memory.
pub(super) struct Loaded {
    /// The tree.
    pub tree: DataTree,
    /// The digest that the file has, and the zxid it is of.
    pub digest: Option<(Zxid, TxnDigest)>,
}

/// The tree of a snapshot, fuzzy as it may be, and what stands behind its znodes.
///
/// # Errors
/// Damage; [`ErrorKind::SourceChanged`]; failures to read.
pub fn load_snapshot(
    source: &Source,
    file: &SourceFile,
    progress: &dyn Progress,
) -> Result<(DataTree, Trailer)> {
    progress.start("loading a snapshot", Some(file.size()));
    let mut reader = source.open_snapshot(file)?;
    let mut tree = DataTree::empty();
    for (session, timeout_ms) in &reader.sessions {
        tree.load_session(*session, *timeout_ms);
    }
    let open = tree.load_acl(OPEN_ACL_UNSAFE);
    let mut acls: HashMap<i64, AclRef> = HashMap::from([(OPEN_ACL_ID, open)]);
    for (id, list) in &reader.acls {
        acls.insert(*id, tree.load_acl(AclVector::from_decoded(list)));
    }
    let mut told = 0;
    while let Some(node) = reader.next_node()? {
        let acl = *acls
            .entry(node.acl_id)
            .or_insert_with(|| tree.load_unresolved_acl(node.acl_id));
        tree.load_node(node.path, node.data, acl, node.stat)
            .map_err(|fault| Error::damage(file.shown(), fault.at(node.offset)))?;
        if node.offset - told > 1 << 20 {
            progress.advance(node.offset - told);
            told = node.offset;
        }
    }
    let (trailer, _) = reader.finish()?;
    if tree.get(b"").is_none() {
        return Err(Error::damage(file.shown(), Fault::NoRoot.at(0)));
    }
    tree.set_last_zxid(file.zxid());
    Ok((tree, trailer))
}

/// A snapshot under another name as a base, by what reading it whole found. It is none where its
/// znodes are known to be of no one moment.
fn base_of_dated(dated: Dated, index: usize, zxid: Zxid) -> Option<Base> {
    let exact_from = match dated {
        Dated::Exact(zxid) => Some(ExactFrom::Known(zxid)),
        Dated::Open(_) => Some(ExactFrom::Open),
        Dated::Fuzzy(_) => None,
    };
    exact_from.map(|exact_from| Base {
        file: BaseFile::Snapshot(index),
        zxid,
        exact_from,
        reapplies_its_own: false,
    })
}
