//! What looks like the data of another system: it is named, and not read.

use crate::error::{Error, ErrorKind};
use std::fs;
use std::path::Path;

/// How many names are looked at.
const NAMES_MAX: usize = 1000;

/// What is said where a name among `names`, which may be paths, is one that only another system
/// gives.
pub(super) fn refusal<'a>(path: &Path, mut names: impl Iterator<Item = &'a str>) -> Option<Error> {
    let message = names.find_map(of_name)?;
    Some(Error::about(path, ErrorKind::Failed, message))
}

/// As [`refusal`], of what lies in a directory and in the folders in it.
pub(super) fn refusal_of_dir(dir: &Path) -> Option<Error> {
    let mut names = Vec::new();
    let mut dirs = vec![(dir.to_owned(), 0)];
    while let Some((inner, depth)) = dirs.pop() {
        let entries = fs::read_dir(&inner).into_iter().flatten().flatten();
        for entry in entries.take(NAMES_MAX) {
            let path = entry.path();
            let below = path.strip_prefix(dir).unwrap_or(&path);
            names.push(below.to_string_lossy().into_owned());
            if depth < 2 && names.len() < NAMES_MAX && entry.file_type().is_ok_and(|it| it.is_dir())
            {
                dirs.push((path, depth + 1));
            }
        }
    }
    refusal(dir, names.iter().map(String::as_str))
}

fn of_name(name: &str) -> Option<&'static str> {
    let file = name.rsplit('/').next().unwrap_or(name);
    if is_keepers(file) {
        return Some(
            "belongs to ClickHouse Keeper, which has files of its own (snapshot_N.bin, changelog_N_M.bin): zoovault reads those of ZooKeeper",
        );
    }
    let has = |part: &str| name == part || name.ends_with(&format!("/{part}"));
    if has("member/snap/db") {
        return Some("belongs to etcd: zoovault reads the files of ZooKeeper");
    }
    if has("raft/raft.db") {
        return Some("belongs to Consul: zoovault reads the files of ZooKeeper");
    }
    let is_kraft = name
        .split('/')
        .any(|part| part.starts_with("__cluster_metadata-"));
    is_kraft.then_some(
        "belongs to Kafka without ZooKeeper (KRaft): zoovault reads the files of ZooKeeper",
    )
}

/// `snapshot_1.bin`, `changelog_1_2.bin`, and those that are compressed.
fn is_keepers(file: &str) -> bool {
    let Some((stem, rest)) = file.split_once(".bin") else {
        return false;
    };
    let numbers = stem
        .strip_prefix("snapshot_")
        .or_else(|| stem.strip_prefix("changelog_"));
    let is_numbers = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    numbers.is_some_and(|text| !text.is_empty() && is_numbers(text))
        && (rest.is_empty() || rest.starts_with('.'))
}
