//! Which servers an ensemble has by a `zoo.cfg` (`QuorumPeerConfig.parseDynamicConfig`; up to 3.4
//! `parseProperties`), and whether that is one.

use crate::format::release::Release;
use crate::format::zoo_cfg::{DYNAMIC_FILE, ZooCfg};

/// Whether a server is a member of an ensemble, as far as can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Membership {
    /// A `zoo.cfg` says that it is, or is not.
    Told(bool),
    /// No `zoo.cfg` is given, or the file with the members that it names could not be read.
    Unknown,
}

/// Whether a server of `release` is a member by its `zoo.cfg`.
pub(in crate::server) fn membership(zoo_cfg: Option<&ZooCfg>, release: Release) -> Membership {
    match zoo_cfg.and_then(|zoo_cfg| Ensemble::of(zoo_cfg, release)) {
        Some(ensemble) => Membership::Told(ensemble.is_distributed()),
        None => Membership::Unknown,
    }
}

/// The servers that a `zoo.cfg` lists.
pub(super) struct Ensemble<'a> {
    participants: Vec<&'a str>,
    observers: Vec<&'a str>,
    /// Whether one participant is a standalone server.
    is_alone_allowed: bool,
}

impl<'a> Ensemble<'a> {
    /// The servers for one of `release`; `None` where the file that lists them was not read.
    pub(super) fn of(zoo_cfg: &'a ZooCfg, release: Release) -> Option<Ensemble<'a>> {
        let is_early = release.minor < 5;
        let listing = listing(zoo_cfg, is_early)?;
        let is_observer = |id: &&str| {
            let value = listing.get(&format!("server.{id}")).unwrap_or_default();
            is_observer(value)
        };
        let (observers, participants) = listing.members().into_iter().partition(is_observer);
        let standalone = zoo_cfg.get("standaloneEnabled");
        Some(Ensemble {
            participants,
            observers,
            is_alone_allowed: is_early
                || !standalone.is_some_and(|value| value.eq_ignore_ascii_case("false")),
        })
    }

    /// What stands behind `server.` for each, in the order of the names.
    pub(super) fn ids(&self) -> Vec<&'a str> {
        let mut ids = [self.participants.as_slice(), &self.observers].concat();
        ids.sort_unstable();
        ids
    }

    /// Whether there is one with this number.
    pub(super) fn has(&self, id: i64) -> bool {
        self.ids().iter().any(|listed| listed.parse() == Ok(id))
    }

    fn is_distributed(&self) -> bool {
        match self.participants.len() {
            0 => false,
            1 => !self.is_alone_allowed,
            _ => true,
        }
    }

    /// Why `release` takes them for no ensemble.
    pub(super) fn refusal(&self, release: Release) -> Option<&'static str> {
        match (self.participants.len(), self.observers.is_empty()) {
            (0, _) if !self.is_alone_allowed && release.has(&[(5, 1)]) => {
                Some("standaloneEnabled = false then number of participants should be >0")
            }
            (0, false) => Some("Observers w/o participants is an invalid configuration"),
            (1, false) if self.is_alone_allowed => {
                Some("Observers w/o quorum is an invalid configuration")
            }
            _ => None,
        }
    }
}

/// What lists the members: a `zoo.cfg`, or from 3.5 on the file that it names.
fn listing(zoo_cfg: &ZooCfg, is_early: bool) -> Option<&ZooCfg> {
    match zoo_cfg.get(DYNAMIC_FILE) {
        Some(_) if !is_early => zoo_cfg.dynamic(),
        Some(_) | None => Some(zoo_cfg),
    }
}

/// Whether a `host:port:port:observer;port` is that of an observer: by the first of several
/// addresses, which all have to say the same.
fn is_observer(value: &str) -> bool {
    let address = value.split([';', '|']).next().unwrap_or_default();
    let role = address.rsplit(':').next().unwrap_or_default();
    role.eq_ignore_ascii_case("observer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zoo_cfg_tells_members_from_standalone_servers_as_each_release_does() {
        let told = |text: &str, release: &str| {
            let zoo_cfg = ZooCfg::parse(text.as_bytes());
            membership(Some(&zoo_cfg), release.parse().unwrap())
        };
        let one = "server.1=a:1:2\n";
        let quorum_of_one = format!("{one}standaloneEnabled=FALSE\n");
        assert_eq!(told("clientPort=1", "3.9.4"), Membership::Told(false));
        assert_eq!(told(one, "3.9.4"), Membership::Told(false));
        assert_eq!(told(&quorum_of_one, "3.5.0"), Membership::Told(true));
        assert_eq!(told(&quorum_of_one, "3.4.14"), Membership::Told(false));
        let two = format!("{one}server.2=b:1:2");
        assert_eq!(told(&two, "3.4.6"), Membership::Told(true));
        // An observer is none of those who make a quorum.
        let with_observer = format!("{one}server.2=b:1:2:OBSERVER;2181");
        assert_eq!(told(&with_observer, "3.9.4"), Membership::Told(false));
        assert_eq!(told("dynamicConfigFile=/x", "3.9.4"), Membership::Unknown);
        assert_eq!(
            told("dynamicConfigFile=/x", "3.4.14"),
            Membership::Told(false)
        );
        assert_eq!(
            membership(None, "3.9.4".parse().unwrap()),
            Membership::Unknown
        );
        let dynamic = ZooCfg::parse(two.as_bytes());
        let zoo_cfg = ZooCfg::parse(b"dynamicConfigFile=/x").with_dynamic(dynamic);
        let release = "3.5.1".parse().unwrap();
        assert_eq!(membership(Some(&zoo_cfg), release), Membership::Told(true));
    }

    #[test]
    fn the_role_is_behind_the_ports() {
        for (value, is_one) in [
            ("a:1:2:observer", true),
            ("a:1:2:Observer;127.0.0.1:2181", true),
            ("a:1:2:observer|b:1:2:observer", true),
            ("[::1]:1:2:observer", true),
            ("observer:1:2", false),
            ("a:1:2:participant;2181", false),
            ("", false),
        ] {
            assert_eq!(is_observer(value), is_one, "{value}");
        }
    }
}
