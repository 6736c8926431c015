//! How the directories are named, and the file `initialize`.

use super::{Impact, Remark, Remarks};
use crate::format::datadir::VERSION_DIR;
use crate::history::source::Source;
use crate::server::emulate::{Misplaced, Rules};
use std::path::{Path, PathBuf};

/// Where it is, a server of 3.6 and later takes an empty directory for a new one.
pub(super) const INITIALIZE: &str = "initialize";

pub(super) fn look(remarks: &mut Remarks<'_>, source: &Source) {
    two_spellings(remarks, source);
    let (Some(data_dir), Some(log_dir)) = (source.data_dir(), log_parent(source)) else {
        return;
    };
    if log_dir.join(INITIALIZE).symlink_metadata().is_ok() {
        let file = log_dir.join(INITIALIZE);
        let next = "remove it: it is for the first start of a whole new ensemble only";
        let remark = Remark::new("initialize-left", Impact::Note, &file, next)
            .found("it is deleted at the next start, and changes nothing where there is data");
        remarks.tell(remark, since_3_6);
    }
    let beside = data_dir.join(INITIALIZE);
    if log_dir != data_dir && beside.symlink_metadata().is_ok() {
        let remark = Remark::new("initialize-misplaced", Impact::Note, &beside, "remove it")
            .found("servers look for it in the dataLogDir, and never see it here");
        remarks.tell(remark, |_| true);
    }
}

pub(super) fn since_3_6(rules: &Rules) -> bool {
    rules.release().minor >= 6
}

/// The dataLogDir, where it has a `version-2` as servers want it.
pub(super) fn log_parent(source: &Source) -> Option<PathBuf> {
    let version_dir = source.dirs().last()?;
    let parent = version_dir.parent()?;
    (parent.join(VERSION_DIR) == *version_dir).then(|| parent.to_path_buf())
}

/// Servers compare dataDir and dataLogDir as they are written: one directory by two names has logs
/// among snapshots.
fn two_spellings(remarks: &mut Remarks<'_>, source: &Source) {
    let Some((path, zoo_cfg)) = source.zoo_cfg() else {
        return;
    };
    let (Some(data_dir), Some(log_dir)) = (zoo_cfg.get("dataDir"), zoo_cfg.get("dataLogDir"))
    else {
        return;
    };
    // A `File` of java drops a `/` at the end, and those that follow one.
    let plain = |path: &str| {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        parts.join("/")
    };
    let is_one = Path::new(data_dir).canonicalize().ok() == Path::new(log_dir).canonicalize().ok();
    if !is_one || plain(data_dir) == plain(log_dir) {
        return;
    }
    let found = source.dirs().first().map(|dir| Misplaced::find(dir, dir));
    let Some(Ok(Some(misplaced))) = found else {
        return;
    };
    let next = "remove dataLogDir from zoo.cfg, or write both in the same way";
    let remark = Remark::new("zoo-cfg-two-spellings", Impact::Refuses, path, next)
        .found(format!(
            "dataDir={data_dir} and dataLogDir={log_dir} are one directory by two names"
        ))
        .prints(misplaced.message());
    remarks.tell(remark, Rules::checks_placement);
}
