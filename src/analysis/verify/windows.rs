//! What can be restored.

use super::limits;
use crate::analysis::finding::{Code, Finding};
use crate::history::History;
use crate::history::replay::{
    Base, BaseFile, Chain, Contradiction, Disagreement, Doubt, ExactFrom, Link, Outlier, Proof,
    reach,
};
use crate::history::source::{Source, SourceFile};
use crate::history::timeline::{Fork, Timeline};
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
pub(super) fn promised(history: &History<'_>, forks: &[Fork], bases: &[Base]) -> Vec<Window> {
    let mut windows = Vec::new();
    for base in bases {
        if let Some(range) = reach(&history.timeline, forks, base) {
            add(
                &mut windows,
                Window {
                    from: range.first,
                    to: range.last,
                    from_time: None,
                    to_time: None,
                    base: base.name(history.source),
                    proof: None,
                },
            );
        }
    }
    windows
        .iter_mut()
        .for_each(|window| set_times(history, window));
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

/// What each link of a chain gives.
pub(super) fn replayed(
    history: &History<'_>,
    chain: &Chain,
    findings: &mut Vec<Finding>,
) -> Replays {
    let source = history.source;
    let mut replays = Replays::default();
    for link in &chain.links {
        replays.digests += link.digests.compared;
        replays.crossed.0 += link.crossed.judged.len() as u64;
        replays.crossed.1 += link.crossed.nodes;
        if chain.outlier(link.base.file).is_some() || chain.is_superfluous(link) {
            continue;
        }
        let doubt = chain.doubt(link);
        let of_txns = doubt.as_ref().filter(|doubt| doubt.is_of_txns);
        findings.extend(of_txns.map(|doubt| txns_differ(source, doubt)));
        let contradictions = link.crossed.contradictions.iter();
        let is_told = |other: &&Contradiction| !is_explained(chain, of_txns, other);
        let contradictions = contradictions.filter(is_told);
        findings.extend(contradictions.map(|other| contradiction(chain, other)));
        let window = judge(source, link, findings);
        let window = window.map(|window| without_doubtful_tail(window, &history.timeline, link));
        let window = window.map(|window| weigh(window, link, findings));
        replays
            .windows
            .extend(window.map(|window| doubted(window, doubt, link)));
    }
    findings.extend(chain.outliers.iter().map(|other| outlier(source, other)));
    let mut merged = Vec::new();
    replays.windows.sort_by_key(|window| window.from);
    for window in std::mem::take(&mut replays.windows) {
        add(&mut merged, window);
    }
    merged
        .iter_mut()
        .for_each(|window| set_times(history, window));
    replays.windows = merged;
    replays
}

fn contradiction(chain: &Chain, other: &Contradiction) -> Finding {
    let zxid = other.zxid;
    let file = BaseFile::Snapshot(other.index);
    let finding = match (&other.about, chain.outlier(file)) {
        (Disagreement::Session(session), _) => {
            let message =
                format!("and the transactions before it disagree about session {session}");
            Finding::new(Code::SnapshotDiffersSessions, message)
        }
        (Disagreement::Nodes(count, told), Some(outlier)) => {
            let message = format!(
                "{count} znodes differ from what the transactions up to its end can have produced ({told}): this snapshot {outlier}"
            );
            Finding::new(Code::SnapshotDiffers, message).but_next(NEXT_ALONE)
        }
        (Disagreement::Nodes(count, told), None) => {
            let message = format!(
                "{count} znodes differ from what the transactions up to its end can have produced ({told}): a transaction before {zxid} is missing or was changed, or the snapshot is of another history"
            );
            Finding::new(Code::SnapshotDiffers, message)
        }
    };
    finding.file(&other.snapshot).zxid(zxid)
}

/// Whether that a snapshot differs is no fault of its own: the txns before the first that differs
/// are wrong.
fn is_explained(chain: &Chain, of_txns: Option<&Doubt<'_>>, other: &Contradiction) -> bool {
    let is_alone = chain.outlier(BaseFile::Snapshot(other.index)).is_some();
    let is_behind = of_txns.is_some_and(|doubt| other.zxid >= doubt.other.zxid);
    is_behind && !is_alone && matches!(other.about, Disagreement::Nodes(..))
}

/// Txns that lead to another tree than all that is behind them.
fn txns_differ(source: &Source, doubt: &Doubt<'_>) -> Finding {
    let zxid = doubt.other.zxid;
    let file = source.snapshots().get(doubt.other.index);
    let name = file.map(SourceFile::name).unwrap_or_default();
    let told = match &doubt.other.about {
        Disagreement::Nodes(count, told) => format!("{count} znodes of {name} differ ({told})"),
        Disagreement::Session(session) => format!("{name} differs in session {session}"),
    };
    let witnesses = match doubt.agreed {
        0 => "later digests agree with it".to_owned(),
        1 => "a later snapshot agrees with it".to_owned(),
        agreed => format!("{agreed} later snapshots agree with it"),
    };
    let message = format!(
        "a transaction before {zxid} is missing or was changed: {told} from what the transactions lead to, and {witnesses}"
    );
    Finding::new(Code::TxnsDiffer, message).zxid(zxid)
}

/// What to do about a snapshot that stands alone.
const NEXT_ALONE: &str = "nothing else is affected, and no restore uses it; keep it, away from the server, until you know where it came from";

/// A base that later snapshots and the txns between them speak against. Where a replay came by it,
/// its znodes are told of too.
fn outlier(source: &Source, other: &Outlier) -> Finding {
    let file = match other.file {
        BaseFile::Snapshot(index) => source.snapshots().get(index),
        BaseFile::Empty => None,
    };
    let message = format!(
        "the transactions after it lead to a different tree from later snapshots: this snapshot {other}"
    );
    let finding = Finding::new(Code::SnapshotDiffers, message).but_next(NEXT_ALONE);
    let file = file.map(|file| file.shown().to_owned()).unwrap_or_default();
    finding.file(file).zxid(other.zxid)
}

/// Txns before an end of an epoch that the trees on both sides refute may be those that were
/// abandoned: of them nothing is promised but what digests vouch for.
fn without_doubtful_tail(window: Window, timeline: &Timeline, link: &Link) -> Window {
    let mut gaps = timeline.gaps().into_iter();
    let is_doubtful = gaps.any(|gap| gap.after == window.to && gap.is_by_difference);
    match link.digests.matched {
        Some(matched) if is_doubtful && !link.digests.is_proof && matched.last >= window.from => {
            Window {
                to: matched.last,
                proof: Some(Proof::Proven),
                ..window
            }
        }
        _ => window,
    }
}

/// A window that a snapshot contradicts in what no digest proves ends with the epoch before it, or
/// where later bases agree; as far as it goes it is in doubt.
fn doubted(mut window: Window, doubt: Option<Doubt<'_>>, link: &Link) -> Window {
    if let Some(doubt) = doubt {
        let mut joints = link.joints.iter();
        let joint = joints.rfind(|(last, _)| *last < doubt.other.zxid && *last >= window.from);
        window.to = joint.map_or(doubt.to.min(window.to), |(last, _)| *last);
        window.proof = Some(Proof::Unproven);
    }
    window
}

/// Says what a window's proof lacks.
fn weigh(window: Window, link: &Link, findings: &mut Vec<Finding>) -> Window {
    if window.proof != Some(Proof::Unproven) {
        return window;
    }
    if let Some((last, first)) = link.joints.first() {
        let message = format!(
            "epochs end within what {} gives, the first with {last}, before {first}: nothing proves that no transaction is missing or was abandoned there",
            window.base
        );
        let finding = Finding::new(Code::EpochEndUnproven, message).zxid(*last);
        findings.push(finding);
    }
    if let ExactFrom::Bounded(bound) = link.base.exact_from {
        let message = format!(
            "{} does not record when it was finished; that this was before {bound} is inferred from the next snapshot or the last transaction",
            window.base
        );
        findings.push(Finding::new(Code::BaseUnproven, message).zxid(bound));
    }
    window
}

/// What a replay gives, and what it shows to be wrong.
fn judge(source: &Source, link: &Link, findings: &mut Vec<Finding>) -> Option<Window> {
    let name = link.base.name(source);
    let (digests, to) = (&link.digests, link.range.last);
    // A base that was ahead by the txn being applied is exact one later than it says. One that does
    // not say is exact from where the digest matches.
    let is_known = matches!(link.base.exact_from, ExactFrom::Known(_));
    let from = match digests.matched {
        Some(matched) if digests.began_late && is_known => link.range.first.max(matched.first),
        Some(matched) if !is_known && digests.is_proof => link.range.first.min(matched.first),
        _ => link.range.first,
    };
    let window = |to, proof| Window {
        from,
        to,
        from_time: None,
        to_time: None,
        base: name.clone(),
        proof: Some(proof),
    };
    // The logs only seemed to begin on an empty tree: what was there before was purged.
    if link.base.file == BaseFile::Empty && digests.matched.is_none() && digests.compared > 0 {
        return None;
    }
    // A snapshot by itself may hold parts of the txn that was being applied: it is told as one that
    // stands alone.
    if link.applied.is_none() && digests.open_mismatch.is_some() {
        return None;
    }
    if let Some(mismatch) = digests.first_mismatch.or(digests.open_mismatch) {
        let message = format!(
            "after {} the tree replayed from {name} has digest 0x{:x}, but the server recorded 0x{:x}: a transaction is missing or was changed",
            mismatch.zxid, mismatch.computed, mismatch.recorded
        );
        findings.push(Finding::new(Code::DigestMismatch, message).zxid(mismatch.zxid));
        // Behind the last match there may be txns that are missing, though their zxids lie before
        // the mismatch: the end of an epoch.
        return digests
            .matched_before
            .filter(|last| *last >= from)
            .map(|last| window(last, Proof::Proven));
    }
    if let Some(path) = &link.unresolved {
        let message = format!(
            "the ACL of \"{}\" is unknown: {name} lacks it, and no later transaction provides it",
            path.escape_ascii()
        );
        findings.push(Finding::new(Code::AclUnresolved, message).zxid(to));
        return None;
    }
    remark(&name, link, findings);
    limits::judge_cversions(&name, link, findings);
    Some(window(to, link.proof))
}

/// What is good to know of a replay that shows nothing to be wrong.
fn remark(name: &str, link: &Link, findings: &mut Vec<Finding>) {
    let is_proven = link.proof == Proof::Proven;
    if let Some(first) = link.uncertain_closes.first().filter(|_| !is_proven) {
        let message = format!(
            "{} sessions were closed while {name} was possibly being written, and releases up to 3.5 do not log what that deleted: the pzxid of a parent may be too low",
            link.uncertain_closes.len()
        );
        findings.push(Finding::new(Code::CloseUncertain, message).zxid(*first));
    }
    let uncovered = &link.uncovered;
    if let Some((session, _)) = uncovered.first() {
        let message = format!(
            "the last tree has ephemerals of {} unknown sessions (the first is {session})",
            uncovered.len()
        );
        findings.push(Finding::new(Code::EphemeralsUncovered, message));
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
fn set_times(history: &History<'_>, window: &mut Window) {
    window.from_time = history.time_of(window.from).ok().flatten();
    window.to_time = history.time_of(window.to).ok().flatten();
}
