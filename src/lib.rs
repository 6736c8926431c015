//! Reads, proves and restores the data directories of Apache ZooKeeper, offline.
//!
//! Data flows one way. Bytes become records ([`jute`], [`record`]); logs and snapshots are files of records
//! ([`txnlog`], [`snapshot`]); a [`source`] is a data directory, an archive or a [`repository`] as one history; [`timeline`] knows which
//! zxids it holds, [`replay`] makes the [`tree`] at a point of it; [`verify`], [`compare`], [`diff`], [`txns`], [`top`], [`history`],
//! [`explain`], [`restore`], [`export`] and [`check`] are what users ask for.
//!
//! The library takes paths and options and gives reports. It never prints, exits, or reads the environment. It opens sources for
//! reading only.

// Floor 0.
pub mod checksum;
pub mod glob;
pub mod progress;
pub mod release;
pub mod stream;
pub mod time;
pub mod zxid;

// Floor 1.
pub mod error;
pub mod point;

// Floor 2.
pub mod durable;
pub mod jute;

// Floor 3.
pub mod record;

// Floor 4.
pub mod snapshot;
pub mod tree;
pub mod txnlog;

// Floor 5.
pub mod datadir;
pub mod view;
pub mod zkcli;

// Floor 6.
pub mod archive;
pub mod receipt;
pub mod repository;

// Floor 7.
pub mod copy;
pub mod retention;
pub mod source;

// Floor 8.
pub mod timeline;

// Floor 9.
pub mod replay;

// Floor 10.
pub mod check;
pub mod compare;
pub mod diff;
pub mod emulate;
pub mod history;
pub mod inspect;
pub mod lost;
pub mod restore;
pub mod txns;
pub mod verify;

// Floor 11.
pub mod backup;
pub mod drill;
pub mod explain;
pub mod export;
pub mod top;
