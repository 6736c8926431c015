//! What a stretch of history begins on: the scope's znodes in a base.

use super::scope::Scope;
use super::znode::{Known, Znode};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::acl::OPEN_ACL_UNSAFE;
use crate::format::snapshot::OPEN_ACL_ID;
use crate::history::History;
use crate::history::replay::{Base, BaseFile, ExactFrom};
use crate::history::source::Source;
use crate::history::timeline::Timeline;
use crate::progress::Progress;
use crate::tree::{AclValue, parent_path, root_as_empty};
use crate::zxid::Zxid;
use std::collections::HashMap;
use std::sync::Arc;

/// The scope's znodes in a base, as they were written.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    /// By path.
    pub znodes: HashMap<Box<[u8]>, Znode>,
    /// Ephemerals right below the scope, with their owners: a closeSession that deletes them need
    /// not list them.
    pub children_owned: Vec<(i64, Box<[u8]>)>,
    /// The txn after which it stands, at the earliest: those behind it are gone through.
    pub floor: Zxid,
    /// Up to where it may be ahead of that.
    pub fuzzy_to: Zxid,
}

impl Beginning {
    /// Reads `base` for the znodes of `scope`; the whole of it, so that its seals are checked.
    pub fn read(
        history: &History<'_>,
        base: &Base,
        scope: &Scope,
        progress: &dyn Progress,
    ) -> Result<Beginning> {
        let mut this = Beginning {
            floor: floor(base),
            fuzzy_to: fuzzy_to(&history.timeline, base),
            ..Beginning::default()
        };
        match base.file {
            BaseFile::Empty => this.read_empty(history, scope)?,
            BaseFile::Snapshot(index) => {
                this.read_snapshot(history.source, index, scope, progress)?
            }
        }
        Ok(this)
    }

    fn read_empty(&mut self, history: &History<'_>, scope: &Scope) -> Result<()> {
        for node in history.fresh_tree()?.nodes() {
            if scope.is_match(node.path) {
                let acl = match node.acl {
                    AclValue::List(list) => Some(list.bytes().into()),
                    AclValue::Unresolved(_) => None,
                };
                let znode = Znode {
                    data: node.data.map(Into::into),
                    acl,
                    stat: *node.stat,
                    known: Known::ALL,
                };
                self.znodes.insert(node.path.into(), znode);
            }
        }
        Ok(())
    }

    fn read_snapshot(
        &mut self,
        source: &Source,
        index: usize,
        scope: &Scope,
        progress: &dyn Progress,
    ) -> Result<()> {
        let file = source
            .snapshots()
            .get(index)
            .ok_or_else(|| Error::new(ErrorKind::Failed, "a base of another source"))?;
        progress.start("searching a snapshot", Some(file.size()));
        let mut reader = source.open_snapshot(file)?;
        let mut acls: HashMap<i64, Arc<[u8]>> =
            HashMap::from([(OPEN_ACL_ID, OPEN_ACL_UNSAFE.bytes().into())]);
        for (id, list) in &reader.acls {
            acls.insert(*id, list.as_ref().into());
        }
        let mut told = 0;
        while let Some(node) = reader.next_node()? {
            let path = root_as_empty(node.path);
            if scope.is_match(path) {
                let acl = acls.get(&node.acl_id).cloned();
                let known = Known {
                    acl: acl.is_some(),
                    ..Known::ALL
                };
                let znode = Znode {
                    data: node.data.map(Into::into),
                    acl,
                    stat: node.stat,
                    known,
                };
                self.znodes.insert(path.into(), znode);
            } else if node.stat.ephemeral_owner != 0
                && parent_path(path).is_some_and(|parent| scope.is_match(parent))
            {
                let owned = (node.stat.ephemeral_owner, path.into());
                self.children_owned.push(owned);
            }
            if node.offset - told > 1 << 20 {
                progress.advance(node.offset - told);
                told = node.offset;
            }
        }
        reader.finish()?;
        Ok(())
    }
}

/// The last txn whose effects a base has for certain.
pub(super) fn floor(base: &Base) -> Zxid {
    if base.reapplies_its_own {
        base.zxid.prev()
    } else {
        base.zxid
    }
}

/// Up to where a base may be ahead. Servers count a multi when all of it is applied: of the txn
/// behind the last one that a snapshot says it has, it may have some parts (`DataTree.processTxn`).
fn fuzzy_to(timeline: &Timeline, base: &Base) -> Zxid {
    let said = match base.exact_from {
        ExactFrom::Known(Zxid::ZERO) => return Zxid::ZERO,
        ExactFrom::Known(zxid) | ExactFrom::Bounded(zxid) => zxid.max(base.zxid),
        ExactFrom::Open => return Zxid::MAX,
    };
    timeline.next_after(said).unwrap_or(said)
}
