//! Writes a big data directory, as a server of 3.9 leaves it:
//! `generate DIR [--znodes N] [--txns N] [--data LEN] [--snapshot-at ZXID|none]`. The same
//! arguments give the same bytes.
//!
//! `DIR/version-2/log.1` begins with a session, makes a thousand parents and the znodes below them,
//! and then sets their data, in turns that jump; every record carries the tree's digest.
//! `snapshot.N` is the tree at N, by default at the last txn, and `snapshot.0` that of a fresh
//! server.
#![allow(
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a program for measurements"
)]

mod snapshot;

use std::error::Error;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use zoovault::format::record::acl::OPEN_ACL_UNSAFE;
use zoovault::format::record::digest::Charset;
use zoovault::format::record::{Create, CreateKind, Txn, TxnBody, TxnHeader, TxnKind};
use zoovault::format::txnlog::LogWriter;
use zoovault::tree::DataTree;
use zoovault::zxid::{SessionId, Zxid};

const PARENTS: u64 = 1000;
const SESSION: SessionId = SessionId(0x0100_0123_4567_0000);
/// 2023-11-14 22:13:20 UTC; each txn comes a millisecond later.
const FIRST_TIME: i64 = 1_700_000_000_000;

struct Options {
    dir: PathBuf,
    znodes: u64,
    txns: u64,
    data_len: usize,
    snapshot_at: Option<u64>,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().filter(|dir| !dir.starts_with('-')).ok_or(
        "generate DIR [--znodes 1000000] [--txns 2000000] [--data 200] [--snapshot-at ZXID|none]",
    )?;
    let (mut znodes, mut txns, mut data_len) = (1_000_000, 2_000_000, 200);
    let mut snapshot_at = None;
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--znodes" => znodes = value.parse()?,
            "--txns" => txns = value.parse()?,
            "--data" => data_len = value.parse()?,
            "--snapshot-at" => snapshot_at = Some(value),
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    let txns = txns.max(1 + PARENTS + znodes);
    let snapshot_at = match snapshot_at.as_deref() {
        None => Some(txns),
        Some("none") => None,
        Some(zxid) => Some(u64::from_str_radix(zxid.trim_start_matches("0x"), 16)?),
    };
    Ok(Options {
        dir: dir.into(),
        znodes,
        txns,
        data_len,
        snapshot_at,
    })
}

/// Numbers that look random (SplitMix64).
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The data that txn `number` gives: text of letters and digits, which compresses somewhat.
fn data(number: u64, len: usize, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz 01234";
    out.clear();
    let mut state = number;
    while out.len() < len {
        state = mixed(state.wrapping_add(1));
        out.extend((0..12).filter_map(|i| DIGITS.get((state >> (5 * i)) as usize & 31)));
    }
    out.truncate(len);
}

fn parent(number: u64) -> String {
    format!("/app-{:03}", number % PARENTS)
}

fn path(number: u64) -> String {
    format!("{}/node-{number:07}", parent(number))
}

/// The body of txn `number`, which is also its zxid; the session's is the first.
fn body<'a>(
    number: u64,
    options: &Options,
    path_at: &'a mut String,
    data_at: &'a mut Vec<u8>,
) -> (i32, TxnBody<'a>) {
    if number == 1 {
        return (
            TxnKind::CreateSession.code(),
            TxnBody::CreateSession { timeout_ms: 30_000 },
        );
    }
    data(number, options.data_len, data_at);
    let index = number - 2;
    let acl = OPEN_ACL_UNSAFE;
    let kind = CreateKind::Plain { ephemeral: false };
    if index < PARENTS {
        *path_at = parent(index);
        let parent_cversion = Some(index as i32 + 1);
        let create = Create {
            path: path_at.as_bytes(),
            data: Some(b""),
            acl,
            kind,
            parent_cversion,
        };
        return (TxnKind::Create.code(), TxnBody::Create(create));
    }
    let index = index - PARENTS;
    if index < options.znodes {
        *path_at = path(index);
        let parent_cversion = Some((index / PARENTS) as i32 + 1);
        let create = Create {
            path: path_at.as_bytes(),
            data: Some(data_at),
            acl,
            kind,
            parent_cversion,
        };
        return (TxnKind::Create.code(), TxnBody::Create(create));
    }
    // Every znode in turn, far apart from each other; a round goes once over all that the step does
    // not skip.
    let set = index - options.znodes;
    let znodes = options.znodes.max(1);
    let target = (set % znodes).wrapping_mul(7_368_787) % znodes;
    *path_at = path(target);
    (
        TxnKind::SetData.code(),
        TxnBody::SetData {
            path: path_at.as_bytes(),
            data: Some(data_at),
            version: 0,
        },
    )
}

fn write_log(options: &Options, dir: &Path) -> Result<DataTree, Box<dyn Error>> {
    let mut tree = DataTree::fresh(true);
    tree.keep_digest(Charset::Utf8);
    let mut log = LogWriter::new(BufWriter::with_capacity(
        1 << 20,
        File::create(dir.join("log.1"))?,
    ))?;
    let (mut path_at, mut data_at) = (String::new(), Vec::new());
    for number in 1..=options.txns {
        let (txn_type, mut body) = body(number, options, &mut path_at, &mut data_at);
        if let TxnBody::SetData { path, version, .. } = &mut body {
            *version = tree.get(path).map_or(0, |node| node.stat.version) + 1;
        }
        let zxid = Zxid::from_i64(i64::try_from(number)?);
        let time = FIRST_TIME + i64::try_from(number)?;
        let header = TxnHeader {
            client_id: SESSION,
            cxid: number as i32,
            zxid,
            time,
            txn_type,
        };
        tree.apply(&header, &body)
            .map_err(|error| error.fault.to_string())?;
        log.write(&Txn {
            header,
            body,
            digest: Some(snapshot::digest_of(&tree)),
            excess: &[],
        })?;
        if options.snapshot_at == Some(number) {
            write_snapshot(&tree, dir, false)?;
        }
    }
    log.finish()?;
    Ok(tree)
}

fn write_snapshot(tree: &DataTree, dir: &Path, is_fresh: bool) -> Result<(), Box<dyn Error>> {
    let written = snapshot::write_snapshot(tree, dir, is_fresh)?;
    eprintln!(
        "snapshot.{:x}: {written} bytes, {} znodes",
        tree.last_zxid().to_i64(),
        tree.len()
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let dir = options.dir.join("version-2");
    fs::create_dir_all(&dir)?;
    write_snapshot(&DataTree::fresh(true), &dir, true)?;
    let tree = write_log(&options, &dir)?;
    let len = fs::metadata(dir.join("log.1"))?.len();
    eprintln!(
        "log.1: {len} bytes, zxids 0x1 to {}, digest {:?}",
        tree.last_zxid(),
        tree.digest()
    );
    Ok(())
}
