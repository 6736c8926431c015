//! What a server meant: the cause of a message, whether data is at risk, the next safe step.
//!
//! [`Explainer`] takes lines that a server printed, with whatever log4j, logback or a container put
//! before them, and finds the messages it knows ([`entries`]): in the words themselves, in wrapped
//! exceptions and in the frames of stack traces.
//!
//! Which messages there are, and in which releases, was read from the servers of 3.4.0 to 3.9.5.
//! Epochs are printed in hexadecimal without `0x`, zxids of most exceptions in decimal.

mod entry;
mod pattern;
mod table;

pub use entry::{Entry, Risk, Sign, Weight};
pub use pattern::Captures;

use std::io::{self, BufRead, Read};

/// How much of a line is looked at as one.
const LINE_MAX: u64 = 1 << 20;
/// How many lines of one message, with its stack traces, are looked at.
const EVENT_LINES_MAX: usize = 2000;
/// How much of a line is kept to show it.
const SHOWN_MAX: usize = 400;
/// How many different facts of one message are kept.
const FACTS_MAX: usize = 8;
/// How much text is looked at again as one line, for what a mail or a terminal broke into lines.
const REJOIN_MAX: usize = 1 << 16;

/// Every message that is known, in the order in which they are tried.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    table::ALL.iter().copied().flatten()
}

/// One message that was recognised.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What is known of it.
    pub entry: &'static Entry,
    /// What its numbers say.
    pub facts: Vec<String>,
    /// The first line with it.
    pub line: String,
    /// The number of that line, from 1.
    pub line_number: u64,
    /// How often it was there.
    pub count: u64,
}

/// Everything that was recognised in a text.
#[derive(Clone, Debug, Default)]
pub struct Explained {
    /// The most important first.
    pub explanations: Vec<Explanation>,
    /// How many lines were read.
    pub lines: u64,
}

impl Explained {
    /// Whether any message was recognised.
    pub fn is_recognised(&self) -> bool {
        !self.explanations.is_empty()
    }
}

/// Explains what `input` gives, in bounded memory; bytes that are not text are replaced.
///
/// # Errors
/// When it cannot be read.
pub fn explain_all(mut input: impl BufRead) -> io::Result<Explained> {
    let mut bytes = Vec::new();
    input
        .by_ref()
        .take(REJOIN_MAX as u64)
        .read_to_end(&mut bytes)?;
    if bytes.len() < REJOIN_MAX {
        return Ok(explain(&String::from_utf8_lossy(&bytes)));
    }
    let mut explainer = Explainer::new();
    let mut input = io::Cursor::new(bytes).chain(input);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(explainer.finish());
        }
        explainer.line(&String::from_utf8_lossy(&line));
    }
}

/// Explains a whole text.
pub fn explain(text: &str) -> Explained {
    let run = |text: &str| {
        let mut explainer = Explainer::new();
        text.lines().for_each(|line| explainer.line(line));
        explainer.finish()
    };
    let explained = run(text);
    if explained.is_recognised() || text.len() > REJOIN_MAX {
        return explained;
    }
    let joined: Vec<&str> = text.split_whitespace().collect();
    Explained {
        lines: explained.lines,
        ..run(&joined.join(" "))
    }
}

/// Takes a log line by line, and holds one message of it at a time.
#[derive(Debug, Default)]
pub struct Explainer {
    event: Vec<String>,
    /// The number of the event's first line.
    event_start: u64,
    lines: u64,
    found: Vec<Explanation>,
    /// The snapshot that the server last said it was reading.
    snapshot: Option<String>,
}

/// One entry in one message.
struct Hit {
    entry: &'static Entry,
    captures: Captures,
    /// The index of its line.
    at: usize,
}

impl Explainer {
    /// With no line yet.
    pub fn new() -> Explainer {
        Explainer::default()
    }

    /// Takes the next line.
    pub fn line(&mut self, line: &str) {
        self.lines += 1;
        let line = tidy(line);
        if !is_continuation(&line) || self.event.len() >= EVENT_LINES_MAX {
            self.end_event();
        }
        if self.event.is_empty() {
            self.event_start = self.lines;
        }
        self.event.push(line);
    }

    /// What was recognised. What only wraps something else is told if there is nothing else.
    pub fn finish(mut self) -> Explained {
        self.end_event();
        let is_cause = |found: &Explanation| found.entry.weight > Weight::Note;
        if self.found.iter().any(is_cause) {
            self.found
                .retain(|found| found.entry.weight > Weight::Frame);
        }
        let importance = |found: &Explanation| (found.entry.weight, found.entry.risk);
        self.found
            .sort_by(|a, b| (importance(b), a.line_number).cmp(&(importance(a), b.line_number)));
        Explained {
            explanations: self.found,
            lines: self.lines,
        }
    }

    fn end_event(&mut self) {
        let event = std::mem::take(&mut self.event);
        for line in &event {
            if let Some(captures) = pattern::find("Reading snapshot {file}", line) {
                self.snapshot = captures.get("file").map(file_name);
            }
        }
        let mut hits: Vec<Hit> = Vec::new();
        for entry in entries() {
            let is_taken = hits.iter().any(|hit| is_family(hit.entry, entry));
            if !is_taken && let Some(hit) = hit(entry, &event) {
                hits.push(hit);
            }
        }
        let everything: Vec<Captures> = hits.iter().map(|hit| hit.captures.clone()).collect();
        for mut hit in hits {
            for others in &everything {
                hit.captures.fill_from(others);
            }
            self.keep(&hit, &event);
        }
    }

    fn keep(&mut self, hit: &Hit, event: &[String]) {
        let mut facts = (hit.entry.facts)(&hit.captures);
        if hit.entry.weight == Weight::Refuses
            && hit.captures.get("file").is_none()
            && let Some(snapshot) = &self.snapshot
        {
            facts.push(format!("the server was loading from {snapshot}"));
        }
        let known = self
            .found
            .iter_mut()
            .find(|found| found.entry.id == hit.entry.id);
        match known {
            Some(found) => {
                found.count += 1;
                for fact in facts {
                    if found.facts.len() < FACTS_MAX && !found.facts.contains(&fact) {
                        found.facts.push(fact);
                    }
                }
            }
            None => self.found.push(Explanation {
                entry: hit.entry,
                facts,
                line: event
                    .get(hit.at)
                    .map(|line| line.chars().take(SHOWN_MAX).collect())
                    .unwrap_or_default(),
                line_number: self.event_start + hit.at as u64,
                count: 1,
            }),
        }
    }
}

fn is_family(a: &Entry, b: &Entry) -> bool {
    a.id == b.id || (!a.family.is_empty() && a.family == b.family)
}

fn hit(entry: &'static Entry, event: &[String]) -> Option<Hit> {
    for sign in entry.signs {
        let stands = |with: &&str| event.iter().any(|line| line.contains(with));
        if !sign.with.is_empty() && !sign.with.iter().any(stands) {
            continue;
        }
        let found = event
            .iter()
            .enumerate()
            .find_map(|(at, line)| Some((at, pattern::find(sign.text, line)?)));
        if let Some((at, captures)) = found {
            return Some(Hit {
                entry,
                captures,
                at,
            });
        }
    }
    None
}

/// The line with its blanks made one each, without colours.
fn tidy(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = behind.find(|c: char| c.is_ascii_alphabetic());
        rest = end
            .and_then(|end| behind.get(end + 1..))
            .unwrap_or_default();
    }
    plain.push_str(rest);
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ")
}

/// Whether a line belongs to the message before it: a frame, a cause, or an exception without a
/// prefix.
fn is_continuation(line: &str) -> bool {
    let is_trace = ["at ", "Caused by:", "Suppressed:", "... "]
        .iter()
        .any(|prefix| line.starts_with(prefix));
    let first = line
        .split(' ')
        .next()
        .unwrap_or_default()
        .trim_end_matches(':');
    let is_exception =
        first.contains('.') && (first.ends_with("Exception") || first.ends_with("Error"));
    is_trace || is_exception
}

/// The last part of a path.
fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::finding::Code;
    use std::collections::HashSet;

    #[test]
    fn every_entry_is_whole_and_names_findings_that_exist() {
        let mut ids = HashSet::new();
        for entry in entries() {
            assert!(ids.insert(entry.id), "{} is there twice", entry.id);
            for text in [entry.id, entry.cause, entry.at_risk, entry.next] {
                assert!(!text.is_empty(), "{}", entry.id);
            }
            assert!(!entry.signs.is_empty(), "{}", entry.id);
            let is_of_source = |code: &Code| code.server().is_some();
            assert!(entry.findings.iter().all(is_of_source), "{}", entry.id);
        }
    }

    #[test]
    fn a_stack_trace_belongs_to_its_message() {
        assert!(is_continuation(
            "at org.apache.jute.BinaryInputArchive.readInt(BinaryInputArchive.java:95)"
        ));
        assert!(is_continuation("java.io.EOFException"));
        assert!(is_continuation("java.io.IOException: CRC check failed"));
        assert!(is_continuation("... 3 more"));
        assert!(!is_continuation(
            "2026-11-20 14:00:00,000 [myid:] - ERROR [main:QuorumPeer@1] - java.io.IOException: x"
        ));
        assert_eq!(tidy("\u{1b}[31m  a \t b\u{1b}[0m"), "a b");
    }
}
