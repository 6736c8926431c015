//! The command line: arguments, rendering, exit status. A file a command.

mod args;
mod at;
mod backup;
mod backups;
mod cat;
mod check;
mod compare;
mod copy;
mod diff;
mod drill;
mod du;
mod exit;
mod explain;
mod export;
mod export_tree;
mod forget;
mod formatter;
mod history;
mod init;
mod inspect;
mod job;
mod log;
mod ls;
mod man;
mod out;
mod pin;
mod progress;
mod prune;
mod repo;
mod report;
mod restore;
mod server;
mod sides;
mod stat;
mod text;
mod top;
mod ui;
mod unified;
mod value;
mod verify;
mod znode;

use args::{Cli, Command};
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};
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
                return refuse(err).into();
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
    let ended = run(&cli, &ui);
    exit::yield_to_signal();
    ui.finish();
    match ended {
        Ok(exit) => exit.into(),
        Err(err) if exit::is_closed_pipe(&err) => Exit::Done.into(),
        Err(err) => {
            let exit = exit::of_error(&err);
            ui.error(&err, exit);
            exit.into()
        }
    }
}

/// Tells what is wrong with the arguments, in the way that they ask for.
fn refuse(mut err: clap::Error) -> Exit {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    if has("--nagios") {
        return backups::bad_arguments(&in_a_line(&err));
    }
    if has("--json") {
        ui::refuse_as_json(&in_a_line(&err));
        return Exit::BadArguments;
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
    Exit::BadArguments
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

fn run(cli: &Cli, ui: &Ui) -> anyhow::Result<Exit> {
    match &cli.command {
        Command::Inspect(args) => inspect::run(args, ui),
        Command::Verify(args) => verify::run(args, ui),
        Command::Compare(args) => compare::run(args, ui),
        Command::Diff(args) => diff::run(args, ui),
        Command::History(args) => history::run(args, ui),
        Command::Explain(args) => explain::run(args, ui),
        Command::Log(args) => log::run(args, ui),
        Command::Top(args) => top::run(args, ui),
        Command::Restore(args) => restore::run(args, ui),
        Command::Export(args) => export::run(args, ui),
        Command::Ls(args) => ls::run(args, ui),
        Command::Cat(args) => cat::run(args, ui),
        Command::Stat(args) => stat::run(args, ui),
        Command::Du(args) => du::run(args, ui),
        Command::Init(args) => init::run(args, ui),
        Command::Backup(args) => backup::run(args, ui),
        Command::Drill(args) => drill::run(args, ui),
        Command::Backups(args) => backups::run(args, ui),
        Command::Check(args) => check::run(args, ui),
        Command::Forget(args) => forget::run(args, ui),
        Command::Prune(args) => prune::run(args, ui),
        Command::Pin(args) => args.run(ui),
        Command::Unpin(args) => args.run(ui),
        Command::Copy(args) => copy::run(args, ui),
        Command::Completions(args) => {
            let mut bytes = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "zoovault", &mut bytes);
            ui.print(&bytes)?;
            Ok(Exit::Done)
        }
        Command::Man(args) => man::run(args),
    }
}
