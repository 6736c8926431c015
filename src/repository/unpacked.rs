//! Stored logs and snapshots as files: they are decompressed when they are first read.

use super::Repository;
use super::manifest::Object;
use crate::durable::ScratchDir;
use crate::error::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A file that objects of a repository become, laid end to end.
#[derive(Debug)]
pub struct Unpacked {
    repository: Repository,
    parts: Vec<Object>,
    /// Its bytes, decompressed.
    size: u64,
    scratch: Arc<ScratchDir>,
    path: Mutex<Option<PathBuf>>,
}

impl Unpacked {
    /// What `parts` become below `scratch`: a file of `size` bytes.
    pub fn new(
        repository: &Repository,
        parts: Vec<Object>,
        size: u64,
        scratch: &Arc<ScratchDir>,
    ) -> Unpacked {
        Unpacked {
            repository: repository.clone(),
            parts,
            size,
            scratch: scratch.clone(),
            path: Mutex::new(None),
        }
    }

    /// Opens the file. It is made where that was not done yet.
    ///
    /// # Errors
    /// Damage of an object; failures to read or write.
    pub fn open(&self) -> Result<File> {
        let mut path = self
            .path
            .lock()
            .map_err(|_| Error::new(ErrorKind::Failed, "another thread failed to decompress"))?;
        if path.is_none() {
            *path = Some(self.unpack()?);
        }
        let path = path.as_deref().unwrap_or(self.scratch.path());
        File::open(path).map_err(|err| Error::io(path, "read", err))
    }

    fn unpack(&self) -> Result<PathBuf> {
        let first = self.parts.first();
        first.map_or(Ok(()), |part| self.repository.ensure_named(part))?;
        let first = first.map_or("nothing", |part| part.name.as_str());
        let path = self.scratch.path().join(first.replace('/', "-"));
        let file = File::create(&path).map_err(|err| Error::io(&path, "create", err))?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let mut size = 0;
        for part in &self.parts {
            let left = self.size - size;
            size += self
                .repository
                .decompress_within(part, left, &mut out, &path)?;
        }
        out.flush().map_err(|err| Error::io(&path, "write", err))?;
        if size != self.size {
            let message = format!("decompresses to {size} bytes, not to {}", self.size);
            return Err(self.repository.damaged(first, message));
        }
        Ok(path)
    }
}
