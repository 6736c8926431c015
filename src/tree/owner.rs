//! What `ephemeralOwner` means (`EphemeralType`).
//!
//! | value | meaning |
//! |---|---|
//! | 0 | persistent |
//! | 0x8000000000000000 | container (3.5.1+) |
//! | 0xFF0000tt_tttttttt | TTL node, t its TTL in ms (3.5.4+ with `extendedTypesEnabled`) |
//! | other | the session that owns it |
//!
//! Session ids may be negative too, so a value that could be a TTL is a session if such a session
//! is known.

use super::DataTree;
use crate::format::record::Stat;
use crate::zxid::SessionId;

/// The owner of every container.
pub const CONTAINER_OWNER: i64 = i64::MIN;
/// The mark of a TTL node, and the bits that hold the TTL.
const TTL_MARK: i64 = 0xff << 56;
const TTL_BITS: i64 = (1 << 40) - 1;
/// The same in 3.5.3.
const OLD_TTL_MARK: i64 = i64::MIN;

/// What kind of znode an owner makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It stays until it is deleted.
    Persistent,
    /// The server deletes it when its last child is gone.
    Container,
    /// The server deletes it when it was not changed for so many ms and has no children.
    Ttl(i64),
    /// It goes with this session.
    Session(SessionId),
}

/// The owner of a new TTL node. 3.5.4 and later refuse a TTL above 40 bits; 3.5.3 did not.
pub fn ttl_owner(ttl_ms: i64) -> i64 {
    if (0..=TTL_BITS).contains(&ttl_ms) {
        TTL_MARK | ttl_ms
    } else {
        OLD_TTL_MARK | ttl_ms
    }
}

impl DataTree {
    /// What kind of znode `stat` is of.
    pub fn owner_of(&self, stat: &Stat) -> Owner {
        let owner = stat.ephemeral_owner;
        match owner {
            0 => Owner::Persistent,
            CONTAINER_OWNER => Owner::Container,
            _ if owner & !TTL_BITS == TTL_MARK
                && !self.sessions.contains_key(&SessionId(owner)) =>
            {
                Owner::Ttl(owner & TTL_BITS)
            }
            _ => Owner::Session(SessionId(owner)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_owner_is_told_from_a_session_by_the_sessions_known() {
        let mut tree = DataTree::fresh(true);
        let owned = |owner| Stat {
            ephemeral_owner: owner,
            ..Stat::default()
        };
        assert_eq!(ttl_owner(5000), 0xff00_0000_0000_1388_u64.cast_signed());
        assert_eq!(tree.owner_of(&owned(ttl_owner(5000))), Owner::Ttl(5000));
        assert_eq!(tree.owner_of(&owned(i64::MIN)), Owner::Container);
        assert_eq!(tree.owner_of(&owned(0)), Owner::Persistent);
        assert_eq!(tree.owner_of(&owned(7)), Owner::Session(SessionId(7)));
        tree.load_session(SessionId(ttl_owner(5000)), 1);
        assert_eq!(
            tree.owner_of(&owned(ttl_owner(5000))),
            Owner::Session(SessionId(ttl_owner(5000)))
        );
    }
}
