//! What is known of a message.

use super::pattern::Captures;
use crate::analysis::finding::Code;

/// What a message means for the server that printed it. The order is that of importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It only says that something else, which is told elsewhere, went wrong.
    Frame,
    /// Good to know.
    Note,
    /// The operator should look.
    Warning,
    /// The server runs, or goes on to start, and may serve less or other data than there was.
    Loses,
    /// The server does not start, or stops.
    Refuses,
}

impl Weight {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Weight::Frame => "frame",
            Weight::Note => "note",
            Weight::Warning => "warning",
            Weight::Loses => "loses-data",
            Weight::Refuses => "refuses",
        }
    }
}

/// Whether data is at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// No.
    No,
    /// It depends on what cannot be seen from the message.
    Maybe,
    /// Yes.
    Yes,
}

impl Risk {
    /// As people and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Risk::No => "no",
            Risk::Maybe => "maybe",
            Risk::Yes => "yes",
        }
    }
}

/// How a message is told from others.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    /// The message, with holes; see `pattern`.
    pub text: &'static str,
    /// One of these stands in the same message or the stack trace below it; anything, if there is
    /// none.
    pub with: &'static [&'static str],
}

/// One message of the servers, and what to make of it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Stable, for programs.
    pub id: &'static str,
    /// Entries of one family explain the same words; in one message, the first of them in the table
    /// that fits is told.
    pub family: &'static str,
    /// How it is recognised: by any of these.
    pub signs: &'static [Sign],
    /// The first releases with it, of each branch that got it later than at its beginning.
    pub since: &'static str,
    /// The last release with it, if there is one.
    pub until: Option<&'static str>,
    /// What it means for the server.
    pub weight: Weight,
    /// Why it is printed.
    pub cause: &'static str,
    /// Whether data is at risk.
    pub risk: Risk,
    /// Which, and why.
    pub at_risk: &'static str,
    /// The next safe step.
    pub next: &'static str,
    /// The codes under which `verify` finds the same.
    pub findings: &'static [Code],
    /// What the numbers in the message say.
    pub facts: fn(&Captures) -> Vec<String>,
}

impl Entry {
    /// The message, with dots for what differs.
    pub fn message(&self) -> String {
        let text = self.signs.first().map_or("", |sign| sign.text);
        let mut message = String::new();
        for (index, part) in text.split('{').enumerate() {
            let rest = if index == 0 {
                part
            } else {
                message.push_str("...");
                part.split_once('}').map_or("", |(_, rest)| rest)
            };
            message.push_str(rest);
        }
        message
    }
}

pub(super) fn no_facts(_: &Captures) -> Vec<String> {
    Vec::new()
}

/// An entry to be filled in.
pub(super) const BLANK: Entry = Entry {
    id: "",
    family: "",
    signs: &[],
    since: "3.4.0",
    until: None,
    weight: Weight::Refuses,
    cause: "",
    risk: Risk::No,
    at_risk: "",
    next: "",
    findings: &[],
    facts: no_facts,
};

/// A message that is told by its words alone.
pub(super) const fn sign(text: &'static str) -> Sign {
    Sign { text, with: &[] }
}

/// A message that is told by its words and by what stands below it.
pub(super) const fn sign_with(text: &'static str, with: &'static [&'static str]) -> Sign {
    Sign { text, with }
}
