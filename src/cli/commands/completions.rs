//! `zoovault completions`: what a shell needs to complete a command line.

use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use anyhow::Result;
use clap::Args;

/// Write completions for a shell to stdout.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Writes the completions of `program`.
pub fn run(args: &CompletionsArgs, program: &mut clap::Command, ui: &Ui) -> Result<Exit> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, program, "zoovault", &mut bytes);
    ui.print(&bytes)?;
    Ok(Exit::Done)
}
