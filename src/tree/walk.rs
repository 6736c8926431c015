//! Ways through the tree: a znode's children, and all that is below it.

use super::{DataTree, NodeId, NodeView};
use crate::zxid::SessionId;

impl DataTree {
    /// All znodes, depth first, siblings by name: the same tree gives the same order.
    pub fn in_order(&self) -> impl Iterator<Item = NodeView<'_>> {
        self.in_order_from(b"")
    }

    /// The znode at `path` and all below it, as [`DataTree::in_order`] has them; nothing where it
    /// is not there.
    pub fn in_order_from(&self, path: &[u8]) -> impl Iterator<Item = NodeView<'_>> {
        let mut stack: Vec<NodeId> = self.find(path).into_iter().collect();
        let mut children = Vec::new();
        std::iter::from_fn(move || {
            let id = stack.pop()?;
            children.extend(self.children_of(id));
            children.sort_unstable_by(|a, b| self.node(*b).path.cmp(&self.node(*a).path));
            stack.append(&mut children);
            Some(self.view(self.node(id)))
        })
    }

    /// The children of the znode at `path`, by name; nothing where it is not there.
    pub fn children(&self, path: &[u8]) -> impl Iterator<Item = NodeView<'_>> {
        let parent = self.find(path);
        let mut children: Vec<NodeId> = parent
            .into_iter()
            .flat_map(|id| self.children_of(id))
            .collect();
        children.sort_unstable_by(|a, b| self.node(*a).path.cmp(&self.node(*b).path));
        children.into_iter().map(|id| self.view(self.node(id)))
    }

    /// The ephemerals of `session`, in no order.
    pub fn ephemerals_of(&self, session: SessionId) -> impl Iterator<Item = NodeView<'_>> {
        let owned = self.ephemerals.get(&session.0).into_iter().flatten();
        owned.map(|id| self.view(self.node(*id)))
    }
}

/// How many names a path has: none for the root.
pub fn depth(path: &[u8]) -> usize {
    match path {
        b"/" => 0,
        path => path.iter().filter(|byte| **byte == b'/').count(),
    }
}

/// Whether `path` is `above` or below it. The root's path may be empty, or `/`.
pub fn is_at_or_below(path: &[u8], above: &[u8]) -> bool {
    let above = if above == b"/" { b"" } else { above };
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
