//! Servers that are followed together are foretold what each is alone.

use crate::common;

use zoovault::analysis::verify::{Depth, verify};
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::server::emulate::{Rules, Settings, starts};

/// A release for each rule that is known, on both sides of it.
const RELEASES: &[&str] = &[
    "3.9.5",
    "3.4.6",
    "3.4.8",
    "3.4.11",
    "3.4.14",
    "3.5.0",
    "3.5.1",
    "3.5.2",
    "3.5.3",
    "3.5.4",
    "3.5.6",
    "3.5.7",
    "3.5.10",
    "3.6.0",
    "3.6.4",
    "3.7.1",
    "3.7.2",
    "3.8.0",
    "3.8.0-11+deb12u2",
    "3.8.4",
    "3.8.6",
    "3.9.0",
    "3.9.2",
    "3.9.3",
    "3.9.4",
];

/// Settings that change what is made of a directory.
const SETTINGS: &[&[&str]] = &[
    &[],
    &["zookeeper.digest.enabled=false"],
    &["zookeeper.closeSessionTxn.enabled=false"],
    &["zookeeper.serializeLastProcessedZxid.enabled=false"],
    &["zookeeper.extendedTypesEnabled=true"],
    &["zookeeper.snapshot.trust.empty=true"],
    &["zookeeper.test.allowDiscontinuousProposals=true"],
    &["jute.maxbuffer=1073741824"],
    &[
        "zookeeper.extendedTypesEnabled=true",
        "zookeeper.emulate353TTLNodes=true",
    ],
    &["jute.maxbuffer=40"],
];

/// What `verify` found out need not be found out again, and changes no answer.
#[test]
fn a_report_changes_nothing_of_what_is_served() {
    let mut compared = 0;
    for dir in common::directories() {
        let Ok(source) = Source::open(&dir, &Options::default()) else {
            continue;
        };
        let report = verify(&source, Depth::Full, &NoProgress).unwrap();
        let rules = rules(&[]);
        let with = starts(&source, &rules, Some(&report), &NoProgress).unwrap();
        let without = starts(&source, &rules, None, &NoProgress).unwrap();
        for (with, without) in with.iter().zip(&without) {
            let mut with = with.clone();
            if let Ok(started) = &mut with.standalone {
                started.not_loaded_to = None;
            }
            assert_eq!(&with, without, "{}", dir.display());
            compared += 1;
        }
    }
    assert!(compared > 2000, "only {compared}");
}

fn rules(settings: &[&str]) -> Vec<Rules> {
    let mut set = Settings::default();
    settings.iter().for_each(|text| set.set(text).unwrap());
    let parse = |release: &&str| Rules::parse(release, set.clone()).unwrap();
    RELEASES.iter().map(parse).collect()
}

#[test]
fn each_release_is_foretold_what_it_is_alone() {
    let directories = common::directories();
    assert!(directories.len() > 80, "only {}", directories.len());
    let mut compared = 0;
    for dir in &directories {
        for settings in SETTINGS {
            let Ok(source) = Source::open(dir, &Options::default()) else {
                continue;
            };
            let rules = rules(settings);
            let together = starts(&source, &rules, None, &NoProgress).unwrap();
            for (rules, start) in rules.iter().zip(&together) {
                let alone =
                    starts(&source, std::slice::from_ref(rules), None, &NoProgress).unwrap();
                assert_eq!(
                    format!("{:?}", alone[0]),
                    format!("{start:?}"),
                    "{} of {settings:?} on {}",
                    rules.name(),
                    dir.display()
                );
                compared += 1;
            }
        }
    }
    eprintln!(
        "{compared} forecasts compared, of {} directories",
        directories.len()
    );
}
