//! gzip on all cores: blocks compressed side by side, each a member of its own (RFC 1952, 2.2).

use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How much goes into one member: enough that a member's own header and lost history cost under a
/// percent.
const BLOCK_LEN: usize = 1 << 20;

type Job = (Vec<u8>, SyncSender<io::Result<Vec<u8>>>);

/// Compresses what is written to it, in order, into `out`.
pub struct ParallelGzip<W: Write> {
    out: W,
    block: Vec<u8>,
    jobs: Option<SyncSender<Job>>,
    pending: VecDeque<Receiver<io::Result<Vec<u8>>>>,
    workers: Vec<JoinHandle<()>>,
}

impl<W: Write> ParallelGzip<W> {
    /// Compresses into `out` with `threads` threads.
    pub fn new(out: W, threads: usize) -> ParallelGzip<W> {
        let threads = threads.max(1);
        let (jobs, queue) = sync_channel::<Job>(threads);
        let queue = Arc::new(Mutex::new(queue));
        let workers = (0..threads)
            .map(|_| {
                let queue = Arc::clone(&queue);
                std::thread::spawn(move || work(&queue))
            })
            .collect();
        ParallelGzip {
            out,
            block: Vec::with_capacity(BLOCK_LEN),
            jobs: Some(jobs),
            pending: VecDeque::new(),
            workers,
        }
    }

    /// Compresses the rest and gives back what was written to.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.block.is_empty() {
            self.submit()?;
        }
        while !self.pending.is_empty() {
            self.write_oldest()?;
        }
        self.jobs = None;
        for worker in self.workers.drain(..) {
            worker
                .join()
                .map_err(|_| io::Error::other("a compressing thread panicked"))?;
        }
        self.out.flush()?;
        Ok(self.out)
    }

    fn submit(&mut self) -> io::Result<()> {
        if self.pending.len() > 2 * self.workers.len() {
            self.write_oldest()?;
        }
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_LEN));
        let (done, result) = sync_channel(1);
        let jobs = self.jobs.as_ref().expect("taken only when finished");
        jobs.send((block, done))
            .map_err(|_| io::Error::other("the compressing threads are gone"))?;
        self.pending.push_back(result);
        Ok(())
    }

    fn write_oldest(&mut self) -> io::Result<()> {
        let Some(oldest) = self.pending.pop_front() else {
            return Ok(());
        };
        let member = oldest
            .recv()
            .map_err(|_| io::Error::other("a compressing thread panicked"))??;
        self.out.write_all(&member)
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().map(|queue| queue.recv());
        let Ok(Ok((block, done))) = job else {
            return;
        };
        let mut encoder =
            GzEncoder::new(Vec::with_capacity(block.len() / 3), Compression::default());
        let member = encoder.write_all(&block).and_then(|()| encoder.finish());
        // Nobody waits for it when writing failed meanwhile.
        let _ = done.send(member);
    }
}

impl<W: Write> Write for ParallelGzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BLOCK_LEN - self.block.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.block.extend_from_slice(taken);
        if self.block.len() >= BLOCK_LEN {
            self.submit()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn many_members_read_as_one_stream() {
        let plain: Vec<u8> = (0..5_000_000u32).map(|i| (i / 3 % 251) as u8).collect();
        let mut gzip = ParallelGzip::new(Vec::new(), 3);
        gzip.write_all(&plain).unwrap();
        let compressed = gzip.finish().unwrap();
        let mut back = Vec::new();
        flate2::read::MultiGzDecoder::new(compressed.as_slice())
            .read_to_end(&mut back)
            .unwrap();
        assert!(back == plain);
    }

    #[test]
    fn a_full_disk_is_an_error_and_no_hang() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut gzip = ParallelGzip::new(Full, 2);
        let wrote = gzip
            .write_all(&vec![7; 40 << 20])
            .and_then(|()| gzip.finish().map(|_| ()));
        assert_eq!(wrote.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
