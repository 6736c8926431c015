//! A finding of `verify` or `check`, as people read it.

use crate::cli::ui::TextStyle;
use crate::cli::views::{hint, text};
use std::io::{self, Write};
use zoovault::analysis::finding::{Finding, Severity};
use zoovault::zxid::ZxidRange;

/// How many ids of backups are listed without `-v`.
const IDS_MAX: usize = 8;

/// How many findings are listed one by one without `-v`.
const FINDINGS_MAX: usize = 40;

/// Lists `findings`, and gives how many remarks were left out: without `-v`, all of them.
pub fn list(out: &mut dyn Write, findings: &[Finding], look: &TextStyle) -> io::Result<u64> {
    let is_listed = |finding: &&Finding| look.verbose || finding.severity > Severity::Info;
    let listed: Vec<&Finding> = findings.iter().filter(is_listed).collect();
    let limit = if look.verbose {
        usize::MAX
    } else {
        FINDINGS_MAX
    };
    if !listed.is_empty() {
        writeln!(out, "\nFindings:")?;
    }
    for finding in listed.iter().take(limit) {
        show(out, finding, look)?;
    }
    if let Some(more) = listed.len().checked_sub(limit).filter(|more| *more > 0) {
        writeln!(out, "  ... and {more} more (-v shows them)")?;
    }
    Ok((findings.len() - listed.len()) as u64)
}

fn show(out: &mut dyn Write, finding: &Finding, look: &TextStyle) -> io::Result<()> {
    let color = match finding.severity {
        Severity::Info => "2",
        Severity::Warning => "33",
        Severity::Missing | Severity::Damage => "31",
    };
    let severity = format!("{:<8}", finding.severity.name());
    write!(out, "  {} ", look.paint(color, &severity))?;
    if let Some(file) = &finding.file {
        write!(out, "{}: ", text::path(file))?;
    }
    if let Some(offset) = finding.offset {
        write!(out, "offset {offset}: ")?;
    }
    if let Some(txn) = finding.txn {
        write!(out, "{txn}: ")?;
    }
    let message = text::escape(&finding.message);
    writeln!(out, "{message} [{}]", finding.code.name())?;
    // A manifest names its own backup already.
    let is_of_object = finding.object().is_some_and(|name| name.ends_with(".zst"));
    if is_of_object && !finding.backups.is_empty() {
        writeln!(out, "           listed by: {}", ids(&finding.backups, look))?;
    }
    if !finding.lost.is_empty() {
        writeln!(out, "           lost: {}", ranges(&finding.lost))?;
    }
    if let Some(server) = finding.server().filter(|_| look.verbose) {
        writeln!(out, "           servers: {server}")?;
    }
    writeln!(out, "           next: {}", hint::words(&finding.next()))
}

/// The ids of backups, the newest of them where there are many.
pub fn ids(ids: &[String], look: &TextStyle) -> String {
    let limit = if look.verbose { usize::MAX } else { IDS_MAX };
    let hidden = ids.len().saturating_sub(limit);
    let shown: Vec<String> = ids.iter().skip(hidden).map(|id| text::escape(id)).collect();
    match hidden {
        0 => shown.join(" "),
        hidden => format!("{} and {hidden} older (-v shows them)", shown.join(" ")),
    }
}

pub fn ranges(ranges: &[ZxidRange]) -> String {
    let shown: Vec<String> = ranges
        .iter()
        .map(|range| format!("{} to {}", range.first, range.last))
        .collect();
    shown.join(", ")
}
