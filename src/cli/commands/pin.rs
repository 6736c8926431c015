//! `pin` and `unpin`: marks that hold backups.

use crate::cli::exit::Exit;
use crate::cli::jobs::config::{Config, ConfigArgs};
use crate::cli::json;
use crate::cli::repo_args::{self, RepoArg, now_ms};
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::text;
use anyhow::Context;
use clap::Args;
use std::io::{self, Write};
use zoovault::backup::retention::pins;
use zoovault::repository::Repository;

/// Keep a backup, whatever the retention rules say, until it is unpinned.
#[derive(Args, Debug)]
pub struct PinArgs {
    #[command(flatten)]
    pub pins: PinsArgs,
}

/// Let the retention rules apply again to a backup that was pinned.
#[derive(Args, Debug)]
pub struct UnpinArgs {
    #[command(flatten)]
    pub pins: PinsArgs,
}

/// Which pins.
#[derive(Args, Debug)]
pub struct PinsArgs {
    /// The backups, by id or the beginning of it; latest is the newest
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<String>,
    #[command(flatten)]
    pub repo: RepoArg,
    #[command(flatten)]
    pub config: ConfigArgs,
}

impl PinArgs {
    pub fn run(&self, ui: &Ui) -> anyhow::Result<Exit> {
        each(&self.pins, true, ui, |repository, id| {
            let (backup, is_new) = pins::pin(repository, id, &now_ms)
                .with_context(|| format!("cannot pin {}", text::escape(id)))?;
            Ok((backup.id, is_new))
        })
    }
}

impl UnpinArgs {
    pub fn run(&self, ui: &Ui) -> anyhow::Result<Exit> {
        each(&self.pins, false, ui, |repository, id| {
            pins::unpin(repository, id)
                .with_context(|| format!("cannot unpin {}", text::escape(id)))
        })
    }
}

fn each(
    args: &PinsArgs,
    is_pinned: bool,
    ui: &Ui,
    change: impl Fn(&Repository, &str) -> anyhow::Result<(String, bool)>,
) -> anyhow::Result<Exit> {
    let place = args.repo.place(&Config::load(&args.config)?)?;
    let repository = repo_args::open(&place)?;
    let mut backups = Vec::new();
    for id in &args.ids {
        backups.push(change(&repository, id)?);
    }
    let shown = Shown {
        repository: text::path(&place),
        is_pinned,
        backups,
    };
    ui.show(&shown, false)?;
    Ok(Exit::Done)
}

struct Shown {
    repository: String,
    is_pinned: bool,
    /// The ids, and whether anything changed.
    backups: Vec<(String, bool)>,
}

impl Render for Shown {
    fn human(&self, out: &mut dyn Write, _look: &TextStyle) -> io::Result<()> {
        for (id, is_changed) in &self.backups {
            let state = match (self.is_pinned, is_changed) {
                (true, true) => "pinned",
                (true, false) => "already pinned",
                (false, true) => "unpinned",
                (false, false) => "was not pinned",
            };
            writeln!(out, "{}: {id}: {state}", self.repository)?;
        }
        Ok(())
    }

    fn json(&self) -> json::Result {
        let backups = self.backups.iter().map(|(id, is_changed)| json::Pinned {
            id: id.to_string(),
            pinned: self.is_pinned,
            changed: *is_changed,
        });
        json::value(&json::Pin {
            repository: self.repository.clone(),
            backups: backups.collect::<Vec<_>>(),
            exit_status: Exit::Done as u8,
        })
    }
}
