//! Which part of a repository is read this time, so that regular runs read all of it.
//!
//! An object belongs to one of M shares by a hash of its name: always the same one, whatever else
//! is there. Whoever reads share 1 to M in M runs has read everything, and does not have to note
//! how far he got. The date tells which share it is: `daily/month` is the day of the month, of as
//! many as the month has. Chance is no part of it: of what is read by chance, a part is never read.

use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum::sha256;
use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fmt;

/// One of so many shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which, from 1 on.
    pub number: u64,
    /// Of how many.
    pub of: u64,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Share {
    /// Reads `N/M`, or what the date `now` makes of `daily/month` and the like.
    ///
    /// Days are those of the zone of `now`, so that each has one run at a given hour; hours are
    /// those of UTC, where each day has all of them.
    ///
    /// # Errors
    /// [`ErrorKind::BadArgument`] when it is neither.
    pub fn parse(text: &str, now: &Zoned) -> Result<Share> {
        let bad = || {
            let message = format!("'{text}' is not a part of a repository");
            Error::new(ErrorKind::BadArgument, message).hint(
                "write 3/10 for the third of ten, or, by date: hourly/day, hourly/week, daily/week, daily/month, daily/year, weekly/year, monthly/year",
            )
        };
        if let Some(share) = Share::of_date(text, now) {
            return Ok(share);
        }
        let (number, of) = text.split_once('/').ok_or_else(bad)?;
        let share = Share {
            number: number.parse().map_err(|_| bad())?,
            of: of.parse().map_err(|_| bad())?,
        };
        match (1..=share.of).contains(&share.number) {
            true => Ok(share),
            false => Err(bad()),
        }
    }

    fn of_date(text: &str, now: &Zoned) -> Option<Share> {
        let date = now.date();
        let utc = now.timestamp().to_zoned(TimeZone::UTC);
        let weekday = |date: Date| i64::from(date.weekday().to_monday_zero_offset());
        let hour = i64::from(utc.hour());
        let week = date.iso_week_date();
        let (index, of) = match text {
            "hourly/day" => (hour, 24),
            "hourly/week" => (24 * weekday(utc.date()) + hour, 7 * 24),
            "daily/week" => (weekday(date), 7),
            "daily/month" => (i64::from(date.day()) - 1, i64::from(date.days_in_month())),
            "daily/year" => (
                i64::from(date.day_of_year()) - 1,
                i64::from(date.days_in_year()),
            ),
            "weekly/year" => (i64::from(week.week()) - 1, i64::from(week.weeks_in_year())),
            "monthly/year" => (i64::from(date.month()) - 1, 12),
            _ => return None,
        };
        Some(Share {
            number: u64::try_from(index).ok()? + 1,
            of: u64::try_from(of).ok()?,
        })
    }

    /// Whether the object of this name is in it.
    pub fn contains(&self, name: &str) -> bool {
        let hash = sha256(name.as_bytes());
        let hash = hash.get(..15).unwrap_or_default();
        let hash = u64::from_str_radix(hash, 16).unwrap_or_default();
        hash.checked_rem(self.of) == Some(self.number - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use std::collections::BTreeSet;

    fn at(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    #[test]
    fn regular_runs_read_everything_once() {
        for (text, begin, step, runs) in [
            (
                "hourly/day",
                "2026-03-29T00:30[Europe/Paris]",
                1.hour(),
                24u32,
            ),
            ("hourly/week", "2026-10-19T00:30[UTC]", 1.hour(), 168),
            ("daily/week", "2026-10-19T03:00[Europe/Paris]", 1.day(), 7),
            ("daily/month", "2026-03-01T03:00[Europe/Paris]", 1.day(), 31),
            ("daily/month", "2028-02-01T03:00[UTC]", 1.day(), 29),
            ("daily/year", "2028-01-01T03:00[UTC]", 1.day(), 366),
            ("weekly/year", "2026-01-01T03:00[UTC]", 1.week(), 53),
            ("monthly/year", "2026-01-31T03:00[UTC]", 1.month(), 12),
        ] {
            let mut seen = BTreeSet::new();
            for run in 0..i64::from(runs) {
                let share = Share::parse(text, &(&at(begin) + step * run)).unwrap();
                assert_eq!(share.of, u64::from(runs), "{text}");
                seen.insert(share.number);
            }
            assert_eq!(seen, (1..=u64::from(runs)).collect(), "{text}");
        }
    }

    #[test]
    fn an_object_is_in_one_share_and_shares_are_of_one_size() {
        let mut counts = [0; 8];
        for object in 0..7000 {
            let name = format!("log/l/{object}.zst");
            let number = |number| Share { number, of: 7 };
            let of: Vec<u64> = (1..=7).filter(|n| number(*n).contains(&name)).collect();
            assert_eq!(of.len(), 1);
            counts[usize::try_from(of[0]).unwrap()] += 1;
        }
        assert!(
            counts[1..].iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
        assert!(Share { number: 1, of: 1 }.contains("any"));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        let now = at("2026-11-20T12:00[UTC]");
        assert_eq!(
            Share::parse("3/10", &now).unwrap(),
            Share { number: 3, of: 10 }
        );
        assert_eq!(
            Share::parse("daily/month", &now).unwrap().to_string(),
            "20/30"
        );
        for text in [
            "",
            "0/5",
            "6/5",
            "1",
            "1/0",
            "-1/5",
            "daily",
            "daily/decade",
            "5%",
        ] {
            assert!(Share::parse(text, &now).is_err(), "{text}");
        }
    }
}
