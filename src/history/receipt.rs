//! What a restore leaves beside what it made: `zoovault-restored.json` in the dataDir, which no
//! server looks at.
//!
//! A restored snapshot ends with its first seal, so nothing in it says that it is exact, and there
//! are no logs to tell. The receipt does, for as long as the snapshot is byte for byte the one that
//! was written: it holds the SHA-256.

use crate::durable;
use crate::error::{Error, Result};
use crate::format::checksum::Hashed;
use crate::zxid::Zxid;
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::path::Path;

/// The file's name.
pub const RECEIPT_NAME: &str = "zoovault-restored.json";

/// Which snapshot was restored, from what, and on what it rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The snapshot's file name.
    pub snapshot: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The point that was restored.
    pub zxid: Zxid,
    /// The proof that there was of it.
    pub proof: String,
    /// The source.
    pub source: String,
}

impl Receipt {
    /// Writes it into `data_dir` and syncs it.
    ///
    /// # Errors
    /// When it exists, or cannot be written.
    pub fn write(&self, data_dir: &Path) -> Result<()> {
        let json = json!({
            "snapshot": self.snapshot,
            "sha256": self.sha256,
            "zxid": self.zxid.to_string(),
            "proof": self.proof,
            "source": self.source,
        });
        durable::write_file(
            &data_dir.join(RECEIPT_NAME),
            format!("{json:#}\n").as_bytes(),
        )
    }

    /// Reads the text of one; `None` where it is none: it is no more than a receipt.
    pub fn parse(text: &str) -> Option<Receipt> {
        let json: Value = serde_json::from_str(text).ok()?;
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Receipt {
            snapshot: text("snapshot")?,
            sha256: text("sha256")?,
            zxid: text("zxid")?.parse().ok()?,
            proof: text("proof")?,
            source: text("source")?,
        })
    }

    /// Whether `file`, called `name`, is the snapshot of the receipt.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_of(&self, name: &str, shown: &Path, file: impl Read) -> Result<bool> {
        if name != self.snapshot {
            return Ok(false);
        }
        sha256_of(file)
            .map(|sha256| sha256 == self.sha256)
            .map_err(|err| Error::io(shown, "read", err))
    }
}

/// The SHA-256 of all that `from` gives.
fn sha256_of(mut from: impl Read) -> io::Result<String> {
    let mut hashed = Hashed::new(io::sink());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(hashed.sha256()),
            len => hashed.write_all(buffer.get(..len).unwrap_or_default())?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_of_the_very_bytes_that_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut hashed = Hashed::new(Vec::new());
        hashed.write_all(b"abc").unwrap();
        let receipt = Receipt {
            snapshot: "snapshot.5".into(),
            sha256: hashed.sha256(),
            zxid: Zxid::new(1, 2),
            proof: "proven".into(),
            source: "/data".into(),
        };
        assert!(receipt.sha256.starts_with("ba7816bf"));
        receipt.write(dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join(RECEIPT_NAME)).unwrap();
        assert_eq!(Receipt::parse(&text), Some(receipt.clone()));
        let path = dir.path().join("snapshot.5");
        let is_of = |name, bytes: &[u8]| receipt.is_of(name, &path, bytes).unwrap();
        assert!(is_of("snapshot.5", b"abc"));
        assert!(!is_of("snapshot.5", b"abd"));
        assert!(!is_of("snapshot.6", b"abc"));
    }
}
