//! Connections between members: elections, ports, names, TLS and SASL.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::pattern::Captures;

/// Frames and messages of a member that connects to another.
const CONNECTING: &[&str] = &[
    "QuorumCnxManager",
    "Learner.connectToLeader",
    "LeaderConnector",
];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "not-in-peer-list",
        signs: &[
            sign("My id {id} not in the peer list"),
            sign("No QuorumServer correspoding to myid {id}"),
        ],
        cause: "no server.N line of the configuration has the number in this member's myid: the line is missing, myid was copied from another member, or the dynamic configuration no longer has the member, as after a reconfig or a scale-down",
        risk: Risk::No,
        at_risk: "data was not changed",
        next: "compare myid with the server.N lines of zoo.cfg and of the newest zoo.cfg.dynamic file. Do not give a directory the number of a member that runs elsewhere",
        facts: about_id,
        ..BLANK
    },
    // QuorumCnxManager.Listener; from 3.6.0 on the process exits with code 14.
    Entry {
        id: "election-port",
        family: "port",
        signs: &[
            sign("I won't be able to participate in leader election any longer"),
            sign_with("Exception while listening", &["BindException"]),
            sign("Leaving listener thread for address {address}"),
        ],
        cause: "the member cannot open its election port: another program or a second server has it, or the name in its server.N line is the address of another machine",
        risk: Risk::No,
        at_risk: "the member takes no part in elections, so the ensemble tolerates one failure fewer",
        next: "find what has the port (`ss -ltnp`); where the name is not an address of this machine, correct it or set quorumListenOnAllIPs=true. Then restart the member",
        ..BLANK
    },
    Entry {
        id: "quorum-port",
        family: "port",
        signs: &[
            sign("Couldn't bind to {address}"),
            sign("Leader failed to initialize any of the following sockets"),
        ],
        cause: "the member was elected, but cannot open its quorum port, so it cannot lead: another program has the port, or the name in its server.N line is the address of another machine",
        risk: Risk::No,
        at_risk: "members elect again, perhaps the same one",
        next: "find what has the port (`ss -ltnp`); where the name is not an address of this machine, correct it or set quorumListenOnAllIPs=true. Then restart the member",
        ..BLANK
    },
    Entry {
        id: "tls",
        signs: &[
            sign("Cannot open secure channel to {sid}"),
            sign("Unsuccessful handshake with session"),
            sign("Blocked insecure connection attempt"),
            sign("Failed to verify hostname"),
            sign("Failed to verify host address"),
            sign("NotSslRecordException"),
            sign("SSLHandshakeException"),
            sign("Unrecognized SSL message, plaintext connection"),
            sign("failed to create SSL context"),
            sign("Could not create SSLContext"),
            sign("Failed to create key manager"),
            sign("Failed to create trust manager"),
            sign("Failed to trust certificate"),
        ],
        since: "3.5.1",
        weight: Weight::Warning,
        cause: "a TLS connection was not established: one end speaks without TLS, a certificate has expired or is not trusted, or its names do not include the peer's",
        risk: Risk::No,
        at_risk: "this is about a connection, not about files",
        next: "look for the reason in the exception; compare the TLS settings of both ends, and the certificates' dates and names",
        ..BLANK
    },
    Entry {
        id: "sasl-quorum",
        signs: &[
            sign("Authentication failed against server addr"),
            sign("Server failed to authenticate quorum learner"),
            sign("Learner not trying to authenticate and authentication is required"),
            sign_with(
                "Failed to authenticate using SASL",
                &["SaslQuorumAuth", "quorum"],
            ),
        ],
        since: "3.4.10, 3.5.4",
        weight: Weight::Warning,
        cause: "two members did not authenticate each other: their quorum.auth settings, JAAS users and passwords, or Kerberos principals and clocks differ",
        risk: Risk::No,
        at_risk: "the member cannot join; no file is affected",
        next: "make the quorum.auth settings and the JAAS sections QuorumServer and QuorumLearner the same on all members",
        ..BLANK
    },
    // QuorumCnxManager.connectOne, Learner.connectToLeader, QuorumPeer.QuorumServer.
    Entry {
        id: "peer-unreachable",
        signs: &[
            sign("Cannot open channel to {sid} at election address {address}"),
            sign_with("Connection refused", CONNECTING),
            sign_with("onnect timed out", CONNECTING),
            sign_with("No route to host", CONNECTING),
            sign("connectToLeader exceeded"),
            sign("remaining init limit={limit}, connecting to {address}"),
            sign("Unexpected exception, tries={tries}, connecting to {address}"),
            sign("Failed to resolve address: {name}"),
        ],
        weight: Weight::Note,
        cause: "another member could not be reached: it is down or starting, or its name, address or port is wrong or blocked",
        risk: Risk::No,
        at_risk: "harmless while members start or one of them is down; without a quorum, clients are not served",
        next: "if it persists: is that member running, does its name resolve here, and are its ports 2888 and 3888, or those configured, open to this one?",
        facts: about_sid,
        ..BLANK
    },
    Entry {
        id: "duplicate-id",
        signs: &[sign(
            "We got a connection request from a server with our own ID",
        )],
        since: "3.5.8, 3.6.1",
        weight: Weight::Warning,
        cause: "another server has the same number in its myid: the file was copied with a directory, or the old instance of this member still runs",
        risk: Risk::Maybe,
        at_risk: "two servers that vote as one can form a false quorum; two that share one directory destroy each other's logs",
        next: "find the other server and stop it; then give each member its own number and its own directory",
        ..BLANK
    },
    Entry {
        id: "non-member-vote",
        signs: &[
            sign("Ignoring notification for non-cluster member sid {sid}"),
            sign("from non-quorum member sid {sid}"),
        ],
        since: "3.4.13, 3.5.4",
        weight: Weight::Warning,
        cause: "a server that is not in this member's configuration takes part in the election, or a vote names one: the members' configurations differ, or a server of another ensemble has these addresses",
        risk: Risk::No,
        at_risk: "the vote is ignored",
        next: "compare the server.N lines and the dynamic configuration of all members",
        ..BLANK
    },
    // QuorumCnxManager, FastLeaderElection.
    Entry {
        id: "election-note",
        signs: &[
            sign("Have smaller server identifier, so dropping the connection"),
            sign("Connection broken for id {sid}"),
            sign("Notification time out: {ms}"),
            sign("Interrupting SendWorker"),
            sign("******* GOODBYE"),
            sign("Send worker leaving thread"),
            sign("Exception when using channel: for id {sid}"),
        ],
        weight: Weight::Note,
        cause: "members connect, disconnect and wait for each other's votes. Every healthy ensemble prints these lines when a member restarts",
        risk: Risk::No,
        at_risk: "harmless, unless an election does not end",
        next: "if no leader is elected, look for members that are down or unreachable, and for errors at their start",
        ..BLANK
    },
];

fn about_id(captures: &Captures) -> Vec<String> {
    let id = captures.get("id");
    id.map(|id| format!("myid is {id}")).into_iter().collect()
}

fn about_sid(captures: &Captures) -> Vec<String> {
    let sid = captures.decimal("sid");
    sid.map(|sid| format!("it is member {sid}"))
        .into_iter()
        .collect()
}
