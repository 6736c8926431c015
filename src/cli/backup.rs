//! `backup`: ships what the repository does not hold yet.

use super::args::options;
use super::exit::{BadArgument, Exit};
use super::repo::{RepoArg, now_ms};
use super::text;
use super::ui::{Look, Render, Ui};
use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zoovault::backup::{Backup, BaseEvery, Options, backup};
use zoovault::repository::Repository;
use zoovault::source::{self, Source};

/// Back up data directories into a repository: what it does not hold yet, checked.
///
/// Right while the server writes, rolls, snapshots and purges. Only whole records that it does not hold yet are stored, each with its checksum verified,
/// and a base (a snapshot) where one is needed. Several members of one ensemble are one history in the repository and fill each other's holes.
/// Any number of runs may go on at once; one that is killed has done nothing, or all.
///
/// What it prints and records is the window that the backup gives: from which zxid to which everything can be restored from it.
///
/// Status 3, loudly: no window, a gap since the last backup, a stale source, a history that is not that of the last backup. Status 4: files of the source are
/// damaged; what is sound was backed up.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// Data directories (or their version-2, or a zoo.cfg): members of one ensemble
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    #[command(flatten)]
    pub repo: RepoArg,
    /// A source's dataLogDir, where it is not the dataDir; once for each SOURCE, in their order
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Vec<PathBuf>,
    /// Store a new base so long after the last one (7d), or when so many bytes of logs lie behind it (256MiB); or both, with a comma
    #[arg(long, value_name = "TIME|BYTES", default_value = "7d,1GiB")]
    pub base_every: String,
}

pub fn run(args: &BackupArgs, ui: &Ui) -> anyhow::Result<Exit> {
    if args.sources.is_empty() {
        return Err(
            BadArgument("what is to be backed up? name a data directory".to_owned()).into(),
        );
    }
    let repository = args.repo.open()?;
    let base_every = base_every(&args.base_every)?;
    let done = once(args, &repository, base_every, true, ui)?;
    let exit = done.exit();
    ui.show(&done, exit != Exit::Done)?;
    Ok(exit)
}

/// Backs up all sources, that which is ahead first.
fn once(
    args: &BackupArgs,
    repository: &Repository,
    base_every: BaseEvery,
    even_if_idle: bool,
    ui: &Ui,
) -> anyhow::Result<Done> {
    let host = nix::unistd::gethostname()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut backups = Vec::new();
    for (path, source_options) in in_order(args)? {
        let options = Options {
            host: host.clone(),
            tool: concat!("zoovault ", env!("CARGO_PKG_VERSION")).to_owned(),
            base_every,
            even_if_idle,
            now_ms: now_ms(),
            scratch_dir: Some(std::env::temp_dir()),
        };
        let done = Source::with(path, &source_options, |source| {
            source.ensure_outside(repository.shown())?;
            backup(source, repository, &options, ui.progress())
        });
        let done = done.with_context(|| format!("cannot back up {}", text::path(path)))?;
        backups.push((path.to_owned(), done));
    }
    Ok(Done {
        repository: text::path(repository.shown()),
        backups,
    })
}

/// The sources, that with the newest log first: where one of them holds an uncommitted tail, the others have gone on to a new log.
fn in_order(args: &BackupArgs) -> anyhow::Result<Vec<(&Path, source::Options)>> {
    let has_log_dirs = !args.data_log_dir.is_empty();
    if has_log_dirs && args.data_log_dir.len() != args.sources.len() {
        let message = "--data-log-dir is given once for each SOURCE, or not at all";
        return Err(BadArgument(message.to_owned()).into());
    }
    let mut places = Vec::new();
    for (index, path) in args.sources.iter().enumerate() {
        let options = options(args.data_log_dir.get(index));
        let source = Source::open(path, &options)
            .with_context(|| format!("cannot back up {}", text::path(path)))?;
        let newest = source.logs().last().map(|log| (log.zxid(), log.modified()));
        places.push((newest, path.as_path(), options));
    }
    places.sort_by_key(|(newest, ..)| std::cmp::Reverse(*newest));
    Ok(places
        .into_iter()
        .map(|(_, path, options)| (path, options))
        .collect())
}

/// Reads when a new base is due.
fn base_every(text: &str) -> anyhow::Result<BaseEvery> {
    let mut every = BaseEvery::default();
    for part in text.split(',') {
        if let Some(bytes) = text::parse_size(part) {
            every.log_bytes = Some(bytes);
        } else {
            every.age_ms = Some(text::length_ms(part)?);
        }
    }
    Ok(every)
}

/// What was done.
struct Done {
    repository: String,
    backups: Vec<(PathBuf, Backup)>,
}

impl Done {
    fn exit(&self) -> Exit {
        let any = |is: fn(&Backup) -> bool| self.backups.iter().any(|(_, backup)| is(backup));
        if any(|backup| backup.is_damaged) {
            Exit::Damaged
        } else if any(|backup| !backup.warnings.is_empty()) {
            Exit::Warnings
        } else {
            Exit::Done
        }
    }
}

impl Render for Done {
    fn human(&self, out: &mut dyn Write, look: &Look) -> io::Result<()> {
        for (path, backup) in &self.backups {
            let manifest = &backup.manifest;
            let id = backup
                .name
                .as_ref()
                .map_or("no backup", |name| name.id.as_str());
            let added = match (&backup.name, manifest.added_txns, manifest.added_bytes) {
                (None, ..) => "nothing was stored".to_owned(),
                (Some(_), 0, 0) => "nothing new".to_owned(),
                (Some(_), txns, bytes) => {
                    format!(
                        "{} new, {} stored",
                        text::plural(txns, "txn"),
                        text::size(bytes)
                    )
                }
            };
            writeln!(
                out,
                "{}  {}: {added}",
                look.paint("1", id),
                text::path(path)
            )?;
            let window = manifest.newest_window().map(|window| {
                let at = |time: Option<i64>| {
                    time.map_or(String::new(), |time| format!(" ({})", text::time(time)))
                };
                format!(
                    "{}{} to {}{}",
                    window.from_zxid,
                    at(window.from_time_ms),
                    window.to_zxid,
                    at(window.to_time_ms)
                )
            });
            let window = window.unwrap_or_else(|| look.paint("31", "none"));
            writeln!(out, "  window   {window}")?;
            for warning in &backup.warnings {
                let warning = text::escape(warning);
                writeln!(out, "  {}  {warning}", look.paint("33", "warning"))?;
            }
            if look.verbose {
                for note in &backup.notes {
                    writeln!(out, "  note     {}", text::escape(note))?;
                }
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let backups = self.backups.iter().map(|(path, backup)| {
            let manifest = &backup.manifest;
            json!({
                "source": text::path(path),
                "backup": backup.name.as_ref().map(|name| name.id.clone()),
                "object": backup.name.as_ref().map(|name| name.object()),
                "lineage": manifest.lineage,
                "created_ms": manifest.created_ms,
                "last_zxid": manifest.last.as_ref().map(|mark| mark.zxid),
                "last_time_ms": manifest.last.as_ref().map(|mark| mark.time_ms),
                "window": manifest.newest_window(),
                "windows": manifest.windows,
                "added_txns": manifest.added_txns,
                "added_bytes": manifest.added_bytes,
                "stored_bytes": backup.stored_bytes,
                "is_damaged": backup.is_damaged,
                "warnings": backup.warnings,
                "notes": backup.notes,
            })
        });
        json!({
            "repository": self.repository,
            "exit_status": self.exit() as u8,
            "backups": backups.collect::<Vec<_>>(),
        })
    }
}
