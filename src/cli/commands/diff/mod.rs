//! `diff`: what changed between two points of one source, or between two sources.

mod sides;

use crate::cli::args::{POINTS, SourceArg, options as source_options};
use crate::cli::exit::Exit;
use crate::cli::json::{
    AsText, DiffLine, DiffSession, DiffSide, DiffSummary, DiffTop, DiffZnode, PathField, ZnodeState,
};
use crate::cli::ui::{Lines, TextStyle, Ui};
use crate::cli::views::text;
use crate::cli::views::unified;
use crate::cli::views::value;
use anyhow::Context;
use clap::{Args, ValueEnum};
use sides::{Side, sides, warnings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use zoovault::history::point::Point;
use zoovault::history::source::{self, Source};
use zoovault::tree::diff::{
    Aspect, Difference, Field, Kind, Options, SessionDifference, between, sessions_between,
};
use zoovault::tree::glob::PathGlob;
use zoovault::tree::{AclValue, NodeView};
use zoovault::zxid::Hex;

/// How much of a value a line shows.
const VALUE_LEN_MAX: usize = 60;
/// Data that is longer is not compared line by line: nobody would read it.
const UNIFIED_LEN_MAX: usize = 4 << 20;
const STATUS: &str = "\
Exit status:
  0  equal
  3  different
  1  failed; 2 bad arguments; 4 damage; 5 a point cannot be reached exactly";

/// Show what changed between two points of one source, or between two sources.
///
/// With one SOURCE: the tree at --from, by default the first exact point, against the tree at --to,
/// by default the last. With two: the tree of SOURCE at --from against that of OTHER at --to, both
/// the last by default. Contents are compared, not sizes.
///
/// One line per znode, parents first: A created, D deleted, M changed (data, acl, and which fields
/// of the stat), R recreated: deleted, and created again by another transaction. What servers
/// derive is not compared: the data of quota counts, and /zookeeper/config.
#[derive(Args, Debug)]
#[command(after_help = STATUS, after_long_help = format!("{POINTS}\n\n{STATUS}"))]
pub struct DiffArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// Another source, whose tree is the second
    #[arg(value_name = "OTHER")]
    pub other: Option<PathBuf>,
    /// The dataLogDir, if it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// The dataLogDir of OTHER, if it is not its dataDir
    #[arg(long, value_name = "DIR", requires = "other")]
    pub other_data_log_dir: Option<PathBuf>,
    /// The point of the first tree
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// The point of the second tree
    #[arg(
        long,
        value_name = "POINT",
        default_value = "latest",
        allow_hyphen_values = true
    )]
    pub to: String,
    /// Only znodes whose path matches: * and ? within a name, ** across any number. Sessions are
    /// then ignored
    #[arg(long, value_name = "GLOB")]
    pub path: Option<PathGlob>,
    /// Ignore these differences; with 'stat', ignore delete-and-recreate
    #[arg(long, value_name = "ASPECT,...", value_enum, value_delimiter = ',')]
    pub ignore: Vec<AspectArg>,
    /// If a point is a snapshot without logs, use it as it is in the file: it may contain parts of
    /// later transactions
    #[arg(long)]
    pub as_is: bool,
    /// Also compare what servers derive
    #[arg(long)]
    pub derived: bool,
    /// Show how text changed, line by line; for data that is not text, only the size
    #[arg(short, long)]
    pub unified: bool,
    /// Only count, by the first component of the path
    #[arg(long, conflicts_with = "unified")]
    pub stat: bool,
    /// Also show values: in JSON in full, as text or base64
    #[arg(long)]
    pub values: bool,
}

/// What can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AspectArg {
    /// The data.
    Data,
    /// The ACLs.
    Acl,
    /// Every field of the stat.
    Stat,
    /// Sessions.
    Sessions,
}

pub fn run(args: &DiffArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let to = text::point(&args.to)?;
    let default = match args.other {
        Some(_) => Point::Latest,
        None => Point::First,
    };
    let from = match &args.from {
        Some(from) => text::point(from)?,
        None => default,
    };
    let trust = text::trust(false, args.as_is);
    let opened = [
        source_options(args.data_log_dir.as_ref()),
        source_options(args.other_data_log_dir.as_ref()),
    ];
    let paths = std::iter::once(args.source.source.as_path()).chain(args.other.as_deref());
    let places: Vec<(&Path, &source::Options)> = paths.zip(&opened).collect();
    let (before, after) =
        Source::with_all(&places, |sources| sides(sources, (from, to), trust, ui))
            .context("cannot compare")?;
    let options = Options {
        path: args.path.clone(),
        ignore: args.ignore.iter().map(|aspect| aspect.aspect()).collect(),
        derived: args.derived,
    };
    for (side, other) in [(&before, None), (&after, Some(&before))] {
        for warning in warnings(side) {
            if other.is_none_or(|other| !warnings(other).contains(&warning)) {
                ui.warn(&text::escape(&warning));
            }
        }
    }
    let shown = Shown {
        args,
        before,
        after,
        options,
    };
    let is_equal = shown.show(ui)?;
    // What is left is memory, and the end of the program frees it at once.
    std::mem::forget(shown);
    Ok(exit(is_equal))
}

impl AspectArg {
    fn aspect(self) -> Aspect {
        match self {
            AspectArg::Data => Aspect::Data,
            AspectArg::Acl => Aspect::Acl,
            AspectArg::Stat => Aspect::Stat,
            AspectArg::Sessions => Aspect::Sessions,
        }
    }
}

/// How many znodes of each kind, and their bytes of data before and after.
#[derive(Clone, Copy, Default)]
struct Count {
    created: u64,
    deleted: u64,
    recreated: u64,
    changed: u64,
    bytes_before: u64,
    bytes_after: u64,
}

impl Count {
    fn take_in(&mut self, difference: &Difference<'_>) {
        match difference.kind {
            Kind::Created => self.created += 1,
            Kind::Deleted => self.deleted += 1,
            Kind::Recreated => self.recreated += 1,
            Kind::Changed => self.changed += 1,
        }
        self.bytes_before += size(difference.before.as_ref());
        self.bytes_after += size(difference.after.as_ref());
    }

    fn words(&self) -> String {
        let kinds = [
            (self.created, "created"),
            (self.deleted, "deleted"),
            (self.recreated, "recreated"),
            (self.changed, "changed"),
        ];
        let told = kinds.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told
            .map(|(count, word)| format!("{} {word}", text::count(*count)))
            .collect();
        let bytes = text::count(self.bytes_after.abs_diff(self.bytes_before));
        let sign = if self.bytes_after < self.bytes_before {
            "-"
        } else {
            "+"
        };
        format!("{}; {sign}{bytes} bytes", told.join(", "))
    }
}

fn size(node: Option<&NodeView<'_>>) -> u64 {
    node.and_then(|node| node.data)
        .map_or(0, |data| data.len() as u64)
}

/// The first name of a path: `/a` of `/a/b/c`.
fn top(path: &[u8]) -> &[u8] {
    let end = path.iter().skip(1).position(|byte| *byte == b'/');
    path.get(..end.map_or(path.len(), |end| end + 1))
        .unwrap_or_default()
}

struct Shown<'a> {
    args: &'a DiffArgs,
    before: Side,
    after: Side,
    options: Options,
}

impl Shown<'_> {
    /// Shows everything; whether the trees are equal.
    fn show(&self, ui: &Ui) -> anyhow::Result<bool> {
        let (a, b) = (&self.before.replayed.tree, &self.after.replayed.tree);
        let mut lines = ui.lines();
        let look = ui.look();
        let (mut all, mut tops) = (Count::default(), BTreeMap::<Vec<u8>, Count>::new());
        if !ui.is_json() && !ui.is_quiet() {
            lines.push(self.title(&look).as_bytes())?;
        }
        for difference in between(a, b, &self.options) {
            all.take_in(&difference);
            if self.args.stat {
                let top = top(difference.path()).to_vec();
                tops.entry(top).or_default().take_in(&difference);
            } else if ui.is_json() {
                let line = DiffLine::Znode(Box::new(self.difference_json(&difference)));
                lines.push_json(&line)?;
            } else if !ui.is_quiet() {
                lines.push(self.difference_text(&difference, &look).as_bytes())?;
            }
        }
        let sessions = sessions_between(a, b, &self.options);
        let count = all.created + all.deleted + all.recreated + all.changed;
        let is_equal = count == 0 && sessions.is_empty();
        if ui.is_json() {
            self.end_json(&mut lines, &all, &tops, &sessions, is_equal)?;
        } else if !ui.is_quiet() {
            self.end_text(&mut lines, &all, &tops, &sessions, &look)?;
        }
        lines.flush()?;
        Ok(is_equal)
    }

    fn title(&self, look: &TextStyle) -> String {
        let at = |side: &Side| {
            let time = side
                .target
                .time
                .map(|time| format!(" ({})", text::time(time)));
            format!("{}{}", side.target.zxid, time.unwrap_or_default())
        };
        let (before, after) = (&self.before, &self.after);
        let title = match self.args.other {
            None => format!("{}: {} to {}", before.name, at(before), at(after)),
            Some(_) => format!(
                "{} at {} to {} at {}",
                before.name,
                at(before),
                after.name,
                at(after)
            ),
        };
        format!("{}\n", look.paint("1", &title))
    }

    fn difference_text(&self, difference: &Difference<'_>, look: &TextStyle) -> String {
        let (letter, color) = match difference.kind {
            Kind::Created => ("A", "32"),
            Kind::Deleted => ("D", "31"),
            Kind::Changed => ("M", "33"),
            Kind::Recreated => ("R", "35"),
        };
        let told = match (difference.kind, &difference.before, &difference.after) {
            (Kind::Created, _, Some(node)) => format!("created: {}", self.whole(node)),
            (Kind::Deleted, Some(node), _) => format!("deleted: {}", self.whole(node)),
            (Kind::Recreated, Some(before), Some(after)) => format!(
                "recreated by {}: {}",
                after.stat.czxid,
                self.changes(difference, before, after, look)
            ),
            (_, Some(before), Some(after)) => self.changes(difference, before, after, look),
            _ => String::new(),
        };
        let path = value::path(difference.path());
        let mut lines = format!("{} {path}  {told}\n", look.paint(color, letter));
        if self.args.unified {
            lines.push_str(&self.unified(difference, look));
        }
        lines
    }

    /// A znode that is in one tree only.
    fn whole(&self, node: &NodeView<'_>) -> String {
        let data = if self.args.values {
            value::data(node.data, VALUE_LEN_MAX)
        } else {
            bytes(node.data)
        };
        match node.stat.ephemeral_owner {
            0 => data,
            owner => format!("{data}, owner 0x{owner:x}"),
        }
    }

    fn changes(
        &self,
        difference: &Difference<'_>,
        a: &NodeView<'_>,
        b: &NodeView<'_>,
        look: &TextStyle,
    ) -> String {
        let has = |field| difference.fields.contains(&field);
        let mut told = Vec::new();
        if has(Field::Data) {
            told.push(if self.args.values {
                let value = |data| value::data(data, VALUE_LEN_MAX);
                format!("data {} → {}", value(a.data), value(b.data))
            } else if a.data.map(<[u8]>::len) == b.data.map(<[u8]>::len) {
                format!("data ({})", bytes(b.data))
            } else {
                format!("data {} → {}", bytes(a.data), bytes(b.data))
            });
        }
        if has(Field::Acl) {
            told.push(format!(
                "acl {} → {}",
                value::acl_value(a.acl),
                value::acl_value(b.acl)
            ));
        }
        let stat = difference.fields.iter().filter(|field| field.is_stat());
        let stat: Vec<String> = stat
            .map(|field| {
                let is_number = matches!(
                    field,
                    Field::Version | Field::Cversion | Field::Aversion | Field::EphemeralOwner
                );
                if look.verbose || is_number {
                    let (a, b) = (
                        value::stat_field(a.stat, *field),
                        value::stat_field(b.stat, *field),
                    );
                    format!("{} {a} → {b}", field.name())
                } else {
                    field.name().to_owned()
                }
            })
            .collect();
        if !stat.is_empty() {
            told.push(format!("stat: {}", stat.join(", ")));
        }
        told.join("; ")
    }

    /// How the data changed, line by line.
    fn unified(&self, difference: &Difference<'_>, look: &TextStyle) -> String {
        let (a, b) = (difference.before, difference.after);
        let a = a.and_then(|node| node.data).unwrap_or_default();
        let b = b.and_then(|node| node.data).unwrap_or_default();
        if a == b {
            return String::new();
        }
        let is_short = a.len().max(b.len()) <= UNIFIED_LEN_MAX;
        let (Ok(old), Ok(new), true) = (std::str::from_utf8(a), std::str::from_utf8(b), is_short)
        else {
            return String::new();
        };
        let path = value::path(difference.path());
        let name = |node: &Option<NodeView<'_>>, side: &Side| match node {
            Some(_) => format!("{path}\t{}", side.target.zxid),
            None => "/dev/null".to_owned(),
        };
        let names = [
            name(&difference.before, &self.before),
            name(&difference.after, &self.after),
        ];
        unified::diff(old, new, &names, look)
    }

    fn difference_json<'d>(&self, difference: &Difference<'d>) -> DiffZnode<'d> {
        let fields = &difference.fields;
        let node = |node: &Option<NodeView<'d>>| node.as_ref().map(|it| self.node_json(it, fields));
        DiffZnode {
            after: node(&difference.after),
            before: node(&difference.before),
            change: match difference.kind {
                Kind::Created => "created",
                Kind::Deleted => "deleted",
                Kind::Recreated => "recreated",
                Kind::Changed => "changed",
            },
            fields: fields.iter().map(|field| field.name()).collect(),
            line: "znode",
            path: PathField::of_znode(difference.path()),
        }
    }

    /// The fields of `wanted`, or all if none.
    fn node_json<'n>(&self, node: &NodeView<'n>, wanted: &[Field]) -> ZnodeState<'n> {
        let has = |field| wanted.is_empty() || wanted.contains(&field);
        let stat = node.stat;
        let acl = match node.acl {
            AclValue::List(list) => Some(list.into()),
            AclValue::Unresolved(_) => None,
        };
        ZnodeState {
            acl: has(Field::Acl).then_some(acl),
            aversion: has(Field::Aversion).then_some(stat.aversion),
            ctime_ms: has(Field::Ctime).then_some(stat.ctime),
            cversion: has(Field::Cversion).then_some(stat.cversion),
            czxid: has(Field::Czxid).then_some(AsText(stat.czxid)),
            data: (has(Field::Data) && self.args.values).then(|| node.data.into()),
            ephemeral_owner: has(Field::EphemeralOwner)
                .then_some(AsText(Hex(stat.ephemeral_owner))),
            mtime_ms: has(Field::Mtime).then_some(stat.mtime),
            mzxid: has(Field::Mzxid).then_some(AsText(stat.mzxid)),
            pzxid: has(Field::Pzxid).then_some(AsText(stat.pzxid)),
            size_bytes: has(Field::Data).then_some(node.data.map(<[u8]>::len)),
            version: has(Field::Version).then_some(stat.version),
        }
    }

    fn end_text(
        &self,
        lines: &mut Lines<'_>,
        all: &Count,
        tops: &BTreeMap<Vec<u8>, Count>,
        sessions: &[SessionDifference],
        look: &TextStyle,
    ) -> anyhow::Result<()> {
        let width = tops.keys().map(|top| value::path(top).chars().count());
        let width = width.max().unwrap_or(0);
        for (top, count) in tops {
            let line = format!("{:<width$}  {}\n", value::path(top), count.words());
            lines.push(line.as_bytes())?;
        }
        for session in sessions.iter().filter(|_| look.verbose) {
            let told = match (session.before, session.after) {
                (None, Some(timeout)) => format!("opened, timeout {timeout} ms"),
                (Some(timeout), None) => format!("closed, timeout {timeout} ms"),
                (before, after) => format!(
                    "timeout {} → {} ms",
                    before.unwrap_or(0),
                    after.unwrap_or(0)
                ),
            };
            lines.push(format!("S {}  {told}\n", session.session).as_bytes())?;
        }
        let count = all.created + all.deleted + all.recreated + all.changed;
        if count > 0 {
            lines.push(format!("{}\n", all.words()).as_bytes())?;
        }
        if !sessions.is_empty() {
            let opened = sessions.iter().filter(|it| it.before.is_none()).count();
            let closed = sessions.iter().filter(|it| it.after.is_none()).count();
            let more = if look.verbose { "" } else { " (-v lists them)" };
            let line = format!(
                "sessions: {opened} opened, {closed} closed, {} changed{more}\n",
                sessions.len() - opened - closed
            );
            lines.push(line.as_bytes())?;
        } else if count == 0 {
            lines.push(b"equal\n")?;
        }
        Ok(())
    }

    fn end_json(
        &self,
        lines: &mut Lines<'_>,
        all: &Count,
        tops: &BTreeMap<Vec<u8>, Count>,
        sessions: &[SessionDifference],
        is_equal: bool,
    ) -> anyhow::Result<()> {
        for (top, count) in tops {
            lines.push_json(&DiffLine::Top(DiffTop {
                bytes_after: count.bytes_after,
                bytes_before: count.bytes_before,
                changed: count.changed,
                created: count.created,
                deleted: count.deleted,
                line: "top",
                path: PathField::of_znode(top),
                recreated: count.recreated,
            }))?;
        }
        for session in sessions.iter().filter(|_| !self.args.stat) {
            lines.push_json(&DiffLine::Session(DiffSession {
                line: "session",
                session: AsText(session.session),
                timeout_after_ms: session.after,
                timeout_before_ms: session.before,
            }))?;
        }
        lines.push_json(&DiffLine::Summary(DiffSummary {
            after: side_json(&self.after),
            before: side_json(&self.before),
            bytes_after: all.bytes_after,
            bytes_before: all.bytes_before,
            changed: all.changed,
            created: all.created,
            deleted: all.deleted,
            equal: is_equal,
            exit_status: exit(is_equal) as u8,
            line: "summary",
            recreated: all.recreated,
            sessions: sessions.len(),
        }))
    }
}

fn exit(is_equal: bool) -> Exit {
    if is_equal { Exit::Done } else { Exit::Warnings }
}

fn side_json(side: &Side) -> DiffSide<'_> {
    DiffSide {
        proof: side.replayed.proof.name(),
        source: &side.name,
        time_ms: side.target.time,
        warnings: warnings(side),
        zxid: AsText(side.target.zxid),
    }
}

fn bytes(data: Option<&[u8]>) -> String {
    match data {
        None => "null".to_owned(),
        Some(data) => text::plural(data.len() as u64, "byte"),
    }
}
