//! The bytes of records, by which two logs are compared.

use crate::error::Result;
use crate::format::stream::ReadAt;
use crate::format::txnlog::LogReader;
use crate::history::History;
use crate::zxid::Zxid;
use std::collections::BTreeMap;

/// The records of each zxid: one, but where an error used it again.
pub(super) type Payloads = BTreeMap<Zxid, Vec<Vec<u8>>>;

pub(super) fn collect<S: ReadAt + Clone>(
    mut reader: LogReader<S>,
    first: Zxid,
    last: Zxid,
    found: &mut Payloads,
) -> Result<()> {
    while let Some(entry) = reader
        .next_entry()?
        .filter(|entry| entry.header.zxid <= last)
    {
        if entry.header.zxid >= first {
            let payloads = found.entry(entry.header.zxid).or_default();
            payloads.push(entry.payload.to_vec());
        }
    }
    Ok(())
}

/// The first record of `zxid` in a source.
pub(super) fn payload_at(history: &History<'_>, zxid: Zxid) -> Result<Option<Vec<u8>>> {
    let pieces = history.timeline.pieces();
    for piece in pieces.filter(|piece| piece.contains(zxid)) {
        let mut found = Payloads::new();
        collect(piece.reader(history.source, zxid)?, zxid, zxid, &mut found)?;
        if let Some(payloads) = found.remove(&zxid) {
            return Ok(payloads.into_iter().next());
        }
    }
    Ok(None)
}
