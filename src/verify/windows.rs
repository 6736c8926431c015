//! What can be restored.

use super::{Finding, Severity, limits};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::replay::{
    Base, BaseFile, Contradiction, Crosscheck, Crossed, Disagreement, ExactFrom, Proof, Replayed,
    replay_observed,
};
use crate::source::Source;
use crate::timeline::{Fork, Timeline};
use crate::tree::AclValue;
use crate::zxid::Zxid;

/// A range of zxids, each of which can be restored exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first.
    pub from: Zxid,
    /// The last.
    pub to: Zxid,
    /// The time of the first, in ms, where its txn is there.
    pub from_time: Option<i64>,
    /// The time of the last.
    pub to_time: Option<i64>,
    /// The name of the base that it begins with.
    pub base: String,
    /// On what that rests; `None` when nothing was replayed.
    pub proof: Option<Proof>,
}

/// What the bases promise, unproven.
pub(super) fn promised(
    source: &Source,
    timeline: &Timeline,
    forks: &[Fork],
    bases: &[Base],
) -> Vec<Window> {
    let mut windows = Vec::new();
    for base in bases {
        if let Some((from, to)) = reach(timeline, forks, base) {
            add(
                &mut windows,
                Window {
                    from,
                    to,
                    from_time: None,
                    to_time: None,
                    base: base.name(source),
                    proof: None,
                },
            );
        }
    }
    windows
        .iter_mut()
        .for_each(|window| set_times(source, timeline, window));
    windows
}

/// What the replays of a verification gave.
#[derive(Default)]
pub(super) struct Replays {
    /// By zxid.
    pub windows: Vec<Window>,
    /// How many digests were compared.
    pub digests: u64,
    /// How many snapshots were compared with a replay, and how many znodes in them.
    pub crossed: (u64, u64),
}

/// What each base gives: replayed from the earliest on, and from the next one where that broke off.
pub(super) fn replayed(
    source: &Source,
    timeline: &Timeline,
    forks: &[Fork],
    bases: &[Base],
    findings: &mut Vec<Finding>,
    progress: &dyn Progress,
) -> Result<Replays> {
    let mut replays = Replays::default();
    for base in bases {
        let Some((from, to)) = reach(timeline, forks, base) else {
            continue;
        };
        // A base within what an earlier one gave adds nothing, unless that was less than exact.
        let is_had = replays.windows.iter().any(|window| {
            window.from <= from && to <= window.to && window.proof >= Some(Proof::Consistent)
        });
        if is_had {
            continue;
        }
        let mut to = to;
        let mut done = replay_crossed(source, timeline, bases, base, to, progress);
        if let Err(error) = &done
            && let Some(zxid) = damage_behind(error, from, to)
        {
            // Damage of a file is told where the files are judged; how far one gets is found without it.
            to = zxid;
            done = replay_crossed(source, timeline, bases, base, to, progress);
        }
        match done {
            Ok((replayed, crossed)) => {
                replays.digests += replayed.digests.compared;
                replays.crossed.0 += crossed.judged.len() as u64;
                replays.crossed.1 += crossed.nodes;
                let has_witness = is_witnessed(&replayed, &crossed);
                findings.extend(crossed.contradictions.iter().map(contradiction));
                let window = judge(source, base, &replayed, (from, to), findings);
                let window = window.map(|window| weigh(window, &replayed, has_witness, findings));
                let window = window.map(|window| doubt(window, &replayed, &crossed));
                replays.windows.extend(window);
            }
            Err(error) if error.kind() == ErrorKind::Damage => {}
            Err(error) => return Err(error),
        }
    }
    let mut merged = Vec::new();
    replays.windows.sort_by_key(|window| window.from);
    for window in std::mem::take(&mut replays.windows) {
        add(&mut merged, window);
    }
    merged
        .iter_mut()
        .for_each(|window| set_times(source, timeline, window));
    replays.windows = merged;
    Ok(replays)
}

fn contradiction(other: &Contradiction) -> Finding {
    let zxid = other.zxid;
    let finding = match &other.about {
        Disagreement::Session(session) => {
            let message = format!("and the txns before it do not agree on session {session}");
            Finding::new("snapshot-differs-sessions", Severity::Warning, message)
        }
        Disagreement::Nodes(count, told) => {
            let message = format!(
                "{count} znodes are not as the txns up to its end can have left them ({told}): a txn before {zxid} is missing or was changed, \
                 or the snapshot is of another history"
            );
            Finding::new("snapshot-differs", Severity::Damage, message).next(
                "trust neither without another witness: compare with another member or a backup",
            )
        }
    };
    finding.file(&other.snapshot).zxid(zxid)
}

/// Whether a snapshot behind the last end of an epoch that was passed agreed with the replay: then no txn is missing at any of them.
fn is_witnessed(replayed: &Replayed, crossed: &Crossed) -> bool {
    let Some((_, first)) = replayed.joints.last() else {
        return false;
    };
    let is_passed = |zxid| zxid >= *first && replayed.applied.is_some_and(|(_, last)| zxid <= last);
    crossed.contradictions.is_empty() && crossed.judged.iter().any(|zxid| is_passed(*zxid))
}

/// A window that a snapshot contradicts in what no digest proves ends with the epoch before it, or is in doubt as a whole.
fn doubt(mut window: Window, replayed: &Replayed, crossed: &Crossed) -> Window {
    let is_proven = window.proof == Some(Proof::Proven);
    let doubtful = crossed.contradictions.iter().filter(|other| {
        matches!(other.about, Disagreement::Nodes(..)) && (!is_proven || other.is_beyond_digests)
    });
    if let Some(zxid) = doubtful.map(|other| other.zxid).min() {
        let joint = replayed
            .joints
            .iter()
            .rfind(|(last, _)| *last < zxid && *last >= window.from);
        window.to = joint.map_or(window.to, |(last, _)| *last);
        window.proof = Some(Proof::Unproven);
    }
    window
}

/// Says what a window's proof lacks.
fn weigh(
    mut window: Window,
    replayed: &Replayed,
    has_witness: bool,
    findings: &mut Vec<Finding>,
) -> Window {
    if window.proof != Some(Proof::Unproven) {
        return window;
    }
    if let Some((last, first)) = replayed.joints.first() {
        let is_known = matches!(replayed.base.exact_from, ExactFrom::Known(_));
        if has_witness && is_known && replayed.uncertain_closes.is_empty() {
            window.proof = Some(Proof::Consistent);
            return window;
        }
        let message = format!(
            "epochs end within what {} gives, the first with {last}, before {first}: that no txn is missing or was abandoned there nothing proves",
            window.base
        );
        let finding = Finding::new("epoch-end-unproven", Severity::Warning, message).zxid(*last);
        findings.push(finding.next("another member that has the same txns there is a witness"));
    }
    if let ExactFrom::Bounded(bound) = replayed.base.exact_from {
        let message = format!(
            "{} does not say when it was finished; that it was before {bound} is inferred from the next snapshot or the last txn",
            window.base
        );
        findings.push(Finding::new("base-unproven", Severity::Warning, message).zxid(bound));
    }
    window
}

/// The last txn before damage that a replay came upon.
fn damage_behind(error: &Error, from: Zxid, to: Zxid) -> Option<Zxid> {
    let last = error.zxid().filter(|_| error.kind() == ErrorKind::Damage)?;
    (last >= from && last < to).then_some(last)
}

/// Replays on a base, and compares the snapshots on the way.
fn replay_crossed(
    source: &Source,
    timeline: &Timeline,
    bases: &[Base],
    base: &Base,
    to: Zxid,
    progress: &dyn Progress,
) -> Result<(Replayed, Crossed)> {
    let mut crosscheck = Crosscheck::new(source, bases, base, to);
    let replayed = replay_observed(source, timeline, base, to, &mut crosscheck, progress)?;
    let crossed = crosscheck.finish(&replayed.tree)?;
    Ok((replayed, crossed))
}

/// From where to where `base` promises to be exact, or is to be proven so.
fn reach(timeline: &Timeline, forks: &[Fork], base: &Base) -> Option<(Zxid, Zxid)> {
    let (from, to) = match base.exact_from {
        ExactFrom::Known(_) | ExactFrom::Bounded(_) => base.reach(timeline)?,
        ExactFrom::Open => base.reach_from(timeline, timeline.last()?)?,
    };
    // Which of two logs is right cannot be told: nothing goes over a txn of which they say different things.
    let fork = forks
        .iter()
        .map(|fork| fork.zxid)
        .filter(|zxid| *zxid > base.zxid)
        .min();
    let to = fork.map_or(to, |zxid| to.min(zxid.prev()));
    (from <= to).then_some((from, to))
}

/// What a replay gives, and what it shows to be wrong.
fn judge(
    source: &Source,
    base: &Base,
    replayed: &Replayed,
    (from, to): (Zxid, Zxid),
    findings: &mut Vec<Finding>,
) -> Option<Window> {
    let name = base.name(source);
    // A base that was ahead by the txn being applied is exact one later than it says. One that does not say is exact from where
    // the digest matches.
    let is_known = matches!(base.exact_from, ExactFrom::Known(_));
    let from = match replayed.digests.matched {
        Some((first, _)) if replayed.digests.began_late && is_known => from.max(first),
        Some((first, _)) if !is_known && replayed.digests.is_proof => from.min(first),
        _ => from,
    };
    let window = |to, proof| Window {
        from,
        to,
        from_time: None,
        to_time: None,
        base: name.clone(),
        proof: Some(proof),
    };
    let digests = &replayed.digests;
    // The logs only seemed to begin on an empty tree: what was there before was purged.
    if base.file == BaseFile::Empty && digests.matched.is_none() && digests.compared > 0 {
        return None;
    }
    // A snapshot by itself may hold parts of the txn that was being applied: it is told as one that stands alone.
    if replayed.count == 0 && digests.open_mismatch.is_some() {
        return None;
    }
    if let Some(mismatch) = digests.first_mismatch.or(digests.open_mismatch) {
        let message = format!(
            "after {} the tree replayed from {name} has digest 0x{:x}, and the server recorded 0x{:x}: a txn is missing or was changed",
            mismatch.zxid, mismatch.computed, mismatch.recorded
        );
        findings.push(
            Finding::new("digest-mismatch", Severity::Damage, message)
                .zxid(mismatch.zxid)
                .next("restore to a point before it, or from another member or a backup"),
        );
        // Behind the last match there may be txns that are missing, though their zxids lie before the mismatch: the end of an epoch.
        return digests
            .matched_before
            .filter(|last| *last >= from)
            .map(|last| window(last, Proof::Proven));
    }
    if let Some(node) = replayed
        .tree
        .nodes()
        .find(|node| matches!(node.acl, AclValue::Unresolved(_)))
    {
        let message = format!(
            "the ACL of \"{}\" is unknown: {name} lacks it, and no txn behind gives it",
            node.path.escape_ascii()
        );
        findings.push(Finding::new("acl-unresolved", Severity::Damage, message).zxid(to));
        return None;
    }
    remark(&name, replayed, findings);
    limits::judge_cversions(&name, &replayed.tree, to, findings);
    Some(window(to, replayed.proof))
}

/// What is good to know of a replay that shows nothing to be wrong.
fn remark(name: &str, replayed: &Replayed, findings: &mut Vec<Finding>) {
    let is_proven = replayed.proof == Proof::Proven;
    if let Some(first) = replayed.uncertain_closes.first().filter(|_| !is_proven) {
        let message = format!(
            "{} sessions were closed while {name} may have been written, and such releases do not log what that deleted: the pzxid of a parent may be too low",
            replayed.uncertain_closes.len()
        );
        findings.push(Finding::new("close-uncertain", Severity::Warning, message).zxid(*first));
    }
    let uncovered = replayed.tree.uncovered_ephemerals();
    if let Some((session, _)) = uncovered.first() {
        let message = format!(
            "ephemerals of {} sessions that are not known (the first is {session}) are in the last tree",
            uncovered.len()
        );
        findings.push(
            Finding::new("ephemerals-uncovered", Severity::Warning, message)
                .next("restore with --ephemerals drop"),
        );
    }
}

/// Adds a window behind those that begin no later, joining what touches and rests on the same.
fn add(windows: &mut Vec<Window>, window: Window) {
    match windows.last_mut() {
        Some(last) if window.from <= last.to && window.to <= last.to => {}
        Some(last) if window.from <= last.to && window.proof == last.proof => {
            last.to = window.to;
            last.to_time = window.to_time;
        }
        _ => windows.push(window),
    }
}

/// Times are told where they can be had; a window stands without them.
fn set_times(source: &Source, timeline: &Timeline, window: &mut Window) {
    window.from_time = timeline.time_of(source, window.from).ok().flatten();
    window.to_time = timeline.time_of(source, window.to).ok().flatten();
}
