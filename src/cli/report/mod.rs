//! `verify --report`: the verdict as one HTML page, to be attached to an incident.
//!
//! The page stands alone: no scripts, nothing fetched, no fonts, styles and drawings in the page
//! itself, and a policy in it that forbids a browser the rest. What comes from files and
//! directories is escaped by [`markup`], the one way into the page.

mod chart;
mod layout;
mod legend;
mod markup;
mod output_file;
mod servers;
mod style;
mod table;
mod tables;
mod timeline;
mod verdict;

pub use output_file::Place;

use crate::cli::views::text;
use chart::Chart;
use jiff::tz::TimeZone;
use markup::Markup;
use std::path::{Path, PathBuf};
use timeline::Axis;
use zoovault::analysis::finding::Severity;
use zoovault::analysis::verify::{Depth, LogReport, Report, SnapshotReport, Verdict};
use zoovault::history::replay::Proof;
use zoovault::server::forecast::Forecast;

/// What a page is about.
pub struct Subject<'a> {
    /// The source, as the user named it.
    pub source: &'a Path,
    /// The dataLogDir, where the user named one.
    pub data_log_dir: Option<&'a PathBuf>,
    /// Where it was read.
    pub host: String,
    /// When, in ms.
    pub time: i64,
    /// The exit status of the program.
    pub exit: u8,
    pub report: &'a Report,
    /// What servers would do, where that was asked for.
    pub forecast: &'a Forecast,
}

/// What is known of a file; the worse, the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Good,
    Warning,
    Damaged,
}

impl State {
    fn of_log(log: &LogReport) -> State {
        if log.summary.is_none() && log.worst != Some(Severity::Warning) {
            return State::Damaged;
        }
        State::of(log.worst)
    }

    fn of_snapshot(snapshot: &SnapshotReport) -> State {
        // One that was cut may be no loss, but nothing can be restored from it.
        if snapshot.nodes.is_none() {
            return State::Damaged;
        }
        State::of(snapshot.worst)
    }

    fn of(worst: Option<Severity>) -> State {
        match worst {
            None | Some(Severity::Info) => State::Good,
            Some(Severity::Warning | Severity::Missing) => State::Warning,
            Some(Severity::Damage) => State::Damaged,
        }
    }

    fn words(self) -> &'static str {
        match self {
            State::Good => "whole",
            State::Warning => "see findings",
            State::Damaged => "damaged",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            State::Good => "",
            State::Warning => "!",
            State::Damaged => "✕",
        }
    }

    fn class(self) -> &'static str {
        match self {
            State::Good => "good",
            State::Warning => "warned",
            State::Damaged => "damaged",
        }
    }
}

/// The page.
pub fn page(subject: &Subject<'_>) -> String {
    let report = subject.report;
    let mut out = Markup::default();
    out.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n");
    out.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n");
    let (word, ..) = verdict::of(report.verdict());
    let source = text::path(subject.source);
    out.leaf("title", &[], format!("{word}: {source} (zoovault verify)"));
    out.raw("<style>\n");
    out.raw(style::CSS);
    out.raw("</style>\n</head>\n<body>\n");
    out.raw(style::PATTERNS);
    out.tag("main", &[], |out| {
        verdict::write(out, subject);
        history(out, subject);
        tables::write(out, subject);
    });
    out.raw("</body>\n</html>\n");
    out.finish()
}

/// The two drawings, and what their signs mean.
fn history(out: &mut Markup, subject: &Subject<'_>) {
    let chart = Chart::new(subject);
    let (left, right) = (timeline::LEFT, timeline::RIGHT);
    let zone = TimeZone::system();
    let Some(zxids) = chart.zxid_axis(left, right) else {
        return;
    };
    out.tag("section", &[("class", &"history"), ("aria-labelledby", &"history")], |out| {
        out.leaf("h2", &[("id", &"history")], "History");
        legend::legend(out, subject.report);
        let desc = "Rows from top to bottom: epochs, ranges that can be restored, missing transactions, logs, snapshots, findings. The tables below contain everything that is drawn.";
        figure(out, "By zxid", |out| {
            let axis = Axis::Zxid(zxids);
            timeline::draw(out, &chart, &axis, "by-zxid", "History by zxid", desc);
            Some("Each epoch is drawn only as far as its zxids are known; a slanted stroke on the axis marks an epoch boundary. Gaps are drawn shorter than they are.".to_owned())
        });
        figure(out, "By time", |out| {
            let Some(axis) = chart.time_axis(left, right) else {
                out.leaf("p", &[("class", &"note")], "No log has a transaction, so nothing has a time.");
                return None;
            };
            let axis = Axis::Time(axis, zone.clone());
            timeline::draw(out, &chart, &axis, "by-time", "History by time", desc);
            Some(time_note(&chart, subject))
        });
        if let Some(left_out) = subject.report.windows.len().checked_sub(chart::WINDOWS_MAX + 1) {
            let words = format!(
                "Not drawn: the oldest {} that can be restored; there are too many.",
                text::plural(left_out as u64 + 1, "range")
            );
            out.leaf("p", &[("class", &"note")], words);
        }
    });
}

fn figure(out: &mut Markup, name: &'static str, draw: impl FnOnce(&mut Markup) -> Option<String>) {
    out.tag("figure", &[], |out| {
        out.leaf("h3", &[], name);
        let mut note = None;
        out.tag(
            "div",
            &[
                ("class", &"scroll drawing"),
                ("tabindex", &"0"),
                ("role", &"group"),
                ("aria-label", &name),
            ],
            |out| note = draw(out),
        );
        if let Some(note) = note {
            out.leaf("figcaption", &[("class", &"note")], note);
        }
    });
}

fn time_note(chart: &Chart, subject: &Subject<'_>) -> String {
    let offset = when(
        subject
            .report
            .txns
            .map_or(subject.time, |((_, time), _)| time),
    );
    let offset = offset.get(offset.len().saturating_sub(6)..).unwrap_or("");
    let mut note = format!(
        "Times are from the leaders' clocks, shown at {offset}; a snapshot is drawn at the time of the transaction that it is named after."
    );
    let without: Vec<String> = chart
        .without_time()
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, thing)| text::plural(count as u64, thing))
        .collect();
    if !without.is_empty() {
        note.push_str(&format!(
            " Without a time, and so not drawn: {}.",
            without.join(", ")
        ));
    }
    note
}

/// A kind of proof in a word or two, and its sign.
fn proof_words(proof: Option<Proof>) -> (&'static str, &'static str) {
    match proof {
        Some(Proof::Proven) => ("proven", "✓"),
        Some(Proof::Consistent) => ("consistent", "="),
        Some(Proof::Unproven) => ("unproven", "?"),
        None => ("not replayed", "…"),
    }
}

/// What a kind of proof means.
fn proof_meaning(proof: Option<Proof>) -> &'static str {
    match proof {
        Some(Proof::Proven) => {
            "the digest of the rebuilt tree matches the one that the servers recorded"
        }
        Some(Proof::Consistent) => {
            "everything is present and intact, and nothing contradicts it; no digest was recorded that could prove more"
        }
        Some(Proof::Unproven) => "part of it is only inferred; the findings say which part",
        None => "according to the files; nothing was replayed (--quick)",
    }
}

/// How deep it was looked.
fn depth_words(depth: Depth) -> &'static str {
    match depth {
        Depth::Full => "full: files, chain, and replay with digests and snapshots compared",
        Depth::Quick => "quick (--quick): files and chain only, nothing replayed",
    }
}

/// A time, for reading: as points are written, too.
fn when(ms: i64) -> String {
    text::time(ms).replacen('T', " ", 1)
}

fn when_or_unknown(ms: Option<i64>) -> String {
    ms.map_or_else(|| "time unknown".to_owned(), when)
}

/// Whether the last txn can be restored.
fn reaches_last(report: &Report) -> bool {
    let reached = report.windows.iter().map(|window| window.to).max();
    reached >= report.txns.map(|(_, (last, _))| last) && reached.is_some()
}

/// Whether there is something to be lost or gained by acting in haste.
fn is_bad(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Unreachable | Verdict::Damaged)
}
