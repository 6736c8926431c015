//! One line for monitoring: `STATE - text | perfdata`, and the statuses of its plugins, which are
//! not those of this program.

use super::{BackupsArgs, max_age_ms, stale};
use crate::cli::args::options;
use crate::cli::exit::{self, Exit};
use crate::cli::jobs::config::Config;
use crate::cli::repo_args::{self, now_ms};
use crate::cli::ui::Ui;
use crate::cli::views::text;
use std::io::{self, Write};
use std::process::ExitCode;
use zoovault::backup::check::{Age, Overview, overview};
use zoovault::progress::NoProgress;

/// The state that a plugin reports, with its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl From<State> for ExitCode {
    fn from(state: State) -> ExitCode {
        ExitCode::from(state as u8)
    }
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Ok => "OK",
            State::Warning => "WARNING",
            State::Critical => "CRITICAL",
            State::Unknown => "UNKNOWN",
        }
    }
}

/// Tells of wrong arguments, which are found before a command runs. Gives their state.
pub fn bad_arguments(message: &str) -> State {
    // A closed pipe leaves nobody to tell.
    let _ = io::stdout().write_all(line(State::Unknown, message, "").as_bytes());
    State::Unknown
}

/// The text ends at the first bar.
fn line(state: State, text: &str, perfdata: &str) -> String {
    let text = text::escape(text).replace('|', "/");
    format!("{} - {text}{perfdata}\n", state.name())
}

pub fn run(args: &BackupsArgs, ui: &Ui) -> anyhow::Result<State> {
    let (state, text, perfdata) = match judged(args) {
        Ok((state, text, perfdata)) => (state, text, format!(" | {perfdata}")),
        Err(err) => {
            let state = match exit::of_error(&err) {
                Exit::BadArguments => State::Unknown,
                _ => State::Critical,
            };
            (state, format!("{err:#}"), String::new())
        }
    };
    ui.print(line(state, &text, &perfdata).as_bytes())?;
    Ok(state)
}

fn judged(args: &BackupsArgs) -> anyhow::Result<(State, String, String)> {
    let config = Config::load(&args.config)?;
    let place = args.repo.place(&config)?;
    let max_ms = max_age_ms(args, &config)?;
    let warn_ms = args.warn_age.as_deref().map(text::length_ms).transpose()?;
    let overview = overview(&repo_args::open(&place)?, &options(None), &NoProgress)?;
    let now_ms = now_ms();
    let (state, text) = state(&overview, now_ms, max_ms, warn_ms);
    let age = match overview.age(now_ms) {
        Age::Ms(age) => format!("{}s", age / 1000),
        Age::None | Age::Unknown => "U".to_owned(),
    };
    let seconds = |ms: Option<i64>| ms.map(|ms| (ms / 1000).to_string()).unwrap_or_default();
    let perfdata = format!(
        "age={age};{};{};0 backups={};;;0 bytes={}B;;;0",
        seconds(warn_ms),
        seconds(max_ms),
        overview.backups,
        overview.bytes,
    );
    Ok((state, text, perfdata))
}

fn state(
    overview: &Overview,
    now_ms: i64,
    max_ms: Option<i64>,
    warn_ms: Option<i64>,
) -> (State, String) {
    if let Some((backup, error)) = overview.damaged().next() {
        let count = overview.damaged().count() as u64;
        let text = format!(
            "{} damaged, {} first: {error}",
            text::plural(count, "backup"),
            backup.name.id
        );
        return (State::Critical, text);
    }
    let Some((newest, manifest, window)) = overview.newest() else {
        let text = match overview.backups {
            0 => "the repository has no backup".to_owned(),
            count => format!(
                "none of {} can be restored to its last transaction",
                text::plural(count, "backup")
            ),
        };
        return (State::Critical, text);
    };
    let told = |max: Option<i64>| max.and_then(|max| stale(overview, now_ms, max));
    if let Some(text) = told(max_ms) {
        return (State::Critical, text);
    }
    if let Some(text) = told(warn_ms) {
        return (State::Warning, text);
    }
    let names = overview
        .lineages
        .iter()
        .flat_map(|lineage| &lineage.backups);
    let behind = names.filter(|backup| backup.name.created_ms > newest.name.created_ms);
    let behind = behind.count() as u64;
    if behind > 0 {
        let text = format!(
            "{} newer than {} cannot be restored to the last txn: no base reaches it",
            text::plural(behind, "backup"),
            newest.name.id
        );
        return (State::Warning, text);
    }
    let age = text::span(now_ms.saturating_sub(manifest.created_ms).max(0));
    let text = format!(
        "backup {} is {age} old and reaches {}, {} in total",
        newest.name.id,
        window.to_zxid,
        text::plural(overview.backups, "backup")
    );
    (State::Ok, text)
}
