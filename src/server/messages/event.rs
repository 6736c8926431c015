//! From lines to what is known of them: which lines are one message with its stack trace, which
//! entries stand in it, and how often over how many starts of the server.

use super::causes::Found;
use super::entry::{Entry, Weight};
use super::line::{Line, Shape};
use super::pattern::{self, Captures};
use super::{Explanation, entries, file_name, index};

/// How many lines of one message, with its stack traces, are looked at.
const EVENT_LINES_MAX: usize = 2000;
/// How much text of one message is.
const EVENT_BYTES_MAX: usize = 4 << 20;
/// How much of a line is kept to show it.
const SHOWN_MAX: usize = 400;
/// How many different facts of one message are kept.
const FACTS_MAX: usize = 8;
/// How many servers are told apart whose lines are mixed.
const SERVERS_MAX: usize = 16;
/// A server prints one of these once, early in every start.
const STARTS: [&str; 3] = [
    "Reading configuration from:",
    "Starting quorum peer",
    "Starting server",
];
/// And this at the end.
const EXIT: &str = "exiting abnormally";

/// Takes lines, and holds one message of each server at a time.
#[derive(Debug, Default)]
pub(super) struct Events {
    servers: Vec<Server>,
    /// The index of the one whose line was the last.
    last: usize,
    events: u64,
    found: Vec<Found>,
}

/// What a server has printed so far.
#[derive(Debug, Default)]
struct Server {
    name: String,
    event: Vec<Line>,
    event_bytes: usize,
    /// The snapshot that it last said it was reading.
    snapshot: Option<String>,
    /// How many starts of it had anything that is known.
    start: u64,
    /// Whether what comes next is of another start.
    is_new_start: bool,
}

/// One entry in one message.
struct Hit {
    entry: &'static Entry,
    captures: Captures,
    /// The index of its line.
    at: usize,
    /// How many exceptions its line is below the message.
    depth: usize,
}

impl Events {
    /// Takes the next line.
    pub fn push(&mut self, line: Line) {
        self.last = self.server_of(&line);
        let is_first = self
            .servers
            .get(self.last)
            .is_none_or(|it| it.is_first(&line));
        if is_first {
            self.end_event(self.last);
        }
        if let Some(server) = self.servers.get_mut(self.last) {
            server.event_bytes += line.text.len();
            server.event.push(line);
        }
    }

    /// Everything that was found.
    pub fn finish(mut self) -> Vec<Found> {
        for index in 0..self.servers.len() {
            self.end_event(index);
        }
        self.found
    }

    /// The index of the server that printed `line`.
    fn server_of(&mut self, line: &Line) -> usize {
        let known = self.servers.iter().position(|it| it.name == line.server);
        match known {
            Some(index) => index,
            // The line above may have been shown without its server.
            None if line.shape.is_some() && !self.servers.is_empty() => self.last,
            None if self.servers.len() == SERVERS_MAX => self.last,
            None => {
                self.servers.push(Server {
                    name: line.server.clone(),
                    ..Server::default()
                });
                self.servers.len() - 1
            }
        }
    }

    fn end_event(&mut self, server: usize) {
        let Some(server) = self.servers.get_mut(server) else {
            return;
        };
        let event = std::mem::take(&mut server.event);
        server.event_bytes = 0;
        server.note(&event);
        let hits = hits(&event);
        if hits.is_empty() {
            return;
        }
        self.events += 1;
        if std::mem::take(&mut server.is_new_start) || server.start == 0 {
            server.start += 1;
        }
        server.is_new_start = event.iter().any(|line| line.text.contains(EXIT));
        let cause = cause(&hits);
        for hit in &hits {
            let explanation = server.explanation(hit, &event);
            let found = Found {
                facts: explanation.facts.len(),
                explanation,
                server: server.name.clone(),
                event: self.events,
                start: server.start,
                depth: hit.depth,
                cause: cause.filter(|cause| cause.id != hit.entry.id),
            };
            keep(&mut self.found, found);
        }
    }
}

impl Server {
    /// Whether `line` begins a message.
    fn is_first(&self, line: &Line) -> bool {
        let (Some(first), Some(last)) = (self.event.first(), self.event.last()) else {
            return true;
        };
        if self.event.len() >= EVENT_LINES_MAX || self.event_bytes >= EVENT_BYTES_MAX {
            return true;
        }
        match line.shape {
            // Of another stack trace: only causes follow a frame.
            Some(Shape::Exception) => last.shape == Some(Shape::Frame),
            Some(Shape::Cause | Shape::Aside | Shape::Frame) => false,
            // Where a logger marks each message, the rest goes on with the last.
            None => !first.is_logged || line.is_logged || super::is_message(&line.text),
        }
    }

    /// What a message says of the start that it is in.
    fn note(&mut self, event: &[Line]) {
        for line in event {
            if let Some(captures) = pattern::find("Reading snapshot {file}", &line.text) {
                self.snapshot = captures.get("file").map(file_name);
            }
            self.is_new_start |= STARTS.iter().any(|start| line.text.contains(start));
        }
    }

    fn explanation(&self, hit: &Hit, event: &[Line]) -> Explanation {
        let mut facts = (hit.entry.facts)(&hit.captures);
        if hit.entry.weight == Weight::Refuses
            && hit.captures.get("file").is_none()
            && let Some(snapshot) = &self.snapshot
        {
            facts.push(format!("the server was loading from {snapshot}"));
        }
        let line = event.get(hit.at);
        let shown = line.map(|line| line.text.chars().take(SHOWN_MAX).collect());
        Explanation {
            entry: hit.entry,
            facts,
            line: shown.unwrap_or_default(),
            line_number: line.map_or(0, |line| line.number),
            count: 1,
            starts: 1,
            led_to: Vec::new(),
        }
    }
}

/// Adds what was found to what is known of the same entry.
fn keep(all: &mut Vec<Found>, found: Found) {
    let is_same = |known: &&mut Found| known.explanation.entry.id == found.explanation.entry.id;
    let Some(known) = all.iter_mut().find(is_same) else {
        all.push(found);
        return;
    };
    known.explanation.count += 1;
    if (&known.server, known.start) != (&found.server, found.start) {
        known.explanation.starts += 1;
        known.start = found.start;
    }
    let facts = &mut known.explanation.facts;
    for fact in found.explanation.facts {
        if facts.len() < FACTS_MAX && !facts.contains(&fact) {
            facts.push(fact);
        }
    }
}

/// What is in one message. What one part of it says is known to the others.
fn hits(event: &[Line]) -> Vec<Hit> {
    let possible = index::possible(event.iter().map(|line| line.text.as_str()));
    let depths = depths(event);
    let mut hits: Vec<Hit> = Vec::new();
    for entry in entries().filter(|entry| possible.contains(entry.id)) {
        let is_taken = hits.iter().any(|hit| is_family(hit.entry, entry));
        if !is_taken && let Some(mut hit) = hit(entry, event) {
            hit.depth = depths.get(hit.at).copied().unwrap_or_default();
            hits.push(hit);
        }
    }
    let everything: Vec<Captures> = hits.iter().map(|hit| hit.captures.clone()).collect();
    for hit in &mut hits {
        for others in &everything {
            hit.captures.fill_from(others);
        }
    }
    hits
}

/// Java prints the cause of an exception below it.
fn depths(event: &[Line]) -> Vec<usize> {
    let mut depth = 0;
    let of = |line: &Line| {
        match line.shape {
            Some(Shape::Exception | Shape::Cause) => depth += 1,
            Some(Shape::Aside) => depth = 0,
            Some(Shape::Frame) | None => {}
        }
        depth
    };
    event.iter().map(of).collect()
}

/// Why the rest of a message is there: of what matters, that which stands below everything else.
fn cause(hits: &[Hit]) -> Option<&'static Entry> {
    let is_weighty = |hit: &&Hit| hit.entry.weight > Weight::Frame;
    let rank = |hit: &&Hit| {
        let weight = hit.entry.weight;
        let depth = if weight > Weight::Note { hit.depth } else { 0 };
        (weight > Weight::Note, depth, weight)
    };
    // Of equals, the first.
    let hit = hits.iter().rev().filter(is_weighty).max_by_key(rank)?;
    Some(hit.entry)
}

fn is_family(a: &Entry, b: &Entry) -> bool {
    a.id == b.id || (!a.family.is_empty() && a.family == b.family)
}

fn hit(entry: &'static Entry, event: &[Line]) -> Option<Hit> {
    for sign in entry.signs {
        let stands = |with: &&str| event.iter().any(|line| line.text.contains(with));
        if !sign.with.is_empty() && !sign.with.iter().any(stands) {
            continue;
        }
        let mut lines = event.iter().enumerate();
        let found = lines.find_map(|(at, line)| Some((at, pattern::find(sign.text, &line.text)?)));
        if let Some((at, captures)) = found {
            return Some(Hit {
                entry,
                captures,
                at,
                depth: 0,
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_deeper_than_what_it_caused_and_what_was_suppressed_is_not() {
        let line = |shape| Line {
            shape,
            ..Line::default()
        };
        let event = [
            None,
            Some(Shape::Exception),
            Some(Shape::Frame),
            Some(Shape::Cause),
            Some(Shape::Aside),
            Some(Shape::Frame),
        ];
        assert_eq!(depths(&event.map(line)), [0, 1, 1, 2, 0, 0]);
    }
}
