//! A row in the words of `expected.toml`.

use super::Decoded;
use meter_call::{Billing, Buckets, EndpointClass, Meter, Side, UsageState};
use meter_wire::CallReading;
use serde_json::{Map, Value, json};

/// Samples' word for a meter; those that are not here are the same.
const LABELS: &[(Meter, &str)] = &[
    (Meter::Input, "input_uncached"),
    (Meter::Output, "output_text"),
    (Meter::CacheWrite, "cache_write_other"),
    (Meter::CacheWrite30m, "cache_write_other"),
    (Meter::CacheWrite12h, "cache_write_other"),
    (Meter::InputAudio, "audio_in"),
    (Meter::InputImage, "image_in"),
    (Meter::InputVideo, "video_in"),
    (Meter::OutputAudio, "audio_out"),
    (Meter::OutputImage, "image_out"),
    (Meter::Audio, "seconds"),
    (Meter::Image, "images"),
    (Meter::Page, "pages"),
    (Meter::Grounding, "web_search"),
    (Meter::MapsGrounding, "maps"),
    (Meter::CodeInterpreter, "code_exec"),
    (Meter::Query, "search_units"),
    (Meter::Request, "requests"),
];

fn label(meter: Meter) -> &'static str {
    LABELS.iter().find(|(ours, _)| *ours == meter).map_or(meter.name(), |(_, label)| label)
}

fn counts(buckets: &Buckets, units: bool) -> Value {
    let mut sums: Map<String, Value> = Map::new();
    for (meter, count) in buckets.iter().filter(|(meter, _)| (meter.side() == Side::Unit) == units) {
        let sum = sums.get(label(meter)).and_then(Value::as_u64).unwrap_or(0) + count;
        sums.insert(label(meter).to_owned(), sum.into());
    }
    Value::Object(sums)
}

/// One row. `exchange` counts from 1; a row that costs nothing has no usage, whatever its body shows.
pub fn told(decoded: &Decoded, row: usize, exchange: usize) -> Value {
    let (reading, record) = (&decoded.readings[row], &decoded.records[row]);
    let route = &decoded.route;
    let costed = route.class == EndpointClass::Costed;
    let nothing = CallReading::default();
    let used = if costed { reading } else { &nothing };
    let mut told = json!({
        "exchange": exchange,
        "provider": route.provider,
        "dialect": route.dialect.as_ref().map(|dialect| dialect.id()),
        "endpoint": route.endpoint,
        "class": route.class.as_str(),
        "kind": record.request_kind,
        "turn": reading.turn,
        "stream": reading.stream,
        "model_requested": reading.model_requested.as_deref().unwrap_or(""),
        "model_answered": reading.model_answered.as_deref().unwrap_or(""),
        "request_id": reading.request_id,
        "response_id": reading.response_id,
        "tier": reading.service_tier,
        "speed": reading.speed,
        "geo": reading.geo,
        "deployment": reading.deployment,
        "upstream": reading.upstream,
        "mode": (route.billing == Billing::Plan).then_some("subscription"),
        "finish": reading.finish,
        "stream_end": reading.stream_end.as_str(),
        "usage": used.usage.as_str(),
        "tokens_complete": !costed || reading.usage == UsageState::Final,
        "evidence": record.evidence.as_str(),
        "error_class": reading.error.as_ref().map_or("", |error| error.class.as_str()),
        "error_code": reading.error.as_ref().and_then(|error| error.code.as_deref()),
        "http_status": record.http_status,
        "unknown": labels(used),
        "flags": reading.flags,
        "buckets": counts(&used.buckets, false),
        "units": counts(&used.buckets, true),
        "line": used.lines.iter().map(|line| json!({"model": line.model, "buckets": counts(&line.buckets, false)})).collect::<Vec<_>>(),
        "provider_cost": used.provider_cost.as_ref().map(|usd| json!({"usd": usd})),
        "cost": {
            "list": record.list.map(|amount| amount.to_string()),
            "charged": record.charged.map(|amount| amount.to_string()),
            "lines": record.lines,
        },
    });
    lifetimes(used, &mut told);
    if let Value::Object(keys) = &mut told {
        keys.retain(|_, value| !value.is_null());
    }
    told
}

fn labels(reading: &CallReading) -> Vec<&'static str> {
    let mut labels: Vec<&str> = reading.unknown.iter().map(|meter| label(*meter)).collect();
    labels.dedup();
    labels
}

/// Lifetimes of cache writes that are neither 5 minutes nor 1 hour.
fn lifetimes(reading: &CallReading, told: &mut Value) {
    let known = [(Meter::CacheWrite30m, "30m"), (Meter::CacheWrite12h, "12h")];
    let present: Vec<(u64, &str)> = known
        .iter()
        .map(|(meter, lifetime)| (reading.buckets.count(*meter), *lifetime))
        .filter(|(count, _)| *count > 0)
        .collect();
    match present.as_slice() {
        [] => {}
        [(_, lifetime)] => told["cache_write_other_ttl"] = json!(lifetime),
        several => {
            let split: Vec<String> = several.iter().map(|(count, lifetime)| format!("{lifetime}:{count}")).collect();
            told["cache_write_other_split"] = json!(split);
        }
    }
}
