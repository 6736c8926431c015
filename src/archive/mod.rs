//! The portable archive: a `.tar.gz` that needs nothing but `tar` and `sha256sum`.
//!
//! ```text
//! zookeeper-0x145-0x27b/version-2/snapshot.144     the base, as the server wrote it
//! zookeeper-0x145-0x27b/version-2/log.145          the txns behind it, cut at record boundaries
//! zookeeper-0x145-0x27b/version-2/currentEpoch     where the source has them
//! zookeeper-0x145-0x27b/version-2/acceptedEpoch
//! zookeeper-0x145-0x27b/SHA256SUMS                 for `sha256sum -c`
//! zookeeper-0x145-0x27b/manifest.json              what this is; always last, so an archive with it is whole
//! ```
//!
//! The one folder is a dataDir that a server could start from. gzip is a series of members,
//! compressed side by side; every gzip reads that as one stream.
//!
//! Such an archive is read by unpacking it into a temporary folder (`TMPDIR`), each file against
//! its SHA-256. Only the names above are taken out, and only plain files: an archive cannot write
//! anywhere else.
//!
//! Any other tar or zip, and what somebody compressed, is read where it is: [`read_members`].

mod content;
mod gzip;
mod manifest;
mod members;
mod packing;
mod spool;
mod streams;
mod unpack;
mod writer;

pub use content::Content;
pub use gzip::ParallelGzip;
pub use manifest::{ArchivedFile, FORMAT_VERSION, Manifest, Verdict};
pub use members::{
    Member, Members, NotOurs, Unpacked, Wanted, not_ours, read as read_members, unpack_head,
    unpack_one,
};
pub use packing::Packing;
pub use streams::{Streams, Trailing};
pub use unpack::{Export, check, may_be_own, unpack};
pub use writer::ArchiveWriter;

/// The list of hashes.
pub const SUMS_NAME: &str = "SHA256SUMS";
/// The archive's description of itself.
pub const MANIFEST_NAME: &str = "manifest.json";
