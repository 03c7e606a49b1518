//! What a sample expects against what was read.

use super::sample::{exchange_of, text};
use super::{Decoded, told};
use meter_call::{EndpointClass, UsageState};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Keys that are labels of the sample's own, or depend on the price files in force.
const NOT_COMPARED: &[&str] =
    &["exchange", "provider", "dialect", "evidence", "usage_from_exchange", "line", "provider_cost"];
/// Keys whose absence in a sample says that they are not on the wire.
const ABSENT_COUNTS: &[&str] =
    &["request_id", "response_id", "speed", "geo", "deployment", "upstream", "error_code", "flags", "unknown"];

/// Labels and counts.
type Counts = Vec<(String, u64)>;

/// Every difference between the rows of a sample's exchanges and its calls, in words.
pub fn differences(calls: &[toml::Table], decoded: &[Decoded]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
    for call in calls {
        let exchange = exchange_of(call);
        let row = rows.entry(exchange).or_default();
        let Some(read) = decoded.get(exchange).filter(|read| *row < read.readings.len()) else {
            wrong.push(format!("exchange {} has no row {}", exchange + 1, *row + 1));
            continue;
        };
        // What a read of results settles without a row of its own becomes one: a line of a batch.
        let own = read.route.settles && text(call, "class") == EndpointClass::Costed.as_str();
        let mut value = if own { as_costed(read, *row, exchange) } else { told(read, *row, exchange + 1) };
        *row += 1;
        // Samples name the geo that an answer tells, not the one that stands in its address.
        if read.route.facts.captures.values().any(|capture| value["geo"] == json!(capture)) {
            value["geo"] = Value::Null;
        }
        if let Some(from) = call.get("usage_from_exchange").and_then(toml::Value::as_integer) {
            settled(&mut value, decoded, usize::try_from(from - 1).unwrap_or(0));
        }
        let expected = serde_json::to_value(call).unwrap_or_default();
        let label = format!("exchange {}, row {row}", exchange + 1);
        compare(call, &expected, &value, &mut |what| wrong.push(format!("{label}: {what}")));
    }
    for (index, read) in decoded.iter().enumerate() {
        let expected = rows.get(&index).copied().unwrap_or(0);
        if read.readings.len() != expected {
            wrong.push(format!("exchange {} has {} rows, not {expected}", index + 1, read.readings.len()));
        }
    }
    wrong
}

/// What the meter does when a later read brings the usage of an open row.
fn settled(value: &mut Value, decoded: &[Decoded], from: usize) {
    let Some(later) = decoded.get(from).filter(|later| !later.readings.is_empty()) else { return };
    let later = as_costed(later, 0, from);
    for key in ["usage", "buckets", "units", "unknown", "tier", "tokens_complete"] {
        value[key] = later.get(key).cloned().unwrap_or_default();
    }
}

/// A row of a settling read, as the call that it settles.
fn as_costed(read: &Decoded, row: usize, exchange: usize) -> Value {
    let mut route = read.route.clone();
    route.class = EndpointClass::Costed;
    let (readings, records) = (read.readings.clone(), read.records.clone());
    told(&Decoded { route, readings, records }, row, exchange + 1)
}

fn compare(call: &toml::Table, expected: &Value, got: &Value, wrong: &mut dyn FnMut(String)) {
    let costed = text(call, "class") == EndpointClass::Costed.as_str();
    let empty = |value: &Value| value.is_null() || *value == json!("") || *value == json!([]) || *value == json!({});
    for (key, expected) in expected.as_object().into_iter().flatten() {
        // The tier of a row that costs nothing chooses no price, and samples leave it out; so with kinds.
        let skipped = NOT_COMPARED.contains(&key.as_str()) || !costed && matches!(key.as_str(), "tier" | "kind");
        let got = got.get(key).cloned().unwrap_or_default();
        let same = match key.as_str() {
            "unknown" => unknown(expected, &got, call),
            "buckets" | "units" => above_zero(expected) == above_zero(&got),
            "cache_write_other_split" | "flags" => sorted(expected) == sorted(&got),
            _ => *expected == got || empty(expected) && empty(&got),
        };
        if !skipped && !same {
            wrong(format!("{key} is {got}, not {expected}"));
        }
    }
    for key in ABSENT_COUNTS.iter().filter(|key| expected.get(**key).is_none()) {
        let got = got.get(*key).cloned().unwrap_or_default();
        let nothing_known = *key == "unknown" && text(call, "usage") == UsageState::None.as_str();
        if !empty(&got) && !nothing_known {
            wrong(format!("{key} is {got}, and nothing is expected"));
        }
    }
    for key in ["buckets", "units"] {
        let got = got.get(key).cloned().unwrap_or_default();
        if expected.get(key).is_none() && !empty(&got) {
            wrong(format!("{key} is {got}, and nothing is expected"));
        }
    }
    let cost = |value: &Value| value.pointer("/provider_cost/usd").cloned().unwrap_or_default();
    if cost(expected) != cost(got) {
        wrong(format!("provider_cost is {}, not {}", cost(got), cost(expected)));
    }
    lines(expected, got, wrong);
}

/// A bucket that is not listed is 0.
fn above_zero(counts: &Value) -> Counts {
    let counts = counts.as_object().into_iter().flatten();
    counts.filter_map(|(label, count)| Some((label.clone(), count.as_u64().filter(|count| *count > 0)?))).collect()
}

fn sorted(list: &Value) -> Vec<String> {
    let mut texts: Vec<String> = list.as_array().into_iter().flatten().map(ToString::to_string).collect();
    texts.sort();
    texts
}

/// Where nothing is known, a sample names the usual buckets only; we name all of them.
fn unknown(expected: &Value, got: &Value, call: &toml::Table) -> bool {
    let (expected, got) = (sorted(expected), sorted(got));
    if text(call, "usage") == UsageState::None.as_str() {
        return expected.iter().all(|label| got.contains(label));
    }
    expected == got
}

/// One line is the whole call at the answered model.
fn lines(expected: &Value, got: &Value, wrong: &mut dyn FnMut(String)) {
    let list = |value: &Value| value.get("line").and_then(Value::as_array).cloned().unwrap_or_default();
    let (expected, read) = (list(expected), list(got));
    let alone = expected.len() == 1 && read.is_empty() && expected[0].get("model") == got.get("model_answered");
    let shown = |lines: &[Value]| -> Vec<(Value, Counts)> {
        lines.iter().map(|line| (line["model"].clone(), above_zero(&line["buckets"]))).collect()
    };
    if shown(&expected) != shown(&read) && !alone {
        wrong(format!("lines are {}, not {}", Value::from(read), Value::from(expected)));
    }
}
