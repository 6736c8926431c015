//! What can go wrong, and how it is told: a cause, in a file, and where known at a byte offset and
//! a zxid.
//!
//! A decoder sees a slice and no file: it returns a [`DecodeError`], a [`Fault`] at an offset.
//! Whoever owns the file makes an [`Error`] of it. All wording is in `Display`, one line each.

mod hint;
pub(crate) mod unread;

pub use hint::Hint;
pub use unread::{Unread, is_vanished};

use crate::zxid::Zxid;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is wrong with some bytes. Facts only; the wording is in `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are the two sides of the mismatch that the variant names"
)]
pub enum Fault {
    /// The first four bytes are not the format's.
    BadMagic {
        expected: &'static str,
        found: [u8; 4],
    },
    /// The file ends within its header.
    ShortHeader { needed: u64, found: u64 },
    /// The file has no bytes at all.
    Empty,
    /// The bytes end within a field.
    ShortInput {
        field: &'static str,
        needed: u64,
        left: u64,
    },
    /// A length that no writer writes.
    BadLength { field: &'static str, length: i64 },
    /// A record's length is so small that no txn fits.
    ShortRecord { length: usize },
    /// The stored checksum is not that of the bytes.
    BadChecksum { stored: i64, computed: i64 },
    /// The byte after a record is not `B`.
    BadEndOfRecord { found: u8 },
    /// The file ends, or turns to zeros, within a record that more bytes follow.
    CutRecord { length: usize },
    /// Something else than zeros follows the last record.
    GarbageAfterPadding,
    /// A path that no znode can have.
    BadPath { path: Vec<u8> },
    /// A znode comes before its parent, or without one.
    MissingParent { path: Vec<u8> },
    /// One path stands twice.
    DuplicatePath { path: Vec<u8> },
    /// A snapshot holds no root.
    NoRoot,
    /// A seal's text is not `/`.
    BadSeal,
    /// Bytes follow the last seal.
    TrailingGarbage { length: u64 },
    /// A txn type that no release up to 3.9 writes.
    UnknownTxnType { txn_type: i32 },
    /// A compressed stream ends too soon.
    CutCompression { codec: &'static str },
    /// A compressed stream is broken.
    BadCompression { codec: &'static str, detail: String },
    /// There are bytes, and all of them are zero.
    AllZeros { length: u64 },
    /// A file as ZooKeeper 2 wrote it, which had no header and no checksums.
    Version2 { kind: &'static str },
    /// The file cannot be read here, or at all. The offset is always that of the file itself.
    Unreadable {
        reason: String,
        /// The number of the error, where the operating system gave one.
        os_error: Option<i32>,
    },
}

impl Fault {
    /// Whether the file ends too soon: what a crash leaves behind.
    pub fn is_cut(&self) -> bool {
        self.is_cut_header()
            || matches!(
                self,
                Fault::ShortInput { .. } | Fault::CutCompression { .. }
            )
    }

    /// Whether nothing is known but that bytes could not be had.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Fault::Unreadable { .. })
    }

    /// The number of the error that the operating system gave, where it was that.
    pub fn os_error(&self) -> Option<i32> {
        match self {
            Fault::Unreadable { os_error, .. } => *os_error,
            _ => None,
        }
    }

    /// Whether the file ends before its content begins.
    pub fn is_cut_header(&self) -> bool {
        matches!(self, Fault::Empty | Fault::ShortHeader { .. })
    }

    /// The fault at `offset`.
    pub fn at(self, offset: u64) -> DecodeError {
        DecodeError {
            offset,
            fault: self,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::BadMagic { expected, found } => {
                write!(
                    f,
                    "wrong magic: expected \"{expected}\", found \"{}\"",
                    found.escape_ascii()
                )
            }
            Fault::ShortHeader { needed, found } => {
                write!(f, "cut within its header: {found} of {needed} bytes")
            }
            Fault::Empty => f.write_str("empty: zero bytes long"),
            Fault::ShortInput {
                field,
                needed,
                left,
            } => {
                write!(f, "cut within {field}: {needed} bytes needed, {left} left")
            }
            Fault::BadLength { field, length } => {
                write!(f, "impossible length of {field}: {length}")
            }
            Fault::ShortRecord { length } => {
                write!(
                    f,
                    "record of {length} bytes is too short for a transaction header"
                )
            }
            Fault::BadChecksum { stored, computed } => {
                write!(
                    f,
                    "checksum mismatch: stored 0x{stored:x}, computed 0x{computed:x}"
                )
            }
            Fault::BadEndOfRecord { found } => {
                write!(f, "wrong end mark: expected 0x42, found 0x{found:02x}")
            }
            Fault::CutRecord { length } => write!(f, "record of {length} bytes is cut short"),
            Fault::GarbageAfterPadding => f.write_str("nonzero bytes follow the last record"),
            Fault::BadPath { path } => write!(f, "impossible path \"{}\"", path.escape_ascii()),
            Fault::MissingParent { path } => write!(
                f,
                "znode \"{}\" has no parent before it",
                path.escape_ascii()
            ),
            Fault::DuplicatePath { path } => {
                write!(f, "znode \"{}\" appears twice", path.escape_ascii())
            }
            Fault::NoRoot => f.write_str("has no root znode"),
            Fault::BadSeal => f.write_str("seal does not end with \"/\""),
            Fault::TrailingGarbage { length } => write!(f, "{length} bytes follow the last seal"),
            Fault::UnknownTxnType { txn_type } => write!(f, "unknown transaction type {txn_type}"),
            Fault::CutCompression { codec } => write!(f, "{codec} stream ends too soon"),
            Fault::BadCompression { codec, detail } => write!(f, "broken {codec} stream: {detail}"),
            Fault::AllZeros { length } => {
                write!(f, "contains only zeros, {length} bytes")
            }
            Fault::Version2 { kind } => write!(
                f,
                "is a {kind} of ZooKeeper 2, which has no header and no checksums"
            ),
            Fault::Unreadable { reason, .. } => write!(f, "cannot be read: {reason}"),
        }
    }
}

/// Which txn is at fault, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnPlace {
    /// This one: its record is whole, or its zxid is known by other means.
    Of(Zxid),
    /// What stands behind this one, the last that is whole: which txn it is, or was, its bytes
    /// cannot be believed to say.
    After(Zxid),
}

impl TxnPlace {
    /// The txn that is at fault, where it is known.
    pub fn of(self) -> Option<Zxid> {
        match self {
            TxnPlace::Of(zxid) => Some(zxid),
            TxnPlace::After(_) => None,
        }
    }

    /// The last txn before the one that is at fault, where that is all that is known.
    pub fn after(self) -> Option<Zxid> {
        match self {
            TxnPlace::Of(_) => None,
            TxnPlace::After(zxid) => Some(zxid),
        }
    }

    /// The zxid that it is told by, whichever it is of.
    pub fn zxid(self) -> Zxid {
        match self {
            TxnPlace::Of(zxid) | TxnPlace::After(zxid) => zxid,
        }
    }

    /// The first zxid that may be at fault.
    pub fn first(self) -> Zxid {
        match self {
            TxnPlace::Of(zxid) => zxid,
            TxnPlace::After(zxid) => zxid.next(),
        }
    }
}

impl fmt::Display for TxnPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TxnPlace::Of(zxid) => write!(f, "zxid {zxid}"),
            TxnPlace::After(zxid) => write!(f, "after {zxid}"),
        }
    }
}

/// A fault at a byte offset: all that a decoder, which sees a slice and no file, can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// From the start of the file; in a compressed snapshot, of the decompressed stream.
    pub offset: u64,
    /// What is wrong there.
    pub fault: Fault,
}

/// What class of failure an [`Error`] is; exit statuses follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The operation could not go on, for a reason outside the data.
    Failed,
    /// What was asked for makes no sense.
    BadArgument,
    /// Bytes contradict themselves or each other.
    Damage,
    /// The point asked for cannot be had exactly.
    NotReachable,
    /// What was to be created exists.
    TargetExists,
    /// There is no repository where one was named.
    NoRepository,
    /// A source file vanished or changed while it was read: its server purged or truncated it.
    /// Worth another try.
    SourceChanged,
}

/// The library's error.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    path: Option<PathBuf>,
    offset: Option<u64>,
    txn: Option<TxnPlace>,
    cause: Cause,
    kind: ErrorKind,
    hints: Vec<Hint>,
}

#[derive(Clone, Debug)]
enum Cause {
    Io {
        doing: &'static str,
        /// Shared: what keeps a file from being read is told wherever the file would have been
        /// needed.
        source: Arc<io::Error>,
    },
    Fault(Fault),
    Message(String),
}

/// The library's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn with(path: Option<PathBuf>, cause: Cause, kind: ErrorKind) -> Error {
        Error(Box::new(Inner {
            path,
            offset: None,
            txn: None,
            cause,
            kind,
            hints: Vec::new(),
        }))
    }

    /// `doing` ("read", "create") to the file at `path` failed. Where it was a file of a source
    /// that could not be read, whatever else was being done, that is damage of it: a finding for
    /// those who can do without.
    pub fn io(path: &Path, doing: &'static str, source: io::Error) -> Error {
        if let Some(unread) = Unread::of(&source) {
            return Error::unread(unread);
        }
        if doing == "read" && unread::is_stale(&source) {
            let message = "vanished while it was being read";
            return Error::about(path, ErrorKind::SourceChanged, message);
        }
        let hint = match source.kind() {
            io::ErrorKind::PermissionDenied => Some(Hint::RunAsOwner),
            io::ErrorKind::StorageFull => {
                Some("free up space there, or choose another location".into())
            }
            _ => None,
        };
        let error = Error::with(
            Some(path.into()),
            Cause::Io {
                doing,
                source: Arc::new(source),
            },
            ErrorKind::Failed,
        );
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn unread(unread: &Unread) -> Error {
        let reason = unread.to_string();
        let os_error = unread.source.raw_os_error();
        let error = Error::damage(
            &unread.shown,
            Fault::Unreadable { reason, os_error }.at(unread.offset),
        );
        match unread.is_denied() {
            true => error.hint(Hint::RunAsOwner),
            false => error,
        }
    }

    /// The bytes of the file at `path` are at fault.
    pub fn damage(path: &Path, error: DecodeError) -> Error {
        let mut this = Error::with(
            Some(path.into()),
            Cause::Fault(error.fault),
            ErrorKind::Damage,
        );
        this.0.offset = Some(error.offset);
        this
    }

    /// A failure of `kind` about `path`, in words.
    pub fn about(path: &Path, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::with(Some(path.into()), Cause::Message(message.into()), kind)
    }

    /// A failure of `kind`, in words.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::with(None, Cause::Message(message.into()), kind)
    }

    /// The same as a failure of the whole operation: nothing else is left that could do without.
    #[must_use]
    pub fn failed(mut self) -> Error {
        self.0.kind = ErrorKind::Failed;
        self
    }

    /// Says which txn is at fault.
    #[must_use]
    pub fn at_txn(mut self, txn: Option<TxnPlace>) -> Error {
        self.0.txn = txn;
        self
    }

    /// Says which txn was the last whole one before what is at fault.
    #[must_use]
    pub fn after_txn(self, zxid: Option<Zxid>) -> Error {
        self.at_txn(zxid.map(TxnPlace::After))
    }

    /// Says where in the file.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Error {
        self.0.offset = Some(offset);
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Hint>) -> Error {
        self.0.hints = vec![hint.into()];
        self
    }

    /// Says what else can be done.
    #[must_use]
    pub fn also(mut self, hint: impl Into<Hint>) -> Error {
        self.0.hints.push(hint.into());
        self
    }

    /// Says what to do next, unless that was said before: by whoever knew more of the cause.
    #[must_use]
    pub fn or_hint<H: Into<Hint>>(self, hint: impl FnOnce() -> H) -> Error {
        match self.hints().is_empty() {
            true => self.hint(hint()),
            false => self,
        }
    }

    /// The class of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file, where one is at fault.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The byte offset in the file, where one is known.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The txn at fault, where one is.
    pub fn txn(&self) -> Option<TxnPlace> {
        self.0.txn
    }

    /// What is wrong with the bytes, where bytes are.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.0.cause {
            Cause::Fault(fault) => Some(fault),
            Cause::Io { .. } | Cause::Message(_) => None,
        }
    }

    /// What is wrong, without the place.
    pub fn what(&self) -> String {
        match &self.0.cause {
            Cause::Io { doing, source } => format!("cannot {doing}: {source}"),
            Cause::Fault(fault) => fault.to_string(),
            Cause::Message(message) => message.clone(),
        }
    }

    /// What to do next, where there is something.
    pub fn hints(&self) -> &[Hint] {
        &self.0.hints
    }

    /// Whether what failed is not allowed to the user who runs this.
    pub fn is_denied(&self) -> bool {
        self.0.hints.contains(&Hint::RunAsOwner)
    }

    /// Whether the failure is that a file is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(&self.0.cause, Cause::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(path) = &inner.path {
            write!(f, "{}: ", path.display())?;
        }
        if let Some(offset) = inner.offset {
            write!(f, "offset {offset}: ")?;
        }
        if let Some(txn) = inner.txn {
            write!(f, "{txn}: ")?;
        }
        f.write_str(&self.what())
    }
}

impl std::error::Error for Error {}
