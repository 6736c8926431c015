//! The lines of a server's log, without what was put before them on the way.
//!
//! A log is pasted with what journald, syslog, a container runtime, Kubernetes, grep or a mail
//! put before each line, one around the other, and as JSON. [`Lines`] takes all of that off, line
//! by line, until nothing is left that it knows; a time that belongs to the message itself stays.

mod json;
mod peel;
mod shape;
mod stamp;

use peel::Peel;
pub(super) use peel::without_quotation;
pub(super) use shape::Shape;

/// How many wrappings, one around the other, are taken off.
const DEPTH_MAX: usize = 12;
/// How many lines can wait for their other parts at a time.
const PARTS_MAX: usize = 16;
/// How much of a line, or of JSON over several lines, is looked at as one.
pub(super) const LINE_MAX: usize = 1 << 20;

/// One line of a server's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// With one blank between words.
    pub text: String,
    /// The number of the line in what was pasted, from 1.
    pub number: u64,
    /// What kind of line of a stack trace it is; none if it begins a message.
    pub shape: Option<Shape>,
    /// The server that printed it, where several are shown at once; else empty.
    pub server: String,
    /// Whether a logger put a time or a level before it.
    pub is_logged: bool,
}

/// Takes what was pasted line by line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Lines of which not all parts are there yet, by stream.
    parts: Vec<(String, Pasted)>,
    /// JSON that goes on over several lines.
    object: Option<Pasted>,
    /// journald's export form has the length of a value before it.
    is_binary: bool,
}

/// What is left of a line, on the way.
#[derive(Clone, Debug, Default)]
struct Pasted {
    text: String,
    number: u64,
    server: String,
}

impl Lines {
    /// Takes the next line. Gives all lines of the server's log that it ends.
    pub fn push(&mut self, text: &str, number: u64) -> Vec<Line> {
        let mut out = Vec::new();
        let pasted = Pasted {
            text: text.to_owned(),
            number,
            server: String::new(),
        };
        self.take(pasted, &mut out);
        out
    }

    /// Takes what waits for more.
    pub fn finish(mut self) -> Vec<Line> {
        let mut out = Vec::new();
        if let Some(object) = self.object.take() {
            one_by_one(&object, &mut out);
        }
        for (_, part) in std::mem::take(&mut self.parts) {
            self.unwrap(part, DEPTH_MAX, &mut out);
        }
        out
    }

    fn take(&mut self, mut pasted: Pasted, out: &mut Vec<Line>) {
        if std::mem::take(&mut self.is_binary) {
            pasted.text = pasted.text.chars().skip(size_of::<u64>()).collect();
        } else if pasted.text == "MESSAGE" {
            self.is_binary = true;
            return;
        }
        self.unwrap(pasted, DEPTH_MAX, out);
    }

    /// Takes a line from which all was taken off: it can be one of JSON over several lines.
    fn take_bare(&mut self, pasted: Pasted, depth: usize, out: &mut Vec<Line>) {
        match self.object.take() {
            Some(object) if json::is_part(&pasted.text) => {
                self.go_on(object, pasted, depth, out);
            }
            Some(object) => {
                one_by_one(&object, out);
                out.extend(line(&pasted));
            }
            None if pasted.text.trim() == "{" && depth > 0 => self.object = Some(pasted),
            None => out.extend(line(&pasted)),
        }
    }

    /// JSON ends with a brace that stands where its first one does.
    fn go_on(&mut self, mut object: Pasted, next: Pasted, depth: usize, out: &mut Vec<Line>) {
        let end = next.text.trim_end_matches([',', ' ']);
        let indent = object.text.find('{').unwrap_or_default();
        let is_end = end.find('}') == Some(indent) && end.len() == indent + 1;
        object.text.push('\n');
        object.text.push_str(if is_end { end } else { &next.text });
        if !is_end && object.text.len() < LINE_MAX {
            self.object = Some(object);
            return;
        }
        match json::record(object.text.trim()) {
            Some(record) => {
                object.text = record.text;
                self.of_record(object, depth.saturating_sub(1), out);
            }
            None => one_by_one(&object, out),
        }
    }

    /// A message and its stack trace.
    fn of_record(&mut self, record: Pasted, depth: usize, out: &mut Vec<Line>) {
        let first = out.len();
        for text in record.text.lines() {
            let pasted = Pasted {
                text: plain(text),
                ..record.clone()
            };
            self.unwrap(pasted, depth, out);
        }
        if let Some(line) = out.get_mut(first) {
            line.is_logged |= line.shape.is_none();
        }
    }

    fn unwrap(&mut self, mut pasted: Pasted, depth: usize, out: &mut Vec<Line>) {
        let mut left = depth;
        while left > 0 {
            left -= 1;
            if let Some(record) = json::record(pasted.text.trim()) {
                pasted.text = record.text;
                let stream = format!("{}/json", pasted.server);
                if let Some(whole) = self.part(pasted, &stream, record.is_whole) {
                    self.of_record(whole, left, out);
                }
                return;
            }
            pasted.text = match peel::peel(&pasted.text) {
                None => break,
                Some(Peel::Aside) => return,
                Some(Peel::Prefix(rest)) => rest.to_owned(),
                Some(Peel::Server(server, rest)) => {
                    pasted.server = server.to_owned();
                    rest.to_owned()
                }
                Some(Peel::Container(stream, is_whole, rest)) => {
                    let stream = format!("{}/{stream}", pasted.server);
                    pasted.text = rest.to_owned();
                    match self.part(pasted, &stream, is_whole) {
                        Some(whole) => pasted = whole,
                        None => return,
                    }
                    continue;
                }
            };
        }
        self.take_bare(pasted, left, out);
    }

    /// Puts the parts of a line together; none as long as one is missing.
    fn part(&mut self, pasted: Pasted, stream: &str, is_whole: bool) -> Option<Pasted> {
        let waiting = self.parts.iter().position(|(of, _)| of == stream);
        let joined = match waiting.map(|at| self.parts.swap_remove(at)) {
            Some((_, mut before)) => {
                before.text.push_str(&pasted.text);
                before
            }
            None => pasted,
        };
        let must_wait = !is_whole && self.parts.len() < PARTS_MAX && joined.text.len() < LINE_MAX;
        if !must_wait {
            return Some(joined);
        }
        self.parts.push((stream.to_owned(), joined));
        None
    }
}

/// What turned out to be no JSON.
fn one_by_one(object: &Pasted, out: &mut Vec<Line>) {
    for (text, number) in object.text.lines().zip(object.number..) {
        let pasted = Pasted {
            text: text.to_owned(),
            number,
            server: object.server.clone(),
        };
        out.extend(line(&pasted));
    }
}

fn line(pasted: &Pasted) -> Option<Line> {
    let words: Vec<&str> = pasted.text.split_whitespace().collect();
    let text = words.join(" ");
    (!text.is_empty()).then(|| Line {
        shape: shape::shape(&text),
        is_logged: stamp::is_logged(&text),
        text,
        number: pasted.number,
        server: pasted.server.clone(),
    })
}

/// `line` without colours and line end, and with tabs where syslog wrote their number.
pub(super) fn plain(line: &str) -> String {
    let line = line
        .trim_end_matches(['\n', '\r'])
        .trim_start_matches('\u{feff}');
    let line = line.replace("#033[", "\u{1b}[").replace("#011", "\t");
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.as_str();
    while let Some((before, behind)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = behind.find(|c: char| c.is_ascii_alphabetic());
        rest = end
            .and_then(|end| behind.get(end + 1..))
            .unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// Whether `text` looks like the beginning of a line, whatever stands behind it.
pub(super) fn is_beginning(text: &str) -> bool {
    peel::is_content(text) || is_marked(text)
}

/// Whether a logger or a collector put something before `text`.
pub(super) fn is_marked(text: &str) -> bool {
    stamp::is_logged(text.trim_start()) || peel::peel(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        let mut lines = Lines::default();
        let mut out: Vec<Line> = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            out.extend(lines.push(&plain(line), number));
        }
        out.extend(lines.finish());
        out
    }

    fn texts(text: &str) -> Vec<String> {
        lines(text).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn parts_of_a_line_are_joined_by_stream() {
        let text = "\
2026-11-20T14:00:00.1Z stderr P java.io.IOExcep
2026-11-20T14:00:00.1Z stdout F other
2026-11-20T14:00:00.1Z stderr F tion: x
2026-11-20T14:00:00.1Z stderr P last";
        let found: Vec<_> = lines(text)
            .into_iter()
            .map(|line| (line.text, line.number))
            .collect();
        let expected = [("other", 2), ("java.io.IOException: x", 1), ("last", 4)];
        assert_eq!(
            found,
            expected.map(|(text, number)| (text.to_owned(), number))
        );
    }

    #[test]
    fn wrappings_around_each_other_are_taken_off() {
        let inner = r#"{"@timestamp":"t","level":"ERROR","logger_name":"o.Q","message":"Unable","stack_trace":"a.b.CException: x\n\tat a.b.C.d(C.java:1)\n"}"#;
        let record = serde_json::json!({ "log": format!("{inner}\n"), "stream": "stderr" });
        let text = format!("[pod/zk-0/zookeeper] 2026-11-20T14:00:00.1Z {record}");
        let found = lines(&text);
        let shapes: Vec<_> = found.iter().map(|line| line.shape).collect();
        assert_eq!(
            shapes,
            [None, Some(Shape::Exception), Some(Shape::Frame)],
            "{found:?}"
        );
        assert_eq!(found[0].text, "ERROR o.Q - Unable");
        assert_eq!(found[0].server, "zk-0/zookeeper");
    }

    #[test]
    fn json_over_several_lines_is_one_record_and_what_is_none_stays_text() {
        assert_eq!(
            texts("{\n\t\"MESSAGE\" : \"x }\",\n\t\"A\" : {\n\t}\n}\n{\nfoo\n}"),
            ["x }", "{", "foo", "}"]
        );
        assert_eq!(texts("{\nfoo"), ["{", "foo"]);
        assert_eq!(texts("{\n\"a\": 1,\n"), ["{", "\"a\": 1,"]);
    }

    #[test]
    fn a_value_of_journalds_export_form_can_have_its_length_before_it() {
        assert_eq!(
            texts("_PID=1\nMESSAGE\n\u{5}\0\0\0\0\0\0\0x y z\n\n"),
            ["x y z"]
        );
    }

    #[test]
    fn quotations_and_colours_go_and_the_blanks_of_the_line_stay() {
        assert_eq!(without_quotation("> > \tat x"), "\tat x");
        assert_eq!(without_quotation(">>  x"), " x");
        assert_eq!(without_quotation(" x"), " x");
        assert_eq!(plain("\u{1b}[31ma\u{1b}[0m#011b\r\n"), "a\tb");
    }
}
