//! Snapshots taken while many clients write are inconsistent by design. Whatever snapshot a restore
//! starts from, it must end in the bytes that a replay of the whole log ends in.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use zookeeper_client::{Acl, Acls, AuthId, Client, CreateMode, Error, Permission};

use crate::common::client::{LAB, connect};
use crate::common::release::{Release, releases};
use crate::common::rng::Rng;
use crate::common::zookeeper::{Options, READY_TIMEOUT, Server};
use crate::program::{copy_data_dir, judge_refused, restore, snapshots, verify, zoovault};
use crate::runtime;

/// Znodes that are there before the storm: they make a snapshot take long enough to be overtaken.
const PREFILLED: usize = 4_000;

/// Clients that write at the same time.
const WRITERS: u64 = 3;

/// Requests that a client sends before it awaits the first answer.
const IN_FLIGHT: usize = 150;

/// How long they write.
const STORM: Duration = Duration::from_secs(4);

/// How many snapshots there are to be in the end: on a slow machine they write on.
const SNAPSHOTS: usize = 8;

/// How long they write at most.
const STORM_MAX: Duration = Duration::from_secs(180);

/// Points compared, per release, unless the environment says otherwise.
const POINTS: usize = 5;

#[test]
fn a_fuzzy_snapshot_and_its_log_give_the_bytes_of_a_full_replay() {
    let points = match std::env::var("ZOOVAULT_LIVE_ZXIDS") {
        Ok(text) => text.parse().expect("ZOOVAULT_LIVE_ZXIDS is a number"),
        Err(_) => POINTS,
    };
    for release in releases() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("data");
        let last = runtime().block_on(write_storm(&release, &source));
        let taken = snapshots(&source);
        assert!(taken.len() > 3, "{release}: only {} snapshots", taken.len());
        // Each of them is compared with the replay, znode by znode.
        verify(&source);
        judge_own_start(&release, &source, last);

        // The same logs, and only the snapshot of the empty tree, if the release wrote one.
        let replayed = folder.path().join("replayed");
        copy_data_dir(&source, &replayed, |name| {
            !name.starts_with("snapshot.") || name == "snapshot.0"
        });

        let mut rng = Rng::new(u64::try_from(last).expect("a positive zxid"));
        for round in 0..points {
            let zxid = choose_point(
                &mut rng,
                round,
                last,
                &taken.iter().map(|(zxid, _)| *zxid).collect::<Vec<_>>(),
            );
            let by_snapshot = restored_bytes(
                &source,
                zxid,
                &folder.path().join(format!("{round}-snapshot")),
            );
            let by_replay = restored_bytes(
                &replayed,
                zxid,
                &folder.path().join(format!("{round}-replay")),
            );
            assert!(
                by_snapshot == by_replay,
                "{release}: at {zxid:#x} a restore from a snapshot differs from a full replay \
                 ({} and {} bytes); snapshots: {:x?}",
                by_snapshot.len(),
                by_replay.len(),
                taken.iter().map(|(zxid, _)| zxid).collect::<Vec<_>>()
            );
        }
    }
}

/// What was written under load is sound. Whether its own server starts on it again is foretold, and
/// where it does not, it starts on what is restored.
fn judge_own_start(release: &Release, source: &Path, last: i64) {
    let folder = tempfile::tempdir().expect("a folder");
    let (copy, restored) = (folder.path().join("copy"), folder.path().join("restored"));
    copy_data_dir(source, &copy, |_| true);
    let options = Options::default();
    let buffer = format!("jute.maxbuffer={}", options.max_buffer);
    let output = zoovault([
        "verify".as_ref(),
        copy.as_os_str(),
        "--json".as_ref(),
        "--server".as_ref(),
        release.name.as_ref(),
        "-D".as_ref(),
        buffer.as_ref(),
        "-D".as_ref(),
        "zookeeper.extendedTypesEnabled=true".as_ref(),
    ]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let foretold = &report["servers"][0]["standalone"];
    let (status, log) = Server::try_standalone(release, &copy, None, &options, READY_TIMEOUT);
    assert_eq!(
        foretold["starts"],
        status.is_some(),
        "{release}: {foretold:#}\n{log}"
    );
    if status.is_some() {
        return;
    }
    judge_refused(source, &log);
    restore(source, "latest", &restored, &["--epoch", "9"]);
    let (status, log) = Server::try_standalone(release, &restored, None, &options, READY_TIMEOUT);
    let status = status.unwrap_or_else(|| panic!("{release}: on what was restored:\n{log}"));
    eprintln!(
        "{release}: refuses its own of {last:#x}, and serves {status:?} of what was restored"
    );
}

/// Every second point is just behind a snapshot's zxid, where that snapshot holds more than it
/// should.
fn choose_point(rng: &mut Rng, round: usize, last: i64, snapshots: &[i64]) -> i64 {
    let upper = usize::try_from(last).expect("a positive zxid");
    let any = i64::try_from(1 + rng.below(upper)).expect("a zxid");
    if round.is_multiple_of(2) {
        return any;
    }
    let behind = i64::try_from(rng.below(400)).expect("a small number");
    (*rng.pick(snapshots) + behind).clamp(1, last)
}

fn restored_bytes(source: &Path, zxid: i64, target: &Path) -> Vec<u8> {
    restore(source, &format!("{zxid:#x}"), target, &["--keep-zxid"]);
    let bytes = fs::read(target.join(format!("version-2/snapshot.{zxid:x}")))
        .expect("the restored snapshot");
    fs::remove_dir_all(target).expect("the target is removed");
    bytes
}

/// Fills a new server, lets several clients write without waiting, stops it, and returns its last
/// zxid. What it leaves is sound, and fuzzy: its own server may refuse it.
pub async fn write_storm(release: &Release, data_dir: &Path) -> i64 {
    assert!(!data_dir.exists(), "a storm wants a server of its own");
    let options = Options {
        snap_count: 300,
        ..Options::default()
    };
    let mut server = Server::standalone(release, data_dir, None, &options);
    let client = connect(&server.address(), release, &[LAB]).await;
    let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.create("/storm", b"", &open).await.expect("the base");
    let paths: Vec<_> = (0..PREFILLED)
        .map(|number| format!("/storm/n{number}"))
        .collect();
    for batch in paths.chunks(500) {
        let creates: Vec<_> = batch
            .iter()
            .map(|path| client.create(path, b"prefilled", &open))
            .collect();
        for create in creates {
            create.await.expect("a prefilled znode");
        }
    }
    let mut writers = Vec::new();
    for seed in 0..WRITERS {
        let client = connect(&server.address(), release, &[LAB]).await;
        let data_dir = data_dir.to_owned();
        let is_over = move |begun: Instant| {
            let is_enough = || snapshots(&data_dir).len() >= SNAPSHOTS;
            begun.elapsed() > STORM && (begun.elapsed() > STORM_MAX || is_enough())
        };
        let writing = write_without_waiting(client, Rng::new(seed), is_over);
        writers.push(tokio::spawn(writing));
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    let last = server.srvr_zxid();
    server.stop();
    last
}

async fn write_without_waiting(
    client: Client,
    mut rng: Rng,
    is_over: impl Fn(Instant) -> bool + Send,
) {
    let started = Instant::now();
    while !is_over(started) {
        let mut answers = Vec::with_capacity(IN_FLIGHT);
        for _ in 0..IN_FLIGHT {
            answers.push(send_one(&client, &mut rng));
        }
        for answer in answers {
            match answer.await.expect("a request's task") {
                Ok(())
                | Err(
                    Error::NoNode
                    | Error::NodeExists
                    | Error::NotEmpty
                    | Error::NoChildrenForEphemerals,
                ) => {}
                Err(err) => panic!("a writer failed: {err}"),
            }
        }
    }
}

/// Sends a random write. The request is on its way when this returns; the task only awaits the
/// answer.
fn send_one(client: &Client, rng: &mut Rng) -> tokio::task::JoinHandle<Result<(), Error>> {
    let path = format!("/storm/n{}", rng.below(PREFILLED * 5 / 4));
    let acl = [
        Acl::new(Permission::ALL, AuthId::authed()),
        Acl::new(
            Permission::READ,
            AuthId::new("digest", &format!("u{}:aGFzaA==", rng.below(1_000_000))),
        ),
    ];
    match rng.below(10) {
        0..3 => await_later(client.set_data(&path, &rng.bytes(200), None)),
        3..5 => {
            let client = client.clone();
            tokio::spawn(async move { client.set_acl(&path, &acl, None).await.map(drop) })
        }
        5..8 => {
            let mode = if rng.below(4) == 0 {
                CreateMode::Ephemeral
            } else {
                CreateMode::Persistent
            };
            let path = if rng.below(2) == 0 {
                path
            } else {
                format!("{path}/child{}", rng.below(3))
            };
            let (client, data) = (client.clone(), rng.bytes(50));
            tokio::spawn(async move {
                let options = mode.with_acls(Acls::new(&acl));
                client.create(&path, &data, &options).await.map(drop)
            })
        }
        _ => await_later(client.delete(&path, None)),
    }
}

fn await_later<T>(
    answer: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> tokio::task::JoinHandle<Result<(), Error>> {
    tokio::spawn(async move { answer.await.map(drop) })
}
