//! Digests of znodes, of which a tree's digest is the sum (`DigestCalculator`, `AdHash`; 3.6.0 and
//! later, version 2).
//!
//! A znode's digest is the CRC-32, zero-extended, over its path, its data, and eight fields of its
//! stat in an order of their own. Not covered: the ACL itself (only `aversion`), null against empty
//! data, and everything below `/zookeeper/`. A tree's digest is the wrapping sum over its znodes.
//!
//! The server takes the path's bytes in the *JVM's default charset*: UTF-8 since Java 18 and in
//! UTF-8 locales, but in a C locale of Java 8 to 17 every other character than ASCII counts as `?`.
//! So a digest is right under one of three charsets, and [`Charset`] says which.

use crate::format::jute::Put;
use crate::format::record::Stat;
use std::borrow::Cow;

/// The charset in which a server's digests see paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Paths as they are.
    #[default]
    Utf8,
    /// `?` for each character that is not ASCII.
    Ascii,
    /// One byte for each character up to U+00FF, `?` for others.
    Latin1,
}

impl Charset {
    /// All of them, likeliest first.
    pub const ALL: [Charset; 3] = [Charset::Utf8, Charset::Ascii, Charset::Latin1];

    fn encode<'a>(self, path: &'a [u8]) -> Cow<'a, [u8]> {
        if self == Charset::Utf8 || path.is_ascii() {
            return Cow::Borrowed(path);
        }
        let limit = if self == Charset::Latin1 {
            '\u{ff}'
        } else {
            '\u{7f}'
        };
        let text = String::from_utf8_lossy(path);
        let bytes = text
            .chars()
            .map(|c| u8::try_from(c).ok().filter(|_| c <= limit).unwrap_or(b'?'))
            .collect();
        Cow::Owned(bytes)
    }
}

/// Whether a path has no part in digests.
fn is_excluded(path: &[u8]) -> bool {
    path.starts_with(b"/zookeeper/")
}

/// The part of a znode's CRC-32 that its path and data make. It goes before the stat's, so it can
/// be kept while only the stat changes: a parent's does with every child.
pub fn prefix_crc(path: &[u8], data: Option<&[u8]>, charset: Charset) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&charset.encode(path));
    sum.update(data.unwrap_or_default());
    sum.finalize()
}

/// The digest of the znode at `path` whose [`prefix_crc`] is `prefix`.
pub fn digest_with_prefix(path: &[u8], prefix: u32, stat: &Stat) -> u32 {
    if is_excluded(path) {
        return 0;
    }
    let mut fields = Vec::with_capacity(60);
    for long in [
        stat.czxid.to_i64(),
        stat.mzxid.to_i64(),
        stat.pzxid.to_i64(),
        stat.ctime,
        stat.mtime,
    ] {
        fields.put_long(long);
    }
    for int in [stat.version, stat.cversion, stat.aversion] {
        fields.put_int(int);
    }
    fields.put_long(stat.ephemeral_owner);
    let mut sum = crc32fast::Hasher::new_with_initial(prefix);
    sum.update(&fields);
    sum.finalize()
}

/// The digest of one znode.
pub fn node_digest(path: &[u8], data: Option<&[u8]>, stat: &Stat, charset: Charset) -> u32 {
    digest_with_prefix(path, prefix_crc(path, data, charset), stat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zxid::Zxid;

    #[test]
    fn the_znodes_of_a_fresh_tree_have_the_digests_that_servers_compute() {
        let stat = Stat::default();
        assert_eq!(
            node_digest(b"", Some(b""), &stat, Charset::Utf8),
            0x0412_8908
        );
        assert_eq!(
            node_digest(b"/zookeeper", Some(b""), &stat, Charset::Utf8),
            0x4db4_4d58
        );
        assert_eq!(
            node_digest(b"/zookeeper/quota", Some(b""), &stat, Charset::Utf8),
            0
        );
    }

    #[test]
    fn fields_stand_in_the_digests_own_order() {
        // Written by a 3.9.5 server: the format document's worked example.
        let time = 1_795_218_063_275;
        let two = Zxid::from_i64(2);
        let stat = Stat {
            czxid: two,
            mzxid: two,
            pzxid: two,
            ctime: time,
            mtime: time,
            ..Stat::default()
        };
        assert_eq!(
            node_digest(b"/a", Some(b"hi"), &stat, Charset::Utf8),
            0xe57e_0390
        );
    }

    #[test]
    fn a_path_has_one_question_mark_for_each_character_that_the_charset_lacks() {
        let path = "/é€x".as_bytes();
        assert_eq!(&*Charset::Ascii.encode(path), b"/??x");
        assert_eq!(&*Charset::Latin1.encode(path), b"/\xe9?x");
        assert_eq!(&*Charset::Utf8.encode(path), path);
    }
}
