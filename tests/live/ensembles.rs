//! Ensembles of three on restored directories: they elect and write, keep clients that have seen
//! more, and never serve a history that a forgotten member still has.

use std::path::{Path, PathBuf};

use crate::common::client::{self, LAB, Mode, SESSION_TIMEOUT, Tree, connect};
use crate::common::release::{Release, releases};
use crate::common::wire::Wire;
use crate::common::workload::{Checkpoint, Kinds, Workload};
use crate::common::zookeeper::{Ensemble, Options};
use crate::program::{copy_data_dir, judge_refused, restore};
use crate::runtime;

/// Not 1, 2, 3, so that a program that counts for itself is found out.
const IDS: [u8; 3] = [11, 12, 13];

/// The member whose directory is the source, and the one that later comes back with its old
/// directory.
const SOURCE: u8 = 12;
const FORGOTTEN: u8 = 13;

fn options() -> Options {
    Options {
        snap_count: 150,
        ..Options::default()
    }
}

fn member_dirs(folder: &Path) -> Vec<(u8, PathBuf)> {
    IDS.iter()
        .map(|id| (*id, folder.join(id.to_string())))
        .collect()
}

/// Runs a workload on an ensemble of three, and stops it. Returns a checkpoint, and the last zxid
/// long after it.
async fn make_history(release: &Release, folder: &Path) -> (Checkpoint, i64) {
    let mut ensemble = Ensemble::start(release, &member_dirs(folder), &options());
    let mut workload = Workload::start(ensemble.member(SOURCE), Kinds::All, 5).await;
    workload.run(200).await;
    if release.has_reconfig() {
        workload.reconfigure(&ensemble, FORGOTTEN).await;
        workload.run(50).await;
    }
    let checkpoint = workload.checkpoint(|| ensemble.quiesce()).await;
    workload.run(300).await;
    let last = ensemble.quiesce();
    ensemble.stop();
    (checkpoint, last)
}

#[test]
fn a_restored_ensemble_takes_writes_and_clients_that_have_seen_more() {
    for release in releases() {
        runtime().block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let old = folder.path().join("old");
            let (checkpoint, last) = make_history(&release, &old).await;
            assert!(
                last > checkpoint.zxid + 100,
                "{release}: too few writes after the checkpoint"
            );
            let source = old.join(SOURCE.to_string());
            let point = format!("{:#x}", checkpoint.zxid);

            let new = folder.path().join("new");
            restore(&source, &point, &new, &["--members", "11,12,13"]);
            let mut ensemble = Ensemble::start(&release, &member_dirs(&new), &options());
            // A client that knows the time after the checkpoint comes first: nothing else has
            // raised the zxid yet.
            for (id, server) in &ensemble.members {
                let session = Wire::connect(&server.address(), last, SESSION_TIMEOUT);
                let session = session.unwrap_or_else(|err| {
                    panic!("{release}: member {id} refuses a client that has seen {last:#x}: {err}")
                });
                session.close();
            }
            assert_all_serve(
                &ensemble,
                &checkpoint.tree,
                &format!("{release}: all restored"),
            )
            .await;
            assert_all_take_writes(&ensemble).await;
            ensemble.stop();

            let mixed = folder.path().join("mixed");
            restore(&source, &point, &mixed, &["--members", "11,12"]);
            let forgotten = FORGOTTEN.to_string();
            copy_data_dir(&old.join(&forgotten), &mixed.join(&forgotten), |_| true);
            let ensemble = match Ensemble::try_start(&release, &member_dirs(&mixed), &options()) {
                Ok(ensemble) => ensemble,
                // What it was written under load its own server may refuse.
                Err((FORGOTTEN, why)) => {
                    judge_refused(&old.join(&forgotten), &why);
                    return;
                }
                Err((id, why)) => panic!("{release}: member {id}: {why}"),
            };
            assert_all_serve(
                &ensemble,
                &checkpoint.tree,
                &format!("{release}: one on its old directory"),
            )
            .await;
            assert_all_take_writes(&ensemble).await;
        });
    }
}

/// Compares every member's tree with the expected one.
async fn assert_all_serve(ensemble: &Ensemble, expected: &Tree, context: &str) {
    for (id, server) in &ensemble.members {
        let tree = client::dump(&server.address(), server.release()).await;
        client::assert_same_tree(
            expected,
            &tree,
            Mode::Quorum,
            &format!("{context}, member {id}"),
        );
    }
}

/// Writes through each member, and reads it from the others.
async fn assert_all_take_writes(ensemble: &Ensemble) {
    use zookeeper_client::{Acls, CreateMode};
    let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let mut clients = Vec::new();
    for (id, server) in &ensemble.members {
        clients.push((
            id,
            connect(&server.address(), server.release(), &[LAB]).await,
        ));
    }
    for (writer, client) in &clients {
        let path = format!("/written through {writer}");
        let result = client.create(&path, path.as_bytes(), &open).await;
        result.unwrap_or_else(|err| panic!("{path:?}: {err}"));
        for (reader, client) in &clients {
            client.sync(&path).await.expect("sync");
            let (data, _) = client
                .get_data(&path)
                .await
                .expect("what another member wrote");
            assert_eq!(data, path.as_bytes(), "{path:?}, read from {reader}");
        }
    }
}
