//! A real client: connections, the whole tree as a client sees it, and the differences of two such
//! trees.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use zookeeper_client::{Acl, Client, Connector, Error, Permission, SessionInfo, Stat};

use crate::common::release::Release;
use crate::common::wire::Wire;

/// The ordinary user of the tests, of the scheme `digest`.
pub const LAB: &str = "lab:secret";

/// The superuser, as the servers are configured: may read and change every znode.
pub const SUPER: &str = "super:secret";

/// Longer than any test: a session ends because it is closed, never because a machine was slow.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(600);

/// How many znodes are asked for before the first answer is awaited.
const DUMP_BATCH: usize = 256;

/// An idle connection is given up after this long; the library's default would be a part of the
/// session timeout.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a session may take to be closed. Where other clients came meanwhile, the wait is for
/// nothing.
const CLOSED_WITHIN: Duration = Duration::from_secs(30);

/// Opens a session as the given users. It is closed when the last clone of the client is dropped.
pub async fn connect(address: &str, release: &Release, users: &[&str]) -> Client {
    open(address, release, connector(release, users)).await
}

/// Opens a session that lives on when the client is dropped, until its time is up.
pub async fn connect_detached(address: &str, release: &Release, users: &[&str]) -> Client {
    open(address, release, connector(release, users).with_detached()).await
}

/// Takes up a session that lives on.
pub async fn resume(
    address: &str,
    release: &Release,
    users: &[&str],
    session: SessionInfo,
) -> Client {
    let connector = connector(release, users).with_detached();
    open(address, release, connector.with_session(session)).await
}

fn connector(release: &Release, users: &[&str]) -> Connector {
    let (major, minor, patch) = release.version;
    let connector = Client::connector()
        .with_session_timeout(SESSION_TIMEOUT)
        .with_connection_timeout(CONNECTION_TIMEOUT)
        .with_server_version(major, minor, patch);
    let with_user =
        |connector: Connector, user: &&str| connector.with_auth("digest", user.as_bytes());
    users.iter().fold(connector, with_user)
}

async fn open(address: &str, release: &Release, connector: Connector) -> Client {
    match connector.connect(address).await {
        Ok(client) => client,
        Err(err) => panic!("{release}: cannot connect to {address}: {err}"),
    }
}

/// A znode as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// The data; `None` is null, which is not the same as empty.
    pub data: Option<Vec<u8>>,
    /// Permissions, scheme and id, sorted.
    pub acl: Vec<(i32, String, String)>,
    /// Every field of the stat. Its data length and number of children are counted by the server.
    pub stat: Stat,
}

/// The whole tree, by path.
pub type Tree = BTreeMap<String, NodeView>;

/// Reads the whole tree from one server, as the superuser: every znode can be read and no ACL is
/// masked.
pub async fn dump(address: &str, release: &Release) -> Tree {
    match try_dump(address, release).await {
        Ok(tree) => tree,
        Err(why) => panic!("{release}: {why}"),
    }
}

/// The same; or which znode the server does not give, as one does that lost the ACL of it.
pub async fn try_dump(address: &str, release: &Release) -> Result<Tree, String> {
    let others = connections(address);
    let (client, mut wire) = readers(address, release).await;
    let tree = try_read_tree(&client, &mut wire).await;
    wire.close();
    // The client closes its session in the background, with a txn: whoever asks for the last zxid
    // next must not get the one before.
    drop(client);
    let dropped = Instant::now();
    while connections(address) > others && dropped.elapsed() < CLOSED_WITHIN {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tree
}

/// How many clients a server says are connected, with the one that asks.
fn connections(address: &str) -> Option<u32> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(CONNECTION_TIMEOUT)).ok()?;
    stream.write_all(b"srvr").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let count = answer
        .lines()
        .find_map(|line| line.strip_prefix("Connections: "));
    count?.trim().parse().ok()
}

/// The two sessions that a dump needs. Whoever opens them before can read trees without a txn.
pub async fn readers(address: &str, release: &Release) -> (Client, Wire) {
    let client = connect(address, release, &[LAB, SUPER]).await;
    let mut wire = Wire::connect(address, 0, SESSION_TIMEOUT).expect("a connection for null data");
    wire.authenticate(SUPER);
    (client, wire)
}

/// Reads the whole tree by sessions that are open.
pub async fn read_tree(client: &Client, wire: &mut Wire) -> Tree {
    match try_read_tree(client, wire).await {
        Ok(tree) => tree,
        Err(why) => panic!("{why}"),
    }
}

async fn try_read_tree(client: &Client, wire: &mut Wire) -> Result<Tree, String> {
    // The server may be a follower that lags behind.
    client.sync("/").await.expect("sync");
    let mut tree = Tree::new();
    let mut level = vec!["/".to_string()];
    while !level.is_empty() {
        let mut next = Vec::new();
        for batch in level.chunks(DUMP_BATCH) {
            for (path, view, children) in read_batch(client, wire, batch).await? {
                let parent = if path == "/" { "" } else { path.as_str() };
                next.extend(children.iter().map(|name| format!("{parent}/{name}")));
                tree.insert(path, view);
            }
        }
        level = next;
    }
    Ok(tree)
}

/// Reads some znodes; all requests are on their way before the first answer is awaited.
async fn read_batch(
    client: &Client,
    wire: &mut Wire,
    batch: &[String],
) -> Result<Vec<(String, NodeView, Vec<String>)>, String> {
    let data: Vec<_> = batch.iter().map(|path| client.get_data(path)).collect();
    let acls: Vec<_> = batch.iter().map(|path| client.get_acl(path)).collect();
    let children: Vec<_> = batch.iter().map(|path| client.get_children(path)).collect();
    let mut views = Vec::with_capacity(batch.len());
    for (((path, data), acl), children) in batch.iter().zip(data).zip(acls).zip(children) {
        let (bytes, stat) = given(path, data).await?;
        let (acl, _) = given(path, acl).await?;
        let (names, _) = given(path, children).await?;
        let data = if bytes.is_empty() {
            // The library shows null as empty.
            wire.get_data(path)
                .map_err(|code| format!("{path:?} cannot be read: error {code}"))?
        } else {
            Some(bytes)
        };
        let acl = sorted_acl(&acl);
        views.push((path.clone(), NodeView { data, acl, stat }, names));
    }
    Ok(views)
}

async fn given<T>(path: &str, answer: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    let answer = answer.await;
    answer.map_err(|err| format!("{path:?} cannot be read: {err}"))
}

fn sorted_acl(acl: &[Acl]) -> Vec<(i32, String, String)> {
    let bits = [
        (Permission::READ, 1),
        (Permission::WRITE, 2),
        (Permission::CREATE, 4),
        (Permission::DELETE, 8),
        (Permission::ADMIN, 16),
    ];
    let entry = |acl: &Acl| {
        let perms = bits.iter().filter(|(bit, _)| acl.permission().has(*bit));
        let perms = perms.map(|(_, value)| value).sum();
        (perms, acl.scheme().to_string(), acl.id().to_string())
    };
    let mut entries: Vec<_> = acl.iter().map(entry).collect();
    entries.sort();
    entries
}

/// How a server runs, which decides what of `/zookeeper/config` is its own affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The configuration znode is empty and restored like any other.
    Standalone,
    /// Every start writes the configuration znode anew from the configuration file.
    Quorum,
}

/// What differs between two trees, a line each; empty if nothing does. Two things are left out,
/// because a server derives them: data and data length of quota statistics, and in an ensemble
/// `/zookeeper/config`.
pub fn differences(expected: &Tree, actual: &Tree, mode: Mode) -> Vec<String> {
    let mut lines = Vec::new();
    let skipped = |path: &str| mode == Mode::Quorum && path == "/zookeeper/config";
    for (path, view) in expected {
        match actual.get(path) {
            _ if skipped(path) => {}
            Some(other) => compare(path, view, other, &mut lines),
            None => lines.push(format!("{path:?}: missing")),
        }
    }
    for path in actual
        .keys()
        .filter(|path| !expected.contains_key(*path) && !skipped(path))
    {
        lines.push(format!("{path:?}: not expected"));
    }
    lines
}

/// Panics with the first differences, if there are any.
#[track_caller]
pub fn assert_same_tree(expected: &Tree, actual: &Tree, mode: Mode, context: &str) {
    let lines = differences(expected, actual, mode);
    assert!(
        lines.is_empty(),
        "{context}: {} differences in {} znodes:\n{}",
        lines.len(),
        expected.len(),
        lines
            .iter()
            .take(30)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    );
}

fn compare(path: &str, expected: &NodeView, actual: &NodeView, lines: &mut Vec<String>) {
    let mut field = |name: &str, expected: String, actual: String| {
        if expected != actual {
            lines.push(format!(
                "{path:?}: {name}: expected {expected}, is {actual}"
            ));
        }
    };
    let (left, right) = (&expected.stat, &actual.stat);
    field("czxid", hex(left.czxid), hex(right.czxid));
    field("mzxid", hex(left.mzxid), hex(right.mzxid));
    field("pzxid", hex(left.pzxid), hex(right.pzxid));
    field("ctime", left.ctime.to_string(), right.ctime.to_string());
    field("mtime", left.mtime.to_string(), right.mtime.to_string());
    field(
        "version",
        left.version.to_string(),
        right.version.to_string(),
    );
    field(
        "cversion",
        left.cversion.to_string(),
        right.cversion.to_string(),
    );
    field(
        "aversion",
        left.aversion.to_string(),
        right.aversion.to_string(),
    );
    field(
        "ephemeralOwner",
        hex(left.ephemeral_owner),
        hex(right.ephemeral_owner),
    );
    field(
        "numChildren",
        left.num_children.to_string(),
        right.num_children.to_string(),
    );
    field(
        "acl",
        format!("{:?}", expected.acl),
        format!("{:?}", actual.acl),
    );
    if !is_quota_statistics(path) {
        field(
            "dataLength",
            left.data_length.to_string(),
            right.data_length.to_string(),
        );
        field("data", excerpt(expected), excerpt(actual));
        if expected.data != actual.data && excerpt(expected) == excerpt(actual) {
            lines.push(format!("{path:?}: data differs further on"));
        }
    }
}

fn is_quota_statistics(path: &str) -> bool {
    path.starts_with("/zookeeper/quota/") && path.ends_with("/zookeeper_stats")
}

fn hex(value: i64) -> String {
    format!("{value:#x}")
}

fn excerpt(view: &NodeView) -> String {
    match &view.data {
        None => "null".to_string(),
        Some(data) => {
            let head = data.get(..24.min(data.len())).unwrap_or_default();
            format!("{} bytes {:?}", data.len(), String::from_utf8_lossy(head))
        }
    }
}
