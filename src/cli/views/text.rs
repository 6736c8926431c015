//! Text for people: escapes, numbers, times, tables.

use crate::cli::exit::BadArgument;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use zoovault::history::point::Point;
use zoovault::history::replay::Trust;
use zoovault::history::time;
use zoovault::zxid::Zxid;

/// A zxid for programs; null where it is not known.
pub fn known_zxid(zxid: Zxid) -> Option<String> {
    (zxid != Zxid::UNKNOWN).then(|| zxid.to_string())
}

/// Whether a terminal might obey the character, or a reader be deceived by it.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `text` with control and direction characters made visible: a path or an error may hold any.
pub fn escape(text: &str) -> String {
    // Nearly always there is nothing to do, and there may be a million paths.
    if is_plain(text.as_bytes()) {
        return text.to_owned();
    }
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

/// Whether all of it is ASCII that prints.
pub fn is_plain(text: &[u8]) -> bool {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
    // Without an end in the midst of it, a chunk is looked at all at once.
    let mut chunks = text.chunks(256);
    chunks.all(|chunk| {
        chunk
            .iter()
            .fold(true, |plain, byte| plain & is_plain(byte))
    })
}

/// A word as a shell takes it. What does not print is escaped as bash, zsh and ksh have it:
/// `$'\033'`.
pub fn shell(word: &[u8]) -> String {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:=@%+,-".contains(byte);
    if !word.is_empty() && word.iter().all(is_safe) {
        return String::from_utf8_lossy(word).into_owned();
    }
    match std::str::from_utf8(word) {
        Ok(text) if escape(text) == text => format!("'{}'", text.replace('\'', "'\\''")),
        Ok(_) | Err(_) => {
            let escaped = word.iter().map(|byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                // Three digits always: what follows may be a digit too.
                byte => format!("\\{byte:03o}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

/// A path, escaped.
pub fn path(path: &std::path::Path) -> String {
    escape(&path.to_string_lossy())
}

/// Puts `number` at the end of `out` in hexadecimal, with `0x` and so many digits at least: there
/// may be several to a line, and millions of lines.
pub fn put_hex(out: &mut String, number: i64, digits_min: u32) {
    let number = number.cast_unsigned();
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(4);
    out.push_str("0x");
    for digit in (0..digits.max(digits_min)).rev() {
        let digit = u32::try_from(number >> (4 * digit) & 15).unwrap_or_default();
        out.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
}

/// A time in the local zone, with its offset.
pub fn time(ms: i64) -> String {
    time::format_ms(ms, &TimeZone::system())
}

/// A time in the local zone, without its milliseconds.
pub fn time_to_the_second(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => {
            let zoned = time.to_zoned(TimeZone::system());
            zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
        }
        Err(_) => time(ms),
    }
}

/// A time, or a dash.
pub fn time_or_dash(ms: Option<i64>) -> String {
    ms.map_or_else(|| "-".to_owned(), time)
}

/// How long something is, in the two largest units: `25h10m`, `12d4h`.
pub fn span(ms: i64) -> String {
    let seconds = ms / 1000;
    let (large, small) = match seconds {
        ..60 => return format!("{seconds}s"),
        60..3600 => ((60, "m"), (1, "s")),
        3600..172_800 => ((3600, "h"), (60, "m")),
        172_800.. => ((86_400, "d"), (3600, "h")),
    };
    let rest = seconds % large.0 / small.0;
    let more = match rest {
        0 => String::new(),
        rest => format!("{rest}{}", small.1),
    };
    format!("{}{}{more}", seconds / large.0, large.1)
}

/// A number with its thousands apart.
pub fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
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

/// What is taken where nothing proves it, by the options that say so.
pub fn trust(accepts_unproven: bool, is_as_is: bool) -> Trust {
    match (is_as_is, accepts_unproven) {
        (true, _) => Trust::AsIs,
        (false, true) => Trust::Alone,
        (false, false) => Trust::Exact,
    }
}

/// A length of time as the user wrote it, in ms.
pub fn length_ms(text: &str) -> anyhow::Result<i64> {
    time::parse_length_ms(text).map_err(|err| BadArgument(err.to_string()).into())
}

/// A number of bytes as the user wrote it: 64MiB, 1GB, 500k; `None` when it is none. Units without
/// an i are powers of ten, but for a letter alone.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "b" => 1,
        "k" | "kib" => 1 << 10,
        "kb" => 1_000,
        "mib" => 1 << 20,
        "mb" => 1_000_000,
        "g" | "gib" => 1 << 30,
        "gb" => 1_000_000_000,
        "t" | "tib" => 1 << 40,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
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
    fn a_word_for_a_shell_is_that_word_whatever_is_in_it() {
        assert_eq!(shell(b"/a/b.c"), "/a/b.c");
        assert_eq!(shell(b"/it's $HOME"), "'/it'\\''s $HOME'");
        assert_eq!(shell(b""), "''");
        assert_eq!(shell(b"/\x1b[1\n'\\"), "$'/\\033[1\\012\\'\\\\'");
        assert_eq!(shell(b"/\xff1"), "$'/\\3771'");
        assert_eq!(shell("/é".as_bytes()), "'/é'");
        assert_eq!(shell("/\u{202e}".as_bytes()), "$'/\\342\\200\\256'");
    }

    #[test]
    fn hexadecimal_is_what_it_is_everywhere() {
        for number in [0, 1, 0x10, -1, i64::MIN, 0x1_0000_0000_0000] {
            let mut text = String::new();
            put_hex(&mut text, number, 1);
            put_hex(&mut text, number, 14);
            assert_eq!(text, format!("{number:#x}{number:#016x}"));
        }
    }

    #[test]
    fn a_span_is_told_in_two_units() {
        let minute = 60_000;
        assert_eq!(span(999), "0s");
        assert_eq!(span(3 * minute + 20_000), "3m20s");
        assert_eq!(span(25 * 60 * minute), "25h");
        assert_eq!(span((25 * 60 + 10) * minute), "25h10m");
        assert_eq!(span((12 * 24 + 4) * 60 * minute), "12d4h");
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
