//! What `compare` writes.

use schemars::JsonSchema;
use serde::Serialize;

/// `zoovault compare --json`. Members are numbered from 1, in the order in which they were given.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Compare {
    /// `same history` or what differs, in the words of the text output.
    pub verdict: &'static str,
    /// The exit status.
    pub exit_status: u8,
    /// How many voters the ensemble has.
    pub voters: usize,
    /// The members.
    pub members: Vec<CompareMember>,
    /// How many transactions all members hold.
    pub common_txns: u64,
    /// The ranges of those.
    pub common: Vec<CommonTxns>,
    /// Each member against each other.
    pub pairs: Vec<Pair>,
    /// Zxids of which members hold different transactions.
    pub forks: Vec<Fork>,
    /// Ranges that one member lacks and another holds.
    pub holes: Vec<Hole>,
    /// Transactions at the end of members that were perhaps never committed.
    pub tails: Vec<Uncommitted>,
    /// Transactions at the end of an epoch, without which other members continued.
    pub branches: Vec<Uncommitted>,
    /// The last transaction that was certainly committed.
    pub committed: Option<Committed>,
    /// The best member to restore from.
    pub best: Option<Best>,
}

/// A member.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CompareMember {
    /// Its number.
    pub number: usize,
    /// The source, as it was named.
    pub source: String,
    /// How many logs it has.
    pub logs: usize,
    /// How many snapshots it has.
    pub snapshots: usize,
    /// How many transactions it holds.
    pub txns: u64,
    /// Whether it shares any transaction with another member.
    pub has_txns_in_common: bool,
    /// The first zxid.
    pub first_zxid: Option<String>,
    /// The last zxid.
    pub last_zxid: Option<String>,
    /// The time of the first.
    pub first_time_ms: Option<i64>,
    /// The time of the last.
    pub last_time_ms: Option<i64>,
    /// How many transactions it lacks at its end.
    pub behind_txns: u64,
    /// The newest range that it can restore.
    pub window: Option<CompareWindow>,
    /// What is wrong with its files.
    pub faults: Vec<CompareFault>,
}

/// A range that a member can restore.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CompareWindow {
    /// Its first zxid.
    pub from_zxid: String,
    /// Its last zxid.
    pub to_zxid: String,
    /// The snapshot that a restore starts from.
    pub base: String,
}

/// What is wrong with a file.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CompareFault {
    /// The file.
    pub file: String,
    /// The byte offset.
    pub offset: Option<u64>,
    /// The zxid of the record at fault.
    pub zxid: Option<String>,
    /// Where the record's own zxid is not known: the last good zxid before it.
    pub after_zxid: Option<String>,
    /// What is wrong.
    pub message: String,
    /// Whether it is damage, or an end that servers write.
    pub is_damage: bool,
}

/// A range of transactions that all members hold.
#[derive(Debug, JsonSchema, Serialize)]
pub struct CommonTxns {
    /// The first zxid.
    pub first_zxid: String,
    /// The last zxid.
    pub last_zxid: String,
}

/// Two members.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Pair {
    /// Their numbers.
    pub members: Vec<usize>,
    /// How many transactions are the same.
    pub same_txns: u64,
    /// How many of those are in other bytes without effect.
    pub in_other_bytes: u64,
    /// How many zxids hold different transactions.
    pub differing_zxids: u64,
    /// The first zxid that both hold alike.
    pub agreed_from_zxid: Option<String>,
    /// The last zxid up to which both agree.
    pub agreed_to_zxid: Option<String>,
    /// How many transactions each has after the end of the other.
    pub ahead_txns: [u64; 2],
    /// The first difference.
    pub first_difference: Option<FirstDifference>,
}

/// The first transaction in which two members differ.
#[derive(Debug, JsonSchema, Serialize)]
pub struct FirstDifference {
    /// Its zxid.
    pub zxid: String,
    /// Where each member has it.
    pub places: [RecordPlace; 2],
    /// The first byte of the payload that differs.
    pub payload_byte: u64,
    /// The fields that differ.
    pub fields: Vec<DifferingField>,
}

/// Where a record is.
#[derive(Debug, JsonSchema, Serialize)]
pub struct RecordPlace {
    /// The file.
    pub file: String,
    /// The byte offset.
    pub offset: u64,
}

/// A field that differs.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DifferingField {
    /// Its name.
    pub name: String,
    /// Its value in each member; `null` where there is none.
    pub values: [Option<String>; 2],
}

/// A zxid of which members hold different transactions.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Fork {
    /// The zxid.
    pub zxid: String,
    /// The members, grouped by the transaction that they hold.
    pub sides: Vec<Vec<usize>>,
    /// The group that is a majority of the voters.
    pub majority: Option<Vec<usize>>,
}

/// Transactions that a member lacks.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Hole {
    /// The member's number.
    pub member: usize,
    /// The first zxid.
    pub first_zxid: String,
    /// The last zxid.
    pub last_zxid: String,
    /// The members that hold them.
    pub filled_by: Vec<usize>,
    /// Whether they were certainly committed.
    pub is_committed: bool,
    /// The member's own snapshot that continues after the hole.
    pub snapshot_behind: Option<String>,
}

/// Transactions that were perhaps never committed.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Uncommitted {
    /// The members that hold them.
    pub members: Vec<usize>,
    /// The members that do not.
    pub not_members: Vec<usize>,
    /// The first zxid.
    pub first_zxid: String,
    /// The last zxid.
    pub last_zxid: String,
}

/// What was certainly committed.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Committed {
    /// The last zxid.
    pub zxid: String,
    /// `majority` or `snapshot`.
    pub proof: &'static str,
    /// The snapshot that proves it.
    pub snapshot: Option<SnapshotOfMember>,
}

/// A snapshot of a member.
#[derive(Debug, JsonSchema, Serialize)]
pub struct SnapshotOfMember {
    /// The member's number.
    pub member: usize,
    /// The file name.
    pub name: String,
}

/// The best member to restore from.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Best {
    /// Its number.
    pub member: usize,
    /// Whether it reaches the last transaction that was certainly committed.
    pub reaches_last_committed: bool,
    /// Whether it holds transactions after that, which were perhaps never committed.
    pub has_more: bool,
    /// The members that are as good.
    pub equals: Vec<usize>,
}
