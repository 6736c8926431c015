//! From a point, as the user names it, to a txn of the source.

use super::base::{self, exact_ranges};
use super::bases;
use super::trust::{self, Trust};
use crate::error::{Error, ErrorKind, Fault, Hint, Result};
use crate::format::snapshot;
use crate::format::txnlog::{LogEnd, LogSummary};
use crate::history::point::Point;
use crate::history::source::{Source, SourceFile};
use crate::history::timeline::{ScannedLog, Timeline};
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
    /// The damage right behind it, where nothing tells how many txns that hides.
    pub hidden_behind: Option<String>,
    /// What the operator has to know: logs that end in the middle of a write, a clock that stepped
    /// back.
    pub warnings: Vec<String>,
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
    resolve_as(Trust::Exact, source, timeline, point, exclusive)
}

/// As [`resolve`], where a snapshot by itself may be a point too.
pub(super) fn resolve_as(
    trust: Trust,
    source: &Source,
    timeline: &Timeline,
    point: Point,
    exclusive: bool,
) -> Result<Target> {
    let mut warnings = source.warnings().to_vec();
    let named = match point {
        Point::Zxid(zxid) => zxid,
        Point::Time(_) if exclusive => {
            let message = "a time means the moment before the first later transaction: it cannot be exclusive";
            return Err(Error::new(ErrorKind::BadArgument, message)
                .hint("name the transaction by its zxid"));
        }
        Point::Time(time) => return resolve_time(source, timeline, time),
        Point::First => first(source, timeline, trust)?,
        Point::Latest => latest(source, timeline, &mut warnings)?,
    };
    ensure_held(source, timeline, named)?;
    let zxid = if exclusive {
        before(source, timeline, named)?
    } else {
        named
    };
    let (left_out, hidden_behind) = match timeline.next_after(zxid) {
        Some(next) => (
            timeline.time_of(source, next)?.map(|time| (next, time)),
            None,
        ),
        None => (
            None,
            refuse_hidden_end(source, timeline, &mut Vec::new()).err(),
        ),
    };
    Ok(Target {
        zxid,
        time: timeline.time_of(source, zxid)?,
        left_out,
        hidden_behind: hidden_behind.map(|error| error.to_string()),
        warnings,
    })
}

fn first(source: &Source, timeline: &Timeline, trust: Trust) -> Result<Zxid> {
    let ranges = exact_ranges(timeline, &bases(source, timeline)?);
    ranges
        .first()
        .map(|(first, _)| *first)
        .or_else(|| trust::first(source, trust))
        .ok_or_else(|| nothing(source))
}

/// The name of the last log that holds a txn. Of one that is named no earlier, nothing tells how
/// far it went on.
fn last_with_txns(source: &Source, timeline: &Timeline) -> Option<Zxid> {
    let has_txns = |log: &&ScannedLog| {
        let summary = log.summary.as_ref();
        summary.is_ok_and(|summary| summary.count > 0)
    };
    let logs = timeline.logs.iter().filter(has_txns);
    logs.filter_map(|log| source.logs().get(log.log).map(SourceFile::zxid))
        .max()
}

/// Refuses to go by what seems to be the last txn where damage may hide a later one. Whoever goes
/// on to the end goes through here, and what a server leaves that is killed is no damage: that is a
/// warning.
fn refuse_hidden_end(
    source: &Source,
    timeline: &Timeline,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let last = timeline.last();
    let last_with_txns = last_with_txns(source, timeline);
    for log in &timeline.logs {
        let Some(file) = source.logs().get(log.log) else {
            continue;
        };
        let is_last = Some(file.zxid()) >= last_with_txns;
        match &log.summary {
            Err(error) if may_be_behind(file, last, is_last) => {
                let is_unwritten = matches!(
                    error.fault(),
                    Some(Fault::Empty | Fault::ShortHeader { .. })
                );
                if !is_unwritten {
                    return Err(hidden(error.clone(), last));
                }
                warnings.push(format!(
                    "{} is cut within its header: if it ever had transactions, they are lost",
                    file.name()
                ));
            }
            Ok(summary) if is_last || summary.last() == last => {
                if summary.is_end_hidden()
                    && let Some(fault) = summary.faults.last()
                {
                    let fault = fault.fault.clone().at(fault.offset);
                    return Err(hidden(Error::damage(file.shown(), fault), last));
                }
                if let Some(LogEnd::Torn { offset }) = summary.end {
                    let name = file.name();
                    warnings.push(format!("{name} ends in the middle of a write (offset {offset}): that transaction is excluded"));
                }
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// Whether a log that cannot be read may hold txns behind `last`. Of one in a repository it is
/// known.
fn may_be_behind(file: &SourceFile, last: Option<Zxid>, is_last: bool) -> bool {
    let noted = file.promised_log().and_then(LogSummary::last);
    let reaches = noted.unwrap_or(file.zxid());
    last.is_none_or(|last| reaches > last) || (is_last && noted.is_none())
}

/// The last point that the source holds.
fn latest(source: &Source, timeline: &Timeline, warnings: &mut Vec<String>) -> Result<Zxid> {
    refuse_hidden_end(source, timeline, warnings)?;
    let last = timeline.last();
    let newest = source
        .snapshots()
        .last()
        .filter(|newest| last.is_none_or(|last| newest.zxid() > last));
    let Some(newest) = newest else {
        return last.ok_or_else(|| nothing(source));
    };
    if newest.zxid() == Zxid::UNKNOWN {
        let message = "neither its name nor its trailer gives its zxid";
        return Err(not_reachable(source, message.to_owned()));
    }
    match snapshot::check(newest.shown(), &|| source.open_snapshot(newest), &|_| {}) {
        Ok(_) => {
            // One that was streamed to a file of its own has no logs anywhere.
            let is_alone = newest.dated().is_some();
            if timeline.logs.is_empty() && !is_alone && !source.is_as_restored(newest)? {
                warnings.push("there are no logs: if they are in a separate dataLogDir, later transactions are excluded".to_owned());
            }
            Ok(newest.zxid())
        }
        // A server that was killed while it began an epoch leaves it so, and no txn has this zxid;
        // unless the counter ended right before it.
        Err(error)
            if error.kind() == ErrorKind::Damage
                && newest.zxid().counter() == 0
                && last.is_none_or(|last| !last.is_right_before(newest.zxid())) =>
        {
            warnings.push(format!(
                "{} is damaged, but was not needed: no transaction has its zxid",
                newest.name()
            ));
            last.ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// `error` as what hides the last txn.
fn hidden(error: Error, last: Option<Zxid>) -> Error {
    let error = error.after_txn(last);
    match last {
        Some(last) => error.or_hint(|| Hint::LastReadable(last)),
        None => error,
    }
}

/// The point right before the txn `zxid`, if nothing is missing there.
fn before(source: &Source, timeline: &Timeline, zxid: Zxid) -> Result<Zxid> {
    let is_first = zxid == Zxid::new(0, 1) || zxid == Zxid::new(1, 1);
    // Before the name of an epoch is whatever the epoch before ended with.
    let is_name_of_epoch = zxid.counter() == 0 && !timeline.contains(zxid);
    let names = source.snapshots().iter().map(SourceFile::zxid);
    timeline
        .last_before(zxid)
        .into_iter()
        .chain(names.filter(|name| *name < zxid))
        .chain(is_first.then_some(Zxid::ZERO))
        .filter(|before| before.is_followed_by(zxid) || is_name_of_epoch)
        .max()
        .ok_or_else(|| match hiding(source, timeline, zxid) {
            Some(damage) => damage,
            None => {
                let message = format!("the transaction just before {zxid} is missing");
                not_reachable(source, message).hint("'zoovault inspect' shows what is missing")
            }
        })
}

/// The damage that hides what is right before `zxid`, or `zxid` itself, where there is any.
fn hiding(source: &Source, timeline: &Timeline, zxid: Zxid) -> Option<Error> {
    let below = timeline.last_before(zxid);
    base::damage_before(source, timeline, zxid).filter(|error| {
        error
            .txn()
            .is_none_or(|txn| below.is_none_or(|below| txn.first() > below))
    })
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
    // What hides the txn is told, where something does.
    let damage = hiding(source, timeline, zxid);
    let bases = bases(source, timeline)?;
    let nearest = || base::nearest(timeline, &bases, zxid);
    if let Some(damage) = damage {
        return Err(damage.or_hint(|| match (below, above) {
            (Some(below), None) => Hint::LastReadable(below),
            _ => nearest().into(),
        }));
    }
    Err(match (below, above) {
        (Some(below), Some(above)) => {
            let message = format!("has no transaction {zxid}: {below} is followed by {above}");
            not_reachable(source, message).hint(nearest())
        }
        (Some(below), None) => not_reachable(
            source,
            format!("{zxid} is after the last transaction, {below}"),
        )
        .hint(Hint::LatestIsLast),
        (None, Some(above)) => not_reachable(
            source,
            format!("{zxid} is before the first transaction, {above}"),
        ),
        (None, None) => nothing(source),
    })
}

fn resolve_time(source: &Source, timeline: &Timeline, time: i64) -> Result<Target> {
    let Some((next, next_time)) = timeline.first_later_than(source, time)? else {
        refuse_hidden_end(source, timeline, &mut Vec::new())?;
        let last = timeline.last().ok_or_else(|| nothing(source))?;
        let message = format!(
            "the requested time is not before the time of any transaction; the last is {last}"
        );
        return Err(not_reachable(source, message).hint(Hint::PerhapsLatest));
    };
    let zxid = before(source, timeline, next)?;
    // Before the very first txn the tree is empty. Somebody who means that says so; a wrong year
    // does not.
    if zxid == Zxid::ZERO {
        let message = format!("the requested time is before the first transaction, {next}");
        return Err(
            not_reachable(source, message).hint("'zoovault inspect' shows what is available")
        );
    }
    let earlier = timeline.count_from(source, next, time)?;
    let clock = format!(
        "the leader's clock stepped back: {earlier} of the excluded transactions have times before the requested one"
    );
    let mut warnings = source.warnings().to_vec();
    warnings.extend((earlier > 0).then_some(clock));
    Ok(Target {
        zxid,
        time: timeline.time_of(source, zxid)?,
        left_out: Some((next, next_time)),
        hidden_behind: None,
        warnings,
    })
}

fn not_reachable(source: &Source, message: String) -> Error {
    Error::about(source.shown(), ErrorKind::NotReachable, message)
}

fn nothing(source: &Source) -> Error {
    not_reachable(source, "has nothing that can be restored: no sound snapshot, and no log that begins with the first transaction".to_owned())
}
