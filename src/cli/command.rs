//! The program's command line: every command, and the options that all of them take. `man/` and the
//! completions are made from it.
//!
//! Only the program's entry and its man pages use this file: a command does not know of the others.

use super::args::{EXIT_STATUS, Global};
use super::commands::{
    backup, backups, cat, check, compare, completions, copy, diff, drill, du, explain, export,
    forget, history, init, inspect, log, ls, pin, prune, restore, stat, top, verify,
};
use super::exit::Exit;
use super::man;
use super::ui::Ui;
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Backs up, proves, restores and inspects Apache ZooKeeper data directories, offline and without a
/// JVM.
///
/// A server that starts on a data directory proves nothing: it loads a directory with missing
/// transactions and says nothing. zoovault reads what ZooKeeper 3.4 to 3.9 wrote, shows what can be
/// restored, and the evidence for it, restores any such point exactly, and never claims more.
/// Sources are only read, even while a server is writing to them.
#[derive(Debug, Parser)]
#[command(name = "zoovault", version, after_help = EXIT_STATUS, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: Global,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Inspect(inspect::InspectArgs),
    Verify(verify::VerifyArgs),
    Compare(compare::CompareArgs),
    Diff(Box<diff::DiffArgs>),
    History(Box<history::HistoryArgs>),
    Explain(explain::ExplainArgs),
    Log(Box<log::LogArgs>),
    Top(top::TopArgs),
    Restore(Box<restore::RestoreArgs>),
    Export(export::ExportArgs),
    Ls(ls::LsArgs),
    Cat(cat::CatArgs),
    Stat(stat::StatArgs),
    Du(du::DuArgs),
    Init(init::InitArgs),
    Backup(Box<backup::BackupArgs>),
    Drill(Box<drill::DrillArgs>),
    Backups(backups::BackupsArgs),
    Check(check::CheckArgs),
    Forget(Box<forget::ForgetArgs>),
    Prune(Box<prune::PruneArgs>),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
    Copy(Box<copy::CopyArgs>),
    Completions(completions::CompletionsArgs),
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// Runs the command.
pub fn run(cli: &Cli, ui: &Ui) -> anyhow::Result<ExitCode> {
    match &cli.command {
        // The statuses of monitoring plugins are others.
        Command::Backups(args) if args.nagios => Ok(backups::monitor(args, ui)?.into()),
        command => Ok(run_command(command, ui)?.into()),
    }
}

fn run_command(command: &Command, ui: &Ui) -> anyhow::Result<Exit> {
    match command {
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
        Command::Completions(args) => completions::run(args, &mut Cli::command(), ui),
        Command::Man(args) => man::run(args, Cli::command()),
    }
}
