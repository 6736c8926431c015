//! Logs as ZooKeeper's own `TxnLogToolkit` prints them, byte for byte: release 3.8.0 on Java 17, in
//! UTC and in the locale en_US.
//!
//! What it does is kept, odd as it is. Lists of ACLs have a line break in them; the parts of a
//! multi are their bytes, taken for UTF-8, lengths and all; a record with a wrong checksum comes
//! twice. It ends where the tool ends with an exception: at an end mark that is none, and at a body
//! that does not decode. Only its calendar before 1582 is not followed.

use super::LogArgs;
use crate::cli::exit::{BadArgument, Exit};
use crate::cli::ui::Ui;
use crate::cli::views::text;
use crate::cli::writer_thread::Out;
use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use zoovault::error::{DecodeError, Error, Fault};
use zoovault::format::jute::Reader;
use zoovault::format::record::{
    Acl, AclVector, CreateKind, Multi, Txn, TxnBody, TxnHeader, TxnKind,
};
use zoovault::format::stream::{Span, Stream};
use zoovault::format::txnlog::{END_OF_RECORD, HEADER_LEN, MAGIC, PREFIX_LEN};
use zoovault::history::source::{Source, SourceFile};

pub fn run(args: &LogArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let is_filtered = args.from.is_some()
        || args.to.is_some()
        || !args.path.is_empty()
        || !args.session.is_empty()
        || !args.op.is_empty()
        || args.errors
        || args.min_size > 0
        || args.tail.is_some()
        || args.reverse
        || args.follow;
    if is_filtered {
        let message =
            "--format zookeeper prints complete logs, like the tool itself: it takes no filter";
        return Err(BadArgument(message.to_owned()).into());
    }
    let options = args.source.options(args.data_log_dir.as_ref());
    let source = Source::open(&args.source.source, &options).context("cannot show txns")?;
    let mut exit = Exit::Done;
    let mut out = Out::stdout();
    for log in source.logs() {
        match dump(log, &mut out)? {
            Ok(()) => {}
            Err(fault) => {
                out.flush()?;
                let error = Error::damage(log.shown(), fault);
                ui.warn(&text::escape(&format!("damage: {error}")));
                exit = Exit::Damaged;
            }
        }
    }
    out.flush()?;
    Ok(exit)
}

/// Prints one log. The inner error is damage at which the tool ends, or which it prints.
fn dump(log: &SourceFile, out: &mut impl Write) -> anyhow::Result<Result<(), DecodeError>> {
    let mut stream = Stream::new(Span::new(log.open()?, 0), 0);
    let is_terminal = io::stdout().is_terminal();
    let mut text = String::new();
    let header = stream.fill(HEADER_LEN)?;
    match decode_header(header) {
        Ok((dbid, version)) => writeln!(
            out,
            "ZooKeeper Transactional Log File with dbid {dbid} txnlog format version {version}"
        )?,
        Err(fault) => return Ok(Err(fault)),
    }
    stream.consume(HEADER_LEN);
    let mut times = Times::default();
    let mut count = 0u64;
    let mut first_fault = None;
    loop {
        let offset = stream.offset();
        let prefix = stream.fill(PREFIX_LEN)?;
        let mut input = Reader::new(prefix, offset);
        let (stored, length) = match (input.long("checksum"), input.int("length")) {
            (Ok(stored), Ok(length)) => (stored, length),
            _ => (0, 0),
        };
        let Ok(length) = usize::try_from(length) else {
            let field = "record";
            let length = length.into();
            return Ok(Err(Fault::BadLength { field, length }.at(offset + 8)));
        };
        let bytes = stream.fill(PREFIX_LEN + length + 1)?;
        let payload = bytes.get(PREFIX_LEN..PREFIX_LEN + length);
        let Some(payload) = payload.filter(|payload| !payload.is_empty()) else {
            writeln!(out, "EOF reached after {count} txns.")?;
            return Ok(first_fault.map_or(Ok(()), Err));
        };
        text.clear();
        match Txn::decode(payload, offset + PREFIX_LEN as u64) {
            Ok(txn) if matches!(txn.body, TxnBody::Unknown { .. }) => {
                let fault = zoovault::format::record::txn::unknown_type(&txn.header);
                return Ok(Err(fault.at(offset)));
            }
            Ok(txn) => put_txn(&mut text, &txn, &mut times),
            Err(fault) => return Ok(Err(fault)),
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        if is_terminal {
            text = text
                .split('\n')
                .map(text::escape)
                .collect::<Vec<_>>()
                .join("\n");
        }
        let computed = zoovault::format::checksum::adler32(payload);
        if stored != computed {
            first_fault.get_or_insert(Fault::BadChecksum { stored, computed }.at(offset));
            write!(out, "CRC ERROR - {text}")?;
        }
        out.write_all(text.as_bytes())?;
        let mark = bytes.get(PREFIX_LEN + length).copied();
        if mark != Some(END_OF_RECORD) {
            let found = mark.unwrap_or_default();
            return Ok(Err(Fault::BadEndOfRecord { found }.at(offset)));
        }
        stream.consume(PREFIX_LEN + length + 1);
        count += 1;
    }
}

/// A log's dbid and version.
fn decode_header(bytes: &[u8]) -> Result<(i64, i32), DecodeError> {
    let mut input = Reader::new(bytes, 0);
    let found = input.take(4, "magic")?;
    if found != MAGIC {
        let (expected, found) = ("ZKLG", found.try_into().unwrap_or_default());
        return Err(Fault::BadMagic { expected, found }.at(0));
    }
    let version = input.int("version")?;
    Ok((input.long("dbid")?, version))
}

/// What every line begins with.
fn put_header(out: &mut String, header: &TxnHeader, times: &mut Times) {
    out.push_str(times.show(header.time));
    out.push_str(" session ");
    text::put_hex(out, header.client_id.0, 1);
    out.push_str(" cxid ");
    text::put_hex(out, header.cxid.into(), 1);
    out.push_str(" zxid ");
    text::put_hex(out, header.zxid.to_i64(), 1);
    out.push(' ');
    out.push_str(TxnKind::name_of(header.txn_type));
    out.push(' ');
}

fn put_txn(out: &mut String, txn: &Txn<'_>, times: &mut Times) {
    put_header(out, &txn.header, times);
    match &txn.body {
        TxnBody::CreateSession { timeout_ms } => {
            let _ = writeln!(out, "{timeout_ms}");
        }
        TxnBody::CloseSession { paths_to_delete } => {
            if let Some(paths) = paths_to_delete {
                out.push_str("v{");
                for (at, path) in paths.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    put_quoted(out, Some(path));
                }
                out.push_str("}\n");
            }
        }
        TxnBody::Error { err } => {
            let _ = writeln!(out, "{err}");
        }
        TxnBody::Create(create) => {
            for text in [Some(create.path), create.data] {
                out.push_str(&lossy(text));
                out.push(',');
            }
            put_acl_list(out, create.acl);
            if let CreateKind::Plain { ephemeral } = create.kind {
                let _ = write!(out, ",{ephemeral}");
            }
            // The tool gives -1 to records of 3.3, which lack it.
            let _ = write!(out, ",{}", create.parent_cversion.unwrap_or(-1));
            if let CreateKind::Ttl { ttl_ms } = create.kind {
                let _ = write!(out, ",{ttl_ms}");
            }
        }
        TxnBody::Delete { path } => {
            put_quoted(out, Some(path));
            out.push('\n');
        }
        TxnBody::SetData {
            path,
            data,
            version,
        } => {
            let _ = write!(out, "{},{},{version}", lossy(Some(path)), lossy(*data));
        }
        TxnBody::SetAcl { path, acl, version } => {
            put_quoted(out, Some(path));
            out.push_str(",v{");
            for (at, acl) in acl.entries().iter().enumerate() {
                out.push_str(if at == 0 { "s{" } else { ",s{" });
                put_acl(out, acl);
                out.push('}');
            }
            let _ = writeln!(out, "}},{version}");
        }
        TxnBody::Check { path, version } => {
            put_quoted(out, Some(path));
            let _ = writeln!(out, ",{version}");
        }
        TxnBody::Multi(multi) => put_multi(out, multi),
        TxnBody::Unknown { .. } => {}
    }
}

fn put_multi(out: &mut String, multi: &Multi<'_>) {
    for (at, part) in multi.parts().enumerate() {
        out.push_str(if at == 0 { "" } else { ";" });
        let _ = write!(
            out,
            "{}:{}",
            TxnKind::name_of(part.txn_type),
            lossy(part.data)
        );
    }
}

/// A list as `ArrayList.toString` has it, each entry with the line break that ends a record.
fn put_acl_list(out: &mut String, list: AclVector<'_>) {
    if list.is_null() {
        out.push_str("null");
        return;
    }
    out.push('[');
    for (at, acl) in list.entries().iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        put_acl(out, acl);
        out.push('\n');
    }
    out.push(']');
}

fn put_acl(out: &mut String, acl: &Acl<'_>) {
    let _ = write!(out, "{},s{{", acl.perms);
    put_quoted(out, acl.scheme);
    out.push(',');
    put_quoted(out, acl.id);
    out.push('}');
}

/// A string as `Utils.toCSVString` has it.
fn put_quoted(out: &mut String, text: Option<&[u8]>) {
    if text.is_none() {
        return;
    }
    out.push('\'');
    for c in lossy(text).chars() {
        match c {
            '\0' => out.push_str("%00"),
            '\n' => out.push_str("%0A"),
            '\r' => out.push_str("%0D"),
            ',' => out.push_str("%2C"),
            '}' => out.push_str("%7D"),
            '%' => out.push_str("%25"),
            c => out.push(c),
        }
    }
}

/// Bytes as Java takes them for UTF-8. Where they are none it replaces as everybody does, but for
/// the three bytes of a surrogate: they become one character, and not three.
fn lossy(bytes: Option<&[u8]>) -> Cow<'_, str> {
    let mut rest = bytes.unwrap_or_default();
    let mut text = String::new();
    loop {
        let error = match std::str::from_utf8(rest) {
            Ok(whole) if text.is_empty() => return Cow::Borrowed(whole),
            Ok(whole) => {
                text.push_str(whole);
                return Cow::Owned(text);
            }
            Err(error) => error,
        };
        let (valid, invalid) = rest.split_at(error.valid_up_to());
        text.push_str(&String::from_utf8_lossy(valid));
        text.push(char::REPLACEMENT_CHARACTER);
        let len = match invalid {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
            [0xed, 0xa0..=0xbf, ..] => 2,
            _ => error.error_len().unwrap_or(invalid.len()),
        };
        rest = invalid.get(len..).unwrap_or_default();
    }
}

/// Times of one second after the other: txns that stand together are often of one, and a calendar
/// takes its time.
#[derive(Default)]
struct Times {
    second: Option<i64>,
    text: String,
}

impl Times {
    fn show(&mut self, ms: i64) -> &str {
        let second = ms.div_euclid(1000);
        if self.second != Some(second) {
            self.second = Some(second);
            self.text.clear();
            put_time(&mut self.text, ms);
        }
        &self.text
    }
}

/// A time in the short style, with seconds and zone: `11/20/26, 10:48:51 PM UTC`.
fn put_time(out: &mut String, ms: i64) {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => {
            let time = time.to_zoned(TimeZone::UTC);
            let (hour, half) = match time.hour() {
                0 => (12, "AM"),
                hour @ 1..12 => (hour, "AM"),
                12 => (12, "PM"),
                hour => (hour - 12, "PM"),
            };
            let (month, day, year) = (time.month(), time.day(), time.year().rem_euclid(100));
            let (minute, second) = (time.minute(), time.second());
            let _ = write!(
                out,
                "{month}/{day}/{year:02}, {hour}:{minute:02}:{second:02} {half} UTC"
            );
        }
        Err(_) => {
            let _ = write!(out, "@{ms}ms");
        }
    }
}
