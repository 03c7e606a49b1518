//! The amount that counts, when the provider names one itself.

use crate::book::Settlement;
use crate::{Costing, PriceBook};
use meter_call::Evidence;
use meter_money::{MoneyError, PicoUsd, Ratio};

/// What a call cost once both figures are known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settled {
    /// The amount that counts; `None` when nothing gives one.
    pub cost: Option<PicoUsd>,
    /// The provider's own figure in dollars, when it named one.
    pub provider_cost: Option<PicoUsd>,
    /// How sure `cost` is.
    pub evidence: Evidence,
    /// Whether list and provider differ by more than the price file allows.
    pub drift: Drift,
}

/// Result of comparing the list with the provider's own figure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drift {
    /// One of the two is missing, or the file asks for no check.
    NotChecked,
    /// Within the tolerance.
    Within,
    /// Further apart: the provider's figure stands, and the row is flagged.
    Over,
}

/// Settles a bill with the provider's own amount (exact text as on the wire, in the unit of the file's `[settlement]`).
///
/// A provider without `[settlement]` is taken at its word, in dollars: an amount on the wire beats a table.
///
/// # Errors
/// [`MoneyError`] when the text is no amount; the caller keeps the list figure and flags the row.
pub fn settle(
    book: &PriceBook,
    provider: &str,
    costing: &Costing,
    provider_cost: Option<&str>,
) -> Result<Settled, MoneyError> {
    let Some(text) = provider_cost else { return settle_billed(book, provider, costing, None) };
    let usd = settlement(book, provider).map_or(Ratio::ONE, |terms| terms.usd);
    let billed = PicoUsd::from_usd(Ratio::wire(text)?.mul(usd)?)?;
    settle_billed(book, provider, costing, Some(billed))
}

/// As [`settle`], with an amount that was read from the wire before and stored.
///
/// # Errors
/// [`MoneyError::Overflow`] when list and provider cannot be compared.
pub fn settle_billed(
    book: &PriceBook,
    provider: &str,
    costing: &Costing,
    billed: Option<PicoUsd>,
) -> Result<Settled, MoneyError> {
    let terms = settlement(book, provider);
    let listed = |evidence| Settled { cost: costing.contract, provider_cost: None, evidence, drift: Drift::NotChecked };
    let Some(billed) = billed else {
        let estimate = terms.is_some_and(|terms| terms.missing_is_estimate);
        return Ok(listed(if estimate { costing.evidence.max(Evidence::Estimated) } else { costing.evidence }));
    };
    let complete = costing.contract.filter(|_| costing.unpriced.is_empty());
    let drift = match (terms.and_then(|terms| terms.check), complete) {
        (Some(tolerance), Some(list)) => drift(list, billed, tolerance)?,
        _ => Drift::NotChecked,
    };
    // A list that lacks a price is no figure to prefer.
    if terms.is_some_and(|terms| !terms.prefer_provider) && complete.is_some() {
        return Ok(Settled { provider_cost: Some(billed), drift, ..listed(costing.evidence) });
    }
    Ok(Settled { cost: Some(billed), provider_cost: Some(billed), evidence: Evidence::ProviderCost, drift })
}

fn settlement<'b>(book: &'b PriceBook, provider: &str) -> Option<&'b Settlement> {
    book.providers.get(provider).and_then(|provider| provider.settlement.as_ref())
}

fn drift(list: PicoUsd, billed: PicoUsd, tolerance: Ratio) -> Result<Drift, MoneyError> {
    let apart = i128::from(list.pico()) - i128::from(billed.pico());
    let allowed = Ratio::whole(i128::from(billed.pico()).abs()).mul(tolerance)?;
    match Ratio::whole(apart.abs()).compare(allowed) {
        Some(std::cmp::Ordering::Greater) => Ok(Drift::Over),
        Some(_) => Ok(Drift::Within),
        None => Err(MoneyError::Overflow),
    }
}
