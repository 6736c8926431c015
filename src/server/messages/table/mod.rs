//! The messages that are known, by where they come from. In a family the most specific stands
//! first.

mod clients;
mod config;
mod election;
mod ensemble;
mod epochs;
mod lengths;
mod logs;
mod programs;
mod replay;
mod snapshots;
mod startup;
mod sync;
mod upkeep;

use super::entry::Entry;

/// All of them.
pub(super) const ALL: &[&[Entry]] = &[
    upkeep::ENTRIES,
    snapshots::ENTRIES,
    logs::ENTRIES,
    lengths::ENTRIES,
    replay::ENTRIES,
    epochs::ENTRIES,
    ensemble::ENTRIES,
    sync::ENTRIES,
    election::ENTRIES,
    startup::ENTRIES,
    config::ENTRIES,
    clients::ENTRIES,
    programs::ENTRIES,
];

/// What to do about a damaged file, whichever.
const REPLACE: &str = "copy the whole directory first, then run `zoovault verify DIR`: it names file, offset and zxid, and what can be restored exactly. Where other \
                       members are healthy, move this member's version-2 aside and let it take the tree from them; where this is the only copy, `zoovault restore`";
/// Frames of the code that reads logs.
const IN_LOG: &[&str] = &[
    "FileTxnLog",
    "Util.readTxnBytes",
    "SerializeUtils.deserializeTxn",
];
/// Frames and messages of the code that reads snapshots.
const IN_SNAPSHOT: &[&str] = &[
    "FileSnap.deserialize",
    "problem reading snap file",
    "SerializeUtils.deserializeSnapshot",
];
/// Frames of the code that talks to other members and to clients.
const IN_NETWORK: &[&str] = &[
    "QuorumPacket.deserialize",
    "QuorumCnxManager",
    "LearnerHandler",
    "Learner.readPacket",
    "NIOServerCnxn",
    "NettyServerCnxn",
    "ClientCnxn",
];
