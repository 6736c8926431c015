//! HTML and SVG as text, in which only literals are markup: whatever else gets in is escaped.

use crate::cli::views::text;
use std::fmt::{Display, Write};

/// A name and a value.
pub type Attribute<'a> = (&'static str, &'a dyn Display);

/// A document that grows at its end.
#[derive(Debug, Default)]
pub struct Markup(String);

impl Markup {
    /// Adds markup that stands in the program itself: a file's name cannot get here.
    pub fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Adds text, escaped.
    pub fn text(&mut self, text: impl Display) {
        push_escaped(&mut self.0, &text.to_string());
    }

    /// Adds an element with what `inner` puts into it.
    pub fn tag(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
        inner: impl FnOnce(&mut Markup),
    ) {
        self.begin(name, attributes);
        self.0.push('>');
        inner(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push_str(">\n");
    }

    /// Adds an element that holds text alone.
    pub fn leaf(&mut self, name: &'static str, attributes: &[Attribute<'_>], text: impl Display) {
        self.begin(name, attributes);
        self.0.push('>');
        self.text(text);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// Adds an element that holds nothing.
    pub fn empty(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.begin(name, attributes);
        self.0.push_str("/>");
    }

    /// Adds what was written apart.
    pub fn append(&mut self, other: Markup) {
        self.0.push_str(&other.0);
    }

    fn begin(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            // Writing to a String cannot fail.
            let _ = write!(self.0, " {name}=\"");
            push_escaped(&mut self.0, &value.to_string());
            self.0.push('"');
        }
    }

    /// The document.
    pub fn finish(self) -> String {
        self.0
    }
}

/// Adds `text` with what HTML takes for its own as entities, and with control and direction
/// characters made visible.
fn push_escaped(out: &mut String, text: &str) {
    for c in text::escape(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_literal_cannot_become_markup() {
        let mut markup = Markup::default();
        let hostile = "\"><script>alert('&')</script>\u{202e}\x1b";
        markup.tag("p", &[("title", &hostile)], |markup| markup.text(hostile));
        let escaped =
            "&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\\u{202e}\\u{1b}";
        assert_eq!(
            markup.finish(),
            format!("<p title=\"{escaped}\">{escaped}</p>\n")
        );
    }
}
