//! What differs between a bill and what was expected of it.

use super::{Case, Expected, ExpectedLine, Quoted};
use meter_call::{CostLine, PriceUse, Side};
use meter_money::{PicoUsd, Ratio};
use meter_price::{Drift, Rate, derive_among, print_instant};
use std::fmt::Display;

/// Everything that differs, one sentence each; empty when all is as expected or nothing is.
pub fn differences(case: &Case, quoted: &Quoted) -> Vec<String> {
    let Some(expected) = &case.expected else { return Vec::new() };
    let mut off = Vec::new();
    if expected.priced {
        lines(expected, quoted, &mut off);
    } else if quoted.costing.lines.iter().any(|line| line.amount.is_some()) {
        off.push("it has a price and should have none".to_owned());
    }
    let row = quoted.costing.prices.iter().find(|used| !used.model.starts_with('['));
    if let Some(from) = expected.rates_from {
        let got = row.map(|row| print_instant(row.effective_from));
        differ(&mut off, "rates from", got.as_ref(), Some(&print_instant(from)));
    }
    if let Some(model) = &expected.priced_as {
        differ(&mut off, "priced as", row.map(|row| &row.model), Some(model));
    }
    if let Some(tokens) = expected.prompt_tokens {
        differ(&mut off, "prompt tokens", Some(case.usage.total(Side::Input)), Some(tokens));
    }
    let total = quoted.settled.cost.map(PicoUsd::pico);
    if expected.total_pico.is_some() || !expected.priced {
        differ(&mut off, "total (pico-dollars)", total, expected.total_pico);
    }
    if let Some(usd) = expected.total {
        differ(&mut off, "total (dollars)", quoted.settled.cost, Some(usd));
    }
    if let Some(charged) = expected.charged_pico {
        differ(&mut off, "charged (pico-dollars)", quoted.charged.map(PicoUsd::pico), Some(charged));
    }
    if let Some(list) = expected.list_pico {
        differ(&mut off, "list (pico-dollars)", quoted.costing.list.map(PicoUsd::pico), Some(list));
    }
    if let Some(grade) = &expected.grade {
        differ(&mut off, "grade", Some(quoted.settled.evidence.as_str()), Some(grade.as_str()));
    }
    if let Some(drift) = expected.drift {
        differ(&mut off, "drift", Some(quoted.settled.drift == Drift::Over), Some(drift));
    }
    let wrong = expected.wrong.iter().filter(|(pico, _)| total == Some(*pico));
    off.extend(wrong.map(|(pico, because)| format!("{pico} is a known wrong figure: {because}")));
    off
}

fn lines(expected: &Expected, quoted: &Quoted, off: &mut Vec<String>) {
    let mut left: Vec<&CostLine> = quoted.costing.lines.iter().collect();
    for wanted in &expected.lines {
        let same = |line: &&CostLine| line.meter.name() == wanted.meter && line.quantity == wanted.quantity;
        let near = |line: &&CostLine| line.meter.name() == wanted.meter;
        match left.iter().position(same).or_else(|| left.iter().position(near)) {
            Some(at) => line(wanted, left.remove(at), &quoted.costing.prices, off),
            None => off.push(format!("no line for `{}`", wanted.meter)),
        }
    }
    if !expected.lines.is_empty() {
        off.extend(left.iter().map(|line| format!("a line for `{}` that was not expected", line.meter)));
    }
}

fn line(wanted: &ExpectedLine, line: &CostLine, prices: &[PriceUse], off: &mut Vec<String>) {
    let what = |part: &str| format!("{part} of `{}`", wanted.meter);
    differ(off, &what("quantity"), Some(line.quantity), Some(wanted.quantity));
    differ(off, &what("amount (pico-dollars)"), line.amount.map(PicoUsd::pico), Some(wanted.pico));
    let each = |text: &str| Rate::parse(text).map(|rate| rate.each()).ok();
    if let Some(rate) = &wanted.rate
        && line.rate.as_deref().and_then(each) != each(rate)
    {
        differ(off, &what("rate"), line.rate.as_ref(), Some(rate));
    }
    let factor = |text: &str| Ratio::factor(text).ok();
    let same = line.multipliers.len() == wanted.multipliers.len()
        && line
            .multipliers
            .iter()
            .zip(&wanted.multipliers)
            .all(|(got, (name, by))| got.name == *name && factor(&got.by) == factor(by));
    if !same {
        let got: Vec<String> = line.multipliers.iter().map(|by| format!("{} x {}", by.name, by.by)).collect();
        let want: Vec<String> = wanted.multipliers.iter().map(|(name, by)| format!("{name} x {by}")).collect();
        off.push(format!("{}: got [{}], expected [{}]", what("multipliers"), got.join(", "), want.join(", ")));
    }
    if line.price_id.is_some() && derive_among(prices, line).ok() != line.amount {
        off.push(format!("{} cannot be derived again from its price", what("the amount")));
    }
}

fn differ<T: PartialEq + Display>(off: &mut Vec<String>, what: &str, got: Option<T>, want: Option<T>) {
    if got != want {
        let show = |value: Option<T>| value.map_or("nothing".to_owned(), |value| value.to_string());
        off.push(format!("{what}: got {}, expected {}", show(got), show(want)));
    }
}
