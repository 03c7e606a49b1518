//! A book for people: every model, row, tier and overlay as text.

use crate::book::Provider;
use crate::row::{Bound, Effect, FEES, Overlay, Price, PricedRow, Quota, Rates, Tier, TierEffect};
use crate::{PriceBook, instant};
use meter_call::{Meter, UnixMillis};
use serde::Serialize;
use std::collections::BTreeMap;

/// A model with its names and its dated rows.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ModelView {
    /// Price id of the provider.
    pub provider: String,
    /// Exact name; `[fees]` for what holds for every model of the provider.
    pub id: String,
    /// Further exact names, sorted.
    pub aliases: Vec<String>,
    /// Regular expressions, anchored at both ends.
    pub patterns: Vec<String>,
    /// Most answer tokens.
    pub max_output: Option<u64>,
    /// By `from`.
    pub rows: Vec<RowView>,
    /// Conditions of overlays that the model itself has: they are among those of every row.
    #[serde(skip)]
    pub shared: Vec<BTreeMap<&'static str, Vec<String>>>,
}

/// One dated row.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RowView {
    /// `provider/model@from#hash`.
    pub price_id: String,
    /// First instant: a date (00:00 UTC) or an instant.
    pub from: String,
    /// First instant it no longer holds, where the row itself ends.
    pub until: Option<String>,
    /// Page of the figures.
    pub source: String,
    /// Date of the last comparison.
    pub checked: Option<String>,
    /// `announced`, `observed` or `import`.
    pub basis: Option<String>,
    /// For people.
    pub note: Option<String>,
    /// Why a price of 0 is right.
    pub free: Option<String>,
    /// `provider/model` it was taken over from.
    pub like: Option<String>,
    /// From the user's layer.
    pub user: bool,
    /// Price text by meter: `3 / 1M tokens`, or the meter whose price it has.
    pub rates: BTreeMap<Meter, String>,
    /// Context tiers.
    pub context: Vec<TierView>,
    /// Overlays.
    pub when: Vec<WhenView>,
    /// Free quotas, as information.
    pub quotas: Vec<Quota>,
    /// Fewest tokens that a cache keeps.
    pub cache_min_tokens: Option<u64>,
    /// Milliseconds of `from`.
    #[serde(skip)]
    pub from_ms: UnixMillis,
}

/// A context tier.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TierView {
    /// Exclusive bound in prompt tokens.
    pub over: Option<u64>,
    /// Inclusive bound in prompt tokens.
    pub at_least: Option<u64>,
    /// `request` or `excess`.
    pub scope: &'static str,
    /// Prices, when it has its own.
    pub rates: BTreeMap<Meter, String>,
    /// Factor on the prompt.
    pub scale_input: Option<String>,
    /// Factor on the answer.
    pub scale_output: Option<String>,
}

/// An overlay.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct WhenView {
    /// Axis → accepted values; all axes must match.
    pub on: BTreeMap<&'static str, Vec<String>>,
    /// Factor, or prices below.
    pub scale: Option<String>,
    /// Meters the factor leaves alone.
    pub keep: Vec<Meter>,
    /// The only meters it touches.
    pub only: Option<Vec<Meter>>,
    /// Prices.
    pub rates: BTreeMap<Meter, String>,
    /// Tiers of those prices.
    pub context: Vec<TierView>,
}

impl PriceBook {
    /// Every model of a provider in the order of the files; none for an unknown provider.
    pub fn views(&self, provider: &str) -> Vec<ModelView> {
        let Some(known) = self.providers.get(provider) else { return Vec::new() };
        (0..known.models.len()).map(|index| known.view(provider, index)).collect()
    }

    /// The fees that hold for every model of a provider, as a model called `[fees]`; `None` without any.
    pub fn fees(&self, provider: &str) -> Option<ModelView> {
        let fees = &self.providers.get(provider)?.fees;
        let rows = fees.iter().map(|row| row_view(row)).collect();
        (!fees.is_empty()).then(|| ModelView {
            provider: provider.to_owned(),
            id: FEES.to_owned(),
            aliases: Vec::new(),
            patterns: Vec::new(),
            max_output: None,
            rows,
            shared: Vec::new(),
        })
    }

    /// The model that a name means at `at`: id, alias, moving name or pattern.
    pub fn view(&self, provider: &str, name: &str, at: UnixMillis) -> Option<ModelView> {
        let known = self.providers.get(provider)?;
        let id = &known.find(name, at)?.id;
        let index = known.models.iter().position(|model| model.id == *id)?;
        Some(known.view(provider, index))
    }

    /// Names nearest to one that a provider's prices do not know, best first, three at most.
    pub fn near(&self, provider: &str, name: &str) -> Vec<String> {
        self.providers.get(provider).map_or_else(Vec::new, |provider| provider.near(name))
    }
}

impl ModelView {
    /// The row that holds at `at`.
    pub fn row_at(&self, at: UnixMillis) -> Option<&RowView> {
        let ended = |row: &RowView| row.until.as_deref().and_then(instant::parse).is_some_and(|until| until <= at);
        self.rows.iter().rev().find(|row| row.from_ms <= at && !ended(row))
    }
}

impl Provider {
    fn view(&self, provider: &str, index: usize) -> ModelView {
        let model = &self.models[index];
        let names = self.names.iter().filter(|(name, to)| **to == index && **name != model.id);
        let patterns = self.patterns.iter().filter(|(_, to)| *to == index);
        ModelView {
            provider: provider.to_owned(),
            id: model.id.clone(),
            aliases: names.map(|(name, _)| name.clone()).collect(),
            patterns: patterns.map(|(pattern, _)| pattern.written().to_owned()).collect(),
            max_output: model.max_output,
            rows: model.rows.iter().map(|row| row_view(row)).collect(),
            shared: model
                .shared
                .iter()
                .map(|on| on.iter().map(|(axis, values)| (axis.name(), values.clone())).collect())
                .collect(),
        }
    }
}

fn row_view(priced: &PricedRow) -> RowView {
    let row = &priced.row;
    RowView {
        price_id: priced.id().to_owned(),
        from: instant::print(row.from),
        until: row.until.map(instant::print),
        source: row.source.clone(),
        checked: row.checked.clone(),
        basis: row.basis.clone(),
        note: row.note.clone(),
        free: row.free.clone(),
        like: row.like.clone(),
        user: priced.user,
        rates: rates(&row.rates),
        context: row.context.iter().map(tier).collect(),
        when: row.when.iter().map(overlay).collect(),
        quotas: row.quotas.clone(),
        cache_min_tokens: row.cache_min_tokens,
        from_ms: row.from,
    }
}

fn rates(rates: &Rates) -> BTreeMap<Meter, String> {
    let text = |price: &Price| match price {
        Price::Rate(rate) => rate.text().to_owned(),
        Price::As(meter) => meter.name().to_owned(),
    };
    rates.0.iter().map(|(meter, price)| (*meter, text(price))).collect()
}

fn tier(tier: &Tier) -> TierView {
    let (over, at_least) = match tier.bound {
        Bound::Over(bound) => (Some(bound), None),
        Bound::AtLeast(bound) => (None, Some(bound)),
    };
    let scope = if tier.excess { "excess" } else { "request" };
    let mut view = TierView { over, at_least, scope, rates: BTreeMap::new(), scale_input: None, scale_output: None };
    match &tier.effect {
        TierEffect::Rates(own) => view.rates = rates(own),
        TierEffect::Scale { input, output } => {
            view.scale_input = input.as_ref().map(|by| by.text().to_owned());
            view.scale_output = output.as_ref().map(|by| by.text().to_owned());
        }
    }
    view
}

fn overlay(overlay: &Overlay) -> WhenView {
    let on = overlay.on.iter().map(|(axis, values)| (axis.name(), values.iter().cloned().collect())).collect();
    let mut view =
        WhenView { on, scale: None, keep: Vec::new(), only: None, rates: BTreeMap::new(), context: Vec::new() };
    match &overlay.effect {
        Effect::Rates { rates: own, context } => {
            view.rates = rates(own);
            view.context = context.iter().map(tier).collect();
        }
        Effect::Scale { by, keep, only } => {
            view.scale = Some(by.text().to_owned());
            view.keep = keep.iter().copied().collect();
            view.only = only.as_ref().map(|only| only.iter().copied().collect());
        }
    }
    view
}
