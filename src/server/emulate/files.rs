//! Which files a server reads, and in which order (`Util.getZxidFromName`,
//! `FileSnap.findNValidSnapshots`, `FileTxnLog.FileTxnIterator.init`).

use super::cohort::Cohort;
use super::rules::Rules;
use super::thrown;
use super::thrown::Thrown;
use crate::error::{Error, ErrorKind, Result};
use crate::error::{Unread, is_vanished};
use crate::format::snapshot::codec::Codec;
use crate::format::stream::{RegularFile, Span};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many snapshots are tried.
const SNAPSHOTS_MAX: usize = 100;

/// A file that a server sees.
#[derive(Clone, Debug)]
pub struct ServerFile {
    path: PathBuf,
    /// Its name.
    pub name: String,
    /// The zxid in it, as the server reads it.
    pub zxid: i64,
}

impl ServerFile {
    /// Opens it.
    ///
    /// # Errors
    /// [`ErrorKind::SourceChanged`] when it is gone; one that [`Error::is_denied`] where this
    /// program may not read it, which says nothing about a server. The inner one is what the server
    /// throws.
    pub fn open(&self) -> Result<thrown::Result<Arc<RegularFile>>> {
        match RegularFile::open(&self.path, &self.path) {
            Ok(file) => Ok(Ok(Arc::new(file))),
            Err(err) if is_vanished(&err) => Err(Error::about(
                &self.path,
                ErrorKind::SourceChanged,
                "vanished while the directory was read",
            )),
            Err(err) => match Unread::of(&err).filter(|unread| !unread.is_denied()) {
                Some(unread) => Ok(Err(Thrown::unopened(&self.name, unread))),
                None => Err(Error::io(&self.path, "read", err)),
            },
        }
    }

    /// How it is compressed, by the last part of its name. Releases that do not go by it take no
    /// such name for a snapshot's.
    fn codec(&self) -> Codec {
        Codec::of_name(&self.name)
    }

    /// Opens it to be read decompressed.
    ///
    /// # Errors
    /// As [`ServerFile::open`].
    pub fn reader(&self) -> Result<thrown::Result<Box<dyn Read + Send>>> {
        let opened = self.open()?;
        Ok(opened.map(|file| self.codec().reader(Span::new(file, 0))))
    }

    /// Whether it is tried. One that cannot be read is passed over.
    fn is_tried(&self) -> Result<bool> {
        let Ok(file) = self.open()? else {
            return Ok(false);
        };
        match self.codec().is_tried(&*file) {
            Err(err) if Unread::of(&err).is_some_and(|unread| !unread.is_denied()) => Ok(false),
            tried => tried.map_err(|err| Error::io(&self.path, "read", err)),
        }
    }
}

/// The zxid in `name`, or −1 where it is not `prefix`'s.
fn zxid_of(name: &str, prefix: &str, cohort: &Cohort) -> i64 {
    let mut parts: Vec<&str> = name.split('.').collect();
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    let [first, hex, more @ ..] = parts.as_slice() else {
        return -1;
    };
    match i64::from_str_radix(hex, 16) {
        Ok(zxid) if *first == prefix => {
            let is_named = more.is_empty() || !cohort.ask(Rules::wants_two_parts);
            if is_named { zxid } else { -1 }
        }
        Ok(_) | Err(_) => -1,
    }
}

/// The names in `dir`, with their paths.
fn names(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let io = |err| Error::io(dir, "read", err);
    let entries = fs::read_dir(dir).map_err(io)?.map(|entry| {
        let entry = entry.map_err(io)?;
        Ok((
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        ))
    });
    entries.collect()
}

/// Everything in `dir` with the zxid that its name has as a `prefix`, the lowest first.
fn list(dir: &Path, prefix: &str, cohort: &Cohort) -> Result<Vec<ServerFile>> {
    let files = names(dir)?.into_iter().map(|(name, path)| ServerFile {
        path,
        zxid: zxid_of(&name, prefix, cohort),
        name,
    });
    let mut files: Vec<ServerFile> = files.collect();
    files.sort_by(|a, b| (a.zxid, &a.name).cmp(&(b.zxid, &b.name)));
    Ok(files)
}

/// The snapshots that are tried, in that order.
///
/// # Errors
/// When the directory or a file cannot be read.
pub fn snapshots(dir: &Path, cohort: &Cohort) -> Result<Vec<ServerFile>> {
    let mut tried = Vec::new();
    for file in list(dir, "snapshot", cohort)?.into_iter().rev() {
        if file.zxid != -1 && tried.len() < SNAPSHOTS_MAX && file.is_tried()? {
            tried.push(file);
        }
    }
    Ok(tried)
}

/// The logs that are read for txns from `start` on, in that order: those named so, and the newest
/// one below.
///
/// # Errors
/// When the directory cannot be read.
pub fn logs(dir: &Path, start: i64, cohort: &Cohort) -> Result<Vec<ServerFile>> {
    let mut logs = list(dir, "log", cohort)?;
    logs.retain(|log| log.zxid >= 0);
    let above = logs.partition_point(|log| log.zxid < start);
    Ok(logs.split_off(above.saturating_sub(1)))
}

/// Whether any name in `dir` begins with `prefix` and a dot: what the check of separate directories
/// looks for.
///
/// # Errors
/// When the directory cannot be read.
pub fn has_named(dir: &Path, prefix: &str) -> Result<bool> {
    let start = format!("{prefix}.");
    let names = names(dir)?;
    Ok(names.iter().any(|(name, _)| name.starts_with(&start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::emulate::Settings;

    #[test]
    fn a_copy_beside_a_log_is_a_log_to_some_releases() {
        let cohort = |release: &str| {
            let rules = Rules::parse(release, Settings::default()).unwrap();
            Cohort::new(rules, Vec::new())
        };
        for (name, early, late) in [
            ("log.c", 12, 12),
            ("log.c.bak", -1, 12),
            ("log.c.", 12, 12),
            ("log.+C", 12, 12),
            ("log.x", -1, -1),
            ("logs.c", -1, -1),
            ("log", -1, -1),
        ] {
            assert_eq!(zxid_of(name, "log", &cohort("3.5.10")), early, "{name}");
            assert_eq!(zxid_of(name, "log", &cohort("3.6.0")), late, "{name}");
        }
    }
}
