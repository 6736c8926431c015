//! The documents that `--json` writes, as types. Their fields are a contract: fields are added,
//! never renamed or removed. The page zoovault-json(7) is made from them and their comments.
//!
//! Zxids and digests are strings in hexadecimal with `0x`; times are milliseconds since 1970;
//! `null` means "not known" or "there is none".

mod backup;
mod compare;
mod explain;
mod inspect;
mod keep;
mod page;
mod restore;
mod server;
mod top;
mod verify;

pub use backup::{
    Backed, Backup, Backups, BackupsEntry, BackupsLineage, DamagedEntry, Init, Newest, Pin, Pinned,
    ReadableEntry, StoredRange,
};
pub use compare::{
    Best, Committed, CommonTxns, Compare, CompareFault, CompareMember, CompareWindow,
    DifferingField, FirstDifference, Fork, Hole, Pair, RecordPlace, SnapshotOfMember, Uncommitted,
};
pub use explain::{Consequence, Explain, ExplainDirectory, Explanation};
pub use inspect::{Inspect, InspectGap, InspectLog, InspectSnapshot, InspectWindow};
pub use keep::{
    Check, CheckFinding, CheckLoss, CheckRead, Copy, DamagedBackup, Drill, DrillFailure, Drilled,
    Forget, ForgetBackup, ForgetLineage, HeldBack, Prune, ZxidRange,
};
pub use page::documents;
pub use restore::{Export, RejectedBase, Restore};
pub use server::{
    ChangedZnode, Forecast, Hole as LoadHole, Outcome, Printed, Refused, Served, Truth,
};
pub use top::{Top, TopBucket, TopRow};
pub use verify::{
    AfterHeader, Finding, LoneSnapshot, Missing, NotRestorable, Verify, VerifyLog, VerifySnapshot,
    Window,
};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A failure, as one line on stderr.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Failure {
    /// What failed, and why.
    pub error: String,
    /// The exit status.
    pub exit_status: u8,
    /// The file at fault.
    pub file: Option<String>,
    /// The byte offset in that file.
    pub offset: Option<u64>,
    /// The zxid of the record at fault.
    pub zxid: Option<String>,
    /// Where the record's own zxid is not known: the last good zxid before it.
    pub after_zxid: Option<String>,
    /// What to do next.
    pub next_step: Option<String>,
}

/// A document as a value. Writing one of these types cannot fail: they have no maps with odd keys.
pub fn value(document: &impl Serialize) -> Value {
    serde_json::to_value(document).unwrap_or(Value::Null)
}
