//! Would servers start on a directory, and with what in hand: the findings of `verify` and the
//! checks of a start, told as consequences.
//!
//! A server loads the newest snapshot that it can, then the logs named above it and the newest one
//! below. Damage elsewhere it never sees. What is told here follows from the files; it is no
//! emulation of one release, and settings of the server (`jute.maxbuffer`, `snapshot.trust.empty`,
//! `db.autocreate`) are taken to be the default ones.

use super::entries;
use super::entry::Entry;
use crate::analysis::finding::{Code, Fact, Finding, Severity};
use crate::analysis::verify::{Depth, Report, verify};
use crate::error::{Hint, Result, TxnPlace};
use crate::format::datadir::{CURRENT_EPOCH, FileName};
use crate::format::record::{Effect as TxnEffect, TxnBody};
use crate::history::source::{EpochFile, Source, SourceFile};
use crate::progress::Progress;
use crate::zxid::Zxid;
use nix::errno::Errno;

/// What one thing does to a start. The order is that of importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing, as long as the rest is as it is.
    None,
    /// It depends on more than the files.
    Unsure,
    /// Servers start, and serve less or other data than there was.
    Loses,
    /// Servers do not start.
    Refuses,
}

impl Effect {
    /// As people and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Effect::None => "none",
            Effect::Unsure => "unsure",
            Effect::Loses => "loses",
            Effect::Refuses => "refuses",
        }
    }
}

/// One thing that a start meets.
#[derive(Clone, Debug)]
pub struct Consequence {
    /// What it does.
    pub effect: Effect,
    /// To which servers.
    pub releases: String,
    /// What there is, with its file.
    pub what: String,
    /// What the server prints.
    pub says: Option<String>,
    /// What is known of that message.
    pub entry: Option<&'static Entry>,
    /// The code of the finding behind it.
    pub code: Option<Code>,
    /// The next safe step.
    pub next: Hint,
}

/// What would come of a start.
#[derive(Clone, Debug)]
pub struct Prognosis {
    /// The snapshot that servers would load.
    pub base: Option<String>,
    /// The logs that they would read behind it.
    pub logs: Vec<String>,
    /// What they meet, the most important first.
    pub consequences: Vec<Consequence>,
}

/// Whether a server would start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Nothing in the files speaks against it.
    Starts,
    /// Perhaps not all releases, or not with all settings.
    Unsure,
    /// It starts, and serves less or other data than there was.
    Loses,
    /// Some releases, or members of ensembles only, do not.
    SomeRefuse,
    /// None does.
    AllRefuse,
}

impl Answer {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Answer::Starts => "starts",
            Answer::Unsure => "unsure",
            Answer::Loses => "loses",
            Answer::SomeRefuse => "some-refuse",
            Answer::AllRefuse => "all-refuse",
        }
    }
}

impl Prognosis {
    /// The worst of what is met.
    pub fn answer(&self) -> Answer {
        let answer = |told: &Consequence| match told.effect {
            Effect::None => Answer::Starts,
            Effect::Unsure => Answer::Unsure,
            Effect::Loses => Answer::Loses,
            Effect::Refuses if told.releases == EVERY => Answer::AllRefuse,
            Effect::Refuses => Answer::SomeRefuse,
        };
        let answers = self.consequences.iter().map(answer);
        answers.max().unwrap_or(Answer::Starts)
    }
}

const EVERY: &str = "every release";
const MEMBERS: &str = "every release, as a member of an ensemble; a standalone server never checks";
/// The releases that fetch ACL lists while they replay.
const EAGER_ACLS: &str = "3.8.4 and later of 3.8; 3.9.2 and later";
const SPLIT_CHECKED: &str = "3.4.12 and later of 3.4; 3.5.4 and later";
/// What servers read of one record by default, the longer for 3.5.7 and later.
const READ_MAX: [u64; 2] = [0xf_ffff + 1024, 2 * 0xf_ffff];
const ROOT_LIMITS: &[u8] = b"/zookeeper/quota/zookeeper_limits";

/// Verifies `source`, and says what would come of a start on it.
///
/// # Errors
/// Those of [`verify`].
pub fn directory(source: &Source, progress: &dyn Progress) -> Result<(Report, Prognosis)> {
    let report = verify(source, Depth::Full, progress)?;
    let mut start = Start::new(source, &report);
    for finding in &report.findings {
        start.meet(finding);
    }
    start.without_snapshot();
    start.epochs();
    start.quota_on_root(progress)?;
    let mut told = start.told;
    told.sort_by_key(|told| std::cmp::Reverse(told.effect));
    let prognosis = Prognosis {
        base: start.base.map(SourceFile::name),
        logs: start.logs.iter().map(|log| log.name()).collect(),
        consequences: told,
    };
    Ok((report, prognosis))
}

/// A start on a source, as far as its files tell.
struct Start<'a> {
    source: &'a Source,
    report: &'a Report,
    base: Option<&'a SourceFile>,
    logs: Vec<&'a SourceFile>,
    told: Vec<Consequence>,
}

impl<'a> Start<'a> {
    fn new(source: &'a Source, report: &'a Report) -> Start<'a> {
        let sound = source
            .snapshots()
            .iter()
            .zip(&report.snapshots)
            .filter(|(_, told)| told.nodes.is_some());
        let base = sound.map(|(file, _)| file).next_back();
        let from = base.map_or(Zxid::ZERO, SourceFile::zxid).next();
        let below = source.logs().iter().rfind(|log| log.zxid() < from);
        let above = source.logs().iter().filter(|log| log.zxid() >= from);
        Start {
            source,
            report,
            base,
            logs: below.into_iter().chain(above).collect(),
            told: Vec::new(),
        }
    }

    /// The last zxid that a server would reach.
    fn last(&self) -> Zxid {
        let of_logs = self.report.txns.map(|(_, (last, _))| last);
        let of_base = self.base.map(SourceFile::zxid);
        of_logs.max(of_base).unwrap_or(Zxid::ZERO)
    }

    fn is_read(&self, finding: &Finding) -> bool {
        let is_it = |log: &&SourceFile| finding.file.as_deref() == Some(log.shown());
        self.logs.iter().any(is_it)
    }

    /// Takes up `finding` with an effect on some releases, and the message `id` if they print one.
    fn tell(&mut self, finding: &Finding, effect: Effect, releases: &str, id: &str) {
        let entry = entries().find(|entry| entry.id == id);
        let file = finding
            .file
            .as_ref()
            .map(|file| format!("{}: ", file.display()))
            .unwrap_or_default();
        self.told.push(Consequence {
            effect,
            releases: releases.to_owned(),
            what: format!("{file}{}", finding.message),
            says: entry.map(Entry::message),
            entry,
            code: Some(finding.code),
            next: finding.next(),
        });
    }

    /// Takes up what no finding is about.
    fn tell_of(
        &mut self,
        effect: Effect,
        releases: &str,
        what: String,
        id: &str,
        says: Option<String>,
    ) {
        let Some(entry) = entries().find(|entry| entry.id == id) else {
            return;
        };
        self.told.push(Consequence {
            effect,
            releases: releases.to_owned(),
            what,
            says: Some(says.unwrap_or_else(|| entry.message())),
            entry: Some(entry),
            code: None,
            next: entry.next.into(),
        });
    }

    fn meet(&mut self, finding: &Finding) {
        use Effect::{Loses, Refuses, Unsure};
        if is_of_log(finding) && !self.is_read(finding) {
            if finding.severity == Severity::Damage {
                self.tell(
                    finding,
                    Effect::None,
                    "no release reads this file as long as the newest snapshot loads",
                    "",
                );
            }
            return;
        }
        match finding.code {
            Code::LogBadChecksum => self.tell(finding, Refuses, EVERY, "log-checksum"),
            Code::LogBadMagic | Code::LogAllZeros | Code::LogVersionTwo => self.tell(finding, Refuses, EVERY, "log-magic"),
            Code::LogUnknownType => self.tell(finding, Refuses, EVERY, "log-unknown-type"),
            Code::LogCutHeader => self.tell(finding, Refuses, EVERY, "log-eof-in-header"),
            Code::LogEmpty if finding.severity == Severity::Warning => {
                self.tell(finding, Refuses, "3.4.0 to 3.9.2; later ones delete the file", "log-eof-in-header");
            }
            Code::LogEmpty => self.tell(finding, Refuses, EVERY, "log-eof-in-header"),
            Code::LogBadLength => self.tell(
                finding,
                Refuses,
                "every release; if the length is plausible, they silently drop the rest of the log instead",
                "length-in-log",
            ),
            Code::LogBadEndMark | Code::LogBadRecord | Code::LogCut => self.tell(
                finding,
                Loses,
                "every release; 3.9.4 and later refuse to start if a log follows",
                "log-partial",
            ),
            Code::LogFork => self.tell(finding, Loses, EVERY, "log-zxid-repeated"),
            Code::LogLargeRecord => self.too_large(finding, "length-in-log"),
            Code::FileLookalike => self.tell(finding, Unsure, "3.6.0 and later", ""),
            Code::FileUnreadable => self.unreadable(finding),
            Code::FileMisplaced => {
                let is_log = finding
                    .file
                    .as_ref()
                    .and_then(|file| file.file_name())
                    .is_some_and(|name| name.to_string_lossy().starts_with("log."));
                let id = if is_log { "logs-in-data-dir" } else { "snapshots-in-log-dir" };
                self.tell(finding, Refuses, SPLIT_CHECKED, id);
            }
            Code::TxnsMissing => self.gap(finding),
            Code::DigestMismatch => self.tell(finding, Loses, EVERY, "digest-mismatch"),
            Code::LogZxidOrder => self.tell(finding, Unsure, EVERY, "log-zxid-repeated"),
            Code::LogsMissing if finding.severity == Severity::Missing => {
                self.tell(finding, Loses, EVERY, "");
            }
            Code::LogsMissing | Code::SnapshotDiffers | Code::TxnsDiffer => self.tell(finding, Unsure, EVERY, ""),
            Code::AclUnresolved => self.tell(finding, Unsure, EAGER_ACLS, "acl-missing"),
            Code::EphemeralsUncovered => self.tell(finding, Unsure, EVERY, ""),
            code if code.name().starts_with("snapshot-") => self.snapshot(finding),
            // The rest says what can be restored, or changes nothing at a start.
            _ => {}
        }
    }

    fn unreadable(&mut self, finding: &Finding) {
        let file = finding.file.as_deref();
        let is_of = |files: &[SourceFile]| files.iter().any(|it| file == Some(it.shown()));
        if is_of(self.source.snapshots()) {
            return self.snapshot(finding);
        }
        if is_of(self.source.logs()) && !self.is_read(finding) {
            let releases = "no release reads this file as long as the newest snapshot loads";
            return self.tell(finding, Effect::None, releases, "");
        }
        let id = match finding.fact {
            Some(Fact::OsError(code)) => match Errno::from_raw(code) {
                Errno::EACCES | Errno::EPERM => "dir-unwritable",
                Errno::EIO => "disk-failing",
                _ => "",
            },
            Some(Fact::Length(_)) | None => "",
        };
        let releases = match is_of(self.source.logs()) {
            true => EVERY,
            false => MEMBERS,
        };
        self.tell(finding, Effect::Refuses, releases, id);
    }

    fn too_large(&mut self, finding: &Finding, id: &str) {
        let len = match finding.fact {
            Some(Fact::Length(len)) => len,
            Some(Fact::OsError(_)) | None => 0,
        };
        let [early, late] = READ_MAX;
        let releases = if len > late {
            "every release with default settings"
        } else if len > early {
            "3.4.0 to 3.5.6 with default settings"
        } else {
            "3.4.0 to 3.4.5 with default settings"
        };
        self.tell(finding, Effect::Refuses, releases, id);
    }

    fn gap(&mut self, finding: &Finding) {
        let base = self.base.map_or(Zxid::ZERO, SourceFile::zxid);
        let Some(missing) = finding
            .txn
            .and_then(TxnPlace::of)
            .filter(|missing| *missing > base)
        else {
            self.tell(
                finding,
                Effect::None,
                "no release replays transactions from before the newest snapshot",
                "",
            );
            return;
        };
        let next = self
            .report
            .logs
            .iter()
            .filter_map(|log| log.summary.as_ref())
            .flat_map(|summary| &summary.runs)
            .map(|run| run.first)
            .filter(|first| *first > missing)
            .min();
        let is_within_epoch = next.is_some_and(|next| next.epoch() == missing.epoch());
        // The first txn behind the snapshot may be any.
        let is_refused = is_within_epoch && missing > base.next();
        if is_refused {
            self.tell(finding, Effect::Refuses, "3.9.4 and later", "txns-missing");
        }
        let releases = if is_refused {
            "3.4.0 to 3.9.3, silently"
        } else {
            "every release, silently"
        };
        self.tell(finding, Effect::Loses, releases, "");
        if let Some(told) = self.told.last_mut() {
            told.says = None;
        }
    }

    fn snapshot(&mut self, finding: &Finding) {
        let is_base = self
            .base
            .is_some_and(|base| finding.file.as_deref() == Some(base.shown()));
        match finding.code {
            Code::SnapshotDanglingAcl if is_base => {
                self.tell(finding, Effect::Unsure, EAGER_ACLS, "acl-missing");
            }
            Code::SnapshotLargeData if is_base => {
                self.too_large(finding, "length-in-snapshot");
            }
            Code::SnapshotAlone | Code::SnapshotAloneInexact if is_base => {
                self.tell(finding, Effect::Unsure, EVERY, "");
            }
            Code::SnapshotAlone
            | Code::SnapshotAloneInexact
            | Code::SnapshotDanglingAcl
            | Code::SnapshotLargeData
            | Code::SnapshotFreeName
            | Code::SnapshotOddHeader
            | Code::SnapshotDiffersSessions => {}
            _ => {
                let base = self.base.map(SourceFile::name);
                let releases = match base {
                    Some(base) => format!("every release continues with {base}"),
                    None => EVERY.to_owned(),
                };
                self.tell(finding, Effect::None, &releases, "snapshot-unread");
            }
        }
    }

    /// Without a snapshot that loads.
    fn without_snapshot(&mut self) {
        if self.base.is_some() {
            return;
        }
        if self.source.snapshots().iter().any(is_tried) {
            let what = "no snapshot can be loaded".to_owned();
            self.tell_of(Effect::Refuses, EVERY, what, "no-valid-snapshot", None);
        } else if !self.logs.is_empty() {
            let what = "there are logs but no snapshot".to_owned();
            let releases = "3.5.3 and later; earlier ones replay the logs onto an empty tree";
            self.tell_of(Effect::Refuses, releases, what, "no-snapshot", None);
        }
    }

    fn epochs(&mut self) {
        for file in [self.source.accepted_epoch(), self.source.current_epoch()] {
            if let EpochFile::Unparsable(text) = file {
                let what = format!("an epoch file contains \"{}\"", text.escape_default());
                self.tell_of(Effect::Refuses, MEMBERS, what, "epoch-unreadable", None);
            }
        }
        let last = self.last();
        let of_last = i64::from(last.epoch());
        let EpochFile::Epoch(current) = self.source.current_epoch() else {
            return;
        };
        if *current < of_last {
            let is_half_written = self.source.odd_files().iter().any(|(path, name)| {
                *name == FileName::Leftover && path.ends_with(format!("{CURRENT_EPOCH}.tmp"))
            });
            let releases = if is_half_written {
                "3.4.0 to 3.5.9, 3.6.0 to 3.6.2, 3.7.0, as members; later ones use currentEpoch.tmp"
            } else {
                MEMBERS
            };
            let says = format!(
                "The current epoch, {current:x}, is older than the last zxid, {}",
                last.to_i64()
            );
            let what = format!(
                "currentEpoch is {current}, but the last zxid is {last}, of epoch {of_last}"
            );
            self.tell_of(
                Effect::Refuses,
                releases,
                what,
                "epoch-current-behind",
                Some(says),
            );
        }
        // A server makes a file that is not there from the last zxid.
        let (accepted, how) = match self.source.accepted_epoch() {
            EpochFile::Epoch(accepted) => (*accepted, "holds"),
            EpochFile::Absent => (of_last, "is missing and would be set to"),
            EpochFile::Unparsable(_) | EpochFile::Unread => return,
        };
        if accepted < *current {
            let says = format!(
                "The accepted epoch, {accepted:x} is less than the current epoch, {current:x}"
            );
            let what = format!("acceptedEpoch {how} {accepted}, and currentEpoch is {current}");
            self.tell_of(
                Effect::Refuses,
                MEMBERS,
                what,
                "epoch-accepted-behind",
                Some(says),
            );
        }
    }

    /// A quota on "/", in the snapshot or set by a txn behind it.
    fn quota_on_root(&mut self, progress: &dyn Progress) -> Result<()> {
        progress.start("looking for a quota on \"/\"", None);
        let mut place = None;
        let base = self.base.map_or(Zxid::ZERO, SourceFile::zxid);
        if let Some(base) = self.base {
            let mut reader = self.source.open_snapshot(base)?;
            while let Some(node) = reader.next_node()? {
                if node.path == ROOT_LIMITS {
                    place = Some((base.name(), node.stat.czxid));
                }
            }
        }
        for log in &self.logs {
            // Damage was told by `verify`.
            let Ok(mut reader) = self.source.open_log(log) else {
                continue;
            };
            while let Ok(Some(entry)) = reader.next_entry() {
                if place.is_none()
                    && entry.header.zxid > base
                    && entry.txn().is_ok_and(|txn| sets_root_quota(&txn.body))
                {
                    place = Some((log.name(), entry.header.zxid));
                }
            }
        }
        if let Some((name, zxid)) = place {
            let what = format!("{name}: a quota was set on \"/\" by {zxid}");
            self.tell_of(Effect::Refuses, EVERY, what, "quota-on-root", None);
        }
        Ok(())
    }
}

/// Whether what was found is in a log.
fn is_of_log(finding: &Finding) -> bool {
    finding.code.name().starts_with("log-")
}

/// Whether servers try to load a snapshot at all.
fn is_tried(file: &SourceFile) -> bool {
    let opened = file.open();
    opened.is_ok_and(|handle| file.codec().is_tried(&*handle).unwrap_or(false))
}

fn sets_root_quota(body: &TxnBody<'_>) -> bool {
    body.effects().any(|effect| match effect {
        TxnEffect::Creates(create) => create.path == ROOT_LIMITS,
        TxnEffect::OpensSession { .. }
        | TxnEffect::ClosesSession { .. }
        | TxnEffect::SetsData { .. }
        | TxnEffect::SetsAcl { .. }
        | TxnEffect::Deletes { .. } => false,
    })
}
