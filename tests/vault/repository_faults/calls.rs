//! Backups into a storage that fails at one of its calls: what holds for a directory holds for any
//! storage.

use super::days::back_up;
use super::judge::judge_opened;
use super::step;
use crate::common::growing::Growing;
use crate::common::store::{Fault, Faulty, Moment};
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;
use zoovault::repository::{Repository, Storage};

const BEGIN_MS: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;

fn through(store: Arc<dyn ObjectStore>) -> Repository {
    Repository::open(Storage::of(store, "memory")).unwrap()
}

/// The same objects in another storage.
async fn copied(from: &InMemory) -> Arc<InMemory> {
    let copy = InMemory::new();
    let listed: Vec<_> = from.list(None).try_collect().await.unwrap();
    for object in listed {
        let bytes = from.get(&object.location).await.unwrap();
        let bytes = bytes.bytes().await.unwrap();
        copy.put(&object.location, bytes.into()).await.unwrap();
    }
    Arc::new(copy)
}

#[test]
fn a_backup_into_a_storage_that_fails_at_any_call_harms_none_before_it() {
    let truth = Growing::of("small-3.8");
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let store = Arc::new(InMemory::new());
    let repository = Repository::create(Storage::of(store.clone(), "memory"), BEGIN_MS).unwrap();
    let mut promised = Vec::new();
    for (minute, txns) in (1..).zip([12, 20, 30]) {
        truth.write(dir.path(), txns);
        promised.extend(back_up(dir.path(), &repository, BEGIN_MS + minute * MINUTE).unwrap());
    }
    truth.write(dir.path(), 42);
    let mut points = 0;
    for is_final in [false, true] {
        for moment in [Moment::Before, Moment::After] {
            for at in (0..).step_by(step(2)) {
                let what = format!("{moment:?} {at}, final: {is_final}");
                let store = runtime.block_on(copied(&store));
                let faulty = Faulty::new(store.clone());
                let broken = through(Arc::new(faulty.clone()));
                faulty.fail(Some(Fault {
                    at,
                    moment,
                    is_final,
                }));
                let told = back_up(dir.path(), &broken, BEGIN_MS + 10 * MINUTE);
                if faulty.calls() <= at {
                    assert!(told.is_ok(), "{what}");
                    break;
                }
                points += 1;
                let whole = through(store);
                judge_opened(&whole, &promised, &truth, &what);
                let again = back_up(dir.path(), &whole, BEGIN_MS + 20 * MINUTE);
                let again = again.unwrap_or_else(|err| panic!("{what}: {err}"));
                let made: Vec<String> = told.ok().flatten().into_iter().chain(again).collect();
                let all = [promised.as_slice(), &made].concat();
                let backups = judge_opened(&whole, &all, &truth, &what);
                assert!(backups.len() > promised.len(), "{what}");
                assert_eq!(backups.last().unwrap().zxid, truth.zxid(42), "{what}");
            }
        }
    }
    eprintln!("calls that fail in a backup: {points} points");
    assert!(points > 20);
}
