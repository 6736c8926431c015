//! `log`: every txn, a line each.

mod clock;
mod human;
mod json;
mod zookeeper;

use crate::cli::args::{POINTS, SourceArg};
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::ui::Ui;
use crate::cli::views::remarks::Remarks;
use crate::cli::views::text;
use crate::cli::writer_thread::Out;
use anyhow::Context;
use clap::{Args, ValueEnum};
use human::Lines;
use json::JsonLines;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::PathBuf;
use zoovault::error::{Error, TxnPlace};
use zoovault::format::record::TxnKind;
use zoovault::history::query::{
    self, Filter, Follower, Found, Query, Range, Remark, Seen, Selected,
};
use zoovault::history::source::Source;
use zoovault::tree::glob::PathGlob;
use zoovault::zxid::SessionId;

/// How long to wait for a live directory to change, in ms.
const POLL_MS: u16 = 200;
/// How many txns are shown before following, unless more are asked for.
const FOLLOW_TAIL: usize = 10;
const EXAMPLES: &str = "\
Examples:
  zoovault log /var/lib/zookeeper --path '/app/**' --op delete,multi --from '2026-11-20 14:00'
  zoovault log /var/lib/zookeeper --session 0x100000bb36a0000
  zoovault log /var/lib/zookeeper --errors --tail 50
  zoovault log /var/lib/zookeeper --follow --json | jq -c 'select(.error)'

Exit status:
  0  done (also when nothing was selected)
  3  transactions are missing, or two logs differ
  4  damage found: what follows it was still shown";

/// Show every transaction: who did what to which znode, and when.
///
/// One line per transaction, in zxid order: zxid, time, session and request number, type, path,
/// then data, versions, ACL. A multi is one line (with -v its parts follow, one per line), an error
/// is shown by name, and a closeSession lists the ephemerals that it deleted and, if the logs have
/// it, when the session was opened. Servers before 3.6 do not log what a closeSession deletes: it
/// is worked out by replay.
///
/// The source may be damaged. Damage, missing transactions and logs that differ are reported on
/// stderr; reading continues after them.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, after_long_help = format!("{POINTS}\n\n{EXAMPLES}"))]
pub struct LogArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// The dataLogDir, if it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// Begin with the transaction that POINT names, or with the first that is not earlier
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// End with the transaction that POINT names, or before the first that is later
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Only transactions that name a matching path, also in multis and by closed sessions: * and ?
    /// within a name, ** across names. Can be repeated
    #[arg(long, value_name = "GLOB")]
    pub path: Vec<PathGlob>,
    /// Only transactions of this session, in hexadecimal. Can be repeated
    #[arg(long, value_name = "ID", value_parser = parse_session)]
    pub session: Vec<SessionId>,
    /// Only transactions of these types, and multis with such a part
    #[arg(long, value_name = "TYPE,...", value_delimiter = ',', value_parser = parse_op)]
    pub op: Vec<TxnKind>,
    /// Only requests that failed: error records, and multis that failed
    #[arg(long)]
    pub errors: bool,
    /// Only transactions of at least BYTES bytes
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub min_size: u64,
    /// Only the last NUMBER matches
    #[arg(long, value_name = "NUMBER")]
    pub tail: Option<usize>,
    /// The newest first
    #[arg(long, conflicts_with = "follow")]
    pub reverse: bool,
    /// Keep running and show what the server writes, until Ctrl-C; begins with the last 10
    /// transactions, unless --from or --tail is given
    #[arg(long, short)]
    pub follow: bool,
    /// Output format: text for people, or that of ZooKeeper's TxnLogToolkit 3.8, log after log and
    /// without any filter
    #[arg(long, value_enum, default_value_t, conflicts_with = "json")]
    pub format: Format,
}

/// How a txn is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Zookeeper,
}

/// The id of a session, with or without `0x`. The top bit may be set.
pub fn parse_session(text: &str) -> Result<SessionId, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16)
        .map(|id| SessionId(id.cast_signed()))
        .map_err(|_| "a session is up to 16 hexadecimal digits, with or without 0x".to_owned())
}

fn parse_op(text: &str) -> Result<TxnKind, String> {
    TxnKind::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = TxnKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("the types are {}", names.join(", "))
    })
}

/// Writes txns in one of the views.
enum Writer {
    Human(Lines),
    Json(JsonLines),
}

/// Takes what is given out: txns to stdout, remarks to stderr.
struct Sink<'a> {
    ui: &'a Ui,
    writer: Writer,
    out: Out,
    remarks: Remarks<'a>,
    failed: Option<io::Error>,
}

pub fn run(args: &LogArgs, ui: &Ui) -> anyhow::Result<Exit> {
    if args.format == Format::Zookeeper {
        return zookeeper::run(args, ui);
    }
    let bound = |text: &Option<String>| text.as_deref().map(text::point).transpose();
    let (from, to) = (bound(&args.from)?, bound(&args.to)?);
    let filter = Filter::default()
        .paths(args.path.iter().cloned())
        .sessions(args.session.clone())
        .ops(args.op.clone())
        .only_errors(args.errors)
        .min_size(args.min_size);
    let options = args.source.options(args.data_log_dir.as_ref());
    let tail = match args.follow && args.from.is_none() {
        true => Some(args.tail.unwrap_or(FOLLOW_TAIL)),
        false => args.tail,
    };
    let mut sink = Sink::new(ui);
    let mut follower = None;
    Source::with(&args.source.source, &options, |source| {
        let query = Query {
            range: Range::new(source, from, to, ui.progress())?,
            filter: filter.clone(),
            with_sessions: true,
        };
        if tail.is_none() && !args.reverse && !args.follow {
            return query::visit(source, &query, ui.progress(), &mut |seen| sink.take(seen));
        }
        let found = query::find(source, &query, tail, ui.progress(), &mut |remark| {
            sink.remarks.tell(&remark)
        })?;
        found.show(source, args.reverse, &mut |seen| sink.take(seen))?;
        follower = args.follow.then(|| Found::follow(found, source));
        Ok(())
    })
    .context("cannot show transactions")?;
    ui.finish();
    sink.flush()?;
    if let Some(mut follower) = follower {
        follow(args, &mut follower, &mut sink)?;
    }
    Ok(sink.remarks.finish())
}

/// Shows what comes, until nobody reads it any more or the end that was asked for is passed.
fn follow(args: &LogArgs, follower: &mut Follower, sink: &mut Sink<'_>) -> anyhow::Result<()> {
    let options = args.source.options(args.data_log_dir.as_ref());
    loop {
        let source = Source::open(&args.source.source, &options).context("cannot follow")?;
        if source.is_packed() || source.is_repository() {
            return Err(BadArgument(
                "an archive or a repository does not grow: --follow needs a directory or a log"
                    .to_owned(),
            )
            .into());
        }
        let ended = follower.poll(&source, &mut |seen| sink.take(seen))?;
        drop(source);
        sink.flush()?;
        if ended.is_break() || is_unread()? {
            return Ok(());
        }
    }
}

/// Waits a while; whether stdout is a pipe that was closed meanwhile.
fn is_unread() -> anyhow::Result<bool> {
    let out = io::stdout();
    // Without any event asked for, only errors are told: that the other end is gone is one.
    let mut fds = [PollFd::new(out.as_fd(), PollFlags::empty())];
    match poll(&mut fds, PollTimeout::from(POLL_MS)) {
        Ok(_) => {}
        Err(nix::errno::Errno::EINTR) => return Ok(false),
        Err(err) => return Err(io::Error::from(err).into()),
    }
    let events = fds.iter().filter_map(PollFd::revents);
    Ok(events
        .fold(PollFlags::empty(), |all, some| all | some)
        .intersects(PollFlags::POLLERR | PollFlags::POLLHUP))
}

impl<'a> Sink<'a> {
    fn new(ui: &'a Ui) -> Sink<'a> {
        Sink {
            ui,
            writer: match ui.is_json() {
                true => Writer::Json(JsonLines::default()),
                false => Writer::Human(Lines::new(ui.look())),
            },
            out: Out::stdout(),
            remarks: Remarks::new(ui),
            failed: None,
        }
    }

    fn take(&mut self, seen: Seen<'_>) -> ControlFlow<()> {
        match seen {
            Seen::Remark(remark) => {
                self.remarks.tell(&remark);
                ControlFlow::Continue(())
            }
            Seen::Txn(txn) => self.txn(&txn),
        }
    }

    fn txn(&mut self, txn: &Selected<'_>) -> ControlFlow<()> {
        let written = match &mut self.writer {
            Writer::Human(lines) => lines.txn(self.out.part(), txn),
            Writer::Json(lines) => lines.txn(self.out.part(), txn),
        };
        if let Err(error) = written {
            let path = std::path::Path::new(txn.file);
            let error =
                Error::damage(path, error).at_txn(Some(TxnPlace::Of(txn.entry.header.zxid)));
            self.remarks.tell(&Remark::Damage { error, next: None });
        }
        if let Err(err) = self.out.gathered() {
            self.failed = Some(err);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Writes what is left, and tells what went wrong on the way.
    fn flush(&mut self) -> anyhow::Result<()> {
        if let Some(err) = self.failed.take() {
            return Err(err.into());
        }
        if !self.out.part().is_empty() {
            self.ui.finish();
        }
        self.out.flush()?;
        Ok(())
    }
}
