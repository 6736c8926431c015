//! Lines of a log as JSON: of Docker's json-file, of journald, and of the layouts of logback and
//! log4j, which put a stack trace into a field or an object.

use serde_json::{Map, Value};

/// Where the message is, the first that is there.
const MESSAGE: [&str; 13] = [
    "log",
    "MESSAGE",
    "formattedMessage",
    "message",
    "msg",
    "short_message",
    "textPayload",
    "jsonPayload",
    "_source",
    "_raw",
    "@message",
    "line",
    "body",
];
const LOGGER: [&str; 5] = [
    "logger_name",
    "loggerName",
    "logger",
    "log.logger",
    "category",
];
const LEVEL: [&str; 4] = ["level", "log.level", "severity", "priority"];
/// Where the exception is.
const THROWN: [&str; 8] = [
    "stack_trace",
    "stackTrace",
    "stacktrace",
    "error.stack_trace",
    "thrown",
    "throwable",
    "exception",
    "error",
];
const TRACE: [&str; 4] = [
    "stack_trace",
    "stacktrace",
    "extendedStackTrace",
    "stackTrace",
];
const CLASS: [&str; 5] = ["className", "exception_class", "class", "type", "name"];
const TEXT: [&str; 3] = ["message", "exception_message", "localizedMessage"];
const FRAMES: [&str; 4] = ["stepArray", "extendedStackTrace", "stackTrace", "frames"];
const METHOD: [&str; 2] = ["methodName", "method"];
const FILE: [&str; 2] = ["fileName", "file"];
const LINE: [&str; 2] = ["lineNumber", "line"];
/// How many causes of an exception are looked at.
const CAUSES_MAX: usize = 16;
/// How long a piece is into which Docker cuts a long line.
const PIECE_LEN: usize = 16 * 1024;

/// What a JSON object says of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The lines as they would be printed.
    pub text: String,
    /// Whether the last line ends.
    pub is_whole: bool,
}

/// Whether `text` can be a line of JSON that goes on over several.
pub(super) fn is_part(text: &str) -> bool {
    let line = text.trim().trim_end_matches(',');
    let is_value = || serde_json::from_str::<Value>(line).is_ok();
    line.is_empty() || line.starts_with(['"', '{', '}', ']']) || is_value() || line == "["
}

/// The record that `text` is; none if it is no JSON object with a message.
pub(super) fn record(text: &str) -> Option<Record> {
    if !text.starts_with('{') {
        return None;
    }
    let Value::Object(object) = serde_json::from_str(text).ok()? else {
        return None;
    };
    message(&object, CAUSES_MAX)
}

fn message(object: &Map<String, Value>, depth: usize) -> Option<Record> {
    let depth = depth.checked_sub(1)?;
    let mut record = MESSAGE.iter().find_map(|key| match object.get(*key)? {
        Value::String(text) => Some(Record {
            text: text.trim_end_matches(['\n', '\r']).to_owned(),
            is_whole: text.ends_with('\n') || text.len() < PIECE_LEN,
        }),
        Value::Array(bytes) => of_bytes(bytes),
        Value::Object(inner) => message(inner, depth),
        _ => None,
    })?;
    if let Some(logger) = text_of(object, &LOGGER) {
        let level = text_of(object, &LEVEL).unwrap_or_default();
        record.text = format!("{level} {logger} - {}", record.text);
    }
    let thrown = THROWN.iter().find_map(|key| object.get(*key));
    if let Some(trace) = thrown.and_then(|thrown| trace(thrown, depth)) {
        record.text.push('\n');
        record.text.push_str(&trace);
    }
    Some(record)
}

/// journald gives what it does not take for text as an array of bytes.
fn of_bytes(bytes: &[Value]) -> Option<Record> {
    let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
    let bytes: Vec<u8> = bytes.iter().map(byte).collect::<Option<_>>()?;
    Some(Record {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        is_whole: true,
    })
}

/// An exception as Java prints it.
fn trace(thrown: &Value, depth: usize) -> Option<String> {
    let object = match thrown {
        Value::String(trace) => return Some(trace.clone()),
        Value::Object(object) => object,
        _ => return None,
    };
    if let Some(trace) = text_of(object, &TRACE) {
        return Some(trace.to_owned());
    }
    let mut printed = text_of(object, &CLASS)?.to_owned();
    if let Some(text) = text_of(object, &TEXT) {
        printed.push_str(": ");
        printed.push_str(text);
    }
    let frames = FRAMES.iter().find_map(|key| object.get(*key)?.as_array());
    for frame in frames.into_iter().flatten() {
        printed.push_str("\n\t");
        printed.push_str(&self::frame(frame));
    }
    let cause = object.get("cause").filter(|_| depth > 0);
    if let Some(cause) = cause.and_then(|cause| trace(cause, depth - 1)) {
        printed.push_str("\nCaused by: ");
        printed.push_str(&cause);
    }
    Some(printed)
}

fn frame(frame: &Value) -> String {
    let Value::Object(object) = frame else {
        return frame.as_str().unwrap_or_default().to_owned();
    };
    let class = text_of(object, &CLASS).unwrap_or_default();
    let method = text_of(object, &METHOD).unwrap_or_default();
    let file = text_of(object, &FILE).unwrap_or("Unknown Source");
    let line = LINE.iter().find_map(|key| object.get(*key)?.as_i64());
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("at {class}.{method}({file}{line})")
}

fn text_of<'a>(object: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| object.get(*key)?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_printed_as_java_does() {
        let layout = r#"{"level":"ERROR","loggerName":"o.Q","message":"Unable","thrown":{"name":"a.BException","message":"x",
            "extendedStackTrace":[{"class":"a.B","method":"c","file":"B.java","line":5}],"cause":{"name":"a.CException"}}}"#;
        assert_eq!(
            record(layout).unwrap().text,
            "ERROR o.Q - Unable\na.BException: x\n\tat a.B.c(B.java:5)\nCaused by: a.CException"
        );
    }

    #[test]
    fn what_has_no_message_is_no_record() {
        for text in ["", "{", "[1]", "{}", r#"{"a":"b"}"#, r#"{"log":5}"#] {
            assert_eq!(record(text), None, "{text}");
        }
    }

    #[test]
    fn a_cut_line_of_docker_is_not_whole() {
        let piece = "x".repeat(PIECE_LEN);
        assert!(!record(&format!(r#"{{"log":"{piece}"}}"#)).unwrap().is_whole);
        assert!(
            record(&format!(r#"{{"log":"{piece}\n"}}"#))
                .unwrap()
                .is_whole
        );
        assert!(record(r#"{"log":"x"}"#).unwrap().is_whole);
    }
}
