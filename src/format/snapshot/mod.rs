//! Snapshots, `snapshot.N` (`FileSnap`, `SnapStream`, `DataTree.serialize`).
//!
//! | part | layout |
//! |---|---|
//! | header | magic `ZKSN`; int version 2; long dbid −1; neither is checked |
//! | sessions | int count; count × (long session, int timeout in ms) |
//! | ACL map | int count; count × (long id, vector of ACL); id −1 is `OPEN_ACL_UNSAFE` and not in the map |
//! | znodes | ustring path, buffer data, long ACL id, stat (60); the root first, with the path ``, parents before children |
//! | end | ustring `/` |
//! | seal | long: Adler-32 of all bytes before it; ustring `/` |
//! | digest, seal | 3.6.0+, if digests are on: long zxid, int version 2, long digest of the tree |
//! | last zxid, seal | 3.9.0+, unless turned off: long zxid |
//!
//! Nothing says which of the last two parts there are but the number of bytes left after the first
//! seal: 0, 33, 54 or 21. A server decides by its own configuration and refuses what it does not
//! expect, so a file that ends with the first seal is the one shape that every release loads.
//!
//! `.gz` is a gzip stream of it, `.snappy` snappy-java's own framing (see [`codec`]); offsets in
//! errors count in the decompressed stream.
//!
//! **Fuzzy.** The server goes on applying txns while it writes. A file named N holds all effects of
//! txns up to N, and *any part* of the effects of those up to some later E. Replaying N+1 to E
//! makes it exact; stopping before E does not. The digest part tells E; see
//! [`crate::history::replay`].
//!
//! A crash can leave any prefix, also under the final name. The last five bytes prove nothing.

mod check;
pub mod codec;
mod reader;
mod version2;
mod writer;

pub use check::{NewestZxids, SnapshotSummary, check};
pub use reader::{NodeRecord, SnapshotReader, peek_trailer};
pub use writer::SnapshotWriter;

use crate::format::record::TxnDigest;
use crate::zxid::Zxid;

/// `ZKSN`.
pub const MAGIC: [u8; 4] = *b"ZKSN";
/// The only version.
pub const VERSION: i32 = 2;
/// What servers write as dbid.
pub const DBID: i64 = -1;
/// Magic, version, dbid.
pub const HEADER_LEN: usize = 4 + 4 + 8;
/// The id of `OPEN_ACL_UNSAFE`.
pub const OPEN_ACL_ID: i64 = -1;
/// The path that ends the znodes, and every seal.
pub const END_MARK: &[u8] = b"/";
/// Checksum and end mark.
const SEAL_LEN: usize = 8 + 4 + 1;
/// Zxid, version and digest.
const DIGEST_LEN: usize = 8 + 4 + 8;
/// A zxid.
const LAST_ZXID_LEN: usize = 8;

/// What stands behind the first seal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trailer {
    /// The last zxid applied when the znodes were all written, and the tree's digest then. `(0, 0)`
    /// is "none recorded": a fresh server, or a follower that had just been sent the tree.
    pub digest: Option<(Zxid, TxnDigest)>,
    /// The last zxid applied when the file was all written. A follower that was just sent the tree
    /// writes its own, not the leader's.
    pub last_zxid: Option<Zxid>,
}
