//! Labelled paragraphs for a terminal.

use crate::cli::ui::TextStyle;
use crate::cli::views::text;
use std::io::{self, Write};

/// Text for people is broken at this width, as far as words allow.
const WIDTH: usize = 110;

/// Writes `words` behind `label`, broken into lines that begin below its end.
pub fn field(out: &mut dyn Write, look: &TextStyle, label: &str, words: &str) -> io::Result<()> {
    let words = text::escape(words);
    let mut line = String::new();
    let mut label = look.paint("1", &format!("{label:<9}"));
    for word in words.split(' ') {
        if !line.is_empty() && line.chars().count() + word.chars().count() > WIDTH - 13 {
            writeln!(out, "   {label} {line}")?;
            label = " ".repeat(9);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "   {label} {line}")
}
