//! `backup`: ships what the repository does not hold yet.

use crate::cli::args::options;
use crate::cli::exit::{self, BadArgument, Exit};
use crate::cli::jobs::config::Config;
use crate::cli::jobs::{self, Gauge, JobArgs, Outcome, Rounds};
use crate::cli::json;
use crate::cli::repo_args::{self, RepoArg, now_ms};
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::text;
use clap::Args;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zoovault::backup::run::{Backup, BaseEvery, Options, backup};
use zoovault::durable::resolved;
use zoovault::error::Error;
use zoovault::format::datadir::VERSION_DIR;
use zoovault::history::source::{self, Source};
use zoovault::repository::Repository;

/// When a new base is due, unless it is said.
const BASE_EVERY: &str = "7d,1GiB";
/// How many seconds lie between two looks, unless it is said.
const FOLLOW_EVERY: u64 = 10;
/// How often a backup that follows its sources commits though nothing is new: that they were seen
/// is worth knowing.
const IDLE_COMMIT_EVERY: Duration = Duration::from_secs(3600);

/// Back up data directories into a repository: only what is new, and verified.
///
/// Safe while the server is running. Only complete records that the repository does not have yet
/// are stored, each with its checksum verified, plus a base (a snapshot) when one is needed.
/// Several members of one ensemble form one history in the repository and fill each other's gaps.
/// Any number of backups can run at the same time; one that is killed has stored either nothing or
/// everything. A repository is for one ensemble: another ensemble, or the same one rebuilt or
/// restored, becomes a separate history in it, and each such change is reported.
///
/// It prints and records the backup's window: the range of zxids in which every point can be
/// restored from it.
///
/// Status 3: no window, a gap, a stale source, or a different history from the last backup's.
/// Status 4: new records of the source, a snapshot needed as a base, or objects in the repository
/// are damaged; what is sound was backed up, and lost objects were stored again. What was backed up
/// earlier is not read again: use verify and check for that. A source that cannot be read at all is
/// a failure, but the other sources are still backed up.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// Data directories (or their version-2, a zoo.cfg, or a tar or zip): members of one ensemble
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    #[command(flatten)]
    pub repo: RepoArg,
    /// A source's dataLogDir, if it is not the dataDir; once per SOURCE, in the same order
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Vec<PathBuf>,
    /// Store a new base this long after the last one, or once this many bytes of logs follow it; or
    /// both, separated by a comma [default: 7d,1GiB]
    #[arg(long, value_name = "TIME|BYTES", allow_hyphen_values = true)]
    pub base_every: Option<String>,
    /// Keep running; check every SECONDS (without a number, as configured, or 10), and store what
    /// is new. SIGTERM or SIGINT ends it after the current round, with status 0. Metrics and pings
    /// report each round; hooks run once: before the first round, and after the last, according to
    /// how that ended. If the first round fails, the command ends
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub follow: Option<Option<u64>>,
    #[command(flatten)]
    pub job: JobArgs,
}

/// What is to be done, with what the configuration says.
struct Plan {
    place: PathBuf,
    sources: Vec<(PathBuf, source::Options)>,
    base_every: BaseEvery,
}

impl Plan {
    fn new(args: &BackupArgs, config: &Config) -> anyhow::Result<Plan> {
        let (sources, log_dirs) = match args.sources.is_empty() {
            false => (args.sources.clone(), args.data_log_dir.clone()),
            true => {
                let log_dirs = match args.data_log_dir.is_empty() {
                    true => config.data_log_dir.iter().cloned().collect(),
                    false => args.data_log_dir.clone(),
                };
                (config.sources.clone().unwrap_or_default(), log_dirs)
            }
        };
        if sources.is_empty() {
            let message = "no source given; name a data directory";
            return Err(BadArgument(message.to_owned()).into());
        }
        if !log_dirs.is_empty() && log_dirs.len() != sources.len() {
            let message = "give --data-log-dir once for each SOURCE, or not at all";
            return Err(BadArgument(message.to_owned()).into());
        }
        let every = args.base_every.as_ref().or(config.base_every.as_ref());
        let options = |index: usize| options(log_dirs.get(index));
        Ok(Plan {
            place: args.repo.place(config)?,
            base_every: base_every(every.map_or(BASE_EVERY, String::as_str))?,
            sources: sources
                .into_iter()
                .enumerate()
                .map(|(index, path)| (path, options(index)))
                .collect(),
        })
    }
}

pub fn run(args: &BackupArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let config = Config::load(&args.job.config)?;
    let plan = Plan::new(args, &config)?;
    let label = text::path(&plan.place);
    if let Some(seconds) = args.follow {
        let configured = config.follow.map_or(FOLLOW_EVERY, NonZeroU64::get);
        let every = Duration::from_secs(seconds.unwrap_or(configured));
        let rounds = Rounds::begin("backup", &label, &args.job, &config)?;
        return follow(&plan, rounds, every, ui);
    }
    jobs::around("backup", &label, &args.job, &config, ui, || {
        let done = once(&plan, true, ui)?;
        done.show(done.exit() != Exit::Done, ui)?;
        Ok(done.outcome())
    })
}

/// Backs up all sources, that which is ahead first. One that cannot be backed up, say that of a
/// member that is down, keeps none of the others from it; it is an error when none can.
fn once(plan: &Plan, even_if_idle: bool, ui: &Ui) -> anyhow::Result<Done> {
    let repository = repo_args::open(&plan.place)?;
    let host = nix::unistd::gethostname()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let back_up = |path: &Path, source_options: &source::Options| {
        let options = Options {
            host: host.clone(),
            tool: concat!("zoovault ", env!("CARGO_PKG_VERSION")).to_owned(),
            base_every: plan.base_every,
            even_if_idle,
            now_ms: now_ms(),
            scratch_dir: Some(std::env::temp_dir()),
        };
        Source::with(path, source_options, |source| {
            source.ensure_outside(repository.shown())?;
            let mut done = backup(source, &repository, &options, ui.progress())?;
            done.warnings.extend(lies_inside(&repository, source));
            Ok(done)
        })
    };
    let (mut backups, mut failures) = (Vec::new(), Vec::new());
    for (path, source_options) in in_order(plan) {
        match back_up(path, source_options) {
            Ok(done) => backups.push((path.to_owned(), done)),
            Err(err) => failures.push(not_backed_up(path, err)),
        }
    }
    if backups.is_empty() && !failures.is_empty() {
        let err = failures.swap_remove(0);
        return match failures.len() {
            0 => Err(err),
            others => Err(err.context(format!("none of {} sources was backed up", others + 1))),
        };
    }
    Ok(Done {
        repository: text::path(repository.shown()),
        backups,
        failures,
    })
}

/// What is to be said where the repository lies in a dataDir. Its server does not mind, but what
/// becomes of the one becomes of the other.
fn lies_inside(repository: &Repository, source: &Source) -> Option<String> {
    let place = resolved(repository.storage().root()?);
    let mut data_dirs = source.dirs().iter().map(|dir| {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
        match dir.parent() {
            Some(data_dir) if dir.ends_with(VERSION_DIR) => resolved(data_dir),
            Some(_) | None => resolved(&dir),
        }
    });
    let data_dir = data_dirs.find(|dir| place.starts_with(dir))?;
    Some(format!(
        "the repository is inside {}, which it backs up: moving or deleting that directory loses both; move the repository elsewhere, preferably to another disk",
        data_dir.display()
    ))
}

/// Why a source was not backed up. An error in one of its files names the source by itself.
fn not_backed_up(path: &Path, err: Error) -> anyhow::Error {
    let is_named = err.path().is_some_and(|named| named.starts_with(path));
    let context = match is_named {
        true => "cannot back up".to_owned(),
        false => format!("cannot back up {}", text::path(path)),
    };
    anyhow::Error::new(err).context(context)
}

/// The sources, that with the newest log first: where one of them holds an uncommitted tail, the
/// others have gone on to a new log. Those that cannot be opened come last.
fn in_order(plan: &Plan) -> Vec<(&Path, &source::Options)> {
    let mut places = Vec::new();
    for (path, options) in &plan.sources {
        let source = Source::open(path, options).ok();
        let newest = source.map(|source| {
            let last = source.logs().last();
            last.map(|log| (log.zxid(), log.modified()))
        });
        places.push((newest, path.as_path(), options));
    }
    places.sort_by_key(|(newest, ..)| std::cmp::Reverse(*newest));
    let places = places.into_iter();
    places.map(|(_, path, options)| (path, options)).collect()
}

/// Backs up again and again, until a signal comes.
fn follow(plan: &Plan, mut rounds: Rounds, every: Duration, ui: &Ui) -> anyhow::Result<Exit> {
    let stop = exit::Stop::on_signals(rounds.signal_handler());
    let done = until_stopped(plan, &mut rounds, &stop, every, ui);
    let hook_failed = rounds.end();
    done?;
    let exit = match &hook_failed {
        None => Exit::Done,
        Some(err) => {
            ui.error(err, Exit::Failed);
            Exit::Failed
        }
    };
    stop.end(exit);
    Ok(exit)
}

/// The rounds. What goes wrong in one is told, and the next one tries again; only the first has to
/// go well.
fn until_stopped(
    plan: &Plan,
    rounds: &mut Rounds,
    stop: &exit::Stop,
    every: Duration,
    ui: &Ui,
) -> anyhow::Result<()> {
    let mut committed: Option<Instant> = None;
    let mut told: Option<String> = None;
    loop {
        let started = Instant::now();
        let is_due = committed.is_none_or(|at| at.elapsed() >= IDLE_COMMIT_EVERY);
        let done = once(plan, is_due, ui);
        let line = match &done {
            Ok(done) => done.warnings(),
            Err(err) => format!("{err:#}"),
        };
        let is_new = told.as_ref() != Some(&line);
        let mut is_last = told.is_none() && done.is_err();
        let outcome = done.and_then(|done| {
            let has_committed = done.has_committed();
            if has_committed {
                committed = Some(started);
            }
            if has_committed || is_new {
                let shown = done.show(done.exit() != Exit::Done && is_new, ui);
                // Nobody is told any more.
                shown.inspect_err(|_| is_last = true)?;
            }
            Ok(done.outcome())
        });
        rounds.tell(&outcome, started.elapsed());
        match outcome {
            Err(err) if is_last => return Err(err),
            Err(err) if is_new => ui.error(&err, exit::of_error(&err)),
            Ok(_) | Err(_) => {}
        }
        told = Some(line);
        if stop.comes_within(every.saturating_sub(started.elapsed())) {
            return Ok(());
        }
    }
}

/// Reads when a new base is due.
fn base_every(text: &str) -> anyhow::Result<BaseEvery> {
    let mut every = BaseEvery::default();
    for part in text.split(',') {
        if let Some(bytes) = text::parse_size(part) {
            every.log_bytes = Some(bytes);
        } else {
            every.age_ms = Some(text::length_ms(part)?);
        }
    }
    Ok(every)
}

/// What was done.
struct Done {
    repository: String,
    backups: Vec<(PathBuf, Backup)>,
    /// Why others could not be backed up.
    failures: Vec<anyhow::Error>,
}

impl Done {
    /// Shows it, and says on stderr what could not be backed up.
    fn show(&self, matters: bool, ui: &Ui) -> anyhow::Result<()> {
        ui.show(self, matters)?;
        if matters {
            for failure in &self.failures {
                ui.error(failure, exit::of_error(failure));
            }
        }
        Ok(())
    }

    /// Whether there is a new backup.
    fn has_committed(&self) -> bool {
        self.backups.iter().any(|(_, backup)| backup.name.is_some())
    }

    /// What went wrong and what was warned of.
    fn warnings(&self) -> String {
        let failures = self.failures.iter().map(|err| format!("{err:#}"));
        let warnings = self.backups.iter().flat_map(|(_, backup)| &backup.warnings);
        let told: Vec<String> = failures.chain(warnings.cloned()).collect();
        told.join("; ")
    }

    /// For those who watch the job.
    fn outcome(&self) -> Outcome {
        let txns: u64 = self.sum(|backup| backup.manifest.added_txns);
        let bytes = self.sum(|backup| backup.manifest.added_bytes);
        let mut line = format!(
            "{} new, {} stored",
            text::plural(txns, "txn"),
            text::size(bytes)
        );
        let warnings = self.warnings();
        if !warnings.is_empty() {
            line = format!("{line}; warning: {warnings}");
        }
        Outcome {
            exit: self.exit(),
            line,
            gauges: self.gauges(),
        }
    }

    fn sum(&self, of: fn(&Backup) -> u64) -> u64 {
        self.backups.iter().map(|(_, backup)| of(backup)).sum()
    }

    fn gauges(&self) -> Vec<Gauge> {
        let mut gauges = Vec::new();
        for (path, backup) in &self.backups {
            let manifest = &backup.manifest;
            let window = manifest.newest_window();
            let seconds = |ms: i64| ms as f64 / 1000.0;
            let from = window.and_then(|window| window.from_time_ms).map(seconds);
            let to = window.and_then(|window| window.to_time_ms).map(seconds);
            let told = [
                (
                    "zoovault_backup_window_from_timestamp_seconds",
                    "The time of the first transaction that can be restored from the newest backup alone.",
                    from,
                ),
                (
                    "zoovault_backup_window_to_timestamp_seconds",
                    "The time of the last transaction that can be restored from the newest backup alone.",
                    to,
                ),
                (
                    "zoovault_backup_added_txns",
                    "How many transactions the newest backup added.",
                    Some(manifest.added_txns as f64),
                ),
                (
                    "zoovault_backup_added_bytes",
                    "How many bytes the newest backup stored.",
                    Some(manifest.added_bytes as f64),
                ),
                (
                    "zoovault_backup_stored_bytes",
                    "Total bytes of the objects that the newest backup lists.",
                    Some(backup.stored_bytes as f64),
                ),
            ];
            gauges.extend(told.into_iter().filter_map(|(name, help, value)| {
                Some(Gauge {
                    name,
                    help,
                    value: value?,
                    labels: vec![("source", text::path(path))],
                })
            }));
        }
        gauges
    }

    fn exit(&self) -> Exit {
        let any = |is: fn(&Backup) -> bool| self.backups.iter().any(|(_, backup)| is(backup));
        if let Some(err) = self.failures.first() {
            exit::of_error(err)
        } else if any(|backup| backup.is_damaged) {
            Exit::Damaged
        } else if any(|backup| !backup.warnings.is_empty()) {
            Exit::Warnings
        } else {
            Exit::Done
        }
    }
}

impl Render for Done {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        for (path, backup) in &self.backups {
            let manifest = &backup.manifest;
            let id = backup
                .name
                .as_ref()
                .map_or("no backup", |name| name.id.as_str());
            let added = match (&backup.name, manifest.added_txns, manifest.added_bytes) {
                (None, ..) => "nothing was stored".to_owned(),
                (Some(_), 0, 0) => "nothing new".to_owned(),
                (Some(_), txns, bytes) => {
                    format!(
                        "{} new, {} stored",
                        text::plural(txns, "txn"),
                        text::size(bytes)
                    )
                }
            };
            writeln!(
                out,
                "{}  {}: {added}",
                look.paint("1", id),
                text::path(path)
            )?;
            let window = manifest.newest_window().map(|window| {
                let at = |time: Option<i64>| {
                    time.map_or(String::new(), |time| format!(" ({})", text::time(time)))
                };
                format!(
                    "{}{} to {}{}",
                    window.from_zxid,
                    at(window.from_time_ms),
                    window.to_zxid,
                    at(window.to_time_ms)
                )
            });
            let window = window.unwrap_or_else(|| look.paint("31", "none"));
            writeln!(out, "  window   {window}")?;
            if let Some(first) = manifest.may_begin_at() {
                writeln!(
                    out,
                    "           may begin earlier: 'zoovault verify' replays the logs from {first} on and may prove more"
                )?;
            }
            for warning in &backup.warnings {
                let warning = text::escape(warning);
                writeln!(out, "  {}  {warning}", look.paint("33", "warning"))?;
            }
            if look.verbose {
                for note in &backup.notes {
                    writeln!(out, "  note     {}", text::escape(note))?;
                }
            }
        }
        Ok(())
    }

    fn json(&self) -> json::Result {
        let backups = self.backups.iter().map(|(path, backup)| {
            let manifest = &backup.manifest;
            json::Backed {
                source: text::path(path),
                backup: backup.name.as_ref().map(|name| name.id.clone()),
                object: backup.name.as_ref().map(|name| name.object()),
                lineage: manifest.lineage.clone(),
                created_ms: manifest.created_ms,
                last_zxid: manifest.last.as_ref().map(|mark| mark.zxid.to_string()),
                last_time_ms: manifest.last.as_ref().map(|mark| mark.time_ms),
                window: manifest.newest_window().map(Into::into),
                windows: manifest.windows.iter().map(Into::into).collect(),
                added_txns: manifest.added_txns,
                added_bytes: manifest.added_bytes,
                stored_bytes: backup.stored_bytes,
                is_damaged: backup.is_damaged,
                warnings: backup.warnings.clone(),
                notes: backup.notes.clone(),
            }
        });
        json::value(&json::Backup {
            repository: self.repository.clone(),
            exit_status: self.exit() as u8,
            backups: backups.collect::<Vec<_>>(),
            failures: self
                .failures
                .iter()
                .map(|err| format!("{err:#}"))
                .collect::<Vec<_>>(),
        })
    }
}
