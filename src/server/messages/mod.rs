//! What a server meant: the cause of a message, whether data is at risk, the next safe step.
//!
//! [`explain_all`] takes what a server printed, as it was pasted: with what collectors put before
//! each line (`line`), and broken into lines again (`wrap`). It finds the messages it knows
//! ([`entries`]): in the words themselves, in wrapped exceptions and in the frames of stack traces
//! (`index`, `event`), and says what followed from what (`causes`).
//!
//! Which messages there are, and in which releases, was read from the servers of 3.4.0 to 3.9.5.
//! Epochs are printed in hexadecimal without `0x`, zxids of most exceptions in decimal.

mod causes;
mod entry;
mod event;
mod index;
mod line;
mod pattern;
mod table;
mod wrap;

pub use entry::{Entry, Risk, Sign, Weight};
pub use pattern::Captures;

use causes::Found;
use event::Events;
use line::{LINE_MAX, Lines};
use std::io::{self, BufRead, Read};
use wrap::{Joiner, Wrap};

/// How much text shows how its lines were broken.
const HEAD_MAX: usize = 1 << 16;
/// What is shorter than this can stand at the beginning of a line by chance.
const BEGINNING_MIN: usize = 8;

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
    /// In how many starts of a server.
    pub starts: u64,
    /// What followed from it, in the order in which it appeared.
    pub led_to: Vec<Explanation>,
}

impl Explanation {
    /// What it meant for the server in the end.
    pub fn worst(&self) -> Weight {
        let weights = self.led_to.iter().map(|found| found.entry.weight);
        weights.fold(self.entry.weight, Weight::max)
    }
}

/// Everything that was recognised in a text.
#[derive(Clone, Debug, Default)]
pub struct Explained {
    /// The first causes: those because of which a server stopped or lacks data, then warnings, then
    /// the rest, each in the order in which they appeared.
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
    let mut head = Vec::new();
    input
        .by_ref()
        .take(HEAD_MAX as u64)
        .read_to_end(&mut head)?;
    let text = String::from_utf8_lossy(&head);
    let (wrap, found) = likeliest(&text);
    if head.len() < HEAD_MAX {
        return Ok(Explained {
            explanations: causes::fold(found),
            lines: text.lines().count() as u64,
        });
    }
    let mut explainer = Explainer::new(wrap);
    let mut input = head.chain(input);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input
            .by_ref()
            .take(LINE_MAX as u64)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(Explained {
                lines: explainer.count,
                explanations: causes::fold(explainer.found()),
            });
        }
        explainer.line(&String::from_utf8_lossy(&line));
    }
}

/// Explains a whole text.
pub fn explain(text: &str) -> Explained {
    explain_all(text.as_bytes()).unwrap_or_default()
}

/// How the lines of `text` were broken, and what it says then: of the ways that are as likely, that
/// in which the most is recognised.
fn likeliest(text: &str) -> (Wrap, Vec<Found>) {
    let run = |wrap: Wrap| {
        let mut explainer = Explainer::new(wrap);
        text.lines().for_each(|line| explainer.line(line));
        (wrap, explainer.found())
    };
    let wraps = wrap::candidates(text, is_message).into_iter().map(run);
    let best = wraps.rev().max_by_key(|(_, found)| causes::known(found));
    let best = best.unwrap_or_else(|| run(Wrap::None));
    if !best.1.is_empty() {
        return best;
    }
    let anywhere = run(Wrap::Everywhere);
    if anywhere.1.is_empty() {
        best
    } else {
        anywhere
    }
}

/// Whether `line` begins with a message that is known.
fn is_message(line: &str) -> bool {
    let signs = entries().flat_map(|entry| entry.signs);
    signs
        .map(|sign| sign.text.split('{').next().unwrap_or_default())
        .filter(|text| text.len() >= BEGINNING_MIN && text.starts_with(char::is_uppercase))
        .any(|text| line.starts_with(text))
}

/// Takes a log line by line.
struct Explainer {
    joiner: Joiner,
    lines: Lines,
    events: Events,
    count: u64,
}

impl Explainer {
    fn new(wrap: Wrap) -> Explainer {
        Explainer {
            joiner: Joiner::new(wrap, is_message),
            lines: Lines::default(),
            events: Events::default(),
            count: 0,
        }
    }

    fn line(&mut self, pasted: &str) {
        self.count += 1;
        if let Some(joined) = self.joiner.push(pasted, self.count) {
            let lines = self.lines.push(&joined.text, joined.number);
            lines.into_iter().for_each(|line| self.events.push(line));
        }
    }

    fn found(mut self) -> Vec<Found> {
        let mut lines = Vec::new();
        if let Some(joined) = self.joiner.finish() {
            lines.extend(self.lines.push(&joined.text, joined.number));
        }
        lines.extend(self.lines.finish());
        lines.into_iter().for_each(|line| self.events.push(line));
        self.events.finish()
    }
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
}
