//! Models that cost the same as another, perhaps of another provider.

use super::merge::{MergedModel, MergedProvider};
use super::overlays::{self, PlacedOverlay};
use super::rows::{self, ResolvedRow};
use super::{ResolvedModel, instant_of};
use crate::fault::{FaultKind, Faults};
use crate::row::{Axis, Effect, PricedRow, is_own_work};
use std::collections::BTreeMap;
use std::sync::Arc;

/// `like` of `like` of `like` is as far as anyone can follow.
const DEPTH_MAX: usize = 3;

type Merged = BTreeMap<String, MergedProvider>;
type Resolved = BTreeMap<String, Vec<ResolvedModel>>;

/// The rows of every model that takes over another's, by provider and index of the model.
pub(super) fn finished<'a>(
    merged: &'a Merged,
    resolved: &Resolved,
    faults: &mut Faults,
) -> BTreeMap<(&'a str, usize), Vec<ResolvedRow>> {
    let mut finished = BTreeMap::new();
    for (provider, files) in merged {
        for (index, _) in files.models.iter().enumerate().filter(|(_, model)| model.like.is_some()) {
            let rows = take(provider, index, merged, resolved, 0, faults).unwrap_or_default();
            finished.insert((provider.as_str(), index), rows);
        }
    }
    finished
}

/// Rows with their ids.
pub(super) fn priced(rows: Vec<ResolvedRow>) -> Vec<Arc<PricedRow>> {
    rows.into_iter().map(|resolved| Arc::new(PricedRow::new(resolved.row, resolved.user))).collect()
}

fn take(
    provider: &str,
    index: usize,
    merged: &Merged,
    resolved: &Resolved,
    depth: usize,
    faults: &mut Faults,
) -> Option<Vec<ResolvedRow>> {
    let model = merged.get(provider)?.models.get(index)?;
    let own = resolved.get(provider)?.get(index)?;
    let Some(like) = &model.like else { return Some(own.rows.clone()) };
    if depth == DEPTH_MAX {
        let known = faults.0.iter().any(|fault| fault.kind == FaultKind::LikeTooDeep && fault.mark == like.mark);
        if !known {
            let message = format!("`like` is followed {DEPTH_MAX} times at most, and never in a circle");
            faults.push(FaultKind::LikeTooDeep, like.mark, message);
        }
        return None;
    }
    let target = like.value.split_once('/').and_then(|(provider, id)| {
        let models = &merged.get(provider)?.models;
        Some((provider, models.iter().position(|model| model.id.value == id)?))
    });
    let Some((other, at)) = target else {
        if depth == 0 {
            let message = format!("there is no model `{}`", like.value);
            faults.push(FaultKind::UnknownTarget, like.mark, message).help("write \"provider/model id\"");
        }
        return None;
    };
    let inherited = take(other, at, merged, resolved, depth + 1, faults)?;
    let mut rows = adapt(provider, merged.get(provider)?, model, own, inherited, faults);
    // A row of its own beats one taken over.
    rows.retain(|row| !own.rows.iter().any(|mine| mine.row.from == row.row.from));
    rows.extend(own.rows.iter().cloned());
    rows.sort_by_key(|row| row.row.from);
    Some(rows)
}

/// Another model's rows under this one's name: without fees and dropped axes, cut at `from`, with own overlays in the
/// place of inherited ones.
fn adapt(
    provider: &str,
    files: &MergedProvider,
    model: &MergedModel,
    own: &ResolvedModel,
    inherited: Vec<ResolvedRow>,
    faults: &mut Faults,
) -> Vec<ResolvedRow> {
    let mut dropped = Vec::new();
    for name in &model.drop {
        match Axis::named(&name.value) {
            Some(axis) => dropped.push(axis),
            None => {
                let message = format!("there is no condition `{}` to drop", name.value);
                faults.push(FaultKind::UnknownCondition, name.mark, message);
            }
        }
    }
    // The shared overlays of an own row were read there already; here a missing profile is not said again.
    let shared = rows::shared(files, model, &mut Faults::default());
    let cut = model.from.as_ref().and_then(|from| instant_of(from, faults));
    let mut rows = Vec::new();
    for (index, ResolvedRow { mut row, overlays: theirs, user }) in inherited.iter().cloned().enumerate() {
        if let Some(cut) = cut {
            // One that ends before, or that a later one hides for as long as it holds, is never asked for.
            let hides = |later: &ResolvedRow| {
                later.row.from <= cut
                    && later.row.until.is_none_or(|end| row.until.is_some_and(|hidden_end| hidden_end <= end))
            };
            if row.until.is_some_and(|end| end <= cut) || inherited[index + 1..].iter().any(hides) {
                continue;
            }
            row.from = row.from.max(cut);
        }
        row.like = Some(format!("{}/{}", row.provider, row.model));
        row.provider = provider.to_owned();
        row.model = model.id.value.clone();
        row.rates.0.retain(|meter, _| is_own_work(*meter));
        row.quotas.retain(|quota| is_own_work(quota.meter));
        let mine = rows::own_overlays(&shared, &row, &own.windows, faults);
        let mut overlays: Vec<_> = theirs
            .into_iter()
            .filter(|placed| !placed.overlay.on.keys().any(|axis| dropped.contains(axis)))
            .filter_map(|placed| without_fees(beside_own(placed, &mine)?))
            .collect();
        let mut windows = rows::used_windows(&overlays, &row.windows);
        windows.extend(rows::used_windows(&mine, &own.windows));
        row.windows = windows;
        overlays.extend(mine);
        overlays::clashes(&row.rates, &overlays, faults);
        row.when = overlays.iter().map(|placed| placed.overlay.clone()).collect();
        rows.push(ResolvedRow { row, overlays, user });
    }
    rows
}

/// An inherited overlay beside the model's own: own ones about the geography take the place of all inherited ones about it,
/// others of those for the same values. `None` when nothing is left.
fn beside_own(mut placed: PlacedOverlay, mine: &[PlacedOverlay]) -> Option<PlacedOverlay> {
    let on = &mut placed.overlay.on;
    for own in mine.iter().map(|own| &own.overlay.on) {
        if own.contains_key(&Axis::Geo) && on.contains_key(&Axis::Geo) {
            return None;
        }
        if !own.keys().eq(on.keys()) || own.iter().any(|(axis, values)| values.is_disjoint(&on[axis])) {
            continue;
        }
        let [values] = on.values_mut().collect::<Vec<_>>().try_into().ok()?;
        values.retain(|value| !own.values().any(|taken| taken.contains(value)));
        if values.is_empty() {
            return None;
        }
    }
    Some(placed)
}

/// An inherited overlay without prices of tools; `None` when nothing is left.
fn without_fees(mut placed: PlacedOverlay) -> Option<PlacedOverlay> {
    if let Effect::Rates { rates, .. } = &mut placed.overlay.effect {
        rates.0.retain(|meter, _| is_own_work(*meter));
        if rates.0.is_empty() {
            return None;
        }
    }
    Some(placed)
}
