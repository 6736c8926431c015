//! `copy`: a second repository that holds the same backups.

use crate::cli::exit::{BadArgument, Exit};
use crate::cli::jobs::config::Config;
use crate::cli::jobs::{self, Gauge, JobArgs, Outcome};
use crate::cli::json;
use crate::cli::repo_args::{self, RepoArg, now_ms};
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::text;
use anyhow::Context;
use clap::Args;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zoovault::backup::copy::{Copied, Plan, What, execute, plan};
use zoovault::repository::BackupName;

const EXAMPLES: &str = "\
Examples:
  zoovault init --repo /mnt/offsite/zk
  zoovault copy --repo /srv/zk --target /mnt/offsite/zk
  zoovault copy --repo /srv/zk --target /mnt/offsite/zk --last 1";

/// Copy backups into a second repository, with everything they need and their pins.
///
/// Each object is verified by its SHA-256 when read, and read back after it is written. A backup
/// keeps its id. What the target already has is not copied again, backups forgotten in either
/// repository are skipped, and if a run is killed, the next one continues where it stopped. The
/// target forgets and prunes by its own rules; what it has forgotten and deleted, but the source
/// still has, is copied again: use rules there that keep at least as much, or copy with --last.
///
/// Status 3: a backup was held back, because the target is about to delete what it needs; prune
/// there, then copy again. Status 4: some backups are damaged; the others were copied.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CopyArgs {
    /// Copy these backups, by id or the beginning of it; by default all
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    #[command(flatten)]
    pub repo: RepoArg,
    /// The repository to copy into: another one, made by 'zoovault init'
    #[arg(long, value_name = "REPOSITORY")]
    pub target: PathBuf,
    /// Copy the newest N
    #[arg(long, value_name = "N", conflicts_with = "ids")]
    pub last: Option<u32>,
    /// Show what would be copied, and copy nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub job: JobArgs,
}

impl CopyArgs {
    fn what(&self) -> anyhow::Result<What> {
        Ok(match self.last {
            Some(0) => return Err(BadArgument("--last 0 would copy nothing".to_owned()).into()),
            Some(count) => What::Last(usize::try_from(count)?),
            None if self.ids.is_empty() => What::All,
            None => What::Ids(self.ids.clone()),
        })
    }
}

pub fn run(args: &CopyArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let config = Config::load(&args.job.config)?;
    let place = args.repo.place(&config)?;
    let what = args.what()?;
    // A rehearsal is no run that anyone waits for.
    if args.dry_run {
        return Ok(once(args, &place, &what, ui)?.exit);
    }
    jobs::around("copy", &text::path(&place), &args.job, &config, ui, || {
        once(args, &place, &what, ui)
    })
}

fn once(args: &CopyArgs, place: &Path, what: &What, ui: &Ui) -> anyhow::Result<Outcome> {
    let (source, target) = (repo_args::open(place)?, repo_args::open(&args.target)?);
    let plan = plan(&source, &target, what).context("cannot copy")?;
    let copied = match args.dry_run {
        true => None,
        false => {
            Some(execute(&source, &target, &plan, &now_ms, ui.progress()).context("cannot copy")?)
        }
    };
    let shown = Shown {
        source: text::path(place),
        target: text::path(&args.target),
        plan,
        copied,
    };
    ui.show(&shown, shown.exit() != Exit::Done)?;
    Ok(shown.outcome())
}

struct Shown {
    source: String,
    target: String,
    plan: Plan,
    copied: Option<Copied>,
}

impl Shown {
    /// Backups that cannot be read, and why.
    fn damage(&self) -> impl Iterator<Item = (&BackupName, String)> {
        let met = self.copied.iter().flat_map(|copied| &copied.damage);
        let all = self.plan.damage.iter().chain(met);
        all.map(|(backup, err)| (backup, err.to_string()))
    }

    fn exit(&self) -> Exit {
        if self.damage().next().is_some() {
            return Exit::Damaged;
        }
        match self
            .copied
            .as_ref()
            .is_some_and(|it| !it.held_back.is_empty())
        {
            true => Exit::Warnings,
            false => Exit::Done,
        }
    }

    /// How many backups, objects and bytes.
    fn sums(&self) -> (usize, usize, u64) {
        match &self.copied {
            Some(copied) => (copied.backups.len(), copied.objects, copied.bytes),
            None => (self.plan.backups.len(), self.plan.objects, self.plan.bytes),
        }
    }

    fn line(&self) -> String {
        let (backups, objects, bytes) = self.sums();
        let verb = if self.copied.is_some() {
            ""
        } else {
            "would be "
        };
        format!(
            "{} {verb}copied to {}: {} ({})",
            text::plural(backups as u64, "backup"),
            self.target,
            text::plural(objects as u64, "object"),
            text::size(bytes)
        )
    }

    fn outcome(&self) -> Outcome {
        let (backups, _, bytes) = self.sums();
        let gauge = |name, help, value: f64| Gauge {
            name,
            help,
            value,
            labels: Vec::new(),
        };
        Outcome {
            exit: self.exit(),
            line: self.line(),
            gauges: vec![
                gauge(
                    "zoovault_copied_backups",
                    "Backups that the last copy copied.",
                    backups as f64,
                ),
                gauge(
                    "zoovault_copied_bytes",
                    "Bytes of objects that the last copy copied.",
                    bytes as f64,
                ),
            ],
        }
    }
}

impl Render for Shown {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let title = format!("{}: {}", self.source, self.line());
        writeln!(out, "{}", look.paint("1", &title))?;
        let copied = self.copied.as_ref();
        if look.verbose {
            for backup in copied.map_or(&self.plan.backups, |copied| &copied.backups) {
                let made = text::time_to_the_second(backup.created_ms);
                writeln!(out, "  {}  {made}  {}", backup.id, backup.zxid)?;
            }
        }
        if self.plan.present > 0 {
            let backups = text::plural(self.plan.present as u64, "backup");
            writeln!(out, "  present   {backups} already")?;
        }
        if !self.plan.forgotten.is_empty() {
            let backups = text::plural(self.plan.forgotten.len() as u64, "backup");
            writeln!(out, "  excluded  {backups}, forgotten there")?;
        }
        for backup in copied.iter().flat_map(|copied| &copied.gone) {
            writeln!(out, "  excluded  {}, forgotten in the meantime", backup.id)?;
        }
        for (backup, object) in copied.iter().flat_map(|copied| &copied.held_back) {
            let label = look.paint("33", "held back");
            writeln!(
                out,
                "  {label} {}: the target is about to delete {}; prune there, then copy again",
                backup.id,
                text::escape(object)
            )?;
        }
        for (backup, err) in self.damage() {
            let label = look.paint("31", "damage");
            writeln!(out, "  {label}    {}: {}", backup.id, text::escape(&err))?;
        }
        match self.copied {
            Some(_) => Ok(()),
            None => writeln!(out, "Nothing was copied (--dry-run)."),
        }
    }

    fn json(&self) -> json::Result {
        let copied = self.copied.as_ref();
        let (_, objects, bytes) = self.sums();
        let ids = |backups: &[BackupName]| -> Vec<String> {
            backups.iter().map(|backup| backup.id.clone()).collect()
        };
        let damage = self.damage().map(|(backup, err)| json::DamagedBackup {
            id: backup.id.clone(),
            error: err,
        });
        let held_back = copied.iter().flat_map(|copied| &copied.held_back);
        let held_back = held_back.map(|(backup, object)| json::HeldBack {
            id: backup.id.clone(),
            object: object.to_string(),
        });
        json::value(&json::Copy {
            source: self.source.clone(),
            target: self.target.clone(),
            dry_run: copied.is_none(),
            exit_status: self.exit() as u8,
            backups: ids(copied.map_or(&self.plan.backups, |it| &it.backups)),
            objects,
            bytes,
            pins: copied.map_or(self.plan.pins.len(), |it| it.pins),
            present: self.plan.present,
            forgotten: ids(&self.plan.forgotten),
            gone: ids(copied.map_or(&[], |it| &it.gone)),
            held_back: held_back.collect::<Vec<_>>(),
            damage: damage.collect::<Vec<_>>(),
        })
    }
}
