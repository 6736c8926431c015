//! `forget`: which backups are kept, and why; the others count no more.

use crate::cli::exit::{BadArgument, Exit};
use crate::cli::jobs::config::{Config, Keep};
use crate::cli::jobs::{self, Gauge, JobArgs, Outcome};
use crate::cli::json;
use crate::cli::repo_args::{self, RepoArg, now_ms};
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::text;
use anyhow::Context;
use clap::Args;
use jiff::tz::TimeZone;
use std::io::{self, Write};
use std::path::Path;
use zoovault::backup::retention::forget::{Fate, Lineage, Plan, What, execute, plan};
use zoovault::backup::retention::policy::{Policy, Reason};

const EXAMPLES: &str = "\
Examples:
  zoovault forget --repo /srv/zk --keep-within 7d --keep-daily 30 --keep-monthly 12 --dry-run
  zoovault forget --repo /srv/zk --keep-within 7d --keep-daily 30 --keep-monthly 12 -q && zoovault prune --repo /srv/zk --yes -q
  zoovault forget --repo /srv/zk 4f2a91c07b3d";

/// Mark backups as forgotten (nothing is deleted yet): those that no rule keeps, or those that are
/// named.
///
/// A backup is kept if any rule keeps it; each lineage (one history) is treated separately. Hours,
/// days, weeks (starting on Monday), months and years follow the local calendar: in each of the
/// latest N that have a backup, the newest one is kept, and as long as there are fewer than N, the
/// oldest of all. --keep-within counts back from the newest backup, not from now. The rules in
/// [keep] of the configuration apply too, each unless the command line overrides it.
///
/// Always kept: the newest backup with a window that reaches its last transaction, and anything
/// newer; pinned backups; backups dated in the future, because a clock was wrong; damaged backups,
/// unless named. A backup without a window never displaces one that has a window.
///
/// Any backup can be forgotten without harm to the others: each is self-contained. `zoovault prune`
/// frees the space, a day later at the earliest.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ForgetArgs {
    /// Forget these backups, by id or the beginning of it
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    #[command(flatten)]
    pub repo: RepoArg,
    /// Forget all backups of an abandoned lineage: not the one with the newest backup
    #[arg(long, value_name = "ID", conflicts_with = "ids")]
    pub lineage: Option<String>,
    #[command(flatten)]
    pub keep: KeepArgs,
    /// Show what would be kept and forgotten, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub job: JobArgs,
}

/// What to keep.
#[derive(Args, Clone, Debug)]
#[group(id = "keep", multiple = true, conflicts_with_all = ["ids", "lineage"])]
pub struct KeepArgs {
    /// Keep the newest N
    #[arg(long, value_name = "N", help_heading = "Rules")]
    pub keep_last: Option<u32>,
    /// Keep one backup for each of the latest N hours that have one
    #[arg(long, value_name = "N", help_heading = "Rules")]
    pub keep_hourly: Option<u32>,
    /// Keep one backup for each of the latest N days that have one
    #[arg(long, value_name = "N", help_heading = "Rules")]
    pub keep_daily: Option<u32>,
    /// Keep one backup for each of the latest N weeks that have one
    #[arg(long, value_name = "N", help_heading = "Rules")]
    pub keep_weekly: Option<u32>,
    /// Keep one backup for each of the latest N months that have one
    #[arg(long, value_name = "N", help_heading = "Rules")]
    pub keep_monthly: Option<u32>,
    /// Keep one backup for each of the latest N years that have one
    #[arg(long, value_name = "N", help_heading = "Rules")]
    pub keep_yearly: Option<u32>,
    /// Keep all that are at most this much older than the newest one: 36h, 7d, 1y6mo
    #[arg(
        long,
        value_name = "DURATION",
        help_heading = "Rules",
        allow_hyphen_values = true
    )]
    pub keep_within: Option<String>,
}

impl KeepArgs {
    /// The policy, with what the configuration says where this says nothing.
    fn policy(&self, config: &Keep) -> anyhow::Result<Policy> {
        let count = |said: Option<u32>, configured: Option<u32>| {
            let count = said.or(configured).unwrap_or_default();
            usize::try_from(count).unwrap_or(usize::MAX)
        };
        let within = self.keep_within.as_ref().or(config.within.as_ref());
        let within = within.map(|text| {
            let parsed = text.parse();
            parsed.map_err(|err| BadArgument(format!("--keep-within: {err}")))
        });
        Ok(Policy {
            last: count(self.keep_last, config.last),
            hourly: count(self.keep_hourly, config.hourly),
            daily: count(self.keep_daily, config.daily),
            weekly: count(self.keep_weekly, config.weekly),
            monthly: count(self.keep_monthly, config.monthly),
            yearly: count(self.keep_yearly, config.yearly),
            within: within.transpose()?,
        })
    }
}

impl ForgetArgs {
    fn what(&self, config: &Config) -> anyhow::Result<What> {
        Ok(match &self.lineage {
            Some(id) => What::Lineage(id.clone()),
            None if !self.ids.is_empty() => What::Ids(self.ids.clone()),
            None => What::ByPolicy(self.keep.policy(&config.keep)?),
        })
    }
}

pub fn run(args: &ForgetArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let config = Config::load(&args.job.config)?;
    let place = args.repo.place(&config)?;
    let what = args.what(&config)?;
    // A rehearsal is no run that anyone waits for.
    if args.dry_run {
        return Ok(once(&place, &what, true, ui)?.exit);
    }
    let label = text::path(&place);
    jobs::around("forget", &label, &args.job, &config, ui, || {
        once(&place, &what, false, ui)
    })
}

fn once(place: &Path, what: &What, dry_run: bool, ui: &Ui) -> anyhow::Result<Outcome> {
    let repository = repo_args::open(place)?;
    let plan = plan(&repository, what, now_ms(), &TimeZone::system()).context("cannot forget")?;
    let tomb = match dry_run {
        true => None,
        false => execute(&repository, &plan, &now_ms).context("cannot forget")?,
    };
    let shown = Shown {
        repository: text::path(place),
        is_policy: matches!(what, What::ByPolicy(_)),
        exit: match plan.damage.is_empty() {
            true => Exit::Done,
            false => Exit::Damaged,
        },
        plan,
        dry_run,
        tomb,
    };
    ui.show(&shown, shown.exit != Exit::Done)?;
    Ok(shown.outcome())
}

struct Shown {
    repository: String,
    is_policy: bool,
    plan: Plan,
    dry_run: bool,
    tomb: Option<String>,
    exit: Exit,
}

impl Shown {
    /// How many are kept, and how many forgotten.
    fn counts(&self) -> (u64, u64) {
        let fates = self
            .plan
            .lineages
            .iter()
            .flat_map(|lineage| &lineage.backups);
        let (kept, forgotten): (Vec<&Fate>, Vec<&Fate>) =
            fates.partition(|fate| fate.kept.is_some());
        (kept.len() as u64, forgotten.len() as u64)
    }

    fn line(&self) -> String {
        let (kept, forgotten) = self.counts();
        let (kept, forgotten) = (text::plural(kept, "backup"), text::count(forgotten));
        match self.dry_run {
            true => format!("would keep {kept}, and forget {forgotten}"),
            false => format!("{kept} kept, {forgotten} forgotten"),
        }
    }

    fn outcome(&self) -> Outcome {
        let (kept, forgotten) = self.counts();
        let gauge = |name, help, value: u64| Gauge {
            name,
            help,
            value: value as f64,
            labels: Vec::new(),
        };
        Outcome {
            exit: self.exit,
            line: self.line(),
            gauges: vec![
                gauge(
                    "zoovault_kept_backups",
                    "Backups that the last forget kept.",
                    kept,
                ),
                gauge(
                    "zoovault_forgotten_backups",
                    "Backups that the last forget marked as forgotten.",
                    forgotten,
                ),
            ],
        }
    }

    fn lineage(&self, lineage: &Lineage, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let fates = lineage.backups.iter();
        let rows: Vec<&Fate> = fates
            .filter(|fate| self.is_policy || fate.kept.is_none())
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        writeln!(out, "Lineage {}", text::escape(&lineage.id))?;
        writeln!(
            out,
            "  {:12}  {:25}  {:11}  {:6}  Reasons",
            "ID", "Made", "Last zxid", ""
        )?;
        for fate in rows {
            let made = fate.manifest.as_ref().map(|it| it.clock_ms);
            let made = text::time_to_the_second(made.unwrap_or(fate.name.created_ms));
            let what = match fate.kept {
                Some(_) => "keep  ".to_owned(),
                None => look.paint("33", "forget"),
            };
            let reasons = fate.kept.as_deref().unwrap_or_default();
            let line = format!(
                "  {:12}  {made:25}  {:11}  {what}  {}",
                fate.name.id,
                fate.name.zxid.to_string(),
                words(reasons).join(", ")
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn words(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(Reason::to_string).collect()
}

impl Render for Shown {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let title = format!("{}: {}", self.repository, self.line());
        writeln!(out, "{}", look.paint("1", &title))?;
        for lineage in &self.plan.lineages {
            self.lineage(lineage, out, look)?;
        }
        for damage in &self.plan.damage {
            let label = look.paint("31", "damage");
            writeln!(out, "{label}  {}", text::escape(&damage.to_string()))?;
        }
        if !self.plan.damage.is_empty() {
            writeln!(
                out,
                "Nothing is pruned while a manifest is damaged: 'zoovault forget ID' discards that backup."
            )?;
        }
        if self.dry_run {
            writeln!(out, "Nothing was changed (--dry-run).")?;
        } else if self.tomb.is_some() {
            writeln!(
                out,
                "Nothing is deleted yet: 'zoovault prune --yes' frees the space, a day from now at the earliest."
            )?;
        }
        Ok(())
    }

    fn json(&self) -> json::Result {
        let (kept, forgotten) = self.counts();
        let backup = |fate: &Fate| {
            let told = fate.manifest.as_ref();
            let window = told.and_then(|told| told.window);
            json::ForgetBackup {
                id: fate.name.id.clone(),
                time_ms: fate.name.created_ms,
                created_ms: told.map(|told| told.clock_ms),
                source: told.map(|told| &told.source).cloned(),
                last_zxid: fate.name.zxid.to_string(),
                window_from_zxid: window.map(|it| it.first.to_string()),
                window_to_zxid: window.map(|it| it.last.to_string()),
                kept: fate.kept.is_some(),
                reasons: words(fate.kept.as_deref().unwrap_or_default()),
            }
        };
        let lineages = self
            .plan
            .lineages
            .iter()
            .map(|lineage| json::ForgetLineage {
                lineage: lineage.id.clone(),
                backups: lineage.backups.iter().map(backup).collect::<Vec<_>>(),
            });
        let damage = self.plan.damage.iter().map(ToString::to_string);
        json::value(&json::Forget {
            repository: self.repository.clone(),
            dry_run: self.dry_run,
            exit_status: self.exit as u8,
            kept_backups: kept,
            forgotten_backups: forgotten,
            lineages: lineages.collect::<Vec<_>>(),
            damage: damage.collect::<Vec<_>>(),
            mark: self.tomb.clone(),
        })
    }
}
