//! A seeded random workload: every kind of txn that a server logs, in an order that the seed fixes,
//! with checkpoints at which the tree is known exactly.

use std::time::Duration;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use zookeeper_client::{
    Acl, Acls, AuthId, Client, CreateMode, CreateOptions, EnsembleUpdate, Error, Permission,
    SessionInfo,
};

use crate::common::client::{self, LAB, SESSION_TIMEOUT, SUPER, Tree};
use crate::common::release::Release;
use crate::common::rng::Rng;
use crate::common::wire::{EPHEMERAL, NO_NODE, Op, Wire};
use crate::common::zookeeper::{Ensemble, Server};

/// Which znodes a workload makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// All that the release knows.
    All,
    /// Only what every release knows: no containers, no TTL.
    Common,
}

/// A moment at which nothing was under way.
pub struct Checkpoint {
    /// The last zxid before it.
    pub zxid: i64,
    /// A time after that txn and before the next, in RFC 3339.
    pub time: String,
    /// The tree then.
    pub tree: Tree,
}

/// Clients with what they have created so far.
pub struct Workload {
    release: Release,
    address: String,
    rng: Rng,
    kinds: Kinds,
    clients: Vec<Client>,
    sessions: Vec<SessionInfo>,
    wire: Wire,
    /// Persistent znodes that were there at some time; children are made under them, and some are
    /// deleted.
    paths: Vec<String>,
    serial: usize,
}

/// Below this one the workload creates and deletes; the other top-level znodes stay.
const BASE: &str = "/lab";

/// One path of each sort that is easily mangled: blanks, other scripts, characters beyond 16 bits,
/// a dot, a colon.
const ODD_PATHS: &[&str] = &[
    "/with blank",
    "/with blank/ leading and trailing ",
    "/größe",
    "/路径",
    "/路径/узел",
    "/a.b:c=d,e;f",
    "/percent%20\"quote\"'",
];

/// Ten hours: no TTL znode expires while a test runs.
const TTL: Duration = Duration::from_secs(36_000);

/// Larger than any buffer that a reader is likely to have.
const BIG_NODE_LEN: usize = 700_000;

impl Workload {
    /// Connects several clients, whose sessions last until their time is up, and creates what must
    /// be there once.
    pub async fn start(server: &Server, kinds: Kinds, seed: u64) -> Workload {
        let (release, address) = (server.release().clone(), server.address());
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(client::connect_detached(&address, &release, &[LAB]).await);
        }
        let wire = lab_wire(&address);
        let mut workload = Workload {
            release,
            address,
            rng: Rng::new(seed),
            kinds,
            clients,
            sessions: Vec::new(),
            wire,
            paths: vec![BASE.to_string()],
            serial: 0,
        };
        workload.prepare().await;
        workload
    }

    async fn prepare(&mut self) {
        let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
        let big: Vec<u8> = (0..BIG_NODE_LEN)
            .map(|_| self.rng.next().to_be_bytes()[0])
            .collect();
        let client = self.client();
        client.create(BASE, b"", &open).await.expect("the base");
        client
            .create("/big", &big, &open)
            .await
            .expect("the big znode");
        for path in ODD_PATHS {
            let result = client.create(path, path.as_bytes(), &open).await;
            result.unwrap_or_else(|err| panic!("{path:?}: {err}"));
        }
        // A quota as the command line client sets it: the same path below `/zookeeper/quota`, with
        // two children.
        client
            .create("/quota", b"q", &open)
            .await
            .expect("a znode with a quota");
        let quota = "/zookeeper/quota/quota";
        client
            .create(quota, b"", &open)
            .await
            .expect("the quota's znode");
        let limits = format!("{quota}/zookeeper_limits");
        client
            .create(&limits, b"count=1000,bytes=1000000", &open)
            .await
            .expect("the limits");
        let statistics = format!("{quota}/zookeeper_stats");
        client
            .create(&statistics, b"count=0,bytes=0", &open)
            .await
            .expect("the statistics");
        client
            .create("/quota/child", b"1234", &open)
            .await
            .expect("a child within the quota");
        self.wire
            .create("/null", None, 0)
            .expect("a znode with null data");
        self.wire
            .create("/empty", Some(b""), 0)
            .expect("a znode with empty data");
        self.wire
            .create("/once null", Some(b"some"), 0)
            .expect("a znode to be emptied");
        self.wire
            .set_data("/once null", None)
            .expect("null in place of data");
    }

    /// Takes a number of steps, one after another.
    pub async fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.rng.below(100) {
                0..30 => self.create().await,
                30..50 => self.set_data().await,
                50..62 => self.set_acl().await,
                62..72 => self.delete().await,
                72..74 => self.delete_subtree().await,
                74..84 => self.commit_multi().await,
                84..90 => self.fail_multi().await,
                90..93 => self.open_and_close_session(),
                93..96 => self.within_quota().await,
                _ => self.null_data(),
            }
        }
    }

    /// Writes data of one znode so often that the newest snapshot was begun while nothing else
    /// changed. A server that starts from a snapshot taken under other changes may get ACLs wrong,
    /// and so would be no judge.
    pub async fn settle(&mut self, writes: usize) {
        let client = self.client();
        let writes: Vec<_> = (0..writes)
            .map(|_| client.set_data("/quota", b"settled", None))
            .collect();
        for write in writes {
            write.await.expect("a write to settle");
        }
    }

    /// Waits out the clock, and reads zxid, time and tree. Nothing else may write meanwhile.
    pub async fn checkpoint(&mut self, zxid: impl Fn() -> i64) -> Checkpoint {
        let zxid = zxid();
        // Header times are in milliseconds; the next txn is the dump's own session.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let round = TimestampRound::new()
            .smallest(Unit::Millisecond)
            .mode(RoundMode::Trunc);
        let time = Timestamp::now()
            .round(round)
            .expect("a time in milliseconds")
            .to_string();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let tree = client::dump(&self.address, &self.release).await;
        Checkpoint { zxid, time, tree }
    }

    /// Leaves the server, and keeps the sessions. To be called before the server stops: a client
    /// left to itself tries to come back while the server starts, and may wait long for an answer
    /// to a request that was dropped.
    pub fn disconnect(&mut self) {
        let sessions = self.clients.drain(..).map(Client::into_session);
        self.sessions.extend(sessions);
    }

    /// Takes up the sessions again that were kept.
    pub async fn reconnect(&mut self) {
        for session in self.sessions.drain(..) {
            self.clients
                .push(client::resume(&self.address, &self.release, &[LAB], session).await);
        }
        self.wire = lab_wire(&self.address);
    }

    /// Puts a member into the ensemble in which it is already: a reconfiguration that changes
    /// nothing but the version.
    pub async fn reconfigure(&self, ensemble: &Ensemble, id: u8) {
        let client = client::connect(&self.address, &self.release, &[SUPER]).await;
        let joinings = [ensemble.server_line(id)];
        let update = EnsembleUpdate::Incremental {
            joinings: joinings.iter().copied(),
            leavings: [].iter().copied(),
        };
        client
            .update_ensemble(update, None)
            .await
            .expect("a reconfiguration");
    }

    fn client(&mut self) -> Client {
        self.rng.pick(&self.clients).clone()
    }

    fn known_path(&mut self) -> String {
        self.rng.pick(&self.paths).clone()
    }

    fn new_name(&mut self) -> String {
        self.serial += 1;
        let script = *self.rng.pick(&["n", "n", "n", "ü ", "子"]);
        format!("{script}{}", self.serial)
    }

    /// An ACL list that leaves everything to the tests' user, and that was most likely never seen
    /// before.
    fn new_acl(&mut self) -> Vec<Acl> {
        let bits = [
            Permission::READ,
            Permission::WRITE,
            Permission::CREATE,
            Permission::DELETE,
            Permission::ADMIN,
        ];
        let perms = *self.rng.pick(&bits) | *self.rng.pick(&bits) | Permission::READ;
        let number = self.rng.below(1_000_000);
        let stranger = match self.rng.below(4) {
            0 => AuthId::new("world", "anyone"),
            // 3.4 refuses networks, though its documentation has them.
            1 if self.release.version >= (3, 5, 0) => {
                AuthId::new("ip", &format!("10.{}.0.0/16", number % 256))
            }
            2 => AuthId::new("ip", "127.0.0.1"),
            _ => AuthId::new("digest", &format!("user{number}:aGFzaG9mcGFzc3dvcmQ=")),
        };
        // `auth` is replaced by the identities of the client, here the tests' user.
        vec![
            Acl::new(perms, stranger),
            Acl::new(Permission::ALL, AuthId::authed()),
        ]
    }

    async fn create(&mut self) {
        let parent = self.known_path();
        let path = format!("{parent}/{}", self.new_name());
        let data = self.rng.bytes(5_000);
        let acl = match self.rng.below(3) {
            0 => self.new_acl(),
            1 => Acls::creator_all().to_vec(),
            _ => Acls::anyone_all().to_vec(),
        };
        let all = self.kinds == Kinds::All;
        let mode = match self.rng.below(10) {
            0 => CreateMode::Ephemeral,
            1 => CreateMode::EphemeralSequential,
            2 => CreateMode::PersistentSequential,
            3 if all && self.release.has_containers() => CreateMode::Container,
            _ => CreateMode::Persistent,
        };
        let mut options: CreateOptions<'_> = mode.with_acls(Acls::new(&acl));
        if all && self.release.has_ttl() && mode == CreateMode::Persistent && self.rng.below(6) == 0
        {
            options = options.with_ttl(TTL);
        }
        let result = self.client().create(&path, &data, &options).await;
        let created = tolerate(result.map(drop), &path);
        if created && matches!(mode, CreateMode::Persistent | CreateMode::Container) {
            self.paths.push(path);
        }
    }

    async fn set_data(&mut self) {
        let path = self.known_path();
        let data = if self.rng.below(8) == 0 {
            Vec::new()
        } else {
            self.rng.bytes(5_000)
        };
        // A wrong version fails, and the failure has a zxid of its own.
        let version = (self.rng.below(8) == 0).then_some(1_000_000);
        tolerate(
            self.client()
                .set_data(&path, &data, version)
                .await
                .map(drop),
            &path,
        );
    }

    async fn set_acl(&mut self) {
        let path = self.known_path();
        let acl = self.new_acl();
        tolerate(
            self.client().set_acl(&path, &acl, None).await.map(drop),
            &path,
        );
    }

    async fn delete(&mut self) {
        let path = self.known_path();
        if path == BASE {
            return;
        }
        if tolerate(self.client().delete(&path, None).await, &path) {
            self.paths.retain(|known| *known != path);
        }
    }

    /// Deletes children before parents, as the command line client's `deleteall` does.
    async fn delete_subtree(&mut self) {
        let root = self.known_path();
        if root == BASE {
            return;
        }
        let client = self.client();
        let mut found = vec![root.clone()];
        let mut index = 0;
        while let Some(path) = found.get(index).cloned() {
            let children = client.list_children(&path).await.unwrap_or_default();
            found.extend(children.iter().map(|name| format!("{path}/{name}")));
            index += 1;
        }
        for path in found.iter().rev() {
            tolerate(client.delete(path, None).await, path);
        }
        self.paths.retain(|known| !found.contains(known));
    }

    async fn commit_multi(&mut self) {
        let (kept, gone) = (
            format!("{BASE}/{}", self.new_name()),
            format!("{BASE}/{}", self.new_name()),
        );
        let data = self.rng.bytes(300);
        if self.release.version < (3, 5, 0) || self.rng.below(2) == 0 {
            let ops = [
                Op::Create(&kept, b""),
                Op::Create(&gone, &data),
                Op::Check(&kept, 0),
                Op::SetData(&kept, &data),
                Op::SetData("/quota/child", &data),
                Op::Delete(&gone),
            ];
            self.wire.multi(&ops).expect("a multi that commits");
        } else {
            let acl = self.new_acl();
            let options = CreateMode::Persistent.with_acls(Acls::new(&acl));
            let sequential = CreateMode::EphemeralSequential.with_acls(Acls::new(&acl));
            let client = self.client();
            let mut multi = client.new_multi_writer();
            multi.add_create(&kept, b"", &options).expect("a create");
            multi
                .add_create(&format!("{kept}/s-"), &data, &sequential)
                .expect("a sequential create");
            multi.add_create(&gone, &data, &options).expect("a create");
            multi.add_check_version(&kept, 0).expect("a check");
            multi.add_set_data(&kept, &data, None).expect("a set");
            multi.add_delete(&gone, None).expect("a delete");
            multi.commit().await.expect("a multi that commits");
        }
        self.paths.push(kept);
    }

    async fn fail_multi(&mut self) {
        let path = format!("{BASE}/{}", self.new_name());
        let missing = format!("{BASE}/there is no such znode");
        if self.rng.below(2) == 0 {
            let ops = [
                Op::Create(&path, b"rolled back"),
                Op::Delete(&missing),
                Op::SetData(BASE, b"never"),
            ];
            assert_eq!(self.wire.multi(&ops), Err(NO_NODE));
        } else {
            let client = self.client();
            let mut multi = client.new_multi_writer();
            multi
                .add_set_data(BASE, b"rolled back", None)
                .expect("a set");
            multi.add_check_version(BASE, 1_000_000).expect("a check");
            multi.add_delete(&missing, None).expect("a delete");
            multi.commit().await.expect_err("a multi whose check fails");
        }
    }

    /// A session that leaves, and takes its ephemerals with it.
    fn open_and_close_session(&mut self) {
        let mut wire = lab_wire(&self.address);
        for _ in 0..self.rng.below(4) {
            let path = format!("{BASE}/{}", self.new_name());
            wire.create(&path, Some(b"for a moment"), EPHEMERAL)
                .expect("an ephemeral");
        }
        wire.close();
    }

    async fn within_quota(&mut self) {
        let path = format!("/quota/{}", self.new_name());
        let data = self.rng.bytes(100);
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        let client = self.client();
        client
            .create(&path, &data, &options)
            .await
            .expect("a znode within the quota");
        if self.rng.below(2) == 0 {
            client
                .delete(&path, None)
                .await
                .expect("a delete within the quota");
        }
    }

    fn null_data(&mut self) {
        let path = format!("{BASE}/{}", self.new_name());
        self.wire
            .create(&path, None, 0)
            .expect("a znode with null data");
        if self.rng.below(2) == 0 {
            self.wire
                .set_data(&path, Some(b""))
                .expect("empty in place of null");
        }
    }
}

fn lab_wire(address: &str) -> Wire {
    let mut wire = Wire::connect(address, 0, SESSION_TIMEOUT).expect("a connection");
    wire.authenticate(LAB);
    wire
}

/// Whether the step was done. Errors that random steps meet are fine (a server logs most of them);
/// any other panics.
fn tolerate(result: Result<(), Error>, path: &str) -> bool {
    match result {
        Ok(()) => true,
        Err(
            Error::NoNode
            | Error::NodeExists
            | Error::NotEmpty
            | Error::NoAuth
            | Error::BadVersion
            | Error::NoChildrenForEphemerals,
        ) => false,
        Err(err) => panic!("{path:?}: {err}"),
    }
}
