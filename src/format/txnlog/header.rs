//! A log's header, and what a log without one is.

use super::{END_OF_RECORD, HEADER_LEN, MAGIC};
use crate::error::{DecodeError, Fault};
use crate::format::jute::Reader;
use crate::format::record::TxnHeader;
use crate::format::record::txn::TXN_HEADER_LEN;
use crate::format::stream::{ReadAt, Span, Stream};
use crate::zxid::Zxid;
use std::io;

/// A record of ZooKeeper 2 that is longer than this is not looked for.
const VERSION_2_LEN_MAX: usize = 1 << 20;

/// A log's version and dbid.
pub(super) fn decode(bytes: &[u8]) -> Result<(i32, i64), DecodeError> {
    if bytes.is_empty() {
        return Err(Fault::Empty.at(0));
    }
    if bytes.len() < HEADER_LEN {
        return Err(Fault::ShortHeader {
            needed: HEADER_LEN as u64,
            found: bytes.len() as u64,
        }
        .at(0));
    }
    let mut input = Reader::new(bytes, 0);
    let magic = input.take(4, "magic")?;
    if magic != MAGIC {
        let found = magic.try_into().unwrap_or_default();
        return Err(Fault::BadMagic {
            expected: "ZKLG",
            found,
        }
        .at(0));
    }
    Ok((input.int("version")?, input.long("dbid")?))
}

/// What is wrong with a log whose header is `error`, now that the file behind it can be looked at:
/// it may be all zeros, or older than headers.
pub(super) fn explain<S: ReadAt>(source: &S, error: DecodeError) -> io::Result<DecodeError> {
    let Fault::BadMagic { found, .. } = &error.fault else {
        return Ok(error);
    };
    let length = source.size()?;
    if *found == [0; 4] && last_byte(source, 0)?.is_none() {
        return Ok(Fault::AllZeros { length }.at(0));
    }
    let claimed = usize::try_from(i32::from_be_bytes(*found)).unwrap_or(0);
    if (TXN_HEADER_LEN..=VERSION_2_LEN_MAX).contains(&claimed) {
        let mut stream = Stream::new(Span::new(source, 0), 0);
        if is_record_of_version_2(stream.fill(4 + claimed + 1)?, claimed) {
            return Ok(Fault::Version2 { kind: "log" }.at(0));
        }
    }
    Ok(error)
}

/// Logs of ZooKeeper 2 are records from the first byte on: a length, a payload with today's header,
/// an end mark (`UpgradeSnapShotV1`, by which releases up to 3.4 took them over). Nothing in them
/// is summed.
fn is_record_of_version_2(bytes: &[u8], length: usize) -> bool {
    let payload = bytes.get(4..4 + length).unwrap_or_default();
    let is_ended = bytes.get(4 + length) == Some(&END_OF_RECORD);
    let header = TxnHeader::decode(&mut Reader::new(payload, 4));
    is_ended && header.is_ok_and(|header| header.zxid > Zxid::ZERO && header.kind().is_some())
}

/// The offset of the last byte at or behind `offset` that is not zero.
pub(super) fn last_byte<S: ReadAt>(source: &S, offset: u64) -> io::Result<Option<u64>> {
    let mut rest = Stream::new(Span::new(source, offset), offset);
    let mut last = None;
    loop {
        let at = rest.offset();
        let bytes = rest.fill(1)?;
        if bytes.is_empty() {
            return Ok(last);
        }
        if let Some(position) = bytes.iter().rposition(|byte| *byte != 0) {
            last = Some(at + position as u64);
        }
        let len = bytes.len();
        rest.consume(len);
    }
}
