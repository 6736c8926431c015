//! What a disk holds after a power loss: bytes that were synced, and names that were synced; of all
//! else some or nothing.
//!
//! POSIX promises no more: a file's bytes last when the file was synced, and its name when its
//! directory was. File systems promise more, and differ in that.

use crate::common::random::Random;
use crate::common::trace::Op;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// The files below a directory: their bytes, and `None` for directories.
pub type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All that was not synced.
    Unsynced,
    /// Bytes that were not synced; names are all as they were last.
    Bytes,
    /// Of what was not synced, any part: names and bytes, as the seed says.
    Some(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Dir(usize),
}

type Names = BTreeMap<OsString, Node>;

/// A directory: as programs see it, and as it would be found.
#[derive(Clone, Debug, Default)]
struct Dir {
    now: Names,
    synced: Names,
}

/// A file: as programs see it, and as it would be found.
#[derive(Clone, Debug, Default)]
struct Contents {
    now: Vec<u8>,
    synced: Vec<u8>,
}

/// A directory on a disk.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
    /// The first is the root, which always lasts.
    dirs: Vec<Dir>,
    files: Vec<Contents>,
}

impl Disk {
    /// That which `root` is on now; all of it is taken to be synced.
    pub fn of(root: &Path) -> Disk {
        let mut disk = Disk {
            root: root.to_owned(),
            dirs: vec![Dir::default()],
            files: Vec::new(),
        };
        for (path, contents) in read(root) {
            match contents {
                Some(bytes) => {
                    disk.apply(&Op::Create(root.join(&path), true), None);
                    disk.apply(&Op::Write(root.join(&path)), Some(bytes));
                }
                None => disk.apply(&Op::MakeDir(root.join(&path)), None),
            }
        }
        for dir in &mut disk.dirs {
            dir.synced = dir.now.clone();
        }
        for file in &mut disk.files {
            file.synced = file.now.clone();
        }
        disk
    }

    /// The same, elsewhere.
    pub fn at(&self, root: &Path) -> Disk {
        Disk {
            root: root.to_owned(),
            ..self.clone()
        }
    }

    /// Does what a program did. `contents` are those of the file that was written.
    pub fn apply(&mut self, op: &Op, contents: Option<Vec<u8>>) {
        match op {
            Op::Create(path, truncates) => match self.find(path) {
                Some(Node::File(file)) if *truncates => self.files[file].now.clear(),
                Some(_) => {}
                None => {
                    self.files.push(Contents::default());
                    let node = Node::File(self.files.len() - 1);
                    self.set(path, Some(node));
                }
            },
            Op::Write(path) => {
                let Some(Node::File(file)) = self.find(path) else {
                    panic!("{} was written, and is no file", path.display());
                };
                self.files[file].now = contents.unwrap();
            }
            Op::Sync(path) => match self.find(path) {
                Some(Node::File(file)) => self.files[file].synced = self.files[file].now.clone(),
                Some(Node::Dir(dir)) => self.dirs[dir].synced = self.dirs[dir].now.clone(),
                None => panic!("{} was synced, and is not there", path.display()),
            },
            Op::Rename(from, to) => {
                let node = self.find(from);
                assert!(node.is_some(), "{} was renamed", from.display());
                self.set(from, None);
                self.set(to, node);
            }
            Op::Remove(path) | Op::RemoveDir(path) => {
                assert!(self.find(path).is_some(), "{}", path.display());
                self.set(path, None);
            }
            Op::MakeDir(path) => {
                self.dirs.push(Dir::default());
                let node = Node::Dir(self.dirs.len() - 1);
                self.set(path, Some(node));
            }
            Op::Read(..) => {}
            Op::Other(call, path) => panic!("{call} of {}: not in this model", path.display()),
        }
    }

    /// What programs see.
    pub fn seen(&self) -> Tree {
        let mut tree = Tree::new();
        self.walk(
            0,
            Path::new(""),
            &|dir| dir.now.clone(),
            &mut tree,
            &mut |file| file.now.clone(),
        );
        tree
    }

    /// What is found after a power loss.
    pub fn after(&self, loss: Loss) -> Tree {
        let mut tree = Tree::new();
        let dirs: Vec<Names>;
        let mut random = Random::new(match loss {
            Loss::Some(seed) => seed,
            Loss::Unsynced | Loss::Bytes => 0,
        });
        match loss {
            Loss::Unsynced => {
                let names = |dir: &Dir| dir.synced.clone();
                let bytes = &mut |file: &Contents| file.synced.clone();
                self.walk(0, Path::new(""), &names, &mut tree, bytes);
            }
            Loss::Bytes => {
                let names = |dir: &Dir| dir.now.clone();
                let bytes = &mut |file: &Contents| file.synced.clone();
                self.walk(0, Path::new(""), &names, &mut tree, bytes);
            }
            Loss::Some(_) => {
                dirs = self
                    .dirs
                    .iter()
                    .map(|dir| mixed(dir, &mut random))
                    .collect();
                self.walk_mixed(0, Path::new(""), &dirs, &mut tree, &mut random);
            }
        }
        tree
    }

    fn walk(
        &self,
        dir: usize,
        path: &Path,
        names: &dyn Fn(&Dir) -> Names,
        tree: &mut Tree,
        bytes: &mut dyn FnMut(&Contents) -> Vec<u8>,
    ) {
        for (name, node) in names(&self.dirs[dir]) {
            let path = path.join(name);
            match node {
                Node::File(file) => {
                    tree.insert(path, Some(bytes(&self.files[file])));
                }
                Node::Dir(dir) => {
                    tree.insert(path.clone(), None);
                    self.walk(dir, &path, names, tree, bytes);
                }
            }
        }
    }

    fn walk_mixed(
        &self,
        dir: usize,
        path: &Path,
        dirs: &[Names],
        tree: &mut Tree,
        random: &mut Random,
    ) {
        for (name, node) in &dirs[dir] {
            let path = path.join(name);
            match node {
                Node::File(file) => {
                    let Contents { now, synced } = &self.files[*file];
                    let bytes = match random.below(4) {
                        _ if now == synced => now.clone(),
                        0 => synced.clone(),
                        1 => now[..random.below(now.len() + 1)].to_vec(),
                        // Room was made, and not filled.
                        2 => vec![0; now.len()],
                        _ => now.clone(),
                    };
                    tree.insert(path, Some(bytes));
                }
                Node::Dir(dir) => {
                    tree.insert(path.clone(), None);
                    self.walk_mixed(*dir, &path, dirs, tree, random);
                }
            }
        }
    }

    fn dir_of(&self, path: &Path) -> (usize, OsString) {
        let below = path.strip_prefix(&self.root).unwrap();
        let mut dir = 0;
        for name in below.parent().unwrap() {
            match self.dirs[dir].now.get(name) {
                Some(Node::Dir(below)) => dir = *below,
                _ => panic!("{}: no directory", path.display()),
            }
        }
        (dir, below.file_name().unwrap().to_owned())
    }

    fn find(&self, path: &Path) -> Option<Node> {
        if path == self.root {
            return Some(Node::Dir(0));
        }
        let (dir, name) = self.dir_of(path);
        self.dirs[dir].now.get::<OsStr>(&name).copied()
    }

    fn set(&mut self, path: &Path, node: Option<Node>) {
        let (dir, name) = self.dir_of(path);
        match node {
            Some(node) => self.dirs[dir].now.insert(name, node),
            None => self.dirs[dir].now.remove(&name),
        };
    }
}

/// Of each name that changed, what is there now or what was there when the directory was synced.
fn mixed(dir: &Dir, random: &mut Random) -> Names {
    let names: BTreeSet<&OsString> = dir.now.keys().chain(dir.synced.keys()).collect();
    let mut mixed = Names::new();
    for name in names {
        let from = if random.once_in(2) {
            &dir.now
        } else {
            &dir.synced
        };
        if let Some(node) = from.get(name) {
            mixed.insert(name.clone(), *node);
        }
    }
    mixed
}

/// Reads what is below a directory. Directories come before what is in them.
pub fn read(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_owned();
            match path.is_dir() {
                true => {
                    tree.insert(name, None);
                    dirs.push(path);
                }
                false => {
                    tree.insert(name, Some(fs::read(&path).unwrap()));
                }
            }
        }
    }
    tree
}

/// Writes a tree into a directory, in place of what is there.
pub fn write(tree: &Tree, root: &Path) {
    let _ = fs::remove_dir_all(root);
    fs::create_dir_all(root).unwrap();
    for (path, contents) in tree {
        match contents {
            Some(bytes) => fs::write(root.join(path), bytes).unwrap(),
            None => fs::create_dir(root.join(path)).unwrap(),
        }
    }
}

#[test]
fn what_was_not_synced_is_lost_and_what_was_is_not() {
    let root = Path::new("/disk");
    let mut disk = Disk {
        root: root.to_owned(),
        dirs: vec![Dir::default()],
        files: Vec::new(),
    };
    let at = |name: &str| root.join(name);
    let file = |name: &str, bytes: &[u8]| (PathBuf::from(name), Some(bytes.to_vec()));
    disk.apply(&Op::Create(at("a#1"), false), None);
    disk.apply(&Op::Write(at("a#1")), Some(b"xy".to_vec()));
    assert_eq!(disk.after(Loss::Unsynced), Tree::new());
    assert_eq!(disk.after(Loss::Bytes), Tree::from([file("a#1", b"")]));
    disk.apply(&Op::Sync(at("a#1")), None);
    disk.apply(&Op::Rename(at("a#1"), at("a")), None);
    assert_eq!(disk.after(Loss::Unsynced), Tree::new());
    assert_eq!(disk.after(Loss::Bytes), Tree::from([file("a", b"xy")]));
    let found: BTreeSet<Tree> = (0..50).map(|seed| disk.after(Loss::Some(seed))).collect();
    let either = [Tree::new(), Tree::from([file("a", b"xy")])];
    assert_eq!(found, BTreeSet::from(either));
    disk.apply(&Op::Sync(root.to_owned()), None);
    disk.apply(&Op::MakeDir(at("dir")), None);
    disk.apply(&Op::Sync(at("dir")), None);
    disk.apply(&Op::Remove(at("a")), None);
    assert_eq!(disk.after(Loss::Unsynced), Tree::from([file("a", b"xy")]));
    let dir = (PathBuf::from("dir"), None);
    assert_eq!(disk.after(Loss::Bytes), Tree::from([dir]));
    assert_eq!(disk.seen(), disk.after(Loss::Bytes));
}
