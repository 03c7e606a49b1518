//! The rows of a sample's exchanges, as they end up: a read of an earlier call completes that call's row, once.

use super::{Decoded, told};
use meter_call::{EndpointClass, UsageState};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a read of an earlier call brings to its row.
const BROUGHT: &[&str] =
    &["usage", "buckets", "units", "unknown", "tier", "tokens_complete", "evidence", "line", "cost", "provider_cost"];

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
                        let brought = as_costed(read, row, exchange);
                        for key in BROUGHT {
                            earlier[*key] = brought.get(*key).cloned().unwrap_or_default();
                        }
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

/// A row of a settling read, as the call that it settles.
fn as_costed(read: &Decoded, row: usize, exchange: usize) -> Value {
    let mut route = read.route.clone();
    route.class = EndpointClass::Costed;
    let (readings, records) = (read.readings.clone(), read.records.clone());
    told(&Decoded { route, readings, records, priced: read.priced }, row, exchange + 1)
}
