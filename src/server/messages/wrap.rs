//! Lines that a terminal, a mail or a form broke in two: at a column, inside of words and numbers
//! too, or between words. What belongs together is told by its length, and by what the next line
//! begins with.

use super::line;

/// A text is not broken at a smaller width than this.
const WIDTH_MIN: usize = 20;
/// As many lines as this are not of one width by chance.
const CHANCE: usize = 2;
/// The widths of terminals and mails.
const USUAL: [usize; 9] = [64, 70, 72, 76, 78, 80, 100, 120, 132];
/// Terminals show a tab as this many columns at most.
const TAB: usize = 8;

/// How the lines of a text were broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrap {
    /// They were not.
    None,
    /// At a column.
    Column(Width),
    /// Before the first word that would not fit.
    Words(Width),
    /// Anywhere between words.
    Everywhere,
}

/// How wide the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width {
    columns: usize,
    /// Whether a tab is more than one column.
    has_tabs: bool,
    /// Whether several lines are so wide that could have been longer.
    is_sure: bool,
}

impl Width {
    fn of(self, line: &str) -> usize {
        width(line, self.has_tabs)
    }

    /// Whether the first word of `next` would not have fitted into `line`.
    fn overflows(self, line: &str, next: &str) -> bool {
        let next = line::without_quotation(next);
        let word = next.split_whitespace().next().unwrap_or_default();
        // Only where its class is from goes on with a frame.
        if is_whole_frame(line) && !word.starts_with(['~', '[']) {
            return false;
        }
        self.of(line.trim_end()) + 1 + self.of(word) > self.columns
    }
}

fn is_whole_frame(line: &str) -> bool {
    const SOURCES: [&str; 3] = [".java:", "Native Method", "Unknown Source"];
    line.ends_with(')') && SOURCES.iter().any(|source| line.contains(source))
}

impl Wrap {
    /// What to put between `line` and `next`, as they were pasted, to have one line of them; none
    /// if they are two.
    fn glue(self, line: &str, next: &str) -> Option<&'static str> {
        match self {
            Wrap::None => None,
            Wrap::Everywhere => Some(" "),
            Wrap::Column(width) if width.of(line) == width.columns => Some(""),
            Wrap::Column(width) | Wrap::Words(width) => width.overflows(line, next).then_some(" "),
        }
    }

    /// Whether `line` shows that lines are longer than this.
    fn is_refuted_by(self, line: &str) -> bool {
        matches!(self, Wrap::Column(width) if width.of(line) > width.columns)
    }
}

/// The ways in which the lines of `text` may have been broken at a width, the likeliest first; none
/// if nothing speaks for it. `is_message` says whether a line begins with a message that is known.
pub(super) fn candidates(text: &str, is_message: fn(&str) -> bool) -> Vec<Wrap> {
    let lines: Vec<String> = text.lines().map(line::plain).collect();
    let pairs = lines.iter().zip(lines.iter().skip(1));
    let mut broken: Vec<(&str, &str)> = pairs
        .map(|(line, next)| (line.as_str(), next.as_str()))
        .filter(|(line, next)| !line.trim().is_empty() && goes_on(line, next, is_message))
        .collect();
    // What is printed again and again speaks once.
    broken.sort_unstable();
    broken.dedup();
    let widths = [false, true].into_iter();
    let mut found: Vec<(usize, Wrap)> = widths
        .flat_map(|has_tabs| at_a_width(&lines, &broken, has_tabs))
        .collect();
    // Few lines can be at a column by chance; among many, those that are not were cut otherwise.
    let most = found.iter().map(|(count, _)| *count).max();
    found.retain(|(count, wrap)| {
        let is_possible = *count > 0 && matches!(wrap, Wrap::Words(_)) && most <= Some(CHANCE);
        most < Some(CHANCE) || Some(*count) == most || is_possible
    });
    found.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    found.into_iter().map(|(_, wrap)| wrap).collect()
}

/// The ways in which `broken` lines may have been, and how many of them speak for each.
fn at_a_width(lines: &[String], broken: &[(&str, &str)], has_tabs: bool) -> Vec<(usize, Wrap)> {
    let widest = |columns: Option<usize>| Width {
        columns: columns.unwrap_or_default(),
        has_tabs,
        is_sure: false,
    };
    let widths = |line: &String| width(line, has_tabs);
    let column = widest(lines.iter().map(widths).max());
    // A word alone can be longer than the width.
    let has_words = |line: &&String| {
        let line = line::without_quotation(line);
        line.split_whitespace().nth(1).is_some()
    };
    let words = widest(lines.iter().filter(has_words).map(widths).max());
    let (full, others): (Vec<_>, Vec<_>) = broken
        .iter()
        .partition(|(line, _)| column.of(line) == column.columns);
    let overflows = |(line, next): &&(&str, &str)| words.overflows(line, next);
    let short = others.into_iter().filter(overflows).count();
    // One line alone was rather broken where a usual width is, and a number rather than before one.
    let of_words = |(line, next): &(&str, &str)| {
        let [bare, next] = [line, next].map(|line| line::without_quotation(line));
        let is_digit = |c: char| c.is_ascii_digit();
        let word = next.split(' ').next().unwrap_or_default();
        let fits = width(line, has_tabs)..=width(line, has_tabs) + width(word, has_tabs);
        let is_usual = [*line, bare].map(|line| USUAL.contains(&width(line, has_tabs)));
        let is_number = line.ends_with(is_digit) && next.starts_with(is_digit);
        !is_usual.contains(&true) && !is_number && USUAL.iter().any(|usual| fits.contains(usual))
    };
    let is_of_words = full.len() < CHANCE && full.iter().any(|pair| of_words(pair));
    let column = Width {
        is_sure: full.len() >= CHANCE,
        ..column
    };
    let mut ways = [
        (full.len(), column, Wrap::Column(column)),
        (short + usize::from(is_of_words), words, Wrap::Words(words)),
    ];
    if is_of_words {
        ways.reverse();
    }
    ways.into_iter()
        .filter(|(_, width, _)| width.columns >= WIDTH_MIN && full.len() + short > 0)
        .map(|(count, _, wrap)| (count, wrap))
        .collect()
}

/// Whether `next` can be the rest of `line`.
fn goes_on(line: &str, next: &str, is_message: fn(&str) -> bool) -> bool {
    if begin_alike(line, next) {
        return false;
    }
    let [line, next] = [line, next].map(line::without_quotation);
    // The end of JSON over several lines stands below what is indented.
    if next == "}" {
        return !line.starts_with([' ', '\t']);
    }
    // Where something is before a line, it is before the next one too.
    let may_begin = !line.ends_with(' ') && !line::is_marked(line);
    let begins = line::is_beginning(next) || (may_begin && is_message(next));
    !next.trim().is_empty() && !begins
}

/// Whether the same name of a file or a server, or numbers, are before both lines.
fn begin_alike(line: &str, next: &str) -> bool {
    let of_one_kind = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let chars = |line| {
        let mut chars: Vec<char> = str::chars(line).map(of_one_kind).collect();
        chars.dedup_by(|a, b| *a == '0' && *b == '0');
        chars
    };
    let pairs = chars(line).into_iter().zip(chars(next));
    let alike: Vec<char> = pairs.take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    let end = alike.iter().rposition(|c| " :-]".contains(*c));
    let of_name = alike.iter().take(end.unwrap_or_default() + 1);
    end > Some(0) && of_name.into_iter().any(|c| ":-/[".contains(*c))
}

fn width(line: &str, has_tabs: bool) -> usize {
    let step = |column: usize, c: char| match c {
        '\t' if has_tabs => column / TAB * TAB + TAB,
        _ => column + 1,
    };
    line.chars().fold(0, step)
}

/// Puts the parts of lines together again.
#[derive(Debug)]
pub(super) struct Joiner {
    wrap: Wrap,
    is_message: fn(&str) -> bool,
    line: Option<Joined>,
}

/// A line to which more may belong.
#[derive(Debug)]
pub(super) struct Joined {
    /// Without quotation marks, colours and the line's end.
    pub text: String,
    /// The number of its first part.
    pub number: u64,
    /// Its last part, as it was pasted.
    last: String,
}

impl Joiner {
    pub fn new(wrap: Wrap, is_message: fn(&str) -> bool) -> Joiner {
        Joiner {
            wrap,
            is_message,
            line: None,
        }
    }

    /// Takes the next line. Gives the one before it, if that is whole.
    pub fn push(&mut self, pasted: &str, number: u64) -> Option<Joined> {
        let last = line::plain(pasted);
        if self.wrap.is_refuted_by(&last) {
            self.wrap = Wrap::None;
        }
        let text = line::without_quotation(&last);
        let glue = self.line.as_ref().and_then(|line| self.glue(line, &last));
        if let Some((line, glue)) = self.line.as_mut().zip(glue) {
            line.text.push_str(glue);
            line.text.push_str(text);
            line.last = last;
            return None;
        }
        self.line.replace(Joined {
            text: text.to_owned(),
            number,
            last,
        })
    }

    /// The last line.
    pub fn finish(self) -> Option<Joined> {
        self.line
    }

    fn glue(&self, line: &Joined, next: &str) -> Option<&'static str> {
        let has_room = line.text.len() < line::LINE_MAX && !line.text.trim().is_empty();
        let glue = self.wrap.glue(&line.last, next).filter(|_| has_room)?;
        // At a column, what is known can begin behind the break.
        let is_message = match self.wrap {
            Wrap::Column(width) if glue.is_empty() && width.is_sure => |_: &str| false,
            _ => self.is_message,
        };
        goes_on(&line.last, next, is_message).then_some(glue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: fn(&str) -> bool = |_| false;

    fn joined(text: &str, wrap: Wrap) -> Vec<String> {
        let mut joiner = Joiner::new(wrap, NEVER);
        let mut out: Vec<String> = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            out.extend(joiner.push(line, number).map(|line| line.text));
        }
        out.extend(joiner.finish().map(|line| line.text));
        out
    }

    /// As the likeliest way has it.
    fn rejoined(text: &str) -> Vec<String> {
        joined(text, candidates(text, NEVER)[0])
    }

    #[test]
    fn a_line_that_was_broken_at_a_column_is_one_again() {
        let line = "java.io.IOException: The current epoch, 3, is older than 17179869185";
        for at in [20, 33, 66] {
            let chars: Vec<char> = line.chars().collect();
            let parts: Vec<String> = chars.chunks(at).map(|part| part.iter().collect()).collect();
            assert_eq!(rejoined(&parts.join("\n")), [line], "{at}");
            let quoted: Vec<String> = parts.iter().map(|part| format!("> {part}")).collect();
            assert_eq!(rejoined(&quoted.join("\r\n")), [line], "{at}");
        }
    }

    #[test]
    fn a_tab_is_as_wide_as_a_terminal_shows_it() {
        let text = "\tat org.apache.zookeeper.server.quor\num.QuorumPeer.run(QuorumPeer.java:1)\n\tat org.apache.X.x(X.java:1)";
        let whole = "\tat org.apache.zookeeper.server.quorum.QuorumPeer.run(QuorumPeer.java:1)";
        let tabs = Wrap::Column(Width {
            columns: 43,
            has_tabs: true,
            is_sure: false,
        });
        assert!(candidates(text, NEVER).contains(&tabs));
        assert_eq!(joined(text, tabs)[0], whole);
    }

    #[test]
    fn a_line_that_was_broken_between_words_is_one_again() {
        let text = "one two three four five six\nseven eight nine ten eleven\ntwelve thirteen fourteen\nfifteen\n2026-11-20 14:00:00 next";
        let whole = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen";
        let words = candidates(text, NEVER)
            .into_iter()
            .find(|wrap| matches!(wrap, Wrap::Words(_)));
        assert_eq!(
            joined(text, words.unwrap()),
            [whole, "2026-11-20 14:00:00 next"]
        );
    }

    #[test]
    fn lines_that_begin_as_lines_do_are_not_joined() {
        let text = "2026-11-20 14:00:00 a\n\tat a.b.c(D.java:1)\njava.io.IOException: x\n";
        assert_eq!(candidates(text, NEVER), []);
        assert_eq!(candidates("", NEVER), []);
    }

    #[test]
    fn lines_with_the_same_name_before_them_are_not_joined() {
        for text in [
            "9:a\n10:b",
            "zk.log-9-a b\nzk.log-10-c",
            "zk-0 zookeeper a\nzk-0 zookeeper b",
            "[zk-0] a\n[zk-1] b",
        ] {
            assert_eq!(joined(text, Wrap::Everywhere).len(), 2, "{text}");
        }
        for text in ["a b c\na b d", "12 a\n12 b", "abc\nabc"] {
            assert_eq!(joined(text, Wrap::Everywhere).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_longer_line_shows_that_lines_were_not_broken() {
        let width = Width {
            columns: 20,
            has_tabs: false,
            is_sure: false,
        };
        let text = "01234567890123456789\nx\n01234567890123456789 longer\n01234567890123456789\ny";
        assert_eq!(joined(text, Wrap::Column(width)).len(), 4);
    }
}
