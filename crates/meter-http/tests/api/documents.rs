//! Names, kinds and nullability of the documented fields.

use crate::server::{Api, agent, call};
use meter_call::{CallRecord, Evidence, UsageState};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// Every name in `shape` is in `found` with one of its kinds.
fn check_shape(found: &Value, shape: &[(&str, &str)]) {
    for (name, kinds) in shape {
        let value = found.get(name).unwrap_or_else(|| panic!("{name} is missing in {found}"));
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(number) if number.to_string().contains('.') => "fraction",
            Value::Number(_) => "int",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        assert!(kinds.split('|').any(|wanted| wanted == kind), "{name} is {value}, wanted {kinds}");
    }
}

const PROJECT: [(&str, &str); 6] = [
    ("id", "string"),
    ("name", "string"),
    ("slug", "string"),
    ("created_at", "string"),
    ("archived_at", "string|null"),
    ("stats", "object"),
];

const PROJECT_STATS: [(&str, &str); 10] = [
    ("requests_this_month", "int"),
    ("cost_usd_this_month_minor_units", "int"),
    ("previous_month_cost_usd_minor_units", "int"),
    ("all_time_cost_usd_minor_units", "int"),
    ("all_time_requests", "int"),
    ("last_active_at", "string|null"),
    ("primary_model", "string|null"),
    ("primary_provider", "string|null"),
    ("top_model", "string|null"),
    ("top_provider", "string|null"),
];

const SUMMARY: [(&str, &str); 11] = [
    ("total_requests", "int"),
    ("total_input_tokens", "int"),
    ("total_output_tokens", "int"),
    ("total_thinking_tokens", "int"),
    ("total_cache_read_tokens", "int"),
    ("total_cache_write_tokens", "int"),
    ("total_cost_usd_minor_units", "int"),
    ("cache_hit_rate", "int|fraction"),
    ("active_projects", "int"),
    ("models_in_use", "int"),
    ("last_request_at", "string|null"),
];

const REQUEST: [(&str, &str); 14] = [
    ("id", "string"),
    ("provider", "string"),
    ("model", "string"),
    ("mode", "string"),
    ("input_tokens", "int"),
    ("output_tokens", "int"),
    ("thinking_tokens", "int"),
    ("cache_read_tokens", "int"),
    ("cache_write_tokens", "int"),
    ("cost_usd_minor_units", "int|null"),
    ("latency_ms", "int|null"),
    ("tokens_complete", "bool"),
    ("requested_at", "string"),
    ("status", "string"),
];

/// A call of which nothing is known but that it happened.
fn bare(number: i64, project: &str) -> CallRecord {
    let mut bare = call(number, project);
    bare.evidence = Evidence::Unpriced;
    (bare.model, bare.model_requested, bare.latency_ms) = (None, None, None);
    (bare.usage, bare.lines, bare.usage_state) = (Default::default(), Vec::new(), UsageState::None);
    (bare.charged, bare.list, bare.contract) = (None, None, None);
    bare
}

fn seeded() -> Api {
    Api::start(&[call(1, "acme"), call(2, "acme"), bare(3, "web/app")])
}

#[test]
fn health_tells_the_truth_about_the_listener() {
    let api = Api::start(&[]);
    let wanted = json!({"schema_version": 1, "status": "ok", "version": "0.1.0", "digest": "b3:00", "uptime_ms": 5,
        "instance": "9f3c"});
    assert_eq!(api.get("/health"), (200, wanted));
    api.stalled.store(true, Ordering::SeqCst);
    let (status, document) = api.get("/health");
    assert_eq!((status, &document["status"]), (503, &json!("stalled")));
}

#[test]
fn projects() {
    let api = seeded();
    let projects = api.ok("/v1/projects");
    for project in projects.as_array().unwrap() {
        check_shape(project, &PROJECT);
        check_shape(&project["stats"], &PROJECT_STATS);
    }
    let slugs: Vec<_> = projects.as_array().unwrap().iter().map(|project| project["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs, ["web/app", "acme"], "the one used last comes first");
    let acme = api.ok("/v1/projects/acme");
    check_shape(&acme, &PROJECT);
    let used = &acme["stats"];
    assert_eq!((&used["all_time_cost_usd_minor_units"], &used["requests_this_month"]), (&json!(1230), &json!(2)));
    assert_eq!(used["last_active_at"], json!("2026-11-24T10:02:00.000Z"));
    let web = api.ok("/v1/projects/web%2Fapp");
    assert_eq!((&web["stats"]["unpriced_requests"], &web["stats"]["top_model"]), (&json!(1), &json!("unknown")));
}

#[test]
fn stats() {
    let api = seeded();
    let stats = api.ok("/v1/stats");
    let summary = &stats["summary"];
    check_shape(summary, &SUMMARY);
    assert_eq!(summary["total_cost_usd_minor_units"], json!(1230));
    assert_eq!(summary["cost_usd"], json!("0.012300000000"));
    assert_eq!(summary["made_of"]["exact_usd"], json!("0.012300000000"));
    assert_eq!(summary["made_of"]["unpriced_requests"], json!(1));
    assert_eq!(summary["cache_hit_rate"].to_string(), "0.3333333333333333");
    let mut day = json!({"date": "2026-11-24", "requests": 3, "cost_usd_minor_units": 1230});
    assert_eq!(stats["by_day"], json!([day]));
    day["provider"] = json!("acme");
    assert_eq!(stats["by_day_by_provider"], json!([day]));
    assert_eq!(stats["by_provider"], json!([{"provider": "acme", "requests": 3, "cost_usd_minor_units": 1230}]));
    let models = json!([
        {"provider": "acme", "model": "acme-2", "requests": 2, "input_tokens": 2000, "output_tokens": 400,
            "cost_usd_minor_units": 1230, "unpriced_requests": 0},
        {"provider": "acme", "model": "unknown", "requests": 1, "input_tokens": 0, "output_tokens": 0,
            "cost_usd_minor_units": 0, "unpriced_requests": 1},
    ]);
    assert_eq!(stats["by_model"], models);
    let acme = api.ok("/v1/projects/acme/stats");
    assert_eq!((&acme["schema_version"], &acme["summary"]["total_requests"]), (&json!(1), &json!(2)));
}

#[test]
fn requests() {
    let api = seeded();
    let page = api.ok("/v1/projects/web%2Fapp/requests");
    check_shape(&page, &[("items", "array"), ("next_cursor", "string|null"), ("total", "int")]);
    let bare = &page["items"][0];
    check_shape(bare, &REQUEST);
    assert_eq!((&bare["model"], &bare["cost_usd_minor_units"]), (&json!("unknown"), &json!(null)));
    assert_eq!((&bare["latency_ms"], &bare["tokens_known"]), (&json!(null), &json!(false)));
    let known = &api.ok("/v1/projects/acme/requests")["items"][0];
    check_shape(known, &REQUEST);
    assert_eq!((&known["cost_usd_minor_units"], &known["cost_usd"]), (&json!(615), &json!("0.006150000000")));
    let detail = api.ok(&format!("/v1/requests/{}", known["id"].as_str().unwrap()));
    assert_eq!(detail["call"], *known);
    assert_eq!(detail["bill"]["lines"][1]["meter"], json!("cache_read"));
    assert_eq!(detail["bill"]["prices"][0]["row"], json!({"input": "3"}));
    assert_eq!(detail["origin"]["reason"], json!("HALTON_PROJECT of the process"));
}

#[test]
fn daemon_status() {
    let status = seeded().ok("/v1/daemon/status");
    check_shape(&status, &[("last_seen_at", "string|null"), ("request_count_last_hour", "int")]);
    assert_eq!(status["last_seen_at"], json!("2026-11-24T10:03:00.000Z"));
    assert_eq!((&status["request_count_last_hour"], &status["ledger"]["database"]), (&json!(3), &json!("ready")));
}

#[test]
fn metrics() {
    let mut answer = agent().get(seeded().url("/metrics")).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.body_mut().read_to_string().unwrap();
    let acme = r#"halton_meter_cost_usd_total{project="acme",provider="acme",model="acme-2"} 0.012300000000"#;
    assert!(text.lines().any(|line| line == acme), "{text}");
}

#[test]
fn before_the_first_call_everything_is_empty_and_nothing_is_broken() {
    let api = Api::start(&[]);
    assert_eq!(api.ok("/v1/projects"), json!([]));
    assert_eq!(api.ok("/v1/daemon/status")["last_seen_at"], json!(null));
    check_shape(&api.ok("/v1/stats")["summary"], &SUMMARY);
    let page = api.ok("/v1/requests");
    assert_eq!(page, json!({"schema_version": 1, "items": [], "next_cursor": null, "total": 0}));
    assert_eq!(api.get("/v1/projects/acme").0, 404);
}

#[test]
fn a_broken_database_is_an_answer_not_a_crash() {
    let api = Api::start(&[]);
    std::fs::write(api.dir.path().join("db.sqlite"), [b'#'; 5000]).unwrap();
    let (status, document) = api.get("/v1/stats");
    assert_eq!((status, &document["error"]["code"]), (503, &json!("database_unavailable")));
    assert_eq!(api.get("/health").0, 200);
}
