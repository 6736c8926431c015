//! The `server.N` lines of a `zoo.cfg`, or of the file that it names, and what of them stops a
//! server (`QuorumPeerConfig.parseDynamicConfig`).

use super::ensemble::Ensemble;
use super::zoo_cfg::{CORRECT, is_since_3_5};
use super::{Impact, Remark, Remarks};
use crate::format::zoo_cfg::{DYNAMIC_FILE, ZooCfg};
use crate::server::emulate::Rules;
use std::path::Path;

pub(super) fn look(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg) {
    no_ensemble(remarks, path, zoo_cfg);
    match zoo_cfg.path(DYNAMIC_FILE) {
        None => lines(remarks, path, zoo_cfg, |_| true),
        Some(file) => {
            lines(remarks, path, zoo_cfg, |rules| !is_since_3_5(rules));
            if let Some(dynamic) = zoo_cfg.dynamic() {
                lines(remarks, &file, dynamic, is_since_3_5);
            }
        }
    }
    dynamic_file(remarks, path, zoo_cfg);
}

/// Servers that are listed and are no ensemble.
fn no_ensemble(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg) {
    let refusal = |rules: &Rules| {
        let ensemble = Ensemble::of(zoo_cfg, rules.release())?;
        ensemble.refusal(rules.release())
    };
    let mut messages: Vec<&str> = remarks.rules.iter().filter_map(refusal).collect();
    messages.sort_unstable();
    messages.dedup();
    for message in messages {
        let remark = Remark::new("zoo-cfg-no-ensemble", Impact::Refuses, path, CORRECT)
            .found("the servers that are listed are no ensemble: observers need two participants, or one with standaloneEnabled=false")
            .prints(message);
        remarks.tell(remark, |rules| refusal(rules) == Some(message));
    }
}

/// The `server.N` lines of a file.
fn lines(remarks: &mut Remarks<'_>, path: &Path, list: &ZooCfg, concerns: impl Fn(&Rules) -> bool) {
    for id in list.members() {
        let told = || Remark::new("zoo-cfg-bad-server", Impact::Refuses, path, CORRECT);
        if id.parse::<i64>().is_err() && id.is_ascii() {
            let remark = told()
                .found(format!("server.{id} has no number"))
                .prints(format!(
                    "java.lang.NumberFormatException: For input string: \"{id}\""
                ));
            remarks.tell(remark, &concerns);
        }
        let value = list.get(&format!("server.{id}")).unwrap_or_default();
        if !value.contains([':', '[']) {
            let remark = told()
                .found(format!("server.{id}={value} has no ports"))
                .prints(format!(
                    "{value} does not have the form server_config or server_config;client_config"
                ));
            remarks.tell(remark, |rules| is_since_3_5(rules) && concerns(rules));
            let remark = told().found(format!("server.{id}={value} has no ports"));
            remarks.tell(remark, |rules| !is_since_3_5(rules) && concerns(rules));
        }
    }
}

/// A dynamic configuration file (3.5 and later). Its path is below the directory in which the
/// server is started, unless it begins with a `/`.
fn dynamic_file(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg) {
    let Some(named) = zoo_cfg.get(DYNAMIC_FILE) else {
        return;
    };
    let told = |impact, found: String| {
        Remark::new("zoo-cfg-dynamic-file", impact, path, CORRECT).found(found)
    };
    if named.starts_with('/') && matches!(Path::new(named).try_exists(), Ok(false)) {
        let remark = told(Impact::Refuses, format!("{named} is not there")).prints(format!(
            "Error processing {named}: {named} (No such file or directory)"
        ));
        return remarks.tell(remark, is_since_3_5);
    }
    if let Some(id) = zoo_cfg.members().first() {
        let found = format!("server.{id} is in zoo.cfg, though {DYNAMIC_FILE} names a file for it");
        let remark = told(Impact::Refuses, found).prints(format!(
            "parameter: server.{id} must be in a separate dynamic config file"
        ));
        return remarks.tell(remark, is_since_3_5);
    }
    let Some(dynamic) = zoo_cfg.dynamic() else {
        let found = match named.starts_with('/') {
            true => format!("{named} cannot be read here: who the members are is not known"),
            false => format!(
                "{named} is below the directory in which the server is started, so that it was not read: who the members are is not known"
            ),
        };
        let mut remark = told(Impact::Note, found);
        remark.next = match named.starts_with('/') {
            true => "run as a user who may read it",
            false => "write the whole path",
        };
        return remarks.tell(remark, is_since_3_5);
    };
    let is_list = |key: &str| {
        let starts = ["server.", "group", "weight"];
        starts.iter().any(|start| key.starts_with(start))
    };
    let mut keys = dynamic.entries().map(|(key, _)| key);
    let file = Path::new(named);
    let told = |found: String| {
        Remark::new("zoo-cfg-dynamic-file", Impact::Refuses, file, CORRECT).found(found)
    };
    if dynamic.get("version").is_some() {
        let remark = told("it has a version, which the name of the file is to tell".to_owned())
            .prints("dynamic file shouldn't have version inside");
        remarks.tell(remark, |rules| rules.release().has(&[(5, 1)]));
    }
    if let Some(key) = keys.find(|key| !is_list(key) && *key != "version") {
        let remark = told(format!(
            "it has {key}, and only servers, groups and weights may be in it"
        ))
        .prints(format!("Unrecognised parameter: {key}"));
        let has_version = dynamic.get("version").is_some();
        remarks.tell(remark, |rules| {
            is_since_3_5(rules) && !(has_version && rules.release().has(&[(5, 1)]))
        });
    }
}
