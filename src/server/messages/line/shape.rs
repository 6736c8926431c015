//! What a line of a stack trace looks like.

/// A line of a stack trace, rather than the beginning of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Shape {
    /// `java.io.IOException: CRC check failed`.
    Exception,
    /// `Caused by: ...`.
    Cause,
    /// `Suppressed: ...`, and what logback prints behind the cause: `Wrapped by: ...`.
    Aside,
    /// `at org.apache...`, `... 3 more`.
    Frame,
}

/// The shape of `text`, which has no blanks before it; none if it is no line of a stack trace.
pub(super) fn shape(text: &str) -> Option<Shape> {
    if is_frame(text) {
        Some(Shape::Frame)
    } else if text.starts_with("Caused by:") {
        Some(Shape::Cause)
    } else if text.starts_with("Suppressed:") || text.starts_with("Wrapped by:") {
        Some(Shape::Aside)
    } else {
        is_exception(text).then_some(Shape::Exception)
    }
}

fn is_frame(text: &str) -> bool {
    if let Some(count) = text.strip_prefix("... ") {
        return count.starts_with(|c: char| c.is_ascii_digit());
    }
    let place = text.strip_prefix("at").unwrap_or_default();
    let method = place.trim_start().split(['(', ' ']).next();
    // A mail may have put the method into the next line.
    text == "at"
        || (place.starts_with([' ', '\t'])
            && method.is_some_and(|method| method.matches('.').count() > 1))
}

fn is_exception(text: &str) -> bool {
    let class = text.split([' ', ':']).next().unwrap_or_default();
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || ['_', '.', '$'].contains(&c);
    class.contains('.')
        && class.chars().all(is_of_name)
        && (class.ends_with("Exception") || class.ends_with("Error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_stack_traces_are_told_from_messages() {
        for (text, expected) in [
            (
                "at org.apache.jute.BinaryInputArchive.readInt(BinaryInputArchive.java:95)",
                Some(Shape::Frame),
            ),
            (
                "at java.base/java.lang.Thread.run(Thread.java:833) ~[?:?]",
                Some(Shape::Frame),
            ),
            ("... 3 more", Some(Shape::Frame)),
            ("... 14 common frames omitted", Some(Shape::Frame)),
            ("Caused by: java.io.EOFException", Some(Shape::Cause)),
            (
                "Suppressed: java.lang.Exception: Resource",
                Some(Shape::Aside),
            ),
            ("java.io.EOFException", Some(Shape::Exception)),
            (
                "java.io.IOException: CRC check failed",
                Some(Shape::Exception),
            ),
            ("at the end", None),
            ("attempt 3.4.5", None),
            ("... and so on", None),
            ("EOFException", None),
            (
                "[myid:] - ERROR [main:QuorumPeer@1] - java.io.IOException: x",
                None,
            ),
            (
                "Exception in thread \"main\" java.lang.RuntimeException",
                None,
            ),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }
}
