//! `restore`: plan, write, and tell the operator how to go on.

use crate::cli::args::{EXIT_STATUS, POINTS, SourceArg};
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::json;
use crate::cli::ui::{Render, TextStyle, Ui};
use crate::cli::views::text;
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::io::{self, Write};
use std::path::PathBuf;
use zoovault::history::replay::{BaseFile, ExactFrom, Proof};
use zoovault::history::source::Source;
use zoovault::recovery::restore::{
    Ephemerals, Plan, What, Where, Written, ensure_writable, execute, new_epoch, plan,
};

/// Restore an exact data directory that a server can start from.
///
/// The tree is rebuilt as it was after the transaction that POINT names: data, ACLs, every stat
/// field, sessions, TTL and container nodes. It is written as one clean snapshot, without logs, in
/// a new epoch above any that the source has seen, with matching epoch files. A point that cannot
/// be rebuilt exactly is refused (status 5), and so is an unknown ACL (status 4): nothing is
/// guessed.
///
/// The target appears complete, synced and read back, or not at all. The procedure for putting it
/// into service is printed at the end.
#[derive(Args, Debug)]
#[command(after_help = POINTS, after_long_help = format!("{POINTS}\n\n{EXIT_STATUS}"))]
pub struct RestoreArgs {
    #[command(flatten)]
    pub source: SourceArg,
    /// The source's dataLogDir, if it is not the dataDir
    #[arg(long, value_name = "DIR")]
    pub source_data_log_dir: Option<PathBuf>,
    /// The point to restore to
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    pub to: String,
    /// Exclude the transaction that POINT names: restore to just before it
    #[arg(long)]
    pub exclusive: bool,
    /// The dataDir to create; with --members, the directory in which to create theirs
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    pub target: Option<PathBuf>,
    /// The dataLogDir to create, if it is to be separate; it stays empty
    #[arg(long, value_name = "DIR")]
    pub data_log_dir: Option<PathBuf>,
    /// Create a dataDir with myid for each of these members, named after it, below the target
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    pub members: Vec<u64>,
    /// Owner of the restored files, by name or number
    #[arg(long, value_name = "USER[:GROUP]")]
    pub chown: Option<String>,
    /// Name the snapshot with the zxid of the point instead of one in a new epoch: for inspecting
    /// it on a standalone server, not for an ensemble
    #[arg(long)]
    pub keep_zxid: bool,
    /// The new epoch; by default 4096 above the highest that the source has seen
    #[arg(long, value_name = "NUMBER")]
    pub epoch: Option<u32>,
    /// What to do with ephemerals and sessions
    #[arg(long, value_enum, default_value_t)]
    pub ephemerals: EphemeralsArg,
    /// The release that will load it, such as 3.5 or 3.9.4: warn about anything this release cannot
    /// load
    #[arg(long, value_name = "RELEASE")]
    pub for_version: Option<zoovault::format::release::Release>,
    /// If POINT is a snapshot without logs that shows no later transaction, use it as it is:
    /// unproven (status 3)
    #[arg(long)]
    pub accept_unproven: bool,
    /// Do everything, including the replay, but write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What becomes of ephemerals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EphemeralsArg {
    /// Keep them with their sessions, which then expire or are resumed.
    #[default]
    Keep,
    /// Drop them, as if every session had been closed.
    Drop,
}

pub fn run(args: &RestoreArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let what = What {
        point: text::point(&args.to)?,
        exclusive: args.exclusive,
        ephemerals: match args.ephemerals {
            EphemeralsArg::Keep => Ephemerals::Keep,
            EphemeralsArg::Drop => Ephemerals::Drop,
        },
        for_version: args.for_version,
        trust: text::trust(args.accept_unproven, false),
    };
    let place = Where {
        target: args.target.clone().unwrap_or_else(|| PathBuf::from(".")),
        data_log_dir: args.data_log_dir.clone(),
        members: members(args)?,
        owner: args.chown.as_deref().map(owner).transpose()?,
        keep_zxid: args.keep_zxid,
        epoch: args.epoch,
    };
    let options = args.source.options(args.source_data_log_dir.as_ref());
    let (report, name) = Source::with(&args.source.source, &options, |source| {
        if args.target.is_some() {
            ensure_writable(source, &place)?;
        }
        let plan = plan(source, &what, ui.progress())?;
        let base = plan.replayed.base.name(source);
        new_epoch(&plan, &place)?;
        let written = if args.dry_run {
            None
        } else {
            Some(execute(&plan, &place, ui.progress())?)
        };
        Ok((
            Outcome {
                plan,
                written,
                keep_zxid: args.keep_zxid,
                is_ensemble: !place.members.is_empty(),
            },
            base,
        ))
    })
    .context("cannot restore")?;
    let exit = if report.plan.warnings.is_empty() {
        Exit::Done
    } else {
        Exit::Warnings
    };
    let shown = Shown {
        source: text::path(&args.source.source),
        base: name,
        outcome: &report,
        exit,
    };
    ui.show(&shown, exit != Exit::Done)
        .with_context(|| match &report.written {
            Some(_) => "the restore is complete and in place, but cannot be reported",
            None => "cannot report",
        })?;
    // What is left is memory, and the end of the program frees it at once.
    std::mem::forget(report);
    Ok(exit)
}

fn members(args: &RestoreArgs) -> anyhow::Result<Vec<u64>> {
    let mut sorted = args.members.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() < args.members.len() {
        return Err(BadArgument("--members names a member twice".to_owned()).into());
    }
    Ok(args.members.clone())
}

/// User and group ids of `USER[:GROUP]`.
fn owner(text: &str) -> anyhow::Result<(Option<u32>, Option<u32>)> {
    let (user, group) = text
        .split_once(':')
        .map_or((text, None), |(user, group)| (user, Some(group)));
    let unknown =
        |what: &str, name: &str| BadArgument(format!("--chown: there is no {what} '{name}' here"));
    let user = match user.parse() {
        Ok(id) => id,
        Err(_) => nix::unistd::User::from_name(user)?
            .ok_or_else(|| unknown("user", user))?
            .uid
            .as_raw(),
    };
    let group = match group {
        None => None,
        Some(group) => match group.parse() {
            Ok(id) => Some(id),
            Err(_) => Some(
                nix::unistd::Group::from_name(group)?
                    .ok_or_else(|| unknown("group", group))?
                    .gid
                    .as_raw(),
            ),
        },
    };
    Ok((Some(user), group))
}

struct Outcome {
    plan: Plan,
    written: Option<Written>,
    keep_zxid: bool,
    is_ensemble: bool,
}

struct Shown<'a> {
    source: String,
    base: String,
    outcome: &'a Outcome,
    exit: Exit,
}

impl Shown<'_> {
    fn base_words(&self) -> String {
        let base = &self.outcome.plan.replayed.base;
        match (base.file, base.exact_from) {
            (BaseFile::Empty, _) => {
                "the empty tree: the logs begin with the first transaction".to_owned()
            }
            (_, ExactFrom::Known(zxid)) => format!("{}, exact from {zxid}", self.base),
            (_, ExactFrom::Bounded(zxid)) => {
                format!("{}, exact from {zxid} at the latest", self.base)
            }
            (_, ExactFrom::Open) => self.base.clone(),
        }
    }

    fn proof_words(&self) -> String {
        let replayed = &self.outcome.plan.replayed;
        match (replayed.proof, replayed.digests.matched) {
            (Proof::Proven, Some(matched)) => {
                format!(
                    "proven: {} compared, the last recorded with {}",
                    text::plural(replayed.digests.compared, "digest"),
                    matched.last
                )
            }
            (Proof::Proven | Proof::Consistent, _) => {
                "consistent: every transaction is present and intact; no digest was recorded"
                    .to_owned()
            }
            (Proof::Unproven, _) => "unproven: see the warnings".to_owned(),
        }
    }
}

impl Shown<'_> {
    fn replayed(&self, out: &mut dyn Write) -> io::Result<()> {
        let replayed = &self.outcome.plan.replayed;
        let Some((applied, (first_time, last_time))) = replayed.applied.zip(replayed.applied_times)
        else {
            return writeln!(out, "  replayed  nothing");
        };
        let txns = text::plural(replayed.count, "txn");
        writeln!(
            out,
            "  replayed  {} to {}: {txns}",
            applied.first, applied.last
        )?;
        let (from, to) = (text::time(first_time), text::time(last_time));
        writeln!(out, "            {from} to {to}")
    }

    /// What `-v` adds.
    fn background(&self, out: &mut dyn Write) -> io::Result<()> {
        for rejected in &self.outcome.plan.rejected {
            writeln!(out, "  rejected  {} {}", rejected.name, rejected.reason)?;
        }
        for (last, first) in &self.outcome.plan.replayed.joints {
            writeln!(
                out,
                "  epochs    {last} is followed by {first}: only digests can confirm that the epoch ended there"
            )?;
        }
        Ok(())
    }
}

impl Render for Shown<'_> {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let plan = &self.outcome.plan;
        let target = &plan.target;
        let verb = match self.outcome.written {
            Some(_) => "Restored",
            None => "Would restore",
        };
        let at = target.time.map(|time| format!(" at {}", text::time(time)));
        let nodes = text::plural(plan.replayed.tree.len() as u64, "znode");
        let (source, zxid) = (&self.source, target.zxid);
        let title = format!(
            "{verb} {source} to {zxid}{}: {nodes}",
            at.unwrap_or_default()
        );
        writeln!(out, "{}", look.paint("1", &title))?;
        writeln!(out, "  base      {}", self.base_words())?;
        self.replayed(out)?;
        match target.left_out {
            Some((zxid, time)) => {
                writeln!(out, "  excluded  {zxid} at {} and later", text::time(time))?;
            }
            None => match &target.hidden_behind {
                Some(damage) => writeln!(
                    out,
                    "  excluded  what damage hides: {}",
                    text::escape(damage)
                )?,
                None => writeln!(out, "  excluded  nothing")?,
            },
        }
        let is_kept = plan.replayed.tree.sessions().len() == plan.sessions;
        let ephemerals = text::plural(plan.ephemerals as u64, "ephemeral");
        let kept = if is_kept { "kept" } else { "dropped" };
        writeln!(
            out,
            "  sessions  {} with {ephemerals}, {kept}",
            plan.sessions
        )?;
        writeln!(out, "  proof     {}", self.proof_words())?;
        if look.verbose {
            self.background(out)?;
        }
        for note in &plan.notes {
            writeln!(out, "  note      {}", text::escape(note))?;
        }
        for warning in &plan.warnings {
            let label = look.paint("33", "warning");
            writeln!(out, "  {label}   {}", text::escape(warning))?;
        }
        match &self.outcome.written {
            None => writeln!(out, "Nothing was written (--dry-run)."),
            Some(written) => procedure(out, written, self.outcome, look),
        }
    }

    fn json(&self) -> json::Result {
        let (plan, written) = (&self.outcome.plan, &self.outcome.written);
        let replayed = &plan.replayed;
        let paths = |paths: &[PathBuf]| {
            paths
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        };
        json::value(&json::Restore {
            source: self.source.clone(),
            dry_run: written.is_none(),
            exit_status: self.exit as u8,
            zxid: plan.target.zxid.to_string(),
            time_ms: plan.target.time,
            base: self.base.clone(),
            base_zxid: replayed.base.zxid.to_string(),
            first_replayed_zxid: replayed.applied.map(|it| it.first.to_string()),
            last_replayed_zxid: replayed.applied.map(|it| it.last.to_string()),
            first_replayed_time_ms: replayed.applied_times.map(|(first, _)| first),
            last_replayed_time_ms: replayed.applied_times.map(|(_, last)| last),
            replayed_txns: replayed.count,
            first_left_out_zxid: plan.target.left_out.map(|(zxid, _)| zxid.to_string()),
            first_left_out_time_ms: plan.target.left_out.map(|(_, time)| time),
            hidden_behind: plan.target.hidden_behind.clone(),
            proof: replayed.proof.name(),
            digests_compared: replayed.digests.compared,
            tree_digest: replayed.tree.digest().map(|digest| format!("0x{digest:x}")),
            znodes: replayed.tree.len(),
            sessions: plan.sessions,
            ephemerals: plan.ephemerals,
            warnings: plan.warnings.clone(),
            notes: plan.notes.clone(),
            rejected_bases: plan
                .rejected
                .iter()
                .map(|rejected| json::RejectedBase {
                    name: rejected.name.clone(),
                    reason: rejected.reason.clone(),
                })
                .collect::<Vec<_>>(),
            snapshot: written.as_ref().map(|written| &written.name).cloned(),
            snapshot_size_bytes: written.as_ref().map(|written| written.size),
            epoch: written.as_ref().map(|written| written.epoch),
            data_dirs: written.as_ref().map(|written| paths(&written.data_dirs)),
            data_log_dirs: written
                .as_ref()
                .map(|written| paths(&written.data_log_dirs)),
        })
    }
}

/// How to put what was written into service, in lines that fit a terminal of 80 columns.
fn procedure(
    out: &mut dyn Write,
    written: &Written,
    outcome: &Outcome,
    look: &TextStyle,
) -> io::Result<()> {
    let size = text::size(written.size);
    for dir in &written.data_dirs {
        writeln!(
            out,
            "  written   {}/version-2/{} ({size})",
            text::path(dir),
            written.name
        )?;
    }
    writeln!(
        out,
        "  epochs    currentEpoch and acceptedEpoch are {}",
        written.epoch
    )?;
    if outcome.keep_zxid {
        return out.write_all(KEPT_ZXID.as_bytes());
    }
    writeln!(out, "\n{}", look.paint("1", "To put it into service:"))?;
    out.write_all(STOP_AND_CLEAR.as_bytes())?;
    let what = match outcome.is_ensemble {
        true => "Give every voter the version-2 of its own directory",
        false => "Give every voter this same version-2",
    };
    writeln!(
        out,
        "  3. {what} in its dataDir,\n     owned by the server's user. Leave an observer's empty."
    )?;
    writeln!(
        out,
        "  4. Keep a copy: a server overwrites the snapshot that it starts from."
    )?;
    writeln!(
        out,
        "  5. Start the voters, then the observers. 'srvr' is to show the same zxid on"
    )?;
    // Servers count the root twice, as "" and as "/".
    let nodes = outcome.plan.replayed.tree.len() + 1;
    let ephemerals = outcome.plan.replayed.tree.ephemerals();
    writeln!(
        out,
        "     all, and a node count of {nodes}, less those of the {ephemerals} ephemerals whose"
    )?;
    writeln!(out, "     sessions have expired by then.")
}

const STOP_AND_CLEAR: &str = "  1. Stop every member of the ensemble, observers too.
  2. On every member move everything out of version-2, in the dataDir and in
     the dataLogDir. Keep myid and zoo.cfg; make no file named initialize.
";

const KEPT_ZXID: &str = "
The zxid was kept: use this on a standalone server only, for inspection. An
ensemble needs a restore without --keep-zxid; otherwise members and clients that
have seen more of the old history will mix it in.
";
