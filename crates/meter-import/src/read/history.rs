//! Providers with models, each with its history of rates by class, dollars per million tokens.

use super::{Upstream, UpstreamModel, number, page, quote, tokens};
use crate::figure::{Figure, Quote};
use crate::sources::{ProviderMap, Tables};
use meter_call::Meter;
use meter_money::Ratio;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How the list marks a date that comes from a provider's own page.
const DOCUMENTED: &str = "documented";

pub(super) fn read(providers: &Map<String, Value>, tables: &Tables, today: &str, upstream: &mut Upstream) {
    for (theirs, models) in providers {
        let Some(models) = models.as_object() else { continue };
        let Some(map) = tables.provider(theirs) else {
            upstream.left_out += models.len();
            continue;
        };
        for (id, classes) in models {
            let Some(classes) = classes.as_object() else { continue };
            let of = (map.ours.clone(), id.clone());
            let starts: BTreeSet<&str> =
                classes.values().filter_map(Value::as_array).flatten().filter_map(start).collect();
            for day in std::iter::once(today).chain(starts.into_iter().filter(|start| *start > today)) {
                let mut model = on_day(id, classes, day, tables, map, upstream);
                if day == today {
                    upstream.put(&of.0, &of.1, model);
                } else if !model.figures.is_empty() {
                    model.from = Some(day.to_owned());
                    upstream.later.push((of.clone(), model));
                }
            }
        }
    }
}

fn start(row: &Value) -> Option<&str> {
    row.get("start").and_then(Value::as_str)
}

fn on_day(
    id: &str,
    classes: &Map<String, Value>,
    day: &str,
    tables: &Tables,
    map: &ProviderMap,
    upstream: &mut Upstream,
) -> UpstreamModel {
    let mut model = UpstreamModel { name: id.to_owned(), ..UpstreamModel::default() };
    for (class, rows) in classes {
        let plain = class == "standard";
        let on = tables.condition(class);
        if !plain && on.is_none() {
            continue;
        }
        let mut rows = rows.as_array().into_iter().flatten();
        // ISO texts in UTC: a day sorts before every instant of it.
        let held = rows.rfind(|row| start(row).is_none_or(|start| start <= day));
        let Some(rates) = held.and_then(|row| row.get("rates")).and_then(Value::as_object) else { continue };
        if plain {
            model.from = rates.get("valid_from").and_then(Value::as_str).map(str::to_owned);
            let documented = rates.get("valid_from_basis").and_then(Value::as_str) == Some(DOCUMENTED);
            model.page = page(rates.get("source")).filter(|_| documented);
        }
        let under = |meter: Meter, over: Option<u64>| {
            let figure = Figure { over, ..Figure::of(meter) };
            on.into_iter().fold(figure, Figure::on)
        };
        let tiers = rates.get("tiers").and_then(Value::as_array).into_iter().flatten();
        let tiers = tiers.filter_map(|tier| Some((tier.get("above").and_then(tokens)?, tier.as_object()?)));
        for (over, prices) in std::iter::once((None, rates)).chain(tiers.map(|(over, prices)| (Some(over), prices))) {
            for (key, value) in prices {
                if let Some(meter) = tables.field.get(key) {
                    upstream.keep(&mut model, under(*meter, over), quote(value, Ratio::ONE));
                }
            }
            // A write that lives long costs a multiple of the input, where writes cost at all.
            let long = rates.get("cache_write_1h_multiple").and_then(number).flatten();
            if let (Some(multiple), Some(input), true) =
                (long, prices.get("input").and_then(number).flatten(), rates.contains_key("cache_write"))
            {
                let amount = input.mul(multiple).ok().map(|amount| Quote { amount, unit: None });
                let meter = map.write_long.unwrap_or(Meter::CacheWrite1h);
                upstream.keep(&mut model, under(meter, over), Some(amount));
            }
        }
    }
    model
}
