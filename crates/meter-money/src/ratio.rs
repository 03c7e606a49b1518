//! Exact numbers between the text of a manifest and the one rounding.

use crate::MoneyError;
use std::{cmp::Ordering, fmt};

/// An exact rational number, always in lowest terms with a denominator above zero.
///
/// Rates, multipliers and their products live here until [`crate::half_even`] makes money of them. Every operation is
/// checked: what does not fit 128 bits is [`MoneyError::Overflow`], never a wrapped figure.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ratio {
    numerator: i128,
    denominator: i128,
}

impl Ratio {
    /// 0.
    pub const ZERO: Ratio = Ratio::whole(0);
    /// 1.
    pub const ONE: Ratio = Ratio::whole(1);

    /// `numerator / denominator`.
    ///
    /// # Errors
    /// [`MoneyError::ZeroDivisor`]; [`MoneyError::Overflow`] when the sign cannot move to the numerator.
    pub fn new(numerator: i128, denominator: i128) -> Result<Ratio, MoneyError> {
        if denominator == 0 {
            return Err(MoneyError::ZeroDivisor);
        }
        if numerator == 0 {
            return Ok(Ratio::ZERO);
        }
        let shared = gcd(numerator.unsigned_abs(), denominator.unsigned_abs());
        // Only 2^127 does not fit, and then both are i128::MIN.
        let Ok(shared) = i128::try_from(shared) else { return Ok(Ratio::ONE) };
        let (numerator, denominator) = (numerator / shared, denominator / shared);
        if denominator > 0 {
            return Ok(Ratio { numerator, denominator });
        }
        match (numerator.checked_neg(), denominator.checked_neg()) {
            (Some(numerator), Some(denominator)) => Ok(Ratio { numerator, denominator }),
            _ => Err(MoneyError::Overflow),
        }
    }

    /// A whole number.
    pub const fn whole(number: i128) -> Ratio {
        Ratio { numerator: number, denominator: 1 }
    }

    /// What stands above the line; carries the sign.
    pub const fn numerator(self) -> i128 {
        self.numerator
    }

    /// What stands below the line; above zero.
    pub const fn denominator(self) -> i128 {
        self.denominator
    }

    /// Exactly nothing.
    pub const fn is_zero(self) -> bool {
        self.numerator == 0
    }

    /// The product.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    #[allow(clippy::should_implement_trait, reason = "an operator cannot say that it failed")]
    pub fn mul(self, other: Ratio) -> Result<Ratio, MoneyError> {
        // Reduced crosswise first, so that only a result that really is large overflows.
        let left = gcd(self.numerator.unsigned_abs(), other.denominator.unsigned_abs());
        let right = gcd(other.numerator.unsigned_abs(), self.denominator.unsigned_abs());
        let part = |value: i128, by: u128| i128::try_from(by).map(|by| value / by).map_err(|_| MoneyError::Overflow);
        let numerator = part(self.numerator, left)?.checked_mul(part(other.numerator, right)?);
        let denominator = part(self.denominator, right)?.checked_mul(part(other.denominator, left)?);
        Ratio::new(numerator.ok_or(MoneyError::Overflow)?, denominator.ok_or(MoneyError::Overflow)?)
    }

    /// The quotient.
    ///
    /// # Errors
    /// [`MoneyError::ZeroDivisor`], [`MoneyError::Overflow`].
    #[allow(clippy::should_implement_trait, reason = "an operator cannot say that it failed")]
    pub fn div(self, other: Ratio) -> Result<Ratio, MoneyError> {
        self.mul(Ratio::new(other.denominator, other.numerator)?)
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    #[allow(clippy::should_implement_trait, reason = "an operator cannot say that it failed")]
    pub fn add(self, other: Ratio) -> Result<Ratio, MoneyError> {
        let shared = i128::try_from(gcd(self.denominator.unsigned_abs(), other.denominator.unsigned_abs()))
            .map_err(|_| MoneyError::Overflow)?;
        let sum = || {
            let left = self.numerator.checked_mul(other.denominator / shared)?;
            let right = other.numerator.checked_mul(self.denominator / shared)?;
            Some((left.checked_add(right)?, self.denominator.checked_mul(other.denominator / shared)?))
        };
        let (numerator, denominator) = sum().ok_or(MoneyError::Overflow)?;
        Ratio::new(numerator, denominator)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    #[allow(clippy::should_implement_trait, reason = "an operator cannot say that it failed")]
    pub fn sub(self, other: Ratio) -> Result<Ratio, MoneyError> {
        self.add(other.negated()?)
    }

    /// The same with the other sign.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn negated(self) -> Result<Ratio, MoneyError> {
        let numerator = self.numerator.checked_neg().ok_or(MoneyError::Overflow)?;
        Ok(Ratio { numerator, denominator: self.denominator })
    }

    /// Compares; `None` when the comparison does not fit 128 bits.
    pub fn compare(self, other: Ratio) -> Option<Ordering> {
        self.sub(other).ok().map(|difference| difference.numerator.cmp(&0))
    }
}

/// A plain decimal where one is finite, else `a/b`; [`Ratio::factor`] reads both.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.denominator == 1 {
            return f.pad(&self.numerator.to_string());
        }
        let (mut rest, mut twos, mut fives) = (self.denominator, 0u32, 0u32);
        while rest % 2 == 0 {
            rest /= 2;
            twos += 1;
        }
        while rest % 5 == 0 {
            rest /= 5;
            fives += 1;
        }
        let places = twos.max(fives);
        let scaled = || {
            let grow = 2i128.checked_pow(places - twos)?.checked_mul(5i128.checked_pow(places - fives)?)?;
            self.numerator.unsigned_abs().checked_mul(grow.unsigned_abs())
        };
        match scaled() {
            Some(digits) if rest == 1 => {
                let digits = format!("{digits:0>width$}", width = places as usize + 1);
                let (whole, fraction) = digits.split_at(digits.len() - places as usize);
                let sign = if self.numerator < 0 { "-" } else { "" };
                f.pad(&format!("{sign}{whole}.{fraction}"))
            }
            _ => f.pad(&format!("{}/{}", self.numerator, self.denominator)),
        }
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio(numerator: i128, denominator: i128) -> Ratio {
        Ratio::new(numerator, denominator).unwrap()
    }

    #[test]
    fn lowest_terms_and_a_positive_divisor() {
        assert_eq!(ratio(6, -4), ratio(-3, 2));
        assert_eq!(Ratio::new(1, 0), Err(MoneyError::ZeroDivisor));
        assert_eq!(Ratio::new(0, i128::MIN), Ok(Ratio::ZERO));
        assert_eq!(Ratio::new(i128::MIN, i128::MIN), Ok(Ratio::ONE));
        assert_eq!(Ratio::new(1, i128::MIN), Err(MoneyError::Overflow));
        assert_eq!(Ratio::ONE.div(Ratio::ZERO), Err(MoneyError::ZeroDivisor));
    }

    #[test]
    fn too_large_is_said_not_wrapped() {
        let large = Ratio::whole(i128::MAX);
        assert_eq!(large.mul(Ratio::whole(2)), Err(MoneyError::Overflow));
        assert_eq!(large.add(Ratio::ONE), Err(MoneyError::Overflow));
        assert_eq!(large.mul(ratio(2, 4)).unwrap().mul(Ratio::whole(2)), Ok(large));
        assert_eq!(Ratio::whole(i128::MIN).negated(), Err(MoneyError::Overflow));
    }

    #[test]
    fn prints_what_it_is() {
        assert_eq!(ratio(3, 2).to_string(), "1.5");
        assert_eq!(ratio(-1, 8).to_string(), "-0.125");
        assert_eq!(ratio(1, 3).to_string(), "1/3");
        assert_eq!(ratio(4, 2).to_string(), "2");
        assert_eq!(ratio(1, 1_000_000_000).to_string(), "0.000000001");
    }

    proptest! {
        #[test]
        fn scaling_there_and_back(a: i32, b in 1i32.., k in 1i32..) {
            let value = ratio(i128::from(a), i128::from(b));
            let by = Ratio::whole(i128::from(k));
            prop_assert_eq!(value.mul(by).unwrap().div(by), Ok(value));
            prop_assert_eq!(value.add(value), value.mul(Ratio::whole(2)));
            prop_assert_eq!(value.sub(value), Ok(Ratio::ZERO));
        }

        #[test]
        fn factors_commute(a: i32, b in 1i32.., c: i32, d in 1i32..) {
            let (x, y) = (ratio(i128::from(a), i128::from(b)), ratio(i128::from(c), i128::from(d)));
            prop_assert_eq!(x.mul(y), y.mul(x));
        }
    }
}
