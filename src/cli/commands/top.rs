//! `top`: who writes.

use crate::cli::args::{POINTS, SourceArg};
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::json;
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::remarks::Remarks;
use crate::cli::views::text;
use crate::cli::views::value;
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::io::{self, Write};
use std::path::PathBuf;
use zoovault::analysis::top::{By, Key, Report, Tally, top};
use zoovault::history::query::{Filter, Query, Range};
use zoovault::history::source::Source;
use zoovault::history::time;
use zoovault::tree::glob::PathGlob;

/// How wide a line is.
const WIDTH: usize = 80;
/// How long a bar is.
const BAR_LEN: usize = 20;
/// How many stretches of time are shown where the length is left to us.
const BUCKETS: usize = 24;

/// Show who writes: which paths, sessions or operations, how often and how much, and when.
///
/// What is counted is changes: each part of a multi for its own path, each ephemeral that a
/// closeSession lists as deleted, and every other transaction as one. Bytes are bytes in the log.
#[derive(Args, Debug)]
#[command(after_help = POINTS)]
pub struct TopArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// The dataLogDir, if it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// What to group changes by
    #[arg(long, value_enum, default_value_t)]
    pub by: ByArg,
    /// How many components of a path to group by
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    pub depth: usize,
    /// How many rows to show
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
    pub rows: usize,
    /// Begin with the transaction that POINT names, or with the first that is not earlier
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// End with the transaction that POINT names, or before the first that is later
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Only changes of matching paths: * and ? within a name, ** across names. Can be repeated
    #[arg(long, value_name = "GLOB")]
    pub path: Vec<PathGlob>,
    /// Also show activity over time, in intervals of 10s, 1m, 1h, 1d; auto chooses a length
    #[arg(long, value_name = "LENGTH", value_parser = parse_every)]
    pub every: Option<Every>,
}

/// What to group changes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ByArg {
    #[default]
    Path,
    Session,
    Op,
}

/// How long a stretch of time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    Auto,
    Ms(i64),
}

fn parse_every(text: &str) -> Result<Every, String> {
    if text == "auto" {
        return Ok(Every::Auto);
    }
    match time::parse_length_ms(text) {
        Ok(length) if length > 0 => Ok(Every::Ms(length)),
        Ok(_) => Err("an interval must be longer than that".to_owned()),
        Err(err) => Err(format!("{err}; 'auto' chooses one")),
    }
}

struct Shown {
    source: String,
    by: ByArg,
    depth: usize,
    rows: usize,
    every: Option<Every>,
    report: Report,
}

pub fn run(args: &TopArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let bound = |text: &Option<String>| text.as_deref().map(text::point).transpose();
    let (from, to) = (bound(&args.from)?, bound(&args.to)?);
    if args.depth == 0 {
        return Err(BadArgument("--depth must be 1 or more".to_owned()).into());
    }
    let by = match args.by {
        ByArg::Path => By::Path { depth: args.depth },
        ByArg::Session => By::Session,
        ByArg::Op => By::Op,
    };
    let every = match args.every {
        Some(Every::Ms(ms)) => Some(ms),
        Some(Every::Auto) | None => None,
    };
    let options = args.source.options(args.data_log_dir.as_ref());
    let mut remarks = Remarks::new(ui);
    let report = Source::with(&args.source.source, &options, |source| {
        let query = Query {
            range: Range::new(source, from, to, ui.progress())?,
            filter: Filter::default().paths(args.path.iter().cloned()),
            with_sessions: false,
        };
        let mut tell = |remark| remarks.tell(&remark);
        top(source, &query, by, every, BUCKETS, ui.progress(), &mut tell)
    })
    .context("cannot count transactions")?;
    let shown = Shown {
        source: text::path(&args.source.source),
        by: args.by,
        depth: args.depth,
        rows: args.rows,
        every: args.every,
        report,
    };
    ui.show(&shown, true)?;
    Ok(remarks.finish())
}

/// `part` of `whole`, in per cent.
#[expect(clippy::cast_precision_loss, reason = "it is shown with one digit")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 * 100.0 / whole as f64
}

/// A bar as long as `part` of `most`.
fn bar(part: u64, most: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let length = (u128::from(part) * BAR_LEN as u128 * 8).checked_div(u128::from(most));
    let length = usize::try_from(length.unwrap_or(0)).unwrap_or(0);
    let rest = EIGHTHS.get(length % 8).copied().unwrap_or_default();
    "█".repeat(length / 8) + rest
}

fn key_text(key: &Key) -> String {
    match key {
        Key::Path(path) => value::path(path),
        Key::NoPath => "(no path)".to_owned(),
        Key::Session(id) => {
            let [server, ..] = id.to_be_bytes();
            format!("0x{id:x} (server {server})")
        }
        Key::Op(name) => (*name).to_owned(),
        Key::Others => "(others)".to_owned(),
    }
}

/// `text`, or as much of its end as `width` characters hold.
fn fit(text: &str, width: usize) -> String {
    let len = text.chars().count();
    if len <= width {
        return format!("{text:<width$}");
    }
    let kept: String = text.chars().skip(len + 1 - width).collect();
    format!("…{kept}")
}

impl Render for Shown {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let report = &self.report;
        let title = look.paint("1", &self.source);
        let changes = text::plural(report.total.count, "change");
        let txns = text::plural(report.txns, "txn");
        let size = text::size(report.total.bytes);
        writeln!(out, "{title}: {changes} in {txns}, {size}")?;
        if let Some((first, last)) = report.times {
            writeln!(out, "  {} to {}", text::time(first), text::time(last))?;
        }
        let most = report.rows.first().map_or(0, |(_, tally)| tally.count);
        let name_len = WIDTH - (9 + 2 + 6 + 2 + 11 + 1 + BAR_LEN + 1);
        let name = match self.by {
            ByArg::Path => "path",
            ByArg::Session => "session",
            ByArg::Op => "operation",
        };
        if !report.rows.is_empty() {
            let head = format!(
                "{name:<name_len$} {:>9}  {:>6}  {:>11}",
                "changes", "share", "bytes"
            );
            writeln!(out, "\n{}", look.paint("1", &head))?;
        }
        for (key, tally) in report.rows.iter().take(self.rows) {
            writeln!(
                out,
                "{} {:>9}  {:>5.1}%  {:>11} {}",
                fit(&key_text(key), name_len),
                text::count(tally.count),
                share(tally.count, report.total.count),
                text::size(tally.bytes),
                look.paint("36", &bar(tally.count, most)),
            )?;
        }
        let more = report.rows.len().saturating_sub(self.rows);
        if more > 0 {
            writeln!(
                out,
                "... and {} (-n shows them)",
                text::plural(more as u64, "more row")
            )?;
        }
        if report.is_capped {
            writeln!(
                out,
                "There are too many to count separately: later ones are counted as (others)."
            )?;
        }
        if self.every.is_some() {
            self.over_time(out, look)?;
        }
        Ok(())
    }

    fn json(&self) -> json::Result {
        let report = &self.report;
        let rows = report.rows.iter().take(self.rows).map(|(key, tally)| {
            let mut row = json::TopRow {
                changes: tally.count,
                bytes: tally.bytes,
                ..json::TopRow::default()
            };
            match key {
                Key::Path(path) => row.path = Some(Some(path.as_ref()).into()),
                Key::Session(id) => {
                    let [server, ..] = id.to_be_bytes();
                    row.session = Some(format!("0x{id:x}"));
                    row.server_id = Some(server);
                }
                Key::Op(name) => row.op = Some(name),
                Key::NoPath => row.path = Some(None.into()),
                Key::Others => row.is_others = Some(true),
            }
            row
        });
        let by = match self.by {
            ByArg::Path => "path",
            ByArg::Session => "session",
            ByArg::Op => "op",
        };
        json::value(&json::Top {
            source: self.source.clone(),
            by,
            depth: (self.by == ByArg::Path).then_some(self.depth),
            txns: report.txns,
            changes: report.total.count,
            bytes: report.total.bytes,
            first_time_ms: report.times.map(|times| times.0),
            last_time_ms: report.times.map(|times| times.1),
            rows: rows.collect::<Vec<_>>(),
            rows_total: report.rows.len(),
            is_capped: report.is_capped,
            every_ms: self.every.map(|_| report.bucket_ms),
            over_time: self.every.map(|_| {
                report
                    .buckets
                    .iter()
                    .map(|(start, tally)| json::TopBucket {
                        time_ms: *start,
                        changes: tally.count,
                        bytes: tally.bytes,
                    })
                    .collect::<Vec<_>>()
            }),
        })
    }
}

impl Shown {
    fn over_time(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let report = &self.report;
        let (width, buckets) = (report.bucket_ms, &report.buckets);
        let most = buckets.iter().map(|(_, tally)| tally.count).max();
        let head = format!("changes in {}", length(width));
        writeln!(out, "\n{}", look.paint("1", &head))?;
        let mut due = None;
        for (start, tally) in buckets {
            // Where nothing happened for long, one line says so.
            if due.is_some_and(|due| due < *start) {
                writeln!(out, "...")?;
            }
            self.bucket(out, look, *start, tally, most.unwrap_or(0))?;
            due = Some(start.saturating_add(width));
        }
        if let Some(Every::Ms(asked)) = self.every
            && asked != width
        {
            let asked = length(asked);
            writeln!(
                out,
                "Intervals of {asked} would be too many: these are longer."
            )?;
        }
        Ok(())
    }

    fn bucket(
        &self,
        out: &mut dyn Write,
        look: &TextStyle,
        start: i64,
        tally: &Tally,
        most: u64,
    ) -> io::Result<()> {
        let bar = look.paint("36", &bar(tally.count, most));
        let (time, changes) = (text::time(start), text::count(tally.count));
        writeln!(
            out,
            "{time:<30} {changes:>9} {:>11} {bar}",
            text::size(tally.bytes)
        )
    }
}

/// A length of time in its largest whole unit.
fn length(ms: i64) -> String {
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
    ];
    let whole = units.into_iter().find(|(unit, _)| ms % unit == 0);
    whole.map_or_else(
        || format!("{ms} ms"),
        |(unit, name)| format!("{}{name}", ms / unit),
    )
}
