//! Rows as a person writes them.

use super::draft::Draft;
use crate::figure::{Figure, Quote};
use crate::propose::Change;
use meter_call::Meter;
use meter_price::{Quota, RowView, TierView, WhenView};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One `[[model.rates]]`, or `[[fees]]`.
pub(super) fn print(
    draft: &Draft,
    change: &Change,
    row: Option<&RowView>,
    look: &[(Figure, Quote)],
    today: &str,
    fees: bool,
) -> String {
    let head = if fees { "[[fees]]" } else { "[[model.rates]]" };
    let mut text = format!("{head}\nfrom = {}\n", change.from);
    if let Some(until) = row.and_then(|row| row.until.as_ref()) {
        let _ = writeln!(text, "until = {until}");
    }
    if let Some(page) = &change.page {
        let _ = writeln!(text, "source = {}", quoted(page));
    }
    let note = quoted(&format!("from {}", change.sources.join(" and ")));
    let _ = writeln!(text, "checked = {today}\nbasis = \"import\"\nnote = {note}");
    if let Some(free) = row.and_then(|row| row.free.as_ref()) {
        let _ = writeln!(text, "free = {}", quoted(free));
    } else {
        list(&mut text, "free", row.map(|row| row.quotas.iter().map(quota_text).collect()).unwrap_or_default());
    }
    for (meter, price) in &draft.rates {
        let old = change.figures.iter().find(|f| f.figure.is_base() && f.figure.meter == Some(*meter));
        let note = old.and_then(|f| f.old.as_ref()).map(|old| format!("  # was {old}")).unwrap_or_default();
        let _ = writeln!(text, "{meter} = {}{note}", price_text(price));
    }
    if let Some(cache) = row.and_then(|row| row.cache_min_tokens) {
        let _ = writeln!(text, "cache_min_tokens = {cache}");
    }
    list(&mut text, "context", draft.context.iter().map(tier_text).collect());
    list(&mut text, "when", draft.when.iter().map(when_text).collect());
    for (figure, quote) in look {
        let _ = writeln!(text, "# look: the list says {} for {figure}", figure.text(quote.amount, quote.unit));
    }
    text
}

/// A price as a person writes it: dollars per million tokens are bare numbers, other meters are names.
fn price_text(price: &str) -> String {
    match price.strip_suffix(" / 1M tokens") {
        Some(number) if !number.contains('(') && !number.contains('/') => number.to_owned(),
        _ => quoted(price),
    }
}

fn rates_text(rates: &BTreeMap<Meter, String>) -> Vec<String> {
    rates.iter().map(|(meter, price)| format!("{meter} = {}", price_text(price))).collect()
}

fn quota_text(quota: &Quota) -> String {
    let shared = quota.shared.as_ref().map(|group| format!(", shared = {}", quoted(group))).unwrap_or_default();
    let (meter, per) = (quoted(quota.meter.name()), quoted(&quota.per));
    format!("{{ meter = {meter}, quantity = {}, per = {per}{shared} }}", quota.quantity)
}

fn tier_text(tier: &TierView) -> String {
    let mut parts = Vec::new();
    parts.extend(tier.over.map(|bound| format!("over = {bound}")));
    parts.extend(tier.at_least.map(|bound| format!("at_least = {bound}")));
    parts.extend((tier.scope != "request").then(|| format!("scope = {}", quoted(tier.scope))));
    parts.extend(tier.scale_input.as_ref().map(|by| format!("scale_input = {}", factor(by))));
    parts.extend(tier.scale_output.as_ref().map(|by| format!("scale_output = {}", factor(by))));
    parts.extend(rates_text(&tier.rates));
    format!("{{ {} }}", parts.join(", "))
}

fn when_text(when: &WhenView) -> String {
    let names = |meters: &[Meter]| meters.iter().map(|meter| quoted(meter.name())).collect::<Vec<_>>().join(", ");
    let mut parts: Vec<String> = when
        .on
        .iter()
        .map(|(axis, values)| match values.as_slice() {
            [one] => format!("{axis} = {}", quoted(one)),
            many => format!("{axis} = [{}]", many.iter().map(|one| quoted(one)).collect::<Vec<_>>().join(", ")),
        })
        .collect();
    parts.extend(when.scale.as_ref().map(|by| format!("scale = {}", factor(by))));
    parts.extend((!when.keep.is_empty()).then(|| format!("keep = [{}]", names(&when.keep))));
    parts.extend(when.only.as_ref().map(|only| format!("only = [{}]", names(only))));
    parts.extend(rates_text(&when.rates));
    if !when.rates.is_empty() {
        parts.push(format!("context = [{}]", when.context.iter().map(tier_text).collect::<Vec<_>>().join(", ")));
    }
    format!("{{ {} }}", parts.join(", "))
}

fn list(text: &mut String, key: &str, items: Vec<String>) {
    match items.as_slice() {
        [] => {}
        [one] => {
            let _ = writeln!(text, "{key} = [{one}]");
        }
        many => {
            let _ = writeln!(text, "{key} = [");
            for item in many {
                let _ = writeln!(text, "  {item},");
            }
            text.push_str("]\n");
        }
    }
}

/// `0.5` bare, `1/3` quoted.
fn factor(by: &str) -> String {
    if by.contains('/') { quoted(by) } else { by.to_owned() }
}

/// A basic string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
