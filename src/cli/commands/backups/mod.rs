//! `backups`: what a repository holds, and whether that is fresh.

mod list;
mod nagios;

use crate::cli::args::options;
use crate::cli::exit::Exit;
use crate::cli::jobs::config::{Config, ConfigArgs};
use crate::cli::repo_args::{self, RepoArg, now_ms};
use crate::cli::ui::Ui;
use crate::cli::views::text;
use anyhow::Context;
use clap::Args;
use list::List;
pub use nagios::{bad_arguments, run as monitor};
use zoovault::backup::check::{Age, Overview, overview};

const EXAMPLES: &str = "\
Examples:
  zoovault backups --repo /backup
  zoovault backups --repo /backup --last 20
  zoovault backups --repo /backup --max-age 25h -q             for cron: prints only when something is wrong
  zoovault backups --repo /backup --nagios --warn-age 2h --max-age 6h

Exit status:
  0   done; with --max-age, the newest backup is recent enough
  3   with --max-age: it is older, or there is none that can be restored to its last transaction
  4   a backup is damaged, and shown as such
  10  no repository there
With --nagios the statuses are those of monitoring plugins instead, which differ from those of all other commands:
  0   OK
  1   WARNING: older than --warn-age, or newer backups cannot be restored to their last transaction
  2   CRITICAL: older than --max-age, or no backup can be restored to its last transaction, or one is damaged, or the repository
      cannot be read: what cannot be read cannot be restored
  3   UNKNOWN: bad arguments";

/// List backups: what they contain, what can be restored, and how old the newest is.
///
/// Lineages are histories: all members of an ensemble feed one; a history that diverged begins
/// another. The newest comes first. For each backup: its id, when it was made (by the clock of the
/// host that made it), its window (the newest points that it can restore on its own, with the time
/// of the last), how many transactions and bytes it added, how many bytes of objects it lists, what
/// was backed up, and remarks.
///
/// The age is that of the newest backup that can be restored to its last transaction: one without a
/// window does not count.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct BackupsArgs {
    #[command(flatten)]
    pub repo: RepoArg,
    /// List only the newest NUMBER backups
    #[arg(long, value_name = "NUMBER")]
    pub last: Option<usize>,
    /// List only this lineage, given by the beginning of its id
    #[arg(long, value_name = "ID")]
    pub lineage: Option<String>,
    /// End with status 3 if the newest backup is older than this: 25h, 90m, 2d
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub max_age: Option<String>,
    /// With --nagios: warn if the newest backup is older than this
    #[arg(
        long,
        value_name = "DURATION",
        requires = "nagios",
        allow_hyphen_values = true
    )]
    pub warn_age: Option<String>,
    /// Print one line for monitoring, with the exit statuses of monitoring plugins (see below)
    #[arg(long, conflicts_with_all = ["last", "lineage", "json"])]
    pub nagios: bool,
    #[command(flatten)]
    pub config: ConfigArgs,
}

pub fn run(args: &BackupsArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config)?;
    let place = args.repo.place(&config)?;
    let max_age = max_age_ms(args, &config)?;
    let repository = repo_args::open(&place)?;
    let overview =
        overview(&repository, &options(None), ui.progress()).context("cannot list the backups")?;
    let now_ms = now_ms();
    let stale = max_age.and_then(|max| stale(&overview, now_ms, max));
    let exit = match (overview.damaged().next(), &stale) {
        (Some(_), _) => Exit::Damaged,
        (None, Some(_)) => Exit::Warnings,
        (None, None) => Exit::Done,
    };
    let list = List::new(args, &place, &overview, now_ms, stale, exit)?;
    if ui.is_quiet() && !ui.is_json() {
        list.alarms().iter().for_each(|alarm| ui.warn(alarm));
    } else {
        ui.show(&list, true)?;
    }
    Ok(exit)
}

/// How old the newest backup may be, in ms.
fn max_age_ms(args: &BackupsArgs, config: &Config) -> anyhow::Result<Option<i64>> {
    let max_age = args.max_age.as_ref().or(config.max_age.as_ref());
    max_age.map(|text| text::length_ms(text)).transpose()
}

/// What is wrong with the age of the newest backup, if anything.
fn stale(overview: &Overview, now_ms: i64, max_ms: i64) -> Option<String> {
    let max = text::span(max_ms);
    match overview.age(now_ms) {
        Age::Ms(age) if age <= max_ms => None,
        Age::Ms(age) => Some(format!(
            "the newest backup that can be restored to its last transaction is {} old, more than {max}",
            text::span(age)
        )),
        Age::None => Some("no backup can be restored to its last transaction".to_owned()),
        Age::Unknown => Some(
            "the newest backup is dated in the future: a clock is wrong, and its age is unknown"
                .to_owned(),
        ),
    }
}
