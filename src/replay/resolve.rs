//! From a point, as the user names it, to a txn of the source.

use super::base::{self, exact_ranges};
use super::bases;
use crate::error::{Error, ErrorKind, Result};
use crate::point::Point;
use crate::progress::Progress;
use crate::source::{Source, SourceFile};
use crate::timeline::Timeline;
use crate::txnlog::Level;
use crate::zxid::Zxid;

/// The txn that a point stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The tree after this txn is meant.
    pub zxid: Zxid,
    /// Its time in ms, where the source has the txn.
    pub time: Option<i64>,
    /// The first txn left out, and its time.
    pub left_out: Option<(Zxid, i64)>,
    /// How many of the txns left out have a time no later than the one asked for: the leader's clock stepped back.
    pub left_out_earlier: u64,
}

/// Reads as much of the logs as a restore to `point` needs: behind the newest base that can be, up to the point and one txn more.
/// When that turns out not to do, the caller reads everything.
///
/// # Errors
/// [`ErrorKind::SourceChanged`]; failures to read.
pub fn read_for(source: &Source, point: Point, progress: &dyn Progress) -> Result<Timeline> {
    let to = match point {
        Point::Zxid(zxid) => zxid,
        Point::Latest => Zxid::MAX,
        Point::Time(_) | Point::First => {
            return Timeline::read(source, &|_| true, Level::Frames, progress);
        }
    };
    let Some(from) = base::newest_known_below(source, to)? else {
        return Timeline::read(source, &|_| true, Level::Frames, progress);
    };
    let names: Vec<Zxid> = source.logs().iter().map(SourceFile::zxid).collect();
    let is_wanted = |index: usize| {
        let begins = names.get(index).is_some_and(|name| *name <= to.next());
        let ends = names.get(index + 1).is_none_or(|next| *next > from);
        begins && ends
    };
    Timeline::read(source, &is_wanted, Level::Frames, progress)
}

/// The txn that `point` stands for; with `exclusive`, the one before.
///
/// # Errors
/// [`ErrorKind::NotReachable`] when the source has no such txn; failures to read.
pub fn resolve(
    source: &Source,
    timeline: &Timeline,
    point: Point,
    exclusive: bool,
) -> Result<Target> {
    let named = match point {
        Point::Zxid(zxid) => zxid,
        Point::Time(time) => return resolve_time(source, timeline, time),
        Point::First => first(source, timeline)?,
        Point::Latest => latest(source, timeline)?,
    };
    let zxid = if exclusive {
        before(source, timeline, named)?
    } else {
        named
    };
    ensure_held(source, timeline, zxid)?;
    with_neighbours(source, timeline, zxid)
}

fn with_neighbours(source: &Source, timeline: &Timeline, zxid: Zxid) -> Result<Target> {
    let left_out = match timeline.next_after(zxid) {
        Some(next) => timeline.time_of(source, next)?.map(|time| (next, time)),
        None => None,
    };
    Ok(Target {
        zxid,
        time: timeline.time_of(source, zxid)?,
        left_out,
        left_out_earlier: 0,
    })
}

fn first(source: &Source, timeline: &Timeline) -> Result<Zxid> {
    let ranges = exact_ranges(timeline, &bases(source, timeline)?);
    ranges
        .first()
        .map(|(first, _)| *first)
        .ok_or_else(|| nothing(source))
}

fn latest(source: &Source, timeline: &Timeline) -> Result<Zxid> {
    let newest = source.snapshots().last().map(SourceFile::zxid);
    timeline
        .last()
        .into_iter()
        .chain(newest)
        .max()
        .ok_or_else(|| nothing(source))
}

fn before(source: &Source, timeline: &Timeline, zxid: Zxid) -> Result<Zxid> {
    let snapshot = source
        .snapshots()
        .iter()
        .map(SourceFile::zxid)
        .filter(|name| *name < zxid && name.is_followed_by(zxid))
        .max();
    let is_first = zxid == Zxid::new(0, 1) || zxid == Zxid::new(1, 1);
    timeline
        .last_before(zxid)
        .into_iter()
        .chain(snapshot)
        .chain(is_first.then_some(Zxid::ZERO))
        .max()
        .ok_or_else(|| not_reachable(source, format!("holds no txn before {zxid}")))
}

/// Refuses a zxid that is neither a txn's nor a snapshot's.
fn ensure_held(source: &Source, timeline: &Timeline, zxid: Zxid) -> Result<()> {
    let is_base = zxid == Zxid::ZERO
        || source
            .snapshots()
            .iter()
            .any(|snapshot| snapshot.zxid() == zxid);
    if is_base || timeline.contains(zxid) {
        return Ok(());
    }
    let below = timeline.last_before(zxid);
    let above = timeline.next_after(zxid);
    Err(match (below, above) {
        (Some(below), Some(above)) => {
            let hint = base::nearest(timeline, &bases(source, timeline)?, zxid);
            not_reachable(
                source,
                format!("holds no txn {zxid}: {below} is followed by {above}"),
            )
            .hint(hint)
        }
        (Some(below), None) => {
            not_reachable(source, format!("{zxid} is after the last txn, {below}"))
                .hint("'--to latest' is the last point there is")
        }
        (None, Some(above)) => {
            not_reachable(source, format!("{zxid} is before the first txn, {above}"))
        }
        (None, None) => nothing(source),
    })
}

fn resolve_time(source: &Source, timeline: &Timeline, time: i64) -> Result<Target> {
    let Some((next, next_time)) = timeline.first_later_than(source, time)? else {
        let last = latest(source, timeline)?;
        let message =
            format!("the time asked for is not before the time of any txn; the last is {last}");
        return Err(
            not_reachable(source, message).hint("if that is the point you mean, say '--to latest'")
        );
    };
    // Before the very first txn the tree is empty. Somebody who means that says so; a wrong year does not.
    let zxid = before(source, timeline, next)
        .ok()
        .filter(|zxid| *zxid != Zxid::ZERO)
        .ok_or_else(|| {
            not_reachable(
                source,
                format!("the time asked for is before the first txn, {next}"),
            )
            .hint("'zoovault inspect' shows what there is")
        })?;
    let left_out_earlier = timeline.count_from(source, next, time)?;
    Ok(Target {
        zxid,
        time: timeline.time_of(source, zxid)?,
        left_out: Some((next, next_time)),
        left_out_earlier,
    })
}

fn not_reachable(source: &Source, message: String) -> Error {
    Error::about(source.shown(), ErrorKind::NotReachable, message)
}

fn nothing(source: &Source) -> Error {
    not_reachable(source, "holds nothing that can be restored: no sound snapshot, and no log that begins with the first txn".to_owned())
}
