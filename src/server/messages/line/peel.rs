//! What collectors put before each line of a server's log: journald, syslog, container runtimes,
//! Kubernetes, grep.

use super::shape::{Shape, shape};
use super::stamp::behind_stamp;

/// How far a file name, the name of a pod or the like may reach.
const NAME_MAX: usize = 256;

/// The outermost thing before a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Peel<'a> {
    /// The line goes on behind it.
    Prefix(&'a str),
    /// It names the server that printed the line.
    Server(&'a str, &'a str),
    /// The container runtime's: the stream, whether this ends the line, and the line.
    Container(&'a str, bool, &'a str),
    /// It is about the line, and no part of it.
    Aside,
}

/// Takes off the outermost thing that a collector put before `text`; none if there is none. What
/// could also be the beginning of a message is only taken for one where a stack trace, a time or
/// JSON follows.
pub(super) fn peel(text: &str) -> Option<Peel<'_>> {
    if behind_stamp(text).is_some() {
        return stamped(text);
    }
    if is_content(text) {
        return None;
    }
    plain(text).or_else(|| named(text).map(Peel::Prefix))
}

/// What is like nothing else.
fn plain(text: &str) -> Option<Peel<'_>> {
    priority(text)
        .or_else(|| field(text))
        .or_else(|| server(text))
        .or_else(|| {
            let sent = text.strip_prefix("data: ");
            sent.filter(|sent| is_content(sent)).map(Peel::Prefix)
        })
}

/// Whether `text` can only be the beginning of a line: of a stack trace, with a time, or of JSON.
pub(super) fn is_content(text: &str) -> bool {
    let line = text.trim_start();
    // Within an object, keys are indented.
    let is_json = (line.len() < text.len() && is_key(line))
        || line.starts_with("{\"")
        || ["{", "}", "},"].contains(&line);
    is_json || shape(line).is_some() || behind_stamp(line).is_some()
}

fn is_key(text: &str) -> bool {
    let quoted = text.strip_prefix('"').and_then(|key| key.split_once('"'));
    quoted.is_some_and(|(_, behind)| behind.trim_start().starts_with(':'))
}

/// Whether `text` is a line, or begins as collectors let one begin.
fn is_line(text: &str) -> bool {
    is_content(text) || plain(text).is_some()
}

/// `line` without the marks of a quotation in a mail.
pub(in super::super) fn without_quotation(line: &str) -> &str {
    let mut rest = line;
    while let Some(behind) = rest.strip_prefix('>').or_else(|| rest.strip_prefix(" >")) {
        rest = behind;
    }
    if rest.len() < line.len() {
        rest = rest.strip_prefix(' ').unwrap_or(rest);
    }
    rest
}

/// Syslog: `<13>`, and all of `<13>1 2026-11-20T14:00:00Z host zookeeper 812 - - `.
fn priority(text: &str) -> Option<Peel<'_>> {
    let (number, behind) = text.strip_prefix('<')?.split_once('>')?;
    let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let versioned = behind.strip_prefix("1 ").and_then(behind_stamp);
    let message = versioned.and_then(behind_structured_data);
    is_number.then(|| Peel::Prefix(message.unwrap_or(behind)))
}

/// What stands behind ` host zookeeper 812 - [x y="z"] `.
fn behind_structured_data(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix(' ')?;
    for _ in 0..4 {
        (_, rest) = rest.split_once(' ')?;
    }
    let rest = match rest.strip_prefix('-') {
        Some(behind) => behind,
        None => rest.split_once("] ").map(|(_, behind)| behind)?,
    };
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    Some(rest.trim_start_matches('\u{feff}'))
}

/// A field of journald's export and verbose forms: `MESSAGE=...`, and those beside it.
fn field(text: &str) -> Option<Peel<'_>> {
    const BESIDE: [&str; 8] = [
        "_",
        "PRIORITY",
        "SYSLOG_",
        "CODE_",
        "INVOCATION_ID",
        "UNIT",
        "JOB_",
        "TID",
    ];
    let (name, value) = text.trim_start().split_once('=')?;
    let is_of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if !name.chars().all(is_of_name) {
        None
    } else if name == "MESSAGE" {
        Some(Peel::Prefix(value))
    } else {
        let is_beside = BESIDE.iter().any(|start| name.starts_with(start));
        (is_beside || name == "MESSAGE_ID").then_some(Peel::Aside)
    }
}

/// `zk-1  | ` of Compose and swarms, `[pod/zk-0/zookeeper] ` of kubectl.
fn server(text: &str) -> Option<Peel<'_>> {
    if let Some(inside) = text.strip_prefix("[pod/") {
        let (pod, behind) = inside.split_once("] ")?;
        return (pod.len() < NAME_MAX).then_some(Peel::Server(pod, behind));
    }
    let (name, behind) = text.split_once([' ', '\t'])?;
    let behind = behind.trim_start_matches(' ').strip_prefix('|')?;
    let line = behind.strip_prefix(' ').unwrap_or(behind);
    let is_line = behind.is_empty() || line.len() < behind.len();
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_@/".contains(c);
    let is_level = name.chars().all(|c| c.is_ascii_uppercase());
    (is_line && name.chars().all(is_name) && !is_level).then_some(Peel::Server(name, line))
}

/// A time, if more than the message is behind it: a message keeps its own.
fn stamped(text: &str) -> Option<Peel<'_>> {
    let behind = behind_stamp(text)?;
    let rest = behind.strip_prefix(' ').unwrap_or(behind);
    // journald's verbose form begins an entry with its cursor.
    if rest.starts_with("[s=") {
        return Some(Peel::Aside);
    }
    if is_content(rest) {
        return Some(Peel::Prefix(rest));
    }
    container(rest)
        .or_else(|| program(rest))
        .or_else(|| peel(rest).map(|_| Peel::Prefix(rest)))
}

/// `stderr F `, or `P` for a part of a line.
fn container(text: &str) -> Option<Peel<'_>> {
    let (stream, behind) = text.split_once(' ')?;
    let (tags, line) = behind.split_once(' ').unwrap_or((behind, ""));
    let is_whole = match tags.split(':').next() {
        Some("F") => true,
        Some("P") => false,
        _ => return None,
    };
    let is_stream = ["stdout", "stderr"].contains(&stream);
    is_stream.then_some(Peel::Container(stream, is_whole, line))
}

/// `host zookeeper[812]: `; where there is no number, something must follow.
fn program(text: &str) -> Option<Peel<'_>> {
    let (first, behind) = text.split_once(' ')?;
    let (name, line) = if first.ends_with(':') {
        (first, behind)
    } else {
        behind.split_once(' ').unwrap_or((behind, ""))
    };
    let name = name.strip_suffix(':')?;
    let number = name.strip_suffix(']').and_then(|name| name.split_once('['));
    let is_numbered =
        number.is_some_and(|(_, pid)| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()));
    (is_numbered || is_line(line)).then_some(Peel::Prefix(line))
}

/// What looks like a name and could be a part of a message: `zookeeper.log:12:`, `12-` of grep,
/// `zk-0 zookeeper ` of stern, `[zk-0] `, `host zookeeper: `.
fn named(text: &str) -> Option<&str> {
    file_and_line(text).or_else(|| pod_and_container(text))
}

fn file_and_line(text: &str) -> Option<&str> {
    let end = text.find([' ', '\t']).unwrap_or(text.len()).min(NAME_MAX);
    // Only frames, and JSON, have blanks before them.
    let may_be_indented = |line: &str| shape(line.trim_start()) != Some(Shape::Exception);
    text.match_indices([':', '-'])
        .take_while(|(at, _)| *at <= end)
        .filter_map(|(at, _)| Some((text.get(..at)?, text.get(at + 1..)?)))
        .find(|(name, line)| match line.strip_prefix(' ') {
            // grep numbers empty lines too.
            None if line.is_empty() => name.ends_with(|c: char| c.is_ascii_digit()),
            None => is_line(line) || pod_and_container(line).is_some(),
            Some(line) => is_line(line) && may_be_indented(line),
        })
        .map(|(_, line)| line)
}

fn pod_and_container(text: &str) -> Option<&str> {
    if let Some(inside) = text.strip_prefix('[') {
        let (name, behind) = inside.split_once("] ")?;
        let is_it = name.len() < NAME_MAX && is_line(behind);
        return is_it.then_some(behind);
    }
    let is_of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-./_".contains(c);
    let mut rest = text;
    for index in 0..3 {
        let (name, behind) = rest.split_once([' ', '\t'])?;
        let is_name = !name.is_empty() && name.chars().all(is_of_name);
        // Words of a sentence have none of these.
        let is_pod = index > 0 || name.contains(['-', '/']);
        if !is_name || !is_pod {
            return None;
        }
        // A tab belongs to the line, and so does all but one of the blanks.
        rest = rest.get(name.len()..)?.strip_prefix(' ').unwrap_or(behind);
        if is_line(rest) {
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left when all is taken off.
    fn bare(text: &str) -> &str {
        match peel(text) {
            Some(Peel::Prefix(rest) | Peel::Server(_, rest) | Peel::Container(_, _, rest)) => {
                bare(rest)
            }
            Some(Peel::Aside) => "",
            None => text,
        }
    }

    #[test]
    fn what_only_looks_like_a_prefix_stays() {
        for text in [
            "",
            "Unable to load database on disk",
            "2026-11-20 14:00:00,123 [myid:1] - ERROR [main:QuorumPeer@692] - x",
            "[2026-11-20 14:00:00,123] ERROR x (org.apache.zookeeper.server.Quorum)",
            "2026-11-20 ERROR zookeeper: x",
            "a <b> c",
            "<x>",
            "ERROR | main | x",
            "error was java.io.IOException: x",
            "[main] ERROR org.apache.zookeeper.server.quorum.QuorumPeer - x",
            "version=3.4.14",
            "CRC: 5",
            "ERROR: java.io.IOException: x",
            "ailed: javax.security.sasl.SaslException: x",
        ] {
            assert_eq!(bare(text), text);
        }
    }

    #[test]
    fn what_is_beside_a_line_is_none() {
        for text in [
            "_PID=812",
            "    PRIORITY=6",
            "__CURSOR=s=1;i=2",
            "Fri 2026-11-20 14:00:00.123456 UTC [s=1;i=2]",
        ] {
            assert_eq!(peel(text), Some(Peel::Aside), "{text}");
        }
    }
}
