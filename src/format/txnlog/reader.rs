//! Reading a log, record by record.

use super::{END_OF_RECORD, HEADER_LEN, LogEnd, PREFIX_LEN, VERSION, header};
use crate::error::Unread;
use crate::error::{DecodeError, Error, Fault, Result};
use crate::format::checksum::adler32;
use crate::format::jute::Reader;
use crate::format::record::txn::TXN_HEADER_LEN;
use crate::format::record::{Txn, TxnHeader};
use crate::format::stream::{ReadAt, Span, Stream};
use crate::zxid::Zxid;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest record that is looked for behind damage. A longer one is found by nobody's patience.
const RESYNC_LEN_MAX: usize = 64 << 20;
/// How many bytes are summed in one search for a record, beyond four times the file: bytes made to
/// look like records could ask for the square of the file.
const RESYNC_BUDGET: u64 = 256 << 20;
/// How often, and how long apart, a record that is not whole is read again in a log that is being
/// written. How often a search goes on behind what cannot be read, each time further.
const UNREADABLE_MAX: u32 = 32;
const SETTLE_TRIES: u32 = 5;
const SETTLE_PAUSE: Duration = Duration::from_millis(10);

/// One record of a log, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Where the record begins in the file.
    pub offset: u64,
    /// Header, body, perhaps a digest.
    pub payload: &'a [u8],
    /// The decoded header.
    pub header: TxnHeader,
}

impl<'a> Entry<'a> {
    /// Where the payload begins in the file.
    pub fn payload_offset(&self) -> u64 {
        self.offset + PREFIX_LEN as u64
    }

    /// Where the next record begins.
    pub fn end_offset(&self) -> u64 {
        self.payload_offset() + self.payload.len() as u64 + 1
    }

    /// Decodes the payload.
    ///
    /// # Errors
    /// When the body is shorter than its type needs. A server takes that for the end of the file.
    pub fn txn(&self) -> std::result::Result<Txn<'a>, DecodeError> {
        Txn::decode(self.payload, self.payload_offset())
    }
}

/// Whether the bytes at a place are a record.
enum Judged {
    /// A whole one, with a payload of that length.
    Whole(usize),
    /// None: this is the end, if the rest of the file agrees.
    Zeros,
    /// The file, or what was written of it, ends within the record.
    Cut(DecodeError),
    /// Something else.
    Damaged(DecodeError),
}

/// What a search for a record comes to.
enum Found {
    /// One begins there.
    At(u64),
    /// There is none.
    Nothing,
    /// It took too long.
    GaveUp,
}

/// Reads a log from its header to its end or to the first damage, in bounded memory.
///
/// No record is given whose checksum is not right: no field of one, its zxid and its length
/// included, is believed before that.
pub struct LogReader<S> {
    path: PathBuf,
    source: S,
    stream: Stream<Span<S>>,
    size: u64,
    limit: u64,
    live: bool,
    last_zxid: Option<Zxid>,
    pending: usize,
    end: Option<LogEnd>,
    version: i32,
    dbid: i64,
}

impl<S: ReadAt + Clone> LogReader<S> {
    /// Opens the log `source`, called `path` in errors, and reads its header.
    ///
    /// # Errors
    /// When the header is cut or has another magic, or cannot be read.
    pub fn new(path: &Path, source: S) -> Result<LogReader<S>> {
        let io = |err| Error::io(path, "read", err);
        let mut stream = Stream::new(Span::new(source.clone(), 0), 0);
        let decoded = header::decode(stream.fill(HEADER_LEN).map_err(io)?);
        match decoded {
            Ok(header) => LogReader::behind(path, source, header),
            Err(error) => {
                let error = header::explain(&source, error).map_err(io)?;
                Err(Error::damage(path, error))
            }
        }
    }

    /// Opens the log `source` as if its header were sound. Only for saying what is behind a header
    /// that is not.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn headless(path: &Path, source: S) -> Result<LogReader<S>> {
        LogReader::behind(path, source, (VERSION, 0))
    }

    fn behind(path: &Path, source: S, (version, dbid): (i32, i64)) -> Result<LogReader<S>> {
        let size = source.size().map_err(|err| Error::io(path, "read", err))?;
        let start = HEADER_LEN as u64;
        Ok(LogReader {
            path: path.into(),
            stream: Stream::new(Span::new(source.clone(), start), start),
            source,
            size,
            limit: u64::MAX,
            live: false,
            last_zxid: None,
            pending: 0,
            end: None,
            version,
            dbid,
        })
    }

    /// Ends where the record at `offset` would begin.
    #[must_use]
    pub fn ending_at(mut self, offset: u64) -> LogReader<S> {
        self.limit = offset;
        self
    }

    /// Says that a server may be writing to the log: what is not whole is read again before it is
    /// judged.
    #[must_use]
    pub fn live(mut self, live: bool) -> LogReader<S> {
        self.live = live;
        self
    }

    /// Goes to the record at `offset`, which an earlier reading found.
    #[must_use]
    pub fn starting_at(mut self, offset: u64) -> LogReader<S> {
        self.stream = Stream::new(Span::new(self.source.clone(), offset), offset);
        self
    }

    /// The header's version and dbid, which no server checks.
    pub fn header(&self) -> (i32, i64) {
        (self.version, self.dbid)
    }

    /// Where the next record begins, or where reading stopped.
    pub fn offset(&self) -> u64 {
        self.stream.offset() + self.pending as u64
    }

    /// How the log ended, once [`LogReader::next_entry`] gave `None`.
    pub fn end(&self) -> Option<LogEnd> {
        self.end
    }

    /// The next record, or `None` at the end. What follows the end was looked at: it is zeros.
    ///
    /// # Errors
    /// Damage, with its offset and the last zxid before it; and failures to read.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>> {
        Ok(if self.advance()? {
            self.current()
        } else {
            None
        })
    }

    /// The next record whose zxid is above `zxid`, or `None` at the end.
    ///
    /// # Errors
    /// As [`LogReader::next_entry`].
    pub fn next_above(&mut self, zxid: Zxid) -> Result<Option<Entry<'_>>> {
        while self.advance()? {
            if self.last_zxid > Some(zxid) {
                return Ok(self.current());
            }
        }
        Ok(None)
    }

    /// Goes on to the next record; false at the end.
    fn advance(&mut self) -> Result<bool> {
        if self.end.is_some() {
            return Ok(false);
        }
        self.stream.consume(std::mem::take(&mut self.pending));
        let offset = self.stream.offset();
        if offset >= self.limit {
            self.end = Some(LogEnd::Eof);
            return Ok(false);
        }
        let mut tries = 0;
        let length = loop {
            match self.judge()? {
                Judged::Whole(length) => break length,
                Judged::Zeros if !self.has_bytes_from(offset)? => {
                    self.end = Some(if self.stream.available().is_empty() {
                        LogEnd::Eof
                    } else {
                        LogEnd::Padding
                    });
                    return Ok(false);
                }
                _ if self.live => {
                    // What does not settle now was not being written, here or further on.
                    tries += 1;
                    self.live = tries < SETTLE_TRIES;
                    std::thread::sleep(SETTLE_PAUSE);
                    self.stream = Stream::new(Span::new(self.source.clone(), offset), offset);
                    self.size = self.source.size().map_err(|err| self.unread(err))?;
                }
                Judged::Zeros => match self.zeros_hide(offset)? {
                    None => {
                        self.end = Some(LogEnd::Torn { offset });
                        return Ok(false);
                    }
                    Some(error) => return Err(self.damage(error)),
                },
                Judged::Cut(error) => match self.cut_hides(offset, error)? {
                    None => {
                        self.end = Some(LogEnd::Torn { offset });
                        return Ok(false);
                    }
                    Some(error) => return Err(self.damage(error)),
                },
                Judged::Damaged(error) => return Err(self.damage(error)),
            }
        };
        self.pending = PREFIX_LEN + length + 1;
        let payload = self.payload();
        let header = TxnHeader::decode(&mut Reader::new(payload, offset + PREFIX_LEN as u64))
            .map_err(|err| Error::damage(&self.path, err).after_txn(self.last_zxid))?;
        self.last_zxid = Some(header.zxid);
        Ok(true)
    }

    /// The record that the reader stands on: the one that was given last, until the end.
    pub fn current(&self) -> Option<Entry<'_>> {
        let offset = self.stream.offset();
        let payload = self.payload();
        let header = TxnHeader::decode(&mut Reader::new(payload, offset)).ok()?;
        Some(Entry {
            offset,
            payload,
            header,
        })
    }

    fn payload(&self) -> &[u8] {
        let end = self.pending.saturating_sub(1);
        self.stream
            .available()
            .get(PREFIX_LEN..end)
            .unwrap_or_default()
    }

    /// Goes on behind damage: to the next place where a whole record with a right checksum and a
    /// zxid that has not been seen begins. `None` when there is none. Only for saying what is
    /// behind; nothing is restored from it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn resync(&mut self) -> Result<Option<u64>> {
        self.pending = 0;
        self.end = None;
        let from = self.stream.offset() + 1;
        let Found::At(offset) = self.find_record(from)? else {
            return Ok(None);
        };
        self.stream = Stream::new(Span::new(self.source.clone(), offset), offset);
        Ok(Some(offset))
    }

    /// What came of reading on failed: behind the last txn read, where the file is at fault.
    fn unread(&self, err: io::Error) -> Error {
        Error::io(&self.path, "read", err).after_txn(self.last_zxid)
    }

    fn damage(&self, error: DecodeError) -> Error {
        Error::damage(&self.path, error).after_txn(self.last_zxid)
    }

    /// Judges the bytes at the stream's place. Only I/O happens here; see [`judge_prefix`] and
    /// [`judge_record`].
    fn judge(&mut self) -> Result<Judged> {
        let (offset, size, path) = (self.stream.offset(), self.size, &self.path);
        let last = self.last_zxid;
        let io = |err| Error::io(path, "read", err).after_txn(last);
        let prefix = self.stream.fill(PREFIX_LEN).map_err(io)?;
        let length = match judge_prefix(prefix, offset, size) {
            Judged::Whole(length) => length,
            other => return Ok(other),
        };
        let bytes = self.stream.fill(PREFIX_LEN + length + 1).map_err(io)?;
        Ok(judge_record(bytes, offset, length))
    }

    /// Whether anything but zeros stands at or behind `offset`.
    fn has_bytes_from(&self, offset: u64) -> Result<bool> {
        let mut rest = Stream::new(Span::new(&self.source, offset), offset);
        loop {
            let bytes = rest.fill(1).map_err(|err| self.unread(err))?;
            let len = bytes.len();
            if len == 0 || bytes.iter().any(|byte| *byte != 0) {
                return Ok(len > 0);
            }
            rest.consume(len);
        }
    }

    /// The offset of the last byte at or behind `offset` that is not zero.
    fn last_byte_from(&self, offset: u64) -> Result<Option<u64>> {
        header::last_byte(&self.source, offset).map_err(|err| self.unread(err))
    }

    /// A record at `offset` whose length is zero, though bytes follow: what is it? `None`: a write
    /// of which only the checksum got to the disk.
    fn zeros_hide(&self, offset: u64) -> Result<Option<DecodeError>> {
        let last = self.last_byte_from(offset)?;
        if last.is_none_or(|last| last < offset + 8) {
            return Ok(None);
        }
        Ok(Some(Fault::GarbageAfterPadding.at(offset)))
    }

    /// A record at `offset` that is not all there, by `error`: what is it? `None`: a write cut
    /// short.
    fn cut_hides(&self, offset: u64, error: DecodeError) -> Result<Option<DecodeError>> {
        match self.find_record(offset + 1)? {
            Found::Nothing => {}
            Found::At(_) | Found::GaveUp => return Ok(Some(error)),
        }
        let Some(last) = self.last_byte_from(offset)? else {
            return Ok(None);
        };
        let mut record = Stream::new(Span::range(&self.source, offset, last + 1), offset);
        let len = usize::try_from(last + 1 - offset)
            .unwrap_or(usize::MAX)
            .min(RESYNC_LEN_MAX);
        let bytes = record.fill(len).map_err(|err| self.unread(err))?;
        let Some((prefix, rest)) = bytes.split_at_checked(PREFIX_LEN) else {
            return Ok(None);
        };
        let mut prefix = Reader::new(prefix, offset);
        let (stored, length) = (
            prefix.long("checksum").unwrap_or(0),
            prefix.int("length").unwrap_or(0),
        );
        // The record is all there, with its mark, and only its length is wrong: no write leaves
        // that.
        let is_whole = rest
            .split_last()
            .is_some_and(|(mark, payload)| *mark == END_OF_RECORD && adler32(payload) == stored);
        // More is written than the record can hold.
        let is_overfull = usize::try_from(length).is_ok_and(|length| rest.len() > length + 1);
        // What is there of it is no txn that could come next.
        let is_foreign = rest.len() >= TXN_HEADER_LEN
            && TxnHeader::decode(&mut Reader::new(rest, 0)).is_ok_and(|header| {
                header.kind().is_none() || self.last_zxid.is_some_and(|last| header.zxid < last)
            });
        Ok(match (is_whole, is_overfull || is_foreign) {
            (true, _) => Some(
                Fault::BadLength {
                    field: "record",
                    length: length.into(),
                }
                .at(offset + 8),
            ),
            (false, true) => Some(error),
            (false, false) => None,
        })
    }

    /// The first place at or behind `from` where a whole record begins whose zxid was not seen
    /// before. What cannot be read is passed over.
    fn find_record(&self, from: u64) -> Result<Found> {
        let (mut from, mut skip) = (from, 1);
        for _ in 0..UNREADABLE_MAX {
            match self.search_record(from) {
                Ok(found) => return Ok(found),
                Err(err) => match Unread::of(&err) {
                    Some(unread) => {
                        from = unread.next_offset().saturating_add(skip - 1);
                        // Each of them may take a disk seconds, and there may be as many as the
                        // file has pages.
                        skip *= 2;
                    }
                    None => return Err(self.unread(err)),
                },
            }
        }
        Ok(Found::GaveUp)
    }

    fn search_record(&self, from: u64) -> io::Result<Found> {
        let mut stream = Stream::new(Span::new(&self.source, from), from);
        let mut budget = self.size.saturating_mul(4).saturating_add(RESYNC_BUDGET);
        loop {
            let offset = stream.offset();
            let bytes = stream.fill(PREFIX_LEN + TXN_HEADER_LEN + 1)?;
            if bytes.len() <= PREFIX_LEN + TXN_HEADER_LEN {
                return Ok(Found::Nothing);
            }
            let step = match plausible_record(bytes, self.last_zxid) {
                Ok(length) if (offset + (PREFIX_LEN + length) as u64) < self.size => {
                    let Some(left) = budget.checked_sub(length as u64) else {
                        return Ok(Found::GaveUp);
                    };
                    budget = left;
                    let judged = match stream.fill(PREFIX_LEN + length + 1) {
                        Ok(bytes) => judge_record(bytes, offset, length),
                        // It may be none, and others stand before what cannot be read.
                        Err(err) if Unread::of(&err).is_some() => Judged::Zeros,
                        Err(err) => return Err(err),
                    };
                    if matches!(judged, Judged::Whole(_)) {
                        return Ok(Found::At(offset));
                    }
                    1
                }
                Ok(_) => 1,
                Err(step) => step,
            };
            stream.consume(step);
        }
    }
}

/// Judges what stands before a payload; `Whole` gives the length that it claims.
fn judge_prefix(prefix: &[u8], offset: u64, size: u64) -> Judged {
    if prefix.len() < PREFIX_LEN {
        if prefix.iter().all(|byte| *byte == 0) {
            return Judged::Zeros;
        }
        let fault = Fault::ShortInput {
            field: "record",
            needed: PREFIX_LEN as u64,
            left: prefix.len() as u64,
        };
        return Judged::Cut(fault.at(offset));
    }
    let length = Reader::new(prefix.get(8..).unwrap_or_default(), offset)
        .int("length")
        .unwrap_or(0);
    match usize::try_from(length) {
        Err(_) => Judged::Damaged(
            Fault::BadLength {
                field: "record",
                length: length.into(),
            }
            .at(offset + 8),
        ),
        Ok(0) => Judged::Zeros,
        Ok(length) if offset + (PREFIX_LEN + length) as u64 >= size => {
            Judged::Cut(Fault::CutRecord { length }.at(offset))
        }
        Ok(length) => Judged::Whole(length),
    }
}

/// Judges a record whose payload claims to be `length` long. `bytes` begin with its prefix.
fn judge_record(bytes: &[u8], offset: u64, length: usize) -> Judged {
    let stored = Reader::new(bytes, offset).long("checksum").unwrap_or(0);
    let payload = bytes.get(PREFIX_LEN..PREFIX_LEN + length);
    let (Some(payload), Some(mark)) = (payload, bytes.get(PREFIX_LEN + length)) else {
        return Judged::Cut(Fault::CutRecord { length }.at(offset));
    };
    match *mark {
        END_OF_RECORD => {}
        0 => {
            return Judged::Cut(
                Fault::BadEndOfRecord { found: 0 }.at(offset + (PREFIX_LEN + length) as u64),
            );
        }
        found => {
            return Judged::Damaged(
                Fault::BadEndOfRecord { found }.at(offset + (PREFIX_LEN + length) as u64),
            );
        }
    }
    let computed = adler32(payload);
    if computed != stored {
        return Judged::Damaged(Fault::BadChecksum { stored, computed }.at(offset));
    }
    if length < TXN_HEADER_LEN {
        return Judged::Damaged(Fault::ShortRecord { length }.at(offset));
    }
    Judged::Whole(length)
}

/// The payload of a record, prefix and all but its end mark, that was found to be whole before: if
/// its checksum is still right.
pub fn payload_of_whole(record: &[u8]) -> Option<&[u8]> {
    let (prefix, payload) = record.split_at_checked(PREFIX_LEN)?;
    let stored = Reader::new(prefix, 0).long("checksum").ok()?;
    (adler32(payload) == stored).then_some(payload)
}

/// Whether a record that has not been seen may begin with `bytes`: the length of its payload, or
/// how many bytes to go on. An Adler-32 is 32 bits in a long, so a record begins with four zeros.
fn plausible_record(bytes: &[u8], last_zxid: Option<Zxid>) -> std::result::Result<usize, usize> {
    let head = bytes.get(..4).unwrap_or_default();
    if let Some(position) = head.iter().rposition(|byte| *byte != 0) {
        return Err(position + 1);
    }
    let mut input = Reader::new(bytes.get(8..).unwrap_or_default(), 0);
    let length = input
        .int("length")
        .ok()
        .and_then(|length| usize::try_from(length).ok())
        .ok_or(1usize)?;
    let header = TxnHeader::decode(&mut input).map_err(|_| 1usize)?;
    let is_plausible = (TXN_HEADER_LEN..=RESYNC_LEN_MAX).contains(&length)
        && header.zxid > last_zxid.unwrap_or(Zxid::ZERO)
        && header.kind().is_some();
    if is_plausible { Ok(length) } else { Err(1) }
}
