//! Lengths that a server does not believe.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::pattern::Captures;
use super::{IN_LOG, IN_NETWORK, IN_SNAPSHOT};
use crate::analysis::finding::Code;

/// Longer records than this were never seen; such a length is rather a damaged one.
const PLAUSIBLE_MAX: i64 = 1 << 28;

const WHICH: &str = "run `zoovault verify DIR`: it reads any size, and names the largest record or znode and the size that is needed (log-large-record, snapshot-large-data), or the damage \
                     (log-bad-length). If it is size, start every member with -Djute.maxbuffer of it; do not delete anything";

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "length-in-log",
        family: "length",
        signs: &[sign_with("Unreasonable length = {length}", IN_LOG)],
        cause: "a record in a log is larger than jute.maxbuffer lets this server read (often a multi, or the closeSession of a session with very many ephemerals), or its length is damaged",
        risk: Risk::Maybe,
        at_risk: "nothing if the record is merely large: it is intact, and a larger jute.maxbuffer reads them. If the length is damaged, the rest of the log",
        next: WHICH,
        findings: &[Code::LogLargeRecord, Code::LogBadLength],
        facts: about_length,
        ..BLANK
    },
    Entry {
        id: "length-in-snapshot",
        family: "length",
        signs: &[sign_with("Unreasonable length = {length}", IN_SNAPSHOT)],
        weight: Weight::Warning,
        cause: "a znode in a snapshot is larger than jute.maxbuffer lets this server read, or the snapshot is damaged; the server continues with the next older one",
        risk: Risk::Maybe,
        at_risk: "nothing if the znode is merely large; if there is no older snapshot, the server does not start",
        next: WHICH,
        findings: &[Code::SnapshotLargeData, Code::SnapshotDamaged],
        facts: about_length,
        ..BLANK
    },
    Entry {
        id: "length-in-packet",
        family: "length",
        signs: &[
            sign_with("Unreasonable length = {length}", IN_NETWORK),
            sign("Len error. {text} with advertised length of {length} is"),
            sign("Len error. {text} length {length}"),
            sign("Len error {length}"),
            sign("Packet len {length} is out of range"),
            sign("Packet len{length} is out of range"),
            sign("Received packet with invalid packet: {length}"),
            sign("Unreasonable buffer length: {length}"),
            sign("Rejecting large request"),
        ],
        weight: Weight::Warning,
        cause: "a packet from a client or another member is larger than jute.maxbuffer, or whatever connected does not speak ZooKeeper",
        risk: Risk::No,
        at_risk: "the packet was refused; no file is affected",
        next: "use the same -Djute.maxbuffer on all members and clients, or find out what connects to that port",
        facts: about_packet,
        ..BLANK
    },
    Entry {
        id: "length",
        family: "length",
        signs: &[sign("Unreasonable length = {length}")],
        cause: "something is larger than jute.maxbuffer lets this server read, or its length is damaged; with \"Unable to load database on disk\" it is a record of a log",
        risk: Risk::Maybe,
        at_risk: "nothing if it is merely large: it is intact, and a larger jute.maxbuffer reads them. If the length is damaged, the rest of the file",
        next: WHICH,
        findings: &[
            Code::LogLargeRecord,
            Code::SnapshotLargeData,
            Code::LogBadLength,
        ],
        facts: about_length,
        ..BLANK
    },
];

fn about_length(captures: &Captures) -> Vec<String> {
    let Some(length) = captures.decimal("length") else {
        return Vec::new();
    };
    let fact = if (0..PLAUSIBLE_MAX).contains(&length) {
        format!(
            "{length} bytes: -Djute.maxbuffer={length} or more reads that in every release (3.5.7 and later, and 3.6 and later, allow twice the setting), if it is a size at all"
        )
    } else {
        format!("{length} is an impossible size: bytes are damaged, or this is not ZooKeeper")
    };
    vec![fact]
}

/// The first four bytes of a packet are its length; other protocols begin with other things.
fn about_packet(captures: &Captures) -> Vec<String> {
    let bytes = captures
        .decimal("length")
        .and_then(|length| i32::try_from(length).ok())
        .map(i32::to_be_bytes);
    match bytes {
        Some([0x16, 0x03, ..]) => {
            vec![
                "it is the beginning of TLS: the other end uses it, and this one does not"
                    .to_owned(),
            ]
        }
        Some(bytes)
            if bytes
                .iter()
                .all(|byte| byte.is_ascii_graphic() || *byte == b' ') =>
        {
            vec![format!(
                "it is the text \"{}\": what connected speaks another protocol",
                bytes.escape_ascii()
            )]
        }
        _ => about_length(captures),
    }
}
