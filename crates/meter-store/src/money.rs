//! Millicents, the documented unit of money, out of exact pico-dollars.

use meter_call::Evidence;
use meter_money::PicoUsd;

/// 1 millicent = 10⁻⁵ USD = 10⁷ pico-dollars.
const PICO_PER_MILLICENT: i128 = 10_000_000;

/// An exact sum of pico-dollars in millicents, half to even.
pub fn millicents(pico: i128) -> i128 {
    let (whole, rest) = (pico.div_euclid(PICO_PER_MILLICENT), pico.rem_euclid(PICO_PER_MILLICENT));
    match (rest * 2).cmp(&PICO_PER_MILLICENT) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Greater => whole + 1,
        std::cmp::Ordering::Equal => whole + whole.rem_euclid(2),
    }
}

/// The column `cost_usd_minor_units`: what is charged, in millicents; `None` when some part of it is unknown.
pub(crate) fn documented_cost(evidence: Evidence, charged: Option<PicoUsd>, list: Option<PicoUsd>) -> Option<i64> {
    if evidence == Evidence::Unpriced {
        return None;
    }
    let amount = charged.or(list)?;
    Some(i64::try_from(millicents(i128::from(amount.pico()))).expect("a smaller number than the i64 it came from"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_neighbour_on_both_sides_of_zero() {
        let cases = [
            (0, 0),
            (4_999_999, 0),
            (5_000_000, 0),
            (5_000_001, 1),
            (15_000_000, 2),
            (25_000_000, 2),
            (-5_000_000, 0),
            (-5_000_001, -1),
            (-15_000_000, -2),
            (-25_000_000, -2),
            (1_000_000_000_000, 100_000),
        ];
        for (pico, wanted) in cases {
            assert_eq!(millicents(pico), wanted, "{pico}");
        }
    }

    #[test]
    fn unknown_is_never_zero() {
        let some = Some(PicoUsd::from_pico(20_000_000));
        assert_eq!(documented_cost(Evidence::Unpriced, some, some), None);
        assert_eq!(documented_cost(Evidence::ProviderUsage, None, None), None);
        assert_eq!(documented_cost(Evidence::ProviderUsage, Some(PicoUsd::ZERO), some), Some(0));
        assert_eq!(documented_cost(Evidence::ProviderUsage, None, some), Some(2));
    }
}
