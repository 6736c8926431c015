//! How far the txns go: by epoch, where some are missing, and which are there and cannot be
//! restored all the same.

use super::{Finding, Window, chain};
use crate::history::History;
use crate::history::timeline::Timeline;
use crate::zxid::Zxid;

/// How many findings are told the time of. Each one is looked up in a log, and nobody reads so many
/// on a time line.
const TIMES_MAX: usize = 2000;

/// The txns that the logs hold of one epoch, whatever is missing between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochExtent {
    /// The epoch.
    pub epoch: u32,
    /// The first zxid.
    pub first: Zxid,
    /// The last zxid.
    pub last: Zxid,
    /// The time of the first, in ms.
    pub first_time: i64,
    /// The time of the last.
    pub last_time: i64,
}

/// Txns that are known to be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The first zxid that is known to be missing.
    pub first: Zxid,
    /// The last.
    pub last: Zxid,
    /// The last txn that is there before them.
    pub after: Zxid,
    /// Its time in ms.
    pub after_time: Option<i64>,
    /// The first txn that is there behind them; `None` where the logs end and snapshots tell of the
    /// txns.
    pub before: Option<Zxid>,
    /// Its time.
    pub before_time: Option<i64>,
    /// Whether a snapshot takes up where they end, as in a follower that was sent the whole tree.
    pub is_bridged: bool,
}

impl Missing {
    /// Whether an epoch ended among them: of that one more may be missing than zxids can tell.
    pub fn may_be_more(&self) -> bool {
        self.after.epoch() != self.last.epoch()
    }
}

/// Txns that logs hold, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first zxid.
    pub from: Zxid,
    /// The last.
    pub to: Zxid,
    /// The time of the first, in ms.
    pub from_time: Option<i64>,
    /// The time of the last.
    pub to_time: Option<i64>,
}

/// What the logs hold, by epoch.
pub(super) fn by_epoch(timeline: &Timeline) -> Vec<EpochExtent> {
    let mut epochs: Vec<EpochExtent> = Vec::new();
    for piece in timeline.pieces() {
        // A run stays within its epoch, and pieces come by zxid.
        match epochs.last_mut() {
            Some(last) if last.epoch == piece.from.epoch() => {
                last.last = piece.run.last;
                last.last_time = piece.run.last_time;
            }
            _ => epochs.push(EpochExtent {
                epoch: piece.from.epoch(),
                first: piece.from,
                last: piece.run.last,
                first_time: piece.run.first_time,
                last_time: piece.run.last_time,
            }),
        }
    }
    epochs
}

/// Everything that is known to be missing, by zxid: between logs, at the end of an epoch, behind
/// the logs.
pub(super) fn missing(history: &History<'_>, windows: &[Window]) -> Vec<Missing> {
    let time = |zxid| history.time_of(zxid).ok().flatten();
    let mut missing: Vec<Missing> = chain::gaps(history)
        .iter()
        .map(|gap| Missing {
            first: gap.first_missing(),
            last: gap.last_missing(),
            after: gap.after,
            after_time: time(gap.after),
            before: Some(gap.before),
            before_time: Some(gap.before_time),
            is_bridged: chain::is_bridged(history.source, windows, gap),
        })
        .collect();
    missing.extend(chain::ahead_of_logs(history).map(|ahead| Missing {
        first: ahead.last.next(),
        last: ahead.newest,
        after: ahead.last,
        after_time: time(ahead.last),
        before: None,
        before_time: None,
        is_bridged: ahead.snapshots == 1,
    }));
    missing.sort_by_key(|missing| missing.first);
    missing
}

/// The txns that are there and in no window.
pub(super) fn not_restorable(history: &History<'_>, windows: &[Window]) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for segment in &history.timeline.segments {
        let mut next = Some(segment.first());
        for window in windows {
            let Some(from) = next.filter(|from| window.to >= *from) else {
                continue;
            };
            if let Some(to) = segment.last_before(window.from).filter(|to| *to >= from) {
                stretches.push((from, to));
            }
            next = segment.next_after(window.to);
        }
        stretches.extend(next.map(|from| (from, segment.last())));
    }
    let time = |zxid| history.time_of(zxid).ok().flatten();
    stretches
        .into_iter()
        .map(|(from, to)| Stretch {
            from,
            to,
            from_time: time(from),
            to_time: time(to),
        })
        .collect()
}

/// The time at which a snapshot named `zxid` was begun, as near as txns tell: that of the txn, or
/// of the one right behind it.
pub(super) fn time_of_snapshot(history: &History<'_>, zxid: Zxid) -> Option<i64> {
    // An epoch's artificial first zxid, and the snapshot that a follower was sent, have no txn of
    // their own.
    let behind = || {
        history
            .timeline
            .next_after(zxid)
            .filter(|next| zxid.is_followed_by(*next))
    };
    let held = history
        .timeline
        .contains(zxid)
        .then_some(zxid)
        .or_else(behind)?;
    // Where a log is damaged there may be no time, and the verdict does not hang on it.
    history.time_of(held).ok().flatten()
}

/// Says of findings that have a zxid when that was: the time of the txn, or of the last one before
/// it.
pub(super) fn set_times(history: &History<'_>, findings: &mut [Finding]) {
    for finding in findings.iter_mut().take(TIMES_MAX) {
        let held = finding
            .txn
            .and_then(|txn| history.timeline.last_before(txn.zxid().next()));
        finding.time = held.and_then(|zxid| history.time_of(zxid).ok().flatten());
    }
}
