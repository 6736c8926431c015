//! `log` and `top`: what is selected, how it is written, and what is told of the logs on the way.

use crate::common;
use crate::common::{logs, random};

use common::{copy, testdata, zoovault};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use zoovault::format::jute::Put;
use zoovault::format::record::acl::{self, Acl};
use zoovault::format::record::{
    AclVector, AppliesTo, Create, CreateKind, Txn, TxnBody, TxnHeader, TxnKind,
};
use zoovault::format::txnlog::{LogReader, LogWriter};
use zoovault::history::source::{Options, Source};
use zoovault::zxid::{SessionId, Zxid};

const FIXTURES: [&str; 5] = [
    "standalone-3.4",
    "standalone-3.6",
    "standalone-3.8",
    "standalone-3.9",
    "ensemble-3.9/s2",
];

fn run(args: &[&str]) -> Output {
    zoovault().args(args).output().unwrap()
}

fn lines(args: &[&str]) -> Vec<String> {
    let output = run(args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn objects(args: &[&str]) -> Vec<Value> {
    let args = [args, &["--json"]].concat();
    let parse = |line: &String| serde_json::from_str(line).unwrap();
    lines(&args).iter().map(parse).collect()
}

fn golden(name: &str, args: &[&str]) {
    common::golden(name, &args.join(" "), &run(args));
}

/// The names of a type and its parts, with their paths.
fn named(txn: &Value) -> Vec<(String, Option<String>)> {
    let of = |value: &Value| {
        let path = value["path"].as_str().map(str::to_owned);
        (value["type"].as_str().unwrap().to_owned(), path)
    };
    let whole = of(txn);
    let subs = txn["subs"].as_array().into_iter().flatten().map(of);
    let removed = txn["removed"].as_array().into_iter().flatten();
    let removed = removed.map(|path| (whole.0.clone(), path["path"].as_str().map(str::to_owned)));
    let parts: Vec<_> = subs.chain(removed).collect();
    [vec![whole], parts].concat()
}

#[test]
fn lines_are_as_they_were() {
    for (name, args) in [
        ("text.txt", &["log", "small-3.8"] as &[&str]),
        ("verbose.txt", &["log", "small-3.9", "-v"]),
        ("lines.json", &["log", "small-3.9", "--json"]),
        ("without-lists.txt", &["log", "small-3.4"]),
        (
            "toolkit.txt",
            &["log", "small-3.8", "--format", "zookeeper"],
        ),
        (
            "errors.txt",
            &[
                "log",
                "standalone-3.8",
                "--errors",
                "--tail",
                "8",
                "--reverse",
            ],
        ),
        ("not-an-op.txt", &["log", "small-3.8", "--op", "erase"]),
        (
            "damage.txt",
            &[
                "log",
                "../faults/log-flipped-bit",
                "--from",
                "0xc",
                "--to",
                "0x10",
            ],
        ),
        (
            "gap.txt",
            &[
                "log",
                "../faults/log-missing-middle",
                "--from",
                "0x9",
                "--to",
                "0x16",
            ],
        ),
        (
            "fork.txt",
            &[
                "log",
                "../faults/log-fork",
                "--from",
                "0x16",
                "--to",
                "0x18",
            ],
        ),
        (
            "undecodable.txt",
            &[
                "log",
                "../faults/log-bad-record",
                "--from",
                "0xe",
                "--to",
                "0xe",
            ],
        ),
    ] {
        golden(&format!("log/{name}"), args);
    }
    golden(
        "top/path.txt",
        &["top", "standalone-3.8", "-n", "8", "--every", "auto"],
    );
    golden("top/op.txt", &["top", "standalone-3.8", "--by", "op"]);
    golden(
        "top/session.json",
        &["top", "small-3.9", "--by", "session", "--json"],
    );
}

#[test]
fn everything_is_shown_once_and_in_order() {
    for name in FIXTURES {
        let source = Source::open(&testdata().join("datadirs").join(name), &Options::default());
        let source = source.unwrap();
        let mut zxids = Vec::new();
        for log in source.logs() {
            let mut reader = LogReader::new(log.shown(), log.open().unwrap()).unwrap();
            while let Some(entry) = reader.next_entry().unwrap() {
                zxids.push(entry.header.zxid.to_string());
            }
        }
        let all = objects(&["log", name]);
        let shown: Vec<&str> = all
            .iter()
            .map(|txn| txn["zxid"].as_str().unwrap())
            .collect();
        assert_eq!(shown, zxids, "{name}");
        assert_eq!(lines(&["log", name]).len(), zxids.len(), "{name}");

        let mut reversed = lines(&["log", name, "--reverse"]);
        reversed.reverse();
        let forward = lines(&["log", name]);
        assert!(reversed == forward, "{name}");
        let tail = lines(&["log", name, "--tail", "7"]);
        assert_eq!(tail, forward[forward.len() - 7..], "{name}");
        assert!(lines(&["log", name, "--path", "/no/such/znode"]).is_empty());
    }
}

#[test]
fn filters_select_what_a_naive_search_does() {
    for name in FIXTURES {
        let all = objects(&["log", name]);
        let check = |args: &[&str], wants: &dyn Fn(&Value) -> bool| {
            let args = [&["log", name], args].concat();
            let naive: Vec<&Value> = all.iter().filter(|txn| wants(txn)).collect();
            let found = objects(&args);
            let found: Vec<&Value> = found.iter().collect();
            assert!(
                found == naive,
                "{args:?}: {} of {}",
                found.len(),
                naive.len()
            );
            found.len()
        };
        let has_path = |txn: &Value, wants: &dyn Fn(&str) -> bool| {
            let mut paths = named(txn).into_iter().filter_map(|(_, path)| path);
            paths.any(|path| wants(&path))
        };
        let in_app = |path: &str| path.starts_with("/app/") && !path[5..].contains('/');
        assert!(check(&["--path", "/app/*"], &|txn| has_path(txn, &in_app)) > 0);
        check(&["--path", "/**/e*", "--path", "/app"], &|txn| {
            has_path(txn, &|path| {
                path == "/app" || path.rsplit('/').next().unwrap().starts_with('e')
            })
        });
        let session = all[all.len() / 2]["client_id"].as_str().unwrap();
        let bare = session.trim_start_matches("0x");
        check(&["--session", bare], &|txn| txn["client_id"] == session);
        check(&["--op", "delete,createSession"], &|txn| {
            let mut types = named(txn).into_iter();
            types.any(|(name, _)| name == "delete" || name == "createSession")
        });
        check(&["--op", "setData", "--path", "/app/*"], &|txn| {
            let mut parts = named(txn).into_iter();
            parts.any(|(name, path)| name == "setData" && path.is_some_and(|path| in_app(&path)))
        });
        check(&["--errors"], &|txn| txn["error"].is_object());
        check(&["--min-size", "1000"], &|txn| {
            txn["size_bytes"].as_u64().unwrap() >= 1000
        });
        let (from, to) = (&all[20], &all[all.len() - 20]);
        let [from_zxid, to_zxid] = [from, to].map(|txn| txn["zxid"].as_str().unwrap());
        let number = |text: &str| i64::from_str_radix(&text[2..], 16).unwrap();
        check(
            &["--from", from_zxid, "--to", to_zxid, "--op", "create"],
            &|txn| {
                let zxid = number(txn["zxid"].as_str().unwrap());
                (number(from_zxid)..=number(to_zxid)).contains(&zxid)
                    && named(txn).iter().any(|(name, _)| name == "create")
            },
        );
        // Times do not step back in these.
        let [from_ms, to_ms] = [from, to].map(|txn| txn["time_ms"].as_i64().unwrap());
        let at = |ms: i64| format!("@{}.{:03}", ms / 1000, ms % 1000);
        check(&["--from", &at(from_ms), "--to", &at(to_ms)], &|txn| {
            (from_ms..=to_ms).contains(&txn["time_ms"].as_i64().unwrap())
        });
        check(&["--from", "latest"], &|txn| txn == all.last().unwrap());
        check(&["--to", "first"], &|txn| txn == &all[0]);
    }
}

#[test]
fn what_a_closed_session_owned_is_named_with_and_without_a_list() {
    for name in FIXTURES {
        let mut owned: Vec<(String, String)> = Vec::new();
        let mut closed = 0;
        for txn in objects(&["log", name]) {
            let session = txn["client_id"].as_str().unwrap().to_owned();
            if txn["type"] == "closeSession" {
                let removed = txn["removed"].as_array().unwrap().iter();
                let mut removed: Vec<&str> = removed.map(|p| p["path"].as_str().unwrap()).collect();
                removed.sort_unstable();
                let mut mine: Vec<&str> = owned
                    .iter()
                    .filter(|(owner, _)| *owner == session)
                    .map(|(_, path)| path.as_str())
                    .collect();
                mine.sort_unstable();
                assert_eq!(removed, mine, "{name}: {}", txn["zxid"]);
                closed += removed.len();
                owned.retain(|(owner, _)| *owner != session);
                continue;
            }
            if txn["failed"] == true {
                continue;
            }
            let subs = txn["subs"].as_array().into_iter().flatten();
            for part in std::iter::once(&txn).chain(subs) {
                if part["ephemeral"] == true {
                    owned.push((session.clone(), part["path"].as_str().unwrap().to_owned()));
                } else if part["type"] == "delete" {
                    owned.retain(|(_, path)| path != part["path"].as_str().unwrap());
                }
            }
        }
        assert!(closed > 5, "{name}: {closed}");
    }
}

#[test]
fn damage_and_gaps_are_told_and_read_over() {
    let cases: [(&str, i32, &str); 11] = [
        ("sound-3-8", 0, ""),
        ("log-overlap-identical", 0, ""),
        ("log-torn-tail", 0, ""),
        ("log-header-only-newest", 0, ""),
        ("log-flipped-bit", 4, "checksum mismatch"),
        ("log-bad-end-mark", 4, "wrong end mark"),
        ("log-bad-magic", 4, "wrong magic"),
        ("log-unknown-type", 4, "type 99"),
        ("log-missing-middle", 3, "missing: 0xb to 0x14"),
        ("log-fork", 3, "have different transactions 0x17"),
        ("log-empty-newest", 3, "empty"),
    ];
    for (fault, status, told) in cases {
        let output = run(&["log", &format!("../faults/{fault}"), "--json"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{fault}: {stderr}");
        assert!(
            stderr.contains(told) && stderr.is_empty() == (status == 0),
            "{fault}: {stderr}"
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let parse = |line| serde_json::from_str::<Value>(line).unwrap();
        let zxids: Vec<String> = text
            .lines()
            .map(|line| parse(line)["zxid"].as_str().unwrap().to_owned())
            .collect();
        // A txn that was never written whole is none.
        let last = if fault == "log-torn-tail" {
            "0x1b"
        } else {
            "0x1c"
        };
        assert!(
            zxids.contains(&last.to_owned()),
            "{fault}: what is behind is shown"
        );
        let mut once = zxids.clone();
        once.dedup();
        let twice = usize::from(fault == "log-fork");
        assert!(zxids.len() - once.len() == twice, "{fault}: {zxids:?}");
    }
    // What lies outside of what was asked for is nobody's business.
    let outside = ["log", "../faults/log-flipped-bit", "--from", "0x12"];
    assert_eq!(run(&outside).status.code(), Some(0));
    assert_eq!(run(&["log", "no-such-directory"]).status.code(), Some(1));
    assert_eq!(
        run(&["log", "small-3.8", "--format", "zookeeper", "--errors"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn logs_that_overlap_in_any_way_show_each_txn_once() {
    let (_dir, from) = copy("standalone-3.8");
    let (bytes, ends) = records(&from.join("log.1"));
    for seed in 0..20 {
        let mut random = random::Random::new(seed);
        let dir = tempfile::tempdir().unwrap();
        let write = |name: usize, first: usize, last: usize| {
            let start = if first == 0 { 16 } else { ends[first - 1].1 };
            let log = [&bytes[..16], &bytes[start..ends[last].1]].concat();
            common::write_old(&dir.path().join(format!("log.{name:x}")), &log);
        };
        // Pieces that cover everything, and some more that cover it again; names may lie.
        let mut first = 0;
        while first < ends.len() {
            let last = (first + random.below(80)).min(ends.len() - 1);
            write(first + 1, first, last);
            first = last + 1;
        }
        for again in 0..random.below(4) {
            let first = random.below(ends.len());
            let last = (first + random.below(120)).min(ends.len() - 1);
            write(1000 + again * 7 + random.below(7), first, last);
        }
        let shown = objects(&["log", dir.path().to_str().unwrap()]);
        let zxids: Vec<&str> = shown
            .iter()
            .map(|txn| txn["zxid"].as_str().unwrap())
            .collect();
        let all: Vec<&str> = ends.iter().map(|(zxid, _)| zxid.as_str()).collect();
        assert_eq!(zxids, all, "seed {seed}");
    }
}

#[test]
fn hostile_bytes_never_reach_the_output() {
    const HOSTILE: [&[u8]; 5] = [
        b"/a\x1b[31m\x07",
        "/b\u{202e}\u{2066}x\u{feff}".as_bytes(),
        b"/c\nfake line\r",
        b"/d\xff\xfe\x9b31m",
        "/e\u{9b}\u{7f}\u{2028}\"\\".as_bytes(),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.1");
    let mut writer = LogWriter::new(fs::File::create(&path).unwrap()).unwrap();
    for (index, bytes) in (1u32..).zip(HOSTILE) {
        let list = acl::encode(&[Acl {
            perms: 1,
            scheme: Some(b"digest"),
            id: Some(bytes),
        }]);
        let txn = Txn {
            header: TxnHeader {
                client_id: SessionId(-5),
                cxid: -1,
                zxid: Zxid::new(0, index),
                time: i64::from(index),
                txn_type: TxnKind::Create.code(),
            },
            body: TxnBody::Create(Create {
                path: bytes,
                data: Some(bytes),
                acl: AclVector::from_decoded(&list),
                kind: CreateKind::Plain { ephemeral: true },
                parent_cversion: Some(1),
            }),
            digest: None,
            excess: &[],
        };
        writer.write(&txn).unwrap();
    }
    writer.finish().unwrap();
    let path = path.to_str().unwrap();
    for args in [
        vec!["log", path],
        vec!["log", path, "-v"],
        vec!["log", path, "--json"],
        vec!["top", path],
    ] {
        let output = run(&args);
        let text = String::from_utf8(output.stdout).unwrap();
        let is_hostile = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        };
        assert!(!text.contains(is_hostile), "{args:?}: {text:?}");
        if args[0] == "log" {
            assert_eq!(text.lines().count(), HOSTILE.len(), "{args:?}: {text}");
        }
    }
    let all = objects(&["log", path]);
    assert_eq!(all[0]["path"], "/a\u{1b}[31m\u{7}");
    assert_eq!(all[1]["data"], "/b\u{202e}\u{2066}x\u{feff}");
    assert_eq!(all[3]["path_base64"], common::base64(HOSTILE[3]));
    assert_eq!(all[4]["acl"][0]["id"], "/e\u{9b}\u{7f}\u{2028}\"\\");
    assert_eq!(all[0]["client_id"], "0xfffffffffffffffb");
}

#[test]
fn a_pipe_that_closes_ends_it_quietly() {
    for args in [
        &["log", "standalone-3.8", "-v"] as &[&str],
        &["log", "standalone-3.8", "--follow"],
    ] {
        let mut child = zoovault()
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        assert!(first.starts_with("0x"));
        let status = child.wait().unwrap();
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

/// A follower, and the lines that it writes.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(dir: &Path) -> Following {
        let mut child = zoovault()
            .args(["log", "--follow", "--json", "--from", "first"])
            .arg(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Following { child, lines }
    }

    /// The zxids of the next lines, up to `last`.
    fn up_to(&self, last: &str) -> Vec<String> {
        let mut zxids = Vec::new();
        while zxids.last().is_none_or(|zxid| zxid != last) {
            let line = self.lines.recv_timeout(Duration::from_secs(30));
            let line = line.unwrap_or_else(|_| panic!("no {last} after {zxids:?}"));
            let txn: Value = serde_json::from_str(&line).unwrap();
            zxids.push(txn["zxid"].as_str().unwrap().to_owned());
        }
        zxids
    }
}

/// The records of a log: zxid, and where each ends.
fn records(path: &Path) -> (Vec<u8>, Vec<(String, usize)>) {
    let bytes = fs::read(path).unwrap();
    let mut reader =
        LogReader::new(path, std::sync::Arc::new(fs::File::open(path).unwrap())).unwrap();
    let mut ends = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let end = usize::try_from(entry.end_offset()).unwrap();
        ends.push((entry.header.zxid.to_string(), end));
    }
    (bytes, ends)
}

#[test]
fn a_live_directory_is_followed_as_it_grows_rolls_and_is_truncated() {
    let (_dir, from) = copy("standalone-3.8");
    let (bytes, ends) = records(&from.join("log.1"));
    let (next_bytes, next_ends) = records(&from.join("log.145"));
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.1");
    fs::write(&log, &bytes[..ends[9].1]).unwrap();
    let mut following = Following::start(dir.path());
    assert_eq!(following.up_to("0xa").len(), 10);

    // Grows, a piece of a record at a time, into space that was allocated before.
    let mut file = fs::File::options().append(true).open(&log).unwrap();
    for piece in bytes[ends[9].1..ends[29].1].chunks(700) {
        file.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    let grown = following.up_to("0x1e");
    let expected: Vec<String> = ends[10..30].iter().map(|(zxid, _)| zxid.clone()).collect();
    assert_eq!(grown, expected);

    // Rolls: the old log is finished, and a new one begins with its header alone.
    let new = dir.path().join("log.145");
    file.write_all(&bytes[ends[29].1..ends.last().unwrap().1])
        .unwrap();
    fs::write(&new, &next_bytes[..7]).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    fs::write(&new, &next_bytes[..next_ends[4].1]).unwrap();
    let rolled = following.up_to(&next_ends[4].0);
    assert_eq!(rolled.len(), ends.len() - 30 + 5);

    // Truncated to 0x1e, which deletes the newer log; then it goes on from there in a new log.
    fs::remove_file(&new).unwrap();
    file.set_len(u64::try_from(ends[29].1).unwrap()).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let mut rest = bytes[..16].to_vec();
    rest.extend_from_slice(&bytes[ends[29].1..ends[39].1]);
    fs::write(dir.path().join("log.1f"), rest).unwrap();
    let again = following.up_to("0x28");
    let expected: Vec<String> = ends[30..40].iter().map(|(zxid, _)| zxid.clone()).collect();
    assert_eq!(again, expected);

    let pid = nix::unistd::Pid::from_raw(i32::try_from(following.child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(following.child.wait().unwrap().code(), Some(130));
    let mut stderr = String::new();
    following
        .child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert!(stderr.contains("was truncated"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn top_counts_every_change() {
    for name in FIXTURES {
        let changes: usize = objects(&["log", name])
            .iter()
            .map(
                |txn| match (txn["subs"].as_array(), txn["removed"].as_array()) {
                    (Some(subs), _) if txn["failed"] == false => subs.len(),
                    (_, Some(removed)) if txn["removed_known_by"] == "list" => removed.len().max(1),
                    _ => 1,
                },
            )
            .sum();
        for by in ["path", "session", "op"] {
            let args = [
                "top", name, "--json", "--by", by, "-n", "1000000", "--every", "1s",
            ];
            let output = run(&args);
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let sum = |key: &str| -> u64 {
                let rows = report[key].as_array().unwrap().iter();
                rows.map(|row| row["changes"].as_u64().unwrap()).sum()
            };
            assert_eq!(
                report["changes"].as_u64().unwrap(),
                changes as u64,
                "{name} {by}"
            );
            assert_eq!(sum("rows"), changes as u64, "{name} {by}");
            assert_eq!(sum("over_time"), changes as u64, "{name} {by}");
        }
    }
}

/// What is known of a znode by its txns alone: how many bytes it has, its version, its owner, and
/// the txn of its data.
type Known = (u64, i64, String, String);

/// Does to `tree` what a txn, or a part of one, says in JSON.
fn fold(tree: &mut BTreeMap<String, Known>, txn: &Value, part: &Value) {
    let path = part["path"].as_str().unwrap_or_default().to_owned();
    let zxid = txn["zxid"].as_str().unwrap().to_owned();
    let of_base64 = |text: &str| text.len() / 4 * 3 - text.matches('=').count();
    let len = match (part["data"].as_str(), part["data_base64"].as_str()) {
        (Some(text), _) => text.len(),
        (None, Some(text)) => of_base64(text),
        (None, None) => 0,
    };
    let len = len as u64;
    match part["type"].as_str().unwrap() {
        "create" | "create2" => {
            let owner = match part["ephemeral"].as_bool().unwrap() {
                true => txn["client_id"].as_str().unwrap(),
                false => "0x0",
            };
            tree.insert(path, (len, 0, owner.to_owned(), zxid));
        }
        "setData" => {
            let owner = tree[&path].2.clone();
            let version = part["version"].as_i64().unwrap();
            tree.insert(path, (len, version, owner, zxid));
        }
        "delete" => {
            assert!(tree.remove(&path).is_some(), "{txn}");
        }
        "multi" if part["failed"] == false => {
            for part in part["subs"].as_array().unwrap() {
                fold(tree, txn, part);
            }
        }
        "closeSession" => {
            for removed in part["removed"].as_array().into_iter().flatten() {
                assert!(tree.remove(removed["path"].as_str().unwrap()).is_some());
            }
        }
        "createSession" | "error" | "setACL" | "check" | "multi" => {}
        other => panic!("{other}"),
    }
}

#[test]
fn folding_the_log_over_the_first_tree_gives_the_last() {
    for fixture in FIXTURES {
        let tree_at = |point: &str| -> BTreeMap<String, Known> {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            objects(&["ls", fixture, "-r", "--at", point])
                .iter()
                .filter(|node| node["path"] != "/zookeeper/config")
                .map(|node| {
                    let (len, version) = (node["data_length"].as_u64(), node["version"].as_i64());
                    let known = (len.unwrap(), version.unwrap());
                    let owner = text(&node["ephemeral_owner"]);
                    (
                        text(&node["path"]),
                        (known.0, known.1, owner, text(&node["mzxid"])),
                    )
                })
                .collect()
        };
        let mut tree = tree_at("first");
        for txn in objects(&["log", fixture]) {
            fold(&mut tree, &txn, &txn);
        }
        let last = tree_at("latest");
        assert!(last.len() > 100, "{fixture}");
        assert!(tree == last, "{fixture}");
    }
}

/// Where servers did not log what a closeSession deleted, a snapshot tells whose ephemerals there
/// were, if its checksum is right.
#[test]
fn of_a_damaged_snapshot_no_owner_is_believed() {
    let (_folder, dir) = common::copy("../faults/close-uncertain");
    let closed = || {
        let args = ["--json", "--op", "closeSession"];
        let output = zoovault().arg("log").arg(&dir).args(args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        (line["removed"].clone(), line["removed_known_by"].clone())
    };
    assert_eq!(closed().0[0]["path"], "/app/gone");
    let snapshot = dir.join("snapshot.12");
    let mut bytes = std::fs::read(&snapshot).unwrap();
    let path = b"/app/gone";
    let at = bytes.windows(path.len()).position(|window| window == path);
    bytes[at.unwrap() + path.len() - 1] ^= 1;
    std::fs::write(&snapshot, bytes).unwrap();
    let (removed, known_by) = closed();
    assert_eq!(removed.as_array().map_or(0, Vec::len), 0, "{removed}");
    assert_ne!(known_by, "replay");
}

/// A txn of `kind`, with `zxid`, that did not fail unless it is an error.
fn sample(kind: TxnKind, zxid: i64) -> Vec<u8> {
    let without_flag = |extra: &[u8]| {
        let body = logs::create(b"/z", b"data", false, 1);
        let (flag, cversion) = (body.len() - 5, body.len() - 4);
        [&body[..flag], &body[cversion..], extra].concat()
    };
    let body = match kind {
        TxnKind::CreateSession => 30_000i32.to_be_bytes().to_vec(),
        TxnKind::CloseSession => [&1i32.to_be_bytes()[..], &logs::delete(b"/z")].concat(),
        TxnKind::Create | TxnKind::Create2 => logs::create(b"/z", b"data", false, 1),
        TxnKind::CreateContainer => without_flag(b""),
        TxnKind::CreateTtl => without_flag(&1000i64.to_be_bytes()),
        TxnKind::Delete | TxnKind::DeleteContainer => logs::delete(b"/z"),
        TxnKind::SetData | TxnKind::Reconfig => logs::set_data(b"/z", b"data", 1),
        TxnKind::SetAcl => {
            let mut body = logs::delete(b"/z");
            body.extend_from_slice(acl::OPEN_ACL_UNSAFE.bytes());
            body.put_int(1);
            body
        }
        TxnKind::Check => [&logs::delete(b"/z")[..], &1i32.to_be_bytes()].concat(),
        TxnKind::Multi => logs::deletes(&[b"/z", b"/y"]),
        TxnKind::Error => (-101i32).to_be_bytes().to_vec(),
    };
    logs::txn(zxid, kind.code(), &body)
}

#[test]
fn every_kind_of_txn_is_decoded_selected_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let samples: Vec<(&TxnKind, Vec<u8>)> = (1..)
        .zip(TxnKind::ALL)
        .map(|(zxid, kind)| (kind, sample(*kind, zxid)))
        .collect();
    for (kind, payload) in &samples {
        let kind = **kind;
        let txn = Txn::decode(payload, 0).unwrap();
        let mut encoded = Vec::new();
        txn.encode(&mut encoded);
        assert_eq!(encoded, *payload, "{kind:?}");
        assert_eq!((txn.kind(), txn.excess), (Some(kind), &b""[..]));
        assert!(!matches!(txn.body, TxnBody::Unknown { .. }), "{kind:?}");
        assert_eq!(TxnKind::from_code(kind.code()), Some(kind));
        assert_eq!(TxnKind::from_name(&kind.name().to_uppercase()), Some(kind));
        let effects: Vec<_> = txn.body.effects().collect();
        assert_eq!(!effects.is_empty(), kind.has_effects(), "{kind:?}");
        assert_eq!(txn.body.is_failed(), kind == TxnKind::Error);
        // What it applies to and its effects are told apart, and agree.
        let is_of_znode = effects.iter().any(|effect| effect.path() == Some(b"/z"));
        let names = zoovault::format::record::named_paths::named_paths(payload);
        let (named, changed) = match kind.applies_to() {
            AppliesTo::Znode => (vec![kind], kind.has_effects()),
            AppliesTo::EndedSession => (vec![kind], true),
            AppliesTo::Parts => (vec![TxnKind::Delete; 2], true),
            AppliesTo::NewSession | AppliesTo::Nothing => (vec![], false),
        };
        let kinds: Vec<TxnKind> = names.iter().map(|(kind, _)| *kind).collect();
        assert_eq!((kinds, is_of_znode), (named, changed), "{kind:?}");
    }
    let payloads = samples.iter().map(|(_, payload)| &payload[..]);
    logs::write_log(dir.path(), "log.1", payloads);
    let dir = dir.path().to_str().unwrap();
    let (text, json) = (lines(&["log", dir]), objects(&["log", dir]));
    assert_eq!((text.len(), json.len()), (samples.len(), samples.len()));
    for (index, kind) in TxnKind::ALL.iter().enumerate() {
        let name = kind.name();
        let shown = text[index].split_whitespace().any(|word| word == name);
        assert!(shown, "{}", text[index]);
        assert_eq!(json[index]["type"], name);
        assert!(json[index].get("undecodable").is_none(), "{name}");
        let selected = objects(&["log", dir, "--op", name]);
        let is_meant = |txn: &Value| named(txn).iter().any(|(part, _)| part == name);
        assert_eq!(selected.len(), if name == "delete" { 2 } else { 1 });
        assert!(selected.iter().all(is_meant) || name == "multi", "{name}");
    }
}

/// A multi with `parts`, each a kind and a body.
fn multi(parts: &[(TxnKind, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_int(i32::try_from(parts.len()).unwrap());
    for (kind, part) in parts {
        body.put_int(kind.code());
        body.put_buffer(Some(part));
    }
    logs::txn(1, TxnKind::Multi.code(), &body)
}

#[test]
fn a_multi_has_the_effects_of_its_parts_in_order_and_none_once_one_failed() {
    let parts = [
        (TxnKind::Create2, logs::create(b"/a", b"", false, 1)),
        (TxnKind::SetData, logs::set_data(b"/b", b"", 1)),
        (TxnKind::Delete, logs::delete(b"/c")),
    ];
    let payload = multi(&parts);
    let txn = Txn::decode(&payload, 0).unwrap();
    let effects = txn.body.effects();
    let told: Vec<_> = effects
        .map(|it| (it.path(), it.changes_children()))
        .collect();
    let expected: [(Option<&[u8]>, bool); 3] = [
        (Some(b"/a"), true),
        (Some(b"/b"), false),
        (Some(b"/c"), true),
    ];
    assert_eq!(told, expected);
    let of =
        |step: zoovault::format::record::effects::Step<'_>| (step.kind, step.part.unwrap().index);
    let kinds = parts.iter().map(|(kind, _)| Some(*kind)).zip(0..);
    assert!(txn.steps().map(of).eq(kinds));
    let error = (TxnKind::Error, (-101i32).to_be_bytes().to_vec());
    let payload = multi(&[&parts[..], &[error]].concat());
    let txn = Txn::decode(&payload, 0).unwrap();
    assert!(txn.body.is_failed());
    assert_eq!((txn.body.effects().count(), txn.steps().count()), (0, 0));
}
