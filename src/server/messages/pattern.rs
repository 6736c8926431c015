//! Patterns of messages: text with holes, as
//! `The current epoch, {epoch}, is older than the last zxid, {zxid}`.

use crate::zxid::Zxid;

/// How far a hole may reach.
const HOLE_MAX: usize = 1000;

/// What stood in the holes of a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures(Vec<(&'static str, String)>);

impl Captures {
    /// What stood in the hole `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(value)
    }

    /// That, as a decimal number.
    pub fn decimal(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }

    /// That, as a hexadecimal number.
    pub fn hex(&self, name: &str) -> Option<i64> {
        let value = self.get(name)?;
        let digits = value.strip_prefix("0x").unwrap_or(value);
        u64::from_str_radix(digits, 16).ok().map(u64::cast_signed)
    }

    /// That, as a zxid in hexadecimal.
    pub fn hex_zxid(&self, name: &str) -> Option<Zxid> {
        self.hex(name).map(Zxid::from_i64)
    }

    /// That, as a zxid in decimal.
    pub fn decimal_zxid(&self, name: &str) -> Option<Zxid> {
        self.decimal(name).map(Zxid::from_i64)
    }

    /// Takes what `others` has and this has not.
    pub(super) fn fill_from(&mut self, others: &Captures) {
        for (name, value) in &others.0 {
            if self.get(name).is_none() {
                self.0.push((name, value.clone()));
            }
        }
    }
}

/// Finds `pattern` in `line`. A hole takes what stands before the text behind it; the last hole
/// takes one word. People also paste messages with letters in place of the numbers, so a hole takes
/// anything, and what is no number is not used as one.
pub(super) fn find(pattern: &'static str, line: &str) -> Option<Captures> {
    let (head, _) = pattern.split_once('{').unwrap_or((pattern, ""));
    let mut rest = line;
    loop {
        let (at, end) = find_words(head, rest)?;
        let found = holes(pattern.get(head.len()..)?, rest.get(end..)?);
        if found.is_some() || rest.is_empty() {
            return found;
        }
        let next = rest.get(at..)?.chars().next().map_or(1, char::len_utf8);
        rest = rest.get(at + next..)?;
    }
}

/// The first `max` characters of `text`: what a hole cannot reach is not searched.
fn beginning(text: &str, max: usize) -> &str {
    let end = text.char_indices().nth(max).map(|(end, _)| end);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Where `words` begin and end in `text`; blanks around `=` do not matter.
fn find_words(words: &str, text: &str) -> Option<(usize, usize)> {
    let Some((before, behind)) = words.split_once('=') else {
        return text.find(words).map(|at| (at, at + words.len()));
    };
    let before = before.trim_end();
    text.match_indices(before).find_map(|(at, _)| {
        let rest = text.get(at + before.len()..)?.trim_start();
        let rest = rest.strip_prefix('=')?.trim_start();
        let rest = rest.strip_prefix(behind.trim_start())?;
        Some((at, text.len() - rest.len()))
    })
}

/// Matches `pattern`, which begins with a hole or is empty, with the beginning of `text`.
fn holes(mut pattern: &'static str, mut text: &str) -> Option<Captures> {
    let mut captures = Captures::default();
    while let Some((name, behind)) = pattern
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'))
    {
        let (literal, _) = behind.split_once('{').unwrap_or((behind, ""));
        let (len, end) = if literal.is_empty() {
            let len = text.find(char::is_whitespace).unwrap_or(text.len());
            (len, len)
        } else {
            find_words(literal, beginning(text, HOLE_MAX + literal.len()))?
        };
        let value = text
            .get(..len)?
            .trim()
            .trim_end_matches(['.', ',', ';', ':', ')', '"', '\'']);
        if !value.is_empty() {
            captures.0.push((name, value.to_owned()));
        }
        text = text.get(end..)?;
        pattern = behind.get(literal.len()..)?;
    }
    Some(captures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_take_what_stands_between_the_words() {
        let pattern = "The current epoch, {epoch}, is older than the last zxid, {zxid}";
        let line =
            "java.io.IOException: The current epoch, 1a, is older than the last zxid, 17179869185.";
        let captures = find(pattern, line).unwrap();
        assert_eq!(captures.hex("epoch"), Some(0x1a));
        assert_eq!(captures.decimal_zxid("zxid"), Some(Zxid::new(4, 1)));
        assert_eq!(find(pattern, "The current epoch, 3, is fine"), None);
        let letters = find(
            pattern,
            "The current epoch, X, is older than the last zxid, N",
        )
        .unwrap();
        assert_eq!(
            (letters.hex("epoch"), letters.decimal("zxid")),
            (None, None)
        );
    }

    #[test]
    fn a_hole_has_a_limit_and_a_long_line_is_searched_in_time() {
        let line = format!("a{}b", "x".repeat(HOLE_MAX));
        assert!(find("a{x}b", &line).is_some());
        let line = format!("a{}b", "x".repeat(2 * HOLE_MAX));
        assert_eq!(find("a{x}b", &line), None);
        assert_eq!(
            find("Found {text} in {dir}x", &"Found ".repeat(100_000)),
            None
        );
    }

    #[test]
    fn blanks_around_an_equals_sign_do_not_matter() {
        for line in [
            "x length = 5",
            "length=5",
            "length= 5 y",
            "length =5",
            "length, length=5",
        ] {
            let captures = find("length = {length}", line);
            assert_eq!(captures.unwrap().decimal("length"), Some(5), "{line}");
        }
        let captures = find("a {x} != {y}", "a 0 !=  7").unwrap();
        assert_eq!(
            (captures.get("x"), captures.get("y")),
            (Some("0"), Some("7"))
        );
        assert_eq!(find("length = {length}", "length 5"), None);
    }

    #[test]
    fn a_later_place_is_tried_where_the_first_does_not_fit() {
        let captures = find(
            "Found {text} in {dir}currentEpoch",
            "Found it; Found  in /d/currentEpoch",
        )
        .unwrap();
        assert_eq!(captures.get("dir"), Some("/d/"));
        assert_eq!(find("a{x}b", "a"), None);
        assert!(find("plain", "a plain text").is_some());
    }
}
