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

const OBJECT: &str = "put the object back from a copy of the repository, under the same name; what does not list it can be restored: zoovault restore REPOSITORY@ID";
const WRITER: &str = "keep the repository as it is and report this: a writer broke its promise, or an object was made by hand";

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
        "What a backup says of its logs and bases contradicts itself: their order, epochs, counts, times, or the last txn.",
        WRITER,
    ),
    code(
        "backup-damaged",
        WARNING_OR_DAMAGE,
        "A backup's manifest is not what its name says, or not what this program writes. A warning where the backup is forgotten anyway.",
        "put it back from a copy of the repository; all other backups stand without it",
    ),
    code(
        "backup-follows",
        WARNING,
        "A backup says that it follows one that cannot have been there: itself, a later one, or something that is no id.",
        WRITER,
    ),
    code(
        "backup-in-future",
        WARNING,
        "A backup is named for a time that has not come: a clock was or is wrong. Later names are kept behind it, and ages are not what they seem.",
        "set the clocks of the hosts that back up; names are right again once that time is over",
    ),
    code(
        "backup-misnamed",
        DAMAGE,
        "A backup's name says another lineage, time or zxid than its manifest.",
        "give the object its name back, if it was renamed or moved",
    ),
    code(
        "format-newer",
        WARNING,
        "An object is whole, and of a format that this release does not know.",
        "check with the release that writes to this repository",
    ),
    code(
        "lineage-fork",
        DAMAGE,
        "Two logs of one lineage say different things about one zxid: they are not of one history.",
        "restore from one backup, by its id, and compare the members that were backed up: zoovault compare",
    ),
    code(
        "lineage-heads",
        INFO,
        "A lineage has backups, older than its newest, that no other follows: runs that went on at once, or a member that was away.",
        "nothing: the next backup follows them all, if they are of one history",
    ),
    code(
        "log-contents",
        DAMAGE,
        "A stored log is whole, and not what was noted of it, or faulty in itself.",
        WRITER,
    ),
    code(
        "logs-overlap",
        INFO,
        "Logs of one backup hold some zxids twice: members were backed up at once.",
        "nothing: a check that reads data compares them",
    ),
    code(
        "name-foreign",
        WARNING,
        "An object in a folder of the repository has a name that this program does not give.",
        "find out who put it there, and move it away",
    ),
    code(
        "object-contradictory",
        DAMAGE,
        "Two backups say different things of one object.",
        WRITER,
    ),
    code(
        "object-damaged",
        DAMAGE,
        "The bytes of an object are not those that were stored.",
        OBJECT,
    ),
    code(
        "object-misnamed",
        DAMAGE,
        "An object's name says another lineage, zxid, part or SHA-256 than the backup that lists it.",
        WRITER,
    ),
    code(
        "object-missing",
        DAMAGE,
        "An object that a backup lists is not there.",
        OBJECT,
    ),
    code(
        "object-size",
        DAMAGE,
        "An object has another length than when it was stored.",
        OBJECT,
    ),
    code(
        "object-unlisted",
        INFO,
        "No backup lists some objects: a run that was killed stored them, or one that is going on.",
        "nothing: zoovault prune removes them in time",
    ),
    code(
        "object-unreadable",
        DAMAGE,
        "The storage fails to give an object.",
        "look at the storage (the kernel's log, SMART), copy the repository elsewhere while that goes, and check the copy",
    ),
    code(
        "pin-damaged",
        DAMAGE,
        "A mark against deletion is not what its name says. It counts all the same, by its name.",
        "remove it and pin the backup again",
    ),
    code(
        "pin-without-backup",
        WARNING,
        "A mark against deletion is for a backup that is not there, or is forgotten.",
        "unpin it, if that is as it should be",
    ),
    code(
        "repository-damaged",
        DAMAGE,
        "zoovault.json is not there or not what this program wrote. No backup depends on what is in it, and nothing opens without it.",
        "put it back from a copy of the repository; or make an empty one elsewhere with 'zoovault init', and take the zoovault.json of that",
    ),
    code(
        "snapshot-contents",
        DAMAGE,
        "A stored base is whole, and not what was noted of it, or faulty in itself.",
        WRITER,
    ),
    code(
        "tomb-damaged",
        DAMAGE,
        "A mark for deletion is not what its name says: which backups are forgotten is not known, and nothing else can go on.",
        "remove it while no prune runs: what it alone made forgotten counts again, and can be forgotten again",
    ),
    code(
        "window-unfounded",
        DAMAGE,
        "A backup promises points that its bases and logs do not give.",
        WRITER,
    ),
    code(
        "window-untold",
        WARNING,
        "The bases and logs of a backup give points that it does not promise.",
        "nothing: they can be restored",
    ),
    code(
        "writer-leftover",
        INFO,
        "Writers that were killed left files behind that never became objects.",
        "nothing: zoovault prune removes them",
    ),
];
