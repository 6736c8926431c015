//! `StatPersisted`: what a znode carries besides its data, 60 bytes.
//!
//! | offset | size | field | | offset | size | field |
//! |---|---|---|---|---|---|---|
//! | 0 | 8 | czxid | | 32 | 4 | version |
//! | 8 | 8 | mzxid | | 36 | 4 | cversion |
//! | 16 | 8 | ctime | | 40 | 4 | aversion |
//! | 24 | 8 | mtime | | 44 | 8 | ephemeralOwner |
//! | | | | | 52 | 8 | pzxid |

use crate::error::DecodeError;
use crate::format::jute::{Put, Reader};
use crate::zxid::Zxid;

/// What each member writes anew from its configuration.
const CONFIG_NODE: &[u8] = b"/zookeeper/config";

/// The size of an encoded [`Stat`].
pub const STAT_LEN: usize = 6 * 8 + 3 * 4;

/// The persisted part of a znode's stat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stat {
    /// The txn that created the znode.
    pub czxid: Zxid,
    /// The txn that last set its data.
    pub mzxid: Zxid,
    /// When it was created: ms since 1970, by the leader's clock.
    pub ctime: i64,
    /// When its data was last set, likewise.
    pub mtime: i64,
    /// How often its data was set.
    pub version: i32,
    /// The number of creates below it, from which sequential names are made. Since 3.4 a client is
    /// shown another number instead: see [`Stat::client_cversion`].
    pub cversion: i32,
    /// How often its ACL was set.
    pub aversion: i32,
    /// 0, a session, or the mark of a container or TTL node.
    pub ephemeral_owner: i64,
    /// The txn that last created or deleted a child.
    pub pzxid: Zxid,
}

impl Stat {
    /// The stat of a znode that the txn `zxid` creates at `time`.
    pub fn created(zxid: Zxid, time: i64, ephemeral_owner: i64) -> Stat {
        Stat {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: time,
            mtime: time,
            version: 0,
            cversion: 0,
            aversion: 0,
            ephemeral_owner,
        }
    }

    /// Takes a stat off `input`.
    ///
    /// # Errors
    /// When the input ends.
    pub fn decode(input: &mut Reader<'_>) -> Result<Stat, DecodeError> {
        Ok(Stat {
            czxid: Zxid::from_i64(input.long("czxid")?),
            mzxid: Zxid::from_i64(input.long("mzxid")?),
            ctime: input.long("ctime")?,
            mtime: input.long("mtime")?,
            version: input.int("version")?,
            cversion: input.int("cversion")?,
            aversion: input.int("aversion")?,
            ephemeral_owner: input.long("ephemeralOwner")?,
            pzxid: Zxid::from_i64(input.long("pzxid")?),
        })
    }

    /// Puts the stat at the end of `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_long(self.czxid.to_i64());
        out.put_long(self.mzxid.to_i64());
        out.put_long(self.ctime);
        out.put_long(self.mtime);
        out.put_int(self.version);
        out.put_int(self.cversion);
        out.put_int(self.aversion);
        out.put_long(self.ephemeral_owner);
        out.put_long(self.pzxid.to_i64());
    }

    /// The `cversion` that a server of 3.4 and later shows its clients: creates and deletes
    /// together (`DataNode.copyStat`).
    pub fn client_cversion(&self, children: usize) -> i32 {
        let children = i32::try_from(children).unwrap_or(i32::MAX);
        self.cversion.wrapping_mul(2).wrapping_sub(children)
    }

    /// The largest zxid in it.
    pub fn max_zxid(&self) -> Zxid {
        self.czxid.max(self.mzxid).max(self.pzxid)
    }

    /// The zxids of txns that the znode at `path` shows. A member writes `/zookeeper/config` from
    /// its own configuration, without a txn and under the name of the epoch that it joins.
    pub fn zxids_shown(&self, path: &[u8]) -> impl Iterator<Item = Zxid> {
        let is_config = path == CONFIG_NODE;
        let zxids = [self.czxid, self.mzxid, self.pzxid].into_iter();
        zxids.filter(move |zxid| !(is_config && zxid.counter() == 0))
    }

    /// The largest of them.
    pub fn shows(&self, path: &[u8]) -> Zxid {
        self.zxids_shown(path).max().unwrap_or(Zxid::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_is_60_bytes_both_ways() {
        let bytes: Vec<u8> = (0..60).collect();
        let stat = Stat::decode(&mut Reader::new(&bytes, 0)).unwrap();
        assert_eq!(stat.version, 0x2021_2223);
        assert_eq!(stat.pzxid, Zxid::from_i64(0x3435_3637_3839_3a3b));
        let mut encoded = Vec::new();
        stat.encode(&mut encoded);
        assert_eq!(encoded, bytes);
        assert_eq!(encoded.len(), STAT_LEN);
    }

    #[test]
    fn the_name_of_an_epoch_in_the_configuration_is_no_txn() {
        let stat = Stat {
            mzxid: Zxid::new(2, 0),
            pzxid: Zxid::new(1, 7),
            ..Stat::default()
        };
        assert_eq!(stat.shows(b"/zookeeper/config"), Zxid::new(1, 7));
        // A standalone server that counts on gives it to a txn.
        assert_eq!(stat.shows(b"/app"), Zxid::new(2, 0));
    }
}
