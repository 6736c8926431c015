//! Times as ZooKeeper keeps them (milliseconds since 1970, by the leader's clock) and as people
//! write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeError(pub String);

impl std::fmt::Display for TimeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TimeError {}

/// `ms` as RFC 3339 with milliseconds and the offset of `zone` at that time. A number that no
/// calendar reaches (a header is any 64 bits) is shown as `@` and its milliseconds.
pub fn format_ms(ms: i64, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => time
            .to_zoned(zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
            .to_string(),
        Err(_) => format!("@{ms}ms"),
    }
}

/// Parses a time; the result is in milliseconds since 1970.
///
/// - `2026-11-20T14:00:00Z`, `2026-11-20 14:00+01:00`: RFC 3339, seconds optional;
/// - `2026-11-20T14:00:00+01:00[Europe/Paris]` (RFC 9557), `2026-11-20 14:00 Europe/Paris`;
/// - `2026-11-20 14:00`: in `zone`;
/// - `@1763640000`, `@1763640000.250`: seconds since 1970;
/// - `-15m`, `-2h30m`, `-1d`: before `now`.
///
/// # Errors
/// A local time that its zone has twice or not at all (clocks going back or forward) is an error,
/// never a guess.
pub fn parse_ms(text: &str, now: Timestamp, zone: &TimeZone) -> Result<i64, TimeError> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return parse_unix(seconds);
    }
    if let Some(span) = text.strip_prefix('-') {
        return before(now, span, zone);
    }
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Ok(zoned.timestamp().as_millisecond());
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_millisecond());
    }
    if let Ok(local) = text.parse::<DateTime>() {
        return resolve(local, zone);
    }
    if let Some((local, name)) = text.rsplit_once(' ')
        && let Ok(local) = local.trim().parse::<DateTime>()
    {
        let named = TimeZone::get(name)
            .map_err(|_| TimeError(format!("'{name}' is not a time zone known here")))?;
        return resolve(local, &named);
    }
    Err(TimeError(format!(
        "'{text}' is not a time: write 2026-11-20T14:00:00Z, '2026-11-20 14:00 Europe/Paris', @1763640000 or -15m"
    )))
}

fn parse_unix(seconds: &str) -> Result<i64, TimeError> {
    let bad = || TimeError(format!("'@{seconds}' is not a count of seconds since 1970"));
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let whole: i64 = whole.parse().map_err(|_| bad())?;
    let ms: i64 = format!("{fraction:0<3}").parse().map_err(|_| bad())?;
    whole
        .checked_mul(1000)
        .and_then(|w| w.checked_add(if whole < 0 { -ms } else { ms }))
        .ok_or_else(bad)
}

/// Parses how long something lasts: `90s`, `15m`, `2h30m`, `7d`, `1y6mo`. A day is one of the
/// calendar: it may have 23 or 25 hours.
///
/// # Errors
/// Anything else, and nothing at all: a length of zero, or a negative one.
pub fn parse_span(text: &str) -> Result<Span, TimeError> {
    match text.trim().parse::<Span>() {
        Ok(span) if span.is_positive() => Ok(span),
        Ok(_) => Err(TimeError(format!(
            "'{text}' must be greater than zero: write 15m, 2h30m, 7d or 1y6mo"
        ))),
        Err(_) => Err(TimeError(format!(
            "'{text}' is not a length of time: write 15m, 2h30m, 7d or 1y6mo"
        ))),
    }
}

/// The time that is `span` before `ms`, by the calendar of `zone`; `None` when no calendar reaches
/// it.
pub fn back(ms: i64, span: Span, zone: &TimeZone) -> Option<i64> {
    let then = Timestamp::from_millisecond(ms).ok()?;
    let then = then.to_zoned(zone.clone()).checked_sub(span).ok()?;
    Some(then.timestamp().as_millisecond())
}

fn before(now: Timestamp, span: &str, zone: &TimeZone) -> Result<i64, TimeError> {
    let parsed: Span = span.parse().map_err(|_| {
        TimeError(format!(
            "'-{span}' is not a span of time: write -15m, -2h30m or -1d"
        ))
    })?;
    back(now.as_millisecond(), parsed, zone)
        .ok_or_else(|| TimeError(format!("'-{span}' reaches back too far")))
}

fn resolve(local: DateTime, zone: &TimeZone) -> Result<i64, TimeError> {
    zone.to_ambiguous_zoned(local)
        .unambiguous()
        .map(|zoned| zoned.timestamp().as_millisecond())
        .map_err(|_| {
            TimeError(format!(
                "the local time {local} happens twice or not at all in its zone: add an offset, as in {local}+01:00"
            ))
        })
}

/// Parses a length of time: `7d`, `25h`, `1h 30m`, `90s`. A day has 24 hours, a week seven days. In
/// milliseconds.
///
/// # Errors
/// When it is no such length, or has months or years, which have none.
pub fn parse_length_ms(text: &str) -> Result<i64, TimeError> {
    let wrong = || {
        TimeError(format!(
            "{text:?} is not a length of time such as 25h or 7d"
        ))
    };
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    if span.is_negative() {
        return Err(TimeError(format!(
            "{text:?} must not be negative: write a length of time such as 25h or 7d"
        )));
    }
    let options = jiff::SpanTotal::from(jiff::Unit::Millisecond).days_are_24_hours();
    let ms = span.total(options).map_err(|_| wrong())?;
    if !(0.0..=1e15).contains(&ms) {
        return Err(wrong());
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it was compared with both ends"
    )]
    Ok(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<i64, TimeError> {
        let now = Timestamp::from_millisecond(1_763_640_900_000).unwrap();
        parse_ms(text, now, &TimeZone::get("Europe/Paris").unwrap())
    }

    #[test]
    fn every_way_to_write_a_time_gives_the_same_moment() {
        let moment = Ok(1_763_640_000_000);
        for text in [
            "2025-11-20T12:00:00Z",
            "2025-11-20T12:00Z",
            "2025-11-20 13:00+01:00",
            "2025-11-20T13:00:00+01:00[Europe/Paris]",
            "2025-11-20 13:00 Europe/Paris",
            "2025-11-20 13:00",
            "2025-11-20T13:00:00.000",
            "@1763640000",
            "-15m",
        ] {
            assert_eq!(parse(text), moment, "{text}");
        }
        assert_eq!(parse("@1763640000.25"), Ok(1_763_640_000_250));
        assert_eq!(parse("-1d"), Ok(1_763_640_900_000 - 86_400_000));
    }

    #[test]
    fn a_length_of_time_is_of_the_calendar_and_more_than_nothing() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let back = |text: &str, ms: i64| back(ms, parse_span(text).unwrap(), &paris);
        let ms = 1_763_640_000_000;
        assert_eq!(back("2h30m", ms), Some(ms - 9_000_000));
        assert_eq!(back("7d", ms), Some(ms - 7 * 86_400_000));
        // Clocks went back on 2025-10-26: that day had 25 hours.
        let monday = 1_761_517_800_000;
        assert_eq!(back("1d", monday), Some(monday - 25 * 3_600_000));
        assert_eq!(back("15000y", ms), None);
        for (wrong, why) in [
            ("", "is not a length"),
            ("7", "is not a length"),
            ("d", "is not a length"),
            ("0d", "greater than zero"),
            ("-7d", "greater than zero"),
            ("1d ago", "greater than zero"),
        ] {
            let err = parse_span(wrong).unwrap_err();
            assert!(err.0.contains(why), "{err}");
        }
        assert_eq!(parse_length_ms("1h 30m"), Ok(5_400_000));
        let err = parse_length_ms("-5h").unwrap_err();
        assert!(err.0.contains("must not be negative"), "{err}");
    }

    #[test]
    fn a_local_time_that_happens_twice_or_never_is_an_error() {
        assert!(parse("2025-10-26 02:30").is_err()); // clocks go back
        assert!(parse("2025-03-30 02:30 Europe/Paris").is_err()); // clocks go forward
        assert!(parse("2025-10-26 02:30+01:00").is_ok());
        assert!(parse("yesterday").is_err());
        assert!(parse("2025-11-20 13:00 Nowhere/Atall").is_err());
    }

    #[test]
    fn a_time_is_shown_with_its_offset_and_any_number_has_a_form() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        assert_eq!(
            format_ms(1_763_640_000_250, &paris),
            "2025-11-20T13:00:00.250+01:00"
        );
        assert_eq!(format_ms(i64::MAX, &paris), format!("@{}ms", i64::MAX));
    }
}
