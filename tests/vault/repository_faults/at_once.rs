//! Many runs at once, without a lock.

use super::days::{forget, old_repository, prune};
use super::judge::{Place, ids, judge};
use crate::common::growing::Growing;
use crate::common::testdata;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use zoovault::repository::Repository;

/// Starts all of `sources` at once, and waits for all. Gives the ids of their backups.
fn back_up_at_once(place: &Place, sources: &[&Path]) -> Vec<String> {
    let runs: Vec<_> = sources
        .iter()
        .map(|source| {
            place
                .program(&["backup", "--repo", "repository", "--json"])
                .arg(source)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut made = Vec::new();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{told}");
        let run = ids(&serde_json::from_slice(&output.stdout).unwrap());
        assert_eq!(run.len(), 1);
        made.extend(run);
    }
    made
}

#[test]
fn backups_beside_prunes_and_copies_keep_all_that_they_need() {
    let (place, truth, mut made) = old_repository(&[5, 8, 11, 14]);
    place.run(&["init", "--repo", "other"]);
    let source = place.path().join("source");
    for (round, txns) in [17, 20, 23, 26, 29, 32, 35, 38].into_iter().enumerate() {
        // Marks that are due now, all of them made before the runs below begin.
        let gone: Vec<String> = made.drain(..made.len() - 3).collect();
        for id in &gone {
            forget(&place.repository(), id, 51);
        }
        prune(&place.repository(), 26);
        truth.write(&source, txns);
        let start = |args: &[&str]| {
            let mut program = place.program(args);
            program.stdout(Stdio::null()).stderr(Stdio::piped());
            program.spawn().unwrap()
        };
        let beside = [
            start(&["prune", "--repo", "repository", "--yes"]),
            start(&["prune", "--repo", "repository", "--yes"]),
            start(&["copy", "--repo", "repository", "--target", "other"]),
        ];
        // Runs that see the same in the same millisecond write the same manifest.
        made.extend(BTreeSet::from_iter(back_up_at_once(
            &place,
            &[Path::new("source"); 3],
        )));
        for run in beside {
            let output = run.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{told}");
        }
        let what = format!("round {round}");
        judge(&place.repository(), &made, &truth, &what);
        judge(&place.path().join("other"), &[], &truth, &what);
    }
    place.run(&["copy", "--repo", "repository", "--target", "other"]);
    judge(&place.path().join("other"), &made, &truth, "a last copy");
}

fn lineages(place: &Place) -> usize {
    let repository = Repository::open_local(&place.repository()).unwrap();
    repository.listing().unwrap().lineages().len()
}

#[test]
fn ten_runs_at_once_of_one_source_make_ten_backups_of_one_lineage() {
    let truth = Growing::of("small-3.9");
    let place = Place::new();
    place.run(&["init", "--repo", "repository"]);
    let source = place.path().join("source");
    let mut made = Vec::new();
    for txns in [9, 10, 28, truth.len()] {
        truth.write(&source, txns);
        made.extend(back_up_at_once(&place, &[source.as_path(); 10]));
        judge(&place.repository(), &made, &truth, "ten at once");
    }
    assert_eq!(made.len(), 40);
    // Runs that see the same in the same millisecond write the same manifest.
    let made = BTreeSet::from_iter(made);
    let listed = judge(&place.repository(), &[], &truth, "in the end");
    assert_eq!(listed.len(), made.len());
    assert_eq!(lineages(&place), 1);
}

#[test]
fn members_that_are_backed_up_at_once_are_one_lineage() {
    let place = Place::new();
    place.run(&["init", "--repo", "repository"]);
    let members = ["s1", "s2", "s3"];
    let members = members.map(|member| testdata().join("datadirs/ensemble-3.9").join(member));
    let sources: Vec<&Path> = (0..9).map(|run| members[run % 3].as_path()).collect();
    let mut made = Vec::new();
    for _ in 0..3 {
        made.extend(back_up_at_once(&place, &sources));
    }
    assert_eq!(lineages(&place), 1);
    // What servers derive, and each in its own way, is left out of a diff: the data of quota
    // counts, and `/zookeeper/config`.
    for id in &made {
        let part = format!("repository@{id}");
        let diff = place.program(&["diff", &part]).arg(&members[0]).output();
        let told = String::from_utf8(diff.unwrap().stdout).unwrap();
        assert_eq!(told.lines().last(), Some("equal"), "{id}: {told}");
    }
}
