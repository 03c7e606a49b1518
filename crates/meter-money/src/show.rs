//! Money for people.

use crate::{Ratio, half_even};
use std::fmt;

/// Decimals of a dollar that a pico-dollar needs.
const PICO_PLACES: u32 = 12;

/// A copy of an amount, rounded for reading. See [`usd`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Usd(i128);

/// An amount in pico-dollars for people: `$12.34`, `$0.0187`, `$0.000078`.
///
/// From one dollar up two decimals; below, four, or as many as the first two digits that are not zero need, without
/// zeros at the end past the cents. What is not zero never prints as zero, and zero prints as `$0.00`.
pub fn usd(pico: impl Into<i128>) -> Usd {
    Usd(pico.into())
}

/// The exact amount in dollars with all twelve decimals, no sign for zero or more: `0.078306000000`.
pub fn exact(pico: i128) -> String {
    let sign = if pico < 0 { "-" } else { "" };
    format!("{sign}{}", decimal(pico.unsigned_abs(), PICO_PLACES))
}

/// An amount in pico-units of any currency as [`usd`] shows dollars, without their sign: `12.34`, `-0.0187`.
pub fn figure(pico: i128) -> String {
    let sign = if pico < 0 { "-" } else { "" };
    format!("{sign}{}", rounded(pico))
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        f.pad(&format!("{sign}${}", rounded(self.0)))
    }
}

/// The size of an amount, with as many decimals as are worth showing.
fn rounded(pico: i128) -> String {
    let places = places(pico.unsigned_abs());
    let unit = 10i128.pow(PICO_PLACES - places);
    let rounded = half_even(Ratio::new(pico, unit).expect("a power of ten")).unsigned_abs();
    let mut text = decimal(rounded, places);
    while text.ends_with('0') && text.len() - text.find('.').unwrap_or(0) > 3 {
        text.pop();
    }
    text
}

/// Decimals worth showing: cents from a dollar up, else two significant digits and at least four places.
fn places(pico: u128) -> u32 {
    if pico == 0 || pico >= 10u128.pow(PICO_PLACES) {
        return 2;
    }
    let digits = pico.ilog10() + 1;
    (PICO_PLACES - digits + 2).clamp(4, PICO_PLACES)
}

fn decimal(value: u128, places: u32) -> String {
    let digits = format!("{value:0>width$}", width = places as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places as usize);
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pico: i128, text: &str) {
        assert_eq!(usd(pico).to_string(), text);
    }

    #[test]
    fn people_see_what_matters() {
        check(0, "$0.00");
        check(18_700_000_000, "$0.0187");
        check(12_340_000_000_000, "$12.34");
        check(78_000_000, "$0.000078");
        check(78_306_000_000, "$0.0783");
        check(1, "$0.000000000001");
        check(500_000_000_000, "$0.50");
        check(999_999_000_000, "$1.00");
        check(1_005_000_000_000, "$1.00");
        check(1_015_000_000_000, "$1.02");
        check(-18_700_000_000, "-$0.0187");
        assert_eq!((figure(-18_700_000_000), figure(12_340_000_000_000)), ("-0.0187".to_owned(), "12.34".to_owned()));
        check(120_000_000, "$0.00012");
        check(9_999_999, "$0.00001");
        check(i128::from(i64::MAX) * 1000, "$9223372036.85");
        assert_eq!(format!("{:>10}", usd(0)), "     $0.00");
    }

    #[test]
    fn exact_text_has_every_pico_dollar() {
        assert_eq!(exact(78_306_000_000), "0.078306000000");
        assert_eq!(exact(-1), "-0.000000000001");
        assert_eq!(exact(12_340_000_000_000), "12.340000000000");
    }

    proptest! {
        #[test]
        fn never_zero_unless_it_is(pico: i64) {
            let text = usd(i128::from(pico)).to_string();
            prop_assert_eq!(text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)), pico != 0, "{}", text);
        }

        #[test]
        fn within_one_per_cent_below_a_dollar_and_half_a_cent_above(pico in 1i64..) {
            let text = usd(i128::from(pico)).to_string();
            let shown = text[1..].parse::<crate::PicoUsd>().map(i128::from).unwrap_or(i128::from(i64::MAX));
            let off = (shown - i128::from(pico)).abs();
            prop_assert!(off * 20 <= i128::from(pico) || off <= 5_000_000_000, "{}", text);
        }
    }
}
