use super::*;
use meter_call::{Buckets, Conditions, UnixMillis};
use meter_manifest::ManifestFile;
use meter_wire::{ModelLine, WireError};

const PRICES: &str = r#"
schema = 1
provider = "acme"
source = "https://acme.example/pricing"
checked = 2026-11-24

[settlement]
prefer = "provider_cost"
check = 0.01

[[model]]
id = "acme-2"
max_output = 1000
[[model.rates]]
from = 2026-01-01
input = 4
cache_read = 1
output = 20
when = [{ class = "priority", scale = 2 }]

[[model]]
id = "acme-mini"
[[model.rates]]
from = 2026-01-01
input = 1
output = 2

[[model]]
id = "acme-embed"
[[model.rates]]
from = 2026-01-01
input = 1
"#;

fn book() -> PriceBook {
    let file = ManifestFile::new("manifests/prices/acme.toml", PRICES);
    let (model, found) = meter_manifest::load(&[], &[file]);
    let errors: Vec<String> =
        found.iter().map(|one| format!("{one:?}")).filter(|text| text.contains("prices")).collect();
    assert!(model.prices.covers("acme", "acme-2", AT), "{errors:#?}");
    model.prices
}

const AT: UnixMillis = UnixMillis(1_795_000_000_000);

pub(crate) fn exchange() -> Exchange {
    Exchange {
        id: CallId::new(1, [1; 10]),
        target: Target {
            provider: "acme".into(),
            prices: "acme".into(),
            endpoint: "chat".into(),
            class: EndpointClass::Costed,
            kind: "chat".into(),
            billing: Billing::Api,
            upstream: None,
        },
        host: "api.acme.example".into(),
        method: "POST".into(),
        path: "/v1/chat".into(),
        requested_at: AT,
        ended_at: AT,
        latency_ms: 10,
        ttfb_ms: Some(5),
        added_us: 7,
        asked: true,
        http_status: Some(200),
        finish: Finish::Whole,
        retry_after_ms: None,
        frames: None,
        free: false,
        marks: Vec::new(),
        rule: None,
        retry_of: None,
        manifest_digest: "b3:0".into(),
    }
}

fn reading() -> CallReading {
    CallReading {
        model_requested: Some("acme-2".into()),
        model_answered: Some("acme-2".into()),
        usage: UsageState::Final,
        buckets: [(Meter::Input, 1000), (Meter::Output, 100)].into_iter().collect(),
        unknown: [Meter::Reasoning].into(),
        ..CallReading::default()
    }
}

fn row(exchange: &Exchange, reading: &CallReading) -> CallRecord {
    settle(&book(), exchange, reading, None, &"misc".parse().unwrap())
}

fn usd(text: &str) -> Option<PicoUsd> {
    Some(text.parse().unwrap())
}

#[test]
fn an_ordinary_call() {
    let row = row(&exchange(), &reading());
    assert_eq!((row.status, row.mode, row.evidence), (Status::Success, Mode::Standard, Evidence::ProviderUsage));
    assert_eq!((row.list, row.contract, row.charged), (usd("0.006"), usd("0.006"), usd("0.006")));
    assert_eq!((row.lines.len(), row.prices.len(), row.tokens_complete, row.reasoning_known), (2, 1, true, false));
    assert_eq!((row.project.as_str(), row.source.as_str()), ("misc", "default"));
    assert_eq!((row.estimated, row.error_class, row.provider_cost), (None, None, None));
}

#[test]
fn a_plan_charges_nothing_and_keeps_the_list() {
    let mut exchange = exchange();
    exchange.target.billing = Billing::Plan;
    let row = row(&exchange, &reading());
    assert_eq!((row.list, row.charged), (usd("0.006"), usd("0")));
}

#[test]
fn the_providers_own_figure_wins_and_a_drift_is_told() {
    let row = row(&exchange(), &CallReading { provider_cost: Some("0.01".into()), ..reading() });
    assert_eq!((row.charged, row.provider_cost, row.list), (usd("0.01"), usd("0.01"), usd("0.006")));
    assert_eq!((row.evidence, row.usage_flags), (Evidence::ProviderCost, vec!["cost_drift".to_owned()]));
}

#[test]
fn an_unknown_model_is_unpriced_never_zero() {
    let row = row(&exchange(), &CallReading { model_answered: Some("acme-2-turbo".into()), ..reading() });
    assert_eq!((row.evidence, row.list, row.charged), (Evidence::Unpriced, None, None));
    assert_eq!(row.usage.count(Meter::Input), 1000);
}

#[test]
fn a_cut_stream_is_a_lower_bound_with_its_tail_beside_it() {
    let mut exchange = exchange();
    exchange.finish = Finish::ClientLeft;
    let cut = CallReading {
        stream: true,
        stream_end: StreamEnd::Truncated,
        usage: UsageState::Partial,
        answer_bytes: 4000,
        ..reading()
    };
    let row = row(&exchange, &cut);
    assert_eq!((row.status, row.mode, row.evidence), (Status::Cancelled, Mode::Streaming, Evidence::PartialStream));
    assert_eq!((row.charged, row.tokens_complete), (usd("0.006"), false));
    // Up to 1000 answer tokens passed, 100 of them are counted: 0 to 900 at 20 per million.
    assert_eq!((row.estimated, row.estimated_bound), (usd("0.009"), usd("0.009")));
}

#[test]
fn an_answer_without_usage_is_estimated_outside_every_amount() {
    let silent = CallReading {
        usage: UsageState::None,
        buckets: Buckets::default(),
        unknown: [Meter::Input, Meter::Output, Meter::Reasoning].into(),
        stream: true,
        stream_end: StreamEnd::Normal,
        request_bytes: 600,
        answer_bytes: 4000,
        ..reading()
    };
    let row = row(&exchange(), &silent);
    assert_eq!((row.status, row.evidence, row.charged), (Status::Success, Evidence::Estimated, None));
    // 100 to 300 prompt tokens at 4, 10 to 1000 answer tokens at 20 per million.
    assert_eq!((row.estimated, row.estimated_bound), (usd("0.0109"), usd("0.0103")));
    assert_eq!((row.usage_flags, row.usage_state), (vec!["estimated_from_bytes".to_owned()], UsageState::None));
}

#[test]
fn an_embedding_without_usage_is_estimated_by_its_prompt_alone() {
    let silent = CallReading {
        model_requested: Some("acme-embed".into()),
        model_answered: Some("acme-embed".into()),
        usage: UsageState::None,
        buckets: Buckets::default(),
        unknown: [Meter::Input].into(),
        request_bytes: 600,
        answer_bytes: 4000,
        ..reading()
    };
    let row = row(&exchange(), &silent);
    assert_eq!((row.evidence, row.charged), (Evidence::Estimated, None));
    // 100 to 300 prompt tokens at 1 per million, whatever the answer weighs.
    assert_eq!((row.estimated, row.estimated_bound), (usd("0.0002"), usd("0.0001")));
}

#[test]
fn an_answer_that_comes_later_is_unpriced_until_then() {
    let queued = CallReading {
        usage: UsageState::None,
        buckets: Buckets::default(),
        unknown: [Meter::Input, Meter::Output, Meter::Reasoning].into(),
        kind: Some("background".to_owned()),
        request_bytes: 600,
        answer_bytes: 4000,
        ..reading()
    };
    let row = row(&exchange(), &queued);
    assert_eq!((row.evidence, row.charged, row.estimated), (Evidence::Unpriced, None, None));
    assert_eq!(row.usage_flags, ["usage_later"]);
}

#[test]
fn what_the_provider_refused_costs_nothing() {
    let mut exchange = exchange();
    exchange.http_status = Some(429);
    let refused = CallReading {
        usage: UsageState::None,
        buckets: Buckets::default(),
        unknown: Default::default(),
        error: Some(WireError { class: ErrorClass::RateLimit, code: Some("slow_down".into()), status: None }),
        ..reading()
    };
    let row = row(&exchange, &refused);
    assert_eq!((row.status, row.evidence, row.charged), (Status::Error, Evidence::None, usd("0")));
    assert_eq!((row.error_class, row.provider_error_code.as_deref()), (Some(ErrorClass::RateLimit), Some("slow_down")));
}

#[test]
fn a_call_that_was_sent_elsewhere_costs_nothing() {
    let mut exchange = exchange();
    exchange.http_status = Some(307);
    let silent = CallReading {
        usage: UsageState::None,
        buckets: Buckets::default(),
        unknown: [Meter::Input].into(),
        ..reading()
    };
    let row = row(&exchange, &silent);
    assert_eq!((row.status, row.evidence, row.error_class), (Status::Success, Evidence::None, None));
    assert_eq!((row.charged, row.estimated), (usd("0"), None));
}

#[test]
fn what_never_reached_the_provider_costs_nothing() {
    let silent = CallReading { usage: UsageState::None, buckets: Buckets::default(), ..reading() };
    let gone = Exchange { asked: false, http_status: None, finish: Finish::ClientLeft, ..exchange() };
    let row_of = |exchange: &Exchange| row(exchange, &silent);
    assert_eq!((row_of(&gone).evidence, row_of(&gone).status), (Evidence::None, Status::Cancelled));
    let refused = Exchange { finish: Finish::Refused, http_status: None, ..exchange() };
    assert_eq!((row_of(&refused).evidence, row_of(&refused).status), (Evidence::None, Status::Refused));
    let unanswered = Exchange { http_status: None, finish: Finish::OriginLeft, ..exchange() };
    let row = row_of(&unanswered);
    assert_eq!((row.status, row.error_class), (Status::Error, Some(ErrorClass::Network)));
}

#[test]
fn statuses_speak_where_no_dialect_does() {
    let mut exchange = exchange();
    exchange.target.class = EndpointClass::Observed;
    for (status, class) in [
        (429, ErrorClass::RateLimit),
        (402, ErrorClass::Auth),
        (404, ErrorClass::BadRequest),
        (504, ErrorClass::Timeout),
        (529, ErrorClass::ServerError),
        (418, ErrorClass::Unknown),
    ] {
        exchange.http_status = Some(status);
        let row = row(&exchange, &CallReading::default());
        assert_eq!((row.error_class, row.evidence, row.charged), (Some(class), Evidence::None, usd("0")), "{status}");
    }
}

#[test]
fn a_stream_that_said_its_last_word_is_a_success_whoever_left() {
    for finish in [Finish::ClientLeft, Finish::OriginLeft] {
        let exchange = Exchange { finish, ..exchange() };
        let row = row(&exchange, &CallReading { stream: true, stream_end: StreamEnd::Normal, ..reading() });
        assert_eq!((row.status, row.evidence), (Status::Success, Evidence::ProviderUsage), "{finish:?}");
    }
    let broken = Exchange { finish: Finish::OriginLeft, ..exchange() };
    let row = row(&broken, &CallReading { stream: true, stream_end: StreamEnd::Truncated, ..reading() });
    assert_eq!(row.status, Status::Interrupted);
}

#[test]
fn the_served_tier_is_priced_and_the_asked_one_only_when_nothing_was_said() {
    let served = CallReading { service_tier: Some("priority".into()), ..reading() };
    assert_eq!(row(&exchange(), &served).charged, usd("0.012"));
    let conditions = Conditions { tier_requested: Some("priority".into()), ..Conditions::default() };
    let asked = row(&exchange(), &CallReading { conditions: conditions.clone(), ..reading() });
    assert_eq!((asked.charged, asked.evidence), (usd("0.012"), Evidence::Estimated));
    assert_eq!(asked.conditions, Some(conditions.clone()), "another price list has to find it as it was");
    let other = CallReading { service_tier: Some("standard".into()), conditions, ..reading() };
    assert_eq!(row(&exchange(), &other).charged, usd("0.006"));
}

#[test]
fn steps_are_priced_at_their_own_models() {
    let step = |model: Option<&str>, input| ModelLine {
        model: model.map(str::to_owned),
        buckets: [(Meter::Input, input)].into_iter().collect(),
    };
    let stepped = CallReading {
        lines: vec![step(None, 400), step(Some("acme-mini"), 600)],
        buckets: [(Meter::Input, 1000)].into_iter().collect(),
        ..reading()
    };
    let row = row(&exchange(), &stepped);
    assert_eq!(row.charged, usd("0.0022"));
    let models: Vec<&str> = row.lines.iter().map(|line| line.model.as_str()).collect();
    assert_eq!((models, row.prices.len()), (vec!["acme-2", "acme-mini"], 2));
}

#[test]
fn a_gateways_cache_hit_costs_nothing_and_keeps_its_usage() {
    let row = row(&Exchange { free: true, ..exchange() }, &reading());
    assert_eq!((row.charged, row.list, row.evidence), (usd("0"), usd("0"), Evidence::None));
    assert_eq!((row.usage.count(Meter::Input), row.usage_flags), (1000, vec!["gateway_cache_hit".to_owned()]));
}

#[test]
fn modes() {
    let mode = |reading: CallReading| row(&exchange(), &reading).mode;
    let mut thinking = reading();
    thinking.buckets.set(Meter::Reasoning, 5);
    thinking.stream = true;
    assert_eq!(mode(thinking), Mode::Thinking);
    assert_eq!(mode(CallReading { kind: Some("batch_result".into()), ..reading() }), Mode::Batch);
}
