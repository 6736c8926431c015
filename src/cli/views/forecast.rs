//! What servers of given releases would do: `--server` of `verify` and `explain`.

use crate::cli::args::ServerArgs;
use crate::cli::exit::BadArgument;
use crate::cli::json;
use crate::cli::ui::TextStyle;
use crate::cli::views::hint;
use crate::cli::views::labelled::field;
use crate::cli::views::text;
use std::collections::BTreeSet;
use std::io::{self, Write};
use zoovault::error::Error;
use zoovault::format::release::RELEASES;
use zoovault::server::emulate::{
    Difference, Paths, Refusal, Rules, Said, Settings, Start, Started, Truth,
};
use zoovault::server::forecast::Forecast;
use zoovault::server::outlook::{self, Consequence};
use zoovault::zxid::Zxid;

/// How many of a kind are told without `-v`.
const TOLD_MAX: usize = 5;

/// The servers that were asked for.
pub fn rules(args: &ServerArgs) -> anyhow::Result<Vec<Rules>> {
    let mut settings = Settings::default();
    for setting in &args.settings {
        settings.set(setting).map_err(BadArgument)?;
    }
    let names = args.releases.iter().flat_map(|name| match name.as_str() {
        "all" => RELEASES.to_vec(),
        name => vec![name],
    });
    names
        .map(|name| {
            Rules::parse(name, settings.clone()).map_err(|message| BadArgument(message).into())
        })
        .collect()
}

/// What a consequence rests on.
pub fn found(told: &Consequence) -> String {
    match (&told.refusal, &told.started) {
        (Some(refusal), _) => place(refusal).unwrap_or_else(|| refusal.thrown.line()),
        (None, Some(started)) => format!("{}; {}", has(started), truth(&started.truth)),
        (None, None) => String::new(),
    }
}

/// Where in which file a server refuses.
fn place(refusal: &Refusal) -> Option<String> {
    let file = refusal.file.as_ref()?;
    let offset = refusal.offset.map(|offset| format!(", offset {offset}"));
    let behind = refusal.behind.map(|zxid| format!(", after {zxid}"));
    let place = [offset, behind].into_iter().flatten().collect::<String>();
    Some(format!("{file}{place}"))
}

/// Why nothing is foretold, and what to do.
pub fn denied(error: &Error) -> String {
    let (file, next) = denied_parts(error);
    let next = next.map(|next| format!("; {next}")).unwrap_or_default();
    format!("not known: zoovault may not read {file}, which servers read{next}")
}

fn denied_parts(error: &Error) -> (String, Option<String>) {
    let file = error.path().map(text::path).unwrap_or_default();
    (file, hint::all(error.hints()))
}

/// The same for programs.
pub fn denied_json(forecast: &Forecast) -> Option<json::NotForecast> {
    let error = forecast.denied.as_ref()?;
    let (file, next_step) = denied_parts(error);
    Some(json::NotForecast {
        file,
        message: error.what(),
        next_step,
    })
}

/// Tells each way of starting, and which settings do nothing.
pub fn show(out: &mut dyn Write, starts: &[Start], look: &TextStyle) -> io::Result<()> {
    for (setting, releases) in ignored_settings(starts) {
        let words = format!("{setting} has no effect: {releases} do not have it");
        writeln!(out, "\n{}", look.paint("33", &words))?;
    }
    for group in outlook::groups(starts) {
        let title = format!("A server of {}", group.releases);
        writeln!(out, "\n{}", look.paint("1", &title))?;
        show_start(out, group.start, look)?;
    }
    Ok(())
}

/// The settings that some releases do not have, and which releases.
fn ignored_settings(starts: &[Start]) -> Vec<(&'static str, String)> {
    let all = starts.iter().flat_map(|start| &start.ignored_settings);
    let settings: BTreeSet<&'static str> = all.copied().collect();
    let with_releases = settings.into_iter().map(|setting| {
        let ignoring = starts
            .iter()
            .filter(|start| start.ignored_settings.contains(&setting));
        (setting, outlook::in_words(ignoring))
    });
    with_releases.collect()
}

fn show_start(out: &mut dyn Write, start: &Start, look: &TextStyle) -> io::Result<()> {
    let said = |start: &Start, out: &mut dyn Write| {
        for Said { line, .. } in start.said.iter().take(limit(look)) {
            field(out, look, "prints", &format!("\"{line}\""))?;
        }
        Ok(())
    };
    let base = start.base.as_deref().unwrap_or("no snapshot");
    let started = match &start.standalone {
        Err(refusal) => {
            writeln!(out, "   {}", look.paint("31", outcome(start)))?;
            show_refusal(out, refusal, look)?;
            return said(start, out);
        }
        Ok(started) => started,
    };
    let color = if start.is_right() { "32" } else { "31" };
    writeln!(out, "   {}", look.paint(color, outcome(start)))?;
    let logs = if start.logs.is_empty() {
        "no log".to_owned()
    } else {
        start.logs.join(", ")
    };
    field(out, look, "reads", &format!("{base}, then {logs}"))?;
    field(out, look, "has", &has(started))?;
    show_doubts(out, started, look)?;
    said(start, out)?;
    if let Err(refusal) = &start.member {
        let words = look.paint("31", "as a member of an ensemble it does not start");
        writeln!(out, "   {words}")?;
        show_refusal(out, refusal, look)?;
    }
    Ok(())
}

/// What comes of a start, in a few words.
pub fn outcome(start: &Start) -> &'static str {
    let Ok(started) = &start.standalone else {
        return "does not start";
    };
    match &started.truth {
        _ if started.is_right() => "starts, and serves the correct tree",
        _ if started.not_loaded_to.is_some() => "starts without transactions that are there",
        Truth::Known(_, difference) if !difference.is_none() => "starts, and serves a wrong tree",
        Truth::Known(..) if started.znodes_served < started.znodes => {
            "starts with the correct tree, and deletes ephemerals"
        }
        Truth::Known(..) => "starts, and serves what a restore would give, which is unproven",
        Truth::Unknown(_) if !started.holes.is_empty() => {
            "starts, with transactions missing from what it serves"
        }
        Truth::Unknown(_) if started.digest_mismatches.0 > 0 => {
            "starts, and serves a tree that never existed"
        }
        Truth::Unknown(_) => "starts; the correct state cannot be determined",
    }
}

/// How far a server got, and how much it has.
pub fn has(started: &Started) -> String {
    format!(
        "zxid {}, {} ({} in srvr), after {}",
        started.zxid,
        text::plural(started.znodes_served as u64, "znode"),
        text::count(started.znodes_served as u64 + 1),
        text::plural(started.txns, "txn")
    )
}

/// How what it has differs from the truth.
pub fn truth(truth: &Truth) -> String {
    match truth {
        Truth::Unknown(reason) => format!("not available there: {reason}"),
        Truth::Known(proof, difference) if difference.is_none() => {
            format!("every znode is correct ({})", proof.name())
        }
        Truth::Known(proof, difference) => format!(
            "{} missing, {} extra, {} different, {} different ({})",
            text::plural(difference.missing.count, "znode"),
            text::count(difference.surplus.count),
            text::count(difference.changed.0),
            text::plural(difference.sessions, "session"),
            proof.name()
        ),
    }
}

fn limit(look: &TextStyle) -> usize {
    if look.verbose { usize::MAX } else { TOLD_MAX }
}

fn show_refusal(out: &mut dyn Write, refusal: &Refusal, look: &TextStyle) -> io::Result<()> {
    field(
        out,
        look,
        "message",
        &format!("\"{}\"", refusal.thrown.line()),
    )?;
    if let Some(place) = place(refusal) {
        field(out, look, "by", &place)?;
    }
    if let Some(entry) = outlook::entry_of(refusal) {
        field(out, look, "cause", entry.cause)?;
        field(out, look, "at risk", entry.at_risk)?;
        field(out, look, "next", entry.next)?;
    }
    Ok(())
}

fn show_doubts(out: &mut dyn Write, started: &Started, look: &TextStyle) -> io::Result<()> {
    for (last, next) in started.holes.iter().take(limit(look)) {
        let words =
            format!("it goes straight from {last} to {next}, as if nothing were between them");
        field(out, look, "silently", &words)?;
    }
    let more = started.holes.len().saturating_sub(limit(look));
    if more > 0 {
        field(
            out,
            look,
            "silently",
            &format!("and skips {more} more gaps"),
        )?;
    }
    if let Some(held) = started.not_loaded_to {
        let words = format!(
            "the directory holds transactions up to {held}: those after {} are not loaded",
            started.zxid
        );
        field(out, look, "silently", &words)?;
    }
    let (swallowed, first) = started.swallowed;
    if let Some(first) = first {
        let words = format!(
            "{} after the gap failed silently (znode missing, or already there), the first with {first}",
            text::plural(swallowed, "change")
        );
        field(out, look, "silently", &words)?;
    }
    if let (count, Some(first)) = started.digest_mismatches {
        let words = format!(
            "\"Digests are not matching\", {} from {first} on",
            text::plural(count, "time")
        );
        field(out, look, "prints", &words)?;
    }
    if !started.ended_sessions.is_empty() {
        let words = format!(
            "standalone or as the leader, it ends sessions that own ephemerals but are unknown ({}), and deletes {} that followers keep",
            text::count(started.ended_sessions.len() as u64),
            text::plural(
                (started.znodes.saturating_sub(started.znodes_served)) as u64,
                "znode"
            ),
        );
        field(out, look, "deletes", &words)?;
    }
    field(out, look, "truth", &truth(&started.truth))?;
    match &started.truth {
        Truth::Unknown(_) => Ok(()),
        Truth::Known(_, difference) => show_difference(out, difference, look),
    }
}

fn show_difference(
    out: &mut dyn Write,
    difference: &Difference,
    look: &TextStyle,
) -> io::Result<()> {
    for (label, paths) in [
        ("missing", &difference.missing),
        ("extra", &difference.surplus),
    ] {
        show_paths(out, label, paths, look)?;
    }
    for changed in difference.changed.1.iter().take(limit(look)) {
        let words = format!("{} ({})", shown(&changed.path), changed.fields.join(", "));
        field(out, look, "differs", &words)?;
    }
    show_more(out, "differs", difference.changed.0, look)
}

fn show_paths(out: &mut dyn Write, label: &str, paths: &Paths, look: &TextStyle) -> io::Result<()> {
    for path in paths.first.iter().take(limit(look)) {
        field(out, look, label, &shown(path))?;
    }
    show_more(out, label, paths.count, look)
}

fn show_more(out: &mut dyn Write, label: &str, count: u64, look: &TextStyle) -> io::Result<()> {
    match count.saturating_sub(limit(look) as u64) {
        0 => Ok(()),
        more => field(out, look, label, &format!("and {} more", text::count(more))),
    }
}

fn shown(path: &[u8]) -> String {
    match path {
        b"" => "/".to_owned(),
        path => String::from_utf8_lossy(path).into_owned(),
    }
}

/// For programs: each release.
pub fn json(starts: &[Start]) -> Vec<json::Forecast> {
    starts.iter().map(start_json).collect()
}

/// For programs: releases that do the same as one.
pub fn groups_json(starts: &[Start]) -> Vec<json::Forecast> {
    let groups = outlook::groups(starts).into_iter();
    let named = groups.map(|group| json::Forecast {
        release: group.releases,
        ..start_json(group.start)
    });
    named.collect()
}

fn start_json(start: &Start) -> json::Forecast {
    let prints = start.said.iter().map(|said| json::Printed {
        file: said.file.clone(),
        line: said.line.clone(),
    });
    json::Forecast {
        release: start.release.clone(),
        ignored_settings: start.ignored_settings.clone(),
        is_right: start.is_right(),
        base: start.base.clone(),
        logs: start.logs.clone(),
        prints: prints.collect(),
        standalone: match &start.standalone {
            Ok(started) => json::Outcome::Served(Box::new(started_json(started))),
            Err(refusal) => json::Outcome::Refused(refusal_json(refusal)),
        },
        member: match &start.member {
            Ok(()) => json::Outcome::Starts { starts: true },
            Err(refusal) => json::Outcome::Refused(refusal_json(refusal)),
        },
    }
}

fn refusal_json(refusal: &Refusal) -> json::Refused {
    let entry = outlook::entry_of(refusal);
    json::Refused {
        starts: false,
        exception: refusal.thrown.class().to_owned(),
        message: refusal.thrown.message().to_owned(),
        file: refusal.file.clone(),
        offset: refusal.offset,
        after_zxid: refusal.behind.map(|zxid| zxid.to_string()),
        message_id: entry.map(|entry| entry.id),
        cause: entry.map(|entry| entry.cause),
        data_at_risk: entry.map(|entry| entry.risk.name()),
        next_step: entry.map(|entry| entry.next),
    }
}

fn started_json(started: &Started) -> json::Served {
    let zxid = |zxid: Option<Zxid>| zxid.map(|zxid| zxid.to_string());
    let holes = started.holes.iter().map(|(last, next)| json::LoadHole {
        after_zxid: last.to_string(),
        before_zxid: next.to_string(),
    });
    let sessions = started.ended_sessions.iter().map(ToString::to_string);
    json::Served {
        starts: true,
        last_zxid: started.zxid.to_string(),
        znodes: started.znodes,
        znodes_served: started.znodes_served,
        txns: started.txns,
        not_loaded_to_zxid: zxid(started.not_loaded_to),
        holes: holes.collect(),
        changes_swallowed: started.swallowed.0,
        first_swallowed_zxid: zxid(started.swallowed.1),
        digest_mismatches: started.digest_mismatches.0,
        first_digest_mismatch_zxid: zxid(started.digest_mismatches.1),
        ended_sessions: sessions.collect(),
        truth: truth_json(&started.truth),
    }
}

fn truth_json(truth: &Truth) -> json::Truth {
    match truth {
        Truth::Unknown(reason) => json::Truth::Unknown {
            is_known: false,
            reason: reason.to_string(),
        },
        Truth::Known(proof, difference) => {
            let changed = difference
                .changed
                .1
                .iter()
                .map(|changed| json::ChangedZnode {
                    path: shown(&changed.path),
                    fields: changed.fields.clone(),
                });
            json::Truth::Known {
                is_known: true,
                proof: proof.name(),
                znodes_missing: difference.missing.count,
                znodes_surplus: difference.surplus.count,
                znodes_changed: difference.changed.0,
                sessions_different: difference.sessions,
                missing: paths_json(&difference.missing),
                surplus: paths_json(&difference.surplus),
                changed: changed.collect(),
            }
        }
    }
}

fn paths_json(paths: &Paths) -> Vec<String> {
    paths.first.iter().map(|path| shown(path)).collect()
}
