//! Days that passed: backups, tombs and marks as they were made long ago.

use super::judge::Place;
use crate::common::growing::Growing;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use zoovault::backup::retention::prune;
use zoovault::backup::run::{BaseEvery, Options, backup};
use zoovault::error::Result;
use zoovault::history::source::{self, Source};
use zoovault::progress::NoProgress;
use zoovault::repository::{FORMAT_VERSION, Repository, Storage, Tombstone};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn hours_ago(hours: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap() - hours * HOUR
}

/// Backs up at a time, in ms; mostly with a base. Gives the backup, if there was something new.
pub fn back_up(dir: &Path, repository: &Repository, now_ms: i64) -> Result<Option<String>> {
    let source = Source::open(dir, &source::Options::default())?;
    let options = Options {
        host: "host".into(),
        tool: "test".into(),
        base_every: BaseEvery {
            age_ms: None,
            log_bytes: Some(1000),
        },
        even_if_idle: false,
        now_ms,
        scratch_dir: None,
    };
    let done = backup(&source, repository, &options, &NoProgress)?;
    Ok(done.name.map(|name| name.id))
}

/// A place with a repository that was made ten days ago, whose source was backed up after each of
/// `states`, mostly with a base, and what the backups are called.
pub fn old_repository(states: &[usize]) -> (Place, Growing, Vec<String>) {
    let (place, truth) = (Place::new(), Growing::of("small-3.8"));
    std::fs::create_dir(place.repository()).unwrap();
    let storage = Storage::local(&place.repository()).unwrap();
    let repository = Repository::create(storage, hours_ago(240)).unwrap();
    let dir = place.path().join("source");
    let mut made = Vec::new();
    for (minute, state) in (0..).zip(states) {
        truth.write(&dir, *state);
        let at = hours_ago(240) + (1 + minute) * MINUTE;
        made.extend(back_up(&dir, &repository, at).unwrap());
    }
    assert_eq!(made.len(), states.len());
    (place, truth, made)
}

/// Marks backups and objects for deletion, so many hours ago.
fn bury(repository: &Repository, backups: Vec<String>, objects: Vec<String>, hours: i64) {
    let tomb = Tombstone {
        format: FORMAT_VERSION,
        created_ms: hours_ago(hours),
        backups,
        objects,
    };
    repository.bury(&tomb).unwrap();
}

/// Forgets a backup, as if that had been so many hours ago.
pub fn forget(repository: &Path, id: &str, hours: i64) {
    let repository = Repository::open_local(repository).unwrap();
    bury(&repository, vec![id.to_owned()], Vec::new(), hours);
}

/// Marks what can be pruned, as if that had been so many hours ago. Gives how many objects.
pub fn prune(repository: &Path, hours: i64) -> usize {
    let repository = Repository::open_local(repository).unwrap();
    let plan = prune::plan(&repository, &|| hours_ago(0)).unwrap();
    let objects: Vec<String> = plan.marks.into_keys().collect();
    let count = objects.len();
    bury(&repository, Vec::new(), objects, hours);
    count
}

/// The first three backups were forgotten two days ago, and what only they need was marked a day
/// ago: it is due.
pub fn let_days_pass(repository: &Path, made: &[String]) {
    for id in &made[..3] {
        forget(repository, id, 51);
    }
    assert!(prune(repository, 26) > 3);
}
