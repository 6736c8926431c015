//! The objects of ncdu's own format, which `du --ncdu` writes.

use serde::Serialize;

/// What made the file.
#[derive(Debug, Serialize)]
pub struct NcduHeader {
    pub progname: &'static str,
    pub progver: &'static str,
    pub timestamp: u64,
}

/// A znode, as ncdu has files and directories.
#[derive(Debug, Serialize)]
pub struct NcduNode {
    pub name: String,
    pub asize: usize,
    pub dsize: usize,
    pub dev: u32,
    pub ino: u64,
}
