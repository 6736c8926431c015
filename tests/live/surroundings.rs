//! What `explain zoo.cfg` says of `myid` and of that file is what real servers print.

use crate::common::release::{Release, releases};
use crate::common::testdata;
use crate::common::zookeeper::Server;
use crate::program::copy_data_dir;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long a server may take to refuse.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something that stops a server, from a release on.
struct Case {
    myid: Option<&'static str>,
    config: &'static str,
    since: (u32, u32, u32),
}

const ALWAYS: (u32, u32, u32) = (3, 4, 6);
const MEMBERS: &str = "initLimit=5\nsyncLimit=2\nserver.1=127.0.0.1:1:2\nserver.2=127.0.0.1:3:4\n";
const ALONE: &str = "initLimit=5\nsyncLimit=2\n";

fn case(myid: Option<&'static str>, config: &'static str) -> Case {
    Case {
        myid,
        config,
        since: ALWAYS,
    }
}

/// Files with members, by their names in `DIR`.
const DYNAMIC: [(&str, &str); 4] = [
    (
        "observers",
        "server.1=127.0.0.1:1:2;3\nserver.2=127.0.0.1:4:5:observer;6\n",
    ),
    (
        "members",
        "server.1=127.0.0.1:1:2;3\nserver.2=127.0.0.1:4:5;6\n",
    ),
    (
        "version",
        "server.1=127.0.0.1:1:2;3\nserver.2=127.0.0.1:4:5;6\nversion=100\n",
    ),
    (
        "other",
        "server.1=127.0.0.1:1:2;3\nserver.2=127.0.0.1:4:5;6\nsyncEnabled=true\n",
    ),
];

fn cases() -> Vec<Case> {
    let since = |since, case| Case { since, ..case };
    vec![
        case(None, MEMBERS),
        case(Some("1 \n"), MEMBERS),
        case(Some(""), MEMBERS),
        case(Some("\n1"), MEMBERS),
        case(Some("9"), MEMBERS),
        since(
            (3, 5, 1),
            case(
                Some("-1"),
                "initLimit=5\nsyncLimit=2\nserver.-1=127.0.0.1:1:2\nserver.2=127.0.0.1:3:4\n",
            ),
        ),
        since((3, 5, 1), case(Some("abc"), ALONE)),
        since(
            (3, 5, 0),
            case(
                Some("7"),
                "initLimit=5\nsyncLimit=2\nserver.1=127.0.0.1:1:2\nstandaloneEnabled=false\n",
            ),
        ),
        case(
            Some("1"),
            "syncLimit=2\nserver.1=127.0.0.1:1:2\nserver.2=127.0.0.1:3:4\n",
        ),
        case(None, "initLimit=5 # ticks\nsyncLimit=2\n"),
        since(
            (3, 5, 3),
            case(None, "initLimit=5\nsyncLimit=2\nreconfigEnabled=yes\n"),
        ),
        since(
            (3, 5, 0),
            case(
                Some("1"),
                "initLimit=5\nsyncLimit=2\ndynamicConfigFile=/nowhere/at/all\n",
            ),
        ),
        since((3, 5, 0), case(None, "standaloneEnabled=no\n")),
        since((3, 7, 0), case(None, "syncEnabled=no\n")),
        since((3, 7, 0), case(None, "quorum.auth.enableSasl=yes\n")),
        since((3, 5, 1), case(None, "secureClientPort=tls\n")),
        since((3, 6, 0), case(None, "electionAlg=0\n")),
        case(None, "peerType=witness\n"),
        // 3.5.0 to 3.5.3 do not have it.
        since(
            (3, 4, 10),
            case(None, "quorum.auth.learnerRequireSasl=true\n"),
        ),
        case(
            Some("1"),
            "initLimit=5\nsyncLimit=2\nserver.1=127.0.0.1:1:2\nserver.2=127.0.0.1:3:4:observer\n",
        ),
        case(Some("2"), "server.2=127.0.0.1:3:4:observer\n"),
        since((3, 5, 1), case(Some("1"), "standaloneEnabled=false\n")),
        since(
            (3, 5, 0),
            case(
                Some("1"),
                "initLimit=5\nsyncLimit=2\ndynamicConfigFile=DIR/observers\n",
            ),
        ),
        since(
            (3, 5, 0),
            case(
                Some("7"),
                "initLimit=5\nsyncLimit=2\ndynamicConfigFile=DIR/members\n",
            ),
        ),
        since(
            (3, 5, 1),
            case(
                Some("1"),
                "initLimit=5\nsyncLimit=2\ndynamicConfigFile=DIR/version\n",
            ),
        ),
        since(
            (3, 5, 0),
            case(
                Some("1"),
                "initLimit=5\nsyncLimit=2\ndynamicConfigFile=DIR/other\n",
            ),
        ),
    ]
}

/// The messages with which `explain` says that a server of `release` refuses.
fn foretold(config: &Path, release: &Release) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_zoovault"))
        .arg("explain")
        .arg(config)
        .args(["--json", "--server", &release.name])
        .output()
        .expect("the program");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let told = report["surroundings"].as_array().expect("surroundings");
    let refusing = told.iter().filter(|remark| remark["impact"] == "refuses");
    let messages = refusing.map(|remark| remark["message"].as_str().expect("a message"));
    messages.map(ToOwned::to_owned).collect()
}

#[test]
fn what_stops_a_member_beside_its_data_was_foretold() {
    for release in releases() {
        for case in cases() {
            let context = format!("{release}, myid {:?}, {}", case.myid, case.config);
            let dir = tempfile::tempdir().expect("a folder");
            let source = testdata().join("datadirs/small-3.4");
            copy_data_dir(&source, dir.path(), |_| true);
            let myid = dir.path().join("myid");
            if let Some(text) = case.myid {
                fs::write(&myid, text).expect("myid");
            } else if myid.exists() {
                fs::remove_file(&myid).expect("no myid");
            }
            let port = 20_000 + u16::try_from(std::process::id() % 10_000).expect("a port");
            let folder = dir.path().to_str().expect("a path in UTF-8");
            for (name, members) in DYNAMIC {
                fs::write(dir.path().join(name), members).expect("the members");
            }
            let text = format!(
                "tickTime=2000\ndataDir={folder}\nclientPort={port}\n{}",
                case.config.replace("DIR", folder)
            );
            let config = dir.path().join("zoo.cfg");
            fs::write(&config, &text).expect("zoo.cfg");
            let messages = foretold(&config, &release);
            if release.version < case.since {
                assert!(messages.is_empty(), "{context}: {messages:?}");
                continue;
            }
            let [message] = messages.as_slice() else {
                panic!("{context}: {messages:?}");
            };
            let (serves, log) = Server::try_config(&release, &text, port, PATIENCE);
            assert!(!serves, "{context}:\n{log}");
            // The log names the class before each part of a message.
            let words = message
                .rsplit_once("Exception: ")
                .map_or(message.as_str(), |(_, it)| it);
            let words = words.split(": ").last().expect("it is not empty");
            assert!(log.contains(words), "{context}: {message}\n{log}");
        }
    }
}
