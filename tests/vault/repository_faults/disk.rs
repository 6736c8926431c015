//! A small disk that fills up.

use super::days::{let_days_pass, old_repository};
use super::judge::{Place, copy_all, ids, judge};
use super::step;
use crate::common::missing;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The bytes that anything on such a disk takes at least.
const PAGE: usize = 4096;

/// A file system in memory, of a size that can be changed.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts one at an empty directory. `None`, and that is said loudly, where that may not be
    /// done.
    fn mount(at: &Path, pages: usize) -> Option<SmallDisk> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={}", pages * PAGE);
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at);
        match mount.output() {
            Ok(output) if output.status.success() => Some(SmallDisk { at: at.into() }),
            Ok(output) => {
                let told = String::from_utf8_lossy(&output.stderr).into_owned();
                missing(&format!("a small disk: {}", told.trim()), true);
                None
            }
            Err(err) => {
                missing(&format!("a small disk: mount: {err}"), true);
                None
            }
        }
    }

    /// Makes it larger or smaller.
    fn resize(&self, pages: usize) {
        let size = format!("remount,size={}", pages * PAGE);
        let mut mount = Command::new("mount");
        let done = mount.args(["-o", &size]).arg(&self.at).status().unwrap();
        assert!(done.success());
    }

    /// The pages that are in use.
    fn used(&self) -> usize {
        let space = nix::sys::statvfs::statvfs(&self.at).unwrap();
        usize::try_from(space.blocks() - space.blocks_free()).unwrap()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.at).status();
    }
}

#[test]
fn a_backup_that_fills_the_disk_says_so_and_harms_nothing() {
    let (template, truth, made) = old_repository(&[7, 14, 21, 28, 35]);
    let_days_pass(&template.repository(), &made);
    truth.write(&template.path().join("source"), 42);
    let promised = &made[3..];
    let backup = [
        "backup",
        "source",
        "--repo",
        "repository",
        "--base-every",
        "1k",
    ];
    let (mut tried, mut freed) = (0, 0);
    for spare in (0..).step_by(step(2)) {
        let place = Place::new();
        let source = place.path().join("source");
        copy_all(&template.path().join("source"), &source);
        let Some(disk) = SmallDisk::mount(&place.repository(), 1000) else {
            return;
        };
        copy_all(&template.repository(), &place.repository());
        let used = disk.used();
        disk.resize(used + spare);
        let what = format!("{spare} pages to spare");
        let first = place.program(&backup).output().unwrap();
        if first.status.success() {
            assert!(tried > 1, "nothing was refused");
            break;
        }
        tried += 1;
        assert_tells(&first, &what);
        judge(&place.repository(), promised, &truth, &what);
        // What could not be finished takes no room that was left.
        assert_tells(&place.program(&backup).output().unwrap(), &what);
        let forget = ["forget", "--repo", "repository", "--keep-last", "1"];
        let forget = place.program(&forget).output().unwrap();
        if !forget.status.success() {
            assert_tells(&forget, &what);
        }
        let promised = &made[4..];
        judge(&place.repository(), promised, &truth, &what);
        // What was marked before can be deleted, also where no new mark can be written.
        place.run(&["prune", "--repo", "repository", "--yes"]);
        judge(&place.repository(), promised, &truth, &what);
        match place.program(&backup).output().unwrap() {
            again if again.status.success() => freed += 1,
            again => assert_tells(&again, &what),
        }
        disk.resize(used + 100);
        let last = ids(&place.run(&backup));
        let all = [promised, &last].concat();
        judge(&place.repository(), &all, &truth, &what);
    }
    eprintln!("small disks: {tried} sizes; a prune made room enough in {freed}");
    assert!(freed > 0);
}

/// Says that there is no room, and where.
fn assert_tells(output: &Output, what: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{what}: {told}");
    let says_why = told.contains("No space left on device") || told.contains("has room for");
    assert!(says_why && told.contains("repository"), "{what}: {told}");
}
