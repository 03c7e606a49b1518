//! Records for tests.

use meter_call::{
    Billing, CallId, CallRecord, Conditions, CostLine, EndpointClass, Evidence, Meter, Mode, OpenRecord, PriceUse,
    ProcessFacts, Status, UnixMillis, UsageState,
};
use meter_money::PicoUsd;

/// 2026-11-24T10:00:00Z.
pub(crate) const T0: i64 = 1_795_514_400_000;

/// The id of the `number`-th sample call.
pub(crate) fn id(number: u64) -> CallId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    CallId::new(u64::try_from(at(number).0).unwrap(), random)
}

/// When it began: 7 minutes after the one before.
pub(crate) fn at(number: u64) -> UnixMillis {
    UnixMillis(T0 + 420_000 * i64::try_from(number).unwrap())
}

pub(crate) fn opened(number: u64, project: &str) -> OpenRecord {
    OpenRecord {
        id: id(number),
        requested_at: at(number),
        provider: "acme_ai".into(),
        endpoint: "messages".into(),
        class: EndpointClass::Costed,
        host: "api.acme.example".into(),
        method: "POST".into(),
        path: "/v1/messages".into(),
        project: Some(project.parse().unwrap()),
        reservation: None,
        manifest_digest: "b3:00".into(),
        run_id: None,
        daemon_pid: 1,
    }
}

/// 1000 + `number` uncached prompt tokens at 3 $/M and 200 answer tokens at 15 $/M.
pub(crate) fn closed(number: u64, project: &str) -> CallRecord {
    let price_id = "acme_ai/acme-2@2026-03-01#00c0ffee".to_owned();
    let line = |meter, quantity: u64, rate: u64| CostLine {
        meter,
        model: "acme-2".into(),
        quantity,
        rate: Some(format!("{rate} / 1M tokens")),
        multipliers: Vec::new(),
        price_id: Some(price_id.clone()),
        amount: Some(PicoUsd::from_pico(i64::try_from(quantity * rate * 1_000_000).unwrap())),
    };
    let lines = vec![line(Meter::Input, 1000 + number, 3), line(Meter::Output, 200, 15)];
    let total = lines.iter().map(|line| line.amount.unwrap().pico()).sum();
    let opened = opened(number, project);
    CallRecord {
        id: opened.id,
        requested_at: opened.requested_at,
        ended_at: UnixMillis(opened.requested_at.0 + 900),
        provider: opened.provider,
        endpoint: opened.endpoint,
        class: opened.class,
        request_kind: "chat".into(),
        host: opened.host,
        method: opened.method,
        path: opened.path,
        http_status: Some(200),
        status: Status::Success,
        mode: Mode::Streaming,
        billing: Billing::Api,
        provider_request_id: Some(format!("req_{number}")),
        response_id: Some(format!("msg_{number}")),
        model_requested: Some("acme-latest".into()),
        model: Some("acme-2".into()),
        service_tier: None,
        speed: None,
        geo: None,
        upstream: None,
        conditions: Some(Conditions::default()),
        finish: Some("end_turn".into()),
        usage_state: UsageState::Final,
        usage: lines.iter().map(|line| (line.meter, line.quantity)).collect(),
        reasoning_known: false,
        tokens_complete: true,
        evidence: Evidence::ProviderUsage,
        usage_flags: Vec::new(),
        lines,
        prices: vec![PriceUse {
            price_id,
            provider: "acme_ai".into(),
            model: "acme-2".into(),
            effective_from: UnixMillis(1_772_323_200_000),
            source: "https://acme.example/pricing".into(),
            row: r#"{"input":"3","output":"15"}"#.into(),
        }],
        list: Some(PicoUsd::from_pico(total)),
        contract: Some(PicoUsd::from_pico(total)),
        charged: Some(PicoUsd::from_pico(total)),
        provider_cost: None,
        estimated: None,
        estimated_bound: None,
        rates_source: Some("bundled-2026-11-24".into()),
        manifest_digest: opened.manifest_digest,
        error_class: None,
        provider_error_code: None,
        retry_after_ms: None,
        retry_of: None,
        run_id: None,
        process: ProcessFacts { pid: Some(42), name: Some("claude".into()), exe: Some("/usr/bin/claude".into()) },
        project: project.parse().unwrap(),
        source: "env".into(),
        reason: "HALTON_PROJECT of the process".into(),
        branch: None,
        workdir: Some("/home/sample/acme".into()),
        latency_ms: Some(900),
        ttfb_ms: Some(300),
        added_us: Some(120),
        frames: None,
        policy_rule: None,
    }
}
