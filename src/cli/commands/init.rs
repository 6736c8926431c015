//! `init`: makes a repository.

use crate::cli::exit::Exit;
use crate::cli::jobs::config::{Config, ConfigArgs};
use crate::cli::json;
use crate::cli::repo_args::{RepoArg, now_ms};
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::text;
use anyhow::Context;
use clap::Args;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use zoovault::durable::sync_dir;
use zoovault::error::{Error, ErrorKind};
use zoovault::repository::{Repository, Storage};

/// What is said where none is made.
const REFUSED: &str = "cannot create a repository";

/// Create a backup repository.
///
/// In a directory that is empty or does not exist yet; its parent must exist. No other command
/// makes a repository: if a volume is not mounted, a backup fails with status 10 instead of filling
/// the disk that holds the mount point.
#[derive(Args, Debug)]
pub struct InitArgs {
    #[command(flatten)]
    pub repo: RepoArg,
    #[command(flatten)]
    pub config: ConfigArgs,
}

pub fn run(args: &InitArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let place = &args.repo.place(&Config::load(&args.config)?)?;
    let is_new = make_dir(place).context(REFUSED)?;
    let above = place.canonicalize().ok();
    if let Some(above) = above.as_deref().and_then(|place| place.parent()) {
        match sync_dir(above) {
            // Also of one that is there: a run that made it may have been killed. Whoever may not
            // read the directory above did not make it.
            Err(err) if is_new => return Err(err.into()),
            Ok(()) | Err(_) => {}
        }
    }
    let repository = Repository::create(Storage::local(place)?, now_ms()).context(REFUSED)?;
    let made = Made {
        place: text::path(place),
        id: repository.identity().id.clone(),
    };
    ui.show(&made, false)?;
    Ok(Exit::Done)
}

/// Makes the directory, unless it is there; whether it was made.
fn make_dir(place: &Path) -> Result<bool, Error> {
    match fs::create_dir(place) {
        Ok(()) => Ok(true),
        Err(_) if place.is_dir() => Ok(false),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
            let message = "is not a directory; a repository has to be one";
            let error = Error::about(place, ErrorKind::TargetExists, message);
            Err(error.hint("name an empty directory, or a new one"))
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            Err(Error::io(place, "create", err)
                .hint("the parent must exist: create or mount it first"))
        }
        Err(err) => Err(Error::io(place, "create", err)),
    }
}

struct Made {
    place: String,
    id: String,
}

impl Render for Made {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        writeln!(out, "{}: an empty repository", look.paint("1", &self.place))?;
        writeln!(out, "  next  zoovault backup DATADIR --repo {}", self.place)
    }

    fn json(&self) -> json::Result {
        json::value(&json::Init {
            repository: self.place.clone(),
            id: self.id.clone(),
            exit_status: Exit::Done as u8,
        })
    }
}
