//! Would servers start on a directory, and with what: what each release would do, by
//! [`crate::server::emulate`], in groups that do the same.

use crate::analysis::finding::{Code, Finding};
use crate::analysis::verify::Report;
use crate::error::Hint;
use crate::format::release::RELEASES;
use crate::server::emulate::{Refusal, Start, Started, Truth};
use crate::server::messages::{self, Entry};

/// What a start comes to. The order is that of importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Servers start with what there is.
    None,
    /// They start, and serve less or other data than there was.
    Loses,
    /// They do not start.
    Refuses,
}

impl Effect {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Effect::None => "none",
            Effect::Loses => "loses",
            Effect::Refuses => "refuses",
        }
    }

    /// What the start of a standalone server comes to, beside those of other releases: what one of
    /// them notices is so for all that load the same.
    pub fn of(start: &Start, starts: &[Start]) -> Effect {
        match &start.standalone {
            Err(_) => Effect::Refuses,
            Ok(started) if is_loss(started) => Effect::Loses,
            Ok(started) if is_contradicted(start, started, starts) => Effect::Loses,
            Ok(_) => Effect::None,
        }
    }
}

/// Whether a release that looks at digests finds that there never was the tree that this one loads.
fn is_contradicted(start: &Start, started: &Started, starts: &[Start]) -> bool {
    let loads_same = |other: &&Start| other.base == start.base && other.logs == start.logs;
    let mut same = starts.iter().filter(loads_same);
    matches!(started.truth, Truth::Unknown(_))
        && same.any(|other| {
            let other = other.standalone.as_ref();
            other.is_ok_and(|it| it.zxid == started.zxid && it.digest_mismatches.0 > 0)
        })
}

/// Whether what is served is known to be wrong, or cannot be all.
fn is_loss(started: &Started) -> bool {
    if started.not_loaded_to.is_some() {
        return true;
    }
    match &started.truth {
        Truth::Known(_, difference) => !difference.is_none(),
        Truth::Unknown(_) => !started.holes.is_empty() || started.digest_mismatches.0 > 0,
    }
}

/// Releases that do the same.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Which, in words: `3.4.6 to 3.9.3, 3.9.5`.
    pub releases: String,
    /// What they do.
    pub start: &'a Start,
}

/// What servers do, each way once.
pub fn groups(starts: &[Start]) -> Vec<Group<'_>> {
    let mut groups: Vec<Vec<&Start>> = Vec::new();
    for start in starts {
        let same = groups
            .iter_mut()
            .find(|group| group.first().is_some_and(|first| first.does_as(start)));
        match same {
            Some(group) => group.push(start),
            None => groups.push(vec![start]),
        }
    }
    let named = groups.into_iter().filter_map(|members| {
        let start = *members.first()?;
        let releases = in_words(members);
        Some(Group { releases, start })
    });
    named.collect()
}

/// The names of releases, with those that follow one another as a range.
pub fn in_words<'a>(starts: impl IntoIterator<Item = &'a Start>) -> String {
    names_in_words(starts.into_iter().map(|start| start.release.as_str()))
}

/// The same of names alone.
pub fn names_in_words<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let place = |name: &str| RELEASES.iter().position(|known| *known == name);
    let mut runs: Vec<Vec<&str>> = Vec::new();
    for name in names {
        let follows = |run: &&mut Vec<&str>| {
            let last = run.last().and_then(|last| place(last));
            last.is_some() && last.map(|last| last + 1) == place(name)
        };
        match runs.last_mut().filter(follows) {
            Some(run) => run.push(name),
            None => runs.push(vec![name]),
        }
    }
    let words = runs.iter().map(|run| match run.as_slice() {
        [first, _, .., last] => format!("{first} to {last}"),
        few => few.join(", "),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// One thing that comes of a start.
#[derive(Clone, Debug)]
pub struct Consequence {
    /// What it is.
    pub effect: Effect,
    /// To which servers.
    pub releases: String,
    /// Whether only to members of ensembles.
    pub is_of_members: bool,
    /// Why the server does not start, where it does not.
    pub refusal: Option<Refusal>,
    /// What it serves, where it does.
    pub started: Option<Started>,
    /// What is known of the message that it prints.
    pub entry: Option<&'static Entry>,
    /// The finding of `verify` that goes with it.
    pub code: Option<Code>,
    /// The next safe step.
    pub next: Hint,
}

/// What comes of a start on the directory of `report`, the most important first.
pub fn consequences(starts: &[Start], report: &Report) -> Vec<Consequence> {
    let mut all: Vec<Consequence> = Vec::new();
    for group in groups(starts) {
        match &group.start.standalone {
            Err(refusal) => all.push(refused(&group, refusal, false, report)),
            Ok(started) => {
                if Effect::of(group.start, starts) == Effect::Loses {
                    all.push(lost(&group, started, report));
                }
                if let Err(refusal) = &group.start.member {
                    all.push(refused(&group, refusal, true, report));
                }
            }
        }
    }
    all.sort_by_key(|told| std::cmp::Reverse(told.effect));
    all
}

fn refused(
    group: &Group<'_>,
    refusal: &Refusal,
    is_of_members: bool,
    report: &Report,
) -> Consequence {
    let entry = entry_of(refusal);
    let finding = entry.and_then(|entry| finding_of(report, entry.findings));
    let next = match (entry, finding) {
        (Some(entry), _) => entry.next.into(),
        (None, Some(finding)) => finding.next(),
        (None, None) => LOOK.into(),
    };
    Consequence {
        effect: Effect::Refuses,
        releases: group.releases.clone(),
        is_of_members,
        refusal: Some(refusal.clone()),
        started: None,
        entry,
        code: finding.map(|finding| finding.code),
        next,
    }
}

fn lost(group: &Group<'_>, started: &Started, report: &Report) -> Consequence {
    let finding = finding_of(
        report,
        &[
            Code::TxnsMissing,
            Code::LogBadEndMark,
            Code::LogBadLength,
            Code::LogCut,
            Code::LogBadRecord,
            Code::DigestMismatch,
        ],
    );
    Consequence {
        effect: Effect::Loses,
        releases: group.releases.clone(),
        is_of_members: false,
        refusal: None,
        started: Some(started.clone()),
        entry: None,
        code: finding.map(|finding| finding.code),
        next: finding.map_or(LOOK.into(), Finding::next),
    }
}

const LOOK: &str =
    "copy the whole directory first; `zoovault verify` says what can be restored exactly";

fn finding_of<'a>(report: &'a Report, codes: &[Code]) -> Option<&'a Finding> {
    let of_code = |code: &Code| report.findings.iter().find(|finding| finding.code == *code);
    codes.iter().find_map(of_code)
}

/// What is known of the message with which a server refuses.
pub fn entry_of(refusal: &Refusal) -> Option<&'static Entry> {
    let explained = messages::explain(&refusal.lines().join("\n"));
    explained.explanations.first().map(|found| found.entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zxid::Zxid;

    fn start(release: &str, zxid: u32) -> Start {
        Start {
            release: release.to_owned(),
            ignored_settings: Vec::new(),
            base: None,
            logs: Vec::new(),
            said: Vec::new(),
            standalone: Ok(Started {
                zxid: Zxid::new(1, zxid),
                znodes: 4,
                txns: 0,
                not_loaded_to: None,
                holes: Vec::new(),
                swallowed: (0, None),
                digest_mismatches: (0, None),
                ended_sessions: Vec::new(),
                znodes_served: 4,
                truth: Truth::Unknown("it is a test".to_owned()),
            }),
            member: Ok(()),
        }
    }

    #[test]
    fn releases_that_do_the_same_are_a_range_where_none_between_does_otherwise() {
        let starts = [
            start("3.5.9", 1),
            start("3.5.10", 1),
            start("3.6.0", 1),
            start("3.6.1", 2),
            start("3.6.2", 1),
            start("3.9.4", 1),
            start("3.9.5", 1),
            start("3.8.0-11+deb12u2", 1),
        ];
        let groups = groups(&starts);
        let words: Vec<&str> = groups.iter().map(|group| group.releases.as_str()).collect();
        let first = "3.5.9 to 3.6.0, 3.6.2, 3.9.4, 3.9.5, 3.8.0-11+deb12u2";
        assert_eq!(words, [first, "3.6.1"]);
    }
}
