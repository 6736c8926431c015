//! What `compare` found, as a document.

use super::number;
use crate::cli::json;
use zoovault::analysis::compare::{
    Best, Commitment, Fork, Hole, Member, Pair, Place, Proof, Uncommitted,
};
use zoovault::error::TxnPlace;

pub(super) fn numbers_json(members: &[usize]) -> Vec<usize> {
    members.iter().map(|member| number(*member)).collect()
}

pub(super) fn member_json(index: usize, name: &str, member: &Member) -> json::CompareMember {
    let [first, last] = member.range.map_or([None; 2], |range| range.map(Some));
    json::CompareMember {
        number: number(index),
        source: name.to_string(),
        logs: member.logs,
        snapshots: member.snapshots,
        txns: member.txns,
        has_txns_in_common: member.is_related,
        first_zxid: first.map(|(zxid, _)| zxid.to_string()),
        last_zxid: last.map(|(zxid, _)| zxid.to_string()),
        first_time_ms: first.map(|(_, time)| time),
        last_time_ms: last.map(|(_, time)| time),
        behind_txns: member.behind,
        window: member.window.as_ref().map(|window| json::CompareWindow {
            from_zxid: window.from.to_string(),
            to_zxid: window.to.to_string(),
            base: window.base.clone(),
        }),
        faults: member
            .faults
            .iter()
            .map(|fault| json::CompareFault {
                file: fault.file.display().to_string(),
                offset: fault.offset,
                zxid: fault
                    .txn
                    .and_then(TxnPlace::of)
                    .map(|zxid| zxid.to_string()),
                after_zxid: fault
                    .txn
                    .and_then(TxnPlace::after)
                    .map(|zxid| zxid.to_string()),
                message: fault.message.clone(),
                is_damage: fault.is_damage,
            })
            .collect::<Vec<_>>(),
    }
}

pub(super) fn pair_json(pair: &Pair) -> json::Pair {
    let place = |place: &Place| json::RecordPlace {
        file: place.file.display().to_string(),
        offset: place.offset,
    };
    json::Pair {
        members: numbers_json(&pair.members),
        same_txns: pair.same,
        in_other_bytes: pair.reworded,
        differing_zxids: pair.differing,
        agreed_from_zxid: pair.agreed.map(|it| it.first.to_string()),
        agreed_to_zxid: pair.agreed.map(|it| it.last.to_string()),
        ahead_txns: pair.ahead,
        first_difference: pair
            .first_difference
            .as_ref()
            .map(|difference| json::FirstDifference {
                zxid: difference.zxid.to_string(),
                places: difference.places.each_ref().map(place),
                payload_byte: difference.byte,
                fields: difference
                    .fields
                    .iter()
                    .map(|field| json::DifferingField {
                        name: field.name.clone(),
                        values: field.values.clone(),
                    })
                    .collect::<Vec<_>>(),
            }),
    }
}

pub(super) fn fork_json(fork: &Fork) -> json::Fork {
    json::Fork {
        zxid: fork.zxid.to_string(),
        sides: fork
            .sides
            .iter()
            .map(|side| numbers_json(side))
            .collect::<Vec<_>>(),
        majority: fork
            .majority
            .and_then(|index| fork.sides.get(index))
            .map(|side| numbers_json(side)),
    }
}

pub(super) fn hole_json(hole: &Hole) -> json::Hole {
    json::Hole {
        member: number(hole.member),
        first_zxid: hole.first.to_string(),
        last_zxid: hole.last.to_string(),
        filled_by: numbers_json(&hole.fillers),
        is_committed: hole.is_committed,
        snapshot_behind: hole.bridge.clone(),
    }
}

pub(super) fn uncommitted_json(found: &Uncommitted) -> json::Uncommitted {
    json::Uncommitted {
        members: numbers_json(&found.holders),
        not_members: numbers_json(&found.others),
        first_zxid: found.first.to_string(),
        last_zxid: found.last.to_string(),
    }
}

pub(super) fn committed_json(commitment: &Commitment) -> json::Committed {
    let (proof, snapshot) = match &commitment.proof {
        Proof::Majority => ("majority", None),
        Proof::Snapshot { member, name } => (
            "snapshot",
            Some(json::SnapshotOfMember {
                member: number(*member),
                name: name.to_string(),
            }),
        ),
    };
    json::Committed {
        zxid: commitment.zxid.to_string(),
        proof,
        snapshot,
    }
}

pub(super) fn best_json(best: &Best) -> json::Best {
    json::Best {
        member: number(best.member),
        reaches_last_committed: best.reaches_last,
        has_more: best.has_more,
        equals: numbers_json(&best.equals),
    }
}
