//! What differs between two trees: znodes by path, and sessions.
//!
//! Contents are compared, not sizes. A znode of the same path that another txn created is another
//! znode: it is told as recreated. What servers derive is left out: the data of quota counts, and
//! `/zookeeper/config`, which every server writes anew from its configuration.

use crate::format::record::Stat;
use crate::tree::glob::PathGlob;
use crate::tree::{AclValue, DataTree, NodeView, QUOTA_ROOT, STATS_NODE};
use crate::zxid::SessionId;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What every server writes anew from its configuration.
const CONFIG_NODE: &[u8] = b"/zookeeper/config";

/// What can be left out of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// The data.
    Data,
    /// The ACLs.
    Acl,
    /// Every field of the stat, and with it whether a znode is another of the same path.
    Stat,
    /// Sessions and their timeouts.
    Sessions,
}

/// What to compare.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The znodes that are meant; all, if none is given. Sessions are of no path, and left out
    /// where one is given.
    pub path: Option<PathGlob>,
    /// What is left out.
    pub ignore: Vec<Aspect>,
    /// Whether what servers derive is compared too.
    pub derived: bool,
}

/// A field of a znode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "ZooKeeper's own names")]
pub enum Field {
    Data,
    Acl,
    Czxid,
    Mzxid,
    Pzxid,
    Ctime,
    Mtime,
    Version,
    Cversion,
    Aversion,
    EphemeralOwner,
}

impl Field {
    /// ZooKeeper's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Field::Data => "data",
            Field::Acl => "acl",
            Field::Czxid => "czxid",
            Field::Mzxid => "mzxid",
            Field::Pzxid => "pzxid",
            Field::Ctime => "ctime",
            Field::Mtime => "mtime",
            Field::Version => "version",
            Field::Cversion => "cversion",
            Field::Aversion => "aversion",
            Field::EphemeralOwner => "ephemeralOwner",
        }
    }

    /// Whether it is one of the stat's.
    pub fn is_stat(self) -> bool {
        !matches!(self, Field::Data | Field::Acl)
    }
}

/// What became of a znode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is in the second tree only.
    Created,
    /// It is in the first tree only.
    Deleted,
    /// Another one is at its path: it was deleted, and created again.
    Recreated,
    /// It is in both, and some of its fields differ.
    Changed,
}

/// A znode that differs.
#[derive(Clone, Debug)]
pub struct Difference<'a> {
    /// What became of it.
    pub kind: Kind,
    /// As it is in the first tree.
    pub before: Option<NodeView<'a>>,
    /// As it is in the second.
    pub after: Option<NodeView<'a>>,
    /// The fields that differ, where it is in both.
    pub fields: Vec<Field>,
}

impl<'a> Difference<'a> {
    /// Its path; empty for the root.
    pub fn path(&self) -> &'a [u8] {
        let node = self.after.or(self.before);
        node.map_or(&[], |node| node.path)
    }
}

/// A session that differs: its timeouts in ms in the two trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionDifference {
    /// The session.
    pub session: SessionId,
    /// In the first tree.
    pub before: Option<i32>,
    /// In the second.
    pub after: Option<i32>,
}

/// The znodes that differ, depth first, siblings by name.
pub fn between<'a>(
    before: &'a DataTree,
    after: &'a DataTree,
    options: &'a Options,
) -> impl Iterator<Item = Difference<'a>> {
    let is_meant = |node: &NodeView<'_>| {
        (options.derived || node.path != CONFIG_NODE)
            && options
                .path
                .as_ref()
                .is_none_or(|glob| glob.is_match(node.path))
    };
    let mut before = before.in_order().filter(is_meant).peekable();
    let mut after = after.in_order().filter(is_meant).peekable();
    std::iter::from_fn(move || {
        loop {
            let order = match (before.peek(), after.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => in_tree_order(a.path, b.path),
            };
            let pair = match order {
                Ordering::Less => (before.next(), None),
                Ordering::Greater => (None, after.next()),
                Ordering::Equal => (before.next(), after.next()),
            };
            if let Some(difference) = of_pair(pair, options) {
                return Some(difference);
            }
        }
    })
}

/// The sessions that differ, by id.
pub fn sessions_between(
    before: &DataTree,
    after: &DataTree,
    options: &Options,
) -> Vec<SessionDifference> {
    if options.path.is_some() || options.ignore.contains(&Aspect::Sessions) {
        return Vec::new();
    }
    let mut all: BTreeMap<SessionId, (Option<i32>, Option<i32>)> = BTreeMap::new();
    for (session, timeout) in before.sessions() {
        all.entry(session).or_default().0 = Some(timeout);
    }
    for (session, timeout) in after.sessions() {
        all.entry(session).or_default().1 = Some(timeout);
    }
    all.into_iter()
        .filter(|(_, (before, after))| before != after)
        .map(|(session, (before, after))| SessionDifference {
            session,
            before,
            after,
        })
        .collect()
}

/// The order in which trees are walked: parents first, siblings by name. Plain order of bytes is
/// another: `/a-b` comes before `/a/b` in it.
fn in_tree_order(a: &[u8], b: &[u8]) -> Ordering {
    let is_slash = |byte: &u8| *byte == b'/';
    a.split(is_slash).cmp(b.split(is_slash))
}

fn of_pair<'a>(
    pair: (Option<NodeView<'a>>, Option<NodeView<'a>>),
    options: &Options,
) -> Option<Difference<'a>> {
    let (kind, fields) = match pair {
        (None, None) => return None,
        (None, Some(_)) => (Kind::Created, Vec::new()),
        (Some(_), None) => (Kind::Deleted, Vec::new()),
        (Some(a), Some(b)) => {
            let fields = fields(&a, &b, options);
            if fields.is_empty() {
                return None;
            }
            let is_another = fields.contains(&Field::Czxid);
            let kind = if is_another {
                Kind::Recreated
            } else {
                Kind::Changed
            };
            (kind, fields)
        }
    };
    Some(Difference {
        kind,
        before: pair.0,
        after: pair.1,
        fields,
    })
}

fn fields(a: &NodeView<'_>, b: &NodeView<'_>, options: &Options) -> Vec<Field> {
    let is_derived =
        !options.derived && a.path.starts_with(QUOTA_ROOT) && a.path.ends_with(STATS_NODE);
    let has = |aspect| !options.ignore.contains(&aspect);
    let mut fields = Vec::new();
    if has(Aspect::Data) && !is_derived && a.data != b.data {
        fields.push(Field::Data);
    }
    if has(Aspect::Acl) && !is_same_acl(a.acl, b.acl) {
        fields.push(Field::Acl);
    }
    if has(Aspect::Stat) {
        fields.extend(stat_fields(a.stat, b.stat));
    }
    fields
}

/// Lists are compared by value: their numbers are of one tree only.
fn is_same_acl(a: AclValue<'_>, b: AclValue<'_>) -> bool {
    match (a, b) {
        (AclValue::List(a), AclValue::List(b)) => a == b,
        (AclValue::Unresolved(a), AclValue::Unresolved(b)) => a == b,
        _ => false,
    }
}

/// The fields in which two stats differ.
pub fn stat_fields(a: &Stat, b: &Stat) -> Vec<Field> {
    let all = [
        (Field::Czxid, a.czxid == b.czxid),
        (Field::Mzxid, a.mzxid == b.mzxid),
        (Field::Pzxid, a.pzxid == b.pzxid),
        (Field::Ctime, a.ctime == b.ctime),
        (Field::Mtime, a.mtime == b.mtime),
        (Field::Version, a.version == b.version),
        (Field::Cversion, a.cversion == b.cversion),
        (Field::Aversion, a.aversion == b.aversion),
        (
            Field::EphemeralOwner,
            a.ephemeral_owner == b.ephemeral_owner,
        ),
    ];
    all.into_iter()
        .filter_map(|(field, is_same)| (!is_same).then_some(field))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_a_name_that_goes_on_comes_behind_what_is_below() {
        let mut paths: Vec<&[u8]> = vec![b"/a-b", b"", b"/a/b", b"/b", b"/a"];
        paths.sort_by(|a, b| in_tree_order(a, b));
        assert_eq!(paths, [b"".as_slice(), b"/a", b"/a/b", b"/a-b", b"/b"]);
    }
}
