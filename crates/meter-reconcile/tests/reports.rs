//! Reports as providers write them, beside what was metered.

use meter_call::Meter;
use meter_reconcile::{Cause, Compared, Metered, compare, read};
use std::collections::BTreeMap;

const ANTHROPIC_USAGE: &str = r#"{"data": [
 {"starting_at": "2026-11-23T00:00:00Z", "ending_at": "2026-11-24T00:00:00Z", "results": []},
 {"starting_at": "2026-11-24T00:00:00Z", "ending_at": "2026-11-25T00:00:00Z", "results": [
  {"api_key_id": null, "workspace_id": null, "model": "claude-opus-5-5", "service_tier": "standard", "context_window": "0-200k",
   "uncached_input_tokens": 700, "cache_creation": {"ephemeral_1h_input_tokens": 2048, "ephemeral_5m_input_tokens": 0},
   "cache_read_input_tokens": 90000, "output_tokens": 911, "server_tool_use": {"web_search_requests": 2}},
  {"model": "claude-opus-5-5", "service_tier": "batch", "context_window": "0-200k", "uncached_input_tokens": 300,
   "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
   "cache_read_input_tokens": 0, "output_tokens": 89, "server_tool_use": null}
 ]}], "has_more": false, "next_page": null}"#;

const ANTHROPIC_USAGE_CSV: &str = "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,web_search_count,inference_geo,speed
2026-11-24,claude-opus-5-5,ci,Default,standard,≤ 200k,1000,0,2048,90000,1000,2,global,standard
";

const ANTHROPIC_COST: &str = r#"{"data": [{"starting_at": "2026-11-24T00:00:00Z", "ending_at": "2026-11-25T00:00:00Z", "results": [
 {"currency": "USD", "amount": "200.5", "cost_type": "tokens", "token_type": "output_tokens", "model": "claude-opus-5-5"},
 {"currency": "USD", "amount": "99.5", "cost_type": "tokens", "token_type": "uncached_input_tokens", "model": "claude-opus-5-5"}
]}], "has_more": false}"#;

const ANTHROPIC_COST_CSV: &str =
    "usage_date_utc,model,workspace,usage_type,context_window,token_type,cost_usd,cost_type
2026-11-24,claude-opus-5-5,Default,standard,\"≤ 200k\",output,2.005,tokens
2026-11-24,claude-opus-5-5,Default,standard,\"≤ 200k\",input,0.995,tokens
";

const OPENAI_USAGE: &str = r#"{"object": "page", "data": [{"object": "bucket", "start_time": 1795478400, "end_time": 1795564800, "results": [
 {"object": "organization.usage.completions.result", "input_tokens": 5000, "output_tokens": 1000, "input_cached_tokens": 4000,
  "input_audio_tokens": 0, "output_audio_tokens": 0, "num_model_requests": 5, "project_id": null, "model": "gpt-6.1-sol", "batch": false}
]}], "has_more": false, "next_page": null}"#;

const OPENAI_COSTS: &str = r#"{"object": "page", "data": [{"object": "bucket", "start_time": 1795478400, "end_time": 1795564800, "results": [
 {"object": "organization.costs.result", "amount": {"value": 0.06, "currency": "usd"}, "line_item": "gpt-6.1-sol, input", "project_id": null},
 {"object": "organization.costs.result", "amount": {"value": 1.4e-1, "currency": "usd"}, "line_item": "gpt-6.1-sol, output", "project_id": null}
]}], "has_more": false}"#;

const OPENROUTER_CSV: &str = "generation_id,created_at,cost_total,cost_web_search,cost_cache,byok_usage_inference,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,model_permaslug,provider_name
gen-1,2026-11-24 10:00:00.000,0.0125,0,0,0,1000,200,50,0,anthropic/claude-opus-5.5,Anthropic
gen-2,2026-11-24 11:00:00.000,0.001,0,0,0.02,500,100,0,0,anthropic/claude-opus-5.5,Anthropic
";

fn metered(day: &str, model: &str, calls: u64, meters: &[(Meter, u64)], pico: i128) -> ((String, String), Metered) {
    let meters = meters.iter().copied().collect();
    ((day.to_owned(), model.to_owned()), Metered { calls, meters, charged_pico: pico, ..Metered::default() })
}

fn against(text: &str, ours: Vec<((String, String), Metered)>) -> Compared {
    let export = read(text).expect("a report");
    assert_eq!(export.unread, Vec::<String>::new());
    let ours: BTreeMap<_, _> = ours.into_iter().collect();
    compare(&export, &ours, |_, model| model.trim_end_matches("-20260922").to_owned())
}

fn off(compared: &Compared) -> Vec<(&str, i128, i128, Option<&Cause>)> {
    compared.differences().map(|line| (line.what.as_str(), line.theirs, line.ours, line.cause.as_ref())).collect()
}

const DAY: &str = "2026-11-24";
const DOLLAR: i128 = 1_000_000_000_000;

#[test]
fn what_agrees_is_no_difference() {
    let opus = [
        (Meter::Input, 1000),
        (Meter::CacheRead, 90_000),
        (Meter::CacheWrite1h, 2048),
        (Meter::Output, 900),
        (Meter::Reasoning, 100),
        (Meter::WebSearch, 2),
    ];
    for text in [ANTHROPIC_USAGE, ANTHROPIC_USAGE_CSV] {
        let compared = against(text, vec![metered(DAY, "claude-opus-5-5-20260922", 3, &opus, 0)]);
        assert_eq!(off(&compared), []);
        assert_eq!(compared.totals["cache reads"], (90_000, 90_000));
    }
    for text in [ANTHROPIC_COST, ANTHROPIC_COST_CSV] {
        assert_eq!(off(&against(text, vec![metered(DAY, "claude-opus-5-5", 3, &opus, 3 * DOLLAR)])), []);
    }
    let sol = [(Meter::Input, 900), (Meter::CacheRead, 4000), (Meter::CacheWrite30m, 100), (Meter::Output, 1000)];
    assert_eq!(off(&against(OPENAI_USAGE, vec![metered(DAY, "gpt-6.1-sol", 5, &sol, 0)])), []);
    assert_eq!(off(&against(OPENAI_COSTS, vec![metered(DAY, "gpt-6.1-sol", 5, &sol, DOLLAR / 5)])), []);
    let routed = [(Meter::Input, 1500), (Meter::Output, 250), (Meter::Reasoning, 50)];
    let pico = 33_500_000_000;
    assert_eq!(off(&against(OPENROUTER_CSV, vec![metered(DAY, "anthropic/claude-opus-5.5", 2, &routed, pico)])), []);
}

#[test]
fn calls_that_went_past_the_meter_are_counted() {
    let sol = [(Meter::Input, 500), (Meter::CacheRead, 2000), (Meter::Output, 600)];
    let compared = against(OPENAI_USAGE, vec![metered(DAY, "gpt-6.1-sol", 3, &sol, 0)]);
    let past = Cause::CallsPastTheMeter { calls: Some(2) };
    assert_eq!(
        off(&compared),
        [
            ("calls", 5, 3, Some(&past)),
            ("prompt tokens", 5000, 2500, Some(&past)),
            ("cached tokens", 4000, 2000, Some(&past)),
            ("output tokens", 1000, 600, Some(&past)),
        ]
    );
    let nothing = against(OPENAI_USAGE, Vec::new());
    assert!(off(&nothing).iter().all(|(.., cause)| *cause == Some(&Cause::NotMetered)));
}

#[test]
fn days_outside_of_the_report_and_whole_days_are_compared_as_such() {
    let csv = "usage_date_utc,model,cost_usd\n2026-11-24,,3\n";
    let ours = vec![
        metered("2026-11-23", "m", 1, &[], DOLLAR),
        metered("2026-11-24", "m", 1, &[], DOLLAR),
        metered("2026-11-24", "n", 1, &[], 2 * DOLLAR),
    ];
    let compared = against(csv, ours);
    assert_eq!((compared.lines.len(), compared.differences().count()), (1, 0));
}

#[test]
fn a_row_that_cannot_be_read_is_told() {
    let export = read("usage_date_utc,model,cost_usd\n2026-11-24,m,three\nsoon,m,1\n2026-11-24,m,2\n").unwrap();
    assert_eq!(export.unread.len(), 2, "{:?}", export.unread);
    assert!(export.unread[0].contains("`three`") && export.unread[1].contains("no day"));
    assert_eq!(export.days[&(DAY.to_owned(), "m".to_owned())].cost_pico, Some(2 * DOLLAR));
}
