//! Reads a price list: numbers as text, ids by the table, 0 as "no figure".

use crate::figure::Figure;
use crate::sources::{Source, Tables};
use meter_money::Ratio;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A list, in our ids and units.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Which list.
    pub source: Source,
    /// Models by provider and id, both ours.
    pub models: BTreeMap<(String, String), UpstreamModel>,
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
    /// Dollars per million tokens, none of them 0.
    pub figures: BTreeMap<Figure, Ratio>,
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
    let mut upstream = Upstream { source, models: BTreeMap::new(), left_out: 0, unread: Vec::new() };
    let other = || ImportError::OtherShape(source.name());
    match source {
        Source::Litellm => flat(value.as_object().ok_or_else(other)?, source.tables(), &mut upstream),
        Source::GenaiPrices => nested(value.as_array().ok_or_else(other)?, source.tables(), today, &mut upstream),
    }
    if upstream.models.is_empty() {
        return Err(other());
    }
    Ok(upstream)
}

/// One object a model, dollars per token.
fn flat(models: &Map<String, Value>, tables: &Tables, upstream: &mut Upstream) {
    for (name, entry) in models {
        let provider = entry.get("litellm_provider").and_then(Value::as_str).and_then(|theirs| tables.provider(theirs));
        let (Some(provider), Some(entry)) = (provider, entry.as_object()) else {
            upstream.left_out += 1;
            continue;
        };
        let id = name.strip_prefix(provider.strip.as_str()).unwrap_or(name);
        let mut model = UpstreamModel { page: text(entry.get("source")), ..UpstreamModel::default() };
        for (key, value) in entry {
            let Some(figure) = suffixed(key, tables) else { continue };
            let million = number(value).map(|each| each.and_then(|each| each.mul(Ratio::whole(1_000_000)).ok()));
            keep(&mut model, figure, million, name, upstream);
        }
        put(&provider.ours, id, model, upstream);
    }
}

/// `input_cost_per_token_above_272k_tokens_batches`: the longest field that begins the key, then bounds and classes.
fn suffixed(key: &str, tables: &Tables) -> Option<Figure> {
    let fields = tables.field.iter().filter(|(field, _)| key.starts_with(field.as_str()));
    let (field, meter) = fields.max_by_key(|(field, _)| field.len())?;
    let mut figure = Figure { meter: *meter, over: None, class: None };
    let mut rest = &key[field.len()..];
    while !rest.is_empty() {
        if let Some((thousands, after)) = rest.strip_prefix("_above_").and_then(|bound| bound.split_once("k_tokens")) {
            figure.over = Some(thousands.parse::<u64>().ok()?.checked_mul(1000)?);
            rest = after;
            continue;
        }
        let (word, class) = tables.class.iter().find(|(word, _)| {
            rest.strip_prefix('_')
                .and_then(|rest| rest.strip_prefix(word.as_str()))
                .is_some_and(|after| after.is_empty() || after.starts_with('_'))
        })?;
        figure.class = Some(class.clone());
        rest = &rest[word.len() + 1..];
    }
    Some(figure)
}

/// Providers with models; prices plain, tiered, dated or by request.
fn nested(providers: &[Value], tables: &Tables, today: &str, upstream: &mut Upstream) {
    for provider in providers {
        let models = provider.get("models").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let Some(map) = provider.get("id").and_then(Value::as_str).and_then(|theirs| tables.provider(theirs)) else {
            upstream.left_out += models.len();
            continue;
        };
        let page = provider.get("pricing_urls").and_then(Value::as_array).and_then(|pages| text(pages.first()));
        for entry in models {
            let Some(id) = entry.get("id").and_then(Value::as_str) else { continue };
            let mut model = UpstreamModel { page: page.clone(), ..UpstreamModel::default() };
            let (from, prices) = in_force(entry.get("prices"), today);
            model.from = from;
            let mut tables_of_model = vec![(None, prices)];
            for variant in entry.get("price_variants").and_then(Value::as_array).into_iter().flatten() {
                let words = variant.get("when").and_then(Value::as_object);
                let mut words = words.into_iter().flat_map(Map::values).filter_map(Value::as_str);
                let dated = variant.get("constraint").is_some_and(|constraint| !constraint.is_null());
                if let (Some(class), None, false) = (words.next(), words.next(), dated)
                    && let Some(class) = tables.class.get(class)
                {
                    tables_of_model.push((Some(class.clone()), variant.get("prices").and_then(Value::as_object)));
                }
            }
            for (class, prices) in tables_of_model {
                for (key, value) in prices.into_iter().flatten() {
                    let Some(meter) = tables.field.get(key) else { continue };
                    let base = value.get("base").unwrap_or(value);
                    let figure = Figure { meter: *meter, over: None, class: class.clone() };
                    keep(&mut model, figure, number(base), id, upstream);
                    for tier in value.get("tiers").and_then(Value::as_array).into_iter().flatten() {
                        let over = tier.get("start").and_then(Value::as_u64);
                        let figure = Figure { meter: *meter, over, class: class.clone() };
                        keep(&mut model, figure, tier.get("price").and_then(number), id, upstream);
                    }
                }
            }
            put(&map.ours, id, model, upstream);
        }
    }
}

/// The prices that hold on `today`: the last dated entry that has begun; entries by time of day are left out.
fn in_force<'a>(prices: Option<&'a Value>, today: &str) -> (Option<String>, Option<&'a Map<String, Value>>) {
    match prices {
        Some(Value::Object(prices)) => (None, Some(prices)),
        Some(Value::Array(rows)) => {
            let mut found = (None, None);
            for row in rows {
                let constraint = row.get("constraint").filter(|constraint| !constraint.is_null());
                let start = constraint.and_then(|constraint| constraint.get("start_date")).and_then(Value::as_str);
                let holds = match (constraint, start) {
                    (None, _) => true,
                    (Some(_), Some(start)) => start <= today,
                    (Some(_), None) => false,
                };
                if holds {
                    found = (start.map(str::to_owned), row.get("prices").and_then(Value::as_object));
                }
            }
            found
        }
        _ => (None, None),
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

fn keep(model: &mut UpstreamModel, figure: Figure, read: Option<Option<Ratio>>, name: &str, upstream: &mut Upstream) {
    match read {
        Some(Some(value)) if !value.is_zero() => drop(model.figures.insert(figure, value)),
        Some(None) => upstream.unread.push(format!("{name}: {figure}")),
        Some(Some(_)) | None => {}
    }
}

fn put(provider: &str, id: &str, model: UpstreamModel, upstream: &mut Upstream) {
    if !model.figures.is_empty() {
        upstream.models.insert((provider.to_owned(), id.to_owned()), model);
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| text.starts_with("https://")).map(str::to_owned)
}
