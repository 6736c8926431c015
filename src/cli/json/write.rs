//! How JSON is laid out. Lines have their fields in the order of their types; documents have them
//! sorted by name.
//!
//! All of it is read in terminals too: what one might obey in a string is escaped, which JSON does
//! not ask for.

use crate::cli::views::text;
use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::value::RawValue;
use serde_json::{Serializer, Value};
use std::io::{self, Write};

/// How long a line is seldom more than.
const LINE_LEN: usize = 1 << 10;

/// Writes a line.
pub fn line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    let mut text = Vec::with_capacity(LINE_LEN);
    put_line(&mut text, line)?;
    out.write_all(&text)
}

/// Puts a line at the end of `out`.
pub fn put_line(out: &mut Vec<u8>, line: &impl Serialize) -> serde_json::Result<()> {
    put(out, line)?;
    out.push(b'\n');
    Ok(())
}

fn put(out: &mut Vec<u8>, value: &impl Serialize) -> serde_json::Result<()> {
    let start = out.len();
    serde_json::to_writer(&mut *out, value)?;
    if !text::is_plain(out.get(start..).unwrap_or_default()) {
        let made = out.split_off(start);
        put_escaped(out, &String::from_utf8_lossy(&made)).map_err(serde_json::Error::io)?;
    }
    Ok(())
}

/// What [`line()`] writes, as a text that is made once and written often.
pub fn raw(value: &impl Serialize) -> serde_json::Result<Box<RawValue>> {
    let mut text = Vec::new();
    put(&mut text, value)?;
    serde_json::from_slice(&text)
}

/// A document as a value.
pub type Result = serde_json::Result<Value>;

/// A document as a value, whose fields are sorted by name.
pub fn value(document: &impl Serialize) -> Result {
    serde_json::to_value(document)
}

/// Writes a document.
pub fn document(out: &mut (impl Write + ?Sized), document: &impl Serialize) -> io::Result<()> {
    put_escaped(out, &serde_json::to_string_pretty(&value(document)?)?)?;
    out.write_all(b"\n")
}

/// Writes a document that has a long list, an item a line.
pub fn list(out: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    let layout = ItemsInLines::default();
    document.serialize(&mut Serializer::with_formatter(&mut *out, layout))?;
    out.write_all(b"\n")
}

/// A list that is made while it is written.
#[derive(Debug)]
pub struct Each<F>(pub F);

impl<F, I> Serialize for Each<F>
where
    F: Fn() -> I,
    I: IntoIterator<Item: Serialize>,
{
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// Writes JSON with what a terminal might obey escaped: it is within strings, but for the ends of
/// lines.
fn put_escaped<W: Write + ?Sized>(out: &mut W, json: &str) -> io::Result<()> {
    if text::is_plain(json.as_bytes()) {
        return out.write_all(json.as_bytes());
    }
    for c in json.chars() {
        match c {
            '\n' => out.write_all(b"\n")?,
            c if text::is_hostile(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            c => write!(out, "{c}")?,
        }
    }
    Ok(())
}

/// Begins a line for each object of a document's lists.
#[derive(Default)]
struct ItemsInLines {
    depth: usize,
    has_items: bool,
}

/// The depth of an object in a list of the document.
const ITEM_DEPTH: usize = 3;

impl Formatter for ItemsInLines {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        put_escaped(out, fragment)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        out.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.depth + 2 == ITEM_DEPTH && std::mem::take(&mut self.has_items) {
            out.write_all(b"\n")?;
        }
        out.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.depth == ITEM_DEPTH {
            self.has_items = true;
            out.write_all(b"\n")?;
        }
        out.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        out.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_a_terminal_might_obey_is_escaped() {
        let wanted = r#""a\u001b[31m\u202e\u0085\n€""#;
        let hostile = "a\u{1b}[31m\u{202e}\u{85}\n€";
        let (mut in_line, mut in_document, mut in_list) = (Vec::new(), Vec::new(), Vec::new());
        line(&mut in_line, &hostile).unwrap();
        document(&mut in_document, &hostile).unwrap();
        list(&mut in_list, &hostile).unwrap();
        for out in [in_line, in_document, in_list] {
            assert_eq!(String::from_utf8(out).unwrap(), format!("{wanted}\n"));
        }
        assert_eq!(raw(&"a\u{1b}").unwrap().get(), r#""a\u001b""#);
    }

    #[test]
    fn each_object_of_a_list_begins_a_line() {
        let item = BTreeMap::from([("b", vec![BTreeMap::from([("c", 1)])])]);
        let document = BTreeMap::from([("a", vec![item.clone(), item])]);
        let mut out = Vec::new();
        list(&mut out, &document).unwrap();
        let expected = "{\"a\":[\n{\"b\":[{\"c\":1}]},\n{\"b\":[{\"c\":1}]}\n]}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
