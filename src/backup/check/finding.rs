//! What a check of a repository tells: one thing about an object, with a stable code.

use super::codes;
use crate::error::TxnPlace;
use crate::zxid::Zxid;

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// The operator should look.
    Warning,
    /// Something that was stored is not there any more, or is not what it was.
    Damage,
}

impl Severity {
    /// As people and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Damage => "damage",
        }
    }
}

/// One thing noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable, for programs: `object-damaged`.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// The object, where one is concerned.
    pub object: Option<String>,
    /// Bytes from the start of what the object decompresses to; of a snapshot, of all its parts.
    pub offset: Option<u64>,
    /// The txn, or where only that is known, the last one before it.
    pub txn: Option<TxnPlace>,
    /// One line: what is there.
    pub message: String,
    /// Ids of the backups that list the object, in the order in which they were made.
    pub backups: Vec<String>,
    /// Points that the lineage cannot give any more for this alone.
    pub lost: Vec<(Zxid, Zxid)>,
}

impl Finding {
    /// A finding about the whole repository.
    pub fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Finding {
        Finding {
            code,
            severity,
            object: None,
            offset: None,
            txn: None,
            message: message.into(),
            backups: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Says which object.
    #[must_use]
    pub fn object(mut self, object: impl Into<String>) -> Finding {
        self.object = Some(object.into());
        self
    }

    /// Says where in it.
    #[must_use]
    pub fn offset(mut self, offset: Option<u64>) -> Finding {
        self.offset = offset;
        self
    }

    /// Says where among the txns.
    #[must_use]
    pub fn txn(mut self, txn: Option<TxnPlace>) -> Finding {
        self.txn = txn;
        self
    }

    /// Says which backups it concerns.
    #[must_use]
    pub fn backups(mut self, backups: impl IntoIterator<Item = String>) -> Finding {
        self.backups = backups.into_iter().collect();
        self
    }

    /// The next safe step.
    pub fn next(&self) -> Option<&'static str> {
        codes::find(self.code).map(|code| code.next)
    }
}
