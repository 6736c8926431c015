//! Reading an archive: its files into a folder, each against its hash.

use super::packing::Packing;
use super::streams::TooLarge;
use super::{MANIFEST_NAME, Manifest, SUMS_NAME};
use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum::Hashed;
use crate::format::datadir::{FileName, VERSION_DIR};
use crate::progress::{Counted, NoProgress, Progress};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path};

/// No list of files is longer than this.
const MANIFEST_LEN_MAX: u64 = 64 << 20;

/// An archive that was read.
#[derive(Debug)]
pub struct Export {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What is unusual about the file, and no damage.
    pub remark: Option<String>,
}

/// Unpacks the archive at `path`, which is compressed with `packing`, into the empty folder `into`;
/// `None` where it is whole, and none that this program wrote.
///
/// # Errors
/// Damage when the stream is cut or broken, when a file is missing, unlisted, or not what its hash
/// says, when it has hashes and no manifest; failures to read or write.
pub fn unpack(path: &Path, packing: Option<Packing>, into: &Path) -> Result<Option<Export>> {
    let version_dir = into.join(VERSION_DIR);
    fs::create_dir(&version_dir).map_err(|err| Error::io(&version_dir, "create", err))?;
    read(path, packing, Some(into), &NoProgress)
}

/// Reads the archive at `path`, as this program wrote it, against its hashes, and gives its
/// manifest.
///
/// # Errors
/// As [`unpack`]; damage when there is no manifest.
pub fn check(path: &Path, progress: &dyn Progress) -> Result<Manifest> {
    match read(path, Some(Packing::Gzip), None, progress)? {
        Some(export) => Ok(export.manifest),
        None => Err(no_manifest(path)),
    }
}

fn no_manifest(path: &Path) -> Error {
    let message =
        format!("has no {MANIFEST_NAME}: it is cut short, or was not written by zoovault");
    damage(path, message)
}

/// How an archive is decompressed.
fn decompressed<'a>(file: impl Read + 'a, packing: Option<Packing>) -> Box<dyn Read + 'a> {
    match packing {
        Some(packing) => Box::new(packing.reader(file)),
        None => Box::new(BufReader::with_capacity(1 << 18, file)),
    }
}

/// Whether the tar at `path` may be one that this program wrote, by the folder it begins with. Its
/// manifest tells, which stands at its end.
pub fn may_be_own(path: &Path, packing: Option<Packing>) -> bool {
    let first = || {
        let file = File::open(path).ok()?;
        let mut tar = tar::Archive::new(decompressed(file, packing).take(1 << 20));
        let entry = tar.entries().ok()?.next()?.ok()?;
        entry.path().ok().map(|name| name.into_owned())
    };
    let folder = first().and_then(|name| {
        let mut parts = name.components();
        let folder = parts.find(|part| *part != Component::CurDir)?;
        Some(folder.as_os_str().to_owned())
    });
    let zxid = folder.and_then(|it| Some(it.to_str()?.strip_prefix("zookeeper-0x")?.to_owned()));
    let first = zxid.as_deref().and_then(|zxids| zxids.split('-').next());
    first.is_some_and(|zxid| u64::from_str_radix(zxid, 16).is_ok())
}

fn read(
    path: &Path,
    packing: Option<Packing>,
    into: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Option<Export>> {
    let file = File::open(path).map_err(|err| Error::io(path, "read", err))?;
    let file = Counted::new(file, progress);
    match packing {
        None => {
            let mut tar = tar::Archive::new(BufReader::with_capacity(1 << 18, file));
            let manifest = read_files(path, &mut tar, into)?;
            Ok(manifest.map(|manifest| Export {
                manifest,
                remark: None,
            }))
        }
        Some(packing) => {
            let mut tar = tar::Archive::new(packing.reader(file));
            let manifest = read_files(path, &mut tar, into)?;
            // The rest of the last stream, and its checksum.
            let mut rest = tar.into_inner();
            io::copy(&mut rest, &mut io::sink()).map_err(|err| broken(path, &err))?;
            let trailing = rest.trailing();
            Ok(manifest.map(|manifest| Export {
                manifest,
                remark: trailing.map(|trailing| trailing.told(packing)),
            }))
        }
    }
}

/// Reads all files of `tar`, and gives its manifest, if it has one of ours.
fn read_files<R: Read>(
    path: &Path,
    tar: &mut tar::Archive<R>,
    into: Option<&Path>,
) -> Result<Option<Manifest>> {
    let mut hashes = BTreeMap::new();
    let mut manifest = None;
    let mut has_sums = false;
    for entry in tar.entries().map_err(|err| broken(path, &err))? {
        let mut entry = entry.map_err(|err| broken(path, &err))?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(|err| broken(path, &err))?.into_owned();
        match inner_name(&name).as_deref() {
            Some(MANIFEST_NAME) => {
                let mut bytes = Vec::new();
                (&mut entry)
                    .take(MANIFEST_LEN_MAX)
                    .read_to_end(&mut bytes)
                    .map_err(|err| broken(path, &err))?;
                manifest = Some(Manifest::parse(&bytes));
            }
            Some(SUMS_NAME) => has_sums = true,
            None => {}
            Some(name) => {
                let target = into.map(|into| into.join(name));
                // Of what is none of ours, a name may be there twice.
                if hashes.contains_key(name) {
                    return match has_sums {
                        true => Err(damage(path, format!("{name} appears twice"))),
                        false => Ok(None),
                    };
                }
                let hash = copy_hashed(&mut entry, target.as_deref(), path)?;
                hashes.insert(name.to_owned(), hash);
            }
        }
    }
    match manifest {
        Some(Ok(manifest)) => {
            compare(path, &manifest, hashes)?;
            Ok(Some(manifest))
        }
        Some(Err(detail)) if has_sums => {
            let message = format!("its {MANIFEST_NAME} cannot be read: {detail}");
            Err(damage(path, message))
        }
        None if has_sums => Err(no_manifest(path)),
        Some(Err(_)) | None => Ok(None),
    }
}

/// Compares what is there with what the manifest lists.
fn compare(path: &Path, manifest: &Manifest, mut hashes: BTreeMap<String, String>) -> Result<()> {
    for file in &manifest.files {
        match hashes.remove(&file.name) {
            None => {
                return Err(damage(
                    path,
                    format!("{} is listed in its manifest, but missing", file.name),
                ));
            }
            Some(hash) if hash != file.sha256 => {
                let message = format!(
                    "{}: SHA-256 mismatch: listed {}, computed {hash}",
                    file.name, file.sha256
                );
                return Err(damage(path, message));
            }
            Some(_) => {}
        }
    }
    if let Some((name, _)) = hashes.first_key_value() {
        return Err(damage(
            path,
            format!("{name} is present, but not listed in its manifest"),
        ));
    }
    Ok(())
}

/// The name below the archive's one folder, if it is one that an archive has.
fn inner_name(path: &Path) -> Option<String> {
    let parts: Vec<&str> = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => None,
        })
        .collect::<Option<_>>()?;
    match parts.as_slice() {
        [_, name] if [MANIFEST_NAME, SUMS_NAME].contains(name) => Some((*name).to_owned()),
        [_, dir, name] if *dir == VERSION_DIR => match FileName::parse(name) {
            FileName::Log(_) | FileName::Snapshot(..) | FileName::Epoch => {
                Some(format!("{VERSION_DIR}/{name}"))
            }
            FileName::Lookalike | FileName::Leftover | FileName::Foreign => None,
        },
        _ => None,
    }
}

/// Copies `from` to a new file, or to nowhere, and gives its SHA-256.
fn copy_hashed(from: &mut impl Read, target: Option<&Path>, archive: &Path) -> Result<String> {
    let failed = |err| {
        Error::io(target.unwrap_or(archive), "unpack the archive", err)
            .hint("archives are unpacked below TMPDIR: set it to a location with enough space")
    };
    let out: Box<dyn Write> = match target {
        None => Box::new(io::sink()),
        Some(target) => Box::new(
            File::options()
                .write(true)
                .create_new(true)
                .open(target)
                .map_err(failed)?,
        ),
    };
    let mut hashed = Hashed::new(out);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let len = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => len,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
            Err(err) => return Err(broken(archive, &err)),
        };
        hashed
            .write_all(buffer.get(..len).unwrap_or_default())
            .map_err(failed)?;
    }
    Ok(hashed.sha256())
}

fn damage(path: &Path, message: String) -> Error {
    Error::about(path, ErrorKind::Damage, message).hint("use another copy of the archive")
}

fn broken(path: &Path, err: &io::Error) -> Error {
    if err.raw_os_error().is_some() {
        return Error::io(path, "read", io::Error::from(err.kind()));
    }
    if let Some(too_large) = TooLarge::of(err) {
        return Error::about(path, ErrorKind::Failed, too_large.to_string());
    }
    // What tar says of bytes that are no tar quotes them at length.
    let detail: String = err
        .to_string()
        .chars()
        .take_while(|c| !c.is_control())
        .take(60)
        .collect();
    damage(
        path,
        format!("is truncated or corrupt, or is not a zoovault archive ({detail})"),
    )
}
