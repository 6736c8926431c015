//! Transaction ids and session ids: 64 bits each, shown in hexadecimal as ZooKeeper shows them.

mod hex;
mod range;

pub use hex::Hex;
pub use range::{ZxidRange, ZxidSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// A transaction id: the leader's epoch in the high 32 bits, a counter in the low 32.
///
/// Java compares zxids as signed longs, and so does this type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zxid(i64);

impl Zxid {
    /// The zxid of an empty tree; no txn has it.
    pub const ZERO: Zxid = Zxid(0);
    /// The largest zxid that there can be.
    pub const MAX: Zxid = Zxid(i64::MAX);

    /// Where a zxid is not known. It is shown so, and no txn has it.
    pub const UNKNOWN: Zxid = Zxid(0x7fff_ffff_ffff_fff0);

    /// The zxid whose bits are `raw`, as a file holds it.
    pub const fn from_i64(raw: i64) -> Zxid {
        Zxid(raw)
    }

    /// The zxid of `counter` in `epoch`.
    pub const fn new(epoch: u32, counter: u32) -> Zxid {
        Zxid(((epoch as i64) << 32) | counter as i64)
    }

    /// The bits, as a file holds them.
    pub const fn to_i64(self) -> i64 {
        self.0
    }

    /// The epoch of the leader that issued it.
    pub const fn epoch(self) -> u32 {
        let [a, b, c, d, ..] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Its position within the epoch. Counter 0 is the name that an ensemble gives to the beginning
    /// of an epoch, and then no txn has it. A standalone server, and an ensemble before 3.4.3, just
    /// counts on, from 0xffffffff to 0x100000000: there it is a txn like any other. The number does
    /// not tell which of the two it is; that a log holds such a record does.
    pub const fn counter(self) -> u32 {
        let [.., a, b, c, d] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The number behind this one. At the end of the counter this is counter 0 of the next epoch.
    pub const fn next(self) -> Zxid {
        Zxid(self.0.saturating_add(1))
    }

    /// The number before this one, which belongs to the epoch before when the counter is 0.
    pub const fn prev(self) -> Zxid {
        Zxid(self.0.saturating_sub(1))
    }

    /// Whether `next` is the very next number, so that no txn can be missing in between. Where both
    /// are txns, this holds over the end of a counter too: a server that goes on from 0xffffffff to
    /// 0x100000000 began no epoch there.
    pub const fn is_right_before(self, next: Zxid) -> bool {
        self.0 < next.0 && next.0 == self.0.saturating_add(1)
    }

    /// Whether `next` may be the txn that follows this zxid as far as numbers can tell: the very
    /// next number, or counter 1 of a later epoch (`Leader` starts every epoch so).
    /// Whether txns are missing at the *end* of an epoch cannot be seen from zxids.
    pub const fn is_followed_by(self, next: Zxid) -> bool {
        self.is_right_before(next)
            || (next.0 > self.0 && next.epoch() != self.epoch() && next.counter() == 1)
    }

    /// Whether going on from this txn to `next` is the end of an epoch, of which numbers cannot
    /// tell how it ended.
    pub const fn ends_its_epoch_before(self, next: Zxid) -> bool {
        self.epoch() != next.epoch() && !self.is_right_before(next)
    }

    /// The first zxid that is known to be missing between this one, which is there, and `before`,
    /// which is the next that is. Where an epoch ended in between, nobody knows with which txn.
    pub const fn first_missing_before(self, before: Zxid) -> Zxid {
        let last = before.prev();
        if last.epoch() == self.epoch() {
            self.next()
        } else {
            Zxid::new(last.epoch(), 1)
        }
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Zxid::UNKNOWN => f.write_str("unknown zxid"),
            Zxid(raw) => Hex(raw).fmt(f),
        }
    }
}

impl FromStr for Zxid {
    type Err = ParseIntError;

    /// Parses hexadecimal digits, with or without `0x`.
    fn from_str(text: &str) -> Result<Zxid, ParseIntError> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        i64::from_str_radix(digits, 16).map(Zxid)
    }
}

/// As JSON has it: a hexadecimal string, since numbers there lose bits.
impl Serialize for Zxid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Zxid::UNKNOWN => serializer.collect_str(self),
            Zxid(raw) => Hex(raw).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Zxid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Zxid, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A client's session id. The server that opened it stands in the top byte, so an id may be
/// negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(self.0).fmt(f)
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Hex(self.0).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_and_counter_are_the_two_halves() {
        let zxid = Zxid::from_i64(0x3_0000_01d9);
        assert_eq!((zxid.epoch(), zxid.counter()), (3, 0x1d9));
        assert_eq!(Zxid::new(3, 0x1d9), zxid);
        assert_eq!(zxid.to_string(), "0x3000001d9");
        assert_eq!("0x3000001d9".parse(), Ok(zxid));
    }

    #[test]
    fn only_the_next_counter_or_a_new_epoch_follows() {
        let zxid = Zxid::new(2, 7);
        assert!(zxid.is_followed_by(Zxid::new(2, 8)));
        assert!(zxid.is_followed_by(Zxid::new(9, 1)));
        assert!(!zxid.is_followed_by(Zxid::new(2, 9)));
        assert!(!zxid.is_followed_by(Zxid::new(3, 2)));
        assert!(!zxid.is_followed_by(Zxid::new(1, 1)));
        assert!(!zxid.is_followed_by(zxid));
        assert!(!Zxid::MAX.is_followed_by(Zxid::MAX));
    }

    #[test]
    fn a_counter_that_ends_goes_on_with_the_next_number() {
        let last = Zxid::new(0, u32::MAX);
        assert!(last.is_right_before(Zxid::new(1, 0)));
        assert!(last.is_followed_by(Zxid::new(1, 0)));
        assert!(!last.ends_its_epoch_before(Zxid::new(1, 0)));
        // An ensemble elects instead, and begins its epoch with 1.
        assert!(last.is_followed_by(Zxid::new(1, 1)));
        assert!(last.ends_its_epoch_before(Zxid::new(1, 1)));
        assert!(!last.is_followed_by(Zxid::new(2, 0)));
        assert!(!Zxid::new(0, 7).is_followed_by(Zxid::new(1, 0)));
    }

    #[test]
    fn what_is_missing_for_certain_begins_no_earlier_than_numbers_tell() {
        let first = |after, before: Zxid| Zxid::first_missing_before(after, before);
        assert_eq!(first(Zxid::new(2, 7), Zxid::new(2, 9)), Zxid::new(2, 8));
        assert_eq!(first(Zxid::new(2, 7), Zxid::new(4, 9)), Zxid::new(4, 1));
        // Counter 0 is a txn here, so all that the counter had left before it are missing.
        assert_eq!(first(Zxid::new(0, 7), Zxid::new(1, 0)), Zxid::new(0, 8));
        assert_eq!(first(Zxid::new(0, 7), Zxid::new(2, 0)), Zxid::new(1, 1));
    }
}
