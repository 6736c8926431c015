//! What `--server` adds to `verify` and `explain`.

use schemars::JsonSchema;
use serde::Serialize;

/// Why it is not known what servers would do: zoovault may not read a file that they read.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
pub struct NotForecast {
    /// The file.
    pub file: String,
    /// Why it could not be read.
    pub message: String,
    /// What to do next.
    pub next_step: Option<String>,
}

/// What a server of one release would do.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
pub struct Forecast {
    /// The release.
    pub release: String,
    /// Settings of `-D` that the release does not have.
    pub ignored_settings: Vec<&'static str>,
    /// Whether it starts, alone and as a member, and serves the correct tree.
    pub is_right: bool,
    /// The snapshot that it loads.
    pub base: Option<String>,
    /// The logs that it replays.
    pub logs: Vec<String>,
    /// What it prints on the way.
    pub prints: Vec<Printed>,
    /// What happens where it starts alone.
    pub standalone: Outcome,
    /// What happens where it starts as a member of an ensemble; the tree is the same as alone.
    pub member: Outcome,
}

/// A line that a server prints.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
pub struct Printed {
    /// The file that it is about.
    pub file: String,
    /// The line.
    pub line: String,
}

/// How a start ends.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// It serves.
    Served(Box<Served>),
    /// It refuses.
    Refused(Refused),
    /// It starts.
    Starts {
        /// `true`.
        starts: bool,
    },
}

/// A server that refuses.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
pub struct Refused {
    /// `false`.
    pub starts: bool,
    /// The class of the exception.
    pub exception: String,
    /// Its message.
    pub message: String,
    /// The file that it was reading.
    pub file: Option<String>,
    /// The byte offset in that file.
    pub offset: Option<u64>,
    /// The last zxid that it read before.
    pub after_zxid: Option<String>,
    /// The id of the message, as `explain` has it.
    pub message_id: Option<&'static str>,
    /// The cause.
    pub cause: Option<&'static str>,
    /// Whether data is at risk.
    pub data_at_risk: Option<&'static str>,
    /// What to do next.
    pub next_step: Option<&'static str>,
}

/// A server that starts.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
pub struct Served {
    /// `true`.
    pub starts: bool,
    /// The last zxid that it has.
    pub last_zxid: String,
    /// How many znodes it loads.
    pub znodes: usize,
    /// How many znodes it serves, after its first cleaning up.
    pub znodes_served: usize,
    /// How many transactions it replays.
    pub txns: u64,
    /// The last zxid that the directory holds, if the server stops before it.
    pub not_loaded_to_zxid: Option<String>,
    /// The holes that it goes over in silence.
    pub holes: Vec<Hole>,
    /// How many changes fail in silence.
    pub changes_swallowed: u64,
    /// The first of those.
    pub first_swallowed_zxid: Option<String>,
    /// How many digests do not match.
    pub digest_mismatches: u64,
    /// The first of those.
    pub first_digest_mismatch_zxid: Option<String>,
    /// Sessions that end with the start.
    pub ended_sessions: Vec<String>,
    /// How its tree compares with the correct one.
    pub truth: Truth,
}

/// A hole that a server goes over.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
pub struct Hole {
    /// The last zxid before it.
    pub after_zxid: String,
    /// The first zxid after it.
    pub before_zxid: String,
}

/// How a server's tree compares with the correct one.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Truth {
    /// The correct tree cannot be determined.
    Unknown {
        /// `false`.
        is_known: bool,
        /// Why.
        reason: String,
    },
    /// It can.
    Known {
        /// `true`.
        is_known: bool,
        /// The proof of the correct tree.
        proof: &'static str,
        /// How many znodes the server lacks.
        znodes_missing: u64,
        /// How many znodes it has that should not be there.
        znodes_surplus: u64,
        /// How many znodes differ.
        znodes_changed: u64,
        /// How many sessions differ.
        sessions_different: u64,
        /// The first of the missing ones.
        missing: Vec<String>,
        /// The first of the surplus ones.
        surplus: Vec<String>,
        /// The first of the changed ones.
        changed: Vec<ChangedZnode>,
    },
}

/// A znode that differs.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
pub struct ChangedZnode {
    /// Its path.
    pub path: String,
    /// The fields that differ.
    pub fields: Vec<&'static str>,
}
