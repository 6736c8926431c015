//! Ends of epochs that a member does not hold, as real ensembles leave them: it was down, and was
//! then sent the whole tree; or its last log of an epoch is gone. A real server that is started on
//! what is restored serves what the member served.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::client::{self, Mode, SESSION_TIMEOUT, Tree};
use crate::common::release::{Release, releases};
use crate::common::wire::{Change, Wire};
use crate::common::zookeeper::{Ensemble, Options, Server};
use crate::program::{copy_data_dir, restore, snapshots, zoovault};
use crate::repository::Repo;
use crate::runtime;

const IDS: [u8; 3] = [1, 2, 3];

/// The member that is down meanwhile.
const LATE: u8 = 1;

/// More than a leader keeps in memory to bring a follower up to date with, and more than its log
/// may hold beside so small a snapshot.
const MISSED: usize = 700;

fn options() -> Options {
    Options {
        pre_alloc_size_kb: 64,
        ..Options::default()
    }
}

/// Creates znodes. An error says that the ensemble elected another leader meanwhile, as it may on a
/// slow machine.
fn write(server: &Server, base: &str, count: usize) -> io::Result<()> {
    let mut wire = Wire::connect(&server.address(), 0, SESSION_TIMEOUT)?;
    for number in 0..count {
        let path = format!("{base}{number}");
        let change = Change::Create(&path, path.as_bytes(), 0);
        let (_, code) = wire.write(&change)?;
        assert_eq!(code, 0, "{path}");
    }
    wire.close();
    Ok(())
}

/// Members of a real ensemble, stopped.
struct Made {
    dirs: Vec<(u8, PathBuf)>,
    /// What each served in the end.
    tree: Tree,
    /// The last zxid.
    last: i64,
    /// The last txn that the late member has of the first epoch, and the last that it missed.
    missed: (i64, i64),
}

impl Made {
    /// A member is down while two thirds of an ensemble end an epoch, write in the next, and end
    /// that one too.
    fn new(release: &Release, folder: &Path) -> Made {
        for attempt in 0..5 {
            match Made::try_new(release, &folder.join(format!("attempt-{attempt}"))) {
                Ok(made) => return made,
                Err(err) => eprintln!("{release}: writes were interrupted: {err}"),
            }
        }
        panic!("{release}: writes were interrupted again and again");
    }

    fn try_new(release: &Release, folder: &Path) -> io::Result<Made> {
        let dirs: Vec<(u8, PathBuf)> = IDS.map(|id| (id, folder.join(id.to_string()))).into();
        let mut ensemble = Ensemble::start(release, &dirs, &options());
        write(ensemble.member(2), "/before", 5)?;
        let before = ensemble.quiesce();
        ensemble.stop();
        let two = Ensemble::start(release, &dirs[1..], &options());
        write(two.member(2), "/missed", MISSED)?;
        let missed = two.quiesce();
        drop(two);
        let mut ensemble = Ensemble::start(release, &dirs, &options());
        write(ensemble.member(LATE), "/behind", 5)?;
        let last = ensemble.quiesce();
        let address = ensemble.member(LATE).address();
        let tree = runtime().block_on(client::dump(&address, release));
        // Reading opened and closed a session.
        let last = ensemble.quiesce().max(last);
        ensemble.stop();
        Ok(Made {
            dirs,
            tree,
            last,
            missed: (before, missed),
        })
    }

    fn dir(&self, id: u8) -> &Path {
        &self.dirs[usize::from(id) - 1].1
    }
}

/// Makes the shape; a leader may also send the late member nothing but what it lacks, and then
/// another is made.
fn sent_the_tree(release: &Release) -> (TempDir, Made) {
    for _ in 0..5 {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Made::new(release, folder.path());
        let (before, missed) = made.missed;
        let (_, report) = json("verify", made.dir(LATE));
        let logs = report["logs"].as_array().expect("logs").iter();
        let epochs = logs.filter_map(|log| log["last_zxid"].as_str());
        let missed_epoch = format!("0x{:x}", missed >> 32);
        let has_missed = epochs
            .filter(|zxid| zxid.len() > 8)
            .any(|zxid| zxid[..zxid.len() - 8] == missed_epoch);
        if !has_missed
            && snapshots(made.dir(LATE))
                .iter()
                .any(|(zxid, _)| *zxid > before)
        {
            return (folder, made);
        }
        eprintln!("{release}: the late member was not sent the tree");
    }
    panic!("{release}: the late member was never sent the tree");
}

fn json(command: &str, dir: &Path) -> (Option<i32>, Value) {
    let output = zoovault([command.as_ref(), "--json".as_ref(), dir.as_os_str()]);
    let json = serde_json::from_slice(&output.stdout).expect("JSON");
    (output.status.code(), json)
}

/// Starts a server on what is restored of `source`, and compares what clients see.
fn assert_serves(release: &Release, source: &Path, made: &Made, context: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("restored");
    restore(source, "latest", &target, &[]);
    let server = Server::standalone(release, &target, None, &Options::default());
    let tree = runtime().block_on(client::dump(&server.address(), release));
    let context = format!("{release}: {context}");
    client::assert_same_tree(&made.tree, &tree, Mode::Quorum, &context);
}

/// The findings of a report with this code.
fn findings<'a>(report: &'a Value, code: &str) -> Vec<&'a Value> {
    let findings = report["findings"].as_array().expect("findings").iter();
    findings.filter(|it| it["code"] == code).collect()
}

fn assert_no_damage(report: &Value, context: &str) {
    let findings = report["findings"].as_array().expect("findings");
    let damage = findings.iter().find(|it| it["severity"] == "damage");
    assert_eq!(damage, None, "{context}");
}

fn assert_window_to(report: &Value, last: i64, context: &str) {
    let windows = report["windows"].as_array().expect("windows");
    let newest = windows
        .last()
        .unwrap_or_else(|| panic!("{context}: {report}"));
    assert_eq!(newest["to_zxid"], format!("{last:#x}"), "{context}");
}

#[test]
fn a_member_that_was_sent_the_tree_over_the_end_of_an_epoch_has_a_gap_and_no_damage() {
    for release in releases() {
        let (_folder, made) = sent_the_tree(&release);
        let late = made.dir(LATE);
        let (before, missed) = made.missed;

        let (status, report) = json("verify", late);
        let context = format!("{release}: {report}");
        assert_no_damage(&report, &context);
        assert!(matches!(status, Some(0 | 3)), "{context}");
        assert_window_to(&report, made.last, &context);
        let gaps = findings(&report, "txns-missing");
        assert_eq!(gaps.len(), 1, "{context}");
        assert_eq!(gaps[0]["zxid"], format!("{:#x}", before + 1), "{context}");
        // Up to the name of the snapshot; or, where that is an epoch's, to the last txn that a
        // znode shows.
        let message = gaps[0]["message"].as_str().expect("text");
        let known = message.strip_prefix(&format!("transactions after {before:#x} up to 0x"));
        let known = known.and_then(|rest| i64::from_str_radix(rest.split(',').next()?, 16).ok());
        assert!(
            known.is_some_and(|known| known >> 32 == missed >> 32 && known <= missed),
            "{context}"
        );
        let named = format!(", the end of epoch {}, are missing", missed >> 32);
        assert!(message.contains(&named), "{context}");
        assert_serves(&release, late, &made, "the member itself");

        let other = made.dir(2);
        for (order, what) in [
            (vec![vec![late]], "alone"),
            (vec![vec![late], vec![other]], "before another member"),
            (vec![vec![other], vec![late]], "after another member"),
            (vec![vec![late, other]], "together with another member"),
            (vec![vec![other, late]], "together, as the second"),
        ] {
            let repo = Repo::new();
            for sources in order {
                repo.backup(&sources);
            }
            let context = format!("{release}: {what}");
            assert_eq!(repo.lineages().len(), 1, "{context}");
            assert_eq!(repo.last(), made.last, "{context}");
            assert_serves(&release, &repo.path(), &made, what);
            let drill = zoovault(["drill".as_ref(), "--repo".as_ref(), repo.path().as_os_str()]);
            assert!(
                matches!(drill.status.code(), Some(0 | 3)),
                "{context}: {drill:?}"
            );
            if what != "alone" {
                // Who has them fills the hole.
                let (_, report) = json("verify", &repo.path());
                assert_eq!(
                    findings(&report, "txns-missing").len(),
                    0,
                    "{context}: {report}"
                );
            }
        }
    }
}

#[test]
fn the_last_log_of_an_epoch_that_is_gone_is_named_by_its_first_txn() {
    for release in releases() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Made::new(&release, folder.path());
        let (before, missed) = made.missed;
        // The log of the epoch of which the late member has nothing.
        let is_lost = |name: &str| {
            let zxid = name
                .strip_prefix("log.")
                .map(|hex| i64::from_str_radix(hex, 16));
            zxid.is_some_and(|zxid| zxid.expect("a zxid") >> 32 == missed >> 32)
        };
        // Whoever led, or was sent the tree, may have written a snapshot as the last epoch began.
        let has_base = |id: &u8| {
            snapshots(made.dir(*id))
                .iter()
                .any(|(zxid, _)| *zxid >= missed)
        };
        let with_base = [2, 3].into_iter().find(has_base);
        let whole = with_base.unwrap_or(2);
        let lossy = folder.path().join("lossy");
        copy_data_dir(made.dir(whole), &lossy, |name| !is_lost(name));
        let lost = fs::read_dir(made.dir(whole).join("version-2"))
            .expect("version-2")
            .count()
            - fs::read_dir(lossy.join("version-2"))
                .expect("version-2")
                .count();
        assert!(lost > 0, "{release}: the shape was not made");

        let (_, report) = json("verify", &lossy);
        let context = format!("{release}: {report}");
        assert_no_damage(&report, &context);
        if with_base.is_none() && report["digests_compared"] == 0 {
            // Nothing that was recorded tells, and that is said.
            let unproven = findings(&report, "epoch-end-unproven");
            assert_eq!(unproven.len(), 1, "{context}");
            assert_eq!(unproven[0]["zxid"], format!("{before:#x}"), "{context}");
            continue;
        }
        let gaps = findings(&report, "txns-missing");
        assert_eq!(gaps.len(), 1, "{context}");
        assert_eq!(gaps[0]["zxid"], format!("{:#x}", before + 1), "{context}");
        let repo = Repo::new();
        assert_eq!(repo.backup_one(&lossy).status, 3, "{context}");
        let stored = repo.path();
        eprintln!(
            "{release}: a snapshot is behind the hole: {}",
            with_base.is_some()
        );
        if with_base.is_some() {
            assert_window_to(&report, made.last, &context);
            assert_serves(&release, &lossy, &made, "without the last log of an epoch");
            assert_serves(&release, &stored, &made, "a repository of that");
        } else {
            assert_window_to(&report, before, &context);
            assert_refused(&lossy, &context);
            assert_refused(&stored, &context);
        }
    }
}

/// Panics unless nothing is restored of what has no base behind a hole.
fn assert_refused(source: &Path, context: &str) {
    let arguments = [
        "restore".as_ref(),
        source.as_os_str(),
        "--dry-run".as_ref(),
        "--to".as_ref(),
        "latest".as_ref(),
    ];
    let output = zoovault(arguments);
    assert!(
        matches!(output.status.code(), Some(4 | 5)),
        "{context}: {output:?}"
    );
}
