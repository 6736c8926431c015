//! Whether what a manifest says can be so, by itself and beside the others.

use crate::analysis::finding::{Code, Finding};
use crate::format::txnlog::HEADER_LEN;
use crate::repository::{BackupName, Manifest, StoredLog, name};
use std::collections::{HashMap, HashSet};

/// By how much the clocks of hosts may differ before that is worth a word, in ms.
pub(super) const CLOCK_SKEW_MS: i64 = 10 * 60 * 1000;
/// How many digits an id has.
const ID_LEN: usize = 12;

/// What of a backup contradicts itself.
pub(super) fn contradictions(backup: &BackupName, manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tell = |code, message: String| {
        let finding = Finding::new(code, message);
        let finding = finding.file(backup.object());
        findings.push(finding.backups([backup.id.clone()]));
    };
    let last = manifest.last.as_ref().map(|mark| mark.zxid);
    let named = [
        (manifest.lineage != backup.lineage)
            .then(|| format!("belongs to lineage {}", manifest.lineage)),
        (last.unwrap_or_default() != backup.zxid)
            .then(|| format!("its last transaction is {}", last.unwrap_or_default())),
        (manifest.created_ms > backup.created_ms).then(|| {
            format!(
                "was made at {} ms, later than its name says",
                manifest.created_ms
            )
        }),
    ];
    for message in named.into_iter().flatten() {
        tell(Code::BackupMisnamed, message);
    }
    if let Some(message) = contradiction(manifest) {
        tell(Code::BackupContradictory, message);
    }
    if let Some((name, expected)) = misnamed(manifest).into_iter().next() {
        tell(
            Code::ObjectMisnamed,
            format!("lists {name}, whose name should be {expected}"),
        );
    }
    let overlap = manifest.logs.iter().zip(manifest.logs.iter().skip(1));
    let overlap = overlap.filter(|(a, b)| a.last_zxid >= b.first_zxid).count();
    if overlap > 0 {
        let message = format!("{overlap} of its logs begin before the previous one ends");
        let finding = Finding::new(Code::LogsOverlap, message);
        let finding = finding.file(backup.object());
        findings.push(finding.backups([backup.id.clone()]));
    }
    findings
}

/// The first thing that cannot be so.
fn contradiction(manifest: &Manifest) -> Option<String> {
    let bad_log = manifest.logs.iter().find_map(|log| {
        let what = impossible(log)?;
        Some(format!("{}: {what}", log.object.name))
    });
    let key = |log: &StoredLog| (log.first_zxid, log.last_zxid);
    let last = manifest.last.as_ref().map(|mark| mark.zxid);
    let beyond = manifest.logs.iter().find(|log| Some(log.last_zxid) > last);
    let bad_base = manifest
        .snapshots
        .iter()
        .find(|base| base.parts.is_empty() || base.exact_from < base.zxid);
    let max_epoch = last.map_or(0, |last| last.epoch());
    bad_log
        .or_else(|| {
            (!manifest.logs.is_sorted_by_key(key)).then(|| "its logs are out of order".to_owned())
        })
        .or_else(|| {
            (!manifest.snapshots.is_sorted_by_key(|base| base.zxid))
                .then(|| "its bases are out of order".to_owned())
        })
        .or_else(|| {
            bad_base.map(|base| format!("base {}: exact from {}", base.zxid, base.exact_from))
        })
        .or_else(|| beyond.map(|log| format!("{}: after the last transaction", log.object.name)))
        .or_else(|| {
            (manifest.max_epoch < max_epoch)
                .then(|| format!("epoch {max_epoch} is above {}", manifest.max_epoch))
        })
        .or_else(|| wrong_time(manifest))
}

/// Why a log cannot be as it is said to be.
fn impossible(log: &StoredLog) -> Option<&'static str> {
    let span = log.last_zxid.to_i64().checked_sub(log.first_zxid.to_i64());
    let least = span.and_then(|span| u64::try_from(span).ok());
    let Some(least) = least else {
        return Some("its last zxid is below its first");
    };
    if log.first_zxid.epoch() != log.last_zxid.epoch() {
        return Some("spans more than one epoch");
    }
    // Errors may use a zxid again, so there may be more.
    if log.txns <= least {
        return Some("has fewer transactions than zxids");
    }
    if log.digests > log.txns || log.clock_steps >= log.txns {
        return Some("counts more digests or clock steps than transactions");
    }
    if log.max_time_ms < log.first_time_ms.max(log.last_time_ms) {
        return Some("its latest time is not the latest");
    }
    (log.log_bytes <= HEADER_LEN as u64).then_some("is too short for a transaction")
}

/// A window whose times are not those of the txns at its ends.
fn wrong_time(manifest: &Manifest) -> Option<String> {
    let windows = manifest.windows.iter();
    let ends = windows.flat_map(|window| {
        [
            (window.from_zxid, window.from_time_ms),
            (window.to_zxid, window.to_time_ms),
        ]
    });
    for (zxid, time) in ends {
        let Some(time) = time else {
            continue;
        };
        let at_begin = manifest.logs.iter().filter(|log| log.first_zxid == zxid);
        let at_end = manifest.logs.iter().filter(|log| log.last_zxid == zxid);
        let times = at_begin.map(|log| log.first_time_ms);
        let times: Vec<i64> = times.chain(at_end.map(|log| log.last_time_ms)).collect();
        if !times.is_empty() && !times.contains(&time) {
            return Some(format!("transaction {zxid} does not have time {time} ms"));
        }
    }
    None
}

/// Objects whose names say something else than is said of them, and the names that would be right.
fn misnamed(manifest: &Manifest) -> Vec<(String, String)> {
    let lineage = &manifest.lineage;
    let logs = manifest.logs.iter().map(|log| {
        let name = name::log(lineage, log.first_zxid, log.last_zxid, &log.object.sha256);
        (&log.object.name, name)
    });
    let parts = manifest.snapshots.iter().flat_map(|base| {
        base.parts.iter().enumerate().map(|(index, part)| {
            let name = name::snapshot(lineage, base.zxid, index, &part.sha256);
            (&part.name, name)
        })
    });
    let all = logs.chain(parts);
    all.filter(|(found, expected)| *found != expected)
        .map(|(found, expected)| (found.clone(), expected))
        .collect()
}

/// What of backups that are whole does not go together.
pub(super) fn order(live: &[(BackupName, Manifest)], now_ms: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names: HashMap<&str, &BackupName> = live
        .iter()
        .map(|(name, _)| (name.id.as_str(), name))
        .collect();
    for (backup, manifest) in live {
        let mut tell = |code, message: String| {
            let finding = Finding::new(code, message);
            let finding = finding.file(backup.object());
            findings.push(finding.backups([backup.id.clone()]));
        };
        // One that is not there any more was forgotten: nothing is wrong with that.
        let odd = manifest.follows.iter().find(|id| {
            let is_id = id.len() == ID_LEN && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_later = names.get(id.as_str()).is_some_and(|other| {
                other.created_ms >= backup.created_ms || other.lineage != backup.lineage
            });
            !is_id || is_later
        });
        if let Some(id) = odd {
            let message = format!("claims to follow {id}, which cannot have existed");
            tell(Code::BackupFollows, message);
        }
        let ahead = backup.created_ms.saturating_sub(now_ms);
        if ahead > CLOCK_SKEW_MS {
            let message = format!("is dated {} min in the future", ahead / 60_000);
            tell(Code::BackupInFuture, message);
        }
    }
    findings.extend(heads(live));
    findings
}

/// Lineages with ends that nothing goes on from, beside the newest backup.
fn heads(live: &[(BackupName, Manifest)]) -> Vec<Finding> {
    let followed: HashSet<&str> = live
        .iter()
        .flat_map(|(_, manifest)| manifest.follows.iter().map(String::as_str))
        .collect();
    let mut newest: HashMap<&str, &str> = HashMap::new();
    for (name, _) in live {
        newest.insert(&name.lineage, &name.id);
    }
    let mut heads: HashMap<&str, Vec<String>> = HashMap::new();
    for (name, _) in live {
        let is_newest = newest.get(name.lineage.as_str()) == Some(&name.id.as_str());
        if !is_newest && !followed.contains(name.id.as_str()) {
            heads
                .entry(&name.lineage)
                .or_default()
                .push(name.id.clone());
        }
    }
    let mut heads: Vec<_> = heads.into_iter().collect();
    heads.sort();
    let tell = |(lineage, ids): (&str, Vec<String>)| {
        let message = format!(
            "lineage {lineage}: no backup follows {}, which is not the newest",
            ids.join(", ")
        );
        Finding::new(Code::LineageHeads, message).backups(ids)
    };
    heads.into_iter().map(tell).collect()
}
