//! Writing an archive: the mirror of `unpack`.

use super::{ArchivedFile, MANIFEST_NAME, Manifest, ParallelGzip, SUMS_NAME};
use crate::format::checksum::Hashed;
use std::fmt::Write as _;
use std::io::{self, Read, Write};

/// Writes an archive file by file, manifest last.
pub struct ArchiveWriter<W: Write> {
    tar: tar::Builder<ParallelGzip<W>>,
    folder: String,
    mtime: u64,
    files: Vec<ArchivedFile>,
}

impl<W: Write> ArchiveWriter<W> {
    /// Writes to `out` with `threads` threads. Everything is put in `folder` and dated `mtime`
    /// (seconds).
    pub fn new(out: W, threads: usize, folder: &str, mtime: u64) -> ArchiveWriter<W> {
        let tar = tar::Builder::new(ParallelGzip::new(out, threads));
        ArchiveWriter {
            tar,
            folder: folder.to_owned(),
            mtime,
            files: Vec::new(),
        }
    }

    /// Adds `file`, whose size is right and whose hash is yet to be known, with the bytes of
    /// `from`.
    ///
    /// # Errors
    /// Those of the output; `UnexpectedEof` when `from` has fewer bytes.
    pub fn add(&mut self, mut file: ArchivedFile, from: impl Read) -> io::Result<()> {
        let mut hashed = Hashed::new(from.take(file.size));
        append(
            &mut self.tar,
            &self.folder,
            &file.name,
            file.size,
            self.mtime,
            &mut hashed,
        )?;
        if hashed.len() < file.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.sha256 = hashed.sha256();
        self.files.push(file);
        Ok(())
    }

    /// Writes the sums and the manifest, whose list of files is what was added, and gives back what
    /// was written to.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self, mut manifest: Manifest) -> io::Result<(W, Manifest)> {
        manifest.files = self.files;
        let mut sums = String::new();
        for file in &manifest.files {
            let _ = writeln!(sums, "{}  {}", file.sha256, file.name);
        }
        let mut json = serde_json::to_vec_pretty(&manifest.to_json())?;
        json.push(b'\n');
        for (name, bytes) in [(SUMS_NAME, sums.as_bytes()), (MANIFEST_NAME, &json)] {
            append(
                &mut self.tar,
                &self.folder,
                name,
                bytes.len() as u64,
                self.mtime,
                bytes,
            )?;
        }
        let out = self.tar.into_inner()?.finish()?;
        Ok((out, manifest))
    }
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    folder: &str,
    name: &str,
    size: u64,
    mtime: u64,
    from: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(mtime);
    header.set_entry_type(tar::EntryType::Regular);
    tar.append_data(&mut header, format!("{folder}/{name}"), from)
}
