//! A script for `zkCli.sh` that makes a subtree again by hand, one `create` a line, parents first.
//!
//! zkCli splits a line at white space; a word that begins with a quote ends at the next one of its
//! kind, and nothing escapes a quote (`ZooKeeperMain.MyCommandOptions.parseCommand`, 3.5 to 3.9).
//! Where it finds JLine, that reads the line first: it expands `!` and takes tabs for a wish to
//! have a word completed. ACLs are split at commas and colons (`AclParser`). So much cannot be
//! said: line ends and control characters, bytes that are not UTF-8, both quotes in one word, `!`,
//! commas in ACLs, data that looks like an option of `create`. Ephemerals would belong to the
//! session of zkCli, and are left out.
//!
//! What a script makes is new: its zxids, times and versions are those of the day it is run.

use crate::format::record::AclVector;
use crate::tree::{AclValue, DataTree, NodeView, Owner, is_at_or_below};
use std::io::{self, Write};

/// What servers make themselves.
const OWN: &[u8] = b"/zookeeper";

/// Why a script has a znode not, or not as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It would belong to the session that runs the script.
    Ephemeral,
    /// Its path has what a line cannot say.
    Path,
    /// Its data has.
    Data,
    /// The same, and there are znodes below it: it is made without data.
    DataOfParent,
    /// Its ACL has.
    Acl,
    /// Its ACL is unknown.
    UnknownAcl,
    /// It lies below a znode that is left out.
    Parent,
}

impl Reason {
    /// In words, to follow the path.
    pub fn words(self) -> &'static str {
        match self {
            Reason::Ephemeral => "skipped: ephemeral, its client creates it again",
            Reason::Path => "skipped: its path cannot be passed to zkCli",
            Reason::Data => "skipped: its data cannot be passed to zkCli",
            Reason::DataOfParent => {
                "created without data, which cannot be passed to zkCli: set it by other means"
            }
            Reason::Acl => "skipped: its ACL cannot be passed to zkCli",
            Reason::UnknownAcl => "skipped: its ACL is unknown",
            Reason::Parent => "skipped: its parent is",
        }
    }
}

/// What became of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scripted {
    /// How many znodes it makes.
    pub made: u64,
    /// How many it does not make, or not as they were.
    pub told: u64,
    /// Whether a znode with others below lets not everybody create: zkCli needs `addauth` first.
    pub needs_auth: bool,
}

/// Writes the script for the znode at `path` and all below it, and calls `tell` with what it has
/// not, or not as it was. The root and what servers make themselves are passed over.
///
/// # Errors
/// Those of `out`.
pub fn write_script<'a>(
    tree: &'a DataTree,
    path: &[u8],
    out: &mut impl Write,
    tell: &mut dyn FnMut(&NodeView<'a>, Reason),
) -> io::Result<Scripted> {
    let mut scripted = Scripted::default();
    let mut left_out: Option<&[u8]> = None;
    let mut line = String::new();
    for node in tree.in_order_from(path) {
        if node.path.is_empty() || is_at_or_below(node.path, OWN) {
            continue;
        }
        let is_below = left_out.is_some_and(|above| is_at_or_below(node.path, above));
        let made = match is_below {
            true => Err(Reason::Parent),
            false => create_line(tree, &node, &mut line),
        };
        if let Ok(()) | Err(Reason::DataOfParent) = made {
            out.write_all(line.as_bytes())?;
            scripted.made += 1;
            scripted.needs_auth |= node.children > 0 && !lets_anyone_create(&node);
        } else if !is_below {
            left_out = Some(node.path);
        }
        if let Err(reason) = made {
            scripted.told += 1;
            tell(&node, reason);
        }
    }
    Ok(scripted)
}

/// Puts the line that makes a znode into `line`.
fn create_line(tree: &DataTree, node: &NodeView<'_>, line: &mut String) -> Result<(), Reason> {
    let options = match tree.owner_of(node.stat) {
        Owner::Session(_) => return Err(Reason::Ephemeral),
        Owner::Persistent => String::new(),
        Owner::Container => "-c ".to_owned(),
        Owner::Ttl(ttl_ms) => format!("-t {ttl_ms} "),
    };
    let path = word(node.path).ok_or(Reason::Path)?;
    let acl = match node.acl {
        AclValue::Unresolved(_) => return Err(Reason::UnknownAcl),
        AclValue::List(list) => acl_word(list).ok_or(Reason::Acl)?,
    };
    let (data, result) = match node.data.map(data_word) {
        None => (None, Ok(())),
        Some(Some(data)) => (Some(data), Ok(())),
        Some(None) if node.children > 0 => (None, Err(Reason::DataOfParent)),
        Some(None) => return Err(Reason::Data),
    };
    let is_open = acl == "world:anyone:cdrwa";
    // A word that begins with a dash is an option, unless behind two.
    let has_dash = node.data.is_some_and(|data| data.starts_with(b"-"));
    let dashes = if has_dash { "-- " } else { "" };
    line.clear();
    line.push_str("create ");
    line.push_str(&options);
    line.push_str(dashes);
    line.push_str(&path);
    match (data, is_open) {
        (None, true) => {}
        // An ACL can only follow data.
        (None, false) => {
            line.push_str(&format!("\nsetAcl {path} {acl}"));
        }
        (Some(data), is_open) => {
            line.push(' ');
            line.push_str(&data);
            if !is_open {
                line.push(' ');
                line.push_str(&acl);
            }
        }
    }
    line.push('\n');
    result
}

/// `bytes` as one word of a line.
fn word(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    // Direction marks and the like do no harm to zkCli, but whoever reads the script would be shown
    // something else than it does.
    let is_impossible = |c: char| {
        c.is_control()
            || c == '!'
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if text.contains(is_impossible) {
        return None;
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,*{}[]~^&|;<>?$#()".contains(c);
    match (text.contains('"'), text.contains('\'')) {
        (false, false) if !text.is_empty() && text.chars().all(is_plain) => Some(text.to_owned()),
        (false, _) => Some(format!("\"{text}\"")),
        (true, false) => Some(format!("'{text}'")),
        (true, true) => None,
    }
}

/// Data as one word. Before 3.7 `create` takes `-s…` apart into options even behind `--`
/// (`PosixParser.burstToken`), and so with its other letters.
fn data_word(data: &[u8]) -> Option<String> {
    let is_option = matches!(data, [b'-', b's' | b'e' | b'c' | b't' | b'-', ..]);
    word(data).filter(|_| !is_option)
}

/// A list as one word.
fn acl_word(list: AclVector<'_>) -> Option<String> {
    let entries = list.entries();
    let entries = entries.iter().map(|acl| {
        let text = |bytes: Option<&'_ [u8]>| {
            let text = std::str::from_utf8(bytes.unwrap_or_default()).ok()?;
            (!text.contains(',')).then(|| text.to_owned())
        };
        let (scheme, id) = (text(acl.scheme)?, text(acl.id)?);
        let letters = [(4, 'c'), (8, 'd'), (1, 'r'), (2, 'w'), (16, 'a')];
        let perms: String = letters
            .iter()
            .filter(|(bit, _)| acl.perms & bit != 0)
            .map(|(_, letter)| *letter)
            .collect();
        let is_whole = acl.perms & !31 == 0 && !scheme.contains(':');
        is_whole.then(|| format!("{scheme}:{id}:{perms}"))
    });
    let text = entries.collect::<Option<Vec<_>>>()?.join(",");
    word(text.as_bytes()).filter(|_| !text.is_empty())
}

fn lets_anyone_create(node: &NodeView<'_>) -> bool {
    let AclValue::List(list) = node.acl else {
        return false;
    };
    let entries = list.entries();
    entries
        .iter()
        .any(|acl| acl.scheme == Some(b"world") && acl.perms & 4 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_with_the_quote_they_do_not_have_and_what_cannot_be_said_is_none() {
        let word = |text: &str| word(text.as_bytes());
        assert_eq!(word("/a/b-1").unwrap(), "/a/b-1");
        assert_eq!(word("").unwrap(), "\"\"");
        assert_eq!(word("it's").unwrap(), "\"it's\"");
        assert_eq!(word("{\"a\": 1}").unwrap(), "'{\"a\": 1}'");
        assert_eq!(word("é").unwrap(), "\"é\"");
        for text in ["a\nb", "a\tb", "a!b", "'\"", "\u{202e}"] {
            assert_eq!(word(text), None, "{text:?}");
        }
        assert_eq!(super::word(b"\xff"), None);
        assert_eq!(data_word(b"-1").unwrap(), "-1");
        assert_eq!((data_word(b"-sx"), data_word(b"--")), (None, None));
    }
}
