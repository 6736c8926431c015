//! A txn for programs: a JSON object a line. It is put together by hand: made from types, it took
//! twice as long.

use crate::cli::json::AclField;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write;
use zoovault::error::DecodeError;
use zoovault::format::record::{AclVector, CreateKind, TxnBody, TxnKind, error_name};
use zoovault::history::query::Selected;
use zoovault::history::query::sessions::{Closed, KnownBy};

/// Writes lines.
#[derive(Default)]
pub struct JsonLines {
    /// The list that was written last, and how: most are the same.
    acl: (Vec<u8>, String),
}

impl JsonLines {
    /// Puts the line of `txn` at the end of `out`. What cannot be decoded has a field
    /// `undecodable`, and is given back.
    pub fn txn(&mut self, out: &mut Vec<u8>, txn: &Selected<'_>) -> Result<(), DecodeError> {
        let (entry, header) = (&txn.entry, &txn.entry.header);
        let [server, ..] = header.client_id.0.to_be_bytes();
        let _ = write!(
            out,
            "{{\"zxid\":\"{}\",\"time_ms\":{},\"client_id\":\"{}\",\"server_id\":{server},\"cxid\":{}",
            header.zxid, header.time, header.client_id, header.cxid
        );
        put_type(out, ',', header.txn_type);
        let mut broken;
        match entry.txn() {
            Ok(decoded) => {
                broken = self.body(out, &decoded.body).err();
                if let (TxnBody::CloseSession { .. }, Some(closed)) = (&decoded.body, txn.closed) {
                    put_closed(out, closed);
                }
                if let TxnBody::Unknown { .. } = decoded.body {
                    let fault = zoovault::format::record::txn::unknown_type(header);
                    broken = Some(fault.at(entry.payload_offset()));
                }
                if let Some(digest) = decoded.digest {
                    let (version, digest) = (digest.version, digest.tree_digest);
                    let _ = write!(
                        out,
                        ",\"digest\":\"0x{digest:x}\",\"digest_version\":{version}"
                    );
                }
            }
            Err(error) => broken = Some(error),
        }
        if let Some(error) = &broken {
            put_text(out, "undecodable", &error.fault.to_string());
        }
        put_text(out, "file", txn.file);
        let size = entry.end_offset() - entry.offset;
        let _ = writeln!(out, ",\"offset\":{},\"size_bytes\":{size}}}", entry.offset);
        broken.map_or(Ok(()), Err)
    }

    fn body(&mut self, out: &mut Vec<u8>, body: &TxnBody<'_>) -> Result<(), DecodeError> {
        match body {
            TxnBody::CreateSession { timeout_ms } => {
                let _ = write!(out, ",\"timeout_ms\":{timeout_ms}");
            }
            TxnBody::CloseSession { .. } => {}
            TxnBody::Error { err } => put_error(out, *err),
            TxnBody::Create(create) => {
                put_bytes(out, ',', "path", Some(create.path));
                put_bytes(out, ',', "data", create.data);
                self.acl(out, create.acl);
                if let Some(cversion) = create.parent_cversion {
                    let _ = write!(out, ",\"parent_cversion\":{cversion}");
                }
                match create.kind {
                    CreateKind::Plain { ephemeral } => {
                        let _ = write!(out, ",\"ephemeral\":{ephemeral}");
                    }
                    CreateKind::Container => {}
                    CreateKind::Ttl { ttl_ms } => {
                        let _ = write!(out, ",\"ttl_ms\":{ttl_ms}");
                    }
                }
            }
            TxnBody::Delete { path } => put_bytes(out, ',', "path", Some(path)),
            TxnBody::SetData {
                path,
                data,
                version,
            } => {
                put_bytes(out, ',', "path", Some(path));
                put_bytes(out, ',', "data", *data);
                let _ = write!(out, ",\"version\":{version}");
            }
            TxnBody::SetAcl { path, acl, version } => {
                put_bytes(out, ',', "path", Some(path));
                self.acl(out, *acl);
                let _ = write!(out, ",\"version\":{version}");
            }
            TxnBody::Check { path, version } => {
                put_bytes(out, ',', "path", Some(path));
                let _ = write!(out, ",\"version\":{version}");
            }
            TxnBody::Multi(multi) => return self.multi(out, multi),
            TxnBody::Unknown { bytes } => put_bytes(out, ',', "data", Some(bytes)),
        }
        Ok(())
    }

    fn multi(
        &mut self,
        out: &mut Vec<u8>,
        multi: &zoovault::format::record::Multi<'_>,
    ) -> Result<(), DecodeError> {
        let mut broken = None;
        // The first part that has an error of its own is why the whole failed.
        let error = multi.parts().find_map(|part| match part.body() {
            Ok(TxnBody::Error { err }) if err != 0 => Some(err),
            Ok(_) | Err(_) => None,
        });
        if let Some(code) = error {
            put_error(out, code);
        }
        let _ = write!(out, ",\"failed\":{},\"subs\":[", multi.is_failed());
        for (at, part) in multi.parts().enumerate() {
            out.extend_from_slice(if at == 0 { b"{" } else { b",{" });
            put_type(out, ' ', part.txn_type);
            let decoded = part.body().and_then(|body| self.body(out, &body));
            if let Err(error) = decoded {
                put_text(out, "undecodable", &error.fault.to_string());
                broken.get_or_insert(error);
            }
            out.push(b'}');
        }
        out.push(b']');
        broken.map_or(Ok(()), Err)
    }

    fn acl(&mut self, out: &mut Vec<u8>, list: AclVector<'_>) {
        if self.acl.0 != list.bytes() || self.acl.1.is_empty() {
            self.acl.0 = list.bytes().to_vec();
            self.acl.1 = serde_json::to_string(&AclField(list)).expect("an ACL can be JSON");
        }
        out.extend_from_slice(b",\"acl\":");
        // What the characters of a scheme or an id do to a terminal, they do as JSON too.
        put_escaped(out, &self.acl.1, false);
    }
}

fn put_type(out: &mut Vec<u8>, separator: char, txn_type: i32) {
    if separator == ',' {
        out.push(b',');
    }
    let _ = match TxnKind::from_code(txn_type) {
        Some(kind) => write!(out, "\"type\":\"{}\"", kind.name()),
        None => write!(out, "\"type\":\"unknown\",\"type_id\":{txn_type}"),
    };
}

fn put_error(out: &mut Vec<u8>, code: i32) {
    let _ = match error_name(code) {
        Some(name) => write!(out, ",\"error\":{{\"code\":{code},\"name\":\"{name}\"}}"),
        None => write!(out, ",\"error\":{{\"code\":{code},\"name\":null}}"),
    };
}

fn put_closed(out: &mut Vec<u8>, closed: &Closed) {
    if let Some(opened) = &closed.opened {
        let _ = write!(
            out,
            ",\"opened_zxid\":\"{}\",\"opened_time_ms\":{},\"timeout_ms\":{}",
            opened.zxid, opened.time, opened.timeout_ms
        );
    }
    let known_by = match closed.known_by {
        KnownBy::List => "list",
        KnownBy::Replay => "replay",
        KnownBy::PartialReplay => "partial-replay",
    };
    let _ = write!(out, ",\"removed_known_by\":\"{known_by}\",\"removed\":[");
    for (at, path) in closed.removed.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{" } else { b",{" });
        put_bytes(out, ' ', "path", Some(path));
        out.push(b'}');
    }
    out.push(b']');
}

/// A field of text.
fn put_text(out: &mut Vec<u8>, name: &str, text: &str) {
    let _ = write!(out, ",\"{name}\":\"");
    put_escaped(out, text, true);
    out.push(b'"');
}

/// A field of bytes: text where they are, base64 where they are not, null where none.
fn put_bytes(out: &mut Vec<u8>, separator: char, name: &str, bytes: Option<&[u8]>) {
    if separator == ',' {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => out.extend_from_slice(b"\":null"),
        Some((_, Ok(text))) => {
            out.extend_from_slice(b"\":\"");
            put_escaped(out, text, true);
            out.push(b'"');
        }
        Some((bytes, Err(_))) => {
            out.extend_from_slice(b"_base64\":\"");
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.push(b'"');
        }
    }
}

/// Text within quotes. Not only what JSON wants to be escaped is, but whatever a terminal might
/// obey: lines are read there too. Without `with_syntax`, quotes and backslashes are left as they
/// are: the text is JSON already.
fn put_escaped(out: &mut Vec<u8>, text: &str, with_syntax: bool) {
    let is_plain = |byte: u8| {
        (0x20..0x7f).contains(&byte) && !(with_syntax && (byte == b'"' || byte == b'\\'))
    };
    if text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for c in text.chars() {
        match c {
            '"' | '\\' if with_syntax => {
                out.push(b'\\');
                let _ = write!(out, "{c}");
            }
            c if crate::cli::views::text::is_hostile(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => {
                let _ = write!(out, "{c}");
            }
        }
    }
}
