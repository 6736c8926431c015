//! A tree as ZooKeeper's own `SnapshotFormatter` of 3.8 prints the snapshot of it.
//!
//! The original walks hash sets; here siblings stand by name, or as they stand in the file, and
//! sessions by id. Paths are escaped. Times are in the local zone, as `Date.toString` has them in
//! English.

use crate::cli::views::text::put_hex;
use crate::cli::views::value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::io::{self, Write};
use zoovault::format::record::Stat;
use zoovault::history::source::{Source, SourceFile};
use zoovault::tree::DataTree;
use zoovault::zxid::{SessionId, Zxid};

/// Writes all of it; with `data`, the data in base64 in place of its length.
pub fn write(out: &mut impl Write, tree: &DataTree, zxid: Zxid, data: bool) -> io::Result<()> {
    let mut nodes = Nodes::new(data);
    let mut newest = zxid;
    begin(out, tree.len() as u64)?;
    for node in tree.in_order() {
        nodes.write(out, node.path, node.data, node.stat)?;
        newest = newest.max(node.stat.mzxid).max(node.stat.pzxid);
    }
    let sessions = tree.sessions();
    let sessions = sessions.map(|(id, timeout)| (id, timeout, tree.ephemerals_of(id).count()));
    end(out, sessions, newest)
}

/// Writes a snapshot as it stands in its file, which is what the tool does: read twice, and never
/// held. Gives what it may have of later txns, if anything.
///
/// # Errors
/// Damage, before anything is written; failures to read and to write.
pub fn write_file(
    out: &mut impl Write,
    source: &Source,
    file: &SourceFile,
    data: bool,
) -> anyhow::Result<Option<String>> {
    let mut reader = source.open_snapshot(file)?;
    let mut sessions: BTreeMap<SessionId, (i32, usize)> = BTreeMap::new();
    for (session, timeout_ms) in &reader.sessions {
        sessions.insert(*session, (*timeout_ms, 0));
    }
    let name = Some(file.zxid()).filter(|zxid| *zxid != Zxid::UNKNOWN);
    let name = name.unwrap_or(Zxid::ZERO);
    let (mut count, mut newest) = (0, name);
    while let Some(node) = reader.next_node()? {
        count += 1;
        newest = newest.max(node.stat.mzxid).max(node.stat.pzxid);
        if let Some((_, owned)) = sessions.get_mut(&SessionId(node.stat.ephemeral_owner)) {
            *owned += 1;
        }
    }
    let (trailer, _) = reader.finish()?;
    begin(out, count)?;
    let mut nodes = Nodes::new(data);
    let mut reader = source.open_snapshot(file)?;
    while let Some(node) = reader.next_node()? {
        nodes.write(out, node.path, node.data, &node.stat)?;
    }
    let sessions = sessions.into_iter();
    end(
        out,
        sessions.map(|(id, (timeout, owned))| (id, timeout, owned)),
        newest,
    )?;
    let counted = trailer.digest.map(|(zxid, _)| zxid).max(trailer.last_zxid);
    let is_recorded = counted.is_some_and(|zxid| zxid >= name);
    Ok(match newest.max(counted.unwrap_or(Zxid::ZERO)) {
        last if last > name => Some(format!("it has parts of later transactions, up to {last}")),
        _ if is_recorded => None,
        _ => Some(
            "it does not say when it was finished, and may have parts of later transactions"
                .to_owned(),
        ),
    })
}

fn begin(out: &mut impl Write, znodes: u64) -> io::Result<()> {
    // A server's table has the root twice, as "" and as "/".
    writeln!(out, "ZNode Details (count={}):", znodes + 1)
}

fn end(
    out: &mut impl Write,
    sessions: impl Iterator<Item = (SessionId, i32, usize)>,
    newest: Zxid,
) -> io::Result<()> {
    writeln!(out, "----")?;
    writeln!(out, "Session Details (sid, timeout, ephemeralCount):")?;
    for (session, timeout_ms, count) in sessions {
        writeln!(out, "{:#016x}, {timeout_ms}, {count}", session.0)?;
    }
    writeln!(out, "----\nLast zxid: {newest}")
}

/// Writes znodes, each by way of one string.
struct Nodes {
    dates: Dates,
    text: String,
    /// Whether data is written, and not only its length.
    data: bool,
}

impl Nodes {
    fn new(data: bool) -> Nodes {
        Nodes {
            dates: Dates::new(),
            text: String::new(),
            data,
        }
    }

    fn write(
        &mut self,
        out: &mut impl Write,
        path: &[u8],
        bytes: Option<&[u8]>,
        stat: &Stat,
    ) -> io::Result<()> {
        out.write_all(b"----\n")?;
        value::write_path(out, path)?;
        self.text.clear();
        self.put_stat(stat);
        let bytes = bytes.unwrap_or_default();
        let text = &mut self.text;
        if self.data {
            text.push_str("\n  data = ");
            STANDARD.encode_string(bytes, text);
        } else {
            put_number(text, "dataLength", bytes.len());
        }
        text.push('\n');
        out.write_all(text.as_bytes())
    }

    /// Zxids and owners are `%#016x` of Java: at least 16 characters, `0x` among them.
    fn put_stat(&mut self, stat: &Stat) {
        let text = &mut self.text;
        text.push_str("\n  cZxid = ");
        put_hex(text, stat.czxid.to_i64(), DIGITS);
        text.push_str("\n  ctime = ");
        text.push_str(self.dates.show(stat.ctime));
        text.push_str("\n  mZxid = ");
        put_hex(text, stat.mzxid.to_i64(), DIGITS);
        text.push_str("\n  mtime = ");
        text.push_str(self.dates.show(stat.mtime));
        text.push_str("\n  pZxid = ");
        put_hex(text, stat.pzxid.to_i64(), DIGITS);
        put_number(text, "cversion", stat.cversion);
        put_number(text, "dataVersion", stat.version);
        put_number(text, "aclVersion", stat.aversion);
        text.push_str("\n  ephemeralOwner = ");
        put_hex(text, stat.ephemeral_owner, DIGITS);
    }
}

/// How many digits a zxid has at least.
const DIGITS: u32 = 14;

fn put_number(text: &mut String, name: &str, number: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = std::fmt::Write::write_fmt(text, format_args!("\n  {name} = {number}"));
}

/// Times as `Date.toString` has them. Znodes that stand together are often of one second, and a
/// calendar takes its time.
struct Dates {
    zone: TimeZone,
    last: (i64, String),
}

impl Dates {
    fn new() -> Dates {
        Dates {
            zone: TimeZone::system(),
            last: (i64::MIN, String::new()),
        }
    }

    fn show(&mut self, ms: i64) -> &str {
        let second = ms.div_euclid(1000);
        if self.last.0 != second {
            let shown = match Timestamp::from_millisecond(ms) {
                Ok(time) => {
                    let zoned = time.to_zoned(self.zone.clone());
                    zoned.strftime("%a %b %d %H:%M:%S %Z %Y").to_string()
                }
                Err(_) => format!("@{ms}ms"),
            };
            self.last = (second, shown);
        }
        &self.last.1
    }
}
