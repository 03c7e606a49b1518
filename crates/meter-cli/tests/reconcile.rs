//! `reconcile`, as the program prints it, on exports as providers write them.

#[allow(dead_code, reason = "each file uses a part of it")]
mod ledger;

use ledger::{Scene, failed, out, record, text};
use meter_call::{Buckets, CallRecord, Meter};
use serde_json::Value;

const MODEL: &str = "claude-sonnet-4-6";

/// A call of $3 for its prompt and $15 for its answer.
fn call(number: u8) -> CallRecord {
    let usage: Buckets = [(Meter::Input, 1_000_000), (Meter::Output, 1_000_000)].into_iter().collect();
    record(number, "acme", MODEL, &usage)
}

/// Runs the program on a file; its exit code and both outputs.
fn reconcile(scene: &Scene, file: &str, body: &str, more: &[&str]) -> (Option<i32>, String, String) {
    scene.write(file, body);
    let path = scene.home().join(file).display().to_string();
    let run = scene.meter(&[&["reconcile", &path], more].concat());
    (run.status.code(), text(&run.stdout), text(&run.stderr))
}

/// The lines that differ.
fn differing(scene: &Scene, file: &str, body: &str) -> Vec<Value> {
    let (code, told, complaint) = reconcile(scene, file, body, &["--json"]);
    assert_eq!(code, Some(3), "{told}{complaint}");
    let document: Value = serde_json::from_str(&told).unwrap();
    let lines = document["lines"].as_array().unwrap().iter();
    lines.filter(|line| !line["cause"].is_null() && line["cause"]["kind"] != "rounding").cloned().collect()
}

fn costs(rows: &str) -> String {
    format!("usage_date_utc,model,usage_type,token_type,cost_usd,cost_type\n{rows}")
}

#[test]
fn a_batch_is_told_by_what_the_same_tokens_cost_as_one() {
    let scene = Scene::empty();
    scene.store(&[call(1), call(2)]);
    let all = differing(&scene, "all.csv", &costs(&format!("2026-11-24,{MODEL},,,18.00,token\n")));
    assert_eq!((&all[0]["cause"]["kind"], &all[0]["cause"]["value"]), (&"billed_as".into(), &"batch".into()));
    assert_eq!(all[0]["grounds"], "figures");
    // One of the two: the report does not say, so it may be a discount.
    let one = costs(&format!("2026-11-24,{MODEL},,,27.00,token\n"));
    let one_line = differing(&scene, "one.csv", &one);
    assert_eq!((&one_line[0]["cause"]["share"], &one_line[0]["grounds"]), (&"50.0".into(), &"guess".into()));
    assert!(one_line[0]["or"].as_array().unwrap().iter().any(|cause| cause["per_cent"] == "25.0"));
    let (_, told, _) = reconcile(&scene, "one.csv", &one, &[]);
    for part in ["a guess: 50.0 % of it billed as class `batch`", "; or billed 25.0 % below the list"] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    // The report says.
    let rows = format!("2026-11-24,{MODEL},standard,,18.00,token\n2026-11-24,{MODEL},batch,,9.00,token\n");
    let said = differing(&scene, "said.csv", &costs(&rows));
    assert_eq!((&said[0]["cause"]["share"], &said[0]["grounds"]), (&"50.0".into(), &"figures".into()));
}

#[test]
fn a_fee_stands_in_its_own_row_and_a_title_is_a_model() {
    let scene = Scene::empty();
    let usage: Buckets = [(Meter::Output, 1_000_000), (Meter::WebSearch, 3)].into_iter().collect();
    scene.store(&[record(1, "acme", MODEL, &usage)]);
    let rows = "2026-11-24,Claude Sonnet 4.6,message,output,15.00,token\n2026-11-24,,message,,0.03,web_search\n";
    let (code, told, _) = reconcile(&scene, "fee.csv", &costs(rows), &["--all"]);
    assert!(code == Some(0) && told.contains("web searches") && told.contains("everything agrees"), "{told}");
    let json = r#"{"data":[{"starting_at":"2026-11-24T00:00:00Z","ending_at":"2026-11-25T00:00:00Z","results":[
        {"currency":"USD","amount":"1500","cost_type":"tokens","model":"claude-sonnet-4-6","service_tier":"standard"},
        {"currency":"USD","amount":"4","cost_type":"web_search","model":null,"service_tier":null}]}],"has_more":false}"#;
    let lines = differing(&scene, "fee.json", json);
    assert_eq!(
        (lines.len(), &lines[0]["model"], &lines[0]["theirs"]),
        (1, &"web searches".into(), &40_000_000_000_i64.into())
    );
}

#[test]
fn a_price_that_changed_at_noon_is_told_from_another_price() {
    let scene = Scene::empty();
    scene.write(
        "manifests/prices/mine.toml",
        "schema = 1\nprovider = 'anthropic'\nsource = 'https://example.com/'\nchecked = 2026-11-24\n[[model]]\nid = 'noon'\n\
         [[model.rates]]\nfrom = 2026-01-01\ninput = 4\noutput = 8\n\
         [[model.rates]]\nfrom = 2026-11-24T10:10:00Z\ninput = 2\noutput = 4\n",
    );
    let usage: Buckets = [(Meter::Input, 1_000_000)].into_iter().collect();
    scene.store(&[record(1, "acme", "noon", &usage), record(2, "acme", "noon", &usage)]);
    let days = ["reprice", "--from", "2026-11-24", "--to", "2026-11-24", "--apply"];
    out(&scene.meter(&days), 0);
    assert_eq!(reconcile(&scene, "six.csv", &costs("2026-11-24,noon,,,6.00,token\n"), &[]).0, Some(0));
    for (billed, from) in [("8.00", "2026-01-01"), ("4.00", "2026-11-24T10:10:00Z")] {
        let lines = differing(&scene, "noon.csv", &costs(&format!("2026-11-24,noon,,,{billed},token\n")));
        let cause = &lines[0]["cause"];
        assert_eq!((&cause["kind"], &cause["from"]), (&"price_change".into(), &from.into()), "{lines:?}");
    }
    let other = differing(&scene, "noon.csv", &costs("2026-11-24,noon,,,9.00,token\n"));
    assert_eq!((&other[0]["cause"]["kind"], &other[0]["grounds"]), (&"calls_past_the_meter".into(), &"guess".into()));
}

#[test]
fn a_call_that_failed_is_no_call_of_the_report_unless_it_is_billed() {
    let scene = Scene::empty();
    let of = |call: CallRecord| CallRecord { provider: "openai".into(), ..call };
    scene
        .store(&[of(failed(1, "acme", "m")), of(record(2, "acme", "m", &[(Meter::Input, 100)].into_iter().collect()))]);
    let page = |requests: u64, tokens: u64| {
        format!(
            r#"{{"data":[{{"start_time":1795478400,"end_time":1795564800,"results":[{{"input_tokens":{tokens},"output_tokens":0,"num_model_requests":{requests},"model":"m"}}]}}],"has_more":false}}"#
        )
    };
    let (code, told, _) = reconcile(&scene, "once.json", &page(1, 100), &[]);
    assert!(code == Some(0) && told.contains("everything agrees"), "{told}");
    for line in differing(&scene, "twice.json", &page(2, 200)) {
        assert_eq!(line["cause"]["kind"], "billed_though_failed", "{line}");
        assert_eq!(line["or"][0]["kind"], "calls_past_the_meter");
    }
}

#[test]
fn a_report_of_two_hours_is_laid_beside_those_hours() {
    let scene = Scene::empty();
    // At 10:07 and at 11:10.
    scene.store(&[call(1), call(10)]);
    let hours = r#"{"data":[
        {"starting_at":"2026-11-24T10:00:00Z","ending_at":"2026-11-24T11:00:00Z","results":[{"model":"claude-sonnet-4-6","uncached_input_tokens":1000000,"output_tokens":1000000}]}],"has_more":false}"#;
    assert_eq!(reconcile(&scene, "hour.json", hours, &[]).0, Some(0));
}

#[test]
fn what_cannot_be_read_is_told_beside_what_agrees() {
    let scene = Scene::empty();
    scene.store(&[call(1)]);
    let rows = format!(
        "2026-11-24,{MODEL},a,,18.00,token\n2026-11-24,{MODEL},b,,12.x,token\n2026-11-24,{MODEL},a,,18.00,token\n"
    );
    let (code, told, _) = reconcile(&scene, "odd.csv", &costs(&rows), &[]);
    assert_eq!(code, Some(3));
    for part in ["line 3: `cost_usd` = `12.x`", "line 4: it is line 2 once more", "what was read agrees"] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let more = format!("usage_date_utc,model,cost_usd,surcharge\n2026-11-24,{MODEL},18.00,3\n");
    let (code, told, _) = reconcile(&scene, "more.csv", &more, &[]);
    assert!(code == Some(0) && told.contains("not compared surcharge"), "{told}");
}

#[test]
fn huge_counts_are_printed_as_they_are() {
    let scene = Scene::empty();
    scene.store(&[call(1)]);
    let page =
        r#"{"data":[{"starting_at":"2026-11-24T00:00:00Z","ending_at":"2026-11-25T00:00:00Z","results":[RESULTS]}]}"#;
    let one = |key: u64| format!(r#"{{"api_key_id":"{key}","model":"x","uncached_input_tokens":1000000000000000000}}"#);
    let results: Vec<String> = (0..40).map(one).collect();
    let body = page.replace("RESULTS", &results.join(","));
    let (_, told, _) = reconcile(&scene, "huge.json", &body, &[]);
    assert!(told.contains("40,000,000,000,000,000,000"), "{told}");
    let (code, told, complaint) = reconcile(&scene, "huge.json", &body, &["--json"]);
    assert!(code == Some(3) && told.contains("40000000000000000000"), "{told}{complaint}");
}

#[test]
fn a_file_that_is_no_report_ends_with_2_and_says_where() {
    let scene = Scene::empty();
    for (body, said) in [
        ("{\"data\": [\n  {,}\n]}", "line 2 column 4"),
        ("usage_date_utc,cost_usd\n2026-11-24,\"1\n", "line 2, column 12: a quote"),
        ("usage_date_utc,cost_usd\n2026-11-24,1.2.3\n", "line 2: `cost_usd` = `1.2.3`"),
        ("usage_date_utc,cost_usd\n", "has no rows"),
        ("day;cost\n1;2\n", "no known report has these keys: day;cost"),
    ] {
        let (code, _, complaint) = reconcile(&scene, "bad", body, &[]);
        assert!(code == Some(2) && complaint.contains(said), "{said}\n{complaint}");
    }
    std::fs::write(scene.home().join("latin"), b"usage_date_utc,model\n2026-11-24,caf\xe9\n").unwrap();
    let run = scene.meter(&["reconcile", &scene.home().join("latin").display().to_string()]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("line 2, column 15: this is no UTF-8 text"), "{}", text(&run.stderr));
}
