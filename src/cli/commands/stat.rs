//! `stat`: every field of one znode at a point.

use crate::cli::args::{EXIT_STATUS, POINTS};
use crate::cli::commands::point_args::AtArgs;
use crate::cli::exit::Exit;
use crate::cli::json::ZnodeAt;
use crate::cli::ui::Ui;
use crate::cli::views::text;
use crate::cli::views::value;
use crate::cli::views::znode;
use clap::Args;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use zoovault::error::{Error, ErrorKind};
use zoovault::tree::select::clean_path;
use zoovault::tree::{AclValue, DataTree, NodeView, Owner};

/// Show every field of a znode as it was at a point.
///
/// The names are those of zkCli's stat. Its cversion, as seen by clients, is twice the stored one
/// minus the number of children; sequential names are made from the stored one. The ACL is shown in
/// the form that setAcl takes.
#[derive(Args, Debug)]
#[command(after_help = POINTS, after_long_help = format!("{POINTS}\n\n{EXIT_STATUS}"))]
pub struct StatArgs {
    #[command(flatten)]
    pub at: AtArgs,
    /// The znode
    #[arg(value_name = "PATH")]
    pub path: OsString,
}

pub fn run(args: &StatArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let path = clean_path(args.path.as_bytes())
        .map_err(|message| Error::new(ErrorKind::BadArgument, message))?;
    let reading = args
        .at
        .read(ui, |rebuilt| match rebuilt.replayed.tree.get(path) {
            Some(_) => Ok(()),
            None => Err(args.at.missing("stat", rebuilt, path, ui)),
        })?;
    let tree = reading.tree();
    let Some(node) = tree.get(path) else {
        return Ok(Exit::Failed);
    };
    if ui.is_json() {
        ui.document(&ZnodeAt {
            point: reading.fields(),
            znode: znode::json(tree, &node, false),
        })?;
    } else {
        ui.stream(|out| Ok(human(out, tree, &node)?))?;
    }
    Ok(reading.forget())
}

/// How many characters of data are shown: a line of 80 columns.
const DATA_SHOWN: usize = 56;

fn human(out: &mut impl Write, tree: &DataTree, node: &NodeView<'_>) -> io::Result<()> {
    let stat = node.stat;
    writeln!(out, "path = {}", value::path(node.path))?;
    writeln!(out, "cZxid = {}", stat.czxid)?;
    writeln!(out, "ctime = {}", text::time(stat.ctime))?;
    writeln!(out, "mZxid = {}", stat.mzxid)?;
    writeln!(out, "mtime = {}", text::time(stat.mtime))?;
    writeln!(out, "pZxid = {}", stat.pzxid)?;
    let seen = stat.client_cversion(node.children as usize);
    writeln!(out, "cversion = {seen}")?;
    writeln!(out, "dataVersion = {}", stat.version)?;
    writeln!(out, "aclVersion = {}", stat.aversion)?;
    writeln!(out, "ephemeralOwner = 0x{:x}", stat.ephemeral_owner)?;
    let length = node.data.map_or(0, <[u8]>::len);
    writeln!(out, "dataLength = {length}")?;
    writeln!(out, "numChildren = {}", node.children)?;
    writeln!(out, "storedCversion = {}", stat.cversion)?;
    writeln!(out, "data = {}", value::data(node.data, DATA_SHOWN))?;
    let owner = tree.owner_of(stat);
    let more = match owner {
        Owner::Ttl(ttl_ms) => format!(", {ttl_ms} ms"),
        Owner::Session(session) => {
            let timeout = tree.sessions().find(|(id, _)| *id == session);
            match timeout {
                Some((_, timeout_ms)) => format!(", session timeout {timeout_ms} ms"),
                None => ", whose session is unknown".to_owned(),
            }
        }
        Owner::Persistent | Owner::Container => String::new(),
    };
    writeln!(out, "kind = {}{more}", znode::kind(owner))?;
    match node.acl {
        AclValue::List(list) => writeln!(out, "acl = {}", value::acl(list)),
        AclValue::Unresolved(id) => {
            writeln!(out, "acl = unknown: the snapshot lacks the list of id {id}")
        }
    }
}
