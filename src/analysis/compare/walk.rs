//! All members' txns side by side, in zxid order: one pass over the logs, holding one txn of each
//! member.

use super::difference::{FieldDifference, differences};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::is_same_txn;
use crate::format::stream::RegularFile;
use crate::format::txnlog::LogReader;
use crate::history::History;
use crate::history::source::Source;
use crate::history::timeline::Piece;
use crate::progress::Progress;
use crate::zxid::{Zxid, ZxidRange};
use std::path::PathBuf;
use std::sync::Arc;

/// How many bytes are compared between two calls of [`Progress::advance`].
const TOLD_EVERY: u64 = 1 << 20;

/// Consecutive txns of one epoch that the same members hold, on the same sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first zxid.
    pub first: Zxid,
    /// The last zxid.
    pub last: Zxid,
    /// Who holds them, by index. On one side stand members that never held different txns of one
    /// zxid up to here.
    pub sides: Vec<Vec<usize>>,
}

impl Stretch {
    /// How many txns: within an epoch zxids have no gaps.
    pub fn count(&self) -> u64 {
        u64::from(self.last.counter().saturating_sub(self.first.counter())) + 1
    }

    /// Whether `member` holds them.
    pub fn is_held_by(&self, member: usize) -> bool {
        self.sides.iter().any(|side| side.contains(&member))
    }

    /// Who holds them, on whatever side.
    pub fn holders(&self) -> Vec<usize> {
        let mut holders: Vec<usize> = self.sides.iter().flatten().copied().collect();
        holders.sort_unstable();
        holders
    }
}

/// Where a txn is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The log.
    pub file: PathBuf,
    /// Where its record begins.
    pub offset: u64,
}

/// The first zxid that stands for different txns in two members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The txn.
    pub zxid: Zxid,
    /// Where it is, on both sides.
    pub places: [Place; 2],
    /// The first payload byte that differs, counted from the payload's beginning.
    pub byte: u64,
    /// The fields that differ; empty when only their encoding does.
    pub fields: Vec<FieldDifference>,
}

/// Two members compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Their indexes.
    pub members: [usize; 2],
    /// How many txns both hold.
    pub same: u64,
    /// How many of those in other bytes: the same txns as far as they have any effect
    /// ([`is_same_txn`]).
    pub reworded: u64,
    /// How many zxids stand for different txns.
    pub differing: u64,
    /// The first and the last txn that both hold, up to the first difference.
    pub agreed: Option<ZxidRange>,
    /// Where their histories part.
    pub first_difference: Option<Difference>,
    /// How many txns the first has beyond the last of the second, and the other way round.
    pub ahead: [u64; 2],
}

impl Pair {
    /// Whether their histories had parted by `zxid`.
    pub fn has_parted(&self, zxid: Zxid) -> bool {
        self.first_difference
            .as_ref()
            .is_some_and(|difference| difference.zxid <= zxid)
    }

    fn take_in(&mut self, a: &Cursor<'_>, b: &Cursor<'_>) -> Result<()> {
        let zxid = a.zxid();
        let is_equal = a.payload == b.payload;
        if is_equal || is_same_txn(&a.payload, &b.payload) {
            self.same += 1;
            self.reworded += u64::from(!is_equal);
            if self.first_difference.is_none() {
                let first = self.agreed.map_or(zxid, |it| it.first);
                self.agreed = Some(ZxidRange::new(first, zxid));
            }
            return Ok(());
        }
        self.differing += 1;
        if self.first_difference.is_none() {
            let mine = a.payload.iter().zip(&b.payload);
            let byte = mine.take_while(|(mine, theirs)| mine == theirs).count() as u64;
            self.first_difference = Some(Difference {
                zxid,
                places: [a.place()?, b.place()?],
                byte,
                fields: differences(&a.payload, &b.payload),
            });
        }
        Ok(())
    }
}

/// What one pass shows.
pub(super) struct Walked {
    /// By zxid.
    pub stretches: Vec<Stretch>,
    /// Every two members.
    pub pairs: Vec<Pair>,
}

/// One member's txns, in order.
struct Cursor<'a> {
    source: &'a Source,
    pieces: Vec<&'a Piece>,
    next_piece: usize,
    reader: Option<LogReader<Arc<RegularFile>>>,
    /// The txn that it is at; `None` before the first and behind the last.
    zxid: Option<Zxid>,
    last: Zxid,
    offset: u64,
    payload: Vec<u8>,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first txn.
    fn new(history: &'a History<'_>) -> Result<Cursor<'a>> {
        let mut cursor = Cursor {
            source: history.source,
            pieces: history.timeline.pieces().collect(),
            next_piece: 0,
            reader: None,
            zxid: None,
            last: Zxid::from_i64(i64::MIN),
            offset: 0,
            payload: Vec::new(),
        };
        cursor.advance()?;
        Ok(cursor)
    }

    /// How many bytes of records there are.
    fn size(&self) -> u64 {
        let runs = self.pieces.iter().map(|piece| &piece.run);
        runs.map(|run| run.end_offset - run.start_offset).sum()
    }

    /// The txn that it is at, or else the last.
    fn zxid(&self) -> Zxid {
        self.zxid.unwrap_or(self.last)
    }

    fn place(&self) -> Result<Place> {
        let piece = self.pieces.get(self.next_piece.saturating_sub(1));
        let log = piece.map(|piece| piece.log(self.source)).transpose()?;
        Ok(Place {
            file: log.map_or_else(PathBuf::new, |log| log.shown().into()),
            offset: self.offset,
        })
    }

    /// Goes to the next txn.
    fn advance(&mut self) -> Result<()> {
        self.zxid = None;
        loop {
            if self.reader.is_none() {
                let Some(piece) = self.pieces.get(self.next_piece) else {
                    return Ok(());
                };
                self.reader = Some(piece.reader(self.source, piece.from)?);
                self.next_piece += 1;
            }
            if self.step()? {
                return Ok(());
            }
        }
    }

    /// Reads a record; whether it is the next txn.
    fn step(&mut self) -> Result<bool> {
        let piece = self.pieces.get(self.next_piece.saturating_sub(1));
        let (Some(piece), Some(reader)) = (piece, &mut self.reader) else {
            return Ok(false);
        };
        // An error that uses the zxid before it again has no effect, and is passed over.
        match reader.next_above(self.last.max(piece.from.prev()))? {
            Some(entry) => {
                self.zxid = Some(entry.header.zxid);
                self.last = entry.header.zxid;
                self.offset = entry.offset;
                self.payload.clear();
                self.payload.extend_from_slice(entry.payload);
                Ok(true)
            }
            None if self.last < piece.run.last => {
                let message = format!(
                    "no longer contains {}: it was cut while being read",
                    piece.run.last
                );
                let shown = piece.log(self.source)?.shown();
                Err(Error::about(shown, ErrorKind::SourceChanged, message))
            }
            None => {
                self.reader = None;
                Ok(false)
            }
        }
    }
}

/// Walks over the txns of all members.
pub(super) fn walk(members: &[&History<'_>], progress: &dyn Progress) -> Result<Walked> {
    let mut cursors = Vec::new();
    for member in members {
        cursors.push(Cursor::new(member)?);
    }
    progress.start("comparing", Some(cursors.iter().map(Cursor::size).sum()));
    let mut walked = Walked {
        stretches: Vec::new(),
        pairs: pairs(members.len()),
    };
    let mut told = 0;
    let (mut holders, mut were_holders) = (Vec::new(), Vec::new());
    while let Some(zxid) = cursors.iter().filter_map(|cursor| cursor.zxid).min() {
        std::mem::swap(&mut holders, &mut were_holders);
        holders.clear();
        let at_it = cursors.iter().enumerate();
        let at_it = at_it.filter(|(_, cursor)| cursor.zxid == Some(zxid));
        holders.extend(at_it.map(|(index, _)| index));
        let has_parted = compare(&mut walked.pairs, &cursors)?;
        match walked.stretches.last_mut() {
            Some(stretch)
                if !has_parted
                    && holders == were_holders
                    && zxid == stretch.last.next()
                    && zxid.epoch() == stretch.first.epoch() =>
            {
                stretch.last = zxid;
            }
            _ => walked.stretches.push(Stretch {
                first: zxid,
                last: zxid,
                sides: sides(&walked.pairs, &holders),
            }),
        }
        for cursor in cursors
            .iter_mut()
            .filter(|cursor| cursor.zxid == Some(zxid))
        {
            told += cursor.payload.len() as u64;
            cursor.advance()?;
        }
        if told >= TOLD_EVERY {
            progress.advance(std::mem::take(&mut told));
        }
    }
    progress.advance(told);
    count_ahead(&mut walked, members);
    Ok(walked)
}

/// Every two of `count` members.
fn pairs(count: usize) -> Vec<Pair> {
    let pair = |a, b| Pair {
        members: [a, b],
        same: 0,
        reworded: 0,
        differing: 0,
        agreed: None,
        first_difference: None,
        ahead: [0, 0],
    };
    (0..count)
        .flat_map(|a| (a + 1..count).map(move |b| pair(a, b)))
        .collect()
}

/// Compares what the cursors at the lowest zxid hold; whether two of them part here.
fn compare(pairs: &mut [Pair], cursors: &[Cursor<'_>]) -> Result<bool> {
    let lowest = cursors.iter().filter_map(|cursor| cursor.zxid).min();
    let at = |index: usize| cursors.get(index).filter(|cursor| cursor.zxid == lowest);
    let mut has_parted = false;
    for pair in pairs {
        let [a, b] = pair.members;
        if let (Some(a), Some(b)) = (at(a), at(b)) {
            let had_parted = pair.first_difference.is_some();
            pair.take_in(a, b)?;
            has_parted |= pair.first_difference.is_some() != had_parted;
        }
    }
    Ok(has_parted)
}

/// Puts each of `holders` on the first side with none of which it has parted.
fn sides(pairs: &[Pair], holders: &[usize]) -> Vec<Vec<usize>> {
    let has_parted = |a: usize, b: usize| {
        pairs.iter().any(|pair| {
            pair.first_difference.is_some()
                && pair.members.contains(&a)
                && pair.members.contains(&b)
        })
    };
    let mut sides: Vec<Vec<usize>> = Vec::new();
    for holder in holders {
        let side = sides
            .iter_mut()
            .find(|side| !side.iter().any(|other| has_parted(*other, *holder)));
        match side {
            Some(side) => side.push(*holder),
            None => sides.push(vec![*holder]),
        }
    }
    sides
}

/// Counts what each member has beyond the last txn of each other. Where a member ends, a stretch
/// does.
fn count_ahead(walked: &mut Walked, members: &[&History<'_>]) {
    let last = |member: usize| {
        members
            .get(member)
            .and_then(|member| member.timeline.last())
    };
    for pair in &mut walked.pairs {
        let [a, b] = pair.members;
        let beyond = |member: usize, other: usize| {
            let held = walked.stretches.iter().filter(|stretch| {
                stretch.is_held_by(member) && last(other).is_some_and(|last| stretch.first > last)
            });
            held.map(Stretch::count).sum()
        };
        pair.ahead = [beyond(a, b), beyond(b, a)];
    }
}
