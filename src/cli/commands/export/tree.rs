//! `export` of the tree at a point: as JSON, or as a script that makes it again.

use super::args::{ExportArgs, ExportFormat, ensure_new};
use crate::cli::args::SourceArg;
use crate::cli::commands::point_args::{AtArgs, Reading};
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::json::{
    self, AsText, Each, ExportHeader, ExportLine, ExportSession, ExportTree, ExportZnode, LastAcl,
    PathField,
};
use crate::cli::ui::Ui;
use crate::cli::views::text;
use crate::cli::views::value;
use crate::cli::views::znode;
use anyhow::Context;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use zoovault::durable::StagedFile;
use zoovault::error::{Error, ErrorKind};
use zoovault::tree::select::clean_path;
use zoovault::tree::zkcli::{Scripted, write_script};

/// What the JSON says of its own form.
const FORMAT: &str = "zoovault-tree";
const FORMAT_VERSION: u32 = 1;
/// How many znodes that a script cannot hold are named without `-v`.
const NAMED_MAX: u64 = 20;

pub fn run(args: &ExportArgs, output: &Path, ui: &Ui) -> anyhow::Result<Exit> {
    if args.from.is_some() {
        let message = "--from is for archives: a tree is at one point";
        return Err(BadArgument(message.to_owned()).into());
    }
    let is_stdout = output == Path::new("-");
    if !is_stdout {
        ensure_new(output)?;
    }
    let path = args.path.as_ref().map_or(&b"/"[..], |path| path.as_bytes());
    let path = clean_path(path).map_err(|message| Error::new(ErrorKind::BadArgument, message))?;
    let at = AtArgs {
        source: SourceArg {
            source: args.source.source.clone(),
        },
        data_log_dir: args.data_log_dir.clone(),
        at: args.to.clone(),
        exclusive: args.exclusive,
        as_is: args.as_is,
        accept_unproven: args.accept_unproven,
    };
    let reading = at.read(ui, |rebuilt| {
        if !is_stdout {
            rebuilt.history.source.ensure_outside(output)?;
        }
        match rebuilt.replayed.tree.get(path) {
            Some(_) => Ok(()),
            None => Err(at.missing("stat", rebuilt, path, ui)),
        }
    })?;
    let mut is_whole = true;
    if is_stdout {
        ui.stream(|out| {
            is_whole = write(args.format, out, &reading, path, ui)?;
            Ok(())
        })?;
    } else {
        let staged = StagedFile::new(output)?;
        let mut out = BufWriter::with_capacity(1 << 18, staged.file());
        is_whole = write(args.format, &mut out, &reading, path, ui)
            .and_then(|is_whole| out.flush().map(|()| is_whole))
            .with_context(|| format!("cannot write {}", text::path(output)))?;
        drop(out);
        staged.commit()?;
    }
    let exit = reading.forget();
    Ok(if is_whole { exit } else { Exit::Warnings })
}

/// Writes the znode at `path` and all below, and says whether that is all of it.
fn write(
    format: ExportFormat,
    out: &mut impl Write,
    reading: &Reading<()>,
    path: &[u8],
    ui: &Ui,
) -> io::Result<bool> {
    match format {
        ExportFormat::Zkcli => script(out, reading, path, ui),
        ExportFormat::Json => document(out, reading, path).map(|()| true),
        ExportFormat::Jsonl | ExportFormat::Archive => lines(out, reading, path).map(|()| true),
    }
}

/// One record a line, each of which says what it is: a header, znodes, and of a whole tree
/// sessions.
fn lines(out: &mut impl Write, reading: &Reading<()>, path: &[u8]) -> io::Result<()> {
    let (tree, point) = (reading.tree(), reading.fields());
    let header = ExportHeader {
        exit_status: point.exit_status,
        format: FORMAT,
        format_version: FORMAT_VERSION,
        path: PathField::of_znode(path),
        proof: point.proof,
        record: "header",
        shows_zxid: point.shows_zxid,
        source: point.source,
        time_ms: point.time_ms,
        warnings: point.warnings,
        znodes: tree.in_order_from(path).count(),
        zxid: point.zxid,
    };
    json::line(out, &ExportLine::Header(header))?;
    let mut last_acl = LastAcl::default();
    for node in tree.in_order_from(path) {
        let line = ExportLine::Znode(ExportZnode {
            znode: znode::json_after(&mut last_acl, tree, &node, true),
            record: "znode",
        });
        json::line(out, &line)?;
    }
    let sessions = path.is_empty().then(|| tree.sessions());
    for (session, timeout_ms) in sessions.into_iter().flatten() {
        let line = ExportLine::Session(ExportSession {
            record: "session",
            session: AsText(session),
            timeout_ms,
        });
        json::line(out, &line)?;
    }
    Ok(())
}

/// One document: the header's fields, and a list of znodes, one a line.
fn document(out: &mut impl Write, reading: &Reading<()>, path: &[u8]) -> io::Result<()> {
    let (tree, point) = (reading.tree(), reading.fields());
    let znodes = || {
        let nodes = tree.in_order_from(path);
        let mut last_acl = LastAcl::default();
        nodes.map(move |node| znode::json_after(&mut last_acl, tree, &node, true))
    };
    let document = ExportTree {
        exit_status: point.exit_status,
        format: FORMAT,
        format_version: FORMAT_VERSION,
        path: PathField::of_znode(path),
        proof: point.proof,
        shows_zxid: point.shows_zxid,
        source: point.source,
        time_ms: point.time_ms,
        warnings: point.warnings,
        znode_count: tree.in_order_from(path).count(),
        zxid: point.zxid,
        znodes: Each(znodes),
    };
    json::list(out, &document)
}

fn script(out: &mut impl Write, reading: &Reading<()>, path: &[u8], ui: &Ui) -> io::Result<bool> {
    let mut told = 0;
    let Scripted {
        made,
        told: all,
        needs_auth,
    } = write_script(reading.tree(), path, out, &mut |node, reason| {
        told += 1;
        if told <= NAMED_MAX || ui.is_verbose() {
            ui.warn(&format!("{} {}", value::path(node.path), reason.words()));
        }
    })?;
    if all > NAMED_MAX && !ui.is_verbose() {
        let more = text::count(all - NAMED_MAX);
        ui.warn(&format!("and {more} more (-v lists them)"));
    }
    if needs_auth {
        ui.note("some parents do not let everyone create: run 'addauth' in zkCli first");
    }
    ui.remark(&format!("the script makes {}", text::plural(made, "znode")));
    Ok(all == 0)
}
