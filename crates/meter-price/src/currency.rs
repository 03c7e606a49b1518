//! Other currencies, for reports only.
//!
//! Amounts are kept in dollars; a report may show them in another currency at dated rates of the user's own:
//!
//! ```toml
//! [[fx]]
//! currency = "EUR"
//! from = 2026-11-01
//! per_usd = 0.8621
//! ```
//!
//! No network: a rate holds until the next row of its currency.

use meter_call::UnixMillis;
use meter_money::{MoneyError, Ratio, half_even};

/// What a dollar is worth in another currency, from an instant on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FxRate {
    /// ISO 4217 code.
    pub currency: String,
    /// First instant it holds.
    pub from: UnixMillis,
    /// Units of the currency for one dollar, above 0.
    pub per_usd: Ratio,
}

/// Every rate, by currency and `from`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Currencies(pub(crate) Vec<FxRate>);

impl Currencies {
    /// The rate in force at `at`; `None` where no row of the currency had begun.
    pub fn rate(&self, currency: &str, at: UnixMillis) -> Option<&FxRate> {
        self.0.iter().rev().find(|rate| rate.currency == currency && rate.from <= at)
    }

    /// Codes that have a rate, sorted, each once.
    pub fn codes(&self) -> Vec<&str> {
        let mut codes: Vec<&str> = self.0.iter().map(|rate| rate.currency.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// Whether two instants have different rates, so that a sum over the time between needs more than one.
    pub fn changes(&self, currency: &str, since: UnixMillis, until: UnixMillis) -> Vec<UnixMillis> {
        let inside = |rate: &&FxRate| rate.currency == currency && since < rate.from && rate.from < until;
        self.0.iter().filter(inside).map(|rate| rate.from).collect()
    }
}

impl FxRate {
    /// Exact amount of pico-dollars in pico-units of the currency, rounded half to even once.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when it does not fit.
    pub fn convert(&self, pico_usd: i128) -> Result<i128, MoneyError> {
        Ok(half_even(Ratio::whole(pico_usd).mul(self.per_usd)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_holds_until_the_next_of_its_currency() {
        let rate = |currency: &str, from, per_usd| FxRate {
            currency: currency.into(),
            from: UnixMillis(from),
            per_usd: Ratio::literal(per_usd).unwrap(),
        };
        let all = Currencies(vec![rate("EUR", 10, "0.9"), rate("GBP", 15, "0.7"), rate("EUR", 20, "0.8")]);
        assert_eq!(all.rate("EUR", UnixMillis(9)), None);
        assert_eq!(all.rate("EUR", UnixMillis(19)).map(|rate| rate.from), Some(UnixMillis(10)));
        assert_eq!(all.rate("EUR", UnixMillis(20)).unwrap().convert(10_000_000_000), Ok(8_000_000_000));
        assert_eq!(all.codes(), ["EUR", "GBP"]);
        assert_eq!(all.changes("EUR", UnixMillis(10), UnixMillis(30)), [UnixMillis(20)]);
        assert_eq!(all.rate("EUR", UnixMillis(20)).unwrap().convert(i128::MAX), Err(MoneyError::Overflow));
    }
}
