//! Writing a tree as a snapshot, and proving what was written.

use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum::Hashed;
use crate::format::record::acl::OPEN_ACL_UNSAFE;
use crate::format::snapshot::codec::Codec;
use crate::format::snapshot::{NodeRecord, OPEN_ACL_ID, SnapshotReader, SnapshotWriter, Trailer};
use crate::format::stream::Span;
use crate::progress::{Counted, Progress};
use crate::tree::{AclValue, DataTree};
use crate::zxid::SessionId;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

/// How many bytes are written before they are worth a sync.
const SYNC_EVERY: usize = 32 << 20;

/// Writes `tree` to `out` as a plain snapshot that ends with its first seal, and says how many
/// bytes that took. Equal trees give equal bytes: siblings stand by name, ACLs by their bytes,
/// sessions by id. ACLs that are unknown are refused.
///
/// # Errors
/// Those of `out`; `InvalidData` for an unknown ACL.
pub fn write_snapshot(tree: &DataTree, out: impl Write) -> io::Result<u64> {
    let mut lists: Vec<&[u8]> = Vec::new();
    for list in tree.acls_in_use() {
        let AclValue::List(list) = list else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "an ACL is unknown",
            ));
        };
        lists.push(list.bytes());
    }
    lists.retain(|list| *list != OPEN_ACL_UNSAFE.bytes());
    lists.sort_unstable();
    let lists: Vec<(i64, &[u8])> = (1..).zip(lists).collect();
    let mut ids: HashMap<&[u8], i64> = lists.iter().map(|(id, list)| (*list, *id)).collect();
    ids.insert(OPEN_ACL_UNSAFE.bytes(), OPEN_ACL_ID);
    let sessions: Vec<(SessionId, i32)> = tree.sessions().collect();
    let mut writer = SnapshotWriter::new(out, &sessions, lists.iter().copied())?;
    for node in tree.in_order() {
        let AclValue::List(list) = node.acl else {
            continue;
        };
        let acl_id = ids.get(list.bytes()).copied().unwrap_or(OPEN_ACL_ID);
        writer.node(&NodeRecord {
            offset: 0,
            path: node.path,
            data: node.data,
            acl_id,
            stat: *node.stat,
        })?;
    }
    writer.finish(&Trailer::default()).map(|(_, size)| size)
}

/// Writes `tree` to a new file at `path`, syncs it, and reads it back: every field of every znode
/// is compared. Gives its size and SHA-256.
pub(super) fn write_and_read_back(
    tree: &DataTree,
    path: &Path,
    progress: &dyn Progress,
) -> Result<(u64, String)> {
    progress.start("writing", None);
    let file = File::options()
        .write(true)
        .read(true)
        .create_new(true)
        .open(path)
        .map_err(|err| Error::io(path, "create", err))?;
    let io = |doing| move |err| Error::io(path, doing, err);
    std::thread::scope(|scope| {
        // Syncing goes on beside writing, so that little is left to wait for at the end.
        let (due, dues) = sync_channel::<()>(1);
        let syncing = scope.spawn(|| {
            dues.into_iter().try_for_each(|()| file.sync_data())?;
            file.sync_all()
        });
        let due = SyncDue {
            file: Counted::new(&file, progress),
            unsynced: 0,
            due,
        };
        let mut hashed = Hashed::new(due);
        let size = write_snapshot(tree, &mut hashed).map_err(io("write"))?;
        let sha256 = hashed.sha256();
        progress.start("syncing and reading back", Some(size));
        read_back(tree, path, &file, progress)?;
        syncing
            .join()
            .expect("syncing does not panic")
            .map_err(io("sync"))?;
        Ok((size, sha256))
    })
}

/// Tells when enough was written to be worth a sync. When it is dropped, the last sync is due.
struct SyncDue<'a> {
    file: Counted<'a, &'a File>,
    unsynced: usize,
    due: SyncSender<()>,
}

impl Write for SyncDue<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.file.write(bytes)?;
        self.unsynced += len;
        if self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            // One is due already, or syncing failed, which its thread tells.
            let _ = self.due.try_send(());
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn read_back(tree: &DataTree, path: &Path, file: &File, progress: &dyn Progress) -> Result<()> {
    let wrong = |what: String| {
        Error::about(
            path,
            ErrorKind::Failed,
            format!("was written, but reads back wrong: {what}"),
        )
        .hint("check the disk")
    };
    let mut reader = SnapshotReader::new(path, Codec::Plain, Span::new(file, 0))?;
    let lists: HashMap<i64, Box<[u8]>> = reader.acls.drain(..).collect();
    if !reader.sessions.iter().copied().eq(tree.sessions()) {
        return Err(wrong("the sessions differ".to_owned()));
    }
    let mut told = 0;
    for expected in tree.in_order() {
        let differs = || wrong(format!("\"{}\" differs", expected.path.escape_ascii()));
        let found = reader.next_node()?.ok_or_else(differs)?;
        let list = match found.acl_id {
            OPEN_ACL_ID => Some(OPEN_ACL_UNSAFE.bytes()),
            id => lists.get(&id).map(|list| &**list),
        };
        let has_acl = matches!(expected.acl, AclValue::List(acl) if Some(acl.bytes()) == list);
        if found.path != expected.path
            || found.data != expected.data
            || found.stat != *expected.stat
            || !has_acl
        {
            return Err(differs());
        }
        if found.offset - told > 1 << 20 {
            progress.advance(found.offset - told);
            told = found.offset;
        }
    }
    if reader.next_node()?.is_some() {
        return Err(wrong("one znode too many".to_owned()));
    }
    reader.finish().map(|_| ())
}
