//! `export`: a portable archive. The other formats are in `export_tree`.

mod args;
mod tree;

pub use args::ExportArgs;

use crate::cli::exit::{BadArgument, Exit};
use crate::cli::json;
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::text;
use anyhow::Context;
use args::{ExportFormat, ensure_new};
use std::io::{self, Write};
use std::path::Path;
use zoovault::archive::Manifest;
use zoovault::history::source::Source;
use zoovault::recovery::export::{Options, plan, write, write_file};

pub fn run(args: &ExportArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let output = args.output.as_deref().unwrap_or(Path::new("-"));
    match args.format {
        ExportFormat::Archive => archive(args, output, ui),
        ExportFormat::Jsonl | ExportFormat::Json | ExportFormat::Zkcli => {
            tree::run(args, output, ui)
        }
    }
}

fn archive(args: &ExportArgs, output: &Path, ui: &Ui) -> anyhow::Result<Exit> {
    if args.path.is_some() || args.exclusive {
        let message = "an archive covers the whole tree, up to and including a transaction: PATH and --exclusive require another format";
        return Err(BadArgument(message.to_owned()).into());
    }
    if args.as_is {
        let message = "--as-is requires another format: an archive is for restores, and such a tree may never have existed";
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
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
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
            manifest.window.first, manifest.window.last
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
                .map(|range| format!("  {} to {}", range.first, range.last))
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

    fn json(&self) -> json::Result {
        json::value(&json::Export {
            archive: self.output.clone(),
            exit_status: self.exit as u8,
            manifest: self.manifest.to_json(),
        })
    }
}
