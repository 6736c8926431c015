//! Reads txns in order and hands them on in batches, so that reading and summing go on beside
//! applying.

use crate::error::{Error, ErrorKind, Result};
use crate::history::source::Source;
use crate::history::timeline::Piece;
use crate::zxid::ZxidRange;
use std::sync::mpsc::SyncSender;

/// How many bytes of payloads go in a batch, or one payload that is larger.
const BATCH_LEN: usize = 1 << 20;

/// Payloads of consecutive txns of one piece.
#[derive(Debug, Default)]
pub(super) struct Batch {
    piece: usize,
    bytes: Vec<u8>,
    /// Where each payload ends in `bytes`, and its offset in the file.
    ends: Vec<(usize, u64)>,
}

impl Batch {
    /// How many bytes of payloads.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The index of the piece.
    pub fn piece(&self) -> usize {
        self.piece
    }

    /// The payloads, with their offsets in the file.
    pub fn payloads(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| *end));
        starts.zip(&self.ends).map(|(start, (end, offset))| {
            (self.bytes.get(start..*end).unwrap_or_default(), *offset)
        })
    }
}

/// Sends the txns of `pieces` within `range`.
pub(super) fn feed(
    source: &Source,
    pieces: &[Piece],
    range: ZxidRange,
    batches: &SyncSender<Result<Batch>>,
) -> Result<()> {
    for (index, piece) in pieces.iter().enumerate() {
        let from = range.first.max(piece.from);
        let to = range.last.min(piece.run.last);
        let mut reader = piece.reader(source, from)?;
        let mut batch = Batch {
            piece: index,
            ..Batch::default()
        };
        let mut last = None;
        while let Some(entry) = reader.next_entry()? {
            let zxid = entry.header.zxid;
            if zxid > to || entry.offset >= piece.run.end_offset {
                break;
            }
            if zxid < from {
                continue;
            }
            last = Some(zxid);
            let is_last = zxid == to;
            batch.bytes.extend_from_slice(entry.payload);
            batch.ends.push((batch.bytes.len(), entry.payload_offset()));
            if batch.bytes.len() >= BATCH_LEN {
                let full = std::mem::replace(
                    &mut batch,
                    Batch {
                        piece: index,
                        ..Batch::default()
                    },
                );
                if batches.send(Ok(full)).is_err() {
                    return Ok(());
                }
            }
            // What is behind is nobody's business, and may be damaged.
            if is_last {
                break;
            }
        }
        if last != Some(to) {
            let message = format!("no longer contains {to}: it was cut while being read");
            return Err(Error::about(
                piece.log(source)?.shown(),
                ErrorKind::SourceChanged,
                message,
            ));
        }
        if batches.send(Ok(batch)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
