//! Patterns of paths, as shells have them: `*` and `?` stay within one name, `**` goes through any
//! number, `{a,b}` and `[ab]` choose.
//!
//! A pattern without any of these is a path, and means that znode alone.

use globset::{GlobBuilder, GlobMatcher};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;

/// A pattern of paths. It takes bytes: a path need not be text.
#[derive(Clone, Debug)]
pub struct PathGlob {
    text: String,
    matcher: GlobMatcher,
}

impl PathGlob {
    /// Whether `path` is meant. The root is `/`, and may be given as the empty path that files
    /// have.
    pub fn is_match(&self, path: &[u8]) -> bool {
        let path = if path.is_empty() { b"/" } else { path };
        self.matcher.is_match(OsStr::from_bytes(path))
    }

    /// The one path that is meant, where there are no wildcards.
    pub fn literal(&self) -> Option<&str> {
        (self.literal_prefix().len() == self.text.len()).then_some(self.text.as_str())
    }

    /// What every path that is meant begins with.
    pub fn literal_prefix(&self) -> &str {
        let end = self.text.find(['*', '?', '[', '{', '\\']);
        self.text
            .get(..end.unwrap_or(self.text.len()))
            .unwrap_or_default()
    }
}

impl FromStr for PathGlob {
    type Err = String;

    fn from_str(text: &str) -> Result<PathGlob, String> {
        if !text.starts_with('/') {
            return Err(format!(
                "'{text}' is not a path pattern: it must begin with '/'"
            ));
        }
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|err| err.to_string())?;
        Ok(PathGlob {
            text: text.to_owned(),
            matcher: glob.compile_matcher(),
        })
    }
}

impl fmt::Display for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_a_name_and_two_go_through() {
        let is_match = |glob: &str, path: &[u8]| glob.parse::<PathGlob>().unwrap().is_match(path);
        assert!(is_match("/a/*", b"/a/b") && !is_match("/a/*", b"/a/b/c"));
        assert!(is_match("/a/**", b"/a/b/c") && !is_match("/a/**", b"/ab"));
        assert!(is_match("/{a,b}?", b"/bc") && !is_match("/{a,b}?", b"/c"));
        assert!(is_match("/", b"") && is_match("/a", b"/a") && !is_match("/a", b"/a/b"));
        assert!(is_match("/a/*", b"/a/\xff\x01"));
        assert!("a/b".parse::<PathGlob>().is_err() && "/[".parse::<PathGlob>().is_err());
    }

    #[test]
    fn what_stands_before_the_first_wildcard_is_in_every_match() {
        let prefix = |glob: &str| {
            glob.parse::<PathGlob>()
                .unwrap()
                .literal_prefix()
                .to_owned()
        };
        assert_eq!(prefix("/a/b*/c"), "/a/b");
        assert_eq!(prefix("/a"), "/a");
        assert_eq!(prefix("/**"), "/");
    }
}
