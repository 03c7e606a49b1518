//! Fees, classes, regions and windows of public lists: read, held against a book, written.

use meter_call::Meter;
use meter_import::{Change, Figure, Guard, Proposal, Source, Upstream, edit, propose, read};
use meter_manifest::{ManifestFile, prices};
use meter_price::{FEES, PriceBook};
use std::collections::BTreeSet;

const TODAY: &str = "2026-11-25";

const FILE: &str = r#"schema = 1
provider = "openai"
source = "https://example.com/pricing"
checked = 2026-11-01

[[fees]]
from = 2026-01-01
web_search = "10 / 1000 calls"
file_search = "2.50 / 1000 calls"
code_interpreter = "0.03 / session"

[[model]]
id = "large"
[[model.rates]]
from = 2026-01-01
input = 4
cache_read = 0.40
output = 20
context = [{ over = 272_000, scale_input = 2, scale_output = 1.5 }]
when = [
  { class = ["batch", "flex"], scale = 0.5 },
  { class = "priority", scale = 2 },
  { geo = ["eu", "us"], scale = 1.1 },
]

[[model]]
id = "small"
[[model.rates]]
from = 2026-01-01
input = 1
output = 5

[[model]]
id = "tiny"
[[model.rates]]
from = 2026-01-01
input = 0.10
output = 0.50

[[model]]
id = "scribe"
[[model.rates]]
from = 2026-01-01
audio = "0.36 / hour"

[[contract]]
name = "own"
provider = "openai"
from = 2026-01-01
discount = 30
"#;

fn load(text: &str) -> Result<PriceBook, String> {
    // The contract is a user's; a bundled file has none.
    let (book, found) = prices::book(&[], &[ManifestFile::new("manifests/prices/openai.toml", text)]);
    let errors: Vec<_> = found.iter().filter(|one| one.is_error()).collect();
    if errors.is_empty() { Ok(book) } else { Err(format!("{errors:#?}\n{text}")) }
}

fn book() -> PriceBook {
    load(FILE).unwrap()
}

/// A list with `large` as ours and the given keys in it, and further entries.
fn litellm(large: &str, others: &str) -> Upstream {
    let text = format!(
        r#"{{"large": {{"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 4e-06, "cache_read_input_token_cost": 4e-07,
             "output_cost_per_token": 2e-05, "input_cost_per_token_above_272k_tokens": 8e-06, "cache_read_input_token_cost_above_272k_tokens": 8e-07,
             "output_cost_per_token_above_272k_tokens": 3e-05 {large}}} {others}}}"#
    );
    read(Source::Litellm, &text, TODAY).expect("a list")
}

fn proposed(list: &Upstream, accepted: &[&str]) -> Proposal {
    let accepted: BTreeSet<String> = accepted.iter().map(|name| (*name).to_owned()).collect();
    propose(&book(), list, &[], &accepted, TODAY)
}

fn of<'a>(proposal: &'a Proposal, model: &str) -> &'a Change {
    proposal
        .changes
        .iter()
        .find(|change| change.model == model)
        .unwrap_or_else(|| panic!("no {model} in {proposal:#?}"))
}

/// Figure, old and new of a change.
fn told(change: &Change) -> Vec<(String, &str, &str)> {
    let text = |text: &'static str| text;
    change
        .figures
        .iter()
        .map(|f| (f.figure.to_string(), f.old.as_deref().unwrap_or(text("-")), f.new.as_deref().unwrap_or(text("-"))))
        .collect()
}

/// What is written for a model that a reviewer accepts; it charges what the list says, so nothing is left to propose.
fn written(list: &Upstream, model: &str) -> String {
    let name = format!("openai/{model}");
    let proposal = proposed(list, &[&name]);
    let change = of(&proposal, model);
    assert!(change.taken);
    let text = edit(&book(), Some(FILE), "openai", &[change], TODAY, load).unwrap();
    let again = propose(&load(&text).unwrap(), list, &[], &BTreeSet::new(), TODAY);
    let left: Vec<&Change> = again.changes.iter().filter(|change| change.model == model).collect();
    assert!(left.is_empty() || text.contains("# look: "), "{left:#?}\n{text}");
    text
}

#[test]
fn what_is_as_ours_is_no_change_whatever_the_users_contract_says() {
    let list = litellm(
        r#", "input_cost_per_token_batches": 2e-06, "output_cost_per_token_batches": 1e-05, "input_cost_per_token_priority": 8e-06,
            "output_cost_per_token_priority": 4e-05, "regional_processing_uplift_multiplier_eu": 1.1,
            "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.01, "search_context_size_high": 0.01}"#,
        r#", "scribe": {"litellm_provider": "openai", "mode": "audio_transcription", "input_cost_per_second": 0.0001, "output_cost_per_token": 0.0},
            "openai/container": {"litellm_provider": "openai", "mode": "chat", "code_interpreter_cost_per_session": 0.03}"#,
    );
    let proposal = proposed(&list, &[]);
    assert!(proposal.changes.is_empty(), "{:#?}", proposal.changes);
    assert_eq!((proposal.compared, proposal.unchanged), (2, 2));
}

const DEARER: &str = r#""search_context_cost_per_query": {"search_context_size_low": 0.014, "search_context_size_medium": 0.014, "search_context_size_high": 0.014}"#;

#[test]
fn a_fee_of_all_models_is_one_change_of_the_fees() {
    let model = |name: &str| {
        format!(
            r#", "{name}": {{"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06, {DEARER}}}"#
        )
    };
    let tiny = format!(
        r#", "tiny": {{"litellm_provider": "openai", "input_cost_per_token": 1e-07, "output_cost_per_token": 5e-07, {DEARER}}}"#
    );
    let list = litellm(&format!(", {DEARER}"), &(model("small") + &tiny));
    let proposal = proposed(&list, &[]);
    assert_eq!(proposal.changes.len(), 1, "{:#?}", proposal.changes);
    let change = of(&proposal, FEES);
    assert_eq!(told(change), [("web_search".to_owned(), "10 / 1000 calls", "14 / 1000 calls")]);
    assert_eq!((change.guards.as_slice(), change.taken), (&[Guard::LargeChange][..], false));
    let text = written(&list, FEES);
    let fees = &text[text.rfind("[[fees]]").unwrap()..text.find("[[model]]").unwrap()];
    // A row is complete in itself: the fees that do not change stand in it too.
    for line in [
        "from = 2026-11-25",
        "web_search = \"14 / 1000 calls\"  # was 10 / 1000 calls",
        "code_interpreter = \"0.03 / session\"",
    ] {
        assert!(fees.contains(line), "{line} in {fees}");
    }
    assert!(!fees.contains("per_cent"));
}

#[test]
fn a_fee_of_one_model_is_that_models() {
    let own = DEARER.replace("0.014", "0.025");
    let others = r#", "small": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06,
        "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.01, "search_context_size_high": 0.01}}"#;
    let list = litellm(&format!(", {own}"), others);
    let proposal = proposed(&list, &[]);
    assert_eq!(told(of(&proposal, "large")), [("web_search".to_owned(), "10 / 1000 calls", "25 / 1000 calls")]);
    assert!(written(&list, "large").contains("web_search = \"25 / 1000 calls\""));
}

#[test]
fn sizes_of_a_search_are_conditions() {
    let sizes = r#", "search_context_cost_per_query": {"search_context_size_low": 0.005, "search_context_size_medium": 0.01, "search_context_size_high": 0.012}"#;
    let list = litellm(sizes, "");
    let proposal = proposed(&list, &[]);
    let change = of(&proposal, "large");
    assert_eq!(
        told(change),
        [
            ("web_search (search_context=high)".to_owned(), "10 / 1000 calls", "12 / 1000 calls"),
            ("web_search (search_context=low)".to_owned(), "10 / 1000 calls", "5 / 1000 calls"),
        ]
    );
    // Nothing here knows the condition: whatever the figure, it is new.
    assert_eq!(change.guards, [Guard::NewMeter]);
    let text = written(&list, "large");
    assert!(text.contains("{ search_context = \"low\", web_search = \"5 / 1000 calls\""), "{text}");
}

#[test]
fn what_costs_by_time_keeps_its_unit_and_a_rounded_second_is_ours() {
    let scribe = |second: &str| {
        litellm(
            "",
            &format!(
                r#", "scribe": {{"litellm_provider": "openai", "mode": "audio_transcription", "input_cost_per_second": {second}}}"#
            ),
        )
    };
    let dearer = scribe("0.00012");
    assert_eq!(told(of(&proposed(&dearer, &[]), "scribe")), [("audio".to_owned(), "0.36 / hour", "0.432 / hour")]);
    assert!(written(&dearer, "scribe").contains("audio = \"0.432 / hour\"  # was 0.36 / hour"));
    let odd = scribe("0.000123456789");
    assert!(of(&proposed(&odd, &[]), "scribe").guards.contains(&Guard::RoundedFigure));
    let slip = scribe("0.1");
    assert!(of(&proposed(&slip, &[]), "scribe").guards.contains(&Guard::UnitSlip));
}

#[test]
fn another_factor_of_a_class_is_written_as_one_and_splits_what_shared_it() {
    let list = litellm(
        r#", "input_cost_per_token_flex": 2.4e-06, "cache_read_input_token_cost_flex": 2.4e-07, "output_cost_per_token_flex": 1.2e-05,
            "input_cost_per_token_batches": 2e-06"#,
        "",
    );
    let change = of(&proposed(&list, &[]), "large").clone();
    assert_eq!(change.guards, [], "20 % more, evenly");
    let text = written(&list, "large");
    assert!(
        text.contains("{ class = \"flex\", scale = 0.6 }") && text.contains("{ class = \"batch\", scale = 0.5 }"),
        "{text}"
    );
    let uneven = litellm(r#", "input_cost_per_token_flex": 2.4e-06, "output_cost_per_token_flex": 1e-05"#, "");
    assert!(of(&proposed(&uneven, &[]), "large").guards.contains(&Guard::UnevenFactor));
    // Prices of a class beside tiers need tiers of their own: a person writes them.
    assert!(written(&uneven, "large").contains("# look: the list says 2.4 for input (flex)"));
    let new = litellm(r#", "input_cost_per_token_ultrafast": 2.4e-05, "output_cost_per_token_ultrafast": 1.2e-04"#, "");
    assert!(of(&proposed(&new, &[]), "large").guards.contains(&Guard::NewMeter));
    assert!(written(&new, "large").contains("{ class = \"ultrafast\", scale = 6 }"));
}

#[test]
fn a_region_is_one_factor_also_where_the_list_has_the_model_once_for_each() {
    let factor = litellm(r#", "regional_processing_uplift_multiplier_us": 1.2"#, "");
    let change = of(&proposed(&factor, &[]), "large").clone();
    assert_eq!(told(&change), [("all tokens × (geo=us)".to_owned(), "1.1", "1.2")]);
    assert!(written(&factor, "large").contains("{ geo = \"us\", scale = 1.2 }"));
    assert!(written(&factor, "large").contains("{ geo = \"eu\", scale = 1.1 }"));

    let azure = r#"{"azure/m": {"litellm_provider": "azure", "input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05, "input_cost_per_token_batches": 1e-06},
        "azure/eu/m": {"litellm_provider": "azure", "input_cost_per_token": 2.2e-06, "output_cost_per_token": 1.1e-05, "input_cost_per_token_batches": 1.1e-06,
            "input_cost_per_token_priority": 9e-06}}"#;
    let azure = read(Source::Litellm, azure, TODAY).unwrap();
    let figures = &azure.models[&("azure".to_owned(), "m".to_owned())].figures;
    let names: Vec<String> = figures.keys().map(Figure::to_string).collect();
    assert_eq!(names, ["all tokens × (geo=eu)", "input", "input (batch)", "input (priority, geo=eu)", "output"]);
}

#[test]
fn a_tier_that_moves_is_written_in_the_form_it_has() {
    let list = litellm("", "").models[&("openai".to_owned(), "large".to_owned())].figures.len();
    assert_eq!(list, 6);
    let text = r#"{"large": {"litellm_provider": "openai", "input_cost_per_token": 4e-06, "cache_read_input_token_cost": 4e-07, "output_cost_per_token": 2e-05,
        "input_cost_per_token_above_272k_tokens": 8.4e-06, "cache_read_input_token_cost_above_272k_tokens": 8.4e-07, "output_cost_per_token_above_272k_tokens": 3e-05}}"#;
    let moved = read(Source::Litellm, text, TODAY).unwrap();
    assert!(written(&moved, "large").contains("{ over = 272000, scale_input = 2.1, scale_output = 1.5 }"));
    let text = text.replace("8.4e-07", "9e-07");
    let uneven = read(Source::Litellm, &text, TODAY).unwrap();
    assert!(of(&proposed(&uneven, &[]), "large").guards.contains(&Guard::UnevenFactor));
    let text = written(&uneven, "large");
    assert!(text.contains("{ over = 272000, input = 8.4, cache_read = 0.9, output = 30 }"), "{text}");
}

#[test]
fn two_entries_for_one_model_are_a_disagreement_with_both_figures() {
    let azure = r#"{"azure/m": {"litellm_provider": "azure", "input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05},
        "azure_ai/m": {"litellm_provider": "azure_ai", "input_cost_per_token": 3e-06, "output_cost_per_token": 1e-05}}"#;
    let list = read(Source::Litellm, azure, TODAY).unwrap();
    let proposal = propose(&book(), &list, &[], &BTreeSet::new(), TODAY);
    let says: Vec<_> =
        proposal.disagreements.iter().map(|one| one.says.clone().into_iter().collect::<Vec<_>>()).collect();
    assert_eq!(says, [[("azure/m".to_owned(), "2".to_owned()), ("azure_ai/m".to_owned(), "3".to_owned())]]);
}

#[test]
fn quiet_hours_are_the_plain_price() {
    let text = r#"{"deepseek/m": {"litellm_provider": "deepseek", "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06,
        "off_peak_pricing": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "windows": []}}}"#;
    let deepseek = read(Source::Litellm, text, TODAY).unwrap();
    let figures = &deepseek.models[&("deepseek".to_owned(), "m".to_owned())].figures;
    let told: Vec<String> = figures.iter().map(|(figure, quote)| format!("{figure} {}", quote.amount)).collect();
    assert_eq!(told, ["input 1", "input (window=peak) 2", "output 2", "output (window=peak) 4"]);
}

const GENAI: &str = r#"[{"id": "openai", "pricing_urls": ["https://example.com/pricing"], "models": [
  {"id": "large", "prices": [
    {"prices": {"input_mtok": "4", "cache_read_mtok": "0.4", "output_mtok": "20", "web_searches_kcount": "10", "storage_searches_kcount": "2.5"}},
    {"constraint": {"start_date": "2026-12-20"}, "prices": {"input_mtok": "5", "cache_read_mtok": "0.5", "output_mtok": "25"}}],
   "price_variants": [
    {"when": {"service_tier": "priority"}, "constraint": {"start_date": "2026-10-12"}, "prices": {"input_mtok": "10", "output_mtok": "50"}},
    {"when": {"service_tier": "flex"}, "constraint": {"start_date": "2027-10-12"}, "prices": {"input_mtok": "1"}},
    {"when": {"service_tier": "odd", "processing": "batch"}, "constraint": null, "prices": {"input_mtok": "1"}}]},
  {"id": "scribe", "prices": {"audio_hours": "0.4", "input_audio_hours": "0.4"}, "price_variants": []}]}]"#;

#[test]
fn dated_classes_and_fees_are_read_and_what_is_announced_is_a_row_of_its_day() {
    let list = read(Source::GenaiPrices, GENAI, TODAY).unwrap();
    let proposal = proposed(&list, &["openai/large"]);
    let changes: Vec<&Change> = proposal.changes.iter().filter(|change| change.model == "large").collect();
    let now: Vec<_> = told(changes[0]);
    assert_eq!(now, [("input (priority)".to_owned(), "8", "10"), ("output (priority)".to_owned(), "40", "50")]);
    assert_eq!(changes[1].from, "2026-12-20");
    assert!(told(changes[1]).contains(&("input".to_owned(), "4", "5")));
    let text = edit(&book(), Some(FILE), "openai", &changes, TODAY, load).unwrap();
    assert!(text.contains("{ class = \"priority\", scale = 2.5 }") && text.contains("from = 2026-12-20"), "{text}");
    assert_eq!(told(of(&proposal, "scribe")), [("audio".to_owned(), "0.36 / hour", "0.4 / hour")]);
}

const HISTORY: &str = r#"{"schema": 1, "prices": {"openai": {"large": {
  "standard": [
    {"start": null, "rates": {"input": 9.0, "output": 40.0, "source": "https://example.com/commit", "valid_from": "2026-01-01T00:00:00Z", "valid_from_basis": "models.dev commit"}},
    {"start": "2026-11-20T00:00:00Z", "rates": {"input": 4.4, "cache_read": 0.44, "cache_write": 5.5, "cache_write_1h_multiple": 2.5, "output": 22.0,
      "tiers": [{"above": 272000, "input": 8.8, "cache_read": 0.88, "output": 33.0}],
      "source": "https://example.com/page", "valid_from": "2026-11-20T00:00:00Z", "valid_from_basis": "documented"}},
    {"start": "2027-02-01T00:00:00Z", "rates": {"input": 3.0, "output": 15.0, "valid_from": "2027-02-01T00:00:00Z"}}],
  "batch": [{"start": null, "rates": null}, {"start": "2026-11-20T00:00:00Z", "rates": {"input": 2.2, "output": 11.0}}],
  "thinking": [{"start": null, "rates": {"input": 4.4, "output": 30.0}}],
  "odd": [{"start": null, "rates": {"input": 1.0}}]}},
 "nobody": {"x": {"standard": [{"start": null, "rates": {"input": 1.0}}]}}}}"#;

#[test]
fn a_history_gives_what_holds_today_and_what_is_announced() {
    let list = read(Source::ModelPrices, HISTORY, TODAY).unwrap();
    assert_eq!((list.left_out, list.later.len()), (1, 1));
    let model = &list.models[&("openai".to_owned(), "large".to_owned())];
    assert_eq!(
        (model.from.as_deref(), model.page.as_deref()),
        (Some("2026-11-20T00:00:00Z"), Some("https://example.com/page"))
    );
    let told: Vec<String> = model.figures.iter().map(|(figure, quote)| format!("{figure} {}", quote.amount)).collect();
    let all = [
        "input 4.4",
        "input (batch) 2.2",
        "input (thinking=true) 4.4",
        "input > 272000 8.8",
        "cache_read 0.44",
        "cache_read > 272000 0.88",
        "cache_write 5.5",
        "cache_write_12h 11",
        "cache_write_12h > 272000 22",
        "output 22",
        "output (batch) 11",
        "output (thinking=true) 30",
        "output > 272000 33",
    ];
    assert_eq!(told, all);
    let proposal = proposed(&list, &["openai/large"]);
    assert_eq!(of(&proposal, "large").from, "2026-11-20T00:00:00Z");
    assert!(written(&list, "large").contains("from = 2026-11-20T00:00:00Z\nsource = \"https://example.com/page\"\n"));
    assert!(read(Source::ModelPrices, "{\"prices\": 3}", TODAY).is_err());
}

#[test]
fn a_fee_counted_otherwise_is_held_back() {
    let text = r#"{"gemini/g": {"litellm_provider": "gemini", "input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06, "web_search_billing_unit": "per_query",
        "search_context_cost_per_query": {"search_context_size_low": 0.035, "search_context_size_medium": 0.035, "search_context_size_high": 0.035}}}"#;
    let ours = "schema = 1\nprovider = \"gemini\"\nsource = \"https://example.com\"\nchecked = 2026-11-01\n[[model]]\nid = \"g\"\n[[model.rates]]\nfrom = 2026-01-01\ninput = 1\noutput = 5\ngrounding = \"35 / 1000 prompts\"\n";
    let book = load(ours).unwrap();
    let change = |text: &str| {
        let list = read(Source::Litellm, text, TODAY).unwrap();
        propose(&book, &list, &[], &BTreeSet::new(), TODAY).changes
    };
    let found = change(text);
    assert_eq!(found[0].guards, [Guard::OtherUnit]);
    assert_eq!(told(&found[0]), [("grounding".to_owned(), "35 / 1000 prompts", "35 / 1000 queries")]);
    assert_eq!(found[0].figures[0].figure, Figure::of(Meter::Grounding));
    assert!(change(&text.replace("per_query", "unknown")).is_empty(), "a list that names no unit says nothing of it");
}

#[test]
fn what_the_model_itself_says_of_regions_is_not_said_again_by_a_row() {
    let file = FILE
        .replace("  { geo = [\"eu\", \"us\"], scale = 1.1 },\n", "")
        .replace("id = \"large\"\n", "id = \"large\"\nwhen = [{ geo = [\"eu\", \"us\"], scale = 1.1 }]\n");
    let text = r#"{"large": {"litellm_provider": "openai", "input_cost_per_token": 4.4e-06, "cache_read_input_token_cost": 4e-07, "output_cost_per_token": 2e-05,
        "input_cost_per_token_above_272k_tokens": 8.8e-06, "regional_processing_uplift_multiplier_us": 1.1, "regional_processing_uplift_multiplier_eu": 1.2}}"#;
    let list = read(Source::Litellm, text, TODAY).unwrap();
    let book = load(&file).unwrap();
    let proposal = propose(&book, &list, &[], &BTreeSet::from(["openai/large".to_owned()]), TODAY);
    let text = edit(&book, Some(&file), "openai", &[of(&proposal, "large")], TODAY, load).unwrap();
    assert_eq!(text.matches("geo =").count(), 1, "{text}");
    assert!(text.contains("# look: the list says 1.2 for all tokens × (geo=eu)\n"), "{text}");
}
