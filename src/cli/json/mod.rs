//! The documents that `--json` writes, as types. Their fields are a contract: fields are added,
//! never renamed or removed. The page zoovault-json(7) is made from them and their comments.
//!
//! Zxids and digests are strings in hexadecimal with `0x`; times are milliseconds since 1970;
//! `null` means "not known" or "there is none".

mod backup;
mod bytes;
mod compare;
mod diff;
mod explain;
mod history;
mod inspect;
mod keep;
mod log;
mod ncdu;
mod page;
mod range;
mod restore;
mod server;
mod top;
mod verify;
mod write;
mod znode;

pub use backup::{
    Backed, Backup, Backups, BackupsEntry, BackupsLineage, DamagedEntry, Init, Newest, Pin, Pinned,
    ReadableEntry,
};
pub use bytes::{AsText, NullablePathField, PathField};
pub use compare::{
    Best, Committed, CommonTxns, Compare, CompareFault, CompareMember, CompareWindow,
    DifferingField, FirstDifference, Fork, Hole, Pair, RecordPlace, SnapshotOfMember, Uncommitted,
};
pub use diff::{DiffLine, DiffSession, DiffSide, DiffSummary, DiffTop, DiffZnode};
pub use explain::{Consequence, Explain, ExplainDirectory, Explanation, Surrounding};
pub use history::{HistoryEnd, HistoryEvent, HistoryGap, HistoryLine, HistoryStart, HistoryState};
pub use inspect::{Inspect, InspectEpoch, InspectGap, InspectLog, InspectSnapshot};
pub use keep::{
    Check, CheckFinding, CheckLoss, CheckRead, Copy, DamagedBackup, Drill, DrillFailure, Drilled,
    Forget, ForgetBackup, ForgetLineage, HeldBack, Prune,
};
pub use log::{ClosedSession, ErrorCode, LogDigest, LogOp, LogTxn, OpenedSession};
pub use ncdu::{NcduHeader, NcduNode};
pub use page::documents;
pub use range::{TimedRange, ZxidRange};
pub use restore::{Export, RejectedBase, Restore};
pub use server::{
    ChangedZnode, Forecast, Hole as LoadHole, NotForecast, Outcome, Printed, Refused, Served, Truth,
};
pub use top::{Top, TopBucket, TopRow};
pub use verify::{
    AfterHeader, Finding, LoneSnapshot, Missing, Verify, VerifyLog, VerifySnapshot, Window,
};
pub use write::{Each, Result, document, line, list, put_line, value};
pub use znode::{
    DeletedZnode, Deletion, Du, ExportHeader, ExportLine, ExportSession, ExportTree, ExportZnode,
    LastAcl, LsLine, PointFields, Subtree, Znode, ZnodeAt, ZnodeState,
};

use schemars::JsonSchema;
use serde::Serialize;

/// A failure, as one line on stderr.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Failure {
    /// Where the record's own zxid is not known: the last good zxid before it.
    pub after_zxid: Option<String>,
    /// What failed, and why.
    pub error: String,
    /// The exit status.
    pub exit_status: u8,
    /// The file at fault.
    pub file: Option<String>,
    /// What to do next.
    pub next_step: Option<String>,
    /// The byte offset in that file.
    pub offset: Option<u64>,
    /// The zxid of the record at fault.
    pub zxid: Option<String>,
}
