//! Logs say the same, whatever was put before their lines, and however those were broken.

use serde_json::{Value, json};
use zoovault::server::messages::{Explained, Explanation, Weight, explain};

/// One message with its stack trace, as a server prints it.
pub struct Event<'a> {
    level: &'a str,
    class: &'a str,
    message: &'a str,
    trace: Vec<&'a str>,
}

const SINGLE: &str = "\
ERROR QuorumPeer The current epoch, 3, is older than the last zxid, 17179869185
";

const TRACE: &str = "\
INFO FileSnap Reading snapshot /data/version-2/snapshot.300000144
ERROR QuorumPeer Unable to load database on disk
java.io.IOException: Unreasonable length = 6559049
\tat org.apache.jute.BinaryInputArchive.checkLength(BinaryInputArchive.java:166)
\tat org.apache.jute.BinaryInputArchive.readBuffer(BinaryInputArchive.java:127)
\tat org.apache.zookeeper.server.persistence.Util.readTxnBytes(Util.java:159)
\tat org.apache.zookeeper.server.persistence.FileTxnLog$FileTxnIterator.next(FileTxnLog.java:789)
\tat org.apache.zookeeper.server.quorum.QuorumPeer.loadDataBase(QuorumPeer.java:1150)
ERROR QuorumPeerMain Unexpected exception, exiting abnormally
java.lang.RuntimeException: Unable to run quorum server
\tat org.apache.zookeeper.server.quorum.QuorumPeer.loadDataBase(QuorumPeer.java:1204)
\tat org.apache.zookeeper.server.quorum.QuorumPeerMain.main(QuorumPeerMain.java:91)
Caused by: java.io.IOException: Unreasonable length = 6559049
\tat org.apache.zookeeper.server.persistence.Util.readTxnBytes(Util.java:159)
\t... 4 more
";

const TWO_CAUSES: &str = "\
WARN FileSnap Invalid snapshot /data/version-2/snapshot.5. too short, len = 4 bytes
ERROR ZooKeeperServerMain Unexpected exception, exiting abnormally
java.io.IOException: No snapshot found, but there are log entries. Something is broken!
\tat org.apache.zookeeper.server.persistence.FileTxnSnapLog.restore(FileTxnSnapLog.java:222)
\tat org.apache.zookeeper.server.ZKDatabase.loadDataBase(ZKDatabase.java:240)
ERROR ZooKeeperServerMain Unexpected exception, exiting abnormally
java.net.BindException: Address already in use
\tat sun.nio.ch.Net.bind0(Native Method)
\tat sun.nio.ch.Net.bind(Net.java:461)
";

pub const RESTARTS: &str = "\
INFO QuorumPeerConfig Reading configuration from: /conf/zoo.cfg
ERROR SyncRequestProcessor Severe unrecoverable error, exiting
java.io.IOException: No space left on device
\tat sun.nio.ch.FileDispatcherImpl.write0(Native Method)
\tat org.apache.zookeeper.server.persistence.FileTxnLog.commit(FileTxnLog.java:390)
INFO QuorumPeerConfig Reading configuration from: /conf/zoo.cfg
ERROR QuorumPeer Unable to load database on disk
java.io.EOFException
\tat java.io.DataInputStream.readInt(DataInputStream.java:392)
\tat org.apache.zookeeper.server.persistence.FileTxnLog$FileTxnIterator.inStreamCreated(FileTxnLog.java:744)
ERROR QuorumPeerMain Unexpected exception, exiting abnormally
java.lang.RuntimeException: Unable to run quorum server
\tat org.apache.zookeeper.server.quorum.QuorumPeerMain.main(QuorumPeerMain.java:91)
Caused by: java.io.EOFException
\tat org.apache.zookeeper.server.persistence.FileTxnLog$FileTxnIterator.inStreamCreated(FileTxnLog.java:744)
\t... 4 more
INFO QuorumPeerConfig Reading configuration from: /conf/zoo.cfg
ERROR QuorumPeer Unable to load database on disk
java.io.EOFException
\tat java.io.DataInputStream.readInt(DataInputStream.java:392)
\tat org.apache.zookeeper.server.persistence.FileTxnLog$FileTxnIterator.inStreamCreated(FileTxnLog.java:744)
ERROR QuorumPeerMain Unexpected exception, exiting abnormally
java.lang.RuntimeException: Unable to run quorum server
\tat org.apache.zookeeper.server.quorum.QuorumPeerMain.main(QuorumPeerMain.java:91)
Caused by: java.io.EOFException
\tat org.apache.zookeeper.server.persistence.FileTxnLog$FileTxnIterator.inStreamCreated(FileTxnLog.java:744)
\t... 4 more
";

const DISCONNECT: &str = "\
INFO QuorumCnxManager$RecvWorker Received connection request from /10.0.0.2:41824
WARN QuorumCnxManager$RecvWorker Connection broken for id 2, my id = 1
java.io.EOFException
\tat java.io.DataInputStream.readInt(DataInputStream.java:392)
\tat org.apache.zookeeper.server.quorum.QuorumCnxManager$RecvWorker.run(QuorumCnxManager.java:1239)
";

const LOGS: [&str; 5] = [SINGLE, TRACE, TWO_CAUSES, RESTARTS, DISCONNECT];

fn events(log: &str) -> Vec<Event<'_>> {
    let mut events: Vec<Event> = Vec::new();
    for line in log.lines() {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        if ["INFO", "WARN", "ERROR"].contains(&words[0]) {
            events.push(Event {
                level: words[0],
                class: words[1],
                message: words[2],
                trace: Vec::new(),
            });
        } else {
            events.last_mut().unwrap().trace.push(line);
        }
    }
    events
}

/// What a logger makes of a message; its stack trace goes below.
pub type Layout = fn(&Event) -> String;

fn with_trace(first: String, event: &Event) -> String {
    let lines = [first.as_str()].into_iter().chain(event.trace.clone());
    lines.collect::<Vec<_>>().join("\n")
}

fn class(event: &Event) -> String {
    format!("org.apache.zookeeper.server.quorum.{}", event.class)
}

fn json_layout(event: &Event, keys: [&str; 4]) -> Value {
    let [message, level, logger, trace] = keys;
    let mut layout = json!({
        "@timestamp": "2026-11-20T14:00:00.123Z", message: event.message, level: event.level,
        logger: class(event), "thread_name": "main",
    });
    if !event.trace.is_empty() {
        layout[trace] = format!("{}\n", event.trace.join("\n")).into();
    }
    layout
}

/// A message whose exception is taken apart below a key of its own.
fn taken_apart(event: &Event, message: &str, (exception, keys): (&str, [&str; 6])) -> String {
    let mut layout = json_layout(event, [message, "level", "loggerName", exception]);
    if !event.trace.is_empty() {
        layout[exception] = thrown(&event.trace, keys);
    }
    layout.to_string()
}

/// An exception as log4j and logback take it apart.
fn thrown(trace: &[&str], keys: [&str; 6]) -> Value {
    let [name, frames, class, method, file, line] = keys;
    let (head, rest) = trace.split_first().unwrap();
    let (exception, message) = head.split_once(": ").unwrap_or((head, ""));
    let cause = rest.iter().position(|line| line.starts_with("Caused by: "));
    let (below, of_cause) = rest.split_at(cause.unwrap_or(rest.len()));
    let frame = |text: &&str| {
        let (place, source) = text.strip_prefix("\tat ")?.split_once('(')?;
        let (of, called) = place.rsplit_once('.')?;
        let (name, number) = source.trim_end_matches(')').split_once(':')?;
        let number: i64 = number.parse().ok()?;
        Some(json!({class: of, method: called, file: name, line: number}))
    };
    let mut thrown =
        json!({name: exception, frames: below.iter().filter_map(frame).collect::<Vec<_>>()});
    if !message.is_empty() {
        thrown["message"] = message.into();
    }
    if let Some((head, rest)) = of_cause.split_first() {
        let mut lines = vec![head.strip_prefix("Caused by: ").unwrap()];
        lines.extend(rest);
        thrown["cause"] = self::thrown(&lines, keys);
    }
    thrown
}

pub const LAYOUTS: &[(&str, Layout)] = &[
    ("bare", |e| with_trace(e.message.to_owned(), e)),
    ("3.4", |e| {
        let (level, class) = (e.level, e.class);
        with_trace(
            format!(
                "2026-11-20 14:00:00,123 [myid:1] - {level:<5} [main:{class}@692] - {}",
                e.message
            ),
            e,
        )
    }),
    ("3.9", |e| {
        let (level, class) = (e.level, e.class);
        with_trace(
            format!(
                "2026-11-20 14:00:00,123 [myid:1] - {level:<5} [main:o.a.z.s.q.{class}@692] - {}",
                e.message
            ),
            e,
        )
    }),
    ("3.4's console", |e| {
        with_trace(
            format!(
                "2026-11-20 14:00:00,123 - {:<5} [main:{}@1] - {}",
                e.level, e.class, e.message
            ),
            e,
        )
    }),
    ("Kafka", |e| {
        with_trace(
            format!(
                "[2026-11-20 14:00:00,123] {} {} ({})",
                e.level,
                e.message,
                class(e)
            ),
            e,
        )
    }),
    ("Strimzi", |e| {
        with_trace(
            format!(
                "2026-11-20 14:00:00,123 {} {} ({}) [main]",
                e.level,
                e.message,
                class(e)
            ),
            e,
        )
    }),
    ("logback's default", |e| {
        with_trace(
            format!(
                "14:00:00.123 [main] {} {} -- {}",
                e.level,
                class(e),
                e.message
            ),
            e,
        )
    }),
    ("slf4j-simple", |e| {
        with_trace(
            format!("[main] {} {} - {}", e.level, class(e), e.message),
            e,
        )
    }),
    ("logstash-logback-encoder", |e| {
        json_layout(e, ["message", "level", "logger_name", "stack_trace"]).to_string()
    }),
    ("log4j's ECS", |e| {
        json_layout(
            e,
            ["message", "log.level", "log.logger", "error.stack_trace"],
        )
        .to_string()
    }),
    ("logback-contrib", |e| {
        json_layout(e, ["message", "level", "logger", "exception"]).to_string()
    }),
    ("log4j's JsonLayout", |e| {
        let keys = [
            "name",
            "extendedStackTrace",
            "class",
            "method",
            "file",
            "line",
        ];
        taken_apart(e, "message", ("thrown", keys))
    }),
    ("logback's JsonEncoder", |e| {
        let keys = [
            "className",
            "stepArray",
            "className",
            "methodName",
            "fileName",
            "lineNumber",
        ];
        taken_apart(e, "formattedMessage", ("throwable", keys))
    }),
    ("JSON in several lines", |e| {
        let layout = json_layout(e, ["message", "level", "logger_name", "stack_trace"]);
        serde_json::to_string_pretty(&layout).unwrap()
    }),
];

/// What a collector makes of a line.
pub type Collector = fn(&str) -> String;

fn journal(line: &str) -> Value {
    json!({
        "__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": "1763647200123456", "PRIORITY": "6",
        "_COMM": "java", "MESSAGE": line, "_PID": "812", "_CMDLINE": "java -cp /opt/zookeeper/lib/*",
    })
}

pub const COLLECTORS: &[(&str, Collector)] = &[
    ("none", |l| l.to_owned()),
    ("journal short", |l| {
        format!("Nov 20 14:00:00 host zookeeper[812]: {l}")
    }),
    ("journal short-precise", |l| {
        format!("Nov 20 14:00:00.123456 host zookeeper[812]: {l}")
    }),
    ("journal short-iso", |l| {
        format!("2026-11-20T14:00:00+0000 host zookeeper[812]: {l}")
    }),
    ("journal short-iso-precise", |l| {
        format!("2026-11-20T14:00:00.123456+00:00 host zookeeper[812]: {l}")
    }),
    ("journal short-full", |l| {
        format!("Fri 2026-11-20 14:00:00 UTC host zookeeper[812]: {l}")
    }),
    ("journal with-unit", |l| {
        format!("Fri 2026-11-20 14:00:00 UTC host zookeeper.service[812]: {l}")
    }),
    ("journal short-monotonic", |l| {
        format!("[ 1234.567890] host zookeeper[812]: {l}")
    }),
    ("journal short-delta", |l| {
        format!("[ 1234.567890 <    0.000012 >] host zookeeper[812]: {l}")
    }),
    ("journal short-unix", |l| {
        format!("1763647200.123456 host zookeeper[812]: {l}")
    }),
    ("journal without host", |l| {
        format!("Nov 20 14:00:00 zookeeper[812]: {l}")
    }),
    ("journal json", |l| journal(l).to_string()),
    ("journal json of bytes", |l| {
        let mut entry = journal("");
        entry["MESSAGE"] = l.bytes().collect::<Vec<u8>>().into();
        entry.to_string()
    }),
    ("journal json-pretty", |l| {
        serde_json::to_string_pretty(&journal(l)).unwrap()
    }),
    ("journal json-sse", |l| format!("data: {}\n", journal(l))),
    ("journal export", |l| {
        format!(
            "__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1763647200123456\nPRIORITY=6\nMESSAGE={l}\n_PID=812\n_COMM=java\n"
        )
    }),
    ("journal verbose", |l| {
        format!(
            "Fri 2026-11-20 14:00:00.123456 UTC [s=1;i=2;b=3]\n    PRIORITY=6\n    _PID=812\n    MESSAGE={l}\n    SYSLOG_IDENTIFIER=zookeeper"
        )
    }),
    ("RFC 3164", |l| {
        format!("<13>Nov  2 14:00:00 host zookeeper[812]: {l}")
    }),
    ("RFC 3164 without PRI", |l| {
        format!("Nov  2 14:00:00 host zookeeper[812]: {l}")
    }),
    ("RFC 3164 without number", |l| {
        format!("Nov  2 14:00:00 host zookeeper: {l}")
    }),
    ("RFC 5424", |l| {
        format!("<13>1 2026-11-20T14:00:00.123456Z host zookeeper 812 - - {l}")
    }),
    ("RFC 5424 with data", |l| {
        format!("<165>1 2026-11-20T14:00:00Z host zookeeper 812 ID47 [a@1 b=\"c\"] \u{feff}{l}")
    }),
    ("rsyslog", |l| {
        let line = l.replace('\t', "#011");
        format!("2026-11-20T14:00:00.123456+00:00 host zookeeper[812]: {line}")
    }),
    ("docker logs -t", |l| {
        format!("2026-11-20T14:00:00.123456789Z {l}")
    }),
    ("docker compose", |l| format!("zk-1  | {l}")),
    ("docker compose -t", |l| {
        format!("zookeeper-1       | 2026-11-20T14:00:00.123456789Z {l}")
    }),
    ("docker compose in colour", |l| {
        format!("\u{1b}[36mzk-1  |\u{1b}[0m {l}")
    }),
    ("docker's json-file", |l| {
        json!({"log": format!("{l}\n"), "stream": "stderr", "time": "2026-11-20T14:00:00.1Z"})
            .to_string()
    }),
    ("CRI", |l| {
        format!("2026-11-20T14:00:00.123456789Z stderr F {l}")
    }),
    ("CRI in parts", |l| {
        let half = l.char_indices().nth(l.chars().count() / 2).unwrap().0;
        let (first, second) = l.split_at(half);
        format!(
            "2026-11-20T14:00:00.123456789+00:00 stderr P {first}\n2026-11-20T14:00:00.123456789+00:00 stderr F {second}"
        )
    }),
    ("kubectl --prefix", |l| format!("[pod/zk-0/zookeeper] {l}")),
    ("kubectl --timestamps", |l| {
        format!("2026-11-20T14:00:00.123456789Z {l}")
    }),
    ("kubectl --prefix --timestamps", |l| {
        format!("[pod/zk-0/zookeeper] 2026-11-20T14:00:00.123456789Z {l}")
    }),
    ("stern", |l| format!("zk-0 zookeeper {l}")),
    ("stern in colour", |l| {
        format!("\u{1b}[38;5;2mzk-0\u{1b}[0m \u{1b}[38;5;3mzookeeper\u{1b}[0m {l}")
    }),
    ("stern of all namespaces", |l| {
        format!("kafka-prod zk-0 zookeeper {l}")
    }),
    ("kubetail", |l| format!("[zk-0] {l}")),
    ("a mail", |l| format!("> {l}")),
    ("a mail's answer", |l| format!(">> {l}")),
    ("a mail's answer with blanks", |l| format!("> > {l}")),
    ("grep -n", |l| format!("12:{l}")),
    ("grep -n -A", |l| format!("12-{l}")),
    ("grep -H", |l| {
        format!("/var/log/zookeeper/zookeeper.log:{l}")
    }),
    ("grep -Hn", |l| format!("zookeeper.log:12:{l}")),
    ("zgrep -n -A", |l| format!("zookeeper-zk-0.log.1.gz-12-{l}")),
    ("a mail of a journal of docker", |l| {
        let line = json!({"log": format!("{l}\n"), "stream": "stderr"});
        format!("> Nov 20 14:00:00 host dockerd[812]: {line}")
    }),
];

pub fn laid_out(log: &str, layout: Layout) -> String {
    let events: Vec<String> = events(log).iter().map(layout).collect();
    events.join("\n")
}

pub fn collected(log: &str, collector: Collector) -> String {
    log.lines().map(|line| collector(line) + "\n").collect()
}

/// Ids, facts and counts, with those of the consequences.
fn told(explained: &Explained) -> Vec<String> {
    fn tell(found: &Explanation) -> String {
        let led_to: Vec<String> = found.led_to.iter().map(tell).collect();
        let Explanation {
            entry,
            facts,
            count,
            starts,
            ..
        } = found;
        format!("{} x{count} in {starts} {facts:?} -> {led_to:?}", entry.id)
    }
    explained.explanations.iter().map(tell).collect()
}

fn assert_told(text: &str, expected: &[String], what: &str) {
    assert_eq!(told(&explain(text)), expected, "{what}:\n{text}");
}

#[test]
fn what_is_put_before_each_line_changes_nothing() {
    for log in LOGS {
        let bare = explain(&laid_out(log, LAYOUTS[1].1));
        assert!(bare.is_recognised(), "{log}");
        for (layout_name, layout) in LAYOUTS {
            let log = laid_out(log, *layout);
            for (name, collector) in COLLECTORS {
                // Two kinds of JSON over several lines in each other are nobody's.
                if *name == "journal json-pretty" && *layout_name == "JSON in several lines" {
                    continue;
                }
                let what = format!("{layout_name} in {name}");
                let text = collected(&log, *collector);
                assert_told(&text, &told(&bare), &what);
                if *layout_name == "3.4" {
                    let text = text.replace('\n', "\r\n");
                    assert_told(&text, &told(&bare), &format!("{what}, CRLF"));
                }
            }
        }
    }
}

#[test]
fn what_was_collected_can_be_collected_again() {
    const AGAIN: [&str; 6] = [
        "a mail",
        "grep -n",
        "grep -Hn",
        "docker's json-file",
        "kubectl --prefix",
        "journal short",
    ];
    for log in LOGS {
        let log = laid_out(log, LAYOUTS[1].1);
        let bare = told(&explain(&log));
        for (again, outer) in COLLECTORS.iter().filter(|(name, _)| AGAIN.contains(name)) {
            let of_no_mail = |(name, _): &&(&str, Collector)| !name.starts_with("a mail");
            for (name, inner) in COLLECTORS.iter().filter(of_no_mail) {
                let text = collected(&collected(&log, *inner), *outer);
                assert_told(&text, &bare, &format!("{name} in {again}"));
            }
        }
    }
}

#[test]
fn a_message_keeps_the_time_and_the_thread_of_its_logger() {
    let line = "2026-11-20 14:00:00,123 [myid:1] - ERROR [main:X@692] - CRC check failed";
    for (name, collector) in COLLECTORS {
        let explained = explain(&collected(line, *collector));
        assert_eq!(explained.explanations[0].line, line, "{name}");
    }
}

fn ids(explanations: &[Explanation]) -> Vec<&str> {
    explanations.iter().map(|found| found.entry.id).collect()
}

#[test]
fn a_first_cause_is_told_with_what_it_led_to_and_how_often() {
    let explained = explain(&laid_out(RESTARTS, LAYOUTS[1].1));
    assert_eq!(ids(&explained.explanations), ["disk-full"]);
    let cause = &explained.explanations[0];
    assert_eq!(
        ids(&cause.led_to),
        [
            "thread-failed",
            "log-eof-in-header",
            "load-failed",
            "start-failed"
        ]
    );
    let empty = &cause.led_to[1];
    assert_eq!((cause.starts, empty.count, empty.starts), (1, 4, 2));
    assert_eq!(cause.worst(), Weight::Refuses);
}

#[test]
fn causes_that_have_nothing_to_do_with_each_other_are_told_in_their_order() {
    let explained = explain(&laid_out(TWO_CAUSES, LAYOUTS[1].1));
    assert_eq!(
        ids(&explained.explanations),
        ["snapshot-skipped", "port-in-use"]
    );
    assert_eq!(
        ids(&explained.explanations[0].led_to),
        ["no-snapshot", "start-failed"]
    );
}

#[test]
fn the_disconnect_of_a_peer_is_harmless() {
    for (_, layout) in LAYOUTS {
        let explained = explain(&laid_out(DISCONNECT, *layout));
        let found = &explained.explanations;
        assert!(
            found.iter().all(|found| found.worst() <= Weight::Note),
            "{found:?}"
        );
    }
}

#[test]
fn stack_traces_below_each_other_are_not_mixed() {
    let text = "\
java.io.IOException: CRC check failed
\tat org.apache.zookeeper.server.persistence.FileTxnLog$FileTxnIterator.next(FileTxnLog.java:640)
java.io.EOFException
\tat org.apache.zookeeper.server.quorum.QuorumPacket.deserialize(QuorumPacket.java:92)
";
    let explained = explain(text);
    assert_eq!(
        ids(&explained.explanations),
        ["log-checksum", "eof-connection"]
    );
    assert!(explained.explanations[0].led_to.is_empty());
}

#[test]
fn servers_whose_lines_are_mixed_are_told_apart() {
    let first = laid_out(TRACE, LAYOUTS[1].1);
    let second = laid_out(DISCONNECT, LAYOUTS[1].1);
    let mut mixed = String::new();
    let mut second = second.lines();
    for line in first.lines() {
        mixed.push_str(&format!("zk-1  | {line}\n"));
        if let Some(line) = second.next() {
            mixed.push_str(&format!("zk-2  | {line}\n"));
        }
    }
    let explained = explain(&mixed);
    let alone = explain(&first);
    assert_eq!(told(&explained)[..1], told(&alone)[..]);
    let others = &explained.explanations[1..];
    assert!(
        others.iter().all(|found| found.worst() <= Weight::Note),
        "{others:?}"
    );
}

/// `text` broken after each `width` characters of a line.
pub fn at_column(text: &str, width: usize) -> String {
    let pieces = text.lines().flat_map(|line| {
        let chars: Vec<char> = line.chars().collect();
        let pieces = chars
            .chunks(width)
            .map(|piece| piece.iter().collect::<String>());
        pieces.collect::<Vec<_>>()
    });
    pieces.map(|piece| piece + "\n").collect()
}

/// `text` broken as mails are: before the word that would not fit.
pub fn filled(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut len = 0;
        for word in line.split(' ') {
            if len > 0 && len + 1 + word.len() > width {
                out.push('\n');
                len = 0;
            } else if len > 0 {
                out.push(' ');
                len += 1;
            }
            out.push_str(word);
            len += word.len();
        }
        out.push('\n');
    }
    out
}

#[test]
fn broken_lines_say_what_whole_ones_do() {
    for log in LOGS {
        for (name, layout) in &LAYOUTS[..8] {
            let log = laid_out(log, *layout);
            let whole = told(&explain(&log));
            for width in [60, 72, 80, 100, 120] {
                let what = format!("{name} at {width}");
                let text = at_column(&log, width);
                assert_told(&text, &whole, &what);
                assert_told(
                    &text.replace('\n', "\r\n"),
                    &whole,
                    &format!("{what}, CRLF"),
                );
                assert_told(
                    &collected(&text, |l| format!("> {l}")),
                    &whole,
                    &format!("{what}, quoted"),
                );
                let journal = collected(&log, |l| {
                    format!("Nov 20 14:00:00 host zookeeper[812]: {l}")
                });
                assert_told(
                    &at_column(&journal, width),
                    &whole,
                    &format!("{what}, journal"),
                );
                assert_told(&filled(&log, width), &whole, &format!("{what}, in words"));
            }
        }
    }
}

#[test]
fn a_part_of_a_stack_trace_is_enough() {
    let text = laid_out(TRACE, LAYOUTS[1].1);
    let lines: Vec<&str> = text.lines().collect();
    for from in 0..lines.len() - 2 {
        let explained = explain(&lines[from..].join("\n"));
        assert_eq!(
            explained.explanations[0].entry.id, "length-in-log",
            "from {from}"
        );
    }
    let explained = explain(
        "ation: x\n\tat java.lang.Thread.run(Thread.java:750)\nCaused by: java.io.IOException: CRC check failed",
    );
    assert_eq!(ids(&explained.explanations), ["log-checksum"]);
}

#[test]
fn blanks_around_an_equals_sign_do_not_matter() {
    for text in [
        "Unreasonable length = 6559049",
        "Unreasonable length=6559049",
        "Unreasonable length =6559049",
    ] {
        let explained = explain(text);
        assert_eq!(ids(&explained.explanations), ["length"]);
        assert!(
            explained.explanations[0].facts[0].starts_with("6559049 bytes"),
            "{text}"
        );
    }
}
