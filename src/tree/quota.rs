//! Quotas: `/zookeeper/quota/PATH/zookeeper_limits` sets one, `zookeeper_stats` beside it counts.
//!
//! The counts are derived. A server edits them in place without a txn, and works all of them out
//! again when it loads a snapshot (`DataTree.updateQuotaForPath`). They are never compared, only
//! brought up to date.

use super::{DataTree, NodeId};
use crate::format::record::digest::prefix_crc;

/// Where quotas are.
pub const QUOTA_ROOT: &[u8] = b"/zookeeper/quota";
/// The last part of the path of a limit.
pub const LIMITS_NODE: &[u8] = b"zookeeper_limits";
/// The last part of the path of a count.
pub const STATS_NODE: &[u8] = b"zookeeper_stats";

impl DataTree {
    /// The paths that have a quota; the root's is empty. No server starts on a tree whose root has
    /// one.
    pub fn quota_paths(&self) -> Vec<Vec<u8>> {
        let mut stack: Vec<NodeId> = self.find(QUOTA_ROOT).into_iter().collect();
        let mut paths = Vec::new();
        while let Some(id) = stack.pop() {
            stack.extend(self.children_of(id));
            let path = &self.node(id).path;
            if let Some(limited) = path
                .strip_suffix(LIMITS_NODE)
                .and_then(|path| path.strip_suffix(b"/"))
            {
                paths.push(limited.get(QUOTA_ROOT.len()..).unwrap_or_default().to_vec());
            }
        }
        paths.sort_unstable();
        paths
    }

    /// Works out every count again: the znodes from the path down, and the sum of the lengths of
    /// their data.
    pub fn refresh_quota_stats(&mut self) {
        for path in self.quota_paths() {
            let stats_path = [QUOTA_ROOT, &path, b"/", STATS_NODE].concat();
            let Some(stats) = self.find(&stats_path) else {
                continue;
            };
            let (mut count, mut bytes) = (0u64, 0u64);
            let mut stack: Vec<NodeId> = self.find(&path).into_iter().collect();
            while let Some(id) = stack.pop() {
                stack.extend(self.children_of(id));
                count += 1;
                bytes += self
                    .node(id)
                    .data
                    .as_ref()
                    .map_or(0, |data| data.len() as u64);
            }
            let data = format!("count={count},bytes={bytes}").into_bytes();
            let charset = self.charset;
            let node = self.node_mut(stats);
            node.prefix_crc =
                charset.map_or(0, |charset| prefix_crc(&node.path, Some(&data), charset));
            node.data = Some(data.into());
            self.refresh_digest(stats);
        }
    }
}
