//! Writes a proposal as TOML: a change is a new row, comments and order of a file stay.

mod draft;
mod print;

use crate::figure::{Figure, Quote};
use crate::ours::Ours;
use crate::propose::{Change, rounds_to};
use draft::Draft;
use meter_call::UnixMillis;
use meter_price::{FEES, ModelView, PriceBook, RowView, parse_instant};
use print::{print, quoted};
use std::collections::BTreeMap;

/// The file with a new row for every change. `existing` is the file as it is, `None` for a new one. A row takes what the
/// list does not say from the one that holds in `book`. `load` reads the file again: what would still be charged otherwise
/// than the list says stands behind the row as a comment, for a person to write.
///
/// # Errors
/// What `load` says of the text.
pub fn edit<E>(
    book: &PriceBook,
    existing: Option<&str>,
    provider: &str,
    changes: &[&Change],
    today: &str,
    load: impl Fn(&str) -> Result<PriceBook, E>,
) -> Result<String, E> {
    let nothing = BTreeMap::new();
    let text = written(book, existing, provider, changes, today, &nothing);
    let loaded = load(&text)?.at_list();
    let mut left: BTreeMap<(&str, &str), Vec<(Figure, Quote)>> = BTreeMap::new();
    for change in changes {
        let ours = Ours { book: &loaded, provider, model: &change.model, at: instant(change, today) };
        let unmet = change.listed.iter().filter(|(figure, quote)| {
            let charged = ours.quote(figure);
            !charged.is_some_and(|now| now.amount == quote.amount || rounds_to(figure, now.amount, quote.amount))
        });
        let unmet: Vec<(Figure, Quote)> = unmet.map(|(figure, quote)| (figure.clone(), *quote)).collect();
        if !unmet.is_empty() {
            left.insert((&change.model, &change.from), unmet);
        }
    }
    if left.is_empty() {
        return Ok(text);
    }
    let text = written(book, existing, provider, changes, today, &left);
    load(&text)?;
    Ok(text)
}

fn instant(change: &Change, today: &str) -> UnixMillis {
    let of = |text: &str| parse_instant(text).unwrap_or(UnixMillis(0));
    of(&change.from).max(of(today))
}

fn written(
    book: &PriceBook,
    existing: Option<&str>,
    provider: &str,
    changes: &[&Change],
    today: &str,
    left: &BTreeMap<(&str, &str), Vec<(Figure, Quote)>>,
) -> String {
    let mut text = existing.map_or_else(|| format!("schema = 1\nprovider = \"{provider}\"\n"), str::to_owned);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    for change in changes {
        let at = instant(change, today);
        let fees = change.model == FEES;
        let view: Option<ModelView> = if fees { book.fees(provider) } else { book.view(provider, &change.model, at) };
        let row: Option<&RowView> = view.as_ref().and_then(|view| view.row_at(at));
        let mut draft = Draft::of(row, view.as_ref());
        draft.take(change);
        let look = left.get(&(change.model.as_str(), change.from.as_str())).map(Vec::as_slice).unwrap_or_default();
        let row = print(&draft, change, row, look, today, fees);
        let id = view.as_ref().map_or(change.model.as_str(), |view| view.id.as_str());
        let end = if fees { end_of_fees(&text) } else { end_of_model(&text, id) };
        match end {
            Some(end) => text.insert_str(end, &format!("\n{row}")),
            None if fees => text.push_str(&format!("\n{row}")),
            None => text.push_str(&format!("\n[[model]]\nid = {}\n\n{row}", quoted(id))),
        }
    }
    text
}

/// Where the table of a model ends: behind its last line, before the blank lines and comments that lead to the next table.
fn end_of_model(text: &str, id: &str) -> Option<usize> {
    let wanted = [format!("id = {}", quoted(id)), format!("id = '{id}'")];
    let is_id = |bare: &str| wanted.iter().any(|wanted| bare == wanted || bare.starts_with(&format!("{wanted} ")));
    end_of(text, "[[model]]", "model.", is_id)
}

/// Where the last table of fees ends.
fn end_of_fees(text: &str) -> Option<usize> {
    let start = text.rfind("\n[[fees]]").map(|at| at + 1).or_else(|| text.starts_with("[[fees]]").then_some(0))?;
    end_of(&text[start..], "[[fees]]", "fees.", |_| true).map(|end| start + end)
}

/// The end of the first table `[[head]]` with a line that `wanted` knows; tables whose names begin with `inner` are of it.
fn end_of(text: &str, head: &str, inner: &str, wanted: impl Fn(&str) -> bool) -> Option<usize> {
    let mut offset = 0;
    let (mut inside, mut found, mut end) = (false, false, 0);
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        if line.starts_with('[') && !bare.trim_start_matches('[').starts_with(inner) {
            if found {
                return Some(end);
            }
            inside = bare.starts_with(head);
        }
        if inside && wanted(bare) {
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

    #[test]
    fn a_fee_goes_behind_the_last_fees() {
        let text = "schema = 1\n[[fees]]\nfrom = 2026-01-01\nquery = \"1 / query\"\n\n[[fees]]\nfrom = 2026-02-01\nquery = \"2 / query\"\n\n[tiers]\nx = \"\"\n";
        let end = end_of_fees(text).unwrap();
        assert!(text[..end].ends_with("\"2 / query\"\n") && text[end..].starts_with("\n[tiers]"));
        assert_eq!(end_of_fees("schema = 1\n"), None);
    }
}
