//! Snapshots as a server of 3.9 writes them.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::path::Path;

use zoovault::format::record::TxnDigest;
use zoovault::format::record::acl::OPEN_ACL_UNSAFE;
use zoovault::format::snapshot::{NodeRecord, OPEN_ACL_ID, SnapshotWriter, Trailer};
use zoovault::tree::{AclValue, DataTree};
use zoovault::zxid::{SessionId, Zxid};

/// The digest that a txn or a snapshot records.
pub fn digest_of(tree: &DataTree) -> TxnDigest {
    TxnDigest {
        version: 2,
        tree_digest: tree.digest().unwrap_or_default(),
    }
}

/// Writes `snapshot.N`, and gives its length. A fresh server has recorded no digest yet.
pub fn write_snapshot(tree: &DataTree, dir: &Path, is_fresh: bool) -> Result<u64, Box<dyn Error>> {
    let zxid = tree.last_zxid();
    let mut ids: HashMap<&[u8], i64> = HashMap::new();
    let mut lists = Vec::new();
    // Servers give the znodes of a fresh tree the id of the open list, and any others one of the
    // map.
    for node in tree.in_order() {
        let AclValue::List(list) = node.acl else {
            return Err("an unresolved list".into());
        };
        if node.stat.czxid == Zxid::ZERO && list == OPEN_ACL_UNSAFE {
            continue;
        }
        let next = i64::try_from(lists.len())? + 1;
        ids.entry(list.bytes()).or_insert_with(|| {
            lists.push((next, list.bytes()));
            next
        });
    }
    let file = File::create(dir.join(format!("snapshot.{:x}", zxid.to_i64())))?;
    let sessions: Vec<(SessionId, i32)> = tree.sessions().collect();
    let mut writer = SnapshotWriter::new(file, &sessions, lists.into_iter())?;
    for node in tree.in_order() {
        let AclValue::List(list) = node.acl else {
            return Err("an unresolved list".into());
        };
        let is_open = node.stat.czxid == Zxid::ZERO && list == OPEN_ACL_UNSAFE;
        let acl_id = if is_open {
            OPEN_ACL_ID
        } else {
            ids.get(list.bytes()).copied().unwrap_or(OPEN_ACL_ID)
        };
        writer.node(&NodeRecord {
            offset: 0,
            path: node.path,
            data: node.data,
            acl_id,
            stat: *node.stat,
        })?;
    }
    let digest = match is_fresh {
        false => digest_of(tree),
        true => TxnDigest {
            version: 2,
            tree_digest: 0,
        },
    };
    let trailer = Trailer {
        digest: Some((zxid, digest)),
        last_zxid: Some(zxid),
    };
    let (file, written) = writer.finish(&trailer)?;
    file.sync_all()?;
    Ok(written)
}
