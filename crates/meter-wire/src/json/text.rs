//! Texts and literals of JSON.

use memchr::memchr;
use std::borrow::Cow;

/// A literal, as far as its letters tell: also a number too large for us.
pub(super) fn is_literal(raw: &[u8]) -> bool {
    match raw.first() {
        Some(b'-' | b'0'..=b'9') => raw.iter().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')),
        _ => matches!(raw, b"true" | b"false" | b"null"),
    }
}

/// The text of a JSON string's inside. What is no valid escape or no UTF-8 becomes U+FFFD or is left out.
pub(super) fn unescaped(raw: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(raw);
    if memchr(b'\\', raw).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    let mut high: Option<u32> = None;
    while let Some(c) = chars.next() {
        if c != '\\' {
            high = None;
            out.push(c);
            continue;
        }
        let plain = match chars.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let unit = u32::from_str_radix(&digits, 16).unwrap_or(0xfffd);
                match (high.take(), unit) {
                    (_, 0xd800..=0xdbff) => {
                        high = Some(unit);
                        continue;
                    }
                    (Some(high), 0xdc00..=0xdfff) => {
                        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00)).unwrap_or('\u{fffd}')
                    }
                    (_, unit) => char::from_u32(unit).unwrap_or('\u{fffd}'),
                }
            }
            Some(other) => other,
            None => break,
        };
        high = None;
        out.push(plain);
    }
    Cow::Owned(out)
}

/// Counts the characters of a JSON string's inside as its bytes pass, in any pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Characters {
    count: u64,
    escape: Escape,
}

#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    Begun,
    /// Digits of `\u` still to come, and what they make so far.
    Unit(u8, u32),
}

impl Characters {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.escape = match (self.escape, byte) {
                (Escape::None, b'\\') => Escape::Begun,
                (Escape::None, byte) => {
                    // Every byte but the later ones of a character in UTF-8.
                    self.count += u64::from(byte & 0xc0 != 0x80);
                    Escape::None
                }
                (Escape::Begun, b'u') => Escape::Unit(4, 0),
                (Escape::Begun, _) => {
                    self.count += 1;
                    Escape::None
                }
                (Escape::Unit(left, unit), byte) => {
                    let digit = char::from(*byte).to_digit(16).unwrap_or(0);
                    let unit = unit << 4 | digit;
                    if left > 1 {
                        Escape::Unit(left - 1, unit)
                    } else {
                        // The second half of a pair is no character of its own.
                        self.count += u64::from(!matches!(unit, 0xdc00..=0xdfff));
                        Escape::None
                    }
                }
            };
        }
    }

    pub(super) fn count(self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_in_any_pieces() {
        let raw = r#"M\u00f6we \ud83d\udc1f \"ö\" \n"#.as_bytes();
        for cut in 0..=raw.len() {
            let mut characters = Characters::default();
            characters.push(&raw[..cut]);
            characters.push(&raw[cut..]);
            assert_eq!(characters.count(), unescaped(raw).chars().count() as u64);
        }
    }
}
