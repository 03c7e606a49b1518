//! Every worked case of `tests/cost-cases.toml`, to the pico-dollar: lines, total, grade, and none of the wrong figures.
//!
//! A case is priced with the bundled price files where they know its model, else with a file made of the rates that the
//! case itself carries.

use meter_call::{Buckets, Evidence, Meter, UnixMillis};
use meter_manifest::{ManifestFile, prices};
use meter_money::{PicoUsd, Ratio, half_even};
use meter_price::{Attributes, Drift, PriceBook, Query, Rate, WhyUnpriced, derive, price, settle};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Cases that cannot be expressed, each with its reason. A listed one that passes fails the test: take it off the list.
const NOT_COVERED: &[(&str, &str)] = &[];

/// What the user of a case has in a price file of their own.
const USER_FILES: &[(&str, &str)] = &[(
    "d28-contract-half-even",
    "schema = 1\n[[contract]]\nname = 'acme-2026'\nprovider = 'deepseek'\nfrom = 2026-06-01\nuntil = 2027-06-01\ndiscount = 12.5\n",
)];

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
    rounding: Vec<Rounding>,
}

#[derive(Deserialize)]
struct Rounding {
    exact: String,
    pico: i128,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    provider: String,
    model: String,
    at: toml::value::Datetime,
    priced_as: Option<String>,
    reported: Option<String>,
    source: String,
    usage: BTreeMap<String, u64>,
    attributes: BTreeMap<String, String>,
    selected: Option<Selected>,
    #[serde(default)]
    line: Vec<Line>,
    expect: Expect,
    #[serde(default)]
    wrong: Vec<Wrong>,
}

#[derive(Deserialize)]
struct Selected {
    rates_from: toml::value::Datetime,
    prompt_tokens: u64,
}

#[derive(Deserialize)]
struct Line {
    meter: String,
    quantity: u64,
    rate: String,
    #[serde(default)]
    multipliers: Vec<Factor>,
    pico: i64,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Factor {
    name: String,
    by: String,
}

#[derive(Deserialize)]
struct Expect {
    total_pico: Option<i64>,
    usd: Option<String>,
    grade: String,
    priced: Option<bool>,
    list_pico: Option<i64>,
    list_check_pico: Option<i64>,
    drift: Option<bool>,
    #[serde(default)]
    lower_bound: bool,
}

#[derive(Deserialize)]
struct Wrong {
    pico: i64,
    because: String,
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cases() -> Cases {
    let text = std::fs::read_to_string(root().join("tests/cost-cases.toml")).expect("tests/cost-cases.toml is there");
    toml::from_str(&text).expect("tests/cost-cases.toml has its shape")
}

/// The price files of the repository.
fn bundled() -> Vec<ManifestFile> {
    let folder = root().join("manifests/prices");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("manifests/prices is there")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .map(|path| {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            ManifestFile::new(format!("manifests/prices/{name}"), std::fs::read(&path).expect("the file can be read"))
        })
        .collect();
    files.sort();
    files
}

fn instant(moment: &toml::value::Datetime) -> UnixMillis {
    let text = moment.to_string();
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text };
    UnixMillis(text.parse::<jiff::Timestamp>().expect("an instant").as_millisecond())
}

/// A price file out of the rates that a case carries.
fn own_rates(case: &Case) -> ManifestFile {
    let selected = case.selected.as_ref().expect("a priced case says when its rates begin");
    let mut text = format!(
        "schema = 1\nprovider = \"{}\"\nsource = \"{}\"\nchecked = 2026-11-24\n[[model]]\nid = \"{}\"\n[[model.rates]]\nfrom = {}\n",
        case.provider, case.source, case.model, selected.rates_from
    );
    for line in &case.line {
        assert!(line.multipliers.is_empty(), "{}: a case of its own rates needs overlays", case.id);
        let price = line.rate.strip_suffix(" / 1M tokens").map_or(format!("\"{}\"", line.rate), str::to_owned);
        text.push_str(&format!("{} = {price}\n", line.meter));
    }
    ManifestFile::new("manifests/prices/case.toml", text)
}

fn load(bundled: &[ManifestFile], user: &[ManifestFile]) -> PriceBook {
    let (book, found) = prices::book(bundled, user);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "price files: {found:#?}");
    book
}

/// Everything that differs from what the case says.
fn run(case: &Case, bundled_files: &[ManifestFile], bundled_book: &PriceBook) -> Vec<String> {
    let mut off = Vec::new();
    let at = instant(&case.at);
    let user: Vec<ManifestFile> = USER_FILES
        .iter()
        .filter(|(id, _)| *id == case.id)
        .map(|(_, text)| ManifestFile::new("manifests/prices/terms.toml", *text))
        .collect();
    // The cases use the vendor's name, the price files the id of the provider's manifest.
    let mut provider = if case.provider == "google" { "gemini" } else { &case.provider };
    let mut book = if user.is_empty() { bundled_book.clone() } else { load(bundled_files, &user) };
    if case.expect.priced != Some(false) && !book.covers(provider, &case.model, at) {
        provider = &case.provider;
        book = load(&[own_rates(case)], &user);
    }
    let usage: Buckets =
        case.usage.iter().map(|(name, count)| (name.parse::<Meter>().expect("a meter"), *count)).collect();
    let text = |key: &str| case.attributes.get(key).cloned();
    let class = match case.attributes.get("served_tier") {
        Some(served) => book.class(provider, false, None, Some(served)),
        None => text("class").filter(|class| class != "standard"),
    };
    let attributes = Attributes { class, geo: text("geo"), ..Attributes::default() };
    let query = Query { provider, model: &case.model, at, usage: &usage, attributes: &attributes };
    let costing = price(&book, &query);

    if case.expect.priced == Some(false) {
        if costing.list.is_some() || costing.lines.iter().any(|line| line.amount.is_some()) {
            off.push(format!("priced at {:?}", costing.list));
        }
        if !matches!(costing.unpriced.as_slice(), [WhyUnpriced::NoModel(near)] if !near.is_empty()) {
            off.push(format!("no near names: {:?}", costing.unpriced));
        }
        check(&mut off, "quantities", costing.lines.len(), case.usage.len());
    }
    let mut lines = costing.lines.clone();
    lines.sort_by_key(|line| line.meter);
    let mut expected: Vec<&Line> = case.line.iter().collect();
    expected.sort_by_key(|line| line.meter.parse::<Meter>().ok());
    if case.expect.priced != Some(false) {
        check(&mut off, "number of lines", lines.len(), expected.len());
    }
    for (line, wanted) in lines.iter().zip(&expected) {
        let meter = wanted.meter.as_str();
        check(&mut off, meter, line.meter.name(), meter);
        check(&mut off, meter, line.quantity, wanted.quantity);
        check(&mut off, meter, line.amount.map(PicoUsd::pico), Some(wanted.pico));
        let rate = |text: &str| Rate::parse(text).map(|rate| rate.each()).ok();
        check(&mut off, meter, line.rate.as_deref().and_then(rate), rate(&wanted.rate));
        let factors = |name: &str, by: &str| (name.to_owned(), Ratio::factor(by).ok());
        let got: Vec<_> = line.multipliers.iter().map(|factor| factors(&factor.name, &factor.by)).collect();
        let want: Vec<_> = wanted.multipliers.iter().map(|factor| factors(&factor.name, &factor.by)).collect();
        check(&mut off, meter, got, want);
        let stored = costing.prices.iter().find(|used| Some(&used.price_id) == line.price_id.as_ref());
        let again = stored.map(|used| derive(&used.row, line).map_err(|error| error.to_string()));
        check(&mut off, "derived again", again, Some(Ok(PicoUsd::from_pico(wanted.pico))));
    }
    if let Some(selected) = &case.selected {
        check(&mut off, "prompt tokens", usage.total(meter_call::Side::Input), selected.prompt_tokens);
        let row = costing.prices.iter().find(|used| used.model != "[fees]");
        check(&mut off, "rates from", row.map(|used| used.effective_from), Some(instant(&selected.rates_from)));
        if let Some(model) = &case.priced_as {
            check(&mut off, "priced as", row.map(|used| used.model.as_str()), Some(model.as_str()));
        }
    }
    totals(case, &book, provider, &costing, &mut off);
    off
}

fn totals(case: &Case, book: &PriceBook, provider: &str, costing: &meter_price::Costing, off: &mut Vec<String>) {
    let billed = case.reported.as_deref().and_then(provider_cost);
    let settled = match settle(book, provider, costing, billed.as_deref()) {
        Ok(settled) => settled,
        Err(error) => return off.push(format!("not settled: {error}")),
    };
    // Only whoever read the stream knows that it broke; the price knows nothing of streams.
    let broken = if case.expect.lower_bound { Evidence::PartialStream } else { Evidence::None };
    check(off, "grade", settled.evidence.max(broken).as_str(), case.expect.grade.as_str());
    check(off, "total", settled.cost.map(PicoUsd::pico), case.expect.total_pico);
    check(off, "text", settled.cost.map(|cost| cost.to_string()), case.expect.usd.clone());
    for figure in [case.expect.list_pico, case.expect.list_check_pico].into_iter().flatten() {
        check(off, "list", costing.list.map(PicoUsd::pico), Some(figure));
    }
    if let Some(drift) = case.expect.drift {
        check(off, "drift", settled.drift, if drift { Drift::Over } else { Drift::Within });
    }
    for wrong in &case.wrong {
        if settled.cost.map(PicoUsd::pico) == Some(wrong.pico) {
            off.push(format!("the wrong figure {}: {}", wrong.pico, wrong.because));
        }
    }
}

/// The provider's own amount in its unit, as the dialect would give it.
fn provider_cost(reported: &str) -> Option<String> {
    if let Some(ticks) = reported.strip_prefix("cost_in_usd_ticks=") {
        let usd = Ratio::literal(ticks).ok()?.div(Ratio::whole(10_000_000_000)).ok()?;
        return Some(usd.to_string());
    }
    reported.strip_prefix("usage.cost=").map(str::to_owned)
}

fn check<T: PartialEq + std::fmt::Debug>(off: &mut Vec<String>, what: &str, got: T, want: T) {
    if got != want {
        off.push(format!("{what}: got {got:?}, want {want:?}"));
    }
}

#[test]
fn every_case_is_exact() {
    let bundled = bundled();
    let book = load(&bundled, &[]);
    let mut failed = Vec::new();
    let cases = cases();
    assert_eq!(cases.case.len(), 28, "a case was added or lost");
    for case in &cases.case {
        let off = run(case, &bundled, &book);
        let listed = NOT_COVERED.iter().find(|(id, _)| *id == case.id);
        match (off.is_empty(), listed) {
            (true, Some((id, _))) => failed.push(format!("{id} passes: take it off NOT_COVERED")),
            (false, None) => failed.push(format!("{}: {off:#?}", case.id)),
            _ => {}
        }
    }
    for (id, _) in NOT_COVERED.iter().filter(|(id, _)| !cases.case.iter().any(|case| case.id == *id)) {
        failed.push(format!("{id} is listed as not covered and is no case"));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_bundled_prices_know_every_model_of_the_cases() {
    let book = load(&bundled(), &[]);
    let own: Vec<String> = cases()
        .case
        .iter()
        .filter(|case| case.expect.priced != Some(false))
        .filter(|case| {
            let provider = if case.provider == "google" { "gemini" } else { &case.provider };
            !book.covers(provider, &case.model, instant(&case.at))
        })
        .map(|case| case.id.clone())
        .collect();
    assert_eq!(own, Vec::<String>::new());
}

#[test]
fn every_bundled_model_has_a_price_with_a_source_and_a_date() {
    let book = load(&bundled(), &[]);
    let at = UnixMillis("2026-11-25T12:00:00Z".parse::<jiff::Timestamp>().expect("an instant").as_millisecond());
    let attributes = Attributes::default();
    let mut bad = Vec::new();
    for provider in book.providers() {
        for model in book.models(provider) {
            // Every meter at once: one of them is priced, and its row says where from.
            let usage: Buckets = Meter::ALL.iter().map(|meter| (*meter, 1)).collect();
            let costing = price(&book, &Query { provider, model, at, usage: &usage, attributes: &attributes });
            let sourced = costing.prices.first().is_some_and(|used| used.source.starts_with("https://"));
            let dated = matches!(
                book.rates_source(provider, model, at).as_deref(),
                Some("bundled-2026-11-24" | "bundled-2026-11-25")
            );
            if !sourced || !dated {
                bad.push(format!("{provider}/{model}"));
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(book.providers().count() >= 18);
}

/// Hosts of one region cost more; the region is the host's, so any that has a host has a price.
#[test]
fn a_host_of_one_region_costs_what_its_list_adds() {
    let book = load(&bundled(), &[]);
    let at = UnixMillis("2026-11-25T12:00:00Z".parse::<jiff::Timestamp>().expect("an instant").as_millisecond());
    let usage: Buckets = [(Meter::Input, 1_000_000), (Meter::Output, 1_000_000)].into_iter().collect();
    let cost = |provider: &str, model: &str, geo: Option<&str>| {
        let attributes = Attributes { geo: geo.map(str::to_owned), ..Attributes::default() };
        let query = Query { provider, model, at, usage: &usage, attributes: &attributes };
        price(&book, &query).list.unwrap_or_else(|| panic!("{provider}/{model} has no price")).pico()
    };
    let cases: [(&str, &str, &[&str], i64); 5] = [
        ("openai", "gpt-6.1-sol", &["us", "eu", "gb", "ae", "au", "ca", "in", "jp", "kr", "sg"], 110),
        ("mistral", "mistral-large-4", &["eu", "us"], 110),
        ("xai", "grok-4.6", &["us"], 110),
        ("together", "zai-org/GLM-5.3", &["us", "ca"], 125),
        ("xai", "grok-4.6", &["us-east-1", "eu-west-1"], 100),
    ];
    for (provider, model, regions, percent) in cases {
        let plain = cost(provider, model, None);
        for region in regions {
            assert_eq!(cost(provider, model, Some(region)) * 100, plain * percent, "{provider} {region}");
        }
    }
}

#[test]
fn rounding_vectors() {
    for vector in cases().rounding {
        let exact = Ratio::factor(&vector.exact).expect("an exact fraction");
        assert_eq!(half_even(exact), vector.pico, "{}", vector.exact);
    }
}
