//! Man pages from the command definitions.

use super::args::{Cli, ManArgs};
use super::exit::Exit;
use anyhow::Context;
use clap::CommandFactory;
use std::fs;

pub fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    command.build();
    write_page(args, command.clone(), "zoovault")?;
    for sub in command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
    {
        let name = format!("zoovault-{}", sub.get_name());
        write_page(
            args,
            sub.clone()
                .name(name.clone())
                .bin_name(name.replacen('-', " ", 1)),
            &name,
        )?;
    }
    Ok(Exit::Done)
}

fn write_page(args: &ManArgs, command: clap::Command, name: &str) -> anyhow::Result<()> {
    let mut page = Vec::new();
    // Without a date: the page is to be the same whenever it is made.
    clap_mangen::Man::new(command)
        .title(name.to_uppercase())
        .date("")
        .render(&mut page)?;
    let path = args.dir.join(format!("{name}.1"));
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}
