//! The times that loggers and collectors put before a line, and the levels of loggers.

const MONTHS: [&str; 12] = [
    "Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ", "Dec ",
];
const WEEKDAYS: [&str; 7] = ["Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", "Sun "];

/// What stands behind the time at the beginning of `text`; none if it does not begin with one.
pub(super) fn behind_stamp(text: &str) -> Option<&str> {
    let behind = bracketed(text)
        .or_else(|| date_and_time(text))
        .or_else(|| weekday_and_date(text))
        .or_else(|| syslog(text))
        .or_else(|| exact_time(text))
        .or_else(|| unix_time(text))?;
    let is_whole = !behind.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    is_whole.then_some(behind)
}

/// Whether a logger's line begins here: with a time, or a level, as in `[main] ERROR `.
pub(super) fn is_logged(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let behind_thread = text
        .strip_prefix('[')
        .and_then(|text| text.split_once("] "));
    let behind = behind_thread.map_or(text, |(_, behind)| behind);
    let word = behind.split(' ').next().unwrap_or_default();
    LEVELS.contains(&word) || behind_stamp(text).is_some()
}

/// `[2026-11-20 14:00:00,123]`, `[ 1234.567890]`, `[ 1234.567890 < 0.000012 >]`.
fn bracketed(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?.trim_start_matches(' ');
    if let Some(behind) = date_and_time(inside).or_else(|| exact_time(inside)) {
        return behind.strip_prefix(']');
    }
    let fraction = behind_digits(inside, 1)?.strip_prefix('.')?;
    let behind = behind_digits(fraction, 3)?;
    let (between, behind) = behind.split_once(']')?;
    let is_delta = between.is_empty() || between.starts_with(" <");
    is_delta.then_some(behind)
}

/// `2026-11-20 14:00:00,123`, `2026-11-20T14:00:00.123456789Z`, `2026-11-20T14:00:00+0000`.
fn date_and_time(text: &str) -> Option<&str> {
    let behind = ["0000-00-00", "0000/00/00", "0000.00.00"]
        .iter()
        .find_map(|mask| masked(text, mask))?;
    let time = behind.strip_prefix(['T', ' '])?;
    Some(without_zone(time_of_day(time)?))
}

/// `Fri 2026-11-20 14:00:00.123456 UTC`.
fn weekday_and_date(text: &str) -> Option<&str> {
    let date = WEEKDAYS.iter().find_map(|day| text.strip_prefix(day))?;
    let behind = date_and_time(date)?;
    let zone = behind.strip_prefix(' ').unwrap_or(behind);
    Some(zone.trim_start_matches(|c: char| c.is_ascii_uppercase()))
}

/// `Nov 20 14:00:00`, `Nov  2 14:00:00.123456`, `Nov 20 2026 14:00:00`.
fn syslog(text: &str) -> Option<&str> {
    let day = MONTHS.iter().find_map(|month| text.strip_prefix(month))?;
    let behind = ["00 ", " 0 ", "0 "].iter().find_map(|m| masked(day, m))?;
    let time = masked(behind, "0000 ").unwrap_or(behind);
    Some(without_zone(time_of_day(time)?))
}

/// `14:00:00.123`.
fn exact_time(text: &str) -> Option<&str> {
    let seconds = masked(text, "00:00:00")?;
    let behind = time_of_day(text)?;
    (behind.len() < seconds.len()).then_some(behind)
}

/// `1763647200.123456`.
fn unix_time(text: &str) -> Option<&str> {
    let fraction = masked(text, "0000000000.")?;
    masked(fraction, "000000")
}

/// With its fraction, if there is one.
fn time_of_day(text: &str) -> Option<&str> {
    let behind = masked(text, "00:00:00")?;
    let fraction = behind.strip_prefix(['.', ',']);
    Some(
        fraction
            .and_then(|fraction| behind_digits(fraction, 1))
            .unwrap_or(behind),
    )
}

fn without_zone(text: &str) -> &str {
    const ZONES: [&str; 3] = ["00:00", "0000", "00"];
    if let Some(behind) = text.strip_prefix('Z') {
        return behind;
    }
    let signed = text.strip_prefix(' ').unwrap_or(text);
    signed
        .strip_prefix(['+', '-'])
        .and_then(|digits| ZONES.iter().find_map(|zone| masked(digits, zone)))
        .unwrap_or(text)
}

/// What stands behind `mask`, in which `0` is any digit.
fn masked<'a>(text: &'a str, mask: &str) -> Option<&'a str> {
    let fits = |(byte, of_mask): (u8, u8)| match of_mask {
        b'0' => byte.is_ascii_digit(),
        _ => byte == of_mask,
    };
    let is_it = text.len() >= mask.len() && text.bytes().zip(mask.bytes()).all(fits);
    is_it.then(|| text.get(mask.len()..)).flatten()
}

/// What stands behind at least `min` digits.
fn behind_digits(text: &str, min: usize) -> Option<&str> {
    let behind = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (text.len() - behind.len() >= min).then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_other_numbers() {
        for text in [
            "2026-11-20 14:00:00,123 x",
            "2026-11-20T14:00:00.123456789Z x",
            "2026-11-20T14:00:00+0000 x",
            "2026-11-20 14:00:00 +01:00 x",
            "2026/11/20 14:00:00 x",
            "[2026-11-20 14:00:00,123] x",
            "[ 1234.567890] x",
            "[ 1234.567890 < 0.000012 >] x",
            "Fri 2026-11-20 14:00:00.123456 UTC x",
            "Nov 20 14:00:00 x",
            "Nov  2 14:00:00.123456 x",
            "Nov 20 2026 14:00:00 x",
            "14:00:00.123 x",
            "1763647200.123456 x",
        ] {
            assert_eq!(behind_stamp(text), Some(" x"), "{text}");
        }
        for text in [
            "",
            "2026",
            "17179869185 x",
            "[main] x",
            "[5] x",
            "14:00:00 x",
            "2026-11-20 x",
            "Nov 20 x",
            "é2026-11-20 14:00:00",
        ] {
            assert_eq!(behind_stamp(text), None, "{text}");
        }
    }
}
