//! Txns found first and shown later: the last so many of them, or all from the newest on. Each
//! takes as much memory as its place does.

use super::sessions::Closed;
use super::{Follower, Query, Reached, Remark, See, Seen, Selected, Selector, visit_with};
use crate::error::{Error, ErrorKind, Result};
use crate::format::jute::Reader;
use crate::format::record::TxnHeader;
use crate::format::stream::ReadAt;
use crate::format::txnlog::{Entry, PREFIX_LEN, payload_of_whole};
use crate::history::source::Source;
use crate::progress::Progress;
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

/// How much is read at a time.
const WINDOW_LEN: u64 = 1 << 20;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    log: u32,
    len: u32,
    offset: u64,
}

/// Txns that were found.
#[derive(Debug)]
pub struct Found {
    places: VecDeque<Place>,
    closed: HashMap<Place, Closed>,
    selector: Selector,
    reached: Option<Reached>,
}

/// Bytes of a log around the record that is looked at.
#[derive(Default)]
struct Window {
    log: u32,
    start: u64,
    bytes: Vec<u8>,
}

/// Finds the txns of `source` that are asked for; with `last`, so many of the last ones. `see` is
/// given the remarks alone.
///
/// # Errors
/// Failures to read.
pub fn find(
    source: &Source,
    query: &Query,
    last: Option<usize>,
    progress: &dyn Progress,
    see: &mut dyn FnMut(Remark),
) -> Result<Found> {
    let mut selector = Selector::new(query);
    let mut places = VecDeque::new();
    let mut closed = HashMap::new();
    let mut take = |seen: Seen<'_>| {
        match seen {
            Seen::Remark(remark) => see(remark),
            Seen::Txn(txn) => {
                let place = Place {
                    log: u32::try_from(txn.log).unwrap_or(u32::MAX),
                    len: u32::try_from(txn.entry.payload.len()).unwrap_or(u32::MAX),
                    offset: txn.entry.offset,
                };
                places.push_back(place);
                if let Some(known) = txn.closed {
                    closed.insert(place, known.clone());
                }
                if last.is_some_and(|last| places.len() > last)
                    && let Some(dropped) = places.pop_front()
                {
                    closed.remove(&dropped);
                }
            }
        }
        ControlFlow::Continue(())
    };
    let reached = visit_with(source, &mut selector, progress, &mut take)?;
    Ok(Found {
        places,
        closed,
        selector,
        reached,
    })
}

impl Found {
    /// Gives the txns to `see`, as they are in the logs or, with `reverse`, the newest first.
    ///
    /// # Errors
    /// Failures to read; [`ErrorKind::SourceChanged`] when a log was cut meanwhile.
    pub fn show(&self, source: &Source, reverse: bool, see: &mut See<'_>) -> Result<()> {
        let names: Vec<String> = source.logs().iter().map(|log| log.name()).collect();
        let mut window = Window::default();
        let forward = (!reverse).then(|| self.places.iter());
        let backward = reverse.then(|| self.places.iter().rev());
        let places = forward
            .into_iter()
            .flatten()
            .chain(backward.into_iter().flatten());
        for place in places {
            let payload = window.payload(source, *place, reverse)?;
            let Ok(header) = TxnHeader::decode(&mut Reader::new(payload, place.offset)) else {
                continue;
            };
            let log = usize::try_from(place.log).unwrap_or(usize::MAX);
            let txn = Selected {
                file: names.get(log).map(String::as_str).unwrap_or_default(),
                log,
                entry: Entry {
                    offset: place.offset,
                    payload,
                    header,
                },
                closed: self.closed.get(place),
            };
            if see(Seen::Txn(txn)).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Goes on with what a live source gets from now on.
    pub fn follow(self, source: &Source) -> Follower {
        Follower::new(source, self.selector, self.reached)
    }
}

impl Window {
    fn payload(&mut self, source: &Source, place: Place, reverse: bool) -> Result<&[u8]> {
        let start = place.offset;
        let end = start + PREFIX_LEN as u64 + u64::from(place.len);
        let is_there = self.log == place.log
            && self.start <= start
            && end <= self.start + self.bytes.len() as u64;
        if !is_there {
            let from = match reverse {
                true => start.min(end.saturating_sub(WINDOW_LEN)),
                false => start,
            };
            let to = if reverse {
                end
            } else {
                end.max(start + WINDOW_LEN)
            };
            self.read(source, place.log, from, to)?;
        }
        let at = usize::try_from(start - self.start).unwrap_or(usize::MAX);
        let len = usize::try_from(end - start).unwrap_or(usize::MAX);
        let record = self.bytes.get(at..).and_then(|bytes| bytes.get(..len));
        // It was whole when it was found; a server may have cut the log since, and written on.
        record.and_then(payload_of_whole).ok_or_else(|| {
            let message = "a log was cut while it was read";
            Error::about(source.shown(), ErrorKind::SourceChanged, message)
        })
    }

    /// Reads the bytes `from..to`, or as many as there are.
    fn read(&mut self, source: &Source, log: u32, from: u64, to: u64) -> Result<()> {
        let file = usize::try_from(log)
            .ok()
            .and_then(|log| source.logs().get(log));
        let file =
            file.ok_or_else(|| Error::new(ErrorKind::Failed, "a place in another source"))?;
        let handle = file.open()?;
        let io = |err| Error::io(file.shown(), "read", err);
        let len = usize::try_from(to - from).unwrap_or(usize::MAX);
        (self.log, self.start) = (log, from);
        self.bytes.resize(len, 0);
        let mut filled = 0;
        while filled < len {
            let room = self.bytes.get_mut(filled..).unwrap_or_default();
            match ReadAt::read_at(&handle, room, from + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
                Err(err) => return Err(io(err)),
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }
}
