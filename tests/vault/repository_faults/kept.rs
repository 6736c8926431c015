//! What forgets, prunes and copies, killed or told of a failure at each operation.

use super::days::{let_days_pass, old_repository};
use super::judge::judge;
use super::kills::{Scene, campaign, can_trace, is_whole};
use std::path::Path;
use zoovault::repository::{Repository, name};

/// A repository made ten days ago, of which the newest three backups stay, whatever is done. What
/// comes `then` was done since.
fn scene(name: &'static str, args: &[&str], then: &dyn Fn(&Path, &[String])) -> Scene {
    let states = [7, 14, 21, 28, 35, 42];
    let (place, truth, made) = old_repository(&states);
    then(&place.repository(), &made);
    Scene {
        name,
        place,
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        // 3: a prune that could not delete all of it.
        failures: &[1, 3],
        promised: made[3..].to_vec(),
        last: truth.zxid(42),
        truth,
    }
}

/// How many objects the repository has, but for backups and marks.
fn objects(place: &Path) -> usize {
    let repository = Repository::open_local(&place.join("repository")).unwrap();
    let count = |folder| repository.storage().list(folder).unwrap().len();
    count(name::LOGS) + count(name::SNAPSHOTS)
}

#[test]
fn a_forget_that_fails_anywhere_forgets_all_or_nothing() {
    if !can_trace() {
        return;
    }
    let args = ["forget", "--repo", "repository", "--keep-last", "3"];
    let scene = scene("a forget", &args, &|_, _| {});
    let all_or_nothing = |scene: &Scene, place: &Path, what: &str| {
        let left = judge(
            &place.join("repository"),
            &scene.promised,
            &scene.truth,
            what,
        );
        assert!([6, 3].contains(&left.len()), "{what}: {left:?}");
    };
    let all = |scene: &Scene, place: &Path, what: &str| {
        let left = judge(
            &place.join("repository"),
            &scene.promised,
            &scene.truth,
            what,
        );
        assert_eq!(left.len(), 3, "{what}");
    };
    campaign(&scene, &all_or_nothing, &all);
}

#[test]
fn a_prune_that_fails_anywhere_leaves_all_that_is_needed() {
    if !can_trace() {
        return;
    }
    let args = ["prune", "--repo", "repository", "--yes"];
    let scene = scene("a prune that deletes", &args, &let_days_pass);
    let before = objects(scene.place.path());
    let clean = scene.place.copy();
    clean.run(&scene.args());
    let after = objects(clean.path());
    assert!(after < before);
    let is_pruned = |scene: &Scene, place: &Path, what: &str| {
        is_whole(scene, place, what);
        assert_eq!(objects(place), after, "{what}");
    };
    campaign(&scene, &is_whole, &is_pruned);
}

#[test]
fn a_prune_that_fails_anywhere_while_it_marks_deletes_nothing() {
    if !can_trace() {
        return;
    }
    let args = ["prune", "--repo", "repository", "--yes"];
    let forget_three = |repository: &Path, made: &[String]| {
        for id in &made[..3] {
            super::days::forget(repository, id, 51);
        }
    };
    let scene = scene("a prune that marks", &args, &forget_three);
    let before = objects(scene.place.path());
    let nothing_gone = |scene: &Scene, place: &Path, what: &str| {
        is_whole(scene, place, what);
        assert_eq!(objects(place), before, "{what}");
    };
    campaign(&scene, &nothing_gone, &nothing_gone);
}

#[test]
fn a_copy_that_fails_anywhere_leaves_a_whole_repository_that_the_next_one_completes() {
    if !can_trace() {
        return;
    }
    let args = ["copy", "--repo", "repository", "--target", "other"];
    let scene = scene("a copy", &args, &|_, _| {});
    scene.place.run(&["init", "--repo", "other"]);
    let are_whole = |scene: &Scene, place: &Path, what: &str| {
        is_whole(scene, place, what);
        judge(&place.join("other"), &[], &scene.truth, what);
    };
    let is_copied = |scene: &Scene, place: &Path, what: &str| {
        is_whole(scene, place, what);
        judge(&place.join("other"), &scene.promised, &scene.truth, what);
    };
    campaign(&scene, &are_whole, &is_copied);
}
