//! Loading a snapshot as a server does (`FileSnap.deserialize`, `DataTree.deserialize`).

use super::cohort::Cohort;
use super::files::ServerFile;
use super::java::{FileInput, InputArchive};
use super::limits::Limits;
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
use std::rc::Rc;

/// The digest that a snapshot promises once its txn was applied.
pub type Promised = Option<(Zxid, TxnDigest)>;

/// Loads `file` into `tree`, and gives the digest to compare with later.
///
/// # Errors
/// [`Thrown::Io`] and [`Thrown::Eof`] send the server to the next snapshot, anything else ends the
/// load.
pub fn load(file: &ServerFile, tree: &mut ServerTree, reader: impl Read) -> Result<Promised> {
    let cohort = Rc::clone(&tree.cohort);
    let mut input = FileInput::new(reader, Limits::Of(&cohort));
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
    check_seal(&mut input, &cohort, file)?;
    read_trailer(&mut input, &cohort, file)
}

fn read_acls(input: &mut FileInput<'_, impl Read>) -> Result<Vec<(i64, Box<[u8]>)>> {
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
fn read_node(input: &mut FileInput<'_, impl Read>, tree: &mut ServerTree) -> Result<bool> {
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

fn check_seal(
    input: &mut FileInput<'_, impl Read>,
    cohort: &Cohort,
    file: &ServerFile,
) -> Result<()> {
    let sum = input.sum();
    let stored = input.long()?;
    if let Err(thrown) = input.string()
        && cohort.ask(Rules::reads_seal_string)
    {
        return Err(thrown);
    }
    if stored == sum {
        return Ok(());
    }
    Err(cohort.ask(|rules| rules.corrupt_snapshot(&file.name)))
}

/// What stands behind the first seal. A server takes what its own settings make it expect; running
/// out of bytes within it means that there is none.
fn read_trailer(
    input: &mut FileInput<'_, impl Read>,
    cohort: &Cohort,
    file: &ServerFile,
) -> Result<Promised> {
    let mut promised = None;
    // By its settings, a server may take the digest for the last zxid.
    if !cohort.ask(Rules::takes_digest_for_last_zxid) {
        match read_digest(input) {
            Ok(digest) => {
                let is_usable = |zxid: Zxid| zxid > Zxid::ZERO && zxid >= Zxid::from_i64(file.zxid);
                promised = Some(digest).filter(|(zxid, _)| is_usable(*zxid));
                refused_by(
                    cohort,
                    Rules::reads_digests,
                    check_seal(input, cohort, file),
                )?;
            }
            Err(Thrown::Eof) => {}
            Err(thrown) => refused_by(cohort, Rules::reads_digests, Err(thrown))?,
        }
    }
    match input.long() {
        Ok(_) => refused_by(
            cohort,
            Rules::reads_last_zxid,
            check_seal(input, cohort, file),
        )?,
        Err(Thrown::Eof) => {}
        Err(thrown) => refused_by(cohort, Rules::reads_last_zxid, Err(thrown))?,
    }
    Ok(promised)
}

/// What was `read`, where it only matters to those that do read it.
fn refused_by(cohort: &Cohort, reads: impl Fn(&Rules) -> bool, read: Result<()>) -> Result<()> {
    match read {
        Err(thrown) if cohort.ask(reads) => Err(thrown),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn read_digest(input: &mut FileInput<'_, impl Read>) -> Result<(Zxid, TxnDigest)> {
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
