//! A month of hourly backups of a server that writes some 15 MB of logs a day:
//! `month SOURCE REPOSITORY [--hours N] [--each-hour COMMAND]`.
//!
//! `SOURCE` grows as a data directory of 3.9 does: padded logs, a snapshot and a new log every ten
//! hours or so, and a purge that keeps three snapshots. Each hour is backed up by the library, with
//! the clock an hour later; the command is run by `sh` right before, with `$HOUR` set. Printed are
//! the times of all backups, and how much was stored.
#![allow(
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a program for measurements"
)]

mod snapshot;

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use zoovault::backup::run::{BaseEvery, Options, backup};
use zoovault::format::record::acl::OPEN_ACL_UNSAFE;
use zoovault::format::record::digest::Charset;
use zoovault::format::record::{Create, CreateKind, Txn, TxnBody, TxnHeader, TxnKind};
use zoovault::format::txnlog::LogWriter;
use zoovault::history::source::{self, Source};
use zoovault::progress::NoProgress;
use zoovault::repository::{Repository, Storage};
use zoovault::tree::DataTree;
use zoovault::zxid::{SessionId, Zxid};

const SESSION: SessionId = SessionId(0x0100_0123_4567_0000);
/// 2023-11-14 22:13:20 UTC.
const FIRST_TIME: i64 = 1_700_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const ZNODES: i64 = 20_000;
const TXNS_AN_HOUR: i64 = 2_000;
const TXNS_A_LOG: i64 = 20_000;
const PADDED_LEN: u64 = 64 << 20;
const SNAPSHOTS_KEPT: usize = 3;

/// Numbers that look random (SplitMix64).
fn mixed(number: i64) -> u64 {
    let z = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What an application stores: names that stay, and numbers that do not.
fn data(number: i64) -> String {
    let mut text = String::from("{");
    for field in 0..4 {
        let (a, b) = (mixed(number * 8 + field), mixed(number * 8 + field + 4));
        text += &format!("\"offset-{field}\":{},\"owner\":\"{b:016x}\",", a >> 24);
    }
    text + "\"state\":\"RUNNING\"}"
}

/// A server that makes txns, without a server.
struct Server {
    dir: PathBuf,
    tree: DataTree,
    log: LogWriter<File>,
    last: i64,
}

impl Server {
    fn start(dir: &Path) -> Result<Server, Box<dyn Error>> {
        fs::create_dir_all(dir)?;
        let mut tree = DataTree::fresh(true);
        tree.keep_digest(Charset::Utf8);
        snapshot::write_snapshot(&tree, dir, true)?;
        Ok(Server {
            log: new_log(dir, 1)?,
            dir: dir.into(),
            tree,
            last: 0,
        })
    }

    fn write(&mut self, time: i64) -> Result<(), Box<dyn Error>> {
        self.last += 1;
        let number = self.last;
        let chosen = (mixed(number) >> 1).cast_signed() % ZNODES;
        let path = match number {
            1 => "/app".to_owned(),
            2..=ZNODES => format!("/app/node-{number:05}"),
            _ => format!("/app/node-{:05}", chosen.max(2)),
        };
        let text = data(number);
        let (path, data) = (path.as_bytes(), Some(text.as_bytes()));
        let (txn_type, body) = match self.tree.get(path) {
            Some(node) => {
                let version = node.stat.version + 1;
                let body = TxnBody::SetData {
                    path,
                    data,
                    version,
                };
                (TxnKind::SetData.code(), body)
            }
            None => {
                let kind = CreateKind::Plain { ephemeral: false };
                let parent_cversion = Some((number - 1).max(1) as i32);
                let acl = OPEN_ACL_UNSAFE;
                let create = Create {
                    path,
                    data,
                    acl,
                    kind,
                    parent_cversion,
                };
                (TxnKind::Create.code(), TxnBody::Create(create))
            }
        };
        let header = TxnHeader {
            client_id: SESSION,
            cxid: number as i32,
            zxid: Zxid::from_i64(number),
            time,
            txn_type,
        };
        self.tree
            .apply(&header, &body)
            .map_err(|error| error.fault.to_string())?;
        self.log.write(&Txn {
            header,
            body,
            digest: Some(snapshot::digest_of(&self.tree)),
            excess: &[],
        })?;
        Ok(())
    }

    /// Writes for an hour.
    fn work(&mut self, hour: i64) -> Result<(), Box<dyn Error>> {
        for txn in 0..TXNS_AN_HOUR {
            self.write(FIRST_TIME + hour * HOUR_MS + txn * HOUR_MS / TXNS_AN_HOUR)?;
            if self.last % TXNS_A_LOG == 0 {
                snapshot::write_snapshot(&self.tree, &self.dir, false)?;
                let full = std::mem::replace(&mut self.log, new_log(&self.dir, self.last + 1)?);
                full.finish()?;
                self.purge()?;
            }
        }
        Ok(())
    }

    /// As `PurgeTxnLog`: the newest snapshots stay, and the logs that they need.
    fn purge(&self) -> Result<(), Box<dyn Error>> {
        let named = |kind: &str| -> Result<Vec<i64>, Box<dyn Error>> {
            let mut zxids = Vec::new();
            for entry in fs::read_dir(&self.dir)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if let Some(zxid) = name.strip_prefix(kind) {
                    zxids.push(i64::from_str_radix(zxid, 16)?);
                }
            }
            zxids.sort_unstable();
            Ok(zxids)
        };
        let snapshots = named("snapshot.")?;
        let oldest = snapshots.iter().rev().nth(SNAPSHOTS_KEPT - 1);
        let Some(oldest) = oldest.copied() else {
            return Ok(());
        };
        let logs = named("log.")?;
        let needed = logs.iter().rev().find(|log| **log <= oldest).copied();
        for log in logs.iter().filter(|log| Some(**log) < needed) {
            fs::remove_file(self.dir.join(format!("log.{log:x}")))?;
        }
        for snapshot in snapshots.iter().filter(|snapshot| **snapshot < oldest) {
            fs::remove_file(self.dir.join(format!("snapshot.{snapshot:x}")))?;
        }
        Ok(())
    }
}

/// A log that is padded with zeros, as servers do.
fn new_log(dir: &Path, first: i64) -> Result<LogWriter<File>, Box<dyn Error>> {
    let file = File::create(dir.join(format!("log.{first:x}")))?;
    file.set_len(PADDED_LEN)?;
    Ok(LogWriter::new(file)?)
}

struct Args {
    source: PathBuf,
    repository: PathBuf,
    hours: i64,
    each_hour: Option<String>,
}

fn args() -> Result<Args, Box<dyn Error>> {
    let usage = "month SOURCE REPOSITORY [--hours 720] [--each-hour COMMAND]";
    let mut args = std::env::args().skip(1);
    let mut parsed = Args {
        source: args.next().ok_or(usage)?.into(),
        repository: args.next().ok_or(usage)?.into(),
        hours: 720,
        each_hour: None,
    };
    while let Some(name) = args.next() {
        let value = args.next().ok_or(usage)?;
        match name.as_str() {
            "--hours" => parsed.hours = value.parse()?,
            "--each-hour" => parsed.each_hour = Some(value),
            _ => return Err(usage.into()),
        }
    }
    Ok(parsed)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = args()?;
    fs::create_dir_all(&args.repository)?;
    let repository = Repository::create(Storage::local(&args.repository)?, FIRST_TIME)?;
    let mut server = Server::start(&args.source.join("version-2"))?;
    let mut options = Options {
        host: "month".to_owned(),
        tool: "month".to_owned(),
        base_every: BaseEvery {
            age_ms: Some(7 * 24 * HOUR_MS),
            log_bytes: Some(1 << 30),
        },
        even_if_idle: true,
        now_ms: FIRST_TIME,
        scratch_dir: Some(std::env::temp_dir()),
    };
    let (mut times, mut stored): (Vec<Duration>, u64) = (Vec::new(), 0);
    for hour in 0..args.hours {
        server.work(hour)?;
        if let Some(command) = &args.each_hour {
            let mut shell = Command::new("sh");
            shell.args(["-c", command]).env("HOUR", hour.to_string());
            if !shell.status()?.success() {
                return Err("the command failed".into());
            }
        }
        options.now_ms = FIRST_TIME + (hour + 1) * HOUR_MS;
        let begun = Instant::now();
        let done = Source::with(&args.source, &source::Options::default(), |source| {
            backup(source, &repository, &options, &NoProgress)
        })?;
        times.push(begun.elapsed());
        stored += done.manifest.added_bytes;
        for warning in &done.warnings {
            println!("hour {hour}: {warning}");
        }
    }
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() - 1) * share / 100).copied();
    println!("backups  {}", times.len());
    println!("txns     {}", server.last);
    println!("stored   {stored} bytes, without manifests");
    println!(
        "times    fastest {:?}, median {:?}, slowest {:?}",
        at(0).unwrap_or_default(),
        at(50).unwrap_or_default(),
        at(100).unwrap_or_default()
    );
    Ok(())
}
