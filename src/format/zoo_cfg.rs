//! `zoo.cfg`, as servers read it: with `java.util.Properties` (`QuorumPeerConfig.parse`).
//!
//! | what | how it is read |
//! |---|---|
//! | bytes | ISO-8859-1: UTF-8 beyond ASCII becomes other letters, a byte order mark part of the first key |
//! | a line | ends with LF, CR or both; goes on in the next one behind an odd number of `\` |
//! | `#`, `!` | begin a comment at the beginning of a line only |
//! | a key | ends at the first `=`, `:` or blank |
//! | `\t \n \r \f \uXXXX` | those characters; before anything else, a `\` is dropped |
//! | a key that is there twice | the last one counts |
//!
//! Keys and values are trimmed. Nothing is replaced in them: no `${…}`, `~` or quotes.

use std::path::PathBuf;

/// The key that names a file with the members (3.5 and later).
pub const DYNAMIC_FILE: &str = "dynamicConfigFile";

/// What a `zoo.cfg` says, or the file with the members that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZooCfg {
    entries: Vec<(String, String)>,
    dynamic: Option<Box<ZooCfg>>,
}

impl ZooCfg {
    /// Reads the bytes of a file.
    pub fn parse(bytes: &[u8]) -> ZooCfg {
        let text: String = bytes.iter().copied().map(char::from).collect();
        let lines = logical_lines(&text);
        let entries = lines.iter().map(|line| {
            let (key, value) = split(line);
            (trimmed(&unescape(key)), trimmed(&unescape(value)))
        });
        ZooCfg {
            entries: entries.collect(),
            dynamic: None,
        }
    }

    /// The same with the content of the file that its [`DYNAMIC_FILE`] names.
    #[must_use]
    pub fn with_dynamic(mut self, content: ZooCfg) -> ZooCfg {
        self.dynamic = Some(Box::new(content));
        self
    }

    /// What is in the file that its [`DYNAMIC_FILE`] names, where that was read.
    pub fn dynamic(&self) -> Option<&ZooCfg> {
        self.dynamic.as_deref()
    }

    /// The value of `key` that counts.
    pub fn get(&self, key: &str) -> Option<&str> {
        let mut of_key = self.entries.iter().filter(|(name, _)| name == key);
        of_key.next_back().map(|(_, value)| value.as_str())
    }

    /// All keys and values, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.entries.iter();
        entries.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The value of `key` as a path.
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        self.get(key).map(PathBuf::from)
    }

    /// What stands behind `server.` in the keys that name members, each once.
    pub fn members(&self) -> Vec<&str> {
        let ids = self
            .entries()
            .filter_map(|(key, _)| key.strip_prefix("server."));
        let mut ids: Vec<&str> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Whether it has a key that every `zoo.cfg` has: so it is one.
    pub fn is_likely(&self) -> bool {
        const USUAL: [&str; 4] = ["clientPort", "tickTime", "initLimit", "dataDir"];
        let is_usual = |key: &str| USUAL.iter().any(|usual| key.ends_with(usual));
        self.entries().any(|(key, _)| is_usual(key))
    }
}

const BLANKS: [char; 3] = [' ', '\t', '\u{c}'];

/// The lines that say something, with those joined that a `\` continues.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_continued = false;
    for line in text.replace("\r\n", "\n").split(['\n', '\r']) {
        let line = line.trim_start_matches(BLANKS);
        if !is_continued && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        let goes_on = backslashes % 2 == 1;
        let line = if goes_on {
            &line[..line.len() - 1]
        } else {
            line
        };
        match lines.last_mut().filter(|_| is_continued) {
            Some(begun) => begun.push_str(line),
            None => lines.push(line.to_owned()),
        }
        is_continued = goes_on;
    }
    lines
}

/// Parts a line into its key and its value, both as they are written.
fn split(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = line.find(|c: char| {
        let ends = !is_escaped && (BLANKS.contains(&c) || matches!(c, '=' | ':'));
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(BLANKS);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(BLANKS))
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escaped = if c == '\\' { rest.next() } else { None };
        plain.extend(match (c, escaped) {
            ('\\', Some('t')) => Some('\t'),
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some('r')) => Some('\r'),
            ('\\', Some('f')) => Some('\u{c}'),
            ('\\', Some('u')) => {
                let hex: String = rest.by_ref().take(4).collect();
                u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32)
            }
            ('\\', escaped) => escaped,
            (c, _) => Some(c),
        });
    }
    plain
}

/// As `String.trim` of java.
fn trimmed(text: &str) -> String {
    text.trim_matches(|c| c <= ' ').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on_behind_the_ends_of_lines_of_windows() {
        let parsed = ZooCfg::parse(b"dataDir=/srv/\\\r\n   zk\r\nclientPort=1\r\n");
        assert_eq!(parsed.get("dataDir"), Some("/srv/zk"));
        assert_eq!(parsed.get("clientPort"), Some("1"));
    }

    #[test]
    fn a_file_is_read_as_java_reads_it() {
        for (text, value) in [
            ("dataDir=/x", "/x"),
            ("# dataDir=/no\n dataDir = /x \t", "/x"),
            ("dataDir:/x\r\n", "/x"),
            ("dataDir /x", "/x"),
            ("dataDir\t= /x", "/x"),
            ("dataDir=/x/\\\n   y", "/x/y"),
            ("dataDir=/x\\\\\nother=1", "/x\\"),
            ("data\\\n  Dir=/x", "/x"),
            ("\\u0064ataDir=/\\d\\u0078", "/dx"),
            ("dataDir=/a\\ b\\:c", "/a b:c"),
            ("dataDir=/a\ndataDir=/b", "/b"),
            ("dataDir=/x # no comment", "/x # no comment"),
            ("! no\ndataDir=", ""),
            ("dataDir", ""),
            ("dataDir=\"/x\"", "\"/x\""),
        ] {
            let parsed = ZooCfg::parse(text.as_bytes());
            assert_eq!(parsed.get("dataDir"), Some(value), "{text}");
        }
    }

    #[test]
    fn bytes_beyond_ascii_are_other_letters_than_they_were_meant_to_be() {
        let parsed = ZooCfg::parse("dataDir=/srv/zö".as_bytes());
        assert_eq!(parsed.path("dataDir"), Some("/srv/zÃ¶".into()));
        let parsed = ZooCfg::parse("\u{feff}dataDir=/x\nclientPort=1".as_bytes());
        assert_eq!(
            (parsed.get("dataDir"), parsed.get("clientPort")),
            (None, Some("1"))
        );
        let parsed = ZooCfg::parse("\u{feff}# a comment\ndataDir=/x".as_bytes());
        assert_eq!(parsed.get("dataDir"), Some("/x"));
    }

    #[test]
    fn members_are_counted_once() {
        let parsed = ZooCfg::parse(b"server.2=b\nserver.1=a\nserver.2=c\n");
        assert_eq!(parsed.members(), ["1", "2"]);
        assert!(!parsed.is_likely() && ZooCfg::parse(b"tickTime=1").is_likely());
    }
}
