//! What reaches the user: results on stdout, everything else on stderr.

use crate::cli::args::{Color, Global};
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::progress::Bars;
use crate::cli::views::hint;
use crate::cli::writer_thread::Out;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use zoovault::error::{Error, TxnPlace};

/// A report in its two views.
pub trait Render {
    /// For people, in lines.
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()>;
    /// For programs: one document. Fields are added, never renamed.
    fn json(&self) -> json::Result;
}

/// How text is to look.
#[derive(Clone, Copy, Debug)]
pub struct TextStyle {
    /// Whether colours may be used.
    pub colors: bool,
    /// Whether more is to be said.
    pub verbose: bool,
}

impl TextStyle {
    /// `text` in a colour (an SGR code), where colours may be used.
    pub fn paint(&self, code: &str, text: &str) -> String {
        if self.colors {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Output as the user wants it.
pub struct Ui {
    json: bool,
    quiet: bool,
    look: TextStyle,
    bars: Bars,
}

impl Ui {
    pub fn new(global: &Global) -> Ui {
        let wants_color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        Ui {
            json: global.json,
            quiet: global.quiet,
            look: TextStyle {
                colors: wants_color,
                verbose: global.verbose,
            },
            bars: Bars::new(!(global.json || global.quiet || global.no_progress)),
        }
    }

    /// Whether programs are to read the result.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// How text is to look.
    pub fn look(&self) -> TextStyle {
        self.look
    }

    /// Whom long work tells.
    pub fn progress(&self) -> &Bars {
        &self.bars
    }

    /// Shows a report; with `--quiet`, only as JSON or when it `matters`.
    pub fn show(&self, report: &dyn Render, matters: bool) -> anyhow::Result<()> {
        self.show_on(report, matters, &mut io::stdout().lock())
    }

    /// Shows a report on stderr, where stdout is taken by the result itself.
    pub fn show_aside(&self, report: &dyn Render, matters: bool) -> anyhow::Result<()> {
        self.show_on(report, matters, &mut io::stderr().lock())
    }

    fn show_on(
        &self,
        report: &dyn Render,
        matters: bool,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        self.bars.finish();
        let mut bytes = Vec::new();
        if self.json {
            json::document(&mut bytes, &report.json()?)?;
        } else if !self.quiet || matters {
            report.human(&mut bytes, &self.look)?;
        }
        out.write_all(&bytes)?;
        out.flush()?;
        Ok(())
    }

    /// Whether nothing is to be said beside the result.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether all is to be said.
    pub fn is_verbose(&self) -> bool {
        self.look.verbose
    }

    /// Writes a result of any length to stdout, while the next part is made.
    pub fn stream(&self, write: impl FnOnce(&mut Out) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.bars.finish();
        let mut out = Out::stdout();
        write(&mut out)?;
        out.flush()?;
        Ok(())
    }

    /// Writes one JSON document to stdout.
    pub fn document(&self, document: &impl Serialize) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        json::document(&mut bytes, document)?;
        self.print(&bytes)
    }

    /// Says on stderr what is good to know, if all is to be said.
    pub fn remark(&self, message: &str) {
        if self.look.verbose {
            self.note(message);
        }
    }

    /// Says on stderr what is good to know, unless nothing is to be said.
    pub fn note(&self, message: &str) {
        if !self.quiet {
            // A closed stderr leaves nobody to tell.
            let _ = writeln!(io::stderr().lock(), "zoovault: {message}");
        }
    }

    /// Writes bytes to stdout.
    pub fn print(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()?;
        Ok(())
    }

    /// Where a result of many lines goes.
    pub fn lines(&self) -> Lines<'_> {
        Lines {
            ui: self,
            buffer: Vec::new(),
            has_begun: false,
        }
    }

    /// Says on stderr that something is to be looked at.
    pub fn warn(&self, message: &str) {
        warn(message);
    }

    /// Says on stderr why it failed: one line, or one JSON document.
    pub fn error(&self, err: &anyhow::Error, exit: Exit) {
        self.bars.finish();
        let cause = err.chain().find_map(|cause| cause.downcast_ref::<Error>());
        let next = cause.and_then(|cause| hint::all(cause.hints()));
        // A closed stderr leaves nobody to tell.
        let _ = if self.json {
            fail_as_json(&format!("{err:#}"), exit, cause, next)
        } else {
            let message = crate::cli::views::text::escape(&format!("{err:#}"));
            let next = next.map(|next| format!("; {next}")).unwrap_or_default();
            writeln!(io::stderr().lock(), "zoovault: {message}{next}")
        };
    }

    /// Ends what is drawn.
    pub fn finish(&self) {
        self.bars.finish();
    }
}

/// Says on stderr why it failed, for programs.
fn fail_as_json(
    message: &str,
    exit: Exit,
    cause: Option<&Error>,
    next_step: Option<String>,
) -> io::Result<()> {
    let txn = cause.and_then(Error::txn);
    let failure = json::Failure {
        error: message.to_owned(),
        exit_status: exit as u8,
        file: cause
            .and_then(Error::path)
            .map(|path| path.display().to_string()),
        offset: cause.and_then(Error::offset),
        zxid: txn.and_then(TxnPlace::of).map(|zxid| zxid.to_string()),
        after_zxid: txn.and_then(TxnPlace::after).map(|zxid| zxid.to_string()),
        next_step,
    };
    let mut line = Vec::new();
    json::line(&mut line, &failure)?;
    io::stderr().lock().write_all(&line)
}

/// Says on stderr what is wrong with the arguments, for programs: there is no [`Ui`] then.
pub fn refuse_as_json(message: &str) {
    let next = Some("for more information, try '--help'".to_owned());
    // A closed stderr leaves nobody to tell.
    let _ = fail_as_json(message, Exit::BadArguments, None, next);
}

/// Says on stderr that something is to be looked at, where there is no [`Ui`]: when a signal has
/// come.
pub fn warn(message: &str) {
    // A closed stderr leaves nobody to tell.
    let _ = writeln!(io::stderr().lock(), "zoovault: warning: {message}");
}

/// How many bytes of lines are kept back before they are written.
const LINES_LEN: usize = 64 << 10;

/// A result that is written line by line, as it is found.
pub struct Lines<'a> {
    ui: &'a Ui,
    buffer: Vec<u8>,
    has_begun: bool,
}

impl Lines<'_> {
    /// Takes back what was not written yet; false when something was.
    pub fn begin_again(&mut self) -> bool {
        self.buffer.clear();
        !self.has_begun
    }

    /// Adds lines.
    pub fn push(&mut self, lines: &[u8]) -> anyhow::Result<()> {
        self.buffer.extend_from_slice(lines);
        if self.buffer.len() >= LINES_LEN {
            self.flush()?;
        }
        Ok(())
    }

    /// Adds one line of JSON.
    pub fn push_json(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        json::line(&mut self.buffer, line)?;
        self.push(&[])
    }

    /// Writes what was kept back.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.ui.bars.finish();
        self.has_begun = true;
        let bytes = std::mem::take(&mut self.buffer);
        self.ui.print(&bytes)
    }
}
