//! `export` of the tree at a point: as JSON, or as a script that makes it again.

use super::args::{ExportArgs, ExportFormat, ensure_new};
use crate::cli::args::SourceArg;
use crate::cli::commands::point_args::{AtArgs, Reading};
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::ui::Ui;
use crate::cli::views::text;
use crate::cli::views::value;
use crate::cli::views::znode;
use anyhow::Context;
use serde_json::{Map, Value};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use zoovault::durable::StagedFile;
use zoovault::error::{Error, ErrorKind};
use zoovault::tree::select::clean_path;
use zoovault::tree::zkcli::{Scripted, write_script};

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

/// What stands before the znodes.
fn header(reading: &Reading<()>, path: &[u8]) -> Map<String, Value> {
    let mut header = reading.header();
    let count = reading.tree().in_order_from(path).count();
    header.insert("format".to_owned(), "zoovault-tree".into());
    header.insert("format_version".to_owned(), 1.into());
    header.insert("znodes".to_owned(), count.into());
    value::put_bytes(&mut header, "path", Some(znode::path(path)));
    header
}

/// One record a line, each of which says what it is: a header, znodes, and of a whole tree
/// sessions.
fn lines(out: &mut impl Write, reading: &Reading<()>, path: &[u8]) -> io::Result<()> {
    let tree = reading.tree();
    let mut first = header(reading, path);
    first.insert("record".to_owned(), "header".into());
    serde_json::to_writer(&mut *out, &first)?;
    writeln!(out)?;
    let mut writer = znode::Writer::new(tree);
    for node in tree.in_order_from(path) {
        let line = writer.begin(&node, true)?;
        line.extend_from_slice(b",\"record\":\"znode\"}\n");
        out.write_all(line)?;
    }
    if path.is_empty() {
        for (session, timeout_ms) in tree.sessions() {
            writeln!(
                out,
                "{{\"record\":\"session\",\"session\":\"{session}\",\"timeout_ms\":{timeout_ms}}}"
            )?;
        }
    }
    Ok(())
}

/// One document: the header's fields, and a list of znodes, one a line.
fn document(out: &mut impl Write, reading: &Reading<()>, path: &[u8]) -> io::Result<()> {
    let tree = reading.tree();
    let mut first = header(reading, path);
    // The list takes the name.
    if let Some(count) = first.remove("znodes") {
        first.insert("znode_count".to_owned(), count);
    }
    znode::open_list(out, first, "znodes")?;
    let mut writer = znode::Writer::new(tree);
    let mut separator = "";
    for node in tree.in_order_from(path) {
        out.write_all(separator.as_bytes())?;
        separator = ",\n";
        let line = writer.begin(&node, true)?;
        line.push(b'}');
        out.write_all(line)?;
    }
    writeln!(out, "\n]}}")
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
