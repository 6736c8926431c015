//! What forget and prune do, case by case.

use super::{forget, last, prune, settle};
use crate::common::made::{self, DAY, HOUR, Judge, START, Watch, Writer, backup, objects};
use crate::common::random::Random;
use crate::common::store::{Call, Faulty};
use jiff::tz::TimeZone;
use std::sync::Arc;
use zoovault::backup::retention::forget::{What, plan};
use zoovault::backup::retention::policy::Policy;
use zoovault::backup::retention::{pins, prune as pruning};
use zoovault::error::ErrorKind;
use zoovault::progress::NoProgress;
use zoovault::repository::{FORMAT_VERSION, Repository, Storage, Tombstone};

/// A lineage of a backup a day, for so many days.
fn days(count: u32) -> (Arc<object_store::memory::InMemory>, Repository, Watch) {
    let (store, repository) = made::repository("days");
    let watch = Watch::at(START);
    for day in 1..=count {
        watch.pass(DAY);
        backup(&repository, "a", day * 4, watch.ms());
    }
    (store, repository, watch)
}

#[test]
fn what_is_forgotten_is_gone_a_day_later_and_nothing_else() {
    let (_, repository, watch) = days(6);
    let all = objects(&repository);
    assert_eq!(forget(&repository, &last(2), &watch).unwrap(), 4);
    assert_eq!(objects(&repository), all);
    // Marked at once, since no backup that counts lists them; deleted when the manifests can be.
    let pruned = prune(&repository, &watch).unwrap();
    assert!(pruned.objects.is_empty() && !pruned.marks.is_empty());
    watch.pass(DAY - 1);
    let pruned = prune(&repository, &watch).unwrap();
    assert!(pruned.objects.is_empty() && pruned.tomb.is_none());
    watch.pass(1);
    let pruned = prune(&repository, &watch).unwrap();
    assert_eq!(pruned.manifests, 4);
    assert!(!pruned.objects.is_empty() && pruned.retained.is_empty());
    settle(&repository, &watch);
    Judge::default().settled(&repository);
    assert!(objects(&repository).len() < all.len());
}

#[test]
fn an_empty_policy_is_refused() {
    let (_, repository, watch) = days(1);
    let err = forget(&repository, &What::ByPolicy(Policy::default()), &watch).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::BadArgument);
}

#[test]
fn the_newest_window_and_what_is_pinned_cannot_be_named() {
    let (_, repository, watch) = days(3);
    let ids: Vec<String> = repository
        .listing()
        .unwrap()
        .backups
        .iter()
        .map(|backup| backup.id.clone())
        .collect();
    let by_id = |id: &String| forget(&repository, &What::Ids(vec![id.clone()]), &watch);
    assert_eq!(by_id(&ids[2]).unwrap_err().kind(), ErrorKind::BadArgument);
    let clock = || watch.ms();
    assert!(pins::pin(&repository, &ids[0][..6], &clock).unwrap().1);
    assert!(!pins::pin(&repository, &ids[0], &clock).unwrap().1);
    assert_eq!(by_id(&ids[0]).unwrap_err().kind(), ErrorKind::BadArgument);
    assert_eq!(forget(&repository, &last(1), &watch).unwrap(), 1);
    assert_eq!(
        pins::unpin(&repository, &ids[0]).unwrap(),
        (ids[0].clone(), true)
    );
    assert!(!pins::unpin(&repository, &ids[0]).unwrap().1);
    assert_eq!(by_id(&ids[0]).unwrap(), 1);
    assert_eq!(by_id(&ids[0]).unwrap_err().kind(), ErrorKind::BadArgument);
}

#[test]
fn a_lineage_goes_whole_unless_it_is_the_newest() {
    let (_, repository, watch) = days(2);
    watch.pass(HOUR);
    backup(&repository, "b", 3, watch.ms());
    let by_lineage = |id: &str| forget(&repository, &What::Lineage(id.to_owned()), &watch);
    assert_eq!(by_lineage("b").unwrap_err().kind(), ErrorKind::BadArgument);
    assert_eq!(by_lineage("c").unwrap_err().kind(), ErrorKind::BadArgument);
    assert_eq!(by_lineage("a").unwrap(), 2);
    settle(&repository, &watch);
    Judge::default().settled(&repository);
    assert!(objects(&repository).iter().all(|name| name.contains("/b/")));
}

#[test]
fn a_damaged_manifest_stops_prune_until_it_is_given_up() {
    let (_, repository, watch) = days(4);
    forget(&repository, &last(2), &watch).unwrap();
    let damaged = repository.listing().unwrap().backups[0].clone();
    let object = damaged.object();
    let mut bytes = repository.storage().get(&object).unwrap().unwrap();
    bytes[7] ^= 1;
    repository.storage().put(&object, bytes).unwrap();
    watch.pass(2 * DAY);
    let before = objects(&repository);
    assert_eq!(
        prune(&repository, &watch).unwrap_err().kind(),
        ErrorKind::Damage
    );
    assert_eq!(repository.listing().unwrap().forgotten.len(), 2);
    assert_eq!(objects(&repository), before);
    // Policies keep it, and say so.
    let told = plan(&repository, &last(1), watch.ms(), &TimeZone::UTC).unwrap();
    assert_eq!((told.damage.len(), told.forgotten().count()), (1, 0));
    let by_id = What::Ids(vec![damaged.id]);
    assert_eq!(forget(&repository, &by_id, &watch).unwrap(), 1);
    // What it needs nobody knows, until it is gone.
    assert_eq!(
        prune(&repository, &watch).unwrap_err().kind(),
        ErrorKind::Damage
    );
    settle(&repository, &watch);
    Judge::default().settled(&repository);
}

#[test]
fn what_is_locked_is_retained_and_tried_again() {
    let (store, repository, watch) = days(4);
    let faulty = Faulty::new(store);
    let locked = made::through(Arc::new(faulty.clone()));
    forget(&locked, &last(1), &watch).unwrap();
    prune(&locked, &watch).unwrap();
    watch.pass(DAY);
    faulty.lock(Some(Box::new(|name| !name.starts_with("tomb/"))));
    let before = objects(&repository);
    let pruned = prune(&locked, &watch).unwrap();
    // The manifests hold their objects: those are not even tried.
    assert_eq!((pruned.manifests, pruned.retained.len()), (0, 3));
    assert!(pruned.objects.is_empty() && pruned.refusals[0].contains("locked"));
    faulty.lock(Some(Box::new(|name| name.starts_with("log/"))));
    watch.pass(DAY);
    let pruned = prune(&locked, &watch).unwrap();
    assert_eq!(pruned.manifests, 3);
    let retained = &pruned.retained;
    assert!(!retained.is_empty() && retained.iter().all(|name| name.starts_with("log/")));
    assert!(objects(&repository).len() < before.len());
    faulty.lock(None);
    settle(&locked, &watch);
    Judge::default().settled(&repository);
}

#[test]
fn marks_of_a_clock_that_was_ahead_are_not_carried_out_and_made_again() {
    let (_, repository, watch) = days(4);
    let ahead = Watch::at(watch.ms() + 400 * DAY);
    forget(&repository, &last(1), &ahead).unwrap();
    prune(&repository, &ahead).unwrap();
    let before = objects(&repository);
    for _ in 0..2 {
        let pruned = prune(&repository, &watch).unwrap();
        assert!(pruned.objects.is_empty() && pruned.manifests == 0);
    }
    assert_eq!(objects(&repository), before);
    settle(&repository, &watch);
    Judge::default().settled(&repository);
}

#[test]
fn a_clock_before_the_repository_was_made_marks_nothing() {
    let (_, repository, _) = days(3);
    let behind = Watch::at(START - DAY);
    for done in [
        forget(&repository, &last(1), &behind).map(drop),
        prune(&repository, &behind).map(drop),
    ] {
        let err = done.unwrap_err();
        assert!(err.to_string().contains("the clock here says"), "{err}");
    }
    assert!(repository.listing().unwrap().tombs.is_empty());
}

#[test]
fn a_mark_names_nothing_but_logs_snapshots_and_marks() {
    let (_, repository, watch) = days(2);
    let backup = repository.listing().unwrap().backups[0].object();
    repository
        .storage()
        .put("log/a/README", b"mine".to_vec())
        .unwrap();
    let names = [
        "zoovault.json",
        backup.as_str(),
        "log/a/README",
        "log/../zoovault.json",
    ];
    repository
        .bury(&Tombstone {
            format: FORMAT_VERSION,
            created_ms: watch.ms(),
            backups: Vec::new(),
            objects: names.map(str::to_owned).into(),
        })
        .unwrap();
    settle(&repository, &watch);
    assert_eq!(repository.listing().unwrap().backups.len(), 2);
    assert!(repository.storage().get("log/a/README").unwrap().is_some());
}

#[test]
fn nothing_is_deleted_for_what_was_read_long_ago() {
    let (store, repository, watch) = days(4);
    forget(&repository, &last(1), &watch).unwrap();
    prune(&repository, &watch).unwrap();
    watch.pass(DAY);
    let faulty = Faulty::new(store);
    let slow = made::through(Arc::new(faulty.clone()));
    let plan = pruning::plan(&slow, &|| watch.ms()).unwrap();
    // Each listing takes an hour, for ever: the program gives up.
    let ticking = watch.clone();
    faulty.before_each(Some(Box::new(move |call, _| {
        if call == Call::List {
            ticking.pass(HOUR);
        }
    })));
    let before = objects(&repository);
    let err = pruning::execute(&slow, &plan, &|| watch.ms(), &NoProgress).unwrap_err();
    assert!(err.to_string().contains("more than an hour"), "{err}");
    assert_eq!(objects(&repository), before);
}

#[test]
fn a_directory_is_pruned_too_with_what_killed_runs_left() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::local(dir.path()).unwrap();
    let repository = Repository::create(storage, START).unwrap();
    let watch = Watch::at(START);
    for day in 1..=3 {
        watch.pass(DAY);
        backup(&repository, "a", day * 4, watch.ms());
    }
    let leftover = dir
        .path()
        .join("log/a/0000000100000001-0000000100000001-0123456789ab.zst#1");
    let fresh = dir
        .path()
        .join("log/a/0000000100000001-0000000100000001-0123456789ab.zst#2");
    for path in [&leftover, &fresh] {
        std::fs::write(path, b"half").unwrap();
    }
    let file = std::fs::File::options()
        .append(true)
        .open(&leftover)
        .unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 3600);
    file.set_modified(long_ago).unwrap();
    forget(&repository, &last(1), &watch).unwrap();
    let pruned = prune(&repository, &watch).unwrap();
    assert_eq!(pruned.leftovers, (1, 4));
    assert!(!leftover.exists() && fresh.exists());
    settle(&repository, &watch);
    Judge::default().settled(&repository);
}

#[test]
fn what_a_mark_of_old_names_is_held_by_a_backup_that_was_just_forgotten() {
    let (_, repository) = made::repository("held");
    let watch = Watch::at(START + DAY);
    let mut random = Random::new(3);
    // A run stores its objects, a prune marks them, and the run commits: the mark is void.
    let mut rescued = Writer::whole(&repository, "a", 3, &mut random, watch.ms());
    for _ in 0..5 {
        assert!(rescued.step(&repository, watch.ms()).is_none());
    }
    assert_eq!(prune(&repository, &watch).unwrap().marks.len(), 6);
    let first = rescued.finish(&repository, watch.ms());
    watch.pass(DAY + HOUR);
    // Another one rests on it.
    let mut resting = Writer::resting(&repository, "a", 3, &mut random, watch.ms());
    // Meanwhile a third makes it dispensable: it stored all under other names, since these are
    // marked. It is forgotten, and a prune comes.
    Writer::whole(&repository, "a", 3, &mut random, watch.ms()).finish(&repository, watch.ms());
    let what = What::Ids(vec![first.id]);
    assert_eq!(forget(&repository, &what, &watch).unwrap(), 1);
    prune(&repository, &watch).unwrap();
    let mut judge = Judge::default();
    while resting.step(&repository, watch.ms()).is_none() {}
    judge.judge(&repository, watch.ms(), &"resting");
    settle(&repository, &watch);
    judge.judge(&repository, watch.ms(), &"settled");
    judge.settled(&repository);
}

#[test]
fn a_slow_prune_deletes_nothing_that_was_stored_again_when_another_one_had_deleted_it() {
    let (store, repository) = made::repository("slow");
    let watch = Watch::at(START + DAY);
    let mut random = Random::new(3);
    backup(&repository, "b", 3, watch.ms());
    // A run that was killed leaves objects, and they are marked.
    let mut killed = Writer::whole(&repository, "a", 3, &mut random, watch.ms());
    for _ in 0..5 {
        assert!(killed.step(&repository, watch.ms()).is_none());
    }
    prune(&repository, &watch).unwrap();
    watch.pass(DAY);
    let faulty = Faulty::new(store);
    let slow = made::through(Arc::new(faulty.clone()));
    let (others, now) = (repository.clone(), watch.clone());
    let mut is_first = true;
    faulty.before_each(Some(Box::new(move |call, _| {
        // It is about to delete the first object. Others prune, twice, and a run stores the same
        // bytes and commits.
        if call == Call::Delete && std::mem::take(&mut is_first) {
            prune(&others, &now).unwrap();
            prune(&others, &now).unwrap();
            let writer = Writer::whole(&others, "a", 3, &mut Random::new(3), now.ms());
            writer.finish(&others, now.ms());
        }
    })));
    prune(&slow, &watch).unwrap();
    let mut judge = Judge::default();
    judge.judge(&repository, watch.ms(), &"slow");
    settle(&repository, &watch);
    judge.judge(&repository, watch.ms(), &"settled");
    judge.settled(&repository);
}
