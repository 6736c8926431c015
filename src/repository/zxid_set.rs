//! Sets of zxids, as ranges.

use crate::zxid::Zxid;

/// A set of zxids. Ranges that touch are joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(Zxid, Zxid)>);

impl Ranges {
    /// Adds `first` to `last`.
    pub fn add(&mut self, first: Zxid, last: Zxid) {
        let begin = self.0.partition_point(|(_, end)| end.next() < first);
        let end = self.0.partition_point(|(start, _)| *start <= last.next());
        let joined = self.0.get(begin..end).unwrap_or_default();
        let first = joined.first().map_or(first, |(start, _)| first.min(*start));
        let last = joined.last().map_or(last, |(_, end)| last.max(*end));
        self.0.splice(begin..end.max(begin), [(first, last)]);
    }

    /// Whether all of `first` to `last` is in it.
    pub fn covers(&self, first: Zxid, last: Zxid) -> bool {
        self.missing(first, last).is_empty()
    }

    /// What of `first` to `last` is not in it.
    pub fn missing(&self, first: Zxid, last: Zxid) -> Vec<(Zxid, Zxid)> {
        let mut missing = Vec::new();
        let mut from = first;
        let begin = self.0.partition_point(|(_, end)| *end < first);
        for (start, end) in self.0.iter().skip(begin) {
            if *start > last {
                break;
            }
            if from < *start {
                missing.push((from, start.prev()));
            }
            from = from.max(end.next());
        }
        if from <= last {
            missing.push((from, last));
        }
        missing
    }

    /// These, and what lies between the last zxid of an epoch and the first of the next where both
    /// are in it.
    pub fn with_ends_of_epochs(&self) -> Ranges {
        let mut settled = self.clone();
        for ((_, last), (first, _)) in self.iter().zip(self.iter().skip(1)) {
            if last.epoch() < first.epoch() && last.is_followed_by(first) {
                settled.add(last.next(), first.prev());
            }
        }
        settled
    }

    /// The ranges, by zxid.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Zxid, Zxid)> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_and_tell_what_is_missing() {
        let zxid = Zxid::from_i64;
        let mut ranges = Ranges::default();
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
            ranges.add(zxid(first), zxid(last));
            numbers.extend(first..=last);
            for from in 0..45 {
                for to in from..45 {
                    let missing: Vec<i64> = (from..=to).filter(|n| !numbers.contains(n)).collect();
                    let told: Vec<i64> = ranges
                        .missing(zxid(from), zxid(to))
                        .iter()
                        .flat_map(|(a, b)| a.to_i64()..=b.to_i64())
                        .collect();
                    assert_eq!(told, missing, "{from} to {to} of {ranges:?}");
                }
            }
        }
        assert_eq!(ranges.iter().count(), 1);
    }

    #[test]
    fn nothing_lies_between_the_last_of_an_epoch_and_the_first_of_the_next() {
        let mut ranges = Ranges::default();
        for (epoch, first, last) in [(1, 1, 5), (2, 1, 3), (2, 6, 7), (3, 2, 9)] {
            ranges.add(Zxid::new(epoch, first), Zxid::new(epoch, last));
        }
        let settled = ranges.with_ends_of_epochs();
        assert!(settled.covers(Zxid::new(1, 1), Zxid::new(2, 3)));
        for missing in [Zxid::new(2, 4), Zxid::new(2, 8), Zxid::new(3, 1)] {
            assert!(!settled.covers(missing, missing), "{missing}");
        }
    }
}
