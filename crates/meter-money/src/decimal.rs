//! Numbers out of text, digit by digit.

use crate::{MoneyError, Ratio};

/// Decimals a manifest may write: a nano-dollar per million tokens is far below any list price.
const LITERAL_DECIMALS_MAX: u32 = 9;
/// Decimals an amount on the wire may have after its exponent is applied.
const WIRE_DECIMALS_MAX: u32 = 18;

impl Ratio {
    /// A figure as people write it in a manifest: digits, one point, underscores between digits before the point.
    ///
    /// # Errors
    /// Names what is wrong: sign, exponent, `inf`, underscore behind the point, more than nine decimals.
    pub fn literal(text: &str) -> Result<Ratio, MoneyError> {
        let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
        if text[whole.len()..].contains('_') {
            return Err(MoneyError::Underscore);
        }
        if !whole.contains('_') {
            return Ratio::plain(text, LITERAL_DECIMALS_MAX);
        }
        if whole.starts_with('_') || whole.ends_with('_') || whole.contains("__") {
            return Err(MoneyError::Underscore);
        }
        Ratio::plain(&text.replace('_', ""), LITERAL_DECIMALS_MAX)
    }

    /// A factor: a figure as in [`Ratio::literal`], or two whole ones as `a/b`.
    ///
    /// # Errors
    /// As [`Ratio::literal`]; [`MoneyError::ZeroDivisor`] for `a/0`.
    pub fn factor(text: &str) -> Result<Ratio, MoneyError> {
        match text.split_once('/') {
            Some((above, below)) => Ratio::literal(above.trim())?.div(Ratio::literal(below.trim())?),
            None => Ratio::literal(text),
        }
    }

    /// An amount as a provider's JSON writes it: sign and exponent allowed (`1.2936e-02`), at most 18 decimals once
    /// the exponent is applied, exact.
    ///
    /// # Errors
    /// [`MoneyError::NotDecimal`], [`MoneyError::TooManyDecimals`], [`MoneyError::Overflow`].
    pub fn wire(text: &str) -> Result<Ratio, MoneyError> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, whole_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // Zeros at the end of the fraction carry no value and must not count as decimals.
        let fraction = fraction.trim_end_matches('0');
        let digits = digits(whole, fraction)?;
        if digits == 0 && !(whole.is_empty()) {
            return Ok(Ratio::ZERO);
        }
        let places = i64::try_from(fraction.len()).map_err(|_| MoneyError::Overflow)? - exponent;
        let value = if places <= 0 {
            let grow = power_of_ten(u32::try_from(-places).map_err(|_| MoneyError::Overflow)?)?;
            Ratio::whole(digits.checked_mul(grow).ok_or(MoneyError::Overflow)?)
        } else {
            let places = u32::try_from(places).map_err(|_| MoneyError::TooManyDecimals(WIRE_DECIMALS_MAX))?;
            let trailing = trailing_zeros(digits);
            if places.saturating_sub(trailing) > WIRE_DECIMALS_MAX {
                return Err(MoneyError::TooManyDecimals(WIRE_DECIMALS_MAX));
            }
            let shared = trailing.min(places);
            Ratio::new(digits / power_of_ten(shared)?, power_of_ten(places - shared)?)?
        };
        if negative { value.negated() } else { Ok(value) }
    }

    /// Digits with at most one point and at most `decimals_max` places behind it; nothing else.
    pub(crate) fn plain(text: &str, decimals_max: u32) -> Result<Ratio, MoneyError> {
        if text.starts_with(['+', '-']) {
            return Err(MoneyError::Sign);
        }
        if matches!(text, "inf" | "nan") {
            return Err(MoneyError::NotFinite);
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(['e', 'E']) {
            return Err(MoneyError::Exponent);
        }
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(MoneyError::NotDecimal),
            Some(parts) => parts,
            None => (text, ""),
        };
        let places = u32::try_from(fraction.len()).map_err(|_| MoneyError::TooManyDecimals(decimals_max))?;
        // Before the digits are read: too many of them would only be called too much.
        if places > decimals_max && fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MoneyError::TooManyDecimals(decimals_max));
        }
        let digits = digits(whole, fraction)?;
        Ratio::new(digits, power_of_ten(places)?)
    }
}

fn digits(whole: &str, fraction: &str) -> Result<i128, MoneyError> {
    if whole.is_empty() {
        return Err(MoneyError::NotDecimal);
    }
    whole.bytes().chain(fraction.bytes()).try_fold(0i128, |value, byte| match byte {
        b'0'..=b'9' => value
            .checked_mul(10)
            .and_then(|value| value.checked_add(i128::from(byte - b'0')))
            .ok_or(MoneyError::Overflow),
        _ => Err(MoneyError::NotDecimal),
    })
}

fn whole_exponent(text: &str) -> Result<i64, MoneyError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(MoneyError::NotDecimal);
    }
    let value: i64 = digits.parse::<u32>().map_err(|_| MoneyError::Overflow)?.into();
    Ok(if negative { -value } else { value })
}

fn power_of_ten(places: u32) -> Result<i128, MoneyError> {
    10i128.checked_pow(places).ok_or(MoneyError::Overflow)
}

fn trailing_zeros(mut digits: i128) -> u32 {
    let mut count = 0;
    while digits != 0 && digits % 10 == 0 {
        digits /= 10;
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio(numerator: i128, denominator: i128) -> Result<Ratio, MoneyError> {
        Ratio::new(numerator, denominator)
    }

    #[test]
    fn manifests_write_plain_figures() {
        assert_eq!(Ratio::literal("0.20"), ratio(1, 5));
        assert_eq!(Ratio::literal("272_000"), ratio(272_000, 1));
        assert_eq!(Ratio::literal("1_000.5"), ratio(2001, 2));
        assert_eq!(Ratio::literal("0.000000001"), ratio(1, 1_000_000_000));
        assert_eq!(Ratio::literal("0.0000000001"), Err(MoneyError::TooManyDecimals(9)));
        assert_eq!(Ratio::literal("1.5_0"), Err(MoneyError::Underscore));
        assert_eq!(Ratio::literal("_1"), Err(MoneyError::Underscore));
        assert_eq!(Ratio::literal("1__0"), Err(MoneyError::Underscore));
        assert_eq!(Ratio::literal("1e3"), Err(MoneyError::Exponent));
        assert_eq!(Ratio::literal("+1"), Err(MoneyError::Sign));
        assert_eq!(Ratio::literal("-1"), Err(MoneyError::Sign));
        assert_eq!(Ratio::literal("inf"), Err(MoneyError::NotFinite));
        for bad in ["", ".5", "1.", "1.2.3", "1,5", "x", "0x10", "١"] {
            assert_eq!(Ratio::literal(bad), Err(MoneyError::NotDecimal), "{bad:?}");
        }
    }

    #[test]
    fn a_factor_may_be_a_fraction() {
        assert_eq!(Ratio::factor("1/3"), ratio(1, 3));
        assert_eq!(Ratio::factor("2.5"), ratio(5, 2));
        assert_eq!(Ratio::factor("1/0"), Err(MoneyError::ZeroDivisor));
        assert_eq!(Ratio::factor("1/-3"), Err(MoneyError::Sign));
    }

    #[test]
    fn the_wire_may_write_exponents() {
        assert_eq!(Ratio::wire("1.2936e-02"), ratio(12936, 1_000_000));
        assert_eq!(Ratio::wire("0.0000123"), ratio(123, 10_000_000));
        assert_eq!(Ratio::wire("-2E+3"), ratio(-2000, 1));
        assert_eq!(Ratio::wire("0"), Ok(Ratio::ZERO));
        assert_eq!(Ratio::wire("0e-99"), Ok(Ratio::ZERO));
        assert_eq!(Ratio::wire("0.000000000000000001"), ratio(1, 1_000_000_000_000_000_000));
        assert_eq!(Ratio::wire("0.10000000000000000000000000"), ratio(1, 10));
        assert_eq!(Ratio::wire("0.0000000000000000001"), Err(MoneyError::TooManyDecimals(18)));
        assert_eq!(Ratio::wire("1e400"), Err(MoneyError::Overflow));
        for bad in ["", "-", "e5", "1e", "1e5.0", "1_0", "nan", "0x1"] {
            assert_eq!(Ratio::wire(bad), Err(MoneyError::NotDecimal), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn print_then_parse_is_identity(digits in 0u64.., places in 0u32..=9) {
            let value = Ratio::new(i128::from(digits), 10i128.pow(places)).unwrap();
            prop_assert_eq!(Ratio::literal(&value.to_string()), Ok(value));
            prop_assert_eq!(Ratio::wire(&value.to_string()), Ok(value));
            prop_assert_eq!(Ratio::wire(&format!("{digits}e-{places}")), Ok(value));
        }

        #[test]
        fn no_text_breaks_a_reader(text in ".{0,40}") {
            let _ = (Ratio::literal(&text), Ratio::wire(&text), Ratio::factor(&text));
        }
    }
}
