//! What a verifier tells: one thing at a place, with a stable code.

use super::codes;
use crate::error::TxnPlace;
use crate::zxid::Zxid;
use std::path::PathBuf;

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// The operator should look.
    Warning,
    /// Txns are missing that the last point needs.
    Missing,
    /// Bytes are damaged.
    Damage,
}

impl Severity {
    /// As people and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Missing => "missing",
            Severity::Damage => "damage",
        }
    }
}

/// One thing noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable, for programs: `log-bad-checksum`.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// The file, where one is concerned.
    pub file: Option<PathBuf>,
    /// Bytes from its start; in a compressed snapshot, of the decompressed stream, unless it cannot
    /// be read there.
    pub offset: Option<u64>,
    /// The txn, or where only that is known, the last one before it.
    pub txn: Option<TxnPlace>,
    /// When that was, in ms: the time of the txn, or of the last one before it that the logs hold.
    pub time: Option<i64>,
    /// One line: what is there.
    pub message: String,
    /// One line: what to do, where there is something.
    pub next: Option<&'static str>,
}

impl Finding {
    /// A finding about the whole source.
    pub fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Finding {
        Finding {
            code,
            severity,
            file: None,
            offset: None,
            txn: None,
            time: None,
            message: message.into(),
            next: None,
        }
    }

    /// What servers make of it, whatever the file.
    pub fn server(&self) -> Option<&'static str> {
        codes::find(self.code).map(|code| code.server)
    }

    /// Says which file.
    #[must_use]
    pub fn file(mut self, file: impl Into<PathBuf>) -> Finding {
        self.file = Some(file.into());
        self
    }

    /// Says where in it.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Finding {
        self.offset = Some(offset);
        self
    }

    /// Says at which txn.
    #[must_use]
    pub fn zxid(mut self, zxid: impl Into<Option<Zxid>>) -> Finding {
        self.txn = zxid.into().map(TxnPlace::Of);
        self
    }

    /// Says behind which txn, where that is all that is known.
    #[must_use]
    pub fn after(mut self, zxid: impl Into<Option<Zxid>>) -> Finding {
        self.txn = zxid.into().map(TxnPlace::After);
        self
    }

    /// Says where among the txns, as far as it is known.
    #[must_use]
    pub fn txn(mut self, txn: Option<TxnPlace>) -> Finding {
        self.txn = txn;
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn next(mut self, next: &'static str) -> Finding {
        self.next = Some(next);
        self
    }
}
