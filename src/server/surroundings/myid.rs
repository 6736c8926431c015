//! `myid`: read by `QuorumPeerConfig.setupMyId`, its first line as a number without any trimming.
//! Up to 3.5.0 only members read it; from 3.5.1 on standalone servers too, where it is a file.

use super::ensemble::Ensemble;
use super::{Impact, Remark, Remarks};
use crate::format::datadir::MYID;
use crate::server::emulate::Rules;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

const NEXT: &str = "make sure that dataDir is mounted and has its version-2; then write the number of this member's server.N line into myid, and nothing else";

/// How much of the file is read.
const LEN_MAX: u64 = 1 << 16;

/// What is in `myid`.
#[derive(Debug, PartialEq)]
pub(super) enum Id {
    Missing,
    Directory,
    /// A number.
    Number(i64),
    /// What is in the message "serverid … is not a number".
    Text(String),
    /// This program may not read it, and servers may.
    Denied,
    /// It cannot be told here.
    Unknown,
}

/// Whether a server wants it to be a file, and reads it standalone too.
pub(super) fn is_strict(rules: &Rules) -> bool {
    rules.release().has(&[(5, 1)])
}

pub(super) fn look(remarks: &mut Remarks<'_>, data_dir: &Path) {
    let path = data_dir.join(MYID);
    let refuses = || Remark::new("myid-missing", Impact::Refuses, &path, NEXT);
    match read(&path) {
        Id::Missing if remarks.may_be_member() => {
            let remark = || refuses().found("there is no myid");
            let message = format!("{} file is missing", path.display());
            remarks.tell_member(remark().prints(message), |rules| !is_strict(rules));
            remarks.tell_member(remark().prints("myid file is missing"), is_strict);
        }
        Id::Directory => {
            let remark = || refuses().found("myid is a directory");
            let message = format!("{} (Is a directory)", path.display());
            remarks.tell_member(remark().prints(message), |rules| !is_strict(rules));
            remarks.tell_member(remark().prints("myid file is missing"), is_strict);
        }
        Id::Text(text) => is_no_number(remarks, &path, &text),
        Id::Number(-1) => {
            let remark = refuses().found("myid is -1, which counts as none");
            remarks.tell_member(remark.prints("myid file is missing"), is_strict);
            is_number(remarks, &path, -1, |rules| !is_strict(rules));
        }
        Id::Number(id) => is_number(remarks, &path, id, |_| true),
        Id::Denied if remarks.may_be_member() => {
            let next = "run zoovault as the user that owns it, or as root";
            let remark = Remark::new("myid-not-read", Impact::Note, &path, next)
                .found("it may not be read here: whether a server takes it is not known");
            remarks.tell(remark, |_| true);
        }
        Id::Missing | Id::Denied | Id::Unknown => {}
    }
}

fn is_no_number(remarks: &mut Remarks<'_>, path: &Path, text: &str) {
    let remark = Remark::new("myid-not-a-number", Impact::Refuses, path, NEXT)
        .found(match text {
            "null" => "it is empty".to_owned(),
            text => {
                format!("its first line is {text:?}; not even a blank may stand beside the number")
            }
        })
        .prints(format!("serverid {text} is not a number"));
    if remarks.is_member() {
        return remarks.tell_member(remark, |_| true);
    }
    remarks.tell_member(remark.clone(), |rules| !is_strict(rules));
    remarks.tell(remark, is_strict);
}

fn is_number(remarks: &mut Remarks<'_>, path: &Path, id: i64, concerns: impl Fn(&Rules) -> bool) {
    let Some((_, zoo_cfg)) = remarks.zoo_cfg else {
        return;
    };
    let ensemble = |rules: &Rules| Ensemble::of(zoo_cfg, rules.release());
    // Where releases list others, the later ones do as they are meant to.
    let Some(listed) = remarks.rules.iter().rev().find_map(ensemble) else {
        return;
    };
    let next = "compare myid with the server.N lines. Do not give a directory the number of a member that runs elsewhere";
    let remark = Remark::new("myid-not-listed", Impact::Refuses, path, next)
        .found(format!(
            "it says {id}; the members are server.{}",
            listed.ids().join(", server.")
        ))
        .prints(format!("My id {id} not in the peer list"));
    remarks.tell_member(remark, |rules| {
        concerns(rules) && ensemble(rules).is_some_and(|ensemble| !ensemble.has(id))
    });
}

fn read(path: &Path) -> Id {
    let unread = |err: &io::Error| match err.kind() {
        io::ErrorKind::PermissionDenied => Id::Denied,
        _ => Id::Unknown,
    };
    let metadata = match fs::metadata(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Id::Missing,
        Err(err) => return unread(&err),
        Ok(metadata) => metadata,
    };
    if metadata.is_dir() {
        return Id::Directory;
    }
    let mut bytes = Vec::new();
    let read = match metadata.is_file() {
        true => fs::File::open(path).and_then(|file| file.take(LEN_MAX).read_to_end(&mut bytes)),
        false => return Id::Unknown,
    };
    read.map_or_else(|err| unread(&err), |_| parse(&bytes))
}

/// The first line, as `Long.parseLong` takes it. That takes digits of any script; what those say is
/// not told here.
pub(super) fn parse(bytes: &[u8]) -> Id {
    if bytes.is_empty() {
        return Id::Text("null".to_owned());
    }
    let text = String::from_utf8_lossy(bytes);
    let line = text.split(['\n', '\r']).next().unwrap_or_default();
    match line.parse() {
        Ok(id) => Id::Number(id),
        Err(_) if line.chars().any(|c| !c.is_ascii() && c.is_numeric()) => Id::Unknown,
        Err(_) => Id::Text(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_a_number_or_no_server_takes_it() {
        for taken in ["1", "1\n", "1\r\n2", "+1", "01\nabc"] {
            assert_eq!(parse(taken.as_bytes()), Id::Number(1), "{taken:?}");
        }
        assert_eq!(parse(b"-1"), Id::Number(-1));
        for (refused, shown) in [
            ("", "null"),
            ("\n1", ""),
            ("1 ", "1 "),
            (" 1", " 1"),
            ("abc\n", "abc"),
            ("\u{feff}1", "\u{feff}1"),
            ("1\0", "1\0"),
            ("9223372036854775808", "9223372036854775808"),
        ] {
            assert_eq!(
                parse(refused.as_bytes()),
                Id::Text(shown.to_owned()),
                "{refused:?}"
            );
        }
        // A number for java.
        assert_eq!(parse("\u{661}".as_bytes()), Id::Unknown);
    }
}
