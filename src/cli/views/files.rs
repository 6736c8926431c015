//! What is shown of a log or a snapshot, by `inspect`, `verify` and its report.

use crate::cli::json;
use zoovault::format::txnlog::LogSummary;
use zoovault::history::replay::ExactFrom;
use zoovault::zxid::Zxid;

/// The whole records of a log behind a header that is not one.
pub fn behind_header_json(behind: &LogSummary) -> json::AfterHeader {
    json::AfterHeader {
        txns: behind.count,
        first_zxid: behind.first().map(|zxid| zxid.to_string()),
        last_zxid: behind.last().map(|zxid| zxid.to_string()),
        offset: behind.runs.first().map(|run| run.start_offset),
        runs: behind.runs.len(),
    }
}

/// From where on a snapshot is exact, and whether the file says so.
pub fn exactness(exact_from: Option<ExactFrom>) -> (Option<Zxid>, bool) {
    match exact_from {
        Some(ExactFrom::Known(zxid)) => (Some(zxid), true),
        Some(ExactFrom::Bounded(zxid)) => (Some(zxid), false),
        Some(ExactFrom::Open) | None => (None, false),
    }
}
