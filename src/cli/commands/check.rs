//! `check`: whether a repository is whole.

use crate::cli::args::EXIT_STATUS;
use crate::cli::exit::Exit;
use crate::cli::jobs::config::Config;
use crate::cli::jobs::{self, JobArgs, Outcome};
use crate::cli::json;
use crate::cli::repo_args::{self, RepoArg, now_ms};
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::finding;
use crate::cli::views::hint;
use crate::cli::views::text;
use anyhow::Context;
use clap::Args;
use jiff::Zoned;
use std::io::{self, Write};
use zoovault::analysis::finding::Finding;
use zoovault::backup::check::{Loss, Options, ReadData, Reading, Report, Share, Verdict, check};
use zoovault::error::TxnPlace;
use zoovault::zxid::ZxidRange;

const EXAMPLES: &str = "\
Examples:
  zoovault check --repo /backup                                 names, sizes and manifests: seconds
  zoovault check --repo /backup --read-data                     every byte
  zoovault check --repo /backup --read-data-subset daily/month  once a day: every byte once a month";

/// Check a backup repository: that nothing is missing and, optionally, that every byte is right.
///
/// Without --read-data, the names of all objects, their sizes, and the manifests are compared with
/// one another. This finds what is missing or contradictory, but no bit rot in logs and bases: for
/// that, --read-data reads every object that a backup lists, on all cores, and checks its SHA-256,
/// its compression, every record, checksum and znode in it, and what the manifests recorded about
/// it. Logs of one lineage that cover the same zxids are compared with one another. To prove that a
/// restore succeeds, use zoovault drill.
///
/// --read-data-subset reads a part: 3/10 is the third of ten; daily/month and the like choose the
/// part by the date. An object always belongs to the same part, by a hash of its name, so
/// daily/month run once a day has read everything by the end of the month; the same goes for
/// hourly/day, hourly/week, daily/week, daily/year, weekly/year and monthly/year. Days are in the
/// local time zone, hours in UTC.
///
/// A damaged object is reported with the backups that list it, the points that are lost, and what
/// can still be restored. Nothing is changed, and backups can run at the same time.
#[derive(Args, Debug)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"))]
pub struct CheckArgs {
    #[command(flatten)]
    pub repo: RepoArg,
    /// Read every object that a backup lists
    #[arg(long)]
    pub read_data: bool,
    /// Read a part of the objects: N/M, or by date, such as daily/month
    #[arg(long, value_name = "PART", conflicts_with = "read_data")]
    pub read_data_subset: Option<String>,
    #[command(flatten)]
    pub job: JobArgs,
}

pub fn run(args: &CheckArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let read_data = match (&args.read_data_subset, args.read_data) {
        (Some(part), _) => ReadData::Share(Share::parse(part, &Zoned::now())?),
        (None, true) => ReadData::All,
        (None, false) => ReadData::Nothing,
    };
    let config = Config::load(&args.job.config)?;
    let place = args.repo.place(&config)?;
    let label = text::path(&place);
    jobs::around("check", &label, &args.job, &config, ui, || {
        let options = Options {
            read_data,
            now_ms: now_ms(),
            source: crate::cli::args::options(None),
        };
        let repository = repo_args::open_despite(&place)?;
        let report =
            check(&repository, &options, ui.progress()).context("cannot finish the check")?;
        let exit = match report.verdict() {
            Verdict::Whole => Exit::Done,
            Verdict::Warnings => Exit::Warnings,
            Verdict::Damaged => Exit::Damaged,
        };
        let shown = Shown {
            repository: label.clone(),
            report: &report,
            exit,
        };
        ui.show(&shown, exit != Exit::Done)?;
        let worst = report.findings.first();
        let line = worst.map_or("whole".to_owned(), |finding| finding.message.clone());
        Ok(Outcome {
            exit,
            line,
            gauges: Vec::new(),
        })
    })
}

struct Shown<'a> {
    repository: String,
    report: &'a Report,
    exit: Exit,
}

fn verdict_name(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Whole => ("whole", "32"),
        Verdict::Warnings => ("whole, with warnings", "33"),
        Verdict::Damaged => ("damaged", "31"),
    }
}

impl Render for Shown<'_> {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let report = self.report;
        let (verdict, color) = verdict_name(report.verdict());
        let verdict = look.paint(&format!("1;{color}"), &verdict.to_uppercase());
        writeln!(out, "{}: {verdict}", self.repository)?;
        writeln!(
            out,
            "  {} of {}: {} of {}",
            text::plural(report.backups, "backup"),
            text::plural(report.lineages, "lineage"),
            text::plural(report.objects, "object"),
            text::size(report.bytes),
        )?;
        writeln!(out, "  {}", read_words(report))?;
        let kept = [
            (report.pinned, "pinned"),
            (report.forgotten, "forgotten and not deleted yet"),
        ];
        for (count, what) in kept.into_iter().filter(|(count, _)| *count > 0) {
            writeln!(out, "  {} {what}", text::plural(count, "backup"))?;
        }
        let remarks = finding::list(out, &report.findings, look)?;
        for loss in &report.losses {
            self.show_loss(out, loss, look)?;
        }
        match remarks {
            0 => Ok(()),
            remarks => {
                let remarks = text::plural(remarks, "remark");
                writeln!(out, "\n{remarks} (-v shows them)")
            }
        }
    }

    fn json(&self) -> json::Result {
        let report = self.report;
        json::value(&json::Check {
            repository: self.repository.clone(),
            verdict: verdict_name(report.verdict()).0,
            exit_status: self.exit as u8,
            lineages: report.lineages,
            backups: report.backups,
            forgotten: report.forgotten,
            pinned: report.pinned,
            marks_for_deletion: report.tombs,
            objects: report.objects,
            bytes: report.bytes,
            read: report.reading.as_ref().map(reading_json),
            findings: report.findings.iter().map(finding_json).collect::<Vec<_>>(),
            losses: report
                .losses
                .iter()
                .map(|loss| json::CheckLoss {
                    lineage: loss.lineage.clone(),
                    damaged_backups: loss.hurt.clone(),
                    whole_backups: loss.whole.clone(),
                    lost: ranges_json(&loss.lost),
                    left: ranges_json(&loss.left),
                })
                .collect::<Vec<_>>(),
        })
    }
}

impl Shown<'_> {
    /// What damage costs a lineage, and what can still be had.
    fn show_loss(&self, out: &mut dyn Write, loss: &Loss, look: &TextStyle) -> io::Result<()> {
        let all = loss.hurt.len() + loss.whole.len();
        let title = format!(
            "Lineage {}: {} of {} damaged",
            text::escape(&loss.lineage),
            loss.hurt.len(),
            text::plural(all as u64, "backup")
        );
        writeln!(out, "\n{}", look.paint("1", &title))?;
        let lost = match loss.lost.is_empty() {
            true => "nothing: other backups have the same points".to_owned(),
            false => look.paint("31", &finding::ranges(&loss.lost)),
        };
        writeln!(out, "  lost              {lost}")?;
        let left = match loss.left.is_empty() {
            true => look.paint("31", "nothing"),
            false => look.paint("32", &finding::ranges(&loss.left)),
        };
        writeln!(out, "  can be restored   {left}")?;
        if let Some(newest) = loss.whole.last() {
            writeln!(
                out,
                "  whole backups     {}",
                finding::ids(&loss.whole, look)
            )?;
            let place = format!("{}@{newest}", self.repository);
            writeln!(
                out,
                "  next              zoovault restore {place} --to latest --target DIR"
            )?;
        }
        Ok(())
    }
}

/// What was read, in words.
fn read_words(report: &Report) -> String {
    let Some(reading) = &report.reading else {
        return "no data was read: finding bit rot takes --read-data".to_owned();
    };
    let held = format!(
        "{} and {} in {}",
        text::plural(reading.txns, "txn"),
        text::plural(reading.znodes, "znode"),
        text::size(reading.bytes),
    );
    let objects = text::plural(reading.objects, "object");
    match reading.share {
        None => format!("all data was read: {held}"),
        Some(share) => format!("part {share} of the data was read, {objects}: {held}"),
    }
}

fn ranges_json(ranges: &[ZxidRange]) -> Vec<json::ZxidRange> {
    ranges.iter().copied().map(Into::into).collect()
}

fn reading_json(reading: &Reading) -> json::CheckRead {
    json::CheckRead {
        part: reading.share.map(|share| share.number),
        of_parts: reading.share.map(|share| share.of),
        objects: reading.objects,
        bytes: reading.bytes,
        txns: reading.txns,
        znodes: reading.znodes,
    }
}

fn finding_json(finding: &Finding) -> json::CheckFinding {
    json::CheckFinding {
        code: finding.code.name(),
        severity: finding.severity.name(),
        object: finding.object().map(str::to_owned),
        offset: finding.offset,
        zxid: finding
            .txn
            .and_then(TxnPlace::of)
            .map(|zxid| zxid.to_string()),
        after_zxid: finding
            .txn
            .and_then(TxnPlace::after)
            .map(|zxid| zxid.to_string()),
        message: finding.message.clone(),
        backups: finding.backups.clone(),
        lost: ranges_json(&finding.lost),
        next_step: hint::words(&finding.next()),
    }
}
