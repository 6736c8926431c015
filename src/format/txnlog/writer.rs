//! Writing a log: the mirror of the reader.

use super::{END_OF_RECORD, MAGIC, VERSION};
use crate::format::checksum::adler32;
use crate::format::jute::Put;
use crate::format::record::Txn;
use std::io::{self, Write};

/// A log's header.
pub fn encode_header() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.put_int(VERSION);
    bytes.put_long(0);
    bytes
}

/// Puts the record of `payload` at the end of `out`.
pub fn encode_record(payload: &[u8], out: &mut Vec<u8>) {
    out.put_long(adler32(payload));
    out.put_buffer(Some(payload));
    out.push(END_OF_RECORD);
}

/// Writes a log, without padding: servers read such logs, and follow them by a new one.
pub struct LogWriter<W> {
    out: W,
    payload: Vec<u8>,
    record: Vec<u8>,
}

impl<W: Write> LogWriter<W> {
    /// Writes the header to `out`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W) -> io::Result<LogWriter<W>> {
        out.write_all(&encode_header())?;
        Ok(LogWriter {
            out,
            payload: Vec::new(),
            record: Vec::new(),
        })
    }

    /// Writes one record.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&mut self, txn: &Txn<'_>) -> io::Result<()> {
        self.payload.clear();
        self.record.clear();
        txn.encode(&mut self.payload);
        encode_record(&self.payload, &mut self.record);
        self.out.write_all(&self.record)
    }

    /// Flushes, and gives back what was written to.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}
