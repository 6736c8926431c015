//! Which repository is meant.

use super::exit::BadArgument;
use clap::Args;
use std::path::{Path, PathBuf};
use zoovault::repository::{Repository, Storage};

/// The repository.
#[derive(Args, Debug)]
pub struct RepoArg {
    /// The repository: a directory that 'zoovault init' made
    #[arg(long, value_name = "REPOSITORY", env = "ZOOVAULT_REPOSITORY")]
    pub repo: Option<PathBuf>,
}

impl RepoArg {
    /// Its place.
    pub fn place(&self) -> anyhow::Result<&Path> {
        let missing = || BadArgument("which repository? name it with --repo".to_owned());
        Ok(self.repo.as_deref().ok_or_else(missing)?)
    }

    /// Opens it.
    pub fn open(&self) -> anyhow::Result<Repository> {
        Ok(Repository::open_local(self.place()?)?)
    }

    /// Opens it, also where its first object is damaged: to find out what else is.
    pub fn open_despite(&self) -> anyhow::Result<Repository> {
        Ok(Repository::open_despite(Storage::local(self.place()?)?)?)
    }
}

/// The time now, in ms.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
