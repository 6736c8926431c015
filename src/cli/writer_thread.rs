//! Stdout for results of any length: written by a thread of its own, while the next part is made.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

/// How much is gathered before it is handed over.
const PART_LEN: usize = 1 << 18;
/// How many parts may be on their way.
const PARTS: usize = 4;

/// Gathers a result, and hands it to the thread that writes it. An error of that thread comes with
/// one of the next writes, or with the flush.
pub struct Out {
    part: Vec<u8>,
    full: Option<SyncSender<Vec<u8>>>,
    written: Receiver<Vec<u8>>,
    /// Parts that are on their way.
    left: usize,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Out {
    /// Writes to stdout.
    pub fn stdout() -> Out {
        let (full, parts) = sync_channel::<Vec<u8>>(PARTS);
        let (done, written) = channel();
        let thread = thread::spawn(move || {
            for part in parts {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&part)?;
                stdout.flush()?;
                drop(stdout);
                // Nobody waits for it once the result was dropped.
                let _ = done.send(part);
            }
            Ok(())
        });
        Out {
            part: Vec::with_capacity(2 * PART_LEN),
            full: Some(full),
            written,
            left: 0,
            thread: Some(thread),
        }
    }

    /// What is gathered now, to put more at its end. [`Self::gathered`] is to be called afterwards.
    pub fn part(&mut self) -> &mut Vec<u8> {
        &mut self.part
    }

    /// Hands over what is gathered, once it is enough.
    pub fn gathered(&mut self) -> io::Result<()> {
        if self.part.len() >= PART_LEN {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let next = match self.written.try_recv() {
            Ok(mut part) => {
                self.left -= 1;
                part.clear();
                part
            }
            Err(_) => Vec::with_capacity(2 * PART_LEN),
        };
        let part = std::mem::replace(&mut self.part, next);
        let sent = self
            .full
            .as_ref()
            .is_some_and(|full| full.send(part).is_ok());
        self.left += 1;
        if sent { Ok(()) } else { Err(self.failure()) }
    }

    /// What went wrong in the thread, which has ended.
    fn failure(&mut self) -> io::Error {
        self.full = None;
        let ended = self.thread.take().map(JoinHandle::join);
        match ended {
            Some(Ok(Err(err))) => err,
            _ => io::ErrorKind::BrokenPipe.into(),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        self.gathered()?;
        Ok(bytes.len())
    }

    /// Returns when everything was written.
    fn flush(&mut self) -> io::Result<()> {
        if !self.part.is_empty() {
            self.hand_over()?;
        }
        while self.left > 0 {
            match self.written.recv() {
                Ok(_) => self.left -= 1,
                Err(_) => return Err(self.failure()),
            }
        }
        Ok(())
    }
}
