//! A table of the page.

use super::markup::{Attribute, Markup};

/// Columns of numbers, which end where their numbers do.
const NUMBERS: [&str; 6] = ["#", "Txns", "Digests", "Size", "Largest record", "Znodes"];

/// A section with a table that scrolls within itself.
pub(super) fn table(
    out: &mut Markup,
    (id, title): (&'static str, &'static str),
    caption: &str,
    columns: &[&'static str],
    rows: impl FnOnce(&mut Markup),
) {
    out.tag("section", &[("aria-labelledby", &id)], |out| {
        out.leaf("h2", &[("id", &id)], title);
        let group: [Attribute<'_>; 4] = [
            ("class", &"scroll"),
            ("tabindex", &"0"),
            ("role", &"group"),
            ("aria-label", &title),
        ];
        out.tag("div", &group, |out| {
            let class = format!("of-{id}");
            out.tag("table", &[("class", &class)], |out| {
                out.leaf("caption", &[], caption);
                out.tag("thead", &[], |out| {
                    out.tag("tr", &[], |out| {
                        for column in columns {
                            let class = if NUMBERS.contains(column) {
                                "number"
                            } else {
                                "short"
                            };
                            out.leaf("th", &[("scope", &"col"), ("class", &class)], column);
                        }
                    });
                });
                out.tag("tbody", &[], rows);
            });
        });
    });
}

/// A cell of one line: a zxid, a time, a name.
pub(super) fn short(out: &mut Markup, text: impl std::fmt::Display) {
    out.leaf("td", &[("class", &"short")], text);
}
