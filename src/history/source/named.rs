//! A source that a `zoo.cfg` names.

use super::{Options, Source, other};
use crate::error::{Error, ErrorKind, Result};
use crate::format::zoo_cfg::ZooCfg;
use std::fs::File;
use std::io::Read;
use std::path::Path;

impl Source {
    /// The `zoo.cfg` that named the directories, if one did, and where it is.
    pub fn zoo_cfg(&self) -> Option<(&Path, &ZooCfg)> {
        let named = self.zoo_cfg.as_ref();
        named.map(|(path, zoo_cfg)| (path.as_path(), zoo_cfg))
    }

    /// Reads a `zoo.cfg`.
    ///
    /// # Errors
    /// Failures to read.
    pub fn read_zoo_cfg(path: &Path) -> Result<ZooCfg> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(1 << 20).read_to_end(&mut bytes))
            .map_err(|err| Error::io(path, "read", err))?;
        Ok(ZooCfg::parse(&bytes))
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
