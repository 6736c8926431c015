//! A standalone server whose counter ends: it goes on from 0xffffffff to 0x100000000 with a txn
//! like any other.

use std::fs::{self, File};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::common::client::{self, Mode, SESSION_TIMEOUT, Tree};
use crate::common::release::{Release, releases};
use crate::common::wire::{EPHEMERAL, Op, Wire};
use crate::common::zookeeper::{Options, Server};
use crate::fixtures::as_recorded;
use crate::program::{DONE, copy_data_dir, restore, snapshots, zoovault};
use crate::runtime;

/// The name that the first snapshot is given: so many txns are left before the border.
const BEGIN: i64 = 0xffff_ffe0;

/// The first zxid behind the border.
const BORDER: i64 = 0x1_0000_0000;

/// Where the server is started again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Restart {
    /// Right before the border, so that a log begins with counter 0.
    Before,
    /// Behind it, so that one log goes over the border.
    Behind,
}

fn options() -> Options {
    Options {
        pre_alloc_size_kb: 1,
        ..Options::default()
    }
}

/// A directory of a small tree whose only snapshot is named [`BEGIN`].
fn begin(release: &Release, dir: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::standalone(release, folder.path(), None, &options());
    let mut wire = Wire::connect(&server.address(), 0, SESSION_TIMEOUT).expect("a session");
    wire.create("/app", Some(b"old"), 0).expect("a znode");
    wire.create("/app/null", None, 0).expect("a znode");
    wire.close();
    server.stop();
    restore(folder.path(), "latest", dir, &["--keep-zxid"]);
    let [(_, snapshot)] = snapshots(dir).try_into().expect("one snapshot");
    let named = dir.join(format!("version-2/snapshot.{BEGIN:x}"));
    fs::rename(snapshot, named).expect("another name");
    for file in [
        "zoovault-restored.json",
        "version-2/currentEpoch",
        "version-2/acceptedEpoch",
    ] {
        fs::remove_file(dir.join(file)).expect("a file of the restore");
    }
}

/// The next change, so that none is like another.
fn change(wire: &mut Wire, zxid: i64) {
    let path = format!("/app/{zxid:x}");
    match zxid % 4 {
        0 => wire.create(&path, Some(b"x"), 0).expect("a znode"),
        1 => wire.set_data("/app", Some(path.as_bytes())).expect("data"),
        2 => wire.create(&path, None, EPHEMERAL).expect("an ephemeral"),
        _ => wire
            .multi(&[Op::Create(&path, b"m"), Op::SetData("/app/null", b"n")])
            .expect("a multi"),
    }
}

/// Writes until `last`, and gives what a client saw after each txn. The sessions are left open: a
/// close would be one more txn.
async fn write_until(
    server: &Server,
    last: i64,
    seen: &mut Vec<(i64, Tree)>,
) -> (zookeeper_client::Client, Wire, Wire) {
    let begin = server.srvr_zxid();
    let (client, mut reader) = client::readers(&server.address(), server.release()).await;
    let mut writer = Wire::connect(&server.address(), 0, SESSION_TIMEOUT).expect("a session");
    let tree = client::read_tree(&client, &mut reader).await;
    // Opening a session changes no znode.
    seen.extend((begin + 1..=server.srvr_zxid()).map(|zxid| (zxid, tree.clone())));
    while server.srvr_zxid() < last {
        let next = server.srvr_zxid() + 1;
        change(&mut writer, next);
        // A session of before may be closed only now, which changes no znode.
        let zxid = server.srvr_zxid();
        let tree = client::read_tree(&client, &mut reader).await;
        if server.srvr_zxid() == zxid {
            seen.push((zxid, tree));
        }
    }
    (client, reader, writer)
}

/// A history over the border, and what clients saw.
async fn make(release: &Release, dir: &Path, restart: Restart) -> Vec<(i64, Tree)> {
    begin(release, dir);
    let mut seen = Vec::new();
    // By the next snapshot, 3.4 tells that the first was finished before the border; it writes one
    // only as a log is full.
    let short = Options {
        snap_count: 8,
        ..options()
    };
    let mut server = Server::standalone(release, dir, None, &short);
    let open = write_until(&server, BEGIN + 16, &mut seen).await;
    server.kill();
    drop(open);
    let mut server = Server::standalone(release, dir, None, &options());
    let first_end = match restart {
        Restart::Before => BORDER - 1,
        Restart::Behind => BORDER + 3,
    };
    let open = write_until(&server, first_end, &mut seen).await;
    server.kill();
    drop(open);
    server.start_again();
    let end = server.srvr_zxid() + 8;
    let open = write_until(&server, end, &mut seen).await;
    server.kill();
    drop(open);
    seen
}

fn status_of(output: &std::process::Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text)
}

/// Restores each point around the border, and has a server of the same release show it.
async fn assert_shown_again(release: &Release, dir: &Path, seen: &[(i64, Tree)]) {
    let mut shown = 0;
    for (zxid, tree) in seen {
        if !(BORDER - 1..=BORDER + 1).contains(zxid) {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("restored");
        let branch = release.branch();
        restore(
            dir,
            &format!("{zxid:#x}"),
            &target,
            &["--for-version", &branch],
        );
        let mut server = Server::standalone(release, &target, None, &Options::default());
        let again = client::dump(&server.address(), release).await;
        server.stop();
        let context = format!("{release} at {zxid:#x}");
        client::assert_same_tree(tree, &again, Mode::Standalone, &context);
        shown += 1;
    }
    eprintln!("{release}: {shown} points around the border shown as clients saw them");
    assert!(shown > 0, "{release}: no point was seen");
}

fn assert_over_the_border(restart: Restart) {
    for release in releases() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("data");
        let seen = runtime().block_on(make(&release, &dir, restart));
        let (status, text) = status_of(&zoovault(["verify".as_ref(), dir.as_os_str()]));
        assert!(!text.contains("txns-missing"), "{release}: {text}");
        assert!(!text.contains("epoch-end-unproven"), "{release}: {text}");
        // 3.4 does not say when the first snapshot was finished.
        let has_digests = release.version >= (3, 6, 0);
        assert_eq!(status == Some(DONE), has_digests, "{release}: {text}");
        runtime().block_on(assert_shown_again(&release, &dir, &seen));
    }
}

#[test]
fn one_log_over_the_end_of_the_counter_is_one_history() {
    assert_over_the_border(Restart::Behind);
}

#[test]
fn a_log_that_begins_with_counter_0_goes_on_from_the_one_before() {
    assert_over_the_border(Restart::Before);
}

#[test]
#[ignore = "writes fixtures below $ZOOVAULT_MAKE_DIR"]
fn directories_over_the_end_of_the_counter_are_made() {
    let to = std::env::var("ZOOVAULT_MAKE_DIR").expect("where to");
    for release in releases() {
        if ![(3, 4), (3, 9)].contains(&(release.version.0, release.version.1)) {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("data");
        let seen = runtime().block_on(make(&release, &dir, Restart::Behind));
        let to = Path::new(&to).join(format!("small-counter-{}", release.branch()));
        copy_data_dir(&dir, &to, |_| true);
        let around = seen.iter().filter(|(zxid, _)| *zxid >= BORDER - 3);
        let points = around.map(|(zxid, tree)| {
            let times = tree.values().map(|node| node.stat.mtime);
            json!({"zxid": zxid, "time": times.max(), "tree": as_recorded(tree)})
        });
        let points: Vec<Value> = points.collect();
        let file = File::create(to.join("truth.json.gz")).expect("a file");
        let mut encoder = GzEncoder::new(file, Compression::best());
        serde_json::to_writer(&mut encoder, &points).expect("JSON");
        encoder.finish().expect("the end of the file");
    }
}
