//! The head of the page: what an operator has to know within ten seconds.

use super::legend::PROOFS;
use super::markup::Markup;
use super::{Subject, is_bad, proof_meaning, proof_words, reaches_last, when, when_or_unknown};
use crate::cli::views::hint;
use crate::cli::views::text;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use zoovault::analysis::finding::{Finding, Severity};
use zoovault::analysis::verify::{Depth, Missing, Report, Stretch, Verdict, Window};
use zoovault::history::replay::Proof;

/// How many ranges are told here; the tables have all.
const TOLD_MAX: usize = 3;

/// A verdict as the page has it: in words, as a class, as a sign.
pub fn of(verdict: Verdict) -> (&'static str, &'static str, &'static str) {
    match verdict {
        Verdict::Sound => ("SOUND", "sound", "M12 33l14 14l28 -30"),
        Verdict::Warnings => (
            "SOUND, WITH WARNINGS",
            "warnings",
            "M32 8l27 48h-54zM32 25v15m0 6v4",
        ),
        Verdict::Unreachable => (
            "INCOMPLETE",
            "incomplete",
            "M32 6l26 26l-26 26l-26 -26zM22 32h20",
        ),
        Verdict::Damaged => (
            "DAMAGED",
            "damaged",
            "M22 8h20l14 14v20l-14 14h-20l-14 -14v-20zM23 23l18 18m0 -18l-18 18",
        ),
    }
}

/// Writes the head.
pub fn write(out: &mut Markup, subject: &Subject<'_>) {
    let report = subject.report;
    let (word, class, sign) = of(report.verdict());
    let class = format!("verdict {class}");
    out.tag("header", &[("class", &class)], |out| {
        out.tag("p", &[("class", &"about")], |out| {
            out.text("zoovault verify · ");
            out.leaf("code", &[], text::path(subject.source));
            out.text(format!(" · {}", when(subject.time)));
        });
        out.tag("div", &[("class", &"word")], |out| {
            out.tag(
                "svg",
                &[("viewBox", &"0 0 64 64"), ("aria-hidden", &"true")],
                |out| {
                    out.empty("path", &[("d", &sign)]);
                },
            );
            out.leaf("h1", &[], word);
        });
        out.tag("p", &[("class", &"lead")], |out| {
            flowing(out, &lead(report));
        });
        for remark in &report.remarks {
            out.leaf("p", &[("class", &"note")], text::escape(remark));
        }
        out.tag("div", &[("class", &"answers")], |out| {
            restorable(out, report);
            lost(out, report);
            next_step(out, report);
        });
        command(out, subject);
    });
}

/// One or two sentences: what can be had.
fn lead(report: &Report) -> String {
    let Some(newest) = newest(report) else {
        return "Nothing can be restored from these files: there is no sound snapshot with the transactions after it, and no log begins with the first transaction.".to_owned();
    };
    let at = newest
        .to_time
        .map(|time| format!(" of {}", when(time)))
        .unwrap_or_default();
    let promise = match newest.proof {
        Some(Proof::Proven | Proof::Consistent) => "can be restored exactly",
        Some(Proof::Unproven) => "can be restored, though unproven,",
        None => "can be restored according to the files, which were read but not replayed,",
    };
    let to = newest.to;
    let closing = promise.trim_end_matches(',');
    let state = match report.verdict() {
        Verdict::Sound => {
            return format!(
                "Every point from {} to the last transaction, {to}{at}, {closing}. Nothing is known to be missing, and nothing is damaged.",
                newest.from
            );
        }
        Verdict::Warnings => {
            let warnings = match count(report, Severity::Warning) {
                1 => "Read the warning".to_owned(),
                count => format!("Read the {count} warnings"),
            };
            return format!("The newest point, {to}{at}, {closing}. {warnings} below.");
        }
        Verdict::Unreachable => "Transactions are missing.",
        Verdict::Damaged => "Bytes are damaged.",
    };
    let last = match report.txns {
        Some((_, (last, time))) if !reaches_last(report) => {
            format!(", although the logs continue to {last} of {}", when(time))
        }
        Some(_) => ", the last transaction present".to_owned(),
        None => String::new(),
    };
    format!("{state} The newest point that {promise} is {to}{at}{last}.")
}

fn count(report: &Report, severity: Severity) -> usize {
    let findings = report.findings.iter();
    findings
        .filter(|finding| finding.severity == severity)
        .count()
}

fn newest(report: &Report) -> Option<&Window> {
    report.windows.iter().max_by_key(|window| window.to)
}

fn card(out: &mut Markup, title: &'static str, inner: impl FnOnce(&mut Markup)) {
    out.tag("section", &[], |out| {
        out.leaf("h2", &[], title);
        inner(out);
    });
}

/// Two zxids, as one that is not broken at its ends.
fn range(out: &mut Markup, from: impl std::fmt::Display, to: impl std::fmt::Display) {
    out.leaf("code", &[], from);
    out.text(" to ");
    out.leaf("code", &[], to);
}

fn restorable(out: &mut Markup, report: &Report) {
    card(out, "What can be restored", |out| {
        if report.windows.is_empty() {
            out.leaf("p", &[], "Nothing.");
            return;
        }
        // The newest first: that is what is asked for at three in the morning.
        let told = || report.windows.iter().rev().take(TOLD_MAX);
        out.tag("ul", &[], |out| {
            for window in told() {
                out.tag("li", &[], |out| window_words(out, window));
            }
        });
        more(out, report.windows.len());
        for proof in PROOFS {
            if told().any(|window| window.proof == proof) {
                let words = format!("{}: {}.", proof_words(proof).0, proof_meaning(proof));
                out.leaf("p", &[("class", &"note")], words);
            }
        }
    });
}

fn window_words(out: &mut Markup, window: &Window) {
    if window.from == window.to {
        out.text("the point ");
        out.leaf("code", &[], window.to);
    } else {
        out.text("every point from ");
        range(out, window.from, window.to);
    }
    let (name, sign) = proof_words(window.proof);
    out.text(" ");
    out.leaf("strong", &[], format!("{sign} {name}"));
    times(
        out,
        &match (window.from_time, window.to_time) {
            (Some(from), Some(to)) if window.from < window.to => {
                format!("{} to {}", when(from), when(to))
            }
            (_, Some(to)) if window.from < window.to => format!("the last of {}", when(to)),
            (_, Some(to)) => when(to),
            (Some(from), None) => format!("the first of {}", when(from)),
            (None, None) => "of unknown time".to_owned(),
        },
    );
}

/// When that was, below it.
fn times(out: &mut Markup, words: &str) {
    out.tag("span", &[("class", &"when")], |out| flowing(out, words));
}

/// Text whose dates are not broken at their hyphens.
fn flowing(out: &mut Markup, words: &str) {
    for (index, word) in words.split(' ').enumerate() {
        if index > 0 {
            out.text(" ");
        }
        if word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('-') {
            out.leaf("span", &[("class", &"whole")], word);
        } else {
            out.text(word);
        }
    }
}

/// Says how many are not told here.
fn more(out: &mut Markup, count: usize) {
    if count > TOLD_MAX {
        let words = format!("and {} more: see the tables", count - TOLD_MAX);
        out.leaf("p", &[], words);
    }
}

fn lost(out: &mut Markup, report: &Report) {
    card(out, "What is lost", |out| {
        let first = report.windows.iter().map(|window| window.from).min();
        // What was there before the first snapshot that is left is no loss: a purge leaves it so.
        let behind: Vec<&Stretch> = report
            .not_restorable
            .iter()
            .filter(|stretch| first.is_none_or(|first| stretch.from > first))
            .collect();
        if report.missing.is_empty() && behind.is_empty() {
            let words = if is_bad(report.verdict()) {
                "No transaction is known to be missing between those present. What damage may have hidden is unknown."
            } else {
                "No transaction is known to be missing."
            };
            out.leaf("p", &[], words);
            return;
        }
        out.tag("ul", &[], |out| {
            for missing in report.missing.iter().rev().take(TOLD_MAX) {
                out.tag("li", &[], |out| missing_words(out, missing));
            }
            for stretch in behind.iter().rev().take(TOLD_MAX) {
                out.tag("li", &[], |out| {
                    range(out, stretch.from, stretch.to);
                    out.text(" are in the logs, but cannot be reached from any snapshot");
                    let (from, to) = (stretch.from_time, stretch.to_time);
                    times(
                        out,
                        &format!("{} to {}", when_or_unknown(from), when_or_unknown(to)),
                    );
                });
            }
        });
        more(out, report.missing.len().max(behind.len()));
    });
}

fn missing_words(out: &mut Markup, missing: &Missing) {
    if missing.first == missing.last {
        out.leaf("code", &[], missing.first);
        out.text(" is ");
    } else {
        range(out, missing.first, missing.last);
        out.text(" are ");
    }
    out.leaf("strong", &[], "missing");
    if missing.may_be_more() {
        out.text(", and possibly more of the epoch that ended there");
    }
    if missing.is_bridged {
        out.text("; a snapshot covers them, as after a SNAP sync from the leader");
    }
    match (missing.after_time, missing.before_time) {
        (Some(after), Some(before)) => {
            times(
                out,
                &format!("between {} and {}", when(after), when(before)),
            );
        }
        (Some(after), None) => times(out, &format!("after {}", when(after))),
        (None, _) => {}
    }
}

fn next_step(out: &mut Markup, report: &Report) {
    card(out, "Next safe step", |out| {
        let verdict = report.verdict();
        if is_bad(verdict) {
            out.tag("p", &[], |out| {
                out.leaf("strong", &[], "Keep these files as they are.");
                out.text(" Start no server on them and purge nothing: servers silently load past gaps and damage, and keep writing.");
            });
        }
        let worst = report.findings.first();
        let words = match (verdict, worst.map(Finding::next)) {
            (Verdict::Sound | Verdict::Warnings, _) if report.depth == Depth::Quick => "Verify without --quick before relying on this; a restore replays, and refuses what it cannot make exact. The newest point, into a new directory:".to_owned(),
            (Verdict::Sound, _) => "None needed. To go back to any of these points, restore it into a new directory:".to_owned(),
            (Verdict::Warnings, _) => "Follow the advice of each warning. To restore the newest point into a new directory:".to_owned(),
            (Verdict::Unreachable | Verdict::Damaged, next) => {
                let next = next.map(|next| format!("For the worst finding: {}. ", hint::words(&next))).unwrap_or_default();
                let rest = if report.windows.is_empty() {
                    "Check other members' directories, or a backup."
                } else {
                    "'zoovault compare' shows which member has what is missing. If none does, restore the newest point into a new directory:"
                };
                format!("{next}{rest}")
            }
        };
        out.leaf("p", &[], words);
    });
}

/// The command that restores the newest point, ready to be copied.
fn command(out: &mut Markup, subject: &Subject<'_>) {
    let Some(window) = newest(subject.report) else {
        return;
    };
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into());
    let mut command = format!(
        "zoovault restore {} --to {} --target ./zookeeper-{}",
        quoted(&absolute(subject.source)),
        window.to,
        window.to
    );
    if let Some(dir) = subject.data_log_dir {
        command.push_str(&format!(
            " --source-data-log-dir {}",
            quoted(&absolute(dir))
        ));
    }
    out.tag("pre", &[("class", &"command"), ("tabindex", &"0")], |out| {
        out.leaf("code", &[], command);
    });
    out.leaf(
        "p",
        &[("class", &"note")],
        "It writes a new directory and nothing else; --dry-run only shows what it would do. At the end it prints how to put the result into service.",
    );
}

/// `path` as a shell takes it, also with bytes in it that a page cannot show.
fn quoted(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%".contains(byte);
    if bytes.iter().all(is_plain) {
        return path.display().to_string();
    }
    let shown = path.to_str().filter(|text| text::escape(text) == **text);
    match shown {
        Some(text) => format!("'{}'", text.replace('\'', "'\\''")),
        None => {
            let escaped: String = bytes
                .iter()
                .map(|byte| {
                    if is_plain(byte) || *byte == b' ' {
                        char::from(*byte).to_string()
                    } else {
                        format!("\\x{byte:02x}")
                    }
                })
                .collect();
            format!("$'{escaped}'")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn a_path_is_one_word_for_a_shell_whatever_is_in_it() {
        let quote = |bytes: &[u8]| quoted(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(quote(b"/var/lib/zk-1.2"), "/var/lib/zk-1.2");
        assert_eq!(quote(b"/a b;rm"), "'/a b;rm'");
        assert_eq!(quote(b"/it's"), "'/it'\\''s'");
        assert_eq!(quote(b"/a\xff\n'b c"), "$'/a\\xff\\x0a\\x27b c'");
    }
}
