//! What surrounds a command that cron or systemd starts: configuration, hooks, metrics, pings.
//!
//! The order is: start ping; hook `before`; the work; metrics; hook `after` or `failed`; hook
//! `finally`; end ping. Metrics are written before the hooks, so that a hook can send them on and
//! one that hangs does not keep them back, and once more if a hook changed how the job ended.
//! Nothing that only watches changes the result: metrics and pings that fail are warnings. A signal
//! in the middle is a failure like others, and is told like others, in less time.

pub mod config;
mod hooks;
mod metrics;
mod ping;

pub use metrics::Gauge;

use crate::cli::exit::{self, Exit};
use crate::cli::ui::{self, Ui};
use anyhow::anyhow;
use clap::Args;
use config::{Config, ConfigArgs, OnFailure};
use hooks::{Moment, Runner, Told};
use metrics::{Ended, Metrics, is_success};
use nix::sys::signal::Signal;
use ping::{Effort, Ping, Pinger};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

/// How long each hook may take once a signal has come.
const HOOK_TIMEOUT_ON_SIGNAL: Duration = Duration::from_secs(20);
/// How hard a ping is tried then.
const EFFORT_ON_SIGNAL: Effort = Effort {
    timeout: Duration::from_secs(3),
    attempts: 1,
};
/// How often the rounds of a job that never ends are told by a ping, as long as they end alike.
const PING_EVERY: Duration = Duration::from_secs(60);
/// The status of a program that panicked.
const PANICKED: i32 = 101;

/// How a job is watched.
#[derive(Args, Clone, Debug, Default)]
pub struct JobArgs {
    /// Write the result of the job and when it ended to FILE, as Prometheus metrics for the
    /// textfile collector of node_exporter, which reads only names that end in .prom. Several jobs
    /// can share FILE
    #[arg(
        long,
        value_name = "FILE",
        env = "ZOOVAULT_METRICS_FILE",
        help_heading = "Monitoring"
    )]
    pub metrics_file: Option<PathBuf>,
    /// Ping a monitoring service such as healthchecks.io: URL/start when the job starts, then URL
    /// if it ends with status 0, or URL/fail if not. With an empty URL, nothing is pinged
    #[arg(
        long,
        value_name = "URL",
        env = "ZOOVAULT_PING_URL",
        hide_env_values = true,
        help_heading = "Monitoring"
    )]
    pub ping_url: Option<String>,
    /// Read the URL to ping from the first line of FILE
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "ping_url",
        help_heading = "Monitoring"
    )]
    pub ping_url_file: Option<PathBuf>,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// What came of the work.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub exit: Exit,
    /// The result in a line, for a monitor.
    pub line: String,
    pub gauges: Vec<Gauge>,
}

/// Does the `work` of the command `name` on a `repository`, with all that surrounds it. The result
/// is the work's own, unless a hook failed that must not. `work` is not done when the hook `before`
/// failed.
pub fn around(
    name: &'static str,
    repository: &str,
    args: &JobArgs,
    config: &Config,
    ui: &Ui,
    work: impl FnOnce() -> anyhow::Result<Outcome>,
) -> anyhow::Result<Exit> {
    let job = Arc::new(Job::new(name, repository, args, config)?);
    let on_end = Arc::clone(&job);
    let started = Instant::now();
    let _registered = job
        .has_signal_handler()
        .then(|| exit::on_signal(move |signal| on_end.end_by_signal(started, signal)));
    let pinger = job.pinger.clone();
    // The work does not wait for a monitor that does not answer.
    let told =
        pinger.map(|pinger| std::thread::spawn(move || pinger.ping(Ping::Start, Effort::USUAL)));
    let done = match job.hook(Moment::Before, None) {
        // What has to be done at the end has to be done after a panic too.
        Ok(()) => catch_unwind(AssertUnwindSafe(work)),
        Err(err) => Ok(Err(err)),
    };
    ui.finish();
    let mut end = match &done {
        Ok(result) => End::of(result, started.elapsed()),
        Err(_) => End::bad(PANICKED, "panicked".to_owned(), started.elapsed()),
    };
    let hook_failed = job.close(&mut end);
    // A ping that comes late must not undo the other.
    if let Some(told) = told
        && let Ok(Err(warning)) = told.join()
    {
        ui.warn(&warning);
    }
    job.ping_end(&end, Effort::USUAL);
    job.reach(|_| {});
    match (done, hook_failed) {
        (Err(panic), _) => resume_unwind(panic),
        (Ok(Err(err)), _) | (Ok(Ok(_)), Some(err)) => Err(err),
        (Ok(Ok(outcome)), None) => Ok(outcome.exit),
    }
}

/// The rounds of a job that goes on until it is stopped, such as a backup that follows its source.
/// Each is told to those who watch; hooks run around all of them: `before` the first, the others
/// behind the last, by how that ended.
pub struct Rounds {
    job: Arc<Job>,
    started: Instant,
    /// When a ping was sent, and what it said.
    pinged: Option<(Instant, i32)>,
    /// How the last round ended, until the hooks behind it have run.
    last: Option<End>,
}

impl Rounds {
    /// Runs the hook `before`. Its failure is told like that of a round.
    pub fn begin(
        name: &'static str,
        repository: &str,
        args: &JobArgs,
        config: &Config,
    ) -> anyhow::Result<Rounds> {
        let mut rounds = Rounds {
            job: Arc::new(Job::new(name, repository, args, config)?),
            started: Instant::now(),
            pinged: None,
            last: None,
        };
        let begun = {
            let _registered = exit::on_signal(rounds.signal_handler());
            rounds.job.hook(Moment::Before, None)
        };
        if let Err(err) = begun {
            let failed = Err(err);
            rounds.tell(&failed, rounds.started.elapsed());
            rounds.end();
            failed?;
        }
        Ok(rounds)
    }

    /// What is to be done when a signal does not wait for the end of a round.
    pub fn signal_handler(&self) -> impl FnOnce(i32) + Send + 'static {
        let (job, started) = (Arc::clone(&self.job), self.started);
        move |signal| job.end_by_signal(started, signal)
    }

    /// Tells how a round ended that took so long. A monitor hears of it once a minute, and at once
    /// when it ended in another way than the last.
    pub fn tell(&mut self, result: &anyhow::Result<Outcome>, duration: Duration) {
        self.tell_end(End::of(result, duration));
    }

    fn tell_end(&mut self, end: End) {
        self.job.reach(|_| {});
        self.job.record(&end);
        let is_told = self
            .pinged
            .is_some_and(|(when, status)| status == end.status && when.elapsed() < PING_EVERY);
        if !is_told {
            self.job.ping_end(&end, Effort::USUAL);
            self.pinged = Some((Instant::now(), end.status));
        }
        self.last = Some(end);
    }

    /// Runs the hooks behind the last round. What is returned is a hook's failure that made a good
    /// end a bad one.
    pub fn end(&mut self) -> Option<anyhow::Error> {
        let mut end = self.last.take()?;
        let failed = self.job.hooks_behind(&mut end);
        if failed.is_some() {
            self.tell_end(end);
        }
        failed
    }
}

impl Drop for Rounds {
    /// What has to be done at the end has to be done after a panic too.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let end = End::bad(PANICKED, "panicked".to_owned(), self.started.elapsed());
            self.tell_end(end);
            self.end();
        }
    }
}

/// What surrounds one job.
struct Job {
    hooks: Runner,
    metrics: Option<Metrics>,
    pinger: Option<Pinger>,
    reached: Mutex<Reached>,
}

/// How far it has come. A signal is told of in another thread, while the work goes on: nothing may
/// happen twice.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    signal: bool,
    failed: bool,
    finally: bool,
}

/// How it ended.
#[derive(Clone, Debug)]
struct End {
    status: i32,
    line: String,
    gauges: Vec<Gauge>,
    duration: Duration,
}

impl End {
    fn of(result: &anyhow::Result<Outcome>, duration: Duration) -> End {
        match result {
            Ok(outcome) => End {
                status: i32::from(outcome.exit as u8),
                line: outcome.line.clone(),
                gauges: outcome.gauges.clone(),
                duration,
            },
            // Nobody reads the report any more, which is no failure.
            Err(err) if exit::is_closed_pipe(err) => {
                End::bad(i32::from(Exit::Done as u8), String::new(), duration)
            }
            Err(err) => {
                let status = i32::from(exit::of_error(err) as u8);
                End::bad(status, format!("{err:#}"), duration)
            }
        }
    }

    fn bad(status: i32, line: String, duration: Duration) -> End {
        End {
            status,
            line,
            gauges: Vec::new(),
            duration,
        }
    }

    fn is_success(&self) -> bool {
        is_success(self.status)
    }
}

impl Job {
    fn new(
        name: &'static str,
        repository: &str,
        args: &JobArgs,
        config: &Config,
    ) -> anyhow::Result<Job> {
        let file = args.metrics_file.as_ref().or(config.metrics_file.as_ref());
        let profile = config.profile.as_deref();
        Ok(Job {
            hooks: Runner::new(&config.hooks, name, profile, repository),
            metrics: file.map(|file| Metrics {
                file: file.clone(),
                job: name,
                repository: without_password(repository),
            }),
            pinger: pinger(args, config)?,
            reached: Mutex::default(),
        })
    }

    fn has_signal_handler(&self) -> bool {
        self.metrics.is_some() || self.pinger.is_some() || !self.hooks.hooks().is_empty()
    }

    /// Goes a step further; does not return when a signal has come.
    fn reach(&self, step: impl FnOnce(&mut Reached)) {
        if let Ok(mut reached) = self.reached.lock()
            && !reached.signal
        {
            step(&mut reached);
            return;
        }
        exit::yield_to_signal();
    }

    /// Runs a hook. Its failure is an error only where it is to be one.
    fn hook(&self, moment: Moment, end: Option<&End>) -> anyhow::Result<()> {
        self.reach(|reached| match moment {
            Moment::Before | Moment::After => {}
            Moment::Failed => reached.failed = true,
            Moment::Finally => reached.finally = true,
        });
        let limit = exit::is_ending().then_some(HOOK_TIMEOUT_ON_SIGNAL);
        let ran = self.hooks.run(moment, end.map(End::told), limit);
        // It may be the signal that ended it.
        self.reach(|_| {});
        match (ran, self.hooks.hooks().on_failure()) {
            (Ok(()), _) | (Err(_), OnFailure::Ignore) => Ok(()),
            (Err(why), OnFailure::Error) => Err(anyhow!(why)),
            (Err(why), OnFailure::Warn) => {
                ui::warn(&why);
                Ok(())
            }
        }
    }

    /// Records the end and runs the hooks behind it. What is returned is a hook's failure that made
    /// a good end a bad one.
    fn close(&self, end: &mut End) -> Option<anyhow::Error> {
        self.reach(|_| {});
        self.record(end);
        let failed = self.hooks_behind(end);
        if failed.is_some() {
            self.record(end);
        }
        failed
    }

    /// Runs the hooks behind the work. What is returned is a hook's failure that made a good end a
    /// bad one, which `end` is then.
    fn hooks_behind(&self, end: &mut End) -> Option<anyhow::Error> {
        let mut first = None;
        for moment in [Moment::After, Moment::Failed, Moment::Finally] {
            let is_due = match moment {
                Moment::Before => false,
                Moment::After => end.is_success(),
                Moment::Failed => !end.is_success(),
                Moment::Finally => true,
            };
            let Some(err) = is_due.then(|| self.hook(moment, Some(end)).err()).flatten() else {
                continue;
            };
            if end.is_success() {
                end.status = i32::from(Exit::Failed as u8);
                end.line = err.to_string();
                first = Some(err);
            } else {
                // What failed first is what is told as the reason.
                ui::warn(&err.to_string());
            }
        }
        first
    }

    fn record(&self, end: &End) {
        let Some(metrics) = &self.metrics else {
            return;
        };
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let ended = Ended {
            status: end.status,
            at: since_1970.unwrap_or_default().as_secs_f64(),
            duration: end.duration,
            gauges: &end.gauges,
        };
        if let Err(warning) = metrics.write(&ended) {
            ui::warn(&warning);
        }
    }

    fn ping_end(&self, end: &End, effort: Effort) {
        let Some(pinger) = &self.pinger else {
            return;
        };
        if let Err(warning) = pinger.ping(Ping::End(end.status, &end.line), effort) {
            ui::warn(&warning);
        }
    }

    /// All that is still to be told and done when a signal has come; what takes no time first.
    fn end_by_signal(&self, started: Instant, signal: i32) {
        let reached = match self.reached.lock() {
            Ok(mut reached) => {
                reached.signal = true;
                *reached
            }
            Err(_) => return,
        };
        let name = Signal::try_from(signal).map_or("?", Signal::as_str);
        let line = format!("ended by signal {signal} ({name})");
        let end = End::bad(128 + signal, line, started.elapsed());
        self.record(&end);
        self.ping_end(&end, EFFORT_ON_SIGNAL);
        self.hooks.end_running();
        for (moment, has_begun) in [
            (Moment::Failed, reached.failed),
            (Moment::Finally, reached.finally),
        ] {
            if has_begun {
                continue;
            }
            let limit = Some(HOOK_TIMEOUT_ON_SIGNAL);
            if let Err(why) = self.hooks.run(moment, Some(end.told()), limit)
                && self.hooks.hooks().on_failure() != OnFailure::Ignore
            {
                ui::warn(&why);
            }
        }
    }
}

impl End {
    fn told(&self) -> Told<'_> {
        Told {
            status: self.status,
            error: (!self.is_success()).then_some(self.line.as_str()),
        }
    }
}

/// Whom to ping, if anybody. An address that is none is a wrong argument; a file that cannot be
/// read is only told, since it may be gone any day, and a backup is worth more than its monitor.
fn pinger(args: &JobArgs, config: &Config) -> anyhow::Result<Option<Pinger>> {
    let from_file = |file: &Path| match fs::read_to_string(file) {
        Ok(text) => Some(text.lines().next().unwrap_or_default().to_owned()),
        Err(err) => {
            ui::warn(&format!(
                "ping skipped: cannot read {}: {err}",
                file.display()
            ));
            None
        }
    };
    let url = match (&args.ping_url, &args.ping_url_file) {
        (Some(url), _) => Some(url.clone()),
        (None, Some(file)) => from_file(file),
        (None, None) => match (&config.ping_url, &config.ping_url_file) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(file)) => from_file(file),
            (None, None) => None,
        },
    };
    url.filter(|url| !url.trim().is_empty())
        .map(|url| Pinger::new(&url))
        .transpose()
}

/// A repository's name for a file that everybody may read.
fn without_password(repository: &str) -> String {
    let Some((scheme, rest)) = repository.split_once("://") else {
        return repository.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}{path}")
        }
        None => repository.to_owned(),
    }
}

#[cfg(test)]
mod tests;
