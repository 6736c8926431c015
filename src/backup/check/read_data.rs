//! Whether objects hold what manifests say: all of their bytes are read, each object once, and
//! never more than a few in memory.

use super::subset::Share;
use crate::analysis::finding::{Code, Finding};
use crate::error::{Error, ErrorKind, Result};
use crate::format::snapshot::codec::Codec;
use crate::format::snapshot::{self, SnapshotReader, SnapshotSummary, Trailer};
use crate::format::txnlog::{Level, LogEnd, LogReader, LogSummary, scan};
use crate::history::timeline::side_by_side;
use crate::progress::Progress;
use crate::repository::{Manifest, Object, Repository, StoredLog, StoredSnapshot, StoredTrailer};
use crate::zxid::Zxid;
use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};
use std::sync::Mutex;

/// What is read at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stored<'a> {
    /// One object.
    Log(&'a StoredLog),
    /// One or more, laid end to end.
    Base(&'a StoredSnapshot),
}

/// How much was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The share that was read; all, where it is `None`.
    pub share: Option<Share>,
    /// How many objects were read.
    pub objects: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
    /// How many txns they held.
    pub txns: u64,
    /// How many znodes they held.
    pub znodes: u64,
}

impl<'a> Stored<'a> {
    fn parts(self) -> &'a [Object] {
        match self {
            Stored::Log(log) => std::slice::from_ref(&log.object),
            Stored::Base(base) => &base.parts,
        }
    }

    /// The object that stands for all: a base is read whole, with its first part.
    fn name(self) -> &'a str {
        self.parts().first().map_or("", |part| &part.name)
    }

    fn bytes(self) -> u64 {
        self.parts().iter().map(|part| part.bytes).sum()
    }

    /// Whether the same is said of both, but for when it was stored: runs that go on at once may
    /// each store the same base.
    fn is_same(self, other: Stored<'_>) -> bool {
        match (self, other) {
            (Stored::Log(a), Stored::Log(b)) => a == b,
            (Stored::Base(a), Stored::Base(b)) => {
                let a = StoredSnapshot {
                    created_ms: b.created_ms,
                    newest_zxids: b.newest_zxids.clone(),
                    ..a.clone()
                };
                a == *b
            }
            (Stored::Log(_), Stored::Base(_)) | (Stored::Base(_), Stored::Log(_)) => false,
        }
    }

    /// Whether what is said of both cannot be true. From when on a base is exact, and where it is
    /// from, a run infers from what its source holds then.
    fn contradicts(self, other: Stored<'_>) -> bool {
        match (self, other) {
            (Stored::Log(a), Stored::Log(b)) => a != b,
            (Stored::Base(a), Stored::Base(b)) => {
                let facts = |base: &StoredSnapshot| (base.zxid, base.trailer, base.snapshot_bytes);
                facts(a) != facts(b) || a.parts != b.parts
            }
            (Stored::Log(_), Stored::Base(_)) | (Stored::Base(_), Stored::Log(_)) => true,
        }
    }
}

/// All that `manifests` list, each thing once; and what two of them say differently.
pub(super) fn listed<'a>(
    manifests: impl Iterator<Item = &'a Manifest>,
) -> (Vec<Stored<'a>>, Vec<Finding>) {
    let mut by_name: HashMap<&str, Vec<Stored<'a>>> = HashMap::new();
    let mut all = Vec::new();
    let mut findings = Vec::new();
    for manifest in manifests {
        let logs = manifest.logs.iter().map(Stored::Log);
        for stored in logs.chain(manifest.snapshots.iter().map(Stored::Base)) {
            let same = by_name.entry(stored.name()).or_default();
            if same.iter().any(|other| other.is_same(stored)) {
                continue;
            }
            if same.iter().any(|other| other.contradicts(stored)) {
                let message = "two backups disagree about it";
                let finding = Finding::new(Code::ObjectContradictory, message);
                findings.push(finding.file(stored.name()));
            }
            same.push(stored);
            all.push(stored);
        }
    }
    (all, findings)
}

/// Reads what is in `share`, but for objects of which damage is known, on all cores.
///
/// # Errors
/// None: what cannot be read is a finding.
pub(super) fn read(
    repository: &Repository,
    all: &[Stored<'_>],
    share: Option<Share>,
    known_damage: &HashSet<String>,
    progress: &dyn Progress,
) -> Result<(Reading, Vec<Finding>)> {
    let is_wanted = |stored: &&Stored<'_>| {
        let is_known = stored
            .parts()
            .iter()
            .any(|part| known_damage.contains(&part.name));
        !is_known && share.is_none_or(|share| share.contains(stored.name()))
    };
    let mut wanted: Vec<Stored<'_>> = all.iter().filter(is_wanted).copied().collect();
    // The largest first: a core that begins one last keeps everybody waiting.
    wanted.sort_by_key(|stored| std::cmp::Reverse(stored.bytes()));
    let bytes = wanted.iter().map(|stored| stored.bytes()).sum();
    progress.start("reading objects", Some(bytes));
    let done = side_by_side(&wanted, |stored| {
        Ok(match stored {
            Stored::Log(log) => read_log(repository, log, progress),
            Stored::Base(base) => read_base(repository, base, progress),
        })
    })?;
    let mut reading = Reading {
        share,
        objects: wanted
            .iter()
            .map(|stored| stored.parts().len() as u64)
            .sum(),
        bytes,
        txns: 0,
        znodes: 0,
    };
    let mut findings = Vec::new();
    for (records, mut found) in done {
        reading.txns += records.0;
        reading.znodes += records.1;
        findings.append(&mut found);
    }
    findings.sort_by(|a, b| a.file.cmp(&b.file));
    Ok((reading, findings))
}

/// How many txns and znodes were read, and what was found.
type Done = ((u64, u64), Vec<Finding>);

fn read_log(repository: &Repository, log: &StoredLog, progress: &dyn Progress) -> Done {
    let shown = repository.storage().shown_object(&log.object.name);
    let mut plain = Bounded {
        bytes: Vec::new(),
        len_max: log.log_bytes,
        is_over: false,
    };
    let decompressed = repository.decompress(&log.object, &mut plain, &shown);
    progress.advance(log.object.bytes);
    let wrong = |message: String| {
        let finding = Finding::new(Code::LogContents, message);
        ((0, 0), vec![finding.file(&log.object.name)])
    };
    if plain.is_over {
        return wrong(format!("decompresses to more than {} bytes", log.log_bytes));
    }
    if let Err(error) = decompressed {
        return ((0, 0), vec![broken(&log.object.name, &error)]);
    }
    let scanned = LogReader::new(&shown, plain.bytes.as_slice())
        .and_then(|reader| scan(reader, Level::Everything, &|_| {}));
    let summary = match scanned {
        Ok(summary) => summary,
        Err(error) => return wrong(detail(&error)),
    };
    if let Some(fault) = summary.faults.first() {
        let finding = Finding::new(Code::LogContents, fault.fault.to_string());
        let finding = finding.file(&log.object.name).txn(fault.txn);
        return ((summary.count, 0), vec![finding.offset(Some(fault.offset))]);
    }
    match differs(log, &summary, plain.bytes.len() as u64) {
        Some(message) => wrong(message),
        None => ((summary.count, 0), Vec::new()),
    }
}

/// In what a log is not what was noted of it.
fn differs(log: &StoredLog, summary: &LogSummary, len: u64) -> Option<String> {
    let [run] = summary.runs.as_slice() else {
        let runs = summary.runs.len();
        return Some(format!(
            "has {runs} runs of transactions, but should have one"
        ));
    };
    if summary.end != Some(LogEnd::Eof) || summary.odd_header.is_some() {
        return Some("is not as zoovault writes logs".to_owned());
    }
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let zxids = [
        ("first zxid", run.first, log.first_zxid),
        ("last zxid", run.last, log.last_zxid),
    ];
    let numbers = [
        (
            "time of the first transaction",
            run.first_time,
            log.first_time_ms,
        ),
        (
            "time of the last transaction",
            run.last_time,
            log.last_time_ms,
        ),
        ("latest time", run.max_time, log.max_time_ms),
        (
            "number of transactions",
            number(summary.count),
            number(log.txns),
        ),
        (
            "number of digests",
            number(summary.digests),
            number(log.digests),
        ),
        (
            "clock steps",
            number(summary.clock_steps),
            number(log.clock_steps),
        ),
        ("length", number(len), number(log.log_bytes)),
    ];
    let zxid = zxids
        .into_iter()
        .find(|(_, found, noted)| found != noted)
        .map(|(what, found, noted)| format!("{what}: {found}, but {noted} was recorded"));
    let number = || {
        numbers
            .into_iter()
            .find(|(_, found, noted)| found != noted)
            .map(|(what, found, noted)| format!("{what}: {found}, but {noted} was recorded"))
    };
    zxid.or_else(number)
}

fn read_base(repository: &Repository, base: &StoredSnapshot, progress: &dyn Progress) -> Done {
    let name = base.parts.first().map_or("", |part| part.name.as_str());
    let shown = repository.storage().shown_object(name);
    let left = Mutex::new((Vec::new(), None));
    // In an unusual order of znodes all of it is read twice.
    let open = || {
        let parts = Parts {
            repository,
            left: &base.parts,
            current: None,
            room: base.snapshot_bytes,
            noted: base.snapshot_bytes,
            failed: &left,
            progress,
        };
        SnapshotReader::new(&shown, Codec::Plain, parts)
    };
    let checked = snapshot::check(&shown, &open, &|_| {});
    let (unread, failure): (Vec<Object>, Option<Finding>) = left
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(failure) = failure {
        let rest = unread.iter().filter_map(|part| {
            let shown = repository.storage().shown_object(&part.name);
            let read = repository.decompress(part, &mut io::sink(), &shown);
            progress.advance(part.bytes);
            Some(broken(&part.name, &read.err()?))
        });
        return ((0, 0), std::iter::once(failure).chain(rest).collect());
    }
    let wrong = |message: String| Finding::new(Code::SnapshotContents, message).file(name);
    match checked {
        Err(error) => {
            let finding = wrong(detail(&error)).offset(error.offset());
            ((0, 0), vec![finding.txn(error.txn())])
        }
        Ok(summary) => {
            let found = differs_in_trailer(base, &summary).map(wrong);
            ((0, summary.nodes), found.into_iter().collect())
        }
    }
}

/// In what a base is not what was noted of it.
fn differs_in_trailer(base: &StoredSnapshot, summary: &SnapshotSummary) -> Option<String> {
    let found = noted(&summary.trailer);
    if summary.size != base.snapshot_bytes {
        let (found, noted) = (summary.size, base.snapshot_bytes);
        return Some(format!("is {found} bytes long, but {noted} were recorded"));
    }
    if let Some(noted) = base.shows_zxid.filter(|noted| *noted != summary.shows) {
        let found = summary.shows;
        return Some(format!(
            "its znodes show transactions up to {found}, but {noted} was recorded"
        ));
    }
    (found != base.trailer).then(|| "its trailer differs from what was recorded".to_owned())
}

/// As a manifest has it.
fn noted(trailer: &Trailer) -> StoredTrailer {
    let digest = trailer.digest.as_ref();
    StoredTrailer {
        digest_zxid: digest.map(|(zxid, _)| *zxid),
        digest: digest.map(|(_, digest)| Zxid::from_i64(digest.tree_digest)),
        digest_version: digest.map(|(_, digest)| digest.version),
        last_zxid: trailer.last_zxid,
    }
}

/// What an error says, without the object's name, which the finding has.
fn detail(error: &Error) -> String {
    match error.fault() {
        Some(fault) => fault.to_string(),
        None => error.to_string(),
    }
}

/// The finding that the object `name` cannot be read, or is not what was stored.
pub(super) fn broken(name: &str, error: &Error) -> Finding {
    let code = match error.kind() {
        ErrorKind::Damage => Code::ObjectDamaged,
        _ => Code::ObjectUnreadable,
    };
    // The error begins with the object's name, which the finding has too.
    let whole = error.to_string();
    let message = match whole.split_once(&format!("{name}: ")) {
        Some((_, message)) => message.to_owned(),
        None => whole,
    };
    Finding::new(code, message).file(name)
}

/// Takes no more than was promised: a manipulated object could become any length.
struct Bounded {
    bytes: Vec<u8>,
    len_max: u64,
    is_over: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > self.len_max {
            self.is_over = true;
            return Err(io::Error::other("longer than was recorded"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The parts of a base, decompressed and laid end to end, one in memory at a time.
struct Parts<'a> {
    repository: &'a Repository,
    left: &'a [Object],
    current: Option<(&'a str, Box<dyn Read + 'a>)>,
    /// How many bytes more there may be of as many as were noted.
    room: u64,
    noted: u64,
    /// The parts behind one that is broken, and what is wrong with that.
    failed: &'a Mutex<(Vec<Object>, Option<Finding>)>,
    progress: &'a dyn Progress,
}

impl Parts<'_> {
    fn fail(&self, finding: Finding) -> io::Error {
        if let Ok(mut failed) = self.failed.lock() {
            *failed = (self.left.to_vec(), Some(finding));
        }
        io::Error::other("a part is broken")
    }
}

impl Read for Parts<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some((name, reader)) = &mut self.current {
                match reader.read(room) {
                    Ok(0) => self.current = None,
                    Ok(len) => match self.room.checked_sub(len as u64) {
                        Some(room) => {
                            self.room = room;
                            return Ok(len);
                        }
                        None => {
                            let message = format!(
                                "is longer than the {} bytes that were recorded",
                                self.noted
                            );
                            let code = Code::SnapshotContents;
                            let finding = Finding::new(code, message);
                            let finding = finding.file(*name);
                            return Err(self.fail(finding));
                        }
                    },
                    Err(err) => {
                        let message = err.to_string();
                        let finding = Finding::new(Code::ObjectDamaged, message);
                        let finding = finding.file(*name);
                        return Err(self.fail(finding));
                    }
                }
            }
            let Some((part, left)) = self.left.split_first() else {
                return Ok(0);
            };
            self.left = left;
            self.progress.advance(part.bytes);
            match self.repository.reader(part) {
                Ok(reader) => self.current = Some((&part.name, Box::new(reader))),
                Err(error) => return Err(self.fail(broken(&part.name, &error))),
            }
        }
    }
}
