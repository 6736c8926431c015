//! Connections and sessions of clients, at either end.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "not-serving",
        signs: &[
            sign("ZooKeeperServer not running"),
            sign("This ZooKeeper instance is not currently serving requests"),
            sign("Error contacting service. It is probably not running"),
            sign("Error closing a command socket"),
        ],
        weight: Weight::Note,
        cause: "a client or a command reached a server that does not serve: it is starting, has no quorum, or is down",
        risk: Risk::No,
        at_risk: "this only says that the server does not serve",
        next: "look further up in the server's log for why it does not: an exception at its start, or elections that do not end",
        ..BLANK
    },
    Entry {
        id: "too-many-connections",
        signs: &[
            sign("Too many connections from {address} - max is {max}"),
            sign("Too many connections max allowed is {max}"),
            sign("Too many connections {count} - max is {max}"),
        ],
        weight: Weight::Warning,
        cause: "the server refused a connection because of maxClientCnxns (of one address) or maxCnxns (of all). Often one program opens sessions without closing them, or many clients share one address",
        risk: Risk::No,
        at_risk: "this is about a connection, not about files",
        next: "find out which program has the connections (`ss -tnp`, or the command cons); then raise the limit, if so many are right",
        ..BLANK
    },
    Entry {
        id: "sasl-client",
        signs: &[
            sign("SASL authentication with Zookeeper Quorum member failed"),
            sign("SASL configuration failed"),
            sign("failed to SASL authenticate"),
            sign("Closing client connection due to server requires client SASL authentication"),
            sign("Closing client connection due to SASL authentication failure"),
        ],
        weight: Weight::Warning,
        cause: "a client and the server did not authenticate each other: JAAS section, password, or Kerberos principal, keytab and clocks",
        risk: Risk::No,
        at_risk: "this is about a connection, not about files",
        next: "compare the JAAS configuration of both ends",
        ..BLANK
    },
    Entry {
        id: "command-not-allowed",
        signs: &[sign("is not executed because it is not in the whitelist")],
        since: "3.4.10, 3.5.3",
        weight: Weight::Note,
        cause: "a four-letter command was asked for that 4lw.commands.whitelist does not name; 3.5.3 and later only allow srvr by default",
        risk: Risk::No,
        at_risk: "the server does serve",
        next: "use srvr, or add the command to 4lw.commands.whitelist in zoo.cfg",
        ..BLANK
    },
    // PrepRequestProcessor, at level INFO.
    Entry {
        id: "user-level-error",
        family: "keeper-error",
        signs: &[sign("Got user-level KeeperException when processing")],
        weight: Weight::Note,
        cause: "a client asked for something that cannot be done, such as creating a znode that exists. Many programs do that by design, Kafka and HBase at every start",
        risk: Risk::No,
        at_risk: "the request had no effect",
        next: "nothing to do",
        ..BLANK
    },
    Entry {
        id: "client-connection-lost",
        family: "keeper-error",
        signs: &[
            sign("KeeperErrorCode = ConnectionLoss"),
            sign("Timed out waiting for connection while in state"),
            sign("All connection tries failed while connecting to ZooKeeper"),
            sign("unexpected error, closing socket connection and attempting reconnect"),
            sign("Client session timed out, have not heard from server in {ms}"),
        ],
        weight: Weight::Note,
        cause: "a client has no connection to any server: they are down, have no quorum, or its list of addresses is wrong",
        risk: Risk::No,
        at_risk: "a request that was under way may or may not have been carried out",
        next: "look at the servers' logs: this end only says that it got no answer",
        ..BLANK
    },
    Entry {
        id: "client-session-expired",
        family: "keeper-error",
        signs: &[
            sign("KeeperErrorCode = Session expired"),
            sign("Unable to reconnect to ZooKeeper service, session {session} has expired"),
            sign("Coordination::Exception: Session expired"),
        ],
        weight: Weight::Note,
        cause: "the servers did not hear from a client for its session timeout and closed its session, with its ephemeral znodes: the client paused, the network failed, or there was no quorum for a long time",
        risk: Risk::No,
        at_risk: "nothing but the session's ephemeral znodes, which is what they are for",
        next: "the client has to open a new session; many programs need a restart for that. If it is frequent, look for pauses and slow disks",
        ..BLANK
    },
    Entry {
        id: "client-no-auth",
        family: "keeper-error",
        signs: &[sign("KeeperErrorCode = NoAuth")],
        weight: Weight::Note,
        cause: "the ACL of a znode does not let this client do what it asked for: it did not authenticate, or did so as another user than the ACL names",
        risk: Risk::No,
        at_risk: "the request had no effect",
        next: "compare the client's credentials with what getAcl shows",
        ..BLANK
    },
];
