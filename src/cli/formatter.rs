//! A tree as ZooKeeper's own `SnapshotFormatter` of 3.8 prints the snapshot of it.
//!
//! The original walks hash sets; here siblings stand by name and sessions by id. Paths are escaped. Times are in the local zone, as `Date.toString`
//! has them in English.

use super::value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::{self, Write};
use zoovault::record::Stat;
use zoovault::tree::DataTree;
use zoovault::zxid::Zxid;

/// Writes all of it; with `data`, the data in base64 in place of its length.
pub fn write(out: &mut impl Write, tree: &DataTree, zxid: Zxid, data: bool) -> io::Result<()> {
    let mut dates = Dates::new();
    // A server's table has the root twice, as "" and as "/".
    writeln!(out, "ZNode Details (count={}):", tree.len() + 1)?;
    let mut newest = zxid;
    for node in tree.in_order() {
        writeln!(out, "----")?;
        value::write_path(out, node.path)?;
        writeln!(out)?;
        write_stat(out, node.stat, &mut dates)?;
        let bytes = node.data.unwrap_or_default();
        match data {
            true => writeln!(out, "  data = {}", STANDARD.encode(bytes))?,
            false => writeln!(out, "  dataLength = {}", bytes.len())?,
        }
        newest = newest.max(node.stat.mzxid).max(node.stat.pzxid);
    }
    writeln!(out, "----")?;
    writeln!(out, "Session Details (sid, timeout, ephemeralCount):")?;
    for (session, timeout_ms) in tree.sessions() {
        let count = tree.ephemerals_of(session).count();
        writeln!(out, "{}, {timeout_ms}, {count}", hex(session.0))?;
    }
    writeln!(out, "----\nLast zxid: {newest}")
}

fn write_stat(out: &mut impl Write, stat: &Stat, dates: &mut Dates) -> io::Result<()> {
    writeln!(out, "  cZxid = {}", hex(stat.czxid.to_i64()))?;
    writeln!(out, "  ctime = {}", dates.show(stat.ctime))?;
    writeln!(out, "  mZxid = {}", hex(stat.mzxid.to_i64()))?;
    writeln!(out, "  mtime = {}", dates.show(stat.mtime))?;
    writeln!(out, "  pZxid = {}", hex(stat.pzxid.to_i64()))?;
    writeln!(out, "  cversion = {}", stat.cversion)?;
    writeln!(out, "  dataVersion = {}", stat.version)?;
    writeln!(out, "  aclVersion = {}", stat.aversion)?;
    writeln!(out, "  ephemeralOwner = {}", hex(stat.ephemeral_owner))
}

/// `%#016x` of Java: at least 16 characters, `0x` among them.
fn hex(number: i64) -> String {
    format!("{number:#016x}")
}

/// Times as `Date.toString` has them. Znodes that stand together are often of one second, and a calendar takes its time.
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
