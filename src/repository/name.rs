//! The names of objects, and what they say.
//!
//! A name is made of what it names, so two writers give the same name to the same bytes only: a
//! part of the SHA-256 of the object's bytes is in it, and with it nothing that is stored is ever
//! replaced by something else.

use crate::zxid::Zxid;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How many digits of a SHA-256 are in a name.
const DIGITS: usize = 12;
/// How times stand in names: in UTC, to the millisecond, and in an order that sorting by name
/// keeps.
const TIME_FORMAT: &str = "%Y%m%dT%H%M%S.%3fZ";

/// The object that makes a place a repository.
pub const REPOSITORY: &str = "zoovault.json";
/// The folder of logs.
pub const LOGS: &str = "log";
/// The folder of snapshots.
pub const SNAPSHOTS: &str = "snapshot";
/// The folder of commit points.
pub const BACKUPS: &str = "backup";
/// The folder of marks for deletion.
pub const TOMBS: &str = "tomb";
/// The folder of marks against deletion.
pub const PINS: &str = "pin";

/// The digits of `sha256` that stand in names.
pub fn short(sha256: &str) -> &str {
    sha256.get(..DIGITS).unwrap_or(sha256)
}

/// The name of a log of txns `first` to `last`.
pub fn log(lineage: &str, first: Zxid, last: Zxid, sha256: &str) -> String {
    let (first, last) = (first.to_i64(), last.to_i64());
    format!(
        "{LOGS}/{lineage}/{first:016x}-{last:016x}-{}.zst",
        short(sha256)
    )
}

/// The name of a part of a snapshot.
pub fn snapshot(lineage: &str, zxid: Zxid, part: usize, sha256: &str) -> String {
    let zxid = zxid.to_i64();
    format!(
        "{SNAPSHOTS}/{lineage}/{zxid:016x}-{part:04}-{}.zst",
        short(sha256)
    )
}

/// Whether an object is named as logs and parts of snapshots are: nothing else below their folders
/// is this program's to delete.
pub fn is_stored(object: &str) -> bool {
    let folders: Vec<&str> = object.split('/').collect();
    let &[folder, lineage, file] = folders.as_slice() else {
        return false;
    };
    let fields: Vec<&str> = match file.strip_suffix(".zst") {
        Some(file) => file.split('-').collect(),
        None => return false,
    };
    let &[first, second, sha256] = fields.as_slice() else {
        return false;
    };
    let is_hex = |text: &str, len: usize| {
        text.len() == len
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_second = match folder {
        LOGS => is_hex(second, 16),
        SNAPSHOTS => second.len() >= 4 && second.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    let is_lineage = !matches!(lineage, "" | "." | "..");
    is_lineage && is_second && is_hex(first, 16) && is_hex(sha256, DIGITS)
}

/// The name of a mark for deletion.
pub fn tomb(created_ms: i64, sha256: &str) -> String {
    format!("{TOMBS}/{}-{}.json", time(created_ms), short(sha256))
}

/// The name of a mark against deletion of the backup `id`.
pub fn pin(id: &str, sha256: &str) -> String {
    format!("{PINS}/{id}-{}.json", short(sha256))
}

/// The id of the backup that a mark against deletion is for.
pub fn parse_pin(name: &str) -> Option<&str> {
    let name = name.strip_prefix(PINS)?.strip_prefix('/')?;
    name.strip_suffix(".json")?
        .split_once('-')
        .map(|(id, _)| id)
}

/// What the name of a commit point says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupName {
    /// When it was made, in ms. Later than all that it could see, whatever the clock said: names
    /// sort in the order of what happened.
    pub created_ms: i64,
    /// The last zxid that its lineage held then.
    pub zxid: Zxid,
    /// A part of the SHA-256 of the object.
    pub id: String,
    /// The lineage.
    pub lineage: String,
}

impl BackupName {
    /// The name of the commit point whose bytes have this SHA-256.
    pub fn new(lineage: &str, created_ms: i64, zxid: Zxid, sha256: &str) -> BackupName {
        BackupName {
            created_ms,
            zxid,
            id: short(sha256).to_owned(),
            lineage: lineage.to_owned(),
        }
    }

    /// The object's name.
    pub fn object(&self) -> String {
        let (time, zxid) = (time(self.created_ms), self.zxid.to_i64());
        format!(
            "{BACKUPS}/{}/{time}-{zxid:016x}-{}.json",
            self.lineage, self.id
        )
    }

    /// Reads an object's name.
    pub fn parse(object: &str) -> Option<BackupName> {
        let (lineage, name) = object
            .strip_prefix(BACKUPS)?
            .strip_prefix('/')?
            .split_once('/')?;
        let mut fields = name.strip_suffix(".json")?.split('-');
        let name = BackupName {
            created_ms: parse_time(fields.next()?)?,
            zxid: i64::from_str_radix(fields.next()?, 16)
                .ok()
                .map(Zxid::from_i64)?,
            id: fields.next()?.to_owned(),
            lineage: lineage.to_owned(),
        };
        (name.object() == object && fields.next().is_none()).then_some(name)
    }
}

/// The time in the name of a mark for deletion.
pub fn parse_tomb(object: &str) -> Option<i64> {
    let name = object.strip_prefix(TOMBS)?.strip_prefix('/')?;
    parse_time(name.split_once('-')?.0)
}

/// `ms` as it stands in names.
fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .strftime(TIME_FORMAT)
        .to_string()
}

fn parse_time(text: &str) -> Option<i64> {
    let time = DateTime::strptime(TIME_FORMAT, text).ok()?;
    Some(
        time.to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_millisecond(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_name_and_sort_by_time() {
        let sha256 = "0123456789abcdef0123456789abcdef";
        let zxid = Zxid::new(1, 0x2a);
        assert_eq!(
            log("l", zxid, zxid.next(), sha256),
            "log/l/000000010000002a-000000010000002b-0123456789ab.zst"
        );
        assert_eq!(
            snapshot("l", zxid, 3, sha256),
            "snapshot/l/000000010000002a-0003-0123456789ab.zst"
        );
        let name = BackupName::new("l", 1_763_640_000_007, zxid, sha256);
        let object = "backup/l/20251120T120000.007Z-000000010000002a-0123456789ab.json";
        assert_eq!(name.object(), object);
        assert_eq!(BackupName::parse(object), Some(name.clone()));
        let later = BackupName::new("l", 1_763_640_000_010, Zxid::ZERO, sha256);
        assert!(later.object() > name.object());
        for other in [
            "backup/l/20251120T120000.007Z-000000010000002a-0123456789ab.json#1",
            "backup/l/20251120T120000Z-000000010000002a-0123456789ab.json",
            "backup/20251120T120000.007Z-000000010000002a-0123456789ab.json",
            "log/l/x",
        ] {
            assert_eq!(BackupName::parse(other), None, "{other}");
        }
        assert!(is_stored(&log("l", zxid, zxid.next(), sha256)));
        assert!(is_stored(&snapshot("l", zxid, 12345, sha256)));
        for other in [
            "log/l/000000010000002a-000000010000002b-0123456789ab.zst.part",
            "log/l/10000002a-000000010000002b-0123456789ab.zst",
            "log/l/000000010000002a-000000010000002b-0123456789a.zst",
            "log/000000010000002a-000000010000002b-0123456789ab.zst",
            "log/l/m/000000010000002a-000000010000002b-0123456789ab.zst",
            "snapshot/l/000000010000002a-3-0123456789ab.zst",
        ] {
            assert!(!is_stored(other), "{other}");
        }
        for stored in [log("l", zxid, zxid, sha256), snapshot("l", zxid, 0, sha256)] {
            assert!(is_stored(&stored), "{stored}");
            assert!(!is_stored(&stored.replace(".zst", "")), "{stored}");
            assert!(!is_stored(&stored.replace("/l/", "/../")), "{stored}");
            assert!(!is_stored(&stored.replace("0123456789ab", "0123456789AB")));
        }
        assert!(!is_stored(object) && !is_stored("log/l/README"));
        assert_eq!(parse_tomb(&tomb(5, sha256)), Some(5));
        assert_eq!(parse_pin(&pin("abc", sha256)), Some("abc"));
    }
}
