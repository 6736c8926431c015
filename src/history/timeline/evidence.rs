//! What shows that txns are missing at the end of an epoch.
//!
//! The logs of a member may go from the last txn that it has of an epoch straight to the first of a
//! later one. Zxids do not tell whether that was the epoch's last txn: a follower that was down
//! meanwhile and was then sent the whole tree has such logs, and so has one whose last log of an
//! epoch was lost, cut or zeroed. What tells is anything that knows of a txn in between:
//!
//! - the name of a snapshot (`FileTxnSnapLog.save` names it after the last txn applied), except
//!   counter 0, which names an epoch's start;
//! - a znode of a later snapshot, whose czxid, mzxid or pzxid is the zxid of such a txn;
//! - the digest that a leader logged behind the boundary, where the tree replayed over it has
//!   another;
//! - a later snapshot, where the tree replayed over the boundary is another;
//! - what a backup noted of any of these.
//!
//! The first two tell the zxid of a txn: a timeline never goes over one that it does not hold. The
//! others tell of one end of an epoch only, and say nothing where another member's logs end that
//! epoch otherwise.

use crate::history::source::Source;
use crate::repository::StoredEvidence;
use crate::zxid::Zxid;

/// What shows that txns are missing at the end of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A txn of this zxid was applied.
    Txn(Zxid),
    /// The tree behind `first`, the first txn of an epoch, is not what the txns up to `last` lead
    /// to: some are missing in between, or the last ones were abandoned, which is to say proposed
    /// and never committed.
    Difference {
        /// The last txn before.
        last: Zxid,
        /// The first txn behind.
        first: Zxid,
    },
}

/// What `source` shows without a look into its snapshots: their names, and what a repository noted.
pub(super) fn noted(source: &Source) -> Vec<Evidence> {
    let mut evidence: Vec<Evidence> = Vec::new();
    for file in source.snapshots() {
        let name = Some(file.zxid()).filter(|zxid| zxid.counter() > 0);
        let stored = file.promised_base();
        let seen = stored.map_or(&[][..], |stored| &stored.newest_zxids);
        let txns = name.into_iter().chain(seen.iter().copied());
        evidence.extend(txns.map(Evidence::Txn));
    }
    if let Some(stored) = source.stored_evidence() {
        evidence.extend(stored.txns.iter().copied().map(Evidence::Txn));
        let ends = stored.refuted_ends.iter();
        evidence.extend(ends.map(|&(last, first)| Evidence::Difference { last, first }));
    }
    evidence
}

impl super::Timeline {
    /// What shows of the gaps at ends of epochs, to be kept where the snapshots that show it are
    /// not.
    pub fn evidence_of_gaps(&self) -> StoredEvidence {
        let mut stored = StoredEvidence::default();
        for gap in self.gaps().iter().filter(|gap| gap.is_end_of_epoch()) {
            stored.txns.extend(gap.known_to);
            if gap.is_by_difference {
                stored.refuted_ends.insert((gap.after, gap.before));
            }
        }
        stored
    }
}
