//! Progress: a bar on a terminal, a line a minute elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use zoovault::progress::Progress;

/// How often a line is printed where no bar can be drawn.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Draws what the library tells.
pub struct Bars {
    bar: ProgressBar,
    step: Mutex<Step>,
    done: AtomicU64,
    lines: bool,
}

struct Step {
    what: String,
    total: Option<u64>,
    told: Instant,
}

impl Bars {
    /// Draws on stderr, or nothing at all.
    pub fn new(enabled: bool) -> Bars {
        let is_terminal = io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if enabled && is_terminal {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        }
        let style = ProgressStyle::with_template(
            "{msg:<24} {wide_bar} {bytes:>10} of {total_bytes:<10} {bytes_per_sec:>12}",
        );
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let step = Mutex::new(Step {
            what: String::new(),
            total: None,
            told: Instant::now(),
        });
        Bars {
            bar,
            step,
            done: AtomicU64::new(0),
            lines: enabled && !is_terminal,
        }
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn tell_line(&self) {
        let Ok(mut step) = self.step.try_lock() else {
            return;
        };
        if step.told.elapsed() < LINE_EVERY {
            return;
        }
        step.told = Instant::now();
        let done = self.done.load(Ordering::Relaxed) >> 20;
        let total = step
            .total
            .map(|total| format!(" of {}", total >> 20))
            .unwrap_or_default();
        let _ = writeln!(
            io::stderr().lock(),
            "zoovault: {}: {done}{total} MiB",
            step.what
        );
    }
}

impl Progress for Bars {
    fn start(&self, what: &str, total_bytes: Option<u64>) {
        self.done.store(0, Ordering::Relaxed);
        if let Ok(mut step) = self.step.lock() {
            step.what = what.to_owned();
            step.total = total_bytes;
        }
        self.bar.reset();
        self.bar.set_message(what.to_owned());
        match total_bytes {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
    }

    fn advance(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        self.bar.inc(bytes);
        if self.lines {
            self.tell_line();
        }
    }
}
