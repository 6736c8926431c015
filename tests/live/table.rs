//! What real servers say of damaged directories, beside what `verify` says: a table, printed on
//! stderr.
//!
//! Where a server loses txns in silence, `verify` names the first and the last of them, and ends
//! with 4 or 5. Where a server refuses to start, `verify` names the same file, and what it knows of
//! the finding has the server's message. Where a server comes to the right tree, a window reaches
//! the last txn.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use zoovault::analysis::finding::Code;
use zoovault::error::Error;
use zoovault::format::snapshot::codec::Codec;
use zoovault::format::snapshot::{self, SnapshotReader};
use zoovault::format::txnlog::{LogReader, encode_header, encode_record};

use crate::common::client::SESSION_TIMEOUT;
use crate::common::release::{Release, releases};
use crate::common::wire::Wire;
use crate::common::write_old;
use crate::common::zookeeper::{Options, READY_TIMEOUT, Server, Status};
use crate::program::{copy_data_dir, snapshots, zoovault};

/// How long a server may take to load a small directory or to refuse it.
const PATIENCE: Duration = Duration::from_secs(180);

/// What servers say, of which a message is looked for in their logs, the most telling first.
const MESSAGES: [&str; 7] = [
    "cached out of order",
    "No snapshot found, but there are log entries",
    "Snapshot directory has log files",
    "Unreasonable length",
    "CRC check failed",
    "EOFException",
    "Last transaction was partial.",
];

/// A history of three logs or more, and snapshots, by a real server.
struct History {
    folder: TempDir,
    /// What the server showed in the end.
    zxid: i64,
    nodes: usize,
}

/// A damaged copy.
struct Case {
    folder: TempDir,
    /// The zxids in the names of the logs and snapshots, in order.
    logs: Vec<i64>,
    snapshots: Vec<i64>,
    /// The dataLogDir, where it is apart.
    log_dir: Option<PathBuf>,
    /// What the server may lose, the first and the last.
    lost: (i64, i64),
    /// The name of the file at fault.
    file: String,
}

enum Outcome {
    Loses,
    Refuses(&'static str),
    Restores,
}

struct Row {
    name: &'static str,
    damage: fn(&mut Case),
    outcome: fn(&Release) -> Outcome,
}

/// Servers from 3.9.4 on notice that zxids are not contiguous.
fn loses(release: &Release) -> Outcome {
    if release.version >= (3, 9, 4) {
        return Outcome::Refuses("cached out of order");
    }
    Outcome::Loses
}

const ROWS: &[Row] = &[
    Row {
        name: "middle log missing",
        damage: |case| {
            case.keep_first_snapshot();
            case.lose_log(1);
        },
        outcome: loses,
    },
    Row {
        name: "middle log cut within a record",
        damage: |case| {
            case.keep_first_snapshot();
            let (zxid, offset) = case.record_of_middle_log();
            case.lost.0 = zxid;
            case.edit(|bytes| bytes.truncate(offset + 20));
        },
        outcome: loses,
    },
    Row {
        name: "one end mark wrong in the middle log",
        damage: |case| {
            case.keep_first_snapshot();
            let (zxid, offset) = case.record_of_middle_log();
            case.lost.0 = zxid;
            case.edit(|bytes| {
                let end = offset + 12 + payload_len(bytes, offset);
                bytes[end] = b'C';
            });
        },
        outcome: loses,
    },
    Row {
        name: "newest snapshot, and not the log that it needs",
        damage: |case| {
            let (at, snapshot) = case.needed_log();
            case.keep_snapshots(|zxid| zxid <= snapshot);
            case.lose_log(at);
            case.lost.0 = snapshot + 1;
        },
        // That one no release notices: the first txn that it replays may be any.
        outcome: |_| Outcome::Loses,
    },
    Row {
        name: "one bit flipped in the middle log",
        damage: |case| {
            case.keep_first_snapshot();
            let (_, offset) = case.record_of_middle_log();
            case.edit(|bytes| bytes[offset + 12 + 40] ^= 1);
        },
        outcome: |_| Outcome::Refuses("CRC check failed"),
    },
    Row {
        name: "zero-length newest log",
        damage: |case| case.add_log(b""),
        outcome: |release| match release.version >= (3, 9, 3) {
            true => Outcome::Restores,
            false => Outcome::Refuses("EOFException"),
        },
    },
    Row {
        name: "six bytes of a header in the newest log",
        damage: |case| case.add_log(b"ZKLG\0\0"),
        outcome: |_| Outcome::Refuses("EOFException"),
    },
    Row {
        name: "no snapshot, but logs",
        damage: |case| case.keep_snapshots(|_| false),
        outcome: |release| match release.version >= (3, 5, 3) {
            true => Outcome::Refuses("No snapshot found, but there are log entries"),
            false => Outcome::Restores,
        },
    },
    Row {
        name: "zero-length newest snapshot",
        damage: |case| {
            case.file = snapshot_name(*case.snapshots.last().expect("a snapshot"));
            case.edit(Vec::clear);
        },
        outcome: |_| Outcome::Restores,
    },
    Row {
        name: "newest snapshot damaged, and ending in \"/\"",
        damage: |case| {
            case.file = snapshot_name(*case.snapshots.last().expect("a snapshot"));
            case.edit(|bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            });
        },
        outcome: |_| Outcome::Restores,
    },
    Row {
        name: "a record of 3 MB, default jute.maxbuffer",
        damage: |case| {
            let log = large_log(&case.path(&log_name(*case.logs.last().expect("a log"))));
            case.add_log(&log);
        },
        outcome: |_| Outcome::Refuses("Unreasonable length"),
    },
    Row {
        name: "logs in dataDir, and dataLogDir is another",
        damage: |case| {
            let log_dir = case.folder.path().join("logs");
            case.file = log_name(case.logs[0]);
            fs::create_dir_all(log_dir.join("version-2")).expect("a dataLogDir");
            for zxid in &case.logs[1..] {
                let name = log_name(*zxid);
                fs::rename(case.path(&name), log_dir.join("version-2").join(&name)).expect("a log");
            }
            case.log_dir = Some(log_dir);
        },
        outcome: |_| Outcome::Refuses("Snapshot directory has log files"),
    },
];

fn log_name(zxid: i64) -> String {
    format!("log.{zxid:x}")
}

fn snapshot_name(zxid: i64) -> String {
    format!("snapshot.{zxid:x}")
}

fn payload_len(bytes: &[u8], offset: usize) -> usize {
    let len = bytes[offset + 8..offset + 12].try_into().expect("a length");
    usize::try_from(i32::from_be_bytes(len)).expect("a length")
}

/// The zxids and offsets of a log's records, and the last payload.
fn records(log: &Path) -> (Vec<(i64, usize)>, Vec<u8>) {
    let file = Arc::new(File::open(log).expect("a log"));
    let mut reader = LogReader::new(log, file).expect("a header");
    let (mut found, mut last) = (Vec::new(), Vec::new());
    while let Some(entry) = reader.next_entry().expect("a sound log") {
        let offset = usize::try_from(entry.offset).expect("a small log");
        found.push((entry.header.zxid.to_i64(), offset));
        last = entry.payload.to_vec();
    }
    (found, last)
}

/// A log with the txn after the last of `log`: it sets 3 MB.
fn large_log(log: &Path) -> Vec<u8> {
    let (found, last) = records(log);
    let zxid = found.last().expect("a record").0 + 1;
    let mut payload = last[..32].to_vec();
    payload[12..20].copy_from_slice(&zxid.to_be_bytes());
    payload[28..32].copy_from_slice(&5i32.to_be_bytes());
    payload.extend(b"\0\0\0\x02/n\0\x2d\xc6\xc0");
    payload.resize(payload.len() + 3_000_000, b'x');
    payload.extend(1i32.to_be_bytes());
    let mut bytes = encode_header();
    encode_record(&payload, &mut bytes);
    bytes
}

/// Waits until no snapshot is being written: all are whole, and for a while none is new.
fn wait_for_snapshots(data_dir: &Path) {
    let is_whole = |path: &Path| {
        let open = || {
            let file = File::open(path).map_err(|err| Error::io(path, "read", err))?;
            SnapshotReader::new(path, Codec::Plain, file)
        };
        snapshot::check(path, &open, &|_| {}).is_ok()
    };
    let begun = Instant::now();
    let mut seen = Vec::new();
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let found = snapshots(data_dir);
        if found == seen && found.iter().all(|(_, path)| is_whole(path)) {
            return;
        }
        assert!(begun.elapsed() < READY_TIMEOUT, "a snapshot without end");
        seen = found;
    }
}

impl History {
    fn make(release: &Release) -> History {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options {
            snap_count: 30,
            ..Options::default()
        };
        let (mut zxid, mut nodes) = (0, 0);
        for run in 0..3 {
            let mut server = Server::standalone(release, folder.path(), None, &options);
            let mut wire = Wire::connect(&server.address(), 0, SESSION_TIMEOUT).expect("a session");
            if run == 0 {
                wire.create("/n", Some(b""), 0).expect("a znode");
            }
            for number in 0..40 {
                let path = format!("/n/{run}-{number}");
                wire.create(&path, Some(b"data"), 0).expect("a znode");
            }
            wire.close();
            // A server that is stopped while it writes a snapshot was seen to start without its
            // znodes, once, of 3.6.2.
            wait_for_snapshots(folder.path());
            let status = server.serving_status();
            (zxid, nodes) = (status.zxid, status.node_count);
            server.stop();
        }
        History {
            folder,
            zxid,
            nodes,
        }
    }

    fn copy(&self) -> Case {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("data");
        copy_data_dir(self.folder.path(), &dir, |_| true);
        let mut logs: Vec<i64> = fs::read_dir(dir.join("version-2"))
            .expect("version-2")
            .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
            .filter_map(|name| i64::from_str_radix(name.strip_prefix("log.")?, 16).ok())
            .collect();
        logs.sort_unstable();
        let snapshots: Vec<i64> = snapshots(&dir).iter().map(|(zxid, _)| *zxid).collect();
        assert!(
            logs.len() >= 3 && snapshots.len() >= 3,
            "{logs:?} {snapshots:?}"
        );
        Case {
            folder,
            logs,
            snapshots,
            log_dir: None,
            lost: (0, 0),
            file: String::new(),
        }
    }
}

impl Case {
    fn dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir().join("version-2").join(name)
    }

    /// Changes the file at fault.
    fn edit(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path(&self.file);
        let mut bytes = fs::read(&path).expect("the file at fault");
        change(&mut bytes);
        fs::write(path, bytes).expect("the file at fault");
    }

    fn keep_snapshots(&mut self, wanted: impl Fn(i64) -> bool) {
        for zxid in self.snapshots.iter().filter(|zxid| !wanted(**zxid)) {
            fs::remove_file(self.path(&snapshot_name(*zxid))).expect("a snapshot");
        }
        self.snapshots.retain(|zxid| wanted(*zxid));
        self.file = log_name(self.logs[0]);
    }

    /// Keeps what is from before the middle log: else a server begins behind it.
    fn keep_first_snapshot(&mut self) {
        let first = self.logs[1] - 1;
        self.keep_snapshots(|zxid| zxid < first);
        self.file = log_name(self.logs[1]);
        self.lost = (self.logs[1], self.logs[2] - 1);
    }

    fn lose_log(&mut self, at: usize) {
        self.lost = (self.logs[at], self.logs[at + 1] - 1);
        fs::remove_file(self.path(&log_name(self.logs[at]))).expect("a log");
    }

    /// The index of the log that goes on where a later snapshot ends, with a log behind it, and
    /// that snapshot's zxid: where that loses most.
    fn needed_log(&self) -> (usize, i64) {
        let followed = self.snapshots.iter().filter_map(|snapshot| {
            let at = self.logs.iter().rposition(|log| *log <= snapshot + 1)?;
            let next = self.logs.get(at + 1)?;
            (at > 0).then_some((next - snapshot, at, *snapshot))
        });
        let (_, at, snapshot) = followed.max().expect("a snapshot with two logs behind it");
        (at, snapshot)
    }

    /// The zxid and the offset of a record in the middle of the middle log.
    fn record_of_middle_log(&self) -> (i64, usize) {
        let (found, _) = records(&self.path(&log_name(self.logs[1])));
        found[found.len() / 2]
    }

    fn add_log(&mut self, bytes: &[u8]) {
        let last = *self.logs.last().expect("a log");
        let (found, _) = records(&self.path(&log_name(last)));
        self.file = log_name(found.last().expect("a record").0 + 1);
        fs::write(self.path(&self.file), bytes).expect("a log");
    }

    /// Runs `verify --json`, on a directory that nobody seems to write to, and has it foretell what
    /// a server does.
    fn verify(&self, release: &Release) -> Verified {
        for dir in [Some(self.dir()), self.log_dir.clone()]
            .into_iter()
            .flatten()
        {
            for entry in fs::read_dir(dir.join("version-2")).expect("version-2") {
                let path = entry.expect("an entry").path();
                let bytes = fs::read(&path).expect("a file");
                write_old(&path, &bytes);
            }
        }
        let mut arguments = vec![
            "verify".into(),
            self.dir().into_os_string(),
            "--json".into(),
            "--server".into(),
            release.name.clone().into(),
            "-Dzookeeper.extendedTypesEnabled=true".into(),
        ];
        if let Some(log_dir) = &self.log_dir {
            arguments.extend(["--data-log-dir".into(), log_dir.clone().into_os_string()]);
        }
        let output = zoovault(&arguments);
        Verified {
            status: output.status.code().expect("a status"),
            report: serde_json::from_slice(&output.stdout).expect("JSON"),
        }
    }
}

/// What `verify` said.
struct Verified {
    status: i32,
    report: Value,
}

impl Verified {
    fn findings(&self) -> impl Iterator<Item = &Value> {
        self.report["findings"].as_array().expect("findings").iter()
    }

    /// Whether a finding has this zxid, or says it.
    fn names(&self, zxid: i64) -> bool {
        let hex = format!("{zxid:#x}");
        let is_said = |text: &str| {
            text.split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| word == hex)
        };
        self.findings().any(|finding| {
            ["zxid", "message"]
                .iter()
                .any(|field| finding[field].as_str().is_some_and(is_said))
        })
    }

    /// Whether a finding is about this file.
    fn names_file(&self, name: &str) -> bool {
        let is_about = |finding: &Value| {
            finding["file"]
                .as_str()
                .is_some_and(|file| Path::new(file).ends_with(name))
        };
        self.findings().any(is_about)
    }

    /// Whether what is known of one of the findings has the server's message.
    fn knows(&self, message: &str) -> bool {
        let code = |finding: &Value| {
            let name = finding["code"].as_str()?;
            Code::of_source().find(|code| code.name() == name)
        };
        self.findings()
            .filter_map(code)
            .any(|code| code.server().is_some_and(|says| says.contains(message)))
    }

    fn reaches(&self, zxid: i64) -> bool {
        let last = format!("{zxid:#x}");
        let windows = self.report["windows"].as_array().expect("windows");
        windows.iter().any(|window| window["to_zxid"] == last)
    }

    /// Panics unless what was foretold of a standalone server is what came of it.
    #[track_caller]
    fn assert_foretold(&self, status: Option<&Status>, log: &str) {
        let foretold = &self.report["servers"][0]["standalone"];
        let context = format!("{foretold:#}\n{status:?}\n{log}");
        assert_eq!(foretold["starts"], status.is_some(), "{context}");
        match status {
            Some(status) => {
                let zxid = format!("{:#x}", status.zxid);
                assert_eq!(foretold["last_zxid"], zxid, "{context}");
                let nodes = foretold["znodes_served"].as_u64().expect("a number") + 1;
                assert_eq!(nodes, status.node_count as u64, "{context}");
            }
            None => {
                let message = foretold["message"].as_str().expect("a message");
                let exception = foretold["exception"].as_str().expect("an exception");
                assert!(
                    log.contains(message) && log.contains(exception),
                    "{context}"
                );
            }
        }
    }

    fn in_short(&self) -> String {
        let mut codes: Vec<&str> = self
            .findings()
            .filter(|finding| finding["severity"] != "info" || self.status == 0)
            .filter_map(|finding| finding["code"].as_str())
            .collect();
        codes.dedup();
        format!("{} -> {}", codes.join(", "), self.status)
    }
}

/// Where a test runner does not capture it.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Damages a copy as a row says, has both judge it, and prints the row.
fn judge(release: &Release, history: &History, row: &Row) {
    let context = format!("{release}, {}", row.name);
    let mut case = history.copy();
    (row.damage)(&mut case);
    let said = case.verify(release);
    let options = Options {
        max_buffer: 0xf_ffff,
        ..Options::default()
    };
    let (status, log) = Server::try_standalone(
        release,
        &case.dir(),
        case.log_dir.as_deref(),
        &options,
        PATIENCE,
    );
    said.assert_foretold(status.as_ref(), &log);
    let message = MESSAGES
        .iter()
        .find(|message| log.contains(**message))
        .copied();
    let server = match &status {
        Some(status) => format!("serves {:#x}, {} nodes", status.zxid, status.node_count),
        None => format!("refuses: {}", message.unwrap_or("?")),
    };
    let (whole, nodes) = (history.zxid, history.nodes);
    print(&format!(
        "| {release} | {} | {server} (of {whole:#x}, {nodes}) | {} |",
        row.name,
        said.in_short()
    ));
    let report = format!("{context}:\n{:#}\n{log}", said.report);
    match (row.outcome)(release) {
        Outcome::Loses => {
            let status = status.unwrap_or_else(|| panic!("{report}"));
            assert!(
                status.zxid == whole && status.node_count < nodes,
                "{report}"
            );
            assert!(matches!(said.status, 4 | 5), "{report}");
            let (first, last) = case.lost;
            assert!(
                said.names(first) && said.names(last),
                "{first:#x} to {last:#x}: {report}"
            );
        }
        Outcome::Refuses(expected) => {
            assert!(status.is_none() && message == Some(expected), "{report}");
            assert!(said.knows(expected), "{report}");
            // What is not there has no name.
            let is_there = case.log_dir.is_some() || case.path(&case.file).exists();
            let is_gap = expected == "cached out of order" || case.snapshots.is_empty();
            assert!(
                !is_there || is_gap || said.names_file(&case.file),
                "{}: {report}",
                case.file
            );
        }
        Outcome::Restores => {
            let status = status.unwrap_or_else(|| panic!("{report}"));
            assert_eq!((status.zxid, status.node_count), (whole, nodes), "{report}");
            assert!(said.reaches(whole), "{report}");
        }
    }
}

/// Runs a class of the server's own, and gives its exit status and what it printed.
fn java(release: &Release, class: &str, arguments: &[&Path]) -> (i32, String) {
    let mut command = Command::new("java");
    command.args(["-cp", &release.class_path]);
    command
        .arg(format!("org.apache.zookeeper.server.{class}"))
        .args(arguments);
    if class == "PurgeTxnLog" {
        command.args(["-n", "3"]);
    }
    let output = command.output().expect("java");
    let printed = [output.stdout, output.stderr].concat();
    (
        output.status.code().expect("a status"),
        String::from_utf8_lossy(&printed).into_owned(),
    )
}

/// The cleaner judges snapshots by their last bytes: with three damaged ones, it deletes what alone
/// can be restored.
fn judge_purge(release: &Release, history: &History) {
    let mut case = history.copy();
    let (good, last) = (case.snapshots[0], *case.logs.last().expect("a log"));
    case.keep_snapshots(|zxid| zxid == good);
    let snapshot = fs::read(case.path(&snapshot_name(good))).expect("a snapshot");
    for (at, zxid) in [last, last + 1, last + 2].into_iter().enumerate() {
        let mut bytes = snapshot.clone();
        bytes[60 + at] ^= 1;
        fs::write(case.path(&snapshot_name(zxid)), bytes).expect("a damaged snapshot");
    }
    let before = case.verify(release);
    assert!(
        before.status == 4 && before.reaches(history.zxid),
        "{release}: {:#}",
        before.report
    );
    let (status, printed) = java(release, "PurgeTxnLog", &[&case.dir(), &case.dir()]);
    let after = case.verify(release);
    print(&format!(
        "| {release} | PurgeTxnLog -n 3 with three damaged snapshots | exit {status}, snapshot.{good:x} {} | {} before, {} after |",
        if case.path(&snapshot_name(good)).exists() {
            "kept"
        } else {
            "deleted"
        },
        before.in_short(),
        after.in_short(),
    ));
    assert!(
        status == 0 && !case.path(&snapshot_name(good)).exists(),
        "{release}: {printed}"
    );
    assert!(
        after
            .findings()
            .any(|finding| finding["code"] == "nothing-restorable"),
        "{release}: {:#}",
        after.report
    );
}

/// The tools end with 0 on what `verify` calls damaged.
fn judge_tools(release: &Release, history: &History) {
    let mut case = history.copy();
    let (_, offset) = case.record_of_middle_log();
    case.file = log_name(case.logs[1]);
    case.edit(|bytes| bytes[offset + 12 + 40] ^= 1);
    let log = case.path(&case.file);
    case.file = snapshot_name(case.snapshots[1]);
    case.edit(|bytes| {
        let data = bytes.windows(4).position(|bytes| bytes == b"data");
        bytes[data.expect("a znode's data")] ^= 1;
    });
    let snapshot = case.path(&case.file);
    let said = case.verify(release);
    for (tool, file) in [
        ("persistence.TxnLogToolkit", &log),
        ("SnapshotFormatter", &snapshot),
    ] {
        let (status, printed) = java(release, tool, &[file]);
        let name = file.file_name().expect("a name").to_string_lossy();
        print(&format!(
            "| {release} | {tool} on a wrong checksum | exit {status} | {} |",
            said.in_short()
        ));
        assert_eq!(status, 0, "{release} {tool}: {printed}");
        assert!(
            said.status == 4 && said.names_file(&name),
            "{release}: {:#}",
            said.report
        );
    }
}

#[test]
fn what_servers_lose_or_refuse_is_said_by_verify_with_its_place() {
    for release in releases() {
        let history = History::make(&release);
        for row in ROWS {
            judge(&release, &history, row);
        }
        judge_purge(&release, &history);
        if release.version >= (3, 6, 0) {
            judge_tools(&release, &history);
        }
    }
}
