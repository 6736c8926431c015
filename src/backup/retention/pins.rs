//! Marks that hold backups, whatever a policy says.

use super::{Clock, ensure_plausible};
use crate::error::{Error, ErrorKind, Result};
use crate::repository::{BackupName, FORMAT_VERSION, Listing, Pin, Repository, encode, name};

/// What stands for the newest backup.
const LATEST: &str = "latest";

/// The backup whose id begins with `id`, or the newest.
fn named<'a>(listing: &'a Listing, id: &str) -> Result<&'a BackupName> {
    match listing.backups.last() {
        Some(newest) if id == LATEST => Ok(newest),
        Some(_) | None => listing.find(id),
    }
}

/// Pins the backup whose id begins with `id`, or the newest: `latest`. Gives it, and whether it was
/// not pinned before.
///
/// # Errors
/// [`ErrorKind::BadArgument`] when there is no such backup; failures to read or write.
pub fn pin(repository: &Repository, id: &str, clock: Clock<'_>) -> Result<(BackupName, bool)> {
    let listing = repository.listing()?;
    let backup = named(&listing, id)?.clone();
    if listing.pinned.contains(&backup.id) {
        return Ok((backup, false));
    }
    let now_ms = clock();
    ensure_plausible(repository, now_ms)?;
    let pin = Pin {
        format: FORMAT_VERSION,
        created_ms: now_ms,
        backup: backup.id.clone(),
    };
    let (bytes, sha256) = encode(&pin);
    let object = name::pin(&backup.id, &sha256);
    repository.put_read_back(&object, bytes)?;
    // A policy that was carried out meanwhile did not see the mark.
    if repository.listing()?.backups.contains(&backup) {
        return Ok((backup, true));
    }
    repository.storage().delete(&[object])?;
    let message = format!("{} was forgotten while it was being pinned", backup.id);
    Err(Error::about(repository.shown(), ErrorKind::Failed, message))
}

/// Removes the pins of the backup whose id begins with `id`, or of the newest: `latest`. Gives its
/// id, and whether it was pinned.
///
/// # Errors
/// [`ErrorKind::BadArgument`] when there is neither such a backup nor such a pin; failures to read
/// or delete.
pub fn unpin(repository: &Repository, id: &str) -> Result<(String, bool)> {
    let listing = repository.listing()?;
    // Pins of backups that are gone can be removed too.
    let mut of = listing
        .pinned
        .iter()
        .filter(|pinned| pinned.starts_with(id));
    let (id, is_pinned) = match (of.next(), of.next()) {
        (Some(pinned), None) if !id.is_empty() => (pinned.clone(), true),
        _ => {
            let found = named(&listing, id)?;
            (found.id.clone(), listing.pinned.contains(&found.id))
        }
    };
    let of = |pin: &&String| name::parse_pin(pin) == Some(id.as_str());
    let pins: Vec<String> = listing.pins.iter().filter(of).cloned().collect();
    repository.storage().delete(&pins)?;
    Ok((id, is_pinned))
}
