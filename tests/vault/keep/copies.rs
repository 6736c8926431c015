//! A second repository: the same backups, whatever fails, and whatever its own prune does
//! meanwhile.

use super::points::each_failure;
use super::{forget, last, prune, settle};
use crate::common::made::{self, DAY, HOUR, Judge, START, Watch, backup, objects};
use crate::common::random::Random;
use crate::common::store::{Call, Faulty};
use object_store::memory::InMemory;
use std::sync::Arc;
use zoovault::backup::copy::{Copied, What, execute, plan};
use zoovault::backup::retention::pins;
use zoovault::error::{ErrorKind, Result};
use zoovault::progress::NoProgress;
use zoovault::repository::Repository;

fn copy(source: &Repository, target: &Repository, what: &What, watch: &Watch) -> Result<Copied> {
    let plan = plan(source, target, what)?;
    execute(source, target, &plan, &|| watch.ms(), &NoProgress)
}

/// A repository of five backups, one of them pinned, and an empty one.
fn scene() -> (Repository, Arc<InMemory>, Repository, Watch) {
    let (_, source) = made::repository("source");
    let (store, target) = made::repository("the target");
    let watch = Watch::at(START);
    for day in 1..=5 {
        watch.pass(DAY);
        backup(&source, "a", day * 4, watch.ms());
    }
    let first = source.listing().unwrap().backups[0].clone();
    pins::pin(&source, &first.id, &|| watch.ms()).unwrap();
    (source, store, target, watch)
}

/// All names and bytes but those of the repository itself.
fn everything(repository: &Repository) -> Vec<(String, Vec<u8>)> {
    let listed = repository.storage().list("").unwrap().into_iter();
    let named = listed.filter(|listed| listed.name != "zoovault.json");
    let read = named.map(|listed| {
        let bytes = repository.storage().get(&listed.name).unwrap().unwrap();
        (listed.name, bytes)
    });
    read.collect()
}

#[test]
fn a_copy_is_the_same_and_is_made_once() {
    let (source, _, target, watch) = scene();
    let rehearsed = plan(&source, &target, &What::All).unwrap();
    let copied = copy(&source, &target, &What::All, &watch).unwrap();
    assert_eq!(everything(&source), everything(&target));
    assert_eq!((copied.backups.len(), copied.pins), (5, 1));
    assert_eq!(
        (copied.objects, copied.bytes),
        (rehearsed.objects, rehearsed.bytes)
    );
    assert_eq!(objects(&source).len(), copied.objects);
    let again = copy(&source, &target, &What::All, &watch).unwrap();
    assert_eq!((again.backups.len(), again.objects, again.pins), (0, 0, 0));
    // A pin that was set later is copied too.
    let last = source.listing().unwrap().backups[4].clone();
    pins::pin(&source, &last.id, &|| watch.ms()).unwrap();
    assert_eq!(copy(&source, &target, &What::All, &watch).unwrap().pins, 1);
    assert_eq!(everything(&source), everything(&target));
}

#[test]
fn some_can_be_copied_and_a_repository_not_into_itself() {
    let (source, _, target, watch) = scene();
    let err = copy(&source, &source, &What::All, &watch).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::BadArgument);
    let copied = copy(&source, &target, &What::Last(2), &watch).unwrap();
    assert_eq!(copied.backups.len(), 2);
    let id = source.listing().unwrap().backups[0].id.clone();
    let what = What::Ids(vec![id.clone()]);
    assert_eq!(
        copy(&source, &target, &what, &watch).unwrap().backups[0].id,
        id
    );
    let what = What::Ids(vec!["nonesuch".to_owned()]);
    let err = copy(&source, &target, &what, &watch).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::BadArgument);
}

#[test]
fn what_is_damaged_is_told_and_the_rest_is_copied() {
    let (source, _, target, watch) = scene();
    let backups = source.listing().unwrap().backups;
    let newest = source.manifest(&backups[4]).unwrap();
    let object = newest.logs.last().unwrap().object.name.clone();
    let mut bytes = source.storage().get(&object).unwrap().unwrap();
    bytes[9] ^= 1;
    source.storage().put(&object, bytes).unwrap();
    let copied = copy(&source, &target, &What::All, &watch).unwrap();
    assert_eq!((copied.backups.len(), copied.damage.len()), (4, 1));
    assert_eq!(copied.damage[0].0, backups[4]);
    assert!(target.storage().get(&object).unwrap().is_none());
    // An object of the target that is damaged, and that no backup there lists yet, is stored again.
    let (good, _, _, _) = scene();
    let bytes = good.storage().get(&object).unwrap().unwrap();
    source.storage().put(&object, bytes.clone()).unwrap();
    target.storage().put(&object, vec![0; bytes.len()]).unwrap();
    assert_eq!(
        copy(&source, &target, &What::All, &watch)
            .unwrap()
            .backups
            .len(),
        1
    );
    Judge::default().settled(&target);
}

#[test]
fn what_was_forgotten_there_is_left_out_until_it_is_pruned() {
    let (source, _, target, watch) = scene();
    copy(&source, &target, &What::Last(4), &watch).unwrap();
    forget(&target, &last(1), &watch).unwrap();
    let left_out = plan(&source, &target, &What::Last(4)).unwrap();
    assert_eq!((left_out.forgotten.len(), left_out.backups.len()), (3, 0));
    settle(&target, &watch);
    let copied = copy(&source, &target, &What::Last(4), &watch).unwrap();
    assert_eq!(copied.backups.len(), 3);
    settle(&target, &watch);
    Judge::default().settled(&target);
}

#[test]
fn what_the_target_is_about_to_delete_holds_a_backup_back() {
    let (source, store, target, watch) = scene();
    // A copy that was killed leaves objects, and a prune marks them.
    let faulty = Faulty::new(store);
    let killed = made::through(Arc::new(faulty.clone()));
    let plan = plan(&source, &killed, &What::All).unwrap();
    faulty.fail(Some(crate::common::store::Fault {
        at: 20,
        moment: crate::common::store::Moment::Before,
        is_final: true,
    }));
    execute(&source, &killed, &plan, &|| watch.ms(), &NoProgress).unwrap_err();
    prune(&target, &watch).unwrap();
    assert!(!target.listing().unwrap().marked.is_empty());
    // For some hours a copy may still rest on them.
    watch.pass(6 * HOUR + 1);
    let copied = copy(&source, &target, &What::All, &watch).unwrap();
    assert!(!copied.held_back.is_empty());
    Judge::default().judge(&target, watch.ms(), &"held back");
    let rescued = Watch::at(watch.ms() - 2);
    let copied = copy(&source, &target, &What::All, &rescued).unwrap();
    assert!(copied.held_back.is_empty());
    let mut judge = Judge::default();
    for _ in 0..4 {
        watch.pass(DAY);
        prune(&target, &watch).unwrap();
        judge.judge(&target, watch.ms(), &"rescued");
    }
    judge.settled(&target);
    assert_eq!(everything(&source), everything(&target));
}

#[test]
fn what_was_held_back_is_copied_when_the_target_has_pruned() {
    let (source, _, target, watch) = scene();
    let newest = source.listing().unwrap().backups[4].clone();
    let object = source.manifest(&newest).unwrap().logs[0].object.clone();
    target
        .store_stored(&object, source.object(&object).unwrap())
        .unwrap();
    prune(&target, &watch).unwrap();
    let mut days = 0;
    loop {
        watch.pass(DAY);
        days += 1;
        let copied = copy(&source, &target, &What::Last(1), &watch).unwrap();
        if copied.held_back.is_empty() {
            break;
        }
        prune(&target, &watch).unwrap();
    }
    assert_eq!(days, 3);
    settle(&target, &watch);
    Judge::default().settled(&target);
}

#[test]
fn a_copy_can_fail_anywhere() {
    let (source, store, _, watch) = scene();
    let points = each_failure(
        &store,
        &watch,
        &|target, watch| copy(&source, target, &What::All, watch).map(drop),
        &mut |store, watch| {
            let target = made::through(store.clone());
            Judge::default().judge(&target, watch.ms(), &"copy");
            copy(&source, &target, &What::All, watch).unwrap();
            assert_eq!(everything(&source), everything(&target));
        },
    );
    println!("copy: {points} failures");
}

#[test]
fn a_target_may_forget_and_prune_while_it_is_copied_into() {
    let mut between = 0;
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let (source, store, target, watch) = scene();
        let mut judge = Judge::default();
        for round in 0..12u32 {
            watch.pass(i64::try_from(random.below(30)).unwrap() * HOUR);
            backup(&source, "a", 20 + round * 3, watch.ms());
            let faulty = Faulty::new(store.clone());
            let disturbed = made::through(Arc::new(faulty.clone()));
            let (others, ticking, mut chance) =
                (made::through(store.clone()), watch.clone(), random.clone());
            random.next();
            let state = Arc::new(std::sync::Mutex::new((judge, 0)));
            let shared = state.clone();
            faulty.before_each(Some(Box::new(move |call, _| {
                if !chance.once_in(8) {
                    return;
                }
                // What is under way may take a while, and anything else long.
                let long = matches!(call, Call::Get) && chance.once_in(10);
                let minutes = chance.below(if long { 10 * 60 } else { 60 });
                ticking.pass(i64::try_from(minutes).unwrap() * 60_000);
                if chance.once_in(3) {
                    forget(&others, &last(1 + chance.below(3)), &ticking).unwrap();
                }
                prune(&others, &ticking).unwrap();
                let mut state = shared.lock().unwrap();
                state.0.judge(&others, ticking.ms(), &seed);
                state.1 += 1;
            })));
            // It may give up, when it took too long.
            drop(copy(&source, &disturbed, &What::Last(3), &watch));
            faulty.before_each(None);
            let mut state = state.lock().unwrap();
            state.0.judge(&target, watch.ms(), &seed);
            judge = state.0.clone();
            between += state.1;
        }
        settle(&target, &watch);
        judge.settled(&target);
    }
    println!("copy: {between} prunes in the middle");
}
