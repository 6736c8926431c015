//! The tree at a txn, on the base that leaves the least to doubt.

use super::chain::{Judgement, around};
use super::ends::refuted_by_digests;
use super::reachable::nearest;
use super::{ExactFrom, Proof, Rejected, Replayed, trust};
use crate::error::{Error, ErrorKind, Result};
use crate::history::History;
use crate::history::timeline::Evidence;
use crate::progress::Progress;
use crate::zxid::Zxid;

impl History<'_> {
    /// The tree after txn `target`, on the best base there is, and the bases that were not taken.
    ///
    /// # Errors
    /// [`ErrorKind::NotReachable`] when no base makes it exact; [`ErrorKind::Damage`] when what
    /// would is damaged, or every digest differs.
    pub fn tree_at(
        &self,
        target: Zxid,
        progress: &dyn Progress,
    ) -> Result<(Replayed, Vec<Rejected>)> {
        let tried = Attempt::of(self, (target, &Judgement::default()), progress)?;
        tried.settle(self, target)
    }

    /// As [`History::tree_at`], on the bases that `judgement` allows. Where digests refute the end
    /// of an epoch on the way, there is a gap from then on.
    ///
    /// # Errors
    /// As [`History::tree_at`].
    pub(super) fn tree_on_judged(
        &mut self,
        (target, judgement): (Zxid, &Judgement),
        progress: &dyn Progress,
    ) -> Result<(Replayed, Vec<Rejected>)> {
        loop {
            let tried = Attempt::of(self, (target, judgement), progress)?;
            match tried.refuted.filter(|_| tried.best.is_none()) {
                Some(evidence) => self.add_evidence(&[evidence]),
                None => return tried.settle(self, target),
            }
        }
    }

    /// As [`History::tree_at`], on bases that were judged by one another: those around the point,
    /// and where that leaves a doubt, all.
    ///
    /// # Errors
    /// As [`History::tree_at`].
    pub(super) fn judged_tree_at(
        &mut self,
        target: Zxid,
        progress: &dyn Progress,
    ) -> Result<(Replayed, Vec<Rejected>)> {
        if let Some(near) = around(self.bases()?, target) {
            let judgement = self.judge_bases(Some(near), progress)?;
            match self.tree_on_judged((target, &judgement), progress) {
                Ok(found) if found.0.is_certain() => return Ok(found),
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::Damage | ErrorKind::NotReachable) => {}
                Err(error) => return Err(error),
            }
        }
        let judgement = self.judge_bases(None, progress)?;
        self.tree_on_judged((target, &judgement), progress)
    }
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
        history: &History<'_>,
        (target, judgement): (Zxid, &Judgement),
        progress: &dyn Progress,
    ) -> Result<Attempt> {
        let mut tried = Attempt::default();
        for base in history.candidates(target, &mut tried.rejected)? {
            let name = base.name(history.source);
            if judgement.is_unknown(base) {
                continue;
            }
            if let Some(reason) = judgement.refusal(base, target) {
                tried.reject(name, reason, true);
                continue;
            }
            let mut replayed = match history.replay(base, target, progress) {
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
                    history
                        .witness(replayed, progress)?
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

    fn settle(self, history: &History<'_>, target: Zxid) -> Result<(Replayed, Vec<Rejected>)> {
        // Ends of epochs that nothing proves are worse than a base that is not known to have been
        // finished: behind one, there may be txns of an abandoned branch, which the base behind it
        // does not have.
        let second_best = self.second_best.into_iter().min_by_key(Replayed::doubts);
        if let Some(best) = self.best.or(second_best) {
            return Ok((best, self.rejected));
        }
        let bases = history.bases()?;
        let around = || nearest(&history.timeline, bases, target);
        let damage = self.damage.map(|error| error.or_hint(around));
        let unreachable = || history.unreachable(bases, target, &self.rejected);
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
