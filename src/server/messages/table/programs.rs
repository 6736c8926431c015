//! What programs that keep their state in ZooKeeper print when that state is gone, or another's.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::pattern::Captures;

const FIRST_LOOK: &str = "before the program writes anything anew, find out whether its connection string and chroot are as they were, and whether the ZooKeeper servers started with their real \
                          directories: an empty or old tree there is the cause in most cases. Copy the directories of all members first";

pub(super) const ENTRIES: &[Entry] = &[
    // KafkaServer.startup up to 3.6; MetaPropertiesEnsemble.verify from 3.7 on.
    Entry {
        id: "kafka-cluster-id",
        signs: &[
            sign(
                "The Cluster ID {zookeeper} doesn't match stored clusterId {broker} in meta.properties",
            ),
            sign("Invalid cluster.id in: {file}. Expected {zookeeper}, but read {broker}"),
            sign("InconsistentClusterIdException"),
        ],
        since: "Kafka 2.4",
        cause: "Kafka: the znode /cluster/id has another cluster's id than meta.properties in this broker's log directory. Kafka makes a new id when it finds none, so most often ZooKeeper's data was lost, is an older directory, or is another ensemble's",
        risk: Risk::Maybe,
        at_risk: "the broker's logs are intact. With ZooKeeper's data, the list of topics, partitions, ACLs and quotas is gone; a broker that is made to join without it does not know its topics",
        next: "do not delete meta.properties: that only hides that the data in ZooKeeper is gone or another's. Stop the brokers, copy all ZooKeeper directories and look for /cluster/id in them and in backups: restore the one that has the broker's id. If zookeeper.connect or its chroot is wrong, correct that",
        facts: about_cluster,
        ..BLANK
    },
    Entry {
        id: "kafka-broker-registered",
        family: "keeper-error",
        signs: &[
            sign("Error while creating ephemeral at {path}, node already exists and owner"),
            sign_with(
                "NodeExistsException",
                &["registerBroker", "checkedEphemeralCreate"],
            ),
        ],
        since: "Kafka 1.1",
        weight: Weight::Warning,
        cause: "Kafka: a broker with this id is registered by another session: its previous process ended less than a session timeout ago, or a second broker has the same broker.id",
        risk: Risk::No,
        at_risk: "the broker does not start; its logs are not affected",
        next: "wait for the session timeout and start it again; if it still fails, look for another broker with this id. Delete the znode only when no such broker runs",
        ..BLANK
    },
    Entry {
        id: "kafka-broker-id",
        signs: &[
            sign(
                "Configured broker.id {configured} doesn't match stored broker.id {stored} in meta.properties",
            ),
            sign("InconsistentBrokerIdException"),
        ],
        since: "Kafka 0.9",
        cause: "Kafka: this broker's log directory is of a broker with another id: broker.id was changed, or volumes were exchanged, as when pods are numbered anew. It is not about ZooKeeper's data",
        risk: Risk::No,
        at_risk: "the logs are intact, but belong to the other id; the message's advice to remove all data would delete them",
        next: "give the broker the id in meta.properties, or the volume of its own id; delete nothing",
        ..BLANK
    },
    // ReplicaManager.becomeLeaderOrFollower.
    Entry {
        id: "kafka-topic-id",
        signs: &[
            sign(
                "Topic ID in memory: {broker} does not match the topic ID for partition {partition} received: {zookeeper}",
            ),
            sign("InconsistentTopicIdException"),
        ],
        since: "Kafka 3.0",
        weight: Weight::Warning,
        cause: "Kafka: a partition on this broker is of an earlier topic of the same name. The topic was deleted and created again, or ZooKeeper's data was lost or restored and the topic was created anew",
        risk: Risk::Maybe,
        at_risk: "the messages in that partition, which are only found under the old id",
        next: "do not delete the partition's directory. If ZooKeeper's data was lost, a restore of it to a point before the loss brings the old ids back; messages written to the new topic since then are no longer found",
        ..BLANK
    },
    Entry {
        id: "clickhouse-no-metadata",
        family: "clickhouse-readonly",
        signs: &[
            sign("Table is in readonly mode since table metadata was not found in zookeeper"),
            sign("No metadata in ZooKeeper"),
            sign("replica path {path} has no metadata in ZooKeeper"),
        ],
        since: "ClickHouse 20",
        weight: Weight::Warning,
        cause: "ClickHouse: the znodes of a replicated table are not there, so it cannot be written to. ZooKeeper's data was lost or is older than the table, or the table's path or macros were changed",
        risk: Risk::Maybe,
        at_risk: "the parts on ClickHouse's disks are intact and can be read; what only ZooKeeper knows of them is gone if its data is",
        next: "do not drop tables and delete no parts. Restore ZooKeeper's data if there is a copy; if there is none, SYSTEM RESTORE REPLICA writes a table's metadata again from the parts on disk",
        ..BLANK
    },
    Entry {
        id: "clickhouse-readonly",
        family: "clickhouse-readonly",
        signs: &[
            sign("Table is in readonly mode"),
            sign("TABLE_IS_READ_ONLY"),
            sign("No ZooKeeper: table will be in readonly mode"),
        ],
        since: "ClickHouse 1.1",
        weight: Weight::Warning,
        cause: "ClickHouse: a replicated table has no working session in ZooKeeper, or its znodes are not there",
        risk: Risk::Maybe,
        at_risk: "nothing if ZooKeeper was only unreachable: the table becomes writable again by itself. If its znodes are gone, see what ClickHouse's log says of metadata in ZooKeeper",
        next: "look whether ZooKeeper serves, and in system.zookeeper whether the table's path has its znodes. If they are gone, copy the ZooKeeper directories before anything is created anew",
        ..BLANK
    },
    Entry {
        id: "clickhouse-parts",
        signs: &[
            sign(
                "The local set of parts of table {table} doesn't look like the set of parts in ZooKeeper",
            ),
            sign("doesn't look like the set of parts in ZooKeeper"),
        ],
        since: "ClickHouse 1.1",
        cause: "ClickHouse: too many parts on disk are unknown to ZooKeeper, or the other way round: ZooKeeper was restored to an older state, another table uses the same path, or macros of shard or replica were changed",
        risk: Risk::Maybe,
        at_risk: "parts that ZooKeeper does not know: the flag force_restore_data moves them to the table's detached directory, and the table then lacks their rows",
        next: "compare macros and paths with what they were. If ZooKeeper was restored, copy ClickHouse's data before force_restore_data is set, and attach the detached parts again afterwards",
        ..BLANK
    },
    Entry {
        id: "clickhouse-no-node",
        family: "keeper-error",
        signs: &[
            sign("Coordination::Exception: No node"),
            sign("Coordination::Exception. Coordination::Exception: No node"),
        ],
        since: "ClickHouse 18",
        weight: Weight::Note,
        cause: "ClickHouse: a znode that it asked for does not exist. A single one can be a race between replicas; many of them mean that ZooKeeper's data is gone or older",
        risk: Risk::Maybe,
        at_risk: "nothing by itself; the parts on disk are intact",
        next: FIRST_LOOK,
        ..BLANK
    },
    Entry {
        id: "solr-leader",
        signs: &[sign("ClusterState says we are the leader")],
        since: "Solr 4",
        weight: Weight::Warning,
        cause: "Solr: the state of the collection in ZooKeeper names this replica as leader of its shard, but it does not hold the leader's znode: its session expired, or ZooKeeper was restored to a state with other leaders",
        risk: Risk::No,
        at_risk: "updates of that shard are refused; the index is not affected",
        next: "restart the Solr node, so that it takes part in the election again; after a restore of ZooKeeper, restart all of them",
        ..BLANK
    },
    Entry {
        id: "solr-config",
        family: "keeper-error",
        signs: &[
            sign("NoNode for /configs"),
            sign("Could not find configName for collection {collection}"),
            sign("Specified config does not exist in ZooKeeper"),
        ],
        since: "Solr 4",
        weight: Weight::Warning,
        cause: "Solr: the configuration set of a collection is not in ZooKeeper: it was never uploaded, Solr's connection string lacks its chroot, or ZooKeeper's data was lost",
        risk: Risk::Maybe,
        at_risk: "the index files are intact; configurations and the list of collections are in ZooKeeper only",
        next: FIRST_LOOK,
        ..BLANK
    },
    Entry {
        id: "solr-clusterstate",
        family: "keeper-error",
        signs: &[sign("NoNode for /clusterstate.json")],
        since: "Solr 4",
        weight: Weight::Note,
        cause: "Solr: an old client reads /clusterstate.json, which newer Solr does not have; or Solr's connection string lacks its chroot, or ZooKeeper's data was lost",
        risk: Risk::Maybe,
        at_risk: "nothing if only the client is older than the server",
        next: "compare the releases of client and server, then the connection strings with their chroots. If /collections is missing too, copy the ZooKeeper directories before anything is created anew",
        ..BLANK
    },
    Entry {
        id: "solr-collection",
        signs: &[
            sign("Could not find collection"),
            sign("Didn't get any collection's state from zookeeper"),
        ],
        since: "Solr 4",
        weight: Weight::Warning,
        cause: "Solr: the collection has no state in ZooKeeper: it was deleted or never created, the connection string lacks its chroot, or ZooKeeper's data was lost",
        risk: Risk::Maybe,
        at_risk: "the index files on the Solr nodes are intact; a collection of the same name that is created anew does not use them",
        next: FIRST_LOOK,
        ..BLANK
    },
    Entry {
        id: "hbase-znode",
        family: "keeper-error",
        signs: &[
            sign("is not in ZooKeeper. It should have been written by the master"),
            sign("NoNode for /hbase"),
        ],
        since: "HBase 0.9",
        weight: Weight::Warning,
        cause: "HBase: the znodes of the master are not there: no master runs, zookeeper.znode.parent is not that of the cluster, or ZooKeeper's data was lost",
        risk: Risk::Maybe,
        at_risk: "tables are in HDFS, and a master writes most znodes anew when it starts; replication peers and their queues are in ZooKeeper in many releases",
        next: "look whether a master runs and which zookeeper.znode.parent it has. If there was replication and the tree is empty, restore ZooKeeper's data before the master starts",
        ..BLANK
    },
    Entry {
        id: "hdfs-ha-znode",
        signs: &[sign(
            "Unable to start failover controller. Parent znode does not exist",
        )],
        since: "Hadoop 2",
        weight: Weight::Warning,
        cause: "HDFS: the failover controller's znode below /hadoop-ha is not there: it was never formatted, or ZooKeeper's data was lost",
        risk: Risk::No,
        at_risk: "of HDFS nothing: the znode only holds the election of the active NameNode. But if it was there before, other programs' znodes may be lost too",
        next: "find out first why it is gone, and restore ZooKeeper's data if others need it; otherwise `hdfs zkfc -formatZK` makes it",
        ..BLANK
    },
    Entry {
        id: "bookkeeper-cookie",
        signs: &[
            sign("InvalidCookieException: instanceId {bookie} is not matching with {zookeeper}"),
            sign("InvalidCookieException"),
        ],
        since: "BookKeeper 4",
        cause: "BookKeeper or Pulsar: what ZooKeeper says of this bookie is not what its directories say. A different instanceId means that ZooKeeper's data was lost and the cluster was initialised anew; a different address means that the bookie was given another name",
        risk: Risk::Maybe,
        at_risk: "with another instanceId: every ledger, since where the entries of a ledger are is known to ZooKeeper only. With another address: nothing",
        next: "do not format the bookie and delete no cookie. With another instanceId, stop all bookies and brokers and restore ZooKeeper's data to a point before it was initialised anew",
        ..BLANK
    },
    Entry {
        id: "client-node-exists",
        family: "keeper-error",
        signs: &[sign("KeeperErrorCode = NodeExists")],
        weight: Weight::Note,
        cause: "a client tried to create a znode that exists. Many programs do that by design; for an ephemeral one, a session of a previous process may still hold it",
        risk: Risk::No,
        at_risk: "the request had no effect",
        next: "if a program does not start because of it, wait for its session timeout; look at ephemeralOwner before a znode is deleted by hand",
        ..BLANK
    },
    // Last, for it fits what the others of its family say more of.
    Entry {
        id: "client-no-node",
        family: "keeper-error",
        signs: &[
            sign("KeeperErrorCode = NoNode for {path}"),
            sign("KeeperErrorCode = NoNode"),
        ],
        weight: Weight::Note,
        cause: "a client asked for a znode that does not exist. That is usual in many programs. If the znode should be there, the client is connected to the wrong ensemble or lacks its chroot, or the znode was deleted or lost",
        risk: Risk::Maybe,
        at_risk: "nothing by itself; if many znodes are missing at once, the servers may have started with an empty or an older directory",
        next: "look whether its siblings are there. If the tree is empty or old, stop the clients before they write it anew, and copy the directories of all members",
        ..BLANK
    },
];

fn about_cluster(captures: &Captures) -> Vec<String> {
    let (Some(zookeeper), Some(broker)) = (captures.get("zookeeper"), captures.get("broker"))
    else {
        return Vec::new();
    };
    let broker = ["Some(", "Optional["]
        .iter()
        .find_map(|wrapped| broker.strip_prefix(wrapped))
        .unwrap_or(broker)
        .trim_end_matches([')', ']']);
    vec![format!(
        "/cluster/id in ZooKeeper is {zookeeper}, and this broker's data is of {broker}"
    )]
}
