use super::*;
use crate::format::record::acl::OPEN_ACL_UNSAFE;

fn header(txn_type: i32) -> TxnHeader {
    TxnHeader {
        client_id: SessionId(-7),
        cxid: 3,
        zxid: Zxid::new(1, 2),
        time: 1_763_640_000_000,
        txn_type,
    }
}

fn payload(txn_type: i32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    header(txn_type).encode(&mut bytes);
    bytes.extend_from_slice(body);
    bytes
}

/// Decodes `bytes`, checks that encoding gives them again, and returns the body and the digest.
fn round_trip(bytes: &[u8]) -> (TxnBody<'_>, Option<TxnDigest>) {
    let txn = Txn::decode(bytes, 0).unwrap();
    let mut encoded = Vec::new();
    txn.encode(&mut encoded);
    assert_eq!(encoded, bytes);
    (txn.body, txn.digest)
}

fn digest(tree_digest: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.put_int(2);
    bytes.put_long(tree_digest);
    bytes
}

#[test]
fn a_close_session_has_a_body_a_digest_both_or_neither() {
    let mut paths = Vec::new();
    paths.put_int(1);
    paths.put_buffer(Some(b"/e"));
    let none = TxnBody::CloseSession {
        paths_to_delete: None,
    };
    assert_eq!(
        round_trip(&payload(TxnKind::CloseSession.code(), b"")),
        (none.clone(), None)
    );
    let digest_only = payload(TxnKind::CloseSession.code(), &digest(9));
    let (body, found) = round_trip(&digest_only);
    assert_eq!((body, found.map(|d| d.tree_digest)), (none, Some(9)));
    let both = payload(
        TxnKind::CloseSession.code(),
        &[paths.clone(), digest(9)].concat(),
    );
    let (body, found) = round_trip(&both);
    let TxnBody::CloseSession {
        paths_to_delete: Some(list),
    } = body
    else {
        panic!("{body:?}")
    };
    assert_eq!(list.iter().collect::<Vec<_>>(), [b"/e"]);
    assert!(found.is_some());
    assert!(
        round_trip(&payload(TxnKind::CloseSession.code(), &paths))
            .1
            .is_none()
    );
    // An empty vector and a digest: 16 bytes.
    assert!(
        round_trip(&payload(
            TxnKind::CloseSession.code(),
            &[vec![0; 4], digest(1)].concat()
        ))
        .1
        .is_some()
    );
}

#[test]
fn a_create_of_3_3_lacks_the_parents_cversion() {
    let mut body = Vec::new();
    body.put_buffer(Some(b"/a"));
    body.put_buffer(None);
    body.extend_from_slice(OPEN_ACL_UNSAFE.bytes());
    body.put_boolean(true);
    let old = payload(TxnKind::Create.code(), &body);
    let (TxnBody::Create(create), None) = round_trip(&old) else {
        panic!()
    };
    assert_eq!(create.parent_cversion, None);
    assert_eq!(create.kind, CreateKind::Plain { ephemeral: true });
    body.put_int(4);
    let new = payload(TxnKind::Create.code(), &[body, digest(-1)].concat());
    let (TxnBody::Create(create), Some(digest)) = round_trip(&new) else {
        panic!()
    };
    assert_eq!((create.parent_cversion, digest.tree_digest), (Some(4), -1));
}

#[test]
fn an_error_within_a_multi_may_be_of_any_length() {
    let mut body = Vec::new();
    body.put_int(2);
    body.put_int(TxnKind::Error.code());
    body.put_buffer(Some(&[0xff; 550]));
    body.put_int(TxnKind::Check.code());
    body.put_buffer(Some(b"\0\0\0\x02/c\0\0\0\x05"));
    let bytes = payload(TxnKind::Multi.code(), &[body, digest(3)].concat());
    let (TxnBody::Multi(multi), Some(_)) = round_trip(&bytes) else {
        panic!()
    };
    assert!(multi.is_failed());
    let parts: Vec<_> = multi.parts().map(|part| part.body().unwrap()).collect();
    assert_eq!(
        parts,
        [
            TxnBody::Error { err: -1 },
            TxnBody::Check {
                path: b"/c",
                version: 5
            }
        ]
    );
}

#[test]
fn an_unknown_type_is_kept_by_its_bytes() {
    let bytes = payload(99, b"whatever came");
    assert_eq!(
        round_trip(&bytes),
        (
            TxnBody::Unknown {
                bytes: b"whatever came"
            },
            None
        )
    );
}

#[test]
fn containers_and_ttl_nodes_have_no_ephemeral_flag() {
    let mut body = Vec::new();
    body.put_buffer(Some(b"/t"));
    body.put_buffer(Some(b"data"));
    body.extend_from_slice(OPEN_ACL_UNSAFE.bytes());
    body.put_int(8);
    let container = payload(
        TxnKind::CreateContainer.code(),
        &[body.clone(), digest(3)].concat(),
    );
    let (TxnBody::Create(create), Some(_)) = round_trip(&container) else {
        panic!()
    };
    assert_eq!(
        (create.kind, create.parent_cversion),
        (CreateKind::Container, Some(8))
    );
    body.put_long(5000);
    let ttl = payload(TxnKind::CreateTtl.code(), &[body, digest(3)].concat());
    let (TxnBody::Create(create), Some(_)) = round_trip(&ttl) else {
        panic!()
    };
    assert_eq!(
        (create.kind, create.parent_cversion),
        (CreateKind::Ttl { ttl_ms: 5000 }, Some(8))
    );
}

#[test]
fn no_prefix_of_a_payload_panics_and_a_cut_one_names_the_field() {
    let mut body = Vec::new();
    body.put_buffer(Some(b"/a"));
    body.put_buffer(Some(b"xyz"));
    body.put_int(1);
    let bytes = payload(TxnKind::SetData.code(), &body);
    for len in 0..bytes.len() {
        assert!(Txn::decode(&bytes[..len], 100).is_err(), "{len}");
    }
    let cut = Txn::decode(&bytes[..bytes.len() - 1], 100).unwrap_err();
    assert_eq!(
        cut.fault,
        Fault::ShortInput {
            field: "version",
            needed: 4,
            left: 3
        }
    );
    assert_eq!(cut.offset, 100 + bytes.len() as u64 - 4);
}
