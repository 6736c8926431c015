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
mod cohort;
mod difference;
mod files;
mod java;
mod limits;
mod load;
mod log;
mod placement;
mod record;
mod rules;
mod settings;
mod snapshot;
mod thrown;
mod tree;

pub use difference::{Changed, Difference, Paths};
pub use load::{Load, Loaded, Refusal, Said, load};
pub use placement::Misplaced;
pub use rules::{LogsAlone, Rules};
pub use settings::Settings;
pub use thrown::Thrown;
pub use tree::{ServerNode, ServerTree};

use crate::analysis::verify::Report;
use crate::error::{Error, ErrorKind, Result};
use crate::history::point::Point;
use crate::history::replay::{Proof, Purpose, rebuild_for};
use crate::history::source::{Source, SourceFile};
use crate::progress::Progress;
use crate::tree::DataTree;
use crate::zxid::{SessionId, Zxid};
use cohort::Cohort;
use difference::{Fingerprint, Fingerprints};
use load::load_together;
use std::rc::Rc;

/// What the true tree has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// It can be had at the zxid that the server reaches, with this proof; and that is how the
    /// server's differs.
    Known(Proof, Difference),
    /// It cannot be had there, and why: what the server serves can only be wrong, or cannot be
    /// judged.
    Unknown(String),
}

/// The tree of a server that started.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// The last zxid that it has.
    pub zxid: Zxid,
    /// How many znodes it loaded. `srvr` counts the root twice.
    pub znodes: usize,
    /// How many txns it replayed.
    pub txns: u64,
    /// The last zxid that the directory holds, where the server stops before it.
    pub not_loaded_to: Option<Zxid>,
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
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The release.
    pub release: String,
    /// Settings that were given and that it does not know.
    pub ignored_settings: Vec<&'static str>,
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
    /// Whether it serves the very tree that there was in the end, and that is more than likely.
    pub fn is_right(&self) -> bool {
        let is_true = |proof: Proof, difference: &Difference| {
            proof > Proof::Unproven && difference.is_none() && self.znodes_served == self.znodes
        };
        if self.not_loaded_to.is_some() {
            return false;
        }
        matches!(&self.truth, Truth::Known(proof, difference) if is_true(*proof, difference))
    }
}

impl Start {
    /// Whether it does what a server of another release does.
    pub fn does_as(&self, other: &Start) -> bool {
        self.base == other.base
            && self.logs == other.logs
            && self.said == other.said
            && self.standalone == other.standalone
            && self.member == other.member
    }

    /// Whether it starts and serves the very tree that there was.
    pub fn is_right(&self) -> bool {
        self.standalone.as_ref().is_ok_and(Started::is_right)
    }
}

/// Says what servers by each of `rules` would do on `source`, in their order; `report` is what
/// `verify` found of it, where it was asked. Those that do the same are followed together
/// (`cohort`).
///
/// # Errors
/// [`ErrorKind::BadArgument`] for what is no directory; one that [`Error::is_denied`] where a
/// server reads what this program may not; other failures to read. Damage is in the result.
pub fn starts(
    source: &Source,
    rules: &[Rules],
    report: Option<&Report>,
    progress: &dyn Progress,
) -> Result<Vec<Start>> {
    let mut truths = Truths {
        source,
        report,
        fingerprints: Fingerprints::default(),
        last: None,
    };
    let mut starts: Vec<(Rules, Start)> = Vec::new();
    let mut left = rules.to_vec();
    while !left.is_empty() {
        let leader = left.remove(0);
        let cohort = Rc::new(Cohort::new(leader, left));
        let load = load_together(source, &cohort, progress)?;
        let standalone = match load.end {
            Err(refusal) => Err(refusal),
            Ok(loaded) => {
                let again = || Ok(load_together(source, &cohort, progress)?.end.ok());
                truths.judge(loaded, again, progress)?
            }
        };
        starts.extend(cohort.members().into_iter().map(|rules| {
            let start = Start {
                release: rules.name().to_owned(),
                ignored_settings: rules.ignored_settings(),
                base: load.base.clone(),
                logs: load.logs.clone(),
                said: load.said.clone(),
                standalone: standalone.clone(),
                member: load.member.clone(),
            };
            (rules, start)
        }));
        left = cohort.parted();
    }
    starts.sort_by_key(|(it, _)| rules.iter().position(|rules| rules == it));
    Ok(starts.into_iter().map(|(_, start)| start).collect())
}

/// The true trees of a source. Most releases reach the same zxid, so the last one is kept: its
/// fingerprint, which is small, and once a server's tree differs the tree itself.
struct Truths<'a> {
    source: &'a Source,
    report: Option<&'a Report>,
    fingerprints: Fingerprints,
    last: Option<(Zxid, Known)>,
}

/// What is known of a true tree, or why there is none.
type Known = std::result::Result<TrueTree, String>;

struct TrueTree {
    proof: Proof,
    fingerprint: Option<Fingerprint>,
    tree: Option<DataTree>,
}

impl Truths<'_> {
    /// The last zxid that the directory holds, or held, as logs and names of snapshots tell.
    fn held(&self) -> Option<Zxid> {
        let report = self.report?;
        let snapshots = self.source.snapshots().iter().map(SourceFile::zxid);
        report.last_zxid().into_iter().chain(snapshots).max()
    }

    fn rebuild(
        &self,
        zxid: Zxid,
        progress: &dyn Progress,
    ) -> Result<std::result::Result<(Proof, DataTree), String>> {
        // Where all of it was found to be sound, any base is as good as another, and they need not
        // be judged again.
        let is_judged = self.report.is_some_and(|report| report.is_sound_at(zxid));
        let purpose = match is_judged {
            true => Purpose::Reading,
            false => Purpose::Restoring,
        };
        match rebuild_for(purpose, self.source, Point::Zxid(zxid), false, progress) {
            Ok(rebuilt) => Ok(Ok((rebuilt.replayed.proof, rebuilt.replayed.tree))),
            Err(error) if matches!(error.kind(), ErrorKind::Damage | ErrorKind::NotReachable) => {
                Ok(Err(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    fn at(&mut self, zxid: Zxid, progress: &dyn Progress) -> Result<&mut Known> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != zxid) {
            self.last = None;
            let known = self.rebuild(zxid, progress)?.map(|(proof, tree)| TrueTree {
                proof,
                fingerprint: self.fingerprints.of_truth(&tree),
                tree: None,
            });
            self.last = Some((zxid, known));
        }
        let (_, known) = self.last.as_mut().expect("it was set right above");
        Ok(known)
    }

    /// Compares with the true tree that is kept; `None` where none is.
    fn compare_with_kept(&self, server: &ServerTree) -> Option<Truth> {
        let (_, known) = self
            .last
            .as_ref()
            .filter(|(zxid, _)| *zxid == server.last_zxid())?;
        let known = known.as_ref().ok()?;
        let tree = known.tree.as_ref()?;
        Some(Truth::Known(known.proof, Difference::between(server, tree)))
    }

    /// Compares what a server held with the true tree, and where they differ, loads both once more.
    fn compare(
        &mut self,
        (zxid, held): (Zxid, &Fingerprint),
        again: impl Fn() -> Result<Option<Loaded>>,
        progress: &dyn Progress,
    ) -> Result<Truth> {
        match self.at(zxid, progress)? {
            Err(reason) => return Ok(Truth::Unknown(reason.clone())),
            Ok(known) if known.fingerprint.as_ref() == Some(held) => {
                return Ok(Truth::Known(known.proof, Difference::default()));
            }
            Ok(_) => {}
        }
        let rebuilt = self.rebuild(zxid, progress)?;
        if let (Ok((_, tree)), Ok(known)) = (rebuilt, self.at(zxid, progress)?) {
            known.tree = Some(tree);
        }
        let compared = again()?.and_then(|loaded| self.compare_with_kept(&loaded.tree));
        compared.ok_or_else(|| {
            let message = "changed while it was being read";
            Error::about(self.source.shown(), ErrorKind::SourceChanged, message)
        })
    }

    fn judge(
        &mut self,
        mut loaded: Loaded,
        again: impl Fn() -> Result<Option<Loaded>>,
        progress: &dyn Progress,
    ) -> Result<std::result::Result<Started, Refusal>> {
        let zxid = loaded.zxid();
        let compared = match self.compare_with_kept(&loaded.tree) {
            Some(truth) => Ok(truth),
            None => Err(self.fingerprints.of_server(&loaded.tree)),
        };
        let (znodes, ended_sessions) = (loaded.tree.len(), loaded.tree.dead_sessions());
        if let Err(refusal) = loaded.serve() {
            return Ok(Err(refusal));
        }
        let znodes_served = loaded.tree.len();
        drop(loaded.tree);
        let truth = match compared {
            Ok(truth) => truth,
            Err(held) => self.compare((zxid, &held), again, progress)?,
        };
        Ok(Ok(Started {
            zxid,
            znodes,
            txns: loaded.txns,
            not_loaded_to: self.held().filter(|held| *held > zxid),
            holes: loaded.holes,
            swallowed: loaded.swallowed,
            digest_mismatches: loaded.digest_mismatches,
            ended_sessions,
            znodes_served,
            truth,
        }))
    }
}
