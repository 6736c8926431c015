//! What is known of a znode at a moment.

use crate::format::record::Stat;
use crate::zxid::Zxid;
use std::sync::Arc;

/// Which parts of a znode are known. What a fuzzy snapshot tells of a znode may be newer than the
/// moment that is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// `czxid`, `ctime`, `ephemeralOwner`.
    pub life: bool,
    /// The data, and `version`, `mzxid`, `mtime` with it.
    pub data: bool,
    /// The ACL, and `aversion` with it.
    pub acl: bool,
    /// `cversion` and `pzxid`.
    pub children: bool,
}

impl Known {
    /// Everything.
    pub const ALL: Known = Known {
        life: true,
        data: true,
        acl: true,
        children: true,
    };
}

/// A znode, as far as it is known. What is not known is zero or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Znode {
    /// The data; null and empty differ.
    pub data: Option<Arc<[u8]>>,
    /// The ACL, as its jute bytes.
    pub acl: Option<Arc<[u8]>>,
    /// Everything else.
    pub stat: Stat,
    /// What of it is known.
    pub known: Known,
}

/// What is known of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not even whether there is a znode.
    #[default]
    Unknown,
    /// There is none.
    Absent {
        /// The txn that deleted the last one, where that is known.
        deleted: Option<Zxid>,
    },
    /// There is one.
    Present(Znode),
}

impl State {
    /// The znode, where there is one.
    pub fn znode(&self) -> Option<&Znode> {
        match self {
            State::Present(znode) => Some(znode),
            State::Unknown | State::Absent { .. } => None,
        }
    }

    /// The znode, to be changed: where it was unknown whether there is one, there is now.
    pub(super) fn znode_mut(&mut self) -> &mut Znode {
        if !matches!(self, State::Present(_)) {
            *self = State::Present(Znode::default());
        }
        match self {
            State::Present(znode) => znode,
            State::Unknown | State::Absent { .. } => unreachable!("it was made present above"),
        }
    }
}

impl Znode {
    /// What a snapshot's record tells of the moment after `floor`, before which it was not written:
    /// only what no later txn can have changed. Of an ACL no zxid tells; one that was never set is
    /// that of the creation.
    pub(super) fn as_of(&self, floor: Zxid) -> State {
        if self.stat.czxid > floor {
            return State::Unknown;
        }
        let known = Known {
            life: true,
            data: self.stat.mzxid <= floor,
            acl: self.known.acl && self.stat.aversion == 0,
            children: self.stat.pzxid <= floor,
        };
        let mut znode = Znode::default();
        znode.take_from(self, known);
        State::Present(znode)
    }

    /// Takes the parts that `wanted` names from `other`.
    pub(super) fn take_from(&mut self, other: &Znode, wanted: Known) {
        let (stat, theirs) = (&mut self.stat, &other.stat);
        if wanted.life && other.known.life {
            stat.czxid = theirs.czxid;
            stat.ctime = theirs.ctime;
            stat.ephemeral_owner = theirs.ephemeral_owner;
            self.known.life = true;
        }
        if wanted.data && other.known.data {
            self.data = other.data.clone();
            stat.mzxid = theirs.mzxid;
            stat.mtime = theirs.mtime;
            stat.version = theirs.version;
            self.known.data = true;
        }
        if wanted.acl && other.known.acl {
            self.acl = other.acl.clone();
            stat.aversion = theirs.aversion;
            self.known.acl = true;
        }
        if wanted.children && other.known.children {
            stat.cversion = theirs.cversion;
            stat.pzxid = theirs.pzxid;
            self.known.children = true;
        }
    }

    /// Takes what is not known from a snapshot's record of the same znode, once all txns that it
    /// may be ahead by were gone through.
    pub(super) fn settle(&mut self, record: &Znode) {
        if self.known.life && self.stat.czxid != record.stat.czxid {
            return;
        }
        let (known, pzxid) = (self.known, self.stat.pzxid);
        self.take_from(
            record,
            Known {
                life: !known.life,
                data: !known.data,
                acl: !known.acl,
                children: !known.children,
            },
        );
        // A deletion raised it, and the record may be from before.
        self.stat.pzxid = self.stat.pzxid.max(pzxid);
    }
}
