//! What in a `zoo.cfg`, or in the file with the members that it names, servers refuse. What is
//! expected here is what `QuorumPeerConfig` of each release does; some of it was seen on servers.

use crate::surroundings::{ALL, of_id, of_text, of_usual, pairs};

use std::fs;
use zoovault::server::surroundings::Impact;

const LATER: &str = "3.5.0 to 3.9.5";

/// What is told with `id` of a usual file with these lines.
fn told(lines: &str, id: &str) -> Vec<(String, String)> {
    of_id(&of_usual(&format!("dataDir=/x\n{lines}")), id)
}

#[test]
fn flags_are_strict_from_3_7_on_and_two_of_them_before() {
    let strict = |key: &str| format!("Invalid option no for {key}. Choose 'true' or 'false.'");
    for key in [
        "syncEnabled",
        "localSessionsEnabled",
        "localSessionsUpgradingEnabled",
        "quorumListenOnAllIPs",
        "sslQuorum",
        "sslQuorumReloadCertFiles",
        "portUnification",
        "quorum.auth.enableSasl",
        "quorum.auth.serverRequireSasl",
        "quorum.auth.learnerRequireSasl",
        "jvm.pause.monitor",
        "multiAddress.enabled",
        "multiAddress.reachabilityCheckEnabled",
    ] {
        let found = told(&format!("{key}=no"), "zoo-cfg-not-a-flag");
        let message = strict(key);
        assert_eq!(pairs(&found), [("3.7.0 to 3.9.5", message.as_str())]);
        for flag in ["true", "FALSE"] {
            assert!(told(&format!("{key}={flag}"), "zoo-cfg-not-a-flag").is_empty());
        }
    }
    let found = told("standaloneEnabled=no", "zoo-cfg-not-a-flag");
    let message = strict("standaloneEnabled");
    assert_eq!(
        pairs(&found),
        [
            (
                "3.5.0 to 3.5.2",
                "Invalid option for standalone mode. Choose 'true' or 'false.'"
            ),
            (
                "3.5.3 to 3.6.4",
                "Invalid option no for standalone mode. Choose 'true' or 'false.'"
            ),
            ("3.7.0 to 3.9.5", message.as_str()),
        ]
    );
}

#[test]
fn numbers_are_numbers_to_the_releases_that_read_them() {
    for (key, releases) in [
        ("maxClientCnxns", ALL),
        ("secureClientPort", "3.5.1 to 3.9.5"),
        (
            "quorum.cnxn.threads.size",
            "3.4.10 to 3.4.14, 3.5.4 to 3.9.5",
        ),
        ("observerMasterPort", "3.6.0 to 3.9.5"),
    ] {
        let found = told(&format!("{key}=x"), "zoo-cfg-not-a-number");
        let message = "java.lang.NumberFormatException: For input string: \"x\"";
        assert_eq!(pairs(&found), [(releases, message)], "{key}");
    }
}

#[test]
fn words_and_what_needs_another_setting_are_told() {
    for (lines, releases, message) in [
        ("peerType=witness", ALL, "Unrecognised peertype: witness"),
        (
            "electionAlg=0",
            "3.6.0 to 3.9.5",
            "Invalid electionAlg value. Only 3 is supported.",
        ),
        (
            "quorum.auth.serverRequireSasl=true",
            "3.4.10 to 3.4.14, 3.5.4 to 3.9.5",
            "quorum.auth.enableSasl is disabled, so cannot enable quorum.auth.serverRequireSasl",
        ),
        (
            "quorum.auth.enableSasl=true\nquorum.auth.serverRequireSasl=true",
            "3.4.10 to 3.4.14, 3.5.4 to 3.9.5",
            "quorum.auth.learnerRequireSasl is disabled, so cannot enable quorum.auth.serverRequireSasl",
        ),
    ] {
        let found = told(lines, "zoo-cfg-bad-value");
        assert_eq!(pairs(&found), [(releases, message)], "{lines}");
    }
    assert!(told("peerType=OBSERVER\nelectionAlg=3", "zoo-cfg-bad-value").is_empty());
}

#[test]
fn observers_need_a_quorum() {
    let no_quorum = "Observers w/o quorum is an invalid configuration";
    let nobody = "Observers w/o participants is an invalid configuration";
    let none = "standaloneEnabled = false then number of participants should be >0";
    let observer = "server.2=b:1:2:observer";
    let quorum_of_one = "standaloneEnabled=false\nserver.1=a:1:2";
    for (lines, expected) in [
        (
            format!("server.1=a:1:2\n{observer}"),
            &[(ALL, no_quorum)][..],
        ),
        (observer.to_owned(), &[(ALL, nobody)]),
        (
            format!("{quorum_of_one}\n{observer}"),
            &[("3.4.6 to 3.4.14", no_quorum)],
        ),
        (
            format!("standaloneEnabled=false\n{observer}"),
            &[("3.4.6 to 3.5.0", nobody), ("3.5.1 to 3.9.5", none)],
        ),
        (
            "standaloneEnabled=false".to_owned(),
            &[("3.5.1 to 3.9.5", none)],
        ),
        (format!("server.1=a:1:2\nserver.3=c:1:2\n{observer}"), &[]),
        ("server.1=a:1:2".to_owned(), &[]),
    ] {
        assert_eq!(
            pairs(&told(&lines, "zoo-cfg-no-ensemble")),
            expected,
            "{lines}"
        );
    }
}

#[test]
fn the_file_with_the_members_is_read_where_its_path_says_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("zoo.cfg.dynamic");
    let of = |members: &str| {
        fs::write(&file, members).unwrap();
        of_usual(&format!("dataDir=/x\ndynamicConfigFile={}", file.display()))
    };
    let two = "server.1=a:1:2;2181\nserver.2=b:1:2;2181\n";
    let all = of(two);
    assert!(of_id(&all, "zoo-cfg-dynamic-file").is_empty(), "{all:#?}");
    for (members, id, releases, message) in [
        (
            format!("{two}version=100"),
            "zoo-cfg-dynamic-file",
            "3.5.1 to 3.9.5",
            "dynamic file shouldn't have version inside",
        ),
        (
            format!("{two}clientPort=2181"),
            "zoo-cfg-dynamic-file",
            LATER,
            "Unrecognised parameter: clientPort",
        ),
        (
            format!("{two}server.x=c:1:2"),
            "zoo-cfg-bad-server",
            LATER,
            "java.lang.NumberFormatException: For input string: \"x\"",
        ),
        (
            "server.1=a:1:2;2181\nserver.2=b:1:2:observer;2181\n".to_owned(),
            "zoo-cfg-no-ensemble",
            LATER,
            "Observers w/o quorum is an invalid configuration",
        ),
    ] {
        assert_eq!(
            pairs(&of_id(&of(&members), id)),
            [(releases, message)],
            "{members}"
        );
    }
    // Members want limits, and whether it is one is known.
    let text = format!(
        "dataDir=/x\nclientPort=1\ndynamicConfigFile={}",
        file.display()
    );
    fs::write(&file, two).unwrap();
    let all = of_text(text.as_bytes());
    let found = of_id(&all, "zoo-cfg-value-missing");
    assert_eq!(pairs(&found), [(LATER, "initLimit is not set")]);
    let missing = all.iter().find(|it| it.id == "zoo-cfg-value-missing");
    assert!(missing.unwrap().is_certain());
    // A relative path is one below a directory that nobody here knows.
    let all = of_usual("dataDir=/x\ndynamicConfigFile=members.cfg");
    let note = all.iter().find(|it| it.id == "zoo-cfg-dynamic-file");
    assert_eq!(note.unwrap().impact, Impact::Note);
    assert!(note.unwrap().found.contains("was not read"));
}
