//! The members of a tar.

use super::sparse::{self, Sparse};
use super::{Copied, Listing, brief, broken};
use crate::archive::content::Packing;
use crate::error::{Error, Result};
use crate::format::stream::{Bytes, ReadAt, Span};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

/// How much may stand between two members: headers, and the long names in them.
const HEADERS_MAX: u64 = 1 << 20;
/// Everything in a tar has a multiple of this length, and so has the mark at its end.
const BLOCK: u64 = 512;

/// A reader that gives no more than is allowed for now: a name is kept in memory.
struct Gate<R> {
    inner: R,
    left: Rc<Cell<u64>>,
    /// How much it gave.
    seen: u64,
}

impl<R> Gate<R> {
    fn new(inner: R) -> Gate<R> {
        Gate {
            inner,
            left: Rc::new(Cell::new(HEADERS_MAX)),
            seen: 0,
        }
    }
}

impl<R: Read> Read for Gate<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(room)?;
        self.seen += read as u64;
        let left = self.left.get().checked_sub(read as u64);
        self.left.set(left.ok_or_else(|| {
            io::Error::other(format!("a header of more than {HEADERS_MAX} bytes"))
        })?);
        Ok(read)
    }
}

impl<R: Seek> Seek for Gate<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// One header.
struct Entry {
    name: Vec<u8>,
    /// Why it is not read, where it is no plain file.
    odd: Option<&'static str>,
    is_dir: bool,
    /// The earlier member that it is another name of.
    links_to: Option<Vec<u8>>,
    /// Whether the library makes the holes of it.
    is_sparse: bool,
    /// Its length with holes that are to be made.
    real_size: Option<u64>,
    size: u64,
    start: u64,
    modified: Option<SystemTime>,
}

impl Entry {
    fn of<R: Read>(entry: &mut tar::Entry<'_, R>) -> Entry {
        let kind = entry.header().entry_type();
        let odd = match kind {
            tar::EntryType::Symlink => Some("it is a symbolic link"),
            kind if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() => None,
            _ => Some("it is not a file"),
        };
        let mtime = entry.header().mtime().ok().map(Duration::from_secs);
        let mut found = Entry {
            name: entry.path_bytes().into_owned(),
            odd,
            is_dir: kind.is_dir() || kind.is_pax_global_extensions(),
            links_to: match kind.is_hard_link() {
                true => entry.link_name_bytes().map(std::borrow::Cow::into_owned),
                false => None,
            },
            is_sparse: kind.is_gnu_sparse(),
            real_size: None,
            size: entry.size(),
            start: entry.raw_file_position(),
            modified: mtime.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)),
        };
        // Of other kinds, it may be all that they hold.
        if odd.is_none()
            && let Ok(Some(extensions)) = entry.pax_extensions()
        {
            for extension in extensions.flatten() {
                found.extend(extension.key().unwrap_or_default(), extension.value_bytes());
            }
        }
        found
    }

    /// Takes in what a header says behind the usual.
    fn extend(&mut self, key: &str, value: &[u8]) {
        let text = std::str::from_utf8(value).unwrap_or_default();
        match key {
            sparse::NAME => self.name = value.to_vec(),
            sparse::SIZE => self.real_size = text.parse().ok(),
            sparse::MAJOR if text == "1" => {}
            sparse::MINOR if text == "0" => {}
            key if key.starts_with(sparse::PREFIX) => {
                self.odd = Some("it has holes, in a form that is not read");
            }
            _ => {}
        }
    }

    /// Where the next header begins, at least.
    fn end(&self) -> u64 {
        let size = match self.is_sparse {
            true => Some(0),
            false => self.size.checked_next_multiple_of(BLOCK),
        };
        size.and_then(|size| self.start.checked_add(size))
            .unwrap_or(u64::MAX)
    }
}

impl Listing<'_> {
    pub(super) fn list_plain_tar(&mut self) -> Result<()> {
        let bytes = self.bytes.clone();
        let Bytes::File(file) = &*bytes else {
            return Ok(());
        };
        let failed = |err| Error::io(self.path, "read", err);
        let mut reader: &File = file;
        reader.seek(SeekFrom::Start(0)).map_err(failed)?;
        let total = file.size().map_err(failed)?;
        let gate = Gate::new(reader);
        let left = gate.left.clone();
        let mut tar = tar::Archive::new(gate);
        let mut entries = tar.entries_with_seek().map_err(failed)?;
        let Some(end) = self.walk(&mut entries, &left, false)? else {
            return Ok(());
        };
        self.ensure_ended(end, total);
        let rest = Span::range(file, end.min(total), total);
        self.ensure_nothing_behind(rest).map_err(failed)
    }

    pub(super) fn list_packed_tar(&mut self, packing: Packing) -> Result<()> {
        let bytes = self.bytes.clone();
        let failed = |err| Error::io(self.path, "read", err);
        let source = self.budget.unpack(packing, Span::new(&*bytes, 0));
        let gate = Gate::new(source.map_err(failed)?);
        let left = gate.left.clone();
        let mut tar = tar::Archive::new(gate);
        let mut entries = tar.entries().map_err(failed)?;
        let Some(end) = self.walk(&mut entries, &left, true)? else {
            return Ok(());
        };
        // The rest, and the checksum at its end.
        let mut rest = tar.into_inner();
        match self.ensure_nothing_behind(&mut rest) {
            Ok(()) => self.ensure_ended(end, rest.seen),
            Err(err) => self.members.damage.push((None, broken(packing, &err))),
        }
        Ok(())
    }

    /// Takes in all members; where the last one ends, if all can be read. In a stream, each is read
    /// to its end before the next.
    fn walk<R: Read>(
        &mut self,
        entries: &mut tar::Entries<'_, R>,
        left: &Cell<u64>,
        is_stream: bool,
    ) -> Result<Option<u64>> {
        let mut end = 0;
        loop {
            left.set(HEADERS_MAX);
            let next = entries.next();
            left.set(u64::MAX);
            let mut entry = match next {
                None => return Ok(Some(end)),
                Some(Ok(entry)) => entry,
                Some(Err(err)) => {
                    let message = format!(
                        "cannot be read to its end: it was cut, or is broken ({})",
                        brief(&err)
                    );
                    self.members.damage.push((None, message));
                    return Ok(None);
                }
            };
            let found = Entry::of(&mut entry);
            end = found.end();
            let has_holes = found.is_sparse || found.real_size.is_some();
            // Holes cost nothing in the archive.
            let mut raw: Box<dyn Read> = match found.is_sparse {
                true => Box::new(self.budget.bound(&mut entry)),
                false => Box::new(&mut entry),
            };
            let mut source: Box<dyn Read> = match found.real_size {
                Some(size) => Box::new(self.budget.bound(Sparse::new(&mut raw, size))),
                None => Box::new(&mut raw),
            };
            self.take(found, (is_stream || has_holes).then_some(&mut source))?;
            drop(source);
            if is_stream && io::copy(&mut raw, &mut io::sink()).is_err() {
                self.budget.ensure_kept(self.path)?;
            }
        }
    }

    /// Takes in one member: by copying it, or as a range of the archive.
    fn take(&mut self, entry: Entry, copied: Option<&mut Box<dyn Read + '_>>) -> Result<()> {
        if entry.is_dir {
            return Ok(());
        }
        if let Some(target) = &entry.links_to {
            return self.take_link(&entry.name, target);
        }
        let Some((name, wanted)) = self.judge(&entry.name, entry.odd) else {
            return Ok(());
        };
        if let Some(source) = copied {
            let copied = Copied {
                source,
                modified: entry.modified,
                damage: &|err| format!("the archive is cut or broken within it ({})", brief(err)),
            };
            return self.spool(name, wanted, copied);
        }
        let range = entry.start..entry.start.saturating_add(entry.size);
        self.add_range(name, wanted, entry.modified, range)
    }

    /// Notes what is not zero behind the end mark: a header that became zeros is one too.
    fn ensure_nothing_behind(&mut self, mut rest: impl Read) -> io::Result<()> {
        let mut block = Vec::new();
        let mut is_zero = true;
        loop {
            block.clear();
            if (&mut rest).take(1 << 16).read_to_end(&mut block)? == 0 {
                break;
            }
            is_zero &= block.iter().all(|byte| *byte == 0);
        }
        if !is_zero {
            let message = "goes on after an end mark: a header in it became zeros, or it is several archives one after the other. What follows is not read";
            self.members.damage.push((None, message.to_owned()));
        }
        Ok(())
    }

    /// Notes that a tar of `total` bytes was cut, the last member of which ends at `end`.
    fn ensure_ended(&mut self, end: u64, total: u64) {
        if total < end.saturating_add(BLOCK) {
            let message = format!("is cut short: it ends after {total} bytes, without an end mark");
            self.members.damage.push((None, message));
        }
    }
}
