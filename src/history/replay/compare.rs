//! Comparing the tree's digest with those that servers recorded.

use super::base::{Base, ExactFrom};
use crate::error::{Error, ErrorKind};
use crate::format::record::digest::Charset;
use crate::format::record::txn::DIGEST_VERSION;
use crate::format::record::{Txn, TxnBody, TxnDigest};
use crate::tree::DataTree;
use crate::zxid::{Zxid, ZxidRange};

/// A digest that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The txn.
    pub zxid: Zxid,
    /// What the server recorded.
    pub recorded: i64,
    /// What the tree has.
    pub computed: i64,
}

impl Mismatch {
    /// As the reason why nothing can be restored.
    pub fn error(&self, base: &str) -> Error {
        let message = format!(
            "the tree after {} has digest 0x{:x}, but its server recorded 0x{:x}: an earlier transaction is missing or was changed (from {base})",
            self.zxid, self.computed, self.recorded
        );
        Error::new(ErrorKind::Damage, message)
            .hint("restore to an earlier point, from another member, or from a backup; 'zoovault verify' shows where the problem begins")
    }
}

/// How digests compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigestTally {
    /// How many were compared from where the base is exact.
    pub compared: u64,
    /// The first that matched, and the last.
    pub matched: Option<ZxidRange>,
    /// Whether the first comparisons did not match: the base was ahead of what it said, by a txn
    /// that was being applied.
    pub began_late: bool,
    /// The first of the mismatches with which the replay ended, if it did.
    pub open_mismatch: Option<Mismatch>,
    /// The first mismatch behind a match, whether or not a match followed.
    pub first_mismatch: Option<Mismatch>,
    /// The last match before that.
    pub matched_before: Option<Zxid>,
    /// The last txn that the match before it vouches for: those behind the match change nothing
    /// that a digest covers.
    pub agreed_before: Option<Zxid>,
    /// Whether the last comparison matched, and nothing was changed since.
    pub is_proof: bool,
    /// In which charset paths were seen.
    pub charset: Charset,
}

/// Compares digests as txns are applied.
pub(super) struct Comparison {
    /// From where on the base promises to be exact: what differs before says nothing.
    expect_from: Zxid,
    /// What the snapshot recorded, and of which zxid.
    of_base: Option<(Zxid, TxnDigest)>,
    is_kept: bool,
    /// The last txn up to which the tree is as recorded.
    agreed: Option<Zxid>,
    tally: DigestTally,
}

impl Comparison {
    pub fn new(base: &Base, of_base: Option<(Zxid, TxnDigest)>) -> Comparison {
        let expect_from = match base.exact_from {
            ExactFrom::Known(zxid) => zxid,
            ExactFrom::Bounded(_) | ExactFrom::Open => base.zxid,
        };
        Comparison {
            expect_from,
            of_base,
            is_kept: false,
            agreed: None,
            tally: DigestTally::default(),
        }
    }

    /// Compares what the snapshot recorded, if it is of the tree as it was loaded.
    pub fn at_base(&mut self, tree: &mut DataTree, zxid: Zxid) {
        if let Some((of, digest)) = self.of_base.filter(|(of, _)| *of <= zxid) {
            // A digest from before the file's zxid is of the same tree if nothing but an epoch
            // began in between.
            if of == zxid || zxid.counter() == 0 {
                self.compare(tree, zxid, digest);
            }
        }
    }

    /// Compares after `txn` was applied.
    pub fn after(&mut self, tree: &mut DataTree, txn: &Txn<'_>) {
        let zxid = txn.header.zxid;
        match txn.digest.filter(|digest| digest.version == DIGEST_VERSION) {
            Some(digest) => self.compare(tree, zxid, digest),
            None => {
                if let Some((_, digest)) = self.of_base.filter(|(of, _)| *of == zxid) {
                    self.compare(tree, zxid, digest);
                } else if has_effect(&txn.body) {
                    self.tally.is_proof = false;
                } else if self.tally.is_proof {
                    self.agreed = Some(zxid);
                }
            }
        }
    }

    pub fn tally(self) -> DigestTally {
        self.tally
    }

    fn compare(&mut self, tree: &mut DataTree, zxid: Zxid, digest: TxnDigest) {
        if zxid < self.expect_from {
            return;
        }
        if !self.is_kept {
            tree.keep_digest(Charset::Utf8);
            self.is_kept = true;
        }
        let recorded = digest.tree_digest;
        self.tally.compared += 1;
        let mut is_match = tree.digest() == Some(recorded);
        if !is_match && self.tally.matched.is_none() && tree.has_foreign_paths() {
            is_match = self.try_charsets(tree, recorded);
        }
        self.tally.is_proof = is_match;
        if is_match {
            let first = self.tally.matched.map_or(zxid, |it| it.first);
            self.tally.began_late |=
                self.tally.matched.is_none() && self.tally.open_mismatch.is_some();
            self.tally.matched = Some(ZxidRange::new(first, zxid));
            self.agreed = Some(zxid);
            self.tally.open_mismatch = None;
        } else if self.tally.open_mismatch.is_none() {
            let computed = tree.digest().unwrap_or(0);
            let mismatch = Mismatch {
                zxid,
                recorded,
                computed,
            };
            self.tally.open_mismatch = Some(mismatch);
            if self.tally.matched.is_some() && self.tally.first_mismatch.is_none() {
                self.tally.first_mismatch = Some(mismatch);
                self.tally.matched_before = self.tally.matched.map(|it| it.last);
                self.tally.agreed_before = self.agreed;
            }
        }
    }

    fn try_charsets(&mut self, tree: &mut DataTree, recorded: i64) -> bool {
        for charset in Charset::ALL {
            tree.keep_digest(charset);
            if tree.digest() == Some(recorded) {
                self.tally.charset = charset;
                return true;
            }
        }
        tree.keep_digest(Charset::Utf8);
        false
    }
}

/// Whether a txn without a digest may change the digest of the tree. Servers leave it out where
/// there is nothing to tell.
fn has_effect(body: &TxnBody<'_>) -> bool {
    match body {
        TxnBody::Error { .. } | TxnBody::Check { .. } | TxnBody::CreateSession { .. } => false,
        TxnBody::Multi(multi) => !multi.is_failed(),
        TxnBody::CloseSession { .. }
        | TxnBody::Create(_)
        | TxnBody::Delete { .. }
        | TxnBody::SetData { .. }
        | TxnBody::SetAcl { .. }
        | TxnBody::Unknown { .. } => true,
    }
}
