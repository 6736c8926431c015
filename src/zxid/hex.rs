//! Numbers of 64 bits in hexadecimal. Every line of `log --json` has several: they are made on the
//! stack, without the machinery of formatting.

use serde::{Serialize, Serializer};
use std::fmt;

/// A number that is shown in hexadecimal with `0x`, as Java's `Long.toHexString` has its digits: a
/// negative one by its bits.
#[derive(Clone, Copy, Debug)]
pub struct Hex(pub i64);

/// `0x`, and the digits of 64 bits.
const MOST: usize = 2 + 16;

impl Hex {
    /// Calls `with` with the text.
    fn with_text<T>(self, with: impl FnOnce(&str) -> T) -> T {
        let mut text = [b'0'; MOST];
        let mut bits = self.0.cast_unsigned();
        let mut start = MOST;
        while bits != 0 || start == MOST {
            start -= 1;
            if let (Some(place), [.., low]) = (text.get_mut(start), bits.to_be_bytes()) {
                let digit = char::from_digit(u32::from(low % 16), 16);
                *place = digit.map_or(b'0', |digit| digit as u8);
            }
            bits /= 16;
        }
        if let Some(x) = text.get_mut(start - 1) {
            *x = b'x';
        }
        let digits = text.get(start - 2..).unwrap_or_default();
        with(std::str::from_utf8(digits).unwrap_or_default())
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
