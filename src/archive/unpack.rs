//! Reading an archive: its files into a folder, each against its hash.

use super::{MANIFEST_NAME, Manifest, SUMS_NAME};
use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum::Hashed;
use crate::format::datadir::{FileName, VERSION_DIR};
use crate::progress::{Counted, NoProgress, Progress};
use flate2::bufread::MultiGzDecoder;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path};

/// No list of files is longer than this.
const MANIFEST_LEN_MAX: u64 = 64 << 20;

/// Unpacks the archive at `path` into the empty folder `into`, and gives its manifest.
///
/// # Errors
/// Damage when the stream is cut or broken, when there is no manifest, when a file is missing,
/// unlisted, or not what its hash says; failures to read or write.
pub fn unpack(path: &Path, into: &Path) -> Result<Manifest> {
    let version_dir = into.join(VERSION_DIR);
    fs::create_dir(&version_dir).map_err(|err| Error::io(&version_dir, "create", err))?;
    read(path, Some(into), &NoProgress)
}

/// Reads the archive at `path` against its hashes, and gives its manifest.
///
/// # Errors
/// As [`unpack`].
pub fn check(path: &Path, progress: &dyn Progress) -> Result<Manifest> {
    read(path, None, progress)
}

/// Whether the `.tar.gz` at `path` is one that this program wrote, by the folder it begins with.
pub fn is_own(path: &Path) -> bool {
    let first = || {
        let file = File::open(path).ok()?;
        let mut tar = tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)).take(1 << 20));
        let entry = tar.entries().ok()?.next()?.ok()?;
        entry.path().ok().map(|name| name.into_owned())
    };
    let folder = first().and_then(|name| name.iter().next().map(|it| it.to_owned()));
    let zxid = folder.and_then(|it| Some(it.to_str()?.strip_prefix("zookeeper-0x")?.to_owned()));
    zxid.is_some_and(|zxid| u64::from_str_radix(&zxid, 16).is_ok())
}

fn read(path: &Path, into: Option<&Path>, progress: &dyn Progress) -> Result<Manifest> {
    let file = File::open(path).map_err(|err| Error::io(path, "read", err))?;
    let file = Counted::new(file, progress);
    let mut tar = tar::Archive::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 18, file)));
    let mut hashes = BTreeMap::new();
    let mut manifest = None;
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
                let parsed = Manifest::parse(&bytes).map_err(|detail| {
                    damage(
                        path,
                        format!("its {MANIFEST_NAME} cannot be read: {detail}"),
                    )
                })?;
                manifest = Some(parsed);
            }
            Some(SUMS_NAME) | None => {}
            Some(name) => {
                let target = into.map(|into| into.join(name));
                let hash = copy_hashed(&mut entry, target.as_deref(), path)?;
                if hashes.insert(name.to_owned(), hash).is_some() {
                    return Err(damage(path, format!("{name} appears twice")));
                }
            }
        }
    }
    // The rest of the last gzip member, and its checksum.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(|err| broken(path, &err))?;
    let manifest = manifest.ok_or_else(|| {
        damage(
            path,
            format!("has no {MANIFEST_NAME}: it is cut short, or was not written by zoovault"),
        )
    })?;
    compare(path, &manifest, hashes)?;
    Ok(manifest)
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
