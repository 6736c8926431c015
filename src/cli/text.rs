//! Text for people: escapes, numbers, times, tables.

use super::exit::BadArgument;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use zoovault::point::Point;
use zoovault::time;

/// Whether a terminal might obey the character, or a reader be deceived by it.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `text` with control and direction characters made visible: a path or an error may hold any.
pub fn escape(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if is_hostile(c) {
                c.escape_unicode().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect()
}

/// A path, escaped.
pub fn path(path: &std::path::Path) -> String {
    escape(&path.to_string_lossy())
}

/// A time in the local zone, with its offset.
pub fn time(ms: i64) -> String {
    time::format_ms(ms, &TimeZone::system())
}

/// A time, or a dash.
pub fn time_or_dash(ms: Option<i64>) -> String {
    ms.map_or_else(|| "-".to_owned(), time)
}

/// A number with its thousands apart.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `number` things: one thing, two things.
pub fn plural(number: u64, thing: &str) -> String {
    format!(
        "{} {thing}{}",
        count(number),
        if number == 1 { "" } else { "s" }
    )
}

/// A size in bytes, short.
pub fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// A point as the user wrote it.
pub fn point(text: &str) -> anyhow::Result<Point> {
    Point::parse(text, Timestamp::now(), &TimeZone::system())
        .map_err(|err| BadArgument(err.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_shown_and_not_sent() {
        assert_eq!(
            escape("a\x1b[31m\u{202e}é\n"),
            "a\\u{1b}[31m\\u{202e}é\\u{a}"
        );
    }

    #[test]
    fn numbers_have_their_thousands_apart() {
        assert_eq!(
            [count(7), count(1234), count(1_234_567)],
            ["7", "1,234", "1,234,567"]
        );
        assert_eq!([plural(1, "txn"), plural(0, "txn")], ["1 txn", "0 txns"]);
    }
}
