//! What `explain` writes.

use super::{Forecast, NotForecast, Window};
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;

/// `zoovault explain --json` of messages
#[derive(Debug, JsonSchema, Serialize)]
pub struct Explain {
    /// Whether any message is known.
    pub recognised: bool,
    /// The exit status.
    pub exit_status: u8,
    /// How many lines were read.
    pub lines: u64,
    /// The messages that are known, the first causes first; what followed is in `led_to`.
    pub explanations: Vec<Explanation>,
    /// What to do next, where none is known.
    pub next_step: Option<&'static str>,
}

/// A message that is known.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Explanation {
    /// Its id.
    pub id: &'static str,
    /// How much it matters.
    pub weight: &'static str,
    /// The line in which it was found.
    pub message: String,
    /// The number of that line.
    pub line: u64,
    /// How often it was found.
    pub count: u64,
    /// The cause.
    pub cause: &'static str,
    /// What the message itself says: zxids, paths, sizes.
    pub facts: Vec<String>,
    /// Whether data is at risk.
    pub data_at_risk: &'static str,
    /// Which data.
    pub at_risk: &'static str,
    /// What to do next.
    pub next_step: &'static str,
    /// The first release that prints it.
    pub since: &'static str,
    /// The last release that prints it.
    pub until: Option<&'static str>,
    /// The findings of `verify` that go with it.
    pub findings: Vec<&'static str>,
    /// In how many starts of a server it was found.
    pub starts: u64,
    /// The messages that followed from it.
    pub led_to: Vec<Explanation>,
}

/// `zoovault explain --json` of a directory
#[derive(Debug, JsonSchema, Serialize)]
pub struct ExplainDirectory {
    /// The source, as it was named.
    pub source: String,
    /// The verdict of `verify`.
    pub verdict: &'static str,
    /// The exit status.
    pub exit_status: u8,
    /// Whether servers would start: `starts`, `loses` if all do and some serve missing or wrong
    /// data, `some-refuse`, `all-refuse`; `null` for what is no directory, and with `not_forecast`.
    pub start: Option<&'static str>,
    /// Why it is not known whether servers would start, if it is not.
    pub not_forecast: Option<NotForecast>,
    /// The snapshot that the first of them loads.
    pub base: Option<String>,
    /// The logs that it replays.
    pub logs: Vec<String>,
    /// What comes of a start, the most important first, where it is not what it should be.
    pub consequences: Vec<Consequence>,
    /// What else matters at a start: `myid`, `zoo.cfg`, epoch files, permissions. Those
    /// whose `given` is `null` count for `start`.
    pub surroundings: Vec<Surrounding>,
    /// What servers would do: each release of `--server`; without it, an entry for all releases
    /// that do the same, with a `release` such as `3.4.6 to 3.9.3`.
    pub servers: Vec<Forecast>,
    /// The ranges that can be restored exactly.
    pub windows: Vec<Window>,
}

/// What comes of a start.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Consequence {
    /// `refuses`, or `loses` if servers start and serve missing or wrong data.
    pub effect: &'static str,
    /// The releases concerned, as in `3.4.6 to 3.9.3`.
    pub releases: String,
    /// The file and the place in it, or what is served.
    pub found: String,
    /// What the server prints.
    pub message: Option<String>,
    /// The id of that message.
    pub message_id: Option<&'static str>,
    /// Whether data is at risk.
    pub data_at_risk: Option<&'static str>,
    /// The code of the finding of `verify` that goes with it.
    pub finding: Option<&'static str>,
    /// What to do next.
    pub next_step: Cow<'static, str>,
}

/// Something around the data that matters at a start.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Surrounding {
    /// What it is; stable.
    pub id: &'static str,
    /// `refuses`; `starts-empty`; `loses` if servers start without some of what there is;
    /// `fails-later`; `note`.
    pub impact: &'static str,
    /// Which servers: `any`, `member`, `standalone-or-leader`.
    pub role: &'static str,
    /// The releases concerned, as in `3.4.6 to 3.9.3`.
    pub releases: String,
    /// What has to be so for it and cannot be seen, such as the user that the server runs as;
    /// `null` if it is certain.
    pub given: Option<String>,
    /// The file.
    pub file: String,
    /// What there is.
    pub found: String,
    /// What the server prints.
    pub message: Option<String>,
    /// The id of that message.
    pub message_id: Option<&'static str>,
    /// Whether data is at risk, by that message.
    pub data_at_risk: Option<&'static str>,
    /// What to do next.
    pub next_step: &'static str,
}
