//! Finds the releases of ZooKeeper that can be run here, and says loudly which cannot.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::missing;

/// Where Debian installs the jars of its packages.
const DEBIAN_JARS: &str = "/usr/share/java";

/// What Debian's server needs beside its own jar; `zookeeper` itself is found by its versioned
/// name.
const DEBIAN_DEPENDENCIES: &[&str] = &[
    "zookeeper-jute",
    "slf4j-api",
    "slf4j-simple",
    "commons-cli",
    "commons-io",
    "metrics-core",
    "netty-all",
    "snappy-java",
    "jackson-core",
    "jackson-databind",
    "jackson-annotations",
];

/// A release of ZooKeeper whose server can be run here.
#[derive(Clone, Debug)]
pub struct Release {
    /// Major, minor, patch.
    pub version: (u32, u32, u32),
    /// The jars, as `java -cp` takes them.
    pub class_path: String,
    /// As `--server` takes it: Debian's package may have more than its release.
    pub name: String,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&dotted(self.version))
    }
}

impl Release {
    /// Major and minor, as `--for-version` takes them.
    pub fn branch(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }

    /// Container znodes came with 3.5.1.
    pub fn has_containers(&self) -> bool {
        self.version >= (3, 5, 1)
    }

    /// TTL znodes in their lasting encoding came with 3.5.4.
    pub fn has_ttl(&self) -> bool {
        self.version >= (3, 5, 4)
    }

    /// Members' client addresses are in `server.N`, and `reconfig` is there, since 3.5.
    pub fn has_reconfig(&self) -> bool {
        self.version >= (3, 5, 3)
    }

    /// Compressed snapshots came with 3.6.
    pub fn has_compression(&self) -> bool {
        self.version >= (3, 6, 0)
    }
}

/// Every release that can be run here: Debian's, then those of `ZOOVAULT_TEST_ZOOKEEPERS`. What is
/// missing is said on stderr, uncaptured; under `ZOOVAULT_REQUIRE_LIVE=1` a missing Java or Debian
/// package panics.
pub fn releases() -> Vec<Release> {
    let java = Command::new("java")
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !java.is_ok_and(|status| status.success()) {
        missing("no `java` on the PATH, so no live server", true);
        return Vec::new();
    }
    let mut found = Vec::new();
    match debian_release() {
        Some(release) => found.push(release),
        None => missing(
            "no Debian `zookeeper` package (or not all of its jars)",
            true,
        ),
    }
    match std::env::var("ZOOVAULT_TEST_ZOOKEEPERS") {
        Ok(folders) => {
            for folder in folders.split(':').filter(|folder| !folder.is_empty()) {
                match release_in(Path::new(folder)) {
                    Some(release) => found.push(release),
                    // The folder was asked for by name, so this is never a mere skip.
                    None => {
                        panic!("ZOOVAULT_TEST_ZOOKEEPERS: {folder}: no release with lib/*.jar here")
                    }
                }
            }
        }
        Err(_) => missing(
            "ZOOVAULT_TEST_ZOOKEEPERS is not set, so no release beside Debian's",
            false,
        ),
    }
    found
}

/// Whether there is a compiler for Java too; if not, that is said as for [`releases`].
pub fn has_javac() -> bool {
    let javac = Command::new("javac")
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let is_there = javac.is_ok_and(|status| status.success());
    if !is_there {
        missing(
            "no `javac` on the PATH (package default-jdk-headless)",
            true,
        );
    }
    is_there
}

fn debian_release() -> Option<Release> {
    let jars = Path::new(DEBIAN_JARS);
    let (server, version) = fs::read_dir(jars)
        .ok()?
        .filter_map(Result::ok)
        .find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = parse_version(name.strip_prefix("zookeeper-")?.strip_suffix(".jar")?)?;
            Some((entry.path(), version))
        })?;
    let mut class_path = vec![server];
    class_path.extend(
        DEBIAN_DEPENDENCIES
            .iter()
            .map(|name| jars.join(format!("{name}.jar"))),
    );
    if !class_path.iter().all(|jar| jar.exists()) {
        return None;
    }
    let class_path: Vec<_> = class_path
        .iter()
        .map(|jar| jar.display().to_string())
        .collect();
    Some(Release {
        version,
        class_path: class_path.join(":"),
        name: package_version().unwrap_or_else(|| dotted(version)),
    })
}

fn release_in(folder: &Path) -> Option<Release> {
    let (_, version) = folder.file_name()?.to_str()?.rsplit_once('-')?;
    let lib = folder.join("lib");
    lib.is_dir().then_some(())?;
    Some(Release {
        version: parse_version(version)?,
        class_path: lib.join("*").display().to_string(),
        name: version.to_owned(),
    })
}

/// The version of the package that Debian's jars are from.
fn package_version() -> Option<String> {
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", "${Version}", "libzookeeper-java"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (!text.is_empty()).then_some(text)
}

fn dotted((major, minor, patch): (u32, u32, u32)) -> String {
    format!("{major}.{minor}.{patch}")
}

fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    let version = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(version)
}
