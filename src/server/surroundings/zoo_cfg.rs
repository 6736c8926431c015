//! A `zoo.cfg` that is given: what in it stops a server, or does not do what it seems to
//! (`QuorumPeerConfig.parseProperties`).

use super::ensemble::{Membership, membership};
use super::{Impact, Remark, Remarks};
use crate::format::release::Release;
use crate::format::zoo_cfg::{DYNAMIC_FILE, ZooCfg};
use crate::server::emulate::Rules;
use std::path::Path;

pub(super) const CORRECT: &str = "correct zoo.cfg; the data is not affected";
const WHOLE_PATH: &str = "write the whole path, without quotes and variables. If a server has already started so, it serves the directory that it made: copy that before it is changed";

/// What is taken for a number, and the first releases that do, one a branch
/// (`QuorumPeerConfig.parseProperties`).
const NUMBERS: &[(&str, &[(u32, u32)])] = &[
    ("tickTime", EVER),
    ("initLimit", EVER),
    ("syncLimit", EVER),
    ("clientPort", EVER),
    ("maxClientCnxns", EVER),
    ("minSessionTimeout", EVER),
    ("maxSessionTimeout", EVER),
    ("electionAlg", EVER),
    ("autopurge.snapRetainCount", EVER),
    ("autopurge.purgeInterval", EVER),
    ("secureClientPort", &[(5, 1)]),
    ("quorum.cnxn.threads.size", SASL_SINCE),
    ("clientPortListenBacklog", &[(6, 0)]),
    ("observerMasterPort", &[(6, 0)]),
    ("connectToLearnerMasterLimit", &[(6, 0)]),
    ("multiAddress.reachabilityCheckTimeoutMs", &[(6, 0)]),
];

/// What has to be `true` or `false`, and the first releases that refuse anything else.
const FLAGS: &[(&str, &[(u32, u32)])] = &[
    ("standaloneEnabled", &[(5, 0)]),
    ("reconfigEnabled", &[(5, 3)]),
    ("syncEnabled", STRICT),
    ("localSessionsEnabled", STRICT),
    ("localSessionsUpgradingEnabled", STRICT),
    ("quorumListenOnAllIPs", STRICT),
    ("sslQuorum", STRICT),
    ("sslQuorumReloadCertFiles", STRICT),
    ("portUnification", STRICT),
    (SASL_ENABLED, STRICT),
    (SASL_SERVER, STRICT),
    (SASL_LEARNER, STRICT),
    ("jvm.pause.monitor", STRICT),
    ("multiAddress.enabled", STRICT),
    ("multiAddress.reachabilityCheckEnabled", STRICT),
];

const EVER: &[(u32, u32)] = &[(4, 0)];
const STRICT: &[(u32, u32)] = &[(7, 0)];

const SASL_ENABLED: &str = "quorum.auth.enableSasl";
const SASL_SERVER: &str = "quorum.auth.serverRequireSasl";
const SASL_LEARNER: &str = "quorum.auth.learnerRequireSasl";
const SASL_SINCE: &[(u32, u32)] = &[(4, 10), (5, 4)];

pub(super) fn look(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg) {
    for key in ["dataDir", "dataLogDir"] {
        directory(remarks, path, zoo_cfg, key);
    }
    numbers(remarks, path, zoo_cfg);
    booleans(remarks, path, zoo_cfg);
    choices(remarks, path, zoo_cfg);
    sasl(remarks, path, zoo_cfg);
    without_effect(remarks, path, zoo_cfg);
    open_quorum(remarks, path, zoo_cfg);
}

pub(super) fn is_since_3_5(rules: &Rules) -> bool {
    rules.release().minor >= 5
}

/// The first key behind a byte order mark, which is a letter of it for java.
fn behind_mark(zoo_cfg: &ZooCfg) -> Option<&str> {
    let (first, _) = zoo_cfg.entries().next()?;
    first.strip_prefix("\u{ef}\u{bb}\u{bf}")
}

fn directory(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg, key: &'static str) {
    let told = |id, impact| Remark::new(id, impact, path, WHOLE_PATH);
    let Some(value) = zoo_cfg.get(key) else {
        if key == "dataDir" {
            let found = match behind_mark(zoo_cfg) {
                Some(key) => format!(
                    "the file begins with a byte order mark, which java takes for a part of the key {key}"
                ),
                None => "it names no dataDir".to_owned(),
            };
            let remark = Remark::new("zoo-cfg-no-data-dir", Impact::Refuses, path, CORRECT);
            remarks.tell(remark.found(found).prints("dataDir is not set"), |_| true);
        }
        return;
    };
    // Without its logs, a server serves the snapshot alone.
    let elsewhere = match key {
        "dataDir" => Impact::StartsEmpty,
        _ => Impact::Loses,
    };
    if value.is_empty() {
        let remark = told("zoo-cfg-path-empty", elsewhere).found(format!(
            "{key} is empty: the directory is /version-2, at the root"
        ));
        remarks.tell(remark, |rules| !is_since_3_5(rules));
        return crash(remarks, told("zoo-cfg-path-empty", Impact::Refuses), key, 0);
    }
    if !value.is_ascii() {
        let impact = match Path::new(value).try_exists() {
            Ok(false) => elsewhere,
            Ok(true) | Err(_) => Impact::Note,
        };
        let remark = told("zoo-cfg-path-not-ascii", impact)
            .found(format!("{key} has letters beyond ASCII. Servers read the file as ISO-8859-1, so that the directory is {value}; if it was not there, they made it"))
            .given("if the file is UTF-8");
        remarks.tell(remark, |_| true);
    }
    if value.starts_with('/') {
        return;
    }
    let is_short = value.chars().count() == 1;
    if is_short {
        crash(
            remarks,
            told("zoo-cfg-path-relative", Impact::Refuses),
            key,
            1,
        );
    }
    let found = match value.starts_with(['~', '"', '\'']) || value.contains("${") {
        true => format!(
            "{key}={value} is taken as it is written: nothing is replaced, and it is a name below the directory in which the server is started"
        ),
        false => format!("{key}={value} is below the directory in which the server is started"),
    };
    let remark = told("zoo-cfg-path-relative", elsewhere)
        .found(found)
        .given("started where there is no such directory");
    let warned = format!("{value} is relative. Prepend ./ to indicate that you're sure!");
    let is_warned = !value.starts_with("./");
    remarks.tell(remark.clone(), |rules| {
        !is_since_3_5(rules) || (!is_warned && !is_short)
    });
    if is_warned && !is_short {
        remarks.tell(remark.prints(warned), is_since_3_5);
    }
}

/// From 3.5.0 on, a path of fewer than two letters is cut as if it had two
/// (`VerifyingFileFactory`).
fn crash(remarks: &mut Remarks<'_>, remark: Remark, key: &str, len: usize) {
    let remark = remark
        .found(format!("{key} has fewer than two letters"))
        .prints(format!(
            "java.lang.StringIndexOutOfBoundsException: begin 0, end 2, length {len}"
        ));
    remarks.tell(remark, is_since_3_5);
}

/// What has to be a number and is not: a comment behind it is a part of it.
fn numbers(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg) {
    for (key, since) in NUMBERS {
        let value = zoo_cfg.get(key);
        let Some(value) = value.filter(|value| value.parse::<i32>().is_err()) else {
            continue;
        };
        // Digits of any script are numbers for java.
        if !value.is_ascii() {
            continue;
        }
        let remark = Remark::new("zoo-cfg-not-a-number", Impact::Refuses, path, CORRECT)
            .found(format!(
                "{key} is {value:?}; what stands behind a value is a part of it"
            ))
            .prints(format!(
                "java.lang.NumberFormatException: For input string: \"{value}\""
            ));
        remarks.tell(remark, |rules| rules.release().has(since));
    }
    let is_of_3_4 = !zoo_cfg.entries().any(|(_, value)| value.contains(';'))
        && zoo_cfg.get(DYNAMIC_FILE).is_none();
    let missing = |key: &str| {
        Remark::new("zoo-cfg-value-missing", Impact::Refuses, path, CORRECT)
            .found(format!("there is no {key}"))
            .prints(format!("{key} is not set"))
    };
    if zoo_cfg.get("clientPort").is_none() && is_of_3_4 {
        remarks.tell(missing("clientPort"), |rules| !is_since_3_5(rules));
    }
    let limit = ["initLimit", "syncLimit"]
        .into_iter()
        .find(|key| zoo_cfg.get(key).is_none());
    if let Some(key) = limit {
        remarks.tell_member(missing(key), |_| true);
    }
}

/// The flags that must be `true` or `false`. Up to 3.6, other values of most are false.
fn booleans(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg) {
    for (key, _) in FLAGS {
        let Some(value) = zoo_cfg.get(key).filter(|value| !is_flag(value)) else {
            continue;
        };
        let mut messages: Vec<String> = Vec::new();
        let of = |rules: &Rules| refused_flag(key, value, rules.release());
        messages.extend(remarks.rules.iter().filter_map(of));
        messages.dedup();
        for message in messages {
            let remark = Remark::new("zoo-cfg-not-a-flag", Impact::Refuses, path, CORRECT)
                .found(format!("{key} is {value:?}"))
                .prints(&message);
            remarks.tell(remark, |rules| of(rules).as_ref() == Some(&message));
        }
    }
}

fn is_flag(value: &str) -> bool {
    let flags = ["true", "false"];
    flags.iter().any(|flag| value.eq_ignore_ascii_case(flag))
}

/// With which message a flag is refused, where it is.
fn refused_flag(key: &str, value: &str, release: Release) -> Option<String> {
    let (_, since) = FLAGS.iter().find(|(flag, _)| *flag == key)?;
    let words = match key {
        _ if !release.has(since) => return None,
        _ if release.minor >= 7 => format!("{value} for {key}"),
        "reconfigEnabled" => format!("{value} for reconfigEnabled flag"),
        _ if release.has(&[(5, 3)]) => format!("{value} for standalone mode"),
        _ => "for standalone mode".to_owned(),
    };
    Some(format!("Invalid option {words}. Choose 'true' or 'false.'"))
}

/// What has to be one of a few words.
fn choices(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg) {
    let told = |found: String, message: String| {
        Remark::new("zoo-cfg-bad-value", Impact::Refuses, path, CORRECT)
            .found(found)
            .prints(message)
    };
    let roles = ["participant", "observer"];
    let is_role = |value: &&str| roles.iter().any(|role| value.eq_ignore_ascii_case(role));
    if let Some(value) = zoo_cfg.get("peerType").filter(|value| !is_role(value)) {
        let found = format!("peerType is {value:?}");
        let remark = told(found, format!("Unrecognised peertype: {value}"));
        remarks.tell(remark, |_| true);
    }
    let algorithm = zoo_cfg.get("electionAlg").map(str::parse::<i32>);
    if let Some(Ok(other)) = algorithm.filter(|algorithm| *algorithm != Ok(3)) {
        let message = "Invalid electionAlg value. Only 3 is supported.".to_owned();
        let remark = told(format!("electionAlg is {other}"), message);
        remarks.tell(remark, |rules| rules.release().minor >= 6);
    }
}

/// SASL between members: what requires it, without what it needs.
fn sasl(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg) {
    let is_on = |key: &str| {
        let value = zoo_cfg.get(key);
        value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    let needs = [
        (SASL_SERVER, SASL_ENABLED),
        (SASL_LEARNER, SASL_ENABLED),
        (SASL_SERVER, SASL_LEARNER),
    ];
    let lacks = |(key, needed): &(&str, &str)| is_on(key) && !is_on(needed);
    if let Some((key, needed)) = needs.into_iter().find(lacks) {
        let remark = Remark::new("zoo-cfg-bad-value", Impact::Refuses, path, CORRECT)
            .found(format!("{key} is on, and {needed} is not"))
            .prints(format!("{needed} is disabled, so cannot enable {key}"));
        remarks.tell(remark, |rules| rules.release().has(SASL_SINCE));
    }
}

/// Keys that look like settings and do nothing: an unknown key becomes a property with
/// `zookeeper.` before it.
fn without_effect(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg) {
    let mut told = Vec::new();
    for (key, _) in zoo_cfg.entries() {
        let (found, next) = match key.strip_prefix("zookeeper.") {
            Some(bare) => (
                format!("{key} has no effect: it becomes the property zookeeper.{key}"),
                match bare {
                    "jute.maxbuffer" => JVM_ONLY,
                    _ => "write it without zookeeper.",
                },
            ),
            None if key == "jute.maxbuffer" => {
                (format!("{key} has no effect in a zoo.cfg"), JVM_ONLY)
            }
            None => continue,
        };
        if !told.contains(&key) {
            let remark = Remark::new("zoo-cfg-key-without-effect", Impact::Note, path, next);
            remarks.tell(remark.found(found), |_| true);
            told.push(key);
        }
    }
}

const JVM_ONLY: &str = "set -Djute.maxbuffer in SERVER_JVMFLAGS";

/// Without SASL or TLS between members, whoever reaches the quorum port can join as a learner, and
/// is sent the tree.
fn open_quorum(remarks: &mut Remarks<'_>, path: &Path, zoo_cfg: &ZooCfg) {
    let is_on = |key: &str| {
        let value = zoo_cfg.get(key);
        value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    let has_sasl = is_on(SASL_ENABLED) && is_on(SASL_SERVER);
    let has_tls = is_on("sslQuorum") && !is_on("portUnification");
    if has_sasl || has_tls {
        return;
    }
    let is_member = |rules: &Rules| membership(Some(zoo_cfg), rules.release());
    let next = "let only the members reach the ports of the server.N lines, or turn on sslQuorum (3.5.5 and later) or quorum.auth.enableSasl with quorum.auth.serverRequireSasl";
    let remark = Remark::new("zoo-cfg-quorum-open", Impact::Note, path, next).found(
        "neither SASL nor TLS is required between members: whoever reaches the quorum port can read all data",
    );
    remarks.tell_member(remark, |rules| is_member(rules) != Membership::Told(false));
}
