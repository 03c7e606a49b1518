//! What differs between two price books.

use crate::view::{ModelView, RowView};
use crate::{PriceBook, Rate};
use meter_call::Meter;
use meter_money::Ratio;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A model that one of two books has and the other has not, or has otherwise.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ModelChange {
    /// Price id of the provider.
    pub provider: String,
    /// Its id; `[fees]` for the provider's fees.
    pub model: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// Rows that differ, by `from`.
    pub rows: Vec<RowChange>,
}

/// What became of a model or a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Only in the new book.
    Added,
    /// Only in the old one.
    Removed,
    /// In both, and not the same.
    Changed,
}

/// A row that differs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RowChange {
    /// First instant it holds.
    pub from: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// Prices that differ.
    pub rates: Vec<RateChange>,
    /// What differs beside the prices: `context`, `when`, `until`.
    pub also: Vec<&'static str>,
}

/// A price that differs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RateChange {
    /// What it is for.
    pub meter: Meter,
    /// The old text.
    pub old: Option<String>,
    /// The new text.
    pub new: Option<String>,
    /// How much dearer, in per cent with one decimal: `-20.0`; `None` where one of the two is no price.
    pub per_cent: Option<String>,
}

/// Every model that differs, by provider and then in the order of the files. Who checked a row when is no difference.
pub fn diff(old: &PriceBook, new: &PriceBook) -> Vec<ModelChange> {
    let providers: BTreeSet<&str> = old.providers().chain(new.providers()).collect();
    let mut changes = Vec::new();
    for provider in providers {
        let all = |book: &PriceBook| -> Vec<ModelView> {
            book.views(provider).into_iter().chain(book.fees(provider)).collect()
        };
        let (before, after) = (all(old), all(new));
        let known: BTreeMap<&str, &ModelView> = before.iter().map(|model| (model.id.as_str(), model)).collect();
        for model in &after {
            changes.extend(model_change(known.get(model.id.as_str()).copied(), Some(model)));
        }
        let kept: BTreeSet<&str> = after.iter().map(|model| model.id.as_str()).collect();
        changes.extend(
            before.iter().filter(|m| !kept.contains(m.id.as_str())).filter_map(|m| model_change(Some(m), None)),
        );
    }
    changes
}

fn model_change(old: Option<&ModelView>, new: Option<&ModelView>) -> Option<ModelChange> {
    let model = new.or(old)?;
    let rows = |model: Option<&ModelView>| model.map(|model| model.rows.clone()).unwrap_or_default();
    let (before, after) = (rows(old), rows(new));
    let froms: BTreeSet<&str> = before.iter().chain(&after).map(|row| row.from.as_str()).collect();
    let at = |rows: &'_ [RowView], from: &str| rows.iter().find(|row| row.from == from).cloned();
    let rows: Vec<RowChange> =
        froms.iter().filter_map(|from| row_change(from, at(&before, from), at(&after, from))).collect();
    let kind = kind(old.is_some(), new.is_some());
    (kind != ChangeKind::Changed || !rows.is_empty()).then(|| ModelChange {
        provider: model.provider.clone(),
        model: model.id.clone(),
        kind,
        rows,
    })
}

fn row_change(from: &str, old: Option<RowView>, new: Option<RowView>) -> Option<RowChange> {
    let kind = kind(old.is_some(), new.is_some());
    let mut also = Vec::new();
    if let (Some(old), Some(new)) = (&old, &new) {
        also.extend((old.context != new.context).then_some("context"));
        also.extend((old.when != new.when).then_some("when"));
        also.extend((old.until != new.until).then_some("until"));
    }
    let rates = |row: Option<RowView>| row.map(|row| row.rates).unwrap_or_default();
    let (old, new) = (rates(old), rates(new));
    let meters: BTreeSet<Meter> = old.keys().chain(new.keys()).copied().collect();
    let rates: Vec<RateChange> =
        meters.into_iter().filter_map(|meter| rate_change(meter, old.get(&meter), new.get(&meter))).collect();
    (kind != ChangeKind::Changed || !rates.is_empty() || !also.is_empty()).then(|| RowChange {
        from: from.to_owned(),
        kind,
        rates,
        also,
    })
}

fn rate_change(meter: Meter, old: Option<&String>, new: Option<&String>) -> Option<RateChange> {
    let each = |text: Option<&String>| text.and_then(|text| Rate::parse(text).ok()).map(|rate| rate.each());
    let (before, after) = (each(old), each(new));
    if old == new || before.is_some() && before == after {
        return None;
    }
    let per_cent = before.zip(after).and_then(|(before, after)| per_cent(before, after));
    Some(RateChange { meter, old: old.cloned(), new: new.cloned(), per_cent })
}

/// How much more `after` is than `before`, in per cent with one decimal, half to even; `None` from 0 and beyond range.
pub fn per_cent(before: Ratio, after: Ratio) -> Option<String> {
    let tenths = after.sub(before).ok()?.div(before).ok()?.mul(Ratio::whole(1000)).ok()?;
    let tenths = meter_money::half_even(tenths);
    let sign = if tenths < 0 { "-" } else { "+" };
    Some(format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10))
}

const fn kind(old: bool, new: bool) -> ChangeKind {
    match (old, new) {
        (false, _) => ChangeKind::Added,
        (_, false) => ChangeKind::Removed,
        _ => ChangeKind::Changed,
    }
}
