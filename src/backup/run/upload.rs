//! Storing: bytes become objects, on all cores, in bounded memory.

use crate::error::{Error, ErrorKind, Result};
use crate::format::txnlog::{Entry, encode_header, encode_record};
use crate::progress::Progress;
use crate::repository::StoredLog;
use crate::repository::{OBJECT_LEN, Object, Repository, name};
use crate::zxid::Zxid;
use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How many objects are compressed at once at most: each costs memory.
const WORKERS_MAX: usize = 6;

/// Where objects go.
pub(super) struct Target<'a> {
    pub repository: &'a Repository,
    /// The lineage that they are of.
    pub lineage: &'a str,
    /// Names that nothing may have, since what has them is to be deleted.
    pub marked: &'a HashSet<String>,
    pub progress: &'a dyn Progress,
}

/// What an object is to be called after.
#[derive(Clone, Copy)]
enum Named {
    Log(Zxid, Zxid),
    Part(Zxid, usize),
}

/// Something to be stored.
struct Job {
    index: usize,
    bytes: Vec<u8>,
    named: Named,
}

/// Takes what is to be stored, in order.
pub(super) struct Shipper {
    jobs: SyncSender<Job>,
    next: usize,
}

impl Shipper {
    fn send(&mut self, bytes: Vec<u8>, named: Named) -> Result<()> {
        let index = self.next;
        self.next += 1;
        self.jobs
            .send(Job {
                index,
                bytes,
                named,
            })
            .map_err(|_| Error::new(ErrorKind::Failed, "storing ended early"))
    }
}

impl Target<'_> {
    /// Stores all that `produce` gives its [`Shipper`], and gives the objects in that order.
    ///
    /// # Errors
    /// Those of `produce` and of storing, whichever came first.
    pub fn ship<T>(
        &self,
        produce: impl FnOnce(&mut Shipper) -> Result<T>,
    ) -> Result<(T, Vec<Object>)> {
        let workers = std::thread::available_parallelism()
            .map_or(1, |n| n.get())
            .min(WORKERS_MAX);
        let (jobs, queue) = sync_channel(1);
        let queue = Mutex::new(queue);
        let has_failed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let working: Vec<_> = (0..workers)
                .map(|_| scope.spawn(|| self.work(&queue, &has_failed)))
                .collect();
            let produced = {
                let mut shipper = Shipper { jobs, next: 0 };
                produce(&mut shipper)
            };
            let joined = working.into_iter().map(|worker| worker.join());
            let stored = joined.map(|it| it.expect("a worker's panic is a defect to be seen"));
            let mut stored = stored.collect::<Result<Vec<_>>>()?.concat();
            stored.sort_by_key(|(index, _)| *index);
            let objects = stored.into_iter().map(|(_, object)| object);
            Ok((produced?, objects.collect()))
        })
    }

    /// Stores the txns that `produce` gives its [`Cutter`], as logs.
    ///
    /// # Errors
    /// As [`Target::ship`].
    pub fn ship_logs(
        &self,
        produce: impl FnOnce(&mut Cutter<'_>) -> Result<()>,
    ) -> Result<Vec<StoredLog>> {
        let (logs, objects) = self.ship(|shipper| {
            let mut cutter = Cutter::new(shipper);
            produce(&mut cutter)?;
            cutter.finish()
        })?;
        let joined = logs.into_iter().zip(objects);
        let joined = joined.map(|(log, object)| StoredLog { object, ..log });
        Ok(joined.collect())
    }

    /// Stores what `write` writes, as the parts of the snapshot of `zxid`; also, how many bytes.
    ///
    /// # Errors
    /// Those of storing, and of `write`.
    pub fn ship_parts<T>(
        &self,
        zxid: Zxid,
        write: impl FnOnce(&mut Parts<'_>) -> Result<T>,
    ) -> Result<(u64, Vec<Object>)> {
        self.ship(|shipper| {
            let mut parts = Parts::new(shipper, zxid);
            let written = write(&mut parts);
            // Where storing failed, that is why writing did.
            let size = parts.finish()?;
            written.map(|_| size)
        })
    }

    /// Stores what is in the queue until it is closed. After a failure of any worker the rest is
    /// thrown away, so that the producer is not held up.
    fn work(
        &self,
        queue: &Mutex<Receiver<Job>>,
        has_failed: &AtomicBool,
    ) -> Result<Vec<(usize, Object)>> {
        let mut stored = Vec::new();
        let mut failure = None;
        loop {
            let job = queue.lock().ok().and_then(|queue| queue.recv().ok());
            let Some(job) = job else {
                return failure.map_or(Ok(stored), Err);
            };
            if has_failed.load(Ordering::Relaxed) {
                continue;
            }
            match self.store(&job) {
                Ok(object) => stored.push((job.index, object)),
                Err(error) => {
                    has_failed.store(true, Ordering::Relaxed);
                    failure = Some(error);
                }
            }
        }
    }

    fn store(&self, job: &Job) -> Result<Object> {
        let stored = self
            .repository
            .store(&job.bytes, self.marked, |sha256| match job.named {
                Named::Log(first, last) => name::log(self.lineage, first, last, sha256),
                Named::Part(zxid, part) => name::snapshot(self.lineage, zxid, part, sha256),
            });
        self.progress.advance(job.bytes.len() as u64);
        stored
    }
}

/// Cuts txns into logs of a bounded length, each of consecutive txns of one epoch.
pub(super) struct Cutter<'a> {
    shipper: &'a mut Shipper,
    bytes: Vec<u8>,
    /// The log that is being filled; its object is not known yet.
    log: Option<StoredLog>,
    done: Vec<StoredLog>,
}

impl<'a> Cutter<'a> {
    fn new(shipper: &'a mut Shipper) -> Cutter<'a> {
        Cutter {
            shipper,
            bytes: Vec::new(),
            log: None,
            done: Vec::new(),
        }
    }

    /// Adds a txn.
    pub fn push(&mut self, entry: &Entry<'_>) -> Result<()> {
        let header = &entry.header;
        let is_next = self.log.as_ref().is_some_and(|log| {
            let last = log.last_zxid;
            // An error may use a zxid again: see the reader of logs.
            last == header.zxid
                || (last.epoch() == header.zxid.epoch() && last.is_right_before(header.zxid))
        });
        if !is_next || self.bytes.len() >= OBJECT_LEN {
            self.cut()?;
        }
        let log = self.log.get_or_insert_with(|| StoredLog {
            object: Object::default(),
            first_zxid: header.zxid,
            last_zxid: header.zxid,
            first_time_ms: header.time,
            last_time_ms: header.time,
            max_time_ms: header.time,
            txns: 0,
            digests: 0,
            clock_steps: 0,
            log_bytes: 0,
        });
        if self.bytes.is_empty() {
            self.bytes = encode_header();
        }
        encode_record(entry.payload, &mut self.bytes);
        log.clock_steps += u64::from(header.time < log.last_time_ms);
        log.last_zxid = header.zxid;
        log.last_time_ms = header.time;
        log.max_time_ms = log.max_time_ms.max(header.time);
        log.txns += 1;
        log.digests += u64::from(entry.txn().is_ok_and(|txn| txn.digest.is_some()));
        Ok(())
    }

    /// Ends the log that is being filled.
    pub fn cut(&mut self) -> Result<()> {
        let Some(mut log) = self.log.take() else {
            return Ok(());
        };
        log.log_bytes = self.bytes.len() as u64;
        let named = Named::Log(log.first_zxid, log.last_zxid);
        self.shipper.send(std::mem::take(&mut self.bytes), named)?;
        self.done.push(log);
        Ok(())
    }

    /// Ends the last log, and gives all of them, without their objects.
    fn finish(mut self) -> Result<Vec<StoredLog>> {
        self.cut()?;
        Ok(self.done)
    }
}

/// Cuts what is written to it into the parts of a snapshot.
pub(super) struct Parts<'a> {
    shipper: &'a mut Shipper,
    zxid: Zxid,
    part: usize,
    bytes: Vec<u8>,
    written: u64,
    /// Why storing ended, where it did.
    failure: Option<Error>,
}

impl<'a> Parts<'a> {
    fn new(shipper: &'a mut Shipper, zxid: Zxid) -> Parts<'a> {
        Parts {
            shipper,
            zxid,
            part: 0,
            bytes: Vec::new(),
            written: 0,
            failure: None,
        }
    }

    fn cut(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.bytes);
        let part = self.part;
        self.part += 1;
        self.shipper.send(bytes, Named::Part(self.zxid, part))
    }

    /// Ends the last part, and gives how many bytes were written in all.
    fn finish(mut self) -> Result<u64> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if !self.bytes.is_empty() {
            self.cut()?;
        }
        Ok(self.written)
    }
}

impl Write for Parts<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = OBJECT_LEN.saturating_sub(self.bytes.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.bytes.extend_from_slice(taken);
        self.written += taken.len() as u64;
        if self.bytes.len() >= OBJECT_LEN {
            self.cut().map_err(|error| {
                let told = error.to_string();
                self.failure = Some(error);
                io::Error::other(told)
            })?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
