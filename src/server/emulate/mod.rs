//! What a server of a given release would do on a directory: start or refuse, with which message,
//! to which zxid, and what of the tree that it then serves is not the truth.
//!
//! A server that starts proves nothing: it drops what is behind a damaged length or end mark
//! without a word, goes on over holes, and some releases refuse what they wrote themselves. This
//! follows their code, `FileTxnSnapLog.restore` and all that it calls, release by release
//! ([`Rules`] has the table), including what they do with damaged bytes, and compares the tree that
//! comes out with the true one ([`crate::history::replay`]).
//!
//! Known are 3.4.6 to 3.9.5. Not followed: the data of quota counts, which is derived; what memory,
//! permissions, or a full disk do; `/zookeeper/config`, which members write anew; digests under
//! another charset than UTF-8.

mod acls;
mod apply;
mod difference;
mod files;
mod java;
mod limits;
mod load;
mod log;
mod record;
mod rules;
mod snapshot;
mod thrown;
mod tree;

pub use difference::{Changed, Difference, Paths};
pub use load::{Load, Loaded, Refusal, Said, load};
pub use rules::{Rules, Settings};
pub use thrown::Thrown;
pub use tree::{ServerNode, ServerTree};

use crate::error::{ErrorKind, Result};
use crate::history::point::Point;
use crate::history::replay::{Proof, rebuild};
use crate::history::source::Source;
use crate::progress::Progress;
use crate::tree::DataTree;
use crate::zxid::{SessionId, Zxid};

/// Releases that differ from one another in what they do, one for each way that is known.
pub const REPRESENTATIVE: [&str; 10] = [
    "3.4.14", "3.5.10", "3.6.4", "3.7.2", "3.8.0", "3.8.4", "3.8.6", "3.9.2", "3.9.3", "3.9.5",
];

/// What the true tree has to say.
#[derive(Clone, Debug)]
pub enum Truth {
    /// It can be had at the zxid that the server reaches, with this proof; and that is how the
    /// server's differs.
    Known(Proof, Difference),
    /// It cannot be had there, and why: what the server serves can only be wrong, or cannot be
    /// judged.
    Unknown(String),
}

/// The tree of a server that started.
#[derive(Clone, Debug)]
pub struct Started {
    /// The last zxid that it has.
    pub zxid: Zxid,
    /// How many znodes it loaded. `srvr` counts the root twice.
    pub znodes: usize,
    /// How many txns it replayed.
    pub txns: u64,
    /// Where it went on behind a hole as if there were none: the last txn before it and the first
    /// behind it.
    pub holes: Vec<(Zxid, Zxid)>,
    /// How many changes behind a hole found nothing to change, or something where nothing should
    /// be, and the first such txn.
    pub swallowed: (u64, Option<Zxid>),
    /// How many digests differed, and at which txn first.
    pub digest_mismatches: (u64, Option<Zxid>),
    /// The sessions that a standalone server or a leader ends before it serves, and followers do
    /// not.
    pub ended_sessions: Vec<SessionId>,
    /// How many znodes it serves then.
    pub znodes_served: usize,
    /// The truth.
    pub truth: Truth,
}

/// What a server of one release would do.
#[derive(Clone, Debug)]
pub struct Start {
    /// The release.
    pub release: String,
    /// The snapshot that it loads.
    pub base: Option<String>,
    /// The logs that it reads behind that, in order.
    pub logs: Vec<String>,
    /// What it prints of what it steps over.
    pub said: Vec<Said>,
    /// Alone: what it has, or why it does not start.
    pub standalone: std::result::Result<Started, Refusal>,
    /// As a member of an ensemble, which looks at the epoch files too.
    pub member: std::result::Result<(), Refusal>,
}

impl Started {
    /// Whether it serves the very tree that there was, and that is more than likely.
    pub fn is_right(&self) -> bool {
        let is_true = |proof: Proof, difference: &Difference| {
            proof > Proof::Unproven && difference.is_none() && self.znodes_served == self.znodes
        };
        matches!(&self.truth, Truth::Known(proof, difference) if is_true(*proof, difference))
    }
}

impl Start {
    /// Whether it starts and serves the very tree that there was.
    pub fn is_right(&self) -> bool {
        self.standalone.as_ref().is_ok_and(Started::is_right)
    }
}

/// Says what servers by each of `rules` would do on `source`.
///
/// # Errors
/// [`ErrorKind::BadArgument`] for what is no directory; failures to read. Damage is in the result.
pub fn starts(source: &Source, rules: &[Rules], progress: &dyn Progress) -> Result<Vec<Start>> {
    let mut truths = Truths { source, last: None };
    rules
        .iter()
        .map(|rules| {
            let load = load(source, rules, progress)?;
            let standalone = match load.end {
                Err(refusal) => Err(refusal),
                Ok(loaded) => truths.judge(loaded, progress)?,
            };
            Ok(Start {
                release: rules.name().to_owned(),
                base: load.base,
                logs: load.logs,
                said: load.said,
                standalone,
                member: load.member,
            })
        })
        .collect()
}

/// A true tree with its proof, or why there is none.
type Known = std::result::Result<(Proof, DataTree), String>;

/// The true trees of a source. Most releases reach the same zxid, so the last one is kept.
struct Truths<'a> {
    source: &'a Source,
    last: Option<(Zxid, Known)>,
}

impl Truths<'_> {
    fn at(&mut self, zxid: Zxid, progress: &dyn Progress) -> Result<&Known> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != zxid) {
            self.last = None;
            let truth = match rebuild(self.source, Point::Zxid(zxid), false, progress) {
                Ok(rebuilt) => Ok((rebuilt.replayed.proof, rebuilt.replayed.tree)),
                Err(error)
                    if matches!(error.kind(), ErrorKind::Damage | ErrorKind::NotReachable) =>
                {
                    Err(error.to_string())
                }
                Err(error) => return Err(error),
            };
            self.last = Some((zxid, truth));
        }
        let (_, truth) = self.last.as_ref().expect("it was set right above");
        Ok(truth)
    }

    fn judge(
        &mut self,
        mut loaded: Loaded,
        progress: &dyn Progress,
    ) -> Result<std::result::Result<Started, Refusal>> {
        let zxid = loaded.zxid();
        let truth = match self.at(zxid, progress)? {
            Ok((proof, tree)) => Truth::Known(*proof, Difference::between(&loaded.tree, tree)),
            Err(reason) => Truth::Unknown(reason.clone()),
        };
        let (znodes, ended_sessions) = (loaded.tree.len(), loaded.tree.dead_sessions());
        if let Err(refusal) = loaded.serve() {
            return Ok(Err(refusal));
        }
        Ok(Ok(Started {
            zxid,
            znodes,
            txns: loaded.txns,
            holes: loaded.holes,
            swallowed: loaded.swallowed,
            digest_mismatches: loaded.digest_mismatches,
            ended_sessions,
            znodes_served: loaded.tree.len(),
            truth,
        }))
    }
}
