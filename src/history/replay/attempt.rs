//! The tree at a txn, on the base that leaves the least to doubt.

use super::ambiguity::witness;
use super::chain::{Judgement, around, judge_bases};
use super::ends::refuted_by_digests;
use super::{ExactFrom, Proof, Rejected, Replayed, base, bases, replay, trust};
use crate::error::{Error, ErrorKind, Result};
use crate::history::source::Source;
use crate::history::timeline::{Evidence, Timeline};
use crate::progress::Progress;
use crate::zxid::Zxid;

/// The tree after txn `target`, on the best base there is, and the bases that were not taken.
///
/// # Errors
/// [`ErrorKind::NotReachable`] when no base makes it exact; [`ErrorKind::Damage`] when what would
/// is damaged, or every digest differs.
pub fn tree_at(
    source: &Source,
    timeline: &Timeline,
    target: Zxid,
    progress: &dyn Progress,
) -> Result<(Replayed, Vec<Rejected>)> {
    let tried = Attempt::of(source, timeline, (target, &Judgement::default()), progress)?;
    tried.settle(source, timeline, target)
}

/// As [`tree_at`], on the bases that `judgement` allows. Where digests refute the end of an epoch
/// on the way, `timeline` has a gap there from then on.
///
/// # Errors
/// As [`tree_at`].
pub(super) fn tree_on_judged(
    source: &Source,
    timeline: &mut Timeline,
    (target, judgement): (Zxid, &Judgement),
    progress: &dyn Progress,
) -> Result<(Replayed, Vec<Rejected>)> {
    loop {
        let tried = Attempt::of(source, timeline, (target, judgement), progress)?;
        match tried.refuted.filter(|_| tried.best.is_none()) {
            Some(evidence) => *timeline = std::mem::take(timeline).given(source, [evidence]),
            None => return tried.settle(source, timeline, target),
        }
    }
}

/// As [`tree_at`], on bases that were judged by one another: those around the point, and where that
/// leaves a doubt, all.
///
/// # Errors
/// As [`tree_at`].
pub(super) fn judged_tree_at(
    source: &Source,
    timeline: &mut Timeline,
    target: Zxid,
    progress: &dyn Progress,
) -> Result<(Replayed, Vec<Rejected>)> {
    let judge = |timeline: &mut Timeline, near| -> Result<Judgement> {
        let (judged, judgement) = judge_bases(source, std::mem::take(timeline), near, progress)?;
        *timeline = judged;
        Ok(judgement)
    };
    if let Some(near) = around(&bases(source, timeline)?, target) {
        let judgement = judge(timeline, Some(near))?;
        match tree_on_judged(source, timeline, (target, &judgement), progress) {
            Ok(found) if found.0.is_certain() => return Ok(found),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Damage | ErrorKind::NotReachable) => {}
            Err(error) => return Err(error),
        }
    }
    let judgement = judge(timeline, None)?;
    tree_on_judged(source, timeline, (target, &judgement), progress)
}

/// What the bases from which the tree at a point may be had gave.
#[derive(Default)]
struct Attempt {
    best: Option<Replayed>,
    second_best: Vec<Replayed>,
    rejected: Vec<Rejected>,
    damage: Option<Error>,
    refuted: Option<Evidence>,
}

impl Attempt {
    fn of(
        source: &Source,
        timeline: &Timeline,
        (target, judgement): (Zxid, &Judgement),
        progress: &dyn Progress,
    ) -> Result<Attempt> {
        let mut tried = Attempt::default();
        let bases = bases(source, timeline)?;
        for base in base::candidates(&bases, timeline, source, target, &mut tried.rejected) {
            let name = base.name(source);
            if judgement.is_unknown(base) {
                continue;
            }
            if let Some(reason) = judgement.refusal(base, target) {
                tried.reject(name, reason, true);
                continue;
            }
            let mut replayed = match replay(source, timeline, base, target, progress) {
                Err(error) if error.kind() == ErrorKind::Damage => {
                    tried.reject(name, format!("damaged: {error}"), true);
                    tried.damage.get_or_insert(error);
                    continue;
                }
                replayed => replayed?,
            };
            // A snapshot by itself may hold parts of the txn that was being applied, which the next
            // digest would show to be so.
            let open = replayed.digests.open_mismatch;
            if let Some(mismatch) = open.filter(|_| replayed.count > 0) {
                tried.damage.get_or_insert_with(|| mismatch.error(&name));
                tried.refuted = tried
                    .refuted
                    .or(refuted_by_digests(&replayed.digests, &replayed.joints));
            }
            let judged = match judge(&replayed, target) {
                Ok(()) => {
                    replayed.doubt(judgement.doubt(target));
                    witness(source, timeline, &bases, replayed, progress)?
                        .map_err(|reason| (reason, true))
                }
                Err(reason) => Err((reason, false)),
            };
            match judged {
                Ok(replayed) if replayed.is_certain() => {
                    tried.best = Some(replayed);
                    break;
                }
                Ok(replayed) => tried.second_best.push(replayed),
                Err((reason, is_contradicted)) => tried.reject(name, reason, is_contradicted),
            }
        }
        Ok(tried)
    }

    fn reject(&mut self, name: String, reason: String, is_damaged: bool) {
        self.rejected.push(Rejected {
            name,
            reason,
            is_damaged,
        });
    }

    fn settle(
        self,
        source: &Source,
        timeline: &Timeline,
        target: Zxid,
    ) -> Result<(Replayed, Vec<Rejected>)> {
        // Ends of epochs that nothing proves are worse than a base that is not known to have been
        // finished: behind one, there may be txns of an abandoned branch, which the base behind it
        // does not have.
        let second_best = self.second_best.into_iter().min_by_key(Replayed::doubts);
        if let Some(best) = self.best.or(second_best) {
            return Ok((best, self.rejected));
        }
        let bases = bases(source, timeline)?;
        let damage = self.damage;
        let damage = damage.map(|error| error.or_hint(|| base::nearest(timeline, &bases, target)));
        let unreachable = || base::unreachable(source, timeline, &bases, target, &self.rejected);
        Err(damage.unwrap_or_else(unreachable))
    }
}

/// Whether what was replayed is the tree at `target`, as far as can be known.
fn judge(replayed: &Replayed, target: Zxid) -> std::result::Result<(), String> {
    if let Some(mismatch) = replayed.digests.open_mismatch {
        return Err(format!(
            "gives a tree whose digest differs from the one logged with {}",
            mismatch.zxid
        ));
    }
    let newest = trust::shown(&replayed.tree);
    if newest > target {
        return Err(format!("contains effects of {newest}, which is later"));
    }
    let is_exact = match replayed.base.exact_from {
        ExactFrom::Known(zxid) | ExactFrom::Bounded(zxid) => zxid <= target,
        ExactFrom::Open => false,
    };
    if !is_exact && replayed.proof != Proof::Proven {
        return Err("may have been written while later transactions were applied, and no digest proves otherwise".to_owned());
    }
    Ok(())
}
