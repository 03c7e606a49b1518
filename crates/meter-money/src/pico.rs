//! The stored amount.

use crate::{Ratio, half_even, show};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// US money in whole pico-dollars (10⁻¹² USD); negative for credits.
///
/// Why pico: $0.01 per million tokens is 10 000 pico-dollars a token, so list prices are whole numbers and sums never
/// round. Range: ±9.2 million dollars. Floats have no way in, on purpose.
///
/// `Display` prints the exact amount in dollars with twelve decimals (`0.078306000000`), which [`FromStr`] reads back;
/// [`crate::usd`] is for people.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PicoUsd(i64);

/// Why an amount could not be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MoneyError {
    /// Beyond ±9.2 million dollars, or an intermediate figure beyond 128 bits.
    #[error("the amount does not fit (more than 9.2 million dollars)")]
    Overflow,
    /// Not a plain decimal.
    #[error("not a plain decimal number")]
    NotDecimal,
    /// More decimals than the place allows.
    #[error("more than {0} decimals")]
    TooManyDecimals(u32),
    /// `1e3` where a person writes figures.
    #[error("an exponent is not allowed; write the number out")]
    Exponent,
    /// `+1` or `-1` where only an amount from zero up makes sense.
    #[error("a sign is not allowed")]
    Sign,
    /// `1_0` behind the point, or an underscore that stands between no two digits.
    #[error("underscores may only stand between two digits before the point")]
    Underscore,
    /// `inf` or `nan`.
    #[error("not a finite number")]
    NotFinite,
    /// A divisor of nothing.
    #[error("the divisor is zero")]
    ZeroDivisor,
}

impl PicoUsd {
    /// Nothing.
    pub const ZERO: PicoUsd = PicoUsd(0);

    /// Pico-dollars in a dollar.
    pub const PER_USD: i64 = 1_000_000_000_000;

    /// An amount of `pico` × 10⁻¹² USD.
    pub const fn from_pico(pico: i64) -> Self {
        PicoUsd(pico)
    }

    /// The amount in pico-dollars.
    pub const fn pico(self) -> i64 {
        self.0
    }

    /// `dollars` rounded half to even to whole pico-dollars.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] beyond ±9.2 million dollars.
    pub fn from_usd(dollars: Ratio) -> Result<PicoUsd, MoneyError> {
        let pico = half_even(dollars.mul(Ratio::whole(i128::from(Self::PER_USD)))?);
        i64::try_from(pico).map(PicoUsd).map_err(|_| MoneyError::Overflow)
    }

    /// The amount in dollars, exactly.
    pub fn usd(self) -> Ratio {
        Ratio::new(i128::from(self.0), i128::from(Self::PER_USD)).expect("the divisor is a constant above zero")
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] beyond ±9.2 million dollars.
    pub fn checked_add(self, other: PicoUsd) -> Result<PicoUsd, MoneyError> {
        self.0.checked_add(other.0).map(PicoUsd).ok_or(MoneyError::Overflow)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] beyond ±9.2 million dollars.
    pub fn checked_sub(self, other: PicoUsd) -> Result<PicoUsd, MoneyError> {
        self.0.checked_sub(other.0).map(PicoUsd).ok_or(MoneyError::Overflow)
    }

    /// The sum of all, exact; summed in 128 bits so that only the result has to fit.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when the total is beyond ±9.2 million dollars.
    pub fn sum(amounts: impl IntoIterator<Item = PicoUsd>) -> Result<PicoUsd, MoneyError> {
        let total: i128 = amounts.into_iter().map(|amount| i128::from(amount.0)).sum();
        i64::try_from(total).map(PicoUsd).map_err(|_| MoneyError::Overflow)
    }

    /// The amount in millicents (1 USD = 100 000), rounded half to even: the documented column `cost_usd_minor_units`.
    pub fn millicents(self) -> i64 {
        i64::try_from(millicents(i128::from(self.0))).expect("a smaller unit count than pico-dollars")
    }
}

/// Millicents of a sum in pico-dollars, rounded half to even once. For totals that go past [`PicoUsd`].
pub fn millicents(pico: i128) -> i128 {
    half_even(Ratio::new(pico, 10_000_000).expect("the divisor is a constant above zero"))
}

impl From<PicoUsd> for i128 {
    fn from(amount: PicoUsd) -> i128 {
        i128::from(amount.0)
    }
}

impl fmt::Display for PicoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&show::exact(i128::from(self.0)))
    }
}

/// Dollars as a plain decimal of at most twelve places, with an optional leading `-`.
impl FromStr for PicoUsd {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let dollars = Ratio::plain(digits, 12)?;
        PicoUsd::from_usd(if negative { dollars.negated()? } else { dollars })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn millicents_round_half_to_even() {
        let millicents = |pico| PicoUsd::from_pico(pico).millicents();
        assert_eq!(millicents(5_000_000), 0);
        assert_eq!(millicents(15_000_000), 2);
        assert_eq!(millicents(25_000_000), 2);
        assert_eq!(millicents(-15_000_000), -2);
        assert_eq!(millicents(78_306_000_000), 7831);
    }

    #[test]
    fn a_sum_may_pass_through_what_does_not_fit() {
        let most = PicoUsd::from_pico(i64::MAX);
        let least = PicoUsd::from_pico(i64::MIN);
        assert_eq!(most.checked_add(PicoUsd::from_pico(1)), Err(MoneyError::Overflow));
        assert_eq!(PicoUsd::sum([most, most, least]), Ok(PicoUsd::from_pico(i64::MAX - 1)));
    }

    #[test]
    fn text_is_dollars_and_nothing_else() {
        assert_eq!("0.078306000000".parse(), Ok(PicoUsd::from_pico(78_306_000_000)));
        assert_eq!("-3".parse(), Ok(PicoUsd::from_pico(-3_000_000_000_000)));
        assert_eq!("1e3".parse::<PicoUsd>(), Err(MoneyError::Exponent));
        assert_eq!("0.0000000000001".parse::<PicoUsd>(), Err(MoneyError::TooManyDecimals(12)));
        assert_eq!("10000000".parse::<PicoUsd>(), Err(MoneyError::Overflow));
    }

    proptest! {
        #[test]
        fn print_then_parse_is_identity(pico: i64) {
            let amount = PicoUsd::from_pico(pico);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            prop_assert_eq!(PicoUsd::from_usd(amount.usd()), Ok(amount));
        }

        #[test]
        fn a_sum_is_its_parts_in_any_order(mut parts in proptest::collection::vec(-1_000_000_000_000i64..1_000_000_000_000, 0..50)) {
            let total = PicoUsd::sum(parts.iter().map(|pico| PicoUsd::from_pico(*pico)));
            prop_assert_eq!(total, Ok(PicoUsd::from_pico(parts.iter().sum())));
            parts.reverse();
            prop_assert_eq!(total, PicoUsd::sum(parts.iter().map(|pico| PicoUsd::from_pico(*pico))));
        }
    }
}
