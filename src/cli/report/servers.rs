//! The table of what servers would do, where `--server` asked for it.

use super::markup::Markup;
use super::table::{short, table};
use crate::cli::views::forecast::{denied, has, outcome, truth};
use zoovault::server::emulate::{Refusal, Start};
use zoovault::server::forecast::Forecast;
use zoovault::server::outlook;

/// Writes the table.
pub(super) fn write(out: &mut Markup, forecast: &Forecast) {
    let starts = &forecast.starts;
    let title = ("servers", "What servers would do");
    if let Some(error) = &forecast.denied {
        let (id, heading) = title;
        return out.tag("section", &[("aria-labelledby", &id)], |out| {
            out.leaf("h2", &[("id", &id)], heading);
            out.leaf("p", &[], denied(error));
        });
    }
    if starts.is_empty() {
        return;
    }
    let caption = "Each release applies its own rules to these files. That a server starts proves nothing: what counts is the last column.";
    let columns = [
        "Release",
        "Alone",
        "As a member",
        "Reads",
        "Has",
        "Compared with the correct tree",
    ];
    table(out, title, caption, &columns, |out| {
        for group in outlook::groups(starts) {
            out.tag("tr", &[], |out| row(out, &group.releases, group.start));
        }
    });
}

fn row(out: &mut Markup, releases: &str, start: &Start) {
    out.leaf("th", &[("scope", &"row")], releases);
    let class = format!(
        "state {}",
        if start.is_right() { "good" } else { "damaged" }
    );
    out.tag("td", &[("class", &class)], |out| {
        out.text(outcome(start));
        if let Err(refusal) = &start.standalone {
            refused(out, refusal);
        }
    });
    out.tag("td", &[("class", &"wide")], |out| match &start.member {
        Ok(()) => out.text("starts"),
        Err(refusal) => {
            out.text("does not start");
            if start.standalone.is_ok() {
                refused(out, refusal);
            }
        }
    });
    let base = start.base.as_deref().unwrap_or("no snapshot");
    let logs = start.logs.join(", ");
    out.leaf(
        "td",
        &[("class", &"wide")],
        format!(
            "{base}, then {}",
            if logs.is_empty() { "no log" } else { &logs }
        ),
    );
    match &start.standalone {
        Err(_) => {
            short(out, "–");
            short(out, "–");
        }
        Ok(started) => {
            out.leaf("td", &[("class", &"wide")], has(started));
            out.tag("td", &[("class", &"wide")], |out| {
                out.text(truth(&started.truth));
                for (last, next) in started.holes.iter().take(10) {
                    out.leaf("div", &[], format!("silently from {last} to {next}"));
                }
            });
        }
    }
}

fn refused(out: &mut Markup, refusal: &Refusal) {
    out.tag("div", &[], |out| {
        out.leaf("code", &[], refusal.thrown.line());
        if let Some(file) = &refusal.file {
            out.text(format!(" by {file}"));
        }
    });
}
