//! The program's command line: every command, and the options that all of them take. `man/` and the completions are made from it.
//!
//! Only the program's entry and its man pages use this file: a command does not know of the others.

use super::commands::inspect::InspectArgs;
use super::commands::verify::VerifyArgs;
use super::commands::compare::CompareArgs;
use super::commands::diff::DiffArgs;
use super::commands::history::HistoryArgs;
use super::commands::explain::ExplainArgs;
use super::commands::log::LogArgs;
use super::commands::top::TopArgs;
use super::commands::restore::RestoreArgs;
use super::commands::export::ExportArgs;
use super::commands::ls::LsArgs;
use super::commands::cat::CatArgs;
use super::commands::stat::StatArgs;
use super::commands::du::DuArgs;
use super::commands::init::InitArgs;
use super::commands::{backup, backups, cat, check, compare, completions, copy, diff, drill, du, explain, export, forget, history, init, inspect, log, ls, prune, restore, stat, top, verify};
use super::man;
use super::commands::backup::BackupArgs;
use super::commands::drill::DrillArgs;
use super::commands::backups::BackupsArgs;
use super::commands::check::CheckArgs;
use super::commands::forget::ForgetArgs;
use super::commands::prune::PruneArgs;
use super::commands::pin::PinArgs;
use super::commands::pin::UnpinArgs;
use super::commands::copy::CopyArgs;
use super::commands::completions::CompletionsArgs;
use super::man::ManArgs;
use super::args::{EXIT_STATUS, Global};
use super::exit::Exit;
use super::ui::Ui;
use clap::{CommandFactory, Parser, Subcommand};

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


/// Runs the command.
pub fn run(cli: &Cli, ui: &Ui) -> anyhow::Result<Exit> {
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
        Command::Completions(args) => completions::run(args, &mut Cli::command(), ui),
        Command::Man(args) => man::run(args),
    }
}
