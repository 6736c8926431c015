//! A txn for people: one line, and with `-v` a line for each part.

use super::clock::Clock;
use crate::cli::ui::TextStyle;
use crate::cli::views::text;
use crate::cli::views::value;
use std::io::Write;
use zoovault::error::DecodeError;
use zoovault::format::record::acl::OPEN_ACL_UNSAFE;
use zoovault::format::record::{
    AclVector, Create, CreateKind, Multi, TxnBody, TxnKind, error_name,
};
use zoovault::history::query::Selected;
use zoovault::history::query::sessions::{Closed, KnownBy};

/// How many characters of data are shown, and with `-v`.
const DATA_MAX: usize = 32;
const DATA_MAX_VERBOSE: usize = 1024;

/// Writes lines.
pub struct Lines {
    is_verbose: bool,
    data_max: usize,
    clock: Clock,
}

impl Lines {
    pub fn new(look: TextStyle) -> Lines {
        Lines {
            is_verbose: look.verbose,
            data_max: if look.verbose {
                DATA_MAX_VERBOSE
            } else {
                DATA_MAX
            },
            clock: Clock::default(),
        }
    }

    /// Puts the line of `txn` at the end of `out`. What cannot be decoded is said in it, and given
    /// back.
    pub fn txn(&mut self, out: &mut Vec<u8>, txn: &Selected<'_>) -> Result<(), DecodeError> {
        let header = &txn.entry.header;
        let _ = write!(out, "{} ", header.zxid);
        self.clock.put(out, header.time);
        let _ = write!(out, " {}:{} ", header.client_id, header.cxid);
        let decoded = txn.entry.txn();
        let mut broken = None;
        match &decoded {
            Ok(decoded) => {
                self.name(out, header.txn_type);
                match (&decoded.body, txn.closed) {
                    (TxnBody::CloseSession { .. }, Some(closed)) => self.closed(out, closed),
                    (TxnBody::Multi(multi), _) => broken = self.multi(out, multi).err(),
                    (body, _) => self.body(out, body),
                }
                if header.kind().is_some_and(TxnKind::is_of_session) {
                    let [server, ..] = header.client_id.0.to_be_bytes();
                    let _ = write!(out, ", server {server}");
                }
                if let TxnBody::Unknown { .. } = decoded.body {
                    let fault = zoovault::format::record::txn::unknown_type(header);
                    broken = Some(fault.at(txn.entry.payload_offset()));
                }
            }
            Err(error) => {
                self.name(out, header.txn_type);
                let _ = write!(out, " cannot be decoded: {}", error.fault);
                broken = Some(error.clone());
            }
        }
        out.push(b'\n');
        if self.is_verbose
            && let Ok(decoded) = &decoded
        {
            self.details(out, &decoded.body, txn.closed);
        }
        broken.map_or(Ok(()), Err)
    }

    fn name(&self, out: &mut Vec<u8>, txn_type: i32) {
        match TxnKind::from_code(txn_type) {
            Some(kind) => out.extend_from_slice(kind.name().as_bytes()),
            None => {
                let _ = write!(out, "unknown({txn_type})");
            }
        }
    }

    /// What stands behind the type.
    fn body(&self, out: &mut Vec<u8>, body: &TxnBody<'_>) {
        match body {
            TxnBody::CreateSession { timeout_ms } => {
                let _ = write!(out, " timeout {timeout_ms} ms");
            }
            TxnBody::CloseSession { .. } => {}
            TxnBody::Error { err } => {
                out.push(b' ');
                put_error(out, *err);
            }
            TxnBody::Create(create) => self.create(out, create),
            TxnBody::Delete { path } => put_path(out, path),
            TxnBody::SetData {
                path,
                data,
                version,
            } => {
                put_path(out, path);
                self.data(out, *data);
                let _ = write!(out, " version {version}");
            }
            TxnBody::SetAcl { path, acl, version } => {
                put_path(out, path);
                let _ = write!(out, " acl {} aversion {version}", value::acl(*acl));
            }
            TxnBody::Check { path, version } => {
                put_path(out, path);
                // What is logged is one more than the version that was found there
                // (`PrepRequestProcessor`).
                let _ = write!(out, " version {}", version.wrapping_sub(1));
            }
            TxnBody::Multi(_) => {}
            TxnBody::Unknown { bytes } => self.data(out, Some(bytes)),
        }
    }

    fn create(&self, out: &mut Vec<u8>, create: &Create<'_>) {
        put_path(out, create.path);
        self.data(out, create.data);
        match create.kind {
            CreateKind::Plain { ephemeral: true } => out.extend_from_slice(b" ephemeral"),
            CreateKind::Plain { ephemeral: false } | CreateKind::Container => {}
            CreateKind::Ttl { ttl_ms } => {
                let _ = write!(out, " ttl {ttl_ms} ms");
            }
        }
        put_acl(out, create.acl);
        if let Some(cversion) = create.parent_cversion.filter(|_| self.is_verbose) {
            let _ = write!(out, " parent cversion {cversion}");
        }
    }

    /// The size of data, and what it begins with.
    fn data(&self, out: &mut Vec<u8>, data: Option<&[u8]>) {
        out.push(b' ');
        match data {
            Some(bytes) if bytes.is_ascii() && !bytes.iter().any(u8::is_ascii_control) => {
                out.push(b'"');
                out.extend_from_slice(bytes.get(..self.data_max).unwrap_or(bytes));
                out.push(b'"');
                if bytes.len() > self.data_max {
                    let _ = write!(out, "… ({} bytes)", text::count(bytes.len() as u64));
                }
            }
            data => out.extend_from_slice(value::data(data, self.data_max).as_bytes()),
        }
    }

    /// All parts in short.
    fn multi(&self, out: &mut Vec<u8>, multi: &Multi<'_>) -> Result<(), DecodeError> {
        let count = multi.parts().count();
        if multi.is_failed() {
            // The parts before the one that failed have the code 0, those behind it -2.
            let errors = multi.parts().enumerate();
            let failed = errors
                .filter_map(|(at, part)| match part.body() {
                    Ok(TxnBody::Error { err }) if err != 0 => Some((at + 1, err)),
                    Ok(_) | Err(_) => None,
                })
                .next();
            match failed {
                Some((at, err)) => {
                    let _ = write!(out, " failed: part {at} of {count}: ");
                    put_error(out, err);
                }
                None => {
                    let _ = write!(out, " failed: {count} parts");
                }
            }
        } else {
            let _ = write!(out, " of {count}");
        }
        // Of a multi that failed, what was tried may be there still.
        let kept = multi
            .parts()
            .filter(|part| part.kind() != Some(TxnKind::Error));
        for (at, part) in kept.enumerate() {
            out.extend_from_slice(match (at, multi.is_failed()) {
                (0, false) => b": ".as_slice(),
                (0, true) => b", tried: ",
                _ => b"; ",
            });
            self.name(out, part.txn_type);
            match (part.body()?, self.is_verbose) {
                (body, false) => self.body(out, &body),
                // All of it follows, a line each.
                (body, true) => {
                    if let Some(path) = body.path() {
                        put_path(out, path);
                    }
                }
            }
        }
        Ok(())
    }

    fn closed(&mut self, out: &mut Vec<u8>, closed: &Closed) {
        let known = match closed.known_by {
            KnownBy::List => "",
            KnownBy::Replay => " (by replay)",
            KnownBy::PartialReplay => " (all that is known)",
        };
        if !closed.removed.is_empty() || closed.known_by == KnownBy::PartialReplay {
            let _ = write!(out, " removed {}{known}", closed.removed.len());
        }
        for (at, path) in closed.removed.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b":" } else { b"," });
            put_path(out, path);
        }
        if let Some(opened) = &closed.opened {
            let separator = if closed.removed.is_empty() { "" } else { "," };
            let _ = write!(out, "{separator} opened by {} at ", opened.zxid);
            self.clock.put(out, opened.time);
            let _ = write!(out, ", timeout {} ms", opened.timeout_ms);
        }
    }

    /// What `-v` shows below the line.
    fn details(&self, out: &mut Vec<u8>, body: &TxnBody<'_>, closed: Option<&Closed>) {
        match body {
            TxnBody::Multi(multi) => {
                for part in multi.parts() {
                    out.extend_from_slice(b"    ");
                    self.name(out, part.txn_type);
                    match part.body() {
                        Ok(body) => self.body(out, &body),
                        Err(error) => {
                            let _ = write!(out, " cannot be decoded: {}", error.fault);
                        }
                    }
                    out.push(b'\n');
                }
            }
            TxnBody::CloseSession { .. } => {
                for path in closed.iter().flat_map(|closed| &closed.removed) {
                    out.extend_from_slice(b"    removed");
                    put_path(out, path);
                    out.push(b'\n');
                }
            }
            TxnBody::CreateSession { .. }
            | TxnBody::Error { .. }
            | TxnBody::Create(_)
            | TxnBody::Delete { .. }
            | TxnBody::SetData { .. }
            | TxnBody::SetAcl { .. }
            | TxnBody::Check { .. }
            | TxnBody::Unknown { .. } => {}
        }
    }
}

/// A blank and a path.
fn put_path(out: &mut Vec<u8>, path: &[u8]) {
    out.push(b' ');
    if !path.is_empty() && path.is_ascii() && !path.iter().any(u8::is_ascii_control) {
        out.extend_from_slice(path);
    } else {
        out.extend_from_slice(value::path(path).as_bytes());
    }
}

/// A list that is not the one that everybody uses.
fn put_acl(out: &mut Vec<u8>, acl: AclVector<'_>) {
    if acl != OPEN_ACL_UNSAFE {
        let _ = write!(out, " acl {}", value::acl(acl));
    }
}

fn put_error(out: &mut Vec<u8>, code: i32) {
    let _ = match error_name(code) {
        Some(name) => write!(out, "{name} ({code})"),
        None => write!(out, "{code}"),
    };
}
