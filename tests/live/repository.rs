//! A repository, and the built program that backs up into it and restores from it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use serde_json::Value;
use tempfile::TempDir;

use zoovault::format::record::AclVector;
use zoovault::history::point::Point;
use zoovault::history::replay::rebuild;
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::tree::AclValue;
use zoovault::zxid::Zxid;

use crate::common::client::{NodeView, Tree};
use crate::program::{restore, zoovault};

/// A repository in a folder of its own.
pub struct Repo {
    folder: TempDir,
}

/// One backup of one source, as the program told of it.
#[derive(Clone, Debug)]
pub struct Told {
    /// The exit status of the whole run.
    pub status: i32,
    /// Its JSON.
    pub json: Value,
}

impl Told {
    fn text(&self, field: &str) -> String {
        self.json[field].as_str().unwrap_or_default().to_owned()
    }

    /// The backup's id; empty where nothing was committed.
    pub fn id(&self) -> String {
        self.text("backup")
    }

    pub fn lineage(&self) -> String {
        self.text("lineage")
    }

    /// The last txn that the lineage holds.
    pub fn last(&self) -> i64 {
        parse_zxid(&self.json["last_zxid"])
    }

    /// The window that reaches it.
    pub fn window(&self) -> (i64, i64) {
        let window = &self.json["window"];
        assert!(window.is_object(), "no window: {}", self.json);
        let at = |field: &str| parse_zxid(&window[field]);
        (at("from_zxid"), at("to_zxid"))
    }

    pub fn warnings(&self) -> Vec<String> {
        let warnings = self.json["warnings"].as_array().expect("a list");
        warnings
            .iter()
            .map(|warning| warning.as_str().expect("text").to_owned())
            .collect()
    }

    /// Panics unless all went well and there was nothing to tell.
    #[track_caller]
    pub fn assert_plain(&self, context: &str) {
        assert!(
            self.status == 0 && self.warnings().is_empty(),
            "{context}: status {}, {:?}",
            self.status,
            self.warnings()
        );
        assert_eq!(self.window().1, self.last(), "{context}: {}", self.json);
    }

    /// Panics unless this, and nothing else, was warned of.
    #[track_caller]
    pub fn assert_warns(&self, of: &str, context: &str) {
        let warnings = self.warnings();
        assert!(
            self.status == 3 && warnings.len() == 1 && warnings[0].contains(of),
            "{context}: status {}, {warnings:?} instead of {of:?}",
            self.status
        );
    }
}

pub fn parse_zxid(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value}: no zxid"));
    let zxid = i64::from_str_radix(text.trim_start_matches("0x"), 16);
    zxid.unwrap_or_else(|err| panic!("{text}: {err}"))
}

impl Repo {
    /// Makes one.
    pub fn new() -> Repo {
        let folder = tempfile::tempdir().expect("a folder");
        let repo = Repo { folder };
        let output = zoovault(["init".as_ref(), "--repo".as_ref(), repo.path().as_os_str()]);
        assert!(output.status.success(), "{output:?}");
        repo
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// A part of it, as a source.
    pub fn at(&self, part: &str) -> PathBuf {
        format!("{}@{part}", self.path().display()).into()
    }

    /// Backs up: what was told of each source, in the order in which they were taken.
    #[track_caller]
    pub fn backup(&self, sources: &[&Path]) -> Vec<Told> {
        let mut arguments = vec!["backup".as_ref(), "--json".as_ref(), "--repo".as_ref()];
        let path = self.path();
        arguments.push(path.as_os_str());
        arguments.extend(sources.iter().map(|source| source.as_os_str()));
        let output = zoovault(&arguments);
        let status = output.status.code().expect("a status");
        assert!(
            matches!(status, 0 | 3),
            "backup {sources:?}: status {status}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        told(&serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    /// Backs up one source.
    #[track_caller]
    pub fn backup_one(&self, source: &Path) -> Told {
        self.backup(&[source]).remove(0)
    }

    /// Its lineages.
    pub fn lineages(&self) -> Vec<String> {
        let folders = fs::read_dir(self.path().join("backup"));
        let mut names: Vec<String> = folders
            .into_iter()
            .flatten()
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.into_string().expect("a plain name"))
            .collect();
        names.sort();
        names
    }

    /// The ids of its backups and their last zxids, the oldest first.
    pub fn backups(&self) -> Vec<(String, i64)> {
        let mut names = Vec::new();
        for lineage in self.lineages() {
            let dir = self.path().join("backup").join(lineage);
            for entry in fs::read_dir(dir).expect("a folder") {
                let name = entry.expect("an entry").file_name();
                let name = name.into_string().expect("a plain name");
                // One that is being written has no name yet.
                names.extend(name.strip_suffix(".json").map(str::to_owned));
            }
        }
        names.sort();
        let parse = |name: String| {
            let mut fields = name.rsplit('-');
            let id = fields.next().expect("an id").to_owned();
            let zxid = i64::from_str_radix(fields.next().expect("a zxid"), 16).expect("a zxid");
            (id, zxid)
        };
        names.into_iter().map(parse).collect()
    }

    /// The last zxid of its newest backup.
    pub fn last(&self) -> i64 {
        self.backups().last().map_or(0, |(_, zxid)| *zxid)
    }

    fn said(&self) -> PathBuf {
        self.folder.path().join("stdout")
    }

    fn complained(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    /// Backs up again and again, in one process.
    pub fn follow(&self, source: &Path) -> Following {
        let child = Command::new(env!("CARGO_BIN_EXE_zoovault"))
            .args(["backup", "--json", "--follow=1", "--repo"])
            .args([&self.path(), source])
            // Not a pipe: nobody reads while it runs.
            .stdout(File::create(self.said()).expect("a file"))
            .stderr(File::create(self.complained()).expect("a file"))
            .spawn()
            .expect("the program runs");
        Following {
            child: Some(child),
            said: self.said(),
            complained: self.complained(),
        }
    }
}

fn told(document: &Value) -> Vec<Told> {
    let status = document["exit_status"].as_i64().expect("a status");
    let backups = document["backups"].as_array().expect("a list");
    let told = |json: &Value| Told {
        status: i32::try_from(status).expect("a small number"),
        json: json.clone(),
    };
    backups.iter().map(told).collect()
}

/// A process that backs up again and again. Dropping it kills it.
pub struct Following {
    child: Option<Child>,
    said: PathBuf,
    complained: PathBuf,
}

impl Following {
    /// Ends it with SIGTERM: its status, and what it told of each round.
    pub fn stop(mut self) -> (Option<i32>, Vec<Told>) {
        let mut child = self.child.take().expect("it was started");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("a signal");
        let status = child.wait().expect("it ends");
        let complained = fs::read_to_string(&self.complained).expect("text");
        assert!(complained.is_empty(), "{complained}");
        let said = fs::read_to_string(&self.said).expect("text");
        let documents = serde_json::Deserializer::from_str(&said).into_iter::<Value>();
        let rounds = documents.flat_map(|document| told(&document.expect("JSON")));
        (status.code(), rounds.collect())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The bytes of what a restore to `zxid` writes.
#[track_caller]
pub fn restored_bytes(source: &Path, zxid: i64) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("restored");
    restore(source, &format!("{zxid:#x}"), &target, &["--keep-zxid"]);
    let name = format!("version-2/snapshot.{zxid:x}");
    fs::read(target.join(name)).expect("the restored snapshot")
}

/// The tree of a source as the library has it, in a client's terms.
pub fn tree_at(source: &Path, zxid: i64) -> Tree {
    let source = Source::open(source, &Options::default()).expect("a source");
    let point = Point::Zxid(Zxid::from_i64(zxid));
    let rebuilt = rebuild(&source, point, false, &NoProgress).expect("a tree");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let field = |bytes: Option<&[u8]>| bytes.map(text).unwrap_or_default();
    let nodes = rebuilt.replayed.tree.nodes().map(|node| {
        let AclValue::List(list) = node.acl else {
            panic!("{:?}: an unknown ACL", node.path)
        };
        let entries = AclVector::from_decoded(list.bytes()).entries();
        let mut acl: Vec<_> = entries
            .iter()
            .map(|acl| (acl.perms, field(acl.scheme), field(acl.id)))
            .collect();
        acl.sort();
        let children = usize::try_from(node.children).expect("few");
        let stat = zookeeper_client::Stat {
            czxid: node.stat.czxid.to_i64(),
            mzxid: node.stat.mzxid.to_i64(),
            pzxid: node.stat.pzxid.to_i64(),
            ctime: node.stat.ctime,
            mtime: node.stat.mtime,
            version: node.stat.version,
            cversion: node.stat.client_cversion(children),
            aversion: node.stat.aversion,
            // Servers do not show the marks of containers and TTL znodes: numbers below zero.
            ephemeral_owner: node.stat.ephemeral_owner.max(0),
            data_length: i32::try_from(node.data.map_or(0, <[u8]>::len)).expect("short"),
            num_children: i32::try_from(children).expect("few"),
        };
        let path = match node.path {
            b"" => "/".to_owned(),
            path => text(path),
        };
        let data = node.data.map(<[u8]>::to_vec);
        (path, NodeView { data, acl, stat })
    });
    nodes.collect()
}
