//! What is missing between two segments.

use super::{Evidence, Segment, Timeline};
use crate::zxid::Zxid;
use std::fmt;

/// What is missing between two segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last txn before.
    pub after: Zxid,
    /// Its time.
    pub after_time: i64,
    /// The first txn behind.
    pub before: Zxid,
    /// Its time.
    pub before_time: i64,
    /// The highest zxid in between of which it is known that there was a txn, where `before` alone
    /// does not tell.
    pub known_to: Option<Zxid>,
    /// Whether nothing but a difference between the trees on both sides shows it.
    pub is_by_difference: bool,
}

impl Gap {
    /// What is missing between two txns, each with its time, for all that their zxids tell.
    pub fn between((after, after_time): (Zxid, i64), (before, before_time): (Zxid, i64)) -> Gap {
        Gap {
            after,
            after_time,
            before,
            before_time,
            known_to: None,
            is_by_difference: false,
        }
    }

    /// Whether all that is missing may be the end of epochs: the first txn behind is the first of
    /// its own.
    pub fn is_end_of_epoch(&self) -> bool {
        self.after.ends_its_epoch_before(self.before) && self.after.is_followed_by(self.before)
    }

    /// Whether something shows that the end of an epoch is missing, or was abandoned: more than
    /// damage that may have hidden it.
    pub fn is_shown(&self) -> bool {
        self.is_end_of_epoch() && (self.known_to.is_some() || self.is_by_difference)
    }

    /// The first zxid that is known to be missing. Of an epoch that ended in the gap more may be
    /// missing.
    pub fn first_missing(&self) -> Zxid {
        let is_of_this_epoch = |zxid: Zxid| zxid.epoch() == self.after.epoch();
        if self.is_end_of_epoch() || self.known_to.is_some_and(is_of_this_epoch) {
            return self.after.next();
        }
        self.after
            .first_missing_before(self.known_to.map_or(self.before, Zxid::next))
    }

    /// The last zxid that is known to be missing.
    pub fn last_missing(&self) -> Zxid {
        match self.is_end_of_epoch() {
            true => self.known_to.unwrap_or(self.after.next()),
            false => self.before.prev(),
        }
    }
}

/// Which txns are missing: `txns 0xb to 0x13`, or
/// `txns after 0x10000000a up to 0x2000002bf, the end of epoch 2`.
impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first_missing(), self.last_missing());
        match (self.is_end_of_epoch(), self.known_to) {
            (true, Some(known)) => write!(
                f,
                "transactions after {} up to {known}, the end of epoch {}",
                self.after,
                known.epoch()
            ),
            (true, None) => write!(
                f,
                "transactions after {}, at the end of epoch {}",
                self.after,
                self.after.epoch()
            ),
            (false, _) if first == last => write!(f, "transaction {first}"),
            (false, _) => write!(f, "transactions {first} to {last}"),
        }
    }
}

impl Timeline {
    /// The gaps between segments.
    pub fn gaps(&self) -> Vec<Gap> {
        let segments = self.segments.iter();
        let pairs = segments.zip(self.segments.iter().skip(1));
        pairs.map(|(a, b)| self.gap(a, b)).collect()
    }

    /// What is missing between `a` and `b`, the next of its segments.
    pub fn gap(&self, a: &Segment, b: &Segment) -> Gap {
        self.gap_between((a.last(), a.last_time()), (b.first(), b.first_time()))
    }

    /// What is missing between two txns, each with its time, and what is known of it.
    pub fn gap_between(&self, after: (Zxid, i64), before: (Zxid, i64)) -> Gap {
        let between = Gap::between(after, before);
        let (after, before) = (between.after, between.before);
        let txns = self.evidence.iter().filter_map(|shown| match shown {
            Evidence::Txn(zxid) => Some(*zxid),
            Evidence::Difference { .. } => None,
        });
        let known_to = txns.filter(|zxid| after < *zxid && *zxid < before).max();
        let differs = |shown: &Evidence| {
            let is_here = |last: Zxid, first: Zxid| last == after && first == before;
            matches!(shown, Evidence::Difference { last, first } if is_here(*last, *first))
        };
        Gap {
            // Within an epoch the numbers tell it all.
            known_to: known_to.filter(|zxid| zxid.epoch() != before.epoch()),
            is_by_difference: known_to.is_none() && self.evidence.iter().any(differs),
            ..between
        }
    }
}
