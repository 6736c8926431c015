//! Which txns are wanted. What does not decide is not decoded: a txn that is not wanted costs
//! little more than its checksum.

use super::sessions::Closed;
use crate::format::record::TxnKind;
use crate::format::record::named_paths::{names_path, part_kinds};
use crate::format::txnlog::Entry;
use crate::tree::glob::PathGlob;
use crate::zxid::SessionId;

/// Which txns are wanted: all those that every condition holds for. Without conditions, all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    paths: Vec<PathTest>,
    sessions: Vec<SessionId>,
    ops: Vec<TxnKind>,
    only_errors: bool,
    min_size: u64,
}

/// A pattern, with the bytes that tell most paths from it.
#[derive(Clone, Debug)]
struct PathTest {
    prefix: Vec<u8>,
    glob: PathGlob,
}

impl Filter {
    /// Only txns that name a path that one of `globs` means; of multis and closed sessions, a path
    /// within.
    #[must_use]
    pub fn paths(mut self, globs: impl IntoIterator<Item = PathGlob>) -> Filter {
        self.paths = globs
            .into_iter()
            .map(|glob| PathTest {
                prefix: glob.literal_prefix().into(),
                glob,
            })
            .collect();
        self
    }

    /// Only txns of these sessions; of any, if none is given.
    #[must_use]
    pub fn sessions(mut self, sessions: Vec<SessionId>) -> Filter {
        self.sessions = sessions;
        self
    }

    /// Only txns of these kinds, or multis with a part of one; together with paths, that part has
    /// to name the path.
    #[must_use]
    pub fn ops(mut self, ops: Vec<TxnKind>) -> Filter {
        self.ops = ops;
        self
    }

    /// Only requests that failed: error records, and multis that failed.
    #[must_use]
    pub fn only_errors(mut self, only_errors: bool) -> Filter {
        self.only_errors = only_errors;
        self
    }

    /// Only records that take at least so many bytes of the log.
    #[must_use]
    pub fn min_size(mut self, bytes: u64) -> Filter {
        self.min_size = bytes;
        self
    }

    /// Whether a path is wanted: any is, where no pattern was given.
    pub fn wants_path(&self, path: &[u8]) -> bool {
        self.paths.is_empty() || self.names(path)
    }

    /// Whether there are patterns of paths.
    pub fn has_paths(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Whether the txn in `entry` is wanted. `closed` is what is known of the session that it
    /// closes.
    pub fn wants(&self, entry: &Entry<'_>, closed: Option<&Closed>) -> bool {
        let header = &entry.header;
        if entry.end_offset() - entry.offset < self.min_size {
            return false;
        }
        if !self.sessions.is_empty() && !self.sessions.contains(&header.client_id) {
            return false;
        }
        if self.only_errors && !is_failed(entry) {
            return false;
        }
        let is_whole_wanted = self.wants_kind(header.kind());
        if self.paths.is_empty() {
            return is_whole_wanted || part_kinds(entry.payload).any(|part| self.wants_kind(part));
        }
        names_path(entry.payload, |kind, path| {
            (is_whole_wanted || self.wants_kind(Some(kind))) && self.names(path)
        }) || (is_whole_wanted
            && closed.is_some_and(|closed| closed.removed.iter().any(|path| self.names(path))))
    }

    fn wants_kind(&self, kind: Option<TxnKind>) -> bool {
        self.ops.is_empty() || kind.is_some_and(|kind| self.ops.contains(&kind))
    }

    fn names(&self, path: &[u8]) -> bool {
        self.paths
            .iter()
            .any(|test| path.starts_with(&test.prefix) && test.glob.is_match(path))
    }
}

/// Whether the txn is a request that failed.
pub fn is_failed(entry: &Entry<'_>) -> bool {
    entry.header.kind() == Some(TxnKind::Error)
        || part_kinds(entry.payload).any(|part| part == Some(TxnKind::Error))
}
