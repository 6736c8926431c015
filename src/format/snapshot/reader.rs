//! Reading a snapshot, znode by znode, in bounded memory.

use super::codec::Codec;
use super::version2::is_version_2;
use super::{DIGEST_LEN, END_MARK, HEADER_LEN, LAST_ZXID_LEN, MAGIC, SEAL_LEN, Trailer};
use crate::error::{DecodeError, Error, Fault, Result};
use crate::format::checksum::Adler32;
use crate::format::jute::Reader;
use crate::format::record::stat::STAT_LEN;
use crate::format::record::{AclVector, Stat, TxnDigest};
use crate::format::stream::{ReadAt, Stream};
use crate::zxid::{SessionId, Zxid};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How much of a file without a header is looked at to see whether ZooKeeper 2 wrote it.
const VERSION_2_PEEK_LEN: usize = 64 << 10;

/// One znode of a snapshot, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct NodeRecord<'a> {
    /// Where the record begins in the (decompressed) stream.
    pub offset: u64,
    /// The path; empty for the root.
    pub path: &'a [u8],
    /// The data; null and empty differ.
    pub data: Option<&'a [u8]>,
    /// The id of its ACL in the map; a fuzzy snapshot may lack it there.
    pub acl_id: i64,
    /// Everything else.
    pub stat: Stat,
}

/// Reads a snapshot from its header to its last seal, or to the first damage.
pub struct SnapshotReader<R> {
    path: PathBuf,
    codec: Codec,
    stream: Stream<R>,
    sum: Adler32,
    pending: usize,
    max_zxid: Zxid,
    /// Sessions and their timeouts in ms, in file order.
    pub sessions: Vec<(SessionId, i32)>,
    /// ACL ids and their lists, in file order.
    pub acls: Vec<(i64, Box<[u8]>)>,
    /// The header's version and dbid.
    pub header: (i32, i64),
}

impl<R: Read> SnapshotReader<R> {
    /// Reads all that stands before the znodes. `source` is decompressed already; `codec` is for
    /// the errors.
    ///
    /// # Errors
    /// Damage, with its offset; failures to read.
    pub fn new(path: &Path, codec: Codec, source: R) -> Result<SnapshotReader<R>> {
        let mut this = SnapshotReader {
            path: path.into(),
            codec,
            stream: Stream::new(source, 0),
            sum: Adler32::new(),
            pending: 0,
            max_zxid: Zxid::ZERO,
            sessions: Vec::new(),
            acls: Vec::new(),
            header: (0, 0),
        };
        this.read_header()?;
        for _ in 0..this.read_count("sessions")? {
            let (session, timeout) = this.read_with(12, |input| {
                Ok((input.long("session")?, input.int("timeout")?))
            })?;
            this.sessions.push((SessionId(session), timeout));
        }
        for _ in 0..this.read_count("ACL map")? {
            this.read_acl()?;
        }
        Ok(this)
    }

    /// The next znode, or `None` behind the last.
    ///
    /// # Errors
    /// Damage, with its offset; failures to read.
    pub fn next_node(&mut self) -> Result<Option<NodeRecord<'_>>> {
        self.take_pending();
        let offset = self.stream.offset();
        let Some(path_len) = self.peek_length(0, "path")? else {
            return Err(self.damage(
                Fault::BadLength {
                    field: "path",
                    length: -1,
                }
                .at(offset),
            ));
        };
        if path_len == END_MARK.len() {
            self.need(4 + path_len, "path")?;
            if self.stream.available().get(4..4 + path_len) == Some(END_MARK) {
                self.pending = 4 + path_len;
                self.take_pending();
                return Ok(None);
            }
        }
        let data_at = 4 + path_len;
        let data_len = self.peek_length(data_at, "data")?;
        let acl_at = data_at + 4 + data_len.unwrap_or(0);
        let len = acl_at + 8 + STAT_LEN;
        self.need(len, "znode")?;
        self.pending = len;
        let bytes = self.stream.available();
        let path = bytes.get(4..data_at).unwrap_or_default();
        let data = data_len.map(|_| bytes.get(data_at + 4..acl_at).unwrap_or_default());
        let mut input = Reader::new(
            bytes.get(acl_at..len).unwrap_or_default(),
            offset + acl_at as u64,
        );
        let (acl_id, stat) =
            decode_rest(&mut input).map_err(|err| Error::damage(&self.path, err))?;
        let is_possible = path.is_empty()
            || (path.starts_with(b"/")
                && !path.ends_with(b"/")
                && !path.windows(2).any(|two| two == b"//"));
        if !is_possible {
            let error = Fault::BadPath { path: path.into() }.at(offset);
            return Err(Error::damage(&self.path, error));
        }
        self.max_zxid = self.max_zxid.max(stat.max_zxid());
        Ok(Some(NodeRecord {
            offset,
            path,
            data,
            acl_id,
            stat,
        }))
    }

    /// The largest zxid in any znode so far.
    pub fn max_zxid(&self) -> Zxid {
        self.max_zxid
    }

    /// Checks the seals, reads what stands behind the first, and that nothing stands behind the
    /// last. To be called when [`SnapshotReader::next_node`] gave `None`.
    ///
    /// # Errors
    /// Damage, with its offset; failures to read.
    pub fn finish(mut self) -> Result<(Trailer, u64)> {
        self.check_seal()?;
        let mut trailer = Trailer::default();
        let left = self.fill(DIGEST_LEN + LAST_ZXID_LEN + 2 * SEAL_LEN + 1)?;
        let has_digest =
            left == DIGEST_LEN + SEAL_LEN || left == DIGEST_LEN + LAST_ZXID_LEN + 2 * SEAL_LEN;
        let has_last_zxid =
            left == LAST_ZXID_LEN + SEAL_LEN || left == DIGEST_LEN + LAST_ZXID_LEN + 2 * SEAL_LEN;
        if has_digest {
            let digest = self.read_with(DIGEST_LEN, |input| {
                let zxid = Zxid::from_i64(input.long("digest zxid")?);
                Ok((
                    zxid,
                    TxnDigest {
                        version: input.int("digest version")?,
                        tree_digest: input.long("digest")?,
                    },
                ))
            })?;
            self.check_seal()?;
            trailer.digest = Some(digest);
        }
        if has_last_zxid {
            let last = self.read_with(LAST_ZXID_LEN, |input| input.long("last zxid"))?;
            self.check_seal()?;
            trailer.last_zxid = Some(Zxid::from_i64(last));
        }
        let left = self.fill(1)?;
        if left > 0 {
            let fault = Fault::TrailingGarbage {
                length: left as u64,
            };
            return Err(self.damage(fault.at(self.stream.offset())));
        }
        Ok((trailer, self.stream.offset()))
    }

    fn read_header(&mut self) -> Result<()> {
        let found = self.fill(HEADER_LEN)?;
        if found == 0 {
            return Err(self.damage(Fault::Empty.at(0)));
        }
        if found < HEADER_LEN {
            return Err(self.damage(
                Fault::ShortHeader {
                    needed: HEADER_LEN as u64,
                    found: found as u64,
                }
                .at(0),
            ));
        }
        if !self.stream.available().starts_with(&MAGIC) {
            // What cannot be read behind it changes nothing about what is at hand.
            let _ = self.stream.fill(VERSION_2_PEEK_LEN);
            if is_version_2(self.stream.available()) {
                return Err(self.damage(Fault::Version2 { kind: "snapshot" }.at(0)));
            }
        }
        let header = self.read_with(HEADER_LEN, |input| {
            let magic = input.take(4, "magic")?;
            if magic != MAGIC {
                let found = magic.try_into().unwrap_or_default();
                return Err(Fault::BadMagic {
                    expected: "ZKSN",
                    found,
                }
                .at(0));
            }
            Ok((input.int("version")?, input.long("dbid")?))
        })?;
        self.header = header;
        Ok(())
    }

    fn read_count(&mut self, field: &'static str) -> Result<i32> {
        self.read_with(4, |input| input.int(field))
    }

    /// One entry of the ACL map. Its list is read as it comes: a count or a length that the stream
    /// does not hold costs no memory.
    fn read_acl(&mut self) -> Result<()> {
        let mut len = 8 + 4;
        self.need(len, "ACL map")?;
        let count = self.peek_int(8);
        for _ in 0..count {
            let scheme = self.peek_length(len + 4, "ACL scheme")?.unwrap_or(0);
            let id = self
                .peek_length(len + 4 + 4 + scheme, "ACL id")?
                .unwrap_or(0);
            len += 4 + 4 + scheme + 4 + id;
            self.need(len, "ACL map")?;
        }
        let (id, list) = self.read_with(len, |input| {
            Ok((
                input.long("ACL id")?,
                Box::from(AclVector::decode(input)?.bytes()),
            ))
        })?;
        self.acls.push((id, list));
        Ok(())
    }

    /// Checks the seal at the stream's place: the sum of all before it.
    fn check_seal(&mut self) -> Result<()> {
        let (offset, computed) = (self.stream.offset(), self.sum.value());
        let stored = self.read_with(8, |input| input.long("checksum"))?;
        if stored != computed {
            return Err(self.damage(Fault::BadChecksum { stored, computed }.at(offset)));
        }
        self.read_with(4 + END_MARK.len(), |input| {
            let at = input.offset();
            match input.string("seal") {
                Ok(END_MARK) => Ok(()),
                Ok(_) | Err(_) => Err(Fault::BadSeal.at(at)),
            }
        })
    }

    /// Takes `len` bytes and decodes them.
    fn read_with<T>(
        &mut self,
        len: usize,
        decode: impl FnOnce(&mut Reader<'_>) -> std::result::Result<T, DecodeError>,
    ) -> Result<T> {
        self.need(len, "snapshot")?;
        let bytes = self.stream.available().get(..len).unwrap_or_default();
        let decoded = decode(&mut Reader::new(bytes, self.stream.offset()))
            .map_err(|err| self.damage(err))?;
        self.pending = len;
        self.take_pending();
        Ok(decoded)
    }

    /// Moves over the record that was handed out, summing it.
    fn take_pending(&mut self) {
        let len = std::mem::take(&mut self.pending);
        self.sum
            .update(self.stream.available().get(..len).unwrap_or_default());
        self.stream.consume(len);
    }

    /// The int `at` bytes ahead, which [`SnapshotReader::need`] made sure of.
    fn peek_int(&self, at: usize) -> i32 {
        let bytes = self.stream.available().get(at..).unwrap_or_default();
        Reader::new(bytes, 0).int("length").unwrap_or(0)
    }

    /// The length `at` bytes ahead; `None` is null.
    fn peek_length(&mut self, at: usize, field: &'static str) -> Result<Option<usize>> {
        self.need(at + 4, field)?;
        let length = self.peek_int(at);
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => {
                let offset = self.stream.offset() + at as u64;
                Err(self.damage(
                    Fault::BadLength {
                        field,
                        length: length.into(),
                    }
                    .at(offset),
                ))
            }
        }
    }

    /// Makes sure of `len` bytes.
    fn need(&mut self, len: usize, field: &'static str) -> Result<()> {
        let left = self.fill(len)?;
        if left < len {
            let fault = Fault::ShortInput {
                field,
                needed: len as u64,
                left: left as u64,
            };
            return Err(self.damage(fault.at(self.stream.offset())));
        }
        Ok(())
    }

    /// Reads until `len` bytes are at hand, or the stream ends, and says how many are.
    fn fill(&mut self, len: usize) -> Result<usize> {
        match self.stream.fill(len) {
            Ok(bytes) => Ok(bytes.len()),
            Err(err) => Err(self.io(err)),
        }
    }

    fn damage(&self, error: DecodeError) -> Error {
        Error::damage(&self.path, error)
    }

    fn io(&self, err: io::Error) -> Error {
        let codec = self.codec.name();
        let fault = match err.kind() {
            io::ErrorKind::UnexpectedEof => Fault::CutCompression { codec },
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Fault::BadCompression {
                codec,
                detail: err.to_string(),
            },
            _ => return Error::io(&self.path, "read", err),
        };
        self.damage(fault.at(self.stream.offset()))
    }
}

fn decode_rest(input: &mut Reader<'_>) -> std::result::Result<(i64, Stat), DecodeError> {
    Ok((input.long("acl")?, Stat::decode(input)?))
}

/// What the last bytes of a plain snapshot seem to say of its trailer. Only for choosing what to
/// read first: nothing is proven before the whole file is read.
///
/// # Errors
/// Those of the file.
pub fn peek_trailer(source: &impl ReadAt) -> io::Result<Trailer> {
    let size = source.size()?;
    let mut trailer = Trailer::default();
    let seal = |bytes: &[u8]| bytes.get(8..SEAL_LEN) == Some(&[0, 0, 0, 1, b'/']);
    for (has_digest, has_last) in [(true, true), (true, false), (false, true)] {
        let len = SEAL_LEN
            + if has_digest { DIGEST_LEN + SEAL_LEN } else { 0 }
            + if has_last {
                LAST_ZXID_LEN + SEAL_LEN
            } else {
                0
            };
        let mut tail = vec![0; len];
        let Some(offset) = size.checked_sub(len as u64) else {
            continue;
        };
        if source.read_at(&mut tail, offset)? < len || !seal(&tail) {
            continue;
        }
        let mut input = Reader::new(tail.get(SEAL_LEN..).unwrap_or_default(), 0);
        let digest = has_digest.then(|| {
            let zxid = Zxid::from_i64(input.long("zxid").unwrap_or(0));
            let version = input.int("version").unwrap_or(0);
            (
                zxid,
                TxnDigest {
                    version,
                    tree_digest: input.long("digest").unwrap_or(0),
                },
            )
        });
        if has_digest && !seal(input.take(SEAL_LEN, "seal").unwrap_or_default()) {
            continue;
        }
        let last_zxid = has_last.then(|| Zxid::from_i64(input.long("last zxid").unwrap_or(0)));
        trailer = Trailer { digest, last_zxid };
        break;
    }
    Ok(trailer)
}
