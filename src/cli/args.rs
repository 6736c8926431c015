//! What can be said on the command line. `man/` and the completions are made from it.

use super::backup::BackupArgs;
use super::backups::BackupsArgs;
use super::cat::CatArgs;
use super::check::CheckArgs;
use super::copy::CopyArgs;
use super::diff::DiffArgs;
use super::drill::DrillArgs;
use super::du::DuArgs;
use super::forget::ForgetArgs;
use super::history::HistoryArgs;
use super::init::InitArgs;
use super::log::LogArgs;
use super::ls::LsArgs;
use super::pin::{PinArgs, UnpinArgs};
use super::prune::PruneArgs;
use super::stat::StatArgs;
use super::top::TopArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use zoovault::history::source;

pub const EXIT_STATUS: &str = "\
Exit status:
  0   done, all sound
  1   failed
  2   bad arguments
  3   done, with warnings (a torn tail of a live log, a point that is unproven, ...)
  4   damage found
  5   the point cannot be reached exactly (gap, before the first base, after the last txn)
  10  no repository there
  13  the target exists and is not empty
  128+N  ended by signal N
11 and 12 are kept for repositories with locks or keys: there are none yet. An unknown status means failure.";

pub const POINTS: &str = "\
Points:
  0x1f00000003                 after the txn of this zxid
  2026-11-20T14:00:00Z         everything before the first txn, in zxid order, whose time is later
  '2026-11-20 14:00'           in the local zone; with a zone behind it, in that: '2026-11-20 14:00 Europe/Paris'
  @1763640000                  seconds since 1970
  -15m                         so long ago: also -2h30m, -1d
  first, latest                the first that can be had exactly; the last txn";

/// Backs up, proves, restores and inspects Apache ZooKeeper data directories, offline and without a JVM.
///
/// A server that starts on a data directory proves nothing: it loads a directory with holes and says nothing. zoovault reads what
/// servers of 3.4 to 3.9 wrote, knows what can be restored from it and on what that rests, restores any of it exactly, and never
/// claims more. Sources are only read, also while their server writes to them.
#[derive(Debug, Parser)]
#[command(name = "zoovault", version, after_help = EXIT_STATUS, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: Global,
}

/// Options that every command takes.
#[derive(Args, Debug)]
pub struct Global {
    /// Write one JSON document to stdout instead of text; a failure is then a JSON line on stderr
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Say nothing but errors and warnings
    #[arg(short, long, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Say more: every finding, every base that was not taken
    #[arg(short, long, global = true, help_heading = "Output")]
    pub verbose: bool,
    /// Draw no progress bar and print no progress lines
    #[arg(long, global = true, help_heading = "Output")]
    pub no_progress: bool,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "ZOOVAULT_COLOR",
        help_heading = "Output"
    )]
    pub color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Inspect(InspectArgs),
    Verify(VerifyArgs),
    Compare(CompareArgs),
    Diff(Box<DiffArgs>),
    History(Box<HistoryArgs>),
    Explain(ExplainArgs),
    Log(Box<LogArgs>),
    Top(TopArgs),
    Restore(Box<RestoreArgs>),
    Export(ExportArgs),
    Ls(LsArgs),
    Cat(CatArgs),
    Stat(StatArgs),
    Du(DuArgs),
    Init(InitArgs),
    Backup(Box<BackupArgs>),
    Drill(Box<DrillArgs>),
    Backups(BackupsArgs),
    Check(CheckArgs),
    Forget(Box<ForgetArgs>),
    Prune(Box<PruneArgs>),
    Pin(PinArgs),
    Unpin(UnpinArgs),
    Copy(Box<CopyArgs>),
    Completions(CompletionsArgs),
    #[command(hide = true)]
    Man(ManArgs),
}

/// Where history is read from.
#[derive(Args, Debug)]
pub struct SourceArg {
    /// A dataDir (or its version-2), a zoo.cfg that names one, an archive, a single log or snapshot, or a repository (with @ID, a backup in it)
    #[arg(value_name = "SOURCE")]
    pub source: PathBuf,
}

/// Show the files, their zxids and times, and the points they promise.
///
/// One screen: every log and snapshot on a timeline of txns, which releases wrote them, epoch files, the ranges of points that
/// could be restored for all that names, headers and last bytes say, and what is missing between them. Nothing is proven by it:
/// that is what `zoovault verify` does.
#[derive(Args, Debug)]
pub struct InspectArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// The dataLogDir, where it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
}

/// Verify everything: the verdict, what can be restored, and what is wrong.
///
/// Reads every log (header, checksums, lengths, end marks, bodies, zeros to the end) and every snapshot (seals, structure,
/// compression), lays the txns end to end and names every gap, compares logs where they overlap, checks the epoch files, then rebuilds the
/// tree from the earliest snapshot on and compares its digest with every one that a server of 3.6 or later recorded.
///
/// The result are windows: ranges of zxids, each of which can be restored exactly. A window is `proven` where digests matched,
/// `consistent` where everything is there and whole but nothing recorded proves it (3.4 and 3.5 write no digests), and `unproven` where
/// it is not known when its first snapshot was finished.
#[derive(Args, Debug)]
#[command(after_help = EXIT_STATUS)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// The dataLogDir, where it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// Replay nothing: check files and chain only, in constant memory
    #[arg(long)]
    pub quick: bool,
    /// Also write the verdict as one HTML page that stands alone, with the history drawn; - writes it to stdout, and the text to stderr
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// Which servers to foretell.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// Say what servers of these releases would do here: start or refuse, with which message, to which zxid, and what of their tree
    /// would not be the truth. From 3.4.6 on; `all` stands for one of each kind
    #[arg(long = "server", value_name = "RELEASE,...", value_delimiter = ',')]
    pub releases: Vec<String>,
    /// A setting of those servers, as java takes it: jute.maxbuffer=4194304, zookeeper.extendedTypesEnabled=true
    #[arg(short = 'D', value_name = "KEY=VALUE", requires = "releases")]
    pub settings: Vec<String>,
}

/// Compare members of one ensemble: who is ahead, who has a hole, where histories part, and whom to restore from.
///
/// Every log is read and checked, and what they hold of equal zxids compared. Members are numbered as they are given. Told are: the txns that all
/// hold; the first zxid of which two members hold different txns, with both places and the fields that differ; holes, and who can fill them; txns
/// that only a minority has. What differs between sound members is not told: where files begin and end, padding, when snapshots were taken, and
/// bytes without effect (a member that had to catch up logs a failed multi as errors; members before 3.6 log no digests).
///
/// A log holds proposals. A txn is committed if a majority holds it, or a snapshot that was written later in its epoch. Other txns at the end of
/// a member (a tail) were perhaps never committed; those at the end of an epoch, without which other members went on (a branch), were most likely
/// abandoned, or lost by the others. What a server writes when it starts proves nothing: such a snapshot holds all that the member has.
///
/// Status 0: one history, though some may begin later or end earlier. 3: holes, tails, branches, or no txn in common. 4: two members hold
/// different txns of one zxid, or a file is damaged.
#[derive(Args, Debug)]
#[command(after_help = EXIT_STATUS)]
pub struct CompareArgs {
    /// Two or more members: each a dataDir (or its version-2), a zoo.cfg that names one, an archive, or a single log
    #[arg(value_name = "SOURCE", required = true, num_args = 2..)]
    pub sources: Vec<PathBuf>,
    /// A member's dataLogDir, where it is not the dataDir; once for each SOURCE, in their order
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Vec<PathBuf>,
    /// How many voters the ensemble has; by default as many as are compared. Observers are none
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    pub voters: Option<u16>,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  zoovault explain 'The current epoch, 3, is older than the last zxid, 17179869185'
  journalctl -u zookeeper | zoovault explain -
  zoovault explain /var/log/zookeeper/zookeeper.log
  zoovault explain /var/lib/zookeeper

Exit status:
  0  explained; for a directory and the like, those of verify: 0 sound, 3 warnings, 4 damage, 5 the last txn cannot be restored
  1  nothing recognised, or failed";

/// Explain a server's message, or a directory that does not start.
///
/// Tells the cause, whether data is at risk, and the next safe step. Messages are those that servers of 3.4 to 3.9 print when they load, refuse
/// or drop data; what log4j, logback or a container put before them does no harm, stack traces help, and several are told in the
/// order of importance.
///
/// A directory is verified, and its findings are told as what they do to a start: which releases refuse it with which message, and which
/// start and lose data. Settings of the server are taken to be the default ones.
#[derive(Args, Debug)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub struct ExplainArgs {
    /// The message; or a file with a server's log; or a dataDir, or whatever else verify takes; - or nothing reads stdin
    #[arg(value_name = "MESSAGE|FILE|DIR")]
    pub words: Vec<String>,
    /// The dataLogDir, where it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// Restore an exact data directory that a server starts from.
///
/// The tree is rebuilt as it was after the txn that POINT names: data, ACLs, every stat field, sessions, TTL and container nodes. It is written as
/// one clean snapshot, without logs, named in a new epoch above all that the source has seen, with epoch files to match. A point
/// that no snapshot and log make exact is refused (status 5), and so is an ACL that is unknown (status 4): nothing is guessed.
///
/// The target appears whole, synced and read back, or not at all. The procedure to put it into service is printed at the end.
#[derive(Args, Debug)]
#[command(after_help = POINTS, after_long_help = format!("{POINTS}\n\n{EXIT_STATUS}"))]
pub struct RestoreArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// The source's dataLogDir, where it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub source_data_log_dir: Option<PathBuf>,
    /// The point to restore to
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub to: String,
    /// Leave out the txn that POINT names: restore to right before it
    #[arg(long)]
    pub exclusive: bool,
    /// The dataDir to make; with --members, the directory to make theirs in
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    pub target: Option<PathBuf>,
    /// The dataLogDir to make, where it is to be apart; it stays empty
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// Make a dataDir with myid for each of these members, named for it, below the target
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    pub members: Vec<u64>,
    /// Who is to own what is made, by name or number
    #[arg(long, value_name = "USER[:GROUP]")]
    pub chown: Option<String>,
    /// Name the snapshot with the zxid of the point instead of a new epoch's: for a standalone look, not for an ensemble
    #[arg(long)]
    pub keep_zxid: bool,
    /// The new epoch; by default 4096 above the highest that the source has seen
    #[arg(long, value_name = "NUMBER")]
    pub epoch: Option<u32>,
    /// What becomes of ephemerals and sessions
    #[arg(long, value_enum, default_value_t)]
    pub ephemerals: EphemeralsArg,
    /// The release that is to load it, such as 3.5 or 3.9.4: say what it cannot hold
    #[arg(long, value_name = "RELEASE")]
    pub for_version: Option<zoovault::format::release::Release>,
    /// Where POINT is a snapshot that no log goes with and that shows no later txn, take it as it stands: unproven (status 3)
    #[arg(long)]
    pub accept_unproven: bool,
    /// Work everything out, replay and all, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What becomes of ephemerals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EphemeralsArg {
    /// Keep them with their sessions, which then expire or are taken up again.
    #[default]
    Keep,
    /// Leave them out, as if every session had been closed.
    Drop,
}

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

/// Write completions for a shell to stdout.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Write the man pages into a directory.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Where to write the pages
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

impl SourceArg {
    /// How to open the source.
    pub fn options(&self, data_log_dir: Option<&PathBuf>) -> source::Options {
        options(data_log_dir)
    }
}

impl CompareArgs {
    /// How to open each source; `None` when the dataLogDirs do not match them.
    pub fn options(&self) -> Option<Vec<source::Options>> {
        if self.data_log_dir.is_empty() {
            return Some(self.sources.iter().map(|_| options(None)).collect());
        }
        let dirs = self.data_log_dir.iter().map(|dir| options(Some(dir)));
        (self.data_log_dir.len() == self.sources.len()).then(|| dirs.collect())
    }
}

/// How to open a source.
pub fn options(data_log_dir: Option<&PathBuf>) -> source::Options {
    source::Options {
        data_log_dir: data_log_dir.cloned(),
        scratch_dir: Some(std::env::temp_dir()),
    }
}
