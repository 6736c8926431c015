//! A source that a `zoo.cfg` names.

use super::{Options, Source, other};
use crate::error::{Error, ErrorKind, Result};
use crate::format::stream::{RegularFile, Span};
use crate::format::zoo_cfg::{DYNAMIC_FILE, ZooCfg};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much is read of a `zoo.cfg`.
const ZOO_CFG_LEN_MAX: u64 = 1 << 20;

impl Source {
    /// The `zoo.cfg` that named the directories, if one did, and where it is.
    pub fn zoo_cfg(&self) -> Option<(&Path, &ZooCfg)> {
        let named = self.zoo_cfg.as_ref();
        named.map(|(path, zoo_cfg)| (path.as_path(), zoo_cfg))
    }

    /// Reads a `zoo.cfg`, and the file with the members that it names. A relative path of that is
    /// below the directory in which the server is started, which nothing here tells: it is not
    /// read, and neither is what cannot be.
    ///
    /// # Errors
    /// Failures to read the `zoo.cfg` itself.
    pub fn read_zoo_cfg(path: &Path) -> Result<ZooCfg> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(ZOO_CFG_LEN_MAX).read_to_end(&mut bytes))
            .map_err(|err| Error::io(path, "read", err))?;
        let zoo_cfg = ZooCfg::parse(&bytes);
        let dynamic = zoo_cfg.path(DYNAMIC_FILE).filter(|path| path.is_absolute());
        let read = |path: PathBuf| {
            let mut bytes = Vec::new();
            let file = RegularFile::open(&path, &path).ok()?;
            let mut content = Span::range(Arc::new(file), 0, ZOO_CFG_LEN_MAX);
            content.read_to_end(&mut bytes).ok()?;
            Some(ZooCfg::parse(&bytes))
        };
        Ok(match dynamic.and_then(read) {
            Some(content) => zoo_cfg.with_dynamic(content),
            None => zoo_cfg,
        })
    }

    pub(super) fn open_zoo_cfg(path: &Path, options: &Options) -> Result<Source> {
        let zoo_cfg = Source::read_zoo_cfg(path)?;
        let Some(data_dir) = zoo_cfg.path("dataDir") else {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let message = match zoo_cfg.is_likely() {
                true => "names no dataDir, as servers read it",
                false => "is neither a data directory, a log, a snapshot, a zoo.cfg nor an archive",
            };
            if let Some(error) = other::refusal(path, std::iter::once(&*name)) {
                return Err(error);
            }
            let hint = "give the dataDir that zoo.cfg names, or its version-2 folder";
            return Err(Error::about(path, ErrorKind::Failed, message).hint(hint));
        };
        let log_dir = options.data_log_dir.clone().or(zoo_cfg.path("dataLogDir"));
        let mut source = Source::open_dirs(&data_dir, &data_dir, log_dir.as_deref(), options)?;
        source.zoo_cfg = Some((path.into(), zoo_cfg));
        Ok(source)
    }
}
