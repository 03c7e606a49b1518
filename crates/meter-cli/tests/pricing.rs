//! `pricing`, `reprice`, `reconcile` and other currencies, as the program prints them.

#[allow(dead_code, reason = "each file uses a part of it")]
mod ledger;

use ledger::{Scene, out, record, tamper, text};
use meter_call::{Buckets, CallRecord, Meter};
use serde_json::Value;
use std::path::PathBuf;

fn json(text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap();
    assert_eq!(document["schema_version"], 1);
    document
}

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn cases() -> String {
    repository("tests/cost-cases.toml").display().to_string()
}

const TERMS: &str = "schema = 1\n[[contract]]\nname = 'acme-2026'\nprovider = 'deepseek'\nfrom = 2026-07-01\nuntil = 2026-08-01\ndiscount = 12.5\n";

#[test]
fn the_worked_cases_are_quoted_to_the_pico_dollar() {
    let scene = Scene::empty();
    let without = json(&out(&scene.meter(&["pricing", "quote", &cases(), "--json"]), 3));
    assert_eq!(without["differing"], 1, "the contract is the user's own");
    scene.write("manifests/prices/terms.toml", TERMS);
    let home = scene.home().display().to_string();
    let all = json(&out(&scene.meter(&["pricing", "quote", &cases(), "--manifests", &home, "--json"]), 0));
    assert_eq!(all["cases"].as_array().unwrap().len(), 28);
    let once = &all["cases"][0];
    assert_eq!((&once["total_pico"], &once["grade"]), (&78_306_000_000_i64.into(), &"provider_usage".into()));
    assert_eq!(once["lines"][0]["effective_from"], "2026-03-13");
}

#[test]
fn a_folder_of_prices_is_a_home_or_a_part_of_one_and_never_nothing() {
    let scene = Scene::empty();
    scene.write("manifests/prices/terms.toml", TERMS);
    for part in ["", "manifests", "manifests/prices"] {
        let folder = scene.home().join(part).display().to_string();
        let all = json(&out(&scene.meter(&["pricing", "quote", &cases(), "--manifests", &folder, "--json"]), 0));
        assert_eq!(all["differing"], 0, "{part}");
    }
    let nothing =
        scene.meter(&["pricing", "quote", &cases(), "--manifests", &repository("docs").display().to_string()]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("there are no price files in"), "{}", text(&nothing.stderr));
}

#[test]
fn a_quote_reads_standard_input_and_says_what_is_wrong_with_it() {
    use std::io::Write;
    use std::process::Stdio;
    let scene = Scene::empty();
    let ask = |case: &str| {
        let mut child = scene
            .command(&["pricing", "quote"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(case.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let case = "schema = 1\n[[case]]\nprovider = 'anthropic'\nmodel = 'claude-opus-5-5'\nat = 2026-11-24\nusage = { input = 1000000, output = 1000 }\n";
    let answer = out(&ask(case), 0);
    assert!(answer.contains("$4.02 (4.020000000000 USD)"), "{answer}");
    let wrong = ask(&case.replace("input", "inptu"));
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("(standard input):6:11"), "{}", text(&wrong.stderr));
}

#[test]
fn a_model_is_shown_with_its_history_and_listed_as_of_a_day() {
    let scene = Scene::empty();
    let shown = out(&scene.meter(&["pricing", "show", "openai/gpt-5.6"]), 0);
    for part in
        ["openai/gpt-5.6-sol", "since 2026-08-21, in force", "since 2026-07-09", "$ 4 / 1M tokens", "prompt × 2"]
    {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let of = |day: &str| {
        let list = ["pricing", "list", "--provider", "openai", "--model", "gpt-5.6-sol", "--at", day, "--json"];
        let list = json(&out(&scene.meter(&list), 0));
        list["models"].as_array().unwrap().iter().map(|one| one["rates"]["input"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("2026-08-20"), ["5 / 1M tokens"]);
    assert_eq!(of("2026-08-21"), ["4 / 1M tokens"]);
    assert_eq!(of("2026-07-08"), Vec::<Value>::new());
    let unknown = scene.meter(&["pricing", "show", "claude-opus-5-6"]);
    assert!(text(&unknown.stderr).contains("claude-opus-5-5"), "{}", text(&unknown.stderr));
    assert_eq!(scene.meter(&["pricing", "list", "--provider", "nobody"]).status.code(), Some(2));
}

#[test]
fn what_was_called_without_a_price_is_told_with_the_lines_that_would_price_it() {
    let scene = Scene::with_calls();
    let told = out(&scene.meter(&["pricing", "check", "--at", "2026-11-25"]), 3);
    for part in ["unpriced anthropic/claude-nobody-knows: 1 call", "id = \"claude-nobody-knows\"", "from = 2026-11-24"]
    {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let document = json(&out(&scene.meter(&["pricing", "check", "--at", "2027-01-20", "--json"]), 3));
    let kinds: Vec<&str> =
        document["notices"].as_array().unwrap().iter().filter_map(|one| one["kind"].as_str()).collect();
    assert!(kinds.contains(&"stale") && kinds.contains(&"holidays_end"), "{kinds:?}");
}

#[test]
fn a_credit_is_drawn_by_what_was_spent() {
    let scene = Scene::with_calls();
    scene.write(
        "manifests/prices/terms.toml",
        "schema = 1\n[[contract]]\nname = 'gift'\nprovider = 'anthropic'\nfrom = 2026-01-01\n[[contract.credit]]\namount = 1\n",
    );
    let document = json(&out(&scene.meter(&["pricing", "check", "--at", "2026-11-25", "--json"]), 3));
    let credit = &document["credits"][0];
    assert_eq!((&credit["drawn_usd"], &credit["left_usd"]), (&"0.026550000000".into(), &"0.973450000000".into()));
}

#[test]
fn other_price_files_are_compared() {
    let scene = Scene::empty();
    assert_eq!(out(&scene.meter(&["pricing", "diff"]), 0), "No differences.\n");
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(other.path().join("manifests/prices")).unwrap();
    let file = "schema = 1\nprovider = 'anthropic'\n[[model]]\nid = 'claude-opus-5-5'\n[[model.rates]]\nfrom = 2026-09-22\ninput = 3\noutput = 20\n";
    std::fs::write(other.path().join("manifests/prices/mine.toml"), file).unwrap();
    let folder = other.path().display().to_string();
    let differs = out(&scene.meter(&["pricing", "diff", &folder]), 3);
    assert!(differs.contains("-25.0") && differs.contains("0 new, 0 gone, "), "{differs}");
}

/// The call of an unknown model costs something once a file of the user's prices it.
const PRICED: &str = "schema = 1\nprovider = 'anthropic'\n[[model]]\nid = 'claude-nobody-knows'\n[[model.rates]]\nfrom = 2026-01-01\ninput = 2\noutput = 10\n";

#[test]
fn a_reprice_is_a_preview_until_it_is_applied_and_the_first_figure_stays() {
    let scene = Scene::with_calls();
    let reprice = |more: &[&str]| {
        let days = ["reprice", "--from", "2026-11-24", "--to", "2026-11-24", "--json"];
        json(&out(&scene.meter(&[&days[..], more].concat()), 0))
    };
    let report = |bills: &str| {
        let days = ["report", "--from", "2026-11-24", "--to", "2026-11-24", "--as", bills, "--json"];
        let document = json(&out(&scene.meter(&days), 0));
        document["total"]["cost_usd"].as_str().unwrap().to_owned()
    };
    assert_eq!(reprice(&[])["changed"], 0, "the prices are still the same");
    scene.write("manifests/prices/mine.toml", PRICED);
    let before = report("latest");
    let preview = reprice(&[]);
    assert_eq!((&preview["changed"], &preview["models"][0]["newly_priced"]), (&1.into(), &1.into()));
    assert_eq!(report("latest"), before, "a preview changes nothing");
    assert_eq!(reprice(&["--apply"])["applied"], true);
    assert_eq!(report("latest"), "0.026570000000");
    assert_eq!(report("first"), before);
    let explained = out(&scene.meter(&["explain", "02020202"]), 0);
    assert!(explained.contains("equal to the last unit"), "{explained}");
    assert_eq!(reprice(&["--apply"])["changed"], 0, "applying twice is applying once");
}

#[test]
fn a_repriced_call_has_the_marks_and_the_grade_of_its_new_bill() {
    let scene = Scene::empty();
    let partly: Buckets = [(Meter::Input, 1_000), (Meter::OutputAudio, 5)].into_iter().collect();
    let call = record(1, "acme", "claude-sonnet-4-6", &partly);
    let partly = CallRecord { usage_flags: vec!["partly_unpriced".into(), "body_limit".into()], ..call };
    // Where a provider usually names its amount and this once did not, a list price is an estimate.
    let silent = record(2, "acme", "anthropic/claude-nobody-knows", &[(Meter::Input, 10)].into_iter().collect());
    scene.store(&[partly, CallRecord { provider: "openrouter".into(), ..silent }]);
    scene.write(
        "manifests/prices/mine.toml",
        "schema = 1\nprovider = 'anthropic'\n[[model]]\nid = 'claude-sonnet-4-6'\n[[model.rates]]\nfrom = 2026-03-13\ninput = 3\noutput = 15\noutput_audio = 0\nfree = 'a preview'\n",
    );
    scene.write(
        "manifests/prices/other.toml",
        &PRICED.replace("'anthropic'", "'openrouter'").replace("'claude-", "'anthropic/claude-"),
    );
    let days = ["reprice", "--from", "2026-11-24", "--to", "2026-11-24", "--json", "--apply"];
    let applied = json(&out(&scene.meter(&days), 0));
    assert_eq!((&applied["changed"], &applied["models"][0]["newly_priced"]), (&2.into(), &1.into()));
    // What is known of an unpriced call is in no report, and not in this one.
    assert_eq!((&applied["before_usd"], &applied["after_usd"]), (&"0.000000000000".into(), &"0.003020000000".into()));
    let free = out(&scene.meter(&["explain", "01010101"]), 0);
    assert!(free.contains("provider_usage") && free.contains("body_limit"), "{free}");
    assert!(!free.contains("partly_unpriced"), "{free}");
    let listed = out(&scene.meter(&["explain", "02020202"]), 0);
    assert!(listed.contains("estimated: "), "{listed}");
}

#[test]
fn a_call_from_before_its_conditions_were_kept_is_left_as_it_is_and_counted() {
    let scene = Scene::with_calls();
    scene.write("manifests/prices/mine.toml", PRICED);
    tamper(&scene.database(), "UPDATE requests SET conditions = NULL WHERE model = 'claude-nobody-knows'");
    let days = ["reprice", "--from", "2026-11-24", "--to", "2026-11-24"];
    let preview = json(&out(&scene.meter(&[&days[..], &["--json"]].concat()), 0));
    assert_eq!((&preview["changed"], &preview["left_alone"]), (&0.into(), &1.into()));
    let told = out(&scene.meter(&days), 0);
    assert!(told.contains("1 call was metered before what its price depends on was kept: left as it is."), "{told}");
}

#[test]
fn a_providers_report_is_held_against_the_rows() {
    let scene = Scene::with_calls();
    let file = |name: &str, text: &str| {
        scene.write(name, text);
        scene.home().join(name).display().to_string()
    };
    let head = "usage_date_utc,model_version,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,web_search_count\n";
    let same = file(
        "same.csv",
        &format!(
            "{head}2026-11-24,claude-sonnet-4-6,1200,2600,0,18400,512,0\n2026-11-24,claude-nobody-knows,10,0,0,0,0,0\n"
        ),
    );
    assert!(out(&scene.meter(&["reconcile", &same]), 0).contains("everything agrees"));
    let more = file(
        "more.csv",
        &format!(
            "{head}2026-11-24,claude-sonnet-4-6,2400,2600,0,18400,600,0\n2026-11-24,claude-haiku-5-5,7,0,0,0,1,0\n"
        ),
    );
    let differs = out(&scene.meter(&["reconcile", &more, "--keep"]), 3);
    for part in
        ["input tokens", "2,400  1,200", "went past the meter", "nothing of it passed the meter", "not in the report"]
    {
        assert!(differs.contains(part), "{part}\n{differs}");
    }
    let cost = file(
        "cost.csv",
        "usage_date_utc,model,cost_usd\n2026-11-24,claude-sonnet-4-6,0.02655\n2026-11-24,claude-nobody-knows,0.5\n",
    );
    let document = json(&out(&scene.meter(&["reconcile", &cost, "--json"]), 3));
    let line =
        document["lines"].as_array().unwrap().iter().find(|line| line["model"] == "claude-nobody-knows").unwrap();
    assert_eq!(line["cause"]["kind"], "unpriced");
    let bad = file("bad.csv", "a,b\n1,2\n");
    assert_eq!(scene.meter(&["reconcile", &bad]).status.code(), Some(2));
}

#[test]
fn a_total_is_shown_in_another_currency_at_dated_rates() {
    let scene = Scene::with_calls();
    let days = ["report", "--from", "2026-11-24", "--to", "2026-11-24"];
    let none = scene.meter(&[&days[..], &["--currency", "EUR"]].concat());
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("[[fx]]"));
    // The first call ended at 10:07, the others later.
    scene.write(
        "manifests/prices/fx.toml",
        "schema = 1\n[[fx]]\ncurrency = 'EUR'\nfrom = 2026-11-01\nper_usd = 0.8\n[[fx]]\ncurrency = 'EUR'\nfrom = 2026-11-24T10:10:00Z\nper_usd = 0.9\n",
    );
    let told = out(&scene.meter(&[&days[..], &["--currency", "EUR"]].concat()), 0);
    assert!(
        told.contains(
            "EUR for a dollar: 0.8 since 2026-11-01, 0.9 since 2026-11-24T10:10:00Z. Calls are stored in dollars: $0.0266 exact"
        ),
        "{told}"
    );
    assert!(!told.lines().rev().skip(1).any(|line| line.contains('$')), "{told}");
    let document = json(&out(&scene.meter(&[&days[..], &["--currency", "EUR", "--json"]].concat()), 0));
    assert_eq!(document["converted"]["charged"], "0.021240000000");
    assert_eq!(document["converted"]["rows"][0]["project"], "acme");
    assert_eq!(document["converted"]["rows"][0]["charged"], "0.021240000000");
    assert_eq!(document["total"]["cost_usd"], "0.026550000000", "stored amounts stay dollars");

    // What came before the first rate stays in dollars, and says so.
    scene.write(
        "manifests/prices/fx.toml",
        "schema = 1\n[[fx]]\ncurrency = 'EUR'\nfrom = 2026-11-24T10:10:00Z\nper_usd = 0.9\n",
    );
    let told = out(&scene.meter(&[&days[..], &["--currency", "EUR"]].concat()), 0);
    assert!(told.contains("\n0.00 EUR exact, 1 call unpriced + $0.0266 exact\n"), "{told}");
    let document = json(&out(&scene.meter(&[&days[..], &["--currency", "EUR", "--json"]].concat()), 0));
    assert_eq!(document["converted"]["without_rate_usd"], "0.026550000000");
}

#[test]
fn an_import_shows_a_change_and_writes_only_when_asked() {
    let scene = Scene::empty();
    let list = r#"{"claude-opus-5-5": {"litellm_provider": "anthropic", "source": "https://example.com/",
        "input_cost_per_token": 3.6e-06, "output_cost_per_token": 1.8e-05, "cache_read_input_token_cost": 2e-07,
        "cache_creation_input_token_cost": 4.5e-06, "cache_creation_input_token_cost_above_1hr": 7.2e-06}}"#;
    scene.write("list.json", list);
    let file = scene.home().join("list.json").display().to_string();
    let import = |more: &[&str]| scene.meter(&[&["pricing", "import", "--from", "litellm", &file][..], more].concat());
    let shown = out(&import(&[]), 3);
    for part in ["anthropic/claude-opus-5-5", "-10.0", "+input = 3.6", "Nothing was written", "1 of 1 models"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(!scene.home().join("manifests").exists());
    assert!(out(&import(&["--write"]), 3).contains("Nothing was written"), "the run is stopped");
    assert!(out(&import(&["--write", "--accept-run"]), 3).contains("Written."));
    let home = scene.home().display().to_string();
    let again = out(&import(&["--manifests", &home]), 0);
    assert!(again.contains("1 as they are"), "{again}");
}
