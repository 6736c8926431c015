//! What znodes hold, for people and for programs: data that may be text, ACLs, times and owners.

use crate::cli::views::text;
use serde::{Serialize, Serializer};
use std::fmt::{self, Display, Write as _};
use std::io::{self, Write};
use zoovault::format::record::{AclVector, Stat};
use zoovault::tree::AclValue;
use zoovault::tree::diff::Field;

/// A path for people: escaped, and the root as `/`. Bytes that are not text are shown as `\xff`.
pub fn path(path: &[u8]) -> String {
    match (path, std::str::from_utf8(path)) {
        (b"", _) => "/".to_owned(),
        (_, Ok(path)) => text::escape(path),
        (path, Err(_)) => path.escape_ascii().to_string(),
    }
}

/// Writes a path for people: as [`path`], and without a copy where nothing is to be escaped.
pub fn write_path(out: &mut impl Write, path: &[u8]) -> io::Result<()> {
    if !path.is_empty() && text::is_plain(path) {
        return out.write_all(path);
    }
    out.write_all(self::path(path).as_bytes())
}

/// Data for people, in one line: quoted text, or what it begins with in hexadecimal; `null` where
/// there is none. No longer than `max` characters of it are shown.
pub fn data(data: Option<&[u8]>, max: usize) -> String {
    let Some(data) = data else {
        return "null".to_owned();
    };
    let (shown, whole) = match std::str::from_utf8(data) {
        Ok(text) => {
            let shown: String = text.chars().take(max).collect();
            let whole = shown.len() == text.len();
            (format!("\"{}\"", text::escape(&shown)), whole)
        }
        Err(_) => {
            let hex = data.iter().take(max / 2);
            let hex: String = hex.map(|byte| format!("{byte:02x}")).collect();
            let whole = hex.len() == 2 * data.len();
            (format!("0x{hex}"), whole)
        }
    };
    if whole {
        return shown;
    }
    format!("{shown}… ({} bytes)", text::count(data.len() as u64))
}

/// Permissions in letters, as zkCli has them.
#[derive(Clone, Copy, Debug)]
pub struct Perms(pub i32);

impl Display for Perms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [(4, 'c'), (8, 'd'), (1, 'r'), (2, 'w'), (16, 'a')];
        let mut set = letters.iter().filter(|(bit, _)| self.0 & bit != 0);
        set.try_for_each(|(_, letter)| f.write_char(*letter))
    }
}

impl Serialize for Perms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A list for people: `world:anyone:cdrwa`, comma-separated, as zkCli's `setAcl` takes it.
pub fn acl(list: AclVector<'_>) -> String {
    let text =
        |bytes: Option<&[u8]>| text::escape(&String::from_utf8_lossy(bytes.unwrap_or_default()));
    let entries = list.entries();
    let entries = entries
        .iter()
        .map(|acl| format!("{}:{}:{}", text(acl.scheme), text(acl.id), Perms(acl.perms)));
    entries.collect::<Vec<_>>().join(",")
}

/// A znode's list for people, or that it is unknown.
pub fn acl_value(list: AclValue<'_>) -> String {
    match list {
        AclValue::List(list) => acl(list),
        AclValue::Unresolved(_) => "unknown".to_owned(),
    }
}

/// A field of a stat for people; nothing for what is no field of it.
pub fn stat_field(stat: &Stat, field: Field) -> String {
    match field {
        Field::Czxid => stat.czxid.to_string(),
        Field::Mzxid => stat.mzxid.to_string(),
        Field::Pzxid => stat.pzxid.to_string(),
        Field::Ctime => text::time(stat.ctime),
        Field::Mtime => text::time(stat.mtime),
        Field::Version => stat.version.to_string(),
        Field::Cversion => stat.cversion.to_string(),
        Field::Aversion => stat.aversion.to_string(),
        Field::EphemeralOwner => format!("0x{:x}", stat.ephemeral_owner),
        Field::Data | Field::Acl => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoovault::format::record::acl::OPEN_ACL_UNSAFE;

    #[test]
    fn data_is_text_where_it_can_be_and_hostile_text_is_escaped() {
        assert_eq!(data(None, 9), "null");
        assert_eq!(data(Some(b""), 9), "\"\"");
        assert_eq!(data(Some(b"a\x1b[31m"), 9), "\"a\\u{1b}[31m\"");
        assert_eq!(data(Some(b"\xff\x00\x01"), 9), "0xff0001");
        assert_eq!(data(Some(b"abcdef"), 3), "\"abc\"… (6 bytes)");
        assert_eq!(
            (path(b""), path(b"/\xff")),
            ("/".to_owned(), "/\\xff".to_owned())
        );
    }

    #[test]
    fn a_list_is_written_as_zkcli_takes_it() {
        assert_eq!(acl(OPEN_ACL_UNSAFE), "world:anyone:cdrwa");
        assert_eq!(Perms(5).to_string(), "cr");
    }
}
