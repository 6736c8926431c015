//! Writing a snapshot: the mirror of the reader.

use super::{DBID, END_MARK, MAGIC, NodeRecord, Trailer, VERSION};
use crate::format::checksum::Adler32;
use crate::format::jute::Put;
use crate::zxid::SessionId;
use std::io::{self, Write};

/// How much is gathered before it is summed and written.
const CHUNK_LEN: usize = 1 << 20;

/// Writes a snapshot. What it is given is what it writes: order and completeness are the caller's.
pub struct SnapshotWriter<W> {
    out: W,
    buffer: Vec<u8>,
    sum: Adler32,
    written: u64,
}

impl<W: Write> SnapshotWriter<W> {
    /// Writes all that stands before the znodes. `acls` are ids and the jute bytes of their lists.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new<'a>(
        out: W,
        sessions: &[(SessionId, i32)],
        acls: impl ExactSizeIterator<Item = (i64, &'a [u8])>,
    ) -> io::Result<SnapshotWriter<W>> {
        let mut buffer = Vec::with_capacity(CHUNK_LEN + (CHUNK_LEN >> 2));
        buffer.extend_from_slice(&MAGIC);
        buffer.put_int(VERSION);
        buffer.put_long(DBID);
        buffer.put_int(crate::format::jute::length(sessions.len()));
        for (session, timeout_ms) in sessions {
            buffer.put_long(session.0);
            buffer.put_int(*timeout_ms);
        }
        buffer.put_int(crate::format::jute::length(acls.len()));
        for (id, list) in acls {
            buffer.put_long(id);
            buffer.extend_from_slice(list);
        }
        Ok(SnapshotWriter {
            out,
            buffer,
            sum: Adler32::new(),
            written: 0,
        })
    }

    /// Writes one znode. `offset` of the record is not looked at.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn node(&mut self, node: &NodeRecord<'_>) -> io::Result<()> {
        self.buffer.put_buffer(Some(node.path));
        self.buffer.put_buffer(node.data);
        self.buffer.put_long(node.acl_id);
        node.stat.encode(&mut self.buffer);
        if self.buffer.len() >= CHUNK_LEN {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Writes the end of the znodes, the seal, and the parts of `trailer` with theirs. Gives back
    /// what was written to, and how many bytes were written.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self, trailer: &Trailer) -> io::Result<(W, u64)> {
        self.buffer.put_buffer(Some(END_MARK));
        self.seal()?;
        if let Some((zxid, digest)) = trailer.digest {
            self.buffer.put_long(zxid.to_i64());
            self.buffer.put_int(digest.version);
            self.buffer.put_long(digest.tree_digest);
            self.seal()?;
        }
        if let Some(zxid) = trailer.last_zxid {
            self.buffer.put_long(zxid.to_i64());
            self.seal()?;
        }
        self.out.flush()?;
        Ok((self.out, self.written))
    }

    fn seal(&mut self) -> io::Result<()> {
        self.flush()?;
        let sum = self.sum.value();
        self.buffer.put_long(sum);
        self.buffer.put_buffer(Some(END_MARK));
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sum.update(&self.buffer);
        self.out.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
