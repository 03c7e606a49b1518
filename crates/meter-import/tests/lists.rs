//! Public lists against a small book: what is proposed, what waits for a person, what is written.

use meter_import::{Change, Guard, Proposal, RunGuard, Source, edit, propose, read};
use meter_manifest::{ManifestFile, prices};
use meter_price::{PriceBook, parse_instant};
use std::collections::{BTreeMap, BTreeSet};

const TODAY: &str = "2026-11-25";

const FILE: &str = r#"schema = 1
provider = "anthropic"
source = "https://example.com/pricing"
checked = 2026-11-01

[profile.half]
when = [{ class = "batch", scale = 0.5 }]

# The large one
[[model]]
id = "claude-large"

[[model.rates]]
from = 2026-01-01
use = ["half"]
input = 5                          # by the million
cache_read = 0.50
cache_write_5m = 6.25
output = 25
context = [{ over = 200_000, input = 10, cache_read = 1, cache_write_5m = 12.50, output = 37.50 }]

# The small one
[[model]]
id = "claude-small"

[[model.rates]]
from = 2026-01-01
use = ["half"]
input = 1
output = 5
"#;

fn book(text: &str) -> PriceBook {
    let (book, found) = prices::book(&[ManifestFile::new("manifests/prices/anthropic.toml", text)], &[]);
    assert!(found.is_empty(), "{found:#?}");
    book
}

/// As a file is loaded again behind an edit.
fn load(text: &str) -> Result<PriceBook, String> {
    let (book, found) = prices::book(&[ManifestFile::new("manifests/prices/anthropic.toml", text)], &[]);
    if found.is_empty() { Ok(book) } else { Err(format!("{found:#?}\n{text}")) }
}

fn edited(changes: &[&Change]) -> String {
    edit(&book(FILE), Some(FILE), "anthropic", changes, TODAY, load).unwrap()
}

/// The large model as the list has it, some figures replaced; the small one as it is.
fn litellm(changes: &[(&str, &str)]) -> String {
    let mut large: BTreeMap<&str, &str> = [
        ("input_cost_per_token", "5e-06"),
        ("input_cost_per_token_batches", "2.5e-06"),
        ("input_cost_per_token_above_200k_tokens", "1e-05"),
        ("cache_read_input_token_cost", "5e-07"),
        ("cache_creation_input_token_cost", "6.25e-06"),
        ("output_cost_per_token", "2.5e-05"),
        ("output_cost_per_token_batches", "1.25e-05"),
        ("output_cost_per_token_above_200k_tokens", "3.75e-05"),
        ("max_tokens", "128000"),
    ]
    .into_iter()
    .collect();
    large.extend(changes.iter().copied());
    let figures: Vec<String> =
        large.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| format!("\"{key}\": {value}")).collect();
    format!(
        r#"{{"claude-large": {{"litellm_provider": "anthropic", "source": "https://example.com/list", {}}},
            "claude-small": {{"litellm_provider": "anthropic", "input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06,
                "cache_read_input_token_cost": 0.0}},
            "elsewhere": {{"litellm_provider": "nobody", "input_cost_per_token": 1e-06}}}}"#,
        figures.join(", ")
    )
}

fn proposed(list: &str, accepted: &[&str]) -> Proposal {
    let list = read(Source::Litellm, list, TODAY).expect("a list");
    let accepted: BTreeSet<String> = accepted.iter().map(|name| (*name).to_owned()).collect();
    propose(&book(FILE), &list, &[], &accepted, TODAY)
}

fn large(proposal: &Proposal) -> &Change {
    proposal.changes.iter().find(|change| change.model == "claude-large").expect("it changes")
}

#[test]
fn what_agrees_is_no_change_and_a_zero_is_no_figure() {
    let proposal = proposed(&litellm(&[]), &[]);
    assert!(proposal.changes.is_empty(), "{:#?}", proposal.changes);
    assert_eq!((proposal.compared, proposal.unchanged, proposal.retained_per_cent), (2, 2, 100));
    assert_eq!(proposal.stops, []);
}

#[test]
fn a_price_cut_passes_and_is_a_new_row_behind_the_old_one() {
    let list = litellm(&[("input_cost_per_token", "4.5e-06"), ("input_cost_per_token_batches", "2.25e-06")]);
    let proposal = proposed(&list, &[]);
    let change = large(&proposal);
    assert_eq!((change.guards.as_slice(), change.taken), (&[][..], true));
    let base = &change.figures[0];
    assert_eq!(
        (base.old.as_deref(), base.new.as_deref(), base.per_cent.as_deref()),
        (Some("5"), Some("4.5"), Some("-10.0"))
    );
    // One of two models is more than a tenth.
    assert!(matches!(proposal.stops.as_slice(), [RunGuard::TooManyChanged { changed: 1, compared: 2, .. }]));

    let text = edited(&[change]);
    assert!(text.contains("input = 4.5  # was 5\n") && text.contains("from = 2026-11-25\n"), "{text}");
    assert!(text.contains("input = 5                          # by the million"), "comments stay:\n{text}");
    assert!(text.find("input = 4.5").unwrap() < text.find("# The small one").unwrap());
    // The new file charges what the list says, batches too, and the old price until then.
    let list = read(Source::Litellm, &list, TODAY).unwrap();
    let again = propose(&book(&text), &list, &[], &BTreeSet::new(), TODAY);
    assert!(again.changes.is_empty(), "{:#?}\n{text}", again.changes);
    let before = book(&text).rate_hint("anthropic", "claude-large", parse_instant("2026-11-24").unwrap()).unwrap();
    assert_eq!(before.0.text(), "5 / 1M tokens");
}

fn guards(changes: &[(&str, &str)]) -> Vec<Guard> {
    let proposal = proposed(&litellm(changes), &[]);
    let change = large(&proposal);
    assert!(!change.taken);
    change.guards.clone()
}

#[test]
fn each_guard_stops_an_entry() {
    let input = "input_cost_per_token";
    let dearer = [("output_cost_per_token", "3.1e-05"), ("output_cost_per_token_batches", "1.55e-05")];
    assert_eq!(guards(&dearer), [Guard::LargeChange]);
    assert!(guards(&[(input, "5e-09")]).contains(&Guard::UnitSlip));
    assert_eq!(guards(&[("cache_creation_input_token_cost_above_1hr", "1e-05")]), [Guard::NewMeter]);
    assert!(guards(&[(input, "4.5e-06"), ("cache_read_input_token_cost", "")]).contains(&Guard::MeterGone));
    let bound = [("input_cost_per_token_above_200k_tokens", ""), ("input_cost_per_token_above_272k_tokens", "1.1e-05")];
    assert!(guards(&bound).contains(&Guard::OtherBound));
    assert!(guards(&[("input_cost_per_token_batches", "2.2e-06")]).contains(&Guard::UnevenFactor));
    assert!(guards(&[(input, "4.512345678e-06")]).contains(&Guard::RoundedFigure));
}

#[test]
fn a_reviewer_can_name_an_entry() {
    let list = litellm(&[("output_cost_per_token", "3.1e-05")]);
    assert!(large(&proposed(&list, &["anthropic/claude-large"])).taken);
    assert!(!large(&proposed(&list, &["anthropic/claude-small"])).taken);
}

#[test]
fn a_list_that_lost_most_of_its_figures_stops_the_run() {
    let gone = [
        ("cache_read_input_token_cost", ""),
        ("cache_creation_input_token_cost", ""),
        ("input_cost_per_token", "4.5e-06"),
    ];
    let proposal = proposed(&litellm(&gone), &[]);
    assert!(proposal.stops.contains(&RunGuard::TooLittleRetained { per_cent: 66 }), "{:?}", proposal.stops);
}

const GENAI: &str = r#"[{"id": "anthropic", "pricing_urls": ["https://example.com/pricing"], "models": [
  {"id": "claude-large", "prices": [
    {"prices": {"input_mtok": 6, "output_mtok": 30}},
    {"constraint": {"start_date": "2026-11-20"}, "prices": {"input_mtok": {"base": "4.5", "tiers": [{"start": 200000, "price": "10"}]},
      "cache_read_mtok": 0.5, "cache_write_mtok": "6.25", "output_mtok": {"base": 25, "tiers": [{"start": 200000, "price": 37.5}]}}},
    {"constraint": {"start_date": "2027-01-01"}, "prices": {"input_mtok": 9}}],
   "price_variants": [{"when": {"processing": "batch"}, "prices": {"input_mtok": 2.25, "output_mtok": 12.5}}]},
  {"id": "claude-new", "prices": {"input_mtok": 2, "output_mtok": 10}}]},
 {"id": "nobody", "models": [{"id": "x", "prices": {"input_mtok": 1}}]}]"#;

#[test]
fn a_dated_list_brings_its_date_and_a_second_one_agrees_or_not() {
    let dated = read(Source::GenaiPrices, GENAI, TODAY).expect("a list");
    assert_eq!(dated.left_out, 1);
    let cut = litellm(&[("input_cost_per_token", "4.5e-06"), ("input_cost_per_token_batches", "2.25e-06")]);
    let cut = read(Source::Litellm, &cut, TODAY).unwrap();
    let both = propose(&book(FILE), &dated, &[cut], &BTreeSet::new(), TODAY);
    let change = large(&both);
    assert_eq!((change.from.as_str(), change.guards.as_slice()), ("2026-11-20", &[][..]));
    assert_eq!(change.sources, ["genai-prices", "litellm"]);
    assert_eq!(both.disagreements.len(), 0);
    let new = both.changes.iter().find(|change| change.model == "claude-new").unwrap();
    assert_eq!((new.guards.as_slice(), new.taken), (&[Guard::NewModel][..], false));

    let old = read(Source::Litellm, &litellm(&[]), TODAY).unwrap();
    let split = propose(&book(FILE), &dated, &[old], &BTreeSet::new(), TODAY);
    assert_eq!(large(&split).guards, [Guard::OtherSourceDisagrees]);
    let says = &split.disagreements[0];
    let (one, other) = (says.says["genai-prices"].as_str(), says.says["litellm"].as_str());
    assert_eq!((one, other, says.ours.as_deref()), ("4.5", "5", Some("5")));
}

#[test]
fn a_new_model_is_written_with_all_its_figures() {
    let list = read(Source::GenaiPrices, GENAI, TODAY).unwrap();
    let accepted = BTreeSet::from(["anthropic/claude-new".to_owned()]);
    let proposal = propose(&book(FILE), &list, &[], &accepted, TODAY);
    let change = proposal.changes.iter().find(|change| change.model == "claude-new").unwrap();
    let text = edit(&book(FILE), None, "anthropic", &[change], TODAY, load).unwrap();
    let new = book(&text);
    assert!(new.covers("anthropic", "claude-new", parse_instant(TODAY).unwrap()));
}

#[test]
fn another_file_is_refused() {
    assert!(read(Source::Litellm, "[]", TODAY).is_err());
    assert!(read(Source::GenaiPrices, "{}", TODAY).is_err());
    assert!(read(Source::Litellm, "{", TODAY).is_err());
}
