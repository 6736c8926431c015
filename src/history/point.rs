//! A point of history, as the user names it: a zxid, a time, the first or the latest that there is.

use crate::history::time::{TimeError, parse_ms};
use crate::zxid::Zxid;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A point of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// After the txn of this zxid.
    Zxid(Zxid),
    /// Everything before the first txn, in zxid order, whose time is later than this (ms since
    /// 1970).
    Time(i64),
    /// The earliest point that can be had exactly.
    First,
    /// After the last txn.
    Latest,
}

impl Point {
    /// Parses `first`, `latest`, a zxid in hexadecimal with `0x`, or a time (see [`parse_ms`]).
    ///
    /// # Errors
    /// Says what a point looks like when `text` is none.
    pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Point, TimeError> {
        match text.trim() {
            "first" => Ok(Point::First),
            "latest" => Ok(Point::Latest),
            zxid if zxid.starts_with("0x") || zxid.starts_with("0X") => {
                i64::from_str_radix(zxid.get(2..).unwrap_or_default(), 16)
                    .ok()
                    .filter(|raw| *raw >= 0)
                    .map(|raw| Point::Zxid(Zxid::from_i64(raw)))
                    .ok_or_else(|| {
                        TimeError(format!(
                            "'{zxid}' is not a zxid: write 0x and at most 16 hexadecimal digits"
                        ))
                    })
            }
            digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Err(TimeError(format!(
                    "'{digits}' could be a zxid or a time: write 0x{digits} or @{digits}"
                )))
            }
            time => parse_ms(time, now, zone).map(Point::Time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_zxid_a_time_or_a_word_and_bare_digits_are_refused() {
        let parse = |text| Point::parse(text, Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        assert_eq!(
            parse("0x1f00000003"),
            Ok(Point::Zxid(Zxid::from_i64(0x1f_0000_0003)))
        );
        assert_eq!(parse("latest"), Ok(Point::Latest));
        assert_eq!(parse("first"), Ok(Point::First));
        assert_eq!(parse("1970-01-01T00:00:01Z"), Ok(Point::Time(1000)));
        assert!(parse("1234").is_err());
        assert!(parse("0x").is_err());
        assert!(parse("0xfffffffffffffffff").is_err());
        assert!(parse("0xffffffffffffffff").is_err());
        assert!(parse("").is_err());
    }
}
