//! `drill`: restores that are really made, and proven.

use crate::cli::exit::{self, Exit};
use crate::cli::jobs::config::Config;
use crate::cli::jobs::{self, Gauge, JobArgs, Outcome};
use crate::cli::json;
use crate::cli::repo_args::{self, RepoArg, now_ms};
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::hint;
use crate::cli::views::text;
use anyhow::anyhow;
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use zoovault::backup::drill::{Options, Report, drill};
use zoovault::history::replay::Proof;
use zoovault::repository::Which;

/// Test restores: restore the newest point, and one at random, to a temporary directory, and verify
/// the result.
///
/// The newest point is the last transaction that the newest backup claims to have. Each restore
/// works exactly like 'zoovault restore': logs are replayed, every digest that the servers recorded
/// on the way is compared, the result is written, synced and read back, then opened again and
/// verified. The temporary directory needs room for one snapshot at a time, and for the
/// decompressed logs that lead to it.
///
/// Status 0: everything was proven, or is consistent. 3: something is only inferred. 4 or 5: a
/// point that should be restorable is not.
#[derive(Args, Debug)]
pub struct DrillArgs {
    #[command(flatten)]
    pub repo: RepoArg,
    /// Restore from this backup alone, or from the backups of this lineage; 'latest' is the newest
    /// backup
    #[arg(long, value_name = "ID")]
    pub backup: Option<String>,
    /// How many random points to restore, besides the newest
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub random: usize,
    /// Choose them from this seed, as printed by an earlier drill, instead of from the time
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Where to restore temporarily; by default TMPDIR
    #[arg(long, value_name = "DIR")]
    pub scratch_dir: Option<PathBuf>,
    #[command(flatten)]
    pub job: JobArgs,
}

pub fn run(args: &DrillArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let config = Config::load(&args.job.config)?;
    let place = args.repo.place(&config)?;
    let label = text::path(&place);
    jobs::around("drill", &label, &args.job, &config, ui, || {
        let repository = repo_args::open(&place)?;
        let which = args.backup.as_deref().map_or(Which::Newest, Which::parse);
        let options = Options {
            which,
            random: args.random,
            seed: args.seed.unwrap_or(now_ms().cast_unsigned()),
            scratch_dir: args.scratch_dir.clone().unwrap_or_else(std::env::temp_dir),
        };
        let report = drill(&repository, &options, ui.progress())?;
        let shown = Shown {
            repository: label.clone(),
            seed: options.seed,
            report,
        };
        let exit = shown.exit();
        ui.show(&shown, exit != Exit::Done)?;
        Ok(shown.outcome())
    })
}

struct Shown {
    repository: String,
    seed: u64,
    report: Report,
}

impl Shown {
    fn exit(&self) -> Exit {
        let failed = self
            .report
            .failed
            .iter()
            .map(|(_, error)| exit::of_kind(error.kind()));
        if let Some(worst) = failed.max_by_key(|exit| *exit as u8) {
            return worst;
        }
        let is_certain =
            self.report.restored.iter().all(|restored| {
                restored.proof >= Proof::Consistent && restored.warnings.is_empty()
            });
        match is_certain {
            true => Exit::Done,
            false => Exit::Warnings,
        }
    }

    fn outcome(&self) -> Outcome {
        let failed = self.report.failed.first();
        let line = match failed {
            Some((zxid, error)) => format!("{zxid} cannot be restored: {error}"),
            None => format!(
                "{} restored",
                text::plural(self.report.restored.len() as u64, "point")
            ),
        };
        let newest = self
            .report
            .restored
            .iter()
            .find(|restored| restored.is_newest);
        let gauges = newest.and_then(|newest| {
            Some(Gauge {
                name: "zoovault_drill_restored_to_timestamp_seconds",
                help: "The time of the newest transaction that was actually restored.",
                value: newest.time_ms? as f64 / 1000.0,
                labels: Vec::new(),
            })
        });
        Outcome {
            exit: self.exit(),
            line,
            gauges: gauges.into_iter().collect(),
        }
    }
}

impl Render for Shown {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let report = &self.report;
        let (word, color) = match (report.failed.is_empty(), self.exit()) {
            (true, Exit::Done) => ("restored and proven", "32"),
            (true, _) => ("restored, with warnings", "33"),
            (false, _) => ("NOT RESTORED", "31"),
        };
        let repository = look.paint("1", &self.repository);
        writeln!(
            out,
            "{repository}: {}  (backup {})",
            look.paint(color, word),
            report.backup.id
        )?;
        for restored in &report.restored {
            let what = if restored.is_newest {
                "newest"
            } else {
                "random"
            };
            writeln!(
                out,
                "  {what}  {} at {}: {}, {} replayed, {} agreed, {}, {} in {:.1} s",
                restored.zxid,
                text::time_or_dash(restored.time_ms),
                restored.proof.name(),
                text::plural(restored.txns, "txn"),
                text::plural(restored.digests, "digest"),
                text::plural(restored.znodes, "znode"),
                text::size(restored.bytes),
                restored.took.as_secs_f64(),
            )?;
            for warning in &restored.warnings {
                writeln!(
                    out,
                    "  {}  {}",
                    look.paint("33", "warning"),
                    text::escape(warning)
                )?;
            }
        }
        for (zxid, error) in &report.failed {
            let error = anyhow!("{error}");
            writeln!(
                out,
                "  {}  {zxid}: {}",
                look.paint("31", "failed"),
                text::escape(&error.to_string())
            )?;
        }
        if look.verbose || !report.failed.is_empty() {
            writeln!(out, "  the same points again: --seed {}", self.seed)?;
        }
        Ok(())
    }

    fn json(&self) -> json::Result {
        let report = &self.report;
        let restored = report.restored.iter().map(|restored| json::Drilled {
            zxid: restored.zxid.to_string(),
            time_ms: restored.time_ms,
            is_newest: restored.is_newest,
            base: restored.base.clone(),
            txns: restored.txns,
            digests: restored.digests,
            znodes: restored.znodes,
            bytes: restored.bytes,
            proof: restored.proof.name(),
            warnings: restored.warnings.clone(),
            took_ms: u64::try_from(restored.took.as_millis()).unwrap_or(u64::MAX),
        });
        let failed = report
            .failed
            .iter()
            .map(|(zxid, error)| json::DrillFailure {
                zxid: zxid.to_string(),
                error: error.to_string(),
                exit_status: exit::of_kind(error.kind()) as u8,
                next_step: hint::all(error.hints()),
            });
        json::value(&json::Drill {
            repository: self.repository.clone(),
            backup: report.backup.id.clone(),
            lineage: report.backup.lineage.clone(),
            seed: self.seed.to_string(),
            exit_status: self.exit() as u8,
            restored: restored.collect::<Vec<_>>(),
            failed: failed.collect::<Vec<_>>(),
        })
    }
}
