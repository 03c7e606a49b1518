//! Providers with models, dollars per million tokens: prices plain, tiered, dated, by the time of day or by request.

use super::{Upstream, UpstreamModel, page, quote, tokens};
use crate::figure::{Figure, Quote, condition};
use crate::sources::{ProviderMap, Tables};
use meter_money::Ratio;
use meter_price::Axis;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

pub(super) fn read(providers: &[Value], tables: &Tables, today: &str, upstream: &mut Upstream) {
    for provider in providers {
        let models = provider.get("models").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let Some(map) = provider.get("id").and_then(Value::as_str).and_then(|theirs| tables.provider(theirs)) else {
            upstream.left_out += models.len();
            continue;
        };
        let cited = provider.get("pricing_urls").and_then(Value::as_array).and_then(|pages| page(pages.first()));
        for entry in models {
            let Some(id) = entry.get("id").and_then(Value::as_str) else { continue };
            let of = (map.ours.clone(), id.to_owned());
            for day in
                std::iter::once(today.to_owned()).chain(starts(entry).into_iter().filter(|day| day.as_str() > today))
            {
                let named = UpstreamModel { page: cited.clone(), name: id.to_owned(), ..UpstreamModel::default() };
                let mut model = on_day(entry, &day, tables, map, named, upstream);
                if day == today {
                    upstream.put(&of.0, &of.1, model);
                } else if !model.figures.is_empty() {
                    model.from = Some(day);
                    upstream.later.push((of.clone(), model));
                }
            }
        }
    }
}

/// Every day on which something of a model begins.
fn starts(entry: &Value) -> BTreeSet<String> {
    let lists = [entry.get("prices"), entry.get("price_variants")];
    let rows = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
    rows.filter_map(|row| start(row).map(str::to_owned)).collect()
}

fn start(row: &Value) -> Option<&str> {
    row.get("constraint")?.get("start_date").and_then(Value::as_str)
}

fn on_day(
    entry: &Value,
    day: &str,
    tables: &Tables,
    map: &ProviderMap,
    mut model: UpstreamModel,
    upstream: &mut Upstream,
) -> UpstreamModel {
    let own = map.on.as_deref().and_then(condition);
    let mut put = |prices: &Map<String, Value>, on: &[(Axis, &str)], model: &mut UpstreamModel| {
        for (key, value) in prices {
            let Some((figure, times, unit)) = tables.plain(key, &map.theirs) else { continue };
            let figure = on.iter().copied().chain(own).fold(figure, Figure::on);
            let unit = |read: Option<Option<Quote>>| read.map(|read| read.map(|quote| Quote { unit, ..quote }));
            upstream.keep(model, figure.clone(), unit(quote(value.get("base").unwrap_or(value), times)));
            for tier in value.get("tiers").and_then(Value::as_array).into_iter().flatten() {
                let Some(over) = tier.get("start").and_then(tokens) else { continue };
                let figure = Figure { over: Some(over), ..figure.clone() };
                upstream.keep(model, figure, tier.get("price").and_then(|price| unit(quote(price, times))));
            }
        }
    };
    match entry.get("prices") {
        Some(Value::Object(prices)) => put(prices, &[], &mut model),
        Some(Value::Array(rows)) => {
            let (from, prices) = in_force(rows, day);
            model.from = from;
            prices.into_iter().for_each(|prices| put(prices, &[], &mut model));
            // By the time of day: the plain price is that of the quiet hours.
            let busy = rows.iter().filter(|row| row.get("constraint").is_some_and(|c| c.get("start_time").is_some()));
            for prices in busy.filter_map(|row| row.get("prices").and_then(Value::as_object)) {
                put(prices, &[(Axis::Window, "peak")], &mut model);
            }
        }
        _ => {}
    }
    // Two prices of one class: the later one holds, wherever it stands.
    let mut variants: Vec<&Value> =
        entry.get("price_variants").and_then(Value::as_array).into_iter().flatten().collect();
    variants.sort_by_key(|variant| start(variant));
    for variant in variants {
        let begun = start(variant).is_none_or(|start| start <= day);
        let words: Option<Vec<(Axis, &str)>> = variant.get("when").and_then(Value::as_object).and_then(|when| {
            when.iter().map(|(key, word)| tables.condition(&format!("{key}={}", word.as_str()?))).collect()
        });
        if let (true, Some(words), Some(prices)) = (begun, words, variant.get("prices").and_then(Value::as_object)) {
            put(prices, &words, &mut model);
        }
    }
    model
}

/// The prices that hold on a day: the last dated entry that has begun; entries by the time of day are others.
fn in_force<'a>(rows: &'a [Value], day: &str) -> (Option<String>, Option<&'a Map<String, Value>>) {
    let mut found = (None, None);
    for row in rows {
        let constraint = row.get("constraint").filter(|constraint| !constraint.is_null());
        let holds = match (constraint, start(row)) {
            (None, _) => true,
            (Some(_), Some(start)) => start <= day,
            (Some(_), None) => false,
        };
        if holds {
            found = (start(row).map(str::to_owned), row.get("prices").and_then(Value::as_object));
        }
    }
    found
}

impl Tables {
    /// What a key without suffixes is for, what its amount is multiplied with, and its unit.
    fn plain(&self, key: &str, theirs: &str) -> Option<(Figure, Ratio, Option<meter_price::Unit>)> {
        if let Some(meter) = self.field.get(key) {
            return Some((Figure::of(*meter), Ratio::ONE, None));
        }
        let fits = self.fee.iter().filter(|fee| fee.field == key && fee.fits(theirs, ""));
        let fee = fits.max_by_key(|fee| !fee.providers.is_empty())?;
        Some((fee.figure(), fee.times(), fee.unit()))
    }
}
