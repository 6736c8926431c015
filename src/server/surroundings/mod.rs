//! What else stops a server than its logs and snapshots: `myid`, `zoo.cfg`, the epoch files, and
//! who may read and write what. What the data itself comes to is [`crate::server::outlook`]'s.
//!
//! Each remark was checked against real servers of 3.4.6 to 3.9.4. What cannot be seen from the
//! files is a condition of the remark: whether the server is a member of an ensemble, if no
//! `zoo.cfg` tells; as which user it runs; whether a file system is mounted elsewhere as it is
//! here.

mod access;
pub(super) mod ensemble;
mod epochs;
mod members;
mod myid;
mod paths;
mod permissions;
mod zoo_cfg;

use crate::format::zoo_cfg::{DYNAMIC_FILE, ZooCfg};
use crate::history::source::{EpochFile, Source};
use crate::server::emulate::{Rules, Start};
use crate::server::messages::{self, Entry};
use ensemble::{Membership, membership};
use std::path::{Path, PathBuf};

/// What it comes to. The order is that of importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// Nothing that stops a server.
    Note,
    /// The server starts, and fails later.
    FailsLater,
    /// It starts without some of what there is.
    Loses,
    /// It starts with an empty tree, and may write over what there is.
    StartsEmpty,
    /// It does not start.
    Refuses,
}

impl Impact {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Impact::Note => "note",
            Impact::FailsLater => "fails-later",
            Impact::Loses => "loses",
            Impact::StartsEmpty => "starts-empty",
            Impact::Refuses => "refuses",
        }
    }
}

/// Which servers a remark concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// All.
    Any,
    /// Members of an ensemble.
    Member,
    /// Standalone servers, and leaders.
    StandaloneOrLeader,
}

impl Role {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Any => "any",
            Role::Member => "member",
            Role::StandaloneOrLeader => "standalone-or-leader",
        }
    }
}

/// Something around the data that matters at a start.
#[derive(Clone, Debug)]
pub struct Remark {
    /// What it is, stable for programs.
    pub id: &'static str,
    /// What it comes to.
    pub impact: Impact,
    /// For which servers.
    pub role: Role,
    /// For which releases.
    pub releases: Vec<String>,
    /// What has to be so for it, where that cannot be seen: `as user zookeeper`.
    pub given: Option<String>,
    /// The file that it is about.
    pub file: PathBuf,
    /// What there is.
    pub found: String,
    /// What the server prints.
    pub message: Option<String>,
    /// The next safe step.
    pub next: &'static str,
}

impl Remark {
    fn new(id: &'static str, impact: Impact, file: &Path, next: &'static str) -> Remark {
        Remark {
            id,
            impact,
            role: Role::Any,
            releases: Vec::new(),
            given: None,
            file: file.to_path_buf(),
            found: String::new(),
            message: None,
            next,
        }
    }

    fn found(mut self, found: impl Into<String>) -> Remark {
        self.found = found.into();
        self
    }

    fn prints(mut self, message: impl Into<String>) -> Remark {
        self.message = Some(message.into());
        self
    }

    fn given(mut self, given: impl Into<String>) -> Remark {
        self.given = Some(given.into());
        self
    }

    /// What is known of the message.
    pub fn entry(&self) -> Option<&'static Entry> {
        let explained = messages::explain(self.message.as_ref()?);
        explained.explanations.first().map(|found| found.entry)
    }

    /// Whether nothing that is not seen has to be so for it.
    pub fn is_certain(&self) -> bool {
        self.given.is_none()
    }
}

/// Collects remarks.
struct Remarks<'a> {
    rules: &'a [Rules],
    zoo_cfg: Option<(&'a Path, &'a ZooCfg)>,
    /// Whether there are epoch files, which only members write.
    has_epochs: bool,
    all: Vec<Remark>,
}

impl<'a> Remarks<'a> {
    /// Takes a remark for the releases that it concerns.
    fn tell(&mut self, remark: Remark, concerns: impl Fn(&Rules) -> bool) {
        let concerned = self.rules.iter().filter(|rules| concerns(rules));
        let releases: Vec<String> = concerned.map(|rules| rules.name().to_owned()).collect();
        if !releases.is_empty() {
            self.all.push(Remark { releases, ..remark });
        }
    }

    /// The same, of members only.
    fn tell_member(&mut self, mut remark: Remark, concerns: impl Fn(&Rules) -> bool) {
        remark.role = Role::Member;
        let zoo_cfg = self.zoo_cfg.map(|(_, zoo_cfg)| zoo_cfg);
        let is_unread =
            |zoo_cfg: &ZooCfg| zoo_cfg.get(DYNAMIC_FILE).is_some() && zoo_cfg.dynamic().is_none();
        let condition = match zoo_cfg {
            Some(zoo_cfg) if !is_unread(zoo_cfg) => None,
            Some(_) => {
                Some("as a member of an ensemble, by its dynamic configuration, which was not read")
            }
            None if self.has_epochs => Some("as a member of an ensemble, as its epoch files say"),
            None => Some("as a member of an ensemble"),
        };
        if remark.given.is_none() {
            remark.given = condition.map(ToOwned::to_owned);
        }
        self.tell(remark, |rules| {
            membership(zoo_cfg, rules.release()) != Membership::Told(false) && concerns(rules)
        });
    }

    /// Whether a `zoo.cfg` says that it is a member, whatever the release.
    fn is_member(&self) -> bool {
        let zoo_cfg = self.zoo_cfg.map(|(_, zoo_cfg)| zoo_cfg);
        let mut releases = self.rules.iter().map(Rules::release);
        releases.all(|release| membership(zoo_cfg, release) == Membership::Told(true))
    }

    /// Whether it is worth telling what stops members only.
    fn may_be_member(&self) -> bool {
        self.zoo_cfg.is_some() || self.has_epochs
    }
}

/// What is around the data of `source`, for servers by each of `rules`; `starts` is what the data
/// comes to. Of what is no directory there is nothing to say.
pub fn look(source: &Source, rules: &[Rules], starts: &[Start]) -> Vec<Remark> {
    if !source.is_directory() || source.is_repository() {
        return Vec::new();
    }
    let is_there = |file: &EpochFile| *file != EpochFile::Absent;
    let mut remarks = Remarks {
        rules,
        zoo_cfg: source.zoo_cfg(),
        has_epochs: is_there(source.current_epoch()) || is_there(source.accepted_epoch()),
        all: Vec::new(),
    };
    if let Some((path, zoo_cfg)) = source.zoo_cfg() {
        zoo_cfg::look(&mut remarks, path, zoo_cfg);
        members::look(&mut remarks, path, zoo_cfg);
    }
    if let Some(data_dir) = source.data_dir() {
        myid::look(&mut remarks, data_dir);
    }
    paths::look(&mut remarks, source);
    epochs::look(&mut remarks, source, starts);
    permissions::look(&mut remarks, source, starts);
    remarks.sorted()
}

/// What is wrong with a `zoo.cfg` itself, where what it names cannot be opened.
pub fn look_at_zoo_cfg(path: &Path, zoo_cfg: &ZooCfg, rules: &[Rules]) -> Vec<Remark> {
    let mut remarks = Remarks {
        rules,
        zoo_cfg: Some((path, zoo_cfg)),
        has_epochs: false,
        all: Vec::new(),
    };
    zoo_cfg::look(&mut remarks, path, zoo_cfg);
    members::look(&mut remarks, path, zoo_cfg);
    remarks.sorted()
}

impl Remarks<'_> {
    fn sorted(self) -> Vec<Remark> {
        let mut all = self.all;
        all.sort_by_key(|remark| std::cmp::Reverse(remark.impact));
        all
    }
}
