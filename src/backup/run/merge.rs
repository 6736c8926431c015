//! Many small logs become one.

use super::base::Stored;
use super::plan::Plan;
use super::upload::Target;
use crate::error::{ErrorKind, Result};
use crate::format::txnlog::LogReader;
use crate::progress::NoProgress;
use crate::repository::{LineageContents, OBJECT_LEN, StoredLog};
use crate::zxid::Zxid;

/// How many logs in a row, of one size or smaller, are laid together.
const MANY: usize = 24;
/// The sizes that are told apart, in bytes: each eight times the one before, so that a txn is laid
/// together with others a few times at most.
const SIZES: [u64; 5] = [4 << 10, 32 << 10, 256 << 10, 2 << 20, OBJECT_LEN as u64];

/// Lays the last logs of the newest window together, where they are many and small. What they
/// replace is taken out of `history` and `stored`.
pub(super) fn merge(
    plan: &Plan<'_>,
    history: &mut LineageContents,
    stored: &mut Stored,
) -> Result<Vec<StoredLog>> {
    // Where runs knew nothing of one another, what they stored is compared before it is mixed.
    if plan.lineage.heads().count() > 1 {
        return Ok(Vec::new());
    }
    let mut logs: Vec<&StoredLog> = history.logs.iter().chain(&stored.logs).collect();
    logs.sort_by_key(|log| log.first_zxid);
    let Some(from) = first_of_many(&logs) else {
        return Ok(Vec::new());
    };
    logs.retain(|log| log.first_zxid >= from);
    let merged = match lay_together(&plan.target(&NoProgress), &logs) {
        Err(error) if error.kind() == ErrorKind::Damage => {
            stored.judgement.damaged(error);
            return Ok(Vec::new());
        }
        merged => merged?,
    };
    let is_kept = |log: &StoredLog| log.first_zxid < from;
    history.logs.retain(is_kept);
    stored.logs.retain(is_kept);
    Ok(merged)
}

/// Where the logs begin that are to be laid together: the last ones, each right behind the one
/// before and of the same epoch.
fn first_of_many(logs: &[&StoredLog]) -> Option<Zxid> {
    for size in SIZES {
        let mut first: Option<&StoredLog> = None;
        let mut count = 0;
        for log in logs.iter().rev() {
            let is_adjacent = first.is_none_or(|first| {
                let is_one_epoch = log.last_zxid.epoch() == first.first_zxid.epoch();
                is_one_epoch && log.last_zxid.is_right_before(first.first_zxid)
            });
            if log.log_bytes >= size || !is_adjacent {
                break;
            }
            first = Some(log);
            count += 1;
        }
        if count >= MANY {
            return first.map(|log| log.first_zxid);
        }
    }
    None
}

fn lay_together(target: &Target<'_>, replaced: &[&StoredLog]) -> Result<Vec<StoredLog>> {
    let repository = target.repository;
    target.ship_logs(|cutter| {
        for log in replaced {
            let shown = repository.storage().shown_object(&log.object.name);
            let mut bytes = Vec::new();
            repository.decompress(&log.object, &mut bytes, &shown)?;
            let mut reader = LogReader::new(&shown, bytes.as_slice())?;
            while let Some(entry) = reader.next_entry()? {
                cutter.push(&entry)?;
            }
        }
        Ok(())
    })
}
