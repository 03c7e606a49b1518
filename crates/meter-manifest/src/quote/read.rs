//! Reads a file of cases.

use super::{Case, ClassWords, Expected, ExpectedLine, reported_cost};
use crate::file::ManifestFile;
use crate::table::{Document, Table, Value};
use meter_call::{Meter, UnixMillis};
use meter_diag::{Diagnostic, codes::files, codes::prices, nearest};
use meter_money::{PicoUsd, Ratio};
use meter_price::{Attributes, parse_instant};

/// Keys of `[case.attributes]`.
const ATTRIBUTES: &[&str] = &[
    "class",
    "served_tier",
    "requested_tier",
    "speed",
    "geo",
    "route",
    "search_context",
    "size",
    "quality",
    "resolution",
    "cache_mode",
    "thinking",
    "billing",
    "partial",
];

/// Tables of `[[case]]`; any other key with a text is for people.
const TABLES: &[&str] = &["usage", "attributes", "selected", "line", "expect", "wrong"];

/// Keys of `[case.expect]`.
const EXPECT: &[&str] =
    &["priced", "total_pico", "usd", "list_pico", "list_check_pico", "charged_pico", "grade", "drift", "lower_bound"];

/// The cases of a file and what is wrong with it.
pub fn read(file: &ManifestFile) -> (Vec<Case>, Vec<Diagnostic>) {
    let document = match Document::parse(file) {
        Ok(document) => document,
        Err(findings) => return (Vec::new(), findings),
    };
    let root = document.root();
    let mut cases = Vec::new();
    if root.schema() {
        root.need("case");
        for (number, table) in (1..).zip(root.tables("case")) {
            cases.extend(case(number, &table));
        }
    }
    drop(root);
    (cases, document.findings())
}

fn case(number: usize, table: &Table<'_, '_>) -> Option<Case> {
    let text = |key| table.text(key).map(|at| at.value.to_owned());
    let (provider, model) = (table.need_text("provider"), table.need_text("model"));
    let is_table = |value: &Value<'_, '_>| {
        let listed = value.as_list().is_some_and(|list| list.iter().any(|one| one.as_table().is_some()));
        listed || value.as_table().is_some()
    };
    unknown(table, TABLES, "no table of a case is called", |value| !is_table(value));
    table.need("at");
    let at = instant(table, "at");
    table.need("usage");
    let usage = table.table("usage")?;
    let mut counts = Vec::new();
    for (key, value) in usage.entries() {
        match key.value.parse::<Meter>() {
            Ok(meter) => {
                let count = value.integer(0..=i64::MAX).map_or(0, |at| at.value.unsigned_abs());
                counts.extend((count > 0).then_some((meter, count)));
            }
            Err(error) => {
                let near = nearest(key.value, Meter::ALL.iter().map(|meter| meter.name()));
                let help = near.map_or("see the list of meters".to_owned(), |near| format!("did you mean `{near}`?"));
                table.doc().report_with_help(files::UNKNOWN_WORD, key.span, error.to_string(), help);
            }
        }
    }
    let mut case = Case {
        id: text("id").unwrap_or_else(|| number.to_string()),
        provider: provider?.value.to_owned(),
        model: model?.value.to_owned(),
        at: at?,
        usage: counts.into_iter().collect(),
        provider_cost: text("provider_cost").or_else(|| reported_cost(&text("reported")?)),
        ..Case::default()
    };
    if let Some(table) = table.table("attributes") {
        attributes(&table, &mut case);
    }
    case.expected = expected(table);
    let broken = table.table("expect").is_some_and(|expect| expect.flag("lower_bound"));
    case.partial |= broken;
    Some(case)
}

/// A date or an instant, quoted or not.
fn instant(table: &Table<'_, '_>, key: &'static str) -> Option<UnixMillis> {
    let value = table.value(key)?;
    let (text, span) = match value.as_text() {
        Some(text) => (text.value.to_owned(), text.span),
        None => value.datetime().map(|at| (at.value.to_string(), at.span))?,
    };
    let read = parse_instant(&text);
    if read.is_none() {
        table.report(prices::BAD_INSTANT, span, format!("`{text}` is no date or UTC instant"));
    }
    read
}

fn attributes(table: &Table<'_, '_>, case: &mut Case) {
    let text = |key| table.text(key).map(|at| at.value.to_owned());
    let class = text("class").filter(|class| class != "standard");
    case.words = ClassWords {
        batched: false,
        speed: text("speed"),
        served: text("served_tier"),
        requested: text("requested_tier"),
    };
    case.attributes = Attributes {
        class,
        geo: text("geo"),
        route: text("route"),
        search_context: text("search_context"),
        size: text("size"),
        quality: text("quality"),
        resolution: text("resolution"),
        cache_mode: text("cache_mode"),
        thinking: table.bool("thinking").map(|at| at.value),
        ..Attributes::default()
    };
    case.plan = plan(table);
    case.partial = table.flag("partial");
    unknown(table, ATTRIBUTES, "there is no attribute", |_| false);
}

/// Reports every key that is not among `known`: what nobody reads would look as if it were heeded.
fn unknown(table: &Table<'_, '_>, known: &[&str], what: &str, skip: impl Fn(&Value<'_, '_>) -> bool) {
    for (key, _) in table.entries().iter().filter(|(key, value)| !known.contains(&key.value) && !skip(value)) {
        let help = match nearest(key.value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", known.join(", ")),
        };
        table.doc().report_with_help(files::UNKNOWN_KEY, key.span, format!("{what} `{}`", key.value), help);
    }
}

/// The subscription that a call is on; `api` = none.
fn plan(table: &Table<'_, '_>) -> Option<String> {
    let billing = table.text("billing").filter(|billing| billing.value != "api")?;
    let plan = billing.value.strip_prefix("plan:").filter(|name| !name.is_empty());
    if plan.is_none() {
        let message = format!("`{}` is no way of billing", billing.value);
        table.doc().report_with_help(files::UNKNOWN_WORD, billing.span, message, "`api`, or `plan:NAME`");
    }
    plan.map(str::to_owned)
}

fn expected(case: &Table<'_, '_>) -> Option<Expected> {
    let pico = |table: &Table<'_, '_>, key| table.integer(key, i64::MIN..=i64::MAX).map(|at| at.value);
    let lines: Vec<ExpectedLine> = case.tables("line").iter().filter_map(line).collect();
    let expect = case.table("expect");
    if expect.is_none() && lines.is_empty() {
        return None;
    }
    let mut expected = Expected { priced: true, lines, ..Expected::default() };
    expected.priced_as = case.text("priced_as").map(|at| at.value.to_owned());
    if let Some(selected) = case.table("selected") {
        expected.rates_from = instant(&selected, "rates_from");
        expected.prompt_tokens = selected.integer("prompt_tokens", 0..=i64::MAX).map(|at| at.value.unsigned_abs());
    }
    if let Some(table) = expect {
        expected.priced = table.bool("priced").is_none_or(|at| at.value);
        expected.total_pico = pico(&table, "total_pico");
        expected.list_pico = pico(&table, "list_pico").or_else(|| pico(&table, "list_check_pico"));
        expected.charged_pico = pico(&table, "charged_pico");
        expected.total = table.text("usd").and_then(|text| {
            let usd = Ratio::wire(text.value).and_then(PicoUsd::from_usd);
            usd.map_err(|error| table.report(prices::BAD_FIGURE, text.span, format!("`{}`: {error}", text.value))).ok()
        });
        unknown(&table, EXPECT, "nothing to expect is called", |_| false);
        expected.grade = table.text("grade").map(|at| at.value.to_owned());
        expected.drift = table.bool("drift").map(|at| at.value);
    }
    for wrong in case.tables("wrong") {
        if let Some(amount) = pico(&wrong, "pico") {
            let because = wrong.text("because").map_or("", |at| at.value);
            expected.wrong.push((amount, because.to_owned()));
        }
    }
    Some(expected)
}

fn line(table: &Table<'_, '_>) -> Option<ExpectedLine> {
    let multiplier = |table: Table<'_, '_>| {
        Some((table.need_text("name")?.value.to_owned(), table.need_text("by")?.value.to_owned()))
    };
    for key in ["quantity", "pico"] {
        table.need(key);
    }
    Some(ExpectedLine {
        meter: table.need_text("meter")?.value.to_owned(),
        quantity: table.integer("quantity", 0..=i64::MAX)?.value.unsigned_abs(),
        rate: table.text("rate").map(|at| at.value.to_owned()),
        multipliers: table.tables("multipliers").into_iter().filter_map(multiplier).collect(),
        pico: table.integer("pico", i64::MIN..=i64::MAX)?.value,
    })
}
