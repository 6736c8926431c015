//! The members of a tar.

use super::sparse::{self, Sparse};
use super::{Copied, Listing, brief, broken};
use crate::archive::content;
use crate::archive::packing::Packing;
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
const BLOCK: u64 = BLOCK_LEN as u64;
const BLOCK_LEN: usize = 512;

/// A reader that gives no more than is allowed for now: a name is kept in memory.
struct Gate<R> {
    inner: R,
    left: Rc<Cell<u64>>,
    /// How much it gave.
    seen: Rc<Cell<u64>>,
    /// Where in the file the tar begins.
    begin: u64,
}

impl<R> Gate<R> {
    fn new(inner: R) -> Gate<R> {
        Gate {
            inner,
            left: Rc::new(Cell::new(HEADERS_MAX)),
            seen: Rc::default(),
            begin: 0,
        }
    }
}

impl<R: Read> Read for Gate<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(room)?;
        self.seen.set(self.seen.get().saturating_add(read as u64));
        let left = self.left.get().checked_sub(read as u64);
        self.left.set(left.ok_or_else(|| {
            io::Error::other(format!("a header of more than {HEADERS_MAX} bytes"))
        })?);
        Ok(read)
    }
}

impl<R: Seek> Seek for Gate<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = self.inner.seek(to)?;
        Ok(at.saturating_sub(self.begin))
    }
}

/// How a tar is gone through.
#[derive(Clone, Copy)]
enum Pass<'a> {
    /// From one header to the next, the first of which is at `begin`.
    Seek { begin: u64 },
    /// From its beginning to its end, of which `seen` was read.
    Stream { seen: &'a Cell<u64> },
}

/// What stands behind the last member.
#[derive(Debug, Default)]
struct Rest {
    /// How many blocks of zeros, which make the mark at the end.
    mark: u64,
    /// How many bytes are behind them.
    len: u64,
    /// Whether a header of tar is among these.
    has_header: bool,
    /// How many blocks of zeros they end with.
    zeros_at_end: u64,
}

impl Rest {
    /// Reads it; `mark` blocks of zeros were read.
    fn read(mut from: impl Read, mark: u64) -> io::Result<Rest> {
        let mut found = Rest {
            mark,
            ..Rest::default()
        };
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if (&mut from).take(BLOCK << 7).read_to_end(&mut bytes)? == 0 {
                return Ok(found);
            }
            for block in bytes.chunks(BLOCK_LEN) {
                let is_zero = block.iter().all(|byte| *byte == 0);
                if is_zero && found.len == 0 {
                    found.mark += 1;
                    continue;
                }
                found.len += block.len() as u64;
                found.has_header |= content::is_tar(block);
                found.zeros_at_end = match is_zero {
                    true => found.zeros_at_end + 1,
                    false => 0,
                };
            }
        }
    }

    /// Whether it may be members. Behind a header that became zeros there is more of a tar; behind
    /// a mark, which is two blocks long, may be anything.
    fn is_content(&self) -> bool {
        let ends_as_tar = self.len.is_multiple_of(BLOCK) && self.zeros_at_end >= 2;
        self.len > 0 && (self.mark < 2 || self.has_header || ends_as_tar)
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
    /// Its length with those that the library makes.
    full_size: u64,
    /// Its length in the archive.
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
            full_size: entry.size(),
            size: match kind.is_gnu_sparse() {
                true => entry.header().entry_size().unwrap_or_default(),
                false => entry.size(),
            },
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
        let size = self.size.checked_next_multiple_of(BLOCK);
        size.and_then(|size| self.start.checked_add(size))
            .unwrap_or(u64::MAX)
    }
}

/// How long the label of a volume is at the beginning of `from` (`tar --label`), if there is one:
/// a header that has a name, and nothing else that is read as one.
fn label_len(from: impl Read) -> io::Result<u64> {
    const TYPE_AT: usize = 156;
    let head = content::begin(from, BLOCK_LEN)?;
    Ok(match head.get(TYPE_AT) {
        Some(b'V') => BLOCK,
        Some(_) | None => 0,
    })
}

impl Listing<'_> {
    pub(super) fn list_plain_tar(&mut self) -> Result<()> {
        let bytes = self.bytes.clone();
        let Bytes::File(file) = &*bytes else {
            return Ok(());
        };
        let failed = |err| Error::io(self.path, "read", err);
        let begin = label_len(Span::new(file, 0)).map_err(failed)?;
        let mut reader: &File = file;
        reader.seek(SeekFrom::Start(begin)).map_err(failed)?;
        let total = file.size().map_err(failed)?;
        let gate = Gate {
            begin,
            ..Gate::new(reader)
        };
        let left = gate.left.clone();
        let mut tar = tar::Archive::new(gate);
        let mut entries = tar.entries_with_seek().map_err(failed)?;
        let Some(end) = self.walk(&mut entries, &left, Pass::Seek { begin })? else {
            return Ok(());
        };
        let end = end.saturating_add(begin);
        self.ensure_ended(end, total);
        let rest = Span::range(file, end.min(total), total);
        let rest = Rest::read(rest, 0).map_err(failed)?;
        self.judge_rest(&rest);
        Ok(())
    }

    pub(super) fn list_packed_tar(&mut self, packing: Packing) -> Result<()> {
        let bytes = self.bytes.clone();
        let failed = |err| Error::io(self.path, "read", err);
        let decompressed = || packing.reader(Span::new(&*bytes, 0));
        let begin = label_len(decompressed()).unwrap_or_default();
        let mut source = self.budget.pass(packing, Span::new(&*bytes, 0));
        io::copy(&mut (&mut source).take(begin), &mut io::sink()).map_err(failed)?;
        let gate = Gate::new(source);
        let (left, seen) = (gate.left.clone(), gate.seen.clone());
        let mut tar = tar::Archive::new(gate);
        let mut entries = tar.entries().map_err(failed)?;
        let Some(end) = self.walk(&mut entries, &left, Pass::Stream { seen: &seen })? else {
            return Ok(());
        };
        // The rest, and the checksum at its end. The first block of the mark was read.
        let mut rest = tar.into_inner();
        match Rest::read(&mut rest, 1) {
            Ok(found) => {
                self.ensure_ended(end, seen.get());
                self.judge_rest(&found);
            }
            Err(err) => self.members.damage.push((None, broken(packing, &err))),
        }
        if let Some(trailing) = rest.inner.source().trailing() {
            let remark = (None, trailing.told(packing));
            self.members.remarks.push(remark);
        }
        Ok(())
    }

    /// Takes in all members; where the last one ends, if all can be read.
    fn walk<R: Read>(
        &mut self,
        entries: &mut tar::Entries<'_, R>,
        left: &Cell<u64>,
        pass: Pass<'_>,
    ) -> Result<Option<u64>> {
        let (begin, seen) = match pass {
            Pass::Seek { begin } => (begin, None),
            Pass::Stream { seen } => (0, Some(seen)),
        };
        let mut end: u64 = 0;
        loop {
            // What is left of a member that is not wanted costs nothing but time.
            let rest = seen.map_or(0, |seen| end.saturating_sub(seen.get()));
            left.set(HEADERS_MAX.saturating_add(rest));
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
            let mut found = Entry::of(&mut entry);
            end = found.end();
            if found.is_sparse {
                // More of the map stands between the header and the content.
                end = end.saturating_add(seen.map_or(0, |at| at.get().saturating_sub(found.start)));
            }
            found.start = found.start.saturating_add(begin);
            let has_holes = found.is_sparse || found.real_size.is_some();
            // Holes cost nothing in the archive.
            let mut source: Box<dyn Read> = match found.real_size {
                Some(size) => Box::new(self.budget.bound(Sparse::new(&mut entry, size))),
                None => Box::new(self.budget.bound(&mut entry)),
            };
            self.take(found, (seen.is_some() || has_holes).then_some(&mut source))?;
            drop(source);
            self.budget.ensure_kept(self.path)?;
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
                size: Some(entry.real_size.unwrap_or(entry.full_size)),
                modified: entry.modified,
                damage: &|err| format!("the archive is cut or broken within it ({})", brief(err)),
            };
            return self.spool(name, wanted, copied);
        }
        let range = entry.start..entry.start.saturating_add(entry.size);
        self.add_range(name, wanted, entry.modified, range)
    }

    /// Notes what stands behind the end mark.
    fn judge_rest(&mut self, rest: &Rest) {
        if rest.len == 0 {
            return;
        }
        if rest.is_content() {
            let message = "goes on after an end mark: a header in it became zeros, or it is several archives one after the other. What follows is not read";
            self.members.damage.push((None, message.to_owned()));
        } else {
            let message = format!(
                "is followed by {} bytes that are no tar: they are ignored, as tar does",
                rest.len
            );
            self.members.remarks.push((None, message));
        }
    }

    /// Notes that a tar of `total` bytes was cut, the last member of which ends at `end`.
    fn ensure_ended(&mut self, end: u64, total: u64) {
        if total < end.saturating_add(BLOCK) {
            let message = format!("is cut short: it ends after {total} bytes, without an end mark");
            self.members.damage.push((None, message));
        }
    }
}
