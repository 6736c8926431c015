//! `ls`, `cat`, `stat`, `du` and the exports of a tree: against what clients saw, against sums and
//! trees made in another way, and with hostile names. `UPDATE_GOLDEN=1 cargo test --test see`
//! rewrites `testdata/golden/see/`.

use crate::common;

use common::{base64, testdata, zoovault};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use zoovault::format::record::acl::{OPEN_ACL_UNSAFE, READ_ACL_UNSAFE};
use zoovault::format::record::{Create, CreateKind, Txn, TxnBody, TxnHeader, TxnKind};
use zoovault::format::txnlog::{Level, LogWriter};
use zoovault::history::History;
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::tree::{AclValue, DataTree};
use zoovault::zxid::{SessionId, Zxid};

const STANDALONE: [&str; 4] = [
    "standalone-3.4",
    "standalone-3.6",
    "standalone-3.8",
    "standalone-3.9",
];

fn run<S: AsRef<OsStr>>(args: &[S]) -> Output {
    zoovault().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a call writes to stdout; it must end with 0.
fn done<S: AsRef<OsStr>>(args: &[S]) -> Vec<u8> {
    let output = run(args);
    let status = output.status.code();
    assert_eq!(status, Some(0), "{}", text(&output.stderr));
    output.stdout
}

fn json_lines(bytes: &[u8]) -> Vec<Value> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn truth(name: &str) -> Vec<(String, BTreeMap<String, Value>)> {
    let file = File::open(testdata().join("datadirs").join(name).join("truth.json.gz")).unwrap();
    let points: Vec<Value> = serde_json::from_reader(GzDecoder::new(file)).unwrap();
    points
        .into_iter()
        .map(|mut point| {
            let zxid = format!("0x{:x}", point["zxid"].as_i64().unwrap());
            (zxid, serde_json::from_value(point["tree"].take()).unwrap())
        })
        .collect()
}

fn number_of_hex(value: &Value) -> i64 {
    let digits = value.as_str().unwrap().strip_prefix("0x").unwrap();
    u64::from_str_radix(digits, 16).unwrap().cast_signed()
}

/// A znode in JSON as the fixtures have what a client saw: data, ACL, stat.
fn as_seen(znode: &Value, data: Option<Value>) -> Value {
    let mut acl: Vec<(i64, String, String)> = znode["acl"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap().to_owned();
            (entry["perms"].as_i64().unwrap(), text("scheme"), text("id"))
        })
        .collect();
    acl.sort();
    serde_json::json!([
        data,
        acl,
        [
            number_of_hex(&znode["czxid"]),
            number_of_hex(&znode["mzxid"]),
            znode["ctime_ms"],
            znode["mtime_ms"],
            znode["version"],
            znode["client_cversion"],
            znode["aversion"],
            number_of_hex(&znode["ephemeral_owner"]),
            znode["data_length"],
            znode["children"],
            number_of_hex(&znode["pzxid"]),
        ]
    ])
}

/// The data of a record in base64, as fixtures have it.
fn data_of(record: &Value) -> Option<Value> {
    let encoded = record.get("data_base64").cloned();
    encoded.or_else(|| {
        let text = record["data"].as_str();
        text.map(|text| base64(text.as_bytes()).into())
    })
}

/// What the client might not read stands in the fixtures as an error's name; servers of some
/// releases make statistics up.
fn assert_seen(seen: &Value, mut shown: Value, context: &str) {
    if seen[1].is_string() {
        shown[1] = seen[1].clone();
    }
    assert_eq!(*seen, shown, "{context}");
}

#[test]
fn every_znode_is_listed_and_exported_at_every_point_as_clients_saw_it() {
    for name in STANDALONE {
        for (zxid, seen) in truth(name) {
            let listed = json_lines(&done(&["ls", name, "-r", "--json", "--at", &zxid]));
            assert_eq!(listed.len(), seen.len(), "{name} at {zxid}");
            let exported = done(&["export", name, "--format", "jsonl", "--to", &zxid]);
            let exported: Vec<Value> = json_lines(&exported)
                .into_iter()
                .filter(|record| record["record"] == "znode")
                .collect();
            assert_eq!(exported.len(), seen.len(), "{name} at {zxid}");
            for (listed, exported) in listed.iter().zip(&exported) {
                let path = listed["path"].as_str().unwrap();
                let context = format!("{name} at {zxid}: {path}");
                let data = data_of(exported);
                assert_eq!(listed["data_is_null"], data.is_none(), "{context}");
                assert_seen(&seen[path], as_seen(listed, data.clone()), &context);
                assert_eq!(exported["path"], path);
                assert_seen(&seen[path], as_seen(exported, data), &context);
            }
        }
    }
}

#[test]
fn cat_and_stat_give_what_clients_saw() {
    for name in STANDALONE {
        for (turn, (zxid, seen)) in truth(name).into_iter().enumerate() {
            // Another part of the tree at each point: a call a znode is slow.
            for (path, seen) in seen.iter().skip(turn).step_by(60) {
                let context = format!("{name} at {zxid}: {path}");
                let output = run(&["cat", name, path, "--at", &zxid]);
                assert_eq!(output.status.code(), Some(0), "{context}");
                let is_null = text(&output.stderr).contains("null");
                let data = (!is_null).then(|| Value::from(base64(&output.stdout)));
                let stat = done(&["stat", name, path, "--at", &zxid, "--json"]);
                let stat: Value = serde_json::from_slice(&stat).unwrap();
                assert_seen(seen, as_seen(&stat, data), &context);
                let human = text(&done(&["stat", name, path, "--at", &zxid]));
                let cversion = format!("\ncversion = {}\n", seen[2][5]);
                assert!(human.contains(&cversion), "{context}: {human}");
                let cat = done(&["cat", name, path, "--at", &zxid, "--json"]);
                let cat: Value = serde_json::from_slice(&cat).unwrap();
                assert_seen(seen, as_seen(&cat, data_of(&cat)), &context);
                assert!(cat["proof"].is_string() && cat["zxid"] == zxid.as_str());
            }
        }
    }
}

/// The tree at the end of a source, as the library has it.
fn tree_of(dir: &Path) -> DataTree {
    let source = Source::open(dir, &Options::default()).unwrap();
    let history = History::read(&source, Level::Frames, &NoProgress).unwrap();
    let last = history.timeline.last().unwrap();
    history.tree_at(last, &NoProgress).unwrap().0.tree
}

/// Bytes of a record's field, whichever way it has them.
fn bytes_of(record: &Value, name: &str) -> Option<Vec<u8>> {
    use ::base64::Engine;
    let encoded = record.get(format!("{name}_base64"));
    match encoded {
        Some(encoded) => {
            let standard = ::base64::engine::general_purpose::STANDARD;
            Some(standard.decode(encoded.as_str().unwrap()).unwrap())
        }
        None => record[name].as_str().map(|text| text.as_bytes().to_vec()),
    }
}

/// Compares what an export says of each znode with the tree.
fn assert_same_tree(tree: &DataTree, records: &[Value]) {
    assert_eq!(records.len(), tree.len());
    for (node, record) in tree.in_order().zip(records) {
        let path = bytes_of(record, "path").unwrap();
        assert_eq!(
            path,
            if node.path.is_empty() {
                b"/"
            } else {
                node.path
            }
        );
        assert_eq!(bytes_of(record, "data").as_deref(), node.data);
        let stat = node.stat;
        assert_eq!(number_of_hex(&record["pzxid"]), stat.pzxid.to_i64());
        assert_eq!(record["cversion"], stat.cversion);
        assert_eq!(record["version"], stat.version);
        let owner = number_of_hex(&record["ephemeral_owner"]);
        assert_eq!(owner, stat.ephemeral_owner);
        let AclValue::List(list) = node.acl else {
            panic!("an ACL is unknown")
        };
        let entries = list.entries();
        let shown = record["acl"].as_array().unwrap();
        assert_eq!(entries.len(), shown.len());
        for (entry, shown) in entries.iter().zip(shown) {
            assert_eq!(shown["perms"], entry.perms);
            assert_eq!(bytes_of(shown, "scheme").as_deref(), entry.scheme);
            assert_eq!(bytes_of(shown, "id").as_deref(), entry.id);
        }
    }
}

#[test]
fn exports_hold_all_that_the_tree_has_and_a_file_is_what_stdout_is() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["standalone-3.8", "small-3.9", "ensemble-3.9/s3"] {
        let tree = tree_of(&testdata().join("datadirs").join(name));
        let lines = run(&["export", name, "--format", "jsonl"]).stdout;
        let records = json_lines(&lines);
        assert_eq!(records[0]["record"], "header");
        assert_eq!(records[0]["znodes"], tree.len());
        let of = |kind: &str| -> Vec<Value> {
            let wanted = records.iter().filter(|record| record["record"] == kind);
            wanted.cloned().collect()
        };
        assert_same_tree(&tree, &of("znode"));
        let sessions: Vec<(String, i32)> = tree
            .sessions()
            .map(|(session, timeout)| (session.to_string(), timeout))
            .collect();
        let shown: Vec<(String, i32)> = of("session")
            .iter()
            .map(|record| {
                let timeout = record["timeout_ms"].as_i64().unwrap();
                let session = record["session"].as_str().unwrap().to_owned();
                (session, i32::try_from(timeout).unwrap())
            })
            .collect();
        assert_eq!(sessions, shown);
        let document: Value =
            serde_json::from_slice(&run(&["export", name, "--format", "json"]).stdout).unwrap();
        assert_same_tree(&tree, document["znodes"].as_array().unwrap());
        assert!(document["proof"].is_string());
        let file = dir.path().join(name.replace('/', "-"));
        let file = file.to_str().unwrap();
        run(&["export", name, "--format", "jsonl", "-o", file]);
        assert!(fs::read(file).unwrap() == lines);
        let again = run(&["export", name, "--format", "jsonl", "-o", file]);
        assert_eq!(again.status.code(), Some(13));
    }
}

#[test]
fn sums_are_those_of_a_naive_count() {
    let name = "standalone-3.6";
    let znodes = json_lines(&done(&["ls", name, "-r", "--json"]));
    let du = done(&["du", name, "--depth", "99", "--json"]);
    let du: Value = serde_json::from_slice(&du).unwrap();
    let subtrees = du["subtrees"].as_array().unwrap();
    assert_eq!(subtrees.len(), znodes.len());
    let mut last = u64::MAX;
    for sum in subtrees {
        let path = sum["path"].as_str().unwrap();
        let below = format!("{}/", path.trim_end_matches('/'));
        let inside = znodes.iter().filter(|znode| {
            let other = znode["path"].as_str().unwrap();
            other == path || other.starts_with(&below)
        });
        let (mut bytes, mut count, mut ephemerals) = (0, 0u64, 0u64);
        for znode in inside {
            bytes += znode["data_length"].as_u64().unwrap();
            count += 1;
            ephemerals += u64::from(znode["kind"] == "ephemeral");
        }
        assert_eq!(
            (&sum["bytes"], &sum["znodes"], &sum["ephemerals"]),
            (&bytes.into(), &count.into(), &ephemerals.into()),
            "{path}"
        );
        assert!(bytes <= last, "the largest come first");
        last = bytes;
    }
    // Without --depth the znode and its children.
    let du = text(&done(&["du", name, "/"]));
    let children = text(&done(&["ls", name]));
    assert_eq!(du.lines().count(), 2 + children.lines().count());
}

/// The bytes and items of an ncdu list.
fn ncdu_sum(item: &Value) -> (u64, u64) {
    match item {
        Value::Array(items) => items
            .iter()
            .map(ncdu_sum)
            .fold((0, 0), |sum, (a, b)| (sum.0 + a, sum.1 + b)),
        item => (item["asize"].as_u64().unwrap_or(0), 1),
    }
}

#[test]
fn ncdu_loads_what_is_written_for_it() {
    let written = done(&["du", "standalone-3.8", "--ncdu"]);
    let parsed: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!((&parsed[0], &parsed[1]), (&1.into(), &0.into()));
    assert_eq!(parsed[2]["progname"], "zoovault");
    let du = done(&["du", "standalone-3.8", "--json"]);
    let du: Value = serde_json::from_slice(&du).unwrap();
    let whole = &du["subtrees"][0];
    let (bytes, count) = ncdu_sum(&parsed[3]);
    assert_eq!(
        (&whole["bytes"], &whole["znodes"]),
        (&bytes.into(), &count.into())
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &written).unwrap();
    let ncdu = Command::new("ncdu")
        .args(["-0", "-o", "-", "-f"])
        .arg(file.path())
        .stdin(Stdio::null())
        .output();
    let Ok(ncdu) = ncdu else {
        common::missing(
            "no `ncdu` on the PATH, so only the shape was looked at",
            true,
        );
        return;
    };
    assert!(ncdu.status.success(), "{}", text(&ncdu.stderr));
    let loaded: Value = serde_json::from_slice(&ncdu.stdout).unwrap();
    assert_eq!(ncdu_sum(&loaded[3]), (bytes, count));
}

#[test]
fn patterns_choose_what_they_say() {
    let name = "standalone-3.8";
    let all = text(&done(&["ls", name, "-r"]));
    let all: Vec<&str> = all.lines().collect();
    let listed = |args: &[&str]| {
        let listed = text(&done(&[&["ls", name], args].concat()));
        listed.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let wanted = |keep: &dyn Fn(&str) -> bool| -> Vec<String> {
        let kept = all.iter().filter(|path| keep(path));
        kept.map(|path| (*path).to_owned()).collect()
    };
    let depth = |path: &str| path.matches('/').count();
    assert_eq!(
        listed(&["/app/*"]),
        wanted(&|path| path.starts_with("/app/") && depth(path) == 2)
    );
    assert_eq!(listed(&["/app/*"]), listed(&["/app"]));
    assert_eq!(listed(&["/app/"]), listed(&["/app"]));
    assert_eq!(
        listed(&["/app/**"]),
        wanted(&|path| path.starts_with("/app/"))
    );
    assert_eq!(
        listed(&["-r", "/{app,config}"]),
        wanted(&|path| path.starts_with("/app") || path.starts_with("/config"))
    );
    assert_eq!(
        listed(&["/with*"]),
        wanted(&|path| path.starts_with("/with") && depth(path) == 1)
    );
    assert_eq!(run(&["ls", name, "/no*such"]).status.code(), Some(1));
    assert_eq!(run(&["ls", name, "app"]).status.code(), Some(2));
    assert_eq!(run(&["ls", name, "/["]).status.code(), Some(2));
}

#[test]
fn what_clients_saw_once_and_not_later_is_told_with_the_command_that_shows_it() {
    for name in ["standalone-3.4", "standalone-3.6", "standalone-3.9"] {
        let points = truth(name);
        let (last, now) = points.last().unwrap();
        let gone: BTreeSet<&String> = points
            .iter()
            .flat_map(|(_, tree)| tree.keys())
            .filter(|path| !now.contains_key(*path))
            .collect();
        assert!(!gone.is_empty());
        let args = ["ls", name, "-r", "--deleted", "--json", "--at", last];
        let listed: BTreeMap<String, Value> = json_lines(&done(&args))
            .into_iter()
            .filter(|znode| !znode["deleted"].is_null())
            .map(|znode| (znode["path"].as_str().unwrap().to_owned(), znode))
            .collect();
        for path in gone {
            assert!(listed.contains_key(path), "{name}: {path}");
        }
        for path in listed.keys() {
            assert!(!now.contains_key(path), "{name}: {path} is there");
        }
        for (path, znode) in listed.iter().step_by(listed.len().div_ceil(6)) {
            let zxid = znode["deleted"]["zxid"].as_str().unwrap();
            let before = run(&["cat", name, path, "--at", zxid, "--exclusive"]);
            assert_eq!(before.status.code(), Some(0), "{name}: {path}");
            assert_eq!(
                before.stdout.len() as u64,
                znode["data_length"].as_u64().unwrap()
            );
            let call = znode["deleted"]["command"].as_str().unwrap();
            assert_eq!(in_shell(call), before.stdout);
            let after = run(&["cat", name, path, "--at", zxid]);
            assert_eq!(after.status.code(), Some(1), "{name}: {path}");
            assert!(
                text(&after.stderr).contains(call),
                "{}",
                text(&after.stderr)
            );
        }
        // With --from only those that were deleted behind it.
        let (middle, _) = &points[points.len() / 2];
        let args = [&args[..], &["--from", middle]].concat();
        let later = json_lines(&done(&args));
        let later: Vec<i64> = later
            .iter()
            .filter(|znode| !znode["deleted"].is_null())
            .map(|znode| number_of_hex(&znode["deleted"]["zxid"]))
            .collect();
        let from = number_of_hex(&Value::from(middle.as_str()));
        assert!(later.iter().all(|zxid| *zxid > from));
        let all = listed.values();
        let all = all.map(|znode| number_of_hex(&znode["deleted"]["zxid"]));
        assert_eq!(all.filter(|zxid| *zxid > from).count(), later.len());
    }
}

/// What a printed call writes to stdout when it is pasted into a shell.
fn in_shell(call: &str) -> Vec<u8> {
    let program = env!("CARGO_BIN_EXE_zoovault");
    let call = call.strip_prefix("zoovault").unwrap();
    let output = Command::new("bash")
        .arg("-c")
        .arg(format!("'{program}'{call}"))
        .current_dir(testdata().join("datadirs"))
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(output.status.success(), "{call}: {}", text(&output.stderr));
    output.stdout
}

const SESSION: SessionId = SessionId(0x1_0000_0000);
/// 2023-11-14 22:13:20 UTC.
const FIRST_TIME: i64 = 1_700_000_000_000;

/// A directory of one log in which a session does `bodies`, one after the other, from 0x2 on.
fn directory(bodies: &[(i32, TxnBody<'_>)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let version_dir = dir.path().join("version-2");
    fs::create_dir(&version_dir).unwrap();
    let mut writer = LogWriter::new(Vec::new()).unwrap();
    let open = TxnBody::CreateSession { timeout_ms: 30_000 };
    let open = (TxnKind::CreateSession.code(), open);
    for (number, (txn_type, body)) in (1..).zip([open].iter().chain(bodies)) {
        let txn = Txn {
            header: TxnHeader {
                client_id: SESSION,
                cxid: number,
                zxid: Zxid::from_i64(number.into()),
                time: FIRST_TIME + i64::from(number),
                txn_type: *txn_type,
            },
            body: body.clone(),
            digest: None,
            excess: b"",
        };
        writer.write(&txn).unwrap();
    }
    common::write_old(&version_dir.join("log.1"), &writer.finish().unwrap());
    dir
}

fn create<'a>(path: &'a [u8], data: Option<&'a [u8]>, kind: CreateKind) -> (i32, TxnBody<'a>) {
    let txn_type = match kind {
        CreateKind::Plain { .. } => TxnKind::Create.code(),
        CreateKind::Container => TxnKind::CreateContainer.code(),
        CreateKind::Ttl { .. } => TxnKind::CreateTtl.code(),
    };
    let body = TxnBody::Create(Create {
        path,
        data,
        acl: OPEN_ACL_UNSAFE,
        kind,
        parent_cversion: Some(-1),
    });
    (txn_type, body)
}

const PLAIN: CreateKind = CreateKind::Plain { ephemeral: false };

/// Names that would steer a terminal, break lines, turn the reading direction, or are not text.
const HOSTILE: [&[u8]; 6] = [
    b"/a\x1b[31mred",
    b"/line\nbreak",
    "/left\u{202e}right".as_bytes(),
    b"/\xff\xfe",
    b"/it's \"quoted\" $HOME",
    b"/star*",
];

#[test]
fn hostile_names_are_exact_in_json_and_harmless_elsewhere() {
    let data = b"\x1b]0;title\x07\n\xff";
    let mut bodies: Vec<_> = HOSTILE
        .iter()
        .map(|path| create(path, Some(data), PLAIN))
        .collect();
    let delete = |path| (TxnKind::Delete.code(), TxnBody::Delete { path });
    let last = bodies.len() + 1;
    bodies.extend(HOSTILE.iter().map(|path| delete(path)));
    let dir = directory(&bodies);
    let dir = dir.path().to_str().unwrap();
    let there = format!("0x{last:x}");
    let harmless = |output: &Output| {
        for bytes in [&output.stdout, &output.stderr] {
            let shown = text(bytes);
            let is_bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!shown.contains(is_bad), "{shown:?}");
        }
    };
    let at: [&[&str]; 6] = [
        &["ls", dir],
        &["ls", dir, "-l"],
        &["ls", dir, "--format", "zookeeper", "-d"],
        &["du", dir],
        &["export", dir, "--format", "zkcli"],
        &["du", dir, "--ncdu"],
    ];
    for args in at {
        let point = if args[0] == "export" { "--to" } else { "--at" };
        harmless(&run(&[args, &[point, &there]].concat()));
    }
    let gone = run(&["ls", dir, "--deleted"]);
    harmless(&gone);
    let listed = json_lines(&done(&["ls", dir, "--json", "--at", &there]));
    let found: BTreeSet<Vec<u8>> = listed
        .iter()
        .map(|znode| bytes_of(znode, "path").unwrap())
        .collect();
    for path in HOSTILE {
        assert!(found.contains(path), "{}", path.escape_ascii());
        let shown = zoovault()
            .args(["cat", dir])
            .arg(OsStr::from_bytes(path))
            .args(["--at", &there])
            .output()
            .unwrap();
        assert_eq!(shown.stdout, data);
        let missing = zoovault()
            .args(["stat", dir])
            .arg(OsStr::from_bytes(path))
            .output()
            .unwrap();
        assert_eq!(missing.status.code(), Some(1));
        harmless(&missing);
    }
    // The commands that are printed do what they say, whatever the name.
    let calls = text(&gone.stdout);
    let calls: Vec<&str> = calls
        .lines()
        .filter_map(|line| line.strip_prefix("  zoovault"))
        .collect();
    assert_eq!(calls.len(), HOSTILE.len());
    for call in calls {
        assert_eq!(in_shell(&format!("zoovault{call}")), data);
    }
}

#[test]
fn a_script_says_what_it_holds_and_what_it_cannot() {
    let set_acl = TxnBody::SetAcl {
        path: b"/null",
        acl: READ_ACL_UNSAFE,
        version: 1,
    };
    let ephemeral = CreateKind::Plain { ephemeral: true };
    let dir = directory(&[
        create(b"/app", Some(b"\xff\x00"), PLAIN),
        create(b"/app/a b", Some(b"{\"k\": \"it\"}"), PLAIN),
        create(b"/app/binary", Some(b"\xff"), PLAIN),
        create(b"/app/gone", None, ephemeral),
        create(b"/con", Some(b""), CreateKind::Container),
        create(b"/dash", Some(b"-1"), PLAIN),
        create(b"/dash/quoted", Some(b"-\"x\""), PLAIN),
        create(b"/line\nbreak", None, PLAIN),
        create(b"/line\nbreak/below", None, PLAIN),
        create(b"/null", None, PLAIN),
        (TxnKind::SetAcl.code(), set_acl),
        create(b"/ttl", Some(b"x"), CreateKind::Ttl { ttl_ms: 5000 }),
    ]);
    let dir = dir.path().to_str().unwrap();
    let output = run(&["export", dir, "--format", "zkcli"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        text(&output.stdout),
        "create /app\n\
         create \"/app/a b\" '{\"k\": \"it\"}'\n\
         create -c /con \"\"\n\
         create -- /dash -1\n\
         create -- /dash/quoted '-\"x\"'\n\
         create /null\n\
         setAcl /null world:anyone:r\n\
         create -t 5000 /ttl x\n"
    );
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 5, "{said}");
    for words in [
        "/app created without data",
        "/app/binary skipped",
        "/app/gone skipped: ephemeral",
        "/line\\u{a}break skipped",
        "/line\\u{a}break/below skipped: its parent is",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let part = run(&["export", dir, "/ttl", "--format", "zkcli"]);
    assert_eq!(part.status.code(), Some(0));
    assert_eq!(text(&part.stdout), "create -t 5000 /ttl x\n");
}

#[test]
fn what_cannot_be_shown_is_told_with_its_status() {
    let golden = |name: &str, args: &[&str]| {
        common::golden(&format!("see/{name}"), &args.join(" "), &run(args));
    };
    let name = "standalone-3.8";
    golden("ls.txt", &["ls", name, "-v"]);
    golden("ls-long.txt", &["ls", name, "/config", "-l"]);
    golden("ls-glob.json", &["ls", name, "/*/seq-*", "--json"]);
    golden(
        "ls-deleted.txt",
        &["ls", name, "/locks", "-r", "--deleted", "--at", "0x100"],
    );
    golden(
        "ls-zookeeper.txt",
        &["ls", "small-3.8", "--format", "zookeeper", "-d"],
    );
    golden("stat.txt", &["stat", name, "/app", "--at", "0x1f0"]);
    golden(
        "stat.json",
        &["stat", name, "/app", "--at", "0x1f0", "--json"],
    );
    golden("cat.json", &["cat", "small-3.8", "/app", "--json"]);
    golden("du.txt", &["du", name, "--depth", "1"]);
    golden("du.json", &["du", name, "/locks", "--json"]);
    golden(
        "export.jsonl",
        &["export", "small-3.8", "--format", "jsonl"],
    );
    golden("missing.txt", &["cat", name, "/never"]);
    golden("missing.json", &["cat", name, "/never", "--json"]);
    golden("no-such-point.txt", &["ls", name, "--at", "0xfff"]);
    golden("not-a-path.txt", &["stat", name, "app"]);
    golden(
        "from-is-later.txt",
        &["ls", name, "--deleted", "--at", "0x10", "--from", "0x20"],
    );
    golden(
        "archive-of-a-path.txt",
        &["export", name, "/app", "-o", "x.tar.gz"],
    );
    let early = run(&["cat", name, "/with space", "--at", "0x2"]);
    assert_eq!(early.status.code(), Some(1));
    let said = text(&early.stderr);
    assert!(said.contains("it is created by 0x"), "{said}");
}

#[test]
fn an_unknown_acl_is_shown_as_unknown_and_stops_nobody_from_reading() {
    let dir = testdata().join("faults/acl-unresolved");
    let dir = dir.to_str().unwrap();
    let restore = run(&["restore", dir, "--to", "latest", "--dry-run"]);
    assert_eq!(restore.status.code(), Some(4));
    let listed = text(&run(&["ls", dir, "-r", "-l"]).stdout);
    assert!(listed.contains(" unknown "), "{listed}");
    let lines = json_lines(&run(&["ls", dir, "-r", "--json"]).stdout);
    let unknown = lines.iter().find(|line| line["acl"].is_null()).unwrap();
    assert!(unknown["acl_unknown_id"].is_i64());
    // What rests on damage is refused as a restore refuses it.
    let damaged = testdata().join("faults/log-fork");
    let refused = run(&["ls", damaged.to_str().unwrap()]);
    let restore = run(&[
        "restore",
        damaged.to_str().unwrap(),
        "--to",
        "latest",
        "--dry-run",
    ]);
    assert_eq!(refused.status.code(), restore.status.code());
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    for args in [
        vec!["ls", "standalone-3.8", "-r", "--json"],
        vec!["export", "standalone-3.8", "--format", "jsonl"],
        vec!["du", "standalone-3.8", "--ncdu"],
    ] {
        let mut child = zoovault()
            .args(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
        assert_eq!(said, "", "{args:?}");
    }
}
