//! A txn for programs: a JSON object a line.

use crate::cli::json::{
    self, AsText, ClosedSession, ErrorCode, LastAcl, LogDigest, LogOp, LogTxn, OpenedSession,
};
use zoovault::error::DecodeError;
use zoovault::format::record::{
    CreateKind, Multi, Txn, TxnBody, TxnKind, error_name, txn::unknown_type,
};
use zoovault::history::query::Selected;
use zoovault::history::query::sessions::{Closed, KnownBy};
use zoovault::zxid::Hex;

/// Writes lines.
#[derive(Default)]
pub struct JsonLines {
    last_acl: LastAcl,
}

impl JsonLines {
    /// Puts the line of `txn` at the end of `out`. What cannot be decoded has a field
    /// `undecodable`, and is given back.
    pub fn txn(&mut self, out: &mut Vec<u8>, txn: &Selected<'_>) -> Result<(), DecodeError> {
        let (entry, header) = (&txn.entry, &txn.entry.header);
        let [server_id, ..] = header.client_id.0.to_be_bytes();
        let mut line = LogTxn {
            zxid: AsText(header.zxid),
            time_ms: header.time,
            client_id: AsText(header.client_id),
            server_id,
            cxid: header.cxid,
            op: op(header.txn_type),
            failed: None,
            subs: None,
            closed: None,
            digest: None,
            undecodable: None,
            file: txn.file,
            offset: entry.offset,
            size_bytes: entry.end_offset() - entry.offset,
        };
        let decoded = entry.txn();
        let read = match &decoded {
            Ok(decoded) => self.decoded(&mut line, txn, decoded),
            Err(error) => Err(error.clone()),
        };
        line.undecodable = read
            .as_ref()
            .err()
            .map(|error| error.fault.to_string().into());
        json::put_line(out, &line).expect("a txn can be JSON");
        read
    }

    fn decoded<'a>(
        &mut self,
        line: &mut LogTxn<'a>,
        txn: &Selected<'a>,
        decoded: &Txn<'a>,
    ) -> Result<(), DecodeError> {
        let mut read = Ok(());
        match &decoded.body {
            TxnBody::Multi(multi) => read = self.multi(line, multi),
            body => self.body(&mut line.op, body),
        }
        if let (TxnBody::CloseSession { .. }, Some(closed)) = (&decoded.body, txn.closed) {
            line.closed = Some(closed_session(closed));
        }
        if let TxnBody::Unknown { .. } = decoded.body {
            read = Err(unknown_type(&txn.entry.header).at(txn.entry.payload_offset()));
        }
        line.digest = decoded.digest.as_ref().map(|digest| LogDigest {
            digest: AsText(Hex(digest.tree_digest)),
            digest_version: digest.version,
        });
        read
    }

    fn multi<'a>(&mut self, line: &mut LogTxn<'a>, multi: &Multi<'a>) -> Result<(), DecodeError> {
        // The first part that has an error of its own is why the whole failed.
        let error = multi.parts().find_map(|part| match part.body() {
            Ok(TxnBody::Error { err }) if err != 0 => Some(err),
            Ok(_) | Err(_) => None,
        });
        let mut read = Ok(());
        let subs = multi.parts().map(|part| {
            let mut sub = op(part.txn_type);
            match part.body() {
                Ok(body) => self.body(&mut sub, &body),
                Err(error) => {
                    sub.undecodable = Some(error.fault.to_string().into());
                    read = read.clone().and(Err(error));
                }
            }
            sub
        });
        line.subs = Some(subs.collect());
        line.op.error = error.map(error_code);
        line.failed = Some(multi.is_failed());
        read
    }

    fn body<'a>(&mut self, op: &mut LogOp<'a>, body: &TxnBody<'a>) {
        match body {
            TxnBody::CreateSession { timeout_ms } => op.timeout_ms = Some(*timeout_ms),
            TxnBody::CloseSession { .. } | TxnBody::Multi(_) => {}
            TxnBody::Error { err } => op.error = Some(error_code(*err)),
            TxnBody::Create(create) => {
                op.path = Some(create.path.into());
                op.data = Some(create.data.into());
                op.acl = Some(self.last_acl.field(create.acl));
                op.parent_cversion = create.parent_cversion;
                match create.kind {
                    CreateKind::Plain { ephemeral } => op.ephemeral = Some(ephemeral),
                    CreateKind::Container => {}
                    CreateKind::Ttl { ttl_ms } => op.ttl_ms = Some(ttl_ms),
                }
            }
            TxnBody::Delete { path } => op.path = Some((*path).into()),
            TxnBody::SetData {
                path,
                data,
                version,
            } => {
                op.path = Some((*path).into());
                op.data = Some((*data).into());
                op.version = Some(*version);
            }
            TxnBody::SetAcl { path, acl, version } => {
                op.path = Some((*path).into());
                op.acl = Some(self.last_acl.field(*acl));
                op.version = Some(*version);
            }
            TxnBody::Check { path, version } => {
                op.path = Some((*path).into());
                op.version = Some(*version);
            }
            TxnBody::Unknown { bytes } => op.data = Some((*bytes).into()),
        }
    }
}

fn op(txn_type: i32) -> LogOp<'static> {
    let kind = TxnKind::from_code(txn_type);
    LogOp {
        kind: kind.map_or("unknown", TxnKind::name),
        type_id: kind.is_none().then_some(txn_type),
        ..LogOp::default()
    }
}

fn error_code(code: i32) -> ErrorCode {
    let name = error_name(code);
    ErrorCode { code, name }
}

fn closed_session(closed: &Closed) -> ClosedSession<'_> {
    ClosedSession {
        opened: closed.opened.as_ref().map(|opened| OpenedSession {
            opened_zxid: AsText(opened.zxid),
            opened_time_ms: opened.time,
            timeout_ms: opened.timeout_ms,
        }),
        removed_known_by: match closed.known_by {
            KnownBy::List => "list",
            KnownBy::Replay => "replay",
            KnownBy::PartialReplay => "partial-replay",
        },
        removed: closed.removed.iter().map(|path| (**path).into()).collect(),
    }
}
