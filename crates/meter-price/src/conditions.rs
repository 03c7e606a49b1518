//! Which overlays of a row hold for a call.

use crate::row::{Axis, Effect, Overlay, Rates, Row, Tier};
use crate::window::Within;
use crate::{Attributes, Factor, Query};
use meter_call::Meter;
use std::collections::BTreeSet;

/// The overlays that hold, each with its conditions as they were met (`class=batch,geo=us`), in the order bills print them.
#[derive(Debug, Default)]
pub(crate) struct Held<'a>(Vec<(&'a Overlay, String)>);

impl<'a> Held<'a> {
    /// Those of `row`; what had to be assumed goes to `guesses`.
    pub fn of(row: &'a Row, query: &Query<'_>, class: Option<&str>, guesses: &mut Vec<String>) -> Held<'a> {
        let mut held = Vec::new();
        for overlay in &row.when {
            if let Some(name) = met(overlay, row, query, class, guesses) {
                held.push((overlay, name));
            }
        }
        // A product has no order; a printed one does.
        held.sort_by_key(|(overlay, _)| overlay.on.keys().copied().collect::<Vec<_>>());
        Held(held)
    }

    /// The prices and tiers of the most specific overlay with a price of its own for the meter.
    pub fn best(&self, meter: Meter) -> Option<(&'a Rates, &'a [Tier])> {
        let absolute = self.0.iter().filter_map(|(overlay, _)| match &overlay.effect {
            Effect::Rates { rates, context } => rates.get(meter).map(|_| (overlay.on.len(), rates, context.as_slice())),
            Effect::Scale { .. } => None,
        });
        absolute.max_by_key(|(axes, ..)| *axes).map(|(_, rates, context)| (rates, context))
    }

    /// Every factor on a bucket that is priced as `priced_as`.
    pub fn factors(&self, bucket: Meter, priced_as: Meter) -> impl Iterator<Item = (&str, &'a Factor)> {
        self.0
            .iter()
            .filter_map(move |(overlay, name)| Some((name.as_str(), overlay.effect.scales(bucket, priced_as)?)))
    }
}

/// The conditions of an overlay with the values that met them; `None` when one was not met.
fn met(
    overlay: &Overlay,
    row: &Row,
    query: &Query<'_>,
    class: Option<&str>,
    guesses: &mut Vec<String>,
) -> Option<String> {
    // The time comes last: what a window has to assume does not matter where another condition fails anyway.
    for (axis, wanted) in overlay.on.iter().filter(|(axis, _)| **axis != Axis::Window) {
        value(*axis, wanted, query.attributes, class)?;
    }
    let mut name = String::new();
    for (axis, wanted) in &overlay.on {
        let value = match axis {
            Axis::Window => wanted.iter().find(|window| in_window(row, window, query, guesses))?,
            axis => value(*axis, wanted, query.attributes, class)?,
        };
        if !name.is_empty() {
            name.push(',');
        }
        name.push_str(axis.name());
        name.push('=');
        name.push_str(value);
    }
    Some(name)
}

/// The value of an axis other than the time, if it is one of those wanted.
fn value<'q>(
    axis: Axis,
    wanted: &BTreeSet<String>,
    attributes: &'q Attributes,
    class: Option<&'q str>,
) -> Option<&'q str> {
    let Attributes { geo, route, search_context, size, quality, resolution, cache_mode, thinking, .. } = attributes;
    let known = match axis {
        Axis::Class => class,
        Axis::Geo => geo.as_deref(),
        Axis::Route => route.as_deref(),
        Axis::Thinking => thinking.map(|on| if on { "true" } else { "false" }),
        Axis::CacheMode => cache_mode.as_deref(),
        Axis::SearchContext => search_context.as_deref(),
        Axis::Size => size.as_deref(),
        Axis::Quality => quality.as_deref(),
        Axis::Resolution => resolution.as_deref(),
        Axis::Window => None,
    };
    known.filter(|value| wanted.contains(*value))
}

fn in_window(row: &Row, name: &str, query: &Query<'_>, guesses: &mut Vec<String>) -> bool {
    match row.windows.get(name).map(|window| window.at(name, query.at)) {
        Some(Within::Yes) => true,
        Some(Within::No) | None => false,
        Some(Within::Guess(inside, reason)) => {
            if !guesses.contains(&reason) {
                guesses.push(reason);
            }
            inside
        }
    }
}
