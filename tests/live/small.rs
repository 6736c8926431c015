//! Makes `testdata/datadirs/small-*`: directories of a few KB by real servers, from which
//! `testdata/make/faults.py` makes the faulty ones.

use std::path::Path;

use zookeeper_client::{Acl, Acls, AuthId, CreateMode, Permission};

use crate::common::client::{LAB, SESSION_TIMEOUT, connect};
use crate::common::release::{Release, releases};
use crate::common::wire::{EPHEMERAL, NO_NODE, Op, Wire};
use crate::common::zookeeper::{Ensemble, Options, Server};
use crate::program::copy_data_dir;
use crate::runtime;

/// A log of at most ten txns, so that a few dozen make several logs and snapshots.
const SNAP_COUNT: u32 = 10;

fn options(compression: Option<&'static str>) -> Options {
    Options {
        snap_count: SNAP_COUNT,
        // The least there is: enough zeros to be seen, and few enough for every bit to be flipped.
        pre_alloc_size_kb: 1,
        compression,
        ..Options::default()
    }
}

fn wire(server: &Server) -> Wire {
    Wire::connect(&server.address(), 0, SESSION_TIMEOUT).expect("a session")
}

/// Sets data so often that a log is full and a snapshot was begun.
fn fill(wire: &mut Wire, path: &str) {
    for n in 0..SNAP_COUNT {
        wire.set_data(path, Some(format!("{n}").as_bytes()))
            .expect("data is set");
    }
    // A snapshot is written beside; the next is only begun when it is finished.
    std::thread::sleep(std::time::Duration::from_millis(300));
}

/// Creates a znode with an ACL of its own in a session that is closed again.
async fn guarded(server: &Server, path: &str) {
    let client = connect(&server.address(), server.release(), &[LAB]).await;
    let acl = [
        Acl::new(Permission::READ, AuthId::new("world", "anyone")),
        Acl::new(Permission::ALL, AuthId::authed()),
    ];
    let options = CreateMode::Persistent.with_acls(Acls::new(&acl));
    client
        .create(path, b"for some only", &options)
        .await
        .expect("a guarded znode");
}

/// The first run: an ephemeral whose session stays, one whose session is closed after a snapshot,
/// multis that commit and fail, ACLs.
async fn first_run(server: &Server) {
    let (mut staying, mut leaving) = (wire(server), wire(server));
    staying.create("/app", Some(b""), 0).expect("a znode");
    staying.create("/app/null", None, 0).expect("a znode");
    staying
        .create("/app/here", Some(b"x"), EPHEMERAL)
        .expect("an ephemeral");
    leaving
        .create("/app/gone", Some(b"y"), EPHEMERAL)
        .expect("an ephemeral");
    guarded(server, "/app/guarded").await;
    fill(&mut staying, "/app");
    leaving.close();
    let ops = [
        Op::Create("/app/one", b"1"),
        Op::SetData("/app", b"multi"),
        Op::Check("/app/one", 0),
    ];
    staying.multi(&ops).expect("a multi");
    let ops = [Op::Create("/app/two", b"2"), Op::Delete("/app/none")];
    assert_eq!(staying.multi(&ops), Err(NO_NODE));
    fill(&mut staying, "/app/one");
}

/// A later run: a session that comes and goes, and a znode that is deleted.
fn later_run(server: &Server, name: &str) {
    let mut session = wire(server);
    let path = format!("/app/{name}");
    session.create(&path, Some(b"short"), 0).expect("a znode");
    session.create("/app/end", None, EPHEMERAL).expect("one");
    session
        .multi(&[Op::Delete(&path), Op::Create(&path, b"again")])
        .expect("a multi");
    session.close();
}

async fn make_standalone(release: &Release, to: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::standalone(release, folder.path(), None, &options(None));
    first_run(&server).await;
    server.stop();
    for (name, compression) in [("second", Some("gz")), ("third", Some("snappy"))] {
        // Plain where the fixture is to be one that every release reads.
        let compression = compression.filter(|_| release.version >= (3, 9, 0));
        let options = options(compression);
        let mut server = Server::standalone(release, folder.path(), None, &options);
        later_run(&server, name);
        server.stop();
    }
    copy_data_dir(folder.path(), to, |_| true);
}

/// One member of three: two epochs, and the epoch files.
async fn make_member(release: &Release, to: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let dirs: Vec<_> = (1..4)
        .map(|id| (id, folder.path().join(id.to_string())))
        .collect();
    for name in ["first", "second"] {
        let mut ensemble = Ensemble::start(release, &dirs, &options(None));
        if name == "first" {
            wire(ensemble.member(1))
                .create("/app", Some(b""), 0)
                .expect("a znode");
        }
        later_run(ensemble.member(1), name);
        guarded(ensemble.member(1), &format!("/app/{name} guarded")).await;
        fill(&mut wire(ensemble.member(1)), "/app");
        ensemble.quiesce();
        ensemble.stop();
    }
    let member = folder.path().join("1");
    copy_data_dir(&member, to, |_| true);
    std::fs::copy(member.join("myid"), to.join("myid")).expect("myid");
}

#[test]
#[ignore = "writes fixtures below $ZOOVAULT_MAKE_DIR"]
fn small_directories_are_made() {
    let to = std::env::var("ZOOVAULT_MAKE_DIR").expect("where to");
    let to = Path::new(&to);
    for release in releases() {
        let name = format!("small-{}", release.branch());
        runtime().block_on(make_standalone(&release, &to.join(name)));
        if release.version >= (3, 9, 0) {
            let member = to.join("small-member-3.9");
            runtime().block_on(make_member(&release, &member));
        }
    }
}
