//! What the content of a file says of its moment, where its name says nothing.

use crate::zxid::Zxid;

/// What a snapshot under a free name says of itself, once it was read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dated {
    /// Its znodes are those after this txn: their digest is the one recorded.
    Exact(Zxid),
    /// It was finished after this txn, and its znodes are of no one moment: their digest is
    /// another.
    Fuzzy(Zxid),
    /// This is the zxid that it was begun or finished at, if any is known, and nothing tells
    /// whether txns were applied meanwhile.
    Open(Option<Zxid>),
}

/// What was read of a snapshot under a free name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inside {
    pub(super) dated: Dated,
    /// The largest zxid in any znode.
    pub(super) max_zxid: Zxid,
}
