//! `cat`: the data of one znode at a point.

use crate::cli::args::{EXIT_STATUS, POINTS};
use crate::cli::commands::point_args::AtArgs;
use crate::cli::exit::Exit;
use crate::cli::json::ZnodeAt;
use crate::cli::ui::Ui;
use crate::cli::views::text;
use crate::cli::views::znode;
use clap::Args;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use zoovault::error::{Error, ErrorKind};
use zoovault::tree::select::clean_path;

/// Write the data of a znode as it was at a point to stdout, and nothing else.
///
/// Byte for byte to a pipe or a file. On a terminal, control characters and bytes that are not text
/// are escaped, unless --raw is given. A znode without data (null) prints nothing, with a note on
/// stderr. A path that does not exist ends with status 1; if it existed earlier, the command that
/// shows its last state is printed.
#[derive(Args, Debug)]
#[command(after_help = POINTS, after_long_help = format!("{POINTS}\n\n{EXIT_STATUS}"))]
pub struct CatArgs {
    #[command(flatten)]
    pub at: AtArgs,
    /// The znode
    #[arg(value_name = "PATH")]
    pub path: OsString,
    /// Print the bytes as they are, even to a terminal
    #[arg(long)]
    pub raw: bool,
}

pub fn run(args: &CatArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let path = clean_path(args.path.as_bytes())
        .map_err(|message| Error::new(ErrorKind::BadArgument, message))?;
    let reading = args
        .at
        .read(ui, |rebuilt| match rebuilt.replayed.tree.get(path) {
            Some(_) => Ok(()),
            None => Err(args.at.missing("cat", rebuilt, path, ui)),
        })?;
    let Some(node) = reading.tree().get(path) else {
        return Ok(Exit::Failed);
    };
    if ui.is_json() {
        ui.document(&ZnodeAt {
            point: reading.fields(),
            znode: znode::json(reading.tree(), &node, true),
        })?;
        return Ok(reading.forget());
    }
    match node.data {
        None => ui.note("the data is null"),
        Some(data) if io::stdout().is_terminal() && !args.raw => {
            let shown = for_terminal(data);
            ui.print(shown.as_bytes())?;
            if shown.as_bytes() != data {
                let line_end = if shown.ends_with('\n') { "" } else { "\n" };
                ui.print(line_end.as_bytes())?;
                ui.note("some of it is not plain text and is shown escaped; --raw or a pipe gives the bytes");
            }
        }
        Some(data) => ui.print(data)?,
    }
    Ok(reading.forget())
}

/// Data as a terminal may see it: lines and tabs stay, whatever else is no text is escaped.
fn for_terminal(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) => {
            let pieces = text.split_inclusive(['\n', '\t']);
            pieces
                .map(|piece| match piece.strip_suffix(['\n', '\t']) {
                    Some(line) => text::escape(line) + piece.get(line.len()..).unwrap_or_default(),
                    None => text::escape(piece),
                })
                .collect()
        }
        Err(_) => data.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_sees_lines_and_no_control_characters() {
        assert_eq!(for_terminal(b"a\tb\nc"), "a\tb\nc");
        assert_eq!(for_terminal(b"\x1b[2J\r\n"), "\\u{1b}[2J\\u{d}\n");
        assert_eq!(for_terminal("\u{202e}é".as_bytes()), "\\u{202e}é");
        assert_eq!(for_terminal(b"\xff\x00"), "\\xff\\x00");
        assert_eq!(for_terminal(b""), "");
    }
}
