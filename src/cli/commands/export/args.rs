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
  zkCli.sh -server zk1:2181 < app.zkcli        # /app exists again, as it was before that transaction";

/// Export a window of history as a portable archive, or the tree at a point as text.
///
/// The archive is a .tar.gz that plain tar and sha256sum can read: one folder that a server could
/// start from, with the base snapshot, the transactions after it cut at record boundaries, epoch
/// files, SHA256SUMS and manifest.json. Everything in it is replayed and verified before it is
/// written.
///
/// The other formats contain the znodes at one point, all or those at and below PATH, parents
/// first. jsonl: a header, then one line per znode with every field, data as text or base64, then
/// (for the whole tree) one line per session. json: the same in one document. zkcli: a script for
/// zkCli.sh that creates the znodes again, with their data, ACLs and TTLs, below an existing
/// parent; what it cannot express (ephemerals, binary data, line ends) is reported on stderr, and
/// the status is then 3.
#[derive(Args, Debug)]
#[command(after_help = format!("{POINTS}\n\n{EXPORT_EXAMPLES}"), after_long_help = format!("{POINTS}\n\n{EXPORT_EXAMPLES}\n\n{EXIT_STATUS}"))]
pub struct ExportArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// For a tree: only this znode and what is below
    #[arg(value_name = "PATH")]
    pub path: Option<OsString>,
    /// The dataLogDir, if it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// What to write: an archive, or the tree at a point as text
    #[arg(long, value_enum, default_value_t)]
    pub format: ExportFormat,
    /// The last point that the archive can restore; or the point of the tree
    #[arg(
        long,
        value_name = "POINT",
        default_value = "latest",
        allow_hyphen_values = true,
        alias = "at"
    )]
    pub to: String,
    /// For a tree: exclude the transaction that POINT names
    #[arg(long)]
    pub exclusive: bool,
    /// The first point that the archive can restore; by default, that of the newest snapshot that
    /// leads to the last
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// If POINT is a snapshot without logs that shows no later transaction, use it as it is:
    /// unproven (status 3)
    #[arg(long)]
    pub accept_unproven: bool,
    /// For a tree: if POINT is a snapshot without logs, show it as it is in the file, even if it
    /// contains parts of later transactions
    #[arg(long)]
    pub as_is: bool,
    /// The file to create; - writes to stdout, which is the default for a tree
    #[arg(short, long, value_name = "FILE", required_if_eq("format", "archive"))]
    pub output: Option<PathBuf>,
}

/// What an export is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A .tar.gz that restores any point of a window.
    #[default]
    Archive,
    /// A header, then one JSON line per znode and session.
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
