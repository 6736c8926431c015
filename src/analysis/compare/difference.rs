//! What differs between two txns, field by field.

use crate::format::record::{AclVector, Create, CreateKind, Multi, SubTxn, Txn, TxnBody, TxnKind};
use std::collections::HashMap;

/// How many fields are told.
const FIELDS_MAX: usize = 32;
/// How many bytes of a value are shown, from a little before the first that differs.
const SHOWN_LEN: usize = 32;
const SHOWN_BEFORE: usize = 8;

/// One field that differs, with both values for people: bytes escaped, long ones cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDifference {
    /// ZooKeeper's name, within a multi behind its part: `time`, `path`, `txns[2].data`.
    pub name: String,
    /// Both values; `None` where one side has no such field.
    pub values: [Option<String>; 2],
}

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value<'a> {
    Text(String),
    Bytes(Option<&'a [u8]>),
}

type Fields<'a> = Vec<(String, Value<'a>)>;

/// The fields in which two payloads differ. None, if one of them cannot be decoded or only the
/// encoding differs.
pub(super) fn differences(a: &[u8], b: &[u8]) -> Vec<FieldDifference> {
    let (Ok(a), Ok(b)) = (Txn::decode(a, 0), Txn::decode(b, 0)) else {
        return Vec::new();
    };
    let (a, b) = (fields_of(&a), fields_of(&b));
    let (mine, theirs) = (by_name(&a), by_name(&b));
    let of_mine = a
        .iter()
        .map(|(name, value)| (name, Some(value), theirs.get(name.as_str()).copied()));
    let only_theirs = b
        .iter()
        .filter(|(name, _)| !mine.contains_key(name.as_str()))
        .map(|(name, value)| (name, None, Some(value)));
    of_mine
        .chain(only_theirs)
        .filter(|(_, mine, theirs)| mine != theirs)
        .take(FIELDS_MAX)
        .map(|(name, mine, theirs)| FieldDifference {
            name: name.clone(),
            values: shown(mine, theirs),
        })
        .collect()
}

fn by_name<'a, 'b>(fields: &'b Fields<'a>) -> HashMap<&'b str, &'b Value<'a>> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect()
}

fn text(value: impl ToString) -> Value<'static> {
    Value::Text(value.to_string())
}

/// A txn as a list of named values, in file order.
fn fields_of<'a>(txn: &Txn<'a>) -> Fields<'a> {
    let header = &txn.header;
    let mut fields = vec![
        ("session".to_owned(), text(header.client_id)),
        ("cxid".to_owned(), text(header.cxid)),
        ("time".to_owned(), text(header.time)),
        ("type".to_owned(), type_name(header.txn_type)),
    ];
    put_body("", &txn.body, &mut fields);
    if let Some(digest) = txn.digest {
        fields.push(("digest version".to_owned(), text(digest.version)));
        let digest = Value::Text(format!("0x{:x}", digest.tree_digest));
        fields.push(("digest".to_owned(), digest));
    }
    if !txn.excess.is_empty() {
        fields.push(("excess".to_owned(), Value::Bytes(Some(txn.excess))));
    }
    fields
}

fn type_name(txn_type: i32) -> Value<'static> {
    Value::Text(format!("{} ({txn_type})", TxnKind::name_of(txn_type)))
}

/// Adds the fields of a body, their names behind `prefix`.
fn put_body<'a>(prefix: &str, body: &TxnBody<'a>, fields: &mut Fields<'a>) {
    let mut put = |name: &str, value| fields.push((format!("{prefix}{name}"), value));
    match body {
        TxnBody::CreateSession { timeout_ms } => put("timeout", text(timeout_ms)),
        TxnBody::CloseSession { paths_to_delete } => {
            for (index, path) in paths_to_delete
                .iter()
                .flat_map(|paths| paths.iter())
                .enumerate()
            {
                put(&format!("paths2Delete[{index}]"), Value::Bytes(Some(path)));
            }
        }
        TxnBody::Error { err } => put("err", text(err)),
        TxnBody::Create(create) => put_create(prefix, create, fields),
        TxnBody::Delete { path } => put("path", Value::Bytes(Some(path))),
        TxnBody::SetData {
            path,
            data,
            version,
        } => {
            put("path", Value::Bytes(Some(path)));
            put("data", Value::Bytes(*data));
            put("version", text(version));
        }
        TxnBody::SetAcl { path, acl, version } => {
            put("path", Value::Bytes(Some(path)));
            put("acl", acl_text(acl));
            put("version", text(version));
        }
        TxnBody::Check { path, version } => {
            put("path", Value::Bytes(Some(path)));
            put("version", text(version));
        }
        TxnBody::Multi(multi) => put_multi(prefix, multi, fields),
        TxnBody::Unknown { bytes } => put("bytes", Value::Bytes(Some(bytes))),
    }
}

fn put_create<'a>(prefix: &str, create: &Create<'a>, fields: &mut Fields<'a>) {
    let mut put = |name: &str, value| fields.push((format!("{prefix}{name}"), value));
    put("path", Value::Bytes(Some(create.path)));
    put("data", Value::Bytes(create.data));
    put("acl", acl_text(&create.acl));
    match create.kind {
        CreateKind::Plain { ephemeral } => put("ephemeral", text(ephemeral)),
        CreateKind::Container => {}
        CreateKind::Ttl { ttl_ms } => put("ttl", text(ttl_ms)),
    }
    if let Some(parent_cversion) = create.parent_cversion {
        put("parentCVersion", text(parent_cversion));
    }
}

fn put_multi<'a>(prefix: &str, multi: &Multi<'a>, fields: &mut Fields<'a>) {
    for (index, part) in multi.parts().enumerate() {
        let prefix = format!("{prefix}txns[{index}].");
        fields.push((format!("{prefix}type"), type_name(part.txn_type)));
        put_part(&prefix, &part, fields);
    }
}

fn put_part<'a>(prefix: &str, part: &SubTxn<'a>, fields: &mut Fields<'a>) {
    match part.body() {
        // A multi within a multi is nothing that servers write: its bytes say enough, and depth is
        // not the file's to choose.
        Ok(TxnBody::Multi(_)) | Err(_) => {
            fields.push((format!("{prefix}bytes"), Value::Bytes(part.data)));
        }
        Ok(body) => put_body(prefix, &body, fields),
    }
}

/// A list as `scheme:id:perms`, joined by commas.
fn acl_text(acl: &AclVector<'_>) -> Value<'static> {
    if acl.is_null() {
        return text("null");
    }
    let part = |bytes: Option<&[u8]>| {
        bytes.map_or_else(
            || "null".to_owned(),
            |bytes| bytes.escape_ascii().to_string(),
        )
    };
    let entries = acl.entries();
    let entries = entries
        .iter()
        .map(|entry| format!("{}:{}:{}", part(entry.scheme), part(entry.id), entry.perms));
    Value::Text(entries.collect::<Vec<_>>().join(","))
}

/// Both values for people.
fn shown(a: Option<&Value<'_>>, b: Option<&Value<'_>>) -> [Option<String>; 2] {
    let bytes = |value: Option<&Value<'_>>| match value {
        Some(Value::Bytes(Some(bytes))) => bytes.to_vec(),
        Some(Value::Bytes(None) | Value::Text(_)) | None => Vec::new(),
    };
    let differs_at = bytes(a)
        .iter()
        .zip(&bytes(b))
        .take_while(|(mine, theirs)| mine == theirs)
        .count();
    let from = differs_at.saturating_sub(SHOWN_BEFORE);
    [a, b].map(|value| {
        value.map(|value| match value {
            Value::Text(text) => text.clone(),
            Value::Bytes(None) => "null".to_owned(),
            Value::Bytes(Some(bytes)) => cut(bytes, from),
        })
    })
}

/// Up to [`SHOWN_LEN`] of `bytes`, all of them where they are few.
fn cut(bytes: &[u8], from: usize) -> String {
    if bytes.len() <= SHOWN_LEN {
        return format!("\"{}\"", bytes.escape_ascii());
    }
    let from = from.min(bytes.len());
    let part = bytes.get(from..(from + SHOWN_LEN).min(bytes.len()));
    format!(
        "{} bytes, from byte {from} \"{}\"",
        bytes.len(),
        part.unwrap_or_default().escape_ascii()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{TxnDigest, TxnHeader};
    use crate::zxid::{SessionId, Zxid};

    fn payload(time: i64, body: TxnBody<'_>, digest: i64) -> Vec<u8> {
        let header = TxnHeader {
            client_id: SessionId(7),
            cxid: 1,
            zxid: Zxid::new(1, 1),
            time,
            txn_type: TxnKind::SetData.code(),
        };
        let digest = Some(TxnDigest {
            version: 2,
            tree_digest: digest,
        });
        let mut bytes = Vec::new();
        Txn {
            header,
            body,
            digest,
            excess: &[],
        }
        .encode(&mut bytes);
        bytes
    }

    fn set(path: &'static [u8], data: Option<&'static [u8]>) -> TxnBody<'static> {
        TxnBody::SetData {
            path,
            data,
            version: 3,
        }
    }

    #[test]
    fn each_field_that_differs_is_named_with_both_values() {
        let a = payload(5, set(b"/a", Some(b"x\n")), 16);
        let b = payload(6, set(b"/a", None), 17);
        let found = differences(&a, &b);
        let found: Vec<(&str, [Option<&str>; 2])> = found
            .iter()
            .map(|field| {
                (
                    field.name.as_str(),
                    field.values.each_ref().map(|value| value.as_deref()),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("time", [Some("5"), Some("6")]),
                ("data", [Some("\"x\\n\""), Some("null")]),
                ("digest", [Some("0x10"), Some("0x11")]),
            ]
        );
        assert!(differences(&a, &a).is_empty());
    }

    #[test]
    fn long_data_is_shown_where_it_differs() {
        let a = [vec![b'a'; 100], b"one".to_vec()].concat();
        let b = [vec![b'a'; 100], b"two".to_vec()].concat();
        let values = shown(Some(&Value::Bytes(Some(&a))), Some(&Value::Bytes(Some(&b))));
        assert_eq!(
            values,
            ["one", "two"].map(|end| Some(format!("103 bytes, from byte 92 \"aaaaaaaa{end}\"")))
        );
    }

    #[test]
    fn what_cannot_be_decoded_has_no_fields() {
        assert!(differences(b"short", b"other").is_empty());
    }
}
