//! Zxids in a row, and sets of them.

use super::Zxid;

/// All zxids from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ZxidRange {
    /// The lowest.
    pub first: Zxid,
    /// The highest.
    pub last: Zxid,
}

impl ZxidRange {
    /// All from `first` to `last`.
    pub const fn new(first: Zxid, last: Zxid) -> ZxidRange {
        ZxidRange { first, last }
    }

    /// Whether `zxid` is in it.
    pub fn contains(self, zxid: Zxid) -> bool {
        self.first <= zxid && zxid <= self.last
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.first > self.last
    }
}

/// One zxid alone.
impl From<Zxid> for ZxidRange {
    fn from(zxid: Zxid) -> ZxidRange {
        ZxidRange::new(zxid, zxid)
    }
}

/// A set of zxids. Ranges that touch are joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZxidSet(Vec<ZxidRange>);

impl ZxidSet {
    /// Adds all of `range`.
    pub fn add(&mut self, range: ZxidRange) {
        let ZxidRange { first, last } = range;
        let begin = self.0.partition_point(|held| held.last.next() < first);
        let end = self.0.partition_point(|held| held.first <= last.next());
        let joined = self.0.get(begin..end).unwrap_or_default();
        let first = joined.first().map_or(first, |held| held.first.min(first));
        let last = joined.last().map_or(last, |held| held.last.max(last));
        let range = ZxidRange { first, last };
        self.0.splice(begin..end.max(begin), [range]);
    }

    /// Whether all of `range` is in it.
    pub fn covers(&self, range: ZxidRange) -> bool {
        self.missing(range).is_empty()
    }

    /// What of `range` is not in it.
    pub fn missing(&self, range: ZxidRange) -> Vec<ZxidRange> {
        let mut missing = Vec::new();
        let mut left = range;
        let begin = self.0.partition_point(|held| held.last < range.first);
        for held in self.0.iter().skip(begin) {
            if held.first > range.last {
                break;
            }
            if left.first < held.first {
                missing.push(ZxidRange::new(left.first, held.first.prev()));
            }
            left.first = left.first.max(held.last.next());
        }
        missing.extend((!left.is_empty()).then_some(left));
        missing
    }

    /// These, and what lies between the last zxid of an epoch and the first of the next where both
    /// are in it.
    pub fn with_ends_of_epochs(&self) -> ZxidSet {
        let mut settled = self.clone();
        for (before, behind) in self.iter().zip(self.iter().skip(1)) {
            let (last, first) = (before.last, behind.first);
            if last.epoch() < first.epoch() && last.is_followed_by(first) {
                settled.add(ZxidRange::new(last.next(), first.prev()));
            }
        }
        settled
    }

    /// The ranges, by zxid.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = ZxidRange> {
        self.0.iter().copied()
    }
}

impl FromIterator<ZxidRange> for ZxidSet {
    fn from_iter<I: IntoIterator<Item = ZxidRange>>(ranges: I) -> ZxidSet {
        let mut set = ZxidSet::default();
        ranges.into_iter().for_each(|range| set.add(range));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_and_tell_what_is_missing() {
        let range = |first, last| ZxidRange::new(Zxid::from_i64(first), Zxid::from_i64(last));
        let mut set = ZxidSet::default();
        // Against a set of numbers.
        let mut numbers = std::collections::BTreeSet::new();
        for (first, last) in [
            (10, 12),
            (20, 25),
            (13, 14),
            (5, 6),
            (18, 30),
            (1, 1),
            (2, 40),
        ] {
            set.add(range(first, last));
            numbers.extend(first..=last);
            for from in 0..45 {
                for to in from..45 {
                    let missing: Vec<i64> = (from..=to).filter(|n| !numbers.contains(n)).collect();
                    let told: Vec<i64> = set
                        .missing(range(from, to))
                        .iter()
                        .flat_map(|range| range.first.to_i64()..=range.last.to_i64())
                        .collect();
                    assert_eq!(told, missing, "{from} to {to} of {set:?}");
                }
            }
        }
        assert_eq!(set.iter().count(), 1);
    }

    #[test]
    fn nothing_lies_between_the_last_of_an_epoch_and_the_first_of_the_next() {
        let ranges = [(1, 1, 5), (2, 1, 3), (2, 6, 7), (3, 2, 9)];
        let ranges = ranges.map(|(epoch, first, last)| {
            ZxidRange::new(Zxid::new(epoch, first), Zxid::new(epoch, last))
        });
        let set: ZxidSet = ranges.into_iter().collect();
        let settled = set.with_ends_of_epochs();
        assert!(settled.covers(ZxidRange::new(Zxid::new(1, 1), Zxid::new(2, 3))));
        for missing in [Zxid::new(2, 4), Zxid::new(2, 8), Zxid::new(3, 1)] {
            assert!(!settled.covers(missing.into()), "{missing}");
        }
    }
}
