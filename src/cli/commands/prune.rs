//! `prune`: frees the space of what nothing needs.

use crate::cli::exit::Exit;
use crate::cli::jobs::config::Config;
use crate::cli::jobs::{self, Gauge, JobArgs, Outcome};
use crate::cli::json;
use crate::cli::repo_args::{self, RepoArg, now_ms};
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::text;
use anyhow::Context;
use clap::Args;
use std::collections::BTreeMap;
use std::io::{self, Write};
use zoovault::backup::retention::prune::{Plan, Pruned, execute, plan};

/// How many things of one kind are told by name, unless all is to be said.
const TOLD_MAX: usize = 5;

/// Delete what no backup needs: one run marks it, another deletes it a day later.
///
/// Without --yes the plan is shown, and nothing is changed. Each run deletes what was marked a day
/// ago or earlier, and marks what nothing needs now: run daily, it frees space a day after a backup
/// was forgotten. What was marked is checked once more before it is deleted. Backups and other
/// prunes can run at the same time: no lock is needed.
///
/// What cannot be deleted, because of an object lock or missing permissions, is reported as
/// retained, and each run tries again.
///
/// Status 3: something is retained. Status 4: a manifest is damaged, and nothing was deleted,
/// because what that backup needs is not known.
#[derive(Args, Debug)]
pub struct PruneArgs {
    #[command(flatten)]
    pub repo: RepoArg,
    /// Apply the plan, instead of only showing it
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub job: JobArgs,
}

pub fn run(args: &PruneArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let config = Config::load(&args.job.config)?;
    let place = args.repo.place(&config)?;
    let work = || {
        let repository = repo_args::open(&place)?;
        let plan = plan(&repository, &now_ms)
            .context("cannot determine what is needed, so nothing is deleted")?;
        let pruned = match args.yes {
            true => {
                Some(execute(&repository, &plan, &now_ms, ui.progress()).context("cannot prune")?)
            }
            false => None,
        };
        let shown = Shown {
            repository: text::path(&place),
            plan,
            pruned,
        };
        ui.show(&shown, shown.exit() != Exit::Done || !args.yes)?;
        Ok(shown.outcome())
    };
    // A rehearsal is no run that anyone waits for.
    if !args.yes {
        return work().map(|outcome| outcome.exit);
    }
    jobs::around("prune", &text::path(&place), &args.job, &config, ui, work)
}

struct Shown {
    repository: String,
    plan: Plan,
    pruned: Option<Pruned>,
}

fn bytes(objects: &BTreeMap<String, u64>) -> u64 {
    objects.values().sum()
}

/// So many objects, of so many bytes.
fn objects(objects: &BTreeMap<String, u64>) -> String {
    let count = text::plural(objects.len() as u64, "object");
    format!("{count} ({})", text::size(bytes(objects)))
}

impl Shown {
    fn exit(&self) -> Exit {
        let retained = self
            .pruned
            .as_ref()
            .is_some_and(|it| !it.retained.is_empty());
        match retained || !self.plan.pinned.is_empty() {
            true => Exit::Warnings,
            false => Exit::Done,
        }
    }

    fn line(&self) -> String {
        match &self.pruned {
            Some(pruned) => format!(
                "{} deleted, {} marked",
                objects(&pruned.objects),
                objects(&pruned.marks)
            ),
            None => format!(
                "would delete {}, and mark {}",
                objects(&self.plan.objects),
                objects(&self.plan.marks)
            ),
        }
    }

    fn outcome(&self) -> Outcome {
        let freed = self
            .pruned
            .as_ref()
            .map_or(0, |pruned| bytes(&pruned.objects));
        Outcome {
            exit: self.exit(),
            line: self.line(),
            gauges: vec![Gauge {
                name: "zoovault_freed_bytes",
                help: "Bytes of objects that the last prune deleted.",
                value: freed as f64,
                labels: Vec::new(),
            }],
        }
    }

    fn done(&self, pruned: &Pruned, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        if pruned.manifests > 0 {
            let backups = text::plural(pruned.manifests as u64, "forgotten backup");
            writeln!(out, "  deleted   {backups}")?;
        }
        writeln!(out, "  deleted   {}", objects(&pruned.objects))?;
        writeln!(out, "  marked    {}", objects(&pruned.marks))?;
        if pruned.leftovers.0 > 0 {
            let (count, size) = pruned.leftovers;
            let files = text::plural(count as u64, "file");
            writeln!(
                out,
                "  deleted   {files} of killed runs ({})",
                text::size(size)
            )?;
        }
        if look.verbose {
            for name in pruned.objects.keys() {
                writeln!(out, "            {}", text::escape(name))?;
            }
        }
        if !pruned.retained.is_empty() {
            let label = look.paint("33", "retained");
            let count = text::plural(pruned.retained.len() as u64, "object");
            writeln!(out, "  {label}  {count} could not be deleted")?;
            few(&pruned.retained, out, look)?;
            few(&pruned.refusals, out, look)?;
        }
        Ok(())
    }

    fn planned(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let plan = &self.plan;
        if !plan.manifests.is_empty() {
            let backups = text::plural(plan.manifests.len() as u64, "forgotten backup");
            writeln!(out, "  delete    {backups}")?;
        }
        writeln!(out, "  delete    {}", objects(&plan.objects))?;
        if look.verbose {
            for name in plan.objects.keys() {
                writeln!(out, "            {}", text::escape(name))?;
            }
        }
        writeln!(
            out,
            "  mark      {}, to be deleted a day later",
            objects(&plan.marks)
        )?;
        if !plan.leftovers.is_empty() {
            let files = text::plural(plan.leftovers.len() as u64, "file");
            let size = plan.leftovers.iter().map(|(_, size)| size).sum();
            writeln!(
                out,
                "  delete    {files} of killed runs ({})",
                text::size(size)
            )?;
        }
        Ok(())
    }
}

/// Some lines, or all.
fn few(lines: &[String], out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
    let max = if look.verbose { lines.len() } else { TOLD_MAX };
    for line in lines.iter().take(max) {
        writeln!(out, "            {}", text::escape(line))?;
    }
    match lines.len().saturating_sub(max) {
        0 => Ok(()),
        more => writeln!(out, "            and {more} more"),
    }
}

impl Render for Shown {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let plan = &self.plan;
        let title = format!("{}: {}", self.repository, self.line());
        writeln!(out, "{}", look.paint("1", &title))?;
        match &self.pruned {
            Some(pruned) => self.done(pruned, out, look)?,
            None => self.planned(out, look)?,
        }
        if !plan.waiting.is_empty() {
            let until = match plan.waiting_until_ms {
                Some(ms) => format!(": the first until {}", text::time_to_the_second(ms)),
                None => String::new(),
            };
            writeln!(out, "  waiting   {}{until}", objects(&plan.waiting))?;
        }
        for backup in &plan.pinned {
            let label = look.paint("33", "retained");
            writeln!(
                out,
                "  {label}  {} was pinned while it was being forgotten: 'zoovault unpin {}' releases it",
                backup.id, backup.id
            )?;
        }
        if look.verbose && !plan.foreign.is_empty() {
            writeln!(
                out,
                "  foreign   not part of the repository, and left alone:"
            )?;
            few(&plan.foreign, out, look)?;
        }
        if self.pruned.is_none() {
            writeln!(out, "Nothing was changed; run again with --yes to apply.")?;
        }
        Ok(())
    }

    fn json(&self) -> json::Result {
        let (plan, pruned) = (&self.plan, self.pruned.as_ref());
        let (deleted, marked) = match pruned {
            Some(pruned) => (&pruned.objects, &pruned.marks),
            None => (&plan.objects, &plan.marks),
        };
        let leftovers = match pruned {
            Some(pruned) => pruned.leftovers,
            None => (
                plan.leftovers.len(),
                plan.leftovers.iter().map(|(_, size)| size).sum(),
            ),
        };
        json::value(&json::Prune {
            repository: self.repository.clone(),
            dry_run: pruned.is_none(),
            exit_status: self.exit() as u8,
            deleted_backups: pruned.map_or(plan.manifests.len(), |it| it.manifests),
            deleted_objects: deleted.len(),
            deleted_bytes: bytes(deleted),
            deleted: deleted.keys().cloned().collect(),
            deleted_leftovers: leftovers.0,
            deleted_leftover_bytes: leftovers.1,
            removed_marks: pruned.map_or(plan.tombs.len(), |it| it.tombs),
            marked_objects: marked.len(),
            marked_bytes: bytes(marked),
            mark: pruned.and_then(|it| it.tomb.as_ref()).cloned(),
            waiting_objects: plan.waiting.len(),
            waiting_bytes: bytes(&plan.waiting),
            waiting_until_ms: plan.waiting_until_ms,
            retained: pruned.map(|it| &it.retained).cloned(),
            refusals: pruned.map(|it| &it.refusals).cloned(),
            pinned: plan.pinned.iter().map(|backup| backup.id.clone()).collect(),
            foreign: plan.foreign.clone(),
        })
    }
}
