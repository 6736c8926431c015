//! What `export` takes.

use crate::cli::args::{EXIT_STATUS, POINTS, SourceArg};
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const EXPORT_EXAMPLES: &str = "\
Examples:
  zoovault export /var/lib/zookeeper -o zk.tar.gz
  zoovault export /var/lib/zookeeper --format jsonl --to -1d > tree.jsonl
  zoovault export /var/lib/zookeeper --format zkcli --to 0x1f00000003 --exclusive /app > app.zkcli
  zkCli.sh -server zk1:2181 < app.zkcli        # /app is there again, as it was before that txn";

/// Put what a window of history needs into a portable archive, or the tree at a point into text.
///
/// The archive is a .tar.gz that plain tar and sha256sum read: one folder that a server could start
/// from, with the base snapshot, the txns behind it cut at record boundaries, epoch files,
/// SHA256SUMS and manifest.json. Everything in it was replayed and proven before it is written.
///
/// The other formats hold the znodes at one point, all or those at and below PATH, parents first.
/// jsonl: a header, then a line a znode with every field, data as text or base64, then (of the
/// whole tree) a line a session. json: the same in one document. zkcli: a script for zkCli.sh that
/// makes the znodes again, with their data, ACLs and TTLs, below a parent that is there; it says on
/// stderr what it could not hold (ephemerals, binary data, line ends), and ends with status 3 then.
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
    /// The first point that the archive is to restore; by default the newest snapshot's that
    /// reaches the last
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Where POINT is a snapshot that no log goes with and that shows no later txn, take it as it
    /// stands: unproven (status 3)
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
