//! What is around the data: `explain`.

use crate::cli::json;
use crate::cli::ui::TextStyle;
use crate::cli::views::forecast;
use crate::cli::views::labelled::field;
use crate::cli::views::text;
use std::io::{self, Write};
use std::path::Path;
use zoovault::error::Error;
use zoovault::history::source::Source;
use zoovault::server::emulate::{Rules, Start};
use zoovault::server::outlook::{self, Answer};
use zoovault::server::surroundings::{self, Impact, Remark, Role};

/// The answer that the data gives, with what else stops servers or empties them.
pub fn answer(of_data: Answer, starts: &[Start], remarks: &[Remark]) -> (String, &'static str) {
    let (mut words, mut color) = forecast::answer(of_data, starts);
    if of_data == Answer::AllRefuse {
        return (words, color);
    }
    let all: Vec<&str> = starts.iter().map(|start| start.release.as_str()).collect();
    let certain: Vec<&Remark> = remarks
        .iter()
        .filter(|remark| remark.impact == Impact::Refuses && remark.is_certain())
        .collect();
    let is_refused = |name: &&str| {
        let mut refusing = certain.iter().flat_map(|remark| &remark.releases);
        refusing.any(|release| release == name)
    };
    if all.iter().all(is_refused)
        && let Some(first) = certain.first()
    {
        let all = outlook::names_in_words(all.iter().copied());
        return (format!("no: {all} refuse: {}", said(first)), "31");
    }
    for group in groups(remarks) {
        // The newest releases are behind the others.
        let Some(last) = group.last() else {
            continue;
        };
        words.push_str("; ");
        if last.role == Role::Member && last.impact == Impact::Refuses {
            words.push_str("only as standalone: ");
        }
        let of_group = group.iter().flat_map(|remark| &remark.releases);
        let names: Vec<&str> = all
            .iter()
            .copied()
            .filter(|name| of_group.clone().any(|release| release == name))
            .collect();
        if let Some(given) = &last.given {
            words.push_str(&format!("{given}, "));
        }
        if names.len() < all.len() {
            words.push_str(&format!("{}: ", outlook::names_in_words(names)));
        }
        words.push_str(match last.impact {
            Impact::StartsEmpty => "it starts empty: ",
            _ => "it does not start: ",
        });
        words.push_str(&said(last));
        color = "31";
    }
    (words, color)
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
