//! Transaction logs, `log.N`: the same in every release (`FileTxnLog`, `FilePadding`).
//!
//! | offset | size | value |
//! |---|---|---|
//! | 0 | 4 | magic `ZKLG` |
//! | 4 | 4 | int version: 2 is written, nothing checks it |
//! | 8 | 8 | long dbid: 0 is written, nothing checks it |
//!
//! then records, back to back:
//!
//! | offset | size | value |
//! |---|---|---|
//! | 0 | 8 | long: Adler-32 of the payload alone |
//! | 8 | 4 | int: the payload's length n |
//! | 12 | n | the payload, see [`crate::format::record::txn`] |
//! | 12+n | 1 | end mark, `B` |
//!
//! then zeros: space is allocated ahead, 64 MiB at a time by default, so a file's size says
//! nothing. A file that a follower was told to truncate, or that `LogChopper` made, has none.
//!
//! **What a crash leaves.** A record may be there in part: the file ends in it, or its end mark and
//! perhaps more is still zero, and only zeros follow. That is [`LogEnd::Torn`]; the txn was never
//! acknowledged, and a server takes it for the end of the file. The same damage with records
//! *behind* it is no torn write: a server drops those records in silence, and this module reports
//! it.
//!
//! Names: `log.` and the hexadecimal zxid of the first record that the server put in. Nothing
//! checks it. Types of txns and lengths are not limited here: servers apply `jute.maxbuffer`.

mod header;
mod reader;
mod scan;
mod writer;

pub use reader::{Entry, LogReader, payload_of_whole};
pub use scan::{Level, LogFault, LogSummary, Mark, Run, scan, scan_headless};
pub use writer::{LogWriter, encode_header, encode_record};

/// `ZKLG`.
pub const MAGIC: [u8; 4] = *b"ZKLG";
/// The only version.
pub const VERSION: i32 = 2;
/// Magic, version, dbid.
pub const HEADER_LEN: usize = 4 + 4 + 8;
/// What stands before a payload: checksum and length.
pub const PREFIX_LEN: usize = 8 + 4;
/// What stands after a payload.
pub const END_OF_RECORD: u8 = b'B';

/// How a log ended, where it was not by damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEnd {
    /// The file ends with its last record.
    Eof,
    /// Zeros follow, to the end of the file.
    Padding,
    /// A write cut short, with nothing but zeros behind it.
    Torn {
        /// Where the record begins.
        offset: u64,
    },
}
