//! Snapshots of ZooKeeper 2, told from what is merely damaged. They are not read.
//!
//! Sessions, then znodes from the root on until the path `/`: path, data, the ACL as a list, and
//! the stat without a pzxid. There is no header, nor a checksum (`UpgradeSnapShotV1`, `DataNodeV1`,
//! by which releases up to 3.4 took them over).

use crate::error::DecodeError;
use crate::format::jute::Reader;

/// The stat that went with a znode: no pzxid.
const STAT_LEN: usize = 8 * 4 + 4 * 3 + 8;
/// A session: its id and its timeout.
const SESSION_LEN: usize = 8 + 4;
/// The least that an entry of an ACL takes: the permissions, and two empty strings.
const ACL_LEN_MIN: usize = 4 + 4 + 4;

/// Whether `bytes`, with which a file begins, are those of such a snapshot: the root comes first,
/// and a path behind it.
pub(super) fn is_version_2(bytes: &[u8]) -> bool {
    begins_with_root(&mut Reader::new(bytes, 0)).unwrap_or(false)
}

fn begins_with_root(input: &mut Reader<'_>) -> Result<bool, DecodeError> {
    let sessions = input.count(SESSION_LEN, "sessions")?.unwrap_or(0);
    input.take(sessions * SESSION_LEN, "sessions")?;
    let root = input.string("path")?;
    input.buffer("data")?;
    for _ in 0..input.count(ACL_LEN_MIN, "acl")?.unwrap_or(0) {
        input.int("perms")?;
        input.string("scheme")?;
        input.string("id")?;
    }
    input.take(STAT_LEN, "stat")?;
    let second = input.string("path")?;
    Ok(root.is_empty() && second.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::jute::Put;

    fn snapshot(second: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.put_int(1);
        bytes.put_long(0x11);
        bytes.put_int(30_000);
        bytes.put_buffer(Some(b""));
        bytes.put_buffer(Some(b""));
        bytes.put_int(1);
        bytes.put_int(31);
        bytes.put_buffer(Some(b"world"));
        bytes.put_buffer(Some(b"anyone"));
        bytes.extend([0; STAT_LEN]);
        bytes.put_buffer(Some(second));
        bytes
    }

    #[test]
    fn a_snapshot_of_zookeeper_2_is_known_by_its_first_znodes() {
        assert!(is_version_2(&snapshot(b"/app")));
        assert!(is_version_2(&snapshot(b"/")));
        assert!(!is_version_2(&snapshot(b"app")));
        assert!(!is_version_2(&[0; 500]));
        assert!(!is_version_2(b"ZKSN"));
        let whole = snapshot(b"/app");
        for len in 0..whole.len() {
            assert!(!is_version_2(&whole[..len]));
        }
    }
}
