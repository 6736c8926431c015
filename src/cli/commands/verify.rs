//! `verify`: the verdict.

use crate::cli::args::{EXIT_STATUS, ServerArgs, SourceArg};
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::report::{self, Place, Subject};
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views;
use crate::cli::views::files::{behind_header_json, exactness};
use crate::cli::views::finding;
use crate::cli::views::hint;
use crate::cli::views::text;
use crate::cli::views::verdict::{exit_of, show_window, verdict_name, window_json};
use anyhow::Context;
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use zoovault::analysis::finding::Finding;
use zoovault::analysis::verify::{
    Depth, LogReport, LoneSnapshot, Missing, Report, SnapshotReport, Stretch, verify,
};
use zoovault::error::TxnPlace;
use zoovault::format::txnlog::LogSummary;
use zoovault::history::source::Source;
use zoovault::server::forecast::{Forecast, forecast};
use zoovault::zxid::Zxid;

/// Verify everything: the verdict, what can be restored, and what is wrong.
///
/// Reads every log (header, checksums, lengths, end marks, bodies, zeros to the end) and every
/// snapshot (seals, structure, compression), puts the transactions in order and reports every gap,
/// compares logs where they overlap, checks the epoch files, then rebuilds the tree from the
/// earliest snapshot on and compares its digest with every digest that a server of 3.6 or later
/// recorded.
///
/// The result is a list of windows: ranges of zxids, each of which can be restored exactly. A
/// window is `proven` where digests matched, `consistent` where everything is present and intact
/// but nothing recorded proves it (3.4 and 3.5 write no digests), and `unproven` where it is not
/// known when its first snapshot was finished.
#[derive(Args, Debug)]
#[command(after_help = EXIT_STATUS)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// The dataLogDir, if it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// Replay nothing: check only the files and the chain of transactions, in constant memory
    #[arg(long)]
    pub quick: bool,
    /// Also write the verdict as a self-contained HTML page, with a chart of the history; - writes
    /// it to stdout, and the text to stderr
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub servers: ServerArgs,
}

pub fn run(args: &VerifyArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let options = args.source.options(args.data_log_dir.as_ref());
    let depth = if args.quick {
        Depth::Quick
    } else {
        Depth::Full
    };
    let rules = views::forecast::rules(&args.servers)?;
    let mut place = args.report.as_deref().map(Place::new).transpose()?;
    let (report, forecast) = Source::with(&args.source.source, &options, |source| {
        if let Some(place) = &mut place {
            place.prepare(source)?;
        }
        let report = verify(source, depth, ui.progress())?;
        let forecast = forecast(source, &rules, &report, ui.progress())?;
        Ok((report, forecast))
    })
    .context("cannot finish verification")?;
    let exit = exit_of(report.verdict());
    let shown = Shown {
        source: text::path(&args.source.source),
        page: place.as_ref().map(Place::shown),
        report: &report,
        forecast: &forecast,
        exit,
    };
    let matters = exit != Exit::Done || !rules.is_empty();
    let is_aside = place.as_ref().is_some_and(Place::is_stdout);
    // A page that cannot be written does not keep the verdict from whoever asked for it.
    let written = place.map(|place| place.write(&page(args, &report, &forecast, exit), ui));
    if is_aside {
        ui.show_aside(&shown, matters)?;
    } else {
        ui.show(&shown, matters)?;
    }
    written
        .transpose()
        .context("cannot write the report; the verdict is not affected")?;
    Ok(exit)
}

fn page(args: &VerifyArgs, report: &Report, forecast: &Forecast, exit: Exit) -> String {
    report::page(&Subject {
        source: &args.source.source,
        data_log_dir: args.data_log_dir.as_ref(),
        host: nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        time: jiff::Timestamp::now().as_millisecond(),
        exit: exit as u8,
        report,
        forecast,
    })
}

struct Shown<'a> {
    source: String,
    /// Where the page is, if one was asked for.
    page: Option<String>,
    report: &'a Report,
    forecast: &'a Forecast,
    exit: Exit,
}

impl Render for Shown<'_> {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let report = self.report;
        let (verdict, color) = verdict_name(report.verdict());
        writeln!(
            out,
            "{}: {}",
            self.source,
            look.paint(&format!("1;{color}"), &verdict.to_uppercase())
        )?;
        for remark in &report.remarks {
            writeln!(out, "{}", text::escape(remark))?;
        }
        writeln!(out, "\nCan be restored exactly:")?;
        for window in &report.windows {
            show_window(out, window, look)?;
        }
        if report.windows.is_empty() {
            writeln!(out, "  {}", look.paint("31", "nothing"))?;
        }
        for lone in report.lone.iter().filter(|lone| lone.is_restorable()) {
            let alone = &lone.alone;
            let words = format!("{} as it is, unproven, with --accept-unproven", alone.zxid);
            writeln!(out, "  {}   from {}", look.paint("33", &words), alone.name)?;
        }
        let remarks = finding::list(out, &report.findings, look)?;
        let more = match remarks {
            0 => String::new(),
            remarks => format!("; {} (-v shows them)", text::plural(remarks, "remark")),
        };
        let replayed = match report.depth {
            Depth::Full => format!(
                "{} and {} of {} compared",
                text::plural(report.digests_compared, "digest"),
                text::plural(report.snapshots_crossed.1, "znode"),
                text::plural(report.snapshots_crossed.0, "snapshot"),
            ),
            Depth::Quick => "nothing replayed (--quick)".to_owned(),
        };
        writeln!(
            out,
            "\n{} with {}, {}; {replayed}{more}",
            text::plural(report.logs.len() as u64, "log"),
            text::plural(report.txn_count, "txn"),
            text::plural(report.snapshots.len() as u64, "snapshot"),
        )?;
        if let Some(error) = &self.forecast.denied {
            let words = views::forecast::denied(error);
            writeln!(
                out,
                "\nWhat servers would do is {}",
                look.paint("33", &words)
            )?;
        }
        views::forecast::show(out, &self.forecast.starts, look)?;
        match &self.page {
            Some(page) => writeln!(out, "report: {}", text::escape(page)),
            None => Ok(()),
        }
    }

    fn json(&self) -> json::Result {
        let report = self.report;
        json::value(&json::Verify {
            source: self.source.clone(),
            report: self.page.clone(),
            verdict: verdict_name(report.verdict()).0,
            exit_status: self.exit as u8,
            replayed: report.depth == Depth::Full,
            remarks: report.remarks.clone(),
            digests_compared: report.digests_compared,
            snapshots_compared: report.snapshots_crossed.0,
            znodes_compared: report.snapshots_crossed.1,
            txns: report.txn_count,
            first_zxid: report.txns.map(|(first, _)| first.0.to_string()),
            last_zxid: report.txns.map(|(_, last)| last.0.to_string()),
            first_time_ms: report.txns.map(|(first, _)| first.1),
            last_time_ms: report.txns.map(|(_, last)| last.1),
            servers: views::forecast::json(&self.forecast.starts),
            not_forecast: views::forecast::denied_json(self.forecast),
            accepted_epoch: report.epochs.0,
            current_epoch: report.epochs.1,
            windows: report.windows.iter().map(window_json).collect(),
            snapshots_alone: report.lone.iter().map(lone_json).collect::<Vec<_>>(),
            missing: report.missing.iter().map(missing_json).collect::<Vec<_>>(),
            not_restorable: report
                .not_restorable
                .iter()
                .map(stretch_json)
                .collect::<Vec<_>>(),
            findings: report.findings.iter().map(finding_json).collect::<Vec<_>>(),
            logs: report.logs.iter().map(log_json).collect(),
            snapshots: report.snapshots.iter().map(snapshot_json).collect(),
        })
    }
}

fn lone_json(lone: &LoneSnapshot) -> json::LoneSnapshot {
    json::LoneSnapshot {
        name: lone.alone.name.clone(),
        zxid: lone.alone.zxid.to_string(),
        shows_zxid: lone.alone.shows.to_string(),
        is_restorable: lone.is_restorable(),
    }
}

fn missing_json(missing: &Missing) -> json::Missing {
    json::Missing {
        first_missing_zxid: missing.first.to_string(),
        last_missing_zxid: missing.last.to_string(),
        after_zxid: missing.after.to_string(),
        before_zxid: missing.before.map(|zxid| zxid.to_string()),
        after_time_ms: missing.after_time,
        before_time_ms: missing.before_time,
        is_bridged: missing.is_bridged,
    }
}

fn stretch_json(stretch: &Stretch) -> json::TimedRange {
    json::TimedRange {
        from_zxid: stretch.from.to_string(),
        to_zxid: stretch.to.to_string(),
        from_time_ms: stretch.from_time,
        to_time_ms: stretch.to_time,
    }
}

fn finding_json(finding: &Finding) -> json::Finding {
    json::Finding {
        code: finding.code.name(),
        severity: finding.severity.name(),
        file: finding.file.as_ref().map(|file| file.display().to_string()),
        offset: finding.offset,
        zxid: finding
            .txn
            .and_then(TxnPlace::of)
            .map(|zxid| zxid.to_string()),
        after_zxid: finding
            .txn
            .and_then(TxnPlace::after)
            .map(|zxid| zxid.to_string()),
        time_ms: finding.time,
        message: finding.message.clone(),
        server: finding.server(),
        next_step: hint::words(&finding.next()),
    }
}

fn log_json(log: &LogReport) -> json::VerifyLog {
    let summary = log.summary.as_ref();
    let zxid = |zxid: Option<Zxid>| zxid.map(|zxid| zxid.to_string());
    json::VerifyLog {
        name: log.name.clone(),
        size_bytes: log.size,
        txns: summary.map(|summary| summary.count),
        digests: summary.map(|summary| summary.digests),
        first_zxid: zxid(summary.and_then(LogSummary::first)),
        last_zxid: zxid(summary.and_then(LogSummary::last)),
        behind_header: log.behind_header.as_ref().map(behind_header_json),
        largest_record_bytes: summary.map(|summary| summary.largest_record),
    }
}

fn snapshot_json(snapshot: &SnapshotReport) -> json::VerifySnapshot {
    let (exact_from, is_known) = exactness(snapshot.base.as_ref().map(|base| base.exact_from));
    json::VerifySnapshot {
        name: snapshot.name.clone(),
        size_bytes: snapshot.size,
        zxid: text::known_zxid(snapshot.zxid),
        znodes: snapshot.nodes,
        exact_from_zxid: exact_from.map(|zxid| zxid.to_string()),
        exact_from_is_known: is_known,
    }
}
