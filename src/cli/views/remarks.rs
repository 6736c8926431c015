//! What `log` and `top` say of the logs themselves.

use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::cli::views::text;
use zoovault::history::query::Remark;

/// How many forks are told one by one.
const FORKS_MAX: u64 = 20;

/// Tells remarks, and what status they come to.
pub struct Remarks<'a> {
    ui: &'a Ui,
    exit: Exit,
    forks: u64,
}

impl<'a> Remarks<'a> {
    pub fn new(ui: &'a Ui) -> Remarks<'a> {
        Remarks {
            ui,
            exit: Exit::Done,
            forks: 0,
        }
    }

    /// Says a remark on stderr.
    pub fn tell(&mut self, remark: &Remark) {
        let (line, exit) = match remark {
            Remark::Damage { error, next } => {
                let next = next.map_or_else(String::new, |(offset, zxid)| {
                    format!("; reading continues at offset {offset} with {zxid}")
                });
                (format!("damage: {error}{next}"), Exit::Damaged)
            }
            Remark::Unwritten { error } => (format!("{error}"), Exit::Warnings),
            Remark::Gap(gap) => {
                let (first, last) = (gap.first_missing(), gap.last_missing());
                let (after, before) = (text::time(gap.after_time), text::time(gap.before_time));
                let range = match first == last {
                    true => first.to_string(),
                    false => format!("{first} to {last}"),
                };
                let missing = format!("missing: {range}, between {after} and {before}");
                (missing, Exit::Warnings)
            }
            Remark::Fork { zxid, logs: [a, b] } => {
                self.forks += 1;
                let line =
                    format!("{a} and {b} have different transactions {zxid}: both are shown");
                (line, Exit::Warnings)
            }
            Remark::StepBack { file, after, zxid } => (
                format!("{file}: zxid goes backwards: {zxid} follows {after}"),
                Exit::Warnings,
            ),
            Remark::Truncated { file, last } => {
                let left = last.map_or_else(|| "nothing".to_owned(), |last| last.to_string());
                let line = format!("{file} was truncated: what came after {left} was undone");
                (line, Exit::Done)
            }
        };
        if (self.exit as u8) < exit as u8 {
            self.exit = exit;
        }
        if !matches!(remark, Remark::Fork { .. }) || self.forks <= FORKS_MAX {
            self.ui.warn(&text::escape(&line));
        }
    }

    /// The status that all of them come to.
    pub fn finish(&self) -> Exit {
        if self.forks > FORKS_MAX {
            let more = text::plural(self.forks - FORKS_MAX, "more zxid");
            self.ui
                .warn(&format!("logs have different transactions for {more}"));
        }
        self.exit
    }
}
