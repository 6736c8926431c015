//! The pages in `man/` are what the command definitions generate today.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn pages(dir: &Path) -> BTreeMap<String, String> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read_to_string(entry.path()).unwrap(),
            )
        })
        .collect()
}

#[test]
fn the_man_pages_are_current() {
    let made = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_zoovault"))
        .arg("man")
        .arg(made.path())
        .status()
        .unwrap();
    assert!(status.success());
    let checked_in = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("man");
    assert!(
        pages(made.path()) == pages(&checked_in),
        "man/ is out of date: cargo run -- man man"
    );
}
