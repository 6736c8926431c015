//! How the program ends.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use zoovault::durable;
use zoovault::error::{Error, ErrorKind};

/// Exit statuses: a contract, never renumbered. 11 and 12 are kept for repositories with locks or
/// keys: none yet.
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
    let cause = err.chain().find_map(|cause| cause.downcast_ref::<Error>());
    cause.map_or(Exit::Failed, |cause| of_kind(cause.kind()))
}

/// The status that a failure of this kind stands for.
pub fn of_kind(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::BadArgument => Exit::BadArguments,
        ErrorKind::Damage => Exit::Damaged,
        ErrorKind::NotReachable => Exit::NotReachable,
        ErrorKind::TargetExists => Exit::TargetExists,
        ErrorKind::NoRepository => Exit::NoRepository,
        ErrorKind::Failed | ErrorKind::SourceChanged => Exit::Failed,
    }
}

/// Whether what failed is writing a report to a pipe that nobody reads any more:
/// `zoovault … | head`.
pub fn is_closed_pipe(err: &anyhow::Error) -> bool {
    err.chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|err| err.kind() == io::ErrorKind::BrokenPipe)
}

/// How long what is registered for a signal may take altogether. systemd kills what has not stopped
/// within 90 s.
const LAST_WORDS_MAX: Duration = Duration::from_secs(85);

/// Signals that come so close on each other are one: a terminal and the shell in it both tell that
/// they go.
const ONE_SIGNAL: Duration = Duration::from_secs(1);

/// What is still to be done when a signal comes.
static SIGNAL_HANDLER: Mutex<Option<SignalHandler>> = Mutex::new(None);
/// Whether one has come.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

type SignalHandler = Box<dyn FnOnce(i32) + Send>;

/// On a signal, does what is registered for it, removes what is half made, and ends with 128 and
/// its number. Another signal does not wait for the first.
pub fn clean_up_on_signals() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        let mut signals = signals.forever();
        let Some(signal) = signals.next() else {
            return;
        };
        IS_ENDING.store(true, Ordering::SeqCst);
        if let Some(handler) = take_signal_handler() {
            std::thread::spawn(move || {
                handler(signal);
                end(signal);
            });
            std::thread::spawn(move || {
                std::thread::sleep(LAST_WORDS_MAX);
                end(signal);
            });
            let came = Instant::now();
            while signals.next().is_some() && came.elapsed() < ONE_SIGNAL {}
        }
        end(signal);
    });
    Ok(())
}

fn end(signal: i32) -> ! {
    durable::abandon_all();
    std::process::exit(128 + signal)
}

fn take_signal_handler() -> Option<SignalHandler> {
    SIGNAL_HANDLER
        .lock()
        .ok()
        .and_then(|mut words| words.take())
}

/// Has `handler` called, with its number, when a signal comes, until what is returned is
/// dropped. They are called in a thread of their own while the work still goes on, and have to see
/// to it themselves that they end soon.
pub fn on_signal(handler: impl FnOnce(i32) + Send + 'static) -> OnSignal {
    if let Ok(mut words) = SIGNAL_HANDLER.lock() {
        *words = Some(Box::new(handler));
    }
    OnSignal(())
}

/// That something is registered for a signal.
#[derive(Debug)]
#[must_use = "it holds as long as this is there"]
pub struct OnSignal(());

impl Drop for OnSignal {
    fn drop(&mut self) {
        take_signal_handler();
    }
}

/// Whether a signal has come.
pub fn is_ending() -> bool {
    IS_ENDING.load(Ordering::SeqCst)
}

/// Where a signal has come, does not return: how the program ends is then for the signal to say,
/// and not for what became of the work in the meantime.
pub fn yield_to_signal() {
    while is_ending() {
        std::thread::park();
    }
}

/// How long a round may take to end once it is to end. What is behind it, hooks say, has the rest
/// of [`LAST_WORDS_MAX`].
const ROUND_MAX: Duration = Duration::from_secs(40);

/// For work in rounds: a signal ends it behind the round that is going on, and that is as it should
/// be.
pub struct Stop {
    state: Arc<(Mutex<Stopping>, Condvar)>,
    _registered: OnSignal,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Default)]
struct Stopping {
    is_wanted: bool,
    stage: Stage,
}

/// Where the work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// In a round, or between two.
    #[default]
    Rounds,
    /// Behind the last round.
    Closing,
    /// At its end: a status, unless it failed by itself.
    Ended(Option<Exit>),
}

impl Stop {
    /// Waits for signals. Where the round that is going on takes too long, `too_long` is called
    /// with the signal's number, while the round goes on.
    pub fn on_signals(too_long: impl FnOnce(i32) + Send + 'static) -> Stop {
        let state: Arc<(Mutex<Stopping>, Condvar)> = Arc::default();
        let theirs = Arc::clone(&state);
        let registered = on_signal(move |signal| {
            let (stopping, changed) = &*theirs;
            let Ok(mut stopping) = stopping.lock() else {
                return;
            };
            stopping.is_wanted = true;
            changed.notify_all();
            let in_rounds = |state: &mut Stopping| state.stage == Stage::Rounds;
            let Ok((stopping, waited)) = changed.wait_timeout_while(stopping, ROUND_MAX, in_rounds)
            else {
                return;
            };
            if waited.timed_out() {
                drop(stopping);
                return too_long(signal);
            }
            let is_closing = |state: &mut Stopping| state.stage == Stage::Closing;
            if let Ok(stopping) = changed.wait_while(stopping, is_closing)
                && let Stage::Ended(Some(exit)) = stopping.stage
            {
                std::process::exit(i32::from(exit as u8));
            }
        });
        Stop {
            state,
            _registered: registered,
        }
    }

    /// Waits so long; whether the work is to end. Then [`Stop::end`] has to be called.
    pub fn comes_within(&self, time: Duration) -> bool {
        let (stopping, changed) = &*self.state;
        let Ok(stopping) = stopping.lock() else {
            return true;
        };
        let waited = changed.wait_timeout_while(stopping, time, |state| !state.is_wanted);
        let Ok((mut stopping, _)) = waited else {
            return true;
        };
        if stopping.is_wanted {
            stopping.stage = Stage::Closing;
            changed.notify_all();
        }
        stopping.is_wanted
    }

    /// Ends the program so, where a signal has come.
    pub fn end(&self, exit: Exit) {
        self.reach(Stage::Ended(Some(exit)));
    }

    fn reach(&self, stage: Stage) {
        let (stopping, changed) = &*self.state;
        if let Ok(mut stopping) = stopping.lock() {
            stopping.stage = stage;
            changed.notify_all();
        }
    }
}

impl Drop for Stop {
    /// Work that failed by itself keeps no signal waiting.
    fn drop(&mut self) {
        let (stopping, _) = &*self.state;
        let is_ended = stopping
            .lock()
            .is_ok_and(|stopping| matches!(stopping.stage, Stage::Ended(_)));
        if !is_ended {
            self.reach(Stage::Ended(None));
        }
    }
}
