//! What a sample expects against what was read.

use super::sample::{exchange_of, text};
use meter_call::{EndpointClass, Evidence, UsageState};
use serde_json::{Value, json};

/// Keys that are labels of the sample's own, and those that are compared apart.
const NOT_COMPARED: &[&str] = &["exchange", "provider", "dialect", "line", "provider_cost"];
/// Keys whose absence in a sample says that they are not on the wire.
const ABSENT_COUNTS: &[&str] = &[
    "request_id",
    "response_id",
    "tier",
    "speed",
    "geo",
    "deployment",
    "upstream",
    "mode",
    "error_code",
    "flags",
    "unknown",
    "cache_write_other_ttl",
    "cache_write_other_split",
    "usage_from_exchange",
];

/// Labels and counts.
type Counts = Vec<(String, u64)>;

/// Every difference between the rows of a sample's exchanges and its calls, in words.
pub fn differences(calls: &[toml::Table], rows: &[Value], exchanges: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    for exchange in 0..exchanges {
        let expected: Vec<&toml::Table> = calls.iter().filter(|call| exchange_of(call) == exchange).collect();
        let number = json!(exchange + 1);
        let read: Vec<&Value> = rows.iter().filter(|row| row["exchange"] == number).collect();
        if read.len() != expected.len() {
            wrong.push(format!("exchange {number} has {} rows, not {}", read.len(), expected.len()));
        }
        for (index, (call, row)) in expected.into_iter().zip(read).enumerate() {
            let label = format!("exchange {number}, row {}", index + 1);
            let expected = serde_json::to_value(call).unwrap_or_default();
            compare(call, &expected, row, &mut |what| wrong.push(format!("{label}: {what}")));
        }
    }
    let beyond = calls.iter().filter(|call| exchange_of(call) >= exchanges);
    wrong.extend(beyond.map(|call| format!("there is no exchange {}", exchange_of(call) + 1)));
    wrong
}

fn compare(call: &toml::Table, expected: &Value, row: &Value, wrong: &mut dyn FnMut(String)) {
    let got = row;
    let costed = text(call, "class") == EndpointClass::Costed.as_str();
    let empty = |value: &Value| value.is_null() || *value == json!("") || *value == json!([]) || *value == json!({});
    for (key, expected) in expected.as_object().into_iter().flatten() {
        // The tier of a row that costs nothing chooses no price, and samples leave it out; so with kinds.
        let skipped = NOT_COMPARED.contains(&key.as_str()) || !costed && matches!(key.as_str(), "tier" | "kind");
        let got = got.get(key).cloned().unwrap_or_default();
        let same = match key.as_str() {
            "unknown" => unknown(expected, &got, call),
            "evidence" => *expected == got || evidence_of_counts(&got, row) == *expected,
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

/// What the grade would be with a price: a sample does not know the price files in force.
fn evidence_of_counts(evidence: &Value, row: &Value) -> Value {
    if *evidence != json!(Evidence::Unpriced.as_str()) {
        return Value::Null;
    }
    let graded = match row["usage"].as_str() {
        Some("final") => Evidence::ProviderUsage,
        Some("partial") => Evidence::PartialStream,
        _ => Evidence::Estimated,
    };
    json!(graded.as_str())
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
