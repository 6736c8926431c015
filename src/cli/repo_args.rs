//! Which repository is meant.

use crate::cli::exit::BadArgument;
use crate::cli::jobs::config::Config;
use clap::Args;
use std::path::{Path, PathBuf};
use zoovault::repository::{Repository, Storage};

/// The repository.
#[derive(Args, Debug)]
pub struct RepoArg {
    /// The repository: a directory made by 'zoovault init'
    #[arg(long, value_name = "REPOSITORY", env = "ZOOVAULT_REPOSITORY")]
    pub repo: Option<PathBuf>,
}

impl RepoArg {
    /// Its place: the one that was named, or that of the configuration.
    pub fn place(&self, config: &Config) -> anyhow::Result<PathBuf> {
        let missing = || BadArgument("no repository given; use --repo".to_owned());
        let configured = || config.repository.as_ref().map(PathBuf::from);
        Ok(self.repo.clone().or_else(configured).ok_or_else(missing)?)
    }
}

/// Opens the repository at `place`.
pub fn open(place: &Path) -> anyhow::Result<Repository> {
    ensure_local(place)?;
    Ok(Repository::open_local(place)?)
}

/// Opens it also where its first object is damaged: to find out what else is.
pub fn open_despite(place: &Path) -> anyhow::Result<Repository> {
    ensure_local(place)?;
    Ok(Repository::open_despite(Storage::local(place)?)?)
}

fn ensure_local(place: &Path) -> anyhow::Result<()> {
    match place.to_str().and_then(|place| place.split_once("://")) {
        Some((scheme, _)) => {
            let message = format!("{scheme}:// is not supported: a repository is a directory");
            Err(BadArgument(message).into())
        }
        None => Ok(()),
    }
}

/// The time now, in ms.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
