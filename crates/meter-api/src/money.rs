//! Amounts as other programs read them.

use meter_money::PicoUsd;
use serde::{Deserialize, Serialize};

/// An exact amount: text, because twelve decimals do not survive a JavaScript number.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Amount(String);

impl Amount {
    /// US dollars with twelve decimals, out of an exact sum of pico-dollars.
    pub fn of(pico: i128) -> Amount {
        Amount(meter_money::exact(pico))
    }

    /// The text, e.g. `0.078306000000`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Amount {
    fn default() -> Amount {
        Amount::of(0)
    }
}

impl From<PicoUsd> for Amount {
    fn from(amount: PicoUsd) -> Amount {
        Amount::of(amount.into())
    }
}

/// What a total is made of, so that nobody takes a guess for a bill. All amounts are exact US dollars.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct MadeOf {
    /// Charged where the provider named the amount or the usage: exact.
    pub exact_usd: Amount,
    /// Calls in it.
    pub exact_requests: u64,
    /// Charged for what was seen of streams that broke: a lower bound.
    pub partial_usd: Amount,
    /// Calls in it.
    pub partial_requests: u64,
    /// Charged on counts or rates that are our own guess.
    pub estimated_usd: Amount,
    /// Calls in it.
    pub estimated_requests: u64,
    /// What broken and lost calls cost beyond that, as an estimate. In no total.
    pub tail_usd: Amount,
    /// Half-width of that estimate: `tail_usd` ± this.
    pub tail_bound_usd: Amount,
    /// Calls whose price nobody knows. In no total.
    pub unpriced_requests: u64,
    /// The part of those that is known. In no total.
    pub unpriced_known_usd: Amount,
    /// What plan traffic would cost at list prices. In no total.
    pub plan_equivalent_usd: Amount,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_text() {
        assert_eq!(serde_json::to_string(&Amount::of(78_306_000_000)).unwrap(), r#""0.078306000000""#);
        assert_eq!(Amount::of(i128::from(i64::MAX) * 10).as_str(), "92233720.368547758070");
        assert_eq!(Amount::default().as_str(), "0.000000000000");
        assert_eq!(Amount::from(PicoUsd::from_pico(-1)).as_str(), "-0.000000000001");
    }
}
