//! A standalone server's history: every checkpoint can be restored, by every release, and while the
//! server writes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::common::client::{self, Mode, Tree};
use crate::common::release::{Release, releases};
use crate::common::workload::{Checkpoint, Kinds, Workload};
use crate::common::zookeeper::{Options, Server};
use crate::program::{
    OWN_RESTARTS, assert_done, copy_data_dir, judge_refused, restore, snapshots, verify, zoovault,
};
use crate::runtime;

/// So few that a short workload is spread over several logs and snapshots.
const SNAP_COUNT: u32 = 120;

/// Steps between two checkpoints.
const STEPS: usize = 250;

/// How long a server at least writes while its directory is read.
const WRITING: Duration = Duration::from_secs(5);

/// A stopped server's directories, and what its clients saw.
struct History {
    /// Parent of both directories.
    folder: TempDir,
    options: Options,
    checkpoints: Vec<Checkpoint>,
}

impl History {
    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// Runs a workload with four checkpoints and a restart half way, and stops the server. Where that
/// does not start on what it wrote, or shows other znodes then, the directory is judged, and
/// another is made.
async fn make_history(
    release: &Release,
    kinds: Kinds,
    compression: Option<&'static str>,
) -> History {
    for _ in 0..OWN_RESTARTS {
        if let Some(history) = try_history(release, kinds, compression).await {
            return history;
        }
    }
    panic!("{release}: no server starts on what it wrote itself");
}

async fn try_history(
    release: &Release,
    kinds: Kinds,
    compression: Option<&'static str>,
) -> Option<History> {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        snap_count: SNAP_COUNT,
        compression,
        ..Options::default()
    };
    let data_dir = folder.path().join("data");
    let mut server = Server::standalone(release, &data_dir, None, &options);
    let mut workload = Workload::start(&server, kinds, 7).await;
    let mut checkpoints = Vec::new();
    for part in 0..4 {
        workload.run(STEPS).await;
        let checkpoint = workload.checkpoint(|| server.srvr_zxid()).await;
        if part == 1 {
            workload.settle(2 * SNAP_COUNT as usize).await;
            let before = client::dump(&server.address(), release).await;
            workload.disconnect();
            server.stop();
            let written = tempfile::tempdir().expect("a folder");
            copy_data_dir(&data_dir, written.path(), |_| true);
            if let Err(why) = server.try_start_again() {
                judge_restart(release, written.path(), &options, &before, &why).await;
                return None;
            }
            // Else the server is no judge of what comes after.
            let after = client::try_dump(&server.address(), release).await;
            let why = match after {
                Ok(after) => client::differences(&before, &after, Mode::Standalone).join("\n"),
                Err(why) => why,
            };
            if !why.is_empty() {
                judge_restart(release, written.path(), &options, &before, &why).await;
                return None;
            }
            workload.reconnect().await;
        }
        checkpoints.push(checkpoint);
    }
    // What follows the last checkpoint must not show in it.
    workload.run(STEPS / 2).await;
    server.stop();
    Some(History {
        folder,
        options,
        checkpoints,
    })
}

/// What a server wrote and does not serve as it was is restored, and then it serves that.
async fn judge_restart(
    release: &Release,
    data_dir: &Path,
    options: &Options,
    expected: &Tree,
    why: &str,
) {
    judge_refused(data_dir, why);
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("restored");
    restore(data_dir, "latest", &target, &[]);
    let context = format!("{release}: what its own server does not serve");
    assert_serves(release, &target, options, expected, &context).await;
}

/// Starts a server on a directory and compares its whole tree with the expected one.
async fn assert_serves(
    release: &Release,
    data_dir: &Path,
    options: &Options,
    expected: &Tree,
    context: &str,
) {
    let server = Server::standalone(release, data_dir, None, options);
    let tree = client::dump(&server.address(), release).await;
    client::assert_same_tree(expected, &tree, Mode::Standalone, context);
}

#[test]
fn each_checkpoint_is_restored_exactly_by_zxid_and_by_time() {
    for release in releases() {
        runtime().block_on(async {
            let history = make_history(&release, Kinds::All, None).await;
            let source = history.data_dir();
            assert!(
                snapshots(&source).len() > 2,
                "{release}: too few snapshots to choose from"
            );
            verify(&source);
            for (index, checkpoint) in history.checkpoints.iter().enumerate() {
                // Every second one by its time, which stands for the same point.
                let by_zxid = format!("{:#x}", checkpoint.zxid);
                let point = if index % 2 == 0 {
                    &by_zxid
                } else {
                    &checkpoint.time
                };
                let target = history.folder.path().join(format!("restored-{index}"));
                restore(&source, point, &target, &[]);
                let context = format!("{release}: checkpoint {index}, --to {point}");
                assert_serves(
                    &release,
                    &target,
                    &history.options,
                    &checkpoint.tree,
                    &context,
                )
                .await;
            }
        });
    }
}

#[test]
fn a_compressed_source_and_separate_directories_are_restored_exactly() {
    for release in releases()
        .iter()
        .filter(|release| release.has_compression())
    {
        for method in ["gz", "snappy"] {
            runtime().block_on(async {
                let history = make_history(release, Kinds::All, Some(method)).await;
                let source = history.data_dir();
                verify(&source);
                let checkpoint = history.checkpoints.last().expect("a checkpoint");
                let (target, logs) = (
                    history.folder.path().join("restored"),
                    history.folder.path().join("logs"),
                );
                let logs_text = logs.display().to_string();
                restore(
                    &source,
                    &format!("{:#x}", checkpoint.zxid),
                    &target,
                    &["--data-log-dir", &logs_text],
                );
                let server = Server::standalone(release, &target, Some(&logs), &history.options);
                let tree = client::dump(&server.address(), release).await;
                let context = format!("{release}: {method}, own dataLogDir");
                client::assert_same_tree(&checkpoint.tree, &tree, Mode::Standalone, &context);
            });
        }
    }
}

#[test]
fn every_release_serves_what_was_restored_from_every_other() {
    let releases = releases();
    for from in &releases {
        runtime().block_on(async {
            let history = make_history(from, Kinds::Common, None).await;
            let checkpoint = history.checkpoints.last().expect("a checkpoint");
            for to in releases.iter().filter(|to| to.version != from.version) {
                let target = history.folder.path().join(format!("for-{to}"));
                let point = format!("{:#x}", checkpoint.zxid);
                restore(
                    &history.data_dir(),
                    &point,
                    &target,
                    &["--for-version", &to.branch()],
                );
                let context = format!("from {from} to {to}");
                assert_serves(to, &target, &history.options, &checkpoint.tree, &context).await;
            }
        });
    }
}

#[test]
fn a_directory_being_written_is_verified_and_restored_without_false_alarm() {
    for release in releases() {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = folder.path().join("data");
        let options = Options {
            snap_count: SNAP_COUNT,
            pre_alloc_size_kb: 64,
            ..Options::default()
        };
        let server = Server::standalone(&release, &data_dir, None, &options);
        let runtime = runtime();
        let mut workload = runtime.block_on(Workload::start(&server, Kinds::All, 11));
        let (writing, rounds) = (AtomicBool::new(true), AtomicUsize::new(0));
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while writing.load(Ordering::Relaxed) {
                    verify(&data_dir);
                    let target = tempfile::tempdir_in(folder.path()).expect("a folder");
                    restore(&data_dir, "latest", &target.path().join("restored"), &[]);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
            // The reader must end with the writer even if that one panics.
            let stop = StopOnDrop(&writing);
            runtime.block_on(async {
                let started = Instant::now();
                // Long enough for several logs and snapshots, and for several looks at them.
                while (started.elapsed() < WRITING || rounds.load(Ordering::Relaxed) < 3)
                    && !reader.is_finished()
                {
                    workload.run(50).await;
                }
            });
            drop(stop);
            if let Err(panic) = reader.join() {
                std::panic::resume_unwind(panic);
            }
        });
    }
}

/// Ends the reader's loop.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn an_archive_restores_to_the_same_bytes_and_unpacks_to_a_data_directory() {
    for release in releases() {
        runtime().block_on(async {
            let history = make_history(&release, Kinds::All, None).await;
            let folder = history.folder.path();
            let checkpoint = history.checkpoints.get(2).expect("a checkpoint");
            let point = format!("{:#x}", checkpoint.zxid);
            let archive = folder.join("export.tar.gz");
            let (from, to) = (history.data_dir(), &archive);
            let export = [
                "export".as_ref(),
                from.as_os_str(),
                "--to".as_ref(),
                point.as_ref(),
                "-o".as_ref(),
                to.as_os_str(),
            ];
            assert_done(&zoovault(export), "export");
            verify(&archive);

            let (one, other) = (folder.join("from-directory"), folder.join("from-archive"));
            restore(&history.data_dir(), &point, &one, &["--keep-zxid"]);
            restore(&archive, &point, &other, &["--keep-zxid"]);
            let name = format!("version-2/snapshot.{:x}", checkpoint.zxid);
            let expected = std::fs::read(one.join(&name)).expect("a snapshot from the directory");
            let found = std::fs::read(other.join(&name)).expect("a snapshot from the archive");
            assert!(
                expected == found,
                "{release}: the archive's snapshot has other bytes"
            );

            let unpacked = folder.join("unpacked");
            std::fs::create_dir(&unpacked).expect("a folder");
            let mut tar = Command::new("tar");
            tar.arg("-xzf").arg(&archive).arg("-C").arg(&unpacked);
            assert!(tar.status().expect("tar runs").success());
            let mut tops = std::fs::read_dir(&unpacked).expect("what was unpacked");
            let top = tops.next().expect("a top folder").expect("an entry").path();
            assert!(tops.next().is_none(), "{release}: more than one top folder");
            let context = format!("{release}: unpacked archive");
            assert_serves(&release, &top, &history.options, &checkpoint.tree, &context).await;
        });
    }
}
