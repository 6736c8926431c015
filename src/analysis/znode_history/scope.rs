//! Which txns touch the paths that are asked for, told from their bytes: before anything is copied
//! or decoded.

use crate::format::record::TxnKind;
use crate::format::record::named_paths::find_path;
use crate::tree::glob::PathGlob;
use crate::tree::{parent_path, root_as_empty};

/// The paths that are asked for.
#[derive(Clone, Debug)]
pub struct Scope {
    glob: PathGlob,
    /// The one path, as files have it, where there are no wildcards.
    literal: Option<Vec<u8>>,
    recursive: bool,
}

impl Scope {
    /// The paths that `glob` means; with `recursive`, all below them too.
    pub fn new(glob: &PathGlob, recursive: bool) -> Scope {
        let literal = glob
            .literal()
            .map(|path| root_as_empty(path.as_bytes()).to_vec());
        Scope {
            glob: glob.clone(),
            literal,
            recursive,
        }
    }

    /// The one path, as files have it; `None` where the scope has wildcards.
    pub fn literal(&self) -> Option<&[u8]> {
        self.literal.as_deref()
    }

    /// Whether `path` is asked for.
    pub fn is_match(&self, path: &[u8]) -> bool {
        let path = root_as_empty(path);
        if let Some(literal) = &self.literal {
            return path == literal
                || (self.recursive
                    && path
                        .strip_prefix(literal.as_slice())
                        .is_some_and(|rest| rest.starts_with(b"/")));
        }
        if self.glob.is_match(path) {
            return true;
        }
        self.recursive
            && std::iter::successors(parent_path(path), |path| parent_path(path))
                .any(|path| self.glob.is_match(path))
    }

    /// Whether a txn on `path` touches what is asked for: it is it, or a child of it, whose
    /// creation and deletion its stat tells.
    pub fn concerns(&self, path: &[u8]) -> bool {
        self.is_match(path) || parent_path(path).is_some_and(|parent| self.is_match(parent))
    }

    /// Whether the txn of `payload` touches what is asked for. Sessions count as touching
    /// everything: what a closeSession deletes, it need not say. So does what cannot be framed,
    /// which is looked at closely by whoever decodes it.
    pub fn concerns_txn(&self, kind: Option<TxnKind>, payload: &[u8]) -> bool {
        let is_wanted = |of: TxnKind, path| of.has_effects() && self.concerns(path);
        kind.is_some_and(TxnKind::is_of_session) || find_path(payload, is_wanted).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_its_subtree_and_patterns_are_told_apart() {
        let scope = |text: &str, recursive| Scope::new(&text.parse().unwrap(), recursive);
        let one = scope("/a", false);
        assert!(one.is_match(b"/a") && !one.is_match(b"/a/b") && one.concerns(b"/a/b"));
        assert!(!one.concerns(b"/a/b/c") && !one.concerns(b"/ab") && !one.concerns(b"/"));
        let below = scope("/a", true);
        assert!(below.is_match(b"/a/b/c") && !below.is_match(b"/ab"));
        let root = scope("/", false);
        assert!(root.is_match(b"/") && root.is_match(b"") && root.concerns(b"/a"));
        assert!(!root.is_match(b"/a") && scope("/", true).is_match(b"/a/b"));
        let glob = scope("/*/b", true);
        assert!(glob.is_match(b"/a/b") && glob.is_match(b"/a/b/c/d") && !glob.is_match(b"/a/c"));
    }
}
