//! `ls`: the znodes of a tree at a point, and those that are gone.

use crate::cli::args::{EXIT_STATUS, POINTS};
use crate::cli::commands::point_args::{AtArgs, Reading, deleted_words};
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::json::{self, AsText, DeletedZnode, Deletion, LastAcl, LsLine, PathField};
use crate::cli::ui::Ui;
use crate::cli::views::snapshot_formatter;
use crate::cli::views::text;
use crate::cli::views::value;
use crate::cli::views::znode;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use zoovault::analysis::deleted::{Deleted, Lost, lost};
use zoovault::error::{Error, ErrorKind};
use zoovault::history::source::{Source, SourceFile};
use zoovault::tree::select::Selection;
use zoovault::tree::{DataTree, NodeView, Owner};
use zoovault::zxid::Hex;

/// List znodes as they were at a point.
///
/// The children of PATH, or what a pattern matches: * and ? match within one name, ** across any
/// number, {a,b} and [ab] give alternatives. A PATH that exists is never taken for a pattern. One
/// path per line; control characters and the like are escaped; --json gives them exactly, with one
/// line per znode and every field.
///
/// --deleted adds what existed earlier but does not at the point, with the transaction that deleted
/// it and the command that shows its last state; `zoovault export --format zkcli` with the same
/// point makes a script that restores it.
#[derive(Args, Debug)]
#[command(after_help = POINTS, after_long_help = format!("{POINTS}\n\n{EXIT_STATUS}"))]
pub struct LsArgs {
    #[command(flatten)]
    pub at: AtArgs,
    /// The znode whose children to list, or a pattern
    #[arg(value_name = "PATH|GLOB", default_value = "/")]
    pub path: OsString,
    /// List the znode itself and everything below it, not only its children
    #[arg(short, long)]
    pub recursive: bool,
    /// Show more of each: kind, version, children, bytes of data, mzxid, mtime, owner, ACL without
    /// ids
    #[arg(short, long)]
    pub long: bool,
    /// Also list what was deleted before the point
    #[arg(long)]
    pub deleted: bool,
    /// Only what was deleted after this point; by default from the beginning of the window
    #[arg(
        long,
        value_name = "POINT",
        requires = "deleted",
        allow_hyphen_values = true
    )]
    pub from: Option<String>,
    /// Output format; zookeeper is what ZooKeeper's SnapshotFormatter prints, for the whole tree
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// With --format zookeeper: also the data, in base64
    #[arg(short, long)]
    pub data: bool,
}

/// How to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One path a line.
    #[default]
    Text,
    /// As org.apache.zookeeper.server.SnapshotFormatter of 3.8.
    Zookeeper,
}

pub fn run(args: &LsArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let path = args.path.as_bytes();
    ensure_formats(args, ui)?;
    if args.format == Format::Zookeeper && args.at.is_by_default() {
        let options = args.at.source.options(args.at.data_log_dir.as_ref());
        let source = Source::open(&args.at.source.source, &options)?;
        let is_file = !source.is_data_dir() && !source.is_repository();
        if let (true, [file]) = (is_file, source.snapshots()) {
            return whole_file(&source, file, args, ui);
        }
    }
    let from = args.from.as_deref().map(text::point).transpose()?;
    let reading = args.at.read(ui, |rebuilt| {
        let tree = &rebuilt.replayed.tree;
        let selection = Selection::parse(tree, path, args.recursive)
            .map_err(|message| Error::new(ErrorKind::BadArgument, message))?;
        let wanted = |path: &[u8]| selection.contains(path);
        let lost = match args.deleted {
            true => Some(lost(rebuilt, from, &wanted, ui.progress())?),
            false => None,
        };
        if lost.as_ref().is_some_and(|lost| !lost.znodes.is_empty()) {
            return Ok((selection, lost));
        }
        match selection.path() {
            Some(path) if tree.get(path).is_none() => Err(args.at.missing("ls", rebuilt, path, ui)),
            None if selection.of(tree).next().is_none() => {
                let pattern = text::escape(&args.path.to_string_lossy());
                let message = format!("no znode matches {pattern} at {}", rebuilt.target.zxid);
                let shown = rebuilt.history.source.shown();
                Err(Error::about(shown, ErrorKind::Failed, message))
            }
            Some(_) | None => Ok((selection, lost)),
        }
    })?;
    let (selection, lost) = &reading.found;
    let tree = reading.tree();
    ui.stream(|out| {
        match (ui.is_json(), args.format) {
            (true, _) => lines_of_json(out, tree, selection)?,
            (false, Format::Zookeeper) => {
                return Ok(snapshot_formatter::write(
                    out,
                    tree,
                    reading.target.zxid,
                    args.data,
                )?);
            }
            (false, Format::Text) if args.long => long(out, tree, selection, ui)?,
            (false, Format::Text) => {
                for node in selection.of(tree) {
                    value::write_path(out, node.path)?;
                    out.write_all(b"\n")?;
                }
            }
        }
        match lost {
            Some(lost) if ui.is_json() => Ok(deleted_json(out, lost, args)?),
            Some(lost) => {
                deleted(out, lost, &reading, args)?;
                out.flush()?;
                ui.note("to restore one, make a script: zoovault export SOURCE PATH --format zkcli --to ZXID --exclusive");
                Ok(())
            }
            None => Ok(()),
        }
    })?;
    Ok(reading.forget())
}

/// A single snapshot, as the tool takes it.
fn whole_file(source: &Source, file: &SourceFile, args: &LsArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let mut doubt = None;
    ui.stream(|out| {
        doubt = snapshot_formatter::write_file(out, source, file, args.data)?;
        Ok(())
    })?;
    match doubt {
        None => Ok(Exit::Done),
        Some(doubt) => {
            ui.warn(&format!("{}: {doubt}", text::path(file.shown())));
            Ok(Exit::Warnings)
        }
    }
}

/// Refuses options that do not go together.
fn ensure_formats(args: &LsArgs, ui: &Ui) -> anyhow::Result<()> {
    let wrong = |message: &str| Err(BadArgument(message.to_owned()).into());
    match args.format {
        Format::Text if args.data => wrong("--data requires --format zookeeper"),
        Format::Zookeeper if args.path != "/" => {
            wrong("--format zookeeper shows the whole tree, and takes no PATH")
        }
        Format::Zookeeper if args.deleted || args.long || ui.is_json() => {
            wrong("--format zookeeper cannot be combined with --long, --deleted or --json")
        }
        Format::Text | Format::Zookeeper => Ok(()),
    }
}

fn lines_of_json(out: &mut impl Write, tree: &DataTree, selection: &Selection) -> io::Result<()> {
    let mut last_acl = LastAcl::default();
    for node in selection.of(tree) {
        let znode = znode::json_after(&mut last_acl, tree, &node, false);
        json::line(out, &LsLine::Znode(znode))?;
    }
    Ok(())
}

/// The columns of a line but the path.
fn columns(tree: &DataTree, node: &NodeView<'_>) -> [String; 8] {
    let owner = tree.owner_of(node.stat);
    [
        znode::kind(owner).to_owned(),
        node.stat.version.to_string(),
        node.children.to_string(),
        node.data
            .map_or_else(|| "null".to_owned(), |data| data.len().to_string()),
        node.stat.mzxid.to_string(),
        text::time_to_the_second(node.stat.mtime),
        match owner {
            Owner::Session(session) => session.to_string(),
            Owner::Ttl(ttl_ms) => format!("{ttl_ms}ms"),
            Owner::Persistent | Owner::Container => "-".to_owned(),
        },
        znode::acl_short(node.acl),
    ]
}

const HEADINGS: [&str; 8] = [
    "kind", "ver", "kids", "bytes", "mzxid", "mtime", "owner", "acl",
];
/// Columns of numbers stand to the right.
const IS_NUMBER: [bool; 8] = [false, true, true, true, true, false, false, false];

/// Aligned lines. Widths are found in a walk before, so that no line need be kept.
fn long(out: &mut impl Write, tree: &DataTree, selection: &Selection, ui: &Ui) -> io::Result<()> {
    let mut widths = HEADINGS.map(str::len);
    for node in selection.of(tree) {
        for (width, column) in widths.iter_mut().zip(columns(tree, &node)) {
            *width = (*width).max(column.chars().count());
        }
    }
    let mut line = String::new();
    let mut put = |out: &mut dyn Write, columns: &[String; 8]| -> io::Result<()> {
        line.clear();
        for ((column, width), is_number) in columns.iter().zip(widths).zip(IS_NUMBER) {
            let pad = width.saturating_sub(column.chars().count());
            let (before, after) = if is_number { (pad, 0) } else { (0, pad) };
            line.extend(std::iter::repeat_n(' ', before));
            line.push_str(column);
            line.extend(std::iter::repeat_n(' ', after + 1));
        }
        out.write_all(line.as_bytes())
    };
    if !ui.is_quiet() {
        put(out, &HEADINGS.map(str::to_owned))?;
        writeln!(out, "path")?;
    }
    for node in selection.of(tree) {
        put(out, &columns(tree, &node))?;
        value::write_path(out, node.path)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn deleted(
    out: &mut impl Write,
    lost: &Lost,
    reading: &Reading<impl Sized>,
    args: &LsArgs,
) -> io::Result<()> {
    let count = lost.znodes.len() as u64;
    let zxid = reading.target.zxid;
    let count = text::plural(count, "znode");
    writeln!(out, "Deleted after {}, by {zxid}: {count}", lost.since)?;
    for (path, gone) in &lost.znodes {
        value::write_path(out, path)?;
        writeln!(out, "\n  {}", deleted_words(gone))?;
        writeln!(out, "  {}", args.at.call_before("cat", path, gone.zxid))?;
    }
    Ok(())
}

fn deleted_json(out: &mut impl Write, lost: &Lost, args: &LsArgs) -> io::Result<()> {
    for (path, gone) in &lost.znodes {
        let stat = &gone.stat;
        let line = LsLine::Deleted(DeletedZnode {
            aversion: stat.aversion,
            ctime_ms: stat.ctime,
            cversion: stat.cversion,
            czxid: AsText(stat.czxid),
            data_is_null: gone.data_length.is_none(),
            data_length: gone.data_length.unwrap_or(0),
            deleted: deletion_json(path, gone, args),
            ephemeral_owner: AsText(Hex(stat.ephemeral_owner)),
            mtime_ms: stat.mtime,
            mzxid: AsText(stat.mzxid),
            path: PathField::of_znode(path),
            pzxid: AsText(stat.pzxid),
            version: stat.version,
        });
        json::line(out, &line)?;
    }
    Ok(())
}

fn deletion_json(path: &[u8], gone: &Deleted, args: &LsArgs) -> Deletion {
    Deletion {
        by: match gone.is_by_close {
            true => "closeSession",
            false => "delete",
        },
        command: args.at.call_before("cat", path, gone.zxid),
        session: AsText(gone.session),
        time_ms: gone.time,
        zxid: AsText(gone.zxid),
    }
}
