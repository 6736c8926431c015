//! A verdict and its windows, as `verify` and `explain` show them.

use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::ui::TextStyle;
use crate::cli::views::text;
use std::io::{self, Write};
use zoovault::analysis::verify::{Verdict, Window};
use zoovault::history::replay::Proof;

/// The status that a verdict stands for.
pub fn exit_of(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Sound => Exit::Done,
        Verdict::Warnings => Exit::Warnings,
        Verdict::Unreachable => Exit::NotReachable,
        Verdict::Damaged => Exit::Damaged,
    }
}

pub fn verdict_name(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Sound => ("sound", "32"),
        Verdict::Warnings => ("sound, with warnings", "33"),
        Verdict::Unreachable => ("incomplete", "31"),
        Verdict::Damaged => ("damaged", "31"),
    }
}

pub fn proof_words(proof: Option<Proof>) -> (&'static str, &'static str) {
    match proof {
        Some(Proof::Proven) => (
            "proven: the tree's digest matches the one that the servers recorded",
            "32",
        ),
        Some(Proof::Consistent) => (
            "consistent: every transaction is present and intact; no digest was recorded that could prove more",
            "32",
        ),
        Some(Proof::Unproven) => (
            "unproven: part of it is only inferred; see the findings",
            "33",
        ),
        None => ("according to the files; nothing was replayed", "33"),
    }
}

pub fn show_window(out: &mut dyn Write, window: &Window, look: &TextStyle) -> io::Result<()> {
    let (words, color) = proof_words(window.proof);
    writeln!(
        out,
        "  {} to {}   from {}",
        window.from, window.to, window.base
    )?;
    if window.from_time.is_some() || window.to_time.is_some() {
        writeln!(
            out,
            "    {} to {}",
            text::time_or_dash(window.from_time),
            text::time_or_dash(window.to_time)
        )?;
    }
    writeln!(out, "    {}", look.paint(color, words))
}

pub fn window_json(window: &Window) -> json::Window {
    json::Window {
        from_zxid: window.from.to_string(),
        to_zxid: window.to.to_string(),
        from_time_ms: window.from_time,
        to_time_ms: window.to_time,
        base: window.base.clone(),
        proof: window.proof.map(Proof::name),
    }
}
