//! What the stretches mean: holes, tails, branches, what was committed, and whom to restore from.

use super::walk::{Pair, Stretch, Walked};
use super::{Best, Commitment, Fork, Hole, Member, Proof, Read, Report, Uncommitted, Window};
use crate::history::replay::{Base, ExactFrom};
use crate::history::timeline::{Gap, Segment, Timeline};
use crate::zxid::{Zxid, ZxidRange};
use std::cmp::Reverse;

/// Why a member does not hold a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absence {
    /// It has no txns at all.
    NoTxns,
    /// Its logs begin later: older ones are purged by nature.
    Before,
    /// Its logs end before.
    Behind,
    /// It goes straight from the txn before to a later epoch.
    EpochEnd,
    /// They are missing between two that it has.
    Gap,
}

fn absence(timeline: &Timeline, stretch: &Stretch) -> Absence {
    let first = timeline.segments.first().map(Segment::first);
    let (Some(first), Some(last)) = (first, timeline.last()) else {
        return Absence::NoTxns;
    };
    let mut joints = timeline.segments.iter().flat_map(|segment| &segment.joints);
    if stretch.last < first {
        Absence::Before
    } else if stretch.first > last {
        Absence::Behind
    } else if joints.any(|(last, first)| *last < stretch.first && stretch.last < *first) {
        Absence::EpochEnd
    } else {
        Absence::Gap
    }
}

struct Judge<'a> {
    members: &'a [Read<'a>],
    pairs: &'a [Pair],
    stretches: &'a [Stretch],
    voters: usize,
    commitments: Vec<Commitment>,
    /// Where each member leaves the history that the majority has, if it does.
    off: Vec<Option<Zxid>>,
    /// Whether each shares a txn with any other.
    is_related: Vec<bool>,
}

pub(super) fn judge(members: &[Read<'_>], walked: Walked, voters: usize) -> Report {
    let mut judge = Judge {
        members,
        pairs: &walked.pairs,
        stretches: &walked.stretches,
        voters,
        commitments: Vec::new(),
        off: vec![None; members.len()],
        is_related: vec![false; members.len()],
    };
    judge.find_related();
    let forks = judge.forks();
    judge.commitments = judge.by_majority();
    judge.commitments.extend(judge.by_snapshot());
    let mut findings = Findings::default();
    for stretch in &walked.stretches {
        for side in &stretch.sides {
            judge.judge_side(stretch, side, &mut findings);
        }
    }
    judge.find_unfillable(&mut findings);
    findings.holes.sort_by_key(|hole| (hole.member, hole.first));
    let committed = judge.last_committed();
    let windows: Vec<Option<Window>> = (0..members.len())
        .map(|member| judge.window(member, &findings, committed.as_ref()?.zxid))
        .collect();
    let common = common(&walked.stretches, members.len());
    Report {
        best: judge.best(&windows, committed.as_ref()),
        members: judge.members(windows),
        voters,
        common_txns: common.1,
        common: common.0,
        forks,
        holes: findings.holes,
        tails: findings.tails,
        branches: findings.branches,
        committed,
        pairs: walked.pairs,
    }
}

/// What is told of stretches that not all hold.
#[derive(Default)]
struct Findings {
    holes: Vec<Hole>,
    tails: Vec<Uncommitted>,
    branches: Vec<Uncommitted>,
}

impl Findings {
    /// Adds a hole, or makes the one before it longer.
    fn add_hole(&mut self, hole: Hole) {
        let before = self.holes.iter_mut().rev();
        let mut before = before.filter(|before| before.member == hole.member);
        match before.next() {
            Some(before)
                if before.last.is_followed_by(hole.first)
                    && before.fillers == hole.fillers
                    && before.is_committed == hole.is_committed =>
            {
                before.last = hole.last;
                before.bridge = hole.bridge;
            }
            _ => self.holes.push(hole),
        }
    }
}

/// Adds what nothing proves, or makes what is before it longer.
fn add_uncommitted(found: &mut Vec<Uncommitted>, more: Uncommitted) {
    match found.last_mut() {
        Some(last)
            if last.last.is_followed_by(more.first)
                && last.holders == more.holders
                && last.others == more.others =>
        {
            last.last = more.last;
        }
        _ => found.push(more),
    }
}

/// The ranges that all hold on one side, and how many txns they are.
fn common(stretches: &[Stretch], members: usize) -> (Vec<ZxidRange>, u64) {
    let mut ranges: Vec<ZxidRange> = Vec::new();
    let mut count = 0;
    let is_common =
        |stretch: &&Stretch| matches!(stretch.sides.as_slice(), [side] if side.len() == members);
    for stretch in stretches.iter().filter(is_common) {
        count += stretch.count();
        match ranges.last_mut() {
            Some(range) if range.last.is_followed_by(stretch.first) => range.last = stretch.last,
            _ => ranges.push(ZxidRange::new(stretch.first, stretch.last)),
        }
    }
    (ranges, count)
}

impl<'a> Judge<'a> {
    /// Who shares no txn with any other is of another history from the start, for all that can be
    /// seen.
    fn find_related(&mut self) {
        for (index, (is_related, off)) in self.is_related.iter_mut().zip(&mut self.off).enumerate()
        {
            let mut pairs = self.pairs.iter();
            *is_related = pairs.any(|pair| pair.members.contains(&index) && pair.same > 0);
            if !*is_related {
                *off = Some(Zxid::from_i64(i64::MIN));
            }
        }
    }

    /// Whether two members' histories had parted by `zxid`.
    fn have_parted(&self, a: usize, b: usize, zxid: Zxid) -> bool {
        let is_related = |member: usize| self.is_related.get(member) == Some(&true);
        let pair = |pair: &&Pair| pair.members.contains(&a) && pair.members.contains(&b);
        let has_parted = |pair: &Pair| pair.has_parted(zxid);
        a != b
            && (!is_related(a)
                || !is_related(b)
                || self.pairs.iter().find(pair).is_some_and(has_parted))
    }

    fn is_majority(&self, stretch: &Stretch, side: &[usize]) -> bool {
        let one = side.first().copied().unwrap_or(0);
        // Who begins later in the same epoch began with a snapshot of what was before.
        let implied = self.members.iter().enumerate().filter(|(index, member)| {
            let segments = &member.history.timeline.segments;
            !stretch.is_held_by(*index)
                && absence(&member.history.timeline, stretch) == Absence::Before
                && segments
                    .first()
                    .is_some_and(|segment| segment.first().epoch() == stretch.first.epoch())
                && !self.have_parted(*index, one, Zxid::MAX)
        });
        (side.len() + implied.count()) * 2 > self.voters
    }

    /// Where sides part, noting who leaves the majority.
    fn forks(&mut self) -> Vec<Fork> {
        let mut forks: Vec<Fork> = Vec::new();
        for stretch in self
            .stretches
            .iter()
            .filter(|stretch| stretch.sides.len() > 1)
        {
            let mut sides = stretch.sides.iter();
            let majority = sides.position(|side| self.is_majority(stretch, side));
            for (index, side) in stretch.sides.iter().enumerate() {
                for member in side.iter().filter(|_| majority != Some(index)) {
                    if let Some(off) = self.off.get_mut(*member) {
                        off.get_or_insert(stretch.first);
                    }
                }
            }
            let parts_here = self.pairs.iter().any(|pair| {
                pair.first_difference
                    .as_ref()
                    .is_some_and(|difference| difference.zxid == stretch.first)
            });
            if parts_here {
                forks.push(Fork {
                    zxid: stretch.first,
                    sides: stretch.sides.clone(),
                    majority,
                });
            }
        }
        forks
    }

    fn by_majority(&self) -> Vec<Commitment> {
        let sides = self
            .stretches
            .iter()
            .flat_map(|stretch| stretch.sides.iter().map(move |side| (stretch, side)));
        sides
            .filter(|(stretch, side)| self.is_majority(stretch, side))
            .filter_map(|(stretch, side)| {
                Some(Commitment {
                    zxid: stretch.last,
                    member: *side.first()?,
                    proof: Proof::Majority,
                })
            })
            .collect()
    }

    fn by_snapshot(&self) -> Vec<Commitment> {
        let bases =
            self.members.iter().enumerate().flat_map(|(index, member)| {
                member.bases.iter().map(move |base| (index, member, base))
            });
        bases
            .filter_map(|(index, member, base)| {
                let applied = match base.exact_from {
                    ExactFrom::Known(zxid) => zxid.max(base.zxid),
                    ExactFrom::Bounded(_) | ExactFrom::Open => base.zxid,
                };
                // A server that starts writes what it has, committed or not.
                let epoch_end = Zxid::new(applied.epoch(), u32::MAX).next();
                let is_of_a_start = base.zxid == applied
                    && member.history.timeline.last_before(epoch_end) == Some(applied);
                let is_txn = applied.counter() > 0 || member.history.timeline.contains(applied);
                (is_txn && !is_of_a_start).then(|| Commitment {
                    zxid: applied,
                    member: index,
                    proof: Proof::Snapshot {
                        member: index,
                        name: base.name(member.history.source),
                    },
                })
            })
            .collect()
    }

    /// The last txn of `stretch` that is known to have been committed as `side` has it, and how.
    fn committed(&self, stretch: &Stretch, side: &[usize]) -> Option<(Zxid, &Commitment)> {
        let one = side.first().copied()?;
        let proofs = self.commitments.iter().filter(|commitment| {
            commitment.zxid.epoch() == stretch.first.epoch()
                && commitment.zxid >= stretch.first
                && !self.have_parted(commitment.member, one, stretch.first)
        });
        // A majority is told before a snapshot.
        let best = proofs.max_by_key(|commitment| {
            (
                commitment.zxid.min(stretch.last),
                commitment.proof == Proof::Majority,
            )
        })?;
        Some((best.zxid.min(stretch.last), best))
    }

    /// The last txn that is known to have been committed, before any fork of which no side has a
    /// majority.
    fn last_committed(&self) -> Option<Commitment> {
        let on_the_way = self.stretches.iter().rev().flat_map(|stretch| {
            let sides = stretch.sides.iter().filter(move |side| {
                let off = side.iter().filter_map(|member| *self.off.get(*member)?);
                off.min().is_none_or(|off| off > stretch.first)
            });
            sides.filter_map(move |side| self.committed(stretch, side))
        });
        let (zxid, commitment) = on_the_way.max_by_key(|(zxid, _)| *zxid)?;
        Some(Commitment {
            zxid,
            ..commitment.clone()
        })
    }

    /// Who of `side`'s history does not hold `stretch`, for the reason `wanted`.
    fn absent(&self, stretch: &Stretch, side: &[usize], wanted: Absence) -> Vec<usize> {
        let one = side.first().copied().unwrap_or(0);
        let members = self.members.iter().enumerate();
        members
            .filter(|(index, member)| {
                !stretch.is_held_by(*index)
                    && !self.have_parted(*index, one, stretch.first)
                    && absence(&member.history.timeline, stretch) == wanted
            })
            .map(|(index, _)| index)
            .collect()
    }

    /// What those lack who do not hold `stretch`, of `side`'s history.
    fn judge_side(&self, stretch: &Stretch, side: &[usize], findings: &mut Findings) {
        let absent = |wanted| self.absent(stretch, side, wanted);
        let (behind, went_on) = (absent(Absence::Behind), absent(Absence::EpochEnd));
        let committed = self.committed(stretch, side).map(|(zxid, _)| zxid);
        let is_committed = committed == Some(stretch.last);
        let hole = |member, last| Hole {
            member,
            first: stretch.first,
            last,
            fillers: side.to_vec(),
            is_committed,
            bridge: self.bridge(member, last),
        };
        // What others went on without is no hole of those who lack more.
        if is_committed || went_on.is_empty() {
            for member in absent(Absence::Gap) {
                findings.add_hole(hole(member, stretch.last));
            }
        }
        if let Some(last) = committed {
            for member in &went_on {
                findings.add_hole(Hole {
                    is_committed: true,
                    ..hole(*member, last)
                });
            }
        }
        if is_committed {
            return;
        }
        let more = |others: Vec<usize>| Uncommitted {
            holders: side.to_vec(),
            others,
            first: committed.map_or(stretch.first, Zxid::next),
            last: stretch.last,
        };
        if !went_on.is_empty() {
            add_uncommitted(&mut findings.branches, more(went_on));
        } else if !behind.is_empty() {
            add_uncommitted(&mut findings.tails, more(behind));
        }
    }

    /// The snapshot of `member` after which its logs go on behind a hole that ends with `last`.
    fn bridge(&self, member: usize, last: Zxid) -> Option<String> {
        let member = self.members.get(member)?;
        let next = member.history.timeline.next_after(last)?;
        let bridges = |base: &&Base| base.zxid >= last && base.zxid.is_followed_by(next);
        let base = member.bases.iter().find(bridges)?;
        Some(base.name(member.history.source))
    }

    /// Holes that nobody fills.
    fn find_unfillable(&self, findings: &mut Findings) {
        for (a, b) in self.stretches.iter().zip(self.stretches.iter().skip(1)) {
            if a.last.is_followed_by(b.first) {
                continue;
            }
            let gap = Gap::between((a.last, 0), (b.first, 0));
            let (first, last) = (gap.first_missing(), gap.last_missing());
            for (index, member) in self.members.iter().enumerate() {
                let timeline = &member.history.timeline;
                if timeline.last_before(first).is_some() && timeline.next_after(last).is_some() {
                    findings.holes.push(Hole {
                        member: index,
                        first,
                        last,
                        fillers: Vec::new(),
                        is_committed: false,
                        bridge: self.bridge(index, last),
                    });
                }
            }
        }
    }

    /// The window of `member` that reaches highest, no higher than `target`.
    fn window(&self, member: usize, findings: &Findings, target: Zxid) -> Option<Window> {
        let read = self.members.get(member)?;
        let holes = findings.holes.iter().filter(|hole| hole.member == member);
        let branches = findings.branches.iter();
        let branches = branches.filter(|branch| branch.holders.contains(&member));
        let off = self.off.get(member).copied().flatten();
        let cuts: Vec<ZxidRange> = holes
            .map(|hole| ZxidRange::new(hole.first, hole.last))
            .chain(branches.map(|branch| ZxidRange::new(branch.first, branch.last)))
            .chain(off.map(|off| ZxidRange::new(off, Zxid::MAX)))
            .collect();
        let windows = read.bases.iter().filter_map(|base| {
            let ZxidRange {
                first: from,
                last: mut to,
            } = base.reach(&read.history.timeline)?;
            for ZxidRange { first, last } in &cuts {
                if base.zxid < *first && *first <= to {
                    let before = read.history.timeline.last_before(*first);
                    to = before.map_or(base.zxid, |before| before.max(base.zxid));
                } else if *first <= base.zxid && base.zxid < *last {
                    to = to.min(*last);
                }
            }
            let is_off = off.is_some_and(|off| base.zxid >= off);
            let to = to.min(target);
            (from <= to && !is_off).then(|| Window {
                from,
                to,
                base: base.name(read.history.source),
            })
        });
        windows.max_by_key(|window| (window.to, Reverse(window.from)))
    }

    /// Whom to restore all from: who reaches highest; of those the undamaged, then who has no more
    /// than that, then who reaches furthest back.
    fn best(&self, windows: &[Option<Window>], committed: Option<&Commitment>) -> Option<Best> {
        let target = committed?.zxid;
        let has_more = |member: usize| {
            let last = self
                .members
                .get(member)
                .and_then(|read| read.history.timeline.last());
            last.is_some_and(|last| last > target)
        };
        let mut ranked: Vec<(usize, &Window)> = windows
            .iter()
            .enumerate()
            .filter_map(|(index, window)| Some((index, window.as_ref()?)))
            .collect();
        ranked.sort_by_key(|(member, window)| {
            let faults = self.members.get(*member).map(|read| &read.faults);
            let is_damaged =
                faults.is_some_and(|faults| faults.iter().any(|fault| fault.is_damage));
            (
                Reverse(window.to),
                is_damaged,
                has_more(*member),
                window.from,
            )
        });
        let ((member, window), rest) = ranked.split_first_mut()?;
        rest.sort_by_key(|(member, _)| *member);
        Some(Best {
            member: *member,
            reaches_last: window.to == target,
            has_more: has_more(*member),
            equals: rest
                .iter()
                .filter(|(_, other)| other.to == window.to)
                .map(|(index, _)| *index)
                .collect(),
        })
    }

    fn members(&self, windows: Vec<Option<Window>>) -> Vec<Member> {
        let members = self.members.iter().enumerate().zip(windows);
        members
            .map(|((index, read), window)| {
                let segments = &read.history.timeline.segments;
                let first = segments.first().map(|it| (it.first(), it.first_time()));
                let last = segments.last().map(|it| (it.last(), it.last_time()));
                let beyond = self.stretches.iter().filter(|stretch| {
                    absence(&read.history.timeline, stretch) == Absence::Behind
                        && stretch
                            .sides
                            .iter()
                            .flatten()
                            .any(|holder| !self.have_parted(index, *holder, stretch.first))
                });
                let held = self
                    .stretches
                    .iter()
                    .filter(|stretch| stretch.is_held_by(index));
                Member {
                    shown: read.history.source.shown().into(),
                    logs: read.history.source.logs().len(),
                    snapshots: read.history.source.snapshots().len(),
                    txns: held.map(Stretch::count).sum(),
                    is_related: self.is_related.get(index) == Some(&true),
                    range: first.zip(last).map(|(first, last)| [first, last]),
                    behind: beyond.map(Stretch::count).sum(),
                    window,
                    faults: read.faults.clone(),
                }
            })
            .collect()
    }
}
