//! What shows that txns are missing at the end of an epoch.
//!
//! The logs of a member may go from the last txn that it has of an epoch straight to the first of a later one. Zxids do not tell
//! whether that was the epoch's last txn: a follower that was down meanwhile and was then sent the whole tree has such logs, and so
//! has one whose last log of an epoch was lost, cut or zeroed. What tells is anything that knows of a txn in between:
//!
//! - the name of a snapshot (`FileTxnSnapLog.save` names it after the last txn applied), except counter 0, which names an epoch's start;
//! - a znode of a later snapshot, whose czxid, mzxid or pzxid is the zxid of such a txn;
//! - the digest that a leader logged behind the boundary, where the tree replayed over it has another;
//! - a later snapshot, where the tree replayed over the boundary is another;
//! - what a backup noted of any of these.
//!
//! Each stands for one zxid that was used. A timeline never goes over one that it does not hold.

use crate::source::Source;
use crate::zxid::Zxid;

/// What shows that txns are missing at the end of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The txn that was there; where only the trees differ, the one right after the last that is there stands for it.
    pub zxid: Zxid,
    /// What shows it.
    pub witness: Witness,
}

/// What shows that a txn was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// The snapshot of this index, by its name or by a znode.
    Snapshot(usize),
    /// The trees before and behind differ. Then the last txns that are there may also have been abandoned: proposed and never committed.
    Difference,
}

impl Evidence {
    /// Where the trees on both sides of the end of an epoch differ: nothing goes on behind `last`, the last txn of the epoch that is there.
    pub fn of_difference(last: Zxid) -> Evidence {
        Evidence {
            zxid: last.next(),
            witness: Witness::Difference,
        }
    }

    /// What the snapshot of index `snapshot` shows: its znodes hold these zxids.
    pub fn of_znodes(snapshot: usize, zxids: &[Zxid]) -> impl Iterator<Item = Evidence> {
        zxids.iter().map(move |zxid| Evidence {
            zxid: *zxid,
            witness: Witness::Snapshot(snapshot),
        })
    }
}

/// What `source` shows without a look into its snapshots: their names, and what a repository noted.
pub(super) fn noted(source: &Source) -> Vec<Evidence> {
    let mut evidence: Vec<Evidence> = Vec::new();
    for (index, file) in source.snapshots().iter().enumerate() {
        let name = Some(file.zxid()).filter(|zxid| zxid.counter() > 0);
        let stored = file.promised_base();
        let seen = stored.map_or(&[][..], |stored| &stored.newest_zxids);
        evidence.extend(Evidence::of_znodes(index, name.as_slice()));
        evidence.extend(Evidence::of_znodes(index, seen));
    }
    let lost = source.ends_lost().iter();
    evidence.extend(lost.map(|last| Evidence::of_difference(*last)));
    evidence
}
