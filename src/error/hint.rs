//! What to do next, as a value: the library does not know what the options of the program are
//! called. `src/cli/views/hint.rs` has the words.

use crate::zxid::Zxid;
use std::borrow::Cow;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// As it reads: no option of the program is needed for it.
    Plain(Cow<'static, str>),
    /// Read or write as somebody who may.
    RunAsOwner,
    /// Name one of several data directories.
    NameDataDir {
        /// The first of them, as a source is named.
        place: String,
    },
    /// Name the separate dataLogDir.
    NameLogDir,
    /// These are the dataDir and the dataLogDir, and what was named is only their parent.
    GiveBoth {
        /// The one with snapshots.
        data_dir: String,
        /// The one with logs.
        log_dir: String,
    },
    /// Name it, if there is one; otherwise the logs are missing.
    FindLogs,
    /// The same, or use the snapshot without logs as it is.
    FindLogsOrAcceptUnproven,
    /// The same, or only look at what is in the snapshot.
    FindLogsOrInspect,
    /// This snapshot has no logs; it can be used, or looked at, as it is.
    UseSnapshotAsIs {
        /// Its name.
        name: String,
    },
    /// This snapshot has no logs, and can only be looked at.
    InspectSnapshotAsIs {
        /// Its name.
        name: String,
        /// Why it is not the tree at any moment.
        why: String,
    },
    /// What follows this transaction is unknown; it is the last that can be read.
    LastReadable(Zxid),
    /// The last point is the last that there is.
    LatestIsLast,
    /// The last point may be what was meant.
    PerhapsLatest,
    /// Restore without ephemerals.
    DropEphemerals,
    /// The same, if ephemerals matter at all.
    DropEphemeralsIfTheyMatter,
    /// Restore into one directory, or into two separate ones.
    OneTargetOrTwo,
    /// Say which backups to keep.
    NameWhatToKeep,
    /// Back up again before this backup is forgotten, or forget its whole lineage.
    ForgetLineage,
}

impl Hint {
    /// `text`, in a constant.
    pub const fn plain(text: &'static str) -> Hint {
        Hint::Plain(Cow::Borrowed(text))
    }
}

impl From<&'static str> for Hint {
    fn from(text: &'static str) -> Hint {
        Hint::plain(text)
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Hint {
        Hint::Plain(text.into())
    }
}
