//! How the program ends.

use std::io;
use std::process::ExitCode;
use zoovault::durable;
use zoovault::error::{Error, ErrorKind};

/// Exit statuses: a contract, never renumbered. 11 and 12 are kept for repositories with locks or keys: there are none yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    BadArguments = 2,
    Warnings = 3,
    Damaged = 4,
    NotReachable = 5,
    NoRepository = 10,
    TargetExists = 13,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// A wrong argument that only shows when it is used.
#[derive(Debug)]
pub struct BadArgument(pub String);

impl std::fmt::Display for BadArgument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadArgument {}

/// The status that `err` stands for.
pub fn of_error(err: &anyhow::Error) -> Exit {
    if err.chain().any(|cause| cause.is::<BadArgument>()) {
        return Exit::BadArguments;
    }
    match err
        .chain()
        .find_map(|cause| cause.downcast_ref::<Error>())
        .map(Error::kind)
    {
        Some(ErrorKind::BadArgument) => Exit::BadArguments,
        Some(ErrorKind::Damage) => Exit::Damaged,
        Some(ErrorKind::NotReachable) => Exit::NotReachable,
        Some(ErrorKind::TargetExists) => Exit::TargetExists,
        Some(ErrorKind::NoRepository) => Exit::NoRepository,
        Some(ErrorKind::Failed | ErrorKind::SourceChanged) | None => Exit::Failed,
    }
}

/// Whether what failed is writing a report to a pipe that nobody reads any more: `zoovault … | head`.
pub fn is_closed_pipe(err: &anyhow::Error) -> bool {
    err.chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|err| err.kind() == io::ErrorKind::BrokenPipe)
}

/// On a signal, removes what is half made and ends with 128 and its number.
pub fn clean_up_on_signals() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            durable::abandon_all();
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}
