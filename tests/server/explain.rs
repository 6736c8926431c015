//! Messages are recognised, however they are pasted.

use crate::common;
use crate::pasted::{LAYOUTS, RESTARTS, laid_out};

use common::zoovault;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};
use zoovault::server::messages::{Risk, Weight, entries, explain};

/// What users paste, and the entry that it is.
const MESSAGES: &[(&str, &str)] = &[
    ("Unable to load database on disk", "load-failed"),
    ("Unreasonable length = 6559049", "length"),
    ("CRC check failed", "log-checksum"),
    (
        "CRC corruption in snapshot :  /data/version-2/snapshot.5",
        "snapshot-checksum",
    ),
    ("CRC corruption", "snapshot-checksum"),
    (
        "No snapshot found, but there are log entries. Something is broken!",
        "no-snapshot",
    ),
    (
        "No snapshot found, but there are log entries. This should only be allowed during upgrading.",
        "no-snapshot-trusted",
    ),
    (
        "Not able to find valid snapshots in /data/version-2",
        "no-valid-snapshot",
    ),
    ("Last transaction was partial.", "log-partial"),
    ("EOFException", "eof"),
    (
        "The current epoch, 3, is older than the last zxid, 17179869185",
        "epoch-current-behind",
    ),
    (
        "The accepted epoch, 2 is less than the current epoch, 3",
        "epoch-accepted-behind",
    ),
    (
        "Snapshot directory has log files. Check if dataLogDir and dataDir configuration is correct.",
        "logs-in-data-dir",
    ),
    (
        "Log directory has snapshot files. Check if dataLogDir and dataDir configuration is correct.",
        "snapshots-in-log-dir",
    ),
    (
        "mismatching magic headers 0 !=  1514885966",
        "snapshot-magic",
    ),
    (
        "Transaction log: /data/version-2/log.1 has invalid magic number 0 != 1514884167",
        "log-magic",
    ),
    ("Failed to fetch acls for 17", "acl-missing"),
    (
        "Ignoring acl 17 as it does not exist in the cache",
        "acl-ignored",
    ),
    (
        "Digests are not matching. Value is Zxid.",
        "digest-mismatch",
    ),
    (
        "Highest txn zxid 0x12 is not covering the snapshot digest zxid 0x14, which might lead to inconsistent state",
        "snapshot-not-covered",
    ),
    (
        "Committed proposal cached out of order: 0x300000009 is not the next proposal of 0x300000004",
        "txns-missing",
    ),
    (
        "Delete empty tail log file to recover from corruption file: log.5",
        "log-empty-deleted",
    ),
    ("Unsupported Txn with type=13", "log-unknown-type"),
    ("Unsupported Txn with type=%d13", "log-unknown-type"),
    (
        "Invalid Datatree, unable to find parent /a of path /a/b",
        "snapshot-orphan",
    ),
    (
        "Unexpected empty data tree, setting zxid to -1",
        "empty-database",
    ),
    (
        "Invalid snapshot snapshot.5. too short, len = 4 bytes",
        "snapshot-skipped",
    ),
    (
        "Invalid snapshot /data/snapshot.5 len = 900 byte = 0",
        "snapshot-skipped",
    ),
    ("Found  in /data/version-2/currentEpoch", "epoch-unreadable"),
    (
        "Leaders epoch, 3 is less than accepted epoch, 4",
        "epoch-leader-behind",
    ),
    (
        "17(higestZxid) > 12(next log) for type 1",
        "log-zxid-repeated",
    ),
    (
        "No log files found to truncate! This could happen if",
        "truncate-failed",
    ),
    (
        "Refusing session(0x1) request for client /10.0.0.1:5 as it has seen zxid 0x300000009 our last zxid is 0x300000004 client must try another server",
        "client-ahead",
    ),
    (
        "java.net.BindException: Address already in use",
        "port-in-use",
    ),
    ("myid file is missing", "server-id"),
    (
        "Cannot write to data directory /data/version-2",
        "dir-unwritable",
    ),
    ("java.io.IOException: No space left on device", "disk-full"),
];

/// What loggers and containers put before a message.
const PREFIXES: &[&str] = &[
    "",
    "2026-11-20 14:00:00,123 [myid:1] - ERROR [main:QuorumPeer@692] - ",
    "2026-11-20 14:00:00,123 [myid:] - WARN  [main:o.a.z.s.p.FileSnap@111] - ",
    "[main] ERROR org.apache.zookeeper.server.quorum.QuorumPeer - ",
    "zookeeper-0 zookeeper \u{1b}[31m2026-11-20T14:00:00Z\u{1b}[0m ERROR ",
    "Caused by: java.io.IOException: ",
    "Nov 20 14:00:00 host zookeeper[812]:   java.lang.RuntimeException: Unable to run quorum server : java.io.IOException: ",
];

#[test]
fn each_message_is_recognised_with_and_without_what_stands_before_it() {
    for (message, id) in MESSAGES {
        for prefix in PREFIXES {
            let explained = explain(&format!("{prefix}{message}"));
            let first = explained.explanations.first();
            assert_eq!(
                first.map(|found| found.entry.id),
                Some(*id),
                "{prefix}{message}"
            );
        }
        // A mail broke it in the middle.
        let (at, _) = message.match_indices(' ').nth(1).unwrap_or((0, ""));
        if at > 0 {
            let broken = format!("{}\n  {}", &message[..at], &message[at..]);
            let explained = explain(&broken);
            assert!(
                explained
                    .explanations
                    .iter()
                    .any(|found| found.entry.id == *id),
                "{broken}: {:?}",
                explained.explanations.first().map(|found| found.entry.id)
            );
        }
    }
}

#[test]
fn the_numbers_of_a_message_are_used() {
    let fact = |message: &str| explain(message).explanations[0].facts.join("; ");
    assert_eq!(
        fact("The current epoch, 3, is older than the last zxid, 17179869185"),
        "the last zxid is 0x400000001, of epoch 4; currentEpoch is 3"
    );
    // Servers print epochs in hexadecimal.
    assert!(
        fact("The current epoch, 1a, is older than the last zxid, 17179869185")
            .contains("26 (0x1a)")
    );
    assert_eq!(
        fact(
            "Committed proposal cached out of order: 0x300000009 is not the next proposal of 0x300000004"
        ),
        "transactions 0x300000005 to 0x300000008 are missing: 4"
    );
    assert!(
        fact("Unreasonable length = 6559049")
            .starts_with("6559049 bytes: -Djute.maxbuffer=6559049")
    );
    assert!(fact("Unreasonable length = -2147483648").contains("is an impossible size"));
    assert_eq!(fact("Unsupported Txn with type=%d13"), "type 13 is check");
    assert!(
        fact("Transaction log: /d/log.1 has invalid magic number 0 != 1514884167")
            .contains("begins with zeros")
    );
    // Letters where numbers belong, as documentation has them.
    assert_eq!(
        fact("The current epoch, X, is older than the last zxid, N"),
        ""
    );
}

const EXCERPT: &str = "\
2026-11-20 14:00:00,100 [myid:1] - INFO  [main:FileSnap@86] - Reading snapshot /data/version-2/snapshot.300000144
2026-11-20 14:00:00,200 [myid:1] - INFO  [main:DataTree@1733] - Ignoring acl 12 as it does not exist in the cache
2026-11-20 14:00:00,201 [myid:1] - INFO  [main:DataTree@1733] - Ignoring acl 12 as it does not exist in the cache
2026-11-20 14:00:00,300 [myid:1] - ERROR [main:QuorumPeer@1203] - Unable to load database on disk
java.io.IOException: Unreasonable length = 6559049
\tat org.apache.jute.BinaryInputArchive.checkLength(BinaryInputArchive.java:166)
\tat org.apache.jute.BinaryInputArchive.readBuffer(BinaryInputArchive.java:127)
\tat org.apache.zookeeper.server.persistence.Util.readTxnBytes(Util.java:159)
\tat org.apache.zookeeper.server.persistence.FileTxnLog$FileTxnIterator.next(FileTxnLog.java:789)
2026-11-20 14:00:00,301 [myid:1] - ERROR [main:QuorumPeerMain@114] - Unexpected exception, exiting abnormally
java.lang.RuntimeException: Unable to run quorum server
\t... 4 more
Caused by: java.io.IOException: Unreasonable length = 6559049
\tat org.apache.zookeeper.server.persistence.Util.readTxnBytes(Util.java:159)
";

#[test]
fn an_excerpt_is_told_first_cause_first_and_its_wrappers_below_it() {
    let explained = explain(EXCERPT);
    let told: Vec<(&str, u64, u64)> = explained
        .explanations
        .iter()
        .map(|found| (found.entry.id, found.line_number, found.count))
        .collect();
    assert_eq!(told, [("length-in-log", 5, 2), ("acl-ignored", 2, 2)]);
    let cause = &explained.explanations[0];
    assert!(cause.facts[1].contains("snapshot.300000144"));
    let led_to: Vec<&str> = cause.led_to.iter().map(|found| found.entry.id).collect();
    assert_eq!(led_to, ["load-failed", "start-failed"]);
}

#[test]
fn one_exception_means_other_things_below_other_frames() {
    let first = |frames: &str| {
        explain(&format!("ERROR x\njava.io.EOFException\n{frames}")).explanations[0]
            .entry
            .id
    };
    assert_eq!(
        first(
            "\tat org.apache.zookeeper.server.persistence.FileTxnLog$FileTxnIterator.inStreamCreated(FileTxnLog.java:744)"
        ),
        "log-eof-in-header"
    );
    assert_eq!(
        first(
            "\tat org.apache.zookeeper.server.persistence.FileSnap.deserialize(FileSnap.java:137)"
        ),
        "snapshot-eof"
    );
    assert_eq!(
        first(
            "\tat org.apache.zookeeper.server.quorum.QuorumPacket.deserialize(QuorumPacket.java:92)"
        ),
        "eof-connection"
    );
}

#[test]
fn what_is_not_known_is_said_to_be_so() {
    for text in [
        "",
        "hello",
        "org.example.Exception: disk on fire",
        "\0\u{1b}[",
        "{zxid}",
    ] {
        assert!(!explain(text).is_recognised(), "{text}");
    }
}

#[test]
fn the_table_holds_what_a_reader_needs() {
    assert!(entries().count() > 50);
    for entry in entries().filter(|entry| entry.weight == Weight::Loses) {
        assert!(entry.risk > Risk::No, "{}", entry.id);
    }
}

fn with_input(args: &[&str], input: &[u8]) -> Output {
    let mut child = zoovault()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Compares what the program says with the golden file `name`.
fn golden(name: &str, args: &[&str], input: &[u8]) {
    let output = with_input(args, input);
    common::golden(&format!("explain/{name}"), &args.join(" "), &output);
}

#[test]
fn explanations_are_as_they_were() {
    let epoch = "The current epoch, 3, is older than the last zxid, 17179869185";
    golden("epoch.txt", &["explain", epoch], b"");
    golden("epoch.json", &["explain", "--json", epoch], b"");
    golden("excerpt.txt", &["explain", "-", "-v"], EXCERPT.as_bytes());
    let restarts = laid_out(RESTARTS, LAYOUTS[1].1);
    golden("restarts.txt", &["explain"], restarts.as_bytes());
    golden("restarts.json", &["explain", "--json"], restarts.as_bytes());
    golden("piped.txt", &["explain"], b"CRC check failed\n");
    golden(
        "words.txt",
        &["explain", "Failed", "to", "fetch", "acls", "for", "17"],
        b"",
    );
    golden("unknown.txt", &["explain", "disk on fire"], b"");
    golden("unknown.json", &["explain", "--json", "disk on fire"], b"");
    golden("sound.txt", &["explain", "standalone-3.8"], b"");
    golden("no-snapshot.txt", &["explain", "standalone-3.4"], b"");
    golden(
        "no-snapshot.json",
        &["explain", "standalone-3.4", "--json"],
        b"",
    );
    golden("no-such-path.txt", &["explain", "./no-such-directory"], b"");
}

#[test]
fn a_file_with_a_servers_log_is_text_and_a_long_one_is_streamed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("zookeeper.log");
    let mut text = "2026-11-20 14:00:00,100 [myid:1] - INFO  [main:X@1] - nothing\n".repeat(20_000);
    text.push_str(EXCERPT);
    fs::write(&path, text).unwrap();
    let output = zoovault()
        .arg("explain")
        .arg(&path)
        .arg("--json")
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["explanations"][0]["id"], "length-in-log");
    assert_eq!(report["explanations"][0]["line"], 20_005);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_rotated_log_is_read_as_it_was_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let explained = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        zoovault().arg("explain").arg(&path).output().unwrap()
    };
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(EXCERPT.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(EXCERPT.as_bytes(), 0).unwrap();
    let plain = explained("zookeeper.log", EXCERPT.as_bytes());
    for (name, bytes) in [
        ("zookeeper.log.1.gz", &gzip),
        ("zookeeper.log.2.zst", &zstd),
    ] {
        let output = explained(name, bytes);
        assert_eq!(output.status.code(), Some(0), "{name}");
        assert_eq!(output.stdout, plain.stdout, "{name}");
    }
    // One that was cut is no log that was read.
    let cut = explained("cut.gz", &gzip[..gzip.len() / 2]);
    assert_eq!(cut.status.code(), Some(4), "{cut:?}");
}
