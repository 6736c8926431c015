//! Which paths a txn names, without decoding the rest of it: what a search over millions of txns
//! looks at first.
//!
//! Named are: the path of a create, delete, setData, setACL, check or reconfig; those of the parts
//! of a multi; those that a closeSession logged as deleted (3.6+). An error names none. A failed
//! multi names what it tried and did not do, as far as its parts were not logged as errors:
//! [`super::txn::Multi::is_failed`] tells. That a parent's stat changes with its children is not
//! counted: a txn touches the znodes that it names.

use super::txn::{TXN_HEADER_LEN, op};
use crate::format::jute::Reader;

/// Whether `is_wanted` holds for a path that the txn in `payload` names. It is asked with the type
/// of the txn, or of the part of a multi, and the path; it is not asked again once it held. Bytes
/// that do not decode name nothing.
pub fn names_path<'a>(payload: &'a [u8], is_wanted: impl FnMut(i32, &'a [u8]) -> bool) -> bool {
    find_path(payload, is_wanted).unwrap_or(false)
}

/// The paths that the txn in `payload` names, in order, each with the type of the txn or of the
/// part of a multi.
pub fn named_paths(payload: &[u8]) -> Vec<(i32, &[u8])> {
    let mut paths = Vec::new();
    names_path(payload, |txn_type, path| {
        paths.push((txn_type, path));
        false
    });
    paths
}

/// The types of a multi's parts, in order; none where the txn in `payload` is no multi.
pub fn part_types(payload: &[u8]) -> impl Iterator<Item = i32> {
    let (txn_type, mut input) = body(payload).unwrap_or((op::ERROR, Reader::new(&[], 0)));
    let count = match txn_type {
        op::MULTI => input.count(8, "txns").ok().flatten().unwrap_or(0),
        _ => 0,
    };
    (0..count).map_while(move |_| {
        let part_type = input.int("type").ok()?;
        input.buffer("data").ok()?;
        Some(part_type)
    })
}

/// The type of the txn in `payload`, and a reader on its body.
fn body(payload: &[u8]) -> Option<(i32, Reader<'_>)> {
    let (header, rest) = payload.split_at_checked(TXN_HEADER_LEN)?;
    let txn_type = header.last_chunk().copied().map(i32::from_be_bytes)?;
    Some((txn_type, Reader::new(rest, 0)))
}

/// As [`names_path`], for those who look closely at what does not decode: `None` stands for that.
pub fn find_path<'a>(
    payload: &'a [u8],
    mut is_wanted: impl FnMut(i32, &'a [u8]) -> bool,
) -> Option<bool> {
    let (txn_type, mut input) = body(payload)?;
    match txn_type {
        op::MULTI => {
            for _ in 0..input.count(8, "txns").ok()?.unwrap_or(0) {
                let part_type = input.int("type").ok()?;
                let data = input.buffer("data").ok()?.unwrap_or_default();
                if has_path(part_type)
                    && is_wanted(part_type, Reader::new(data, 0).string("path").ok()?)
                {
                    return Some(true);
                }
            }
            Some(false)
        }
        op::CLOSE_SESSION => {
            // A body of 12 bytes that begins with an int 2 is a digest alone; read as paths, it has
            // none.
            for _ in 0..input.count(4, "paths2Delete").ok()?.unwrap_or(0) {
                if is_wanted(txn_type, input.string("path").ok()?) {
                    return Some(true);
                }
            }
            Some(false)
        }
        _ if has_path(txn_type) => Some(is_wanted(txn_type, input.string("path").ok()?)),
        _ => Some(false),
    }
}

/// Whether a body of this type begins with a path.
fn has_path(txn_type: i32) -> bool {
    matches!(
        txn_type,
        op::CREATE
            | op::CREATE2
            | op::CREATE_CONTAINER
            | op::CREATE_TTL
            | op::DELETE
            | op::DELETE_CONTAINER
            | op::SET_DATA
            | op::SET_ACL
            | op::CHECK
            | op::RECONFIG
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::jute::Put;

    fn payload(txn_type: i32, body: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = vec![0; TXN_HEADER_LEN - 4];
        bytes.put_int(txn_type);
        body(&mut bytes);
        bytes
    }

    #[test]
    fn paths_are_found_at_the_top_in_multis_and_in_closed_sessions() {
        let delete = payload(op::DELETE, |out| out.put_buffer(Some(b"/a")));
        assert_eq!(named_paths(&delete), [(op::DELETE, b"/a".as_slice())]);
        let multi = payload(op::MULTI, |out| {
            out.put_int(3);
            for (part, path) in [(op::DELETE, "/a"), (op::ERROR, ""), (op::CHECK, "/b")] {
                let mut data = Vec::new();
                data.put_buffer(Some(path.as_bytes()));
                out.put_int(part);
                out.put_buffer(Some(&data));
            }
        });
        assert_eq!(
            named_paths(&multi),
            [(op::DELETE, b"/a".as_slice()), (op::CHECK, b"/b")]
        );
        assert_eq!(
            part_types(&multi).collect::<Vec<_>>(),
            [op::DELETE, op::ERROR, op::CHECK]
        );
        let close = payload(op::CLOSE_SESSION, |out| {
            out.put_int(2);
            out.put_buffer(Some(b"/e1"));
            out.put_buffer(Some(b"/e2"));
        });
        assert_eq!(named_paths(&close).len(), 2);
        assert!(names_path(&close, |_, path| path == b"/e1"));
        assert_eq!(part_types(&close).count(), 0);
    }

    #[test]
    fn what_is_no_path_is_none_however_it_is_cut() {
        let error = payload(op::ERROR, |out| out.put_int(-101));
        assert!(named_paths(&error).is_empty());
        let digest_only = payload(op::CLOSE_SESSION, |out| {
            out.put_int(2);
            out.put_long(0x1234_5678_9abc_def0);
        });
        assert!(named_paths(&digest_only).is_empty());
        let set = payload(op::SET_DATA, |out| out.put_buffer(Some(b"/abc")));
        for len in 0..set.len() {
            assert!(named_paths(&set[..len]).is_empty());
        }
    }
}
