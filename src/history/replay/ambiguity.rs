//! Reasons to doubt a tree that was replayed, and what settles them.

use super::{Crosscheck, Disagreement, ExactFrom, Proof, Replayed};
use crate::error::{Error, ErrorKind, Result};
use crate::history::History;
use crate::history::source::Source;
use crate::history::timeline::Segment;
use crate::progress::Progress;
use crate::tree::{AclValue, DataTree};
use crate::zxid::{Zxid, ZxidRange};

impl History<'_> {
    /// Looks for a snapshot that says whether txns are missing, or were abandoned, at the ends of
    /// epochs that no digest proves: the replay goes on to the end of the logs, and is compared
    /// with those on the way. `Err` when one contradicts it.
    pub(super) fn witness(
        &self,
        mut replayed: Replayed,
        progress: &dyn Progress,
    ) -> Result<std::result::Result<Replayed, String>> {
        let Some((last, first)) = replayed.joints.last().copied() else {
            return Ok(Ok(replayed));
        };
        let is_behind = |zxid: Zxid| zxid > last;
        let segment = self
            .timeline
            .segments
            .iter()
            .find(|segment| segment.contains(first));
        let has_any = self
            .source
            .snapshots()
            .iter()
            .any(|file| is_behind(file.zxid()));
        let Some(end) = segment
            .map(Segment::last)
            .filter(|_| has_any && replayed.proof != Proof::Proven)
        else {
            return Ok(Ok(replayed));
        };
        let mut crosscheck = Crosscheck::new(self.source, self.bases()?, &replayed.base, end);
        let on = match self.replay_observed(&replayed.base, end, &mut crosscheck, progress) {
            // What is damaged further on is no witness, and no business of this point.
            Err(error) if error.kind() == ErrorKind::Damage => return Ok(Ok(replayed)),
            on => on?,
        };
        let crossed = crosscheck.finish(&on.tree)?;
        if let Some(other) = crossed
            .contradictions
            .iter()
            .find(|other| matches!(other.about, Disagreement::Nodes(..)))
        {
            let name = other
                .snapshot
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            return Ok(Err(format!(
                "and the transactions after it lead to a different tree from that in {name}: the end of an epoch was abandoned, or is missing"
            )));
        }
        if crossed.judged.iter().any(|zxid| is_behind(*zxid)) {
            replayed.joints.clear();
            let is_known = matches!(replayed.base.exact_from, ExactFrom::Known(_));
            if is_known && replayed.uncertain_closes.is_empty() && replayed.proof == Proof::Unproven
            {
                replayed.proof = Proof::Consistent;
            }
        }
        Ok(Ok(replayed))
    }

    /// Refuses a tree of which something would have to be guessed: which of two logs is right, or
    /// what an ACL was.
    ///
    /// # Errors
    /// [`ErrorKind::Damage`], with the place; failures to read.
    pub fn ensure_unambiguous(&self, replayed: &Replayed, target: Zxid) -> Result<()> {
        self.refuse_forks(replayed, target)?;
        refuse_unresolved(self.source, &replayed.tree)
    }

    /// Two logs that differ over a txn that was applied: which is right cannot be told. A digest
    /// tells little: it covers no ACLs.
    pub(super) fn refuse_forks(&self, replayed: &Replayed, target: Zxid) -> Result<()> {
        let Some(applied) = replayed.applied else {
            return Ok(());
        };
        let range = ZxidRange::new(applied.first, target);
        let forks = self.compare_overlaps(Some(range))?;
        let Some(fork) = forks.iter().find(|fork| range.contains(fork.zxid)) else {
            return Ok(());
        };
        let name = |index: usize| {
            self.source
                .logs()
                .get(index)
                .map(|log| log.name())
                .unwrap_or_default()
        };
        let message = format!(
            "disagrees about {} with {}: cannot determine which is right",
            fork.zxid,
            name(fork.log)
        );
        let path = self
            .source
            .logs()
            .get(fork.other)
            .map(|log| log.shown().to_owned())
            .unwrap_or_default();
        Err(Error::about(&path, ErrorKind::Damage, message)
            .at_offset(fork.offset)
            .hint(format!(
                "restore to before {}, or move away the log that does not belong to this history",
                fork.zxid
            )))
    }
}

fn refuse_unresolved(source: &Source, tree: &DataTree) -> Result<()> {
    let unresolved = tree.nodes().find_map(|node| match node.acl {
        AclValue::Unresolved(id) => Some((node.path.to_vec(), id)),
        AclValue::List(_) => None,
    });
    match unresolved {
        None => Ok(()),
        Some((path, id)) => {
            let message = format!(
                "the ACL of \"{}\" is unknown: its snapshot lacks the list with id {id}",
                path.escape_ascii()
            );
            Err(Error::about(source.shown(), ErrorKind::Damage, message)
                .hint("restore to another point, or from another member: an ACL is never guessed"))
        }
    }
}
