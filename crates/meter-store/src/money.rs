//! The documented column of money.

use meter_call::Evidence;
use meter_money::PicoUsd;

/// The column `cost_usd_minor_units`: what is charged, in millicents; `None` when some part of it is unknown.
pub(crate) fn documented_cost(evidence: Evidence, charged: Option<PicoUsd>, list: Option<PicoUsd>) -> Option<i64> {
    if evidence == Evidence::Unpriced {
        return None;
    }
    Some(charged.or(list)?.millicents())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_never_zero() {
        let some = Some(PicoUsd::from_pico(20_000_000));
        assert_eq!(documented_cost(Evidence::Unpriced, some, some), None);
        assert_eq!(documented_cost(Evidence::ProviderUsage, None, None), None);
        assert_eq!(documented_cost(Evidence::ProviderUsage, Some(PicoUsd::ZERO), some), Some(0));
        assert_eq!(documented_cost(Evidence::ProviderUsage, None, some), Some(2));
    }
}
