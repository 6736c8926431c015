//! A data directory in somebody's tar or zip: `ARCHIVE`, or `ARCHIVE:PATH` where it holds several.

use super::file::{Place, SourceFile};
use super::loose::{Known, Loose, compression, is_exhibitors, is_version, misnamed};
use super::single::Single;
use super::{Options, Source, dirs, other, refusal_of_layout, scratch};
use crate::archive::{self, Content, MANIFEST_NAME, Manifest, Member, Members, Packing, Wanted};
use crate::error::{Error, ErrorKind, Hint, Result};
use crate::format::datadir::{FileName, MYID, VERSION_DIR, ZXID_LAYOUT, zxid_within};
use crate::format::snapshot::codec::Codec;
use crate::format::stream::{ReadAt, RegularFile, Span};
use crate::history::receipt::RECEIPT_NAME;
use crate::zxid::Zxid;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How archives are called that are not looked into, in an archive.
const ARCHIVES: [&str; 6] = [".tar", ".gz", ".tgz", ".zip", ".zst", ".xz"];
/// How long a manifest may be.
const MANIFEST_MAX: u64 = 64 << 20;
/// How many of a list are named.
const NAMED_MAX: usize = 20;

/// The archive, and the path in it, that `ARCHIVE:PATH` means.
pub(super) fn place_of(path: &Path) -> Option<(PathBuf, String)> {
    let bytes = path.as_os_str().as_bytes();
    let colons = bytes.iter().enumerate().filter(|(_, byte)| **byte == b':');
    let mut places = colons.filter_map(|(at, _)| {
        let archive = Path::new(OsStr::from_bytes(bytes.get(..at)?));
        let inside = std::str::from_utf8(bytes.get(at + 1..)?).ok()?;
        archive
            .is_file()
            .then(|| (archive.into(), inside.to_owned()))
    });
    places.next()
}

/// Files beside logs and snapshots, by their places.
type Beside = BTreeMap<PathBuf, Arc<RegularFile>>;

/// The members of an archive that are no log or snapshot by their names.
#[derive(Default)]
struct Unnamed {
    loose: Vec<Loose>,
    /// Those that may be one by their names, and cannot be decompressed.
    broken: Vec<(PathBuf, Arc<RegularFile>, Packing)>,
    beside: Beside,
}

/// What of an archive makes a data directory.
#[derive(Default)]
struct Folder {
    logs: usize,
    snapshots: usize,
}

impl Folder {
    fn told(&self) -> String {
        let count = |number, what: &str| match number {
            1 => format!("1 {what}"),
            number => format!("{number} {what}s"),
        };
        let (logs, snapshots) = (count(self.logs, "log"), count(self.snapshots, "snapshot"));
        format!("{logs}, {snapshots}")
    }
}

/// The dataDir that a file in an archive belongs to.
fn folder_of(name: &str) -> String {
    let path = Path::new(name);
    let folder = path.parent().unwrap_or(Path::new(""));
    let is_version = is_version(path.file_name().unwrap_or_default(), folder.file_name());
    let folder = match is_version {
        true => folder.parent().unwrap_or(Path::new("")),
        false => folder,
    };
    let folder = match folder.ends_with(VERSION_DIR) {
        true => folder.parent().unwrap_or(Path::new("")),
        false => folder,
    };
    folder.to_string_lossy().into_owned()
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether a file in an archive is of use, as far as its name tells.
fn wanted(name: &str) -> Wanted {
    let path = Path::new(name);
    let file = path.file_name().unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name);
    let is_beside =
        [MYID, RECEIPT_NAME, ZXID_LAYOUT].contains(&file_name(name)) || is_manifest(name);
    match FileName::parse(file_name(name)) {
        FileName::Foreign if is_beside || is_exhibitors(file) || is_version(file, folder) => {
            Wanted::Yes
        }
        FileName::Foreign => Wanted::IfOurs,
        _ => Wanted::Yes,
    }
}

/// Whether `name` is where this program puts the manifest of an archive.
fn is_manifest(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(_, file)| file == MANIFEST_NAME)
}

/// Whether a member is the manifest of an archive that this program wrote.
fn is_own_manifest(member: &Member) -> bool {
    let mut bytes = Vec::new();
    is_manifest(&member.name)
        && Span::range(&*member.file, 0, MANIFEST_MAX)
            .read_to_end(&mut bytes)
            .is_ok()
        && Manifest::parse(&bytes).is_ok()
}

/// Whether a name is that of a log or a snapshot, also of one that somebody compressed.
fn is_of_history(name: &str) -> bool {
    let file = file_name(name);
    let is_named = |kind: &str| zxid_within(file, kind).is_some();
    match FileName::parse(file) {
        FileName::Log(_) | FileName::Snapshot(..) => true,
        FileName::Lookalike => is_named("log") || is_named("snapshot"),
        _ => false,
    }
}

fn is_log(member: &Member) -> bool {
    matches!(FileName::parse(file_name(&member.name)), FileName::Log(_))
        || member.content == Content::Log
}

fn is_snapshot(member: &Member) -> bool {
    let name = FileName::parse(file_name(&member.name));
    matches!(name, FileName::Snapshot(..)) || matches!(member.content, Content::Snapshot(_))
}

fn folders(members: &[Member]) -> BTreeMap<String, Folder> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    for member in members {
        let (log, snapshot) = (is_log(member), is_snapshot(member));
        if log || snapshot {
            let folder = folders.entry(folder_of(&member.name)).or_default();
            folder.logs += usize::from(log);
            folder.snapshots += usize::from(snapshot && !log);
        }
    }
    folders
}

/// The zxids of a folder's logs and snapshots, as their names tell them.
fn zxids_in(members: &[Member], folder: &str) -> [BTreeSet<Zxid>; 2] {
    let inside = members.iter().filter(|it| folder_of(&it.name) == folder);
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    let [logs, snapshots] = &mut found;
    for member in inside {
        let file = file_name(&member.name);
        logs.extend(zxid_within(file, "log"));
        snapshots.extend(zxid_within(file, "snapshot"));
    }
    found
}

/// Whether the folders are, for sure, the dataDir and the dataLogDir of one server: they are called
/// so, lie where one administrator put both, and their histories can be one.
fn are_pair(folders: &BTreeMap<String, Folder>, members: &[Member]) -> bool {
    let mut both = folders.iter();
    let (Some((a, in_a)), Some((b, in_b)), None) = (both.next(), both.next(), both.next()) else {
        return false;
    };
    let (data_dir, log_dir) = match (in_a, in_b) {
        (Folder { logs: 0, .. }, Folder { snapshots: 0, .. }) => (a, b),
        (Folder { snapshots: 0, .. }, Folder { logs: 0, .. }) => (b, a),
        _ => return false,
    };
    // A snapshot behind which no log goes on may be another server's.
    let [_, snapshots] = zxids_in(members, data_dir);
    let [logs, _] = zxids_in(members, log_dir);
    let (newest, oldest) = (snapshots.last(), logs.first());
    let is_apart = newest.zip(oldest).is_some_and(|(newest, oldest)| {
        newest.next() < *oldest && oldest.epoch() <= newest.epoch()
    });
    dirs::are_pair(data_dir, log_dir) && !is_apart
}

impl Source {
    /// Opens what `archive` holds below `inside`. Both are `path`.
    pub(super) fn open_inside(
        path: &Path,
        archive: &Path,
        inside: &str,
        options: &Options,
    ) -> Result<Source> {
        match Source::open_single(archive, options)? {
            Single::Archive(file, content) => {
                let parts = inside.split('/').filter(|part| !["", "."].contains(part));
                let mut parts: Vec<&str> = parts.collect();
                if parts.last() == Some(&VERSION_DIR) {
                    parts.pop();
                }
                let inside = parts.join("/");
                Source::open_packed(path, archive, (&file, content), Some(&inside), options)
            }
            Single::Source(_) | Single::Foreign => {
                let message = "is no archive: nothing in it can be named";
                Err(Error::about(archive, ErrorKind::BadArgument, message))
            }
        }
    }

    /// Opens the archive at `path`, if this program wrote it.
    pub(super) fn open_export(
        path: &Path,
        packing: Option<Packing>,
        options: &Options,
    ) -> Result<Option<Source>> {
        let unpacked = scratch(options)?;
        let Some(export) = archive::unpack(path, packing, unpacked.path())? else {
            return Ok(None);
        };
        let mut source = Source::open_dirs(unpacked.path(), path, None, options)?;
        source.shown = path.into();
        source.manifest = Some(export.manifest);
        let remark = export.remark;
        let remark = remark.map(|remark| format!("{}: {remark}", path.display()));
        source.remarks.extend(remark);
        source._unpacked = Some(Arc::new(unpacked));
        Ok(Some(source))
    }

    /// Opens the data directory in the tar or zip `file` at `path`; that `inside`, where one is
    /// named.
    pub(super) fn open_packed(
        shown: &Path,
        path: &Path,
        (file, content): (&RegularFile, Content),
        inside: Option<&str>,
        options: &Options,
    ) -> Result<Source> {
        let is_inside =
            |name: &str| inside.is_none_or(|inside| Path::new(name).starts_with(inside));
        let judge = |name: &str| match is_inside(name) {
            true => wanted(name),
            false => Wanted::No,
        };
        let scratch = options.scratch_dir();
        let mut members = archive::read_members(path, file, content, &judge, scratch)?;
        if let Content::Tar(packing) = content
            && inside.is_none()
            && members.found.iter().any(is_own_manifest)
            && let Some(source) = Source::open_export(path, packing, options)?
        {
            return Ok(source);
        }
        let one = members
            .found
            .iter()
            .position(|it| Some(it.name.as_str()) == inside);
        if let Some(one) = one {
            members.found = vec![members.found.swap_remove(one)];
        }
        let mut folders = folders(&members.found);
        if let Some(inside) = inside.filter(|inside| folders.contains_key(*inside)) {
            // And not what lies in folders below it.
            folders.retain(|folder, _| folder == inside);
        }
        if folders.is_empty() {
            return Err(nothing(path, inside, members));
        }
        if folders.len() > 1 && !are_pair(&folders, &members.found) {
            return Err(several(path, &folders));
        }
        members.found.retain(|member| {
            let folder = folder_of(&member.name);
            folders.contains_key(&folder) || !(is_log(member) || is_snapshot(member))
        });
        let mut source = Source::new(shown);
        source.is_in_archive = one.is_none();
        source.take_members(path, members, &folders)?;
        source.sort();
        Ok(source)
    }

    fn take_members(
        &mut self,
        path: &Path,
        members: Members,
        folders: &BTreeMap<String, Folder>,
    ) -> Result<()> {
        for (folder, held) in folders {
            let (folder, held) = (shown_folder(folder), held.told());
            self.remarks
                .push(format!("read from {folder} in the archive: {held}"));
        }
        for name in members.repeated {
            let message = format!("{name} is there more than once: the last one is read");
            let message = format!("{}: {message}", path.display());
            self.remarks.push(message.clone());
            self.warnings.push(message);
        }
        for (name, why) in members.skipped {
            let is_ours = is_of_history(&name) && folders.contains_key(&folder_of(&name));
            let message = format!("is not read: {why}");
            if is_ours {
                let place = path.join(&name);
                self.unread
                    .push(Error::about(&place, ErrorKind::Damage, message));
            } else {
                let message = format!("{}: {name} {message}", path.display());
                self.remarks.push(message.clone());
                self.warnings.push(message);
            }
        }
        for (member, message) in members.damage {
            let place = place_in(path, member.as_deref());
            self.unread
                .push(Error::about(&place, ErrorKind::Damage, message));
        }
        for (member, remark) in members.remarks {
            let place = place_in(path, member.as_deref());
            self.remarks.push(format!("{}: {remark}", place.display()));
        }
        let mut unnamed = Unnamed::default();
        for member in members.found {
            let name = FileName::parse(file_name(&member.name));
            let is_odd = matches!(name, FileName::Lookalike | FileName::Leftover);
            let shown = path.join(&member.name);
            if is_odd && folders.contains_key(&folder_of(&member.name)) {
                self.odd_files.push((shown.clone(), name));
            }
            self.take_member(shown, name, member, &mut unnamed);
        }
        let known = Known::of(self);
        for (shown, file, packing) in unnamed.broken {
            self.note_broken(&known, &shown, &file, packing);
        }
        self.add_loose(unnamed.loose)?;
        self.read_beside_in(path, &unnamed.beside)
    }

    fn take_member(
        &mut self,
        shown: PathBuf,
        name: FileName,
        member: Member,
        unnamed: &mut Unnamed,
    ) {
        let packing = member.packing.map(Packing::name);
        match (name, member.content) {
            (FileName::Log(zxid), _) => {
                if packing.is_some() {
                    self.remarks.push(misnamed(&shown, packing));
                }
                self.logs.push(held(member, shown, zxid, Codec::Plain));
            }
            (FileName::Snapshot(zxid, named), Content::Snapshot(codec)) => {
                let packing = packing.or(compression(codec));
                if packing != compression(named) {
                    self.remarks.push(misnamed(&shown, packing));
                }
                self.snapshots.push(held(member, shown, zxid, codec));
            }
            (FileName::Snapshot(zxid, codec), _) => {
                self.snapshots.push(held(member, shown, zxid, codec));
            }
            (_, content @ (Content::Log | Content::Snapshot(_))) => unnamed.loose.push(Loose {
                shown,
                content,
                was_packed: member.packing.is_some(),
                is_cut: member.is_cut,
                size: member.file.size().unwrap_or_default(),
                place: Place::Held(member.file),
                modified: member.modified,
            }),
            (FileName::Lookalike, Content::Packed(packing)) => {
                unnamed.broken.push((shown, member.file, packing));
            }
            _ => {
                unnamed.beside.insert(shown, member.file);
            }
        }
    }

    /// Reads what lies beside the snapshots in the archive at `path`.
    fn read_beside_in(&mut self, path: &Path, beside: &Beside) -> Result<()> {
        let first = self.snapshots.iter().chain(&self.logs).next();
        let snap_dir = first.and_then(|file| file.shown.parent()).unwrap_or(path);
        let snap_dir = snap_dir.to_owned();
        let data_dir = snap_dir.parent().filter(|dir| dir.starts_with(path));
        let dirs = [Some(snap_dir.as_path()), data_dir];
        let marks = dirs.iter().flatten().map(|dir| dir.join(ZXID_LAYOUT));
        if let Some(mark) = { marks }.find(|mark| beside.contains_key(mark)) {
            return Err(refusal_of_layout(&mark));
        }
        let open = |path: &Path| {
            let found = beside.get(path).cloned();
            found.ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        self.read_beside(&open, &snap_dir, data_dir);
        Ok(())
    }
}

/// `member` of the archive at `path`, or the archive itself.
fn place_in(path: &Path, member: Option<&str>) -> PathBuf {
    member.map_or_else(|| path.to_owned(), |member| path.join(member))
}

fn held(member: Member, shown: PathBuf, zxid: Zxid, codec: Codec) -> SourceFile {
    SourceFile {
        size: member.file.size().unwrap_or_default(),
        place: Place::Held(member.file),
        shown,
        zxid,
        codec,
        modified: member.modified,
        promise: None,
        is_cut: member.is_cut,
        inside: None,
    }
}

fn shown_folder(folder: &str) -> &str {
    if folder.is_empty() { "." } else { folder }
}

/// Why nothing is read from an archive.
fn nothing(path: &Path, inside: Option<&str>, members: Members) -> Error {
    let mut skipped = members.skipped.iter();
    let wanted = inside.and_then(|inside| skipped.find(|(name, _)| name == inside));
    if let Some((name, why)) = wanted {
        let message = format!("{name} is not read: {why}");
        return Error::about(path, ErrorKind::Failed, message);
    }
    if let Some((member, damage)) = members.damage.first() {
        let place = place_in(path, member.as_deref());
        return Error::about(&place, ErrorKind::Damage, damage.as_str());
    }
    if let Some((name, why)) = members.skipped.iter().find(|(name, _)| is_of_history(name)) {
        let message = format!("has nothing that can be read: {name} is not read: {why}");
        return Error::about(path, ErrorKind::Failed, message);
    }
    let names = members.others.iter().map(String::as_str);
    if let Some(error) = other::refusal(path, names.clone()) {
        return error;
    }
    let message = match inside {
        Some(inside) => format!(
            "has no ZooKeeper logs or snapshots below {}",
            shown_folder(inside)
        ),
        None => "has no ZooKeeper logs or snapshots in it".to_owned(),
    };
    let error = Error::about(path, ErrorKind::Failed, message);
    let is_archive = |name: &&str| ARCHIVES.iter().any(|end| name.ends_with(end));
    if let Some(inner) = names.clone().find(is_archive) {
        return error.hint(format!(
            "archives in it, as {inner}, are not opened: take that one out and give it by itself"
        ));
    }
    match members.skipped.first() {
        Some((name, why)) => error.hint(format!("{name} is not read: {why}")),
        None => error,
    }
}

/// Asks for one of several.
fn several(path: &Path, folders: &BTreeMap<String, Folder>) -> Error {
    let told = folders.iter().take(NAMED_MAX).map(|(folder, held)| {
        let folder = shown_folder(folder);
        format!("{folder} ({})", held.told())
    });
    let told: Vec<String> = told.collect();
    let more = match folders.len() - told.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let message = format!(
        "holds {} data directories: {}{more}",
        folders.len(),
        told.join(", ")
    );
    let first = folders.keys().next().map_or("", String::as_str);
    let place = format!("{}:{}", path.display(), shown_folder(first));
    Error::about(path, ErrorKind::BadArgument, message).hint(Hint::NameDataDir { place })
}
