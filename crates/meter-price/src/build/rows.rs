//! Resolves one dated row: prices, tiers, profiles, windows.

use super::merge::{MergedModel, MergedProvider, MergedRow};
use super::overlays::{self, PlacedOverlay};
use super::{prices, span_of};
use crate::fault::{FaultKind, Faults};
use crate::instant;
use crate::row::{Axis, Quota, Row};
use crate::window::Window;
use crate::written::{Layer, Mark, QuotaText, WhenText, Written};
use std::collections::BTreeMap;

/// A row with what is still needed to take it over elsewhere and to report on it.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedRow {
    pub row: Row,
    pub overlays: Vec<PlacedOverlay>,
    pub user: bool,
}

const BASES: [&str; 3] = ["announced", "observed", "import"];

/// The model's own rows, by `from`.
pub(super) fn rows(
    provider: &str,
    files: &MergedProvider,
    model: &MergedModel,
    windows: &BTreeMap<String, Window>,
    faults: &mut Faults,
) -> Vec<ResolvedRow> {
    let shared = shared(files, model, faults);
    let mut rows: Vec<ResolvedRow> = model
        .rows
        .iter()
        .filter_map(|written| row(provider, &model.id.value, files, written, (&model.uses, &shared), windows, faults))
        .collect();
    rows.sort_by_key(|resolved| resolved.row.from);
    rows
}

/// The overlays of all rows of a model: its profiles' and its own.
pub(super) fn shared(files: &MergedProvider, model: &MergedModel, faults: &mut Faults) -> Vec<WhenText> {
    let mut shared = profiles(files, &model.uses, faults);
    shared.extend(model.when.iter().cloned());
    shared
}

/// Their conditions.
pub(super) fn shared_conditions(files: &MergedProvider, model: &MergedModel) -> Vec<BTreeMap<Axis, Vec<String>>> {
    // What is wrong with them was said where the rows were read.
    let on = |when: WhenText| {
        let of = |(name, values): (Written<String>, Vec<Written<String>>)| {
            Some((Axis::named(&name.value)?, values.into_iter().map(|value| value.value).collect()))
        };
        when.on.into_iter().filter_map(of).collect()
    };
    shared(files, model, &mut Faults::default()).into_iter().map(on).collect()
}

fn profiles(files: &MergedProvider, names: &[Written<String>], faults: &mut Faults) -> Vec<WhenText> {
    let mut overlays = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if names[..at].iter().any(|known| known.value == name.value) {
            continue;
        }
        match files.profiles.get(&name.value) {
            Some(when) => overlays.extend(when.iter().cloned()),
            None => {
                let known = files.profiles.keys().map(String::as_str);
                let message = format!("there is no profile `{}`", name.value);
                faults.push(FaultKind::UnknownProfile, name.mark, message).nearest(&name.value, known);
            }
        }
    }
    overlays
}

fn quotas(written: &[QuotaText], faults: &mut Faults) -> Vec<Quota> {
    const SPANS: [&str; 3] = ["minute", "day", "month"];
    for quota in written.iter().filter(|quota| !SPANS.contains(&quota.per.value.as_str())) {
        let message = format!("`{}` is no span of a quota", quota.per.value);
        faults.push(FaultKind::UnknownWord, quota.per.mark, message).help(format!("one of: {}", SPANS.join(", ")));
    }
    let quota = |written: &QuotaText| Quota {
        meter: written.meter.value,
        quantity: written.quantity,
        per: written.per.value.clone(),
        shared: written.shared.clone(),
    };
    written.iter().map(quota).collect()
}

/// One row. `uses` are the profiles of its model, `shared` their overlays and its own.
pub(super) fn row(
    provider: &str,
    model: &str,
    files: &MergedProvider,
    written: &MergedRow,
    (uses, shared): (&[Written<String>], &[WhenText]),
    windows: &BTreeMap<String, Window>,
    faults: &mut Faults,
) -> Option<ResolvedRow> {
    let MergedRow { row: text, source, checked, layer } = written;
    let (from, until) = span_of(&text.from, text.until.as_ref(), faults)?;
    if let Some(checked) = checked.as_ref().filter(|checked| instant::date(&checked.value).is_none()) {
        faults.push(FaultKind::BadInstant, checked.mark, format!("`{}` is no date", checked.value));
    }
    if let Some(basis) = text.basis.as_deref().filter(|basis| !BASES.contains(basis)) {
        let message = format!("`{basis}` is no basis");
        faults.push(FaultKind::UnknownWord, text.mark, message).help(format!("one of: {}", BASES.join(", ")));
    }
    let free = text.free.is_some();
    let rates = prices::rates(&text.rates, free, faults);
    let context = prices::tiers(&text.context, &rates, free, faults);
    // What the whole model uses already stands among `shared`.
    let own: Vec<Written<String>> =
        text.uses.iter().filter(|name| !uses.iter().any(|used| used.value == name.value)).cloned().collect();
    let profiles = profiles(files, &own, faults);
    let written = profiles.iter().chain(shared).chain(&text.when);
    let overlays: Vec<PlacedOverlay> =
        written.filter_map(|when| overlays::overlay(when, &rates, !context.is_empty(), windows, faults)).collect();
    overlays::clashes(&rates, &overlays, faults);
    let used = used_windows(&overlays, windows);
    for (name, window) in &used {
        if window.0.first().is_some_and(|first| first.from > from) {
            let message = format!("the row begins before window `{name}` is described");
            faults.push(FaultKind::NotCovered, text.from.mark, message);
        }
    }
    let row = Row {
        provider: provider.to_owned(),
        model: model.to_owned(),
        from,
        until,
        source: source.clone(),
        checked: checked.as_ref().map(|checked| checked.value.clone()),
        basis: text.basis.clone(),
        note: text.note.clone(),
        free: text.free.clone(),
        like: None,
        contract: None,
        rates,
        context,
        when: overlays.iter().map(|placed| placed.overlay.clone()).collect(),
        windows: used,
        cache_min_tokens: text.cache_min_tokens,
        quotas: quotas(&text.quotas, faults),
    };
    Some(ResolvedRow { row, overlays, user: *layer == Layer::User })
}

/// The windows that overlays speak of.
pub(super) fn used_windows(overlays: &[PlacedOverlay], windows: &BTreeMap<String, Window>) -> BTreeMap<String, Window> {
    let names = overlays.iter().filter_map(|placed| placed.overlay.on.get(&Axis::Window)).flatten();
    names.filter_map(|name| Some((name.clone(), windows.get(name)?.clone()))).collect()
}

/// Overlays of a model that takes its rows over: its own, read against a row that another file wrote.
pub(super) fn own_overlays(
    when: &[WhenText],
    row: &Row,
    windows: &BTreeMap<String, Window>,
    faults: &mut Faults,
) -> Vec<PlacedOverlay> {
    // Each inherited row reads the same text again: keep only the first report of a fault.
    let before = faults.0.len();
    let read: Vec<_> = when
        .iter()
        .filter_map(|when| overlays::overlay(when, &row.rates, !row.context.is_empty(), windows, faults))
        .collect();
    let repeated = faults.0.split_off(before);
    let known: Vec<(FaultKind, Mark)> = faults.0.iter().map(|fault| (fault.kind, fault.mark)).collect();
    faults.0.extend(repeated.into_iter().filter(|fault| !known.contains(&(fault.kind, fault.mark))));
    read
}
