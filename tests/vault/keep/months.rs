//! Months of backups, policies and prunes at random times, with kills, and with others at work
//! between any two calls.

use super::{forget, made, prune, settle};
use crate::common::made::{DAY, Judge, START, Watch, Writer};
use crate::common::random::Random;
use crate::common::store::{Call, Fault, Faulty, Moment};
use object_store::memory::InMemory;
use std::sync::{Arc, Mutex};
use zoovault::backup::retention::forget::What;
use zoovault::backup::retention::pins;
use zoovault::backup::retention::policy::Policy;
use zoovault::repository::Repository;

/// How many worlds there are.
const SEEDS: u64 = 10;
/// How many steps each goes on for: of an hour and a half on average.
const STEPS: usize = 900;

const LINEAGES: [&str; 2] = ["a", "b"];

struct World {
    seed: u64,
    store: Arc<InMemory>,
    repository: Repository,
    watch: Watch,
    random: Random,
    judge: Judge,
    writers: Vec<Writer>,
    /// The last log of each lineage.
    last: [u32; 2],
    /// Whether nearly nothing is new, runs are killed often, and equal bytes are stored again and
    /// again while they are being deleted.
    is_hostile: bool,
    committed: usize,
    /// How often a run was killed, or a call failed.
    failed: usize,
    between: usize,
}

impl World {
    fn new(seed: u64) -> World {
        let (store, repository) = made::repository(&format!("{seed}"));
        World {
            seed,
            store,
            repository,
            watch: Watch::at(START),
            random: Random::new(seed),
            judge: Judge::default(),
            writers: Vec::new(),
            last: [0; 2],
            is_hostile: seed % 2 == 1,
            committed: 0,
            failed: 0,
            between: 0,
        }
    }

    fn judge(&mut self, what: &str) {
        let context = (self.seed, what);
        self.judge
            .judge(&self.repository, self.watch.ms(), &context);
    }

    /// A step of a run that backs up.
    fn write(&mut self) {
        let now_ms = self.watch.ms();
        if self.writers.is_empty() || (self.writers.len() < 3 && self.random.once_in(4)) {
            let which = usize::from(self.random.once_in(5));
            // Now and then a second run backs up what another does.
            let is_new = match self.is_hostile {
                true => self.random.once_in(8),
                false => !self.random.once_in(5),
            };
            self.last[which] += u32::from(is_new);
            let (name, last) = (LINEAGES[which], self.last[which]);
            let writer = Writer::begin(&self.repository, name, last, &mut self.random, now_ms);
            self.writers.push(writer);
            return;
        }
        let index = self.random.below(self.writers.len());
        // Some are killed.
        if self.random.once_in(if self.is_hostile { 8 } else { 40 }) {
            self.writers.swap_remove(index);
            self.failed += 1;
            return;
        }
        let writer = &mut self.writers[index];
        if writer.step(&self.repository, now_ms).is_some() {
            self.writers.swap_remove(index);
            self.committed += 1;
        }
    }

    fn what(&mut self) -> What {
        let mut count = |limit: usize| self.random.below(limit);
        if count(6) == 0 {
            let backups = self.repository.listing().unwrap().backups;
            let backup = (!backups.is_empty()).then(|| count(backups.len()));
            let id = backup.map(|index| backups[index].id.clone());
            return What::Ids(id.into_iter().collect());
        }
        What::ByPolicy(Policy {
            last: 1 + count(4),
            hourly: count(5),
            daily: count(4),
            weekly: count(3),
            monthly: count(2),
            yearly: count(2),
            within: (count(4) == 0).then(|| "2d".parse().unwrap()),
        })
    }

    /// Something that others do, all at once.
    fn other(&mut self) {
        self.between += 1;
        let often = if self.is_hostile { 2 } else { 1 };
        match self.random.below(24) / often {
            // Refused, where it is the newest window or pinned.
            0 => {
                let what = self.what();
                drop(forget(&self.repository, &what, &self.watch));
            }
            1 => drop(prune(&self.repository, &self.watch).unwrap()),
            2 => self.pin(),
            _ => self.write(),
        }
        self.judge("between");
    }

    fn pin(&mut self) {
        let listing = self.repository.listing().unwrap();
        if let Some(id) = listing.pinned.first().filter(|_| self.random.once_in(2)) {
            pins::unpin(&self.repository, id).unwrap();
        } else if !listing.backups.is_empty() {
            let backup = self.random.pick(&listing.backups).clone();
            pins::pin(&self.repository, &backup.id, &|| self.watch.ms()).unwrap();
        }
    }

    /// An old history is given up.
    fn abandon(&mut self) {
        let what = What::Lineage("b".to_owned());
        if forget(&self.repository, &what, &self.watch).is_ok() {
            self.judge.abandon("b");
        }
        self.judge("abandon");
    }
}

/// Runs `work` through a store that may fail, with others at work between its calls.
fn disturbed(world: &Arc<Mutex<World>>, work: impl FnOnce(&Repository, &Watch)) {
    let (faulty, watch, repository) = {
        let mut world = world.lock().unwrap();
        let faulty = Faulty::new(world.store.clone());
        let repository = made::through(Arc::new(faulty.clone()));
        if world.random.once_in(2) {
            let moment = *world.random.pick(&[Moment::Before, Moment::After]);
            faulty.fail(Some(Fault {
                at: world.random.below(60),
                moment,
                is_final: !world.random.once_in(3),
            }));
            world.failed += 1;
        }
        (faulty, world.watch.clone(), repository)
    };
    let others = world.clone();
    faulty.before_each(Some(Box::new(move |call, _| {
        let mut world = others.lock().unwrap();
        let seldom = if world.is_hostile { 2 } else { 5 };
        if !world.random.once_in(seldom) {
            return;
        }
        // Between looking and reading days may pass, and the program notices. What is under way may
        // take a while only.
        let is_look = matches!(call, Call::List | Call::Get);
        let long = is_look && world.random.once_in(60);
        let minutes = world.random.below(if long { 40 * 60 } else { 20 });
        let ms = i64::try_from(minutes).unwrap() * 60_000;
        world.watch.pass(ms);
        world.other();
    })));
    work(&repository, &watch);
    world.lock().unwrap().judge("after");
}

fn live(seed: u64) -> (usize, usize, usize, usize) {
    let world = Arc::new(Mutex::new(World::new(seed)));
    for _ in 0..STEPS {
        let (choice, what) = {
            let mut world = world.lock().unwrap();
            let minutes = i64::try_from(world.random.below(180)).unwrap();
            world.watch.pass(minutes * 60_000);
            let choices = if world.is_hostile { 20 } else { 50 };
            (world.random.below(choices), world.what())
        };
        match choice {
            0..=1 => disturbed(&world, |repository, watch| {
                // It may be killed, or refuse.
                drop(forget(repository, &what, watch));
            }),
            2..=5 => disturbed(&world, |repository, watch| {
                drop(prune(repository, watch));
            }),
            6 => world.lock().unwrap().pin(),
            7 => world.lock().unwrap().abandon(),
            _ => world.lock().unwrap().write(),
        }
        world.lock().unwrap().judge("step");
    }
    let mut world = world.lock().unwrap();
    for writer in std::mem::take(&mut world.writers) {
        writer.finish(&world.repository, world.watch.ms());
    }
    for id in world.repository.listing().unwrap().pinned {
        pins::unpin(&world.repository, &id).unwrap();
    }
    world.judge("end");
    settle(&world.repository, &world.watch);
    world.judge.settled(&world.repository);
    assert!(world.watch.ms() > START + 30 * DAY);
    assert!(world.watch.ms() < START + 400 * DAY);
    (
        world.committed,
        world.failed,
        world.between,
        world.judge.asked,
    )
}

#[test]
fn whatever_happens_when_what_a_backup_needs_is_there() {
    let seeds = match std::env::var("ZOOVAULT_SEEDS") {
        Ok(seeds) => seeds.parse().unwrap(),
        Err(_) => SEEDS,
    };
    let sums = (0..seeds).map(live).fold((0, 0, 0, 0), |sum, one| {
        (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2, sum.3 + one.3)
    });
    let (committed, failed, between, asked) = sums;
    println!(
        "{seeds} worlds: {committed} backups, {failed} kills and failures, {between} interleaved steps, {asked} states judged"
    );
    assert!(committed > 100 && failed > 10 && between > 100);
}
