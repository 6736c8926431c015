//! `currentEpoch` and `acceptedEpoch`.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::pattern::Captures;
use crate::analysis::finding::Code;

const NO_EDIT: &str = "do not delete or edit the file while other members run: an epoch that was used must not be reused. If a quorum is healthy, copy this member's version-2 aside, empty it, and let it take the tree from them. Where this is the only copy, `zoovault restore DIR --to latest --members ...`: it writes both files, above every epoch seen";

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "epoch-current-behind",
        signs: &[
            sign("The current epoch, {epoch}, is older than the last zxid, {zxid}"),
            sign("The current epoch, {epoch}, is older than the last zxid"),
        ],
        cause: "currentEpoch is older than the data: the server was killed between writing a snapshot of a new epoch and the file, the disk was full, or data was copied without the file",
        risk: Risk::No,
        at_risk: "logs and snapshots are not affected; a standalone server never reads the file",
        next: NO_EDIT,
        findings: &[Code::EpochFiles, Code::FileLeftover],
        facts: about_current,
        ..BLANK
    },
    Entry {
        id: "epoch-accepted-behind",
        signs: &[
            sign("The accepted epoch, {accepted} is less than the current epoch, {current}"),
            sign("The accepted epoch, {accepted} is less than the current epoch"),
            // Up to 3.4.6 and 3.5.1 the words were exchanged, but not the comparison.
            sign("The current epoch, {current} is less than the accepted epoch, {accepted}"),
        ],
        cause: "acceptedEpoch is older than currentEpoch, or was missing and was recreated from the last zxid: it was lost, or copied from elsewhere",
        risk: Risk::No,
        at_risk: "logs and snapshots are not affected",
        next: NO_EDIT,
        findings: &[Code::EpochFiles],
        facts: about_accepted,
        ..BLANK
    },
    Entry {
        id: "epoch-leader-behind",
        signs: &[
            sign("Leaders epoch, {leader} is less than accepted epoch, {accepted}"),
            sign("is less than our accepted epoch"),
            sign("Error: Epoch of leader is lower"),
        ],
        cause: "this member has promised not to follow a leader as old as the one that was elected: the others were restored or reinitialised with lower epochs, or lost their epoch files",
        risk: Risk::Maybe,
        at_risk: "this member may have transactions that the others no longer have",
        next: "copy this member's directory before anything else. Run `zoovault verify DIR` on every member's directory: the one that reaches the highest zxid has the most; restore all from it",
        findings: &[Code::EpochFiles],
        facts: about_leader,
        ..BLANK
    },
    Entry {
        id: "epoch-unreadable",
        signs: &[
            sign("Found in {dir}currentEpoch"),
            sign("Found in {dir}acceptedEpoch"),
            sign("Found {text} in {dir}currentEpoch"),
            sign("Found {text} in {dir}acceptedEpoch"),
        ],
        cause: "an epoch file is empty or not a number: a crash or a full disk left it so, or it was edited (a trailing space is enough)",
        risk: Risk::No,
        at_risk: "logs and snapshots are not affected",
        next: NO_EDIT,
        findings: &[Code::EpochFiles],
        facts: about_text,
        ..BLANK
    },
    // QuorumPeer.writeLongToFile, AtomicFileOutputStream.
    Entry {
        id: "epoch-unwritten",
        signs: &[
            sign("Could not rename temporary file {file}"),
            sign("Failed to write new file {file}"),
            sign("Unable to delete tmp file {file}"),
            sign_with("Failed to delete", &["updatingEpoch"]),
        ],
        since: "3.4.4",
        cause: "currentEpoch, acceptedEpoch or another small file was written under a temporary name but could not be put in place: the directory's owner or permissions are wrong, it was moved or unmounted below the server, or on Windows another program has the file open",
        risk: Risk::No,
        at_risk: "the old file is still there; the member does not follow a leader until it can write the new one",
        next: "look at the directory: is it there, mounted and writable for the server's user? Do not write the epoch files by hand",
        findings: &[Code::EpochFiles, Code::FileLeftover],
        facts: about_file,
        ..BLANK
    },
    Entry {
        id: "epoch-created",
        signs: &[
            sign("currentEpoch not found! Creating with a reasonable default of {epoch}"),
            sign("acceptedEpoch not found! Creating with a reasonable default of {epoch}"),
        ],
        weight: Weight::Note,
        cause: "an epoch file was missing, and the server created it from the last zxid: correct after an upgrade from 3.3 and in a new or restored directory, but not otherwise",
        risk: Risk::Maybe,
        at_risk: "nothing in a directory where this is expected; if the files were lost, an epoch may be reused, and members can silently differ",
        next: "if this member was not restored on purpose, find out what happened to the file",
        findings: &[Code::EpochFiles],
        facts: about_created,
        ..BLANK
    },
    Entry {
        id: "epoch-taken-up",
        signs: &[
            sign("found. Setting current epoch to {epoch}"),
            sign(
                "taking a snapshot but before updating current epoch. Setting current epoch to {epoch}",
            ),
        ],
        since: "3.4.6, 3.5.10, 3.6.3, 3.7.1",
        weight: Weight::Note,
        cause: "the server was killed while writing currentEpoch, and has now finished doing so",
        risk: Risk::No,
        at_risk: "this is normal",
        next: "nothing to do",
        findings: &[Code::FileLeftover],
        ..BLANK
    },
];

fn about_file(captures: &Captures) -> Vec<String> {
    let file = captures.get("file");
    file.map(|file| format!("the file is {file}"))
        .into_iter()
        .collect()
}

fn about_current(captures: &Captures) -> Vec<String> {
    let zxid = captures
        .decimal_zxid("zxid")
        .filter(|zxid| zxid.to_i64() > 0);
    let mut facts = Vec::new();
    if let Some(zxid) = zxid {
        facts.push(format!(
            "the last zxid is {zxid}, of epoch {}",
            zxid.epoch()
        ));
    }
    if let Some(epoch) = captures.hex("epoch") {
        facts.push(format!("currentEpoch is {epoch}{}", in_hex(epoch)));
    }
    facts
}

fn about_accepted(captures: &Captures) -> Vec<String> {
    match (captures.hex("accepted"), captures.hex("current")) {
        (Some(accepted), Some(current)) => vec![format!(
            "acceptedEpoch is {accepted}{}, currentEpoch {current}{}",
            in_hex(accepted),
            in_hex(current)
        )],
        _ => Vec::new(),
    }
}

/// Servers print these epochs in hexadecimal, without saying so.
fn in_hex(epoch: i64) -> String {
    if (0..10).contains(&epoch) {
        String::new()
    } else {
        format!(" (0x{epoch:x})")
    }
}

fn about_leader(captures: &Captures) -> Vec<String> {
    match (captures.decimal("leader"), captures.decimal("accepted")) {
        (Some(leader), Some(accepted)) => vec![format!(
            "the leader's epoch is {leader}, and this member has accepted {accepted}"
        )],
        _ => Vec::new(),
    }
}

fn about_text(captures: &Captures) -> Vec<String> {
    let text = captures.get("text").unwrap_or_default();
    vec![format!("it contains \"{text}\"")]
}

fn about_created(captures: &Captures) -> Vec<String> {
    let epoch = captures.decimal("epoch");
    epoch
        .map(|epoch| format!("it was set to {epoch}"))
        .into_iter()
        .collect()
}
