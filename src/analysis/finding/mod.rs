//! One thing that was noticed in a source or a repository: its code, how bad it is, where it is,
//! and the facts about it.

mod code;

pub use code::Code;

use crate::error::{Hint, TxnPlace};
use crate::zxid::{Zxid, ZxidRange};
use std::path::{Path, PathBuf};

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// The operator should look.
    Warning,
    /// Txns are missing that the last point needs.
    Missing,
    /// Bytes are damaged, or not what was stored.
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

/// What a program may want to know of a finding, beyond where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// How many bytes it has that is too large.
    Length(u64),
    /// The number of the error of the operating system.
    OsError(i32),
}

/// One thing noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// The file, or the object of a repository, where one is concerned.
    pub file: Option<PathBuf>,
    /// Bytes from its start; in a compressed snapshot, of the decompressed stream, unless it cannot
    /// be read there.
    pub offset: Option<u64>,
    /// The txn, or where only that is known, the last one before it.
    pub txn: Option<TxnPlace>,
    /// When that was, in ms: the time of the txn, or of the last one before it that the logs hold.
    pub time: Option<i64>,
    /// What else is known.
    pub fact: Option<Fact>,
    /// One line: what is there.
    pub message: String,
    /// What to do here, where that is not what is done about its code elsewhere.
    pub other_next: Option<Hint>,
    /// Ids of the backups that list the object, in the order in which they were made.
    pub backups: Vec<String>,
    /// Points that the lineage cannot give any more for this alone.
    pub lost: Vec<ZxidRange>,
}

impl Finding {
    /// A finding about the whole source or repository, of the first severity of its code.
    pub fn new(code: Code, message: impl Into<String>) -> Finding {
        Finding {
            code,
            severity: code.severities().first().copied().unwrap_or(Severity::Info),
            file: None,
            offset: None,
            txn: None,
            time: None,
            fact: None,
            message: message.into(),
            other_next: None,
            backups: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// What servers make of it.
    pub fn server(&self) -> Option<&'static str> {
        // That this program may not read a file says nothing about servers.
        let is_denied = matches!(self.other_next, Some(Hint::RunAsOwner));
        self.code.server().filter(|_| !is_denied)
    }

    /// The next safe step.
    pub fn next(&self) -> Hint {
        self.other_next.clone().unwrap_or(self.code.next())
    }

    /// The name of the object of a repository.
    pub fn object(&self) -> Option<&str> {
        self.file.as_deref().and_then(Path::to_str)
    }

    /// Says how bad, of a code that has more than one severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Finding {
        self.severity = severity;
        self
    }

    /// Says which file or object.
    #[must_use]
    pub fn file(mut self, file: impl Into<PathBuf>) -> Finding {
        self.file = Some(file.into());
        self
    }

    /// Says where in it.
    #[must_use]
    pub fn offset(mut self, offset: impl Into<Option<u64>>) -> Finding {
        self.offset = offset.into();
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

    /// Says what else is known.
    #[must_use]
    pub fn fact(mut self, fact: impl Into<Option<Fact>>) -> Finding {
        self.fact = fact.into();
        self
    }

    /// Says what to do, where that is not what is done about its code elsewhere.
    #[must_use]
    pub fn but_next(mut self, next: impl Into<Hint>) -> Finding {
        self.other_next = Some(next.into());
        self
    }

    /// Says which backups it concerns.
    #[must_use]
    pub fn backups(mut self, backups: impl IntoIterator<Item = String>) -> Finding {
        self.backups = backups.into_iter().collect();
        self
    }
}
