//! A stored call priced with another book.

use crate::{Costing, PriceBook, Query, Served, price};
use meter_call::{Buckets, CostLine, Meter, UnixMillis};

/// A call as it was stored.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// Price id of the provider.
    pub provider: &'a str,
    /// When the call ended.
    pub at: UnixMillis,
    /// Its lines, in their order.
    pub lines: &'a [CostLine],
    /// Its conditions.
    pub served: Served<'a>,
}

/// Prices the counts of a stored call anew, at its own time and under its own conditions.
///
/// Where a call had sub-steps, each is priced at its own model and with a prompt of its own; a step ends where a meter comes
/// up again.
pub fn price_again(book: &PriceBook, past: &Past<'_>) -> Costing {
    let attributes = book.attributes(past.provider, &past.served);
    let one = |(model, usage): (&str, Buckets)| {
        price(book, &Query { provider: past.provider, model, at: past.at, usage: &usage, attributes: &attributes })
    };
    Costing::join(steps(past.lines).into_iter().map(one))
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
