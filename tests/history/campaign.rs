//! Every bit flipped and every length cut to, of every file of small directories that real servers
//! wrote: nothing that changes a tree goes unnoticed, and whatever is promised or restored after
//! that is the true tree.
//!
//! The truth is what the sound directory gives at each zxid: every field of every znode, its ACL,
//! and the sessions. Each damage is *told* (a finding above a remark), or it only makes a window
//! shorter, or nothing shows. What is not told is foretold here by class, each with its reason, and
//! nothing else may be: then every point is restored and compared, otherwise some.
//!
//! A second oracle judges what people do then. For each bit that is flipped, what
//! `restore --to latest`, `ls`, and `backup` with a restore from the repository give is the true
//! last tree, or the status is not 0: 3 only where what is said names the damaged file or the
//! missing txn.
//!
//! `ZOOVAULT_CAMPAIGN_STEP=1` tries all 221,625, which takes an hour; by default one in so many,
//! another bit of each byte as the position goes on.

use crate::common;
use crate::common::repository;

use common::{copy_old, testdata, write_old};
use repository::in_memory;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use zoovault::analysis::finding::Severity;
use zoovault::analysis::verify::{Depth, Report, verify};
use zoovault::backup::run::{self, BaseEvery, backup};
use zoovault::error::Result;
use zoovault::format::snapshot::codec::Codec;
use zoovault::format::snapshot::{SnapshotReader, check};
use zoovault::format::txnlog::LogReader;
use zoovault::history::point::Point;
use zoovault::history::replay::{Proof, Purpose, Rebuilt, rebuild, rebuild_for};
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::recovery::restore::uncertainties;
use zoovault::repository::Which;
use zoovault::zxid::Zxid;

const DIRS: [&str; 3] = ["small-3.4", "small-3.9", "small-member-3.9"];
/// How many of the zeros at the end of each log are kept: one is as the other.
const ZEROS_KEPT: usize = 48;
const THREADS: usize = 2;
/// Of a damage that is told, one point in so many is restored, beside the ends of windows: another
/// one each time.
const POINTS_STEP: usize = 19;
/// A prime, so that all bits of a byte have their turn.
const DEFAULT_STEP: usize = 97;

#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip { bit: usize },
    Cut { len: usize },
}

impl Damage {
    fn apply(self, sound: &[u8]) -> Vec<u8> {
        match self {
            Damage::Flip { bit } => {
                let mut bytes = sound.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            }
            Damage::Cut { len } => sound[..len].to_vec(),
        }
    }
}

/// A file of a sound directory.
struct Sound {
    /// Below the directory.
    name: PathBuf,
    bytes: Vec<u8>,
    /// Where each record of a log ends, the header first; where each seal of a plain snapshot ends,
    /// the last not.
    ends: Vec<usize>,
    is_newest_log: bool,
}

impl Sound {
    fn kind(&self) -> &'static str {
        let name = self.name.file_name().unwrap().to_str().unwrap();
        match name.split('.').collect::<Vec<_>>().as_slice() {
            ["log", _] if self.is_newest_log => "newest log",
            ["log", _] => "log",
            ["snapshot", _] => "snapshot",
            ["snapshot", _, "gz"] => "gz snapshot",
            ["snapshot", _, "snappy"] => "snappy snapshot",
            ["myid"] => "myid",
            ["acceptedEpoch"] => "acceptedEpoch",
            ["currentEpoch"] => "currentEpoch",
            _ => panic!("{name}"),
        }
    }

    /// Why this damage is not told; `None` when it has to be.
    fn untold(&self, damage: Damage) -> Option<&'static str> {
        match (self.kind(), damage) {
            ("myid", _) => Some("harmless: no history is in it"),
            ("log" | "newest log", Damage::Cut { len }) => self.untold_cut(len),
            ("acceptedEpoch", Damage::Flip { .. }) => {
                let number = decimal(&damage.apply(&self.bytes))?;
                (number >= 2).then_some("harmless: a higher acceptedEpoch, which is legal")
            }
            ("currentEpoch", Damage::Flip { .. }) => {
                let number = decimal(&damage.apply(&self.bytes))?;
                (number == 2).then_some("harmless: the same number")
            }
            ("snapshot", Damage::Cut { len }) => self.ends.contains(&len).then_some(
                "harmless: a snapshot that ends with an earlier seal, as earlier releases write it",
            ),
            ("gz snapshot", _) => self.untold_codec(Codec::Gzip, damage),
            ("snappy snapshot", _) => self.untold_codec(Codec::Snappy, damage),
            _ => None,
        }
    }

    /// A compressed stream has bytes that nothing rests on: times and systems in headers, and other
    /// ways to say the same.
    fn untold_codec(&self, codec: Codec, damage: Damage) -> Option<&'static str> {
        let plain = |bytes: &[u8]| {
            let mut plain = Vec::new();
            codec.reader(bytes).read_to_end(&mut plain).ok()?;
            Some(plain)
        };
        let is_same = plain(&damage.apply(&self.bytes)) == plain(&self.bytes);
        is_same.then_some("harmless: the compressed stream gives the same bytes")
    }

    fn untold_cut(&self, len: usize) -> Option<&'static str> {
        let end = self.ends.iter().rfind(|end| **end <= len)?;
        let is_last = Some(end) == self.ends.last();
        match len - end {
            0..=4 if self.is_newest_log && !is_last => Some(
                "shorter: the newest log ends with a whole record, and nothing says that it ever went on",
            ),
            _ if is_last => Some("harmless: within the zeros at the end"),
            _ => None,
        }
    }
}

fn decimal(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes)
        .ok()?
        .lines()
        .next()?
        .parse()
        .ok()
}

/// A sound directory, and the tree at each of its points.
struct Truth {
    dir: PathBuf,
    files: Vec<Sound>,
    trees: BTreeMap<Zxid, String>,
    windows: Vec<(Zxid, Zxid, Option<Proof>)>,
}

fn open(dir: &Path) -> Result<Source> {
    Source::open(dir, &Options::default())
}

/// The tree at a point, and its sessions: every field. Members write `/zookeeper/config`
/// themselves, so there it is no part of the history.
fn tree(dir: &Path, point: Point) -> Result<(Zxid, String)> {
    let source = open(dir)?;
    let rebuilt = rebuild(&source, point, false, &NoProgress)?;
    Ok((rebuilt.target.zxid, text_of(&rebuilt, is_member(dir))))
}

fn is_member(dir: &Path) -> bool {
    dir.join("myid").exists()
}

fn text_of(rebuilt: &Rebuilt<'_>, is_member: bool) -> String {
    let tree = &rebuilt.replayed.tree;
    let mut text = String::new();
    for node in tree.in_order() {
        if !is_member || node.path != b"/zookeeper/config" {
            let data = node
                .data
                .map(<[u8]>::escape_ascii)
                .map(|data| data.to_string());
            let path = node.path.escape_ascii();
            writeln!(text, "{path} {data:?} {:?} {:?}", node.acl, node.stat).unwrap();
        }
    }
    let mut sessions: Vec<_> = tree.sessions().collect();
    sessions.sort();
    writeln!(text, "{sessions:?}").unwrap();
    text
}

fn windows(report: &Report) -> Vec<(Zxid, Zxid, Option<Proof>)> {
    let windows = report.windows.iter();
    windows
        .map(|window| (window.from, window.to, window.proof))
        .collect()
}

fn is_told(report: &Report) -> bool {
    report
        .findings
        .iter()
        .any(|finding| finding.severity > Severity::Info)
}

/// The offsets behind the header and each record.
fn record_ends(path: &Path, bytes: &[u8]) -> Vec<usize> {
    let mut reader = LogReader::new(path, bytes).unwrap();
    let mut ends = vec![16];
    while let Some(entry) = reader.next_entry().unwrap() {
        ends.push(usize::try_from(entry.end_offset()).unwrap());
    }
    ends
}

/// The offsets behind all seals of a plain snapshot but the last.
fn seal_ends(path: &Path, bytes: &[u8]) -> Vec<usize> {
    let open = || SnapshotReader::new(path, Codec::Plain, bytes);
    let trailer = check(path, &open, &|_| {}).unwrap().trailer;
    // A seal of 13 bytes behind a last zxid of 8, and one behind a digest of 20.
    let last = bytes.len() - trailer.last_zxid.map_or(0, |_| 21);
    let first = last - trailer.digest.map_or(0, |_| 33);
    let mut ends = vec![first, last];
    ends.dedup();
    ends.retain(|end| *end < bytes.len());
    ends
}

fn truth(name: &str, dir: PathBuf) -> Truth {
    copy_old(&testdata().join("datadirs").join(name), &dir);
    let report = verify(&open(&dir).unwrap(), Depth::Full, &NoProgress).unwrap();
    assert_eq!(report.findings, [], "{name}");
    let mut files = Vec::new();
    let mut zxids = vec![Zxid::ZERO];
    let newest = report.logs.last().unwrap().name.clone();
    let mut names: Vec<PathBuf> = fs::read_dir(dir.join("version-2"))
        .unwrap()
        .map(|entry| Path::new("version-2").join(entry.unwrap().file_name()))
        .collect();
    names.extend(dir.join("myid").exists().then(|| "myid".into()));
    names.sort();
    for name in names {
        let mut bytes = fs::read(dir.join(&name)).unwrap();
        let mut ends = Vec::new();
        if bytes.starts_with(b"ZKLG") {
            ends = record_ends(&name, &bytes);
            bytes.truncate(ends.last().unwrap() + ZEROS_KEPT);
            write_old(&dir.join(&name), &bytes);
        } else if bytes.starts_with(b"ZKSN") {
            ends = seal_ends(&name, &bytes);
        }
        let is_newest_log = name.ends_with(&newest);
        files.push(Sound {
            name,
            bytes,
            ends,
            is_newest_log,
        });
    }
    for run in report
        .logs
        .iter()
        .flat_map(|log| &log.summary.as_ref().unwrap().runs)
    {
        zxids.extend((run.first.to_i64()..=run.last.to_i64()).map(Zxid::from_i64));
    }
    let trees = zxids
        .iter()
        .map(|zxid| tree(&dir, Point::Zxid(*zxid)).unwrap());
    Truth {
        trees: trees.collect(),
        windows: windows(&report),
        files,
        dir,
    }
}

/// What became of one damage, or what is wrong about it.
fn judge(
    truth: &Truth,
    file: &Sound,
    damage: Damage,
    dir: &Path,
    index: usize,
) -> std::result::Result<&'static str, String> {
    write_old(&dir.join(&file.name), &damage.apply(&file.bytes));
    let report = verify(&open(dir).unwrap(), Depth::Full, &NoProgress).unwrap();
    let found = windows(&report);
    let untold = file.untold(damage);
    if untold.is_none() != is_told(&report) {
        return Err(format!("{untold:?}, and found: {:?}", report.findings));
    }
    let class = untold.unwrap_or("told");
    if class.starts_with("harmless") && found != truth.windows {
        return Err(format!("{class}, and windows {found:?}"));
    }
    let is_point = |zxid| truth.trees.contains_key(zxid);
    if !found
        .iter()
        .all(|(from, to, _)| is_point(from) && is_point(to))
    {
        return Err(format!("windows of no points: {found:?}"));
    }
    for (at, (zxid, expected)) in truth.trees.iter().enumerate() {
        let is_end = found.iter().any(|(from, to, _)| zxid == from || zxid == to);
        let is_within = found.iter().any(|(from, to, _)| from <= zxid && zxid <= to);
        if untold.is_none() && !is_end && !(at + index).is_multiple_of(POINTS_STEP) {
            continue;
        }
        match tree(dir, Point::Zxid(*zxid)) {
            Ok((_, found)) if found == *expected => {}
            Ok(_) => {
                return Err(format!(
                    "another tree at {zxid}: {:?}, {found:?}",
                    report.findings
                ));
            }
            Err(error) if is_within => return Err(format!("{zxid} is in {found:?}, and: {error}")),
            Err(_) => {}
        }
    }
    if matches!(damage, Damage::Flip { .. })
        && let Some(wrong) = misleads(truth, file, dir)
    {
        return Err(wrong);
    }
    match tree(dir, Point::Latest) {
        Ok((zxid, found)) if truth.trees.get(&zxid) != Some(&found) => {
            Err(format!("another tree at the end, {zxid}"))
        }
        _ => Ok(class),
    }
}

/// What is wrong with what `way` gave: another tree, or an earlier one of which nobody is told.
/// `said` is what came with it, and `is_failed` whether the status is neither 0 nor 3.
fn misled(
    truth: &Truth,
    file: &Sound,
    way: &str,
    rebuilt: &Rebuilt<'_>,
    said: &[String],
    is_failed: bool,
) -> Option<String> {
    let zxid = rebuilt.target.zxid;
    let (last, _) = truth.trees.last_key_value().unwrap();
    if truth.trees.get(&zxid) != Some(&text_of(rebuilt, is_member(&truth.dir))) {
        return Some(format!("{way}: another tree at {zxid}"));
    }
    let name = file.name.file_name().unwrap().to_str().unwrap();
    let missing = zxid.next().to_string();
    let is_named = |line: &String| line.contains(name) || line.contains(&missing);
    let is_told = zxid == *last || is_failed || said.iter().any(is_named);
    (!is_told).then(|| format!("{way}: ends with {zxid}, and says {said:?}"))
}

/// The second oracle: what people do with a damaged directory, and what they are told.
fn misleads(truth: &Truth, file: &Sound, dir: &Path) -> Option<String> {
    let Ok(source) = open(dir) else {
        return None;
    };
    for (way, purpose) in [("restore", Purpose::Restoring), ("ls", Purpose::Reading)] {
        if let Ok(rebuilt) = rebuild_for(purpose, &source, Point::Latest, false, &NoProgress) {
            let mut said = uncertainties(&rebuilt.replayed);
            said.extend(rebuilt.target.warnings.iter().cloned());
            if let Some(wrong) = misled(truth, file, way, &rebuilt, &said, false) {
                return Some(wrong);
            }
        }
    }
    let (_, repository) = in_memory();
    let options = run::Options {
        host: "host".to_owned(),
        tool: "test".to_owned(),
        base_every: BaseEvery::default(),
        even_if_idle: true,
        now_ms: 1_800_000_000_000,
        scratch_dir: None,
    };
    let done = backup(&source, &repository, &options, &NoProgress).ok()?;
    let stored = Source::open_repository(&repository, &Which::Newest, &Options::default());
    let stored = stored.ok()?;
    let rebuilt = rebuild(&stored, Point::Latest, false, &NoProgress).ok()?;
    let way = "backup and restore";
    misled(truth, file, way, &rebuilt, &done.warnings, done.is_damaged)
}

/// All damages of a directory: the index of the file, and what is done to it.
fn damages(truth: &Truth) -> Vec<(usize, Damage)> {
    let of_file = |(index, file): (usize, &Sound)| {
        let flips = (0..file.bytes.len() * 8).map(|bit| Damage::Flip { bit });
        let cuts = (0..file.bytes.len()).map(|len| Damage::Cut { len });
        flips
            .chain(cuts)
            .map(move |damage| (index, damage))
            .collect::<Vec<_>>()
    };
    truth.files.iter().enumerate().flat_map(of_file).collect()
}

#[derive(Default)]
struct Tally {
    /// How many there were of each kind of file, of damage, and of outcome.
    counts: BTreeMap<(&'static str, &'static str, &'static str), usize>,
    wrong: Vec<String>,
}

fn run(name: &str, step: usize, tally: &Mutex<Tally>) {
    let folder = tempfile::tempdir().unwrap();
    let truth = truth(name, folder.path().join(name));
    // The few that nothing can tell by nature are tried each time.
    let is_wanted = |(at, damage): &(usize, (usize, Damage))| {
        let file = &truth.files[damage.0];
        let is_seal = file.kind() == "snapshot" && file.untold(damage.1).is_some();
        at.is_multiple_of(step) || is_seal
    };
    let all = damages(&truth).into_iter().enumerate();
    let damages: Vec<_> = all.filter(is_wanted).map(|(_, damage)| damage).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let copy = tempfile::tempdir().unwrap();
        copy_old(&truth.dir, copy.path());
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((file, damage)) = damages.get(index) else {
                return;
            };
            let file = &truth.files[*file];
            let class = judge(&truth, file, *damage, copy.path(), index);
            write_old(&copy.path().join(&file.name), &file.bytes);
            let how = match damage {
                Damage::Flip { .. } => "bits flipped",
                Damage::Cut { .. } => "cuts",
            };
            let mut tally = tally.lock().unwrap();
            match class {
                Ok(class) => *tally.counts.entry((file.kind(), how, class)).or_default() += 1,
                Err(wrong) => {
                    let place = format!("{name}/{}: {damage:?}", file.name.display());
                    tally.wrong.push(format!("{place}: {wrong}"));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
}

#[test]
fn no_flipped_bit_and_no_cut_of_any_file_leads_to_another_tree_or_goes_unnoticed() {
    let step = std::env::var("ZOOVAULT_CAMPAIGN_STEP").ok();
    let step = step.map_or(DEFAULT_STEP, |text| text.parse().unwrap());
    let tally = Mutex::new(Tally::default());
    for name in DIRS {
        run(name, step, &tally);
    }
    let tally = tally.into_inner().unwrap();
    eprintln!("{} damages", tally.counts.values().sum::<usize>());
    for ((kind, how, class), count) in &tally.counts {
        eprintln!("{count:8} {kind}, {how}: {class}");
    }
    let told = tally.wrong.iter().take(40).cloned().collect::<Vec<_>>();
    assert!(
        told.is_empty(),
        "{} wrong:\n{}",
        tally.wrong.len(),
        told.join("\n")
    );
}
