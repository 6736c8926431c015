//! `export`: a portable archive. The other formats are in `export_tree`.

use crate::cli::exit::{BadArgument, Exit};
use crate::cli::ui::{Look, Render, Ui};
use crate::cli::commands::export_tree;
use crate::cli::views::text;
use anyhow::Context;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;
use zoovault::archive::Manifest;
use zoovault::recovery::export::{Options, plan, write, write_file};
use zoovault::history::source::Source;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use crate::cli::args::{EXIT_STATUS, POINTS, SourceArg};

const EXPORT_EXAMPLES: &str = "\
Examples:
  zoovault export /var/lib/zookeeper -o zk.tar.gz
  zoovault export /var/lib/zookeeper --format jsonl --to -1d > tree.jsonl
  zoovault export /var/lib/zookeeper --format zkcli --to 0x1f00000003 --exclusive /app > app.zkcli
  zkCli.sh -server zk1:2181 < app.zkcli        # /app is there again, as it was before that txn";

/// Put what a window of history needs into a portable archive, or the tree at a point into text.
///
/// The archive is a .tar.gz that plain tar and sha256sum read: one folder that a server could start from, with the base snapshot, the txns behind
/// it cut at record boundaries, epoch files, SHA256SUMS and manifest.json. Everything in it was replayed and proven before it is written.
///
/// The other formats hold the znodes at one point, all or those at and below PATH, parents first. jsonl: a header, then a line a znode with every field, data as text
/// or base64, then (of the whole tree) a line a session. json: the same in one document. zkcli: a script for zkCli.sh that makes the znodes again, with their data, ACLs and TTLs, below a
/// parent that is there; it says on stderr what it could not hold (ephemerals, binary data, line ends), and ends with status 3 then.
#[derive(Args, Debug)]
#[command(after_help = format!("{POINTS}\n\n{EXPORT_EXAMPLES}"), after_long_help = format!("{POINTS}\n\n{EXPORT_EXAMPLES}\n\n{EXIT_STATUS}"))]
pub struct ExportArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// Of a tree: only this znode and what is below
    #[arg(value_name = "PATH")]
    pub path: Option<OsString>,
    /// The dataLogDir, where it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// What to make: an archive, or the tree at a point as text
    #[arg(long, value_enum, default_value_t)]
    pub format: ExportFormat,
    /// The last point that the archive is to restore; the point of the tree
    #[arg(
        long,
        value_name = "POINT",
        default_value = "latest",
        allow_hyphen_values = true,
        alias = "at"
    )]
    pub to: String,
    /// Of a tree: leave out the txn that POINT names
    #[arg(long)]
    pub exclusive: bool,
    /// The first point that the archive is to restore; by default the newest snapshot's that reaches the last
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Where POINT is a snapshot that no log goes with and that shows no later txn, take it as it stands: unproven (status 3)
    #[arg(long)]
    pub accept_unproven: bool,
    /// Of a tree: show such a snapshot also where it holds parts of later txns, as the file has it
    #[arg(long)]
    pub as_is: bool,
    /// The file to make; - writes it to stdout, which is the default for a tree
    #[arg(short, long, value_name = "FILE", required_if_eq("format", "archive"))]
    pub output: Option<PathBuf>,
}

/// What an export is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A .tar.gz that restores any point of a window.
    #[default]
    Archive,
    /// A header, then a JSON line a znode and a session.
    Jsonl,
    /// One JSON document.
    Json,
    /// A script for zkCli.sh.
    Zkcli,
}

pub fn run(args: &ExportArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let output = args.output.as_deref().unwrap_or(Path::new("-"));
    match args.format {
        ExportFormat::Archive => archive(args, output, ui),
        ExportFormat::Jsonl | ExportFormat::Json | ExportFormat::Zkcli => {
            export_tree::run(args, output, ui)
        }
    }
}

/// Refuses a file that is there already.
pub fn ensure_new(output: &Path) -> anyhow::Result<()> {
    if output.symlink_metadata().is_err() {
        return Ok(());
    }
    let kind = zoovault::error::ErrorKind::TargetExists;
    Err(
        zoovault::error::Error::about(output, kind, "exists already")
            .hint("nothing is overwritten: choose another name")
            .into(),
    )
}

fn archive(args: &ExportArgs, output: &Path, ui: &Ui) -> anyhow::Result<Exit> {
    if args.path.is_some() || args.exclusive {
        let message = "an archive is of the whole tree and up to a txn: PATH and --exclusive go with the other formats";
        return Err(BadArgument(message.to_owned()).into());
    }
    if args.as_is {
        let message = "--as-is goes with the other formats: an archive restores, and what it shows may be the tree of no moment";
        return Err(BadArgument(message.to_owned()).into());
    }
    let options = Options {
        to: text::point(&args.to)?,
        trust: text::trust(args.accept_unproven, false),
        from: args.from.as_deref().map(text::point).transpose()?,
        host: nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        tool: concat!("zoovault ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let is_stdout = output == Path::new("-");
    if !is_stdout {
        ensure_new(output)?;
    }
    let source_options = args.source.options(args.data_log_dir.as_ref());
    let (manifest, warnings) = Source::with(&args.source.source, &source_options, |source| {
        let plan = plan(source, &options, ui.progress())?;
        let manifest = if is_stdout {
            write(
                source,
                &plan,
                &options,
                io::stdout().lock(),
                Path::new("stdout"),
                ui.progress(),
            )?
        } else {
            write_file(source, &plan, &options, output, ui.progress())?
        };
        let warnings = plan.warnings.clone();
        std::mem::forget(plan);
        Ok((manifest, warnings))
    })
    .context("cannot export")?;
    let exit = if warnings.is_empty() {
        Exit::Done
    } else {
        Exit::Warnings
    };
    let shown = Shown {
        output: if is_stdout {
            "stdout".to_owned()
        } else {
            text::path(output)
        },
        manifest,
        exit,
    };
    if is_stdout {
        ui.show_aside(&shown, exit != Exit::Done)?;
    } else {
        ui.show(&shown, exit != Exit::Done)?;
    }
    Ok(exit)
}

struct Shown {
    output: String,
    manifest: Manifest,
    exit: Exit,
}

impl Render for Shown {
    fn human(&self, out: &mut dyn Write, look: &Look) -> io::Result<()> {
        let manifest = &self.manifest;
        let size = text::size(manifest.files.iter().map(|file| file.size).sum());
        writeln!(
            out,
            "{}: {}, {size} before compression",
            look.paint("1", &self.output),
            text::plural(manifest.files.len() as u64, "file")
        )?;
        let at = manifest
            .times
            .1
            .map(|time| format!(" at {}", text::time(time)))
            .unwrap_or_default();
        writeln!(
            out,
            "  restores  every point from {} to {}{at}",
            manifest.window.0, manifest.window.1
        )?;
        writeln!(out, "  proof     {}", manifest.verdict.proof)?;
        for warning in &manifest.verdict.notes {
            writeln!(
                out,
                "  {}   {}",
                look.paint("33", "warning"),
                text::escape(warning)
            )?;
        }
        for file in &manifest.files {
            let zxids = file
                .zxids
                .map(|(first, last)| format!("  {first} to {last}"))
                .unwrap_or_default();
            writeln!(
                out,
                "  {} {:>10}  {}{zxids}",
                file.sha256.get(..12).unwrap_or_default(),
                text::size(file.size),
                file.name
            )?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!({ "archive": self.output, "exit_status": self.exit as u8, "manifest": self.manifest.to_json() })
    }
}
