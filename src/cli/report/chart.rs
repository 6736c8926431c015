//! What is to be drawn: everything in a report that has a place in history, with the words for it.
//! No geometry yet.

use super::layout::{Extent, TimeAxis, ZxidAxis, by_epoch};
use super::{State, Subject, proof_words, when, when_or_unknown};
use crate::cli::views::files::exactness;
use crate::cli::views::text;
use zoovault::analysis::finding::Severity;
use zoovault::analysis::verify::{LogReport, Missing, SnapshotReport, Window};
use zoovault::history::replay::Proof;
use zoovault::zxid::Zxid;

/// How many ranges are drawn at most, the newest. All else is drawn as one where it lies too close,
/// and needs no such bound.
pub const WINDOWS_MAX: usize = 1000;

/// One thing with a place in history.
#[derive(Debug)]
pub struct Item {
    pub extent: Extent,
    /// What is written at it, where there is room.
    pub label: String,
    /// What it is, in full.
    pub title: String,
    pub state: State,
}

/// A range that can be restored.
#[derive(Debug)]
pub struct Bar {
    pub item: Item,
    pub proof: Option<Proof>,
}

/// A finding with a place.
#[derive(Debug)]
pub struct Mark {
    pub extent: Extent,
    /// Its number in the table.
    pub number: usize,
    pub severity: Severity,
    pub title: String,
}

/// Everything to be drawn.
#[derive(Debug)]
pub struct Chart {
    pub epochs: Vec<Item>,
    pub windows: Vec<Bar>,
    pub missing: Vec<Item>,
    pub logs: Vec<Item>,
    pub snapshots: Vec<Item>,
    pub findings: Vec<Mark>,
}

impl Chart {
    pub fn new(subject: &Subject<'_>) -> Chart {
        let report = subject.report;
        Chart {
            epochs: report
                .by_epoch
                .iter()
                .map(|epoch| Item {
                    extent: Extent {
                        zxids: (epoch.first, epoch.last),
                        times: Some((epoch.first_time, epoch.last_time)),
                    },
                    label: format!("epoch {}", epoch.epoch),
                    title: format!(
                        "Epoch {} (0x{:x}): {} to {}, {} to {}",
                        epoch.epoch,
                        epoch.epoch,
                        epoch.first,
                        epoch.last,
                        when(epoch.first_time),
                        when(epoch.last_time)
                    ),
                    state: State::Good,
                })
                .collect(),
            windows: report
                .windows
                .iter()
                .skip(report.windows.len().saturating_sub(WINDOWS_MAX))
                .map(|window| bar(subject, window))
                .collect(),
            missing: report.missing.iter().map(hole).collect(),
            logs: report.logs.iter().map(log).collect(),
            snapshots: report.snapshots.iter().map(snapshot).collect(),
            findings: marks(subject),
        }
    }

    fn items(&self) -> impl Iterator<Item = &Item> {
        let windows = self.windows.iter().map(|bar| &bar.item);
        self.logs.iter().chain(&self.snapshots).chain(windows)
    }

    /// An axis on which everything has its zxid.
    pub fn zxid_axis(&self, left: f64, right: f64) -> Option<ZxidAxis> {
        let point = |zxid: Zxid| (zxid, zxid);
        // Logs say what is held; windows and epochs have their ends where something is.
        let mut held: Vec<(Zxid, Zxid)> = self
            .logs
            .iter()
            .chain(&self.snapshots)
            .flat_map(|item| {
                let (first, last) = item.extent.zxids;
                if first.epoch() == last.epoch() {
                    vec![(first, last)]
                } else {
                    vec![point(first), point(last)]
                }
            })
            .collect();
        let windows = self.windows.iter().map(|bar| &bar.item);
        let marks = self.findings.iter().map(|mark| &mark.extent);
        held.extend(
            self.epochs
                .iter()
                .chain(windows)
                .map(|item| &item.extent)
                .chain(marks)
                .flat_map(|extent| [point(extent.zxids.0), point(extent.zxids.1)]),
        );
        let missing = self.missing.iter();
        let missing: Vec<(Zxid, Zxid)> = missing
            .flat_map(|item| by_epoch(item.extent.zxids))
            .collect();
        ZxidAxis::new(&held, &missing, left, right)
    }

    /// An axis on which everything has its time, if anything has one.
    pub fn time_axis(&self, left: f64, right: f64) -> Option<TimeAxis> {
        let times = self.items().filter_map(|item| item.extent.times);
        TimeAxis::new(times.flat_map(|(from, to)| [from, to]), left, right)
    }

    /// How many ranges, snapshots and findings have no time.
    pub fn without_time(&self) -> [(usize, &'static str); 3] {
        let count = |extents: &mut dyn Iterator<Item = Extent>| {
            extents.filter(|extent| extent.times.is_none()).count()
        };
        [
            (
                count(&mut self.windows.iter().map(|bar| bar.item.extent)),
                "range",
            ),
            (
                count(&mut self.snapshots.iter().map(|item| item.extent)),
                "snapshot",
            ),
            (
                count(&mut self.findings.iter().map(|mark| mark.extent)),
                "finding",
            ),
        ]
    }
}

/// What is drawn of a log.
fn log(log: &LogReport) -> Item {
    let summary = log.summary.as_ref();
    let state = State::of_log(log);
    let zxids = summary.and_then(|summary| {
        // Zxids may step back within a log, so its last run is not its highest.
        let first = summary.runs.iter().map(|run| run.first).min()?;
        let last = summary.runs.iter().map(|run| run.last).max()?;
        Some((first, last))
    });
    let holds = match (zxids, summary) {
        (Some((first, last)), Some(summary)) => {
            let times = summary
                .times()
                .map(|(from, to)| format!(", {} to {}", when(from), when(to)))
                .unwrap_or_default();
            format!(
                "{}, {first} to {last}{times}",
                text::plural(summary.count, "txn")
            )
        }
        (None, Some(_)) => "no transactions; drawn at the zxid in its name".to_owned(),
        (_, None) => "its header cannot be read; drawn at the zxid in its name".to_owned(),
    };
    Item {
        extent: Extent {
            zxids: zxids.unwrap_or((log.zxid, log.zxid)),
            times: summary.and_then(|summary| summary.times()),
        },
        label: log.name.clone(),
        title: format!("{}: {holds}; {}", log.name, state.words()),
        state,
    }
}

fn snapshot(snapshot: &SnapshotReport) -> Item {
    let state = State::of_snapshot(snapshot);
    let (exact_from, is_known) = exactness(snapshot.base.as_ref().map(|base| base.exact_from));
    let exact = match exact_from {
        Some(zxid) if is_known => format!("exact from {zxid}"),
        Some(zxid) => format!("exact from {zxid} at the latest"),
        None => "not known from which zxid it is exact".to_owned(),
    };
    let nodes = snapshot
        .nodes
        .map(|nodes| format!(", {}", text::plural(nodes, "znode")))
        .unwrap_or_default();
    // While it was being written, txns went on: it is no more than begun at its own zxid.
    let last = exact_from
        .filter(|zxid| *zxid > snapshot.zxid && zxid.epoch() == snapshot.zxid.epoch())
        .unwrap_or(snapshot.zxid);
    Item {
        extent: Extent {
            zxids: (snapshot.zxid, last),
            times: snapshot.time.map(|time| (time, time)),
        },
        label: snapshot.name.clone(),
        title: format!("{}{nodes}; {exact}; {}", snapshot.name, state.words()),
        state,
    }
}

fn bar(subject: &Subject<'_>, window: &Window) -> Bar {
    let report = subject.report;
    // The first point of a window has a time only where its txn is there; the base's is as near as
    // can be told.
    let base = report
        .snapshots
        .iter()
        .find(|snapshot| snapshot.name == window.base);
    // The empty tree stands right before the first txn. Of what else has no time, the last point is
    // as near.
    let first = report.txns.filter(|((first, _), _)| window.from <= *first);
    let from_time = window
        .from_time
        .or(base.and_then(|base| base.time))
        .or(first.map(|((_, time), _)| time))
        .or(window.to_time);
    let (name, _) = proof_words(window.proof);
    Bar {
        item: Item {
            extent: Extent {
                zxids: (window.from, window.to),
                times: from_time.zip(window.to_time.or(from_time)),
            },
            label: range(window.from, window.to),
            title: format!(
                "Can be restored, {name}: {} to {}, {} to {}, from {}",
                window.from,
                window.to,
                when_or_unknown(window.from_time),
                when_or_unknown(window.to_time),
                window.base
            ),
            state: State::Good,
        },
        proof: window.proof,
    }
}

/// Two zxids, or the one that both are.
fn range(first: Zxid, last: Zxid) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first} to {last}")
    }
}

fn hole(missing: &Missing) -> Item {
    let label = range(missing.first, missing.last);
    Item {
        extent: Extent {
            zxids: (missing.first, missing.last),
            times: missing
                .after_time
                .zip(missing.before_time.or(missing.after_time)),
        },
        title: format!(
            "Missing: {label}, between {} ({}) and {}",
            missing.after,
            when_or_unknown(missing.after_time),
            match missing.before {
                Some(before) => format!("{before} ({})", when_or_unknown(missing.before_time)),
                None => "the end of the logs".to_owned(),
            }
        ),
        label,
        state: State::Damaged,
    }
}

fn marks(subject: &Subject<'_>) -> Vec<Mark> {
    let findings = subject.report.findings.iter().enumerate();
    findings
        .filter_map(|(index, finding)| {
            let txn = finding.txn?;
            let zxid = txn.zxid();
            Some(Mark {
                extent: Extent {
                    zxids: (zxid, zxid),
                    times: finding.time.map(|time| (time, time)),
                },
                number: index + 1,
                severity: finding.severity,
                title: format!(
                    "{}: {} at {txn}: {}",
                    finding.severity.name(),
                    finding.code.name(),
                    finding.message
                ),
            })
        })
        .collect()
}
