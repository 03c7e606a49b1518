//! The rows of a sample's exchanges, as they end up: a read of an earlier call completes that call's row, once.

use super::{Decoded, told};
use meter_call::{EndpointClass, UsageState};
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
pub fn rows(decoded: &[Option<Decoded>]) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    let mut calls: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (exchange, read) in decoded.iter().enumerate() {
        let Some(read) = read else { continue };
        for (row, reading) in read.readings.iter().enumerate() {
            let mut value = told(read, row, exchange + 1);
            let call = reading.response_id.as_deref().map(|id| (read.route.provider.as_str(), id));
            if read.route.settles && reading.usage == UsageState::Final {
                let earlier = call.and_then(|call| calls.get(&call)).and_then(|index| rows.get_mut(*index));
                match (earlier, call) {
                    (Some(earlier), _) if earlier["usage"] == json!(UsageState::Final.as_str()) => {}
                    (Some(earlier), _) => {
                        complete(earlier, &as_costed(read, row, exchange));
                        earlier["usage_from_exchange"] = json!(exchange + 1);
                    }
                    (None, Some(_)) => value = as_costed(read, row, exchange),
                    (None, None) => {}
                }
            }
            let costed = value["class"] == json!(EndpointClass::Costed.as_str());
            if let Some(call) = call.filter(|_| costed) {
                calls.insert(call, rows.len());
            }
            rows.push(value);
        }
    }
    rows
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

/// A row of a settling read, as the call that it settles.
fn as_costed(read: &Decoded, row: usize, exchange: usize) -> Value {
    let mut route = read.route.clone();
    route.class = EndpointClass::Costed;
    let (readings, records) = (read.readings.clone(), read.records.clone());
    told(&Decoded { route, readings, records, priced: read.priced }, row, exchange + 1)
}
