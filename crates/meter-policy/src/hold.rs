//! What a call may cost at most.

use crate::{Call, Fact, Limit, Window};
use meter_call::Reservation;
use meter_money::PicoUsd;

/// Output tokens assumed of a request without a cap, for a model without a known maximum.
pub const OUTPUT_DEFAULT: u64 = 8_192;

/// English text has about four bytes to a token and dense JSON three; three errs upwards.
const BYTES_PER_TOKEN: u64 = 3;

/// List prices of a model for one call, in USD per million tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HoldPrices {
    /// Of uncached input.
    pub input: PicoUsd,
    /// Of output.
    pub output: PicoUsd,
}

/// What one budget sets aside for a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hold {
    /// The budget's rule.
    pub rule: String,
    /// In the budget's unit: pico-dollars, tokens or calls.
    pub amount: u64,
    /// The amount is money.
    pub money: bool,
    /// The window it counts in.
    pub window: Window,
}

/// What cannot be known about a hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoHold {
    /// With the body it can.
    Later,
    /// The named thing is missing for good.
    Unknown(&'static str),
}

/// The most that `call` can add to a budget of this kind of limit: ceil(bytes / 3) tokens at the input price and the output cap at
/// the output price.
pub(crate) fn most(call: &Call<'_>, limit: Limit) -> Result<u64, NoHold> {
    if let Limit::Calls(_) = limit {
        return Ok(1);
    }
    let known = |fact, what| match fact {
        Fact::Known(amount) => Ok(amount),
        Fact::Later => Err(NoHold::Later),
        Fact::Never => Err(NoHold::Unknown(what)),
    };
    let input = known(call.request_bytes, "request size")?.div_ceil(BYTES_PER_TOKEN);
    let output = known(call.output_cap(), "output cap")?;
    if let Limit::Tokens(_) = limit {
        return Ok(input.saturating_add(output));
    }
    let prices = match (call.prices, call.model) {
        (Some(prices), _) => prices,
        (None, Fact::Later) => return Err(NoHold::Later),
        (None, _) => return Err(NoHold::Unknown("price of the model")),
    };
    let side = |tokens: u64, price: PicoUsd| u128::from(tokens) * u128::from(price.pico().max(0).unsigned_abs());
    let pico = (side(input, prices.input) + side(output, prices.output)).div_ceil(1_000_000);
    Ok(u64::try_from(pico).unwrap_or(u64::MAX))
}

/// The holds of one call in the form that rides on its open record: who holds, and the largest amount of money.
///
/// Every dollar budget holds the same amount, so one figure is enough; token and call budgets are named with it.
pub(crate) fn reservation(holds: &[Hold]) -> Option<Reservation> {
    if holds.is_empty() {
        return None;
    }
    let money = holds.iter().filter(|hold| hold.money).map(|hold| hold.amount).max().unwrap_or(0);
    Some(Reservation {
        rules: holds.iter().map(|hold| hold.rule.clone()).collect(),
        amount: PicoUsd::from_pico(i64::try_from(money).unwrap_or(i64::MAX)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{call, usd};

    #[test]
    fn the_hold_is_a_third_of_the_bytes_and_the_whole_cap() {
        let mut call = call();
        call.prices = Some(HoldPrices { input: usd("3"), output: usd("15") });
        call.request_bytes = Fact::Known(1000);
        call.max_output = Fact::Known(Some(100));
        // 334 tokens at $3 and 100 at $15 a million.
        assert_eq!(most(&call, Limit::Usd(usd("1"))), Ok(334 * 3_000_000 + 100 * 15_000_000));
        assert_eq!(most(&call, Limit::Tokens(1)), Ok(434));
        assert_eq!(most(&call, Limit::Calls(1)), Ok(1));

        call.max_output = Fact::Known(None);
        assert_eq!(most(&call, Limit::Tokens(1)), Ok(334 + OUTPUT_DEFAULT));
        call.model_max_output = Some(64_000);
        assert_eq!(most(&call, Limit::Tokens(1)), Ok(334 + 64_000));
    }

    #[test]
    fn a_fraction_of_a_pico_dollar_counts_whole_and_nothing_overflows() {
        let mut call = call();
        call.prices = Some(HoldPrices { input: PicoUsd::from_pico(1), output: PicoUsd::from_pico(0) });
        call.request_bytes = Fact::Known(1);
        assert_eq!(most(&call, Limit::Usd(usd("1"))), Ok(1));
        call.prices = Some(HoldPrices { input: PicoUsd::from_pico(i64::MAX), output: PicoUsd::from_pico(i64::MAX) });
        call.request_bytes = Fact::Known(u64::MAX);
        call.max_output = Fact::Known(Some(u64::MAX));
        assert_eq!(most(&call, Limit::Usd(usd("1"))), Ok(u64::MAX));
        assert_eq!(most(&call, Limit::Tokens(1)), Ok(u64::MAX));
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut call = call();
        call.prices = None;
        assert_eq!(most(&call, Limit::Usd(usd("1"))), Err(NoHold::Unknown("price of the model")));
        call.model = Fact::Later;
        assert_eq!(most(&call, Limit::Usd(usd("1"))), Err(NoHold::Later));
        call.request_bytes = Fact::Never;
        assert_eq!(most(&call, Limit::Tokens(1)), Err(NoHold::Unknown("request size")));
    }
}
