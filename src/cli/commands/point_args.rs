//! What the commands that look into a tree share: when to look, what the tree rests on, and where a
//! znode is that is not there.

use crate::cli::args::SourceArg;
use crate::cli::exit::Exit;
use crate::cli::json::{AsText, PointFields};
use crate::cli::ui::Ui;
use crate::cli::views::text;
use crate::cli::views::value;
use clap::Args;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use zoovault::analysis::deleted::{Deleted, whereabouts};
use zoovault::error::{self, Error, ErrorKind};
use zoovault::history::replay::{Alone, Purpose, Rebuilt, Replayed, Target, Wish, rebuild_as};
use zoovault::history::source::Source;
use zoovault::recovery::restore::uncertainties;
use zoovault::tree::DataTree;
use zoovault::zxid::Zxid;

/// Where and when to look.
#[derive(Args, Debug)]
pub struct AtArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// The dataLogDir, if it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// The point to look at
    // Errors that all commands share name the option of restore.
    #[arg(
        long,
        value_name = "POINT",
        default_value = "latest",
        allow_hyphen_values = true,
        alias = "to"
    )]
    pub at: String,
    /// Exclude the transaction that POINT names: show the tree just before it
    #[arg(long)]
    pub exclusive: bool,
    /// If POINT is a snapshot without logs, show it as it is in the file: it may contain parts of
    /// later transactions
    #[arg(long)]
    pub as_is: bool,
    /// Only what shows no later transaction. For commands that have an option of this.
    #[arg(skip)]
    pub accept_unproven: bool,
}

/// The tree at a point, and what a command made of it.
pub struct Reading<T> {
    /// What is read from, for people.
    pub source: String,
    pub target: Target,
    pub replayed: Replayed,
    pub warnings: Vec<String>,
    pub found: T,
}

impl AtArgs {
    /// Whether no point was asked for.
    pub fn is_by_default(&self) -> bool {
        self.at == "latest" && !self.exclusive
    }

    /// Makes the tree, and lets `find` look for what the command is about, while the source is
    /// open. Says what is uncertain.
    pub fn read<T>(
        &self,
        ui: &Ui,
        mut find: impl FnMut(&Rebuilt<'_>) -> error::Result<T>,
    ) -> anyhow::Result<Reading<T>> {
        let point = text::point(&self.at)?;
        let wish = Wish {
            purpose: Purpose::Reading,
            trust: text::trust(self.accept_unproven, self.as_is),
        };
        let options = self.source.options(self.data_log_dir.as_ref());
        let (target, replayed, found) = Source::with(&self.source.source, &options, |source| {
            let rebuilt = rebuild_as(wish, source, point, self.exclusive, ui.progress())?;
            let found = find(&rebuilt)?;
            Ok((rebuilt.target, rebuilt.replayed, found))
        })?;
        ui.finish();
        let mut warnings = uncertainties(&replayed);
        warnings.extend(target.warnings.iter().cloned());
        for warning in &warnings {
            ui.warn(&text::escape(warning));
        }
        let reading = Reading {
            source: text::path(&self.source.source),
            target,
            replayed,
            warnings,
            found,
        };
        ui.remark(&reading.ground());
        Ok(reading)
    }

    /// The call of `command` for `path` right before the txn at `zxid`, to be pasted into a shell.
    pub fn call_before(&self, command: &str, path: &[u8], zxid: Zxid) -> String {
        self.call(command, path, &format!("{zxid} --exclusive"))
    }

    /// The call of `command` for `path` at a point, to be pasted into a shell.
    pub fn call(&self, command: &str, path: &[u8], point: &str) -> String {
        let shell = |text: &OsStr| text::shell(text.as_bytes());
        let source = shell(self.source.source.as_os_str());
        let path = text::shell(path);
        let logs = self.data_log_dir.as_ref();
        let logs = logs.map(|dir| format!(" --data-log-dir {}", shell(dir.as_os_str())));
        let logs = logs.unwrap_or_default();
        format!("zoovault {command} {source} {path} --at {point}{logs}")
    }

    /// The error for a `path` that is not in the tree, with a hint when it is there at another
    /// time.
    pub fn missing(&self, command: &str, rebuilt: &Rebuilt<'_>, path: &[u8], ui: &Ui) -> Error {
        let zxid = rebuilt.target.zxid;
        let message = format!("there is no znode {} at {zxid}", value::path(path));
        let error = Error::about(rebuilt.history.source.shown(), ErrorKind::Failed, message);
        // That the znode is not there is sure; a search that fails only leaves out the hint.
        let Ok(Some(found)) = whereabouts(rebuilt, path, ui.progress()) else {
            return error;
        };
        let (since, last) = (found.searched.first, found.searched.last);
        match (&found.deleted, found.created) {
            (Some(deleted), _) => error.hint(format!(
                "it was {}; to see its last state: {}",
                deleted_words(deleted),
                self.call_before(command, path, deleted.zxid)
            )),
            (None, Some((created, time))) => error.hint(format!(
                "it is created by {created} at {}: {}",
                text::time(time),
                self.call(command, path, &created.to_string())
            )),
            (None, None) => error.hint(format!(
                "there was none at any point from {since} to {last}"
            )),
        }
    }
}

/// How a znode went, for people.
pub fn deleted_words(deleted: &Deleted) -> String {
    let how = match deleted.is_by_close {
        true => "deleted with its session",
        false => "deleted",
    };
    let time = text::time(deleted.time);
    format!("{how} by {} at {time}", deleted.zxid)
}

impl<T> Reading<T> {
    pub fn tree(&self) -> &DataTree {
        &self.replayed.tree
    }

    pub fn exit(&self) -> Exit {
        if self.warnings.is_empty() {
            Exit::Done
        } else {
            Exit::Warnings
        }
    }

    /// The point, for people.
    pub fn point(&self) -> String {
        let target = &self.target;
        let at = target.time.map(|time| format!(" at {}", text::time(time)));
        format!("{}{}", target.zxid, at.unwrap_or_default())
    }

    /// Which tree is shown and on what that rests, in a line.
    fn ground(&self) -> String {
        let replayed = &self.replayed;
        let is_of_no_moment = |alone: &Alone| !alone.is_plausible();
        let rests_on = match replayed.alone.as_ref().is_some_and(is_of_no_moment) {
            true => "as it is in the file",
            false => replayed.proof.name(),
        };
        format!(
            "{} as of {}: {}, {rests_on}",
            self.source,
            self.point(),
            text::plural(replayed.tree.len() as u64, "znode"),
        )
    }

    /// The same for programs.
    pub fn fields(&self) -> PointFields<'_> {
        let (target, replayed) = (&self.target, &self.replayed);
        let alone = replayed.alone.as_ref();
        PointFields {
            exit_status: self.exit() as u8,
            proof: replayed.proof.name(),
            shows_zxid: alone.map(|alone| AsText(alone.shows)),
            source: &self.source,
            time_ms: target.time,
            warnings: &self.warnings,
            zxid: AsText(target.zxid),
        }
    }

    /// Leaves the memory to the end of the program, which frees it at once.
    pub fn forget(self) -> Exit {
        let exit = self.exit();
        std::mem::forget(self);
        exit
    }
}
