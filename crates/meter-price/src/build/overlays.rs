//! Reads `when` entries and finds those that get in each other's way.

use super::prices;
use crate::fault::{FaultKind, Faults};
use crate::row::{Axis, Effect, Overlay, Rates};
use crate::written::{Mark, WhenText, Written};
use meter_call::Meter;
use std::collections::{BTreeMap, BTreeSet};

/// An overlay and its place.
#[derive(Clone, Debug)]
pub(crate) struct PlacedOverlay {
    pub overlay: Overlay,
    pub mark: Mark,
}

/// One entry, against the row it changes; `tiered` = the row has context tiers.
pub(super) fn overlay(
    when: &WhenText,
    base: &Rates,
    tiered: bool,
    windows: &BTreeMap<String, crate::window::Window>,
    faults: &mut Faults,
) -> Option<PlacedOverlay> {
    let on = conditions(when, windows, faults)?;
    if on.is_empty() {
        faults.push(FaultKind::BadOverlay, when.mark, "nothing says when this holds");
        return None;
    }
    let effect = match (&when.scale, when.rates.is_empty()) {
        (Some(scale), true) if when.context.is_none() => {
            let by = prices::factor(scale, faults)?;
            let meters = |list: &[Written<Meter>]| list.iter().map(|meter| meter.value).collect();
            if when.only.is_some() && !when.keep.is_empty() {
                faults.push(FaultKind::BadOverlay, when.mark, "`keep` and `only` contradict each other");
                return None;
            }
            Effect::Scale { by, keep: meters(&when.keep), only: when.only.as_deref().map(meters) }
        }
        (None, false) => absolute(when, base, tiered, faults)?,
        _ => {
            let message = "an overlay has either `scale` or prices of its own (and their `context`)";
            faults.push(FaultKind::BadOverlay, when.mark, message);
            return None;
        }
    };
    Some(PlacedOverlay { overlay: Overlay { on, effect }, mark: when.mark })
}

fn absolute(when: &WhenText, base: &Rates, tiered: bool, faults: &mut Faults) -> Option<Effect> {
    if !when.keep.is_empty() || when.only.is_some() {
        faults.push(FaultKind::BadOverlay, when.mark, "`keep` and `only` go with `scale`");
        return None;
    }
    let rates = prices::rates(&when.rates, when.free.is_some(), faults);
    let tokens = rates.token_meters().next().is_some();
    if tokens {
        prices::lacks(base, &rates, when.mark, "the overlay", faults);
    }
    if tokens && tiered && when.context.is_none() {
        faults
            .push(FaultKind::LacksContext, when.mark, "the row has context tiers and these prices say nothing of them")
            .help("add their own `context`; `context = []` if long prompts cost the same");
    }
    let context = prices::tiers(when.context.as_deref().unwrap_or_default(), &rates, when.free.is_some(), faults);
    Some(Effect::Rates { rates, context })
}

fn conditions(
    when: &WhenText,
    windows: &BTreeMap<String, crate::window::Window>,
    faults: &mut Faults,
) -> Option<BTreeMap<Axis, BTreeSet<String>>> {
    let mut on = BTreeMap::new();
    for (key, values) in &when.on {
        let Some(axis) = Axis::named(&key.value) else {
            let known = Axis::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            let message = format!("there is no condition `{}`", key.value);
            faults.push(FaultKind::UnknownCondition, key.mark, message).help(format!("one of: {known}"));
            return None;
        };
        let unknown = |value: &&Written<String>| axis == Axis::Window && !windows.contains_key(&value.value);
        if let Some(value) = values.iter().find(unknown) {
            let message = format!("there is no window `{}`", value.value);
            let known = windows.keys().map(String::as_str);
            faults.push(FaultKind::UnknownWindow, value.mark, message).nearest(&value.value, known);
            return None;
        }
        if values.is_empty() {
            faults.push(FaultKind::BadOverlay, key.mark, format!("`{}` names no value", key.value));
            return None;
        }
        on.insert(axis, values.iter().map(|value| value.value.clone()).collect());
    }
    Some(on)
}

/// Reports every meter that two overlays of equal specificity set for the same call.
pub(super) fn clashes(base: &Rates, overlays: &[PlacedOverlay], faults: &mut Faults) {
    for (index, second) in overlays.iter().enumerate() {
        for first in &overlays[..index] {
            let Some(meter) = clash(base, &first.overlay, &second.overlay) else { continue };
            // The same pair stands in every row that uses a shared profile; once is enough.
            let known = faults.0.iter().any(|fault| {
                fault.kind == FaultKind::SetTwice
                    && fault.mark == second.mark
                    && fault.other.as_ref().is_some_and(|(mark, _)| *mark == first.mark)
            });
            if !known {
                faults
                    .push(FaultKind::SetTwice, second.mark, format!("`{meter}` is set twice for the same calls"))
                    .other(first.mark, "also set here")
                    .help("make one of the two more specific, or its values different");
            }
        }
    }
}

fn clash(base: &Rates, first: &Overlay, second: &Overlay) -> Option<Meter> {
    let exclusive =
        first.on.iter().any(|(axis, values)| second.on.get(axis).is_some_and(|others| values.is_disjoint(others)));
    if exclusive || first.on.len() != second.on.len() {
        return None;
    }
    let same_axes = first.on.keys().eq(second.on.keys());
    let both_absolute = matches!((&first.effect, &second.effect), (Effect::Rates { .. }, Effect::Rates { .. }));
    // Factors on different axes are meant to be multiplied; absolute prices cannot be.
    if !same_axes && !both_absolute {
        return None;
    }
    let touches = |overlay: &Overlay, meter: Meter| match &overlay.effect {
        Effect::Rates { rates, .. } => rates.get(meter).is_some(),
        scale @ Effect::Scale { .. } => scale.scales(meter, meter).is_some(),
    };
    let mut meters: BTreeSet<Meter> = base.0.keys().copied().collect();
    for overlay in [first, second] {
        if let Effect::Rates { rates, .. } = &overlay.effect {
            meters.extend(rates.0.keys());
        }
    }
    meters.into_iter().find(|meter| touches(first, *meter) && touches(second, *meter))
}
