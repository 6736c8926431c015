//! A znode, under the names that every command uses.

use crate::cli::json::{AsText, LastAcl, PathField, Znode};
use crate::cli::views::value;
use zoovault::format::record::acl::OPEN_ACL_UNSAFE;
use zoovault::tree::{AclValue, DataTree, NodeView, Owner};
use zoovault::zxid::Hex;

/// What kind of znode it is, in a word.
pub fn kind(owner: Owner) -> &'static str {
    match owner {
        Owner::Persistent => "persistent",
        Owner::Container => "container",
        Owner::Ttl(_) => "ttl",
        Owner::Session(_) => "ephemeral",
    }
}

/// A list in few letters: `open`, or schemes and permissions without ids.
pub fn acl_short(acl: AclValue<'_>) -> String {
    let list = match acl {
        AclValue::Unresolved(_) => return "unknown".to_owned(),
        AclValue::List(list) if list.bytes() == OPEN_ACL_UNSAFE.bytes() => {
            return "open".to_owned();
        }
        AclValue::List(list) => list,
    };
    let entries = list.entries();
    let entries = entries.iter().map(|acl| {
        let scheme = String::from_utf8_lossy(acl.scheme.unwrap_or_default());
        format!(
            "{}:{}",
            crate::cli::views::text::escape(&scheme),
            value::Perms(acl.perms)
        )
    });
    entries.collect::<Vec<_>>().join(",")
}

/// A znode as it is in `tree`, for programs.
pub fn json<'a>(tree: &DataTree, node: &NodeView<'a>, with_data: bool) -> Znode<'a> {
    json_after(&mut LastAcl::default(), tree, node, with_data)
}

/// The same, of one znode among many.
pub fn json_after<'a>(
    last_acl: &mut LastAcl,
    tree: &DataTree,
    node: &NodeView<'a>,
    with_data: bool,
) -> Znode<'a> {
    let (owner, stat) = (tree.owner_of(node.stat), node.stat);
    let (acl, acl_unknown_id) = match node.acl {
        AclValue::List(list) => (Some(last_acl.field(list)), None),
        AclValue::Unresolved(id) => (None, Some(id)),
    };
    Znode {
        path: PathField::of_znode(node.path),
        kind: kind(owner),
        ttl_ms: match owner {
            Owner::Ttl(ttl_ms) => Some(ttl_ms),
            Owner::Persistent | Owner::Container | Owner::Session(_) => None,
        },
        children: node.children,
        data_length: node.data.map_or(0, <[u8]>::len),
        data_is_null: node.data.is_none(),
        data: with_data.then(|| node.data.into()),
        czxid: AsText(stat.czxid),
        mzxid: AsText(stat.mzxid),
        pzxid: AsText(stat.pzxid),
        ctime_ms: stat.ctime,
        mtime_ms: stat.mtime,
        version: stat.version,
        cversion: stat.cversion,
        client_cversion: stat.client_cversion(node.children as usize),
        aversion: stat.aversion,
        ephemeral_owner: AsText(Hex(stat.ephemeral_owner)),
        acl,
        acl_unknown_id,
    }
}
