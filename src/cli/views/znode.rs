//! A znode as JSON, under the names that every command uses.

use crate::cli::views::value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::io::{self, Write};
use zoovault::format::record::AclVector;
use zoovault::format::record::acl::OPEN_ACL_UNSAFE;
use zoovault::tree::{AclValue, DataTree, NodeView, Owner};

/// What kind of znode it is, in a word.
pub fn kind(owner: Owner) -> &'static str {
    match owner {
        Owner::Persistent => "persistent",
        Owner::Container => "container",
        Owner::Ttl(_) => "ttl",
        Owner::Session(_) => "ephemeral",
    }
}

/// The path for programs: the root's is `/`.
pub fn path(path: &[u8]) -> &[u8] {
    match path {
        b"" => b"/",
        path => path,
    }
}

/// A list in few letters: `open`, or schemes and permissions without ids.
pub fn acl_short(acl: AclValue<'_>) -> String {
    let list = match acl {
        AclValue::Unresolved(_) => return "unknown".to_owned(),
        AclValue::List(list) if list.bytes() == OPEN_ACL_UNSAFE.bytes() => {
            return "open".to_owned();
        }
        AclValue::List(list) => list,
    };
    let entries = list.entries();
    let entries = entries.iter().map(|acl| {
        let scheme = String::from_utf8_lossy(acl.scheme.unwrap_or_default());
        format!(
            "{}:{}",
            crate::cli::views::text::escape(&scheme),
            value::perms(acl.perms)
        )
    });
    entries.collect::<Vec<_>>().join(",")
}

/// Writes znodes as JSON text. There may be millions: each is put together in one buffer, without a
/// tree of values in between.
pub struct Writer<'a> {
    tree: &'a DataTree,
    line: Vec<u8>,
    /// The list of the znode before, which most have too.
    acl: Option<(AclVector<'a>, String)>,
}

impl<'a> Writer<'a> {
    pub fn new(tree: &'a DataTree) -> Writer<'a> {
        Writer {
            tree,
            line: Vec::new(),
            acl: None,
        }
    }

    /// A znode as an object that is not closed yet, so that more can be put in.
    pub fn begin(&mut self, node: &NodeView<'a>, with_data: bool) -> io::Result<&mut Vec<u8>> {
        let line = &mut self.line;
        line.clear();
        line.push(b'{');
        put_bytes(line, "path", Some(path(node.path)))?;
        let owner = self.tree.owner_of(node.stat);
        let ttl = match owner {
            Owner::Ttl(ttl_ms) => ttl_ms.to_string(),
            Owner::Persistent | Owner::Container | Owner::Session(_) => "null".to_owned(),
        };
        write!(line, ",\"kind\":\"{}\",\"ttl_ms\":{ttl}", kind(owner))?;
        let length = node.data.map_or(0, <[u8]>::len);
        write!(
            line,
            ",\"children\":{},\"data_length\":{length},\"data_is_null\":{}",
            node.children,
            node.data.is_none()
        )?;
        if with_data {
            line.push(b',');
            put_bytes(line, "data", node.data)?;
        }
        let stat = node.stat;
        write!(
            line,
            ",\"czxid\":\"{}\",\"mzxid\":\"{}\",\"pzxid\":\"{}\",\"ctime_ms\":{},\"mtime_ms\":{}",
            stat.czxid, stat.mzxid, stat.pzxid, stat.ctime, stat.mtime
        )?;
        write!(
            line,
            ",\"version\":{},\"cversion\":{},\"client_cversion\":{},\"aversion\":{},\"ephemeral_owner\":\"0x{:x}\"",
            stat.version,
            stat.cversion,
            stat.client_cversion(node.children as usize),
            stat.aversion,
            stat.ephemeral_owner
        )?;
        match node.acl {
            AclValue::Unresolved(id) => write!(line, ",\"acl\":null,\"acl_unknown_id\":{id}")?,
            AclValue::List(list) => {
                if self.acl.as_ref().is_none_or(|(last, _)| *last != list) {
                    self.acl = Some((list, value::acl_json(list).to_string()));
                }
                let text = self.acl.as_ref().map_or("null", |(_, text)| text);
                write!(line, ",\"acl\":{text}")?;
            }
        }
        Ok(line)
    }

    /// A znode as fields, to be put into a document.
    pub fn fields(
        &mut self,
        node: &NodeView<'a>,
        with_data: bool,
    ) -> io::Result<Map<String, Value>> {
        let line = self.begin(node, with_data)?;
        line.push(b'}');
        Ok(serde_json::from_slice(line)?)
    }
}

/// Writes a document of the fields of `header` and a list called `name`, up to where its first item
/// is to stand. The list is not kept, since it may be long: items are to follow, a comma between
/// them, and then `]}`.
pub fn open_list(out: &mut impl Write, header: Map<String, Value>, name: &str) -> io::Result<()> {
    let text = Value::Object(header).to_string();
    let fields = text.strip_suffix('}').unwrap_or(&text);
    writeln!(out, "{fields},\"{name}\":[")
}

/// As [`value::put_bytes`], as text.
fn put_bytes(out: &mut Vec<u8>, name: &str, bytes: Option<&[u8]>) -> io::Result<()> {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => write!(out, "\"{name}\":null"),
        Some((_, Ok(text))) => {
            write!(out, "\"{name}\":")?;
            Ok(serde_json::to_writer(out, text)?)
        }
        Some((bytes, Err(_))) => write!(out, "\"{name}_base64\":\"{}\"", STANDARD.encode(bytes)),
    }
}
