//! Every code that a finding about a repository can have, with what it means.

use super::Severity;

/// What a code means, whatever the object.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// As findings have it.
    pub name: &'static str,
    /// How bad it can be.
    pub severities: &'static [Severity],
    /// What was found.
    pub meaning: &'static str,
    /// The next safe step.
    pub next: &'static str,
}

/// What is known of the code `name`.
pub fn find(name: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.name == name)
}

const INFO: &[Severity] = &[Severity::Info];
const WARNING: &[Severity] = &[Severity::Warning];
const DAMAGE: &[Severity] = &[Severity::Damage];
const WARNING_OR_DAMAGE: &[Severity] = &[Severity::Warning, Severity::Damage];

const OBJECT: &str = "put the object back from a copy of the repository, under the same name; backups that do not list it can be restored: zoovault restore REPOSITORY@ID";
const WRITER: &str = "keep the repository as it is and report this: a writer misbehaved, or an object was made by hand";

const fn code(
    name: &'static str,
    severities: &'static [Severity],
    meaning: &'static str,
    next: &'static str,
) -> Code {
    Code {
        name,
        severities,
        meaning,
        next,
    }
}

/// The codes, by name.
pub const ALL: &[Code] = &[
    code(
        "backup-contradictory",
        DAMAGE,
        "What a backup says about its logs and bases is contradictory: their order, epochs, counts, times, or the last transaction.",
        WRITER,
    ),
    code(
        "backup-damaged",
        WARNING_OR_DAMAGE,
        "A backup's manifest does not match its name, or is not as zoovault writes it. A warning if the backup is forgotten anyway.",
        "put it back from a copy of the repository; no other backup depends on it",
    ),
    code(
        "backup-follows",
        WARNING,
        "A backup claims to follow one that cannot have existed: itself, a later one, or something that is not an id.",
        WRITER,
    ),
    code(
        "backup-in-future",
        WARNING,
        "A backup is dated in the future: a clock was or is wrong. Later backups get even later names, and ages are not what they seem.",
        "correct the clocks of the hosts that back up; names are right again once that time has passed",
    ),
    code(
        "backup-misnamed",
        DAMAGE,
        "A backup's name disagrees with its manifest about the lineage, time or zxid.",
        "if the object was renamed or moved, give it its original name back",
    ),
    code(
        "format-newer",
        WARNING,
        "An object is intact, but has a format that this release does not support.",
        "check with the release that writes to this repository",
    ),
    code(
        "lineage-fork",
        DAMAGE,
        "Two logs of one lineage disagree about one zxid: they are not from one history.",
        "restore from one backup, by its id, and compare the members that were backed up: zoovault compare",
    ),
    code(
        "lineage-heads",
        INFO,
        "A lineage has backups, older than its newest, that no other follows: backups ran at the same time, or a member was away.",
        "nothing: the next backup follows them all, if they are from one history",
    ),
    code(
        "log-contents",
        DAMAGE,
        "A stored log is intact, but differs from what was recorded about it, or is faulty in itself.",
        WRITER,
    ),
    code(
        "logs-overlap",
        INFO,
        "Logs of one backup have some zxids twice: several members were backed up at the same time.",
        "nothing: a check that reads data compares them",
    ),
    code(
        "name-foreign",
        WARNING,
        "An object in a folder of the repository has a name that zoovault does not use.",
        "find out who put it there, and move it away",
    ),
    code(
        "object-contradictory",
        DAMAGE,
        "Two backups disagree about one object.",
        WRITER,
    ),
    code(
        "object-damaged",
        DAMAGE,
        "The bytes of an object differ from those that were stored.",
        OBJECT,
    ),
    code(
        "object-misnamed",
        DAMAGE,
        "An object's name disagrees with the backup that lists it about the lineage, zxid, part or SHA-256.",
        WRITER,
    ),
    code(
        "object-missing",
        DAMAGE,
        "An object that a backup lists is missing.",
        OBJECT,
    ),
    code(
        "object-size",
        DAMAGE,
        "An object's length differs from when it was stored.",
        OBJECT,
    ),
    code(
        "object-unlisted",
        INFO,
        "No backup lists some objects: they were stored by a run that was killed, or by one that is in progress.",
        "nothing: zoovault prune removes them in due time",
    ),
    code(
        "object-unreadable",
        DAMAGE,
        "The storage fails to read an object.",
        "examine the storage (kernel log, SMART), copy the repository elsewhere while that is possible, and check the copy",
    ),
    code(
        "pin-damaged",
        DAMAGE,
        "A pin does not match its name. It still counts, by its name.",
        "remove it and pin the backup again",
    ),
    code(
        "pin-without-backup",
        WARNING,
        "A pin is for a backup that is missing or forgotten.",
        "unpin it, if that is intended",
    ),
    code(
        "repository-damaged",
        DAMAGE,
        "zoovault.json is missing or not as zoovault wrote it. No backup depends on its content, but the repository cannot be opened without it.",
        "put it back from a copy of the repository; or create an empty repository elsewhere with 'zoovault init', and use its zoovault.json",
    ),
    code(
        "snapshot-contents",
        DAMAGE,
        "A stored base is intact, but differs from what was recorded about it, or is faulty in itself.",
        WRITER,
    ),
    code(
        "tomb-damaged",
        DAMAGE,
        "A tombstone does not match its name: it is not known which backups are forgotten, and no other operation can continue.",
        "remove it while no prune is running: backups that only it marked as forgotten are no longer forgotten, and can be forgotten again",
    ),
    code(
        "window-unfounded",
        DAMAGE,
        "A backup claims points that its bases and logs do not support.",
        WRITER,
    ),
    code(
        "window-untold",
        WARNING,
        "The bases and logs of a backup support points that it does not claim.",
        "nothing: they can be restored",
    ),
    code(
        "writer-leftover",
        INFO,
        "Writers that were killed left unfinished files behind.",
        "nothing: zoovault prune removes them",
    ),
];
