//! Trees to snapshots and back, by slices and without a source.

use std::collections::HashMap;
use std::path::Path;
use zoovault::error::{Error, Fault};
use zoovault::format::record::AclVector;
use zoovault::format::record::acl::OPEN_ACL_UNSAFE;
use zoovault::format::snapshot::codec::Codec;
use zoovault::format::snapshot::{
    NodeRecord, OPEN_ACL_ID, SnapshotReader, SnapshotWriter, Trailer,
};
use zoovault::tree::{AclRef, AclValue, DataTree};
use zoovault::zxid::SessionId;

/// The bytes of a snapshot of `tree`: lists are numbered as they come, the open one has no entry.
pub fn snapshot_of(tree: &DataTree, trailer: &Trailer) -> Vec<u8> {
    let mut ids: HashMap<&[u8], i64> = HashMap::from([(OPEN_ACL_UNSAFE.bytes(), OPEN_ACL_ID)]);
    let mut lists: Vec<(i64, &[u8])> = Vec::new();
    for node in tree.in_order() {
        let AclValue::List(list) = node.acl else {
            panic!("a list is unresolved")
        };
        let next = i64::try_from(lists.len()).unwrap() + 1;
        ids.entry(list.bytes()).or_insert_with(|| {
            lists.push((next, list.bytes()));
            next
        });
    }
    let sessions: Vec<(SessionId, i32)> = tree.sessions().collect();
    let mut writer = SnapshotWriter::new(Vec::new(), &sessions, lists.into_iter()).unwrap();
    for node in tree.in_order() {
        let AclValue::List(list) = node.acl else {
            unreachable!()
        };
        let acl_id = ids[list.bytes()];
        let record = NodeRecord {
            offset: 0,
            path: node.path,
            data: node.data,
            acl_id,
            stat: *node.stat,
        };
        writer.node(&record).unwrap();
    }
    let (bytes, written) = writer.finish(trailer).unwrap();
    assert_eq!(bytes.len() as u64, written);
    bytes
}

/// The tree of a plain snapshot, fuzzy as it may be.
pub fn tree_of(bytes: &[u8]) -> Result<DataTree, Error> {
    let path = Path::new("snapshot");
    let mut reader = SnapshotReader::new(path, Codec::Plain, bytes)?;
    let mut tree = DataTree::empty();
    for (session, timeout_ms) in &reader.sessions {
        tree.load_session(*session, *timeout_ms);
    }
    let mut acls: HashMap<i64, AclRef> =
        HashMap::from([(OPEN_ACL_ID, tree.load_acl(OPEN_ACL_UNSAFE))]);
    for (id, list) in &reader.acls {
        acls.insert(*id, tree.load_acl(AclVector::from_decoded(list)));
    }
    while let Some(node) = reader.next_node()? {
        let acl = *acls
            .entry(node.acl_id)
            .or_insert_with(|| tree.load_unresolved_acl(node.acl_id));
        tree.load_node(node.path, node.data, acl, node.stat)
            .map_err(|fault: Fault| Error::damage(path, fault.at(node.offset)))?;
    }
    reader.finish()?;
    Ok(tree)
}
