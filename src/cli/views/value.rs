//! What znodes hold, for people and for programs: data that may be text, ACLs, times and owners.

use crate::cli::views::text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use zoovault::format::record::{AclVector, Stat};
use zoovault::tree::AclValue;
use zoovault::tree::diff::Field;

/// Puts `bytes` into `fields`: under `name` where they are text, under `name_base64` where they are
/// not, and null where none.
pub fn put_bytes(fields: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => fields.insert(name.to_owned(), Value::Null),
        Some((_, Ok(text))) => fields.insert(name.to_owned(), text.into()),
        Some((bytes, Err(_))) => fields.insert(format!("{name}_base64"), base64(bytes).into()),
    };
}

/// `bytes` in base64.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

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

/// The letters of `perms`, as zkCli has them.
pub fn perms(perms: i32) -> String {
    let letters = [(4, 'c'), (8, 'd'), (1, 'r'), (2, 'w'), (16, 'a')];
    let set = letters.iter().filter(|(bit, _)| perms & bit != 0);
    set.map(|(_, letter)| *letter).collect()
}

/// A list for people: `world:anyone:cdrwa`, comma-separated, as zkCli's `setAcl` takes it.
pub fn acl(list: AclVector<'_>) -> String {
    let text =
        |bytes: Option<&[u8]>| text::escape(&String::from_utf8_lossy(bytes.unwrap_or_default()));
    let entries = list.entries();
    let entries = entries
        .iter()
        .map(|acl| format!("{}:{}:{}", text(acl.scheme), text(acl.id), perms(acl.perms)));
    entries.collect::<Vec<_>>().join(",")
}

/// A list for programs: perms as a number and in letters, scheme, id.
pub fn acl_json(list: AclVector<'_>) -> Value {
    let entries = list.entries();
    let entries = entries.iter().map(|acl| {
        let mut fields = Map::new();
        fields.insert("perms".to_owned(), acl.perms.into());
        fields.insert("perms_text".to_owned(), perms(acl.perms).into());
        put_bytes(&mut fields, "scheme", acl.scheme);
        put_bytes(&mut fields, "id", acl.id);
        Value::Object(fields)
    });
    entries.collect()
}

/// The fields of a stat, under ZooKeeper's names. `cversion` is the stored one: what clients see
/// depends on how many children there are.
pub fn stat_json(stat: &Stat) -> Value {
    json!({
        "czxid": stat.czxid.to_string(),
        "mzxid": stat.mzxid.to_string(),
        "pzxid": stat.pzxid.to_string(),
        "ctime_ms": stat.ctime,
        "mtime_ms": stat.mtime,
        "version": stat.version,
        "cversion": stat.cversion,
        "aversion": stat.aversion,
        "ephemeral_owner": format!("0x{:x}", stat.ephemeral_owner),
    })
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
        let mut fields = Map::new();
        put_bytes(&mut fields, "data", Some(b"\xff"));
        put_bytes(&mut fields, "path", Some(b"/a"));
        assert_eq!(
            Value::Object(fields),
            json!({ "data_base64": "/w==", "path": "/a" })
        );
        assert_eq!(
            (path(b""), path(b"/\xff")),
            ("/".to_owned(), "/\\xff".to_owned())
        );
    }

    #[test]
    fn a_list_is_written_as_zkcli_takes_it() {
        assert_eq!(acl(OPEN_ACL_UNSAFE), "world:anyone:cdrwa");
        assert_eq!(perms(5), "cr");
    }
}
