//! `manifest.json`: what an archive holds, for people and programs. Zxids are hexadecimal strings,
//! times milliseconds.

use crate::zxid::{Zxid, ZxidRange};
use serde_json::{Value, json};

/// The version of the format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u64 = 1;

/// What was known of the history when the archive was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `proven`, `consistent` or `unproven`.
    pub proof: String,
    /// On what that rests, and what it does not cover.
    pub notes: Vec<String>,
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedFile {
    /// Below the archive's folder, with `/`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// In hexadecimal.
    pub sha256: String,
    /// The first and last zxid, of a log.
    pub zxids: Option<ZxidRange>,
    /// The times of those, in ms.
    pub times: Option<(i64, i64)>,
}

/// What an archive says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format: u64,
    /// The program that wrote it.
    pub tool: String,
    /// When, in ms.
    pub created: i64,
    /// What it was made from, and on which host.
    pub source: String,
    /// The host's name.
    pub host: String,
    /// The first and the last zxid that it restores exactly.
    pub window: ZxidRange,
    /// The times of those, in ms, where a txn tells.
    pub times: (Option<i64>, Option<i64>),
    /// The highest epoch that the source had seen: what is restored begins above it.
    pub max_epoch: u32,
    /// What was known of the history.
    pub verdict: Verdict,
    /// All files but the sums and the manifest.
    pub files: Vec<ArchivedFile>,
}

impl Manifest {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "format": self.format,
            "tool": self.tool,
            "created_ms": self.created,
            "source": { "path": self.source, "host": self.host },
            "window": {
                "from_zxid": self.window.first.to_string(),
                "to_zxid": self.window.last.to_string(),
                "from_time_ms": self.times.0,
                "to_time_ms": self.times.1,
            },
            "max_epoch": self.max_epoch,
            "verdict": { "proof": self.verdict.proof, "notes": self.verdict.notes },
            "files": self.files.iter().map(|file| json!({
                "name": file.name,
                "size_bytes": file.size,
                "sha256": file.sha256,
                "first_zxid": file.zxids.map(|zxids| zxids.first.to_string()),
                "last_zxid": file.zxids.map(|zxids| zxids.last.to_string()),
                "first_time_ms": file.times.map(|times| times.0),
                "last_time_ms": file.times.map(|times| times.1),
            })).collect::<Vec<_>>(),
        })
    }

    /// Reads it back; `Err` names the field that is missing or odd.
    ///
    /// # Errors
    /// When the text is no JSON, lacks a field, or is of a newer format.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, String> {
        let json: Value = serde_json::from_slice(bytes).map_err(|err| err.to_string())?;
        let format = number(&json, "/format")?;
        if format > FORMAT_VERSION {
            return Err(format!(
                "format {format} is newer than this release supports ({FORMAT_VERSION})"
            ));
        }
        let files = json
            .pointer("/files")
            .and_then(Value::as_array)
            .ok_or("no files")?;
        Ok(Manifest {
            format,
            tool: text(&json, "/tool")?,
            created: json
                .pointer("/created_ms")
                .and_then(Value::as_i64)
                .ok_or("no created_ms")?,
            source: text(&json, "/source/path")?,
            host: text(&json, "/source/host")?,
            window: ZxidRange {
                first: zxid(&json, "/window/from_zxid")?,
                last: zxid(&json, "/window/to_zxid")?,
            },
            times: (
                json.pointer("/window/from_time_ms").and_then(Value::as_i64),
                json.pointer("/window/to_time_ms").and_then(Value::as_i64),
            ),
            max_epoch: u32::try_from(number(&json, "/max_epoch")?)
                .map_err(|_| "max_epoch too large")?,
            verdict: Verdict {
                proof: text(&json, "/verdict/proof")?,
                notes: json
                    .pointer("/verdict/notes")
                    .and_then(Value::as_array)
                    .map(|notes| {
                        notes
                            .iter()
                            .filter_map(Value::as_str)
                            .map(str::to_owned)
                            .collect()
                    })
                    .unwrap_or_default(),
            },
            files: files.iter().map(parse_file).collect::<Result<_, _>>()?,
        })
    }
}

fn parse_file(json: &Value) -> Result<ArchivedFile, String> {
    let pair = |a: &str, b: &str| Some(ZxidRange::new(zxid(json, a).ok()?, zxid(json, b).ok()?));
    let time = |pointer: &str| json.pointer(pointer).and_then(Value::as_i64);
    Ok(ArchivedFile {
        name: text(json, "/name")?,
        size: number(json, "/size_bytes")?,
        sha256: text(json, "/sha256")?,
        zxids: pair("/first_zxid", "/last_zxid"),
        times: time("/first_time_ms").zip(time("/last_time_ms")),
    })
}

fn text(json: &Value, pointer: &str) -> Result<String, String> {
    json.pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| format!("no {pointer}"))
}

fn number(json: &Value, pointer: &str) -> Result<u64, String> {
    json.pointer(pointer)
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("no {pointer}"))
}

fn zxid(json: &Value, pointer: &str) -> Result<Zxid, String> {
    text(json, pointer)?
        .parse()
        .map_err(|_| format!("{pointer} is not a zxid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_back_and_a_newer_one_is_refused() {
        let manifest = Manifest {
            format: FORMAT_VERSION,
            tool: "zoovault 0.1.0".into(),
            created: 5,
            source: "/data".into(),
            host: "h".into(),
            window: ZxidRange::new(Zxid::new(1, 2), Zxid::new(1, 9)),
            times: (Some(3), None),
            max_epoch: 4,
            verdict: Verdict {
                proof: "proven".into(),
                notes: vec!["n".into()],
            },
            files: vec![ArchivedFile {
                name: "version-2/log.1".into(),
                size: 7,
                sha256: "00".into(),
                zxids: Some(ZxidRange::new(Zxid::new(1, 2), Zxid::new(1, 9))),
                times: Some((3, 8)),
            }],
        };
        let mut json = manifest.to_json();
        assert_eq!(Manifest::parse(json.to_string().as_bytes()), Ok(manifest));
        json["format"] = json!(FORMAT_VERSION + 1);
        assert!(Manifest::parse(json.to_string().as_bytes()).is_err());
        assert!(Manifest::parse(b"{}").is_err());
    }
}
