//! Which paths a txn names, without decoding the rest of it: what a search over millions of txns
//! looks at first.
//!
//! Named are: the path of a create, delete, setData, setACL, check or reconfig; those of the parts
//! of a multi; those that a closeSession logged as deleted (3.6+). An error names none. A failed
//! multi names what it tried and did not do, as far as its parts were not logged as errors:
//! [`super::txn::Multi::is_failed`] tells. That a parent's stat changes with its children is not
//! counted: a txn touches the znodes that it names.

use super::txn::TXN_HEADER_LEN;
use super::txn_kind::{AppliesTo, TxnKind};
use crate::format::jute::Reader;

/// Whether `is_wanted` holds for a path that the txn in `payload` names. It is asked with the kind
/// of the txn, or of the part of a multi, and the path; it is not asked again once it held. Bytes
/// that do not decode name nothing.
pub fn names_path<'a>(payload: &'a [u8], is_wanted: impl FnMut(TxnKind, &'a [u8]) -> bool) -> bool {
    find_path(payload, is_wanted).unwrap_or(false)
}

/// The paths that the txn in `payload` names, in order, each with the kind of the txn or of the
/// part of a multi.
pub fn named_paths(payload: &[u8]) -> Vec<(TxnKind, &[u8])> {
    let mut paths = Vec::new();
    names_path(payload, |kind, path| {
        paths.push((kind, path));
        false
    });
    paths
}

/// The kinds of a multi's parts, in order, `None` for types that are not known; no parts where the
/// txn in `payload` is no multi.
pub fn part_kinds(payload: &[u8]) -> impl Iterator<Item = Option<TxnKind>> {
    let (kind, mut input) = body(payload).unwrap_or((None, Reader::new(&[], 0)));
    let count = match kind {
        Some(TxnKind::Multi) => input.count(8, "txns").ok().flatten().unwrap_or(0),
        Some(_) | None => 0,
    };
    (0..count).map_while(move |_| {
        let kind = TxnKind::from_code(input.int("type").ok()?);
        input.buffer("data").ok()?;
        Some(kind)
    })
}

/// The kind of the txn in `payload`, and a reader on its body.
fn body(payload: &[u8]) -> Option<(Option<TxnKind>, Reader<'_>)> {
    let (header, rest) = payload.split_at_checked(TXN_HEADER_LEN)?;
    let code = header.last_chunk().copied().map(i32::from_be_bytes)?;
    Some((TxnKind::from_code(code), Reader::new(rest, 0)))
}

/// As [`names_path`], for those who look closely at what does not decode: `None` stands for that.
pub fn find_path<'a>(
    payload: &'a [u8],
    mut is_wanted: impl FnMut(TxnKind, &'a [u8]) -> bool,
) -> Option<bool> {
    let (Some(kind), mut input) = body(payload)? else {
        return Some(false);
    };
    match kind.applies_to() {
        AppliesTo::Znode => Some(is_wanted(kind, input.string("path").ok()?)),
        AppliesTo::Parts => {
            for _ in 0..input.count(8, "txns").ok()?.unwrap_or(0) {
                let part = TxnKind::from_code(input.int("type").ok()?);
                let data = input.buffer("data").ok()?.unwrap_or_default();
                // Nothing but a znode is changed within a multi.
                if let Some(part) = part.filter(|part| part.applies_to() == AppliesTo::Znode)
                    && is_wanted(part, Reader::new(data, 0).string("path").ok()?)
                {
                    return Some(true);
                }
            }
            Some(false)
        }
        AppliesTo::EndedSession => {
            // A body of 12 bytes that begins with an int 2 is a digest alone; read as paths, it has
            // none.
            for _ in 0..input.count(4, "paths2Delete").ok()?.unwrap_or(0) {
                if is_wanted(kind, input.string("path").ok()?) {
                    return Some(true);
                }
            }
            Some(false)
        }
        AppliesTo::NewSession | AppliesTo::Nothing => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::jute::Put;

    fn payload(kind: TxnKind, body: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = vec![0; TXN_HEADER_LEN - 4];
        bytes.put_int(kind.code());
        body(&mut bytes);
        bytes
    }

    #[test]
    fn paths_are_found_at_the_top_in_multis_and_in_closed_sessions() {
        let delete = payload(TxnKind::Delete, |out| out.put_buffer(Some(b"/a")));
        assert_eq!(named_paths(&delete), [(TxnKind::Delete, b"/a".as_slice())]);
        let multi = payload(TxnKind::Multi, |out| {
            out.put_int(3);
            for (part, path) in [
                (TxnKind::Delete, "/a"),
                (TxnKind::Error, ""),
                (TxnKind::Check, "/b"),
            ] {
                let mut data = Vec::new();
                data.put_buffer(Some(path.as_bytes()));
                out.put_int(part.code());
                out.put_buffer(Some(&data));
            }
        });
        assert_eq!(
            named_paths(&multi),
            [(TxnKind::Delete, b"/a".as_slice()), (TxnKind::Check, b"/b")]
        );
        assert_eq!(
            part_kinds(&multi).flatten().collect::<Vec<_>>(),
            [TxnKind::Delete, TxnKind::Error, TxnKind::Check]
        );
        let close = payload(TxnKind::CloseSession, |out| {
            out.put_int(2);
            out.put_buffer(Some(b"/e1"));
            out.put_buffer(Some(b"/e2"));
        });
        assert_eq!(named_paths(&close).len(), 2);
        assert!(names_path(&close, |_, path| path == b"/e1"));
        assert_eq!(part_kinds(&close).count(), 0);
    }

    #[test]
    fn what_is_no_path_is_none_however_it_is_cut() {
        let error = payload(TxnKind::Error, |out| out.put_int(-101));
        assert!(named_paths(&error).is_empty());
        let digest_only = payload(TxnKind::CloseSession, |out| {
            out.put_int(2);
            out.put_long(0x1234_5678_9abc_def0);
        });
        assert!(named_paths(&digest_only).is_empty());
        let set = payload(TxnKind::SetData, |out| out.put_buffer(Some(b"/abc")));
        for len in 0..set.len() {
            assert!(named_paths(&set[..len]).is_empty());
        }
    }
}
