//! Snapshots that no log goes with, and how much of the doubt about them whoever asks for a tree
//! accepts.
//!
//! Copied snapshots, a dataLogDir that nobody named, an ensemble that never had a client: nothing
//! tells when such a file was finished, and so which effects of later txns are in it. Where its
//! znodes show none (`czxid`, `mzxid`, `pzxid`), it may well be the tree of its name; but a later
//! delete whose parent was written before, a later ACL and a later session leave no zxid behind.
//! Where they do show some, no moment ever had that tree: it can be looked at, and is nothing to
//! restore.

use super::{Base, BaseFile, Proof, Purpose, Rejected, Replayed};
use crate::error::{Error, ErrorKind, Hint, Result};
use crate::history::History;
use crate::history::source::{Source, SourceFile};
use crate::progress::Progress;
use crate::tree::DataTree;
use crate::zxid::Zxid;

/// What is taken for a tree where nothing proves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// Nothing.
    #[default]
    Exact,
    /// A snapshot by itself, at the zxid of its name, if it shows no later txn.
    Alone,
    /// That, and one that does show later txns: the content of a file, and the tree of no moment.
    AsIs,
}

/// What is asked of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What it is for.
    pub purpose: Purpose,
    /// What is taken where nothing proves it.
    pub trust: Trust,
}

/// A snapshot that was taken by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    /// Its name.
    pub name: String,
    /// The zxid in its name.
    pub zxid: Zxid,
    /// The highest zxid that any of its znodes shows.
    pub shows: Zxid,
    /// Whether the digest in it is of another tree: parts of the txn that was being applied are in
    /// it.
    pub is_ahead: bool,
}

impl Alone {
    /// Whether it shows no txn that is later than it.
    pub fn is_plausible(&self) -> bool {
        self.shows <= self.zxid && !self.is_ahead && self.zxid != Zxid::UNKNOWN
    }

    /// What it holds that it should not.
    pub fn parts(&self) -> String {
        match self.shows > self.zxid {
            true => format!(
                "it contains parts of later transactions, up to at least {}",
                self.shows
            ),
            false => "the digest in it does not match, so it contains parts of a later transaction"
                .to_owned(),
        }
    }

    /// What whoever reads its tree has to know.
    pub fn words(&self) -> String {
        let (name, zxid, shows) = (&self.name, self.zxid, self.shows);
        match self.is_plausible() {
            true => format!(
                "unproven: {name} has no logs, so it is not known when it was finished. None of its znodes shows a transaction after {zxid}, but it may still contain deletes, ACLs and sessions of later transactions"
            ),
            false if shows > zxid => format!(
                "as it is in the file: {name} contains parts of later transactions, up to at least {shows}; this tree never existed"
            ),
            false => format!(
                "as it is in the file: {name} contains parts of a later transaction, since the digest in it does not match; this tree never existed"
            ),
        }
    }

    /// What can be done with it, as the hint of a refusal.
    fn way(&self) -> Hint {
        let name = self.name.clone();
        match self.is_plausible() {
            true => Hint::UseSnapshotAsIs { name },
            false => Hint::InspectSnapshotAsIs {
                name,
                why: self.parts(),
            },
        }
    }
}

/// The highest zxid that any znode of a tree shows.
pub(super) fn shown(tree: &DataTree) -> Zxid {
    let zxids = tree.nodes().map(|node| node.stat.shows(node.path));
    zxids.max().unwrap_or(Zxid::ZERO)
}

impl History<'_> {
    /// The tree of a snapshot by itself, where `refusal` is why `target` cannot be had as it should
    /// be: `refusal` again, with what can be done, if there is none that is trusted so far.
    pub(super) fn tree_of_alone(
        &self,
        (target, trust): (Zxid, Trust),
        refusal: Error,
        progress: &dyn Progress,
    ) -> Result<(Replayed, Vec<Rejected>)> {
        if !matches!(refusal.kind(), ErrorKind::NotReachable | ErrorKind::Damage) {
            return Err(refusal);
        }
        let Some((mut replayed, alone)) = self.load_alone(target, progress)? else {
            return Err(refusal);
        };
        let needed = match alone.is_plausible() {
            true => Trust::Alone,
            false => Trust::AsIs,
        };
        if trust < needed {
            let way = alone.way();
            return Err(refusal.also(way));
        }
        replayed.proof = Proof::Unproven;
        replayed.alone = Some(alone);
        Ok((replayed, Vec::new()))
    }

    /// The snapshot named `target`, if it is whole and nothing in it contradicts itself.
    fn load_alone(
        &self,
        target: Zxid,
        progress: &dyn Progress,
    ) -> Result<Option<(Replayed, Alone)>> {
        for base in self.bases()?.iter().rev() {
            if !matches!(base.file, BaseFile::Snapshot(_)) || base.zxid != target {
                continue;
            }
            // Its own txn is not applied again: the file is all that there is.
            let base = Base {
                reapplies_its_own: false,
                ..base.clone()
            };
            match self.replay(&base, target, progress) {
                Ok(replayed) => {
                    let alone = Alone {
                        name: base.name(self.source),
                        zxid: target,
                        shows: shown(&replayed.tree),
                        is_ahead: replayed.digests.open_mismatch.is_some(),
                    };
                    return Ok(Some((replayed, alone)));
                }
                Err(error) if error.kind() == ErrorKind::Damage => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// The first snapshot by itself, for whoever asks for the first point where none is exact.
pub(super) fn first(source: &Source, trust: Trust) -> Option<Zxid> {
    let names = source.snapshots().iter().map(SourceFile::zxid);
    names.min().filter(|_| trust > Trust::Exact)
}
