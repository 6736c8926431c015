//! The epoch files, beyond what a member makes of them ([`crate::server::emulate`]): what it writes
//! where one is missing or cannot be read (`QuorumPeer.loadDataBase`).

use super::{Impact, Remark, Remarks};
use crate::format::datadir::{ACCEPTED_EPOCH, CURRENT_EPOCH};
use crate::history::source::{EpochFile, Source};
use crate::server::emulate::Start;
use std::path::Path;

const NEXT: &str = "copy the directory before a start. If the file was left out of a copy, copy it too; do not write it by hand";

pub(super) fn look(remarks: &mut Remarks<'_>, source: &Source, starts: &[Start]) {
    let Some(dir) = source.dirs().first() else {
        return;
    };
    let files = [
        (CURRENT_EPOCH, source.current_epoch()),
        (ACCEPTED_EPOCH, source.accepted_epoch()),
    ];
    for (name, file) in files {
        let path = dir.join(name);
        match file {
            EpochFile::Absent if remarks.has_epochs => missing(remarks, &path, starts),
            EpochFile::Unread => replaced(remarks, &path),
            EpochFile::Absent
            | EpochFile::Empty
            | EpochFile::Epoch(_)
            | EpochFile::Unparsable(_) => {}
        }
        let half_written = dir.join(format!("{name}.tmp"));
        if half_written.symlink_metadata().is_ok() {
            left(remarks, &half_written, name);
        }
    }
}

/// A member writes the epoch of its last zxid, and does so before it looks whether that will do.
fn missing(remarks: &mut Remarks<'_>, path: &Path, starts: &[Start]) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for epoch in epochs(starts) {
        let stays = "A refusal that follows from that stays";
        let remark = Remark::new("epoch-file-missing", Impact::Note, path, NEXT)
            .found(format!("it is missing and the other one is there: the member writes the epoch of its last zxid, {epoch}, into it, before it compares. {stays}"))
            .prints(format!("{name} not found! Creating with a reasonable default of {epoch}. This should only happen when you are upgrading your installation"));
        let with_epoch = names(starts, epoch);
        remarks.tell_member(remark, |rules| with_epoch.contains(&rules.name()));
    }
}

/// What cannot be opened is taken for missing (`FileReader`).
fn replaced(remarks: &mut Remarks<'_>, path: &Path) {
    if path.is_dir() {
        let next = "look what made a directory of that name; remove it if it is empty, and copy the file back";
        let remark = Remark::new("epoch-file-replaced", Impact::Loses, path, next).found(
            "it is a directory, which a member takes for missing: an empty one is replaced by the epoch of the last zxid, and what the member had promised is forgotten",
        );
        remarks.tell_member(remark, |_| true);
    }
}

/// A temporary file that was not put in place.
fn left(remarks: &mut Remarks<'_>, path: &Path, name: &str) {
    let words = match name {
        CURRENT_EPOCH => {
            "an epoch was being written when the server stopped. Where currentEpoch is behind the last zxid, these take it up, whatever it says; otherwise it is written over at the next epoch"
        }
        _ => {
            "an epoch was being written when the server stopped. No release looks at this file; the next epoch is written over it"
        }
    };
    let remark = Remark::new(
        "epoch-file-half-written",
        Impact::Note,
        path,
        "none: leave it there",
    )
    .found(words);
    remarks.tell_member(remark, |rules| {
        name == ACCEPTED_EPOCH || rules.reads_half_written_epoch()
    });
}

/// The epochs of the last zxids that releases reach.
fn epochs(starts: &[Start]) -> Vec<u32> {
    let mut epochs: Vec<u32> = starts.iter().filter_map(epoch_of).collect();
    epochs.sort_unstable();
    epochs.dedup();
    epochs
}

fn epoch_of(start: &Start) -> Option<u32> {
    let started = start.standalone.as_ref().ok()?;
    Some(started.zxid.epoch())
}

fn names(starts: &[Start], epoch: u32) -> Vec<&str> {
    let of_epoch = starts.iter().filter(|start| epoch_of(start) == Some(epoch));
    of_epoch.map(|start| start.release.as_str()).collect()
}
