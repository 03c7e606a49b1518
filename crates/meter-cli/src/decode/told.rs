//! A row in the words of `expected.toml`.

use super::Decoded;
use meter_call::{Billing, Buckets, CallRecord, EndpointClass, ErrorClass, Evidence, Meter, Side, UsageState};
use meter_daemon::settle::CACHE_HIT;
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
    (Meter::Video, "seconds"),
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

/// What a sample calls unknown where nothing was read; the row itself has all buckets of its dialect unknown.
const USUAL: [&str; 4] = ["input_uncached", "cache_read", "output_text", "reasoning"];

/// One row. `exchange` counts from 1; a row that costs nothing has no usage, whatever its body shows.
///
/// `evidence` is how sure the counts are, as samples mean it; what the price files add to the doubt (a tier without a
/// price of its own, a fee nobody lists) stands in `cost`.
pub fn told(decoded: &Decoded, row: usize, exchange: usize) -> Value {
    let (reading, record) = (&decoded.readings[row], &decoded.records[row]);
    let route = &decoded.route;
    let costed = route.class == EndpointClass::Costed;
    let nothing = CallReading::default();
    // Samples name the geo that an answer tells, not the one that stands in its address.
    let from_address = |geo: &str| route.facts.captures.values().any(|capture| capture == geo);
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
        // The tier of a row that costs nothing chooses no price.
        "tier": reading.service_tier.as_ref().filter(|_| costed),
        "speed": reading.speed,
        "geo": reading.geo.as_ref().filter(|geo| !from_address(geo)),
        "place": reading.geo.as_ref().filter(|geo| from_address(geo)),
        "deployment": reading.deployment,
        "upstream": reading.upstream,
        "mode": (route.billing == Billing::Plan).then_some("subscription"),
        "finish": reading.finish,
        "stream_end": reading.stream_end.as_str(),
        "usage": used.usage.as_str(),
        "tokens_complete": !costed || reading.usage == UsageState::Final,
        "evidence": evidence(decoded, row).as_str(),
        "error_class": error_class(reading, record),
        "error_code": reading.error.as_ref().and_then(|error| error.code.as_deref()),
        "http_status": record.http_status,
        "unknown": labels(used),
        "flags": flags(used, record),
        "buckets": counts(&used.buckets, false),
        "units": counts(&used.buckets, true),
        "line": used.lines.iter().map(|line| json!({"model": line.model, "buckets": counts(&line.buckets, false)})).collect::<Vec<_>>(),
        "provider_cost": used.provider_cost.as_ref().map(|usd| json!({"usd": usd})),
        "cost": {
            "evidence": record.evidence.as_str(),
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

/// How sure the counts are: the row's grade, without what only the price files doubt.
fn evidence(decoded: &Decoded, row: usize) -> Evidence {
    let (reading, record) = (&decoded.readings[row], &decoded.records[row]);
    if decoded.route.class != EndpointClass::Costed {
        return Evidence::None;
    }
    let unknown_model = record.evidence == Evidence::Unpriced && record.list.is_none() && decoded.priced;
    match (record.evidence, reading.usage) {
        (graded @ (Evidence::None | Evidence::ProviderCost), _) | (graded, UsageState::None) => graded,
        (graded, _) if unknown_model => graded,
        (_, UsageState::Partial) => Evidence::PartialStream,
        (_, UsageState::Final) => Evidence::ProviderUsage,
    }
}

/// The provider's error, or what the status or its absence says by itself.
fn error_class(reading: &CallReading, record: &CallRecord) -> &'static str {
    let told = reading.error.as_ref().map(|error| error.class);
    told.or(record.error_class).map_or("", ErrorClass::as_str)
}

/// What the wire raised, and that a gateway answered from its cache.
fn flags(reading: &CallReading, record: &CallRecord) -> Vec<String> {
    let hit = record.usage_flags.iter().filter(|flag| *flag == CACHE_HIT && !reading.flags.contains(*flag));
    reading.flags.iter().chain(hit).cloned().collect()
}

fn labels(reading: &CallReading) -> Vec<&'static str> {
    if reading.usage == UsageState::None && !reading.unknown.is_empty() {
        return USUAL.to_vec();
    }
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
