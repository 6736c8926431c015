//! Data directories made by hand: logs of payloads, and the payloads.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use zoovault::format::jute::Put;
use zoovault::format::record::TxnKind;
use zoovault::format::record::acl::OPEN_ACL_UNSAFE;
use zoovault::format::txnlog::{encode_header, encode_record};

/// The session of all txns made here: of server 2.
pub const SESSION: i64 = 0x0200_0000_0000_0abc;

/// Writes `bytes` into `version-2` of `dir`, as if an hour ago.
pub fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join("version-2").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    file.set_modified(an_hour_ago).unwrap();
    path
}

/// Writes a log.
pub fn write_log<'a>(dir: &Path, name: &str, payloads: impl Iterator<Item = &'a [u8]>) {
    let mut bytes = encode_header();
    for payload in payloads {
        encode_record(payload, &mut bytes);
    }
    write(dir, name, &bytes);
}

/// A txn of [`SESSION`].
pub fn txn(zxid: i64, txn_type: i32, body: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    payload.put_long(SESSION);
    payload.put_int(7);
    payload.put_long(zxid);
    payload.put_long(1_795_215_000_000 + zxid);
    payload.put_int(txn_type);
    payload.extend_from_slice(body);
    payload
}

/// The body of a create.
pub fn create(path: &[u8], data: &[u8], ephemeral: bool, parent_cversion: i32) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_buffer(Some(path));
    body.put_buffer(Some(data));
    body.extend_from_slice(OPEN_ACL_UNSAFE.bytes());
    body.put_boolean(ephemeral);
    body.put_int(parent_cversion);
    body
}

/// The body of a delete.
pub fn delete(path: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_buffer(Some(path));
    body
}

/// The body of a setData.
pub fn set_data(path: &[u8], data: &[u8], version: i32) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_buffer(Some(path));
    body.put_buffer(Some(data));
    body.put_int(version);
    body
}

/// The body of a multi of deletes.
pub fn deletes(paths: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_int(i32::try_from(paths.len()).unwrap());
    for path in paths {
        body.put_int(TxnKind::Delete.code());
        body.put_buffer(Some(&delete(path)));
    }
    body
}
