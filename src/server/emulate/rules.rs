//! What differs from release to release, and by the settings of a server.
//!
//! | what | releases |
//! |---|---|
//! | names in two parts only; compressed snapshots unknown | up to 3.5 |
//! | a snapshot is wanted where there are logs (`FileTxnSnapLog.restore`) | 3.5.3 and later |
//! | an acceptedEpoch below the currentEpoch is told with both the other way round | 3.4.6, 3.5.0, 3.5.1 |
//! | logs and snapshots in each other's directory are refused | 3.4.12, 3.5.4, 3.6.0 and later |
//! | the digest behind the first seal is read | 3.6.0 and later |
//! | the last zxid behind that is read | 3.9.0 and later |
//! | a newest log of zero bytes is deleted (`FileTxnLog.goToNextLog`) | 3.9.3 and later |
//! | a hole within an epoch is refused (`ZKDatabase.addCommittedProposal`) | 3.9.4 and later |
//! | a create sets its parent's cversion and pzxid as the txn says; later it only raises them | up to 3.5 |
//! | a delete looks for the znode first, and sets the parent's pzxid | up to 3.5.4 |
//! | a create finds its znode there by the parent's list of children; later, by the table of znodes, and gives it its ACL | 3.8.5, 3.9.4 and later |
//! | a create registers its ACL even if the znode is there | 3.6.0 and later |
//! | what a closeSession lists is deleted | 3.6.0 and later |
//! | a multi's create2 is understood | 3.7.2, 3.8.2, 3.9.0 and later |
//! | ACLs are fetched while txns are applied, and one that is missing ends the load | 3.7.3, 3.8.4, 3.9.2 and later; Debian's 3.8.0-11+deb12u2 |
//! | ACLs are counted, and dropped when nothing uses them | 3.4.9, 3.5.2, 3.6.0 and later |

use super::settings::Settings;
use super::thrown::{Result, Thrown};
use crate::format::record::TxnKind;
use crate::format::release::{RELEASES, Release};
use crate::format::zoo_cfg::ZooCfg;

/// What a server does with logs without a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogsAlone {
    /// It replays them.
    Replay,
    /// It replays them, and warns.
    ReplayTrusting,
    /// It does not start.
    Refuse,
    /// It warns, saves an empty tree and serves that. Its first txn is written over the logs.
    Drop,
}

/// What kind of znode an `ephemeralOwner` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerKind {
    /// It stays.
    Persistent,
    /// A container.
    Container,
    /// It goes after a time.
    Ttl,
    /// It goes with a session.
    Session,
}

/// One server: a release and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    name: String,
    release: Release,
    settings: Settings,
    has_acl_check: bool,
}

const CONTAINER: i64 = i64::MIN;
const EXTENDED_MASK: i64 = 0xff << 56;
const RESERVED_BITS: i64 = 0xffff << 40;
const TTL_MAX: i64 = (1 << 40) - 1;
const ILLEGAL_ARGUMENT: &str = "java.lang.IllegalArgumentException";

impl Rules {
    /// The first release whose rules are known here; the earlier ones fixed up what they replayed
    /// in ways of their own.
    pub const FIRST: Release = Release::new(3, 4, 6);
    /// The last branch.
    pub const LAST_MINOR: u32 = 9;

    /// The rules of a release, or of Debian's package of one, such as `3.8.0-11+deb12u2`: from that
    /// on, Debian's 3.8.0 fetches ACLs as 3.8.4 does (the fix of CVE-2024-23944).
    ///
    /// # Errors
    /// A line for the user, for what is no release, or none that is known here.
    pub fn parse(text: &str, settings: Settings) -> std::result::Result<Rules, String> {
        let (number, revision) = text.split_once('-').unwrap_or((text, ""));
        let release: Release = number.parse()?;
        if release < Rules::FIRST || release.minor > Rules::LAST_MINOR {
            return Err(format!(
                "what a server of {text} does is not known here: {} to 3.{} are",
                Rules::FIRST,
                Rules::LAST_MINOR
            ));
        }
        let is_fixed = !matches!(revision, "" | "11" | "11+deb12u1");
        Ok(Rules {
            has_acl_check: release.has(&[(7, 3), (8, 4), (9, 2)])
                || (release == Release::new(3, 8, 0) && is_fixed),
            name: text.to_owned(),
            release,
            settings,
        })
    }

    /// All that are known, with default settings.
    pub fn all() -> Vec<Rules> {
        let parse = |name: &&str| Rules::parse(name, Settings::default());
        RELEASES
            .iter()
            .filter_map(|name| parse(name).ok())
            .collect()
    }

    /// The same release with the settings of a `zoo.cfg`, which count more than those of `-D`.
    #[must_use]
    pub fn with_zoo_cfg(mut self, zoo_cfg: &ZooCfg) -> Rules {
        for (key, value) in zoo_cfg.entries() {
            self.settings.set_in_cfg(key, value);
        }
        self
    }

    /// As it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The release.
    pub fn release(&self) -> Release {
        self.release
    }

    fn since(&self, minor: u32, patch: u32) -> bool {
        self.release >= Release::new(3, minor, patch)
    }

    /// The longest buffer that it reads, as an int of Java: beyond what one holds, that is negative
    /// up to 3.8.4 and 3.9.2, and nothing is read any more.
    pub fn longest(&self) -> i32 {
        let max = self.settings.max_buffer;
        let extra = match self.settings.extra_size {
            Some(extra) if self.since(5, 7) => extra.max(1024),
            _ => self.release.extra_buffer_len(max),
        };
        match self.release.has(&[(8, 5), (9, 3)]) {
            true => max.saturating_add(extra),
            false => max.wrapping_add(extra),
        }
    }

    /// Settings that were given and that it does not know.
    pub fn ignored_settings(&self) -> Vec<&'static str> {
        self.settings.ignored_by(self.release)
    }

    /// How long a buffer of `length` is.
    pub fn buffer(&self, length: i32) -> Result<usize> {
        let len = usize::try_from(length).ok();
        let len = len.filter(|_| length <= self.longest());
        len.ok_or_else(|| Thrown::unreasonable(length))
    }

    /// How long a string is. Up to 3.4.6 and in 3.5.0, it was read whatever its length.
    pub fn string(&self, length: i32) -> Result<usize> {
        if self.release.has(&[(4, 7), (5, 1)]) {
            return self.buffer(length);
        }
        let negative = "java.lang.NegativeArraySizeException";
        usize::try_from(length).map_err(|_| Thrown::Unchecked(negative, length.to_string()))
    }

    /// Whether names have exactly two parts.
    pub fn wants_two_parts(&self) -> bool {
        !self.since(6, 0)
    }

    /// What it does where there are logs and no snapshot (`FileTxnSnapLog.restore`).
    pub fn with_logs_alone(&self) -> LogsAlone {
        let is_trusted = self.settings.trust_empty && self.since(5, 6);
        match (self.since(5, 3), is_trusted) {
            (false, _) => LogsAlone::Replay,
            (true, false) => LogsAlone::Refuse,
            (true, true) if self.release == Release::new(3, 5, 6) => LogsAlone::Drop,
            (true, true) => LogsAlone::ReplayTrusting,
        }
    }

    /// Whether it looks for logs among snapshots and the other way round, where the two have
    /// directories of their own.
    pub fn checks_placement(&self) -> bool {
        self.release.has(&[(4, 12), (5, 4), (6, 0)])
    }

    /// Whether it reads digests, and compares them.
    pub fn reads_digests(&self) -> bool {
        self.since(6, 0) && self.settings.digest
    }

    /// Whether it reads the last zxid of a snapshot.
    pub fn reads_last_zxid(&self) -> bool {
        self.since(9, 0) && self.settings.last_zxid
    }

    /// Whether it takes a snapshot's digest for the last zxid, which stands behind it.
    pub fn takes_digest_for_last_zxid(&self) -> bool {
        self.reads_last_zxid() && !self.reads_digests()
    }

    /// Whether the string of a seal is read at all.
    pub fn reads_seal_string(&self) -> bool {
        self.since(6, 0)
    }

    /// Whether a newest log of zero bytes is deleted.
    pub fn deletes_empty_tail(&self) -> bool {
        self.since(9, 3)
    }

    /// Whether a hole within an epoch is refused.
    pub fn refuses_gaps(&self) -> bool {
        self.since(9, 4) && !self.settings.allow_gaps
    }

    /// Whether a parent's cversion and pzxid are only raised.
    pub fn only_raises_cversion(&self) -> bool {
        self.since(6, 0)
    }

    /// Whether a delete raises the parent's pzxid before it looks for the znode.
    pub fn deletes_from_parent_first(&self) -> bool {
        self.release.has(&[(5, 5)])
    }

    /// Whether a create looks in the table of znodes, and gives what it finds its ACL.
    pub fn creates_by_table(&self) -> bool {
        self.release.has(&[(8, 5), (9, 4)])
    }

    /// Whether a create registers its ACL first.
    pub fn registers_acl_first(&self) -> bool {
        self.since(6, 0)
    }

    /// Whether a closeSession has a list that is deleted.
    pub fn reads_close_session(&self) -> bool {
        self.since(6, 0) && self.settings.close_session
    }

    /// Whether it looks for a digest where a closeSession has its list.
    pub fn takes_closed_paths_for_digest(&self) -> bool {
        self.reads_digests() && !self.reads_close_session()
    }

    /// Whether ACLs are fetched while txns are applied.
    pub fn fetches_acls(&self) -> bool {
        self.has_acl_check
    }

    /// Whether unused ACLs are dropped.
    pub fn counts_acls(&self) -> bool {
        self.release.has(&[(4, 9), (5, 2)])
    }

    /// Whether a fresh tree has `/zookeeper/config`.
    pub fn has_config_node(&self) -> bool {
        self.since(5, 0)
    }

    /// Whether that has an ACL of its own: one that every server has made, and whose id is never
    /// used again.
    pub fn has_config_acl(&self) -> bool {
        self.release.has(&[(5, 3)])
    }

    /// Whether a half-written epoch file is used (`QuorumPeer.loadDataBase`).
    pub fn reads_half_written_epoch(&self) -> bool {
        self.release.has(&[(5, 10), (6, 3), (7, 1), (8, 0)])
    }

    /// What is thrown for an acceptedEpoch below the currentEpoch (`QuorumPeer.loadDataBase`).
    pub fn accepted_behind(&self, accepted: i64, current: i64) -> Thrown {
        Thrown::io(match self.release.has(&[(4, 7), (5, 2)]) {
            true => format!(
                "The accepted epoch, {accepted:x} is less than the current epoch, {current:x}"
            ),
            false => format!(
                "The current epoch, {current:x} is less than the accepted epoch, {accepted:x}"
            ),
        })
    }

    /// Whether it knows that it was updating an epoch file by `updatingEpoch`.
    pub fn reads_updating_epoch(&self) -> bool {
        self.release.minor == 4
    }

    /// What is thrown for a record whose type it does not know. Up to 3.8 the message has a `%d` in
    /// it that nothing fills in.
    pub fn unsupported(&self, txn_type: i32) -> Thrown {
        let format = if self.release.minor < 9 { "%d" } else { "" };
        Thrown::io(format!("Unsupported Txn with type={format}{txn_type}"))
    }

    /// What is thrown for a quota on "/", which is more than the trie of quotas bears
    /// (`DataTree.setupQuota`, `PathTrie.addPath`).
    pub fn root_quota(&self) -> Thrown {
        let colon = if self.since(6, 0) { ":" } else { "" };
        Thrown::Unchecked(ILLEGAL_ARGUMENT, format!("Invalid path{colon} "))
    }

    /// What is thrown for a snapshot with another sum.
    pub fn corrupt_snapshot(&self, name: &str) -> Thrown {
        Thrown::io(match self.reads_seal_string() {
            true => "CRC corruption".to_owned(),
            false => format!("CRC corruption in snapshot :  {name}"),
        })
    }

    /// Whether a record of `kind` can be read (`SerializeUtils.deserializeTxn`).
    pub fn knows(&self, kind: TxnKind) -> bool {
        match kind {
            TxnKind::CreateSession
            | TxnKind::CloseSession
            | TxnKind::Error
            | TxnKind::Create
            | TxnKind::Delete
            | TxnKind::SetData
            | TxnKind::SetAcl
            | TxnKind::Multi => true,
            TxnKind::Create2 | TxnKind::Reconfig => self.since(5, 0),
            TxnKind::CreateContainer | TxnKind::DeleteContainer => self.since(5, 1),
            TxnKind::CreateTtl => self.since(5, 3),
            TxnKind::Check => false,
        }
    }

    /// Whether a multi may have a part of `kind` (`DataTree.processTxn`).
    pub fn knows_in_multi(&self, kind: TxnKind) -> bool {
        match kind {
            TxnKind::Create
            | TxnKind::Delete
            | TxnKind::SetData
            | TxnKind::Error
            | TxnKind::Check => true,
            TxnKind::Create2 => self.release.has(&[(7, 2), (8, 2), (9, 0)]),
            TxnKind::CreateContainer | TxnKind::DeleteContainer | TxnKind::CreateTtl => {
                self.knows(kind)
            }
            TxnKind::CreateSession
            | TxnKind::CloseSession
            | TxnKind::SetAcl
            | TxnKind::Multi
            | TxnKind::Reconfig => false,
        }
    }

    /// What kind of znode `owner` makes (`EphemeralType.get`).
    pub fn kind_of(&self, owner: i64) -> Result<OwnerKind> {
        let is_extended = self.since(5, 4) && self.settings.extended_types;
        if is_extended && self.settings.emulate_353_ttl && owner < 0 && owner != CONTAINER {
            return Ok(OwnerKind::Ttl);
        }
        if is_extended && owner & EXTENDED_MASK == EXTENDED_MASK {
            if owner & RESERVED_BITS != 0 {
                let message = format!("Invalid ephemeralOwner. [{owner:x}]");
                return Err(Thrown::Unchecked(ILLEGAL_ARGUMENT, message));
            }
            return Ok(OwnerKind::Ttl);
        }
        Ok(match owner {
            0 => OwnerKind::Persistent,
            CONTAINER if self.since(5, 1) => OwnerKind::Container,
            owner if owner < 0 && self.is_3_5_3() => OwnerKind::Ttl,
            _ => OwnerKind::Session,
        })
    }

    /// The owner of a new TTL node (`EphemeralType.TTL.toEphemeralOwner`).
    pub fn ttl_owner(&self, ttl_ms: i64) -> Result<i64> {
        let (mark, max) = match self.is_3_5_3() {
            true => (CONTAINER, (1 << 60) - 1),
            false => (EXTENDED_MASK, TTL_MAX),
        };
        if !(1..=max).contains(&ttl_ms) {
            let message = if ttl_ms <= 0 {
                "ttl must be positive".to_owned()
            } else {
                format!("ttl must be positive and cannot be larger than: {max}")
            };
            return Err(Thrown::Unchecked(ILLEGAL_ARGUMENT, message));
        }
        Ok(mark | ttl_ms)
    }

    fn is_3_5_3(&self) -> bool {
        self.release == Release::new(3, 5, 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(release: &str) -> Rules {
        Rules::parse(release, Settings::default()).unwrap()
    }

    #[test]
    fn a_package_of_debian_may_have_more_than_its_release() {
        assert!(rules("3.8.0-11+deb12u2").fetches_acls());
        assert!(!rules("3.8.0-11+deb12u1").fetches_acls() && !rules("3.8.0").fetches_acls());
        for unknown in ["3.4.5", "3.10.0", "three"] {
            assert!(Rules::parse(unknown, Settings::default()).is_err());
        }
    }

    #[test]
    fn what_one_buffer_may_have_grew_with_the_releases() {
        for (release, max) in [("3.4.14", 0xf_ffff + 1024), ("3.5.7", 2 * 0xf_ffff)] {
            let rules = rules(release);
            assert_eq!(rules.buffer(max), Ok(usize::try_from(max).unwrap()));
            let refused = Thrown::io(format!("Unreasonable length = {}", max + 1));
            assert_eq!(rules.buffer(max + 1), Err(refused));
        }
        assert!(rules("3.4.6").string(1 << 30).is_ok());
    }

    #[test]
    fn a_limit_beyond_an_int_lets_nothing_through_in_earlier_releases() {
        let mut settings = Settings::default();
        settings.set("jute.maxbuffer=1073741824").unwrap();
        for (release, is_read) in [
            ("3.4.14", true),
            ("3.5.7", false),
            ("3.8.4", false),
            ("3.8.5", true),
            ("3.9.2", false),
            ("3.9.3", true),
        ] {
            let rules = Rules::parse(release, settings.clone()).unwrap();
            assert_eq!(rules.buffer(5).is_ok(), is_read, "{release}");
        }
    }

    #[test]
    fn owners_are_told_apart_as_each_release_does() {
        let ttl = 0xff00_0000_0000_1388_u64.cast_signed();
        let mut with_ttl = rules("3.8.0");
        assert_eq!(with_ttl.kind_of(ttl), Ok(OwnerKind::Session));
        with_ttl
            .settings
            .set("zookeeper.extendedTypesEnabled=true")
            .unwrap();
        assert_eq!(with_ttl.kind_of(ttl), Ok(OwnerKind::Ttl));
        assert!(with_ttl.kind_of(-1).is_err());
        assert_eq!(rules("3.4.14").kind_of(i64::MIN), Ok(OwnerKind::Session));
        assert_eq!(rules("3.5.10").kind_of(i64::MIN), Ok(OwnerKind::Container));
    }
}
