//! One object a model, dollars per token: what the key says, a figure is for.

use super::{Upstream, UpstreamModel, number, page, quote, tokens};
use crate::figure::{Figure, Quote};
use crate::sources::{Fee, ProviderMap, Tables};
use meter_call::Meter;
use meter_money::Ratio;
use meter_price::Axis;
use serde_json::{Map, Value};

/// What a price is per here.
const MILLION: Ratio = Ratio::whole(1_000_000);

pub(super) fn read(models: &Map<String, Value>, tables: &Tables, upstream: &mut Upstream) {
    // A model in a region says more of the model that it is.
    let mut regional = Vec::new();
    for (name, entry) in models {
        let provider = entry.get("litellm_provider").and_then(Value::as_str).and_then(|theirs| tables.provider(theirs));
        let (Some(provider), Some(entry)) = (provider, entry.as_object()) else {
            upstream.left_out += 1;
            continue;
        };
        let mode = entry.get("mode").and_then(Value::as_str).unwrap_or_default();
        let mut model =
            UpstreamModel { page: page(entry.get("source")), name: name.clone(), ..UpstreamModel::default() };
        for (key, value) in entry {
            if let Some(figure) = token_figure(key, tables, provider) {
                upstream.keep(&mut model, figure, quote(value, MILLION));
            }
            fee_figures(key, value, tables, (provider, mode), &mut model, upstream);
        }
        for factor in &tables.factor {
            if let Some(value) = at_path(entry, &factor.field) {
                let figure = Figure { meter: None, over: None, on: [].into() }.on(factor.on());
                upstream.keep(&mut model, figure, quote(value, Ratio::ONE));
            }
        }
        counted_by_query(entry, &mut model);
        said_twice(&mut model);
        by_range(entry, tables, provider, &mut model, upstream);
        by_time(entry, tables, provider, &mut model, upstream);
        if provider.fees_of.as_ref() == Some(name) {
            upstream.fees.entry(provider.ours.clone()).or_default().figures.extend(model.figures);
            continue;
        }
        let id = name.strip_prefix(provider.strip.as_str()).unwrap_or(name);
        // The same model served elsewhere: `eu/gpt-6` is `gpt-6` in a region.
        let region = provider
            .regions
            .iter()
            .find(|region| id.strip_prefix(region.as_str()).is_some_and(|rest| rest.starts_with('/')));
        match region {
            None => upstream.put(&provider.ours, id, model),
            Some(region) => {
                let plain = std::mem::take(&mut model.figures);
                let there = |(figure, quote): (Figure, Quote)| (figure.on((Axis::Geo, region)), quote);
                model.figures = plain.into_iter().map(there).collect();
                regional.push((&provider.ours, &id[region.len() + 1..], model));
            }
        }
    }
    for (provider, id, model) in regional {
        upstream.put(provider, id, model);
    }
}

/// The value of `key` or of `outer.key`.
fn at_path<'a>(entry: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => entry.get(path),
        Some((outer, key)) => entry.get(outer)?.get(key),
    }
}

/// `input_cost_per_token_above_272k_tokens_batches`: the longest field that begins the key, then bounds and classes.
fn token_figure(key: &str, tables: &Tables, provider: &ProviderMap) -> Option<Figure> {
    let fields = tables.field.iter().filter(|(field, _)| key.starts_with(field.as_str()));
    let (field, meter) = fields.max_by_key(|(field, _)| field.len())?;
    let figure = suffixed(&key[field.len()..], Figure::of(*meter), tables)?;
    // Where thinking is dearer, this list writes it as a price of reasoning; all of the answer costs it.
    match provider.reasoning_is_thinking && *meter == Meter::Reasoning {
        true => Some(Figure { meter: Some(Meter::Output), ..figure }.on((Axis::Thinking, "true"))),
        false => Some(figure),
    }
}

fn suffixed(rest: &str, mut figure: Figure, tables: &Tables) -> Option<Figure> {
    let mut rest = rest;
    while !rest.is_empty() {
        if let Some((thousands, after)) = rest.strip_prefix("_above_").and_then(|bound| bound.split_once("k_tokens")) {
            figure.over = Some(thousands.parse::<u64>().ok()?.checked_mul(1000)?);
            rest = after;
            continue;
        }
        let (word, _) = tables.condition.iter().find(|(word, _)| {
            rest.strip_prefix('_')
                .and_then(|rest| rest.strip_prefix(word.as_str()))
                .is_some_and(|after| after.is_empty() || after.starts_with('_'))
        })?;
        figure = figure.on(tables.condition(word)?);
        rest = &rest[word.len() + 1..];
    }
    Some(figure)
}

/// The fees of a key: one, or one for each size that it has prices for.
fn fee_figures(
    key: &str,
    value: &Value,
    tables: &Tables,
    (provider, mode): (&ProviderMap, &str),
    model: &mut UpstreamModel,
    upstream: &mut Upstream,
) {
    let fits = |fee: &&Fee| key.starts_with(fee.field.as_str()) && fee.fits(&provider.theirs, mode);
    // A longer field wins, then one that names the provider.
    let Some(fee) = tables.fee.iter().filter(fits).max_by_key(|fee| (fee.field.len(), !fee.providers.is_empty()))
    else {
        return;
    };
    let Some(figure) = suffixed(&key[fee.field.len()..], fee.figure(), tables) else { return };
    let each = |value: &Value| quote(value, fee.times()).map(|read| read.map(|q| Quote { unit: fee.unit(), ..q }));
    let Some(sizes) = value.as_object() else {
        upstream.keep(model, figure, each(value));
        return;
    };
    let known: Vec<(&str, &Value)> =
        fee.by.iter().filter_map(|(theirs, on)| Some((on.as_str(), sizes.get(theirs)?))).collect();
    let amounts: Vec<Option<Option<Ratio>>> = known.iter().map(|(_, value)| number(value)).collect();
    if let Some((_, first)) = known.first()
        && amounts.windows(2).all(|pair| pair[0] == pair[1])
    {
        upstream.keep(model, figure, each(first));
        return;
    }
    for (on, value) in known {
        if let Some(condition) = crate::figure::condition(on) {
            upstream.keep(model, figure.clone().on(condition), each(value));
        }
    }
}

/// What costs by the token is written by the second or the image too, rounded, for people; that is no further price.
fn said_twice(model: &mut UpstreamModel) {
    for (fee, token) in [(Meter::Audio, Meter::InputAudio), (Meter::Image, Meter::OutputImage)] {
        if model.figures.contains_key(&Figure::of(token)) {
            model.figures.retain(|figure, _| figure.meter != Some(fee));
        }
    }
}

/// Whether searches are billed by the query stands in a key of its own; without it nothing is said.
fn counted_by_query(entry: &Map<String, Value>, model: &mut UpstreamModel) {
    let by_query = entry.get("web_search_billing_unit").and_then(Value::as_str) == Some("per_query");
    for (figure, quote) in &mut model.figures {
        if figure.meter == Some(Meter::Grounding) {
            quote.unit = by_query.then_some(meter_price::Unit::Query);
        }
    }
}

/// `tiered_pricing`: one object for each range of prompt sizes; the first is the plain price.
fn by_range(
    entry: &Map<String, Value>,
    tables: &Tables,
    provider: &ProviderMap,
    model: &mut UpstreamModel,
    upstream: &mut Upstream,
) {
    for range in entry.get("tiered_pricing").and_then(Value::as_array).into_iter().flatten() {
        let start = range.get("range").and_then(Value::as_array).and_then(|ends| tokens(ends.first()?));
        let (Some(start), Some(prices)) = (start, range.as_object()) else {
            upstream.unread.push(format!("{}: a range of prompt sizes", model.name));
            continue;
        };
        for (key, value) in prices {
            if let Some(figure) = token_figure(key, tables, provider) {
                let figure = Figure { over: (start > 0).then_some(start), ..figure };
                upstream.keep(model, figure, quote(value, MILLION));
            }
        }
    }
}

/// `off_peak_pricing`: the plain price here is that of the quiet hours, so the entry's own becomes the peak's.
fn by_time(
    entry: &Map<String, Value>,
    tables: &Tables,
    provider: &ProviderMap,
    model: &mut UpstreamModel,
    upstream: &mut Upstream,
) {
    let Some(quiet) = entry.get("off_peak_pricing").and_then(Value::as_object) else { return };
    let busy = std::mem::take(&mut model.figures);
    for (figure, quote) in busy {
        let dearer =
            figure.is_token() && quiet.keys().any(|key| token_figure(key, tables, provider).as_ref() == Some(&figure));
        let figure = if dearer { figure.on((Axis::Window, "peak")) } else { figure };
        model.figures.insert(figure, quote);
    }
    for (key, value) in quiet {
        if let Some(figure) = token_figure(key, tables, provider) {
            upstream.keep(model, figure, quote(value, MILLION));
        }
    }
}
