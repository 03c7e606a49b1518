//! Quotes of written cases: the bundled prices give what each case says, and a mistake in a file is told where it stands.

use meter_manifest::quote::{differences, quote, read};
use meter_manifest::{ManifestFile, bundled, prices};
use meter_price::PriceBook;

const CASES: &str = include_str!("../../../tests/cost-cases.toml");
const TERMS: &str = "schema = 1\n[[contract]]\nname = 'acme-2026'\nprovider = 'deepseek'\nfrom = 2026-06-01\nuntil = 2027-06-01\ndiscount = 12.5\n";

fn book(user: &[ManifestFile]) -> PriceBook {
    let files: Vec<_> = bundled().into_iter().filter(|file| file.path.starts_with("manifests/prices/")).collect();
    let (book, found) = prices::book(&files, user);
    assert!(found.is_empty(), "{found:#?}");
    book
}

/// What is off, by case.
fn off(book: &PriceBook, text: &str) -> Vec<(String, Vec<String>)> {
    let (cases, found) = read(&ManifestFile::new("cases.toml", text));
    assert!(found.is_empty(), "{found:#?}");
    let off = cases.iter().map(|case| (case.id.clone(), differences(case, &quote(book, case).unwrap())));
    off.filter(|(_, off)| !off.is_empty()).collect()
}

#[test]
fn the_cases_are_exact_with_the_bundled_prices() {
    let terms = ManifestFile::new("manifests/prices/terms.toml", TERMS);
    assert_eq!(read(&ManifestFile::new("cases.toml", CASES)).0.len(), 28);
    // The contract is the last case's; every other call of that provider in the cases is from before it.
    let without = off(&book(&[]), CASES);
    assert_eq!(without.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["d28-contract-half-even"]);
    let contract = off(&book(std::slice::from_ref(&terms)), CASES);
    assert!(!contract.iter().any(|(id, _)| id == "d28-contract-half-even"), "{contract:#?}");
}

#[test]
fn another_figure_is_a_difference() {
    let case = "schema = 1\n[[case]]\nprovider = 'anthropic'\nmodel = 'claude-opus-5-5'\nat = 2026-11-24\n[case.usage]\ninput = 1000000\n[case.expect]\ntotal_pico = 4000000000001\ngrade = 'estimated'\n";
    let off = off(&book(&[]), case);
    assert_eq!(
        off,
        [(
            "1".to_owned(),
            vec![
                "total (pico-dollars): got 4000000000000, expected 4000000000001".to_owned(),
                "grade: got provider_usage, expected estimated".to_owned(),
            ]
        )]
    );
}

#[test]
fn a_plan_charges_nothing_and_keeps_the_list() {
    let case = "schema = 1\n[[case]]\nprovider = 'anthropic'\nmodel = 'claude-opus-5-5'\nat = 2026-11-24\nusage = { output = 1000 }\nattributes = { billing = 'plan:claude-max-20x' }\n";
    let (cases, _) = read(&ManifestFile::new("cases.toml", case));
    let quoted = quote(&book(&[]), &cases[0]).unwrap();
    assert_eq!(quoted.costing.list.map(|list| list.pico()), Some(20_000_000_000));
    assert_eq!(quoted.charged.map(|charged| charged.pico()), Some(0));
}

#[test]
fn mistakes_are_told_where_they_stand() {
    let case =
        "schema = 1\n[[case]]\nprovider = 'acme'\nat = 'soon'\nusage = { inptu = 3 }\nattributes = { goe = 'us' }\n";
    let (cases, found) = read(&ManifestFile::new("cases.toml", case));
    assert!(cases.is_empty());
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told.iter().any(|one| one.contains("`model` is missing")));
    assert!(told.iter().any(|one| one.contains("cases.toml:5:11") && one.contains("inptu")), "{told:#?}");
}

#[test]
fn what_a_case_says_and_nobody_reads_is_told() {
    let told = |part: &str| {
        let case = "schema = 1\n[[case]]\nprovider = 'anthropic'\nmodel = 'claude-opus-5-5'\nat = 2026-11-24\nusage = { input = 7 }\n";
        let (_, found) = read(&ManifestFile::new("cases.toml", format!("{case}{part}")));
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(told("attribute = { class = 'batch' }").contains("no table of a case is called `attribute`"));
    assert!(told("expect = { total = 5 }").contains("nothing to expect is called `total`"));
    assert!(told("expect = { usd = '5 dollars' }").contains("`5 dollars`"));
    assert!(told("attributes = { billing = 'plan' }").contains("`plan` is no way of billing"));
    assert_eq!(told("why = 'for people'\nseen_in = ['a', 'b']\nattributes = { billing = 'api' }"), "");
}

#[test]
fn dollars_and_what_is_charged_are_compared_too() {
    let case = "schema = 1\n[[case]]\nprovider = 'anthropic'\nmodel = 'claude-opus-5-5'\nat = 2026-11-24\nusage = { output = 1000 }\nattributes = { billing = 'plan:max' }\nexpect = { usd = '0.03', charged_pico = 1 }\n";
    let off = off(&book(&[]), case).remove(0).1;
    assert_eq!(
        off,
        ["total (dollars): got 0.020000000000, expected 0.030000000000", "charged (pico-dollars): got 0, expected 1"]
    );
}

#[test]
fn a_list_price_that_stands_in_for_the_providers_amount_says_so() {
    let case = "schema = 1\n[[case]]\nprovider = 'openrouter'\nmodel = 'anthropic/claude-opus-5.5'\nat = 2026-11-24\nusage = { output = 1000 }\n";
    let (cases, _) = read(&ManifestFile::new("cases.toml", case));
    let quoted = quote(&book(&[]), &cases[0]).unwrap();
    assert_eq!((quoted.settled.evidence.as_str(), quoted.costing.guesses.len()), ("estimated", 1));
}
