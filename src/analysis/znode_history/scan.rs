//! Reads the txns that touch a scope, on all cores: logs are cut at the marks that the first
//! reading left, and what is found is handed on in order.

use super::scope::Scope;
use crate::error::Result;
use crate::history::source::Source;
use crate::history::timeline::{Piece, Segment, side_by_side};
use crate::progress::Progress;
use crate::zxid::ZxidRange;

/// How many marks of a run make a chunk: some ten thousand records.
const MARKS_PER_CHUNK: usize = 8;
/// How many chunks are read side by side before what they hold is handed on: that bounds the
/// memory.
const CHUNKS_AT_ONCE: usize = 32;

/// A stretch of one log.
struct Chunk<'a> {
    piece: &'a Piece,
    start_offset: u64,
    end_offset: u64,
}

/// The payloads that touch the scope, of one chunk.
#[derive(Default)]
struct Found {
    bytes: Vec<u8>,
    /// Where each payload ends in `bytes`, and its offset in the file.
    ends: Vec<(usize, u64)>,
}

/// Takes a payload, with the piece that it is of and its offset in the file.
type Sink<'s> = &'s mut dyn FnMut(&Piece, &[u8], u64) -> Result<()>;

/// Gives `sink` the payload of each txn of `segment` within `range` that touches `scope`, with its
/// offset, in order.
pub(super) fn scan(
    source: &Source,
    segment: &Segment,
    range: ZxidRange,
    scope: &Scope,
    progress: &dyn Progress,
    sink: Sink<'_>,
) -> Result<()> {
    let chunks = chunks(segment, range);
    let bytes = |chunk: &Chunk<'_>| chunk.end_offset.saturating_sub(chunk.start_offset);
    progress.start("searching logs", Some(chunks.iter().map(bytes).sum()));
    for group in chunks.chunks(CHUNKS_AT_ONCE) {
        let found = side_by_side(group, |chunk| {
            let found = read(source, chunk, range, scope)?;
            progress.advance(bytes(chunk));
            Ok(found)
        })?;
        for (chunk, found) in group.iter().zip(found) {
            let mut start = 0;
            for (end, offset) in found.ends {
                let payload = found.bytes.get(start..end).unwrap_or_default();
                sink(chunk.piece, payload, offset)?;
                start = end;
            }
        }
    }
    Ok(())
}

fn chunks(segment: &Segment, range: ZxidRange) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    for piece in &segment.pieces {
        let from = range.first.max(piece.from);
        if piece.run.last < from || piece.from > range.last {
            continue;
        }
        let begin = piece.run.mark_for(from).map(|mark| mark.offset);
        let is_meant = |offset: u64| begin.is_none_or(|begin| offset >= begin);
        let offsets: Vec<u64> = piece
            .run
            .marks
            .iter()
            .filter(|mark| is_meant(mark.offset) && mark.zxid <= range.last)
            .map(|mark| mark.offset)
            .step_by(MARKS_PER_CHUNK)
            .collect();
        let ends = offsets
            .iter()
            .skip(1)
            .copied()
            .chain(std::iter::once(piece.run.end_offset));
        for (start_offset, end_offset) in offsets.iter().copied().zip(ends) {
            chunks.push(Chunk {
                piece,
                start_offset,
                end_offset,
            });
        }
    }
    chunks
}

fn read(source: &Source, chunk: &Chunk<'_>, range: ZxidRange, scope: &Scope) -> Result<Found> {
    let log = chunk.piece.log(source)?;
    let mut reader = source
        .open_log(log)?
        .live(false)
        .starting_at(chunk.start_offset)
        .ending_at(chunk.end_offset);
    let from = range.first.max(chunk.piece.from);
    let mut found = Found::default();
    while let Some(entry) = reader.next_entry()? {
        let zxid = entry.header.zxid;
        if zxid > range.last {
            break;
        }
        if zxid >= from && scope.concerns_txn(entry.header.kind(), entry.payload) {
            found.bytes.extend_from_slice(entry.payload);
            found.ends.push((found.bytes.len(), entry.payload_offset()));
        }
    }
    Ok(found)
}
