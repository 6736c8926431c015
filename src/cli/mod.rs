//! The command line: arguments, rendering, exit status. A file a command.

mod args;
mod command;
mod commands;
mod exit;
mod jobs;
mod json;
mod man;
mod progress;
mod repo_args;
mod report;
mod ui;
mod views;
mod writer_thread;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};
use command::Cli;
use exit::Exit;
use std::process::ExitCode;
use ui::Ui;

/// Parses, runs, and tells how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(err) => {
            // Help and version are results, everything else is a wrong argument.
            if err.use_stderr() {
                return refuse(err);
            }
            // A closed pipe is nobody's fault.
            let _ = err.print();
            return Exit::Done.into();
        }
    };
    let ui = Ui::new(&cli.global);
    if let Err(err) = exit::clean_up_on_signals() {
        ui.warn(&format!("cannot catch signals: {err}"));
    }
    let ended = command::run(&cli, &ui);
    exit::yield_to_signal();
    ui.finish();
    match ended {
        Ok(status) => status,
        Err(err) if exit::is_closed_pipe(&err) => Exit::Done.into(),
        Err(err) => {
            let exit = exit::of_error(&err);
            ui.error(&err, exit);
            exit.into()
        }
    }
}

/// Tells what is wrong with the arguments, in the way that they ask for.
fn refuse(mut err: clap::Error) -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    if has("--nagios") {
        return commands::backups::bad_arguments(&in_a_line(&err)).into();
    }
    if has("--json") {
        ui::refuse_as_json(&in_a_line(&err));
        return Exit::BadArguments.into();
    }
    // Clap would show what the environment says as if it were required.
    let mut program = Cli::command();
    program.build();
    let command = args.iter().find_map(|arg| program.find_subcommand(arg));
    if let Some(command) = command
        && err.get(ContextKind::Usage).is_some()
    {
        let usage = command.clone().render_usage();
        err.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
    }
    // A closed stderr leaves nobody to tell.
    let _ = err.print();
    Exit::BadArguments.into()
}

/// What is wrong, and what may have been meant, without the usage.
fn in_a_line(err: &clap::Error) -> String {
    let text = err.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let told = text
        .split("\n\n")
        .filter(|part| !part.starts_with("Usage:") && !part.starts_with("For more information"));
    let lines = told.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("; ")
}
