//! What is around the data: `explain`.

use crate::cli::json;
use crate::cli::ui::TextStyle;
use crate::cli::views::labelled::field;
use crate::cli::views::text;
use std::io::{self, Write};
use std::path::Path;
use zoovault::error::Error;
use zoovault::history::source::Source;
use zoovault::server::answer::Fate;
use zoovault::server::emulate::{Rules, Start};
use zoovault::server::forecast::Forecast;
use zoovault::server::outlook;
use zoovault::server::surroundings::{self, Impact, Remark, Role};

/// Whether servers start, in words; `None` where none was followed.
pub fn answer(forecast: &Forecast) -> Option<(String, &'static str)> {
    let Forecast {
        starts,
        remarks,
        fates,
        ..
    } = forecast;
    forecast.answer()?;
    let of = |is_meant: &dyn Fn(Fate) -> bool| {
        let both = starts.iter().zip(fates);
        outlook::in_words(
            both.filter(|(_, fate)| is_meant(**fate))
                .map(|(start, _)| start),
        )
    };
    let all = of(&|_| true);
    let starting = of(&|fate| fate != Fate::Refuses);
    if starting.is_empty() {
        let why = why_none(starts, remarks).map(|why| format!(": {why}"));
        let words = format!("no: {all} refuse{}", why.unwrap_or_default());
        return Some((words, "31"));
    }
    let mut words = match starting == all {
        true => format!("yes: {all}"),
        false => format!("only {starting}"),
    };
    let as_members = of(&|fate| matches!(fate, Fate::Starts | Fate::Loses));
    if as_members.is_empty() {
        words.push_str("; but not as a member of an ensemble");
    } else if as_members != starting {
        words.push_str(&format!("; as a member of an ensemble, only {as_members}"));
    }
    let losing = of(&|fate| fate == Fate::Loses);
    if !losing.is_empty() {
        let losing = if losing == starting { "they" } else { &losing };
        words.push_str(&format!("; but {losing} would serve missing or wrong data"));
    }
    let mut groups = groups(remarks);
    if as_members.is_empty() {
        groups.retain(|group| group.iter().any(|remark| remark.role != Role::Member));
    }
    for group in &groups {
        words.push_str(&clause(group, starts));
    }
    let is_plain = fates.iter().all(|fate| *fate == Fate::Starts) && groups.is_empty();
    let is_right = starts.iter().all(Start::is_right);
    let color = match (is_plain, is_right) {
        (true, true) => "32",
        (true, false) => "33",
        (false, _) => "31",
    };
    Some((words, color))
}

/// What keeps every release from starting, though the data does not.
fn why_none(starts: &[Start], remarks: &[Remark]) -> Option<String> {
    if starts.iter().all(|start| start.standalone.is_err()) {
        return None;
    }
    let is_meant = |remark: &&Remark| remark.impact == Impact::Refuses && remark.is_certain();
    let first = remarks.iter().find(is_meant)?;
    // The newest releases are behind the others.
    let mut same = remarks.iter().filter(is_meant);
    same.rfind(|remark| remark.id == first.id).map(said)
}

/// What else stops or empties a server.
fn clause(group: &[&Remark], starts: &[Start]) -> String {
    let Some(last) = group.last() else {
        return String::new();
    };
    let of_group = |start: &&Start| {
        let mut releases = group.iter().flat_map(|remark| &remark.releases);
        releases.any(|release| *release == start.release)
    };
    let concerned = outlook::in_words(starts.iter().filter(of_group));
    let is_all = starts.iter().all(|start| of_group(&start));
    let given = last.given.as_ref().map(|given| format!("{given}, "));
    let role = match last.role {
        Role::StandaloneOrLeader => "standalone or as the leader, ",
        Role::Any | Role::Member => "",
    };
    let concerned = match is_all {
        true => "it".to_owned(),
        false => concerned,
    };
    let does = match last.impact {
        Impact::StartsEmpty => "would start empty",
        _ => "would not start",
    };
    let given = given.unwrap_or_default();
    format!("; but {given}{role}{concerned} {does}: {}", said(last))
}

/// Those that stop or empty servers; what has one id and one condition together.
fn groups(remarks: &[Remark]) -> Vec<Vec<&Remark>> {
    let mut groups: Vec<Vec<&Remark>> = Vec::new();
    let grave = remarks
        .iter()
        .filter(|remark| remark.impact >= Impact::StartsEmpty);
    for remark in grave {
        let is_same = |other: &&Remark| {
            (other.id, &other.given, other.impact) == (remark.id, &remark.given, remark.impact)
        };
        let same = groups
            .iter_mut()
            .find(|group| group.first().is_some_and(is_same));
        match same {
            Some(group) => group.push(remark),
            None => groups.push(vec![remark]),
        }
    }
    groups
}

/// What a server prints, or what there is instead.
fn said(remark: &Remark) -> String {
    match &remark.message {
        Some(message) => format!("\"{message}\""),
        None => remark.found.clone(),
    }
}

fn impact_words(remark: &Remark) -> (&'static str, &'static str) {
    match remark.impact {
        Impact::Refuses => ("does not start", "31"),
        Impact::StartsEmpty => ("starts empty", "31"),
        Impact::Loses => ("starts without some of what there is", "31"),
        Impact::FailsLater => ("starts, and fails later", "33"),
        Impact::Note => ("good to know", "2"),
    }
}

fn role_words(role: Role) -> &'static str {
    match role {
        Role::Any => "",
        Role::Member => ", as a member of an ensemble",
        Role::StandaloneOrLeader => ", standalone or as the leader",
    }
}

fn releases(remark: &Remark) -> String {
    outlook::names_in_words(remark.releases.iter().map(String::as_str))
}

/// Tells each remark, below a heading of their own.
pub fn show(out: &mut dyn Write, remarks: &[Remark], look: &TextStyle) -> io::Result<()> {
    if remarks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", look.paint("1", "Around the data"))?;
    for (index, remark) in remarks.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| remarks.get(before));
        let is_again = before.is_some_and(|before| {
            (before.id, &before.file, &before.found) == (remark.id, &remark.file, &remark.found)
        });
        let (words, color) = impact_words(remark);
        let concerned = format!("{}{}", releases(remark), role_words(remark.role));
        let title = look.paint(color, words);
        writeln!(out, "   {title} [{}]: {concerned}", remark.id)?;
        if !is_again {
            field(out, look, "file", &text::path(&remark.file))?;
            field(out, look, "here", &remark.found)?;
        }
        if let Some(given) = &remark.given {
            field(out, look, "if", given)?;
        }
        if let Some(message) = &remark.message {
            let id = remark.entry().map(|entry| format!(" [{}]", entry.id));
            field(
                out,
                look,
                "message",
                &format!("\"{message}\"{}", id.unwrap_or_default()),
            )?;
        }
        if !is_again {
            field(out, look, "next", remark.next)?;
        }
    }
    Ok(())
}

/// For programs.
pub fn json(remarks: &[Remark]) -> Vec<json::Surrounding> {
    let all = remarks.iter().map(|remark| {
        let entry = remark.entry();
        json::Surrounding {
            id: remark.id,
            impact: remark.impact.name(),
            role: remark.role.name(),
            releases: releases(remark),
            given: remark.given.clone(),
            file: text::path(&remark.file),
            found: remark.found.clone(),
            message: remark.message.clone(),
            message_id: entry.map(|entry| entry.id),
            data_at_risk: entry.map(|entry| entry.risk.name()),
            next_step: remark.next,
        }
    });
    all.collect()
}

/// Adds to a failure to open what a `zoo.cfg` names what is wrong with that file itself.
pub fn explained(error: Error, path: &Path, rules: &[Rules]) -> Error {
    let is_cfg = path.is_file() && path.extension().is_some_and(|end| end == "cfg");
    let zoo_cfg = is_cfg.then(|| Source::read_zoo_cfg(path).ok()).flatten();
    let remarks = zoo_cfg.map(|zoo_cfg| surroundings::look_at_zoo_cfg(path, &zoo_cfg, rules));
    let mut told: Vec<&str> = Vec::new();
    let mut hints: Vec<String> = Vec::new();
    // Of two for other releases, the one with a message.
    for remark in remarks.iter().flatten().rev() {
        if remark.impact >= Impact::Loses && !told.contains(&remark.id) {
            let (words, _) = impact_words(remark);
            let message = remark.message.as_ref().map(|it| format!(": \"{it}\""));
            let message = message.unwrap_or_default();
            hints.push(format!("{}; a server {words}{message}", remark.found));
            told.push(remark.id);
        }
    }
    match hints.split_first() {
        Some((first, more)) => {
            let error = error.hint(first.clone());
            more.iter().cloned().fold(error, Error::also)
        }
        None => error,
    }
}
