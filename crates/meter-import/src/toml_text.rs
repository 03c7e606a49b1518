//! Writes a proposal as TOML: a change is a new row, comments and order of a file stay.

use crate::propose::Change;
use meter_call::{Meter, UnixMillis};
use meter_price::{ModelView, RowView, TierView, WhenView};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The file with a new row for every change. `existing` is the file as it is, `None` for a new one; `models` gives what is
/// in force of the changed models by id, from which the new rows take what the list does not say.
pub fn edit(
    existing: Option<&str>,
    provider: &str,
    changes: &[&Change],
    models: &BTreeMap<String, ModelView>,
    today: &str,
    at: UnixMillis,
) -> String {
    let mut text = existing.map_or_else(|| format!("schema = 1\nprovider = \"{provider}\"\n"), str::to_owned);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    for change in changes {
        let row = models.get(&change.model).and_then(|model| model.row_at(at));
        let row = row_text(change, row, today);
        let id = models.get(&change.model).map_or(change.model.as_str(), |model| model.id.as_str());
        match end_of_model(&text, id) {
            Some(end) => text.insert_str(end, &format!("\n{row}")),
            None => {
                let _ = write!(text, "\n[[model]]\nid = {}\n\n{row}", quoted(id));
            }
        }
    }
    text
}

/// One `[[model.rates]]`: what holds today with the new figures in their places.
fn row_text(change: &Change, row: Option<&RowView>, today: &str) -> String {
    let mut rates: BTreeMap<Meter, String> = row.map(|row| row.rates.clone()).unwrap_or_default();
    let mut context: Vec<TierView> = row.map(|row| row.context.clone()).unwrap_or_default();
    let mut later = Vec::new();
    for figure in &change.figures {
        let Some(new) = &figure.new else { continue };
        match (figure.figure.over, &figure.figure.class) {
            (None, None) => drop(rates.insert(figure.figure.meter, format!("{new} / 1M tokens"))),
            (Some(over), None) => {
                let same = |tier: &&mut TierView| {
                    tier.over == Some(over) || tier.at_least == Some(over) || tier.at_least == Some(over + 1)
                };
                match context.iter_mut().find(same) {
                    // A factor on both sides may still be right once the base has changed; the reader of the file sees.
                    Some(tier) if tier.rates.is_empty() => later.push(figure),
                    Some(tier) => drop(tier.rates.insert(figure.figure.meter, format!("{new} / 1M tokens"))),
                    None if row.is_none() => {
                        let mut tier = TierView {
                            over: Some(over),
                            at_least: None,
                            scope: "request",
                            rates: BTreeMap::new(),
                            scale_input: None,
                            scale_output: None,
                        };
                        tier.rates.insert(figure.figure.meter, format!("{new} / 1M tokens"));
                        context.push(tier);
                    }
                    None => later.push(figure),
                }
            }
            (_, Some(_)) => later.push(figure),
        }
    }
    let mut text = format!("[[model.rates]]\nfrom = {}\n", change.from);
    if let Some(page) = &change.page {
        let _ = writeln!(text, "source = {}", quoted(page));
    }
    let _ = writeln!(text, "checked = {today}\nbasis = \"import\"\nnote = {}", quoted(&said_by(change)));
    if let Some(free) = row.and_then(|row| row.free.as_ref()) {
        let _ = writeln!(text, "free = {}", quoted(free));
    }
    for (meter, price) in &rates {
        let old = change
            .figures
            .iter()
            .find(|f| f.figure.over.is_none() && f.figure.class.is_none() && f.figure.meter == *meter);
        let note = old.and_then(|f| f.old.as_ref()).map(|old| format!("  # was {old}")).unwrap_or_default();
        let _ = writeln!(text, "{meter} = {}{note}", price_text(price));
    }
    if let Some(cache) = row.and_then(|row| row.cache_min_tokens) {
        let _ = writeln!(text, "cache_min_tokens = {cache}");
    }
    list(&mut text, "context", context.iter().map(tier_text).collect());
    list(&mut text, "when", row.map(|row| row.when.iter().map(when_text).collect()).unwrap_or_default());
    for figure in later {
        let new = figure.new.as_deref().unwrap_or_default();
        let _ = writeln!(text, "# look: the list says {new} for {}", figure.figure);
    }
    text
}

fn said_by(change: &Change) -> String {
    format!("from {}", change.sources.join(" and "))
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
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Where the table of a model ends: behind its last line, before the blank lines and comments that lead to the next table.
fn end_of_model(text: &str, id: &str) -> Option<usize> {
    let mut offset = 0;
    let (mut inside, mut found, mut end) = (false, false, 0);
    let wanted = [format!("id = {}", quoted(id)), format!("id = '{id}'")];
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let header = line.starts_with('[');
        if header && !bare.starts_with("[[model.") && !bare.starts_with("[model.") {
            if found {
                return Some(end);
            }
            inside = bare.starts_with("[[model]]");
        }
        if inside && wanted.iter().any(|wanted| bare == wanted || bare.starts_with(&format!("{wanted} "))) {
            found = true;
        }
        offset += line.len();
        if !bare.is_empty() && !bare.starts_with('#') {
            end = offset;
        }
    }
    found.then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_goes_behind_its_model_and_before_the_comment_of_the_next() {
        let text = "schema = 1\n\n[[model]]\nid = \"a\"  # first\n\n[[model.rates]]\nfrom = 2026-01-01\ninput = 1\n\n# second\n[[model]]\nid = \"b\"\n";
        let end = end_of_model(text, "a").unwrap();
        assert!(text[..end].ends_with("input = 1\n") && text[end..].starts_with("\n# second"));
        assert_eq!(end_of_model(text, "b"), Some(text.len()));
        assert_eq!(end_of_model(text, "c"), None);
    }
}
