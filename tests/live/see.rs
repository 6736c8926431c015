//! What is shown of a tree, against ZooKeeper's own tools: SnapshotFormatter prints the same, and
//! zkCli makes of a script what it says.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::release::{Release, releases};
use crate::common::testdata;
use crate::common::zookeeper::{Options, Server};
use crate::program::{assert_done, restore, snapshots, zoovault};

/// Runs a class of the release in English and UTC.
fn java(release: &Release, class: &str, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new("java")
        .args(["-Duser.timezone=UTC", "-Duser.language=en"])
        .args(["-Duser.country=US", "-Dfile.encoding=UTF-8"])
        .args(["-cp", &release.class_path, class])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("java starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(stdin).expect("the tool reads its input");
    drop(input);
    child.wait_with_output().expect("java ends")
}

/// A dump in an order of its own: the tool walks hash sets.
fn blocks(dump: &[u8]) -> Vec<String> {
    let text = String::from_utf8(dump.to_vec()).expect("text");
    let mut blocks: Vec<String> = text
        .split("----\n")
        .map(|block| {
            let mut lines: Vec<&str> = block.lines().collect();
            if block.starts_with("Session Details") {
                lines.sort_unstable();
            }
            lines.join("\n")
        })
        .collect();
    blocks.sort_unstable();
    blocks
}

fn in_utc(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_zoovault"))
        .args(arguments)
        .env("TZ", "UTC")
        .output()
        .expect("the program runs");
    assert_done(&output, &format!("{arguments:?}"));
    output.stdout
}

#[test]
fn snapshot_formatter_prints_the_same_of_a_restored_tree() {
    // Older ones print other fields.
    for release in releases()
        .iter()
        .filter(|release| release.version >= (3, 8, 0))
    {
        for (name, point) in [
            ("standalone-3.6", "0x1f0"),
            ("standalone-3.8", "latest"),
            ("small-3.9", "latest"),
        ] {
            let source = testdata().join("datadirs").join(name);
            let folder = tempfile::tempdir().expect("a folder");
            let target = folder.path().join("restored");
            restore(&source, point, &target, &["--keep-zxid"]);
            let snapshot = snapshots(&target).pop().expect("a snapshot").1;
            let snapshot = snapshot.to_str().expect("a plain name");
            let source = source.to_str().expect("a plain name");
            for data in [None, Some("-d")] {
                let arguments: Vec<&str> = data.into_iter().chain([snapshot]).collect();
                let class = "org.apache.zookeeper.server.SnapshotFormatter";
                let theirs = java(release, class, &arguments, b"");
                let mut arguments = vec!["ls", source, "--at", point, "--format", "zookeeper"];
                arguments.extend(data);
                let ours = in_utc(&arguments);
                assert_eq!(
                    blocks(&theirs.stdout),
                    blocks(&ours),
                    "{release}: {name} {data:?}"
                );
            }
        }
    }
}

/// Znodes that a line of zkCli can hardly say.
const ODD: &str = "\
create /odd \"\"
create -c \"/odd/con tainer\"
create -t 86400000 /odd/ttl 'say \"hi\"'
create -- /odd/dash -1 world:anyone:r
create -- /odd/dashes '-1 \"x\"'
create /odd/shell \"it's # $HOME \\n `x`\"
create /odd/null
setAcl /odd/null world:anyone:cdr
";

fn script(data_dir: &Path) -> String {
    let output = zoovault([
        "export".as_ref(),
        data_dir.as_os_str(),
        "--format".as_ref(),
        "zkcli".as_ref(),
    ]);
    assert_done(&output, "export --format zkcli");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn zkcli_makes_of_a_script_what_the_script_says() {
    for release in releases().iter().filter(|release| release.has_ttl()) {
        let source = testdata().join("datadirs/standalone-3.8");
        let lines = script(&source) + ODD;
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Server::standalone(release, folder.path(), None, &Options::default());
        // The lists of the fixture are of this user.
        let input = format!("addauth digest lab:secret\n{lines}");
        let class = "org.apache.zookeeper.ZooKeeperMain";
        let address = server.address();
        let said = java(release, class, &["-server", &address], input.as_bytes());
        server.stop();
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        fs::metadata(folder.path().join("version-2")).expect("a data directory");
        assert_eq!(
            sorted(&script(folder.path())),
            sorted(&lines),
            "{release}: {}",
            String::from_utf8_lossy(&said.stderr)
        );
    }
}
