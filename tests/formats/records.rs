//! Every bit of the last record of a newest log flipped: whoever goes on to the end is told, with
//! the record named.
//!
//! The record is all of it: checksum, length, payload, end mark. Damage there is passed over most
//! easily, since nothing follows that would miss it: so each command that reads a source is tried,
//! through the library at each bit, and as the program at some. A log whose only record is damaged
//! is another shape of the same. Told means status 4, the log, the place in the record, and the
//! last txn before it; anything else is silence.
//!
//! `ZOOVAULT_RECORDS_STEP=1` tries the program too at each bit, and all of the larger fixtures'
//! bits: some minutes.

use crate::common;
use crate::common::repository;

use common::{copy_old, testdata, write_old, zoovault};
use repository::in_memory;
use std::fs;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use zoovault::analysis::inspect::inspect;
use zoovault::analysis::znode_history::{self, history};
use zoovault::backup::run::{self, BaseEvery, backup};
use zoovault::error::{Error, ErrorKind, TxnPlace};
use zoovault::format::txnlog::{HEADER_LEN, LogReader};
use zoovault::history::point::Point;
use zoovault::history::query::{self, Query, Remark, Seen};
use zoovault::history::replay::{Purpose, rebuild_for, rebuild_two};
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::zxid::Zxid;

/// The fixtures, and of how many bits one is tried through the library.
const FIXTURES: [(&str, usize); 9] = [
    ("small-3.4", 1),
    ("small-3.8", 1),
    ("small-3.9", 1),
    ("small-member-3.9", 1),
    ("standalone-3.4", 41),
    ("standalone-3.6", 41),
    ("standalone-3.8", 41),
    ("standalone-3.9", 41),
    ("ensemble-3.9/s1", 41),
];
/// Of how many bits one is tried where the newest log has one record.
const ALONE_STEP: usize = 5;
/// Of how many bits a backup is made at one.
const BACKUP_STEP: usize = 3;
const THREADS: usize = 2;
/// Of how many bits the program is tried at one. A prime: each field has its turn.
const PROGRAM_STEP: usize = 211;

/// A directory whose newest log's last record is damaged, bit by bit.
struct Scene {
    name: String,
    _folder: tempfile::TempDir,
    dir: PathBuf,
    log: PathBuf,
    sound: Vec<u8>,
    record: Range<usize>,
    /// The last txn before the record.
    before: Zxid,
}

/// The records of a log: where each is, and its zxid.
fn records(bytes: &[u8]) -> Vec<(Range<usize>, Zxid)> {
    let mut reader = LogReader::new(Path::new("log"), bytes).unwrap();
    let mut records = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let [start, end] =
            [entry.offset, entry.end_offset()].map(|at| usize::try_from(at).unwrap());
        records.push((start..end, entry.header.zxid));
    }
    records
}

impl Scene {
    fn new(name: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        copy_old(&testdata().join("datadirs").join(name), &dir);
        let source = open(&dir).unwrap();
        let log = dir
            .join("version-2")
            .join(source.logs().last().unwrap().name());
        let sound = fs::read(&log).unwrap();
        let all = records(&sound);
        let (record, zxid) = all.last().unwrap().clone();
        Scene {
            name: name.to_owned(),
            _folder: folder,
            dir,
            log,
            sound,
            record,
            before: zxid.prev(),
        }
    }

    /// The same, where the newest log has its first record alone.
    fn of_one_record(name: &str) -> Scene {
        let mut scene = Scene::new(name);
        let (record, zxid) = records(&scene.sound)[0].clone();
        scene.sound.truncate(record.end);
        scene.sound.extend([0; 64]);
        scene.name.push_str(", one record");
        (scene.record, scene.before) = (record, zxid.prev());
        scene
    }

    fn bits(&self) -> Range<usize> {
        self.record.start * 8..self.record.end * 8
    }

    fn flip(&self, bit: usize) {
        let mut bytes = self.sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        write_old(&self.log, &bytes);
    }

    /// Whether `error` names the record.
    fn names(&self, error: &Error) -> bool {
        let offset = usize::try_from(error.offset().unwrap_or(0)).unwrap();
        error.kind() == ErrorKind::Damage
            && error
                .path()
                .is_some_and(|path| path.ends_with(self.log.file_name().unwrap()))
            && self.record.contains(&offset)
            && self.is_before(error.txn())
    }

    /// Of a log's only record, the log itself knows no txn before it.
    fn is_before(&self, txn: Option<TxnPlace>) -> bool {
        let is_alone = self.record.start == HEADER_LEN;
        txn == Some(TxnPlace::After(self.before)) || (is_alone && txn.is_none())
    }

    /// Whether `text` names the record.
    fn is_named_in(&self, text: &str) -> bool {
        let log = self.log.file_name().unwrap().to_str().unwrap();
        let is_placed = self
            .record
            .clone()
            .any(|at| text.contains(&format!("offset {at}")));
        text.contains(log) && is_placed
    }
}

fn open(dir: &Path) -> zoovault::error::Result<Source> {
    Source::open(dir, &Options::default())
}

/// What each way through the library makes of the source: whether the record is told.
fn told_by_library(scene: &Scene) -> Vec<(&'static str, bool)> {
    let source = open(&scene.dir).unwrap();
    let tree = |purpose| {
        let rebuilt = rebuild_for(purpose, &source, Point::Latest, false, &NoProgress);
        rebuilt.is_err_and(|error| scene.names(&error))
    };
    let two = rebuild_two(&source, Point::First, Point::Latest, &NoProgress);
    let options = znode_history::Options {
        path: "/**".parse().unwrap(),
        recursive: true,
        children: false,
        from: None,
        to: None,
    };
    let summary = history(&source, &options, &NoProgress, &mut |_| Ok(())).unwrap();
    let mut is_remarked = false;
    let mut see = |seen: Seen<'_>| {
        if let Seen::Remark(Remark::Damage { error, .. }) = seen {
            is_remarked |= scene.names(&error);
        }
        ControlFlow::Continue(())
    };
    query::visit(&source, &Query::default(), &NoProgress, &mut see).unwrap();
    let overview = inspect(&source, &NoProgress).unwrap();
    let remark = overview
        .logs
        .last()
        .unwrap()
        .remark
        .clone()
        .unwrap_or_default();
    let remark = format!("{} {remark}", overview.logs.last().unwrap().name);
    vec![
        ("restore", tree(Purpose::Restoring)),
        ("ls", tree(Purpose::Reading)),
        ("diff", two.is_err_and(|error| scene.names(&error))),
        (
            "history",
            summary.damage.iter().any(|error| scene.names(error)),
        ),
        ("log", is_remarked),
        ("inspect", scene.is_named_in(&remark)),
    ]
}

fn is_told_by_backup(scene: &Scene) -> bool {
    let source = open(&scene.dir).unwrap();
    let (_, repository) = in_memory();
    let options = run::Options {
        host: "host".to_owned(),
        tool: "test".to_owned(),
        base_every: BaseEvery::default(),
        even_if_idle: true,
        now_ms: 1_800_000_000_000,
        scratch_dir: None,
    };
    let done = backup(&source, &repository, &options, &NoProgress).unwrap();
    // What is sound is stored, up to the record.
    let stored = Source::open_repository(
        &repository,
        &zoovault::repository::Which::Newest,
        &Options::default(),
    );
    let is_stored = stored.is_ok_and(|stored| {
        let (purpose, point) = (Purpose::Restoring, Point::Latest);
        let rebuilt = rebuild_for(purpose, &stored, point, false, &NoProgress);
        rebuilt.is_ok_and(|rebuilt| rebuilt.target.zxid == scene.before)
    });
    let is_named = done.warnings.iter().any(|line| scene.is_named_in(line));
    is_stored && done.is_damaged && is_named
}

/// The calls of the program that go on to the end.
fn calls(dir: &Path, folder: &Path, bit: usize) -> Vec<Vec<String>> {
    let dir = dir.to_str().unwrap();
    let at = |name: &str| {
        folder
            .join(format!("{name}-{bit}"))
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (target, archive, repo) = (at("target"), at("archive.tar.gz"), at("repo"));
    let calls: [&[&str]; 14] = [
        &["restore", dir, "--to", "latest", "--target", &target],
        &["ls", dir, "-r"],
        &["ls", dir, "-r", "--deleted"],
        &["cat", dir, "/zookeeper"],
        &["stat", dir, "/zookeeper"],
        &["du", dir],
        &["export", dir, "-o", &archive],
        &["export", dir, "--format", "jsonl"],
        &["diff", dir, "--from", "first"],
        &["history", dir, "/", "-r"],
        &["log", dir],
        &["top", dir],
        &["backup", dir, "--repo", &repo],
        &["verify", dir],
    ];
    let calls = calls.iter();
    calls
        .map(|call| call.iter().map(|&arg| arg.to_owned()).collect())
        .collect()
}

/// What each call of the program makes of the source: whether the record is told.
fn told_by_program(scene: &Scene, bit: usize) -> Vec<(String, bool)> {
    let folder = tempfile::tempdir().unwrap();
    let calls = calls(&scene.dir, folder.path(), bit);
    let repo = folder.path().join(format!("repo-{bit}"));
    assert!(
        zoovault()
            .arg("init")
            .arg("--repo")
            .arg(&repo)
            .output()
            .unwrap()
            .status
            .success()
    );
    let run = |call: &Vec<String>| {
        let output = zoovault().args(call).output().unwrap();
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
        let is_told = output.status.code() == Some(4) && scene.is_named_in(&said.concat());
        if !is_told {
            eprintln!(
                "{} bit {bit}: {call:?} {:?}\n{}",
                scene.name,
                output.status,
                said.concat()
            );
        }
        (format!("zoovault {}", call[0]), is_told)
    };
    calls.iter().map(run).collect()
}

#[derive(Default)]
struct Tally {
    bits: usize,
    /// Bits that some way goes past in silence.
    silent_bits: usize,
    /// How often any way was gone.
    tries: usize,
    silent: Vec<String>,
}

fn run(scene: &Scene, step: usize, program_step: usize) -> Tally {
    let mut tally = Tally::default();
    for (number, bit) in scene.bits().enumerate() {
        let is_for_program = number.is_multiple_of(program_step);
        if !is_for_program && !number.is_multiple_of(step) {
            continue;
        }
        scene.flip(bit);
        let mut ways = told_by_library(scene);
        if number.is_multiple_of(BACKUP_STEP) {
            ways.push(("backup", is_told_by_backup(scene)));
        }
        let mut ways: Vec<(String, bool)> = ways
            .into_iter()
            .map(|(name, is_told)| (name.to_owned(), is_told))
            .collect();
        if is_for_program {
            ways.extend(told_by_program(scene, bit));
        }
        tally.bits += 1;
        tally.tries += ways.len();
        ways.retain(|(_, is_told)| !is_told);
        tally.silent_bits += usize::from(!ways.is_empty());
        let silent = ways.iter().map(|(name, _)| format!("{name} at bit {bit}"));
        tally.silent.extend(silent);
    }
    tally
}

#[test]
fn no_bit_of_a_last_record_is_passed_over_in_silence() {
    let all = std::env::var("ZOOVAULT_RECORDS_STEP").ok();
    let all: Option<usize> = all.map(|text| text.parse().unwrap());
    let small = FIXTURES.iter().filter(|(_, step)| *step == 1);
    let alone = small.map(|(name, _)| (Scene::of_one_record(name), ALONE_STEP));
    let whole = FIXTURES
        .iter()
        .map(|(name, step)| (Scene::new(name), *step));
    let scenes: Vec<(Scene, usize)> = whole.chain(alone).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((scene, step)) = scenes.get(index) else {
                return done;
            };
            let (step, program_step) = (all.unwrap_or(*step), all.unwrap_or(PROGRAM_STEP));
            done.push((index, run(scene, step, program_step)));
        }
    };
    let mut tallies: Vec<(usize, Tally)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let done = workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap());
        done.collect()
    });
    tallies.sort_by_key(|(index, _)| *index);
    let mut silent = Vec::new();
    eprintln!(
        "{:30} {:>12} {:>8} {:>8} {:>8}",
        "fixture", "bits flipped", "told", "silent", "tries"
    );
    for (index, tally) in tallies {
        let name = &scenes[index].0.name;
        let (bits, silent_bits) = (tally.bits, tally.silent_bits);
        let told = bits - silent_bits;
        eprintln!(
            "{name:30} {bits:12} {told:8} {silent_bits:8} {:8}",
            tally.tries
        );
        silent.extend(tally.silent.iter().map(|line| format!("{name}: {line}")));
        assert!(bits >= 10 && tally.tries >= 6 * bits);
    }
    let first = silent.iter().take(30).cloned().collect::<Vec<_>>();
    let first = first.join("\n");
    assert!(silent.is_empty(), "{} silent:\n{first}", silent.len());
}
