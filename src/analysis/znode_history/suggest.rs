//! What somebody may have meant who asked for a path that never existed.

use super::scan::scan;
use super::scope::Scope;
use crate::error::Result;
use crate::format::record::{Effect, Txn};
use crate::format::txnlog::Level;
use crate::history::History;
use crate::history::replay::load_snapshot;
use crate::history::source::Source;
use crate::progress::Progress;
use crate::tree::glob::PathGlob;
use crate::tree::{parent_path, root_as_empty};
use crate::zxid::{Zxid, ZxidRange};
use std::collections::BTreeSet;

/// How many paths are named.
const NEAR_MAX: usize = 5;

/// The paths that ever existed and are nearest to `path`: siblings of a like name first, else paths
/// that differ little.
///
/// # Errors
/// Failures to read, damage.
pub fn near(source: &Source, path: &[u8], progress: &dyn Progress) -> Result<Vec<Vec<u8>>> {
    let path = root_as_empty(path);
    let farthest = path.len() / 4 + 1;
    let parent = parent_path(path);
    let mut found: BTreeSet<(bool, usize, Vec<u8>)> = BTreeSet::new();
    let mut consider = |other: &[u8]| {
        let other = root_as_empty(other);
        let is_sibling = !other.is_empty() && parent_path(other) == parent;
        let is_alike = other.len().abs_diff(path.len()) <= farthest;
        if !is_sibling && !is_alike {
            return;
        }
        let far = distance(other, path);
        if is_sibling || far <= farthest {
            found.insert((far > farthest, far, other.to_vec()));
            if found.len() > NEAR_MAX {
                found.pop_last();
            }
        }
    };
    if let Some(newest) = source.snapshots().last() {
        // A damaged one names nobody, and that is told elsewhere.
        if let Ok((tree, _)) = load_snapshot(source, newest, progress) {
            tree.nodes().for_each(|node| consider(node.path));
        }
    }
    let history = History::read_with_snapshots(source, Level::Everything, progress)?;
    let all: PathGlob = "/**".parse().expect("it begins with a slash");
    let scope = Scope::new(&all, true);
    for segment in &history.timeline.segments {
        let range = ZxidRange::new(Zxid::ZERO, Zxid::MAX);
        scan(
            source,
            segment,
            range,
            &scope,
            progress,
            &mut |_, payload, offset| {
                if let Ok(txn) = Txn::decode(payload, offset) {
                    consider_created(&txn, &mut consider);
                }
                Ok(())
            },
        )?;
    }
    Ok(found.into_iter().map(|(_, _, path)| path).collect())
}

fn consider_created(txn: &Txn<'_>, consider: &mut dyn FnMut(&[u8])) {
    for effect in txn.body.effects() {
        match effect {
            Effect::Creates(create) => consider(create.path),
            Effect::OpensSession { .. }
            | Effect::ClosesSession { .. }
            | Effect::SetsData { .. }
            | Effect::SetsAcl { .. }
            | Effect::Deletes { .. } => {}
        }
    }
}

/// How many bytes have to be put in, taken out or changed to make one path of the other.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, byte) in a.iter().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(b) {
            let changed = diagonal + usize::from(byte != other);
            diagonal = *cell;
            left = changed.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_bytes() {
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"/a/b", b"/a/b"), 0);
    }
}
