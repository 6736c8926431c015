//! Clients that write steadily, and note what was acknowledged to them.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::common::client::SESSION_TIMEOUT;
use crate::common::rng::Rng;
use crate::common::wire::{Change, EPHEMERAL, Op, Wire};
use crate::common::zookeeper::READY_TIMEOUT;

/// `CreateMode.PERSISTENT_SEQUENTIAL`.
const SEQUENTIAL: i32 = 2;

/// How often a client writes.
const PACE: Duration = Duration::from_millis(5);

/// Writes of one session.
const SESSION_WRITES: usize = 300;

/// What was acknowledged.
#[derive(Default)]
struct Noted {
    is_over: AtomicBool,
    last: AtomicI64,
    /// Znodes that stay, and a zxid by which they were there.
    kept: Mutex<Vec<(String, i64)>>,
}

/// Clients that write until they are stopped. They are on their own threads, and go to another
/// server when theirs is gone.
pub struct Writers {
    noted: Arc<Noted>,
    threads: Vec<JoinHandle<usize>>,
}

impl Writers {
    /// Starts `count` clients of the servers at `addresses`.
    pub fn start(addresses: &[String], count: usize) -> Writers {
        let noted = Arc::new(Noted::default());
        let threads = (0..count).map(|number| {
            let noted = Arc::clone(&noted);
            let addresses = addresses.to_vec();
            thread::spawn(move || Writer::new(number, addresses, &noted).run())
        });
        Writers {
            threads: threads.collect(),
            noted,
        }
    }

    /// The highest zxid that a client was told by now.
    pub fn acknowledged(&self) -> i64 {
        self.noted.last.load(Ordering::SeqCst)
    }

    /// The znodes that nobody deletes, each with a zxid by which it was there.
    pub fn kept(&self) -> Vec<(String, i64)> {
        self.noted.kept.lock().expect("no writer panicked").clone()
    }

    /// Waits until some more was acknowledged.
    pub fn wait_for_more(&self) {
        let (before, begun) = (self.kept().len(), Instant::now());
        while self.kept().len() < before + 5 {
            assert!(self.threads.iter().any(|thread| !thread.is_finished()));
            assert!(begun.elapsed() < READY_TIMEOUT, "nothing is acknowledged");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops them: how many writes were acknowledged.
    pub fn stop(&mut self) -> usize {
        self.noted.is_over.store(true, Ordering::SeqCst);
        let threads = self.threads.drain(..);
        threads.map(|thread| thread.join().expect("a writer")).sum()
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.noted.is_over.store(true, Ordering::SeqCst);
    }
}

struct Writer<'a> {
    base: String,
    addresses: Vec<String>,
    noted: &'a Noted,
    rng: Rng,
    serial: usize,
    /// Znodes that may be changed and deleted.
    loose: Vec<String>,
    acknowledged: usize,
}

impl Writer<'_> {
    fn new(number: usize, mut addresses: Vec<String>, noted: &Noted) -> Writer<'_> {
        let at = number % addresses.len();
        addresses.rotate_left(at);
        Writer {
            base: format!("/writer{number}"),
            addresses,
            noted,
            rng: Rng::new(number as u64),
            serial: 0,
            loose: Vec::new(),
            acknowledged: 0,
        }
    }

    fn is_over(&self) -> bool {
        self.noted.is_over.load(Ordering::SeqCst)
    }

    fn run(mut self) -> usize {
        while !self.is_over() {
            let address = self.addresses.first().expect("an address").clone();
            // A server that is down or has no leader: the next one may do.
            let session = Wire::connect(&address, 0, SESSION_TIMEOUT)
                .and_then(|wire| self.write_in_session(wire));
            if session.is_err() {
                self.addresses.rotate_left(1);
                thread::sleep(Duration::from_millis(50));
            }
        }
        self.acknowledged
    }

    fn write_in_session(&mut self, mut wire: Wire) -> std::io::Result<()> {
        let base = self.base.clone();
        self.write(&mut wire, &Change::Create(&base, b"", 0))?;
        for _ in 0..SESSION_WRITES {
            if self.is_over() {
                break;
            }
            self.step(&mut wire)?;
            thread::sleep(PACE);
        }
        wire.close();
        Ok(())
    }

    /// Whether it was done; a write may also be refused.
    fn write(&mut self, wire: &mut Wire, write: &Change<'_>) -> std::io::Result<bool> {
        let (zxid, code) = wire.write(write)?;
        self.noted.last.fetch_max(zxid, Ordering::SeqCst);
        self.acknowledged += 1;
        Ok(code == 0)
    }

    fn data(&mut self) -> Vec<u8> {
        let len = match self.rng.below(400) {
            0 => 600_000,
            1..10 => 60_000,
            _ => self.rng.below(1500),
        };
        let mut data = self.rng.bytes(len / 4);
        data.resize(len, b'.');
        data
    }

    fn step(&mut self, wire: &mut Wire) -> std::io::Result<()> {
        self.serial += 1;
        let path = format!("{}/n{}", self.base, self.serial);
        let data = self.data();
        let loose = match self.loose.len() {
            0 => path.clone(),
            len => self.loose[self.rng.below(len)].clone(),
        };
        match self.rng.below(20) {
            0..2 => {
                if self.write(wire, &Change::Create(&path, &data, 0))? {
                    let kept = (path, wire.last_zxid);
                    self.noted
                        .kept
                        .lock()
                        .expect("no writer panicked")
                        .push(kept);
                }
            }
            2..8 => {
                self.write(wire, &Change::Create(&path, &data, 0))?;
                self.loose.push(path);
            }
            8..13 => {
                self.write(wire, &Change::SetData(&loose, &data))?;
            }
            13..16 => {
                self.write(wire, &Change::Delete(&loose))?;
                self.loose.retain(|known| *known != loose);
            }
            16 => {
                self.write(wire, &Change::Create(&path, &data, EPHEMERAL))?;
            }
            17 => {
                let flags = SEQUENTIAL | (EPHEMERAL * i32::from(self.rng.below(2) == 0));
                self.write(wire, &Change::Create(&path, b"", flags))?;
            }
            18 => {
                let second = format!("{path}b");
                let ops = [
                    Op::Create(&path, &data),
                    Op::Check(&path, 0),
                    Op::SetData(&path, b"set"),
                    Op::Create(&second, b""),
                    Op::Delete(&path),
                ];
                self.write(wire, &Change::Multi(&ops))?;
                self.loose.push(second);
            }
            // Errors are logged too.
            _ => {
                let ops = [Op::Create(&path, &data), Op::Delete("/none")];
                self.write(wire, &Change::Multi(&ops))?;
            }
        }
        Ok(())
    }
}
