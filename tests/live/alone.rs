//! Snapshots without logs of real servers: what is restored from one of a quiet moment is what
//! clients saw.

use std::ffi::OsStr;
use std::path::Path;

use crate::common::client::{self, Mode, SESSION_TIMEOUT, Tree};
use crate::common::release::{Release, releases};
use crate::common::wire::Wire;
use crate::common::zookeeper::{Ensemble, Options, Server};
use crate::program::{WARNINGS, assert_done, restore, snapshots, zoovault};
use crate::runtime;

/// The status of a point that cannot be had.
const NOT_REACHABLE: i32 = 5;

/// A log of at most ten txns.
const SNAP_COUNT: u32 = 10;

/// Writes with a dataLogDir of its own, so slowly that each snapshot is of a quiet moment; what was
/// seen after each txn.
async fn history(release: &Release, dir: &Path, log_dir: &Path) -> Vec<(i64, Tree)> {
    let options = Options {
        snap_count: SNAP_COUNT,
        ..Options::default()
    };
    let mut server = Server::standalone(release, dir, Some(log_dir), &options);
    let (client, mut reader) = client::readers(&server.address(), release).await;
    let mut writer = Wire::connect(&server.address(), 0, SESSION_TIMEOUT).expect("a session");
    let mut seen = Vec::new();
    for number in 0..3 * SNAP_COUNT {
        let path = format!("/n{number}");
        writer.create(&path, Some(b"x"), 0).expect("a znode");
        // A snapshot is written beside.
        std::thread::sleep(std::time::Duration::from_millis(60));
        let tree = client::read_tree(&client, &mut reader).await;
        seen.push((server.srvr_zxid(), tree));
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    server.kill();
    seen
}

#[test]
fn snapshots_of_a_directory_whose_logs_are_elsewhere_give_what_clients_saw() {
    let mut all = 0;
    for release in releases() {
        let folder = tempfile::tempdir().expect("a folder");
        let (dir, log_dir) = (folder.path().join("data"), folder.path().join("log"));
        let seen = runtime().block_on(history(&release, &dir, &log_dir));
        let mut shown = 0;
        for (zxid, _) in snapshots(&dir) {
            let Some((_, tree)) = seen.iter().find(|(at, _)| *at == zxid) else {
                continue;
            };
            let target = folder.path().join(format!("{zxid:x}"));
            let arguments = [&dir, Path::new("--target"), &target].map(Path::as_os_str);
            let point = format!("{zxid:#x}");
            let wish = ["restore", "--accept-unproven", "--to", &point].map(OsStr::new);
            let output = zoovault([&wish[..], &arguments].concat());
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.code() == Some(NOT_REACHABLE) {
                // The reader's own requests may have come while it was written.
                assert!(told.contains("--as-is"), "{release}: {told}");
                continue;
            }
            assert_done(&output, &format!("{release}: {point}"));
            let mut server = Server::standalone(&release, &target, None, &Options::default());
            let again = runtime().block_on(client::dump(&server.address(), &release));
            server.stop();
            let context = format!("{release}: snapshot.{zxid:x} alone");
            client::assert_same_tree(tree, &again, Mode::Standalone, &context);
            shown += 1;
        }
        eprintln!("{release}: {shown} snapshots shown as clients saw them");
        all += shown;
    }
    // Of one release, each may by chance have been written while a request came.
    assert!(
        all > 0 || releases().is_empty(),
        "no snapshot of a quiet moment"
    );
}

#[test]
fn an_ensemble_that_never_had_a_client_can_be_restored() {
    for release in releases() {
        let folder = tempfile::tempdir().expect("a folder");
        let dirs: Vec<_> = (1..4)
            .map(|id| (id, folder.path().join(id.to_string())))
            .collect();
        for _ in 0..2 {
            Ensemble::start(&release, &dirs, &Options::default()).stop();
        }
        for (id, dir) in &dirs {
            // One of 3.4 may not have come to write any.
            if snapshots(dir).is_empty() {
                continue;
            }
            let output = zoovault(["verify".as_ref(), dir.as_os_str()]);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(
                output.status.code(),
                Some(WARNINGS),
                "{release} {id}: {text}"
            );
            let target = folder.path().join(format!("restored {id}"));
            restore(dir, "latest", &target, &["--accept-unproven"]);
            let mut server = Server::standalone(&release, &target, None, &Options::default());
            server.stop();
        }
    }
}
