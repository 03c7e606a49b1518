//! The one rounding.

use crate::Ratio;

/// The whole number nearest to `exact`; a tie goes to the even one.
///
/// Ties to even keep long sums unbiased, and the rule is the same on both sides of zero. Every other module calls this:
/// a second rounding of the same figure is how two reports start to differ by a unit.
pub fn half_even(exact: Ratio) -> i128 {
    let (numerator, denominator) = (exact.numerator(), exact.denominator());
    let floor = numerator.div_euclid(denominator);
    let rest = numerator.rem_euclid(denominator);
    // `rest` against `denominator - rest` instead of `2 * rest` against `denominator`: the double may not fit.
    match rest.cmp(&(denominator - rest)) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Greater => floor + 1,
        std::cmp::Ordering::Equal => floor + floor.rem_euclid(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(numerator: i128, denominator: i128, whole: i128) {
        assert_eq!(half_even(Ratio::new(numerator, denominator).unwrap()), whole, "{numerator}/{denominator}");
    }

    #[test]
    fn ties_go_to_the_even_neighbour() {
        check(76125, 2, 38062);
        check(76127, 2, 38064);
        check(25375, 2, 12688);
        check(1, 2, 0);
        check(3, 2, 2);
        check(-1, 2, 0);
        check(-3, 2, -2);
        check(-5, 2, -2);
        check(4_000_000_000, 3, 1_333_333_333);
        // Past 2^53: a float gives another integer.
        check(2_142_000_000_000_000_001, 2, 1_071_000_000_000_000_000);
        check(i128::MAX, i128::MAX, 1);
        check(i128::MAX - 1, i128::MAX, 1);
        check(1, i128::MAX, 0);
    }

    proptest! {
        #[test]
        fn never_further_than_a_half(numerator: i64, denominator in 1i64..) {
            let exact = Ratio::new(i128::from(numerator), i128::from(denominator)).unwrap();
            let off = half_even(exact) * exact.denominator() - exact.numerator();
            prop_assert!(off.abs() * 2 <= exact.denominator());
            if off.abs() * 2 == exact.denominator() {
                prop_assert_eq!(half_even(exact) % 2, 0);
            }
        }

        #[test]
        fn the_same_on_both_sides_of_zero(numerator: i64, denominator in 1i64..) {
            let there = half_even(Ratio::new(i128::from(numerator), i128::from(denominator)).unwrap());
            let back = half_even(Ratio::new(-i128::from(numerator), i128::from(denominator)).unwrap());
            prop_assert_eq!(there, -back);
        }

        #[test]
        fn whole_numbers_stay(whole: i64) {
            prop_assert_eq!(half_even(Ratio::whole(i128::from(whole))), i128::from(whole));
        }
    }
}
