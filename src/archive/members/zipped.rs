//! The members of a zip.

use super::{Copied, Listing, Wanted, brief};
use crate::error::Result;
use crate::format::stream::{Bytes, ReadAt};
use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipEntry};
use std::io::{self, BufReader};
use std::sync::Arc;

/// How long an entry of the directory may be: a name, and more, of 64 KiB each.
const ENTRY_MAX: usize = 256 << 10;

/// The archive, as the library reads it.
struct Whole(Arc<Bytes>);

impl ReaderAt for Whole {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        ReadAt::read_at(&*self.0, room, offset)
    }
}

/// An entry of the directory.
struct Record {
    name: Vec<u8>,
    /// Why it is not read.
    odd: Option<String>,
    method: CompressionMethod,
    place: ZipArchiveEntryWayfinder,
}

impl Record {
    fn of(entry: &rawzip::ZipFileHeaderRecord<'_>) -> Record {
        let method = entry.compression_method();
        let odd = if entry.mode().is_symlink() {
            Some("it is a symbolic link".to_owned())
        } else if entry.flags().is_encrypted() {
            Some("it is encrypted".to_owned())
        } else if ![CompressionMethod::STORE, CompressionMethod::DEFLATE].contains(&method) {
            Some(format!("it is compressed with method {method}"))
        } else {
            None
        };
        Record {
            name: with_slashes(entry.file_path().as_bytes()),
            odd,
            method,
            place: entry.wayfinder(),
        }
    }
}

/// Some programs of Windows separate folders by backslashes.
fn with_slashes(name: &[u8]) -> Vec<u8> {
    match name.contains(&b'/') {
        true => name.to_vec(),
        false => name
            .iter()
            .map(|byte| if *byte == b'\\' { b'/' } else { *byte })
            .collect(),
    }
}

impl Listing<'_> {
    pub(super) fn list_zip(&mut self) -> Result<()> {
        let size = self.bytes.size().unwrap_or_default();
        let mut buffer = vec![0; ENTRY_MAX];
        let whole = Whole(self.bytes.clone());
        let located = rawzip::ZipLocator::new().locate_in_reader(whole, &mut buffer, size);
        let archive = match located {
            Ok(archive) => archive,
            Err((_, err)) => {
                self.note(
                    None,
                    format!("has no directory at its end: it was cut ({})", brief(&err)),
                );
                return Ok(());
            }
        };
        let mut entries = archive.entries(&mut buffer);
        loop {
            let record = match entries.next_entry() {
                Ok(None) => return Ok(()),
                Ok(Some(entry)) if entry.is_dir() => continue,
                Ok(Some(entry)) => Record::of(&entry),
                Err(err) => {
                    self.note(None, format!("its directory is broken ({})", brief(&err)));
                    return Ok(());
                }
            };
            self.take_zipped(&archive, record)?;
            self.budget.ensure_kept(self.path)?;
        }
    }

    fn note(&mut self, member: Option<&str>, damage: String) {
        self.note_damage(member.map(str::to_owned), damage);
    }

    fn take_zipped(&mut self, archive: &ZipArchive<Whole>, record: Record) -> Result<()> {
        let Some((name, wanted)) = self.judge(&record.name, record.odd.as_deref()) else {
            return Ok(());
        };
        let entry = match archive.get_entry(record.place) {
            Ok(entry) => entry,
            Err(err) => {
                self.note(
                    Some(&name),
                    format!(
                        "it is not where the directory of the archive says ({})",
                        brief(&err)
                    ),
                );
                return Ok(());
            }
        };
        if record.method == CompressionMethod::STORE {
            return self.take_stored(&entry, name, wanted);
        }
        let deflated = DeflateDecoder::new(BufReader::with_capacity(1 << 18, entry.reader()));
        let mut source = entry.verifying_reader(self.budget.bound(deflated));
        let copied = Copied {
            source: &mut source,
            size: None,
            modified: None,
            damage: &damaged,
        };
        self.spool(name, wanted, copied)
    }

    /// Takes in a member that is not compressed, where it is.
    fn take_stored(
        &mut self,
        entry: &ZipEntry<'_, Whole>,
        name: String,
        wanted: Wanted,
    ) -> Result<()> {
        let (start, end) = entry.compressed_data_range();
        if !self.is_taken(wanted, &(start..end)) {
            self.pass_over(name);
            return Ok(());
        }
        // Members may lie over each other.
        let mut verified = entry.verifying_reader(self.budget.bound(entry.reader()));
        if let Err(err) = io::copy(&mut verified, &mut io::sink()) {
            self.note(Some(&name), damaged(&err));
        }
        self.add_range(name, wanted, None, start..end)
    }
}

fn damaged(err: &io::Error) -> String {
    format!("it is damaged in the archive ({})", brief(err))
}
