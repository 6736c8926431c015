//! `history`: what was done to a znode, when, and by whom.

use crate::cli::args::{POINTS, SourceArg};
use crate::cli::exit::Exit;
use crate::cli::json::{
    self, AsText, HistoryEnd, HistoryEvent, HistoryGap, HistoryLine, HistoryStart, HistoryState,
    PathField, ZnodeState,
};
use crate::cli::ui::{Lines, TextStyle, Ui};
use crate::cli::views::text;
use crate::cli::views::value;
use anyhow::Context;
use clap::Args;
use std::collections::VecDeque;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use zoovault::analysis::znode_history::{
    Cause, Change, Event, Item, Options, Scope, Start, State, Summary, Znode, history, near,
};
use zoovault::error::{Error, ErrorKind};
use zoovault::format::record::AclVector;
use zoovault::history::source::Source;
use zoovault::history::timeline::Gap;
use zoovault::tree::glob::PathGlob;
use zoovault::zxid::{Hex, Zxid};

/// How much of a value a line shows.
const VALUE_LEN_MAX: usize = 200;

const STATUS: &str = "\
Exit status:
  0  shown
  1  no such path at any time, or failed
  3  shown, with a gap or warnings
  4  shown, but something is damaged
  2  bad arguments; 5 a point that does not exist";

/// Show what was done to a znode: every transaction that touched it, oldest first.
///
/// Shown are creation, changes of data and ACL, and deletion: on its own, within a multi, when the
/// session that owned it closed (even where the log does not list what was deleted, as with 3.4 and
/// 3.5), or by a server, when a container was empty or a TTL had expired. Failed attempts are not
/// shown: servers log them without a path.
///
/// Each line has the session, and the server that opened it: the top byte of its id. History is
/// known from the first snapshot on, or from the first transaction; gaps are reported. Nothing is
/// replayed: the logs are searched. The evidence is the checksum of every record, the seal of the
/// snapshot, and zxids without a gap; digests are not compared (use `zoovault verify`). Where a
/// snapshot may contain parts of later transactions, because it was being written at the time,
/// values are shown as unknown until a transaction sets them.
#[derive(Args, Debug)]
#[command(after_help = STATUS, after_long_help = format!("{POINTS}\n\n{STATUS}"))]
pub struct HistoryArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// The znode; or a pattern: * and ? within a name, ** through any number
    #[arg(value_name = "PATH")]
    pub path: PathGlob,
    /// The dataLogDir, if it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// Everything below it, too
    #[arg(short, long)]
    pub recursive: bool,
    /// Also creations and deletions of its children: they change its cversion and pzxid
    #[arg(long)]
    pub children: bool,
    /// Only what was done after this point
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Only what was done up to this point
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Show values before and after: in JSON in full, as text or base64
    #[arg(long)]
    pub values: bool,
    /// Newest first
    #[arg(long)]
    pub reverse: bool,
    /// Only the last N
    #[arg(long, value_name = "N")]
    pub tail: Option<usize>,
}

pub fn run(args: &HistoryArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let options = Options {
        path: args.path.clone(),
        recursive: args.recursive,
        children: args.children,
        from: args.from.as_deref().map(text::point).transpose()?,
        to: args.to.as_deref().map(text::point).transpose()?,
    };
    let scope = Scope::new(&args.path, args.recursive);
    let source_options = args.source.options(args.data_log_dir.as_ref());
    let mut shown = Shown {
        args,
        ui,
        look: ui.look(),
        has_one_path: scope.literal().is_some() && !args.recursive,
        lines: ui.lines(),
        kept: VecDeque::new(),
        kept_events: 0,
    };
    let mut broken = None;
    let told = Source::with(&args.source.source, &source_options, |source| {
        shown.begin_again(source)?;
        let summary = history(source, &options, ui.progress(), &mut |item| {
            shown.take(&item).map_err(|err| {
                broken = Some(err);
                Error::new(ErrorKind::Failed, "cannot write")
            })
        })?;
        let near = match scope.literal() {
            Some(path) if !summary.existed => near(source, path, ui.progress())?,
            _ => Vec::new(),
        };
        Ok((summary, near))
    });
    if let Some(err) = broken {
        return Err(err);
    }
    let (summary, near) = told.context("cannot show the history")?;
    shown.finish(&summary, &scope)?;
    let exit = if !summary.damage.is_empty() {
        Exit::Damaged
    } else if !summary.existed {
        return Err(never_existed(args, &near).into());
    } else if summary.gaps > 0 || !summary.warnings.is_empty() {
        Exit::Warnings
    } else {
        Exit::Done
    };
    std::mem::forget(summary);
    Ok(exit)
}

fn never_existed(args: &HistoryArgs, near: &[Vec<u8>]) -> Error {
    let message = format!(
        "{} appears in no snapshot or log",
        text::escape(&args.path.to_string())
    );
    let error = Error::about(&args.source.source, ErrorKind::Failed, message);
    match near {
        [] => error,
        near => {
            let names: Vec<String> = near.iter().map(|path| value::path(path)).collect();
            error.hint(format!("similar paths: {}", names.join(", ")))
        }
    }
}

/// Collects the lines, or hands them on as they come.
struct Shown<'a> {
    args: &'a HistoryArgs,
    ui: &'a Ui,
    look: TextStyle,
    /// Whether every line is of the same path, which then need not be said.
    has_one_path: bool,
    lines: Lines<'a>,
    /// What waits for the end, and whether it is an event.
    kept: VecDeque<(bool, Vec<u8>)>,
    kept_events: usize,
}

impl Shown<'_> {
    fn begin_again(&mut self, source: &Source) -> zoovault::error::Result<()> {
        self.kept.clear();
        self.kept_events = 0;
        if self.lines.begin_again() {
            return Ok(());
        }
        let message = "changed while it was being read, and part of the output was already written";
        Err(Error::about(source.shown(), ErrorKind::Failed, message).hint("try again"))
    }

    fn take(&mut self, item: &Item) -> anyhow::Result<()> {
        if self.ui.is_quiet() && !self.ui.is_json() {
            return Ok(());
        }
        let line = if self.ui.is_json() {
            let mut line = Vec::new();
            json::line(&mut line, &self.item_json(item))?;
            line
        } else {
            let text = match item {
                Item::Start(start) => self.start_text(start),
                Item::Gap(gap) => self.gap_text(gap),
                Item::Event(event) => self.event_text(event),
            };
            text.into_bytes()
        };
        if !self.args.reverse && self.args.tail.is_none() {
            return self.lines.push(&line);
        }
        let is_event = matches!(item, Item::Event(_));
        self.kept.push_back((is_event, line));
        self.kept_events += usize::from(is_event);
        while self.args.tail.is_some_and(|tail| self.kept_events > tail) {
            let first = self.kept.iter().position(|(is_event, _)| *is_event);
            if let Some(first) = first {
                self.kept.remove(first);
            }
            self.kept_events -= 1;
        }
        Ok(())
    }

    fn finish(&mut self, summary: &Summary, scope: &Scope) -> anyhow::Result<()> {
        let mut kept = std::mem::take(&mut self.kept);
        if self.args.reverse {
            kept.make_contiguous().reverse();
        }
        for (_, line) in kept {
            self.lines.push(&line)?;
        }
        let state = scope.literal().map(|path| {
            let end = summary
                .end
                .iter()
                .find(|(other, _)| **other == *path)
                .map(|(_, state)| state);
            end.unwrap_or(&State::Unknown)
        });
        let undelete = self.undelete(summary, state);
        if self.ui.is_json() {
            let end = self.end_json(summary, state, undelete.as_deref());
            self.lines.push_json(&HistoryLine::End(end))?;
        } else if !self.ui.is_quiet() && summary.existed {
            let end = self.end_text(summary, state, undelete.as_deref());
            self.lines.push(end.as_bytes())?;
        }
        self.lines.flush()?;
        for damage in &summary.damage {
            self.ui.warn(&text::escape(&format!(
                "{damage}: what is hidden by it is not shown"
            )));
        }
        for warning in &summary.warnings {
            self.ui.warn(&text::escape(warning));
        }
        Ok(())
    }

    fn start_text(&self, start: &Start) -> String {
        let Some(base) = &start.base else {
            let line = format!(
                "known from {}, the first transaction: what was before it is not known",
                start.after.next()
            );
            return format!("{}\n", self.look.paint("2", &line));
        };
        let there = if self.has_one_path {
            match &start.znode {
                Some(znode) => format!("it existed: {}", znode_text(znode)),
                None => "it did not exist".to_owned(),
            }
        } else {
            let znodes = text::plural(start.znodes, "znode");
            format!("{znodes} existed")
        };
        let fuzzy = if start.fuzzy_to == Zxid::MAX {
            "; it may be newer than its name".to_owned()
        } else if start.fuzzy_to > start.after {
            format!(
                "; it was written while transactions up to {} were applied",
                start.fuzzy_to
            )
        } else {
            String::new()
        };
        let line = format!("known from {} ({base}): {there}{fuzzy}", start.after);
        format!("{}\n", self.look.paint("2", &line))
    }

    fn gap_text(&self, gap: &Gap) -> String {
        let (first, last) = (gap.first_missing(), gap.last_missing());
        let line =
            format!("gap: transactions {first} to {last} are missing, and so are their changes");
        format!("{}\n", self.look.paint("33", &line))
    }

    fn event_text(&self, event: &Event) -> String {
        let color = match event.change {
            Change::Created { .. } => "32",
            Change::Deleted(_) => "31",
            Change::DataSet | Change::AclSet => "33",
            Change::ChildCreated { .. } | Change::ChildDeleted { .. } => "2",
        };
        let who = match event.session.0 {
            0 => "by the server".to_owned(),
            _ => format!(
                "session {} (server {})",
                event.session,
                server_of(event.session.0)
            ),
        };
        let path = if self.has_one_path {
            String::new()
        } else {
            format!("  {}", value::path(&event.path))
        };
        let mut line = format!(
            "{}  {}  {who}  {}{path}  {}\n",
            self.look.paint("1", &event.zxid.to_string()),
            text::time(event.time),
            self.look.paint(color, &op_text(event)),
            change_text(event),
        );
        if self.args.values {
            let is_of_parent = matches!(
                event.change,
                Change::ChildCreated { .. } | Change::ChildDeleted { .. }
            );
            for (label, state) in [("before", &event.before), ("after", &event.after)] {
                let told = match state {
                    _ if is_of_parent => continue,
                    State::Absent { .. } => continue,
                    State::Unknown => "unknown".to_owned(),
                    State::Present(znode) if event.change == Change::AclSet => acl_text(znode),
                    State::Present(znode) if !znode.known.data => "unknown".to_owned(),
                    State::Present(znode) => value::data(znode.data.as_deref(), VALUE_LEN_MAX),
                };
                line.push_str(&format!("    {label:<6} {told}\n"));
            }
        }
        line
    }

    /// The command that brings the last value back, where the znode is gone, and a shell can be
    /// told its path.
    fn undelete(&self, summary: &Summary, state: Option<&State>) -> Option<String> {
        let Some(State::Absent {
            deleted: Some(deleted),
        }) = state
        else {
            return None;
        };
        let shell = |path: &Path| text::shell(path.as_os_str().as_bytes());
        let source = shell(&self.args.source.source);
        let path = text::shell(self.args.path.to_string().as_bytes());
        let logs = match &self.args.data_log_dir {
            Some(dir) => format!(" --data-log-dir {}", shell(dir)),
            None => String::new(),
        };
        Some(if self.args.recursive {
            let first = summary.last_deletions.map_or(*deleted, |run| run.first);
            format!("zoovault export {source} {path}{logs} --format zkcli --to {first} --exclusive")
        } else {
            format!("zoovault cat {source} {path}{logs} --at {deleted} --exclusive")
        })
    }

    fn end_text(&self, summary: &Summary, state: Option<&State>, undelete: Option<&str>) -> String {
        let mut lines = String::new();
        if summary.events == 0 {
            lines.push_str("nothing changed it\n");
        }
        if let Some(State::Absent {
            deleted: Some(deleted),
        }) = state
        {
            lines.push_str(&format!("deleted by {deleted}"));
            match undelete {
                Some(undelete) => lines.push_str(&format!("; to bring it back:\n  {undelete}\n")),
                None => lines.push('\n'),
            }
        }
        if self.look.verbose {
            let last = summary.last.map(|last| format!(" up to {last}"));
            lines.push_str(&format!(
                "{}{}; failed attempts are not shown: they are logged without a path\n",
                text::plural(summary.events, "event"),
                last.unwrap_or_default()
            ));
        }
        lines
    }

    fn item_json<'i>(&self, item: &'i Item) -> HistoryLine<'i> {
        match item {
            Item::Start(start) => HistoryLine::Start(HistoryStart {
                ahead_to_zxid: (start.fuzzy_to != Zxid::MAX).then_some(AsText(start.fuzzy_to)),
                base: start.base.as_deref(),
                known_after_zxid: AsText(start.after),
                line: "start",
                znode: start.znode.as_ref().map(|znode| self.znode_json(znode)),
                znodes: start.base.is_some().then_some(start.znodes),
            }),
            Item::Gap(gap) => HistoryLine::Gap(HistoryGap {
                after_time_ms: gap.after_time,
                before_time_ms: gap.before_time,
                first_missing_zxid: AsText(gap.first_missing()),
                last_missing_zxid: AsText(gap.last_missing()),
                line: "gap",
            }),
            Item::Event(event) => HistoryLine::Event(Box::new(self.event_json(event))),
        }
    }

    fn event_json<'e>(&self, event: &'e Event) -> HistoryEvent<'e> {
        let (change, cause, child) = match &event.change {
            Change::Created { again: None } => ("created", None, None),
            Change::Created { again: Some(_) } => ("recreated", None, None),
            Change::DataSet => ("data", None, None),
            Change::AclSet => ("acl", None, None),
            Change::Deleted(cause) => ("deleted", Some(*cause), None),
            Change::ChildCreated { child } => ("child-created", None, Some(child)),
            Change::ChildDeleted { child, cause } => ("child-deleted", Some(*cause), Some(child)),
        };
        HistoryEvent {
            after: self.state_json(&event.after),
            before: self.state_json(&event.before),
            cause: cause.map(|cause| match cause {
                Cause::Request => "request",
                Cause::Expired => "expired",
                Cause::SessionClosed { listed: true } => "session-closed",
                Cause::SessionClosed { listed: false } => "session-closed-unlisted",
            }),
            change,
            child: child.map(|child| child.as_ref().into()),
            cxid: event.cxid,
            line: "event",
            op: event.op.name(),
            part: event.part.map(|(index, _)| index + 1),
            parts: event.part.map(|(_, count)| count),
            path: PathField::of_znode(&event.path),
            server: server_of(event.session.0),
            session: AsText(event.session),
            time_ms: event.time,
            txn: event.txn_kind.name(),
            zxid: AsText(event.zxid),
        }
    }

    /// Nothing where there is no znode.
    fn state_json<'s>(&self, state: &'s State) -> Option<HistoryState<'s>> {
        match state {
            State::Unknown => Some(HistoryState::Unknown { unknown: true }),
            State::Absent { .. } => None,
            State::Present(znode) => Some(HistoryState::Present(self.znode_json(znode))),
        }
    }

    fn znode_json<'z>(&self, znode: &'z Znode) -> ZnodeState<'z> {
        let (stat, known) = (&znode.stat, znode.known);
        let acl = znode.acl.as_ref().filter(|_| known.acl);
        ZnodeState {
            acl: acl.map(|acl| Some(AclVector::from_decoded(acl).into())),
            aversion: known.acl.then_some(stat.aversion),
            ctime_ms: known.life.then_some(stat.ctime),
            cversion: known.children.then_some(stat.cversion),
            czxid: known.life.then_some(AsText(stat.czxid)),
            data: (known.data && self.args.values).then(|| znode.data.as_deref().into()),
            ephemeral_owner: known.life.then_some(AsText(Hex(stat.ephemeral_owner))),
            mtime_ms: known.data.then_some(stat.mtime),
            mzxid: known.data.then_some(AsText(stat.mzxid)),
            pzxid: known.children.then_some(AsText(stat.pzxid)),
            size_bytes: known
                .data
                .then(|| znode.data.as_ref().map(|data| data.len())),
            version: known.data.then_some(stat.version),
        }
    }

    fn end_json<'s>(
        &self,
        summary: &'s Summary,
        state: Option<&'s State>,
        undelete: Option<&'s str>,
    ) -> HistoryEnd<'s> {
        let deleted = match state {
            Some(State::Absent { deleted }) => *deleted,
            _ => None,
        };
        HistoryEnd {
            damage: summary.damage.iter().map(ToString::to_string).collect(),
            deleted_by_zxid: deleted.map(AsText),
            end: state.and_then(|state| self.state_json(state)),
            events: summary.events,
            existed: summary.existed,
            gaps: summary.gaps,
            last_zxid: summary.last.map(AsText),
            line: "end",
            undelete,
            warnings: &summary.warnings,
        }
    }
}

/// The server that opened a session: the top byte of its id.
fn server_of(session: i64) -> u8 {
    let [server, ..] = session.to_be_bytes();
    server
}

fn op_text(event: &Event) -> String {
    match event.part {
        None => event.op.name().to_owned(),
        Some((index, count)) => format!("{} (multi {}/{count})", event.op.name(), index + 1),
    }
}

fn change_text(event: &Event) -> String {
    match &event.change {
        Change::Created { again } => {
            let again = again.map(|zxid| format!(" again, deleted by {zxid}"));
            let told = event.after.znode().map(znode_text).unwrap_or_default();
            format!("created{}: {told}", again.unwrap_or_default())
        }
        Change::DataSet => {
            let (before, after) = (event.before.znode(), event.after.znode());
            let before = before
                .filter(|znode| znode.known.data)
                .map_or_else(|| "unknown".to_owned(), size);
            let after = after.map(size).unwrap_or_default();
            let version = event.after.znode().map_or(0, |znode| znode.stat.version);
            format!("version {version}: {before} → {after}")
        }
        Change::AclSet => {
            let acl = |state: &State| state.znode().map_or("unknown".to_owned(), acl_text);
            let (before, after) = (acl(&event.before), acl(&event.after));
            let version = event.after.znode().map_or(0, |znode| znode.stat.aversion);
            format!("aversion {version}: {before} → {after}")
        }
        Change::Deleted(cause) => {
            let was = match &event.before {
                State::Present(znode) => format!(": {}", znode_text(znode)),
                State::Unknown | State::Absent { .. } => String::new(),
            };
            format!("deleted{}{was}", cause_text(*cause))
        }
        Change::ChildCreated { child } => format!("child created: {}", value::path(child)),
        Change::ChildDeleted { child, cause } => {
            format!(
                "child deleted{}: {}",
                cause_text(*cause),
                value::path(child)
            )
        }
    }
}

fn cause_text(cause: Cause) -> &'static str {
    match cause {
        Cause::Request => "",
        Cause::Expired => " by the server, because its TTL expired or its last child was deleted",
        Cause::SessionClosed { listed: true } => " because its session closed",
        Cause::SessionClosed { listed: false } => {
            " because its session closed (not listed in the log)"
        }
    }
}

fn znode_text(znode: &Znode) -> String {
    if !znode.known.data {
        return "version and data unknown".to_owned();
    }
    let owner = match znode.stat.ephemeral_owner {
        0 => String::new(),
        owner => format!(", owner 0x{owner:x}"),
    };
    format!("version {}, {}{owner}", znode.stat.version, size(znode))
}

fn size(znode: &Znode) -> String {
    match &znode.data {
        None => "null".to_owned(),
        Some(data) => text::plural(data.len() as u64, "byte"),
    }
}

fn acl_text(znode: &Znode) -> String {
    match &znode.acl {
        Some(acl) if znode.known.acl => value::acl(AclVector::from_decoded(acl)),
        _ => "unknown".to_owned(),
    }
}
