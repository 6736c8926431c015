//! Times of millions of lines: what is the same for a whole minute is worked out once.

use crate::cli::views::text;
use std::io::Write;

const MINUTE_MS: i64 = 60_000;

/// Writes times in the local zone, with its offset.
#[derive(Debug, Default)]
pub struct Clock {
    /// The minute that the parts are of.
    minute: Option<i64>,
    /// Up to the seconds.
    head: String,
    /// The offset.
    tail: String,
}

impl Clock {
    /// Puts `ms` at the end of `out`, as [`text::time`] has it.
    pub fn put(&mut self, out: &mut Vec<u8>, ms: i64) {
        let minute = ms.div_euclid(MINUTE_MS);
        if self.minute != Some(minute) {
            let start = text::time(minute.saturating_mul(MINUTE_MS));
            // Offsets change with the minute, but those of long ago have seconds in them, and some
            // numbers are no times.
            let Some((head, tail)) = start.split_once(":00.000") else {
                self.minute = None;
                out.extend_from_slice(text::time(ms).as_bytes());
                return;
            };
            (self.head, self.tail) = (format!("{head}:"), tail.to_owned());
            self.minute = Some(minute);
        }
        let rest = ms.rem_euclid(MINUTE_MS);
        out.extend_from_slice(self.head.as_bytes());
        let _ = write!(out, "{:02}.{:03}", rest / 1000, rest % 1000);
        out.extend_from_slice(self.tail.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_it_is_without_a_shortcut() {
        let mut clock = Clock::default();
        for ms in [
            0,
            -1,
            59_999,
            60_000,
            1_763_640_000_250,
            -2_000_000_000_001,
            i64::MAX,
            i64::MIN,
            5,
        ] {
            let mut out = Vec::new();
            clock.put(&mut out, ms);
            assert_eq!(String::from_utf8(out).unwrap(), text::time(ms));
        }
    }
}
