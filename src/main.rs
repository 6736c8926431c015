//! The program: arguments in, a call of the library, a report out. See `zoovault help`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
