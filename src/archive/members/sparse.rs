//! A file with holes, as bsdtar writes it, and GNU tar with `--format=posix` (GNU.sparse 1.0). A
//! log has one from its last txn on, where its server reserved space.
//!
//! The content begins with a map, in decimal numbers that each end a line: how many extents there
//! are, then the offset and the length of each. Zeros follow up to the next 512 bytes, then the
//! bytes of the extents.

use std::collections::VecDeque;
use std::io::{self, Read};

/// What the header calls all of this, the form, the name of the file, and its length with holes.
pub(super) const PREFIX: &str = "GNU.sparse.";
pub(super) const MAJOR: &str = "GNU.sparse.major";
pub(super) const MINOR: &str = "GNU.sparse.minor";
pub(super) const NAME: &str = "GNU.sparse.name";
pub(super) const SIZE: &str = "GNU.sparse.realsize";

/// How many extents a file may have.
const EXTENTS_MAX: u64 = 1 << 20;

/// Reads the file with its holes.
pub(super) struct Sparse<R> {
    source: R,
    size: u64,
    at: u64,
    /// Those not read yet; none before the map was.
    extents: Option<VecDeque<(u64, u64)>>,
}

impl<R: Read> Sparse<R> {
    /// Reads one that is `size` bytes long.
    pub(super) fn new(source: R, size: u64) -> Sparse<R> {
        Sparse {
            source,
            size,
            at: 0,
            extents: None,
        }
    }

    fn read_map(&mut self) -> io::Result<VecDeque<(u64, u64)>> {
        let mut block = VecDeque::new();
        let mut number = || -> io::Result<u64> {
            let mut value = 0u64;
            loop {
                if block.is_empty() {
                    let mut bytes = [0; 512];
                    self.source.read_exact(&mut bytes)?;
                    block.extend(bytes);
                }
                let digit = match block.pop_front() {
                    Some(b'\n') => return Ok(value),
                    Some(digit @ b'0'..=b'9') => u64::from(digit - b'0'),
                    _ => return Err(io::ErrorKind::InvalidData.into()),
                };
                let next = value.checked_mul(10).and_then(|it| it.checked_add(digit));
                value = next.ok_or(io::ErrorKind::InvalidData)?;
            }
        };
        let count = number()?;
        if count > EXTENTS_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        (0..count).map(|_| Ok((number()?, number()?))).collect()
    }
}

impl<R: Read> Read for Sparse<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.extents.is_none() {
            self.extents = Some(self.read_map()?);
        }
        let extents = self.extents.get_or_insert_default();
        while extents.front().is_some_and(|(_, len)| *len == 0) {
            extents.pop_front();
        }
        let next = extents.front_mut().filter(|(offset, _)| *offset <= self.at);
        let until = |end: u64| usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let read = match next {
            Some((offset, len)) => {
                let most = usize::try_from(*len).unwrap_or(usize::MAX).min(room.len());
                let read = self.source.read(room.get_mut(..most).unwrap_or_default())?;
                if read == 0 && most > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                *offset += read as u64;
                *len -= read as u64;
                read
            }
            None => {
                let hole = extents.front().map_or(self.size, |(offset, _)| *offset);
                let len = until(hole.min(self.size)).min(room.len());
                room.get_mut(..len).unwrap_or_default().fill(0);
                len
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(map: &str, data: &[u8], size: u64) -> io::Result<Vec<u8>> {
        let mut packed = map.as_bytes().to_vec();
        packed.resize(packed.len().next_multiple_of(512), 0);
        packed.extend_from_slice(data);
        let mut plain = Vec::new();
        Sparse::new(packed.as_slice(), size).read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn extents_stand_where_the_map_says_with_zeros_between() {
        let found = read("2\n2\n3\n7\n1\n", b"abcd", 9).unwrap();
        assert_eq!(found, b"\0\0abc\0\0d\0");
        assert_eq!(read("1\n5\n0\n", b"", 5).unwrap(), [0; 5]);
        let many = format!("300\n0\n1\n{}", "1\n0\n".repeat(299));
        assert_eq!(read(&many, b"x", 3).unwrap(), b"x\0\0");
    }

    #[test]
    fn a_map_that_lies_is_broken() {
        assert!(read("1\n0\n9\n", b"abc", 9).is_err());
        assert!(read("x\n", b"", 9).is_err());
        assert!(read("99999999\n", b"", 9).is_err());
        assert!(read("99999999999999999999999\n", b"", 9).is_err());
        assert!(Sparse::new(&b"1\n"[..], 9).read(&mut [0; 4]).is_err());
    }
}
