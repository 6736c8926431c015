//! The README's section "From cron" does what it says, as it is printed.

use crate::common;

use std::fs;
use std::path::Path;
use std::process::Command;

/// The commands of the first block of a section.
fn commands(section: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = readme.unwrap();
    let text = readme.split(&format!("## {section}\n")).nth(1).unwrap();
    let block = text
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    block.lines().map(str::to_owned).collect()
}

#[test]
fn from_cron_works_as_printed_from_init_to_a_restore() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().to_str().unwrap();
    fs::create_dir_all(dir.path().join("srv/backup")).unwrap();
    common::copy_old(
        &common::testdata().join("datadirs/standalone-3.8"),
        &dir.path().join("var/lib/zookeeper"),
    );
    let commands = commands("From cron");
    assert!(commands.len() >= 8);
    for command in &commands {
        let mut command = command.clone();
        for place in ["/srv/backup/zk", "/var/lib/zookeeper", "/restore/zk"] {
            command = command.replace(place, &format!("{here}{place}"));
        }
        let program = Path::new(env!("CARGO_BIN_EXE_zoovault")).parent().unwrap();
        let output = Command::new("sh")
            .args(["-c", &command])
            .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
            .env("ZOOVAULT_CONFIG", "/dev/null")
            .env_remove("ZOOVAULT_REPOSITORY")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}: {told}");
        let shown = String::from_utf8_lossy(&output.stdout);
        let wanted = match command.split(' ').nth(1).unwrap() {
            "backup" => "636 txns new",
            "check" => "WHOLE",
            "drill" => "restored and proven",
            "forget" => "newest window",
            _ => "",
        };
        assert!(shown.contains(wanted), "{command}: {shown}");
    }
    assert!(dir.path().join("restore/zk/version-2").is_dir());
}

#[test]
fn where_there_is_no_repository_none_is_made() {
    let dir = tempfile::tempdir().unwrap();
    for place in ["absent", "."] {
        let place = dir.path().join(place);
        for command in [
            &["backup", "small-3.8"][..],
            &["backups"],
            &["check"],
            &["drill"],
        ] {
            let output = common::zoovault()
                .args(command)
                .arg("--repo")
                .arg(&place)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(10), "{command:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("zoovault init"));
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
