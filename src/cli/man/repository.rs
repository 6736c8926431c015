//! The page that describes the repository: enough to restore from one by hand.

use super::{example, item, paragraph, roff};

/// What restores a backup without this program; a test does it.
const BY_HAND: &str = include_str!("../../../tests/restore-by-hand.sh");

/// What each file is.
fn files(page: &mut String) {
    page.push_str(".SH FILES\n");
    item(
        page,
        "zoovault.json",
        "Makes the directory a repository: the format's version (1), when it was made, a salt and the id, which is the SHA-256 of version, time and salt with spaces between. Written by 'zoovault init'.",
    );
    item(
        page,
        "log/LINEAGE/FIRST-LAST-SHA.zst",
        "Txns FIRST to LAST, of one epoch and without a gap. Decompressed, it is a transaction log that ZooKeeper reads, as log.FIRST without leading zeros.",
    );
    item(
        page,
        "snapshot/LINEAGE/ZXID-PART-SHA.zst",
        "A part of a base. The parts decompressed and laid end to end are a snapshot that ZooKeeper reads, as snapshot.ZXID without leading zeros.",
    );
    item(
        page,
        "backup/LINEAGE/TIME-ZXID-ID.json",
        "A backup: the manifest. ZXID is the last that its lineage held, ID the beginning of the file's SHA-256, and the name by which commands call the backup. A name's time is later than those of all backups that were there, also where a clock went back.",
    );
    item(
        page,
        "tomb/TIME-SHA.json",
        "Marks backups that are forgotten, and files that nothing needs. They are deleted a day later at the earliest, and only if nothing needs them then.",
    );
    item(
        page,
        "pin/ID-SHA.json",
        "Keeps the backup ID from being forgotten.",
    );
    paragraph(
        page,
        "A file NAME#NUMBER is what a writer that was killed left behind; it means nothing. Files end in .zst where they are one zstd frame with a checksum.",
    );
}

/// What stands in a manifest.
fn manifest(page: &mut String) {
    page.push_str(".SH MANIFEST\n");
    for (name, text) in [
        (
            "format, tool, lineage, created_ms",
            "The format's version, the program that wrote it, the lineage, and when by the host's clock, in ms since 1970.",
        ),
        (
            "source",
            "What was backed up: path, host, member (of myid), and position: the last txn, and in which log at which offset it was.",
        ),
        (
            "last",
            "The last txn that the lineage held: zxid, time, and the SHA-256 of its record's payload.",
        ),
        (
            "windows",
            "What can be restored from the files listed: from_zxid to to_zxid, with times where a txn tells.",
        ),
        ("follows", "Backups that it was compared with."),
        ("max_epoch", "The highest epoch that was seen."),
        (
            "added_txns, added_bytes, warnings",
            "What the run added, and what it told.",
        ),
        (
            "snapshots",
            "Bases. zxid is that of the snapshot's name; exact_from says from which zxid on it is exact with the logs behind it (a snapshot of a server is fuzzy), and is_inferred that this is not said by the snapshot itself (0x7fffffffffffffff: nothing tells, since no log goes with it); shows_zxid is the highest zxid that any of its znodes shows, and newest_zxids those of each epoch; origin is server, fresh or rebuilt; trailer is what stands behind its znodes; parts are the files, in order, each with name, bytes and sha256.",
        ),
        (
            "logs",
            "Logs by zxid, each with name, bytes and sha256, first_zxid, last_zxid, times, and how many txns.",
        ),
        (
            "evidence",
            "What sources showed of the ends of epochs, where there is any: txns are zxids that snapshots tell of and no log had; refuted_ends are pairs, the last txn that was there of an epoch and the first of the next, where the trees on both sides differ: between them txns are missing, or the last ones were abandoned.",
        ),
    ] {
        item(page, name, text);
    }
}

/// The page.
pub fn page() -> Vec<u8> {
    let mut page = String::from(
        ".TH ZOOVAULT\\-REPOSITORY 7 \"\" \"zoovault\" \"\"\n.SH NAME\nzoovault\\-repository \\- what is in a backup repository, and how to restore from it by hand\n.SH DESCRIPTION\n",
    );
    page.push_str(&roff(
        "A repository is a directory of files that are written once and never changed. A backup is a manifest, a JSON file that is written last; it lists every \
         file that the backup needs, those of earlier backups too. What no manifest lists does not exist. Names hold the first 12 digits of the SHA-256 of the file's bytes, \
         zxids as 16 hexadecimal digits, and times in UTC.",
    ));
    files(&mut page);
    page.push_str(".SH ACCESS\n");
    page.push_str(&roff(
        "Whoever may read the files has all that ZooKeeper held, whatever its ACLs say: the data of every znode, passwords in it, and the digests of ACLs. The umask of the \
         processes that make the repository and write to it decides who may: 0022, which is usual under cron, lets every user of the machine. Set 0027 or 0077 before 'zoovault init' and \
         before whatever writes, as the services and the crontab that come along do. What was made otherwise is mended with 'chmod -R o= REPOSITORY'. A copy elsewhere wants the same care.",
    ));
    page.push_str(".SH LINEAGES\n");
    page.push_str(&roff(
        "A lineage is one history of an ensemble, whichever members it was read from. Where a history goes on otherwise (an uncommitted tail that was truncated, an ensemble \
         that was rebuilt or restored), another lineage begins, and the old one stays as it is.",
    ));
    manifest(&mut page);
    page.push_str(".SH \"RESTORING BY HAND\"\n");
    page.push_str(&roff(
        "With zstd, jq and sha256sum alone, a backup to its last txn:",
    ));
    example(&mut page, BY_HAND);
    paragraph(
        &mut page,
        "A member of an ensemble also needs currentEpoch and acceptedEpoch beside the files, with the number that jq .max_epoch gives.",
    );
    paragraph(
        &mut page,
        "A server that starts on TARGET replays the logs on the base. That is less than 'zoovault restore' does: nothing is proven, servers of 3.8.4 and later may refuse a snapshot \
         of their own making, and the zxids go on where they were: so do it for one standalone server, or give the same files to all members of an ensemble that is stopped.",
    );
    page.push_str(".SH \"SEE ALSO\"\nzoovault\\-backup(1), zoovault\\-check(1), zoovault\\-restore(1), zoovault\\-concepts(7), zstd(1), jq(1)\n");
    page.into_bytes()
}
