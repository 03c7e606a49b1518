//! `expected.toml` against readings.

pub use super::exchange::Exchange;
use super::exchange::sources;
use super::labels::meters;
use super::written::repository;
use meter_call::{Buckets, EndpointClass, ErrorClass, Meter, UsageState};
use meter_wire::{CallReading, StreamEnd};
use std::collections::{BTreeMap, BTreeSet};

/// One folder.
pub struct Sample {
    pub name: String,
    pub exchanges: Vec<Exchange>,
    calls: Vec<toml::Table>,
}

fn tables(table: &toml::Table, key: &str) -> Vec<toml::Table> {
    let items = table.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    items.into_iter().filter_map(|item| item.as_table().cloned()).collect()
}

fn text<'a>(table: &'a toml::Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(toml::Value::as_str).filter(|text| !text.is_empty())
}

fn texts(table: &toml::Table, key: &str) -> Vec<String> {
    let items = table.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    items.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

fn exchange_of(call: &toml::Table) -> usize {
    call.get("exchange").and_then(toml::Value::as_integer).and_then(|n| usize::try_from(n).ok()).unwrap_or(1)
}

impl Sample {
    /// Every sample of the repository.
    pub fn all() -> Vec<Sample> {
        let sources = sources();
        let mut samples = Vec::new();
        for entry in std::fs::read_dir(repository("tests/wire-samples")).expect("the folder of samples") {
            let folder = entry.expect("an entry").path();
            let Ok(expected) = std::fs::read_to_string(folder.join("expected.toml")) else { continue };
            let expected: toml::Table = expected.parse().expect("TOML");
            let calls = tables(&expected, "call");
            let mut exchanges = Vec::new();
            for (index, written) in tables(&expected, "exchange").iter().enumerate() {
                let call = calls.iter().find(|call| exchange_of(call) == index + 1).expect("a call of each exchange");
                // A read that may settle an earlier call is read like the call itself.
                let settles = calls.iter().any(|call| call.contains_key("usage_from_exchange"));
                let class = if settles { EndpointClass::Costed } else { class(call) };
                exchanges.push(Exchange::load(&folder, written, class, &sources));
            }
            let name = folder.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            samples.push(Sample { name, exchanges, calls });
        }
        samples.sort_by(|a, b| a.name.cmp(&b.name));
        samples
    }

    /// What is not as expected.
    pub fn differences(&self) -> Vec<String> {
        let readings: Vec<Vec<CallReading>> = self.exchanges.iter().map(Exchange::read).collect();
        let mut wrong = Vec::new();
        let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
        for call in &self.calls {
            let exchange = exchange_of(call);
            let row = rows.entry(exchange).or_default();
            let Some(reading) = readings.get(exchange - 1).and_then(|readings| readings.get(*row)) else {
                // Something that costs nothing has a row even where there was nothing to read.
                if class(call) != EndpointClass::Observed || *row > 0 {
                    wrong.push(format!("exchange {exchange} has no row {}", *row + 1));
                } else {
                    rows.remove(&exchange);
                }
                continue;
            };
            *row += 1;
            let mut reading = reading.clone();
            if let Some(from) = call.get("usage_from_exchange").and_then(toml::Value::as_integer) {
                // What the store does when a read settles an open row.
                let later = &readings[usize::try_from(from).expect("a number") - 1][0];
                assert_eq!(reading.usage, UsageState::None);
                assert_eq!(later.response_id, reading.response_id);
                reading = CallReading {
                    usage: later.usage,
                    buckets: later.buckets.clone(),
                    unknown: later.unknown.clone(),
                    flags: later.flags.clone(),
                    provider_cost: later.provider_cost.clone(),
                    service_tier: later.service_tier.clone().or(reading.service_tier),
                    model_answered: later.model_answered.clone().or(reading.model_answered),
                    finish: later.finish.clone().or(reading.finish),
                    ..reading
                };
            } else if class(call) != EndpointClass::Costed {
                reading = observed(reading);
            }
            compare(call, &reading, &mut wrong);
        }
        for (index, readings) in readings.iter().enumerate() {
            let expected = rows.get(&(index + 1)).copied().unwrap_or(0);
            if readings.len() != expected {
                wrong.push(format!("exchange {} has {} rows, not {expected}", index + 1, readings.len()));
            }
        }
        wrong
    }
}

fn class(call: &toml::Table) -> EndpointClass {
    EndpointClass::from_word(call["class"].as_str().expect("a class")).expect("a class")
}

/// A settling read that settled nothing is only observed.
fn observed(reading: CallReading) -> CallReading {
    CallReading {
        usage: UsageState::None,
        buckets: Buckets::default(),
        unknown: BTreeSet::new(),
        lines: Vec::new(),
        flags: BTreeSet::new(),
        provider_cost: None,
        ..reading
    }
}

fn compare(call: &toml::Table, reading: &CallReading, wrong: &mut Vec<String>) {
    let provider = text(call, "provider").unwrap_or("");
    let mut check = |what: &str, got: String, expected: String| {
        if got != expected {
            wrong.push(format!("{what}: got {got}, expected {expected}"));
        }
    };
    let show = |text: Option<&str>| format!("{text:?}");
    let mut same = |what: &str, got: &Option<String>| check(what, show(got.as_deref()), show(text(call, what)));
    same("model_requested", &reading.model_requested);
    same("model_answered", &reading.model_answered);
    same("request_id", &reading.request_id);
    same("response_id", &reading.response_id);
    // The polls of a background call show a tier that the samples leave out: an observed row has no price to choose.
    if class(call) == EndpointClass::Costed {
        same("tier", &reading.service_tier);
    }
    same("speed", &reading.speed);
    same("geo", &reading.geo);
    same("deployment", &reading.deployment);
    same("upstream", &reading.upstream);
    if call.contains_key("finish") {
        same("finish", &reading.finish);
    }
    // `batch_result` is the endpoint's word.
    if text(call, "kind") != Some("batch_result") && class(call) == EndpointClass::Costed {
        same("kind", &reading.kind);
    }
    if let Some(turn) = call.get("turn").and_then(toml::Value::as_integer) {
        check("turn", reading.turn.to_string(), turn.to_string());
    }
    check("stream", reading.stream.to_string(), call["stream"].as_bool().unwrap_or(false).to_string());
    check("stream_end", reading.stream_end.as_str().to_owned(), text(call, "stream_end").unwrap_or("").to_owned());
    let truncated = reading.stream_end == StreamEnd::Truncated;
    check(
        "truncation and its word",
        truncated.to_string(),
        (text(call, "stream_end") == Some("truncated")).to_string(),
    );
    check("usage", reading.usage.as_str().to_owned(), text(call, "usage").unwrap_or("").to_owned());
    let complete = reading.usage == UsageState::Final || class(call) != EndpointClass::Costed;
    check("tokens_complete", complete.to_string(), call["tokens_complete"].as_bool().unwrap_or(false).to_string());
    let error_class = reading.error.as_ref().map(|error| error.class).map(ErrorClass::as_str);
    check("error_class", show(error_class), show(text(call, "error_class")));
    let code = reading.error.as_ref().and_then(|error| error.code.as_deref());
    check("error_code", show(code), show(text(call, "error_code")));

    let expected_unknown: BTreeSet<Meter> =
        texts(call, "unknown").iter().flat_map(|label| meters(label, provider)).collect();
    // Where nothing is known, a sample names the usual buckets only; ours are all of them.
    let nothing = reading.usage == UsageState::None && !expected_unknown.is_empty();
    let unknown: BTreeSet<Meter> = if nothing {
        reading.unknown.iter().copied().filter(|meter| expected_unknown.contains(meter)).collect()
    } else {
        reading.unknown.clone()
    };
    check("unknown", format!("{unknown:?}"), format!("{expected_unknown:?}"));
    // What a head says of a gateway's cache is no dialect's to read.
    let flags: BTreeSet<String> = texts(call, "flags").into_iter().filter(|flag| flag != "gateway_cache_hit").collect();
    check("flags", format!("{:?}", reading.flags), format!("{flags:?}"));
    for mismatch in counts(&reading.buckets, &[call.get("buckets"), call.get("units")], provider) {
        check("buckets", mismatch, String::new());
    }
    let cost = call.get("provider_cost").and_then(toml::Value::as_table).and_then(|cost| text(cost, "usd"));
    check("provider_cost", show(reading.provider_cost.as_deref()), show(cost));
    lifetimes(call, reading, &mut check);
    lines(call, reading, provider, &mut check);
}

/// Differences between our buckets and the sample's; a bucket that is not listed is 0.
fn counts(buckets: &Buckets, parts: &[Option<&toml::Value>], provider: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut named: BTreeSet<Meter> = BTreeSet::new();
    for (label, expected) in parts.iter().flatten().filter_map(|part| part.as_table()).flatten() {
        let ours = meters(label, provider);
        let got: u64 = ours.iter().map(|meter| buckets.count(*meter)).sum();
        let expected = expected.as_integer().and_then(|n| u64::try_from(n).ok()).expect("a count");
        named.extend(ours);
        if got != expected {
            wrong.push(format!("{label} = {got}, not {expected}"));
        }
    }
    wrong.extend(buckets.iter().filter(|(meter, _)| !named.contains(meter)).map(|(meter, n)| format!("{meter} = {n}")));
    wrong
}

fn lifetimes(call: &toml::Table, reading: &CallReading, check: &mut dyn FnMut(&str, String, String)) {
    let of = |label: &str| match label {
        "30m" => reading.buckets.count(Meter::CacheWrite30m),
        "12h" => reading.buckets.count(Meter::CacheWrite12h),
        other => panic!("a lifetime {other}"),
    };
    for split in texts(call, "cache_write_other_split") {
        let (label, count) = split.split_once(':').expect("lifetime:count");
        check("split", of(label).to_string(), count.to_owned());
    }
    if let Some(label) = text(call, "cache_write_other_ttl") {
        let all = [Meter::CacheWrite, Meter::CacheWrite30m, Meter::CacheWrite12h];
        let sum: u64 = all.iter().map(|meter| reading.buckets.count(*meter)).sum();
        check("lifetime", of(label).to_string(), sum.to_string());
    }
}

fn lines(call: &toml::Table, reading: &CallReading, provider: &str, check: &mut dyn FnMut(&str, String, String)) {
    let expected = tables(call, "line");
    if reading.lines.is_empty() && expected.len() == 1 {
        check(
            "model of the only line",
            format!("{:?}", reading.model_answered),
            format!("{:?}", Some(&expected[0]["model"].as_str().unwrap_or(""))),
        );
        return;
    }
    check("lines", reading.lines.len().to_string(), expected.len().to_string());
    let mut sum = Buckets::default();
    for (line, expected) in reading.lines.iter().zip(&expected) {
        check("line model", format!("{:?}", line.model.as_deref()), format!("{:?}", text(expected, "model")));
        for mismatch in counts(&line.buckets, &[expected.get("buckets")], provider) {
            check("line", mismatch, String::new());
        }
        line.buckets.iter().for_each(|(meter, count)| sum.add(meter, count));
    }
    let whole: Vec<(Meter, u64)> =
        reading.buckets.iter().filter(|(meter, _)| meter.side() != meter_call::Side::Unit).collect();
    if !reading.lines.is_empty() {
        check("sum of the lines", format!("{:?}", sum.iter().collect::<Vec<_>>()), format!("{whole:?}"));
    }
}
