//! What Java throws.
//!
//! A server's decisions hang on the *class* of what was thrown: `EOFException` mostly means "the
//! end of this file", any other `IOException` means "refuse" (logs) or "try the next" (snapshots),
//! and everything unchecked ends the load.

use crate::error::Unread;
use std::io;

/// What was thrown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thrown {
    /// `java.io.EOFException`.
    Eof,
    /// Another `java.io.IOException` (the class is told where it is not that one), with its
    /// message.
    Io(&'static str, String),
    /// Anything unchecked: its class and message.
    Unchecked(&'static str, String),
    /// This program could not read the file: nothing that a server threw.
    Unread(io::ErrorKind, String),
}

/// `java.io.IOException`.
pub const IO_EXCEPTION: &str = "java.io.IOException";

impl Thrown {
    /// An `IOException` with `message`.
    pub fn io(message: impl Into<String>) -> Thrown {
        Thrown::Io(IO_EXCEPTION, message.into())
    }

    /// What is thrown for a length that is too long, or negative.
    pub fn unreasonable(length: i32) -> Thrown {
        Thrown::io(format!("Unreasonable length = {length}"))
    }

    /// A `NullPointerException`. What its message is depends on the JVM, so it has none here.
    pub fn null_pointer() -> Thrown {
        Thrown::Unchecked("java.lang.NullPointerException", String::new())
    }

    /// What Java throws where a file cannot be opened (`FileInputStream`).
    pub fn unopened(name: &str, unread: &Unread) -> Thrown {
        let why = match unread.source.raw_os_error() {
            Some(_) => of_system(unread),
            None if unread.source.to_string().contains("link") => {
                "No such file or directory".to_owned()
            }
            None if unread.source.to_string().contains("directory") => "Is a directory".to_owned(),
            None => unread.to_string(),
        };
        Thrown::Io("java.io.FileNotFoundException", format!("{name} ({why})"))
    }

    /// The class.
    pub fn class(&self) -> &str {
        match self {
            Thrown::Eof => "java.io.EOFException",
            Thrown::Io(class, _) | Thrown::Unchecked(class, _) => class,
            Thrown::Unread(..) => "",
        }
    }

    /// The message; empty where there is none.
    pub fn message(&self) -> &str {
        match self {
            Thrown::Eof => "",
            Thrown::Io(_, message) | Thrown::Unchecked(_, message) | Thrown::Unread(_, message) => {
                message
            }
        }
    }

    /// Class and message, as a stack trace begins.
    pub fn line(&self) -> String {
        match self.message() {
            "" => self.class().to_owned(),
            message => format!("{}: {message}", self.class()),
        }
    }
}

/// What reading gives.
pub type Result<T> = std::result::Result<T, Thrown>;

/// What Java throws where decompressing fails so (`GZIPInputStream`, `SnappyInputStream`).
pub fn thrown(err: &io::Error) -> Thrown {
    match Unread::of(err) {
        Some(unread) if unread.is_denied() => {
            return Thrown::Unread(unread.source.kind(), unread.to_string());
        }
        Some(unread) => return Thrown::io(of_system(unread)),
        None => {}
    }
    match err.kind() {
        io::ErrorKind::UnexpectedEof => Thrown::Eof,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Thrown::Io("java.util.zip.ZipException", String::new())
        }
        kind => Thrown::Unread(kind, err.to_string()),
    }
}

/// The system's words for what failed, without the number behind them.
fn of_system(unread: &Unread) -> String {
    let told = unread.to_string();
    let end = told.find(" (os error").unwrap_or(told.len());
    told.get(..end).unwrap_or_default().to_owned()
}
