//! The names of files in a data directory and their order (`Util`, `FileTxnSnapLog`). Reads no
//! contents.
//!
//! | name | what |
//! |---|---|
//! | `version-2/log.HEX` | a log; HEX is the zxid of its first record |
//! | `version-2/snapshot.HEX`, `….gz`, `….snappy` | a snapshot; HEX is the last zxid applied when it was begun |
//! | `version-2/acceptedEpoch`, `currentEpoch` | decimal, of an ensemble's member |
//! | `version-2/updatingEpoch` | empty, left by 3.4.6 to 3.4.14 in the middle of a change |
//! | `version-2/*.tmp` | left by a write that did not end |
//! | `version-2/zxidLayoutSwitchEpoch` | zxids have 24 bits of epoch and 40 of counter: proposed for ZooKeeper (pull request 2417), in no release |
//! | `myid` | a member's number |
//!
//! The hexadecimal has no leading zeros when a server writes it, and is a *signed* number when it
//! reads it. Servers up to 3.5 want exactly `log.HEX`; later ones take `log.HEX.anything` for a log
//! too, so a copy beside the original is read twice. Such names are told, and not read here.

use crate::format::snapshot::codec::Codec;
use crate::zxid::Zxid;
use std::path::{Path, PathBuf};

/// The folder that holds logs and snapshots: "version-" and the format's version.
pub const VERSION_DIR: &str = "version-2";
/// The epoch of the leader whose history the member holds.
pub const CURRENT_EPOCH: &str = "currentEpoch";
/// The newest epoch that the member promised to follow.
pub const ACCEPTED_EPOCH: &str = "acceptedEpoch";
/// Where this is, zxids have another layout, which they do not show by themselves.
pub const ZXID_LAYOUT: &str = "zxidLayoutSwitchEpoch";
/// The member's number.
pub const MYID: &str = "myid";

/// What a file name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileName {
    /// A log from this zxid on.
    Log(Zxid),
    /// A snapshot begun at this zxid.
    Snapshot(Zxid, Codec),
    /// One of the epoch files.
    Epoch,
    /// Something that servers of 3.6 and later read as a log or snapshot, though its name is not
    /// one that they write.
    Lookalike,
    /// What an interrupted write left.
    Leftover,
    /// Nothing that a server looks at.
    Foreign,
}

impl FileName {
    /// Reads a file name.
    pub fn parse(name: &str) -> FileName {
        if name == CURRENT_EPOCH || name == ACCEPTED_EPOCH {
            return FileName::Epoch;
        }
        let mut parts = name.split('.');
        let kind = parts.next().unwrap_or_default();
        let zxid = parts.next().and_then(parse_zxid);
        let rest: Vec<&str> = parts.collect();
        match (kind, zxid, rest.as_slice()) {
            ("log", Some(zxid), []) => FileName::Log(zxid),
            ("snapshot", Some(zxid), []) => FileName::Snapshot(zxid, Codec::Plain),
            ("snapshot", Some(zxid), [_]) if Codec::of_name(name) != Codec::Plain => {
                FileName::Snapshot(zxid, Codec::of_name(name))
            }
            ("log" | "snapshot", Some(_), _) => FileName::Lookalike,
            _ if name.ends_with(".tmp") || name == "updatingEpoch" => FileName::Leftover,
            _ => FileName::Foreign,
        }
    }
}

/// The name of the log that begins with `zxid`.
pub fn log_name(zxid: Zxid) -> String {
    format!("log.{:x}", zxid.to_i64())
}

/// The name of the snapshot begun at `zxid`.
pub fn snapshot_name(zxid: Zxid) -> String {
    format!("snapshot.{:x}", zxid.to_i64())
}

/// The zxid in a name that holds that of a log or of a snapshot, with more before or behind:
/// `zk1-snapshot.5.old`. `kind` is `log` or `snapshot`.
pub fn zxid_within(name: &str, kind: &str) -> Option<Zxid> {
    let (_, rest) = name.split_once(&format!("{kind}."))?;
    parse_zxid(rest.split(|c: char| !c.is_ascii_alphanumeric()).next()?)
}

fn parse_zxid(hex: &str) -> Option<Zxid> {
    i64::from_str_radix(hex, 16)
        .ok()
        .filter(|raw| *raw >= 0)
        .map(Zxid::from_i64)
}

/// The folder that holds the files, given a dataDir (or dataLogDir) or that very folder.
pub fn version_dir(dir: &Path) -> PathBuf {
    let inner = dir.join(VERSION_DIR);
    if inner.is_dir() { inner } else { dir.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_as_servers_tell_them() {
        let zxid = Zxid::from_i64;
        assert_eq!(FileName::parse("log.1"), FileName::Log(zxid(1)));
        assert_eq!(
            FileName::parse("log.3000001DB"),
            FileName::Log(zxid(0x3_0000_01db))
        );
        assert_eq!(
            FileName::parse("snapshot.0"),
            FileName::Snapshot(zxid(0), Codec::Plain)
        );
        assert_eq!(
            FileName::parse("snapshot.5.GZ"),
            FileName::Snapshot(zxid(5), Codec::Gzip)
        );
        assert_eq!(
            FileName::parse("snapshot.5.snappy"),
            FileName::Snapshot(zxid(5), Codec::Snappy)
        );
        for name in [
            "log.c.bak",
            "log.c.fixed",
            "snapshot.5.tmp",
            "snapshot.5.gz.tmp",
            "log.1.gz",
        ] {
            assert_eq!(FileName::parse(name), FileName::Lookalike, "{name}");
        }
        assert_eq!(FileName::parse("currentEpoch.tmp"), FileName::Leftover);
        for name in [
            "log",
            "log.",
            "log.xyz",
            "log.ffffffffffffffff",
            "logs.1",
            "snapshot.-1",
            "myid",
            "",
        ] {
            assert_eq!(FileName::parse(name), FileName::Foreign, "{name}");
        }
        assert_eq!(FileName::parse("currentEpoch"), FileName::Epoch);
    }

    #[test]
    fn a_zxid_is_found_within_a_longer_name() {
        let zxid = |name| zxid_within(name, "snapshot").map(Zxid::to_i64);
        assert_eq!(zxid("zk1-snapshot.100000005.gz.old"), Some(0x1_0000_0005));
        assert_eq!(zxid("snapshot.5.bak"), Some(5));
        assert_eq!(zxid("snapshot.5~"), Some(5));
        assert_eq!(
            zxid_within("exhibitor|log.5|132", "log"),
            zxid("snapshot.5").map(Zxid::from_i64)
        );
        for name in ["snapshot", "snapshot.", "snapshot.bin", "backup.5", "5"] {
            assert_eq!(zxid(name), None, "{name}");
        }
    }
}
