//! `compare`: members of one ensemble.

mod document;

use crate::cli::args::{EXIT_STATUS, options};
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::json;
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::text;
use anyhow::Context;
use clap::Args;
use document::{
    best_json, committed_json, fork_json, hole_json, member_json, pair_json, uncommitted_json,
};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zoovault::analysis::compare::{
    Best, Commitment, Difference, FieldDifference, FileFault, Fork, Hole, Member, Options, Pair,
    Proof, Report, Uncommitted, Verdict, Window, compare,
};
use zoovault::history::source::{self, Source};
use zoovault::zxid::Zxid;

/// Compare members of one ensemble: who is ahead, who has a gap, where histories diverge, and which
/// member to restore from.
///
/// Every log is read and checked, and transactions with the same zxid are compared. Members are
/// numbered in the order given. Reported are: the transactions that all members have; the first
/// zxid at which two members have different transactions, with both locations and the fields that
/// differ; gaps, and who can fill them; transactions that only a minority has. Differences that are
/// normal between sound members are not reported: where files begin and end, padding, when
/// snapshots were taken, and bytes without effect (a member that had to catch up logs a failed
/// multi as errors; members before 3.6 log no digests).
///
/// A log contains proposals. A transaction is committed if a majority has it, or if a snapshot
/// written later in its epoch contains it. Other transactions at the end of a member's log (a tail)
/// may never have been committed; those at the end of an epoch that other members continued without
/// (a branch) were most likely abandoned, or lost by the others. What a server writes when it
/// starts proves nothing: such a snapshot contains everything that the member has.
///
/// Status 0: one history, though some may begin later or end earlier. 3: gaps, tails, branches, or
/// no transaction in common. 4: two members have different transactions with one zxid, or a file is
/// damaged.
#[derive(Args, Debug)]
#[command(after_help = EXIT_STATUS)]
pub struct CompareArgs {
    /// Two or more members: each a dataDir (or its version-2), a zoo.cfg that names one, a tar or
    /// zip, or a single log
    #[arg(value_name = "SOURCE", required = true, num_args = 2..)]
    pub sources: Vec<PathBuf>,
    /// A member's dataLogDir, if it is not the dataDir; once per SOURCE, in the same order
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Vec<PathBuf>,
    /// How many voters the ensemble has, without observers; by default as many as are compared
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    pub voters: Option<u16>,
}

impl CompareArgs {
    /// How to open each source; `None` when the dataLogDirs do not match them.
    pub fn options(&self) -> Option<Vec<source::Options>> {
        if self.data_log_dir.is_empty() {
            return Some(self.sources.iter().map(|_| options(None)).collect());
        }
        let dirs = self.data_log_dir.iter().map(|dir| options(Some(dir)));
        (self.data_log_dir.len() == self.sources.len()).then(|| dirs.collect())
    }
}

/// How many lines of a kind are told without `-v`.
const LINES_MAX: usize = 20;
/// How many fields of a txn that differs are told.
const FIELDS_MAX: usize = 12;

pub fn run(args: &CompareArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let open = args.options().ok_or_else(|| {
        BadArgument("give --data-log-dir once for each source, or not at all".to_owned())
    })?;
    let places: Vec<(&Path, &source::Options)> = args
        .sources
        .iter()
        .map(|path| path.as_path())
        .zip(&open)
        .collect();
    let options = Options {
        voters: args.voters.map(usize::from),
    };
    let report = Source::with_all(&places, |sources| compare(sources, &options, ui.progress()))
        .context("cannot compare")?;
    let exit = match report.verdict() {
        Verdict::Same => Exit::Done,
        Verdict::Differs => Exit::Warnings,
        Verdict::Damaged | Verdict::Forked => Exit::Damaged,
    };
    let shown = Shown {
        report: &report,
        names: args.sources.iter().map(|path| text::path(path)).collect(),
        exit,
    };
    ui.show(&shown, exit != Exit::Done)?;
    Ok(exit)
}

struct Shown<'a> {
    report: &'a Report,
    names: Vec<String>,
    exit: Exit,
}

fn verdict_name(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Same => ("same history", "32"),
        Verdict::Differs => ("differences", "33"),
        Verdict::Damaged => ("damaged", "31"),
        Verdict::Forked => ("forked", "31"),
    }
}

/// A member's number, as people count.
fn number(member: usize) -> usize {
    member + 1
}

/// The numbers of members: `1`, `1 and 3`, `1, 2 and 3`.
fn numbers(members: &[usize]) -> String {
    let numbers: Vec<String> = members.iter().map(|it| number(*it).to_string()).collect();
    match numbers.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => numbers.concat(),
    }
}

/// A verb for one or several members.
fn verb<'a>(members: &[usize], one: &'a str, several: &'a str) -> &'a str {
    if members.len() == 1 { one } else { several }
}

/// A range, with how many txns it holds where they are of one epoch.
fn range(first: Zxid, last: Zxid) -> String {
    if first == last {
        return format!("transaction {first}");
    }
    if first.epoch() != last.epoch() {
        return format!("transactions {first} to {last}");
    }
    let count = u64::from(last.counter().saturating_sub(first.counter())) + 1;
    format!("{}, {first} to {last}", text::plural(count, "txn"))
}

/// The lines of one kind, the first of them only without `-v`.
fn show_lines(
    out: &mut dyn Write,
    look: &TextStyle,
    (word, color): (&str, &str),
    lines: Vec<String>,
) -> io::Result<()> {
    let limit = if look.verbose { usize::MAX } else { LINES_MAX };
    let more = lines.len().saturating_sub(limit);
    for line in lines.into_iter().take(limit) {
        writeln!(out, "  {} {line}", look.paint(color, &format!("{word:<7}")))?;
    }
    if more > 0 {
        writeln!(out, "          ... and {more} more (-v shows them)")?;
    }
    Ok(())
}

impl Render for Shown<'_> {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let report = self.report;
        let (verdict, color) = verdict_name(report.verdict());
        writeln!(
            out,
            "{} members: {}\n",
            report.members.len(),
            look.paint(&format!("1;{color}"), &verdict.to_uppercase())
        )?;
        let width = self.names.iter().map(|name| name.chars().count()).max();
        for (index, member) in report.members.iter().enumerate() {
            let name = self.name(index);
            let width = width.unwrap_or(0);
            let told = member_line(member);
            writeln!(out, "  {}  {name:<width$}  {told}", number(index))?;
        }
        self.show_common(out, look)?;
        if report.verdict() != Verdict::Same {
            writeln!(out, "\nFindings:")?;
        }
        self.show_findings(out, look)?;
        if look.verbose {
            writeln!(out, "\nPairs:")?;
            for pair in &report.pairs {
                writeln!(out, "  {}", pair_line(pair))?;
            }
        }
        writeln!(out, "\n{}", self.committed_line())?;
        writeln!(out, "{}", self.best_line())
    }

    fn json(&self) -> json::Result {
        let report = self.report;
        let members = report.members.iter().zip(&self.names).enumerate();
        json::value(&json::Compare {
            verdict: verdict_name(report.verdict()).0,
            exit_status: self.exit as u8,
            voters: report.voters,
            members: members
                .map(|(index, (member, name))| member_json(index, name, member))
                .collect::<Vec<_>>(),
            common_txns: report.common_txns,
            common: report
                .common
                .iter()
                .map(|range| json::CommonTxns {
                    first_zxid: range.first.to_string(),
                    last_zxid: range.last.to_string(),
                })
                .collect::<Vec<_>>(),
            pairs: report.pairs.iter().map(pair_json).collect::<Vec<_>>(),
            forks: report.forks.iter().map(fork_json).collect::<Vec<_>>(),
            holes: report.holes.iter().map(hole_json).collect::<Vec<_>>(),
            tails: report
                .tails
                .iter()
                .map(uncommitted_json)
                .collect::<Vec<_>>(),
            branches: report
                .branches
                .iter()
                .map(uncommitted_json)
                .collect::<Vec<_>>(),
            committed: report.committed.as_ref().map(committed_json),
            best: report.best.as_ref().map(best_json),
        })
    }
}

impl Shown<'_> {
    fn name(&self, member: usize) -> &str {
        self.names.get(member).map_or("", String::as_str)
    }

    fn show_common(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let report = self.report;
        let count = text::plural(report.common_txns, "txn");
        let ranges = match report.common.as_slice() {
            [] => return writeln!(out, "\nNo transaction is common to all members."),
            [range] => format!(": {} to {}", range.first, range.last),
            ranges => format!(" in {} ranges", ranges.len()),
        };
        writeln!(out, "\nCommon to all members: {count}{ranges}")?;
        let has_more = report.common.len() > 1;
        let limit = if look.verbose { usize::MAX } else { LINES_MAX };
        for range in report.common.iter().filter(|_| has_more).take(limit) {
            writeln!(out, "  {} to {}", range.first, range.last)?;
        }
        if has_more && report.common.len() > limit {
            let more = report.common.len() - limit;
            writeln!(out, "  ... and {more} more (-v shows them)")?;
        }
        Ok(())
    }

    fn show_findings(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let report = self.report;
        for fork in &report.forks {
            show_lines(out, look, ("fork", "31"), vec![fork_line(fork)])?;
            let parted = report.pairs.iter().filter_map(|pair| {
                let difference = pair.first_difference.as_ref();
                Some((pair, difference.filter(|it| it.zxid == fork.zxid)?))
            });
            // One pair of two sides tells enough.
            let are_first = |pair: &Pair| {
                let is_first = |member| fork.sides.iter().any(|side| side.first() == Some(member));
                pair.members.iter().all(is_first)
            };
            for (pair, difference) in parted.filter(|(pair, _)| look.verbose || are_first(pair)) {
                show_difference(out, pair, difference)?;
            }
        }
        for (index, member) in report.members.iter().enumerate() {
            let (damage, rest): (Vec<&FileFault>, Vec<&FileFault>) =
                member.faults.iter().partition(|fault| fault.is_damage);
            let lines = |faults: Vec<&FileFault>| {
                let line = |fault| format!("{}: {}", number(index), fault_line(fault));
                faults.into_iter().map(line).collect::<Vec<_>>()
            };
            show_lines(out, look, ("damage", "31"), lines(damage))?;
            show_lines(out, look, ("cut", "33"), lines(rest))?;
        }
        let strangers = report.members.iter().enumerate();
        let strangers = strangers.filter(|(_, member)| !member.is_related);
        let stranger_line = |(index, _)| {
            let number = number(index);
            format!(
                "{number} has no transaction in common with any other: nothing shows that it belongs to the same ensemble"
            )
        };
        let strangers = strangers.map(stranger_line).collect();
        show_lines(out, look, ("alone", "33"), strangers)?;
        let lines = report.holes.iter().map(hole_line).collect();
        show_lines(out, look, ("gap", "33"), lines)?;
        let lines = report.tails.iter().map(tail_line).collect();
        show_lines(out, look, ("tail", "33"), lines)?;
        let lines = report.branches.iter().map(branch_line).collect();
        show_lines(out, look, ("branch", "33"), lines)
    }

    fn committed_line(&self) -> String {
        let voters = self.report.voters;
        match &self.report.committed {
            None => "No transaction is known to be committed: no majority has it, and no later snapshot contains it.".to_owned(),
            Some(Commitment { zxid, proof: Proof::Majority, .. }) => {
                format!("Committed up to {zxid} at least: a majority ({} of {voters}) has it.", voters / 2 + 1)
            }
            Some(Commitment { zxid, proof: Proof::Snapshot { member, name }, .. }) => {
                let name = text::escape(name);
                format!("Committed up to {zxid} at least: {name} of {} was written after it.", number(*member))
            }
        }
    }

    fn best_line(&self) -> String {
        let Some((best, window)) = self.best() else {
            return "Restore from: cannot determine which member is right.".to_owned();
        };
        let mut line = format!(
            "Restore from: {} ({}), exact from {} ({}) to {}",
            number(best.member),
            self.name(best.member),
            window.from,
            text::escape(&window.base),
            window.to,
        );
        if best.reaches_last {
            line.push_str(", the last transaction known to be committed");
        } else {
            line.push_str(": no window reaches the last transaction known to be committed");
        }
        if best.has_more {
            line.push_str(&format!("; it has more: restore --to {}", window.to));
        }
        if !best.equals.is_empty() {
            let reach = verb(&best.equals, "reaches", "reach");
            line.push_str(&format!("; {} {reach} as far", numbers(&best.equals)));
        }
        line.push_str(". 'zoovault verify' proves it.");
        line
    }

    fn best(&self) -> Option<(&Best, &Window)> {
        let best = self.report.best.as_ref()?;
        let member = self.report.members.get(best.member)?;
        Some((best, member.window.as_ref()?))
    }
}

fn member_line(member: &Member) -> String {
    let Some([first, last]) = member.range else {
        let snapshots = text::plural(member.snapshots as u64, "snapshot");
        return format!("no transactions, {snapshots}");
    };
    let behind = match member.behind {
        0 => String::new(),
        behind => format!(", {} behind", text::plural(behind, "txn")),
    };
    let txns = text::plural(member.txns, "txn");
    format!("{txns}, {} to {}{behind}", first.0, last.0)
}

fn fork_line(fork: &Fork) -> String {
    let sides: Vec<String> = fork
        .sides
        .iter()
        .enumerate()
        .map(|(index, side)| {
            let is_majority = fork.majority == Some(index);
            let majority = if is_majority { " (a majority)" } else { "" };
            format!("{}{majority}", numbers(side))
        })
        .collect();
    let sides = sides.join(" against ");
    format!("zxid {}: different transactions: {sides}", fork.zxid)
}

fn show_difference(out: &mut dyn Write, pair: &Pair, difference: &Difference) -> io::Result<()> {
    for (member, place) in pair.members.iter().zip(&difference.places) {
        let file = text::path(&place.file);
        writeln!(
            out,
            "          {}: {file}: offset {}",
            number(*member),
            place.offset
        )?;
    }
    for FieldDifference { name, values } in difference.fields.iter().take(FIELDS_MAX) {
        let [a, b] = values.each_ref().map(|value| {
            let value = value.as_deref().unwrap_or("nothing");
            text::escape(value)
        });
        writeln!(out, "            {name}: {a} against {b}")?;
    }
    if difference.fields.len() > FIELDS_MAX {
        writeln!(out, "            ... and more (--json has them)")?;
    }
    if difference.fields.is_empty() {
        let byte = difference.byte;
        writeln!(
            out,
            "            no readable field differs: from byte {byte} of the payload on"
        )?;
    }
    Ok(())
}

fn fault_line(fault: &FileFault) -> String {
    let offset = fault.offset.map(|offset| format!("offset {offset}: "));
    let txn = fault.txn.map(|txn| format!("{txn}: "));
    format!(
        "{}: {}{}{}",
        text::path(&fault.file),
        offset.unwrap_or_default(),
        txn.unwrap_or_default(),
        text::escape(&fault.message)
    )
}

fn hole_line(hole: &Hole) -> String {
    let them = if hole.first == hole.last {
        "it"
    } else {
        "them"
    };
    let fillers = match hole.fillers.as_slice() {
        [] => format!("no member has {them}"),
        fillers => {
            let have = verb(fillers, "has", "have");
            format!("{} {have} {them}", numbers(fillers))
        }
    };
    let doubt = if hole.fillers.is_empty() || hole.is_committed {
        ""
    } else {
        "; it is not known whether that was ever committed"
    };
    let bridge = hole.bridge.as_ref().map(|name| {
        let name = text::escape(name);
        format!("; its {name} follows: normal after a SNAP sync from the leader")
    });
    format!(
        "{} lacks {}: {fillers}{doubt}{}",
        number(hole.member),
        range(hole.first, hole.last),
        bridge.unwrap_or_default()
    )
}

fn tail_line(tail: &Uncommitted) -> String {
    format!(
        "only {} {} {}: possibly never committed; {} {} earlier",
        numbers(&tail.holders),
        verb(&tail.holders, "has", "have"),
        range(tail.first, tail.last),
        numbers(&tail.others),
        verb(&tail.others, "ends", "end"),
    )
}

fn branch_line(branch: &Uncommitted) -> String {
    format!(
        "only {} {} {}: {} continued with a later epoch without them; abandoned, or lost by the others",
        numbers(&branch.holders),
        verb(&branch.holders, "has", "have"),
        range(branch.first, branch.last),
        numbers(&branch.others),
    )
}

fn pair_line(pair: &Pair) -> String {
    let [a, b] = pair.members;
    let mut line = format!(
        "{} and {}: {} the same",
        number(a),
        number(b),
        text::plural(pair.same, "txn")
    );
    if pair.reworded > 0 {
        let reworded = text::count(pair.reworded);
        line.push_str(&format!(
            ", {reworded} of them with different bytes but the same effect"
        ));
    }
    if let Some(difference) = &pair.first_difference {
        let differing = text::plural(pair.differing, "zxid");
        line.push_str(&format!(", {differing} not, the first {}", difference.zxid));
    }
    for (member, ahead) in pair.members.iter().zip(pair.ahead) {
        if ahead > 0 {
            let ahead = text::plural(ahead, "txn");
            line.push_str(&format!("; {} is ahead by {ahead}", number(*member)));
        }
    }
    line
}
