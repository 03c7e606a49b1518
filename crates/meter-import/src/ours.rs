//! What the price book charges for a figure.

use crate::figure::Figure;
use meter_call::{Buckets, Meter, Side, UnixMillis};
use meter_money::Ratio;
use meter_price::{Attributes, PriceBook, Query, price};

/// Dollars per million of a figure today, tiers and classes applied; `None` where nothing prices it or only a guess does.
///
/// Asked of the pricing itself, one token at a time, so that no second reading of a row can disagree with what is billed.
pub(crate) fn per_million(
    book: &PriceBook,
    provider: &str,
    model: &str,
    figure: &Figure,
    at: UnixMillis,
) -> Option<Ratio> {
    let prompt = figure.over.map(|over| over.saturating_add(1));
    let prompt_side = figure.meter.side() == Side::Input;
    let quantity = if prompt_side { prompt.unwrap_or(1) } else { 1 };
    let mut usage = Buckets::default();
    usage.add(figure.meter, quantity);
    if let Some(prompt) = prompt.filter(|_| !prompt_side) {
        usage.add(Meter::Input, prompt);
    }
    let attributes = Attributes { class: figure.class.clone(), ..Attributes::default() };
    let costing = price(book, &Query { provider, model, at, usage: &usage, attributes: &attributes });
    if !costing.guesses.is_empty() {
        return None;
    }
    // At the list: a contract is the user's own.
    let line = costing.lines.iter().find(|line| line.meter == figure.meter)?;
    let amount = line.amount?.usd();
    amount.mul(Ratio::whole(1_000_000)).and_then(|dollars| dollars.div(Ratio::whole(i128::from(quantity)))).ok()
}
