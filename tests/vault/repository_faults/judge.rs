//! What has to be true of a repository at any time.

use crate::common::growing::{Growing, tree_of};
use crate::common::zoovault;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use zoovault::backup::check::{self, ReadData, Verdict};
use zoovault::history::point::Point;
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::repository::{BackupName, Repository, Which};

/// A directory in which a repository, its source and all that programs write are.
pub struct Place(pub tempfile::TempDir);

impl Place {
    /// An empty one.
    pub fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        fs::create_dir(place.0.path().join("tmp")).unwrap();
        place
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The repository.
    pub fn repository(&self) -> PathBuf {
        self.path().join("repository")
    }

    /// The program, with its temporary files here.
    pub fn program(&self, args: &[&str]) -> Command {
        let mut command = zoovault();
        command
            .current_dir(self.path())
            .env("TMPDIR", self.path().join("tmp"))
            .env("HOME", self.path())
            .args(args);
        command
    }

    /// Runs the program, which has to go well. Gives what it says.
    pub fn run(&self, args: &[&str]) -> Value {
        let output = self.program(args).arg("--json").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Backs up a source, which has to go well. Gives the ids.
    pub fn back_up(&self, source: &Path, more: &[&str]) -> Vec<String> {
        let mut args = vec!["backup", source.to_str().unwrap(), "--repo", "repository"];
        args.extend(more);
        ids(&self.run(&args))
    }

    /// The same in another directory.
    pub fn copy(&self) -> Place {
        let copy = Place(tempfile::tempdir().unwrap());
        copy_all(self.path(), copy.path());
        copy
    }
}

/// The ids of the backups that `backup` says it made.
pub fn ids(told: &Value) -> Vec<String> {
    let backups = told["backups"].as_array().unwrap().iter();
    backups
        .filter_map(|backup| backup["backup"].as_str().map(str::to_owned))
        .collect()
}

/// Copies a directory with all below it.
pub fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy_all(&path, &to),
            false => {
                fs::copy(&path, &to).unwrap();
            }
        }
    }
}

/// Judges a repository: all backups `promised` are there, each backup that is there restores what
/// was backed up, byte for byte, and a check that reads everything finds nothing that an operator
/// has to look at. Gives the backups.
pub fn judge(dir: &Path, promised: &[String], truth: &Growing, what: &str) -> Vec<BackupName> {
    let repository = Repository::open_local(dir).unwrap_or_else(|err| panic!("{what}: {err}"));
    judge_opened(&repository, promised, truth, what)
}

/// As [`judge`], wherever it is.
pub fn judge_opened(
    repository: &Repository,
    promised: &[String],
    truth: &Growing,
    what: &str,
) -> Vec<BackupName> {
    let fail = |err: zoovault::error::Error| -> ! { panic!("{what}: {err}") };
    let listing = repository.listing().unwrap_or_else(|err| fail(err));
    for id in promised {
        let is_there = listing.backups.iter().any(|backup| backup.id == *id);
        assert!(is_there, "{what}: backup {id} is gone");
    }
    let options = Options::default();
    for backup in &listing.backups {
        let which = Which::Id(backup.id.clone());
        let manifest = repository.manifest(backup).unwrap_or_else(|err| fail(err));
        let window = manifest.newest_window();
        let window = window.unwrap_or_else(|| panic!("{what}: {} has no window", backup.id));
        let source = Source::open_repository(repository, &which, &options);
        let source = source.unwrap_or_else(|err| fail(err));
        for zxid in [window.from_zxid, window.to_zxid] {
            let tree = tree_of(&source, Point::Zxid(zxid)).unwrap_or_else(|err| fail(err));
            assert!(
                tree == truth.tree(zxid),
                "{what}: backup {} gives another tree at {zxid}",
                backup.id
            );
        }
    }
    let options = check::Options {
        read_data: ReadData::All,
        now_ms: i64::MAX,
        source: options,
    };
    let report = check::check(repository, &options, &NoProgress).unwrap_or_else(|err| fail(err));
    let told = &report.findings;
    assert_eq!(report.verdict(), Verdict::Whole, "{what}: {told:?}");
    listing.backups
}
