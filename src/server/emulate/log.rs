//! Reading logs as a server does (`FileTxnLog.FileTxnIterator`): each to what it takes for the end,
//! then the next, with no look back.

use super::cohort::Cohort;
use super::files::ServerFile;
use super::java::{FileInput, InputArchive};
use super::limits::Limits;
use super::record::{Record, decode};
use super::rules::Rules;
use super::thrown::{Result, Thrown};
use crate::error;
use crate::format::checksum::adler32;
use crate::format::stream::{ReadAt, RegularFile, Span};
use crate::format::txnlog::{END_OF_RECORD, MAGIC};
use std::collections::VecDeque;
use std::sync::Arc;

/// The logs of a load, one behind the other.
pub struct ServerLogs<'a> {
    cohort: &'a Cohort,
    left: VecDeque<ServerFile>,
    open: Option<(ServerFile, FileInput<'a, Span<Arc<RegularFile>>>)>,
    /// Where the record that was read last begins, or the one that could not be.
    offset: u64,
    /// What the server printed meanwhile, with the file.
    pub said: Vec<(String, String)>,
}

impl<'a> ServerLogs<'a> {
    /// Reads `files`, in order.
    pub fn new(files: Vec<ServerFile>, cohort: &'a Cohort) -> ServerLogs<'a> {
        ServerLogs {
            cohort,
            left: files.into(),
            open: None,
            offset: 0,
            said: Vec::new(),
        }
    }

    /// The file that is being read, and the offset in it.
    pub fn place(&self) -> Option<(&str, u64)> {
        let (file, _) = self.open.as_ref()?;
        Some((&file.name, self.offset))
    }

    /// The next record; `None` behind the last log.
    ///
    /// # Errors
    /// The outer one when a file vanished, the inner one is what the server throws.
    pub fn next(&mut self) -> error::Result<Result<Option<Record>>> {
        loop {
            if self.open.is_none() {
                match self.go_to_next_log()? {
                    Ok(true) => {}
                    Ok(false) => return Ok(Ok(None)),
                    Err(thrown) => return Ok(Err(thrown)),
                }
            }
            match self.read_record() {
                Err(Thrown::Eof) => self.open = None,
                other => return Ok(other.map(Some)),
            }
        }
    }

    /// Opens the next log; false when there is none.
    fn go_to_next_log(&mut self) -> error::Result<Result<bool>> {
        let Some(file) = self.left.pop_front() else {
            return Ok(Ok(false));
        };
        let handle = match file.open()? {
            Ok(handle) => handle,
            Err(thrown) => return Ok(Err(thrown)),
        };
        let is_empty = handle.size().is_ok_and(|size| size == 0);
        if is_empty && self.left.is_empty() && self.cohort.ask(Rules::deletes_empty_tail) {
            let line = "Delete empty tail log file to recover from corruption file:";
            self.said
                .push((file.name.clone(), format!("{line} {}", file.name)));
            return Ok(Ok(false));
        }
        let mut input = FileInput::new(Span::new(handle, 0), Limits::Of(self.cohort));
        let header = read_header(&mut input, &file);
        self.offset = 0;
        self.open = Some((file, input));
        Ok(header.map(|()| true))
    }

    fn read_record(&mut self) -> Result<Record> {
        let (file, input) = self.open.as_mut().ok_or(Thrown::Eof)?;
        self.offset = input.offset();
        let stored = input.long()?;
        let payload = input.buffer()?.ok_or_else(Thrown::null_pointer)?;
        if payload.is_empty() {
            return Err(Thrown::Eof);
        }
        if input.byte()? != END_OF_RECORD {
            let line = "Last transaction was partial.".to_owned();
            self.said.push((file.name.clone(), line));
            return Err(Thrown::Eof);
        }
        if stored != adler32(&payload) {
            return Err(Thrown::io("CRC check failed"));
        }
        decode(&payload, self.cohort)
    }
}

/// Magic, version, dbid. Being short here is no end of a file: it ends the load.
fn read_header(input: &mut FileInput<'_, Span<Arc<RegularFile>>>, file: &ServerFile) -> Result<()> {
    let magic = input.int()?;
    let _version_and_dbid = input.take(4 + 8)?;
    let expected = i32::from_be_bytes(MAGIC);
    if magic != expected {
        return Err(Thrown::io(format!(
            "Transaction log: {} has invalid magic number {magic} != {expected}",
            file.name
        )));
    }
    Ok(())
}
