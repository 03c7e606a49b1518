//! A stored call priced with another book.

use crate::{Attributes, Axis, Costing, PriceBook, Query, price};
use meter_call::{Buckets, CostLine, Meter, UnixMillis};

/// A call as it was stored.
#[derive(Clone, Debug, Default)]
pub struct Past<'a> {
    /// Price id of the provider.
    pub provider: &'a str,
    /// When the call ended.
    pub at: UnixMillis,
    /// Its lines, in their order.
    pub lines: &'a [CostLine],
    /// Result of a batch.
    pub batched: bool,
    /// `speed` of the answer.
    pub speed: Option<&'a str>,
    /// Tier that was served.
    pub service_tier: Option<&'a str>,
    /// Geography.
    pub geo: Option<&'a str>,
    /// Real provider behind a marketplace.
    pub route: Option<&'a str>,
    /// Reasoning was reported: thinking was on if there was any.
    pub reasoning_known: bool,
}

/// Prices the counts of a stored call anew, at its own time and under its own conditions.
///
/// Conditions that have no column of their own (an image's size, a tier that was only asked for) are read from the names of
/// the factors on the lines. Where a call had sub-steps, each is priced at its own model and with a prompt of its own; a
/// step ends where a meter comes up again.
pub fn price_again(book: &PriceBook, past: &Past<'_>) -> Costing {
    let thinking = past.lines.iter().any(|line| line.meter == Meter::Reasoning && line.quantity > 0);
    let mut attributes = Attributes {
        class: book.class(past.provider, past.batched, past.speed, past.service_tier),
        geo: past.geo.map(str::to_owned),
        route: past.route.map(str::to_owned),
        thinking: past.reasoning_known.then_some(thinking),
        ..Attributes::default()
    };
    for (axis, value) in past.lines.iter().flat_map(|line| &line.multipliers).flat_map(|by| conditions(&by.name)) {
        let place = match axis {
            Axis::Class => &mut attributes.class,
            Axis::Geo => &mut attributes.geo,
            Axis::Route => &mut attributes.route,
            Axis::CacheMode => &mut attributes.cache_mode,
            Axis::SearchContext => &mut attributes.search_context,
            Axis::Size => &mut attributes.size,
            Axis::Quality => &mut attributes.quality,
            Axis::Resolution => &mut attributes.resolution,
            Axis::Window | Axis::Thinking => continue,
        };
        place.get_or_insert_with(|| value.to_owned());
    }
    let one = |(model, usage): (&str, Buckets)| {
        price(book, &Query { provider: past.provider, model, at: past.at, usage: &usage, attributes: &attributes })
    };
    Costing::join(steps(past.lines).into_iter().map(one))
}

/// `class=batch,geo=us` → axes and values.
fn conditions(name: &str) -> impl Iterator<Item = (Axis, &str)> {
    name.split(',').filter_map(|part| {
        let (axis, value) = part.split_once('=')?;
        Some((Axis::named(axis)?, value))
    })
}

/// The counts of each step with its model. Neighbouring lines of one meter, model and unit are bands of one bucket.
fn steps(lines: &[CostLine]) -> Vec<(&str, Buckets)> {
    let mut steps: Vec<(&str, Vec<(Meter, u64)>)> = Vec::new();
    for line in lines {
        match steps.last_mut() {
            Some((model, counts)) if *model == line.model => match counts.iter().position(|(m, _)| *m == line.meter) {
                Some(at) if at + 1 == counts.len() => counts[at].1 = counts[at].1.saturating_add(line.quantity),
                Some(_) => steps.push((&line.model, vec![(line.meter, line.quantity)])),
                None => counts.push((line.meter, line.quantity)),
            },
            _ => steps.push((&line.model, vec![(line.meter, line.quantity)])),
        }
    }
    steps.into_iter().map(|(model, counts)| (model, counts.into_iter().collect())).collect()
}
