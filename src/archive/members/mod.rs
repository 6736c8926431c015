//! The files in any tar or zip, read where they are.
//!
//! Members of a tar that is not compressed, and those that a zip only stores, are ranges of the
//! archive. Others are decompressed into memory, or into a file without a name. The name of a
//! member is never opened: it is only compared and shown, so an archive cannot reach outside.

mod sparse;
mod tarball;
mod zipped;

use super::content::{self, Content};
use super::packing::Packing;
use super::spool::{Budget, Spool};
use super::streams::TooLarge;
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

/// What is wrong with the last member of an archive that was cut.
const ENDS_WITHIN: &str = "the archive ends within it";

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
    /// How somebody compressed it, apart from the archive.
    pub packing: Option<Packing>,
    /// Whether it breaks off, since the archive is damaged, or what it was compressed into.
    pub is_cut: bool,
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
    /// What is unusual about the archive, or about one member, and no damage.
    pub remarks: Vec<(Option<String>, String)>,
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
    /// Whether the archive holds less of it than it says.
    is_cut: bool,
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

/// What was in a file that somebody compressed.
#[derive(Debug)]
pub struct Unpacked {
    /// Its bytes.
    pub file: Arc<RegularFile>,
    /// Why there are no more of them.
    pub damage: Option<String>,
    /// What is unusual, and no damage.
    pub remark: Option<String>,
}

/// The log or snapshot that somebody compressed, at `path`.
///
/// # Errors
/// As [`read`].
pub fn unpack_one(
    path: &Path,
    file: &RegularFile,
    packing: Packing,
    scratch: &Path,
) -> Result<Unpacked> {
    let failed = |err| Error::io(path, "read", err);
    let budget = Budget::new(file.size().map_err(failed)?);
    let mut spool = Spool::of_one(scratch);
    let mut source = budget.unpack(packing, Span::new(file, 0));
    let (range, damage) = spool.copy(&mut source)?;
    budget.ensure_kept(path)?;
    let plain = RegularFile::within(&Arc::new(spool.finish()), range, path);
    let trailing = source.source().trailing();
    Ok(Unpacked {
        file: Arc::new(plain),
        damage: damage.map(|err| broken(packing, &err)),
        remark: trailing.map(|trailing| trailing.told(packing)),
    })
}

/// Why a compressed file cannot be used.
#[derive(Debug)]
pub enum NotOurs {
    /// It cannot be decompressed.
    Broken(Error),
    /// It takes more memory to decompress than is allowed: nothing is known of what is in it.
    TooLarge(Error),
    /// What is in it is nothing of ours.
    Foreign(Error),
}

impl NotOurs {
    /// As an error.
    pub fn into_error(self) -> Error {
        match self {
            NotOurs::Broken(error) | NotOurs::TooLarge(error) | NotOurs::Foreign(error) => error,
        }
    }
}

/// Why the compressed file at `path`, of which [`Content::of`] says no more, cannot be used.
pub fn not_ours(path: &Path, file: &RegularFile, packing: Packing) -> NotOurs {
    let source = packing.reader(Span::new(file, 0));
    let read = source.take(1 << 10).read_to_end(&mut Vec::new());
    match read {
        Err(err) => match TooLarge::of(&err) {
            Some(too_large) => NotOurs::TooLarge(
                Error::about(path, ErrorKind::Failed, too_large.to_string())
                    .hint("decompress it yourself and give what was in it"),
            ),
            None => NotOurs::Broken(Error::about(path, ErrorKind::Damage, broken(packing, &err))),
        },
        Ok(_) => {
            let message = format!(
                "is compressed with {}, and what is in it is neither a log, a snapshot nor a tar",
                packing.name()
            );
            NotOurs::Foreign(Error::about(path, ErrorKind::Failed, message))
        }
    }
}

/// The first `len` bytes of the log or snapshot in `file`, which somebody compressed.
///
/// # Errors
/// Where none can be had.
pub fn unpack_head(file: &RegularFile, packing: Packing, len: usize) -> io::Result<Vec<u8>> {
    content::begin(packing.reader(Span::new(file, 0)), len)
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
        let Some(raw) = known else {
            self.judge(name, Some("it is a hard link to a file that is not read"));
            return Ok(());
        };
        match self.judge(name, None) {
            Some((name, _)) => self.add(name, raw),
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
        let is_cut = self.bytes.size().is_ok_and(|size| size < range.end);
        if is_cut {
            self.note_damage(Some(name.clone()), ENDS_WITHIN.to_owned());
        }
        let place = Place::Archive(range);
        self.add(
            name,
            Raw {
                modified,
                place,
                is_cut,
            },
        )
    }

    fn add(&mut self, name: String, raw: Raw) -> Result<()> {
        let earlier = self.raw.insert(name.clone(), raw);
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
            size,
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
        let is_short = size.is_some_and(|size| range.end - range.start < size);
        let is_cut = failed.is_some() || is_short;
        match failed {
            Some(err) => self.note_damage(Some(name.clone()), damage(&err)),
            None if is_short => self.note_damage(Some(name.clone()), ENDS_WITHIN.to_owned()),
            None => {}
        }
        let place = Place::Spool(range);
        self.add(
            name,
            Raw {
                modified,
                place,
                is_cut,
            },
        )
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
            let (packing, plain) = match content {
                Content::PackedLog(packing) => (packing, Content::Log),
                Content::PackedSnapshot(packing) => (packing, Content::Snapshot(Codec::Plain)),
                _ => {
                    self.members.found.push(Member {
                        name,
                        content,
                        packing: None,
                        is_cut: raw.is_cut,
                        file: Arc::new(file),
                        modified: raw.modified,
                    });
                    continue;
                }
            };
            let mut source = self.budget.unpack(packing, Span::new(&file, 0));
            let (range, damage) = inner.copy(&mut source)?;
            if let Some(trailing) = source.source().trailing() {
                let remark = (Some(name.clone()), trailing.told(packing));
                self.members.remarks.push(remark);
            }
            let is_cut = raw.is_cut || damage.is_some();
            // What the archive cut is told of it already.
            if let Some(err) = damage.filter(|_| !raw.is_cut) {
                let damage = (Some(name.clone()), broken(packing, &err));
                self.members.damage.push(damage);
            }
            let member = Member {
                name,
                content: plain,
                packing: Some(packing),
                is_cut,
                file: Arc::new(file),
                modified: raw.modified,
            };
            unpacked.push((member, range));
        }
        self.budget.ensure_kept(self.path)?;
        let inner = Arc::new(inner.finish());
        let unpacked = unpacked.into_iter().map(|(member, range)| Member {
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
    /// How long it is, where that does not show in the source.
    size: Option<u64>,
    modified: Option<SystemTime>,
    /// What to say where it breaks off.
    damage: &'a dyn Fn(&io::Error) -> String,
}
