//! From where to where: zxids or times, both ends within.
//!
//! Points are taken more freely here than where a tree is rebuilt: nothing has to be restorable, or
//! there at all. A time means what it means everywhere: everything up to it is what stands before
//! the first txn, in zxid order, whose time is later. From a time on are the txns from the first
//! that is not earlier.

use crate::error::Result;
use crate::format::record::TxnHeader;
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::point::Point;
use crate::history::source::Source;
use crate::progress::Progress;
use crate::zxid::Zxid;

/// Where a range begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lower {
    #[default]
    Start,
    Zxid(Zxid),
    Time(i64),
}

/// Where a range ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Upper {
    #[default]
    End,
    /// With the first txn there is.
    First,
    Zxid(Zxid),
    Time(i64),
}

/// Whether a txn is in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Before,
    Within,
    Behind,
}

/// From where to where. It is asked about one txn after another.
#[derive(Clone, Debug, Default)]
pub struct Range {
    lower: Lower,
    upper: Upper,
    first: Option<Zxid>,
    has_begun: bool,
}

impl Range {
    /// The range from one point to another; without them, everything.
    ///
    /// # Errors
    /// Failures to read, where the last txn has to be looked for.
    pub fn new(
        source: &Source,
        from: Option<Point>,
        to: Option<Point>,
        progress: &dyn Progress,
    ) -> Result<Range> {
        let lower = match from {
            None | Some(Point::First) => Lower::Start,
            Some(Point::Zxid(zxid)) => Lower::Zxid(zxid),
            Some(Point::Time(time)) => Lower::Time(time),
            Some(Point::Latest) => {
                let History { timeline, .. } = History::read(source, Level::Frames, progress)?;
                Lower::Zxid(timeline.last().unwrap_or(Zxid::MAX))
            }
        };
        let upper = match to {
            None | Some(Point::Latest) => Upper::End,
            Some(Point::First) => Upper::First,
            Some(Point::Zxid(zxid)) => Upper::Zxid(zxid),
            Some(Point::Time(time)) => Upper::Time(time),
        };
        Ok(Range {
            lower,
            upper,
            first: None,
            has_begun: false,
        })
    }

    /// Where the next txn is.
    pub(crate) fn judge(&mut self, header: &TxnHeader) -> Place {
        let first = *self.first.get_or_insert(header.zxid);
        let is_behind = match self.upper {
            Upper::End => false,
            Upper::First => header.zxid > first,
            Upper::Zxid(zxid) => header.zxid > zxid,
            Upper::Time(time) => header.time > time,
        };
        if is_behind {
            return Place::Behind;
        }
        self.has_begun |= match self.lower {
            Lower::Start => true,
            Lower::Zxid(zxid) => header.zxid >= zxid,
            Lower::Time(time) => header.time >= time,
        };
        match self.has_begun {
            true => Place::Within,
            false => Place::Before,
        }
    }

    /// Whether it goes on behind the txn `last`, for all that can be said.
    pub(crate) fn reaches_beyond(&self, last: Option<Zxid>) -> bool {
        match self.upper {
            Upper::End => true,
            Upper::First | Upper::Time(_) => false,
            Upper::Zxid(zxid) => last.is_none_or(|last| zxid > last),
        }
    }
}
