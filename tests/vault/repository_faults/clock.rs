//! Clocks that go back.

use super::judge::judge_opened;
use crate::common::growing::Growing;
use object_store::memory::InMemory;
use std::sync::Arc;
use zoovault::backup::run::{BaseEvery, Options, backup};
use zoovault::history::source::{self, Source};
use zoovault::progress::NoProgress;
use zoovault::repository::{Repository, Storage, Which};

const NOW: i64 = 1_800_000_000_000;
const YEAR: i64 = 365 * 24 * 3_600_000;

#[test]
fn where_a_clock_goes_back_backups_stay_in_order_and_it_is_told() {
    let truth = Growing::of("small-3.8");
    let storage = Storage::of(Arc::new(InMemory::new()), "memory");
    let repository = Repository::create(storage, NOW).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut promised = Vec::new();
    for (round, back) in [0, 1, 2, 0, -1, 3, 3].into_iter().enumerate() {
        let txns = 6 + 5 * round;
        truth.write(dir.path(), txns);
        let source = Source::open(dir.path(), &source::Options::default()).unwrap();
        let now_ms = NOW - back * YEAR;
        let options = Options {
            host: "host".into(),
            tool: "test".into(),
            base_every: BaseEvery {
                age_ms: Some(1),
                log_bytes: Some(1500),
            },
            even_if_idle: true,
            now_ms,
            scratch_dir: None,
        };
        let seen = repository.listing().unwrap().seen_ms();
        let done = backup(&source, &repository, &options, &NoProgress).unwrap();
        let told = done.warnings.iter().any(|it| it.contains("clock"));
        assert_eq!(told, seen.is_some_and(|seen| seen > now_ms), "{round}");
        let name = done.name.unwrap();
        assert!(seen.is_none_or(|seen| seen < name.created_ms));
        assert_eq!(done.manifest.created_ms, now_ms);
        promised.push(name.id);
        let what = format!("round {round}");
        let backups = judge_opened(&repository, &promised, &truth, &what);
        let order: Vec<&String> = backups.iter().map(|backup| &backup.id).collect();
        assert!(order.into_iter().eq(&promised), "{what}");
        let latest = repository.history(&Which::Latest).unwrap();
        assert_eq!(latest.backups[0].0.zxid, truth.zxid(txns), "{what}");
    }
}
