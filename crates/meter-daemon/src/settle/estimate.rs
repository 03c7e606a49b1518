//! What a call may have cost where the wire said nothing: a range from the bytes that passed.
//!
//! The range is wide on purpose and stands in its own columns, never in a sum that calls itself exact. Only prices of
//! the plain row are used, so a long prompt's tier is beyond it.

use meter_call::Side;
use meter_money::{PicoUsd, Ratio};
use meter_policy::OUTPUT_DEFAULT;
use meter_price::{PriceBook, Rate};
use meter_tap::Finish;
use meter_wire::CallReading;

use super::Exchange;

/// Bytes of JSON to one token of a prompt: between code in a dense encoding and base64 or escapes.
const PROMPT_BYTES: (u64, u64) = (2, 6);
/// Bytes of a whole document to one token of its answer.
const DOCUMENT_BYTES: (u64, u64) = (2, 8);
/// Bytes of an event stream to one token: from a bare text to one token in an event of its own with all its fields.
const STREAM_BYTES: (u64, u64) = (4, 400);

/// The middle of a range of amounts, and half its width.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Estimate {
    pub amount: PicoUsd,
    pub bound: PicoUsd,
}

/// For a call whose usage is not known at all, or only up to a point: what it said is subtracted. `None` without a price.
pub(super) fn of(book: &PriceBook, exchange: &Exchange, reading: &CallReading) -> Option<Estimate> {
    let model = reading.model()?;
    let prices = &exchange.target.prices;
    let (input, output) = book.rate_hint(prices, model, exchange.ended_at)?;
    let silent = reading.buckets.is_empty();
    let (few, many) = if silent { tokens(reading.request_bytes, PROMPT_BYTES) } else { (0, 0) };
    let per_token = if reading.stream { STREAM_BYTES } else { DOCUMENT_BYTES };
    let said: u64 = reading.buckets.total(Side::Output);
    let cap = reading.max_output.or_else(|| book.max_output(prices, model)).unwrap_or(OUTPUT_DEFAULT);
    let (short, long) = tokens(reading.answer_bytes, per_token);
    let (short, long) = (short.min(cap).saturating_sub(said), long.min(cap).saturating_sub(said));
    // Nobody answered: perhaps nothing was done.
    let low = if exchange.http_status.is_none() || exchange.finish == Finish::ClientLeft && reading.answer_bytes == 0 {
        PicoUsd::default()
    } else {
        cost(few, &input)?.checked_add(cost(short, &output)?).ok()?
    };
    let high = cost(many, &input)?.checked_add(cost(long, &output)?).ok()?;
    let half = |amount: i64| PicoUsd::from_pico(amount / 2);
    Some(Estimate {
        amount: half(low.pico().checked_add(high.pico())?),
        bound: half(high.pico().checked_sub(low.pico())?),
    })
}

/// Least and most tokens that so many bytes are.
fn tokens(bytes: u64, (least, most): (u64, u64)) -> (u64, u64) {
    (bytes / most, bytes.div_ceil(least))
}

fn cost(tokens: u64, rate: &Rate) -> Option<PicoUsd> {
    let exact = Ratio::whole(i128::from(tokens)).mul(rate.each()).ok()?;
    PicoUsd::from_usd(exact).ok()
}
