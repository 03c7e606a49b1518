//! Reads a price list: numbers as text, ids by the table, 0 as "no figure".

mod by_model;
mod by_provider;
mod history;
mod regions;

use crate::figure::{Figure, Quote};
use crate::sources::Source;
use meter_call::Meter;
use meter_money::Ratio;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A list, in our ids and units.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Which list.
    pub source: Source,
    /// Models by provider and id, both ours: what holds today.
    pub models: BTreeMap<(String, String), UpstreamModel>,
    /// What the list announces: the same, each with its first day.
    pub later: Vec<((String, String), UpstreamModel)>,
    /// Fees that the list has for all models of a provider.
    pub fees: BTreeMap<String, UpstreamModel>,
    /// Figures that two entries of the list give differently for one model of ours.
    pub conflicts: Vec<Conflict>,
    /// Entries of providers that the table does not name.
    pub left_out: usize,
    /// Figures that are no numbers we can keep.
    pub unread: Vec<String>,
}

/// What a list says of a model.
#[derive(Clone, Debug, Default)]
pub struct UpstreamModel {
    /// The provider's page that the list cites.
    pub page: Option<String>,
    /// First day of these figures (ISO), where the list dates them.
    pub from: Option<String>,
    /// None of them 0.
    pub figures: BTreeMap<Figure, Quote>,
    /// The list's own name of the entry.
    pub(crate) name: String,
}

/// Two entries of one list about one figure.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// Our price id of the provider, and our model id.
    pub of: (String, String),
    /// What it is for.
    pub figure: Figure,
    /// The list's names of the entries with what they say.
    pub says: [(String, Quote); 2],
}

/// Why a file is no such list.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not JSON.
    #[error("the file is no JSON")]
    NotJson(#[source] serde_json::Error),
    /// JSON of another shape.
    #[error("the file is not the price list of `{0}`")]
    OtherShape(&'static str),
}

/// Reads the text of a list. `today` (ISO) picks the row of a dated list.
///
/// # Errors
/// [`ImportError`] when the file is something else.
pub fn read(source: Source, text: &str, today: &str) -> Result<Upstream, ImportError> {
    let value: Value = serde_json::from_str(text).map_err(ImportError::NotJson)?;
    let mut upstream = Upstream {
        source,
        models: BTreeMap::new(),
        later: Vec::new(),
        fees: BTreeMap::new(),
        conflicts: Vec::new(),
        left_out: 0,
        unread: Vec::new(),
    };
    let other = || ImportError::OtherShape(source.name());
    let tables = source.tables();
    match source {
        Source::Litellm => by_model::read(value.as_object().ok_or_else(other)?, tables, &mut upstream),
        Source::GenaiPrices => by_provider::read(value.as_array().ok_or_else(other)?, tables, today, &mut upstream),
        Source::ModelPrices => {
            let prices = value.get("prices").and_then(Value::as_object).ok_or_else(other)?;
            history::read(prices, tables, today, &mut upstream);
        }
    }
    upstream.models.values_mut().for_each(regions::fold);
    if upstream.models.is_empty() {
        return Err(other());
    }
    Ok(upstream)
}

impl Upstream {
    /// Notes a figure; 0 is no figure, what is no number we can keep is told.
    fn keep(&mut self, model: &mut UpstreamModel, figure: Figure, read: Option<Option<Quote>>) {
        match read {
            Some(Some(quote)) if !quote.amount.is_zero() => drop(model.figures.insert(figure, quote)),
            Some(None) => self.unread.push(format!("{}: {figure}", model.name)),
            Some(Some(_)) | None => {}
        }
    }

    /// Files a model. A second entry for it adds what the first did not say; what both say differently is a conflict.
    fn put(&mut self, provider: &str, id: &str, mut model: UpstreamModel) {
        without_stray_tiers(&mut model);
        if model.figures.is_empty() {
            return;
        }
        let of = (provider.to_owned(), id.to_owned());
        let Some(known) = self.models.get_mut(&of) else {
            self.models.insert(of, model);
            return;
        };
        for (figure, quote) in model.figures {
            let first = *known.figures.entry(figure.clone()).or_insert(quote);
            if first.amount != quote.amount {
                let says = [(known.name.clone(), first), (model.name.clone(), quote)];
                self.conflicts.push(Conflict { of: of.clone(), figure, says });
            }
        }
    }
}

/// A tier that the prompt itself does not have is no price: one list has an audio rate over 200,000 tokens of a model whose
/// prompts cost the same at any size.
fn without_stray_tiers(model: &mut UpstreamModel) {
    let bounds: BTreeSet<Option<u64>> =
        model.figures.keys().filter(|figure| figure.meter == Some(Meter::Input)).map(|figure| figure.over).collect();
    if !bounds.is_empty() {
        model.figures.retain(|figure, _| figure.over.is_none() || bounds.contains(&figure.over));
    }
}

/// A number by its literal text; the outer `None` is no number at all.
fn number(value: &Value) -> Option<Option<Ratio>> {
    match value {
        Value::Number(number) => Some(Ratio::wire(&number.to_string()).ok()),
        Value::String(text) => Some(Ratio::wire(text).ok()),
        _ => None,
    }
}

/// The same as a quote in our unit: `times` the amount.
fn quote(value: &Value, times: Ratio) -> Option<Option<Quote>> {
    let amount = number(value)?.and_then(|amount| amount.mul(times).ok());
    Some(amount.map(|amount| Quote { amount, unit: None }))
}

/// A whole number of tokens, also when it is written with a point.
fn tokens(value: &Value) -> Option<u64> {
    let number = number(value)??;
    (number.denominator() == 1).then(|| u64::try_from(number.numerator()).ok())?
}

fn page(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| text.starts_with("https://")).map(str::to_owned)
}
