//! What a live directory gets from now on: its server appends to the newest log, begins a new one,
//! purges old ones; a follower may be told to truncate, which cuts a log and deletes those behind
//! it.
//!
//! The directory is listed before its logs are read, so a log that is not the newest of the list is
//! complete. A record is given once it is whole; until then the same place is looked at again. That
//! a log was cut is seen from its size, or from the record that was read last, which is not there
//! any more.

use super::{Reached, Remark, See, Selector, tell};
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::format::record::TxnKind;
use crate::format::stream::{ReadAt, RegularFile};
use crate::format::txnlog::{HEADER_LEN, LogReader, PREFIX_LEN};
use crate::history::source::{Source, SourceFile};
use crate::zxid::Zxid;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

/// How often a place is looked at again before what stands there is called damage.
const TRIES: u32 = 10;

/// The record that was read last, to know it again: where it stands, and what stands before its
/// payload.
#[derive(Clone, Copy, Debug)]
struct Mark {
    offset: u64,
    prefix: [u8; PREFIX_LEN],
}

/// Where reading goes on.
#[derive(Clone, Debug)]
struct Position {
    path: PathBuf,
    name: Zxid,
    offset: u64,
    mark: Option<Mark>,
}

/// Reads on, each time it is asked.
#[derive(Debug)]
pub struct Follower {
    selector: Selector,
    position: Option<Position>,
    last: Option<Zxid>,
    /// How often the same place was looked at in vain, and whether that was told.
    tries: u32,
}

impl Follower {
    pub(super) fn new(source: &Source, selector: Selector, reached: Option<Reached>) -> Follower {
        let position = reached.and_then(|reached| {
            let log = source.logs().get(reached.log)?;
            Some(Position {
                path: log.shown().into(),
                name: log.zxid(),
                offset: reached.end_offset,
                mark: mark_at(log.open().ok()?.as_ref(), reached.offset),
            })
        });
        Follower {
            last: selector.last.map(|(zxid, _)| zxid),
            selector,
            position,
            tries: 0,
        }
    }

    /// Gives `see` what came since. `source` was opened a moment ago.
    ///
    /// # Errors
    /// Failures to read. A log that vanishes is taken up the next time.
    pub fn poll(&mut self, source: &Source, see: &mut See<'_>) -> Result<ControlFlow<()>> {
        match self.read_on(source, see) {
            Err(error) if error.kind() == ErrorKind::SourceChanged => Ok(ControlFlow::Continue(())),
            result => result,
        }
    }

    fn read_on(&mut self, source: &Source, see: &mut See<'_>) -> Result<ControlFlow<()>> {
        let logs = source.logs();
        if let Some(remark) = self.find_again(source)?
            && tell(vec![remark], see).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
        let at = self.position.as_ref().and_then(|position| {
            let is_it = |log: &SourceFile| log.shown() == position.path;
            logs.iter().position(is_it)
        });
        // Without a place, or where its log was purged: what is named later.
        let name = self.position.as_ref().map(|position| position.name);
        let is_next = |log: &&SourceFile| name.is_none_or(|name| log.zxid() > name);
        let from = at.unwrap_or_else(|| logs.len() - logs.iter().filter(is_next).count());
        for (index, log) in logs.iter().enumerate().skip(from) {
            let is_newest = index + 1 == logs.len();
            match self.read_log(source, (index, log), is_newest, see) {
                Ok(ControlFlow::Continue(())) => {}
                Err(error) if error.fault().is_some_and(Fault::is_cut_header) && is_newest => break,
                result => return result,
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads what is new in `log`.
    fn read_log(
        &mut self,
        source: &Source,
        (index, log): (usize, &SourceFile),
        is_newest: bool,
        see: &mut See<'_>,
    ) -> Result<ControlFlow<()>> {
        let here = self.position.take().filter(|here| here.path == log.shown());
        let mut position = here.unwrap_or_else(|| Position {
            path: log.shown().into(),
            name: log.zxid(),
            offset: HEADER_LEN as u64,
            mark: None,
        });
        let file = log.open()?;
        let read = LogReader::new(log.shown(), file.clone()).and_then(|reader| {
            let reader = reader.live(is_newest).starting_at(position.offset);
            self.read_entries(source, (index, log), reader, &mut position, see)
        });
        if let Some(mark) = &mut position.mark
            && let Some(found) = mark_at(&file, mark.offset)
        {
            *mark = found;
        }
        self.position = Some(position);
        read
    }

    fn read_entries(
        &mut self,
        source: &Source,
        (index, log): (usize, &SourceFile),
        mut reader: LogReader<Arc<RegularFile>>,
        position: &mut Position,
        see: &mut See<'_>,
    ) -> Result<ControlFlow<()>> {
        let name = log.name();
        let mut remarks = Vec::new();
        loop {
            match reader.next_entry() {
                Ok(None) => break,
                Ok(Some(entry)) => {
                    self.tries = 0;
                    position.offset = entry.end_offset();
                    position.mark = Some(Mark {
                        offset: entry.offset,
                        prefix: [0; PREFIX_LEN],
                    });
                    let header = &entry.header;
                    // Logs may overlap. Only an error may use a zxid again.
                    let is_new = self.last.is_none_or(|last| {
                        header.zxid > last
                            || (header.zxid == last && header.kind() == Some(TxnKind::Error))
                    });
                    if !is_new {
                        continue;
                    }
                    self.last = Some(header.zxid);
                    let remarks = std::mem::take(&mut remarks);
                    let taken = self
                        .selector
                        .take(source, (index, &name), &entry, remarks, see);
                    if taken.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Damage => {
                    self.tries += 1;
                    if self.tries < TRIES {
                        break;
                    }
                    let found = reader.resync()?;
                    if self.tries == TRIES || found.is_some() {
                        let next = match found {
                            Some(_) => reader.next_entry()?.map(|e| (e.offset, e.header.zxid)),
                            None => None,
                        };
                        remarks.push(Remark::Damage { error, next });
                        if let Some((offset, _)) = next {
                            position.offset = offset;
                            reader = reader.starting_at(offset);
                            continue;
                        }
                    }
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(tell(remarks, see))
    }

    /// Whether what was read last is still where it was. If not: what is left of it, to go on
    /// behind that.
    fn find_again(&mut self, source: &Source) -> Result<Option<Remark>> {
        let Some(position) = &self.position else {
            return Ok(None);
        };
        let logs = source.logs();
        let here = logs.iter().find(|log| log.shown() == position.path);
        let is_purged = here.is_none() && logs.iter().any(|log| log.zxid() > position.name);
        let is_same = match here {
            Some(log) => {
                let file = log.open()?;
                let size = file
                    .size()
                    .map_err(|err| Error::io(log.shown(), "read", err))?;
                let is_marked = position.mark.is_none_or(|mark| {
                    mark_at(&file, mark.offset).is_some_and(|found| found.prefix == mark.prefix)
                });
                size >= position.offset && is_marked
            }
            None => is_purged,
        };
        if is_same {
            return Ok(None);
        }
        // A follower is truncated to a txn that it has: in this log, or where it is gone, in the
        // one before.
        let left = logs.iter().rev().find(|log| log.zxid() <= position.name);
        let cut = position.path.clone();
        let name = cut.file_name().unwrap_or_default().to_string_lossy();
        self.position = match left {
            Some(log) => Some(end_of(source, log)?),
            None => None,
        };
        self.last = match (left, &self.position) {
            (Some(log), Some(position)) => last_of(source, log, position)?,
            _ => None,
        };
        self.selector.last = self.last.map(|zxid| (zxid, 0));
        Ok(Some(Remark::Truncated {
            file: name.into_owned(),
            last: self.last,
        }))
    }
}

/// What stands before the payload of the record at `offset`.
fn mark_at(file: &impl ReadAt, offset: u64) -> Option<Mark> {
    let mut prefix = [0; PREFIX_LEN];
    let read = file.read_at(&mut prefix, offset).ok()?;
    (read == PREFIX_LEN).then_some(Mark { offset, prefix })
}

/// The place behind the last whole record of `log`.
fn end_of(source: &Source, log: &SourceFile) -> Result<Position> {
    let mut reader = source.open_log(log)?.live(false);
    let mut position = Position {
        path: log.shown().into(),
        name: log.zxid(),
        offset: HEADER_LEN as u64,
        mark: None,
    };
    while let Some(entry) = reader.next_entry()? {
        position.offset = entry.end_offset();
        position.mark = Some(Mark {
            offset: entry.offset,
            prefix: [0; PREFIX_LEN],
        });
    }
    if let Some(mark) = &mut position.mark
        && let Some(found) = mark_at(log.open()?.as_ref(), mark.offset)
    {
        *mark = found;
    }
    Ok(position)
}

/// The zxid of the record before `position`.
fn last_of(source: &Source, log: &SourceFile, position: &Position) -> Result<Option<Zxid>> {
    let Some(mark) = position.mark else {
        return Ok(None);
    };
    let mut reader = source.open_log(log)?.live(false).starting_at(mark.offset);
    Ok(reader.next_entry()?.map(|entry| entry.header.zxid))
}
