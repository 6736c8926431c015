//! The tree at a point: a base, and the txns behind it.
//!
//! A snapshot named N was written while txns were being applied. It holds all of the txns up to N
//! and some effects of those up to some E ≥ N, so it is a sound base for the tree at Z only if E ≤
//! Z and the txns N+1 to Z are all there. What is known of E:
//!
//! 1. 3.6 and later write the last zxid applied behind the znodes: E is that, and the tree's digest
//!    then is there too. Where digests are off (3.9 still writes the zxid), E is the txn behind it,
//!    if there is one: a multi is counted when all of it was applied, and parts of it may be in the
//!    file before.
//! 2. An empty tree, and a history that begins with the first txn there can be, is exact from the
//!    start.
//! 3. Otherwise (3.4, 3.5; a follower that had just been sent the tree, which writes zeros there):
//!    E is no more than the zxid of the next snapshot, since a server writes one at a time, nor
//!    than the last txn. That is a bound, not a proof.
//!
//! Whatever the base, a tree whose digest is the one that the leader logged with the txn is right:
//! a base of the third kind is proven by it, one of the first is refused if it differs. A digest
//! covers no ACL lists, no difference of null and empty data, and nothing below `/zookeeper/`.
//!
//! Bases are judged by one another before a tree is restored from one ([`History::judge_chain`]): a
//! snapshot that stands alone against the txns, the digests and the other snapshots is no base, and
//! no replay goes over an end of an epoch that evidence refutes
//! ([`crate::history::timeline::Evidence`]).
//!
//! Servers of 3.4 and 3.5 write no digest, apply the first part of a multi before they count it,
//! and count a session after it is logged (`DataTree`, `ZKDatabase`). Txn N is therefore applied
//! again on such a snapshot, where the log has it: that changes nothing that is right. They also
//! log no list with a closeSession: ephemerals that were gone before the snapshot got to them, but
//! whose parent it had written before, leave the parent's `pzxid` behind, and nothing tells. Such
//! txns are counted ([`Replayed::uncertain_closes`]).

mod ambiguity;
mod attempt;
mod base;
mod chain;
mod checked_bases;
mod compare;
mod crosscheck;
mod ends;
mod prefetch;
mod reachable;
mod resolve;
mod two_points;

mod trust;

pub use base::{Base, BaseFile, ExactFrom, load_snapshot, seems_to_begin_empty};
pub use chain::{Chain, Doubt, Link, Outlier, reach};
pub use checked_bases::{SnapshotVerdict, check_snapshots, is_sound};
pub use compare::{DigestTally, Mismatch};
pub use crosscheck::{Contradiction, Crosscheck, Crossed, Disagreement};
pub use ends::{EndOfEpoch, shown_by_snapshots};
pub use reachable::exact_ranges;
pub use resolve::Target;
pub use trust::{Alone, Trust, Wish};
pub use two_points::{TreePair, rebuild_two, rebuild_two_as};

use crate::error::{Error, ErrorKind, Result, TxnPlace};
use crate::format::jute::Reader;
use crate::format::record::txn::unknown_type;
use crate::format::record::{Effect, Txn, TxnBody, TxnHeader};
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::point::Point;
use crate::history::source::Source;
use crate::history::timeline::{Piece, Segment};
use crate::progress::Progress;
use crate::tree::DataTree;
use crate::zxid::{SessionId, Zxid, ZxidRange};
use chain::Judgement;
use compare::Comparison;
use std::collections::HashSet;
use std::sync::mpsc::sync_channel;

/// On what the claim that a tree is right rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// The base's exactness is bounded by circumstance alone, or something is known to be
    /// uncertain.
    Unproven,
    /// The base is exact, and every txn behind it is there and whole.
    Consistent,
    /// And the tree's digest is the one that the leader recorded.
    Proven,
}

impl Proof {
    /// As people and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Proof::Unproven => "unproven",
            Proof::Consistent => "consistent",
            Proof::Proven => "proven",
        }
    }
}

/// A tree, and how it came about.
#[derive(Debug)]
pub struct Replayed {
    /// The tree.
    pub tree: DataTree,
    /// What it was built on.
    pub base: Base,
    /// The stretches of logs that were applied.
    pub pieces: Vec<Piece>,
    /// The first and the last txn applied.
    pub applied: Option<ZxidRange>,
    /// Their times.
    pub applied_times: Option<(i64, i64)>,
    /// How many.
    pub count: u64,
    /// How digests compared.
    pub digests: DigestTally,
    /// What the tree rests on.
    pub proof: Proof,
    /// CloseSessions of which it is unknown what they deleted; see the module.
    pub uncertain_closes: Vec<Zxid>,
    /// Where the txns applied go from one epoch to the next.
    pub joints: Vec<(Zxid, Zxid)>,
    /// The snapshot that says otherwise, where nothing tells which is right.
    pub doubted_by: Option<Zxid>,
    /// The snapshot that was taken by itself, since that was wished.
    pub alone: Option<Alone>,
}

/// Why a base was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its name.
    pub name: String,
    /// The reason, to follow the name.
    pub reason: String,
    /// Whether the reason is that bytes are damaged, or contradict others.
    pub is_damaged: bool,
}

impl Replayed {
    /// Whether there is nothing to doubt about it.
    fn is_certain(&self) -> bool {
        let has_doubts = !self.uncertain_closes.is_empty()
            || !self.joints.is_empty()
            || self.doubted_by.is_some();
        self.proof == Proof::Proven || (self.proof == Proof::Consistent && !has_doubts)
    }

    /// Takes in that a snapshot says otherwise. One that differs in what digests cover is wrong
    /// where they agree; such a one is not named here.
    fn doubt(&mut self, by: Option<Zxid>) {
        if by.is_some() {
            self.proof = Proof::Unproven;
            self.doubted_by = by;
        }
    }

    /// How much there is to doubt: the fewer the better.
    fn doubts(&self) -> (usize, usize, bool) {
        let is_known = matches!(self.base.exact_from, ExactFrom::Known(_));
        (self.joints.len(), self.uncertain_closes.len(), !is_known)
    }
}

/// The tree at a point, with all that was found on the way.
#[derive(Debug)]
pub struct Rebuilt<'a> {
    /// The history that it is a point of.
    pub history: History<'a>,
    /// The txn that the point stands for.
    pub target: Target,
    /// The tree.
    pub replayed: Replayed,
    /// Bases that were not taken.
    pub rejected: Vec<Rejected>,
}

/// What a tree is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For a server to load: an ACL that is unknown is refused, since a server would guess it.
    Restoring,
    /// For somebody to look at: a znode whose ACL is unknown says so.
    Reading,
}

/// The tree at `point`; with `exclusive`, before its txn. As [`rebuild_for`] restoring.
///
/// # Errors
/// As [`rebuild_for`].
pub fn rebuild<'a>(
    source: &'a Source,
    point: Point,
    exclusive: bool,
    progress: &dyn Progress,
) -> Result<Rebuilt<'a>> {
    rebuild_for(Purpose::Restoring, source, point, exclusive, progress)
}

/// The tree at `point`; with `exclusive`, before its txn.
///
/// A first reading of the logs finds the records that are whole, and takes a repository's word for
/// them; a time is looked up in the logs themselves. Where that comes upon damage, everything is
/// read, and what is whole around the damage is used.
///
/// # Errors
/// As [`History::resolve`] and [`History::tree_at`]; [`ErrorKind::Damage`] also when two logs
/// differ over a txn that was applied, and when an ACL is unknown.
pub fn rebuild_for<'a>(
    purpose: Purpose,
    source: &'a Source,
    point: Point,
    exclusive: bool,
    progress: &dyn Progress,
) -> Result<Rebuilt<'a>> {
    let wish = Wish {
        purpose,
        trust: Trust::Exact,
    };
    rebuild_as(wish, source, point, exclusive, progress)
}

/// As [`rebuild_for`]; and where the tree cannot be had exactly, a snapshot by itself as far as it
/// is trusted.
///
/// # Errors
/// As [`rebuild_for`].
pub fn rebuild_as<'a>(
    wish: Wish,
    source: &'a Source,
    point: Point,
    exclusive: bool,
    progress: &dyn Progress,
) -> Result<Rebuilt<'a>> {
    let first = match point {
        Point::Time(_) => Level::Everything,
        Point::Zxid(_) | Point::First | Point::Latest => Level::Frames,
    };
    match rebuild_at(wish, source, (point, exclusive), first, progress) {
        Err(error)
            if first == Level::Frames
                && matches!(error.kind(), ErrorKind::Damage | ErrorKind::NotReachable) =>
        {
            let point = (point, exclusive);
            rebuild_at(wish, source, point, Level::Everything, progress)
        }
        result => result,
    }
}

fn rebuild_at<'a>(
    wish: Wish,
    source: &'a Source,
    (point, exclusive): (Point, bool),
    level: Level,
    progress: &dyn Progress,
) -> Result<Rebuilt<'a>> {
    let mut history = History::read_with_snapshots(source, level, progress)?;
    let target = history.resolve_as(wish.trust, point, exclusive)?;
    // What a repository holds was judged when it was stored.
    let is_to_judge = wish.purpose == Purpose::Restoring
        && !source.is_repository()
        && source.snapshots().len() > 1;
    let nothing = Judgement::default();
    let tree = match is_to_judge {
        true => history.judged_tree_at(target.zxid, progress),
        false => history.tree_on_judged((target.zxid, &nothing), progress),
    };
    let (replayed, rejected) = match tree {
        // Nothing is taken on trust before all was tried.
        Err(refusal) if level == Level::Everything => {
            let at = (target.zxid, wish.trust);
            history.tree_of_alone(at, refusal, progress)?
        }
        tree => tree?,
    };
    match wish.purpose {
        Purpose::Restoring => history.ensure_unambiguous(&replayed, target.zxid)?,
        Purpose::Reading => history.refuse_forks(&replayed, target.zxid)?,
    }
    Ok(Rebuilt {
        history,
        target,
        replayed,
        rejected,
    })
}

/// Sees the tree as txns are applied to it.
pub trait Observer {
    /// The txn `next` is about to be applied.
    ///
    /// # Errors
    /// Those that are to end the replay.
    fn before(&mut self, tree: &DataTree, next: Zxid) -> Result<()>;
    /// The same, and the whole of it is shown.
    fn before_txn(&mut self, _tree: &DataTree, _txn: &Txn<'_>) {}
    /// A part of a txn of `session` was applied.
    fn after_part(&mut self, tree: &DataTree, session: SessionId, part: &TxnBody<'_>);
}

/// Sees nothing.
struct NoObserver;

impl Observer for NoObserver {
    fn before(&mut self, _: &DataTree, _: Zxid) -> Result<()> {
        Ok(())
    }

    fn after_part(&mut self, _: &DataTree, _: SessionId, _: &TxnBody<'_>) {}
}

impl History<'_> {
    /// Loads `base` and applies what follows, up to `target`.
    ///
    /// # Errors
    /// Damage of the base or of the txns; [`ErrorKind::SourceChanged`]; failures to read.
    pub fn replay(&self, base: &Base, target: Zxid, progress: &dyn Progress) -> Result<Replayed> {
        self.replay_observed(base, target, &mut NoObserver, progress)
    }

    /// As [`History::replay`], with somebody to see it.
    ///
    /// # Errors
    /// As [`History::replay`], and those of the observer.
    pub fn replay_observed(
        &self,
        base: &Base,
        target: Zxid,
        observer: &mut dyn Observer,
        progress: &dyn Progress,
    ) -> Result<Replayed> {
        let first = match base.reapplies_its_own {
            true => base.zxid,
            false => base.zxid.next(),
        };
        let range = ZxidRange::new(first, target);
        let segment = self
            .timeline
            .segments
            .iter()
            .find(|segment| segment.contains(target) && segment.continues(base.zxid));
        if segment.is_none() && base.zxid != target {
            let message = format!(
                "some transactions from {} to {target} are missing",
                base.zxid
            );
            let error = self.not_reachable(message);
            return Err(error.hint("'zoovault verify' shows which points can be restored"));
        }
        let pieces = segment
            .filter(|_| !range.is_empty())
            .map(|segment| clip(segment, range))
            .unwrap_or_default();
        let joints = segment
            .map(|segment| joints(segment, base.zxid, target))
            .unwrap_or_default();
        let loaded = self.load(base, progress)?;
        let mut replayer = Replayer::new(loaded, base, target);
        apply_all(
            self.source,
            &pieces,
            range,
            &mut replayer,
            observer,
            progress,
        )?;
        Ok(replayer.finish(base, pieces, joints, target))
    }
}

/// Applies the txns of `pieces` within `range`.
fn apply_all(
    source: &Source,
    pieces: &[Piece],
    range: ZxidRange,
    replayer: &mut Replayer,
    observer: &mut dyn Observer,
    progress: &dyn Progress,
) -> Result<()> {
    let bytes = pieces
        .iter()
        .map(|piece| piece.run.end_offset - piece.run.start_offset)
        .sum();
    progress.start("replaying", Some(bytes));
    let (sender, batches) = sync_channel::<Result<prefetch::Batch>>(4);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Err(error) = prefetch::feed(source, pieces, range, &sender) {
                // The replayer hung up: it has an error of its own to tell.
                let _ = sender.send(Err(error));
            }
        });
        for batch in batches {
            let batch = batch?;
            progress.advance(batch.len());
            replayer.apply_batch(source, pieces, &batch, observer)?;
        }
        Ok(())
    })
}

/// Where a replay on a base of `from` to `to` goes from one epoch to the next.
fn joints(segment: &Segment, from: Zxid, to: Zxid) -> Vec<(Zxid, Zxid)> {
    let (first, is_within) = (segment.first(), segment.contains(from));
    // An epoch's artificial zxid stands for its beginning.
    let onto =
        !is_within && from < first && from.ends_its_epoch_before(first) && from != Zxid::ZERO;
    onto.then_some((from, first))
        .into_iter()
        .chain(segment.joints.iter().copied())
        .filter(|(_, first)| *first > from && *first <= to)
        .collect()
}

/// The pieces of `segment` that hold txns of `range`.
fn clip(segment: &Segment, range: ZxidRange) -> Vec<Piece> {
    segment
        .pieces
        .iter()
        .filter(|piece| piece.run.last >= range.first && piece.from <= range.last)
        .cloned()
        .collect()
}

/// Applies txns, and keeps count of all that the verdict rests on.
struct Replayer {
    tree: DataTree,
    comparison: Comparison,
    /// Up to where the base may be ahead.
    fuzzy_to: Zxid,
    opened: HashSet<SessionId>,
    uncertain_closes: Vec<Zxid>,
    applied: Option<ZxidRange>,
    times: Option<(i64, i64)>,
    count: u64,
}

impl Replayer {
    fn new(loaded: base::Loaded, base: &Base, target: Zxid) -> Replayer {
        let fuzzy_to = match base.exact_from {
            ExactFrom::Known(zxid) | ExactFrom::Bounded(zxid) => zxid,
            ExactFrom::Open => target,
        };
        let mut replayer = Replayer {
            tree: loaded.tree,
            comparison: Comparison::new(base, loaded.digest),
            fuzzy_to,
            opened: HashSet::new(),
            uncertain_closes: Vec::new(),
            applied: None,
            times: None,
            count: 0,
        };
        replayer.comparison.at_base(&mut replayer.tree, base.zxid);
        replayer
    }

    fn apply_batch(
        &mut self,
        source: &Source,
        pieces: &[Piece],
        batch: &prefetch::Batch,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let damage = |fault, txn: Option<TxnPlace>| {
            let piece = pieces.get(batch.piece());
            let piece =
                piece.ok_or_else(|| Error::new(ErrorKind::Failed, "a batch of no piece"))?;
            Err(Error::damage(piece.log(source)?.shown(), fault).at_txn(txn))
        };
        for (payload, offset) in batch.payloads() {
            // Its checksum was right, so its header says which it is.
            let header = TxnHeader::decode(&mut Reader::new(payload, offset)).ok();
            let place = header.map(|header| TxnPlace::Of(header.zxid));
            let txn = match Txn::decode(payload, offset) {
                Ok(txn) if matches!(txn.body, TxnBody::Unknown { .. }) => {
                    return damage(unknown_type(&txn.header).at(offset), place);
                }
                Ok(txn) => txn,
                Err(fault) => return damage(fault, place),
            };
            let tree = &mut self.tree;
            observer.before(tree, txn.header.zxid)?;
            observer.before_txn(tree, &txn);
            let session = txn.header.client_id;
            let mut step =
                |tree: &DataTree, part: &TxnBody<'_>| observer.after_part(tree, session, part);
            if let Err(fault) = tree.apply_in_steps(&txn.header, &txn.body, &mut step) {
                return damage(fault, place);
            }
            self.comparison.after(tree, &txn);
            self.count_in(&txn);
        }
        Ok(())
    }

    fn count_in(&mut self, txn: &Txn<'_>) {
        let header = &txn.header;
        if header.zxid <= self.fuzzy_to {
            self.note_session(txn);
        }
        let first = self.applied.map_or(header.zxid, |it| it.first);
        let first_time = self.times.map_or(header.time, |(first, _)| first);
        self.applied = Some(ZxidRange::new(first, header.zxid));
        self.times = Some((first_time, header.time));
        self.count += 1;
    }

    fn note_session(&mut self, txn: &Txn<'_>) {
        let session = txn.header.client_id;
        for effect in txn.body.effects() {
            match effect {
                Effect::OpensSession { .. } => {
                    self.opened.insert(session);
                }
                Effect::ClosesSession { is_listing: false } if !self.opened.contains(&session) => {
                    self.uncertain_closes.push(txn.header.zxid);
                }
                Effect::ClosesSession { .. }
                | Effect::Creates(_)
                | Effect::SetsData { .. }
                | Effect::SetsAcl { .. }
                | Effect::Deletes { .. } => {}
            }
        }
    }

    fn finish(
        self,
        base: &Base,
        pieces: Vec<Piece>,
        joints: Vec<(Zxid, Zxid)>,
        target: Zxid,
    ) -> Replayed {
        let mut tree = self.tree;
        tree.refresh_quota_stats();
        tree.set_last_zxid(target);
        let digests = self.comparison.tally();
        let proof = match base.exact_from {
            _ if digests.is_proof => Proof::Proven,
            ExactFrom::Known(_) if self.uncertain_closes.is_empty() && joints.is_empty() => {
                Proof::Consistent
            }
            ExactFrom::Known(_) | ExactFrom::Bounded(_) | ExactFrom::Open => Proof::Unproven,
        };
        Replayed {
            tree,
            base: base.clone(),
            pieces,
            applied: self.applied,
            applied_times: self.times,
            count: self.count,
            digests,
            proof,
            uncertain_closes: self.uncertain_closes,
            joints,
            doubted_by: None,
            alone: None,
        }
    }
}
