//! Access control lists. A list is kept as its jute bytes: they *are* its value, so two lists are
//! equal when their bytes are (`ReferenceCountedACLCache` compares element by element, in order).

use crate::error::DecodeError;
use crate::format::jute::{Put, Reader};

/// perms, scheme length, id length.
const ACL_LEN_MIN: usize = 4 + 4 + 4;

/// One entry of an access control list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl<'a> {
    /// READ 1, WRITE 2, CREATE 4, DELETE 8, ADMIN 16.
    pub perms: i32,
    /// Such as `world`, `digest`, `ip`.
    pub scheme: Option<&'a [u8]>,
    /// Such as `anyone`; any bytes.
    pub id: Option<&'a [u8]>,
}

/// A list of [`Acl`]s, as its jute bytes: a count, then the entries. Null has the count −1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AclVector<'a>(&'a [u8]);

/// `OPEN_ACL_UNSAFE`: everything to `world:anyone`. Snapshots give it the id −1.
pub const OPEN_ACL_UNSAFE: AclVector<'static> =
    AclVector(b"\x00\x00\x00\x01\x00\x00\x00\x1f\x00\x00\x00\x05world\x00\x00\x00\x06anyone");

/// Read to `world:anyone`: what a fresh server of 3.5.3 and later gives `/zookeeper/config`.
pub const READ_ACL_UNSAFE: AclVector<'static> =
    AclVector(b"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x05world\x00\x00\x00\x06anyone");

impl<'a> AclVector<'a> {
    /// Takes a list off `input`, checking every entry.
    ///
    /// # Errors
    /// When the input ends or a length is impossible.
    pub fn decode(input: &mut Reader<'a>) -> Result<AclVector<'a>, DecodeError> {
        let start = input.position();
        for _ in 0..input.count(ACL_LEN_MIN, "acl")?.unwrap_or(0) {
            decode_acl(input)?;
        }
        Ok(AclVector(input.since(start)))
    }

    /// A list that was decoded before, from its bytes.
    pub fn from_decoded(bytes: &'a [u8]) -> AclVector<'a> {
        AclVector(bytes)
    }

    /// The jute bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether the list is null, which a server takes for [`OPEN_ACL_UNSAFE`].
    pub fn is_null(&self) -> bool {
        self.0 == [0xff; 4]
    }

    /// The entries, in order.
    pub fn entries(&self) -> Vec<Acl<'a>> {
        let mut input = Reader::new(self.0, 0);
        let count = input.count(ACL_LEN_MIN, "acl").ok().flatten().unwrap_or(0);
        (0..count)
            .map_while(|_| decode_acl(&mut input).ok())
            .collect()
    }
}

fn decode_acl<'a>(input: &mut Reader<'a>) -> Result<Acl<'a>, DecodeError> {
    Ok(Acl {
        perms: input.int("perms")?,
        scheme: input.buffer("scheme")?,
        id: input.buffer("id")?,
    })
}

/// The jute bytes of a list of `entries`.
pub fn encode(entries: &[Acl<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.put_int(crate::format::jute::length(entries.len()));
    for acl in entries {
        bytes.put_int(acl.perms);
        bytes.put_buffer(acl.scheme);
        bytes.put_buffer(acl.id);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_its_bytes_and_its_bytes_are_a_list() {
        let anyone = Acl {
            perms: 31,
            scheme: Some(b"world"),
            id: Some(b"anyone"),
        };
        assert_eq!(encode(&[anyone]), OPEN_ACL_UNSAFE.bytes());
        assert_eq!(OPEN_ACL_UNSAFE.entries(), [anyone]);
        let bytes = [OPEN_ACL_UNSAFE.bytes(), b"rest"].concat();
        let mut input = Reader::new(&bytes, 0);
        assert_eq!(AclVector::decode(&mut input), Ok(OPEN_ACL_UNSAFE));
        assert_eq!(input.rest(), b"rest");
    }

    #[test]
    fn null_and_empty_lists_differ() {
        let null = AclVector::decode(&mut Reader::new(&[0xff; 4], 0)).unwrap();
        let empty = AclVector::decode(&mut Reader::new(&[0; 4], 0)).unwrap();
        assert!(null.is_null() && !empty.is_null());
        assert!(null.entries().is_empty() && empty.entries().is_empty());
    }
}
