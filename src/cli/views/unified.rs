//! How text changed, line by line, as `diff -u` has it.

use crate::cli::ui::TextStyle;
use crate::cli::views::text;
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// How long two texts are compared before a coarser answer is taken.
const PATIENCE: Duration = Duration::from_secs(1);

/// The lines that make `new` of `old`, with three around them. `names` were escaped by whoever made
/// them; the lines are escaped here.
pub fn diff(old: &str, new: &str, names: &[String; 2], look: &TextStyle) -> String {
    let mut lines = String::new();
    let mut push = |color: &str, line: String| {
        lines.push_str(&look.paint(color, &line));
        lines.push('\n');
    };
    let [from, to] = names;
    push("1", format!("--- {from}"));
    push("1", format!("+++ {to}"));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        push("36", hunk.header().to_string());
        for change in hunk.iter_changes() {
            let (sign, color) = match change.tag() {
                ChangeTag::Delete => ("-", "31"),
                ChangeTag::Insert => ("+", "32"),
                ChangeTag::Equal => (" ", "0"),
            };
            let line = change.value().strip_suffix('\n');
            let shown = text::escape(line.unwrap_or(change.value()));
            push(color, format!("{sign}{shown}"));
            if line.is_none() {
                push("0", "\\ No newline at end of file".to_owned());
            }
        }
    }
    lines
}
