//! The bytes of ZooKeeper's files: jute records, txn logs, snapshots, their checksums, their names,
//! and which release writes what.
//!
//! Decoders and encoders only: nothing here knows of a tree, a history or a user. Uses
//! [`crate::error`] and [`crate::zxid`].

pub mod checksum;
pub mod datadir;
pub mod jute;
pub mod record;
pub mod release;
pub mod snapshot;
pub mod stream;
pub mod txnlog;
pub mod zoo_cfg;
