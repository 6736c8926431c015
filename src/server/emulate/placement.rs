//! Logs among snapshots, or the other way round, where a server has a directory for each
//! (`FileTxnSnapLog.checkLogDir`, `checkSnapDir`).

use super::files;
use super::thrown::Thrown;
use crate::error::Result;
use std::path::Path;

/// What is where it should not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplaced {
    /// The dataLogDir has what is named like a snapshot.
    SnapshotInLogDir,
    /// The dataDir has what is named like a log.
    LogInSnapDir,
}

impl Misplaced {
    /// What a server that looks for it finds first, in directories that it takes for two.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn find(snap_dir: &Path, log_dir: &Path) -> Result<Option<Misplaced>> {
        if files::has_named(log_dir, "snapshot")? {
            return Ok(Some(Misplaced::SnapshotInLogDir));
        }
        let has_logs = files::has_named(snap_dir, "log")?;
        Ok(has_logs.then_some(Misplaced::LogInSnapDir))
    }

    /// What the server prints.
    pub fn message(self) -> &'static str {
        match self {
            Misplaced::SnapshotInLogDir => {
                "Log directory has snapshot files. Check if dataLogDir and dataDir configuration is correct."
            }
            Misplaced::LogInSnapDir => {
                "Snapshot directory has log files. Check if dataLogDir and dataDir configuration is correct."
            }
        }
    }

    /// What it throws.
    pub(super) fn thrown(self) -> Thrown {
        let class = match self {
            Misplaced::SnapshotInLogDir => {
                "org.apache.zookeeper.server.persistence.FileTxnSnapLog$LogDirContentCheckException"
            }
            Misplaced::LogInSnapDir => {
                "org.apache.zookeeper.server.persistence.FileTxnSnapLog$SnapDirContentCheckException"
            }
        };
        Thrown::Io(class, self.message().to_owned())
    }
}
