//! The page that describes the repository: enough to restore from one by hand.

use super::{example, item, paragraph, roff};

/// The script that restores a backup without this program; a test runs it.
const BY_HAND: &str = include_str!("../../../tests/restore-by-hand.sh");

/// What each file is.
fn files(page: &mut String) {
    page.push_str(".SH FILES\n");
    item(
        page,
        "zoovault.json",
        "Makes the directory a repository: the version of the format (1), when it was made, a salt, and the id, which is the SHA-256 of version, time and salt with spaces between. Written by 'zoovault init'.",
    );
    item(
        page,
        "log/LINEAGE/FIRST-LAST-SHA.zst",
        "Transactions FIRST to LAST, all of one epoch and without a gap. Decompressed, it is a transaction log that ZooKeeper reads; name it log.FIRST without leading zeros.",
    );
    item(
        page,
        "snapshot/LINEAGE/ZXID-PART-SHA.zst",
        "A part of a base. The parts, decompressed and joined in order, are a snapshot that ZooKeeper reads; name it snapshot.ZXID without leading zeros.",
    );
    item(
        page,
        "backup/LINEAGE/TIME-ZXID-ID.json",
        "A backup: the manifest. ZXID is the last transaction that its lineage held. ID is the beginning of the file's SHA-256, and commands call the backup by it. The time in a name is later than those of all backups that existed then, even if a clock went back.",
    );
    item(
        page,
        "tomb/TIME-SHA.json",
        "Marks backups that are forgotten, and files that nothing needs. These are deleted a day later at the earliest, and only if nothing needs them then.",
    );
    item(
        page,
        "pin/ID-SHA.json",
        "Keeps the backup ID from being forgotten.",
    );
    paragraph(
        page,
        "A file NAME#NUMBER was left behind by a writer that was killed; it means nothing. A file whose name ends in .zst is one zstd frame with a checksum.",
    );
}

/// What a manifest holds.
fn manifest(page: &mut String) {
    page.push_str(".SH MANIFEST\n");
    for (name, text) in [
        (
            "format, tool, lineage, created_ms",
            "The version of the format, the program that wrote it, the lineage, and the time by the host's clock, in ms since 1970.",
        ),
        (
            "source",
            "What was backed up: path, host, member (from myid), and position: the last transaction, and the log and offset at which it was.",
        ),
        (
            "last",
            "The last transaction that the lineage held: its zxid, its time, and the SHA-256 of its record's payload.",
        ),
        (
            "windows",
            "What can be restored from the files listed: from_zxid to to_zxid, with times where a transaction has them.",
        ),
        ("follows", "The backups that it was compared with."),
        ("max_epoch", "The highest epoch that was seen."),
        (
            "added_txns, added_bytes, warnings",
            "What the run added, and the warnings it gave.",
        ),
        (
            "snapshots",
            "Bases. zxid is that of the snapshot's name. exact_from is the zxid from which it is exact together with the logs after it (a server's snapshot is fuzzy); is_inferred means that the snapshot itself does not say so. An exact_from of 0x7fffffffffffffff means that nothing does, since no log goes with the snapshot. shows_zxid is the highest zxid that any of its znodes shows, and newest_zxids those of each epoch. origin is server, fresh or rebuilt. trailer is what follows the znodes. parts are the files, in order, each with name, bytes and sha256.",
        ),
        (
            "logs",
            "Logs by zxid, each with name, bytes and sha256, first_zxid, last_zxid, times, and the number of transactions.",
        ),
        (
            "evidence",
            "What sources showed about the ends of epochs, if anything: txns are zxids that snapshots show and no log had; refuted_ends are pairs, the last transaction that was there of an epoch and the first of the next, where the trees on both sides differ: between them transactions are missing, or the last ones were abandoned.",
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
        "A repository is a directory of files that are written once and never changed. A backup is a manifest: a JSON file that is written last, and lists every file that the backup needs, including those of earlier backups. A file that no manifest lists counts as absent. \
         Names contain the first 12 digits of the SHA-256 of the file's bytes, zxids as 16 hexadecimal digits, and times in UTC.",
    ));
    files(&mut page);
    page.push_str(".SH ACCESS\n");
    page.push_str(&roff(
        "Whoever can read the files has all that ZooKeeper held, whatever its ACLs say: the data of every znode, passwords in it, and the digests of ACLs. The umask of the processes that make the repository and write to it decides who that is; 0022, which is usual under cron, \
         lets every user of the machine read. Set 0027 or 0077 before 'zoovault init' and before whatever writes, as the example services and crontab do. To repair a repository that was made otherwise, run 'chmod -R o= REPOSITORY'. A copy elsewhere needs the same care.",
    ));
    page.push_str(".SH LINEAGES\n");
    page.push_str(&roff(
        "A lineage is one history of an ensemble, whichever members it was read from. Where a history continues differently (an uncommitted tail was truncated, or the ensemble was rebuilt or restored), a new lineage begins, and the old one stays as it is.",
    ));
    manifest(&mut page);
    page.push_str(".SH \"RESTORING BY HAND\"\n");
    page.push_str(&roff(
        "To restore a backup to its last transaction with zstd, jq and sha256sum alone:",
    ));
    example(&mut page, BY_HAND);
    paragraph(
        &mut page,
        "A member of an ensemble also needs currentEpoch and acceptedEpoch beside the files, with the number that jq .max_epoch prints.",
    );
    paragraph(
        &mut page,
        "A server that starts on TARGET replays the logs on the base. That is less than 'zoovault restore' does: nothing is proven, servers of 3.8.4 and later may refuse a snapshot that they wrote themselves, and the zxids continue where they were. So do it for one \
         standalone server, or give the same files to all members of a stopped ensemble.",
    );
    page.push_str(".SH \"SEE ALSO\"\nzoovault\\-backup(1), zoovault\\-check(1), zoovault\\-restore(1), zoovault\\-concepts(7), zstd(1), jq(1)\n");
    page.into_bytes()
}
