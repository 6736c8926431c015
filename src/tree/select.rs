//! Views of a tree: which znodes a path or a pattern means, and how much lies below each.

use crate::tree::glob::PathGlob;
use crate::tree::{DataTree, NodeView, Owner, depth, is_at_or_below, parent_path};

/// The bytes that a znode takes in a snapshot beside its path and its data: their lengths, the
/// number of its ACL, the stat.
const STORED_LEN: u64 = 4 + 4 + 8 + 60;

/// What is named: one path, or all that match a pattern.
#[derive(Clone, Debug)]
enum Named {
    Path(Vec<u8>),
    Glob(PathGlob),
}

/// Which znodes are meant.
#[derive(Clone, Debug)]
pub struct Selection {
    named: Named,
    is_recursive: bool,
}

impl Selection {
    /// What `text` means in `tree`: a znode's children, or with `recursive` the znode and all below
    /// it. What is no path of a znode and has `*`, `?`, `[` or `{` in it is a pattern: the znodes
    /// that match, or with `recursive` those and all below them.
    ///
    /// # Errors
    /// Says what is wrong with the pattern, or with a path that does not begin with `/`.
    pub fn parse(tree: &DataTree, text: &[u8], recursive: bool) -> Result<Selection, String> {
        let path = clean_path(text)?;
        let is_pattern = tree.get(path).is_none()
            && text.iter().any(|byte| b"*?[{".contains(byte))
            && std::str::from_utf8(text).is_ok();
        let named = match is_pattern {
            true => Named::Glob(String::from_utf8_lossy(text).parse()?),
            false => Named::Path(path.to_vec()),
        };
        Ok(Selection {
            named,
            is_recursive: recursive,
        })
    }

    /// The path, where one is named; the root's is empty.
    pub fn path(&self) -> Option<&[u8]> {
        match &self.named {
            Named::Path(path) => Some(path),
            Named::Glob(_) => None,
        }
    }

    /// Whether the znode at `path` is meant, there or not.
    pub fn contains(&self, path: &[u8]) -> bool {
        match &self.named {
            Named::Path(above) if self.is_recursive => is_at_or_below(path, above),
            Named::Path(parent) => parent_path(path) == Some(parent),
            Named::Glob(glob) if self.is_recursive => {
                std::iter::successors(Some(path), |path| parent_path(path))
                    .any(|path| glob.is_match(path))
            }
            Named::Glob(glob) => glob.is_match(path),
        }
    }

    /// The znodes of `tree` that are meant, depth first, siblings by name.
    pub fn of<'a>(&'a self, tree: &'a DataTree) -> Box<dyn Iterator<Item = NodeView<'a>> + 'a> {
        match &self.named {
            Named::Path(path) if self.is_recursive => Box::new(tree.in_order_from(path)),
            Named::Path(path) => Box::new(tree.children(path)),
            Named::Glob(glob) => {
                // Every match begins with this, so nothing beside it need be walked.
                let prefix = glob.literal_prefix().as_bytes();
                let above = parent_path(prefix).unwrap_or_default();
                let below = tree.in_order_from(above);
                Box::new(below.filter(|node| self.contains(node.path)))
            }
        }
    }
}

/// A path as the tree has it: the root's is empty, and a slash at the end is nothing.
///
/// # Errors
/// When it does not begin with `/`.
pub fn clean_path(text: &[u8]) -> Result<&[u8], String> {
    if !text.starts_with(b"/") {
        let shown = text.escape_ascii();
        return Err(format!("'{shown}' is not a path: it must begin with '/'"));
    }
    Ok(text.strip_suffix(b"/").unwrap_or(text))
}

/// How much lies at and below a znode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum<'a> {
    /// Its path.
    pub path: &'a [u8],
    /// How many names its path has more than that of the znode that was asked for.
    pub depth: usize,
    /// Bytes of its own data.
    pub own_bytes: u64,
    /// Bytes of data, its own and all below.
    pub bytes: u64,
    /// Bytes that all of it takes in a snapshot.
    pub stored_bytes: u64,
    /// Znodes, itself among them.
    pub znodes: u64,
    /// Ephemerals among them.
    pub ephemerals: u64,
}

/// The sums of the znode at `path` and of those below it, down to `max_depth` names: parents before
/// children, siblings by name.
pub fn sums<'a>(tree: &'a DataTree, path: &[u8], max_depth: usize) -> Vec<Sum<'a>> {
    let root_depth = depth(path);
    let mut sums: Vec<Sum<'a>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for node in tree.in_order_from(path) {
        let depth = depth(node.path).saturating_sub(root_depth);
        // Those that lie above this znode stay; they are as many as it is deep, at most.
        open.truncate(depth.min(max_depth.saturating_add(1)));
        let own_bytes = node.data.map_or(0, |data| data.len() as u64);
        if depth <= max_depth {
            open.push(sums.len());
            sums.push(Sum {
                path: node.path,
                depth,
                own_bytes,
                bytes: 0,
                stored_bytes: 0,
                znodes: 0,
                ephemerals: 0,
            });
        }
        let is_ephemeral = matches!(tree.owner_of(node.stat), Owner::Session(_));
        for above in &open {
            if let Some(sum) = sums.get_mut(*above) {
                sum.bytes += own_bytes;
                sum.stored_bytes += STORED_LEN + own_bytes + node.path.len() as u64;
                sum.znodes += 1;
                sum.ephemerals += u64::from(is_ephemeral);
            }
        }
    }
    sums
}
