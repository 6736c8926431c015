//! Which entries a line can be of: found in one pass, by how their signs begin.

use super::entries;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// How much of the beginning of a sign is looked up.
const KEY_LEN: usize = 4;

/// The ids of entries by the beginning of one of their signs.
static IDS: LazyLock<HashMap<&'static [u8], Vec<&'static str>>> = LazyLock::new(|| {
    let mut ids: HashMap<&[u8], Vec<&str>> = HashMap::new();
    for entry in entries() {
        for sign in entry.signs {
            ids.entry(key(sign.text)).or_default().push(entry.id);
        }
    }
    ids
});

/// Empty for a sign that can be anywhere.
fn key(sign: &'static str) -> &'static [u8] {
    // Blanks around `=` do not matter.
    let words = sign.split(['{', '=']).next().unwrap_or_default().trim_end();
    words.as_bytes().get(..KEY_LEN).unwrap_or_default()
}

/// The ids of the entries that `lines` can be of.
pub(super) fn possible<'a>(lines: impl Iterator<Item = &'a str>) -> HashSet<&'static str> {
    let keys = lines.flat_map(|line| line.as_bytes().windows(KEY_LEN));
    let empty: &[u8] = &[];
    keys.chain([empty])
        .filter_map(|key| IDS.get(key))
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::pattern;
    use super::*;

    #[test]
    fn an_entry_is_possible_where_one_of_its_signs_is() {
        for entry in entries() {
            for sign in entry.signs {
                let line = sign.text.replace(['{', '}'], "").replace(" = ", "=");
                let is_found = pattern::find(sign.text, &line).is_some();
                let is_possible = possible([line.as_str()].into_iter()).contains(entry.id);
                assert!(is_possible || !is_found, "{line}");
            }
        }
        assert!(possible(["nothing"].into_iter()).len() < 5);
    }
}
