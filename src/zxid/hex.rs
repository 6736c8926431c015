//! Numbers of 64 bits in hexadecimal. Every line of `log --json` has several: they are made on the
//! stack, without the machinery of formatting.

use serde::{Serialize, Serializer};
use std::fmt;

/// A number that is shown in hexadecimal with `0x`, as Java's `Long.toHexString` has its digits: a
/// negative one by its bits.
#[derive(Clone, Copy, Debug)]
pub struct Hex(pub i64);

impl Hex {
    /// Calls `with` with the text.
    fn with_text<T>(self, with: impl FnOnce(&str) -> T) -> T {
        let mut bits = self.0.cast_unsigned();
        let digits = bits.checked_ilog2().unwrap_or(0) / 4 + 1;
        let mut text = *b"0x0123456789abcdef";
        let (text, _) = text.split_at_mut(2 + digits as usize);
        for place in text.iter_mut().skip(2).rev() {
            let [.., low] = bits.to_be_bytes();
            *place = match low & 0xf {
                digit @ 0..=9 => b'0' + digit,
                digit => b'a' - 10 + digit,
            };
            bits >>= 4;
        }
        with(std::str::from_utf8(text).unwrap_or_default())
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_the_formatter_shows_them() {
        let powers = (0..64).map(|bit| 1_i64 << bit);
        for number in powers.flat_map(|power| {
            [
                power,
                power.wrapping_sub(1),
                power.wrapping_neg(),
                power | 0xa5,
            ]
        }) {
            let wanted = format!("{number:#x}");
            assert_eq!(Hex(number).to_string(), wanted);
            assert_eq!(
                serde_json::to_string(&Hex(number)).unwrap(),
                format!("\"{wanted}\"")
            );
        }
    }
}
