//! Snapshots under free names as bases: what was found when they were read whole tells what they are exact from.

use super::base::{Base, BaseFile, ExactFrom};
use crate::history::source::{Dated, Source, SourceFile};
use crate::zxid::Zxid;

/// A snapshot under a free name as a base, by what was found when it was read whole. It is none where its znodes are known to be of no one moment.
pub(super) fn base(dated: Dated, index: usize, zxid: Zxid) -> Option<Base> {
    let exact_from = match dated {
        Dated::Exact(zxid) => ExactFrom::Known(zxid),
        Dated::Open(_) => ExactFrom::Open,
        Dated::Fuzzy(_) => return None,
    };
    Some(Base {
        file: BaseFile::Snapshot(index),
        zxid,
        exact_from,
        reapplies_its_own: false,
    })
}

/// Whether there is nothing but a snapshot under a free name that is known to be fuzzy.
pub(super) fn is_fuzzy(source: &Source) -> bool {
    let mut dated = source.snapshots().iter().map(SourceFile::dated);
    dated.any(|dated| matches!(dated, Some(Dated::Fuzzy(_))))
}
