//! Ranges of zxids, which many documents have.

use schemars::JsonSchema;
use serde::Serialize;
use zoovault::repository::StoredWindow;

/// A range of zxids.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ZxidRange {
    /// Its first zxid.
    pub from_zxid: String,
    /// Its last zxid.
    pub to_zxid: String,
}

/// A range of zxids, and the times of its ends.
#[derive(Debug, JsonSchema, Serialize)]
pub struct TimedRange {
    /// Its first zxid.
    pub from_zxid: String,
    /// Its last zxid.
    pub to_zxid: String,
    /// The time of the first.
    pub from_time_ms: Option<i64>,
    /// The time of the last.
    pub to_time_ms: Option<i64>,
}

impl From<&StoredWindow> for TimedRange {
    fn from(window: &StoredWindow) -> TimedRange {
        TimedRange {
            from_zxid: window.from_zxid.to_string(),
            to_zxid: window.to_zxid.to_string(),
            from_time_ms: window.from_time_ms,
            to_time_ms: window.to_time_ms,
        }
    }
}

impl From<zoovault::zxid::ZxidRange> for ZxidRange {
    fn from(range: zoovault::zxid::ZxidRange) -> ZxidRange {
        ZxidRange {
            from_zxid: range.first.to_string(),
            to_zxid: range.last.to_string(),
        }
    }
}
