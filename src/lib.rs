//! Reads, verifies and restores the data directories of Apache ZooKeeper, offline.
//!
//! The folders are floors: each uses only those above it in this list.
//!
//! | folder | what is in it |
//! |---|---|
//! | [`mod@format`] | the bytes of ZooKeeper's files: records, txn logs, snapshots, checksums, file names, releases |
//! | [`tree`] | the znodes, sessions and digest of a server, and what a txn does to them; choosing, comparing and printing znodes |
//! | [`archive`], [`repository`] | where a history is stored other than in a directory: a portable file, and anybody's tar or zip; many backups |
//! | [`history`] | a data directory, an archive or a repository as one history: its source, timeline, and the tree at any point |
//! | [`analysis`] | reports on a history: inspect, verify, compare, the life of a znode, what was deleted, who writes most |
//! | [`recovery`] | what is written out of a history: a restored data directory, an archive |
//! | [`server`] | what ZooKeeper's servers make of a data directory, release by release, and the messages that they print |
//! | [`backup`] | backups into a repository, checks and drills of it, retention, copies |
//!
//! A restore shows how data flows. [`history::source`] opens a data directory,
//! [`history::timeline`] reads which zxids its logs hold and where txns are missing,
//! [`history::replay`] chooses a snapshot and replays logs onto it up to a point, comparing digests
//! and later snapshots, and [`recovery::restore`] writes the tree as a new data directory.
//!
//! The library takes paths and options and returns reports. It never prints, exits, or reads the
//! environment. It opens sources for reading only. The program `zoovault` (`src/cli`) parses
//! arguments, prints reports, and sets the exit status.

// Used by every floor.
pub mod durable;
pub mod error;
pub mod progress;
pub mod zxid;

// The floors, from the ground up.
pub mod format;

pub mod tree;

pub mod archive;
pub mod repository;

pub mod history;

pub mod analysis;
pub mod recovery;

pub mod server;

pub mod backup;
