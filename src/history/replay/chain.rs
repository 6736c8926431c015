//! The bases of a source, the txns between them and the digests in those, each judged by all
//! others.
//!
//! Each base is replayed to the end of what follows it, and compared with every snapshot on the way
//! ([`Crosscheck`]). Where one differs:
//!
//! - The replay agrees with a snapshot further on, or digests that leaders logged behind it: the
//!   snapshot that differs stands **alone**. It is no base, and nothing else is doubted for it.
//! - The base is a snapshot with which no other agrees, and those that differ from it agree with
//!   one another: the base stands alone.
//! - An epoch ended in between, and no digest vouches for how: its end is **refuted**
//!   ([`Evidence`]). The timeline gets a gap there, and all is judged anew.
//! - Otherwise nothing tells which is right, and what the replay gives is in **doubt**.

use super::base::{Base, BaseFile, ExactFrom};
use super::compare::DigestTally;
use super::crosscheck::{Contradiction, Crosscheck, Crossed, Disagreement};
use super::ends::refuted_by_digests;
use super::{Proof, Replayed};
use crate::error::{Error, ErrorKind, Result, TxnPlace};
use crate::history::History;
use crate::history::timeline::{Evidence, Fork, Timeline};
use crate::progress::Progress;
use crate::tree::{AclValue, DataTree};
use crate::zxid::{SessionId, Zxid, ZxidRange};
use std::fmt;

/// What a base gives, and what was found on the way.
#[derive(Debug)]
pub struct Link {
    /// The base.
    pub base: Base,
    /// From where to where it promises to be exact, and was replayed.
    pub range: ZxidRange,
    /// How digests compared.
    pub digests: DigestTally,
    /// On what that rests, with what the snapshots on the way say.
    pub proof: Proof,
    /// The first and the last txn applied.
    pub applied: Option<ZxidRange>,
    /// CloseSessions of which it is unknown what they deleted.
    pub uncertain_closes: Vec<Zxid>,
    /// The ends of epochs on the way that nothing proves.
    pub joints: Vec<(Zxid, Zxid)>,
    /// A znode whose ACL is not known.
    pub unresolved: Option<Vec<u8>>,
    /// Sessions that are not known and own ephemerals, and how many.
    pub uncovered: Vec<(SessionId, usize)>,
    /// Parents under which sequential names are near their end.
    pub parents_near_end: Option<ParentsNearEnd>,
    /// How the snapshots on the way compared.
    pub crossed: Crossed,
}

/// A cversion above this is near its end: a sixteenth is left.
const CVERSION_MAX: i32 = 0x7800_0000;

/// Parents whose cversion is near its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentsNearEnd {
    /// How many.
    pub count: u64,
    /// The highest cversion, and the path that has it.
    pub highest: (i32, Vec<u8>),
}

impl ParentsNearEnd {
    fn of(tree: &DataTree) -> Option<ParentsNearEnd> {
        let near = tree
            .nodes()
            .filter(|node| node.stat.cversion > CVERSION_MAX);
        let (mut count, mut highest) = (0, None);
        for node in near {
            count += 1;
            highest = highest.max(Some((node.stat.cversion, node.path)));
        }
        let (cversion, path) = highest?;
        Some(ParentsNearEnd {
            count,
            highest: (cversion, path.to_vec()),
        })
    }
}

/// A snapshot with which nothing agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlier {
    /// It.
    pub file: BaseFile,
    /// The zxid in its name.
    pub zxid: Zxid,
    /// How many other snapshots agree with one another and with the txns between them.
    pub others: usize,
    /// Whether digests that leaders logged speak against it.
    pub is_against_digests: bool,
}

/// What speaks against it, to follow its name.
impl fmt::Display for Outlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digests = match self.is_against_digests {
            true => "the digests that the leader logged",
            false => "the transactions between them",
        };
        match self.others {
            0 => write!(f, "does not match {digests}"),
            1 => write!(
                f,
                "is the outlier: another snapshot and {digests} agree without it"
            ),
            others => write!(
                f,
                "is the outlier: {others} other snapshots and {digests} agree without it"
            ),
        }
    }
}

/// All that bases, txns and digests say of one another.
#[derive(Debug)]
pub struct Chain {
    /// What each base gives that gives something no earlier one does.
    pub links: Vec<Link>,
    /// The snapshots that nothing agrees with.
    pub outliers: Vec<Outlier>,
}

impl Chain {
    /// What is said against a base, if it stands alone.
    pub fn outlier(&self, file: BaseFile) -> Option<&Outlier> {
        self.outliers.iter().find(|alone| alone.file == file)
    }

    /// Whether `link` adds nothing to what another gives without a doubt.
    pub fn is_superfluous(&self, link: &Link) -> bool {
        let earlier = self
            .links
            .iter()
            .take_while(|other| !std::ptr::eq(*other, link));
        let mut earlier = earlier.filter(|other| self.outlier(other.base.file).is_none());
        earlier.any(|other| other.covers(link.range) && self.doubt(other).is_none())
    }

    /// What throws doubt on what `link` gives, if anything does.
    pub fn doubt<'a>(&self, link: &'a Link) -> Option<Doubt<'a>> {
        let contradictions = link.crossed.contradictions.iter();
        let doubtful = contradictions.filter(|other| {
            is_of_nodes(other)
                && (link.proof != Proof::Proven || other.is_beyond_digests)
                && !self.outliers.iter().any(|alone| alone.zxid == other.zxid)
        });
        let other = doubtful.min_by_key(|other| other.zxid)?;
        let others = self.links.iter().filter(|it| it.base.zxid >= other.zxid);
        let behind = others.filter(|it| it.is_supported() && self.outlier(it.base.file).is_none());
        let behind = behind.min_by_key(|it| it.range);
        Some(Doubt {
            other,
            agreed: behind.map_or(0, |it| it.agreed().count()),
            to: behind.map_or(link.range.last, |it| {
                it.range.first.prev().max(link.range.first)
            }),
            is_of_txns: behind.is_some(),
        })
    }
}

/// What throws doubt on what a base gives.
#[derive(Clone, Copy, Debug)]
pub struct Doubt<'a> {
    /// The first snapshot that differs.
    pub other: &'a Contradiction,
    /// How many later ones agree with that one.
    pub agreed: usize,
    /// The last txn that is in doubt: behind it, later bases agree.
    pub to: Zxid,
    /// Whether it is known to lie with the txns before the snapshot, since later snapshots or
    /// digests agree with it.
    pub is_of_txns: bool,
}

impl Link {
    fn of(base: &Base, range: ZxidRange, replayed: &Replayed, crossed: Crossed) -> Link {
        let mut nodes = replayed.tree.nodes();
        let unresolved = nodes.find(|node| matches!(node.acl, AclValue::Unresolved(_)));
        let mut link = Link {
            base: base.clone(),
            range,
            digests: replayed.digests.clone(),
            proof: replayed.proof,
            applied: replayed.applied,
            uncertain_closes: replayed.uncertain_closes.clone(),
            joints: replayed.joints.clone(),
            unresolved: unresolved.map(|node| node.path.to_vec()),
            uncovered: replayed.tree.uncovered_ephemerals(),
            parents_near_end: ParentsNearEnd::of(&replayed.tree),
            crossed,
        };
        let is_known = matches!(base.exact_from, ExactFrom::Known(_));
        let rests_on_ends = link.proof == Proof::Unproven && !link.joints.is_empty();
        if rests_on_ends && is_known && link.is_witnessed() && link.uncertain_closes.is_empty() {
            link.proof = Proof::Consistent;
        }
        link
    }

    /// Whether a snapshot behind the last end of an epoch that was passed agreed with the replay:
    /// then no txn is missing at any of them.
    fn is_witnessed(&self) -> bool {
        let Some((_, first)) = self.joints.last() else {
            return false;
        };
        let is_passed = |zxid| zxid >= *first && self.applied.is_some_and(|it| zxid <= it.last);
        self.crossed.contradictions.is_empty()
            && self.crossed.judged.iter().any(|zxid| is_passed(*zxid))
    }

    /// The snapshots that have the very tree that it gives.
    fn agreed(&self) -> impl DoubleEndedIterator<Item = Zxid> {
        let differs = |zxid: &Zxid| {
            let mut contradictions = self.crossed.contradictions.iter();
            contradictions.any(|other| other.zxid == *zxid && is_of_nodes(other))
        };
        let judged = self.crossed.judged.iter().copied();
        judged.filter(move |zxid| !differs(zxid))
    }

    /// Whether a later snapshot, or a digest, agrees with what it gives.
    fn is_supported(&self) -> bool {
        let is_open = self.digests.open_mismatch.is_some();
        self.agreed().next().is_some() || (self.digests.matched.is_some() && !is_open)
    }

    /// Whether digests vouch for all that digests cover, up to `zxid`.
    fn is_vouched_for(&self, zxid: Zxid) -> bool {
        let digests = &self.digests;
        digests.first_mismatch.is_none()
            && digests.open_mismatch.is_none()
            && digests.matched.is_some_and(|it| it.last >= zxid)
    }

    /// Whether it gives all of `range`, and rests on no inference; what snapshots say of it is not
    /// asked.
    fn covers(&self, range: ZxidRange) -> bool {
        let end = match self.digests.first_mismatch.or(self.digests.open_mismatch) {
            Some(_) => self.digests.matched_before,
            None => Some(self.range.last),
        };
        self.proof >= Proof::Consistent
            && self.unresolved.is_none()
            && self.range.first <= range.first
            && end.is_some_and(|end| range.last <= end)
    }

    /// Whether what it gives of `range` is had from it without a doubt.
    fn gives(&self, range: ZxidRange) -> bool {
        let is_doubted = |other: &Contradiction| {
            is_of_nodes(other) && (self.proof != Proof::Proven || other.is_beyond_digests)
        };
        self.covers(range) && !self.crossed.contradictions.iter().any(is_doubted)
    }
}

fn is_of_nodes(other: &Contradiction) -> bool {
    matches!(other.about, Disagreement::Nodes(..))
}

impl History<'_> {
    /// Judges those of its bases that `is_wanted`, with what follows each up to `until`. There is a
    /// gap wherever that refutes the end of an epoch from then on.
    ///
    /// # Errors
    /// [`ErrorKind::SourceChanged`]; failures to read. Damage is told of the files.
    pub fn judge_chain(
        &mut self,
        is_wanted: &dyn Fn(&Base) -> bool,
        (forks, until): (&[Fork], Zxid),
        progress: &dyn Progress,
    ) -> Result<Chain> {
        loop {
            let bases = self.bases()?.iter().filter(|base| is_wanted(base));
            let bases: Vec<Base> = bases.cloned().collect();
            let links = self.links(&bases, (forks, until), progress)?;
            let outliers = outliers(&links);
            match links.iter().find_map(|link| refuted(link, &outliers)) {
                // Each time there is an end of an epoch less to go over.
                Some(evidence) => self.add_evidence(&[evidence]),
                None => return Ok(Chain { links, outliers }),
            }
        }
    }

    /// What each base gives, from the earliest on, and from the next one where that broke off.
    fn links(
        &self,
        bases: &[Base],
        (forks, until): (&[Fork], Zxid),
        progress: &dyn Progress,
    ) -> Result<Vec<Link>> {
        let mut links: Vec<Link> = Vec::new();
        for base in bases {
            let Some(range) = reach(&self.timeline, forks, base) else {
                continue;
            };
            // A base within what an earlier one gave adds nothing, unless that was less than exact.
            if links.iter().any(|link| link.gives(range)) {
                continue;
            }
            let mut to = match until.max(range.first) {
                // What a snapshot says of itself may be no txn: its bytes were not checked yet.
                limit if limit < range.last => {
                    self.timeline.next_after(limit.prev()).unwrap_or(range.last)
                }
                _ => range.last,
            };
            let mut done = self.replay_crossed(bases, base, to, progress);
            if let Err(error) = &done
                && let Some(zxid) = damage_behind(&self.timeline, error, range.first, to)
            {
                // Damage of a file is told where the files are judged; how far one gets is found
                // without it.
                to = zxid;
                done = self.replay_crossed(bases, base, to, progress);
            }
            match done {
                Ok((replayed, crossed)) => links.push(Link::of(
                    base,
                    ZxidRange { last: to, ..range },
                    &replayed,
                    crossed,
                )),
                Err(error) if error.kind() == ErrorKind::Damage => {}
                Err(error) => return Err(error),
            }
        }
        Ok(links)
    }

    /// Replays on a base, and compares the snapshots on the way.
    fn replay_crossed(
        &self,
        bases: &[Base],
        base: &Base,
        to: Zxid,
        progress: &dyn Progress,
    ) -> Result<(Replayed, Crossed)> {
        let mut crosscheck = Crosscheck::new(self.source, bases, base, to);
        let replayed = self.replay_observed(base, to, &mut crosscheck, progress)?;
        let crossed = crosscheck.finish(&replayed.tree)?;
        Ok((replayed, crossed))
    }

    /// Judges the bases of `near`, or all: a base is believed no more than [`History::judge_chain`]
    /// of the whole source would believe it.
    ///
    /// # Errors
    /// As [`History::judge_chain`].
    pub(super) fn judge_bases(
        &mut self,
        near: Option<(Vec<BaseFile>, Zxid)>,
        progress: &dyn Progress,
    ) -> Result<Judgement> {
        let forks = self.compare_overlaps(None)?;
        let (judged, until) = near.map_or((None, Zxid::MAX), |(near, until)| (Some(near), until));
        let is_wanted = |base: &Base| judged.as_ref().is_none_or(|near| near.contains(&base.file));
        let chain = self.judge_chain(&is_wanted, (&forks, until), progress)?;
        let (mut doubted, mut broken) = (Vec::new(), Vec::new());
        for link in &chain.links {
            let is_used = chain.outlier(link.base.file).is_none() && !chain.is_superfluous(link);
            if let Some(doubt) = chain.doubt(link).filter(|_| is_used) {
                let range = ZxidRange::new(link.range.first, doubt.to);
                doubted.push((range, doubt.other.zxid));
                if doubt.is_of_txns {
                    broken.push((link.base.file, doubt.to, doubt.other.zxid));
                }
            }
        }
        Ok(Judgement {
            judged,
            outliers: chain.outliers,
            doubted,
            broken,
        })
    }
}

/// The last txn before damage that a replay came upon.
fn damage_behind(timeline: &Timeline, error: &Error, from: Zxid, to: Zxid) -> Option<Zxid> {
    let last = match error.txn().filter(|_| error.kind() == ErrorKind::Damage)? {
        TxnPlace::After(last) => last,
        TxnPlace::Of(zxid) => timeline.last_before(zxid)?,
    };
    (last >= from && last < to).then_some(last)
}

/// From where to where `base` promises to be exact, or is to be proven so.
pub fn reach(timeline: &Timeline, forks: &[Fork], base: &Base) -> Option<ZxidRange> {
    let mut range = match base.exact_from {
        ExactFrom::Known(_) | ExactFrom::Bounded(_) => base.reach(timeline)?,
        ExactFrom::Open => base.reach_from(timeline, timeline.last()?)?,
    };
    // Which of two logs is right cannot be told: nothing goes over a txn of which they say
    // different things.
    let fork = forks
        .iter()
        .map(|fork| fork.zxid)
        .filter(|zxid| *zxid > base.zxid)
        .min();
    range.last = fork.map_or(range.last, |zxid| range.last.min(zxid.prev()));
    (!range.is_empty()).then_some(range)
}

/// The snapshots that stand alone.
fn outliers(links: &[Link]) -> Vec<Outlier> {
    let mut outliers: Vec<Outlier> = Vec::new();
    for link in links {
        let differing = link.crossed.contradictions.iter();
        for other in differing.filter(|other| is_of_nodes(other)) {
            let found = differs_alone(link, other).or_else(|| is_alone(links, link));
            if let Some(found) = found.filter(|found| !outliers.contains(found)) {
                outliers.push(found);
            }
        }
    }
    outliers
}

/// Whether the snapshot that differs from a replay does so alone: a later one agrees, or digests
/// vouch for the replay.
fn differs_alone(link: &Link, other: &Contradiction) -> Option<Outlier> {
    let others = link.agreed().filter(|zxid| *zxid > other.zxid).count();
    let is_against_digests = link.is_vouched_for(other.zxid) && !other.is_beyond_digests;
    (others > 0 || is_against_digests).then_some(Outlier {
        file: BaseFile::Snapshot(other.index),
        zxid: other.zxid,
        others: others + usize::from(matches!(link.base.file, BaseFile::Snapshot(_))),
        is_against_digests,
    })
}

/// Whether the base of a link stands alone: no snapshot and no digest agrees with what it gives,
/// and those that differ agree with one another.
fn is_alone(links: &[Link], link: &Link) -> Option<Outlier> {
    let is_real = matches!(link.base.file, BaseFile::Snapshot(_)) && link.base.zxid > Zxid::ZERO;
    let is_supported = link.agreed().next().is_some()
        || link.digests.matched.is_some()
        || links
            .iter()
            .any(|earlier| earlier.agreed().any(|zxid| zxid == link.base.zxid));
    if !is_real || is_supported {
        return None;
    }
    let differs = |zxid: Zxid| {
        let mut differing = link.crossed.contradictions.iter();
        differing.any(|other| other.zxid == zxid && is_of_nodes(other))
    };
    let against = links.iter().filter(|later| differs(later.base.zxid));
    let best = against.max_by_key(|later| (later.agreed().count(), later.digests.compared))?;
    let is_against_digests = best.is_vouched_for(best.base.zxid) && link.digests.compared > 0;
    let others = best.agreed().count();
    (others > 0 || is_against_digests).then_some(Outlier {
        file: link.base.file,
        zxid: link.base.zxid,
        others: others + 1,
        is_against_digests,
    })
}

/// The end of an epoch that a replay refutes: digests or a snapshot behind it differ, and nothing
/// before did.
fn refuted(link: &Link, outliers: &[Outlier]) -> Option<Evidence> {
    if outliers.iter().any(|it| it.file == link.base.file) {
        return None;
    }
    if let Some(evidence) = refuted_by_digests(&link.digests, &link.joints) {
        return Some(evidence);
    }
    let is_counted = |other: &&Contradiction| !outliers.iter().any(|it| it.zxid == other.zxid);
    let differing = link.crossed.contradictions.iter().filter(is_counted);
    let differing = differing.map(|other| other.zxid).min()?;
    let agreed = link.agreed().rfind(|zxid| *zxid < differing);
    let is_suspect = |(last, first): &&(Zxid, Zxid)| {
        agreed.is_none_or(|agreed| *last >= agreed)
            && *first <= differing
            && !link.is_vouched_for(*first)
    };
    let &(last, first) = link.joints.iter().rfind(is_suspect)?;
    Some(Evidence::Difference { last, first })
}

/// What is known of bases before a tree is made on one of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Judgement {
    /// The bases that were judged; `None` where all may be taken as they are.
    judged: Option<Vec<BaseFile>>,
    /// The snapshots that stand alone.
    outliers: Vec<Outlier>,
    /// What is in doubt, and the snapshot that says otherwise.
    doubted: Vec<(ZxidRange, Zxid)>,
    /// Bases behind which txns are wrong: up to where each may be followed all the same, and the
    /// snapshot that shows it.
    broken: Vec<(BaseFile, Zxid, Zxid)>,
}

impl Judgement {
    /// Whether nothing is known of a base: it is not to be taken.
    pub fn is_unknown(&self, base: &Base) -> bool {
        let judged = self.judged.as_ref();
        judged.is_some_and(|judged| !judged.contains(&base.file))
    }

    /// Why a base is not to be followed to `target`, to stand behind its name.
    pub fn refusal(&self, base: &Base, target: Zxid) -> Option<String> {
        if let Some(alone) = self.outliers.iter().find(|alone| alone.file == base.file) {
            return Some(alone.to_string());
        }
        let is_broken =
            |(file, to, _): &&(BaseFile, Zxid, Zxid)| *file == base.file && target > *to;
        let (_, _, snapshot) = self.broken.iter().find(is_broken)?;
        Some(format!(
            "and the transactions after it lead to a different tree from the snapshot of {snapshot} and what follows that: a transaction is missing or was changed"
        ))
    }

    /// The snapshot that differs from what is otherwise had at `zxid`, where nothing tells which is
    /// right.
    pub fn doubt(&self, zxid: Zxid) -> Option<Zxid> {
        let mut doubted = self.doubted.iter();
        let doubted = doubted.find(|(range, _)| range.contains(zxid));
        doubted.map(|(_, snapshot)| *snapshot)
    }
}

/// How many bases on either side of a point are judged at first.
const AROUND: usize = 2;

/// The bases around `target`, and up to where they have to be followed so that each is compared;
/// `None` where those are all.
pub(super) fn around(bases: &[Base], target: Zxid) -> Option<(Vec<BaseFile>, Zxid)> {
    let below = bases.iter().rev().filter(|base| base.zxid <= target);
    let above = bases.iter().filter(|base| base.zxid > target).take(AROUND);
    let near = below.take(AROUND).chain(above.clone());
    let near: Vec<BaseFile> = near.map(|base| base.file).collect();
    let until = match above.last().map(|base| base.exact_from) {
        Some(ExactFrom::Known(zxid) | ExactFrom::Bounded(zxid)) => zxid.max(target),
        Some(ExactFrom::Open) | None => Zxid::MAX,
    };
    (near.len() < bases.len()).then_some((near, until))
}
