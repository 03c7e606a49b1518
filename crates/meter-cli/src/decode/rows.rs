//! The rows of a sample's exchanges, as they end up: a read of an earlier call completes that call's row, once.

use super::{Decoded, told};
use meter_call::{EndpointClass, UsageState};
use meter_daemon::settle::{AskedFor, Exchange, Target, as_asked, settle};
use meter_manifest::Model;
use meter_tap::Finish;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a read of an earlier call brings to its row.
const BROUGHT: &[&str] = &[
    "usage",
    "buckets",
    "units",
    "unknown",
    "flags",
    "tokens_complete",
    "evidence",
    "error_class",
    "error_code",
    "line",
    "cost",
    "provider_cost",
    "cache_write_other_ttl",
    "cache_write_other_split",
];
/// What the first answer may have told, where the read says nothing of it.
const TOLD_AGAIN: &[&str] = &["model_answered", "tier", "speed", "geo", "upstream", "finish"];

/// Every row, by exchange and in order. A read that completes nothing is only observed; one whose call nobody saw is that
/// call itself.
/// An exchange without a `Decoded` has no row.
pub fn rows(model: &Model, decoded: &[Option<Decoded>]) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    let mut calls: BTreeMap<(&str, &str), Made<'_>> = BTreeMap::new();
    for (exchange, read) in decoded.iter().enumerate() {
        let Some(read) = read else { continue };
        for (row, reading) in read.readings.iter().enumerate() {
            let mut value = told(read, row, exchange + 1);
            let call = reading.response_id.as_deref().map(|id| (read.route.provider.as_str(), id));
            let made = call.and_then(|call| calls.get(&call));
            // The answer that the same key got before, under the same id: it was paid for.
            let replays = read.key.is_some()
                && made.is_some_and(|made| made.exchange != exchange && made.decoded.key == read.key);
            if replays {
                value = as_class(EndpointClass::Observed, read, row, exchange);
            }
            if (read.route.settles || replays) && reading.is_last_word() {
                match (made.and_then(|made| Some((made, rows.get_mut(made.index)?))), call) {
                    (Some((_, earlier)), _) if earlier["usage"] == json!(UsageState::Final.as_str()) => {}
                    (Some((_, earlier)), _) if !earlier["usage_from_exchange"].is_null() => {}
                    (Some((made, earlier)), _) => {
                        complete(earlier, &settled(model, made, read, row));
                        earlier["usage_from_exchange"] = json!(exchange + 1);
                    }
                    (None, Some(_)) => value = as_class(EndpointClass::Costed, read, row, exchange),
                    (None, None) => {}
                }
            }
            let costed = value["class"] == json!(EndpointClass::Costed.as_str());
            if let Some(call) = call.filter(|_| costed) {
                calls.insert(call, Made { index: rows.len(), exchange, decoded: read, row });
            }
            rows.push(value);
        }
    }
    rows
}

/// A call that a later read may complete.
struct Made<'a> {
    /// Where its row stands.
    index: usize,
    exchange: usize,
    decoded: &'a Decoded,
    row: usize,
}

/// What a read brings, at the price of the call as it was made.
fn settled(model: &Model, made: &Made<'_>, read: &Decoded, row: usize) -> Value {
    let first = &made.decoded.records[made.row];
    let reading = as_asked(
        &read.readings[row],
        AskedFor {
            model_requested: first.model_requested.clone(),
            service_tier: first.service_tier.clone(),
            speed: first.speed.clone(),
            geo: first.geo.clone(),
            conditions: first.conditions.clone().unwrap_or_default(),
            request_id: first.provider_request_id.clone(),
        },
    );
    let exchange = Exchange {
        target: Target {
            prices: read.exchange.target.prices.clone(),
            kind: first.request_kind.clone(),
            ..made.decoded.exchange.target.clone()
        },
        ended_at: read.exchange.ended_at,
        finish: Finish::Whole,
        free: false,
        ..made.decoded.exchange.clone()
    };
    let record = settle(&model.prices, &exchange, &reading, None, &model.tagging.default_project);
    let mut route = made.decoded.route.clone();
    route.class = EndpointClass::Costed;
    told(
        &Decoded { route, readings: vec![reading], records: vec![record], exchange, key: None, priced: read.priced },
        0,
        0,
    )
}

/// The earlier row again, with what was missing.
fn complete(earlier: &mut Value, brought: &Value) {
    let Some(earlier) = earlier.as_object_mut() else { return };
    earlier.retain(|key, _| !BROUGHT.contains(&key.as_str()));
    for key in BROUGHT.iter().chain(TOLD_AGAIN) {
        if let Some(value) = brought.get(*key).filter(|value| **value != json!("") || !earlier.contains_key(*key)) {
            earlier.insert((*key).to_owned(), value.clone());
        }
    }
}

/// A row of another class: a settling read as the call that it settles, a replayed answer as a read.
fn as_class(class: EndpointClass, read: &Decoded, row: usize, exchange: usize) -> Value {
    let mut route = read.route.clone();
    route.class = class;
    let (readings, records) = (read.readings.clone(), read.records.clone());
    let other = Decoded { route, readings, records, exchange: read.exchange.clone(), key: None, priced: read.priced };
    told(&other, row, exchange + 1)
}
