//! Whether a user may read or write a file, by its owner and mode.

use nix::unistd::{Uid, User};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// What is wanted of a file or a directory: a bit of its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Read = 4,
    Write = 2,
}

/// Who owns a file, and what its mode says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

impl From<&Metadata> for Owned {
    fn from(metadata: &Metadata) -> Owned {
        Owned {
            uid: metadata.uid(),
            gid: metadata.gid(),
            mode: metadata.mode(),
        }
    }
}

/// A user that a server may run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerUser {
    pub uid: u32,
    /// The group of the user, where the system knows it; others are not known here.
    pub gid: Option<u32>,
    /// The name, or the number.
    pub name: String,
}

impl ServerUser {
    pub(super) fn of_uid(uid: u32) -> ServerUser {
        let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        ServerUser {
            uid,
            gid: known.as_ref().map(|user| user.gid.as_raw()),
            name: known.map_or_else(|| uid.to_string(), |user| user.name),
        }
    }

    /// Whether the user certainly may not: an ACL grants nothing beyond the bits of the group, and
    /// where those grant it, another group of the user may be that of the file.
    pub(super) fn is_denied(&self, file: Owned, want: Want) -> bool {
        let grants = |shift: u32| file.mode >> shift & (want as u32) != 0;
        match self.uid {
            0 => false,
            uid if uid == file.uid => !grants(6),
            _ if self.gid == Some(file.gid) => !grants(3),
            _ => !grants(3) && !grants(0),
        }
    }
}

/// The user who owns most of these files. Of two with as many, the one who is not root.
pub(super) fn owner_of_most(uids: impl Iterator<Item = u32>) -> Option<u32> {
    let mut counts: Vec<(usize, u32)> = Vec::new();
    for uid in uids {
        match counts.iter_mut().find(|(_, counted)| *counted == uid) {
            Some((count, _)) => *count += 1,
            None => counts.push((1, uid)),
        }
    }
    counts.into_iter().max().map(|(_, uid)| uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(uid: u32, gid: Option<u32>) -> ServerUser {
        let name = uid.to_string();
        ServerUser { uid, gid, name }
    }

    #[test]
    fn what_is_denied_is_certain() {
        let file = |mode: u32| Owned {
            uid: 10,
            gid: 20,
            mode: 0o100_000 | mode,
        };
        for (who, mode, read, write) in [
            // Its owner, whatever others may.
            (user(10, Some(20)), 0o600, false, false),
            (user(10, Some(20)), 0o400, false, true),
            (user(10, Some(20)), 0o077, true, true),
            // One of its group.
            (user(11, Some(20)), 0o640, false, true),
            (user(11, Some(20)), 0o607, true, true),
            // Another, who may be in the group too.
            (user(11, Some(21)), 0o640, false, true),
            (user(11, None), 0o660, false, false),
            (user(11, Some(21)), 0o604, false, true),
            (user(11, Some(21)), 0o600, true, true),
            // Root.
            (user(0, Some(0)), 0o000, false, false),
        ] {
            let denied = [Want::Read, Want::Write].map(|want| who.is_denied(file(mode), want));
            assert_eq!(denied, [read, write], "{who:?} {mode:o}");
        }
    }

    #[test]
    fn the_owner_of_most_files_is_taken_for_the_server() {
        assert_eq!(owner_of_most([0, 5, 5, 0, 5].into_iter()), Some(5));
        assert_eq!(owner_of_most([0, 5].into_iter()), Some(5));
        assert_eq!(owner_of_most([0, 0, 5].into_iter()), Some(0));
        assert_eq!(owner_of_most([].into_iter()), None);
    }
}
