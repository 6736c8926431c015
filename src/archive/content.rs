//! What a file is, by its first bytes: whatever it is called, and however it was packed.

use super::packing::Packing;
use crate::format::snapshot::codec::Codec;
use crate::format::stream::{ReadAt, Span};
use crate::format::txnlog;
use std::io::{self, Read};

/// A header of tar.
const TAR_BLOCK: usize = 512;
/// How a zip begins: with a file, or with the end of one that holds none.
const ZIP_MAGICS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A log.
    Log,
    /// A snapshot, compressed as servers do or not.
    Snapshot(Codec),
    /// A log that somebody compressed.
    PackedLog(Packing),
    /// A snapshot that somebody compressed as no server does.
    PackedSnapshot(Packing),
    /// A tar, compressed or not.
    Tar(Option<Packing>),
    /// A zip.
    Zip,
    /// Something else that is compressed, or that cannot be decompressed.
    Packed(Packing),
    /// Something else.
    Foreign,
}

impl Content {
    /// What is in `file`.
    ///
    /// # Errors
    /// Those of the file.
    pub fn of(file: &impl ReadAt) -> io::Result<Content> {
        let head = begin(Span::new(file, 0), TAR_BLOCK)?;
        if let Some(plain) = Content::of_plain(&head) {
            return Ok(plain);
        }
        let Some(packing) = Packing::of_content(&head) else {
            return Ok(Content::Foreign);
        };
        // One that cannot be read is told by whoever reads it.
        let inner = begin(packing.reader(Span::new(file, 0)), TAR_BLOCK).unwrap_or_default();
        Ok(match (Content::of_plain(&inner), packing) {
            (Some(Content::Log), _) => Content::PackedLog(packing),
            (Some(Content::Snapshot(Codec::Plain)), Packing::Gzip) => {
                Content::Snapshot(Codec::Gzip)
            }
            (Some(Content::Snapshot(Codec::Plain)), _) => Content::PackedSnapshot(packing),
            (Some(Content::Tar(_)), _) => Content::Tar(Some(packing)),
            _ => Content::Packed(packing),
        })
    }

    fn of_plain(head: &[u8]) -> Option<Content> {
        if head.starts_with(&txnlog::MAGIC) {
            return Some(Content::Log);
        }
        if let Some(codec @ (Codec::Plain | Codec::Snappy)) = Codec::of_content(head) {
            return Some(Content::Snapshot(codec));
        }
        if ZIP_MAGICS.iter().any(|magic| head.starts_with(magic)) {
            return Some(Content::Zip);
        }
        is_tar(head).then_some(Content::Tar(None))
    }

    /// Whether a file that begins with `head` may be a log or a snapshot: its first
    /// [`Content::TOLD_BY`] bytes.
    pub(super) fn may_be_ours(head: &[u8]) -> bool {
        matches!(
            Content::of_plain(head),
            Some(Content::Log | Content::Snapshot(_))
        )
    }

    /// How many bytes of a file tell that.
    pub(super) const TOLD_BY: usize = Codec::TOLD_BY;
}

/// The first bytes of `from`, as many as there are up to `len`; what can be had where it fails
/// behind them.
pub(super) fn begin(from: impl Read, len: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    match from.take(len as u64).read_to_end(&mut head) {
        Err(err) if head.is_empty() => Err(err),
        Ok(_) | Err(_) => Ok(head),
    }
}

/// Whether a header of tar is what it says: there is no magic in the oldest form.
pub(super) fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<TAR_BLOCK>() else {
        return false;
    };
    let header = tar::Header::from_byte_slice(block);
    let (before, rest) = block.split_at(148);
    let bytes = before.iter().chain(rest.get(8..).unwrap_or_default());
    let sum = bytes.map(|byte| u32::from(*byte)).sum::<u32>() + 8 * u32::from(b' ');
    header.cksum().is_ok_and(|stored| stored == sum) && block.first() != Some(&0)
}
