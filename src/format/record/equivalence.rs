//! Whether two members say the same of a txn. Members do not always log the same bytes for it:
//!
//! - A server that applies a multi that failed turns its parts into errors, in the object that it
//!   may yet send to a follower that has to catch up (`DataTree.processTxn`). That follower logs
//!   errors where others logged what was tried; the parts' data stays. Neither has any effect.
//! - A member of a release before 3.6 logs neither the digest nor what a closeSession deletes,
//!   though its leader sent them (`SerializeUtils`).

use super::txn::{Multi, Txn, TxnBody};
use super::txn_kind::TxnKind;

/// Whether the payloads `a` and `b` are the same txn.
pub fn is_same_txn(a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    let (Ok(a), Ok(b)) = (Txn::decode(a, 0), Txn::decode(b, 0)) else {
        return false;
    };
    let is_same_digest = match (a.digest, b.digest) {
        (Some(a), Some(b)) => a == b,
        (Some(_), None) | (None, Some(_)) | (None, None) => true,
    };
    a.header == b.header && is_same_digest && a.excess == b.excess && is_same_body(&a.body, &b.body)
}

fn is_same_body(a: &TxnBody<'_>, b: &TxnBody<'_>) -> bool {
    match (a, b) {
        (TxnBody::Multi(a), TxnBody::Multi(b)) => is_same_multi(a, b),
        (
            TxnBody::CloseSession { paths_to_delete: a },
            TxnBody::CloseSession { paths_to_delete: b },
        ) => a.zip(*b).is_none_or(|(a, b)| a == b),
        (
            TxnBody::CreateSession { .. }
            | TxnBody::CloseSession { .. }
            | TxnBody::Error { .. }
            | TxnBody::Create(_)
            | TxnBody::Delete { .. }
            | TxnBody::SetData { .. }
            | TxnBody::SetAcl { .. }
            | TxnBody::Check { .. }
            | TxnBody::Multi(_)
            | TxnBody::Unknown { .. },
            _,
        ) => a == b,
    }
}

fn is_same_multi(a: &Multi<'_>, b: &Multi<'_>) -> bool {
    let have_failed = a.is_failed() && b.is_failed();
    let are_same = a.parts().zip(b.parts()).all(|(a, b)| {
        let is_either_error = [a.kind(), b.kind()].contains(&Some(TxnKind::Error));
        a.data == b.data && (a.txn_type == b.txn_type || (have_failed && is_either_error))
    });
    a.parts().count() == b.parts().count() && are_same
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::jute::Put;
    use crate::format::record::TxnHeader;
    use crate::zxid::{SessionId, Zxid};

    fn payload(txn_type: i32, body: &[u8]) -> Vec<u8> {
        let header = TxnHeader {
            client_id: SessionId(7),
            cxid: 1,
            zxid: Zxid::new(1, 1),
            time: 5,
            txn_type,
        };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        bytes.extend_from_slice(body);
        bytes
    }

    fn multi(parts: &[(i32, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_int(i32::try_from(parts.len()).unwrap());
        for (txn_type, data) in parts {
            body.put_int(*txn_type);
            body.put_buffer(Some(data));
        }
        payload(TxnKind::Multi.code(), &body)
    }

    #[test]
    fn a_failed_multi_is_the_same_whichever_parts_are_errors() {
        let tried = multi(&[
            (TxnKind::Delete.code(), b"\0\0\0\x02/a"),
            (TxnKind::Error.code(), b"\xff\xff\xff\x9b"),
        ]);
        let errors = multi(&[
            (TxnKind::Error.code(), b"\0\0\0\x02/a"),
            (TxnKind::Error.code(), b"\xff\xff\xff\x9b"),
        ]);
        let other = multi(&[
            (TxnKind::Error.code(), b"\0\0\0\x02/b"),
            (TxnKind::Error.code(), b"\xff\xff\xff\x9b"),
        ]);
        assert!(is_same_txn(&tried, &errors));
        assert!(!is_same_txn(&tried, &other));
        let done = multi(&[
            (TxnKind::Delete.code(), b"\0\0\0\x02/a"),
            (TxnKind::Delete.code(), b"\0\0\0\x02/b"),
        ]);
        let failed = multi(&[
            (TxnKind::Delete.code(), b"\0\0\0\x02/a"),
            (TxnKind::Error.code(), b"\0\0\0\x02/b"),
        ]);
        assert!(!is_same_txn(&done, &failed), "one of them has an effect");
    }

    #[test]
    fn a_digest_or_the_paths_of_a_close_session_may_be_absent_but_not_differ() {
        let digest = |value: u8| [b"\0\0\0\x02\0\0\0\0\0\0\0".as_slice(), &[value]].concat();
        let path = b"\0\0\0\x02/a".as_slice();
        let delete = |value| payload(TxnKind::Delete.code(), &[path, &digest(value)].concat());
        assert!(is_same_txn(
            &delete(1),
            &payload(TxnKind::Delete.code(), path)
        ));
        assert!(!is_same_txn(&delete(1), &delete(2)));
        let close = payload(
            TxnKind::CloseSession.code(),
            &[b"\0\0\0\x01".as_slice(), path, &digest(1)].concat(),
        );
        assert!(is_same_txn(
            &close,
            &payload(TxnKind::CloseSession.code(), b"")
        ));
        let other = payload(
            TxnKind::CloseSession.code(),
            &[b"\0\0\0\x01\0\0\0\x02/b".as_slice(), &digest(1)].concat(),
        );
        assert!(!is_same_txn(&close, &other));
    }
}
