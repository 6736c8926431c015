//! The files in any tar or zip, read where they are.
//!
//! Members of a tar that is not compressed, and those that a zip only stores, are ranges of the
//! archive. Others are decompressed into memory, or into a file without a name. The name of a
//! member is never opened: it is only compared and shown, so an archive cannot reach outside.

mod sparse;
mod tarball;
mod zipped;

use super::content::{self, Content, Packing};
use super::spool::{Budget, Spool};
use crate::error::{Error, ErrorKind, Result};
use crate::format::snapshot::codec::Codec;
use crate::format::stream::{Bytes, ReadAt, RegularFile, Span};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// How many members of one archive are read.
const MEMBERS_MAX: usize = 100_000;
/// How many names are kept of those that are not.
const OTHERS_MAX: usize = 1000;
/// How many are told that are not read though they are wanted, and how many that are damaged.
const TOLD_MAX: usize = 1000;
/// How long the path of a member may be.
const NAME_MAX: usize = 4096;

/// Which members are wanted, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This one, whatever it holds.
    Yes,
    /// This one, if it is a log or a snapshot that is not compressed.
    IfOurs,
    /// Not this one.
    No,
}

/// A member that was wanted.
#[derive(Debug)]
pub struct Member {
    /// Its path in the archive.
    pub name: String,
    /// What it is. One that somebody compressed is told as what was in it.
    pub content: Content,
    /// Whether somebody compressed it, apart from the archive.
    pub was_packed: bool,
    /// Its bytes.
    pub file: Arc<RegularFile>,
    /// When it was last written to, as the archive has it.
    pub modified: Option<SystemTime>,
}

/// What is in an archive.
#[derive(Debug, Default)]
pub struct Members {
    /// The members that were wanted.
    pub found: Vec<Member>,
    /// Names of some that were not.
    pub others: Vec<String>,
    /// Wanted by their names, and not read: why.
    pub skipped: Vec<(String, String)>,
    /// There more than once: the last one is read.
    pub repeated: Vec<String>,
    /// What of the archive itself is damaged: of which member, where it is that of one, and how.
    pub damage: Vec<(Option<String>, String)>,
}

/// Where a member is.
#[derive(Clone)]
enum Place {
    Archive(Range<u64>),
    Spool(Range<u64>),
}

#[derive(Clone)]
struct Raw {
    modified: Option<SystemTime>,
    place: Place,
}

/// An archive that is being read.
struct Listing<'a> {
    path: &'a Path,
    bytes: &'a Arc<Bytes>,
    wanted: &'a dyn Fn(&str) -> Wanted,
    budget: Budget,
    spool: Spool,
    raw: BTreeMap<String, Raw>,
    members: Members,
}

/// Reads the members that are `wanted` of the tar or zip `file` at `path`. What is decompressed and
/// is not little goes into a file in `scratch`.
///
/// # Errors
/// When it decompresses to more than any such archive holds; when there is no room for it.
pub fn read(
    path: &Path,
    file: &RegularFile,
    content: Content,
    wanted: &dyn Fn(&str) -> Wanted,
    scratch: &Path,
) -> Result<Members> {
    let failed = |err| Error::io(path, "read", err);
    let bytes = file.bytes();
    let mut listing = Listing {
        path,
        bytes,
        wanted,
        budget: Budget::new(bytes.size().map_err(failed)?),
        spool: Spool::new(scratch),
        raw: BTreeMap::new(),
        members: Members::default(),
    };
    match content {
        Content::Zip => listing.list_zip()?,
        Content::Tar(None) => listing.list_plain_tar()?,
        Content::Tar(Some(packing)) => listing.list_packed_tar(packing)?,
        _ => {}
    }
    listing.budget.ensure_kept(path)?;
    listing.finish(scratch)
}

/// The log or snapshot that somebody compressed, at `path`: its bytes, and why there are no more of
/// them.
///
/// # Errors
/// As [`read`].
pub fn unpack_one(
    path: &Path,
    file: &RegularFile,
    packing: Packing,
    scratch: &Path,
) -> Result<(RegularFile, Option<String>)> {
    let failed = |err| Error::io(path, "read", err);
    let budget = Budget::new(file.size().map_err(failed)?);
    let mut spool = Spool::of_one(scratch);
    let source = budget.unpack(packing, Span::new(file, 0)).map_err(failed)?;
    let (range, damage) = spool.copy(source)?;
    budget.ensure_kept(path)?;
    let plain = RegularFile::within(&Arc::new(spool.finish()), range, path);
    Ok((plain, damage.map(|err| broken(packing, &err))))
}

/// Why the compressed file at `path` cannot be used: what is in it is nothing of ours, or it cannot
/// be decompressed.
pub fn not_ours(path: &Path, file: &RegularFile, packing: Packing) -> Error {
    let source = packing.reader(Span::new(file, 0));
    let read = source.and_then(|source| source.take(1 << 10).read_to_end(&mut Vec::new()));
    match read {
        Err(err) => Error::about(path, ErrorKind::Damage, broken(packing, &err)),
        Ok(_) => {
            let message = format!(
                "is compressed with {}, and what is in it is neither a log, a snapshot nor a tar",
                packing.name()
            );
            Error::about(path, ErrorKind::Failed, message)
        }
    }
}

/// The first `len` bytes of the log or snapshot in `file`, which somebody compressed.
///
/// # Errors
/// Where none can be had.
pub fn unpack_head(file: &RegularFile, packing: Packing, len: usize) -> io::Result<Vec<u8>> {
    content::begin(packing.reader(Span::new(file, 0))?, len)
}

/// What is wrong with a compressed stream.
fn broken(packing: Packing, err: &io::Error) -> String {
    let name = packing.name();
    match err.kind() {
        io::ErrorKind::UnexpectedEof => format!("its {name} stream ends too soon: it was cut"),
        _ => format!("its {name} stream is broken ({})", brief(err)),
    }
}

/// What a library says of bytes may quote them at length.
fn brief(err: &dyn std::fmt::Display) -> String {
    let text = err.to_string();
    text.chars()
        .take_while(|c| !c.is_control())
        .take(60)
        .collect()
}

/// `name` as a path below nothing; `None` where it leads out.
fn cleaned(name: &[u8]) -> Option<String> {
    let name = String::from_utf8_lossy(name);
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl Listing<'_> {
    /// How much `name`, as it stands in the archive, is wanted, and under which name. One that is
    /// not a plain file is only told, if it would have been.
    fn judge(&mut self, name: &[u8], odd: Option<&str>) -> Option<(String, Wanted)> {
        if name.len() > NAME_MAX {
            self.note_damage(
                None,
                format!("a name in it is longer than {NAME_MAX} bytes"),
            );
            return None;
        }
        let Some(clean) = cleaned(name) else {
            let shown = String::from_utf8_lossy(name).into_owned();
            if (self.wanted)(&shown) == Wanted::Yes {
                self.skip(shown, "its name has '..' in it");
            }
            return None;
        };
        let wanted = (self.wanted)(&clean);
        match (wanted, odd) {
            (Wanted::Yes, Some(odd)) => {
                self.skip(clean, odd);
                None
            }
            (Wanted::No, _) | (_, Some(_)) => {
                self.pass_over(clean);
                None
            }
            (Wanted::Yes | Wanted::IfOurs, None) => Some((clean, wanted)),
        }
    }

    /// Notes a member that is wanted and cannot be read.
    fn skip(&mut self, name: String, why: &str) {
        if self.members.skipped.len() < TOLD_MAX {
            self.members.skipped.push((name, why.to_owned()));
        }
    }

    /// Notes damage of the archive, or of one member.
    fn note_damage(&mut self, member: Option<String>, damage: String) {
        if self.members.damage.len() < TOLD_MAX {
            self.members.damage.push((member, damage));
        }
    }

    /// Takes in `name`, another one of an earlier member.
    fn take_link(&mut self, name: &[u8], target: &[u8]) -> Result<()> {
        if name == target {
            return Ok(());
        }
        let known = cleaned(target).and_then(|target| self.raw.get(&target).cloned());
        let Some(Raw { modified, place }) = known else {
            self.judge(name, Some("it is a hard link to a file that is not read"));
            return Ok(());
        };
        match self.judge(name, None) {
            Some((name, _)) => self.add(name, modified, place),
            None => Ok(()),
        }
    }

    /// Notes the name of a member that is not read.
    fn pass_over(&mut self, name: String) {
        if self.members.others.len() < OTHERS_MAX {
            self.members.others.push(name);
        }
    }

    /// Whether a member at `range` in the archive is what is wanted.
    fn is_taken(&self, wanted: Wanted, range: &Range<u64>) -> bool {
        let member = Span::range(&**self.bytes, range.start, range.end);
        let head = || content::begin(member, Content::TOLD_BY).unwrap_or_default();
        wanted == Wanted::Yes || Content::may_be_ours(&head())
    }

    /// Adds a member at `place` in the archive, unless it is not what is wanted.
    fn add_range(
        &mut self,
        name: String,
        wanted: Wanted,
        modified: Option<SystemTime>,
        range: Range<u64>,
    ) -> Result<()> {
        if !self.is_taken(wanted, &range) {
            self.pass_over(name);
            return Ok(());
        }
        self.add(name, modified, Place::Archive(range))
    }

    fn add(&mut self, name: String, modified: Option<SystemTime>, place: Place) -> Result<()> {
        let earlier = self.raw.insert(name.clone(), Raw { modified, place });
        if earlier.is_some() && self.members.repeated.len() < TOLD_MAX {
            self.members.repeated.push(name);
        }
        if self.raw.len() <= MEMBERS_MAX {
            return Ok(());
        }
        let message =
            format!("holds more than {MEMBERS_MAX} logs and snapshots: that is the limit");
        Err(Error::about(self.path, ErrorKind::Failed, message))
    }

    /// Copies a member that begins with what `wanted` needs to know; tells whether it is damaged.
    fn spool(&mut self, name: String, wanted: Wanted, from: Copied<'_>) -> Result<()> {
        let Copied {
            mut source,
            modified,
            damage,
        } = from;
        let head = match content::begin(&mut source, Content::TOLD_BY) {
            Ok(head) => head,
            Err(err) => {
                match wanted {
                    Wanted::Yes => self.note_damage(Some(name), damage(&err)),
                    Wanted::IfOurs | Wanted::No => self.pass_over(name),
                }
                return Ok(());
            }
        };
        if wanted == Wanted::IfOurs && !Content::may_be_ours(&head) {
            self.pass_over(name);
            return Ok(());
        }
        let (range, failed) = self.spool.copy(head.as_slice().chain(source))?;
        if let Some(err) = failed {
            self.note_damage(Some(name.clone()), damage(&err));
        }
        self.add(name, modified, Place::Spool(range))
    }

    /// Looks into every member that was listed.
    fn finish(mut self, scratch: &Path) -> Result<Members> {
        let spooled = Arc::new(self.spool.finish());
        let mut inner = Spool::new(scratch);
        let mut unpacked = Vec::new();
        for (name, raw) in std::mem::take(&mut self.raw) {
            let (bytes, range) = match raw.place {
                Place::Archive(range) => (self.bytes, range),
                Place::Spool(range) => (&spooled, range),
            };
            let shown = self.path.join(&name);
            let file = RegularFile::within(bytes, range, &shown);
            let content = Content::of(&file).unwrap_or(Content::Foreign);
            let member = |content, file| Member {
                name: name.clone(),
                content,
                was_packed: false,
                file: Arc::new(file),
                modified: raw.modified,
            };
            let (packing, plain) = match content {
                Content::PackedLog(packing) => (packing, Content::Log),
                Content::PackedSnapshot(packing) => (packing, Content::Snapshot(Codec::Plain)),
                _ => {
                    self.members.found.push(member(content, file));
                    continue;
                }
            };
            let source = self.budget.unpack(packing, Span::new(&file, 0));
            let source = source.map_err(|err| Error::io(self.path, "decompress", err))?;
            let (range, damage) = inner.copy(source)?;
            let damage = damage.map(|err| (Some(name.clone()), broken(packing, &err)));
            self.members.damage.extend(damage);
            unpacked.push((member(plain, file), range));
        }
        self.budget.ensure_kept(self.path)?;
        let inner = Arc::new(inner.finish());
        let unpacked = unpacked.into_iter().map(|(member, range)| Member {
            was_packed: true,
            file: Arc::new(RegularFile::within(
                &inner,
                range,
                &self.path.join(&member.name),
            )),
            ..member
        });
        self.members.found.extend(unpacked);
        self.members.found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(self.members)
    }
}

/// What is being copied out of an archive.
struct Copied<'a> {
    source: &'a mut dyn Read,
    modified: Option<SystemTime>,
    /// What to say where it breaks off.
    damage: &'a dyn Fn(&io::Error) -> String,
}
