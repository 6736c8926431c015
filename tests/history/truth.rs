//! Real servers' directories against what clients saw: at each recorded zxid every field of every
//! znode.

use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use zoovault::format::record::AclVector;
use zoovault::format::txnlog::Level;
use zoovault::history::History;
use zoovault::history::replay::Proof;
use zoovault::history::source::{Options, Source};
use zoovault::progress::NoProgress;
use zoovault::tree::{AclValue, DataTree};
use zoovault::zxid::Zxid;

use crate::common;

fn fixture(name: &str) -> PathBuf {
    common::testdata().join("datadirs").join(name)
}

fn truth(name: &str) -> Vec<(Zxid, BTreeMap<String, Value>)> {
    let file = File::open(fixture(name).join("truth.json.gz")).unwrap();
    let points: Vec<Value> = serde_json::from_reader(GzDecoder::new(file)).unwrap();
    points
        .into_iter()
        .map(|mut point| {
            let zxid = Zxid::from_i64(point["zxid"].as_i64().unwrap());
            (zxid, serde_json::from_value(point["tree"].take()).unwrap())
        })
        .collect()
}

fn acl_as_seen(list: AclVector<'_>) -> Value {
    let text =
        |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
    let mut entries: Vec<(i32, String, String)> = list
        .entries()
        .iter()
        .map(|acl| (acl.perms, text(acl.scheme), text(acl.id)))
        .collect();
    entries.sort();
    serde_json::to_value(entries).unwrap()
}

/// What a client would be shown of `tree`.
fn as_seen(tree: &DataTree) -> BTreeMap<String, Value> {
    tree.in_order()
        .map(|node| {
            let path = if node.path.is_empty() {
                "/".into()
            } else {
                String::from_utf8(node.path.to_vec()).unwrap()
            };
            let stat = node.stat;
            let AclValue::List(list) = node.acl else {
                panic!("{path}: unresolved ACL")
            };
            let seen = serde_json::json!([
                node.data.map(common::base64),
                acl_as_seen(list),
                [
                    stat.czxid.to_i64(),
                    stat.mzxid.to_i64(),
                    stat.ctime,
                    stat.mtime,
                    i64::from(stat.version),
                    i64::from(stat.client_cversion(node.children as usize)),
                    i64::from(stat.aversion),
                    stat.ephemeral_owner,
                    i64::try_from(node.data.map_or(0, <[u8]>::len)).unwrap(),
                    i64::from(node.children),
                    stat.pzxid.to_i64(),
                ]
            ]);
            (path, seen)
        })
        .collect()
}

/// The differences between what a client saw and what the tree shows.
fn differences(
    seen: &BTreeMap<String, Value>,
    shown: &BTreeMap<String, Value>,
    is_member: bool,
) -> Vec<String> {
    let paths: std::collections::BTreeSet<&String> = seen.keys().chain(shown.keys()).collect();
    let mut differences = Vec::new();
    for path in paths {
        // A member overwrites this from its own configuration, without a txn.
        if is_member && path == "/zookeeper/config" {
            continue;
        }
        match (seen.get(path), shown.get(path)) {
            (Some(a), Some(b)) => {
                // Where the client might not read the ACL, its error's name stands.
                let acl_matches = a[1].is_string() || a[1] == b[1];
                if a[0] != b[0] || !acl_matches || a[2] != b[2] {
                    differences.push(format!("{path}: seen {a}, shown {b}"));
                }
            }
            (a, b) => differences.push(format!(
                "{path}: seen {}, shown {}",
                a.is_some(),
                b.is_some()
            )),
        }
    }
    differences
}

fn check(
    dir: &Path,
    points: &[(Zxid, BTreeMap<String, Value>)],
    proof: Proof,
    is_member: bool,
) -> usize {
    let source = Source::open(dir, &Options::default()).unwrap();
    let history = History::read(&source, Level::Everything, &NoProgress).unwrap();
    let mut reached = 0;
    for (zxid, seen) in points {
        let (replayed, _) = match history.tree_at(*zxid, &NoProgress) {
            Ok(reached) => reached,
            Err(error) if is_member => {
                eprintln!("{}: {error}", dir.display());
                continue;
            }
            Err(error) => panic!("{zxid}: {error}"),
        };
        let found = differences(seen, &as_seen(&replayed.tree), is_member);
        assert!(
            found.is_empty(),
            "{} at {zxid}: {} differ\n{}",
            dir.display(),
            found.len(),
            found.join("\n")
        );
        assert_eq!(replayed.proof, proof, "{zxid}: {:?}", replayed.digests);
        reached += 1;
    }
    reached
}

#[test]
fn standalone_servers_of_all_releases_are_rebuilt_as_their_clients_saw_them() {
    for (name, proof) in [
        ("standalone-3.4", Proof::Consistent),
        ("standalone-3.6", Proof::Proven),
        ("standalone-3.8", Proof::Proven),
        ("standalone-3.9", Proof::Proven),
    ] {
        let points = truth(name);
        assert!(points.len() >= 6);
        assert_eq!(
            check(&fixture(name), &points, proof, false),
            points.len(),
            "{name}"
        );
    }
}

#[test]
fn a_standalone_history_over_the_end_of_the_counter_is_rebuilt_as_its_clients_saw_it() {
    for (name, proof) in [
        // It does not say when a snapshot was finished, and logs no digests.
        ("small-counter-3.4", Proof::Unproven),
        ("small-counter-3.9", Proof::Proven),
    ] {
        let points = truth(name);
        for around in ["0xffffffff", "0x100000000", "0x100000001"] {
            let zxid: Zxid = around.parse().unwrap();
            assert!(points.iter().any(|(seen, _)| *seen == zxid), "{name}");
        }
        let reached = check(&fixture(name), &points, proof, false);
        assert_eq!(reached, points.len(), "{name}");
    }
}

#[test]
fn every_member_of_an_ensemble_gives_what_clients_saw_at_each_point_that_it_holds() {
    let points = truth("ensemble-3.9");
    let reached: Vec<usize> = ["s1", "s2", "s3"]
        .iter()
        .map(|member| {
            check(
                &fixture("ensemble-3.9").join(member),
                &points,
                Proof::Proven,
                true,
            )
        })
        .collect();
    eprintln!("points reached: {reached:?} of {}", points.len());
    assert!(reached.iter().all(|reached| *reached > 0));
}
