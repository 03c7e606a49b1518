//! Exact decimals of the wire.

use std::cmp::Ordering;
use std::fmt;

/// Most digits after the point that are kept; a literal with more is no number here.
const SCALE_MAX: u32 = 30;
/// Digits that fit into 64 bits whatever they are.
const DIGITS_SAFE: usize = 18;

/// A decimal read from its literal text, never through a float: `mantissa / 10^scale`.
///
/// Range: 38 significant digits. What does not fit is not a number; callers treat it as absent.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal { mantissa: 0, scale: 0 };

    /// A whole number.
    pub const fn whole(value: i128) -> Decimal {
        Decimal { mantissa: value, scale: 0 }
    }

    /// Reads a JSON number literal (`-12`, `0.5`, `1.5e-7`); `None` when the text is no such literal or too long.
    pub fn literal(text: &str) -> Option<Decimal> {
        let (body, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].strip_prefix('+').unwrap_or(&text[at + 1..]).parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match body.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, body),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let mut mantissa: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if mantissa == 0 {
            return Some(Decimal::ZERO);
        }
        let mantissa = if negative { -mantissa } else { mantissa };
        if scale >= 0 {
            let scale = u32::try_from(scale).ok().filter(|scale| *scale <= SCALE_MAX)?;
            Some(Decimal { mantissa, scale })
        } else {
            let factor = 10_i128.checked_pow(scale.unsigned_abs())?;
            Some(Decimal { mantissa: mantissa.checked_mul(factor)?, scale: 0 })
        }
    }

    /// As [`Decimal::literal`] for the usual count: a few digits, no sign and no point; `None` for all else.
    pub(crate) fn count(raw: &[u8]) -> Option<Decimal> {
        if !(1..=DIGITS_SAFE).contains(&raw.len()) {
            return None;
        }
        let mut value = 0_u64;
        for byte in raw {
            value = value * 10 + u64::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        }
        Some(Decimal::whole(i128::from(value)))
    }

    /// A text made of digits only (with an optional minus), as providers write 64-bit integers.
    pub fn digits(text: &str) -> Option<Decimal> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let fits = !digits.is_empty() && digits.len() <= 19 && digits.bytes().all(|b| b.is_ascii_digit());
        if fits { text.parse::<i64>().ok().map(|value| Decimal::whole(i128::from(value))) } else { None }
    }

    fn aligned(self, other: Decimal) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let left = self.mantissa.checked_mul(10_i128.checked_pow(scale - self.scale)?)?;
        let right = other.mantissa.checked_mul(10_i128.checked_pow(scale - other.scale)?)?;
        Some((left, right, scale))
    }

    /// Exact sum; `None` out of range.
    pub fn add(self, other: Decimal) -> Option<Decimal> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Decimal { mantissa: left.checked_add(right)?, scale })
    }

    /// Exact difference; `None` out of range.
    pub fn sub(self, other: Decimal) -> Option<Decimal> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Decimal { mantissa: left.checked_sub(right)?, scale })
    }

    /// Exact product; `None` out of range.
    pub fn mul(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale + other.scale;
        let product = Decimal { mantissa: self.mantissa.checked_mul(other.mantissa)?, scale }.trimmed();
        (product.scale <= SCALE_MAX).then_some(product)
    }

    fn trimmed(mut self) -> Decimal {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// Below zero.
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// Exactly zero.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The whole part and whether something was cut off; `None` below zero or above `u64`.
    pub fn to_count(self) -> Option<(u64, bool)> {
        let unit = 10_i128.checked_pow(self.scale)?;
        let whole = u64::try_from(self.mantissa / unit).ok().filter(|_| self.mantissa >= 0)?;
        Some((whole, self.mantissa % unit != 0))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        if self.scale == other.scale {
            return self.mantissa == other.mantissa;
        }
        let (left, right) = (self.trimmed(), other.trimmed());
        left.mantissa == right.mantissa && left.scale == right.scale
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        let (left, right, _) = self.aligned(*other)?;
        Some(left.cmp(&right))
    }
}

/// Plain digits without trailing zeros, e.g. `0.0170356`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.trimmed();
        let digits = value.mantissa.unsigned_abs().to_string();
        let scale = value.scale as usize;
        let sign = if value.mantissa < 0 { "-" } else { "" };
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(literal: &str) -> Option<String> {
        Decimal::literal(literal).map(|value| value.to_string())
    }

    #[test]
    fn literals_are_read_exactly() {
        assert_eq!(text("17.0").as_deref(), Some("17"));
        assert_eq!(text("0.10500").as_deref(), Some("0.105"));
        assert_eq!(text("1.5e-7").as_deref(), Some("0.00000015"));
        assert_eq!(text("2E+3").as_deref(), Some("2000"));
        assert_eq!(text("-0.5").as_deref(), Some("-0.5"));
        assert_eq!(text("0e-999").as_deref(), Some("0"));
        for wrong in ["", "-", ".5", "1x", "1e", "99999999999999999999999999999999999999999", "1e-40"] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sums_and_products_are_exact() {
        let number = |text| Decimal::literal(text).expect("a literal");
        assert_eq!(number("0.000105").add(number("0.0021")).map(|v| v.to_string()).as_deref(), Some("0.002205"));
        assert_eq!(
            number("170356000").mul(number("0.0000000001")).map(|v| v.to_string()).as_deref(),
            Some("0.0170356")
        );
        assert_eq!(number("2.50"), number("2.5"));
        assert_eq!(Decimal::whole(i128::MAX).add(Decimal::whole(1)), None);
        assert_eq!(number("37.4").to_count(), Some((37, true)));
        assert_eq!(number("-1").to_count(), None);
    }

    #[test]
    fn digits_in_a_text_are_a_number() {
        assert_eq!(Decimal::digits("12"), Some(Decimal::whole(12)));
        assert_eq!(Decimal::digits("-3"), Some(Decimal::whole(-3)));
        for wrong in ["", "-", "1.5", "1a", "99999999999999999999"] {
            assert_eq!(Decimal::digits(wrong), None, "{wrong}");
        }
    }
}
