//! Arguments that several commands take, and what their help says in the same words.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use zoovault::history::source;

pub const EXIT_STATUS: &str = "\
Exit status:
  0   done, all sound
  1   failed
  2   bad arguments
  3   done, with warnings (a torn tail of a live log, a point that is unproven, ...)
  4   damage found
  5   the point cannot be reached exactly (gap, before the first base, after the last transaction)
  10  no repository there
  13  the target exists and is not empty
  128+N  ended by signal N
11 and 12 are reserved. Treat an unknown status as a failure.";

pub const POINTS: &str = "\
Points:
  0x1f00000003                 after the transaction with this zxid
  2026-11-20T14:00:00Z         everything before the first transaction, in zxid order, whose time is later
  '2026-11-20 14:00'           local time, or the time zone that follows: '2026-11-20 14:00 Europe/Paris'
  @1763640000                  seconds since 1970
  -15m                         that long ago; also -2h30m, -1d
  first, latest                the first exact point; the last transaction";

/// Options that every command takes.
#[derive(Args, Debug)]
pub struct Global {
    /// Write one JSON document to stdout instead of text; a failure is then a JSON line on stderr
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Print only errors and warnings
    #[arg(short, long, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Print more: every finding, every base that was rejected
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

/// Where history is read from.
#[derive(Args, Debug)]
pub struct SourceArg {
    /// A dataDir (or its version-2), a zoo.cfg that names one, a tar or zip (also compressed; with
    /// :PATH, one of several dataDirs in it), a single log or snapshot (also compressed), or a
    /// repository (with @ID, a backup in it)
    #[arg(value_name = "SOURCE")]
    pub source: PathBuf,
}

/// Which servers to foretell.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// Predict what servers of these releases would do with these files: start or refuse, with
    /// which message, up to which zxid, and which znodes would be wrong. 3.4.6 and later; `all`
    /// means every release up to 3.9.5
    #[arg(long = "server", value_name = "RELEASE,...", value_delimiter = ',')]
    pub releases: Vec<String>,
    /// A setting of those servers, as passed to java: jute.maxbuffer=4194304,
    /// zookeeper.extendedTypesEnabled=true
    #[arg(short = 'D', value_name = "KEY=VALUE", requires = "releases")]
    pub settings: Vec<String>,
}

impl SourceArg {
    /// How to open the source.
    pub fn options(&self, data_log_dir: Option<&PathBuf>) -> source::Options {
        options(data_log_dir)
    }
}

/// How to open a source.
pub fn options(data_log_dir: Option<&PathBuf>) -> source::Options {
    source::Options {
        data_log_dir: data_log_dir.cloned(),
        scratch_dir: Some(std::env::temp_dir()),
    }
}
