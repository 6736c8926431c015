//! How JSON is laid out. Lines have their fields in the order of their types; documents have them
//! sorted by name.

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Serializer, Value};
use std::io::{self, Write};

/// Writes a line.
pub fn line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// A document as a value.
pub type Result = serde_json::Result<Value>;

/// A document as a value, whose fields are sorted by name.
pub fn value(document: &impl Serialize) -> Result {
    serde_json::to_value(document)
}

/// Writes a document.
pub fn document(out: &mut (impl Write + ?Sized), document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &value(document)?)?;
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

/// Begins a line for each object of a document's lists.
#[derive(Default)]
struct ItemsInLines {
    depth: usize,
    has_items: bool,
}

/// The depth of an object in a list of the document.
const ITEM_DEPTH: usize = 3;

impl Formatter for ItemsInLines {
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
    fn each_object_of_a_list_begins_a_line() {
        let item = BTreeMap::from([("b", vec![BTreeMap::from([("c", 1)])])]);
        let document = BTreeMap::from([("a", vec![item.clone(), item])]);
        let mut out = Vec::new();
        list(&mut out, &document).unwrap();
        let expected = "{\"a\":[\n{\"b\":[{\"c\":1}]},\n{\"b\":[{\"c\":1}]}\n]}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
