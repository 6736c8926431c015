//! Loading a snapshot as a server does (`FileSnap.deserialize`, `DataTree.deserialize`).

use super::files::ServerFile;
use super::java::{FileInput, InputArchive};
use super::record::acl;
use super::rules::Rules;
use super::thrown::{Result, Thrown};
use super::tree::{ServerNode, ServerTree};
use crate::format::jute::Reader;
use crate::format::record::stat::STAT_LEN;
use crate::format::record::{Stat, TxnDigest};
use crate::format::snapshot::MAGIC;
use crate::zxid::{SessionId, Zxid};
use std::io::Read;

/// The digest that a snapshot promises once its txn was applied.
pub type Promised = Option<(Zxid, TxnDigest)>;

/// Loads `file` into `tree`, and gives the digest to compare with later.
///
/// # Errors
/// [`Thrown::Io`] and [`Thrown::Eof`] send the server to the next snapshot, anything else ends the
/// load.
pub fn load(file: &ServerFile, tree: &mut ServerTree, reader: impl Read) -> Result<Promised> {
    let rules = tree.rules.clone();
    let mut input = FileInput::new(reader, rules.limits());
    let magic = input.int()?;
    let expected = i32::from_be_bytes(MAGIC);
    let _version_and_dbid = input.take(4 + 8)?;
    if magic != expected {
        let message = format!("mismatching magic headers {magic} !=  {expected}");
        return Err(Thrown::io(message));
    }
    for _ in 0..input.int()?.max(0) {
        let session = SessionId(input.long()?);
        let timeout_ms = input.int()?;
        tree.sessions.insert(session, timeout_ms);
    }
    let acls = read_acls(&mut input)?;
    tree.clear(acls);
    while read_node(&mut input, tree)? {}
    tree.finish()?;
    check_seal(&mut input, &rules, file)?;
    read_trailer(&mut input, &rules, file)
}

fn read_acls(input: &mut FileInput<impl Read>) -> Result<Vec<(i64, Box<[u8]>)>> {
    let mut acls = Vec::new();
    for _ in 0..input.int()?.max(0) {
        let id = input.long()?;
        let list = acl(input)?.ok_or_else(|| {
            let message =
                "Incorrent format of InputArchive when deserialize DataTree - missing acls";
            Thrown::Unchecked("java.lang.RuntimeException", message.to_owned())
        })?;
        acls.push((id, list));
    }
    Ok(acls)
}

/// Reads one znode; false at the end of them.
fn read_node(input: &mut FileInput<impl Read>, tree: &mut ServerTree) -> Result<bool> {
    let path = input.string()?;
    if path.as_deref() == Some(b"/") {
        return Ok(false);
    }
    let data = input.buffer()?;
    let acl = input.long()?;
    let stat = Stat::decode(&mut Reader::new(input.take(STAT_LEN)?, 0)).map_err(|_| Thrown::Eof)?;
    let path = path.ok_or_else(Thrown::null_pointer)?;
    tree.load(
        &path,
        ServerNode {
            data,
            acl,
            stat,
            ..ServerNode::default()
        },
    )?;
    Ok(true)
}

fn check_seal(input: &mut FileInput<impl Read>, rules: &Rules, file: &ServerFile) -> Result<()> {
    let sum = input.sum();
    let stored = input.long()?;
    if rules.reads_seal_string() {
        input.string()?;
    }
    if stored == sum {
        return Ok(());
    }
    Err(Thrown::io(match rules.reads_seal_string() {
        true => "CRC corruption".to_owned(),
        false => format!("CRC corruption in snapshot :  {}", file.name),
    }))
}

/// What stands behind the first seal. A server takes what its own settings make it expect; running
/// out of bytes within it means that there is none.
fn read_trailer(
    input: &mut FileInput<impl Read>,
    rules: &Rules,
    file: &ServerFile,
) -> Result<Promised> {
    let mut promised = None;
    if rules.reads_digests() {
        match read_digest(input) {
            Ok(digest) => {
                let is_usable = |zxid: Zxid| zxid > Zxid::ZERO && zxid >= Zxid::from_i64(file.zxid);
                promised = Some(digest).filter(|(zxid, _)| is_usable(*zxid));
                check_seal(input, rules, file)?;
            }
            Err(Thrown::Eof) => {}
            Err(thrown) => return Err(thrown),
        }
    }
    if rules.reads_last_zxid() {
        match input.long() {
            Ok(_) => check_seal(input, rules, file)?,
            Err(Thrown::Eof) => {}
            Err(thrown) => return Err(thrown),
        }
    }
    Ok(promised)
}

fn read_digest(input: &mut FileInput<impl Read>) -> Result<(Zxid, TxnDigest)> {
    let zxid = Zxid::from_i64(input.long()?);
    let version = input.int()?;
    let tree_digest = if version >= 2 {
        input.long()?
    } else {
        let text = input.string()?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        i64::from_str_radix(&text, 16).map_err(|_| {
            let class = "java.lang.NumberFormatException";
            Thrown::Unchecked(class, format!("For input string: \"{text}\""))
        })?
    };
    Ok((
        zxid,
        TxnDigest {
            version,
            tree_digest,
        },
    ))
}
