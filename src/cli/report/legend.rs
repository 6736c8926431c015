//! The signs of the drawings, each with a shape or pattern of its own so that colour is not needed,
//! and the legend.

use super::markup::{Attribute, Markup};
use super::{State, proof_words};
use zoovault::analysis::finding::Severity;
use zoovault::analysis::verify::Report;
use zoovault::history::replay::Proof;

/// The kinds of proof, the best first.
pub const PROOFS: [Option<Proof>; 4] = [
    Some(Proof::Proven),
    Some(Proof::Consistent),
    Some(Proof::Unproven),
    None,
];

/// The severities, the worst first.
const SEVERITIES: [Severity; 4] = [
    Severity::Damage,
    Severity::Missing,
    Severity::Warning,
    Severity::Info,
];

/// What the signs of the drawings mean: only those that there are.
pub fn legend(out: &mut Markup, report: &Report) {
    out.tag("ul", &[("class", &"legend")], |out| {
        for proof in PROOFS {
            if report.windows.iter().any(|window| window.proof == proof) {
                let (name, sign) = proof_words(proof);
                let class = format!("window {}", name.replace(' ', "-"));
                swatch(out, &class, &format!("{sign} can be restored: {name}"));
            }
        }
        if !report.missing.is_empty() {
            swatch(out, "hole", "missing transactions");
        }
        legend_of_files(out, report);
        for severity in SEVERITIES {
            let mut findings = report.findings.iter();
            if findings.any(|finding| finding.severity == severity) {
                let words = format!("finding: {}, with its number below", severity.name());
                entry(out, &words, |out| severity_mark(out, severity, 13.0, 8.0));
            }
        }
    });
}

fn legend_of_files(out: &mut Markup, report: &Report) {
    let logs: Vec<State> = report.logs.iter().map(State::of_log).collect();
    for (state, words) in [
        (State::Good, "log"),
        (State::Warning, "! log with a warning"),
        (State::Damaged, "✕ damaged log"),
    ] {
        if logs.contains(&state) {
            swatch(out, &format!("log {}", state.class()), words);
        }
    }
    let snapshots: Vec<State> = report.snapshots.iter().map(State::of_snapshot).collect();
    if snapshots.iter().any(|state| *state != State::Damaged) {
        let words = "snapshot and, by zxid, how long it was being written";
        entry(out, words, |out| {
            let line: [Attribute<'_>; 5] = [
                ("class", &"fuzzy"),
                ("x", &8),
                ("y", &6.5),
                ("width", &18),
                ("height", &3),
            ];
            out.empty("rect", &line);
            snapshot_mark(out, State::Good, 8.0, 8.0);
        });
    }
    if snapshots.contains(&State::Damaged) {
        entry(out, "damaged snapshot", |out| {
            snapshot_mark(out, State::Damaged, 13.0, 8.0);
        });
    }
}

fn swatch(out: &mut Markup, class: &str, words: &str) {
    entry(out, words, |out| {
        let bar: [Attribute<'_>; 6] = [
            ("class", &class),
            ("x", &1),
            ("y", &2),
            ("width", &24),
            ("height", &12),
            ("rx", &2),
        ];
        out.empty("rect", &bar);
    });
}

fn entry(out: &mut Markup, words: &str, draw: impl FnOnce(&mut Markup)) {
    out.tag("li", &[], |out| {
        let size: [Attribute<'_>; 4] = [
            ("width", &26),
            ("height", &16),
            ("viewBox", &"0 0 26 16"),
            ("aria-hidden", &"true"),
        ];
        out.tag("svg", &size, draw);
        out.text(words);
    });
}

/// A diamond; an open one with a cross where nothing can be restored from the snapshot.
pub fn snapshot_mark(out: &mut Markup, state: State, x: f64, y: f64) {
    let (d, class) = if state == State::Damaged {
        let (top, left, upper) = (y - 7.0, x - 3.5, y - 3.5);
        (
            format!("M{x:.1} {top:.1}l7 7l-7 7l-7 -7zM{left:.1} {upper:.1}l7 7m0 -7l-7 7"),
            "snapshot damaged",
        )
    } else {
        (
            format!("M{x:.1} {:.1}l6 6l-6 6l-6 -6z", y - 6.0),
            "snapshot",
        )
    };
    out.empty("path", &[("class", &class), ("d", &d)]);
}

/// The mark of a severity: a shape of its own, so that colour is not needed.
pub fn severity_mark(out: &mut Markup, severity: Severity, x: f64, y: f64) {
    let class = format!("severity {}", severity_class(severity));
    let (shape, sign) = match severity {
        // An octagon with a cross.
        Severity::Damage => (
            format!("M{:.1} {:.1}h6l4 4v6l-4 4h-6l-4 -4v-6z", x - 3.0, y - 7.0),
            format!("M{:.1} {:.1}l5 5m0 -5l-5 5", x - 2.5, y - 2.5),
        ),
        // A diamond with a minus.
        Severity::Missing => (
            format!("M{x:.1} {:.1}l8 8l-8 8l-8 -8z", y - 8.0),
            format!("M{:.1} {y:.1}h7", x - 3.5),
        ),
        // A triangle with an exclamation mark.
        Severity::Warning => (
            format!("M{x:.1} {:.1}l8 14h-16z", y - 7.5),
            format!("M{x:.1} {:.1}v4.5m0 1.6v1.4", y - 2.5),
        ),
        // A circle with an i.
        Severity::Info => (
            format!(
                "M{:.1} {y:.1}a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0 -13 0z",
                x - 6.5
            ),
            format!("M{x:.1} {:.1}v1.3m0 1.6v4", y - 3.6),
        ),
    };
    out.empty("path", &[("class", &class), ("d", &shape)]);
    out.empty("path", &[("class", &"severity-sign"), ("d", &sign)]);
}

/// The class that a severity has in the style sheet.
pub fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Missing => "missing",
        Severity::Damage => "damage",
    }
}
