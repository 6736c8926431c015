//! `inspect`: one screen about a source.

use crate::cli::args::SourceArg;
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::files::{behind_header_json, exactness};
use crate::cli::views::text;
use anyhow::Context;
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use zoovault::analysis::inspect::{Log, Overview, Snapshot, inspect};
use zoovault::history::replay::ExactFrom;
use zoovault::history::source::{EpochFile, Source};
use zoovault::zxid::Zxid;

/// Show the files, their zxids and times, and the points that they appear to cover.
///
/// One screen: every log and snapshot on a timeline of transactions, which releases wrote them,
/// epoch files, the ranges of points that could be restored judging by names, headers and last
/// bytes, and what is missing between them. Nothing is verified: use `zoovault verify` for that.
#[derive(Args, Debug)]
pub struct InspectArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// The dataLogDir, if it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
}

/// How many files are listed one by one, newest first to stay.
const FILES_MAX: usize = 24;
/// How many characters the timeline has.
const TIMELINE_LEN: usize = 32;

pub fn run(args: &InspectArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let options = args.source.options(args.data_log_dir.as_ref());
    let overview = Source::with(&args.source.source, &options, |source| {
        inspect(source, ui.progress())
    })
    .context("cannot inspect")?;
    ui.show(
        &Report {
            shown: text::path(&args.source.source),
            overview,
        },
        true,
    )?;
    Ok(Exit::Done)
}

struct Report {
    shown: String,
    overview: Overview,
}

/// Places zxids on a line as long as there are txns, so that epochs leave no hole.
struct Scale {
    spans: Vec<(Zxid, Zxid, u64, u64)>,
    total: u64,
}

impl Scale {
    fn new(logs: &[Log]) -> Scale {
        let mut spans = Vec::new();
        let mut total = 0;
        for log in logs {
            if let Some((first, last)) = log.zxids {
                spans.push((first, last, total, log.txns));
                total += log.txns;
            }
        }
        Scale { spans, total }
    }

    /// Where `zxid` is, in characters from the left.
    fn place(&self, zxid: Zxid) -> usize {
        let behind = self.spans.iter().rev().find(|(first, ..)| *first <= zxid);
        let done = behind.map_or(0, |(first, _, before, txns)| {
            let into = u64::try_from(zxid.to_i64().saturating_sub(first.to_i64())).unwrap_or(0);
            before + into.min(*txns)
        });
        let place = done
            .saturating_mul(TIMELINE_LEN as u64)
            .checked_div(self.total)
            .unwrap_or(0);
        usize::try_from(place).unwrap_or(0).min(TIMELINE_LEN - 1)
    }

    /// A line with `mark` from `from` to `to`.
    fn draw(&self, from: Zxid, to: Zxid, mark: char) -> String {
        let (from, to) = (self.place(from), self.place(to));
        (0..TIMELINE_LEN)
            .map(|at| {
                if (from..=to).contains(&at) {
                    mark
                } else {
                    '·'
                }
            })
            .collect()
    }
}

impl Render for Report {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let overview = &self.overview;
        let scale = Scale::new(&overview.logs);
        let title = look.paint("1", &self.shown);
        writeln!(out, "{title}  (written by {})", overview.written_by)?;
        for remark in &overview.remarks {
            writeln!(out, "  {}", text::escape(remark))?;
        }
        show_epochs(out, overview)?;
        if let Some([first, last]) = overview.txns {
            let txns = text::plural(overview.logs.iter().map(|log| log.txns).sum(), "txn");
            writeln!(out, "  {txns}: {} at {}", first.0, text::time(first.1))?;
            writeln!(out, "  to {} at {}", last.0, text::time(last.1))?;
        }
        writeln!(out)?;
        list_files(out, overview, &scale, look)?;
        show_windows(out, overview, &scale, look)
    }

    fn json(&self) -> json::Result {
        let overview = &self.overview;
        let epoch = |file: &EpochFile| match file {
            EpochFile::Epoch(epoch) => Some(json::InspectEpoch::Number(*epoch)),
            EpochFile::Absent | EpochFile::Unread => None,
            EpochFile::Empty => Some(json::InspectEpoch::Text(String::new())),
            EpochFile::Unparsable(text) => Some(json::InspectEpoch::Text(text.clone())),
        };
        json::value(&json::Inspect {
            source: self.shown.clone(),
            remarks: overview.remarks.clone(),
            written_by: overview.written_by,
            accepted_epoch: epoch(&overview.epochs.0),
            current_epoch: epoch(&overview.epochs.1),
            logs: overview
                .logs
                .iter()
                .map(|log| json::InspectLog {
                    name: log.name.clone(),
                    size_bytes: log.size,
                    used_bytes: log.used,
                    txns: log.txns,
                    first_zxid: log.zxids.map(|zxids| zxids.0.to_string()),
                    last_zxid: log.zxids.map(|zxids| zxids.1.to_string()),
                    first_time_ms: log.times.map(|times| times.0),
                    last_time_ms: log.times.map(|times| times.1),
                    behind_header: log.behind_header.as_ref().map(behind_header_json),
                    remark: log.remark.clone(),
                })
                .collect::<Vec<_>>(),
            snapshots: overview
                .snapshots
                .iter()
                .map(|snapshot| {
                    let (exact_from, is_known) = exactness(snapshot.exact_from);
                    json::InspectSnapshot {
                        name: snapshot.name.clone(),
                        size_bytes: snapshot.size,
                        zxid: text::known_zxid(snapshot.zxid),
                        exact_from_zxid: exact_from.map(|zxid| zxid.to_string()),
                        exact_from_is_known: is_known,
                        remark: snapshot.remark.clone(),
                    }
                })
                .collect::<Vec<_>>(),
            windows: overview
                .windows
                .iter()
                .map(|[from, to]| json::TimedRange {
                    from_zxid: from.0.to_string(),
                    to_zxid: to.0.to_string(),
                    from_time_ms: from.1,
                    to_time_ms: to.1,
                })
                .collect::<Vec<_>>(),
            gaps: overview
                .gaps
                .iter()
                .map(|gap| json::InspectGap {
                    first_missing_zxid: gap.first_missing().to_string(),
                    last_missing_zxid: gap.last_missing().to_string(),
                    after_zxid: gap.after.to_string(),
                    before_zxid: gap.before.to_string(),
                    after_time_ms: gap.after_time,
                    before_time_ms: gap.before_time,
                })
                .collect::<Vec<_>>(),
        })
    }
}

fn show_epochs(out: &mut dyn Write, overview: &Overview) -> io::Result<()> {
    let (accepted, current) = &overview.epochs;
    for (name, epoch) in [("acceptedEpoch", accepted), ("currentEpoch", current)] {
        match epoch {
            EpochFile::Absent => {}
            EpochFile::Unread => writeln!(out, "  {name} cannot be read")?,
            EpochFile::Epoch(epoch) => writeln!(out, "  {name} {epoch}")?,
            EpochFile::Empty => writeln!(out, "  {name} is empty")?,
            EpochFile::Unparsable(text) => {
                writeln!(out, "  {name} is not a number: \"{}\"", text::escape(text))?;
            }
        }
    }
    Ok(())
}

fn show_windows(
    out: &mut dyn Write,
    overview: &Overview,
    scale: &Scale,
    look: &TextStyle,
) -> io::Result<()> {
    let title = "Restorable points (unverified; run 'zoovault verify'):";
    writeln!(out, "\n{}", look.paint("1", title))?;
    for [from, to] in &overview.windows {
        let line = look.paint("32", &scale.draw(from.0, to.0, '='));
        writeln!(out, "  {line}  {} to {}", from.0, to.0)?;
        if from.1.is_some() || to.1.is_some() {
            let (from, to) = (text::time_or_dash(from.1), text::time_or_dash(to.1));
            writeln!(out, "  {:TIMELINE_LEN$}  {from} to {to}", "")?;
        }
    }
    if overview.windows.is_empty() {
        writeln!(out, "  {}", look.paint("31", "none"))?;
    }
    for gap in &overview.gaps {
        let text = match gap.is_end_of_epoch() {
            true => format!("missing: {gap}"),
            false => format!("missing: {} to {}", gap.first_missing(), gap.last_missing()),
        };
        writeln!(out, "  {}", look.paint("31", &text))?;
    }
    Ok(())
}

fn list_files(
    out: &mut dyn Write,
    overview: &Overview,
    scale: &Scale,
    look: &TextStyle,
) -> io::Result<()> {
    let logs = overview.logs.iter().map(|log| {
        (
            log.zxids.map_or(Zxid::ZERO, |zxids| zxids.0),
            1,
            log_line(log, scale, look),
        )
    });
    let snapshots = overview
        .snapshots
        .iter()
        .map(|snapshot| (snapshot.zxid, 0, snapshot_line(snapshot, scale, look)));
    let mut lines: Vec<_> = logs.chain(snapshots).collect();
    lines.sort();
    let left_out = if look.verbose {
        0
    } else {
        lines.len().saturating_sub(FILES_MAX)
    };
    if left_out > 0 {
        writeln!(out, "  ... {left_out} older files (-v shows them)")?;
    }
    for (_, _, line) in lines.iter().skip(left_out) {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

fn log_line(log: &Log, scale: &Scale, look: &TextStyle) -> String {
    let (line, holds) = match log.zxids {
        Some((first, last)) => (
            scale.draw(first, last, '-'),
            format!("to {last}, {}", text::plural(log.txns, "txn")),
        ),
        None => (" ".repeat(TIMELINE_LEN), "no transactions".to_owned()),
    };
    let remark = log
        .remark
        .as_ref()
        .map(|remark| look.paint("31", &format!("  {remark}")))
        .unwrap_or_default();
    format!(
        "{line}  {:<22} {holds}, {}{remark}",
        log.name,
        text::size(log.used)
    )
}

fn snapshot_line(snapshot: &Snapshot, scale: &Scale, look: &TextStyle) -> String {
    let (line, exact) = match snapshot.exact_from {
        Some(ExactFrom::Known(zxid)) => (
            scale.draw(snapshot.zxid, zxid, '#'),
            format!("exact from {zxid}"),
        ),
        Some(ExactFrom::Bounded(zxid)) => (
            scale.draw(snapshot.zxid, zxid, '?'),
            format!("exact from {zxid} at the latest"),
        ),
        Some(ExactFrom::Open) => (
            scale.draw(snapshot.zxid, snapshot.zxid, '?'),
            "exact from an unknown zxid".to_owned(),
        ),
        None => (" ".repeat(TIMELINE_LEN), look.paint("31", "damaged")),
    };
    let remark = snapshot
        .remark
        .as_ref()
        .map(|remark| look.paint("31", &format!("  {remark}")))
        .unwrap_or_default();
    format!(
        "{line}  {:<22} {exact}, {}{remark}",
        snapshot.name,
        text::size(snapshot.size)
    )
}
