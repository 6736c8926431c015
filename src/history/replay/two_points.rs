//! The trees at two points of one source: the later one is had by going on from the earlier.

use super::base::Loaded;
use super::trust::Trust;
use super::{
    Base, ExactFrom, Judgement, NoObserver, Replayed, Replayer, Target, apply_all, clip, joints,
};
use crate::error::{ErrorKind, Result};
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::point::Point;
use crate::history::source::Source;
use crate::progress::Progress;
use crate::zxid::{Zxid, ZxidRange};

/// Two trees of one source.
#[derive(Debug)]
pub struct TreePair {
    /// Where the first point is, and its tree.
    pub from: (Target, Replayed),
    /// Where the second point is, and its tree.
    pub to: (Target, Replayed),
}

/// The trees at two points, in whichever order they are.
///
/// # Errors
/// As [`super::rebuild`].
pub fn rebuild_two(
    source: &Source,
    from: Point,
    to: Point,
    progress: &dyn Progress,
) -> Result<TreePair> {
    rebuild_two_as(Trust::Exact, source, from, to, progress)
}

/// As [`rebuild_two`]; and where a tree cannot be had exactly, a snapshot by itself as far as it is
/// trusted.
///
/// # Errors
/// As [`super::rebuild`].
pub fn rebuild_two_as(
    trust: Trust,
    source: &Source,
    from: Point,
    to: Point,
    progress: &dyn Progress,
) -> Result<TreePair> {
    let has_time = [from, to]
        .iter()
        .any(|point| matches!(point, Point::Time(_)));
    let first = if has_time {
        Level::Everything
    } else {
        Level::Frames
    };
    match rebuild_two_at(trust, source, (from, to), first, progress) {
        Err(error)
            if first == Level::Frames
                && matches!(error.kind(), ErrorKind::Damage | ErrorKind::NotReachable) =>
        {
            rebuild_two_at(trust, source, (from, to), Level::Everything, progress)
        }
        result => result,
    }
}

fn rebuild_two_at(
    trust: Trust,
    source: &Source,
    (from, to): (Point, Point),
    level: Level,
    progress: &dyn Progress,
) -> Result<TreePair> {
    let mut history = History::read_with_snapshots(source, level, progress)?;
    let from = history.resolve_as(trust, from, false)?;
    let to = history.resolve_as(trust, to, false)?;
    let (low, high) = (from.zxid.min(to.zxid), from.zxid.max(to.zxid));
    let tree_of = |history: &mut History<'_>, zxid| -> Result<Replayed> {
        match history.tree_on_judged((zxid, &Judgement::default()), progress) {
            Ok((replayed, _)) => {
                history.ensure_unambiguous(&replayed, zxid)?;
                Ok(replayed)
            }
            // Nothing is taken on trust before all was tried.
            Err(refusal) if level == Level::Everything => {
                let at = (zxid, trust);
                Ok(history.tree_of_alone(at, refusal, progress)?.0)
            }
            Err(refusal) => Err(refusal),
        }
    };
    let earlier = tree_of(&mut history, low)?;
    let later = match history.go_on(&earlier, high, progress)? {
        Some(later) => later,
        None => tree_of(&mut history, high)?,
    };
    let (from_tree, to_tree) = if from.zxid <= to.zxid {
        (earlier, later)
    } else {
        (later, earlier)
    };
    Ok(TreePair {
        from: (from, from_tree),
        to: (to, to_tree),
    })
}

impl History<'_> {
    /// Applies what follows on a tree that was had before, up to `target`. `None` where that leaves
    /// anything to doubt, or is not possible: another base may then do better.
    fn go_on(
        &self,
        earlier: &Replayed,
        target: Zxid,
        progress: &dyn Progress,
    ) -> Result<Option<Replayed>> {
        let at = earlier.tree.last_zxid();
        let segment = self
            .timeline
            .segments
            .iter()
            .find(|segment| segment.contains(target) && segment.continues(at));
        if !earlier.is_certain() || (segment.is_none() && at != target) {
            return Ok(None);
        }
        let range = ZxidRange::new(at.next(), target);
        let pieces = segment
            .filter(|_| !range.is_empty())
            .map(|segment| clip(segment, range))
            .unwrap_or_default();
        let joints = segment
            .map(|segment| joints(segment, at, target))
            .unwrap_or_default();
        let base = Base {
            zxid: at,
            exact_from: ExactFrom::Known(at),
            reapplies_its_own: false,
            ..earlier.base.clone()
        };
        let loaded = Loaded {
            tree: earlier.tree.clone(),
            digest: None,
        };
        let mut replayer = Replayer::new(loaded, &base, target);
        let applied = apply_all(
            self.source,
            &pieces,
            range,
            &mut replayer,
            &mut NoObserver,
            progress,
        );
        match applied {
            // A base behind the damage does not need what is damaged.
            Err(error) if error.kind() == ErrorKind::Damage => return Ok(None),
            applied => applied?,
        }
        let mut later = replayer.finish(&base, pieces, joints, target);
        if !later.digests.is_proof {
            later.proof = match later.count {
                0 => earlier.proof,
                _ => later.proof.min(earlier.proof),
            };
        }
        if !later.is_certain() || later.digests.open_mismatch.is_some() {
            return Ok(None);
        }
        self.ensure_unambiguous(&later, target)?;
        Ok(Some(later))
    }
}
