//! The list in its two views.

use super::BackupsArgs;
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::json;
use crate::cli::ui::{Render, TextStyle};
use crate::cli::views::text;
use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use zoovault::backup::check::{Age, Backup, Lineage, Overview};
use zoovault::repository::{Manifest, StoredWindow};

/// What is shown of a repository.
pub struct List<'a> {
    place: String,
    overview: &'a Overview,
    now_ms: i64,
    /// What is wrong with its age.
    stale: Option<String>,
    exit: Exit,
    /// The lineage that is listed; all, where it is `None`.
    lineage: Option<String>,
    /// Names of the backups that are listed.
    listed: HashSet<String>,
}

impl<'a> List<'a> {
    /// What `args` want to see of `overview`.
    pub fn new(
        args: &BackupsArgs,
        place: &Path,
        overview: &'a Overview,
        now_ms: i64,
        stale: Option<String>,
        exit: Exit,
    ) -> anyhow::Result<List<'a>> {
        let lineage = match &args.lineage {
            None => None,
            Some(id) => Some(find(overview, id)?),
        };
        let is_wanted = |other: &&Lineage| lineage.as_ref().is_none_or(|id| *id == other.id);
        let wanted = overview.lineages.iter().filter(is_wanted);
        let mut backups: Vec<&Backup> = wanted.flat_map(|lineage| &lineage.backups).collect();
        backups.sort_by_key(|backup| std::cmp::Reverse(&backup.name));
        let limit = args.last.unwrap_or(usize::MAX);
        let listed = backups
            .iter()
            .take(limit)
            .map(|backup| backup.name.object());
        Ok(List {
            place: text::path(place),
            overview,
            now_ms,
            stale,
            exit,
            lineage,
            listed: listed.collect(),
        })
    }

    /// What everybody has to hear of.
    pub fn alarms(&self) -> Vec<String> {
        let damaged = self.overview.damaged().map(|(backup, error)| {
            let error = text::escape(&error.to_string());
            format!("backup {} is damaged: {error}", backup.name.id)
        });
        self.stale.iter().cloned().chain(damaged).collect()
    }

    /// The lineages that are listed, with those of their backups that are, the newest first.
    fn shown(&self) -> impl Iterator<Item = (&'a Lineage, Vec<&'a Backup>)> {
        let is_listed = |backup: &&Backup| self.listed.contains(&backup.name.object());
        let lineages = self.overview.lineages.iter();
        let of = move |lineage: &'a Lineage| {
            let backups = lineage.backups.iter().rev().filter(is_listed);
            (lineage, backups.collect::<Vec<&Backup>>())
        };
        let is_asked_for = |lineage: &&Lineage| self.lineage.as_ref() == Some(&lineage.id);
        lineages
            .filter(move |lineage| self.lineage.is_none() || is_asked_for(lineage))
            .map(of)
            .filter(|(_, backups)| !backups.is_empty())
    }

    fn age(&self, backup: &Backup) -> String {
        match self.now_ms - made_at(backup) {
            age if age >= 0 => text::span(age),
            age => format!("in {}", text::span(-age)),
        }
    }
}

/// The lineage whose id begins so.
fn find(overview: &Overview, id: &str) -> anyhow::Result<String> {
    let mut found = overview
        .lineages
        .iter()
        .filter(|lineage| !id.is_empty() && lineage.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(lineage), None) => Ok(lineage.id.clone()),
        (None, _) => Err(BadArgument(format!("there is no lineage {id}")).into()),
        _ => Err(BadArgument(format!("more than one lineage begins with {id}")).into()),
    }
}

/// When a backup was made: by the clock of its host, where its manifest can be read.
fn made_at(backup: &Backup) -> i64 {
    match &backup.manifest {
        Ok(manifest) => manifest.created_ms,
        Err(_) => backup.name.created_ms,
    }
}

impl Render for List<'_> {
    fn human(&self, out: &mut dyn Write, look: &TextStyle) -> io::Result<()> {
        let overview = self.overview;
        for alarm in self.alarms() {
            writeln!(out, "{} {alarm}", look.paint("1;31", "ALARM:"))?;
        }
        writeln!(
            out,
            "{}: {} of {}: {} of {}",
            look.paint("1", &self.place),
            text::plural(overview.backups, "backup"),
            text::plural(overview.lineages.len() as u64, "lineage"),
            text::plural(overview.objects, "object"),
            text::size(overview.bytes),
        )?;
        if overview.forgotten > 0 {
            let forgotten = text::plural(overview.forgotten, "backup");
            writeln!(out, "  {forgotten} forgotten and not deleted yet")?;
        }
        match overview.newest() {
            Some((backup, manifest, window)) => {
                let (id, age) = (&backup.name.id, self.age(backup));
                let made = text::time_to_the_second(manifest.created_ms);
                writeln!(out, "  newest   {id}, made {made}, {age} old")?;
                writeln!(out, "           restores {}", window_words(window))?;
            }
            None => {
                let none = "no backup can be restored to its last transaction";
                writeln!(out, "  newest   {}", look.paint("31", none))?;
            }
        }
        for (lineage, backups) in self.shown() {
            self.show_lineage(out, lineage, &backups, look)?;
        }
        Ok(())
    }

    fn json(&self) -> json::Result {
        let overview = self.overview;
        json::value(&json::Backups {
            repository: self.place.clone(),
            exit_status: self.exit as u8,
            backups: overview.backups,
            forgotten: overview.forgotten,
            damaged: overview.damaged().count(),
            objects: overview.objects,
            bytes: overview.bytes,
            alarms: self.alarms(),
            newest: overview
                .newest()
                .map(|(backup, manifest, window)| json::Newest {
                    id: backup.name.id.clone(),
                    lineage: backup.name.lineage.clone(),
                    created_ms: manifest.created_ms,
                    age_ms: match overview.age(self.now_ms) {
                        Age::Ms(age) => Some(age),
                        Age::None | Age::Unknown => None,
                    },
                    window: window.into(),
                }),
            lineages: self
                .shown()
                .map(|(lineage, backups)| json::BackupsLineage {
                    lineage: lineage.id.clone(),
                    objects: lineage.objects,
                    bytes: lineage.bytes,
                    windows: lineage
                        .windows
                        .iter()
                        .map(json::TimedRange::from)
                        .collect::<Vec<_>>(),
                    backups: backups
                        .into_iter()
                        .map(|backup| self.backup_json(backup))
                        .collect::<Vec<_>>(),
                })
                .collect::<Vec<_>>(),
        })
    }
}

impl List<'_> {
    fn show_lineage(
        &self,
        out: &mut dyn Write,
        lineage: &Lineage,
        backups: &[&Backup],
        look: &TextStyle,
    ) -> io::Result<()> {
        let title = format!("lineage {}", text::escape(&lineage.id));
        let all = text::plural(lineage.backups.len() as u64, "backup");
        let size = text::size(lineage.bytes);
        writeln!(out, "\n{}  {all}, {size}", look.paint("1", &title))?;
        writeln!(out, "  can be restored:")?;
        for window in &lineage.windows {
            writeln!(out, "    {}", look.paint("32", &window_words(window)))?;
        }
        if lineage.windows.is_empty() {
            writeln!(out, "    {}", look.paint("31", "nothing"))?;
        }
        let mut rows = vec![
            [
                "ID", "MADE", "AGE", "WINDOW", "UNTIL", "TXNS", "ADDED", "TOTAL", "SOURCE",
            ]
            .map(str::to_owned),
        ];
        rows.extend(backups.iter().map(|backup| self.row(backup)));
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..9).map(width).collect();
        let remarks = std::iter::once(None).chain(backups.iter().map(Some));
        for (row, backup) in rows.iter().zip(remarks) {
            let cells = row.iter().zip(&widths).enumerate();
            let cells: Vec<String> = cells
                .map(|(column, (cell, width))| match column {
                    2 | 5..=7 => format!("{cell:>width$}"),
                    _ => format!("{cell:<width$}"),
                })
                .collect();
            let remark = backup
                .map(|backup| remark(backup, look))
                .unwrap_or_default();
            let line = format!("  {}  {remark}", cells.join("  "));
            writeln!(out, "{}", line.trim_end())?;
            if let Some(backup) = backup.filter(|_| look.verbose) {
                show_more(out, backup)?;
            }
        }
        Ok(())
    }

    fn row(&self, backup: &Backup) -> [String; 9] {
        let id = backup.name.id.clone();
        let made = text::time_to_the_second(made_at(backup));
        let age = self.age(backup);
        let Ok(manifest) = &backup.manifest else {
            let dash = || "-".to_owned();
            return [
                id,
                made,
                age,
                "DAMAGED".to_owned(),
                dash(),
                dash(),
                dash(),
                dash(),
                dash(),
            ];
        };
        let window = manifest.newest_window();
        [
            id,
            made,
            age,
            window.map_or("NO WINDOW".to_owned(), |window| {
                format!("{}..{}", window.from_zxid, window.to_zxid)
            }),
            window
                .and_then(|window| window.to_time_ms)
                .map_or("-".to_owned(), text::time_to_the_second),
            text::count(manifest.added_txns),
            text::size(manifest.added_bytes),
            text::size(backup.bytes),
            source(manifest),
        ]
    }

    fn backup_json(&self, backup: &Backup) -> json::BackupsEntry {
        let name = &backup.name;
        let manifest = match &backup.manifest {
            Ok(manifest) => manifest,
            Err(error) => {
                return json::BackupsEntry::Damaged(json::DamagedEntry {
                    id: name.id.clone(),
                    object: name.object(),
                    named_ms: name.created_ms,
                    last_zxid: name.zxid.to_string(),
                    is_damaged: true,
                    error: error.to_string(),
                    is_pinned: backup.is_pinned,
                });
            }
        };
        json::BackupsEntry::Readable(Box::new(json::ReadableEntry {
            id: name.id.clone(),
            object: name.object(),
            named_ms: name.created_ms,
            created_ms: manifest.created_ms,
            age_ms: self.now_ms - manifest.created_ms,
            is_damaged: false,
            error: None,
            is_pinned: backup.is_pinned,
            host: manifest.source.host.clone(),
            path: manifest.source.path.clone(),
            member: manifest.source.member,
            last_zxid: manifest.last.as_ref().map(|mark| mark.zxid.to_string()),
            last_time_ms: manifest.last.as_ref().map(|mark| mark.time_ms),
            window: manifest.newest_window().map(json::TimedRange::from),
            windows: manifest
                .windows
                .iter()
                .map(json::TimedRange::from)
                .collect::<Vec<_>>(),
            added_txns: manifest.added_txns,
            added_bytes: manifest.added_bytes,
            objects: backup.objects,
            bytes: backup.bytes,
            follows: manifest.follows.clone(),
            warnings: manifest.warnings.clone(),
            tool: manifest.tool.clone(),
        }))
    }
}

/// Host, path and member.
fn source(manifest: &Manifest) -> String {
    let source = &manifest.source;
    let member = source
        .member
        .map(|id| format!(" ({id})"))
        .unwrap_or_default();
    text::escape(&format!("{}:{}{member}", source.host, source.path))
}

/// What is to be said of a backup at the end of its line.
fn remark(backup: &Backup, look: &TextStyle) -> String {
    let pinned = backup.is_pinned.then(|| "pinned".to_owned());
    let warnings = match &backup.manifest {
        Ok(manifest) if !manifest.warnings.is_empty() => {
            let warnings = text::plural(manifest.warnings.len() as u64, "warning");
            Some(look.paint("33", &warnings))
        }
        Ok(_) => None,
        Err(_) => Some(look.paint("31", "zoovault check shows what is wrong")),
    };
    let remarks: Vec<String> = pinned.into_iter().chain(warnings).collect();
    remarks.join(", ")
}

/// Every window and every warning.
fn show_more(out: &mut dyn Write, backup: &Backup) -> io::Result<()> {
    match &backup.manifest {
        Ok(manifest) => {
            for window in &manifest.windows {
                writeln!(out, "      restores {}", window_words(window))?;
            }
            for warning in &manifest.warnings {
                writeln!(out, "      warning: {}", text::escape(warning))?;
            }
            Ok(())
        }
        Err(error) => writeln!(out, "      {}", text::escape(&error.to_string())),
    }
}

fn window_words(window: &StoredWindow) -> String {
    let range = format!("{} to {}", window.from_zxid, window.to_zxid);
    match (window.from_time_ms, window.to_time_ms) {
        (None, None) => range,
        (from, to) => {
            let time = |ms: Option<i64>| ms.map_or("-".to_owned(), text::time_to_the_second);
            format!("{range}   {} to {}", time(from), time(to))
        }
    }
}
