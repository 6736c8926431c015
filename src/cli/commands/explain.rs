//! `explain`: what a server meant, or would say.

use crate::cli::args::ServerArgs;
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::json;
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views;
use crate::cli::views::hint;
use crate::cli::views::labelled::field;
use crate::cli::views::text;
use crate::cli::views::verdict;
use anyhow::Context;
use clap::Args;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Write};
use std::path::Path;
use std::path::PathBuf;
use zoovault::analysis::finding::Code;
use zoovault::analysis::verify::{Depth, Report, verify};
use zoovault::archive::Content;
use zoovault::format::datadir::FileName;
use zoovault::history::source::{self, Source};
use zoovault::server::answer::Answer;
use zoovault::server::emulate::Rules;
use zoovault::server::forecast::{Forecast, forecast};
use zoovault::server::messages::{self, Entry, Explained, Explanation, Weight};
use zoovault::server::outlook::{self, Consequence};
use zoovault::server::surroundings::Impact;

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  zoovault explain 'The current epoch, 3, is older than the last zxid, 17179869185'
  journalctl -u zookeeper | zoovault explain -
  zoovault explain /var/log/zookeeper/zookeeper.log
  zoovault explain /var/log/zookeeper/zookeeper.log.1.gz
  zoovault explain /var/lib/zookeeper

Exit status:
  0  explained; for a directory and the like, as for verify: 0 sound, 3 warnings, 4 damage, 5 the last transaction cannot be restored
  1  nothing recognised, or failed";

/// Explain a server's message, or why a server does not start on a directory.
///
/// Shows the cause, whether data is at risk, and the next safe step. It knows the messages that
/// servers of 3.4 to 3.9 print when they load, refuse or drop data, as they are pasted: with what
/// journald, syslog, a container, Kubernetes, grep or a mail put before each line, as JSON, or
/// broken into lines again. Stack traces help. Of several messages, the first cause is explained
/// first, with what it led to. It also knows what Kafka, ClickHouse, Solr, HBase, HDFS and
/// BookKeeper print where ZooKeeper's data was lost.
///
/// A directory is verified, and loaded as the servers' own code does, by default that of every
/// release from 3.4.6 to 3.9.5: which start and serve the correct tree, which start and lose data,
/// and which refuse it, with which message. What else stops a server is told too: myid, the epoch
/// files, permissions, and what is in the zoo.cfg, where that is given instead of the directory.
#[derive(Args, Debug)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub struct ExplainArgs {
    /// The message; or a file with a server's log, which may be compressed; or a dataDir, or
    /// anything else that verify takes; - or nothing reads stdin
    #[arg(value_name = "MESSAGE|FILE|DIR")]
    pub words: Vec<String>,
    /// The dataLogDir, if it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    #[command(flatten)]
    pub servers: ServerArgs,
}

pub fn run(args: &ExplainArgs, ui: &Ui) -> anyhow::Result<Exit> {
    match args.words.as_slice() {
        [] if io::stdin().is_terminal() => {
            let message = "give a message, a server's log, or a directory; - reads stdin";
            Err(BadArgument(message.to_owned()).into())
        }
        [] => explain_text(messages::explain_all(io::stdin().lock())?, ui),
        [word] if word == "-" => explain_text(messages::explain_all(io::stdin().lock())?, ui),
        [word] if is_path(word) => {
            let path = Path::new(word);
            let log = path.is_file().then(|| explain_log(path)).transpose()?;
            match log.flatten() {
                Some(explained) => explain_text(explained, ui),
                None => explain_source(path, args, ui),
            }
        }
        words => explain_text(messages::explain(&words.join(" ")), ui),
    }
}

/// Whether a word is a path rather than a message.
fn is_path(word: &str) -> bool {
    let looks_so = ["/", "./", "../"]
        .iter()
        .any(|start| word.starts_with(start))
        && !word.contains(char::is_whitespace);
    looks_so || Source::is_at(Path::new(word))
}

/// What a server's log says, as it is or compressed; `None` for what `verify` takes.
fn explain_log(path: &Path) -> anyhow::Result<Option<Explained>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_named = matches!(
        FileName::parse(&name),
        FileName::Log(_) | FileName::Snapshot(..)
    ) || name.ends_with(".cfg");
    let context = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(context)?;
    let content = Content::of(&file).with_context(context)?;
    match content {
        _ if is_named => Ok(None),
        Content::Foreign => {
            let explained = messages::explain_all(BufReader::new(file)).with_context(context)?;
            Ok(Some(explained))
        }
        // What cannot be decompressed is told by whoever takes it for a source.
        Content::Packed(packing) => {
            let text = BufReader::new(packing.reader(file));
            Ok(messages::explain_all(text).ok())
        }
        Content::Log
        | Content::Snapshot(_)
        | Content::PackedLog(_)
        | Content::PackedSnapshot(_)
        | Content::Tar(_)
        | Content::Zip => Ok(None),
    }
}

fn explain_text(explained: Explained, ui: &Ui) -> anyhow::Result<Exit> {
    let exit = if explained.is_recognised() {
        Exit::Done
    } else {
        Exit::Failed
    };
    let is_grave = |found: &Explanation| found.worst() > Weight::Note;
    let matters = exit != Exit::Done || explained.explanations.iter().any(is_grave);
    ui.show(&ShownText { explained, exit }, matters)?;
    Ok(exit)
}

fn explain_source(path: &Path, args: &ExplainArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let asked = views::forecast::rules(&args.servers)?;
    let options = source::Options {
        data_log_dir: args.data_log_dir.clone(),
        scratch_dir: Some(std::env::temp_dir()),
    };
    let (report, forecast) = Source::with(path, &options, |source| {
        let is_directory = !source.dirs().is_empty();
        let rules = match asked.is_empty() && is_directory {
            true => Rules::all(),
            false => asked.clone(),
        };
        let report = verify(source, Depth::Full, ui.progress())?;
        let forecast = forecast(source, &rules, &report, ui.progress())?;
        Ok((report, forecast))
    })
    .map_err(|error| {
        let all = Rules::all();
        let rules = if asked.is_empty() { &all } else { &asked };
        views::surroundings::explained(error, path, rules)
    })
    .context("cannot explain the directory")?;
    let exit = verdict::exit_of(report.verdict());
    let (starts, remarks) = (&forecast.starts, &forecast.remarks);
    let matters = exit != Exit::Done
        || forecast.answer() != Some(Answer::Starts)
        || starts.iter().any(|start| !start.is_right())
        || remarks.iter().any(|remark| remark.impact > Impact::Note);
    let source = text::path(path);
    ui.show(
        &ShownSource {
            source,
            consequences: outlook::consequences(starts, &report),
            report,
            is_asked: !asked.is_empty(),
            forecast,
            exit,
        },
        matters,
    )?;
    Ok(exit)
}

struct ShownText {
    explained: Explained,
    exit: Exit,
}

impl Render for ShownText {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        if !self.explained.is_recognised() {
            writeln!(
                out,
                "Not recognised: {} without a message that zoovault knows.\nThis says nothing about the data. To check the files themselves: zoovault verify DIR",
                text::plural(self.explained.lines, "line")
            )?;
        }
        for (index, found) in self.explained.explanations.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            show_explanation(out, found, look)?;
        }
        Ok(())
    }

    fn json(&self) -> json::Result {
        json::value(&json::Explain {
            recognised: self.explained.is_recognised(),
            exit_status: self.exit as u8,
            lines: self.explained.lines,
            explanations: self
                .explained
                .explanations
                .iter()
                .map(explanation_json)
                .collect::<Vec<_>>(),
            next_step: (!self.explained.is_recognised())
                .then_some("zoovault verify DIR judges the files themselves"),
        })
    }
}

fn weight_words(weight: Weight) -> (&'static str, &'static str) {
    match weight {
        Weight::Refuses => ("the server does not start, or stops", "31"),
        Weight::Loses => ("the server runs, and may lack data", "31"),
        Weight::Warning => ("look at this", "33"),
        Weight::Note => ("good to know", "2"),
        Weight::Frame => (
            "something went wrong; the reason is in another message",
            "33",
        ),
    }
}

fn releases(found: &Explanation) -> String {
    match found.entry.until {
        Some(until) => format!("{} to {until}", found.entry.since),
        // Of other programs, the first release is not known.
        None if !found.entry.since.contains(|c: char| c.is_ascii_digit()) => {
            found.entry.since.to_owned()
        }
        None => format!("{} and later", found.entry.since),
    }
}

/// Where it was, and how often.
fn place(found: &Explanation) -> String {
    let mut place = format!("line {}", text::count(found.line_number));
    if found.count > 1 {
        place.push_str(&format!(", {} times", text::count(found.count)));
    }
    if found.starts > 1 {
        place.push_str(&format!(" in {} starts", text::count(found.starts)));
    }
    place
}

fn show_explanation(out: &mut dyn Write, found: &Explanation, look: &TextStyle) -> io::Result<()> {
    let entry = found.entry;
    let (words, color) = weight_words(found.worst());
    writeln!(
        out,
        "{} [{}] {}",
        look.paint(&format!("1;{color}"), words),
        entry.id,
        place(found),
    )?;
    field(out, look, "message", &found.line)?;
    field(out, look, "cause", entry.cause)?;
    for fact in &found.facts {
        field(out, look, "here", fact)?;
    }
    for consequence in &found.led_to {
        field(out, look, "led to", &consequence_words(consequence))?;
    }
    let followed = grave_consequences(found);
    let worse = followed.iter().filter(|worse| worse.risk > entry.risk);
    for entry in [&entry].into_iter().chain(worse) {
        let risk = format!("{}: {}", entry.risk.name(), entry.at_risk);
        field(out, look, "at risk", &risk)?;
    }
    field(out, look, "next", entry.next)?;
    for then in followed.iter().filter(|then| then.next != entry.next) {
        field(out, look, "then", &format!("[{}] {}", then.id, then.next))?;
    }
    if look.verbose {
        field(out, look, "releases", &releases(found))?;
    }
    if !entry.findings.is_empty() {
        let names: Vec<&str> = entry.findings.iter().map(|code| code.name()).collect();
        field(out, look, "verify", &names.join(", "))?;
    }
    Ok(())
}

fn consequence_words(found: &Explanation) -> String {
    let entry = found.entry;
    let (id, place, line) = (entry.id, place(found), &found.line);
    if entry.weight == Weight::Frame {
        return format!("[{id}] {place}: {line}");
    }
    let facts: String = found.facts.iter().map(|fact| format!("; {fact}")).collect();
    let (words, _) = weight_words(entry.weight);
    format!("{words} [{id}] {place}: {line}: {}{facts}", entry.cause)
}

/// What followed because of which a server stopped or lacks data.
fn grave_consequences(found: &Explanation) -> Vec<&'static Entry> {
    let followed = found.led_to.iter().map(|found| found.entry);
    followed
        .filter(|entry| entry.weight > Weight::Warning)
        .collect()
}

fn explanation_json(found: &Explanation) -> json::Explanation {
    json::Explanation {
        id: found.entry.id,
        weight: found.entry.weight.name(),
        message: found.line.clone(),
        line: found.line_number,
        count: found.count,
        cause: found.entry.cause,
        facts: found.facts.clone(),
        data_at_risk: found.entry.risk.name(),
        at_risk: found.entry.at_risk,
        next_step: found.entry.next,
        since: found.entry.since,
        until: found.entry.until,
        findings: found
            .entry
            .findings
            .iter()
            .map(|code| code.name())
            .collect(),
        starts: found.starts,
        led_to: found.led_to.iter().map(explanation_json).collect(),
    }
}

struct ShownSource {
    source: String,
    report: Report,
    consequences: Vec<Consequence>,
    /// Whether releases were named.
    is_asked: bool,
    forecast: Forecast,
    exit: Exit,
}

impl Render for ShownSource {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let (verdict, color) = verdict::verdict_name(self.report.verdict());
        let verdict = look.paint(&format!("1;{color}"), &verdict.to_uppercase());
        writeln!(out, "{}: {verdict}", self.source)?;
        let known = views::surroundings::answer(&self.forecast);
        let denied = self.forecast.denied.as_ref();
        let unknown = || Some((views::forecast::denied(denied?), "33"));
        if let Some((words, color)) = known.or_else(unknown) {
            writeln!(out, "\nWould a server start? {}", look.paint(color, &words))?;
        }
        views::forecast::show(out, &self.forecast.starts, look)?;
        views::surroundings::show(out, &self.forecast.remarks, look)?;
        writeln!(out, "\nCan be restored exactly:")?;
        for window in &self.report.windows {
            verdict::show_window(out, window, look)?;
        }
        if self.report.windows.is_empty() {
            writeln!(out, "  {}", look.paint("31", "nothing"))?;
        }
        let findings = self.report.findings.len() as u64;
        if findings > 0 {
            let findings = text::plural(findings, "finding");
            writeln!(out, "\n{findings} in all: run 'zoovault verify -v'")?;
        }
        Ok(())
    }

    fn json(&self) -> json::Result {
        let (starts, remarks) = (&self.forecast.starts, &self.forecast.remarks);
        let first = starts.first();
        json::value(&json::ExplainDirectory {
            source: self.source.clone(),
            verdict: verdict::verdict_name(self.report.verdict()).0,
            exit_status: self.exit as u8,
            start: self.forecast.answer().map(Answer::name),
            not_forecast: views::forecast::denied_json(&self.forecast),
            base: first.and_then(|start| start.base.clone()),
            logs: first.map(|start| start.logs.clone()).unwrap_or_default(),
            consequences: self.consequences.iter().map(consequence_json).collect(),
            surroundings: views::surroundings::json(remarks),
            servers: match self.is_asked {
                true => views::forecast::json(starts),
                false => views::forecast::groups_json(starts),
            },
            windows: self
                .report
                .windows
                .iter()
                .map(verdict::window_json)
                .collect::<Vec<_>>(),
        })
    }
}

fn consequence_json(told: &Consequence) -> json::Consequence {
    let refusal = told.refusal.as_ref();
    json::Consequence {
        effect: told.effect.name(),
        releases: match told.is_of_members {
            true => format!("{}, as a member of an ensemble", told.releases),
            false => told.releases.clone(),
        },
        found: views::forecast::found(told),
        message: refusal.map(|refusal| refusal.thrown.line()),
        message_id: told.entry.map(|entry| entry.id),
        data_at_risk: told.entry.map(|entry| entry.risk.name()),
        finding: told.code.map(Code::name),
        next_step: hint::words(&told.next),
    }
}
