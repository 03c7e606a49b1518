//! What metered calls would have cost otherwise: as another class or in another geography, at the day's other price, or at the
//! prices in force now. A cause that says so has to give the amount that was billed.

use super::DAY_MS;
use crate::failure::Failure;
use crate::open;
use crate::past::past;
use meter_call::{Billing, EndpointClass, Evidence, UnixMillis};
use meter_price::{Past, PriceBook, Served, parse_instant, price_again};
use meter_reconcile::{AsIf, Cause, Metered};
use meter_store::{CallDetail, CallQuery, Range, Reader, rfc3339};
use std::collections::{BTreeMap, BTreeSet};

/// Calls per page.
const CHUNK: usize = 500;

/// Day (UTC, ISO) and model, as rows name it.
type Key = (String, String);

/// Adds to what was metered of these days and models what it would have cost otherwise, call by call and each under its own
/// conditions.
pub fn fill(
    reader: &Reader,
    book: &PriceBook,
    (provider, range): (&str, Range),
    wanted: &BTreeSet<Key>,
    metered: &mut BTreeMap<Key, Metered>,
) -> Result<(), Failure> {
    let mut apart: BTreeMap<Key, Vec<(Cause, i128)>> = BTreeMap::new();
    let mut query = CallQuery { range, provider: Some(provider.to_owned()), limit: CHUNK, ..CallQuery::default() };
    loop {
        let page = reader.calls(&query).map_err(open::unreadable)?;
        for row in page.items {
            let day: String = rfc3339(row.requested_at).chars().take(10).collect();
            let key = (day, row.model.clone().unwrap_or_default());
            let priced = row.class == EndpointClass::Costed && row.billing == Billing::Api && row.charged.is_some();
            if !priced || row.evidence == Evidence::ProviderCost || !wanted.contains(&key) {
                continue;
            }
            let Some(detail) = reader.call(row.id).map_err(open::unreadable)? else { continue };
            let sums = apart.entry(key).or_default();
            for (cause, more) in otherwise(book, &detail) {
                match sums.iter_mut().find(|(known, _)| *known == cause) {
                    Some((_, sum)) => *sum += more,
                    None => sums.push((cause, more)),
                }
            }
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    for (key, sums) in apart {
        let Some(day) = metered.get_mut(&key) else { continue };
        let as_if = |(cause, more): (Cause, i128)| AsIf { cause, charged_pico: day.charged_pico + more };
        day.as_if = sums.into_iter().filter(|(_, more)| *more != 0).map(as_if).collect();
    }
    Ok(())
}

/// How much more the call would have cost if a cause held.
fn otherwise(book: &PriceBook, detail: &CallDetail) -> Vec<(Cause, i128)> {
    let row = &detail.row;
    let (Some(past), Some(charged)) = (past(book, detail), row.charged) else { return Vec::new() };
    let Past { provider, at: ended, served, .. } = past;
    let mut found = Vec::new();
    let mut add = |cause: Cause, at: UnixMillis, served: Served<'_>| {
        let costing = price_again(book, &Past { at, served, ..past });
        if let (Some(amount), true) = (costing.contract, costing.unpriced.is_empty()) {
            found.push((cause, i128::from(amount) - i128::from(charged)));
        }
    };
    add(Cause::PricesNow, ended, served);
    let Some(view) = book.view(provider, row.model.as_deref().unwrap_or_default(), ended) else { return found };
    let class = book.class(provider, served.batched, served.speed, served.service_tier);
    let batches = book.class(provider, true, None, None);
    for (axis, value) in conditions_of(&view, ended) {
        let cause = Cause::BilledAs { axis: axis.to_owned(), value: value.clone(), share: None };
        let plain = Served { speed: None, service_tier: None, ..served };
        match axis {
            "geo" if served.geo != Some(value.as_str()) => add(cause, ended, Served { geo: Some(&value), ..served }),
            "class" if class.is_none() && batches.as_ref() == Some(&value) => {
                add(cause, ended, Served { batched: true, ..plain });
            }
            "class" if class.is_none() => add(cause, ended, Served { service_tier: Some(&value), ..plain }),
            _ => {}
        }
    }
    // Nothing but the standard class, where it was another.
    if class.is_some() {
        let standard = Cause::BilledAs { axis: "class".to_owned(), value: "standard".to_owned(), share: None };
        add(standard, ended, Served { batched: false, speed: None, service_tier: None, ..served });
    }
    // The other price of a day on which it changed.
    let midnight = parse_instant(&rfc3339(row.requested_at)[..10]).unwrap_or(ended);
    let ends = [midnight, UnixMillis(midnight.0 + DAY_MS - 1)];
    let rows = ends.map(|at| view.row_at(at));
    if rows[0].map(|row| &row.price_id) != rows[1].map(|row| &row.price_id) {
        for (at, row) in ends.into_iter().zip(rows) {
            if let Some(row) = row {
                add(Cause::PriceChange { from: row.from.clone() }, at, served);
            }
        }
    }
    found
}

/// The classes and geographies that the price of that time knows.
fn conditions_of(view: &meter_price::ModelView, at: UnixMillis) -> BTreeSet<(&'static str, String)> {
    let whens = view.row_at(at).into_iter().flat_map(|row| &row.when);
    whens
        .flat_map(|when| &when.on)
        .filter(|(axis, _)| ["class", "geo"].contains(axis))
        .flat_map(|(axis, values)| values.iter().map(|value| (*axis, value.clone())))
        .collect()
}
