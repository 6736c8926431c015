//! From a point, as the user names it, to a txn of the source.

use super::reachable::{exact_ranges, nearest};
use super::trust::{self, Trust};
use crate::error::{Error, ErrorKind, Fault, Hint, Result};
use crate::format::snapshot;
use crate::format::txnlog::{LogEnd, LogSummary};
use crate::history::History;
use crate::history::point::Point;
use crate::history::source::SourceFile;
use crate::history::timeline::ScannedLog;
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

impl History<'_> {
    /// The txn that `point` stands for; with `exclusive`, the one before.
    ///
    /// # Errors
    /// [`ErrorKind::NotReachable`] when the source has no such txn; failures to read.
    pub fn resolve(&self, point: Point, exclusive: bool) -> Result<Target> {
        self.resolve_as(Trust::Exact, point, exclusive)
    }

    /// As [`History::resolve`], where a snapshot by itself may be a point too.
    pub(super) fn resolve_as(&self, trust: Trust, point: Point, exclusive: bool) -> Result<Target> {
        let mut warnings = self.source.warnings();
        let named = match point {
            Point::Zxid(zxid) => zxid,
            Point::Time(_) if exclusive => {
                let message = "a time means the moment before the first later transaction: it cannot be exclusive";
                return Err(Error::new(ErrorKind::BadArgument, message)
                    .hint("name the transaction by its zxid"));
            }
            Point::Time(time) => return self.resolve_time(time),
            Point::First => self.first(trust)?,
            Point::Latest => self.latest(&mut warnings)?,
        };
        self.ensure_held(named)?;
        let zxid = if exclusive {
            self.before(named)?
        } else {
            named
        };
        let (left_out, hidden_behind) = match self.timeline.next_after(zxid) {
            Some(next) => (self.time_of(next)?.map(|time| (next, time)), None),
            None => (None, self.refuse_hidden_end(&mut Vec::new()).err()),
        };
        Ok(Target {
            zxid,
            time: self.time_of(zxid)?,
            left_out,
            hidden_behind: hidden_behind.map(|error| error.to_string()),
            warnings,
        })
    }

    fn first(&self, trust: Trust) -> Result<Zxid> {
        let ranges = exact_ranges(&self.timeline, self.bases()?);
        let first = ranges.iter().next().map(|range| range.first);
        first
            .or_else(|| trust::first(self.source, trust))
            .ok_or_else(|| self.nothing())
    }

    /// The name of the last log that holds a txn. Of one that is named no earlier, nothing tells
    /// how far it went on.
    fn last_with_txns(&self) -> Option<Zxid> {
        let has_txns = |log: &&ScannedLog| {
            let summary = log.summary.as_ref();
            summary.is_ok_and(|summary| summary.count > 0)
        };
        let logs = self.timeline.logs.iter().filter(has_txns);
        logs.filter_map(|log| self.source.logs().get(log.log).map(SourceFile::zxid))
            .max()
    }

    /// Refuses to go by what seems to be the last txn where damage may hide a later one. Whoever
    /// goes on to the end goes through here, and what a server leaves that is killed is no damage:
    /// that is a warning.
    fn refuse_hidden_end(&self, warnings: &mut Vec<String>) -> Result<()> {
        let last = self.timeline.last();
        let last_with_txns = self.last_with_txns();
        for log in &self.timeline.logs {
            let Some(file) = self.source.logs().get(log.log) else {
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
                    if file.is_cut() {
                        continue;
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
                    // One that ends where its archive was cut is told of as that.
                    if let Some(LogEnd::Torn { offset }) = summary.end
                        && !file.is_cut()
                    {
                        let name = file.name();
                        warnings.push(format!("{name} ends in the middle of a write (offset {offset}): that transaction is excluded"));
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The last point that the source holds.
    fn latest(&self, warnings: &mut Vec<String>) -> Result<Zxid> {
        self.refuse_hidden_end(warnings)?;
        let last = self.timeline.last();
        let newest = self
            .source
            .snapshots()
            .last()
            .filter(|newest| last.is_none_or(|last| newest.zxid() > last));
        let Some(newest) = newest else {
            return last.ok_or_else(|| self.nothing());
        };
        if newest.zxid() == Zxid::UNKNOWN {
            let message = "neither its name nor its trailer gives its zxid";
            return Err(self.not_reachable(message));
        }
        match snapshot::check(
            newest.shown(),
            &|| self.source.open_snapshot(newest),
            &|_| {},
        ) {
            Ok(_) => {
                // One that was streamed to a file of its own has no logs anywhere.
                let is_alone = newest.dated().is_some();
                if self.timeline.logs.is_empty()
                    && !is_alone
                    && !self.source.is_as_restored(newest)?
                {
                    warnings.push("there are no logs: if they are in a separate dataLogDir, later transactions are excluded".to_owned());
                }
                Ok(newest.zxid())
            }
            // A server that was killed while it began an epoch leaves it so, and no txn has this
            // zxid; unless the counter ended right before it.
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

    /// The point right before the txn `zxid`, if nothing is missing there.
    fn before(&self, zxid: Zxid) -> Result<Zxid> {
        let is_first = zxid == Zxid::new(0, 1) || zxid == Zxid::new(1, 1);
        // Before the name of an epoch is whatever the epoch before ended with.
        let is_name_of_epoch = zxid.counter() == 0 && !self.timeline.contains(zxid);
        let names = self.source.snapshots().iter().map(SourceFile::zxid);
        self.timeline
            .last_before(zxid)
            .into_iter()
            .chain(names.filter(|name| *name < zxid))
            .chain(is_first.then_some(Zxid::ZERO))
            .filter(|before| before.is_followed_by(zxid) || is_name_of_epoch)
            .max()
            .ok_or_else(|| match self.hiding(zxid) {
                Some(damage) => damage,
                None => {
                    let message = format!("the transaction just before {zxid} is missing");
                    self.not_reachable(message)
                        .hint("'zoovault inspect' shows what is missing")
                }
            })
    }

    /// The damage that hides what is right before `zxid`, or `zxid` itself, where there is any.
    fn hiding(&self, zxid: Zxid) -> Option<Error> {
        let below = self.timeline.last_before(zxid);
        self.damage_before(zxid).filter(|error| {
            error
                .txn()
                .is_none_or(|txn| below.is_none_or(|below| txn.first() > below))
        })
    }

    /// Refuses a zxid that is neither a txn's nor a snapshot's.
    fn ensure_held(&self, zxid: Zxid) -> Result<()> {
        let is_base = zxid == Zxid::ZERO
            || self
                .source
                .snapshots()
                .iter()
                .any(|snapshot| snapshot.zxid() == zxid);
        if is_base || self.timeline.contains(zxid) {
            return Ok(());
        }
        let below = self.timeline.last_before(zxid);
        let above = self.timeline.next_after(zxid);
        // What hides the txn is told, where something does.
        let damage = self.hiding(zxid);
        let bases = self.bases()?;
        let around = || nearest(&self.timeline, bases, zxid);
        if let Some(damage) = damage {
            return Err(damage.or_hint(|| match (below, above) {
                (Some(below), None) => Hint::LastReadable(below),
                _ => around().into(),
            }));
        }
        Err(match (below, above) {
            (Some(below), Some(above)) => {
                let message = format!("has no transaction {zxid}: {below} is followed by {above}");
                self.not_reachable(message).hint(around())
            }
            (Some(below), None) => self
                .not_reachable(format!("{zxid} is after the last transaction, {below}"))
                .hint(Hint::LatestIsLast),
            (None, Some(above)) => {
                self.not_reachable(format!("{zxid} is before the first transaction, {above}"))
            }
            (None, None) => self.nothing(),
        })
    }

    fn resolve_time(&self, time: i64) -> Result<Target> {
        let Some((next, next_time)) = self.first_later_than(time)? else {
            self.refuse_hidden_end(&mut Vec::new())?;
            let last = self.timeline.last().ok_or_else(|| self.nothing())?;
            let message = format!(
                "the requested time is not before the time of any transaction; the last is {last}"
            );
            return Err(self.not_reachable(message).hint(Hint::PerhapsLatest));
        };
        let zxid = self.before(next)?;
        // Before the very first txn the tree is empty. Somebody who means that says so; a wrong
        // year does not.
        if zxid == Zxid::ZERO {
            let message = format!("the requested time is before the first transaction, {next}");
            return Err(self
                .not_reachable(message)
                .hint("'zoovault inspect' shows what is available"));
        }
        let earlier = self.count_from(next, time)?;
        let clock = format!(
            "the leader's clock stepped back: {earlier} of the excluded transactions have times before the requested one"
        );
        let mut warnings = self.source.warnings();
        warnings.extend((earlier > 0).then_some(clock));
        Ok(Target {
            zxid,
            time: self.time_of(zxid)?,
            left_out: Some((next, next_time)),
            hidden_behind: None,
            warnings,
        })
    }

    pub(super) fn not_reachable(&self, message: impl Into<String>) -> Error {
        Error::about(self.source.shown(), ErrorKind::NotReachable, message)
    }

    fn nothing(&self) -> Error {
        self.not_reachable("has nothing that can be restored: no sound snapshot, and no log that begins with the first transaction")
    }
}

/// Whether a log that cannot be read may hold txns behind `last`. Of one in a repository it is
/// known.
fn may_be_behind(file: &SourceFile, last: Option<Zxid>, is_last: bool) -> bool {
    let noted = file.promised_log().and_then(LogSummary::last);
    let reaches = noted.unwrap_or(file.zxid());
    last.is_none_or(|last| reaches > last) || (is_last && noted.is_none())
}

/// `error` as what hides the last txn.
fn hidden(error: Error, last: Option<Zxid>) -> Error {
    let error = error.after_txn(last);
    match last {
        Some(last) => error.or_hint(|| Hint::LastReadable(last)),
        None => error,
    }
}
