//! A line's amount once more, from what was stored beside it.

use crate::cost::amount;
use crate::row::{Effect, FEES, Price, Rates, Row, TierEffect};
use crate::{Factor, Rate};
use meter_call::{CostLine, PriceUse};
use meter_money::{MoneyError, PicoUsd, Ratio};

/// Why a stored line cannot be derived again.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
    /// The line has no rate: it never had an amount.
    #[error("the line has no price")]
    Unpriced,
    /// The row that the line names was not stored.
    #[error("the price row `{0}` is missing")]
    NoRow(String),
    /// The stored row cannot be read.
    #[error("the stored price row cannot be read")]
    Row(#[source] serde_json::Error),
    /// The stored row holds no such rate.
    #[error("the stored price row has no rate `{0}`")]
    ForeignRate(String),
    /// The stored row holds no such factor.
    #[error("the stored price row has no factor `{0}`")]
    ForeignFactor(String),
    /// The rate on the line is no rate.
    #[error("the rate of the line cannot be read")]
    Rate(#[source] crate::RateError),
    /// A factor is no number, or the product does not fit.
    #[error("the amount cannot be computed")]
    Money(#[source] MoneyError),
}

/// The amount of a line from its quantity, rate text and multipliers, checked against the row that was stored with it
/// ([`meter_call::PriceUse::row`]): rate and factors must stand there. Factors of a contract are the user's own and stand
/// on the line only.
///
/// # Errors
/// [`DeriveError`] says what does not fit; the caller shows the stored amount as not derivable.
pub fn derive(row: &str, line: &CostLine) -> Result<PicoUsd, DeriveError> {
    derived(row, std::iter::empty(), line)
}

/// As [`derive()`], with all rows that were stored with a call: a fee that holds for every model of a provider stands in a
/// row of its own, and a factor on it may stand in the row of the model.
///
/// # Errors
/// As [`derive()`]; [`DeriveError::NoRow`] when none of the rows is the line's.
pub fn derive_among(rows: &[PriceUse], line: &CostLine) -> Result<PicoUsd, DeriveError> {
    let id = line.price_id.as_deref().ok_or(DeriveError::Unpriced)?;
    let own = rows.iter().find(|row| row.price_id == id).ok_or_else(|| DeriveError::NoRow(id.to_owned()))?;
    let others = rows.iter().filter(|row| row.price_id != id).map(|row| row.row.as_str());
    derived(&own.row, others, line)
}

fn derived<'r>(row: &str, others: impl Iterator<Item = &'r str>, line: &CostLine) -> Result<PicoUsd, DeriveError> {
    let text = line.rate.as_deref().ok_or(DeriveError::Unpriced)?;
    let row: Row = serde_json::from_str(row).map_err(DeriveError::Row)?;
    if !rates_of(&row).any(|rates| rates.0.values().any(|price| matches!(price, Price::Rate(r) if r.text() == text))) {
        return Err(DeriveError::ForeignRate(text.to_owned()));
    }
    let others = if line.multipliers.is_empty() || row.model != FEES {
        Vec::new()
    } else {
        others.map(serde_json::from_str).collect::<Result<Vec<Row>, _>>().map_err(DeriveError::Row)?
    };
    let stands = |by: &str| others.iter().chain([&row]).flat_map(factors_of).any(|factor| factor.text() == by);
    let mut product = Ratio::ONE;
    for multiplier in &line.multipliers {
        let own = multiplier.name.starts_with("contract=");
        if !own && !stands(&multiplier.by) {
            return Err(DeriveError::ForeignFactor(multiplier.name.clone()));
        }
        let by = Ratio::factor(&multiplier.by).map_err(DeriveError::Money)?;
        product = product.mul(by).map_err(DeriveError::Money)?;
    }
    let rate = Rate::parse(text).map_err(DeriveError::Rate)?;
    amount(line.quantity, &rate, product).map_err(DeriveError::Money)
}

/// Every table of prices in a row.
fn rates_of(row: &Row) -> impl Iterator<Item = &Rates> {
    let overlays = row.when.iter().filter_map(|overlay| match &overlay.effect {
        Effect::Rates { rates, context } => Some((rates, context)),
        Effect::Scale { .. } => None,
    });
    let (own, theirs): (Vec<_>, Vec<_>) = overlays.unzip();
    let tiers = std::iter::once(&row.context).chain(theirs).flatten().filter_map(|tier| match &tier.effect {
        TierEffect::Rates(rates) => Some(rates),
        TierEffect::Scale { .. } => None,
    });
    std::iter::once(&row.rates).chain(own).chain(tiers)
}

/// Every factor in a row.
fn factors_of(row: &Row) -> impl Iterator<Item = &Factor> {
    let scales = row.when.iter().filter_map(|overlay| match &overlay.effect {
        Effect::Scale { by, .. } => Some(by),
        Effect::Rates { .. } => None,
    });
    let contexts = row.when.iter().filter_map(|overlay| match &overlay.effect {
        Effect::Rates { context, .. } => Some(context),
        Effect::Scale { .. } => None,
    });
    let tiers = std::iter::once(&row.context).chain(contexts).flatten();
    let tiers = tiers.flat_map(|tier| match &tier.effect {
        TierEffect::Scale { input, output } => [input.as_ref(), output.as_ref()],
        TierEffect::Rates(_) => [None, None],
    });
    scales.chain(tiers.flatten())
}
