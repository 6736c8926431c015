//! The fixtures' recorded points, restored, and shown by servers of every release.
//!
//! Three points of each fixture, unless `ZOOVAULT_LIVE_POINTS` says how many.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::common::client::{self, Tree};
use crate::common::release::{Release, releases};
use crate::common::zookeeper::{Options, Server};
use crate::common::{base64, testdata};
use crate::program::{copy_data_dir, restore, verify};
use crate::runtime;

/// How long the sessions in the fixtures live without their clients.
const SESSION_LIFE: Duration = Duration::from_secs(10);

/// What a client saw, as the fixtures have it.
pub fn as_recorded(tree: &Tree) -> Value {
    let nodes = tree.iter().map(|(path, node)| {
        let stat = &node.stat;
        let seen = json!([
            node.data.as_deref().map(base64),
            node.acl,
            [
                stat.czxid,
                stat.mzxid,
                stat.ctime,
                stat.mtime,
                i64::from(stat.version),
                i64::from(stat.cversion),
                i64::from(stat.aversion),
                stat.ephemeral_owner,
                i64::from(stat.data_length),
                i64::from(stat.num_children),
                stat.pzxid,
            ]
        ]);
        (path.clone(), seen)
    });
    Value::Object(nodes.collect())
}

/// What differs, a line each. Members write `/zookeeper/config` themselves, and some ACLs the
/// recording client might not read.
fn differences(recorded: &Value, shown: &Value, is_member: bool) -> Vec<String> {
    let (recorded, shown) = (
        recorded.as_object().expect("a tree"),
        shown.as_object().expect("a tree"),
    );
    let paths: std::collections::BTreeSet<&String> = recorded.keys().chain(shown.keys()).collect();
    let mut lines = Vec::new();
    for path in paths {
        if is_member && path == "/zookeeper/config" {
            continue;
        }
        let (Some(mut seen), Some(is)) = (recorded.get(path).cloned(), shown.get(path)) else {
            lines.push(format!("{path}: is in one tree only"));
            continue;
        };
        if let Some(acl) = seen.get_mut(1).filter(|acl| acl.is_string()) {
            *acl = is.get(1).cloned().unwrap_or_default();
        }
        if seen != *is {
            lines.push(format!("{path}: recorded {seen}, is {is}"));
        }
    }
    lines
}

fn points(folder: &Path) -> Vec<Value> {
    let file = File::open(folder.join("truth.json.gz")).expect("a record");
    let all: Vec<Value> = serde_json::from_reader(GzDecoder::new(file)).expect("JSON");
    let wanted = std::env::var("ZOOVAULT_LIVE_POINTS").ok();
    let wanted: usize = wanted.and_then(|text| text.parse().ok()).unwrap_or(3);
    let step = all.len().div_ceil(wanted).max(1);
    all.into_iter().rev().step_by(step).collect()
}

/// What a server on a copy of `dir` shows, and how long that took from its start on.
fn shown(release: &Release, dir: &Path) -> (Tree, Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy");
    copy_data_dir(dir, &copy, |_| true);
    let started = Instant::now();
    let mut server = Server::standalone(release, &copy, None, &Options::default());
    let tree = runtime().block_on(client::dump(&server.address(), release));
    let took = started.elapsed();
    server.stop();
    (tree, took)
}

#[test]
fn what_clients_saw_at_each_recorded_point_is_shown_again_by_servers_of_every_release() {
    let datadirs = testdata().join("datadirs");
    let releases = releases();
    let mut count = 0;
    for (record, data_dir, is_member) in [
        ("standalone-3.4", "", false),
        ("standalone-3.6", "", false),
        ("standalone-3.8", "", false),
        ("standalone-3.9", "", false),
        ("ensemble-3.9", "s2", true),
    ] {
        let source = datadirs.join(record).join(data_dir);
        verify(&source);
        for point in points(&datadirs.join(record)) {
            let zxid = format!("{:#x}", point["zxid"].as_i64().expect("a zxid"));
            for release in &releases {
                let folder = tempfile::tempdir().expect("a folder");
                let target = folder.path().join("restored");
                let options = ["--for-version", &release.branch()];
                restore(&source, &zxid, &target, &options);
                for attempt in 1.. {
                    let (tree, took) = shown(release, &target);
                    let lines = differences(&point["tree"], &as_recorded(&tree), is_member);
                    if lines.is_empty() {
                        break;
                    }
                    // On a slow machine sessions expire meanwhile, and take their ephemerals along.
                    assert!(
                        took >= SESSION_LIFE && attempt < 10,
                        "{record} at {zxid} on {release}, after {took:?}: {}\n{}",
                        lines.len(),
                        lines.join("\n")
                    );
                    eprintln!("{release}: the tree was shown after {took:?} only: once more");
                }
                count += 1;
            }
        }
    }
    eprintln!("{count} trees shown as recorded");
}
