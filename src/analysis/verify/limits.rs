//! Numbers that come to an end: the counter of zxids, and the cversions that sequential names are
//! made of.

use crate::analysis::finding::{Code, Finding};
use crate::history::replay::Link;
use crate::history::timeline::Timeline;
use crate::zxid::Zxid;

/// A counter above this is near its end: a sixteenth is left.
const COUNTER_MAX: u32 = 0xf000_0000;
/// A day, in ms.
const DAY_MS: f64 = 86_400_000.0;
/// How many days a month has.
const MONTH_DAYS: f64 = 30.44;

/// Tells of a counter that is near its end, with the time left at the rate at which the logs were
/// written.
pub(super) fn judge_counter(timeline: &Timeline, findings: &mut Vec<Finding>) {
    let Some(last) = timeline.last().filter(|last| last.counter() > COUNTER_MAX) else {
        return;
    };
    let left = u32::MAX - last.counter();
    let pace = match per_day(timeline, last) {
        Some(rate) => {
            let months = f64::from(left) / rate / MONTH_DAYS;
            let months = match months < 1.0 {
                true => "less than a month".to_owned(),
                false => format!("about {months:.0} months"),
            };
            format!("{months} at {rate:.0} transactions a day, the rate in these logs")
        }
        None => "these logs do not show how long that will last".to_owned(),
    };
    let message = format!(
        "the counter of this zxid has {left} numbers left, {pace}: then a leader steps down, which forces an election, and a standalone server continues with {}",
        Zxid::new(last.epoch(), u32::MAX).next()
    );
    let finding = Finding::new(Code::CounterNearEnd, message).zxid(last);
    findings.push(finding);
}

/// How many txns a day the last epoch had, as far as the logs hold it without a gap.
fn per_day(timeline: &Timeline, last: Zxid) -> Option<f64> {
    let segment = timeline.segments.last()?;
    let mut pieces = segment.pieces.iter();
    let first = pieces.find(|piece| piece.from.epoch() == last.epoch())?;
    let txns = last.counter().checked_sub(first.run.first.counter())?;
    let span = segment.last_time().checked_sub(first.run.first_time)?;
    // Fifty days in ms and more have no place in an i32, and none of them matters to the ms.
    let days = i32::try_from(span / 1000)
        .ok()
        .map(|seconds| f64::from(seconds) * 1000.0 / DAY_MS)?;
    (days > 0.0 && txns > 0).then(|| f64::from(txns) / days)
}

/// Tells of parents in the tree that a base leads to under which sequential names are near their
/// end.
pub(super) fn judge_cversions(base: &str, link: &Link, findings: &mut Vec<Finding>) {
    let Some(parents) = &link.parents_near_end else {
        return;
    };
    let told = match parents.count {
        1 => "a parent".to_owned(),
        count => format!("{count} parents"),
    };
    let (cversion, path) = &parents.highest;
    let message = format!(
        "the tree that {base} leads to has {told} with a cversion near 2147483647, the maximum for sequential names; the highest is \"{}\" with {cversion}",
        path.escape_ascii()
    );
    let finding = Finding::new(Code::CversionNearEnd, message).zxid(link.range.last);
    findings.push(finding);
}
