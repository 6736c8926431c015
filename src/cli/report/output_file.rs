//! Where a page goes: a new file that appears whole, or stdout.

use crate::cli::exit::BadArgument;
use crate::cli::ui::Ui;
use std::io::Write;
use std::path::{Path, PathBuf};
use zoovault::durable::{self, StagedFile};
use zoovault::error::{Error, Result};
use zoovault::format::datadir::FileName;
use zoovault::history::source::Source;

/// Where a page goes.
pub enum Place {
    Stdout,
    File {
        path: PathBuf,
        /// Being written; nothing yet until the source is known.
        staged: Option<StagedFile>,
    },
}

impl Place {
    /// The place that the user named; `-` is stdout. Refused is what exists, before anything is
    /// read, and a name that a server takes for one of its own: in a directory of logs it would be
    /// read as one.
    pub fn new(path: &Path) -> anyhow::Result<Place> {
        if path == Path::new("-") {
            return Ok(Place::Stdout);
        }
        durable::ensure_free(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match FileName::parse(&name) {
            FileName::Foreign => Ok(Place::File {
                path: path.into(),
                staged: None,
            }),
            FileName::Log(_)
            | FileName::Snapshot(..)
            | FileName::Epoch
            | FileName::Lookalike
            | FileName::Leftover => {
                let message = format!(
                    "--report: servers would treat a file named '{name}' as one of their own: choose another name, such as report.html"
                );
                Err(BadArgument(message).into())
            }
        }
    }

    /// Makes sure that it can be written to, and not into `source`, before long work begins.
    ///
    /// # Errors
    /// When it lies within the source, when something is there, when nothing can be created there.
    pub fn prepare(&mut self, source: &Source) -> Result<()> {
        if let Place::File { path, staged } = self
            && staged.is_none()
        {
            source.ensure_outside(path)?;
            *staged = Some(StagedFile::new(path)?);
        }
        Ok(())
    }

    /// Whether stdout is taken by the page.
    pub fn is_stdout(&self) -> bool {
        matches!(self, Place::Stdout)
    }

    /// What to call it.
    pub fn shown(&self) -> String {
        match self {
            Place::Stdout => "stdout".to_owned(),
            Place::File { path, .. } => path.display().to_string(),
        }
    }

    /// Writes the page. A file has its name only when all of it is on the disk.
    pub fn write(self, page: &str, ui: &Ui) -> anyhow::Result<()> {
        match self {
            Place::Stdout => ui.print(page.as_bytes()),
            Place::File { path, staged } => {
                let staged = match staged {
                    Some(staged) => staged,
                    None => StagedFile::new(&path)?,
                };
                let mut file = staged.file();
                file.write_all(page.as_bytes())
                    .map_err(|err| Error::io(&path, "write", err))?;
                staged.commit()?;
                Ok(())
            }
        }
    }
}
