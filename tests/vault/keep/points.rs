//! Killed at every call, and every call failing once: before its effect, and after it.

use super::{forget, last, prune, settle};
use crate::common::made::{self, DAY, HOUR, Judge, START, Watch, backup};
use crate::common::store::{Fault, Faulty, Moment};
use object_store::memory::InMemory;
use std::sync::Arc;
use zoovault::backup::retention::forget::What;
use zoovault::error::Result;
use zoovault::repository::Repository;

/// Does `work` once for each way in which a call of it can fail, each time on a copy of `store`;
/// checks what has to be true then, and that the next run does what is left. Gives how many ways
/// there were.
pub fn each_failure(
    store: &InMemory,
    watch: &Watch,
    work: &dyn Fn(&Repository, &Watch) -> Result<()>,
    judge: &mut dyn FnMut(&Arc<InMemory>, &Watch),
) -> usize {
    let mut points = 0;
    for is_final in [true, false] {
        for moment in [Moment::Before, Moment::After] {
            for at in 0.. {
                let store = Arc::new(store.fork());
                let watch = Watch::at(watch.ms());
                let faulty = Faulty::new(store.clone());
                let repository = made::through(Arc::new(faulty.clone()));
                faulty.fail(Some(Fault {
                    at,
                    moment,
                    is_final,
                }));
                // It may fail, and it may get over it.
                let done = work(&repository, &watch);
                if faulty.calls() <= at {
                    done.unwrap();
                    break;
                }
                points += 1;
                judge(&store, &watch);
                watch.pass(HOUR);
                work(&made::through(store.clone()), &watch).unwrap();
                judge(&store, &watch);
            }
        }
    }
    points
}

/// Prunes on a repository where a day ago things were forgotten and marked, at one of several
/// times.
fn scene(hours: i64) -> (Arc<InMemory>, Watch) {
    let (store, repository) = made::repository("points");
    let watch = Watch::at(START);
    for day in 1..=5 {
        watch.pass(DAY);
        backup(&repository, "a", day * 4, watch.ms());
    }
    watch.pass(HOUR);
    backup(&repository, "b", 7, watch.ms());
    forget(&repository, &last(3), &watch).unwrap();
    prune(&repository, &watch).unwrap();
    // Marked again meanwhile, so that there are several marks.
    watch.pass(2 * HOUR);
    backup(&repository, "b", 12, watch.ms());
    forget(&repository, &last(1), &watch).unwrap();
    prune(&repository, &watch).unwrap();
    let mut left = hours;
    while left > 0 {
        watch.pass(left.min(25) * HOUR);
        left -= 25;
        if left > 0 {
            prune(&repository, &watch).unwrap();
        }
    }
    (store, watch)
}

#[test]
fn prune_can_fail_anywhere() {
    let mut points = 0;
    for hours in [0, 22, 25, 50, 75, 100] {
        let (store, watch) = scene(hours);
        let mut before = Judge::default();
        before.judge(&made::through(store.clone()), watch.ms(), &hours);
        points += each_failure(
            &store,
            &watch,
            &|repository, watch| prune(repository, watch).map(drop),
            &mut |store, watch| {
                let mut judge = before.clone();
                judge.judge(&made::through(store.clone()), watch.ms(), &hours);
                let settled = made::through(Arc::new(store.fork()));
                settle(&settled, &Watch::at(watch.ms()));
                judge.settled(&settled);
            },
        );
    }
    println!("prune: {points} failures");
    assert!(points > 500, "{points}");
}

#[test]
fn forget_can_fail_anywhere() {
    let (store, repository) = made::repository("forget");
    let watch = Watch::at(START);
    for day in 1..=5 {
        watch.pass(DAY);
        backup(&repository, "a", day * 4, watch.ms());
    }
    watch.pass(DAY);
    backup(&repository, "b", 7, watch.ms());
    let mut points = 0;
    for (what, left) in [(last(1), 1), (What::Lineage("a".to_owned()), 0)] {
        points += each_failure(
            &store,
            &watch,
            &|repository, watch| match forget(repository, &what, watch) {
                // Done already.
                Err(err) if err.to_string().contains("no lineage") => Ok(()),
                done => done.map(drop),
            },
            &mut |store, watch| {
                let repository = made::through(store.clone());
                Judge::default().judge(&repository, watch.ms(), &"forget");
                let backups = repository.listing().unwrap().backups;
                assert!(backups.iter().any(|backup| backup.lineage == "b"));
                let of_a = backups.iter().filter(|backup| backup.lineage == "a");
                let of_a = of_a.count();
                assert!([5, left].contains(&of_a), "all or nothing: {of_a}");
            },
        );
    }
    println!("forget: {points} failures");
}
