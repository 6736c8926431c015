//! A small disk that fills up.

use crate::common::missing;
use crate::growing::Growing;
use crate::judge::{Place, copy_all, ids, judge};
use crate::step;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The bytes that anything on such a disk takes at least.
const PAGE: usize = 4096;

/// A file system in memory, of a size that can be changed.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts one at an empty directory. `None`, and that is said loudly, where that may not be done.
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
    let truth = Growing::of("small-3.8");
    let template = Place::new();
    let source = Path::new("source");
    template.run(&["init", "--repo", "repository"]);
    let mut promised = Vec::new();
    for txns in [8, 16] {
        truth.write(&template.path().join(source), txns);
        promised.extend(template.back_up(source, &[]));
    }
    truth.write(&template.path().join(source), 40);
    let args = [
        "backup",
        "source",
        "--repo",
        "repository",
        "--base-every",
        "1k",
    ];
    let mut tried = 0;
    for spare in (0..).step_by(step(2)) {
        let place = Place::new();
        copy_all(&template.path().join(source), &place.path().join(source));
        let Some(disk) = SmallDisk::mount(&place.repository(), 1000) else {
            return;
        };
        copy_all(&template.repository(), &place.repository());
        let used = disk.used();
        disk.resize(used + spare);
        let what = format!("{spare} pages to spare");
        let output = place.program(&args).arg("--json").output().unwrap();
        if output.status.success() {
            assert!(tried > 1, "nothing was refused");
            break;
        }
        tried += 1;
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{what}: {told}");
        let says_why = told.contains("No space left on device") || told.contains("has room for");
        assert!(says_why, "{what}: {told}");
        judge(&place.repository(), &promised, &truth, &what);
        // What could not be finished does not take the room that is left. What was stored is found again.
        let again = place.program(&args).output().unwrap();
        assert_eq!(again.status.code(), Some(1), "{what}");
        judge(&place.repository(), &promised, &truth, &what);
        disk.resize(used + 100);
        let made = ids(&place.run(&args));
        let all = [promised.as_slice(), &made].concat();
        judge(&place.repository(), &all, &truth, &what);
    }
    eprintln!("small disks: {tried} sizes");
}
