//! `du`: how much lies where in the tree at a point.

use crate::cli::args::{EXIT_STATUS, POINTS};
use crate::cli::commands::point_args::{AtArgs, Reading};
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::json::{self, Du, NcduHeader, NcduNode, PathField, Subtree};
use crate::cli::ui::Ui;
use crate::cli::views::text;
use crate::cli::views::value;
use clap::Args;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::time::SystemTime;
use zoovault::error::{Error, ErrorKind};
use zoovault::tree::select::{Sum, clean_path, sums};
use zoovault::tree::{DataTree, depth};

/// Show how much data is where at a point: bytes and znodes by subtree, the largest first.
///
/// Bytes are bytes of data, as a server's quotas count them; with --json also the size in a
/// snapshot. --ncdu writes input for `ncdu -f -`, to browse interactively.
#[derive(Args, Debug)]
#[command(after_help = POINTS, after_long_help = format!("{POINTS}\n\n{EXIT_STATUS}"))]
pub struct DuArgs {
    #[command(flatten)]
    pub at: AtArgs,
    /// The znode to start from
    #[arg(value_name = "PATH", default_value = "/")]
    pub path: OsString,
    /// How many levels to show
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub depth: usize,
    /// Write the whole tree for ncdu instead: zoovault du SOURCE --ncdu | ncdu -f -
    #[arg(long)]
    pub ncdu: bool,
}

pub fn run(args: &DuArgs, ui: &Ui) -> anyhow::Result<Exit> {
    if args.ncdu && ui.is_json() {
        return Err(BadArgument(
            "--ncdu writes its own JSON and cannot be combined with --json".into(),
        )
        .into());
    }
    let path = clean_path(args.path.as_bytes())
        .map_err(|message| Error::new(ErrorKind::BadArgument, message))?;
    let reading = args
        .at
        .read(ui, |rebuilt| match rebuilt.replayed.tree.get(path) {
            Some(_) => Ok(()),
            None => Err(args.at.missing("du", rebuilt, path, ui)),
        })?;
    let tree = reading.tree();
    if args.ncdu {
        ui.stream(|out| Ok(ncdu(out, tree, path)?))?;
        return Ok(reading.forget());
    }
    let mut sums = sums(tree, path, args.depth);
    sums.sort_by(|a, b| (b.bytes, b.znodes, a.path).cmp(&(a.bytes, a.znodes, b.path)));
    ui.stream(|out| match ui.is_json() {
        true => Ok(json(out, &reading, &sums)?),
        false => Ok(human(out, &sums)?),
    })?;
    Ok(reading.forget())
}

fn human(out: &mut impl Write, sums: &[Sum<'_>]) -> io::Result<()> {
    let width = |of: fn(&Sum<'_>) -> u64, heading: &str| {
        let largest = sums.iter().map(of).max().unwrap_or(0);
        text::count(largest).len().max(heading.len())
    };
    let left = width(|sum| sum.bytes, "bytes");
    let right = width(|sum| sum.znodes, "znodes");
    let all = sums.iter().map(|sum| sum.bytes).max().unwrap_or(0).max(1);
    writeln!(out, "{:>left$}  share  {:>right$}  path", "bytes", "znodes")?;
    for sum in sums {
        let (bytes, znodes) = (text::count(sum.bytes), text::count(sum.znodes));
        // In tenths of a percent, which a whole number holds.
        let share = u128::from(sum.bytes) * 1000 / u128::from(all);
        let share = format!("{}.{}%", share / 10, share % 10);
        write!(out, "{bytes:>left$} {share:>6}  {znodes:>right$}  ")?;
        value::write_path(out, sum.path)?;
        writeln!(out)?;
    }
    Ok(())
}

fn json(out: &mut impl Write, reading: &Reading<()>, sums: &[Sum<'_>]) -> io::Result<()> {
    let subtrees = sums.iter().map(|sum| Subtree {
        bytes: sum.bytes,
        depth: sum.depth,
        ephemerals: sum.ephemerals,
        own_bytes: sum.own_bytes,
        path: PathField::of_znode(sum.path),
        stored_bytes: sum.stored_bytes,
        znodes: sum.znodes,
    });
    let document = Du {
        point: reading.fields(),
        subtrees: subtrees.collect(),
    };
    json::list(out, &document)
}

/// The tree in ncdu's export format, version 1.0, with the fields that `SnapshotFormatter -json`
/// gives each znode. Names are escaped, since ncdu shows them on a terminal.
fn ncdu(out: &mut impl Write, tree: &DataTree, path: &[u8]) -> io::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = now.map_or(0, |now| now.as_secs());
    let header = NcduHeader {
        progname: "zoovault",
        progver: env!("CARGO_PKG_VERSION"),
        timestamp: seconds,
    };
    out.write_all(b"[1,0,")?;
    serde_json::to_writer(&mut *out, &header)?;
    let mut open = 0;
    let top = depth(path);
    for (inode, node) in (1001u64..).zip(tree.in_order_from(path)) {
        let level = depth(node.path) - top;
        while open > level {
            out.write_all(b"]")?;
            open -= 1;
        }
        let name = match node.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) if level > 0 => node.path.get(slash + 1..).unwrap_or_default(),
            Some(_) => node.path,
            None => b"/",
        };
        let size = node.data.map_or(0, <[u8]>::len);
        out.write_all(b",\n")?;
        // ncdu wants a directory at the top.
        if node.children > 0 || level == 0 {
            out.write_all(b"[")?;
            open += 1;
        }
        let node = NcduNode {
            name: text::escape(&String::from_utf8_lossy(name)),
            asize: size,
            dsize: size,
            dev: 0,
            ino: inode,
        };
        serde_json::to_writer(&mut *out, &node)?;
    }
    for _ in 0..open {
        out.write_all(b"]")?;
    }
    out.write_all(b"]\n")
}
