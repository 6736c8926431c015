//! All logs of a source as one stream of txns, in one reading: each is read when its first zxid is
//! due, and those that hold the same zxids are read side by side. A txn that several logs hold
//! comes once; where they differ, all come.

use super::Remark;
use crate::error::{ErrorKind, Fault, Result};
use crate::format::record::{TxnHeader, is_same_txn};
use crate::format::stream::RegularFile;
use crate::format::txnlog::{Entry, LogReader};
use crate::history::source::{Source, SourceFile};
use crate::zxid::Zxid;
use std::sync::Arc;

/// A log that is being read.
struct Strand {
    log: usize,
    reader: LogReader<Arc<RegularFile>>,
    /// Of the record that the reader stands on.
    head: Option<TxnHeader>,
    /// The damage between that record and the one before it.
    damage: Vec<Remark>,
}

impl Strand {
    fn new(source: &Source, log: usize, file: &SourceFile) -> Result<Strand> {
        let mut strand = Strand {
            log,
            reader: source.open_log(file)?,
            head: None,
            damage: Vec::new(),
        };
        strand.advance()?;
        Ok(strand)
    }

    /// Goes on to the next whole record, over damage if need be.
    fn advance(&mut self) -> Result<()> {
        let next = self
            .reader
            .next_entry()
            .map(|entry| entry.map(|entry| entry.header));
        self.head = match next {
            Ok(head) => head,
            Err(error) if error.kind() == ErrorKind::Damage => {
                let found = self.reader.resync()?.is_some();
                let head = match found {
                    true => self.reader.next_entry()?.map(|entry| entry.header),
                    false => None,
                };
                let next = self.reader.current();
                self.damage.push(Remark::Damage {
                    error,
                    next: next.map(|entry| (entry.offset, entry.header.zxid)),
                });
                head
            }
            Err(error) => return Err(error),
        };
        Ok(())
    }
}

/// A log that is not due yet.
struct Waiting {
    first: Zxid,
    log: usize,
}

/// The txns of all logs. See the module.
pub(super) struct Merge<'a> {
    source: &'a Source,
    /// The next one last.
    waiting: Vec<Waiting>,
    active: Vec<Strand>,
    /// The index among the active ones of the strand whose record is given out.
    shown: Option<usize>,
    remarks: Vec<Remark>,
}

impl<'a> Merge<'a> {
    /// Opens all logs and looks at the first record of each.
    pub fn open(source: &'a Source) -> Result<Merge<'a>> {
        let mut merge = Merge {
            source,
            waiting: Vec::new(),
            active: Vec::new(),
            shown: None,
            remarks: Vec::new(),
        };
        let newest = source.logs().len().saturating_sub(1);
        for (log, file) in source.logs().iter().enumerate() {
            match Strand::new(source, log, file) {
                Ok(strand) => {
                    let first = strand.head.map_or(file.zxid(), |head| head.zxid);
                    merge.waiting.push(Waiting { first, log });
                }
                Err(error) if error.kind() == ErrorKind::Damage => {
                    let is_unwritten =
                        log == newest && error.fault().is_some_and(Fault::is_cut_header);
                    merge.remarks.push(match is_unwritten {
                        true => Remark::Unwritten { error },
                        false => Remark::Damage { error, next: None },
                    });
                }
                Err(error) => return Err(error),
            }
        }
        merge
            .waiting
            .sort_by_key(|waiting| std::cmp::Reverse((waiting.first, waiting.log)));
        Ok(merge)
    }

    /// Goes on to the next txn; false at the end.
    pub fn advance(&mut self) -> Result<bool> {
        if let Some(strand) = self.shown.take().and_then(|at| self.active.get_mut(at)) {
            strand.advance()?;
        }
        loop {
            self.collect();
            let next = self.lowest();
            let due = match (next, self.waiting.last()) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some((_, zxid)), Some(waiting)) => waiting.first <= zxid,
            };
            if due && let Some(waiting) = self.waiting.pop() {
                if let Some(file) = self.source.logs().get(waiting.log) {
                    let strand = Strand::new(self.source, waiting.log, file)?;
                    self.active.push(strand);
                    self.active.sort_by_key(|strand| strand.log);
                }
                continue;
            }
            let Some((at, zxid)) = next else {
                return Ok(false);
            };
            if self.active.len() > 1 {
                self.settle(at, zxid)?;
            }
            self.shown = Some(at);
            return Ok(true);
        }
    }

    /// Lets go of logs that are read.
    fn collect(&mut self) {
        let is_busy = |strand: &Strand| strand.head.is_none() || !strand.damage.is_empty();
        if !self.active.iter().any(is_busy) {
            return;
        }
        for strand in &mut self.active {
            self.remarks.append(&mut strand.damage);
        }
        self.active.retain(|strand| strand.head.is_some());
    }

    /// The strand with the lowest zxid; the first of several.
    fn lowest(&self) -> Option<(usize, Zxid)> {
        self.active
            .iter()
            .enumerate()
            .filter_map(|(at, strand)| Some((at, strand.head?.zxid)))
            .min_by_key(|(at, zxid)| (*zxid, *at))
    }

    /// Skips the txn of the strand `at` where others hold it too, and tells where they hold
    /// another.
    fn settle(&mut self, at: usize, zxid: Zxid) -> Result<()> {
        let (before, rest) = self.active.split_at_mut(at);
        let Some((mine, behind)) = rest.split_first_mut() else {
            return Ok(());
        };
        let Some(entry) = mine.reader.current() else {
            return Ok(());
        };
        for other in before.iter_mut().chain(behind) {
            let Some(theirs) = other.reader.current().filter(|e| e.header.zxid == zxid) else {
                continue;
            };
            if is_same_txn(entry.payload, theirs.payload) {
                other.advance()?;
            } else {
                let name = |log: usize| self.source.logs().get(log).map(SourceFile::name);
                self.remarks.push(Remark::Fork {
                    zxid,
                    logs: [mine.log, other.log].map(|log| name(log).unwrap_or_default()),
                });
            }
        }
        Ok(())
    }

    /// The txn that it stands on, and the index of its log.
    pub fn current(&self) -> Option<(usize, Entry<'_>)> {
        let strand = self.active.get(self.shown?)?;
        Some((strand.log, strand.reader.current()?))
    }

    /// What was found since it was last asked for.
    pub fn take_remarks(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }
}
