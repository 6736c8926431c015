//! The tables of the page: everything that is drawn, and what has no place in a drawing.

use super::legend::{PROOFS, severity_class, severity_mark};
use super::markup::{Attribute, Markup};
use super::servers;
use super::table::{short, table};
use super::{State, Subject, depth_words, proof_meaning, proof_words, when};
use crate::cli::views::files::exactness;
use crate::cli::views::hint;
use crate::cli::views::text;
use zoovault::analysis::finding::{Finding, Severity};
use zoovault::analysis::verify::{LogReport, Report, SnapshotReport};
use zoovault::error::TxnPlace;
use zoovault::zxid::Zxid;

/// How many rows a table has at most: a page is to open at once, and `--json` has them all.
const ROWS_MAX: usize = 400;

/// Writes the tables.
pub fn write(out: &mut Markup, subject: &Subject<'_>) {
    let report = subject.report;
    windows(out, report);
    missing(out, report);
    findings(out, report);
    servers::write(out, subject.forecast);
    logs(out, report);
    snapshots(out, report);
    checked(out, subject);
    words(out);
}

fn zxid(out: &mut Markup, zxid: Option<Zxid>) {
    match zxid {
        Some(zxid) => out.tag("td", &[("class", &"short")], |out| {
            out.leaf("code", &[], zxid);
        }),
        None => short(out, "–"),
    }
}

fn time(out: &mut Markup, ms: Option<i64>) {
    short(out, ms.map_or_else(|| "–".to_owned(), when));
}

fn number(out: &mut Markup, number: Option<u64>) {
    let text = number.map_or_else(|| "–".to_owned(), text::count);
    out.leaf("td", &[("class", &"number")], text);
}

/// The name of a file, which heads its row.
fn name(out: &mut Markup, name: &str) {
    out.tag("th", &[("scope", &"row"), ("class", &"short")], |out| {
        out.leaf("code", &[], name);
    });
}

fn state(out: &mut Markup, state: State) {
    let class = format!("short state {}", state.class());
    let words = format!("{} {}", state.sign(), state.words());
    out.leaf("td", &[("class", &class)], words.trim());
}

/// What a caption says where a table is cut.
fn cut(caption: &str, count: usize, which: &str) -> String {
    if count > ROWS_MAX {
        let (shown, left) = (text::count(ROWS_MAX as u64), count - ROWS_MAX);
        let left = text::count(left as u64);
        format!("{caption} {shown} are listed, {which}; {left} are omitted (--json has all).")
    } else {
        caption.to_owned()
    }
}

fn windows(out: &mut Markup, report: &Report) {
    let title = ("windows", "What can be restored");
    let caption = cut(
        "Ranges of zxids (windows) in which every point can be restored.",
        report.windows.len(),
        "the newest",
    );
    let columns = [
        "From",
        "To",
        "Time of the first",
        "Time of the last",
        "Begins with",
        "Proof",
    ];
    table(out, title, &caption, &columns, |out| {
        let left_out = report.windows.len().saturating_sub(ROWS_MAX);
        for window in report.windows.iter().skip(left_out) {
            out.tag("tr", &[], |out| {
                zxid(out, Some(window.from));
                zxid(out, Some(window.to));
                time(out, window.from_time);
                time(out, window.to_time);
                short(out, &window.base);
                out.tag("td", &[("class", &"wide")], |out| {
                    let (name, sign) = proof_words(window.proof);
                    out.leaf("strong", &[], format!("{sign} {name}"));
                    out.text(format!(": {}", proof_meaning(window.proof)));
                });
            });
        }
        if report.windows.is_empty() {
            nothing(out, columns.len(), "nothing can be restored");
        }
    });
}

/// A row that says that there is none.
fn nothing(out: &mut Markup, columns: usize, words: &str) {
    out.tag("tr", &[], |out| {
        out.leaf("td", &[("colspan", &columns)], words);
    });
}

fn missing(out: &mut Markup, report: &Report) {
    if report.missing.is_empty() && report.not_restorable.is_empty() {
        return;
    }
    let title = ("missing", "What is missing or unusable");
    let caption = cut(
        "Transactions known to be missing, and transactions in logs that cannot be reached from any snapshot. Before the oldest remaining snapshot the latter are no loss: a purge leaves them.",
        report.missing.len().max(report.not_restorable.len()),
        "the newest of each kind",
    );
    let columns = ["From", "To", "Txns", "Time before", "Time after", "What"];
    let newest = |count: usize| count.saturating_sub(ROWS_MAX);
    table(out, title, &caption, &columns, |out| {
        for missing in report.missing.iter().skip(newest(report.missing.len())) {
            out.tag("tr", &[], |out| {
                zxid(out, Some(missing.first));
                zxid(out, Some(missing.last));
                number(out, count_of(missing.first, missing.last));
                time(out, missing.after_time);
                time(out, missing.before_time);
                let behind = missing.before.map_or_else(
                    || "the logs end before them, but there are later snapshots".to_owned(),
                    |before| format!("between {} and {before}", missing.after),
                );
                let more = if missing.may_be_more() {
                    "; possibly more of the epoch that ended there"
                } else {
                    ""
                };
                let bridged = if missing.is_bridged {
                    "; a snapshot covers them"
                } else {
                    ""
                };
                out.tag("td", &[("class", &"wide")], |out| {
                    out.leaf("strong", &[], "missing");
                    out.text(format!(": {behind}{more}{bridged}"));
                });
            });
        }
        let stretches = report.not_restorable.iter();
        for stretch in stretches.skip(newest(report.not_restorable.len())) {
            out.tag("tr", &[], |out| {
                zxid(out, Some(stretch.from));
                zxid(out, Some(stretch.to));
                number(out, count_of(stretch.from, stretch.to));
                time(out, stretch.from_time);
                time(out, stretch.to_time);
                out.leaf(
                    "td",
                    &[("class", &"wide")],
                    "in the logs, but not in any range that can be restored",
                );
            });
        }
    });
}

/// How many zxids there are from one to another of an epoch.
fn count_of(first: Zxid, last: Zxid) -> Option<u64> {
    let is_one_epoch = first.epoch() == last.epoch();
    let between = u64::try_from(last.to_i64().checked_sub(first.to_i64())?).ok()?;
    is_one_epoch.then_some(between + 1)
}

fn findings(out: &mut Markup, report: &Report) {
    let title = ("findings", "Findings");
    let caption = cut(
        "Everything found, the worst first. Numbers are those in the charts; the codes are explained in zoovault-findings(7).",
        report.findings.len(),
        "the worst",
    );
    let columns = [
        "#",
        "Severity",
        "What",
        "Where",
        "Effect on a server",
        "Next safe step",
    ];
    table(out, title, &caption, &columns, |out| {
        for (index, finding) in report.findings.iter().enumerate().take(ROWS_MAX) {
            out.tag("tr", &[], |out| finding_row(out, index + 1, finding));
        }
        if report.findings.is_empty() {
            nothing(out, columns.len(), "none");
        }
    });
}

fn finding_row(out: &mut Markup, row: usize, finding: &Finding) {
    out.leaf("th", &[("scope", &"row"), ("class", &"number")], row);
    let class = format!("short level {}", severity_class(finding.severity));
    out.tag("td", &[("class", &class)], |out| {
        let attributes: [Attribute<'_>; 4] = [
            ("width", &18),
            ("height", &18),
            ("viewBox", &"0 0 18 18"),
            ("aria-hidden", &"true"),
        ];
        out.tag("svg", &attributes, |out| {
            severity_mark(out, finding.severity, 9.0, 9.0);
        });
        out.text(finding.severity.name());
    });
    out.tag("td", &[("class", &"wide")], |out| {
        out.text(&finding.message);
        out.text(" ");
        out.leaf("code", &[("class", &"code")], finding.code.name());
    });
    out.tag("td", &[("class", &"where")], |out| place(out, finding));
    out.leaf("td", &[("class", &"wide")], finding.server().unwrap_or("–"));
    let next = hint::words(&finding.next());
    out.leaf("td", &[("class", &"wide")], next);
}

/// Where a finding is: file, offset, zxid and time, as far as it has them.
fn place(out: &mut Markup, finding: &Finding) {
    out.tag("ul", &[], |out| {
        let mut line = |term: &'static str, place: String| {
            out.tag("li", &[], |out| {
                out.text(term);
                out.leaf("code", &[], place);
            });
        };
        if let Some(file) = &finding.file {
            line("", text::path(file));
        }
        if let Some(offset) = finding.offset {
            line("offset ", offset.to_string());
        }
        match finding.txn {
            Some(TxnPlace::Of(zxid)) => line("zxid ", zxid.to_string()),
            Some(TxnPlace::After(zxid)) => line("after ", zxid.to_string()),
            None => {}
        }
        if let Some(time) = finding.time {
            out.leaf("li", &[("class", &"whole")], when(time));
        }
        let has_place = finding.file.is_some() || finding.txn.is_some();
        if !has_place {
            out.leaf("li", &[], "the source as a whole");
        }
    });
}

/// The rows to be listed of `items`: those that are not whole, and the newest; in order.
fn chosen<T>(items: &[T], state: impl Fn(&T) -> State) -> Vec<&T> {
    let surplus = items.len().saturating_sub(ROWS_MAX);
    let mut left = surplus;
    let mut chosen: Vec<&T> = items
        .iter()
        .filter(|item| {
            let goes = left > 0 && state(item) == State::Good;
            left -= usize::from(goes);
            !goes
        })
        .collect();
    chosen.truncate(ROWS_MAX);
    chosen
}

const WHICH_FILES: &str = "those with findings and the newest";

fn logs(out: &mut Markup, report: &Report) {
    let title = ("logs", "Logs");
    let caption = cut("What each log contains.", report.logs.len(), WHICH_FILES);
    let columns = [
        "Name",
        "State",
        "First zxid",
        "Last zxid",
        "Time of the first",
        "Time of the last",
        "Txns",
        "Digests",
        "Size",
        "Largest record",
    ];
    table(out, title, &caption, &columns, |out| {
        for log in chosen(&report.logs, State::of_log) {
            out.tag("tr", &[], |out| log_row(out, log));
        }
        if report.logs.is_empty() {
            nothing(out, columns.len(), "none");
        }
    });
}

fn log_row(out: &mut Markup, log: &LogReport) {
    let summary = log.summary.as_ref();
    let times = summary.and_then(|summary| summary.times());
    name(out, &log.name);
    state(out, State::of_log(log));
    zxid(out, summary.and_then(|summary| summary.first()));
    zxid(out, summary.and_then(|summary| summary.last()));
    time(out, times.map(|(first, _)| first));
    time(out, times.map(|(_, last)| last));
    number(out, summary.map(|summary| summary.count));
    number(out, summary.map(|summary| summary.digests));
    size(out, Some(log.size));
    size(out, summary.map(|summary| summary.largest_record as u64));
}

fn size(out: &mut Markup, bytes: Option<u64>) {
    let text = bytes.map_or_else(|| "–".to_owned(), text::size);
    out.leaf("td", &[("class", &"number")], text);
}

fn snapshots(out: &mut Markup, report: &Report) {
    let title = ("snapshots", "Snapshots");
    let caption = cut(
        "What each snapshot contains. A snapshot is written while transactions continue, so it is exact only from some zxid on.",
        report.snapshots.len(),
        WHICH_FILES,
    );
    let columns = [
        "Name",
        "State",
        "Zxid",
        "Time",
        "Exact from",
        "Znodes",
        "Size",
    ];
    table(out, title, &caption, &columns, |out| {
        for snapshot in chosen(&report.snapshots, State::of_snapshot) {
            out.tag("tr", &[], |out| snapshot_row(out, snapshot));
        }
        if report.snapshots.is_empty() {
            nothing(out, columns.len(), "none");
        }
    });
}

fn snapshot_row(out: &mut Markup, snapshot: &SnapshotReport) {
    name(out, &snapshot.name);
    state(out, State::of_snapshot(snapshot));
    zxid(out, Some(snapshot.zxid));
    time(out, snapshot.time);
    let (exact_from, is_known) = exactness(snapshot.base.as_ref().map(|base| base.exact_from));
    match exact_from {
        Some(zxid) => out.tag("td", &[("class", &"short")], |out| {
            out.leaf("code", &[], zxid);
            if !is_known {
                out.text(" at the latest");
            }
        }),
        None => short(out, "not known"),
    }
    number(out, snapshot.nodes);
    size(out, Some(snapshot.size));
}

/// What was done to come to the verdict.
fn checked(out: &mut Markup, subject: &Subject<'_>) {
    let report = subject.report;
    let epoch =
        |epoch: Option<i64>| epoch.map_or_else(|| "–".to_owned(), |epoch| epoch.to_string());
    let txns = match report.txns {
        Some(((first, first_time), (last, last_time))) => format!(
            "{}, {first} of {} to {last} of {}",
            text::count(report.txn_count),
            when(first_time),
            when(last_time)
        ),
        None => "none".to_owned(),
    };
    let (snapshots, znodes) = report.snapshots_crossed;
    let rows = [
        ("Source", text::path(subject.source)),
        (
            "dataLogDir",
            subject
                .data_log_dir
                .map_or_else(|| "not given separately".to_owned(), |dir| text::path(dir)),
        ),
        ("Checked on", subject.host.clone()),
        ("Checked at", when(subject.time)),
        (
            "Checked by",
            format!("zoovault {}", env!("CARGO_PKG_VERSION")),
        ),
        ("Depth", depth_words(report.depth).to_owned()),
        ("Exit status", subject.exit.to_string()),
        ("Logs read", text::count(report.logs.len() as u64)),
        ("Transactions read", txns),
        ("Snapshots read", text::count(report.snapshots.len() as u64)),
        ("Digests compared", text::count(report.digests_compared)),
        (
            "Snapshots compared with a replay",
            format!(
                "{}, with {}",
                text::count(snapshots),
                text::plural(znodes, "znode")
            ),
        ),
        (
            "acceptedEpoch, currentEpoch",
            format!("{}, {}", epoch(report.epochs.0), epoch(report.epochs.1)),
        ),
    ];
    out.tag("section", &[("aria-labelledby", &"checked")], |out| {
        out.leaf("h2", &[("id", &"checked")], "What was checked");
        out.tag("dl", &[("class", &"facts")], |out| {
            for (term, fact) in rows {
                out.leaf("dt", &[], term);
                out.leaf("dd", &[], fact);
            }
        });
    });
}

/// The words that the page uses.
fn words(out: &mut Markup) {
    let severities = [
        (Severity::Damage, "data contradicts itself or other data"),
        (
            Severity::Missing,
            "transactions needed for the last point are missing",
        ),
        (
            Severity::Warning,
            "nothing is lost, but an operator should look",
        ),
        (Severity::Info, "good to know"),
    ];
    out.tag("section", &[("aria-labelledby", &"words")], |out| {
        out.leaf("h2", &[("id", &"words")], "Words");
        out.tag("dl", &[("class", &"facts")], |out| {
            for proof in PROOFS {
                let (name, sign) = proof_words(proof);
                out.leaf("dt", &[], format!("{sign} {name}"));
                out.leaf("dd", &[], proof_meaning(proof));
            }
            for (severity, meaning) in severities {
                out.leaf("dt", &[], severity.name());
                out.leaf("dd", &[], meaning);
            }
            out.leaf("dt", &[], "zxid");
            out.leaf(
                "dd",
                &[],
                "a transaction id: the leader's epoch in the high 32 bits, a counter in the low 32",
            );
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_files_those_with_findings_and_the_newest_are_listed() {
        let items: Vec<usize> = (0..ROWS_MAX + 50).collect();
        let state = |item: &usize| {
            if *item == 7 {
                State::Damaged
            } else {
                State::Good
            }
        };
        let listed = chosen(&items, state);
        assert_eq!(listed.len(), ROWS_MAX);
        assert_eq!(listed.first(), Some(&&7));
        assert_eq!(listed.last(), Some(&&(ROWS_MAX + 49)));
    }

    #[test]
    fn zxids_are_counted_within_an_epoch_only() {
        assert_eq!(count_of(Zxid::new(1, 5), Zxid::new(1, 5)), Some(1));
        assert_eq!(count_of(Zxid::new(1, 5), Zxid::new(2, 5)), None);
        assert_eq!(count_of(Zxid::new(1, 5), Zxid::new(1, 1)), None);
    }
}
