//! How members agree on an epoch, take over the leader's history, and follow it.

use super::super::entry::{BLANK, Entry, Risk, Weight, sign, sign_with};
use super::super::pattern::Captures;
use crate::analysis::finding::Code;
use crate::zxid::Zxid;

/// Frames of a member that waits for another.
const WAITING: &[&str] = &[
    "Learner.readPacket",
    "Learner.registerWithLeader",
    "Learner.syncWithLeader",
    "LearnerHandler.run",
    "when following the leader",
    "when observing the leader",
];
const COMPARE: &str = "copy this member's directory, and run `zoovault verify DIR` on the copy and on a copy of the leader's. If this member is in doubt and the others are healthy, \
                       move its version-2 aside and let it take the tree from them";

pub(super) const ENTRIES: &[Entry] = &[
    // Leader.propose and Leader.XidRolloverException.
    Entry {
        id: "zxid-rollover",
        signs: &[sign("zxid lower 32 bits have rolled over")],
        since: "3.4.4",
        weight: Weight::Note,
        cause: "the leader has used all 2^32 zxids of its epoch and gives up leadership, so that a new epoch begins with the counter at zero. Clients see one election",
        risk: Risk::No,
        at_risk: "this is what the server is made to do. 3.4.0 to 3.4.3, and standalone servers, go on counting into the next epoch instead",
        next: "nothing to do. If an election at a busy time does harm, restart the leader at a quiet time before the counter is full again",
        ..BLANK
    },
    // Leader.waitForEpochAck: the member's currentEpoch and last zxid are later than the leader's.
    Entry {
        id: "follower-ahead",
        signs: &[
            sign(
                "Follower is ahead of the leader, leader summary: {epoch} (current epoch), {zxid} (last zxid)",
            ),
            sign("Follower is ahead of the leader, leader summary"),
        ],
        since: "3.4.4",
        weight: Weight::Warning,
        cause: "during an election, a member with later data than the elected leader's joined, and the leader refused it. Normally that member wins the next election. If this repeats, members were restored to different points, or epoch files were lost or copied",
        risk: Risk::Maybe,
        at_risk: "what only that member has: once the leader has a quorum without it, the member is told to drop it",
        next: "if it repeats, stop all members and copy every directory. Run `zoovault verify DIR` on each: the one that reaches the highest zxid has the most; restore all from it",
        findings: &[Code::EpochFiles],
        facts: about_leader,
        ..BLANK
    },
    // LearnerHandler.run: the version of the dynamic configuration.
    Entry {
        id: "config-ahead",
        signs: &[
            sign("Follower is ahead of the leader (has a later activated configuration)"),
            sign("setLastSeenQuorumVerifier called with stale config"),
        ],
        since: "3.5.0",
        weight: Weight::Warning,
        cause: "a member knows a later dynamic configuration than the leader does: members were restored to a state before a reconfig, or a file zoo.cfg.dynamic.N was copied from elsewhere",
        risk: Risk::Maybe,
        at_risk: "nothing if only the file is wrong; if the leader was restored, what was written after that state",
        next: "compare the dynamic configuration files of all members and the member lists in them; give all members the same one while they are stopped",
        ..BLANK
    },
    // Leader.waitForNewLeaderAck: it ignores the ACK.
    Entry {
        id: "ack-of-other-epoch",
        signs: &[sign(
            "NEWLEADER ACK from sid: {sid} is from a different epoch",
        )],
        since: "3.4.6, 3.5.0",
        weight: Weight::Warning,
        cause: "a member acknowledged another epoch than the one that this leader begins, often an earlier election's; the leader ignores it",
        risk: Risk::No,
        at_risk: "the leader waits for other members' acknowledgements",
        next: "nothing, if a leader is elected soon after; otherwise restart the member with that id",
        ..BLANK
    },
    // FollowerZooKeeperServer.commit: the process exits, from 3.6.0 on with code 12.
    Entry {
        id: "commit-mismatch",
        signs: &[
            sign("Committing zxid 0x{zxid} but next pending txn 0x{pending}"),
            sign("but next pending txn"),
        ],
        cause: "the leader committed a transaction that is not the next one that this member had logged: proposals were lost or arrived in another order. The member stops itself rather than diverge",
        risk: Risk::Maybe,
        at_risk: "normally nothing: the member syncs with the leader when it starts again. Its own log may lack transactions or have some that were never committed",
        next: "copy its directory, then start it again. If it stops once more and the other members are healthy, move its version-2 aside and let it take the tree from the leader",
        findings: &[Code::TxnsMissing],
        facts: about_commit,
        ..BLANK
    },
    // FollowerZooKeeperServer.commit and Learner.syncWithLeader: the commit is skipped.
    Entry {
        id: "commit-without-proposal",
        signs: &[
            sign("Committing {zxid} without seeing txn"),
            sign("Committing {zxid}, but next proposal is"),
            sign("Committing 0x{zxid}, but got no proposal"),
        ],
        weight: Weight::Warning,
        cause: "the leader committed a transaction whose proposal this member does not have, and the member skipped it",
        risk: Risk::Maybe,
        at_risk: "this member may lack that transaction while the others have it; the message does not show whether it got it some other way",
        next: COMPARE,
        findings: &[Code::TxnsMissing, Code::DigestMismatch],
        ..BLANK
    },
    // Leader.tryToCommit, Leader.processAck, ZooKeeperServer.processTxn.
    Entry {
        id: "leader-order",
        signs: &[
            sign("Commiting zxid 0x{zxid} from {member} not first!"),
            sign("Trying to commit future proposal: zxid 0x{zxid}"),
            sign("Going to commit null"),
            sign("Going to commmit null"),
            sign("Committed request not found on toBeApplied"),
            sign("Zxid outstanding 0x{zxid} is less than current"),
            sign("ACK for 0x{zxid} received before ACK for"),
        ],
        weight: Weight::Warning,
        cause: "the leader's lists of transactions to commit are not in the order that it expects. No setting is known to cause this",
        risk: Risk::Maybe,
        at_risk: "not known; a member that got another order stops itself or, from 3.6 on, reports a digest mismatch",
        next: COMPARE,
        ..BLANK
    },
    // Follower.processPacket; its first proposal is always compared with 0x1.
    Entry {
        id: "proposal-gap",
        signs: &[
            sign("Got zxid 0x{zxid} expected 0x{expected}"),
            sign("Got zxid {zxid} expected {expected}"),
        ],
        weight: Weight::Note,
        cause: "with \"expected 0x1\", it is the first proposal after the member joined, and harmless: the server prints this every time. With any other number, proposals between the two did not reach this member",
        risk: Risk::Maybe,
        at_risk: "nothing with \"expected 0x1\"; otherwise this member may lack transactions",
        next: "nothing with \"expected 0x1\"; otherwise restart the member, so that it syncs with the leader",
        facts: about_expected,
        ..BLANK
    },
    // Learner.enforceContinuousProposal.
    Entry {
        id: "diff-gap",
        signs: &[
            sign("DIFF sync got proposal 0x{zxid}, last queued 0x{last}, expected 0x{expected}"),
            sign("DIFF sync got proposal"),
        ],
        since: "3.9.4",
        cause: "while this member synced, the leader sent transactions with some missing in between; the member closes the connection and tries again. Releases up to 3.9.3 accepted them silently, and lacked those transactions from then on",
        risk: Risk::Maybe,
        at_risk: "the transactions in between may be missing in the leader's logs too",
        next: "run `zoovault verify DIR` on a copy of the leader's directory: it names gaps. If the leader's tree is sound, move this member's version-2 aside: it then gets a snapshot instead",
        findings: &[Code::TxnsMissing],
        facts: about_diff,
        ..BLANK
    },
    Entry {
        id: "diff-new-epoch",
        signs: &[sign("DIFF sync got new epoch proposal 0x{zxid}")],
        since: "3.9.4",
        weight: Weight::Note,
        cause: "while this member synced, the transactions crossed into a new epoch. The server cannot tell whether any are missing at the end of the old one, and says so each time",
        risk: Risk::Maybe,
        at_risk: "normally nothing",
        next: "nothing to do, unless digests do not match later",
        ..BLANK
    },
    // LearnerHandler.syncFollower: needSnap stays set.
    Entry {
        id: "trunc-other-epoch",
        signs: &[sign("Cannot send TRUNC to peer sid: {sid} peer zxid")],
        since: "3.5.0",
        weight: Weight::Note,
        cause: "the leader does not have a member's last transactions, and the last one that both have is of an earlier epoch. So the leader sends a whole snapshot instead of telling the member where to cut its log",
        risk: Risk::Maybe,
        at_risk: "the member's own last transactions, which normally no quorum had; its old files stay in its directory until they are purged",
        next: "nothing, unless members were restored: then copy that member's directory before it is purged",
        ..BLANK
    },
    Entry {
        id: "snapshot-from-leader",
        signs: &[sign("Getting a snapshot from leader")],
        weight: Weight::Note,
        cause: "this member lacked too much, or had something else than the leader, so it takes the whole tree from the leader",
        risk: Risk::Maybe,
        at_risk: "normally nothing. But a member that was just restored has now dropped what was restored, in favour of the leader's tree",
        next: "after a restore: stop all members, and restore all of them before any of them starts",
        ..BLANK
    },
    Entry {
        id: "sync",
        signs: &[
            sign("Synchronizing with Follower sid: {sid}"),
            sign("Synchronizing with Learner sid: {sid}"),
            sign("Sending DIFF zxid=0x{zxid} for peer"),
            sign("Sending snapshot last zxid of peer is"),
            sign("leader and follower are in sync, zxid="),
            sign("Getting a diff from the leader"),
        ],
        weight: Weight::Note,
        cause: "a member joined, and the leader told it what it lacked",
        risk: Risk::No,
        at_risk: "this is normal",
        next: "nothing to do",
        ..BLANK
    },
    // LearnerHandler.syncFollower.
    Entry {
        id: "txnlog-gap",
        signs: &[sign(
            "Detected gap between end of txnlog: 0x{end} and start of committedLog: 0x{start}",
        )],
        since: "3.6.0",
        weight: Weight::Note,
        cause: "the leader's log files do not reach the transactions that it has in memory, so it sends the member a snapshot instead. That is so after the leader itself got a snapshot from another",
        risk: Risk::No,
        at_risk: "the member gets the whole tree",
        next: "nothing to do; if it goes on for days, run `zoovault verify DIR` on a copy of the leader's directory",
        findings: &[Code::TxnsMissing],
        ..BLANK
    },
    // ZKDatabase.getProposalsFromTxnLog, TxnLogProposalIterator, LearnerHandler.syncFollower.
    Entry {
        id: "txnlog-unread",
        signs: &[
            sign("Unable to read txnlog from disk"),
            sign("Unable to find proposals from txnlog for zxid: {zxid}"),
            sign("Unhandled scenario for peer sid: {sid}"),
            sign("Unhandled proposal scenario"),
        ],
        weight: Weight::Warning,
        cause: "the leader could not read from its own logs what a member lacked, and sends a snapshot instead. Either the logs were purged, which is normal; or one of them cannot be read, and an exception below says so",
        risk: Risk::Maybe,
        at_risk: "nothing if the logs were purged; with an exception, the leader's own log is damaged and it may not start again",
        next: "with an exception, run `zoovault verify DIR` on a copy of the leader's directory before it is restarted",
        findings: &[Code::LogBadChecksum, Code::LogBadLength],
        ..BLANK
    },
    Entry {
        id: "sync-timeout",
        signs: &[
            sign_with("Read timed out", WAITING),
            sign("Closing connection to peer due to transaction timeout"),
            sign("LearnerHandler is too far behind"),
        ],
        weight: Weight::Warning,
        cause: "another member did not answer within initLimit or syncLimit ticks: its tree is large and it is still sending or writing a snapshot, its disk or the network is slow, or its process was paused",
        risk: Risk::No,
        at_risk: "the connection is closed and the member joins again",
        next: "if a member never finishes joining, raise initLimit on all members; if members drop out, look for slow syncs of the log and pauses before raising syncLimit",
        ..BLANK
    },
    // LearnerSyncThrottler.
    Entry {
        id: "sync-throttled",
        signs: &[
            sign("too many concurrent sync"),
            sign("SyncThrottleException"),
        ],
        since: "3.6.0",
        weight: Weight::Note,
        cause: "more members wanted to sync at once than the leader allows, and one has to try again later",
        risk: Risk::No,
        at_risk: "the member tries again by itself",
        next: "nothing to do, unless it never gets its turn",
        ..BLANK
    },
    // QuorumPeer.processReconfig: thrown so that the member starts over in its new role.
    Entry {
        id: "reconfig-restart",
        signs: &[
            sign("changes proposed in reconfig"),
            sign("learned about role change"),
        ],
        since: "3.5.0",
        weight: Weight::Note,
        cause: "the list of members or a member's role changed, and this member takes part in a new election because of it",
        risk: Risk::No,
        at_risk: "this is normal after a reconfig",
        next: "nothing to do",
        ..BLANK
    },
    // Leader.getEpochToPropose, waitForEpochAck, waitForNewLeaderAck, lead.
    Entry {
        id: "leader-timeout",
        signs: &[
            sign("Timeout while waiting for epoch"),
            sign("Timeout while waiting for NEWLEADER to be acked by quorum"),
            sign("Waiting for a quorum of followers, only synced with sids"),
            sign("Enough followers present. Perhaps the initTicks need to be increased"),
        ],
        weight: Weight::Warning,
        cause: "an elected leader did not get a quorum of members to join within initLimit ticks, and gave up: members are down, cannot reach its quorum port, refuse its epoch, or need longer to sync",
        risk: Risk::No,
        at_risk: "nothing is written without a quorum",
        next: "look at the other members' logs for why they did not join; with a large tree, raise initLimit on all members",
        ..BLANK
    },
    Entry {
        id: "quorum-lost",
        signs: &[sign(
            "Not sufficient followers synced, only synced with sids",
        )],
        since: "3.4.6, 3.5.0",
        weight: Weight::Warning,
        cause: "the leader lost contact with so many members that it has no quorum any more, and gave up leadership",
        risk: Risk::No,
        at_risk: "no write is acknowledged without a quorum",
        next: "find out what happened to the other members: their logs, the network, pauses. Do not reset or reinitialise a member to get a quorum back",
        ..BLANK
    },
    // Learner, LearnerHandler, FastLeaderElection, QuorumCnxManager.
    Entry {
        id: "peer-protocol",
        signs: &[
            sign("Got unexpected packet from leader"),
            sign("First packet should have been NEWLEADER"),
            sign("is not FOLLOWERINFO or OBSERVERINFO"),
            sign("is not ACKEPOCH"),
            sign("Next packet was supposed to be an ACK"),
            sign_with("Missing signature", &["Learner", "quorum"]),
            sign("partial / malformed response message sent by sid={sid}"),
            sign("Initial message parsing error!"),
            sign("Got unrecognized protocol version"),
            sign("Badly formed address: {address}"),
            sign("Read only {count} bytes out of"),
            sign("Got a short response from server"),
            sign("Invalid configLength in notification message"),
        ],
        weight: Weight::Warning,
        cause: "what came over a quorum or election port is not what a member of this release expects: a port scanner or health check connects to it, members have very different releases, or TLS is on at one end only",
        risk: Risk::No,
        at_risk: "the connection is closed; no file is affected",
        next: "find out what connects to these ports, and close them to everything but the members; use the same release and TLS settings on all members",
        ..BLANK
    },
    Entry {
        id: "follow-failed",
        signs: &[
            sign("Exception when following the leader"),
            sign("Exception when observing the leader"),
            sign("Unexpected exception causing shutdown"),
            sign("Unexpected exception in LearnerHandler"),
        ],
        weight: Weight::Frame,
        cause: "the connection between the leader and a member ended; the exception below gives the reason. Both try again",
        risk: Risk::No,
        at_risk: "that depends on the reason; an end of stream or a reset connection is harmless",
        next: "look at the log of the other end at the same time",
        ..BLANK
    },
    // DataTree.killSession: the list of ephemerals in the closeSession txn is the leader's.
    Entry {
        id: "ephemerals-not-in-close",
        signs: &[sign(
            "Unexpected extra paths under session {paths} which are not in txn 0x{zxid}",
        )],
        since: "3.6.0",
        weight: Weight::Warning,
        cause: "a session was closed, and this member had more of its ephemeral znodes than the leader listed. It deletes them too, but its tree was not the same as the leader's",
        risk: Risk::Maybe,
        at_risk: "other parts of this member's tree may differ as well",
        next: COMPARE,
        findings: &[Code::DigestMismatch],
        ..BLANK
    },
];

fn about_leader(captures: &Captures) -> Vec<String> {
    let zxid = captures.decimal_zxid("zxid");
    zxid.map(|zxid| format!("the leader's last zxid is {zxid}"))
        .into_iter()
        .collect()
}

fn about_commit(captures: &Captures) -> Vec<String> {
    match (captures.hex_zxid("zxid"), captures.hex_zxid("pending")) {
        (Some(zxid), Some(pending)) => vec![format!(
            "the leader committed {zxid}, but the member waited for {pending}"
        )],
        _ => Vec::new(),
    }
}

fn about_expected(captures: &Captures) -> Vec<String> {
    match (captures.hex_zxid("zxid"), captures.hex("expected")) {
        (Some(zxid), Some(1)) => vec![format!(
            "{zxid} is the first proposal after the member joined: harmless"
        )],
        (Some(zxid), Some(expected)) => vec![format!(
            "{zxid} came in place of {}",
            Zxid::from_i64(expected)
        )],
        _ => Vec::new(),
    }
}

fn about_diff(captures: &Captures) -> Vec<String> {
    match (captures.hex_zxid("last"), captures.hex_zxid("zxid")) {
        (Some(last), Some(zxid)) => {
            vec![format!(
                "transactions between {last} and {zxid} were not sent"
            )]
        }
        _ => Vec::new(),
    }
}
