//! What servers make of damaged directories is what is foretold: each is loaded by the servers' own
//! code, and every znode compared.
//!
//! `ZOOVAULT_LOADS_CASES=5000` tries that many directories, in place of 100, and
//! `ZOOVAULT_LOADS_SEED` others.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use zoovault::format::record::AclVector;
use zoovault::history::source::{Options, Source};
use zoovault::server::emulate::{Load, Refusal, Rules, ServerTree, Settings, load, starts};

use crate::common::release::{Release, has_javac, releases};
use crate::common::rng::Rng;
use crate::damage::{copy_trimmed, damage};
use crate::fuzzy::write_storm;
use crate::{common, runtime};

/// Directories tried, unless the environment says otherwise.
const CASES: usize = 100;
/// Directories that there are at once.
const CASES_AT_ONCE: usize = 200;

/// A damaged directory.
struct Case {
    dir: PathBuf,
    how: String,
}

#[test]
fn damaged_directories_load_as_foretold() {
    let cases = match std::env::var("ZOOVAULT_LOADS_CASES") {
        Ok(text) => text.parse().expect("ZOOVAULT_LOADS_CASES is a number"),
        Err(_) => CASES,
    };
    let releases = releases();
    if releases.is_empty() || !has_javac() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let bases = bases(folder.path(), &releases);
    let classes = compile(folder.path());
    let mut rng = Rng::new(seed());
    let mut tallies = vec![BTreeMap::new(); releases.len()];
    let mut left = cases;
    while left > 0 {
        let count = left.min(CASES_AT_ONCE);
        left -= count;
        let cases = make_cases(folder.path(), &bases, count, &mut rng);
        for (release, tally) in releases.iter().zip(&mut tallies) {
            let wrong = load_all(folder.path(), release, &classes, &cases, tally);
            if !wrong.is_empty() {
                let kept = folder.keep();
                panic!(
                    "{release}: {} of {count} otherwise, kept in {}:\n{}",
                    wrong.len(),
                    kept.display(),
                    wrong[..wrong.len().min(10)].join("\n")
                );
            }
        }
        fs::remove_dir_all(folder.path().join("cases")).expect("the cases are removed");
    }
    for (release, tally) in releases.iter().zip(tallies) {
        eprintln!("{release}: {cases} directories");
        for (kind, count) in tally {
            eprintln!("    {count:6} {kind}");
        }
    }
}

/// The fixtures and faults of `testdata`: `explain`, `--server` and the servers' own code agree.
#[test]
fn directories_of_testdata_load_as_explained() {
    let releases = releases();
    if releases.is_empty() || !has_javac() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let classes = compile(folder.path());
    let sources = common::directories().into_iter();
    let cases: Vec<Case> = sources
        .enumerate()
        .map(|(index, source)| {
            let dir = folder.path().join("cases").join(index.to_string());
            copy_all(&source.join("version-2"), &dir.join("version-2"));
            let how = source.display().to_string();
            Case { dir, how }
        })
        .collect();
    for release in &releases {
        let mut tally = BTreeMap::new();
        let wrong = load_all(folder.path(), release, &classes, &cases, &mut tally);
        assert!(wrong.is_empty(), "{release}:\n{}", wrong.join("\n"));
        let differing: Vec<String> = cases
            .iter()
            .filter_map(|case| differs_when_explained(&case.dir, release))
            .collect();
        assert!(differing.is_empty(), "{release}:\n{}", differing.join("\n"));
        eprintln!("{release}: {} directories, {tally:?}", cases.len());
    }
}

/// Where `explain` without and with `--server` say different things of a release.
fn differs_when_explained(dir: &Path, release: &Release) -> Option<String> {
    let explained = |args: &[&str]| -> Value {
        let output = common::zoovault()
            .arg("explain")
            .arg(dir)
            .arg("--json")
            .args(args)
            .output();
        serde_json::from_slice(&output.expect("the program").stdout).unwrap_or(Value::Null)
    };
    let asked = explained(&["--server", &release.name]);
    let mut told = asked["servers"][0].clone();
    told["release"] = Value::Null;
    let groups = explained(&[])["servers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut same = groups.into_iter().map(|mut group| {
        group["release"] = Value::Null;
        group
    });
    let is_told = asked.is_null() || same.any(|group| group == told);
    (!is_told).then(|| format!("{}: {told}", dir.display()))
}

/// Loads every case with a release's own code, and gives those of which something else was
/// foretold.
fn load_all(
    folder: &Path,
    release: &Release,
    classes: &Path,
    cases: &[Case],
    tally: &mut BTreeMap<&'static str, usize>,
) -> Vec<String> {
    let copies = folder.join("copies");
    let answers = answers(&copies, release, classes, cases);
    assert_eq!(
        answers.len(),
        cases.len(),
        "{release}: the JVM ended too soon"
    );
    let mut wrong = Vec::new();
    for (case, (answer, copy)) in cases.iter().zip(&answers) {
        match judge(release, case, answer, copy) {
            Ok(kind) => *tally.entry(kind).or_insert(0) += 1,
            Err(why) => wrong.push(format!("{} ({}): {why}", case.dir.display(), case.how)),
        }
    }
    if wrong.is_empty() {
        fs::remove_dir_all(copies).expect("the copies are removed");
    }
    wrong
}

/// Sound directories: those of real servers that come with the tests, and some that were written to
/// by many clients while snapshots were taken.
fn bases(folder: &Path, releases: &[Release]) -> Vec<PathBuf> {
    let datadirs = common::testdata().join("datadirs");
    let mut bases = Vec::new();
    let mut add = |source: &Path| {
        let target = folder.join(format!("base{}", bases.len()));
        copy_trimmed(&source.join("version-2"), &target);
        bases.push(target);
    };
    for name in [
        "standalone-3.4",
        "standalone-3.6",
        "standalone-3.8",
        "standalone-3.9",
        "ensemble-3.9/s1",
        "ensemble-3.9/s2",
        "ensemble-3.9/s3",
    ] {
        add(&datadirs.join(name));
    }
    // One, where there is only one: a server need not start on what a storm left, its own release
    // neither.
    let last = releases.last().filter(|_| releases.len() > 1);
    for release in [releases.first(), last].into_iter().flatten() {
        let storm = folder.join(format!("storm-{release}"));
        runtime().block_on(write_storm(release, &storm));
        // As often as all the others together: what is fuzzy is where releases differ most.
        for share in 1..=3 {
            let part = folder.join(format!("storm-{release}-{share}"));
            copy_part(&storm.join("version-2"), &part.join("version-2"), share);
            add(&part);
        }
    }
    bases
}

/// Three snapshots in a row, at so many quarters of the way, and the logs around them.
fn copy_part(source: &Path, target: &Path, quarters: usize) {
    let zxids = |kind: &str| {
        let mut zxids: Vec<i64> = fs::read_dir(source)
            .expect("a folder")
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                i64::from_str_radix(name.strip_prefix(kind)?, 16).ok()
            })
            .collect();
        zxids.sort_unstable();
        zxids
    };
    let (snapshots, logs) = (zxids("snapshot."), zxids("log."));
    let first = (snapshots.len() * quarters / 4).min(snapshots.len() - 3);
    let start = logs.partition_point(|zxid| *zxid <= snapshots[first]) - 1;
    fs::create_dir_all(target).expect("a folder");
    let copied = snapshots[first..first + 3]
        .iter()
        .map(|zxid| format!("snapshot.{zxid:x}"))
        .chain(
            logs[start..logs.len().min(start + 5)]
                .iter()
                .map(|zxid| format!("log.{zxid:x}")),
        );
    for name in copied {
        fs::copy(source.join(&name), target.join(&name)).expect("a copy");
    }
}

fn seed() -> u64 {
    let seed = std::env::var("ZOOVAULT_LOADS_SEED").ok();
    seed.map_or(0, |text| {
        text.parse().expect("ZOOVAULT_LOADS_SEED is a number")
    })
}

fn make_cases(folder: &Path, bases: &[PathBuf], count: usize, rng: &mut Rng) -> Vec<Case> {
    (0..count)
        .map(|index| {
            let dir = folder.join("cases").join(index.to_string());
            let base = rng.pick(bases);
            copy_trimmed(&base.join("version-2"), &dir);
            let how = damage(&dir, rng);
            let base = base.file_name().expect("a name").to_string_lossy();
            let how = format!("{base}, {how}");
            Case { dir, how }
        })
        .collect()
}

fn compile(folder: &Path) -> PathBuf {
    let classes = folder.join("classes");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/Loads.java");
    let status = Command::new("javac")
        .arg("-d")
        .arg(&classes)
        .arg(source)
        .status()
        .expect("javac runs (package default-jdk-headless)");
    assert!(status.success(), "Loads.java does not compile");
    classes
}

/// What a release's own code makes of a copy of each case; with the copies.
fn answers(
    copies: &Path,
    release: &Release,
    classes: &Path,
    cases: &[Case],
) -> Vec<(Value, PathBuf)> {
    let mut java = Command::new("java")
        .args(["-Xmx512m", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8"])
        .arg("--add-opens=java.base/java.lang=ALL-UNNAMED")
        .args([
            "-Dzookeeper.extendedTypesEnabled=true",
            "-Dzookeeper.jmx.log4j.disable=true",
        ])
        .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=off"])
        .arg("-cp")
        .arg(format!("{}:{}", classes.display(), release.class_path))
        .arg("Loads")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("java starts");
    let mut input = java.stdin.take().expect("it is piped");
    let dirs: Vec<PathBuf> = (0..cases.len())
        .map(|index| copies.join(index.to_string()))
        .collect();
    for (case, dir) in cases.iter().zip(&dirs) {
        copy_all(&case.dir.join("version-2"), &dir.join("version-2"));
    }
    let lines: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
    let writer = std::thread::spawn(move || input.write_all((lines.join("\n") + "\n").as_bytes()));
    let output = java.wait_with_output().expect("java ends");
    writer
        .join()
        .expect("a thread")
        .expect("the cases are taken");
    let text = String::from_utf8(output.stdout).expect("text");
    let answers = text.lines().map(|line| {
        serde_json::from_str(line).unwrap_or_else(|err| panic!("{release}: {err}: {line}"))
    });
    answers.zip(dirs).collect()
}

fn copy_all(source: &Path, target: &Path) {
    fs::create_dir_all(target).expect("a folder");
    for entry in fs::read_dir(source).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, target.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

/// Whether the release is foretold the same when others are followed with it.
fn ensure_same_together(source: &Source, rules: Rules) -> Result<(), String> {
    let all: Vec<Rules> = Rules::all().into_iter().chain([rules]).collect();
    let foretold = |rules: &[Rules]| {
        let starts = starts(source, rules, None, &zoovault::progress::NoProgress);
        let last = starts.map(|starts| format!("{:?}", starts.last()));
        last.map_err(|err| format!("not read: {err}"))
    };
    let (together, alone) = (foretold(&all)?, foretold(&all[all.len() - 1..])?);
    match together == alone {
        true => Ok(()),
        false => Err(format!("together: {together}\nalone: {alone}")),
    }
}

/// Compares what was foretold with what came of it; gives the kind of case, or what differs.
fn judge(
    release: &Release,
    case: &Case,
    answer: &Value,
    copy: &Path,
) -> Result<&'static str, String> {
    assert!(answer["failure"].is_null(), "{release}: {answer}");
    let Ok(source) = Source::open(&case.dir, &Options::default()) else {
        return Ok("neither logs nor snapshots are left");
    };
    let rules = rules(release);
    let foretold = load(&source, &rules, &zoovault::progress::NoProgress)
        .map_err(|err| format!("not read: {err}"))?;
    ensure_same_together(&source, rules)?;
    let plain = |text: &str, dir: &Path| {
        text.replace(&format!("{}/version-2/", dir.display()), "")
            .replace(&dir.display().to_string(), "")
    };
    let refused = |refusal: &Refusal| {
        let line = refusal.thrown.line();
        plain(&line, &case.dir)
    };
    let thrown = |field: &str| plain(answer[field].as_str().unwrap_or_default(), copy);
    let compare = |what: &str, ours: String, theirs: String| {
        // What a NullPointerException says is the JVM's own.
        let is_same =
            ours == theirs || (ours.ends_with("PointerException") && theirs.starts_with(&ours));
        if is_same {
            Ok(())
        } else {
            Err(format!(
                "{what}: foretold \"{ours}\", and it is \"{theirs}\""
            ))
        }
    };
    let Load {
        end, member, said, ..
    } = foretold;
    let member = member
        .err()
        .map(|refusal| refused(&refusal))
        .unwrap_or_default();
    let mut loaded = match end {
        Err(refusal) => {
            compare("load", refused(&refusal), thrown("exception"))?;
            return compare("member", member, thrown("member_exception")).map(|()| "refused");
        }
        Ok(loaded) => loaded,
    };
    compare("load", String::new(), thrown("exception"))?;
    let hex = |number: i64| format!("{number:x}");
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    compare("zxid", hex(loaded.zxid().to_i64()), text("zxid"))?;
    if let Some(digest) = loaded.tree.digest() {
        compare("digest", hex(digest), text("digest"))?;
        let mismatches = loaded.digest_mismatches.0.to_string();
        compare("mismatches", mismatches, answer["mismatches"].to_string())?;
        let awaited = loaded.awaited.map(|zxid| hex(zxid.to_i64()));
        compare("awaited", awaited.unwrap_or_default(), text("awaited"))?;
    }
    compare_trees(&loaded.tree, &copy.with_extension("tree"))?;
    compare("member", member, thrown("member_exception"))?;
    let served = loaded.serve().err().map(|refusal| refused(&refusal));
    compare(
        "start",
        served.clone().unwrap_or_default(),
        thrown("start_exception"),
    )?;
    if served.is_none() {
        let nodes = (loaded.tree.len() + 1).to_string();
        compare("nodes served", nodes, answer["start_nodes"].to_string())?;
    }
    Ok(match (loaded.holes.is_empty(), said.is_empty()) {
        (false, _) => "loaded over a hole",
        (true, false) => "loaded with a word of complaint",
        (true, true) => "loaded",
    })
}

fn rules(release: &Release) -> Rules {
    let mut settings = Settings::default();
    let set = settings.set("zookeeper.extendedTypesEnabled=true");
    set.expect("a setting that is known");
    Rules::parse(&release.name, settings).expect("a release that is known")
}

/// Compares every znode, session and ephemeral, in lines.
fn compare_trees(ours: &ServerTree, theirs: &Path) -> Result<(), String> {
    let mut lines = Vec::new();
    for (session, timeout) in ours.sessions() {
        lines.push(format!("session\t{:x}\t{timeout}", session.0));
    }
    for (owner, paths) in ours.ephemerals() {
        let paths = quoted_all(paths.iter().map(|path| &**path));
        lines.push(format!("ephemerals\t{owner:x}\t{paths}"));
    }
    for (path, node) in ours.nodes() {
        let data = node.data.as_deref().map_or("null".to_owned(), |data| {
            let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("={hex}")
        });
        let acl = ours.acl(node).map_or("missing".to_owned(), |list| {
            let entries = AclVector::from_decoded(list).entries();
            let entries = entries.iter().map(|acl| {
                let text = |text: Option<&[u8]>| text.map_or("null".to_owned(), quoted);
                format!("{} {} {};", acl.perms, text(acl.scheme), text(acl.id))
            });
            format!("={}", entries.collect::<String>())
        });
        let stat = &node.stat;
        lines.push(format!(
            "node\t{}\t{data}\t{acl}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            quoted(path),
            stat.czxid.to_i64(),
            stat.mzxid.to_i64(),
            stat.ctime,
            stat.mtime,
            stat.version,
            stat.cversion,
            stat.aversion,
            stat.ephemeral_owner,
            stat.pzxid.to_i64(),
            quoted_all(ours.children(node).iter().map(|name| &**name)),
        ));
    }
    lines.sort_unstable();
    let text = fs::read_to_string(theirs).map_err(|err| format!("{}: {err}", theirs.display()))?;
    let mut expected: Vec<&str> = text.lines().collect();
    expected.sort_unstable();
    let is_derived = |line: &str| line.contains("/zookeeper_stats\"");
    let ours = lines
        .iter()
        .map(String::as_str)
        .filter(|line| !is_derived(line));
    let theirs = expected.into_iter().filter(|line| !is_derived(line));
    match ours.clone().zip(theirs.clone()).find(|(a, b)| a != b) {
        Some((ours, theirs)) => Err(format!("foretold\n  {ours}\nand it is\n  {theirs}")),
        None if ours.clone().count() == theirs.clone().count() => Ok(()),
        None => Err(format!(
            "foretold are {} lines, and there are {}",
            ours.count(),
            theirs.count()
        )),
    }
}

/// As JSON has it, all but ASCII escaped.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for unit in String::from_utf8_lossy(bytes).encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b'"' | b'\\')) => text.extend(['\\', char::from(byte)]),
            Ok(byte @ b' '..=b'~') => text.push(char::from(byte)),
            _ => text += &format!("\\u{unit:04x}"),
        }
    }
    text + "\""
}

fn quoted_all<'a>(texts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut texts: Vec<String> = texts.map(quoted).collect();
    texts.sort_unstable();
    texts.join(",")
}
